/* tadred - channels that a task network can do without (TADRED: Blumberg et al. 2024)
 *
 * Chooses   columns (measurements, channels) for predicting several numbers at once, or classes.
 * Idea      A score network gives each channel of each row a factor in (0, 2); a task network predicts from
 *           the scaled channels. Both are trained together; then the mean scores take the place of the drawn
 *           ones, the channels with the smallest fade into their medians, and training goes on with the same
 *           weights: half of the channels, half of those, until the budget is met (section 3, algorithm 1).
 * Reads     columns of numbers without missing values; the target.
 * Deviates  (a) Rows are shuffled in each epoch; the released code goes over them in order. (b) The mean
 *           scores of the first step are those of its best weights over all rows to train on, not of the
 *           running epoch. (c) Rows to stop by are drawn (holdout), where the paper has them given. (d)
 *           Classes by cross entropy. (e) Columns that are constant are no candidates. (f) The default width
 *           is 256; the paper searches widths to 1000. (g) What a budget in costs leaves over goes to the
 *           channels that stayed longest.
 * Cost      O(epochs n (d hidden + hidden^2)) time, a few hundred epochs for each halving; 4 n numbers of
 *           the target and the tapes of one batch.
 * Example   cull feature tadred --target y.npy --budget 8 channels.npy
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/channels.h"

#include <inttypes.h>
#include <math.h>

typedef struct {
    int64_t hidden, layers, batch, fix, fade, drop, patience, epochs;
    double rate, shrink, holdout;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, hidden, 256, 1, 8192, "units of each hidden layer"),
    CULL_OPT_I64(opts, layers, 2, 1, 8, "hidden layers of both networks"),
    CULL_OPT_F64(opts, rate, 1e-4, 1e-9, 1, "Adam's learning rate"),
    CULL_OPT_I64(opts, batch, 1500, 1, 1 << 20, "rows of a step"),
    CULL_OPT_F64(opts, shrink, 0.5, 0.01, 0.99,
                 "what a step leaves of the channels, until the budget"),
    CULL_OPT_F64(opts, holdout, 0.2, 0.01, 0.9, "share of the rows that stopping is judged by"),
    CULL_OPT_I64(opts, fix, 25, 2, 1 << 20, "epochs of a step before its scores are fixed"),
    CULL_OPT_I64(opts, fade, 10, 1, 1 << 20, "epochs in which the score network fades out"),
    CULL_OPT_I64(opts, drop, 10, 1, 1 << 20, "epochs in which the channels that go fade out"),
    CULL_OPT_I64(opts, patience, 20, 1, 1 << 20,
                 "a step ends after so many epochs without a better loss"),
    CULL_OPT_I64(opts, epochs, 1000, 1, 1 << 20, "most epochs of a step"),
    CULL_OPT_END};

enum { STEPS = 2048 }; /* .99^2048 is 1e-9 */

static cull__channels_opts inner(const opts *o)
{
    return (cull__channels_opts){.hidden = o->hidden,
                                 .layers = o->layers,
                                 .batch = o->batch,
                                 .rate = o->rate,
                                 .holdout = o->holdout,
                                 .fix = o->fix,
                                 .fade = o->fade,
                                 .drop = o->drop,
                                 .patience = o->patience,
                                 .epochs = o->epochs};
}

/* What each step may cost: all, then a share of it, ... the budget. */
static int sizes_of(const cull_feature_problem *p, double shrink, double *size)
{
    double all = 0;
    int steps = 0;
    for (int64_t c = 0; c < p->d; c++)
        if (!(p->have && p->have[c]) && !(p->avoid && p->avoid[c])) all += p->cost ? p->cost[c] : 1;
    size[steps++] = all;
    while (all > p->budget && steps < STEPS) {
        all = all * shrink > p->budget ? all * shrink : p->budget;
        size[steps++] = all;
    }
    return steps;
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    const opts *a = o;
    cull__channels_opts in = inner(a);
    cull__channels c;
    cull__taker t;
    double *size, *score;
    CULL_TRY(CULL_TMP(cx, size, STEPS));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(cull__channels_train(cx, p, &in, size, sizes_of(p, a->shrink, size), &c));
    for (int64_t i = 0; i < p->d; i++)
        score[i] = c.stayed[i] + c.score[i] / 2; /* c.score is below 2 */
    if (c.steps)
        cull__remark(cx,
                     "loss on rows held out: %.6g with all channels, %.6g with those kept; %" PRId64
                     " epochs",
                     c.loss[0], c.loss[c.steps - 1], c.epochs);
    cull__channels_free(&c);
    CULL_TRY(cull__columns_best(cx, p, &t, score));
    return cull__columns_pick(
        cx, p, &t,
        &(cull__columns){.score = score,
                         .score_is = "steps it stayed for, plus half its mean score"},
        out);
}

/* What it holds turns on the tapes of a batch and is measured, not told. */
static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)threads;
    cull__channels_opts in = inner(o);
    double size[STEPS], steps = sizes_of(p, ((const opts *)o)->shrink, size);
    double epochs = steps * (double)(in.fix + in.fade + in.drop + in.patience + in.epochs / 10);
    double wide = 2 * (double)p->d * (double)in.hidden;
    double deep = (double)in.hidden * (double)in.hidden * (double)(in.layers - 1);
    *out = (cull_plan){0, epochs, epochs * (double)p->n * 6 * (wide + 2 * deep)};
}

const cull_method cull__method_tadred = {
    .slug = "tadred",
    .title = "channels that a task network can do without",
    .paper = "Blumberg et al. 2024, Experimental Design for Multi-Channel Imaging via Task-Driven "
             "Feature Selection",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_NEEDS_Y,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
