/* optcs's check: whoever takes the model that chooses most chooses too many wrong ones; OptCS takes it too and does not.
 *
 * (a) Two of Jin and Candes's (2023) settings: 20 uniform features, a mean that depends on four of them, noise; rows above 0
 * are wanted. 24 models: four ridge regressions, five k-nearest-neighbour means and five forests, each on features of its
 * own and learnt from 300 rows, and ten random directions. (b) optcs_drug.c: two tables of drugs. */
#include "claim/optcs.h"
#include "cull/conform.h"
#include "cull/predict.h"
#include "num/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- one choice in all ways ---- */
cull_status cull__scored_rows_new(cull_ctx *cx, int models, int64_t n, int64_t m,
                                  cull__scored_rows *out)
{
    *out = (cull__scored_rows){.models = models, .n = n, .m = m};
    CULL_TRY(CULL_TMP(cx, out->calib, models * n));
    CULL_TRY(CULL_TMP(cx, out->test, models * m));
    CULL_TRY(CULL_TMP(cx, out->calib_positive, n));
    return CULL_TMP(cx, out->test_positive, m);
}

typedef struct {
    double *v, *t; /* nonconformity (models, n), (models, m) */
    uint8_t *keep;
} room;

static cull__outcome outcome_of(const uint8_t *keep, const uint8_t *positive, int64_t m)
{
    double kept = 0, right = 0, all = 0;
    for (int64_t j = 0; j < m; j++) {
        kept += keep[j];
        right += keep[j] && positive[j];
        all += positive[j];
    }
    return (cull__outcome){kept > 0 ? (kept - right) / kept : 0, all > 0 ? right / all : 0};
}

/* Calibration rows lo .. hi - 1 against test rows of t, by model k alone, with randomised p-values. */
static cull_status one_model(cull_ctx *cx, const double *v, int64_t n, const double *t, int64_t m,
                             double q, uint64_t stream, uint8_t *keep, int64_t *kept)
{
    cull_select_opts o = {.q = q, .ties = CULL_TIES_RANDOM, .stream = stream};
    cull_selection out = {.keep = keep};
    CULL_TRY(cull_conform_select(cx, v, n, t, m, &o, &out));
    *kept = out.kept;
    return CULL_OK;
}

/* Which model chooses most of the rows in t (m a model), ties at random. */
static cull_status most_chosen(cull_ctx *cx, const double *v, int64_t n, int64_t v_step,
                               const double *t, int64_t m, int64_t t_step, int models, double q,
                               uint64_t stream, uint8_t *keep, int *best)
{
    cull_rng r = cull__rng(cx, stream + 50000);
    int64_t most = -1, equal = 0;
    for (int k = 0; k < models; k++) {
        int64_t kept;
        CULL_TRY(one_model(cx, v + k * v_step, n, t + k * t_step, m, q, stream + (uint64_t)k, keep,
                           &kept));
        if (kept > most) equal = 0;
        if (kept >= most && cull__rng_below(&r, ++equal) == 0) *best = k;
        if (kept > most) most = kept;
    }
    return CULL_OK;
}

/* Half of the calibration rows choose the model: a quarter stands for the test rows, without their labels. */
static cull_status split(cull_ctx *cx, const cull__scored_rows *t, const room *w, double q,
                         uint64_t stream, int64_t *kept)
{
    int64_t quarter = t->n / 4, half = 2 * quarter;
    double *as_test;
    int best = 0;
    CULL_TRY(CULL_TMP(cx, as_test, t->models * quarter));
    for (int k = 0; k < t->models; k++)
        for (int64_t i = 0; i < quarter; i++)
            as_test[k * quarter + i] = -t->calib[k * t->n + quarter + i];
    CULL_TRY(most_chosen(cx, w->v, quarter, t->n, as_test, quarter, quarter, t->models, q, stream,
                         w->keep, &best));
    return one_model(cx, w->v + best * t->n + half, t->n - half, w->t + best * t->m, t->m, q,
                     stream + 100, w->keep, kept);
}

