/* table.h - a table that has everything, what must hold of every method on it, and plain ways to count. */
#ifndef TABLE_H
#define TABLE_H
#include "test.h"

#include "base/base.h"
#include "cull/feature.h"

/* SplitMix64 to multiples of 2^-24 in [0, 1), as ask_sklearn.py has it. */
static inline double split_mix(uint64_t i, uint64_t seed)
{
    uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u + seed;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 40) / 16777216;
}

enum { ROWS = 157, WIDE = 7 }; /* the columns that scikit-learn saw */
typedef struct {
    float x[ROWS * WIDE], counts[ROWS * WIDE];
    double class[ROWS], number[ROWS], tied[ROWS], tied_x[ROWS], tied_y[ROWS];
} asked;

static inline asked *asked_new(void)
{
    asked *a = calloc(1, sizeof *a);
    for (int i = 0; i < ROWS * WIDE; i++) {
        a->x[i] = (float)split_mix((uint64_t)i, 3);
        a->counts[i] = (float)floor(9 * split_mix((uint64_t)i, 3));
    }
    for (int i = 0; i < ROWS; i++) {
        double v[WIDE], u = split_mix((uint64_t)i, 5);
        for (int c = 0; c < WIDE; c++) v[c] = (double)a->x[i * WIDE + c];
        a->class[i] = floor(3 * (0.6 * v[1] + 0.4 * u));
        a->number[i] = v[2] - 2 * v[3] * v[4] + u / 4;
        a->tied[i] = floor(8 * v[1]) / 8 + v[5] * 1e-9;
        a->tied_x[i] = floor(8 * v[2]) / 8 + v[5] * 1e-9;
        a->tied_y[i] = floor(8 * a->number[i]) / 8 + v[6] * 1e-9;
    }
    return a;
}

