# costs: a field, words, bytes; the budget is a sum of them
cull data random -q --budget 9 --cost cost pool.jsonl -o - | grep -o '"cost":[0-9]*' | cut -d: -f2 | awk '{s += $1} END {print s}'
cull data random -q --budget 20% --cost words pool.jsonl --json | grep -o '"spent":[0-9.]*'
cull data random -q --budget 500 --cost bytes pool.jsonl --json | grep -o '"spent":[0-9.]*'
