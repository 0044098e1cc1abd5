#!/bin/sh
# Text features against scikit-learn on the same files, same number of threads, one after the other.
# usage: bench/run_text.sh BUILD THREADS [FILE.jsonl ...]   (records with text, and label if any)
# Without a file: FOLDOC, from Debian's dict-foldoc. Prints file,case,tool,threads,seconds,quality.
# PYTHON names the interpreter that has scikit-learn (python3).
set -eu
here=$(dirname "$0")
build=$1 threads=$2
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python=${PYTHON:-python3}
"${CC:-cc}" -std=c17 -O2 -D_GNU_SOURCE -I"$here/../include" "$here/bench_text.c" -o "$dir/bench" \
    -L"$build" -lcull -Wl,-rpath,"$(cd "$build" && pwd)"
if [ $# = 0 ]; then
    $python "$here/make_foldoc.py" "$dir/foldoc.jsonl"
    set -- "$dir/foldoc.jsonl"
fi
for f in "$@"; do
    name=$(basename "$f" .jsonl)
    "$dir/bench" "$f" "$threads" "$dir/e.npy" dim=128 > "$dir/rows"
    quality=$($python "$here/peers/text_sklearn.py" --quality "$f" "$dir/e.npy")
    sed "s/^\(all,.*,\)$/\1$quality/" "$dir/rows" | sed "s/^/$name,/"
    $python "$here/peers/text_sklearn.py" "$f" "$threads" | sed "s/^/$name,/"
done
