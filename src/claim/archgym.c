/* archgym's check: how a method is set matters more than which one it is, and a predictor stands in for a simulator.
 *
 * (a) Each method runs with every one of its settings on NAS-Bench-Macro, 64 evaluations: the spread between the means of its
 * best and its worst setting, and that between the methods' best ones. (b) The logged designs of a network simulator,
 * AstraSim: knobs, one-hot where they are words, and the run time's logarithm; four fifths to learn from. */
#include "claim/search_table.h"
#include "cull/predict.h"
#include "cull/verdict.h"
#include "num/num.h"
#include "search/eval_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRIALS = 64, MOST = 64 };

/* ---- (a) the lottery of settings ---- */
typedef struct {
    const char *method;
    struct {
        const char *name, *value[6]; /* ends with NULL */
    } knob[3];
} sweep;
static const sweep sweeps[] = {
    {"regularized-evolution",
     {{"population", {"4", "8", "16", "32", "64"}}, {"mutate", {"0.05", "0.1", "0.2", "0.4"}}}},
    {"ant-colony",
     {{"ants", {"2", "8", "32"}},
      {"evaporation", {"0.1", "0.5", "1"}},
      {"greed", {"0", "0.5", "1"}}}},
    {"uct", {{"c", {"0.02", "0.1", "0.5", "1", "2", "5"}}}},
    {"nsga2", {{"population", {"4", "8", "16", "32", "64"}}, {"mate", {"0", "0.5", "0.9", "1"}}}},
    {"smbo",
     {{"pool", {"10", "50", "200"}}, {"epsilon", {"0", "0.25"}}, {"changed", {"0", "100"}}}},
};
enum { METHODS = sizeof sweeps / sizeof *sweeps };

static int values(const sweep *w, int knob)
{
    int n = 0;
    while (n < 6 && w->knob[knob].name && w->knob[knob].value[n]) n++;
    return n;
}

static int settings(const sweep *w)
{
    int n = 1;
    for (int k = 0; k < 3 && w->knob[k].name; k++) n *= values(w, k);
    return n;
}

static void setting(const sweep *w, int at, char *text, size_t size)
{
    size_t n = 0;
    text[0] = 0;
    for (int k = 0; k < 3 && w->knob[k].name; k++) {
        int many = values(w, k);
        n += (size_t)snprintf(text + n, size - n, "%s%s=%s", k ? " " : "", w->knob[k].name,
                              w->knob[k].value[at % many]);
        at /= many;
    }
}

typedef struct {
    double *best; /* (settings, seeds) */
    cull_lottery lottery;
} lots;

static cull_status draw_lots(cull_ctx *cx, const cull__search_table *t, const sweep *w, int seeds,
                             lots *l)
{
    int n = settings(w);
    CULL_TRY(CULL_TMP(cx, l->best, (int64_t)n * seeds));
    for (int i = 0; i < n; i++) {
        char options[128];
        setting(w, i, options, sizeof options);
        cull__search_plan p = {w->method, options, TRIALS, 0, 1, CULL_AGAIN_NEVER};
        CULL_TRY(cull__search_table_run(cx, t, &p, seeds,
                                        &(cull__search_runs){.best = l->best + i * seeds}));
    }
    return cull_verdict_lottery(cx, l->best, n, seeds, true, &l->lottery);
}

static cull_status lottery(cull_ctx *cx, const cull__search_table *t, int seeds,
                           cull_claim_result *out)
{
    static const char *const spread[METHODS] = {
        "(a) spread of settings, regularized-evolution (20)",
        "(a) spread of settings, ant-colony (27)", "(a) spread of settings, uct (6)",
        "(a) spread of settings, nsga2 (20)", "(a) spread of settings, smbo (12)"};
    static const char *const gain[METHODS] = {
        "(a) regularized-evolution, best setting, above random",
        "(a) ant-colony, best setting, above random", "(a) uct, best setting, above random",
        "(a) nsga2, best setting, above random", "(a) smbo, best setting, above random"};
    cull__search_plan p = {"random-search", "", TRIALS, 0, 1, CULL_AGAIN_NEVER};
    double draws[MOST], v[MOST], top = -INFINITY, bottom = INFINITY;
    lots l[METHODS];
    CULL_TRY(cull__search_table_run(cx, t, &p, seeds, &(cull__search_runs){.best = draws}));
    for (int m = 0; m < METHODS; m++) {
        CULL_TRY(draw_lots(cx, t, &sweeps[m], seeds, &l[m]));
        top = fmax(top, l[m].lottery.quantile[4]), bottom = fmin(bottom, l[m].lottery.quantile[4]);
    }
    static const char *const times[2] = {
        "(a) spread of regularized-evolution's settings over that of the methods' best ones",
        "(a) spread of ant-colony's settings over that of the methods' best ones"};
    for (int m = 0; m < 2; m++)
        cull__claim_add_line(out, times[m], l[m].lottery.spread / (top - bottom), NAN, NAN, false,
                             3);
    for (int m = 0; m < METHODS; m++) {
        for (int i = 0; i < seeds; i++) v[i] = l[m].best[l[m].lottery.best * seeds + i] - draws[i];
        cull__claim_line(out, gain[m], v, false, .1, false);
    }
    for (int m = 0; m < METHODS; m++)
        cull__claim_add_figure(out, spread[m], l[m].lottery.spread, NAN, NAN);
    cull__claim_add_figure(out, "(a) spread of the methods' best settings", top - bottom, NAN, NAN);
    cull__claim_figure(out, "(a) best of 64, random", draws);
    return CULL_OK;
}

