/* num: the kernels against plain loops, the same bits on every instruction set; matrix products. */
#include "test.h"

#include "num/block.h"

static const char *const isas[] = ISA_NAMES;

static cull_ctx *isa_ctx(const char *isa)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.isa = isa;
    o.threads = 1;
    return cull_ctx_new(&o); /* NULL where the machine lacks it */
}

static void fill(float *v, int64_t n, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(cull__rng_normal(&r) * exp(cull__rng_normal(&r)));
}

/* Lane i % 16, then a tree: what the header promises, written plainly. */
static double lanes(const double *term, int64_t d)
{
    double l[16] = {0};
    for (int64_t i = 0; i < d; i++) l[i % 16] += term[i];
    for (int h = 8; h; h /= 2)
        for (int i = 0; i < h; i++) l[i] += l[i + h];
    return l[0];
}

static void sums(void **state)
{
    (void)state;
    enum { MOST = 1100 };
    static float a[MOST + 1], b[MOST + 1];
    static double prod[MOST], diff[MOST];
    fill(a, MOST + 1, 1);
    fill(b, MOST + 1, 2);
    int seen = 0;
    for (int v = 0; v < 3; v++) {
        cull_ctx *cx = isa_ctx(isas[v]);
        if (!cx) continue;
        seen++;
        const cull__kern *k = cull__kernels(cx);
        for (int64_t d = 0; d < MOST; d += d < 70 ? 1 : 97) {
            const float *x = a + d % 2, *y = b + 1; /* unaligned too */
            float f[16] = {0}, g[16] = {0};
            for (int64_t i = 0; i < d; i++) {
                g[i % 16] += fabsf(x[i] - y[i]);
                prod[i] = (double)x[i] * y[i];
                diff[i] = ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
                f[i % 16] += x[i] * y[i];
            }
            for (int h = 8; h; h /= 2)
                for (int i = 0; i < h; i++) f[i] += f[i + h], g[i] += g[i + h];
            assert_true(k->dist1(x, y, d) == g[0]);
            assert_true(k->dot(x, y, d) == lanes(prod, d));
            assert_true(k->dist2(x, y, d) == lanes(diff, d));
            assert_true(k->dotf(x, y, d) == f[0]);
        }
        cull_ctx_free(cx);
    }
    assert_true(seen >= 1);
}

/* Sums in order, sixteen by sixteen. */
static void tiles(void **state)
{
    (void)state;
    enum { MOST = 130 };
    static float a[MOST * 16], b[MOST * 16], c[256];
    fill(a, MOST * 16, 5);
    fill(b, MOST * 16, 6);
    for (int v = 0; v < 3; v++) {
        cull_ctx *cx = isa_ctx(isas[v]);
        if (!cx) continue;
        const cull__kern *k = cull__kernels(cx);
        for (int64_t d = 0; d < MOST; d += 43) {
            k->tile(a, b, d, c);
            for (int i = 0; i < 256; i++) {
                float sum = 0;
                for (int64_t j = 0; j < d; j++) sum += a[j * 16 + i / 16] * b[j * 16 + i % 16];
                assert_true(c[i] == sum);
            }
        }
        cull_ctx_free(cx);
    }
}

/* Sums of what is positive, in lanes; blocks that add nothing are found, and are not missed. */
static void positive(void **state)
{
    (void)state;
    enum { MOST = 1024 };
    static float s[MOST], b[MOST + 1], cap[MOST + 1];
    fill(s, MOST, 5);
    for (int v = 0; v < 3; v++) {
        cull_ctx *cx = isa_ctx(isas[v]);
        if (!cx) continue;
        const cull__kern *k = cull__kernels(cx);
        for (int every = 1; every <= 9; every += 2) { /* one block of so many adds something */
            fill(b, MOST + 1, 6);
            fill(cap, MOST + 1, 6);
            for (int i = 0; i < MOST; i++)
                if (i / 16 % every) b[i + 1] = 9, cap[i + 1] = -(float)(i % 2);
            for (int64_t n = 0; n <= MOST; n += n < 100 ? 1 : 77) {
                float above[16] = {0}, within[16] = {0};
                uint64_t adds[2] = {0}, live[2] = {UINT64_MAX, UINT64_MAX};
                for (int64_t i = 0; i < n; i++) {
                    float least = s[i] < cap[i + 1] ? s[i] : cap[i + 1];
                    above[i % 16] += s[i] - b[i + 1] > 0 ? s[i] - b[i + 1] : 0;
                    within[i % 16] += least > 0 ? least : 0;
                    if (i >= n / 16 * 16) continue;
                    adds[0] |= (uint64_t)(s[i] > b[i + 1]) << i / 16;
                    adds[1] |= (uint64_t)(least > 0) << i / 16;
                }
                for (int h = 8; h; h /= 2)
                    for (int i = 0; i < h; i++)
                        above[i] += above[i + h], within[i] += within[i + h];
                for (int again = 0; again < 2; again++) {
                    assert_true(k->above(s, b + 1, n, &live[0]) == above[0]);
                    assert_true(k->within(s, cap + 1, n, &live[1]) == within[0]);
                    assert_true(live[0] == adds[0] && live[1] == adds[1]);
                }
            }
        }
        cull_ctx_free(cx);
    }
}

