/* claim_optcs: what the check of optcs stands on: one choice in all ways, rates over many, data that is not there. */
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#include "claim/optcs.h"

enum { K = 3, N = 80, M = 40 };

/* Model 0 knows the truth, the others nothing. */
static void fill(cull_ctx *cx, uint64_t seed, cull__scored_rows *t)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    ok(cx, cull__scored_rows_new(cx, K, N, M, t));
    for (int i = 0; i < N + M; i++) {
        uint8_t positive = cull__rng_below(&r, 2) == 0;
        if (i < N)
            t->calib_positive[i] = positive;
        else
            t->test_positive[i - N] = positive;
        for (int k = 0; k < K; k++) {
            double said = cull__rng_normal(&r) + (k ? 0 : 20 * positive);
            if (i < N)
                t->calib[k * N + i] = said;
            else
                t->test[k * M + i - N] = said;
        }
    }
}

static void one_trial(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double power[WAYS] = {0}, fdp[WAYS] = {0};
    cull__outcome again[WAYS], out[WAYS];
    for (uint64_t seed = 0; seed < 40; seed++) {
        cull__scored_rows t;
        fill(cx, seed, &t);
        ok(cx, cull__optcs_trial(cx, &t, .2, seed, out));
        ok(cx, cull__optcs_trial(cx, &t, .2, seed, again));
        for (int w = 0; w < WAYS; w++) {
            assert_true(out[w].fdp == again[w].fdp && out[w].power == again[w].power);
            assert_true(out[w].fdp >= 0 && out[w].fdp <= 1 && out[w].power >= 0 &&
                        out[w].power <= 1);
            power[w] += out[w].power / 40, fdp[w] += out[w].fdp / 40;
        }
    }
    /* who finds the model that knows finds nearly all; one at random is it one time in three */
    assert_true(power[WAY_HOMO] > .95 && power[WAY_DTM] > .95 && power[WAY_HETE] > .95);
    assert_true(power[WAY_NAIVE] > .95 && power[WAY_SPLIT] > .8);
    assert_true(power[WAY_RANDOM] > .1 && power[WAY_RANDOM] < .7);
    /* a half is negative: .2 or less, and 40 runs of at most .1 each side */
    for (int w = 0; w < WAYS; w++) assert_true(fdp[w] < .25);
    cull_ctx_free(cx);
}

static void rates(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__rate x;
    const cull__outcome at[] = {{.1, .9}, {.5, .5}, {.3, .7}, {.5, .5}};
    ok(cx, cull__optcs_rate(cx, at, 2, 2, 0, false, &x));
    assert_true(fabs(x.mean - .2) < 1e-15 && fabs(x.error - .1) < 1e-15);
    ok(cx, cull__optcs_rate(cx, at, 2, 2, 1, true, &x));
    assert_true(x.mean == .5 && x.error == 0);
    cull_ctx_free(cx);
}

static void without_data(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    char dir[64], path[80];
    refused(cx, cull_claim_run(cx, "optcs", "/no/such/place", true, &r), CULL_ENODATA,
            "davis.npz is not there, nor in its folder drug");
    snprintf(dir, sizeof dir, "/tmp/claim-optcs-%ld", (long)getpid());
    snprintf(path, sizeof path, "%s/davis.npz", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("no array\n", f);
    fclose(f);
    refused(cx, cull_claim_run(cx, "optcs", dir, true, &r), CULL_ENODATA, "HIV.csv.gz");
    memset(&r, 0, sizeof r);
    assert_int_not_equal(cull__optcs_drugs(cx, dir, 2, &r), CULL_OK);
    assert_non_null(strstr(cull_error(cx), "davis.npz"));
    assert_int_equal(r.lines, 0);
    remove(path);
    rmdir(dir);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_trial), cmocka_unit_test(rates),
                                       cmocka_unit_test(without_data)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
