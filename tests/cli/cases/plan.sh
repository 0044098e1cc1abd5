# what would be done
cull data --plan --budget 5 --target dev.jsonl pool.jsonl | cut -d' ' -f1
cull data color-filter --plan --json --budget 10% pool.jsonl | grep -o '"rows":[0-9]*'
