/* obs.c - a matrix pruned with what is left made up for it: see obs.h. */
#include "choose/obs.h"
#include "choose/threshold.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

enum { ROWS = 32 }; /* of a chunk */

/* ---- the triangle ---- */

static double mean_of_diagonal(const double *h, int64_t d)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < d; i++) {
        sum += h[i * d + i];
        n += h[i * d + i] > 0;
    }
    return n ? sum / (double)n : 1;
}

/* With columns in reverse H = G G^T, and L is what stands where in the inverse of G; no inverse of H is made. */
cull_status cull__obs_factor(cull_ctx *cx, double *h, int64_t d, double damping, float *l,
                             uint8_t *dead, int64_t *bad)
{
    double mean = mean_of_diagonal(h, d);
    *bad = -1;
    for (int64_t i = 0; i < d; i++) {
        double *own = &h[i * d + i];
        if (!(*own >= 0)) return *bad = i, CULL_OK;
        dead[i] = *own == 0;
        *own = dead[i] ? mean : *own + damping * mean;
    }
    for (int64_t i = 0; i < d;
         i++) /* entry (i, j) of the lower triangle to (d-1-j, d-1-i), which is in it too */
        for (int64_t j = 0; j <= i && i + j < d; j++) {
            double *a = &h[i * d + j], *b = &h[(d - 1 - j) * d + d - 1 - i], was = *a / mean;
            *a = *b / mean;
            *b = was;
        }
    CULL_TRY(cull__cholesky(cx, h, d, bad));
    if (*bad >= 0) return *bad = d - 1 - *bad, CULL_OK;
    CULL_TRY(cull__lower_inverse(cx, h, d));
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++)
            l[i * d + j] = j <= i ? (float)h[(d - 1 - j) * d + d - 1 - i] : 0;
    return CULL_OK;
}

/* ---- one block of columns ---- */

typedef struct {
    const cull__obs *p;
    int64_t from, n; /* columns */
    double *up;    /* (n, n): row c = what a unit of error in column c takes from those behind it */
    float *cost;   /* (outs, n), row by row; of N:M none */
    cull__cut cut; /* of those that stay */
} block;

static cull_status read_cost(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                             float *out)
{
    const block *b = arg;
    (void)cx, (void)part;
    memcpy(out, b->cost + from, (size_t)n * sizeof *out);
    return CULL_OK;
}

/* The root of what it costs to lose each weight. */
static cull_status fill_cost(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const block *b = arg;
    const cull__obs *p = b->p;
    (void)cx, (void)chunk;
    for (int64_t r = lo; r < hi; r++)
        for (int64_t c = 0; c < b->n; c++)
            b->cost[r * b->n + c] =
                (float)(fabs((double)p->w[r * p->ins + b->from + c]) / b->up[c * b->n + c]);
    return CULL_OK;
}

static cull_status choose(cull_ctx *cx, block *b)
{
    const cull__obs *p = b->p;
    const char *name = "costs of weights";
    int64_t all = p->outs * b->n, stay = all - (int64_t)floor(p->sparsity * (double)all);
    cull__values v = {read_cost, b, 1, &all, &name};
    CULL_TRY(cull__for(cx, p->outs, ROWS, fill_cost, b));
    return cull__cuts(cx, &v, &stay, 1, &b->cut);
}

/* Of the columns c .. c + m of a row those that stay: the n that cost most, of equal ones the first. */
static void choose_group(const block *b, const double *w, int64_t c, uint8_t *keep)
{
    int64_t m = b->n - c < b->p->m ? b->n - c : b->p->m;
    memset(keep + c, 0, (size_t)m);
    for (int k = 0; k < b->p->n && k < m; k++) {
        int64_t best = -1;
        double most = -1;
        for (int64_t i = c; i < c + m; i++) {
            double cost = fabs(w[i]) / b->up[i * b->n + i];
            if (!keep[i] && cost > most) most = cost, best = i;
        }
        keep[best] = 1;
    }
}

