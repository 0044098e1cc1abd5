#!/bin/sh
# Programs, real time and signals: processes share a store, Ctrl-C ends what runs, nasty programs. usage: search_processes.sh CULL
set -u
CULL=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
wrong() { echo "failed: $*"; failed=1; }
printf 'lr = real(0.001, 1, log)\nwidth = int(1, 64)\n' >space.cull
cat >train <<'END'
#!/bin/sh
sleep 0.0$(($2 % 4 + 1))
awk -v lr="$1" -v w="$2" 'BEGIN { printf "step=1 error=9 ms=9\n{\"error\": %.9g, \"ms\": %d, \"cost\": %g}\n", (log(lr) + 3) ^ 2, w, 1 + w % 5 }'
END
printf '#!/bin/sh\ntrap "" TERM\necho $$ >>pids\nsleep 60\nsleep 60\n' >stubborn
printf '#!/bin/sh\ntrap "echo ended >>ends; exit 1" TERM\nsleep 60 &\nwait\n' >obedient
printf '#!/bin/sh\necho error=$1 ms=$2\n' >quick
chmod +x quick train stubborn obedient
search() { "$CULL" search space.cull --minimize error,ms --budget 60 -q "$@" -- ./train {lr} {width} >out; }
log() { "$CULL" search export "$1" -q; }

# two processes at one store: no trial is lost, none is twice
search --workers 2 --store shared.db &
search --workers 2 --store shared.db || wrong "shared, the one"
wait $! || wrong "shared, the other"
log shared.db >shared.csv
[ "$(grep -c ',done,\|^[0-9]*,done' shared.csv)" = 60 ] || wrong "shared: not 60 results"
[ "$(cut -d, -f1 shared.csv | sort -u | wc -l)" = 61 ] || wrong "shared: numbers"
[ "$("$CULL" search export shared.db -q | awk -F, 'NR > 1 { print $12 }' | sort -u | wc -l)" -ge 1 ] || wrong "workers"

# who comes to the end of the budget says what still runs in other processes
last() { "$CULL" search space.cull --minimize error --budget 2 --store end.db -- sh -c '[ $0 = 0 ] && sleep 1.5; echo error=1' {trial} {lr} >out 2>"$1"; }
last first &
sleep 0.5
last second || wrong "the end beside another"
grep -q ', 1 still runs elsewhere; 1 here' second || wrong "no word on what still runs: $(cat second)"
wait $! || wrong "the other at the end"
grep -q '2 trials, 0 of them failed; 1 here' first || wrong "and when nothing does: $(cat first)"

# a container's processes have numbers of their own: that theirs are none of here does not mean that they are gone
if unshare -p -f --mount-proc true 2>/dev/null; then
    boxed='echo $0 >>boxed; sleep 0.7; echo error=1'
    unshare -p -f --mount-proc "$CULL" search space.cull --minimize error --budget 4 --workers 2 --store box.db -q -- sh -c "$boxed" {trial} {lr} >out &
    sleep 0.4
    "$CULL" search space.cull --minimize error --budget 4 --workers 2 --store box.db -q -- sh -c "$boxed" {trial} {lr} >out || wrong "beside a container"
    wait $! || wrong "in a container"
    [ "$(sort boxed | tr '\n' ' ')" = "0 1 2 3 " ] || wrong "evaluated beside a container: $(sort boxed | tr '\n' ' ')"
fi

# stop, from another process
"$CULL" search space.cull --minimize error,ms --budget 6000 --workers 2 --store stop.db -q -- ./train {lr} {width} >out &
run=$!
sleep 0.6
"$CULL" search stop stop.db -q || wrong "stop"
wait $run || wrong "a search that was asked to finish"
"$CULL" search status stop.db | grep -q ' running' && wrong "something runs after a stop"

# Ctrl-C: what runs is ended and waits to be run again; a second one ends it at once
interrupted() { env --default-signal=INT "$CULL" search space.cull --minimize error --budget 9 --workers 3 --store "$1" -q -- "$2" >out 2>err & }
interrupted int.db ./obedient
run=$!
sleep 0.5
kill -INT $run
wait $run && wrong "exit 0 after Ctrl-C"
grep -q 'the same command goes on' err || wrong "no word on going on: $(cat err)"
[ "$(wc -l <ends)" = 3 ] || wrong "not all were asked to end"
"$CULL" search status int.db | grep -q '3 waiting to be run again' || wrong "they do not wait"
interrupted hurry.db ./stubborn
run=$!
sleep 0.5
kill -INT $run
sleep 0.4
kill -0 $run 2>/dev/null || wrong "SIGKILL before its time"
kill -INT $run
began=$(date +%s)
wait $run
[ $(($(date +%s) - began)) -le 2 ] || wrong "the second Ctrl-C was not heard"
sleep 0.1
for p in $(cat pids); do kill -0 "$p" 2>/dev/null && grep -qv ') Z' "/proc/$p/stat" 2>/dev/null && wrong "$p lives"; done

# one that comes while results do: it is heard at once, and what is known by then is said and written
for names in error error,ms; do
    rm -f quick.*
    "$CULL" search space.cull --minimize $names --budget 100000 --workers 2 --store quick.db -o quick.csv --log quick.jsonl \
        -- ./quick {lr} {width} >out 2>err &
    run=$!
    while [ "$("$CULL" search status quick.db 2>/dev/null | sed -n 's/^evaluations *\([0-9]*\) .*/\1/p')0" -lt 1000 ]; do sleep 0.1; done
    began=$("$CULL" search status quick.db | sed -n 's/^evaluations *\([0-9]*\) .*/\1/p')
    kill -TERM $run
    wait $run && wrong "exit 0 after SIGTERM"
    grep -q 'the same command goes on' err || wrong "$names: no word on going on: $(cat err)"
    [ "$(wc -l <quick.jsonl)" -ge "$began" ] || wrong "$names: no log of what there is"
    [ -s quick.csv ] && grep -q 'lr=' out || wrong "$names: no best points"
done

# a program that floods, times out, or is not there any more
"$CULL" search space.cull --minimize error --budget 3 --workers 2 -q -- sh -c 'yes | head -c 50000000; echo; echo error=1' >out || wrong flood
"$CULL" search space.cull --minimize error --budget 2 --workers 2 --timeout 0.3 --grace 0.2 --store late.db -q -- ./stubborn >out 2>err && wrong "only timeouts, and exit 0"
grep -q 'longer than 0.3 s' err || wrong "no word on time: $(cat err)"
[ "$("$CULL" search export late.db -q | grep -c ',timeout,')" = 2 ] || wrong "no timeouts in the log"

# one that asks to be run again later says so, or a search that waits looks as if it hung
"$CULL" search space.cull --minimize error --budget 2 -- sh -c 'mkdir later && echo busy >&2 && exit 75; echo error=1' >out 2>err || wrong later
grep -q '^trial 0 asks to be run again later, in 1 s (exit status 75: busy)$' err || wrong "no word on later: $(cat err)"
exit $failed
