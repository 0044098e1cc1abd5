/* copies.c - what methods that look for copies have in common: the order in which rows may stay, and the
 * pick that says of every row what stands for it. */
#include "choose/choose.h"
#include "cull/data.h"

#include <math.h>
#include <string.h>

cull_status cull__copies_order(cull_ctx *cx, const cull_data_problem *p, const double *rank,
                               int64_t *order, int64_t *n)
{
    double *key;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, key, p->n));
    for (int64_t i = 0; i < p->n; i++)
        key[i] = p->have && p->have[i]     ? INFINITY
                 : p->avoid && p->avoid[i] ? -INFINITY
                 : rank                    ? rank[i]
                                           : 0;
    cull_status s = cull__order(cx, key, p->n, order);
    *n = p->n;
    while (*n > 0 && key[order[*n - 1]] == -INFINITY) --*n;
    cull__release(cx, mark);
    return s;
}

cull_status cull__copies_pick(cull_ctx *cx, cull__taker *t, const int64_t *order, int64_t n,
                              const double *rank, const int64_t *stands, const float *like,
                              const char *stays, cull_pick *out)
{
    for (int64_t i = 0; i < n && !cull__taker_full(t); i++)
        if (stands[order[i]] == order[i]) cull__take(t, order[i], rank ? rank[order[i]] : 0, -1);
    CULL_TRY(cull__taker_pick(cx, t, "", out));
    CULL_TRY(cull__pick_rows(cx, out, t->n));
    memcpy(out->stands, stands, (size_t)t->n * sizeof *stands);
    memcpy(out->like, like, (size_t)t->n * sizeof *like);
    out->stays = stays;
    return CULL_OK;
}
