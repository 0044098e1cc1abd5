/* less - LESS: low-rank gradient similarity search (Xia et al. 2024)
 *
 * Chooses   training examples whose gradients point where a target's do, so that a step on them lowers
 *           the target's loss.
 * Idea      The influence of an example on a target task is, summed over checkpoints of a warm-up
 *           training, the rate of learning there times the cosine of the example's gradient (the
 *           paper's: Adam's update, projected to 8192 numbers) with that of a target example, the mean
 *           over the task's examples (sections 2 and 4). An example counts by the task that it serves
 *           best; the best are kept.
 * Reads     gradients of the pool and of the target as embeddings, those at several checkpoints side by
 *           side; the rate of each checkpoint (--rates; all alike without them); the task of each
 *           target row, if given.
 * Deviates  Rates count by their share of their sum, as in the paper's code. A task may have any number
 *           of examples; one without any is left out. A gradient of zeros has cosine 0 with all.
 * Cost      O(n d t + m d) time for t tasks and m target rows, one pass; 12 n + 12 t d bytes. Never
 *           n x m numbers, and no gradient is held: files are mapped.
 * Example   cull data less --budget 5% --embeddings pool.npy --target-embeddings want.npy pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"
#include "num/num.h"

#include <math.h>

typedef struct {
    char none;
} opts;
static const cull_opt table[] = {CULL_OPT_END};

/* What rows are compared with. */
typedef struct {
    int64_t d, parts; /* numbers a row; gradients it is made of */
    double *weight;   /* (parts) */
    int64_t n;        /* tasks that have examples */
    float *query;     /* (n, d) the mean of their examples' gradients, each of unit length */
    int32_t *task;    /* (n) which task that is */
} tasks;

static int32_t tasks_of(const cull_data_problem *p) { return p->target_task ? p->target_tasks : 1; }
static int64_t parts_of(const cull_data_problem *p) { return p->rate ? p->rates : 1; }

static cull_status weights(cull_ctx *cx, const cull_data_problem *p, tasks *t)
{
    double sum = 0;
    CULL_TRY(CULL_TMP(cx, t->weight, t->parts));
    for (int64_t c = 0; c < t->parts; c++) sum += t->weight[c] = p->rate ? p->rate[c] : 1;
    for (int64_t c = 0; c < t->parts; c++) t->weight[c] /= sum;
    return CULL_OK;
}

/* Sums (tasks, d) of the target rows of each task, every gradient at unit length; count (tasks). */
static cull_status sum_up(cull_ctx *cx, const cull_data_problem *p, const tasks *t, double *sum,
                          int64_t *count)
{
    const cull__kern *kern = cull__kernels(cx);
    int64_t each = t->d / t->parts;
    float *row;
    CULL_TRY(CULL_TMP(cx, row, t->d));
    for (int64_t i = 0; i < cull_pool_n(p->target); i++) {
        int32_t task = p->target_task ? p->target_task[i] : 0;
        const float *x = cull_pool_rows(p->target, i, i + 1, row);
        double *to = sum + task * t->d;
        count[task]++;
        for (int64_t c = 0; c < t->parts; c++, x += each, to += each) {
            double norm = sqrt(kern->dot(x, x, each));
            for (int64_t k = 0; norm > 0 && k < each; k++) to[k] += (double)x[k] / norm;
        }
    }
    return CULL_OK;
}

static cull_status tasks_new(cull_ctx *cx, const cull_data_problem *p, tasks *t)
{
    int64_t all = tasks_of(p), *count;
    double *sum;
    *t = (tasks){.d = cull_pool_d(p->pool), .parts = parts_of(p)};
    CULL_TRY(weights(cx, p, t));
    CULL_TRY(CULL_TMP(cx, t->query, all * t->d));
    CULL_TRY(CULL_TMP(cx, t->task, all));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, sum, all * t->d));
    CULL_TRY(CULL_TMP0(cx, count, all));
    CULL_TRY(sum_up(cx, p, t, sum, count));
    for (int32_t i = 0; i < all; i++) {
        if (!count[i]) continue;
        for (int64_t k = 0; k < t->d; k++)
            t->query[t->n * t->d + k] = (float)(sum[i * t->d + k] / (double)count[i]);
        t->task[t->n++] = i;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o, cull_pick *out)
{
    bool by_task = tasks_of(p) > 1;
    cull__taker taker;
    tasks t;
    double *score;
    int32_t *by = NULL;
    (void)o;
    CULL_TRY(cull__taker_new(cx, p, &taker));
    CULL_TRY(tasks_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->n));
    if (by_task) CULL_TRY(CULL_TMP(cx, by, p->n));
    CULL_TRY(cull__pool_best_parts(cx, p->pool, t.weight, t.parts, t.query, t.n, score, by));
    for (int64_t i = 0; by_task && i < p->n; i++) by[i] = t.task[by[i]];
    CULL_TRY(cull__take_best(cx, &taker, NULL, score, by));
    return cull__taker_pick(cx, &taker, by_task ? "task" : "", out);
}

static void plan(const cull_data_problem *p, const void *o, int threads, cull_plan *out)
{
    double n = (double)p->n, d = (double)cull_pool_d(p->pool), t = tasks_of(p);
    double held = (double)cull__taker_plan(p) + 4 * t * d + 8 * (double)parts_of(p);
    double sums = 8 * t * d + 4 * d;
    double scores = (t > 1 ? 12 : 8) * n;
    double take = (double)(cull__take_best_plan(p) - cull__taker_plan(p));
    double search = 16 * d + threads * (256 * (4 * d + 4 * fmin(t, 1024)) + 65536);
    (void)o;
    *out =
        (cull_plan){(uint64_t)(held + fmax(sums, scores + fmax(take, search))), 1, 2 * n * d * t};
}

const cull_method cull__method_less = {
    .slug = "less",
    .title = "gradients that point where the target's do, over checkpoints, by its best task",
    .paper = "Xia et al. 2024, LESS: Selecting Influential Data for Targeted Instruction Tuning",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL | CULL_NEEDS_TARGET,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
