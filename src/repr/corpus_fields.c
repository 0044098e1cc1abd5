/* corpus_fields.c - fields by path, and what a record has at them.
 *
 * A path is keys with '.' between them; [3] is an element of an array, [] all of them; a backslash
 * takes the next character as it is. Strings of a chunk's rows are gathered in one buffer, since
 * the parser's own live until its next record only. */
#include "repr/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- paths ---- */

void cull__field_free(cull__field *f)
{
    cull__free(f->name);
    cull__free(f->keys);
    cull__free(f->step);
    *f = (cull__field){0};
}

/* [3] or [] at p; what follows it, or NULL. */
static const char *parse_index(const char *p, const char *end, int64_t *at)
{
    const char *close = memchr(p, ']', (size_t)(end - p));
    *at = -1;
    if (!close) return NULL;
    if (close > p + 1) {
        for (const char *d = p + 1; d < close; d++)
            if (*d < '0' || *d > '9') return NULL;
        if (!cull__parse_i64(p + 1, (size_t)(close - p - 1), at)) return NULL;
    }
    return close + 1;
}

static cull_status parse(cull_ctx *cx, const char *p, size_t n, cull__field *f)
{
    const char *all = p, *end = p + n;
    CULL_TRY(CULL_ALLOC(cx, f->keys, (int64_t)n + 2));
    CULL_TRY(CULL_ALLOC(cx, f->step, (int64_t)n + 1));
    char *key = f->keys, *name;
    CULL_TRY(CULL_ALLOC(cx, name, (int64_t)n + 1));
    f->name = name;
    for (const char *q = p; q < end; q++) *name++ = *q == '\\' && q + 1 < end ? *++q : *q;
    bool good = n > 0;
    while (good && p < end) {
        cull__step *s = &f->step[f->steps++];
        if (*p == '[') {
            p = parse_index(p, end, &s->at);
            good = p && (p == end || *p == '.' || *p == '[');
        } else {
            s->key = key;
            while (p < end && *p != '.' && *p != '[') {
                if (*p == '\\' && p + 1 < end) p++;
                *key++ = *p++;
            }
            good = key > s->key; /* a key of no characters cannot be written */
            *key++ = 0;
        }
        if (good && p < end && *p == '.') good = ++p < end;
    }
    char q[128];
    if (good) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION,
                      "field '%s' is malformed; paths look like text, meta.source, turns[0].value "
                      "or messages[].content",
                      cull__quote(all, n, q, sizeof q));
}

cull_status cull__field_parse(cull_ctx *cx, const char *path, cull__field *out)
{
    *out = (cull__field){0};
    cull_status s = parse(cx, path, strlen(path), out);
    for (int i = 0; s == CULL_OK && i < out->steps; i++)
        if (!out->step[i].key && out->step[i].at < 0)
            s = cull__fail(cx, CULL_EOPTION,
                           "field '%s': [] gives several values; only text can be of several",
                           out->name);
    if (s != CULL_OK) cull__field_free(out);
    return s;
}

cull_status cull__fields_parse(cull_ctx *cx, const char *paths, cull__field **out, int *n)
{
    int64_t cap = 0;
    for (const char *p = paths;;) {
        const char *q = p;
        while (*q && *q != ',') q += *q == '\\' && q[1] ? 2 : 1;
        CULL_TRY(CULL_GROW(cx, *out, &cap, *n + 1));
        ++*n;
        CULL_TRY(parse(cx, p, (size_t)(q - p), &(*out)[*n - 1]));
        if (!*q) return CULL_OK;
        p = q + 1;
    }
}

/* ---- errors ---- */

static const char *kind_name(cull__json_type t)
{
    static const char *const name[] = {"null",     "true or false", "a number",
                                       "a string", "an array",      "an object"};
    return name[t];
}

struct list {
    char at[300];
    size_t n;
};

