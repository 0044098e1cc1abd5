# a reader that has gone excuses a write to it that fails, and nothing else
gone() {
    rm -f pipe && mkfifo pipe && touch hold
    (exec >pipe; while [ -e hold ]; do sleep 0.1; done; cull "$@"; echo $? >rc) 2>err &
    exec 3<pipe && exec 3<&- && rm hold
    wait $! && cat rc err
}
gone data random -q --budget 100% pool.jsonl -o -
gone data random -q --budget 5 missing.jsonl -o k.jsonl
gone data random -q --budget 5 pool.jsonl -o - -o k.html
# a standard stream that is closed is not one of the files that are opened next
(cull data random --budget 5 --verbose pool.jsonl -o k.jsonl 0<&- 1>&- 2>&-); echo $? && wc -l <k.jsonl
(cull data random -q --budget 5 pool.jsonl >&-); echo $?
(cull info random >&-) ; echo $?
# the end of the terminal ends it as Ctrl-C does: nothing half written
i=0; while [ $i -lt 100 ]; do cat pool.jsonl; i=$((i + 1)); done >big.jsonl
"$CULL" compare data --budget 5 --target dev.jsonl --seeds 1000 --methods kmq,random big.jsonl -o c.html 2>err &
sleep 1
kill -HUP $!
wait $!
echo $?
cat err
