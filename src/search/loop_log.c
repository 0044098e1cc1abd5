/* loop_log.c - trials as rows of csv, tsv, jsonl or json, which cull_study_import reads. See cull/evaluate.h. */
#include "search/loop.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What stands beside a trial's point and values. */
typedef enum {
    TRIAL,
    STATE,
    COST,
    BEGAN,
    ENDED,
    STEPS,
    BUDGET,
    REPLICATE,
    WORKER,
    NOTE,
    MORE
} more;
static const char *const more_name[] = {"trial", "state",  "cost",      "began",  "ended",
                                        "steps", "budget", "replicate", "worker", "note"};

typedef struct {
    cull_ctx *cx;
    cull_study *s;
    const cull_search_problem *p;
    bool lines; /* objects: jsonl, or json */
    bool array; /* json */
    char comma;
    bool with[MORE];     /* the study has no name like it */
    const char **worker; /* trials; NULL = nothing is known */
    cull_json j;
    bool first; /* of its row */
} logged;

static bool taken(const cull_search_problem *p, const char *name)
{
    bool is = cull_space_find(p->space, name) >= 0;
    for (int i = 0; i < p->objectives; i++) is |= !strcmp(p->objective[i].name, name);
    for (int i = 0; i < p->constraints; i++) is |= !strcmp(p->constraint[i], name);
    return is;
}

/* ---- cells ---- */

static void plain(logged *l, const char *s)
{
    cull_buf *b = &l->j.b;
    if (!l->first) cull__buf_add(b, &l->comma, 1);
    l->first = false;
    bool quote = strpbrk(s, "\"\n\r") || strchr(s, l->comma);
    if (!quote) {
        cull__buf_add(b, s, strlen(s));
        return;
    }
    cull__buf_add(b, "\"", 1);
    for (; *s; s++) cull__buf_add(b, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
    cull__buf_add(b, "\"", 1);
}

static void cell(logged *l, const char *name, const char *text)
{
    if (!l->lines) {
        plain(l, text);
    } else if (*text) {
        cull__json_key(&l->j, name);
        cull__json_str(&l->j, text);
    }
}

static void number(logged *l, const char *name, double v)
{
    char buf[32];
    if (!l->lines) {
        plain(l, isnan(v) ? "" : cull__format_f64(v, buf));
    } else if (!isnan(v)) { /* a constraint may be infinite, which JSON has no number for */
        cull__json_key(&l->j, name);
        if (isfinite(v))
            cull__json_f64(&l->j, v);
        else
            cull__json_str(&l->j, v > 0 ? "inf" : "-inf");
    }
}

static cull_status parameter(logged *l, const cull_trial *t, int i)
{
    const cull_space_param *p = cull_space_at(l->p->space, i);
    char small[256], *text = small;
    size_t n = cull_space_value(l->p->space, t->x, i, small, sizeof small);
    if (n && (p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT)) {
        number(l, p->name, t->x[p->at]);
        return CULL_OK;
    }
    if (n >= sizeof small) {
        CULL_TRY(CULL_TMP(l->cx, text, (int64_t)n + 1));
        cull_space_value(l->p->space, t->x, i, text, n + 1);
    }
    cell(l, p->name, text);
    return CULL_OK;
}

static void one_more(logged *l, const cull_trial *t, more what)
{
    const char *name = more_name[what];
    bool over = t->state != CULL_TRIAL_RUNNING;
    if (!l->with[what]) return;
    switch (what) {
    case TRIAL: number(l, name, (double)t->number); break;
    case STATE: cell(l, name, cull_trial_state_name(t->state)); break;
    case COST: number(l, name, t->cost); break;
    case BEGAN: number(l, name, t->began); break;
    case ENDED: number(l, name, over ? t->ended : NAN); break;
    case STEPS: number(l, name, (double)t->steps); break;
    case BUDGET: number(l, name, (double)t->budget); break;
    case REPLICATE: number(l, name, t->replicate); break;
    case WORKER: cell(l, name, l->worker[t->number] ? l->worker[t->number] : ""); break;
    case NOTE: cell(l, name, t->note ? t->note : ""); break;
    case MORE: break;
    }
}

static cull_status row(logged *l, const cull_trial *t)
{
    l->first = true;
    l->j.b.n = 0;
    if (l->lines) cull__json_open(&l->j, '{');
    one_more(l, t, TRIAL);
    one_more(l, t, STATE);
    for (int i = 0; i < cull_space_params(l->p->space); i++) CULL_TRY(parameter(l, t, i));
    for (int i = 0; i < l->p->objectives; i++) number(l, l->p->objective[i].name, t->value[i]);
    bool valued = isfinite(t->value[0]);
    for (int i = 0; i < l->p->constraints; i++)
        number(l, l->p->constraint[i], valued ? t->violation[i] : NAN);
    for (more k = COST; k < MORE; k++) one_more(l, t, k);
    if (l->lines) {
        cull__json_close(&l->j, '}');
        l->j.comma[0] = false;
    }
    cull__buf_add(&l->j.b, "\n", 1);
    return l->j.b.status;
}

static cull_status header(logged *l)
{
    l->first = true;
    for (more k = TRIAL; k <= STATE; k++)
        if (l->with[k]) plain(l, more_name[k]);
    for (int i = 0; i < cull_space_params(l->p->space); i++)
        plain(l, cull_space_at(l->p->space, i)->name);
    for (int i = 0; i < l->p->objectives; i++) plain(l, l->p->objective[i].name);
    for (int i = 0; i < l->p->constraints; i++) plain(l, l->p->constraint[i]);
    for (more k = COST; k < MORE; k++)
        if (l->with[k]) plain(l, more_name[k]);
    cull__buf_add(&l->j.b, "\n", 1);
    return l->j.b.status;
}

/* ---- who: what the study itself does not keep ---- */

static cull_status on_event(cull_ctx *cx, void *user, const cull__event *e)
{
    logged *l = user;
    if (e->trial < 0 || e->trial >= l->s->trials) return CULL_OK;
    const char **w = &l->worker[e->trial];
    char *copy;
    if (e->kind != CULL__ASKED || !e->worker || (*w && !strcmp(*w, e->worker))) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)strlen(e->worker) + 1));
    *w = strcpy(copy, e->worker);
    return CULL_OK;
}

