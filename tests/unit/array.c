/* array: npy, IDX, CIFAR, svmlight, the forms told apart, conversions, writing and reading back. */
#include "files.h"

#include "io/io.h"

static uint64_t bits(cull_rng *r) { return cull__rng_u64(r); }

/* ---- conversion ---- */

/* One element, by the plainest means. */
static double oracle(cull_dtype t, const unsigned char *p)
{
    uint64_t u = 0;
    size_t size = cull_dtype_size(t);
    for (size_t i = 0; i < size; i++) u |= (uint64_t)p[i] << 8 * i;
    uint32_t w = (uint32_t)u;
    float f;
    double d;
    int e = (int)(u >> 10 & 31), m = (int)(u & 1023);
    switch (t) {
    case CULL_BF16: w = (uint32_t)u << 16; /* fall through */
    case CULL_F32: memcpy(&f, &w, 4); return f;
    case CULL_F64: memcpy(&d, &u, 8); return d;
    case CULL_F16:
        d = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
        return u >> 15 ? -d : d;
    case CULL_I8: return (double)(int8_t)u;
    case CULL_I16: return (double)(int16_t)u;
    case CULL_I32: return (double)(int32_t)u;
    case CULL_I64: return (double)(int64_t)u;
    case CULL_BOOL: return u != 0;
    default: return (double)u;
    }
}

static bool same(double a, double b) { return (isnan(a) && isnan(b)) || a == b; }

static void conversions(void **state)
{
    (void)state;
    enum { N = 1037 };
    static unsigned char raw[N * 8 + 8];
    static float f[N];
    static double d[N];
    cull_rng r = cull__rng_seeded(11, 2);
    for (int t = 0; t < CULL_DTYPES; t++)
        for (size_t shift = 0; shift < 3; shift++) {
            size_t size = cull_dtype_size((cull_dtype)t);
            for (size_t i = 0; i < sizeof raw; i++) raw[i] = (unsigned char)bits(&r);
            cull_array a = {.dtype = (cull_dtype)t, .ndim = 1, .shape = {N}, .at = raw + shift};
            cull_array_f64(&a, 3, N - 3, d);
            cull_array_f32(&a, 3, N - 3, f);
            for (size_t i = 0; i < N - 3; i++) {
                const unsigned char *p = raw + shift + (i + 3) * size;
                double want = oracle((cull_dtype)t, p);
                uint64_t u = 0;
                memcpy(&u, p, size);
                float narrow = t == CULL_I64   ? (float)(int64_t)u /* one rounding, not two */
                               : t == CULL_U64 ? (float)u
                                               : (float)want;
                if (!same(d[i], want)) fail_msg("dtype %d: %a is not %a", t, d[i], want);
                if (!same((double)f[i], (double)narrow))
                    fail_msg("dtype %d: %a is not %a", t, (double)f[i], (double)narrow);
            }
        }
}

/* All halves, bit for bit: zeros with their sign, subnormals, infinities, nans. */
static void every_half(void **state)
{
    (void)state;
    static uint16_t h[65536];
    static float f[65536];
    for (int i = 0; i < 65536; i++) h[i] = (uint16_t)i;
    cull_array a = {.dtype = CULL_F16, .ndim = 1, .shape = {65536}, .at = h};
    cull_array_f32(&a, 0, 65536, f);
    for (int i = 0; i < 65536; i++) {
        float want = cull__f16_to_f32((uint16_t)i);
        assert_memory_equal(&f[i], &want, 4);
        if (!isnan(want)) assert_true(want == (float)oracle(CULL_F16, (unsigned char *)&h[i]));
    }
    a.dtype = CULL_BF16;
    cull_array_f32(&a, 0, 65536, f);
    for (int i = 0; i < 65536; i++) {
        uint32_t u;
        memcpy(&u, &f[i], 4);
        assert_int_equal(u, (uint32_t)i << 16);
    }
}

/* ---- npy ---- */

