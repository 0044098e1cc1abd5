/* ticket_train.c - one training of a network under a mask: steps, and where validation says to stop.
 *
 * The rows of a step follow from seed and step alone, so that all trainings of a ticket see the same. Where few
 * weights are left, the network that is trained has them as lists, and they go back at the end. */
#include "nn/fit.h"
#include "nn/links.h"
#include "nn/ticket.h"
#include "nn/train.h"

#include <math.h>
#include <string.h>

enum { JUDGED = 256 }; /* rows of a batch, at least, where nothing is trained */
enum { PIECES = 6 };

/* What a checkpoint carries besides arrays. */
typedef struct {
    uint64_t kept;
    int64_t optim_steps;
    cull_ticket_run run; /* so far; seconds: of all processes */
} head;

typedef struct {
    cull__ticket_job *j;
    cull_model *net, *thin; /* what is trained: the job's, or `thin` */
    cull_train_problem q;
    cull__crew crew;
    cull_optim *optim;
    int64_t *order, *val_row, *test_row;
    int64_t test_n, epoch, per, batch, step;
    const float **grad; /* of each shard, as the next two */
    double *share, *loss;
    float *best, *out;
    head at;
    cull__piece piece[PIECES];
    int pieces;
    double began; /* when this process would have, had it done all */
} run;

static cull_status prepare(cull_ctx *cx, run *r)
{
    const cull_ticket_data *d = r->j->d;
    const cull_fit_opts *o = &r->j->o->fit;
    int64_t shards = o->train.shards, rows = o->train.batch < JUDGED ? JUDGED : o->train.batch;
    r->q = (cull_train_problem){.n = d->n, .row = d->row, .val_n = d->val_n, .val_row = d->val_row};
    CULL_TRY(cull__fit_problem(cx, r->net, &d->all, o, rows, &r->q));
    r->batch = o->train.batch < d->n ? o->train.batch : d->n;
    r->per = o->train.drop_last ? d->n / r->batch : (d->n - 1) / r->batch + 1;
    r->epoch = -1;
    r->test_n = d->test_n > 0 ? d->test_n : d->val_n;
    CULL_TRY(CULL_TMP(cx, r->order, d->n));
    CULL_TRY(CULL_TMP(cx, r->grad, shards));
    CULL_TRY(CULL_TMP(cx, r->share, shards));
    CULL_TRY(CULL_TMP(cx, r->loss, shards));
    CULL_TRY(CULL_TMP0(cx, r->best, cull_params_size(r->q.params)));
    CULL_TRY(CULL_TMP(cx, r->out, r->test_n * r->q.outs));
    CULL_TRY(cull__row_list(cx, d->val_row, d->n, d->val_n, &r->val_row));
    if (d->test_n > 0)
        CULL_TRY(cull__row_list(cx, d->test_row, d->n + d->val_n, d->test_n, &r->test_row));
    else
        r->test_row = r->val_row;
    CULL_TRY(cull__crew_new(cx, &r->q, shards, &r->crew));
    return cull_optim_new(cx, r->q.params, &o->train.optim, &r->optim);
}

/* ---- a step ---- */

static uint64_t stream_of(const run *r, int64_t a, int64_t b)
{
    const int64_t of[] = {a, b};
    return cull__hash64(of, sizeof of, r->j->seed);
}

static void shuffle(run *r)
{
    int64_t epoch = r->step / r->per;
    if (epoch == r->epoch) return;
    r->epoch = epoch;
    for (int64_t i = 0; i < r->q.n; i++) r->order[i] = r->q.row ? r->q.row[i] : i;
    if (r->j->o->fit.train.in_order) return;
    cull_rng rng = cull__rng_seeded(r->j->seed, (uint64_t)epoch);
    cull__rng_shuffle(&rng, r->order, r->q.n);
}

