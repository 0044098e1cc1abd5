/* gain.h - for methods that maximise a set function: the function from its definition, in f64, against
 * what was chosen; all subsets of small pools; every way that must choose the same. */
#ifndef GAIN_H
#define GAIN_H
#include "test.h"

#include "base/base.h"
#include "cull/data.h"

/* f of the rows with in[i] = 1, by its definition. */
typedef double set_value(const cull_data_problem *p, const uint8_t *in);

typedef struct {
    int64_t n, d, m;
    float *x, *q;
    cull_pool *pool, *other; /* (n, d); (m, d), for target and against */
    double *cost, quota[3];
    int32_t *group;
    uint8_t *avoid, *have;
    cull_data_problem p;
} gain_problem;

enum { COSTS = 1, QUOTAS = 2, AVOID = 4, HAVE = 8 };

/* Five clusters and noise; `parts` of what a problem may have; half of the rows repeat others if `ties`. */
static inline gain_problem *gain_new(cull_ctx *cx, int64_t n, int64_t d, double budget, int parts,
                                     bool ties, uint64_t seed)
{
    gain_problem *b = calloc(1, sizeof *b);
    cull_rng r = cull__rng_seeded(seed, (uint64_t)n);
    *b = (gain_problem){.n = n, .d = d, .m = 7};
    b->x = malloc((size_t)(n * d) * sizeof(float));
    b->q = malloc((size_t)(b->m * d) * sizeof(float));
    for (int64_t i = 0; i < n * d; i++) {
        int64_t row = i / d, of = ties ? row / 2 : row;
        bool again = ties && row % 2;
        b->x[i] =
            again ? b->x[i - d] : (float)(cull__rng_normal(&r) + 1.7 * (i % d % 5 == of % 5) + 0.3);
    }
    for (int64_t i = 0; i < b->m * d; i++)
        b->q[i] = (float)(cull__rng_normal(&r) + 1.7 * (i % d % 5 == i / d % 2));
    b->cost = malloc((size_t)n * sizeof(double));
    b->group = malloc((size_t)n * sizeof(int32_t));
    b->avoid = calloc((size_t)n, 1), b->have = calloc((size_t)n, 1);
    for (int64_t i = 0; i < n; i++) {
        b->cost[i] = 0.5 + 3 * cull__rng_unit(&r);
        b->group[i] = (int32_t)cull__rng_below(&r, 3);
        b->avoid[i] = cull__rng_below(&r, 6) == 0;
        b->have[i] = cull__rng_below(&r, 15) == 0;
    }
    ok(cx, cull_pool_from(cx, b->x, CULL_F32, n, d, &b->pool));
    ok(cx, cull_pool_from(cx, b->q, CULL_F32, b->m, d, &b->other));
    b->p = (cull_data_problem){
        .n = n, .pool = b->pool, .target = b->other, .against = b->other, .budget = budget};
    if (parts & COSTS) b->p.cost = b->cost;
    if (parts & AVOID) b->p.avoid = b->avoid;
    if (parts & HAVE) b->p.have = b->have;
    for (int g = 0; g < 3; g++) b->quota[g] = budget * (0.2 + 0.2 * g);
    if (parts & QUOTAS) b->p.group = b->group, b->p.groups = 3, b->p.quota = b->quota;
    return b;
}

static inline void gain_free(gain_problem *b)
{
    cull_pool_free(b->pool), cull_pool_free(b->other);
    free(b->x), free(b->q), free(b->cost), free(b->group), free(b->avoid), free(b->have);
    free(b);
}

/* set: "name=value name=value" */
static inline cull_pick gain_pick(cull_ctx *cx, const char *slug, const char *set,
                                  const cull_data_problem *p)
{
    const cull_method *m = cull_method_find(slug, NULL);
    char list[256];
    cull_opts *o;
    cull_pick k;
    assert_non_null(m);
    ok(cx, cull_opts_new(cx, m, &o));
    snprintf(list, sizeof list, "%s", set);
    for (char *s = strtok(list, " "); s; s = strtok(NULL, " ")) {
        char *eq = strchr(s, '=');
        *eq = 0;
        ok(cx, cull_opts_set(cx, o, s, eq + 1));
    }
    ok(cx, cull_data_pick(cx, m, o, p, &k));
    cull_opts_free(o);
    return k;
}

