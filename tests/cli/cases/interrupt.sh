# a signal ends it at once with one sentence and nothing half written
i=0; while [ $i -lt 100 ]; do cat pool.jsonl; i=$((i + 1)); done >big.jsonl
"$CULL" compare data --budget 5 --target dev.jsonl --seeds 1000 --methods kmq,random big.jsonl -o c.html -o c.json 2>err &
sleep 1
kill -TERM $!
wait $!
echo $?
grep '^cull:' err
ls c.* 2>/dev/null | wc -l
