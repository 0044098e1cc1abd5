/* crew.c - tapes that go over batches of rows beside one another; evaluation. */
#include "nn/train.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

cull_status cull__crew_new(cull_ctx *cx, const cull_train_problem *q, int64_t tapes,
                           cull__crew *out)
{
    *out = (cull__crew){.q = q};
    CULL_TRY(CULL_ALLOC(cx, out->tape, tapes));
    for (; out->tapes < tapes; out->tapes++) {
        cull_status s = cull_tape_new(cx, q->params, out->tape + out->tapes);
        if (s == CULL_OK) continue;
        cull__crew_free(out);
        return s;
    }
    return CULL_OK;
}

void cull__crew_free(cull__crew *c)
{
    for (int64_t i = 0; i < c->tapes; i++) cull_tape_free(c->tape[i]);
    cull__free(c->tape);
    *c = (cull__crew){0};
}

cull_status cull__crew_loss(cull_ctx *cx, const cull__crew *c, const cull_batch *b, unsigned mode,
                            uint64_t stream, double *loss)
{
    cull_tape *t = c->tape[b->shard];
    cull_tape_reset(t, cx, mode, stream);
    cull_var *y = c->q->loss(t, c->q->user, b);
    CULL_TRY(cull_tape_status(t));
    if (!y || cull_var_count(y) != 1)
        return cull__fail(cx, CULL_EINPUT, "the loss function must return one number on its tape");
    *loss = (double)cull_var_value(y)[0];
    return mode & CULL_TAPE_GRAD ? cull_tape_backward(t, y) : CULL_OK;
}

cull_var *cull_batch_predict(const cull_batch *b, cull_var *x)
{
    const float *v = x ? cull_var_value(x) : NULL;
    if (b->out && v) memcpy(b->out, v, (size_t)cull_var_count(x) * sizeof *v);
    return x;
}

cull_status cull__problem_check(cull_ctx *cx, const cull_train_problem *q)
{
    if (!q->params || !q->loss)
        return cull__fail(cx, CULL_EINPUT, "training needs parameters and a loss function");
    if (q->n < 1) return cull__fail(cx, CULL_EINPUT, "there are no rows to train on");
    if (q->val_n < 0 || q->outs < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "val_n is %" PRId64 " and outs %d; neither can be below 0", q->val_n,
                          q->outs);
    return CULL_OK;
}

cull_status cull__row_list(cull_ctx *cx, const int64_t *row, int64_t first, int64_t n,
                           int64_t **out)
{
    CULL_TRY(CULL_TMP(cx, *out, n > 0 ? n : 1));
    for (int64_t i = 0; i < n; i++) (*out)[i] = row ? row[i] : first + i;
    return CULL_OK;
}

/* ---- one step ---- */

typedef struct {
    const cull__crew *c;
    const int64_t *row;
    int64_t n;
    uint64_t stream;
    double *loss; /* of each shard */
} stride;

static cull_status one_shard(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const stride *s = arg;
    cull_batch b = {.row = s->row + lo,
                    .n = hi - lo,
                    .share = (double)(hi - lo) / (double)s->n,
                    .train = true,
                    .shard = (int)chunk};
    return cull__crew_loss(cx, s->c, &b, CULL_TAPE_GRAD | CULL_TAPE_TRAIN,
                           s->stream + (uint64_t)chunk, s->loss + chunk);
}

int64_t cull__crew_grain(const cull__crew *c, int64_t batch, int64_t least)
{
    return batch < c->tapes * least ? batch : (batch - 1) / c->tapes + 1;
}

cull_status cull__crew_step(cull_ctx *cx, const cull__crew *c, cull_optim *optim,
                            const int64_t *row, int64_t n, int64_t grain, uint64_t stream,
                            double lr)
{
    stride s = {.c = c, .row = row, .n = n, .stream = stream};
    const float **grad;
    double *share;
    int used = 0;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, s.loss, c->tapes));
    CULL_TRY(CULL_TMP(cx, share, c->tapes));
    CULL_TRY(CULL_TMP(cx, grad, c->tapes));
    CULL_TRY(cull__for(cx, n, grain, one_shard, &s));
    for (int64_t at = 0; at < n; at += grain, used++) {
        grad[used] = cull_tape_grad(c->tape[used]);
        share[used] = (double)(n - at < grain ? n - at : grain) / (double)n;
    }
    cull_status status = cull_optim_step(cx, optim, grad, share, used, lr);
    cull__release(cx, mark);
    return status;
}

/* ---- evaluation ---- */

typedef struct {
    const cull__crew *c;
    const int64_t *row;
    float *out;
    double *loss; /* of each batch, times its rows */
    int64_t from; /* the first batch of this round */
} evaluation;

static cull_status one_batch(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const evaluation *e = arg;
    cull_batch b = {.row = e->row + lo,
                    .n = hi - lo,
                    .share = 1,
                    .shard = (int)(chunk - e->from),
                    .out = e->out ? e->out + lo * e->c->q->outs : NULL};
    double loss = NAN;
    CULL_TRY(cull__crew_loss(cx, e->c, &b, 0, 0, &loss));
    e->loss[chunk] = loss * (double)b.n;
    return CULL_OK;
}

cull_status cull__crew_evaluate(cull_ctx *cx, const cull__crew *c, const int64_t *row, int64_t n,
                                int64_t batch, double *loss, float *out)
{
    cull__mark_t mark = cull__mark(cx);
    int64_t batches = (n - 1) / batch + 1;
    evaluation e = {.c = c, .row = row, .out = out};
    cull_status s = CULL_TMP(cx, e.loss, batches);
    for (; s == CULL_OK && e.from < batches; e.from += c->tapes) {
        int64_t to = batches - e.from < c->tapes ? batches : e.from + c->tapes;
        s = cull__for_some(cx, n, batch, e.from, to, one_batch, &e);
    }
    double sum = 0;
    for (int64_t i = 0; s == CULL_OK && i < batches; i++) sum += e.loss[i];
    if (s == CULL_OK) *loss = sum / (double)n;
    cull__release(cx, mark);
    return s;
}

cull_status cull_train_evaluate(cull_ctx *cx, const cull_train_problem *q, const int64_t *row,
                                int64_t n, int64_t batch, int64_t shards, double *loss, float *out)
{
    CULL_TRY(cull__problem_check(cx, q));
    if (n < 1 || batch < 1 || shards < 1 || shards > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows, a batch of %" PRId64 " and %" PRId64
                          " shards: each must be 1 or more",
                          n, batch, shards);
    int64_t batches = (n - 1) / batch + 1;
    cull__mark_t mark = cull__mark(cx);
    cull__crew c = {0};
    int64_t *rows;
    cull_status s = cull__row_list(cx, row, 0, n, &rows);
    if (s == CULL_OK) s = cull__crew_new(cx, q, shards < batches ? shards : batches, &c);
    if (s == CULL_OK) s = cull__crew_evaluate(cx, &c, rows, n, batch, loss, out);
    cull__crew_free(&c);
    cull__release(cx, mark);
    return s;
}
