# the same centroids from any number of threads; from a checkpoint folder; assigned rows are whole
cull embed -q --dim 8 pool.jsonl -o e.npy
cull cluster -q --clusters 3 --threads 1 e.npy -o one.npy --assign a.npy
cull cluster -q --clusters 3 --threads 4 --checkpoint keep e.npy -o two.npy
cmp one.npy two.npy && cull info a.npy | sed -n 2,4p
ls -d keep 2>&1
cull cluster --clusters 3 --plan e.npy | head -2
cull cluster -q --json --clusters 3 --batch 4 --start rows --spherical e.npy | sed 's/"objective.*"empty/"empty/; s/"seconds.*//'
cull cluster --clusters 3 e.npy
cull cluster e.npy -o c.npy
cull cluster --clusters 3 pool.jsonl -o c.npy
cull cluster --clusters 3 e.npy -o e.npy
cull cluster --clusters 99 e.npy -o c.npy
cull cluster --clusters 3 --batch 2 e.npy -o c.npy
