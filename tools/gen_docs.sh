#!/bin/sh
# docs/methods/: a page for each method, as the built command prints it. usage: gen_docs.sh CULL OUT
set -eu
mkdir -p "$2"
rm -f "$2"/*.md
{
    printf '# Methods\n\nMade by tools/gen_docs.sh from the methods themselves.\n\n| task | method | keeps |\n| --- | --- | --- |\n'
    "$1" list | while IFS="$(printf '\t')" read -r task slug title; do
        printf '| %s | [%s](%s.md) | %s |\n' "$task" "$slug" "$slug" "$title"
    done
} >"$2/README.md"
for m in $("$1" list | cut -f2); do "$1" info --markdown "$m" >"$2/$m.md"; done
