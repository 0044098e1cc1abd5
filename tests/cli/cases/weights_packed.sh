# pruned, packed, dense again; a mask, put on, and refused; words that are wrong
w() { st "{\"model.layers.0.mlp.up_proj.weight\":{\"dtype\":\"F32\",\"shape\":[$1,32],\"data_offsets\":[0,$(($1 * 128))]}}" "$(f32 $(($1 * 32)) one)"; }
w 32 >a.safetensors
w 16 >b.safetensors
cull weights magnitude -q --sparsity 0.9 a.safetensors -o out.safetensors
cull weights magnitude --sparsity 0.9 --store sparse --mask m.safetensors a.safetensors -o small.safetensors
cull weights pack -q out.safetensors -o packed.safetensors && cmp small.safetensors packed.safetensors
cull weights pack --json --packing csr small.safetensors -o csr.safetensors
cull weights unpack csr.safetensors -o back.safetensors && cmp out.safetensors back.safetensors
cull apply m.safetensors a.safetensors -o again.safetensors && cull weights mask -q a.safetensors again.safetensors -o m2.safetensors && cmp m.safetensors m2.safetensors
cull apply m.safetensors b.safetensors -o no.safetensors; echo $?
cull apply m.safetensors again.safetensors -o no.safetensors; echo $?
cull apply -q --force m.safetensors again.safetensors -o yes.safetensors; echo $?
cull weights unpack a.safetensors -o no.safetensors; echo $?
cull weights pack --packing gap a.safetensors -o no.safetensors; echo $?
cull weights pack a.safetensors -o a.safetensors; echo $?
cull weights mask a.safetensors -o no.safetensors; echo $?
cull weights magnitude --n 3 --m 2 a.safetensors -o no.safetensors; echo $?
cull weights wanda a.safetensors -o no.safetensors; echo $?
cull apply m.safetensors -o no.safetensors; echo $?
ls
