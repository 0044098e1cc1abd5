#!/bin/sh
# Runs an example and compares what it prints with NAME.out. usage: run.sh EXAMPLES_DIR NAME
set -eu
bin=$1 name=$2
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
cat >pool.jsonl <<'TXT'
{"id":"a","text":"the router sends the packet to the next address"}
{"id":"b","text":"melt the butter and add the flour"}
{"id":"c","text":"a socket has an address and a port"}
{"id":"d","text":"the court heard the appeal"}
TXT
echo '{"text":"which port and address does the socket have"}' >want.jsonl
case $name in
choose_text | read_pick)
    "$bin/choose_text" pool.jsonl want.jsonl 2 kept.jsonl pick.json >said
    ;;
esac
case $name in
choose_text)
    cat said kept.jsonl
    "$bin/choose_text" pool.jsonl none.jsonl 2 k.jsonl p.json 2>&1 || echo "exit status $?"
    ls
    ;;
read_pick)
    "$bin/read_pick" pick.json
    printf '3\n1\n' >rows.txt
    "$bin/read_pick" rows.txt
    printf '3\n3\n' >rows.txt
    "$bin/read_pick" rows.txt 2>&1 || echo "exit status $?"
    ;;
*) "$bin/$name" ;;
esac >out || { echo "$name: exit status $?"; cat out; exit 1; }
diff "$here/$name.out" out
