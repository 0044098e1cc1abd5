/* store: rows that come back, damage of every byte, kills, what is refused; random projection. */
#include "files.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/base.h"
#include "cull/store.h"
#include "repr/sums.h"

enum { D = 5 };

static void rows_of(float *x, int64_t lo, int64_t n, int64_t d)
{
    for (int64_t i = 0; i < n * d; i++) x[i] = (float)sin(0.37 * (double)(lo * d + i)) * 3;
}

static void append(cull_ctx *cx, cull_store *s, int64_t n)
{
    static float x[1 << 20];
    cull_array a = {.ndim = 2, .shape = {n, D}, .at = x};
    rows_of(x, cull_store_rows(s), n, D);
    ok(cx, cull_store_append(cx, s, &a));
}

static cull_store *open_store(cull_ctx *cx, const char *name, cull_dtype t)
{
    cull_store *s;
    ok(cx, cull_store_open(cx, in_dir(name), t, D, 0, &s));
    return s;
}

static float rounded(cull_dtype t, float v)
{
    if (t == CULL_F16) return cull__f16_to_f32(cull__f32_to_f16(v));
    return t == CULL_BF16 ? cull__bf16_to_f32(cull__f32_to_bf16(v)) : v;
}

/* Every row of the file is what was appended. */
static void holds(cull_ctx *cx, const char *path, cull_dtype t, int64_t n)
{
    cull_pool *p;
    float want[D], buf[D];
    ok(cx, cull_pool_open(cx, path, &p));
    ok(cx, cull_pool_check(cx, p));
    assert_int_equal(cull_pool_n(p), n);
    assert_int_equal(cull_pool_d(p), D);
    assert_int_equal(cull_pool_dtype(p), t);
    for (int64_t i = 0; i < n; i++) {
        const float *x = cull_pool_rows(p, i, i + 1, buf);
        rows_of(want, i, 1, D);
        for (int j = 0; j < D; j++) assert_true(x[j] == rounded(t, want[j]));
    }
    cull_pool_free(p);
}

static void comes_back(void **state)
{
    (void)state;
    static const cull_dtype types[] = {CULL_F16, CULL_BF16, CULL_F32};
    static const int64_t step[] = {1, 7, 0, 30000, 120000, 3, 90000};
    for (int k = 0; k < 6; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1 + k / 3);
        cull_dtype t = types[k % 3];
        char name[16];
        snprintf(name, sizeof name, "back%d.npy", k);
        cull_store *s = open_store(cx, name, t);
        int64_t n = 0;
        for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
            append(cx, s, step[i]);
            n += step[i];
            assert_int_equal(cull_store_rows(s), n);
            if (i == 1) ok(cx, cull_store_flush(cx, s));
            if (i == 1) holds(cx, in_dir(name), t, 8);
            if (i != 3) continue;
            ok(cx, cull_store_close(cx, s));
            s = open_store(cx, name, t);
        }
        ok(cx, cull_store_close(cx, s));
        holds(cx, in_dir(name), t, n);
        ok(cx, cull_store_close(cx, NULL));
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

/* ---- damage ---- */

typedef struct {
    char path[600];
    unsigned char at[8192];
    size_t n;
} image;

static void take(image *m, const char *path)
{
    snprintf(m->path, sizeof m->path, "%s", path);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    m->n = fread(m->at, 1, sizeof m->at, f);
    assert_true(m->n && m->n < sizeof m->at);
    fclose(f);
}

static void put_back(const image *m, size_t n)
{
    FILE *f = fopen(m->path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(m->at, 1, n, f), n);
    fclose(f);
}

/* A store of blocks of 4, 6 and 1 rows. */
static void small(cull_ctx *cx, const char *name, image *data, image *sums)
{
    char path[540];
    cull_store *s = open_store(cx, name, CULL_F16);
    append(cx, s, 4);
    ok(cx, cull_store_flush(cx, s));
    append(cx, s, 6);
    ok(cx, cull_store_flush(cx, s));
    append(cx, s, 1);
    ok(cx, cull_store_close(cx, s));
    take(data, in_dir(name));
    snprintf(path, sizeof path, "%.500s.sums", data->path);
    take(sums, path);
    assert_int_equal(data->n, CULL__STORE_HEAD + 11 * D * 2);
    assert_int_equal(sums->n, 64 + 3 * 32);
}

