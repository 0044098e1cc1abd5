/* predict_svr.c - support vector regression (Drucker et al. 1997) with a Gaussian kernel.
 *
 * In the numbers b_i = a_i - a_i* the dual is the least of b^T K b / 2 - y^T b + epsilon |b|_1 with sum b = 0 and
 * |b_i| <= c_i. Two numbers are moved at a time (Platt 1998), the second one by what the step gains (Fan, Chen,
 * Lin 2005); a step ends where a number meets 0 or its bound. */
#include "num/num.h"
#include "score/predict.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { FOLDS = 5, FEW = 10 };
static const double TOLERANCE = 1e-4; /* in deviations of y */

typedef struct {
    int64_t n, d;
    double gamma, bias;
    double *x, *xx, *b; /* rows with b other than 0 */
} svr;

/* ---- the kernel ---- */

static void squares(const double *x, int64_t n, int64_t d, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = 0;
        for (int64_t c = 0; c < d; c++) out[i] += x[i * d + c] * x[i * d + c];
    }
}

/* (m, n) */
static void gaussian(const double *a, const double *aa, int64_t m, const double *b,
                     const double *bb, int64_t n, int64_t d, double gamma, double *k)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)d, -2, a, (int)d, b,
                (int)d, 0, k, (int)n);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double r2 = k[i * n + j] + (aa[i] + bb[j]);
            k[i * n + j] = exp(-gamma * (r2 > 0 ? r2 : 0));
        }
}

/* ---- the dual ---- */

typedef struct {
    int64_t n;
    const double *k, *y, *c; /* (n, n), n, n: bounds */
    double epsilon;
    double *b, *e; /* e = K b - y */
} dual;

/* What the objective grows by as b_i rises, or by as it stops falling. */
static inline double rising(const dual *p, int64_t i)
{
    return p->e[i] + (p->b[i] < 0 ? -p->epsilon : p->epsilon);
}
static inline double falling(const dual *p, int64_t i)
{
    return p->e[i] + (p->b[i] > 0 ? p->epsilon : -p->epsilon);
}

/* The number that rises, the one whose fall gains most beside it, and how far off the optimum is. */
static double worst_pair(const dual *p, int64_t *up, int64_t *down)
{
    double least = INFINITY, most = -INFINITY, best = -1;
    *up = *down = -1;
    for (int64_t i = 0; i < p->n; i++)
        if (p->b[i] < p->c[i] && rising(p, i) < least) least = rising(p, i), *up = i;
    if (*up < 0) return 0;
    const double *row = p->k + *up * p->n;
    for (int64_t j = 0; j < p->n; j++) {
        if (!(p->b[j] > -p->c[j])) continue;
        double f = falling(p, j), gap = f - least;
        most = f > most ? f : most;
        if (!(gap > 0)) continue;
        double bend = 2 - 2 * row[j], gain = gap * gap / (bend > 1e-12 ? bend : 1e-12);
        if (gain > best) best = gain, *down = j;
    }
    return most - least;
}

static void move(dual *p, int64_t i, int64_t j)
{
    const double *ki = p->k + i * p->n, *kj = p->k + j * p->n;
    double bend = 2 - 2 * ki[j],
           step = (falling(p, j) - rising(p, i)) / (bend > 1e-12 ? bend : 1e-12);
    double most_i = p->b[i] < 0 ? -p->b[i] : p->c[i] - p->b[i];
    double most_j = p->b[j] > 0 ? p->b[j] : p->c[j] + p->b[j];
    double wi = p->b[i] < 0 ? 0 : p->c[i], wj = p->b[j] > 0 ? 0 : -p->c[j];
    step = step < most_i ? step : most_i;
    step = step < most_j ? step : most_j;
    p->b[i] = step == most_i ? wi : p->b[i] + step; /* on the corner, not beside it */
    p->b[j] = step == most_j ? wj : p->b[j] - step;
    for (int64_t t = 0; t < p->n; t++) p->e[t] += step * (ki[t] - kj[t]);
}

/* From the b that is there. Stops at the tolerance, or after so many steps that more would not pay. */
static cull_status descend(cull_ctx *cx, dual *p, double *bias)
{
    int64_t up, down, most = 20000 + 200 * p->n;
    for (int64_t s = 0; s < most; s++) {
        if (s % 1024 == 0) CULL_TRY(cull__tick(cx, (double)s, (double)most));
        if (!(worst_pair(p, &up, &down) > TOLERANCE) || down < 0) break;
        move(p, up, down);
    }
    double sum = 0, least = INFINITY, greatest = -INFINITY;
    int64_t inside = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double b = p->b[i];
        if (b < p->c[i] && rising(p, i) < least) least = rising(p, i);
        if (b > -p->c[i] && falling(p, i) > greatest) greatest = falling(p, i);
        if (b != 0 && fabs(b) < p->c[i]) sum += rising(p, i), inside++;
    }
    *bias = inside ? -sum / (double)inside : -(least + greatest) / 2;
    return CULL_OK;
}

