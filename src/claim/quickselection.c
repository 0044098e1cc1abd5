/* quickselection's check: which columns a sparse autoencoder holds on to, without seeing a label.
 *
 * (a) 1200 images of Fashion-MNIST, their middle 24 x 24 pixels brought to 8 x 8, beside 192 columns of
 * Gaussian noise: after 50 epochs 50 columns are kept. (b) All pixels of 6000 images, 10 epochs. A
 * logistic regression on the columns kept, standardised, is the judge; the paper's are 50 random
 * trees and k-means. */
#include "choose/choose.h"
#include "claim/claim.h"
#include "cull/feature.h"

#include <math.h>

enum { SIDE = CULL__FASHION_SIDE, PIXELS = SIDE * SIDE, SMALL = 8, TRUE = SMALL * SMALL };
enum { K = 50, NOISY = 4 * TRUE, ROWS = 1200, MANY = 6000, TESTS = 2000, MOST = 64 };

/* Rows and tests of d columns each. */
typedef struct {
    int64_t n, d;
    float *x, *test;
    int32_t *y, *test_y;
} table;

static cull_status new_table(cull_ctx *cx, int64_t n, int64_t d, table *t)
{
    t->n = n, t->d = d;
    CULL_TRY(CULL_TMP(cx, t->x, n * d));
    CULL_TRY(CULL_TMP(cx, t->test, TESTS * d));
    CULL_TRY(CULL_TMP(cx, t->y, n));
    return CULL_TMP(cx, t->test_y, TESTS);
}

/* An image as a row of the table: 8 x 8 means of 3 x 3 pixels and noise, or as it is. */
static void put(const float *image, int64_t d, cull_rng *r, float *row)
{
    if (d == PIXELS) {
        for (int i = 0; i < PIXELS; i++) row[i] = image[i] / 255;
        return;
    }
    for (int i = 0; i < TRUE; i++) {
        const float *at = image + (2 + i / SMALL * 3) * SIDE + 2 + i % SMALL * 3;
        float sum = 0;
        for (int k = 0; k < 9; k++) sum += at[k / 3 * SIDE + k % 3];
        row[i] = sum / (9 * 255);
    }
    for (int64_t i = TRUE; i < d; i++) row[i] = (float)cull__rng_normal(r);
}

static cull_status draw(cull_ctx *cx, const cull__images *f, cull_rng *r, table *t)
{
    int64_t n = cull_pool_n(f->train), tests = cull_pool_n(f->test), *order;
    float image[PIXELS];
    CULL_TRY(CULL_TMP(cx, order, n > tests ? n : tests));
    for (int64_t i = 0; i < n; i++) order[i] = i;
    cull__rng_shuffle(r, order, n);
    for (int64_t i = 0; i < t->n; i++) {
        put(cull_pool_rows(f->train, order[i], order[i] + 1, image), t->d, r, t->x + i * t->d);
        t->y[i] = f->y[order[i]];
    }
    for (int64_t i = 0; i < tests; i++) order[i] = i;
    cull__rng_shuffle(r, order, tests);
    for (int64_t i = 0; i < TESTS; i++) {
        put(cull_pool_rows(f->test, order[i], order[i] + 1, image), t->d, r, t->test + i * t->d);
        t->test_y[i] = f->test_y[order[i]];
    }
    return CULL_OK;
}

static cull_status select_columns(cull_ctx *cx, const char *slug, const char *epochs,
                                  const table *t, int64_t *column)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_pool *pool = NULL;
    cull_opts *o = NULL;
    cull_feature_pick k = {0};
    cull_status s = cull_opts_new(cx, m, &o);
    if (s == CULL_OK && epochs) s = cull_opts_set(cx, o, "epochs", epochs);
    if (s == CULL_OK) s = cull_pool_from(cx, t->x, CULL_F32, t->n, t->d, &pool);
    cull_feature_problem p = {.n = t->n, .d = t->d, .x = pool, .budget = K};
    if (s == CULL_OK) s = cull_feature_select(cx, m, o, &p, &k);
    if (s == CULL_OK && k.pick.n != K)
        s = cull__fail(cx, CULL_EINTERNAL, "%s kept %d columns, not %d", slug, (int)k.pick.n, K);
    for (int i = 0; s == CULL_OK && i < K; i++) column[i] = k.pick.idx[i];
    cull_feature_pick_free(&k);
    cull_pool_free(pool);
    cull_opts_free(o);
    return s;
}

static void moments(const table *t, int64_t c, double *mean, double *sd)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < t->n; i++) sum += (double)t->x[i * t->d + c];
    *mean = sum / (double)t->n;
    for (int64_t i = 0; i < t->n; i++) {
        double v = (double)t->x[i * t->d + c] - *mean;
        squares += v * v;
    }
    *sd = sqrt(squares / (double)t->n);
}

static cull_status most_variance(cull_ctx *cx, const table *t, int64_t *column)
{
    double *sd, mean;
    CULL_TRY(CULL_TMP(cx, sd, t->d));
    for (int64_t c = 0; c < t->d; c++) moments(t, c, &mean, sd + c);
    return cull__topk(cx, sd, t->d, K, column);
}

