# streams that change: alarms, thresholds that follow, rows whose truth never comes; probabilities that are calibrated
rows() { awk -v n="$1" -v seed="$2" -v at="$3" 'BEGIN { print "mu,y,s,c"
    for (i = 0; i < n; i++) {
        x = (x * 16807 + seed) % 2147483647; u = x / 2147483647; x = (x * 16807 + seed) % 2147483647; e = x / 2147483647 - 0.5
        x = (x * 16807 + seed) % 2147483647
        printf "%.4f,%s,%.4f,%d\n", u, (i % 10 == 9 ? "" : sprintf("%.4f", u + e * (i < at ? 1 : 4))), u, (x / 2147483647 < u * u) } }'; }
rows 300 7 300 | awk -F, '$2 != ""' >cal.csv
rows 3000 11 1500 >stream.csv
rows 3000 13 3000 >still.csv
cull trust prediction-intervals --score mu --truth y --level 0.1 cal.csv -q -o cert.json
cull trust apply cert.json --score mu --truth y --watch stream.csv -o out.csv
head -2 out.csv
cull trust apply cert.json --score mu --truth y --watch --follow 0.02 --alarm 0.01 --window 200 stream.csv -o one.csv
cull trust apply cert.json --score mu --truth y --watch - <stream.csv -q | tr '\t' , | cmp - out.csv && echo "the same from standard input"
cull trust apply cert.json --score mu --truth y --watch still.csv -o still.jsonl
head -1 still.jsonl
# what follows no threshold is tested alone, or fitted anew
cull trust prediction-intervals --score mu --truth y --level 0.1 --ends each cal.csv -q -o each.json
cull compute cascade --score s,mu --quality c,c --cost 1,2 cal.csv -q -o policy.json
cull compute apply policy.json --models c,c --score s,mu --cost 1,2 --watch still.csv -o calls.tsv
head -2 calls.tsv
# a limit to the risk in expectation: the place on the front follows; and with delta, fitted anew after the alarm
calls() { awk -v n="$1" -v seed="$2" -v at="$3" 'BEGIN { print "a,b,qa,qb"
    for (i = 0; i < n; i++) {
        x = (x * 16807 + seed) % 2147483647; u = x / 2147483647; x = (x * 16807 + seed) % 2147483647; v = x / 2147483647
        x = (x * 16807 + seed) % 2147483647; w = x / 2147483647
        q = i % 7 == 6
        printf "%.4f,%.4f,%s,%s\n", u, v, (q ? "nan" : v < 0.4 + 0.6 * u - (i < at ? 0 : 0.3)), (q ? "nan" : w < 0.97) } }'; }
calls 1200 5 1200 >known.csv
calls 3000 9 1500 >later.csv
of="--score a,b --cost 1,9"
cull compute cascade --quality qa,qb $of --risk 0.15 --delta 0 known.csv -q -o mean.json
cull compute apply mean.json --quality qa,qb $of --watch later.csv -o place.csv
sed -n '1,2p' place.csv
cull compute cascade --quality qa,qb $of --risk 0.15 --delta 0.1 known.csv -q -o sure.json
cull compute apply sure.json --quality qa,qb $of --watch --anew 500 later.csv -o anew.csv
cull compute apply sure.json --quality qa,qb $of --watch --anew 20 later.csv -o anew.csv
cull trust apply each.json --score mu --truth y --watch --anew 400 stream.csv -o accept.csv
try() { cull "$@" && echo "it was taken: $*"; }
cull trust apply each.json --score mu --truth y --watch still.csv -o each.csv
try trust apply cert.json --score mu --watch still.csv
try trust apply cert.json --score mu --truth y still.csv
try trust apply cert.json --score mu --alarm 0.1 still.csv
try trust apply cert.json --score mu --truth y --watch --alarm 2 still.csv
try trust prediction-intervals --score mu --truth y --watch cal.csv
try trust apply cert.json --score mu --truth y --watch --anew 500 stream.csv
try trust apply each.json --score mu --watch --anew 500 still.csv
try compute apply policy.json --models c,c --score s,mu --cost 1,2 --watch --anew 500 still.csv
try compute apply mean.json --models qa,qb $of --watch later.csv
try compute apply sure.json --quality qa,qb $of --anew 500 later.csv
try compute apply sure.json --quality qa,qb $of --watch --anew 0 later.csv
sed 's/"problem"/"riddle"/' sure.json >old.json
try compute apply old.json --quality qa,qb $of --watch --anew 500 later.csv
sed 's/,0.9[0-9]*,/,7,/2' later.csv | sed '2,$s/,1$/,7/' >odd.csv
try compute apply mean.json --quality qa,qb $of --watch odd.csv
# calibration
for k in isotonic venn-abers; do
    cull trust calibration --kind $k --score s --truth c cal.csv -o k.json
    cull trust apply k.json --score s still.csv -q | sed -n '1,2p'
    cull trust check k.json --score s --truth c still.csv
done
try trust calibration --kind temperature --score s --truth c cal.csv
try trust calibration --score s --truth y cal.csv
try trust check k.json --score s still.csv
true
