#!/bin/sh
# Compares what the built library exports and offers with tests/golden, or rewrites that.
# usage: golden.sh BUILD [--update|options|quality]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=$1 what=${2:-options quality}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# the libraries below cull keep to AVX2 too
export OPENBLAS_CORETYPE=Haswell DNNL_MAX_CPU_ISA=AVX2

if [ "$what" = --update ]; then
    "$build/tests/house_options" >"$here/tests/golden/options.txt"
    # (77: it cannot be told on this machine, and says so)
    "$build/tests/house_quality" >"$tmp/quality" && cp "$tmp/quality" "$here/tests/golden/quality.txt" || [ $? = 77 ]
    "$here/tools/check_symbols.sh" "$build" --update
    exit
fi
for name in $what; do
    "$build/tests/house_$name" >"$tmp/$name" || exit
    diff -u --label "tests/golden/$name.txt" --label "this build" "$here/tests/golden/$name.txt" "$tmp/$name" && continue
    case $name in
    options) echo "an option, a default or a rev changed. A default that changes bumps the method's rev; then" ;;
    quality) echo "a choice or what it takes changed, or a method is new. A choice that changes bumps the method's rev; then" ;;
    esac
    echo "run tools/golden.sh $build --update and commit the difference"
    exit 1
done
