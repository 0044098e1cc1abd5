# the records nearest to the target, in the pool's order; then as chosen
cull data -q --budget 5 --target dev.jsonl pool.jsonl -o - | tee k.jsonl | grep -o '"topic":"[a-z]*"'
grep -Ff k.jsonl pool.jsonl | cmp - k.jsonl
cull data -q --budget 5 --target dev.jsonl pool.jsonl -o - --order pick | wc -l
cull data -q --budget 10 --target dev.jsonl --label topic --label-is net pool.jsonl --json | grep -o '"name":"rds-plus","metric":"precision","value":[0-9.]*'