static void maps(void **state)
{
    (void)state;
    enum { N = 133 };
    float x[N], y[N], b[N];
    double s[N];
    int32_t at[N];
    fill(x, N, 3);
    fill(b, N, 4);
    x[40] = x[77] = 90; /* above all, twice */
    b[40] = b[77];
    x[5] = NAN;
    for (int v = 0; v < 3; v++) {
        cull_ctx *cx = isa_ctx(isas[v]);
        if (!cx) continue;
        const cull__kern *k = cull__kernels(cx);
        for (int64_t n = 0; n <= N; n++) {
            for (int64_t i = 0; i < N; i++) y[i] = b[i], s[i] = 0.5;
            k->axpy(y, 0.3f, x, n);
            k->add(s, x, n);
            for (int64_t i = 0; i < N; i++) {
                float t = 0.3f * x[i];
                if (i == 5 && n > 5) continue;
                assert_true(y[i] == (i < n ? b[i] + t : b[i]));
                assert_true(s[i] == (i < n ? 0.5 + (double)x[i] : 0.5));
            }
            k->scale(y, x, 1.0 / 3, n);
            float top = -3.402823466e38f, top0 = top;
            int64_t sub = 0, mul = 0, self = 0;
            for (int64_t i = 0; i < n; i++) {
                if (i != 5) assert_true(y[i] == (float)((double)x[i] * (1.0 / 3)));
                if (x[i] - b[i] > top) top = x[i] - b[i];
                if (x[i] > top0) top0 = x[i];
                sub += x[i] - b[i] > 0.7f;
                mul += x[i] * b[i] > 0.7f;
                self += x[i] > 0.7f;
            }
            assert_true(k->max(x, n) == top0);
            float two[2], next = -3.402823466e38f;
            int64_t tops = 0, from = n > 6 ? 6 : 0; /* past the NaN */
            for (int64_t i = from, j = 0; i < n && n != 6; i++, j++) {
                float t = x[i] - b[i];
                if (!j) top = -3.402823466e38f, next = top, tops = 0;
                if (t > top)
                    next = tops ? top : next, top = t, tops = 1;
                else if (t == top)
                    tops++;
                else if (t > next)
                    next = t;
            }
            int64_t first = k->top2_sub(x + from, b + from, n - from, two);
            if (n) assert_in_range(first, 0, n - from - 1);
            if (n && n != 6) assert_true(x[from + first] - b[from + first] == top);
            if (n != 6) assert_true(two[0] == top && two[1] == (tops > 1 ? top : next));
            assert_int_equal(k->scan_sub(x, b, n, 0.7f, at), sub);
            for (int64_t i = 0; i < sub; i++)
                assert_true(x[at[i]] - b[at[i]] > 0.7f && (!i || at[i] > at[i - 1]));
            assert_int_equal(k->scan_mul(x, b, n, 0.7f, at), mul);
            for (int64_t i = 0; i < mul; i++)
                assert_true(x[at[i]] * b[at[i]] > 0.7f && (!i || at[i] > at[i - 1]));
            assert_int_equal(k->scan(x, n, 0.7f, at), self);
            for (int64_t i = 0; i < self; i++)
                assert_true(x[at[i]] > 0.7f && (!i || at[i] > at[i - 1]));
        }
        cull_ctx_free(cx);
    }
}

