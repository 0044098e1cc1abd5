/* read.c - a pick file read back: told from its bytes, then its name; checked row by row.
 *
 * All that the result points to lies in blocks of its own (a pack) and goes back at once. */
#include "report/read.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- JSON ---- */

typedef struct {
    cull__reading *g;
    cull_run *run;
    int64_t i;
    cull_status s;
} visit;

static cull_status lacks(cull__reading *g, const char *key, const char *what)
{
    return cull__fail(g->cx, CULL_EINPUT, "%s: field '%s' is no %s", g->path, key, what);
}

static cull_status get_text(cull__reading *g, cull__json_value o, const char *key, const char **out)
{
    cull__json_value v;
    size_t n;
    if (!cull__json_get(o, key, &v) || cull__json_kind(v) == CULL__JSON_NULL) return CULL_OK;
    if (cull__json_kind(v) != CULL__JSON_STRING) return lacks(g, key, "string");
    const char *s = cull__json_string(v, &n);
    return cull__pack_text(g, s, n, out);
}

static cull_status get_number(cull__reading *g, cull__json_value o, const char *key, double *out)
{
    cull__json_value v;
    if (!cull__json_get(o, key, &v) || cull__json_kind(v) == CULL__JSON_NULL) return CULL_OK;
    if (!cull__json_number(v, out)) return lacks(g, key, "number");
    return CULL_OK;
}

static cull_status get_whole(cull__reading *g, cull__json_value o, const char *key, int64_t lo,
                             int64_t hi, int64_t *out)
{
    cull__json_value v;
    double d;
    if (!cull__json_get(o, key, &v) || cull__json_kind(v) == CULL__JSON_NULL) return CULL_OK;
    if (cull__json_integer(v, out)) {
    } else if (cull__json_number(v, &d) && d == floor(d) && fabs(d) <= 9007199254740992.0) {
        *out = (int64_t)d;
    } else {
        return lacks(g, key, "whole number");
    }
    if (*out >= lo && *out <= hi) return CULL_OK;
    return cull__fail(g->cx, CULL_EINPUT,
                      "%s: field '%s' is %" PRId64 ", outside %" PRId64 " to %" PRId64, g->path,
                      key, *out, lo, hi);
}

/* Elements of the array `key` of o, each handed to fn with its number; absent is empty. */
typedef cull_status each_fn(cull__reading *g, cull_run *run, int64_t i, const char *key,
                            size_t key_n, cull__json_value v);
typedef struct {
    visit v;
    each_fn *fn;
} walk;
static bool step(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    walk *w = arg;
    w->v.s = w->fn(w->v.g, w->v.run, w->v.i++, key, key_n, v);
    return w->v.s == CULL_OK;
}
static cull_status each(cull__reading *g, cull_run *run, cull__json_value v, each_fn *fn)
{
    walk w = {{g, run, 0, CULL_OK}, fn};
    cull__json_each(v, step, &w);
    return w.v.s;
}
static cull_status find(cull__reading *g, cull__json_value o, const char *key, cull__json_type type,
                        cull__json_value *v, int *n)
{
    *n = 0;
    if (!cull__json_get(o, key, v) || cull__json_kind(*v) == CULL__JSON_NULL) return CULL_OK;
    if (cull__json_kind(*v) != type)
        return lacks(g, key, type == CULL__JSON_ARRAY ? "array" : "object");
    int64_t count = cull__json_count(*v);
    if (count > INT_MAX / 2) return lacks(g, key, "list of sensible length");
    *n = (int)count;
    return CULL_OK;
}

#define EACH(name)                                                                                 \
    static cull_status name(cull__reading *g, cull_run *run, int64_t i, const char *key,           \
                            size_t key_n, cull__json_value v)
#define UNUSED_KEY (void)key, (void)key_n

EACH(one_option)
{
    cull_run_option *o = (cull_run_option *)&run->option[i];
    char num[32];
    size_t n;
    double d;
    CULL_TRY(cull__pack_text(g, key, key_n, &o->name));
    switch (cull__json_kind(v)) {
    case CULL__JSON_STRING: {
        const char *s = cull__json_string(v, &n);
        return cull__pack_text(g, s, n, &o->value);
    }
    case CULL__JSON_BOOL: o->value = cull__json_truth(v) ? "true" : "false"; return CULL_OK;
    case CULL__JSON_NUMBER:
        cull__json_number(v, &d);
        cull__format_f64(d, num);
        return cull__pack_text(g, num, strlen(num), &o->value);
    default: return lacks(g, o->name, "option's value");
    }
}

