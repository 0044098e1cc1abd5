# a row for each run: the same policy as of a column for each way, to the byte, whatever the order of the rows
awk 'BEGIN { srand(7); print "w,way,speed,usd,load,size" > "long.csv"; print "batched,cached,plain,cb,cc,cp,load,size" > "wide.csv"
    for (i = 10; i < 40; i++) { l = 1 + int(rand() * 9); s = int(rand() * 100) / 8; b = 5 + l + rand(); c = 14 - l + rand(); p = 8 + rand()
        printf "%.4f,%.4f,%.4f,3,2,1,%d,%g\n", b, c, p, l, s >"wide.csv"
        printf "%d,plain,%.4f,1,%d,%g\n%d,cached,%.4f,2,%d,%g\n%d,batched,%.4f,3,%d,%g\n", i, p, l, s, i, c, l, s, i, b, l, s >"long.csv" } }'
{ head -1 long.csv; tail -n +2 long.csv | sort -t, -k5,5 -k3,3r; } >sorted.csv
L="--long workload=w,way=way,quality=speed,cost=usd --attributes load,size"
cull compute metainf --quality batched,cached,plain --cost cb,cc,cp --attributes load,size wide.csv -q -o wide.json
cull compute metainf $L long.csv -q --threads 1 -o long.json
cull compute metainf $L sorted.csv -q --threads 3 -o sorted.json
cmp wide.json long.json && cmp long.json sorted.json && echo "one policy"
sed -n 's/.*"models":\(\[[^]]*\]\).*/\1/p' long.json
cull compute apply long.json --models batched,cached,plain --attributes load,size wide.csv -q | cut -f2 | sort | uniq -c
cull compute check long.json $L sorted.csv | cut -f1,5
# a row of jsonl, and from standard input
awk -F, 'NR > 1 { printf "{\"w\":%s,\"way\":\"%s\",\"speed\":%s,\"usd\":%s,\"load\":%s,\"size\":%s}\n", $1, $2, $3, $4, $5, $6 }' sorted.csv >runs.jsonl
cull compute metainf $L runs.jsonl -q | cmp - wide.json && cull compute metainf $L - -q <runs.jsonl | cmp - wide.json && echo "jsonl, too"
# the log of a search: workloads of two columns, times, a trial that failed
cat >space.cull <<'EOF'
way = one(plain, cached)
load = int(1, 8)
size = ordinal(10, 20)
EOF
cat >run.sh <<'EOF'
[ "$1 $2 $3" = "plain 8 20" ] && exit 1
awk -v w="$1" -v l="$2" -v s="$3" 'BEGIN { print "seconds=" (w == "plain" ? l * s / 10 : 4 + l * s / 40) }'
EOF
cull search space.cull --minimize seconds --method grid --budget 32 --store st.db -q -- sh run.sh {way} {load} {size} >table 2>&1
cull search export st.db -o log.csv
cull compute metainf --long workload=load+size,way=way,time=seconds --attributes load,size log.csv -q -o ways.json
printf 'load,size\n1,10\n8,20\n' >new.csv
cull compute apply ways.json --models cached,plain --attributes load,size new.csv -q | cut -f1,2
# attributes of a second table
cut -d, -f1-4 long.csv >bare.csv
{ echo size,w,load; awk -F, 'NR > 1 { print $6 "," $1 "," $5 }' sorted.csv | sort -u; echo 1,99,1; } >w.csv
W="--long workload=w,way=way,quality=speed,cost=usd --attributes load,size --workloads"
cull compute metainf $W w.csv bare.csv -q | cmp - wide.json && echo "of two tables, too"
# what is wrong
try() { cull "$@" && echo "it was taken: $*"; }
sed '7s/[0-9.]*$/77/' long.csv >other.csv
try compute metainf $L other.csv
try compute metainf $L - <other.csv
try compute metainf --long workload=w,way=way,quality=speed --attributes way long.csv
try compute metainf --long workload=w,way=way,quality=speed long.csv
try compute metainf --long workload=w,way=way,quality=sped --attributes load long.csv
try compute metainf $L --features x.npy long.csv
try compute metainf $L
try compute apply long.json $L long.csv
sed 5d w.csv >less.csv
try compute metainf $W less.csv bare.csv
try compute metainf --quality plain --attributes load --workloads w.csv wide.csv
try trust elect $L long.csv
try compute metainf --quality plain --attributes load,none wide.csv
exit 0
