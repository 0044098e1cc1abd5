/* pack: checkpoints packed, read as if dense, and dense again to the byte; masks made, put on and refused. */
#include "files.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/base.h"
#include "cull/checkpoint_look.h"
#include "cull/pack.h"

enum { TENSORS = 7, MOST = 90000 };
static const struct {
    const char *name, *dtype;
    int ndim;
    int64_t shape[3];
    int width;
    double dense;
} made[TENSORS] = {
    {"model.layers.0.mlp.up_proj.weight", "BF16", 2, {300, 300}, 2, .1},
    {"model.layers.0.mlp.norm.weight", "F32", 1, {300}, 4, 1},
    {"model.layers.1.mlp.up_proj.weight", "F32", 2, {128, 256}, 4, .5}, /* 2:4 */
    {"conv.weight", "F16", 3, {40, 100, 9}, 2, .004},
    {"counts", "I64", 2, {100, 100}, 8, .3},
    {"none", "F32", 2, {0, 5}, 4, 1},
    {"scalar", "F32", 0, {0}, 4, 1},
};

static int64_t numbers(int k)
{
    int64_t n = 1;
    for (int d = 0; d < made[k].ndim; d++) n *= made[k].shape[d];
    return n;
}

/* -0 and NaN among the numbers that are not 0; of the third two of each four. */
static void bytes_of(int k, uint8_t *raw)
{
    cull_rng r = cull__rng_seeded(70, (uint64_t)k);
    int64_t n = numbers(k), width = made[k].width;
    memset(raw, 0, (size_t)(n * width));
    for (int64_t i = 0; i < n; i++) {
        uint64_t v = cull__rng_u64(&r) | 1;
        if (k == 2 ? (i % 4 == (i / 4) % 4 || i % 4 == (i / 4 + 1) % 4)
                   : cull__rng_unit(&r) < made[k].dense) {
            if (i % 50 == 0) v = UINT64_C(1) << (8 * width - 1);
            memcpy(raw + i * width, &v, (size_t)width);
        }
    }
}

static cull_status write_dense(cull_ctx *cx, const char *path)
{
    cull_tensor t[TENSORS] = {{0}};
    cull_checkpoint_writer *w;
    static uint8_t raw[MOST * 8];
    const char *const meta[] = {"format", "pt", "made_by", "a test"};
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    o.meta = meta, o.metas = 4;
    for (int k = 0; k < TENSORS; k++) {
        t[k] = (cull_tensor){.name = made[k].name, .dtype = made[k].dtype, .ndim = made[k].ndim};
        memcpy(t[k].shape, made[k].shape, sizeof made[k].shape);
    }
    cull_status s = cull_checkpoint_create(cx, path, t, TENSORS, &o, &w);
    if (s != CULL_OK) return s;
    for (int k = 0; s == CULL_OK && k < TENSORS; k++) {
        bytes_of(k, raw);
        s = cull_checkpoint_put_bytes(cx, w, raw, (uint64_t)(numbers(k) * made[k].width));
    }
    return cull_checkpoint_finish(cx, w, s);
}

static cull_checkpoint *opened(cull_ctx *cx, const char *path)
{
    cull_checkpoint *ck;
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    return ck;
}

