/* draft: counts over a trace against all its outcomes played one by one, the closed form, fits by brute force. */
#include "test.h"

#include "choose/draft.h"

enum { SMALL = 9, LONG = 3000, BLOCKS = 30 };

/* One run over acceptances that are known, as a decoder would play it. */
static cull__draft_count play(const cull__trace *t, const uint8_t *yes, const cull__draft_policy *p)
{
    cull__draft_count c = {0};
    int plan = p->start;
    for (int64_t at = 0; at < t->n;) {
        int want = p->rule == CULL__DRAFT_SCHEDULE ? plan : p->most, k = 0, good = 0;
        while (k < want && at + k < t->n) {
            k++;
            c.drafts++;
            double product = 1, last = 2;
            for (int i = 0; i < k - p->lag; i++) product *= last = t->said[at + i];
            if (k < p->least || p->rule == CULL__DRAFT_FIXED || p->rule == CULL__DRAFT_SCHEDULE)
                continue;
            if (p->rule == CULL__DRAFT_PRODUCT ? 1 - product >= p->tau : last < p->tau) break;
        }
        while (good < k && yes[at + good]) good++;
        plan = good == k ? plan + 2 : plan - 1;
        plan = plan > p->most ? p->most : plan < p->least ? p->least : plan;
        c.rounds++;
        c.tokens += good + 1;
        at += good + 1;
    }
    return c;
}

static void policy(cull_rng *r, int rule, cull__draft_policy *p)
{
    int least = 1 + (int)cull__rng_below(r, 3), most = least + (int)cull__rng_below(r, 5);
    *p = (cull__draft_policy){(cull__draft_rule)rule,
                              cull__rng_unit(r),
                              least,
                              most,
                              (int)cull__rng_below(r, 2),
                              least + (int)cull__rng_below(r, most - least + 1)};
}

static void close_to(const cull__draft_count *a, const cull__draft_count *b, double most)
{
    assert_true(fabs(a->tokens - b->tokens) <= most * b->tokens);
    assert_true(fabs(a->drafts - b->drafts) <= most * b->drafts);
    assert_true(fabs(a->rounds - b->rounds) <= most * b->rounds);
}

static void all_outcomes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(11, 0);
    for (int trial = 0; trial < 240; trial++) {
        double taken[SMALL], said[SMALL];
        cull__trace t = {1 + cull__rng_below(&r, SMALL), taken, said};
        for (int64_t i = 0; i < t.n; i++) {
            taken[i] = trial % 3 ? cull__rng_unit(&r) : (double)cull__rng_below(&r, 2);
            said[i] = (double)cull__rng_below(&r, 9) / 8; /* ties, zeros and ones */
        }
        cull__draft_policy p;
        policy(&r, trial % 4, &p);
        ok(cx, cull__trace_fits(cx, &t));
        ok(cx, cull__draft_policy_fits(cx, &t, &p));
        cull__draft_count want = {0}, got, block[4], parts = {0};
        for (int bits = 0; bits < 1 << t.n; bits++) {
            uint8_t yes[SMALL];
            double w = 1;
            for (int64_t i = 0; i < t.n; i++) {
                yes[i] = bits >> i & 1;
                w *= yes[i] ? taken[i] : 1 - taken[i];
            }
            cull__draft_count c = play(&t, yes, &p);
            want.tokens += w * c.tokens, want.drafts += w * c.drafts, want.rounds += w * c.rounds;
        }
        cull__draft_count_up(&t, &p, 4, block, &got);
        close_to(&got, &want, 1e-12);
        for (int b = 0; b < 4; b++) {
            parts.tokens += block[b].tokens, parts.drafts += block[b].drafts;
            parts.rounds += block[b].rounds;
        }
        close_to(&parts, &want, 1e-12);
    }
    cull_ctx_free(cx);
}

/* (1 - a^(K+1)) / (1 - a) tokens a round (Leviathan et al. 2023), away from the trace's end. */
static void closed_form(void **state)
{
    (void)state;
    static double taken[LONG];
    const double a = .8;
    for (int i = 0; i < LONG; i++) taken[i] = a;
    cull__trace t = {LONG, taken, NULL};
    for (int k = 1; k <= 20; k++) {
        cull__draft_policy p = {.rule = CULL__DRAFT_FIXED, .least = k, .most = k};
        cull__draft_count block[2], sum;
        cull__draft_count_up(&t, &p, 2, block, &sum);
        double want = (1 - pow(a, k + 1)) / (1 - a);
        assert_true(fabs(block[0].tokens / block[0].rounds - want) < 1e-12 * want);
        assert_true(fabs(block[0].drafts / block[0].rounds - k) < 1e-12 * k);
        cull__draft_cost c = {.1, 2};
        double speed = want * 2 / (k * .1 + 2);
        assert_true(fabs(cull__draft_speed(&block[0], &c) - speed) < 1e-12 * speed);
    }
}

