/* jmi - columns that say much of the target together with those taken before (Yang and Moody 1999)
 *
 * Chooses   columns one by one, by joint mutual information.
 * Idea      A column counts by the information that it and a column taken before hold together of the target,
 *           I(column, other; target), the mean over all of those. The first is the most relevant one. What two
 *           columns say only together is seen.
 * Reads     columns and the target as codes: bins of equal frequency or width, categories, missing values as a
 *           level of their own; a numeric target in bins too. Columns held already count as taken before.
 * Deviates  The mean where the paper sums, which orders columns alike. Scores of columns not kept are those
 *           beside all that were.
 * Cost      O(n d k) time for k columns kept: each pair is counted once. n d bytes of codes (2 n for a column of
 *           more than 256 levels), in tmpdir where that is over a quarter of the memory.
 * Example   cull feature jmi --target label --budget 20 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/columns.h"

#include <math.h>

typedef struct {
    int binning;
    int64_t bins;
    bool per_cost;
} opts;
enum { FREQUENCY, WIDTH };
static const cull_opt table[] = {
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
    double shared; /* I(s; target), over the members s: with I(column; target | s) the joint one */
    int64_t members;
} state;

static cull_status add(cull_ctx *cx, const cull__codes *t, int64_t c, state *s)
{
    s->open[c] = 0;
    s->members++;
    s->shared += cull__codes_relevance(t, c);
    return cull__codes_add(cx, t, c, s->open, true, s->sum);
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

static cull_status choose(cull_ctx *cx, const cull_feature_problem *p, const opts *o,
                          const cull__codes *t, cull_feature_pick *out)
{
    state s;
    CULL_TRY(begin(cx, p, t, &s));
    for (;;) {
        for (int64_t c = 0; c < p->d; c++)
            if (s.open[c])
                s.score[c] = s.members ? (s.shared + s.sum[c]) / (double)s.members : s.score[c];
        int64_t c = cull__columns_next(&s.taker, s.score, o->per_cost);
        if (c < 0) break;
        cull__take(&s.taker, c, s.score[c], -1);
        cull__span(cx, (double)(s.taker.count - 1), (double)s.taker.count, (double)s.taker.cap);
        CULL_TRY(add(cx, t, c, &s));
    }
    cull__span(cx, 0, 1, 0);
    cull__columns found = {.score = s.score, .score_is = "joint mutual information, nats"};
    return cull__columns_pick(cx, p, &s.taker, &found, out);
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o_,
                       cull_feature_pick *out)
{
    const opts *o = o_;
    cull__codes t;
    CULL_TRY(cull__one_target(cx, p, "jmi"));
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

const cull_method cull__method_jmi = {
    .slug = "jmi",
    .title = "columns that say much of the target together with those taken before",
    .paper = "Yang and Moody 1999, Data Visualization and Feature Selection: New Algorithms for "
             "Nongaussian Data",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
