/* bench_num.c - times the searches of src/num, and facility location, on generated input.
 *
 *   bench_num topk|kmeans|best|sinkhorn|near|near-noise|distinct|gemm|dot|facility-location [--n N] [--d D]
 *             [--m QUERIES] [--k K] [--cosine C] [--neighbours B] [--threads T] [--repeat R] [--write DIR]
 *
 * Prints `case,tool,threads,seconds,gflops`, the median of R runs after one to warm up. --write saves
 * the input as DIR/x.npy, q.npy or start.npy, for the peers' scripts to run on the same numbers; of
 * sinkhorn also DIR/value.txt: epsilon, the dual value that was timed, and the best one between bounds. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cull/data.h"
#include "num/num.h"

typedef struct {
    const char *name, *dir, *neighbours;
    int64_t n, d, m, k;
    int threads, repeat;
    double cosine;
    float *x, *q;
    int64_t centres;
    const float *centre;
} bench;

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_num: %s\n", cull_error(cx));
    exit(1);
}

static float noise(cull_rng *r) /* about normal: four bytes' sum, mean 0, variance 1 */
{
    uint32_t u = cull__rng_u32(r);
    int s = (int)(u & 255) + (int)(u >> 8 & 255) + (int)(u >> 16 & 255) + (int)(u >> 24);
    return (float)(s - 510) * (1 / 147.8f);
}

/* Rows about `centres` points, so that k-means has something to find. */
static cull_status fill(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    bench *b = arg;
    cull_rng r = cull__rng(cx, (uint64_t)chunk + 7);
    for (int64_t i = lo; i < hi; i++) {
        const float *c = b->centres ? b->centre + cull__rng_below(&r, b->centres) * b->d : NULL;
        for (int64_t j = 0; j < b->d; j++) b->x[i * b->d + j] = noise(&r) + (c ? c[j] : 0);
    }
    return CULL_OK;
}

/* What embeddings are like: variance falls with the direction, and every 20th row is a near copy of one
 * before it (noise of up to 0.5 of its length: a cosine of 0.9 and more). */
static void like_embeddings(bench *b)
{
    cull_rng r = cull__rng_seeded(1, 6);
    for (int64_t j = 0; j < b->d; j++) {
        float scale = (float)pow((double)(j + 1), -0.4);
        for (int64_t i = 0; i < b->n; i++) b->x[i * b->d + j] *= scale;
    }
    for (int64_t i = 19; i < b->n; i += 20) {
        const float *from = b->x + cull__rng_below(&r, i) * b->d;
        float *to = b->x + i * b->d, by = 0.5f * (float)cull__rng_unit(&r), length = 0;
        for (int64_t j = 0; j < b->d; j++) length += from[j] * from[j];
        by *= sqrtf(length / (float)b->d);
        for (int64_t j = 0; j < b->d; j++) to[j] = from[j] + by * noise(&r);
    }
}

static void write_npy(const bench *b, const char *name, const float *a, int64_t n, int64_t d)
{
    char path[4096], head[128];
    if (!b->dir) return;
    snprintf(path, sizeof path, "%s/%s.npy", b->dir, name);
    FILE *f = fopen(path, "wb");
    int len = snprintf(head, sizeof head,
                       "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                       (long long)n, (long long)d);
    memset(head + len, ' ', sizeof head - (size_t)len);
    head[117] = '\n';
    if (!f || fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f) != 10 ||
        fwrite(head, 1, 118, f) != 118 ||
        fwrite(a, sizeof *a, (size_t)(n * d), f) != (size_t)(n * d) || fclose(f)) {
        fprintf(stderr, "bench_num: cannot write %s\n", path);
        exit(1);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static cull_status gemm_loop(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    bench *b = arg;
    cull__gemm g;
    float *s;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, s, b->m * 512));
    CULL_TRY(cull__gemm_open(cx, b->m, 512, b->d, &g));
    for (int64_t i = lo; i < hi; i += 512)
        cull__gemm_run(&g, b->m, hi - i < 512 ? hi - i : 512, b->q, b->x + i * b->d, s);
    cull__gemm_close(&g);
    return CULL_OK;
}

static cull_status norm_loop(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    bench *b = arg;
    double s = 0;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++)
        s += cull__kernels(cx)->dot(b->x + i * b->d, b->x + i * b->d, b->d);
    return s < 0 ? CULL_EINTERNAL : CULL_OK;
}

