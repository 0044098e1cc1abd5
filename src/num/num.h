/* num.h - kernels: matrix products, distances, top-k over a pool, statistics. */
#ifndef CULL__NUM_H
#define CULL__NUM_H
#include "base/base.h"
#include "cull/pool.h"

/* One number of a sparse row. */
typedef struct {
    uint32_t col;
    float val;
} cull__entry;

/* Our own inner loops, compiled once for each instruction set (kern.c). All sums run over 16 fixed
 * lanes without contraction, so that their bits are the same on every one of them. */
typedef struct {
    double (*dot)(const float *a, const float *b, int64_t d);             /* canonical: f64 sums */
    void (*to_f32)(cull_dtype t, const void *src, int64_t n, float *out); /* f16, bf16 */
    float (*dotf)(const float *a, const float *b, int64_t d);             /* f32 sums */
    void (*axpy)(float *y, float a, const float *x, int64_t d);           /* y += a x */
    double (*dist2)(const float *a, const float *b, int64_t d);           /* |a - b|^2, f64 sums */
    float (*dist1)(const float *a, const float *b, int64_t d);            /* |a - b|_1, f32 sums */
    void (*add)(double *y, const float *x, int64_t d);                    /* y += x */
    void (*scale)(float *y, const float *x, double a, int64_t d); /* y = a x, one rounding */
    /* out = x - c rounded to bf16; the sums of squares of x - c and of that rounding */
    void (*narrow)(const float *x, const float *c, int64_t d, uint16_t *out, float sum[2]);
    /* c (16, 16) = a^T b of a (d, 16), b (d, 16): each number the sum over d in order, f32 */
    void (*tile)(const float *a, const float *b, int64_t d, float *c);
    /* sums of max(s[i] - b[i], 0) and of max(min(s[i], b[i]), 0), f32: they never grow with less s.
     * live: all ones, or what the last call left: a bit for each 16 whole i that added something. They
     * alone may add something now. n <= 1024 */
    float (*above)(const float *s, const float *b, int64_t n, uint64_t *live);
    float (*within)(const float *s, const float *b, int64_t n, uint64_t *live);
    /* the largest s[i], NaN left out; -FLT_MAX when there is nothing */
    float (*max)(const float *s, int64_t n);
    /* the two largest s[i] - b[i], equal ones counted apart,
     * and an i of the largest; no NaN, 1 <= n < 2^24 */
    int64_t (*top2_sub)(const float *s, const float *b, int64_t n, float top[2]);
    /* with t[i] = h[i] + a s[i], or h[i] - a sqrt(2 - 2 s[i]) where s are cosines (chord): their largest
     * in out[0], s[i] = exp(t[i] - out[0]) to one unit in the last place, 0 below e^-60, and the sum
     * of those in out[1]; t finite, n >= 1 */
    void (*soft)(float *s, const float *h, float a, bool chord, int64_t n, float out[2]);
    /* term[k][i] += scale[i] (u[k] - mid[i])^2 - base[i] of all points k but those with u NaN; rows of
     * term are `stride` apart, n is a multiple of 16 */
    void (*bells)(float *term, int64_t stride, const float *u, int64_t points, const float *mid,
                  const float *scale, const float *base, int64_t n);
    /* which i have s[i] (s[i] - b[i], s[i] * b[i]) > above: their number, ascending in out (n) */
    int64_t (*scan)(const float *s, int64_t n, float above, int32_t *out);
    int64_t (*scan_sub)(const float *s, const float *b, int64_t n, float above, int32_t *out);
    int64_t (*scan_mul)(const float *s, const float *b, int64_t n, float above, int32_t *out);
    /* y (k) = sum of val * x[col] over the n entries, in order; rows of x are `stride` apart */
    void (*gather)(float *y, const float *x, int64_t k, int64_t stride, const cull__entry *e,
                   int64_t n);
    /* g[col] += val * y for each of the n entries; rows of g have k numbers */
    void (*scatter)(float *g, int64_t k, const cull__entry *e, int64_t n, const float *y);
} cull__kern; /* k of gather and scatter: a multiple of 16 */
const cull__kern *cull__kernels(const cull_ctx *cx);

/* C (m, n) = A (m, k) B (n, k)^T, row-major with leading dimensions, all of them < 2^31. Bits depend
 * on the shape and the instruction set: what a choice turns on is decided by `dot`. On the calling
 * thread alone when called from inside a cull__for, as all of this library does. */
void cull__gemm_nt(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                   int64_t ldb, float *c, int64_t ldc);