/* Exponentials against libm's in f64, every length; the same bits on every instruction set. */
static void soft(void **state)
{
    (void)state;
    enum { N = 70 };
    static float first[2][N + 1][N], sums[2][N + 1][2];
    float s[N], h[N], at[N];
    double worst = 0;
    int seen = 0;
    fill(s, N, 7);
    fill(h, N, 8);
    for (int i = 0; i < N; i++) h[i] *= 6;
    h[11] = -1e30f; /* no weight at all */
    for (int v = 0; v < 3; v++) {
        cull_ctx *cx = isa_ctx(isas[v]);
        if (!cx) continue;
        const cull__kern *k = cull__kernels(cx);
        for (int chord = 0; chord < 2; chord++)
            for (int64_t n = 1; n <= N; n++) {
                float out[2], t[N], top = -INFINITY, a = chord ? 9.5f : 3.7f;
                double sum = 0;
                for (int64_t i = 0; i < N; i++) {
                    at[i] = chord ? s[i] / 40 : s[i];
                    if (chord && i == 5) at[i] = 1 + 0x1p-20f; /* a cosine that was rounded up */
                    float two = 2 - (at[i] + at[i]);
                    t[i] = chord ? h[i] - a * sqrtf(two > 0 ? two : 0) : h[i] + a * at[i];
                    if (i < n && t[i] > top) top = t[i];
                }
                k->soft(at, h, a, chord, n, out);
                assert_true(out[0] == top);
                for (int64_t i = 0; i < n; i++) {
                    double want = exp((double)(t[i] - top)),
                           ulp = fabs(at[i] - want) / want * 0x1p23;
                    if (t[i] - top <= -60)
                        assert_true(at[i] == 0);
                    else if (ulp > worst)
                        worst = ulp;
                    sum += (double)at[i];
                }
                for (int64_t i = n; i < N; i++)
                    if (!chord) assert_true(at[i] == s[i]);
                assert_true(fabs(out[1] - sum) <= 1e-6 * sum);
                if (!seen) memcpy(first[chord][n], at, sizeof at), memcpy(sums[chord][n], out, 8);
                assert_memory_equal(first[chord][n], at, (size_t)n * sizeof *at);
                assert_memory_equal(sums[chord][n], out, 8);
            }
        cull_ctx_free(cx);
        seen++;
    }
    assert_true(seen >= 1 && worst < 2);
}

/* Squared distances of points to kernels: the same bits as a plain loop's, rows and points left alone that are not meant. */
static void bells(void **state)
{
    (void)state;
    enum { N = 64, POINTS = 5, STRIDE = N + 3 };
    float was[POINTS * STRIDE], got[POINTS * STRIDE], mid[N], scale[N], base[N], u[POINTS];
    int seen = 0;
    fill(was, POINTS * STRIDE, 21);
    fill(mid, N, 22), fill(scale, N, 23), fill(base, N, 24), fill(u, POINTS, 25);
    u[3] = NAN;
    for (int v = 0; v < 3; v++) {
        cull_ctx *cx = isa_ctx(isas[v]);
        if (!cx) continue;
        for (int64_t n = 0; n <= N; n += 16) {
            memcpy(got, was, sizeof got);
            cull__kernels(cx)->bells(got, STRIDE, u, POINTS, mid, scale, base, n);
            for (int64_t k = 0; k < POINTS; k++)
                for (int64_t i = 0; i < STRIDE; i++) {
                    float want = was[k * STRIDE + i];
                    if (i < n && k != 3) {
                        float z = u[k] - mid[i];
                        want += scale[i] * z * z - base[i];
                    }
                    assert_memory_equal(&got[k * STRIDE + i], &want, sizeof want);
                }
        }
        cull_ctx_free(cx);
        seen++;
    }
    assert_true(seen >= 1);
}

/* The exponential alone: a sweep of its range, in units of the last place. */
static void exponential(void **state)
{
    (void)state;
    enum { N = 1 << 16 };
    static float s[N], h[N];
    float out[2];
    double worst = 0;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int part = 0; part < 16; part++) {
        for (int i = 0; i < N; i++)
            h[i] = i ? -60.0f * (float)(i + part * N) / (16 * N) : 0, s[i] = 0;
        cull__kernels(cx)->soft(s, h, 1, false, N, out);
        for (int i = 0; i < N; i++) {
            double want = exp((double)h[i]);
            int e;
            frexp(want, &e);
            double ulp = fabs((double)s[i] - want) / ldexp(1, e - 24);
            if (h[i] > -60 && ulp > worst) worst = ulp;
        }
    }
    assert_true(s[N - 1] > 0 && worst < 1.5);
    cull_ctx_free(cx);
}

static void halves(void **state)
{
    (void)state;
    static uint16_t h[65536];
    static float f[65536];
    for (int i = 0; i < 65536; i++) h[i] = (uint16_t)i;
    for (int v = 0; v < 3; v++) {
        cull_ctx *cx = isa_ctx(isas[v]);
        if (!cx) continue;
        for (int bf = 0; bf < 2; bf++) {
            cull__kernels(cx)->to_f32(bf ? CULL_BF16 : CULL_F16, h, 65536, f);
            for (int i = 0; i < 65536; i++) {
                float want = bf ? cull__bf16_to_f32(h[i]) : cull__f16_to_f32(h[i]);
                if (isnan(want))
                    assert_true(isnan(f[i]));
                else
                    assert_memory_equal(&f[i], &want, 4);
            }
        }
        cull_ctx_free(cx);
    }
}

