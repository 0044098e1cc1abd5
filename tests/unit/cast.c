/* Narrow floats: every pattern against a decoder of doubles, every rounding boundary against the nearest by
 * distance, all of it against PyTorch's (bench/peers/cast_torch.py), the same on every instruction set. */
#include "test.h"

#include "io/io.h"
#include "num/cast.h"

typedef struct {
    const char *name;
    int form, mant, bias, bytes;
    bool endless; /* it has infinities */
    uint32_t crc[3];
} form;
static const form forms[] = {
    {"F16", CULL_F16, 10, 15, 2, true, {0xef9d25e2, 0x0e277710, 0x4d927a69}},
    {"BF16", CULL_BF16, 7, 127, 2, true, {0xb6ca4a2a, 0x2184dbb3, 0x0f63caff}},
    {"F8_E4M3", CULL__F8_E4M3, 3, 7, 1, false, {0xbcca99f4, 0xf9159ac2, 0x01b0ddbc}},
    {"F8_E5M2", CULL__F8_E5M2, 2, 15, 1, true, {0xd73df2ea, 0x4072d018, 0x4cf3bd85}},
};
enum { FORMS = 4, MOST = 65536 };
static const char *const isas[] = ISA_NAMES;

static uint32_t codes(const form *f) { return 1u << 8 * f->bytes; }

/* What a pattern stands for, by the formula. */
static double decode(const form *f, uint32_t code)
{
    int width = 8 * f->bytes - 1 - f->mant;
    uint32_t m = code & ((1u << f->mant) - 1), e = code >> f->mant & ((1u << width) - 1);
    double sign = code >> (8 * f->bytes - 1) ? -1 : 1, top = (1u << width) - 1;
    if (f->endless && e == top) return m ? (double)NAN : sign * (double)INFINITY;
    if (!f->endless && e == top && m == (1u << f->mant) - 1) return (double)NAN;
    if (e == 0) return sign * ldexp(m, 1 - f->bias - f->mant);
    return sign * ldexp(1 + ldexp(m, -f->mant), (int)e - f->bias);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Finite values, ascending, each once. */
static int64_t values(const form *f, double *v)
{
    int64_t n = 0, once = 0;
    for (uint32_t c = 0; c < codes(f); c++)
        if (isfinite(decode(f, c))) v[n++] = decode(f, c);
    qsort(v, (size_t)n, sizeof *v, by_value);
    for (int64_t i = 0; i < n; i++)
        if (!once || v[i] != v[once - 1]) v[once++] = v[i];
    return once;
}

static bool same(float a, double b)
{
    return isnan(b) ? isnan(a) : (double)a == b && !signbit(a) == !signbit(b);
}

static uint32_t crc_of(cull_ctx *cx, const void *p, size_t n)
{
    uint32_t crc;
    ok(cx, cull__crc32(cx, p, n, 0, &crc));
    return crc;
}

/* A ctx of that instruction set, or NULL where the machine has it not. */
static cull_ctx *on(const char *isa)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.isa = isa;
    o.threads = 1;
    return cull_ctx_new(&o);
}

static void widens(void **state)
{
    (void)state;
    static unsigned char code[2 * MOST + 1];
    static float got[MOST];
    for (int k = 0; k < 3; k++) {
        cull_ctx *cx = on(isas[k]);
        for (int i = 0; cx && i < FORMS; i++) {
            const form *f = forms + i;
            unsigned char *at = code + (f->bytes == 2); /* an odd address */
            for (uint32_t c = 0; c < codes(f); c++)
                memcpy(at + c * (size_t)f->bytes, &c, (size_t)f->bytes);
            cull__widen(cx, f->form, at, codes(f), got);
            for (uint32_t c = 0; c < codes(f); c++)
                if (!same(got[c], decode(f, c)))
                    fail_msg("%s %s: %x is %g, not %g", isas[k], f->name, c, (double)got[c],
                             decode(f, c));
            for (uint32_t c = 0; c < codes(f); c++)
                if (isnan(got[c])) got[c] = 0;
            assert_int_equal(crc_of(cx, got, codes(f) * sizeof *got), f->crc[0]);
        }
        cull_ctx_free(cx);
    }
}

/* Of two neighbours lo <= x <= hi the nearer, of equals the one whose last bit is 0. The one past the largest
 * is where the next step would be, and stands for "too large". */
static double nearest(const form *f, const double *v, int64_t n, double x)
{
    int64_t lo = 0, hi = n;
    double a = fabs(x), top = v[n - 1], next = top + (top - v[n - 2]);
    if (a >= top)
        return a - top < next - a || (a - top == next - a && !f->endless) ? copysign(top, x)
                                                                          : (double)INFINITY;
    while (hi - lo > 1) {
        int64_t mid = (lo + hi) / 2;
        *(v[mid] <= a ? &lo : &hi) = mid;
    }
    double down = a - v[lo], up = v[lo + 1] - a;
    /* steps are of one size up to there: v[lo] / step tells whether its last bit is 0 */
    double step = v[lo + 1] - v[lo];
    bool even = fmod(v[lo] / step, 2) == 0;
    return copysign(down < up || (down == up && even) ? v[lo] : v[lo + 1], x);
}

/* Each number alone, so that "the first without a place" is looked at for each of them. */
static void check_narrow(cull_ctx *cx, const form *f, const double *v, int64_t n, float x)
{
    unsigned char code[2];
    float back;
    double want = nearest(f, v, n, (double)x);
    int64_t bad = cull__narrow(cx, f->form, &x, 1, code);
    if (isinf(want)) {
        if (bad != 0) fail_msg("%s: %a is said to fit", f->name, (double)x);
        return;
    }
    cull__widen(cx, f->form, code, 1, &back);
    if (bad != -1 || !same(back, want))
        fail_msg("%s: %a becomes %a, not %a (%d)", f->name, (double)x, (double)back, want,
                 (int)bad);
}

