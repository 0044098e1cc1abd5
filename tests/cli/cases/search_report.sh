# the page of a search: as an output, and of a store alone; nothing but a page may be asked of the verb; importance
cat >s.cull <<'END'
a = int(1, 6)
b = one(x, y, z)
END
awk 'BEGIN { print "a,b,error,ms"; for (a = 1; a < 7; a++) for (b = 0; b < 3; b++) print a "," substr("xyz", b + 1, 1) "," (a - 4) ^ 2 + b "," a }' >rows.csv
cull search s.cull --minimize error --budget 18 --table rows.csv --method random-search --store run.db -q -o page.html | head -n 2
grep -c '<svg' page.html
cull search report run.db -o again.html && grep -o 'Search: 18 trials' again.html
cull search report run.db | tail -n 1
cull search report run.db -o page.csv 2>&1
cull search importance run.db
cull search importance run.db --by fanova
cull search importance run.db --by fanova --json --threads 2
cull search importance run.db --by anova 2>&1
cull search importance run.db -o importance.csv 2>&1
cull search status run.db --by fanova 2>&1
cull search s.cull --minimize error --budget 1 --table rows.csv --by fanova 2>&1
# what status and best say as JSON has the same best points: the one, or the front
both() { for verb in status best; do cull search $verb $1 --json | sed -n '/"best":\[/,$p' | sed 's/.*"best":/"best":/'; done | sort | uniq -c | sed 's/^ *//'; }
both run.db
cull search s.cull --minimize error,ms --budget 18 --table rows.csv --method grid --store front.db -q >front.txt
both front.db
