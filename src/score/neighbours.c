/* neighbours.c - mutual information of numbers from distances to nearest neighbours: Ross 2014 with classes,
 * Kraskov, Stoegbauer and Grassberger 2004 with numbers. On a line neighbours are a window of the sorted
 * values; in the plane a k-d tree finds them. */
#include "score/columns.h"

#include <math.h>
#include <string.h>

enum { KNOWN = 65535, LEAF = 8 };

/* The digamma function of whole numbers. */
typedef struct {
    const double *at; /* up to `known` */
    int64_t known;
} digamma;

static cull_status digamma_new(cull_ctx *cx, int64_t n, digamma *g)
{
    double *at;
    g->known = n < KNOWN ? n : KNOWN;
    CULL_TRY(CULL_TMP(cx, at, g->known + 2));
    at[0] = NAN;
    at[1] = -0.57721566490153286;
    for (int64_t m = 1; m < g->known; m++) at[m + 1] = at[m] + 1 / (double)m;
    g->at = at;
    return CULL_OK;
}

static double psi(const digamma *g, int64_t m)
{
    if (m <= g->known) return g->at[m];
    double x = (double)m;
    return log(x) - 1 / (2 * x) - 1 / (12 * x * x);
}

/* ---- intervals of sorted numbers ---- */

/* Sorted numbers; a difference of them counts `unit` times. */
typedef struct {
    const double *x;
    int64_t n;
    double unit;
} line;

static bool within(const line *l, int64_t a, int64_t b, double r)
{
    return (l->x[b] - l->x[a]) * l->unit <= r;
}

/* The first j with x[i] - x[j] <= r, looked for from `at` <= i on, in steps that double. */
static int64_t first_within(const line *l, int64_t i, int64_t at, double r)
{
    int64_t out = -1, in = i; /* x[out] is too far or out = -1, x[in] is not */
    if (within(l, at, i, r)) {
        in = at;
        for (int64_t step = 1; in - step >= 0; step *= 2) {
            if (!within(l, in - step, i, r)) {
                out = in - step;
                break;
            }
            in -= step;
        }
    } else {
        out = at;
        for (int64_t step = 1; out + step < i; step *= 2) {
            if (within(l, out + step, i, r)) {
                in = out + step;
                break;
            }
            out += step;
        }
    }
    while (in - out > 1) {
        int64_t mid = out + (in - out) / 2;
        if (within(l, mid, i, r))
            in = mid;
        else
            out = mid;
    }
    return in;
}

/* The last j with x[j] - x[i] <= r, from `at` >= i on. */
static int64_t last_within(const line *l, int64_t i, int64_t at, double r)
{
    int64_t in = i, out = l->n;
    if (within(l, i, at, r)) {
        in = at;
        for (int64_t step = 1; in + step < l->n; step *= 2) {
            if (!within(l, i, in + step, r)) {
                out = in + step;
                break;
            }
            in += step;
        }
    } else {
        out = at;
        for (int64_t step = 1; out - step > i; step *= 2) {
            if (within(l, i, out - step, r)) {
                in = out - step;
                break;
            }
            out -= step;
        }
    }
    while (out - in > 1) {
        int64_t mid = in + (out - in) / 2;
        if (within(l, i, mid, r))
            in = mid;
        else
            out = mid;
    }
    return in;
}

static double inside(double d) { return d > 0 ? nextafter(d, 0) : 0; }

/* ---- numbers and classes ---- */

/* How many of a class lie within r < d of v, itself too: of the window from lo to hi, whose farthest is at d.
 * k, but for others at d, which the open interval leaves out. */
static int64_t class_within(const double *x, const uint32_t *at, int64_t lo, int64_t hi, double v,
                            double r)
{
    while (v - x[at[lo]] > r) lo++;
    while (x[at[hi]] - v > r) hi--;
    return hi - lo + 1;
}

/* The part of a class in the sum: psi of neighbours less psi of all within their distance. at: where its
 * `count` values stand among the n sorted ones. */
