/* feature.c - from named inputs to a cull_feature_problem. */
#include "feature.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 20, MANY = 1000 };

static const char *table_name(const cull_job *j) { return value_of(j, "pool", "the table"); }

static const char *column_name(const cull_job *j, int64_t c)
{
    return cull_frame_names(j->feature->frame)[c];
}

/* ---- the table ---- */

/* Labels come with rows there. */
static bool has_labels(const char *path)
{
    char e[16];
    cull_file_ending(path, e);
    return !strcmp(e, "svmlight") || !strcmp(e, "libsvm") || !strcmp(e, "svm") || !strcmp(e, "bin");
}

/* A target that is a file, not a column. */
static bool is_file(const char *name)
{
    char e[16];
    FILE *f = strpbrk(name, "./") ? fopen(name, "rb") : NULL;
    if (f) fclose(f);
    cull_file_ending(name, e);
    return f || (cull_file_kind_of(name) == CULL_FILE_ARRAY && *e);
}

static cull_status open_table(cull_job *j, const char **beside)
{
    const char *path[MAX_FILES], *target = value_of(j, "target", NULL);
    const char *categorical = value_of(j, "categorical", NULL);
    cull_frame_opts o = CULL_FRAME_OPTS;
    o.paths = path;
    o.npaths = values_of(j, "pool", path, MAX_FILES);
    if (!o.npaths) return cull__fail(j->cx, CULL_EOPTION, "there is no table");
    if (o.npaths > MAX_FILES)
        return cull__fail(j->cx, CULL_EOPTION, "more than %d files", MAX_FILES);
    *beside = target && is_file(target) ? target : NULL;
    o.target = *beside ? NULL : target;
    if (!target && o.npaths == 1 && has_labels(path[0])) o.target = "y";
    o.missing = value_of(j, "missing", NULL);
    o.categorical = categorical && strcmp(categorical, "auto") ? categorical : NULL;
    o.group = value_of(j, "group", NULL);
    return cull_frame_open(j->cx, &o, &j->feature->frame);
}

/* ---- the target ---- */

