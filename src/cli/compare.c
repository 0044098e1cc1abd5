/* compare.c - cull compare: every method on one problem, over seeds, beside a uniform sample. */
#include "cull/text.h"
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_METHODS = 128, METRICS = 2 };

typedef struct {
    problem q;
    split fair; /* of --targets */
    const cull_method *method[MAX_METHODS];
    int methods, seeds;
    cull_compare_row *row;
    double (*value)[METRICS];
    char (*why)[256];
    int rows;
    const char *metric[METRICS];
    int metrics;
    cull_form form[MAX_FILES];
} work;

/* ---- what to run ---- */

static int add_method(cli *c, const char *part, void *arg)
{
    work *w = arg;
    const char *near = NULL;
    const cull_method *m = cull_method_find(part, &near);
    if (!m && near) return fail(c, USAGE, "there is no method '%s'; did you mean %s?", part, near);
    if (!m) return fail(c, USAGE, "there is no method '%s'; see cull list", part);
    for (int i = 0; i < w->methods; i++)
        if (w->method[i] == m) return fail(c, USAGE, "--methods names %s twice", m->slug);
    if (w->methods < MAX_METHODS) w->method[w->methods++] = m;
    return DONE;
}

static int choose_methods(cli *c, work *w)
{
    const char *list = value_of(c, "methods", NULL);
    if (list) return each_part(c, list, add_method, w);
    for (int i = 0; i < cull_method_count() && i < MAX_METHODS; i++)
        if (cull_method_at(i)->task == CULL_TASK_DATA) w->method[w->methods++] = cull_method_at(i);
    return DONE;
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

/* Each run has a context of its own, so that its peak is its own. */
static int run_one(cli *c, work *w, const cull_method *m, uint64_t seed)
{
    cull_compare_row *r = &w->row[w->rows];
    double *v = w->value[w->rows];
    cull_ctx *cx = NULL;
    cull_opts *opts = NULL;
    cull_pick k = {0};
    measured got = {0};
    *r = (cull_compare_row){m->slug, seed, m->flags & CULL_BASELINE, NULL, 0, 0, NULL};
    const char *why = problem_lacks(&w->q, m);
    if (why && why == m->columns) {
        snprintf(w->why[w->rows], sizeof *w->why, "needs columns %s", why);
        why = w->why[w->rows];
    }
    r->why = why;
    w->rows++;
    if (r->why) return DONE;
    int rc = context_for(c, seed, &cx);
    if (rc == DONE) rc = method_options(c, cx, m, false, &opts);
    double began = seconds_now();
    cull_status s = rc == DONE ? cull_data_pick(cx, m, opts, &w->q.p, &k) : CULL_OK;
    r->seconds = seconds_now() - began;
    r->peak_bytes = cx ? cull_ctx_peak(cx) : 0;
    if (rc == DONE && s == CULL_ECANCEL) rc = check_in(c, cx, s);
    if (rc == DONE && s != CULL_OK) {
        snprintf(w->why[w->rows - 1], sizeof *w->why, "%s", cull_error(cx));
        r->why = w->why[w->rows - 1];
    } else if (rc == DONE) {
        rc = measure(c, c->cx, &w->q, &k, &got);
        int at = 0;
        for (int i = 0; i < w->metrics; i++)
            v[at++] = strcmp(w->metric[i], "coverage") ? got.precision : got.coverage;
        r->value = v;
        talk_more(c, "%s\tseed %llu\t%.2f s", m->slug, (unsigned long long)seed, r->seconds);
    }
    measured_free(&got);
    cull_pick_free(&k);
    cull_opts_free(opts);
    cull_ctx_free(cx);
    return rc;
}

static int run_seed(cli *c, work *w, int at)
{
    uint64_t seed = cull_ctx_seed(c->cx) + (uint64_t)at;
    bool made = has(c, "targets");
    if (made) TRY(split_make(c, &w->q, &w->fair, seed));
    for (int i = 0; i < w->methods; i++) {
        const cull_method *m = w->method[i];
        bool once = !made && !(m->flags & CULL_STOCHASTIC);
        if (once && at) continue;
        TRY(run_one(c, w, m, seed));
        if (w->row[w->rows - 1].why && at) w->rows--; /* the first says why */
    }
    return DONE;
}

/* ---- the table ---- */

static int write_table(cli *c, work *w)
{
    char features[128];
    const char *note_ = features;
    snprintf(
        features, sizeof features,
        "Features were made once for all methods that read them, in %.1f s; no method's time has "
        "them.",
        w->q.embed_seconds);
    cull_compare t = {.metric = w->metric,
                      .metrics = w->metrics,
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
                      .note = &note_,
                      .notes = w->q.embed_seconds > 0,
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
    TRY(problem_open(c, w->method, w->methods, true, false, &w->q));
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
    free(w.row);
    free(w.value);
    free(w.why);
    return rc;
}
