/* outcomes_file.c - what models said about rows, read from columns of a table and from arrays. */
#include "base/base.h"
#include "cull/outcomes.h"
#include "cull/pool.h"
#include "io/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Lists of columns, in the order in which they stand in the table that is opened. */
enum { SCORE, QUALITY, COST, LISTS };
enum { TRUTH, WEIGHT, SPREAD, SINGLES };
enum { FEATURES = 64, ARRAYS = CULL_MODELS + FEATURES + 1 };

struct cull_outcomes_file {
    cull_outcomes o; /* the rows at hand */
    cull__cols *table;
    int from[LISTS][CULL_MODELS]; /* which column of it; -1 = the number is the same in all rows */
    double same[CULL_MODELS];     /* of costs */
    int parts[LISTS], single_from[SINGLES], group_from;
    int64_t rows, ended;      /* of the arrays, -1 = there is none; 1 = the table has no more */
    char rows_of[256];        /* which said so */
    cull_array array[ARRAYS]; /* kept open: outputs and features point into them */
    int arrays;
    const cull_array *truth;
    const float *out0[CULL_MODELS], *x0[FEATURES], *out[CULL_MODELS], *x[FEATURES];
    float *own[ARRAYS]; /* made from arrays that are not f32 */
    int owns;
    int64_t d[FEATURES];
    const char *name[CULL_MODELS];
    double each[CULL_MODELS], delay[CULL_MODELS];
    double *list[LISTS], *single[SINGLES], *truths; /* truths: of a file, of all rows */
    int64_t list_cap[LISTS], single_cap[SINGLES], group_cap, hash_cap, name_cap;
    int32_t *group;
    const char **group_name; /* in the table's keys */
    uint64_t *hash;
    char *words; /* names and lists, cut apart */
    char where[256];
};

void cull_outcomes_close(cull_outcomes_file *f)
{
    if (!f) return;
    for (int i = 0; i < f->arrays; i++) cull_array_free(&f->array[i]);
    for (int i = 0; i < f->owns; i++) cull__free(f->own[i]);
    for (int i = 0; i < LISTS; i++) cull__free(f->list[i]);
    for (int i = 0; i < SINGLES; i++) cull__free(f->single[i]);
    cull__cols_close(f->table);
    cull__free(f->truths);
    cull__free(f->group_name);
    cull__free(f->group);
    cull__free(f->hash);
    cull__free(f->words);
    cull__free(f);
}

const cull_outcomes *cull_outcomes_of(const cull_outcomes_file *f) { return &f->o; }

const char *cull_outcomes_group(const cull_outcomes_file *f, int32_t g)
{
    return f->group_name && g >= 0 && g < f->o.groups ? f->group_name[g] : NULL;
}

typedef struct {
    cull_ctx *cx;
    cull_outcomes_file *f;
    char *words; /* what is left of the copies */
    const char *part[LISTS + 2][CULL_MODELS];
    int parts[LISTS + 2];
    const char *first; /* what said how many models there are */
} opening;
enum { MODELS = LISTS, DELAY };

/* ---- lists ---- */
static cull_status split(opening *g, const char *what, const char *list, int at)
{
    if (!list) return CULL_OK;
    size_t n = strlen(list);
    char *copy = memcpy(g->words, list, n + 1);
    g->words += n + 1;
    for (char *s = copy;;) {
        char *comma = strchr(s, ',');
        if (comma) *comma = 0;
        if (g->parts[at] == CULL_MODELS)
            return cull__fail(g->cx, CULL_EINPUT, "--%s: more than %d models", what, CULL_MODELS);
        if (!*s) return cull__fail(g->cx, CULL_EINPUT, "--%s '%s': an entry is empty", what, list);
        g->part[at][g->parts[at]++] = s;
        if (!comma) return CULL_OK;
        s = comma + 1;
    }
}

static cull_status agree(opening *g, const char *what, int n)
{
    if (!n) return CULL_OK;
    if (!g->f->o.models) {
        g->f->o.models = n;
        g->first = what;
    }
    if (g->f->o.models == n) return CULL_OK;
    return cull__fail(g->cx, CULL_EINPUT,
                      "--%s has %d entries and --%s has %d; both are one for each model", g->first,
                      g->f->o.models, what, n);
}

static size_t length(const char *s) { return s ? strlen(s) + 1 : 0; }

