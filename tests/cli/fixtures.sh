# What the command's tests work on, and how they write binary files. Read by the runners.

# 30 records of three topics; dev.jsonl: three of topic net.
fixtures() {
    i=0
    while [ $i -lt 30 ]; do
        case $((i % 3)) in
        0) t=net w="router packet socket address number$i port" ;;
        1) t=cook w="butter flour oven sugar number$i salt" ;;
        2) t=law w="court judge appeal statute number$i clause" ;;
        esac
        printf '{"id":"r%d","text":"the %s of record %d","topic":"%s","src":"%s","cost":%d,"loss_prior":%d.5,"loss_cond":1.%d}\n' \
            $i "$w" $i $t "$([ $((i % 2)) = 0 ] && echo A || echo B)" $((i % 4 + 1)) $((i % 7)) $i
        i=$((i + 1))
    done >pool.jsonl
    printf '{"id":"d%d","text":"a socket and a port of router x%d"}\n' 1 1 2 2 3 3 >dev.jsonl
    { echo id,text,topic; i=0; while [ $i -lt 30 ]; do echo "r$i,the text of record $i,t$((i % 3))"; i=$((i + 1)); done; } >pool.csv
    { echo loss_prior,loss_cond; i=0; while [ $i -lt 30 ]; do echo "$i.5,$((i % 5))"; i=$((i + 1)); done; } >scores.csv
    "$CULL" embed --dim 4 -q pool.jsonl -o pool.npy && "$CULL" embed --dim 4 -q --fit pool.jsonl dev.jsonl -o dev.npy
}

# npy DESCR FORTRAN SHAPE BYTES: an array file; BYTES as printf takes them
npy() {
    printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '$1', 'fortran_order': $2, 'shape': $3, }"
    printf "$4"
}
# st HEADER BYTES: a safetensors file
st() {
    printf "\\$(printf %03o $((${#1} % 256)))\\$(printf %03o $((${#1} / 256)))\\0\\0\\0\\0\\0\\0"
    printf %s "$1"
    printf "$2"
}
# f32 N VALUE: N floats as printf takes them; VALUE: one, nan, inf
f32() {
    case $2 in one) b='\000\000\200\077' ;; nan) b='\000\000\300\177' ;; inf) b='\000\000\200\177' ;; esac
    i=0
    while [ $i -lt "$1" ]; do printf '%s' "$b"; i=$((i + 1)); done
}
# repeat N TEXT: TEXT N times over
repeat() { awk -v n="$1" -v s="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%s", s }'; }
# table N: N rows of mixed columns with gaps; site is a group, outcome a class and size a number to predict
table() {
    awk -v n="$1" 'BEGIN {
        print "age,city,dose,gaps,site,outcome,size"
        split("Ulm Rome Oslo", city, " ")
        for (i = 0; i < n; i++) {
            age = 20 + i * 7919 % 61; dose = (i * 104729 % 997) / 100; where = city[i * 31 % 3 + 1]
            size = age / 10 + (where == "Oslo") * 2 + (i * 611953 % 89) / 100
            gaps = i % 7 == 3 ? "" : i % 11 == 5 ? "NA" : dose * 2 + i % 5
            printf "%d,%s,%s,%s,s%d,%s,%s\n", age, where, dose, gaps, i % 9, (size > 5.5 ? "yes" : "no"), size
        }
    }'
}
