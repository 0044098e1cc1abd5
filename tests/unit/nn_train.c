/* nn_train.c - the loop of training on three clouds of points: shards, stopping, checkpoints, refusals. */
#include "cull/nn_ops.h"
#include "cull/train.h"
#include "nn/nn.h"
#include "test.h"

enum { ROWS = 90, VAL = 30, D = 5, HIDDEN = 8, K = 3, SHARDS = 4, BATCH = 20 };

/* A network of one hidden layer, its data, and room for the rows of each shard. */
typedef struct {
    cull_params *p;
    int w1, b1, w2, b2, mean;
    float x[ROWS + VAL][D];
    int32_t label[ROWS + VAL];
    float in[SHARDS][ROWS][D];
    int32_t of[SHARDS][ROWS];
    bool state;            /* keep a running mean of the inputs, too */
    int64_t poison;        /* a step with an input that is infinite; -1 = none */
    double noise;          /* on training inputs, from (stream, row) */
    long calls, trained;   /* the latter: rows */
    const double *metrics; /* what the metric says, one epoch after the other */
    int epoch;
    int64_t masked; /* `after` holds this number of the buffer still; -1 = none */
} net;

static void net_fill(net *n)
{
    cull_rng r = cull__rng_seeded(5, 1);
    for (int i = 0; i < ROWS + VAL; i++) {
        n->label[i] = i % K;
        for (int j = 0; j < D; j++)
            n->x[i][j] = (float)cull__rng_normal(&r) + (float)(2 * (j == i % K));
    }
}

static net *net_new(cull_ctx *cx)
{
    net *n = calloc(1, sizeof *n);
    n->poison = n->masked = -1;
    net_fill(n);
    ok(cx, cull_params_new(cx, &n->p));
    ok(cx, cull_params_add(n->p, "w1", 2, (int64_t[]){HIDDEN, D}, CULL_INIT_HE, 0, 0, 0, &n->w1));
    ok(cx, cull_params_add(n->p, "b1", 1, (int64_t[]){HIDDEN}, CULL_INIT_ZERO, 0, 0, 4, &n->b1));
    ok(cx, cull_params_add(n->p, "w2", 2, (int64_t[]){K, HIDDEN}, CULL_INIT_HE, 0, 0, 0, &n->w2));
    ok(cx, cull_params_add(n->p, "b2", 1, (int64_t[]){K}, CULL_INIT_ZERO, 0, 0, 4, &n->b2));
    ok(cx, cull_params_add(n->p, "mean", 1, (int64_t[]){D}, CULL_INIT_ZERO, 0, 0, CULL_PARAM_STATE,
                           &n->mean));
    return n;
}

static void net_free(net *n)
{
    cull_params_free(n->p);
    free(n);
}

static void gather(net *n, const cull_batch *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        cull_rng r = cull__rng_seeded(b->stream, (uint64_t)b->row[i]);
        memcpy(n->in[b->shard][i], n->x[b->row[i]], sizeof n->x[0]);
        n->of[b->shard][i] = n->label[b->row[i]];
        for (int j = 0; j < D && b->train && n->noise > 0; j++)
            n->in[b->shard][i][j] += (float)(n->noise * cull__rng_normal(&r));
    }
    if (b->train && b->step == n->poison) n->in[b->shard][0][2] = INFINITY;
}

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    net *n = user;
    assert_true(b->n > 0 && b->n <= ROWS && b->shard < SHARDS);
    gather(n, b);
    if (b->shard == 0) n->calls++;
    if (n->state && b->train) {
        float *mean = cull__tape_state(t, n->mean);
        const float *was = cull_params_value(n->p) + cull_params_at(n->p, n->mean)->at;
        for (int j = 0; mean && j < D; j++) {
            float sum = 0;
            for (int64_t i = 0; i < b->n; i++) sum += n->in[b->shard][i][j];
            mean[j] = .9f * was[j] + .1f * sum / (float)b->n;
        }
    }
    cull_var *x = cull_nn_input(t, 2, (int64_t[]){b->n, D}, n->in[b->shard][0], false);
    cull_tape_scope(t, "hidden");
    cull_var *h =
        cull_nn_relu(t, cull_nn_linear(t, x, cull_nn_param(t, n->w1), cull_nn_param(t, n->b1)));
    cull_tape_scope(t, "head");
    cull_var *y = cull_nn_linear(t, h, cull_nn_param(t, n->w2), cull_nn_param(t, n->b2));
    cull_batch_predict(b, y);
    return cull_nn_cross_entropy(t, y, n->of[b->shard], NULL, 0);
}

