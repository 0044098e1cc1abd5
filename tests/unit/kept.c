/* choose: the best set to keep, by trying all and by dropping one after another. */
#include "test.h"

#include "choose/kept.h"

enum { MOST = 20 };
typedef struct {
    int n;
    double q[MOST][MOST];
} problem;

/* |sum of what is dropped|^2 in a random quadratic form: sets interact. */
static double loss(const void *arg, const uint8_t *kept)
{
    const problem *p = arg;
    double s = 0;
    for (int i = 0; i < p->n; i++)
        for (int j = 0; j < p->n; j++)
            if (!kept[i] && !kept[j]) s += p->q[i][j];
    return s;
}

static void make(problem *p, int n, uint64_t seed)
{
    double x[MOST][6];
    cull_rng r = cull__rng_seeded(seed, 0);
    p->n = n;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 6; c++) x[i][c] = cull__rng_normal(&r);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            p->q[i][j] = 0;
            for (int c = 0; c < 6; c++) p->q[i][j] += x[i][c] * x[j][c];
        }
}

/* The least over all subsets, by their bits. */
static double least(const problem *p, int k)
{
    double best = INFINITY;
    for (unsigned set = 0; set < 1u << p->n; set++) {
        uint8_t kept[MOST];
        if (__builtin_popcount(set) != k) continue;
        for (int i = 0; i < p->n; i++) kept[i] = set >> i & 1;
        double l = loss(p, kept);
        if (l < best) best = l;
    }
    return best;
}

static void every_set(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int round = 0; round < 12; round++) {
        problem p;
        make(&p, 8, (uint64_t)round);
        for (int k = 1; k <= 8; k++) {
            uint8_t kept[MOST];
            double l;
            bool exact;
            cull__kept_opts o = {.most = 70, .beam = 1};
            ok(cx, cull__kept_best(cx, 8, k, loss, &p, &o, kept, &l, &exact));
            assert_true(exact);
            assert_true(l == least(&p, k) && l == loss(&p, kept));
            int size = 0;
            for (int i = 0; i < 8; i++) size += kept[i];
            assert_int_equal(size, k);
        }
    }
    cull_ctx_free(cx);
}

/* A beam that holds every set of a size finds the best; greedy finds less, and never more than it says. */
static void beams(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    int worse = 0;
    for (int round = 0; round < 20; round++) {
        problem p;
        uint8_t kept[MOST];
        double l, g;
        bool exact;
        make(&p, 9, 100 + (uint64_t)round);
        cull__kept_opts o = {.most = 5, .beam = 126};
        ok(cx, cull__kept_best(cx, 9, 4, loss, &p, &o, kept, &l, &exact));
        assert_true(!exact && l == least(&p, 4));
        o.beam = 1;
        ok(cx, cull__kept_best(cx, 9, 4, loss, &p, &o, kept, &g, &exact));
        assert_true(g == loss(&p, kept) && g >= l);
        worse += g > l;
    }
    assert_true(worse > 0);
    cull_ctx_free(cx);
}

static double none(const void *arg, const uint8_t *kept)
{
    (void)kept;
    return *(const double *)arg;
}

static void ties_threads_refusals(void **state)
{
    (void)state;
    double flat = 1, l, nan = NAN;
    bool exact;
    uint8_t kept[2][MOST];
    for (int beam = 0; beam < 2; beam++) /* all alike: the first ones stay */
        for (int t = 0; t < 2; t++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, t + 1);
            cull__kept_opts o = {.most = beam ? 1 : 1000, .beam = 3};
            ok(cx, cull__kept_best(cx, 7, 3, none, &flat, &o, kept[t], &l, &exact));
            for (int i = 0; i < 7; i++) assert_int_equal(kept[t][i], i < 3);
            problem p;
            make(&p, MOST, 7);
            ok(cx, cull__kept_best(cx, MOST, 5, loss, &p, &o, kept[t], &l, &exact));
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (t) assert_memory_equal(kept[0], kept[1], MOST);
        }
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__kept_opts o = {.most = 1000, .beam = 3};
    refused(cx, cull__kept_best(cx, 7, 0, none, &flat, &o, kept[0], &l, &exact), CULL_EOPTION,
            "0 of 7");
    refused(cx, cull__kept_best(cx, 7, 8, none, &flat, &o, kept[0], &l, &exact), CULL_EOPTION,
            "8 of 7");
    refused(cx, cull__kept_best(cx, 7, 3, none, &nan, &o, kept[0], &l, &exact), CULL_EINPUT,
            "no number");
    cull_ctx_free(cx);
    for (long at = 2; at < 60; at++) {
        hooks h = {.fail_at = at / 2};
        if (!(cx = hooked_ctx(&h, 1))) continue;
        o.most = at % 2 ? 1 : 1000; /* both ways */
        cull_status s = cull__kept_best(cx, 7, 3, none, &flat, &o, kept[0], &l, &exact);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    hooks h = {.stop_at = 1};
    cx = hooked_ctx(&h, 1);
    problem p;
    make(&p, MOST, 7);
    o.most = 100000;
    assert_int_equal(cull__kept_best(cx, MOST, 5, loss, &p, &o, kept[0], &l, &exact), CULL_ECANCEL);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_set), cmocka_unit_test(beams),
                                       cmocka_unit_test(ties_threads_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
