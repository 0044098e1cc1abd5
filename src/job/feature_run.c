/* feature_run.c - one choice of columns: open, choose, judge, and keep what a report says of it. */
#include "feature.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_figure(cull_job *j, const char *name, const char *metric, double value, double lo,
                       double hi, const char *note)
{
    figures *f = &j->f;
    if (isnan(value) || f->figures == MAX_FIGURES) return;
    f->figure[f->figures++] = (cull_run_figure){name, metric, value, lo, hi, note};
}

static void add_folds(cull_job *j, const char *name, const char *metric, const double *v, int n,
                      const char *note)
{
    double mean, lo, hi;
    cull_interval(v, n, &mean, &lo, &hi);
    if (j->feature->p.classes && lo < 0)
        lo = 0; /* Student's t does not know what accuracy and R2 can be */
    if (hi > 1) hi = 1;
    add_figure(j, name, metric, mean, lo, hi, note);
}

/* Of a baseline that draws: the mean over draws, fold by fold. */
static cull_status judge_random(cull_job *j, const feature_judge *g)
{
    const cull_method *m = cull_method_find("random-columns", NULL);
    cull_feature_problem p = j->feature->p;
    double mean[FOLDS] = {0}, value[FOLDS];
    if (!isfinite(p.budget)) p.budget = fmax(1, j->feature->pick.pick.spent);
    for (int i = 0; i < DRAWS; i++) {
        cull_feature_pick k;
        cull_ctx *cx;
        CULL_TRY(cull__ctx_like(j->cx, cull_ctx_seed(j->cx) + (uint64_t)i, &cx));
        cull_status s = cull_feature_select(cx, m, NULL, &p, &k);
        if (s == CULL_OK) {
            s = feature_judge_columns(cx, g, k.pick.idx, k.pick.n, value);
            cull_feature_pick_free(&k);
        }
        if (s != CULL_OK) s = cull__fail(j->cx, s, "%s", cull_error(cx));
        cull_ctx_free(cx);
        CULL_TRY(s);
        for (int f = 0; f < FOLDS; f++) mean[f] += value[f] / DRAWS;
    }
    add_folds(j, "random-columns", feature_judge_metric(g), mean, FOLDS, "5 draws");
    return CULL_OK;
}

static cull_status judge_all(cull_job *j, const feature_judge *g)
{
    const cull_feature_problem *p = &j->feature->p;
    double value[FOLDS];
    int64_t *col, n = 0;
    CULL_TRY(CULL_ALLOC(j->cx, col, p->d));
    for (int64_t c = 0; c < p->d; c++)
        if (!p->avoid || !p->avoid[c]) col[n++] = c;
    cull_status s = feature_judge_columns(j->cx, g, col, n, value);
    cull__free(col);
    if (s == CULL_OK) add_folds(j, "all columns", feature_judge_metric(g), value, FOLDS, NULL);
    if (s == CULL_OK && isnan(value[0]))
        job_note(j, "All columns are too many for the model, or for the memory.");
    return s;
}

static cull_status judge_run(cull_job *j, const cull_method *m, bool baselines)
{
    const cull_pick *k = &j->feature->pick.pick;
    feature_judge *g;
    double value[FOLDS];
    CULL_TRY(feature_judge_open(j, &g));
    if (!g) return CULL_OK;
    cull_status s = feature_judge_columns(j->cx, g, k->idx, k->n, value);
    if (s == CULL_OK) add_folds(j, m->slug, feature_judge_metric(g), value, FOLDS, NULL);
    if (s == CULL_OK && baselines && strcmp(m->slug, "random-columns")) s = judge_random(j, g);
    if (s == CULL_OK && baselines) s = judge_all(j, g);
    char note[400];
    feature_judge_note(g, note, sizeof note);
    if (s == CULL_OK) job_note(j, "%s", note);
    feature_judge_free(g);
    return s;
}

