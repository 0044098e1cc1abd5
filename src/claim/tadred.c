/* tadred's check: channels planted among noise are found, and a network on them alone beats one on all.
 *
 * 40 channels, uniform on (0, 1), of which 8 matter: the first target is Friedman's function of 0 to 4, the
 * second 8 x5 x6 + 5 x7, the third 10 |x2 - x5|, each with normal noise of 0.2, then divided by its 99th
 * percentile so that all three count. 5,000 rows to learn from, 2,000 to test on. The published claims are
 * of diffusion MRI that needs a simulator; there, smooth neighbouring channels are redundant, and mean
 * scores are known to choose neighbours: no claim is made of such data. */
#include "claim/claim.h"
#include "num/num.h"
#include "score/channels.h"

#include <math.h>
#include <string.h>

enum { D = 40, TRUE_D = 8, M = 3, ROWS = 5000, TESTS = 2000, MOST = 64 };

static void row_of(cull_rng *r, float *x, float *y)
{
    double v[D];
    for (int c = 0; c < D; c++) x[c] = (float)(v[c] = cull__rng_unit(r));
    y[0] = (float)(10 * sin(3.14159265358979323846 * v[0] * v[1]) + 20 * (v[2] - .5) * (v[2] - .5) +
                   10 * v[3] + 5 * v[4]);
    y[1] = (float)(8 * v[5] * v[6] + 5 * v[7]);
    y[2] = (float)(10 * fabs(v[2] - v[5]));
    for (int j = 0; j < M; j++) y[j] += (float)(.2 * cull__rng_normal(r));
}

typedef struct {
    float *x, *y, *test, *test_y;
} made;

static cull_status make(cull_ctx *cx, made *a)
{
    cull_rng r = cull__rng(cx, 77);
    double *v, top;
    CULL_TRY(CULL_TMP(cx, a->x, ROWS * D));
    CULL_TRY(CULL_TMP(cx, a->y, ROWS * M));
    CULL_TRY(CULL_TMP(cx, a->test, TESTS * D));
    CULL_TRY(CULL_TMP(cx, a->test_y, TESTS * M));
    CULL_TRY(CULL_TMP(cx, v, ROWS));
    for (int i = 0; i < ROWS; i++) row_of(&r, a->x + i * D, a->y + i * M);
    for (int i = 0; i < TESTS; i++) row_of(&r, a->test + i * D, a->test_y + i * M);
    for (int j = 0; j < M; j++) {
        for (int i = 0; i < ROWS; i++) v[i] = fabs((double)a->y[i * M + j]);
        CULL_TRY(cull__quantile(cx, v, ROWS, .99, &top));
        for (int i = 0; i < ROWS; i++) a->y[i * M + j] /= (float)top;
        for (int i = 0; i < TESTS; i++) a->test_y[i * M + j] /= (float)top;
    }
    return CULL_OK;
}

/* One run on the columns that are not avoided: test error, how many of the 8 are left. */
static cull_status one(cull_ctx *cx, const made *a, const cull__channels_opts *o,
                       const double *size, int steps, const uint8_t *avoid, double *error,
                       double *found)
{
    cull_pool *x = NULL, *y = NULL, *test = NULL;
    cull__channels c = {0};
    float *out;
    CULL_TRY(CULL_TMP(cx, out, TESTS * M));
    cull_status s = cull_pool_from(cx, a->x, CULL_F32, ROWS, D, &x);
    if (s == CULL_OK) s = cull_pool_from(cx, a->y, CULL_F32, ROWS, M, &y);
    if (s == CULL_OK) s = cull_pool_from(cx, a->test, CULL_F32, TESTS, D, &test);
    cull_feature_problem p = {.n = ROWS, .d = D, .x = x, .ys = y, .budget = TRUE_D, .avoid = avoid};
    if (s == CULL_OK) s = cull__channels_train(cx, &p, o, size, steps, &c);
    if (s == CULL_OK) s = cull__channels_predict(cx, &c, test, out);
    *error = *found = 0;
    for (int i = 0; s == CULL_OK && i < TESTS * M; i++) {
        double e = (double)out[i] - (double)a->test_y[i];
        *error += e * e / (TESTS * M);
    }
    for (int i = 0; s == CULL_OK && i < TRUE_D; i++) *found += c.kept[i];
    cull__channels_free(&c);
    cull_pool_free(x), cull_pool_free(y), cull_pool_free(test);
    return s;
}

static cull_status run(cull_ctx *cx, const char *dir, int seeds, cull_claim_result *out)
{
    (void)dir;
    static const double size[] = {40, 20, 10, 8};
    double whole[MOST], ratio[MOST], few[MOST], all[MOST], told[MOST], found[MOST], none;
    cull__channels_opts o = {.hidden = 128,
                             .layers = 2,
                             .batch = 256,
                             .rate = 1e-3,
                             .holdout = .2,
                             .fix = 8,
                             .fade = 4,
                             .drop = 4,
                             .patience = 12,
                             .epochs = 28};
    cull__channels_opts plain = o;
    plain.plain = true;
    plain.epochs = 4 * o.epochs;
    uint8_t others[D];
    for (int c = 0; c < D; c++) others[c] = c >= TRUE_D;
    uint64_t seed = cull_ctx_seed(cx);
    for (int s = 0; s < seeds; s++) {
        cull__mark_t mark = cull__mark(cx);
        made a;
        cull_ctx_reseed(cx, seed + (uint64_t)s);
        CULL_TRY(cull__tick(cx, s, seeds));
        CULL_TRY(make(cx, &a));
        CULL_TRY(one(cx, &a, &o, size, 4, NULL, few + s, found + s));
        CULL_TRY(one(cx, &a, &plain, size, 1, NULL, all + s, &none));
        CULL_TRY(one(cx, &a, &plain, size, 1, others, told + s, &none));
        whole[s] = found[s] == TRUE_D;
        ratio[s] = few[s] / all[s];
        cull__release(cx, mark);
    }
    cull__claim_line(out, "share of seeds in which the 8 channels kept are the 8 that matter",
                     whole, false, .8, false);
    cull__claim_line(out, "error with the 8 kept over that of a network on all 40 (mean of seeds)",
                     ratio, true, .8, false);
    cull__claim_figure(out, "of the 8 found", found);
    cull__claim_figure(out, "error with 8, chosen", few);
    cull__claim_figure(out, "error with all 40", all);
    cull__claim_figure(out, "error with the 8 told beforehand", told);
    out->note =
        "the published figures are of simulated diffusion MRI, for which there is no free "
        "simulator here; on smooth redundant channels mean scores choose neighbours, and nothing "
        "is claimed of them";
    return CULL_OK;
}

const cull__claim cull__claim_tadred = {
    {"tadred",
     "training while channels fade out finds those that matter, and predicts better with few "
     "than a network trained as long with all",
     "40 channels, 8 of them planted, 3 targets; 5,000 rows; networks of 128-128; 40, 20, 10, 8 "
     "channels; 5 "
     "seeds",
     NULL},
    5,
    run,
};
