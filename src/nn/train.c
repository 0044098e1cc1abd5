/* train.c - the loop of training: epochs, shards of a batch, validation, early stopping, checkpoints.
 *
 * What is drawn is a function of seed, epoch, step and shard, so a run that goes on from a checkpoint
 * draws what it would have drawn; all else that a step reads is in the checkpoint's pieces. */
#include "nn/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Columns of a history, in the order of cull_history. */
enum { TRAIN_LOSS, VAL_LOSS, METRIC, LR, SECONDS, ROWS_S, COLUMNS };
enum { PIECES = 7 };

/* What a checkpoint carries besides arrays. */
typedef struct {
    uint64_t hash; /* of data, options and first weights */
    int64_t optim_steps, ema_steps;
    int64_t best; /* epoch; -1 = none yet */
    int64_t waited, over;
    double best_value; /* lower is better */
    double loss, rows; /* sums of the epoch so far */
    double seconds;    /* of the epoch, before this process */
} head;

typedef struct {
    const cull_train_problem *q;
    const cull_train_opts *o;
    cull__crew crew;
    cull_optim *optim;
    cull_ema *ema;
    float *best, *out; /* best weights; predictions of the validation rows */
    int64_t *order, *val_row;
    const float **grad; /* of each shard, as the next two */
    double *share, *loss;
    double *column; /* COLUMNS times epochs */
    int64_t size, per, steps, step;
    head at;
    uint64_t seed;
    cull__piece piece[PIECES];
    int pieces;
    cull__loop loop;
    double began; /* when this process came to the epoch */
    uint64_t bytes;
} run;

/* ---- what cannot be ---- */

static cull_status check_numbers(cull_ctx *cx, const cull_train_opts *o)
{
    const struct {
        const char *name;
        int64_t v, lo;
    } is[] = {{"epochs", o->epochs, 1},
              {"batch", o->batch, 1},
              {"shards", o->shards, 1},
              {"patience", o->patience, 0}};
    for (size_t i = 0; i < sizeof is / sizeof *is; i++)
        if (is[i].v < is[i].lo || is[i].v > INT32_MAX)
            return cull__fail(cx, CULL_EOPTION, "%s is %" PRId64 "; it must be %" PRId64 " or more",
                              is[i].name, is[i].v, is[i].lo);
    if (!(o->min_delta >= 0) || !isfinite(o->min_delta))
        return cull__fail(cx, CULL_EOPTION, "min_delta is %g; it must be 0 or more", o->min_delta);
    if (!(o->ema >= 0 && o->ema < 1))
        return cull__fail(cx, CULL_EOPTION, "decay of the average is %g; it must be within [0, 1)",
                          o->ema);
    return cull_schedule_check(cx, &o->schedule);
}

static cull_status check(cull_ctx *cx, const cull_train_problem *q, const cull_train_opts *o)
{
    CULL_TRY(cull__problem_check(cx, q));
    CULL_TRY(check_numbers(cx, o));
    if (o->batch > q->n)
        return cull__fail(cx, CULL_EINPUT,
                          "a batch is %" PRId64 " rows, but there are %" PRId64
                          " to train on; it must be at most as many",
                          o->batch, q->n);
    if (o->shards > o->batch)
        return cull__fail(cx, CULL_EOPTION,
                          "a batch of %" PRId64 " rows cannot be cut into %" PRId64 " shards",
                          o->batch, o->shards);
    if (q->metric && (q->outs < 1 || q->val_n < 1))
        return cull__fail(cx, CULL_EINPUT,
                          "a metric needs validation rows and the number of outputs of a row");
    if (o->by_metric && !q->metric)
        return cull__fail(cx, CULL_EOPTION, "by_metric is set, but there is no metric");
    if (o->patience && q->val_n < 1)
        return cull__fail(cx, CULL_EOPTION,
                          "patience is %" PRId64 ", but there are no validation rows to wait for",
                          o->patience);
    return CULL_OK;
}

/* ---- memory and pieces ---- */

static void piece(run *r, void *at, int64_t n, size_t size)
{
    r->piece[r->pieces++] = (cull__piece){at, 0, (uint64_t)n * size};
}

