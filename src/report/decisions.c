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
    cull__free(d->level);
    cull__free(d->drift);
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
enum {
    SHARE = 1 << 20,
    SHARES = 16,
    FLUSH = 1 << 16
}; /* bytes of lines made at a time, and how many times beside one another */
typedef enum { LINES, JSON, JSONL } form;

struct cull_decisions_writer {
    cull__writer *out;
    const cull_policy *p;
    form form;
    char comma;
    int64_t rows; /* written */
    cull_json j;
    char *room; /* SHARES times each */
    int64_t each, grain, used[SHARES];
    cull_status status;
};

/* ---- lines ---- */
/* Everything is put into room that is known to suffice; at: where it goes on. */
static char *put(char *at, const char *s)
{
    size_t n = strlen(s);
    memcpy(at, s, n);
    return at + n;
}

static char *put_number(char *at, double v)
{
    char buf[32];
    return put(at, cull__format_f64(v, buf));
}

static char *put_i64(char *at, int64_t v)
{
    if (v < 0) *at++ = '-';
    return at + cull__format_u64(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, at);
}

static const char *model_of(const cull_policy *p, int32_t k)
{
    const char *s = k < 0 ? NULL : cull_policy_model(p, k);
    return s ? s : "-";
}

/* What stands from `from` on becomes a cell: quoted where the form needs it. */
static char *cell(char *from, char *at, char comma)
{
    int64_t n = at - from, quotes = 0;
    bool plain = true;
    for (int64_t i = 0; i < n; i++) {
        quotes += from[i] == '"';
        plain &= from[i] != comma && from[i] != '"' && from[i] != '\n' && from[i] != '\r';
    }
    if (plain) return at;
    char *to = at + quotes + 2, *end = to;
    *--to = '"';
    for (int64_t i = n - 1; i >= 0; i--) {
        *--to = from[i];
        if (from[i] == '"') *--to = '"';
    }
    *--to = '"';
    return end;
}

static char *put_called(char *at, const cull_policy *p, uint64_t called, char comma)
{
    char *from = at;
    for (int k = 0; k < CULL_MODELS; k++) {
        if (!(called >> k & 1)) continue;
        if (at > from) *at++ = ' ';
        at = put(at, model_of(p, k));
    }
    return cell(from, at, comma);
}

static char *put_set(char *at, const uint8_t *set, int32_t classes)
{
    const char *from = at;
    for (int32_t k = 0; k < classes; k++) {
        if (!set[k]) continue;
        if (at > from) *at++ = ' ';
        at = put_i64(at, k);
    }
    return at;
}

static char *put_line(char *at, const cull_decisions_writer *w, const cull_decisions *d, int64_t i)
{
    const char c = w->comma;
    at = put_i64(at, w->rows + i);
    if (d->keep) *at++ = c, at = put_i64(at, d->keep[i]);
    if (d->p) *at++ = c, at = put_number(at, d->p[i]);
    if (d->model) *at++ = c, at = cell(at, put(at, model_of(w->p, d->model[i])), c);
    if (d->called) *at++ = c, at = put_called(at, w->p, d->called[i], c);
    if (d->cost) *at++ = c, at = put_number(at, d->cost[i]);
    if (d->label) *at++ = c, at = put_i64(at, d->label[i]);
    if (d->score) *at++ = c, at = put_number(at, d->score[i]);
    if (d->lo) *at++ = c, at = put_number(at, d->lo[i]);
    if (d->hi) *at++ = c, at = put_number(at, d->hi[i]);
    if (d->set) *at++ = c, at = put_set(at, d->set + i * d->classes, d->classes);
    if (d->level) *at++ = c, at = put_number(at, d->level[i]);
    if (d->drift) *at++ = c, at = put_number(at, d->drift[i]);
    *at++ = '\n';
    return at;
}

/* Bytes of a line at most: numbers take 26, a name twice its length and two quotes. */
static int64_t longest(const cull_decisions_writer *w, const cull_decisions *d)
{
    int64_t names = 64, most = 16;
    for (int k = 0; k < cull_policy_models(w->p); k++) {
        int64_t n = 2 * (int64_t)strlen(model_of(w->p, k)) + 4;
        names += n;
        most = n > most ? n : most;
    }
    return 256 + (d->model ? most : 0) + (d->called ? names : 0) +
           (d->set ? 12 * (int64_t)d->classes : 0);
}

typedef struct {
    cull_decisions_writer *w;
    const cull_decisions *d;
    int64_t first; /* row of the first share */
} writing;

static cull_status lines_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const writing *g = arg;
    char *from = g->w->room + chunk * g->w->each, *at = from;
    (void)cx;
    for (int64_t i = lo; i < hi; i++) at = put_line(at, g->w, g->d, g->first + i);
    g->w->used[chunk] = at - from;
    return CULL_OK;
}

