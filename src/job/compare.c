/* compare.c - many methods on one problem, over seeds. */
#include "feature.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { METRICS = 4, NOTES = 5 };
static const char ACCURACY[] = "accuracy", BALANCED[] = "balanced accuracy";

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
        {"judge", NULL,
         "train a classifier on what each method kept, a uniform sample and all of the pool, and "
         "test it on records that none could keep"},
        {"valid", "FILE...", "what is tested on, of the pool's form and with its label"},
        {"valid-embeddings", "FILE", "embeddings of the records of --valid"},
        {"valid-label", "FILE", "labels of the rows of --valid, where it is an array"},
        {"holdout", "SHARE",
         "without --valid: the share of each label that leaves the pool and is tested on, drawn "
         "anew for each seed, with all that --split-by or --group keeps together (20%)"},
        {"judge-l2", "P",
         "penalty of the classifier, in the sum of losses + P/2 |w|^2; without it chosen by "
         "cross-validation among the kept"},
        {NULL, NULL, NULL}};
    return rows;
}

struct comparison {
    split fair;
    judge judge;
    cull_variant *of;
    bool *lacks; /* (variants) it did not run for want of an input; a note says which */
    int variants;
    char lacking[1024], features[128], ceiling[160], judged[256], constant[512];
    const char *note[NOTES];
    double best; /* the least precision that a perfect choice would have, over the seeds */
    cull_compare_row *row;
    double (*value)[METRICS];
    char (*why)[256];
    int rows;
    const char *metric[METRICS];
    int metrics;
    unsigned shares;
    cull_compare out;
};

void comparison_free(comparison *w)
{
    if (!w) return;
    cull__free(w->of);
    cull__free(w->lacks);
    cull__free(w->row);
    cull__free(w->value);
    cull__free(w->why);
    cull__free(w);
}

static void add_metric(comparison *w, const char *name, bool share)
{
    w->shares |= (unsigned)share << w->metrics;
    w->metric[w->metrics++] = name;
}

