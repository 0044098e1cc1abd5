/* saturated-coverage - every example covered, none of them over and over (Lin and Bilmes 2011)
 *
 * Chooses   examples that together are like every example of the pool, up to a share of what all of the
 *           pool would be.
 * Idea      An example of the pool is covered by the sum of its similarities to the kept, and no more
 *           than alpha of its similarities to the whole pool counts (section 4.1): once covered, it
 *           asks for no more. Submodular and monotone; greedy choice by gain for the cost.
 * Reads     embeddings of the pool.
 * Deviates  (a) Above 20,000 examples only the nearest 200 of each count (neighbours), above 100,000 at
 *           least 95 in 100 of those (recall). (b) Similarities below 0 count as 0. (c) alpha is a share
 *           of the pool; the paper scales it by the size of the summary. (d) The paper adds a term for
 *           diversity over clusters: see kmq for one.
 * Cost      As facility-location: O(n^2 d) time; 4 n^2 bytes where there is room, else similarities are
 *           made anew; a graph: 16 n neighbours bytes.
 * Example   cull data saturated-coverage --budget 2% --alpha 0.02 pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

typedef struct {
    double alpha;
    cull__cover_opts cover;
    cull__greedy_opts greedy;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, alpha, 0.05, 1e-9, 1,
                 "share of its similarity to the pool that covers an example"),
    CULL__COVER_ROWS(opts), CULL__GRAPH_ROW(opts), CULL__GREEDY_ROWS(opts), CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    cull__cover c;
    cull__gain g;
    double value, *total;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(cull__cover_new(cx, p, p->pool, CULL__SATURATED, &o->cover, &c, &g));
    CULL_TRY(CULL_TMP(cx, total, p->n));
    CULL_TRY(cull__cover_totals(cx, &c, total));
    for (int64_t j = 0; j < p->n; j++) c.first[j] = (float)(o->alpha * total[j]);
    CULL_TRY(cull__greedy(cx, &g, &t, &o->greedy, &value));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    double flops;
    uint64_t later = 8 * (uint64_t)p->n + cull__greedy_plan(p, &o->greedy);
    uint64_t cover = cull__cover_plan(p, p->pool, &o->cover, threads, later, &flops);
    *out = (cull_plan){cull__taker_plan(p) + cover, 1, flops};
}

const cull_method cull__method_saturated_coverage = {
    .slug = "saturated-coverage",
    .title = "every example of the pool covered, none over and over",
    .paper = "Lin and Bilmes 2011, A Class of Submodular Functions for Document Summarization",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 2,
    .flags = CULL_NEEDS_POOL,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
