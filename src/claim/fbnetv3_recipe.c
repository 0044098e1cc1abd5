/* fbnetv3_recipe.c - architecture searched with its recipe, and alone: small networks on digits. See fbnetv3.h. */
#define _GNU_SOURCE
#include "claim/fbnetv3.h"
#include "cull/dataset.h"
#include "cull/model.h"
#include "cull/nn_ops.h"
#include "cull/search.h"
#include "cull/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 14, CLASSES = 10, BATCH = 32, TOGETHER = 20, DEEPEST = 4 };

/* ---- digits ---- */

static cull_status path_of(cull_ctx *cx, const char *dir, const char *name, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/mnist/%s", dir, name);
    if (n < 0 || (size_t)n >= size)
        return cull__fail(cx, CULL_EINPUT, "the data directory's name is too long");
    if (access(path, R_OK) == 0) return CULL_OK;
    return cull__fail(cx, CULL_ENODATA,
                      "%s is not there: no package has MNIST; put its files there, and name the "
                      "folder above by --data",
                      path);
}

/* Means of 2 x 2 pixels. */
static void shrink(const float *image, float *out)
{
    enum { WIDE = 2 * SIDE };
    for (int i = 0; i < SIDE * SIDE; i++) {
        const float *at = image + i / SIDE * 2 * WIDE + i % SIDE * 2;
        out[i] = (at[0] + at[1] + at[WIDE] + at[WIDE + 1]) / 4;
    }
}

static cull_status take(cull_ctx *cx, const cull_dataset *set, const char *path, int64_t want,
                        cull__digits *out)
{
    float image[4 * SIDE * SIDE], *x;
    int32_t *y;
    int64_t shape[3];
    const int32_t *label = cull_dataset_label(set);
    if (cull_dataset_shape(set, shape) != 4 * SIDE * SIDE || shape[0] != 2 * SIDE || !label ||
        cull_dataset_classes(set) != CLASSES || cull_dataset_rows(set) < want)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: there must be %d images of 28 x 28 pixels, or more, in 10 classes",
                          path, (int)want);
    CULL_TRY(CULL_TMP(cx, x, want * SIDE * SIDE));
    CULL_TRY(CULL_TMP(cx, y, want));
    for (int64_t i = 0; i < want; i++) {
        cull_dataset_fill(set, &i, 1, NULL, 0, image, NULL, NULL);
        shrink(image, x + i * SIDE * SIDE);
        y[i] = label[i];
    }
    out->n = want, out->d = SIDE * SIDE;
    out->x = x, out->y = y;
    return CULL_OK;
}

cull_status cull__digits_load(cull_ctx *cx, const char *dir, int64_t want, cull__digits *out)
{
    char path[512], labels[512];
    cull_dataset_opts o = CULL_DATASET_OPTS;
    cull_dataset *set;
    CULL_TRY(path_of(cx, dir, "train-images-idx3-ubyte.gz", path, sizeof path));
    CULL_TRY(path_of(cx, dir, "train-labels-idx1-ubyte.gz", labels, sizeof labels));
    o.labels = labels;
    CULL_TRY(cull_dataset_open(cx, path, &o, &set));
    cull_status s = take(cx, set, path, want, out);
    cull_dataset_free(set);
    return s;
}

/* ---- a training ---- */

typedef struct {
    int depth, width;
    bool adam;
    double lr, decay, dropout;
} design;

typedef struct {
    const cull__digits *d;
    const int64_t *row; /* rows of training, then of validation, then of the test */
    design of;
    cull_model *m;
    float *x;
    int32_t *y;
} training;

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    training *w = user;
    int64_t d = w->d->d;
    for (int64_t i = 0; i < b->n; i++) {
        memcpy(w->x + i * d, w->d->x + b->row[i] * d, (size_t)d * sizeof *w->x);
        w->y[i] = w->d->y[b->row[i]];
    }
    cull_var *x = cull_nn_input(t, 2, (int64_t[]){b->n, d}, w->x, false);
    x = cull_batch_predict(b, cull_model_forward(w->m, t, x, NULL));
    return x ? cull_nn_cross_entropy(t, x, w->y, NULL, 0) : NULL;
}

/* Layers carry the training's number: what a tensor begins with is drawn by its name. */
static cull_status network(cull_ctx *cx, const design *k, int64_t d, uint64_t number,
                           cull_model **m)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "input %lld\noutputs %d\n", (long long)d, CLASSES);
    for (int i = 0; i < k->depth; i++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "n%llu_%d = linear(%d)\nrelu\ndropout(%.6f)\n", (unsigned long long)number, i,
                      k->width, k->dropout);
    n += snprintf(text + n, sizeof text - (size_t)n, "n%llu = linear(outputs)\n",
                  (unsigned long long)number);
    return cull_model_from(cx, text, (size_t)n, "a network of digits", NULL, m);
}

