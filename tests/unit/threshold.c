/* threshold: cuts and windows against a sort, ties by place, N:M masks against all subsets, NaN, failing memory. */
#include "test.h"

#include "choose/threshold.h"

enum { PARTS = 5 };

typedef struct {
    int64_t size[PARTS], first[PARTS + 1];
    float *x;
    int reads; /* blocks asked for; counted on one thread only */
} source;

static cull_status values(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                          float *out)
{
    source *s = (source *)(uintptr_t)arg;
    (void)cx;
    assert_true(n >= 1 && n <= CULL__VALUES && from >= 0 && from + n <= s->size[part]);
    memcpy(out, s->x + s->first[part] + from, (size_t)n * sizeof *out);
    __atomic_fetch_add(&s->reads, 1, __ATOMIC_RELAXED);
    return CULL_OK;
}

static void sized(source *s, const int64_t size[PARTS])
{
    s->first[0] = 0;
    for (int p = 0; p < PARTS; p++) s->size[p] = size[p], s->first[p + 1] = s->first[p] + size[p];
    s->x = calloc((size_t)s->first[PARTS] + 1, sizeof *s->x);
    s->reads = 0;
}

/* Kinds of values: 0 all different, 1 few different, 2 bf16, 3 all equal, 4 mostly zeros of both signs, 5 with infinities,
 * 6 the smallest there are. */
static void fill(source *s, cull_rng *r, int kind)
{
    for (int64_t i = 0; i < s->first[PARTS]; i++) {
        float v = (float)cull__rng_normal(r);
        if (kind == 1) v = (float)(cull__rng_below(r, 7) - 3) * .3F;
        if (kind == 2) v = cull__bf16_to_f32(cull__f32_to_bf16(v));
        if (kind == 3) v = i % 2 ? -.7F : .7F;
        if (kind == 4) v = cull__rng_below(r, 10) ? (i % 2 ? -0.F : 0.F) : v;
        if (kind == 5 && i % 17 == 0) v = i % 2 ? -INFINITY : INFINITY;
        if (kind == 6) v = (float)cull__rng_below(r, 40) * 1e-45F;
        s->x[i] = v;
    }
}

static const float *sorting;
static int by_magnitude(const void *a, const void *b)
{
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    float x = fabsf(sorting[i]), y = fabsf(sorting[j]);
    return x != y ? (x > y ? -1 : 1) : (i > j) - (i < j);
}

/* place[i] = how many come before value i, by sorting. */
static int64_t *places(const source *s)
{
    int64_t n = s->first[PARTS], *order = malloc((size_t)n * sizeof *order),
            *place = malloc((size_t)n * sizeof *place);
    for (int64_t i = 0; i < n; i++) order[i] = i;
    sorting = s->x;
    qsort(order, (size_t)n, sizeof *order, by_magnitude);
    for (int64_t i = 0; i < n; i++) place[order[i]] = i;
    free(order);
    return place;
}

static void marks_agree(const source *s, const cull__cut *cut, const int64_t *rank, int ranks,
                        const int64_t *place)
{
    uint8_t *keep = malloc(CULL__VALUES);
    for (int p = 0; p < PARTS; p++)
        for (int64_t from = 0; from < s->size[p]; from += 1000) {
            int64_t n = s->size[p] - from < 1000 ? s->size[p] - from : 1000;
            const float *x = s->x + s->first[p] + from;
            const int64_t *at = place + s->first[p] + from;
            for (int r = 0; r < ranks; r++) {
                int64_t kept = cull__cut_keep(&cut[r], x, p, from, n, keep), want = 0;
                for (int64_t i = 0; i < n; i++) {
                    assert_int_equal(keep[i], at[i] < rank[r]);
                    assert_int_equal(cull__above(&cut[r], x[i], p, from + i), keep[i]);
                    want += keep[i];
                }
                assert_int_equal(kept, want);
                if (r + 1 == ranks || rank[r] > rank[r + 1]) continue;
                kept = cull__cut_band(&cut[r], &cut[r + 1], x, p, from, n, keep), want = 0;
                for (int64_t i = 0; i < n; i++) {
                    assert_int_equal(keep[i], at[i] >= rank[r] && at[i] < rank[r + 1]);
                    want += keep[i];
                }
                assert_int_equal(kept, want);
            }
        }
    free(keep);
}

static void sizes(cull_rng *r, int64_t most, int64_t size[PARTS])
{
    for (int p = 0; p < PARTS; p++)
        size[p] = cull__rng_below(r, 4) ? cull__rng_below(r, most) : cull__rng_below(r, 3);
}

