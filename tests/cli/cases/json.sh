# what commands say as JSON is JSON, and says what the text says
number() { sed 's/"seconds":[0-9.]*/"seconds":S/; s/"peak_bytes":[0-9]*/"peak_bytes":B/'; }
cull info --json random
cull info --json pool.npy | tee a.json | sed 's/xxh3-128 [0-9a-f]*/HASH/' # its bits follow the instruction set
cull info --json pool.jsonl | tee b.json
cull data random -q --budget 4 pool.jsonl -o pick.json
cull info --json pick.json | tee c.json
cull data random -q --budget 4 pool.jsonl -o p.json && cull apply -q --json p.json pool.jsonl -o k.jsonl | tee d.json | number
cull apply -q --json --force p.json pool.npy -o k.npy | number
cull embed -q --json --dim 4 pool.jsonl -o e.npy -o e.npz | tee e.json | number
cull replay --json p.json | tee f.json | number
sed -i '0,/"row":[0-9]*/s//"row":0/' p.json
cull replay -q --json p.json | number
cull data random --budget 4 pool.jsonl 2>&1 >/dev/null | sed -n 1p
for f in a b c d e f; do python3 -m json.tool $f.json >/dev/null || echo "$f is no JSON"; done