static inline void same_as(const cull_pick *a, const cull_pick *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->idx, b->idx, (size_t)a->n * sizeof *a->idx);
    assert_memory_equal(a->score, b->score, (size_t)a->n * sizeof *a->score);
}

static inline double cost_at(const cull_data_problem *p, int64_t i)
{
    return p->cost ? p->cost[i] : 1;
}

static inline bool gain_fits(const cull_data_problem *p, const uint8_t *in, double spent,
                             const double *used, int64_t i)
{
    double c = cost_at(p, i);
    return !in[i] && !(p->avoid && p->avoid[i]) && !(p->have && p->have[i]) &&
           spent + c <= p->budget && (!p->quota || used[p->group[i]] + c <= p->quota[p->group[i]]);
}

/* Every step takes a row of most gain (for its cost if `ratio`) of all that fit, and says the gain. */
static inline void gain_replay(const cull_data_problem *p, const cull_pick *k, set_value *f,
                               bool ratio, double slack)
{
    uint8_t *in = calloc((size_t)p->n, 1);
    double spent = 0, used[3] = {0};
    for (int64_t i = 0; i < p->n; i++) in[i] = p->have && p->have[i];
    for (int64_t at = 0;; at++) {
        double now = f(p, in), most = -INFINITY, got = 0;
        for (int64_t i = 0; i < p->n; i++) {
            if (!gain_fits(p, in, spent, used, i)) continue;
            in[i] = 1;
            double gain = f(p, in) - now, key = ratio ? gain / cost_at(p, i) : gain;
            in[i] = 0;
            if (key > most) most = key;
            if (at < k->n && k->idx[at] == i) got = gain;
        }
        if (most == -INFINITY) {
            assert_int_equal(at, k->n);
            break;
        }
        assert_true(at < k->n);
        int64_t i = k->idx[at];
        assert_true(gain_fits(p, in, spent, used, i));
        double key = ratio ? got / cost_at(p, i) : got;
        if (!(key >= most - slack))
            fail_msg("step %d took row %d of gain %g; another has %g", (int)at, (int)i, key, most);
        if (!(fabs(k->score[at] - got) <= slack))
            fail_msg("step %d: score %g, gain %g", (int)at, k->score[at], got);
        in[i] = 1;
        spent += cost_at(p, i);
        if (p->quota) used[p->group[i]] += cost_at(p, i);
    }
    assert_true(spent == k->spent);
    free(in);
}

/* Over all subsets that fit: the value of the pick is at least 1 - 1/e of the best (equal costs). */
static inline void gain_exhaustive(const cull_data_problem *p, const cull_pick *k, set_value *f)
{
    uint8_t in[16] = {0};
    double most = 0, got, none = f(p, in);
    for (uint32_t set = 0; set < 1u << p->n; set++) {
        if (__builtin_popcount(set) > (int)p->budget) continue;
        for (int64_t i = 0; i < p->n; i++) in[i] = set >> i & 1;
        double v = f(p, in) - none;
        if (v > most) most = v;
    }
    memset(in, 0, sizeof in);
    for (int64_t j = 0; j < k->n; j++) in[k->idx[j]] = 1;
    got = f(p, in) - none;
    assert_true(got >= (1 - exp(-1)) * most - 1e-6);
    assert_true(got <= most + 1e-6);
}

/* The same rows and scores, lazy or naive, by any number of threads, on any instruction set. */
static inline void gain_all_alike(const char *slug, const char *set, const cull_data_problem *p)
{
    static const char *const isas[] = ISA_NAMES;
    char naive[256];
    cull_pick first = {0};
    snprintf(naive, sizeof naive, "%s optimizer=naive", set);
    for (int way = 0; way < 6; way++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = way < 3 ? 1 + way : 2;
        o.isa = way < 3 ? NULL : isas[way - 3];
        cull_ctx *cx = cull_ctx_new(&o);
        if (!cx) continue; /* not on this machine */
        cull_pick lazy = gain_pick(cx, slug, set, p), all = gain_pick(cx, slug, naive, p);
        same_as(&lazy, &all);
        cull_pick_free(&all);
        if (!way) first = lazy;
        same_as(&first, &lazy);
        if (way) cull_pick_free(&lazy);
        cull_ctx_free(cx);
    }
    cull_pick_free(&first);
}

