/* search_verbs.c - cull search status, best, export, report, importance, stop: a study in a store, from outside. */
#include "cull/text.h"
#include "job.h"
#include "search.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNNING = 1024, SHOWN = 20 };

/* ---- status ---- */

static void say_running(const cull_running *r, int64_t n)
{
    for (int64_t i = 0; i < n && i < SHOWN; i++) {
        const char *who = *r[i].worker ? r[i].worker : "nobody known";
        printf("running      trial %" PRId64 " by %.*s, %.0f s%s\n", r[i].number,
               (int)strcspn(who, "\n"), who, r[i].seconds,
               r[i].silent ? "; nothing was heard of it for a minute" : "");
    }
    if (n > SHOWN) printf("             ... and %" PRId64 " more\n", n - SHOWN);
}

static int say_status_json(cli *c, cull_study *st, const tally *t, int64_t waiting,
                           const cull_running *r, int64_t n)
{
    const cull_search_problem *p = cull_study_problem(st);
    int64_t *idx, bests;
    TRY(search_best(c, st, &idx, &bests));
    say_tally_json(st, t);
    printf(",\"waiting\":%" PRId64 ",\"stop\":%s,\"seconds\":", waiting,
           cull_study_stopped(st) ? "true" : "false");
    say_json_number(stdout, t->last);
    fputs(",\"objectives\":[", stdout);
    for (int i = 0; i < p->objectives; i++) {
        if (i) putchar(',');
        say_json(stdout, p->objective[i].name);
    }
    fputs("],\"workers\":[", stdout);
    for (int64_t i = 0; i < n; i++) {
        printf("%s{\"trial\":%" PRId64 ",\"worker\":", i ? "," : "", r[i].number);
        say_json(stdout, r[i].worker);
        fputs(",\"seconds\":", stdout);
        say_json_number(stdout, r[i].seconds);
        printf(",\"silent\":%s}", r[i].silent ? "true" : "false");
    }
    putchar(']');
    int rc = say_points_json(c, st, idx, bests);
    free(idx);
    return rc;
}

/* A store keeps no budget: it is the command's, and may be another one each time. */
static int say_left(cli *c, cull_study *st, const tally *t, int64_t over)
{
    double budget;
    char when[40];
    TRY(number_of(c, "budget", 0, 1, 1e9, true, &budget));
    if (budget == 0) return DONE;
    double left = fmax(0, budget - (double)cull_study_paid(st));
    printf("left         %.0f evaluations", left);
    if (left > 0 && over && t->last >= 1)
        printf(", %s at this rate", search_span(left * t->last / (double)over, when));
    putchar('\n');
    return DONE;
}

static int status(cli *c, cull_study *st)
{
    tally t;
    int64_t n;
    static cull_running r[RUNNING];
    TRY(search_tally(c, st, &t));
    TRY(check(c, cull_study_running(c->cx, st, r, RUNNING, &n)));
    int64_t shown = n < RUNNING ? n : RUNNING, over = 0, waiting = t.n[CULL_TRIAL_RUNNING] - n;
    t.n[CULL_TRIAL_RUNNING] = n;
    if (c->json) return say_status_json(c, st, &t, waiting, r, shown);
    printf("trials       %" PRId64, cull_study_trials(st));
    for (int k = 0; k <= CULL_TRIAL_LOST; k++) {
        if (k) over += t.n[k];
        if (t.n[k]) printf(", %" PRId64 " %s", t.n[k], cull_trial_state_name((cull_trial_state)k));
    }
    if (waiting) printf(", %" PRId64 " waiting to be run again", waiting);
    putchar('\n');
    printf("evaluations  %" PRId64 " count against the budget\n", cull_study_paid(st));
    if (cull_study_stopped(st)) puts("stopped      nothing more is asked; --resume goes on");
    if (over && t.last >= 1)
        printf("rate         %.3g an hour, in %.0f s\n", 3600 * (double)over / t.last, t.last);
    TRY(say_left(c, st, &t, over));
    say_running(r, shown);
    return say_best(c, st);
}

/* ---- best, export, report, stop; importance is in search_importance.c ---- */

static int best(cli *c, cull_study *st)
{
    TRY(check_outputs(c));
    TRY(c->json ? say_best_json(c, st) : say_best(c, st));
    return write_outputs(c, st);
}

static int export(cli *c, cull_study *st)
{
    TRY(check_outputs(c));
    for (int i = 0; i < c->outs; i++)
        TRY(check(c, cull_study_write(c->cx, st, NULL, 0, c->out[i])));
    return c->outs ? DONE : check(c, cull_study_write(c->cx, st, NULL, 0, "-"));
}

static int report(cli *c, cull_study *st)
{
    TRY(one_stdout(c));
    for (int i = 0; i < c->outs; i++) {
        char e[16];
        cull_file_ending(c->out[i], e);
        if (strcmp(c->out[i], "-") && strcmp(e, "html"))
            return fail(c, USAGE, "-o %s: the page of a search is written as .html", c->out[i]);
    }
    for (int i = 0; i < c->outs; i++) TRY(write_page(c, st, c->out[i]));
    return c->outs ? DONE : write_page(c, st, "-");
}

static int stop(cli *c, cull_study *st)
{
    TRY(check(c, cull_study_stop(st)));
    talk(c, "no more is asked for; what runs comes to its end. --resume goes on");
    return DONE;
}

static const struct {
    const char *name;
    int (*run)(cli *c, cull_study *st);
    bool json, files; /* it takes --json, -o */
} verbs[] = {{"status", status, true, false},
             {"best", best, true, true},
             {"export", export, false, true},
             {"report", report, false, true},
             {"importance", say_importance, true, false},
             {"stop", stop, false, false}};

int search_verb(const char *word)
{
    for (int i = 0; i < COUNT(verbs); i++)
        if (!strcmp(verbs[i].name, word)) return i;
    return -1;
}

int run_verb(cli *c, int verb)
{
    const char *name = verbs[verb].name;
    cull_study *st;
    if (c->rest >= 0) return fail(c, USAGE, "search %s runs no program", name);
    if (c->inputs != 2)
        return fail(c, USAGE, "search %s wants one store: cull search %s run.db", name, name);
    if (c->json && !verbs[verb].json)
        return fail(c, USAGE, "search %s has nothing to say as JSON", name);
    for (int i = 0; i < c->sets; i++) {
        static const char *const common[] = {"json",    "quiet", "verbose", "memory",
                                             "threads", "isa",   "tmpdir"};
        bool fine = (!strcmp(c->set[i].name, "out") && verbs[verb].files) ||
                    (!strcmp(c->set[i].name, "budget") && verbs[verb].run == status) ||
                    (!strcmp(c->set[i].name, "by") && verbs[verb].run == say_importance);
        for (int k = 0; k < COUNT(common); k++) fine |= !strcmp(c->set[i].name, common[k]);
        if (!fine) return fail(c, USAGE, "search %s has no use for --%s", name, c->set[i].name);
    }
    if (c->outs && !verbs[verb].files)
        return fail(c, USAGE, "search %s writes no file: it has no option -o", name);
    TRY(check(c, cull_study_reopen(c->cx, c->input[1], &st)));
    search_forget_password(c->input[1]);
    int rc = verbs[verb].run(c, st);
    cull_study_free(st);
    return rc;
}
