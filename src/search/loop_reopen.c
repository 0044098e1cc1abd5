/* loop_reopen.c - a study by its store alone: of what it is, who runs in it. See cull/evaluate.h. */
#include "search/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a store says of its study, read. Texts last as long as the store is open. */
typedef struct {
    cull_ctx *cx;
    const char *where;
    cull__json_parser *json;
    cull_space *space;
    const cull_method *method;
    cull_opts *opts;
    cull_search_problem p;
    cull_objective objective[CULL_OBJECTIVES];
    const char *constraint[CULL_OBJECTIVES];
} facts;

static cull_status unreadable(facts *f, const char *what)
{
    return cull__fail(f->cx, CULL_EINPUT, "%s: what it says of its study is damaged: %s", f->where,
                      what);
}

static cull_status parse(facts *f, const char *text, const char *what, cull__json_value *root)
{
    size_t n = strlen(text), at;
    const char *why;
    char *copy;
    CULL_TRY(CULL_TMP0(f->cx, copy, (int64_t)n + 64));
    memcpy(copy, text, n);
    if (!cull__json_parse(f->json, copy, n, root, &why, &at) ||
        cull__json_kind(*root) != CULL__JSON_OBJECT)
        return unreadable(f, what);
    return CULL_OK;
}

/* A copy of a string in the arena; NULL where it is none. */
static const char *text_of(facts *f, cull__json_value v)
{
    size_t n;
    char *copy;
    if (cull__json_kind(v) != CULL__JSON_STRING) return NULL;
    const char *s = cull__json_string(v, &n);
    if (CULL_TMP(f->cx, copy, (int64_t)n + 1) != CULL_OK) return NULL;
    memcpy(copy, s, n);
    copy[n] = 0;
    return copy;
}

static bool on_objective(void *arg, const char *key, size_t n, cull__json_value v)
{
    facts *f = arg;
    cull__json_value name, max;
    (void)key, (void)n;
    if (f->p.objectives == CULL_OBJECTIVES || cull__json_kind(v) != CULL__JSON_OBJECT ||
        !cull__json_get(v, "name", &name) || !cull__json_get(v, "maximize", &max))
        return false;
    cull_objective *o = &f->objective[f->p.objectives++];
    *o = (cull_objective){text_of(f, name), cull__json_truth(max)};
    return o->name;
}

static bool on_constraint(void *arg, const char *key, size_t n, cull__json_value v)
{
    facts *f = arg;
    (void)key, (void)n;
    if (f->p.constraints == CULL_OBJECTIVES) return false;
    return (f->constraint[f->p.constraints++] = text_of(f, v));
}

/* Which of the words it is; 0 where it is none. */
static int word_of(cull__json_value v, const char *const *word, int n)
{
    size_t k = 0;
    const char *s = cull__json_kind(v) == CULL__JSON_STRING ? cull__json_string(v, &k) : "";
    for (int i = 0; i < n; i++)
        if (strlen(word[i]) == k && !memcmp(word[i], s, k)) return i;
    return 0;
}

static void stop_of(cull__json_value stop, cull_stop *t)
{
    static const char *const kind[] = {"none", "median", "halving", "asha", "hyperband"};
    cull__json_value v;
    if (cull__json_get(stop, "kind", &v)) t->kind = (cull_stop_kind)word_of(v, kind, 5);
    if (cull__json_get(stop, "eta", &v)) cull__json_number(v, &t->eta);
    if (cull__json_get(stop, "first", &v)) cull__json_integer(v, &t->first);
    if (cull__json_get(stop, "last", &v)) cull__json_integer(v, &t->last);
    if (cull__json_get(stop, "anew", &v)) t->anew = cull__json_truth(v);
}

static cull_status problem_of(facts *f, const char *text)
{
    static const char *const again[] = {"never", "cached", "paid"};
    cull__json_value root, v;
    CULL_TRY(parse(f, text, "its problem", &root));
    f->p.space = f->space;
    f->p.objective = f->objective, f->p.constraint = f->constraint;
    if (!cull__json_get(root, "objectives", &v) || !cull__json_each(v, on_objective, f) ||
        !f->p.objectives)
        return unreadable(f, "its objectives");
    if (cull__json_get(root, "constraints", &v) && !cull__json_each(v, on_constraint, f))
        return unreadable(f, "its constraints");
    if (cull__json_get(root, "again", &v)) f->p.again = (cull_again)word_of(v, again, 3);
    if (cull__json_get(root, "replicates", &v)) cull__json_integer(v, &f->p.replicates);
    if (cull__json_get(root, "stop", &v) && cull__json_kind(v) == CULL__JSON_OBJECT)
        stop_of(v, &f->p.stop);
    if (cull__json_get(root, "id", &v)) f->p.id = text_of(f, v);
    return CULL_OK;
}

