/* tarot's check: a pool of five domains, a target whose classes come from different ones.
 *
 * Fashion-MNIST; 1000 images each as they are, turned by a quarter, inverted, blurred, mirrored. The
 * target has its classes 0 to 5 turned, 6 to 8 inverted and 9 blurred; 200 examples of it are known.
 * Features are gradients of a logistic regression on 48 principal components, fitted on the pool, by
 * random projection to 128 numbers. 500 are kept, the model is fitted on those, and tested on test
 * images of the target's mix. Beside it, on the same features: one order by the mean product with the
 * target's, by the mean cosine, and by that after whitening; chance; and all of the pool. */
#include "choose/choose.h"
#include "claim/claim.h"
#include "num/num.h"
#include "repr/repr.h"
#include "score/score.h"

#include <math.h>
#include <string.h>

enum {
    SIDE = CULL__FASHION_SIDE,
    PIXELS = SIDE * SIDE,
    DOMAINS = 5,
    POOL = 5000,
    WANT = 200,
    KEEP = 500,
    D = 48,
    CLASSES = 10,
    GRADIENT = CLASSES * (D + 1),
    FEATURES = 128,
    TESTS = 4000,
    MOST = 16
};
enum { PLAIN, TURNED, INVERTED, BLURRED, MIRRORED };

static int domain_of_class(int32_t y) { return y < 6 ? TURNED : y < 9 ? INVERTED : BLURRED; }

/* The mean of the 3 x 3 pixels about (r, c), those beyond the edge being black. */
static float blurred(const float *im, int r, int c)
{
    float sum = 0;
    for (int i = r - 1; i <= r + 1; i++)
        for (int j = c - 1; j <= c + 1; j++)
            if (i >= 0 && i < SIDE && j >= 0 && j < SIDE) sum += im[i * SIDE + j];
    return sum / 9;
}

static void draw(const float *im, int domain, float *out)
{
    for (int r = 0; r < SIDE; r++)
        for (int c = 0; c < SIDE; c++) {
            float v = im[r * SIDE + c];
            if (domain == TURNED) v = im[c * SIDE + SIDE - 1 - r];
            if (domain == INVERTED) v = 255 - v;
            if (domain == BLURRED) v = blurred(im, r, c);
            if (domain == MIRRORED) v = im[r * SIDE + SIDE - 1 - c];
            out[r * SIDE + c] = v / 255;
        }
}

/* Rows of images as they are in the pool, the target and the test; their components and labels. */
typedef struct {
    float *pixels, *x; /* (n, PIXELS), (n, D) */
    int32_t *y;        /* n */
} images;

static cull_status images_new(cull_ctx *cx, int64_t n, images *s)
{
    CULL_TRY(CULL_TMP(cx, s->pixels, n * PIXELS));
    CULL_TRY(CULL_TMP(cx, s->x, n * D));
    return CULL_TMP(cx, s->y, n);
}

static void put(const cull_pool *p, const int32_t *y, int64_t row, int domain, int64_t at,
                images *s)
{
    float im[PIXELS];
    s->y[at] = y[row];
    draw(cull_pool_rows(p, row, row + 1, im), domain, s->pixels + at * PIXELS);
}

static cull_status components(cull_ctx *cx, images *pool, images *want, images *test)
{
    images *const set[] = {pool, want, test};
    const int64_t n[] = {POOL, WANT, TESTS};
    double *mean, *variance;
    float *basis;
    cull_status s = CULL_OK;
    CULL_TRY(CULL_TMP(cx, mean, PIXELS));
    CULL_TRY(CULL_TMP(cx, variance, D));
    CULL_TRY(CULL_TMP(cx, basis, D * PIXELS));
    for (int i = 0; s == CULL_OK && i < 3; i++) {
        cull_pool *p;
        CULL_TRY(cull_pool_from(cx, set[i]->pixels, CULL_F32, n[i], PIXELS, &p));
        if (i == 0) s = cull__pca(cx, p, D, mean, basis, variance);
        if (s == CULL_OK) s = cull__project(cx, p, D, mean, basis, set[i]->x);
        cull_pool_free(p);
    }
    return s;
}

