/* nn_sparse: products of sparse layers beside dense f64 loops, what is dropped and grown beside a sort. */
#include "test.h"

#include "nn/sparse.h"

enum { LD = 48 };

static double at(const float *m, int64_t ld, int64_t i, int64_t c) { return (double)m[i * ld + c]; }

static void fill(cull_rng *r, float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) v[i] = (float)cull__rng_normal(r);
}

static cull_ctx *ctx_of(hooks *h, const char *isa)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.user = h, o.alloc = hook_alloc, o.free = hook_free;
    o.threads = 1;
    o.isa = isa;
    return cull_ctx_new(&o);
}

/* 1e-5 of the sum of the |terms|: f32 rounds to 6e-8 and no sum here has 100 terms. */
static void near(double got, double want, double size)
{
    if (!(fabs(got - want) <= 1e-5 * size + 1e-12)) fail_msg("%.9g, not %.9g", got, want);
}

static void check_products(cull_ctx *cx, const cull__sparse *s, cull_rng *r, int64_t n)
{
    const cull__sparse_kern *k = cull__sparse_kernels(cx);
    int64_t in = s->in, out = s->out;
    float *w = calloc((size_t)(in * out), 4), *x = malloc((size_t)(in * LD) * 4),
          *dy = malloc((size_t)(out * LD) * 4), *y = malloc((size_t)(out * LD) * 4),
          *dx = malloc((size_t)(in * LD) * 4), *g = malloc((size_t)(s->links + 1) * 4),
          *y0 = malloc((size_t)(out * LD) * 4);
    uint8_t *mask = malloc((size_t)(in * out));
    cull__sparse_dense(s, w, mask);
    fill(r, x, in * LD), fill(r, dy, out * LD), fill(r, y, out * LD), fill(r, dx, in * LD);
    memcpy(y0, y, (size_t)(out * LD) * 4);
    float *dx0 = malloc((size_t)(in * LD) * 4);
    memcpy(dx0, dx, (size_t)(in * LD) * 4);
    cull__sparse_forward(k, s, x, y, LD, n);
    cull__sparse_backward(k, s, dy, dx, LD, n);
    int64_t half = s->rows / 2; /* in two shares */
    cull__sparse_grad(k, s, 0, half, x, dy, LD, n, g);
    cull__sparse_grad(k, s, half, s->rows, x, dy, LD, n, g + s->start[half]);
    for (int64_t c = 0; c < LD; c++) {
        for (int64_t j = 0; j < out; j++) {
            double sum = at(y0, LD, j, c), size = fabs(sum);
            for (int64_t i = 0; c < n && i < in; i++) {
                double v = at(w, out, i, j) * at(x, LD, i, c);
                sum += v, size += fabs(v);
            }
            near(at(y, LD, j, c), sum, c < n ? size : 0); /* beyond n nothing is touched */
        }
        for (int64_t i = 0; i < in; i++) {
            double sum = at(dx0, LD, i, c), size = fabs(sum);
            for (int64_t j = 0; c < n && j < out; j++) {
                double v = at(w, out, i, j) * at(dy, LD, j, c);
                sum += v, size += fabs(v);
            }
            near(at(dx, LD, i, c), sum, c < n ? size : 0);
        }
    }
    for (int64_t r0 = 0; r0 < s->rows; r0++)
        for (int64_t e = s->start[r0]; e < s->start[r0 + 1]; e++) {
            int64_t i = s->by_out ? s->col[e] : r0, j = s->by_out ? r0 : s->col[e];
            double sum = 0, size = 0;
            for (int64_t c = 0; c < n; c++) {
                double v = at(x, LD, i, c) * at(dy, LD, j, c);
                sum += v, size += fabs(v);
            }
            assert_true(mask[i * out + j]);
            near((double)g[e], sum, size);
        }
    free(w), free(x), free(dy), free(y), free(dx), free(g), free(y0), free(mask), free(dx0);
}

