/* deeparchitect's check: a tree over the parameters, and a ridge on values and pairs of them, find better designs within 64
 * evaluations than draws do.
 *
 * NAS-Bench-Macro and CIFAR-10 of NAS-Bench-201, each digit a parameter. The paper's c is of accuracies from 0 to 1; that of `uct`
 * is in deviations of the values, so it is given as c over the deviation of the table. `smbo` is set as the paper has it, but for its
 * penalty (1, not 1000) and its features. */
#include "claim/search_table.h"
#include "cull/verdict.h"
#include "num/num.h"

#include <math.h>
#include <stdio.h>

enum { TRIALS = 64, MOST = 200 };

typedef struct {
    double best[MOST], mean[MOST]; /* of each seed */
} answer;

enum { DRAWS, TREE, OWN_TREE, RIDGE, OWN_RIDGE, SEARCHES };
typedef struct {
    const cull__search_file *of;
    double c;           /* of accuracies from 0 to 1 */
    double tree, ridge; /* gains that are to be reached */
    const char *gain[2], *rises[2], *best[SEARCHES], *exact;
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

static void above(const double *a, const double *b, int seeds, const char *what, double least,
                  cull_claim_result *out)
{
    double v[MOST];
    for (int i = 0; i < seeds; i++) v[i] = a[i] - b[i];
    cull__claim_line(out, what, v, false, least, false);
}

static cull_status measure(cull_ctx *cx, const cull__search_table *t, const part *p, int seeds,
                           cull_claim_result *out)
{
    char c[32];
    const char *const method[SEARCHES] = {"random-search", "uct", "uct", "smbo", "smbo"};
    const char *const options[SEARCHES] = {"", c, "",
                                           "startup=2 changed=0 epsilon=0.25 scale=values", ""};
    answer *a;
    CULL_TRY(CULL_TMP(cx, a, SEARCHES));
    snprintf(c, sizeof c, "c=%.6f", 100 * p->c / cull__sd(t->value[0], t->designs));
    for (int i = 0; i < SEARCHES; i++) CULL_TRY(search(cx, t, method[i], options[i], seeds, &a[i]));
    above(a[TREE].best, a[DRAWS].best, seeds, p->gain[0], p->tree, out);
    above(a[RIDGE].best, a[DRAWS].best, seeds, p->gain[1], p->ridge, out);
    above(a[TREE].mean, a[DRAWS].mean, seeds, p->rises[0], 0, out);
    above(a[RIDGE].mean, a[TREE].mean, seeds, p->rises[1], 0, out);
    for (int i = 0; i < SEARCHES; i++) cull__claim_figure(out, p->best[i], a[i].best);
    return exact_random(cx, t, out, p->exact);
}

#define PART(file, table, c, c_text, tree, ridge)                                                  \
    {                                                                                              \
        &file, c, tree, ridge,                                                                     \
            {table ": best of 64 by uct (c " c_text ") above random's",                            \
             table ": best of 64 by smbo above random's"},                                         \
            {table ": mean of all 64 by uct above random's",                                       \
             table ": mean of all 64 by smbo above uct's"},                                        \
            {table ": best of 64, random", table ": best of 64, uct (c " c_text ")",               \
             table ": best of 64, uct as it comes (c of half a deviation)",                        \
             table ": best of 64, smbo", table ": best of 64, smbo as it comes"},                  \
            table ": best of 64, random, exactly"                                                  \
    }
static const part parts[] = {PART(cull__macro, "Macro", .05, ".05", .06, .2),
                             PART(cull__nb201, "NB201", .1, ".1", .2, .4)};

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
    out->note = "percent of CIFAR-10; the paper's own spaces must be trained and are not checked";
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