/* The same product for many blocks of one shape, dense (lda = ldb = k, ldc = n), by oneDNN where that
 * is faster. A loop's worker opens its own (about 25 us), runs it, closes it; scratch is cx's arena.
 * A block of fewer rows of A or B runs too, by cull__gemm_nt. */
typedef struct {
    int64_t m, n, k;
    void *impl; /* NULL: OpenBLAS */
    bool bf16;  /* impl is for cull__gemm_run_bf16 */
} cull__gemm;
cull_status cull__gemm_open(cull_ctx *cx, int64_t m, int64_t n, int64_t k, cull__gemm *g);
/* Whether products of bf16 numbers, summed in f32, are worth the conversion: where the processor has
 * them (twice the speed), the ctx (NULL: any) may use them and the block is large. */
bool cull__gemm_bf16(const cull_ctx *cx, int64_t m, int64_t n, int64_t k);
cull_status cull__gemm_open_bf16(cull_ctx *cx, int64_t m, int64_t n, int64_t k, cull__gemm *g);
/* The whole block (m, n). False, and nothing done, where there is no such primitive after all. */
bool cull__gemm_run_bf16(const cull__gemm *g, const uint16_t *a, const uint16_t *b, float *c);
void cull__gemm_run(const cull__gemm *g, int64_t m, int64_t n, const float *a, const float *b,
                    float *c);
void cull__gemm_close(cull__gemm *g);

/* ---- searches over a pool (finite numbers; the doors of tasks check that) ---- */
/* For each of the m queries its k best rows of the pool by dot product (cosine if `unit`), rows with
 * skip[row] left out (skip may be NULL): idx, score (m, k), best first, ties by index, found[i] <= k
 * of them; places past found[i] hold -1 and -inf. The cosine with a zero row or query is 0. Blocked
 * products with a running threshold; every row that could be among the best by the product's rounding
 * bound is scored again by the canonical dot, so the answer does not depend on block shape, threads,
 * memory or instruction set. O(n d m) time; one pass over the pool and a look at its finalists;
 * O(block + m k) memory for each worker, where that is more than a quarter of what is left (or 4 GiB)
 * the queries go in several passes. Many copies of a row at the k-th place cost more, not memory. */
cull_status cull__pool_topk(cull_ctx *cx, const cull_pool *p, const float *q, int64_t m, int64_t k,
                            bool unit, const uint8_t *skip, int64_t *idx, double *score,
                            int64_t *found);
/* What it allocates at most, without a limit of memory (to 5 % and a block of
 * the arena, 64 KiB, for each worker and the caller). Near-ties at the k-th place come on top. */
uint64_t cull__topk_bytes(int64_t n, int64_t d, cull_dtype dtype, int64_t m, int64_t k,
                          int workers);

/* For each row of the pool the best (max) and the mean over the m >= 1 queries of its similarity, and
 * which query was the best (ties: the lower); each output (n) may be NULL. Canonical like
 * cull__pool_topk; mean alone costs O(n d), else O(n d m). O(block) memory for each worker. */
cull_status cull__pool_best(cull_ctx *cx, const cull_pool *p, const float *q, int64_t m, bool unit,
                            double *best, int32_t *best_q, double *mean);

/* The best alone, where a row is `parts` vectors side by side, each of which counts by its direction:
 * the similarity with a query is the sum over them of weight[c] <x_c / |x_c|, q_c>; a part of zeros
 * adds none. Queries stand as they are. Weights >= 0, at most 1. */
cull_status cull__pool_best_parts(cull_ctx *cx, const cull_pool *p, const double *weight,
                                  int64_t parts, const float *q, int64_t m, double *best,
                                  int32_t *best_q);

/* Rows of the pool as unit vectors (f32) into q (n, d); a zero row stays zero. */
cull_status cull__pool_unit(cull_ctx *cx, const cull_pool *p, float *q);

/* ---- near copies (near.c): exact, by cosine, whatever block shape, threads, memory or instruction set ----
 * Rows row[0..n) of the pool (NULL: all) in that order: a row stays unless its cosine with one that stays
 * before it is t or more. stands[r] = r where row r stays, else the row that stays and is most like it (ties:
 * the earlier), and like[r] (may be NULL) their cosine, 1 for itself; both are of the pool's length, only the
 * rows asked for are set. So every row is within t of a row that stays, and those are not within t of
 * each other. 0.1 <= t <= 1. A row of zeros is like none. O(n kept w) time, w numbers of a sketch
 * instead of d; memory: 16 n bytes and 2 to 4 w for each row that stays; copies cost no more. */
