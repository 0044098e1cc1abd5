/* rolling: a place on a path that follows losses against a plain rule, its bound over streams that try to break it; a test of drift that is
 * begun anew. */
#include "test.h"

#include <math.h>

#include "base/base.h"
#include "cull/drift.h"

enum { PLACES = 7, ROWS = 4000, WAYS = 5 };
static const double path[PLACES] = {0, .02, .05, .04, .1, .2, .3};

/* By the place, by turns, by chance, only at the end, or whatever is done. */
static double loss_of(int way, int64_t place, int i, cull_rng *r)
{
    switch (way) {
    case 0: return place > 0;
    case 1: return i / 100 % 2;
    case 2: return cull__rng_unit(r) < .02 * (double)place;
    case 3: return place == PLACES - 1 ? 1 : .1;
    default: return 1;
    }
}

/* *nearest: the largest part of the bound that was used. */
static void one_path(cull_ctx *cx, cull_rng *r, int way, bool safe, double rate, double *nearest)
{
    cull_rolling *c;
    cull_rolling_opts o = {.level = .1, .rate = rate};
    double at = .1, over = 0, helpless = 0;
    ok(cx, cull_rolling_new(cx, &o, path, PLACES, 4, &c));
    assert_true(cull_rolling_place(c) == 4 && isinf(cull_rolling_bound(c)));
    for (int i = 0; i < ROWS; i++) {
        int64_t place = 0, now = cull_rolling_place(c);
        for (int j = 0; j < PLACES; j++)
            if ((j == 3 ? .05 : path[j]) <= at) place = j;
        assert_true(now == place && cull_rolling_level(c) == at);
        double loss = safe && now == 0 ? 0 : loss_of(way, now, i, r);
        cull_rolling_step(c, loss);
        over += loss - .1;
        at = fmin(at + rate * (.1 - loss), .3);
        if (at < -rate) {
            assert_true(now == 0);
            at = -rate, helpless++, over -= loss - .1;
        }
        double bound = cull_rolling_bound(c);
        assert_float_equal(bound, (.3 + rate) / (rate * (i + 1)), 1e-12 * bound);
        assert_true(over / (i + 1) <= bound + 1e-12);
        *nearest = fmax(*nearest, over / (i + 1) / bound);
    }
    assert_true((double)cull_rolling_helpless(c) == helpless && (!safe || helpless == 0));
    cull_rolling_free(c);
}

static void rolls(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 9);
    double nearest = 0;
    for (int way = 0; way < WAYS; way++)
        for (int safe = 0; safe < 2; safe++)
            for (double rate = .001; rate < 1; rate *= 10)
                one_path(cx, &r, way, safe, rate, &nearest);
    assert_true(nearest > .25); /* it is no bound that nothing comes near to */
    cull_ctx_free(cx);
}

/* After a restart nothing that came counts, and the chance of an alarm in all is still bounded: over streams in which scores become
 * others at each restart. */
static void restarts(void **state)
{
    (void)state;
    enum { STREAMS = 1000, PART = 400 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(5, 6);
    cull_drift_opts o = {.alarm = .2, .stream = 1};
    int alarmed = 0;
    for (int s = 0; s < STREAMS; s++) {
        cull_drift *d;
        bool any = false;
        ok(cx, cull_drift_new(cx, &o, NULL, 0, &d));
        for (int part = 0; part < 4; part++) {
            if (part) cull_drift_restart(d);
            assert_float_equal(cull_drift_log10(d), 0, 1e-12);
            for (int i = 0; i < PART; i++)
                any |= cull_drift_step(d, 10 * part + cull__rng_normal(&r));
        }
        alarmed += any;
        cull_drift_free(d);
    }
    assert_true(alarmed <= 200 + 38); /* of so many coins more fall so once in 700 times */
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rolling *c;
    cull_rolling_opts o = {.level = 1};
    static const double odd[2] = {0, NAN};
    refused(cx, cull_rolling_new(cx, &o, path, PLACES, 0, &c), CULL_EOPTION, "level is 1");
    o.level = .1, o.rate = 2;
    refused(cx, cull_rolling_new(cx, &o, path, PLACES, 0, &c), CULL_EOPTION, "rate is 2");
    o.rate = 0;
    refused(cx, cull_rolling_new(cx, &o, path, PLACES, 7, &c), CULL_EINPUT, "place 7 of 7");
    refused(cx, cull_rolling_new(cx, &o, odd, 2, 0, &c), CULL_EINPUT, "at place 1 is nan");
    cull_ctx_free(cx);
    bool failed = true;
    for (long k = 1; failed; k++) {
        hooks h = {.fail_at = k};
        cx = hooked_ctx(&h, 1);
        failed = !cx;
        if (!cx) continue;
        cull_status s = cull_rolling_new(cx, &o, path, PLACES, 0, &c);
        failed = h.calls >= k;
        assert_true((s == CULL_OK) == (c != NULL) && (s == CULL_OK || s == CULL_ENOMEM));
        cull_rolling_free(c);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rolls), cmocka_unit_test(restarts),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
