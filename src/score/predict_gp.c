/* predict_gp.c - Gaussian processes (Rasmussen and Williams 2006): kernel Matern 5/2 or 3/2, the likelihood of its
 * numbers, what a posterior says. How the numbers are found: predict_gp_fit.c. */
#include "score/predict_gp.h"
#include "num/num.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

static const double ROOT3 = 1.7320508075688772935, ROOT5 = 2.2360679774997896964;
static const double LOG_2PI = 1.8378770664093454836;

/* Of OpenBLAS's LAPACK: the inverse from a Cholesky factor. */
extern void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info,
                    size_t uplo_n);

/* The kernel over its variance at distance sqrt(r2), and -2 times its derivative by r2. */
static inline double matern(bool rough, double r2, double *slope)
{
    double r = (rough ? ROOT3 : ROOT5) * sqrt(r2), e = exp(-r);
    *slope = rough ? 3 * e : 5. / 3 * (1 + r) * e;
    return rough ? (1 + r) * e : (1 + r + r * r / 3) * e;
}

/* Squared distances (m, n) of rows of a (m, d) and b (n, d). */
static void distances(const double *a, const double *aa, int64_t m, const double *b,
                      const double *bb, int64_t n, int64_t d, double *out)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)d, -2, a, (int)d, b,
                (int)d, 0, out, (int)n);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double r2 = out[i * n + j] + (aa[i] + bb[j]);
            out[i * n + j] = r2 > 0 ? r2 : 0;
        }
}

/* x (n, d) over the lengths, and the squared length of each row. */
static void stretch(const double *x, int64_t n, int64_t d, const double *inverse, double *u,
                    double *uu)
{
    for (int64_t i = 0; i < n; i++) {
        uu[i] = 0;
        for (int64_t c = 0; c < d; c++) {
            double v = x[i * d + c] * inverse[c];
            u[i * d + c] = v, uu[i] += v * v;
        }
    }
}

/* ---- theta ---- */

int64_t cull__gp_size(const cull__gp_form *f, int64_t d)
{
    int64_t lengths = f->isotropic ? 1 : f->group ? f->groups : d;
    return 2 + lengths + f->sparse;
}

/* Which of the lengths feature c has. */
static int64_t length_of(const cull__gp_form *f, int64_t c)
{
    return f->isotropic ? 0 : f->group ? f->group[c] : c;
}

static void inverse_lengths(const cull__gp_form *f, const double *theta, int64_t d, double *out)
{
    for (int64_t c = 0; c < d; c++) {
        int64_t at = length_of(f, c);
        out[c] = f->sparse ? exp(0.5 * (theta[2] + theta[3 + at])) : exp(-theta[2 + at]);
    }
}

/* ---- the likelihood ---- */

typedef struct {
    const cull__samples *t;
    const cull__gp_form *f;
    const double *theta;
    double variance, noise;
    double *inverse, *u, *uu;
    double *k;     /* (n, n): distances, then the kernel with noise, then its factor, its inverse */
    double *slope; /* (n, n) or NULL */
    double *alpha;
} work;

static cull_status work_room(cull_ctx *cx, work *w, bool slope)
{
    int64_t n = w->t->n, d = w->t->d;
    w->variance = exp(w->theta[0]), w->noise = exp(w->theta[1]);
    CULL_TRY(CULL_TMP(cx, w->inverse, d));
    CULL_TRY(CULL_TMP(cx, w->u, n * d));
    CULL_TRY(CULL_TMP(cx, w->uu, n));
    CULL_TRY(CULL_TMP(cx, w->k, n * n));
    CULL_TRY(CULL_TMP(cx, w->alpha, n));
    if (slope) CULL_TRY(CULL_TMP(cx, w->slope, n * n));
    inverse_lengths(w->f, w->theta, d, w->inverse);
    stretch(w->t->x, n, d, w->inverse, w->u, w->uu);
    return CULL_OK;
}