static void npy_refused(void **state)
{
    (void)state;
#define D(descr, order, shape)                                                                     \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"
    static const struct {
        const char *dict, *part;
        cull_status status;
    } bad[] = {
        {D("'<f4'", "True", "(2, 3)"), "shape (2, 3) in Fortran order; save it in C order: np.save",
         CULL_EINPUT},
        {D("'|O'", "False", "(6,)"), "pickled objects are never loaded", CULL_EINPUT},
        {D("[('a', '<f4'), ('b', '<i4')]", "False", "(3,)"), "structured dtype", CULL_EINPUT},
        {D("'<U7'", "False", "(3,)"), "dtype '<U7' is text", CULL_EINPUT},
        {D("'|S24'", "False", "(1,)"), "is text", CULL_EINPUT},
        {D("'<c8'", "False", "(3,)"), "'<c8' is complex", CULL_EINPUT},
        {D("'<M8[ns]'", "False", "(3,)"), "is dates", CULL_EINPUT},
        {D("'<f16'", "False", "(3,)"), "no kind of number", CULL_EINPUT},
        {D("'|V7'", "False", "(3,)"), "no kind of number", CULL_EINPUT},
        {D("'>V2'", "False", "(12,)"), "no kind of number", CULL_EINPUT},
        {D("''", "False", "(6,)"), "dtype ''", CULL_EINPUT},
        {D("'<f4'", "False", "(7,)"), "shape (7,) of f32 takes 28 bytes, the file has 24",
         CULL_EIO},
        {D("'<f4'", "False", "(5,)"), "shape (5,) of f32 takes 20 bytes, the file has 24",
         CULL_EIO},
        {D("'<f4'", "False", "(4294967296, 4294967296)"), "is larger than any file", CULL_EIO},
        {D("'<f4'", "False", "(4611686018427387904,)"), "is larger than any file", CULL_EIO},
        {D("'<f4'", "False", "(1000000000000, 3)"), "takes 12000000000000 bytes", CULL_EIO},
        {D("'<f4'", "False", "(99999999999999999999,)"), "no length below 2^63 at", CULL_EIO},
        {D("'<f4'", "False", "(-1, 3)"), "no length at '-1, 3)", CULL_EIO},
        {D("'<f4'", "False", "(2, x)"), "no length at 'x)", CULL_EIO},
        {D("'<f4'", "False", "(2 3)"), "no ')' at '3)", CULL_EIO},
        {D("'<f4'", "False", "[2, 3]"), "no shape at '[2", CULL_EIO},
        {D("'<f4'", "False", "(1,1,1,1,1,1,1,2,3)"), "more than 8 dimensions", CULL_EINPUT},
        {D("'<f4'", "Maybe", "(2, 3)"), "no True or False at 'Maybe", CULL_EIO},
        {D("7", "False", "(2, 3)"), "no descr at '7", CULL_EIO},
        {"{'descr': '<f4', 'shape': (6,)}", "lacks fortran_order", CULL_EIO},
        {"{'fortran_order': False, 'shape': (6,)}", "lacks descr", CULL_EIO},
        {"{'descr': '<f4', 'fortran_order': False}", "lacks shape", CULL_EIO},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
         "key that is new", CULL_EIO},
        {"{'colour': 'red'}", "no known key", CULL_EIO},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", "no end at 'x'", CULL_EIO},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)", "no '}'", CULL_EIO},
        {"", "no '{'", CULL_EIO},
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_array a;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bytes b = {.n = 0};
        npy(&b, 1, bad[i].dict, "123412341234123412341234", 24);
        refused(cx, cull__npy_parse(cx, "p.npy", NULL, b.at, b.n, &a), bad[i].status, bad[i].part);
        assert_memory_equal(cull_error(cx), "p.npy: ", 7);
        assert_null(a.mem_);
    }
    bytes b = {.n = 0};
    npy(&b, 2, D("'<f4'", "False", "(2, 3)"), "123412341234123412341234", 24);
    ok(cx, cull__npy_parse(cx, "p.npy", NULL, b.at, b.n, &a));
    refused(cx, cull__npy_parse(cx, "p.npy", "x", b.at, b.n, &a), CULL_EINPUT, "no name");
    for (size_t n = 0; n < b.n; n++) { /* cut anywhere */
        unsigned char *exact = malloc(n ? n : 1);
        memcpy(exact, b.at, n);
        assert_int_equal(cull__npy_parse(cx, "p.npy", NULL, exact, n, &a), CULL_EIO);
        assert_true(strlen(cull_error(cx)) > 20);
        free(exact);
    }
    b.at[6] = 4;
    refused(cx, cull__npy_parse(cx, "p.npy", NULL, b.at, b.n, &a), CULL_EINPUT, "npy version 4.0");
    b.at[6] = 2, b.at[7] = 1;
    refused(cx, cull__npy_parse(cx, "p.npy", NULL, b.at, b.n, &a), CULL_EINPUT, "npy version 2.1");
    cull_ctx_free(cx);
}

