#!/bin/sh
# Installs into a folder, moves it, and builds examples/pick.c against it by pkg-config and by
# find_package; both programs must run and keep the two rows that serve the targets.
# usage: install.sh SOURCE BUILD
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$2" --prefix "$tmp/first" >"$tmp/log" || { cat "$tmp/log"; exit 1; }
mv "$tmp/first" "$tmp/moved"
lib=$(dirname "$(find "$tmp/moved" -name libcull.so)")
printf 'keep row 0\nkeep row 2\n' >"$tmp/want"

PKG_CONFIG_PATH=$lib/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
cc -std=c17 -Wall -Wextra -Werror "$1/examples/pick.c" $(pkg-config --cflags --libs cull) -o "$tmp/pick"
LD_LIBRARY_PATH=$lib "$tmp/pick" | sort | diff "$tmp/want" - || { echo "built by pkg-config it keeps other rows"; exit 1; }

mkdir "$tmp/project"
cp "$1/examples/pick.c" "$tmp/project"
cat >"$tmp/project/CMakeLists.txt" <<'TXT'
cmake_minimum_required(VERSION 3.25)
project(consumer C)
find_package(cull 0.1 REQUIRED)
add_executable(pick pick.c)
target_link_libraries(pick PRIVATE cull::cull)
TXT
{ cmake -S "$tmp/project" -B "$tmp/project/b" -G Ninja -DCMAKE_PREFIX_PATH="$tmp/moved" && cmake --build "$tmp/project/b"; } >"$tmp/log" 2>&1 ||
    { cat "$tmp/log"; exit 1; }
"$tmp/project/b/pick" | sort | diff "$tmp/want" - || { echo "built by find_package it keeps other rows"; exit 1; }

# every public header stands alone, in C and in C++
for h in "$tmp"/moved/include/cull/*.h; do
    printf '#include "%s"\n' "$h" >"$tmp/h.c"
    cc -std=c17 -Wall -Wextra -Werror -I"$tmp/moved/include" -fsyntax-only "$tmp/h.c"
    c++ -std=c++17 -Wall -Wextra -Werror -I"$tmp/moved/include" -fsyntax-only -x c++ "$tmp/h.c"
done
[ -s "$tmp/moved/share/cull/micro3.csv" ] || { echo "share/cull/micro3.csv is missing"; exit 1; }
# the installed command finds the installed library
if [ -x "$tmp/moved/bin/cull" ]; then
    env -u LD_LIBRARY_PATH "$tmp/moved/bin/cull" --version >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
    [ "$(ls "$tmp"/moved/share/man/man1/*.1 | wc -l)" -gt 5 ] || { echo "manual pages are missing"; exit 1; }
    bash -n "$tmp/moved/share/bash-completion/completions/cull"
    ldd "$tmp/moved/bin/cull" | grep -q "$tmp/moved/.*libcull.so" || { echo "bin/cull runs with another libcull.so"; exit 1; }
fi
echo "installed, moved, used by pkg-config and by find_package"