static double accuracy(void *user, const int64_t *row, const float *out, int64_t rows)
{
    net *n = user;
    double hits = 0;
    if (n->metrics) return n->metrics[n->epoch++];
    for (int64_t i = 0; i < rows; i++, out += K) {
        int top = 0;
        for (int k = 1; k < K; k++)
            if (out[k] > out[top]) top = k;
        hits += top == n->label[row[i]];
    }
    return hits / (double)rows;
}

static cull_train_problem problem(net *n)
{
    return (cull_train_problem){.params = n->p,
                                .n = ROWS,
                                .val_n = VAL,
                                .loss = loss,
                                .user = n,
                                .outs = K,
                                .metric = accuracy,
                                .hash = 7};
}

static cull_train_opts options(void)
{
    cull_train_opts o = CULL_TRAIN_OPTS;
    o.schedule.lr = .02;
    o.epochs = 6;
    o.batch = BATCH;
    o.shards = 2;
    return o;
}

static size_t bytes_of(const net *n) { return (size_t)cull_params_size(n->p) * sizeof(float); }

static void learns(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    cull_train_opts o = options();
    cull_history hist;
    double before, after;
    o.epochs = 30;
    ok(cx, cull_train_evaluate(cx, &q, NULL, ROWS, 7, 3, &before, NULL));
    ok(cx, cull_train(cx, &q, &o, &hist));
    ok(cx, cull_train_evaluate(cx, &q, NULL, ROWS, ROWS, 1, &after, NULL));
    assert_int_equal(hist.epochs, 30);
    assert_int_equal(hist.steps, 30 * 5); /* 90 rows in batches of 20: four and a half */
    assert_false(hist.early);
    assert_true(hist.bytes > 0 && hist.best >= 0);
    assert_true(after < .5 * before);
    assert_true(hist.train_loss[29] < hist.train_loss[0]);
    assert_true(hist.metric[29] > .7 && hist.rows_s[3] > 0 && hist.seconds[3] > 0);
    assert_true(fabs(hist.lr[0] - cull_schedule_at(&o.schedule, 4, 150)) < 1e-15);
    double least = INFINITY, val;
    for (int i = 0; i < 30; i++) least = hist.val_loss[i] < least ? hist.val_loss[i] : least;
    assert_true(hist.val_loss[hist.best] == least); /* whose weights these are: */
    int64_t rows[VAL];
    float out[VAL * K];
    for (int i = 0; i < VAL; i++) rows[i] = ROWS + i;
    ok(cx, cull_train_evaluate(cx, &q, rows, VAL, BATCH, 2, &val, out));
    assert_true(val == least);
    assert_true(accuracy(n, rows, out, VAL) == hist.metric[hist.best]);
    cull_history_free(&hist);
    net_free(n);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Weights after a training. */
static void trained(int threads, int64_t shards, const cull_train_opts *o, uint64_t seed, float *v)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = threads;
    cull_ctx *cx = cull_ctx_new(&co);
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    cull_train_opts own = *o;
    n->state = true;
    n->noise = .1;
    own.shards = shards;
    own.seed = seed;
    ok(cx, cull_train(cx, &q, &own, NULL));
    memcpy(v, cull_params_value(n->p), bytes_of(n));
    net_free(n);
    cull_ctx_free(cx);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    float one[256] = {0}, two[256] = {0};
    cull_train_opts o = options();
    o.ema = .9;
    o.optim.clip = 1;
    trained(1, 4, &o, 0, one);
    trained(2, 4, &o, 0, two);
    assert_memory_equal(one, two, sizeof one);
    trained(4, 4, &o, 0, two);
    assert_memory_equal(one, two, sizeof one);
    trained(1, 4, &o, 1, two); /* the seed counts */
    assert_memory_not_equal(one, two, sizeof one);
}