static void same_tensors(cull_ctx *cx, const char *path)
{
    static uint8_t want[MOST * 8], got[MOST * 8];
    static float x[MOST];
    cull_checkpoint *ck = opened(cx, path);
    assert_int_equal(cull_checkpoint_count(ck), TENSORS);
    for (int k = 0; k < TENSORS; k++) {
        int64_t i = cull_checkpoint_find(ck, made[k].name, NULL), n = numbers(k);
        assert_true(i >= 0);
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        assert_string_equal(t->dtype, made[k].dtype);
        assert_int_equal(t->ndim, made[k].ndim);
        assert_memory_equal(t->shape, made[k].shape, (size_t)t->ndim * 8);
        assert_int_equal(t->n, n);
        assert_int_equal(t->bytes, n * made[k].width);
        assert_int_equal(t->floating, k != 4);
        bytes_of(k, want);
        ok(cx, cull_checkpoint_raw(cx, ck, i, 0, n, got));
        assert_memory_equal(got, want, (size_t)(n * made[k].width));
        if (n < 10) continue;
        ok(cx, cull_checkpoint_raw(cx, ck, i, n / 3, n / 2, got));
        assert_memory_equal(got, want + n / 3 * made[k].width, (size_t)(n / 2 * made[k].width));
        ok(cx, cull_checkpoint_read(cx, ck, i, 7, n - 8, x));
        for (int64_t j = 0; j < n - 8; j++) {
            uint16_t half;
            memcpy(&half, want + (j + 7) * 2, 2);
            float as = cull__bf16_to_f32(half);
            if (k == 0) assert_true(x[j] == as || (isnan(x[j]) && isnan(as)));
        }
        cull_checkpoint_done(ck, i);
        refused(cx, cull_checkpoint_raw(cx, ck, i, 1, n, got), CULL_EINPUT, made[k].name);
    }
    cull_checkpoint_free(ck);
}

static long size_of(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    fclose(f);
    return n;
}

static void same_files(const char *a, const char *b)
{
    long n = size_of(a);
    assert_int_equal(n, size_of(b));
    char *x = malloc((size_t)n), *y = malloc((size_t)n);
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    assert_int_equal(fread(x, 1, (size_t)n, f), n);
    assert_int_equal(fread(y, 1, (size_t)n, g), n);
    assert_memory_equal(x, y, (size_t)n);
    fclose(f), fclose(g);
    free(x), free(y);
}