/* A row's block: weights that go to 0 one after the other, those behind them changed; error[c] = what is left to do to columns
 * behind the block. */
static void prune_row(const block *b, int64_t row, double *w, uint8_t *keep, float *error)
{
    const cull__obs *p = b->p;
    float *x = p->w + row * p->ins + b->from;
    for (int64_t c = 0; c < b->n; c++) w[c] = x[c];
    if (!p->m) (void)cull__cut_keep(&b->cut, b->cost + row * b->n, 0, row * b->n, b->n, keep);
    for (int64_t c = 0; c < b->n; c++) {
        const double *up = b->up + c * b->n;
        if (p->m && c % p->m == 0) choose_group(b, w, c, keep);
        error[c] = 0;
        if (keep[c]) continue;
        double e = w[c] / up[c];
        error[c] = (float)e;
        w[c] = 0;
        for (int64_t k = c + 1; k < b->n; k++) w[k] -= e * up[k];
    }
    for (int64_t c = 0; c < b->n; c++) x[c] = (float)w[c];
}

static cull_status prune_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const block *b = arg;
    const cull__obs *p = b->p;
    int64_t next = b->from + b->n, rest = p->ins - next;
    double *w;
    uint8_t *keep;
    float *error, *change;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, w, b->n));
    CULL_TRY(CULL_TMP(cx, keep, b->n));
    CULL_TRY(CULL_TMP(cx, error, ROWS * b->n));
    CULL_TRY(CULL_TMP(cx, change, ROWS * rest));
    for (int64_t r = lo; r < hi; r++) prune_row(b, r, w, keep, error + (r - lo) * b->n);
    if (!rest) return CULL_OK;
    cull__gemm_nt(hi - lo, rest, b->n, error, b->n, p->l + next * p->ins + b->from, p->ins, change,
                  rest);
    for (int64_t r = lo; r < hi; r++) {
        float *x = p->w + r * p->ins + next;
        const float *by = change + (r - lo) * rest;
        for (int64_t c = 0; c < rest; c++) x[c] -= by[c];
    }
    return CULL_OK;
}

static cull_status prune_block(cull_ctx *cx, const cull__obs *p, int64_t from)
{
    block b = {.p = p, .from = from, .n = p->ins - from < p->block ? p->ins - from : p->block};
    CULL_TRY(CULL_TMP(cx, b.up, b.n * b.n));
    for (int64_t c = 0; c < b.n; c++)
        for (int64_t k = 0; k < b.n; k++)
            b.up[c * b.n + k] = (double)p->l[(from + k) * p->ins + from + c];
    if (!p->m) {
        CULL_TRY(CULL_TMP(cx, b.cost, p->outs * b.n));
        CULL_TRY(choose(cx, &b));
    }
    return cull__for(cx, p->outs, ROWS, prune_rows, &b);
}

cull_status cull__obs_prune(cull_ctx *cx, const cull__obs *p)
{
    for (int64_t i = 0; i < p->ins; i++) /* inputs that are always 0 */
        for (int64_t r = 0; r < p->outs && p->dead[i]; r++) p->w[r * p->ins + i] = 0;
    for (int64_t from = 0; from < p->ins; from += p->block) {
        CULL_TRY(cull__tick(cx, (double)from, (double)p->ins));
        cull__mark_t mark = cull__mark(cx);
        cull_status s = prune_block(cx, p, from);
        cull__release(cx, mark);
        CULL_TRY(s);
    }
    return CULL_OK;
}

uint64_t cull__obs_bytes(int64_t outs, int64_t ins, int64_t columns, int threads)
{
    uint64_t n = (uint64_t)(columns < ins ? columns : ins), all = (uint64_t)outs * n;
    return n * n * sizeof(double) + all * sizeof(float) +
           cull__cuts_bytes(1, (int64_t)all, 1, threads) +
           (uint64_t)threads * (n * 9 + ROWS * (n + (uint64_t)ins) * sizeof(float));
}
