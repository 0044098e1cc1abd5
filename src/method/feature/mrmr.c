/* mrmr - columns that say much of the target and little of one another (Peng, Long, Ding 2005)
 *
 * Chooses   columns one by one, each relevant to the target and not redundant beside those taken before.
 * Idea      mid: the mutual information with the target less the mean of that with each column taken before;
 *           miq: the former over the latter (Ding and Peng 2005). The first is the most relevant one.
 * Reads     columns and the target as codes: bins of equal frequency or width, categories, missing values as a
 *           level of their own; a numeric target in bins too. Columns held already count as taken before.
 * Deviates  Plug-in estimates over bins where the papers use density estimates or three states. miq divides by
 *           1e-6 nats at least. Scores of columns not kept are those beside all that were.
 * Cost      O(n d k) time for k columns kept: the information of two columns is found once. n d bytes of codes
 *           (2 n for a column of more than 256 levels), in tmpdir where that is over a quarter of the memory.
 * Example   cull feature mrmr --target label --budget 20 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/columns.h"

#include <math.h>

typedef struct {
    int binning, criterion;
    int64_t bins;
    bool per_cost;
} opts;
enum { FREQUENCY, WIDTH };
enum { MID, MIQ };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, criterion, MID, "mid|miq", "relevance less redundancy, or over it"),
    CULL_OPT_I64(opts, bins, 0, 0, CULL__BINS_MOST,
                 "bins of a numeric column; 0 = the cube root of the rows, 2 to 64"),
    CULL_OPT_ENUM(opts, binning, FREQUENCY, "frequency|width", "what bins have in common"),
    CULL_OPT_BOOL(opts, per_cost, false, "take by score / cost (below 0: score * cost)"),
    CULL_OPT_END,
};

/* What the columns that are held or kept add up to for every other one. */
typedef struct {
    cull__taker taker;
    double *score, *sum; /* (d) */
    uint8_t *open;       /* (d) it has a score and may still be kept */
    int64_t members;
} state;

static cull_status add(cull_ctx *cx, const cull__codes *t, int64_t c, state *s)
{
    s->open[c] = 0;
    s->members++;
    return cull__codes_add(cx, t, c, s->open, false, s->sum);
}

static cull_status begin(cull_ctx *cx, const cull_feature_problem *p, const cull__codes *t,
                         state *s)
{
    *s = (state){0};
    CULL_TRY(cull__columns_taker(cx, p, &s->taker));
    CULL_TRY(CULL_TMP(cx, s->score, p->d));
    CULL_TRY(CULL_TMP0(cx, s->sum, p->d));
    CULL_TRY(CULL_TMP(cx, s->open, p->d));
    for (int64_t c = 0; c < p->d; c++) {
        s->score[c] = cull__codes_relevance(t, c);
        s->open[c] = !isnan(s->score[c]) && !(p->have && p->have[c]);
    }
    for (int64_t c = 0; p->have && c < p->d; c++)
        if (p->have[c] && !isnan(s->score[c])) CULL_TRY(add(cx, t, c, s));
    return CULL_OK;
}

static double score_of(const cull__codes *t, const opts *o, const state *s, int64_t c)
{
    double relevance = cull__codes_relevance(t, c);
    if (!s->members) return relevance;
    double redundancy = s->sum[c] / (double)s->members;
    return o->criterion == MID ? relevance - redundancy : relevance / fmax(redundancy, 1e-6);
}

static cull_status choose(cull_ctx *cx, const cull_feature_problem *p, const opts *o,
                          const cull__codes *t, cull_feature_pick *out)
{
    state s;
    CULL_TRY(begin(cx, p, t, &s));
    for (;;) {
        for (int64_t c = 0; c < p->d; c++)
            if (s.open[c]) s.score[c] = score_of(t, o, &s, c);
        int64_t c = cull__columns_next(&s.taker, s.score, o->per_cost);
        if (c < 0) break;
        cull__take(&s.taker, c, s.score[c], -1);
        cull__span(cx, (double)(s.taker.count - 1), (double)s.taker.count, (double)s.taker.cap);
        CULL_TRY(add(cx, t, c, &s));
    }
    cull__span(cx, 0, 1, 0);
    cull__columns found = {.score = s.score,
                           .score_is = o->criterion == MID ? "relevance less redundancy, nats"
                                                           : "relevance over redundancy"};
    return cull__columns_pick(cx, p, &s.taker, &found, out);
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o_,
                       cull_feature_pick *out)
{
    const opts *o = o_;
    cull__codes t;
    CULL_TRY(cull__one_target(cx, p, "mrmr"));
    CULL_TRY(cull__codes_new(cx, p, &(cull__bins){o->bins, o->binning == WIDTH}, &t));
    cull_status s = choose(cx, p, o, &t, out);
    cull__codes_free(&t);
    return s;
}

static void plan(const cull_feature_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    double n = (double)p->n, d = (double)p->d, steps = p->budget < d ? p->budget : d;
    uint64_t codes = cull__codes_bytes(p, &(cull__bins){.bins = o->bins}, threads);
    uint64_t own = cull__columns_plan(p) + 17 * (uint64_t)p->d;
    double passes;
    cull__each_column_bytes(p, p->d, threads, &passes);
    *out = (cull_plan){codes + own, passes, 20 * n * d + 2 * steps * n * d};
}

const cull_method cull__method_mrmr = {
    .slug = "mrmr",
    .title = "columns that say much of the target and little of one another",
    .paper = "Peng, Long, Ding 2005, Feature Selection Based on Mutual Information: Criteria of "
             "Max-Dependency, Max-Relevance, and Min-Redundancy",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
