/* nas-eval's check: what a search is worth is told by random search on the same space, and seeds move a ranking.
 *
 * NAS-Bench-Macro has every design trained with three seeds, so the paper's points can be held on all designs: the rank
 * correlation of two seeds over all of them and over the best tenth. Then each method, 64 evaluations a seed, beside random
 * search with the same seeds: gain in percent, share of the error that goes, Welch's p, and how many random draws
 * would do as well. */
#include "claim/search_table.h"
#include "cull/verdict.h"
#include "num/num.h"

#include <math.h>

enum { TRIALS = 64, MOST = 64, METHODS = 5, FIGURES = 4 };

typedef struct {
    const char *method, *what[FIGURES];
} row;
#define ROW(table, slug)                                                                           \
    {                                                                                              \
        slug,                                                                                      \
        {                                                                                          \
            table ": gain over random search in percent, " slug,                                   \
                table ": share of its error that goes in percent, " slug,                          \
                table ": Welch's p, " slug, table ": random draws that do as well, " slug          \
        }                                                                                          \
    }
#define ROWS(table)                                                                                \
    {                                                                                              \
        ROW(table, "ant-colony"), ROW(table, "local-search"), ROW(table, "regularized-evolution"), \
            ROW(table, "tpe"), ROW(table, "uct")                                                   \
    }
static const row rows[2][METHODS] = {ROWS("Macro"), ROWS("NB201")};

static cull_status search(cull_ctx *cx, const cull__search_table *t, const char *method, int seeds,
                          double *best)
{
    cull__search_plan p = {method, "", TRIALS, 0, 1, CULL_AGAIN_NEVER};
    return cull__search_table_run(cx, t, &p, seeds, &(cull__search_runs){.best = best});
}

/* better: how many methods are so by Welch's test at 5 %. */
static cull_status compare(cull_ctx *cx, const cull__search_table *t, const row *r,
                           const double *draws, int seeds, double *better, cull_claim_result *out)
{
    double best[MOST];
    cull_search_verdict v;
    int64_t same;
    CULL_TRY(search(cx, t, r->method, seeds, best));
    CULL_TRY(cull_verdict_relative(cx, best, seeds, draws, seeds, true, 100, 0, 4100, &v));
    CULL_TRY(cull_verdict_equivalent(cx, t->value[0], t->designs, v.mean, true, false, &same));
    *better += v.relative > 0 && v.p < .05;
    cull__claim_add_figure(out, r->what[0], v.relative, v.lo, v.hi);
    cull__claim_add_figure(out, r->what[1], v.reduction, NAN, NAN);
    cull__claim_add_figure(out, r->what[2], v.p, NAN, NAN);
    cull__claim_add_figure(out, r->what[3], (double)same, NAN, NAN);
    return CULL_OK;
}

/* Of so many seeds the mean is known to its standard error: how many of those it is off what random draws come to. */
static cull_status exact(cull_ctx *cx, const cull__search_table *t, const double *draws, int seeds,
                         double *off)
{
    double best[TRIALS];
    CULL_TRY(cull_verdict_random(cx, t->value[0], t->designs, true, false, TRIALS, best));
    *off =
        fabs(cull__mean(draws, seeds) - best[TRIALS - 1]) / (cull__sd(draws, seeds) / sqrt(seeds));
    return CULL_OK;
}

static cull_status methods(cull_ctx *cx, const cull__search_table *t, int table, int seeds,
                           cull_claim_result *out)
{
    static const char *const off[] = {
        "Macro: best of 64 by random search, standard errors off its exact expectation",
        "NB201: best of 64 by random search, standard errors off its exact expectation"};
    static const char *const best[] = {"Macro: best of 64, random search",
                                       "NB201: best of 64, random search"};
    static const char *const count[] = {"Macro: methods of 5 better than random, Welch p < .05",
                                        "NB201: methods of 5 better than random, Welch p < .05"};
    double draws[MOST], far, better = 0;
    CULL_TRY(search(cx, t, "random-search", seeds, draws));
    CULL_TRY(exact(cx, t, draws, seeds, &far));
    cull__claim_add_line(out, off[table], far, NAN, NAN, true, 3);
    cull__claim_figure(out, best[table], draws);
    for (int i = 0; i < METHODS; i++)
        CULL_TRY(compare(cx, t, &rows[table][i], draws, seeds, &better, out));
    cull__claim_add_figure(out, count[table], better, NAN, NAN);
    return CULL_OK;
}

/* To the digits that are printed: half of the last one. */
static cull_status rankings(cull_ctx *cx, const cull__search_table *t, cull_claim_result *out)
{
    double all, top;
    const double *const *v = (const double *const *)t->value;
    CULL_TRY(cull_verdict_tau(cx, v[1], v[2], t->designs, v[0], 1, true, &all));
    CULL_TRY(cull_verdict_tau(cx, v[1], v[2], t->designs, v[0], .1, true, &top));
    cull__claim_add_line(out, "Macro: rank correlation (tau-b) of two seeds, off .882",
                         fabs(all - .882), NAN, NAN, true, .0005);
    cull__claim_add_line(out, "Macro: the same within the best tenth, off .187", fabs(top - .187),
                         NAN, NAN, true, .0005);
    cull__claim_add_figure(out, "Macro: rank correlation of two seeds", all, NAN, NAN);
    cull__claim_add_figure(out, "Macro: the same within the best tenth", top, NAN, NAN);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    static const cull__search_file *const file[] = {&cull__macro, &cull__nb201};
    for (int i = 0; i < 2; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull__search_table t;
        CULL_TRY(cull__search_table_open(cx, data_dir, file[i], &t));
        cull_status s = i ? CULL_OK : rankings(cx, &t, out);
        if (s == CULL_OK) s = methods(cx, &t, i, seeds, out);
        cull__search_table_close(&t);
        CULL_TRY(s);
        cull__release(cx, mark);
    }
    out->note =
        "gains are of the best of 64 by the mean of the table's seeds; the paper's own runs "
        "(relative improvements, 214 cells, depth and learning curves) are not shipped "
        "and not checked";
    return CULL_OK;
}

const cull__claim cull__claim_nas_eval = {
    .about = {.slug = "nas-eval",
              .claim = "two seeds rank all designs nearly alike and the best tenth hardly so; what "
                       "a search is worth shows beside random search alone",
              .setting = "NAS-Bench-Macro: every design, two seeds; there and on CIFAR-10 of "
                         "NAS-Bench-201 (validation) 5 methods with their defaults, 64 "
                         "evaluations, 40 seeds"},
    .seeds = 40,
    .run = run,
};