static cull_status bootstrap(cull_job *j, const cull_method *m, const cull_opts *opts, double draws)
{
    struct feature *f = j->feature;
    stability st;
    if (draws < 1) return CULL_OK;
    CULL_TRY(CULL_ALLOC(j->cx, f->share, f->p.d));
    CULL_TRY(feature_stability(j, m, opts, (int64_t)draws, f->share, &st));
    add_figure(j, m->slug, "stability", st.index, st.lo, st.hi, NULL);
    add_figure(j, m->slug, "Jaccard", st.jaccard, NAN, NAN, NULL);
    job_note(j,
             "Chosen again from %g bootstraps of the rows: stability is 1 where the choice is "
             "always the same, 0 where it is as by chance.",
             draws);
    return CULL_OK;
}

/* What the result says of columns outlives the table. */
static cull_status describe_columns(cull_job *j)
{
    struct feature *f = j->feature;
    const cull_pick *k = &f->pick.pick;
    CULL_TRY(CULL_ALLOC(j->cx, f->name, f->p.d));
    CULL_TRY(CULL_ALLOC(j->cx, f->id, k->n));
    for (int64_t c = 0; c < f->p.d; c++) CULL_TRY(job_keep(j, f->p.name[c], &f->name[c]));
    for (int64_t i = 0; i < k->n; i++) f->id[i] = (char *)f->name[k->idx[i]];
    f->columns = (cull_run_columns){.n = f->p.d,
                                    .name = f->name,
                                    .score = f->pick.score,
                                    .p = f->pick.p,
                                    .verdict = f->pick.verdict,
                                    .share = f->share,
                                    .score_is = f->pick.score_is};
    return CULL_OK;
}

cull_status feature_hashes(cull_job *j)
{
    static const char *const role[] = {"pool", "cost"};
    const char *path[MAX_FILES];
    if (j->input) return CULL_OK;
    CULL_TRY(CULL_ALLOC(j->cx, j->input, MAX_FILES));
    for (int r = 0; r < COUNT(role); r++) {
        int n = values_of(j, role[r], path, MAX_FILES);
        for (int i = 0; i < n && j->inputs < MAX_FILES; i++) {
            if (!strcmp(path[i], "-")) continue;
            cull_run_input *in = &j->input[j->inputs];
            CULL_TRY(cull_file_hash(j->cx, path[i], &in->file));
            in->role = role[r];
            if (n == 1 && !r) in->file.rows = j->feature->p.n;
            j->inputs++;
        }
    }
    return CULL_OK;
}

static cull_status run(cull_job *j, const cull_method *m, const cull_opts *opts, unsigned flags)
{
    struct feature *f = j->feature;
    double began = cull__now(), draws;
    CULL_TRY(number_of(j, "stability", 0, 0, 10000, true, &draws));
    if (draws == 1)
        return cull__fail(j->cx, CULL_EOPTION, "--stability 1: it takes at least 2 bootstraps");
    if (flags & CULL_JOB_HASHES) CULL_TRY(feature_hashes(j));
    cull__remark(j->cx, "%s", "");
    CULL_TRY(cull_feature_select(j->cx, m, opts, &f->p, &f->pick));
    double took = j->open_seconds + cull__now() - began;
    if (*cull__remarked(j->cx)) job_note(j, "%s", cull__remarked(j->cx));
    if (*f->target_note) job_note(j, "%s", f->target_note);
    if (*f->wide_note) job_note(j, "%s", f->wide_note);
    for (int i = 0; cull_frame_note(f->frame, i); i++)
        job_note(j, "%s", cull_frame_note(f->frame, i));
    if (flags & (CULL_JOB_JUDGE | CULL_JOB_BASELINES))
        CULL_TRY(judge_run(j, m, flags & CULL_JOB_BASELINES));
    CULL_TRY(bootstrap(j, m, opts, draws));
    CULL_TRY(describe_columns(j));
    CULL_TRY(job_describe(j, m, opts, took));
    j->ids = (cull_strings){.n = f->pick.pick.n, .id = f->id};
    j->run.n = f->p.d;
    j->run.budget = isfinite(f->p.budget) ? f->p.budget : 0;
    j->run.budget_text = value_of(j, "budget", NULL);
    j->run.cost_unit = j->cost_unit ? j->cost_unit : "columns";
    j->run.pick = &f->pick.pick;
    j->run.ids = &j->ids;
    j->run.columns = &f->columns;
    return cull__meet(j->cx, "the result"); /* before any of it is written */
}