static void cuts(void **state)
{
    (void)state;
    cull_ctx_opts two_threads = CULL_CTX_OPTS;
    two_threads.threads = 2;
    cull_ctx_opts one_thread = CULL_CTX_OPTS;
    one_thread.threads = 1;
    cull_ctx *one = cull_ctx_new(&one_thread), *two = cull_ctx_new(&two_threads);
    cull_rng r = cull__rng_seeded(5, 0);
    for (int trial = 0; trial < 56; trial++) {
        source s;
        int64_t size[PARTS], rank[CULL__CUTS];
        sizes(&r, trial % 8 == 0 ? 90000 : 300, size);
        if (trial % 8 == 0)
            size[3] = CULL__VALUES + (trial % 16 ? 1 : 0); /* a part of whole blocks */
        sized(&s, size);
        fill(&s, &r, trial % 7);
        int64_t n = s.first[PARTS], *place = places(&s);
        for (int k = 0; k < CULL__CUTS; k++) rank[k] = cull__rng_below(&r, n + 1);
        rank[1] = 0, rank[2] = n;
        cull__values v = {values, &s, PARTS, s.size, NULL};
        cull__cut a[CULL__CUTS], b[CULL__CUTS];
        memset(a, 0, sizeof a), memset(b, 0, sizeof b);
        ok(one, cull__cuts(one, &v, rank, CULL__CUTS, a));
        ok(two, cull__cuts(two, &v, rank, CULL__CUTS, b));
        assert_memory_equal(a, b, sizeof a);
        marks_agree(&s, a, rank, CULL__CUTS, place);
        free(place), free(s.x);
    }
    cull_ctx_free(one), cull_ctx_free(two);
}

/* How often the data are read is as stated. */
static void passes(void **state)
{
    (void)state;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 1;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_rng r = cull__rng_seeded(6, 0);
    source s;
    const int64_t size[PARTS] = {CULL__VALUES, 0, CULL__VALUES + 5, 3, 0}; /* 4 blocks */
    const int64_t rank[] = {20000, 50001};
    cull__cut cut[2];
    sized(&s, size);
    cull__values v = {values, &s, PARTS, s.size, NULL};
    for (int64_t i = 0; i < s.first[PARTS]; i++)
        s.x[i] = 1 + (float)i * 0x1p-23F; /* no two alike */
    ok(cx, cull__cuts(cx, &v, rank, 2, cut));
    assert_int_equal(s.reads, 2 * 4);
    s.reads = 0;
    fill(&s, &r, 1);
    ok(cx, cull__cuts(cx, &v, rank, 2, cut));
    assert_in_range(s.reads, 3 * 4 + 1, 3 * 4 + 2);
    s.reads = 0;
    for (int64_t i = 0; i < s.first[PARTS]; i++) s.x[i] = i < 20000 ? 3 : i < 50001 ? -2 : 1;
    ok(cx, cull__cuts(cx, &v, rank, 2, cut)); /* no lower bit, and no cut through equal ones */
    assert_int_equal(s.reads, 4);
    s.reads = 0;
    ok(cx, cull__cuts(cx, &v, rank, 0, cut));
    assert_int_equal(s.reads, 0);
    free(s.x);
    cull_ctx_free(cx);
}

static void rows(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(7, 0);
    for (int trial = 0; trial < 140; trial++) {
        source s;
        const int64_t size[PARTS] = {1 + cull__rng_below(&r, 700), 0, 0, 0, 0};
        sized(&s, size);
        fill(&s, &r, trial % 7);
        int64_t n = size[0], rank = trial % 9 ? cull__rng_below(&r, n + 1) : (trial % 2 ? 0 : n);
        int64_t *place = places(&s);
        cull__cut cut;
        assert_int_equal(cull__cut_row(s.x, n, 0, rank, &cut), -1);
        marks_agree(&s, &cut, &rank, 1, place);
        s.x[n / 2] = NAN;
        assert_int_equal(cull__cut_row(s.x, n, 0, rank, &cut), n / 2);
        free(place), free(s.x);
    }
}

/* Of all subsets of a block with n values (or the whole of a short one), the kept one has the largest sum, and of equal
 * ones the one with the lowest places. */