/* ---- the bound, by cross-validation ---- */

static const double bounds[] = {0.3, 1, 3, 10, 30, 100};
enum { BOUNDS = sizeof bounds / sizeof *bounds };

typedef struct {
    const cull__samples *t;
    const double *k; /* (n, n) of all */
    const int64_t *order;
    double epsilon;
    double *error; /* (FOLDS, BOUNDS): sums of squares */
} folds;

static double said_of(const folds *f, const int64_t *row, int64_t n, const double *b, double bias,
                      int64_t test)
{
    const double *k = f->k + test * f->t->n;
    for (int64_t i = 0; i < n; i++) bias += b[i] * k[row[i]];
    return bias;
}

static cull_status fold_room(cull_ctx *cx, const folds *f, int64_t fold, dual *p, int64_t **row,
                             double **c)
{
    int64_t n = f->t->n;
    double *k, *y;
    CULL_TRY(CULL_TMP(cx, *row, n));
    for (int64_t i = 0; i < n; i++)
        if (i % FOLDS != fold) (*row)[p->n++] = f->order[i];
    CULL_TRY(CULL_TMP(cx, k, p->n * p->n));
    CULL_TRY(CULL_TMP(cx, y, p->n));
    CULL_TRY(CULL_TMP(cx, *c, p->n));
    CULL_TRY(CULL_TMP0(cx, p->b, p->n));
    CULL_TRY(CULL_TMP(cx, p->e, p->n));
    for (int64_t i = 0; i < p->n; i++) {
        y[i] = f->t->y[(*row)[i]], p->e[i] = -y[i];
        for (int64_t j = 0; j < p->n; j++) k[i * p->n + j] = f->k[(*row)[i] * n + (*row)[j]];
    }
    p->k = k, p->y = y, p->c = *c, p->epsilon = f->epsilon;
    return CULL_OK;
}

/* Bounds grow, so that each starts from the last one's answer. */
static cull_status one_fold(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const folds *f = arg;
    dual p = {0};
    int64_t *row;
    double *c, bias;
    (void)lo, (void)hi;
    CULL_TRY(fold_room(cx, f, chunk, &p, &row, &c));
    for (int g = 0; g < BOUNDS; g++) {
        double *error = f->error + chunk * BOUNDS + g;
        for (int64_t i = 0; i < p.n; i++)
            c[i] = bounds[g] * (f->t->weight ? f->t->weight[row[i]] : 1);
        CULL_TRY(descend(cx, &p, &bias));
        *error = 0;
        for (int64_t i = chunk; i < f->t->n; i += FOLDS) {
            int64_t test = f->order[i];
            double e = said_of(f, row, p.n, p.b, bias, test) - f->t->y[test];
            *error += e * e * (f->t->weight ? f->t->weight[test] : 1);
        }
    }
    return CULL_OK;
}

static cull_status choose_bound(cull_ctx *cx, const cull__samples *t, const double *k,
                                double epsilon, uint64_t stream, double *c)
{
    folds f = {.t = t, .k = k, .epsilon = epsilon};
    int64_t *order;
    double best = INFINITY;
    *c = 10;
    if (t->n < FEW) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, order, t->n));
    CULL_TRY(CULL_TMP(cx, f.error, FOLDS * BOUNDS));
    for (int64_t i = 0; i < t->n; i++) order[i] = i;
    cull_rng r = cull__rng(cx, stream);
    cull__rng_shuffle(&r, order, t->n);
    f.order = order;
    CULL_TRY(cull__for(cx, FOLDS, 1, one_fold, &f));
    for (int g = 0; g < BOUNDS; g++) {
        double sum = 0;
        for (int k2 = 0; k2 < FOLDS; k2++) sum += f.error[k2 * BOUNDS + g];
        if (sum < best * (1 - 1e-9)) best = sum, *c = bounds[g];
    }
    return CULL_OK;
}

/* ---- the kind ---- */

static void svr_free(void *m)
{
    svr *s = m;
    if (!s) return;
    cull__free(s->x);
    cull__free(s->xx);
    cull__free(s->b);
    cull__free(s);
}

static cull_status keep(cull_ctx *cx, svr *s, const cull__samples *t, const double *b)
{
    int64_t m = 0;
    for (int64_t i = 0; i < t->n; i++) m += b[i] != 0;
    CULL_TRY(CULL_ALLOC(cx, s->x, m * t->d));
    CULL_TRY(CULL_ALLOC(cx, s->xx, m));
    CULL_TRY(CULL_ALLOC(cx, s->b, m));
    for (int64_t i = 0; i < t->n; i++) {
        if (b[i] == 0) continue;
        memcpy(s->x + s->n * t->d, t->x + i * t->d, (size_t)t->d * sizeof *s->x);
        s->b[s->n++] = b[i];
    }
    squares(s->x, s->n, t->d, s->xx);
    return CULL_OK;
}

