/* bench_prune.c - times the forward pass of models beside one another, in turns, on one thread: what pruning saves.
 *
 *   bench_prune ROUNDS BATCH MODEL...
 *
 * MODEL is a name of the zoo or a .safetensors file that cull model prune wrote. Prints `model,macs,milliseconds,ratio,low,high`: of an
 * image, the median of the processor's time; the ratio to the first model, the median over rounds and its quartiles. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cull/model.h"
#include "cull/nn_ops.h"
#include "cull/report.h"

enum { MODELS = 16, ROUNDS = 1000, WARM = 3 };
static double took[MODELS][ROUNDS], ratio[MODELS][ROUNDS];

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_prune: %s\n", cull_error(cx));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static cull_model *open_model(cull_ctx *cx, const char *what)
{
    cull_model *m;
    char *text = NULL;
    if (!strstr(what, ".safetensors")) {
        must(cx, cull_model_open(cx, what, NULL, &m));
        return m;
    }
    must(cx, cull_model_text_of(cx, what, &text));
    if (!text) {
        fprintf(stderr, "bench_prune: %s holds no description of a model\n", what);
        exit(1);
    }
    must(cx, cull_model_from(cx, text, strlen(text), what, NULL, &m));
    must(cx, cull_model_load(cx, m, what, NULL, NULL));
    cull_text_free(text);
    return m;
}

static double forward(cull_ctx *cx, cull_model *m, cull_tape *t, int rank, const int64_t *dim,
                      const float *x)
{
    double begin = now();
    cull_tape_reset(t, cx, 0, 0);
    cull_model_forward(m, t, cull_nn_input(t, rank + 1, dim, x, false), NULL);
    must(cx, cull_tape_status(t));
    return now() - begin;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    int rounds = argc > 3 ? atoi(argv[1]) : 0, models = argc - 3;
    int64_t dim[4] = {argc > 3 ? atoi(argv[2]) : 0}, n = 1;
    cull_ctx_opts o = CULL_CTX_OPTS;
    cull_model *m[MODELS];
    cull_tape *t[MODELS];
    if (rounds < 1 || rounds > ROUNDS || dim[0] < 1 || models > MODELS) {
        fprintf(stderr, "usage: bench_prune ROUNDS BATCH MODEL...\n");
        return 2;
    }
    o.threads = 1;
    cull_ctx *cx = cull_ctx_new(&o);
    for (int i = 0; i < models; i++) {
        m[i] = open_model(cx, argv[3 + i]);
        must(cx, cull_tape_new(cx, cull_model_params(m[i]), &t[i]));
    }
    int rank = cull_model_input(m[0], dim + 1);
    for (int i = 0; i <= rank; i++) n *= dim[i];
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(i * 2654435761u % 1000u) / 500 - 1;
    for (int r = -WARM; r < rounds; r++)
        for (int i = 0; i < models; i++) {
            double s = forward(cx, m[i], t[i], rank, dim, x);
            if (r < 0) continue;
            took[i][r] = s;
            ratio[i][r] = took[0][r] / s;
        }
    for (int i = 0; i < models; i++) {
        qsort(took[i], (size_t)rounds, sizeof(double), by_size);
        qsort(ratio[i], (size_t)rounds, sizeof(double), by_size);
        printf("%s,%.0f,%.4f,%.3f,%.3f,%.3f\n", argv[3 + i], cull_model_totals(m[i]).macs,
               1e3 * took[i][rounds / 2] / (double)dim[0], ratio[i][rounds / 2],
               ratio[i][rounds / 4], ratio[i][rounds * 3 / 4]);
        cull_tape_free(t[i]);
        cull_model_free(m[i]);
    }
    free(x);
    cull_ctx_free(cx);
    return 0;
}
