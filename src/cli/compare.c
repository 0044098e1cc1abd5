/* compare.c - cull compare: every method on one problem, over seeds, beside a uniform sample. */
#include "cull/text.h"
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_METHODS = 128, METRICS = 2 };

/* A method with options of its own: a row of the table. */
typedef struct {
    const cull_method *m;
    char *name; /* "rds-plus:rule=mean" */
    cull_opts *opts;
    bool lacks; /* it did not run for want of an input; a note says which */
} variant;

typedef struct {
    problem q;
    split fair; /* of --targets */
    variant of[MAX_METHODS];
    int methods, seeds;
    char lacking[1024];
    cull_compare_row *row;
    double (*value)[METRICS];
    char (*why)[256];
    int rows;
    const char *metric[METRICS];
    int metrics;
    cull_form form[MAX_FILES];
} work;

/* ---- what to run ---- */

/* m with the options given to all, then those of `spec`: "name=value:name=value". */
static int add_variant(cli *c, work *w, const cull_method *m, const char *spec)
{
    size_t room = strlen(m->slug) + strlen(spec) + 2;
    if (w->methods == MAX_METHODS) return fail(c, USAGE, "more than %d methods", MAX_METHODS);
    variant *v = &w->of[w->methods++];
    v->m = m;
    v->name = malloc(room);
    if (!v->name) return fail(c, FAILED, "out of memory");
    snprintf(v->name, room, "%s%s%s", m->slug, *spec ? ":" : "", spec);
    for (int i = 0; i + 1 < w->methods; i++)
        if (!strcmp(w->of[i].name, v->name))
            return fail(c, USAGE, "--methods names %s twice", v->name);
    TRY(method_options(c, c->cx, m, false, &v->opts));
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
                        v->name, m->slug);
        *value++ = 0;
        TRY(check(c, cull_opts_set(c->cx, v->opts, one, value)));
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
    return add_variant(c, w, m, part[n] ? part + n + 1 : part + n);
}

