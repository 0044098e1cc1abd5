#!/bin/sh
# Compares what the built library exports and offers with tests/golden, or rewrites that.
# usage: golden.sh BUILD [--update]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
golden=$here/tests/golden/options.txt
if [ "${2:-}" = --update ]; then
    "$1/tests/house_options" >"$golden"
    exec "$here/tools/check_symbols.sh" "$1" --update
fi
"$1/tests/house_options" | diff -u --label tests/golden/options.txt --label "this build" "$golden" - || {
    echo "an option, a default or a rev changed. A default that changes bumps the method's rev; then"
    echo "run tools/golden.sh $1 --update and commit the difference"
    exit 1
}
