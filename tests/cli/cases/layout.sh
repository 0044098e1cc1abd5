# exemplars, prompts, answers read back and ranked; the same for any number of threads
cat >lib.jsonl <<'END'
{"id":"a","width":120,"height":160,"elements":[{"label":"title","left":10,"top":10,"width":100,"height":12},{"label":"text","left":10,"top":30,"width":48,"height":110},{"label":"text","left":62,"top":30,"width":48,"height":110}]}
{"id":"b","width":120,"height":160,"elements":[{"label":"title","left":10,"top":10,"width":100,"height":12},{"label":"figure","left":10,"top":30,"width":100,"height":60},{"label":"text","left":10,"top":95,"width":100,"height":50}]}
{"id":"c","elements":[{"label":"text","left":0.1,"top":0.1,"width":0.8,"height":0.35},{"label":"text","left":0.1,"top":0.5,"width":0.8,"height":0.4}]}
{"id":"thin","elements":[{"label":"text","left":0.1,"top":0.1,"width":0.001,"height":0.35}]}
END
cat >want.jsonl <<'END'
{"id":"one","elements":[{"label":"title","width":0.8,"height":0.1},{"label":"text","width":0.8,"height":0.3},{"label":"figure","width":0.8,"height":0.4}]}
{"id":"two","elements":[{"label":"text","width":0.4,"height":0.8}]}
END
cull layout select --canvas publaynet --constraint sizes --queries want.jsonl lib.jsonl | cut -c1-16
cull layout select --json --exemplars 1 --threads 2 --queries want.jsonl lib.jsonl
cull layout prompt --canvas publaynet --exemplars 2 --query 0 --queries want.jsonl lib.jsonl >p.txt && tail -n +6 p.txt
cull layout prompt --json --exemplars 2 --characters 800 --queries want.jsonl lib.jsonl | grep -o '^.*"exemplars":[0-9]*'
cull layout parse --canvas publaynet --library lib.jsonl --skip p.txt >made.jsonl && cat made.jsonl
cull layout parse --canvas publaynet --library lib.jsonl --skip -q - <p.txt | cmp - made.jsonl
cull layout rank --valid lib.jsonl lib.jsonl | cut -c1-30
cull layout rank --json made.jsonl
cull layout serialize --constraint relations lib.jsonl | sed -n 's/ | text 1 .*//p;/^$/p'
cull layout serialize --json --constraint completion lib.jsonl | grep -o '"sequence":"[^"]*"'
cat >related.jsonl <<'END'
{"elements":[{"label":"text"},{"label":"title"},{"label":"text"}],"relations":[[1,"top",2],[2,"right",0],[1,"top","canvas"]]}
END
cull layout prompt --constraint relations --exemplars 1 --queries related.jsonl lib.jsonl | tail -n 1
