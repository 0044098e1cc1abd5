# score columns: of the records, of a csv
cull data color-filter -q --budget 3 pool.jsonl
cull data color-filter -q --budget 3 --scores scores.csv pool.jsonl | cut -f1
cull data color-filter -q --budget 3 scores.csv | cut -f1,2