/* Versions, spellings, both byte orders: the numbers are always the same. */
static void npy_read(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        cull_dtype dtype;
    } types[] = {{"f4", CULL_F32}, {"f2", CULL_F16}, {"f8", CULL_F64}, {"i1", CULL_I8},
                 {"u1", CULL_U8},  {"i2", CULL_I16}, {"u2", CULL_U16}, {"i4", CULL_I32},
                 {"u4", CULL_U32}, {"i8", CULL_I64}, {"u8", CULL_U64}, {"b1", CULL_BOOL}};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(5, 5);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int version = 1; version <= 3; version++)
            for (const char *order = "<>|="; *order; order++) {
                size_t size = cull_dtype_size(types[t].dtype);
                uint64_t v[15];
                char dict[200];
                bytes b = {.n = 0}, data = {.n = 0};
                cull_array a;
                for (int i = 0; i < 15; i++) {
                    v[i] = bits(&r);
                    if (*order == '>')
                        add_big(&data, v[i], (int)size);
                    else
                        add_int(&data, v[i], (int)size);
                }
                snprintf(dict, sizeof dict,
                         version == 2
                             ? "{\"shape\":(3L,5L,),\"descr\":\"%c%s\","
                               "\"fortran_order\":False}"
                             : "{'descr': '%c%s', 'fortran_order': False, 'shape': (3, 5), "
                               "}      \n",
                         *order, types[t].kind);
                npy(&b, version, dict, data.at, data.n);
                ok(cx, cull__npy_parse(cx, "p", NULL, b.at, b.n, &a));
                assert_int_equal(a.dtype, types[t].dtype);
                assert_int_equal(a.ndim, 2);
                assert_int_equal(a.shape[0], 3);
                assert_int_equal(a.shape[1], 5);
                assert_true((a.mem_ != NULL) == (*order == '>' && size > 1));
                for (int i = 0; i < 15; i++)
                    assert_memory_equal((const char *)a.at + (size_t)i * size, &v[i], size);
                cull_array_free(&a);
            }
    static const struct {
        const char *dict;
        int ndim;
        cull_dtype dtype;
        size_t n;
    } odd[] = {
        {D("'<V2'", "False", "(2,)"), 1, CULL_BF16, 4},
        {D("'|V2'", "False", "(2,)"), 1, CULL_BF16, 4},
        {D("'bfloat16'", "False", "(2,)"), 1, CULL_BF16, 4},
        {D("'<f4'", "True", "(2,)"), 1, CULL_F32, 8},
        {D("'<f8'", "False", "()"), 0, CULL_F64, 8},
        {D("'<f8'", "False", "(0, 5)"), 2, CULL_F64, 0},
        {D("'<f8'", "False", "(9223372036854775807, 0, 9223372036854775807)"), 3, CULL_F64, 0}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        bytes b = {.n = 0};
        cull_array a;
        npy(&b, 1, odd[i].dict, "abcdefgh", odd[i].n);
        ok(cx, cull__npy_parse(cx, "p", NULL, b.at, b.n, &a));
        assert_int_equal(a.ndim, odd[i].ndim);
        assert_int_equal(a.dtype, odd[i].dtype);
        if (odd[i].n) assert_memory_equal(a.at, "abcdefgh", odd[i].n);
        cull_array_free(&a);
    }
    cull_ctx_free(cx);
}

/* ---- IDX ---- */

