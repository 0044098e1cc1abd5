/* frame.c - records of mixed columns as a pool: one pass says what the columns are, the next fills. */
#include "repr/frame.h"
#include "repr/repr.h"
#include "repr/rounding.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NOTES = 3, NOTE = 400 };

typedef struct {
    bool text;              /* some cell is no number, or the caller says so */
    bool seen;              /* in this record */
    bool named;             /* as categorical by the caller */
    int64_t to;             /* of the pool, or -1 */
    int watched;            /* slot of building.merges, or -1 */
    int64_t numbers, texts; /* cells */
    int64_t line;           /* of the first text, in file number `path` */
    int path;
    char first[32]; /* that text, its head */
    cull__extent span;
    cull__dict dict; /* of a categorical column, of the target or the group */
} column;

struct cull_frame {
    int64_t n, d;
    bool array;
    cull_pool *pool;
    const char **name;
    int32_t *levels;
    double *target;
    int32_t *group;
    column *c;
    int64_t cols, cap;
    int32_t target_at, group_at; /* columns, or -1 */
    char note[NOTES][NOTE];
    int notes;
};

typedef struct {
    cull_ctx *cx;
    const cull_frame_opts *o;
    cull_frame *f;
    cull__cells cells;
    cull__merges merges;
    bool filling;
    int path; /* which file is read */
    float *at;
    double *offset; /* (d) or NULL: no column is read less one */
} building;

void cull_frame_free(cull_frame *f)
{
    if (!f) return;
    cull_pool_free(f->pool);
    for (int64_t c = 0; c < f->cols; c++) cull__dict_free(&f->c[c].dict);
    cull__free(f->c);
    cull__free(f->name);
    cull__free(f->levels);
    cull__free(f->target);
    cull__free(f->group);
    cull__free(f);
}

const cull_pool *cull_frame_pool(const cull_frame *f) { return f->pool; }
const char *const *cull_frame_names(const cull_frame *f) { return f->name; }
const int32_t *cull_frame_levels(const cull_frame *f) { return f->array ? NULL : f->levels; }
bool cull_frame_is_array(const cull_frame *f) { return f->array; }

const double *cull_frame_target(const cull_frame *f, int32_t *levels)
{
    *levels = 0;
    if (f->target_at >= 0 && f->c[f->target_at].text) *levels = (int32_t)f->c[f->target_at].dict.n;
    return f->target;
}

const int32_t *cull_frame_group(const cull_frame *f, int32_t *count)
{
    *count = f->group ? (int32_t)f->c[f->group_at].dict.n : 0;
    return f->group;
}

const char *cull_frame_target_name(const cull_frame *f, int32_t code)
{
    return cull__dict_text(&f->c[f->target_at].dict, code);
}

const char *cull_frame_note(const cull_frame *f, int i)
{
    return i >= 0 && i < f->notes ? f->note[i] : NULL;
}

int64_t cull_frame_find(const cull_frame *f, const char *name, const char **near)
{
    for (int64_t c = 0; c < f->d; c++)
        if (!strcmp(f->name[c], name)) return c;
    if (near) *near = cull__nearest(name, f->name, f->d > 100000 ? 100000 : (int)f->d);
    return -1;
}

/* ---- cells ---- */

static cull_status column_at(building *b, int64_t at, column **out)
{
    cull_frame *f = b->f;
    CULL_TRY(CULL_GROW(b->cx, f->c, &f->cap, at + 1));
    while (f->cols <= at) f->c[f->cols++] = (column){.to = -1, .watched = -1};
    *out = &f->c[at];
    (*out)->seen = true;
    return CULL_OK;
}

static cull_status refuse(building *b, int64_t at, const char *what)
{
    char shown[80];
    const char *name = cull__dict_text(&b->cells.names, (int32_t)at);
    return cull__fail(b->cx, CULL_EINPUT, "%s:%" PRId64 ": column '%s' is %s", b->cells.path,
                      b->cells.line, cull__quote(name, strlen(name), shown, sizeof shown), what);
}