static bool add_key(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    struct list *l = arg;
    char q[48];
    (void)v;
    if (l->n > sizeof l->at - 60) {
        strcpy(l->at + l->n, ", ...");
        return false;
    }
    l->n += (size_t)snprintf(l->at + l->n, sizeof l->at - l->n, "%s%s", l->n ? ", " : "",
                             cull__quote(key, key_n, q, sizeof q));
    return true;
}

/* ---- what is at a path ---- */

typedef enum { STRING, NAME, NUMBER } wish; /* NAME: a string, a number or a truth value */

struct walk {
    cull_ctx *cx;
    cull__picker *k;
    const cull__field *f;
    const char *path; /* of the file */
    int64_t line;
    wish as;
    bool many;    /* below [] */
    bool missing; /* may be absent, or of another type: then `found` stays false */
    size_t start; /* of the text in the buffer */
    bool found;
    double number;
    cull__json_value root;
    cull_status status;
};

static bool no(struct walk *w, const char *fmt, const char *what)
{
    char q[128], body[256];
    cull__quote(w->f->name, strlen(w->f->name), q, sizeof q);
    snprintf(body, sizeof body, fmt, what);
    w->status =
        cull__fail(w->cx, CULL_EINPUT, "%s:%" PRId64 ": field '%s' %s", w->path, w->line, q, body);
    return false;
}

static bool absent(struct walk *w)
{
    if (w->missing) return true;
    struct list l = {"", 0};
    char q[128];
    cull__json_each(w->root, add_key, &l);
    w->status = cull__fail(
        w->cx, CULL_EINPUT, "%s:%" PRId64 ": no field '%s'; the record has %s", w->path, w->line,
        cull__quote(w->f->name, strlen(w->f->name), q, sizeof q), l.n ? l.at : "none");
    return false;
}

static cull_status append(cull_ctx *cx, cull__picker *k, const char *s, size_t n)
{
    CULL_TRY(CULL_GROW(cx, k->buf, &k->cap, (int64_t)(k->n + n) + 1));
    memcpy(k->buf + k->n, s, n);
    k->n += n;
    return CULL_OK;
}

cull_status cull__append_part(cull_ctx *cx, cull__picker *k, size_t start, const char *s, size_t n)
{
    if (n && k->n > start) CULL_TRY(append(cx, k, "\n", 1));
    return append(cx, k, s, n);
}

/* A part of a message: {"type":"text","text":"..."}, or one of another kind, an image, which has no text. */
static bool each_part(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    struct walk *w = arg;
    cull__json_value type, text;
    size_t n;
    (void)key, (void)key_n;
    bool part = cull__json_kind(v) == CULL__JSON_OBJECT && cull__json_get(v, "type", &type) &&
                cull__json_kind(type) == CULL__JSON_STRING;
    if (!part)
        return no(w, "is an array; it must be a string%s",
                  ", or parts such as {\"type\":\"text\",\"text\":\"...\"}");
    w->found = true;
    if (!cull__json_get(v, "text", &text) || cull__json_kind(text) != CULL__JSON_STRING)
        return true;
    const char *s = cull__json_string(text, &n);
    w->status = cull__append_part(w->cx, w->k, w->start, s, n);
    return w->status == CULL_OK;
}

