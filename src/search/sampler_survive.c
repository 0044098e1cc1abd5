/* sampler_survive.c - who of a generation goes on. */
#include "choose/front.h"
#include "cull/front.h"
#include "search/parts.h"

#include <string.h>

/* ---- by crowding ---- */

/* The rank that does not fit whole; *left: how many of it do. */
static int32_t last_rank(const cull__contest *r, const int32_t *rank, int32_t ranks, int64_t *count,
                         int64_t *left)
{
    int32_t last = 0;
    for (int64_t i = 0; i < r->n; i++) count[rank[i]]++;
    for (*left = r->keep; last < ranks && count[last] <= *left; last++) *left -= count[last];
    return last;
}

/* Marks those `left` of a rank that are farthest from their neighbours, of equal ones the first. */
static cull_status mark_far(cull_ctx *cx, const cull__contest *r, const int32_t *rank, int32_t last,
                            int64_t count, int64_t left, uint8_t *stays)
{
    double *far, *value;
    cull__place *p, *room;
    int64_t n = 0;
    CULL_TRY(CULL_TMP(cx, p, count));
    CULL_TRY(CULL_TMP(cx, room, count));
    CULL_TRY(CULL_TMP(cx, far, count));
    CULL_TRY(CULL_TMP(cx, value, count * r->m));
    for (int64_t i = 0; i < r->n; i++) {
        if (rank[i] != last) continue;
        memcpy(value + n * r->m, r->value + i * r->m, (size_t)r->m * sizeof *value);
        p[n++].i = i;
    }
    CULL_TRY(cull_front_crowding(cx, value, n, r->m, NULL, far));
    for (int64_t i = 0; i < n; i++) p[i].v = -far[i];
    cull__places_sort(p, room, n);
    for (int64_t i = 0; i < left; i++) stays[p[i].i] = 1;
    return CULL_OK;
}

cull_status cull__survive_crowded(cull_ctx *cx, const cull__contest *r, int64_t *idx, int32_t *rank,
                                  double *crowd)
{
    cull__mark_t mark = cull__mark(cx);
    int32_t *of, ranks;
    double *value;
    int64_t *count, left, k = 0;
    uint8_t *stays;
    CULL_TRY(CULL_TMP(cx, of, r->n));
    CULL_TRY(CULL_TMP0(cx, stays, r->n));
    CULL_TRY(CULL_TMP0(cx, count, r->n + 1));
    CULL_TRY(CULL_TMP(cx, value, r->keep * r->m));
    CULL_TRY(cull_front_ranks(cx, r->value, r->n, r->m, r->violation, of, &ranks));
    int32_t last = last_rank(r, of, ranks, count, &left);
    if (left > 0) CULL_TRY(mark_far(cx, r, of, last, count[last], left, stays));
    for (int64_t i = 0; i < r->n; i++) {
        if (of[i] >= last && !stays[i]) continue;
        memcpy(value + k * r->m, r->value + i * r->m, (size_t)r->m * sizeof *value);
        rank[k] = of[i];
        idx[k++] = i;
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