/* The gradient is the batch's mean whatever the shards are: a few steps of plain descent differ by f32
 * roundings of numbers about 1. Shards of unequal size, the last batch too. */
static void shards_change_roundings_only(void **state)
{
    (void)state;
    float one[256] = {0}, two[256] = {0};
    cull_train_opts o = options();
    o.optim.kind = CULL_SGD;
    o.schedule.lr = .1;
    o.last = true;
    o.epochs = 2;
    o.batch = 41;
    trained(1, 1, &o, 0, one); /* the running mean is behind the first 112 numbers */
    for (int64_t shards = 2; shards <= SHARDS; shards++) {
        double far = 0;
        trained(1, shards, &o, 0, two);
        for (int i = 0; i < 112; i++) far = fmax(far, fabs((double)(one[i] - two[i])));
        if (!(far > 0 && far < 5e-6)) fail_msg("%d shards: %g", (int)shards, far);
    }
}

static cull_status hold(cull_ctx *cx, void *user, int64_t step, int64_t steps)
{
    (void)cx;
    net *n = user;
    assert_true(step >= 0 && step < steps);
    n->trained += step;
    return CULL_OK;
}

static void masks_and_flags(void **state)
{
    (void)state;
    for (int kind = CULL_SGD; kind <= CULL_ADAMW; kind++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        net *n = net_new(cx);
        cull_train_problem q = problem(n);
        cull_train_opts o = options();
        float first[256], mask[256];
        const float *v = cull_params_value(n->p);
        int64_t w2 = cull_params_at(n->p, n->w2)->at;
        memcpy(first, v, bytes_of(n));
        for (int i = 0; i < 256; i++) mask[i] = i % 3 != 0;
        o.optim.kind = (cull_optim_kind)kind;
        o.optim.decay = .1;
        o.optim.momentum = .9;
        q.after = hold;
        ok(cx, cull_params_mask(n->p, mask));
        cull_params_flag(n->p, n->w2, CULL_PARAM_FROZEN);
        ok(cx, cull_train(cx, &q, &o, NULL));
        assert_int_equal(n->trained, 30 * 29 / 2);
        for (int i = 0; i < HIDDEN * D; i++) assert_int_equal(v[i] == first[i], i % 3 == 0);
        assert_memory_equal(v + w2, first + w2, HIDDEN * K * sizeof *v);
        net_free(n);
        cull_ctx_free(cx);
    }
}

static void state_settles(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    cull_train_opts o = options();
    double want[D] = {0};
    n->state = true;
    o.in_order = o.last = true;
    o.epochs = 1;
    o.batch = 30; /* shards of 15 and 15: the mean of theirs is the batch's */
    ok(cx, cull_train(cx, &q, &o, NULL));
    for (int s = 0; s < 3; s++)
        for (int j = 0; j < D; j++) {
            double sum = 0;
            for (int i = 0; i < 30; i++) sum += (double)n->x[s * 30 + i][j];
            want[j] = .9 * want[j] + .1 * sum / 30;
        }
    const float *mean = cull_params_value(n->p) + cull_params_at(n->p, n->mean)->at;
    for (int j = 0; j < D; j++) assert_true(fabs((double)mean[j] - want[j]) < 1e-6);
    net_free(n);
    cull_ctx_free(cx);
}

