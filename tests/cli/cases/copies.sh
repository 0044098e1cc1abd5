# near copies: who stands for whom; without a budget all that stays is kept
for i in 1 2 3; do sed "s/number/extra$i number/; s/\"r/\"c$i-/" pool.jsonl | head -4; done >more.jsonl
cull data minhash --ngram 2 --threshold 0.4 --bands 40 --rows 2 --groups g.tsv pool.jsonl more.jsonl -o kept.jsonl 2>&1 | sed '/memory/d'
head -6 g.tsv
wc -l <kept.jsonl
cull data semdedup -q --threshold 0.999 --groups g.tsv pool.npy >all && cut -f4 g.tsv | sort | uniq -c
cull data semdedup -q --threshold 0.999 --budget 3 pool.npy | wc -l
cull data semdedup -q --threshold 0.9 --keep hard --clusters 3 pool.npy | wc -l
cull data random -q --budget 3 --groups g.tsv pool.npy
