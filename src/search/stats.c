/* stats.c - statistics that cost no evaluation: read from a table, checked, told apart by a hash. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "search/eval_rows.h"
#include "search/eval_table.h"
#include "search/study.h"

static cull_status all_there(cull_ctx *cx, const cull__known *k)
{
    for (int64_t i = 0; i < k->rows * k->cols; i++)
        if (!isfinite(k->v[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s:%" PRId64 ": column '%s' has no finite number; a statistic is "
                              "known of every design",
                              k->path, k->line[i / k->cols], k->o.column[i % k->cols]);
    if (k->rows >= 2) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s: one design says nothing; two or more are needed",
                      k->path);
}

/* The numbers of a table become the statistics' own. */
static cull_status take(cull_ctx *cx, cull__known *k, cull_search_stats **out)
{
    CULL_TRY(all_there(cx, k));
    CULL_TRY(CULL_ALLOC(cx, *out, 1));
    **out = (cull_search_stats){.n = k->rows, .m = (int)k->cols, .x = k->point, .y = k->v};
    k->point = k->v = NULL;
    return CULL_OK;
}

cull_status cull_search_stats_open(cull_ctx *cx, const cull_space *space, const char *path,
                                   const char *const *column, int columns, const char *key,
                                   cull_search_stats **out)
{
    const cull_search_problem p = {.space = space, .objectives = columns};
    cull__known k = {.problem = &p,
                     .path = path,
                     .points = true,
                     .o = {.column = column, .columns = columns, .key = key, .mean = true}};
    *out = NULL;
    if (columns < 1) return cull__fail(cx, CULL_EINPUT, "%s: no column is named", path);
    if (!cull__rows_are_text(path))
        return cull__fail(cx, CULL_EINPUT, "%s: statistics are rows of csv, tsv or jsonl", path);
    cull_status s = cull__known_read(cx, &k);
    if (s == CULL_OK) s = take(cx, &k, out);
    cull__known_drop(&k);
    return s;
}

void cull_search_stats_free(cull_search_stats *s)
{
    if (!s) return;
    cull__free((void *)s->x);
    cull__free((void *)s->y);
    cull__free(s);
}

/* ---- for a study ---- */

static cull_status check_points(cull_ctx *cx, const cull_space *space, const cull_search_stats *t)
{
    char why[300];
    int64_t width = cull_space_width(space);
    for (int64_t i = 0; i < t->n; i++) {
        if (cull_space_check(cx, space, t->x + i * width) != CULL_OK) {
            strncpy(why, cull_error(cx), sizeof why - 1);
            why[sizeof why - 1] = 0;
            return cull__fail(cx, CULL_EINPUT, "statistics of design %" PRId64 ": %s", i, why);
        }
        for (int j = 0; j < t->m; j++)
            if (!isfinite(t->y[i * t->m + j]))
                return cull__fail(cx, CULL_EINPUT,
                                  "statistics of design %" PRId64 ": number %d is not finite", i,
                                  j);
    }
    return CULL_OK;
}

cull_status cull__stats_check(cull_ctx *cx, const cull_search_problem *p, const cull_method *m)
{
    const cull_search_stats *t = p->stats;
    if (!t) return CULL_OK;
    if (!(m->flags & CULL_READS_STATS))
        return cull__fail(cx, CULL_EINPUT,
                          "%s learns nothing from statistics of designs; nars does", m->slug);
    if (t->n < 2 || t->m < 1 || !t->x || !t->y)
        return cull__fail(cx, CULL_EINPUT,
                          "%d statistics of %" PRId64 " designs; one of two designs at least, and "
                          "points and numbers, would be right",
                          t->m, t->n);
    return check_points(cx, p->space, t);
}

uint64_t cull__stats_hash(const cull_space *space, const cull_search_stats *t)
{
    uint64_t h = (uint64_t)t->m;
    for (int64_t i = 0; i < t->n; i++) {
        cull_key k = cull_space_key(space, t->x + i * cull_space_width(space));
        h = cull__hash64(&k, sizeof k, h);
    }
    return cull__hash64(t->y, (size_t)(t->n * t->m) * sizeof *t->y, h);
}
