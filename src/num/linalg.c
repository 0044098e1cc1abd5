/* linalg.c - symmetric eigenproblems and Cholesky factors (LAPACK), orthonormal columns.
 *
 * LAPACK runs inside a cull__for of one chunk, so on one thread and with the default floating-point
 * mode: its bits do not depend on the caller's threads. */
#include "num/num.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Of OpenBLAS's LAPACK; Fortran: columns first, everything by address, string lengths last. */
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda,
                    double *w, double *work, const int *lwork, int *iwork, const int *liwork,
                    int *info, size_t jobz_n, size_t uplo_n);

extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info,
                    size_t uplo_n);

extern void dtrtri_(const char *uplo, const char *diag, const int *n, double *a, const int *lda,
                    int *info, size_t uplo_n, size_t diag_n);

typedef struct {
    double *a, *w, *v;
    int64_t d;
} eigen;

static cull_status eigen_run(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    eigen *e = arg;
    int d = (int)e->d, ask = -1, info = 0, most, *iwork = &info;
    double size = 0, *work = &size;
    int isize = 0;
    (void)chunk, (void)lo, (void)hi;
    dsyevd_("V", "U", &d, e->a, &d, e->w, &size, &ask, &isize, &ask, &info, 1, 1);
    if (info || !(size >= 1 && size < 2147483647) || isize < 1)
        return cull__fail(cx, CULL_EINTERNAL, "dsyevd refused a matrix of size %d", d);
    most = (int)size;
    CULL_TRY(CULL_TMP(cx, work, most));
    CULL_TRY(CULL_TMP(cx, iwork, isize));
    dsyevd_("V", "U", &d, e->a, &d, e->w, work, &most, iwork, &isize, &info, 1, 1);
    if (info)
        return cull__fail(cx, CULL_EINPUT,
                          "the eigenvalues of a matrix of size %d do not converge (%d)", d, info);
    for (int64_t i = 0; i < e->d / 2; i++) {
        double t = e->w[i];
        e->w[i] = e->w[e->d - 1 - i];
        e->w[e->d - 1 - i] = t;
    }
    /* columns of the Fortran matrix are our rows; ascending there, descending here. A vector's sign
     * is free: its largest entry (the first of equals) is made positive */
    for (int64_t i = 0; i < e->d; i++) {
        const double *from = e->a + (e->d - 1 - i) * e->d;
        int64_t top = 0;
        for (int64_t j = 1; j < e->d; j++)
            if (fabs(from[j]) > fabs(from[top]) * (1 + 1e-9)) top = j;
        double sign = from[top] < 0 ? -1 : 1;
        for (int64_t j = 0; j < e->d; j++) e->v[i * e->d + j] = sign * from[j];
    }
    return CULL_OK;
}

static cull_status check_symmetric(cull_ctx *cx, const double *a, int64_t d)
{
    if (d > 32768)
        return cull__fail(cx, CULL_EINPUT, "a matrix of size %" PRId64 "; at most 32768", d);
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j <= i; j++) /* 'U' of columns is this half of rows */
            if (!isfinite(a[i * d + j]))
                return cull__fail(
                    cx, CULL_EINPUT,
                    "entry (%" PRId64 ", %" PRId64 ") of a symmetric matrix is not finite", i, j);
    return CULL_OK;
}

cull_status cull__eigh(cull_ctx *cx, double *a, int64_t d, double *w, double *v)
{
    eigen e = {a, w, v, d};
    if (d < 1) return CULL_OK;
    CULL_TRY(check_symmetric(cx, a, d));
    return cull__for(cx, 1, 1, eigen_run, &e);
}

typedef struct {
    double *a;
    int64_t d, *bad;
} factor;

static cull_status factor_run(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    factor *f = arg;
    int d = (int)f->d, info = 0;
    (void)chunk, (void)lo, (void)hi;
    dpotrf_("U", &d, f->a, &d, &info, 1); /* 'U' of columns is the lower half of rows */
    if (info < 0) return cull__fail(cx, CULL_EINTERNAL, "dpotrf refused a matrix of size %d", d);
    *f->bad = info - 1;
    return CULL_OK;
}

cull_status cull__cholesky(cull_ctx *cx, double *a, int64_t d, int64_t *bad)
{
    factor f = {a, d, bad};
    *bad = -1;
    if (d < 1) return CULL_OK;
    CULL_TRY(check_symmetric(cx, a, d));
    CULL_TRY(cull__for(cx, 1, 1, factor_run, &f));
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = i + 1; j < d; j++) a[i * d + j] = 0;
    return CULL_OK;
}

