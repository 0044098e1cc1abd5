# costs, columns held already, a target beside the table, what the target is taken for
table 60 >t.csv
printf 'name,cost\nage,3\ncity,1\ndose,1.5\ngaps,9\nsite,1\nsize,1\noutcome,1\n' >cost.csv
cull feature random-columns --budget 2.5 --cost cost.csv --target outcome -q t.csv | cut -f2
cull feature random-columns --budget 100% --have age,dose --avoid site,size --target outcome -q t.csv | cut -f2 | sort
cull feature random-columns --budget 1 --have age,dose --avoid site,size --target outcome -q t.csv -o held.json
cull feature random-columns --budget 100% --have held.json --target outcome -q t.csv | cut -f2 | sort | tr '\n' ' '
cut -d, -f7 t.csv >size.csv
cull feature random-columns --budget 2 --target size.csv -q t.csv -o r.md && grep -c R2 r.md
awk 'NR == 1 { print "grade"; next } { print NR % 3 }' t.csv | paste -d, t.csv - >g.csv
cull feature random-columns --budget 2 --target grade g.csv 2>&1 >r.tsv | grep '^The target'
cull feature random-columns --budget 2 --target grade --task regress -q g.csv -o r.md && grep -c R2 r.md
cull feature random-columns --budget 2 --target grade --classes 3 -q g.csv -o r.md && grep -c accuracy r.md
cull feature random-columns --budget 2 --target outcome --plan t.csv | grep -v 'memory\|time'
