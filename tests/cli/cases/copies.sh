# near copies: who stands for whom; without a budget all that stays is kept
for i in 1 2 3; do sed "s/number/extra$i number/; s/\"r/\"c$i-/" pool.jsonl | head -4; done >more.jsonl
cull data minhash --ngram 2 --threshold 0.4 --bands 40 --rows 2 --groups g.tsv pool.jsonl more.jsonl -o kept.jsonl 2>&1 | sed '/memory/d'
head -6 g.tsv
wc -l <kept.jsonl
# an array of whole numbers: row i + 20 is three times row i, turned a little
awk 'BEGIN { s = 9; for (i = 0; i < 30; i++) { printf "0"; for (t = 1; t <= 6; t++) { s = (s * 16807) % 2147483647; x = s % 200 - 100; if (i >= 20) x = 3 * at[i - 20, t] + x % 7; at[i, t] = x; printf " %d:%d", t, x } print "" } }' >v.svm
cull data semdedup -q --threshold 0.99 --groups g.tsv v.svm >all && cut -f4 g.tsv | sort | uniq -c
cull data semdedup -q --threshold 0.99 --budget 3 v.svm | wc -l
cull data semdedup -q --threshold 0.99 --keep hard --clusters 3 v.svm | wc -l
cull data random -q --budget 3 --groups g.tsv v.svm
