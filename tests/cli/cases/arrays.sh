# embeddings as arrays: the same choice as from text, rows written as they are
cull data -q --embed-dim 4 --budget 6 --target dev.jsonl pool.jsonl | cut -f1,3,4 >text
cull data -q --budget 6 --target dev.npy pool.npy | cut -f1,3,4 | cmp - text
cull data -q --budget 6 --target dev.jsonl --embeddings pool.npy --target-embeddings dev.npy pool.jsonl | cut -f1,3,4 | cmp - text
cull data -q --budget 6 --target dev.npy pool.npy -o k.npy && cull info k.npy | head -3
cull embed -q --dim 4 pool.jsonl -o pool.safetensors && cull data -q --budget 6 --target dev.npy pool.safetensors | cut -f1,3,4 | cmp - text
cull data -q --budget 6 --target dev.npy --target dev.npy pool.npy | cut -f4 | sort | uniq -c | sed 's/^ *//'
