/* calibrate.c - scores to probabilities: isotonic regression, Platt's sigmoid, Venn-Abers predictors (cull/confidence.h). */
#include "cull/confidence.h"
#include "num/block.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

static cull_status numbers_fit(cull_ctx *cx, const char *what, const double *v, int64_t n)
{
    if (n < 1)
        return cull__fail(cx, CULL_EINPUT, "no rows to calibrate with; at least one is needed");
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return cull__fail(cx, CULL_EINPUT, "row %lld: its %s is %g; it must be finite",
                              (long long)i, what, v[i]);
    return CULL_OK;
}

/* Rows of one x: their weight and weighted sum of y. */
typedef struct {
    double x, w, sum;
} knot;

/* Groups in rising order of x. */
static cull_status grouped(cull_ctx *cx, const double *x, const double *y, const uint8_t *one,
                           const double *w, int64_t n, knot **out, int64_t *groups)
{
    cull__ranked *v;
    knot *g;
    CULL_TRY(CULL_TMP(cx, g, n));
    CULL_TRY(CULL_TMP(cx, v, n));
    for (int64_t i = 0; i < n; i++) v[i] = (cull__ranked){-x[i], i};
    cull__rank_sort(v, n);
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = v[i].i;
        double weight = w ? w[row] : 1, value = one ? (one[row] ? 1 : 0) : y[row];
        if (i == 0 || v[i].v != v[i - 1].v) g[k++] = (knot){.x = x[row]};
        g[k - 1].w += weight;
        g[k - 1].sum += weight * value;
    }
    *out = g;
    *groups = k;
    return CULL_OK;
}

/* ---- isotonic regression ---- */
/* A run of groups that got one value. */
typedef struct {
    double w, sum;
    int64_t lo, hi; /* its first and last group */
} pool;

/* Pool adjacent violators, from left to right: a run whose mean is not above the one before joins it. */
static int64_t pooled(const knot *g, int64_t groups, pool *p)
{
    int64_t k = 0;
    for (int64_t i = 0; i < groups; i++) {
        p[k++] = (pool){.w = g[i].w, .sum = g[i].sum, .lo = i, .hi = i};
        for (; k > 1 && p[k - 2].sum / p[k - 2].w >= p[k - 1].sum / p[k - 1].w; k--) {
            p[k - 2].w += p[k - 1].w;
            p[k - 2].sum += p[k - 1].sum;
            p[k - 2].hi = p[k - 1].hi;
        }
    }
    return k;
}

static cull_status isotonic(cull_ctx *cx, const double *x, const double *y, const double *w,
                            int64_t n, cull_isotonic *out)
{
    knot *g;
    pool *p;
    int64_t groups;
    CULL_TRY(grouped(cx, x, y, NULL, w, n, &g, &groups));
    CULL_TRY(CULL_TMP(cx, p, groups));
    int64_t runs = pooled(g, groups, p);
    double *at;
    CULL_TRY(CULL_ALLOC(cx, at, 4 * runs));
    *out = (cull_isotonic){.x = at, .y = at + 2 * runs, .mem_ = at};
    for (int64_t i = 0; i < runs; i++) {
        double value = p[i].sum / p[i].w;
        for (int end = 0; end < (p[i].hi > p[i].lo ? 2 : 1); end++) {
            out->x[out->n] = g[end ? p[i].hi : p[i].lo].x;
            out->y[out->n++] = value;
        }
    }
    return CULL_OK;
}

cull_status cull_isotonic_fit(cull_ctx *cx, const double *x, const double *y, const double *w,
                              int64_t n, cull_isotonic *out)
{
    memset(out, 0, sizeof *out);
    CULL_TRY(numbers_fit(cx, "score", x, n));
    CULL_TRY(numbers_fit(cx, "target", y, n));
    if (w) CULL_TRY(numbers_fit(cx, "weight", w, n));
    for (int64_t i = 0; w && i < n; i++)
        if (w[i] <= 0)
            return cull__fail(cx, CULL_EINPUT, "row %lld: its weight is %g; it must be above 0",
                              (long long)i, w[i]);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = isotonic(cx, x, y, w, n, out);
    cull__release(cx, mark);
    return s;
}