EACH(one_input)
{
    UNUSED_KEY;
    cull_run_input *in = (cull_run_input *)&run->input[i];
    int64_t bytes = 0;
    const char *hash = "";
    *in = (cull_run_input){.role = "", .file.path = ""};
    CULL_TRY(get_text(g, v, "role", &in->role));
    CULL_TRY(get_text(g, v, "path", &in->file.path));
    CULL_TRY(get_whole(g, v, "bytes", 0, INT64_MAX, &bytes));
    CULL_TRY(get_whole(g, v, "rows", 0, INT64_MAX, &in->file.rows));
    CULL_TRY(get_text(g, v, "xxh128", &hash));
    in->file.bytes = (uint64_t)bytes;
    snprintf(in->file.hash, sizeof in->file.hash, "%s", hash);
    return CULL_OK;
}

EACH(one_figure)
{
    UNUSED_KEY;
    cull_run_figure *f = (cull_run_figure *)&run->figure[i];
    *f = (cull_run_figure){"", "", NAN, NAN, NAN, NULL};
    CULL_TRY(get_text(g, v, "name", &f->name));
    CULL_TRY(get_text(g, v, "metric", &f->metric));
    CULL_TRY(get_number(g, v, "value", &f->value));
    CULL_TRY(get_number(g, v, "lo", &f->lo));
    CULL_TRY(get_number(g, v, "hi", &f->hi));
    return get_text(g, v, "note", &f->note);
}

static cull_status tally(cull__reading *g, cull_run_tally *t, cull__json_value v)
{
    *t = (cull_run_tally){"", 0, 0, NAN};
    CULL_TRY(get_text(g, v, "name", &t->name));
    CULL_TRY(get_whole(g, v, "pool", 0, INT64_MAX, &t->pool));
    CULL_TRY(get_whole(g, v, "kept", 0, INT64_MAX, &t->kept));
    return get_number(g, v, "quota", &t->quota);
}
EACH(one_group)
{
    UNUSED_KEY;
    return tally(g, (cull_run_tally *)&run->group[i], v);
}
EACH(one_label)
{
    UNUSED_KEY;
    return tally(g, (cull_run_tally *)&run->label[i], v);
}

EACH(one_quantile)
{
    UNUSED_KEY;
    (void)g;
    double *q = (double *)run->coverage[run->coverages].v;
    q[i] = NAN;
    cull__json_number(v, &q[i]);
    return CULL_OK;
}
/* run->coverages is the one being read until all are. */
EACH(one_series)
{
    UNUSED_KEY;
    cull_run_series *s = (cull_run_series *)&run->coverage[i];
    cull__json_value q;
    double *to;
    int n;
    *s = (cull_run_series){.name = ""};
    CULL_TRY(get_text(g, v, "name", &s->name));
    CULL_TRY(get_whole(g, v, "of", 0, INT64_MAX, &s->of));
    CULL_TRY(find(g, v, "quantiles", CULL__JSON_ARRAY, &q, &n));
    CULL_TRY(CULL_PACK(g, to, n));
    s->n = n;
    s->v = to;
    run->coverages = (int)i;
    return n ? each(g, run, q, one_quantile) : CULL_OK;
}

static cull_status counted(cull__reading *g, cull_run *run, const int64_t *list, int64_t i,
                           cull__json_value v)
{
    (void)run;
    int64_t *to = (int64_t *)&list[i];
    if (!cull__json_integer(v, to) || *to < 0) return lacks(g, "histogram", "list of counts");
    return CULL_OK;
}
EACH(one_kept)
{
    UNUSED_KEY;
    return counted(g, run, run->histogram.kept, i, v);
}
EACH(one_pool)
{
    UNUSED_KEY;
    return counted(g, run, run->histogram.pool, i, v);
}

static cull_status text_of(cull__reading *g, const char *key, cull__json_value v, const char **to)
{
    size_t n;
    if (cull__json_kind(v) != CULL__JSON_STRING) return lacks(g, key, "list of strings");
    const char *s = cull__json_string(v, &n);
    return cull__pack_text(g, s, n, to);
}
EACH(one_note)
{
    UNUSED_KEY;
    return text_of(g, "notes", v, (const char **)&run->note[i]);
}
EACH(one_arg)
{
    UNUSED_KEY;
    return text_of(g, "argv", v, (const char **)&run->argv[i]);
}