/* The metric is told what to say: it is best in epoch 2, and 0.01 more is not enough to count. */
static void stops_early(void **state)
{
    (void)state;
    static const double said[] = {.5, .6, .7, .7, NAN, .705, .9, .9};
    cull_ctx *cx = cull_ctx_new(NULL);
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    cull_train_opts o = options();
    cull_history h;
    n->metrics = said;
    o.epochs = 20;
    o.patience = 3;
    o.min_delta = .01;
    o.by_metric = true;
    ok(cx, cull_train(cx, &q, &o, &h));
    assert_int_equal(h.epochs, 6);
    assert_int_equal(h.best, 2);
    assert_int_equal(h.steps, 30);
    assert_true(h.early && h.metric[5] == .705);
    double val;
    int64_t rows[VAL];
    for (int i = 0; i < VAL; i++) rows[i] = ROWS + i;
    ok(cx, cull_train_evaluate(cx, &q, rows, VAL, BATCH, 2, &val, NULL));
    assert_true(val == h.val_loss[2] && val != h.val_loss[5]);
    cull_history_free(&h);
    net_free(n);
    cull_ctx_free(cx);
}

static void batches_cover_the_rows(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    cull_train_opts o = options();
    cull_history h;
    static const int64_t rows[] = {3, 50, 7, 80, 11, 20, 9};
    q.row = rows;
    q.n = 7;
    q.val_n = 0;
    q.metric = NULL;
    o.batch = 3;
    o.epochs = 2;
    o.shards = 2; /* the last batch has one row: one shard is left out */
    ok(cx, cull_train(cx, &q, &o, &h));
    assert_int_equal(h.steps, 6);
    assert_int_equal(h.best, -1);
    assert_true(isnan(h.val_loss[0]) && isnan(h.metric[1]));
    cull_history_free(&h);
    o.drop_last = true;
    ok(cx, cull_train(cx, &q, &o, &h));
    assert_int_equal(h.steps, 4);
    cull_history_free(&h);
    net_free(n);
    cull_ctx_free(cx);
}

/* The average's loop by hand: batch and order fixed, plain descent, one shard. */
static void hands_out_the_average(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    net *n = net_new(cx), *m = net_new(cx);
    cull_train_problem q = problem(n);
    cull_train_opts o = options();
    q.val_n = 0;
    q.metric = NULL;
    o.in_order = true;
    o.shards = 1;
    o.batch = ROWS;
    o.epochs = 3;
    o.ema = .9;
    o.optim.kind = CULL_SGD;
    o.schedule.kind = CULL_LR_CONSTANT;
    ok(cx, cull_train(cx, &q, &o, NULL));
    cull_train_problem g = problem(m);
    double want[256];
    float *v = cull_params_value(m->p);
    int64_t size = cull_params_size(m->p);
    cull_tape *t;
    int64_t all[ROWS];
    for (int i = 0; i < ROWS; i++) all[i] = i;
    for (int i = 0; i < size; i++) want[i] = (double)v[i];
    ok(cx, cull_tape_new(cx, m->p, &t));
    for (int s = 1; s <= 3; s++) {
        double d = fmin(.9, (1. + s) / (10 + s));
        cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
        ok(cx, cull_tape_backward(t, g.loss(t, m, &(cull_batch){.row = all, .n = ROWS})));
        for (int i = 0; i < size; i++) {
            v[i] -= .02f * cull_tape_grad(t)[i];
            want[i] = d * want[i] + (1 - d) * (double)v[i];
        }
    }
    for (int i = 0; i < size; i++)
        assert_true(fabs((double)cull_params_value(n->p)[i] - want[i]) < 1e-6);
    cull_tape_free(t);
    net_free(n);
    net_free(m);
    cull_ctx_free(cx);
}

/* ---- checkpoints ---- */

/* A carrier in memory. */
typedef struct {
    char *at;
    size_t n;
    int64_t step;
    int found, kept;
} shelf;

static size_t piece_bytes(const cull__piece *p, int n)
{
    size_t all = 0;
    for (int i = 0; i < n; i++) all += p[i].total;
    return all;
}