static cull_status scratch(cull_ctx *cx, run *r)
{
    const cull_train_problem *q = r->q;
    int64_t s = r->o->shards;
    CULL_TRY(CULL_TMP(cx, r->order, q->n));
    CULL_TRY(CULL_TMP(cx, r->grad, s));
    CULL_TRY(CULL_TMP(cx, r->share, s));
    CULL_TRY(CULL_TMP(cx, r->loss, s));
    CULL_TRY(CULL_TMP(cx, r->column, COLUMNS * r->o->epochs));
    for (int64_t i = 0; i < COLUMNS * r->o->epochs; i++) r->column[i] = NAN;
    CULL_TRY(cull__row_list(cx, q->val_row, q->n, q->val_n, &r->val_row));
    if (q->val_n && !r->o->last) CULL_TRY(CULL_TMP0(cx, r->best, r->size > 0 ? r->size : 1));
    if (!q->metric) return CULL_OK;
    if (q->val_n > INT64_MAX / (int64_t)sizeof(float) / q->outs)
        return cull__fail(cx, CULL_ENOMEM, "the predictions of the validation rows have no room");
    return CULL_TMP(cx, r->out, q->val_n * q->outs);
}

static cull_status prepare(cull_ctx *cx, run *r)
{
    const cull_train_opts *o = r->o;
    CULL_TRY(scratch(cx, r));
    CULL_TRY(cull__crew_new(cx, r->q, o->shards, &r->crew));
    CULL_TRY(cull_optim_new(cx, r->q->params, &o->optim, &r->optim));
    if (o->ema > 0) CULL_TRY(cull_ema_new(cx, r->q->params, o->ema, true, &r->ema));
    memset(&r->at, 0, sizeof r->at);
    r->at.best = -1;
    r->at.best_value = INFINITY;
    piece(r, &r->at, 1, sizeof r->at);
    piece(r, cull_params_value(r->q->params), r->size, sizeof(float));
    for (int i = 0; i < cull_optim_count(r->optim); i++)
        piece(r, cull_optim_array(r->optim, i, NULL), r->size, sizeof(float));
    if (r->ema) piece(r, cull_ema_value(r->ema), r->size, sizeof(float));
    if (r->best) piece(r, r->best, r->size, sizeof(float));
    piece(r, r->column, COLUMNS * o->epochs, sizeof(double));
    return CULL_OK;
}

/* ---- what a checkpoint must be of ---- */

static uint64_t mix(uint64_t hash, const void *p, size_t n) { return cull__hash64(p, n, hash); }

/* Options one by one: a struct has padding, and pointers say nothing. */
uint64_t cull__train_hash(const cull_train_opts *o, int count)
{
    const cull_optim_opts *a = &o->optim;
    const cull_schedule *s = &o->schedule;
    const double v[] = {(double)a->kind, a->decay,        a->momentum, (double)a->nesterov,
                        a->beta1,        a->beta2,        a->epsilon,  a->clip,
                        a->clip_value,   (double)s->kind, s->lr,       s->floor,
                        s->warmup,       s->power,        s->gamma,    (double)s->by_epoch,
                        o->ema,          o->min_delta,    a->norm_l1};
    const int64_t n[] = {o->epochs,   o->batch,     o->shards, o->patience,     o->drop_last,
                         o->in_order, o->by_metric, o->last,   (int64_t)o->seed};
    uint64_t h = mix(mix(1, v, sizeof v), n, sizeof n);
    if (a->scale) h = mix(h, a->scale, (size_t)count * sizeof *a->scale);
    if (s->kind == CULL_LR_STEP)
        h = mix(h, s->milestone, (size_t)s->milestones * sizeof *s->milestone);
    return h;
}

static uint64_t hash_of(const run *r)
{
    cull_params *p = r->q->params;
    const uint64_t n[] = {(uint64_t)r->q->n, (uint64_t)r->q->val_n, r->q->hash, r->seed};
    uint64_t h = mix(cull__train_hash(r->o, cull_params_count(p)), n, sizeof n);
    if (r->q->row) h = mix(h, r->q->row, (size_t)r->q->n * sizeof *r->q->row);
    h = mix(h, r->val_row, (size_t)r->q->val_n * sizeof *r->val_row);
    return r->size ? mix(h, cull_params_value(p), (size_t)r->size * sizeof(float)) : h;
}

