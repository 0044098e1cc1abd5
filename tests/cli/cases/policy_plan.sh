# what a fit, apply and check of a policy would read, do, write and hold; nothing is written
awk 'BEGIN { srand(5); print "s1,s2,q1,q2,y"
    for (i = 0; i < 20000; i++) { y = rand() < 0.6; print rand() "," rand() "," (rand() < 0.6) "," (rand() < 0.9) "," y } }' >rows.csv
of="--quality q1,q2 --score s1,s2 --cost 1,7"
plan() { cull "$@" --plan | sed 's/about [0-9.]* MiB/about so much/'; }
plan compute cascade $of --budget 4 rows.csv -o policy.json
[ ! -e policy.json ] && echo "nothing is written"
cull compute cascade $of --budget 4 --plan --json rows.csv | sed 's/"bytes":[0-9]*/"bytes":0/'
cull compute cascade $of --budget 4 rows.csv -q -o policy.json
plan compute apply policy.json --models q1,q2 --score s1,s2 rows.csv -o decisions.csv
plan compute check policy.json $of rows.csv
plan trust elect --score s1,s2 --truth y --group q1 rows.csv
plan trust conformal-selection --truth y --score s1 rows.csv | grep memory
# a part of the rows alone is refused; all of them need not be
plan compute cascade $of --risk 0.0001 rows.csv | grep note
# what is wrong with all of them is said as ever
try() { cull "$@" && echo "it was taken: $*"; }
try compute cascade $of --budget -1 --plan rows.csv
try compute cascade --score s1,s2 --plan rows.csv
head -50 rows.csv >few.csv
try compute cascade $of --budget 0.1 --plan few.csv
try compute show policy.json --plan
exit 0