static cull_status look(void *arg, int64_t at, const cull__cell *cell)
{
    building *b = arg;
    column *c;
    CULL_TRY(column_at(b, at, &c));
    if (cell->kind == CULL__CELL_TEXT && !c->texts++) {
        c->line = b->cells.line, c->path = b->path;
        cull__quote(cell->s, cell->n, c->first, sizeof c->first);
    }
    c->text |= cell->kind == CULL__CELL_TEXT;
    if (cell->kind != CULL__CELL_NUMBER) return CULL_OK;
    c->numbers++;
    cull__extent_add(&c->span, cell->v);
    if (!isfinite(cell->v) || fabs(cell->v) > 3.4028234e38)
        return refuse(b, at, isinf(cell->v) ? "infinite" : "too large for f32");
    return CULL_OK;
}

static cull_status next_record(void *arg)
{
    building *b = arg;
    b->cells.rows++;
    return CULL_OK;
}

static cull_status fill(void *arg, int64_t at, const cull__cell *cell)
{
    building *b = arg;
    cull_frame *f = b->f;
    int64_t row = b->cells.rows;
    int32_t code = 0;
    bool none = cell->kind == CULL__CELL_NONE, group = at == f->group_at;
    if (at >= f->cols || row >= f->n)
        return cull__fail(b->cx, CULL_EIO, "%s changed while it was read", b->cells.path);
    column *c = &f->c[at];
    c->seen = true;
    if (none && at == f->target_at) return refuse(b, at, "missing; every row needs a target");
    if (none && group) return refuse(b, at, "missing; every row needs a group");
    if (!none && (c->text || group))
        CULL_TRY(cull__dict_add(b->cx, &c->dict, cell->s, cell->n, &code));
    double v = none ? NAN : c->text ? code : cell->v;
    double less = b->offset && c->to >= 0 ? b->offset[c->to] : 0;
    if (c->to >= 0) b->at[row * f->d + c->to] = (float)(v - less);
    if (c->watched >= 0 && !none) cull__merges_add(&b->merges, c->watched, v);
    if (at == f->target_at) f->target[row] = v;
    if (group) f->group[row] = code;
    return CULL_OK;
}

/* Of jsonl: what the record lacks. */
static cull_status fill_end(void *arg)
{
    building *b = arg;
    static const cull__cell none = {0};
    for (int64_t c = 0; c < b->f->cols; c++) {
        if (!b->f->c[c].seen) CULL_TRY(fill(b, c, &none));
        b->f->c[c].seen = false;
    }
    return next_record(b);
}

/* ---- columns ---- */

static cull_status names_of(building *b, const char ***out)
{
    int64_t n = b->cells.names.n;
    CULL_TRY(CULL_TMP(b->cx, *out, n));
    for (int32_t i = 0; i < n; i++) (*out)[i] = cull__dict_text(&b->cells.names, i);
    return CULL_OK;
}

static cull_status find(building *b, const char *name, size_t n, int32_t *out)
{
    const char **names;
    char *want;
    *out = cull__dict_find(&b->cells.names, name, n);
    if (*out >= 0) return CULL_OK;
    CULL_TRY(names_of(b, &names));
    CULL_TRY(CULL_TMP0(b->cx, want, (int64_t)n + 1));
    memcpy(want, name, n);
    return cull__no_column(b->cx, b->o->paths[0], want, names, b->cells.names.n);
}

