/* gbdt-nas - boosted trees rank a space, and prune it by SHAP values (Luo et al. 2020, GBDT-NAS and
 * GBDT-NAS-3S)
 *
 * Chooses   designs that boosted trees rank first, of a space without the values that make things
 *           worse.
 * Idea      Evaluate some random designs, fit boosted trees on their values, predict all designs
 *           (or many), evaluate the best; again. prune: SHAP values say what each value of a
 *           parameter does to the answers; the worst are left out of what is predicted.
 * Reads     values and violations of the trials told when a batch begins.
 * Deviates  (a) Batches of 20 after 40 random trials, not 1000 and 1000: trees grow leaves of fewer
 *           rows where there are few. (b) No model knows the mean and spread of the whole
 *           benchmark: values are standardised over the trials. (c) prune: a parameter keeps a
 *           value, and a quarter of the values may go at most, found anew for each batch; of pairs,
 *           where the value's own share speaks against it too. None by default. (d) A space of more
 *           than `pool` designs is drawn from, half of that are the best trials changed. (e) Trials
 *           that failed are worse than the worst and stay. (f) predictor: anything else that learns
 *           may rank the space.
 * Cost      one fit and pool predictions a batch; pairs O(n d^2) walks of trees.
 * Example   cull search space.cull --method gbdt-nas --minimize error --budget 200 -- ./train {lr}
 */
#include "search/sampler_model.h"
#include "search/sampler_prune.h"

#include <string.h>

typedef struct {
    int64_t startup, batch, pool, rounds, depth, leaf;
    double rate, pruned;
    int predictor, prune, scale;
} opts;
enum { NONE, VALUES, PAIRS };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, startup, 40, 2, 1000000, "random trials told before trees are fitted"),
    CULL_OPT_I64(opts, batch, 20, 1, 100000, "designs evaluated between two fits"),
    CULL_OPT_I64(opts, pool, 20000, 10, 10000000, "designs that are predicted, at most"),
    CULL_OPT_I64(opts, rounds, 100, 1, 100000, "trees"),
    CULL_OPT_I64(opts, depth, 6, 1, 30, "of a tree at most"),
    CULL_OPT_F64(opts, rate, 0.1, 1e-4, 1, "share of each tree's answer that counts"),
    CULL_OPT_I64(opts, leaf, 0, 0, 1000000,
                 "trials of a tree's leaf at least; 0 = grows with them"),
    CULL_OPT_ENUM(opts, predictor, CULL_PREDICT_BOOST, CULL__PREDICTORS,
                  "what learns the values instead of boosted trees"),
    CULL_OPT_ENUM(opts, prune, NONE, "none|values|pairs",
                  "leave out values by their SHAP values, or by those of pairs"),
    CULL_OPT_F64(opts, pruned, 0.25, 0, 1, "prune: share of all values that may be left out"),
    CULL_OPT_ENUM(opts, scale, CULL__NORMAL_SCORES, CULL__SCALES, "what is learnt of a value"),
    CULL_OPT_END};
enum { PARENTS = 20 };

typedef struct {
    cull__batch batch; /* first: close and asked are its own */
    opts o;
    bool few; /* the whole space is predicted */
    cull__features f;
} state;

static cull_status open(cull_ctx *cx, const cull_search_problem *p, const void *o, void **out)
{
    state *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->o = *(const opts *)o;
    s->few = cull__inner_few(cx, p->space, s->o.pool);
    cull__features_open(p->space, CULL_ENCODE_LEVELS, false, &s->f);
    cull__batch_open(&s->batch, s->o.batch);
    *out = s;
    return CULL_OK;
}

static cull_status fits(cull_ctx *cx, const cull_search_problem *p, const void *opts_)
{
    const opts *o = opts_;
    (void)p;
    if (o->prune == NONE || o->predictor == CULL_PREDICT_BOOST) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION,
                      "gbdt-nas: prune goes by shares of boosted trees, and predictor is %s",
                      cull_predict_name((cull_predict_kind)o->predictor));
}