static bool leaf(struct walk *w, cull__json_value v)
{
    cull__json_type t = cull__json_kind(v);
    size_t n;
    char num[32];
    if (w->as == NUMBER) {
        if (cull__json_number(v, &w->number)) return w->found = true;
        if (t != CULL__JSON_STRING) return no(w, "is %s; it must be a number", kind_name(t));
        const char *s = cull__json_string(v, &n);
        char q[48];
        double d;
        bool numeric = cull__parse_f64(s, n, &d);
        cull__quote(s, n, q, sizeof q);
        return no(w,
                  numeric ? "is the string \"%s\"; it must be a number, without quotes"
                          : "is the string \"%s\"; it must be a number",
                  q);
    }
    if (t == CULL__JSON_STRING) {
        const char *s = cull__json_string(v, &n);
        w->status = w->as == STRING ? cull__append_part(w->cx, w->k, w->start, s, n)
                                    : append(w->cx, w->k, s, n);
        w->found = true;
        return w->status == CULL_OK;
    }
    if (w->as == STRING && t == CULL__JSON_ARRAY) {
        cull__json_each(v, each_part, w);
        if (w->found || w->many || w->status != CULL_OK) return w->status == CULL_OK;
    }
    if (w->as == NAME && (t == CULL__JSON_NUMBER || t == CULL__JSON_BOOL)) {
        int64_t i;
        uint64_t u;
        double d = 0;
        if (t == CULL__JSON_BOOL)
            strcpy(num, cull__json_truth(v) ? "true" : "false");
        else if (cull__json_integer(v, &i))
            snprintf(num, sizeof num, "%" PRId64, i);
        else if (cull__json_unsigned(v, &u))
            snprintf(num, sizeof num, "%" PRIu64, u);
        else if (cull__json_number(v, &d))
            cull__format_f64(d, num);
        w->status = append(w->cx, w->k, num, strlen(num));
        w->found = true;
        return w->status == CULL_OK;
    }
    if (w->missing) return true;
    if (w->many && t == CULL__JSON_NULL) return true; /* a turn that says nothing */
    return no(w,
              w->as == STRING ? "is %s; it must be a string"
                              : "is %s; it must be a string or a number",
              kind_name(t));
}

struct nth {
    int64_t left;
    cull__json_value v;
    bool found;
};

static bool count_down(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    struct nth *k = arg;
    (void)key, (void)key_n;
    if (k->left--) return true;
    k->v = v;
    k->found = true;
    return false;
}

struct deeper {
    struct walk *w;
    int step;
};

static bool follow(struct walk *w, cull__json_value v, int step);

static bool each_element(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    struct deeper *d = arg;
    (void)key, (void)key_n;
    return follow(d->w, v, d->step);
}

static bool follow(struct walk *w, cull__json_value v, int step)
{
    for (; step < w->f->steps; step++) {
        const cull__step *s = &w->f->step[step];
        cull__json_type t = cull__json_kind(v);
        if (s->key) {
            if (t != CULL__JSON_OBJECT)
                return w->missing ? true
                       : step ? no(w, "leads through %s, where an object is needed", kind_name(t))
                              : absent(w);
            if (!cull__json_get(v, s->key, &v)) return absent(w);
            continue;
        }
        if (t != CULL__JSON_ARRAY)
            return w->missing ? true
                              : no(w, "leads through %s, where an array is needed", kind_name(t));
        if (s->at < 0) {
            w->many = true;
            struct deeper d = {w, step + 1};
            return cull__json_each(v, each_element, &d);
        }
        struct nth k = {.left = s->at};
        cull__json_each(v, count_down, &k);
        if (!k.found) return w->missing ? true : no(w, "leads beyond the end of %s", "an array");
        v = k.v;
    }
    return leaf(w, v);
}

/* ---- the fields of a record ---- */

static cull_status walk(struct walk *w, const cull__field *f, wish as, size_t start)
{
    w->f = f;
    w->as = as;
    w->many = w->found = false;
    w->start = start;
    follow(w, w->root, 0);
    return w->status;
}

static cull_status name_field(struct walk *w, const cull__field *f, cull__part *out)
{
    out->from = w->k->n;
    CULL_TRY(walk(w, f, NAME, out->from));
    out->n = w->k->n - out->from;
    return CULL_OK;
}

