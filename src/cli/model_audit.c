/* model_audit.c - cull model prune --audit: the smaller network fine-tuned, and trained from scratch. */
#include "cull/surgery_audit.h"
#include "model_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 100 };
typedef struct {
    cull_audit *of; /* a seed each */
    int seeds;
    fitting f; /* its model is not its own */
    cull_audit_opts o;
} work;

static double value_in(const work *w, int seed, int row)
{
    const cull_audit_row *r = w->of[seed].row + row;
    return isnan(r->accuracy) ? r->loss : r->accuracy;
}

static void say_json_rows(const work *w)
{
    const cull_audit *a = w->of;
    printf("{\"macs\":[%.0f,%.0f],\"parameters\":[%lld,%lld],\"seeds\":%d,\"rows\":[", a->macs[0],
           a->macs[1], (long long)a->params[0], (long long)a->params[1], w->seeds);
    for (int k = 0; k < a->rows; k++) {
        fputs(k ? ",\n{\"name\":" : "\n{\"name\":", stdout);
        say_json(stdout, cull_audit_name(a->row[k].kind));
        printf(",\"rate\":");
        say_json_number(stdout, a->row[k].rate);
        printf(",\"epochs\":%lld,\"macs\":%.0f,\"accuracy\":[", (long long)a->row[k].epochs,
               a->row[k].macs);
        for (int i = 0; i < w->seeds; i++) {
            if (i) putchar(',');
            say_json_number(stdout, w->of[i].row[k].accuracy);
        }
        printf("],\"loss\":[");
        for (int i = 0; i < w->seeds; i++) {
            if (i) putchar(',');
            say_json_number(stdout, w->of[i].row[k].loss);
        }
        printf("]}");
    }
    puts("]}");
}

static void say_rows(const work *w)
{
    const cull_audit *a = w->of;
    bool classes = !isnan(a->row[0].accuracy);
    printf("%-26s  %6s  %8s  %8s", "", "epochs", "rate", classes ? "accuracy" : "loss");
    puts(w->seeds > 1 ? "  least .. most" : "");
    for (int k = 0; k < a->rows; k++) {
        double sum = 0, lo = INFINITY, hi = -INFINITY;
        char rate[32] = "-", epochs[24] = "-";
        for (int i = 0; i < w->seeds; i++) {
            double v = value_in(w, i, k);
            sum += v;
            lo = fmin(lo, v);
            hi = fmax(hi, v);
        }
        if (a->row[k].epochs) {
            snprintf(rate, sizeof rate, "%g", a->row[k].rate);
            snprintf(epochs, sizeof epochs, "%lld", (long long)a->row[k].epochs);
        }
        printf("%-26s  %6s  %8s  %8.4f", cull_audit_name(a->row[k].kind), epochs, rate,
               sum / w->seeds);
        if (w->seeds > 1)
            printf("  %.4f .. %.4f\n", lo, hi);
        else
            putchar('\n');
    }
}

static int run(cli *c, work *w, cull_model *m, const cull_surgery *s, const bool *keep)
{
    double seeds;
    w->o = (cull_audit_opts)CULL_AUDIT_OPTS;
    w->o.uniform = has(c, "slim") || has(c, "macs") || has(c, "params"); /* widths were found */
    TRY(number_of(c, "seeds", 1, 1, MOST, true, &seeds));
    TRY(fitting_options(c, &w->o.fit));
    if (w->o.fit.checkpoint)
        return fail(c, USAGE, "--checkpoint is of cull model train and ticket");
    if (!has(c, "val"))
        return fail(c, USAGE,
                    "--audit wants --val: rows to judge by, a file or a share of the data");
    w->f.m = m;
    TRY(fitting_rows(c, &w->f));
    cull_train_opts *t = &w->o.fit.train;
    if (t->batch > w->f.train) t->batch = w->f.train;
    if (t->shards > t->batch) t->shards = t->batch;
    const cull_fit_data all = {w->f.data.set, w->f.data.sets};
    uint64_t first = cull_ctx_seed(c->cx);
    w->of = calloc((size_t)seeds, sizeof *w->of);
    if (!w->of) return fail(c, FAILED, "out of memory");
    int rc = DONE;
    for (; rc == DONE && w->seeds < (int)seeds; w->seeds++) {
        cull_ctx_reseed(c->cx, first + (uint64_t)w->seeds);
        rc = check(c, cull_surgery_audit(c->cx, s, m, keep, &all, w->f.row, w->f.train,
                                         w->f.row + w->f.train, w->f.val, &w->o, w->of + w->seeds));
    }
    cull_ctx_reseed(c->cx, first);
    TRY(rc);
    progress_end();
    if (c->json)
        say_json_rows(w);
    else
        say_rows(w);
    return DONE;
}

int audit_cut(cli *c, cull_model *m, const cull_surgery *s, const bool *keep)
{
    work w = {0};
    int rc = run(c, &w, m, s, keep);
    w.f.m = NULL;
    fitting_close(&w.f);
    free(w.of);
    return rc;
}
