/* model_eval.c - cull model eval: how good a model's predictions are. */
#include "cull/pool.h"
#include "job.h"
#include "model_data.h"

#include <string.h>

static void say_classes(const judged *j)
{
    printf("\nclass        rows      found   right when said\n");
    for (int64_t k = 0; k < j->classes && k < 1000; k++) {
        int64_t of = 0, said = 0, right = j->confusion[k * j->classes + k];
        char found[24] = "-", precise[24] = "-";
        for (int64_t i = 0; i < j->classes; i++) {
            of += j->confusion[k * j->classes + i];
            said += j->confusion[i * j->classes + k];
        }
        if (of) snprintf(found, sizeof found, "%.4f", (double)right / (double)of);
        if (said) snprintf(precise, sizeof precise, "%.4f", (double)right / (double)said);
        printf("%-8lld  %8lld  %9s  %16s\n", (long long)k, (long long)of, found, precise);
    }
}

static void say(cli *c, const judged *j)
{
    progress_end();
    if (c->json) {
        putchar('{');
        judged_json(j);
        puts("}");
        return;
    }
    printf("rows          %lld\nloss          %.6g\n", (long long)j->n, j->loss);
    if (j->kind == CULL_FIT_NUMBERS)
        printf("mean square   %.6g\nR2            %.4f\nKendall tau   %.4f\n", j->numbers.mse,
               j->numbers.r2, j->numbers.kendall);
    if (j->kind != CULL_FIT_CLASSES) return;
    printf("accuracy      %.4f\n", j->classed.accuracy);
    if (j->classes > 5) printf("top 5         %.4f\n", j->classed.top5);
    printf("NLL           %.4f\ncalibration   %.4f (ECE, 15 bins)\nBrier         %.4f\n",
           j->classed.nll, j->classed.ece, j->classed.brier);
    say_classes(j);
}

static int write_outputs(cli *c, const judged *j)
{
    const char *path = value_of(c, "logits", NULL);
    cull_array a = {.dtype = CULL_F32, .ndim = 2, .shape = {j->n, j->outs}, .at = j->out};
    return path ? check(c, cull_array_write(c->cx, path, &a)) : DONE;
}

static int evaluate(cli *c, cull_model *m, data_files *d)
{
    const cull_model_load_opts partial = {.size = sizeof partial, .partial = has(c, "partial")};
    const char *weights = value_of(c, "weights", is_weights(c->input[1]) ? c->input[1] : NULL);
    cull_fit_kind kind;
    judged j = {0};
    int found;
    TRY(fit_kind_of(c, &kind));
    TRY(check(c, cull_model_load(c->cx, m, weights, &partial, &found)));
    talk_more(c, "%d tensors of %s", found, weights);
    TRY(data_open(c, m, d));
    int rc = judge_rows(c, m, d, NULL, d->rows, kind, &j);
    if (rc == DONE) rc = write_outputs(c, &j);
    if (rc == DONE) say(c, &j);
    judged_free(&j);
    return rc;
}

int model_eval(cli *c)
{
    cull_model_opts o;
    cull_model *m;
    data_files d = {0};
    const char *logits = value_of(c, "logits", NULL);
    if (!has(c, "weights") && !is_weights(c->input[1]))
        return fail(c, USAGE, "model eval wants --weights: a .safetensors file of its parameters");
    if (c->outs) return fail(c, USAGE, "model eval writes --logits, and nothing by -o");
    if (logits && !array_is_written(logits))
        return fail(c, USAGE, "%s: arrays go to .npy, .npz or .safetensors", logits);
    if (logits) TRY(check_writable(c, logits));
    TRY(model_opts(c, &o));
    TRY(model_open(c, c->input[1], &o, &m));
    int rc = evaluate(c, m, &d);
    data_close(&d);
    cull_model_free(m);
    return rc;
}