static cull_status choose_metrics(cull_job *j, comparison *w)
{
    bool target = has(j, "target") || has(j, "target-embeddings") || has(j, "targets");
    if (judge_asked(j)) add_metric(w, ACCURACY, true), add_metric(w, BALANCED, true);
    if (has(j, "label-is")) add_metric(w, "precision", true);
    if (target) add_metric(w, "coverage", false);
    if (w->metrics) return CULL_OK;
    return cull__fail(j->cx, CULL_EOPTION,
                      "there is nothing to compare by: give --label and --label-is, a target, or "
                      "--label and --judge");
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

/* The classifier's answers were all one label, for want of another among what was kept. */
static void tell_constant(comparison *w, const char *name, uint64_t seed)
{
    size_t n = strlen(w->constant);
    snprintf(w->constant + n, sizeof w->constant - n, "%s %s (seed %llu)",
             n ? "," : "All that was kept has one label, which is then the answer to all:", name,
             (unsigned long long)seed);
}

/* What the metrics say of a choice (NULL = all of the pool), and of who is trained on it. */
static cull_status values_of_pick(cull_job *j, cull_ctx *cx, comparison *w, const cull_pick *k,
                                  const char *name, double *value)
{
    measured got = {.precision = NAN, .coverage = NAN};
    cull__judged v = {0};
    if (judge_asked(j)) CULL_TRY(judge_pick(j, cx, &w->judge, &w->fair, k, &v));
    if (isnan(v.l2) && !isnan(v.accuracy)) tell_constant(w, name, cull_ctx_seed(cx));
    cull_status s = k ? measure(j, k, &got) : CULL_OK;
    if (s != CULL_OK) return cull__fail(cx, s, "%s", cull_error(j->cx));
    for (int i = 0; i < w->metrics; i++)
        value[i] = w->metric[i] == ACCURACY           ? v.accuracy
                   : w->metric[i] == BALANCED         ? v.balanced
                   : strcmp(w->metric[i], "coverage") ? got.precision
                                                      : got.coverage;
    measured_free(&got);
    return CULL_OK;
}

/* What a run gives, or why it gave nothing; only cancelling ends it all. No variant: all of the pool
 * is kept. */
static cull_status run_in(cull_job *j, cull_ctx *cx, comparison *w, const cull_variant *v,
                          cull_compare_row *r, double *value, char *why)
{
    cull_pick k = {0};
    cull_status s = CULL_OK;
    double began = cull__now();
    if (v) {
        s = cull_data_pick(cx, v->method, v->opts, &j->p, &k);
        r->seconds = cull__now() - began;
        r->peak_bytes = cull_ctx_peak(cx);
    }
    if (s == CULL_OK) s = values_of_pick(j, cx, w, v ? &k : NULL, r->method, value);
    cull_pick_free(&k);
    if (s == CULL_OK) {
        r->value = value;
        return s;
    }
    const char *said = cull_error(cx);
    if (s == CULL_ECANCEL) return cull__fail(j->cx, s, "%s", said);
    snprintf(why, sizeof *w->why, "%s", said);
    r->why = why;
    return CULL_OK;
}

/* Each run has a context of its own, so that its peak is its own. */
static cull_status run_one(cull_job *j, comparison *w, const cull_variant *v, uint64_t seed)
{
    const char *name;
    cull_ctx *cx;
    CULL_TRY(
        job_keep(j, v ? name_of(v) : "full", &name)); /* the caller's may go before the table */
    int at = w->rows++;
    cull_compare_row *r = &w->row[at];
    bool baseline = !v || v->method->flags & CULL_BASELINE;
    *r = (cull_compare_row){name, seed, baseline, NULL, 0, 0, NULL};
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
    bool made = split_asked(j);
    if (made) CULL_TRY(split_make(j, &w->fair, seed));
    if (j->wanted >= 0) w->best = fmin(w->best, ceiling(j));
    for (int i = 0; i < w->variants; i++) {
        bool once = !made && !(w->of[i].method->flags & CULL_STOCHASTIC);
        if ((once && at) || lacks(j, w, i)) continue;
        CULL_TRY(run_one(j, w, &w->of[i], seed));
        if (w->row[w->rows - 1].why && at) w->rows--; /* the first says why */
    }
    if (judge_asked(j) && (made || !at)) CULL_TRY(run_one(j, w, NULL, seed));
    return CULL_OK;
}

/* How the accuracies came about. */
static void tell_judge(const cull_job *j, comparison *w)
{
    const judge *g = &w->judge;
    char l2[64] = "penalty by cross-validation";
    if (!judge_asked(j)) return;
    if (!isnan(g->of.l2)) snprintf(l2, sizeof l2, "penalty %g", g->of.l2);
    snprintf(w->judged, sizeof w->judged,
             "Accuracy is of logistic regression (%s) trained on what was kept, by the %" PRId64
             " numbers of a record; full: on all of the pool. Tested on %" PRId64 " records%s.",
             l2, cull_pool_d(j->pool), g->of.tests,
             w->fair.test ? ", held out anew for each seed" : "");
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
    tell_judge(j, w);
    if (w->judged[0]) w->note[notes++] = w->judged;
    if (w->constant[0]) w->note[notes++] = w->constant;
    if (!w->rows)
        return cull__fail(j->cx, CULL_EINPUT, "no method can run:%s", strchr(w->lacking, ':') + 1);
    w->out = (cull_compare){.metric = w->metric,
                            .metrics = w->metrics,
                            .shares = w->shares,
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
    CULL_TRY(judge_open(j, &w->judge));
    if (split_asked(j)) CULL_TRY(split_groups(j, w->judge.holdout, &w->fair));
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

/* Those asked for, and a uniform sample, which is what an accuracy is held against. */
static cull_status take_variants(cull_job *j, comparison *w, const cull_variant *v, int n)
{
    bool chance = !judge_asked(j);
    CULL_TRY(CULL_ALLOC(j->cx, w->of, n + 1));
    for (int i = 0; i < n; i++) {
        w->of[w->variants++] = v[i];
        chance |= !strcmp(name_of(&v[i]), "random");
    }
    if (!chance) w->of[w->variants++].method = cull_method_find("random", NULL);
    return CULL_OK;
}

cull_status cull_job_compare(cull_job *j, const cull_variant *v, int n, int seeds,
                             const cull_compare **out)
{
    *out = NULL;
    if (j->task == CULL_TASK_FEATURE) return feature_compare(j, v, n, seeds, out);
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
    int64_t most = ((int64_t)n + 2) * seeds; /* and random and full */
    w->best = 1;
    CULL_TRY(judge_check(j, &w->judge));
    CULL_TRY(take_variants(j, w, v, n));
    CULL_TRY(CULL_ALLOC(j->cx, w->lacks, w->variants));
    CULL_TRY(CULL_ALLOC(j->cx, w->row, most));
    CULL_TRY(CULL_ALLOC(j->cx, w->value, most));
    CULL_TRY(CULL_ALLOC(j->cx, w->why, most));
    CULL_TRY(choose_metrics(j, w));
    CULL_TRY(split_check(j));
    CULL_TRY(open_all(j, w));
    cull_status s = run_all(j, w, seeds);
    split_free(j, &w->fair);
    judge_free(&w->judge);
    if (s == CULL_OK) s = cull__meet(j->cx, "the comparison");
    if (s == CULL_OK) *out = &w->out;
    return s;
}