static cull_status written(logged *l, const int64_t *idx, int64_t n, cull__writer *w)
{
    cull_trial t;
    if (!l->lines) {
        CULL_TRY(header(l));
        CULL_TRY(cull__write(l->cx, w, l->j.b.at, l->j.b.n));
    }
    if (l->array) CULL_TRY(cull__write(l->cx, w, "[\n", 2));
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(cull_study_trial(l->s, idx ? idx[i] : i, &t));
        cull__mark_t m = cull__mark(l->cx);
        cull_status s = row(l, &t);
        cull__release(l->cx, m);
        CULL_TRY(s);
        if (l->array && i) CULL_TRY(cull__write(l->cx, w, ",\n", 2));
        CULL_TRY(cull__write(l->cx, w, l->j.b.at, l->j.b.n - l->array));
        if (i % 4096 == 0) CULL_TRY(cull__tick(l->cx, (double)i, (double)n));
    }
    return l->array ? cull__write(l->cx, w, "\n]\n", 3) : CULL_OK;
}

static cull_status write_log(logged *l, const int64_t *idx, int64_t n, const char *path)
{
    cull__store *store = cull__study_store(l->s);
    cull__writer *w;
    for (more k = TRIAL; k < MORE; k++) l->with[k] = !taken(l->p, more_name[k]);
    CULL_TRY(CULL_TMP0(l->cx, l->worker, l->s->trials + 1));
    if (store)
        CULL_TRY(cull__store_read(l->cx, store, 0, on_event, l));
    else
        l->with[WORKER] = false;
    CULL_TRY(cull__writer_open(l->cx, path, &w));
    return cull__writer_end(l->cx, w, written(l, idx, n, w));
}

cull_status cull_study_write(cull_ctx *cx, cull_study *s, const int64_t *idx, int64_t n,
                             const char *path)
{
    char ext[16];
    logged l = {.cx = cx, .s = s, .p = cull_study_problem(s), .j = {.b = CULL_BUF(cx)}};
    cull__extension(path, ext);
    l.array = !strcmp(ext, "json");
    l.lines = l.array || !strcmp(ext, "jsonl") || !strcmp(ext, "ndjson");
    l.comma = strcmp(ext, "tsv") ? ',' : '\t';
    if (!l.lines && strcmp(path, "-") && strcmp(ext, "csv") && strcmp(ext, "tsv"))
        return cull__fail(cx, CULL_EINPUT, "%s: trials are written as .csv, .tsv, .jsonl or .json",
                          path);
    cull__mark_t m = cull__mark(cx);
    cull_status st = write_log(&l, idx, idx ? n : cull_study_trials(s), path);
    cull__release(cx, m);
    cull__buf_free(&l.j.b);
    return st;
}