static cull_status from_root(struct walk *w, const cull__wanted *want, int need, cull__picked *out,
                             double *numbers)
{
    if (need & CULL__TEXT) {
        out->text.from = w->k->n;
        for (int i = 0; i < want->ntext; i++)
            CULL_TRY(walk(w, &want->text[i], STRING, out->text.from));
        out->text.n = w->k->n - out->text.from;
    }
    if (need & CULL__ID && want->id.name) {
        w->missing = !want->id_asked;
        CULL_TRY(name_field(w, &want->id, &out->id));
        out->has_id = w->found;
        w->missing = false;
    }
    if (!(need & CULL__REST)) return CULL_OK;
    if (want->group.name) CULL_TRY(name_field(w, &want->group, &out->group));
    if (want->label.name) CULL_TRY(name_field(w, &want->label, &out->label));
    for (int i = 0; i < want->ncol; i++) {
        CULL_TRY(walk(w, &want->col[i], NUMBER, 0));
        numbers[i] = w->number;
    }
    return CULL_OK;
}

static cull_status parse_record(cull_ctx *cx, cull__picker *k, const char *path,
                                const cull__raw *raw, const char *at, cull__json_value *root)
{
    const char *why;
    size_t bad;
    char size[32];
    if (!k->json) CULL_TRY(cull__json_parser_new(cx, &k->json));
    if (!cull__json_parse(k->json, at, raw->n, root, &why, &bad)) {
        if (bad == SIZE_MAX)
            return cull__fail(cx, CULL_ENOMEM, "%s:%" PRId64 ": a record of %s: %s", path,
                              raw->line, cull__format_bytes(raw->n, size), why);
        return cull__fail(
            cx, CULL_EINPUT, "%s:%" PRId64 ": not JSON at byte %zu of the line: %s%s", path,
            raw->line, bad + 1, why,
            raw->line == 1 && *at == '[' ? "; a record a line is wanted, not one array"
            : raw->line == 1 && *at == '{' && bad + 1 >= raw->n ? "; a record must be one line"
                                                                : "");
    }
    cull__json_type t = cull__json_kind(*root);
    if (t == CULL__JSON_OBJECT) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s:%" PRId64 ": the record is %s; it must be an object%s",
                      path, raw->line, kind_name(t),
                      t == CULL__JSON_ARRAY ? " (one array of records: write each on a line)" : "");
}

static cull_status from_json(cull_ctx *cx, const cull_corpus *c, cull__picker *k, int need,
                             const cull__raw *raw, const char *at, cull__picked *out,
                             double *numbers)
{
    struct walk w = {.cx = cx, .k = k, .path = c->file[raw->file].path, .line = raw->line};
    CULL_TRY(parse_record(cx, k, w.path, raw, at, &w.root));
    if (need & CULL__REST) {
        const char *key;
        size_t n;
        char q[128];
        CULL_TRY(cull__json_twice(cx, w.root, &key, &n));
        if (key)
            return cull__fail(cx, CULL_EINPUT, "%s:%" PRId64 ": the record has '%s' twice", w.path,
                              raw->line, cull__quote(key, n, q, sizeof q));
    }
    return from_root(&w, &c->want, need, out, numbers);
}

/* A cell into the buffer; two quotes become one. */
static cull_status append_cell(cull_ctx *cx, cull__picker *k, size_t start, const cull__cell *c)
{
    CULL_TRY(cull__append_part(cx, k, start, c->at, c->n));
    if (!c->quoted || !memchr(c->at, '"', c->n)) return CULL_OK;
    char *p = k->buf + (k->n - c->n), *end = k->buf + k->n, *to = p;
    for (; p < end; p++) {
        *to++ = *p;
        if (*p == '"') p++;
    }
    k->n = (size_t)(to - k->buf);
    return CULL_OK;
}

static cull_status name_cell(cull_ctx *cx, cull__picker *k, int col, cull__part *out)
{
    out->from = k->n;
    CULL_TRY(append_cell(cx, k, k->n, &k->cell[col]));
    out->n = k->n - out->from;
    return CULL_OK;
}

