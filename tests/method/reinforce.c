/* reinforce.c - reinforce: its gradient against enumeration, and tasks whose answers are known. */
#include "searching.h"

#include "search/parts.h"

/* Three binary choices; theta of two tasks. Probabilities and gradients by their definition. */
enum { D = 3, N = 8 };
static double prob(const double theta[2 * D], int a, int j) /* of choice j of design a */
{
    double e0 = exp(theta[2 * j]), e1 = exp(theta[2 * j + 1]);
    return ((a >> j & 1) ? e1 : e0) / (e0 + e1);
}

static double whole(const double theta[2 * D], int a)
{
    double p = 1;
    for (int j = 0; j < D; j++) p *= prob(theta, a, j);
    return p;
}

static void gradient(void **state)
{
    (void)state;
    static const double theta[2][2 * D] = {{0.3, -0.2, 1.1, 0.4, -0.5, 0.2},
                                           {-0.6, 0.5, 0.1, 0, 0.9, -0.3}};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, D, "one(a, b)");
    cull__choices *c;
    cull__policy *p;
    ok(cx, cull__choices_new(cx, sp, 8, &c));
    ok(cx, cull__policy_new(cx, c, 2, &p));
    assert_int_equal(p->numbers, 2 * D);
    double want[2 * D] = {0}, sum[2 * D] = {0}, square[2 * D] = {0}, x[D];
    for (int a = 0; a < N; a++) /* task 0, reward sin a */
        for (int j = 0; j < 2 * D; j++)
            want[j] +=
                whole(theta[0], a) * sin(a) *
                (((a >> (j / 2) & 1) == (j & 1)) - prob(theta[0], (j & 1) << (j / 2), j / 2));
    cull_rng r = cull__rng(cx, 3);
    int draws = 40000, hit[N] = {0};
    for (int k = 0; k < draws; k++) { /* drawn from the mixture of both and uniform, weighed */
        memcpy(p->theta, theta, sizeof theta);
        double u = cull__rng_unit(&r);
        assert_true(cull__policy_draw(p, u < 0.1 ? -1 : u < 0.55 ? 0 : 1, &r, x));
        int a = (int)(x[0] + 2 * x[1] + 4 * x[2]);
        hit[a]++;
        double own = whole(theta[0], a), q = 0.1 / N + 0.45 * own + 0.45 * whole(theta[1], a);
        assert_true(fabs(cull__policy_log(p, 0, x) - log(own)) < 1e-12);
        assert_true(fabs(cull__policy_log(p, 1, x) - log(whole(theta[1], a))) < 1e-12);
        assert_true(fabs(cull__policy_log(p, -1, x) - log(1.0 / N)) < 1e-12);
        cull__policy_add(p, 0, x, own / q * sin(a));
        for (int j = 0; j < 2 * D; j++) {
            double g = p->theta[j] - theta[0][j];
            sum[j] += g / draws, square[j] += g * g / draws;
            assert_true(p->theta[2 * D + j] == theta[1][j]);
        }
    }
    for (int j = 0; j < 2 * D; j++) /* 3 standard errors */
        assert_true(fabs(sum[j] - want[j]) < 3 * sqrt((square[j] - sum[j] * sum[j]) / draws));
    for (int a = 0; a < N; a++) {
        double q = 0.1 / N + 0.45 * whole(theta[0], a) + 0.45 * whole(theta[1], a);
        assert_true(fabs(hit[a] - draws * q) < 4 * sqrt(draws * q * (1 - q)));
    }
    cull__policy_free(p);
    cull__choices_free(c);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* A subset's bounds and a permutation's items that are gone: probabilities of all designs have the
 * sum 1. */
static void what_is_not_open(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(
        cx,
        "s = subset(1..2 of 4)\no = permutation(a, b, c, d)\nc = optional { d = one(x, y, z) }\n");
    cull__choices *c;
    cull__policy *p;
    ok(cx, cull__choices_new(cx, sp, 8, &c));
    ok(cx, cull__policy_new(cx, c, 1, &p));
    for (int64_t i = 0; i < p->numbers; i++) p->theta[i] = sin(3.3 * (double)i);
    double x[10], sum = 0, even = 0;
    int n = 0;
    for (bool more = cull__space_first(sp, x); more; more = cull__space_next(sp, x), n++)
        sum += exp(cull__policy_log(p, 0, x)), even += exp(cull__policy_log(p, -1, x));
    assert_int_equal(n, (4 + 6) * 24 * 4);
    assert_true(fabs(sum - 1) < 1e-12 && fabs(even - 1) < 1e-12);
    cull__policy_free(p);
    cull__choices_free(c);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* Three tasks that want other values everywhere, one run: the last three designs are their answers,
 * but for a choice here and there that settled early. Of 90 choices 30 are right by chance. */
static void a_design_for_each_task(void **state)
{
    (void)state;
    int right = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, seed);
        cull_space *sp = space_of_many(cx, 6, "one(a, b, c)");
        cull_search_problem p = {
            .space = sp, .objectives = 3, .trials = 900, .again = CULL_AGAIN_PAID};
        cull_study *s = study_of(cx, &p, "reinforce", NULL);
        for (int k = 0; k < 900; k++) {
            cull_trial t = asked(cx, s);
            double v[3] = {0, 5, -7};
            for (int j = 0; j < 6; j++)
                for (int task = 0; task < 3; task++)
                    v[task] += (task == 1 ? 1000 : 1) * (t.x[j] != (j + task) % 3);
            for (int j = 0; j < 6 && k >= 897; j++) right += t.x[j] == (j + k - 897) % 3;
            answer(cx, s, t.number, v);
        }
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
    assert_true(right >= 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradient),
                                       cmocka_unit_test(what_is_not_open),
                                       cmocka_unit_test(a_design_for_each_task)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