static cull_status accuracy_of(cull_ctx *cx, const training *w, const cull_train_problem *q,
                               const int64_t *row, int64_t n, double *accuracy)
{
    float *out;
    int32_t *label;
    double mean;
    cull_class_metrics c;
    CULL_TRY(CULL_TMP(cx, out, n * CLASSES));
    CULL_TRY(CULL_TMP(cx, label, n));
    CULL_TRY(cull_train_evaluate(cx, q, row, n, BATCH, 1, &mean, out));
    for (int64_t i = 0; i < n; i++) label[i] = w->d->y[row[i]];
    CULL_TRY(cull_metrics_classes(cx, out, label, n, CLASSES, &c, NULL));
    *accuracy = c.accuracy;
    return CULL_OK;
}

/* Shares of the rows that are labelled rightly: of validation, or of the test. */
static cull_status train(cull_ctx *cx, training *w, uint64_t number, bool test, double *accuracy)
{
    const cull__digits *d = w->d;
    const cull_train_problem q = {.params = cull_model_params(w->m),
                                  .n = d->train,
                                  .row = w->row,
                                  .loss = loss,
                                  .user = w,
                                  .outs = CLASSES};
    cull_train_opts o = CULL_TRAIN_OPTS;
    o.optim.kind = w->of.adam ? CULL_ADAM : CULL_SGD;
    o.optim.momentum = w->of.adam ? 0 : .9;
    o.optim.decay = w->of.decay;
    o.schedule.kind = CULL_LR_CONSTANT;
    o.schedule.lr = w->of.lr;
    o.epochs = d->epochs;
    o.batch = d->train < BATCH ? d->train : BATCH;
    o.last = true;
    o.seed = number;
    CULL_TRY(CULL_TMP(cx, w->x, BATCH * d->d));
    CULL_TRY(CULL_TMP(cx, w->y, BATCH));
    CULL_TRY(cull_train(cx, &q, &o, NULL));
    return accuracy_of(cx, w, &q, w->row + d->train + (test ? d->val : 0), test ? d->test : d->val,
                       accuracy);
}

/* Designs that are trained beside one another; NaN: it came to nothing. */
typedef struct {
    const cull__digits *d;
    const int64_t *row;
    const design *of;
    uint64_t number; /* of the first training */
    bool test;
    double *accuracy;
} trainings;

static cull_status train_one(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const trainings *t = arg;
    training w = {.d = t->d, .row = t->row, .of = t->of[chunk]};
    uint64_t number = t->number + (uint64_t)chunk;
    (void)lo, (void)hi;
    CULL_TRY(cull__tick(cx, 0, 0));
    CULL_TRY(network(cx, &w.of, t->d->d, number, &w.m));
    cull_status s = train(cx, &w, number, t->test, t->accuracy + chunk);
    cull_model_free(w.m);
    if (s != CULL_EINPUT) return s;
    t->accuracy[chunk] = NAN; /* its loss was not finite */
    return CULL_OK;
}

/* ---- a search ---- */

/* The recipe beside an architecture that is searched alone: what sklearn's MLPClassifier and others begin with. The
 * trainings are long enough for it: of twice the steps it gains 0.1 % on 2000 digits. */
static const design usual = {.adam = true, .lr = 1e-3, .decay = 1e-4};
static const char alone[] = "depth = int(1, 4)\nwidth = int(8, 128, log)\n";
static const char recipe[] = "optimiser = one(sgd, adam)\nlr = real(1e-4, 0.1, log)\n"
                             "decay = real(1e-6, 1e-2, log)\ndropout = real(0, 0.5)\n";

static design design_of(const cull_space *s, const double *x)
{
    design k = usual;
    k.depth = (int)x[cull_space_at(s, 0)->at];
    k.width = (int)x[cull_space_at(s, 1)->at];
    if (cull_space_params(s) == 2) return k;
    k.adam = x[cull_space_at(s, 2)->at] == 1;
    k.lr = x[cull_space_at(s, 3)->at];
    k.decay = x[cull_space_at(s, 4)->at];
    k.dropout = x[cull_space_at(s, 5)->at];
    return k;
}

typedef struct {
    const cull__digits *d;
    const int64_t *row;
    const cull_space *space;
    uint64_t number; /* of the next training */
    design best;
    double accuracy; /* of validation; best so far */
} hunt;