static cull_status number_cell(cull_ctx *cx, const cull_corpus *c, const cull__raw *raw,
                               const cull__field *f, const cull__cell *cell, double *out)
{
    char q[64];
    if (cull__parse_f64(cell->at, cell->n, out)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s:%" PRId64 ": column '%s' is '%s'; it must be a number",
                      c->file[raw->file].path, raw->line, f->name,
                      cull__quote(cell->at, cell->n, q, sizeof q));
}

static cull_status check_utf8(cull_ctx *cx, const cull_corpus *c, const cull__raw *raw,
                              const char *at)
{
    size_t bad;
    if (cull__utf8_ok(at, raw->n, &bad)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s:%" PRId64 ": byte %zu of the record (0x%02x) is not UTF-8; convert the "
                      "file (iconv -t utf-8)",
                      c->file[raw->file].path, raw->line, bad + 1, (unsigned char)at[bad]);
}

static cull_status from_cells(cull_ctx *cx, const cull_corpus *c, cull__picker *k, int need,
                              const cull__raw *raw, const char *at, cull__picked *out,
                              double *numbers)
{
    const cull__source *f = &c->file[raw->file];
    const cull__wanted *w = &c->want;
    CULL_TRY(CULL_GROW(cx, k->cell, &k->cell_cap, f->cells));
    int64_t n = cull__csv_cells(at, raw->n, f->format == CULL__TSV ? '\t' : ',', k->cell, f->cells);
    if (n < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "%s:%" PRId64 ": text follows a closing quote; a quote "
                          "inside a quoted field is written twice",
                          f->path, raw->line);
    if (n != f->cells)
        return cull__fail(cx, CULL_EINPUT,
                          "%s:%" PRId64 ": the record has %" PRId64 " fields, the header %d",
                          f->path, raw->line, n, f->cells);
    if (need & CULL__REST) CULL_TRY(check_utf8(cx, c, raw, at));
    const int *m = f->map;
    if (need & CULL__TEXT) {
        out->text.from = k->n;
        for (int i = 0; i < w->ntext; i++)
            CULL_TRY(append_cell(cx, k, out->text.from, &k->cell[m[i]]));
        out->text.n = k->n - out->text.from;
    }
    m += w->ntext;
    if (need & CULL__ID && m[0] >= 0) {
        CULL_TRY(name_cell(cx, k, m[0], &out->id));
        out->has_id = true;
    }
    if (!(need & CULL__REST)) return CULL_OK;
    if (m[1] >= 0) CULL_TRY(name_cell(cx, k, m[1], &out->group));
    if (m[2] >= 0) CULL_TRY(name_cell(cx, k, m[2], &out->label));
    for (int i = 0; i < w->ncol; i++)
        CULL_TRY(number_cell(cx, c, raw, &w->col[i], &k->cell[m[3 + i]], &numbers[i]));
    return CULL_OK;
}

cull_status cull__pick_fields(cull_ctx *cx, const cull_corpus *c, cull__picker *k, int need,
                              const cull__raw *raw, const char *at, cull__picked *out,
                              double *numbers)
{
    *out = (cull__picked){0};
    switch (c->file[raw->file].format) {
    case CULL__JSONL: return from_json(cx, c, k, need, raw, at, out, numbers);
    case CULL__CSV:
    case CULL__TSV: return from_cells(cx, c, k, need, raw, at, out, numbers);
    case CULL__MEMORY: return cull__pick_row(cx, c, k, need, raw->line - 1, out, numbers);
    case CULL__TXT: break;
    }
    if (need & CULL__REST) CULL_TRY(check_utf8(cx, c, raw, at));
    if (need & CULL__TEXT) {
        out->text.from = k->n;
        CULL_TRY(append(cx, k, at, raw->n));
        out->text.n = raw->n;
    }
    return CULL_OK;
}

void cull__picker_free(cull__picker *k)
{
    cull__json_parser_free(k->json);
    cull__free(k->buf);
    cull__free(k->cell);
    *k = (cull__picker){0};
}

/* ---- text by its usual names ---- */

