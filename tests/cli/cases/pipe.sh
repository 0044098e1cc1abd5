# whoever stops reading early is no failure
i=0; while [ $i -lt 400 ]; do cat pool.jsonl; i=$((i + 1)); done >big.jsonl
(cull data random -q --budget 100% big.jsonl -o -; echo $? >rc) | head -1 | wc -l
cat rc
(cull data random -q --budget 100% big.jsonl; echo $? >rc) | head -1 | wc -l
cat rc
(cull list --json; echo $? >rc) | head -c 1 >/dev/null
cat rc
