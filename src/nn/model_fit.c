/* model_fit.c - models trained and judged on data sets: batches filled, scaled and run through. */
#include "cull/nn_ops.h"
#include "nn/fit.h"
#include "nn/model.h"
#include "nn/surgery.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    cull_model *m;
    const cull_fit_data *d;
    cull_fit_kind kind;
    double smoothing;
    const cull_augment *augment;
    int64_t *first; /* sets + 1: the row that each begins with */
    int64_t values, rows, outs;
    int64_t batch; /* rows that a shard has room for */
    float *x, *target;
    int32_t *label;
    float *mean, *scale; /* channels of them */
    int64_t channels;
    cull__soft *soft; /* of the training, or NULL */
    int64_t epochs;
} fit;

/* ---- rows ---- */

static int set_of(const fit *f, int64_t row)
{
    int s = 0;
    while (row >= f->first[s + 1]) s++;
    return s;
}

static void fill(const fit *f, const int64_t *row, int64_t n, const cull_augment *a,
                 uint64_t stream, float *x, int32_t *label, float *target)
{
    for (int64_t i = 0; i < n;) { /* runs of rows of one set */
        int64_t at[64];
        int s = set_of(f, row[i]);
        int64_t k = 0;
        for (; k < 64 && i + k < n && set_of(f, row[i + k]) == s; k++)
            at[k] = row[i + k] - f->first[s];
        cull_dataset_fill(f->d->set[s], at, k, a, stream, x + i * f->values,
                          label ? label + i : NULL, target ? target + i : NULL);
        i += k;
    }
}

static void rescale(const fit *f, float *x, int64_t n)
{
    int64_t c = f->channels;
    if (!c) return;
    for (int64_t i = 0; i < n * f->values; i += c)
        for (int64_t k = 0; k < c; k++) x[i + k] = (x[i + k] - f->mean[k]) * f->scale[k];
}

/* ---- the loss ---- */

static cull_var *target_of(cull_tape *t, const cull_var *y, const float *v)
{
    int64_t dim[CULL_RANK];
    for (int i = 0; i < cull_var_rank(y); i++) dim[i] = cull_var_dim(y, i);
    return cull_nn_input(t, cull_var_rank(y), dim, v, false);
}

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    const fit *f = user;
    int64_t dim[4] = {b->n}, at = b->shard * f->batch;
    float *x = f->x + at * f->values, *target = f->target ? f->target + at : NULL;
    int32_t *label = f->label ? f->label + at : NULL;
    int rank = cull_model_input(f->m, dim + 1);
    fill(f, b->row, b->n, b->train ? f->augment : NULL, b->stream, x, label, target);
    rescale(f, x, b->n);
    cull_var *y = cull_model_forward(f->m, t, cull_nn_input(t, rank + 1, dim, x, false), NULL);
    cull_batch_predict(b, y);
    if (!y) return NULL;
    if (f->kind == CULL_FIT_CLASSES)
        return cull_nn_cross_entropy(t, y, label, NULL, b->train ? f->smoothing : 0);
    return cull_nn_mse(t, y, target_of(t, y, f->kind == CULL_FIT_SELF ? x : target), NULL);
}

/* ---- data and model fit one another ---- */

static cull_status shape_fits(cull_ctx *cx, const fit *f, int s)
{
    int64_t has[3], dim[3];
    int rank = cull_model_input(f->m, dim);
    int64_t n = cull_dataset_shape(f->d->set[s], has);
    bool good = n == f->values;
    if (rank == 3 && (has[0] > 1 || has[1] > 1)) good = !memcmp(has, dim, sizeof has);
    if (good) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      rank == 3 ? "the data has rows of %" PRId64 "x%" PRId64 "x%" PRId64
                                  " and the model takes %" PRId64 "x%" PRId64 "x%" PRId64
                                : "the data has rows of %" PRId64 "x%" PRId64 "x%" PRId64
                                  " and the model takes %" PRId64 " features",
                      has[0], has[1], has[2], dim[0], dim[1], dim[2]);
}

static cull_status target_fits(cull_ctx *cx, const fit *f, int s)
{
    const cull_dataset *d = f->d->set[s];
    if (f->kind == CULL_FIT_SELF) return CULL_OK;
    if (f->kind == CULL_FIT_NUMBERS)
        return cull_dataset_target(d) ? CULL_OK
                                      : cull__fail(cx, CULL_EINPUT, "the data has no target");
    if (!cull_dataset_label(d)) return cull__fail(cx, CULL_EINPUT, "the data has no labels");
    if (cull_dataset_classes(d) > f->outs)
        return cull__fail(cx, CULL_EINPUT,
                          "the data has labels up to %" PRId64 " and the model %" PRId64
                          " outputs; labels count from 0",
                          cull_dataset_classes(d) - 1, f->outs);
    return CULL_OK;
}