/* (p - onehot(y)) (x, 1)^T of each of n rows, times `by` (FEATURES, GRADIENT), into out (n, FEATURES). */
static cull_status gradients(cull_ctx *cx, const images *s, int64_t n, const double *w,
                             const float *by, float *out)
{
    cull__mark_t mark = cull__mark(cx);
    double *p;
    float *g;
    CULL_TRY(CULL_TMP(cx, p, n * CLASSES));
    CULL_TRY(CULL_TMP(cx, g, n * GRADIENT));
    CULL_TRY(cull__logreg_predict(cx, s->x, n, D, CLASSES, w, p, NULL));
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < CLASSES; c++)
            for (int t = 0; t <= D; t++)
                g[i * GRADIENT + c * (D + 1) + t] = (float)((p[i * CLASSES + c] - (s->y[i] == c)) *
                                                            (t < D ? (double)s->x[i * D + t] : 1));
    cull__gemm_nt(n, FEATURES, GRADIENT, g, GRADIENT, by, GRADIENT, out, FEATURES);
    cull__release(cx, mark);
    return CULL_OK;
}

typedef struct {
    float *pool, *want; /* (POOL, FEATURES), (WANT, FEATURES) */
} features;

static cull_status whiten(cull_ctx *cx, const features *raw, features *white)
{
    cull_pool *p[2] = {NULL, NULL};
    double *mean, *l;
    CULL_TRY(CULL_TMP(cx, white->pool, POOL * FEATURES));
    CULL_TRY(CULL_TMP(cx, white->want, WANT * FEATURES));
    CULL_TRY(CULL_TMP(cx, mean, FEATURES));
    CULL_TRY(CULL_TMP(cx, l, FEATURES * FEATURES));
    cull_status s = cull_pool_from(cx, raw->pool, CULL_F32, POOL, FEATURES, &p[0]);
    if (s == CULL_OK) s = cull_pool_from(cx, raw->want, CULL_F32, WANT, FEATURES, &p[1]);
    if (s == CULL_OK) s = cull__whitening(cx, (const cull_pool *const *)p, 2, 1e-5, mean, l);
    if (s == CULL_OK) s = cull__whiten(cx, p[0], mean, l, white->pool);
    if (s == CULL_OK) s = cull__whiten(cx, p[1], mean, l, white->want);
    cull_pool_free(p[0]);
    cull_pool_free(p[1]);
    return s;
}

typedef struct {
    double tarot[MOST], raw[MOST], dot[MOST], white[MOST], random[MOST], all[MOST], on_target[MOST];
} figures;

static cull_status keep(cull_ctx *cx, const char *slug, const char *options, const features *f,
                        const images *pool, const images *test, double *accuracy, double *on_target)
{
    int64_t idx[KEEP];
    CULL_TRY(
        cull__claim_pick(cx, slug, options, f->pool, POOL, f->want, WANT, FEATURES, KEEP, idx));
    if (on_target) *on_target = 0;
    for (int i = 0; on_target && i < KEEP; i++)
        *on_target += (idx[i] % DOMAINS == domain_of_class(pool->y[idx[i]])) / (double)KEEP;
    return cull__claim_accuracy(cx, pool->x, pool->y, idx, KEEP, D, test->x, test->y, TESTS,
                                accuracy);
}

