/* feature_judge.c - how well a fixed plain model does on some columns, over folds.
 *
 * Columns of numbers count in standard deviations of the training fold, missing values as its mean, with
 * a mark beside them; categorical ones are a mark for each of their most frequent codes. Every set of
 * columns meets the same folds and rows. */
#include "feature.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 10000, LEVELS = 32, NUMBERS = 32 << 20 };

struct feature_judge {
    const cull_feature_problem *p;
    int64_t n, *row; /* those judged by, ascending */
    int32_t *fold;   /* (n) */
    int32_t *y;      /* (n) classes */
    double *t;       /* (n) numbers */
};

void feature_judge_free(feature_judge *g)
{
    if (!g) return;
    cull__free(g->row);
    cull__free(g->fold);
    cull__free(g->y);
    cull__free(g->t);
    cull__free(g);
}

const char *feature_judge_metric(const feature_judge *g)
{
    return g->p->classes ? "accuracy" : "R2";
}

void feature_judge_note(const feature_judge *g, char *out, size_t size)
{
    snprintf(out, size,
             "%s is of %s on the columns, trained on four fifths of %lld rows and tested on the "
             "rest, five times%s. A choice that read the target has seen those rows too, which "
             "flatters it.",
             g->p->classes ? "Accuracy" : "R2",
             g->p->classes ? "logistic regression" : "ridge regression", (long long)g->n,
             g->p->group ? "; groups stay whole" : "");
}

/* Rows shuffled and dealt out: class by class, or group by group to the fold that has the fewest rows. */
static cull_status deal(cull_job *j, feature_judge *g)
{
    const cull_feature_problem *p = g->p;
    cull_rng r = cull__rng(j->cx, 0x666f6c64);
    int64_t m = p->group ? p->groups : g->n, *order, had[FOLDS] = {0}, *size;
    cull__mark_t mark = cull__mark(j->cx);
    CULL_TRY(CULL_TMP(j->cx, order, m));
    for (int64_t i = 0; i < m; i++) order[i] = i;
    cull__rng_shuffle(&r, order, m);
    int32_t classes = p->group || !p->classes ? 1 : p->classes;
    int at = 0;
    for (int32_t c = 0; !p->group && c < classes; c++)
        for (int64_t i = 0; i < m; i++)
            if (classes == 1 || g->y[order[i]] == c) g->fold[order[i]] = at++ % FOLDS;
    if (p->group) {
        int32_t *to;
        CULL_TRY(CULL_TMP0(j->cx, size, m));
        CULL_TRY(CULL_TMP(j->cx, to, m));
        for (int64_t i = 0; i < g->n; i++) size[p->group[g->row[i]]]++;
        for (int64_t i = 0; i < m; i++) {
            int least = 0;
            for (int f = 1; f < FOLDS; f++)
                if (had[f] < had[least]) least = f;
            to[order[i]] = least;
            had[least] += size[order[i]];
        }
        for (int64_t i = 0; i < g->n; i++) g->fold[i] = to[p->group[g->row[i]]];
    }
    cull__release(j->cx, mark);
    return CULL_OK;
}

static cull_status fill(cull_job *j, feature_judge *g)
{
    const cull_feature_problem *p = g->p;
    CULL_TRY(CULL_ALLOC(j->cx, g->row, g->n));
    CULL_TRY(CULL_ALLOC(j->cx, g->fold, g->n));
    CULL_TRY(CULL_ALLOC(j->cx, g->y, g->n));
    CULL_TRY(CULL_ALLOC(j->cx, g->t, g->n));
    for (int64_t i = 0; i < g->n; i++) {
        g->row[i] = i * p->n / g->n;
        g->t[i] = p->y[g->row[i]];
        g->y[i] = p->classes ? (int32_t)g->t[i] : 0;
    }
    return deal(j, g);
}

cull_status feature_judge_open(cull_job *j, feature_judge **out)
{
    const cull_feature_problem *p = &j->feature->p;
    *out = NULL;
    if (!p->y || p->n < 2 * FOLDS || (p->group && p->groups < FOLDS)) return CULL_OK;
    CULL_TRY(CULL_ALLOC(j->cx, *out, 1));
    (*out)->p = p;
    (*out)->n = p->n < ROWS ? p->n : ROWS;
    cull_status s = fill(j, *out);
    if (s != CULL_OK) feature_judge_free(*out), *out = NULL;
    return s;
}