static void there_and_back(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    char dense[512], packed[512], back[512], one[512];
    strcpy(dense, in_dir("dense.safetensors")), strcpy(packed, in_dir("packed.safetensors"));
    strcpy(back, in_dir("back.safetensors")), strcpy(one, in_dir("one.safetensors"));
    ok(cx, write_dense(cx, dense));
    same_tensors(cx, dense);
    cull_checkpoint *ck = opened(cx, dense);
    cull_pack_report r;
    ok(cx, cull_checkpoint_pack(cx, ck, packed, NULL, &r));
    assert_int_equal(r.tensors, TENSORS);
    assert_int_equal(r.packed, 4);
    assert_int_equal(r.dense, cull_checkpoint_bytes_all(ck));
    assert_true(r.written < r.dense / 2);
    hooks h1 = {0};
    cull_ctx *cx1 = hooked_ctx(&h1, 1);
    ok(cx1, cull_checkpoint_pack(cx1, ck, one, NULL, NULL));
    same_files(packed, one);
    cull_ctx_free(cx1);
    cull_checkpoint_free(ck);
    same_tensors(cx, packed);
    ck = opened(cx, packed);
    const char *const want[TENSORS] = {"gaps", NULL, "2:4", "gaps", "bitmask", NULL, NULL};
    for (int k = 0; k < TENSORS; k++) {
        const char *how =
            cull_checkpoint_at(ck, cull_checkpoint_find(ck, made[k].name, NULL))->packing;
        assert_true((how == NULL) == (want[k] == NULL));
        if (how) assert_string_equal(how, want[k]);
    }
    ok(cx, cull_checkpoint_unpack(cx, ck, back, NULL, &r));
    assert_int_equal(r.packed, 4);
    same_files(dense, back);
    cull_pack_opts o = CULL_PACK_OPTS;
    for (int how = 0; how < 4; how++) { /* each packing by name, out of a packed file */
        o.packing = (const char *const[]){"bitmask", "2:4", "csr", "gaps"}[how];
        ok(cx, cull_checkpoint_pack(cx, ck, one, &o, &r));
        assert_true(r.packed >= 1);
        same_tensors(cx, one);
    }
    o.packing = "bitmaks";
    refused(cx, cull_checkpoint_pack(cx, ck, one, &o, &r), CULL_EOPTION, "did you mean bitmask");
    cull_checkpoint_free(ck);
    ck = opened(cx, dense);
    refused(cx, cull_checkpoint_unpack(cx, ck, one, NULL, NULL), CULL_EINPUT,
            "nothing in it is packed");
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* At nine zeros of ten a fifth of the bytes at most, by the least clever packing too. */
static void sizes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { N = 512 * 2048 };
    const struct {
        const char *dtype, *packing;
        int width;
        double least, most;
    } want[] = {{"F32", NULL, 4, .12, .129},      {"BF16", NULL, 2, .14, .156},
                {"F32", "bitmask", 4, .13, .133}, {"BF16", "bitmask", 2, .16, .165},
                {"F32", "csr", 4, .149, .153},    {"BF16", "csr", 2, .199, .204}};
    uint8_t *raw = calloc(N, 4);
    for (int k = 0; k < 6; k++) {
        cull_rng r = cull__rng_seeded(71, 0);
        cull_tensor t = {.name = "w", .dtype = want[k].dtype, .ndim = 2, .shape = {512, 2048}};
        cull_checkpoint_writer *w;
        cull_pack_opts o = CULL_PACK_OPTS;
        cull_pack_report report;
        memset(raw, 0, N * 4);
        for (int64_t i = 0; i < N; i++)
            if (cull__rng_below(&r, 10) == 0) raw[i * want[k].width] = (uint8_t)(i | 1);
        ok(cx, cull_checkpoint_create(cx, in_dir("big.safetensors"), &t, 1, NULL, &w));
        cull_status s =
            cull_checkpoint_put_bytes(cx, w, raw, (uint64_t)N * (uint64_t)want[k].width);
        ok(cx, cull_checkpoint_finish(cx, w, s));
        cull_checkpoint *ck = opened(cx, in_dir("big.safetensors"));
        o.packing = want[k].packing;
        ok(cx, cull_checkpoint_pack(cx, ck, in_dir("small.safetensors"), &o, &report));
        cull_checkpoint_free(ck);
        double share = (double)size_of(in_dir("small.safetensors")) /
                       (double)size_of(in_dir("big.safetensors"));
        if (!(share > want[k].least && share < want[k].most))
            fail_msg("%s %s: %g of the bytes", want[k].dtype,
                     want[k].packing ? want[k].packing : "-", share);
        assert_int_equal(report.numbers, N);
        assert_true(report.zeros > N * .89 && report.zeros < N * .91);
    }
    free(raw);
    cull_ctx_free(cx);
}

static void shards(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pack_opts o = CULL_PACK_OPTS;
    char folder[512], file[900];
    strcpy(folder, in_dir("folder"));
    ok(cx, write_dense(cx, in_dir("dense.safetensors")));
    cull_checkpoint *ck = opened(cx, in_dir("dense.safetensors"));
    o.shard_bytes = 20000;
    ok(cx, cull_checkpoint_pack(cx, ck, folder, &o, NULL));
    cull_checkpoint_free(ck);
    same_tensors(cx, folder);
    ck = opened(cx, folder);
    assert_true(cull_checkpoint_files(ck) > 2);
    cull_checkpoint_free(ck);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(file, sizeof file, "%s/%s", folder, e->d_name);
        unlink(file);
    }
    closedir(d);
    rmdir(folder);
    cull_ctx_free(cx);
}

/* ---- files that are wrong ---- */

static bytes file_of(const char *head, size_t body)
{
    static bytes b;
    static const uint8_t zeros[256];
    size_t n = strlen(head);
    b.n = 0;
    add_int(&b, n, 8);
    add(&b, head, n);
    add(&b, zeros, body);
    return b;
}