/* Whether the store can still be read; never to other numbers. */
static bool reads(cull_ctx *cx, const char *path)
{
    cull_pool *p;
    if (cull_pool_open(cx, path, &p) != CULL_OK) return false;
    cull_status s = cull_pool_check(cx, p);
    cull_pool_free(p);
    if (s == CULL_OK) holds(cx, path, CULL_F16, 11);
    return s == CULL_OK;
}

static void each_byte(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    image data, sums;
    small(cx, "byte.npy", &data, &sums);
    for (size_t i = 0; i < data.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            data.at[i] ^= (unsigned char)(1 << bit);
            put_back(&data, data.n);
            bool read = reads(cx, data.path); /* of the head only blanks may change */
            assert_false(read && i >= CULL__STORE_HEAD);
            data.at[i] ^= (unsigned char)(1 << bit);
        }
    put_back(&data, data.n);
    for (size_t i = 0; i < sums.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            sums.at[i] ^= (unsigned char)(1 << bit);
            put_back(&sums, sums.n);
            assert_false(reads(cx, data.path));
            sums.at[i] ^= (unsigned char)(1 << bit);
        }
    put_back(&sums, sums.n);
    assert_true(reads(cx, data.path));
    for (size_t n = 0; n < data.n; n++) {
        put_back(&data, n);
        assert_false(reads(cx, data.path));
    }
    put_back(&data, data.n);
    for (size_t n = 0; n < sums.n; n++) {
        put_back(&sums, n);
        assert_false(reads(cx, data.path));
    }
    unlink(sums.path);
    assert_true(reads(cx, data.path)); /* a plain npy file now */
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void sentences(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    image data, sums;
    cull_pool *p;
    small(cx, "said.npy", &data, &sums);
    data.at[CULL__STORE_HEAD + 9 * D * 2] ^= 1;
    put_back(&data, data.n);
    ok(cx, cull_pool_open(cx, data.path, &p));
    refused(cx, cull_pool_check(cx, p), CULL_EIO, "said.npy: rows 4 to 9: their checksum differs");
    cull_pool_free(p);
    const char *both[] = {data.path, data.path};
    refused(cx, cull_pool_open_all(cx, both, 2, &p), CULL_EIO, "said.npy: rows 4 to 9");
    ok(cx, cull_pool_open_beside(cx, both, 2, &p));
    refused(cx, cull_pool_check(cx, p), CULL_EIO, "said.npy: rows 4 to 9");
    cull_pool_free(p);
    sums.at[70] ^= 1;
    put_back(&sums, sums.n);
    refused(cx, cull_pool_open(cx, data.path, &p), CULL_EIO, "said.npy.sums: entry 0 is damaged");
    sums.at[70] ^= 1;
    put_back(&sums, sums.n);
    float one[D] = {1};
    cull_array other = {.ndim = 2, .shape = {1, D}, .at = one};
    ok(cx, cull_array_write(cx, data.path, &other));
    refused(cx, cull_pool_open(cx, data.path, &p), CULL_EIO, "has shape (1, 5) of f32, but ");
    cull_ctx_free(cx);
}

/* ---- kills ---- */

/* What each of a block's three writes leaves when no more follow. */
static void stopped_between_writes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int step = 0; step < 4; step++) {
        char name[16];
        image data, sums, more, later;
        cull_pool *p;
        snprintf(name, sizeof name, "stop%d.npy", step);
        small(cx, name, &data, &sums);
        cull_store *s = open_store(cx, name, CULL_F16);
        append(cx, s, 9);
        ok(cx, cull_store_close(cx, s));
        take(&more, data.path);
        take(&later, sums.path);
        if (step < 2) memcpy(more.at, data.at, CULL__STORE_HEAD); /* the head was not written */
        put_back(&more, step == 0 ? data.n + 13 : more.n);
        put_back(&later, step < 3 ? sums.n : sums.n + 20); /* nor the entry, or a part of it */
        refused(cx, cull_pool_open(cx, data.path, &p), CULL_EIO, "11 rows are whole");
        s = open_store(cx, name, CULL_F16);
        assert_int_equal(cull_store_rows(s), 11);
        append(cx, s, 9);
        ok(cx, cull_store_close(cx, s));
        holds(cx, data.path, CULL_F16, 20);
    }
    cull_ctx_free(cx);
}

