/* optcs: through the doors, against the definitions read literally; what is refused. */
#include <unistd.h>

#include "selecting.h"

static void models_literally(void **state)
{
    (void)state;
    data d;
    cull_ctx *cx = cull_ctx_new(NULL);
    int64_t kept = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        double q = seed % 2 ? .2 : .4, above = seed % 3 ? 0 : .75;
        int64_t size[M];
        cull_policy *p;
        cull_decisions out;
        cull_guarantee g;
        make(seed, K, &d);
        fitted(cx, "optcs", "prune=dtm", &d.calib, q, above, &p);
        ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &out, &g));
        assert_true(g.level == q && g.delta == 0 && g.n == N && !g.broken);
        assert_string_equal(g.bounds, "false discovery rate");
        for (int j = 0; j < M; j++) {
            bool there = false;
            size[j] = 0;
            for (int k = 0; k < K; k++) {
                int64_t s = size_of(&d, k, NULL, NULL, false, j, above, q);
                if (s > size[j]) size[j] = s, there = false;
                there |= s == size[j] && fabs(out.p[j] - p_of(&d, k, NULL, NULL, j, above)) < 1e-14;
            }
            assert_true(there); /* the p-value is that of one of the models with the largest size */
            assert_true(out.score[j] == 0 ||
                        fabs(out.score[j] * q * (double)size[j] / M - 1) < 1e-12);
            kept += out.keep[j];
        }
        check_chosen(&out, size, q);
        cull_decisions_free(&out);
        cull_policy_free(p);
    }
    assert_true(kept > 100);
    cull_ctx_free(cx);
}

static void over_tables(void **state)
{
    (void)state;
    held_by_one_seed("optcs", "prune=homo", K, 6, false);
    held_by_one_seed("optcs", "prune=hete", K, 6, false);
}

/* Of one model's leave-one-out scores: p-values and Benjamini-Hochberg. */
static void plain_literally(void **state)
{
    (void)state;
    data d;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (uint64_t seed = 0; seed < 30; seed++) {
        cull_policy *p;
        cull_decisions out;
        make(seed + 200, 1, &d);
        fitted(cx, "optcs", "leave_one_out=yes", &d.calib, .3, 0, &p);
        ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &out, NULL));
        check_plain(&d, &out, 0, .3);
        cull_decisions_free(&out);
        cull_policy_free(p);
    }
    cull_ctx_free(cx);
}

static void wrong_input(void **state)
{
    (void)state;
    data d;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p;
    cull_trust_problem problem = CULL_TRUST_PROBLEM;
    const cull_method *optcs = cull_method_find("optcs", NULL);
    make(8, K, &d);
    problem.rows = &d.calib;
    problem.delta = .1;
    refused(cx, cull_trust_fit(cx, optcs, NULL, &problem, &p), CULL_EINPUT, "leave delta out");
    problem.delta = 0;
    d.calib.weight = d.weight;
    refused(cx, cull_trust_fit(cx, optcs, NULL, &problem, &p), CULL_EINPUT, "takes no weights");
    d.calib.weight = NULL;
    d.calib.truth = NULL;
    refused(cx, cull_trust_fit(cx, optcs, NULL, &problem, &p), CULL_EINPUT, "needs the truth");
    d.calib.truth = d.truth;
    /* no row is wanted, all are: both are calibrations */
    for (int above = -1; above < 2; above += 2) {
        cull_decisions out;
        problem.above = above * 1e9;
        ok(cx, cull_trust_fit(cx, optcs, NULL, &problem, &p));
        ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &out, NULL));
        int64_t kept = 0;
        for (int j = 0; j < M; j++) kept += out.keep[j];
        if (above < 0) assert_int_equal(kept, M);
        cull_decisions_free(&out);
        cull_policy_free(p);
    }
    cull_ctx_free(cx);
}

/* To a file and back: the same decisions; one thread as two; no leak where memory fails. */
static void files_threads_memory(void **state)
{
    (void)state;
    data d;
    cull_decisions b;
    uint8_t keep[M];
    double pvalue[M], score[M];
    cull_policy *p, *back;
    make(9, K, &d);
    char path[64];
    snprintf(path, sizeof path, "/tmp/optcs-test-%ld.json", (long)getpid());
    for (int threads = 1; threads <= 2; threads++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = threads;
        cull_ctx *cx = cull_ctx_new(&o);
        fitted(cx, "optcs", "prune=hete ties=random", &d.calib, .3, 0, &p);
        ok(cx, cull_policy_write(cx, p, path));
        ok(cx, cull_policy_open(cx, path, &back));
        if (threads == 1) {
            ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &b, NULL));
            memcpy(keep, b.keep, sizeof keep);
            memcpy(pvalue, b.p, sizeof pvalue);
            memcpy(score, b.score, sizeof score);
            cull_decisions_free(&b);
        }
        ok(cx, cull_trust_apply(cx, back, NULL, &d.rows, &b, NULL));
        assert_memory_equal(keep, b.keep, sizeof keep);
        assert_memory_equal(pvalue, b.p, sizeof pvalue);
        assert_memory_equal(score, b.score, sizeof score);
        cull_decisions_free(&b);
        cull_policy_free(back);
        cull_policy_free(p);
        cull_ctx_free(cx);
    }
    remove(path);
    const cull_method *m = cull_method_find("optcs", NULL);
    for (long k = 1;; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_trust_problem problem = CULL_TRUST_PROBLEM;
        problem.rows = &d.calib;
        problem.above = 0;
        h.fail_at = h.calls + k;
        cull_status s = cull_trust_fit(cx, m, NULL, &problem, &p);
        if (s == CULL_OK) {
            s = cull_trust_apply(cx, p, NULL, &d.rows, &b, NULL);
            if (s == CULL_OK) cull_decisions_free(&b);
            cull_policy_free(p);
        }
        bool failed = h.calls >= h.fail_at;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        assert_int_equal(s, failed ? CULL_ENOMEM : CULL_OK);
        if (!failed) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_literally), cmocka_unit_test(over_tables),
        cmocka_unit_test(plain_literally), cmocka_unit_test(wrong_input),
        cmocka_unit_test(files_threads_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
