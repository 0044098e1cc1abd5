/* archgym's check: how a method is set matters more than which one it is, and a predictor stands in for a simulator.
 *
 * (a) Each method runs with every one of its settings on NAS-Bench-Macro, 64 evaluations: the spread between the means of its
 * best and its worst setting, and that between the methods' best ones. (b) The logged designs of a network simulator,
 * AstraSim: knobs, one-hot where they are words, and the run time's logarithm; four fifths to learn from. (c) Five methods as they
 * are, five searches of 64 evaluations each: a random forest learns from one method's five logs, or from one log of each
 * of the five, which are as many rows; both are asked about every design. */
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

/* ---- (c) logs of several methods ---- */
enum { AGENTS = 5, LOGS = 5, ROWS = LOGS * TRIALS, MIXED = AGENTS, MIXTURES = 10 };
static const char *const agents[AGENTS] = {"random-search", "regularized-evolution", "ant-colony",
                                           "uct", "smbo"};

/* Designs as rows: which value each digit has. */
static void put_design(const cull__search_file *of, int64_t at, double *row)
{
    for (int i = of->digits - 1; i >= 0; i--, at /= of->base)
        for (int k = 0; k < of->base; k++) row[i * of->base + k] = at % of->base == k;
}

typedef struct {
    const cull__search_table *t;
    int64_t width;
    double *every, *said;     /* all designs, and what is said of them */
    int64_t *log;             /* (AGENTS, LOGS, TRIALS) */
    double *x, *y;            /* ROWS to learn from */
    double error[AGENTS + 1]; /* root mean square over all designs; MIXED: of the mixture */
} diversity;

static cull_status new_diversity(cull_ctx *cx, const cull__search_table *t, diversity *d)
{
    d->t = t, d->width = t->of->digits * t->of->base;
    CULL_TRY(CULL_TMP(cx, d->every, t->designs * d->width));
    CULL_TRY(CULL_TMP(cx, d->said, t->designs));
    CULL_TRY(CULL_TMP(cx, d->log, AGENTS * ROWS));
    CULL_TRY(CULL_TMP(cx, d->x, ROWS * d->width));
    CULL_TRY(CULL_TMP(cx, d->y, ROWS));
    for (int64_t i = 0; i < t->designs; i++) put_design(t->of, i, d->every + i * d->width);
    return CULL_OK;
}

/* Of an agent's five logs; of the mixture: the first of each agent. */
static cull_status learn(cull_ctx *cx, diversity *d, int who)
{
    cull_predict_opts o = CULL_PREDICT_OPTS;
    cull_predictor *p;
    double sum = 0;
    o.kind = CULL_PREDICT_FOREST; /* of 100 trees, as the paper's example */
    for (int64_t i = 0; i < ROWS; i++) {
        int64_t at = d->log[who == MIXED ? i / TRIALS * ROWS + i % TRIALS : who * ROWS + i];
        memcpy(d->x + i * d->width, d->every + at * d->width, (size_t)d->width * sizeof *d->x);
        d->y[i] = d->t->value[0][at];
    }
    CULL_TRY(cull_predictor_fit(cx, d->x, d->y, NULL, ROWS, d->width, &o, 4202, &p));
    cull_status s = cull_predictor_say(cx, p, d->every, d->t->designs, d->said, NULL);
    cull_predictor_free(p);
    CULL_TRY(s);
    for (int64_t i = 0; i < d->t->designs; i++) {
        double off = d->said[i] - d->t->value[0][i];
        sum += off * off;
    }
    d->error[who] = sqrt(sum / (double)d->t->designs);
    return CULL_OK;
}

static cull_status one_mixture(cull_ctx *cx, diversity *d)
{
    for (int a = 0; a < AGENTS; a++) {
        cull__search_plan p = {agents[a], "", TRIALS, 0, 1, CULL_AGAIN_NEVER};
        CULL_TRY(cull__search_table_run(cx, d->t, &p, LOGS,
                                        &(cull__search_runs){.log = d->log + a * ROWS}));
    }
    cull_status s = CULL_OK;
    for (int who = 0; s == CULL_OK && who <= AGENTS; who++) {
        cull__mark_t mark = cull__mark(cx);
        s = learn(cx, d, who);
        cull__release(cx, mark);
    }
    return s;
}