static cull_status output_fits(cull_ctx *cx, const fit *f)
{
    int64_t dim[3], n = 1;
    int rank = cull_model_output(f->m, dim);
    for (int i = 0; i < rank; i++) n *= dim[i];
    if (f->kind == CULL_FIT_SELF && n != f->values)
        return cull__fail(cx, CULL_EINPUT,
                          "an autoencoder gives what it takes; this model takes %" PRId64
                          " numbers and gives %" PRId64,
                          f->values, n);
    if (f->kind == CULL_FIT_NUMBERS && n != 1)
        return cull__fail(cx, CULL_EINPUT,
                          "a model of one number has one output; this one has %" PRId64, n);
    if (f->kind == CULL_FIT_CLASSES && rank != 1)
        return cull__fail(cx, CULL_EINPUT, "the last layer gives an image, and no classes");
    return CULL_OK;
}

static void take_scaling(fit *f)
{
    const float *mean, *std;
    int64_t dim[3], c;
    int rank = cull_model_input(f->m, dim);
    if (!cull_model_scaling(f->m, &mean, &std)) return;
    c = f->channels = dim[rank - 1];
    for (int64_t k = 0; k < c; k++) {
        f->mean[k] = mean[f->m->scaled == 1 ? 0 : k];
        f->scale[k] = 1 / std[f->m->scaled == 1 ? 0 : k];
    }
}

static cull_status begin(cull_ctx *cx, fit *f, cull_model *m, const cull_fit_data *d,
                         cull_fit_kind kind)
{
    int64_t dim[3];
    int rank = cull_model_input(m, dim);
    *f = (fit){.m = m, .d = d, .kind = kind, .values = 1, .outs = 1};
    if (!m->params) return cull__fail(cx, CULL_EINPUT, "a model of shapes only cannot be trained");
    if (d->sets < 1) return cull__fail(cx, CULL_EINPUT, "there is no data");
    for (int i = 0; i < rank; i++) f->values *= dim[i];
    CULL_TRY(CULL_TMP(cx, f->mean, dim[rank - 1]));
    CULL_TRY(CULL_TMP(cx, f->scale, dim[rank - 1]));
    CULL_TRY(CULL_TMP0(cx, f->first, d->sets + 1));
    rank = cull_model_output(m, dim);
    for (int i = 0; i < rank; i++) f->outs *= dim[i];
    for (int s = 0; s < d->sets; s++) {
        CULL_TRY(shape_fits(cx, f, s));
        CULL_TRY(target_fits(cx, f, s));
        f->first[s + 1] = f->first[s] + cull_dataset_rows(d->set[s]);
    }
    f->rows = f->first[d->sets];
    take_scaling(f);
    return output_fits(cx, f);
}

static cull_status rooms(cull_ctx *cx, fit *f, int64_t batch, int64_t shards)
{
    f->batch = batch;
    CULL_TRY(CULL_TMP(cx, f->x, batch * shards * f->values));
    if (f->kind == CULL_FIT_CLASSES) return CULL_TMP(cx, f->label, batch * shards);
    return f->kind == CULL_FIT_NUMBERS ? CULL_TMP(cx, f->target, batch * shards) : CULL_OK;
}

static cull_status check_rows(cull_ctx *cx, const fit *f, const int64_t *row, int64_t n)
{
    if (!row && n > f->rows)
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " rows are asked for and there are %" PRId64,
                          n, f->rows);
    for (int64_t i = 0; row && i < n; i++)
        if (row[i] < 0 || row[i] >= f->rows)
            return cull__fail(cx, CULL_EINPUT,
                              "row %" PRId64 " is asked for and there are %" PRId64, row[i],
                              f->rows);
    return CULL_OK;
}

/* ---- scaling ---- */

typedef struct {
    const fit *f;
    const int64_t *row;
    double *sum; /* each chunk's: of values, then of squares */
    int64_t c;
} measuring;
enum { SCALE_ROWS = 256 };

