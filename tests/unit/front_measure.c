/* front_measure: distances between fronts, R2, weights in all directions, and a front that grows. */
#include "test.h"

#include "base/base.h"
#include "cull/front.h"

static void distances(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double igd, plus, eps;
    /* by hand. From (0,4): (1,4) is 1 off; from (3,0): (3,1) is 1 off and (2,3) sqrt(10); from (1,1): (3,1) is 2 off,
     * (2,3) sqrt(5), (1,4) 3 */
    const double v[] = {1, 4, 2, 3, 3, 1, NAN, 0}, z[] = {0, 4, 1, 1, 3, 0};
    ok(cx, cull_front_distance(cx, v, 4, 2, z, 3, &igd, &plus, &eps));
    assert_true(fabs(igd - 4. / 3) < 1e-15 && fabs(plus - 4. / 3) < 1e-15);
    assert_true(eps == 2); /* (1,1) is reached by (2,3) or (3,1) less 2 */
    /* what is better than the reference: IGD counts it as far, IGD+ as there */
    const double better[] = {-3, -4};
    ok(cx, cull_front_distance(cx, better, 1, 2, (const double[]){0, 0}, 1, &igd, &plus, &eps));
    assert_true(igd == 5 && plus == 0 && eps == -3);
    ok(cx, cull_front_distance(cx, v, 0, 2, z, 3, &igd, &plus, NULL));
    assert_true(igd == INFINITY && plus == INFINITY);
    ok(cx, cull_front_distance(cx, v, 1, 2, z, 3, NULL, NULL, &eps));
    assert_true(eps == 4);
    refused(cx, cull_front_distance(cx, v, 3, 2, z, 0, &igd, NULL, NULL), CULL_EINPUT, "no rows");
    const double bad[] = {0, INFINITY};
    refused(cx, cull_front_distance(cx, v, 3, 2, bad, 1, &igd, NULL, NULL), CULL_EINPUT,
            "reference row 0, objective 1 is inf");
    cull_ctx_free(cx);
}

static void r2_values(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double r2;
    /* by hand: weights (1,0), (.5,.5), (0,1): the least of max(w |v - ideal|) are 1, 1.5 and 1 */
    const double v[] = {1, 4, 2, 3, 4, 1, NAN, 0}, w[] = {1, 0, .5, .5, 0, 1}, ideal[] = {0, 0};
    ok(cx, cull_front_r2(cx, v, 4, 2, w, 3, ideal, &r2));
    assert_true(fabs(r2 - 3.5 / 3) < 1e-15);
    const double far[] = {INFINITY, 4}; /* what a weight of 0 leaves out may be infinite */
    ok(cx, cull_front_r2(cx, far, 1, 2, w + 4, 1, ideal, &r2));
    assert_true(r2 == 4);
    ok(cx, cull_front_r2(cx, v, 0, 2, w, 3, ideal, &r2));
    assert_true(r2 == INFINITY);
    refused(cx, cull_front_r2(cx, v, 3, 2, w, 0, ideal, &r2), CULL_EINPUT, "no weights");
    refused(cx, cull_front_r2(cx, v, 3, 2, (const double[]){1, -1}, 1, ideal, &r2), CULL_EINPUT,
            "weight 0, objective 1 is -1");
    cull_ctx_free(cx);
}

static void weights(void **state)
{
    (void)state;
    static double w[3000 * 6];
    static const struct {
        int m, parts, count;
    } known[] = {{1, 9, 1},   {2, 4, 5}, {3, 12, 91},  {5, 6, 210},
                 {6, 4, 126}, {3, 1, 3}, {4, 20, 1771}};
    for (size_t c = 0; c < sizeof known / sizeof *known; c++) {
        int m = known[c].m, parts = known[c].parts;
        int64_t n = cull_front_weights(m, parts, NULL);
        assert_int_equal(n, known[c].count);
        assert_int_equal(cull_front_weights(m, parts, w), n);
        for (int64_t i = 0; i < n; i++) {
            double sum = 0;
            for (int d = 0; d < m; d++) {
                double at = w[i * m + d] * parts;
                assert_true(at >= 0 && fabs(at - nearbyint(at)) < 1e-9);
                sum += at;
            }
            assert_true(fabs(sum - parts) < 1e-9);
            bool later = i == 0; /* each is after the one before it, so none comes twice */
            for (int d = 0; i && d < m && !later; d++) {
                if (w[i * m + d] < w[(i - 1) * m + d]) break;
                later = w[i * m + d] > w[(i - 1) * m + d];
            }
            assert_true(later);
        }
    }
    assert_int_equal(cull_front_weights(0, 3, NULL), -1);
    assert_int_equal(cull_front_weights(3, 0, NULL), -1);
    assert_int_equal(cull_front_weights(40, 40, NULL), -1);                       /* 5e22 */
    assert_true(cull_front_weights(30, 33, NULL) == INT64_C(409894288378212890)); /* C(62, 29) */
    assert_true(cull_front_weights(2, 2147483647, NULL) == INT64_C(2147483648));
}

