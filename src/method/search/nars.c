/* nars - a network that predicts, taught by what costs nothing (Dai et al. 2021, FBNetV3: NARS)
 *
 * Chooses   architecture and recipe together, within limits.
 * Idea      A network is first taught numbers of many designs that nobody trained, then the values
 *           of those that were. Each batch is the best of a large pool by prediction, and some
 *           drawn ones; the last one comes from an evolution over predictions alone.
 * Reads     values and violations of the trials told when a batch begins; the problem's statistics
 *           (FLOPs, parameters) of designs that nobody trained, where there are some.
 * Deviates  (a) Without statistics the network is first taught counts of each value over the
 *           design's parameters (how often conv3x3, how deep), of which costs like FLOPs are made. (b) One network sees all features; recipe and
 *           architecture are not told apart. (c) All its layers learn on from the first batch: to
 *           freeze some was slightly worse. (d) Batches of 20, not 48, and the spread over costs is
 *           left to the limits. (e) Evaluations are not cut short here: `stop` of the study does
 *           that. (f) Designs that are learnt first have 2^23 numbers at most, one for each value
 *           of the space: of more than some 4000 values there are fewer than `pretrain`.
 * Cost      one fit and pool predictions a batch; 8 bytes a value and trial.
 * Example   cull search space.cull --method nars --stats costs.csv --stats-columns flops,params
 *           --minimize error --budget 200 -- ./train {lr}
 */
#include "search/sampler_model.h"

#include <math.h>
#include <string.h>

typedef struct {
    int64_t batch, pool, pretrain, epochs, members, size, rounds;
    double epsilon;
    bool even;
    int scale;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, batch, 20, 2, 100000, "designs evaluated between two fits"),
    CULL_OPT_I64(opts, pool, 10000, 10, 10000000, "designs that are predicted for a batch"),
    CULL_OPT_F64(opts, epsilon, 0.1, 0, 1, "share of a batch that is drawn"),
    CULL_OPT_I64(opts, pretrain, 2000, 0, 1000000,
                 "designs whose statistics, or counts, are learnt first; 0 = none"),
    CULL_OPT_I64(opts, epochs, 100, 1, 100000, "of the network's training"),
    CULL_OPT_I64(opts, members, 1, 1, 100, "networks that are averaged"),
    CULL_OPT_I64(opts, size, 100, 4, 100000, "of the predicted population of the last batch"),
    CULL_OPT_I64(opts, rounds, 50, 1, 1000000, "generations of it"),
    CULL_OPT_ENUM(opts, scale, CULL__NORMAL_SCORES, CULL__SCALES, "what is learnt of a value"),
    CULL_OPT_BOOL(opts, even, 1, "spread the first batch evenly; else it is drawn"),
    CULL_OPT_END};
enum { COUNTS = 32, PARENTS = 20, FREE_NUMBERS = 1 << 23 };

typedef struct {
    cull__batch batch; /* first: close and asked are its own */
    opts o;
    int64_t trials; /* of the whole study; 0 = nobody knows */
    cull__features f;
} state;

static cull_status open(cull_ctx *cx, const cull_search_problem *p, const void *o, void **out)
{
    state *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->o = *(const opts *)o;
    s->trials = p->trials;
    cull__features_open(p->space, CULL_ENCODE_LEVELS, false, &s->f);
    cull__batch_open(&s->batch, s->o.batch);
    *out = s;
    return CULL_OK;
}

/* ---- what costs nothing ---- */
/* A row has a number for each value of the space. */
static int64_t free_most(const state *s)
{
    int64_t most = FREE_NUMBERS / (s->f.d + 1);
    return s->o.pretrain < most ? s->o.pretrain : most;
}

/* Statistics of `pretrain` designs, drawn where more are given. */
static cull_status stats_rows(cull_ctx *cx, const state *s, const cull_search_stats *t, cull_rng *r,
                              cull_predict_opts *p)
{
    int64_t d = s->f.d, width = cull_space_width(s->f.space), n = free_most(s), m = 0;
    double *x, *y;
    if (n > t->n) n = t->n;
    CULL_TRY(CULL_TMP(cx, x, n * d));
    CULL_TRY(CULL_TMP(cx, y, n * t->m));
    for (int64_t i = 0; i < t->n && m < n; i++) {
        if (cull__rng_below(r, t->n - i) >= n - m) continue;
        cull__features_of(&s->f, t->x + i * width, x + m * d);
        memcpy(y + m * t->m, t->y + i * t->m, (size_t)t->m * sizeof *y);
        m++;
    }
    p->free_x = x;
    p->free_y = y;
    p->free_n = n;
    p->free_m = t->m;
    return CULL_OK;
}

/* Columns of features that flag the k-th value of any parameter are counted together; numbers are
 * added up. */
static int64_t count_of(const cull__features *f, int64_t j)
{
    int64_t value;
    cull_space_feature(f->space, f->encode, j, &value);
    return value < 0 ? COUNTS - 1 : value % (COUNTS - 1);
}

