#!/bin/sh
# What --plan says a run will hold, against what the run then says it held (peak_bytes): neither may
# be over 1.1 times the other, and 2 MiB more. Methods and kinds of input, two sizes each. One thread:
# how many of several hold a block at one time is the scheduler's choice.
# usage: plan.sh CULL
set -eu
CULL=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# records N SEED: N texts of 20 to 140 words, common ones often, with columns of numbers
records() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            s = ""
            for (k = 20 + int(rand() * 120); k > 0; k--) s = s " w" int(exp(rand() * rand() * 12))
            printf "{\"id\":\"r%d\",\"text\":\"%s\",\"difficulty\":%.4f,\"length\":%d,\"loss_prior\":%.3f,\"loss_cond\":%.3f}\n", i, s, rand(), rand() * 9999, rand() * 9, rand() * 9
        }
    }'
}

failed=0
# near WHAT PLANNED HELD
near() {
    awk -v what="$1" -v p="$2" -v h="$3" 'BEGIN {
        ok = p > 0 && h > 0 && p < 1.1 * h + 2 * 2^20 && h < 1.1 * p + 2 * 2^20
        printf "%s %-40s planned %7.2f MiB, held %7.2f\n", ok ? "ok    " : "failed", what, p / 2^20, h / 2^20
        exit !ok
    }' || failed=1
}
field() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"; }
# as_json ARGS: with a result that is judged, so that features are made for it
as_json() {
    near "$*" "$("$CULL" data -q --threads 1 --json --plan "$@" | field bytes)" "$("$CULL" data -q --threads 1 --json "$@" | field peak_bytes)"
}
# bytes: "7.1 MiB" in a line to a number
bytes() { sed -n 's/.* \([0-9.]* [KMG]*i*B\).*/\1/p' | awk '{ print $1 * ($2 == "KiB" ? 2^10 : $2 == "MiB" ? 2^20 : $2 == "GiB" ? 2^30 : 1) }'; }
# alone ARGS: without
alone() {
    near "$* (alone)" "$("$CULL" data --threads 1 --plan "$@" | grep '^memory' | bytes)" "$("$CULL" data --threads 1 "$@" 2>&1 >/dev/null | grep 'of memory' | bytes)"
}

records 50 3 >dev.jsonl
for n in 1500 14000; do
    pool=pool$n.jsonl
    records $n 1 >$pool
    "$CULL" embed -q --dim 48 $pool -o e$n.npy
    "$CULL" embed -q --dim 48 --fit $pool dev.jsonl -o t$n.npy
    for m in rds-plus dsir tfidf-mean; do as_json $m --budget 5% --target dev.jsonl $pool; done
    for m in dsir tfidf-mean; do alone $m --budget 5% --target dev.jsonl $pool; done
    as_json rds-plus --budget 5% --embed-bits 14 --embed-dim 40 --target dev.jsonl $pool
    as_json kmq --budget 5% --clusters 32 $pool
    as_json kmq --budget 5% --clusters 32 e$n.npy
    as_json rds-plus --budget 5% --target t$n.npy e$n.npy
    as_json random --budget 20% $pool
    for m in select2reason color-filter; do as_json $m --budget 20% $pool; done
done
exit $failed
