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

/* m with the options given to all, then those of `spec`: "name=value:name=value". */
static int add_variant(cli *c, work *w, const cull_method *m, const char *spec)
{
    size_t room = strlen(m->slug) + strlen(spec) + 2;
    if (w->methods == MAX_METHODS) return fail(c, USAGE, "more than %d methods", MAX_METHODS);
    int at = w->methods++;
    char *name = w->name[at] = malloc(room);
    if (!name) return fail(c, FAILED, "out of memory");
    snprintf(name, room, "%s%s%s", m->slug, *spec ? ":" : "", spec);
    for (int i = 0; i < at; i++)
        if (!strcmp(w->name[i], name)) return fail(c, USAGE, "--methods names %s twice", name);
    TRY(method_options(c, c->cx, m, false, &w->opts[at]));
    w->of[at] = (cull_variant){m, w->opts[at], name};
    while (*spec) {
        char one[256], *value;
        size_t n = strcspn(spec, ":");
        if (n >= sizeof one) return fail(c, USAGE, "--methods: '%.40s...' is too long", spec);
        memcpy(one, spec, n);
        one[n] = 0;
        spec += n + (spec[n] == ':');
        value = strchr(one, '=');
        if (!value || value == one)
            return fail(c, USAGE, "--methods: '%s' of %s is no option; write %s:NAME=VALUE", one,
                        name, m->slug);
        *value++ = 0;
        TRY(check(c, cull_opts_set(c->cx, w->opts[at], one, value)));
    }
    return DONE;
}

static int add_method(cli *c, const char *part, void *arg)
{
    work *w = arg;
    const char *near = NULL;
    char slug[64];
    size_t n = strcspn(part, ":");
    snprintf(slug, sizeof slug, "%.*s", n < sizeof slug ? (int)n : (int)sizeof slug - 1, part);
    const cull_method *m = cull_method_find(slug, &near);
    if (!m && near) return fail(c, USAGE, "there is no method '%s'; did you mean %s?", slug, near);
    if (!m) return fail(c, USAGE, "there is no method '%s'; see cull list", slug);
    if (m->task != c->task)
        return fail(c, USAGE, "%s is a method of task %s", slug, cull_task_name(m->task));
    return add_variant(c, w, m, part[n] ? part + n + 1 : part + n);
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
        if (cull_method_at(i)->task == c->task) TRY(add_variant(c, w, cull_method_at(i), ""));
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
