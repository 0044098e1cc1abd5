/* draft-length - Speculative decoding: how many tokens a draft model proposes before the target model checks them.
 *
 * Chooses   the number of tokens of each round: it ends once a rejection has become likely, 1 - product of predicted acceptances.
 * Idea      A token costs a pass of the draft model, a round one of the target model; whatever stands behind the first rejected
 *           token is lost. The threshold and the least and most tokens that give most tokens for that work are found on a trace.
 * Reads     rows are the tokens of a text in order; the first model drafts, the last one checks. Score of the first: how likely
 *           its token is thought to be accepted; quality of the first: whether it was, 0 or 1, or with which probability it
 *           would be; cost of the first and of the last: of a pass.
 * Deviates  The stop head itself is trained elsewhere: this learns what to do with what it says. Threshold and bounds are fitted,
 *           which the paper tunes by hand, and the best fixed length is among what they can be. Scores that are no probabilities
 *           are taken for logits; on other rows they are of the same kind, clipped to 0..1.
 * Cost      O(n most (grid + most)) time; 8 bytes a row.
 * Example   cull compute draft-length --models draft,target --score head,none --quality accepted,none --cost 1,12 trace.csv
 */
#include "base/base.h"
#include "choose/draft.h"
#include "cull/compute.h"
#include "score/outcomes.h"

#include <inttypes.h>
#include <math.h>

typedef struct {
    int64_t shortest, longest, lag, grid;
    int rule, scores;
} opts;
enum { AUTO, PROBABILITIES, LOGITS };
enum { PRODUCT, LAST };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, shortest, 1, 1, CULL__DRAFT_MOST, "tokens of a round at least"),
    CULL_OPT_I64(opts, longest, 20, 1, CULL__DRAFT_MOST, "tokens of a round at most"),
    CULL_OPT_I64(opts, lag, 1, 0, 1,
                 "1: a token's score is known only once the next one is drafted"),
    CULL_OPT_I64(opts, grid, 64, 8, 65536, "thresholds that are tried at a time"),
    CULL_OPT_ENUM(opts, rule, PRODUCT, "product|last",
                  "a round ends by the product of its scores, or by the last one alone"),
    CULL_OPT_ENUM(opts, scores, AUTO, "auto|probabilities|logits",
                  "what scores are; auto: probabilities where all lie from 0 to 1"),
    CULL_OPT_END};

/* Predicted acceptances (n) of the first model. *logits: what scores turned out to be. */
static cull_status predicted(cull_ctx *cx, const cull_outcomes *r, int scores, bool *logits,
                             double **out)
{
    double *v;
    CULL_TRY(CULL_TMP(cx, v, r->n));
    CULL_TRY(cull__outcomes_sure(cx, r, 0, CULL_SURE_TOP, 0, r->n, v, NULL));
    bool inside = true;
    for (int64_t i = 0; i < r->n; i++) inside &= v[i] >= 0 && v[i] <= 1;
    *logits = scores == LOGITS || (scores == AUTO && !inside);
    for (int64_t i = 0; i < r->n; i++)
        v[i] = *logits ? 1 / (1 + exp(-v[i])) : v[i] < 0 ? 0 : v[i] > 1 ? 1 : v[i];
    *out = v;
    return CULL_OK;
}

static double mean_cost(const cull_outcomes *r, int k)
{
    double sum = 0;
    if (!r->cost) return cull__outcomes_cost(r, k, 0);
    for (int64_t i = 0; i < r->n; i++) sum += cull__outcomes_cost(r, k, i);
    return sum / (double)r->n;
}

static cull_status check(cull_ctx *cx, const cull_compute_problem *p)
{
    const cull_outcomes *r = p->rows;
    if (r->models < 2)
        return cull__fail(cx, CULL_EINPUT,
                          "draft-length needs two models, one that drafts and one that checks");
    if (isfinite(p->budget) || isfinite(p->target) || isfinite(p->delay) || !isnan(p->risk))
        return cull__fail(cx, CULL_EINPUT,
                          "draft-length takes no budget, target, delay or limit to the risk: what "
                          "comes out is the target model's text whatever it does");
    for (int64_t i = 0; i < r->n; i++)
        if (!(r->quality[i] >= 0 && r->quality[i] <= 1))
            return cull__fail(cx, CULL_EINPUT,
                              "row %" PRId64
                              ": the acceptance of the draft's token is %g; it must be "
                              "0 to 1, of each row",
                              i, r->quality[i]);
    return CULL_OK;
}

