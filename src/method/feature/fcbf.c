/* fcbf - columns that say more of the target than of each other: a fast correlation-based filter (Yu, Liu 2003)
 *
 * Chooses   the columns that are predominant, and so how many.
 * Idea      Symmetrical uncertainty is 2 I(a; b) / (H(a) + H(b)), 0 to 1. Columns with less than delta of it with
 *           the target are irrelevant. Of the others, best first, each takes out those after it that have as
 *           much of it with that column as with the target.
 * Reads     columns and the target as codes: bins of equal frequency or width, categories, missing values as a
 *           level of their own; a numeric target in bins too. A column held already takes out those that say
 *           less of the target than it does, as if it had been kept.
 * Deviates  The papers' discretisation is by entropy. A column that does not fit the budget takes out none and
 *           stays tentative, as do all that come after the budget is spent.
 * Cost      O(n d k) time for k columns kept, less as columns are taken out. n d bytes of codes (2 n for a column
 *           of more than 256 levels), in tmpdir where that is over a quarter of the memory.
 * Example   cull feature fcbf --target label --delta 0.01 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/columns.h"

#include <math.h>

typedef struct {
    int binning;
    int64_t bins;
    double delta;
} opts;
enum { FREQUENCY, WIDTH };
static const cull_opt table[] = {
    CULL_OPT_F64(opts, delta, 0, 0, 1, "least symmetrical uncertainty with the target"),
    CULL_OPT_I64(opts, bins, 0, 0, CULL__BINS_MOST,
                 "bins of a numeric column; 0 = the cube root of the rows, 2 to 64"),
    CULL_OPT_ENUM(opts, binning, FREQUENCY, "frequency|width", "what bins have in common"),
    CULL_OPT_END,
};

typedef struct {
    const cull__codes *t;
    double *su, *nats; /* (d) with the target; with the column at hand */
    uint8_t *verdict;  /* (d) */
    uint8_t *open;     /* (d) still to be compared */
    int64_t *order, n; /* those with a score, best first */
} state;

static double uncertainty(double mutual, double a, double b)
{
    return a + b > 0 ? 2 * mutual / (a + b) : 0;
}

/* What column c takes out of those that are no better. */
static cull_status take_out(cull_ctx *cx, state *s, int64_t c)
{
    double own = cull__codes_entropy(s->t, c);
    s->open[c] = 0;
    for (int64_t q = 0; q < s->t->d; q++) s->nats[q] = 0;
    CULL_TRY(cull__codes_add(cx, s->t, c, s->open, false, s->nats));
    for (int64_t q = 0; q < s->t->d; q++) {
        if (!s->open[q] || s->su[q] > s->su[c]) continue;
        double with = uncertainty(s->nats[q], own, cull__codes_entropy(s->t, q));
        if (with < s->su[q]) continue;
        s->open[q] = 0;
        s->verdict[q] = CULL_REJECTED;
    }
    return CULL_OK;
}

static cull_status begin(cull_ctx *cx, const cull_feature_problem *p, const opts *o,
                         const cull__codes *t, state *s)
{
    double *key, target = cull__codes_target(t);
    *s = (state){.t = t};
    CULL_TRY(CULL_TMP(cx, s->su, p->d));
    CULL_TRY(CULL_TMP(cx, s->nats, p->d));
    CULL_TRY(CULL_TMP0(cx, s->verdict, p->d));
    CULL_TRY(CULL_TMP0(cx, s->open, p->d));
    CULL_TRY(CULL_TMP(cx, s->order, p->d));
    CULL_TRY(CULL_TMP(cx, key, p->d));
    for (int64_t c = 0; c < p->d; c++) {
        s->su[c] = uncertainty(cull__codes_relevance(t, c), cull__codes_entropy(t, c), target);
        key[c] = isnan(s->su[c]) ? -1 : s->su[c];
        s->n += key[c] >= 0;
        bool held = p->have && p->have[c];
        s->open[c] = !held && s->su[c] >= o->delta;
        if (held || s->open[c]) s->verdict[c] = CULL_TENTATIVE;
    }
    return cull__order(cx, key, p->d, s->order);
}

static cull_status choose(cull_ctx *cx, const cull_feature_problem *p, const opts *o,
                          const cull__codes *t, cull_feature_pick *out)
{
    cull__taker taker;
    state s;
    CULL_TRY(cull__columns_taker(cx, p, &taker));
    CULL_TRY(begin(cx, p, o, t, &s));
    for (int64_t i = 0; p->have && i < s.n; i++)
        if (p->have[s.order[i]]) CULL_TRY(take_out(cx, &s, s.order[i]));
    for (int64_t i = 0; i < s.n && !cull__taker_full(&taker); i++) {
        int64_t c = s.order[i];
        cull__span(cx, (double)i, (double)(i + 1), (double)s.n);
        if (!s.open[c] || !cull__take(&taker, c, s.su[c], -1)) continue;
        s.verdict[c] = CULL_CONFIRMED;
        CULL_TRY(take_out(cx, &s, c));
    }
    cull__span(cx, 0, 1, 0);
    cull__columns found = {.score = s.su,
                           .verdict = s.verdict,
                           .score_is = "symmetrical uncertainty with the target, of 1"};
    return cull__columns_pick(cx, p, &taker, &found, out);
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o_,
                       cull_feature_pick *out)
{
    const opts *o = o_;
    cull__codes t;
    CULL_TRY(cull__one_target(cx, p, "fcbf"));
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
    uint64_t own = cull__columns_plan(p) + 34 * (uint64_t)p->d;
    double passes;
    cull__each_column_bytes(p, p->d, threads, &passes);
    *out = (cull_plan){codes + own, passes, 20 * n * d + 2 * steps * n * d};
}

const cull_method cull__method_fcbf = {
    .slug = "fcbf",
    .title = "columns that say more of the target than of each other; it finds how many",
    .paper = "Yu and Liu 2003, Feature Selection for High-Dimensional Data: A Fast "
             "Correlation-Based Filter Solution",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES | CULL_OWN_NUMBER,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
