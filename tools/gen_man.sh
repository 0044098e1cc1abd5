#!/bin/sh
# Manual pages and completion scripts, as the built command prints them. usage: gen_man.sh CULL SOURCE_DIR OUT
set -eu
mkdir -p "$3/man1" "$3/bash" "$3/zsh"
"$1" help --man >"$3/man1/cull.1"
for c in $(sed -n 's/^ *{\.name = "\([a-z0-9]*\)",$/\1/p' "$2/src/cli/commands.c"); do
    "$1" help --man "$c" >"$3/man1/cull-$c.1"
done
"$1" completion bash >"$3/bash/cull"
"$1" completion zsh >"$3/zsh/_cull"
