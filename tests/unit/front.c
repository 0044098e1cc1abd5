/* front: ranks, best rows and crowding against plain loops of their definitions. */
#include "test.h"

#include "base/base.h"
#include "cull/front.h"

static bool has_nan(const double *a, int m)
{
    for (int d = 0; d < m; d++)
        if (isnan(a[d])) return true;
    return false;
}

/* By the definition, for rows i and j of v. */
static bool dominates(const double *v, int m, const double *violation, int64_t i, int64_t j)
{
    const double *a = v + i * m, *b = v + j * m;
    bool na = has_nan(a, m), nb = has_nan(b, m), less = false;
    if (na || nb) return !na && nb;
    double x = violation ? fmax(violation[i], 0) : 0, y = violation ? fmax(violation[j], 0) : 0;
    if (violation && isnan(violation[i])) x = INFINITY;
    if (violation && isnan(violation[j])) y = INFINITY;
    if (x != y) return x < y;
    for (int d = 0; d < m; d++) {
        if (a[d] > b[d]) return false;
        less |= a[d] < b[d];
    }
    return less;
}

/* Peels off what nothing left dominates, again and again. */
static int32_t peel(const double *v, int64_t n, int m, const double *violation, int32_t *rank)
{
    int32_t r = 0;
    for (int64_t i = 0; i < n; i++) rank[i] = -1;
    for (int64_t left = n; left > 0; r++) {
        for (int64_t i = 0; i < n; i++) {
            bool beaten = rank[i] >= 0;
            for (int64_t j = 0; j < n && !beaten; j++)
                beaten = (rank[j] < 0 || rank[j] == r) && dominates(v, m, violation, j, i);
            if (!beaten) {
                rank[i] = r;
                left--;
            }
        }
    }
    return r;
}

/* Rows of one of several kinds: noise, few distinct values, a chain, a front, NaN and infinities among them, and
 * copies of whole rows and of parts of rows. */
static void make(cull_rng *r, int kind, double *v, int64_t n, int m)
{
    for (int64_t i = 0; i < n; i++) {
        double base = cull__rng_normal(r), sum = 0, *x = v + i * m;
        for (int d = 0; d < m; d++) {
            x[d] = cull__rng_normal(r);
            if (kind == 1) x[d] = (double)cull__rng_below(r, 4) - 2;
            if (kind == 2) x[d] = base + 0.05 * x[d];
            if (kind == 3) x[d] = fabs(x[d]);
            if (kind == 4 && cull__rng_below(r, 9) == 0) x[d] = NAN;
            if (kind == 4 && cull__rng_below(r, 9) == 0) x[d] = INFINITY;
            if (kind == 4 && cull__rng_below(r, 9) == 0) x[d] = -INFINITY;
            if (kind == 4 && cull__rng_below(r, 3) == 0) x[d] = cull__rng_below(r, 2) ? 0. : -0.;
            sum += x[d];
        }
        if (kind == 3)
            for (int d = 0; d < m; d++) x[d] /= sum;
        for (int d = 0; kind == 5 && d < m && i; d++)
            if (base > 0.8 || cull__rng_below(r, 3) == 0) x[d] = x[d - m];
    }
}

