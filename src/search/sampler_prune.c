/* sampler_prune.c - choices that SHAP values speak against. */
#include "search/sampler_prune.h"

#include "choose/choose.h"

#include <math.h>

typedef struct {
    const cull__features *f;
    uint8_t *out;
    int64_t left;    /* how many may still be forbidden */
    double *share;   /* order 2: of each feature, its mean share where it is 1 */
    int64_t *values; /* of each parameter: those that are allowed */
} pruner;

/* The parameter whose value feature j flags; -1 = it is a number, or a pair. */
static int flagged(const cull__features *f, int64_t j)
{
    int64_t value;
    if (j >= f->single) return -1;
    int i = cull_space_feature(f->space, f->encode, j, &value);
    return value < 0 ? -1 : i;
}

static void forbid(pruner *p, int64_t j)
{
    int i = flagged(p->f, j);
    if (i < 0 || p->left == 0 || p->out[j] || p->values[i] < 2) return;
    p->out[j] = 1;
    p->values[i]--;
    p->left--;
}

/* ---- order 1 ---- */
static cull_status by_share(cull_ctx *cx, const cull_predictor *p, const cull__rows *rows,
                            pruner *q)
{
    int64_t d = q->f->d, *order;
    double *phi, *mean;
    CULL_TRY(CULL_TMP(cx, phi, rows->n * (d + 1)));
    CULL_TRY(CULL_TMP0(cx, mean, d));
    CULL_TRY(CULL_TMP(cx, order, d));
    CULL_TRY(cull_predictor_shap(cx, p, rows->x, rows->n, phi));
    for (int64_t j = 0; j < d; j++) {
        int64_t n = 0;
        for (int64_t i = 0; i < rows->n; i++) {
            if (rows->x[i * d + j] != 1) continue;
            mean[j] += phi[i * (d + 1) + j];
            n++;
        }
        if (n) mean[j] /= (double)n;
    }
    CULL_TRY(cull__order(cx, mean, d, order)); /* the largest first: the worst */
    for (int64_t k = 0; k < d && mean[order[k]] > 0; k++) forbid(q, order[k]);
    return CULL_OK;
}

/* ---- order 2 ---- */
enum { BOTH, FIRST, SECOND, CASES };
typedef struct {
    double sum[CASES];
    int64_t n[CASES];
} pair;

static void add_row(const double *row, const double *phi, int64_t d, pair *at, double *share)
{
    for (int64_t a = 0; a < d; a++) {
        for (int64_t b = 0; b < d && row[a] == 1; b++) share[a] += phi[a * (d + 1) + b];
        for (int64_t b = a + 1; b < d; b++) {
            pair *q = &at[a * d + b];
            int which = row[a] == 1 ? (row[b] == 1 ? BOTH : FIRST) : row[b] == 1 ? SECOND : CASES;
            if (which == CASES) continue;
            q->sum[which] += phi[a * (d + 1) + b];
            q->n[which]++;
        }
    }
}

/* A pair's worst case: forbids what makes it. */
static void forbid_pair(pruner *q, const pair *at, int64_t a, int64_t b)
{
    double worst = 0;
    int which = CASES;
    for (int c = 0; c < CASES; c++) {
        double mean = at->n[c] ? at->sum[c] / (double)at->n[c] : 0;
        if (mean > worst) worst = mean, which = c;
    }
    if ((which == BOTH || which == FIRST) && q->share[a] > 0) forbid(q, a);
    if ((which == BOTH || which == SECOND) && q->share[b] > 0) forbid(q, b);
}

static cull_status by_pairs(cull_ctx *cx, const cull_predictor *p, const cull__rows *rows,
                            pruner *q)
{
    int64_t d = q->f->d, *order;
    double *phi, *worst;
    pair *at;
    CULL_TRY(CULL_TMP(cx, phi, (d + 1) * (d + 1)));
    CULL_TRY(CULL_TMP0(cx, at, d * d));
    CULL_TRY(CULL_TMP0(cx, worst, d * d));
    CULL_TRY(CULL_TMP(cx, order, d * d));
    CULL_TRY(CULL_TMP0(cx, q->share, d));
    for (int64_t i = 0; i < rows->n; i++) {
        CULL_TRY(cull__tick(cx, (double)i, (double)rows->n));
        CULL_TRY(cull_predictor_shap_pairs(cx, p, rows->x + i * d, 1, phi));
        add_row(rows->x + i * d, phi, d, at, q->share);
    }
    for (int64_t k = 0; k < d * d; k++)
        for (int c = 0; c < CASES; c++)
            if (at[k].n[c]) worst[k] = fmax(worst[k], at[k].sum[c] / (double)at[k].n[c]);
    CULL_TRY(cull__order(cx, worst, d * d, order));
    for (int64_t k = 0; k < d * d && worst[order[k]] > 0 && q->left > 0; k++)
        forbid_pair(q, &at[order[k]], order[k] / d, order[k] % d);
    return CULL_OK;
}

cull_status cull__prune(cull_ctx *cx, const cull_predictor *p, const cull__rows *rows,
                        const cull__features *f, int order, int64_t most, uint8_t *out)
{
    pruner q = {.f = f, .out = out, .left = most};
    CULL_TRY(CULL_TMP0(cx, q.values, cull_space_params(f->space)));
    for (int64_t j = 0; j < f->d; j++) {
        out[j] = 0;
        if (flagged(f, j) >= 0) q.values[flagged(f, j)]++;
    }
    return order == 1 ? by_share(cx, p, rows, &q) : by_pairs(cx, p, rows, &q);
}

bool cull__prune_keeps(const uint8_t *forbidden, const double *row, int64_t d)
{
    for (int64_t j = 0; j < d; j++)
        if (forbidden[j] && row[j] == 1) return false;
    return true;
}