cull_status feature_run(cull_job *j, const cull_method *m, const cull_opts *opts, unsigned flags)
{
    cull_status s = j->opened ? CULL_OK : feature_open(j, m->flags & CULL_OWN_NUMBER);
    return s == CULL_OK ? run(j, m, opts, flags) : s;
}

/* ---- before a run ---- */

/* The method's time is that of a run over few rows, along its operations. */
static cull_status time_of(cull_job *j, const cull_method *m, const cull_opts *opts,
                           const cull_plan *all, double *seconds)
{
    enum { LARGE = 2000 };
    cull_feature_problem p = j->feature->p;
    cull_feature_pick k;
    cull_plan part;
    float *rows = NULL;
    cull_pool *x = NULL;
    cull_ctx *cx;
    p.n = p.n < LARGE ? p.n : LARGE;
    CULL_TRY(cull__ctx_like(j->cx, cull_ctx_seed(j->cx), &cx));
    cull_status s = CULL_ALLOC(j->cx, rows, p.n * p.d);
    if (s == CULL_OK) {
        const float *v = cull_pool_rows(p.x, 0, p.n, rows);
        if (v != rows) memcpy(rows, v, (size_t)(p.n * p.d) * sizeof *rows);
        s = cull_pool_from(j->cx, rows, CULL_F32, p.n, p.d, &x);
    }
    if (s == CULL_OK) {
        p.x = x;
        if (m->flags & CULL_NEEDS_Y || p.n == j->feature->p.n) p.y = j->feature->p.y;
        double began = cull__now();
        s = cull_feature_select(cx, m, opts, &p, &k);
        *seconds = cull__now() - began;
        if (s == CULL_OK) cull_feature_pick_free(&k);
        if (s == CULL_OK) s = cull_feature_plan(cx, m, opts, &p, &part);
        if (s != CULL_OK) s = cull__fail(j->cx, s, "%s", cull_error(cx));
    }
    if (s == CULL_OK)
        *seconds *=
            part.flops > 0 ? all->flops / part.flops : (double)j->feature->p.n / (double)p.n;
    cull_pool_free(x);
    cull__free(rows);
    cull_ctx_free(cx);
    return s;
}

cull_status feature_estimate(cull_job *j, const cull_method *m, const cull_opts *opts,
                             unsigned flags, cull_estimate *out)
{
    cull_plan plan;
    double seconds = 0;
    (void)flags;
    CULL_TRY(feature_open(j, m->flags & CULL_OWN_NUMBER));
    uint64_t open = cull_ctx_peak(j->cx), held = cull_ctx_held(j->cx);
    CULL_TRY(cull_feature_plan(j->cx, m, opts, &j->feature->p, &plan));
    CULL_TRY(time_of(j, m, opts, &plan, &seconds));
    *out = (cull_estimate){.rows = j->feature->p.n,
                           .dim = j->feature->p.d,
                           .budget = value_of(j, "budget", "what it finds"),
                           .cost_unit = j->cost_unit ? j->cost_unit : "columns",
                           .bytes = held + plan.bytes > open ? held + plan.bytes : open,
                           .passes = plan.passes + 1,
                           .read = j->open_seconds,
                           .choose = seconds};
    return CULL_OK;
}

/* ---- the kept columns ---- */

static int by_column(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

cull_status feature_rows(cull_job *j, bool with_target, bool as_chosen, const char *path)
{
    struct feature *f = j->feature;
    const cull_pick *k = &f->pick.pick;
    const char *file[MAX_FILES], **name;
    int64_t *col, n = k->n;
    cull_frame_opts o = CULL_FRAME_OPTS;
    o.paths = file;
    o.npaths = values_of(j, "pool", file, MAX_FILES);
    CULL_TRY(CULL_ALLOC(j->cx, name, n + 1));
    cull_status s = CULL_ALLOC(j->cx, col, n);
    if (s == CULL_OK) {
        if (n) memcpy(col, k->idx, (size_t)n * sizeof *col);
        if (!as_chosen) qsort(col, (size_t)n, sizeof *col, by_column);
        for (int64_t i = 0; i < n; i++) name[i] = f->name[col[i]];
        if (with_target && has(j, "target") && !j->array) name[n++] = value_of(j, "target", NULL);
        s = cull_frame_write(j->cx, &o, name, n, path);
    }
    cull__free(col);
    cull__free(name);
    return s;
}