static cull_status shelf_find(cull_ctx *cx, void *user, const cull__loop *l, int64_t *step,
                              const cull__piece *p, int n, bool *found)
{
    shelf *s = user;
    (void)cx;
    assert_string_equal(l->what, "training");
    *found = s->at != NULL;
    if (!s->at) return CULL_OK;
    assert_true(piece_bytes(p, n) == s->n);
    const char *at = s->at;
    for (int i = 0; i < n; at += p[i++].total) memcpy(p[i].at, at, p[i].total);
    *step = s->step;
    s->found++;
    return CULL_OK;
}

static cull_status shelf_keep(cull_ctx *cx, void *user, cull__loop *l, int64_t step, bool last,
                              const cull__piece *p, int n)
{
    shelf *s = user;
    (void)cx, (void)l, (void)last;
    s->n = piece_bytes(p, n);
    s->at = realloc(s->at, s->n);
    char *at = s->at;
    for (int i = 0; i < n; at += p[i++].total) memcpy(at, p[i].at, p[i].total);
    s->step = step;
    s->kept++;
    return CULL_OK;
}

typedef struct {
    float v[256];
    double loss[8], val[8];
    int64_t best, steps;
    long ticks;
} outcome;

static cull_status carried(shelf *s, long stop_at, double clip, int64_t patience, outcome *out)
{
    hooks h = {.stop_at = stop_at};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull__carrier c = {.user = s, .find = shelf_find, .keep = shelf_keep};
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    cull_train_opts o = options();
    cull_history hist;
    n->state = true;
    n->noise = .2;
    o.epochs = 8;
    o.batch = 40; /* three steps an epoch */
    o.ema = .8;
    o.optim.clip = clip;
    o.patience = patience;
    cull__carry(cx, &c);
    memset(out, 0, sizeof *out);
    cull_status st = cull_train(cx, &q, &o, &hist);
    out->ticks = h.ticks;
    if (st == CULL_OK) {
        memcpy(out->v, cull_params_value(n->p), bytes_of(n));
        memcpy(out->loss, hist.train_loss, (size_t)hist.epochs * sizeof *out->loss);
        memcpy(out->val, hist.val_loss, (size_t)hist.epochs * sizeof *out->val);
        out->best = hist.best;
        out->steps = hist.steps;
        cull_history_free(&hist);
    } else if (st == CULL_EINPUT) {
        assert_non_null(strstr(cull_error(cx), "other data, options or first weights"));
        net *fresh = net_new(cx);
        assert_memory_equal(cull_params_value(n->p), cull_params_value(fresh->p), bytes_of(n));
        net_free(fresh);
    }
    net_free(n);
    cull__carry(cx, NULL);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    return st;
}

static void same(const outcome *a, const outcome *b)
{
    assert_memory_equal(a->v, b->v, sizeof a->v);
    assert_memory_equal(a->loss, b->loss, sizeof a->loss);
    assert_memory_equal(a->val, b->val, sizeof a->val);
    assert_int_equal(a->best, b->best);
    assert_int_equal(a->steps, b->steps);
}

static void killed_anywhere_it_goes_on(void **state)
{
    (void)state;
    outcome whole, part;
    shelf none = {0};
    assert_int_equal(carried(&none, 0, 1, 0, &whole), CULL_OK);
    assert_int_equal(none.kept, 24);
    long between = 0;
    for (long at = 1; at < whole.ticks; at += 5) {
        shelf s = {0};
        assert_int_equal(carried(&s, at, 1, 0, &part), CULL_ECANCEL);
        between += s.at && s.step % 3;
        assert_int_equal(carried(&s, 0, 1, 0, &part), CULL_OK);
        same(&whole, &part);
        assert_int_equal(carried(&s, 0, 1, 0, &part), CULL_OK); /* after its end, too */
        same(&whole, &part);
        free(s.at);
    }
    assert_true(between > 10); /* within epochs as well */
    /* killed again and again, a little later each time */
    shelf s = {0};
    int lives = 0;
    while (carried(&s, 9 + lives, 1, 0, &part) == CULL_ECANCEL) lives++;
    assert_true(lives > 3);
    same(&whole, &part);
    free(s.at);
    free(none.at);
}

