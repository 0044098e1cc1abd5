/* study_facts.c - what a study is, for its store; and points of an earlier space in a wider one. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "search/study.h"

/* ---- what it is ---- */

static void write_stop(cull_json *j, const cull_stop *t)
{
    static const char *const kind[] = {"none", "median", "halving", "asha", "hyperband"};
    cull__json_key(j, "stop");
    cull__json_open(j, '{');
    cull__json_key(j, "kind"), cull__json_str(j, kind[t->kind]);
    if (t->kind != CULL_STOP_NONE) {
        cull__json_key(j, "eta"), cull__json_f64(j, t->eta);
        cull__json_key(j, "first"), cull__json_i64(j, t->first);
        cull__json_key(j, "last"), cull__json_i64(j, t->last);
        cull__json_key(j, "anew"), cull__json_bool(j, t->anew);
    }
    cull__json_close(j, '}');
}

/* The parts that decide which sequence it is: budgets and retries may be other ones the next time. */
static const char *const part[] = {"objectives", "constraints", "again", "replicates",
                                   "stop",       "id",          "stats"};
enum { PARTS = sizeof part / sizeof *part, STATS = PARTS - 1 };

static void write_problem(cull_json *j, const cull_study *s)
{
    static const char *const again[] = {"never", "cached", "paid"};
    const cull_search_problem *p = &s->p;
    cull__json_open(j, '{');
    cull__json_key(j, part[0]);
    cull__json_open(j, '[');
    for (int i = 0; i < p->objectives; i++) {
        cull__json_open(j, '{');
        cull__json_key(j, "name"), cull__json_str(j, p->objective[i].name);
        cull__json_key(j, "maximize"), cull__json_bool(j, p->objective[i].maximize);
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
    cull__json_key(j, part[1]);
    cull__json_open(j, '[');
    for (int i = 0; i < p->constraints; i++) cull__json_str(j, p->constraint[i]);
    cull__json_close(j, ']');
    cull__json_key(j, part[2]), cull__json_str(j, again[p->again]);
    cull__json_key(j, part[3]), cull__json_i64(j, s->replicates);
    write_stop(j, &p->stop);
    cull__json_key(j, part[5]), cull__json_str(j, p->id);
    if (p->stats) { /* a study without has no such part */
        char hash[20];
        snprintf(hash, sizeof hash, "%016" PRIx64, cull__stats_hash(p->space, p->stats));
        cull__json_key(j, part[STATS]), cull__json_str(j, hash);
    }
    cull__json_close(j, '}');
}

static void write_opts(cull_json *j, const cull_study *s)
{
    char buf[80];
    cull__json_open(j, '{');
    for (const cull_opt *o = s->method->opts; o->name; o++) {
        cull__json_key(j, o->name);
        cull__json_str(j, cull_opts_get(s->opts, o->name, buf, sizeof buf));
    }
    cull__json_close(j, '}');
}

cull_status cull__facts_make(cull_study *s)
{
    cull_json p = {.b = CULL_BUF(s->cx)}, o = {.b = CULL_BUF(s->cx)};
    CULL_TRY(cull_space_text(s->cx, s->p.space, false, &s->facts_text[0]));
    write_problem(&p, s);
    s->facts_text[1] = p.b.at;
    CULL_TRY(p.b.status);
    write_opts(&o, s);
    s->facts_text[2] = o.b.at;
    CULL_TRY(o.b.status);
    s->facts = (cull__study_facts){.space = s->facts_text[0],
                                   .problem = s->facts_text[1],
                                   .method = s->method->slug,
                                   .opts = s->facts_text[2],
                                   .seed = s->v.seed,
                                   .width = s->v.width,
                                   .objectives = s->p.objectives,
                                   .constraints = s->p.constraints};
    return CULL_OK;
}

/* ---- whether it is the same ---- */

/* The value of a part in the text of write_problem: a quoted key with a colon stands nowhere else there. */
static const char *find_part(const char *json, int i, size_t *n)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s\":", part[i]);
    const char *at = strstr(json, key), *end = NULL;
    *n = 0;
    if (!at) return "";
    at += strlen(key);
    if (i + 1 < PARTS) {
        snprintf(key, sizeof key, ",\"%s\":", part[i + 1]);
        end = strstr(at, key);
    }
    *n = end ? (size_t)(end - at) : strlen(at) - (*at != 0);
    return at;
}

