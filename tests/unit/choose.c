/* choose: order and top-k against qsort, draws against their weights, shares against the definition,
 * the ledger, best first against a full sort, rounds over clusters. */
#include "test.h"

#include "choose/choose.h"
#include "cull/data.h"

/* ---- an order that is slow and plain ---- */

static const double *sorting;
static int before(const void *a, const void *b)
{
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    if (sorting[i] != sorting[j]) return sorting[i] > sorting[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

static int64_t *sorted(const double *v, int64_t n)
{
    int64_t *o = malloc((size_t)n * sizeof *o);
    for (int64_t i = 0; i < n; i++) o[i] = i;
    sorting = v;
    qsort(o, (size_t)n, sizeof *o, before);
    return o;
}

/* Values of every kind: normals, ties, both zeros, tiny, huge, infinite. */
static double *values(cull_rng *r, int64_t n)
{
    double *v = malloc((size_t)n * sizeof *v);
    for (int64_t i = 0; i < n; i++) {
        switch (cull__rng_below(r, 8)) {
        case 0: v[i] = (double)cull__rng_below(r, 5) - 2; break;
        case 1: v[i] = cull__rng_below(r, 2) ? 0.0 : -0.0; break;
        case 2: v[i] = cull__rng_normal(r) * 1e300; break;
        case 3: v[i] = cull__rng_normal(r) * 5e-324; break;
        case 4:
            v[i] = cull__rng_below(r, 50) ? 1 : cull__rng_below(r, 2) ? INFINITY : -INFINITY;
            break;
        default: v[i] = cull__rng_normal(r);
        }
    }
    return v;
}

static void order(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_rng r = cull__rng(cx, 5);
    for (int trial = 0; trial < 60; trial++) {
        int64_t n = 1 + cull__rng_below(&r, trial < 40 ? 40 : 5000), *got = malloc(5000 * 8);
        double *v = values(&r, n);
        int64_t *want = sorted(v, n);
        ok(cx, cull__order(cx, v, n, got));
        assert_memory_equal(got, want, (size_t)n * sizeof *got);
        for (int64_t k = 0; k <= n; k += 1 + n / 7) {
            ok(cx, cull__topk(cx, v, n, k, got));
            assert_memory_equal(got, want, (size_t)k * sizeof *got);
        }
        for (int64_t i = 0; i < n; i++) assert_true(cull__rank_score(cull__rank_key(v[i])) == v[i]);
        free(v), free(want), free(got);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- draws ---- */

static double chi_square(const int64_t *count, const double *share, int64_t k, double draws)
{
    double chi = 0;
    for (int64_t j = 0; j < k; j++)
        chi += pow((double)count[j] - draws * share[j], 2) / (draws * share[j]);
    return chi;
}

static void samples(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 1);
    enum { N = 6, M = 2, PAIRS = N * (N - 1), DRAWS = 100000 };
    int64_t ordered[PAIRS] = {0}, marked[N * N] = {0}, sets[15] = {0}, out[N];
    double even[PAIRS];
    uint8_t mark[N];
    for (int i = 0; i < DRAWS; i++) {
        ok(cx, cull__sample(cx, &r, N, M, out)); /* each ordered pair is as likely */
        assert_true(out[0] != out[1]);
        ordered[out[0] * (N - 1) + (out[1] > out[0] ? out[1] - 1 : out[1])]++;
        cull__sample_mark(&r, N, M, mark);
        int where[N], k = 0;
        for (int j = 0; j < N; j++)
            if (mark[j]) where[k++] = j;
        assert_int_equal(k, M);
        marked[where[0] * N + where[1]]++;
    }
    for (int j = 0; j < PAIRS; j++) even[j] = 1.0 / PAIRS;
    assert_true(chi_square(ordered, even, PAIRS, DRAWS) < 58.3); /* 29 degrees, p = 0.001 */
    int s = 0;
    for (int a = 0; a < N; a++)
        for (int b = a + 1; b < N; b++) sets[s++] = marked[a * N + b];
    for (int j = 0; j < 15; j++) even[j] = 1.0 / 15;
    assert_true(chi_square(sets, even, 15, DRAWS) < 36.1); /* 14 degrees */
    cull__sample_mark(&r, N, N, mark);
    for (int j = 0; j < N; j++) assert_int_equal(mark[j], 1);
    cull__sample_mark(&r, N, 0, mark);
    for (int j = 0; j < N; j++) assert_int_equal(mark[j], 0);
    cull_ctx_free(cx);
}

/* The first two of a draw without replacement: P(a, b) = w_a w_b / (1 - w_a). */
static void weighted(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 2);
    enum { N = 5, DRAWS = 100000 };
    static const double w[N] = {0.4, 0.3, 0.15, 0.1, 0.05};
    double logw[N], share[N * (N - 1)];
    int64_t order_[N], count[N * (N - 1)] = {0};
    for (int i = 0; i < N; i++) logw[i] = log(w[i]) + 700; /* only differences matter */
    int s = 0;
    for (int a = 0; a < N; a++)
        for (int b = 0; b < N; b++)
            if (a != b) share[s++] = w[a] * w[b] / (1 - w[a]);
    for (int i = 0; i < DRAWS; i++) {
        ok(cx, cull__weighted_order(cx, &r, logw, N, order_));
        int64_t a = order_[0], b = order_[1];
        count[a * (N - 1) + (b > a ? b - 1 : b)]++;
    }
    assert_true(chi_square(count, share, N * (N - 1), DRAWS) < 43.8); /* 19 degrees, p = 0.001 */
    cull_ctx_free(cx);
}

/* ---- shares ---- */

static void apportion(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 3);
    for (int trial = 0; trial < 3000; trial++) {
        enum { MOST = 12 };
        int64_t k = 1 + cull__rng_below(&r, MOST), cap[MOST], share[MOST], room = 0, got = 0;
        int64_t total = cull__rng_below(&r, trial % 2 ? 40 : (int64_t)1 << 50);
        double w[MOST], sum = 0;
        bool roomy = trial % 3 == 0;
        for (int64_t j = 0; j < k; j++) {
            w[j] = cull__rng_below(&r, 4) ? pow(10, 6 * cull__rng_unit(&r) - 3) : 0;
            cap[j] = roomy ? total : cull__rng_below(&r, total + 2);
            room += cap[j];
            sum += w[j];
        }
        ok(cx, cull__apportion(cx, w, cap, k, total, share));
        int64_t open_weight = 0;
        for (int64_t j = 0; j < k; j++) {
            got += share[j];
            assert_in_range(share[j], 0, cap[j]);
            open_weight += w[j] > 0 && share[j] < cap[j];
        }
        assert_int_equal(got, room < total ? room : total);
        for (int64_t j = 0; j < k; j++) /* the weightless come last */
            if (w[j] == 0 && share[j] > 0) assert_int_equal(open_weight, 0);
        for (int64_t j = 0; roomy && sum > 0 && j < k; j++) { /* the quota rule */
            double exact = (double)total * w[j] / sum;
            assert_true(fabs((double)share[j] - exact) < 1 + 1e-9 * exact);
        }
        /* among those with room, nobody is behind another by more than a seat and the rounding */
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < k; j++)
                if (w[i] > 0 && w[j] > 0 && share[i] < cap[i] && share[j] > 0)
                    assert_true((double)share[j] / w[j] - (double)share[i] / w[i] <=
                                (2 + 1e-9 * (double)total) * (1 / w[i] + 1 / w[j]));
    }
    /* largest remainders by hand: 2.5, 1.5, 1 of 5 -> 3, 1, 1 (a tie goes to the first) */
    static const double w[] = {5, 3, 2};
    static const int64_t cap[] = {9, 9, 9}, tight[] = {1, 9, 0};
    int64_t share[3];
    ok(cx, cull__apportion(cx, w, cap, 3, 5, share));
    assert_true(share[0] == 3 && share[1] == 1 && share[2] == 1);
    ok(cx, cull__apportion(cx, w, tight, 3, 5, share));
    assert_true(share[0] == 1 && share[1] == 4 && share[2] == 0);
    cull_ctx_free(cx);
}

