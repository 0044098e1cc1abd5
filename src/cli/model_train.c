/* model_train.c - cull model train: a model trained on data, its parameters and a page of the training. */
#include "cull/report.h"
#include "cull/text.h"
#include "cull/ticket.h"
#include "job.h"
#include "model_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    fitting f;
    cull_history h;
    judged j;
    double seconds;
} work;

/* ---- options ---- */

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

/* ---- what will be done, and what was ---- */

static void say_plan(cli *c, const work *w)
{
    cull_model_total t = cull_model_totals(w->f.m);
    uint64_t bytes = cull_fit_bytes(w->f.m, &w->f.o);
    double steps =
        ceil((double)w->f.train / (double)w->f.o.train.batch) * (double)w->f.o.train.epochs;
    double macs = 3 * t.macs * (double)w->f.train * (double)w->f.o.train.epochs;
    char a[32], b[32];
    progress_end();
    if (c->json) {
        printf("{\"rows\":%lld,\"validation\":%lld,\"parameters\":%lld,\"steps\":%.0f,"
               "\"macs\":%.0f,\"bytes\":%llu}\n",
               (long long)w->f.train, (long long)w->f.val, (long long)t.params, steps, macs,
               (unsigned long long)bytes);
        return;
    }
    printf("rows      %lld to train on, %lld to validate on\n", (long long)w->f.train,
           (long long)w->f.val);
    printf("model     %s parameters\n", with_commas(t.params, a));
    printf("steps     %.0f, %lld rows each in %lld shards\n", steps, (long long)w->f.o.train.batch,
           (long long)w->f.o.train.shards);
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
        if (w->f.val) {
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
    if (w->f.val)
        talk(c, "weights of epoch %lld: validation loss %.4g", (long long)at + 1, h->val_loss[at]);
    if (w->f.val && w->f.o.kind == CULL_FIT_CLASSES)
        talk(c, "accuracy %.4f on %lld rows", w->j.classed.accuracy, (long long)w->f.val);
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
    cull_model_total total = cull_model_totals(w->f.m);
    snprintf(rows, sizeof rows, "%lld to train on, %lld to validate on", (long long)w->f.train,
             (long long)w->f.val);
    snprintf(batch, sizeof batch, "%lld rows in %lld shards", (long long)w->f.o.train.batch,
             (long long)w->f.o.train.shards);
    snprintf(rate, sizeof rate, "%g, %s", w->f.o.train.schedule.lr,
             value_of(c, "schedule", "cosine"));
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)cull_ctx_seed(c->cx));
    snprintf(threads, sizeof threads, "%d", cull_ctx_threads(c->cx));
    TRY(check(c, cull_model_text(c->cx, w->f.m, false, &text)));
    const char *name = cull_model_name(w->f.m);
    bool classes = w->f.val && w->f.o.kind == CULL_FIT_CLASSES;
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
             (long long)w->h.epochs, (long long)w->f.train, (long long)w->f.o.train.batch,
             value_of(c, "optimizer", "adamw"), w->f.o.train.schedule.lr,
             (unsigned long long)cull_ctx_seed(c->cx));
    TRY(check(c, cull_model_set_note(w->f.m, "cull.trained", how)));
    for (int i = 0; i < c->outs; i++)
        TRY(is_page(c->out[i]) ? page(c, w, c->out[i])
                               : check(c, cull_model_save(c->cx, w->f.m, c->out[i])));
    return DONE;
}

static int train(cli *c, work *w)
{
    double began = seconds_now();
    char a[32];
    TRY(fitting_options(c, &w->f.o));
    TRY(outputs(c));
    TRY(fitting_open(c, &w->f));
    if (has(c, "mask")) TRY(check(c, cull_mask_load(c->cx, w->f.m, value_of(c, "mask", NULL))));
    if (has(c, "plan")) {
        say_plan(c, w);
        return DONE;
    }
    const cull_fit_data all = {w->f.data.set, w->f.data.sets};
    talk(c, "%lld rows, %s parameters, about %s of memory beside the data", (long long)w->f.train,
         with_commas(cull_model_totals(w->f.m).params, (char[32]){0}),
         cull_format_bytes(cull_fit_bytes(w->f.m, &w->f.o), a));
    TRY(check(c, cull_fit(c->cx, w->f.m, &all, w->f.row, w->f.train, w->f.row + w->f.train,
                          w->f.val, &w->f.o, &w->h)));
    if (w->f.val)
        TRY(judge_rows(c, w->f.m, &w->f.data, w->f.row + w->f.train, w->f.val, w->f.o.kind, &w->j));
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
    fitting_close(&w.f);
    return rc;
}
