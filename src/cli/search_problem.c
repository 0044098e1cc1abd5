/* search_problem.c - from the options of cull search to a problem, a method and an evaluator. */
#include "cull/text.h"
#include "search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

typedef struct {
    search *s;
    const char *option;
    char *at; /* where copies go */
} naming;

static bool named(const search *s, const char *name)
{
    for (int i = 0; i < s->p.objectives; i++)
        if (!strcmp(s->objective[i].name, name)) return true;
    for (int i = 0; i < s->p.constraints; i++)
        if (!strcmp(s->constraint[i], name)) return true;
    return false;
}

static int add_name(cli *c, const char *part, void *arg)
{
    naming *g = arg;
    search *s = g->s;
    bool constraint = !strcmp(g->option, "constraint");
    int *n = constraint ? &s->p.constraints : &s->p.objectives;
    if (!*part) return fail(c, USAGE, "--%s has an empty name", g->option);
    if (named(s, part)) return fail(c, USAGE, "'%s' is named twice", part);
    if (*n == CULL_OBJECTIVES)
        return fail(c, USAGE, "--%s: more than %d names", g->option, CULL_OBJECTIVES);
    strcpy(g->at, part);
    if (constraint)
        s->constraint[*n] = g->at;
    else
        s->objective[*n] = (cull_objective){g->at, !strcmp(g->option, "maximize")};
    g->at += strlen(part) + 1;
    ++*n;
    return DONE;
}

static int names_of(search *s)
{
    static const char *const option[] = {"minimize", "maximize", "constraint"};
    size_t bytes = 1;
    for (int i = 0; i < COUNT(option); i++) bytes += strlen(value_of(s->c, option[i], "")) + 1;
    s->names = malloc(bytes);
    if (!s->names) return fail(s->c, FAILED, "out of memory");
    naming g = {.s = s, .at = s->names};
    for (int i = 0; i < COUNT(option); i++) {
        const char *v = value_of(s->c, option[i], NULL);
        g.option = option[i];
        if (v) TRY(each_part(s->c, v, add_name, &g));
    }
    s->p.objective = s->objective;
    s->p.constraint = s->constraint;
    if (s->p.objectives) return DONE;
    return fail(s->c, USAGE,
                "search wants to know what is told: --minimize NAMES, --maximize NAMES");
}

/* ---- columns ---- */

typedef struct {
    const char *part[256];
    int n;
} parts;

static int add_part(cli *c, const char *part, void *arg)
{
    parts *p = arg;
    if (p->n == COUNT(p->part)) return fail(c, USAGE, "more than %d columns", COUNT(p->part));
    p->part[p->n] = strdup(part);
    return p->part[p->n++] ? DONE : fail(c, FAILED, "out of memory");
}

static void parts_free(parts *p)
{
    for (int i = 0; i < p->n; i++) free((char *)p->part[i]);
}

/* What is known of designs without evaluating them. */
static int stats_of(search *s)
{
    cli *c = s->c;
    const char *path = value_of(c, "stats", NULL), *names = value_of(c, "stats-columns", NULL);
    parts p = {.n = 0};
    if (!path && names) return fail(c, USAGE, "--stats-columns is of --stats, which is not given");
    if (!path) return DONE;
    if (!names)
        return fail(c, USAGE,
                    "--stats wants --stats-columns NAMES: its columns of numbers, as flops,params");
    int rc = each_part(c, names, add_part, &p);
    if (rc == DONE)
        rc = check(c, cull_search_stats_open(c->cx, s->space, path, p.part, p.n,
                                             value_of(c, "key", NULL), &s->stats));
    parts_free(&p);
    s->p.stats = s->stats;
    return rc;
}

/* ---- limits and rules ---- */

static int rungs_of(search *s, cull_stop *t)
{
    cli *c = s->c;
    const char *v = value_of(c, "rungs", NULL), *dots = v ? strstr(v, "..") : NULL;
    char first[32];
    double lo, hi;
    if (!v) return fail(c, USAGE, "--stop wants --rungs FIRST..LAST: steps, as 1..81");
    snprintf(first, sizeof first, "%.*s", dots ? (int)(dots - v) : 0, v);
    if (!dots || !cull_parse_number(first, &lo) || !cull_parse_number(dots + 2, &hi) || lo < 1 ||
        hi < lo || hi > 1e15 || lo != floor(lo) || hi != floor(hi))
        return fail(c, USAGE, "--rungs '%s' is not FIRST..LAST, whole steps from 1, as 1..81", v);
    t->first = (int64_t)lo, t->last = (int64_t)hi;
    return DONE;
}