static void wrong_files(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
#define META(text) "{\"__metadata__\":{\"cull.packed\":\"1\",\"cull.packed:w\":\"" text "\"},"
#define VALUES "\"w.values\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}"
#define BITS ",\"w.bitmask\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[12,14]}"
#define STARTS ",\"w.starts\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[14,30]}"
    const struct {
        const char *head;
        size_t body;
        const char *say;
    } bad[] = {
        {META("bitmask F32 2 5") VALUES BITS "}", 14, "'w': a part of it is missing"},
        {META("bitmask F32 2 5") "\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}",
         12, "'w': its values are missing"},
        {META("bitmask F32 2 9") VALUES BITS STARTS "}", 30, "another size"},
        {META("bitmask F16 2 5") VALUES BITS STARTS "}", 30, "another size or type"},
        {META("bitmask F32 1 2") VALUES BITS STARTS "}", 30, "more values than numbers"},
        {META("bitmaks F32 2 5") VALUES BITS STARTS "}", 30, "its form is unknown"},
        {META("bitmask F33 2 5") VALUES BITS STARTS "}", 30, "its form is unknown"},
        {META("bitmask F32 2 x") VALUES BITS STARTS "}", 30, "its form is unknown"},
        {META("bitmask F32 2 0") VALUES BITS STARTS "}", 30, "its form is unknown"},
        {META("bitmask F32 4611686018427387904 4") VALUES BITS STARTS "}", 30,
         "its form is unknown"},
        {META("2:4 F32 2 5") VALUES BITS STARTS "}", 30, "its form is unknown"},
        {META("csr F32 2 5") VALUES BITS STARTS "}", 30, "a part of it is missing"},
        {META("bitmask F32 2 5") VALUES BITS STARTS
         ",\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[30,31]}}",
         31, "it is there twice"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        bytes b = file_of(bad[k].head, bad[k].body);
        cull_checkpoint *ck;
        const char *path = spit("bad.safetensors", b.at, b.n);
        refused(cx, cull_checkpoint_open(cx, path, &ck), CULL_EIO, bad[k].say);
        assert_non_null(strstr(cull_error(cx), "bad.safetensors"));
    }
    bytes other = file_of("{\"__metadata__\":{\"cull.packed\":\"3\"}," VALUES "}", 12);
    cull_checkpoint *none;
    refused(cx, cull_checkpoint_open(cx, spit("bad.safetensors", other.at, other.n), &none),
            CULL_EINPUT, "packed in version '3'; 1 and 2 can be read");
    /* whole, but its bits and values do not agree: told when it is read */
    bytes b = file_of(META("bitmask F32 2 5") VALUES BITS STARTS "}", 30);
    cull_checkpoint *ck = opened(cx, spit("bad.safetensors", b.at, b.n));
    float x[10];
    assert_int_equal(cull_checkpoint_count(ck), 1);
    ok(cx, cull_checkpoint_read(cx, ck, 0, 0, 10, x));
    cull_checkpoint_free(ck);
    b.at[b.n - 30 + 12] = 7;
    ck = opened(cx, spit("bad.safetensors", b.at, b.n));
    refused(cx, cull_checkpoint_read(cx, ck, 0, 0, 10, x), CULL_EIO,
            "w: bitmask and values do not agree");
    refused(cx, cull_checkpoint_unpack(cx, ck, in_dir("no.safetensors"), NULL, NULL), CULL_EIO,
            "w: bit");
    assert_int_not_equal(access(in_dir("no.safetensors"), F_OK), 0);
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
}

/* A bit that changes in the file anywhere in a packed tensor: verify tells it, and who reads the whole tensor refuses it. */
static void hear(void *user, const cull_finding *f)
{
    *(bool *)user |= f->error && strstr(f->text, "damaged");
}

static void any_bit(void **state)
{
    (void)state;
    enum { SIDE = 32, N = SIDE * SIDE };
    static const char *const packing[] = {"bitmask", "2:4", "csr", "gaps"};
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_tensor t = {.name = "w", .dtype = "F32", .ndim = 2, .shape = {SIDE, SIDE}};
    float x[N] = {0}, got[N];
    cull_checkpoint_writer *w;
    for (int i = 0; i < N; i += 37) x[i] = (float)(i + 1);
    ok(cx, cull_checkpoint_create(cx, in_dir("s.safetensors"), &t, 1, NULL, &w));
    ok(cx, cull_checkpoint_finish(cx, w, cull_checkpoint_put(cx, w, x, N)));
    for (int k = 0; k < 4; k++) {
        cull_pack_opts o = CULL_PACK_OPTS;
        uint8_t all[8192];
        cull_checkpoint *ck = opened(cx, in_dir("s.safetensors"));
        o.packing = packing[k];
        ok(cx, cull_checkpoint_pack(cx, ck, in_dir("sp.safetensors"), &o, NULL));
        cull_checkpoint_free(ck);
        FILE *f = fopen(in_dir("sp.safetensors"), "rb");
        size_t n = fread(all, 1, sizeof all, f), head;
        fclose(f);
        assert_true(n < sizeof all);
        memcpy(&head, all, 8);
        for (size_t at = 8 + head; at < n; at += 3) {
            bool said = false;
            all[at] ^= (uint8_t)(1 << at % 8);
            ck = opened(cx, spit("flip.safetensors", all, n));
            all[at] ^= (uint8_t)(1 << at % 8);
            ok(cx, cull_checkpoint_verify(cx, ck, true, hear, &said));
            assert_true(said);
            refused(cx, cull_checkpoint_read(cx, ck, 0, 0, N, got), CULL_EIO, "damaged");
            refused(cx, cull_checkpoint_unpack(cx, ck, in_dir("no.safetensors"), NULL, NULL),
                    CULL_EIO, "damaged");
            cull_checkpoint_free(ck);
        }
    }
    cull_ctx_free(cx);
}

/* Names that begin like others': parts are found whatever stands between them, and wherever they stand among all. */
static void nested_names(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { NAMES = 5, MORE = 24, SIDE = 64, N = SIDE * SIDE };
    static const char *const name[] = {"x.weight", "x.weight.orig", "x.weight-2", "x",
                                       "x.weight.a.b"};
    char more[MORE][8];
    cull_tensor t[NAMES + MORE];
    float v[N] = {0}, got[N];
    cull_checkpoint_writer *w;
    for (int count = 0; count < MORE; count++) {
        for (int k = 0; k < NAMES; k++)
            t[k] = (cull_tensor){.name = name[k], .dtype = "F32", .ndim = 2, .shape = {SIDE, SIDE}};
        for (int k = 0; k < count; k++) {
            snprintf(more[k], sizeof more[k], "z%d", k);
            t[NAMES + k] = (cull_tensor){.name = more[k], .dtype = "F32", .ndim = 1, .shape = {1}};
        }
        ok(cx, cull_checkpoint_create(cx, in_dir("n.safetensors"), t, NAMES + count, NULL, &w));
        cull_status s = CULL_OK;
        for (int k = 0; s == CULL_OK && k < NAMES + count; k++) {
            v[7 * k] = (float)(k + 1);
            s = cull_checkpoint_put(cx, w, v, k < NAMES ? N : 1);
            v[7 * k] = 0;
        }
        ok(cx, cull_checkpoint_finish(cx, w, s));
        cull_checkpoint *ck = opened(cx, in_dir("n.safetensors"));
        ok(cx, cull_checkpoint_pack(cx, ck, in_dir("np.safetensors"), NULL, NULL));
        cull_checkpoint_free(ck);
        ck = opened(cx, in_dir("np.safetensors"));
        assert_int_equal(cull_checkpoint_count(ck), NAMES + count);
        for (int k = 0; k < NAMES; k++) {
            int64_t i = cull_checkpoint_find(ck, name[k], NULL);
            assert_true(i >= 0);
            ok(cx, cull_checkpoint_read(cx, ck, i, 0, N, got));
            for (int at = 0; at < N; at++)
                assert_true(got[at] == (at == 7 * k ? (float)(k + 1) : 0));
        }
        cull_checkpoint_free(ck);
    }
    cull_ctx_free(cx);
}

/* A tensor that is called as a part would be. */
static void taken_names(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const float zero[4096];
    const cull_tensor t[2] = {{.name = "w", .dtype = "F32", .ndim = 2, .shape = {64, 64}},
                              {.name = "w.values", .dtype = "F32", .ndim = 1, .shape = {2}}};
    cull_checkpoint_writer *w;
    ok(cx, cull_checkpoint_create(cx, in_dir("t.safetensors"), t, 2, NULL, &w));
    cull_status s = cull_checkpoint_put(cx, w, zero, 4096);
    if (s == CULL_OK) s = cull_checkpoint_put(cx, w, zero, 2);
    ok(cx, cull_checkpoint_finish(cx, w, s));
    cull_checkpoint *ck = opened(cx, in_dir("t.safetensors"));
    refused(cx, cull_checkpoint_pack(cx, ck, in_dir("p.safetensors"), NULL, NULL), CULL_EINPUT,
            "there is a tensor 'w.values' already");
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
}

/* ---- masks ---- */

/* Two tensors of 40 x 60 and 300 numbers; keep: which stay (NULL = all). */
static void write_two(cull_ctx *cx, const char *name, uint64_t seed, const char *second,
                      int64_t rows, int gone, float bias)
{
    cull_tensor t[2] = {{.name = "layers.0.up", .dtype = "F32", .ndim = 2, .shape = {rows, 60}},
                        {.name = second, .dtype = "BF16", .ndim = 1, .shape = {300}}};
    float x[2400 + 60], y[300];
    cull_checkpoint_writer *w;
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < rows * 60; i++) x[i] = (float)cull__rng_normal(&r);
    for (int i = 0; i < 300; i++) y[i] = bias;
    for (int i = 0; gone && i < rows * 60; i++)
        if (i % gone) x[i] = 0;
    ok(cx, cull_checkpoint_create(cx, in_dir(name), t, 2, NULL, &w));
    cull_status s = cull_checkpoint_put(cx, w, x, rows * 60);
    if (s == CULL_OK) s = cull_checkpoint_put(cx, w, y, 300);
    ok(cx, cull_checkpoint_finish(cx, w, s));
}

