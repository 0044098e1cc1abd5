/* corpus_memory.c - a corpus over columns of memory: one source without bytes, whose cells are asked
 * for row by row. A text of one column is used where it lies; several are joined in the picker's
 * buffer, as those of files are. */
#include "repr/corpus.h"

#include <inttypes.h>
#include <string.h>

/* ---- cells ---- */

struct place {
    cull_ctx *cx;
    cull__picker *k;
    int64_t row;
    bool check; /* UTF-8 */
};

static cull_status no_cell(const struct place *p, const cull__column *col, int64_t why,
                           const char *wish)
{
    return cull__fail(p->cx, CULL_EINPUT, "memory: row %" PRId64 " of column '%s' %s%s", p->row,
                      col->name,
                      why == CULL__NULL ? "is null; it must be "
                                        : "has an offset or index outside the column's data",
                      why == CULL__NULL ? wish : "");
}

/* Null: *null, if that may be. */
static cull_status text_cell(const struct place *p, const cull__column *col, bool *null,
                             cull__part *out)
{
    char buf[32];
    size_t bad;
    int64_t n = col->text(col->of, p->row, buf, &out->at);
    if (null && (*null = n == CULL__NULL)) return CULL_OK;
    if (n < 0) return no_cell(p, col, n, "a string");
    out->n = (size_t)n;
    if (p->check && !cull__utf8_ok(out->at, out->n, &bad))
        return cull__fail(p->cx, CULL_EINPUT,
                          "memory: byte %zu (0x%02x) of row %" PRId64
                          " of column '%s' is not UTF-8",
                          bad + 1, (unsigned char)out->at[bad], p->row, col->name);
    if (out->at != buf) return CULL_OK;
    out->at = NULL;
    out->from = p->k->n;
    return cull__append_part(p->cx, p->k, p->k->n, buf, out->n);
}

static cull_status number_cell(const struct place *p, const cull__column *col, double *out)
{
    cull__part s;
    char q[64];
    if (col->number) {
        int why = col->number(col->of, p->row, out);
        return why ? no_cell(p, col, why, "a number") : CULL_OK;
    }
    CULL_TRY(text_cell(p, col, NULL, &s));
    if (cull__parse_f64(s.at, s.n, out)) return CULL_OK;
    return cull__fail(p->cx, CULL_EINPUT,
                      "memory: row %" PRId64 " of column '%s' is '%s'; it must be a number", p->row,
                      col->name, cull__quote(s.at, s.n, q, sizeof q));
}

static cull_status text_of(const struct place *p, const cull__column *col, const int *map, int n,
                           cull__part *out)
{
    if (n == 1) return text_cell(p, &col[*map], NULL, out);
    out->from = p->k->n;
    for (int i = 0; i < n; i++) {
        cull__part part;
        CULL_TRY(text_cell(p, &col[map[i]], NULL, &part));
        CULL_TRY(cull__append_part(p->cx, p->k, out->from, part.at, part.n));
    }
    out->n = p->k->n - out->from;
    return CULL_OK;
}

cull_status cull__pick_row(cull_ctx *cx, const cull_corpus *c, cull__picker *k, int need,
                           int64_t row, cull__picked *out, double *numbers)
{
    struct place p = {cx, k, row, need & CULL__REST};
    const cull__wanted *w = &c->want;
    const cull__column *col = c->column;
    const int *m = c->file->map;
    if (need & CULL__TEXT) CULL_TRY(text_of(&p, col, m, w->ntext, &out->text));
    m += w->ntext;
    if (need & CULL__ID && m[0] >= 0) {
        bool null = false;
        CULL_TRY(text_cell(&p, &col[m[0]], w->id_asked ? NULL : &null, &out->id));
        out->has_id = !null;
    }
    if (!(need & CULL__REST)) return CULL_OK;
    if (m[1] >= 0) CULL_TRY(text_cell(&p, &col[m[1]], NULL, &out->group));
    if (m[2] >= 0) CULL_TRY(text_cell(&p, &col[m[2]], NULL, &out->label));
    for (int i = 0; i < w->ncol; i++) CULL_TRY(number_cell(&p, &col[m[3 + i]], &numbers[i]));
    return CULL_OK;
}

/* ---- opening ---- */

static cull_status not_a(cull_ctx *cx, const cull__column *col, const char *wish)
{
    return cull__fail(cx, CULL_EINPUT, "memory: column '%s' is of kind %s; %s", col->name,
                      col->kind, wish);
}