/* How many of the rising v (n) are below x, or at most x. */
static int64_t count_below(const double *v, int64_t n, double x, bool or_equal)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (v[mid] < x || (or_equal && v[mid] == x))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void cull_isotonic_apply(const cull_isotonic *f, const double *x, int64_t n, double *y)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = count_below(f->x, f->n, x[i], true);
        if (isnan(x[i])) {
            y[i] = NAN;
        } else if (at == 0 || at == f->n) {
            y[i] = f->y[at ? at - 1 : 0];
        } else {
            double t = (x[i] - f->x[at - 1]) / (f->x[at] - f->x[at - 1]);
            y[i] = f->y[at - 1] + t * (f->y[at] - f->y[at - 1]);
        }
    }
}

void cull_isotonic_free(cull_isotonic *f)
{
    if (!f) return;
    cull__free(f->mem_);
    memset(f, 0, sizeof *f);
}

/* ---- Platt's sigmoid ---- */
typedef struct {
    const double *s;
    const uint8_t *one;
    int64_t n;
    double mid, scale; /* scores count as (s - mid) / scale */
    double target[2];
} sigmoid;

/* Minus the log likelihood; grad (2) and hess (3: aa, ab, bb) where given. */
static double sigmoid_loss(const sigmoid *w, double a, double b, double *grad, double *hess)
{
    double loss = 0;
    if (grad) grad[0] = grad[1] = hess[0] = hess[1] = hess[2] = 0;
    for (int64_t i = 0; i < w->n; i++) {
        double x = (w->s[i] - w->mid) / w->scale, t = w->target[w->one[i] ? 1 : 0];
        double f = a * x + b, e = exp(-fabs(f)), p = f >= 0 ? 1 / (1 + e) : e / (1 + e);
        loss += (f > 0 ? f : 0) + log1p(e) - t * f;
        if (!grad) continue;
        double v = e / ((1 + e) * (1 + e));
        grad[0] += (p - t) * x;
        grad[1] += p - t;
        hess[0] += v * x * x;
        hess[1] += v * x;
        hess[2] += v;
    }
    return loss;
}

/* Newton's method, steps halved until the loss falls. */
static cull_status sigmoid_fit(cull_ctx *cx, const sigmoid *w, double *a, double *b)
{
    enum { STEPS = 100, HALVES = 40 };
    double grad[2], hess[3];
    for (int k = 0; k < STEPS; k++) {
        double loss = sigmoid_loss(w, *a, *b, grad, hess), t = 1;
        CULL_TRY(cull__tick(cx, k, STEPS));
        hess[0] += 1e-12;
        hess[2] += 1e-12;
        double det = hess[0] * hess[2] - hess[1] * hess[1];
        double da = -(hess[2] * grad[0] - hess[1] * grad[1]) / det;
        double db = -(hess[0] * grad[1] - hess[1] * grad[0]) / det;
        if (!(fabs(grad[0]) + fabs(grad[1]) > 1e-11 * (double)w->n) || !isfinite(da + db)) break;
        int half = 0;
        while (half < HALVES && sigmoid_loss(w, *a + t * da, *b + t * db, NULL, NULL) > loss) {
            half++;
            t /= 2;
        }
        if (half == HALVES) break;
        *a += t * da;
        *b += t * db;
    }
    return CULL_OK;
}

cull_status cull_platt_fit(cull_ctx *cx, const double *score, const uint8_t *positive, int64_t n,
                           double *slope, double *offset)
{
    *slope = *offset = 0;
    CULL_TRY(numbers_fit(cx, "score", score, n));
    double ones = 0, a = 0;
    for (int64_t i = 0; i < n; i++) ones += positive[i] != 0;
    double zeros = (double)n - ones, sd = n > 1 ? cull__sd(score, n) : 0;
    sigmoid w = {.s = score,
                 .one = positive,
                 .n = n,
                 .mid = cull__mean(score, n),
                 .scale = sd > 0 && isfinite(sd) ? sd : 1,
                 .target = {1 / (zeros + 2), (ones + 1) / (ones + 2)}};
    double b = log((ones + 1) / (zeros + 1));
    CULL_TRY(sigmoid_fit(cx, &w, &a, &b));
    *slope = a / w.scale;
    *offset = b - a * w.mid / w.scale;
    return CULL_OK;
}

