/* specdec-pp's check: how many tokens to draft, decided while drafting.
 *
 * Acceptances follow a hidden chain of two states: easy (0.95) and hard (0.35) stretches of a text, which
 * switch with probability 0.2 at each token. The stop head says that probability exactly, but for a token only
 * after the draft pass that follows it (lag 1, as a head on the draft's hidden state has it). Threshold and
 * bounds are fitted on one trace and judged on another, in expectation over acceptances. Beside it: the best
 * fixed length, fitted on the same trace, what Transformers does (a length that grows by 2 and falls by 1; a
 * threshold for each token's own confidence), the head without lag, one that sees a quarter of the states
 * wrongly, and acceptances alike everywhere, which nobody can gain from.
 *
 * Where predictions are one of two numbers, a threshold for the product and one for each token's own come to the
 * same choices.
 *
 * The paper's second claim, speed with trained language models, needs two of those and is not run here. */
#include "choose/draft.h"
#include "claim/claim.h"

#include <string.h>

enum { FITTED = 15000, JUDGED = 100000, MOST = 20, GRID = 48, SEEDS = 64 };

typedef struct {
    double *taken, *said;
} trace;

/* wrong: how often the head takes one state for the other. alike: 0.8 everywhere. */
static void play(cull_rng *r, bool alike, double wrong, int n, const trace *t)
{
    bool easy = true;
    for (int i = 0; i < n; i++) {
        if (cull__rng_unit(r) < .2) easy = !easy;
        bool seen = cull__rng_unit(r) < wrong ? !easy : easy;
        t->taken[i] = alike ? .8 : easy ? .95 : .35;
        t->said[i] = alike ? .8 : seen ? .95 : .35;
    }
}

typedef struct {
    bool alike;
    double wrong, draft;
    int lag;
    double gain[SEEDS], schedule[SEEDS], last[SEEDS];
    double length[SEEDS];
} setting;

static cull_status speed_of(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c,
                            const cull__draft_policy *p, double *speed, double *length)
{
    cull__draft_count sum;
    CULL_TRY(cull__draft_policy_fits(cx, t, p));
    cull__draft_count_up(t, p, 0, NULL, &sum);
    *speed = cull__draft_speed(&sum, c);
    if (length) *length = sum.drafts / sum.rounds;
    return CULL_OK;
}

static cull_status one(cull_ctx *cx, setting *s, int i)
{
    cull_rng r = cull__rng(cx, 100);
    trace mine[2];
    cull__trace t[2];
    for (int side = 0; side < 2; side++) { /* the one fitted on, the one judged on */
        int n = side ? JUDGED : FITTED;
        CULL_TRY(CULL_TMP(cx, mine[side].taken, n));
        CULL_TRY(CULL_TMP(cx, mine[side].said, n));
        play(&r, s->alike, s->wrong, n, &mine[side]);
        t[side] = (cull__trace){n, mine[side].taken, mine[side].said};
    }
    cull__draft_cost c = {s->draft, 1};
    cull__draft_policy fixed, product = {CULL__DRAFT_PRODUCT, 0, 1, MOST, s->lag, 0};
    cull__draft_policy last = {CULL__DRAFT_LAST, 0, 1, MOST, s->lag, 0};
    cull__draft_policy schedule = {CULL__DRAFT_SCHEDULE, 0, 1, MOST, 0, 5};
    double v, base;
    CULL_TRY(cull__draft_fixed(cx, &t[0], &c, 1, MOST, &fixed, &v));
    CULL_TRY(cull__draft_fit(cx, &t[0], &c, GRID, &product, &v));
    CULL_TRY(cull__draft_fit(cx, &t[0], &c, GRID, &last, &v));
    CULL_TRY(speed_of(cx, &t[1], &c, &fixed, &base, NULL));
    CULL_TRY(speed_of(cx, &t[1], &c, &product, &v, &s->length[i]));
    s->gain[i] = v / base - 1;
    CULL_TRY(speed_of(cx, &t[1], &c, &last, &v, NULL));
    s->last[i] = v / base - 1;
    CULL_TRY(speed_of(cx, &t[1], &c, &schedule, &v, NULL));
    s->schedule[i] = v / base - 1;
    return CULL_OK;
}

enum { CHEAP, MIDDLE, DEAR, NO_LAG, BLURRED, ALIKE, SETTINGS };

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    setting *s;
    (void)data_dir;
    CULL_TRY(CULL_TMP0(cx, s, SETTINGS));
    for (int k = 0; k < SETTINGS; k++) {
        s[k].draft = k == CHEAP ? .05 : k == DEAR ? .2 : .1;
        s[k].lag = k != NO_LAG;
        s[k].wrong = k == BLURRED ? .25 : 0;
        s[k].alike = k == ALIKE;
    }
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull_ctx_reseed(cx, first + (uint64_t)i);
        for (int k = 0; k < SETTINGS; k++) {
            cull__mark_t mark = cull__mark(cx);
            CULL_TRY(cull__tick(cx, i * SETTINGS + k, seeds * SETTINGS));
            CULL_TRY(one(cx, &s[k], i));
            cull__release(cx, mark);
        }
    }
    cull__claim_line(out, "gain over the best fixed length, easy and hard stretches, worst seed",
                     s[MIDDLE].gain, false, .08, true);
    cull__claim_line(out, "gain where acceptances are alike, worst seed", s[ALIKE].gain, true, .005,
                     true);
    cull__claim_figure(out, "gain, a draft pass costs 0.05 target passes", s[CHEAP].gain);
    cull__claim_figure(out, "gain, a draft pass costs 0.1 (elsewhere too)", s[MIDDLE].gain);
    cull__claim_figure(out, "gain, a draft pass costs 0.2", s[DEAR].gain);
    cull__claim_figure(out, "gain, the head lags no token", s[NO_LAG].gain);
    cull__claim_figure(out, "gain, a quarter of the states seen wrongly", s[BLURRED].gain);
    cull__claim_figure(out, "gain, a threshold for each token's own probability", s[MIDDLE].last);
    cull__claim_figure(out, "gain, that threshold, a quarter seen wrongly", s[BLURRED].last);
    cull__claim_figure(out, "gain, length plus 2 or less 1", s[MIDDLE].schedule);
    cull__claim_figure(out, "gain, length plus 2 or less 1, acceptances alike", s[ALIKE].schedule);
    cull__claim_figure(out, "tokens drafted a round", s[MIDDLE].length);
    out->note = "a simulation: what a trained head knows of acceptances, and what a pass costs, is "
                "of the models; the speed-up with language models is not shown here";
    return CULL_OK;
}

const cull__claim cull__claim_specdec_pp = {
    .about = {.slug = "specdec-pp",
              .claim = "stopping a draft once a rejection is likely gives more tokens for the same "
                       "work than any fixed length, and no fewer where there is nothing to know",
              .setting = "acceptances of a hidden chain (0.95 and 0.35, switch 0.2), a head that "
                         "says them one token late, fitted on one trace of 15000 tokens and judged "
                         "on one of 100000, 5 seeds"},
    .seeds = 5,
    .run = run,
};
