/* deeparchitect's check: a tree over the parameters finds better designs within 64 evaluations than draws do.
 *
 * NAS-Bench-Macro and CIFAR-10 of NAS-Bench-201, each digit a parameter. The paper's c is of accuracies from 0 to 1; that of `uct`
 * is in deviations of the values, so it is given as c over the deviation of the table. */
#include "claim/search_table.h"
#include "cull/verdict.h"
#include "num/num.h"

#include <math.h>
#include <stdio.h>

enum { TRIALS = 64, MOST = 200 };

typedef struct {
    double best[MOST], mean[MOST]; /* of each seed */
} answer;

typedef struct {
    const cull__search_file *of;
    double c; /* of accuracies from 0 to 1 */
    double least;
    const char *gain, *rises, *best, *own, *at_random, *exact;
} part;

static cull_status search(cull_ctx *cx, const cull__search_table *t, const char *method,
                          const char *options, int seeds, answer *a)
{
    cull__search_plan p = {method, options, TRIALS, 0, 1, CULL_AGAIN_NEVER};
    return cull__search_table_run(cx, t, &p, seeds,
                                  &(cull__search_runs){.best = a->best, .mean = a->mean});
}

static cull_status exact_random(cull_ctx *cx, const cull__search_table *t, cull_claim_result *out,
                                const char *what)
{
    double best[TRIALS];
    CULL_TRY(cull_verdict_random(cx, t->value[0], t->designs, true, false, TRIALS, best));
    cull__claim_add_figure(out, what, best[TRIALS - 1], NAN, NAN);
    return CULL_OK;
}

static cull_status measure(cull_ctx *cx, const cull__search_table *t, const part *p, int seeds,
                           cull_claim_result *out)
{
    answer *draws, *tree, *own;
    double gain[MOST], rise[MOST];
    char options[32];
    CULL_TRY(CULL_TMP(cx, draws, 1));
    CULL_TRY(CULL_TMP(cx, tree, 1));
    CULL_TRY(CULL_TMP(cx, own, 1));
    snprintf(options, sizeof options, "c=%.6f", 100 * p->c / cull__sd(t->value[0], t->designs));
    CULL_TRY(search(cx, t, "random-search", "", seeds, draws));
    CULL_TRY(search(cx, t, "uct", options, seeds, tree));
    CULL_TRY(search(cx, t, "uct", "", seeds, own));
    for (int i = 0; i < seeds; i++) {
        gain[i] = tree->best[i] - draws->best[i];
        rise[i] = tree->mean[i] - draws->mean[i];
    }
    cull__claim_line(out, p->gain, gain, false, p->least, false);
    cull__claim_line(out, p->rises, rise, false, 0, false);
    cull__claim_figure(out, p->best, tree->best);
    cull__claim_figure(out, p->own, own->best);
    cull__claim_figure(out, p->at_random, draws->best);
    return exact_random(cx, t, out, p->exact);
}

static const part parts[] = {
    {&cull__macro, .05, .06, "Macro: best of 64 by uct (c .05) above random's",
     "Macro: mean of all 64 by uct above random's", "Macro: best of 64, uct (c .05)",
     "Macro: best of 64, uct as it comes (c of half a deviation)", "Macro: best of 64, random",
     "Macro: best of 64, random, exactly"},
    {&cull__nb201, .1, .2, "NB201: best of 64 by uct (c .1) above random's",
     "NB201: mean of all 64 by uct above random's", "NB201: best of 64, uct (c .1)",
     "NB201: best of 64, uct as it comes (c of half a deviation)", "NB201: best of 64, random",
     "NB201: best of 64, random, exactly"},
};

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    for (int i = 0; i < 2; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull__search_table t;
        CULL_TRY(cull__search_table_open(cx, data_dir, parts[i].of, &t));
        cull_status s = measure(cx, &t, &parts[i], seeds, out);
        cull__search_table_close(&t);
        CULL_TRY(s);
        cull__release(cx, mark);
    }
    out->note = "percent of CIFAR-10; the paper's own spaces must be trained and are not checked, "
                "nor is its search by a predictor here";
    return CULL_OK;
}

const cull__claim cull__claim_deeparchitect = {
    .about = {.slug = "deeparchitect",
              .claim =
                  "tree search over a space of designs finds better ones than random draws do, "
                  "and evaluates better ones on the way",
              .setting = "NAS-Bench-Macro and CIFAR-10 of NAS-Bench-201 (validation), a parameter "
                         "each digit; 64 evaluations, none twice, 200 seeds"},
    .seeds = MOST,
    .run = run,
};
