#!/bin/sh
# Runs every libFuzzer target of a build for some seconds, from its corpus in the tree; new inputs stay in
# the build folder. usage: fuzz.sh BUILD [SECONDS]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=$1 seconds=${2:-20}
found=0
for f in "$build"/tests/fuzz_*; do
    [ -x "$f" ] && [ -f "$f" ] || continue
    found=1
    name=${f##*/fuzz_}
    mkdir -p "$build/corpus/$name"
    echo "== $name"
    "$f" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="$build/corpus/$name-" "$build/corpus/$name" "$here/tests/fuzz/corpus/$name"
done
[ $found = 1 ] || { echo "no fuzz target in $build/tests"; exit 1; }
