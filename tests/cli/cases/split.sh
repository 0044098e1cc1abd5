# a fair problem of one pool: nothing that shares a group with the target is kept
mkdir t; export TMPDIR=$PWD/t # nothing stays there
cull compare data -q --budget 5 --targets 2 --label topic --label-is net --seeds 3 --methods random,rds-plus --verbose pool.jsonl | cut -f1,2,4
awk '{print; if (NR % 3 == 1) print}' pool.jsonl >twice.jsonl
cull compare data -q --budget 4 --targets 2 --split-by copies --label topic --label-is net --seeds 2 --methods random,tfidf-mean twice.jsonl | cut -f1,2,4 | sort
cull compare data -q --budget 4 --targets 2 --split-by cost --label topic --label-is net --seeds 2 --methods random pool.jsonl | cut -f1,2,4
ls t | wc -l