static cull_status target_of_file(cull_job *j, const char *path)
{
    struct feature *f = j->feature;
    cull_table_file *t;
    CULL_TRY(cull_table_open(j->cx, path, NULL, 0, &t));
    const cull_table *v = cull_table_of(t);
    cull_status s = CULL_OK;
    if (v->cols != 1)
        s = cull__fail(j->cx, CULL_EINPUT, "%s has %d columns of numbers; a target is one", path,
                       v->cols);
    else if (v->n != f->p.n)
        s = cull__fail(j->cx, CULL_EINPUT, "%s has %" PRId64 " rows, %s has %" PRId64, path, v->n,
                       table_name(j), f->p.n);
    if (s == CULL_OK) s = CULL_ALLOC(j->cx, f->y, f->p.n);
    if (s == CULL_OK) memcpy(f->y, v->col[0], (size_t)f->p.n * sizeof *f->y);
    cull_table_close(t);
    return s;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The different numbers, ascending; *whole: all are. */
static cull_status distinct(cull_job *j, int64_t *n, bool *whole)
{
    struct feature *f = j->feature;
    CULL_TRY(CULL_ALLOC(j->cx, f->seen, f->p.n));
    memcpy(f->seen, f->y, (size_t)f->p.n * sizeof *f->y);
    qsort(f->seen, (size_t)f->p.n, sizeof *f->seen, by_value);
    *n = 0, *whole = true;
    for (int64_t i = 0; i < f->p.n; i++) {
        *whole &= f->seen[i] == floor(f->seen[i]);
        if (!*n || f->seen[*n - 1] != f->seen[i]) f->seen[(*n)++] = f->seen[i];
    }
    return CULL_OK;
}

static cull_status given_classes(cull_job *j, double classes)
{
    struct feature *f = j->feature;
    for (int64_t i = 0; i < f->p.n; i++)
        if (!(f->y[i] >= 0 && f->y[i] < classes) || f->y[i] != floor(f->y[i]))
            return cull__fail(j->cx, CULL_EINPUT,
                              "the target of row %" PRId64 " is %g; --classes %g takes 0 to %g", i,
                              f->y[i], classes, classes - 1);
    f->p.classes = (int32_t)classes;
    return CULL_OK;
}

static cull_status numbers_as_classes(cull_job *j, const char *task)
{
    struct feature *f = j->feature;
    int64_t n;
    bool whole, wanted = !strcmp(task, "classify");
    for (int64_t i = 0; i < f->p.n; i++)
        if (!isfinite(f->y[i]))
            return cull__fail(j->cx, CULL_EINPUT,
                              "the target of row %" PRId64 " is %s; it must be a finite number", i,
                              isnan(f->y[i]) ? "missing" : "infinite");
    CULL_TRY(distinct(j, &n, &whole));
    if (wanted && n > MANY)
        return cull__fail(j->cx, CULL_EINPUT,
                          "the target takes %" PRId64 " different numbers, more than %d classes; "
                          "--task regress predicts numbers",
                          n, MANY);
    bool classes = wanted || (!strcmp(task, "auto") && whole && n <= FEW);
    if (!strcmp(task, "auto"))
        snprintf(f->target_note, sizeof f->target_note,
                 classes ? "The target is %" PRId64 " whole numbers, taken as classes; --task "
                           "regress takes them as numbers."
                         : "The target is %" PRId64 " different numbers, predicted as such.",
                 n);
    if (!classes) return CULL_OK;
    f->p.classes = (int32_t)n;
    for (int64_t i = 0; i < f->p.n; i++) {
        double *at = bsearch(&f->y[i], f->seen, (size_t)n, sizeof *f->seen, by_value);
        f->y[i] = (double)(at - f->seen);
    }
    return CULL_OK;
}

static cull_status set_target(cull_job *j, const char *beside)
{
    struct feature *f = j->feature;
    static const char *const tasks[] = {"auto", "classify", "regress"};
    const char *task = value_of(j, "task", "auto");
    double classes;
    int32_t levels;
    const double *own = cull_frame_target(f->frame, &levels);
    bool known = false;
    for (int i = 0; i < 3; i++) known |= !strcmp(task, tasks[i]);
    if (!known)
        return cull__fail(j->cx, CULL_EOPTION, "--task '%s' is none of auto, classify, regress",
                          task);
    CULL_TRY(number_of(j, "classes", 0, 2, 100000, true, &classes));
    if (beside) CULL_TRY(target_of_file(j, beside));
    if (own) {
        CULL_TRY(CULL_ALLOC(j->cx, f->y, f->p.n));
        memcpy(f->y, own, (size_t)f->p.n * sizeof *own);
    }
    if (!f->y) return CULL_OK;
    f->p.y = f->y;
    if (levels && (classes > 0 || !strcmp(task, "regress")))
        return cull__fail(j->cx, CULL_EINPUT, "the target %s holds text; it is %s",
                          value_of(j, "target", "y"), "classes, and they are counted by name");
    if (levels)
        f->p.classes = levels;
    else if (classes > 0)
        CULL_TRY(given_classes(j, classes));
    else
        CULL_TRY(numbers_as_classes(j, task));
    for (int64_t i = 1; i < f->p.n; i++)
        if (f->y[i] != f->y[0]) return CULL_OK;
    return cull__fail(j->cx, CULL_EINPUT,
                      "the target is the same in all %" PRId64 " rows; there is nothing to tell "
                      "apart",
                      f->p.n);
}

/* ---- columns by name ---- */

static cull_status mark(cull_job *j, const char *input, const char *name, uint8_t *out)
{
    struct feature *f = j->feature;
    const char *near = NULL;
    int64_t c = cull_frame_find(f->frame, name, &near);
    if (c >= 0) {
        out[c] = 1;
        return CULL_OK;
    }
    return cull__fail(j->cx, CULL_EINPUT, "--%s: %s has no column '%.70s'%s%s%s", input,
                      table_name(j), name, near ? "; did you mean '" : "", near ? near : "",
                      near ? "'?" : "");
}

/* Columns that a pick file names. */
static cull_status mark_pick(cull_job *j, const char *input, const char *path, uint8_t *out)
{
    cull_pick_file k;
    CULL_TRY(cull_pick_read(j->cx, path, &k));
    cull_status s = CULL_OK;
    if (!k.run.ids) s = cull__fail(j->cx, CULL_EINPUT, "--%s: %s names no columns", input, path);
    for (int64_t i = 0; s == CULL_OK && i < k.run.pick->n; i++)
        s = mark(j, input, k.run.ids->id[i], out);
    cull_pick_file_free(&k);
    return s;
}

static cull_status mark_all(cull_job *j, const char *input, uint8_t **out)
{
    const char *value[MAX_FILES];
    int n = values_of(j, input, value, MAX_FILES);
    if (!n) return CULL_OK;
    CULL_TRY(CULL_ALLOC(j->cx, *out, j->feature->p.d));
    for (int i = 0; i < n && i < MAX_FILES; i++) {
        char e[16];
        if (!strcmp(cull_file_ending(value[i], e), "json") || !strcmp(e, "tsv")) {
            CULL_TRY(mark_pick(j, input, value[i], *out));
            continue;
        }
        for (const char *s = value[i]; *s;) {
            char name[512];
            size_t k = strcspn(s, ",");
            snprintf(name, sizeof name, "%.*s", (int)(k < 511 ? k : 511), s);
            CULL_TRY(mark(j, input, name, *out));
            s += k + (s[k] == ',');
        }
    }
    return CULL_OK;
}

/* ---- costs and the budget ---- */

static cull_status costs_of(cull_job *j, const cull_frame *t, const char *path)
{
    struct feature *f = j->feature;
    int64_t at = cull_frame_find(t, "cost", NULL), rows = cull_pool_n(cull_frame_pool(t));
    int64_t d = cull_pool_d(cull_frame_pool(t));
    int32_t levels;
    float *row;
    const double *who = cull_frame_target(t, &levels);
    if (at < 0) return cull__fail(j->cx, CULL_EINPUT, "%s: no column 'cost'", path);
    CULL_TRY(CULL_ALLOC(j->cx, f->cost, f->p.d));
    CULL_TRY(CULL_ALLOC(j->cx, row, d));
    for (int64_t i = 0; i < rows; i++) {
        const char *name = cull_frame_target_name(t, (int32_t)who[i]);
        int64_t c = cull_frame_find(f->frame, name, NULL);
        if (c >= 0) f->cost[c] = (double)cull_pool_rows(cull_frame_pool(t), i, i + 1, row)[at];
    }
    cull__free(row);
    for (int64_t c = 0; c < f->p.d; c++)
        if (!(f->cost[c] > 0))
            return cull__fail(j->cx, CULL_EINPUT,
                              "%s: column '%.70s' has %s; every column costs something", path,
                              column_name(j, c), f->cost[c] == 0 ? "no cost" : "no cost above 0");
    return CULL_OK;
}

static cull_status set_costs(cull_job *j)
{
    const char *path = value_of(j, "cost", NULL);
    cull_frame *t;
    cull_frame_opts o = CULL_FRAME_OPTS;
    if (!path) return CULL_OK;
    o.paths = &path, o.npaths = 1;
    o.target = o.categorical = "name";
    o.missing = "";
    CULL_TRY(cull_frame_open(j->cx, &o, &t));
    cull_status s = costs_of(j, t, path);
    cull_frame_free(t);
    j->cost_unit = "cost";
    return s;
}

static cull_status set_budget(cull_job *j)
{
    struct feature *f = j->feature;
    const budget_ask *b = &j->budget;
    char all[32];
    double total = 0;
    f->p.budget = INFINITY;
    if (!has(j, "budget")) return CULL_OK;
    for (int64_t c = 0; c < f->p.d; c++) total += f->cost ? f->cost[c] : 1;
    cull__format_f64(total, all);
    if (!b->percent && !f->cost && b->number != floor(b->number))
        return cull__fail(j->cx, CULL_EOPTION, "--budget %s is no whole number of columns",
                          b->text);
    if (!b->percent && b->number > total)
        return cull__fail(j->cx, CULL_EOPTION, "--budget %s is more than the columns %s %s",
                          b->text, f->cost ? "cost," : "there are,", all);
    f->p.budget = b->percent ? b->number / 100 * total : b->number;
    if (!f->cost) f->p.budget = floor(f->p.budget + 1e-9);
    if (f->p.budget > 0) return CULL_OK;
    return cull__fail(j->cx, CULL_EOPTION, "--budget %s of %s columns is none", b->text, all);
}

/* Text that is different in most rows names them rather than says something of them. */
static cull_status pass_over_names(cull_job *j)
{
    struct feature *f = j->feature;
    const char *named = value_of(j, "categorical", "");
    int64_t found = 0, first = -1;
    for (int64_t c = 0; f->p.levels && c < f->p.d; c++) {
        if (f->p.levels[c] <= FEW || 2 * (int64_t)f->p.levels[c] <= f->p.n) continue;
        if (cull__listed(named, column_name(j, c), strlen(column_name(j, c)))) continue;
        if (!f->avoid) CULL_TRY(CULL_ALLOC(j->cx, f->avoid, f->p.d));
        if (first < 0) first = c;
        f->avoid[c] = 1;
        found++;
    }
    if (found)
        snprintf(f->wide_note, sizeof f->wide_note,
                 "%" PRId64 " column%s of text passed over, as most rows have one of their own: "
                 "%.60s%s; --categorical keeps such a column.",
                 found, found > 1 ? "s" : "", column_name(j, first), found > 1 ? ", ..." : "");
    return CULL_OK;
}

static cull_status refuse_none(cull_job *j)
{
    const struct feature *f = j->feature;
    for (int64_t c = 0; c < f->p.d; c++)
        if (!(f->have && f->have[c]) && !(f->avoid && f->avoid[c])) return CULL_OK;
    return cull__fail(
        j->cx, CULL_EINPUT,
        "%s: no column is left to choose from: every one is held, to be avoided, or text "
        "of which most rows have one of their own",
        table_name(j));
}

cull_status feature_open(cull_job *j, bool own_number)
{
    const char *beside;
    double began = cull__now();
    j->opened = true;
    if (has(j, "budget"))
        CULL_TRY(budget_parse(j, false));
    else if (!own_number)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--budget is missing: a number of columns (20), a share (10%%) or a sum "
                          "of costs");
    CULL_TRY(CULL_ALLOC(j->cx, j->feature, 1));
    struct feature *f = j->feature;
    CULL_TRY(open_table(j, &beside));
    f->p.x = cull_frame_pool(f->frame);
    f->p.n = cull_pool_n(f->p.x);
    j->n = f->p.d = cull_pool_d(f->p.x);
    f->p.levels = cull_frame_levels(f->frame);
    f->p.name = cull_frame_names(f->frame);
    f->p.group = cull_frame_group(f->frame, &f->p.groups);
    CULL_TRY(set_target(j, beside));
    CULL_TRY(mark_all(j, "have", &f->have));
    CULL_TRY(mark_all(j, "avoid", &f->avoid));
    CULL_TRY(pass_over_names(j));
    CULL_TRY(refuse_none(j));
    CULL_TRY(set_costs(j));
    CULL_TRY(set_budget(j));
    f->p.have = f->have, f->p.avoid = f->avoid, f->p.cost = f->cost;
    j->array = cull_frame_is_array(f->frame);
    j->open_seconds = cull__now() - began;
    return CULL_OK;
}

void feature_forget(cull_job *j)
{
    struct feature *f = j->feature;
    if (!f) return;
    cull_feature_pick_free(&f->pick);
    cull__free(f->share);
    cull__free(f->name);
    cull__free(f->id);
    f->share = NULL, f->name = NULL, f->id = NULL;
    f->columns = (cull_run_columns){0};
}

void feature_close(cull_job *j)
{
    struct feature *f = j->feature;
    if (!f) return;
    cull_frame_free(f->frame);
    cull__free(f->y);
    cull__free(f->seen);
    cull__free(f->cost);
    cull__free(f->have);
    cull__free(f->avoid);
    f->frame = NULL, f->y = f->seen = f->cost = NULL, f->have = f->avoid = NULL;
    f->p = (cull_feature_problem){0};
}