static cull_status name_columns(building *b)
{
    cull_frame *f = b->f;
    const cull_frame_opts *o = b->o;
    if (o->target) CULL_TRY(find(b, o->target, strlen(o->target), &f->target_at));
    if (o->group) CULL_TRY(find(b, o->group, strlen(o->group), &f->group_at));
    if (o->target && f->group_at == f->target_at)
        return cull__fail(b->cx, CULL_EOPTION, "'%s' is both the target and the group", o->target);
    for (const char *s = o->categorical; s && *s;) {
        int32_t at;
        size_t n = strcspn(s, ",");
        CULL_TRY(find(b, s, n, &at));
        f->c[at].text = f->c[at].named = true;
        s += n + (s[n] == ',');
    }
    CULL_TRY(CULL_ALLOC(b->cx, f->name, f->cols));
    CULL_TRY(CULL_ALLOC(b->cx, f->levels, f->cols));
    for (int32_t c = 0; c < f->cols; c++) {
        if (c == f->target_at || c == f->group_at) continue;
        f->c[c].to = f->d;
        f->name[f->d++] = cull__dict_text(&b->cells.names, c);
    }
    if (f->d) return CULL_OK;
    return cull__fail(b->cx, CULL_EINPUT, "%s: there are no columns to choose from", o->paths[0]);
}

/* Text and codes of categorical columns are what they are. */
static cull_status round_columns(building *b)
{
    cull_frame *f = b->f;
    for (int64_t c = 0; c < f->cols; c++) {
        column *k = &f->c[c];
        if (k->to < 0 || k->text) continue;
        double offset = cull__extent_offset(&k->span);
        if (offset && !b->offset) CULL_TRY(CULL_TMP0(b->cx, b->offset, f->d));
        if (offset) b->offset[k->to] = offset;
        if (!offset && k->span.whole)
            CULL_TRY(cull__merges_watch(b->cx, &b->merges, k->to, &k->watched));
    }
    return CULL_OK;
}

static cull_status room(building *b)
{
    cull_frame *f = b->f;
    cull_array a = {.dtype = CULL_F32, .ndim = 2, .shape = {f->n, f->d}};
    uint64_t bytes;
    void *at;
    if (!cull__array_bytes(&a, &bytes))
        return cull__fail(b->cx, CULL_EINPUT, "%s: the table is too large", b->o->paths[0]);
    CULL_TRY(cull__array_memory(b->cx, bytes, &a.mem_, &at));
    a.at = b->at = at;
    cull_status s = cull__pool_of(b->cx, &a, b->o->paths[0], &f->pool);
    if (s != CULL_OK) cull_array_free(&a);
    CULL_TRY(s);
    CULL_TRY(cull_pool_set_offset(b->cx, f->pool, b->offset));
    if (f->target_at >= 0) CULL_TRY(CULL_ALLOC(b->cx, f->target, f->n));
    if (f->group_at >= 0) CULL_TRY(CULL_ALLOC(b->cx, f->group, f->n));
    return CULL_OK;
}

static cull_status pass(building *b, const cull__bytes *bytes)
{
    b->cells.rows = 0;
    b->cells.cell = b->filling ? fill : look;
    b->cells.end = b->filling ? fill_end : next_record;
    for (int64_t c = 0; c < b->f->cols; c++) b->f->c[c].seen = false;
    for (b->path = 0; b->path < b->o->npaths; b->path++)
        CULL_TRY(cull__cells_read(&b->cells, b->o->paths[b->path], &bytes[b->path],
                                  !b->path && !b->filling));
    return CULL_OK;
}

/* ---- notes ---- */

static void note_text(building *b, const column *c, int64_t at, int64_t more)
{
    cull_frame *f = b->f;
    char shown[80], others[64] = "";
    const char *name = cull__dict_text(&b->cells.names, (int32_t)at);
    if (more > 0) snprintf(others, sizeof others, " (%" PRId64 " more columns are so)", more);
    snprintf(f->note[f->notes++], NOTE,
             "%.100s:%" PRId64 ": column '%s' is taken as text, as '%s' is no number, although "
             "%" PRId64 " of its %" PRId64 " cells are; mend such cells, or list them in "
             "--missing%s.",
             b->o->paths[c->path], c->line, cull__quote(name, strlen(name), shown, sizeof shown),
             c->first, c->numbers, c->numbers + c->texts, others);
}