/* k + noise in the lower triangle; slopes in both. */
static void kernel(work *w)
{
    int64_t n = w->t->n;
    double level = w->f->level;
    bool rough = w->f->rough;
    distances(w->u, w->uu, n, w->u, w->uu, n, w->t->d, w->k);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < i; j++) {
            double s, v = w->variance * (level + matern(rough, w->k[i * n + j], &s));
            w->k[i * n + j] = v;
            if (w->slope) w->slope[i * n + j] = w->slope[j * n + i] = w->variance * s;
        }
        w->k[i * n + i] =
            w->variance * (level + 1) + w->noise / (w->t->weight ? w->t->weight[i] : 1);
        if (w->slope) w->slope[i * n + i] = w->variance * (rough ? 3 : 5. / 3);
    }
}

/* The factor, and alpha = (k + noise)^-1 y. *ok = false: singular. */
static cull_status solve(cull_ctx *cx, work *w, bool *ok)
{
    int64_t n = w->t->n, bad = -1;
    *ok = isfinite(w->variance) && isfinite(w->noise);
    for (int64_t i = 0; i < n; i++) *ok &= isfinite(w->uu[i]);
    if (!*ok) return CULL_OK;
    kernel(w);
    CULL_TRY(cull__cholesky(cx, w->k, n, &bad));
    *ok = bad < 0;
    memcpy(w->alpha, w->t->y, (size_t)n * sizeof *w->alpha);
    if (!*ok) return CULL_OK;
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, w->k, (int)n,
                w->alpha, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, (int)n, w->k, (int)n, w->alpha,
                1);
    return CULL_OK;
}

static double value(const work *w)
{
    int64_t n = w->t->n;
    double v = 0.5 * (double)n * LOG_2PI;
    for (int64_t i = 0; i < n; i++) v += log(w->k[i * n + i]) + 0.5 * w->t->y[i] * w->alpha[i];
    return v;
}

/* By the logarithms of variance and noise; the slopes become C = (k^-1 - alpha alpha^T) slope / 2, whose
 * sum of C_ij (u_ic - u_jc)^2 is the derivative by the logarithm of length c. */
static void outer_gradient(work *w, double *g)
{
    int64_t n = w->t->n;
    double all = 0, noise = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double q = 0.5 * (w->k[i * n + j] - w->alpha[i] * w->alpha[j]);
            if (i == j) noise += q * w->noise / (w->t->weight ? w->t->weight[i] : 1);
            w->slope[i * n + j] *= q, w->slope[j * n + i] = w->slope[i * n + j];
        }
    /* tr(k^-1 (k + noise)) = n and y^T alpha = alpha^T (k + noise) alpha: no second kernel is held */
    for (int64_t i = 0; i < n; i++) all += 0.5 * (1 - w->t->y[i] * w->alpha[i]);
    g[0] = all - noise, g[1] = noise;
}

/* sum_ij C_ij (u_ic - u_jc)^2 = 2 (sum_i C_i. u_ic^2 - sum_i u_ic (C u)_ic), for each c; negative, as lengths
 * that grow bring rows nearer. */
static cull_status length_gradient(cull_ctx *cx, const work *w, double *g)
{
    int64_t n = w->t->n, d = w->t->d;
    double *cu, *row;
    CULL_TRY(CULL_TMP(cx, cu, n * d));
    CULL_TRY(CULL_TMP0(cx, row, n));
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)d, (int)n, 1, w->slope,
                (int)n, w->u, (int)d, 0, cu, (int)d);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) row[i] += w->slope[i * n + j];
    memset(g, 0, (size_t)d * sizeof *g);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < d; c++) {
            double u = w->u[i * d + c];
            g[c] += 2 * u * (row[i] * u - cu[i * d + c]);
        }
    return CULL_OK;
}

static void put_lengths(const work *w, const double *by_length, double *g)
{
    const cull__gp_form *f = w->f;
    int64_t first = 2 + f->sparse, size = cull__gp_size(f, w->t->d);
    double times = f->sparse ? -0.5 : 1;
    memset(g + 2, 0, (size_t)(size - 2) * sizeof *g);
    for (int64_t c = 0; c < w->t->d; c++) {
        g[first + length_of(f, c)] += times * by_length[c];
        if (f->sparse) g[2] += times * by_length[c];
    }
}

typedef struct {
    work w;
    double *loss, *g;
} likely;

