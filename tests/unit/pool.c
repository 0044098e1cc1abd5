/* pool: arrays of any shape as rows, spills, the check for numbers. */
#include "files.h"

#include <pthread.h>

#include "io/io.h"
#include "repr/repr.h"

static void shapes(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static uint16_t v[2 * 3 * 4 * 5];
    cull_rng r = cull__rng_seeded(4, 4);
    for (int i = 0; i < 120; i++) v[i] = cull__f32_to_f16((float)cull__rng_normal(&r));
    static const struct {
        int ndim;
        int64_t shape[4], n, d;
    } good[] = {{1, {120}, 120, 1},         {2, {10, 12}, 10, 12}, {3, {2, 3, 20}, 2, 60},
                {4, {2, 3, 4, 5}, 2, 60},   {2, {0, 7}, 0, 7},     {3, {0, 7, 2}, 0, 14},
                {4, {120, 1, 1, 1}, 120, 1}};
    cull_pool *p;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cull_array a = {.dtype = CULL_F16, .ndim = good[i].ndim, .at = v};
        memcpy(a.shape, good[i].shape, sizeof good[i].shape);
        ok(cx, cull_array_write(cx, in_dir("p.npz"), &a));
        ok(cx, cull_pool_open(cx, in_dir("p.npz"), &p));
        assert_int_equal(cull_pool_n(p), good[i].n);
        assert_int_equal(cull_pool_d(p), good[i].d);
        assert_int_equal(cull_pool_dtype(p), CULL_F16);
        assert_non_null(strstr(cull_pool_name(p), "p.npz"));
        float buf[120];
        const float *x = cull_pool_rows(p, 0, good[i].n, buf);
        for (int64_t k = 0; k < good[i].n * good[i].d; k++)
            assert_true(x[k] == cull__f16_to_f32(v[k]));
        if (good[i].n > 1) {
            x = cull_pool_rows(p, 1, 2, buf);
            assert_true(x[0] == cull__f16_to_f32(v[good[i].d]));
        }
        ok(cx, cull_pool_check(cx, p));
        cull_array b = cull_pool_array(p);
        assert_int_equal(b.ndim, 2);
        assert_int_equal(b.shape[1], good[i].d);
        ok(cx, cull_array_write(cx, in_dir("q.npy"), &b)); /* a pool writes as an array */
        /* rows taken keep the shape of a row, the dtype and the name */
        const int64_t rows[] = {1, 0, 1}, beyond[] = {0, good[i].n};
        int64_t m = good[i].n > 1 ? 3 : 0, d = good[i].d;
        ok(cx, cull_pool_write_rows(cx, p, rows, m, in_dir("q.npz")));
        refused(cx, cull_pool_write_rows(cx, p, beyond, 2, in_dir("q.npz")), CULL_EINPUT,
                "is not one of 0 to");
        ok(cx, cull_array_open(cx, in_dir("q.npz"), NULL, &b));
        assert_int_equal(b.ndim, good[i].ndim);
        assert_int_equal(b.shape[0], m);
        for (int k = 1; k < b.ndim; k++) assert_int_equal(b.shape[k], good[i].shape[k]);
        assert_string_equal(b.name, "embeddings");
        for (int64_t k = 0; k < m * d; k++)
            assert_int_equal(((const uint16_t *)b.at)[k], v[rows[k / d] * d + k % d]);
        cull_array_free(&b);
        cull_pool_free(p);
    }
    static const struct {
        const char *dict, *part;
        size_t n;
    } bad[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", "shape () is no pool", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0)}", "shape (3, 0) is no pool", 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}",
         "(0, 4294967296, 4294967296) is no pool", 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3, 0)}", "is no pool", 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bytes b = {.n = 0};
        npy(&b, 1, bad[i].dict, "1234", bad[i].n);
        refused(cx, cull_pool_open(cx, spit("b.npy", b.at, b.n), &p), CULL_EINPUT, bad[i].part);
        assert_null(p);
    }
    refused(cx, cull_pool_from(cx, v, CULL_F32, -1, 3, &p), CULL_EINPUT, "(-1, 3)");
    refused(cx, cull_pool_from(cx, v, CULL_F32, 3, 0, &p), CULL_EINPUT, "(3, 0)");
    refused(cx, cull_pool_from(cx, v, CULL_F32, INT64_MAX, 8, &p), CULL_EINPUT, "a pool of shape");
    refused(cx, cull_pool_from(cx, v, (cull_dtype)99, 1, 8, &p), CULL_EINPUT, "a pool of shape");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* f32 at an odd address cannot be pointed into. */
static void odd_address(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static float v[12], buf[12];
    static unsigned char raw[12 * 4 + 4];
    cull_rng r = cull__rng_seeded(4, 5);
    for (int i = 0; i < 12; i++) v[i] = (float)cull__rng_normal(&r);
    for (size_t shift = 0; shift < 4; shift++) {
        cull_pool *p;
        memcpy(raw + shift, v, sizeof v);
        ok(cx, cull_pool_from(cx, raw + shift, CULL_F32, 3, 4, &p));
        const float *x = cull_pool_rows(p, 1, 3, buf);
        assert_memory_equal(x, v + 4, 32);
        cull_pool_free(p);
    }
    cull_ctx_free(cx);
}

static void checks(void **state)
{
    (void)state;
    enum { N = 2000, D = 77 };
    float *v = malloc(N * D * sizeof *v);
    for (int threads = 1; threads <= 2; threads++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = threads;
        cull_ctx *cx = cull_ctx_new(&o);
        cull_pool *p;
        for (int i = 0; i < N * D; i++) v[i] = (float)i * 1e30f;
        ok(cx, cull_pool_from(cx, v, CULL_F32, N, D, &p));
        ok(cx, cull_pool_check(cx, p));
        v[1999 * D + 76] = INFINITY;
        refused(cx, cull_pool_check(cx, p), CULL_EINPUT, "memory[1999, 76] is infinite");
        v[3 * D + 5] = NAN; /* of several, the first is told */
        refused(cx, cull_pool_check(cx, p), CULL_EINPUT, "memory[3, 5] is nan");
        cull_pool_free(p);
        cull_ctx_free(cx);
    }
    free(v);
}

