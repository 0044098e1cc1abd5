# results from elsewhere: what Optuna's trials_dataframe writes, numbers and truths as pandas has them, and what is wrong with others
cat >s.cull <<'SPACE'
lr = real(1e-4, 1, log)
depth = int(1, 8)
bias = one(true, false)
SPACE
run() { cull search s.cull --budget 1 --method random-search -q --log log.csv "$@" -- echo error=9 ms=9 >out && cut -d, -f1-7 log.csv; }
cat >one.csv <<'ROWS'
number,value,datetime_start,params_bias,params_depth,params_lr,state
0,0.5,2026-01-01 10:00:00,True,3.0,0.01,COMPLETE
1,,2026-01-01 10:00:01,False,4.0,0.1,FAIL
2,0.7,2026-01-01 10:00:02,False,5.0,0.1,PRUNED
3,0.25,2026-01-01 10:00:03,False,8.0,0.001,COMPLETE
ROWS
run --minimize error --warm one.csv
printf 'number,values_0,values_1,params_bias,params_depth,params_lr,state\n0,0.5,7,True,3,0.01,COMPLETE\n' >two.csv
run --minimize error --maximize ms --warm two.csv
# a column's own name comes first
printf 'value,error,params_lr,lr,depth,bias\n1,2,0.5,0.25,1,true\n' >both.csv
run --minimize error --warm both.csv
printf 'loss,learning_rate\n1,0.1\n' >none.csv
run --minimize error --warm none.csv 2>&1
run --minimize error --maximize ms --warm one.csv 2>&1
# what a define-by-run program wrote: names without their way down, one column for two branches, metrics that have names
cat >s.cull <<'SPACE'
opt = or {
  sgd { decay = real(0, 1) batch = one(16, 32) }
  adam { decay = real(0, 1) }
}
warmup = optional { steps = int(10, 100) }
SPACE
branches() { printf 'number,value_error,params_batch,params_decay,params_opt,params_steps,params_warmup\n%s\n%s\n' "$@" >branches.csv; }
warm() { cull search s.cull --budget 1 --method random-search --log log.csv --minimize error --warm branches.csv -- echo error=9 >out && head -3 log.csv | cut -d, -f1-8; }
branches 0,0.5,32.0,0.25,sgd,,False 1,0.25,,0.75,adam,20.0,True
echo 2,,,,sgd,, >>branches.csv # failed before its point was whole
warm 2>notice
sed 1q notice
branches 0,0.5,32.0,0.25,adam,,False 1,0.25,,0.75,adam,20.0,True
warm 2>&1
echo 'n = repeat(1..2) { decay = real(0, 1) }' >s.cull
printf 'value,params_n,params_decay\n1,1,0.5\n2,2,0.5\n' >branches.csv
warm 2>&1
# a parameter's own column is not another's
printf 'decay = real(0, 1)\nopt = or { sgd { decay = real(0, 1) } adam }\n' >s.cull
printf 'value,params_opt,params_decay\n1,sgd,0.5\n' >branches.csv
warm 2>&1
