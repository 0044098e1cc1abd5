/* measure.c - how good a choice is: precision by a label that was not read, coverage of the target,
 * and the same of the baselines. */
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int measure(cli *c, cull_ctx *cx, const problem *q, const cull_pick *k, measured *out)
{
    *out = (measured){.precision = NAN, .lo = NAN, .hi = NAN, .coverage = NAN};
    if (!k->n) return DONE;
    if (q->wanted >= 0) {
        int64_t hits = 0;
        for (int64_t i = 0; i < k->n; i++) hits += q->label[k->idx[i]] == q->wanted;
        out->precision = (double)hits / (double)k->n;
        cull_interval_share((double)hits, (double)k->n, &out->lo, &out->hi);
    }
    if (!q->p.pool || !q->p.target) return DONE;
    out->targets = cull_pool_n(q->p.target);
    out->best = malloc(((size_t)out->targets + 1) * sizeof *out->best);
    if (!out->best) return fail(c, FAILED, "out of memory");
    int rc =
        check_in(c, cx, cull_pool_coverage(cx, q->p.pool, k->idx, k->n, q->p.target, out->best));
    double sum = 0;
    for (int64_t i = 0; rc == DONE && i < out->targets; i++) sum += out->best[i];
    out->coverage = sum / (double)out->targets;
    if (rc != DONE) measured_free(out);
    return rc;
}

void measured_free(measured *m)
{
    free(m->best);
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

static int one_draw(cli *c, const problem *q, const cull_method *m, int draw, measured *out)
{
    cull_pick k = {0};
    uint64_t seed = cull_ctx_seed(c->cx);
    cull_ctx_reseed(c->cx, seed + (uint64_t)draw);
    int rc = check(c, cull_data_pick(c->cx, m, NULL, &q->p, &k));
    cull_ctx_reseed(c->cx, seed);
    if (rc == DONE) rc = measure(c, c->cx, q, &k, out);
    cull_pick_free(&k);
    return rc;
}

/* A baseline: one run, or the mean over several draws. */
static int baseline(cli *c, const problem *q, const cull_method *m, figures *f)
{
    int draws = m->flags & CULL_STOCHASTIC ? DRAWS : 1;
    double precision[DRAWS], coverage[DRAWS], mean, lo, hi;
    measured got[DRAWS] = {0};
    int rc = DONE, n = 0;
    for (; rc == DONE && n < draws; n++) {
        rc = one_draw(c, q, m, n, &got[n]);
        precision[n] = got[n].precision, coverage[n] = got[n].coverage;
    }
    const char *note_ = draws > 1 ? "5 draws" : NULL;
    if (rc == DONE && draws == 1) {
        add_figure(f, m->slug, "precision", got[0].precision, got[0].lo, got[0].hi, NULL);
        add_figure(f, m->slug, "coverage", got[0].coverage, NAN, NAN, NULL);
    } else if (rc == DONE) {
        cull_interval(precision, n, &mean, &lo, &hi);
        if (lo < 0) lo = 0; /* Student's t does not know that a share is within 0 to 1 */
        if (hi > 1) hi = 1;
        add_figure(f, m->slug, "precision", mean, lo, hi, note_);
        cull_interval(coverage, n, &mean, &lo, &hi);
        add_figure(f, m->slug, "coverage", mean, lo, hi, note_);
    }
    if (rc == DONE) add_series(f, m->slug, &got[0]);
    for (int i = 0; i < n; i++) measured_free(&got[i]);
    return rc;
}

/* ---- tallies: how many of each group or label ---- */

static int tally(cli *c, const problem *q, const cull_pick *k, const int32_t *code, int32_t count,
                 const char *(*name)(const cull_corpus *, int32_t), const double *quota,
                 cull_run_tally **out, int *n)
{
    if (!code) return DONE;
    cull_run_tally *t = calloc((size_t)count + 1, sizeof *t);
    if (!t) return fail(c, FAILED, "out of memory");
    for (int32_t g = 0; g < count; g++) {
        t[g].name = name(q->text, g);
        t[g].quota = quota ? quota[g] : NAN;
    }
    for (int64_t i = 0; i < q->n; i++) t[code[i]].pool++;
    for (int64_t i = 0; i < k->n; i++) t[code[k->idx[i]]].kept++;
    *out = t;
    *n = count;
    return DONE;
}

int figures_of(cli *c, const problem *q, const cull_method *m, const cull_pick *k, bool baselines,
               figures *f)
{
    measured own;
    TRY(tally(c, q, k, q->p.group, q->p.groups, cull_corpus_group_name, q->quota, &f->group,
              &f->groups));
    TRY(tally(c, q, k, q->label, q->labels, cull_corpus_label_name, NULL, &f->label, &f->labels));
    TRY(measure(c, c->cx, q, k, &own));
    add_figure(f, m->slug, "precision", own.precision, own.lo, own.hi, NULL);
    add_figure(f, m->slug, "coverage", own.coverage, NAN, NAN, NULL);
    add_series(f, m->slug, &own);
    bool useful = q->wanted >= 0 || f->serieses;
    for (int i = 0; baselines && useful && i < cull_method_count(); i++) {
        const cull_method *b = cull_method_at(i);
        if (b == m || !(b->flags & CULL_BASELINE) || problem_lacks(q, b)) continue;
        TRY(baseline(c, q, b, f));
    }
    return DONE;
}

void figures_free(figures *f)
{
    for (int i = 0; i < f->serieses; i++) free(f->owned[i]);
    free(f->group);
    free(f->label);
    *f = (figures){0};
}