static cull_status write_head(cull_ctx *cx, cull_decisions_writer *w, const cull_decisions *d)
{
    static const char *const name[] = {"keep",  "p",  "model", "called", "cost",  "label",
                                       "score", "lo", "hi",    "set",    "level", "drift"};
    const void *const have[] = {d->keep,  d->p,  d->model, d->called, d->cost,  d->label,
                                d->score, d->lo, d->hi,    d->set,    d->level, d->drift};
    char line[256], *at = put(line, "row");
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (have[i]) *at++ = w->comma, at = put(at, name[i]);
    *at++ = '\n';
    return cull__write(cx, w->out, line, (size_t)(at - line));
}

static cull_status add_lines(cull_ctx *cx, cull_decisions_writer *w, const cull_decisions *d)
{
    if (!w->room) {
        int64_t line = longest(w, d);
        w->grain = SHARE / line > 1 ? SHARE / line : 1;
        w->each = w->grain * line;
        CULL_TRY(CULL_ALLOC(cx, w->room, SHARES * w->each));
        CULL_TRY(write_head(cx, w, d));
    }
    for (int64_t lo = 0; lo < d->n; lo += SHARES * w->grain) {
        int64_t n = d->n - lo < SHARES * w->grain ? d->n - lo : SHARES * w->grain;
        writing g = {w, d, lo};
        CULL_TRY(cull__for(cx, n, w->grain, lines_some, &g));
        for (int64_t c = 0; c * w->grain < n; c++)
            CULL_TRY(cull__write(cx, w->out, w->room + c * w->each, (size_t)w->used[c]));
    }
    return CULL_OK;
}

/* ---- json ---- */
static void json_line(const cull_decisions_writer *w, cull_json *j, const cull_decisions *d,
                      int64_t i)
{
    cull__json_open(j, '{');
    cull__json_key(j, "row");
    cull__json_i64(j, w->rows + i);
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
    if (d->level) cull__json_pair(j, "level", d->level[i]);
    if (d->drift) cull__json_pair(j, "drift", d->drift[i]);
    cull__json_close(j, '}');
}

static cull_status flush(cull_ctx *cx, cull_decisions_writer *w, size_t least)
{
    cull_buf *b = &w->j.b;
    CULL_TRY(b->status);
    if (b->n < least) return CULL_OK;
    cull_status s = b->n ? cull__write(cx, w->out, b->at, b->n) : CULL_OK;
    b->n = 0;
    return s;
}

static cull_status add_json(cull_ctx *cx, cull_decisions_writer *w, const cull_decisions *d)
{
    cull_json *j = &w->j;
    if (w->form == JSON && !j->depth) cull__json_open(j, '[');
    for (int64_t i = 0; i < d->n; i++) {
        json_line(w, j, d, i);
        if (w->form == JSONL) {
            cull__buf_add(&j->b, "\n", 1);
            j->comma[0] = false;
        }
        CULL_TRY(flush(cx, w, FLUSH));
    }
    return flush(cx, w, 0);
}

/* ---- either ---- */
cull_status cull_decisions_writer_open(cull_ctx *cx, const cull_policy *p, const char *path,
                                       cull_decisions_writer **out)
{
    cull_decisions_writer *w;
    char end[16];
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, w, 1));
    cull__extension(path, end);
    w->p = p;
    w->form = !strcmp(end, "jsonl") ? JSONL : !strcmp(end, "json") ? JSON : LINES;
    w->comma = strcmp(end, "csv") ? '\t' : ',';
    w->j.b.cx = cx;
    cull_status s = cull__writer_open(cx, path, &w->out);
    if (s == CULL_OK)
        *out = w;
    else
        cull__free(w);
    return s;
}

cull_status cull_decisions_writer_add(cull_ctx *cx, cull_decisions_writer *w,
                                      const cull_decisions *d)
{
    w->j.b.cx = cx;
    if (w->status == CULL_OK)
        w->status = w->form == LINES ? add_lines(cx, w, d) : add_json(cx, w, d);
    w->rows += d->n;
    return w->status;
}

cull_status cull_decisions_writer_end(cull_ctx *cx, cull_decisions_writer *w, cull_status s)
{
    if (!w) return s;
    if (s == CULL_OK) s = w->status;
    if (s == CULL_OK && w->form == JSON) {
        if (!w->j.depth) cull__json_open(&w->j, '[');
        cull__json_close(&w->j, ']');
        cull__buf_add(&w->j.b, "\n", 1);
        s = flush(cx, w, 0);
    }
    s = cull__writer_end(cx, w->out, s);
    cull__buf_free(&w->j.b);
    cull__free(w->room);
    cull__free(w);
    return s;
}

cull_status cull_decisions_write(cull_ctx *cx, const cull_decisions *d, const cull_policy *p,
                                 const char *path)
{
    cull_decisions_writer *w;
    CULL_TRY(cull_decisions_writer_open(cx, p, path, &w));
    return cull_decisions_writer_end(cx, w, cull_decisions_writer_add(cx, w, d));
}
