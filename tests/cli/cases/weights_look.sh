# what a checkpoint holds, how far two are apart, whether one is sound; words that are wrong
two() { st "{\"model.layers.0.self_attn.q_proj.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},\"model.layers.1.mlp.up_proj.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[16,28]}}" "$1"; }
zeros='\000\000\000\000'
two "$(f32 7 one)" >a.safetensors
two "$(f32 3 one)$zeros$(f32 3 one)" >b.safetensors
two "$(f32 6 one)$(f32 1 nan)" >c.safetensors
st '{"model.layers.0.self_attn.q_proj.weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"x\u0007":{"dtype":"F4","shape":[2],"data_offsets":[16,17]}}' "$(f32 4 one)"'\001' >d.safetensors
mkdir m && cp b.safetensors m/model.safetensors && echo '{"architectures":["LlamaForCausalLM"],"num_hidden_layers":3}' >m/config.json
cull weights stat b.safetensors
cull weights stat --by role c.safetensors
cull weights stat --by layer --tsv m
cull weights stat --by role --role '*=conv' --json b.safetensors
cull weights stat --quick --json d.safetensors
cull weights stat --tsv d.safetensors
cull weights diff a.safetensors a.safetensors; echo $?
cull weights diff a.safetensors b.safetensors; echo $?
cull weights diff --json a.safetensors c.safetensors; echo $?
cull weights diff --tsv a.safetensors d.safetensors; echo $?
cull weights diff --tolerance 1 a.safetensors b.safetensors; echo $?
cull weights diff --rename 'x*=model.layers.1.mlp.up_proj.weight*' --json a.safetensors d.safetensors; echo $?
cull weights diff --rename 'y*=x*' a.safetensors d.safetensors; echo $?
cull weights verify a.safetensors; echo $?
cull weights verify c.safetensors; echo $?
cull weights verify --quick c.safetensors; echo $?
cull weights verify --json m; echo $?
cull weights stat; echo $?
cull weights diff a.safetensors; echo $?
cull weights verify a.safetensors b.safetensors; echo $?
cull weights stat --tolerance 1 a.safetensors; echo $?
cull weights stat --by head a.safetensors; echo $?
cull weights stat --role 'x=y' a.safetensors; echo $?
cull weights verify a.safetensors -o out; echo $?
cull weights diff --tolerance -1 a.safetensors b.safetensors; echo $?
