#!/bin/sh
# Times search (samplers, fronts, TPE, stores) beside Optuna, pymoo and moocore, and prints the ratios.
#
#   bench/run_search.sh [ask|nsga2|zdt1|tpe|front|store ...]      (all of them)
#
# Environment: BENCH (the folder of the built programs; build/bench), PYTHON (python3 with the peers), ROUNDS (3), DIR (a
# folder on a disk for stores), MANY (processes that share one store; 96), WRAP (what each program is run by, such as
# "flock FILE" where several share the machine), SLOW (peers that take minutes too), OLD (a file that this printed before:
# its rows of cases that are not run now are kept, with its head). One thread each; every program runs
# ROUNDS times in turn and the least counts: whatever else runs on the machine makes times longer, never shorter.
# Rows are `case,tool,value,unit`; units ending in "cpu" are processor time, in "wall" real time.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
BENCH=${BENCH:-$root/build/bench}
PYTHON=${PYTHON:-python3}
ROUNDS=${ROUNDS:-3}
MANY=${MANY:-96}
peers=$root/bench/peers
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
work=$(mktemp -d "${DIR:-${TMPDIR:-/tmp}}/bench-search.XXXXXX")
ram=$work
[ -w /dev/shm ] && ram=$(mktemp -d /dev/shm/bench-search.XXXXXX)
trap 'rm -rf "$work" "$ram"' EXIT
trap 'exit 1' INT TERM
rows=$work/rows.csv
: >"$rows"

# row TOOL AWK COMMAND...: the rows that AWK makes of what the command prints; a failure is told, not fatal
row() {
    tool=$1
    make=$2
    shift 2
    ${WRAP:-} "$@" >"$work/out" || { echo "# failed: $*" >&2; return 0; }
    awk -F, -v tool="$tool" "$make" "$work/out" >>"$rows"
}

peer() {
    "$PYTHON" -c "import $1" 2>/dev/null || { echo "# no python module $1: peer left out" >&2; return 0; }
    row "$@"
}

ask() {
    to_1000='NR > 1 { print "random ask+tell," tool "," $3 ",us cpu" }'
    row cull "$to_1000" "$BENCH/bench_search" ask random-search
    peer optuna "$to_1000" "$PYTHON" "$peers/search_optuna.py" ask random
}

nsga2() {
    row cull 'NR > 1 { print "nsga2 generation 1000 x 3," tool "," $1 + $2 + $3 ",ms cpu"
                       print "nsga2 survival 1000 x 3," tool "," $3 ",ms cpu" }' "$BENCH/bench_search" nsga2
    peer pymoo 'NR > 1 { print "nsga2 generation 1000 x 3," tool "," $1 ",ms cpu"
                         print "nsga2 survival 1000 x 3," tool "," $2 ",ms cpu" }' "$PYTHON" "$peers/search_pymoo.py" nsga2
}

zdt1() {
    each='NR > 1 { print "zdt1 100 x 250," tool "," $2 ",ms cpu"; v += $3; n++ }
          END { print "zdt1 volume," tool "," v / n "," }'
    row cull "$each" "$BENCH/bench_search" zdt1
    peer pymoo "$each" "$PYTHON" "$peers/search_pymoo.py" zdt1
    [ -z "${SLOW:-}" ] || [ "$1" -gt 1 ] || peer optuna "$each" "$PYTHON" "$peers/search_optuna.py" zdt1
}

tpe() {
    each='$1 != "case" { print "tpe ask+tell " $1 " " $3 "," tool "," 1e6 * $4 ",us cpu" }'
    most=1000
    [ -z "${SLOW:-}" ] || most=10000
    row cull "$each" "$BENCH/bench_tpe" --repeat 5
    [ "$1" -gt 1 ] || peer optuna "$each" "$PYTHON" "$peers/tpe_optuna.py" "$most"
}

front() {
    each='$1 != "case" && !/^#/ { print $1 " " $3 " x " $4 "," $2 "," 1e3 * $5 ",ms cpu" }'
    row cull "$each" "$BENCH/bench_front" --write "$work"
    [ "$1" -gt 1 ] || peer numpy "$each" "$PYTHON" "$peers/front_peers.py" "$work"
}

store() {
    both='NR > 1 { if ($4 != "") print $1 " at," $2 "," $4 ",us cpu"; print $1 " at," $2 "," $5 ",us wall" }'
    for where in tmpfs disk; do
        at=$work
        [ $where = tmpfs ] && at=$ram
        named=$(echo "$both" | sed "s/ at,/ $where,/g")
        row cull "$named" "$BENCH/bench_store" told "$at/study.db" 5000
        row cull "$named" "$BENCH/bench_store" told "$at/study.db" 100 --sync
        peer optuna "$named" "$PYTHON" "$peers/search_optuna.py" told "$at/study.db" 100
    done
    named=$(echo "$both" | sed "s/ at,/ disk,/g")
    row cull 'NR > 1 { print "reload a million (of 50000)," tool "," $4 ",s cpu" }' \
        "$BENCH/bench_store" reload "$ram/study.db" 50000
    row cull "$named" "$BENCH/bench_store" many "$work/study.db" "$MANY" 2000
    row cull 'NR > 1 { print $1 "," $2 "," $4 / 1e3 ",ms cpu"; print $1 "," $2 "," $5 / 1e3 ",ms wall" }' \
        "$BENCH/bench_store" program 200
}

load=$(cut -d' ' -f1 /proc/loadavg)
[ $# -gt 0 ] || set -- ask nsga2 zdt1 tpe front store
round=1
while [ "$round" -le "$ROUNDS" ]; do
    for what; do "$what" "$round"; done
    round=$((round + 1))
done
echo "# $(uname -sr | cut -d- -f1), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc --all) CPUs, load $load to" \
    "$(cut -d' ' -f1 /proc/loadavg); $("${CC:-cc}" -dumpfullversion | sed 's/^/gcc /'); least of $ROUNDS rounds in turn; $(date +%F)"
"$PYTHON" -c '
from importlib.metadata import version
for name in "optuna", "pymoo", "moocore", "numpy":
    try:
        print("# " + name, version(name))
    except ImportError:
        pass' | paste -sd " " -

# rows of OLD are of other runs than the ones here, so their ratios are as they were
if [ -n "${OLD:-}" ]; then
    sed -n "s/^# \(Linux \)/# kept rows: \1/p; t; /^# kept rows: /p" "$OLD"
    awk -F, 'NR == FNR { run[$1]; next } !/^#/ && $1 != "case" && !($1 in run)' "$rows" "$OLD" >"$work/kept"
    cat "$work/kept" >>"$rows"
fi

# the least of the rounds (of volumes any), and how many times faster cull is than each peer
sort -t, -k1,1 -k4,4 -k2,2 -k3,3g "$rows" | awk -F, '
    BEGIN { print "case,tool,value,unit" }
    ($1, $4, $2) in seen { next }
    {
        seen[$1, $4, $2] = 1
        printf "%s,%s,%.4g,%s\n", $1, $2, $3, $4
        if ($2 == "cull") own[$1 "," $4] = $3
        else if ($4 != "") other[$1 "," $4 "," $2] = $3
    }
    END {
        for (i in other) {
            split(i, part, ",")
            if ((part[1] "," part[2]) in own && own[part[1] "," part[2]] > 0)
                printf "# %s (%s): cull takes 1/%.3g of the time of %s\n", part[1], part[2],
                    other[i] / own[part[1] "," part[2]], part[3] | "sort"
        }
    }'
