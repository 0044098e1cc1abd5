# the scripts are ones that the shells take, and complete
cull completion bash >b && bash -n b && echo bash
bash -c '. ./b; COMP_WORDS=(cull data --budg) COMP_CWORD=2; _cull; echo "${COMPREPLY[@]}"; COMP_WORDS=(cull da) COMP_CWORD=1; _cull; echo "${COMPREPLY[@]}"; COMP_WORDS=(cull data rand) COMP_CWORD=2; _cull; echo "${COMPREPLY[@]}"; COMP_WORDS=(cull layout s) COMP_CWORD=2; _cull; echo "${COMPREPLY[@]}"'
cull completion zsh | head -1
command -v zsh >/dev/null || exit 0
cull completion zsh >z && zsh -n z
