/* model_train.c - cull model train: a model trained on data, its parameters and a page of the training. */
#include "cull/report.h"
#include "cull/text.h"
#include "job.h"
#include "model_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    cull_model *m;
    data_files data;
    int64_t *row, train, val; /* rows to train on, then those to validate on */
    cull_fit_opts o;
    cull_history h;
    judged j;
    double seconds;
} work;

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
    return number_of(c, "smoothing", 0, 0, 0.99, false, &o->smoothing);
}

static int settings(cli *c, cull_fit_opts *o)
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

static bool is_page(const char *path)
{
    cull_form f;
    return cull_form_find(path, &f) && f == CULL_FORM_HTML;
}

static int outputs(cli *c)
{
    if (!c->outs && !has(c, "plan") && !c->json)
        return fail(c, USAGE, "model train wants -o OUT.safetensors: where the parameters go");
    for (int i = 0; i < c->outs; i++) {
        if (!is_weights(c->out[i]) && !is_page(c->out[i]))
            return fail(c, USAGE,
                        "-o %s: parameters go to .safetensors, and the page of the training to "
                        ".html",
                        c->out[i]);
        TRY(check_writable(c, c->out[i]));
        for (int j = 0; j < i; j++)
            if (one_file(c->out[i], c->out[j]))
                return fail(c, USAGE, "-o %s is given twice", c->out[i]);
        for (int j = 1; j < c->inputs; j++)
            if (one_file(c->out[i], c->input[j]))
                return fail(c, USAGE, "-o %s is also an input", c->out[i]);
    }
    return DONE;
}

/* ---- model and data, which say the missing of one another ---- */

/* A share of the rows, or a file of others. */
static int validation(cli *c, work *w)
{
    const char *val = value_of(c, "val", NULL);
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
    w->row = malloc((size_t)w->data.rows * sizeof *w->row);
    if (!w->row) return fail(c, FAILED, "out of memory");
    for (int64_t i = 0; i < w->data.rows; i++) w->row[i] = i;
    w->val = w->data.rows - w->train;
    if (!part) return DONE;
    TRY(check(c, cull_fit_split(c->cx, w->data.rows, share, w->row, &w->val)));
    w->train -= w->val;
    return DONE;
}

/* Of the zoo, and nothing said: as many outputs as there are classes, images of the data's shape. */
static int fitted(cli *c, work *w, cull_model_opts *o)
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

static int prepare(cli *c, work *w)
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

/* ---- what will be done, and what was ---- */

static void say_plan(cli *c, const work *w)
{
    cull_model_total t = cull_model_totals(w->m);
    uint64_t bytes = cull_fit_bytes(w->m, &w->o);
    double steps = ceil((double)w->train / (double)w->o.train.batch) * (double)w->o.train.epochs;
    double macs = 3 * t.macs * (double)w->train * (double)w->o.train.epochs;
    char a[32], b[32];
    progress_end();
    if (c->json) {
        printf("{\"rows\":%lld,\"validation\":%lld,\"parameters\":%lld,\"steps\":%.0f,"
               "\"macs\":%.0f,\"bytes\":%llu}\n",
               (long long)w->train, (long long)w->val, (long long)t.params, steps, macs,
               (unsigned long long)bytes);
        return;
    }
    printf("rows      %lld to train on, %lld to validate on\n", (long long)w->train,
           (long long)w->val);
    printf("model     %s parameters\n", with_commas(t.params, a));
    printf("steps     %.0f, %lld rows each in %lld shards\n", steps, (long long)w->o.train.batch,
           (long long)w->o.train.shards);
    printf("memory    about %s beside the data\n", cull_format_bytes(bytes, b));
    printf("work      %.3g multiply-adds\n", macs);
}

static void epochs_json(const cull_history *h)
{
    static const char *const name[] = {"train_loss", "val_loss", "accuracy", "lr", "seconds"};
    const double *const v[] = {h->train_loss, h->val_loss, h->metric, h->lr, h->seconds};
    fputs("\"epochs\":[", stdout);
    for (int64_t i = 0; i < h->epochs; i++) {
        printf("%s{\"epoch\":%lld", i ? ",\n" : "", (long long)i + 1);
        for (int k = 0; k < COUNT(name); k++) {
            printf(",\"%s\":", name[k]);
            say_json_number(stdout, v[k][i]);
        }
        putchar('}');
    }
    printf("],\"best\":%lld,\"early\":%s",
           h->best < 0 ? (long long)h->epochs : (long long)h->best + 1,
           h->early ? "true" : "false");
}

