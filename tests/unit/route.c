/* route: curves against routing every row at every price, figures against sums over a fine grid. */
#include "test.h"

#include "base/base.h"
#include "choose/route.h"

enum { N = 60, K = 5 };

typedef struct {
    double worth[K * N], cost[K * N], known[K * N], paid[K * N];
    cull__route_rows rows;
} world;

static void make(cull_rng *r, world *w, int models, bool ties)
{
    for (int i = 0; i < K * N; i++) {
        w->worth[i] = ties ? (double)cull__rng_below(r, 4) : cull__rng_unit(r);
        w->cost[i] = ties ? (double)cull__rng_below(r, 3) : 0.1 + cull__rng_unit(r);
        w->known[i] = (double)cull__rng_below(r, 2);
        w->paid[i] = w->cost[i] + cull__rng_unit(r);
    }
    w->rows = (cull__route_rows){.n = N, .models = models, .worth = w->worth, .cost = w->cost};
}

/* The definition: most worth - price cost, then cheaper, then lower. */
static int by_hand(const world *w, int i, double price)
{
    int best = 0;
    for (int k = 1; k < w->rows.models; k++) {
        double a = w->worth[k * N + i] - price * w->cost[k * N + i];
        double b = w->worth[best * N + i] - price * w->cost[best * N + i];
        if (a > b || (a == b && w->cost[k * N + i] < w->cost[best * N + i])) best = k;
    }
    return best;
}

static void curves(void **state)
{
    (void)state;
    static world w;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(41, 0);
    for (int t = 0; t < 60; t++) {
        cull__route_curve c;
        int models = 1 + t % K;
        make(&r, &w, models, t % 2);
        w.rows.paid = t % 3 ? w.paid : NULL;
        const double *paid = t % 3 ? w.paid : w.cost;
        ok(cx, cull__route_curve_of(cx, &w.rows, w.known, false, &c));
        assert_true(c.price[0] == INFINITY && c.points >= 1);
        for (int64_t j = 0; j < c.points; j++) {
            if (j) assert_true(c.price[j] > 0 && c.price[j] <= c.price[j - 1]);
            /* a price between this point's and the next one's, if there is room */
            double next = j + 1 < c.points ? c.price[j + 1] : 0;
            double price = j ? (c.price[j] + next) / 2 : next + 1;
            if (c.price[j] - next < 1e-9) continue;
            double cost = 0, quality = 0;
            for (int i = 0; i < N; i++) {
                int k = cull__route_at(&w.rows, i, price);
                assert_int_equal(k, by_hand(&w, i, price));
                cost += paid[k * N + i] / N;
                quality += w.known[k * N + i] / N;
            }
            assert_true(fabs(cost - c.cost[j]) < 1e-12 && fabs(quality - c.quality[j]) < 1e-12);
        }
        for (int i = 0; i < N; i++) {
            int k = cull__route_at(&w.rows, i, INFINITY);
            for (int m = 0; m < models; m++) assert_true(w.cost[k * N + i] <= w.cost[m * N + i]);
        }
    }
    cull_ctx_free(cx);
}

/* on: at the end all rows are at their dearest model. */
static void on_to_the_end(void **state)
{
    (void)state;
    static world w;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(42, 0);
    for (int t = 0; t < 20; t++) {
        cull__route_curve c;
        make(&r, &w, 1 + t % K, false);
        ok(cx, cull__route_curve_of(cx, &w.rows, NULL, true, &c));
        double most = 0;
        for (int i = 0; i < N; i++) {
            double dear = 0;
            for (int k = 0; k < w.rows.models; k++) dear = fmax(dear, w.cost[k * N + i]);
            most += dear / N;
        }
        assert_true(fabs(c.cost[c.points - 1] - most) < 1e-12);
        for (int64_t j = 1; j < c.points; j++) assert_true(c.cost[j] > c.cost[j - 1]);
    }
    cull_ctx_free(cx);
}

static void figures(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(43, 0);
    for (int t = 0; t < 60; t++) {
        enum { P = 9, FINE = 200000 };
        double price[P], cost[P], quality[P];
        cull__route_curve c = {P, price, cost, quality};
        for (int j = 0; j < P; j++) {
            cost[j] = j ? cost[j - 1] + 0.05 + 0.2 * cull__rng_unit(&r) : 0.5;
            quality[j] = 0.3 + 0.5 * cull__rng_unit(&r);
        }
        double weak = 0.5 + (t % 2) * 0.1, strong = weak + 0.4 + 1.5 * cull__rng_unit(&r);
        double lo = 0.3, hi = 0.75;
        cull__route_figures f;
        cull__route_judge(&c, weak, lo, strong, hi, &f);
        double sum = 0, first[2] = {1, 1}, level[2] = {0.5, 0.8};
        for (int i = FINE - 1; i >= 0; i--) {
            double at = (i + 0.5) / FINE;
            double v = (cull__route_quality_at(&c, weak + at * (strong - weak)) - lo) / (hi - lo);
            sum += v / FINE;
            for (int l = 0; l < 2; l++)
                if (v >= level[l]) first[l] = at;
        }
        assert_true(fabs(sum - f.recovered) < 1e-4);
        assert_true(fabs(first[0] - f.cost50) < 1e-4 && fabs(first[1] - f.cost80) < 1e-4);
    }
    /* a straight line from weak to strong is chance */
    double price[2] = {INFINITY, 1}, cost[2] = {1, 4}, quality[2] = {0.2, 0.6};
    cull__route_curve line = {2, price, cost, quality};
    cull__route_figures f;
    cull__route_judge(&line, 1, 0.2, 4, 0.6, &f);
    assert_true(fabs(f.recovered - 0.5) < 1e-12 && fabs(f.cost50 - 0.5) < 1e-12);
    assert_true(fabs(f.cost80 - 0.8) < 1e-12);
}

static void memory_fails(void **state)
{
    (void)state;
    static world w;
    cull_rng r = cull__rng_seeded(44, 0);
    make(&r, &w, K, false);
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        cull__route_curve c;
        cull_status s = cull__route_curve_of(cx, &w.rows, NULL, false, &c);
        assert_int_equal(s, h.calls >= k ? CULL_ENOMEM : CULL_OK);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves),
        cmocka_unit_test(on_to_the_end),
        cmocka_unit_test(figures),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