static cull_status part_a(cull_ctx *cx, const char *dir, int seeds, cull_claim_result *out)
{
    cull__mark_t mark = cull__mark(cx);
    cull__search_table t;
    CULL_TRY(cull__search_table_open(cx, dir, &cull__macro, &t));
    cull_status s = lottery(cx, &t, seeds, out);
    cull__search_table_close(&t);
    cull__release(cx, mark);
    return s;
}

/* ---- (b) a predictor in place of a simulator ---- */
#define TWICE(name) name "-1", name "-2"
static const char *const knobs[] = {TWICE("topologies-per-dim"),
                                    TWICE("dimension-type"),
                                    "scheduling-policy",
                                    "all-reduce-implementation",
                                    "all-gather-implementation",
                                    "reduce-scatter-implementation",
                                    "all-to-all-implementation",
                                    "collective-optimization", /* words */
                                    TWICE("units-count"),
                                    TWICE("link-latency"),
                                    TWICE("link-bandwidth"),
                                    TWICE("nic-latency"),
                                    TWICE("router-latency"),
                                    TWICE("hbm-latency"),
                                    TWICE("hbm-bandwidth"),
                                    TWICE("hbm-scale"),
                                    TWICE("links-count"),
                                    "endpoint-delay",
                                    "active-chunks-per-dimension",
                                    "preferred-dataset-splits",
                                    "boost-mode",
                                    "observation-1"};
enum { COLUMNS = sizeof knobs / sizeof *knobs, WORDS = 10, LEVELS = 8, LONGEST = 48 };
enum { WIDTH = WORDS * LEVELS + COLUMNS - 1 - WORDS };

typedef struct {
    const char *path;
    int64_t rows, cap;
    double *x;                          /* rows of WIDTH, and the run time's logarithm */
    char level[WORDS][LEVELS][LONGEST]; /* "" = free */
} astra;
enum { ROW = WIDTH + 1 };

static int level_of(astra *a, int word, const cull__cell *c)
{
    if (!c->n || c->n >= LONGEST) return -1;
    for (int i = 0; i < LEVELS; i++) {
        if (!*a->level[word][i]) memcpy(a->level[word][i], c->s, c->n + 1);
        if (!strcmp(a->level[word][i], c->s)) return i;
    }
    return -1;
}

/* Cell j into a row; false: it is not what it must be. */
static bool take_cell(astra *a, int j, const cull__cell *c, double *x)
{
    double v;
    if (j < WORDS) {
        int level = level_of(a, j, c);
        if (level >= 0) x[j * LEVELS + level] = 1;
        return level >= 0;
    }
    if (!cull__parse_f64(c->s, c->n, &v) || !isfinite(v)) return false;
    bool time = j == COLUMNS - 1;
    x[WORDS * LEVELS + j - WORDS] = time ? log(v) : v;
    return !time || v > 0;
}

static cull_status take_row(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell)
{
    astra *a = user;
    CULL_TRY(CULL_GROW(cx, a->x, &a->cap, (a->rows + 1) * ROW));
    double *x = a->x + a->rows++ * ROW;
    memset(x, 0, ROW * sizeof *x);
    for (int j = 0; j < COLUMNS; j++)
        if (!take_cell(a, j, &cell[j], x))
            return cull__fail(cx, CULL_EINPUT, "%s, line %" PRId64 ": %s is '%.40s'; %s", a->path,
                              line, knobs[j], cell[j].s,
                              j < WORDS         ? "one of 8 words would be right"
                              : j < COLUMNS - 1 ? "a number would be right"
                                                : "a number above 0 would be right");
    return CULL_OK;
}

typedef struct {
    int64_t n, tests;
    double *x, *y, *test, *test_y, *said, *off;
} folds;