static bool on_option(void *arg, const char *key, size_t n, cull__json_value v)
{
    facts *f = arg;
    char name[80];
    const char *value = text_of(f, v);
    if (!value || n >= sizeof name) return false;
    memcpy(name, key, n);
    name[n] = 0;
    return cull_opts_set(f->cx, f->opts, name, value) == CULL_OK;
}

static cull_status method_of(facts *f, const cull__study_facts *there)
{
    cull__json_value root;
    f->method = cull_method_find(there->method, NULL);
    if (!f->method)
        return cull__fail(f->cx, CULL_EINPUT,
                          "%s: the study there is by %s, which this cull has not", f->where,
                          there->method);
    CULL_TRY(cull_opts_new(f->cx, f->method, &f->opts));
    CULL_TRY(parse(f, there->opts, "its options", &root));
    return cull__json_each(root, on_option, f) ? CULL_OK : unreadable(f, "its options");
}

static cull_status open_it(facts *f, const cull__study_facts *there, cull_study **out)
{
    CULL_TRY(cull__json_parser_new(f->cx, &f->json));
    CULL_TRY(cull_space_from(f->cx, there->space, strlen(there->space), f->where, &f->space));
    CULL_TRY(problem_of(f, there->problem));
    CULL_TRY(method_of(f, there));
    cull_ctx_reseed(f->cx, there->seed);
    CULL_TRY(cull__study_open_there(f->cx, &f->p, f->method, f->opts, f->where, out));
    (*out)->own_space = f->space;
    f->space = NULL;
    return CULL_OK;
}

cull_status cull_study_reopen(cull_ctx *cx, const char *store, cull_study **out)
{
    facts f = {.cx = cx, .where = store};
    cull__study_facts there = {0};
    cull__store *s = NULL;
    bool was = false;
    *out = NULL;
    if (!store || !*store)
        return cull__fail(cx, CULL_EINPUT, "a store is needed, and none is named");
    cull__mark_t m = cull__mark(cx);
    cull_status st = cull__store_open(cx, store, false, false, NULL, &was, &there, &s);
    if (st == CULL_OK) st = open_it(&f, &there, out);
    cull__store_close(s);
    cull_opts_free(f.opts);
    cull_space_free(f.space);
    cull__json_parser_free(f.json);
    cull__release(cx, m);
    return st;
}

const char *cull_search_default(cull_ctx *cx, const char *store, int64_t trials)
{
    const cull_method *m = cull_method_find(trials > 0 && trials <= 300 ? "gp" : "tpe", NULL);
    cull__study_facts there = {0};
    cull__store *s = NULL;
    bool was = false;
    if (!store || !*store) return m->slug;
    cull__mark_t mark = cull__mark(cx);
    if (cull__store_open(cx, store, false, false, NULL, &was, &there, &s) == CULL_OK && was) {
        const cull_method *its = cull_method_find(there.method, NULL);
        if (its) m = its;
    }
    cull__store_close(s);
    cull__release(cx, mark);
    return m->slug;
}

cull_status cull_study_refresh(cull_study *s) { return cull__study_read(s); }

const cull_method *cull_study_method(const cull_study *s, const cull_opts **opts, uint64_t *seed)
{
    if (opts) *opts = s->opts;
    if (seed) *seed = s->v.seed;
    return s->method;
}

/* ---- who runs ---- */

typedef struct {
    cull_study *s;
    cull_running *out;
    int64_t n;
} running;

static cull_status on_event(cull_ctx *cx, void *user, const cull__event *e)
{
    running *g = user;
    (void)cx;
    if (e->kind != CULL__ASKED || !e->worker) return CULL_OK;
    for (int64_t i = 0; i < g->n; i++) {
        if (g->out[i].number != e->trial) continue;
        snprintf(g->out[i].worker, sizeof g->out[i].worker, "%s", e->worker);
        g->out[i].seconds = g->s->latest - e->at;
    }
    return CULL_OK;
}

static cull_status mark_silent(cull_ctx *cx, running *g, cull__store *store)
{
    int64_t lost[64], n;
    CULL_TRY(cull__store_lost(cx, store, 60, lost, 64, &n));
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = 0; i < g->n; i++) g->out[i].silent |= g->out[i].number == lost[k];
    return CULL_OK;
}

cull_status cull_study_running(cull_ctx *cx, cull_study *s, cull_running *out, int64_t cap,
                               int64_t *n)
{
    running g = {.s = s, .out = out};
    cull__store *store = cull__study_store(s);
    *n = 0;
    for (int64_t i = 0; i < s->trials; i++) {
        const cull__trial *t = &s->trial[i];
        if (t->state != CULL_TRIAL_RUNNING || t->waits || (*n)++ >= cap) continue;
        out[g.n++] = (cull_running){.number = i, .seconds = s->latest - t->began};
    }
    if (!g.n || !store) return CULL_OK;
    CULL_TRY(cull__store_read(cx, store, 0, on_event, &g));
    return mark_silent(cx, &g, store);
}
