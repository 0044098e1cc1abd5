# the same seed gives the same rows, on any number of threads and under any memory limit
cull data random -q --budget 4 --seed 3 pool.jsonl
cull data random -q --budget 4 --seed=3 --threads=1 --memory 64M pool.jsonl | cut -f1 | paste -sd' '
cull data random -q --budget 4 --seed 4 pool.jsonl | cut -f1 | paste -sd' '
