/* search.c - cull search: points of a space evaluated by a program or a table. */
#include "search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- what comes before the first trial ---- */

static int enqueue(search *s)
{
    const char *point[256];
    double *x = calloc((size_t)cull_space_width(s->space) + 1, sizeof *x);
    int n = values_of(s->c, "enqueue", point, COUNT(point)), rc = DONE;
    if (!x) return fail(s->c, FAILED, "out of memory");
    if (n > COUNT(point)) rc = fail(s->c, USAGE, "--enqueue takes at most %d points", COUNT(point));
    for (int i = 0; rc == DONE && i < n; i++) {
        rc = check(s->c, cull_space_parse(s->c->cx, s->space, point[i], x));
        if (rc == DONE) rc = check(s->c, cull_study_enqueue(s->study, x));
    }
    free(x);
    return rc;
}

static int warm(search *s)
{
    const char *file[64];
    int64_t added;
    int n = values_of(s->c, "warm", file, COUNT(file));
    if (n > COUNT(file)) return fail(s->c, USAGE, "--warm takes at most %d files", COUNT(file));
    for (int i = 0; i < n; i++) {
        TRY(check(s->c, cull_study_import(s->study, file[i], &added)));
        talk_more(s->c, "%s: %" PRId64 " results", file[i], added);
    }
    return DONE;
}

/* Of a study that goes on both are in it already. */
static int begin_with(search *s)
{
    if (cull_study_trials(s->study)) return DONE;
    TRY(warm(s));
    return enqueue(s);
}

static int open_study(search *s)
{
    cli *c = s->c;
    cull_study_opts o = CULL_STUDY_OPTS;
    s->store = value_of(c, "store", NULL);
    o.store = s->store;
    o.resume = has(c, "resume");
    o.widen = has(c, "widen");
    o.sync = has(c, "sync");
    o.default_first = has(c, "default-first");
    if (!s->store && (o.resume || o.widen || o.sync))
        return fail(c, USAGE, "--%s is of a study that is kept: name its --store",
                    o.resume  ? "resume"
                    : o.widen ? "widen"
                              : "sync");
    TRY(check(c, cull_study_open(c->cx, &s->p, s->method, s->opts, &o, &s->study)));
    search_forget_password(s->store);
    return begin_with(s);
}

/* ---- the run ---- */

static bool hurry(void *user)
{
    (void)user;
    return hurried();
}

static int run_opts(search *s, cull_run_opts *o)
{
    cli *c = s->c;
    double workers, in_order;
    *o = (cull_run_opts)CULL_RUN_OPTS;
    TRY(number_of(c, "workers", 1, 1, 1024, true, &workers));
    TRY(number_of(c, "in-order", 0, 1, 1024, true, &in_order));
    TRY(seconds_of(c, "heartbeat", 0, &o->heartbeat));
    o->workers = s->workers = (int)workers;
    o->in_order = (int)in_order;
    o->each = search_told;
    o->hurry = hurry;
    o->user = s;
    return DONE;
}

static int say_stopped(search *s)
{
    if (s->store)
        return fail(s->c, FAILED,
                    "stopped after %" PRId64 " trials; the same command goes on, and cull search "
                    "status %s says how it stands",
                    s->ended, s->store);
    return fail(s->c, FAILED,
                "stopped after %" PRId64 " trials; with --store FILE the same command could go on",
                s->ended);
}

/* Whether --stop waited in vain for a report. */
static bool silent(search *s)
{
    cull_trial t;
    if (s->p.stop.kind == CULL_STOP_NONE || s->p.stop.anew || !s->ended) return false;
    for (int64_t i = 0; i < cull_study_trials(s->study); i++)
        if (cull_study_trial(s->study, i, &t) == CULL_OK && t.steps > 0) return false;
    return true;
}

/* What lets a study go on that has come to its end; NULL = nothing does. */
static const char *larger(const search *s)
{
    static const char *const option[][2] = {
        {"trials", "--budget"}, {"cost", "--cost-budget"}, {"seconds", "--time"}};
    const char *limit = cull_study_spent(s->study);
    for (int i = 0; limit && i < 3; i++)
        if (!strcmp(limit, option[i][0])) return option[i][1];
    return NULL;
}

static void say_end(search *s)
{
    cli *c = s->c;
    double passed = seconds_now() - s->began;
    progress_end();
    int64_t others = 0;
    char elsewhere[60] = "";
    if (cull_study_running(c->cx, s->study, NULL, 0, &others) == CULL_OK && others)
        snprintf(elsewhere, sizeof elsewhere, ", %" PRId64 " still run%s elsewhere", others,
                 others == 1 ? "s" : "");
    talk(c, "%" PRId64 " trial%s, %" PRId64 " of them failed%s; %" PRId64 " here in %.1f s",
         s->ended, s->ended == 1 ? "" : "s", s->failed, elsewhere, s->here, passed);
    if (silent(s))
        talk(c, "no trial reported on its way, so --stop had nothing to go by: a line with "
                "\"step\" and all objectives, flushed, is a report");
    if (s->store && cull_study_stopped(s->study))
        talk(c, "kept in %s: stop was asked for; with --resume the same command goes on", s->store);
    else if (s->store && larger(s))
        talk(c,
             "kept in %s: with a larger %s the same command goes on; cull search export %s writes "
             "every trial",
             s->store, larger(s), s->store);
    else if (s->store)
        talk(c,
             "kept in %s: there are no more points to ask for; cull search export %s writes every "
             "trial",
             s->store, s->store);
}

static int go(search *s, const cull_run_opts *o)
{
    cli *c = s->c;
    search_count(s);
    s->began = s->said = seconds_now();
    c->line = search_progress, c->line_user = s;
    cull_status st = cull_study_run(c->cx, s->study, s->evaluator, o);
    c->line = NULL;
    progress_end();
    if (st != CULL_OK && !(st == CULL_ECANCEL && stopped())) TRY(check(c, st));
    stop_heard();
    search_count(s);
    TRY(c->json ? say_best_json(c, s->study) : say_best(c, s->study));
    TRY(write_outputs(c, s->study));
    TRY(flush_out(c));
    if (st == CULL_ECANCEL) return say_stopped(s);
    say_end(s);
    return DONE;
}

static int search_run(search *s)
{
    cull_run_opts o;
    if (has(s->c, "by"))
        return fail(s->c, USAGE, "--by is of cull search importance STORE, not of a search");
    TRY(run_opts(s, &o));
    TRY(check_outputs(s->c));
    TRY(search_problem(s));
    TRY(search_evaluator(s)); /* before anything is stored */
    TRY(open_study(s));
    return go(s, &o);
}

int run_search(cli *c)
{
    int verb = c->rest == 0 ? -1 : search_verb(c->input[0]);
    if (verb >= 0) return run_verb(c, verb);
    search s = {.c = c};
    int rc = search_run(&s);
    search_free(&s);
    return rc;
}
