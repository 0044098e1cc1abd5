/* color-filter: by hand, ties, tau, the companion rule, and the Neyman-Pearson AUC of exact models. */
#include "test.h"

#include "base/base.h"
#include "cull/data.h"

static cull_pick pick(cull_ctx *cx, const double *prior, const double *cond, int64_t n,
                      double budget, const char *tau, const char *rule)
{
    const char *names[] = {"loss_cond", "loss_prior"};
    const double *cols[] = {cond, prior};
    const cull_method *m = cull_method_find("color-filter", NULL);
    cull_data_problem p = {.n = n, .score = {n, 2, names, cols}, .budget = budget};
    cull_opts *o;
    cull_pick k;
    ok(cx, cull_opts_new(cx, m, &o));
    if (tau) ok(cx, cull_opts_set(cx, o, "tau", tau));
    if (rule) ok(cx, cull_opts_set(cx, o, "rule", rule));
    ok(cx, cull_data_pick(cx, m, o, &p, &k));
    cull_opts_free(o);
    return k;
}

static void by_hand(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const double prior[] = {3.0, 2.0, 2.5, 4.0, 1.0}, cond[] = {2.0, 2.0, 2.375, 1.0, 0.5};
    cull_pick k = pick(cx, prior, cond, 5, 3, NULL, NULL); /* gains 1, 0, 1/8, 3, 1/2 */
    assert_true(k.n == 3 && k.idx[0] == 3 && k.idx[1] == 0 && k.idx[2] == 4);
    assert_true(k.score[0] == 3 && k.score[1] == 1 && k.score[2] == 0.5);
    cull_pick_free(&k);
    k = pick(cx, prior, cond, 5, 3, NULL, "conditional");
    assert_true(k.idx[0] == 4 && k.idx[1] == 3 && k.idx[2] == 0 && k.score[2] == -2);
    cull_pick_free(&k);
    k = pick(cx, prior, prior, 5, 4, NULL,
             NULL); /* one model: all gains are 0, the order is the pool's */
    for (int i = 0; i < 4; i++) assert_true(k.idx[i] == i && k.score[i] == 0);
    cull_pick_free(&k);
    const char *names[] = {"loss_prior"};
    const double *cols[] = {prior};
    cull_data_problem p = {.n = 5, .score = {5, 1, names, cols}, .budget = 2};
    refused(cx, cull_data_pick(cx, cull_method_find("color_filter", NULL), NULL, &p, &k),
            CULL_EINPUT, "color-filter needs a score column 'loss_cond'");
    cull_ctx_free(cx);
}

/* The best k of tau k random candidates: the expected share of the pool's top is known. */
static void candidates(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { N = 1000, KEEP = 10, TAU = 20, SEEDS = 300 };
    double prior[N], cond[N];
    int64_t chosen[N] = {0}, best = 0;
    for (int i = 0; i < N; i++) prior[i] = 1 + (i * 7 % N) / (double)N, cond[i] = 1;
    for (int seed = 0; seed < SEEDS; seed++) {
        cull_ctx_reseed(cx, (uint64_t)seed);
        cull_pick k = pick(cx, prior, cond, N, KEEP, "20", NULL);
        assert_int_equal(k.n, KEEP);
        for (int i = 0; i < KEEP; i++) {
            chosen[k.idx[i]]++;
            assert_true(i == 0 || k.score[i] < k.score[i - 1]);
            best += k.score[i] >= (N - KEEP) / (double)N;
        }
        cull_pick_free(&k);
    }
    /* each of the best 10 is a candidate, and then kept, with chance 200/1000 */
    double mean = SEEDS * KEEP * (KEEP * TAU) / (double)N;
    assert_true(fabs((double)best - mean) < 4 * sqrt(mean * 0.8));
    cull_pick all = pick(cx, prior, cond, N, KEEP, "100", NULL),
              whole = pick(cx, prior, cond, N, KEEP, "0", NULL);
    assert_memory_equal(all.idx, whole.idx, KEEP * sizeof *all.idx);
    cull_pick_free(&all), cull_pick_free(&whole);
    cull_ctx_free(cx);
}

/* Two coins known exactly: the gain is the log-likelihood ratio a token, so the share of pairs that
 * it orders rightly is the Neyman-Pearson AUC, which a sum over both binomials gives. */
static void likelihood_ratio(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { N = 4000, T = 32 };
    const double pa = 0.5, pb = 0.6;
    static double prior[N], cond[N], pmf[2][T + 1];
    static bool target[N];
    cull_rng r = cull__rng(cx, 3);
    for (int h = 0; h <= T; h++) {
        double c = lgamma(T + 1) - lgamma(h + 1) - lgamma(T - h + 1);
        pmf[0][h] = exp(c + h * log(pa) + (T - h) * log(1 - pa));
        pmf[1][h] = exp(c + h * log(pb) + (T - h) * log(1 - pb));
    }
    double auc = 0, got = 0, pairs = 0;
    for (int a = 0; a <= T; a++)
        for (int b = 0; b <= T; b++) auc += pmf[0][a] * pmf[1][b] * (b > a ? 1 : b == a ? 0.5 : 0);
    for (int i = 0; i < N; i++) {
        target[i] = cull__rng_below(&r, 4) == 0;
        int heads = 0;
        for (int t = 0; t < T; t++) heads += cull__rng_unit(&r) < (target[i] ? pb : pa);
        prior[i] = -(heads * log(pa) + (T - heads) * log(1 - pa)) / T;
        cond[i] = -(heads * log(pb) + (T - heads) * log(1 - pb)) / T;
    }
    cull_pick k = pick(cx, prior, cond, N, N, NULL, NULL);
    for (int64_t i = 0; i < N; i++)
        for (int64_t j = i + 1; j < N; j++) {
            if (target[k.idx[i]] == target[k.idx[j]]) continue;
            pairs++;
            got += fabs(k.score[i] - k.score[j]) < 1e-12 ? 0.5 : target[k.idx[i]];
        }
    assert_true(fabs(got / pairs - auc) < 0.03); /* three standard errors or so */
    assert_true(got / pairs > 0.75);
    cull_pick_free(&k);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(candidates),
                                       cmocka_unit_test(likelihood_ratio)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