static int64_t rows_of(const run *r, int64_t *lo)
{
    *lo = r->step % r->per * r->batch;
    return r->q.n - *lo < r->batch ? r->q.n - *lo : r->batch;
}

static int64_t shards_of(const run *r, int64_t rows)
{
    return rows < r->crew.tapes ? rows : r->crew.tapes;
}

static cull_status one_shard(cull_ctx *cx, void *arg, int64_t chunk, int64_t from, int64_t to)
{
    (void)from, (void)to;
    run *r = arg;
    int64_t lo, n = rows_of(r, &lo), shards = shards_of(r, n);
    int64_t a = n * chunk / shards, b = n * (chunk + 1) / shards;
    cull_batch batch = {.row = r->order + lo + a,
                        .n = b - a,
                        .share = (double)(b - a) / (double)n,
                        .train = true,
                        .shard = (int)chunk,
                        .epoch = r->epoch,
                        .step = r->step,
                        .stream = stream_of(r, r->epoch, -1)};
    CULL_TRY(cull__crew_loss(cx, &r->crew, &batch, CULL_TAPE_GRAD | CULL_TAPE_TRAIN,
                             stream_of(r, r->step, chunk), r->loss + chunk));
    r->grad[chunk] = cull_tape_grad(r->crew.tape[chunk]);
    r->share[chunk] = batch.share;
    return CULL_OK;
}

static double rate(const run *r)
{
    const cull_schedule *s = &r->j->o->fit.train.schedule;
    double per = s->by_epoch ? (double)r->per : 1;
    return cull_schedule_at(s, floor((double)r->step / per), ceil((double)r->j->o->steps / per));
}

static cull_status one_step(cull_ctx *cx, run *r)
{
    int64_t lo, shards = shards_of(r, rows_of(r, &lo));
    shuffle(r);
    CULL_TRY(cull__for(cx, shards, 1, one_shard, r));
    cull_tape_settle(r->crew.tape, (int)shards);
    return cull_optim_step(cx, r->optim, r->grad, r->share, (int)shards, rate(r));
}

/* ---- judging ---- */

static cull_status evaluate(cull_ctx *cx, run *r, const int64_t *row, int64_t n, double *loss,
                            double *accuracy)
{
    int64_t batch = r->batch < JUDGED ? JUDGED : r->batch;
    float *out = accuracy && r->q.metric ? r->out : NULL;
    CULL_TRY(cull__crew_evaluate(cx, &r->crew, row, n, batch < n ? batch : n, loss, out));
    if (accuracy) *accuracy = out ? r->q.metric(r->q.user, row, out, n) : NAN;
    return CULL_OK;
}

/* The loss of the validation rows after this step; where it is the least so far, the weights are kept. */
static cull_status validate(cull_ctx *cx, run *r)
{
    cull_ticket_run *to = &r->j->run;
    size_t bytes = (size_t)cull_params_size(r->q.params) * sizeof *r->best;
    CULL_TRY(evaluate(cx, r, r->val_row, r->q.val_n, &to->last_val_loss, NULL));
    if (to->stop && !(to->last_val_loss < to->val_loss)) return CULL_OK;
    to->stop = r->step + 1;
    to->val_loss = to->last_val_loss;
    memcpy(r->best, cull_params_value(r->q.params), bytes);
    return CULL_OK;
}

/* Numbers of what was trained, to where the job's model has them. */
static void hand_out(const run *r, const float *from, float *to)
{
    if (r->thin)
        cull__model_thicken(r->thin, from, r->j->m, to);
    else if (from != to)
        memcpy(to, from, (size_t)cull_params_size(r->q.params) * sizeof *to);
}

/* ---- checkpoints ---- */

static void piece(run *r, void *at, int64_t n, size_t size)
{
    r->piece[r->pieces++] = (cull__piece){at, 0, (uint64_t)n * size};
}

