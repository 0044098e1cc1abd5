/* bench_feature.c - times methods of task feature on a table with classes.
 *
 *   bench_feature X[:MEMBER] Y[:MEMBER] METHOD[,OPTION=VALUE...]... [--budget K] [--threads T] [--repeat R]
 *                 [--columns C] [--true 1,2,...] [--scores]
 *
 * X and Y are arrays of any form that is read (npz: name the member); Y holds classes. --columns takes C of
 * them, evenly spread. Prints `method,threads,seconds`, the median of R runs, and with --true (columns
 * counted from 1) the share of those among the columns kept. --scores prints each column's score. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cull/feature.h"

typedef struct {
    int64_t n, d, columns, budget;
    float *x;
    double *y;
    int threads, repeat;
    const char *truth;
    bool scores;
} bench;

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_feature: %s\n", cull_error(cx));
    exit(1);
}

static void *room(size_t bytes)
{
    void *p = malloc(bytes);
    if (!p) exit(1);
    return p;
}

static cull_array array(cull_ctx *cx, const char *what)
{
    char path[4096];
    cull_array a;
    snprintf(path, sizeof path, "%s", what);
    char *member = strrchr(path, ':');
    if (member) *member++ = 0;
    must(cx, cull_array_open(cx, path, member, &a));
    return a;
}

static void load(cull_ctx *cx, const char *x, const char *y, bench *b)
{
    cull_array a = array(cx, x), c = array(cx, y);
    b->n = a.shape[0];
    b->d = 1;
    for (int i = 1; i < a.ndim; i++) b->d *= a.shape[i];
    if (c.shape[0] != b->n) exit(1);
    float *row = room((size_t)b->d * sizeof *row);
    int64_t keep = b->columns && b->columns < b->d ? b->columns : b->d;
    b->x = room((size_t)(b->n * keep) * sizeof *b->x);
    b->y = room((size_t)b->n * sizeof *b->y);
    for (int64_t i = 0; i < b->n; i++) {
        cull_array_f32(&a, i * b->d, b->d, row);
        for (int64_t k = 0; k < keep; k++) b->x[i * keep + k] = row[k * b->d / keep];
    }
    b->d = keep;
    cull_array_f64(&c, 0, b->n, b->y);
    free(row);
    cull_array_free(&a);
    cull_array_free(&c);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double recall(const char *truth, const cull_feature_pick *k)
{
    int all = 0, found = 0;
    for (const char *at = truth; *at; at += strspn(at, ", ")) {
        char *end;
        long c = strtol(at, &end, 10) - 1;
        if (end == at) break;
        at = end;
        all++;
        for (int64_t i = 0; i < k->pick.n; i++) found += k->pick.idx[i] == c;
    }
    return all ? (double)found / all : 0;
}

static void run(cull_ctx *cx, const bench *b, const cull_pool *pool, char *what)
{
    double seconds[64];
    cull_opts *o;
    cull_feature_pick k = {0};
    char name[256];
    snprintf(name, sizeof name, "%s", what);
    char *opts = strchr(what, ',');
    if (opts) *opts++ = 0;
    const cull_method *m = cull_method_find(what, NULL);
    if (!m) {
        fprintf(stderr, "bench_feature: no method %s\n", what);
        exit(1);
    }
    must(cx, cull_opts_new(cx, m, &o));
    for (char *at = opts ? strtok(opts, ",") : NULL; at; at = strtok(NULL, ",")) {
        char *value = strchr(at, '=');
        if (!value) exit(1);
        *value++ = 0;
        must(cx, cull_opts_set(cx, o, at, value));
    }
    double classes = 0;
    for (int64_t i = 0; i < b->n; i++)
        if (b->y[i] > classes) classes = b->y[i];
    cull_feature_problem p = {.n = b->n,
                              .d = b->d,
                              .x = pool,
                              .y = b->y,
                              .classes = (int32_t)classes + 1,
                              .budget = (double)b->budget};
    for (int r = 0; r < b->repeat; r++) {
        cull_feature_pick_free(&k);
        double t = cull__now();
        must(cx, cull_feature_select(cx, m, o, &p, &k));
        seconds[r] = cull__now() - t;
    }
    qsort(seconds, (size_t)b->repeat, sizeof *seconds, by_value);
    for (char *at = name; *at; at++)
        if (*at == ',') *at = ' ';
    printf("%s,%d,%.4f", name, b->threads, seconds[b->repeat / 2]);
    if (b->truth) printf(",%.2f", recall(b->truth, &k));
    printf("\n");
    for (int64_t c = 0; b->scores && c < b->d; c++) printf("%.17g\n", k.score[c]);
    fflush(stdout);
    cull_feature_pick_free(&k);
    cull_opts_free(o);
}

int main(int argc, char **argv)
{
    bench b = {.budget = 20, .threads = 1, .repeat = 3};
    char *word[64];
    int words = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--scores")) {
            b.scores = true;
            continue;
        }
        if (strncmp(argv[i], "--", 2)) {
            if (words < 64) word[words++] = argv[i];
            continue;
        }
        if (!strcmp(argv[i], "--budget")) b.budget = atoll(value);
        if (!strcmp(argv[i], "--threads")) b.threads = atoi(value);
        if (!strcmp(argv[i], "--repeat")) b.repeat = atoi(value);
        if (!strcmp(argv[i], "--columns")) b.columns = atoll(value);
        if (!strcmp(argv[i], "--true")) b.truth = value;
        i++;
    }
    if (words < 3 || b.repeat < 1 || b.repeat > 64) {
        fprintf(stderr, "usage: bench_feature X[:MEMBER] Y[:MEMBER] METHOD[,OPTION=VALUE...]...\n");
        return 2;
    }
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = b.threads;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_pool *pool;
    load(cx, word[0], word[1], &b);
    must(cx, cull_pool_from(cx, b.x, CULL_F32, b.n, b.d, &pool));
    for (int w = 2; w < words; w++) run(cx, &b, pool, word[w]);
    cull_pool_free(pool);
    free(b.x);
    free(b.y);
    cull_ctx_free(cx);
    return 0;
}