static cull_status free_rows(cull_ctx *cx, const state *s, const cull_search_view *v, cull_rng *r,
                             cull_predict_opts *p)
{
    int64_t n = free_most(s), d = s->f.d, used[COUNTS] = {0}, m = 0;
    double *point, *x, *y;
    if (n < 2) return CULL_OK;
    if (v->problem->stats) return stats_rows(cx, s, v->problem->stats, r, p);
    for (int64_t j = 0; j < d; j++) used[count_of(&s->f, j)] = 1;
    for (int c = 0; c < COUNTS; c++) m += used[c] ? (used[c] = m, 1) : 0;
    CULL_TRY(CULL_TMP(cx, point, v->width));
    CULL_TRY(CULL_TMP(cx, x, n * d));
    CULL_TRY(CULL_TMP0(cx, y, n * m));
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(cull__space_draw(cx, v->space, r, point));
        cull__features_of(&s->f, point, x + i * d);
        for (int64_t j = 0; j < d; j++) y[i * m + used[count_of(&s->f, j)]] += x[i * d + j];
    }
    p->free_x = x;
    p->free_y = y;
    p->free_n = n;
    p->free_m = (int)m;
    return CULL_OK;
}

/* ---- a batch ---- */
/* The best of a pool by prediction. */
static cull_status from_pool(cull_ctx *cx, const state *s, const cull_search_view *v, int64_t known,
                             const cull__surrogate *m, const cull__rows *rows, cull_rng *r,
                             int64_t want, double *out, int64_t *got)
{
    double *from, *x, *mean, *violation;
    int64_t parents, n, *order;
    CULL_TRY(cull__rows_parents(cx, v, rows, PARENTS, &from, &parents));
    CULL_TRY(cull__inner_some(cx, v, known, s->o.pool - s->o.pool / 4, s->o.pool / 4, from, parents,
                              r, &x, &n));
    CULL_TRY(CULL_TMP(cx, mean, n));
    CULL_TRY(CULL_TMP(cx, violation, n));
    CULL_TRY(CULL_TMP(cx, order, n));
    CULL_TRY(cull__surrogate_say(cx, m, x, n, mean, NULL, violation, NULL));
    CULL_TRY(cull__inner_order(cx, mean, violation, n, order));
    *got = n < want ? n : want;
    for (int64_t i = 0; i < *got; i++)
        memcpy(out + i * v->width, x + order[i] * v->width, (size_t)v->width * sizeof *out);
    return CULL_OK;
}

static cull_status evolve(cull_ctx *cx, const state *s, const cull_search_view *v, int64_t known,
                          cull__surrogate *m, const cull__rows *rows, cull_rng *r, int64_t want,
                          double *out, int64_t *got)
{
    double *from;
    int64_t parents;
    CULL_TRY(cull__rows_parents(cx, v, rows, s->o.size / 2, &from, &parents));
    const cull__inner o = {.size = s->o.size,
                           .rounds = s->o.rounds,
                           .cross = 0.5,
                           .known = known,
                           .start = from,
                           .starts = parents};
    return cull__inner_run(cx, v, &o, 1, cull__inner_predicted, m, r, want, out, got);
}

static cull_status fill(cull_ctx *cx, state *s, const cull_search_view *v, int64_t batch,
                        cull__surrogate *m, const cull__rows *rows, cull_rng *r)
{
    int64_t size = s->o.batch, known = batch * size, want = 2 * size, got;
    bool last = s->trials > 0 && known + size >= s->trials;
    double *out, *to;
    CULL_TRY(CULL_TMP(cx, out, want * v->width));
    if (last)
        CULL_TRY(evolve(cx, s, v, known, m, rows, r, want, out, &got));
    else
        CULL_TRY(from_pool(cx, s, v, known, m, rows, r, want, out, &got));
    for (int64_t i = 0; i < got && i < size && !last; i++) /* some are drawn instead */
        if (cull__rng_unit(r) < s->o.epsilon)
            CULL_TRY(cull__space_draw(cx, v->space, r, out + i * v->width));
    CULL_TRY(cull__batch_room(cx, &s->batch, v, got, &to));
    if (got) memcpy(to, out, (size_t)(got * v->width) * sizeof *to);
    return CULL_OK;
}

static cull_status make(cull_ctx *cx, state *s, const cull_search_view *v, int64_t batch,
                        int64_t tells)
{
    cull__rows rows;
    cull__surrogate m = {0};
    cull_rng r = cull__batch_rng(v, batch);
    cull_predict_opts p = CULL_PREDICT_OPTS;
    p.kind = CULL_PREDICT_MLP;
    p.epochs = s->o.epochs;
    p.members = s->o.members;
    CULL_TRY(free_rows(cx, s, v, &r, &p));
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
    if (batch == 0 || tells < 2) return cull__model_start(cx, v, s->o.even, attempt, x);
    if (!made) CULL_TRY(make(cx, s, v, batch, tells));
    if (cull__batch_take(&s->batch, v, attempt, x)) return CULL_OK;
    return cull__model_start(cx, v, false, attempt, x);
}

static const cull_search_fns fns = {
    .open = open, .close = cull__batch_close, .ask = ask, .asked = cull__batch_asked};
const cull_method cull__method_nars = {
    .slug = "nars",
    .title = "batches by a network that first learns what costs nothing (FBNetV3)",
    .paper = "Dai et al. 2021, FBNetV3: Joint Architecture-Recipe Search using Predictor "
             "Pretraining",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 4,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_READS_STATS,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
