# what overlaps with an evaluation set is never kept, and is listed
sed -n '4p;7p' pool.jsonl >test.jsonl
cull data --budget 28 --target dev.jsonl --avoid test.jsonl --avoid-ngram 5 --avoid-share 0.9 --avoid-list l.tsv pool.jsonl -o kept.jsonl
cut -f1,2 l.tsv
grep -cFf test.jsonl kept.jsonl
wc -l <kept.jsonl