/* ---- columns as numbers of a model ---- */

typedef struct {
    int64_t wide; /* numbers of a row */
    float *x;     /* (n, wide) */
} design;

static int64_t most_levels(const cull_feature_problem *p, int64_t c)
{
    int64_t k = p->levels ? p->levels[c] : 0;
    return k > LEVELS ? LEVELS : k;
}

/* The codes that have a mark, the most frequent first. */
static cull_status frequent(cull_ctx *cx, const float *v, int64_t n, int32_t levels, int64_t marks,
                            int32_t *code)
{
    int64_t *count;
    cull__mark_t at = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, count, levels));
    for (int64_t i = 0; i < n; i++)
        if (!isnan(v[i])) count[(int32_t)v[i]]++;
    for (int64_t k = 0; k < marks; k++) {
        code[k] = 0;
        for (int32_t l = 1; l < levels; l++)
            if (count[l] > count[code[k]]) code[k] = l;
        count[code[k]] = -1;
    }
    cull__release(cx, at);
    return CULL_OK;
}

static void numeric(const feature_judge *g, int fold, const float *v, const design *d, int64_t at)
{
    double n = 0, sum = 0, square = 0;
    for (int64_t i = 0; i < g->n; i++)
        if (g->fold[i] != fold && !isnan(v[i])) n++, sum += v[i];
    double mean = n > 0 ? sum / n : 0;
    for (int64_t i = 0; i < g->n; i++)
        if (g->fold[i] != fold && !isnan(v[i])) square += (v[i] - mean) * (v[i] - mean);
    double sd = square > 0 ? sqrt(square / n) : 1;
    for (int64_t i = 0; i < g->n; i++) {
        d->x[i * d->wide + at] = isnan(v[i]) ? 0 : (float)((v[i] - mean) / sd);
        d->x[i * d->wide + at + 1] = isnan(v[i]);
    }
}

static cull_status encode(cull_ctx *cx, const feature_judge *g, int fold, const int64_t *col,
                          int64_t cols, const float *values, design *d)
{
    const cull_feature_problem *p = g->p;
    int64_t at = 0;
    int32_t code[LEVELS];
    for (int64_t c = 0; c < cols; c++) {
        const float *v = values + c * g->n;
        int64_t marks = most_levels(p, col[c]);
        if (!marks) numeric(g, fold, v, d, at);
        if (marks) CULL_TRY(frequent(cx, v, g->n, p->levels[col[c]], marks, code));
        for (int64_t k = 0; k < marks; k++)
            for (int64_t i = 0; i < g->n; i++) d->x[i * d->wide + at + k] = v[i] == (float)code[k];
        at += marks ? marks : 2;
    }
    return CULL_OK;
}

/* The columns of the rows judged by, each in one piece: (cols, n). */
static cull_status take_columns(cull_ctx *cx, const feature_judge *g, const int64_t *col,
                                int64_t cols, float *values)
{
    float *row;
    CULL_TRY(CULL_TMP(cx, row, g->p->d));
    for (int64_t i = 0; i < g->n; i++) {
        const float *v = cull_pool_rows(g->p->x, g->row[i], g->row[i] + 1, row);
        for (int64_t c = 0; c < cols; c++) values[c * g->n + i] = v[col[c]];
    }
    return CULL_OK;
}

/* ---- the model ---- */

static cull_status classify(cull_ctx *cx, const float *train, const int32_t *y, int64_t n,
                            const float *test, const int32_t *want, int64_t tests, int64_t wide,
                            int32_t classes, double *value)
{
    double *w;
    int32_t *label;
    cull__logreg_opts o = {0};
    int64_t hits = 0;
    CULL_TRY(CULL_TMP0(cx, w, (int64_t)classes * (wide + 1)));
    CULL_TRY(CULL_TMP(cx, label, tests));
    CULL_TRY(cull__logreg_fit(cx, train, y, n, wide, classes, &o, w));
    CULL_TRY(cull__logreg_predict(cx, test, tests, wide, classes, w, NULL, label));
    for (int64_t i = 0; i < tests; i++) hits += label[i] == want[i];
    *value = (double)hits / (double)tests;
    return CULL_OK;
}

