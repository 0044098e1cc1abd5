/* random-search: each value as likely as any other, reals uniform on their scale, and what was told changes nothing. */
#include "test.h"

#include "cull/search.h"

static cull_study *open_(cull_ctx *cx, cull_space **sp, const char *text)
{
    static const cull_objective error = {.name = "error"};
    cull_study *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "test", sp));
    cull_search_problem p = {
        .space = *sp, .objectives = 1, .objective = &error, .again = CULL_AGAIN_PAID};
    ok(cx, cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, NULL, &s));
    return s;
}

/* Counts of 6 values within 4.5 standard deviations; a log-uniform real's logarithm by Kolmogorov and Smirnov. */
static void uniform(void **state)
{
    (void)state;
    enum { N = 6000 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp;
    cull_study *s = open_(cx, &sp, "a = one(p, q, r)\nb = int(1, 2)\nlr = real(0.001, 10, log)\n");
    int count[6] = {0}, below[101] = {0};
    for (int i = 0; i < N; i++) {
        cull_trial t;
        ok(cx, cull_study_ask(s, &t));
        count[(int)t.x[0] * 2 + (int)t.x[1] - 1]++;
        double u = (log10(t.x[2]) + 3) / 4;
        assert_true(u >= 0 && u <= 1);
        for (int j = 0; j <= 100; j++) below[j] += u <= j / 100.0;
    }
    for (int i = 0; i < 6; i++)
        assert_true(fabs(count[i] - N / 6.0) < 4.5 * sqrt(N * (1 / 6.0) * (5 / 6.0)));
    for (int j = 0; j <= 100; j++)
        assert_true(fabs(below[j] / (double)N - j / 100.0) < 2 / sqrt(N));
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static void blind(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp, *sq;
    cull_study *s = open_(cx, &sp, "a = real(0, 1)\n"), *q = open_(cx, &sq, "a = real(0, 1)\n");
    for (int i = 0; i < 20; i++) {
        cull_trial t, u;
        ok(cx, cull_study_ask(s, &t));
        ok(cx, cull_study_ask(q, &u));
        assert_true(t.x[0] == u.x[0]);
        double v = t.x[0];
        ok(cx, cull_study_tell(s, i, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}));
    }
    cull_study_free(s), cull_study_free(q);
    cull_space_free(sp), cull_space_free(sq);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(uniform), cmocka_unit_test(blind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
