/* deltas.c - differences of models to their base, in blocks. */
#include "choose/deltas.h"

#include <string.h>

cull_status cull__delta_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             int s, int64_t from, int64_t n, float *out)
{
    float base[CULL__DELTAS];
    for (int64_t at = 0; at < n; at += CULL__DELTAS) {
        int64_t m = n - at < CULL__DELTAS ? n - at : CULL__DELTAS;
        CULL_TRY(cull_weights_read(cx, w, it, 0, from + at, m, base));
        CULL_TRY(cull_weights_read(cx, w, it, s, from + at, m, out + at));
        for (int64_t i = 0; i < m; i++) out[at + i] -= base[i];
    }
    return CULL_OK;
}

void cull__delta_keep(float *restrict x, const uint8_t *restrict keep, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &x[i], sizeof u);
        u &= 0x80000000u | (0u - (uint32_t)(keep[i] != 0));
        memcpy(&x[i], &u, sizeof u);
    }
}

/* ---- cuts ---- */
typedef struct {
    const cull_weights_work *w;
    const cull_weights_item *it;
    int s;
} source;

static cull_status read_part(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                             float *out)
{
    const source *p = arg;
    (void)part;
    return cull__delta_read(cx, p->w, p->it, p->s, from, n, out);
}

cull_status cull__delta_cuts(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             int s, const int64_t *rank, int ranks, cull__cut *cut)
{
    source from = {w, it, s};
    cull__values v = {read_part, &from, 1, &it->t.n, &it->t.name};
    cull__mark_t mark = cull__mark(cx);
    cull_status status = cull__cuts(cx, &v, rank, ranks, cut);
    cull__release(cx, mark);
    return status;
}

uint64_t cull__delta_cuts_bytes(const cull_weights_work *w, int ranks, int threads)
{
    uint64_t most = 0;
    for (int64_t i = 0; i < w->items; i++) {
        uint64_t b = w->item[i].copy ? 0 : cull__cuts_bytes(1, w->item[i].t.n, ranks, threads);
        most = b > most ? b : most;
    }
    return most;
}

/* ---- sums ---- */
typedef struct {
    float base[CULL__DELTAS], sum[CULL__DELTAS], counts[CULL__DELTAS];
    float x[]; /* models x CULL__DELTAS, where signs are elected, else one */
} room;

static cull_status weighed(cull_ctx *cx, const cull__deltas *d, const room *r, int s, int64_t from,
                           int64_t n, float *x)
{
    float weight = d->weight[s];
    CULL_TRY(cull_weights_read(cx, d->w, d->it, s, from, n, x));
    for (int64_t i = 0; i < n; i++) x[i] -= r->base[i];
    if (d->thin) CULL_TRY(d->thin(cx, d, s, from, n, x));
    for (int64_t i = 0; i < n; i++) x[i] *= weight;
    return CULL_OK;
}

/* r->sum = what of all models has the sign of their sum, divided by its weights. */
static void elect(const cull__deltas *d, room *r, int64_t n)
{
    float *restrict sum = r->sum, *restrict counts = r->counts, *restrict sign = r->base;
    int models = d->w->sources - d->w->first;
    float kept[CULL__DELTAS]; /* the base is still wanted */
    memcpy(kept, r->base, (size_t)n * sizeof *kept);
    for (int64_t i = 0; i < n; i++) sign[i] = 0;
    for (int m = 0; m < models; m++)
        for (int64_t i = 0; i < n; i++) sign[i] += r->x[m * CULL__DELTAS + i];
    for (int64_t i = 0; i < n; i++) sign[i] = sign[i] >= 0 ? 1 : -1;
    for (int64_t i = 0; i < n; i++) sum[i] = counts[i] = 0;
    for (int m = 0; m < models; m++) {
        const float *restrict x = r->x + (int64_t)m * CULL__DELTAS;
        float weight = d->weight[d->w->first + m];
        for (int64_t i = 0; i < n; i++) {
            bool with = x[i] * sign[i] > 0;
            sum[i] += with ? x[i] : 0;
            counts[i] += with ? weight : 0;
        }
    }
    for (int64_t i = 0; d->normalize && i < n; i++) sum[i] /= counts[i] == 0 ? 1 : counts[i];
    memcpy(r->base, kept, (size_t)n * sizeof *kept);
}

static void divide(const cull__deltas *d, room *r, int64_t n)
{
    float total = 0;
    for (int s = d->w->first; s < d->w->sources; s++) total += d->weight[s];
    if (total < 1e-8f && total > -1e-8f) total = 1;
    for (int64_t i = 0; i < n; i++) r->sum[i] /= total;
}

static cull_status piece(cull_ctx *cx, const cull__deltas *d, room *r, int64_t from, int64_t n,
                         float *out)
{
    CULL_TRY(cull_weights_read(cx, d->w, d->it, 0, from, n, r->base));
    for (int64_t i = 0; i < n; i++) r->sum[i] = 0;
    for (int s = d->w->first; s < d->w->sources; s++) {
        float *x = r->x + (d->elect ? (int64_t)(s - d->w->first) * CULL__DELTAS : 0);
        CULL_TRY(weighed(cx, d, r, s, from, n, x));
        for (int64_t i = 0; !d->elect && i < n; i++) r->sum[i] += x[i];
    }
    if (d->elect)
        elect(d, r, n);
    else if (d->normalize)
        divide(d, r, n);
    if (d->alpha != 1)
        for (int64_t i = 0; i < n; i++) r->sum[i] *= d->alpha;
    for (int64_t i = 0; i < n; i++) out[i] = r->base[i] + r->sum[i];
    return CULL_OK;
}

cull_status cull__deltas_block(cull_ctx *cx, const cull__deltas *d, int64_t from, int64_t n,
                               float *out)
{
    room *r;
    int64_t models = d->elect ? d->w->sources - d->w->first : 1;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__tmp(cx, (void **)&r, 1,
                              sizeof *r + (size_t)models * CULL__DELTAS * sizeof(float), false);
    for (int64_t at = 0; s == CULL_OK && at < n; at += CULL__DELTAS) {
        int64_t m = n - at < CULL__DELTAS ? n - at : CULL__DELTAS;
        s = piece(cx, d, r, from + at, m, out + at);
    }
    cull__release(cx, mark);
    return s;
}