static void say(cli *c, const work *w)
{
    const cull_history *h = &w->h;
    int64_t at = h->best >= 0 ? h->best : h->epochs - 1;
    char a[32];
    progress_end();
    if (c->json) {
        putchar('{');
        epochs_json(h);
        if (w->val) {
            fputs(",\"validation\":{", stdout);
            judged_json(&w->j);
            putchar('}');
        }
        fputs(",\"out\":", stdout);
        say_json_list(stdout, c->out, c->outs);
        printf(",\"seconds\":%.3f,\"peak_bytes\":%llu}\n", w->seconds,
               (unsigned long long)cull_ctx_peak(c->cx));
        return;
    }
    talk(c, "%lld epoch%s%s, %lld steps: training loss %.4g", (long long)h->epochs,
         h->epochs == 1 ? "" : "s", h->early ? " (stopped early)" : "", (long long)h->steps,
         h->train_loss[h->epochs - 1]);
    if (w->val)
        talk(c, "weights of epoch %lld: validation loss %.4g", (long long)at + 1, h->val_loss[at]);
    if (w->val && w->o.kind == CULL_FIT_CLASSES)
        talk(c, "accuracy %.4f on %lld rows", w->j.classed.accuracy, (long long)w->val);
    talk(c, "%.1f s, %s of memory", w->seconds, cull_format_bytes(cull_ctx_peak(c->cx), a));
}

/* ---- files ---- */

static int page(cli *c, const work *w, const char *path)
{
    char rows[64], batch[64], rate[64], seed[32], threads[16], *text;
    const char *const fact[] = {"rows",          rows,
                                "batch",         batch,
                                "optimizer",     value_of(c, "optimizer", "adamw"),
                                "learning rate", rate,
                                "seed",          seed,
                                "threads",       threads,
                                "instructions",  cull_ctx_isa(c->cx),
                                "cull",          cull_version()};
    cull_model_total total = cull_model_totals(w->m);
    snprintf(rows, sizeof rows, "%lld to train on, %lld to validate on", (long long)w->train,
             (long long)w->val);
    snprintf(batch, sizeof batch, "%lld rows in %lld shards", (long long)w->o.train.batch,
             (long long)w->o.train.shards);
    snprintf(rate, sizeof rate, "%g, %s", w->o.train.schedule.lr,
             value_of(c, "schedule", "cosine"));
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)cull_ctx_seed(c->cx));
    snprintf(threads, sizeof threads, "%d", cull_ctx_threads(c->cx));
    TRY(check(c, cull_model_text(c->cx, w->m, false, &text)));
    const char *name = cull_model_name(w->m);
    bool classes = w->val && w->o.kind == CULL_FIT_CLASSES;
    const cull_training t = {.title = *name ? name : "A model",
                             .text = text,
                             .total = &total,
                             .history = &w->h,
                             .fact = fact,
                             .facts = COUNT(fact),
                             .judged = classes ? &w->j.classed : NULL,
                             .confusion = w->j.confusion,
                             .classes = w->j.classes,
                             .seconds = w->seconds,
                             .peak_bytes = cull_ctx_peak(c->cx),
                             .argv = (const char *const *)c->whole,
                             .argc = c->wholes};
    int rc = check(c, cull_training_write(c->cx, &t, path));
    cull_text_free(text);
    return rc;
}

static int write_files(cli *c, work *w)
{
    char how[160];
    snprintf(how, sizeof how, "%lld epochs of %lld rows, batch %lld, %s, rate %g, seed %llu",
             (long long)w->h.epochs, (long long)w->train, (long long)w->o.train.batch,
             value_of(c, "optimizer", "adamw"), w->o.train.schedule.lr,
             (unsigned long long)cull_ctx_seed(c->cx));
    TRY(check(c, cull_model_set_note(w->m, "cull.trained", how)));
    for (int i = 0; i < c->outs; i++)
        TRY(is_page(c->out[i]) ? page(c, w, c->out[i])
                               : check(c, cull_model_save(c->cx, w->m, c->out[i])));
    return DONE;
}

static int train(cli *c, work *w)
{
    double began = seconds_now();
    char a[32];
    TRY(settings(c, &w->o));
    TRY(outputs(c));
    TRY(prepare(c, w));
    if (has(c, "plan")) {
        say_plan(c, w);
        return DONE;
    }
    const cull_fit_data all = {w->data.set, w->data.sets};
    talk(c, "%lld rows, %s parameters, about %s of memory beside the data", (long long)w->train,
         with_commas(cull_model_totals(w->m).params, (char[32]){0}),
         cull_format_bytes(cull_fit_bytes(w->m, &w->o), a));
    TRY(check(
        c, cull_fit(c->cx, w->m, &all, w->row, w->train, w->row + w->train, w->val, &w->o, &w->h)));
    if (w->val) TRY(judge_rows(c, w->m, &w->data, w->row + w->train, w->val, w->o.kind, &w->j));
    w->seconds = seconds_now() - began;
    TRY(write_files(c, w));
    say(c, w);
    return DONE;
}

int model_train(cli *c)
{
    work w = {0};
    int rc = train(c, &w);
    judged_free(&w.j);
    cull_history_free(&w.h);
    data_close(&w.data);
    cull_model_free(w.m);
    free(w.row);
    return rc;
}
