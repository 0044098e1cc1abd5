/* model_fit.c - what trainings of the model commands share: options, model and data that fit one another. */
#include "model_data.h"

#include "cull/text.h"
#include "job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

static int optimiser(cli *c, cull_fit_opts *o)
{
    cull_optim_opts *p = &o->train.optim;
    int kind;
    TRY(choice_of(c, "optimizer", "adamw", "sgd|adam|adamw", &kind));
    p->kind = kind == 0 ? CULL_SGD : kind == 1 ? CULL_ADAM : CULL_ADAMW;
    TRY(number_of(c, "momentum", kind ? 0 : 0.9, 0, 0.9999, false, &p->momentum));
    TRY(number_of(c, "decay", kind == 2 ? 0.01 : 0, 0, 1, false, &p->decay));
    TRY(number_of(c, "clip", 0, 0, 1e9, false, &p->clip));
    TRY(number_of(c, "norm-l1", 0, 0, 1e3, false, &p->norm_l1));
    p->nesterov = has(c, "nesterov");
    if (kind && (has(c, "momentum") || p->nesterov))
        return fail(c, USAGE, "--momentum and --nesterov are of --optimizer sgd");
    return number_of(c, "lr", kind ? 1e-3 : 0.1, 0, 1e3, false, &o->train.schedule.lr);
}

static int schedule(cli *c, cull_fit_opts *o)
{
    static const cull_lr_kind kinds[] = {CULL_LR_COSINE, CULL_LR_CONSTANT, CULL_LR_LINEAR,
                                         CULL_LR_STEP};
    static const double milestone[] = {0.5, 0.75};
    cull_schedule *s = &o->train.schedule;
    int kind;
    TRY(choice_of(c, "schedule", "cosine", "cosine|constant|linear|step", &kind));
    s->kind = kinds[kind];
    s->milestone = milestone;
    s->milestones = kinds[kind] == CULL_LR_STEP ? COUNT(milestone) : 0;
    return number_of(c, "warmup", 0, 0, 1e6, true, &s->warmup);
}

static int augmentation(cli *c, cull_augment *a)
{
    double v;
    TRY(number_of(c, "crop", 0, 0, 1000, true, &v));
    a->pad = (int64_t)v;
    TRY(number_of(c, "cutout", 0, 0, 1000, true, &v));
    a->cutout = (int64_t)v;
    a->flip = has(c, "flip") ? 0.5 : 0;
    return DONE;
}

static int loop(cli *c, cull_fit_opts *o)
{
    cull_train_opts *t = &o->train;
    double v;
    TRY(number_of(c, "epochs", 10, 1, 1e6, true, &v));
    t->epochs = (int64_t)v;
    TRY(number_of(c, "batch", 128, 1, 1e6, true, &v));
    t->batch = (int64_t)v;
    /* a number of the data's, never of the machine's: batch norm is of each shard */
    double shards = floor(v / 32) < 1 ? 1 : floor(v / 32) > 8 ? 8 : floor(v / 32);
    TRY(number_of(c, "shards", shards, 1, 256, true, &v));
    t->shards = (int64_t)v;
    TRY(number_of(c, "ema", 0, 0, 0.999999, false, &t->ema));
    TRY(number_of(c, "patience", 0, 0, 1e6, true, &v));
    t->patience = (int64_t)v;
    t->last = has(c, "last");
    TRY(number_of(c, "soft-keep", 0, 0, 1, false, &o->soft_keep));
    return number_of(c, "smoothing", 0, 0, 0.99, false, &o->smoothing);
}

int fitting_options(cli *c, cull_fit_opts *o)
{
    *o = (cull_fit_opts)CULL_FIT_OPTS;
    TRY(fit_kind_of(c, &o->kind));
    TRY(optimiser(c, o));
    TRY(schedule(c, o));
    TRY(augmentation(c, &o->augment));
    TRY(loop(c, o));
    o->checkpoint = value_of(c, "checkpoint", NULL);
    return DONE;
}

/* ---- model and data, which say the missing of one another ---- */

