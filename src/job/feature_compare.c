/* feature_compare.c - many methods on one table, over seeds, by what a plain model does on their columns. */
#include "feature.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { METRICS = 2 };

struct feature_comparison {
    cull_variant *of; /* (variants) and random-columns, where that is not among them */
    int variants, rows, notes, metrics;
    cull_compare_row *row;
    double (*value)[METRICS];
    char (*why)[256];
    char judged[400], lacking[512];
    const char *note[4], *metric[METRICS];
    feature_judge *judge;
    cull_compare out;
};

void feature_comparison_free(struct feature_comparison *w)
{
    if (!w) return;
    feature_judge_free(w->judge);
    cull__free(w->of);
    cull__free(w->row);
    cull__free(w->value);
    cull__free(w->why);
    cull__free(w);
}

static double mean_of(const double *v, int n)
{
    double mean, lo, hi;
    cull_interval(v, n, &mean, &lo, &hi);
    return mean;
}

/* Kept columns of v, or all (NULL), to the row `at`. */
static cull_status run_in(cull_job *j, cull_ctx *cx, struct feature_comparison *w,
                          const cull_variant *v, int at)
{
    const cull_feature_problem *p = &j->feature->p;
    cull_compare_row *r = &w->row[at];
    cull_feature_problem limited = *p;
    cull_feature_pick k = {0};
    double began = cull__now(), fold[FOLDS];
    int64_t *col, n = 0;
    cull_status s = CULL_ALLOC(cx, col, p->d);
    if (v && !isfinite(p->budget) && !(v->method->flags & CULL_OWN_NUMBER))
        limited.budget = floor((double)p->d / 2);
    if (s == CULL_OK && v) s = cull_feature_select(cx, v->method, v->opts, &limited, &k);
    r->seconds = v ? cull__now() - began : 0;
    r->peak_bytes = v ? cull_ctx_peak(cx) : 0;
    for (int64_t i = 0; s == CULL_OK && v && i < k.pick.n; i++) col[n++] = k.pick.idx[i];
    for (int64_t c = 0; s == CULL_OK && !v && c < p->d; c++)
        if (!p->avoid || !p->avoid[c]) col[n++] = c;
    if (s == CULL_OK) s = feature_judge_columns(cx, w->judge, col, n, fold);
    if (s == CULL_OK) {
        w->value[at][0] = mean_of(fold, FOLDS);
        r->value = w->value[at];
    }
    cull_feature_pick_free(&k);
    cull__free(col);
    return s;
}

static cull_status run_one(cull_job *j, struct feature_comparison *w, const cull_variant *v,
                           uint64_t seed)
{
    const char *name;
    cull_ctx *cx;
    int at = w->rows++;
    CULL_TRY(job_keep(j, !v ? "all columns" : v->name ? v->name : v->method->slug, &name));
    w->row[at] = (cull_compare_row){
        .method = name, .seed = seed, .baseline = !v || v->method->flags & CULL_BASELINE};
    CULL_TRY(cull__ctx_like(j->cx, seed, &cx));
    cull_status s = run_in(j, cx, w, v, at);
    if (s == CULL_ECANCEL) {
        s = cull__fail(j->cx, s, "%s", cull_error(cx));
    } else if (s != CULL_OK) { /* why it gave nothing; the others go on */
        snprintf(w->why[at], sizeof *w->why, "%s", cull_error(cx));
        w->row[at].why = w->why[at];
        s = CULL_OK;
    }
    cull_ctx_free(cx);
    return s;
}

static cull_status run_all(cull_job *j, struct feature_comparison *w, int seeds)
{
    for (int i = 0; i < seeds; i++)
        for (int k = 0; k < w->variants; k++) {
            if (i && !(w->of[k].method->flags & CULL_STOCHASTIC)) continue;
            CULL_TRY(run_one(j, w, &w->of[k], cull_ctx_seed(j->cx) + (uint64_t)i));
            if (i && w->row[w->rows - 1].why) w->rows--; /* the first says why */
        }
    return run_one(j, w, NULL, cull_ctx_seed(j->cx));
}

static cull_status make_table(cull_job *j, struct feature_comparison *w)
{
    const struct feature *f = j->feature;
    feature_judge_note(w->judge, w->judged, sizeof w->judged);
    w->note[w->notes++] = w->judged;
    if (*f->target_note) w->note[w->notes++] = f->target_note;
    if (*f->wide_note) w->note[w->notes++] = f->wide_note;
    w->metric[w->metrics++] = feature_judge_metric(w->judge);
    w->out = (cull_compare){.task = cull_task_name(j->task),
                            .metric = w->metric,
                            .metrics = w->metrics,
                            .shares = f->p.classes ? 1 : 0,
                            .row = w->row,
                            .rows = w->rows,
                            .chance = "random-columns",
                            .input = j->input,
                            .inputs = j->inputs,
                            .n = f->p.d,
                            .budget = isfinite(f->p.budget) ? f->p.budget : 0,
                            .budget_text = value_of(j, "budget", NULL),
                            .cost_unit = j->cost_unit ? j->cost_unit : "columns",
                            .isa = cull_ctx_isa(j->cx),
                            .threads = cull_ctx_threads(j->cx),
                            .note = w->note,
                            .notes = w->notes,
                            .argv = j->argv,
                            .argc = j->argc};
    return CULL_OK;
}

cull_status feature_compare(cull_job *j, const cull_variant *v, int n, int seeds,
                            const cull_compare **out)
{
    bool chance = false;
    feature_comparison_free(j->f_compared);
    j->f_compared = NULL;
    if (n < 1 || seeds < 1)
        return cull__fail(j->cx, CULL_EOPTION, "%d methods and %d seeds: it takes at least one", n,
                          seeds);
    CULL_TRY(CULL_ALLOC(j->cx, j->f_compared, 1));
    struct feature_comparison *w = j->f_compared;
    int64_t most = ((int64_t)n + 2) * seeds;
    CULL_TRY(CULL_ALLOC(j->cx, w->of, n + 1));
    CULL_TRY(CULL_ALLOC(j->cx, w->row, most));
    CULL_TRY(CULL_ALLOC(j->cx, w->value, most));
    CULL_TRY(CULL_ALLOC(j->cx, w->why, most));
    for (int i = 0; i < n; i++) {
        w->of[w->variants++] = v[i];
        chance |= !v[i].name || !strcmp(v[i].name, "random-columns");
    }
    if (!chance) w->of[w->variants++].method = cull_method_find("random-columns", NULL);
    if (!j->opened) CULL_TRY(feature_open(j, false));
    CULL_TRY(feature_judge_open(j, &w->judge));
    if (!w->judge)
        return cull__fail(j->cx, CULL_EOPTION,
                          "there is nothing to compare by: give --target, of at least %d rows",
                          2 * FOLDS);
    CULL_TRY(feature_hashes(j));
    CULL_TRY(run_all(j, w, seeds));
    CULL_TRY(make_table(j, w));
    *out = &w->out;
    return CULL_OK;
}