/* ---- the ledger ---- */

static void ledger(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const double cost[] = {5, 2, 2, 1, 3}, quota[] = {4, 100};
    static const int32_t group[] = {1, 0, 0, 0, 1};
    static const uint8_t avoid[] = {0, 0, 0, 1, 0};
    cull_data_problem p = {.n = 5, .cost = cost, .budget = 9};
    cull__taker t;
    cull_pick k;
    ok(cx, cull__taker_new(cx, &p, &t));
    assert_int_equal(t.cap, 5);
    assert_true(cull__take(&t, 0, 0.5, 7));
    assert_false(cull__take(&t, 0, 0.5, 7)); /* taken */
    assert_true(cull__take(&t, 4, 0.25, -1));
    assert_false(cull__take(&t, 1, 0, 0)); /* 5 + 3 + 2 > 9 */
    assert_false(cull__taker_full(&t));
    assert_true(cull__take(&t, 3, 0, 0));
    assert_true(cull__taker_full(&t));
    ok(cx, cull__taker_pick(cx, &t, "cluster", &k));
    assert_true(k.n == 3 && k.idx[0] == 0 && k.idx[1] == 4 && k.idx[2] == 3);
    assert_true(k.spent == 9 && k.by[0] == 7 && k.score[1] == 0.25);
    assert_string_equal(k.by_what, "cluster");
    cull_pick_free(&k);

    p.group = group, p.groups = 2, p.quota = quota, p.avoid = avoid;
    ok(cx, cull__taker_new(cx, &p, &t));
    assert_false(cull__take(&t, 3, 0, 0)); /* avoided */
    assert_true(cull__take(&t, 1, 0, 0));
    assert_true(cull__take(&t, 2, 0, 0));
    assert_true(t.used[0] == 4 && !cull__can_take(&t, 3));
    assert_true(cull__take(&t, 0, 0, 0));
    assert_true(cull__taker_full(&t));

    /* sums of tenths are rounded: 0.1 + ... + 0.1 = 0.7 fits, though 0.7 / 0.1 < 7 */
    static const double tenth[] = {.1, .1, .1, .1, .1, .1, .1, .1};
    double spent = 0;
    for (int i = 0; i < 7; i++) spent += .1;
    cull_data_problem q = {.n = 8, .cost = tenth, .budget = spent};
    ok(cx, cull__taker_new(cx, &q, &t));
    for (int i = 0; i < 7; i++) assert_true(cull__take(&t, i, 0, 0));
    assert_false(cull__take(&t, 7, 0, 0));
    assert_int_equal(cull__max_picks(NULL, 8, 3.9), 3);
    assert_int_equal(cull__max_picks(NULL, 8, 0.9), 0);
    assert_int_equal(cull__max_picks(NULL, 8, 1e300), 8);
    cull_ctx_free(cx);
}