/* In a worker: LAPACK has one thread there, and rounds as everywhere else. */
static cull_status likelihood(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    likely *l = arg;
    work *w = &l->w;
    int n = (int)w->t->n, info = 0;
    double *by_length;
    bool fine;
    (void)chunk, (void)lo, (void)hi;
    CULL_TRY(work_room(cx, w, true));
    CULL_TRY(CULL_TMP(cx, by_length, w->t->d));
    CULL_TRY(solve(cx, w, &fine));
    *l->loss = fine ? value(w) : INFINITY;
    if (!isfinite(*l->loss)) {
        *l->loss = INFINITY;
        return CULL_OK;
    }
    dpotri_("U", &n, w->k, &n, &info, 1);
    if (info) return cull__fail(cx, CULL_EINTERNAL, "dpotri refused a matrix of size %d", n);
    outer_gradient(w, l->g);
    CULL_TRY(length_gradient(cx, w, by_length));
    put_lengths(w, by_length, l->g);
    return CULL_OK;
}

cull_status cull__gp_loss(cull_ctx *cx, const cull__samples *t, const cull__gp_form *f,
                          const double *theta, bool prior, double *loss, double *grad)
{
    likely l = {.w = {.t = t, .f = f, .theta = theta}, .loss = loss, .g = grad};
    memset(grad, 0, (size_t)cull__gp_size(f, t->d) * sizeof *grad);
    CULL_TRY(cull__for(cx, 1, 1, likelihood, &l)); /* whose scratch goes back at its end */
    if (prior && isfinite(*loss)) *loss += cull__gp_prior(f, t->d, theta, grad);
    return CULL_OK;
}

/* ---- the posterior ---- */

struct cull__gp {
    int64_t n, d;
    bool rough;
    double variance, level;
    double *inverse, *u, *uu, *l, *alpha;
};

void cull__gp_free(void *m)
{
    struct cull__gp *g = m;
    if (!g) return;
    cull__free(g->inverse);
    cull__free(g->u);
    cull__free(g->uu);
    cull__free(g->l);
    cull__free(g->alpha);
    cull__free(g);
}

static cull_status copy(cull_ctx *cx, double **to, const double *from, int64_t n)
{
    CULL_TRY(CULL_ALLOC(cx, *to, n));
    memcpy(*to, from, (size_t)n * sizeof *from);
    return CULL_OK;
}

static cull_status keep(cull_ctx *cx, struct cull__gp *g, const work *w)
{
    int64_t n = w->t->n, d = w->t->d;
    g->n = n, g->d = d, g->variance = w->variance, g->level = w->f->level;
    g->rough = w->f->rough;
    CULL_TRY(copy(cx, &g->inverse, w->inverse, d));
    CULL_TRY(copy(cx, &g->u, w->u, n * d));
    CULL_TRY(copy(cx, &g->uu, w->uu, n));
    CULL_TRY(copy(cx, &g->l, w->k, n * n));
    return copy(cx, &g->alpha, w->alpha, n);
}

typedef struct {
    work w;
    bool fine;
} last;
static cull_status last_factor(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk, (void)lo, (void)hi;
    last *l = arg;
    return solve(cx, &l->w, &l->fine);
}

cull_status cull__gp_at(cull_ctx *cx, const cull__samples *t, const cull__gp_form *f,
                        const double *theta, void **out)
{
    last l = {.w = {.t = t, .f = f, .theta = theta}};
    struct cull__gp *g;
    CULL_TRY(work_room(cx, &l.w, false));
    CULL_TRY(cull__for(cx, 1, 1, last_factor, &l));
    /* copies of a row with hardly any noise: a little more of it */
    for (int i = 0; !l.fine && i < 12; i++) {
        double more = l.w.variance * pow(10, i - 10);
        l.w.noise = l.w.noise > more ? l.w.noise : more;
        CULL_TRY(cull__for(cx, 1, 1, last_factor, &l));
    }
    if (!l.fine)
        return cull__fail(cx, CULL_EINPUT,
                          "a Gaussian process finds no kernel for these rows: it stays singular");
    CULL_TRY(CULL_ALLOC(cx, g, 1));
    cull_status s = keep(cx, g, &l.w);
    if (s == CULL_OK)
        *out = g;
    else
        cull__gp_free(g);
    return s;
}

