/* "optcs" and "conformal-selection": through the doors, against the definitions read literally; what is refused. */
#include <unistd.h>

#include "test.h"

#include "base/base.h"
#include "cull/compute.h"
#include "cull/trust.h"

enum { N = 60, M = 45, K = 3 };

typedef struct {
    double score[K * N], test[K * M], truth[N], test_truth[M], weight[N], test_weight[M];
    cull_outcomes calib, rows;
} data;

/* Truth around a score that two models see with noise; few values, so that there are ties. */
static void make(uint64_t seed, int models, data *d)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < N + M; i++) {
        double z = cull__rng_normal(&r) * 1.5,
               *truth = i < N ? d->truth + i : d->test_truth + i - N;
        *truth = z + .3 * cull__rng_normal(&r);
        (i < N ? d->weight : d->test_weight)[i < N ? i : i - N] = exp(.5 * cull__rng_normal(&r));
        for (int k = 0; k < models; k++) {
            double said = floor(4 * (z + k * cull__rng_normal(&r))) / 4;
            if (i < N)
                d->score[k * N + i] = said;
            else
                d->test[k * M + i - N] = said;
        }
    }
    d->calib = (cull_outcomes){.n = N, .models = models, .score = d->score, .truth = d->truth};
    d->rows = (cull_outcomes){.n = M, .models = models, .score = d->test};
}

/* R_j: j stands among the calibration rows, its own p-value is 0, Benjamini-Hochberg counts. */
static int64_t size_of(const data *d, int k, const double *w, const double *tw, bool strict, int j,
                       double above, double q)
{
    double p[M], total = tw ? tw[j] : 1;
    int64_t best = 0;
    for (int i = 0; i < N; i++) total += w ? w[i] : 1;
    for (int l = 0; l < M; l++) {
        double a = d->test[k * M + l], mass = 0, own = d->test[k * M + j];
        for (int i = 0; i < N; i++) {
            double v = d->score[k * N + i];
            if (d->truth[i] <= above && (strict ? v > a : v >= a)) mass += w ? w[i] : 1;
        }
        if (strict ? own > a : own >= a) mass += tw ? tw[j] : 1;
        p[l] = l == j ? 0 : mass / total;
    }
    for (int64_t r = 1; r <= M; r++) {
        int64_t upto = 0;
        for (int l = 0; l < M; l++) upto += p[l] <= q * (double)r / M * (1 + 1e-11);
        if (upto >= r) best = r;
    }
    return best;
}

static double p_of(const data *d, int k, const double *w, const double *tw, int j, double above)
{
    double mass = tw ? tw[j] : 1, total = mass;
    for (int i = 0; i < N; i++) {
        total += w ? w[i] : 1;
        if (d->truth[i] <= above && d->score[k * N + i] >= d->test[k * M + j]) mass += w ? w[i] : 1;
    }
    return mass / total;
}

static void fitted(cull_ctx *cx, const char *slug, const char *options, const cull_outcomes *calib,
                   double level, double above, cull_policy **p)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_opts *o;
    char text[80], *word, *rest = text;
    cull_trust_problem problem = CULL_TRUST_PROBLEM;
    problem.rows = calib;
    problem.level = level;
    problem.above = above;
    assert_non_null(m);
    ok(cx, cull_opts_new(cx, m, &o));
    snprintf(text, sizeof text, "%s", options);
    while ((word = strtok_r(rest, " ", &rest))) {
        char *value = strchr(word, '=');
        *value++ = 0;
        ok(cx, cull_opts_set(cx, o, word, value));
    }
    ok(cx, cull_trust_fit(cx, m, o, &problem, p));
    cull_opts_free(o);
}

/* Rows that pass at their own size, then the largest number r of them whose size is r at most (xi = 1). */
static void check_chosen(const cull_decisions *d, const int64_t *size, double q)
{
    int64_t best = 0, in;
    bool pass[M];
    for (int j = 0; j < M; j++) pass[j] = d->p[j] <= q * (double)size[j] / M * (1 + 1e-11);
    for (int64_t r = 1; r <= M; r++) {
        in = 0;
        for (int j = 0; j < M; j++) in += pass[j] && size[j] <= r;
        if (in >= r) best = r;
    }
    for (int j = 0; j < M; j++) assert_int_equal(d->keep[j], pass[j] && size[j] <= best);
}

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
        fitted(cx, "conformal-selection", "model=2 ties=count prune=dtm", &d.calib, q, 0, &p);
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

/* Without weights: p-values and Benjamini-Hochberg. So is optcs of one model's leave-one-out scores. */
static void plain_literally(void **state)
{
    (void)state;
    data d;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (uint64_t seed = 0; seed < 30; seed++)
        for (int way = 0; way < 2; way++) {
            cull_policy *p;
            cull_decisions out;
            int64_t best = 0;
            make(seed + 200, 1, &d);
            fitted(cx, way ? "optcs" : "conformal-selection",
                   way ? "leave_one_out=yes" : "ties=count", &d.calib, .3, 0, &p);
            ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &out, NULL));
            for (int64_t r = 1; r <= M; r++) {
                int64_t upto = 0;
                for (int j = 0; j < M; j++) upto += out.p[j] <= .3 * (double)r / M * (1 + 1e-11);
                if (upto >= r) best = r;
            }
            for (int j = 0; j < M; j++) {
                assert_true(fabs(out.p[j] - p_of(&d, 0, NULL, NULL, j, 0)) < 1e-14);
                assert_int_equal(out.keep[j],
                                 best > 0 && out.p[j] <= .3 * (double)best / M * (1 + 1e-11));
            }
            cull_decisions_free(&out);
            cull_policy_free(p);
        }
    cull_ctx_free(cx);
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
    fitted(cx, "conformal-selection", "", &d.calib, .3, NAN, &p);
    ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &a, NULL));
    cull_policy_free(p);
    d.calib.outputs = d.rows.outputs = CULL_PROBABILITIES;
    d.calib.out = p_out, d.rows.out = p_test;
    fitted(cx, "conformal-selection", "", &d.calib, .3, NAN, &p);
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
    const cull_method *plain = cull_method_find("conformal-selection", NULL);
    const cull_method *optcs = cull_method_find("optcs", NULL);
    make(8, K, &d);
    problem.rows = &d.calib;
    refused(cx, cull_trust_fit(cx, plain, NULL, &problem, &p), CULL_EINPUT, "model 0 of 3");
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
    cull_decisions a = {0}, b;
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
        if (threads == 1) ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &a, NULL));
        ok(cx, cull_trust_apply(cx, back, NULL, &d.rows, &b, NULL));
        assert_memory_equal(a.keep, b.keep, M);
        assert_memory_equal(a.p, b.p, M * sizeof *a.p);
        assert_memory_equal(a.score, b.score, M * sizeof *a.score);
        cull_decisions_free(&b);
        if (threads == 2) cull_decisions_free(&a);
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
        cmocka_unit_test(models_literally), cmocka_unit_test(weights_literally),
        cmocka_unit_test(plain_literally),  cmocka_unit_test(classes),
        cmocka_unit_test(wrong_input),      cmocka_unit_test(files_threads_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