/* An option that none of the methods has would be given for nothing. */
static int check_used(cli *c, const work *w)
{
    for (int i = 0; i < c->sets; i++) {
        bool used = c->set[i].row != NULL;
        for (int j = 0; !used && j < w->methods; j++) {
            char buf[64];
            used = cull_opts_get(w->of[j].opts, c->set[i].name, buf, sizeof buf) != NULL;
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
        if (cull_method_at(i)->task == CULL_TASK_DATA)
            TRY(add_variant(c, w, cull_method_at(i), ""));
    return check_used(c, w);
}

static int choose_metrics(cli *c, work *w)
{
    bool target = has(c, "target") || has(c, "target-embeddings") || has(c, "targets");
    if (has(c, "label-is")) w->metric[w->metrics++] = "precision";
    if (target) w->metric[w->metrics++] = "coverage";
    if (!w->metrics)
        return fail(c, USAGE,
                    "there is nothing to compare by: give --label and --label-is, or a "
                    "target");
    return DONE;
}

/* ---- one run ---- */

/* "Not run: dsir needs ...; kmq needs ...": each method once. */
static bool lacks(work *w, variant *v)
{
    const char *why = v->lacks ? NULL : problem_lacks(&w->q, v->m);
    size_t n = strlen(w->lacking);
    if (!why) return v->lacks;
    v->lacks = true;
    snprintf(w->lacking + n, sizeof w->lacking - n, "%s %s %s%s", n ? ";" : "Not run:", v->name,
             why == v->m->columns ? "needs columns " : "", why);
    return true;
}

/* Each run has a context of its own, so that its peak is its own. */
static int run_one(cli *c, work *w, const variant *v, uint64_t seed)
{
    cull_compare_row *r = &w->row[w->rows];
    double *value = w->value[w->rows];
    char *why = w->why[w->rows++];
    cull_ctx *cx = NULL;
    cull_pick k = {0};
    measured got = {0};
    *r = (cull_compare_row){v->name, seed, v->m->flags & CULL_BASELINE, NULL, 0, 0, NULL};
    TRY(context_for(c, seed, &cx));
    double began = seconds_now();
    cull_status s = cull_data_pick(cx, v->m, v->opts, &w->q.p, &k);
    r->seconds = seconds_now() - began;
    r->peak_bytes = cull_ctx_peak(cx);
    int rc = s == CULL_ECANCEL ? check_in(c, cx, s) : DONE;
    if (rc == DONE && s != CULL_OK) {
        snprintf(why, sizeof *w->why, "%s", cull_error(cx));
        r->why = why;
    } else if (rc == DONE) {
        rc = measure(c, c->cx, &w->q, &k, &got);
        for (int i = 0; i < w->metrics; i++)
            value[i] = strcmp(w->metric[i], "coverage") ? got.precision : got.coverage;
        r->value = value;
        talk_more(c, "%s\tseed %llu\t%.2f s", v->name, (unsigned long long)seed, r->seconds);
    }
    measured_free(&got);
    cull_pick_free(&k);
    cull_ctx_free(cx);
    return rc;
}

static int run_seed(cli *c, work *w, int at)
{
    uint64_t seed = cull_ctx_seed(c->cx) + (uint64_t)at;
    bool made = has(c, "targets");
    if (made) TRY(split_make(c, &w->q, &w->fair, seed));
    for (int i = 0; i < w->methods; i++) {
        variant *v = &w->of[i];
        bool once = !made && !(v->m->flags & CULL_STOCHASTIC);
        if ((once && at) || lacks(w, v)) continue;
        TRY(run_one(c, w, v, seed));
        if (w->row[w->rows - 1].why && at) w->rows--; /* the first says why */
    }
    return DONE;
}

/* ---- the table ---- */

static int write_table(cli *c, work *w)
{
    char features[128];
    const char *note_[2];
    int notes = 0;
    snprintf(
        features, sizeof features,
        "Features were made once for all methods that read them, in %.1f s; no method's time has "
        "them.",
        w->q.embed_seconds);
    if (w->q.embed_seconds > 0) note_[notes++] = features;
    if (w->lacking[0]) note_[notes++] = w->lacking;
    if (!w->rows) return fail(c, FAILED, "no method can run:%s", strchr(w->lacking, ':') + 1);
    cull_compare t = {.metric = w->metric,
                      .metrics = w->metrics,
                      .shares = has(c, "label-is"), /* precision is the first metric then */
                      .row = w->row,
                      .rows = w->rows,
                      .input = w->q.input,
                      .inputs = w->q.inputs,
                      .n = w->q.n,
                      .budget = w->q.p.budget,
                      .budget_text = w->q.budget.text,
                      .cost_unit = w->q.cost_unit,
                      .isa = cull_ctx_isa(c->cx),
                      .threads = cull_ctx_threads(c->cx),
                      .note = note_,
                      .notes = notes,
                      .argv = (const char *const *)c->whole,
                      .argc = c->wholes};
    for (int i = 0; i < c->outs; i++)
        TRY(check(c, cull_compare_write(c->cx, &t, w->form[i], c->out[i])));
    bool show = isatty(STDOUT_FILENO) && !c->json && !c->outs;
    if (c->json) TRY(check(c, cull_compare_write(c->cx, &t, CULL_FORM_JSON, "-")));
    if (!c->json && !c->outs && !show)
        TRY(check(c, cull_compare_write(c->cx, &t, CULL_FORM_TSV, "-")));
    char *text = NULL;
    if (c->quiet && !show) return DONE;
    progress_end();
    TRY(check(c, cull_compare_summary(c->cx, &t, 0, text_flags(show ? stdout : stderr), &text)));
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
    TRY(look_at_outputs(c, w));
    TRY(choose_methods(c, w));
    TRY(choose_metrics(c, w));
    TRY(number_of(c, "seeds", 5, 1, 1000, true, &seeds));
    TRY(split_check(c));
    w->seeds = (int)seeds;
    size_t most = (size_t)w->methods * (size_t)w->seeds + 1;
    w->row = calloc(most, sizeof *w->row);
    w->value = calloc(most, sizeof *w->value);
    w->why = calloc(most, sizeof *w->why);
    if (!w->row || !w->value || !w->why) return fail(c, FAILED, "out of memory");
    const cull_method *method[MAX_METHODS];
    for (int i = 0; i < w->methods; i++) method[i] = w->of[i].m;
    TRY(problem_open(c, method, w->methods, true, false, &w->q));
    TRY(problem_hashes(c, &w->q));
    if (has(c, "targets")) TRY(split_groups(c, &w->q, &w->fair));
    for (int i = 0; i < w->seeds; i++) TRY(run_seed(c, w, i));
    return write_table(c, w);
}

int run_compare(cli *c)
{
    work w = {0};
    int rc = compare(c, &w);
    split_free(&w.q, &w.fair);
    problem_close(&w.q);
    for (int i = 0; i < w.methods; i++) {
        cull_opts_free(w.of[i].opts);
        free(w.of[i].name);
    }
    free(w.row);
    free(w.value);
    free(w.why);
    return rc;
}