static int stop_of(search *s)
{
    cli *c = s->c;
    static const cull_stop_kind kind[] = {CULL_STOP_MEDIAN, CULL_STOP_HALVING, CULL_STOP_ASHA,
                                          CULL_STOP_HYPERBAND};
    cull_stop *t = &s->p.stop;
    int which;
    if (!has(c, "stop")) {
        static const char *const of[] = {"rungs", "eta", "anew"};
        for (int i = 0; i < COUNT(of); i++)
            if (has(c, of[i]))
                return fail(c, USAGE, "--%s is of --stop, which is not given", of[i]);
        return DONE;
    }
    TRY(choice_of(c, "stop", NULL, "median|halving|asha|hyperband", &which));
    t->kind = kind[which];
    TRY(number_of(c, "eta", 0, 1.01, 100, false, &t->eta));
    t->anew = has(c, "anew") || t->kind == CULL_STOP_HALVING;
    return rungs_of(s, t);
}

static int limits_of(search *s)
{
    cli *c = s->c;
    double v;
    int again;
    TRY(number_of(c, "budget", 0, 1, 1e9, true, &v));
    s->p.trials = (int64_t)v;
    TRY(number_of(c, "cost-budget", 0, 0, 1e300, false, &s->p.cost));
    TRY(seconds_of(c, "time", 0, &s->p.seconds));
    TRY(number_of(c, "replicates", 0, 1, 1e6, true, &v));
    s->p.replicates = (int64_t)v;
    TRY(number_of(c, "retries", 0, 0, 1e6, true, &v));
    s->p.retries = (int64_t)v;
    TRY(choice_of(c, "again", "never", "never|cached|paid", &again));
    s->p.again = again == 0 ? CULL_AGAIN_NEVER : again == 1 ? CULL_AGAIN_CACHED : CULL_AGAIN_PAID;
    return stop_of(s);
}

/* ---- the method ---- */

static int method_of_search(search *s)
{
    cli *c = s->c;
    const char *near = NULL, *name = value_of(c, "method", NULL);
    if (!name) name = cull_search_default(c->cx, value_of(c, "store", NULL), s->p.trials);
    s->method = cull_method_find(name, &near);
    if (!s->method && near)
        return fail(c, USAGE, "there is no method '%s'; did you mean %s?", name, near);
    if (!s->method) return fail(c, USAGE, "there is no method '%s'; see cull list search", name);
    if (s->method->task != CULL_TASK_SEARCH)
        return fail(c, USAGE, "%s is a method of task %s; see cull list search", s->method->slug,
                    cull_task_name(s->method->task));
    TRY(only_options_of(c, s->method));
    return method_options(c, c->cx, s->method, true, &s->opts);
}

/* A space without a list of its points is not searched to its end. */
static int has_end(search *s)
{
    cli *c = s->c;
    if (s->p.trials || s->p.seconds > 0 || s->p.cost > 0) return DONE;
    for (int i = 0; i < cull_space_params(s->space); i++) {
        const cull_space_param *p = cull_space_at(s->space, i);
        if (p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_SIMPLEX || s->p.again)
            return fail(
                c, USAGE,
                "search wants to know when to end: --budget N, --time TIME or --cost-budget "
                "X");
    }
    return DONE;
}

/* `cull search statsu run.db` */
static int is_no_space(cli *c)
{
    static const char *const verb[] = {"status", "best", "export", "stop"};
    const char *near = c->rest < 0 && !file_exists(c->input[0])
                           ? cull_nearest(c->input[0], verb, COUNT(verb))
                           : NULL;
    if (!near) return DONE;
    return fail(c, USAGE, "there is no space '%s'; did you mean cull search %s?", c->input[0],
                near);
}

int search_problem(search *s)
{
    cli *c = s->c;
    if (c->rest == 0)
        return fail(c, USAGE, "search wants a space before the --: %s", c->cmd->usage);
    TRY(is_no_space(c));
    int files = c->rest < 0 ? c->inputs : c->rest;
    if (files > 1)
        return fail(c, USAGE,
                    "search reads one space, and cannot use '%s'; a program stands behind --",
                    c->input[1]);
    TRY(names_of(s));
    TRY(limits_of(s));
    TRY(check(c, cull_space_open(c->cx, c->input[0], &s->space)));
    s->p.space = s->space;
    TRY(has_end(s));
    TRY(stats_of(s));
    return method_of_search(s);
}