static void checkpoints_of_others_are_refused(void **state)
{
    (void)state;
    outcome out;
    shelf s = {0};
    assert_int_equal(carried(&s, 60, 1, 0, &out), CULL_ECANCEL);
    assert_int_equal(carried(&s, 0, 2, 0, &out), CULL_EINPUT);
    assert_int_equal(carried(&s, 0, 1, 5, &out), CULL_EINPUT);
    assert_int_equal(carried(&s, 0, 1, 0, &out), CULL_OK);
    free(s.at);
}

/* ---- many ---- */

static void many_are_as_alone(void **state)
{
    (void)state;
    enum { RUNS = 5 };
    float alone[RUNS][256], with[RUNS][256];
    cull_train_opts o[RUNS];
    for (int i = 0; i < RUNS; i++) {
        o[i] = options();
        o[i].schedule.lr = .01 * (i + 1);
        o[i].shards = 1 + i % 3;
        o[i].seed = (uint64_t)i;
        memset(alone[i], 0, sizeof alone[i]);
        trained(2, o[i].shards, &o[i], o[i].seed, alone[i]);
    }
    for (int threads = 1; threads <= 3; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        net *n[RUNS];
        cull_train_problem q[RUNS];
        cull_history hist[RUNS];
        for (int i = 0; i < RUNS; i++) {
            n[i] = net_new(cx);
            n[i]->state = true;
            n[i]->noise = .1;
            q[i] = problem(n[i]);
        }
        ok(cx, cull_train_many(cx, q, o, RUNS, hist));
        for (int i = 0; i < RUNS; i++) {
            memset(with[i], 0, sizeof with[i]);
            memcpy(with[i], cull_params_value(n[i]->p), bytes_of(n[i]));
            assert_int_equal(hist[i].epochs, 6);
            cull_history_free(hist + i);
        }
        assert_memory_equal(alone, with, sizeof alone);
        o[3].batch = 1000; /* one that fails is the failure of all, and nothing leaks */
        refused(cx, cull_train_many(cx, q, o, RUNS, hist), CULL_EINPUT, "1000 rows");
        assert_null(hist[0].train_loss);
        o[3].batch = BATCH;
        for (int i = 0; i < RUNS; i++) net_free(n[i]);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

/* ---- refusals ---- */

static cull_var *none(cull_tape *t, void *user, const cull_batch *b)
{
    (void)t, (void)user, (void)b;
    return NULL;
}

static void refuses(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    net *n = net_new(cx);
    float first[256];
    memcpy(first, cull_params_value(n->p), bytes_of(n));
    struct {
        cull_train_problem q;
        cull_train_opts o;
        cull_status s;
        const char *part;
    } bad[] = {
        {.s = CULL_EINPUT, .part = "a batch is 91 rows, but there are 90"},
        {.s = CULL_EOPTION, .part = "the learning rate is -1"},
        {.s = CULL_EOPTION, .part = "the learning rate is nan"},
        {.s = CULL_EOPTION, .part = "the learning rate is inf"},
        {.s = CULL_EOPTION, .part = "epochs is 0"},
        {.s = CULL_EOPTION, .part = "cannot be cut into 21 shards"},
        {.s = CULL_EOPTION, .part = "no validation rows to wait for"},
        {.s = CULL_EOPTION, .part = "there is no metric"},
        {.s = CULL_EINPUT, .part = "the number of outputs"},
        {.s = CULL_EINPUT, .part = "must return one number"},
        {.s = CULL_EINPUT, .part = "no rows to train on"},
        {.s = CULL_EOPTION, .part = "decay of the average"},
        {.s = CULL_EOPTION, .part = "decay of the optimiser"},
        {.s = CULL_EOPTION, .part = "min_delta"},
        {.s = CULL_EINPUT, .part = "needs parameters and a loss"},
    };
    enum { CASES = sizeof bad / sizeof *bad };
    for (int i = 0; i < CASES; i++) bad[i].q = problem(n), bad[i].o = options();
    bad[0].o.batch = 91;
    bad[1].o.schedule.lr = -1;
    bad[2].o.schedule.lr = NAN;
    bad[3].o.schedule.lr = INFINITY;
    bad[4].o.epochs = 0;
    bad[5].o.shards = 21;
    bad[6].o.patience = 2, bad[6].q.val_n = 0, bad[6].q.metric = NULL;
    bad[7].o.by_metric = true, bad[7].q.metric = NULL;
    bad[8].q.outs = 0;
    bad[9].q.loss = none;
    bad[10].q.n = 0;
    bad[11].o.ema = 1;
    bad[12].o.optim.decay = -1;
    bad[13].o.min_delta = -1;
    bad[14].q.loss = NULL;
    for (int i = 0; i < CASES; i++) {
        refused(cx, cull_train(cx, &bad[i].q, &bad[i].o, NULL), bad[i].s, bad[i].part);
        assert_memory_equal(first, cull_params_value(n->p), bytes_of(n));
    }
    net_free(n);
    cull_ctx_free(cx);
}

static void a_loss_that_is_nan_is_placed(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    cull_train_opts o = options();
    n->poison = 7;
    refused(cx, cull_train(cx, &q, &o, NULL), CULL_EINPUT, "epoch 2, step 3: linear in hidden");
    assert_non_null(strstr(cull_error(cx), "not finite"));
    net_free(n);
    cull_ctx_free(cx);
}

static void memory_is_weighed_first(void **state)
{
    (void)state;
    for (int fits = 0; fits < 2; fits++) {
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.memory = (uint64_t)(fits ? 8 : 3) << 20; /* a tape takes a MiB here */
        co.threads = 1;
        cull_ctx *cx = cull_ctx_new(&co);
        net *n = net_new(cx);
        cull_train_problem q = problem(n);
        cull_train_opts o = options();
        o.shards = 4;
        if (fits) {
            ok(cx, cull_train(cx, &q, &o, NULL));
        } else {
            refused(cx, cull_train(cx, &q, &o, NULL), CULL_ENOMEM, "(4 shards");
            if (!strstr(cull_error(cx), "limit is 3.0 MiB")) fail_msg("%s", cull_error(cx));
            assert_int_equal(n->calls, 1); /* one look, no step */
        }
        net_free(n);
        cull_ctx_free(cx);
    }
}

static void memory_fails(void **state)
{
    (void)state;
    for (long at = 1;; at++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        net *n = net_new(cx);
        cull_train_problem q = problem(n);
        cull_train_opts o = options();
        cull_history hist;
        o.epochs = 1;
        o.ema = .5;
        o.optim.clip = 1;
        h.fail_at = h.calls + at;
        n->state = true;
        cull_status s = cull_train(cx, &q, &o, &hist);
        bool all = h.calls < h.fail_at;
        if (s != CULL_OK) assert_null(hist.train_loss);
        cull_history_free(&hist);
        net_free(n);
        cull_ctx_free(cx);
        assert_int_equal(s, all ? CULL_OK : CULL_ENOMEM);
        assert_int_equal(h.live, 0);
        if (!all) continue;
        assert_true(at > 20);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(shards_change_roundings_only),
        cmocka_unit_test(masks_and_flags),
        cmocka_unit_test(state_settles),
        cmocka_unit_test(stops_early),
        cmocka_unit_test(batches_cover_the_rows),
        cmocka_unit_test(hands_out_the_average),
        cmocka_unit_test(killed_anywhere_it_goes_on),
        cmocka_unit_test(checkpoints_of_others_are_refused),
        cmocka_unit_test(many_are_as_alone),
        cmocka_unit_test(refuses),
        cmocka_unit_test(a_loss_that_is_nan_is_placed),
        cmocka_unit_test(memory_is_weighed_first),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
