/* data.c - cull data and cull feature: choose training examples, or columns. */
#include "cull/text.h"
#include "job.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

static bool is_input(const cull_input *const *table, int tables, const char *name)
{
    for (int t = 0; t < tables; t++)
        for (const cull_input *r = table[t]; r->name; r++)
            if (!strcmp(r->name, name)) return true;
    return false;
}

int job_of(cli *c, cull_job **out)
{
    const cull_input *table[CULL_TASKS + 1] = {cull_compare_inputs()};
    unsigned alone = CULL_FINDS_COPIES | CULL_OWN_NUMBER;
    for (int t = 0; t < CULL_TASKS; t++) table[t + 1] = cull_task_inputs((cull_task)t);
    if (!has(c, "budget") && !(c->method && c->method->flags & alone))
        return fail(c, USAGE, "%s wants --budget: a count (500), a share (2%%) or a sum of costs",
                    c->cmd->name);
    TRY(check(c, cull_job_new(c->cx, c->task, out)));
    for (int i = 0; i < c->inputs; i++) TRY(check(c, cull_job_set(*out, "pool", c->input[i])));
    /* inputs of other tasks too: the job says that this one has none */
    for (int i = 0; i < c->sets; i++) {
        const setting *s = &c->set[i];
        if (s->row && is_input(table, CULL_TASKS + 1, s->name))
            TRY(check(c, cull_job_set(*out, s->name, s->row->arg ? s->value : "true")));
    }
    cull_job_argv(*out, (const char *const *)c->whole, c->wholes);
    return DONE;
}

typedef struct {
    cull_job *job;
    cull_opts *opts;
    output *out;
    bool report, form; /* some output is a page; some carries facts at all */
} session;

static int look_at_outputs(cli *c, session *s)
{
    s->out = calloc((size_t)c->outs + 1, sizeof *s->out);
    if (!s->out) return fail(c, FAILED, "out of memory");
    TRY(outputs_of(c, s->out));
    if (has(c, "avoid-list")) TRY(check_writable(c, value_of(c, "avoid-list", NULL)));
    if (has(c, "groups")) TRY(check_writable(c, value_of(c, "groups", NULL)));
    for (int i = 0; i < c->outs; i++) {
        bool form = s->out[i].kind == OUT_FORM;
        s->form |= form;
        s->report |= form && (s->out[i].form == CULL_FORM_HTML || s->out[i].form == CULL_FORM_MD);
    }
    s->form |= c->json;
    return one_stdout(c);
}

/* What the outputs want to know of a run. */
static int flags_of(cli *c, const session *s, unsigned *out)
{
    int off;
    bool on = has(c, c->task == CULL_TASK_FEATURE ? "target" : "label") || s->report;
    TRY(choice_of(c, "baselines", on ? "on" : "off", "on|off", &off));
    *out = CULL_JOB_JUDGE | CULL_JOB_IDS;
    if (!off) *out |= CULL_JOB_BASELINES;
    if (!off || s->form || has(c, "label")) *out |= CULL_JOB_FEATURES;
    if (s->report) *out |= CULL_JOB_SNIPPETS;
    if (s->form) *out |= CULL_JOB_HASHES;
    return DONE;
}

static int write_outputs(cli *c, const session *s, const cull_run *r)
{
    bool as_chosen;
    TRY(order_of(c, &as_chosen));
    for (int i = 0; i < c->outs; i++) {
        const output *o = &s->out[i];
        TRY(check(c, o->kind == OUT_FORM ? cull_run_write(c->cx, r, o->form, o->path)
                                         : cull_job_rows(s->job, as_chosen, o->path)));
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
    unsigned flags;
    bool as_chosen;
    TRY(look_at_outputs(c, s));
    TRY(flags_of(c, s, &flags));
    TRY(order_of(c, &as_chosen));
    TRY(method_options(c, c->cx, m, true, &s->opts));
    TRY(job_of(c, &s->job));
    if (has(c, "plan")) {
        planned p = {.m = m, .timed = true};
        TRY(check(c, cull_job_estimate(s->job, m, s->opts, flags, &p.e)));
        return say_plan(c, &p);
    }
    cull_status done = cull_job_run(s->job, m, s->opts, flags);
    if (done == CULL_EWAIT) { /* a shard that has done its part */
        progress_end();
        talk(c, "%s", cull_error(c->cx));
        return DONE;
    }
    TRY(check(c, done));
    const cull_run *r = cull_job_result(s->job);
    TRY(write_outputs(c, s, r));
    TRY(check(c, cull_job_done(s->job)));
    progress_end();
    return summary(c, r);
}

int run_task(cli *c)
{
    session s = {0};
    const cull_method *m = c->method;
    if (!m && c->task == CULL_TASK_DATA) m = cull_method_find("rds-plus", NULL);
    if (!m) return fail(c, USAGE, "name a method; see cull list %s", cull_task_name(c->task));
    int rc = run_session(c, m, &s);
    cull_job_free(s.job);
    cull_opts_free(s.opts);
    free(s.out);
    return rc;
}
