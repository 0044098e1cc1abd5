/* search_table.c - see search_table.h. */
#define _GNU_SOURCE
#include "claim/search_table.h"
#include "cull/front.h"
#include "search/eval_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const cull__search_file cull__macro = {.file = "macro/nasbench_macro_cifar10.csv",
                                       .digits = 8,
                                       .base = 3,
                                       .columns = 4,
                                       .column = {"mean_acc", "acc0", "acc1", "acc2"}};
const cull__search_file cull__macro_costs = {.file = "macro/nasbench_macro_cifar10.csv",
                                             .digits = 8,
                                             .base = 3,
                                             .columns = 3,
                                             .costs = 2,
                                             .column = {"mean_acc", "params", "flops"}};
const cull__search_file cull__macro_flops = {.file = "macro/nasbench_macro_cifar10.csv",
                                             .digits = 8,
                                             .base = 3,
                                             .columns = 2,
                                             .column = {"mean_acc", "flops"},
                                             .costs = 1};
const cull__search_file cull__nb201 = {.file = "nasbench201/nb201.csv",
                                       .digits = 6,
                                       .base = 5,
                                       .columns = 3,
                                       .column = {"c10_val200", "c100_val200", "in16_val200"}};
const cull__search_file cull__nb201_short = {
    .file = "nasbench201/nb201.csv", .digits = 6, .base = 5, .columns = 1, .column = {"c10_val12"}};

/* ---- reading ---- */

cull_status cull__nas_path(cull_ctx *cx, const char *dir, const char *file, char *path, size_t size)
{
    for (int i = 0; i < 2; i++) {
        int n = i ? snprintf(path, size, "%s/%s", dir, file)
                  : snprintf(path, size, "%s/nas/%s", dir, file);
        if (n < 0 || (size_t)n >= size)
            return cull__fail(cx, CULL_EINPUT, "the data directory's name is too long");
        if (access(path, R_OK) == 0) return CULL_OK;
    }
    return cull__fail(
        cx, CULL_ENODATA,
        "%s is not there, nor in its folder nas: no package has this table; make it of "
        "its authors' files, and name the folder by --data",
        path);
}

typedef struct {
    cull__search_table *t;
    const char *path;
    int64_t rows;
} reading;

static int64_t number_of(const cull__search_file *f, const cull__cell *arch)
{
    int64_t at = 0;
    if (arch->n != (size_t)f->digits) return -1;
    for (int i = 0; i < f->digits; i++) {
        int digit = arch->s[i] - '0';
        if (digit < 0 || digit >= f->base) return -1;
        at = at * f->base + digit;
    }
    return at;
}

static bool is_cost(const cull__search_file *f, int j) { return j >= f->columns - f->costs; }

static bool take_cell(const cull__search_file *f, int j, const cull__cell *c, double *v)
{
    if (!cull__parse_f64(c->s, c->n, v) || !isfinite(*v)) return false;
    return *v >= 0 && (is_cost(f, j) || *v <= 100);
}

static cull_status take_row(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell)
{
    reading *r = user;
    const cull__search_file *f = r->t->of;
    int64_t at = number_of(f, cell);
    if (at < 0 || !isnan(r->t->value[0][at]))
        return cull__fail(cx, CULL_EINPUT,
                          "%s, line %" PRId64 ": arch is %d digits below %d, and no two are alike",
                          r->path, line, f->digits, f->base);
    for (int j = 0; j < f->columns; j++)
        if (!take_cell(f, j, &cell[1 + j], &r->t->value[j][at]))
            return cull__fail(cx, CULL_EINPUT, "%s, line %" PRId64 ": %s must be %s", r->path, line,
                              f->column[j],
                              is_cost(f, j) ? "a number from 0" : "an accuracy in percent");
    r->rows++;
    return CULL_OK;
}

static cull_status read_table(cull_ctx *cx, const char *dir, cull__search_table *t)
{
    const cull__search_file *f = t->of;
    const char *column[1 + CULL__TABLE_COLUMNS] = {"arch"};
    char path[512];
    reading r = {.t = t, .path = path};
    CULL_TRY(cull__nas_path(cx, dir, f->file, path, sizeof path));
    for (int j = 0; j < f->columns; j++) {
        column[1 + j] = f->column[j];
        CULL_TRY(CULL_TMP(cx, t->value[j], t->designs));
        for (int64_t i = 0; i < t->designs; i++) t->value[j][i] = NAN;
    }
    CULL_TRY(cull__rows_read(cx, path, column, 1 + f->columns, take_row, &r));
    if (r.rows != t->designs)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has %" PRId64 " designs of the %" PRId64 " there are", path, r.rows,
                          t->designs);
    return CULL_OK;
}