cull_status cull__pool_distinct(cull_ctx *cx, const cull_pool *p, const int64_t *row, int64_t n,
                                double t, int64_t *stands, float *like);
/* Every pair of rows j < i with a cosine of t or more, in order of i, then j. Pairs of 1024 rows i are held
 * at a time. */
typedef cull_status cull__near_fn(cull_ctx *cx, void *arg, int64_t i, int64_t j, double cosine);
cull_status cull__pool_near(cull_ctx *cx, const cull_pool *p, double t, cull__near_fn *fn,
                            void *arg);
/* What either allocates, but for pairs; sketches are taken to have a quarter of the numbers. */
uint64_t cull__distinct_bytes(int64_t n, int64_t d, int workers);

/* ---- k-means (Lloyd 1957/1982; seeding: Arthur and Vassilvitskii 2007, k-means++) ---- */
typedef struct {
    int64_t k, iterations; /* at most */
    int restarts;          /* best of; below 2 = one */
    double tol;         /* stop when the objective falls by less than this share; 0 = never early */
    const float *start; /* (k, d) centroids to start from, or NULL = see `sampled` */
    bool sampled;       /* start from k rows drawn without repeats; else k-means++ on a sample */
    int64_t batch;      /* rows of a minibatch; 0 = all rows in every iteration */
    bool spherical;     /* rows count as unit vectors, centroids are brought to unit length */
} cull__kmeans_opts;
/* centroid (k, d), assign (n) and count (k) out; *objective = sum of squared distances from the
 * centroids (of the unit rows if spherical). Ties go to the lower centroid. An empty cluster takes the
 * row farthest from its centroid (one more pass); with fewer than k distinct rows some stay empty.
 * Stops early when no row moves. Reads the pool iterations + 1 times, for each restart. Sums are taken
 * over a grid fixed by n, k and d, in order, and assignments are canonical: same bits for any number
 * of threads and any instruction set. EOPTION unless 1 <= k <= n. O(n d k) time an iteration at most;
 * 12 n bytes and 16 to 64 sets of k d doubles. */
/* With a batch (Sculley 2010, Web-scale k-means): an iteration draws so many rows, and each centroid goes
 * to the mean of all the rows that batches ever gave it; `tol` does not count, and a cluster that no
 * batch gave a row stays where it started. Reads the pool once, and the batches. */
cull_status cull__kmeans(cull_ctx *cx, const cull_pool *p, const cull__kmeans_opts *o,
                         float *centroid, int32_t *assign, int64_t *count, double *objective);
/* What it allocates at most (to 5 % and 64 KiB for each worker and the caller), outputs not counted. */
uint64_t cull__kmeans_bytes(int64_t n, int64_t d, cull_dtype dtype, int workers,
                            const cull__kmeans_opts *o);

/* ---- optimal transport (Cuturi 2013; in the log domain) ---- */
typedef enum { CULL__SQUARED, CULL__CHORD } cull__cost; /* |x - y|^2; sqrt(2 - 2 cos(x, y)) */
typedef struct {
    cull__cost cost;
    double epsilon; /* of the entropy, in units of the cost */
    bool relative;  /* epsilon counts in mean costs (of all pairs, by weight); CULL__SQUARED only */
    double tolerance;    /* sum of the absolute errors of both marginals to stop at */
    int64_t iterations;  /* at most */
    const double *a, *b; /* n and m weights > 0 with a finite sum, or NULL = all alike */
} cull__sinkhorn_opts;
typedef struct {
    double epsilon;      /* in units of the cost */
    double dual, primal; /* values below and above the least <C, P> + epsilon KL(P | a b) */
    double rounding;     /* what f32 products may have moved either by, at most */
    double error;        /* of the marginals */
    int64_t iterations;
} cull__transport;
/* Entropic transport of x (n, d; weights a) onto y (m, d; weights b): potentials f (n) and g (m), with
 * sum b g = 0, of the plan P_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon), whose rows sum to a but for
 * rounding. `dual` is its dual value sum a f + sum b g; `primal` is the value of a plan with exact
 * marginals (P scaled down and completed by a rank-one part: Altschuler, Weed, Rigollet 2017), bounded
 * by convexity of KL and, for CULL__CHORD, of the cost. EINPUT where the tolerance is not met: that is
 * no result. One pass of products over x an iteration, nothing n x m: O(n m d) time; O(m d + n) memory
 * and, for each worker, a strip of rows by m. Same bits for any number of threads and any memory limit.
 * y should be the smaller pool. The cosine with a row of zeros is 0. */