/* A child appends and tells of what it flushed; after some words it is killed. */
static void killed(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    int64_t rows = 0;
    for (int round = 0; round < 5; round++) {
        int told[2];
        assert_int_equal(pipe(told), 0);
        pid_t child = fork();
        if (child == 0) {
            cull_ctx_opts o = CULL_CTX_OPTS;
            o.threads = 1;
            cull_ctx *own = cull_ctx_new(&o);
            cull_store *s = open_store(own, "kill.npy", CULL_F16);
            for (int64_t n = 1;; n = (n * 7 + 3) % 40000) {
                append(own, s, n);
                if (n % 2) ok(own, cull_store_flush(own, s));
                int64_t now = n % 2 ? cull_store_rows(s) : 0;
                if (write(told[1], &now, sizeof now) != sizeof now) _exit(1);
            }
        }
        int64_t last = 0, word;
        close(told[1]);
        for (int i = 0; i < 3 + 2 * round; i++) {
            assert_int_equal(read(told[0], &word, sizeof word), sizeof word);
            if (word) last = word;
        }
        kill(child, SIGKILL);
        while (read(told[0], &word, sizeof word) == sizeof word) /* words that were on the way */
            if (word) last = word;
        waitpid(child, NULL, 0);
        close(told[0]);
        cull_store *s = open_store(cx, "kill.npy", CULL_F16);
        assert_true(cull_store_rows(s) >= last && last > rows);
        rows = cull_store_rows(s);
        ok(cx, cull_store_close(cx, s));
        holds(cx, in_dir("kill.npy"), CULL_F16, rows);
    }
    cull_ctx_free(cx);
}

/* Blocks that never reached the disk go; but not all of them. */
static void loss_of_power(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    image data, sums;
    cull_store *s;
    small(cx, "power.npy", &data, &sums);
    memset(data.at + CULL__STORE_HEAD + 4 * D * 2, 0, 7 * D * 2);
    put_back(&data, data.n);
    s = open_store(cx, "power.npy", CULL_F16);
    assert_int_equal(cull_store_rows(s), 4);
    append(cx, s, 2);
    ok(cx, cull_store_close(cx, s));
    holds(cx, data.path, CULL_F16, 6);
    memset(data.at + CULL__STORE_HEAD, 0, 4 * D * 2);
    put_back(&data, data.n);
    put_back(&sums, sums.n);
    refused(cx, cull_store_open(cx, data.path, CULL_F16, D, 0, &s), CULL_EIO,
            "not one block has its checksum");
    put_back(&sums, 0);
    refused(cx, cull_store_open(cx, data.path, CULL_F16, D, 0, &s), CULL_EIO,
            "power.npy.sums: it does not begin as checksums do");
    cull_ctx_free(cx);
}

/* ---- what is refused ---- */

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    image data, sums;
    cull_store *s, *second;
    float x[3 * D];
    rows_of(x, 0, 3, D);
    cull_array a = {.ndim = 2, .shape = {3, D}, .at = x};
    refused(cx, cull_store_open(cx, in_dir("a.npz"), CULL_F16, D, 0, &s), CULL_EINPUT, "NAME.npy");
    refused(cx, cull_store_open(cx, in_dir("a.npy"), CULL_I8, D, 0, &s), CULL_EINPUT,
            "a store of i8; it takes f16, bf16 or f32");
    refused(cx, cull_store_open(cx, in_dir("a.npy"), CULL_F16, 0, 0, &s), CULL_EINPUT,
            "rows of 0 numbers");
    refused(cx, cull_store_open(cx, in_dir("none/a.npy"), CULL_F16, D, 0, &s), CULL_EIO,
            "a.npy.sums: cannot write here");
    small(cx, "kept.npy", &data, &sums);
    refused(cx, cull_store_open(cx, data.path, CULL_BF16, D, 0, &s), CULL_EINPUT,
            "holds rows of 5 f16 projected from 0 with seed 0, not of 5 bf16");
    refused(cx, cull_store_open(cx, data.path, CULL_F16, D + 1, 0, &s), CULL_EINPUT,
            "not of 6 f16");
    refused(cx, cull_store_open(cx, data.path, CULL_F16, D, 100, &s), CULL_EINPUT,
            "from 100 with seed 1");
    s = open_store(cx, "kept.npy", CULL_F16);
    refused(cx, cull_store_open(cx, data.path, CULL_F16, D, 0, &second), CULL_EIO,
            "another process appends");
    a.shape[1] = D - 1;
    refused(cx, cull_store_append(cx, s, &a), CULL_EINPUT,
            "appended is shape (3, 4); it takes rows of 5 numbers");
    a.shape[1] = D;
    x[2 * D + 3] = NAN;
    refused(cx, cull_store_append(cx, s, &a), CULL_EINPUT, "kept.npy[13, 3] is nan");
    x[2 * D + 3] = 70000;
    refused(cx, cull_store_append(cx, s, &a), CULL_EINPUT,
            "[13, 3] is 70000; f16 takes finite numbers up to 65504");
    assert_int_equal(cull_store_rows(s), 11);
    append(cx, s, 3);
    ok(cx, cull_store_close(cx, s));
    holds(cx, data.path, CULL_F16, 14);
    ok(cx, cull_array_write(cx, in_dir("plain.npy"), &a));
    refused(cx, cull_store_open(cx, in_dir("plain.npy"), CULL_F32, D, 0, &s), CULL_EINPUT,
            "it is no store; give the name of a new file");
    cull_ctx_free(cx);
}