static void idx(void **state)
{
    (void)state;
    static const struct {
        int code;
        cull_dtype dtype;
    } types[] = {{8, CULL_U8},   {9, CULL_I8},   {11, CULL_I16},
                 {12, CULL_I32}, {13, CULL_F32}, {14, CULL_F64}};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(6, 1);
    cull_array a;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        size_t size = cull_dtype_size(types[t].dtype);
        uint64_t v[6];
        bytes b = {.n = 0};
        add_big(&b, (uint64_t)types[t].code << 8 | 2, 4);
        add_big(&b, 2, 4);
        add_big(&b, 3, 4);
        for (int i = 0; i < 6; i++) v[i] = bits(&r), add_big(&b, v[i], (int)size);
        ok(cx, cull__idx_parse(cx, "p", NULL, b.at, b.n, &a));
        assert_int_equal(a.dtype, types[t].dtype);
        assert_int_equal(a.shape[1], 3);
        for (int i = 0; i < 6; i++)
            assert_memory_equal((const char *)a.at + (size_t)i * size, &v[i], size);
        cull_array_free(&a);
        for (size_t n = 0; n < b.n; n++)
            assert_int_equal(cull__idx_parse(cx, "p", NULL, b.at, n, &a), CULL_EIO);
        refused(cx, cull__idx_parse(cx, "p", NULL, b.at, b.n + 1, &a), CULL_EIO, "takes");
        refused(cx, cull__idx_parse(cx, "p", "y", b.at, b.n, &a), CULL_EINPUT, "no name");
        b.at[3] = 9;
        refused(cx, cull__idx_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT, "9 dimensions");
        b.at[2] = 10;
        refused(cx, cull__idx_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT, "IDX type 0x0a");
        b.at[0] = 1;
        refused(cx, cull__idx_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EIO, "two zero bytes");
    }
    bytes b = {.n = 0};
    add(&b, "\0\0\x08\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20);
    refused(cx, cull__idx_parse(cx, "p.idx", NULL, b.at, b.n, &a), CULL_EIO,
            "larger than any file");
    cull_ctx_free(cx);
}

/* ---- CIFAR ---- */

static void cifar(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(6, 2);
    for (int labels = 1; labels <= 2; labels++) {
        enum { N = 5 };
        int record = 3072 + labels;
        static unsigned char b[N * 3074 + 1];
        const unsigned char *at;
        cull_array a;
        for (size_t i = 0; i < sizeof b; i++) b[i] = (unsigned char)bits(&r);
        for (int i = 0; i < N; i++) {
            b[i * record] = (unsigned char)(labels == 1 ? 2 * i + 1 : 4 * i);
            if (labels == 2) b[i * record + 1] = (unsigned char)(20 * i + 19);
        }
        size_t n = (size_t)(N * record);
        ok(cx, cull__cifar_parse(cx, "p", NULL, b, n, &a));
        assert_int_equal(a.ndim, 2);
        assert_int_equal(a.shape[0], N);
        assert_int_equal(a.shape[1], 3072);
        assert_string_equal(a.name, "x");
        at = a.at;
        for (int i = 0; i < N; i++)
            assert_memory_equal(at + i * 3072, b + i * record + labels, 3072);
        cull_array_free(&a);
        ok(cx, cull__cifar_parse(cx, "p", "y", b, n, &a));
        assert_int_equal(a.ndim, 1);
        at = a.at;
        for (int i = 0; i < N; i++) assert_int_equal(at[i], b[i * record + labels - 1]);
        cull_array_free(&a);
        if (labels == 2) {
            ok(cx, cull__cifar_parse(cx, "p", "coarse", b, n, &a));
            at = a.at;
            for (int i = 0; i < N; i++) assert_int_equal(at[i], b[i * record]);
            cull_array_free(&a);
        } else {
            refused(cx, cull__cifar_parse(cx, "p", "coarse", b, n, &a), CULL_EINPUT,
                    "no array 'coarse'; it holds x, y");
        }
        refused(cx, cull__cifar_parse(cx, "p", NULL, b, n + 1, &a), CULL_EIO,
                "no whole number of CIFAR-10 records");
        refused(cx, cull__cifar_parse(cx, "p", NULL, b, 0, &a), CULL_EIO, "0 bytes");
        b[3 * record + labels - 1] = 200;
        refused(cx, cull__cifar_parse(cx, "p", NULL, b, n, &a), CULL_EIO, "record 3 has no label");
    }
    cull_ctx_free(cx);
}

/* ---- fvecs, ivecs, bvecs ---- */

