/* deltas.c - differences of models to their base, in blocks. */
#include "choose/deltas.h"
#include "choose/threshold_sample.h"
#include "num/blend.h"

#include <math.h>

/* Where NaN is allowed, a difference that is NaN counts as 0 in what ranks and sums them, and base (or NULL) is NaN there, so
 * that the result is. */
static void set_aside(const cull_weights_work *w, float *base, float *x, int64_t n)
{
    for (int64_t i = 0; w->problem->allow_nan && i < n; i++) {
        if (!isnan(x[i])) continue;
        x[i] = 0;
        if (base) base[i] = NAN;
    }
}

/* Deltas of several sources side by side, of each n numbers. */
static cull_status read_several(cull_ctx *cx, const cull_weights_work *w,
                                const cull_weights_item *it, const int *source, int sources,
                                int64_t from, int64_t n, float *out)
{
    float *base;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, base, n);
    if (s == CULL_OK) s = cull_weights_read(cx, w, it, 0, from, n, base);
    for (int k = 0; s == CULL_OK && k < sources; k++) {
        s = cull_weights_read(cx, w, it, source[k], from, n, out + k * n);
        if (s == CULL_OK) cull__blend_of(cx)->subtract(out + k * n, base, n);
        if (s == CULL_OK) set_aside(w, NULL, out + k * n, n);
    }
    cull__release(cx, mark);
    return s;
}

cull_status cull__delta_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             int s, int64_t from, int64_t n, float *out)
{
    return read_several(cx, w, it, &s, 1, from, n, out);
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
    int source[CULL__CUTS], sources;
} several;

static cull_status read_part(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                             float *out)
{
    const several *p = arg;
    (void)part;
    return read_several(cx, p->w, p->it, p->source, p->sources, from, n, out);
}

static int64_t blocks_of(int64_t n) { return (n + CULL__VALUES - 1) / CULL__VALUES; }

/* Of so many models with n numbers each, how many have their cuts found in one pass. */
static int at_once(int64_t n, int models, int ranks, int workers)
{
    int most = CULL__CUTS / ranks < models ? CULL__CUTS / ranks : models;
    if (blocks_of(n) < CULL__SAMPLED_BLOCKS) return 1;
    while (most > 1 &&
           cull__cuts_sampled_bytes(blocks_of(n), most, most * ranks, workers) > CULL__SAMPLED)
        most--;
    return most;
}

static cull_status together(cull_ctx *cx, const several *p, const int64_t *rank, int ranks,
                            cull__cut *cut, bool *found)
{
    int of[CULL__CUTS], n = p->sources * ranks;
    int64_t want[CULL__CUTS], first[2] = {0, blocks_of(p->it->t.n)};
    cull__cut cuts[CULL__CUTS];
    cull__values v = {read_part, p, 1, &p->it->t.n, &p->it->t.name};
    cull__sampled from = {&v, first, p->sources, of};
    *found = false;
    for (int i = 0; i < n; i++) {
        of[i] = i / ranks;
        want[i] = rank[p->source[of[i]] * ranks + i % ranks];
        if (want[i] < 1) return CULL_OK; /* that of none is told without a pass */
    }
    CULL_TRY(cull__cuts_sampled(cx, &from, p->it->t.n, want, n, cuts, found));
    for (int i = 0; i < n && *found; i++) cut[p->source[of[i]] * ranks + i % ranks] = cuts[i];
    return CULL_OK;
}

static cull_status one_by_one(cull_ctx *cx, const several *p, const int64_t *rank, int ranks,
                              cull__cut *cut)
{
    for (int i = 0; i < p->sources; i++) {
        int s = p->source[i];
        several one = {p->w, p->it, {s}, 1};
        cull__values v = {read_part, &one, 1, &p->it->t.n, &p->it->t.name};
        CULL_TRY(cull__cuts(cx, &v, rank + s * ranks, ranks, cut + s * ranks));
    }
    return CULL_OK;
}

