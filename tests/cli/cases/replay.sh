# a pick comes out the same again; one that was changed does not
cull data -q --budget 4 --target dev.jsonl --seed 5 --rule max pool.jsonl -o pick.json
cull replay pick.json
grep -o '"rule": *"[a-z]*"' pick.json | tr -d ' '
cull data random -q --budget 4 pool.jsonl -o pick.json
sed -i '0,/"row":[0-9]*/s//"row":0/' pick.json
cull replay pick.json
