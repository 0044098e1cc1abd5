# the methods, and the papers
cull list data | cut -f1 | sort -u
cull list | cut -f2 | grep -x random
cull list --json | head -c 11 && echo
cull papers | wc -l
cull papers --json | grep -c '"slug":"rds-plus"'