typedef struct {
    const cull__samples *t;
    double gamma, *k, *xx;
} kernel;
static cull_status fill_kernel(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const kernel *a = arg;
    const cull__samples *t = a->t;
    (void)cx, (void)chunk;
    gaussian(t->x + lo * t->d, a->xx + lo, hi - lo, t->x, a->xx, t->n, t->d, a->gamma,
             a->k + lo * t->n);
    for (int64_t i = lo; i < hi; i++) a->k[i * t->n + i] = 1;
    return CULL_OK;
}

static cull_status solve(cull_ctx *cx, svr *s, const cull__samples *t, const cull_predict_opts *o,
                         uint64_t stream)
{
    kernel a = {.t = t, .gamma = s->gamma};
    dual p = {.n = t->n, .y = t->y, .epsilon = o->epsilon > 0 ? o->epsilon : 0.02};
    double *c, bound = o->c;
    CULL_TRY(CULL_TMP(cx, a.xx, t->n));
    CULL_TRY(CULL_TMP(cx, a.k, t->n * t->n));
    CULL_TRY(CULL_TMP(cx, c, t->n));
    CULL_TRY(CULL_TMP0(cx, p.b, t->n));
    CULL_TRY(CULL_TMP(cx, p.e, t->n));
    squares(t->x, t->n, t->d, a.xx);
    CULL_TRY(cull__for(cx, t->n, 256, fill_kernel, &a));
    if (!(bound > 0)) CULL_TRY(choose_bound(cx, t, a.k, p.epsilon, stream, &bound));
    for (int64_t i = 0; i < t->n; i++) {
        c[i] = bound * (t->weight ? t->weight[i] : 1);
        p.e[i] = -t->y[i];
    }
    p.k = a.k, p.c = c;
    CULL_TRY(descend(cx, &p, &s->bias));
    return keep(cx, s, t, p.b);
}

static cull_status svr_fit(cull_ctx *cx, const cull__samples *t, const cull_predict_opts *o,
                           uint64_t stream, void **out)
{
    cull__samples few;
    svr *s;
    CULL_TRY(cull__samples_draw(cx, t, CULL__KERNEL_ROWS, stream + 100, &few));
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->d = t->d;
    s->gamma = o->gamma > 0 ? o->gamma : 1 / (double)t->d;
    cull_status status = solve(cx, s, &few, o, stream);
    if (status == CULL_OK)
        *out = s;
    else
        svr_free(s);
    return status;
}

static cull_status near_rows(cull_ctx *cx, const svr *s, const double *x, int64_t n, double **k)
{
    double *xx;
    CULL_TRY(CULL_TMP(cx, xx, n));
    CULL_TRY(CULL_TMP(cx, *k, n * s->n));
    squares(x, n, s->d, xx);
    gaussian(x, xx, n, s->x, s->xx, s->n, s->d, s->gamma, *k);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < s->n; j++) (*k)[i * s->n + j] *= s->b[j];
    return CULL_OK;
}

static cull_status svr_say(cull_ctx *cx, const void *model, const double *x, int64_t n,
                           double *mean, double *spread)
{
    const svr *s = model;
    double *k;
    (void)spread;
    CULL_TRY(near_rows(cx, s, x, n, &k));
    for (int64_t i = 0; i < n; i++) {
        mean[i] = s->bias;
        for (int64_t j = 0; j < s->n; j++) mean[i] += k[i * s->n + j];
    }
    return CULL_OK;
}

/* -2 gamma sum_j b_j k_ij (x_i - x_j) */
static cull_status svr_gradient(cull_ctx *cx, const void *model, const double *x, int64_t n,
                                double *mean, double *spread)
{
    const svr *s = model;
    double *k;
    (void)spread;
    CULL_TRY(near_rows(cx, s, x, n, &k));
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)s->d, (int)s->n,
                2 * s->gamma, k, (int)(s->n ? s->n : 1), s->x, (int)s->d, 0, mean, (int)s->d);
    for (int64_t i = 0; i < n; i++) {
        double all = 0;
        for (int64_t j = 0; j < s->n; j++) all += k[i * s->n + j];
        for (int64_t c = 0; c < s->d; c++)
            mean[i * s->d + c] -= 2 * s->gamma * all * x[i * s->d + c];
    }
    return CULL_OK;
}

const cull__predictor cull__predict_svr = {
    .name = "svr",
    .fit = svr_fit,
    .free = svr_free,
    .grain = 256,
    .say = svr_say,
    .gradient = svr_gradient,
};
