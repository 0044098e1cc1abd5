/* verdict.c - what the score of a chosen prompt is worth: intervals by bootstrap over rows, and how much of it was the
 * luck of having chosen on these rows. */
#include "prompt/prompt.h"

#include "num/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_VAL = 0x7076, STREAM_TEST, STREAM_CHOICE };
static const double WORK = 2e8; /* numbers that estimates of the choice read, at most */

static double drawn_mean(cull_rng *g, const float *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)v[cull__rng_below(g, n)];
    return sum / (double)n;
}

static double mean_of(const float *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)v[i];
    return sum / (double)n;
}

static cull_status percentiles(cull_ctx *cx, const double *v, int64_t n, cull_prompt_score *out)
{
    CULL_TRY(cull__quantile(cx, v, n, 0.025, &out->lo));
    return cull__quantile(cx, v, n, 0.975, &out->hi);
}

static const cull_prompt_score NOTHING = {NAN, NAN, NAN};

static cull_status intervals(cull__prompt_run *r, const float *val, const float *test,
                             cull_prompt_result *out)
{
    cull_rng a = cull__rng(r->cx, STREAM_VAL), b = cull__rng(r->cx, STREAM_TEST);
    int64_t n = r->o.draws, tests = r->p.test;
    double *v, *t, *d;
    out->val = out->test = out->optimism = NOTHING;
    if (val) out->val.mean = mean_of(val, r->n);
    if (test) out->test.mean = mean_of(test, tests);
    if (val && test) out->optimism.mean = out->val.mean - out->test.mean;
    if (!n) return CULL_OK;
    CULL_TRY(CULL_TMP(r->cx, v, n));
    CULL_TRY(CULL_TMP(r->cx, t, n));
    CULL_TRY(CULL_TMP(r->cx, d, n));
    for (int64_t i = 0; i < n; i++) {
        v[i] = val ? drawn_mean(&a, val, r->n) : NAN;
        t[i] = test ? drawn_mean(&b, test, tests) : NAN;
        d[i] = v[i] - t[i];
    }
    if (val) CULL_TRY(percentiles(r->cx, v, n, &out->val));
    if (test) CULL_TRY(percentiles(r->cx, t, n, &out->test));
    return val && test ? percentiles(r->cx, d, n, &out->optimism) : CULL_OK;
}

/* The best of all whole prompts by rows drawn with repeats; what it scores on the others. */
static double once(cull__prompt_run *r, cull_rng *g, int32_t *times)
{
    double best = -1, sum = 0;
    int64_t at = 0, left = 0;
    memset(times, 0, (size_t)r->n * sizeof *times);
    for (int64_t i = 0; i < r->n; i++) times[cull__rng_below(g, r->n)]++;
    for (int64_t p = 0; p < r->wholes; p++) {
        const float *v = r->whole + p * r->n;
        double s = 0;
        for (int64_t i = 0; i < r->n; i++) s += times[i] * (double)v[i];
        if (s > best) best = s, at = p;
    }
    for (int64_t i = 0; i < r->n; i++) {
        if (times[i]) continue;
        sum += (double)r->whole[at * r->n + i];
        left++;
    }
    return left ? sum / (double)left : NAN;
}

static cull_status expect(cull__prompt_run *r, double *out)
{
    cull_rng g = cull__rng(r->cx, STREAM_CHOICE);
    double most = WORK / ((double)r->wholes * (double)r->n), sum = 0;
    int64_t draws = r->o.draws, counted = 0;
    int32_t *times;
    *out = NAN;
    if ((double)draws > most) draws = most < 50 ? 50 : (int64_t)most;
    CULL_TRY(CULL_TMP(r->cx, times, r->n));
    for (int64_t i = 0; i < draws; i++) {
        double v = once(r, &g, times);
        if (isnan(v)) continue;
        sum += v;
        counted++;
        if (i % 16 == 0) CULL_TRY(cull__tick(r->cx, 1, 1));
    }
    if (counted) *out = sum / (double)counted;
    return CULL_OK;
}

cull_status cull__prompt_judge(cull__prompt_run *r, const float *val, const float *test,
                               cull_prompt_result *out)
{
    cull_prompt_strategy s = r->o.strategy;
    bool chosen = s == CULL_PROMPT_NONE || s == CULL_PROMPT_SEARCH || s == CULL_PROMPT_MUTATE;
    CULL_TRY(intervals(r, val, test, out));
    out->expected = NAN;
    return chosen && r->o.draws && r->wholes ? expect(r, &out->expected) : CULL_OK;
}