/* 1 - the share of the tests' variance about the training mean that is left. */
static cull_status regress(cull_ctx *cx, const float *train, const double *y, int64_t n,
                           const float *test, const double *want, int64_t tests, int64_t wide,
                           double *value)
{
    double *w, left = 0, all = 0, mean = 0;
    CULL_TRY(CULL_TMP(cx, w, wide + 1));
    CULL_TRY(cull__ridge_fit(cx, train, y, n, wide, 1, w));
    for (int64_t i = 0; i < n; i++) mean += y[i] / (double)n;
    for (int64_t i = 0; i < tests; i++) {
        double s = w[wide];
        for (int64_t c = 0; c < wide; c++) s += w[c] * (double)test[i * wide + c];
        left += (want[i] - s) * (want[i] - s);
        all += (want[i] - mean) * (want[i] - mean);
    }
    *value = all > 0 ? 1 - left / all : NAN;
    return CULL_OK;
}

static cull_status one_fold(cull_ctx *cx, const feature_judge *g, int fold, const design *d,
                            double *value)
{
    float *x;
    int32_t *y;
    double *t;
    int64_t n = 0, at, tests;
    size_t row = (size_t)d->wide * sizeof *x;
    for (int64_t i = 0; i < g->n; i++) n += g->fold[i] != fold;
    tests = g->n - n;
    *value = NAN;
    if (!tests || !n) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, x, g->n * d->wide));
    CULL_TRY(CULL_TMP(cx, y, g->n));
    CULL_TRY(CULL_TMP(cx, t, g->n));
    int64_t to[2] = {0, n};
    for (int64_t i = 0; i < g->n; i++) {
        at = to[g->fold[i] == fold]++;
        memcpy(x + at * d->wide, d->x + i * d->wide, row);
        y[at] = g->y[i], t[at] = g->t[i];
    }
    const float *test = x + n * d->wide;
    return g->p->classes ? classify(cx, x, y, n, test, y + n, tests, d->wide, g->p->classes, value)
                         : regress(cx, x, t, n, test, t + n, tests, d->wide, value);
}

static cull_status all_folds(cull_ctx *cx, const feature_judge *g, const int64_t *col, int64_t cols,
                             double value[FOLDS])
{
    design d = {0};
    float *values;
    for (int64_t c = 0; c < cols; c++) {
        int64_t marks = most_levels(g->p, col[c]);
        d.wide += marks ? marks : 2;
    }
    for (int f = 0; f < FOLDS; f++) value[f] = NAN;
    if (!cols || d.wide > NUMBERS / g->n) return CULL_OK;
    /* as columns, as the model's numbers twice over, and what the model itself needs */
    if (16 * (uint64_t)g->n * (uint64_t)d.wide > cull__memory_left(cx)) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, values, cols * g->n));
    CULL_TRY(CULL_TMP(cx, d.x, g->n * d.wide));
    CULL_TRY(take_columns(cx, g, col, cols, values));
    for (int f = 0; f < FOLDS; f++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, f, FOLDS));
        CULL_TRY(encode(cx, g, f, col, cols, values, &d));
        CULL_TRY(one_fold(cx, g, f, &d, &value[f]));
        cull__release(cx, mark);
    }
    return CULL_OK;
}

cull_status feature_judge_columns(cull_ctx *cx, const feature_judge *g, const int64_t *col,
                                  int64_t n, double value[FOLDS])
{
    const cull_feature_problem *p = g->p;
    int64_t *all, cols = n;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, all, p->d + n));
    if (n) memcpy(all, col, (size_t)n * sizeof *col);
    for (int64_t c = 0; p->have && c < p->d; c++) {
        bool there = !p->have[c];
        for (int64_t i = 0; i < n && !there; i++) there = col[i] == c;
        if (!there) all[cols++] = c;
    }
    const char *phase = cull__phase(cx, "judging columns");
    cull_status s = all_folds(cx, g, all, cols, value);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}
