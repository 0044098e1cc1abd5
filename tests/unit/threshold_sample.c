/* Cuts found in one pass by a sample: against sorted magnitudes; where the sample misleads, the digits find the same. */
#include "test.h"

#include "choose/threshold_sample.h"

enum { PARTS = 3 };
static const int64_t SIZE[PARTS] = {700001, 0, 300007};
enum { ALL = 1000008 };
typedef struct {
    float *x, *y; /* y: of a second source, or NULL */
} source;

static cull_status read_part(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                             float *out)
{
    const source *s = arg;
    (void)cx;
    from += part ? SIZE[0] : 0;
    memcpy(out, s->x + from, (size_t)n * sizeof *out);
    if (s->y) memcpy(out + n, s->y + from, (size_t)n * sizeof *out);
    return CULL_OK;
}

enum { NORMAL, COARSE, ALIKE, BLOCKS, SORTED, KINDS };
static void fill(float *x, int kind)
{
    cull_rng r = cull__rng_seeded(101, (uint64_t)kind);
    for (int64_t i = 0; i < ALL; i++) {
        double z = cull__rng_normal(&r);
        x[i] = (float)(kind == NORMAL   ? z
                       : kind == COARSE ? round(32 * z) / 32
                       : kind == ALIKE  ? (i % 10 ? 1 : z)
                       : kind == BLOCKS ? z * (1 + i / CULL__VALUES)
                                        : (double)(ALL - i));
    }
}

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* Above the cut lie rank values, the largest; of those that equal the last one the first. */
static void check(const float *x, const float *sorted, int64_t rank, const cull__cut *cut)
{
    int64_t above = 0;
    float least = sorted[rank - 1];
    bool out = false; /* an equal one was left out */
    for (int64_t i = 0; i < ALL; i++) {
        int64_t part = i < SIZE[0] ? 0 : 2, at = part ? i - SIZE[0] : i;
        bool is = cull__above(cut, x[i], part, at);
        above += is;
        if (fabsf(x[i]) > least) assert_true(is);
        if (fabsf(x[i]) < least) assert_false(is);
        if (fabsf(x[i]) == least) {
            assert_false(is && out);
            out |= !is;
        }
    }
    assert_int_equal(above, rank);
}

static void cuts(void **state)
{
    (void)state;
    source s = {.x = malloc(ALL * sizeof(float))};
    float *sorted = malloc(ALL * sizeof *sorted);
    cull__values v = {read_part, &s, PARTS, SIZE, NULL};
    const int64_t rank[] = {ALL / 2, 1, ALL, 299999, 6000, 900001};
    enum { RANKS = 6 };
    for (int kind = 0; kind < KINDS; kind++) {
        cull__cut one[RANKS], two[RANKS], alone;
        fill(s.x, kind);
        for (int64_t i = 0; i < ALL; i++) sorted[i] = fabsf(s.x[i]);
        qsort(sorted, ALL, sizeof *sorted, descending);
        for (int threads = 1; threads <= 2; threads++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, threads);
            ok(cx, cull__cuts(cx, &v, rank, RANKS, threads == 1 ? one : two));
            for (int r = 0; r < RANKS && threads == 1; r++) {
                check(s.x, sorted, rank[r], &one[r]);
                ok(cx, cull__cuts(cx, &v, &rank[r], 1, &alone));
                check(s.x, sorted, rank[r], &alone);
            }
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        for (int r = 0; r < RANKS; r++)
            assert_true(one[r].key == two[r].key && one[r].part == two[r].part &&
                        one[r].at == two[r].at);
    }
    free(sorted), free(s.x);
}

/* What it is for is found by the sample; a NaN is not. */
static void finds(void **state)
{
    (void)state;
    source s = {.x = malloc(ALL * sizeof(float))};
    cull__values v = {read_part, &s, PARTS, SIZE, NULL};
    const int64_t first[PARTS + 1] = {0, 11, 11, 16}, rank[] = {300000, 60000};
    cull__sampled from = {&v, first, 1, NULL};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int k = 0; k < 3; k++) {
        static const int kind[] = {NORMAL, COARSE, NORMAL};
        static const bool want[] = {true, true, false};
        cull__cut cut[2];
        bool found;
        fill(s.x, kind[k]);
        if (k == 2) s.x[ALL - 3] = NAN;
        ok(cx, cull__cuts_sampled(cx, &from, ALL, rank, k == 1 ? 1 : 2, cut, &found));
        assert_int_equal(found, want[k]);
        if (k == 2) refused(cx, cull__cuts(cx, &v, rank, 2, cut), CULL_EINPUT, "is not a number");
    }
    cull_ctx_free(cx);
    free(s.x);
}

/* Two sources that are read together have the cuts that each has alone; a NaN in either is found. */
static void together(void **state)
{
    (void)state;
    source s = {malloc(ALL * sizeof(float)), malloc(ALL * sizeof(float))};
    source alone[2] = {{s.x, NULL}, {s.y, NULL}};
    cull__values v = {read_part, &s, PARTS, SIZE, NULL};
    const int64_t first[PARTS + 1] = {0, 11, 11, 16}, rank[] = {300000, 500, 60000};
    const int of[] = {0, 1, 1};
    cull__sampled from = {&v, first, 2, of};
    cull__cut cut[3], want;
    bool found;
    fill(s.x, COARSE), fill(s.y, NORMAL);
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        ok(cx, cull__cuts_sampled(cx, &from, ALL, rank, 3, cut, &found));
        assert_true(found);
        for (int r = 0; r < 3; r++) {
            cull__values one = {read_part, &alone[of[r]], PARTS, SIZE, NULL};
            ok(cx, cull__cuts(cx, &one, &rank[r], 1, &want));
            assert_true(cut[r].key == want.key && cut[r].part == want.part && cut[r].at == want.at);
        }
        s.y[ALL - 3] = NAN;
        ok(cx, cull__cuts_sampled(cx, &from, ALL, rank, 3, cut, &found));
        assert_false(found);
        s.y[ALL - 3] = 0;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    free(s.x), free(s.y);
}

/* However many values there are, some megabytes. */
static void bounded(void **state)
{
    (void)state;
    for (int64_t n = 1 << 20; n < INT64_C(1) << 36; n += n / 3)
        assert_true(cull__cuts_bytes(400, n, 2, 2) < (uint64_t)CULL__SAMPLED + (24 << 20));
}

static void no_memory(void **state)
{
    (void)state;
    source s = {.x = malloc(ALL * sizeof(float))};
    cull__values v = {read_part, &s, PARTS, SIZE, NULL};
    const int64_t rank = 300000;
    cull__cut cut;
    fill(s.x, COARSE);
    for (long at = 2;; at++) {
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_status status = cull__cuts(cx, &v, &rank, 1, &cut);
        assert_true(status == CULL_OK || status == CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (status == CULL_OK) break;
    }
    free(s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cuts), cmocka_unit_test(finds),
                                       cmocka_unit_test(together), cmocka_unit_test(bounded),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