EACH(one_row)
{
    UNUSED_KEY;
    (void)run;
    char where[1024];
    int64_t row = INT64_MIN, by = -1;
    double score = NAN, d;
    cull__json_value f;
    size_t id_n = 0;
    const char *id = NULL;
    snprintf(where, sizeof where, "%s: pick[%" PRId64 "]", g->path, i);
    if (cull__json_kind(v) != CULL__JSON_OBJECT)
        return cull__fail(g->cx, CULL_EINPUT, "%s: it is no object with a row", where);
    if (!cull__json_get(v, "row", &f))
        return cull__fail(g->cx, CULL_EINPUT, "%s: it has no row", where);
    if (!cull__json_integer(f, &row)) {
        if (!cull__json_number(f, &d))
            return cull__fail(g->cx, CULL_EINPUT, "%s: its row is no number", where);
        if (d != floor(d) || fabs(d) > 9007199254740992.0)
            return cull__fail(g->cx, CULL_EINPUT, "%s: row %g is not whole", where, d);
        row = (int64_t)d;
    }
    CULL_TRY(get_number(g, v, "score", &score));
    CULL_TRY(get_whole(g, v, "by", -1, INT32_MAX, &by));
    if (cull__json_get(v, "id", &f) && cull__json_kind(f) == CULL__JSON_STRING)
        id = cull__json_string(f, &id_n);
    return cull__reading_add(g, where, row, score, (int32_t)by, id, id_n);
}

#define LIST(key, type, field, count, fn)                                                          \
    do {                                                                                           \
        cull__json_value l_;                                                                       \
        int n_;                                                                                    \
        void *at_;                                                                                 \
        CULL_TRY(find(g, o, key, type, &l_, &n_));                                                 \
        CULL_TRY(cull__pack_get(g, &at_, n_, sizeof *run->field));                                 \
        run->field = at_;                                                                          \
        if (n_) CULL_TRY(each(g, run, l_, fn));                                                    \
        run->count = n_;                                                                           \
    } while (0)

static cull_status read_histogram(cull__reading *g, cull__json_value root, cull_run *run)
{
    cull__json_value o, v;
    int n, m;
    int64_t *kept, *pool;
    CULL_TRY(find(g, root, "histogram", CULL__JSON_OBJECT, &o, &n));
    if (!n) return CULL_OK;
    CULL_TRY(get_number(g, o, "lo", &run->histogram.lo));
    CULL_TRY(get_number(g, o, "hi", &run->histogram.hi));
    CULL_TRY(find(g, o, "kept", CULL__JSON_ARRAY, &v, &n));
    CULL_TRY(CULL_PACK(g, kept, n));
    run->histogram.kept = kept;
    if (n) CULL_TRY(each(g, run, v, one_kept));
    CULL_TRY(find(g, o, "pool", CULL__JSON_ARRAY, &v, &m));
    if (m && m != n) return lacks(g, "histogram", "pair of lists of one length");
    if (m) {
        CULL_TRY(CULL_PACK(g, pool, m));
        run->histogram.pool = pool;
        CULL_TRY(each(g, run, v, one_pool));
    }
    run->histogram.bins = n;
    return CULL_OK;
}

bool cull__digits(const char *s, size_t n, uint64_t *out)
{
    uint64_t u = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(s[i] - '0');
        if (d > 9 || u > (UINT64_MAX - d) / 10) return false;
        u = 10 * u + d;
    }
    if (n) *out = u;
    return n > 0;
}

static cull_status read_seed(cull__reading *g, cull__json_value o, cull_run *run)
{
    cull__json_value v;
    size_t n;
    int64_t seed = 0;
    if (!cull__json_get(o, "seed", &v) || cull__json_kind(v) != CULL__JSON_STRING) {
        CULL_TRY(get_whole(g, o, "seed", 0, INT64_MAX, &seed));
        run->seed = (uint64_t)seed;
        return CULL_OK;
    }
    const char *s = cull__json_string(v, &n);
    return cull__digits(s, n, &run->seed) ? CULL_OK : lacks(g, "seed", "whole number");
}