static cull_status baseline(cull_ctx *cx, const cull__scored_rows *t, const room *w, cull__way way,
                            double q, uint64_t stream)
{
    int64_t kept;
    int k = 0;
    cull_rng r = cull__rng(cx, stream);
    if (way == WAY_SPLIT) return split(cx, t, w, q, stream, &kept);
    if (way == WAY_RANDOM)
        k = (int)cull__rng_below(&r, t->models);
    else
        CULL_TRY(
            most_chosen(cx, w->v, t->n, t->n, w->t, t->m, t->m, t->models, q, stream, w->keep, &k));
    return one_model(cx, w->v + k * t->n, t->n, w->t + k * t->m, t->m, q, stream + (uint64_t)k,
                     w->keep, &kept);
}

cull_status cull__optcs_trial(cull_ctx *cx, const cull__scored_rows *t, double q, uint64_t stream,
                              cull__outcome out[WAYS])
{
    room w;
    CULL_TRY(CULL_TMP(cx, w.v, t->models * t->n));
    CULL_TRY(CULL_TMP(cx, w.t, t->models * t->m));
    CULL_TRY(CULL_TMP(cx, w.keep, t->n > t->m ? t->n : t->m));
    for (int k = 0; k < t->models; k++) {
        CULL_TRY(
            cull_conform_clip(cx, t->calib + k * t->n, t->calib_positive, t->n, w.v + k * t->n));
        CULL_TRY(cull_conform_clip(cx, t->test + k * t->m, NULL, t->m, w.t + k * t->m));
    }
    for (int way = 0; way < WAYS; way++) {
        cull__mark_t mark = cull__mark(cx);
        if (way <= WAY_HETE) {
            static const cull_prune prune[] = {CULL_PRUNE_DTM, CULL_PRUNE_HOMO, CULL_PRUNE_HETE};
            cull_select_opts o = {.q = q, .prune = prune[way], .stream = stream};
            cull_selection s = {.keep = w.keep};
            CULL_TRY(cull_conform_select_model(cx, w.v, t->n, w.t, t->m, t->models, &o, &s));
        } else {
            CULL_TRY(baseline(cx, t, &w, (cull__way)way, q, stream + 1000 * (uint64_t)way));
        }
        out[way] = outcome_of(w.keep, t->test_positive, t->m);
        cull__release(cx, mark);
    }
    return CULL_OK;
}

cull_status cull__optcs_rate(cull_ctx *cx, const cull__outcome *at, int64_t trials, int64_t each,
                             int64_t which, bool power, cull__rate *out)
{
    double *v;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, trials));
    for (int64_t i = 0; i < trials; i++)
        v[i] = power ? at[i * each + which].power : at[i * each + which].fdp;
    *out = (cull__rate){cull__mean(v, trials), cull__sd(v, trials) / sqrt((double)trials)};
    cull__release(cx, mark);
    return CULL_OK;
}

void cull__optcs_figure(cull_claim_result *r, const char *what, cull__rate x)
{
    cull__claim_add_figure(r, what, x.mean, x.mean - 1.96 * x.error, x.mean + 1.96 * x.error);
}

/* ---- (a) settings 1 and 2 ---- */
enum { D = 20, TRAIN = 300, CALIB = 100, TESTS = 100, SETTINGS = 2, LEVELS = 2, EACH_SEED = 50 };
enum { RIDGES = 4, NEAREST = 5, FORESTS = 5, LINES = 10 };
enum { FITTED = RIDGES + NEAREST + FORESTS, MODELS = FITTED + LINES };
enum { ROWS = TRAIN + CALIB + TESTS, TREES = 50 };
static const double level[LEVELS] = {.2, .3};

static double mean_of(int setting, const double *x)
{
    if (setting == 1) return 2 * (x[0] * x[1] + x[2] * x[2] + exp(x[3] - 1) - 1);
    if (x[0] * x[1] > 0) return x[3] > .5 ? .25 + x[3] : 0;
    return x[3] < -.5 ? x[3] - .25 : 0;
}

