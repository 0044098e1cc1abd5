/* selecting.h - what tests of methods that choose positive rows share: a problem, and the definitions read literally. */
#ifndef SELECTING_H
#define SELECTING_H
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
static inline void make(uint64_t seed, int models, data *d)
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
static inline int64_t size_of(const data *d, int k, const double *w, const double *tw, bool strict,
                              int j, double above, double q)
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

static inline double p_of(const data *d, int k, const double *w, const double *tw, int j,
                          double above)
{
    double mass = tw ? tw[j] : 1, total = mass;
    for (int i = 0; i < N; i++) {
        total += w ? w[i] : 1;
        if (d->truth[i] <= above && d->score[k * N + i] >= d->test[k * M + j]) mass += w ? w[i] : 1;
    }
    return mass / total;
}

static inline void fitted(cull_ctx *cx, const char *slug, const char *options,
                          const cull_outcomes *calib, double level, double above, cull_policy **p)
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

/* Over draws of tables with one seed: the false discovery rate of the first m test rows. Scores tie, and with weights test rows
 * are elsewhere. */
static inline void held_by_one_seed(const char *slug, const char *options, int models, int m,
                                    bool weighted)
{
    enum { DRAWS = 800 };
    const double level = .3, shift = weighted ? .7 : 0;
    data d;
    double mean = 0, mean2 = 0;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (uint64_t k = 0; k < DRAWS; k++) {
        cull_rng r = cull__rng_seeded(k, 1);
        cull_policy *p;
        cull_decisions out;
        int kept = 0, wrong = 0;
        for (int i = 0; i < N + m; i++) {
            int j = i - N;
            double x = cull__rng_normal(&r) + (j < 0 ? 0 : shift), y = x + cull__rng_normal(&r);
            *(j < 0 ? d.weight + i : d.test_weight + j) = exp(shift * x - shift * shift / 2);
            *(j < 0 ? d.truth + i : d.test_truth + j) = y;
            for (int a = 0; a < models; a++) {
                double said = weighted ? floor(x) : x + (a + 1) * .2 * cull__rng_normal(&r);
                *(j < 0 ? d.score + a * N + i : d.test + a * m + j) = said;
            }
        }
        d.calib = (cull_outcomes){.n = N, .models = models, .score = d.score, .truth = d.truth};
        d.rows = (cull_outcomes){.n = m, .models = models, .score = d.test};
        if (weighted) d.calib.weight = d.weight, d.rows.weight = d.test_weight;
        fitted(cx, slug, options, &d.calib, level, weighted, &p);
        ok(cx, cull_trust_apply(cx, p, NULL, &d.rows, &out, NULL));
        for (int j = 0; j < m; j++) {
            kept += out.keep[j];
            wrong += out.keep[j] && d.test_truth[j] <= weighted;
        }
        double rate = kept ? (double)wrong / kept : 0;
        mean += rate / DRAWS;
        mean2 += rate * rate / DRAWS;
        cull_decisions_free(&out);
        cull_policy_free(p);
    }
    cull_ctx_free(cx);
    double error = 3 * sqrt((mean2 - mean * mean) / DRAWS);
    if (mean > level + error)
        fail_msg("%s %s: %.3f +- %.3f of what is chosen is wrong", slug, options, mean, error);
    assert_true(mean > level / 2); /* what is tested is near the level */
}

/* Rows that pass at their own size, then the largest number r of them whose size is r at most (xi = 1). */
static inline void check_chosen(const cull_decisions *d, const int64_t *size, double q)
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

/* Benjamini-Hochberg over p-values of model 0, all that are as good counting. */
static inline void check_plain(const data *d, const cull_decisions *out, double above, double q)
{
    int64_t best = 0;
    for (int64_t r = 1; r <= M; r++) {
        int64_t upto = 0;
        for (int j = 0; j < M; j++) upto += out->p[j] <= q * (double)r / M * (1 + 1e-11);
        if (upto >= r) best = r;
    }
    for (int j = 0; j < M; j++) {
        assert_true(fabs(out->p[j] - p_of(d, 0, NULL, NULL, j, above)) < 1e-14);
        assert_int_equal(out->keep[j], best > 0 && out->p[j] <= q * (double)best / M * (1 + 1e-11));
    }
}
#endif
