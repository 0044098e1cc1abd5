#!/bin/sh
# address_space.sh CULL: under any limit to the address space cull answers, in a sentence where it is too small to load its libraries.
cull=$1
bad=0
for kib in 200000 250000 300000 340000 350000 360000 400000 500000; do
  said=$( (ulimit -v $kib; timeout 20 "$cull" list 2>&1 >/dev/null); echo $?)
  case $said in
  0) ;;
  *"cull: less than 257 MiB of address space is left"*1) ;;
  *"cannot allocate memory"*127 | *"failed to map segment"*127) ;; # the loader's own
  *) echo "$kib KiB: $said"; bad=1 ;;
  esac
done
said=$( (ulimit -v 1000000; "$cull" list 2>&1 >/dev/null); echo $?)
[ "$said" = 0 ] || { echo "1000000 KiB: $said"; bad=1; }
exit $bad
