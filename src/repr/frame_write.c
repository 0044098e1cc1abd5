/* frame_write.c - some columns of files, written as they lie there. */
#include "repr/frame.h"
#include "repr/repr.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    cull_ctx *cx;
    const char *const *name;
    int64_t count;
    cull__cells cells;
    cull__writer *w;
    cull_buf *cell; /* (count) of the record */
    int32_t *to;    /* of the file's columns: which of those written, or -1 */
    int64_t cap, known;
    char comma;
    bool json;
    cull_buf line;
} writing;

static void add_cell(cull_buf *b, const char *s, size_t n, char comma)
{
    bool quote = false;
    for (size_t i = 0; i < n; i++)
        quote |= s[i] == comma || s[i] == '"' || s[i] == '\n' || s[i] == '\r';
    quote |= n && (s[0] == ' ' || s[n - 1] == ' ');
    if (!quote) {
        cull__buf_add(b, s, n);
        return;
    }
    cull__buf_add(b, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"') cull__buf_add(b, "\"", 1);
        cull__buf_add(b, s + i, 1);
    }
    cull__buf_add(b, "\"", 1);
}

static cull_status flush(writing *w, size_t least)
{
    CULL_TRY(w->line.status);
    if (w->line.n < least || !w->line.n) return CULL_OK;
    CULL_TRY(cull__write(w->cx, w->w, w->line.at, w->line.n));
    w->line.n = 0;
    return CULL_OK;
}

/* Which of the columns written is column `at` of the file? Asked once for each. */
static cull_status place(writing *w, int64_t at, int32_t *out)
{
    CULL_TRY(CULL_GROW(w->cx, w->to, &w->cap, at + 1));
    for (; w->known <= at; w->known++) {
        const char *name = cull__dict_text(&w->cells.names, (int32_t)w->known);
        w->to[w->known] = -1;
        for (int64_t i = 0; i < w->count; i++)
            if (!strcmp(w->name[i], name)) w->to[w->known] = (int32_t)i;
    }
    *out = w->to[at];
    return CULL_OK;
}

static cull_status on_cell(void *arg, int64_t at, const cull__cell *c)
{
    writing *w = arg;
    int32_t to;
    CULL_TRY(place(w, at, &to));
    if (to < 0) return CULL_OK;
    cull_buf *b = &w->cell[to];
    b->n = 0;
    if (!w->json) {
        add_cell(b, c->s, c->n, w->comma);
    } else if (c->kind == CULL__CELL_TEXT || (c->kind == CULL__CELL_NONE && c->n)) {
        cull_json j = {.b = *b};
        cull__json_strn(&j, c->s, c->n);
        *b = j.b;
    } else if (c->kind == CULL__CELL_NUMBER) {
        cull__buf_add(b, c->s, c->n);
    }
    return b->status;
}

static cull_status on_end(void *arg)
{
    writing *w = arg;
    bool some = false;
    if (w->json) cull__buf_add(&w->line, "{", 1);
    for (int64_t i = 0; i < w->count; i++) {
        cull_buf *b = &w->cell[i];
        if (w->json && b->n) {
            cull_json j = {.b = w->line, .depth = 0};
            if (some) cull__buf_add(&j.b, ",", 1);
            cull__json_str(&j, w->name[i]);
            cull__buf_add(&j.b, ":", 1);
            w->line = j.b;
            some = true;
        } else if (!w->json && i) {
            cull__buf_add(&w->line, &w->comma, 1);
        }
        if (b->n) cull__buf_add(&w->line, b->at, b->n);
        b->n = 0;
    }
    cull__buf_add(&w->line, w->json ? "}\n" : "\n", w->json ? 2 : 1);
    return flush(w, 1 << 16);
}

/* The first pass only names the columns: what is asked for must be there before anything is written. */
static cull_status no_cell(void *arg, int64_t at, const cull__cell *c)
{
    (void)arg, (void)at, (void)c;
    return CULL_OK;
}

static cull_status no_end(void *arg)
{
    (void)arg;
    return CULL_OK;
}

static cull_status check_names(writing *w, const char *path)
{
    const char **names;
    int64_t n = w->cells.names.n;
    CULL_TRY(CULL_TMP(w->cx, names, n));
    for (int32_t i = 0; i < n; i++) names[i] = cull__dict_text(&w->cells.names, i);
    for (int64_t i = 0; i < w->count; i++)
        if (cull__dict_find(&w->cells.names, w->name[i], strlen(w->name[i])) < 0)
            return cull__no_column(w->cx, path, w->name[i], names, n);
    return CULL_OK;
}