/* Go on from a checkpoint, where there is one; of another training it is refused, and the weights stay. */
static cull_status resume(cull_ctx *cx, run *r)
{
    bool found;
    float *first;
    size_t bytes = (size_t)r->size * sizeof *first;
    float *value = cull_params_value(r->q->params);
    uint64_t hash = r->at.hash = hash_of(r);
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, first, r->size > 0 ? r->size : 1));
    if (bytes) memcpy(first, value, bytes);
    cull_status s =
        cull__loop_find(cx, "training", &r->loop, &r->step, r->piece, r->pieces, &found);
    if (s == CULL_OK && found && r->at.hash != hash)
        s = cull__fail(cx, CULL_EINPUT,
                       "the checkpoint is of a training with other data, options or first weights; "
                       "remove it, or use another folder");
    if (s != CULL_OK && bytes) memcpy(value, first, bytes);
    cull__release(cx, mark);
    if (s != CULL_OK || !found) return s;
    cull_optim_set_steps(r->optim, r->at.optim_steps);
    if (r->ema) cull_ema_set_steps(r->ema, r->at.ema_steps);
    return CULL_OK;
}

static cull_status keep(cull_ctx *cx, run *r, bool last)
{
    r->at.optim_steps = cull_optim_steps(r->optim);
    if (r->ema) r->at.ema_steps = cull_ema_steps(r->ema);
    return cull__loop_keep(cx, &r->loop, r->step, last, r->piece, r->pieces);
}

/* ---- a step ---- */

static uint64_t stream_of(const run *r, int64_t a, int64_t b)
{
    const int64_t of[] = {a, b};
    return cull__hash64(of, sizeof of, r->seed);
}

/* The rows of this step's batch, of r->order. */
static int64_t batch_of(const run *r, int64_t step, int64_t *lo)
{
    *lo = step % r->per * r->o->batch;
    return r->q->n - *lo < r->o->batch ? r->q->n - *lo : r->o->batch;
}

static cull_status one_shard(cull_ctx *cx, void *arg, int64_t chunk, int64_t from, int64_t to)
{
    (void)from, (void)to;
    run *r = arg;
    int64_t lo, n = batch_of(r, r->step, &lo), shards = n < r->o->shards ? n : r->o->shards;
    int64_t a = n * chunk / shards, b = n * (chunk + 1) / shards, epoch = r->step / r->per;
    cull_batch batch = {.row = r->order + lo + a,
                        .n = b - a,
                        .share = (double)(b - a) / (double)n,
                        .train = true,
                        .shard = (int)chunk,
                        .epoch = epoch,
                        .step = r->step,
                        .stream = stream_of(r, epoch, -1)};
    CULL_TRY(cull__crew_loss(cx, &r->crew, &batch, CULL_TAPE_GRAD | CULL_TAPE_TRAIN,
                             stream_of(r, r->step, chunk), r->loss + chunk));
    r->grad[chunk] = cull_tape_grad(r->crew.tape[chunk]);
    r->share[chunk] = batch.share;
    return CULL_OK;
}

static double rate(const run *r, int64_t step)
{
    const cull_schedule *s = &r->o->schedule;
    return s->by_epoch ? cull_schedule_at(s, (double)(step / r->per), (double)r->o->epochs)
                       : cull_schedule_at(s, (double)step, (double)r->steps);
}

static cull_status one_step(cull_ctx *cx, run *r)
{
    int64_t lo, n = batch_of(r, r->step, &lo), shards = n < r->o->shards ? n : r->o->shards;
    CULL_TRY(cull__for(cx, shards, 1, one_shard, r));
    cull_tape_settle(r->crew.tape, (int)shards);
    CULL_TRY(cull_optim_step(cx, r->optim, r->grad, r->share, (int)shards, rate(r, r->step)));
    if (r->q->after) CULL_TRY(r->q->after(cx, r->q->user, r->step, r->steps));
    if (r->ema) cull_ema_step(r->ema);
    for (int64_t i = 0; i < shards; i++) r->at.loss += r->loss[i] * r->share[i] * (double)n;
    r->at.rows += (double)n;
    return CULL_OK;
}

/* Say where it was. */
static cull_status placed(cull_ctx *cx, const run *r, cull_status s)
{
    char was[1024];
    if (s != CULL_EINPUT) return s;
    snprintf(was, sizeof was, "%s", cull_error(cx));
    return cull__fail(cx, s, "epoch %" PRId64 ", step %" PRId64 ": %s", r->step / r->per + 1,
                      r->step % r->per + 1, was);
}

/* ---- memory, before anything is trained ---- */

