#!/bin/sh
# On a terminal compare prints its table only, on standard output. Needs a pseudo-terminal, which
# bare roots lack. usage: terminal.sh CULL
set -eu
script -qec true /dev/null >/dev/null 2>&1 || { echo "there are no pseudo-terminals here"; exit 77; }
export CULL=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
. "$here/fixtures.sh"
fixtures
said=$(NO_COLOR=1 script -qec \
    '"$CULL" compare data --budget 5 --target dev.jsonl --seeds 2 --methods rds-plus,random pool.jsonl' /dev/null |
    tr -d '\r' | sed -n 's,^ *\([a-z-]*\) .*,\1,p' | grep -E '^(rds-plus|random|metric)$' | sort | tr '\n' ' ')
[ "$said" = "random rds-plus " ] || { echo "it printed rows: $said"; exit 1; }
