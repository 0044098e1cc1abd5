#!/bin/sh
# Merges of large checkpoints beside cp of one of them, cp until the copy is on the disk, as merges are, and mergekit.
# usage: run_weights.sh CULL PYTHON DIR [BYTES] [DTYPE]   -> csv: what, method, seconds, user, system, MiB anonymous, exit code
# PYTHON has mergekit; DIR takes four times BYTES (1e9) twice over. Files that are there are taken as they are. Each run comes after the
# same use of memory: all files read, one written and removed. Environment: ROUNDS (1), METHODS, PEER, those of them that mergekit runs too, and
# CACHE: cold, page cache without what is read, or warm.
cull=$1 python=$2 dir=$3 here=$(dirname "$0")
[ -f "$dir/b/model.safetensors" ] || $python "$here/peers/merge_mergekit.py" make "$dir" "${4:-1e9}" "${5:-bfloat16}"
in="$dir/base/model.safetensors $dir/a/model.safetensors $dir/b/model.safetensors"
cold="--cold $in"
[ "${CACHE:-cold}" = cold ] || cold=
run() { # label, command
    label=$1
    shift
    cat $in >/dev/null
    cp "$dir/a/model.safetensors" "$dir/out"
    rm "$dir/out"
    [ -n "$cold" ] || cat $in >/dev/null
    python3 "$here/measured.py" "$label" $cold -- "$@"
    rm -rf "$dir/out" "$dir/out.safetensors"
}
METHODS=${METHODS-linear ties breadcrumbs}
PEER=${PEER-$METHODS}
echo "what,method,seconds,user,system,anonymous_mib,exit"
for round in $(seq "${ROUNDS:-1}"); do
    run cp,copy cp "$dir/a/model.safetensors" "$dir/out.safetensors"
    run cp,copy-and-sync sh -c 'cp "$0" "$1" && sync "$1"' "$dir/a/model.safetensors" "$dir/out.safetensors"
    for method in $METHODS; do
        base="--base $dir/base" more=
        [ $method = linear ] && base=
        [ $method = ties ] && more="--density 0.3"
        [ $method = breadcrumbs ] && more="--density 0.15 --gamma 0.006 --alpha 1 --granularity tensor"
        run cull,$method "$cull" weights $method -q $base $more --weights 0.5,0.5 "$dir/a" "$dir/b" -o "$dir/out.safetensors"
    done
done
for method in $PEER; do
    run mergekit,$method $python "$here/peers/merge_mergekit.py" run $method "$dir" "$dir/out"
done
run cp,copy cp "$dir/a/model.safetensors" "$dir/out.safetensors"
