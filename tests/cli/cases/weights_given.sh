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
