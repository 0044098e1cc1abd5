#!/bin/sh
# The zsh completion: taken by zsh, defined by reading it, and bound to cull where completion is on.
# usage: zsh.sh CULL
set -eu
command -v zsh >/dev/null || { echo "zsh is not here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" completion zsh >"$work/_cull"
zsh -n "$work/_cull"
said=$(zsh -f -c 'source $1; whence -w _cull' zsh "$work/_cull" 2>&1)
[ "$said" = "_cull: function" ] || { echo "read alone: $said"; exit 1; }
said=$(zsh -f -c 'autoload -U compinit; compinit -u -D; source $1; print $_comps[cull]' zsh "$work/_cull" 2>&1)
[ "$said" = "_cull" ] || { echo "read with compinit: $said"; exit 1; }
said=$(zsh -f -c 'fpath=($1 $fpath); autoload -U compinit; compinit -u -D; print $_comps[cull]' zsh "$work" 2>&1)
[ "$said" = "_cull" ] || { echo "autoloaded: $said"; exit 1; }
