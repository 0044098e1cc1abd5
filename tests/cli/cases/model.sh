# networks: counted, shown, trained on a table, judged; the same bits for any number of threads
cat >net.model <<'END'
input 2
outputs 2
fc1 = linear(8)
relu
fc2 = linear(outputs)
END
awk 'BEGIN { print "a,b,class"; for (i = 0; i < 300; i++) { x = (i * 37 % 101) / 10; y = (i * 53 % 97) / 10; print x "," y "," (x > y) } }' >rows.csv
cull model stat net.model
cull model stat lenet --json | tail -n 2
cull model stat resnet20 --blocks | grep 'layer2 \|^mult\|^para'
cull model show mlp:4-3-2 --input 2x2x1 --json | tee shown.json
cull model show shown.json
cull model train net.model rows.csv --val 20% --epochs 30 --lr 0.05 --batch 64 --shards 2 --threads 1 -o one.safetensors -o page.html
cull model train net.model rows.csv --val 20% --epochs 30 --lr 0.05 --batch 64 --shards 2 --threads 2 -q -o two.safetensors
cmp one.safetensors two.safetensors && echo the same
grep -c '<svg' page.html
cull model eval one.safetensors rows.csv --logits out.npy --json | sed 's/.*"accuracy":\([0-9.]*\).*/\1/' | awk '{ print ($1 > 0.9 ? "learnt" : $1) }'
cull model eval net.model --weights one.safetensors rows.csv | awk 'NR == 1; /^accuracy/ { print ($2 > 0.9 ? "learnt" : $2) }'
cull info out.npy | grep -o '300.*2'
cull model train net.model rows.csv --weights one.safetensors --epochs 1 --val rows.csv -q -o three.safetensors && echo went on
cull model train net.model rows.csv --val 0.1 --plan | sed 's/about.*beside/about X beside/'
cull model train net.model rows.csv --epochs 4 --checkpoint kept -q -o four.safetensors && cull model train net.model rows.csv --epochs 4 -q -o five.safetensors && cmp four.safetensors five.safetensors && echo the same
cull model train net.model rows.csv --epochs 2 --json -q | grep -o '"epoch":[12]'
cull model train autoencoder:2-1 --predict input rows.csv --epochs 2 -q -o auto.safetensors && cull model eval auto.safetensors --predict input rows.csv | head -n 1
cull model prune net.model
cull model prune one.safetensors --keep 0.5 --round 1 -o small.safetensors -o cut.json
cull model eval small.safetensors rows.csv --json | grep -o '"rows":300'
cull model prune net.model one.safetensors --widths fc1=3 --importance l2 --json -o three.safetensors
cull apply cut.json one.safetensors -o again.safetensors && cmp small.safetensors again.safetensors && echo the same
cull model prune one.safetensors rows.csv --val 20% --keep 0.5 --round 1 --audit --epochs 4 --lr 0.05 --seeds 2 | awk '{ sub(/ +[0-9.]+( +[0-9.]+ \.\. [0-9.]+)?$/, ""); print }'
cull model prune one.safetensors rows.csv --val 20% --keep 0.5 --audit --epochs 4 --json -q | grep -c '"accuracy":\[[0-9.]*\]'
sed 's/^relu/bn = batch_norm\nrelu/' net.model >bn.model
cull model train bn.model rows.csv --epochs 20 --lr 0.05 --norm-l1 0.02 -q -o bn.safetensors
cull model prune bn.safetensors --slim 0.5 -q -o slim.safetensors && cull model stat slim.safetensors | grep '^fc'
cull model prune bn.safetensors rows.csv --val 20% --slim 0.5 --audit --epochs 4 --lr 0.05 -q | awk '{ sub(/ +[0-9.]+$/, ""); print }'
printf 'input 4x4x1\noutputs 2\nconv1 = conv(8, 3, pad=1)\nbn1 = batch_norm\nrelu\nglobal_avg_pool\nfc = linear(outputs)\n' >conv.model
awk 'BEGIN { for (i = 0; i < 16; i++) printf "p%d,", i; print "class"; for (i = 0; i < 200; i++) { for (k = 0; k < 16; k++) printf "%d,", (i % 2 ? k : int(k / 4)) % 2 * 10 + i * k % 7; print i % 2 } }' >images.csv
cull model train conv.model images.csv --epochs 4 --soft-keep 0.5 -q -o soft.safetensors
cull model prune soft.safetensors --keep 0.5 --importance l2 --round 1 -q -o hard.safetensors && cull model stat hard.safetensors | grep '^conv1'
