/* sampler_survive.c - who of a generation goes on. */
#include "cull/front.h"
#include "search/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- by crowding ---- */
typedef struct {
    double by;
    int64_t row;
} ranked;

static int farther(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->by != y->by) return x->by > y->by ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Rows of ranks that fit whole go to idx; *last is the rank that does not. Returns how many. */
static int64_t whole_ranks(const cull__contest *r, const int32_t *rank, int32_t ranks,
                           int64_t *count, int64_t *idx, int32_t *last)
{
    for (int64_t i = 0; i < r->n; i++) count[rank[i]]++;
    int64_t k = 0;
    for (*last = 0; *last < ranks && k + count[*last] <= r->keep; ++*last) k += count[*last];
    k = 0;
    for (int64_t i = 0; i < r->n; i++)
        if (rank[i] < *last) idx[k++] = i;
    return k;
}

cull_status cull__survive_crowded(cull_ctx *cx, const cull__contest *r, int64_t *idx, int32_t *rank,
                                  double *crowd)
{
    cull__mark_t mark = cull__mark(cx);
    int32_t *of, ranks, last;
    double *far, *value;
    int64_t *count;
    ranked *rest;
    CULL_TRY(CULL_TMP(cx, of, r->n));
    CULL_TRY(CULL_TMP(cx, far, r->n));
    CULL_TRY(CULL_TMP(cx, rest, r->n));
    CULL_TRY(CULL_TMP0(cx, count, r->n + 1));
    CULL_TRY(CULL_TMP(cx, value, r->keep * r->m));
    CULL_TRY(cull_front_ranks(cx, r->value, r->n, r->m, r->violation, of, &ranks));
    CULL_TRY(cull_front_crowding(cx, r->value, r->n, r->m, of, far));
    int64_t k = whole_ranks(r, of, ranks, count, idx, &last), n = 0;
    for (int64_t i = 0; i < r->n && last < ranks; i++)
        if (of[i] == last) rest[n++] = (ranked){far[i], i};
    if (n) qsort(rest, (size_t)n, sizeof *rest, farther);
    for (int64_t i = 0; k < r->keep && i < n; i++) idx[k++] = rest[i].row;
    qsort(idx, (size_t)k, sizeof *idx, ascending);
    for (int64_t i = 0; i < k; i++) {
        rank[i] = of[idx[i]];
        memcpy(value + i * r->m, r->value + idx[i] * r->m, (size_t)r->m * sizeof *value);
    }
    CULL_TRY(cull_front_crowding(cx, value, k, r->m, rank, crowd));
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- generations ---- */
cull_status cull__generation_new(cull_ctx *cx, int64_t size, cull__generation **out)
{
    cull__generation *g;
    CULL_TRY(CULL_ALLOC(cx, g, 1));
    cull_status s = CULL_ALLOC(cx, g->member, 2 * size);
    if (s != CULL_OK) {
        cull__free(g);
        return s;
    }
    g->size = size, g->last = -1;
    *out = g;
    return CULL_OK;
}

void cull__generation_free(cull__generation *g)
{
    if (g) cull__free(g->member);
    cull__free(g);
}

void cull__generation_told(cull__generation *g, const cull_search_view *v, int64_t number,
                           bool *due)
{
    if (number != g->last) {
        if (cull__trial_counts(v, number)) g->member[g->n + g->come++] = number;
        g->ended++, g->last = number;
    }
    *due = g->ended >= g->size;
}

cull_status cull__generation_rows(cull_ctx *cx, const cull__generation *g,
                                  const cull_search_view *v, cull__contest *out)
{
    double *value, *violation;
    int64_t n = g->n + g->come;
    int m = v->objectives;
    CULL_TRY(CULL_TMP(cx, value, n * m));
    CULL_TRY(CULL_TMP(cx, violation, n));
    for (int64_t i = 0; i < n; i++) {
        memcpy(value + i * m, v->value + g->member[i] * m, (size_t)m * sizeof *value);
        violation[i] = v->violation[g->member[i]];
    }
    *out = (cull__contest){m, n, n < g->size ? n : g->size, value, violation};
    return CULL_OK;
}

void cull__generation_set(cull__generation *g, const int64_t *idx, int64_t n)
{
    for (int64_t i = 0; i < n; i++) g->member[i] = g->member[idx[i]]; /* idx[i] >= i */
    g->n = n, g->come = g->ended = 0, g->number++;
}
