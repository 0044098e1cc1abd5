#!/bin/sh
# Holds what the built library may contain. usage: check_symbols.sh BUILD [--update]
#   1 it exports what tests/golden/symbols.txt lists, all of it cull_*
#   2 no writable static data of our own
#   3 our objects neither print nor exit, nor ask the clock, the environment or a hidden generator
#   4 a method neither allocates nor starts threads nor opens files
# BUILD is a plain gcc or clang build, not a sanitizer's (those add data and calls of their own).
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
golden=$here/tests/golden/symbols.txt
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
complain() { echo "$*"; bad=1; }

nm -D --defined-only "$build/libcull.so" | awk '{print $NF}' | LC_ALL=C sort >"$tmp/symbols"
if [ "${2:-}" = --update ]; then
    mkdir -p "$(dirname "$golden")"
    cp "$tmp/symbols" "$golden"
fi
wrong=$(grep -v '^cull_[a-z]' "$tmp/symbols" || true)
[ -z "$wrong" ] || complain "exported, but not cull_*: $wrong"
wrong=$(grep '^cull__' "$tmp/symbols" || true)
[ -z "$wrong" ] || complain "exported, but internal: $wrong"
diff -u --label tests/golden/symbols.txt --label "$1/libcull.so" "$golden" "$tmp/symbols" ||
    complain "the exported symbols changed; if that is meant: tools/golden.sh $1 --update"

# our objects: those of the object libraries, where the library's own code lies
find "$build/CMakeFiles" -path '*cull_objects.dir*' -name '*.o' -o -path '*cull_kern*' -name '*.o' | LC_ALL=C sort >"$tmp/objects"
[ -s "$tmp/objects" ] || { echo "no objects under $build/CMakeFiles"; exit 1; }
while read -r o; do
    name=${o##*.dir/}
    # d, b: writable data, zeroed data, common; .data.rel.ro holds constant tables and is read-only
    # once loaded. DW.ref.* belongs to C++ exception tables.
    objdump -t "$o" | awk '$0 ~ /[ \t]\.(data|bss|tdata|tbss|tm_clone_table)([.][^ \t]*)?[ \t]/ && $0 !~ /[ \t]\.data\.rel\.ro/ && $NF !~ /^\.|^DW\.ref\./ {print $NF}
                           $0 ~ /\*COM\*/ {print $NF}' >"$tmp/data"
    [ ! -s "$tmp/data" ] || complain "$name: writable static data: $(tr '\n' ' ' <"$tmp/data")"
    nm -u "$o" | awk '{print $NF}' | sed 's/@.*//; s/^__\(.*\)_chk$/\1/' >"$tmp/calls"
    wrong=$(grep -Ex 'v?printf|puts|putchar|perror|_?_?exit|_Exit|quick_exit|abort|__assert_fail|rand|srand|random|s?rand48|drand48|time|gettimeofday|getenv|secure_getenv|setenv|setlocale|signal|sigaction|system|popen' "$tmp/calls" || true)
    grep -qx 'stdout\|stderr' "$tmp/calls" && wrong="$wrong stdout/stderr"
    [ -z "$wrong" ] || complain "$name: the library may not call: $(echo "$wrong" | tr '\n' ' ')"
    case $name in src/method/*/*)
        wrong=$(grep -Ex 'malloc|calloc|realloc|free|posix_memalign|aligned_alloc|mmap|pthread_.*|fopen|open|open64|GOMP_.*' "$tmp/calls" || true)
        [ -z "$wrong" ] || complain "$name: a method may not call: $(echo "$wrong" | tr '\n' ' ')" ;;
    esac
done <"$tmp/objects"
[ $bad = 0 ] || exit 1
echo "symbols hold: $(wc -l <"$tmp/symbols") exported, $(wc -l <"$tmp/objects") objects"
