# columns of a table: chosen, judged, written, applied by name to another table, replayed
table 60 >t.csv
cull feature random-columns --budget 2 --target outcome --avoid size --group site -q t.csv
cull feature random-columns --budget 2 --target size --task regress --stability 10 -q t.csv -o p.json -o k.csv -o r.md --with-target --avoid outcome
head -2 k.csv
sed 1d r.md | cut -d '|' -f 2,3
cull replay p.json
# another table, its columns in another order
awk -F, -v OFS=, '{ print $5, $4, $3, $2, $1, $6, $7 }' t.csv >other.csv
cull apply p.json other.csv -q | head -1
cull apply p.json --order pick t.csv -q | head -1
cut -d, -f1,2 t.csv >less.csv
cull apply p.json less.csv -q || echo "exit $?"
# the same table as tsv, as jsonl and with gzip gives the same columns
tr , '\t' <t.csv >t.tsv
gzip -k t.csv
awk -F, 'NR == 1 { split($0, h); next } { printf "{"; for (i = 1; i <= NF; i++) if ($i != "" && $i != "NA") printf "%s\"%s\":%s", (i > 1 ? "," : ""), h[i], ($i + 0 == $i ? $i + 0 : "\"" $i "\""); print "}" }' t.csv >t.jsonl
for f in t.tsv t.csv.gz t.jsonl; do
    cull feature random-columns --budget 3 --target outcome $f -q | cut -f2 | tr '\n' ' '
    cull feature random-columns --budget 3 --target outcome $f -q -o "k.${f#t.}" && wc -l <"k.${f#t.}"
done
cull feature random-columns --budget 2 --target outcome --json -q t.csv | grep -c '"name":"gaps"'
cull compare feature --methods random-columns,f-test,mrmr --budget 2 --target outcome -q t.csv | cut -f1,2,4