static void ranks_by_definition(void **state)
{
    (void)state;
    enum { N = 333 };
    static double v[N * 9], violation[N];
    static int32_t got[N], want[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(21, 0);
    for (int kind = 0; kind < 6; kind++)
        for (int m = 1; m <= 9; m++)
            for (int with = 0; with < 3; with++) {
                int64_t n = with == 2 ? cull__rng_below(&r, 40) : N;
                make(&r, kind, v, n, m);
                for (int64_t i = 0; i < n; i++)
                    violation[i] = cull__rng_below(&r, 2) ? -1. : (double)cull__rng_below(&r, 5);
                if (n > 2) violation[n / 2] = NAN;
                int32_t k = -1, kw = peel(v, n, m, with ? violation : NULL, want);
                ok(cx, cull_front_ranks(cx, v, n, m, with ? violation : NULL, got, &k));
                assert_int_equal(k, kw);
                assert_memory_equal(got, want, (size_t)n * sizeof *got);
            }
    cull_ctx_free(cx);
}

/* Larger ones, whose ranks are known: a grid's cell (a, b, c, d) is at the end of a chain of a + b + c + d. */
static void ranks_of_grids(void **state)
{
    (void)state;
    static const int side[][5] = {
        {120, 60, 1, 1, 1}, {25, 20, 15, 1, 1}, {9, 8, 7, 6, 1}, {6, 5, 5, 4, 4}};
    enum { MOST = 7500 };
    static double v[MOST * 5];
    static int64_t at[MOST];
    static int32_t rank[MOST];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(22, 0);
    for (int c = 0; c < 4; c++) {
        const int *s = side[c];
        int m = c == 3 ? 5 : c + 2;
        int64_t n = 1;
        for (int d = 0; d < m; d++) n *= s[d];
        assert_true(n <= MOST);
        for (int64_t i = 0; i < n; i++) at[i] = i;
        cull__rng_shuffle(&r, at, n);
        for (int64_t i = 0; i < n; i++) {
            int64_t left = at[i];
            for (int d = 0; d < m; left /= s[d++]) v[i * m + d] = exp((double)(left % s[d]));
        }
        int32_t ranks;
        ok(cx, cull_front_ranks(cx, v, n, m, NULL, rank, &ranks));
        int32_t most = 1;
        for (int d = 0; d < m; d++) most += s[d] - 1;
        assert_int_equal(ranks, most);
        for (int64_t i = 0; i < n; i++) {
            int64_t left = at[i], want = 0;
            for (int d = 0; d < m; left /= s[d++]) want += left % s[d];
            assert_int_equal(rank[i], want);
        }
    }
    cull_ctx_free(cx);
}

/* Staircases of thousands of steps, which the sweep gives up: three fronts, one right behind the other. */
static void ranks_of_long_stairs(void **state)
{
    (void)state;
    enum { LONG = 4500, N = 3 * LONG };
    static double v[N * 3], u[LONG];
    static int64_t at[N];
    static int32_t rank[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(23, 0);
    for (int64_t i = 0; i < N; i++) at[i] = i;
    for (int64_t i = 0; i < LONG; i++) u[i] = cull__rng_unit(&r);
    cull__rng_shuffle(&r, at, N);
    for (int64_t i = 0; i < N; i++) {
        double step = (double)(at[i] / 3);
        v[i * 3] = u[at[i] / 3];
        v[i * 3 + 1] = step;
        v[i * 3 + 2] = 0.25 * (double)(at[i] % 3) - step;
    }
    int32_t ranks;
    ok(cx, cull_front_ranks(cx, v, N, 3, NULL, rank, &ranks));
    assert_int_equal(ranks, 3);
    for (int64_t i = 0; i < N; i++) assert_int_equal(rank[i], at[i] % 3);
    cull_ctx_free(cx);
}

/* One of three objectives twice is four: as many rows as take the sweep and dividing, as few as take sets of bits. */
static void ranks_of_copied_objectives(void **state)
{
    (void)state;
    enum { N = 82000, BESIDE = 3000 };
    static double three[N * 3], four[N * 4];
    static int32_t got[N], want[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(24, 0);
    for (int64_t i = 0; i < N; i++) {
        double *a = three + i * 3, *b = four + i * 4;
        for (int d = 0; d < 3; d++) a[d] = floor(900 * cull__rng_unit(&r));
        b[0] = a[2], b[1] = a[0], b[2] = a[1], b[3] = a[2];
    }
    for (int64_t n = N; n >= BESIDE; n -= N - BESIDE) {
        int32_t ranks, same;
        ok(cx, cull_front_ranks(cx, three, n, 3, NULL, want, &ranks));
        ok(cx, cull_front_ranks(cx, four, n, 4, NULL, got, &same));
        assert_int_equal(ranks, same);
        assert_memory_equal(got, want, (size_t)n * sizeof *got);
    }
    cull_ctx_free(cx);
}

static void best_by_definition(void **state)
{
    (void)state;
    enum { N = 217 };
    static double v[N * 4];
    static int32_t rank[N];
    int64_t idx[N], count;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(23, 0);
    for (int kind = 0; kind < 5; kind++)
        for (int m = 1; m <= 4; m++)
            for (int distinct = 0; distinct < 2; distinct++) {
                make(&r, kind, v, N, m);
                peel(v, N, m, NULL, rank);
                ok(cx, cull_front_best(cx, v, N, m, distinct, idx, &count));
                int64_t k = 0;
                for (int64_t i = 0; i < N; i++) {
                    bool again = false;
                    for (int64_t j = 0; j < i && distinct; j++) {
                        bool same = rank[j] == 0;
                        for (int d = 0; d < m; d++) same &= v[j * m + d] == v[i * m + d];
                        again |= same;
                    }
                    if (rank[i] || again) continue;
                    assert_true(k < count);
                    assert_int_equal(idx[k++], i);
                }
                assert_int_equal(k, count);
            }
    const double all_nan[] = {NAN, 1, 2, NAN, NAN, 1};
    ok(cx, cull_front_best(cx, all_nan, 3, 2, false, idx, &count));
    assert_int_equal(count, 3); /* nothing without a NaN dominates them */
    ok(cx, cull_front_best(cx, all_nan, 3, 2, true, idx, &count));
    assert_true(count == 2 && idx[0] == 0 && idx[1] == 1);
    cull_ctx_free(cx);
}

/* The definition: for each objective the neighbours' distance over the rank's range. */
static double crowding_of(const double *v, int64_t n, int m, const int32_t *rank, int64_t i)
{
    double total = 0;
    for (int d = 0; d < m; d++) {
        double lo = INFINITY, hi = -INFINITY, below = -INFINITY, above = INFINITY;
        double x = v[i * m + d];
        int64_t count = 0;
        for (int64_t j = 0; j < n; j++) {
            double y = v[j * m + d];
            if (rank[j] != rank[i]) continue;
            count++;
            lo = fmin(lo, y);
            hi = fmax(hi, y);
            if (j == i) continue;
            /* equal values stand in order of the rows */
            if ((y < x || (y == x && j < i)) && y > below) below = y;
            if ((y > x || (y == x && j > i)) && y < above) above = y;
        }
        if (lo == hi && count > 2) continue;
        if (isinf(below) || isinf(above)) return INFINITY;
        total += (above - below) / (hi - lo);
    }
    return total;
}

static void crowding_by_definition(void **state)
{
    (void)state;
    enum { N = 190 };
    static double v[N * 4], got[N];
    static int32_t rank[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(24, 0);
    for (int kind = 0; kind < 4; kind++)
        for (int m = 1; m <= 4; m++) {
            make(&r, kind, v, N, m);
            ok(cx, cull_front_ranks(cx, v, N, m, NULL, rank, NULL));
            ok(cx, cull_front_crowding(cx, v, N, m, rank, got));
            for (int64_t i = 0; i < N; i++) {
                double want = crowding_of(v, N, m, rank, i);
                assert_true(got[i] == want || fabs(got[i] - want) < 1e-12); /* order of the sum */
            }
        }
    /* NaN rows get 0; of infinite ranges a finite part is nothing */
    const double odd[] = {NAN, 1, 0, INFINITY, 1, 4, 2, 3, INFINITY, 0};
    ok(cx, cull_front_crowding(cx, odd, 5, 2, NULL, got));
    assert_true(got[0] == 0 && got[1] == INFINITY && got[4] == INFINITY);
    assert_true(got[2] == 0 + 1); /* 0 to 2 of infinity, 3 to infinity of infinity */
    assert_true(got[3] == 1 + 0);
    ok(cx, cull_front_crowding(cx, odd, 0, 2, NULL, got));
    cull_ctx_free(cx);
}

static void threads_and_memory(void **state)
{
    (void)state;
    enum { N = 3000 };
    static double v[N * 3], violation[N], d1[N], d2[N];
    static int32_t r1[N], r2[N];
    int64_t idx[N], count;
    cull_rng r = cull__rng_seeded(25, 0);
    make(&r, 0, v, N, 3);
    for (int i = 0; i < N; i++) violation[i] = (double)cull__rng_below(&r, 3);
    long calls = 0;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        h.calls = 0;
        ok(cx, cull_front_ranks(cx, v, N, 3, violation, threads == 1 ? r1 : r2, NULL));
        ok(cx, cull_front_crowding(cx, v, N, 3, threads == 1 ? r1 : r2, threads == 1 ? d1 : d2));
        ok(cx, cull_front_best(cx, v, N, 3, true, idx, &count));
        calls = h.calls;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(r1, r2, sizeof r1);
    assert_memory_equal(d1, d2, sizeof d1);
    assert_true(calls > 2);
    for (long k = 1; k <= calls; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.calls = 0;
        h.fail_at = k;
        cull_status s = cull_front_ranks(cx, v, N, 3, violation, r2, NULL);
        if (s == CULL_OK) s = cull_front_crowding(cx, v, N, 3, r2, d2);
        if (s == CULL_OK) s = cull_front_best(cx, v, N, 3, true, idx, &count);
        assert_int_equal(s, CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    hooks h = {.stop_at = 1};
    cull_ctx *cx = hooked_ctx(&h, 1);
    refused(cx, cull_front_ranks(cx, v, N, 3, NULL, r2, NULL), CULL_ECANCEL, "");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double v[4] = {1, 2, 3, 4}, distance[2];
    int32_t rank[2] = {0, 2}, ranks = 7;
    refused(cx, cull_front_ranks(cx, v, 2, 0, NULL, rank, NULL), CULL_EINPUT, "0 objectives");
    refused(cx, cull_front_ranks(cx, v, -1, 2, NULL, rank, NULL), CULL_EINPUT, "-1 rows");
    refused(cx, cull_front_ranks(cx, v, INT32_MAX, 2, NULL, rank, NULL), CULL_EINPUT, "rows");
    refused(cx, cull_front_crowding(cx, v, 2, 2, rank, distance), CULL_EINPUT, "rank 2 of row 1");
    ok(cx, cull_front_ranks(cx, v, 0, 2, NULL, rank, &ranks));
    assert_int_equal(ranks, 0);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_by_definition),  cmocka_unit_test(ranks_of_grids),
        cmocka_unit_test(ranks_of_long_stairs), cmocka_unit_test(ranks_of_copied_objectives),
        cmocka_unit_test(best_by_definition),   cmocka_unit_test(crowding_by_definition),
        cmocka_unit_test(threads_and_memory),   cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
