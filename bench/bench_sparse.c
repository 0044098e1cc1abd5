/* bench_sparse.c - epochs of quickselection on noise, and the products below them. See README.md.
 *
 * usage: bench_sparse [--n ROWS] [--d COLUMNS] [--threads T] [--epochs E] [--repeat R] [--out X.npy] */
#include "cull/cull.h"
#include "cull/feature.h"
#include "nn/sparse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN = 1000, LD = 112 };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return v[n / 2];
}

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_sparse: %s\n", cull_error(cx));
    exit(1);
}

static double seconds(cull_ctx *cx, const cull_feature_problem *p, int64_t epochs)
{
    const cull_method *m = cull_method_find("quickselection", NULL);
    cull_opts *o;
    cull_feature_pick k;
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, epochs);
    must(cx, cull_opts_new(cx, m, &o));
    must(cx, cull_opts_set(cx, o, "epochs", text));
    double at = cull__now();
    must(cx, cull_feature_select(cx, m, o, p, &k));
    at = cull__now() - at;
    cull_feature_pick_free(&k);
    cull_opts_free(o);
    return at;
}

/* One epoch: what `epochs` more of them take. */
static void train(cull_ctx *cx, const cull_feature_problem *p, int64_t epochs, int repeat)
{
    double t[64];
    for (int i = 0; i < repeat; i++) {
        double few = seconds(cx, p, 2);
        t[i] = (seconds(cx, p, 2 + epochs) - few) / (double)epochs;
    }
    printf("quickselection-n%" PRId64 "-d%" PRId64 ",cull,%d,%.4f\n", p->n, p->d,
           cull_ctx_threads(cx), median(t, repeat));
    fprintf(stderr, "# %.1f MiB at most, the rows not counted\n",
            (double)cull_ctx_peak(cx) / 1048576);
}

/* Billions of multiplications a second, on one thread. */
static void products(cull_ctx *cx, int64_t d, int repeat)
{
    const cull__sparse_kern *k = cull__sparse_kernels(cx);
    cull__mark_t mark = cull__mark(cx);
    cull_rng r = cull__rng(cx, 1);
    cull__sparse *s;
    float *wide, *narrow, *g;
    double t[3][64];
    must(cx, cull__sparse_new(cx, d, HIDDEN, 1, &s));
    must(cx, cull__sparse_draw(cx, s, &r, 13 * (d + HIDDEN), 0.1));
    must(cx, CULL_TMP0(cx, wide, s->rows * LD));
    must(cx, CULL_TMP0(cx, narrow, s->cols * LD));
    must(cx, CULL_TMP0(cx, g, s->links));
    for (int i = 0; i < repeat; i++) {
        double at = cull__now();
        k->gather(s, narrow, wide, LD, LD);
        t[0][i] = cull__now() - at, at = cull__now();
        k->scatter(s, wide, narrow, LD, LD);
        t[1][i] = cull__now() - at, at = cull__now();
        k->sampled(s, 0, s->rows, wide, narrow, LD, LD, g);
        t[2][i] = cull__now() - at;
    }
    for (int i = 0; i < 3; i++)
        printf("%s-d%" PRId64 ",cull,1,%.2f\n", (const char *[]){"gather", "scatter", "sampled"}[i],
               d, 1e-9 * (double)s->links * LD / median(t[i], repeat));
    cull__sparse_free(s);
    cull__release(cx, mark);
}

int main(int argc, char **argv)
{
    int64_t n = 2000, d = 10000, epochs = 3;
    int threads = 1, repeat = 3;
    const char *out = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *v = argv[i + 1];
        if (!strcmp(argv[i], "--n")) n = atoll(v);
        if (!strcmp(argv[i], "--d")) d = atoll(v);
        if (!strcmp(argv[i], "--epochs")) epochs = atoll(v);
        if (!strcmp(argv[i], "--threads")) threads = atoi(v);
        if (!strcmp(argv[i], "--repeat")) repeat = atoi(v);
        if (!strcmp(argv[i], "--out")) out = v;
    }
    if (n < 1 || d < 1 || epochs < 1 || repeat < 1 || repeat > 64) return 2;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = threads;
    cull_ctx *cx = cull_ctx_new(&o);
    float *x = malloc((size_t)(n * d) * sizeof *x);
    if (!cx || !x) return 1;
    cull_rng r = cull__rng(cx, 2);
    for (int64_t i = 0; i < n * d; i++) x[i] = (float)cull__rng_normal(&r);
    cull_array a = {.dtype = CULL_F32, .ndim = 2, .shape = {n, d}, .at = x};
    if (out) must(cx, cull_array_write(cx, out, &a));
    cull_pool *pool;
    must(cx, cull_pool_from(cx, x, CULL_F32, n, d, &pool));
    cull_feature_problem p = {.n = n, .d = d, .x = pool, .budget = 50};
    train(cx, &p, epochs, repeat);
    products(cx, d, 21);
    cull_pool_free(pool);
    cull_ctx_free(cx);
    free(x);
    return 0;
}