typedef struct {
    double x[ROWS * D], y[ROWS]; /* TRAIN, CALIB, TESTS */
    double sub[ROWS * D];        /* the features that a model sees */
    double said[CALIB + TESTS];
} world;

static void draw(cull_rng *r, int setting, world *w)
{
    for (int i = 0; i < ROWS * D; i++) w->x[i] = 2 * cull__rng_unit(r) - 1;
    for (int i = 0; i < ROWS; i++)
        w->y[i] =
            mean_of(setting, w->x + i * D) + (setting == 1 ? 1.5 : 1) * .5 * cull__rng_normal(r);
}

/* d of the features, all or so many at random, side by side. */
static void narrow(cull_rng *r, int d, world *w)
{
    int64_t order[D];
    for (int c = 0; c < D; c++) order[c] = c;
    cull__rng_shuffle(r, order, D);
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < d; c++) w->sub[i * d + c] = w->x[i * D + order[c]];
}

/* Means over the k nearest training rows (ties: the earlier). */
static void nearest(const world *w, int d, int k, double *said)
{
    double far[ROWS];
    for (int i = 0; i < CALIB + TESTS; i++) {
        const double *at = w->sub + (TRAIN + i) * d;
        for (int l = 0; l < TRAIN; l++) {
            far[l] = 0;
            for (int c = 0; c < d; c++) {
                double off = at[c] - w->sub[l * d + c];
                far[l] += off * off;
            }
        }
        double sum = 0;
        for (int n = 0; n < k; n++) {
            int best = 0;
            for (int l = 1; l < TRAIN; l++)
                if (far[l] < far[best]) best = l;
            sum += w->y[best];
            far[best] = INFINITY;
        }
        said[i] = sum / k;
    }
}

static cull_status fitted(cull_ctx *cx, const world *w, int d, cull_predict_kind kind,
                          uint64_t stream, double *said)
{
    cull_predict_opts o = CULL_PREDICT_OPTS;
    cull_predictor *p;
    o.kind = kind;
    o.l2 = 1;
    o.rounds = TREES;
    CULL_TRY(cull_predictor_fit(cx, w->sub, w->y, NULL, TRAIN, d, &o, stream, &p));
    cull_status s = cull_predictor_say(cx, p, w->sub + TRAIN * d, CALIB + TESTS, said, NULL);
    cull_predictor_free(p);
    return s;
}

static cull_status ask_model(cull_ctx *cx, world *w, int model, uint64_t stream, cull_rng *r)
{
    if (model >= FITTED) {
        double u[D];
        for (int c = 0; c < D; c++) u[c] = cull__rng_normal(r);
        for (int i = 0; i < CALIB + TESTS; i++) {
            w->said[i] = 0;
            for (int c = 0; c < D; c++) w->said[i] += u[c] * w->x[(TRAIN + i) * D + c];
        }
        return CULL_OK;
    }
    /* the first of each kind sees all features, the others ten or five */
    int of = model < RIDGES             ? model
             : model < RIDGES + NEAREST ? model - RIDGES
                                        : model - RIDGES - NEAREST;
    int d = of == 0 ? D : of % 2 ? 10 : 5;
    narrow(r, d, w);
    if (model < RIDGES) return fitted(cx, w, d, CULL_PREDICT_RIDGE, stream, w->said);
    if (model >= RIDGES + NEAREST) return fitted(cx, w, d, CULL_PREDICT_FOREST, stream, w->said);
    nearest(w, d, of < 3 ? 10 : 30, w->said);
    return CULL_OK;
}

typedef struct {
    cull__outcome *at; /* (trials, SETTINGS, LEVELS, WAYS) */
    int64_t trials;
} study;
enum { EACH = SETTINGS * LEVELS * WAYS };

