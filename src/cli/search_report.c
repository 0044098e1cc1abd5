/* search_report.c - what cull search says: the line while it runs, the best points, files. */
#include "cull/search_report.h"
#include "cull/report.h"
#include "cull/text.h"
#include "job.h"
#include "search.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 20, WIDE = 12 };
static const double LINE_EVERY = 60; /* seconds, where there is no terminal */

/* ---- numbers of trials ---- */

int search_tally(cli *c, cull_study *st, tally *out)
{
    cull_trial t;
    *out = (tally){{0}, 0};
    for (int64_t i = 0; i < cull_study_trials(st); i++) {
        TRY(check(c, cull_study_trial(st, i, &t)));
        out->n[t.state]++;
        if (t.state != CULL_TRIAL_RUNNING) out->last = fmax(out->last, t.ended);
    }
    return DONE;
}

static int by_first(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : x[1] < y[1] ? -1 : x[1] > y[1];
}

static int sort_best(cli *c, cull_study *st, int64_t *idx, int64_t n)
{
    const cull_search_problem *p = cull_study_problem(st);
    double(*key)[2] = calloc((size_t)n + 1, sizeof *key);
    cull_trial t;
    if (!key) return fail(c, FAILED, "out of memory");
    for (int64_t i = 0; i < n; i++) {
        bool known = cull_study_trial(st, idx[i], &t) == CULL_OK;
        double v = known ? t.mean[0] : 0;
        key[i][0] = p->objective[0].maximize ? -v : v;
        key[i][1] = (double)idx[i];
    }
    qsort(key, (size_t)n, sizeof *key, by_first);
    for (int64_t i = 0; i < n; i++) idx[i] = (int64_t)key[i][1];
    free(key);
    return DONE;
}

int search_best(cli *c, cull_study *st, int64_t **idx, int64_t *n)
{
    *n = 0;
    *idx = calloc((size_t)cull_study_trials(st) + 1, sizeof **idx);
    if (!*idx) return fail(c, FAILED, "out of memory");
    int rc = check(c, cull_study_best(st, *idx, n));
    if (rc == DONE) rc = sort_best(c, st, *idx, *n);
    if (rc == DONE) return DONE;
    free(*idx);
    *idx = NULL;
    return rc;
}

/* ---- while it runs ---- */