static void nm(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(8, 0);
    const int pattern[][2] = {{2, 4}, {4, 8}, {1, 4}, {4, 4}, {0, 3}, {3, 7}};
    for (int trial = 0; trial < 200; trial++) {
        int n = pattern[trial % 6][0], m = pattern[trial % 6][1];
        int64_t count = 1 + cull__rng_below(&r, 40), stride = 1 + trial % 3;
        float x[128];
        uint8_t keep[128];
        memset(keep, 9, sizeof keep);
        for (int i = 0; i < 128; i++) x[i] = (float)(cull__rng_below(&r, trial % 2 ? 5 : 4000) - 2);
        assert_int_equal(cull__nm_keep(x, count, stride, n, m, keep), -1);
        for (int64_t from = 0; from < count; from += m) {
            int here = count - from < m ? (int)(count - from) : m, want = n < here ? n : here;
            double best = -1;
            unsigned which = 0;
            for (unsigned set = 0; set < 1u << here; set++) {
                double sum = 0, places_of = 0;
                if (__builtin_popcount(set) != want) continue;
                for (int i = 0; i < here; i++)
                    if (set >> i & 1)
                        sum += fabs((double)x[(from + i) * stride]), places_of += ldexp(1, -i - 20);
                if (sum + places_of > best) best = sum + places_of, which = set;
            }
            for (int i = 0; i < here; i++)
                assert_int_equal(keep[(from + i) * stride], which >> i & 1);
        }
        if (stride > 1) assert_int_equal(keep[1], 9); /* what lies between is not touched */
        x[(count - 1) * stride] = NAN;
        assert_int_equal(cull__nm_keep(x, count, stride, n, m, keep), count - 1);
    }
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(9, 0);
    source s;
    const char *const name[PARTS] = {"a", "b", "c", "layers.3.up", "e"};
    for (int big = 0; big < 2; big++) {
        const int64_t size[PARTS] = {10, 0, 20, big ? 2 * CULL__VALUES : 50, 5};
        int64_t rank = 30, at = big ? CULL__VALUES + 3 : 7;
        cull__cut cut;
        sized(&s, size);
        fill(&s, &r, 0);
        cull__values v = {values, &s, PARTS, s.size, name};
        s.x[s.first[3] + at] = NAN;
        s.x[s.first[4]] = NAN; /* the first one is told */
        refused(cx, cull__cuts(cx, &v, &rank, 1, &cut), CULL_EINPUT, "layers.3.up: value");
        char want[64];
        snprintf(want, sizeof want, "value %lld is not a number", (long long)at);
        refused(cx, cull__cuts(cx, &v, &rank, 1, &cut), CULL_EINPUT, want);
        v.name = NULL;
        refused(cx, cull__cuts(cx, &v, &rank, 1, &cut), CULL_EINPUT, "part 3: value");
        rank = s.first[PARTS] + 1;
        refused(cx, cull__cuts(cx, &v, &rank, 1, &cut), CULL_EINPUT, "0 to all of them");
        rank = -1;
        refused(cx, cull__cuts(cx, &v, &rank, 1, &cut), CULL_EINPUT, "rank -1");
        refused(cx, cull__cuts(cx, &v, &rank, 9, &cut), CULL_EINPUT, "at most 8");
        free(s.x);
    }
    const int64_t huge[PARTS] = {INT64_C(1) << 61, INT64_C(1) << 60, INT64_C(1) << 61, 0, 0};
    cull__values v = {values, &s, PARTS, huge, NULL};
    int64_t rank = 1;
    cull__cut cut;
    refused(cx, cull__cuts(cx, &v, &rank, 1, &cut), CULL_EINPUT, "part 2 of 5");
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(10, 0);
    source s;
    const int64_t size[PARTS] = {100, CULL__VALUES, 0, 70000, 3}, rank[2] = {90000, 40000};
    cull__cut want[2], cut[2];
    memset(want, 0, sizeof want), memset(cut, 0, sizeof cut);
    sized(&s, size);
    fill(&s, &r, 1);
    cull__values v = {values, &s, PARTS, s.size, NULL};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    ok(cx, cull__cuts(cx, &v, rank, 2, want));
    uint64_t told = cull__cuts_bytes(PARTS, s.first[PARTS], 2, 2);
    assert_true(cull_ctx_peak(cx) <= told + told / 10 + 3 * 65536);
    assert_true(cull_ctx_peak(cx) * 2 > told);
    cull_ctx_free(cx);
    for (long k = 1;; k++) {
        h = (hooks){.fail_at = k};
        cx = hooked_ctx(&h, 2);
        if (!cx) continue;
        cull_status got = cull__cuts(cx, &v, rank, 2, cut);
        bool reached = h.calls >= k;
        if (got == CULL_OK)
            assert_memory_equal(cut, want, sizeof cut);
        else
            assert_int_equal(got, CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!reached) break;
        assert_true(k < 100);
    }
    h = (hooks){.stop_at = 3};
    cx = hooked_ctx(&h, 2);
    assert_int_equal(cull__cuts(cx, &v, rank, 2, cut), CULL_ECANCEL);
    cull_ctx_free(cx);
    free(s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts), cmocka_unit_test(passes),   cmocka_unit_test(rows),
        cmocka_unit_test(nm),   cmocka_unit_test(refusals), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