static cull_status differs(cull_study *s, const char *store, const char *what, const char *there,
                           size_t n, const char *here, size_t k)
{
    char a[80], b[80];
    return cull__fail(s->cx, CULL_EINPUT, "%s: the study there has other %s: %s, here %s", store,
                      what, cull__quote(there, n, a, sizeof a), cull__quote(here, k, b, sizeof b));
}

cull_status cull__facts_compare(cull_study *s, const char *store, const cull__study_facts *there)
{
    const cull__study_facts *mine = &s->facts;
    if (strcmp(mine->method, there->method))
        return cull__fail(s->cx, CULL_EINPUT, "%s: the study there is by %s, not by %s", store,
                          there->method, mine->method);
    for (int i = 0; i < PARTS; i++) {
        size_t n, k;
        const char *a = find_part(there->problem, i, &n), *b = find_part(mine->problem, i, &k);
        s->lacks_stats = i == STATS && n > 0 && k == 0;
        if (s->lacks_stats) continue;
        if (n != k || memcmp(a, b, n) != 0) return differs(s, store, part[i], a, n, b, k);
    }
    if (strcmp(mine->opts, there->opts))
        return differs(s, store, "options of the method", there->opts, strlen(there->opts),
                       mine->opts, strlen(mine->opts));
    if (mine->seed != there->seed)
        return cull__fail(s->cx, CULL_EINPUT, "%s: the study there has the seed %llu, not %llu",
                          store, (unsigned long long)there->seed, (unsigned long long)mine->seed);
    return CULL_OK;
}

/* ---- a wider space ---- */

cull_status cull__study_widened(cull_study *s, const char *text)
{
    cull_space_free(s->from);
    s->from = NULL;
    if (!strcmp(text, s->facts.space)) return CULL_OK;
    return cull_space_from(s->cx, text, strlen(text), "the space of the store", &s->from);
}

static cull_status map_one(cull_ctx *cx, const cull_space *from, const double *x, int old,
                           const cull_space *to, int i, double *y)
{
    size_t n = cull_space_value(from, x, old, NULL, 0);
    char *text;
    CULL_TRY(CULL_TMP(cx, text, (int64_t)n + 1));
    cull_space_value(from, x, old, text, n + 1);
    return cull_space_set(cx, to, i, text, y);
}

/* What the old space did not have is not there: only an optional part can be. */
static cull_status map_new(cull_ctx *cx, const cull_space *to, int i, double *y)
{
    const cull_space_param *p = cull_space_at(to, i);
    if (p->role == CULL_SPACE_OPTIONAL) {
        y[p->at] = 0;
        return CULL_OK;
    }
    return cull__fail(cx, CULL_EINPUT,
                      "'%s' is new and the study's points have no value of it: a parameter that is "
                      "added must be optional",
                      p->name);
}

cull_status cull__space_map(cull_ctx *cx, const cull_space *from, const double *x,
                            const cull_space *to, double *y)
{
    for (int64_t j = 0; j < cull_space_width(to); j++) y[j] = NAN;
    for (int i = 0; i < cull_space_params(to); i++) {
        const char *name = cull_space_at(to, i)->name;
        int old = cull_space_find(from, name);
        bool had = old >= 0 && cull_space_active(from, x, old);
        bool has = cull_space_active(to, y, i);
        if (had && !has)
            return cull__fail(cx, CULL_EINPUT,
                              "'%s' has a value in the study's points where the space now has none",
                              name);
        if (has) CULL_TRY(had ? map_one(cx, from, x, old, to, i, y) : map_new(cx, to, i, y));
    }
    for (int i = 0; i < cull_space_params(from); i++) {
        const char *name = cull_space_at(from, i)->name;
        if (cull_space_active(from, x, i) && cull_space_find(to, name) < 0)
            return cull__fail(cx, CULL_EINPUT,
                              "the study's points have a value of '%s', which the space lacks now",
                              name);
    }
    return cull_space_check(cx, to, y);
}
