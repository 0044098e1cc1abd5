# kept records keep their bytes and their form
cull data random -q --budget 3 pool.jsonl -o a.jsonl -o a.jsonl.gz -o pick.json -o report.html -o t.tsv -o n.md
gzip -dc a.jsonl.gz | cmp - a.jsonl && grep -cFf a.jsonl pool.jsonl
head -c 15 report.html && echo
wc -l <t.tsv
cull data random -q --budget 3 pool.csv -o a.csv && head -1 a.csv && wc -l <a.csv
gzip -k pool.jsonl && cull data random -q --budget 3 pool.jsonl.gz -o - | cmp - a.jsonl
cull data random -q --budget 3 - -o - <pool.jsonl | cmp - a.jsonl
head -15 pool.jsonl >p1.jsonl && tail -15 pool.jsonl >p2.jsonl && cull data random -q --budget 3 'p[12].jsonl' -o - | cmp - a.jsonl
cut -d: -f3 pool.jsonl >p.txt && cull data random -q --budget 3 p.txt -o - | wc -l
