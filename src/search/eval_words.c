/* eval_words.c - a trial's point as words of a command line, and as JSON. See eval.h. */
#include "search/eval.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum { TRIAL, WORKER, SEED, BUDGET, DIR, FACTS } fact;
static const char *const fact_name[] = {"trial", "worker", "seed", "budget", "dir"};

/* A piece of a word: text, a parameter or a fact. */
typedef struct {
    const char *at;
    size_t n;
    int param, fact; /* -1 = not that */
} piece;

/* The next piece at *s; false at the end of the word. An open brace is a piece with n = 0. */
static bool next_piece(const cull_space *space, const char **s, piece *p)
{
    const char *at = *s;
    *p = (piece){.at = at, .param = -1, .fact = -1};
    if (!*at) return false;
    if (at[0] == '{' && at[1] == '{') {
        p->n = 1, *s = at + 2;
        return true;
    }
    if (*at != '{') {
        p->n = strcspn(at, "{");
        *s = at + p->n;
        return true;
    }
    const char *close = strchr(at, '}');
    char name[256];
    if (!close) return *s = at + strlen(at), true;
    p->at = at + 1, p->n = (size_t)(close - at - 1), *s = close + 1;
    p->param = p->fact = -2; /* a name, of what? */
    if (p->n >= sizeof name) return true;
    memcpy(name, p->at, p->n);
    name[p->n] = 0;
    p->param = cull_space_find(space, name);
    for (int i = 0; p->param < 0 && i < FACTS; i++)
        if (!strcmp(name, fact_name[i])) p->fact = i;
    if (p->param < 0) p->param = p->fact < 0 ? -2 : -1;
    return true;
}

/* ---- checking ---- */

static cull_status unknown(cull_ctx *cx, const cull__words *w, const char *word, const piece *p)
{
    char shown[80], name[80];
    const cull_space *space = w->problem->space;
    int n = cull_space_params(space);
    const char **cand;
    CULL_TRY(CULL_TMP(cx, cand, n + FACTS));
    for (int i = 0; i < n; i++) cand[i] = cull_space_at(space, i)->name;
    for (int i = 0; i < FACTS; i++) cand[n + i] = fact_name[i];
    cull__quote(word, strlen(word), shown, sizeof shown);
    cull__quote(p->at, p->n, name, sizeof name);
    const char *near = cull__nearest(name, cand, n + FACTS);
    if (near)
        return cull__fail(cx, CULL_EINPUT,
                          "the word '%s': the space has no parameter {%s}; did you mean {%s}?",
                          shown, name, near);
    return cull__fail(cx, CULL_EINPUT,
                      "the word '%s': the space has no parameter {%s}; a brace itself is {{", shown,
                      name);
}

/* *budget: it says how many steps there are, itself or by the point.json in its folder. */
static cull_status check_word(cull_ctx *cx, cull__words *w, const char *word, bool *budget)
{
    char shown[80];
    const char *s = word;
    for (piece p; next_piece(w->problem->space, &s, &p);) {
        if (!p.n && p.param == -1)
            return cull__fail(cx, CULL_EINPUT,
                              "the word '%s' opens a brace that nothing closes; a brace itself is "
                              "{{",
                              cull__quote(word, strlen(word), shown, sizeof shown));
        if (p.param == -2) return unknown(cx, w, word, &p);
        if (p.fact == DIR && !w->dir)
            return cull__fail(cx, CULL_EINPUT,
                              "the word '%s' asks for a trial's folder, and no folder was given",
                              cull__quote(word, strlen(word), shown, sizeof shown));
        w->points |= p.param >= 0;
        *budget |= p.fact == BUDGET || p.fact == DIR;
    }
    return CULL_OK;
}

cull_status cull__words_check(cull_ctx *cx, cull__words *w)
{
    bool budget = false;
    w->points = false;
    if (!w->argv || !w->argv[0] || !*w->argv[0])
        return cull__fail(cx, CULL_EINPUT, "there is no program to run");
    for (int i = 0; w->argv[i]; i++) {
        cull__mark_t m = cull__mark(cx);
        cull_status s = check_word(cx, w, w->argv[i], &budget);
        cull__release(cx, m);
        CULL_TRY(s);
    }
    if (w->problem->stop.anew && w->points && !budget)
        return cull__fail(cx, CULL_EINPUT,
                          "evaluations begin anew with more steps each, and no word tells the "
                          "program how many: {budget} would");
    return CULL_OK;
}

/* ---- filling ---- */

static cull_status text_of(cull_ctx *cx, const cull_space *s, const double *x, int i, char **out)
{
    size_t n = cull_space_value(s, x, i, NULL, 0);
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)n + 1));
    cull_space_value(s, x, i, *out, n + 1);
    return CULL_OK;
}