static void vecs(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const float f[] = {1.5f, -2, 3e20f, 4, 5, 6};
    const int32_t v[] = {7, -8, 2000000000, 9, 10, 11};
    const unsigned char u[] = {0, 255, 3, 4, 5, 6};
    const int32_t three = 3, four = 4;
    static unsigned char b[64];
    cull_array a;
    for (int kind = 0; kind < 3; kind++) {
        size_t size = kind == 2 ? 1 : 4, each = 4 + 3 * size, n = 2 * each;
        const void *from = kind == 0 ? (const void *)f : kind == 1 ? (const void *)v : u;
        cull__array_reader *reader = kind == 0   ? cull__fvecs_parse
                                     : kind == 1 ? cull__ivecs_parse
                                                 : cull__bvecs_parse;
        for (int r = 0; r < 2; r++) {
            memcpy(b + (size_t)r * each, &three, 4);
            memcpy(b + (size_t)r * each + 4, (const char *)from + (size_t)r * 3 * size, 3 * size);
        }
        ok(cx, reader(cx, "p", NULL, b, n, &a));
        assert_true(a.ndim == 2 && a.shape[0] == 2 && a.shape[1] == 3);
        assert_int_equal(a.dtype, kind == 0 ? CULL_F32 : kind == 1 ? CULL_I32 : CULL_U8);
        assert_memory_equal(a.at, from, 6 * size);
        cull_array_free(&a);
        refused(cx, reader(cx, "p", "x", b, n, &a), CULL_EINPUT, "not 'x'");
        refused(cx, reader(cx, "p", NULL, b, n - 1, &a), CULL_EIO, "row 1 is cut");
        refused(cx, reader(cx, "p", NULL, b, 3, &a), CULL_EIO, "3 bytes are no row");
        memcpy(b + each, &four, 4);
        refused(cx, reader(cx, "p", NULL, b, n, &a), CULL_EIO,
                "says that it has 4 numbers; row 0 has 3");
        memset(b, 0xff, 4);
        refused(cx, reader(cx, "p", NULL, b, n, &a), CULL_EIO, "row 0 says that it has -1");
    }
    spit("x.fvecs", "\x01\0\0\0\0\0\x80?", 8); /* by name, whatever it begins like */
    ok(cx, cull_array_open(cx, in_dir("x.fvecs"), NULL, &a));
    assert_true(a.shape[0] == 1 && *(const float *)a.at == 1);
    cull_array_free(&a);
    cull_ctx_free(cx);
}

/* ---- svmlight ---- */

static cull_status svm(cull_ctx *cx, const char *text, const char *name, cull_array *a)
{
    size_t n = strlen(text);
    unsigned char *exact = malloc(n ? n : 1); /* a sanitizer sees a read past the end */
    memcpy(exact, text, n);
    cull_status s = cull__svmlight_parse(cx, "p.svm", name, exact, n, a);
    free(exact);
    return s;
}

