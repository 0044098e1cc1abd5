# the rows of a pick: of records, of an array, of a bare list; another file only by force
cull data random -q --budget 4 pool.jsonl -o pick.json -o kept.jsonl
cull apply -q pick.json pool.jsonl | cmp - kept.jsonl
cull apply -q pick.json --force pool.npy -o k.npy && cull info k.npy | sed -n 3p
cull apply -q pick.json pool.csv; echo $?
printf '7\n2\n' >rows.txt
cull apply -q rows.txt pool.csv
cull apply -q --order pick rows.txt pool.csv
