/* data.c - cull data: choose training examples. */
#include "cull/text.h"
#include "job.h"

#include <stdlib.h>
#include <string.h>

int job_of(cli *c, cull_job **out)
{
    const cull_input *const table[] = {cull_task_inputs(CULL_TASK_DATA), cull_compare_inputs()};
    if (!has(c, "budget") && !(c->method && c->method->flags & CULL_FINDS_COPIES))
        return fail(c, USAGE, "%s wants --budget: a count (500), a share (2%%) or a sum of costs",
                    c->cmd->name);
    TRY(check(c, cull_job_new(c->cx, CULL_TASK_DATA, out)));
    for (int i = 0; i < c->inputs; i++) TRY(check(c, cull_job_set(*out, "pool", c->input[i])));
    for (int t = 0; t < COUNT(table); t++)
        for (const cull_input *r = table[t]; r->name; r++)
            for (int i = 0; i < c->sets; i++)
                if (c->set[i].row && !strcmp(c->set[i].name, r->name))
                    TRY(check(c, cull_job_set(*out, r->name,
                                              c->set[i].row->arg ? c->set[i].value : "true")));
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
    TRY(choice_of(c, "baselines", has(c, "label") || s->report ? "on" : "off", "on|off", &off));
    *out = CULL_JOB_JUDGE | CULL_JOB_IDS;
    if (!off) *out |= CULL_JOB_BASELINES;
    if (!off || s->form || has(c, "label")) *out |= CULL_JOB_FEATURES;
    if (s->report) *out |= CULL_JOB_SNIPPETS;
    if (s->form) *out |= CULL_JOB_HASHES;
    return DONE;
}

static int say_plan(cli *c, const cull_method *m, const cull_estimate *e)
{
    char a[32];
    double all = e->read + e->features + e->choose;
    progress_end();
    if (c->json) {
        printf("{\"method\":\"%s\",\"rows\":%lld,\"dim\":%lld,\"bytes\":%llu,\"passes\":%.1f,"
               "\"seconds\":%.3f}\n",
               m->slug, (long long)e->rows, (long long)e->dim, (unsigned long long)e->bytes,
               e->passes, all);
        return DONE;
    }
    printf("method    %s\nrows      %lld\n", m->slug, (long long)e->rows);
    if (e->targets) printf("target    %lld\n", (long long)e->targets);
    if (e->dim)
        printf("features  %lld numbers a row%s\n", (long long)e->dim,
               e->makes_features ? ", made from the text" : "");
    printf("budget    %s of %s\n", e->budget, e->cost_unit);
    printf("passes    %.0f over the pool\n", e->passes);
    printf("memory    about %s\n", cull_format_bytes(e->bytes, a));
    printf("time      about %.1f s: %.1f s to read, %.1f s for features, %.1f s for %s\n", all,
           e->read, e->features, e->choose, m->slug);
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
        cull_estimate e;
        TRY(check(c, cull_job_estimate(s->job, m, s->opts, flags, &e)));
        return say_plan(c, m, &e);
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

int run_data(cli *c)
{
    session s = {0};
    const char *near = NULL;
    const cull_method *m = c->method ? c->method : cull_method_find("rds-plus", &near);
    if (!m) return fail(c, USAGE, "name a method; see cull list");
    int rc = run_session(c, m, &s);
    cull_job_free(s.job);
    cull_opts_free(s.opts);
    free(s.out);
    return rc;
}
