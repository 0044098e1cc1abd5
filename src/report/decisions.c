/* decisions.c - what a policy decides about rows: room for it, and files of it. */
#include "base/base.h"
#include "cull/policy.h"
#include "io/io.h"
#include "report/report.h"

#include <inttypes.h>
#include <string.h>

/* ---- room ---- */
void cull_decisions_free(cull_decisions *d)
{
    cull__free(d->model);
    cull__free(d->called);
    cull__free(d->cost);
    cull__free(d->label);
    cull__free(d->score);
    cull__free(d->keep);
    cull__free(d->p);
    cull__free(d->lo);
    cull__free(d->hi);
    cull__free(d->set);
    *d = (cull_decisions){0};
}

static cull_status room(cull_ctx *cx, int64_t n, unsigned what, int32_t classes, cull_decisions *d)
{
    if (what & CULL_DECIDES_CALLS) {
        CULL_TRY(CULL_ALLOC(cx, d->model, n));
        CULL_TRY(CULL_ALLOC(cx, d->called, n));
        CULL_TRY(CULL_ALLOC(cx, d->cost, n));
    }
    if (what & CULL_DECIDES_LABEL) CULL_TRY(CULL_ALLOC(cx, d->label, n));
    if (what & CULL_DECIDES_SCORE) CULL_TRY(CULL_ALLOC(cx, d->score, n));
    if (what & CULL_DECIDES_KEEP) CULL_TRY(CULL_ALLOC(cx, d->keep, n));
    if (what & CULL_DECIDES_P) CULL_TRY(CULL_ALLOC(cx, d->p, n));
    if (what & CULL_DECIDES_INTERVAL) {
        CULL_TRY(CULL_ALLOC(cx, d->lo, n));
        CULL_TRY(CULL_ALLOC(cx, d->hi, n));
    }
    if (!(what & CULL_DECIDES_SET)) return CULL_OK;
    d->classes = classes;
    if (classes > 0 && n > INT64_MAX / classes)
        return cull__fail(cx, CULL_EINPUT, "sets of %d classes for %" PRId64 " rows are too many",
                          classes, n);
    return CULL_ALLOC(cx, d->set, n * classes);
}

cull_status cull_decisions_new(cull_ctx *cx, int64_t n, unsigned what, int32_t classes,
                               cull_decisions *out)
{
    *out = (cull_decisions){.n = n};
    cull_status s = room(cx, n, what, classes, out);
    if (s != CULL_OK) cull_decisions_free(out);
    return s;
}

/* ---- files ---- */
typedef struct {
    const cull_decisions *d;
    const cull_policy *p;
    cull_buf *b, list; /* list: a cell in the making */
} writing;

static void number(cull_buf *b, double v)
{
    char buf[32];
    const char *s = cull__format_f64(v, buf);
    cull__buf_add(b, s, strlen(s));
}

