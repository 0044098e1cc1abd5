/* predict_ridge.c - ridge regression in closed form, by the eigenvectors of X^T X or, of fewer rows than
 * columns, of X X^T; the penalty by leaving one out, which of many rows generalised cross-validation
 * (Golub, Heath, Wahba 1979) tells as well; the posterior of the weights. */
#include "num/num.h"
#include "score/predict.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { GRAMS = 16 };

typedef struct {
    int64_t d, r;  /* columns; directions kept */
    double *w;     /* d */
    double *dir;   /* (r, d): unit vectors */
    double *less;  /* r: 1 / (s + l2) of each, less 1 / l2 where the others count too */
    double rest;   /* 1 / l2 where there are other directions, else 0 */
    double middle; /* what the mean of the answers adds */
    double noise;  /* variance */
} ridge;

/* ---- eigenvectors ---- */

typedef struct {
    const double *x; /* (n, d), each row times the root of its weight */
    const double *y;
    int64_t n, d, grain;
    double *part; /* (chunks, d, d) */
    double *s, *v;
    int64_t r;
    double *b; /* r: dir X^T y */
} basis;

static cull_status add_gram(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const basis *b = arg;
    (void)cx;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)b->d, (int)(hi - lo), 1,
                b->x + lo * b->d, (int)b->d, 0, b->part + chunk * b->d * b->d, (int)b->d);
    return CULL_OK;
}

static cull_status by_columns(cull_ctx *cx, basis *b)
{
    int64_t d = b->d, chunks;
    b->grain = (b->n - 1) / GRAMS + 1;
    if (b->grain < 512) b->grain = 512;
    chunks = (b->n - 1) / b->grain + 1;
    CULL_TRY(CULL_TMP(cx, b->part, chunks * d * d));
    CULL_TRY(CULL_TMP(cx, b->s, d));
    CULL_TRY(CULL_TMP(cx, b->v, d * d));
    CULL_TRY(cull__for(cx, b->n, b->grain, add_gram, b));
    for (int64_t c = 1; c < chunks; c++)
        for (int64_t i = 0; i < d * d; i++) b->part[i] += b->part[c * d * d + i];
    CULL_TRY(cull__eigh(cx, b->part, d, b->s, b->v));
    b->r = d;
    return CULL_OK;
}

/* Columns outnumber rows: X X^T = U S U^T, and the directions are X^T U / sqrt(S). */
static cull_status rows_gram(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const basis *b = arg;
    (void)cx, (void)chunk, (void)lo, (void)hi;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)b->n, (int)b->d, 1, b->x, (int)b->d,
                0, b->part, (int)b->n);
    return CULL_OK;
}

static cull_status rows_directions(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    basis *b = arg;
    int64_t n = b->n, d = b->d;
    double *u = b->part; /* (r, n) */
    (void)cx, (void)chunk, (void)lo, (void)hi;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)b->r, (int)d, (int)n, 1, u, (int)n,
                b->x, (int)d, 0, b->v, (int)d);
    for (int64_t i = 0; i < b->r; i++)
        for (int64_t c = 0; c < d; c++) b->v[i * d + c] /= sqrt(b->s[i]);
    return CULL_OK;
}

static cull_status by_rows(cull_ctx *cx, basis *b)
{
    int64_t n = b->n;
    double *u;
    CULL_TRY(CULL_TMP(cx, b->part, n * n));
    CULL_TRY(CULL_TMP(cx, u, n * n));
    CULL_TRY(CULL_TMP(cx, b->s, n));
    CULL_TRY(cull__for(cx, 1, 1, rows_gram, b));
    CULL_TRY(cull__eigh(cx, b->part, n, b->s, u));
    for (b->r = 0; b->r < n && b->s[b->r] > 1e-12 * b->s[0]; b->r++) {}
    CULL_TRY(CULL_TMP(cx, b->v, b->r * b->d));
    b->part = u;
    return cull__for(cx, 1, 1, rows_directions, b);
}

static cull_status project(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    basis *b = arg;
    double *xy;
    (void)chunk, (void)lo, (void)hi;
    CULL_TRY(CULL_TMP0(cx, xy, b->d));
    for (int64_t i = 0; i < b->n; i++)
        for (int64_t c = 0; c < b->d; c++) xy[c] += b->y[i] * b->x[i * b->d + c];
    for (int64_t i = 0; i < b->r; i++) {
        b->b[i] = 0;
        for (int64_t c = 0; c < b->d; c++) b->b[i] += b->v[i * b->d + c] * xy[c];
        if (b->s[i] < 1e-13 * b->s[0]) b->s[i] = b->b[i] = 0; /* rounding alone */
    }
    return CULL_OK;
}

/* ---- the penalty ---- */