static void negate(const void *arg, int64_t lo, int64_t hi, double *out)
{
    for (int64_t i = lo; i < hi; i++) out[i - lo] = -((const double *)arg)[i];
}

/* Best first = offering all in sorted order, whatever the costs and the quotas. */
static void best_first(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 8);
    enum { N = 20000, G = 5 };
    double *v = values(&r, N), *cost = malloc(N * 8), *neg = malloc(N * 8), quota[G];
    int32_t *group = malloc(N * 4), *by = malloc(N * 4);
    uint8_t *avoid = malloc(N);
    for (int trial = 0; trial < 24; trial++) {
        for (int i = 0; i < N; i++) {
            cost[i] = trial & 1 ? pow(10, 4 * cull__rng_unit(&r)) : 1 + (double)(i % 3);
            neg[i] = -v[i];
            group[i] = (int32_t)cull__rng_below(&r, G);
            by[i] = i % 17;
            avoid[i] = trial & 2 && cull__rng_below(&r, 3) == 0;
        }
        /* in some trials the best are the dearest, so that many passes are needed */
        if (trial % 5 == 0)
            for (int i = 0; i < N; i++) cost[i] = 1 + fabs(v[i] > 1e9 ? 1e9 : v[i]) * 1e3;
        cull_data_problem p = {.n = N, .budget = trial % 4 ? 3e4 : 777, .avoid = avoid};
        if (trial % 3) p.cost = cost;
        if (trial & 4) p.group = group, p.groups = G, p.quota = quota;
        for (int g = 0; g < G; g++) quota[g] = p.budget * (g == 0 ? 0 : 0.1 * g);
        cull__taker want, got;
        ok(cx, cull__taker_new(cx, &p, &want));
        ok(cx, cull__taker_new(cx, &p, &got));
        int64_t *o = sorted(trial & 1 ? neg : v, N);
        for (int i = 0; i < N; i++) cull__take(&want, o[i], (trial & 1 ? neg : v)[o[i]], by[o[i]]);
        ok(cx, cull__take_best(cx, &got, trial & 1 ? negate : NULL, v, by));
        assert_int_equal(got.count, want.count);
        assert_memory_equal(got.idx, want.idx, (size_t)got.count * 8);
        assert_memory_equal(got.by, want.by, (size_t)got.count * 4);
        for (int64_t i = 0; i < got.count; i++) assert_true(got.score[i] == want.score[i]);
        assert_true(got.spent == want.spent);
        free(o);
    }
    free(v), free(cost), free(neg), free(group), free(by), free(avoid);
    cull_ctx_free(cx);
}

