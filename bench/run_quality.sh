#!/bin/sh
# Methods of search and Optuna's on the same tables, over the same number of seeds: one csv of means, and the table of
# bench/README.md. Hours on one core; what is in RUNS already is not run again, so it can be stopped and gone on with.
#
#   bench/run_quality.sh DATA RUNS [TABLE...]
#
# DATA: where the tables lie (`cull bench search --list` says how). RUNS: a folder for every run, a file for each table and tool.
# Environment: CULL (build/cull), PYTHON (/usr/bin/python3, with optuna), SEEDS (50), AT (50,100; of nb201-c10 also 200),
# METHODS ("" = none of cull's), SAMPLERS ("tpe random"), and of tables of two objectives METHODS2, SAMPLERS2. Means of
# what is not in RUNS stay as they are.
set -eu
data=${1:?usage: bench/run_quality.sh DATA RUNS [TABLE...]}
runs=${2:?usage: bench/run_quality.sh DATA RUNS [TABLE...]}
shift 2
root=$(cd "$(dirname "$0")/.." && pwd)
CULL=${CULL:-$root/build/cull}
PYTHON=${PYTHON:-/usr/bin/python3}
SEEDS=${SEEDS:-50}
METHODS=${METHODS-gp,tpe,regularized-evolution,annealing,local-search}
SAMPLERS=${SAMPLERS-tpe random}
METHODS2=${METHODS2-gp,tpe,nsga2,nsga3,linas}
SAMPLERS2=${SAMPLERS2-tpe random nsga2 tpe-joint}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
[ -x "$CULL" ] || { echo "bench/run_quality.sh: no $CULL: build it" >&2; exit 1; }
mkdir -p "$runs"
list=$("$CULL" bench search --list)
[ $# -gt 0 ] || set -- $(echo "$list" | cut -f1 | grep -v '^micro3$')
peers=true
"$PYTHON" -c "import optuna" 2>/dev/null || { echo "# no python module optuna: the peer is left out" >&2; peers=false; }

# once FILE COMMAND...: FILE is what the command says, whole or not at all
once() {
    file=$1
    shift
    [ -e "$file" ] && return 0
    "$@" >"$file.part"
    mv "$file.part" "$file"
}

for table; do
    at=${AT:-50,100}
    [ "$table" != nb201-c10 ] || at=${AT:-50,100,200}
    methods=$METHODS samplers=$SAMPLERS
    [ "$(echo "$list" | awk -F '\t' -v t="$table" '$1 == t { print $2 }')" != volume ] ||
        methods=$METHODS2 samplers=$SAMPLERS2
    if [ -n "$methods" ] && [ ! -e "$runs/$table.cull.csv" ]; then
        "$CULL" bench search "$table" --data "$data" --methods "$methods" --seeds "$SEEDS" --at "$at" --threads 1 -q \
            -o "$runs/part.csv"
        mv "$runs/part.csv" "$runs/$table.cull.csv"
    fi
    $peers || continue
    once "$runs/$table.jsonl" "$CULL" bench search "$table" --data "$data" --dump
    for sampler in $samplers; do
        once "$runs/$table.optuna-$sampler.csv" \
            "$PYTHON" -W ignore "$root/bench/peers/search_tables.py" "$runs/$table.jsonl" "$SEEDS" "$at" "$sampler"
    done
done
results=$root/bench/results/search-quality.csv
set -- "$runs"/*.cull.csv "$runs"/*.optuna-*.csv
[ -e "$1" ] || shift
"$PYTHON" "$root/bench/search_quality.py" means "$results" "$@" >"$runs/means.csv"
{
    echo "# $("$CULL" --version | head -1), $("$PYTHON" -c 'import optuna; print("Optuna", optuna.__version__)'), $SEEDS seeds"
    cat "$runs/means.csv"
} >"$results"
"$PYTHON" "$root/bench/search_quality.py" page "$results" "$root/bench/README.md"
