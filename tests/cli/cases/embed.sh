# unit rows, in three forms, alike in one space
cull embed --dim 8 pool.jsonl -o a.npy -o a.npz -o a.safetensors
cull info a.npz | head -3
cull embed -q --dim 8 --fit pool.jsonl pool.jsonl -o b.npy && cmp a.npy b.npy
cull embed -q --dim 8 --words 0 --chars 3-4 pool.jsonl -o c.npy && cull info c.npy | sed -n 3p
