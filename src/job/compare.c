/* compare.c - many methods on one problem, over seeds. */
#include "job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { METRICS = 2 };

const cull_input *cull_compare_inputs(void)
{
    static const cull_input rows[] = {
        {"targets", "N",
         "make a fair problem of one labelled pool: N random rows with the label become the "
         "target, "
         "and their groups leave the pool"},
        {"split-by", "FIELD|copies",
         "what a target row takes with it out of the pool: all that shares its FIELD, or its near "
         "copies (copies)"},
        {NULL, NULL, NULL}};
    return rows;
}

struct comparison {
    split fair; /* of `targets` */
    const cull_variant *of;
    bool *lacks; /* (variants) it did not run for want of an input; a note says which */
    int variants;
    char lacking[1024], features[128], ceiling[160];
    const char *note[3];
    double best; /* the least precision that a perfect choice would have, over the seeds */
    cull_compare_row *row;
    double (*value)[METRICS];
    char (*why)[256];
    int rows;
    const char *metric[METRICS];
    int metrics;
    cull_compare out;
};

void comparison_free(comparison *w)
{
    if (!w) return;
    cull__free(w->lacks);
    cull__free(w->row);
    cull__free(w->value);
    cull__free(w->why);
    cull__free(w);
}

static cull_status choose_metrics(cull_job *j, comparison *w)
{
    bool target = has(j, "target") || has(j, "target-embeddings") || has(j, "targets");
    if (has(j, "label-is")) w->metric[w->metrics++] = "precision";
    if (target) w->metric[w->metrics++] = "coverage";
    if (w->metrics) return CULL_OK;
    return cull__fail(j->cx, CULL_EOPTION,
                      "there is nothing to compare by: give --label and --label-is, or a target");
}

static const char *name_of(const cull_variant *v) { return v->name ? v->name : v->method->slug; }

/* "Not run: dsir needs ...; kmq needs ...": each variant once. */
static bool lacks(cull_job *j, comparison *w, int i)
{
    const cull_method *m = w->of[i].method;
    const char *why = w->lacks[i] ? NULL : job_lacks(j, m);
    size_t n = strlen(w->lacking);
    if (!why) return w->lacks[i];
    w->lacks[i] = true;
    snprintf(w->lacking + n, sizeof w->lacking - n, "%s %s %s%s",
             n ? ";" : "Not run:", name_of(&w->of[i]), why == m->columns ? "needs columns " : "",
             why);
    return true;
}

/* What a run gives, or why it gave nothing; only cancelling ends it all. */
static cull_status run_in(cull_job *j, cull_ctx *cx, comparison *w, const cull_variant *v,
                          cull_compare_row *r, double *value, char *why)
{
    cull_pick k = {0};
    measured got = {0};
    double began = cull__now();
    cull_status s = cull_data_pick(cx, v->method, v->opts, &j->p, &k);
    r->seconds = cull__now() - began;
    r->peak_bytes = cull_ctx_peak(cx);
    if (s == CULL_ECANCEL) {
        s = cull__fail(j->cx, s, "%s", cull_error(cx));
    } else if (s != CULL_OK) {
        snprintf(why, sizeof *w->why, "%s", cull_error(cx));
        r->why = why;
        s = CULL_OK;
    } else {
        s = measure(j, &k, &got);
        for (int i = 0; i < w->metrics; i++)
            value[i] = strcmp(w->metric[i], "coverage") ? got.precision : got.coverage;
        r->value = value;
    }
    measured_free(&got);
    cull_pick_free(&k);
    return s;
}

/* Each run has a context of its own, so that its peak is its own. */
static cull_status run_one(cull_job *j, comparison *w, const cull_variant *v, uint64_t seed)
{
    const char *name;
    cull_ctx *cx;
    CULL_TRY(job_keep(j, name_of(v), &name)); /* the caller's may go before the table does */
    int at = w->rows++;
    cull_compare_row *r = &w->row[at];
    *r = (cull_compare_row){name, seed, v->method->flags & CULL_BASELINE, NULL, 0, 0, NULL};
    CULL_TRY(cull__ctx_like(j->cx, seed, &cx));
    cull_status s = run_in(j, cx, w, v, r, w->value[at], w->why[at]);
    cull_ctx_free(cx);
    cull__log(j->cx, CULL_LOG_DEBUG, "%s\tseed %llu\t%.2f s", r->method, (unsigned long long)seed,
              r->seconds);
    return s;
}