static cull_status lists(opening *g, const cull_outcomes_opts *o)
{
    size_t n = length(o->models) + length(o->score) + length(o->quality) + length(o->cost) +
               length(o->delay);
    CULL_TRY(CULL_ALLOC(g->cx, g->f->words, (int64_t)n + 1));
    g->words = g->f->words;
    CULL_TRY(split(g, "score", o->score, SCORE));
    CULL_TRY(split(g, "quality", o->quality, QUALITY));
    CULL_TRY(split(g, "cost", o->cost, COST));
    CULL_TRY(split(g, "models", o->models, MODELS));
    CULL_TRY(split(g, "delay", o->delay, DELAY));
    CULL_TRY(agree(g, "score", g->parts[SCORE]));
    CULL_TRY(agree(g, "quality", g->parts[QUALITY]));
    CULL_TRY(agree(g, "logits", o->logits_files));
    CULL_TRY(agree(g, "probabilities", o->probabilities_files));
    CULL_TRY(agree(g, "cost", g->parts[COST]));
    CULL_TRY(agree(g, "models", g->parts[MODELS]));
    CULL_TRY(agree(g, "delay", g->parts[DELAY]));
    if (!g->f->o.models && o->features_files) g->f->o.models = 1;
    if (g->f->o.models > CULL_MODELS)
        return cull__fail(g->cx, CULL_EINPUT, "there are %d models; at most %d", g->f->o.models,
                          CULL_MODELS);
    if (g->f->o.models) return CULL_OK;
    return cull__fail(g->cx, CULL_EINPUT,
                      "there is nothing to read: name --score, --quality, --logits, "
                      "--probabilities or --features");
}

/* ---- rows ---- */
static cull_status other_rows(cull_ctx *cx, const char *path, int64_t n, const char *of, int64_t m)
{
    return cull__fail(cx, CULL_EINPUT, "%s has %" PRId64 " rows, %s has %" PRId64, path, n, of, m);
}

/* Arrays say at once how many rows they have. */
static cull_status same_rows(opening *g, const char *path, int64_t n)
{
    cull_outcomes_file *f = g->f;
    if (f->rows < 0) {
        f->rows = n;
        cull__quote(path, strlen(path), f->rows_of, sizeof f->rows_of);
    }
    return f->rows == n ? CULL_OK : other_rows(g->cx, path, n, f->rows_of, f->rows);
}

static bool is_number(const char *s, double *v) { return cull__parse_f64(s, strlen(s), v); }

/* ---- arrays ---- */
static cull_status open_array(opening *g, const char *path, cull_array **out)
{
    cull_outcomes_file *f = g->f;
    if (f->arrays == ARRAYS) return cull__fail(g->cx, CULL_EINPUT, "more than %d arrays", ARRAYS);
    CULL_TRY(cull_array_open(g->cx, path, NULL, &f->array[f->arrays]));
    *out = &f->array[f->arrays++];
    return CULL_OK;
}

/* (n, d) of f32: in the file where it has that. */
static cull_status open_matrix(opening *g, const char *path, const float **v, int64_t *d)
{
    cull_array *a = NULL;
    int64_t n;
    char shape[208];
    CULL_TRY(open_array(g, path, &a));
    if (!cull__array_rows(a, &n, d))
        return cull__fail(g->cx, CULL_EINPUT, "%s: shape %s is not (rows, numbers)", path,
                          cull__shape_text(a, shape));
    CULL_TRY(same_rows(g, path, n));
    if (a->dtype == CULL_F32 && (uintptr_t)a->at % sizeof **v == 0) {
        *v = a->at;
        return CULL_OK;
    }
    float *own;
    CULL_TRY(CULL_ALLOC(g->cx, own, n * *d));
    g->f->own[g->f->owns++] = own;
    cull_array_f32(a, 0, n * *d, own);
    *v = own;
    return CULL_OK;
}

static cull_status outputs(opening *g, const char *const *path, int files, cull_outputs what)
{
    cull_outcomes_file *f = g->f;
    for (int k = 0; k < files; k++) {
        int64_t d = 0;
        CULL_TRY(open_matrix(g, path[k], &f->out0[k], &d));
        if (k == 0) f->o.classes = d <= INT32_MAX ? (int32_t)d : -1;
        if (d != f->o.classes)
            return cull__fail(g->cx, CULL_EINPUT, "%s has %" PRId64 " classes, %s has %d", path[k],
                              d, path[0], f->o.classes);
    }
    if (!files) return CULL_OK;
    f->o.out = f->out;
    f->o.outputs = what;
    return CULL_OK;
}

