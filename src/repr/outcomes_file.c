/* outcomes_file.c - what models said about rows, read from columns of a table and from arrays. */
#include "base/base.h"
#include "cull/frame.h"
#include "cull/outcomes.h"
#include "cull/pool.h"
#include "cull/table.h"
#include "io/io.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Lists of columns, in the order in which they stand in the table that is opened. */
enum { SCORE, QUALITY, COST, LISTS };
enum { TRUTH, WEIGHT, SPREAD, SINGLES };
enum { MOST_GROUPS = 1 << 20, FEATURES = 64, ARRAYS = CULL_MODELS + FEATURES + 1 };

struct cull_outcomes_file {
    cull_outcomes o;
    cull_array array[ARRAYS]; /* kept open: outputs and features point into them */
    int arrays;
    const float *out[CULL_MODELS], *x[FEATURES];
    float *own[ARRAYS]; /* made from arrays that are not f32 */
    int owns;
    int64_t d[FEATURES];
    const char *name[CULL_MODELS];
    double each[CULL_MODELS], delay[CULL_MODELS];
    double *list[LISTS], *single[SINGLES];
    int32_t *group;
    char **group_name;
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
    for (int32_t g = 0; f->group_name && g < f->o.groups; g++) cull__free(f->group_name[g]);
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
    const char *first; /* what said how many rows there are */
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
static cull_status same_rows(opening *g, const char *path, int64_t n)
{
    cull_outcomes_file *f = g->f;
    if (!f->where[0]) {
        cull__quote(path, strlen(path), f->where, sizeof f->where);
        f->o.where = f->where;
        f->o.n = n;
    }
    if (f->o.n == n) return CULL_OK;
    return cull__fail(g->cx, CULL_EINPUT, "%s has %" PRId64 " rows, %s has %" PRId64, path, n,
                      f->where, f->o.n);
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
        CULL_TRY(open_matrix(g, path[k], &f->out[k], &d));
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
        CULL_TRY(open_matrix(g, o->features[k], &f->x[k], &f->d[k]));
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

/* Names of the columns that are asked for, each once. */
static int wanted(opening *g, const char *const single[SINGLES], const char **name)
{
    int n = 0;
    double v;
    for (int l = 0; l < LISTS; l++)
        for (int k = 0; k < g->parts[l]; k++)
            if (l != COST || !is_number(g->part[l][k], &v)) name[n++] = g->part[l][k];
    for (int i = 0; i < SINGLES; i++)
        if (single[i]) name[n++] = single[i];
    int kept = 0;
    for (int i = 0; i < n; i++) {
        int j = 0;
        while (j < kept && strcmp(name[j], name[i])) j++;
        if (j == kept) name[kept++] = name[i];
    }
    return kept;
}

static cull_status take_list(opening *g, const cull_table *t, int l)
{
    cull_outcomes_file *f = g->f;
    int64_t n = f->o.n;
    if (!g->parts[l]) return CULL_OK;
    CULL_TRY(CULL_ALLOC(g->cx, f->list[l], f->o.models * n));
    for (int k = 0; k < f->o.models; k++) {
        double v, *to = f->list[l] + k * n;
        if (l == COST && is_number(g->part[l][k], &v))
            for (int64_t i = 0; i < n; i++) to[i] = v;
        else
            memcpy(to, cull_table_col(t, g->part[l][k]), (size_t)n * sizeof *to);
    }
    return CULL_OK;
}

static bool all_numbers(opening *g)
{
    for (int k = 0; k < g->parts[COST]; k++)
        if (!is_number(g->part[COST][k], &g->f->each[k])) return false;
    return true;
}

static cull_status take(opening *g, const cull_table *t, const char *const single[SINGLES])
{
    cull_outcomes_file *f = g->f;
    CULL_TRY(take_list(g, t, SCORE));
    CULL_TRY(take_list(g, t, QUALITY));
    if (!all_numbers(g)) CULL_TRY(take_list(g, t, COST));
    for (int i = 0; i < SINGLES; i++) {
        if (!single[i]) continue;
        CULL_TRY(CULL_ALLOC(g->cx, f->single[i], f->o.n));
        memcpy(f->single[i], cull_table_col(t, single[i]), (size_t)f->o.n * sizeof(double));
    }
    return CULL_OK;
}

static cull_status columns(opening *g, const cull_outcomes_opts *o, bool truth_file)
{
    const char *single[SINGLES] = {truth_file ? NULL : o->truth, o->weight, o->spread};
    const char *name[LISTS * CULL_MODELS + SINGLES];
    int n = wanted(g, single, name);
    cull_table_file *t;
    if (n && !o->table) return no_table(g, "score, --quality, --cost or --truth", name[0]);
    if (!n) {
        all_numbers(g);
        return CULL_OK;
    }
    CULL_TRY(cull_table_open(g->cx, o->table, name, n, &t));
    cull_status s = same_rows(g, o->table, cull_table_of(t)->n);
    if (s == CULL_OK) s = take(g, cull_table_of(t), single);
    cull_table_close(t);
    return s;
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
    if (s == CULL_OK) s = CULL_ALLOC(g->cx, g->f->single[TRUTH], of->n);
    if (s == CULL_OK) memcpy(g->f->single[TRUTH], of->col[0], (size_t)of->n * sizeof(double));
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
    CULL_TRY(same_rows(g, path, n));
    CULL_TRY(CULL_ALLOC(g->cx, g->f->single[TRUTH], n));
    cull_array_f64(a, 0, n, g->f->single[TRUTH]);
    return CULL_OK;
}

/* ---- groups ---- */
static cull_status name_group(opening *g, int32_t code, const char *name)
{
    size_t n = strlen(name);
    CULL_TRY(CULL_ALLOC(g->cx, g->f->group_name[code], (int64_t)n + 1));
    memcpy(g->f->group_name[code], name, n + 1);
    return CULL_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Codes of numbers are in their order. */
static cull_status number_groups(opening *g, const double *v)
{
    cull_outcomes_file *f = g->f;
    char buf[32];
    double *seen;
    int64_t n = f->o.n, groups = 0;
    CULL_TRY(CULL_TMP(g->cx, seen, n));
    memcpy(seen, v, (size_t)n * sizeof *seen);
    qsort(seen, (size_t)n, sizeof *seen, by_value);
    for (int64_t i = 0; i < n; i++)
        if (i == 0 || seen[i] != seen[groups - 1]) seen[groups++] = seen[i];
    if (groups > MOST_GROUPS)
        return cull__fail(g->cx, CULL_EINPUT, "%s: more than %d groups", f->where, MOST_GROUPS);
    for (int64_t i = 0; i < n; i++) {
        const double *at = bsearch(&v[i], seen, (size_t)groups, sizeof *seen, by_value);
        f->group[i] = (int32_t)(at - seen);
    }
    f->o.groups = (int32_t)groups;
    CULL_TRY(CULL_ALLOC(g->cx, f->group_name, groups));
    for (int32_t c = 0; c < groups; c++) CULL_TRY(name_group(g, c, cull__format_f64(seen[c], buf)));
    return CULL_OK;
}

static cull_status text_groups(opening *g, const cull_frame *of, const double *v, int32_t levels)
{
    cull_outcomes_file *f = g->f;
    for (int64_t i = 0; i < f->o.n; i++) f->group[i] = (int32_t)v[i];
    CULL_TRY(CULL_ALLOC(g->cx, f->group_name, levels));
    f->o.groups = levels;
    for (int32_t c = 0; c < levels; c++) CULL_TRY(name_group(g, c, cull_frame_target_name(of, c)));
    return CULL_OK;
}

static cull_status groups(opening *g, const cull_outcomes_opts *o)
{
    if (!o->group) return CULL_OK;
    if (!o->table) return no_table(g, "group", o->group);
    cull_frame_opts fo = CULL_FRAME_OPTS;
    cull_frame *of;
    int32_t levels;
    fo.paths = &o->table;
    fo.npaths = 1;
    fo.target = o->group;
    CULL_TRY(cull_frame_open(g->cx, &fo, &of));
    const double *v = cull_frame_target(of, &levels);
    cull_status s = same_rows(g, o->table, cull_pool_n(cull_frame_pool(of)));
    if (s == CULL_OK) s = CULL_ALLOC(g->cx, g->f->group, g->f->o.n);
    if (s == CULL_OK) s = levels ? text_groups(g, of, v, levels) : number_groups(g, v);
    g->f->o.group = g->f->group;
    g->f->o.group_name = (const char *const *)g->f->group_name;
    cull_frame_free(of);
    return s;
}

/* ---- names, hashes ---- */
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

static cull_status hashes(opening *g)
{
    cull_outcomes_file *f = g->f;
    CULL_TRY(CULL_ALLOC(g->cx, f->hash, f->o.n));
    if (cull_outcomes_hash(&f->o, f->hash)) f->o.hash = f->hash;
    return CULL_OK;
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
    CULL_TRY(lists(g, o));
    CULL_TRY(columns(g, o, file));
    CULL_TRY(arrays(g, o));
    if (file) CULL_TRY(truth_file(g, o->truth));
    CULL_TRY(groups(g, o));
    CULL_TRY(delays(g));
    f->o.score = f->list[SCORE];
    f->o.quality = f->list[QUALITY];
    f->o.cost = f->list[COST];
    if (g->parts[COST] && !f->o.cost) f->o.each = f->each;
    f->o.truth = f->single[TRUTH];
    f->o.weight = f->single[WEIGHT];
    f->o.spread = f->single[SPREAD];
    names(g, o);
    CULL_TRY(hashes(g));
    return cull_outcomes_check(g->cx, &f->o);
}

cull_status cull_outcomes_open(cull_ctx *cx, const cull_outcomes_opts *o, cull_outcomes_file **out)
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
