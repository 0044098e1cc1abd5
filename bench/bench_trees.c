/* bench_trees.c - methods of task feature on a file of rows and answers, by seed.
 *
 *   bench_trees X Y METHOD [--seeds N] [--threads T] [--budget B] [--numbers] [OPTION=VALUE ...]
 *
 * X, Y: arrays (`madelon.npz:X`); answers are classes 0, 1, ... unless --numbers. Prints
 * `method,threads,seed,seconds,kept` and the columns kept, counted from 0 and ascending. */
#include "cull/cull.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_trees: %s\n", cull_error(cx));
    exit(1);
}

static int by_index(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void once(cull_ctx *cx, const cull_method *m, const cull_opts *o,
                 const cull_feature_problem *p, int seed)
{
    cull_feature_pick k;
    cull_ctx_reseed(cx, (uint64_t)seed);
    double t = cull__now();
    must(cx, cull_feature_select(cx, m, o, p, &k));
    t = cull__now() - t;
    qsort(k.pick.idx, (size_t)k.pick.n, sizeof *k.pick.idx, by_index);
    printf("%s,%d,%d,%.3f,%d", m->slug, cull_ctx_threads(cx), seed, t, (int)k.pick.n);
    for (int64_t i = 0; i < k.pick.n && i < 200; i++)
        printf("%c%d", i ? ' ' : ',', (int)k.pick.idx[i]);
    int left = 0;
    for (int64_t c = 0; k.verdict && c < k.d; c++) left += k.verdict[c] == CULL_TENTATIVE;
    printf(",%d tentative\n", left);
    fflush(stdout);
    cull_feature_pick_free(&k);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: bench_trees X Y METHOD [--seeds N] [--threads T] [--budget B] "
                        "[--numbers] [OPTION=VALUE ...]\n");
        return 2;
    }
    int seeds = 1, threads = 1;
    bool numbers = false;
    double budget = INFINITY;
    const cull_method *m = cull_method_find(argv[3], NULL);
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_opts *o;
    for (int i = 4; i < argc; i++)
        if (!strcmp(argv[i], "--threads") && i + 1 < argc) threads = atoi(argv[i + 1]);
    co.threads = threads;
    cull_ctx *cx = cull_ctx_new(&co);
    if (!m || !cx) return fprintf(stderr, "bench_trees: no method %s\n", argv[3]), 2;
    must(cx, cull_opts_new(cx, m, &o));
    for (int i = 4; i < argc; i++) {
        char *eq = strchr(argv[i], '=');
        if (!strcmp(argv[i], "--seeds"))
            seeds = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--threads"))
            i++;
        else if (!strcmp(argv[i], "--budget"))
            budget = atof(argv[++i]);
        else if (!strcmp(argv[i], "--numbers"))
            numbers = true;
        else if (eq)
            *eq = 0, must(cx, cull_opts_set(cx, o, argv[i], eq + 1));
    }
    cull_pool *x;
    cull_array ya;
    must(cx, cull_pool_open(cx, argv[1], &x));
    must(cx, cull_array_open(cx, argv[2], NULL, &ya));
    int64_t n = cull_pool_n(x);
    double *y = malloc((size_t)n * sizeof *y), most = 0;
    if (!y) return 1;
    cull_array_f64(&ya, 0, n, y);
    for (int64_t i = 0; i < n; i++) most = y[i] > most ? y[i] : most;
    cull_feature_problem p = {.n = n,
                              .d = cull_pool_d(x),
                              .x = x,
                              .y = y,
                              .classes = numbers ? 0 : (int32_t)most + 1,
                              .budget = budget};
    for (int s = 1; s <= seeds; s++) once(cx, m, o, &p, s);
    free(y);
    cull_array_free(&ya);
    cull_pool_free(x);
    cull_opts_free(o);
    cull_ctx_free(cx);
    return 0;
}