/* What may be asked: all designs that are new, or many. */
static cull_status candidates(cull_ctx *cx, state *s, const cull_search_view *v, int64_t known,
                              const cull__rows *rows, cull_rng *r, double **x, int64_t *n)
{
    if (s->few) return cull__inner_all(cx, v, known, s->o.pool, x, n);
    int64_t parents;
    double *from;
    CULL_TRY(cull__rows_parents(cx, v, rows, PARENTS, &from, &parents));
    return cull__inner_some(cx, v, known, s->o.pool / 2, s->o.pool - s->o.pool / 2, from, parents,
                            r, x, n);
}

/* Designs with a value that is left out come after all others. */
static cull_status rank(cull_ctx *cx, state *s, const cull__surrogate *m, const cull__rows *rows,
                        const double *x, int64_t n, int64_t *order)
{
    double *mean, *violation, *row;
    uint8_t *out;
    CULL_TRY(CULL_TMP(cx, mean, n));
    CULL_TRY(CULL_TMP(cx, violation, n));
    CULL_TRY(CULL_TMP(cx, row, s->f.d));
    CULL_TRY(CULL_TMP0(cx, out, s->f.d));
    CULL_TRY(cull__surrogate_say(cx, m, x, n, mean, NULL, violation, NULL));
    if (s->o.prune != NONE) {
        int64_t most = (int64_t)(s->o.pruned * (double)s->f.d);
        CULL_TRY(cull__prune(cx, m->of[0], rows, &s->f, s->o.prune, most, out));
        for (int64_t i = 0; i < n; i++) {
            cull__features_of(&s->f, x + i * cull_space_width(s->f.space), row);
            if (!cull__prune_keeps(out, row, s->f.d)) violation[i] += 1e9;
        }
    }
    return cull__inner_order(cx, mean, violation, n, order);
}

static cull_status fill(cull_ctx *cx, state *s, const cull_search_view *v, int64_t batch,
                        const cull__surrogate *m, const cull__rows *rows, cull_rng *r)
{
    int64_t n, *order, known = batch * s->o.batch;
    double *x, *to;
    CULL_TRY(candidates(cx, s, v, known, rows, r, &x, &n));
    CULL_TRY(CULL_TMP(cx, order, n));
    CULL_TRY(rank(cx, s, m, rows, x, n, order));
    int64_t want = n < 2 * s->o.batch ? n : 2 * s->o.batch; /* some may turn out to be seen */
    CULL_TRY(cull__batch_room(cx, &s->batch, v, want, &to));
    for (int64_t i = 0; i < want; i++)
        memcpy(to + i * v->width, x + order[i] * v->width, (size_t)v->width * sizeof *to);
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
    p.rounds = s->o.rounds;
    p.depth = s->o.depth;
    p.rate = s->o.rate;
    p.leaf = (double)s->o.leaf;
    CULL_TRY(cull__rows_open(cx, v, tells, &s->f, (cull__scale)s->o.scale, &rows));
    cull_status status = cull__surrogate_fit(cx, &rows, &s->f, &p, cull__rng_u64(&r) >> 8, &m);
    if (status == CULL_OK) status = fill(cx, s, v, batch, &m, &rows, &r);
    cull__surrogate_close(&m);
    return status;
}

static cull_status ask(cull_ctx *cx, void *state_, const cull_search_view *v, int attempt,
                       double *x)
{
    state *s = state_;
    int64_t batch, tells;
    bool made = cull__batch_made(&s->batch, v, &batch, &tells);
    if (tells < s->o.startup) return cull__model_start(cx, v, false, attempt, x);
    if (!made) CULL_TRY(make(cx, s, v, batch, tells));
    if (cull__batch_take(&s->batch, v, attempt, x)) return CULL_OK;
    return cull__model_start(cx, v, false, attempt, x);
}

static const cull_search_fns fns = {
    .open = open, .close = cull__batch_close, .ask = ask, .asked = cull__batch_asked, .fits = fits};
const cull_method cull__method_gbdt_nas = {
    .slug = "gbdt-nas",
    .title = "designs that boosted trees rank first, without values that SHAP speaks against",
    .paper = "Luo et al. 2020, Accuracy Prediction with Non-neural Model for Neural Architecture "
             "Search",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 3,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