static cull_status ask_some(cull_study *s, const hunt *h, int64_t n, design *of, int64_t *number)
{
    for (int64_t i = 0; i < n; i++) {
        cull_trial t;
        CULL_TRY(cull_study_ask(s, &t));
        of[i] = design_of(h->space, t.x);
        number[i] = t.number;
    }
    return CULL_OK;
}

static cull_status tell_some(cull_study *s, hunt *h, int64_t n, const design *of,
                             const int64_t *number, const double *accuracy)
{
    for (int64_t i = 0; i < n; i++) {
        double error = 1 - accuracy[i];
        if (accuracy[i] > h->accuracy) h->best = of[i], h->accuracy = accuracy[i];
        CULL_TRY(cull_study_tell(s, number[i],
                                 &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &error}));
    }
    return CULL_OK;
}

static cull_status hunt_in(cull_ctx *cx, cull_study *s, hunt *h)
{
    design of[TOGETHER];
    int64_t number[TOGETHER];
    double accuracy[TOGETHER];
    for (int64_t done = 0, n; done < h->d->trials; done += n) {
        n = h->d->trials - done < TOGETHER ? h->d->trials - done : TOGETHER;
        CULL_TRY(ask_some(s, h, n, of, number));
        trainings t = {h->d, h->row, of, h->number, false, accuracy};
        CULL_TRY(cull__for(cx, n, 1, train_one, &t));
        CULL_TRY(tell_some(s, h, n, of, number, accuracy));
        h->number += (uint64_t)n;
    }
    return CULL_OK;
}

/* What is best by validation is trained anew, with other draws, and judged by the test. */
static cull_status judge(cull_ctx *cx, const hunt *h, double *mean)
{
    design of[TOGETHER];
    double accuracy[TOGETHER];
    int64_t n = h->d->again < TOGETHER ? h->d->again : TOGETHER;
    for (int64_t i = 0; i < n; i++) of[i] = h->best;
    trainings t = {h->d, h->row, of, 1000000, true, accuracy};
    CULL_TRY(cull__for(cx, n, 1, train_one, &t));
    *mean = 0;
    for (int64_t i = 0; i < n; i++) *mean += (isnan(accuracy[i]) ? 0 : accuracy[i]) / (double)n;
    return CULL_OK;
}

static cull_status search_by(cull_ctx *cx, const char *method, const cull_space *space,
                             const cull__digits *d, const int64_t *row, double *accuracy)
{
    const cull_objective error = {.name = "error"};
    const cull_search_problem p = {
        .space = space, .objectives = 1, .objective = &error, .trials = d->trials};
    hunt h = {.d = d, .row = row, .space = space, .best = usual};
    cull_study *s;
    h.best.depth = 1, h.best.width = 8; /* where nothing came to anything */
    CULL_TRY(cull_study_open(cx, &p, cull_method_find(method, NULL), NULL, NULL, &s));
    cull_status st = hunt_in(cx, s, &h);
    cull_study_free(s);
    return st == CULL_OK ? judge(cx, &h, accuracy) : st;
}

static cull_status search_all(cull_ctx *cx, const cull__digits *d, const int64_t *row,
                              cull__recipe *out)
{
    char text[512];
    cull_space *arch = NULL, *both = NULL;
    int n = snprintf(text, sizeof text, "%s%s", alone, recipe);
    cull_status s = cull_space_from(cx, alone, strlen(alone), "the architectures", &arch);
    if (s == CULL_OK) s = cull_space_from(cx, text, (size_t)n, "the designs", &both);
    if (s == CULL_OK) s = search_by(cx, "nars", arch, d, row, &out->alone);
    if (s == CULL_OK) s = search_by(cx, "nars", both, d, row, &out->joint);
    if (s == CULL_OK) s = search_by(cx, "random-search", both, d, row, &out->drawn);
    cull_space_free(arch);
    cull_space_free(both);
    return s;
}

cull_status cull__recipe_search(cull_ctx *cx, const cull__digits *d, cull__recipe *out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_rng r = cull__rng(cx, 5301);
    int64_t *row;
    if (d->train < 1 || d->val < 1 || d->test < 1 || d->train + d->val + d->test > d->n)
        return cull__fail(cx, CULL_EINPUT, "%lld, %lld and %lld rows of %lld digits",
                          (long long)d->train, (long long)d->val, (long long)d->test,
                          (long long)d->n);
    CULL_TRY(CULL_TMP(cx, row, d->n));
    for (int64_t i = 0; i < d->n; i++) row[i] = i;
    cull__rng_shuffle(&r, row, d->n);
    CULL_TRY(search_all(cx, d, row, out));
    cull__release(cx, mark);
    return CULL_OK;
}
