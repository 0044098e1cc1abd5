/* relieff - columns that differ between near rows of different classes, and not between near rows of one
 *
 * Chooses   columns with a large ReliefF weight, which knows of columns that say something only together.
 * Idea      For each row that is asked, its k nearest rows of its own class and of every other class. A column
 *           loses by what it differs from the former and gains by what it differs from the latter, classes
 *           by their share of the rows that are not of its own (Kononenko 1994). Numbers to predict: RReliefF
 *           (Robnik-Sikonja and Kononenko 1997) weighs the k nearest rows by their rank and asks how far
 *           differences in the column and in the target go together.
 * Reads     columns and the target. Differences of numbers are divided by the column's range, of categories
 *           they are 0 or 1; distances are their sums. A missing value differs by what is expected of its row's
 *           class (numbers: in 16 cells of equal width; of all rows where the target is numbers).
 * Deviates  All rows are asked, not a sample, unless `rows` says so. A class of fewer than k rows counts by
 *           those it has. Distances without gaps are f32 sums; ties by index.
 * Cost      O(m n d) time for m rows asked, one pass for each 32 of them; no n x n numbers. Memory: for each
 *           thread 32 lists of k neighbours for every class, and d numbers for each of up to 256 chunks.
 * Example   cull feature relieff --target label --budget 20 --rows 2000 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/columns.h"

typedef struct {
    int64_t neighbours, rows;
    double sigma;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, neighbours, 10, 1, 10000, "nearest rows of each class"),
    CULL_OPT_I64(opts, rows, 0, 0, 1e15, "rows to ask, drawn by the seed; 0 = all"),
    CULL_OPT_F64(
        opts, sigma, 20, 0, 1e6,
        "of numbers to predict: how fast the weight of neighbours falls with their rank; 0 = not"),
    CULL_OPT_END,
};

static cull__relief_opts asked(const opts *o)
{
    return (cull__relief_opts){.k = o->neighbours, .rows = o->rows, .sigma = o->sigma};
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    cull__relief_opts how = asked(o);
    cull__taker t;
    double *score;
    CULL_TRY(cull__one_target(cx, p, "relieff"));
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    CULL_TRY(cull__column_relief(cx, p, &how, score));
    CULL_TRY(cull__columns_best(cx, p, &t, score));
    cull__columns found = {.score = score, .score_is = "Relief weight, -1 to 1"};
    return cull__columns_pick(cx, p, &t, &found, out);
}

static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    cull__relief_opts how = asked(o);
    double n = (double)p->n, m = how.rows && how.rows < p->n ? (double)how.rows : n;
    uint64_t work = cull__column_relief_bytes(p, &how, threads), best = 8 * (uint64_t)p->d;
    *out = (cull_plan){cull__columns_plan(p) + 8 * (uint64_t)p->d + (work > best ? work : best),
                       1 + m / 32, 3 * m * n * (double)p->d};
}

const cull_method cull__method_relieff = {
    .slug = "relieff",
    .title = "columns that differ between near rows of different classes, and not of the same",
    .paper =
        "Kononenko 1994, Estimating Attributes: Analysis and Extensions of RELIEF; Robnik-Sikonja "
        "and Kononenko 2003, Theoretical and Empirical Analysis of ReliefF and RReliefF",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