/* With columns column[0..k), or the first k where that is NULL. */
static cull_status accuracy_of(cull_ctx *cx, const table *t, const int64_t *column, int64_t k,
                               double *out)
{
    cull__mark_t mark = cull__mark(cx);
    float *x, *test;
    int64_t *row;
    CULL_TRY(CULL_TMP(cx, x, t->n * k));
    CULL_TRY(CULL_TMP(cx, test, TESTS * k));
    CULL_TRY(CULL_TMP(cx, row, t->n));
    for (int64_t i = 0; i < t->n; i++) row[i] = i;
    for (int64_t j = 0; j < k; j++) {
        int64_t c = column ? column[j] : j;
        double mean, sd;
        moments(t, c, &mean, &sd);
        double by = sd > 0 ? 1 / sd : 0;
        for (int64_t i = 0; i < t->n; i++)
            x[i * k + j] = (float)(((double)t->x[i * t->d + c] - mean) * by);
        for (int64_t i = 0; i < TESTS; i++)
            test[i * k + j] = (float)(((double)t->test[i * t->d + c] - mean) * by);
    }
    CULL_TRY(cull__claim_accuracy(cx, x, t->y, row, t->n, k, test, t->test_y, TESTS, out));
    cull__release(cx, mark);
    return CULL_OK;
}

typedef struct {
    double pixels, own, all, true_ones, at_random, variance;
} figures;

static cull_status measure(cull_ctx *cx, const table *t, const char *epochs, figures *f)
{
    int64_t column[K];
    f->pixels = 0;
    CULL_TRY(select_columns(cx, "quickselection", epochs, t, column));
    for (int i = 0; i < K; i++) f->pixels += column[i] < TRUE;
    CULL_TRY(accuracy_of(cx, t, column, K, &f->own));
    CULL_TRY(select_columns(cx, "random-columns", NULL, t, column));
    CULL_TRY(accuracy_of(cx, t, column, K, &f->at_random));
    if (t->d == NOISY) {
        CULL_TRY(accuracy_of(cx, t, NULL, TRUE, &f->true_ones));
        return accuracy_of(cx, t, NULL, t->d, &f->all);
    }
    CULL_TRY(most_variance(cx, t, column));
    return accuracy_of(cx, t, column, K, &f->variance);
}

static cull_status one_seed(cull_ctx *cx, const cull__images *im, figures f[2])
{
    for (int part = 0; part < 2; part++) {
        cull__mark_t mark = cull__mark(cx);
        cull_rng r = cull__rng(cx, 1000 + (uint64_t)part);
        table t;
        CULL_TRY(new_table(cx, part ? MANY : ROWS, part ? PIXELS : NOISY, &t));
        CULL_TRY(draw(cx, im, &r, &t));
        CULL_TRY(measure(cx, &t, part ? "10" : "50", f + part));
        cull__release(cx, mark);
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__images im;
    double v[9][MOST];
    CULL_TRY(cull__fashion_open(cx, data_dir, &im));
    uint64_t first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        figures f[2];
        cull_ctx_reseed(cx, first + (uint64_t)i);
        s = cull__tick(cx, i, seeds);
        if (s == CULL_OK) s = one_seed(cx, &im, f);
        if (s != CULL_OK) break;
        v[0][i] = f[0].pixels, v[1][i] = f[0].own, v[2][i] = f[0].all, v[3][i] = f[0].at_random;
        v[4][i] = f[1].own, v[5][i] = f[1].variance, v[6][i] = f[1].at_random;
        v[8][i] = f[0].true_ones;
    }
    cull__fashion_close(&im);
    CULL_TRY(s);
    cull__claim_line(out, "(a) pixels among the 50 columns, worst seed", v[0], false, 40, true);
    for (int i = 0; i < seeds; i++) v[7][i] = v[1][i] - v[2][i];
    cull__claim_line(out, "(a) accuracy, above all 256 columns, worst seed", v[7], false, -0.005,
                     true);
    for (int i = 0; i < seeds; i++) v[7][i] = v[4][i] - v[5][i];
    cull__claim_line(out, "(b) accuracy, above the most variance, worst seed", v[7], false, 0.03,
                     true);
    cull__claim_figure(out, "(a) pixels among the 50 columns; 12.5 at random", v[0]);
    cull__claim_figure(out, "(a) accuracy, quickselection", v[1]);
    cull__claim_figure(out, "(a) accuracy, all 256 columns", v[2]);
    cull__claim_figure(out, "(a) accuracy, the 64 pixels alone", v[8]);
    cull__claim_figure(out, "(a) accuracy, random columns", v[3]);
    cull__claim_figure(out, "(b) accuracy, quickselection", v[4]);
    cull__claim_figure(out, "(b) accuracy, the most variance", v[5]);
    cull__claim_figure(out, "(b) accuracy, random columns", v[6]);
    out->note =
        "random pixels of an image are nearly as good as chosen ones, so (b) is held against "
        "variance alone; the energy and the gene data of the paper are not checked";
    return CULL_OK;
}

const cull__claim cull__claim_quickselection = {
    .about = {.slug = "quickselection",
              .claim =
                  "without labels, the strength of a sparse autoencoder's inputs tells columns "
                  "that carry something from noise, and beats choosing by variance",
              .setting = "Fashion-MNIST: (a) 8 x 8 pixels and 192 columns of noise, 1200 rows, 50 "
                         "epochs; (b) 784 pixels, 6000 rows, 10 epochs; 50 columns, logistic "
                         "regression, 5 seeds",
              .package = "dataset-fashion-mnist"},
    .seeds = 5,
    .run = run,
};