/* Sum of squares of what is left, and the degrees of freedom, the mean's too. */
static double left_by(const basis *b, double l2, double *freedom)
{
    double out = 0, left = 0;
    *freedom = 1;
    for (int64_t i = 0; i < b->n; i++) out += b->y[i] * b->y[i];
    for (int64_t i = 0; i < b->r; i++) {
        if (!(b->s[i] > 0)) continue;
        double share = l2 / (b->s[i] + l2), part = b->b[i] * b->b[i] / b->s[i];
        out -= part, left += part * share * share;
        *freedom += b->s[i] / (b->s[i] + l2);
    }
    return left + (out > 0 ? out : 0);
}

static double generalised(const basis *b, double l2)
{
    double freedom, n = (double)b->n, left = left_by(b, l2, &freedom);
    return n - freedom > 1e-6 * n ? left / ((n - freedom) * (n - freedom)) : INFINITY;
}

/* Of the rows along the directions, each of length 1 over the rows. */
typedef struct {
    int64_t r;
    double *u, *s, *part; /* (n, r), r, r: share of y */
    double *e, *h;        /* n: what no penalty explains of y; of a row's own weight */
} leaver;

static cull_status open_leaver(cull_ctx *cx, const basis *b, const double *weight, leaver *l)
{
    int64_t n = b->n, d = b->d;
    for (l->r = 0; l->r < b->r && b->s[l->r] > 0; l->r++) {}
    int64_t r = l->r;
    CULL_TRY(CULL_TMP(cx, l->u, n * r));
    CULL_TRY(CULL_TMP(cx, l->part, r));
    CULL_TRY(CULL_TMP(cx, l->e, n));
    CULL_TRY(CULL_TMP(cx, l->h, n));
    l->s = b->s;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)r, (int)d, 1, b->x, (int)d,
                b->v, (int)d, 0, l->u, (int)r);
    for (int64_t j = 0; j < r; j++) l->part[j] = b->b[j] / sqrt(b->s[j]);
    for (int64_t i = 0; i < n; i++) {
        l->e[i] = b->y[i];
        l->h[i] = 1 - (weight ? weight[i] : 1) / (double)n; /* the mean's */
        for (int64_t j = 0; j < r; j++) {
            double u = l->u[i * r + j] /= sqrt(b->s[j]);
            l->e[i] -= u * l->part[j], l->h[i] -= u * u;
        }
        if (l->h[i] < 1e-12) l->h[i] = 0;
    }
    return CULL_OK;
}

/* Sum of squares of each row's error by the weights of all others. */
static double left_out(const leaver *l, int64_t n, double l2)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *u = l->u + i * l->r;
        double e = l->e[i], h = l->h[i];
        for (int64_t j = 0; j < l->r; j++) {
            double f = l2 / (l->s[j] + l2);
            e += u[j] * l->part[j] * f, h += u[j] * u[j] * f;
        }
        if (!(h > 1e-12)) return INFINITY;
        sum += e / h * (e / h);
    }
    return sum;
}

/* Near as many directions as rows, generalised cross-validation hangs on what the least of them says of y, and
 * by chance takes no penalty at all. */
typedef struct {
    basis *b;
    const double *weight;
    double at;
} choice;
static cull_status penalty(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    choice *c = arg;
    const basis *b = c->b;
    double best = INFINITY, n = (double)b->n;
    bool few = b->n <= 4 * b->r;
    leaver l;
    (void)chunk, (void)lo, (void)hi;
    c->at = 1;
    if (few) CULL_TRY(open_leaver(cx, b, c->weight, &l));
    for (int k = 40; k >= -64; k--) { /* the largest of equals: 1e5 n to 1e-8 n */
        double l2 = n * pow(10, k / 8.), g = few ? left_out(&l, b->n, l2) : generalised(b, l2);
        if (g < best * (1 - 1e-9)) best = g, c->at = l2;
    }
    return CULL_OK;
}

/* ---- the kind ---- */

static void ridge_free(void *m)
{
    ridge *r = m;
    if (!r) return;
    cull__free(r->w);
    cull__free(r->dir);
    cull__free(r->less);
    cull__free(r);
}

static cull_status keep(cull_ctx *cx, ridge *m, const basis *b, double l2)
{
    double freedom, left = left_by(b, l2, &freedom), n = (double)b->n;
    m->d = b->d, m->r = b->r;
    CULL_TRY(CULL_ALLOC(cx, m->w, m->d));
    CULL_TRY(CULL_ALLOC(cx, m->dir, m->r * m->d));
    CULL_TRY(CULL_ALLOC(cx, m->less, m->r));
    memcpy(m->dir, b->v, (size_t)(m->r * m->d) * sizeof *m->dir);
    m->rest = m->r < m->d ? 1 / l2 : 0;
    for (int64_t i = 0; i < m->r; i++) {
        double f = b->b[i] / (b->s[i] + l2);
        m->less[i] = 1 / (b->s[i] + l2) - m->rest;
        for (int64_t c = 0; c < m->d; c++) m->w[c] += f * b->v[i * m->d + c];
    }
    m->middle = 1 / n;
    m->noise = left / (n - freedom > 1e-6 * n ? n - freedom : 1e-6 * n);
    return CULL_OK;
}