static cull_status a_life(cull_ctx *cx, const char *path)
{
    cull_store *s;
    cull_pool *p;
    float x[4 * D];
    rows_of(x, 0, 4, D);
    cull_array a = {.ndim = 2, .shape = {4, D}, .at = x};
    CULL_TRY(cull_store_open(cx, path, CULL_F16, D - 2, D, &s));
    cull_status e = cull_store_append(cx, s, &a), closed = cull_store_close(cx, s);
    CULL_TRY(e);
    CULL_TRY(closed);
    CULL_TRY(cull_pool_open(cx, path, &p));
    e = cull_pool_check(cx, p);
    cull_pool_free(p);
    return e;
}

static void memory_fails(void **state)
{
    (void)state;
    cull_status s = CULL_ENOMEM;
    for (int k = 1; s != CULL_OK; k++) {
        hooks h = {.fail_at = k};
        char name[24];
        snprintf(name, sizeof name, "memory%d.npy", k);
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (cx) s = a_life(cx, in_dir(name));
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        assert_true(k < 200);
    }
}

/* ---- projection ---- */

enum { WIDE = 5000, NARROW = 512, VECTORS = 60 };

static void project(cull_ctx *cx, const float *x, int64_t n, int64_t width, int64_t d, float *y)
{
    cull_array a = {.ndim = 2, .shape = {n, width}, .at = x};
    ok(cx, cull_project(cx, &a, d, y));
}

static double dot(const float *x, const float *y, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++) s += (double)x[i] * y[i];
    return s;
}

/* Pairs of unit vectors at known angles; the errors have mean 0 and the variance that is promised. */
static void lengths_and_angles(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float *x = malloc(VECTORS * WIDE * sizeof *x), *y = malloc(VECTORS * NARROW * sizeof *y);
    cull_rng r = cull__rng_seeded(5, 5);
    for (int i = 0; i < VECTORS; i++) {
        float *v = x + i * WIDE;
        for (int j = 0; j < WIDE; j++) v[j] = (float)(cull__rng_normal(&r) / sqrt(1 + j / 10));
        if (i % 2)
            for (int j = 0; j < WIDE; j++) v[j] += 0.1f * (float)(i % 10) * (v - WIDE)[j];
        float by = (float)(1 / sqrt(dot(v, v, WIDE)));
        for (int j = 0; j < WIDE; j++) v[j] *= by;
    }
    double sum = 0, squares = 0;
    int count = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cull_ctx_reseed(cx, seed);
        project(cx, x, VECTORS, WIDE, NARROW, y);
        for (int i = 0; i < VECTORS; i += 2)
            for (int a = 0; a < 3; a++) { /* two lengths and an angle */
                int p = i + (a > 0), q = i + (a == 1);
                double e = dot(y + p * NARROW, y + q * NARROW, NARROW) -
                           dot(x + p * WIDE, x + q * WIDE, WIDE);
                sum += e;
                squares += e * e;
                count++;
                assert_true(fabs(e) < 6 * sqrt(2.0 / NARROW));
            }
    }
    double sd = sqrt(squares / count);
    assert_true(fabs(sum / count) < 6 * sd / sqrt(20)); /* seeds are what is independent */
    assert_true(sd < 1.05 * sqrt(2.0 / NARROW) && sd > 0.5 * sqrt(2.0 / NARROW));
    free(x), free(y);
    cull_ctx_free(cx);
}

