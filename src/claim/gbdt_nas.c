/* gbdt-nas's check: boosted trees rank a space from few evaluations, and their SHAP values say which part of it to leave.
 *
 * (a) NAS-Bench-201, accuracy on CIFAR-10 after 12 epochs: N random designs, then the 50 that a predictor of them likes best
 * of all others; beside N + 50 random ones, and networks (MLP), ridge and kernels (SVR) instead of trees. (b)
 * NAS-Bench-Macro: N random ones and 25 more, from the whole space or from what pruning leaves of it: a quarter of the values
 * goes at most, and each parameter keeps one. What is left is found again from the same trials. */
#include "claim/search_table.h"
#include "num/num.h"
#include "search/sampler_prune.h"

#include <math.h>
#include <stdio.h>

enum { MOST = 64 };

static cull_status search(cull_ctx *cx, const cull__search_table *t, const char *method,
                          const char *options, int64_t trials, int seeds,
                          const cull__search_runs *out)
{
    const cull__search_plan p = {method, options, trials, 0, 1, CULL_AGAIN_NEVER};
    return cull__search_table_run(cx, t, &p, seeds, out);
}

static void above(cull_claim_result *out, const char *what, const double *a, const double *b,
                  double least)
{
    double gain[MOST];
    for (int i = 0; i < out->seeds; i++) gain[i] = a[i] - b[i];
    cull__claim_line(out, what, gain, false, least, false);
}

/* ---- (a) the best of 50 that are ranked first ---- */
enum { SIZES = 2, TOP = 50, ARMS = 5 };
typedef struct {
    int n;
    double gain; /* of trees above random */
    const char *above, *ties, *best[ARMS];
} size;
#define BEST(n)                                                                                    \
    {                                                                                              \
        "(a) best, " n ", trees", "(a) best, " n ", networks", "(a) best, " n ", ridge",           \
            "(a) best, " n ", kernels", "(a) best, " n " and 50, random"                           \
    }
static const size sizes[SIZES] = {{100, .7, "(a) best of 100 and 50: trees above random",
                                   "(a) the same: trees above networks", BEST("100")},
                                  {200, .4, "(a) best of 200 and 50: trees above random",
                                   "(a) the same: trees above networks", BEST("200")}};

static cull_status ranked(cull_ctx *cx, const cull__search_table *t, const size *z, int seeds,
                          cull_claim_result *out)
{
    static const char *const kind[ARMS - 1] = {"leaf=5", "predictor=mlp", "predictor=ridge",
                                               "predictor=svr"};
    double best[ARMS][MOST];
    for (int k = 0; k < ARMS; k++) {
        const cull__search_runs to = {.best = best[k]};
        char options[96] = "";
        if (k < ARMS - 1)
            snprintf(options, sizeof options, "startup=%d batch=%d %s", z->n, TOP, kind[k]);
        CULL_TRY(search(cx, t, k < ARMS - 1 ? "gbdt-nas" : "random-search", options, z->n + TOP,
                        seeds, &to));
    }
    above(out, z->above, best[0], best[ARMS - 1], z->gain);
    above(out, z->ties, best[0], best[1], -.15);
    for (int k = 0; k < ARMS; k++) cull__claim_figure(out, z->best[k], best[k]);
    return CULL_OK;
}

static cull_status part_a(cull_ctx *cx, const char *dir, int seeds, cull_claim_result *out)
{
    cull__search_table t;
    CULL_TRY(cull__search_table_open(cx, dir, &cull__nb201_short, &t));
    cull_status s = CULL_OK;
    for (int k = 0; s == CULL_OK && k < SIZES; k++) s = ranked(cx, &t, &sizes[k], seeds, out);
    cull__search_table_close(&t);
    return s;
}

/* ---- (b) what is left of a space ---- */
enum { CUTS = 3, MORE = 25 };
typedef struct {
    int n;
    double least; /* seeds in percent on which pruning is no worse */
    const char *no_worse, *plain, *pruned, *kept, *gain, *survives;
} cut;
#define CUT(n, least)                                                                              \
    {                                                                                              \
        n, least, "(b) seeds in percent, " #n " and 25: the best of pruned no worse",              \
            "(b) best, " #n " and 25, whole", "(b) best, " #n " and 25, pruned",                   \
            "(b) share of designs left in percent, " #n,                                           \
            "(b) mean accuracy of those above that of all, " #n,                                   \
            "(b) seeds in percent on which the best design is left, " #n                           \
    }
static const cut cuts[CUTS] = {CUT(50, 75), CUT(100, 90), CUT(200, 90)};

typedef struct {
    const cull__search_table *t;
    cull__features f;
    int64_t top; /* the best design */
    double mean; /* of all */
} whole;

static void point_of(const cull__search_table *t, int64_t at, double *x)
{
    for (int i = t->of->digits - 1; i >= 0; i--, at /= t->of->base)
        x[i] = (double)(at % t->of->base);
}

/* The designs without a value that the method would leave out after these. */
typedef struct {
    double share, gain, survives;
} left;

static cull_status without(cull_ctx *cx, const whole *w, const uint8_t *gone, left *l)
{
    double x[16], *row, sum = 0;
    int64_t n = 0;
    CULL_TRY(CULL_TMP(cx, row, w->f.d));
    *l = (left){0};
    for (int64_t at = 0; at < w->t->designs; at++) {
        point_of(w->t, at, x);
        cull__features_of(&w->f, x, row);
        if (!cull__prune_keeps(gone, row, w->f.d)) continue;
        n++, sum += w->t->value[0][at];
        if (at == w->top) l->survives = 100;
    }
    l->share = 100 * (double)n / (double)w->t->designs;
    l->gain = sum / (double)n - w->mean;
    return CULL_OK;
}