cull_status cull__sinkhorn(cull_ctx *cx, const cull_pool *x, const cull_pool *y,
                           const cull__sinkhorn_opts *o, double *f, double *g,
                           cull__transport *out);
/* What it allocates at most (to 5 % and 64 KiB for each worker and the caller), f and g not counted. */
uint64_t cull__sinkhorn_bytes(int64_t n, int64_t m, int64_t d, int workers);

/* ---- assignment (Jonker and Volgenant 1987: shortest augmenting paths, exact) ---- */
/* Rows to columns of cost (n, m), each to one at most and as many as there can be, min(n, m): col (n),
 * -1 for a row left over, with the least *total. Costs of either sign; EINPUT where one that matters is
 * not finite. Of equal assignments always the same one. O(min^2 max) time, 40 bytes a column. */
cull_status cull__assign(cull_ctx *cx, const double *cost, int64_t n, int64_t m, int64_t *col,
                         double *total);

/* ---- statistics (NaN where there is nothing to tell) ---- */
double cull__mean(const double *v, int64_t n);
double cull__sd(const double *v, int64_t n); /* n - 1 below; NaN for n < 2 */
/* Linear between order statistics, like numpy's default; q in [0, 1]. O(n) time and memory. */
cull_status cull__quantile(cull_ctx *cx, const double *v, int64_t n, double q, double *out);
/* Two-sided 95 % interval of a proportion (Wilson 1927). */
void cull__wilson(double hits, double n, double *lo, double *hi);
/* The 97.5 % point of Student's t, so that |T| stays below it 95 times in 100; inf for df < 1. */
double cull__t_95(int64_t df);
/* P(F > f) and P(chi2 > x), with a small relative error in the tails too; NaN for NaN. Not in a loop's
 * worker: lgamma leaves a sign behind. */
double cull__f_tail(double f, double df1, double df2);
double cull__chi2_tail(double x, double df);
/* 95 % interval of a mean over few runs: Student's t. One run: -inf, inf. */
void cull__t_interval(const double *v, int64_t n, double *lo, double *hi);
/* Percentile bootstrap of the mean (Efron 1979), 95 %. O(n draws) time. */
cull_status cull__bootstrap(cull_ctx *cx, cull_rng *r, const double *v, int64_t n, int draws,
                            double *lo, double *hi);

/* ---- how well scores fit (metric.c; NaN where there is nothing to tell or a score is NaN) ---- */
/* Area under the ROC curve: the chance that a positive row has the larger score, ties counting half.
 * O(n log n) time, 32 bytes a row. */
cull_status cull__auc(cull_ctx *cx, const double *score, const uint8_t *positive, int64_t n,
                      double *out);
/* Kendall's tau-b, corrected for ties. O(n log n) time, 32 bytes a row. */
cull_status cull__kendall(cull_ctx *cx, const double *a, const double *b, int64_t n, double *out);
/* Expected calibration error (Guo et al. 2017): confidences 0 to 1 in `bins` (up to 64) of equal width,
 * each with its upper end; the mean over rows of |share of hits - mean confidence| of their bin. */
double cull__ece(const double *confidence, const uint8_t *hit, int64_t n, int bins);

/* ---- small linear algebra ---- */
/* Eigenvalues w (d) descending and unit eigenvectors (rows of v (d, d), the largest entry of each
 * positive) of the symmetric a (d, d), of which the lower triangle is read and all is overwritten.
 * LAPACK's divide and conquer in f64, on one thread: O(d^3) time, 2 d^2 doubles of scratch. */
cull_status cull__eigh(cull_ctx *cx, double *a, int64_t d, double *w, double *v);
/* The lower triangle l of the symmetric a = l l^T (d, d), in its place, zeros above it; of a the lower
 * triangle is read. *bad = -1, or the first row whose pivot is not above 0: a is no use then. LAPACK
 * in f64, on one thread: O(d^3) time. */
cull_status cull__cholesky(cull_ctx *cx, double *a, int64_t d, int64_t *bad);
/* The inverse of the lower triangle l (d, d), in its place; no 0 on its diagonal. The same way. */
cull_status cull__lower_inverse(cull_ctx *cx, double *l, int64_t d);
/* Orthonormal columns of a (n, k) f32 in place, spanning the first columns first, by Cholesky of the
 * Gram matrix twice, f64 sums over a grid fixed by n. A column that depends on those before it becomes
 * zero. O(n k^2) time, up to 32 k^2 doubles. */
cull_status cull__orthonormal(cull_ctx *cx, float *a, int64_t n, int64_t k);
#endif
