/* data.c - cull data: choose training examples. */
#include "problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SNIPPET = 200 };

/* All that one run has, with one owner. */
typedef struct {
    problem q;
    cull_opts *opts;
    cull_pick pick;
    figures f;
    cull_strings ids;
    char notes[8][256];
    const char *note[8];
    int noted;
    output *out;
    bool report, form; /* some output is a page; some carries facts at all */
} session;

static void close_session(session *s)
{
    figures_free(&s->f);
    cull_strings_free(&s->ids);
    cull_pick_free(&s->pick);
    cull_opts_free(s->opts);
    problem_close(&s->q);
    free(s->out);
}

static int look_at_outputs(cli *c, session *s)
{
    s->out = calloc((size_t)c->outs + 1, sizeof *s->out);
    if (!s->out) return fail(c, FAILED, "out of memory");
    TRY(outputs_of(c, s->out));
    for (int i = 0; i < c->outs; i++) {
        bool form = s->out[i].kind == OUT_FORM;
        s->form |= form;
        s->report |= form && (s->out[i].form == CULL_FORM_HTML || s->out[i].form == CULL_FORM_MD);
    }
    s->form |= c->json;
    return one_stdout(c);
}

static int want_baselines(cli *c, const session *s, bool *out)
{
    int off;
    TRY(choice_of(c, "baselines", has(c, "label") || s->report ? "on" : "off", "on|off", &off));
    *out = !off;
    return DONE;
}

static void add_note(session *s, const char *fmt, ...) CULL_PRINTF(2, 3);
static void add_note(session *s, const char *fmt, ...)
{
    va_list ap;
    if (s->noted == COUNT(s->notes)) return;
    va_start(ap, fmt);
    vsnprintf(s->notes[s->noted], sizeof s->notes[0], fmt, ap);
    va_end(ap);
    s->note[s->noted] = s->notes[s->noted];
    s->noted++;
}

static void describe(cli *c, const session *s, const cull_method *m, double seconds, cull_run *r)
{
    const problem *q = &s->q;
    *r = (cull_run){.method = m,
                    .opts = s->opts,
                    .seed = cull_ctx_seed(c->cx),
                    .isa = cull_ctx_isa(c->cx),
                    .threads = cull_ctx_threads(c->cx),
                    .input = q->input,
                    .inputs = q->inputs,
                    .n = q->n,
                    .budget = q->p.budget,
                    .budget_text = q->budget.text,
                    .cost_unit = q->cost_unit,
                    .pick = &s->pick,
                    .ids = s->ids.n ? &s->ids : NULL,
                    .group = s->f.group,
                    .groups = s->f.groups,
                    .label = s->f.label,
                    .labels = s->f.labels,
                    .figure = s->f.figure,
                    .figures = s->f.figures,
                    .coverage = s->f.series,
                    .coverages = s->f.serieses,
                    .note = s->note,
                    .notes = s->noted,
                    .seconds = seconds,
                    .peak_bytes = cull_ctx_peak(c->cx),
                    .argv = (const char *const *)c->whole,
                    .argc = c->wholes};
}

static int write_outputs(cli *c, const session *s, const cull_run *r)
{
    const problem *q = &s->q;
    for (int i = 0; i < c->outs; i++) {
        const output *o = &s->out[i];
        if (o->kind == OUT_FORM)
            TRY(check(c, cull_run_write(c->cx, r, o->form, o->path)));
        else
            TRY(rows_write(c, q->text, q->pool, &s->pick, o->path));
    }
    if (c->json) return check(c, cull_run_write(c->cx, r, CULL_FORM_JSON, "-"));
    if (!c->outs) return check(c, cull_run_write(c->cx, r, CULL_FORM_TSV, "-"));
    return DONE;
}

static int summary(cli *c, const cull_run *r)
{
    char *text = NULL;
    if (c->quiet) return DONE;
    TRY(check(c, cull_run_summary(c->cx, r, 0, text_flags(stderr), &text)));
    talk_text(c, text);
    cull_text_free(text);
    return DONE;
}

static int run_session(cli *c, const cull_method *m, session *s)
{
    bool baselines;
    double began = seconds_now();
    cull_run r;
    TRY(look_at_outputs(c, s));
    TRY(want_baselines(c, s, &baselines));
    bool judged = baselines || s->form || has(c, "label");
    bool plan = has(c, "plan");
    TRY(method_options(c, c->cx, m, true, &s->opts));
    TRY(problem_open(c, &m, 1, judged, plan, &s->q));
    if (plan) return plan_say(c, &s->q, m, s->opts, baselines, seconds_now() - began);
    if (s->form) TRY(problem_hashes(c, &s->q));
    TRY(check(c, cull_data_pick(c->cx, m, s->opts, &s->q.p, &s->pick)));
    double took = seconds_now() - began;
    if (s->q.avoided)
        add_note(s, "%lld of %lld records overlap with the evaluation set and were never kept.",
                 (long long)s->q.avoided, (long long)s->q.n);
    TRY(figures_of(c, &s->q, m, &s->pick, baselines, &s->f));
    if (s->q.text)
        TRY(check(c, cull_corpus_ids(c->cx, s->q.text, s->pick.idx, s->pick.n,
                                     s->report ? SNIPPET : 0, &s->ids)));
    describe(c, s, m, took, &r);
    TRY(write_outputs(c, s, &r));
    progress_end();
    return summary(c, &r);
}

int run_data(cli *c)
{
    session s = {0};
    const char *near = NULL;
    const cull_method *m = c->method ? c->method : cull_method_find("rds-plus", &near);
    if (!m) return fail(c, USAGE, "name a method; see cull list");
    int rc = run_session(c, m, &s);
    close_session(&s);
    return rc;
}