/* ---- the evaluator ---- */

/* What the results depend on besides: words, one blank between two. */
static int id_of(search *s, const char *const *word, int n)
{
    size_t bytes = 1, at = 0;
    const char *given = value_of(s->c, "id", NULL);
    for (int i = 0; i < n; i++) bytes += strlen(word[i]) + 1;
    s->p.id = given;
    if (given) return DONE;
    s->id = malloc(bytes);
    if (!s->id) return fail(s->c, FAILED, "out of memory");
    s->id[0] = 0;
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(s->id + at, bytes - at, "%s%s", i ? " " : "", word[i]);
    s->p.id = s->id;
    return DONE;
}

static int refuse(search *s, const char *const *option, int n, const char *of)
{
    for (int i = 0; i < n; i++)
        if (has(s->c, option[i])) return fail(s->c, USAGE, "--%s is of %s", option[i], of);
    return DONE;
}

static int program(search *s)
{
    cli *c = s->c;
    cull_command_opts o = CULL_COMMAND_OPTS;
    static const char *const other[] = {"columns", "cost-column", "step-columns",
                                        "nearest", "mean",        "key"};
    int others = COUNT(other) - has(c, "stats"); /* which has a key too */
    int n = c->rest < 0 ? 0 : c->inputs - c->rest;
    if (!n)
        return fail(c, USAGE,
                    "search wants to know who evaluates: a program behind --, or --table FILE");
    TRY(refuse(s, other, others, "--table, and a program is given"));
    TRY(seconds_of(c, "timeout", 0, &o.timeout));
    TRY(seconds_of(c, "grace", 0, &o.grace));
    o.stay = has(c, "stay");
    o.dir = value_of(c, "dir", NULL);
    TRY(id_of(s, c->input + c->rest, n));
    c->input[c->inputs] = NULL; /* there is room: one more than words on the command line */
    o.argv = c->input + c->rest;
    o.path = getenv("PATH");
    return check(c, cull_evaluate_command(c->cx, &s->p, &o, &s->evaluator));
}

static int open_table(search *s, const char *path, parts *columns, parts *steps)
{
    cli *c = s->c;
    cull_table_opts o = CULL_TABLE_OPTS;
    const char *names = value_of(c, "columns", NULL), *way = value_of(c, "step-columns", NULL);
    if (names) TRY(each_part(c, names, add_part, columns));
    if (way) TRY(each_part(c, way, add_part, steps));
    if (names) o.column = columns->part, o.columns = columns->n;
    if (way) o.step = steps->part, o.steps = steps->n;
    o.key = value_of(c, "key", NULL);
    o.cost = value_of(c, "cost-column", NULL);
    o.nearest = has(c, "nearest");
    o.mean = has(c, "mean");
    return check(c, cull_evaluate_table(c->cx, &s->p, path, &o, &s->evaluator));
}

int search_evaluator(search *s)
{
    cli *c = s->c;
    const char *path = value_of(c, "table", NULL);
    static const char *const other[] = {"timeout", "grace", "stay", "dir"};
    parts columns = {.n = 0}, steps = {.n = 0};
    if (!path) return program(s);
    if (c->rest >= 0)
        return fail(c, USAGE, "a program and a --table are given; one of them evaluates");
    TRY(refuse(s, other, COUNT(other), "a program, and a --table is given"));
    TRY(id_of(s, &path, 1));
    int rc = open_table(s, path, &columns, &steps);
    parts_free(&columns);
    parts_free(&steps);
    return rc;
}

void search_free(search *s)
{
    cull_evaluator_free(s->evaluator);
    cull_study_free(s->study);
    cull_search_stats_free(s->stats);
    cull_opts_free(s->opts);
    cull_space_free(s->space);
    free(s->names);
    free(s->id);
}

/* ---- the password of a store ---- */

static void cut_out(char *from, char *to)
{
    size_t tail = strlen(to), n = (size_t)(to - from);
    memmove(from, to, tail);
    memset(from + tail, 0, n); /* ps shows these bytes */
}

void search_forget_password(const char *store)
{
    char *user = store ? strstr(store, "://") : NULL;
    if (!user) return;
    user += 3;
    char *at = user + strcspn(user, "@/"), *colon = memchr(user, ':', (size_t)(at - user));
    if (*at == '@' && colon) cut_out(colon, at);
    char *key = strstr(user, "password=");
    if (key) cut_out(key + 9, key + 9 + strcspn(key + 9, "&"));
}
