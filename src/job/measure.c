/* measure.c - how good a choice is: precision by a label that was not read, coverage of the target,
 * and the same of the baselines. */
#include "job.h"

#include <math.h>

cull_status measure(cull_job *j, const cull_pick *k, measured *out)
{
    *out = (measured){.precision = NAN, .lo = NAN, .hi = NAN, .coverage = NAN};
    if (!k->n) return CULL_OK;
    if (j->wanted >= 0) {
        int64_t hits = 0;
        for (int64_t i = 0; i < k->n; i++) hits += j->codes[LABEL].code[k->idx[i]] == j->wanted;
        out->precision = (double)hits / (double)k->n;
        cull_interval_share((double)hits, (double)k->n, &out->lo, &out->hi);
    }
    if (!j->p.pool || !j->p.target) return CULL_OK;
    out->targets = cull_pool_n(j->p.target);
    CULL_TRY(CULL_ALLOC(j->cx, out->best, out->targets));
    cull_status s = cull_pool_coverage(j->cx, j->p.pool, k->idx, k->n, j->p.target, out->best);
    double sum = 0;
    for (int64_t i = 0; s == CULL_OK && i < out->targets; i++) sum += out->best[i];
    out->coverage = sum / (double)out->targets;
    if (s != CULL_OK) measured_free(out);
    return s;
}

void measured_free(measured *m)
{
    cull__free(m->best);
    m->best = NULL;
}

/* ---- figures: a method's, then the baselines' ---- */

static void add_figure(figures *f, const char *name, const char *metric, double value, double lo,
                       double hi, const char *note_)
{
    if (isnan(value) || f->figures == MAX_FIGURES) return;
    f->figure[f->figures++] = (cull_run_figure){name, metric, value, lo, hi, note_};
}

static void add_series(figures *f, const char *name, measured *m)
{
    if (!m->best || f->serieses == MAX_SERIES) {
        measured_free(m);
        return;
    }
    f->owned[f->serieses] = m->best;
    f->series[f->serieses++] = (cull_run_series){name, m->targets, m->best, 0};
    m->best = NULL;
}

static cull_status one_draw(cull_job *j, const cull_method *m, int draw, measured *out)
{
    cull_pick k = {0};
    uint64_t seed = cull_ctx_seed(j->cx);
    cull_ctx_reseed(j->cx, seed + (uint64_t)draw);
    cull_status s = cull_data_pick(j->cx, m, NULL, &j->p, &k);
    cull_ctx_reseed(j->cx, seed);
    if (s == CULL_OK) s = measure(j, &k, out);
    cull_pick_free(&k);
    return s;
}

/* A baseline: one run, or the mean over several draws. */
static cull_status baseline(cull_job *j, const cull_method *m)

{
    int draws = m->flags & CULL_STOCHASTIC ? DRAWS : 1;
    double precision[DRAWS], coverage[DRAWS], mean, lo, hi;
    measured got[DRAWS] = {0};
    figures *f = &j->f;
    cull_status s = CULL_OK;
    int n = 0;
    for (; s == CULL_OK && n < draws; n++) {
        s = one_draw(j, m, n, &got[n]);
        precision[n] = got[n].precision, coverage[n] = got[n].coverage;
    }
    const char *note_ = draws > 1 ? "5 draws" : NULL;
    if (s == CULL_OK && draws == 1) {
        add_figure(f, m->slug, "precision", got[0].precision, got[0].lo, got[0].hi, NULL);
        add_figure(f, m->slug, "coverage", got[0].coverage, NAN, NAN, NULL);
    } else if (s == CULL_OK) {
        cull_interval(precision, n, &mean, &lo, &hi);
        if (lo < 0) lo = 0; /* Student's t does not know that a share is within 0 to 1 */
        if (hi > 1) hi = 1;
        add_figure(f, m->slug, "precision", mean, lo, hi, note_);
        cull_interval(coverage, n, &mean, &lo, &hi);
        add_figure(f, m->slug, "coverage", mean, lo, hi, note_);
    }
    if (s == CULL_OK) add_series(f, m->slug, &got[0]);
    for (int i = 0; i < n; i++) measured_free(&got[i]);
    return s;
}

/* ---- tallies: how many of each group or label ---- */

static cull_status tally(cull_job *j, int which, const cull_pick *k)
{
    const codes *c = &j->codes[which];
    if (!c->code) return CULL_OK;
    CULL_TRY(CULL_ALLOC(j->cx, j->f.tally[which], c->count));
    cull_run_tally *t = j->f.tally[which];
    for (int32_t g = 0; g < c->count; g++) {
        CULL_TRY(job_keep(j, code_name(j, which, g), &t[g].name));
        t[g].quota = which == GROUP && j->quota ? j->quota[g] : NAN;
    }
    for (int64_t i = 0; i < j->n; i++) t[c->code[i]].pool++;
    for (int64_t i = 0; i < k->n; i++) t[c->code[k->idx[i]]].kept++;
    return CULL_OK;
}

cull_status figures_of(cull_job *j, const cull_method *m, bool baselines)
{
    measured own;
    CULL_TRY(tally(j, GROUP, &j->pick));
    CULL_TRY(tally(j, LABEL, &j->pick));
    CULL_TRY(measure(j, &j->pick, &own));
    add_figure(&j->f, m->slug, "precision", own.precision, own.lo, own.hi, NULL);
    add_figure(&j->f, m->slug, "coverage", own.coverage, NAN, NAN, NULL);
    add_series(&j->f, m->slug, &own);
    bool useful = j->wanted >= 0 || j->f.serieses;
    for (int i = 0; baselines && useful && i < cull_method_count(); i++) {
        const cull_method *b = cull_method_at(i);
        if (b->task != CULL_TASK_DATA || b == m || !(b->flags & CULL_BASELINE) || job_lacks(j, b))
            continue;
        CULL_TRY(baseline(j, b));
    }
    return CULL_OK;
}

void figures_free(figures *f)
{
    for (int i = 0; i < f->serieses; i++) cull__free(f->owned[i]);
    for (int i = 0; i < CODES; i++) cull__free(f->tally[i]);
    *f = (figures){0};
}
