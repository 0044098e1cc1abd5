# names of files: colons that name no array, endings in capitals, bytes that are no text
cp pool.jsonl 10:30:00.jsonl
cull info 10:30:00.jsonl | head -2
cull data random -q --budget 2 10:30:00.jsonl -o 11:30.jsonl && wc -l <11:30.jsonl
gzip -c pool.jsonl >P.JSONL.GZ
cull data random -q --budget 2 P.JSONL.GZ -o K.JSONL.GZ && gzip -dc K.JSONL.GZ | wc -l
cp pool.jsonl "$(printf 'a\377b.jsonl')"
cull info --json "$(printf 'a\377b.jsonl')" | grep -o '"file":.*"bytes"'
printf '1 1:0.5 3:2\n2 2:1\n' >x.svm
cull data random -q --budget 1 x.svm -o k.npy && cull info k.npy | sed -n 3p
# an array of an archive, by name, wherever a file may stand
cull embed -q --dim 4 pool.jsonl -o e.npz
cull info e.npz:embeddings | sed -n '1p;3,4p'
cull data random -q --budget 2 e.npz:embeddings -o k.json && cull replay k.json
cull apply -q k.json e.npz:embeddings -o k.npz && cull info k.npz | sed -n '1p;3p'
# what a file says does not steer the terminal; its names are read as csv writes them
printf '{"te\\u001b[31mxt":"a"}\n' >esc.jsonl && cull info esc.jsonl | grep fields
printf 'id,"a ""q"" b"\n1,2\n' >q.csv && cull info q.csv | grep fields
# rows of an array keep their shape
npy '|u1' False '(4, 2, 3)' aaaaaabbbbbbccccccdddddd >cube.npy
printf '3\n1\n' >rows.txt
cull apply -q --order pick rows.txt cube.npy -o k.npy && cull info k.npy | sed -n 3p && tail -c 12 k.npy && echo
# what is read can only be read once
mkfifo once.jsonl
cull data random -q --budget 2 pool.jsonl -o k.json
cat pool.jsonl >once.jsonl &
timeout 60 "$CULL" apply -q k.json once.jsonl
cull apply -q k.json 'poo[l].jsonl' | wc -l
cat pool.jsonl | cull apply -q k.json - | wc -l
sed 's/court/tribe/' pool.jsonl | cull apply -q k.json - 2>&1
# two numbers past 2^63 are two groups
printf '{"text":"a","id":18446744073709551615}\n{"text":"b","id":18446744073709551614}\n' >u.jsonl
cull data random -q --budget 2 --group id u.jsonl | cut -f2 | sort
# of a sharded checkpoint the shard is what a pick knows again
cull embed -q --dim 4 pool.jsonl -o s1.safetensors
echo '{"weight_map":{"embeddings":"s1.safetensors"}}' >m.safetensors.index.json
cull data random -q --budget 2 m.safetensors.index.json -o k.json && cull replay k.json
cull embed -q --dim 5 pool.jsonl -o s1.safetensors
cull apply k.json m.safetensors.index.json -o k.npy 2>&1; echo $?