/* Two states: easy and hard stretches, known or not. */
static void chain(cull_rng *r, double *taken, double *said, int64_t n)
{
    bool easy = true;
    for (int64_t i = 0; i < n; i++) {
        if (cull__rng_unit(r) < .2) easy = !easy;
        taken[i] = easy ? .95 : .35;
        said[i] = taken[i] + .04 * (cull__rng_unit(r) - .5);
    }
}

static void drawn(void **state)
{
    (void)state;
    static double taken[LONG], said[LONG], draw[LONG];
    static uint8_t yes[LONG];
    cull_rng r = cull__rng_seeded(12, 0);
    chain(&r, taken, said, LONG);
    cull__trace t = {LONG, draw, said};
    cull__draft_count mean = {0}, want, got, one;
    cull__draft_policy p = {CULL__DRAFT_PRODUCT, .4, 1, 12, 1, 0};
    for (int k = 0; k < 400; k++) {
        cull__draft_draw(&r, taken, LONG, draw);
        for (int i = 0; i < LONG; i++) yes[i] = draw[i] == 1;
        cull__draft_count_up(&t, &p, 0, NULL, &got);
        one = play(&t, yes, &p);
        assert_true(got.tokens == one.tokens && got.drafts == one.drafts);
        assert_true(got.rounds == one.rounds);
        mean.tokens += one.tokens / 400, mean.drafts += one.drafts / 400;
        mean.rounds += one.rounds / 400;
    }
    t.taken = taken;
    cull__draft_count_up(&t, &p, 0, NULL, &want);
    close_to(&mean, &want,
             .005); /* a run's rounds vary by 2 %; four deviations of the mean of 400 */
}

