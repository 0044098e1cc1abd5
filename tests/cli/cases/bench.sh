cull bench search micro3 --methods regularized-evolution,local-search --seeds 4 --at 5,20,200 -q | cut -f1-9
cull bench search micro3 --methods grid --seeds 2 --at 3 -q --threads 1 -o one.csv -o report.md
cull bench search micro3 --methods grid --seeds 2 --at 3 -q --threads 2 -o two.csv
cmp one.csv two.csv && cat one.csv
sed 's/[0-9.][0-9.]* |$/us |/' report.md
cull bench search micro3 --methods grid --seeds 2 --at 3 -q --json | sed 's/"ask_us":[0-9.]*/"ask_us":us/g'
cull bench search micro3 --methods cma-es,grid --seeds 2 --at 3 | cut -f1-4
cull bench search --list | cut -f1-3
cull bench search micro3 --methods tpe:startup=3:even=no,tpe --seeds 2 --at 20 -q | cut -f1-3 | sed 's/,/;/g'
cull bench search micro3 --dump | cut -c1-60
# refusals
cull bench data
cull bench search micro4
cull bench search micro3 micro3
cull bench search micro3 --methods tpo
cull bench search micro3 --methods rds-plus
cull bench search micro3 --methods tpe:startup
cull bench search micro3 --methods tpe:startap=3
cull bench search micro3 --dump -o runs.csv
cull bench search micro3 --at 10,x
cull bench search micro3 --at 10,10
cull bench search micro3 --seeds 1
cull bench search micro3 -o runs.pdf
cull bench search nb201-c10 --data nowhere
