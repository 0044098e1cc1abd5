# every command explains itself, and has a manual page
for c in $(cull help | sed -n "/^commands:/,/^$/s/^  \([a-z][a-z0-9]*\)  .*/\1/p"); do
    cull help $c | head -1
    cull $c --help | cmp - /dev/null 2>/dev/null && echo "$c has no help"
    cull help --man $c | sed -n '1s/".*//p'
done
cull help rds-plus | head -1
cull data rds-plus --help | head -1
cull help --man | sed -n 3p
cull --version | sed -n 's/^\(cull [0-9.]*\).*/\1/p'
