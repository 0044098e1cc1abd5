# pick files agree to the byte but for what they say of the run
for t in 1 2; do
    for m in 0 64M; do
        [ $m = 0 ] && limit= || limit="--memory $m"
        cull data -q --budget 6 --target dev.jsonl --threads $t $limit pool.jsonl | sha256sum
    done
done | sort -u | wc -l