static cull_status measure(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const measuring *w = arg;
    const fit *f = w->f;
    double *sum = w->sum + chunk * 2 * w->c;
    float *x;
    int64_t *row;
    CULL_TRY(CULL_TMP(cx, x, (hi - lo) * f->values));
    CULL_TRY(CULL_TMP(cx, row, hi - lo));
    for (int64_t i = lo; i < hi; i++) row[i - lo] = w->row ? w->row[i] : i;
    fill(f, row, hi - lo, NULL, 0, x, NULL, NULL);
    for (int64_t i = 0; i < (hi - lo) * f->values; i++) {
        double v = (double)x[i];
        sum[i % w->c] += v;
        sum[w->c + i % w->c] += v * v;
    }
    return CULL_OK;
}

static cull_status scaling(cull_ctx *cx, fit *f, const int64_t *row, int64_t n)
{
    int64_t dim[3], chunks = (n - 1) / SCALE_ROWS + 1;
    int64_t c = dim[cull_model_input(f->m, dim) - 1], count;
    float *mean, *std;
    if (c > CULL__MODEL_CHANNELS) c = 1;
    measuring w = {.f = f, .row = row, .c = c};
    CULL_TRY(CULL_TMP0(cx, w.sum, chunks * 2 * c));
    CULL_TRY(CULL_TMP(cx, mean, c));
    CULL_TRY(CULL_TMP(cx, std, c));
    CULL_TRY(cull__for(cx, n, SCALE_ROWS, measure, &w));
    for (int64_t i = 1; i < chunks; i++)
        for (int64_t k = 0; k < 2 * c; k++) w.sum[k] += w.sum[i * 2 * c + k];
    count = n * f->values / c;
    for (int64_t k = 0; k < c; k++) {
        double a = w.sum[k] / (double)count, v = w.sum[c + k] / (double)count - a * a;
        mean[k] = (float)a;
        std[k] = v > 1e-12 * (a * a) + 1e-24 ? (float)sqrt(v) : 1;
    }
    return cull__model_scale(f->m, mean, std, (int)c);
}

cull_status cull_fit_scaling(cull_ctx *cx, cull_model *m, const cull_fit_data *d,
                             const int64_t *row, int64_t n)
{
    fit f;
    if (m->scaled) return CULL_OK;
    const char *phase = cull__phase(cx, "scaling");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = begin(cx, &f, m, d, CULL_FIT_SELF);
    if (s == CULL_EINPUT && f.first && f.first[d->sets])
        s = CULL_OK; /* outputs do not matter here */
    if (s == CULL_OK && !row) n = f.rows;
    if (s == CULL_OK) s = check_rows(cx, &f, row, n);
    if (s == CULL_OK && n > 0) s = scaling(cx, &f, row, n);
    cull__release(cx, mark);
    cull__phase(cx, phase);
    return s;
}

/* ---- a share to validate on ---- */

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

cull_status cull_fit_split(cull_ctx *cx, int64_t n, double share, int64_t *row, int64_t *val)
{
    static const char stream[] = "validation";
    int64_t v = (int64_t)llround(share * (double)n);
    if (!(share > 0 && share < 1) || v < 1 || v >= n)
        return cull__fail(cx, CULL_EINPUT,
                          "a share of %g of %" PRId64
                          " rows leaves none to train on or none to validate on",
                          share, n);
    cull_rng r = cull__rng(cx, cull__hash64(stream, sizeof stream, 0));
    for (int64_t i = 0; i < n; i++) row[i] = i;
    cull__rng_shuffle(&r, row, n);
    qsort(row, (size_t)(n - v), sizeof *row, by_size);
    qsort(row + (n - v), (size_t)v, sizeof *row, by_size);
    *val = v;
    return CULL_OK;
}

/* ---- training ---- */

cull_status cull__fit_keep_in(cull_ctx *cx, const cull_model *m, const cull_fit_data *d,
                              const cull_fit_opts *o, const char *what, const char *run,
                              cull__parts **out)
{
    cull_buf b = CULL_BUF(cx);
    cull__parts_opts at = {.dir = o->checkpoint, .loops = true};
    int64_t rows = 0;
    *out = NULL;
    if (!o->checkpoint) return CULL_OK;
    for (int s = 0; s < d->sets; s++) rows += cull_dataset_rows(d->set[s]);
    cull__buf_printf(&b, "cull: %s %s\nseed: %" PRIu64 "\n", cull_version(), what,
                     cull_ctx_seed(cx));
    cull__buf_printf(&b, "model: %016" PRIx64 "\nrows: %" PRId64 "\n",
                     cull__hash64(m->text, strlen(m->text), 0), rows);
    cull__buf_printf(&b, "%sbatch: %" PRId64 "\nrate: %.17g\n", run, o->train.batch,
                     o->train.schedule.lr);
    cull_status s = b.status;
    at.run = b.at;
    if (s == CULL_OK) s = cull__parts_open(cx, &at, out);
    cull__buf_free(&b);
    return s;
}

