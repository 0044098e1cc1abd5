printf 'arch = one(a, b, c)\nwidth = int(1, 4)\n' >space.cull
awk 'BEGIN { print "arch,width,error,ms"; for (a = 0; a < 3; a++) for (w = 1; w <= 4; w++) printf "%s,%d,%g,%d\n", substr("abc", a + 1, 1), w, (a - 1) ^ 2 + 4 / w, w * w }' >table.csv
cull search space.cull --minimize error --table table.csv --store run.db
cull search space.cull --minimize error,ms --table table.csv -q -o front.csv -o best.json --log log.jsonl --method random-search
cut -d, -f1-6 front.csv
wc -l <log.jsonl
cull search status run.db
cull search export run.db | wc -l
cull search space.cull --maximize error --budget 4 --cost-column ms --cost-budget 1e9 --table table.csv -q --json --method grid
cull search space.cull --minimize error --budget 3 --method grid -- sh -c 'echo told; echo error=$1' x {width}
cull search space.cull --minimize error --budget 2 --stay --method grid -- sh -c 'while read -r point; do echo 2; done'
# which limit it was, if it was one
cull search space.cull --minimize error --time 1d --table table.csv --method grid --store ended.db >out
cull search space.cull --minimize error --cost-column ms --cost-budget 20 --table table.csv --method grid --store dear.db >out
cull search space.cull --minimize error --budget 3 --dir runs -q --method grid -- sh -c 'cat $0/point.json; echo 1' {dir}
cat runs/000001/out
cull search space.cull --minimize error --constraint over --budget 3 -q --method grid -- sh -c 'echo error=$1 over=$1' x {width}
# columns are as wide as what is in them
cull search space.cull --minimize error,größe_der_netze --budget 2 -q --method random-search -- sh -c 'echo error=0.12345678901234567 größe_der_netze=$1' x {width}
# a rule to stop by, and nobody reports
cull search space.cull --minimize error --budget 2 --method grid --stop median --rungs 1..9 -- echo error={width}
# refusals
cull search space.cull --minimize error --store none.db -- ./no-such {arch}
[ -e none.db ] || echo nothing is stored
cull search space.cull --minimize error -- echo {arhc}
cull search space.cull --minimize error,ms --maximize acc -- echo error=1 ms=2
cull search space.cull --minimize error,ns --table table.csv
cull search space.cull --minimize error -- false
cull search space.cull --minimize error
cull search space.cull -- echo 1
cull search statsu run.db
cull search status space.cull
cull search space.cull --minimize error --store run.db --table table.csv --seed 2
cull search space.cull --minimize error --store gone.db --resume --table table.csv
cull search space.cull --minimize error --table table.csv -- echo 1
cull search space.cull --minimize error --table table.csv --stay
cull search space.cull --minimize error --table table.csv -o best.pdf
cull search space.cull --minimize error --stop asha --table table.csv
cull search space.cull --minimize error --time 1w --table table.csv
cull search space.cull --minimize error --stats-columns ms --table table.csv
cull search space.cull --minimize error --stats table.csv --table table.csv
cull search space.cull --minimize error --method grid --stats table.csv --stats-columns ms --table table.csv
cull search space.cull --minimize error --method nars --stats table.csv --stats-columns arch --table table.csv
cull search stop run.db