/* The usual fields, in the order of corpus.h; a part after '?' is taken if it is there. */
static const char *const usual[] = {"text",
                                    "content",
                                    "messages[].content",
                                    "conversations[].value",
                                    "instruction,?input,output",
                                    "prompt,completion",
                                    "question,answer"};
enum { USUAL = sizeof usual / sizeof *usual };

/* For each usual choice: are its parts there? Then its path without the marks, else "". */
static bool fits(const char *choice, bool (*has)(void *, const char *), void *arg, char *paths)
{
    *paths = 0;
    for (const char *p = choice; *p;) {
        char part[64];
        size_t n = strcspn(p, ",");
        bool optional = *p == '?';
        snprintf(part, sizeof part, "%.*s", (int)n - optional, p + optional);
        bool there = has(arg, part);
        if (!there && !optional) return false;
        if (there) sprintf(paths + strlen(paths), "%s%s", *paths ? "," : "", part);
        p += n + (p[n] == ',');
    }
    return true;
}

static bool json_has(void *arg, const char *path)
{
    cull__json_value v, *root = arg;
    char key[64];
    size_t n = strcspn(path, "[");
    snprintf(key, sizeof key, "%.*s", (int)n, path);
    return cull__json_get(*root, key, &v) &&
           cull__json_kind(v) == (path[n] ? CULL__JSON_ARRAY : CULL__JSON_STRING);
}

cull_status cull__guess_text(cull_ctx *cx, cull_corpus *c, const cull__raw *raw, const char *at)
{
    const cull__source *f = &c->file[raw->file];
    if (f->format != CULL__JSONL || c->want.ntext || c->want.no_text) return CULL_OK;
    cull__picker k = {0};
    cull__json_value root;
    char paths[128] = "";
    cull_status s = parse_record(cx, &k, f->path, raw, at, &root);
    for (int i = 0; s == CULL_OK && i < USUAL; i++)
        if (fits(usual[i], json_has, &root, paths)) break;
    if (s == CULL_OK && !*paths && !c->want.text_optional) {
        struct list l = {"", 0};
        cull__json_each(root, add_key, &l);
        s = cull__fail(cx, CULL_EINPUT,
                       "%s:%" PRId64 ": which field is the text? the record has %s; none of the "
                       "usual names, such as text, content or messages[].content, holds text",
                       f->path, raw->line, l.n ? l.at : "no field");
    }
    if (s == CULL_OK && *paths) s = cull__fields_parse(cx, paths, &c->want.text, &c->want.ntext);
    cull__picker_free(&k);
    return s;
}

struct cells {
    const cull__cell *cell;
    int64_t n;
};

static bool header_has(void *arg, const char *path)
{
    const struct cells *h = arg;
    for (int64_t i = 0; i < h->n; i++)
        if (h->cell[i].n == strlen(path) && !memcmp(h->cell[i].at, path, h->cell[i].n)) return true;
    return false;
}

cull_status cull__guess_csv(cull_ctx *cx, cull_corpus *c, const cull__source *f,
                            const cull__cell *cell, int64_t n)
{
    struct cells h = {cell, n};
    char paths[128] = "", q[48];
    for (int i = 0; i < USUAL; i++)
        if (fits(usual[i], header_has, &h, paths))
            return cull__fields_parse(cx, paths, &c->want.text, &c->want.ntext);
    if (c->want.text_optional) return CULL_OK;
    struct list l = {"", 0};
    for (int64_t i = 0; i < n && l.n < sizeof l.at - 60; i++)
        l.n += (size_t)snprintf(l.at + l.n, sizeof l.at - l.n, "%s%s", i ? ", " : "",
                                cull__quote(cell[i].at, cell[i].n, q, sizeof q));
    return cull__fail(cx, CULL_EINPUT,
                      "%s: which column is the text? %s has %s; none of the usual names, such as "
                      "text or content",
                      f->path, cull__head(f), l.at);
}