static cull_status mask_of(cull_ctx *cx, const char *dense, const char *pruned, const char *out,
                           cull_pack_report *r)
{
    cull_checkpoint *a = opened(cx, in_dir(dense)), *b = opened(cx, in_dir(pruned));
    cull_status s = cull_checkpoint_mask(cx, a, b, in_dir(out), r);
    cull_checkpoint_free(a), cull_checkpoint_free(b);
    return s;
}

static cull_status put_on(cull_ctx *cx, const char *mask, const char *ck, const char *out,
                          bool any_values, cull_pack_report *r)
{
    cull_checkpoint *a = opened(cx, in_dir(mask)), *b = opened(cx, in_dir(ck));
    cull_pack_opts o = CULL_PACK_OPTS;
    o.any_values = any_values;
    cull_status s = cull_checkpoint_masked(cx, a, b, in_dir(out), &o, r);
    cull_checkpoint_free(a), cull_checkpoint_free(b);
    return s;
}

static void masks(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_pack_report r;
    write_two(cx, "a.safetensors", 1, "bias", 40, 0, 3);
    write_two(cx, "a3.safetensors", 1, "bias", 40, 3, 3);
    ok(cx, mask_of(cx, "a.safetensors", "a3.safetensors", "mask.safetensors", &r));
    assert_int_equal(r.packed, 1);
    assert_int_equal(r.numbers, 2400);
    assert_int_equal(r.zeros, 1600);
    assert_int_equal(r.written, 300);
    ok(cx, put_on(cx, "mask.safetensors", "a.safetensors", "out.safetensors", false, &r));
    assert_int_equal(r.zeros, 1600);
    char out[512];
    strcpy(out, in_dir("out.safetensors"));
    same_files(out, in_dir("a3.safetensors"));
    /* on a packed one, whose other tensors are dense then */
    cull_checkpoint *ck = opened(cx, in_dir("a3.safetensors"));
    ok(cx, cull_checkpoint_pack(cx, ck, in_dir("p.safetensors"), NULL, NULL));
    cull_checkpoint_free(ck);
    ok(cx, put_on(cx, "mask.safetensors", "p.safetensors", "out.safetensors", true, &r));
    same_files(out, in_dir("a3.safetensors"));
    /* other values: the weights before training */
    write_two(cx, "b.safetensors", 2, "bias", 40, 0, 3);
    write_two(cx, "b3.safetensors", 2, "bias", 40, 3, 3);
    refused(cx, put_on(cx, "mask.safetensors", "b.safetensors", "no.safetensors", false, &r),
            CULL_EINPUT, "'layers.0.up' in ");
    assert_non_null(strstr(cull_error(cx), "is not what it was made of"));
    ok(cx, put_on(cx, "mask.safetensors", "b.safetensors", "out.safetensors", true, &r));
    same_files(out, in_dir("b3.safetensors"));
    /* another model */
    write_two(cx, "c.safetensors", 1, "bias", 41, 0, 3);
    for (int any = 0; any < 2; any++)
        refused(cx, put_on(cx, "mask.safetensors", "c.safetensors", "no.safetensors", any, &r),
                CULL_EINPUT,
                "mask of another model: 'layers.0.up' is 40 x 60 there, and 41 x 60 in");
    refused(cx, put_on(cx, "a.safetensors", "c.safetensors", "no.safetensors", true, &r),
            CULL_EINPUT, "is no mask");
    refused(cx, put_on(cx, "mask.safetensors", "mask.safetensors", "no.safetensors", true, &r),
            CULL_EINPUT, "is 40 x 60 there, and 300 in");
    refused(cx, mask_of(cx, "a.safetensors", "b3.safetensors", "no.safetensors", &r), CULL_EINPUT,
            "number 0 of 'layers.0.up' is neither 0 nor what it is in");
    refused(cx, mask_of(cx, "a.safetensors", "c.safetensors", "no.safetensors", &r), CULL_EINPUT,
            "'layers.0.up' is 40 x 60 of F32 in");
    write_two(cx, "d.safetensors", 1, "bais", 40, 3, 3);
    refused(cx, mask_of(cx, "a.safetensors", "d.safetensors", "no.safetensors", &r), CULL_EINPUT,
            "a tensor 'bias' that");
    assert_non_null(strstr(cull_error(cx), "the nearest is 'bais'"));
    assert_int_not_equal(access(in_dir("no.safetensors"), F_OK), 0);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* As cull/ticket.h writes them: a byte for each weight. */
static void masks_of_bytes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const char *const meta[] = {"cull.mask", "1"};
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    cull_tensor t = {.name = "layers.0.up", .dtype = "U8", .ndim = 2, .shape = {40, 60}};
    cull_checkpoint_writer *w;
    uint8_t keep[2400];
    char out[512];
    o.meta = meta, o.metas = 2;
    write_two(cx, "a.safetensors", 1, "bias", 40, 0, 3);
    write_two(cx, "a3.safetensors", 1, "bias", 40, 3, 3);
    for (int wrong = 0; wrong < 2; wrong++) {
        for (int i = 0; i < 2400; i++) keep[i] = i % 3 == 0;
        if (wrong) keep[2000] = 2;
        ok(cx, cull_checkpoint_create(cx, in_dir("m.safetensors"), &t, 1, &o, &w));
        ok(cx, cull_checkpoint_finish(cx, w, cull_checkpoint_put_bytes(cx, w, keep, 2400)));
        if (wrong) {
            refused(cx, put_on(cx, "m.safetensors", "a.safetensors", "o.safetensors", false, NULL),
                    CULL_EIO, "'layers.0.up' is damaged");
            continue;
        }
        ok(cx, put_on(cx, "m.safetensors", "a.safetensors", "o.safetensors", false, NULL));
        strcpy(out, in_dir("o.safetensors"));
        same_files(out, in_dir("a3.safetensors"));
    }
    cull_ctx_free(cx);
}

