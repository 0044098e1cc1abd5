/* model_data.c - data of the model commands: opened, predicted, judged. */
#include "model_data.h"
#include "job.h"

#include <stdlib.h>
#include <string.h>

int data_add(cli *c, const cull_model *like, const char *path, const char *labels, data_files *out)
{
    cull_dataset_opts o = CULL_DATASET_OPTS;
    int64_t dim[3];
    if (out->sets == MAX_SETS) return fail(c, USAGE, "more than %d files of data", MAX_SETS);
    cull_fit_kind kind;
    TRY(fit_kind_of(c, &kind));
    o.labels = labels;
    o.target = value_of(c, "target", NULL);
    o.numbers = kind == CULL_FIT_NUMBERS;
    o.planes = has(c, "planes");
    if (like && cull_model_input(like, dim) == 3)
        o.height = dim[0], o.width = dim[1], o.channels = dim[2];
    TRY(check(c, cull_dataset_open(c->cx, path, &o, &out->set[out->sets])));
    out->rows += cull_dataset_rows(out->set[out->sets++]);
    return DONE;
}

int data_open(cli *c, const cull_model *like, data_files *out)
{
    const char *file[MAX_SETS], *labels[MAX_SETS];
    int n = values_of(c, "data", file, MAX_SETS), l = values_of(c, "labels", labels, MAX_SETS);
    for (int i = 2; i < c->inputs && n < MAX_SETS; i++) file[n++] = c->input[i];
    *out = (data_files){0};
    if (!n)
        return fail(c, USAGE, "model %s wants data: --data FILE, or files behind the model",
                    c->input[0]);
    if (n > MAX_SETS) return fail(c, USAGE, "more than %d files of data", MAX_SETS);
    if (l && l != n)
        return fail(c, USAGE, "%d files of data and %d of --labels: one for each, in their order",
                    n, l);
    for (int i = 0; i < n; i++) TRY(data_add(c, like, file[i], l ? labels[i] : NULL, out));
    if (!out->rows) return fail(c, FAILED, "%s: there are no rows", file[0]);
    return DONE;
}

void data_close(data_files *d)
{
    for (int i = 0; i < d->sets; i++) cull_dataset_free(d->set[i]);
    d->sets = 0;
}

int fit_kind_of(cli *c, cull_fit_kind *out)
{
    int kind;
    TRY(choice_of(c, "predict", "classes", "classes|number|input", &kind));
    *out = (cull_fit_kind)kind;
    return DONE;
}

int64_t data_classes(const data_files *d)
{
    int64_t most = 0;
    for (int i = 0; i < d->sets; i++)
        if (cull_dataset_classes(d->set[i]) > most) most = cull_dataset_classes(d->set[i]);
    return most;
}

/* ---- judging ---- */

/* Row of all sets -> its place in one of them. */
static const cull_dataset *place_of(const data_files *d, int64_t *row)
{
    int s = 0;
    while (*row >= cull_dataset_rows(d->set[s])) *row -= cull_dataset_rows(d->set[s++]);
    return d->set[s];
}

static int judge_classes(cli *c, const data_files *d, const int64_t *row, judged *j)
{
    int32_t *label = malloc((size_t)j->n * sizeof *label);
    j->classes = j->outs;
    j->confusion = calloc((size_t)(j->classes * j->classes), sizeof *j->confusion);
    int rc = label && j->confusion ? DONE : fail(c, FAILED, "out of memory");
    for (int64_t i = 0; rc == DONE && i < j->n; i++) {
        int64_t at = row ? row[i] : i;
        const cull_dataset *set = place_of(d, &at);
        label[i] = cull_dataset_label(set)[at];
    }
    if (rc == DONE)
        rc = check(c, cull_metrics_classes(c->cx, j->out, label, j->n, j->classes, &j->classed,
                                           j->confusion));
    free(label);
    return rc;
}

static int judge_numbers(cli *c, const data_files *d, const int64_t *row, judged *j)
{
    float *target = malloc((size_t)j->n * sizeof *target);
    int rc = target ? DONE : fail(c, FAILED, "out of memory");
    for (int64_t i = 0; rc == DONE && i < j->n; i++) {
        int64_t at = row ? row[i] : i;
        const cull_dataset *set = place_of(d, &at);
        target[i] = cull_dataset_target(set)[at];
    }
    if (rc == DONE) rc = check(c, cull_metrics_numbers(c->cx, j->out, target, j->n, &j->numbers));
    free(target);
    return rc;
}

int judge_rows(cli *c, cull_model *m, const data_files *d, const int64_t *row, int64_t n,
               cull_fit_kind kind, judged *j)
{
    const cull_fit_data all = {d->set, d->sets};
    int64_t dim[3];
    double batch;
    *j = (judged){.kind = kind, .n = n, .outs = 1};
    TRY(number_of(c, "batch", 128, 1, 1e6, true, &batch));
    int rank = cull_model_output(m, dim);
    for (int i = 0; i < rank; i++) j->outs *= dim[i];
    j->out = malloc((size_t)n * (size_t)j->outs * sizeof *j->out);
    if (!j->out) return fail(c, FAILED, "out of memory");
    TRY(check(c, cull_fit_predict(c->cx, m, &all, row, n, kind, (int64_t)batch, j->out, &j->loss)));
    if (kind == CULL_FIT_CLASSES) return judge_classes(c, d, row, j);
    return kind == CULL_FIT_NUMBERS ? judge_numbers(c, d, row, j) : DONE;
}

void judged_free(judged *j)
{
    free(j->confusion);
    free(j->out);
    *j = (judged){0};
}

static void member(const char *key, double v)
{
    printf(",\"%s\":", key);
    say_json_number(stdout, v);
}

void judged_json(const judged *j)
{
    printf("\"rows\":%lld", (long long)j->n);
    member("loss", j->loss);
    if (j->kind == CULL_FIT_NUMBERS) {
        member("mse", j->numbers.mse);
        member("r2", j->numbers.r2);
        member("kendall", j->numbers.kendall);
    }
    if (j->kind != CULL_FIT_CLASSES) return;
    member("accuracy", j->classed.accuracy);
    if (j->classes > 5) member("top5", j->classed.top5);
    member("nll", j->classed.nll);
    member("ece", j->classed.ece);
    member("brier", j->classed.brier);
    member("auc", j->classed.auc);
    fputs(",\"classes\":[", stdout);
    for (int64_t k = 0; k < j->classes; k++) {
        int64_t of = 0, said = 0, right = j->confusion[k * j->classes + k];
        for (int64_t i = 0; i < j->classes; i++) {
            of += j->confusion[k * j->classes + i];
            said += j->confusion[i * j->classes + k];
        }
        printf("%s{\"class\":%lld,\"rows\":%lld,\"said\":%lld,\"right\":%lld}", k ? "," : "",
               (long long)k, (long long)of, (long long)said, (long long)right);
    }
    putchar(']');
}
