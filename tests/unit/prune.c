/* prune: marks of every kind against a stable sort of each output, whole and in pieces; weights in rows, columns and kernels. */
#include "test.h"

#include "choose/prune.h"

typedef struct {
    const float *x;
    int64_t n;
} source;

static cull_status values(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                          float *out)
{
    const source *s = arg;
    (void)cx;
    assert_int_equal(part, 1);
    assert_true(n >= 1 && n <= CULL__VALUES && from >= 0 && from + n <= s->n);
    memcpy(out, s->x + from, (size_t)n * sizeof *out);
    return CULL_OK;
}

typedef struct {
    int64_t outs, ins, inner;
    bool across;
} made;

/* Where the value of output o, input i, kernel place q lies. */
static int64_t place(const made *t, int64_t o, int64_t i, int64_t q)
{
    return t->across ? i * t->outs + o : (o * t->ins + i) * t->inner + q;
}

typedef struct {
    float score;
    int64_t at, order;
} entry;

static int worst_first(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* In each output the share goes; of equal scores the first (later) or the last ones go first. */
static void naive_rows(const made *t, const float *x, const float *norm, double sparsity,
                       bool later, uint8_t *keep)
{
    int64_t width = t->ins * t->inner, gone = (int64_t)(sparsity * (double)width + 1e-9);
    entry *e = malloc((size_t)width * sizeof *e);
    for (int64_t o = 0; o < t->outs; o++) {
        for (int64_t c = 0; c < width; c++) {
            int64_t at = place(t, o, c / t->inner, c % t->inner);
            e[c] = (entry){fabsf(x[at]) * (norm ? norm[c] : 1), at, later ? c : -c};
        }
        qsort(e, (size_t)width, sizeof *e, worst_first);
        for (int64_t c = 0; c < width; c++) keep[e[c].at] = c >= gone;
    }
    free(e);
}

static void naive_nm(const made *t, const float *x, const float *norm, int n, int m, uint8_t *keep)
{
    entry e[64];
    for (int64_t o = 0; o < t->outs; o++)
        for (int64_t q = 0; q < t->inner; q++)
            for (int64_t i = 0; i < t->ins; i += m) {
                int here = t->ins - i < m ? (int)(t->ins - i) : m;
                for (int k = 0; k < here; k++) {
                    int64_t at = place(t, o, i + k, q);
                    e[k] =
                        (entry){fabsf(x[at]) * (norm ? norm[(i + k) * t->inner + q] : 1), at, -k};
                }
                qsort(e, (size_t)here, sizeof *e, worst_first);
                for (int k = 0; k < here; k++) keep[e[k].at] = k >= here - n;
            }
}

static void same_in_pieces(cull_ctx *cx, cull_rng *r, const cull__pruner *p, int64_t n,
                           const uint8_t *want)
{
    uint8_t *keep = malloc((size_t)n + 1);
    for (int trial = 0; trial < 4; trial++) {
        memset(keep, 7, (size_t)n + 1);
        for (int64_t from = 0; from < n;) {
            int64_t take = trial ? 1 + cull__rng_below(r, trial == 1 ? 9 : n) : n;
            if (take > n - from) take = n - from;
            if (take > CULL__VALUES) take = CULL__VALUES;
            ok(cx, cull__prune_keep(cx, p, from, take, keep + from));
            from += take;
        }
        assert_memory_equal(keep, want, n);
        assert_int_equal(keep[n], 7);
    }
    free(keep);
}

static void fill(cull_rng *r, float *x, int64_t n, bool ties)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = ties ? (float)(cull__rng_below(r, 5) - 2) * .5F : (float)cull__rng_normal(r);
}

static made shape(cull_rng *r, int trial)
{
    made t = {1 + cull__rng_below(r, 9), 1 + cull__rng_below(r, 40), 1, trial % 3 == 1};
    if (trial % 3 == 2) t.inner = 1 + cull__rng_below(r, 9);
    if (trial == 7) t = (made){150, 11, 1, true};               /* more than a strip of columns */
    if (trial == 8) t = (made){3, CULL__VALUES + 77, 1, false}; /* rows longer than a block */
    if (trial == 9) t = (made){400, 300, 1, false};             /* several blocks of rows */
    return t;
}