static double class_sum(const digamma *g, const line *l, const uint32_t *at, int64_t count,
                        const cull__neighbours *o)
{
    const double *x = l->x;
    int64_t k = o->k < count - 1 ? o->k : count - 1, lo = 0, run = 0, end = 0, from = 0, to = 0;
    double sum = 0;
    for (int64_t p = 0; p < count; p++) {
        double v = x[at[p]];
        if (p == end)
            for (run = end++; end < count && x[at[end]] <= v;) end++; /* its equals */
        while (lo + k < p || (lo + k + 1 < count && x[at[lo + k + 1]] - v < v - x[at[lo]])) lo++;
        double d = fmax(v - x[at[lo]], x[at[lo + k]] - v), r = inside(d);
        if (d > 0 || p == run) { /* what lies at one point is counted once */
            from = first_within(l, at[p], at[lo], r);
            to = last_within(l, at[p], at[lo + k], r);
        }
        int64_t near = k;
        if (o->copies) near = d > 0 ? class_within(x, at, lo, lo + k, v, r) : end - run;
        sum += psi(g, near) - psi(g, to - from + 1);
    }
    return sum;
}

/* Rows of classes that have two at least, in order of x: their values, and where each class stands. */
typedef struct {
    int64_t n;
    double *x;
    uint32_t *at;  /* (n) positions, class by class, ascending */
    int64_t *from; /* (classes + 1) */
} by_class;