static cull_status one_seed(cull_ctx *cx, const cull__images *f, int i, figures *v)
{
    cull_rng r = cull__rng(cx, 1000);
    images pool, want, test;
    features raw, white;
    int64_t *order, n = cull_pool_n(f->train), *all;
    double *w;
    float *by;
    CULL_TRY(images_new(cx, POOL, &pool));
    CULL_TRY(images_new(cx, WANT, &want));
    CULL_TRY(images_new(cx, TESTS, &test));
    CULL_TRY(CULL_TMP(cx, order, n));
    CULL_TRY(CULL_TMP(cx, all, POOL));
    CULL_TRY(CULL_TMP0(cx, w, GRADIENT));
    CULL_TRY(CULL_TMP(cx, by, FEATURES * GRADIENT));
    CULL_TRY(CULL_TMP(cx, raw.pool, POOL * FEATURES));
    CULL_TRY(CULL_TMP(cx, raw.want, WANT * FEATURES));
    CULL_TRY(cull__sample(cx, &r, n, POOL + WANT, order));
    for (int k = 0; k < POOL; k++) put(f->train, f->y, order[k], k % DOMAINS, k, &pool), all[k] = k;
    for (int k = 0; k < WANT; k++)
        put(f->train, f->y, order[POOL + k], domain_of_class(f->y[order[POOL + k]]), k, &want);
    for (int k = 0; k < TESTS; k++)
        put(f->test, f->test_y, k, domain_of_class(f->test_y[k]), k, &test);
    CULL_TRY(components(cx, &pool, &want, &test));
    cull__logreg_opts o = {.iterations = 300};
    CULL_TRY(cull__logreg_fit(cx, pool.x, pool.y, POOL, D, CLASSES, &o, w));
    for (int k = 0; k < FEATURES * GRADIENT; k++)
        by[k] = (float)(cull__rng_normal(&r) / sqrt(GRADIENT));
    CULL_TRY(gradients(cx, &pool, POOL, w, by, raw.pool));
    CULL_TRY(gradients(cx, &want, WANT, w, by, raw.want));
    CULL_TRY(whiten(cx, &raw, &white));
    CULL_TRY(keep(cx, "tarot", "", &raw, &pool, &test, &v->tarot[i], &v->on_target[i]));
    CULL_TRY(keep(cx, "rds-plus", "rule=mean", &raw, &pool, &test, &v->raw[i], NULL));
    CULL_TRY(keep(cx, "rds-plus", "rule=mean unit=false", &raw, &pool, &test, &v->dot[i], NULL));
    CULL_TRY(keep(cx, "rds-plus", "rule=mean", &white, &pool, &test, &v->white[i], NULL));
    CULL_TRY(keep(cx, "random", "", &raw, &pool, &test, &v->random[i], NULL));
    return cull__claim_accuracy(cx, pool.x, pool.y, all, POOL, D, test.x, test.y, TESTS,
                                &v->all[i]);
}

static cull_status seeds_of(cull_ctx *cx, const cull__images *f, int seeds, figures *v)
{
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, i, seeds));
        cull_ctx_reseed(cx, first + (uint64_t)i);
        CULL_TRY(one_seed(cx, f, i, v));
        cull__release(cx, mark);
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    double over_raw[MOST], over_dot[MOST], over_all[MOST], by_whitening[MOST];
    cull__images f;
    figures *v;
    CULL_TRY(CULL_TMP0(cx, v, 1));
    CULL_TRY(cull__fashion_open(cx, data_dir, &f));
    cull_status s = seeds_of(cx, &f, seeds, v);
    cull__fashion_close(&f);
    CULL_TRY(s);
    for (int i = 0; i < seeds; i++) {
        over_raw[i] = v->tarot[i] - v->raw[i];
        over_dot[i] = v->tarot[i] - v->dot[i];
        over_all[i] = v->tarot[i] - v->all[i];
        by_whitening[i] = v->white[i] - v->raw[i];
    }
    cull__claim_line(out, "accuracy over one order by mean influence (products), worst seed",
                     over_dot, false, 0.15, true);
    cull__claim_line(out, "accuracy over one order by mean cosine, worst seed", over_raw, false,
                     0.15, true);
    cull__claim_line(out, "accuracy over all of the pool, worst seed", over_all, false, 0.2, true);
    cull__claim_line(out, "gain of mean cosine by whitening, worst seed", by_whitening, false, 0.1,
                     true);
    cull__claim_figure(out, "accuracy, layers and transport (tarot)", v->tarot);
    cull__claim_figure(out, "accuracy, mean cosine, whitened", v->white);
    cull__claim_figure(out, "accuracy, mean cosine", v->raw);
    cull__claim_figure(out, "accuracy, mean influence (products)", v->dot);
    cull__claim_figure(out, "accuracy, all of the pool", v->all);
    cull__claim_figure(out, "accuracy, random", v->random);
    cull__claim_figure(out, "share of tarot's kept that is of the target's domains", v->on_target);
    out->note =
        "on some seeds the mean cosine of raw gradients does well, so that the lead over it is "
        "there on the mean but not in each; the paper's segmentation, motion and instruction "
        "tuning need gradients of large "
        "networks, which are not made here";
    return CULL_OK;
}

const cull__claim cull__claim_tarot = {
    .about = {.slug = "tarot",
              .claim = "a tenth of the pool, chosen in whitened gradients by layers and transport, "
                       "trains better than by mean similarity, and than all of the pool",
              .setting =
                  "Fashion-MNIST in 5 domains, 5000 examples, 200 of the target, gradients of "
                  "a logistic regression in 128 numbers, 500 kept, 5 seeds",
              .package = "dataset-fashion-mnist"},
    .seeds = 5,
    .run = run,
};