/* The seeds of one mixture are five, and no two mixtures share any. */
static cull_status mixtures(cull_ctx *cx, diversity *d, int n, double error[][MIXTURES])
{
    uint64_t first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < n; i++) {
        cull_ctx_reseed(cx, first + (uint64_t)i * LOGS);
        s = cull__tick(cx, i, n);
        if (s == CULL_OK) s = one_mixture(cx, d);
        for (int who = 0; s == CULL_OK && who <= AGENTS; who++) error[who][i] = d->error[who];
    }
    cull_ctx_reseed(cx, first);
    return s;
}

static void add_mean(cull_claim_result *out, const char *what, const double *v, int n)
{
    double half = n > 1 ? cull__t_95(n - 1) * cull__sd(v, n) / sqrt(n) : 0, m = cull__mean(v, n);
    cull__claim_add_figure(out, what, m, m - half, m + half);
}

static cull_status part_c(cull_ctx *cx, const cull__search_table *t, int seeds,
                          cull_claim_result *out)
{
    static const char *const error_of[AGENTS + 1] = {
        "(c) error from logs of random-search", "(c) error from logs of regularized-evolution",
        "(c) error from logs of ant-colony",    "(c) error from logs of uct",
        "(c) error from logs of smbo",          "(c) error from logs of all five"};
    static const char *const below[AGENTS] = {
        "(c) share of seeds at which all five's error is below random-search's",
        "(c) share of seeds at which all five's error is below regularized-evolution's",
        "(c) share of seeds at which all five's error is below ant-colony's",
        "(c) share of seeds at which all five's error is below uct's",
        "(c) share of seeds at which all five's error is below smbo's"};
    int n = seeds < MIXTURES ? seeds : MIXTURES;
    double error[AGENTS + 1][MIXTURES], won[AGENTS] = {0}, won_mean = 0;
    diversity d;
    CULL_TRY(new_diversity(cx, t, &d));
    CULL_TRY(mixtures(cx, &d, n, error));
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int a = 0; a < AGENTS; a++) {
            sum += error[a][i];
            won[a] += error[MIXED][i] < error[a][i];
        }
        won_mean += error[MIXED][i] < sum / AGENTS;
    }
    cull__claim_add_line(
        out, "(c) share of seeds at which all five's error is below the mean of each one's",
        won_mean / n, NAN, NAN, false, .8);
    for (int who = 0; who <= AGENTS; who++) add_mean(out, error_of[who], error[who], n);
    for (int a = 0; a < AGENTS; a++) cull__claim_add_figure(out, below[a], won[a] / n, NAN, NAN);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__search_table t;
    char log[512]; /* is looked for before part (a) takes its time */
    CULL_TRY(cull__nas_path(cx, data_dir, "archgym/astrasim_feasible.csv", log, sizeof log));
    CULL_TRY(cull__search_table_open(cx, data_dir, &cull__macro, &t));
    cull_status s = lottery(cx, &t, seeds, out);
    if (s == CULL_OK) s = part_b(cx, log, seeds, out);
    if (s == CULL_OK) s = part_c(cx, &t, seeds, out);
    cull__search_table_close(&t);
    CULL_TRY(s);
    out->note =
        "(a) spreads are of settings' means over the seeds; a best setting is chosen by the "
        "seeds it is measured on; (c) the designs that are asked about are all there are, which is "
        "how random-search's logs are drawn, so nothing is expected to beat those; its seeds are "
        "10 "
        "at most; the paper's simulators, its 21,000 runs and its 0.61 % are not checked";
    return CULL_OK;
}

const cull__claim cull__claim_archgym = {
    .about =
        {.slug = "archgym",
         .claim =
             "settings of a method move its result more than which method it is, and "
             "boosted trees learn a simulator from its log, better from logs of several methods",
         .setting = "(a) NAS-Bench-Macro, 64 evaluations, all settings of each method; (b) "
                    "AstraSim's log, four fifths to learn from; 30 seeds; (c) (a)'s table, 320 "
                    "logged designs of one method or of five, 10 seeds"},
    .seeds = 30,
    .run = run,
};
