/* subset.c - some of the pool's records as records of their own, in a file that lives as long. */
#define _GNU_SOURCE
#include "job.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

cull_status subset_make(cull_job *j, const cull_corpus *from, const int64_t *row, int64_t n,
                        subset *out)
{
    const char *path = out->file, *pool = value_of(j, "pool", "");
    char e[16];
    snprintf(out->dir, sizeof out->dir, "%s/cull-XXXXXX", cull__tmpdir(j->cx));
    if (!mkdtemp(out->dir)) return cull__fail_errno(j->cx, out->dir, "cannot make a folder");
    cull_file_ending(pool, e);
    snprintf(out->file, sizeof out->file, "%s/rows.%s", out->dir, *e ? e : "jsonl");
    CULL_TRY(cull_corpus_write(j->cx, from, row, n, out->file));
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    o.text = value_of(j, "text", NULL);
    return cull_corpus_open(j->cx, &o, &out->text);
}

void subset_free(subset *s)
{
    cull_corpus_free(s->text);
    if (s->file[0]) unlink(s->file), rmdir(s->dir);
    *s = (subset){0};
}