/* The precision of a perfect choice: rows with the label that may be kept, within the budget. */
static double ceiling(const cull_job *j)
{
    int64_t left = 0;
    for (int64_t i = 0; i < j->n; i++)
        left += j->codes[LABEL].code[i] == j->wanted && !(j->p.avoid && j->p.avoid[i]);
    return j->cost || (double)left > j->p.budget ? 1 : (double)left / j->p.budget;
}

static cull_status run_seed(cull_job *j, comparison *w, int at)
{
    uint64_t seed = cull_ctx_seed(j->cx) + (uint64_t)at;
    bool made = has(j, "targets");
    if (made) CULL_TRY(split_make(j, &w->fair, seed));
    if (j->wanted >= 0) w->best = fmin(w->best, ceiling(j));
    for (int i = 0; i < w->variants; i++) {
        bool once = !made && !(w->of[i].method->flags & CULL_STOCHASTIC);
        if ((once && at) || lacks(j, w, i)) continue;
        CULL_TRY(run_one(j, w, &w->of[i], seed));
        if (w->row[w->rows - 1].why && at) w->rows--; /* the first says why */
    }
    return CULL_OK;
}

static cull_status make_table(cull_job *j, comparison *w)
{
    int notes = 0;
    snprintf(w->features, sizeof w->features,
             "Features were made once for all methods that read them, in %.1f s; no method's time "
             "has them.",
             j->embed_seconds);
    if (j->embed_seconds > 0) w->note[notes++] = w->features;
    snprintf(
        w->ceiling, sizeof w->ceiling,
        "In some seed fewer records with the label are left than the budget: no precision can be "
        "above %.3f there.",
        w->best);
    if (w->best < 1) w->note[notes++] = w->ceiling;
    if (w->lacking[0]) w->note[notes++] = w->lacking;
    if (!w->rows)
        return cull__fail(j->cx, CULL_EINPUT, "no method can run:%s", strchr(w->lacking, ':') + 1);
    w->out = (cull_compare){.metric = w->metric,
                            .metrics = w->metrics,
                            .shares = has(j, "label-is"), /* precision is the first metric then */
                            .row = w->row,
                            .rows = w->rows,
                            .input = j->input,
                            .inputs = j->inputs,
                            .n = j->n,
                            .budget = j->p.budget,
                            .budget_text = j->budget.text,
                            .cost_unit = j->cost_unit,
                            .isa = cull_ctx_isa(j->cx),
                            .threads = cull_ctx_threads(j->cx),
                            .note = w->note,
                            .notes = notes,
                            .argv = j->argv,
                            .argc = j->argc};
    return CULL_OK;
}

static cull_status run_all(cull_job *j, comparison *w, int seeds)
{
    if (has(j, "targets")) CULL_TRY(split_groups(j, &w->fair));
    for (int i = 0; i < seeds; i++) CULL_TRY(run_seed(j, w, i));
    return make_table(j, w);
}

static cull_status open_all(cull_job *j, comparison *w)
{
    const cull_method **method;
    CULL_TRY(CULL_ALLOC(j->cx, method, w->variants));
    for (int i = 0; i < w->variants; i++) method[i] = w->of[i].method;
    cull_status s = job_open(j, method, w->variants, true, false);
    cull__free(method);
    return s == CULL_OK ? job_hashes(j) : s;
}

cull_status cull_job_compare(cull_job *j, const cull_variant *v, int n, int seeds,
                             const cull_compare **out)
{
    *out = NULL;
    comparison_free(j->compared);
    j->compared = NULL;
    if (n < 1 || seeds < 1)
        return cull__fail(j->cx, CULL_EOPTION, "%d methods and %d seeds: it takes at least one", n,
                          seeds);
    if (has(j, "checkpoint") || has(j, "shard") || has(j, "parts"))
        return cull__fail(j->cx, CULL_EOPTION,
                          "--checkpoint, --shard and --parts are for a run, not for a comparison");
    CULL_TRY(CULL_ALLOC(j->cx, j->compared, 1));
    comparison *w = j->compared;
    int64_t most = (int64_t)n * seeds;
    w->of = v;
    w->variants = n;
    w->best = 1;
    CULL_TRY(CULL_ALLOC(j->cx, w->lacks, n));
    CULL_TRY(CULL_ALLOC(j->cx, w->row, most));
    CULL_TRY(CULL_ALLOC(j->cx, w->value, most));
    CULL_TRY(CULL_ALLOC(j->cx, w->why, most));
    CULL_TRY(choose_metrics(j, w));
    CULL_TRY(split_check(j));
    CULL_TRY(open_all(j, w));
    cull_status s = run_all(j, w, seeds);
    split_free(j, &w->fair);
    if (s == CULL_OK) s = cull__meet(j->cx, "the comparison");
    if (s == CULL_OK) *out = &w->out;
    return s;
}
