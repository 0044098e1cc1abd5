/* sampler.c - draws of a point's number, and results in order. */
#include "search/sampler.h"

#include <stdlib.h>

#include "search/study.h"

/* Streams from 2^63 up: no other part of the library has those. */
cull_rng cull__search_rng_more(const cull_search_view *v, int attempt, int which)
{
    uint64_t point = (uint64_t)v->trials << 24, again = (uint64_t)(attempt & 0xFFFFF) << 4;
    return cull__rng_seeded(v->seed, (uint64_t)1 << 63 | point | again | (uint64_t)(which & 15));
}

cull_rng cull__search_rng(const cull_search_view *v, int attempt)
{
    return cull__search_rng_more(v, attempt, 0);
}

bool cull_search_seen(const cull_search_view *v, const double *x)
{
    const cull_study *s = v->study;
    if (s->p.again == CULL_AGAIN_PAID) return false;
    return cull__keys_find(s, cull_space_key(s->p.space, x)) >= 0;
}

typedef struct {
    double violation, value;
    int64_t number;
} ranked;

static int before(const void *a, const void *b)
{
    const ranked *p = a, *q = b;
    if (p->violation != q->violation) return p->violation < q->violation ? -1 : 1;
    if (p->value != q->value) return p->value < q->value ? -1 : 1;
    return p->number < q->number ? -1 : p->number > q->number;
}

cull_status cull__search_sorted(cull_ctx *cx, const cull_search_view *v, int k, int64_t *idx,
                                int64_t *n)
{
    ranked *r;
    int64_t found = 0;
    CULL_TRY(CULL_TMP(cx, r, v->trials));
    for (int64_t i = 0; i < v->trials; i++)
        if (cull__search_finite(v, i))
            r[found++] = (ranked){v->violation[i], v->value[i * v->objectives + k], i};
    qsort(r, (size_t)found, sizeof *r, before);
    for (int64_t i = 0; i < found; i++) idx[i] = r[i].number;
    *n = found;
    return CULL_OK;
}
