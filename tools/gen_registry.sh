#!/bin/sh
# One line for each method file, in the order of tasks that cull_task has; adding a file is adding a method.
# usage: gen_registry.sh SOURCE_DIR
cd "$1" || exit 1
tasks=$(sed -n 's/^ *CULL_TASK_\([A-Z]*\),$/\1/p' include/cull/method.h | tr 'A-Z' 'a-z')
for task in $tasks; do
    [ ! -d "src/method/$task" ] || ls "src/method/$task"/*.c | LC_ALL=C sort | sed 's,.*/\(.*\)\.c,X(\1),'
done
