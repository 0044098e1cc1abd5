/* farthest.c - farthest first (Gonzalez 1985): the row that is farthest from all that is held or taken,
 * again and again. */
#include "choose/greedy.h"
#include "cull/data.h"

#include <math.h>

typedef struct {
    cull__steps steps;
    bool cosine;
} centres;

static double nearer(double value, double product, double square, double extra)
{
    (void)square, (void)extra;
    double far = product < 1 ? 1 - product : 0;
    return far < value ? far : value;
}

/* Squared, so that no root is taken of what is looked at and left. */
static double nearer2(double value, double product, double square, double extra)
{
    double far = square + extra - 2 * product;
    return far < 0 ? 0 : far < value ? far : value;
}

static cull_status begin(cull_ctx *cx, void *arg)
{
    centres *c = arg;
    (void)cx;
    cull__steps_begin(&c->steps);
    for (int64_t i = 0; i < c->steps.n; i++) c->steps.value[i] = INFINITY;
    return CULL_OK;
}

static cull_status gains(cull_ctx *cx, void *arg, const int64_t *row, int64_t m, double *gain)
{
    centres *c = arg;
    CULL_TRY(cull__steps_refresh(cx, &c->steps, row, m));
    for (int64_t k = 0; k < m; k++) {
        double far = c->steps.value[row[k]];
        gain[k] = c->cosine ? far : sqrt(far);
    }
    return CULL_OK;
}

static cull_status commit(cull_ctx *cx, void *arg, const int64_t *row, int64_t m)
{
    centres *c = arg;
    (void)cx;
    for (int64_t k = 0; k < m; k++) cull__steps_add(&c->steps, row[k], c->steps.square[row[k]]);
    return CULL_OK;
}

/* Of the rows that can be taken, the one nearest to the mean (of unit vectors for the cosine). */
static cull_status nearest_to_mean(cull_ctx *cx, const centres *c, const cull__taker *t,
                                   int64_t *row)
{
    const cull__steps *s = &c->steps;
    double *sum, least = INFINITY, square = 0;
    float *mean, *buf;
    CULL_TRY(CULL_TMP0(cx, sum, s->d));
    CULL_TRY(CULL_TMP(cx, mean, s->d));
    CULL_TRY(CULL_TMP(cx, buf, s->d));
    for (int64_t i = 0; i < s->n; i++) {
        const float *x = cull_pool_rows(s->pool, i, i + 1, buf);
        for (int64_t j = 0; j < s->d; j++) sum[j] += (double)x[j] * s->scale[i];
    }
    for (int64_t j = 0; j < s->d; j++) mean[j] = (float)(sum[j] / (double)s->n);
    square = s->kern->dot(mean, mean, s->d);
    for (int64_t i = 0; i < s->n; i++) {
        if (!cull__can_take(t, i)) continue;
        const float *x = cull_pool_rows(s->pool, i, i + 1, buf);
        double far = s->square[i] + square - 2 * s->kern->dot(x, mean, s->d) * s->scale[i];
        if (far < least) least = far, *row = i;
    }
    return CULL_OK;
}

static cull_status take_first(cull_ctx *cx, const centres *c, bool mean, cull__taker *t)
{
    int64_t row = -1;
    for (int64_t i = 0; t->have && i < t->n; i++)
        if (t->have[i]) return CULL_OK;
    if (mean) CULL_TRY(nearest_to_mean(cx, c, t, &row));
    for (int64_t i = 0; row < 0 && i < t->n; i++)
        if (cull__can_take(t, i)) row = i;
    if (row >= 0) cull__take(t, row, 0, -1);
    return CULL_OK;
}

static const cull__greedy_opts lazy = {CULL__LAZY, 0};

cull_status cull__farthest(cull_ctx *cx, const cull_data_problem *p, const cull_pool *space,
                           bool cosine, bool mean, cull__taker *t)
{
    centres c = {.cosine = cosine};
    cull__gain g = {
        .arg = &c, .batch = 1, .plain = true, .begin = begin, .gains = gains, .commit = commit};
    double value;
    CULL_TRY(cull__steps_new(cx, space, cosine ? nearer : nearer2, cull__steps_most(p), cosine,
                             &c.steps));
    CULL_TRY(take_first(cx, &c, mean, t));
    bool first = t->count > 0;
    CULL_TRY(cull__greedy(cx, &g, t, &lazy, &value));
    if (first && t->count > 1)
        t->score[0] = t->score[1]; /* farther than the second is none from it */
    return CULL_OK;
}

uint64_t cull__farthest_plan(const cull_data_problem *p, int64_t d)
{
    return cull__greedy_plan(p, &lazy) + cull__steps_plan(p->n, d, cull__steps_most(p));
}

double cull__farthest_flops(const cull_data_problem *p, int64_t d)
{
    return 2 * (double)p->n * (double)d * (double)cull__steps_most(p);
}