/* A draw as large as the pool is the pool; smaller draws follow the seed. */
static inline void gain_stochastic(const char *slug, const char *set, const cull_data_problem *p)
{
    char all[256], some[256];
    snprintf(all, sizeof all, "%s optimizer=stochastic epsilon=1e-9", set);
    snprintf(some, sizeof some, "%s optimizer=stochastic epsilon=0.5", set);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_data_problem few = *p;
    few.budget = 10; /* n / 10 ln 1e9 > n */
    cull_pick a = gain_pick(cx, slug, set, &few), b = gain_pick(cx, slug, all, &few);
    same_as(&a, &b);
    cull_pick one = gain_pick(cx, slug, some, p), again = gain_pick(cx, slug, some, p);
    same_as(&one, &again);
    cull_ctx_reseed(cx, 2);
    cull_pick two = gain_pick(cx, slug, some, p);
    assert_true(one.n != two.n || memcmp(one.idx, two.idx, (size_t)one.n * sizeof *one.idx));
    cull_pick_free(&a), cull_pick_free(&b), cull_pick_free(&one), cull_pick_free(&again);
    cull_pick_free(&two);
    cull_ctx_free(cx);
}

/* Plain loops over rows, as f64. */
static inline double row_dot(const float *a, const float *b, int64_t d)
{
    double s = 0;
    for (int64_t c = 0; c < d; c++) s += (double)a[c] * (double)b[c];
    return s;
}
static inline double row_dist2(const float *a, const float *b, int64_t d)
{
    double s = 0;
    for (int64_t c = 0; c < d; c++)
        s += ((double)a[c] - (double)b[c]) * ((double)a[c] - (double)b[c]);
    return s;
}
static inline double row_cos(const float *a, const float *b, int64_t d)
{
    double s = row_dot(a, a, d) * row_dot(b, b, d);
    return s > 0 ? row_dot(a, b, d) / sqrt(s) : 0;
}
static inline const float *row_of(const cull_pool *p, int64_t i)
{
    return cull_pool_rows(p, i, i + 1, NULL); /* f32 pools of memory */
}
/* ---- farthest first ---- */

typedef double gain_apart(const cull_data_problem *p, int64_t i, int64_t j);

static inline double gain_radius(const cull_data_problem *p, gain_apart *apart, const uint8_t *in,
                                 int64_t i)
{
    double least = INFINITY;
    for (int64_t j = 0; j < p->n; j++)
        if (in[j]) least = fmin(least, apart(p, i, j));
    return least;
}

/* Each row taken is as far from all before it as any that could be taken; where nothing is held, the
 * first is the one of most `first`, or any (NULL). */
static inline void gain_farthest(const cull_data_problem *p, const cull_pick *k, gain_apart *apart,
                                 double (*first)(const cull_data_problem *p, int64_t i))
{
    uint8_t *in = calloc((size_t)p->n, 1);
    double spent = 0, used[3] = {0};
    bool held = false;
    for (int64_t i = 0; i < p->n; i++) in[i] = p->have && p->have[i], held |= in[i];
    for (int64_t at = 0; at <= k->n; at++) {
        double most = -INFINITY, got = -INFINITY;
        for (int64_t i = 0; i < p->n; i++) {
            if (!gain_fits(p, in, spent, used, i)) continue;
            double far = at || held ? gain_radius(p, apart, in, i) : first ? first(p, i) : 0;
            if (far > most) most = far;
            if (at < k->n && k->idx[at] == i) got = far;
        }
        if (at == k->n) {
            assert_true(most == -INFINITY);
            break;
        }
        assert_true(got >= most - 1e-6);
        if (at || held) assert_true(fabs(k->score[at] - got) < 1e-6);
        in[k->idx[at]] = 1;
        spent += cost_at(p, k->idx[at]);
        if (p->quota) used[p->group[k->idx[at]]] += cost_at(p, k->idx[at]);
    }
    free(in);
}
#endif
