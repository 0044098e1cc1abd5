/* cmim - columns that say of the target what no column taken before says (Fleuret 2004)
 *
 * Chooses   columns one by one, by conditional mutual information at its least.
 * Idea      A column counts by the least of I(column; target | other) over those taken before: what is left of
 *           it beside the one that makes it most redundant. The first is the most relevant one. The least over
 *           some of them bounds that over all, so most columns are never compared with most others.
 * Reads     columns and the target as codes: bins of equal frequency or width, categories, missing values as a
 *           level of their own; a numeric target in bins too. Columns held already count as taken before.
 * Deviates  Any number of levels and classes, where the paper has two. Scores of columns not kept are the upper
 *           bounds that were enough to pass them over.
 * Cost      O(n d k) time at most for k columns kept, much less as a rule. n d bytes of codes (2 n for a column of
 *           more than 256 levels), in tmpdir where that is over a quarter of the memory.
 * Example   cull feature cmim --target label --budget 20 table.csv
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

enum { BATCH = 64 };

typedef struct {
    cull__taker taker;
    double *bound;            /* (d) the least so far */
    int64_t *after;           /* (d) members that it is the least over */
    int64_t *member, members; /* (d) columns held or kept, in order */
    bool per_cost;
    int64_t a[BATCH], b[BATCH]; /* columns to compare next with a member each */
    double worth[BATCH], nats[BATCH];
} state;

static bool complete(const state *s, int64_t c) { return s->after[c] == s->members; }

static double worth(const state *s, int64_t c)
{
    return cull__columns_worth(&s->taker, c, s->bound[c], s->per_cost);
}

static bool open(const state *s, int64_t c)
{
    return !isnan(s->bound[c]) && cull__can_take(&s->taker, c);
}

/* The best column whose score is known, or -1. */
static int64_t best_known(const state *s, int64_t d)
{
    int64_t best = -1;
    for (int64_t c = 0; c < d; c++)
        if (open(s, c) && complete(s, c) && (best < 0 || worth(s, c) > worth(s, best))) best = c;
    return best;
}

/* Those that may still be better, the most promising first; returns how many. */
static int64_t promising(state *s, int64_t d, int64_t best)
{
    int64_t n = 0;
    for (int64_t c = 0; c < d; c++) {
        if (complete(s, c) || !open(s, c)) continue;
        double w = worth(s, c);
        if (best >= 0 && (w < worth(s, best) || (w == worth(s, best) && c > best))) continue;
        int64_t i = n < BATCH ? n++ : BATCH;
        if (i == BATCH && w <= s->worth[--i]) continue;
        for (; i > 0 && s->worth[i - 1] < w; i--) {
            s->worth[i] = s->worth[i - 1];
            s->a[i] = s->a[i - 1];
        }
        s->worth[i] = w;
        s->a[i] = c;
    }
    return n;
}

static cull_status next(cull_ctx *cx, const cull__codes *t, state *s, int64_t *out)
{
    for (;;) {
        *out = best_known(s, t->d);
        int64_t n = promising(s, t->d, *out);
        if (!n) return CULL_OK;
        for (int64_t i = 0; i < n; i++) s->b[i] = s->member[s->after[s->a[i]]++];
        CULL_TRY(cull__codes_pairs(cx, t, s->a, s->b, n, NULL, s->nats));
        for (int64_t i = 0; i < n; i++) s->bound[s->a[i]] = fmin(s->bound[s->a[i]], s->nats[i]);
    }
}

static cull_status choose(cull_ctx *cx, const cull_feature_problem *p, const opts *o,
                          const cull__codes *t, cull_feature_pick *out)
{
    state s = {.per_cost = o->per_cost};
    int64_t c;
    CULL_TRY(cull__columns_taker(cx, p, &s.taker));
    CULL_TRY(CULL_TMP(cx, s.bound, p->d));
    CULL_TRY(CULL_TMP0(cx, s.after, p->d));
    CULL_TRY(CULL_TMP(cx, s.member, p->d));
    for (c = 0; c < p->d; c++) {
        s.bound[c] = cull__codes_relevance(t, c);
        if (p->have && p->have[c] && !isnan(s.bound[c])) s.member[s.members++] = c;
    }
    for (;;) {
        CULL_TRY(next(cx, t, &s, &c));
        if (c < 0) break;
        cull__take(&s.taker, c, s.bound[c], -1);
        s.member[s.members++] = c;
        cull__span(cx, (double)(s.taker.count - 1), (double)s.taker.count, (double)s.taker.cap);
    }
    cull__span(cx, 0, 1, 0);
    const char *is = "least conditional mutual information, nats; an upper bound where not kept";
    return cull__columns_pick(cx, p, &s.taker, &(cull__columns){.score = s.bound, .score_is = is},
                              out);
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o_,
                       cull_feature_pick *out)
{
    const opts *o = o_;
    cull__codes t;
    CULL_TRY(cull__one_target(cx, p, "cmim"));
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
    uint64_t own = cull__columns_plan(p) + 24 * (uint64_t)p->d;
    double passes;
    cull__each_column_bytes(p, p->d, threads, &passes);
    *out = (cull_plan){codes + own, passes, 20 * n * d + 2 * steps * n * d};
}

const cull_method cull__method_cmim = {
    .slug = "cmim",
    .title = "columns that say of the target what no column taken before says",
    .paper = "Fleuret 2004, Fast Binary Feature Selection with Conditional Mutual Information",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