/* ---- what fails ---- */

static cull_status everything(cull_ctx *cx)
{
    cull_checkpoint *ck = NULL, *packed = NULL;
    cull_status s = cull_checkpoint_open(cx, in_dir("dense.safetensors"), &ck);
    if (s == CULL_OK) s = cull_checkpoint_pack(cx, ck, in_dir("p.safetensors"), NULL, NULL);
    if (s == CULL_OK) s = cull_checkpoint_open(cx, in_dir("p.safetensors"), &packed);
    if (s == CULL_OK) s = cull_checkpoint_unpack(cx, packed, in_dir("u.safetensors"), NULL, NULL);
    if (s == CULL_OK) s = cull_checkpoint_mask(cx, ck, packed, in_dir("m.safetensors"), NULL);
    cull_checkpoint_free(packed);
    packed = NULL;
    if (s == CULL_OK) s = cull_checkpoint_open(cx, in_dir("mask.safetensors"), &packed);
    cull_checkpoint_free(ck);
    ck = NULL;
    if (s == CULL_OK) s = cull_checkpoint_open(cx, in_dir("a.safetensors"), &ck);
    if (s == CULL_OK)
        s = cull_checkpoint_masked(cx, packed, ck, in_dir("o.safetensors"), NULL, NULL);
    cull_checkpoint_free(packed);
    cull_checkpoint_free(ck);
    return s;
}