static cull_status both_passes(writing *w, const cull_frame_opts *o, const cull__bytes *bytes)
{
    w->cells.cell = no_cell, w->cells.end = no_end;
    for (int i = 0; i < o->npaths; i++)
        CULL_TRY(cull__cells_read(&w->cells, o->paths[i], &bytes[i], !i));
    CULL_TRY(check_names(w, o->paths[0]));
    w->cells.cell = on_cell, w->cells.end = on_end;
    for (int64_t i = 0; !w->json && i < w->count; i++) {
        if (i) cull__buf_add(&w->line, &w->comma, 1);
        add_cell(&w->line, w->name[i], strlen(w->name[i]), w->comma);
    }
    if (!w->json) cull__buf_add(&w->line, "\n", 1);
    for (int i = 0; i < o->npaths; i++)
        CULL_TRY(cull__cells_read(&w->cells, o->paths[i], &bytes[i], false));
    return flush(w, 0);
}

static cull_status write_records(cull_ctx *cx, const cull_frame_opts *o, writing *w,
                                 const char *path)
{
    cull__bytes *bytes;
    char ext[16];
    int opened = 0;
    cull_status s = CULL_OK;
    cull__extension(o->paths[0], ext);
    w->json = !strcmp(ext, "jsonl") || !strcmp(ext, "ndjson");
    w->comma = strcmp(ext, "tsv") ? ',' : '\t';
    CULL_TRY(CULL_ALLOC(cx, bytes, o->npaths));
    for (; s == CULL_OK && opened < o->npaths; opened++)
        s = cull__bytes_open(cx, o->paths[opened], &bytes[opened]);
    if (s == CULL_OK) s = CULL_TMP0(cx, w->cell, w->count);
    for (int64_t i = 0; s == CULL_OK && i < w->count; i++) w->cell[i] = (cull_buf)CULL_BUF(cx);
    if (s == CULL_OK) s = cull__writer_open(cx, path, &w->w);
    if (s == CULL_OK) s = cull__writer_end(cx, w->w, both_passes(w, o, bytes));
    for (int i = 0; i < opened; i++) cull__bytes_close(&bytes[i]);
    for (int64_t i = 0; w->cell && i < w->count; i++) cull__buf_free(&w->cell[i]);
    cull__buf_free(&w->line);
    cull__dict_free(&w->cells.names);
    cull__free(w->to);
    cull__free(bytes);
    return s;
}

/* ---- arrays: c0, c1, ... ---- */

static cull_status gather(cull_ctx *cx, const cull_pool *p, const int64_t *col, int64_t count,
                          const char *path)
{
    cull_array from = cull_pool_array(p), a = from;
    size_t size = cull_dtype_size(from.dtype);
    int64_t n = cull_pool_n(p), d = cull_pool_d(p);
    uint64_t bytes;
    void *at;
    a.ndim = 2, a.shape[0] = n, a.shape[1] = count, a.mem_ = NULL;
    if (!cull__array_bytes(&a, &bytes))
        return cull__fail(cx, CULL_EINPUT, "%s: the table is too large", path);
    CULL_TRY(cull__array_memory(cx, bytes, &a.mem_, &at));
    a.at = at;
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < count; c++)
            memcpy((char *)at + (size_t)(i * count + c) * size,
                   (const char *)from.at + (size_t)(i * d + col[c]) * size, size);
    cull_status s = cull_array_write(cx, path, &a);
    cull_array_free(&a);
    return s;
}

static cull_status write_array(cull_ctx *cx, const cull_frame_opts *o, const char *const *name,
                               int64_t count, const char *path)
{
    int64_t *col;
    cull_frame *f;
    cull_frame_opts plain = {.size = sizeof plain, .paths = o->paths, .npaths = o->npaths};
    CULL_TRY(CULL_TMP(cx, col, count));
    CULL_TRY(cull_frame_open(cx, &plain, &f));
    cull_status s = CULL_OK;
    const cull_pool *p = cull_frame_pool(f);
    for (int64_t i = 0; s == CULL_OK && i < count; i++) {
        col[i] = cull_frame_find(f, name[i], NULL);
        if (col[i] < 0)
            s = cull__fail(cx, CULL_EINPUT, "%s: no column '%.70s'; it has c0 to c%" PRId64,
                           o->paths[0], name[i], cull_pool_d(p) - 1);
    }
    if (s == CULL_OK) s = gather(cx, p, col, count, path);
    cull_frame_free(f);
    return s;
}

cull_status cull_frame_write(cull_ctx *cx, const cull_frame_opts *o, const char *const *name,
                             int64_t count, const char *path)
{
    writing w = {.cx = cx, .name = name, .count = count, .line = CULL_BUF(cx)};
    cull__mark_t mark = cull__mark(cx);
    cull_status s;
    if (o->npaths < 1) return cull__fail(cx, CULL_EOPTION, "there is no table");
    w.cells = (cull__cells){.cx = cx, .missing = "", .arg = &w};
    s = cull__is_table(o->paths[0]) ? write_records(cx, o, &w, path)
                                    : write_array(cx, o, name, count, path);
    cull__release(cx, mark);
    return s;
}
