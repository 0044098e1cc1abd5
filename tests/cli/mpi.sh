#!/bin/sh
# cull-mpi: the same bytes as the plain command for any number of processes; failures told once; a process
# that dies takes the others with it and leaves no file. usage: mpi.sh CULL SOURCE
set -u
CULL=$1
[ -x "$CULL-mpi" ] || { echo "skipped: there is no $CULL-mpi (built where there is an MPI: libopenmpi-dev)"; exit 77; }
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun (openmpi-bin)"; exit 77; }
# Open MPI asks for this where the user is root, and where there are more processes than CPUs
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
. "$2/tests/cli/fixtures.sh"
fixtures || exit 1
failed=0
wrong() { echo "failed $*"; failed=1; }
# an array of 6000 rows of 16 numbers, in halves: bytes of a generator that awk has
awk 'BEGIN { s = 7; for (i = 0; i < 6000 * 16; i++) { s = (s * 16807) % 2147483647; printf "%d\n", s % 2000 - 1000 } }' >numbers
paste -d, - - - - - - - - - - - - - - - - <numbers | awk '{ n = split($0, v, ","); printf "0"; for (i = 1; i <= n; i++) printf " %d:%s", i, v[i]; print "" }' >big.svm
"$CULL" info big.svm >/dev/null || exit 1
head -40 big.svm >few.svm

# same WORDS: by the command alone, then by 1, 2 and 4 processes
same() {
    "$CULL" data -q "$@" >want || { wrong "alone: $*"; return; }
    for n in 1 2 4; do
        timeout 120 mpirun -n $n "$CULL-mpi" data -q --threads 1 "$@" >got || wrong "$n processes: $*"
        cmp -s want got || wrong "$n processes differ: $*"
    done
}
for m in rds-plus tarot got-d kmq k-centre semdedup facility-location; do same $m --budget 50 --target few.svm big.svm; done
same facility-location --neighbours 20 --recall 0.4 --budget 50 big.svm
same rds-plus --budget 6 --target dev.jsonl pool.jsonl
same minhash pool.jsonl
"$CULL" cluster -q --clusters 30 big.svm -o want.npy
timeout 120 mpirun -n 3 "$CULL-mpi" cluster -q --clusters 30 big.svm -o got.npy && cmp want.npy got.npy || wrong "cluster"

# said once, with the command's own exit code
timeout 60 mpirun -n 3 "$CULL-mpi" data kmq --budget 5 nothere.npy 2>err && wrong "a missing file"
[ "$(grep -c 'nothere.npy: cannot open' err)" = 1 ] || wrong "the sentence: $(cat err)"
timeout 60 mpirun -n 2 "$CULL-mpi" data kmq --budget 5 - <pool.jsonl 2>err && wrong "standard input"
grep -q 'standard input reaches one process only' err || wrong "standard input: $(cat err)"
# processes that were not given the same
timeout 60 mpirun -n 1 "$CULL-mpi" data -q kmq --seed 1 --budget 50 big.svm -o x.json : -n 1 "$CULL-mpi" data -q kmq --seed 2 --budget 50 big.svm -o x.json 2>err && wrong "two seeds"
grep -q 'has come to something else' err || wrong "two seeds: $(cat err)"
[ -e x.json ] && wrong "two seeds left a file"

# one dies in the middle
timeout 60 mpirun -n 3 "$CULL-mpi" cluster -q --clusters 400 --iterations 100000 --restarts 1000 big.svm -o dead.npy 2>/dev/null &
run=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.3
    one=$(pgrep -f "cull-mpi cluster -q --clusters 400.*dead.npy" | tail -1)
    [ -n "$one" ] && [ $i -gt 3 ] && break
done
kill -9 "$one"
wait $run && wrong "a run with a dead process ended well"
ls | grep -q '^dead' && wrong "a dead run left $(ls | grep '^dead')"
[ $failed = 0 ] && echo "the same for 1, 2 and 4 processes"
exit $failed