static cull_status ridge_fit(cull_ctx *cx, const cull__samples *t, const cull_predict_opts *o,
                             uint64_t stream, void **out)
{
    basis b = {.x = t->x, .y = t->y, .n = t->n, .d = t->d};
    (void)stream;
    if (t->weight) {
        double *x, *y;
        CULL_TRY(CULL_TMP(cx, x, t->n * t->d));
        CULL_TRY(CULL_TMP(cx, y, t->n));
        for (int64_t i = 0; i < t->n; i++) {
            double w = sqrt(t->weight[i]);
            y[i] = w * t->y[i];
            for (int64_t c = 0; c < t->d; c++) x[i * t->d + c] = w * t->x[i * t->d + c];
        }
        b.x = x, b.y = y;
    }
    CULL_TRY(t->d <= t->n ? by_columns(cx, &b) : by_rows(cx, &b));
    CULL_TRY(CULL_TMP(cx, b.b, b.r));
    CULL_TRY(cull__for(cx, 1, 1, project, &b));
    choice c = {.b = &b, .weight = t->weight, .at = o->l2};
    if (!(o->l2 > 0)) CULL_TRY(cull__for(cx, 1, 1, penalty, &c));
    ridge *m;
    CULL_TRY(CULL_ALLOC(cx, m, 1));
    cull_status s = keep(cx, m, &b, c.at);
    if (s == CULL_OK)
        *out = m;
    else
        ridge_free(m);
    return s;
}

/* p (n, r) = x dir^T, and the variances over the noise. */
static cull_status variances(cull_ctx *cx, const ridge *m, const double *x, int64_t n, double **p,
                             double *v)
{
    CULL_TRY(CULL_TMP(cx, *p, n * m->r));
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)m->r, (int)m->d, 1, x,
                (int)m->d, m->dir, (int)m->d, 0, *p, (int)m->r);
    for (int64_t i = 0; i < n; i++) {
        double s = 0;
        for (int64_t c = 0; m->rest > 0 && c < m->d; c++) s += x[i * m->d + c] * x[i * m->d + c];
        s *= m->rest;
        for (int64_t j = 0; j < m->r; j++)
            s += (*p)[i * m->r + j] * (*p)[i * m->r + j] * m->less[j];
        v[i] = m->middle + (s > 0 ? s : 0);
    }
    return CULL_OK;
}

static cull_status ridge_say(cull_ctx *cx, const void *model, const double *x, int64_t n,
                             double *mean, double *spread)
{
    const ridge *m = model;
    double *p;
    for (int64_t i = 0; i < n; i++) {
        double s = 0;
        for (int64_t c = 0; c < m->d; c++) s += x[i * m->d + c] * m->w[c];
        mean[i] = s;
    }
    if (!spread) return CULL_OK;
    CULL_TRY(variances(cx, m, x, n, &p, spread));
    for (int64_t i = 0; i < n; i++) spread[i] = sqrt(m->noise * spread[i]);
    return CULL_OK;
}

/* Of the spread s: noise (sum_j less_j p_j dir_j + rest x) / s. */
static cull_status ridge_gradient(cull_ctx *cx, const void *model, const double *x, int64_t n,
                                  double *mean, double *spread)
{
    const ridge *m = model;
    double *p, *v;
    for (int64_t i = 0; i < n; i++) memcpy(mean + i * m->d, m->w, (size_t)m->d * sizeof *mean);
    if (!spread) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, v, n));
    CULL_TRY(variances(cx, m, x, n, &p, v));
    for (int64_t i = 0; i < n; i++) {
        double f = sqrt(m->noise / v[i]);
        for (int64_t j = 0; j < m->r; j++) p[i * m->r + j] *= f * m->less[j];
        for (int64_t c = 0; c < m->d; c++) spread[i * m->d + c] = f * m->rest * x[i * m->d + c];
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)m->d, (int)m->r, 1, p,
                (int)m->r, m->dir, (int)m->d, 1, spread, (int)m->d);
    return CULL_OK;
}

const cull__predictor cull__predict_ridge = {
    .name = "ridge",
    .fit = ridge_fit,
    .free = ridge_free,
    .grain = 256,
    .spreads = true,
    .say = ridge_say,
    .gradient = ridge_gradient,
};
