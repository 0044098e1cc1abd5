/* deltas.c - differences of models to their base, in blocks. */
#include "choose/deltas.h"
#include "num/blend.h"

cull_status cull__delta_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             int s, int64_t from, int64_t n, float *out)
{
    float base[CULL__DELTAS];
    const cull__blend *k = cull__blend_of(cx);
    for (int64_t at = 0; at < n; at += CULL__DELTAS) {
        int64_t m = n - at < CULL__DELTAS ? n - at : CULL__DELTAS;
        CULL_TRY(cull_weights_read(cx, w, it, 0, from + at, m, base));
        CULL_TRY(cull_weights_read(cx, w, it, s, from + at, m, out + at));
        k->subtract(out + at, base, m);
    }
    return CULL_OK;
}

/* ---- cuts ---- */
/* Of n values from .. on so many stand before the cut's place. */
static int64_t before(const cull__cut *c, int64_t part, int64_t from, int64_t n)
{
    if (part != c->part) return part < c->part ? n : 0;
    return c->at <= from ? 0 : c->at - from < n ? c->at - from : n;
}

void cull__delta_above(const cull_ctx *cx, const cull__cut *cut, int64_t part, int64_t from,
                       int64_t n, float *x)
{
    const cull__blend *k = cull__blend_of(cx);
    uint32_t key = cut->key < INT32_MAX ? cut->key : INT32_MAX - 1; /* the latter: above all */
    int64_t ties = before(cut, part, from, n);
    k->above(x, key, ties);
    k->above(x + ties, key + 1, n - ties);
}

void cull__delta_band(const cull_ctx *cx, const cull__cut *first, const cull__cut *last,
                      int64_t part, int64_t from, int64_t n, float *x)
{
    const cull__blend *k = cull__blend_of(cx);
    int64_t ties = before(first, part, from, n);
    cull__delta_above(cx, last, part, from, n, x);
    if (first->key > INT32_MAX) return; /* nothing is above it */
    if (first->key > 0) k->below(x, first->key - 1, ties);
    k->below(x + ties, first->key, n - ties);
}

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
static void zero(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = 0;
}

float cull__model_weights(const cull_weights_work *w, const cull_weights_item *it, size_t at,
                          float *weight)
{
    float sum = 0;
    for (int s = w->first; s < w->sources; s++) {
        double v;
        memcpy(&v, (const char *)it->opts[s] + at, sizeof v);
        weight[s] = (float)v;
        sum += weight[s];
    }
    return sum;
}

cull_status cull__models_sum(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             const float *weight, float by, int64_t from, int64_t n, float *out)
{
    const cull__blend *k = cull__blend_of(cx);
    float x[CULL__DELTAS];
    for (int64_t at = 0; at < n; at += CULL__DELTAS) {
        int64_t m = n - at < CULL__DELTAS ? n - at : CULL__DELTAS;
        zero(out + at, m);
        for (int s = w->first; s < w->sources; s++) {
            CULL_TRY(cull_weights_read(cx, w, it, s, from + at, m, x));
            k->fma(out + at, x, weight[s], m);
        }
        if (by != 0) k->divide(out + at, by, m);
    }
    return CULL_OK;
}

typedef struct {
    float base[CULL__DELTAS], sum[CULL__DELTAS], sign[CULL__DELTAS], counts[CULL__DELTAS];
    float x[]; /* models x CULL__DELTAS, where signs are elected, else one */
} room;

static cull_status weighed(cull_ctx *cx, const cull__deltas *d, const room *r, int s, int64_t from,
                           int64_t n, float *x)
{
    const cull__blend *k = cull__blend_of(cx);
    CULL_TRY(cull_weights_read(cx, d->w, d->it, s, from, n, x));
    k->subtract(x, r->base, n);
    if (d->thin) CULL_TRY(d->thin(cx, d, s, from, n, x));
    if (d->weight[s] != 1) k->scale(x, d->weight[s], n);
    return CULL_OK;
}

/* r->sum = what of all models has the sign of their sum, divided by its weights. */
static void elect(const cull__blend *k, const cull__deltas *d, room *r, int64_t n)
{
    int models = d->w->sources - d->w->first;
    zero(r->sign, n), zero(r->sum, n), zero(r->counts, n);
    for (int m = 0; m < models; m++) k->add(r->sign, r->x + (int64_t)m * CULL__DELTAS, n);
    k->sign(r->sign, n);
    for (int m = 0; m < models; m++)
        k->agree(r->sum, r->counts, r->x + (int64_t)m * CULL__DELTAS, r->sign,
                 d->weight[d->w->first + m], n);
    if (d->normalize) k->mean(r->sum, r->counts, n);
}

static float total(const cull__deltas *d)
{
    float sum = 0;
    for (int s = d->w->first; s < d->w->sources; s++) sum += d->weight[s];
    return sum < 1e-8f && sum > -1e-8f ? 1 : sum;
}

static cull_status piece(cull_ctx *cx, const cull__deltas *d, room *r, int64_t from, int64_t n,
                         float *out)
{
    const cull__blend *k = cull__blend_of(cx);
    CULL_TRY(cull_weights_read(cx, d->w, d->it, 0, from, n, r->base));
    zero(r->sum, n);
    for (int s = d->w->first; s < d->w->sources; s++) {
        float *x = r->x + (d->elect ? (int64_t)(s - d->w->first) * CULL__DELTAS : 0);
        CULL_TRY(weighed(cx, d, r, s, from, n, x));
        if (!d->elect) k->add(r->sum, x, n);
    }
    if (d->elect)
        elect(k, d, r, n);
    else if (d->normalize)
        k->divide(r->sum, total(d), n);
    if (d->alpha != 1) k->scale(r->sum, d->alpha, n);
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