/* Nine cells of ten are numbers, so the column was meant to be. */
static void note_texts(building *b)
{
    int64_t found = 0, told = 0;
    const cull_frame *f = b->f;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t c = 0; c < f->cols; c++) {
            const column *k = &f->c[c];
            if (k->named || c == f->group_at || !k->texts || k->numbers < 9 * k->texts) continue;
            if (!pass) found++;
            if (!pass || told == NOTES - 1) continue;
            told++;
            note_text(b, k, c, told == NOTES - 1 ? found - told : 0);
        }
}

static void note_merge(building *b, const cull_pool_merge *m)
{
    cull_frame *f = b->f;
    char shown[80];
    const char *name = f->name[m->column];
    snprintf(f->note[f->notes++], NOTE,
             "Numbers are read with 24 bits: in column '%s' %.17g and %.17g are both %.17g. Where "
             "the difference matters subtract a constant from the column or split it in two.",
             cull__quote(name, strlen(name), shown, sizeof shown), m->a, m->b, (double)(float)m->a);
}

static cull_status two_passes(building *b, const cull__bytes *bytes)
{
    cull_frame *f = b->f;
    CULL_TRY(pass(b, bytes));
    f->n = b->cells.rows;
    if (!f->n) return cull__fail(b->cx, CULL_EINPUT, "%s: it holds no record", b->o->paths[0]);
    CULL_TRY(name_columns(b));
    CULL_TRY(round_columns(b));
    CULL_TRY(room(b));
    b->filling = true;
    CULL_TRY(pass(b, bytes));
    for (int64_t c = 0; c < f->cols; c++)
        if (f->c[c].to >= 0 && f->c[c].text) f->levels[f->c[c].to] = (int32_t)f->c[c].dict.n;
    note_texts(b);
    if (b->merges.found) note_merge(b, &b->merges.first);
    return CULL_OK;
}

static cull_status open_records(building *b)
{
    cull__bytes *bytes;
    int n = b->o->npaths, opened = 0;
    cull_status s = CULL_OK;
    CULL_TRY(CULL_ALLOC(b->cx, bytes, n));
    for (; s == CULL_OK && opened < n; opened++)
        s = cull__bytes_open(b->cx, b->o->paths[opened], &bytes[opened]);
    if (s == CULL_OK) s = two_passes(b, bytes);
    for (int i = 0; i < opened; i++) cull__bytes_close(&bytes[i]);
    cull__free(bytes);
    return s;
}

/* ---- arrays ---- */

/* The member X or x of a file of several, else what cull_pool_open takes. */
static cull_status open_matrix(building *b)
{
    static const char *const member[] = {"X", "x"};
    char path[4096], ext[16];
    cull_array a;
    cull__extension(b->o->paths[0], ext);
    bool several = !strcmp(ext, "npz") || !strcmp(ext, "safetensors");
    for (int i = 0; several && b->o->npaths == 1 && i < 2; i++) {
        if (snprintf(path, sizeof path, "%s:%s", b->o->paths[0], member[i]) >= (int)sizeof path)
            break;
        cull_status s = cull_array_open(b->cx, path, NULL, &a);
        cull_array_free(&a);
        if (s == CULL_OK) return cull_pool_open(b->cx, path, &b->f->pool);
        if (s == CULL_EIO) break; /* told below, of the file */
        if (s != CULL_EINPUT) return s;
    }
    return cull_pool_open_all(b->cx, b->o->paths, b->o->npaths, &b->f->pool);
}

