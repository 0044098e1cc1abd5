/* trusting.h - what tests of task trust share: made rows, a fit and an apply, plain quantiles. */
#ifndef CULL_TEST_TRUSTING_H
#define CULL_TEST_TRUSTING_H
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"
#include "cull/trust.h"

enum { M = 700, C = 5 };

/* Rows with logits, their true class, a number with two predictions, weights and groups. */
typedef struct {
    float logit[M * C], second[M * C];
    const float *out[2];
    double truth[M], number[M], score[2 * M], spread[M], weight[M], quality[M];
    int32_t group[M];
    cull_outcomes o;
} made;

static inline void make_rows(made *r, uint64_t seed, int64_t n)
{
    cull_rng g = cull__rng_seeded(seed, 3);
    memset(r, 0, sizeof *r);
    for (int64_t i = 0; i < n; i++) {
        double most = -INFINITY;
        for (int c = 0; c < C; c++) {
            r->logit[i * C + c] = (float)(1.5 * cull__rng_normal(&g));
            r->second[i * C + c] = r->logit[i * C + c] / 2;
            double v = r->logit[i * C + c] + cull__rng_gumbel(&g);
            if (v > most) {
                most = v;
                r->truth[i] = c;
            }
        }
        double x = cull__rng_unit(&g);
        r->group[i] = (int32_t)cull__rng_below(&g, 3);
        r->spread[i] = .1 + x * x;
        r->number[i] = 4 * x + r->spread[i] * cull__rng_normal(&g);
        r->score[i] = 4 * x - .9 * r->spread[i];
        r->score[n + i] = 4 * x + 1.1 * r->spread[i];
        r->weight[i] = .2 + x;
    }
    r->out[0] = r->logit, r->out[1] = r->second;
    r->o = (cull_outcomes){.n = n,
                           .models = 2,
                           .classes = C,
                           .outputs = CULL_LOGITS,
                           .out = r->out,
                           .truth = r->truth,
                           .group = r->group,
                           .groups = 3};
}

/* The same rows as numbers to predict. */
static inline void as_numbers(made *r)
{
    r->o.out = NULL;
    r->o.classes = 0;
    r->o.score = r->score;
    r->o.truth = r->number;
    r->o.spread = r->spread;
}

/* Fit on a, apply to b; set: pairs of option and value. */
static inline cull_status trust_by(cull_ctx *cx, const char *slug, const char *const *set,
                                   const made *a, const made *b, double level, double delta,
                                   cull_policy **policy, cull_decisions *d, cull_guarantee *g)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_opts *opts;
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    assert_non_null(m);
    p.rows = &a->o;
    p.level = level;
    p.delta = delta;
    *policy = NULL;
    *d = (cull_decisions){0};
    CULL_TRY(cull_opts_new(cx, m, &opts));
    cull_status s = CULL_OK;
    for (; *set && s == CULL_OK; set += 2) s = cull_opts_set(cx, opts, set[0], set[1]);
    if (s == CULL_OK) s = cull_trust_fit(cx, m, opts, &p, policy);
    cull_opts_free(opts);
    if (s == CULL_OK) s = cull_trust_apply(cx, *policy, NULL, &b->o, d, g);
    if (s != CULL_OK) {
        cull_policy_free(*policy);
        *policy = NULL;
    }
    return s;
}

/* The least of v for which rows at most that strange weigh the share 1 - alpha of all rows and the test row; by counting. */
static inline double plain_quantile(const double *v, const double *w, const uint8_t *in, int64_t n,
                                    double tw, double alpha)
{
    double all = tw, best = INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (in[i]) all += w ? w[i] : 1;
    for (int64_t k = 0; k < n; k++) {
        double sum = 0;
        if (!in[k]) continue;
        for (int64_t i = 0; i < n; i++)
            if (in[i] && v[i] <= v[k]) sum += w ? w[i] : 1;
        if (sum >= (1 - alpha) * all * (1 - 1e-12) && v[k] < best) best = v[k];
    }
    return best;
}

/* Memory that fails anywhere is a failure that is told, and leaves nothing behind. */
static inline void memory_fails(const char *slug, const char *const *set, const made *a,
                                const made *b, double delta)
{
    cull_policy *p;
    cull_decisions d;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    ok(cx, trust_by(cx, slug, set, a, b, .1, delta, &p, &d, NULL));
    cull_decisions_free(&d);
    cull_policy_free(p);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    for (long k = 2, calls = h.calls; k <= calls; k++) {
        hooks g = {.fail_at = k};
        if (!(cx = hooked_ctx(&g, 1))) continue;
        assert_int_equal(trust_by(cx, slug, set, a, b, .1, delta, &p, &d, NULL), CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(g.live, 0);
    }
}
#endif