cull_status cull__search_table_open(cull_ctx *cx, const char *dir, const cull__search_file *of,
                                    cull__search_table *t)
{
    char text[1024];
    size_t n = 0;
    *t = (cull__search_table){.of = of, .designs = 1};
    for (int i = 0; i < of->digits; i++) {
        t->designs *= of->base;
        n += (size_t)snprintf(text + n, sizeof text - n, "p%d = one(", i);
        for (int k = 0; k < of->base; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%sv%d", k ? ", " : "", k);
        n += (size_t)snprintf(text + n, sizeof text - n, ")\n");
    }
    CULL_TRY(read_table(cx, dir, t));
    return cull_space_from(cx, text, n, of->file, &t->space);
}

void cull__search_table_close(cull__search_table *t)
{
    cull_space_free(t->space);
    *t = (cull__search_table){0};
}

/* ---- running ---- */

static int64_t design(const cull__search_table *t, const double *x)
{
    int64_t at = 0;
    for (int i = 0; i < t->of->digits; i++) at = at * t->of->base + (int64_t)x[i];
    return at;
}

static cull_status evaluate(cull_study *s, const cull__search_table *t, const cull__search_plan *p,
                            int seed, const cull__search_runs *out)
{
    double best = -INFINITY, sum = 0, v[CULL__TABLE_COLUMNS];
    for (int64_t i = 0; i < p->trials; i++) {
        cull_trial k;
        CULL_TRY(cull_study_ask(s, &k));
        int64_t at = design(t, k.x), last = i - (p->trials - p->objectives);
        for (int j = 0; j < p->objectives; j++) v[j] = t->value[p->first + j][at];
        best = fmax(best, v[0]), sum += v[0];
        if (out->last && last >= 0) out->last[seed * p->objectives + last] = at;
        if (out->log) out->log[seed * p->trials + i] = at;
        CULL_TRY(
            cull_study_tell(s, k.number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = v}));
    }
    if (out->best) out->best[seed] = best;
    if (out->mean) out->mean[seed] = sum / (double)p->trials;
    return CULL_OK;
}

static cull_status run_one(cull_ctx *cx, const cull__search_table *t, const cull__search_plan *p,
                           int seed, const cull__search_runs *out)
{
    cull_objective objective[CULL__TABLE_COLUMNS];
    cull_search_problem problem = {.space = t->space,
                                   .objectives = p->objectives,
                                   .objective = objective,
                                   .trials = p->trials,
                                   .again = p->again};
    const cull_method *m = cull_method_find(p->method, NULL);
    cull_opts *o = NULL;
    cull_study *s = NULL;
    for (int j = 0; j < p->objectives; j++)
        objective[j] = (cull_objective){t->of->column[p->first + j],
                                        .maximize = !is_cost(t->of, p->first + j)};
    cull_status st = cull_opts_new(cx, m, &o);
    if (st == CULL_OK) st = cull__claim_options(cx, o, p->options);
    if (st == CULL_OK) st = cull_study_open(cx, &problem, m, o, NULL, &s);
    if (st == CULL_OK) st = evaluate(s, t, p, seed, out);
    cull_study_free(s);
    cull_opts_free(o);
    return st;
}

cull_status cull__search_table_run(cull_ctx *cx, const cull__search_table *t,
                                   const cull__search_plan *p, int seeds,
                                   const cull__search_runs *out)
{
    uint64_t first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        cull_ctx_reseed(cx, first + (uint64_t)i);
        s = cull__tick(cx, i, seeds);
        if (s == CULL_OK) s = run_one(cx, t, p, i, out);
    }
    cull_ctx_reseed(cx, first);
    return s;
}

cull_status cull__search_table_with(cull_ctx *cx, const char *dir, const cull__search_file *of,
                                    cull__search_table_fn *fn, int seeds, cull_claim_result *out)
{
    cull__mark_t mark = cull__mark(cx);
    cull__search_table t;
    CULL_TRY(cull__search_table_open(cx, dir, of, &t));
    cull_status s = fn(cx, &t, seeds, out);
    cull__search_table_close(&t);
    cull__release(cx, mark);
    return s;
}

/* Of designs design[0..n), or of all where it is NULL. */
static cull_status volume(cull_ctx *cx, const cull__search_table *t, const int64_t *design,
                          int64_t n, double *out)
{
    static const double corner[2] = {-85, 106}; /* accuracy, which is maximised, and MFLOPs */
    double *v;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, 2 * n));
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = design ? design[i] : i;
        v[2 * i] = -t->value[0][at], v[2 * i + 1] = t->value[1][at] / 1e6;
    }
    CULL_TRY(cull_front_volume(cx, v, n, 2, corner, out, NULL));
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__search_table_shares(cull_ctx *cx, const cull__search_table *t,
                                      const cull__search_plan *p, int seeds, const int64_t *budget,
                                      int budgets, double *share)
{
    double whole;
    int64_t *log;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(volume(cx, t, NULL, t->designs, &whole));
    CULL_TRY(CULL_TMP(cx, log, (int64_t)seeds * p->trials));
    CULL_TRY(cull__search_table_run(cx, t, p, seeds, &(cull__search_runs){.log = log}));
    for (int64_t i = 0; i < (int64_t)budgets * seeds; i++) {
        const int64_t seed = i % seeds;
        CULL_TRY(volume(cx, t, log + seed * p->trials, budget[i / seeds], &share[i]));
        share[i] /= whole;
    }
    cull__release(cx, mark);
    return CULL_OK;
}