static cull_status features(opening *g, const cull_outcomes_opts *o)
{
    cull_outcomes_file *f = g->f;
    if (o->features_files > FEATURES)
        return cull__fail(g->cx, CULL_EINPUT, "--features: more than %d files", FEATURES);
    for (int k = 0; k < o->features_files; k++)
        CULL_TRY(open_matrix(g, o->features[k], &f->x0[k], &f->d[k]));
    if (!o->features_files) return CULL_OK;
    f->o.x = f->x;
    f->o.d = f->d;
    f->o.xs = o->features_files;
    return CULL_OK;
}

static cull_status arrays(opening *g, const cull_outcomes_opts *o)
{
    if (o->logits_files && o->probabilities_files)
        return cull__fail(g->cx, CULL_EINPUT, "give --logits or --probabilities, not both");
    CULL_TRY(outputs(g, o->logits, o->logits_files, CULL_LOGITS));
    CULL_TRY(outputs(g, o->probabilities, o->probabilities_files, CULL_PROBABILITIES));
    return features(g, o);
}

/* ---- columns ---- */
static cull_status no_table(opening *g, const char *what, const char *column)
{
    return cull__fail(g->cx, CULL_EINPUT, "--%s %s: there is no table with such a column", what,
                      column);
}

/* The columns that are asked for, each once. */
typedef struct {
    cull__col col[LISTS * CULL_MODELS + SINGLES + 1];
    int n;
} wanted;

static int want(wanted *w, const char *name, cull__col_kind kind)
{
    bool key = kind == CULL__COL_KEY;
    for (int i = 0; i < w->n; i++)
        if (!strcmp(w->col[i].name, name) && (w->col[i].kind == CULL__COL_KEY) == key) return i;
    w->col[w->n] = (cull__col){name, kind};
    return w->n++;
}

static bool all_numbers(opening *g)
{
    for (int k = 0; k < g->parts[COST]; k++)
        if (!is_number(g->part[COST][k], &g->f->each[k])) return false;
    return true;
}

static cull_status columns(opening *g, const cull_outcomes_opts *o, bool truth_file)
{
    const char *single[SINGLES] = {truth_file ? NULL : o->truth, o->weight, o->spread};
    cull_outcomes_file *f = g->f;
    wanted w = {.n = 0};
    bool each = all_numbers(g);
    for (int l = 0; l < LISTS; l++) {
        f->parts[l] = l == COST && each ? 0 : g->parts[l];
        for (int k = 0; k < f->parts[l]; k++)
            f->from[l][k] = l == COST && is_number(g->part[l][k], &f->same[k])
                                ? -1
                                : want(&w, g->part[l][k], CULL__COL_NUMBER);
    }
    for (int i = 0; i < SINGLES; i++)
        f->single_from[i] =
            !single[i]
                ? -1
                : want(&w, single[i], i == TRUTH && o->late ? CULL__COL_BLANKS : CULL__COL_NUMBER);
    if (w.n && !o->table) return no_table(g, "score, --quality, --cost or --truth", w.col[0].name);
    if (o->group && !o->table) return no_table(g, "group", o->group);
    f->group_from = o->group ? want(&w, o->group, CULL__COL_KEY) : -1;
    if (!w.n) return CULL_OK;
    cull__quote(o->table, strlen(o->table), f->where, sizeof f->where);
    return cull__cols_open(g->cx, o->table, w.col, w.n, &f->table);
}

/* ---- the truth as a file ---- */
/* A folder may well be called like a column. */
static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* `path`, or the file of path:NAME. */
static bool exists(const char *path)
{
    const char *colon = strrchr(path, ':');
    char part[4096];
    if (is_file(path) || !colon || (size_t)(colon - path) >= sizeof part) return is_file(path);
    memcpy(part, path, (size_t)(colon - path));
    part[colon - path] = 0;
    return is_file(part);
}

static cull_status truth_column(opening *g, const char *path)
{
    cull_table_file *t;
    CULL_TRY(cull_table_open(g->cx, path, NULL, 0, &t));
    const cull_table *of = cull_table_of(t);
    cull_status s =
        of->cols == 1 ? same_rows(g, path, of->n)
                      : cull__fail(g->cx, CULL_EINPUT,
                                   "%s has %d columns of numbers; a truth is one", path, of->cols);
    if (s == CULL_OK) s = CULL_ALLOC(g->cx, g->f->truths, of->n);
    if (s == CULL_OK) memcpy(g->f->truths, of->col[0], (size_t)of->n * sizeof(double));
    cull_table_close(t);
    return s;
}

static cull_status truth_file(opening *g, const char *path)
{
    char end[16];
    cull_array *a = NULL;
    int64_t n, d;
    cull__extension(path, end);
    if (!strcmp(end, "csv") || !strcmp(end, "tsv") || !strcmp(end, "jsonl"))
        return truth_column(g, path);
    CULL_TRY(open_array(g, path, &a));
    if (!cull__array_rows(a, &n, &d) || d != 1)
        return cull__fail(g->cx, CULL_EINPUT, "%s: a truth is one number a row", path);
    g->f->truth = a;
    return same_rows(g, path, n);
}