/* A column is 8 entries of one size, one in each part, wherever columns are; rows are its sums. */
static void a_matrix(void **state)
{
    (void)state;
    enum { W = 4500, N = 37 };
    static float unit[W], col[N], got[N];
    static double want[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    int plus = 0, used[N] = {0};
    for (int j = 0; j < W; j += 9) {
        memset(unit, 0, sizeof unit);
        unit[j] = 1;
        project(cx, unit, 1, W, N, col);
        for (int b = 0; b < 8; b++) {
            int hits = 0;
            for (int i = b * N / 8; i < (b + 1) * N / 8; i++) {
                if (col[i] == 0) continue;
                assert_true(fabsf(col[i]) == (float)(1 / sqrt(8.0)));
                hits++, used[i]++, plus += col[i] > 0;
            }
            assert_int_equal(hits, 1);
        }
        for (int i = 0; i < N; i++) want[i] += (double)(j % 13 - 6) * (double)col[i];
    }
    for (int i = 0; i < N; i++) assert_true(used[i] > 40);
    assert_true(plus > 1800 && plus < 2200); /* of 4000 */
    memset(unit, 0, sizeof unit);
    for (int j = 0; j < W; j += 9) unit[j] = (float)(j % 13 - 6);
    project(cx, unit, 1, W, N, got);
    for (int i = 0; i < N; i++) assert_true(fabs((double)got[i] - want[i]) < 1e-3);
    cull_ctx_free(cx);
}

static void the_same_bits(void **state)
{
    (void)state;
    enum { W = 5001, N = 3 };
    static float x[N * W], y[3][N * 100];
    rows_of(x, 0, N, W);
    for (int t = 0; t < 3; t++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = 1 + t % 2;
        cull_ctx *cx = cull_ctx_new(&o);
        for (int i = 0; i < N && t == 2; i++) project(cx, x + i * W, 1, W, 100, y[t] + i * 100);
        if (t < 2) project(cx, x, N, W, 100, y[t]);
        cull_ctx_reseed(cx, 2);
        static float other[N * 100];
        project(cx, x, N, W, 100, other);
        assert_memory_not_equal(other, y[t], sizeof other);
        cull_ctx_free(cx);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_memory_equal(y[0], y[2], sizeof y[0]);
}

/* A store that projects holds what cull_project gives, also when opened again in between. */
static void projected_store(void **state)
{
    (void)state;
    enum { W = 3000, N = 6, TO = 16 };
    static float x[N * W], y[N * TO], buf[TO];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_store *s;
    cull_pool *p;
    rows_of(x, 0, N, W);
    for (int i = 0; i < N; i += 2) {
        cull_array a = {.ndim = 2, .shape = {2, W}, .at = x + i * W};
        ok(cx, cull_store_open(cx, in_dir("wide.npy"), CULL_F32, TO, W, &s));
        assert_int_equal(cull_store_rows(s), i);
        ok(cx, cull_store_append(cx, s, &a));
        ok(cx, cull_store_close(cx, s));
    }
    project(cx, x, N, W, TO, y);
    ok(cx, cull_pool_open(cx, in_dir("wide.npy"), &p));
    for (int i = 0; i < N; i++)
        assert_memory_equal(cull_pool_rows(p, i, i + 1, buf), y + i * TO, sizeof buf);
    cull_ctx_reseed(cx, 7);
    cull_pool *q;
    ok(cx, cull_store_open(cx, in_dir("seven.npy"), CULL_F32, TO, W, &s));
    ok(cx, cull_store_close(cx, s));
    ok(cx, cull_pool_open(cx, in_dir("seven.npy"), &q));
    ok(cx, cull_pool_alike(cx, p, p));
    refused(cx, cull_pool_alike(cx, p, q), CULL_EINPUT,
            "seven.npy from 3000 with seed 7; it must be one projection");
    cull_pool_free(q);
    cull_pool_free(p);
    cull_array none = {.ndim = 2, .shape = {1, 0}, .at = x}, a = {.ndim = 1, .shape = {4}, .at = x};
    refused(cx, cull_project(cx, &none, 3, y), CULL_EINPUT, "rows of at least one number");
    refused(cx, cull_project(cx, &a, 0, y), CULL_EINPUT, "a projection to 0 numbers");
    cull_ctx_reseed(cx, 9);
    refused(cx, cull_store_open(cx, in_dir("wide.npy"), CULL_F32, TO, W, &s), CULL_EINPUT,
            "projected from 3000 with seed 1, not of 16 f32 from 3000 with seed 9");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(comes_back),
                                       cmocka_unit_test(each_byte),
                                       cmocka_unit_test(sentences),
                                       cmocka_unit_test(stopped_between_writes),
                                       cmocka_unit_test(killed),
                                       cmocka_unit_test(loss_of_power),
                                       cmocka_unit_test(refusals),
                                       cmocka_unit_test(memory_fails),
                                       cmocka_unit_test(lengths_and_angles),
                                       cmocka_unit_test(a_matrix),
                                       cmocka_unit_test(the_same_bits),
                                       cmocka_unit_test(projected_store)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