static cull_status one_trial(cull_ctx *cx, int64_t trial, int setting, cull__outcome *out)
{
    world *w;
    cull__scored_rows t;
    uint64_t stream = (uint64_t)(trial * SETTINGS + setting) * 1000000;
    cull_rng r = cull__rng(cx, stream);
    CULL_TRY(CULL_TMP(cx, w, 1));
    CULL_TRY(cull__scored_rows_new(cx, MODELS, CALIB, TESTS, &t));
    draw(&r, setting, w);
    for (int i = 0; i < CALIB; i++) t.calib_positive[i] = w->y[TRAIN + i] > 0;
    for (int i = 0; i < TESTS; i++) t.test_positive[i] = w->y[TRAIN + CALIB + i] > 0;
    for (int k = 0; k < MODELS; k++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(ask_model(cx, w, k, stream + 1 + (uint64_t)k, &r));
        memcpy(t.calib + k * CALIB, w->said, CALIB * sizeof *t.calib);
        memcpy(t.test + k * TESTS, w->said + CALIB, TESTS * sizeof *t.test);
        cull__release(cx, mark);
    }
    for (int l = 0; l < LEVELS; l++)
        CULL_TRY(cull__optcs_trial(cx, &t, level[l], stream + 200000 + 200000 * (uint64_t)l,
                                   out + l * WAYS));
    return CULL_OK;
}

static cull_status trials_of(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    study *s = arg;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++)
        for (int setting = 0; setting < SETTINGS; setting++) {
            cull__mark_t mark = cull__mark(cx);
            CULL_TRY(cull__tick(cx, (double)i, (double)s->trials));
            CULL_TRY(one_trial(cx, i, setting, s->at + i * EACH + setting * LEVELS * WAYS));
            cull__release(cx, mark);
        }
    return CULL_OK;
}

/* What is asked of setting s at level l: names of its numbers. */
static const char *const fdr_line[SETTINGS][LEVELS] = {
    {"(a) setting 1, q .2: largest FDR of dtm, homo and hete, at most q + 2 standard errors",
     "(a) setting 1, q .3: largest FDR of dtm, homo and hete, at most q + 2 standard errors"},
    {"(a) setting 2, q .2: largest FDR of dtm, homo and hete, at most q + 2 standard errors",
     "(a) setting 2, q .3: largest FDR of dtm, homo and hete, at most q + 2 standard errors"}};
static const char *const naive_line[SETTINGS] = {
    "(a) setting 1: what naive's FDR passes q by, at both levels",
    "(a) setting 2: what naive's FDR passes q by, at both levels"};
static const char *const power_line[SETTINGS][LEVELS] = {
    {"(a) setting 1, q .2: power of homo over that of splitting",
     "(a) setting 1, q .3: power of homo over that of splitting"},
    {"(a) setting 2, q .2: power of homo over that of splitting",
     "(a) setting 2, q .3: power of homo over that of splitting"}};
enum { SHOWN = 6 };
#define NAMES(s, q)                                                                                \
    {                                                                                              \
        "(a) setting " s ", q " q ": FDR, homo", "(a) setting " s ", q " q ": FDR, naive",         \
            "(a) setting " s ", q " q ": power, homo", "(a) setting " s ", q " q ": power, hete",  \
            "(a) setting " s ", q " q ": power, split",                                            \
            "(a) setting " s ", q " q ": power, random model"                                      \
    }
static const char *const figure[SETTINGS][LEVELS][SHOWN] = {{NAMES("1", ".2"), NAMES("1", ".3")},
                                                            {NAMES("2", ".2"), NAMES("2", ".3")}};
static const struct {
    cull__way way;
    bool power;
} shown[SHOWN] = {{WAY_HOMO, false}, {WAY_NAIVE, false}, {WAY_HOMO, true},
                  {WAY_HETE, true},  {WAY_SPLIT, true},  {WAY_RANDOM, true}};

