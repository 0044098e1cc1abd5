/* linas - predictors in the loop of an evolution (Cummings et al. 2022, DyNAS-T: LINAS)
 *
 * Chooses   designs that together cover much: a front of several objectives, or the best by one.
 * Idea      A population is evaluated; a predictor for each objective is fitted to all trials so
 *           far; NSGA-II with thousands of predicted evaluations makes the next population.
 * Reads     values and violations of the trials told when a population begins.
 * Deviates  (a) Populations of 25, not 50: more fits for the same number of trials. (b) novel:
 *           designs that were evaluated have no place in the predicted population, as they would be
 *           evaluated again. (c) Mutation draws another value at a rate of 1 / parameters and
 *           crossover is uniform; operators = rounded is the paper's simulated binary crossover
 *           and polynomial mutation, which stands still with few choices. (d) Ridge by default, whose
 *           penalty cross-validation chooses; predictor = auto compares all kinds. (e) With workers
 *           a population begins before the last of the one before has come back.
 * Cost      one fit an objective and size rounds predictions a population.
 * Example   cull search space.cull --method linas --minimize error,latency -- ./train {lr}
 */
#include "search/sampler_model.h"

#include <string.h>

typedef struct {
    int predictor, operators;
    int64_t population, size, rounds;
    bool novel, pairs, even;
    int scale;
} opts;
enum { RESET, ROUNDED };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, population, 25, 2, 100000, "designs evaluated between two fits"),
    CULL_OPT_ENUM(opts, predictor, CULL_PREDICT_RIDGE, CULL__PREDICTORS, "what learns the values"),
    CULL_OPT_I64(opts, size, 50, 4, 100000, "of the predicted population"),
    CULL_OPT_I64(opts, rounds, 100, 1, 1000000, "generations of it"),
    CULL_OPT_ENUM(opts, operators, RESET, "reset|rounded", "how a design is made of two"),
    CULL_OPT_BOOL(opts, novel, 1, "leave out designs that were evaluated"),
    CULL_OPT_BOOL(opts, pairs, 0, "learn from pairs of values too"),
    CULL_OPT_ENUM(opts, scale, CULL__NORMAL_SCORES, CULL__SCALES, "what is learnt of a value"),
    CULL_OPT_BOOL(opts, even, 1, "spread the first population evenly; else it is drawn"),
    CULL_OPT_END};

typedef struct {
    cull__batch batch; /* first: close and asked are its own */
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
    cull__batch_open(&s->batch, s->o.population);
    *out = s;
    return CULL_OK;
}

/* Twice as many as a population, so that some may turn out to be seen. */
static cull_status evolve(cull_ctx *cx, state *s, const cull_search_view *v, int64_t batch,
                          cull__surrogate *m, cull_rng *r)
{
    const cull__inner o = {.size = s->o.size > s->o.population ? s->o.size : s->o.population,
                           .rounds = s->o.rounds,
                           .cross = 0.9,
                           .known = batch * s->o.population,
                           .fresh = s->o.novel,
                           .rounded = s->o.operators == ROUNDED};
    double *out, *x;
    int64_t got;
    CULL_TRY(CULL_TMP(cx, out, 2 * s->o.population * v->width));
    CULL_TRY(cull__inner_run(cx, v, &o, v->objectives, cull__inner_predicted, m, r,
                             2 * s->o.population, out, &got));
    CULL_TRY(cull__batch_room(cx, &s->batch, v, got, &x));
    if (got) memcpy(x, out, (size_t)(got * v->width) * sizeof *x);
    return CULL_OK;
}

static cull_status make(cull_ctx *cx, state *s, const cull_search_view *v, int64_t batch,
                        int64_t tells)
{
    cull__rows rows;
    cull__surrogate m = {0};
    cull_rng r = cull__batch_rng(v, batch);
    cull_predict_opts p = CULL_PREDICT_OPTS;
    p.kind = (cull_predict_kind)s->o.predictor;
    CULL_TRY(cull__rows_open(cx, v, tells, &s->f, (cull__scale)s->o.scale, &rows));
    cull_status status = cull__surrogate_fit(cx, &rows, &s->f, &p, cull__rng_u64(&r) >> 8, &m);
    if (status == CULL_OK) status = evolve(cx, s, v, batch, &m, &r);
    cull__surrogate_close(&m);
    return status;
}

static cull_status ask(cull_ctx *cx, void *state_, const cull_search_view *v, int attempt,
                       double *x)
{
    state *s = state_;
    int64_t batch, tells;
    bool made = cull__batch_made(&s->batch, v, &batch, &tells);
    if (batch == 0 || tells < 2) return cull__model_start(cx, v, s->o.even, attempt, x);
    if (!made) CULL_TRY(make(cx, s, v, batch, tells));
    if (cull__batch_take(&s->batch, v, attempt, x)) return CULL_OK;
    return cull__model_start(cx, v, false, attempt, x);
}

static const cull_search_fns fns = {
    .open = open, .close = cull__batch_close, .ask = ask, .asked = cull__batch_asked};
const cull_method cull__method_linas = {
    .slug = "linas",
    .title = "populations bred on predictors that are fitted anew to each (LINAS)",
    .paper = "Cummings et al. 2022, A Hardware-Aware Framework for Accelerating Neural "
             "Architecture Search Across Modalities",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 3,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
