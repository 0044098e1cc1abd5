# a private file that is replaced stays private
touch k.jsonl && chmod 600 k.jsonl
cull data random -q --budget 2 pool.jsonl -o k.jsonl
ls -l k.jsonl | cut -c1-10
wc -l <k.jsonl