static cull_status tell(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c,
                        const cull__draft_policy *own, const cull__draft_policy *fixed,
                        cull_policy *out)
{
    enum { BLOCKS = 50 };
    cull__draft_count a[BLOCKS], b[BLOCKS], sum, other;
    double gain, lo, hi;
    cull__draft_count_up(t, own, BLOCKS, a, &sum);
    cull__draft_count_up(t, fixed, BLOCKS, b, &other);
    CULL_TRY(
        cull_policy_note(cx, out,
                         "%.3g tokens in the time of one target pass, %.3g with always %d tokens; "
                         "a round drafts %.3g and adds %.3g",
                         cull__draft_speed(&sum, c), cull__draft_speed(&other, c), fixed->most,
                         sum.drafts / sum.rounds, sum.tokens / sum.rounds));
    if (t->n < 10 * BLOCKS) return CULL_OK;
    CULL_TRY(cull__draft_gain(cx, a, b, BLOCKS, c, 1, &gain, &lo, &hi));
    return cull_policy_note(
        cx, out,
        "that is %.1f %% more than the best fixed length (95 %%: %.1f to %.1f), on "
        "the rows it was fitted to",
        100 * gain, 100 * lo, 100 * hi);
}

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    const opts *o = o_;
    const cull_outcomes *r = p->rows;
    double *said, speed;
    bool logits;
    CULL_TRY(check(cx, p));
    CULL_TRY(predicted(cx, r, o->scores, &logits, &said));
    cull__trace t = {r->n, r->quality, said};
    cull__draft_cost c = {mean_cost(r, 0), mean_cost(r, r->models - 1)};
    cull__draft_policy fixed,
        own = {.rule = o->rule == LAST ? CULL__DRAFT_LAST : CULL__DRAFT_PRODUCT,
               .least = (int)o->shortest,
               .most = (int)o->longest,
               .lag = (int)o->lag};
    CULL_TRY(cull__draft_fixed(cx, &t, &c, own.least, own.most, &fixed, &speed));
    CULL_TRY(cull__draft_fit(cx, &t, &c, (int)o->grid, &own, &speed));
    CULL_TRY(tell(cx, &t, &c, &own, &fixed, out));
    CULL_TRY(cull_policy_put_number(cx, out, "logits", logits));
    CULL_TRY(cull_policy_put_number(cx, out, "tau", own.tau));
    CULL_TRY(cull_policy_put_number(cx, out, "least", own.least));
    CULL_TRY(cull_policy_put_number(cx, out, "most", own.most));
    CULL_TRY(cull_policy_put_number(cx, out, "fixed", fixed.most));
    return cull_policy_put(cx, out, "cost", 1, 2, (double[]){c.draft, c.target});
}

/* Of each row the round that would begin there: label = its tokens, cost = of its passes, score = the predicted chance that
 * all are accepted. */
static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *r,
                         cull_decisions *out)
{
    const opts *o = o_;
    const double *cost;
    double logits, tau, least, most, *said;
    bool is;
    CULL_TRY(cull_policy_need_number(cx, p, "logits", &logits));
    CULL_TRY(cull_policy_need_number(cx, p, "tau", &tau));
    CULL_TRY(cull_policy_need_number(cx, p, "least", &least));
    CULL_TRY(cull_policy_need_number(cx, p, "most", &most));
    CULL_TRY(cull_policy_need(cx, p, "cost", 1, 2, &cost));
    if (!(least >= 1 && least <= most && most <= CULL__DRAFT_MOST))
        return cull__fail(cx, CULL_EINPUT, "the policy's rounds have %g to %g tokens", least, most);
    if (!(cost[0] >= 0 && cost[1] >= 0))
        return cull__fail(cx, CULL_EINPUT, "the policy's passes cost %g and %g", cost[0], cost[1]);
    CULL_TRY(predicted(cx, r, logits != 0 ? LOGITS : PROBABILITIES, &is, &said));
    cull__trace t = {r->n, said, said};
    cull__draft_policy own = {.rule = o->rule == LAST ? CULL__DRAFT_LAST : CULL__DRAFT_PRODUCT,
                              .tau = tau,
                              .least = (int)least,
                              .most = (int)most,
                              .lag = (int)o->lag};
    CULL_TRY(cull__trace_fits(cx, &t));
    CULL_TRY(cull__draft_policy_fits(cx, &t, &own));
    CULL_TRY(cull_decisions_new(
        cx, r->n, CULL_DECIDES_CALLS | CULL_DECIDES_LABEL | CULL_DECIDES_SCORE, 0, out));
    for (int64_t i = 0; i < r->n; i++) {
        int k = cull__draft_length(&t, &own, i);
        out->model[i] = -1;
        out->called[i] = 1 | (uint64_t)1 << (r->models - 1);
        out->cost[i] = k * cost[0] + cost[1];
        out->label[i] = k;
        out->score[i] = 1;
        for (int j = 0; j < k; j++) out->score[i] *= said[i + j];
    }
    return CULL_OK;
}

static const cull_compute_fns fns = {.needs = CULL_READS_SCORE | CULL_READS_QUALITY,
                                     .apply_needs = CULL_READS_SCORE,
                                     .at_once = "",
                                     .fit = fit,
                                     .apply = apply};

const cull_method cull__method_draft_length = {
    .slug = "draft-length",
    .title = "how many tokens to draft in speculative decoding, by how likely a rejection is",
    .paper = "Huang, Guo, Wang 2024, SpecDec++: Boosting Speculative Decoding via Adaptive "
             "Candidate Lengths",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 1,
    .flags = 0,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
