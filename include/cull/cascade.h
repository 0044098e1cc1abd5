/* cull/cascade.h - cascades of models: which sure answers of cheap models to take, exactly, at every cost. */
#ifndef CULL_CASCADE_H
#define CULL_CASCADE_H
#include <math.h>

#include "cull/method.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What K models said about n rows; borrowed. All numbers are finite. */
typedef struct {
    int64_t n;
    int models;
    const double *confidence; /* (models, n): larger = surer; any scale, one for each model */
    const double *quality;    /* (models, n): 1 = right, 0 = wrong, or anything between */
    const double *cost;       /* (models), or (models, n) where cost_each; none below 0 */
    bool cost_each;
    const double *delay; /* (models), 0 or more: how long each takes; NULL = not known */
} cull_cascade_table;

/* Distinct models in order. Stage i answers where its confidence is at least threshold[i], else the next one
 * runs; the last always answers (threshold -INFINITY). A row costs what the stages that ran cost. */
enum { CULL_CASCADE_STAGES = 8 };
typedef struct {
    double cost, quality; /* means over the rows */
    double threshold[CULL_CASCADE_STAGES];
    int32_t model[CULL_CASCADE_STAGES];
    int32_t stages;
} cull_cascade;

/* What is not dominated: cost and quality both ascend. */
typedef struct {
    int64_t n;
    cull_cascade *at;
    double looked; /* cascades that were compared */
    void *mem_;
} cull_cascade_front;
CULL_API void cull_cascade_front_free(cull_cascade_front *f);

/* How finely to look: thresholds are a model's `quantiles` quantiles, besides never and always answering. */
typedef struct {
    int stages;    /* up to 3 */
    int quantiles; /* 2 to 255 */
    double delay;  /* most that all stages together take, of the table's delays; 0 = no limit */
} cull_cascade_opts;
/* clang-format off */
#define CULL_CASCADE_OPTS {.stages = 3, .quantiles = 100}
/* clang-format on */

/* Every order of up to `stages` of the models with every threshold of the grid: exactly those whose mean cost and mean
 * quality nothing dominates. Of equal ones the fewest stages, then the lowest models, then the lowest thresholds. Numbers are
 * kept as multiples of a power of two so small that n of them add up without rounding (0 and 1 are among them; others
 * move by n 2^-52 at most, costs by that share of the largest), so that a sum has no order. EINPUT: a number that does not
 * fit, by model and row. O(K^2 (n + quantiles^2) K) time for 3 stages, 17 n K bytes and a front for each model; bit-equal for
 * any number of threads. opts NULL = CULL_CASCADE_OPTS. */
CULL_API cull_status cull_cascade_fit(cull_ctx *cx, const cull_cascade_table *t,
                                      const cull_cascade_opts *opts,
                                      cull_cascade_front *out) CULL_CHECKED;
/* What that takes at most, but for the fronts. */
CULL_API cull_status cull_cascade_plan(cull_ctx *cx, const cull_cascade_table *t,
                                       const cull_cascade_opts *opts, cull_plan *out) CULL_CHECKED;

/* Which of the front to take: the best whose cost is at most `cost`, the cheapest whose quality is at least `quality`;
 * -1 = none. O(log n). */
CULL_API int64_t cull_cascade_within(const cull_cascade_front *f, double cost);
CULL_API int64_t cull_cascade_reaching(const cull_cascade_front *f, double quality);

/* ---- more stages than three: one cascade, for a budget or a target ---- */
typedef struct {
    int stages;    /* 1 to CULL_CASCADE_STAGES */
    int quantiles; /* 2 to 255 */
    double delay;  /* as above; 0 = no limit */
    double budget; /* most mean cost; the best quality within it is looked for, */
    double
        target; /* or, where this is not -INFINITY, the least cost with that quality within the budget */
    int64_t limit; /* beginnings that are looked into; 0 = none: the best by small changes alone */
} cull_cascade_deep_opts;
/* clang-format off */
#define CULL_CASCADE_DEEP_OPTS {.stages = 5, .quantiles = 100, .budget = INFINITY, .target = -INFINITY, .limit = 1000}
/* clang-format on */
typedef struct {
    cull_cascade best;
    double
        bound; /* no cascade has a higher quality within the budget (a lower cost with the target) */
    int64_t nodes; /* beginnings looked into */
    bool proven;   /* nothing is left that could be better */
} cull_cascade_found;
/* From `start`, a point of the front that keeps to budget and target, by changing, adding or taking away a stage as long as
 * that helps, then by branch and bound over beginnings, the most promising first. Of up to 16 models, where K^3 (n + quantiles^2) is
 * at most 2^26, all that is up to three stages behind a beginning is looked at: chains of four stages are done after K quantiles
 * beginnings at most, with nothing left that is better. For what is longer, and of larger tables, a row that is not answered could get the
 * answer of any one model at that model's cost, of which Lagrange multipliers make a bound; it does not know how little confidences
 * say. `bound` less `best` is the gap. EINPUT: a start that does
 * not keep to them. O(K^3 (n + quantiles^2)) time a beginning, else O(n K). Bit-equal for any number of threads. */
CULL_API cull_status cull_cascade_deepen(cull_ctx *cx, const cull_cascade_table *t,
                                         const cull_cascade_deep_opts *opts,
                                         const cull_cascade *start,
                                         cull_cascade_found *out) CULL_CHECKED;

/* Which stage answers each row; confidence (stages, n): what stage i would say, of which only rows that come to it are
 * read. A NaN does not answer, but in the last stage. */
CULL_API void cull_cascade_route(const cull_cascade *c, const double *confidence, int64_t n,
                                 uint8_t *stage);
/* What a cascade is on other rows: its cost, its quality, and the share of rows that each stage answers (stages; NULL =
 * not wanted). EINPUT as of cull_cascade_fit. */
CULL_API cull_status cull_cascade_judge(cull_ctx *cx, const cull_cascade_table *t,
                                        const cull_cascade *c, double *cost, double *quality,
                                        double *share) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