/* To validate on: a share of the rows, or a file of others; to judge by: a file. */
static int validation(cli *c, fitting *w)
{
    const char *val = value_of(c, "val", NULL), *test = value_of(c, "test", NULL);
    double share = 0;
    size_t n = val ? strlen(val) : 0;
    char number[32] = "";
    w->train = w->data.rows;
    if (n && n < sizeof number)
        snprintf(number, sizeof number, "%.*s", (int)(n - (val[n - 1] == '%')), val);
    bool part = *number && cull_parse_number(number, &share) && !file_exists(val);
    if (part && val[n - 1] == '%') share /= 100;
    if (part && !(share > 0 && share < 1))
        return fail(c, USAGE, "--val %s is no share of 0 to 1, and no file", val);
    if (val && !part) TRY(data_add(c, w->m, val, value_of(c, "val-labels", NULL), &w->data));
    w->val = w->data.rows - w->train;
    if (test) TRY(data_add(c, w->m, test, value_of(c, "test-labels", NULL), &w->data));
    w->test = w->data.rows - w->train - w->val;
    w->row = malloc((size_t)w->data.rows * sizeof *w->row);
    if (!w->row) return fail(c, FAILED, "out of memory");
    for (int64_t i = 0; i < w->data.rows; i++) w->row[i] = i;
    if (!part) return DONE;
    TRY(check(c, cull_fit_split(c->cx, w->train, share, w->row, &w->val)));
    w->train -= w->val;
    return DONE;
}

/* Of the zoo, and nothing said: as many outputs as there are classes, images of the data's shape. */
static int fitted(cli *c, fitting *w, cull_model_opts *o)
{
    int64_t dim[3], has_dim[3], out[3];
    bool changed = false;
    cull_dataset_shape(w->data.set[0], has_dim);
    bool image = has_dim[0] > 1 || has_dim[1] > 1;
    int rank = cull_model_input(w->m, dim);
    if (!o->rank && rank == 3 && image && memcmp(dim, has_dim, sizeof dim)) {
        o->rank = 3;
        memcpy(o->dim, has_dim, sizeof o->dim);
        changed = true;
    }
    int64_t classes = data_classes(&w->data);
    cull_model_output(w->m, out);
    if (!o->outputs && w->o.kind == CULL_FIT_CLASSES && classes && classes != out[0]) {
        o->outputs = classes;
        changed = true;
    }
    if (!changed) return DONE;
    cull_model_free(w->m);
    w->m = NULL;
    return model_open(c, c->input[1], o, &w->m);
}

int fitting_open(cli *c, fitting *w)
{
    const cull_model_load_opts partial = {.size = sizeof partial, .partial = has(c, "partial")};
    const char *weights = value_of(c, "weights", is_weights(c->input[1]) ? c->input[1] : NULL);
    cull_model_opts o;
    TRY(model_opts(c, &o));
    TRY(model_open(c, c->input[1], &o, &w->m));
    TRY(data_open(c, w->m, &w->data));
    const char *brief;
    bool zoo = !is_weights(c->input[1]) && !file_exists(c->input[1]) && cull_model_zoo(0, &brief);
    if (zoo) TRY(fitted(c, w, &o));
    TRY(validation(c, w));
    w->o.train.by_metric = w->val && w->o.kind == CULL_FIT_CLASSES;
    if (weights) TRY(check(c, cull_model_load(c->cx, w->m, weights, &partial, NULL)));
    if (w->o.train.batch > w->train) {
        if (has(c, "batch"))
            return fail(c, USAGE, "--batch %lld is more than the %lld rows to train on",
                        (long long)w->o.train.batch, (long long)w->train);
        w->o.train.batch = w->train;
        if (w->o.train.shards > w->train) w->o.train.shards = w->train;
    }
    const cull_fit_data all = {w->data.set, w->data.sets};
    return check(c, cull_fit_scaling(c->cx, w->m, &all, w->row, w->train));
}

int fitting_rows(cli *c, fitting *w)
{
    TRY(data_open(c, w->m, &w->data));
    return validation(c, w);
}

void fitting_close(fitting *w)
{
    data_close(&w->data);
    cull_model_free(w->m);
    free(w->row);
}
