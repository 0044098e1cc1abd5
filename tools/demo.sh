#!/bin/sh
# What `make run` shows: from some 25,000 passages of manual pages and a dictionary, keep the 2 % that
# serve 200 passages about networks; then say how many of the kept are about networks, by labels
# that stand nowhere in the text, beside a random choice and plain TF-IDF. usage: tools/demo.sh [BUILD]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
out=run
mkdir -p $out/tmp

# ---- the pool: made once ----
pages() { # the manual pages of two packages; files that only point to another page are tiny
    dpkg -L manpages manpages-dev 2>/dev/null | grep '/man[0-9]/.*\.gz$' | tr '\n' '\0' |
        find -files0-from - -maxdepth 0 -type f -size +150c 2>/dev/null | LC_ALL=C sort
}

if ! [ -s $out/pool.jsonl ] || ! [ -s $out/target.jsonl ] ||
    [ -n "$(find "$build/examples/debian_pool" -newer $out/pool.jsonl)" ]; then
    dir=/usr/share/dictd
    [ -r $dir/foldoc.index ] || { echo "demo: $dir/foldoc.index is missing; make setup installs it" >&2; exit 1; }
    pages >$out/tmp/pages
    if [ "$(wc -l <$out/tmp/pages)" -lt 500 ] && command -v apt-get >/dev/null; then
        # container images often leave manual pages out when they install a package
        echo "this system has no manual pages installed; taking them from the packages themselves"
        root=$PWD/$out/tmp
        if (cd "$root" && apt-get download -q manpages manpages-dev) >$out/tmp/log 2>&1; then
            for deb in "$root"/manpages*.deb; do dpkg -x "$deb" "$root/root"; done
            find "$root/root" -path '*/man[0-9]/*.gz' -type f -size +150c | LC_ALL=C sort >$out/tmp/pages
        else
            echo "they could not be had (no network?): the pool is the dictionary alone"
        fi
    fi
    echo "making a pool from $(wc -l <$out/tmp/pages) manual pages and the dictionary FOLDOC"
    # one page at a time: given several compressed pages, mandoc prints all but the first raw
    while read -r f; do
        name=${f##*/}
        printf '\001%s\n' "${name%.gz}"
        mandoc -Tutf8 -Owidth=1000 "$f" 2>/dev/null || true
    done <$out/tmp/pages >$out/tmp/man.txt
    gzip -dc <$dir/foldoc.dict.dz >$out/tmp/foldoc.dict
    "$build/examples/debian_pool" $out/tmp/man.txt $dir/foldoc.index $out/tmp/foldoc.dict \
        $out/tmp/pool.jsonl $out/tmp/target.jsonl
    mv $out/tmp/target.jsonl $out/target.jsonl
    mv $out/tmp/pool.jsonl $out/pool.jsonl
fi
rm -rf $out/tmp

# ---- the choice ----
set -- data --rule mean --embed-power 1 --target $out/target.jsonl --budget 2% --label answer --label-is networking \
    -o $out/kept.jsonl -o $out/report.html -o $out/pick.json $out/pool.jsonl
echo
echo "\$ $build/cull $*"
"$build/cull" "$@"
cat <<'TXT'

precision  the share of the kept passages that are about networks, by labels that stand nowhere in
           the text: FOLDOC's tags, and the headers that a manual page includes
coverage   how near each target passage comes to something kept

Here all of the target is about one thing, so its mean decides (--rule mean), in features whose
directions are evened out (--embed-power 1); both were settled on other topics of the dictionary. The
default, where the target's passages take turns, suits a target of many kinds.
TXT
echo
echo "kept     $out/kept.jsonl"
echo "report   $PWD/$out/report.html"
echo "pick     $out/pick.json   (scores, options, hashes of the inputs: $build/cull info $out/pick.json)"