cull_status cull__delta_cuts(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             const int64_t *rank, int ranks, cull__cut *cut)
{
    several p = {.w = w, .it = it};
    int most = at_once(it->t.n, w->sources - w->first, ranks, cull__workers(cx));
    for (int s = w->first; s < w->sources;) {
        bool found = false;
        for (p.sources = 0; s < w->sources && p.sources < most; s++)
            if (rank[s * ranks] >= 0) p.source[p.sources++] = s;
        cull__mark_t mark = cull__mark(cx);
        cull_status status = p.sources > 1 ? together(cx, &p, rank, ranks, cut, &found) : CULL_OK;
        cull__release(cx, mark);
        if (status == CULL_OK && !found) status = one_by_one(cx, &p, rank, ranks, cut);
        cull__release(cx, mark);
        CULL_TRY(status);
    }
    return CULL_OK;
}

uint64_t cull__delta_cuts_bytes(const cull_weights_work *w, int ranks, int threads)
{
    uint64_t most = 0;
    for (int64_t i = 0; i < w->items; i++) {
        int64_t n = w->item[i].t.n;
        if (w->item[i].copy) continue;
        int models = at_once(n, w->sources - w->first, ranks, threads);
        uint64_t one = cull__cuts_bytes(1, n, ranks, threads), several_ = 0;
        if (models > 1)
            several_ = cull__cuts_sampled_bytes(blocks_of(n), models, models * ranks, threads);
        most = one > most ? one : most;
        most = several_ > most ? several_ : most;
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
    float *x;
    CULL_TRY(CULL_TMP(cx, x, n));
    zero(out, n);
    for (int s = w->first; s < w->sources; s++) {
        CULL_TRY(cull_weights_read(cx, w, it, s, from, n, x));
        k->fma(out, x, weight[s], n);
    }
    if (by != 0) k->divide(out, by, n);
    return CULL_OK;
}

/* x, of source s, becomes its weighted delta. */
static cull_status weigh(cull_ctx *cx, const cull__deltas *d, float *base, int s, int64_t from,
                         int64_t n, float *x)
{
    const cull__blend *k = cull__blend_of(cx);
    k->subtract(x, base, n);
    set_aside(d->w, base, x, n);
    if (d->thin) CULL_TRY(d->thin(cx, d, s, from, n, x));
    if (d->weight[s] != 1) k->scale(x, d->weight[s], n);
    return CULL_OK;
}

static float total(const cull__deltas *d)
{
    float sum = 0;
    for (int s = d->w->first; s < d->w->sources; s++) sum += d->weight[s];
    return sum < 1e-8f && sum > -1e-8f ? 1 : sum;
}

/* out, which has the base's numbers, and x, which has those of the models, stride apart. */
static cull_status piece(cull_ctx *cx, const cull__deltas *d, float *x, int64_t stride,
                         int64_t from, int64_t n, float *out)
{
    const cull__blend *k = cull__blend_of(cx);
    int first = d->w->first, models = d->w->sources - first;
    float sum[CULL__DELTAS];
    for (int m = 0; m < models; m++)
        CULL_TRY(weigh(cx, d, out, first + m, from, n, x + m * stride));
    if (d->elect) {
        k->elect(sum, x, stride, d->weight + first, models, d->normalize, n);
    } else {
        zero(sum, n);
        for (int m = 0; m < models; m++) k->add(sum, x + m * stride, n);
        if (d->normalize) k->divide(sum, total(d), n);
    }
    if (d->alpha != 1) k->scale(sum, d->alpha, n);
    k->add(out, sum, n);
    return CULL_OK;
}

cull_status cull__deltas_block(cull_ctx *cx, const cull__deltas *d, int64_t from, int64_t n,
                               float *out)
{
    int first = d->w->first, models = d->w->sources - first;
    float *x;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, x, models * n);
    if (s == CULL_OK) s = cull_weights_read(cx, d->w, d->it, 0, from, n, out);
    for (int m = 0; s == CULL_OK && m < models; m++)
        s = cull_weights_read(cx, d->w, d->it, first + m, from, n, x + m * n);
    for (int64_t at = 0; s == CULL_OK && at < n; at += CULL__DELTAS) {
        int64_t m = n - at < CULL__DELTAS ? n - at : CULL__DELTAS;
        s = piece(cx, d, x + at, n, from + at, m, out + at);
    }
    cull__release(cx, mark);
    return s;
}