const char *search_span(double seconds, char buf[40])
{
    if (seconds < 3600)
        snprintf(buf, 40, "%d:%02d", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(buf, 40, "%.0f:%02d h", floor(seconds / 3600), (int)fmod(seconds, 3600) / 60);
    return buf;
}

static void time_left(const search *s, double passed, char buf[60])
{
    char span[40];
    double left = INFINITY;
    int64_t paid = cull_study_paid(s->study);
    buf[0] = 0;
    if (s->here > 0 && s->p.trials > 0)
        left = passed / (double)s->here * (double)(s->p.trials > paid ? s->p.trials - paid : 0);
    if (s->p.seconds > 0) left = fmin(left, fmax(0, s->p.seconds - passed));
    if (!isfinite(left) || passed < 1) return;
    snprintf(buf, 60, ", %s left", search_span(left, span));
}

void search_count(search *s)
{
    cull_trial t;
    int64_t ended = s->settled, failed = s->settled_failed, n = cull_study_trials(s->study);
    for (int64_t i = s->settled; i < n && cull_study_trial(s->study, i, &t) == CULL_OK; i++) {
        if (t.state == CULL_TRIAL_RUNNING) continue;
        failed += t.state != CULL_TRIAL_DONE && t.state != CULL_TRIAL_STOPPED;
        if (ended++ == i) s->settled = ended, s->settled_failed = failed;
    }
    s->ended = ended, s->failed = failed;
}

void search_progress(void *user, char *text, size_t size)
{
    search *s = user;
    search_count(s);
    char left[60], of[32] = "", best[100] = "", failed[40] = "", rate[40] = "";
    double passed = seconds_now() - s->began;
    int64_t running = cull_study_trials(s->study) - s->ended;
    time_left(s, passed, left);
    if (s->p.trials) snprintf(of, sizeof of, " of %" PRId64, s->p.trials);
    if (s->failed) snprintf(failed, sizeof failed, ", %" PRId64 " failed", s->failed);
    if (*s->best) snprintf(best, sizeof best, ", best %s", s->best);
    if (s->here && passed > 1) {
        double r = (double)s->here / passed;
        snprintf(rate, sizeof rate, r >= 1 ? ", %.1f/s" : ", %.1f/min", r >= 1 ? r : 60 * r);
    }
    snprintf(text, size, "%" PRId64 "%s trials, %" PRId64 " running%s%s%s%s", s->ended, of, running,
             failed, best, rate, left);
}

/* One objective: its best value. Several: how many are on the front. A signal that stops this is the loop's to hear: no failure
 * is said here. */
static void note_best(search *s)
{
    int64_t n = 0, *idx = calloc((size_t)cull_study_trials(s->study) + 1, sizeof *idx);
    cull_trial t;
    char v[32];
    if (!idx || cull_study_best(s->study, idx, &n) != CULL_OK) n = 0;
    if (n && s->p.objectives > 1)
        snprintf(s->best, sizeof s->best, "%" PRId64 " of %d objectives", n, s->p.objectives);
    else if (n && cull_study_trial(s->study, idx[0], &t) == CULL_OK)
        snprintf(s->best, sizeof s->best, "%s %s", s->p.objective[0].name,
                 cull_format_number(t.mean[0], v));
    free(idx);
}

void search_told(void *user, const cull_study *st, const cull_trial *t)
{
    search *s = user;
    char text[256];
    double now = seconds_now();
    (void)st;
    if (t->state == CULL_TRIAL_RUNNING) return; /* it is tried again */
    bool good = t->state == CULL_TRIAL_DONE || t->state == CULL_TRIAL_STOPPED;
    int64_t said = s->ended++;
    s->here++;
    s->failed += !good;
    /* looking for the best takes a pass: seldom, the more there are */
    if (good && (said < 100 || said % (said / 50) == 0)) note_best(s);
    if (now - s->said < LINE_EVERY || text_flags(stderr)) return;
    s->said = now;
    search_progress(s, text, sizeof text);
    talk(s->c, "%s", text);
}

/* ---- the best points ---- */

static int point_text(cli *c, const cull_search_problem *p, const double *x, char **out)
{
    return check(c, cull_space_format(c->cx, p->space, x, out));
}

/* The table's numbers: objectives, then constraints. */
static const char *number_at(const cull_search_problem *p, const cull_trial *t, int i, char v[32])
{
    int k = i - p->objectives;
    return cull_format_number(k < 0 ? t->mean[i] : t->violation[k], v);
}

static const char *name_at(const cull_search_problem *p, int i)
{
    return i < p->objectives ? p->objective[i].name : p->constraint[i - p->objectives];
}

static int letters(const char *s)
{
    int n = 0;
    for (; *s; s++) n += (*s & 0xc0) != 0x80; /* of UTF-8 each first byte */
    return n;
}

static void say_cell(const char *text, int wide)
{
    printf("  %*s%s", wide - letters(text), "", text);
}

static int say_row(cli *c, cull_study *st, int64_t number, const int *wide)
{
    const cull_search_problem *p = cull_study_problem(st);
    cull_trial t;
    char *text, v[32];
    TRY(check(c, cull_study_trial(st, number, &t)));
    printf("%6" PRId64, number);
    for (int i = 0; i < p->objectives + p->constraints; i++)
        say_cell(number_at(p, &t, i, v), wide[i]);
    TRY(point_text(c, p, t.x, &text));
    printf("  %s\n", text);
    cull_text_free(text);
    return DONE;
}

static int widths(cli *c, cull_study *st, const int64_t *idx, int64_t n, int *wide)
{
    const cull_search_problem *p = cull_study_problem(st);
    int columns = p->objectives + p->constraints;
    cull_trial t;
    char v[32];
    for (int i = 0; i < columns; i++) wide[i] = letters(name_at(p, i));
    for (int64_t k = 0; k < n; k++) {
        TRY(check(c, cull_study_trial(st, idx[k], &t)));
        for (int i = 0; i < columns; i++) {
            int w = letters(number_at(p, &t, i, v));
            if (w > wide[i]) wide[i] = w;
        }
    }
    for (int i = 0; i < columns; i++)
        if (wide[i] < WIDE) wide[i] = WIDE;
    return DONE;
}

static bool keeps_all(cull_study *st, int64_t number)
{
    const cull_search_problem *p = cull_study_problem(st);
    cull_trial t;
    bool all = cull_study_trial(st, number, &t) == CULL_OK;
    for (int i = 0; all && i < p->constraints; i++) all = t.violation[i] <= 0;
    return all;
}

static int say_rows(cli *c, cull_study *st, int64_t *idx, int64_t n)
{
    const cull_search_problem *p = cull_study_problem(st);
    int wide[2 * CULL_OBJECTIVES];
    int64_t rows = n < ROWS ? n : ROWS;
    if (!n) {
        puts("no trial has a result yet");
        return DONE;
    }
    TRY(widths(c, st, idx, rows, wide));
    printf("%6s", "trial");
    for (int i = 0; i < p->objectives + p->constraints; i++) say_cell(name_at(p, i), wide[i]);
    puts("  point");
    for (int64_t i = 0; i < rows; i++) TRY(say_row(c, st, idx[i], wide));
    if (n > ROWS) printf("... and %" PRId64 " more; -o FILE has all\n", n - ROWS);
    if (!keeps_all(st, idx[0]))
        puts("no trial keeps all constraints; shown is what breaks them least");
    return DONE;
}

int say_best(cli *c, cull_study *st)
{
    int64_t *idx, n;
    for (int i = 0; i < c->outs; i++)
        if (!strcmp(c->out[i], "-")) return DONE;
    TRY(search_best(c, st, &idx, &n));
    int rc = say_rows(c, st, idx, n);
    free(idx);
    return rc;
}

/* ---- as JSON ---- */

static void json_value(const cull_space *s, const double *x, int i)
{
    const cull_space_param *p = cull_space_at(s, i);
    char small[256], *text = small;
    if (p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT) {
        say_json_number(stdout, x[p->at]);
        return;
    }
    size_t n = cull_space_value(s, x, i, small, sizeof small);
    if (n >= sizeof small && (text = malloc(n + 1))) cull_space_value(s, x, i, text, n + 1);
    say_json(stdout, text ? text : "");
    if (text != small) free(text);
}

static void json_trial(const cull_search_problem *p, const cull_trial *t, bool first)
{
    bool comma = false;
    printf("%s{\"trial\":%" PRId64 ",\"point\":{", first ? "" : ",\n", t->number);
    for (int i = 0; i < cull_space_params(p->space); i++) {
        if (!cull_space_active(p->space, t->x, i)) continue;
        if (comma) putchar(',');
        comma = true;
        say_json(stdout, cull_space_at(p->space, i)->name);
        putchar(':');
        json_value(p->space, t->x, i);
    }
    fputs("},\"values\":{", stdout);
    for (int i = 0; i < p->objectives; i++) {
        if (i) putchar(',');
        say_json(stdout, p->objective[i].name);
        putchar(':');
        say_json_number(stdout, t->mean[i]);
    }
    fputs("},\"constraints\":{", stdout);
    for (int i = 0; i < p->constraints; i++) {
        if (i) putchar(',');
        say_json(stdout, p->constraint[i]);
        putchar(':');
        say_json_number(stdout, t->violation[i]);
    }
    fputs("}}", stdout);
}

void say_tally_json(cull_study *st, const tally *t)
{
    printf("{\"trials\":%" PRId64 ",\"paid\":%" PRId64, cull_study_trials(st), cull_study_paid(st));
    for (int k = 0; k <= CULL_TRIAL_LOST; k++)
        printf(",\"%s\":%" PRId64, cull_trial_state_name((cull_trial_state)k), t->n[k]);
}

int say_points_json(cli *c, cull_study *st, const int64_t *idx, int64_t n)
{
    cull_trial t;
    fputs(",\"best\":[\n", stdout);
    for (int64_t i = 0; i < n; i++) {
        TRY(check(c, cull_study_trial(st, idx[i], &t)));
        json_trial(cull_study_problem(st), &t, !i);
    }
    puts("]}");
    return DONE;
}

int say_best_json(cli *c, cull_study *st)
{
    int64_t *idx, n;
    tally all;
    TRY(search_tally(c, st, &all));
    TRY(search_best(c, st, &idx, &n));
    say_tally_json(st, &all);
    int rc = say_points_json(c, st, idx, n);
    free(idx);
    return rc;
}

/* ---- files ---- */

static int check_form(cli *c, const char *option, const char *path)
{
    static const char *const form[] = {"csv", "tsv", "jsonl", "json"};
    char e[16];
    if (!strcmp(path, "-")) return DONE;
    cull_file_ending(path, e);
    for (int i = 0; i < COUNT(form); i++)
        if (!strcmp(form[i], e)) return check_writable(c, path);
    return fail(c, USAGE, "%s %s: trials are written as .csv, .tsv, .jsonl or .json", option, path);
}

static bool is_page(const char *path)
{
    char e[16];
    cull_file_ending(path, e);
    return !strcmp(e, "html");
}

int check_outputs(cli *c)
{
    const char *log = value_of(c, "log", NULL);
    TRY(one_stdout(c));
    for (int i = 0; i < c->outs; i++)
        TRY(is_page(c->out[i]) ? check_writable(c, c->out[i]) : check_form(c, "-o", c->out[i]));
    return log ? check_form(c, "--log", log) : DONE;
}

int write_page(cli *c, cull_study *st, const char *path)
{
    cull_search_report r = CULL_SEARCH_REPORT;
    double workers;
    TRY(number_of(c, "workers", 0, 1, 1024, true, &workers));
    r.study = st;
    r.workers = (int)workers;
    r.argv = (const char *const *)c->whole;
    r.argc = c->wholes;
    return check(c, cull_search_write(c->cx, &r, path));
}

int write_outputs(cli *c, cull_study *st)
{
    int64_t *idx, n;
    const char *log = value_of(c, "log", NULL);
    if (c->outs) {
        TRY(search_best(c, st, &idx, &n));
        int rc = DONE;
        for (int i = 0; rc == DONE && i < c->outs; i++)
            rc = is_page(c->out[i]) ? write_page(c, st, c->out[i])
                                    : check(c, cull_study_write(c->cx, st, idx, n, c->out[i]));
        free(idx);
        TRY(rc);
    }
    return log ? check(c, cull_study_write(c->cx, st, NULL, 0, log)) : DONE;
}
