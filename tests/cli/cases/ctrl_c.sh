# Ctrl-C: the first ends the run with one sentence, exit 1 and nothing written; the second at once
i=0; while [ $i -lt 1500 ]; do cat pool.jsonl; i=$((i + 1)); done >big.jsonl
mkdir tmp
run() { env --default-signal=INT TMPDIR=tmp "$CULL" data kmq --clusters 900 --restarts 100 --tmpdir tmp --budget 5 big.jsonl -o k.jsonl -o k.json -o k.html 2>err & }
run
sleep 1
kill -INT $!
wait $!
echo $?
cat err
ls -d k.* tmp/* 2>/dev/null | wc -l
run
sleep 1
kill -INT $!
kill -INT $! 2>/dev/null
wait $!
case $? in 1 | 130) echo ended ;; *) echo no ;; esac
ls -d k.* tmp/* 2>/dev/null | wc -l