static cull_status by_class_new(cull_ctx *cx, const double *x, const int32_t *y, int64_t n,
                                int32_t classes, by_class *b)
{
    cull__valued *v, *work;
    *b = (by_class){0};
    CULL_TRY(CULL_TMP(cx, b->x, n));
    CULL_TRY(CULL_TMP(cx, b->at, n));
    CULL_TRY(CULL_TMP0(cx, b->from, classes + 2));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, n));
    CULL_TRY(CULL_TMP(cx, work, n));
    int64_t *from = b->from + 1;
    for (int64_t i = 0; i < n; i++) from[y[i]]++;
    for (int32_t k = 0; k < classes; k++)
        if (from[k] == 1) from[k] = 0;
    for (int64_t i = 0; i < n; i++)
        if (from[y[i]]) v[b->n++] = (cull__valued){x[i], y[i]};
    cull__sort_valued(v, work, b->n);
    for (int32_t k = 1; k <= classes; k++) b->from[k] += b->from[k - 1]; /* [k]: begin of k */
    for (int64_t i = 0; i < b->n; i++) {
        b->x[i] = v[i].v;
        b->at[b->from[v[i].at]++] = (uint32_t)i; /* [k]: end of k */
    }
    for (int32_t k = classes; k > 0; k--) b->from[k] = b->from[k - 1];
    b->from[0] = 0;
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status of_classes(cull_ctx *cx, const digamma *g, const double *x, const int32_t *y,
                              int64_t n, int32_t classes, const cull__neighbours *o, double *out)
{
    by_class b;
    double sum = 0;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(by_class_new(cx, x, y, n, classes, &b));
    for (int32_t k = 0; k < classes; k++) {
        int64_t count = b.from[k + 1] - b.from[k];
        if (!count) continue;
        line l = {.x = b.x, .n = b.n, .unit = 1};
        sum += class_sum(g, &l, b.at + b.from[k], count, o) - (double)count * psi(g, count);
    }
    *out = b.n ? fmax(psi(g, b.n) + sum / (double)b.n, 0) : 0;
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__mutual_classes(cull_ctx *cx, const double *x, const int32_t *y, int64_t n,
                                 int32_t classes, const cull__neighbours *o, double *out)
{
    digamma g;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(digamma_new(cx, n, &g));
    CULL_TRY(of_classes(cx, &g, x, y, n, classes, o, out));
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- numbers and numbers: a k-d tree, each node the middle point of its stretch ---- */

typedef struct {
    double v[2];
    uint32_t row;
} point;

typedef struct {
    point *at;
    uint8_t *axis; /* (n) which way the stretch about that point is cut */
    const double *unit;
} tree;

/* v[mid] as if sorted along the axis, smaller ones before it: quickselect; pivots from a fixed sequence,
 * so that no order of the rows is a bad one. */
static void select_middle(point *p, int64_t lo, int64_t hi, int64_t mid, int axis)
{
    uint64_t draw = 0x9E3779B97F4A7C15u;
    while (hi - lo > 1) {
        draw = draw * 6364136223846793005u + 1442695040888963407u;
        double pivot = p[lo + (int64_t)((draw >> 33) % (uint64_t)(hi - lo))].v[axis];
        int64_t i = lo, j = hi - 1;
        while (i <= j) {
            while (p[i].v[axis] < pivot) i++;
            while (p[j].v[axis] > pivot) j--;
            if (i > j) break;
            point t = p[i];
            p[i++] = p[j];
            p[j--] = t;
        }
        if (mid <= j)
            hi = j + 1;
        else if (mid >= i)
            lo = i;
        else
            return;
    }
}

static void build(const tree *t, int64_t lo, int64_t hi)
{
    while (hi - lo > LEAF) {
        double least[2] = {INFINITY, INFINITY}, most[2] = {-INFINITY, -INFINITY};
        for (int64_t i = lo; i < hi; i++)
            for (int a = 0; a < 2; a++) {
                least[a] = t->at[i].v[a] < least[a] ? t->at[i].v[a] : least[a];
                most[a] = t->at[i].v[a] > most[a] ? t->at[i].v[a] : most[a];
            }
        int axis = (most[1] - least[1]) * t->unit[1] > (most[0] - least[0]) * t->unit[0];
        int64_t mid = lo + (hi - lo) / 2;
        select_middle(t->at, lo, hi, mid, axis);
        t->axis[mid] = (uint8_t)axis;
        build(t, lo, mid);
        lo = mid + 1;
    }
}

/* The k least distances so far, ascending. */
typedef struct {
    double *d;
    int64_t k;
    point q;
    const double *unit; /* (2) of differences */
} search;

static void offer(search *s, const point *p)
{
    double d = fmax(fabs(p->v[0] - s->q.v[0]) * s->unit[0], fabs(p->v[1] - s->q.v[1]) * s->unit[1]);
    if (d >= s->d[s->k - 1] || p->row == s->q.row) return;
    int64_t i = s->k - 1;
    for (; i > 0 && s->d[i - 1] > d; i--) s->d[i] = s->d[i - 1];
    s->d[i] = d;
}

static void descend(const tree *t, search *s, int64_t lo, int64_t hi)
{
    while (hi - lo > LEAF) {
        int64_t mid = lo + (hi - lo) / 2;
        int axis = t->axis[mid];
        double off = s->q.v[axis] - t->at[mid].v[axis];
        offer(s, t->at + mid);
        if (off < 0) {
            descend(t, s, lo, mid);
            lo = mid + 1;
        } else {
            descend(t, s, mid + 1, hi);
            hi = mid;
        }
        if (fabs(off) * s->unit[axis] >= s->d[s->k - 1]) return;
    }
    for (int64_t i = lo; i < hi; i++) offer(s, t->at + i);
}

/* Numbers in order, and where each row's stands. */
static cull_status ranks(cull_ctx *cx, const double *x, int64_t n, double *sorted, uint32_t *rank)
{
    cull__valued *v, *work;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, n));
    CULL_TRY(CULL_TMP(cx, work, n));
    for (int64_t i = 0; i < n; i++) v[i] = (cull__valued){x[i], i};
    cull__sort_valued(v, work, n);
    for (int64_t i = 0; i < n; i++) {
        sorted[i] = v[i].v;
        rank[v[i].at] = (uint32_t)i;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* Rows at the very place of each, itself among them. */
static cull_status copies(cull_ctx *cx, const double *x, const double *y, int64_t n, uint32_t *out)
{
    cull__valued *v, *work;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, n));
    CULL_TRY(CULL_TMP(cx, work, n));
    for (int64_t i = 0; i < n; i++) v[i] = (cull__valued){y[i], i};
    cull__sort_valued(v, work, n);
    for (int64_t i = 0; i < n; i++) v[i].v = x[v[i].at];
    cull__sort_valued(v, work, n);
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        for (hi = lo; hi < n && v[hi].v == v[lo].v && y[v[hi].at] == y[v[lo].at];) hi++;
        for (int64_t i = lo; i < hi; i++) out[v[i].at] = (uint32_t)(hi - lo);
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static int64_t count_within(const line *l, int64_t i, double r)
{
    return last_within(l, i, i, r) - first_within(l, i, i, r) + 1;
}

static cull_status of_numbers(cull_ctx *cx, const digamma *g, const double *x, const double *y,
                              int64_t n, const double unit[2], const cull__neighbours *o,
                              double *out)
{
    tree t = {.unit = unit};
    search s = {.k = o->k < n - 1 ? o->k : n - 1, .unit = unit};
    uint32_t *same = NULL, *rank_x, *rank_y;
    double *xs, *ys, sum = 0;
    *out = 0;
    if (n < 2) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, xs, n));
    CULL_TRY(CULL_TMP(cx, ys, n));
    CULL_TRY(CULL_TMP(cx, rank_x, n));
    CULL_TRY(CULL_TMP(cx, rank_y, n));
    CULL_TRY(CULL_TMP(cx, s.d, s.k));
    if (o->copies) CULL_TRY(CULL_TMP(cx, same, n));
    CULL_TRY(ranks(cx, x, n, xs, rank_x));
    CULL_TRY(ranks(cx, y, n, ys, rank_y));
    if (o->copies) CULL_TRY(copies(cx, x, y, n, same));
    CULL_TRY(CULL_TMP(cx, t.at, n));
    CULL_TRY(CULL_TMP(cx, t.axis, n));
    line lx = {xs, n, unit[0]}, ly = {ys, n, unit[1]};
    for (int64_t i = 0; i < n; i++) t.at[i] = (point){{x[i], y[i]}, (uint32_t)i};
    build(&t, 0, n);
    for (int64_t i = 0; i < n; i++) { /* in the tree's order: neighbours are in the cache then */
        int64_t row = t.at[i].row;
        s.q = t.at[i];
        for (int64_t k = 0; k < s.k; k++) s.d[k] = INFINITY;
        descend(&t, &s, 0, n);
        double d = s.d[s.k - 1], r = inside(d);
        int64_t near = s.k;
        if (same && d <= 0) near = same[row];
        while (same && d > 0 && near > 1 && s.d[near - 2] >= d)
            near--; /* others at d are outside */
        sum += psi(g, near);
        sum -=
            psi(g, count_within(&lx, rank_x[row], r)) + psi(g, count_within(&ly, rank_y[row], r));
    }
    *out = fmax(psi(g, n) + sum / (double)n, 0);
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__mutual_numbers(cull_ctx *cx, const double *x, const double *y, int64_t n,
                                 const double unit[2], const cull__neighbours *o, double *out)
{
    digamma g;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(digamma_new(cx, n, &g));
    CULL_TRY(of_numbers(cx, &g, x, y, n, unit, o, out));
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- every column ---- */

typedef struct {
    const cull_feature_problem *p;
    const cull__neighbours *o;
    bool noise;
    digamma g;
    double *out;
} job;

/* The standard deviation; 0 where all are equal. */
static double deviation(const double *v, int64_t n)
{
    double mean = 0, square = 0;
    bool two = false;
    for (int64_t i = 1; i < n; i++) two |= v[i] != v[0];
    if (!two) return 0;
    for (int64_t i = 0; i < n; i++) mean += (v[i] - mean) / (double)(i + 1);
    for (int64_t i = 0; i < n; i++) square += (v[i] - mean) * (v[i] - mean);
    return sqrt(square / (double)n);
}

/* Numbers to a standard deviation of 1, and noise as in scikit-learn. */
static void add_noise(cull_ctx *cx, uint64_t stream, double sd, double *v, int64_t n)
{
    cull_rng r = cull__rng(cx, stream);
    double mean = 0;
    for (int64_t i = 0; i < n; i++) v[i] /= sd;
    for (int64_t i = 0; i < n; i++) mean += fabs(v[i]) / (double)n;
    double scale = 1e-10 * fmax(1, mean);
    for (int64_t i = 0; i < n; i++) v[i] += scale * cull__rng_normal(&r);
}

/* A categorical column beside numbers to predict: its levels are the classes. */
static cull_status levels_column(cull_ctx *cx, const job *j, int64_t c, const float *v)
{
    const cull_feature_problem *p = j->p;
    double *x, *work;
    uint16_t *code;
    int32_t *level;
    CULL_TRY(CULL_TMP(cx, x, p->n));
    CULL_TRY(CULL_TMP(cx, level, p->n));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, code, p->n));
    CULL_TRY(CULL_TMP(cx, work, 2 * p->n));
    for (int64_t i = 0; i < p->n; i++) x[i] = (double)v[i];
    int32_t levels = cull__bin(x, p->n, 0, false, work, code);
    if (levels < 0) return cull__too_many_levels(cx, p, c);
    for (int64_t i = 0; i < p->n; i++) level[i] = code[i];
    cull__release(cx, mark);
    if (levels < 2) return CULL_OK;
    memcpy(x, p->y, (size_t)p->n * sizeof *x);
    double sd = deviation(x, p->n);
    if (sd > 0 && j->noise) add_noise(cx, 0, sd, x, p->n);
    return of_classes(cx, &j->g, x, level, p->n, levels, j->o, j->out + c);
}