static void narrows(void **state)
{
    (void)state;
    static double all[MOST];
    for (int k = 0; k < 3; k++) {
        cull_ctx *cx = on(isas[k]);
        for (int i = 0; cx && i < FORMS; i++) {
            const form *f = forms + i;
            int64_t n = values(f, all), half = 0;
            while (all[half] < 0) half++;
            const double *v = all + half; /* 0 and up */
            n -= half;
            for (int64_t j = 0; j + 1 < n; j++) {
                float mid = (float)((v[j] + v[j + 1]) / 2);
                float x[] = {(float)v[j], mid, nextafterf(mid, 0), nextafterf(mid, INFINITY)};
                assert_true((double)mid == (v[j] + v[j + 1]) / 2);
                for (int m = 0; m < 4; m++) {
                    check_narrow(cx, f, v, n, x[m]);
                    check_narrow(cx, f, v, n, -x[m]);
                }
            }
            double top = v[n - 1], past = top + (top - v[n - 2]) / 2;
            float edge = (float)past; /* halfway to where the next step would be */
            float x[] = {(float)top,      edge,     nextafterf(edge, 0), nextafterf(edge, INFINITY),
                         0x1.fffffep127f, 0x1p-149f};
            assert_true((double)edge == past);
            assert_true(top == cull__form_most(f->form));
            for (int m = 0; m < 6; m++) {
                check_narrow(cx, f, v, n, x[m]);
                check_narrow(cx, f, v, n, -x[m]);
            }
        }
        cull_ctx_free(cx);
    }
}

/* NaN stays NaN with its sign, infinities stay where the form has them; the first that does not fit is named,
 * wherever it stands; F32 and F64 take everything. */
static void odd_ones(void **state)
{
    (void)state;
    static float x[5000];
    static unsigned char out[5000 * 8 + 1];
    for (int k = 0; k < 3; k++) {
        cull_ctx *cx = on(isas[k]);
        for (int i = 0; cx && i < FORMS; i++) {
            const form *f = forms + i;
            float some[4] = {NAN, -NAN, INFINITY, -INFINITY}, back[4];
            assert_int_equal(cull__narrow(cx, f->form, some, 4, out + 1), f->endless ? -1 : 2);
            assert_int_equal(cull__narrow(cx, f->form, some, 2, out + 1), -1);
            cull__widen(cx, f->form, out + 1, 2, back);
            assert_true(isnan(back[0]) && isnan(back[1]) && !signbit(back[0]) && signbit(back[1]));
            if (f->endless) {
                (void)cull__narrow(cx, f->form, some, 4, out + 1);
                cull__widen(cx, f->form, out + 1, 4, back);
                assert_true(back[2] == INFINITY && back[3] == -INFINITY);
            }
            for (int64_t at = 0; at < 5000; at += 613) {
                for (int j = 0; j < 5000; j++) x[j] = j == 2 ? NAN : 1;
                x[at] = -3e38f * (f->form == CULL_BF16 ? 1.1342f : 1);
                if (at + 700 < 5000) x[at + 700] = x[at];
                assert_int_equal(cull__narrow(cx, f->form, x, 5000, out), at);
            }
        }
        if (!cx) continue;
        float some[5] = {NAN, INFINITY, 0x1p-149f, -0.0f, 0x1.fffffep127f}, back[5];
        assert_int_equal(cull__narrow(cx, CULL_F32, some, 5, out + 1), -1);
        assert_memory_equal(out + 1, some, sizeof some);
        assert_int_equal(cull__narrow(cx, CULL_F64, some, 5, out + 1), -1);
        cull__widen(cx, CULL_F64, out + 1, 5, back);
        assert_true(isnan(back[0]));
        assert_memory_equal(back + 1, some + 1, sizeof some - 4);
        cull_ctx_free(cx);
    }
}

static void as_torch(void **state)
{
    (void)state;
    enum { SPREAD = 1 << 20 };
    float *x = malloc(SPREAD * sizeof *x);
    unsigned char *out = malloc(SPREAD * 2);
    static double v[MOST];
    for (int k = 0; k < 3; k++) {
        cull_ctx *cx = on(isas[k]);
        for (int i = 0; cx && i < FORMS; i++) {
            const form *f = forms + i;
            size_t size = (size_t)f->bytes;
            for (uint64_t j = 0; j < SPREAD; j++) {
                uint32_t u = (uint32_t)(j * 4099);
                memcpy(x + j, &u, 4);
                if (!(fabs((double)x[j]) <= cull__form_most(f->form))) x[j] = 0;
            }
            assert_int_equal(cull__narrow(cx, f->form, x, SPREAD, out), -1);
            assert_int_equal(crc_of(cx, out, SPREAD * size), f->crc[1]);
            int64_t n = values(f, v);
            for (int64_t j = 0; j + 1 < n; j++) x[j] = (float)((v[j] + v[j + 1]) / 2);
            assert_int_equal(cull__narrow(cx, f->form, x, n - 1, out), -1);
            assert_int_equal(crc_of(cx, out, (size_t)(n - 1) * size), f->crc[2]);
        }
        cull_ctx_free(cx);
    }
    free(x);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widens),
        cmocka_unit_test(narrows),
        cmocka_unit_test(odd_ones),
        cmocka_unit_test(as_torch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
