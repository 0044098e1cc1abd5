/* fashion.c - Fashion-MNIST as Debian installs it, as pixels and in principal components. */
#define _GNU_SOURCE
#include "claim/claim.h"
#include "repr/repr.h"

#include <stdio.h>
#include <unistd.h>

enum { SIDE = CULL__FASHION_SIDE };

static cull_status path_of(cull_ctx *cx, const char *dir, const char *name, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/fashion-mnist/%s", dir, name);
    if (n < 0 || (size_t)n >= size)
        return cull__fail(cx, CULL_EINPUT, "the data directory's name is too long");
    if (access(path, R_OK) != 0)
        return cull__fail(cx, CULL_ENODATA,
                          "%s is not there: install the Debian package dataset-fashion-mnist",
                          path);
    return CULL_OK;
}

static cull_status labels(cull_ctx *cx, const char *path, int64_t n, int32_t *y)
{
    cull__mark_t mark = cull__mark(cx);
    cull_array a;
    double *v;
    CULL_TRY(CULL_TMP(cx, v, n));
    CULL_TRY(cull_array_open(cx, path, NULL, &a));
    bool good = a.ndim == 1 && a.shape[0] == n;
    if (good) cull_array_f64(&a, 0, n, v);
    cull_array_free(&a);
    if (!good) return cull__fail(cx, CULL_EINPUT, "%s: there must be %d labels", path, (int)n);
    for (int64_t i = 0; i < n; i++) {
        if (!(v[i] >= 0 && v[i] <= 9))
            return cull__fail(cx, CULL_EINPUT, "%s: label %d is %g; it must be 0 to 9", path,
                              (int)i, v[i]);
        y[i] = (int32_t)v[i];
    }
    cull__release(cx, mark);
    return CULL_OK;
}

typedef struct {
    double *mean;
    float *components;
} basis;

static cull_status fit(cull_ctx *cx, const cull_pool *p, int64_t d, basis *b)
{
    double *variance;
    CULL_TRY(CULL_TMP(cx, b->mean, cull_pool_d(p)));
    CULL_TRY(CULL_TMP(cx, b->components, d * cull_pool_d(p)));
    CULL_TRY(CULL_TMP(cx, variance, d));
    return cull__pca(cx, p, d, b->mean, b->components, variance);
}

static cull_status project(cull_ctx *cx, const cull_pool *p, int64_t d, const basis *b, float **x)
{
    int64_t n = cull_pool_n(p);
    CULL_TRY(CULL_TMP(cx, *x, n * d));
    CULL_TRY(cull__project(cx, p, d, b->mean, b->components, *x));
    for (int64_t i = 0; i < n * d; i++) (*x)[i] *= 1.0f / 255;
    return CULL_OK;
}

cull_status cull__fashion_open(cull_ctx *cx, const char *dir, cull__images *f)
{
    static const char *const name[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                       "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
    char path[4][512];
    *f = (cull__images){0};
    for (int i = 0; i < 4; i++) CULL_TRY(path_of(cx, dir, name[i], path[i], sizeof path[i]));
    cull_status s = cull_pool_open(cx, path[0], &f->train);
    if (s == CULL_OK) s = cull_pool_open(cx, path[2], &f->test);
    if (s == CULL_OK &&
        (cull_pool_d(f->train) != SIDE * SIDE || cull_pool_d(f->test) != SIDE * SIDE))
        s = cull__fail(cx, CULL_EINPUT, "%s, %s: the images are not of %d x %d pixels", path[0],
                       path[2], SIDE, SIDE);
    if (s == CULL_OK) s = CULL_TMP(cx, f->y, cull_pool_n(f->train));
    if (s == CULL_OK) s = CULL_TMP(cx, f->test_y, cull_pool_n(f->test));
    if (s == CULL_OK) s = labels(cx, path[1], cull_pool_n(f->train), f->y);
    if (s == CULL_OK) s = labels(cx, path[3], cull_pool_n(f->test), f->test_y);
    if (s != CULL_OK) cull__fashion_close(f);
    return s;
}

void cull__fashion_close(cull__images *f)
{
    cull_pool_free(f->train);
    cull_pool_free(f->test);
    *f = (cull__images){0};
}

cull_status cull__fashion_draw(cull_ctx *cx, const cull__images *f, cull_rng r, int64_t trains,
                               int64_t tests, float *x, int32_t *y)
{
    enum { PIXELS = SIDE * SIDE };
    int64_t n = cull_pool_n(f->train), m = cull_pool_n(f->test), *order;
    float image[PIXELS];
    CULL_TRY(CULL_TMP(cx, order, n > m ? n : m));
    if (n < trains || m < tests) return cull__fail(cx, CULL_EINPUT, "there are too few images");
    for (int of_test = 0; of_test < 2; of_test++) {
        int64_t have = of_test ? m : n, want = of_test ? tests : trains;
        for (int64_t i = 0; i < have; i++) order[i] = i;
        cull__rng_shuffle(&r, order, have);
        for (int64_t i = 0; i < want; i++) {
            int64_t at = order[i];
            const float *v = cull_pool_rows(of_test ? f->test : f->train, at, at + 1, image);
            for (int k = 0; k < PIXELS; k++) *x++ = v[k] / 255;
            *y++ = of_test ? f->test_y[at] : f->y[at];
        }
    }
    return CULL_OK;
}

cull_status cull__fashion_load(cull_ctx *cx, const char *dir, int64_t d, cull__fashion *f)
{
    const char *phase = cull__phase(cx, "reading Fashion-MNIST");
    cull__images im;
    basis b;
    CULL_TRY(cull__fashion_open(cx, dir, &im));
    *f = (cull__fashion){.n = cull_pool_n(im.train),
                         .tests = cull_pool_n(im.test),
                         .d = d,
                         .y = im.y,
                         .test_y = im.test_y};
    cull_status s = fit(cx, im.train, d, &b);
    if (s == CULL_OK) s = project(cx, im.train, d, &b, &f->x);
    if (s == CULL_OK) s = project(cx, im.test, d, &b, &f->test);
    cull__fashion_close(&im);
    cull__phase(cx, phase);
    return s;
}