static void product_case(cull_ctx *cx, int64_t m, int64_t n, int64_t k)
{
    float *a = malloc((size_t)(m * k + 1) * 4), *b = malloc((size_t)(n * k + 1) * 4);
    float *c = malloc((size_t)(m * n) * 4);
    fill(a, m * k, 5);
    fill(b, n * k, 6);
    for (int fixed = 0; fixed < 3; fixed++) { /* free call; block; a block cut short */
        int64_t rows = fixed == 2 ? m / 2 + 1 : m;
        memset(c, 255, (size_t)(m * n) * 4);
        if (fixed) {
            cull__mark_t mark = cull__mark(cx);
            cull__gemm g;
            ok(cx, cull__gemm_open(cx, m, n, k, &g));
            cull__gemm_run(&g, rows, n, a, b, c);
            cull__gemm_run(&g, rows, n, a, b, c);
            cull__gemm_close(&g);
            cull__release(cx, mark);
        } else {
            cull__gemm_nt(m, n, k, a, k, b, k, c, n);
        }
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < n; j++) {
                double s = 0, size = 0;
                for (int64_t t = 0; t < k; t++) {
                    s += (double)a[i * k + t] * b[j * k + t];
                    size += fabs((double)a[i * k + t] * b[j * k + t]);
                }
                assert_true(fabs(c[i * n + j] - s) <= (double)(k + 2) * 0x1p-24 * size);
            }
    }
    free(a), free(b), free(c);
}

static cull_status products_in(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)arg, (void)chunk, (void)lo, (void)hi;
    product_case(cx, 1, 1, 1);
    product_case(cx, 3, 5, 0);
    product_case(cx, 17, 33, 65);
    product_case(cx, 128, 256, 64); /* from here by oneDNN where it is built in */
    product_case(cx, 100, 130, 97);
    return CULL_OK;
}

static void products(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    ok(cx, cull__for(cx, 1, 1, products_in, NULL));
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Rounding to bf16 against the library's own one number at a time; lengths against long double. */
static void narrow(void **state)
{
    (void)state;
    for (int v = 0; v < 3; v++) {
        cull_ctx *cx = isa_ctx(isas[v]);
        if (!cx) continue;
        const cull__kern *k = cull__kernels(cx);
        cull_rng r = cull__rng_seeded(5, 5);
        for (int64_t d = 1; d < 100; d++) {
            float x[100], c[100], q[100], zero[100] = {0};
            uint16_t x16[100], q16[100];
            double scale = ldexp(1, (int)(d % 40) - 20);
            for (int64_t i = 0; i < d; i++) {
                x[i] = (float)(scale * cull__rng_normal(&r));
                c[i] = (float)(scale * cull__rng_normal(&r));
                q[i] = (float)cull__rng_normal(&r);
            }
            cull__narrowed nx = cull__narrow(k, x, c, d, x16),
                           nq = cull__narrow(k, q, zero, d, q16);
            long double norm = 0, lost = 0, exact = 0, product = 0;
            for (int64_t i = 0; i < d; i++) {
                long double y = (long double)x[i] - c[i], to = cull__bf16_to_f32(x16[i]);
                assert_int_equal(x16[i], cull__f32_to_bf16(x[i] - c[i]));
                norm += y * y;
                lost += (y - to) * (y - to);
                exact += y * q[i];
                product += to * cull__bf16_to_f32(q16[i]);
            }
            assert_true(nx.norm >= sqrtl(norm) && nx.norm <= sqrtl(norm) * 1.0001L);
            assert_true(nx.lost >= sqrtl(lost) &&
                        nx.lost <= sqrtl(lost) * 1.001L + 0x1p-20L * nx.norm);
            assert_true(fabsl(exact - product) <= cull__narrow_bound(nx, nq, d));
        }
        cull_ctx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums),     cmocka_unit_test(tiles),
                                       cmocka_unit_test(positive), cmocka_unit_test(maps),
                                       cmocka_unit_test(soft),     cmocka_unit_test(exponential),
                                       cmocka_unit_test(narrow),   cmocka_unit_test(halves),
                                       cmocka_unit_test(products), cmocka_unit_test(bells)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
