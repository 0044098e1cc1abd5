/* reinforce - policies learnt from rewards, one for each task of a run (Wu et al. 2021)
 *
 * Chooses   designs of a space: by one objective, or for several tasks at once, an objective each.
 * Idea      A task's policy draws every value by a softmax of its own numbers theta. A design is
 *           drawn from the equal mixture of all policies, or uniformly by chance `explore`; its
 *           probability q is kept. What it is told moves every task: theta += rate w (r - b) grad
 *           ln pi, with w = min(clip, pi / q), r the task's value turned round and in deviations
 *           from its mean, b its moving average. So one evaluation teaches all tasks (FBNetV5's
 *           search). Of a study with a number of trials the last `final` designs of each task are
 *           its policy's most probable one, then draws from it: the answer for that task is among
 *           what was evaluated.
 * Reads     values and violations of trials that are done.
 * Deviates  (a) r is in deviations of the task's values so far, so that no task outweighs another.
 *           (b) A violation is taken off r, `penalty` for each unit. (c) Failures have the worst
 *           value so far. (d) theta may have moved between asking and telling: w is of theta when
 *           told, q of when asked. (e) A design that was asked before is not drawn again unless
 *           `again` allows it: then q is not quite what it was drawn by. (f) Designs queued or
 *           added by the user count as if drawn. (g) Reals and long ints are cut to `levels` parts,
 *           drawn uniformly within. (h) Without `tasks` several objectives are one reward, the mean
 *           of theirs.
 * Cost      O(tasks x values) time for a design; 8 bytes a value and task, 8 a trial.
 * Example   cull search space.cull --method reinforce --maximize c10,c100 -- ./train {arch}
 */
#include "base/base.h"
#include "cull/search.h"
#include "search/parts.h"

#include <math.h>

typedef struct {
    double rate, explore, clip, smooth, penalty;
    int64_t final, levels;
    bool tasks;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, rate, 0.15, 0, 100, "how far a reward of 1 moves theta"),
    CULL_OPT_F64(opts, explore, 0.1, 1e-6, 1, "chance of a design drawn uniformly"),
    CULL_OPT_F64(opts, clip, 5, 1, 1e6, "largest weight of a design drawn for another task"),
    CULL_OPT_F64(opts, smooth, 0.95, 0, 1, "share of the old in the moving average of rewards"),
    CULL_OPT_F64(opts, penalty, 1, 0, 1e6, "what a unit of violation takes off the reward"),
    CULL_OPT_I64(opts, final, 1, 0, 1e6, "last designs of each task that are its policy's best"),
    CULL_OPT_I64(opts, levels, 8, 2, 1e6,
                 "parts of a real's scale, and of an int's of more than 64 values"),
    CULL_OPT_BOOL(opts, tasks, true,
                  "several objectives are a task each, with a policy of its own"),
    CULL_OPT_END};

typedef struct {
    opts o;
    cull_ctx *cx;
    int objectives, tasks;
    int64_t points; /* that the budget buys; 0 = not known */
    cull__choices *choices;
    cull__policy *policy;
    double *q; /* trials: ln of the probability it was drawn with */
    int64_t asked, unpaid, room;
    cull__spread_t spread[CULL_OBJECTIVES];
    double average[CULL_OBJECTIVES];
    double weight[CULL_OBJECTIVES], square[CULL_OBJECTIVES],
        count; /* sums that fade: what weights are worth */
    int64_t told;
} learner;

static void close_(void *state)
{
    learner *l = state;
    if (!l) return;
    cull__policy_free(l->policy);
    cull__choices_free(l->choices);
    cull__free(l->q);
    cull__free(l);
}

static cull_status make(cull_ctx *cx, const cull_search_problem *p, learner *l)
{
    CULL_TRY(cull__choices_new(cx, p->space, l->o.levels, &l->choices));
    return cull__policy_new(cx, l->choices, l->tasks, &l->policy);
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    learner *l;
    CULL_TRY(CULL_ALLOC(cx, l, 1));
    l->cx = cx, l->o = *(const opts *)o, l->objectives = p->objectives;
    l->tasks = l->o.tasks ? p->objectives : 1;
    l->points = p->trials / (p->replicates > 1 ? p->replicates : 1);
    cull_status s = make(cx, p, l);
    if (s != CULL_OK) {
        close_(l);
        return s;
    }
    *state = l;
    return CULL_OK;
}