/* ---- rounds ---- */

enum { ROWS = 1000, K = 4 };
static const int64_t size[K] = {700, 200, 90, 10};

static void clusters(int32_t *assign, double *logw, cull_rng *r)
{
    int i = 0;
    for (int j = 0; j < K; j++)
        for (int64_t m = 0; m < size[j]; m++) assign[i++] = j;
    for (int a = ROWS - 1; a > 0; a--) {
        int64_t b = cull__rng_below(r, a + 1);
        int32_t t = assign[a];
        assign[a] = assign[b];
        assign[b] = t;
    }
    for (int a = 0; a < ROWS; a++) logw[a] = cull__rng_normal(r);
}

static void rounds(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 9);
    int32_t assign[ROWS];
    double logw[ROWS], cost[ROWS], even[K] = {.25, .25, .25, .25}, none_last[K] = {1, 0, 1, 0};
    clusters(assign, logw, &r);
    cull_data_problem p = {.n = ROWS, .budget = 200};
    cull__taker t;
    int64_t count[K] = {0};
    ok(cx, cull__taker_new(cx, &p, &t)); /* 50 each, but the last has 10: 64, 63, 63, 10 */
    ok(cx, cull__cluster_draw(cx, &t, &r, assign, K, even, logw, 1e9));
    assert_int_equal(t.count, 200);
    for (int64_t i = 0; i < t.count; i++) {
        assert_int_equal(t.by[i], assign[t.idx[i]]);
        assert_true(t.score[i] == logw[t.idx[i]]);
        count[t.by[i]]++;
    }
    assert_true(count[0] == 64 && count[1] == 63 && count[2] == 63 && count[3] == 10);
    for (int i = 0; i < 40; i++) assert_int_equal(t.by[i], i % 4); /* they take turns */

    ok(cx, cull__taker_new(cx, &p, &t)); /* two rounds share one ledger */
    ok(cx, cull__cluster_draw(cx, &t, &r, assign, K, none_last, NULL, 150));
    assert_int_equal(t.count, 150);
    ok(cx, cull__cluster_draw(cx, &t, &r, assign, K, none_last, NULL, 150));
    assert_int_equal(t.count, 200);
    memset(count, 0, sizeof count);
    for (int64_t i = 0; i < t.count; i++) count[assign[t.idx[i]]]++;
    assert_true(count[0] == 110 && count[2] == 90 && count[1] + count[3] == 0);

    for (int i = 0; i < ROWS; i++) cost[i] = 1 + 9 * cull__rng_unit(&r);
    p.cost = cost;
    double each[K] = {0};
    ok(cx, cull__taker_new(cx, &p, &t));
    ok(cx, cull__cluster_draw(cx, &t, &r, assign, K, even, NULL, 1e9));
    for (int64_t i = 0; i < t.count; i++) each[t.by[i]] += cost[t.idx[i]];
    assert_true(t.spent <= 200 && t.spent > 198.5); /* filled, nothing that still fits is left */
    for (int64_t i = 0; i < ROWS; i++) assert_false(cull__can_take(&t, i));
    for (int j = 0; j < 3; j++) assert_true(fabs(each[j] - (200 - each[3]) / 3) < 10);

    p.cost = NULL, p.budget = 1e6; /* more than there is */
    ok(cx, cull__taker_new(cx, &p, &t));
    ok(cx, cull__cluster_draw(cx, &t, &r, assign, K, even, NULL, 1e9));
    assert_int_equal(t.count, ROWS);
    cull_ctx_free(cx);
}

