/* base: memory, parallel loops, randomness, numbers as text. */
#include "test.h"

#include <locale.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/base.h"

/* A host program's flushing of denormals to zero: whether it is on, and on or off. */
#if defined(__SSE__)
#include <xmmintrin.h>
static bool flushes(void) { return (_mm_getcsr() & 0x8040) == 0x8040; }
static void flush(bool on) { _mm_setcsr(on ? _mm_getcsr() | 0x8040 : _mm_getcsr() & ~0x8040u); }
#elif defined(__aarch64__)
enum { FZ = 1 << 24 };
static bool flushes(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr & FZ;
}
static void flush(bool on) { __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)(on ? FZ : 0))); }
#endif

static void numbers(void **state)
{
    (void)state;
    static const double v[] = {0,    1,     -1.5, 0.1, 1e300, 5e-324, 1.0 / 3, 123456789012345678.0,
                               -0.0, 2.5e-7};
    static const char *const locales[] = {"C",
                                          "de_DE.UTF-8"}; /* the second where it is installed */
    for (int l = 0; l < 2; l++) {
        setlocale(LC_ALL, locales[l]);
        for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
            char buf[32];
            double back = -7;
            cull__format_f64(v[i], buf);
            assert_true(cull__parse_f64(buf, strlen(buf), &back));
            assert_true(back == v[i]);
            assert_null(strchr(buf, ','));
        }
    }
    setlocale(LC_ALL, "C");
    double d;
    static const char *const bad[] = {"",       " ",   "1,5",   "0x10", "1e", "1 2",
                                      "nan(1)", "--1", "1.2.3", "e5",   "."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cull__parse_f64(bad[i], strlen(bad[i]), &d));
    int64_t n;
    assert_true(cull__parse_i64("-9223372036854775808", 20, &n) && n == INT64_MIN);
    assert_false(cull__parse_i64("9223372036854775808", 19, &n));
    uint64_t b;
    assert_true(cull__parse_bytes("512M", &b) && b == 512u << 20);
    assert_true(cull__parse_bytes("1.5GiB", &b) && b == 3ull << 29);
    assert_true(cull__parse_bytes("1e6", &b) && b == 1000000);
    assert_false(cull__parse_bytes("12Q", &b));
    assert_false(cull__parse_bytes("-1", &b));
}

/* What printf and strtod say: the fewest of 15, 16 and 17 digits that read back. */
static void as_library(double v)
{
    char buf[32], want[32];
    double back;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(want, sizeof want, "%.*g", digits, v);
        if (strtod(want, NULL) == v) break;
    }
    assert_string_equal(cull__format_f64(v, buf), want);
    assert_true(cull__parse_f64(want, strlen(want), &back) && back == v);
    snprintf(want, sizeof want, "%.*f", 18, v); /* digits that no double needs */
    assert_true(cull__parse_f64(want, strlen(want), &back));
    assert_true(back == strtod(want, NULL));
}

static void numbers_as_library(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(1, 1);
    for (int i = 0; i < 200000; i++) {
        double u = cull__rng_unit(&r), v = u * pow(10, (double)cull__rng_below(&r, 24) - 6);
        int64_t few = cull__rng_below(&r, 1000000);
        as_library(v);
        as_library(-v);
        as_library((double)few / pow(10, (double)cull__rng_below(&r, 12)));
        as_library(nextafter((double)few / 1000, i % 2 ? 0 : INFINITY));
        char text[32];
        double back;
        snprintf(text, sizeof text, "%d.%010d%08d", (int)cull__rng_below(&r, 10),
                 (int)cull__rng_below(&r, 1000000000), (int)cull__rng_below(&r, 100000000));
        assert_true(cull__parse_f64(text, strlen(text), &back) && back == strtod(text, NULL));
    }
    for (int e = -20; e < 60; e++) /* the neighbours of a power of two, and it */
        for (int k = -3; k <= 3; k++) {
            double v = ldexp(1, e);
            for (int j = 0; j < abs(k); j++) v = nextafter(v, k < 0 ? 0 : INFINITY);
            as_library(v);
        }
    for (int e = -6; e < 18; e++) as_library(nextafter(pow(10, e), 0)), as_library(pow(10, e));
    for (int64_t m = 0; m < 1000; m++) { /* halfway between two doubles: to the even one */
        char text[32];
        double back;
        snprintf(text, sizeof text, "%lld", (long long)(9007199254740993 + 2 * m));
        assert_true(cull__parse_f64(text, strlen(text), &back) && back == strtod(text, NULL));
    }
}