static void products(void **state)
{
    (void)state;
    static const int64_t shape[][3] = {{1, 1, 1},  {7, 30, 60},   {30, 7, 55}, {23, 23, 200},
                                       {5, 40, 0}, {40, 5, 9999}, {64, 3, 17}};
    hooks h = {0};
    cull_ctx *cx = ctx_of(&h, NULL);
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        cull__sparse *s;
        cull_rng r = cull__rng(cx, 10 + k);
        ok(cx, cull__sparse_new(cx, shape[k][0], shape[k][1], 1, &s));
        ok(cx, cull__sparse_draw(cx, s, &r, shape[k][2], 1));
        for (int64_t n = 16; n <= LD; n += 16) check_products(cx, s, &r, n);
        cull__sparse_free(s);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* The same bits on every instruction set, and for columns that come alone or together. */
static void bits(void **state)
{
    (void)state;
    enum { IN = 90, OUT = 21 };
    float x[IN * LD], dy[OUT * LD], y[2][OUT * LD] = {{0}}, dx[2][IN * LD] = {{0}}, *g[2], z[2][LD];
    hooks h = {0};
    cull__sparse *s;
    for (int k = 0; k < 2; k++) {
        cull_ctx *cx = ctx_of(&h, k ? LEAST_ISA : NULL);
        const cull__sparse_kern *kern = cull__sparse_kernels(cx);
        cull_rng r = cull__rng_seeded(5, 6);
        ok(cx, cull__sparse_new(cx, IN, OUT, 1, &s));
        ok(cx, cull__sparse_draw(cx, s, &r, 400, 1));
        fill(&r, x, IN * LD), fill(&r, dy, OUT * LD), fill(&r, z[k], LD);
        g[k] = calloc((size_t)s->links, sizeof(float));
        for (int64_t c = 0; c < LD; c += k ? 16 : LD) {
            cull__sparse_forward(kern, s, x + c, y[k] + c, LD, k ? 16 : LD);
            cull__sparse_backward(kern, s, dy + c, dx[k] + c, LD, k ? 16 : LD);
        }
        cull__sparse_grad(kern, s, 0, s->rows, x, dy, LD, LD, g[k]);
        kern->sgd(s->w, s->slot[0], g[k], s->links, 0.01f, 0.9f, 1e-3f);
        memcpy(g[k], s->w, (size_t)s->links * sizeof(float));
        kern->sigmoid(z[k], 32);
        kern->tanh(z[k] + 32, 16);
        if (k) {
            assert_memory_equal(y[0], y[1], sizeof y[0]);
            assert_memory_equal(dx[0], dx[1], sizeof dx[0]);
            assert_memory_equal(z[0], z[1], sizeof z[0]);
            assert_memory_equal(g[0], g[1], (size_t)s->links * sizeof(float));
        }
        cull__sparse_free(s);
        cull_ctx_free(cx);
    }
    free(g[0]), free(g[1]);
    assert_int_equal(h.live, 0);
}

static void activations(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull__sparse_kern *k = cull__sparse_kernels(cx);
    for (int e = 0; e < 4000; e++) {
        float v[16], t[16], x[16];
        for (int i = 0; i < 16; i++)
            x[i] = v[i] = t[i] = (float)(e * 16 + i - 32000) * (e % 2 ? 3.7e-3f : 3e-4f);
        if (e == 0) x[0] = v[0] = t[0] = -3e38f, x[1] = v[1] = t[1] = 3e38f;
        k->sigmoid(v, 16);
        k->tanh(t, 16);
        for (int i = 0; i < 16; i++) {
            assert_true(fabs((double)v[i] - 1 / (1 + exp(-(double)x[i]))) <= 2e-7);
            assert_true(fabs((double)t[i] - tanh((double)x[i])) <= 4e-7);
        }
    }
    cull_ctx_free(cx);
}

/* Links ascend within their rows, without repeats, and start says where. */
static void sound(const cull__sparse *s)
{
    assert_int_equal(s->start[0], 0);
    assert_int_equal(s->start[s->rows], s->links);
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++) {
            assert_in_range(s->col[e], 0, s->cols - 1);
            if (e > s->start[i]) assert_true(s->col[e] > s->col[e - 1]);
        }
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Which weights a sort would keep, and that momenta stay with theirs. */
static void dropped(void **state)
{
    (void)state;
    static const double zeta[] = {0, 0.2, 0.5, 0.99};
    hooks h = {0};
    cull_ctx *cx = ctx_of(&h, NULL);
    for (int k = 0; k < 4; k++) {
        cull__sparse *s;
        cull_rng r = cull__rng(cx, (uint64_t)k);
        ok(cx, cull__sparse_new(cx, 60, 31, 2, &s));
        ok(cx, cull__sparse_draw(cx, s, &r, 700, 0.1));
        sound(s);
        s->w[5] = s->w[77] = 0;
        float *pos = malloc((size_t)s->links * 4), *neg = malloc((size_t)s->links * 4);
        int64_t np = 0, nn = 0, links = s->links, zeros = 2;
        for (int64_t e = 0; e < links; e++) {
            if (s->w[e] > 0) pos[np++] = s->w[e];
            if (s->w[e] < 0) neg[nn++] = -s->w[e];
            s->slot[0][e] = 2 * s->w[e], s->slot[1][e] = -s->w[e];
        }
        qsort(pos, (size_t)np, 4, by_value);
        qsort(neg, (size_t)nn, 4, by_value);
        int64_t rp = (int64_t)(zeta[k] * (double)np), rn = (int64_t)(zeta[k] * (double)nn);
        assert_int_equal(cull__sparse_drop(s, zeta[k]), rp + 1 + rn + 1 + zeros);
        sound(s);
        for (int64_t e = 0; e < s->links; e++) {
            assert_true(s->w[e] > pos[rp] || s->w[e] < -neg[rn]);
            assert_true(s->slot[0][e] == 2 * s->w[e] && s->slot[1][e] == -s->w[e]);
        }
        float *old = malloc(60 * 31 * 4), *now = malloc(60 * 31 * 4);
        uint8_t *had = malloc(60 * 31), *has = malloc(60 * 31);
        cull__sparse_dense(s, old, had);
        ok(cx, cull__sparse_grow(cx, s, &r, links - s->links, 0.1));
        sound(s);
        cull__sparse_dense(s, now, has);
        assert_int_equal(s->links, links); /* as many as before */
        for (int64_t i = 0; i < 60 * 31; i++)
            if (had[i]) assert_true(has[i] && now[i] == old[i]);
        int64_t fresh = 0;
        for (int64_t e = 0; e < links; e++) {
            bool new_one = s->slot[0][e] == 0;
            fresh += new_one;
            if (!new_one) assert_true(s->slot[0][e] == 2 * s->w[e]);
        }
        assert_int_equal(fresh, rp + 1 + rn + 1 + zeros);
        free(pos), free(neg), free(old), free(now), free(had), free(has);
        cull__sparse_free(s);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Ties with the weight at the rank go with it. */
static void ties(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const float w[12] = {1, 1, 1, 1, 2, -3, -3, -0.5f, -0.25f, 1e-40f, 0, 9};
    cull__sparse *s;
    ok(cx, cull__sparse_new(cx, 4, 3, 1, &s));
    ok(cx, cull__sparse_from(cx, s, w, NULL));
    /* positive: 1e-40 1 1 1 1 2 9, rank 2 is a 1; negative: .25 .5 3 3, rank 1 is .5 */
    assert_int_equal(cull__sparse_drop(s, 0.35), 5 + 2 + 1);
    float left[12], want[12] = {0, 0, 0, 0, 2, -3, -3, 0, 0, 0, 0, 9};
    cull__sparse_dense(s, left, NULL);
    assert_memory_equal(left, want, sizeof want);
    double strength[4];
    cull__sparse_strength(s, strength);
    assert_true(strength[0] == 0 && strength[1] == 5 && strength[2] == 3 && strength[3] == 9);
    cull__sparse_free(s);
    cull_ctx_free(cx);
}

/* Every free position is as likely: 3 of the 7 that 5 links of 12 leave. */
static void fair(void **state)
{
    (void)state;
    enum { DRAWS = 7000 };
    cull_ctx *cx = cull_ctx_new(NULL);
    uint8_t mask[12] = {1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0}, has[12];
    float w[12] = {0};
    int64_t count[12] = {0};
    cull_rng r = cull__rng(cx, 3);
    for (int64_t m = 3; m <= 4; m++) { /* 4: by what is left out */
        memset(count, 0, sizeof count);
        for (int i = 0; i < DRAWS; i++) {
            cull__sparse *s;
            ok(cx, cull__sparse_new(cx, 3, 4, 0, &s));
            ok(cx, cull__sparse_from(cx, s, w, mask));
            ok(cx, cull__sparse_grow(cx, s, &r, m, 1));
            sound(s);
            cull__sparse_dense(s, NULL, has);
            for (int k = 0; k < 12; k++) count[k] += has[k];
            cull__sparse_free(s);
        }
        double want = (double)(m * DRAWS) / 7, chi = 0;
        for (int k = 0; k < 12; k++)
            if (mask[k])
                assert_int_equal(count[k], DRAWS);
            else
                chi += pow((double)count[k] - want, 2) / want;
        assert_true(chi < 22.5); /* 6 degrees of freedom, p = 0.001 */
    }
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__sparse *s;
    cull_rng r = cull__rng(cx, 3);
    refused(cx, cull__sparse_new(cx, 0, 4, 0, &s), CULL_EINPUT, "0 by 4 features");
    refused(cx, cull__sparse_new(cx, INT64_C(1) << 31, 4, 0, &s), CULL_EINPUT, "2^31 - 1");
    refused(cx, cull__sparse_new(cx, INT32_MAX, INT32_MAX, 0, &s), CULL_EINPUT, "2^53");
    assert_null(s);
    ok(cx, cull__sparse_new(cx, 3, 4, 0, &s));
    ok(cx, cull__sparse_grow(cx, s, &r, 12, 1)); /* density 1 */
    refused(cx, cull__sparse_grow(cx, s, &r, 1, 1), CULL_EINPUT, "has room for 0");
    refused(cx, cull__sparse_draw(cx, s, &r, 1, 1), CULL_EINTERNAL, "links already");
    cull__sparse_free(s);
    cull__sparse_free(NULL);
    cull_ctx_free(cx);
}

static void failing(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        cull__sparse *s = NULL;
        cull_rng r = cull__rng(cx, 3);
        cull_status st = cull__sparse_new(cx, 50, 40, 2, &s);
        if (st == CULL_OK) st = cull__sparse_draw(cx, s, &r, 300, 1);
        if (st == CULL_OK) st = cull__sparse_grow(cx, s, &r, 900, 1);
        if (st == CULL_OK) sound(s);
        cull__sparse_free(s);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (h.calls < k) {
            assert_int_equal(st, CULL_OK);
            assert_true(k > 9); /* a layer has 6 blocks */
            return;
        }
        assert_int_equal(st, CULL_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products), cmocka_unit_test(bits),    cmocka_unit_test(activations),
        cmocka_unit_test(dropped),  cmocka_unit_test(ties),    cmocka_unit_test(fair),
        cmocka_unit_test(refusals), cmocka_unit_test(failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