/* Are the columns asked for of the kind that their use needs? */
static cull_status kinds_fit(cull_ctx *cx, cull_corpus *c)
{
    const cull__wanted *w = &c->want;
    const cull__column *col = c->column;
    int *m = c->file->map;
    for (int i = 0; i < w->ntext; i++, m++)
        if (!col[*m].text || col[*m].number) return not_a(cx, &col[*m], "text must be strings");
    if (m[0] >= 0 && !col[m[0]].text && !w->id_asked) m[0] = -1;
    for (int i = 0; i < 3 + w->ncol; i++)
        if (m[i] >= 0 && !col[m[i]].text)
            return not_a(cx, &col[m[i]],
                         i < 3 ? "it must be strings or numbers" : "it must be numbers");
    return CULL_OK;
}

cull_status cull__memory_add(cull_ctx *cx, cull_corpus *c, const cull__memory *m)
{
    static const char name[] = "memory";
    cull__cell *cell;
    CULL_TRY(CULL_ALLOC(cx, c->file, 1));
    CULL_TRY(CULL_ALLOC(cx, c->pub, 1));
    cull__source *f = c->file;
    *f = (cull__source){.fd = -1, .format = CULL__MEMORY};
    c->files = 1;
    CULL_TRY(CULL_ALLOC(cx, f->path, (int64_t)sizeof name));
    memcpy(f->path, name, sizeof name);
    c->pub->path = f->path;
    c->pub->rows = m->n;
    c->size = (uint64_t)m->n;
    if (m->n < 1 || m->cols < 1)
        return cull__fail(cx, CULL_EINPUT, "memory: the table has no %s",
                          m->cols < 1 ? "columns" : "rows");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, cell, m->cols);
    for (int i = 0; s == CULL_OK && i < m->cols; i++)
        cell[i] = (cull__cell){.at = m->col[i].name, .n = strlen(m->col[i].name)};
    if (s == CULL_OK) s = cull__columns_find(cx, c, f, cell, m->cols);
    cull__release(cx, mark);
    return s == CULL_OK ? kinds_fit(cx, c) : s;
}

/* ---- columns of the caller's ---- */

static int64_t string_at(const void *of, int64_t row, char buf[32], const char **at)
{
    const cull_column *col = of;
    int64_t from = col->offset[row], n = col->offset[row + 1] - from;
    (void)buf;
    if (from < 0 || n < 0) return CULL__BROKEN;
    *at = n ? col->bytes + from : "";
    return n;
}

static int64_t number_text(const void *of, int64_t row, char buf[32], const char **at)
{
    *at = cull__format_f64(((const cull_column *)of)->number[row], buf);
    return (int64_t)strlen(buf);
}

static int number_at(const void *of, int64_t row, double *out)
{
    *out = ((const cull_column *)of)->number[row];
    return 0;
}

cull__column cull__memory_column(const cull_column *col)
{
    return (cull__column){.name = col->name,
                          .kind = col->number ? "number" : "string",
                          .of = col,
                          .text = col->number ? number_text : string_at,
                          .number = col->number ? number_at : NULL};
}

cull_status cull_corpus_from(cull_ctx *cx, int64_t n, const cull_column *col, int cols,
                             const cull_corpus_opts *o, cull_corpus **out)
{
    cull__memory m = {.n = n, .cols = cols};
    *out = NULL;
    if (n < 0 || cols < 0)
        return cull__fail(cx, CULL_EINPUT, "memory: a table of %" PRId64 " rows and %d columns", n,
                          cols);
    for (int i = 0; i < cols; i++)
        if (!col[i].name || !col[i].offset == !col[i].number)
            return cull__fail(cx, CULL_EINPUT,
                              "memory: column %d ('%s') must have a name and either strings "
                              "(offset, bytes) or numbers",
                              i, col[i].name ? col[i].name : "");
    /* the columns, then what they are of */
    CULL_TRY(cull__alloc(cx, (void **)&m.col, cols, sizeof *m.col + sizeof *col));
    cull_column *given = (cull_column *)(m.col + cols);
    for (int i = 0; i < cols; i++) {
        given[i] = col[i];
        m.col[i] = cull__memory_column(&given[i]);
    }
    return cull__corpus_open(cx, o, &m, out);
}