/* ---- Venn-Abers ----
 * Let P_i be the sums over the first i groups of (rows, positive rows). The value of isotonic regression at group j is the slope, over
 * its step, of the greatest convex function below the P. One more positive row at group j moves P_j, P_j+1, ... by (1, 1); or,
 * which is the same, P_0 .. P_j-1 by (-1, -1). So the value sought is the slope of the common lower tangent of L = {P_i - (1, 1),
 * i < j} on the left and R = {P_i, i >= j} on the right. As j grows, one point goes from R to L, by that shift. The tangent's left
 * end only moves right: a new point of L that lies below the tangent is left of and below where it stood in R, so nothing
 * that R's hull hid from the tangent comes into sight. Hence one stack of the hull from the left end on, as Vovk et al. do.
 * A row before group j and after j - 1 gets what a row at group j gets, since a positive row is never above its neighbours.
 */
typedef struct {
    double x, y;
} point;

/* Which side of the line from a to b point c is: above 0 = above it, for a.x < b.x. */
static double side(point a, point b, point c)
{
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/* The slopes, j = 1 .. groups, where each group has w rows of which `sum` are positive; room: groups + 2 points each. */
static void slopes(const knot *g, int64_t groups, point *p, point *hull, double *out)
{
    int64_t top = 0;
    p[0] = (point){0, 0};
    for (int64_t i = 0; i < groups; i++) p[i + 1] = (point){p[i].x + g[i].w, p[i].y + g[i].sum};
    /* the hull of P_1 .. P_groups and of P_0 - (1, 1), its left end on top */
    for (int64_t i = groups; i >= 0; i--) {
        point at = i ? p[i] : (point){-1, -1};
        while (top > 1 && side(at, hull[top - 2], hull[top - 1]) >= 0) top--;
        hull[top++] = at;
    }
    for (int64_t j = 1; j <= groups; j++) {
        point l = hull[top - 1], r = hull[top - 2], next = {p[j].x - 1, p[j].y - 1};
        out[j - 1] = (r.y - l.y) / (r.x - l.x);
        if (j == groups || side(l, r, next) >= 0) continue;
        top--;
        while (top > 1 && side(next, hull[top - 2], hull[top - 1]) >= 0) top--;
        hull[top++] = next;
    }
}

static cull_status venn_abers(cull_ctx *cx, const double *score, const uint8_t *positive, int64_t n,
                              cull_venn_abers *out)
{
    knot *g, *back;
    point *p, *hull;
    int64_t k;
    double *at;
    CULL_TRY(grouped(cx, score, NULL, positive, NULL, n, &g, &k));
    CULL_TRY(CULL_TMP(cx, back, k));
    CULL_TRY(CULL_TMP(cx, p, k + 2));
    CULL_TRY(CULL_TMP(cx, hull, k + 2));
    CULL_TRY(CULL_ALLOC(cx, at, 3 * k));
    *out = (cull_venn_abers){.n = k, .score = at, .p0 = at + k, .p1 = at + 2 * k, .mem_ = at};
    /* a negative row is a positive one of the classes exchanged, seen from the other end */
    for (int64_t i = 0; i < k; i++) {
        out->score[i] = g[i].x;
        back[k - 1 - i] = (knot){.w = g[i].w, .sum = g[i].w - g[i].sum};
    }
    slopes(back, k, p, hull, out->p0);
    for (int64_t i = 0; i < k / 2; i++) {
        double t = out->p0[i];
        out->p0[i] = out->p0[k - 1 - i];
        out->p0[k - 1 - i] = t;
    }
    for (int64_t i = 0; i < k; i++) out->p0[i] = 1 - out->p0[i];
    slopes(g, k, p, hull, out->p1);
    return CULL_OK;
}

cull_status cull_venn_abers_fit(cull_ctx *cx, const double *score, const uint8_t *positive,
                                int64_t n, cull_venn_abers *out)
{
    memset(out, 0, sizeof *out);
    CULL_TRY(numbers_fit(cx, "score", score, n));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = venn_abers(cx, score, positive, n, out);
    cull__release(cx, mark);
    return s;
}

void cull_venn_abers_apply(const cull_venn_abers *f, const double *score, int64_t m, double *p0,
                           double *p1)
{
    for (int64_t i = 0; i < m; i++) {
        int64_t from = count_below(f->score, f->n, score[i], false);
        int64_t to = count_below(f->score, f->n, score[i], true);
        bool no = isnan(score[i]);
        p0[i] = no ? NAN : to ? f->p0[to - 1] : 0;
        p1[i] = no ? NAN : from < f->n ? f->p1[from] : 1;
    }
}

void cull_venn_abers_free(cull_venn_abers *f)
{
    if (!f) return;
    cull__free(f->mem_);
    memset(f, 0, sizeof *f);
}