static void svmlight(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_array a;
    ok(cx, svm(cx, "# a comment\n+1 qid:3 1:0.5 4:-2e3 # tail 9:9\n\n-1\t2:7\r\n0.25 # none\n3 4:1",
               NULL, &a));
    static const float x[16] = {0.5f, 0, 0, -2e3f, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static const double y[4] = {1, -1, 0.25, 3};
    assert_int_equal(a.dtype, CULL_F32);
    assert_int_equal(a.shape[0], 4);
    assert_int_equal(a.shape[1], 4);
    assert_memory_equal(a.at, x, sizeof x);
    cull_array_free(&a);
    ok(cx, svm(cx, "+1 1:0.5 4:-2e3\n-1 2:7\n.25\n3 4:1\n", "y", &a));
    assert_int_equal(a.dtype, CULL_F64);
    assert_int_equal(a.ndim, 1);
    assert_memory_equal(a.at, y, sizeof y);
    cull_array_free(&a);
    ok(cx, svm(cx, "1 1:5\n2 0:3 2:1\n", NULL, &a)); /* a 0 makes all indices count from 0 */
    assert_int_equal(a.shape[1], 3);
    assert_memory_equal(a.at, ((float[]){0, 5, 0, 3, 0, 1}), 24);
    cull_array_free(&a);
    ok(cx, svm(cx, "1\n2\n", NULL, &a));
    assert_int_equal(a.shape[1], 0); /* labels alone */
    cull_array_free(&a);
    static const char *const bad[][2] = {
        {"1 1:2\n1 3\n", "p.svm:2: '3' is no index:value"},
        {"1 1:2\n\n1 a:3\n", "p.svm:3: 'a:3' has an index"},
        {"1 -1:3\n", "p.svm:1: '-1:3' has an index"},
        {"1 1.5:3\n", "'1.5:3' has an index"},
        {"1 99999999999999999999:3\n", "has an index"},
        {"1 9223372036854775807:3\n", "has an index"},
        {"1 1:x\n", "'1:x' has a value that is no number"},
        {"1 1:\n", "'1:' has a value"},
        {"1 2:1 2:1\n", "'2:1' does not rise"},
        {"1 3:1 2:1\n", "'2:1' does not rise"},
        {"yes 3:1\n", "'yes' is no label"},
        {"1,2 3:1\n", "'1,2' is no label"},
        {"1 281474976710655:1\n", "feature 281474976710655 makes a dense array of shape (1, 2814"},
        {"1 20000000:1\n", "hash or choose features"},
        {"", "it holds no record"},
        {"# only\n", "it holds no record"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(cx, svm(cx, bad[i][0], NULL, &a), CULL_EINPUT, bad[i][1]);
    refused(cx, svm(cx, "1 1:1\n", "z", &a), CULL_EINPUT, "no array 'z'; it holds x, y");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- forms ---- */

static void forms(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_array a;
    static const struct {
        const char *name, *text, *part;
    } bad[] = {
        {"a.safetensors", "PK\3\4 and so on", "zip archive (a PyTorch checkpoint or an npz) under"},
        {"a.pt", "PK\3\4 and so on", "PyTorch checkpoint"},
        {"pytorch_model.bin", "PK\3\4 and so on", "PyTorch checkpoint"},
        {"a.pkl", "\x80\x04\x95 and so on", "a pickle; pickles are never loaded"},
        {"a.safetensors", "\x80\x02}q and so on", "a pickle; pickles are never loaded"},
        {"a.txt", "hello\nthere", "no form of array that cull reads"},
        {"a.txt", "", "empty"},
        {"a.npy", "hello", "no npy file: it begins 'hello'"},
        {"a.npz", "hello", "no directory"},
        {"a.safetensors", "hello", "5 bytes are too few"},
        {"a.bin", "hello", "5 bytes are no whole number of CIFAR-10"},
        {"a.txt.gz", "hello\nthere", "it begins 'hello"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *path = spit(bad[i].name, bad[i].text, strlen(bad[i].text));
        cull_status s = cull_array_open(cx, path, NULL, &a);
        if (s == CULL_OK || !strstr(cull_error(cx), bad[i].part))
            fail_msg("%s: '%s' lacks '%s'", bad[i].name, cull_error(cx), bad[i].part);
        assert_null(a.mem_);
        unlink(path);
    }
    refused(cx, cull_array_open(cx, in_dir("none.npy"), NULL, &a), CULL_EIO, "none.npy");
    refused(cx, cull_array_open(cx, in_dir("none.npy:x"), NULL, &a), CULL_EIO, "none.npy:x");
    refused(cx, cull_array_open(cx, files_dir, NULL, &a), CULL_EIO, files_dir);
    /* the signature counts, not the name; and path:NAME */
    bytes b = {.n = 0};
    npy(&b, 1, D("'<f4'", "False", "(6,)"), "123412341234123412341234", 24);
    ok(cx, cull_array_open(cx, spit("a.dat", b.at, b.n), NULL, &a));
    cull_array_free(&a);
    ok(cx,
       cull_array_open(cx, spit("a.dat:x", b.at, b.n), NULL, &a)); /* a file of that name wins */
    cull_array_free(&a);
    refused(cx, cull_array_open(cx, in_dir("a.dat:y"), NULL, &a), CULL_EINPUT, "has no name");
    spit("l.svm", "1 1:5\n2 1:6\n", 12);
    ok(cx, cull_array_open(cx, in_dir("l.svm:y"), NULL, &a));
    assert_string_equal(a.name, "y");
    cull_array_free(&a);
    refused(cx, cull_array_open(cx, in_dir("l.svm:y"), "x", &a), CULL_EINPUT, "name one");
    /* a CIFAR record that begins as an IDX file would */
    static unsigned char c[3073 * 2] = {0, 0, 8, 1};
    ok(cx, cull_array_open(cx, spit("c.bin", c, sizeof c), NULL, &a));
    assert_int_equal(a.shape[1], 3072);
    cull_array_free(&a);
    cull_ctx_free(cx);
}

/* ---- writing ---- */

/* Every dtype through every form: the same bytes come back. */
static void round_trips(void **state)
{
    (void)state;
    static const char *const name[] = {"r.npy",     "r.npz",     "r.safetensors",
                                       "r.npy.gz",  "r.npz.zst", "r.safetensors.gz",
                                       "r.npy.zst", "r.npz.gz",  "r.safetensors.zst"};
    enum { N = 7, D = 31 };
    static unsigned char raw[N * D * 8];
    cull_rng r = cull__rng_seeded(8, 1);
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        for (size_t i = 0; i < sizeof raw; i++) raw[i] = (unsigned char)bits(&r);
        for (size_t f = 0; f < sizeof name / sizeof *name; f++)
            for (int t = 0; t < CULL_DTYPES; t++) {
                size_t n = N * D * cull_dtype_size((cull_dtype)t);
                cull_array a = {.dtype = (cull_dtype)t, .ndim = 3, .shape = {N, 1, D}, .at = raw},
                           b;
                if (t & 1) strcpy(a.name, "w/\"x\" \xc3\xa9");
                ok(cx, cull_array_write(cx, in_dir(name[f]), &a));
                ok(cx, cull_array_open(cx, in_dir(name[f]), NULL, &b));
                assert_int_equal(b.dtype, t);
                assert_int_equal(b.ndim, 3);
                assert_memory_equal(b.shape, a.shape, sizeof a.shape);
                assert_memory_equal(b.at, raw, n);
                if (!strchr(name[f], '.') || strstr(name[f], ".np") == NULL ||
                    strstr(name[f], "npz"))
                    assert_string_equal(b.name, t & 1 ? a.name : "embeddings");
                if (f < 3) assert_int_equal((uintptr_t)b.at & 63, 0); /* used where it lies */
                cull_array_free(&b);
            }
        cull_array odd = {.dtype = CULL_F32, .ndim = 2, .shape = {0, 5}, .at = NULL}, b;
        for (size_t f = 0; f < 3; f++) {
            ok(cx, cull_array_write(cx, in_dir(name[f]), &odd));
            ok(cx, cull_array_open(cx, in_dir(name[f]), NULL, &b));
            assert_int_equal(b.shape[1], 5);
            cull_array_free(&b);
        }
        refused(cx, cull_array_write(cx, in_dir("r.txt"), &odd), CULL_EINPUT,
                "written as .npy, .npz or .safetensors");
        odd.shape[0] = odd.shape[1] = INT64_MAX;
        refused(cx, cull_array_write(cx, in_dir("q.npy"), &odd), CULL_EINPUT, "impossible shape");
        odd.shape[0] = 0;
        strcpy(odd.name, "\xff");
        refused(cx, cull_array_write(cx, in_dir("q.npz"), &odd), CULL_EINPUT, "not UTF-8");
        refused(cx, cull_array_write(cx, in_dir("no/q.npz"), &odd), CULL_EINPUT, "not UTF-8");
        odd.name[0] = 0;
        refused(cx, cull_array_write(cx, in_dir("no/q.npy"), &odd), CULL_EIO, "no/q.npy");
        assert_int_equal(access(in_dir("q.npy"), F_OK), -1);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

/* Every form read and written with the k-th allocation failing, for every k. */
static void no_memory(void **state)
{
    (void)state;
    static const float v[] = {1, 2, 3, 4, 5, 6};
    cull_array a = {.dtype = CULL_F32, .ndim = 2, .shape = {2, 3}, .at = v};
    bytes big = {.n = 0}, im = {.n = 0};
    npy(&big, 1, D("'>f4'", "False", "(6,)"), v, 24);
    spit("m-big.npy", big.at, big.n);
    add_big(&im, 0x0D01, 4), add_big(&im, 6, 4), add(&im, v, 24);
    spit("m.idx1-float", im.at, im.n);
    static unsigned char c[3073 * 2];
    spit("m.bin", c, sizeof c);
    spit("m.svm", "1 1:5\n2 1:6\n", 12);
    static const char *const name[] = {"m.npy",     "m.npz",        "m.safetensors",
                                       "m.npz.gz",  "m.npy.zst",    "m.bin",
                                       "m-big.npy", "m.idx1-float", "m.svm"};
    for (size_t f = 0; f < sizeof name / sizeof *name; f++)
        for (int reading = f >= 5; reading <= 1; reading++) {
            long k = 1;
            for (;; k++) {
                hooks h = {0};
                cull_array got = {0};
                cull_ctx *cx = hooked_ctx(&h, 1);
                h.fail_at = h.calls + k;
                cull_status s = reading ? cull_array_open(cx, in_dir(name[f]), NULL, &got)
                                        : cull_array_write(cx, in_dir(name[f]), &a);
                bool reached = h.calls >= h.fail_at;
                if (s != CULL_OK) {
                    if (s != CULL_ENOMEM) fail_msg("%s, %ld: %s", name[f], k, cull_error(cx));
                    assert_non_null(strstr(cull_error(cx), "memory"));
                    assert_null(got.mem_);
                }
                cull_array_free(&got);
                cull_ctx_free(cx);
                assert_int_equal(h.live, 0);
                if (s == CULL_OK && !reached) break;
                assert_true(k < 1000);
            }
            assert_true(k > 2);
        }
}

/* ---- against numpy, where there is one ---- */

static const char script[] =
    "import numpy as np, sys\n"
    "d = sys.argv[1] + '/'\n"
    "w = np.fromfile(d + 'want.f64', '<f8').reshape(40, 3)\n"
    "for t in 'f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1'.split():\n"
    "    for o in '<>':\n"
    "        a = w.astype(o + t)\n"
    "        np.save(d + 'n' + ('b' if o == '>' else 'l') + t + '.npy', a)\n"
    "        np.savez(d + 'n' + ('b' if o == '>' else 'l') + t + '.npz', other=w, embeddings=a)\n"
    "        np.savez_compressed(d + 'c' + ('b' if o == '>' else 'l') + t + '.npz', a)\n"
    "f = np.load(d + 'mine.npy')\n"
    "z = np.load(d + 'mine.npz')\n"
    "assert f.dtype == np.float32 and (f == w.astype('f4')).all()\n"
    "assert z.files == ['embeddings'] and (z['embeddings'] == w.astype('f4')).all()\n"
    "import json, struct\n"
    "b = open(d + 'mine.safetensors', 'rb').read()\n"
    "n = struct.unpack('<Q', b[:8])[0]\n"
    "h = json.loads(b[8:8 + n])['embeddings']\n"
    "assert h == {'dtype': 'F32', 'shape': [40, 3], 'data_offsets': [0, 480]}\n"
    "assert (np.frombuffer(b[8 + n:], '<f4').reshape(40, 3) == w.astype('f4')).all()\n";

static void numpy(void **state)
{
    (void)state;
    static const char *const types[] = {"f2", "f4", "f8", "i1", "i2", "i4",
                                        "i8", "u1", "u2", "u4", "u8", "b1"};
    if (system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
        print_message("no numpy: skipped\n");
        skip();
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    double w[120], got[120];
    float f[120];
    for (int i = 0; i < 120; i++) w[i] = (i * 37) % 121; /* whole, so that every dtype holds it */
    for (int i = 0; i < 120; i++) f[i] = (float)w[i];
    spit("want.f64", w, sizeof w);
    cull_array mine = {.dtype = CULL_F32, .ndim = 2, .shape = {40, 3}, .at = f}, a;
    ok(cx, cull_array_write(cx, in_dir("mine.npy"), &mine));
    ok(cx, cull_array_write(cx, in_dir("mine.npz"), &mine));
    ok(cx, cull_array_write(cx, in_dir("mine.safetensors"), &mine));
    char cmd[400];
    spit("check.py", script, sizeof script - 1);
    snprintf(cmd, sizeof cmd, "/usr/bin/python3 %s %s", in_dir("check.py"), files_dir);
    assert_int_equal(system(cmd), 0);
    for (size_t t = 0; t < 12; t++)
        for (int k = 0; k < 6; k++) {
            char name[40];
            snprintf(name, sizeof name, "%c%c%s.%s", k < 4 ? 'n' : 'c', k & 1 ? 'b' : 'l', types[t],
                     k < 2 ? "npy" : "npz");
            ok(cx, cull_array_open(cx, in_dir(name), NULL, &a));
            assert_int_equal(a.shape[0] * a.shape[1], 120);
            cull_array_f64(&a, 0, 120, got);
            for (int i = 0; i < 120; i++) assert_true(got[i] == (t == 11 ? w[i] != 0 : w[i]));
            cull_array_free(&a);
        }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions), cmocka_unit_test(every_half), cmocka_unit_test(npy_refused),
        cmocka_unit_test(npy_read),    cmocka_unit_test(idx),        cmocka_unit_test(cifar),
        cmocka_unit_test(vecs),        cmocka_unit_test(svmlight),   cmocka_unit_test(forms),
        cmocka_unit_test(round_trips), cmocka_unit_test(no_memory),  cmocka_unit_test(numpy),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
