#!/bin/sh
# The checkers must be able to fail: each is run on a copy of the tree with one fault put in.
# usage: checks.sh SOURCE
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fresh() {
    rm -rf "$tmp/t"
    mkdir "$tmp/t"
    cp -r "$1/include" "$1/src" "$1/tools" "$1/tests" "$1/docs" "$1/layers.txt" "$1/CMakeLists.txt" "$1/CHANGELOG.md" "$1/ARCHITECTURE.md" "$1/CONTRIBUTING.md" \
        "$1/cmake" "$1/examples" "$tmp/t"
}
must_fail() { # what it must say, command
    part=$1
    shift
    if "$@" >"$tmp/out" 2>&1; then echo "'$*' found nothing; it had to say '$part'"; exit 1; fi
    grep -qF "$part" "$tmp/out" || { echo "'$*' did not say '$part':"; cat "$tmp/out"; exit 1; }
}
layers="python3 $tmp/t/tools/check_layers.py $tmp/t"
rules="python3 $tmp/t/tools/check_rules.py $tmp/t"

fresh "$1"
$layers
$rules
printf '#include "io/io.h"\n' >>"$tmp/t/src/choose/take.c"
must_fail "src/choose may not include io/io.h" $layers
fresh "$1"
printf '#include "choose/choose.h"\n' >>"$tmp/t/src/num/num.h"
must_fail "src/choose -> src/num -> src/choose" $layers
fresh "$1"
mkdir "$tmp/t/src/other" && printf 'int x;\n' >"$tmp/t/src/other/x.c"
must_fail "layers.txt has no row for src/other" $layers
fresh "$1"
sed -i '/^ \* Deviates/d' "$tmp/t/src/method/data/random.c"
must_fail "no field Deviates" $rules
fresh "$1"
cp "$tmp/t/src/method/data/random.c" "$tmp/t/src/method/data/nobody_tests_this.c"
must_fail 'no test in tests/method names "nobody-tests-this"' $rules
fresh "$1"
sed -i '2s/planned$/method/' "$tmp/t/docs/papers.csv"
must_fail "paper 1 is a method, but there is no" $rules
fresh "$1"
yes '/* */' | head -301 >>"$tmp/t/src/num/num.h"
must_fail "a header has at most 300" $rules
fresh "$1"
rm "$tmp/t/src/base/rng.c"
must_fail "ARCHITECTURE.md: there is no src/base/rng.c" $rules
fresh "$1"
rm "$tmp/t/src/task/weights_write.c"
must_fail "ARCHITECTURE.md: there is no file weights_write.c" $rules
echo "the checkers find what they are for"