static cull_status array_target(building *b)
{
    cull_frame *f = b->f;
    char shape[208];
    cull_array a;
    if (b->o->npaths > 1)
        return cull__fail(b->cx, CULL_EOPTION,
                          "the target is in a file of its own where the columns are in several");
    CULL_TRY(cull_array_open(b->cx, b->o->paths[0], b->o->target, &a));
    cull_status s = CULL_OK;
    if (a.ndim < 1 || a.shape[0] != f->n || (a.ndim > 1 && a.shape[1] != 1) || a.ndim > 2)
        s = cull__fail(b->cx, CULL_EINPUT,
                       "%s: '%s' has shape %s; a target is one number for each of %" PRId64 " rows",
                       b->o->paths[0], b->o->target, cull__shape_text(&a, shape), f->n);
    if (s == CULL_OK) s = CULL_ALLOC(b->cx, f->target, f->n);
    if (s == CULL_OK) cull_array_f64(&a, 0, f->n, f->target);
    cull_array_free(&a);
    return s;
}

static cull_status open_array(building *b)
{
    cull_frame *f = b->f;
    char name[32];
    int32_t code;
    cull_pool_merge merge;
    f->array = true;
    if (b->o->group || b->o->categorical)
        return cull__fail(b->cx, CULL_EOPTION, "--%s is for records; %s is an array",
                          b->o->group ? "group" : "categorical", b->o->paths[0]);
    CULL_TRY(open_matrix(b));
    CULL_TRY(cull_pool_centre(b->cx, f->pool, &merge));
    f->n = cull_pool_n(f->pool);
    f->d = cull_pool_d(f->pool);
    if (!f->n) return cull__fail(b->cx, CULL_EINPUT, "%s: it has no rows", b->o->paths[0]);
    CULL_TRY(CULL_ALLOC(b->cx, f->name, f->d));
    for (int64_t c = 0; c < f->d; c++) {
        snprintf(name, sizeof name, "c%" PRId64, c);
        CULL_TRY(cull__dict_add(b->cx, &b->cells.names, name, strlen(name), &code));
    }
    for (int64_t c = 0; c < f->d; c++) f->name[c] = cull__dict_text(&b->cells.names, (int32_t)c);
    if (merge.column >= 0) note_merge(b, &merge);
    return b->o->target ? array_target(b) : CULL_OK;
}

/* ---- open ---- */

/* Names are told of the files' bytes while they are read, and by the frame afterwards. */
static cull_status keep_names(building *b)
{
    column *c;
    CULL_TRY(column_at(b, b->f->cols, &c));
    c->dict = b->cells.names;
    b->cells.names = (cull__dict){0};
    return CULL_OK;
}

bool cull__is_table(const char *path)
{
    char e[16];
    cull__extension(path, e);
    return !strcmp(path, "-") || !strcmp(e, "csv") || !strcmp(e, "tsv") || !strcmp(e, "jsonl") ||
           !strcmp(e, "ndjson");
}

cull_status cull_frame_open(cull_ctx *cx, const cull_frame_opts *o, cull_frame **out)
{
    building b = {.cx = cx, .o = o};
    *out = NULL;
    if (o->npaths < 1) return cull__fail(cx, CULL_EOPTION, "there is no table");
    for (int i = 1; i < o->npaths; i++)
        if (cull__is_table(o->paths[i]) != cull__is_table(o->paths[0]))
            return cull__fail(cx, CULL_EOPTION, "%s and %s: one holds records, the other an array",
                              o->paths[0], o->paths[i]);
    CULL_TRY(CULL_ALLOC(cx, b.f, 1));
    b.f->target_at = b.f->group_at = -1;
    b.cells = (cull__cells){
        .cx = cx, .missing = o->missing ? o->missing : "NA,N/A,n/a,nan,NaN,null,NULL,?", .arg = &b};
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "reading the table");
    cull_status s = cull__is_table(o->paths[0]) ? open_records(&b) : open_array(&b);
    if (s == CULL_OK) s = keep_names(&b);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    cull__dict_free(&b.cells.names);
    cull__merges_free(&b.merges);
    if (s != CULL_OK) cull_frame_free(b.f), b.f = NULL;
    *out = b.f;
    return s;
}
