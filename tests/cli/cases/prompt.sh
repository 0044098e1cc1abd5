# a search by a program, its cache, what show makes of it; strategies; what is refused
cat >llm.sh <<'EOF'
#!/bin/sh
exec awk '
/digit/ { told = 1 }
/^Input: /  { q = $2 }
/^Output: / { if (said[q % 4] == "") said[q % 4] = $2 }
END { print said[q % 4] != "" ? said[q % 4] : told && q % 4 < 2 ? "yes" : q % 3 ? "no" : "perhaps" }'
EOF
chmod +x llm.sh
awk 'BEGIN { for (i = 0; i < 24; i++) printf "{\"input\":%d,\"target\":\"%s\"}\n", 7 * i % 50, 7 * i % 4 < 2 ? "yes" : "no" }' | sed 's/"input":\([0-9]*\)/"input":"\1"/' >val.jsonl
awk 'BEGIN { print "q,a"; for (i = 24; i < 40; i++) printf "%d,%s\n", 7 * i % 50, 7 * i % 4 < 2 ? "yes" : "no" }' >test.csv
printf 'Say yes or no.\nLook at the last digit.\n' >told.txt
cull prompt search val.jsonl --instructions told.txt --budget 6 --workers 2 --cache a.db -o best.json -- ./llm.sh
cull prompt search val.jsonl --instructions told.txt --budget 6 --cache a.db -o again.json -- ./llm.sh
# apart from what each paid for they are the same
for f in best again; do sed 's/"made":.*"failed"/"failed"/' $f.json; done | uniq | wc -l
cull prompt show best.json --input 17
cull prompt show best.json --input 17 --json
cull prompt show best.json --input 17 | ./llm.sh
for s in none random all search; do cull prompt search val.jsonl --instruction "Which digit?" --budget 3 --strategy $s --shows targets --cache a.db -q -- ./llm.sh | head -n 2 | tail -n 1; done
# whom embeddings are near to is told by products whose last bits go by the processor, and such short inputs are often equally near
for s in nearest diverse; do cull prompt search val.jsonl --instruction "Which digit?" --budget 3 --strategy $s --shows targets --cache a.db -q -- ./llm.sh | head -n 2 | tail -n 1 | cut -f 1; done
sed 's/"input"/"q"/;s/"target"/"a"/' val.jsonl >qa.jsonl
cull prompt search qa.jsonl --fields q,a --test test.csv --strategy search --order rows --no-race --calls 96 --cache a.db -o - -q -- ./llm.sh | grep -o '"calls":{"search":96,"instructions":24,"test":16'
printf '{exemplars}{instruction} Q {input} A' >form.txt
printf '<{input}|{output}>' >one.txt
cull prompt search val.jsonl --template form.txt --exemplar one.txt --instruction I --shows targets --k 2 --strategy random --budget 1 -q -o form.json -- sh -c 'cat >/dev/null; echo yes' && cull prompt show form.json --input 5 | tail -n 1
printf '#!/bin/sh\nread -r line\ncase $line in *yes*yes*) echo 1 ;; *) echo 0.5 ;; esac\n' >judge.sh && chmod +x judge.sh
cull prompt search val.jsonl --judge ./judge.sh --strategy none -q -- echo yes
cull prompt search val.jsonl --judge 'echo good' -q -- echo yes
cull prompt search val.jsonl --stay --strategy none -q -- sh -c 'while read -r l; do echo "{\"answer\":\"yes\"}"; done'
# refusals
cull prompt serach val.jsonl -- ./llm.sh
cull prompt search val.jsonl
cull prompt search -- ./llm.sh
cull prompt search val.jsonl test.csv -- ./llm.sh
cull prompt search val.jsonl -- ./no-such
cull prompt search val.jsonl -- false
cull prompt search val.jsonl --fields input -- ./llm.sh
cull prompt search val.jsonl --fields question,answer -- ./llm.sh
cull prompt search val.jsonl --budget 0.5 -- ./llm.sh
cull prompt search val.jsonl --budget 2 --calls 3 -- ./llm.sh
cull prompt search val.jsonl --strategy mutant -- ./llm.sh
cull prompt search val.jsonl --k 25 --shows targets -- ./llm.sh
cull prompt search val.jsonl --template told.txt -- ./llm.sh
cull prompt search val.jsonl --cache val.jsonl -- ./llm.sh
cull prompt search val.jsonl -o best.html -- ./llm.sh
# a prompt without exemplars, and why
printf '{"input":"a","target":"yes"}\n{"input":"b","target":"yes"}\n' >easy.jsonl
printf '{"input":"a","target":"yes"}\n{"input":"b","target":"no"}\n' >half.jsonl
cull prompt search easy.jsonl -- sh -c 'cat >/dev/null; echo yes'
cull prompt search half.jsonl --budget 1 -- sh -c 'cat >/dev/null; echo yes'
cull prompt search half.jsonl --budget 3 -- sh -c 'cat >/dev/null; echo yes'
cull prompt search half.jsonl --budget 3 -- sh -c 'cat >/dev/null; echo maybe'
# refusals of show
cull prompt show best.json
cull prompt show val.jsonl --input 3
