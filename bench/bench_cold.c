/* bench_cold.c - the nearest rows in a file that is not in memory, beside plain reading of that file.
 *
 *   bench_cold FILE [--n N] [--d D] [--m QUERIES] [--k K] [--threads T] [--rounds R]
 *
 * FILE, (n, d) f16 as npy, is made unless it is there. Each round forgets the file's pages, reads it
 * from front to back, forgets them again, searches it, and searches once more with all pages at hand.
 * Prints `case,threads,MB/s` of reading, of the cold search and of the warm one, medians, and the ratio
 * of the two cold ones. The file is left for the next run. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cull/store.h"
#include "num/num.h"

enum { ROWS = 4096, STEP = 4 << 20, MOST = 99 };

typedef struct {
    const char *path;
    int64_t n, d, m, k;
    int threads, rounds;
    float *q;
} bench;

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_cold: %s\n", cull_error(cx));
    exit(1);
}

static void noise(cull_rng *r, float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = (float)(cull__rng_unit(r) - 0.5);
}

static void make(cull_ctx *cx, const bench *b)
{
    cull_rng r = cull__rng(cx, 1);
    float *x = malloc(ROWS * (size_t)b->d * sizeof *x);
    cull_store *s;
    if (!x) exit(1);
    must(cx, cull_store_open(cx, b->path, CULL_F16, b->d, 0, &s));
    noise(&r, x, ROWS * b->d);
    while (cull_store_rows(s) < b->n) {
        int64_t left = b->n - cull_store_rows(s), i = (int64_t)cull__rng_below(&r, ROWS * b->d);
        x[i] = -x[i]; /* no two blocks alike */
        cull_array a = {.ndim = 2, .shape = {left < ROWS ? left : ROWS, b->d}, .at = x};
        must(cx, cull_store_append(cx, s, &a));
    }
    must(cx, cull_store_close(cx, s));
    free(x);
}

static void forget(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) exit(1);
    close(fd);
}

static double read_all(const bench *b, double *bytes)
{
    double began = cull__now();
    int fd = open(b->path, O_RDONLY);
    char *buf = malloc(STEP);
    if (fd < 0 || !buf) exit(1);
    *bytes = 0;
    for (ssize_t got; (got = read(fd, buf, STEP)) > 0;) *bytes += (double)got;
    close(fd);
    free(buf);
    return cull__now() - began;
}

static double search(cull_ctx *cx, const bench *b, int64_t *idx, double *score, int64_t *found)
{
    double began = cull__now();
    cull_pool *p;
    must(cx, cull_pool_open(cx, b->path, &p));
    must(cx, cull__pool_topk(cx, p, b->q, b->m, b->k, true, NULL, idx, score, found));
    cull_pool_free(p);
    return cull__now() - began;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t, int n)
{
    qsort(t, (size_t)n, sizeof *t, by_value);
    return t[n / 2];
}

static void rounds(cull_ctx *cx, const bench *b)
{
    int64_t *idx = malloc((size_t)(b->m * b->k) * 8), *found = malloc((size_t)b->m * 8);
    double *score = malloc((size_t)(b->m * b->k) * 8), bytes = 0;
    double t[4][MOST];
    if (!idx || !found || !score) exit(1);
    for (int r = 0; r < b->rounds; r++) {
        forget(b->path);
        t[0][r] = read_all(b, &bytes);
        forget(b->path);
        t[1][r] = search(cx, b, idx, score, found);
        t[2][r] = search(cx, b, idx, score, found);
        t[3][r] = t[0][r] / t[1][r];
    }
    printf("case,threads,MB/s\n");
    const char *const name[] = {"read", "cold", "warm"};
    for (int i = 0; i < 3; i++)
        printf("%s,%d,%.0f\n", name[i], i ? b->threads : 1, bytes / 1e6 / median(t[i], b->rounds));
    printf("# the cold search runs at %.2f of the reading rate (median of %d rounds)\n",
           median(t[3], b->rounds), b->rounds);
    free(idx), free(score), free(found);
}

int main(int argc, char **argv)
{
    bench b = {.n = 1000000, .d = 1024, .m = 64, .k = 10, .threads = 1, .rounds = 3};
    static const char *const names[] = {"--n", "--d", "--m", "--k"};
    int64_t *at[] = {&b.n, &b.d, &b.m, &b.k};
    if (argc < 2) return 2;
    b.path = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        for (int j = 0; j < 4; j++)
            if (!strcmp(argv[i], names[j])) *at[j] = strtoll(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--threads")) b.threads = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--rounds")) b.rounds = atoi(argv[i + 1]);
    }
    if (b.n < 1 || b.d < 1 || b.m < 1 || b.k < 1 || b.rounds < 1 || b.rounds > MOST) return 2;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = b.threads;
    cull_ctx *cx = cull_ctx_new(&o);
    b.q = malloc((size_t)(b.m * b.d) * sizeof *b.q);
    if (!cx || !b.q) return 1;
    cull_rng r = cull__rng(cx, 2);
    noise(&r, b.q, b.m * b.d);
    if (access(b.path, F_OK) != 0) make(cx, &b);
    rounds(cx, &b);
    cull_ctx_free(cx);
    free(b.q);
    return 0;
}
