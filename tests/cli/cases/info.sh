# what a file is
cull info pool.jsonl
cull info pool.csv
cull data random -q --budget 4 pool.jsonl -o pick.json
cull info pick.json | sed -n '1,2p;$p' | sed 's/, spent.*//'
printf '7\n2\n' >rows.tsv.txt
cull info rows.tsv.txt | head -2
cull info random | head -1
