/* run.c - one run of a job: open, choose, judge, and keep what a report says of it. */
#include "feature.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SNIPPET = 200 };

void job_note(cull_job *j, const char *fmt, ...)
{
    va_list ap;
    if (j->noted == COUNT(j->notes)) return;
    va_start(ap, fmt);
    vsnprintf(j->notes[j->noted], sizeof j->notes[0], fmt, ap);
    va_end(ap);
    j->note[j->noted] = j->notes[j->noted];
    j->noted++;
}

/* ---- the command that would do the same ---- */

static cull_status add_word(cull_job *j, cull_run *r, const char **word, const char *a,
                            const char *b)
{
    char both[600];
    snprintf(both, sizeof both, "%s%s", a, b);
    return job_keep(j, both, &word[r->argc++]);
}

/* Of a job whose inputs are all files and settings: `cull data METHOD --budget ... POOL`. */
static cull_status make_argv(cull_job *j, const cull_method *m, const cull_opts *opts, cull_run *r)
{
    const char **word;
    char value[64], was[64];
    cull_opts *def;
    for (int64_t i = 0; i < j->sets; i++)
        if (!j->set[i].value) return CULL_OK;
    if (j->mines || j->codes[GROUP].names || j->codes[LABEL].names || j->codes[TASK].names)
        return CULL_OK;
    CULL_TRY(cull_opts_new(j->cx, m, &def));
    cull__free(j->words);
    j->words = NULL;
    cull_status s = CULL_ALLOC(j->cx, j->words, 2 * j->sets + 128);
    word = j->words;
    if (s == CULL_OK) s = add_word(j, r, word, "cull", "");
    if (s == CULL_OK) s = add_word(j, r, word, cull_task_name(j->task), "");
    if (s == CULL_OK) s = add_word(j, r, word, m->slug, "");
    snprintf(value, sizeof value, "%" PRIu64, cull_ctx_seed(j->cx));
    if (s == CULL_OK) s = add_word(j, r, word, "--seed=", value);
    for (const cull_opt *o = m->opts; s == CULL_OK && opts && o->name; o++) {
        cull_opts_get(opts, o->name, value, sizeof value);
        cull_opts_get(def, o->name, was, sizeof was);
        if (!strcmp(value, was)) continue;
        s = add_word(j, r, word, "--", o->name);
        if (s == CULL_OK) s = add_word(j, r, word, value, "");
    }
    for (int64_t i = 0; s == CULL_OK && i < j->sets; i++) {
        if (!strcmp(j->set[i].name, "pool")) continue;
        s = add_word(j, r, word, "--", j->set[i].name);
        if (s == CULL_OK) s = job_keep(j, j->set[i].value, &word[r->argc++]);
    }
    for (int64_t i = 0; s == CULL_OK && i < j->sets; i++)
        if (!strcmp(j->set[i].name, "pool")) s = job_keep(j, j->set[i].value, &word[r->argc++]);
    cull_opts_free(def);
    r->argv = word;
    return s;
}

/* ---- the result ---- */

/* The options are the caller's and may go before the result does. */
static cull_status keep_options(cull_job *j, const cull_method *m, const cull_opts *opts)
{
    int n = 0;
    char value[64];
    cull_opts *def = NULL;
    if (!opts) CULL_TRY(cull_opts_new(j->cx, m, &def));
    while (m->opts[n].name) n++;
    cull__free(j->option);
    j->option = NULL;
    cull_status s = CULL_ALLOC(j->cx, j->option, n);
    for (int i = 0; s == CULL_OK && i < n; i++) {
        j->option[i].name = m->opts[i].name;
        cull_opts_get(opts ? opts : def, m->opts[i].name, value, sizeof value);
        s = job_keep(j, value, &j->option[i].value);
    }
    cull_opts_free(def);
    j->run.option = j->option;
    j->run.options = n;
    return s;
}

