# a dtype that is not known, the same in both; words of the config after common rows; what is packed is judged as it was
c() { st '{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}' "$(f32 3 one)"; }
c >v.safetensors
c >w.safetensors
cull weights linear --weights 1,1 v.safetensors w.safetensors -o o.safetensors && cmp v.safetensors o.safetensors
e() { st "{\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[$1,2],\"data_offsets\":[0,$(($1 * 8))]}}" "$(f32 $(($1 * 2)) one)"; }
for n in 5 3; do
    mkdir m$n
    e $n >m$n/model.safetensors
    printf '{"vocab_size": %d, "hidden_size": 2, "max_position_embeddings": %d}\n' $n $n >m$n/config.json
done
cull weights linear -q --weights 1,1 --common-rows m5 m3 -o both && cat both/config.json && cull weights verify both
cull weights linear -q --weights 1,1 --common-rows m3 m5 -o back && cat back/config.json
# what cull wrote is verified: a mask and its model, a packed file, a manifest beside what it is not of
w() { st "{\"model.layers.0.mlp.up_proj.weight\":{\"dtype\":\"F32\",\"shape\":[32,$1],\"data_offsets\":[0,$(($1 * 128))]},\"model.layers.0.mlp.down_proj.weight\":{\"dtype\":\"F32\",\"shape\":[$1,32],\"data_offsets\":[$(($1 * 128)),$(($1 * 256))]}}" "$(f32 $(($1 * 64)) one)"; }
w 32 >a.safetensors
cull weights magnitude -q --sparsity 0.9 --store sparse --mask k.safetensors a.safetensors -o s.safetensors
cull weights verify s.safetensors && cull weights verify k.safetensors && cull weights verify k.safetensors a.safetensors
cull weights verify k.safetensors s.safetensors; echo $?
cp s.safetensors cut.safetensors && printf '\377' | dd of=cut.safetensors bs=1 seek=$(($(wc -c <s.safetensors) - 1)) conv=notrunc 2>/dev/null
cull weights verify cut.safetensors; echo $?
sed 's/F32 32 32/F32 32 31/' k.safetensors >odd.safetensors
cull weights verify odd.safetensors; echo $?
cull weights ffn-channels -q --share 0.5 a.safetensors -o n.safetensors && cull weights verify n.safetensors
cull weights verify n.manifest.json a.safetensors; echo $?
cull weights verify n.manifest.json n.safetensors; echo $?
cp n.manifest.json a.manifest.json
cull weights verify a.safetensors; echo $?
