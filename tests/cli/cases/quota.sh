# quotas: equal, proportional, named
for q in equal proportional A=20%,B=0.3; do
    cull data -q --budget 10 --target dev.jsonl --group src --quota $q pool.jsonl -o - | grep -o '"src":"."' | sort | uniq -c | tr -d '\n' | tr -s ' '
    echo
done
