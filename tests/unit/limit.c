/* limit: how far a limit to the loss holds along a path, against the definition by plain loops; betting against its capital
 * process; that neither breaks its promise more often than it may. */
#include "test.h"

#include "choose/limit.h"
#include "cull/risk.h"

enum { N = 240, PLACES = 9, GROUPS = 3 };

typedef struct {
    double loss[PLACES][N];
    int64_t asked; /* places */
} path;

static cull_status loss_at(cull_ctx *cx, void *arg, int64_t place, double *loss)
{
    path *p = arg;
    (void)cx;
    assert_int_equal(place, p->asked++);
    memcpy(loss, p->loss[place], sizeof p->loss[place]);
    return CULL_OK;
}

static void make(path *p, cull_rng *r, bool binary, double low)
{
    for (int j = 0; j < PLACES; j++)
        for (int i = 0; i < N; i++) {
            double u = cull__rng_unit(r), bad = .02 + .03 * j;
            p->loss[j][i] = binary ? u < bad : u < bad ? u / bad : u > .97 ? low : 0;
        }
    p->asked = 0;
}

static double binomial_tail(int64_t hits, int64_t n, double x)
{
    double sum = 0;
    for (int64_t h = 0; h <= hits; h++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)h + 1) - lgamma((double)(n - h) + 1) +
                   (double)h * log(x) + (double)(n - h) * log1p(-x));
    return sum;
}

static void along_the_path(void **state)
{
    (void)state;
    static path p;
    int32_t group[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(5, 0);
    int ends[3] = {0};
    for (int i = 0; i < N; i++) group[i] = (int32_t)cull__rng_below(&r, GROUPS);
    for (int t = 0; t < 200; t++) {
        bool in_groups = t % 2, expected = t % 4 > 1;
        make(&p, &r, true, 0);
        cull__limit l = {N, in_groups ? group : NULL, GROUPS, .18, expected ? 0 : .1, 0};
        int64_t held, want = 0;
        double first, worst[N] = {0}, say = 1;
        for (; want < PLACES; want++) {
            say = 0;
            for (int g = 0; g < (in_groups ? GROUPS : 1); g++) {
                double sum = 0, hits = 0, n = 0;
                for (int i = 0; i < N; i++) {
                    if (in_groups && group[i] != g) continue;
                    worst[i] = fmax(worst[i], p.loss[want][i]);
                    sum += worst[i], hits += p.loss[want][i], n++;
                }
                double own =
                    expected ? (sum + 1) / (n + 1) : binomial_tail((int64_t)hits, (int64_t)n, .18);
                say = fmax(say, own);
            }
            if (!(say <= (expected ? .18 : .1))) break;
        }
        ok(cx, cull__limit_along(cx, &l, PLACES, loss_at, &p, &held, &first));
        assert_int_equal(held, want);
        assert_int_equal(p.asked, want < PLACES ? want + 1 : PLACES);
        assert_true(fabs(first - say) < 1e-9);
        ends[held == 0 ? 0 : held < PLACES ? 1 : 2]++;
    }
    assert_true(ends[1] > 100); /* neither none nor all, mostly */
    /* a group without rows holds nowhere */
    cull__limit l = {N, group, GROUPS + 1, .9, 0, 0};
    int64_t held;
    double first;
    p.asked = 0;
    ok(cx, cull__limit_along(cx, &l, PLACES, loss_at, &p, &held, &first));
    assert_true(held == 0 && first == 1);
    l.groups = GROUPS;
    p.asked = 0;
    ok(cx, cull__limit_along(cx, &l, PLACES, loss_at, &p, &held, &first));
    assert_int_equal(held, PLACES);
    cull_ctx_free(cx);
}

/* The bettor's money, as the product that it is. */
static void betting(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(6, 0);
    double x[80];
    for (int t = 0; t < 50; t++) {
        double money = 1, most = 1, alpha = .2 + .01 * t;
        for (int i = 0; i < 80; i++) x[i] = cull__rng_unit(&r) < .3 ? cull__rng_unit(&r) : 0;
        for (int i = 0; i < 80; i++) {
            double mean[81] = {.5}, spread = .25, sum = .5;
            for (int j = 0; j < i; j++) {
                sum += x[j];
                mean[j] = sum / (j + 2);
                spread += (x[j] - mean[j]) * (x[j] - mean[j]);
            }
            spread /= i + 1;
            double stake = fmin(1, sqrt(2 * log(1 / .1) / (80 * spread)));
            money *= 1 - stake * (x[i] - alpha);
            most = fmax(most, money);
        }
        assert_true(fabs(cull_risk_betting(x, 80, alpha, .1) * most - 1) < 1e-9);
    }
    x[7] = 1.5;
    assert_true(isnan(cull_risk_betting(x, 80, .3, .1)));
    assert_true(cull_risk_betting(x, 0, .3, .1) == 1);
    /* a mean of 0.4 is told from a limit of 0.45 where losses are alike, which Hoeffding and Bentkus cannot know */
    double alike[2000];
    for (int i = 0; i < 2000; i++) alike[i] = i % 2 ? .45 : .35;
    double p = cull_risk_betting(alike, 2000, .45, .1);
    assert_true(p < 1e-6 && p < cull_risk_hoeffding_bentkus(.4, 2000, .45));
}

/* Losses from -1 to 1 with a mean that grows along the path: over 1000 draws the last place that is held has a mean above the limit
 * in a tenth at most (more than 0.1 + 4 sqrt(.09 / 1000) of so many would come about once in 30,000 times), and in expectation
 * the mean is below. */
static void promises(void **state)
{
    (void)state;
    enum { DRAWS = 1000 };
    static path p;
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = 1;
    cull_ctx *cx = cull_ctx_new(&co);
    double mean[PLACES], in_mean = 0, in_square = 0;
    int broke = 0, some = 0;
    for (int j = 0; j < PLACES; j++) mean[j] = (.02 + .03 * j) / 2 - .03;
    for (int draw = 0; draw < 2 * DRAWS; draw++) {
        bool expected = draw >= DRAWS;
        cull_rng r = cull__rng_seeded(7, (uint64_t)draw);
        make(&p, &r, false, -1);
        cull__limit l = {N, NULL, 0, .06, expected ? 0 : .1, -1};
        int64_t held;
        double first;
        ok(cx, cull__limit_along(cx, &l, PLACES, loss_at, &p, &held, &first));
        double got = held ? mean[held - 1] : 0;
        if (!expected) broke += got > .06, some += held > 0;
        if (expected) in_mean += got / DRAWS, in_square += got * got / DRAWS;
    }
    double off = sqrt((in_square - in_mean * in_mean) / DRAWS);
    if (broke > 100 + 38 || some < DRAWS / 4 || in_mean > .06 + 3 * off)
        fail_msg("%d broke, %d held some; mean %g", broke, some, in_mean);
    cull_ctx_free(cx);
}

static void memory_may_fail(void **state)
{
    (void)state;
    static path p;
    cull_rng r = cull__rng_seeded(8, 0);
    bool failed = true;
    for (long k = 1; failed; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        int64_t held;
        double first;
        failed = !cx;
        if (!cx) continue;
        make(&p, &r, true, 0);
        cull__limit l = {N, NULL, 0, .2, .1, 0};
        cull_status s = cull__limit_along(cx, &l, PLACES, loss_at, &p, &held, &first);
        failed = h.calls >= k;
        assert_int_equal(s, failed ? CULL_ENOMEM : CULL_OK);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(along_the_path), cmocka_unit_test(betting),
                                       cmocka_unit_test(promises),
                                       cmocka_unit_test(memory_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
