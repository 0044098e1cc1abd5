# gradients at checkpoints, side by side: files, each with its rate; tasks by field; a pick that is made again
# whole numbers, so that nothing depends on the instruction set
vectors() { awk -v n=$1 -v s=$2 'BEGIN { for (i = 0; i < n; i++) { printf "0"; for (t = 1; t <= 4; t++) { s = (s * 16807) % 2147483647; printf " %d:%d", t, s % 200 - 100 } print "" } }' >$3.svm; cull data random -q --budget 100% $3.svm -o $3.npy; }
vectors 30 1 g1 && vectors 30 2 g2 && vectors 3 3 w1 && vectors 3 4 w2
beside="--embeddings g1.npy --embeddings g2.npy --target dev.jsonl --target-embeddings w1.npy --target-embeddings w2.npy"
cull data less -q --budget 4 $beside --rates 3e-5,1e-5 pool.jsonl | cut -f1,4
cull data less -q --budget 4 $beside --rates 1e-5,3e-5 --target-task id pool.jsonl | cut -f1,4
cull data less -q --budget 4 $beside pool.jsonl -o p.json && cull replay -q p.json | tail -1
grep -o '"role":"[a-z-]*","path":"[a-z0-9.]*"' p.json
cull data less --plan --budget 4 $beside pool.jsonl | grep -E '^(features|passes)'
