# lottery tickets: a table of rounds, weights, a mask that a training keeps; the same bits for any number of threads
cat >net.model <<'END'
input 2
outputs 2
fc1 = linear(40)
relu
fc2 = linear(30)
relu
fc3 = linear(outputs)
END
awk 'BEGIN { print "a,b,class"; for (i = 0; i < 300; i++) { x = (i * 37 % 101) / 10; y = (i * 53 % 97) / 10; print x "," y "," (x > y) } }' >rows.csv
ticket() { cull model ticket net.model rows.csv --val 20% --rounds 3 --steps 40 --every 10 --batch 32 --lr 0.01 "$@"; }
ticket --controls reinit,signs,random,one-shot --controls-at 2 --threads 1 -o one.safetensors --save-mask mask.safetensors >table
awk '{ print $1, $2, $3, $5 }' table
ticket --threads 2 -q -o two.safetensors --save-mask other.safetensors --save-trained trained.safetensors >/dev/null
cmp one.safetensors two.safetensors && cmp mask.safetensors other.safetensors && echo the same
ticket --global --one-shot --prune 30% --rates fc1=0 --json -q | grep -o '"round":[0-9]*,"left":[0-9]*'
ticket --rewind 10 --write-round 1 -q -o back.safetensors | awk 'NR > 1 { print ($6 > 10 || NR == 2 ? "later" : $6) }'
cull model train net.model rows.csv --weights one.safetensors --mask mask.safetensors --epochs 2 -q -o three.safetensors && echo trained
cull model ticket three.safetensors rows.csv --mask mask.safetensors --val 20% --rounds 1 --steps 5 -q | awk '{ print $1, $2 }'
cull model eval trained.safetensors rows.csv | head -n 1
ticket --checkpoint kept -q -o four.safetensors >/dev/null && cmp four.safetensors two.safetensors && test ! -e kept && echo the same
