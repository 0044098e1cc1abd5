#!/bin/sh
# The head comment of each method's file as a C string, for `cull info`. usage: gen_heads.sh SOURCE_DIR
cd "$1" && for f in $(ls src/method/*/*.c | LC_ALL=C sort); do
    name=$(basename "$f" .c | tr _ -)
    printf '{"%s",\n' "$name"
    sed -n '1,/\*\//p' "$f" | sed -e 's,^/\* ,,' -e 's, \*/$,,' -e 's,^ \*/$,,' -e 's,^ \* \{0\,1\},,' \
        -e 's,\\,\\\\,g' -e 's,",\\",g' -e 's,^\(.*\)$," \1\\n",' -e 's,^" ,",'
    printf '},\n'
done