/* The step to begin with: behind the last one that a process before this one has kept. */
static cull_status resume(cull_ctx *cx, run *r)
{
    cull__ticket_job *j = r->j;
    int64_t size = cull_params_size(r->q.params);
    bool found;
    r->step = j->from;
    r->at.kept = j->kept;
    piece(r, &r->at, 1, sizeof r->at);
    piece(r, cull_params_value(r->q.params), size, sizeof(float));
    for (int i = 0; i < cull_optim_count(r->optim); i++)
        piece(r, cull_optim_array(r->optim, i, NULL), size, sizeof(float));
    piece(r, r->best, size, sizeof(float));
    if (j->rewind) piece(r, j->rewind, cull_params_size(j->m->params), sizeof(float));
    CULL_TRY(cull__loop_read(cx, &j->loop, &r->step, r->piece, r->pieces, &found));
    if (!found) return CULL_OK;
    if (r->at.kept != j->kept) return cull__ticket_of_another(cx);
    cull_optim_set_steps(r->optim, r->at.optim_steps);
    j->run = r->at.run;
    r->began -= j->run.seconds;
    return CULL_OK;
}

static cull_status keep(cull_ctx *cx, run *r)
{
    r->at.optim_steps = cull_optim_steps(r->optim);
    r->at.run = r->j->run;
    r->at.run.seconds = cull__now() - r->began;
    return cull__loop_keep(cx, &r->j->loop, r->step + 1, false, r->piece, r->pieces);
}

static cull_status steps(cull_ctx *cx, run *r)
{
    const cull_ticket_opts *o = r->j->o;
    int64_t every = o->every ? o->every : r->per;
    for (; r->step < o->steps; r->step++) {
        if (r->j->rewind && r->step == o->rewind)
            hand_out(r, cull_params_value(r->q.params), r->j->rewind);
        CULL_TRY(cull__tick(cx, (double)(r->step - r->j->from), (double)(o->steps - r->j->from)));
        CULL_TRY(one_step(cx, r));
        if ((r->step + 1) % every == 0 || r->step + 1 == o->steps) CULL_TRY(validate(cx, r));
        CULL_TRY(keep(cx, r));
    }
    return CULL_OK;
}

static void swap(float *a, float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float v = a[i];
        a[i] = b[i];
        b[i] = v;
    }
}

/* The last weights, then those of the early stop; the last ones stay. */
static cull_status judge(cull_ctx *cx, run *r)
{
    cull_ticket_run *to = &r->j->run;
    float *w = cull_params_value(r->q.params);
    int64_t size = cull_params_size(r->q.params);
    CULL_TRY(evaluate(cx, r, r->test_row, r->test_n, &to->last_loss, &to->last_accuracy));
    swap(w, r->best, size);
    cull_status s = evaluate(cx, r, r->test_row, r->test_n, &to->loss, &to->accuracy);
    swap(w, r->best, size);
    return s;
}

static cull_status train(cull_ctx *cx, run *r)
{
    CULL_TRY(cull__model_thin(cx, r->j->m, r->j->o->sparse, &r->thin));
    if (r->thin) r->net = r->thin;
    CULL_TRY(prepare(cx, r));
    CULL_TRY(resume(cx, r));
    CULL_TRY(steps(cx, r));
    CULL_TRY(judge(cx, r));
    hand_out(r, cull_params_value(r->q.params), cull_params_value(r->j->m->params));
    if (r->j->best) hand_out(r, r->best, r->j->best);
    return CULL_OK;
}

cull_status cull__ticket_train(cull_ctx *cx, cull__ticket_job *j)
{
    run r = {.j = j, .net = j->m, .began = cull__now()};
    j->run = (cull_ticket_run){0};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = train(cx, &r);
    cull_optim_free(r.optim);
    cull__crew_free(&r.crew);
    cull_model_free(r.thin);
    cull__release(cx, mark);
    j->run.there = s == CULL_OK;
    j->run.seconds = cull__now() - r.began;
    return s;
}
