/* smbo - sequential model-based search with a cheap predictor (Negrinho and Gordon 2017,
 * DeepArchitect)
 *
 * Chooses   the design that a predictor likes best of some that are drawn.
 * Idea      Learn the value from the designs told so far: which values its parameters have and
 *           which pairs of values two parameters that follow one another have. Draw 50 designs and
 *           ask the one of the least predicted value; now and then ask any of them.
 * Reads     values and violations of all trials told.
 * Deviates  (a) Features are values and pairs of values, not names of modules and their n-grams: so
 *           two widths differ. (b) The ridge's penalty is 1, not 1000, which leaves little but the
 *           mean of 64 trials. (c) Beside the 50 there are 100 changes of the best trials, which
 *           draws never come near; one time in ten any is asked; the first 10 are drawn; the ranks'
 *           normal scores are learnt. changed = 0, epsilon = 0.25, startup = 2 and scale = values
 *           are the paper's. (d) Trials that failed are worse than the worst.
 * Cost      one fit a question: ridge O(n d^2) for n trials and d features.
 * Example   cull search space.cull --method smbo --minimize error --budget 200 -- ./train {lr}
 */
#include "search/sampler_model.h"

#include <math.h>
#include <string.h>

typedef struct {
    int predictor;
    int64_t startup, pool, changed, parents;
    double epsilon, l2;
    bool pairs;
    int scale;
} opts;
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, predictor, CULL_PREDICT_RIDGE, CULL__PREDICTORS, "what learns the value"),
    CULL_OPT_I64(opts, startup, 10, 2, 1000000, "trials told before anything is learnt"),
    CULL_OPT_I64(opts, pool, 50, 1, 1000000, "designs drawn for each that is asked"),
    CULL_OPT_I64(opts, changed, 100, 0, 1000000, "and designs made of the best ones by a change"),
    CULL_OPT_I64(opts, parents, 10, 1, 10000, "how many count as the best then"),
    CULL_OPT_F64(opts, epsilon, 0.1, 0, 1, "share of questions that take any drawn design"),
    CULL_OPT_F64(opts, l2, 1, 0, 1e12, "penalty of the ridge; 0 = chosen by cross-validation"),
    CULL_OPT_BOOL(opts, pairs, 1, "learn from pairs of values too"),
    CULL_OPT_ENUM(opts, scale, CULL__NORMAL_SCORES, CULL__SCALES, "what is learnt of a value"),
    CULL_OPT_END};

typedef struct {
    opts o;
    cull__features f;
} state;

static cull_status open(cull_ctx *cx, const cull_search_problem *p, const void *o, void **out)
{
    state *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->o = *(const opts *)o;
    cull__features_open(p->space, CULL_ENCODE_LEVELS, s->o.pairs, &s->f);
    *out = s;
    return CULL_OK;
}

static cull_status choose(cull_ctx *cx, const cull__surrogate *m, const double *pool, int64_t n,
                          int64_t *best)
{
    double *mean, *violation;
    CULL_TRY(CULL_TMP(cx, mean, n));
    CULL_TRY(CULL_TMP(cx, violation, n));
    CULL_TRY(cull__surrogate_say(cx, m, pool, n, mean, NULL, violation, NULL));
    *best = 0;
    for (int64_t i = 1; i < n; i++)
        if (violation[i] < violation[*best] ||
            (violation[i] == violation[*best] && mean[i] < mean[*best]))
            *best = i;
    return CULL_OK;
}

static cull_status learn_and_choose(cull_ctx *cx, state *s, const cull_search_view *v, int attempt,
                                    cull_rng *r, double *x)
{
    cull__rows rows;
    cull__surrogate m = {0};
    double *from, *pool;
    int64_t parents, n, best;
    cull_predict_opts p = CULL_PREDICT_OPTS;
    p.kind = (cull_predict_kind)s->o.predictor;
    p.l2 = s->o.l2;
    CULL_TRY(cull__rows_open(cx, v, v->tells, &s->f, (cull__scale)s->o.scale, &rows));
    CULL_TRY(cull__rows_parents(cx, v, &rows, s->o.parents, &from, &parents));
    CULL_TRY(
        cull__inner_some(cx, v, v->trials, s->o.pool, s->o.changed, from, parents, r, &pool, &n));
    if (n == 0) return cull__model_start(cx, v, false, attempt, x);
    cull_status status = cull__surrogate_fit(cx, &rows, &s->f, &p, cull__rng_u64(r) >> 8, &m);
    if (status == CULL_OK) status = choose(cx, &m, pool, n, &best);
    cull__surrogate_close(&m);
    CULL_TRY(status);
    memcpy(x, pool + best * v->width, (size_t)v->width * sizeof *x);
    return CULL_OK;
}

static cull_status ask(cull_ctx *cx, void *state_, const cull_search_view *v, int attempt,
                       double *x)
{
    state *s = state_;
    cull_rng r = cull__search_rng(v, attempt);
    if (v->tells < s->o.startup || cull__rng_unit(&r) < s->o.epsilon)
        return cull__model_start(cx, v, false, attempt, x);
    return learn_and_choose(cx, s, v, attempt, &r, x);
}

static const cull_search_fns fns = {.open = open, .close = cull__free, .ask = ask};
const cull_method cull__method_smbo = {
    .slug = "smbo",
    .title = "the best of some drawn designs, by a predictor learnt from the trials",
    .paper = "Negrinho and Gordon 2017, DeepArchitect: Automatically Designing and Training Deep "
             "Architectures",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 3,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
