#!/bin/sh
# One line for each method file; adding a file is adding a method. usage: gen_registry.sh SOURCE_DIR
cd "$1" && ls src/method/*/*.c | LC_ALL=C sort | sed 's,.*/\(.*\)\.c,X(\1),'