static void halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) { /* every half survives the way to float and back */
        float f = cull__f16_to_f32((uint16_t)h);
        if (!isnan(f)) assert_int_equal(cull__f32_to_f16(f), h);
        f = cull__bf16_to_f32((uint16_t)h);
        if (!isnan(f)) assert_int_equal(cull__f32_to_bf16(f), h);
    }
    assert_int_equal(cull__f32_to_f16(2049.0f), 0x6800); /* ties go to even */
    assert_int_equal(cull__f32_to_f16(2051.0f), 0x6802);
    assert_int_equal(cull__f32_to_f16(65520.0f), 0x7C00);
    assert_int_equal(cull__f32_to_f16(65519.0f), 0x7BFF);
    assert_int_equal(cull__f32_to_f16(0x1p-25f), 0);
    assert_int_equal(cull__f32_to_f16(0x1.8p-25f), 1);
    assert_int_equal(cull__f32_to_f16(0x1p-15f), 0x0200);
}

/* The known answers of Random123's kat_vectors for philox4x32-10. */
static void philox(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(0, 0);
    assert_int_equal(cull__rng_u32(&r), 0x6627e8d5u);
    assert_int_equal(cull__rng_u32(&r), 0xe169c58du);
    assert_int_equal(cull__rng_u32(&r), 0xbc57ac4cu);
    assert_int_equal(cull__rng_u32(&r), 0x9b00dbd8u);
    r = cull__rng_seeded(UINT64_MAX, UINT64_MAX);
    r.ctr[0] = r.ctr[1] = UINT32_MAX;
    assert_int_equal(cull__rng_u32(&r), 0x408f276du);
    assert_int_equal(cull__rng_u32(&r), 0x41c83b0eu);
    for (int before = 0; before < 5; before++)
        for (int n = 0; n < 14; n++) { /* many at once are the same numbers */
            cull_rng one = cull__rng_seeded(9, 2), all;
            uint32_t v[14];
            one.ctr[0] = UINT32_MAX - 1;
            for (int i = 0; i < before; i++) cull__rng_u32(&one);
            all = one;
            cull__rng_fill(&all, v, n);
            for (int i = 0; i < n; i++) assert_int_equal(v[i], cull__rng_u32(&one));
            assert_int_equal(cull__rng_u32(&all), cull__rng_u32(&one));
        }
    int64_t count[7] = {0};
    r = cull__rng_seeded(3, 1);
    for (int i = 0; i < 70000; i++) count[cull__rng_below(&r, 7)]++;
    double chi = 0;
    for (int i = 0; i < 7; i++) chi += pow((double)count[i] - 10000, 2) / 10000;
    assert_true(chi < 22.5); /* 6 degrees of freedom, p = 0.001 */
}

typedef struct {
    atomic_long sum;
    int64_t chunk_of[1000];
    int64_t bad;
} looped;

static cull_status visit(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    looped *l = arg;
    char *scratch;
    CULL_TRY(CULL_TMP(cx, scratch, 1000 + chunk));
    for (int64_t i = lo; i < hi; i++) {
        l->chunk_of[i] = chunk;
        atomic_fetch_add(&l->sum, i);
    }
    if (chunk >= l->bad) return cull__fail(cx, CULL_EINPUT, "chunk %d", (int)chunk);
    return CULL_OK;
}

static void loops(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        looped *l = calloc(1, sizeof *l);
        l->bad = INT64_MAX;
        ok(cx, cull__for(cx, 1000, 64, visit, l));
        assert_int_equal(l->sum, 499500);
        for (int i = 0; i < 1000; i++) assert_int_equal(l->chunk_of[i], i / 64);
        l->bad = 3; /* of all that fail, the lowest is told */
        for (int r = 0; r < 50; r++)
            refused(cx, cull__for(cx, 1000, 64, visit, l), CULL_EINPUT, "chunk 3");
        h.ticks = 0;
        h.stop_at = 2; /* at the entry and before the first chunk there is a tick for sure */
        l->bad = INT64_MAX;
        refused(cx, cull__for(cx, 1000, 8, visit, l), CULL_ECANCEL, "stopped");
        h.stop_at = 0;
        ok(cx, cull__for(cx, 1000, 8, visit, l)); /* and the ctx goes on */
        cull_ctx_free(cx);
        free(l);
        assert_int_equal(h.live, 0);
    }
}

/* Ticks come seldom, but one that says stop is asked again by the next: a failure that was passed over is not lost. */
static int always(void *user, const char *what, double done, double total)
{
    (void)what, (void)done, (void)total;
    return ++*(int *)user > 1;
}

static void stops(void **state)
{
    (void)state;
    int asked = 0;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.user = &asked, o.tick = always, o.tick_ms = 3600 * 1000;
    cull_ctx *cx = cull_ctx_new(&o);
    ok(cx, cull__tick(cx, 0, 9));
    ok(cx, cull__tick(cx, 1, 9));
    assert_int_equal(asked, 1); /* the hour is not over */
    const char *phase = cull__phase(cx, "another loop");
    for (int k = 2; k < 5; k++) {
        refused(cx, cull__tick(cx, k, 9), CULL_ECANCEL, "stopped");
        assert_int_equal(asked, k);
    }
    cull__phase(cx, phase);
    cull_ctx_free(cx);
}

/* A loop computes with denormals whatever the host program set, and leaves the host's floating-point
 * mode, CPU mask and OpenMP setting as they were. */