static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

static void spills(void **state)
{
    (void)state;
    for (int disk = 0; disk < 2; disk++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.memory = 4 << 20;
        cull_ctx *cx = cull_ctx_new(&o);
        cull_pool *p;
        float *rows;
        int before = open_files();
        int64_t n = disk ? 20000 : 2000, d = 100;
        ok(cx, cull__pool_spill(cx, n, d, &rows, &p)); /* 0.8 MB of 4 MiB, then 8 MB */
        for (int64_t i = 0; i < n * d; i++) assert_true(rows[i] == 0);
        for (int64_t i = 0; i < n * d; i++) rows[i] = (float)i;
        assert_ptr_equal(cull_pool_rows(p, 7, 9, NULL), rows + 700);
        assert_int_equal(cull_pool_n(p), n);
        ok(cx, cull_pool_check(cx, p));
        assert_true((cull__memory_left(cx) > 4000000) == disk); /* a file's pages are not counted */
        cull_pool_free(p);
        assert_int_equal(open_files(), before);
        refused(cx, cull__pool_spill(cx, INT64_MAX / 4, 100, &rows, &p), CULL_EINPUT, "a pool of");
        refused(cx, cull__pool_spill(cx, 3, 0, &rows, &p), CULL_EINPUT, "a pool of shape (3, 0)");
        ok(cx, cull__pool_spill(cx, 0, 3, &rows, &p));
        cull_pool_free(p);
        cull_ctx_free(cx);
    }
    for (long k = 1;; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_pool *p;
        float *rows;
        h.fail_at = h.calls + k;
        cull_status s = cull__pool_spill(cx, 5, 3, &rows, &p);
        bool reached = h.calls >= h.fail_at;
        assert_true(s == (reached ? CULL_ENOMEM : CULL_OK));
        cull_pool_free(p);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!reached) break;
    }
}

typedef struct {
    const cull_pool *p;
    double sum;
} reader;
static void *read_rows(void *arg)
{
    reader *r = arg;
    float buf[10 * 64];
    for (int turn = 0; turn < 20; turn++)
        for (int64_t lo = 0; lo < 500; lo += 10) {
            const float *x = cull_pool_rows(r->p, lo, lo + 10, buf);
            for (int i = 0; i < 640; i++) r->sum += (double)x[i];
        }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static uint16_t v[500 * 64];
    cull_rng r = cull__rng_seeded(4, 9);
    for (int i = 0; i < 500 * 64; i++) v[i] = (uint16_t)(cull__rng_u32(&r) & 0x3FFF);
    cull_pool *p;
    ok(cx, cull_pool_from(cx, v, CULL_BF16, 500, 64, &p));
    reader one = {p, 0}, many[4];
    pthread_t t[4];
    read_rows(&one);
    for (int i = 0; i < 4; i++) {
        many[i] = (reader){p, 0};
        assert_int_equal(pthread_create(&t[i], NULL, read_rows, &many[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_true(many[i].sum == one.sum);
    }
    cull_pool_free(p);
    cull_ctx_free(cx);
}

/* A file large enough to be read ahead: the same rows in every order, by many workers, over passes. */
typedef struct {
    const cull_pool *p;
    _Atomic int wrong;
} pass;

static cull_status look(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    pass *a = arg;
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, 100 * 1024));
    for (int64_t b = lo; b < hi; b += 100) {
        int64_t n = hi - b < 100 ? hi - b : 100;
        const float *x = cull_pool_rows(a->p, b, b + n, buf);
        for (int64_t r = 0; r < n; r++)
            a->wrong += x[r * 1024] != (float)((b + r) % 2048) || x[r * 1024 + 1023] != 0;
    }
    return CULL_OK;
}

static void large_file(void **state)
{
    (void)state;
    enum { N = 36000, ROW = 2048 };
    char head[512];
    cull_array a = {.dtype = CULL_F16, .ndim = 2, .shape = {N, 1024}};
    size_t n = cull__npy_head(&a, head);
    const char *path = spit("large.npy", head, n);
    assert_int_equal(truncate(path, (off_t)(n + (size_t)N * ROW)), 0);
    FILE *f = fopen(path, "r+b");
    for (int i = 0; i < N; i++) { /* a hole but for the first number of each row */
        uint16_t v = cull__f32_to_f16((float)(i % 2048));
        assert_int_equal(fseek(f, (long)(n + (size_t)i * ROW), SEEK_SET), 0);
        assert_int_equal(fwrite(&v, 2, 1, f), 1);
    }
    fclose(f);
    for (int threads = 1; threads <= 2; threads++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = threads;
        cull_ctx *cx = cull_ctx_new(&o);
        pass all = {0};
        cull_pool *p;
        float row[1024];
        ok(cx, cull_pool_open(cx, path, &p));
        all.p = p;
        for (int i = 0; i < 3; i++) ok(cx, cull__for(cx, N, 4096 >> i, look, &all));
        assert_int_equal(all.wrong, 0);
        assert_true(cull_pool_rows(p, N - 1, N, row)[0] == (N - 1) % 2048);
        cull_pool_free(p);
        cull_ctx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shapes),  cmocka_unit_test(odd_address),
                                       cmocka_unit_test(checks),  cmocka_unit_test(spills),
                                       cmocka_unit_test(threads), cmocka_unit_test(large_file)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