/* ---- names ---- */
static const char *stem(const char *path)
{
    const char *colon = strrchr(path, ':'), *slash = strrchr(path, '/');
    if (colon && (!slash || colon > slash) && colon[1]) return colon + 1;
    return slash ? slash + 1 : path;
}

static void names(opening *g, const cull_outcomes_opts *o)
{
    cull_outcomes_file *f = g->f;
    const char *const *file = o->logits_files ? o->logits : o->probabilities;
    int from = g->parts[MODELS] ? MODELS : g->parts[QUALITY] ? QUALITY : SCORE;
    if (!g->parts[from] && !o->logits_files && !o->probabilities_files) return;
    for (int k = 0; k < f->o.models; k++)
        f->name[k] = g->parts[from] ? g->part[from][k] : stem(file[k]);
    f->o.name = f->name;
}

static cull_status delays(opening *g)
{
    for (int k = 0; k < g->parts[DELAY]; k++)
        if (!is_number(g->part[DELAY][k], &g->f->delay[k]))
            return cull__fail(g->cx, CULL_EINPUT, "--delay: '%s' is no number", g->part[DELAY][k]);
    if (g->parts[DELAY]) g->f->o.delay = g->f->delay;
    return CULL_OK;
}

static cull_status open_all(opening *g, const cull_outcomes_opts *o)
{
    cull_outcomes_file *f = g->f;
    bool file = o->truth && exists(o->truth);
    f->rows = -1;
    CULL_TRY(lists(g, o));
    CULL_TRY(columns(g, o, file));
    CULL_TRY(arrays(g, o));
    if (file) CULL_TRY(truth_file(g, o->truth));
    CULL_TRY(delays(g));
    if (g->parts[COST] && !f->parts[COST]) f->o.each = f->each;
    if (!f->where[0]) memcpy(f->where, f->rows_of, sizeof f->where);
    f->o.where = f->where;
    names(g, o);
    return CULL_OK;
}

cull_status cull_outcomes_begin(cull_ctx *cx, const cull_outcomes_opts *o, cull_outcomes_file **out)
{
    opening g = {.cx = cx};
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, g.f, 1));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = open_all(&g, o);
    cull__release(cx, mark);
    if (s == CULL_OK)
        *out = g.f;
    else
        cull_outcomes_close(g.f);
    return s;
}

/* ---- the next rows ---- */
/* The table's are as many as those of the arrays, as far as is known. */
static cull_status rows_agree(cull_ctx *cx, const cull_outcomes_file *f, int64_t n)
{
    int64_t upto = f->o.first + n;
    if (!f->table || f->rows < 0) return CULL_OK;
    if (f->ended && upto != f->rows) return other_rows(cx, f->rows_of, f->rows, f->where, upto);
    if (upto <= f->rows) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s has %" PRId64 " rows, %s has more", f->rows_of, f->rows,
                      f->where);
}

static cull_status take_lists(cull_ctx *cx, cull_outcomes_file *f, const cull_table *t, int64_t n)
{
    for (int l = 0; l < LISTS; l++) {
        if (!f->parts[l]) continue;
        if (n > INT64_MAX / f->parts[l])
            return cull__fail(cx, CULL_EINPUT, "%s: too many rows", f->where);
        CULL_TRY(CULL_GROW(cx, f->list[l], &f->list_cap[l], f->parts[l] * n));
        for (int k = 0; k < f->parts[l]; k++) {
            double *to = f->list[l] + k * n;
            if (f->from[l][k] >= 0)
                memcpy(to, t->col[f->from[l][k]], (size_t)n * sizeof *to);
            else
                for (int64_t i = 0; i < n; i++) to[i] = f->same[k];
        }
    }
    f->o.score = f->list[SCORE];
    f->o.quality = f->list[QUALITY];
    f->o.cost = f->list[COST];
    return CULL_OK;
}

static cull_status take_singles(cull_ctx *cx, cull_outcomes_file *f, const cull_table *t, int64_t n)
{
    for (int i = 0; i < SINGLES; i++) {
        if (f->single_from[i] < 0 && !(i == TRUTH && f->truth)) continue;
        CULL_TRY(CULL_GROW(cx, f->single[i], &f->single_cap[i], n));
        if (f->single_from[i] >= 0)
            memcpy(f->single[i], t->col[f->single_from[i]], (size_t)n * sizeof(double));
        else
            cull_array_f64(f->truth, f->o.first, n, f->single[i]);
    }
    f->o.truth = f->truths ? f->truths + f->o.first : f->single[TRUTH];
    f->o.weight = f->single[WEIGHT];
    f->o.spread = f->single[SPREAD];
    return CULL_OK;
}

