/* chi2 - columns of counts, or of categories, that are shared out unlike the classes
 *
 * Chooses   columns with a large chi-squared statistic.
 * Idea      A numeric column holds counts (0 or more): its sum in each class is compared with the column's
 *           total times the class's share of the rows, as scikit-learn's chi2 does. A categorical column is
 *           the table of its levels by the classes. Both with the p-value of the chi-squared distribution; the
 *           largest statistics are kept.
 * Reads     columns and classes. Each column counts by the rows in which it has a value.
 * Deviates  Statistics of different degrees of freedom are compared as they are: of categorical columns with
 *           many levels they are larger by themselves, and the p-values say more.
 * Cost      O(n d) time, one pass over the rows and one for each 256 MiB of categorical columns; 2 d numbers
 *           for each class for each of up to 64 chunks of rows, at most 256 MiB in all.
 * Example   cull feature chi2 --target label --budget 20 counts.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/columns.h"

typedef struct {
    char none;
} opts;
static const cull_opt table[] = {CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    (void)o;
    cull__taker t;
    double *chi2, *pv;
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, chi2, p->d));
    CULL_TRY(CULL_TMP(cx, pv, p->d));
    CULL_TRY(cull__column_chi2(cx, p, chi2, pv));
    CULL_TRY(cull__columns_best(cx, p, &t, chi2));
    cull__columns found = {.score = chi2, .p = pv, .score_is = "chi-squared"};
    return cull__columns_pick(cx, p, &t, &found, out);
}

static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)o;
    uint64_t sweep = cull__column_sweep_bytes(p, CULL__CHI2, threads), best = 8 * (uint64_t)p->d;
    double passes = 1;
    for (int64_t c = 0; p->levels && c < p->d; c++)
        if (p->levels[c]) passes = 2;
    *out = (cull_plan){cull__columns_plan(p) + 16 * (uint64_t)p->d + (sweep > best ? sweep : best),
                       passes, 4 * (double)p->n * (double)p->d};
}

const cull_method cull__method_chi2 = {
    .slug = "chi2",
    .title = "counts or categories that are shared out unlike the classes, by the chi-squared test",
    .paper =
        "Pearson 1900, On the Criterion that a Given System of Deviations from the Probable in "
        "the Case of a Correlated System of Variables is such that it can be Reasonably Supposed "
        "to have Arisen from Random Sampling",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_NEEDS_CLASSES | CULL_NEEDS_COUNTS | CULL_TAKES_MISSING |
             CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
