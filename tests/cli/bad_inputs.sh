#!/bin/sh
# Runs every row of bad_inputs.tsv: exit TAB part of the sentence TAB setup (- = none) TAB command. Each command
# must fail with that exit code, say one line on stderr that begins with "cull: " and has that part,
# print nothing and leave no file behind. usage: bad_inputs.sh CULL [PATTERN]
set -u
CULL=$1
only=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
. "$here/fixtures.sh"
cull() { "$CULL" "$@"; }
mkdir "$work/base" "$work/case"
cd "$work/base" && fixtures || exit 1
tab=$(printf '\t')
bad=0 n=0
while IFS="$tab" read -r want part setup command; do
    case $want in '' | '#'*) continue ;; esac
    case $command in *"$only"*) ;; *) continue ;; esac
    n=$((n + 1))
    rm -rf "$work/case" && cp -r "$work/base" "$work/case" && cd "$work/case" || exit 1
    [ "$setup" = - ] || (eval "$setup") >/dev/null 2>&1 || { echo "setup failed: $setup"; bad=$((bad + 1)); continue; }
    before=$(ls -A)
    (eval "$command") >"$work/out" 2>"$work/err" </dev/null
    got=$? why=
    [ "$got" = "$want" ] || why="exit $got, not $want"
    [ "$(wc -l <"$work/err")" = 1 ] || why="$why; stderr is not one line"
    grep -q '^cull: ' "$work/err" || why="$why; stderr does not begin with 'cull: '"
    grep -qF -e "$part" "$work/err" || why="$why; the sentence lacks '$part'"
    [ -s "$work/out" ] && why="$why; stdout is not empty"
    [ "$before" = "$(ls -A)" ] || why="$why; files were left: $(ls -A | tr '\n' ' ')"
    [ -n "${SHOW:-}" ] && cat "$work/err"
    [ -z "$why" ] && continue
    bad=$((bad + 1))
    printf '%s\n  %s\n  %s\n' "$command" "$setup" "$why"
    head -c 600 "$work/err" | sed 's/^/  > /'
done <"$here/bad_inputs.tsv"
echo "$n bad inputs, $bad answered wrongly"
[ $bad = 0 ] && [ $n -gt 0 ]
