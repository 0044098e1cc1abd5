#!/bin/sh
# Runs cases of the command: cases/NAME.sh in a folder with the fixtures, where `cull` is the program
# under test. NAME.out is its stdout to the byte, NAME.err its stderr line by line as patterns of the
# shell (* ? [...]), NAME.exit its exit code; what is not there is empty or 0.
# usage: run.sh CULL [--update] [NAME]...
set -u
CULL=$1
shift
update=no
[ "${1:-}" = --update ] && update=yes && shift
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
. "$here/fixtures.sh"
cull() { "$CULL" "$@"; }
mkdir "$work/base" && cd "$work/base" && fixtures || exit 1

# Each line of file $1 must match the same line of the patterns $2.
lines_match() {
    [ "$(wc -l <"$1")" = "$(wc -l <"$2")" ] || return 1
    exec 3<"$2"
    while IFS= read -r line; do
        IFS= read -r pattern <&3
        case $line in $pattern) ;; *) exec 3<&-; return 1 ;; esac
    done <"$1"
    exec 3<&-
}

# keep FILE CONTENT-FILE: CONTENT as FILE, or no FILE where it is empty
keep() { if [ -s "$2" ]; then cp "$2" "$1"; else rm -f "$1"; fi; }

failed=0 n=0
[ $# -gt 0 ] || set -- $(cd "$here/cases" && ls ./*.sh | sed 's,^\./\(.*\)\.sh$,\1,')
for name; do
    n=$((n + 1))
    case=$here/cases/$name
    rm -rf "$work/case" && cp -r "$work/base" "$work/case" && cd "$work/case" || exit 1
    (. "$case.sh") >"$work/out" 2>"$work/err" </dev/null
    got=$? want=0
    [ -f "$case.exit" ] && want=$(cat "$case.exit")
    if [ $update = yes ]; then
        keep "$case.out" "$work/out"
        lines_match "$work/err" "$case.err" 2>/dev/null || keep "$case.err" "$work/err"
        rm -f "$case.exit"
        [ $got = 0 ] || echo $got >"$case.exit"
        continue
    fi
    touch "$work/none"
    out=$case.out err=$case.err why=
    [ -f "$out" ] || out=$work/none
    [ -f "$err" ] || err=$work/none
    [ "$got" = "$want" ] || why="exit $got, not $want"
    diff "$out" "$work/out" >"$work/diff" || why="$why; stdout differs"
    lines_match "$work/err" "$err" || why="$why; stderr differs"
    [ -z "$why" ] && continue
    failed=$((failed + 1))
    echo "$name: $why"
    head -40 "$work/diff"
    echo "stderr:" && head -20 "$work/err"
done
[ $update = yes ] && echo "$n cases written; look at git diff" && exit 0
echo "$n cases, $failed failed"
[ $failed = 0 ]