static inline bool close_to(double a, double b, double tol)
{
    return (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= tol * (1 + fabs(b));
}

/* A table of numbers, lattices, categories, gaps, a constant, nothing at all, and more. */
enum { N = 211, D = 14 };
enum { PLAIN, LATTICE, GAPPED, CONSTANT, EMPTY, LEVELS, GAPPED_LEVELS, AVOIDED, HELD, REST };
typedef struct {
    float x[N * D];
    int32_t levels[D];
    double class[N], number[N], cost[D];
    uint8_t avoid[D], have[D];
    cull_pool *pool;
    cull_feature_problem p;
} table;

/* categories: with columns of them; gaps: with missing values; numbers: to predict. */
static inline table *table_new(cull_ctx *cx, bool categories, bool gaps, bool numbers)
{
    table *t = calloc(1, sizeof *t);
    cull_rng r = cull__rng_seeded(11, 3);
    t->levels[LEVELS] = t->levels[GAPPED_LEVELS] = categories ? 5 : 0;
    t->avoid[AVOIDED] = t->have[HELD] = 1;
    for (int i = 0; i < N; i++) {
        float *x = t->x + i * D;
        for (int c = 0; c < D; c++) x[c] = (float)(cull__rng_normal(&r) + 3);
        x[LATTICE] = floorf(2 * x[LATTICE]);
        x[CONSTANT] = 2.385F;
        x[LEVELS] = (float)cull__rng_below(&r, 5);
        x[GAPPED_LEVELS] = (float)(cull__rng_below(&r, 3) + 1);
        x[REST + 1] = x[PLAIN] + 0.25F * x[REST + 1]; /* redundant */
        double said = 0.7 * (double)x[PLAIN] + 0.5 * (double)x[LATTICE] + (double)x[HELD] +
                      ((double)x[REST] - 3) * ((double)x[REST + 2] - 3) + 0.6 * (double)x[LEVELS];
        t->number[i] = said + 0.3 * cull__rng_normal(&r);
        t->class[i] = said < 7 ? 0 : said < 9 ? 1 : 3; /* no row is of class 2 */
        if (gaps) {
            x[EMPTY] = NAN;
            if (cull__rng_below(&r, 4) == 0) x[GAPPED] = NAN;
            if (cull__rng_below(&r, 5) == 0) x[GAPPED_LEVELS] = NAN;
        } else {
            x[EMPTY] = -1;
        }
    }
    for (int c = 0; c < D; c++) t->cost[c] = 1 + (c * 7 % 5) * 0.385;
    ok(cx, cull_pool_from(cx, t->x, CULL_F32, N, D, &t->pool));
    t->p = (cull_feature_problem){.n = N,
                                  .d = D,
                                  .x = t->pool,
                                  .levels = categories ? t->levels : NULL,
                                  .y = numbers ? t->number : t->class,
                                  .classes = numbers ? 0 : 4,
                                  .budget = 6,
                                  .avoid = t->avoid,
                                  .have = t->have};
    return t;
}

static inline void table_free(table *t)
{
    cull_pool_free(t->pool);
    free(t);
}

/* Options as "name", "value", ..., NULL. */
static inline cull_opts *options(cull_ctx *cx, const char *slug, const char *const *set)
{
    cull_opts *o;
    ok(cx, cull_opts_new(cx, cull_method_find(slug, NULL), &o));
    for (; set && *set; set += 2) ok(cx, cull_opts_set(cx, o, set[0], set[1]));
    return o;
}

static inline void select_by(cull_ctx *cx, const char *slug, const char *const *set,
                             const cull_feature_problem *p, cull_feature_pick *k)
{
    cull_opts *o = options(cx, slug, set);
    ok(cx, cull_feature_select(cx, cull_method_find(slug, NULL), o, p, k));
    cull_opts_free(o);
}

static inline bool same_pick(const cull_feature_pick *a, const cull_feature_pick *b)
{
    size_t n = (size_t)a->pick.n, d = (size_t)a->d;
    return a->pick.n == b->pick.n && !memcmp(a->pick.idx, b->pick.idx, n * 8) &&
           !memcmp(a->pick.score, b->pick.score, n * 8) && !memcmp(a->score, b->score, d * 8) &&
           !a->p == !b->p && (!a->p || !memcmp(a->p, b->p, d * 8)) && !a->verdict == !b->verdict &&
           (!a->verdict || !memcmp(a->verdict, b->verdict, d));
}

/* The same bits for two threads and with little memory; any allocation may fail; nothing is left behind. */
static inline void holds_up(const char *slug, const char *const *set, const cull_feature_problem *p)
{
    cull_feature_pick one, two;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    select_by(cx, slug, set, p, &one);
    long calls = h.calls;
    cull_ctx *pair = hooked_ctx(&(hooks){0}, 2);
    select_by(pair, slug, set, p, &two);
    assert_true(same_pick(&one, &two));
    cull_feature_pick_free(&two);
    cull_ctx_free(pair);
    int failed = 0;
    for (long at = 2; at <= calls + 1; at += 1 + at / 16) {
        hooks f = {.fail_at = at};
        cull_ctx *less = hooked_ctx(&f, 1);
        if (!less) continue;
        cull_opts *o = NULL;
        cull_status s = cull_opts_new(less, cull_method_find(slug, NULL), &o);
        for (const char *const *v = set; s == CULL_OK && v && *v; v += 2)
            s = cull_opts_set(less, o, v[0], v[1]);
        if (s == CULL_OK) s = cull_feature_select(less, cull_method_find(slug, NULL), o, p, &two);
        if (s == CULL_OK) {
            assert_true(same_pick(&one, &two));
            cull_feature_pick_free(&two);
        } else {
            assert_int_equal(s, CULL_ENOMEM);
            failed++;
        }
        cull_opts_free(o);
        cull_ctx_free(less);
        assert_int_equal(f.live, 0);
    }
    assert_true(failed > 3);
    cull_feature_pick_free(&one);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Scores are `want` (d, to tol), the columns kept are the best of them by score, ties by index. */
static inline void ranked(const cull_feature_problem *p, const cull_feature_pick *k,
                          const double *want, double tol)
{
    double spent = 0;
    bool used[64] = {false};
    for (int64_t c = 0; c < p->d; c++)
        if (!close_to(k->score[c], want[c], tol))
            fail_msg("column %d: %.17g, not %.17g", (int)c, k->score[c], want[c]);
    for (int64_t i = 0; i < k->pick.n; i++) {
        int64_t best = -1;
        for (int64_t c = 0; c < p->d; c++) {
            double cost = p->cost ? p->cost[c] : 1;
            if (isnan(k->score[c]) || used[c] || (p->have && p->have[c])) continue;
            if (spent + cost > p->budget) continue;
            if (best < 0 || k->score[c] > k->score[best]) best = c;
        }
        assert_int_equal(k->pick.idx[i], best);
        assert_true(k->pick.score[i] == k->score[best]);
        used[best] = true;
        spent += p->cost ? p->cost[best] : 1;
    }
    assert_true(k->pick.n >= 2);
}

/* ---- codes and entropies, the plain way ---- */

/* Bins as columns.h tells of them: equal frequency; bins 0: a level a value. */
static inline void plain_codes(const double *v, int n, int bins, bool width, int *code)
{
    double least = INFINITY, most = -INFINITY;
    int m = 0, different = 0, top = 0;
    for (int i = 0; i < n; i++) {
        if (isnan(v[i])) continue;
        bool first = true;
        for (int j = 0; j < i; j++) first &= v[j] != v[i];
        different += first;
        m++;
        least = fmin(least, v[i]);
        most = fmax(most, v[i]);
    }
    for (int i = 0; i < n; i++) {
        int below = 0, values = 0;
        for (int j = 0; j < n; j++) {
            bool first = v[j] < v[i];
            below += v[j] < v[i];
            for (int l = 0; first && l < j; l++) first = v[l] != v[j];
            values += first;
        }
        code[i] = bins == 0 || different <= bins ? values : below * bins / m;
        if (width && bins) code[i] = (int)fmin(bins * ((v[i] - least) / (most - least)), bins - 1);
        if (width && bins && !(most > least)) code[i] = 0;
        if (isnan(v[i])) code[i] = -1;
        if (code[i] > top) top = code[i];
    }
    for (int i = 0; i < n; i++)
        if (code[i] < 0) code[i] = top + 1;
}

/* Entropy of up to three codes together: the mean of -ln of the share of rows that are like a row. */
static inline double plain_entropy(const int *a, const int *b, const int *c, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        int like = 0;
        for (int j = 0; j < n; j++)
            like += a[i] == a[j] && (!b || b[i] == b[j]) && (!c || c[i] == c[j]);
        sum -= log((double)like / n);
    }
    return sum / n;
}

/* All columns of a table and its target as codes; levels[c] counts them. */
typedef struct {
    int code[D][N], y[N], levels[D];
    double relevance[D]; /* NaN where there is nothing to score */
} coded;

static inline double plain_mutual(const int *a, const int *b)
{
    return plain_entropy(a, NULL, NULL, N) + plain_entropy(b, NULL, NULL, N) -
           plain_entropy(a, b, NULL, N);
}

static inline double plain_given(const int *a, const int *y, const int *b)
{
    return plain_entropy(a, b, NULL, N) + plain_entropy(b, y, NULL, N) -
           plain_entropy(b, NULL, NULL, N) - plain_entropy(a, b, y, N);
}

static inline coded *coded_new(const table *t, int bins, bool width)
{
    coded *k = calloc(1, sizeof *k);
    double v[N];
    plain_codes(t->p.y, N, t->p.classes ? 0 : bins, width, k->y);
    for (int c = 0; c < D; c++) {
        for (int i = 0; i < N; i++) v[i] = (double)t->x[i * D + c];
        plain_codes(v, N, t->p.levels && t->p.levels[c] ? 0 : bins, width, k->code[c]);
        for (int l = 0; l < 2 * N; l++) {
            bool has = false;
            for (int i = 0; i < N; i++) has |= k->code[c][i] == l;
            k->levels[c] += has;
        }
        k->relevance[c] = k->levels[c] < 2 || t->avoid[c] ? NAN : plain_mutual(k->code[c], k->y);
    }
    return k;
}
#endif