static cull_status read_head(cull__reading *g, cull__json_value o, cull_run *run)
{
    int64_t v = 0;
    CULL_TRY(get_text(g, o, "cull", &run->version));
    CULL_TRY(get_text(g, o, "task", &run->task));
    CULL_TRY(get_text(g, o, "method", &run->slug));
    CULL_TRY(get_whole(g, o, "rev", 0, INT_MAX, &v));
    run->rev = (int)v, v = 0;
    LIST("options", CULL__JSON_OBJECT, option, options, one_option);
    CULL_TRY(read_seed(g, o, run));
    CULL_TRY(get_text(g, o, "isa", &run->isa));
    CULL_TRY(get_whole(g, o, "threads", 0, INT_MAX, &v));
    run->threads = (int)v, v = 0;
    CULL_TRY(get_text(g, o, "build", &run->build));
    LIST("inputs", CULL__JSON_ARRAY, input, inputs, one_input);
    CULL_TRY(get_whole(g, o, "n", 0, INT64_MAX, &run->n));
    CULL_TRY(get_number(g, o, "budget", &run->budget));
    CULL_TRY(get_text(g, o, "budget_text", &run->budget_text));
    CULL_TRY(get_text(g, o, "cost_unit", &run->cost_unit));
    CULL_TRY(get_number(g, o, "spent", &g->pick.spent));
    CULL_TRY(get_number(g, o, "seconds", &run->seconds));
    CULL_TRY(get_whole(g, o, "peak_bytes", 0, INT64_MAX, &v));
    run->peak_bytes = (uint64_t)v;
    LIST("figures", CULL__JSON_ARRAY, figure, figures, one_figure);
    LIST("groups", CULL__JSON_ARRAY, group, groups, one_group);
    LIST("labels", CULL__JSON_ARRAY, label, labels, one_label);
    CULL_TRY(read_histogram(g, o, run));
    LIST("coverage", CULL__JSON_ARRAY, coverage, coverages, one_series);
    CULL_TRY(get_text(g, o, "coverage_metric", &run->coverage_metric));
    LIST("notes", CULL__JSON_ARRAY, note, notes, one_note);
    LIST("argv", CULL__JSON_ARRAY, argv, argc, one_arg);
    return get_text(g, o, "by_what", &g->pick.by_what);
}

static cull_status read_root(cull__reading *g, cull__json_value root, cull_run *run)
{
    cull__json_value v;
    size_t n;
    char q[48];
    int rows;
    if (cull__json_kind(root) != CULL__JSON_OBJECT || !cull__json_get(root, "kind", &v) ||
        cull__json_kind(v) != CULL__JSON_STRING)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: no field 'kind'; a pick file that cull wrote has one", g->path);
    const char *kind = cull__json_string(v, &n);
    if (n != 4 || memcmp(kind, "pick", 4))
        return cull__fail(g->cx, CULL_EINPUT, "%s: kind '%s' cannot be read here; 'pick' can",
                          g->path, cull__quote(kind, n, q, sizeof q));
    const char *key;
    CULL_TRY(cull__json_twice(g->cx, root, &key, &n));
    if (key)
        return cull__fail(g->cx, CULL_EINPUT, "%s: field '%s' is there twice", g->path,
                          cull__quote(key, n, q, sizeof q));
    CULL_TRY(read_head(g, root, run));
    if (run->n > 0) g->n = run->n;
    if (!cull__json_get(root, "pick", &v))
        return cull__fail(g->cx, CULL_EINPUT, "%s: no field 'pick'", g->path);
    CULL_TRY(find(g, root, "pick", CULL__JSON_ARRAY, &v, &rows));
    CULL_TRY(cull__reading_room(g, rows));
    int64_t kept = rows;
    if (rows) CULL_TRY(each(g, run, v, one_row));
    CULL_TRY(get_whole(g, root, "kept", 0, INT64_MAX, &kept));
    if (kept != rows)
        return cull__fail(g->cx, CULL_EINPUT, "%s: it says %" PRId64 " kept rows and lists %d",
                          g->path, kept, rows);
    return cull__reading_end(g, "entry", 0);
}

typedef struct {
    cull__reading *g;
    cull_run *run;
} json_reading;

static cull_status read_value(void *user, cull__json_value root)
{
    json_reading *j = user;
    return read_root(j->g, root, j->run);
}

static cull_status read_json(cull__reading *g, const cull__bytes *file, cull_run *run)
{
    json_reading j = {g, run};
    return cull__json_file(g->cx, g->path, file->at, file->n, read_value, &j);
}

/* ---- the whole ---- */

