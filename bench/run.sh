#!/bin/sh
# Times cull and its peers on the same input, one right after the other, and prints the ratios.
#
#   bench/run.sh topk|kmeans|facility-location|best|sinkhorn|near|near-noise|distinct|gemm|dot [bench_num options, e.g. --n 500000]
#
# Environment: BENCH (the built bench_num; default build/bench/bench_num), PYTHON (/usr/bin/python3 with
# faiss and sklearn, or apricot and submodlib), ROUNDS (3), REPEAT (3: each round's median), THREADS ("1 2"), KS ("10 100 1000"),
# COSINE (0.9, of near, near-noise and distinct), OPENBLAS_DIR (a folder with another libopenblas.so.0 for the peers to try as well).
# Each tool runs ROUNDS times in turn at each number of threads; a row is the median of its rounds, and
# a peer's best setting counts: the system's BLAS, and OpenBLAS's OpenMP build with bound threads.
set -eu
case=${1:?usage: bench/run.sh topk|kmeans|facility-location|best|sinkhorn|near|near-noise|distinct|gemm|dot [options]}
shift
root=$(cd "$(dirname "$0")/.." && pwd)
BENCH=${BENCH:-$root/build/bench/bench_num}
PYTHON=${PYTHON:-/usr/bin/python3}
ROUNDS=${ROUNDS:-3}
REPEAT=${REPEAT:-3}
THREADS=${THREADS:-1 2}
KS=${KS:-10 100 1000}
COSINE=${COSINE:-0.9}
OPENBLAS_DIR=${OPENBLAS_DIR:-/usr/lib/x86_64-linux-gnu/openblas-openmp}
[ -x "$BENCH" ] || { echo "bench/run.sh: no $BENCH: configure with -DCULL_BENCH=ON and build" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
rows=$work/rows.csv
: >"$rows"

# peer SETTING COMMAND...: one row, the tool's name with the setting behind it; a failure is told, not fatal
peer() {
    setting=$1
    shift
    if [ "$setting" = bound ]; then
        [ -e "$OPENBLAS_DIR/libopenblas.so.0" ] || return 0
        out=$(OMP_PROC_BIND=true LD_LIBRARY_PATH=$OPENBLAS_DIR "$@") || { echo "# failed: $*" >&2; return 0; }
    else
        out=$("$@") || { echo "# failed: $*" >&2; return 0; }
    fi
    echo "$out" | sed "s/^\([^,]*,[^,]*\),/\1-$setting,/" >>"$rows"
}

have() { "$PYTHON" -c "import $1" 2>/dev/null || { echo "# no python module $1: peer left out" >&2; return 1; }; }

echo "# $(uname -sr), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)" >&2
[ "$case" = topk ] || KS=${KS%% *}
faiss=false; sklearn=false; apricot=false; submodlib=false; pot=false; geomloss=false
case $case in
topk) have faiss && faiss=true || : ;;
near | near-noise) have faiss && faiss=true || : ;;
sinkhorn)
    have ot && pot=true || :
    have geomloss && geomloss=true || :
    ;;
kmeans)
    have faiss && faiss=true || :
    have sklearn && sklearn=true || :
    ;;
facility-location)
    KS=${FACILITY_K:-1000}
    have apricot && apricot=true || :
    have submodlib && submodlib=true || :
    ;;
esac
for k in $KS; do
    kopt="--k $k"
    case $case in
    kmeans | sinkhorn) kopt= ;;
    near* | distinct) kopt="--cosine $COSINE" ;;
    esac
    if $faiss || $sklearn || $apricot || $submodlib || $pot || $geomloss; then "$BENCH" "$case" $kopt --repeat 1 --write "$work" "$@" >/dev/null; fi
    round=1
    while [ "$round" -le "$ROUNDS" ]; do
        for t in $THREADS; do
            "$BENCH" "$case" $kopt --repeat "$REPEAT" --threads "$t" "$@" >>"$rows"
            for setting in plain bound; do
                export OMP_NUM_THREADS="$t" OPENBLAS_NUM_THREADS="$t"
                if [ "$case" = topk ] && $faiss; then
                    peer "$setting" "$PYTHON" "$root/bench/peers/topk_faiss.py" "$work" "$k" "$t" "$REPEAT"
                fi
                if [ "${case#near}" != "$case" ] && $faiss; then
                    peer "$setting" "$PYTHON" "$root/bench/peers/near_faiss.py" "$work" "$case" "$COSINE" "$t" 1
                fi
                if [ "$case" = kmeans ] && $faiss; then
                    peer "$setting" "$PYTHON" "$root/bench/peers/kmeans_peers.py" "$work" faiss "$t" "$REPEAT"
                fi
                if [ "$case" = kmeans ] && $sklearn; then
                    peer "$setting" "$PYTHON" "$root/bench/peers/kmeans_peers.py" "$work" sklearn "$t" "$REPEAT"
                fi
                for peer in apricot submodlib; do
                    eval "\$$peer" || continue
                    peer "$setting" "$PYTHON" "$root/bench/peers/facility_peers.py" "$work" $peer "$k" "$t" 1
                done
                if $geomloss && [ "$setting" = plain ]; then # torch brings its own product
                    peer "$setting" "$PYTHON" "$root/bench/peers/sinkhorn_geomloss.py" "$work" "$t" "$REPEAT"
                fi
                if $pot; then
                    peer "$setting" "$PYTHON" "$root/bench/peers/sinkhorn_pot.py" "$work" "$t" "$REPEAT"
                fi
                unset OMP_NUM_THREADS OPENBLAS_NUM_THREADS
            done
        done
        round=$((round + 1))
    done
done

# medians over the rounds; a peer's better setting; how many times faster cull is
sort -t, -k1,1 -k2,2 -k3,3n -k4,4g "$rows" | awk -F, '
    function flush() {
        if (!n) return
        m = n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
        printf "%s,%s,%s,%.4f,%.1f\n", c, tool, t, m, work / m
        name = tool
        sub(/-(plain|bound)$/, "", name)
        id = c "," t
        if (name == "cull") own[id] = m
        else if (!((id, name) in best) || m < best[id, name]) best[id, name] = m
        n = 0
    }
    BEGIN { print "case,tool,threads,seconds,gflops" }
    { if ($1 != c || $2 != tool || $3 != t) { flush(); c = $1; tool = $2; t = $3 } v[++n] = $4; work = $4 * $5 }
    END {
        flush()
        for (i in best) {
            split(i, part, SUBSEP)
            if (part[1] in own)
                printf "# %s: cull takes 1/%.2f of the time of %s\n", part[1], best[i] / own[part[1]], part[2] | "sort"
        }
    }'
