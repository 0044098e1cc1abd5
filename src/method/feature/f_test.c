/* f-test - columns whose means differ most between classes, or that correlate best with a number
 *
 * Chooses   columns with a large F statistic.
 * Idea      Classes: one-way analysis of variance, the variance between the means of the classes over the
 *           variance within them. Numbers: r^2 / (1 - r^2) (m - 2) for the correlation r with the target in m
 *           rows. Both with the p-value of the F distribution; the largest F are kept.
 * Reads     numeric columns and the target. Each column counts by the rows in which it has a value.
 * Deviates  Columns with many missing values have fewer degrees of freedom; their F is compared with those of
 *           other columns as it is. Classes that a column has no value in are left out of its test.
 * Cost      O(n d) time, one pass over the rows; 3 d numbers for each class (6 d without classes) for each of
 *           up to 64 chunks of rows, at most 256 MiB in all.
 * Example   cull feature f-test --target label --budget 20 table.csv
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
    double *f, *pv;
    CULL_TRY(cull__one_target(cx, p, "f-test"));
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, f, p->d));
    CULL_TRY(CULL_TMP(cx, pv, p->d));
    CULL_TRY(cull__column_f(cx, p, f, pv));
    CULL_TRY(cull__columns_best(cx, p, &t, f));
    const char *is = p->classes ? "F of the classes' means" : "F of the correlation";
    return cull__columns_pick(cx, p, &t, &(cull__columns){.score = f, .p = pv, .score_is = is},
                              out);
}

static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)o;
    uint64_t sweep = cull__column_sweep_bytes(p, CULL__F, threads), best = 8 * (uint64_t)p->d;
    *out = (cull_plan){cull__columns_plan(p) + 16 * (uint64_t)p->d + (sweep > best ? sweep : best),
                       1, 8 * (double)p->n * (double)p->d};
}

const cull_method cull__method_f_test = {
    .slug = "f-test",
    .title = "means that differ between classes, or a correlation with a number, by the F test",
    .paper = "Fisher 1925, Statistical Methods for Research Workers",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_TAKES_MISSING,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
