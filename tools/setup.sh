#!/bin/sh
# Installs the Debian packages that are missing. usage: tools/setup.sh PURPOSE...
# (purposes: the first column of tools/packages.txt). Silent and offline when all are there.
set -eu
here=$(dirname "$0")
command -v dpkg-query >/dev/null 2>&1 || {
    echo "setup: this is no Debian; if the build misses something, tools/packages.txt names it" >&2
    exit 0
}

want=
for purpose in "$@"; do
    row=$(sed -n "s/^$purpose: *//p" "$here/packages.txt")
    [ -n "$row" ] || { echo "setup: tools/packages.txt has no purpose '$purpose'" >&2; exit 2; }
    want="$want $row"
done
missing=
for p in $want; do
    case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true) in
    *" ok installed") ;;
    *) missing="$missing $p" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "setup: packages are missing; please run this once, then make again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
update() { apt-get update >"$log" 2>&1; }
# shellcheck disable=SC2086
install() { apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 $missing >"$log" 2>&1 </dev/null; }

echo "setup: apt-get install$missing" >&2
known=yes
for p in $missing; do
    apt-cache show --no-all-versions "$p" >/dev/null 2>&1 || known=
done
# lists that lack a package, or name versions that the mirror no longer has, are fetched anew
if [ -z "$known" ] || ! install; then
    update && install || { tail -n 20 "$log" >&2; exit 1; }
fi