cull_status cull__fit_kept(cull_ctx *cx, cull__parts *parts, cull_status s)
{
    if (s == CULL_OK && parts) s = cull__parts_clear(cx, parts);
    cull__parts_close(cx, parts);
    return s;
}

static double accuracy(void *user, const int64_t *row, const float *out, int64_t n)
{
    const fit *f = user;
    int64_t right = 0;
    for (int64_t i = 0; i < n; i++, out += f->outs) {
        int s = set_of(f, row[i]);
        int64_t best = 0;
        for (int64_t k = 1; k < f->outs; k++)
            if (out[k] > out[best]) best = k;
        right += cull_dataset_label(f->d->set[s])[row[i] - f->first[s]] == best;
    }
    return (double)right / (double)n;
}

uint64_t cull__fit_hash(const cull_model *m, const cull_fit_data *d, const cull_fit_opts *o)
{
    uint64_t h = cull__hash64(m->text, strlen(m->text), 0);
    for (int s = 0; s < d->sets; s++) {
        uint64_t one = cull_dataset_hash(d->set[s]);
        h = cull__hash64(&one, sizeof one, h);
    }
    const double say[] = {o->kind,
                          o->smoothing,
                          (double)o->augment.pad,
                          o->augment.flip,
                          (double)o->augment.cutout,
                          o->soft_keep};
    return cull__hash64(say, sizeof say, h);
}

cull_status cull__fit_check(cull_ctx *cx, const cull_fit_opts *o)
{
    if (o->size != sizeof *o)
        return cull__fail(cx, CULL_EOPTION, "cull_fit_opts of %zu bytes, not %zu", o->size,
                          sizeof *o);
    if (!(o->smoothing >= 0 && o->smoothing < 1))
        return cull__fail(cx, CULL_EOPTION, "smoothing %g is outside 0 to 1", o->smoothing);
    if (!(o->soft_keep >= 0 && o->soft_keep <= 1))
        return cull__fail(cx, CULL_EOPTION, "a share of filters of %g is outside 0 to 1",
                          o->soft_keep);
    if (o->soft_keep > 0 && o->train.ema > 0)
        return cull__fail(cx, CULL_EOPTION,
                          "an average of weights has no filters at 0: soft_keep and ema exclude "
                          "each other");
    if (o->train.batch < 1 || o->train.shards < 1)
        return cull__fail(cx, CULL_EOPTION,
                          "a batch of %" PRId64 " and %" PRId64 " shards: each must be 1 or more",
                          o->train.batch, o->train.shards);
    return CULL_OK;
}

/* A draw on scales that the model has not would do nothing, and say so nowhere. */
static cull_status norms_fit(cull_ctx *cx, const cull_model *m, double l1)
{
    bool found = !(l1 > 0);
    for (int i = 0; !found && i < cull_params_count(m->params); i++)
        found = cull_params_at(m->params, i)->flags & CULL_PARAM_SCALE;
    if (found) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "scales of batch norms are to be drawn to 0 by %g, and the model has no "
                      "batch norm",
                      l1);
}

cull_status cull__fit_problem(cull_ctx *cx, cull_model *m, const cull_fit_data *d,
                              const cull_fit_opts *o, int64_t batch, cull_train_problem *q)
{
    fit *f;
    CULL_TRY(CULL_TMP(cx, f, 1));
    CULL_TRY(begin(cx, f, m, d, o->kind));
    CULL_TRY(norms_fit(cx, m, o->train.optim.norm_l1));
    f->smoothing = o->smoothing;
    f->augment = &o->augment;
    CULL_TRY(check_rows(cx, f, q->row, q->n));
    CULL_TRY(check_rows(cx, f, q->val_row, q->val_n));
    CULL_TRY(rooms(cx, f, batch, o->train.shards));
    q->params = m->params;
    q->loss = loss;
    q->user = f;
    q->outs = (int)f->outs;
    q->metric = q->val_n && o->kind == CULL_FIT_CLASSES ? accuracy : NULL;
    return CULL_OK;
}

