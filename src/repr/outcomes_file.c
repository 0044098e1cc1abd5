/* outcomes_file.c - what models said about rows, in columns of a table and in arrays: opened. */
#include "repr/outcomes_file.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

void cull_outcomes_close(cull_outcomes_file *f)
{
    if (!f) return;
    for (int i = 0; i < f->arrays; i++) cull_array_free(&f->array[i]);
    for (int i = 0; i < f->owns; i++) cull__free(f->own[i]);
    for (int i = 0; i < LISTS; i++) cull__free(f->list[i]);
    for (int i = 0; i < SINGLES; i++) cull__free(f->single[i]);
    cull__cols_close(f->table);
    cull__runs_free(&f->runs);
    cull__free(f->attributes);
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
    return f->o.group_name && g >= 0 && g < f->o.groups ? f->o.group_name[g] : NULL;
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
            return cull__fail(g->cx, CULL_EINPUT, "--%s: more than %d %s", what, CULL_MODELS,
                              at == ATTRIBUTES ? "columns" : "models");
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

static cull_status split_all(opening *g, const cull_outcomes_opts *o)
{
    size_t n = length(o->models) + length(o->score) + length(o->quality) + length(o->cost) +
               length(o->delay) + length(o->attributes);
    CULL_TRY(CULL_ALLOC(g->cx, g->f->words, (int64_t)n + 1));
    g->words = g->f->words;
    CULL_TRY(split(g, "score", o->score, SCORE));
    CULL_TRY(split(g, "quality", o->quality, QUALITY));
    CULL_TRY(split(g, "cost", o->cost, COST));
    CULL_TRY(split(g, "attributes", o->attributes, ATTRIBUTES));
    CULL_TRY(split(g, "models", o->models, MODELS));
    return split(g, "delay", o->delay, DELAY);
}

static cull_status lists(opening *g, const cull_outcomes_opts *o)
{
    CULL_TRY(agree(g, "score", g->parts[SCORE]));
    CULL_TRY(agree(g, "quality", g->parts[QUALITY]));
    CULL_TRY(agree(g, "logits", o->logits_files));
    CULL_TRY(agree(g, "probabilities", o->probabilities_files));
    CULL_TRY(agree(g, "cost", g->parts[COST]));
    CULL_TRY(agree(g, "models", g->parts[MODELS]));
    CULL_TRY(agree(g, "delay", g->parts[DELAY]));
    if (!g->f->o.models && (o->features_files || o->attributes)) g->f->o.models = 1;
    if (g->f->o.models > CULL_MODELS)
        return cull__fail(g->cx, CULL_EINPUT, "there are %d models; at most %d", g->f->o.models,
                          CULL_MODELS);
    if (g->f->o.models) return CULL_OK;
    return cull__fail(g->cx, CULL_EINPUT,
                      "there is nothing to read: name --score, --quality, --logits, "
                      "--probabilities or --features");
}

/* ---- rows ---- */
cull_status cull__outcomes_differ(cull_ctx *cx, const char *path, int64_t n, const char *of,
                                  int64_t m)
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
    return f->rows == n ? CULL_OK : cull__outcomes_differ(g->cx, path, n, f->rows_of, f->rows);
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
    if (o->features_files && o->attributes)
        return cull__fail(g->cx, CULL_EINPUT, "give --features or --attributes, not both");
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
    if (w.n && !o->table)
        return no_table(g, "score, --quality, --cost, --attributes or --truth", w.col[0].name);
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

/* ---- a row for each run ---- */
static cull_status only_runs(opening *g, const cull_outcomes_opts *o)
{
    const char *other = o->score                 ? "score"
                        : o->quality             ? "quality"
                        : o->truth               ? "truth"
                        : o->weight              ? "weight"
                        : o->spread              ? "spread"
                        : o->logits_files        ? "logits"
                        : o->probabilities_files ? "probabilities"
                        : o->features_files      ? "features"
                                                 : NULL;
    if (other)
        return cull__fail(g->cx, CULL_EINPUT,
                          "--%s is of tables with a row for each input; with --long a row is a run",
                          other);
    if (!o->table) return no_table(g, "long", o->runs);
    if (g->parts[COST] && !all_numbers(g))
        return cull__fail(g->cx, CULL_EINPUT,
                          "--cost %s: of runs it is a column of --long: cost=COLUMN", o->cost);
    return CULL_OK;
}

static cull_status open_runs(opening *g, const cull_outcomes_opts *o)
{
    cull_outcomes_file *f = g->f;
    cull__runs *r = &f->runs;
    CULL_TRY(split_all(g, o));
    CULL_TRY(only_runs(g, o));
    cull__runs_opts ro = {.table = o->table,
                          .columns = o->runs,
                          .way = g->part[MODELS],
                          .ways = g->parts[MODELS],
                          .attribute = g->part[ATTRIBUTES],
                          .attributes = g->parts[ATTRIBUTES],
                          .workloads = o->workloads,
                          .group = o->group};
    cull__quote(o->table, strlen(o->table), f->where, sizeof f->where);
    CULL_TRY(cull__runs_read(g->cx, &ro, r));
    if (r->cost && g->parts[COST])
        return cull__fail(g->cx, CULL_EINPUT, "--cost is given, and cost=COLUMN of --long too");
    f->o.models = r->ways;
    g->first = "long";
    CULL_TRY(agree(g, "cost", g->parts[COST]));
    CULL_TRY(agree(g, "delay", g->parts[DELAY]));
    CULL_TRY(delays(g));
    if (g->parts[COST]) f->o.each = f->each;
    f->o.where = f->where;
    f->o.name = r->name;
    f->d[0] = r->d;
    f->x[0] = r->x;
    f->o.x = f->x, f->o.d = f->d, f->o.xs = r->d > 0;
    f->o.quality = r->quality, f->o.cost = r->cost;
    f->o.group = r->group, f->o.groups = r->groups, f->o.group_name = r->group_name;
    return CULL_OK;
}

static cull_status open_all(opening *g, const cull_outcomes_opts *o)
{
    cull_outcomes_file *f = g->f;
    bool file = o->truth && exists(o->truth);
    f->rows = -1;
    if (o->runs) return open_runs(g, o);
    if (o->workloads)
        return cull__fail(g->cx, CULL_EINPUT, "--workloads %s is beside a table of runs (--long)",
                          o->workloads);
    CULL_TRY(split_all(g, o));
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
