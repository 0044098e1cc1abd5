/* near rows: pairs and sets without them against plain loops; copies, zeros, dtypes, threads, memory. */
#include "test.h"

#include "num/num.h"

/* Plain loops over long rows take minutes there. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

typedef struct {
    int64_t n, d;
    float *x;
    double *norm;
} rows;

/* Unit-ish rows about some directions, every seventh a near copy of an earlier one. */
static rows make(int64_t n, int64_t d, int centres, double spread, uint64_t seed)
{
    rows r = {n, d, malloc((size_t)(n * d) * sizeof(float)), calloc((size_t)n, sizeof(double))};
    float *c = malloc((size_t)(centres * d) * sizeof *c);
    cull_rng g = cull__rng_seeded(seed, 9);
    for (int64_t i = 0; i < centres * d; i++) c[i] = (float)cull__rng_normal(&g);
    for (int64_t i = 0; i < n; i++) {
        bool copy = i % 7 == 6;
        const float *from =
            copy ? r.x + cull__rng_below(&g, i) * d : c + cull__rng_below(&g, centres) * d;
        double noise = copy ? 0.3 * cull__rng_unit(&g) : spread;
        double by = exp(cull__rng_normal(&g));
        for (int64_t t = 0; t < d; t++)
            r.x[i * d + t] = (float)(by * ((double)from[t] + noise * cull__rng_normal(&g)));
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t t = 0; t < d; t++)
            r.norm[i] += (double)r.x[i * d + t] * (double)r.x[i * d + t];
        r.norm[i] = sqrt(r.norm[i]);
    }
    free(c);
    return r;
}

static double cosine(const rows *r, int64_t i, int64_t j)
{
    const float *a = r->x + i * r->d, *b = r->x + j * r->d;
    double sum[8] = {0}, xy = 0;
    int64_t t = 0;
    for (; t + 8 <= r->d; t += 8)
        for (int k = 0; k < 8; k++) sum[k] += (double)a[t + k] * (double)b[t + k];
    for (; t < r->d; t++) xy += (double)a[t] * (double)b[t];
    for (int k = 0; k < 8; k++) xy += sum[k];
    return r->norm[i] > 0 && r->norm[j] > 0 ? xy / (r->norm[i] * r->norm[j]) : 0;
}

typedef struct {
    int64_t i, j;
    double v;
} pair;
typedef struct {
    pair *at;
    int64_t n, cap;
} list;

static cull_status add(cull_ctx *cx, void *arg, int64_t i, int64_t j, double v)
{
    list *l = arg;
    (void)cx;
    if (l->n == l->cap) l->at = realloc(l->at, (size_t)(l->cap = 2 * l->cap + 64) * sizeof *l->at);
    l->at[l->n++] = (pair){i, j, v};
    return CULL_OK;
}

static list all_pairs(const rows *r, double t)
{
    list l = {0};
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t j = 0; j < i; j++) {
            double v = cosine(r, i, j);
            if (v >= t) add(NULL, &l, i, j, v);
        }
    return l;
}

static cull_ctx *ctx_of(int threads, uint64_t memory, const char *isa)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = threads, o.memory = memory, o.isa = isa;
    return cull_ctx_new(&o);
}

/* Pairs by plain loops may differ where a cosine is within rounding of t. */
static void same_pairs(const list *got, const list *want, double t)
{
    int64_t g = 0, w = 0;
    while (g < got->n || w < want->n) {
        const pair *a = g < got->n ? &got->at[g] : NULL, *b = w < want->n ? &want->at[w] : NULL;
        int order = !a             ? 1
                    : !b           ? -1
                    : a->i != b->i ? (a->i < b->i ? -1 : 1)
                                   : (a->j > b->j) - (a->j < b->j);
        if (order) assert_true(fabs((order < 0 ? a : b)->v - t) < 1e-12);
        if (!order) assert_true(fabs(a->v - b->v) < 1e-12);
        g += order <= 0, w += order >= 0;
    }
}

static void pairs(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d;
        int centres;
        double spread, t;
    } c[] = {{2001, 5, 40, 0.2, 0.99},   {1500, 33, 10, 0.5, 0.9}, {2100, 100, 300, 0.8, 0.95},
             {4103, 384, 60, 0.6, 0.9},  {4200, 60, 2, 3, 0.97},   {1, 7, 1, 1, 0.5},
             {4097, 1030, 30, 0.7, 0.95}};
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        if (SANITIZED && c[k].d > 100) continue;
        rows r = make(c[k].n, c[k].d, c[k].centres, c[k].spread, k);
        list want = all_pairs(&r, c[k].t);
        for (int form = 0; form < 3; form += 2) {
            list got = {0};
            cull_pool *p;
            cull_ctx *cx = ctx_of(form ? 1 : 2, 0, form ? LEAST_ISA : NULL);
            ok(cx, cull_pool_from(cx, r.x, CULL_F32, r.n, r.d, &p));
            ok(cx, cull__pool_near(cx, p, c[k].t, add, &got));
            same_pairs(&got, &want, c[k].t);
            cull_pool_free(p);
            cull_ctx_free(cx);
            free(got.at);
        }
        assert_true(want.n > (c[k].n > 1 ? c[k].n / 20 : -1)); /* the planted ones are there */
        free(want.at), free(r.x), free(r.norm);
    }
}

