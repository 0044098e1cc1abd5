/* bench_front.c - times what cull/front.h does, on random fronts (a sphere's part that is positive) and noise.
 *
 *   bench_front [--repeat R] [--write DIR]
 *
 * Prints `case,tool,n,m,seconds,value`: the least processor time of R runs (5), on one thread. --write saves each input as
 * DIR/CASE_N_M.npy, for bench/peers/front_peers.py to run on the same numbers. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "cull/front.h"

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_front: %s\n", cull_error(cx));
    exit(1);
}

static double cpu_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(double *v, int64_t n, int m, bool front)
{
    cull_rng r = cull__rng_seeded(3, (uint64_t)(n * 16 + m));
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int d = 0; d < m; d++) {
            double x = front ? fabs(cull__rng_normal(&r)) : cull__rng_unit(&r);
            v[i * m + d] = x;
            sum += x * x;
        }
        for (int d = 0; d < m && front; d++) v[i * m + d] = 1 - v[i * m + d] / sqrt(sum);
    }
}

static void write_npy(const char *dir, const char *name, const double *v, int64_t n, int m)
{
    char path[4096], head[128];
    if (!dir) return;
    snprintf(path, sizeof path, "%s/%s_%lld_%d.npy", dir, name, (long long)n, m);
    FILE *f = fopen(path, "wb");
    int len = snprintf(head, sizeof head,
                       "{'descr': '<f8', 'fortran_order': False, 'shape': (%lld, %d), }",
                       (long long)n, m);
    int room = 128 - 10;
    if (!f) return;
    memset(head + len, ' ', (size_t)(room - len - 1));
    head[room - 1] = '\n';
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc(room & 255, f);
    fputc(room >> 8, f);
    fwrite(head, 1, (size_t)room, f);
    fwrite(v, sizeof *v, (size_t)(n * m), f);
    if (fclose(f) != 0) fprintf(stderr, "bench_front: cannot write %s\n", path);
}

typedef struct {
    const char *name;
    int64_t n;
    int m;
    bool front;
} sized;

static double run(cull_ctx *cx, const sized *c, const double *v)
{
    static const double ref[16] = {1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1,
                                   1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1};
    int32_t *rank = malloc((size_t)c->n * sizeof *rank), ranks;
    double *each = malloc((size_t)c->n * sizeof *each), value = 0;
    if (strcmp(c->name, "ranks") == 0) {
        must(cx, cull_front_ranks(cx, v, c->n, c->m, NULL, rank, &ranks));
        value = ranks;
    } else if (strcmp(c->name, "nsga2") == 0) {
        must(cx, cull_front_ranks(cx, v, c->n, c->m, NULL, rank, &ranks));
        must(cx, cull_front_crowding(cx, v, c->n, c->m, rank, each));
        value = ranks;
    } else {
        bool shares = strcmp(c->name, "shares") == 0;
        must(cx, cull_front_volume(cx, v, c->n, c->m, ref, &value, shares ? each : NULL));
    }
    free(rank);
    free(each);
    return value;
}

int main(int argc, char **argv)
{
    static const sized cases[] = {
        {"ranks", 10000, 2, false},  {"ranks", 10000, 3, false}, {"ranks", 10000, 3, true},
        {"ranks", 10000, 4, false},  {"ranks", 10000, 5, false}, {"ranks", 10000, 4, true},
        {"ranks", 2000, 8, false},   {"nsga2", 2000, 2, false},  {"nsga2", 2000, 3, false},
        {"nsga2", 2000, 3, true},    {"volume", 1000, 2, true},  {"volume", 1000, 3, true},
        {"volume", 100000, 3, true}, {"volume", 300, 4, true},   {"volume", 1000, 4, true},
        {"volume", 100, 5, true},    {"volume", 300, 5, true},   {"volume", 100, 6, true},
        {"volume", 60, 7, true},     {"volume", 50, 8, true},    {"shares", 1000, 2, true},
        {"shares", 1000, 3, true},   {"shares", 300, 4, true},   {"shares", 100, 5, true}};
    int repeat = 5;
    const char *dir = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--repeat") == 0) repeat = atoi(argv[i + 1]);
        if (strcmp(argv[i], "--write") == 0) dir = argv[i + 1];
    }
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 1;
    cull_ctx *cx = cull_ctx_new(&o);
    printf("case,tool,n,m,seconds,value\n");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const sized *c = cases + k;
        double *v = malloc((size_t)(c->n * c->m) * sizeof *v), least = INFINITY, value = 0;
        fill(v, c->n, c->m, c->front);
        write_npy(dir, c->front ? "sphere" : "noise", v, c->n, c->m);
        for (int i = 0; i <= repeat; i++) {
            double at = cpu_time();
            value = run(cx, c, v);
            at = cpu_time() - at;
            if (i && at < least) least = at;
        }
        printf("%s%s,cull,%lld,%d,%.6f,%.12g\n", c->name, c->front ? "-front" : "", (long long)c->n,
               c->m, least, value);
        free(v);
    }
    cull_ctx_free(cx);
    return 0;
}
