# certificates: fitted, shown, checked, applied; what speaks against a guarantee; what is wrong, by name
rows() { awk -v n="$1" -v seed="$2" 'BEGIN { srand(seed); print "mu,y,cls,g,bad"
    for (i = 0; i < n; i++) { x = (i * seed * 7919 % 1009 + seed / 9) / 1009; e = (i * seed * 104729 % 997) / 997
        printf "%.4f,%.4f,%d,%s,%s\n", x, x + (e - 0.5) * 0.4, (x + (e - 0.5) * 0.4 > 0.5), i % 3 ? "a" : "b", i == 4 ? "nan" : 1 } }'; }
rows 60 3 >cal.csv
rows 40 5 >new.csv
cull trust conformal-selection --score mu --truth y --above 0.5 --level 0.3 cal.csv -o cert.json
cull trust show cert.json
cull trust apply cert.json --score mu new.csv -o kept.csv
head -3 kept.csv
cull trust check cert.json --score mu --truth y new.csv
# groups are known by their names, in whatever order a file has them
cull trust prediction-intervals --score mu --truth y --by group --group g --level 0.2 cal.csv -q -o groups.json
cull trust apply groups.json --score mu --group g new.csv -q >there.tsv
{ head -1 new.csv && sed 1d new.csv | sort -r; } >turned.csv
cull trust apply groups.json --score mu --group g turned.csv -q | sed 1d | cut -f2,3 | sort >a
sed 1d there.tsv | cut -f2,3 | sort | cmp - a && echo "the same intervals"
# calibration rows again: no guarantee
cull trust apply cert.json --score mu cal.csv -o again.csv
# three rows are too few for the level: intervals without ends
head -4 cal.csv >three.csv
cull trust prediction-intervals --score mu --truth y --level 0.1 three.csv -o three.json
cull trust apply three.json --score mu new.csv -q | sed -n 2p
# all right, all wrong
for y in 1 0; do
    awk -F, -v OFS=, -v y=$y 'NR > 1 { $3 = y } 1' cal.csv >alike.csv
    cull trust conformal-selection --score mu --truth cls --level 0.2 alike.csv -q -o alike.json
    cull trust apply alike.json --score mu new.csv -o alike.tsv
done
# what does not hold is told by the exit code
awk -F, -v OFS=, 'NR > 1 { $2 = -1 } 1' new.csv >shifted.csv
cull trust check cert.json --score mu --truth y shifted.csv -q | head -2
# what is wrong
try() { cull "$@" && echo "it was taken: $*"; }
try trust
try trust show cert.json cal.csv
try trust check cert.json --score mu new.csv
try compute apply cert.json --score mu new.csv
try trust conformal-selection --score mu cal.csv
try trust conformal-selection --score bad --truth y cal.csv
try trust conformal-selection --score mu --truth y --level 0 cal.csv
try trust conformal-selection --score mu --truth y --delta 0.1 cal.csv
try trust prediction-sets --truth cls cal.csv
try trust prediction-intervals --score mu --truth y --by group cal.csv
try trust apply groups.json --score mu new.csv
try trust apply cert.json --score mu,y new.csv
true
# block by block, from standard input and compressed alike; nothing is left of what failed
rows 200000 7 >long.csv
cull trust apply groups.json --score mu --group g long.csv -q -o long.tsv
wc -l <long.tsv
cull trust apply groups.json --score mu --group g - <long.csv -q | cmp - long.tsv && echo "the same from standard input"
gzip -c long.csv >long.csv.gz
cull trust apply groups.json --score mu --group g long.csv.gz -q | cmp - long.tsv && echo "the same compressed"
awk -F, -v OFS=, 'NR == 150000 { $1 = "x" } 1' long.csv >broken.csv
cull trust apply groups.json --score mu --group g broken.csv -q -o broken.tsv || ls broken.tsv* 2>/dev/null || echo "no file"
# a score and whether its answer was right
awk -F, 'NR == 1 { print "sure,right"; next } { s = (NR * 37 % 100) / 100; print s "," (NR * 61 % 100 < 100 * s) }' cal.csv >right.csv
cull trust selective-classification --score sure --quality right --level 0.3 -q right.csv -o sure.json
cull trust apply sure.json --score sure right.csv -q | head -3
cull trust check sure.json --score sure --truth right right.csv | head -3