/* k (m, n) of rows asked for; slope (m, n) or NULL; u (m, d) or NULL = not wanted. */
static cull_status cross(cull_ctx *cx, const struct cull__gp *g, const double *x, int64_t m,
                         double **k, double **slope, double **u)
{
    double *v, *vv;
    CULL_TRY(CULL_TMP(cx, v, m * g->d));
    CULL_TRY(CULL_TMP(cx, vv, m));
    CULL_TRY(CULL_TMP(cx, *k, m * g->n));
    if (slope) CULL_TRY(CULL_TMP(cx, *slope, m * g->n));
    stretch(x, m, g->d, g->inverse, v, vv);
    distances(v, vv, m, g->u, g->uu, g->n, g->d, *k);
    for (int64_t i = 0; i < m * g->n; i++) {
        double s, r2 = (*k)[i];
        if (!(r2 < 1e5)) r2 = 1e5; /* e^-700 */
        (*k)[i] = g->variance * (g->level + matern(g->rough, r2, &s));
        if (slope) (*slope)[i] = g->variance * s;
    }
    if (u) *u = v;
    return CULL_OK;
}

static void answers(const struct cull__gp *g, const double *k, int64_t m, double *mean)
{
    for (int64_t i = 0; i < m; i++) {
        double s = 0;
        for (int64_t j = 0; j < g->n; j++) s += k[i * g->n + j] * g->alpha[j];
        mean[i] = s;
    }
}

/* k becomes k l^-T; variances, never below rounding. */
static void doubts(const struct cull__gp *g, double *k, int64_t m, double *v)
{
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (int)m, (int)g->n,
                1, g->l, (int)g->n, k, (int)g->n);
    for (int64_t i = 0; i < m; i++) {
        double s = g->variance * (g->level + 1);
        for (int64_t j = 0; j < g->n; j++) s -= k[i * g->n + j] * k[i * g->n + j];
        v[i] = s > 1e-14 * g->variance ? s : 1e-14 * g->variance;
    }
}

cull_status cull__gp_say(cull_ctx *cx, const void *model, const double *x, int64_t n, double *mean,
                         double *spread)
{
    const struct cull__gp *g = model;
    double *k;
    CULL_TRY(cross(cx, g, x, n, &k, NULL, NULL));
    answers(g, k, n, mean);
    if (!spread) return CULL_OK;
    doubts(g, k, n, spread);
    for (int64_t i = 0; i < n; i++) spread[i] = sqrt(spread[i]);
    return CULL_OK;
}

/* Of sum_j b_ij k(x_i, x_j) by x_i: a (m, n) holds b times the slopes, which are over -d k / d(r2 / 2). */
static void pull(const struct cull__gp *g, const double *a, const double *u, int64_t m,
                 const double *times, double *out)
{
    int64_t n = g->n, d = g->d;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)d, (int)n, 1, a, (int)n,
                g->u, (int)d, 0, out, (int)d);
    for (int64_t i = 0; i < m; i++) {
        double all = 0;
        for (int64_t j = 0; j < n; j++) all += a[i * n + j];
        for (int64_t c = 0; c < d; c++) {
            double v = (out[i * d + c] - all * u[i * d + c]) * g->inverse[c];
            out[i * d + c] = times ? v * times[i] : v;
        }
    }
}

cull_status cull__gp_gradient(cull_ctx *cx, const void *model, const double *x, int64_t n,
                              double *mean, double *spread)
{
    const struct cull__gp *g = model;
    double *k, *slope, *u, *a, *v;
    CULL_TRY(cross(cx, g, x, n, &k, &slope, &u));
    CULL_TRY(CULL_TMP(cx, a, n * g->n));
    CULL_TRY(CULL_TMP(cx, v, n));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < g->n; j++) a[i * g->n + j] = slope[i * g->n + j] * g->alpha[j];
    pull(g, a, u, n, NULL, mean);
    if (!spread) return CULL_OK;
    doubts(g, k, n, v);
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, (int)n,
                (int)g->n, 1, g->l, (int)g->n, k, (int)g->n);
    for (int64_t i = 0; i < n * g->n; i++) a[i] = slope[i] * k[i];
    for (int64_t i = 0; i < n; i++) /* of the root of the variance; flat where that is rounding */
        v[i] = v[i] > 1e-12 * g->variance ? -1 / sqrt(v[i]) : 0;
    pull(g, a, u, n, v, spread);
    return CULL_OK;
}