static void transport(cull_ctx *cx, const bench *b, const cull_pool *p, double tolerance,
                      cull__transport *t)
{
    const cull__sinkhorn_opts o = {
        .epsilon = 0.02, .relative = true, .tolerance = tolerance, .iterations = 10000};
    double *f = malloc((size_t)b->n * sizeof *f), *g = malloc((size_t)b->m * sizeof *g);
    cull_pool *q;
    must(cx, cull_pool_from(cx, b->q, CULL_F32, b->m, b->d, &q));
    must(cx, cull__sinkhorn(cx, p, q, &o, f, g, t));
    cull_pool_free(q);
    free(f), free(g);
}

static void write_value(cull_ctx *cx, const bench *b, const cull_pool *p)
{
    char path[4096];
    cull__transport t, best;
    snprintf(path, sizeof path, "%s/value.txt", b->dir);
    FILE *f = fopen(path, "w");
    transport(cx, b, p, 1e-3, &t);
    transport(cx, b, p, 3e-5, &best);
    if (!f ||
        fprintf(f, "%.17g %.17g %.17g %.17g\n", t.epsilon, t.dual, best.dual, best.primal) < 0 ||
        fclose(f))
        exit(1);
}

typedef struct {
    int64_t *idx, *found;
    double *score;
    int32_t *which;
} space;

static void facility(cull_ctx *cx, const bench *b, const cull_pool *p)
{
    const cull_method *m = cull_method_find("facility-location", NULL);
    cull_data_problem problem = {.n = b->n, .pool = p, .budget = (double)b->k};
    cull_opts *o;
    cull_pick k;
    double sum = 0;
    must(cx, cull_opts_new(cx, m, &o));
    must(cx, cull_opts_set(cx, o, "neighbours", b->neighbours));
    must(cx, cull_data_pick(cx, m, o, &problem, &k));
    for (int64_t i = 0; i < k.n; i++) sum += k.score[i];
    fprintf(stderr, "# cull: objective %.9g, %.0f MiB held\n", sum,
            (double)cull_ctx_peak(cx) / (1 << 20));
    cull_pick_free(&k);
    cull_opts_free(o);
}

static cull_status count_pair(cull_ctx *cx, void *arg, int64_t i, int64_t j, double cosine)
{
    (void)cx, (void)i, (void)j, (void)cosine;
    ++*(int64_t *)arg;
    return CULL_OK;
}

static void near(cull_ctx *cx, const bench *b, const cull_pool *p)
{
    int64_t found = 0;
    if (!strcmp(b->name, "distinct")) {
        int64_t *stands = malloc((size_t)b->n * sizeof *stands);
        if (!stands) exit(1);
        must(cx, cull__pool_distinct(cx, p, NULL, b->n, b->cosine, stands, NULL));
        for (int64_t i = 0; i < b->n; i++) found += stands[i] != i;
        free(stands);
    } else {
        must(cx, cull__pool_near(cx, p, b->cosine, count_pair, &found));
    }
    fprintf(stderr, "# cull: %lld found, %.0f MiB held\n", (long long)found,
            (double)cull_ctx_peak(cx) / (1 << 20));
}

static void once(cull_ctx *cx, bench *b, const cull_pool *p, space *o, double *flop)
{
    *flop = 2.0 * (double)b->n * (double)b->d * (double)b->m;
    if (!strcmp(b->name, "topk")) {
        must(cx, cull__pool_topk(cx, p, b->q, b->m, b->k, true, NULL, o->idx, o->score, o->found));
    } else if (!strcmp(b->name, "best")) {
        must(cx, cull__pool_best(cx, p, b->q, b->m, true, o->score, o->which, NULL));
    } else if (!strcmp(b->name, "sinkhorn")) {
        cull__transport t;
        double at = cull__now();
        transport(cx, b, p, 1e-3, &t);
        at = cull__now() - at;
        *flop *= (double)t.iterations + 1; /* and the certificate */
        fprintf(
            stderr,
            "# dual %.9g primal %.9g (+- %.1g) error %.2g, %d iterations, %.3g exponentials/s\n",
            t.dual, t.primal, t.rounding, t.error, (int)t.iterations,
            *flop / (2 * (double)b->d) / at);
    } else if (b->cosine > 0) {
        *flop = (double)b->n * (double)(b->n - 1) * (double)b->d; /* each pair once */
        near(cx, b, p);
    } else if (!strcmp(b->name, "gemm")) {
        must(cx, cull__for(cx, b->n, 2048, gemm_loop, b));
    } else if (!strcmp(b->name, "facility-location")) {
        *flop = 2.0 * (double)b->n * (double)b->n * (double)b->d;
        facility(cx, b, p);
    } else if (!strcmp(b->name, "dot")) {
        *flop = 2.0 * (double)b->n * (double)b->d;
        must(cx, cull__for(cx, b->n, 2048, norm_loop, b));
    } else {
        cull__kmeans_opts k = {.k = b->k, .iterations = 10, .restarts = 1, .start = b->q};
        double obj;
        float *c = malloc((size_t)(b->k * b->d) * sizeof *c);
        must(cx, cull__kmeans(cx, p, &k, c, o->which, o->idx, &obj));
        free(c);
        fprintf(stderr, "# objective %.9g\n", obj);
        *flop = 2.0 * (double)b->n * (double)b->d * (double)b->k * 11;
    }
}

