# a cascade: fitted, shown, checked, applied; what is wrong, by name
cat >val.csv <<'EOF'
s1,s2,q1,q2,c2,bad,minus
0.95,0.9,1,1,10,1,1
0.9,0.8,1,1,12,1,2
0.85,0.9,1,1,11,1,1
0.8,0.7,1,1,12,1,1
0.75,0.9,1,1,10,1,1
0.5,0.9,0,1,12,1,1
0.45,0.8,0,1,13,1,1
0.4,0.9,1,1,12,nan,-3
0.35,0.6,0,0,11,1,1
0.3,0.9,0,1,12,1,1
EOF
q="--quality q1,q2 --score s1,s2"
cull compute cascade $q --cost 1,c2 --budget 8 val.csv -o policy.json
cull compute show policy.json | cut -c1-100
cull compute check policy.json $q --cost 1,c2 val.csv
cull compute apply policy.json --models q1,q2 --score s1,s2 --cost 1,c2 val.csv -q
cull compute apply policy.json --models q1,q2 --score s1,s2 --cost 1,c2 val.csv -q -o d.csv
head -2 d.csv
cull compute cascade $q --cost 1,c2 --budget 8 val.csv -q | cmp - policy.json && echo "the same on standard output"
# what is wrong
try() { cull "$@" && echo "it was taken: $*"; }
try compute
try compute fit val.csv
try compute apply
try compute apply val.csv val.csv
try compute apply policy.json --models q1,q2 --score s1,s2 val.csv more.csv
try trust apply policy.json --score s1 val.csv
try compute apply policy.json --models q1,q2 --score s1 val.csv
try compute apply policy.json --models q2,q1 --score s1,s2 val.csv
try compute apply policy.json --models q1,q2 --score s1,s2 --cost 1,c2 --spend 0.5 val.csv
try compute cascade $q --cost 1,minus val.csv
try compute cascade --quality q1,q2 --score s1,bad val.csv
try compute cascade --quality q1,q3 --score s1,s2 val.csv
try compute cascade $q --cost 1 val.csv
try compute cascade $q --cost 1,c2 --budget 0.5 val.csv
try compute cascade $q --budget -1 val.csv
try compute cascade --score s1,s2 val.csv
try compute cascade $q val.csv val.csv
sed 3,4d val.csv >less.csv
try compute cascade $q --truth val.csv less.csv
printf 'x\n1\n2\n' >two.csv
try compute cascade $q --truth two.csv val.csv
try compute check policy.json --models q1,q2 --score s1,s2 --cost 1,c2 val.csv
head -c 500 policy.json >cut.json
try compute show cut.json
# all right, all wrong, of three rows: what can be learnt of them is learnt
for right in 1 0; do
    awk -F, -v OFS=, -v r=$right 'NR > 1 { $3 = $4 = r } NR < 5' val.csv >alike.csv
    cull compute cascade $q --cost 1,12 alike.csv -o p.json
    cull compute check p.json $q --cost 1,12 alike.csv | cut -f1,2,5
done
