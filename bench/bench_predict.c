/* bench_predict.c - predictors on choices as 0 and 1: seconds to fit, and to ask 10,000 rows; one thread.
 *
 *   bench_predict N D [KIND ...]
 *
 * D is a multiple of 3: groups of three columns, one of which is 1. Prints `kind,n,d,fit,ask,r2`, CPU seconds, R^2 on
 * the rows asked. bench/peers/predict_peers.py makes the same rows and gives the ratios to other libraries. */
#define _POSIX_C_SOURCE 199309L
#include "cull/predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ASKED = 10000 };

static uint64_t hashed(uint64_t stream, uint64_t i)
{
    uint64_t z = stream * 0xD1342543DE82EF95u + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double uniform(uint64_t stream, uint64_t i)
{
    return (double)(hashed(stream, i) >> 40) * 0x1p-23 - 1;
}

/* Answers: a share of each choice, shares of pairs of neighbours, noise. */
static void rows(uint64_t stream, int64_t n, int64_t d, double *x, double *y)
{
    memset(x, 0, (size_t)(n * d) * sizeof *x);
    for (int64_t i = 0; i < n; i++) {
        uint64_t was = 0;
        y[i] = 0.3 * uniform(stream + 1, (uint64_t)i);
        for (int64_t g = 0; g < d / 3; g++) {
            uint64_t op = hashed(stream, (uint64_t)(i * (d / 3) + g)) % 3;
            x[i * d + 3 * g + (int64_t)op] = 1;
            y[i] += uniform(99, (uint64_t)(3 * g) + op);
            if (g) y[i] += 0.5 * uniform(98, (uint64_t)(9 * g) + 3 * was + op);
            was = op;
        }
    }
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_predict: %s\n", cull_error(cx));
    exit(1);
}

/* The least of five times, or of as many as take a second. */
static void one(cull_ctx *cx, cull_predict_kind k, const double *x, const double *y, int64_t n,
                int64_t d, const double *q, const double *want)
{
    static double mean[ASKED];
    double fit = INFINITY, ask = INFINITY, begun = cpu(), e = 0, v = 0, m = 0;
    cull_predict_opts o = CULL_PREDICT_OPTS;
    o.kind = k;
    for (int i = 0; i < 5 && (!i || cpu() - begun < 1); i++) {
        cull_predictor *p;
        double t = cpu();
        must(cx, cull_predictor_fit(cx, x, y, NULL, n, d, &o, 1, &p));
        fit = fmin(fit, cpu() - t);
        t = cpu();
        must(cx, cull_predictor_say(cx, p, q, ASKED, mean, NULL));
        ask = fmin(ask, cpu() - t);
        cull_predictor_free(p);
    }
    for (int i = 0; i < ASKED; i++) m += want[i] / ASKED;
    for (int i = 0; i < ASKED; i++)
        e += (mean[i] - want[i]) * (mean[i] - want[i]), v += (want[i] - m) * (want[i] - m);
    printf("%s,%d,%d,%.6f,%.6f,%.4f\n", cull_predict_name(k), (int)n, (int)d, fit, ask, 1 - e / v);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int64_t n = argc > 2 ? atoll(argv[1]) : 0, d = argc > 2 ? atoll(argv[2]) / 3 * 3 : 0;
    if (n < 2 || d < 3 || n > 1000000 || d > 3000) {
        fprintf(stderr, "usage: bench_predict N D [KIND ...]\n");
        return 2;
    }
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = 1;
    cull_ctx *cx = cull_ctx_new(&co);
    double *x = malloc((size_t)(n * d) * sizeof *x), *y = malloc((size_t)n * sizeof *y);
    double *q = malloc((size_t)(ASKED * d) * sizeof *q), *want = malloc(ASKED * sizeof *want);
    if (!cx || !x || !y || !q || !want) return 1;
    rows(1, n, d, x, y);
    rows(11, ASKED, d, q, want);
    for (int k = CULL_PREDICT_RIDGE; k < CULL_PREDICTORS; k++) {
        bool asked = argc == 3;
        for (int i = 3; i < argc; i++)
            asked |= !strcmp(argv[i], cull_predict_name((cull_predict_kind)k));
        if (asked) one(cx, (cull_predict_kind)k, x, y, n, d, q, want);
    }
    free(x), free(y), free(q), free(want);
    cull_ctx_free(cx);
}
