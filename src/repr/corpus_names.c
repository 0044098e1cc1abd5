/* corpus_names.c - which fields a corpus has: those of its first record, or its columns. */
#include "repr/corpus.h"

#include <string.h>

struct list {
    cull_ctx *cx;
    cull_strings *out;
    int64_t names_cap, kinds_cap;
    cull_status status;
};

static cull_status add(struct list *l, const char *name, size_t n, const char *kind)
{
    cull_strings *o = l->out;
    CULL_TRY(CULL_GROW(l->cx, o->id, &l->names_cap, o->n + 1));
    CULL_TRY(CULL_GROW(l->cx, o->text, &l->kinds_cap, o->n + 1));
    o->id[o->n] = o->text[o->n] = NULL;
    o->n++;
    CULL_TRY(cull__copy_text(l->cx, name, n, &o->id[o->n - 1]));
    return cull__copy_text(l->cx, kind, strlen(kind), &o->text[o->n - 1]);
}

static bool member(void *arg, const char *key, size_t n, cull__json_value v)
{
    static const char *const kind[] = {"null", "bool", "number", "string", "array", "object"};
    struct list *l = arg;
    l->status = add(l, key, n, kind[cull__json_kind(v)]);
    return l->status == CULL_OK;
}

static cull_status from_json(struct list *l, const char *at, size_t n)
{
    cull__json_parser *p = NULL;
    cull__json_value root;
    const char *why;
    size_t bad;
    CULL_TRY(cull__json_parser_new(l->cx, &p));
    if (cull__json_parse(p, at, n, &root, &why, &bad)) cull__json_each(root, member, l);
    cull__json_parser_free(p);
    return l->status;
}

static cull_status from_header(struct list *l, const cull__source *f)
{
    cull__cell *cell;
    cull__mark_t mark = cull__mark(l->cx);
    cull_status s = CULL_TMP(l->cx, cell, f->cells);
    char sep = f->format == CULL__TSV ? '\t' : ',';
    int64_t n = s == CULL_OK ? cull__csv_cells(f->header, f->header_n, sep, cell, f->cells) : 0;
    for (int64_t i = 0; s == CULL_OK && i < n; i++) {
        char *name;
        s = cull__csv_name(l->cx, &cell[i], &name);
        if (s == CULL_OK) s = add(l, name, strlen(name), "column");
    }
    cull__release(l->cx, mark);
    return s;
}

static cull_status from_columns(struct list *l, const cull__column *col, int n)
{
    for (int i = 0; i < n; i++) CULL_TRY(add(l, col[i].name, strlen(col[i].name), col[i].kind));
    return CULL_OK;
}

cull_status cull_corpus_fields(cull_ctx *cx, const cull_corpus *c, cull_strings *out)
{
    struct list l = {.cx = cx, .out = out};
    cull__stream s = {0};
    int64_t n = 0;
    *out = (cull_strings){0};
    if (!c->files || c->file[0].format == CULL__TXT) return CULL_OK;
    cull_status st = CULL_OK;
    if (c->file[0].format == CULL__JSONL) {
        st = cull__stream_new(cx, c, 0, &s);
        if (st == CULL_OK) st = cull__stream_next(cx, &s, &n);
        if (st == CULL_OK && n) st = from_json(&l, s.buf + s.rec[0].at, s.rec[0].n);
        cull__stream_free(&s);
    } else if (c->column) {
        st = from_columns(&l, c->column, c->file[0].cells);
    } else if (c->file[0].header) {
        st = from_header(&l, &c->file[0]);
    }
    if (st != CULL_OK) cull_strings_free(out);
    return st;
}
