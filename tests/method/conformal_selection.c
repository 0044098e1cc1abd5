/* conformal-selection: through the doors, against the definitions read literally; what is refused. */
#include "selecting.h"

static void weights_literally(void **state)
{
    (void)state;
    data d;
    cull_ctx *cx = cull_ctx_new(NULL);
    int64_t kept = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        double q = seed % 2 ? .2 : .4;
        int64_t size[M];
        cull_policy *p;
        cull_decisions out;
        make(seed + 100, 2, &d);
        d.calib.weight = d.weight;
        d.rows.weight = d.test_weight;
        fitted(cx, "conformal-selection", "which=2 ties=count prune=dtm", &d.calib, q, 0, &p);
        ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &out, NULL));
        for (int j = 0; j < M; j++) {
            size[j] = size_of(&d, 1, d.weight, d.test_weight, true, j, 0, q);
            assert_true(fabs(out.p[j] - p_of(&d, 1, d.weight, d.test_weight, j, 0)) < 1e-13);
            assert_true(out.score[j] == d.test[M + j]);
            kept += out.keep[j];
        }
        check_chosen(&out, size, q);
        cull_decisions_free(&out);
        d.rows.weight = NULL;
        refused(cx, cull_trust_apply(cx, p, NULL, &d.rows, &out, NULL), CULL_EINPUT, "--weight");
        cull_policy_free(p);
    }
    assert_true(kept > 100);
    cull_ctx_free(cx);
}

/* Without weights: p-values and Benjamini-Hochberg. */
static void plain_literally(void **state)
{
    (void)state;
    data d;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (uint64_t seed = 0; seed < 30; seed++) {
        cull_policy *p;
        cull_decisions out;
        make(seed + 200, 1, &d);
        fitted(cx, "conformal-selection", "ties=count", &d.calib, .3, 0, &p);
        ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &out, NULL));
        check_plain(&d, &out, 0, .3);
        cull_decisions_free(&out);
        cull_policy_free(p);
    }
    cull_ctx_free(cx);
}

/* The rate is one over random numbers too: those of a table are its own, whatever the seed. */
static void over_tables(void **state)
{
    (void)state;
    held_by_one_seed("conformal-selection", "prune=homo", 1, 30, true);
    held_by_one_seed("conformal-selection", "prune=hete", 1, 30, true);
    held_by_one_seed("conformal-selection", "ties=random", 1, 1, false);
}

/* Class 1 is wanted: logits order rows as its probability does. */
static void classes(void **state)
{
    (void)state;
    data d;
    static float logits[N * 3], test[M * 3], proba[N * 3], test_proba[M * 3];
    const float *const out[] = {logits}, *const test_out[] = {test}, *const p_out[] = {proba},
                       *const p_test[] = {test_proba};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_decisions a, b;
    cull_policy *p;
    make(7, 1, &d);
    for (int i = 0; i < N + M; i++) {
        float *z = i < N ? logits + 3 * i : test + 3 * (i - N);
        float *q = i < N ? proba + 3 * i : test_proba + 3 * (i - N);
        double sum = 0;
        if (i < N) d.truth[i] = d.truth[i] > 0 ? 1 : i % 2 ? 0 : 2;
        for (int c = 0; c < 3; c++) {
            z[c] =
                c == 1 ? (float)(i < N ? d.score[i] : d.test[i - N]) : .25F * (float)(i % (3 + c));
            sum += exp((double)z[c]);
        }
        for (int c = 0; c < 3; c++) q[c] = (float)(exp((double)z[c]) / sum);
    }
    d.calib.score = d.rows.score = NULL;
    d.calib.classes = d.rows.classes = 3;
    d.calib.out = out, d.rows.out = test_out;
    fitted(cx, "conformal-selection", "ties=count", &d.calib, .3, NAN, &p);
    ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &a, NULL));
    cull_policy_free(p);
    d.calib.outputs = d.rows.outputs = CULL_PROBABILITIES;
    d.calib.out = p_out, d.rows.out = p_test;
    fitted(cx, "conformal-selection", "ties=count", &d.calib, .3, NAN, &p);
    ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &b, NULL));
    int64_t kept = 0;
    for (int j = 0; j < M; j++) {
        assert_int_equal(a.keep[j], b.keep[j]);
        kept += a.keep[j];
    }
    assert_in_range(kept, 5, M - 5);
    cull_decisions_free(&a);
    cull_decisions_free(&b);
    cull_policy_free(p);
    cull_ctx_free(cx);
}

static void wrong_input(void **state)
{
    (void)state;
    data d;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p;
    cull_trust_problem problem = CULL_TRUST_PROBLEM;
    const cull_method *m = cull_method_find("conformal-selection", NULL);
    make(8, K, &d);
    problem.rows = &d.calib;
    refused(cx, cull_trust_fit(cx, m, NULL, &problem, &p), CULL_EINPUT, "model 0 of 3");
    problem.delta = .1;
    refused(cx, cull_trust_fit(cx, m, NULL, &problem, &p), CULL_EINPUT, "leave delta out");
    problem.delta = 0;
    d.calib.truth = NULL;
    refused(cx, cull_trust_fit(cx, m, NULL, &problem, &p), CULL_EINPUT, "needs the truth");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_literally), cmocka_unit_test(plain_literally),
        cmocka_unit_test(over_tables), cmocka_unit_test(classes), cmocka_unit_test(wrong_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