static void grows(void **state)
{
    (void)state;
    enum { N = 300 };
    static double v[N * 3];
    int64_t best[N], count;
    const double ref[3] = {0.9, 0.9, 0.9};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_rng r = cull__rng_seeded(41, 0);
    for (int kind = 0; kind < 2; kind++) {
        cull_front *f;
        double volume, want;
        ok(cx, cull_front_new(cx, 3, ref, &f));
        ok(cx, cull_front_covered(cx, f, &volume));
        assert_true(volume == 0);
        for (int i = 0; i < N; i++) {
            bool joined, in = false;
            for (int d = 0; d < 3; d++)
                v[i * 3 + d] = kind ? (double)cull__rng_below(&r, 4) / 4 : cull__rng_unit(&r);
            if (i % 50 == 7) v[i * 3 + 1] = NAN;
            ok(cx, cull_front_add(cx, f, v + i * 3, 1000 + i, &joined));
            if (i % 10) continue;
            /* it holds what nothing so far dominates, once, in order of its coming */
            ok(cx, cull_front_best(cx, v, i + 1, 3, true, best, &count));
            assert_int_equal(cull_front_size(f), count);
            for (int64_t k = 0; k < count; k++) {
                int64_t id;
                assert_memory_equal(cull_front_at(f, k, &id), v + best[k] * 3, 3 * sizeof *v);
                assert_int_equal(id, 1000 + best[k]);
                in |= best[k] == i;
            }
            assert_int_equal(joined, in);
            ok(cx, cull_front_covered(cx, f, &volume));
            ok(cx, cull_front_volume(cx, v, i + 1, 3, ref, &want, NULL));
            assert_true(fabs(volume - want) < 1e-14);
        }
        assert_null(cull_front_at(f, -1, NULL));
        assert_null(cull_front_at(f, cull_front_size(f), NULL));
        cull_front_free(f);
    }
    cull_front *f;
    refused(cx, cull_front_new(cx, 0, NULL, &f), CULL_EINPUT, "0 objectives");
    refused(cx, cull_front_new(cx, 1, (const double[]){NAN}, &f), CULL_EINPUT, "reference point");
    assert_null(f);
    ok(cx, cull_front_new(cx, 1, NULL, &f));
    double volume;
    refused(cx, cull_front_covered(cx, f, &volume), CULL_EINPUT, "without a reference");
    cull_front_free(f);
    cull_front_free(NULL);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void memory_fails(void **state)
{
    (void)state;
    const double ref[2] = {2, 2};
    for (long k = 1, over = 0; !over; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_front *f;
        h.calls = 0;
        h.fail_at = k;
        cull_status s = cull_front_new(cx, 2, ref, &f);
        for (int i = 0; i < 30 && s == CULL_OK; i++) {
            bool joined = false;
            s = cull_front_add(cx, f, (const double[]){i / 30., 1 - i / 30.}, i, &joined);
            assert_true(joined == (s == CULL_OK) && cull_front_size(f) == i + joined);
        }
        over = s == CULL_OK;
        if (!over) assert_int_equal(s, CULL_ENOMEM);
        assert_true(!over || k > 3);
        cull_front_free(f);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(distances), cmocka_unit_test(r2_values),
                                       cmocka_unit_test(weights), cmocka_unit_test(grows),
                                       cmocka_unit_test(memory_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