cull_status job_describe(cull_job *j, const cull_method *m, const cull_opts *opts, double seconds)
{
    const figures *f = &j->f;
    j->run = (cull_run){.task = cull_task_name(j->task),
                        .method = m,
                        .seed = cull_ctx_seed(j->cx),
                        .isa = cull_ctx_isa(j->cx),
                        .threads = cull_ctx_threads(j->cx),
                        .input = j->input,
                        .inputs = j->inputs,
                        .n = j->n,
                        .budget = j->p.budget,
                        .budget_text = j->budget.text,
                        .cost_unit = j->cost_unit,
                        .pick = &j->pick,
                        .ids = j->ids.n ? &j->ids : NULL,
                        .group = f->tally[GROUP],
                        .groups = f->tally[GROUP] ? j->codes[GROUP].count : 0,
                        .label = f->tally[LABEL],
                        .labels = f->tally[LABEL] ? j->codes[LABEL].count : 0,
                        .figure = f->figure,
                        .figures = f->figures,
                        .coverage = f->series,
                        .coverages = f->serieses,
                        .note = j->note,
                        .notes = j->noted,
                        .seconds = seconds,
                        .peak_bytes = cull_ctx_peak(j->cx),
                        .argv = j->argv,
                        .argc = j->argc};
    if (!j->argv) CULL_TRY(make_argv(j, m, opts, &j->run));
    return keep_options(j, m, opts);
}

static cull_status run(cull_job *j, const cull_method *m, const cull_opts *opts, unsigned flags)
{
    double began = cull__now();
    bool ids = (flags & (CULL_JOB_IDS | CULL_JOB_SNIPPETS)) && j->text;
    if (flags & CULL_JOB_HASHES) CULL_TRY(job_hashes(j));
    cull__remark(j->cx, "%s", "");
    CULL_TRY(cull_data_pick(j->cx, m, opts, &j->p, &j->pick));
    if (*cull__remarked(j->cx)) job_note(j, "%s", cull__remarked(j->cx));
    double took = j->open_seconds + cull__now() - began;
    if (j->overlap.n)
        job_note(j,
                 "%" PRId64 " of %" PRId64 " records overlap with the evaluation set and were "
                 "never kept.",
                 j->overlap.n, j->n);
    if (j->pick.rows) {
        char note[256];
        CULL_TRY(groups_note(j, note, sizeof note));
        job_note(j, "%s", note);
    }
    CULL_TRY(groups_write(j));
    if (flags & (CULL_JOB_JUDGE | CULL_JOB_BASELINES))
        CULL_TRY(figures_of(j, m, flags & CULL_JOB_BASELINES));
    if (ids)
        CULL_TRY(cull_corpus_ids(j->cx, j->text, j->pick.idx, j->pick.n,
                                 flags & CULL_JOB_SNIPPETS ? SNIPPET : 0, &j->ids));
    CULL_TRY(job_describe(j, m, opts, took));
    return cull__meet(j->cx, "the result"); /* before any of it is written */
}

cull_status cull_job_run(cull_job *j, const cull_method *m, const cull_opts *opts, unsigned flags)
{
    job_forget(j);
    if (j->settled) return cull__fail(j->cx, CULL_EINPUT, "the job has let its inputs go");
    for (const cull_input *r = cull_compare_inputs(); r->name; r++)
        if (has(j, r->name))
            return cull__fail(j->cx, CULL_EOPTION, "--%s is for a comparison", r->name);
    bool columns = j->task == CULL_TASK_FEATURE;
    cull_status s = columns ? feature_run(j, m, opts, flags) : parts_open(j, m, opts);
    if (s == CULL_OK && !columns && !j->opened)
        s = job_open(j, &m, 1, flags & CULL_JOB_FEATURES, false);
    if (s == CULL_OK && !columns) s = run(j, m, opts, flags);
    cull__carry(j->cx,
                NULL); /* what the context does next is another's, and this job may live on */
    if (s == CULL_OK)
        j->ran = true;
    else
        job_forget(j);
    return s;
}

const cull_run *cull_job_result(const cull_job *j) { return j->ran ? &j->run : NULL; }