static cull_status column(cull_ctx *cx, void *arg, int64_t c, float *v)
{
    const job *j = arg;
    const cull_feature_problem *p = j->p;
    double *x, *y = NULL;
    int32_t *class = NULL;
    int64_t m = 0;
    bool two = false;
    if (p->levels && p->levels[c]) return levels_column(cx, j, c, v);
    CULL_TRY(CULL_TMP(cx, x, p->n));
    if (p->classes) CULL_TRY(CULL_TMP(cx, class, p->n));
    if (!p->classes) CULL_TRY(CULL_TMP(cx, y, p->n));
    for (int64_t i = 0; i < p->n; i++) {
        if (isnan(v[i])) continue;
        if (class) class[m] = (int32_t)p->y[i];
        if (class) two |= class[m] != class[0];
        if (y) y[m] = p->y[i];
        x[m++] = (double)v[i];
    }
    double sd = deviation(x, m), sd_y = y ? deviation(y, m) : 1;
    if (!(sd > 0) || !(sd_y > 0) || (class && !two)) return CULL_OK;
    if (j->noise) add_noise(cx, (uint64_t)c + 1, sd, x, m);
    if (class) return of_classes(cx, &j->g, x, class, m, p->classes, j->o, j->out + c);
    if (j->noise) add_noise(cx, 0, sd_y, y, m);
    double unit[] = {j->noise ? 1 : 1 / sd, j->noise ? 1 : 1 / sd_y};
    return of_numbers(cx, &j->g, x, y, m, unit, j->o, j->out + c);
}