static cull_status inverse_run(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    factor *f = arg;
    int d = (int)f->d, info = 0;
    (void)chunk, (void)lo, (void)hi;
    dtrtri_("U", "N", &d, f->a, &d, &info, 1, 1);
    if (!info) return CULL_OK;
    return cull__fail(cx, CULL_EINTERNAL, "dtrtri refused a triangle of size %d (%d)", d, info);
}

cull_status cull__lower_inverse(cull_ctx *cx, double *l, int64_t d)
{
    factor f = {l, d, NULL};
    return d < 1 ? CULL_OK : cull__for(cx, 1, 1, inverse_run, &f);
}

/* ---- orthonormal columns ---- */
enum { GRAMS = 32 };
typedef struct {
    float *a; /* (n, k) */
    int64_t n, k, grain;
    double *gram; /* (chunks, k, k), the lower triangles */
    double *r;    /* (k, k) upper, a = q r; a zero on the diagonal: that column becomes zero */
} ortho;

static cull_status gram(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    ortho *o = arg;
    int64_t k = o->k;
    double *g = o->gram + chunk * k * k, *x;
    CULL_TRY(CULL_TMP(cx, x, k));
    for (int64_t row = lo; row < hi; row++) {
        for (int64_t i = 0; i < k; i++) x[i] = (double)o->a[row * k + i];
        for (int64_t i = 0; i < k; i++) {
            double f = x[i], *to = g + i * k;
            for (int64_t j = 0; j <= i; j++) to[j] += f * x[j];
        }
    }
    return CULL_OK;
}

/* a R^-1, row by row: row q of the answer solves q R = row of a. */
static cull_status divide(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    ortho *o = arg;
    int64_t k = o->k;
    double *x;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, k));
    for (int64_t row = lo; row < hi; row++) {
        float *a = o->a + row * k;
        for (int64_t i = 0; i < k; i++) x[i] = (double)a[i];
        for (int64_t i = 0; i < k; i++) {
            const double *r = o->r + i * k;
            double q = r[i] > 0 ? x[i] / r[i] : 0;
            a[i] = (float)q;
            for (int64_t j = i + 1; j < k; j++) x[j] -= q * r[j];
        }
    }
    return CULL_OK;
}

/* G = R^T R of the lower triangle g. A pivot below 1e-10 of its diagonal entry says that the column
 * depends on those before it (to 1e-5 of its length, what f32 columns can tell): row and column of R
 * are zero then. */
static void cholesky(const double *g, int64_t k, double *r)
{
    memset(r, 0, (size_t)(k * k) * sizeof *r);
    for (int64_t i = 0; i < k; i++) {
        double p = g[i * k + i];
        for (int64_t t = 0; t < i; t++) p -= r[t * k + i] * r[t * k + i];
        if (!(p > 1e-10 * g[i * k + i])) continue;
        r[i * k + i] = sqrt(p);
        for (int64_t j = i + 1; j < k; j++) r[i * k + j] = g[j * k + i];
        for (int64_t t = 0; t < i; t++)
            for (int64_t j = i + 1; j < k; j++) r[i * k + j] -= r[t * k + i] * r[t * k + j];
        for (int64_t j = i + 1; j < k; j++) r[i * k + j] /= r[i * k + i];
    }
}

static cull_status orthonormal(cull_ctx *cx, ortho *o)
{
    int64_t k = o->k, chunks = (o->n - 1) / o->grain + 1;
    CULL_TRY(CULL_TMP(cx, o->gram, chunks * k * k));
    CULL_TRY(CULL_TMP(cx, o->r, k * k));
    for (int twice = 0; twice < 2; twice++) {
        memset(o->gram, 0, (size_t)(chunks * k * k) * sizeof *o->gram);
        CULL_TRY(cull__for(cx, o->n, o->grain, gram, o));
        for (int64_t c = 1; c < chunks; c++)
            for (int64_t i = 0; i < k * k; i++) o->gram[i] += o->gram[c * k * k + i];
        cholesky(o->gram, k, o->r);
        CULL_TRY(cull__for(cx, o->n, o->grain, divide, o));
    }
    return CULL_OK;
}

cull_status cull__orthonormal(cull_ctx *cx, float *a, int64_t n, int64_t k)
{
    if (n < 1 || k < 1) return CULL_OK;
    if (k > 16384) return cull__fail(cx, CULL_EINPUT, "%" PRId64 " columns; at most 16384", k);
    ortho o = {.a = a, .n = n, .k = k, .grain = (n - 1) / GRAMS + 1};
    if (o.grain < 256) o.grain = 256;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = orthonormal(cx, &o);
    cull__release(cx, mark);
    return s;
}
