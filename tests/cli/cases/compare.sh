# every method that has its inputs, over seeds
cull compare data -q --budget 5 --target dev.jsonl --label topic --label-is net --seeds 3 --methods random,rds-plus,color-filter,select2reason pool.jsonl | awk -F'\t' '{printf "%s %s %s %s %s\n", $1, $2, $3, $4, $5 == "" || NR == 1 ? $5 : sprintf("%.2f", $5)}'
cull compare data -q --budget 5 --target dev.jsonl --seeds 2 --methods random,rds-plus pool.jsonl -o c.html -o c.json -o c.md
head -c 15 c.html && echo
head -c 8 c.json && echo
# variants are rows of their own; what cannot run is told once
cull compare data --budget 5 --target dev.jsonl --seeds 2 --methods rds-plus,rds-plus:rule=mean:unit=false,random,select2reason pool.jsonl 2>err | cut -f2,4
grep -c select2reason err
cull compare data --budget 5 --target dev.jsonl --rule mean --methods rds-plus,random pool.jsonl 2>/dev/null | cut -f2 | sort
