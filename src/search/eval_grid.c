/* eval_grid.c - tables that are arrays: values in the order of a discrete space's points. See eval_table.h. */
#include "cull/pool.h"
#include "search/eval_table.h"
#include "space/space.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int64_t points, seeds, columns;
    double *v; /* (columns, points, seeds) */
} grid;

/* (points) or (points, seeds); the first says of what shape the others must be. */
static cull_status shape(cull_ctx *cx, const cull__known *k, const char *name, const cull_array *a,
                         grid *g)
{
    char text[208];
    int64_t seeds = a->ndim > 1 ? a->shape[1] : 1;
    bool fits = (a->ndim == 1 || a->ndim == 2) && a->shape[0] > 0 && seeds > 0;
    if (!fits || (g->seeds && (seeds != g->seeds || a->shape[0] != g->points)))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: %s has the shape %s; (points) or (points, seeds) is wanted, the "
                          "same of all columns",
                          k->path, name, cull__shape_text(a, text));
    if (g->seeds) return CULL_OK;
    g->seeds = seeds, g->points = a->shape[0];
    if (g->points > INT64_MAX / 8 / g->columns / seeds)
        return cull__fail(cx, CULL_EINPUT, "%s: %s is too large", k->path, name);
    return CULL_TMP(cx, g->v, g->columns * g->points * seeds);
}

static cull_status column(cull_ctx *cx, const cull__known *k, int64_t j, const char *name, grid *g)
{
    cull_array a;
    char ext[16];
    cull__extension(k->path, ext);
    bool one = strcmp(ext, "npz") && strcmp(ext, "safetensors"); /* it has no names */
    if (one && g->columns > 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: holds one array, and %" PRId64
                          " columns are asked for; .npz holds several, called as they are",
                          k->path, g->columns);
    CULL_TRY(cull_array_open(cx, k->path, one ? NULL : name, &a));
    cull_status s = shape(cx, k, name, &a, g);
    if (s == CULL_OK) cull_array_f64(&a, 0, g->points * g->seeds, g->v + j * g->points * g->seeds);
    cull_array_free(&a);
    return s;
}

static cull_status columns(cull_ctx *cx, const cull__known *k, grid *g)
{
    const cull_search_problem *p = k->problem;
    int64_t j = 0;
    for (int i = 0; i < p->objectives; i++)
        CULL_TRY(column(cx, k, j++, k->o.column ? k->o.column[i] : p->objective[i].name, g));
    for (int i = 0; i < p->constraints; i++) CULL_TRY(column(cx, k, j++, p->constraint[i], g));
    if (k->o.cost) CULL_TRY(column(cx, k, j++, k->o.cost, g));
    for (int i = 0; i < k->o.steps; i++) CULL_TRY(column(cx, k, j++, k->o.step[i], g));
    return CULL_OK;
}

static cull_status no_list(cull_ctx *cx, const cull__known *k)
{
    const cull_space *s = k->problem->space;
    if (k->o.key)
        return cull__fail(cx, CULL_EINPUT, "%s: an array has no column '%s'", k->path, k->o.key);
    for (int i = 0; i < cull_space_params(s); i++) {
        const cull_space_param *p = cull_space_at(s, i);
        if (p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_SIMPLEX)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: an array lists the points of a space in their order, and %s has "
                              "no list of its values",
                              k->path, p->name);
    }
    return CULL_OK;
}

static cull_status add_point(cull_ctx *cx, cull__known *k, const grid *g, int64_t i, double *v)
{
    for (int64_t r = 0; r < g->seeds; r++) {
        for (int64_t j = 0; j < k->cols; j++) v[j] = g->v[(j * g->points + i) * g->seeds + r];
        CULL_TRY(cull__known_add(cx, k, k->x, v, i + 1));
    }
    return CULL_OK;
}

cull_status cull__known_grid(cull_ctx *cx, cull__known *k)
{
    const cull_space *s = k->problem->space;
    grid g = {.columns = k->cols};
    double *v;
    int64_t i = 0;
    CULL_TRY(no_list(cx, k));
    k->o.mean = k->o.mean || (k->problem->replicates <= 1 && k->problem->again != CULL_AGAIN_PAID);
    CULL_TRY(columns(cx, k, &g));
    CULL_TRY(CULL_TMP(cx, v, k->cols));
    bool more = cull__space_first(s, k->x);
    for (; more && i < g.points; i++, more = cull__space_next(s, k->x)) {
        cull__mark_t m = cull__mark(cx);
        cull_status st = add_point(cx, k, &g, i, v);
        cull__release(cx, m);
        CULL_TRY(st);
        if (i % 4096 == 0) CULL_TRY(cull__tick(cx, (double)i, (double)g.points));
    }
    if (!more && i == g.points) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: holds values of %" PRId64 " points, and the space has %s%" PRId64,
                      k->path, g.points, more ? "more than " : "", i);
}