static cull_status after(cull_ctx *cx, void *user, int64_t step, int64_t steps)
{
    fit *f = user;
    return (step + 1) % (steps / f->epochs) ? CULL_OK : cull__soft_prune(cx, f->soft);
}

static cull_status train(cull_ctx *cx, const cull_model *m, const cull_fit_data *d,
                         const cull_fit_opts *o, cull_train_problem *q, cull_history *h)
{
    cull__parts *parts;
    char run[48];
    q->hash = cull__fit_hash(m, d, o);
    snprintf(run, sizeof run, "epochs: %" PRId64 "\n", o->train.epochs);
    CULL_TRY(cull__fit_keep_in(cx, m, d, o, "model train", run, &parts));
    return cull__fit_kept(cx, parts, cull_train(cx, q, &o->train, h));
}

cull_status cull_fit(cull_ctx *cx, cull_model *m, const cull_fit_data *d, const int64_t *row,
                     int64_t n, const int64_t *val_row, int64_t val_n, const cull_fit_opts *o,
                     cull_history *h)
{
    if (h) *h = (cull_history){0};
    CULL_TRY(cull__fit_check(cx, o));
    cull__mark_t mark = cull__mark(cx);
    cull_train_problem q = {.n = n, .row = row, .val_n = val_n, .val_row = val_row};
    int64_t batch = o->train.batch < n ? o->train.batch : n;
    cull__soft *soft = NULL;
    cull_status s = cull__fit_problem(cx, m, d, o, batch, &q);
    if (s == CULL_OK && o->soft_keep > 0) {
        fit *f = q.user;
        s = cull__soft_new(cx, m, o->soft_keep, &soft);
        f->soft = soft;
        f->epochs = o->train.epochs;
        q.after = after;
    }
    if (s == CULL_OK) s = train(cx, m, d, o, &q, h);
    cull__soft_free(soft);
    cull__release(cx, mark);
    return s;
}

uint64_t cull_fit_bytes(const cull_model *m, const cull_fit_opts *o)
{
    cull_model_total t = cull_model_totals(m);
    int64_t dim[3], rank = cull_model_input(m, dim), values = 1;
    double flat = 4 * (double)(t.params + t.state);
    double arrays = o->train.optim.kind != CULL_SGD ? 2 : o->train.optim.momentum > 0 ? 1 : 0;
    double shards = (double)o->train.shards, rows = (double)o->train.batch;
    for (int i = 0; i < rank; i++) values *= dim[i];
    /* weights, the best ones, the optimiser's, an average; each shard's gradient and statistics */
    double own = flat * (2 + arrays + (o->train.ema > 0) + shards * (t.state ? 2 : 1));
    /* values of the forward pass, and about half as many of gradients at once; inputs of every shard */
    return (uint64_t)(own + 4 * rows * ((double)t.training_values * 1.5 + (double)values * shards));
}

/* ---- predicting ---- */

static cull_status predict(cull_ctx *cx, fit *f, const int64_t *row, int64_t n, int64_t batch,
                           float *out, double *mean)
{
    double nothing;
    int64_t shards = cull_ctx_threads(cx), batches = (n - 1) / batch + 1;
    static const cull_augment none = {0};
    f->augment = &none;
    if (shards > batches) shards = batches;
    CULL_TRY(check_rows(cx, f, row, n));
    CULL_TRY(rooms(cx, f, batch < n ? batch : n, shards));
    cull_train_problem q = {
        .params = f->m->params, .n = n, .loss = loss, .user = f, .outs = (int)f->outs};
    return cull_train_evaluate(cx, &q, row, n, batch < n ? batch : n, shards,
                               mean ? mean : &nothing, out);
}

cull_status cull_fit_predict(cull_ctx *cx, cull_model *m, const cull_fit_data *d,
                             const int64_t *row, int64_t n, cull_fit_kind kind, int64_t batch,
                             float *out, double *mean)
{
    fit f;
    if (batch < 1) return cull__fail(cx, CULL_EOPTION, "a batch of %" PRId64 " rows", batch);
    const char *phase = cull__phase(cx, "predicting");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = begin(cx, &f, m, d, kind);
    if (s == CULL_OK && !row) n = f.rows;
    if (s == CULL_OK && n < 1) s = cull__fail(cx, CULL_EINPUT, "there are no rows to predict");
    if (s == CULL_OK) s = predict(cx, &f, row, n, batch, out, mean);
    cull__release(cx, mark);
    cull__phase(cx, phase);
    return s;
}
