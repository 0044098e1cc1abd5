#!/bin/sh
# docs/methods/ is what the command prints now. usage: docs.sh CULL SOURCE_DIR
set -eu
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
sh "$2/tools/gen_docs.sh" "$1" "$out/methods"
diff -r "$2/docs/methods" "$out/methods" || { echo "run: sh tools/gen_docs.sh build/cull docs/methods"; exit 1; }