static void take_arrays(cull_outcomes_file *f)
{
    for (int k = 0; f->o.out && k < f->o.models; k++)
        f->out[k] = f->out0[k] + f->o.first * f->o.classes;
    for (int k = 0; k < f->o.xs; k++) f->x[k] = f->x0[k] + f->o.first * f->d[k];
}

/* Groups are numbered as they come. */
static cull_status take_groups(cull_ctx *cx, cull_outcomes_file *f, const cull_table *t, int64_t n)
{
    if (f->group_from < 0) return CULL_OK;
    const cull__keys *k = cull__cols_keys(f->table, f->group_from);
    CULL_TRY(CULL_GROW(cx, f->group, &f->group_cap, n));
    for (int64_t i = 0; i < n; i++) f->group[i] = (int32_t)t->col[f->group_from][i];
    if (f->o.groups < k->name.n) { /* names move as others come */
        CULL_TRY(CULL_GROW(cx, f->group_name, &f->name_cap, k->name.n));
        for (int32_t c = 0; c < k->name.n; c++) f->group_name[c] = cull__dict_text(&k->name, c);
        f->o.groups = (int32_t)k->name.n;
    }
    f->o.group = f->group;
    f->o.group_name = f->group_name;
    return CULL_OK;
}

static cull_status hashes(cull_ctx *cx, cull_outcomes_file *f)
{
    CULL_TRY(CULL_GROW(cx, f->hash, &f->hash_cap, f->o.n));
    f->o.hash = cull_outcomes_hash(&f->o, f->hash) ? f->hash : NULL;
    return CULL_OK;
}

static cull_status next(cull_ctx *cx, cull_outcomes_file *f, int64_t most)
{
    cull_table t = {0};
    f->o.first += f->o.n;
    f->o.n = 0;
    int64_t n = f->rows - f->o.first < most ? f->rows - f->o.first : most;
    if (f->table && !f->ended) CULL_TRY(cull__cols_next(cx, f->table, most, &t));
    if (f->table) n = t.n;
    f->ended |= n < most;
    CULL_TRY(rows_agree(cx, f, n));
    if (n == 0 && f->o.first) return CULL_OK;
    f->o.n = n;
    CULL_TRY(take_lists(cx, f, &t, n));
    CULL_TRY(take_singles(cx, f, &t, n));
    take_arrays(f);
    CULL_TRY(take_groups(cx, f, &t, n));
    CULL_TRY(hashes(cx, f));
    return cull_outcomes_check(cx, &f->o);
}

cull_status cull_outcomes_next(cull_ctx *cx, cull_outcomes_file *f, int64_t most)
{
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "reading rows");
    cull_status s = next(cx, f, most);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

/* ---- all rows ---- */
typedef struct {
    double v;
    int32_t code;
} key;
static int by_value(const void *a, const void *b)
{
    const key *x = a, *y = b;
    return (x->v > y->v) - (x->v < y->v);
}

/* Codes of numbers come to be in their order. */
static cull_status order_groups(cull_ctx *cx, cull_outcomes_file *f)
{
    if (f->group_from < 0) return CULL_OK;
    const cull__keys *k = cull__cols_keys(f->table, f->group_from);
    int32_t n = (int32_t)k->name.n, *now;
    key *by;
    if (k->text) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, by, n));
    CULL_TRY(CULL_TMP(cx, now, n));
    for (int32_t c = 0; c < n; c++) by[c] = (key){k->value[c], c};
    qsort(by, (size_t)n, sizeof *by, by_value);
    for (int32_t c = 0; c < n; c++) {
        now[by[c].code] = c;
        f->group_name[c] = cull__dict_text(&k->name, by[c].code);
    }
    for (int64_t i = 0; i < f->o.n; i++) f->group[i] = now[f->group[i]];
    return CULL_OK;
}

cull_status cull_outcomes_open(cull_ctx *cx, const cull_outcomes_opts *o, cull_outcomes_file **out)
{
    CULL_TRY(cull_outcomes_begin(cx, o, out));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull_outcomes_next(cx, *out, INT64_MAX);
    if (s == CULL_OK) s = order_groups(cx, *out);
    cull__release(cx, mark);
    if (s == CULL_OK) return s;
    cull_outcomes_close(*out);
    *out = NULL;
    return s;
}
