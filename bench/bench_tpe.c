/* bench_tpe.c - what a question to TPE and its answer take after so many trials: 5 reals, 3 ints, 2
 * categories.
 *
 *   bench_tpe [--repeat R]
 *
 * Prints `case,tool,trials,seconds`: processor time of an ask and a tell, the mean of 200 after so many
 * results were added, the least of R runs (3); bench/peers/tpe_optuna.py prints the same of Optuna. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "cull/search.h"

static const char text[] = "r1 = real(0, 1)\nr2 = real(1e-5, 1, log)\nr3 = real(-5, 5)\n"
                           "r4 = real(0, 1)\nr5 = real(1e-3, 10, log)\ni1 = int(1, 10)\n"
                           "i2 = int(1, 1000, log)\ni3 = int(0, 64)\nc1 = one(a, b, c)\n"
                           "c2 = one(a, b, c, d, e)\n";
enum { ASKS = 200 };

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_tpe: %s\n", cull_error(cx));
    exit(1);
}

static double cpu_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double value_of(const double *x)
{
    double d = x[0] - 0.3, e = x[2] / 5 + 0.4, f = x[3] - x[0];
    return d * d + e * e + f * f + 0.01 * x[5] + 0.1 * (x[8] != 1) + 0.1 * (x[9] != 3);
}

static double run(cull_ctx *cx, const cull_space *sp, const char *joint, int objectives, int64_t n)
{
    const cull_objective objective[2] = {{"first", false}, {"second", false}};
    cull_search_problem p = {.space = sp, .objectives = objectives, .objective = objective};
    cull_opts *o;
    cull_study *s;
    double x[10], value[2];
    cull_outcome out = CULL_OUTCOME;
    out.value = value;
    const cull_method *m = cull_method_find("tpe", NULL);
    must(cx, cull_opts_new(cx, m, &o));
    must(cx, cull_opts_set(cx, o, "joint", joint));
    must(cx, cull_study_open(cx, &p, m, o, NULL, &s));
    for (int64_t i = 0; i < n; i++) {
        must(cx, cull_space_draw(cx, sp, (uint64_t)i, x));
        value[0] = value_of(x);
        value[1] = x[3] + x[0];
        must(cx, cull_study_add(s, x, &out, NULL));
    }
    double began = 0;
    for (int i = -10; i < ASKS; i++) {
        cull_trial t;
        if (i == 0) began = cpu_time();
        must(cx, cull_study_ask(s, &t));
        value[0] = value_of(t.x);
        value[1] = t.x[3] + t.x[0];
        must(cx, cull_study_tell(s, t.number, &out));
    }
    double took = (cpu_time() - began) / ASKS;
    cull_study_free(s);
    cull_opts_free(o);
    return took;
}

int main(int argc, char **argv)
{
    int repeat = argc == 3 && !strcmp(argv[1], "--repeat") ? atoi(argv[2]) : 3;
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = 1;
    cull_ctx *cx = cull_ctx_new(&co);
    cull_space *sp;
    must(cx, cull_space_from(cx, text, strlen(text), "space", &sp));
    printf("case,tool,trials,seconds\n");
    const char *const name[3] = {"joint", "apart", "two objectives"};
    for (int c = 0; c < 3; c++) {
        for (int64_t n = 100; n <= 100000; n *= 10) {
            double least = 1e9;
            for (int r = 0; r < repeat; r++) {
                double took = run(cx, sp, c == 1 ? "no" : "yes", c == 2 ? 2 : 1, n);
                if (took < least) least = took;
            }
            printf("%s,cull,%lld,%.3g\n", name[c], (long long)n, least);
            fflush(stdout);
        }
    }
    cull_space_free(sp);
    cull_ctx_free(cx);
    return 0;
}