static cull_status add_piece(cull_ctx *cx, const cull__words *w, const cull__facts *f,
                             const piece *p, cull_buf *b)
{
    char *text;
    if (p->param >= 0) {
        CULL_TRY(text_of(cx, w->problem->space, f->trial->x, p->param, &text));
        cull__buf_add(b, text, strlen(text));
    } else if (p->fact >= 0) {
        switch ((fact)p->fact) {
        case TRIAL: cull__buf_printf(b, "%" PRId64, f->trial->number); break;
        case WORKER: cull__buf_printf(b, "%d", f->worker); break;
        case SEED: cull__buf_printf(b, "%" PRIu32, f->seed); break;
        case BUDGET: cull__buf_printf(b, "%" PRId64, f->budget); break;
        case DIR: cull__buf_add(b, f->dir, strlen(f->dir)); break;
        case FACTS: break;
        }
    } else {
        cull__buf_add(b, p->at, p->n);
    }
    return b->status;
}

/* *out = NULL: the word is left out. */
static cull_status fill_word(cull_ctx *cx, const cull__words *w, const cull__facts *f,
                             const char *word, char **out)
{
    cull_buf b = CULL_BUF(cx);
    const char *s = word;
    int pieces = 0;
    cull_status st = CULL_OK;
    piece p = {0}, first = {0};
    *out = NULL;
    for (; st == CULL_OK && next_piece(w->problem->space, &s, &p); pieces++) {
        if (!pieces) first = p;
        st = add_piece(cx, w, f, &p, &b);
    }
    bool leave = pieces == 1 && first.param >= 0 &&
                 !cull_space_active(w->problem->space, f->trial->x, first.param);
    if (st == CULL_OK && !leave) st = CULL_TMP(cx, *out, (int64_t)b.n + 1);
    if (st == CULL_OK && !leave) {
        if (b.n) memcpy(*out, b.at, b.n);
        (*out)[b.n] = 0;
    }
    cull__buf_free(&b);
    return st;
}

cull_status cull__words_fill(cull_ctx *cx, const cull__words *w, const cull__facts *f, char ***out)
{
    int n = 0, k = 0;
    while (w->argv[n]) n++;
    CULL_TRY(CULL_TMP(cx, *out, n + 1));
    for (int i = 0; i < n; i++) {
        char *word;
        CULL_TRY(fill_word(cx, w, f, w->argv[i], &word));
        if (word) (*out)[k++] = word;
    }
    (*out)[k] = NULL;
    return CULL_OK;
}

/* ---- JSON ---- */

static void value_json(cull_json *j, const cull_space_param *p, const double *v)
{
    switch (p->kind) {
    case CULL_SPACE_REAL: cull__json_f64(j, *v); break;
    case CULL_SPACE_INT: cull__json_i64(j, (int64_t)*v); break;
    case CULL_SPACE_CATEGORY:
    case CULL_SPACE_ORDINAL:
        if (p->role == CULL_SPACE_OPTIONAL)
            cull__json_bool(j, *v != 0);
        else if (p->number)
            cull__json_f64(j, p->number[(int64_t)*v]);
        else
            cull__json_str(j, p->value[(int64_t)*v]);
        break;
    case CULL_SPACE_SUBSET:
    case CULL_SPACE_PERMUTATION:
    case CULL_SPACE_SIMPLEX:
        cull__json_open(j, '[');
        for (int64_t i = 0; i < p->width; i++) {
            if (p->kind == CULL_SPACE_SIMPLEX)
                cull__json_f64(j, v[i]);
            else if (p->kind == CULL_SPACE_PERMUTATION)
                cull__json_str(j, p->value[(int64_t)v[i]]);
            else if (v[i] != 0)
                cull__json_str(j, p->value[i]);
        }
        cull__json_close(j, ']');
    }
}

void cull__point_json(cull_json *j, const cull_search_problem *p, const cull__facts *f)
{
    const cull_space *s = p->space;
    const int64_t number[] = {f->trial->number, f->worker, f->seed, f->budget};
    cull__json_open(j, '{');
    for (int i = 0; i < cull_space_params(s); i++) {
        const cull_space_param *q = cull_space_at(s, i);
        if (!cull_space_active(s, f->trial->x, i)) continue;
        cull__json_key(j, q->name);
        value_json(j, q, f->trial->x + q->at);
    }
    for (int i = 0; i < FACTS; i++) {
        if (cull_space_find(s, fact_name[i]) >= 0 || (i == DIR && !f->dir)) continue;
        cull__json_key(j, fact_name[i]);
        if (i == DIR)
            cull__json_str(j, f->dir);
        else
            cull__json_i64(j, number[i]);
    }
    cull__json_close(j, '}');
}
