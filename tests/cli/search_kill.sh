#!/bin/sh
# Killed by -9 again and again, a search goes on to the same log: in virtual time, one worker, four, and four that are killed.
# No trial that was told is lost or told another time. usage: search_kill.sh CULL
# TRIALS=1000 EVERY=1 is the long form: so many trials (60), a kill every so many seconds (0.3), and says how many kills there were.
# STORE=postgresql://... keeps the killed study there.
set -u
CULL=$1
TRIALS=${TRIALS:-60} EVERY=${EVERY:-0.3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
STORE=${STORE:-killed.db}
failed=0
wrong() { echo "failed: $*"; failed=1; }
printf 'lr = real(0.001, 1, log)\nwidth = int(1, 64)\n' >space.cull
cat >train <<'END2'
#!/bin/sh
sleep 0.0$(($2 % 4 + 1))
awk -v lr="$1" -v w="$2" 'BEGIN { printf "step=1 error=9 ms=9\n{\"error\": %.9g, \"ms\": %d, \"cost\": %g}\n", (log(lr) + 3) ^ 2, w, 1 + w % 5 }'
END2
chmod +x train
search() { "$CULL" search space.cull --minimize error,ms --method tpe --budget "$TRIALS" --in-order 4 -q "$@" -- ./train {lr} {width} >out; }
# what does not depend on the clock or the process
log() { "$CULL" search export "$1" -q >all.csv && cut -d, -f1-7,10-12 all.csv; }

search --workers 1 --store one.db || { wrong "one worker"; exit 1; }
search --workers 4 --store four.db || wrong "four workers"
log one.db >one.csv
log four.db >four.csv
[ "$(wc -l <one.csv)" = $((TRIALS + 1)) ] || wrong "not $TRIALS trials"
cmp one.csv four.csv || wrong "one worker and four differ"

kills=0 told=0
: >before.csv
while :; do
    search --workers 4 --store "$STORE" &
    run=$!
    sleep "$EVERY"
    pkill -9 -P $run -x cull 2>/dev/null || kill -9 $run 2>/dev/null
    wait $run 2>/dev/null
    code=$?
    [ $code = 137 ] || break
    kills=$((kills + 1))
    log "$STORE" | grep -v ',running,' >after.csv || continue # killed before there was a study
    grep -vxFf after.csv before.csv >lost.csv && wrong "kill $kills: trials that were told are not there: $(cat lost.csv)"
    [ "$(wc -l <after.csv)" -ge "$told" ] || wrong "kill $kills: fewer trials than before"
    told=$(wc -l <after.csv)
    mv after.csv before.csv
    [ $kills -lt 1000 ] || { wrong "1000 kills, and no end"; break; }
    # a machine so busy that nothing is done between two kills
    [ $((kills % 20)) = 0 ] && EVERY=$(awk -v e="$EVERY" 'BEGIN { print e * 2 }')
done
[ $code = 0 ] || wrong "exit $code of a run that was not killed"
search --workers 4 --store "$STORE" --resume || wrong "going on after the end"
log "$STORE" >killed.csv
cmp one.csv killed.csv || { wrong "killed and not killed differ"; diff one.csv killed.csv | head -n 6; }
echo "$TRIALS trials, $kills kills"
[ $kills -ge 2 ] || wrong "only $kills runs were killed"
exit $failed
