/* rows.c - the rows that a pick names, written as they lie in the pool. */
#include "feature.h"

#include <stdlib.h>
#include <string.h>

static int by_row(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

cull_status cull_pick_write_rows(cull_ctx *cx, const cull_pick *k, const cull_corpus *text,
                                 const cull_pool *pool, bool as_chosen, const char *path)
{
    int64_t *row;
    CULL_TRY(CULL_ALLOC(cx, row, k->n));
    if (k->n) memcpy(row, k->idx, (size_t)k->n * sizeof *row);
    if (!as_chosen) qsort(row, (size_t)k->n, sizeof *row, by_row);
    cull_status s = text ? cull_corpus_write(cx, text, row, k->n, path)
                         : cull_pool_write_rows(cx, pool, row, k->n, path);
    cull__free(row);
    return s;
}

cull_status cull_job_rows(cull_job *j, bool as_chosen, const char *path)
{
    if (j->task == CULL_TASK_FEATURE)
        return feature_rows(j, has(j, "with-target"), as_chosen, path);
    return cull_pick_write_rows(j->cx, &j->pick, j->text, j->pool, as_chosen, path);
}