/* What tape i holds, in whole blocks as it allocates them, with gradient and running statistics. */
static uint64_t tape_bytes(const run *r, int64_t i)
{
    const uint64_t least = (uint64_t)1 << 20, nodes = (uint64_t)1 << 16;
    uint64_t peak = cull_tape_peak(r->crew.tape[i]), flat = (uint64_t)r->size * sizeof(float);
    bool state = false;
    for (int k = 0; k < cull_params_count(r->q->params) && !state; k++)
        state = cull_params_at(r->q->params, k)->flags & CULL_PARAM_STATE;
    return (peak > least ? peak : least) + nodes + flat * (state ? 2 : 1);
}

static uint64_t own_bytes(const run *r)
{
    uint64_t bytes = 0;
    for (int i = 0; i < r->pieces; i++) bytes += r->piece[i].total;
    return bytes;
}

/* Under a limit: one shard forward and back, whose weights nobody moves; so many more must have room. */
static cull_status fits(cull_ctx *cx, run *r)
{
    char need[32], limit[32];
    if (cull__memory_limit(cx) == UINT64_MAX || r->at.over) return CULL_OK;
    cull_status s = cull__for_some(cx, r->o->shards, 1, 0, 1, one_shard, r);
    if (s != CULL_OK && s != CULL_ENOMEM) return placed(cx, r, s);
    cull__format_bytes(cull__memory_limit(cx), limit);
    if (s == CULL_ENOMEM)
        return cull__fail(cx, s,
                          "one step does not fit the memory limit of %s: a smaller batch, or fewer "
                          "shards, takes less",
                          limit);
    uint64_t each = tape_bytes(r, 0), more = each * (uint64_t)(r->o->shards - 1);
    if (more <= cull__memory_left(cx)) return CULL_OK;
    cull__format_bytes(each * (uint64_t)r->o->shards + own_bytes(r), need);
    return cull__fail(cx, CULL_ENOMEM,
                      "training takes %s (%" PRId64 " shards, gradients, optimiser), the memory "
                      "limit is %s: a smaller batch, or fewer shards, takes less",
                      need, r->o->shards, limit);
}

static void weigh(run *r)
{
    r->bytes = own_bytes(r);
    for (int64_t i = 0; i < r->crew.tapes; i++) r->bytes += tape_bytes(r, i);
}

/* ---- an epoch ---- */

static double *column(run *r, int which) { return r->column + which * r->o->epochs; }

static void shuffle(run *r, int64_t epoch)
{
    const cull_train_problem *q = r->q;
    for (int64_t i = 0; i < q->n; i++) r->order[i] = q->row ? q->row[i] : i;
    if (r->o->in_order) return;
    cull_rng rng = cull__rng_seeded(r->seed, (uint64_t)epoch);
    cull__rng_shuffle(&rng, r->order, q->n);
}

static cull_status steps_of(cull_ctx *cx, run *r, int64_t epoch)
{
    for (; r->step < (epoch + 1) * r->per; r->step++) {
        int64_t lo = epoch * r->per;
        if (r->step > lo) {
            double now = cull__now();
            r->at.seconds += now - r->began; /* a checkpoint knows the time before it */
            r->began = now;
            CULL_TRY(keep(cx, r, false));
        }
        cull__span(cx, (double)r->step, (double)r->step + 1, (double)r->steps);
        CULL_TRY(placed(cx, r, one_step(cx, r)));
        if (!r->bytes) weigh(r);
    }
    return CULL_OK;
}

static cull_status validate(cull_ctx *cx, run *r, int64_t epoch)
{
    double loss = NAN, metric = NAN;
    const cull_train_problem *q = r->q;
    if (!q->val_n) return CULL_OK;
    cull__span(cx, (double)r->step, (double)r->step, (double)r->steps);
    if (r->ema) cull_ema_swap(r->ema);
    cull_status s =
        cull__crew_evaluate(cx, &r->crew, r->val_row, q->val_n, r->o->batch, &loss, r->out);
    if (s == CULL_OK && q->metric) metric = q->metric(q->user, r->val_row, r->out, q->val_n);
    double value = s != CULL_OK ? NAN : r->o->by_metric ? -metric : loss;
    if (value < r->at.best_value - r->o->min_delta) {
        r->at.best_value = value;
        r->at.best = epoch;
        r->at.waited = 0;
        if (r->best && r->size)
            memcpy(r->best, cull_params_value(q->params), (size_t)r->size * sizeof *r->best);
    } else {
        r->at.waited++;
    }
    if (r->ema) cull_ema_swap(r->ema);
    CULL_TRY(s);
    column(r, VAL_LOSS)[epoch] = loss;
    column(r, METRIC)[epoch] = metric;
    return CULL_OK;
}

