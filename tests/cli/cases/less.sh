# gradients at checkpoints, side by side: files, each with its rate; tasks by field; a pick that is made again
for c in 1 2; do
    cull embed -q --dim 4 --seed $c pool.jsonl -o g$c.npy
    cull embed -q --dim 4 --seed $c --fit pool.jsonl dev.jsonl -o w$c.npy
done
beside="--embeddings g1.npy --embeddings g2.npy --target dev.jsonl --target-embeddings w1.npy --target-embeddings w2.npy"
cull data less -q --budget 4 $beside --rates 3e-5,1e-5 pool.jsonl | cut -f1,4
cull data less -q --budget 4 $beside --rates 1e-5,3e-5 --target-task id pool.jsonl | cut -f1,4
cull data less -q --budget 4 $beside pool.jsonl -o p.json && cull replay -q p.json | tail -1
grep -o '"role":"[a-z-]*","path":"[a-z0-9.]*"' p.json
cull data less --plan --budget 4 $beside pool.jsonl | grep -E '^(features|passes)'