static void all_kinds(void **state)
{
    (void)state;
    cull_ctx_opts o = CULL_CTX_OPTS;
    cull_ctx *cx[2];
    for (int k = 0; k < 2; k++) o.threads = k + 1, cx[k] = cull_ctx_new(&o);
    cull_rng r = cull__rng_seeded(31, 0);
    for (int trial = 0; trial < 60; trial++) {
        made t = shape(&r, trial);
        const double shares[] = {0, .5, .29, .9, 1, .0627};
        int64_t width = t.ins * t.inner, n = t.outs * width;
        const int64_t dims[4] = {t.across ? t.ins : t.outs, t.across ? t.outs : t.ins, t.inner, 1};
        float *x = malloc((size_t)n * sizeof *x), *norm = malloc((size_t)width * sizeof *norm);
        uint8_t *want = malloc((size_t)n);
        cull__cut *cuts = malloc((size_t)t.outs * sizeof *cuts);
        source s = {x, n};
        const char *const name[] = {"", "w"};
        const int64_t sizes[] = {0, n};
        fill(&r, x, n, trial % 2), fill(&r, norm, width, trial % 4 == 1);
        for (int64_t c = 0; c < width; c++) norm[c] = fabsf(norm[c]);
        cull__pruner p = {.v = {values, &s, 2, sizes, name},
                          .part = 1,
                          .grid = cull__grid_of(dims, t.inner > 1 ? 4 : 2, t.across),
                          .norm = trial % 5 < 3 ? norm : NULL};
        assert_int_equal(p.grid.outs, t.outs);
        assert_int_equal(cull__grid_width(&p.grid), width);
        p.cuts = cuts;
        for (int later = 0; later < 2; later++) {
            double share = shares[(trial + later) % 6];
            p.later = later;
            naive_rows(&t, x, p.norm, share, later, want);
            for (int k = 0; k < 2; k++) {
                ok(cx[k], cull__prune_cuts(cx[k], &p, share, cuts));
                same_in_pieces(cx[k], &r, &p, n, want);
            }
        }
        p.cuts = NULL, p.later = false;
        p.m = trial % 7 ? 2 << trial % 3 : 7, p.n = trial % 7 ? p.m / 2 : 3;
        naive_nm(&t, x, p.norm, p.n, p.m, want);
        same_in_pieces(cx[0], &r, &p, n, want);
        p.m = 0;
        cull__cut one;
        p.one = &one;
        int64_t rank = cull__stay(n, .7);
        p.norm = NULL;
        ok(cx[1], cull__cuts(cx[1], &p.v, &rank, 1, &one));
        made flat = {1, n, 1, false};
        naive_rows(&flat, x, NULL, .7, false, want);
        same_in_pieces(cx[0], &r, &p, n, want);
        free(x), free(norm), free(want), free(cuts);
    }
    cull_ctx_free(cx[0]), cull_ctx_free(cx[1]);
}

static void refused_by_name(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float x[24], norm[6] = {1, 1, 0, 1, 1, 1};
    uint8_t keep[24];
    cull__cut cuts[6];
    const char *const name[] = {"", "layers.0.up"};
    const int64_t sizes[] = {0, 24}, dims[2] = {4, 6};
    source s = {x, 24};
    for (int i = 0; i < 24; i++) x[i] = (float)i;
    x[14] = INFINITY; /* output 2, input 2 */
    cull__pruner p = {.v = {values, &s, 2, sizes, name},
                      .part = 1,
                      .grid = cull__grid_of(dims, 2, false),
                      .norm = norm,
                      .cuts = cuts};
    for (int later = 0; later < 2; later++) {
        p.later = later;
        refused(cx, cull__prune_cuts(cx, &p, .5, cuts), CULL_EINPUT,
                "layers.0.up: value 14 is not a number, or is with the norm");
    }
    p.n = 2, p.m = 4;
    refused(cx, cull__prune_keep(cx, &p, 13, 2, keep), CULL_EINPUT, "value 14 is not");
    p.grid = cull__grid_of(dims, 2, true); /* (inputs 4, outputs 6): input 2, output 2 */
    refused(cx, cull__prune_keep(cx, &p, 13, 2, keep), CULL_EINPUT, "value 14 is not");
    p.m = 0;
    refused(cx, cull__prune_cuts(cx, &p, .5, cuts), CULL_EINPUT, "value 14 is not");
    cull_ctx_free(cx);
}

static void shares(void **state)
{
    (void)state;
    assert_int_equal(cull__stay(100, .29), 71);
    assert_int_equal(cull__stay(10, .7), 3);
    assert_int_equal(cull__stay(10, .69), 4);
    assert_int_equal(cull__stay(10, 0), 10);
    assert_int_equal(cull__stay(10, 1), 0);
    assert_int_equal(cull__stay(INT64_C(1) << 40, .5), INT64_C(1) << 39);
    for (int64_t n = 1; n < 2000; n++)
        for (int64_t gone = 0; gone <= n; gone += 1 + n / 50)
            assert_int_equal(cull__stay(n, (double)gone / (double)n), n - gone);
}

static void memory(void **state)
{
    (void)state;
    enum { N = 40 * 300 };
    float *x = malloc(N * sizeof *x);
    uint8_t keep[N];
    cull_rng r = cull__rng_seeded(3, 0);
    const int64_t sizes[] = {0, N}, dims[2] = {40, 300};
    source s = {x, N};
    fill(&r, x, N, false);
    for (int kind = 0; kind < 3; kind++)
        for (long k = 1;; k++) {
            cull__cut cuts[300];
            cull__pruner p = {.v = {values, &s, 2, sizes, NULL},
                              .part = 1,
                              .grid = cull__grid_of(dims, 2, kind == 1),
                              .n = 2,
                              .m = kind == 2 ? 4 : 0,
                              .cuts = cuts};
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 2);
            if (!cx) continue;
            cull_status got = kind < 2 ? cull__prune_cuts(cx, &p, .5, cuts) : CULL_OK;
            if (got == CULL_OK) got = cull__prune_keep(cx, &p, 0, N, keep);
            assert_true(got == CULL_OK || got == CULL_ENOMEM);
            bool reached = h.calls >= k;
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (!reached) break;
            assert_true(k < 100);
        }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(refused_by_name),
        cmocka_unit_test(shares),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