/* A cluster of three, one drawn: frequencies follow exp(logw). */
static void round_chances(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 10);
    static const int32_t assign[] = {1, 0, 1, 0, 1};
    static const double logw[] = {0, 5, 1, 5, -1}, weight[] = {0, 1};
    cull_data_problem p = {.n = 5, .budget = 1};
    double share[3] = {1, exp(1), exp(-1)}, sum = share[0] + share[1] + share[2];
    int64_t count[3] = {0};
    for (int i = 0; i < 3; i++) share[i] /= sum;
    for (int i = 0; i < 100000; i++) {
        cull__mark_t m = cull__mark(cx);
        cull__taker t;
        ok(cx, cull__taker_new(cx, &p, &t));
        ok(cx, cull__cluster_draw(cx, &t, &r, assign, 2, weight, logw, 1));
        assert_int_equal(assign[t.idx[0]], 1);
        count[t.idx[0] / 2]++;
        cull__release(cx, m);
    }
    assert_true(chi_square(count, share, 3, 1e5) < 13.9); /* 2 degrees, p = 0.001 */
    cull_ctx_free(cx);
}

static void reweigh(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const int32_t assign[] = {0, 0, 1, 2};
    static const int64_t idx[] = {1, 0, 2};
    static const double value[] = {0.5, -0.1, -0.8};
    double w[] = {0.5, 0.3, 0.2}, want[3], s[] = {0.2, -0.8, -0.3}, sum = 0;
    for (int j = 0; j < 3; j++) sum += want[j] = w[j] * exp(s[j] / 0.7);
    ok(cx, cull__cluster_reweigh(cx, assign, 3, idx, value, 3, 0.7, w));
    for (int j = 0; j < 3; j++) assert_true(fabs(w[j] - want[j] / sum) < 1e-15);
    double none[] = {0.5, 0.3, 0.2}; /* without feedback nothing changes */
    ok(cx, cull__cluster_reweigh(cx, assign, 3, idx, value, 0, 1, none));
    assert_true(fabs(none[0] - 0.5) < 1e-15 && fabs(none[2] - 0.2) < 1e-15);
    cull_ctx_free(cx);
}

/* Against the definition, written out; a row alone in its cluster counts 0. */
static void silhouette(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    enum { N = 150, D = 5, C = 6 };
    float x[N * D];
    int32_t assign[N];
    double want = 0, got;
    cull_rng r = cull__rng(cx, 12);
    for (int i = 0; i < N; i++) {
        assign[i] = i == 0 ? 5 : (int32_t)cull__rng_below(&r, 4); /* 5 has one row, 4 none */
        for (int j = 0; j < D; j++) x[i * D + j] = (float)(cull__rng_normal(&r) + assign[i]);
    }
    for (int i = 1; i < N; i++) {
        double sum[C] = {0}, count[C] = {0}, b = INFINITY;
        for (int m = 0; m < N; m++) {
            double square = 0;
            for (int j = 0; j < D; j++)
                square += pow((double)x[i * D + j] - (double)x[m * D + j], 2);
            sum[assign[m]] += sqrt(square);
            count[assign[m]]++;
        }
        for (int c = 0; c < C; c++)
            if (c != assign[i] && count[c] > 0) b = fmin(b, sum[c] / count[c]);
        double a = sum[assign[i]] / (count[assign[i]] - 1);
        want += (b - a) / fmax(a, b) / N;
    }
    ok(cx, cull__silhouette(cx, x, N, D, assign, C, &got));
    assert_true(fabs(got - want) < 1e-6 && fabs(want) > 0.01);
    for (int i = 0; i < N; i++) assign[i] = 0;
    ok(cx, cull__silhouette(cx, x, N, D, assign, 1, &got));
    assert_true(got == 0);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),      cmocka_unit_test(samples),       cmocka_unit_test(weighted),
        cmocka_unit_test(apportion),  cmocka_unit_test(ledger),        cmocka_unit_test(best_first),
        cmocka_unit_test(rounds),     cmocka_unit_test(round_chances), cmocka_unit_test(reweigh),
        cmocka_unit_test(silhouette),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
