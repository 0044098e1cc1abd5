#!/bin/sh
# One line for each paper of docs/papers.csv: X(number, "slug", "task", "title", "state").
# usage: gen_papers.sh SOURCE_DIR
sed -n 's/^\([0-9][0-9]*\),\([^,]*\),\([^,]*\),"\(.*\)",\([^,]*\)$/X(\1, "\2", "\3", "\4", "\5")/p' "$1/docs/papers.csv"