static cull_status denormal(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    volatile double *out = arg, tiny = 5e-324;
    (void)cx, (void)lo, (void)hi;
    out[chunk] = tiny / 2 + tiny; /* 0 when denormals are flushed */
    return CULL_OK;
}

static void host(void **state)
{
    (void)state;
    cpu_set_t before, after;
    double out[8];
    cull_ctx *cx = cull_ctx_new(NULL);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    flush(true);
    ok(cx, cull__for(cx, 8, 1, denormal, out));
    assert_true(flushes());
    flush(false);
    for (int i = 0; i < 8; i++) assert_true(out[i] > 0);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    cull_ctx_free(cx);
}

static void hashes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    char hex[33], text[5000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 37 >> 3);
    cull__hash_hex(cull__hash128("", 0), hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f"); /* xxhsum -H2 of nothing */
    cull__hasher *h;
    ok(cx, cull__hasher_new(cx, &h)); /* in pieces as in one */
    for (size_t i = 0; i < sizeof text; i += 700)
        cull__hasher_add(h, text + i, sizeof text - i < 700 ? sizeof text - i : 700);
    cull_hash128 a = cull__hasher_end(h), b = cull__hash128(text, sizeof text);
    assert_memory_equal(&a, &b, sizeof a);
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    (void)state;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.memory = 1 << 20;
    cull_ctx *cx = cull_ctx_new(&o);
    char *p;
    cull__mark_t m = cull__mark(cx);
    refused(cx, CULL_TMP(cx, p, 1 << 21), CULL_ENOMEM, "limit of 1.0 MiB");
    refused(cx, CULL_TMP(cx, p, INT64_MAX), CULL_ENOMEM, "out of memory");
    refused(cx, CULL_TMP(cx, p, -1), CULL_ENOMEM, "out of memory");
    for (int i = 0; i < 100; i++) { /* released memory can be had again */
        ok(cx, CULL_TMP(cx, p, 700 << 10));
        assert_int_equal((uintptr_t)p & 63, 0);
        memset(p, 1, 700 << 10);
        cull__release(cx, m);
    }
    for (int i = 0; i < 1000; i++) ok(cx, CULL_TMP0(cx, p, 100));
    cull__release(cx, m);
    assert_true(cull_ctx_peak(cx) <= 1 << 20);
    cull_ctx_free(cx);
}

static void names(void **state)
{
    (void)state;
    static const char *const c[] = {"rds-plus", "random", "color-filter"};
    assert_string_equal(cull__nearest("rds-pluss", c, 3), "rds-plus");
    assert_string_equal(cull__nearest("radnom", c, 3), "random");
    assert_null(cull__nearest("zzzzz", c, 3));
    char far[201] = {0};
    memset(far, 'z', 200); /* a third of it is more than any name is long */
    assert_null(cull__nearest(far, c, 3));
    assert_true(cull__same_name("rds_plus", "rds-plus"));
    size_t bad;
    assert_true(cull__utf8_ok("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10, &bad));
    assert_false(cull__utf8_ok("ab\xc3", 3, &bad));
    assert_int_equal(bad, 2);
    assert_false(cull__utf8_ok("\xed\xa0\x80", 3, &bad)); /* a surrogate */
    assert_false(cull__utf8_ok("\xc0\xaf", 2, &bad));     /* overlong */
    assert_false(cull__utf8_ok("\xf4\x90\x80\x80", 4, &bad));
    char shown[16]; /* 12 bytes and dots at most, whole characters */
    assert_string_equal(cull__quote("a\xff\x01\xc3\xa9\xe2\x82", 7, shown, sizeof shown),
                        "a??\xc3\xa9??");
    assert_string_equal(cull__quote("0123456789a\xc3\xa9 and more", 21, shown, sizeof shown),
                        "0123456789a...");
}

static void json(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_json j = {.b = CULL_BUF(cx)};
    cull__json_open(&j, '{');
    cull__json_key(&j, "a\"b");
    cull__json_open(&j, '[');
    cull__json_f64(&j, 0.1);
    cull__json_f64(&j, INFINITY);
    cull__json_i64(&j, -5);
    cull__json_str(&j, "x\n\x01");
    cull__json_str(&j, "\xc3\xa9\xc3\"\xff");
    cull__json_close(&j, ']');
    cull__json_key(&j, "c");
    cull__json_bool(&j, true);
    cull__json_close(&j, '}');
    assert_int_equal(j.b.status, CULL_OK);
    assert_string_equal(
        j.b.at,
        "{\"a\\\"b\":[0.1,null,-5,\"x\\n\\u0001\",\"\xc3\xa9\\ufffd\\\"\\ufffd\"],\"c\":true}");
    cull__buf_free(&j.b);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(numbers_as_library),
        cmocka_unit_test(halves),  cmocka_unit_test(philox),
        cmocka_unit_test(loops),   cmocka_unit_test(stops),
        cmocka_unit_test(host),    cmocka_unit_test(hashes),
        cmocka_unit_test(memory),  cmocka_unit_test(names),
        cmocka_unit_test(json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
