/* fbnetv5's check: one search teaches a policy for each of three tasks, and costs no more than a search for one.
 *
 * The tasks are the three data sets of NAS-Bench-201. `reinforce` runs once with all of them, or once
 * for each with a third of the evaluations; the last evaluations are what its policies hold most probable, and
 * count by their rank among all 15,625 designs for that task (0 = the best). */
#include "claim/search_table.h"
#include "num/num.h"

enum { TASKS = 3, BUDGETS = 2, MOST = 64 };

static int64_t rank_of(const cull__search_table *t, int task, int64_t design)
{
    int64_t better = 0;
    const double *v = t->value[task];
    for (int64_t i = 0; i < t->designs; i++) better += v[i] > v[design];
    return better;
}

typedef struct {
    double rank[MOST], top[MOST]; /* of each seed: mean rank, share among the best hundredth */
} answer;

static void count(const cull__search_table *t, int task, int64_t design, double *rank, double *top)
{
    int64_t r = rank_of(t, task, design);
    *rank += (double)r / TASKS;
    *top += (double)(r < t->designs / 100) / TASKS;
}

static cull_status shared(cull_ctx *cx, const cull__search_table *t, int64_t trials, int seeds,
                          answer *a)
{
    int64_t last[MOST * TASKS];
    cull__search_plan p = {"reinforce", "", trials, 0, TASKS, CULL_AGAIN_PAID};
    CULL_TRY(cull__search_table_run(cx, t, &p, seeds, &(cull__search_runs){.last = last}));
    *a = (answer){0};
    for (int i = 0; i < seeds * TASKS; i++)
        count(t, i % TASKS, last[i], &a->rank[i / TASKS], &a->top[i / TASKS]);
    return CULL_OK;
}

static cull_status separate(cull_ctx *cx, const cull__search_table *t, int64_t trials, int seeds,
                            answer *a)
{
    int64_t last[MOST];
    *a = (answer){0};
    for (int task = 0; task < TASKS; task++) {
        cull__search_plan p = {"reinforce", "", trials / TASKS, task, 1, CULL_AGAIN_PAID};
        CULL_TRY(cull__search_table_run(cx, t, &p, seeds, &(cull__search_runs){.last = last}));
        for (int i = 0; i < seeds; i++) count(t, task, last[i], &a->rank[i], &a->top[i]);
    }
    return CULL_OK;
}

static cull_status measure(cull_ctx *cx, const cull__search_table *t, int seeds,
                           cull_claim_result *out)
{
    static const int64_t trials[BUDGETS] = {300, 900};
    static const char *const what[BUDGETS][5] = {
        {"mean rank after 300 evaluations, shared over separate", "rank, 300, shared",
         "rank, 300, three searches of 100", "share within the best 1 %, 300, shared",
         "share within the best 1 %, 300, three searches"},
        {"mean rank after 900 evaluations, shared over separate", "rank, 900, shared",
         "rank, 900, three searches of 300", "share within the best 1 %, 900, shared",
         "share within the best 1 %, 900, three searches"}};
    for (int b = 0; b < BUDGETS; b++) {
        answer one, three;
        double ratio, lo, hi;
        CULL_TRY(shared(cx, t, trials[b], seeds, &one));
        CULL_TRY(separate(cx, t, trials[b], seeds, &three));
        CULL_TRY(cull__claim_ratio(cx, one.rank, three.rank, seeds, &ratio, &lo, &hi));
        cull__claim_add_line(out, what[b][0], ratio, lo, hi, true, .5);
        cull__claim_figure(out, what[b][1], one.rank);
        cull__claim_figure(out, what[b][2], three.rank);
        cull__claim_figure(out, what[b][3], one.top);
        cull__claim_figure(out, what[b][4], three.top);
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__search_table t;
    CULL_TRY(cull__search_table_open(cx, data_dir, &cull__nb201, &t));
    cull_status s = measure(cx, &t, seeds, out);
    cull__search_table_close(&t);
    out->note = "ranks are of 15625 designs, 0 = the best; the vision tasks of the paper, its "
                "supernet and its pseudo-labels are not checked";
    return s;
}

const cull__claim cull__claim_fbnetv5 = {
    .about = {.slug = "fbnetv5",
              .claim = "one search whose evaluations teach a policy for each task finds designs "
                       "that rank at most half as far down as those of a search for each task",
              .setting = "NAS-Bench-201, its three data sets as tasks; reinforce with its "
                         "defaults; 300 and 900 evaluations in all, 20 seeds"},
    .seeds = 20,
    .run = run,
};