static const char *kind_of(const char *path, const cull__bytes *b)
{
    size_t i = 0;
    char end[16];
    cull__extension(path, end);
    while (i < b->n && i < 64 && strchr(" \t\r\n", b->at[i]) && b->at[i]) i++;
    if (b->n > 6 && !memcmp(b->at, "\x93NUMPY", 6)) return "npy";
    if (b->n > 4 && !memcmp(b->at, "PK\x03\x04", 4)) return "npy";
    if ((i < b->n && b->at[i] == '{') || !strcmp(end, "json")) return "json";
    return !strcmp(end, "tsv") ? "tsv" : !strcmp(end, "csv") ? "csv" : "txt";
}

static cull_status read_any(cull__reading *g, cull_pick_file *out)
{
    cull__bytes b;
    CULL_TRY(cull__bytes_open(g->cx, g->path, &b));
    cull__mark_t mark = cull__mark(g->cx);
    out->kind = kind_of(g->path, &b);
    out->bare = strcmp(out->kind, "json");
    cull_status s = !out->bare ? read_json(g, &b, &out->run)
                    : strcmp(out->kind, "npy")
                        ? cull__read_list(g, out->kind, (const char *)b.at, b.n)
                        : CULL_OK;
    cull__release(g->cx, mark);
    cull__bytes_close(&b);
    if (s == CULL_OK && !strcmp(out->kind, "npy")) s = cull__read_array(g);
    if (s != CULL_OK || !out->bare) return s;
    g->pick.spent = (double)g->pick.n;
    return cull__reading_end(g, "row", 1);
}

/* What the rows grew in becomes the file's: copied to the pack, to the size. */
static cull_status settle(cull__reading *g, cull_pick_file *out)
{
    cull_pick *p;
    int64_t n = g->pick.n;
    CULL_TRY(CULL_PACK(g, p, 1));
    *p = (cull_pick){.n = n, .spent = g->pick.spent, .by_what = g->pick.by_what};
    CULL_TRY(CULL_PACK(g, p->idx, n));
    CULL_TRY(CULL_PACK(g, p->score, n));
    CULL_TRY(CULL_PACK(g, p->by, n));
    if (n) memcpy(p->idx, g->pick.idx, (size_t)n * sizeof *p->idx);
    if (n) memcpy(p->score, g->pick.score, (size_t)n * sizeof *p->score);
    if (n) memcpy(p->by, g->pick.by, (size_t)n * sizeof *p->by);
    out->run.pick = p;
    if (g->id) {
        cull_strings *ids;
        CULL_TRY(CULL_PACK(g, ids, 1));
        *ids = (cull_strings){.n = n};
        CULL_TRY(CULL_PACK(g, ids->id, n));
        memcpy(ids->id, g->id, (size_t)n * sizeof *ids->id);
        out->run.ids = ids;
    }
    if (out->run.slug) out->run.method = cull_method_find(out->run.slug, NULL);
    return CULL_OK;
}

cull_status cull_pick_read(cull_ctx *cx, const char *path, cull_pick_file *out)
{
    *out = (cull_pick_file){0};
    cull__reading g = {.cx = cx, .path = path, .pick.by_what = "", .n = -1};
    cull_status s = read_any(&g, out);
    if (s == CULL_OK) s = settle(&g, out);
    cull__free(g.pick.idx);
    cull__free(g.pick.score);
    cull__free(g.pick.by);
    cull__free(g.id);
    out->mem_ = g.pack;
    if (s != CULL_OK) cull_pick_file_free(out);
    return s;
}

void cull_pick_file_free(cull_pick_file *f)
{
    cull__pack_free(f->mem_);
    *f = (cull_pick_file){0};
}

cull_status cull_pick_file_opts(cull_ctx *cx, const cull_pick_file *f, cull_opts **out)
{
    const cull_run *r = &f->run;
    const char *near = NULL;
    *out = NULL;
    if (!r->slug) return cull__fail(cx, CULL_EINPUT, "a bare list of rows names no method");
    const cull_method *m = cull_method_find(r->slug, &near);
    if (!m) return cull__fail(cx, CULL_EINPUT, "there is no method '%s'", r->slug);
    if (m->rev != r->rev)
        return cull__fail(cx, CULL_EINPUT,
                          "%s was of revision %d when the file was written and is of %d here; its "
                          "choice may differ",
                          m->slug, r->rev, m->rev);
    CULL_TRY(cull_opts_new(cx, m, out));
    for (int i = 0; i < r->options; i++) {
        cull_status s = cull_opts_set(cx, *out, r->option[i].name, r->option[i].value);
        if (s == CULL_OK) continue;
        cull_opts_free(*out);
        *out = NULL;
        return CULL_EINPUT;
    }
    return CULL_OK;
}