static cull_status split(cull_ctx *cx, const astra *a, folds *f)
{
    cull_rng r = cull__rng(cx, 4200);
    int64_t *order;
    f->n = a->rows * 4 / 5, f->tests = a->rows - f->n;
    CULL_TRY(CULL_TMP(cx, order, a->rows));
    CULL_TRY(CULL_TMP(cx, f->x, a->rows * WIDTH));
    CULL_TRY(CULL_TMP(cx, f->y, a->rows));
    CULL_TRY(CULL_TMP(cx, f->said, f->tests));
    CULL_TRY(CULL_TMP(cx, f->off, f->tests));
    f->test = f->x + f->n * WIDTH, f->test_y = f->y + f->n;
    for (int64_t i = 0; i < a->rows; i++) order[i] = i;
    cull__rng_shuffle(&r, order, a->rows);
    for (int64_t i = 0; i < a->rows; i++) {
        const double *row = a->x + order[i] * ROW;
        memcpy(f->x + i * WIDTH, row, WIDTH * sizeof *row);
        f->y[i] = row[WIDTH];
    }
    return CULL_OK;
}

/* Rank correlation on the rows left out, and the median error in percent of the run time. */
static cull_status predict(cull_ctx *cx, const folds *f, cull_predict_kind kind, double *tau,
                           double *error)
{
    cull_predict_opts o = CULL_PREDICT_OPTS;
    cull_predictor *p;
    o.kind = kind;
    CULL_TRY(cull_predictor_fit(cx, f->x, f->y, NULL, f->n, WIDTH, &o, 4201, &p));
    cull_status s = cull_predictor_say(cx, p, f->test, f->tests, f->said, NULL);
    cull_predictor_free(p);
    CULL_TRY(s);
    CULL_TRY(cull_verdict_tau(cx, f->said, f->test_y, f->tests, NULL, 1, true, tau));
    for (int64_t i = 0; i < f->tests; i++)
        f->off[i] = 100 * fabs(exp(f->said[i] - f->test_y[i]) - 1);
    return cull__quantile(cx, f->off, f->tests, .5, error);
}

static cull_status fit_all(cull_ctx *cx, const astra *a, int seeds, cull_claim_result *out)
{
    double trees[2][MOST], ridge[2][MOST];
    uint64_t first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        folds f;
        cull_ctx_reseed(cx, first + (uint64_t)i);
        s = cull__tick(cx, i, seeds);
        if (s == CULL_OK) s = split(cx, a, &f);
        if (s == CULL_OK) s = predict(cx, &f, CULL_PREDICT_BOOST, &trees[0][i], &trees[1][i]);
        if (s == CULL_OK) s = predict(cx, &f, CULL_PREDICT_RIDGE, &ridge[0][i], &ridge[1][i]);
        cull__release(cx, mark);
    }
    cull_ctx_reseed(cx, first);
    CULL_TRY(s);
    cull__claim_line(out, "(b) rank correlation (tau-b) of boosted trees and the simulator",
                     trees[0], false, .77, false);
    cull__claim_figure(out, "(b) rank correlation, ridge", ridge[0]);
    cull__claim_figure(out, "(b) median error in percent, boosted trees", trees[1]);
    cull__claim_figure(out, "(b) median error in percent, ridge", ridge[1]);
    return CULL_OK;
}

static cull_status part_b(cull_ctx *cx, const char *path, int seeds, cull_claim_result *out)
{
    astra *a;
    CULL_TRY(CULL_TMP0(cx, a, 1));
    a->path = path;
    cull_status s = cull__rows_read(cx, path, knobs, COLUMNS, take_row, a);
    if (s == CULL_OK && a->rows < 50)
        s = cull__fail(cx, CULL_EINPUT, "%s has %" PRId64 " rows; at least 50 are needed", path,
                       a->rows);
    if (s == CULL_OK) s = fit_all(cx, a, seeds, out);
    cull__free(a->x);
    return s;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    char log[512]; /* is looked for before part (a) takes its time */
    CULL_TRY(cull__nas_path(cx, data_dir, "archgym/astrasim_feasible.csv", log, sizeof log));
    CULL_TRY(part_a(cx, data_dir, seeds, out));
    CULL_TRY(part_b(cx, log, seeds, out));
    out->note =
        "(a) spreads are of settings' means over the seeds; a best setting is chosen by the "
        "seeds it is measured on; the paper's simulators, its 21,000 runs and its 0.61 % are "
        "not checked, nor what logs of several methods are worth together";
    return CULL_OK;
}

const cull__claim cull__claim_archgym = {
    .about = {.slug = "archgym",
              .claim = "settings of a method move its result more than which method it is, and "
                       "boosted trees learn a simulator from its log",
              .setting = "(a) NAS-Bench-Macro, 64 evaluations, all settings of each method; (b) "
                         "AstraSim's log, four fifths to learn from; 30 seeds"},
    .seeds = 30,
    .run = run,
};
