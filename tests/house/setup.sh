#!/bin/sh
# tools/setup.sh against a made-up dpkg and apt: silent when nothing is missing, one line to run for
# those who are not root, lists fetched only when a package is unknown, failure passed on.
# usage: setup.sh SOURCE
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/bin" "$tmp/tools"
cp "$1/tools/setup.sh" "$tmp/tools"
printf '# list\nbuild: aa bb\ntest: cc\n' >"$tmp/tools/packages.txt"
# HAVE: installed; KNOWN: in apt's lists; FAIL: apt-get install fails so many times
cat >"$tmp/bin/dpkg-query" <<'TXT'
#!/bin/sh
for a; do p=$a; done
case " $HAVE " in *" $p "*) echo "install ok installed" ;; *) exit 1 ;; esac
TXT
cat >"$tmp/bin/apt-cache" <<'TXT'
#!/bin/sh
for a; do p=$a; done
case " $KNOWN " in *" $p "*) ;; *) exit 1 ;; esac
TXT
cat >"$tmp/bin/apt-get" <<'TXT'
#!/bin/sh
echo "apt-get $*" >>"$CALLS"
[ "$1" = update ] && exit 0
n=$(grep -c 'apt-get install' "$CALLS")
[ "$n" -gt "${FAIL:-0}" ] || { echo "no such version"; exit 100; }
TXT
printf '#!/bin/sh\necho "${USERID:-0}"\n' >"$tmp/bin/id"
chmod +x "$tmp"/bin/*
export PATH="$tmp/bin:$PATH" CALLS="$tmp/calls" HAVE KNOWN FAIL USERID
setup() { # status wanted, arguments
    want=$1
    shift
    : >"$CALLS"
    got=0
    "$tmp/tools/setup.sh" "$@" >"$tmp/out" 2>&1 || got=$?
    [ $got = "$want" ] || { echo "setup $*: status $got, not $want"; cat "$tmp/out" "$CALLS"; exit 1; }
}
is() { [ "$1" = "$2" ] || { printf 'got:\n%s\nnot:\n%s\n' "$1" "$2"; exit 1; }; }

HAVE="aa bb cc" KNOWN="" FAIL=0 USERID=0
setup 0 build test
is "$(cat "$tmp/out" "$CALLS")" ""
HAVE="aa cc" KNOWN="bb"
setup 0 build test
is "$(grep -c update "$CALLS" || true)" 0
is "$(sed 's/ -o [^ ]*//' "$CALLS")" "apt-get install -y --no-install-recommends bb"
KNOWN=""
setup 0 build
is "$(cut -d' ' -f1,2 "$CALLS" | tr '\n' ,)" "apt-get update,apt-get install,"
KNOWN="bb" FAIL=1
setup 0 build
is "$(cut -d' ' -f1,2 "$CALLS" | tr '\n' ,)" "apt-get install,apt-get update,apt-get install,"
FAIL=9
setup 1 build
grep -q "no such version" "$tmp/out"
FAIL=0 USERID=1000 HAVE="bb"
setup 1 build test
is "$(cat "$CALLS")" ""
is "$(grep -c '  sudo apt-get update && sudo apt-get install -y --no-install-recommends aa cc$' "$tmp/out")" 1
USERID=0
setup 2 nothing
echo "setup does what it says"