/* No threshold, least or most is faster: all of them tried. */
static void fits(void **state)
{
    (void)state;
    enum { N = 60, MOST = 6 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(13, 0);
    double taken[N], said[N];
    cull__trace t = {N, taken, said};
    cull__draft_cost c = {.13, 1};
    int exact = 0;
    for (int trial = 0; trial < 20; trial++) {
        chain(&r, taken, said, N);
        cull__draft_policy wide = {CULL__DRAFT_PRODUCT, 0, 1, MOST, trial % 2, 0}, p = wide;
        if (trial >= 10) p.rule = wide.rule = CULL__DRAFT_LAST;
        double speed, fixed, best = 0;
        cull__draft_policy k;
        cull__draft_count sum;
        ok(cx, cull__draft_fit(cx, &t, &c, 4096, &p, &speed));
        ok(cx, cull__draft_fixed(cx, &t, &c, 1, MOST, &k, &fixed));
        cull__draft_count_up(&t, &p, 0, NULL, &sum);
        assert_true(speed == cull__draft_speed(&sum, &c) && speed >= fixed);
        for (int length = 1; length <= MOST; length++) {
            cull__draft_policy f = {.rule = CULL__DRAFT_FIXED, .least = 1, .most = length};
            cull__draft_count_up(&t, &f, 0, NULL, &sum);
            assert_true(cull__draft_speed(&sum, &c) <= fixed);
            assert_true(length != k.most || cull__draft_speed(&sum, &c) == fixed);
        }
        for (int at = 0; at < N; at++) {
            double product = 1;
            for (int i = 0; i < MOST && at + i < N; i++) {
                product *= said[at + i];
                for (int least = 1; least <= MOST; least++)
                    for (int most = least; most <= MOST; most++) {
                        cull__draft_policy q = {wide.rule, 0, least, most, wide.lag, 0};
                        q.tau = wide.rule == CULL__DRAFT_LAST ? said[at] : 1 - product;
                        cull__draft_count_up(&t, &q, 0, NULL, &sum);
                        if (cull__draft_speed(&sum, &c) > best) best = cull__draft_speed(&sum, &c);
                    }
            }
        }
        /* one bound after the other may end beside the best of all pairs, not far from it */
        assert_true(speed >= best * .97);
        exact += speed >= best;
    }
    assert_true(exact >= 10);
    cull_ctx_free(cx);
}

static void threads_and_memory(void **state)
{
    (void)state;
    static double taken[LONG], said[LONG];
    cull_rng r = cull__rng_seeded(14, 0);
    chain(&r, taken, said, LONG);
    cull__trace t = {LONG, taken, said};
    cull__draft_cost c = {.1, 1};
    cull__draft_policy p[2];
    cull__draft_count block[2][BLOCKS], sum;
    double speed[2], gain[2][3];
    for (long at = 0; at < 40; at++) {
        hooks h = {.fail_at = at < 2 ? 0 : at - 1};
        cull_ctx *cx = hooked_ctx(&h, at == 1 ? 2 : 1);
        if (!cx) continue;
        int which = at == 1;
        p[which] = (cull__draft_policy){CULL__DRAFT_PRODUCT, 0, 1, 16, 1, 0};
        cull_status s = cull__draft_fit(cx, &t, &c, 32, &p[which], &speed[which]);
        if (s == CULL_OK) {
            cull__draft_policy k;
            double fixed;
            s = cull__draft_fixed(cx, &t, &c, 1, 16, &k, &fixed);
            cull__draft_count_up(&t, &p[which], BLOCKS, block[0], &sum);
            cull__draft_count_up(&t, &k, BLOCKS, block[1], &sum);
        }
        double *g = gain[which];
        if (s == CULL_OK)
            s = cull__draft_gain(cx, block[0], block[1], BLOCKS, &c, 5, g, g + 1, g + 2);
        if (s != CULL_OK) refused(cx, s, CULL_ENOMEM, "memory");
        assert_true(s == CULL_OK || at >= 2);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(p[0].tau == p[1].tau && p[0].least == p[1].least && p[0].most == p[1].most);
    assert_true(speed[0] == speed[1]);
    assert_memory_equal(gain[0], gain[1], sizeof gain[0]);
    assert_true(gain[0][1] < gain[0][0] && gain[0][0] < gain[0][2] && gain[0][1] > .03);
}

static void wrong(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    double taken[3] = {0, 1, .5}, said[3] = {.1, .2, .3}, speed;
    cull__trace t = {3, taken, said};
    cull__draft_cost c = {.1, 1};
    cull__draft_policy p = {CULL__DRAFT_PRODUCT, .5, 1, 5, 0, 0};
    taken[1] = 1.5;
    refused(cx, cull__draft_fit(cx, &t, &c, 32, &p, &speed), CULL_EINPUT,
            "the acceptance of token 1 is 1.5; it must be 0 to 1");
    taken[1] = 1;
    said[2] = NAN;
    refused(cx, cull__draft_fit(cx, &t, &c, 32, &p, &speed), CULL_EINPUT,
            "the predicted acceptance of token 2 is nan");
    said[2] = 0;
    t.n = 0;
    refused(cx, cull__trace_fits(cx, &t), CULL_EINPUT, "a trace needs a token");
    t.n = 3;
    c.draft = 0;
    refused(cx, cull__draft_fit(cx, &t, &c, 32, &p, &speed), CULL_EOPTION, "a draft pass costs 0");
    c.draft = .1;
    refused(cx, cull__draft_fit(cx, &t, &c, 7, &p, &speed), CULL_EOPTION, "a grid of 7");
    p.least = 6;
    refused(cx, cull__draft_policy_fits(cx, &t, &p), CULL_EOPTION, "6 to 5 tokens a round");
    p.least = 1, p.most = CULL__DRAFT_MOST + 1;
    refused(cx, cull__draft_policy_fits(cx, &t, &p), CULL_EOPTION, "1 to 65 tokens a round");
    p.most = 5, p.lag = 2;
    refused(cx, cull__draft_policy_fits(cx, &t, &p), CULL_EOPTION, "the lag 2");
    p.lag = 0, t.said = NULL;
    refused(cx, cull__draft_policy_fits(cx, &t, &p), CULL_EOPTION, "the trace has none");
    p.rule = CULL__DRAFT_SCHEDULE;
    refused(cx, cull__draft_policy_fits(cx, &t, &p), CULL_EOPTION, "the first round has 0 tokens");
    t.said = said, p.rule = CULL__DRAFT_PRODUCT, h.stop_at = h.ticks + 3;
    refused(cx, cull__draft_fit(cx, &t, &c, 32, &p, &speed), CULL_ECANCEL, "stopped");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_outcomes), cmocka_unit_test(closed_form),
        cmocka_unit_test(drawn),        cmocka_unit_test(fits),
        cmocka_unit_test(wrong),        cmocka_unit_test(threads_and_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
