#!/bin/sh
# Killed by -9 again and again, a run with --checkpoint goes on to the same bytes. usage: kill.sh CULL
# KILLS=100 kills so often (8) and says how many of the runs after a kill went on from a checkpoint.
set -u
CULL=$1
KILLS=${KILLS:-8}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
awk 'BEGIN { s = 7; for (i = 0; i < 20000; i++) { printf "0"; for (t = 1; t <= 24; t++) { s = (s * 16807) % 2147483647; printf " %d:%d", t, s % 2000 - 1000 } print "" } }' >big.svm
awk 'BEGIN { print "a,b,c,class"; for (i = 0; i < 2000; i++) { x = i * 37 % 101; y = i * 53 % 97; z = i * 71 % 89; print x "," y "," z "," (x > y) + (y > z) } }' >rows.csv
"$CULL" data random -q --budget 100% big.svm -o big.npy && "$CULL" data random -q --budget 300 big.svm -o few.npy || exit 1
failed=0 kills=0 resumed=0 runs=0 seed=1
random() { seed=$((seed * 16807 % 2147483647)); echo $((seed % $1)); }
# a run takes some seconds: what it costs is measured, and kills come at any time of it
command_of() {
    case $1 in
    got-d) echo data got-d big.npy --epsilon 0.003 --tolerance 0.0001 --iterations 1000000 --budget 5% --target few.npy ;;
    kmq) echo data kmq big.npy --clusters 300 --budget 5% ;;
    log-det) echo data log-det big.npy --budget 12% ;;
    cluster) echo cluster big.npy --clusters 500 --iterations 60 ;;
    ticket) echo model ticket mlp:3-64-64-3 rows.csv --val 20% --rounds 12 --steps 600 --sparse 40% --rewind 50 ;;
    esac
}
while [ $kills -lt "$KILLS" ]; do
    for m in got-d ticket log-det kmq cluster; do
        [ $kills -lt "$KILLS" ] || break
        case $m in cluster) out=npy ;; ticket) out=safetensors ;; *) out=json ;; esac
        words="$(command_of $m) --seed $runs"
        began=$(date +%s%N)
        "$CULL" $words -q -o want.$out >/dev/null || { echo "failed: $words"; exit 1; }
        whole=$((($(date +%s%N) - began) / 1000000))
        rm -rf keep got.$out
        before=0
        while :; do
            "$CULL" $words -v --checkpoint keep -o got.$out >/dev/null 2>log &
            run=$!
            at=$((whole / 2 + $(random $((whole / 2 + 1)))))
            sleep "$(printf '%d.%03d' $((at / 1000)) $((at % 1000)))"
            kill -9 $run 2>/dev/null && over=0 || over=1
            wait $run 2>/dev/null && over=1
            [ $before = 1 ] && grep -q 'goes on after step' log && resumed=$((resumed + 1))
            [ $over = 1 ] && break
            kills=$((kills + 1)) before=1
            [ $kills -ge "$KILLS" ] && { "$CULL" $words -v --checkpoint keep -o got.$out >/dev/null 2>log || failed=1
                grep -q 'goes on after step' log && resumed=$((resumed + 1)); break; }
        done
        runs=$((runs + 1))
        if [ $out = json ]; then
            for f in want got; do sed '/"seconds"/d; /"argv"/d; /"peak_bytes"/d' $f.json >$f.txt; done
        else
            for f in want got; do cp $f.$out $f.txt; done
        fi
        cmp want.txt got.txt || { echo "failed: another answer: $words"; failed=1; }
        [ -e keep ] && { echo "failed: the checkpoint is still there"; failed=1; }
        ls | grep -q '\.tmp$' && rm -f ./*.tmp # of the killed; beside the output, not in its place
    done
done
echo "$kills kills in $runs runs; $resumed of the runs after a kill went on from a checkpoint"
# a kill may come before the first checkpoint, on a busy machine more often: of few kills one run at least must have gone on
least=$((kills < 50 ? 1 : kills * 8 / 10))
[ $resumed -ge $least ] || { echo "failed: fewer than $least"; failed=1; }
exit $failed