/* The plain loop: stays unless near one that stays. */
static void plain(const rows *r, const int64_t *order, double t, int64_t *stands, double *like)
{
    for (int64_t a = 0; a < r->n; a++) {
        int64_t i = order ? order[a] : a;
        stands[i] = i, like[i] = 1;
        for (int64_t b = 0; b < a; b++) {
            int64_t j = order ? order[b] : b;
            if (stands[j] != j) continue;
            double v = cosine(r, i, j);
            if (v >= t && (stands[i] == i || v > like[i])) stands[i] = j, like[i] = v;
        }
    }
}

static void distinct(void **state)
{
    (void)state;
    static const struct {
        int64_t n, d;
        double t;
    } c[] = {{4101, 60, 0.93}, {2049, 20, 0.8}, {1024, 384, 0.97}};
    for (size_t k = 0; k < sizeof c / sizeof *c; k++)
        for (int ordered = 0; ordered < 2; ordered++) {
            rows r = make(c[k].n, c[k].d, 50, 0.5, 10 + k);
            int64_t *order = malloc((size_t)r.n * 8), *want = malloc((size_t)r.n * 8),
                    *got = malloc((size_t)r.n * 8), *first = malloc((size_t)r.n * 8);
            double *like = malloc((size_t)r.n * 8);
            float *told = malloc((size_t)r.n * 4);
            cull_rng g = cull__rng_seeded(5, 5);
            for (int64_t i = 0; i < r.n; i++) order[i] = i;
            cull__rng_shuffle(&g, order, r.n);
            plain(&r, ordered ? order : NULL, c[k].t, want, like);
            int64_t stays = 0;
            for (int form = 0; form < 4; form++) {
                cull_pool *p;
                cull_ctx *cx = ctx_of(form == 1 ? 1 : form + 1, form == 3 ? 64 << 20 : 0,
                                      form == 2 ? LEAST_ISA : NULL);
                ok(cx, cull_pool_from(cx, r.x, CULL_F32, r.n, r.d, &p));
                ok(cx, cull__pool_distinct(cx, p, ordered ? order : NULL, r.n, c[k].t, got, told));
                stays = 0;
                for (int64_t i = 0; i < r.n; i++) {
                    assert_int_equal(got[i], want[i]);
                    assert_true(fabs((double)told[i] - like[i]) < 1e-6);
                    stays += got[i] == i;
                }
                if (form) assert_memory_equal(first, got, (size_t)r.n * 8);
                memcpy(first, got, (size_t)r.n * 8);
                cull_pool_free(p);
                cull_ctx_free(cx);
            }
            assert_true(stays > r.n / 50 && stays < r.n * 0.95);
            free(order), free(want), free(got), free(first), free(like), free(told), free(r.x),
                free(r.norm);
        }
}

/* One point many times, rows of zeros, halves. */
static void hard(void **state)
{
    (void)state;
    enum { N = 10000, D = 96 };
    cull_ctx *cx = ctx_of(2, 64 << 20, NULL);
    uint16_t *h = malloc(N * D * 2);
    int64_t *stands = malloc(N * 8);
    cull_pool *p;
    for (int64_t i = 0; i < N; i++)
        for (int64_t t = 0; t < D; t++)
            h[i * D + t] = i < 20 ? 0 : cull__f32_to_f16((float)(t % 5) - 1.5f);
    ok(cx, cull_pool_from(cx, h, CULL_F16, N, D, &p));
    ok(cx, cull__pool_distinct(cx, p, NULL, N, 0.999, stands, NULL));
    for (int64_t i = 0; i < N; i++) assert_int_equal(stands[i], i < 20 ? i : 20);
    int64_t order[] = {700, 3, 500};
    ok(cx, cull__pool_distinct(cx, p, order, 3, 1, stands, NULL));
    assert_true(stands[700] == 700 && stands[3] == 3 && stands[500] == 700);
    refused(cx, cull__pool_distinct(cx, p, NULL, N, 1.5, stands, NULL), CULL_EOPTION, "0.1 to 1");
    refused(cx, cull__pool_distinct(cx, p, NULL, N, NAN, stands, NULL), CULL_EOPTION, "0.1 to 1");
    cull_pool_free(p);
    cull_ctx_free(cx);
    free(h), free(stands);
}

static cull_status no_more(cull_ctx *cx, void *arg, int64_t i, int64_t j, double v)
{
    (void)arg, (void)i, (void)j, (void)v;
    return cull__fail(cx, CULL_EINPUT, "enough");
}

static void failures(void **state)
{
    (void)state;
    rows r = make(4100, 52, 30, 0.5, 77);
    int64_t *stands = malloc((size_t)r.n * 8);
    bool done = false;
    for (long at = 1; at < 400 && !done; at += at < 40 ? 1 : 15) {
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 2);
        if (!cx) continue;
        cull_pool *p = NULL;
        cull_status s = cull_pool_from(cx, r.x, CULL_F32, r.n, r.d, &p);
        if (s == CULL_OK) s = cull__pool_distinct(cx, p, NULL, r.n, 0.9, stands, NULL);
        done = h.calls < at;
        assert_int_equal(s, done ? CULL_OK : CULL_ENOMEM);
        cull_pool_free(p);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(done);
    cull_ctx *cx = ctx_of(2, 0, NULL);
    cull_pool *p;
    ok(cx, cull_pool_from(cx, r.x, CULL_F32, r.n, r.d, &p));
    refused(cx, cull__pool_near(cx, p, 0.9, no_more, NULL), CULL_EINPUT, "enough");
    cull_pool_free(p);
    cull_ctx_free(cx);
    free(stands), free(r.x), free(r.norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs), cmocka_unit_test(distinct),
                                       cmocka_unit_test(hard), cmocka_unit_test(failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