/* Whose last designs the budget has come to; -1 = nobody's. */
static int last_of(const learner *l, const cull_search_view *v)
{
    int64_t left = l->points - (v->trials - l->unpaid);
    if (!l->points || left <= 0 || left > l->tasks * l->o.final) return -1;
    return (int)((l->tasks * l->o.final - left) % l->tasks);
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    const learner *l = state;
    cull_rng r = cull__search_rng(v, attempt);
    int last = last_of(l, v);
    if (last >= 0 && attempt == 0 && cull__policy_most(l->policy, last, &r, x)) return CULL_OK;
    for (int k = 0; k < 64; k++) {
        int task = last >= 0 ? last : (int)cull__rng_below(&r, l->tasks);
        if (cull__rng_unit(&r) < (attempt < 100 ? l->o.explore : 1)) task = -1;
        if (cull__policy_draw(l->policy, task, &r, x)) return CULL_OK;
    }
    return cull__space_draw(cx, v->space, &r, x);
}

/* ln of e * uniform + (1 - e) * mean of the policies. */
static double mixture(const learner *l, const double *x)
{
    double part[CULL_OBJECTIVES + 1], top = -INFINITY, sum = 0;
    part[l->tasks] = log(l->o.explore) + cull__policy_log(l->policy, -1, x);
    for (int t = 0; t < l->tasks; t++)
        part[t] = log((1 - l->o.explore) / l->tasks) + cull__policy_log(l->policy, t, x);
    for (int t = 0; t <= l->tasks; t++) top = fmax(top, part[t]);
    for (int t = 0; t <= l->tasks; t++) sum += exp(part[t] - top);
    return top + log(sum);
}

static cull_status asked(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    (void)cx;
    learner *l = state;
    if (number < l->asked) return CULL_OK;
    CULL_TRY(CULL_GROW(l->cx, l->q, &l->room, number + 1));
    l->q[l->asked++] = mixture(l, v->x + number * v->width);
    l->unpaid +=
        v->state[number] != CULL_TRIAL_RUNNING; /* known at once: it is no part of the budget */
    return CULL_OK;
}

/* Objective j of the trial as a reward: in deviations, larger is better. */
static double reward(learner *l, const cull_search_view *v, int64_t number, bool good, int j)
{
    cull__spread_t *s = &l->spread[j];
    double value = good ? v->value[number * l->objectives + j] : s->most;
    if (good) cull__spread_add(s, value);
    double sd = cull__spread_sd(s);
    return sd > 0 ? (s->mean - value) / sd : 0;
}

static void remark(const learner *l, cull_ctx *cx)
{
    double least = 1;
    for (int t = 0; t < l->tasks; t++)
        least = fmin(least, l->weight[t] * l->weight[t] / (l->square[t] * l->count));
    cull__remark(cx,
                 "the latest designs teach each task as %.0f %% as many of its own would, or more",
                 100 * least);
}

static void learn(learner *l, const cull_search_view *v, int64_t number, int task, double r)
{
    const double *x = v->x + number * v->width;
    double w = exp(fmin(cull__policy_log(l->policy, task, x) - l->q[number], 700));
    w = fmin(w, l->o.clip);
    cull__policy_add(l->policy, task, x, l->o.rate * w * (r - l->average[task]));
    l->average[task] = l->o.smooth * l->average[task] + (1 - l->o.smooth) * r;
    l->weight[task] = 0.98 * l->weight[task] + w;
    l->square[task] = 0.98 * l->square[task] + w * w;
}

static cull_status told(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    learner *l = state;
    bool good = cull__trial_counts(v, number);
    double r[CULL_OBJECTIVES], mean = 0;
    for (int j = 0; j < l->objectives; j++) {
        r[j] = reward(l, v, number, good, j);
        if (good) r[j] -= l->o.penalty * v->violation[number];
        mean += r[j] / l->objectives;
    }
    for (int t = 0; t < l->tasks; t++) learn(l, v, number, t, l->o.tasks ? r[t] : mean);
    l->count = 0.98 * l->count + 1;
    if (++l->told % 16 == 0 && l->tasks > 1) remark(l, cx);
    return CULL_OK;
}

static const cull_search_fns fns = {
    .open = open_, .close = close_, .ask = ask, .asked = asked, .told = told};

const cull_method cull__method_reinforce = {
    .slug = "reinforce",
    .title = "policies learnt from rewards, one for each task, from the same evaluations",
    .paper = "Williams 1992, Simple Statistical Gradient-Following Algorithms; Wu et al. 2021, "
             "FBNetV5: Neural Architecture Search for Multiple Tasks in One Run",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
