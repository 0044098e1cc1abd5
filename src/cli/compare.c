/* compare.c - cull compare: every method on one problem, over seeds, beside a uniform sample. */
#include "job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_METHODS = 128 };

typedef struct {
    cull_job *job;
    cull_variant of[MAX_METHODS];
    char *name[MAX_METHODS]; /* "rds-plus:rule=mean" */
    cull_opts *opts[MAX_METHODS];
    int methods;
    cull_form form[MAX_FILES];
} work;

/* Options given to all come first. */
static int add_method(cli *c, const char *part, void *arg)
{
    work *w = arg;
    const cull_method *m;
    int at = w->methods;
    if (at == MAX_METHODS) return fail(c, USAGE, "more than %d methods", MAX_METHODS);
    TRY(variant_new(c, part, c->task, &m, &w->name[at]));
    w->methods++;
    for (int i = 0; i < at; i++)
        if (!strcmp(w->name[i], w->name[at]))
            return fail(c, USAGE, "--methods names %s twice", w->name[at]);
    TRY(method_options(c, c->cx, m, false, &w->opts[at]));
    w->of[at] = (cull_variant){m, w->opts[at], w->name[at]};
    return variant_options(c, m, w->name[at], w->opts[at]);
}

/* An option that none of the methods has would be given for nothing. */
static int check_used(cli *c, const work *w)
{
    for (int i = 0; i < c->sets; i++) {
        bool used = c->set[i].row != NULL;
        for (int j = 0; !used && j < w->methods; j++) {
            char buf[64];
            used = cull_opts_get(w->opts[j], c->set[i].name, buf, sizeof buf) != NULL;
        }
        if (!used)
            return fail(c, USAGE, "none of the methods compared has an option --%s",
                        c->set[i].name);
    }
    return DONE;
}

static int choose_methods(cli *c, work *w)
{
    const char *list = value_of(c, "methods", NULL);
    if (list) TRY(each_part(c, list, add_method, w));
    for (int i = 0; !list && i < cull_method_count(); i++)
        if (cull_method_at(i)->task == c->task) TRY(add_method(c, cull_method_at(i)->slug, w));
    return check_used(c, w);
}

static int show(cli *c, const work *w, const cull_compare *t)
{
    for (int i = 0; i < c->outs; i++)
        TRY(check(c, cull_compare_write(c->cx, t, w->form[i], c->out[i])));
    bool show = isatty(STDOUT_FILENO) && !c->json && !c->outs;
    if (c->json) TRY(check(c, cull_compare_write(c->cx, t, CULL_FORM_JSON, "-")));
    if (!c->json && !c->outs && !show)
        TRY(check(c, cull_compare_write(c->cx, t, CULL_FORM_TSV, "-")));
    char *text = NULL;
    if (c->quiet && !show) return DONE;
    progress_end();
    TRY(check(c, cull_compare_summary(c->cx, t, 0, text_flags(show ? stdout : stderr), &text)));
    fputs(text, show ? stdout : stderr);
    cull_text_free(text);
    return DONE;
}

static int look_at_outputs(cli *c, work *w)
{
    for (int i = 0; i < c->outs && i < MAX_FILES; i++) {
        TRY(check_writable(c, c->out[i]));
        if (!strcmp(c->out[i], "-"))
            w->form[i] = CULL_FORM_TSV;
        else if (!cull_form_find(c->out[i], &w->form[i]))
            return fail(c, USAGE, "-o %s: a comparison goes to .tsv, .json, .html or .md",
                        c->out[i]);
    }
    return DONE;
}

static int compare(cli *c, work *w)
{
    double seeds;
    const cull_compare *table;
    TRY(look_at_outputs(c, w));
    TRY(choose_methods(c, w));
    TRY(number_of(c, "seeds", 5, 1, 1000, true, &seeds));
    TRY(job_of(c, &w->job));
    TRY(check(c, cull_job_compare(w->job, w->of, w->methods, (int)seeds, &table)));
    return show(c, w, table);
}

int run_compare(cli *c)
{
    work w = {0};
    int rc = compare(c, &w);
    cull_job_free(w.job);
    for (int i = 0; i < w.methods; i++) {
        cull_opts_free(w.opts[i]);
        free(w.name[i]);
    }
    return rc;
}