/* As the method does it after the first n of a seed's designs. */
static cull_status cut_by(cull_ctx *cx, const whole *w, const int64_t *design, int64_t n, left *l)
{
    int64_t width = cull_space_width(w->t->space), *told;
    double *x, *y;
    uint8_t *gone;
    cull__rows rows;
    cull__surrogate m;
    cull_predict_opts o = CULL_PREDICT_OPTS;
    CULL_TRY(CULL_TMP(cx, x, n * width));
    CULL_TRY(CULL_TMP(cx, y, n));
    CULL_TRY(CULL_TMP(cx, told, n));
    CULL_TRY(CULL_TMP(cx, gone, w->f.d));
    for (int64_t i = 0; i < n; i++) {
        point_of(w->t, design[i], x + i * width);
        y[i] = -w->t->value[0][design[i]], told[i] = i;
    }
    const cull_search_problem p = {.space = w->t->space, .objectives = 1};
    const cull_search_view v = {.problem = &p,
                                .space = w->t->space,
                                .width = width,
                                .objectives = 1,
                                .trials = n,
                                .x = x,
                                .value = y,
                                .told = told,
                                .tells = n};
    o.kind = CULL_PREDICT_BOOST;
    CULL_TRY(cull__rows_open(cx, &v, n, &w->f, CULL__NORMAL_SCORES, &rows));
    cull_status s = cull__surrogate_fit(cx, &rows, &w->f, &o, 4400, &m);
    if (s == CULL_OK) s = cull__prune(cx, m.of[0], &rows, &w->f, 1, w->f.d / 4, gone);
    cull__surrogate_close(&m);
    CULL_TRY(s);
    return without(cx, w, gone, l);
}

static cull_status cut_all(cull_ctx *cx, const whole *w, const cut *c, const int64_t *log,
                           int seeds, cull_claim_result *out)
{
    double share[MOST], gain[MOST], survives[MOST];
    for (int i = 0; i < seeds; i++) {
        left l;
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cut_by(cx, w, log + (int64_t)i * (c->n + MORE), c->n, &l));
        cull__release(cx, mark);
        share[i] = l.share, gain[i] = l.gain, survives[i] = l.survives;
    }
    cull__claim_figure(out, c->kept, share);
    cull__claim_figure(out, c->gain, gain);
    cull__claim_figure(out, c->survives, survives);
    return CULL_OK;
}

static cull_status pruned(cull_ctx *cx, const whole *w, const cut *c, int seeds,
                          cull_claim_result *out)
{
    static const char *const how[] = {"none", "values"};
    double best[2][MOST], no_worse[MOST];
    int64_t *log;
    CULL_TRY(CULL_TMP(cx, log, (int64_t)seeds * (c->n + MORE)));
    for (int k = 0; k < 2; k++) {
        const cull__search_runs to = {.best = best[k], .log = k ? NULL : log};
        char options[96];
        snprintf(options, sizeof options, "startup=%d batch=%d prune=%s", c->n, MORE, how[k]);
        CULL_TRY(search(cx, w->t, "gbdt-nas", options, c->n + MORE, seeds, &to));
    }
    for (int i = 0; i < seeds; i++) no_worse[i] = best[1][i] >= best[0][i] ? 100 : 0;
    cull__claim_line(out, c->no_worse, no_worse, false, c->least, false);
    cull__claim_figure(out, c->plain, best[0]);
    cull__claim_figure(out, c->pruned, best[1]);
    return cut_all(cx, w, c, log, seeds, out);
}

static cull_status part_b(cull_ctx *cx, const char *dir, int seeds, cull_claim_result *out)
{
    cull__search_table t;
    whole w = {.t = &t};
    CULL_TRY(cull__search_table_open(cx, dir, &cull__macro, &t));
    cull__features_open(t.space, CULL_ENCODE_LEVELS, false, &w.f);
    w.mean = cull__mean(t.value[0], t.designs);
    for (int64_t at = 0; at < t.designs; at++)
        if (t.value[0][at] > t.value[0][w.top]) w.top = at;
    cull_status s = CULL_OK;
    for (int k = 0; s == CULL_OK && k < CUTS; k++) s = pruned(cx, &w, &cuts[k], seeds, out);
    cull__search_table_close(&t);
    return s;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(part_a(cx, data_dir, seeds, out));
    cull__release(cx, mark);
    CULL_TRY(part_b(cx, data_dir, seeds, out));
    out->note = "trees grow leaves of 5 trials at least in (a) and as they come in (b); "
                "pruning by pairs, NAS-Bench-101 and ImageNet are not checked";
    return CULL_OK;
}

const cull__claim cull__claim_gbdt_nas = {
    .about = {.slug = "gbdt-nas",
              .claim = "boosted trees find better designs than random draws, and better ones yet "
                       "without the values that their SHAP values speak against",
              .setting = "(a) CIFAR-10 of NAS-Bench-201 after 12 epochs, 50 designs that are "
                         "ranked first after 100 and 200 random ones; (b) NAS-Bench-Macro, 25 "
                         "after 50, 100 and 200; 20 seeds"},
    .seeds = 20,
    .run = run,
};