static void word(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

/* A name as a cell: quoted where the form needs it. */
static void cell(cull_buf *b, const char *s, char comma)
{
    if (!strchr(s, comma) && !strpbrk(s, "\"\n\r")) {
        word(b, s);
        return;
    }
    word(b, "\"");
    for (; *s; s++) {
        if (*s == '"') word(b, "\"");
        cull__buf_add(b, s, 1);
    }
    word(b, "\"");
}

static const char *model_of(const cull_policy *p, int32_t k)
{
    const char *s = k < 0 ? NULL : cull_policy_model(p, k);
    return s ? s : "-";
}

static void head(writing *w, char comma)
{
    const cull_decisions *d = w->d;
    const char c[2] = {comma, 0};
    word(w->b, "row");
#define NAME(have, name)                                                                           \
    if (have) word(w->b, c), word(w->b, name)
    NAME(d->keep, "keep");
    NAME(d->p, "p");
    NAME(d->model, "model");
    NAME(d->called, "called");
    NAME(d->cost, "cost");
    NAME(d->label, "label");
    NAME(d->score, "score");
    NAME(d->lo, "lo");
    NAME(d->hi, "hi");
    NAME(d->set, "set");
#undef NAME
    word(w->b, "\n");
}

static void called(writing *w, int64_t i, char comma)
{
    w->list.n = 0;
    for (int k = 0; k < CULL_MODELS; k++) {
        if (!(w->d->called[i] >> k & 1)) continue;
        if (w->list.n) word(&w->list, " ");
        word(&w->list, model_of(w->p, k));
    }
    cell(w->b, w->list.n ? w->list.at : "", comma);
    if (w->b->status == CULL_OK) w->b->status = w->list.status;
}

static void line(writing *w, int64_t i, char comma)
{
    const cull_decisions *d = w->d;
    const char c[2] = {comma, 0};
    cull__buf_printf(w->b, "%" PRId64, i);
    if (d->keep) cull__buf_printf(w->b, "%s%d", c, d->keep[i]);
    if (d->p) word(w->b, c), number(w->b, d->p[i]);
    if (d->model) word(w->b, c), cell(w->b, model_of(w->p, d->model[i]), comma);
    if (d->called) word(w->b, c), called(w, i, comma);
    if (d->cost) word(w->b, c), number(w->b, d->cost[i]);
    if (d->label) cull__buf_printf(w->b, "%s%d", c, d->label[i]);
    if (d->score) word(w->b, c), number(w->b, d->score[i]);
    if (d->lo) word(w->b, c), number(w->b, d->lo[i]);
    if (d->hi) word(w->b, c), number(w->b, d->hi[i]);
    if (d->set) {
        word(w->b, c);
        for (int32_t k = 0, any = 0; k < d->classes; k++)
            if (d->set[i * d->classes + k]) cull__buf_printf(w->b, any++ ? " %d" : "%d", k);
    }
    word(w->b, "\n");
}

static void json_line(writing *w, cull_json *j, int64_t i)
{
    const cull_decisions *d = w->d;
    cull__json_open(j, '{');
    cull__json_key(j, "row");
    cull__json_i64(j, i);
    if (d->keep) cull__json_key(j, "keep"), cull__json_bool(j, d->keep[i]);
    if (d->p) cull__json_pair(j, "p", d->p[i]);
    if (d->model) {
        cull__json_key(j, "model");
        cull__json_text(j, model_of(w->p, d->model[i]));
    }
    if (d->called) {
        cull__json_key(j, "called");
        cull__json_open(j, '[');
        for (int k = 0; k < CULL_MODELS; k++)
            if (d->called[i] >> k & 1) cull__json_text(j, model_of(w->p, k));
        cull__json_close(j, ']');
    }
    if (d->cost) cull__json_pair(j, "cost", d->cost[i]);
    if (d->label) cull__json_key(j, "label"), cull__json_i64(j, d->label[i]);
    if (d->score) cull__json_pair(j, "score", d->score[i]);
    if (d->lo) cull__json_pair(j, "lo", d->lo[i]);
    if (d->hi) cull__json_pair(j, "hi", d->hi[i]);
    if (d->set) {
        cull__json_key(j, "set");
        cull__json_open(j, '[');
        for (int32_t k = 0; k < d->classes; k++)
            if (d->set[i * d->classes + k]) cull__json_i64(j, k);
        cull__json_close(j, ']');
    }
    cull__json_close(j, '}');
}

enum { FLUSH = 1 << 16 };

static cull_status flush(cull_ctx *cx, cull__writer *w, cull_buf *b, size_t least)
{
    CULL_TRY(b->status);
    if (b->n < least) return CULL_OK;
    cull_status s = b->n ? cull__write(cx, w, b->at, b->n) : CULL_OK;
    b->n = 0;
    return s;
}

static cull_status write_lines(cull_ctx *cx, writing *w, cull__writer *out, char comma)
{
    head(w, comma);
    for (int64_t i = 0; i < w->d->n; i++) {
        line(w, i, comma);
        CULL_TRY(flush(cx, out, w->b, FLUSH));
    }
    return flush(cx, out, w->b, 0);
}

static cull_status write_json(cull_ctx *cx, writing *w, cull_json *j, cull__writer *out, bool lines)
{
    w->b = &j->b;
    if (!lines) cull__json_open(j, '[');
    for (int64_t i = 0; i < w->d->n; i++) {
        json_line(w, j, i);
        if (lines) {
            word(w->b, "\n");
            j->comma[0] = false;
        }
        CULL_TRY(flush(cx, out, w->b, FLUSH));
    }
    if (!lines) cull__json_close(j, ']'), word(w->b, "\n");
    return flush(cx, out, w->b, 0);
}

cull_status cull_decisions_write(cull_ctx *cx, const cull_decisions *d, const cull_policy *p,
                                 const char *path)
{
    cull__writer *out;
    cull_json j = {.b = CULL_BUF(cx)};
    writing w = {.d = d, .p = p, .b = &j.b, .list = CULL_BUF(cx)};
    char end[16];
    bool lines = !strcmp(cull__extension(path, end), "jsonl");
    CULL_TRY(cull__writer_open(cx, path, &out));
    cull_status s = lines || !strcmp(end, "json")
                        ? write_json(cx, &w, &j, out, lines)
                        : write_lines(cx, &w, out, !strcmp(end, "csv") ? ',' : '\t');
    s = cull__writer_end(cx, out, s);
    cull__buf_free(&j.b);
    cull__buf_free(&w.list);
    return s;
}