cull_status cull__column_neighbours(cull_ctx *cx, const cull_feature_problem *p,
                                    const cull__neighbours *o, bool noise, double *out)
{
    job j = {.p = p, .o = o, .noise = noise, .out = out};
    uint8_t *want, *rest;
    int64_t others = 0;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, want, p->d));
    CULL_TRY(CULL_TMP(cx, rest, p->d));
    for (int64_t c = 0; c < p->d; c++) {
        rest[c] = p->classes && p->levels && p->levels[c]; /* both are levels: counts will do */
        want[c] = !rest[c];
        others += rest[c];
        out[c] = NAN;
    }
    if (others) CULL_TRY(cull__column_mutual(cx, p, rest, &(cull__bins){0}, false, out));
    CULL_TRY(digamma_new(cx, p->n, &j.g));
    CULL_TRY(cull__each_column(cx, p, want, column, &j));
    cull__release(cx, mark);
    return CULL_OK;
}

uint64_t cull__column_neighbours_bytes(const cull_feature_problem *p, int threads, double *passes)
{
    int64_t columns = 0, others = 0;
    double n = (double)p->n, more = 0;
    for (int64_t c = 0; c < p->d; c++) {
        bool counted = p->classes && p->levels && p->levels[c];
        if (!(p->avoid && p->avoid[c])) columns += !counted, others += counted;
    }
    double workers = threads < columns ? threads : (double)columns;
    /* x, y, then the scratch of classes or of numbers */
    double each = p->classes ? 12 + 12 + 32 : 16 + 28 + 32;
    double held = (double)cull__each_column_bytes(p, columns, threads, passes) +
                  8 * fmin(n, KNOWN) + workers * each * n;
    double counts = (double)cull__each_column_bytes(p, others, threads, &more) + 56 * (double)p->d +
                    8 * fmin(n, KNOWN) + (2 + 26 * workers) * n;
    *passes += more;
    return 2 * (uint64_t)p->d + (uint64_t)(others && counts > held ? counts : held);
}