static cull_status one_epoch(cull_ctx *cx, run *r)
{
    int64_t epoch = r->step / r->per;
    r->began = cull__now();
    shuffle(r, epoch);
    CULL_TRY(steps_of(cx, r, epoch));
    CULL_TRY(validate(cx, r, epoch));
    double seconds = r->at.seconds + cull__now() - r->began;
    column(r, TRAIN_LOSS)[epoch] = r->at.loss / r->at.rows;
    column(r, LR)[epoch] = rate(r, r->step - 1);
    column(r, SECONDS)[epoch] = seconds;
    column(r, ROWS_S)[epoch] = seconds > 0 ? r->at.rows / seconds : NAN;
    r->at.loss = r->at.rows = r->at.seconds = 0;
    bool patient = !r->o->patience || r->at.waited < r->o->patience;
    r->at.over = !patient || r->step == r->steps;
    return keep(cx, r, r->at.over);
}

/* ---- the whole ---- */

static cull_status history(cull_ctx *cx, run *r, cull_history *h)
{
    int64_t epochs = r->step / r->per;
    double *v;
    CULL_TRY(CULL_ALLOC(cx, v, COLUMNS * epochs));
    double **const of[] = {&h->train_loss, &h->val_loss, &h->metric,
                           &h->lr,         &h->seconds,  &h->rows_s};
    for (int c = 0; c < COLUMNS; c++) {
        *of[c] = v + c * epochs;
        memcpy(*of[c], column(r, c), (size_t)epochs * sizeof *v);
    }
    h->mem_ = v;
    h->epochs = epochs;
    h->steps = r->step;
    h->best = r->best ? r->at.best : -1;
    h->early = r->step < r->steps;
    h->bytes = r->bytes;
    return CULL_OK;
}

void cull_history_free(cull_history *h)
{
    if (!h) return;
    cull__free(h->mem_);
    *h = (cull_history){0};
}

static cull_status train(cull_ctx *cx, run *r, cull_history *h)
{
    CULL_TRY(prepare(cx, r));
    CULL_TRY(resume(cx, r));
    if (!r->at.over) shuffle(r, r->step / r->per);
    CULL_TRY(fits(cx, r));
    while (!r->at.over) CULL_TRY(one_epoch(cx, r));
    if (h) CULL_TRY(history(cx, r, h));
    if (r->best && r->at.best >= 0) {
        if (r->size)
            memcpy(cull_params_value(r->q->params), r->best, (size_t)r->size * sizeof *r->best);
    } else if (r->ema) {
        cull_ema_swap(r->ema);
    }
    return CULL_OK;
}

cull_status cull_train(cull_ctx *cx, const cull_train_problem *q, const cull_train_opts *o,
                       cull_history *h)
{
    if (h) *h = (cull_history){0};
    CULL_TRY(check(cx, q, o));
    run r = {.q = q, .o = o, .size = cull_params_size(q->params)};
    r.seed = cull__hash64(&o->seed, sizeof o->seed, cull_ctx_seed(cx));
    r.per = o->drop_last ? q->n / o->batch : (q->n - 1) / o->batch + 1;
    if (r.per > INT64_MAX / o->epochs)
        return cull__fail(cx, CULL_EOPTION, "there are too many steps to count");
    r.steps = r.per * o->epochs;
    const char *phase = cull__phase(cx, "training");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = train(cx, &r, h);
    cull__span(cx, 0, 0, 0);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    cull_ema_free(r.ema);
    cull_optim_free(r.optim);
    cull__crew_free(&r.crew);
    return s;
}

/* ---- many at once ---- */

typedef struct {
    const cull_train_problem *q;
    const cull_train_opts *o;
    cull_history *h;
} many;

static cull_status one_of_many(cull_ctx *cx, void *arg, int64_t i, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    const many *m = arg;
    return cull_train(cx, m->q + i, m->o + i, m->h ? m->h + i : NULL);
}

cull_status cull_train_many(cull_ctx *cx, const cull_train_problem *q, const cull_train_opts *o,
                            int64_t count, cull_history *h)
{
    many m = {q, o, h};
    for (int64_t i = 0; h && i < count; i++) h[i] = (cull_history){0};
    cull_status s = cull__for(cx, count, 1, one_of_many, &m);
    for (int64_t i = 0; s != CULL_OK && h && i < count; i++) cull_history_free(h + i);
    return s;
}
