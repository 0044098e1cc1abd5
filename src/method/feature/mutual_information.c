/* mutual-information - columns that each say most of the target
 *
 * Chooses   columns with the most mutual information with the target, each looked at by itself.
 * Idea      bins: numbers become codes (bins of equal frequency or width, equal values together; a missing
 *           value is a code of its own; categories are codes already), and the information is that of the
 *           table of counts; `miller` takes its first-order bias off. knn: from distances to the nearest
 *           neighbours, Ross 2014 for classes, Kraskov, Stoegbauer and Grassberger 2004 (their first
 *           estimator) for numbers, as in scikit-learn.
 * Reads     columns and the target. bins: a numeric target is cut into bins like the columns. knn: each numeric
 *           column counts by the rows in which it has a value; of a categorical column beside classes the
 *           counts are taken, beside numbers it is the classes.
 * Deviates  Columns with at most `bins` different values have a bin for each. knn: rows as far as the k-th
 *           neighbour lie outside like it, and rows that share one point are counted at it (Gao et al. 2017),
 *           where scikit-learn breaks such ties by random noise; `ties noise` does so too. Without ties the
 *           estimates are equal. Those below 0 are 0, but for those of `miller`.
 * Cost      bins: O(n d) time. knn: O(n d log n). Passes over the rows: one for each 256 MiB of columns, which
 *           are held, and about 100 n bytes for each thread.
 * Example   cull feature mutual-information --target label --budget 20 --estimator knn table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/columns.h"

typedef struct {
    int estimator, binning, ties;
    int64_t bins, neighbours;
    bool miller;
} opts;
enum { BINS, KNN };
enum { FREQUENCY, WIDTH };
enum { COUNT, NOISE };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, estimator, BINS, "bins|knn", "tables of counts, or nearest neighbours"),
    CULL_OPT_I64(opts, bins, 0, 0, CULL__BINS_MOST,
                 "bins of a numeric column; 0 = the cube root of the rows, 2 to 64"),
    CULL_OPT_ENUM(opts, binning, FREQUENCY, "frequency|width", "what bins have in common"),
    CULL_OPT_BOOL(opts, miller, false, "bins: take off the bias of small counts"),
    CULL_OPT_I64(opts, neighbours, 3, 1, 1000, "knn: neighbours"),
    CULL_OPT_ENUM(opts, ties, COUNT, "count|noise", "knn: what is done with rows at one point"),
    CULL_OPT_END,
};

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o_,
                       cull_feature_pick *out)
{
    const opts *o = o_;
    cull__bins bins = {.bins = o->bins, .width = o->binning == WIDTH};
    cull__neighbours near = {.k = o->neighbours, .copies = o->ties == COUNT};
    cull__taker t;
    double *score;
    CULL_TRY(cull__one_target(cx, p, "mutual-information"));
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    if (o->estimator == KNN)
        CULL_TRY(cull__column_neighbours(cx, p, &near, o->ties == NOISE, score));
    else
        CULL_TRY(cull__column_mutual(cx, p, NULL, &bins, o->miller, score));
    CULL_TRY(cull__columns_best(cx, p, &t, score));
    cull__columns found = {.score = score, .score_is = "mutual information, nats"};
    return cull__columns_pick(cx, p, &t, &found, out);
}

static void plan(const cull_feature_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    cull__bins bins = {.bins = o->bins};
    double passes, n = (double)p->n;
    uint64_t best = 8 * (uint64_t)p->d, work;
    if (o->estimator == KNN)
        work = cull__column_neighbours_bytes(p, threads, &passes);
    else
        work = cull__column_mutual_bytes(p, &bins, threads, &passes);
    *out = (cull_plan){cull__columns_plan(p) + 8 * (uint64_t)p->d + (work > best ? work : best),
                       passes, (o->estimator == KNN ? 100 : 20) * n * (double)p->d};
}

const cull_method cull__method_mutual_information = {
    .slug = "mutual-information",
    .title = "columns that each say most of the target, by counts or by nearest neighbours",
    .paper =
        "Battiti 1994, Using Mutual Information for Selecting Features in Supervised Neural Net "
        "Learning; Ross 2014, Mutual Information between Discrete and Continuous Data Sets",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