static void option(bench *b, const char *name, const char *v)
{
    static const char *const names[] = {"--n", "--d", "--m", "--k"};
    int64_t *at[] = {&b->n, &b->d, &b->m, &b->k};
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i])) *at[i] = strtoll(v, NULL, 10);
    if (!strcmp(name, "--cosine")) b->cosine = atof(v);
    if (!strcmp(name, "--threads")) b->threads = atoi(v);
    if (!strcmp(name, "--repeat")) b->repeat = atoi(v);
    if (!strcmp(name, "--write")) b->dir = v;
    if (!strcmp(name, "--neighbours")) b->neighbours = v;
}

int main(int argc, char **argv)
{
    bench b = {.name = argc > 1 ? argv[1] : "topk", .n = 500000, .d = 384, .m = 500, .k = 10};
    bool kmeans = !strcmp(b.name, "kmeans"), facility_ = !strcmp(b.name, "facility-location");
    bool near_ = !strncmp(b.name, "near", 4) || !strcmp(b.name, "distinct");
    bool noisy = !strcmp(b.name, "near-noise"), plain = !kmeans && !facility_ && (!near_ || noisy);
    b.threads = 1;
    b.repeat = 3;
    b.neighbours = "-1";
    if (kmeans) b.d = 64, b.k = 256;
    if (facility_) b.n = 10000, b.d = 1024, b.k = 1000;
    if (near_) b.n = 100000, b.m = b.k = 1, b.cosine = 0.9;
    if (!strcmp(b.name, "sinkhorn")) b.n = b.m = 5000, b.d = 64, b.k = 1;
    for (int i = 2; i + 1 < argc; i += 2) option(&b, argv[i], argv[i + 1]);
    if (b.repeat < 1 || b.repeat > 99 || b.n < 1 || b.d < 1 || b.m < 1 || b.k < 1) return 2;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = b.threads;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_pool *p;
    b.x = malloc((size_t)(b.n * b.d) * sizeof *b.x);
    bench c = {.name = b.name,
               .n = kmeans      ? 2 * b.k
                    : facility_ ? 100
                    : near_     ? 1000
                                : b.m,
               .d = b.d};
    c.x = malloc((size_t)(c.n * c.d) * sizeof *c.x);
    space s = {.idx = malloc((size_t)(b.m * b.k + b.k) * 8), .found = malloc((size_t)b.m * 8)};
    s.score = malloc((size_t)(b.m * b.k + b.n) * 8);
    s.which = malloc((size_t)b.n * 4);
    if (!cx || !b.x || !c.x || !s.idx || !s.found || !s.score || !s.which) return 1;
    cull_ctx_reseed(cx, 99);
    must(cx, cull__for(cx, c.n, 1024, fill, &c));
    cull_ctx_reseed(cx, 1);
    if (!plain) b.centres = c.n, b.centre = c.x;
    must(cx, cull__for(cx, b.n, 1024, fill, &b));
    if (near_ && !noisy) like_embeddings(&b);
    b.q = kmeans ? b.x : c.x; /* k-means starts at the first k rows */
    must(cx, cull_pool_from(cx, b.x, CULL_F32, b.n, b.d, &p));
    write_npy(&b, "x", b.x, b.n, b.d);
    if (!facility_ && !near_) write_npy(&b, kmeans ? "start" : "q", b.q, kmeans ? b.k : b.m, b.d);
    if (b.dir && !strcmp(b.name, "sinkhorn")) write_value(cx, &b, p);
    double t[99], flop = 0;
    for (int r = -1; r < b.repeat; r++) {
        double at = cull__now();
        once(cx, &b, p, &s, &flop);
        if (r >= 0) t[r] = cull__now() - at;
    }
    qsort(t, (size_t)b.repeat, sizeof *t, by_value);
    printf("%s-n%lld-d%lld-m%lld-k%lld,cull,%d,%.4f,%.1f\n", b.name, (long long)b.n, (long long)b.d,
           plain && !near_ ? (long long)b.m : 0, (long long)b.k, b.threads, t[b.repeat / 2],
           flop / t[b.repeat / 2] * 1e-9);
    cull_pool_free(p);
    cull_ctx_free(cx);
    free(b.x), free(c.x), free(s.idx), free(s.found), free(s.score), free(s.which);
    return 0;
}