static void memory(void **state)
{
    (void)state;
    cull_ctx *plain = cull_ctx_new(NULL);
    ok(plain, write_dense(plain, in_dir("dense.safetensors")));
    write_two(plain, "a.safetensors", 1, "bias", 40, 0, 3);
    write_two(plain, "a3.safetensors", 1, "bias", 40, 3, 3);
    ok(plain, mask_of(plain, "a.safetensors", "a3.safetensors", "mask.safetensors", NULL));
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        cull_status s = everything(cx);
        bool reached = h.calls >= k;
        if (reached)
            assert_int_equal(s, CULL_ENOMEM);
        else
            ok(cx, s);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!reached) break;
        assert_true(k < 2000);
    }
    same_tensors(plain, in_dir("u.safetensors"));
    cull_ctx_free(plain);
}

/* A file may not be longer than so: nothing stays. */
static void no_space(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    struct rlimit was, little;
    ok(cx, write_dense(cx, in_dir("dense.safetensors")));
    cull_checkpoint *ck = opened(cx, in_dir("dense.safetensors"));
    getrlimit(RLIMIT_FSIZE, &was);
    little = was;
    little.rlim_cur = 10000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &little);
    cull_status s = cull_checkpoint_pack(cx, ck, in_dir("full.safetensors"), NULL, NULL);
    setrlimit(RLIMIT_FSIZE, &was);
    refused(cx, s, CULL_EIO, "full.safetensors");
    int left = 0;
    DIR *d = opendir(files_dir);
    for (struct dirent *e; (e = readdir(d));) left += strstr(e->d_name, "full") != NULL;
    closedir(d);
    assert_int_equal(left, 0);
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(sizes),
        cmocka_unit_test(shards),         cmocka_unit_test(wrong_files),
        cmocka_unit_test(taken_names),    cmocka_unit_test(any_bit),
        cmocka_unit_test(nested_names),   cmocka_unit_test(masks),
        cmocka_unit_test(masks_of_bytes), cmocka_unit_test(memory),
        cmocka_unit_test(no_space),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