static cull_status judge_level(cull_ctx *cx, const study *s, int setting, int l, double *naive,
                               cull_claim_result *out)
{
    const int64_t first = (setting * LEVELS + l) * WAYS;
    cull__rate x, worst = {-INFINITY, 0};
    for (int way = WAY_DTM; way <= WAY_HETE; way++) {
        CULL_TRY(cull__optcs_rate(cx, s->at, s->trials, EACH, first + way, false, &x));
        if (x.mean - 2 * x.error > worst.mean - 2 * worst.error) worst = x;
    }
    cull__claim_add_line(out, fdr_line[setting][l], worst.mean, worst.mean - 1.96 * worst.error,
                         worst.mean + 1.96 * worst.error, true, level[l] + 2 * worst.error);
    CULL_TRY(cull__optcs_rate(cx, s->at, s->trials, EACH, first + WAY_NAIVE, false, &x));
    *naive = fmin(*naive, x.mean - level[l]);
    double *power[2], ratio, lo, hi;
    for (int k = 0; k < 2; k++) {
        CULL_TRY(CULL_TMP(cx, power[k], s->trials));
        for (int64_t i = 0; i < s->trials; i++)
            power[k][i] = s->at[i * EACH + first + (k ? WAY_SPLIT : WAY_HOMO)].power;
    }
    CULL_TRY(cull__claim_ratio(cx, power[0], power[1], (int)s->trials, &ratio, &lo, &hi));
    cull__claim_add_line(out, power_line[setting][l], ratio, lo, hi, false, 1.3);
    return CULL_OK;
}

static cull_status settings(cull_ctx *cx, int64_t trials, cull_claim_result *out)
{
    study s = {.trials = trials};
    CULL_TRY(CULL_TMP(cx, s.at, trials * EACH));
    CULL_TRY(cull__for(cx, trials, 1, trials_of, &s));
    for (int setting = 0; setting < SETTINGS; setting++) {
        double naive = INFINITY;
        for (int l = 0; l < LEVELS; l++) CULL_TRY(judge_level(cx, &s, setting, l, &naive, out));
        cull__claim_add_line(out, naive_line[setting], naive, NAN, NAN, false, .08);
    }
    for (int i = 0; i < EACH / WAYS; i++)
        for (int k = 0; k < SHOWN; k++) {
            cull__rate x;
            CULL_TRY(cull__optcs_rate(cx, s.at, trials, EACH, i * WAYS + shown[k].way,
                                      shown[k].power, &x));
            cull__optcs_figure(out, figure[i / LEVELS][i % LEVELS][k], x);
        }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    char path[512]; /* is looked for before part (a) takes its time */
    CULL_TRY(cull__optcs_drugs_path(cx, data_dir, "davis.npz", path, sizeof path));
    CULL_TRY(cull__optcs_drugs_path(cx, data_dir, "HIV.csv.gz", path, sizeof path));
    CULL_TRY(settings(cx, (int64_t)seeds * EACH_SEED, out));
    CULL_TRY(cull__optcs_drugs(cx, data_dir, (int64_t)seeds * 100, out));
    out->note = "(a) the paper's 24 models are quantile forests, quantile boosting and scaled "
                "forests, here ridge, neighbours, forests and random directions; (b) models are of "
                "similarities and n-grams, not of DeepPurpose's encodings; the leave-one-out "
                "variants are tested on small instances, not here; radiology reports are not "
                "checked";
    return CULL_OK;
}

const cull__claim cull__claim_optcs = {
    .about = {.slug = "optcs",
              .claim = "of many models the one that chooses most may be taken with the same "
                       "calibration rows, and the false discovery rate is held; splitting "
                       "them chooses less, correcting nothing is wrong too often",
              .setting = "(a) two of Jin and Candes's settings, d 20, sigma .5, 100 calibration "
                         "and 100 test rows, 24 models, q .2 and .3, 500 repetitions; (b) DAVIS "
                         "(30,056 pairs) and HIV (41,127 molecules): models learnt once, 1000 "
                         "draws of calibration and test rows, q .1, .2 and .5"},
    .seeds = 10,
    .run = run,
};
