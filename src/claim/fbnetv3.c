/* fbnetv3's check: what costs nothing teaches a predictor, recipes belong to architectures, and when training may stop.
 *
 * (a) On NAS-Bench-Macro the network that nars predicts by first learns FLOPs and parameters of 3000 designs, then 10 to
 * 80 accuracies; from scratch it learns the accuracies alone. Both are judged on 1500 other designs, and by the best of the
 * 20 that they rank first of all that they have not seen. A ridge regression is the plain baseline. A gain of .10 on seven of
 * eight seeds is much to ask: the mean gain is larger, but the network from scratch is lucky on some seeds, and of 16 other
 * seeds 12 gained that. (b) nars on small networks for digits: architecture with its recipe against architecture alone,
 * with as many evaluations. (c) Where the learning curves of 214 networks are there: how early their ranking is the last
 * one's. */
#include "claim/fbnetv3.h"
#include "choose/choose.h"
#include "claim/search_table.h"
#include "cull/predict.h"
#include "cull/verdict.h"
#include "io/io.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

enum { SIZES = 4, LABELLED = 80, HELD = 1500, FREE = 3000, TOP = 20, KINDS = 3, MOST = 64 };
enum { SCRATCH, TAUGHT, RIDGE };
static const int64_t size[SIZES] = {10, 20, 40, LABELLED};

/* ---- (a) ---- */

typedef struct {
    const cull__search_table *t;
    int64_t d, *order; /* designs as the seed has them: labelled, held out, ..., free */
    double *x, *y;     /* (designs, d), designs: accuracies; in that order */
    double *free_y;    /* (FREE, 2) of the last */
} split;

static cull_status split_open(cull_ctx *cx, const cull__search_table *t, split *s)
{
    *s = (split){.t = t, .d = cull_space_features(t->space, CULL_ENCODE_ONEHOT)};
    CULL_TRY(CULL_TMP(cx, s->order, t->designs));
    CULL_TRY(CULL_TMP(cx, s->x, t->designs * s->d));
    CULL_TRY(CULL_TMP(cx, s->y, t->designs));
    return CULL_TMP(cx, s->free_y, FREE * 2);
}

static void split_draw(cull_ctx *cx, split *s)
{
    double x[16];
    int64_t n = s->t->designs;
    cull_rng r = cull__rng(cx, 5300);
    for (int64_t i = 0; i < n; i++) s->order[i] = i;
    cull__rng_shuffle(&r, s->order, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = s->order[i];
        for (int k = s->t->of->digits - 1; k >= 0; k--, at /= s->t->of->base)
            x[k] = (double)(at % s->t->of->base);
        cull_space_encode(s->t->space, CULL_ENCODE_ONEHOT, x, s->x + i * s->d);
        s->y[i] = s->t->value[0][s->order[i]];
    }
    for (int64_t i = 0; i < FREE; i++)
        for (int k = 0; k < 2; k++)
            s->free_y[2 * i + k] = s->t->value[1 + k][s->order[n - FREE + i]];
}

/* The best accuracy of those that are ranked first among all from row `from` on. */
static cull_status best_of_top(cull_ctx *cx, const split *s, const cull_predictor *p, int64_t from,
                               double *best)
{
    double *said;
    int64_t n = s->t->designs - from, top[TOP];
    CULL_TRY(CULL_TMP(cx, said, n));
    CULL_TRY(cull_predictor_say(cx, p, s->x + from * s->d, n, said, NULL));
    CULL_TRY(cull__topk(cx, said, n, TOP, top));
    *best = s->y[from + top[0]];
    for (int i = 1; i < TOP; i++) *best = fmax(*best, s->y[from + top[i]]);
    return CULL_OK;
}

static cull_status judge(cull_ctx *cx, const split *s, const cull_predictor *p, int64_t n,
                         double *tau, double *best)
{
    double *said;
    CULL_TRY(CULL_TMP(cx, said, HELD));
    CULL_TRY(cull_predictor_say(cx, p, s->x + LABELLED * s->d, HELD, said, NULL));
    CULL_TRY(cull__kendall(cx, said, s->y + LABELLED, HELD, tau));
    return best_of_top(cx, s, p, n, best);
}

static cull_status learn(cull_ctx *cx, const split *s, int kind, int64_t n, double *tau,
                         double *best)
{
    cull__mark_t mark = cull__mark(cx);
    cull_predict_opts o = CULL_PREDICT_OPTS;
    cull_predictor *p;
    o.kind = kind == RIDGE ? CULL_PREDICT_RIDGE : CULL_PREDICT_MLP;
    if (kind == TAUGHT) {
        o.free_x = s->x + (s->t->designs - FREE) * s->d, o.free_n = FREE;
        o.free_y = s->free_y, o.free_m = 2;
    }
    CULL_TRY(cull_predictor_fit(cx, s->x, s->y, NULL, n, s->d, &o, 1, &p));
    cull_status st = judge(cx, s, p, n, tau, best);
    cull_predictor_free(p);
    cull__release(cx, mark);
    return st;
}

typedef struct {
    double tau[SIZES][KINDS][MOST], best[SIZES][KINDS][MOST];
} ranks;

/* Share of seeds on which the taught one is ahead by so much. */
static double ahead(const ranks *r, int which, int seeds, double by)
{
    int n = 0;
    for (int i = 0; i < seeds; i++) n += r->tau[which][TAUGHT][i] - r->tau[which][SCRATCH][i] >= by;
    return (double)n / seeds;
}

static void say_gain(const char *what, const ranks *r, int which, int seeds, cull_claim_result *out)
{
    double gain[MOST];
    for (int i = 0; i < seeds; i++) gain[i] = r->tau[which][TAUGHT][i] - r->tau[which][SCRATCH][i];
    cull__claim_figure(out, what, gain);
}

static void say_ranks(const ranks *r, int seeds, cull_claim_result *out)
{
    static const char *const what[SIZES][KINDS] = {
        {"(a) tau, 10 labelled, from scratch", "(a) tau, 10 labelled, taught before",
         "(a) tau, 10 labelled, ridge"},
        {"(a) tau, 20 labelled, from scratch", "(a) tau, 20 labelled, taught before",
         "(a) tau, 20 labelled, ridge"},
        {"(a) tau, 40 labelled, from scratch", "(a) tau, 40 labelled, taught before",
         "(a) tau, 40 labelled, ridge"},
        {"(a) tau, 80 labelled, from scratch", "(a) tau, 80 labelled, taught before",
         "(a) tau, 80 labelled, ridge"}};
    static const char *const top[KINDS] = {"(a) best of the first 20, 10 labelled, from scratch",
                                           "(a) best of the first 20, 10 labelled, taught before",
                                           "(a) best of the first 20, 10 labelled, ridge"};
    cull__claim_add_line(out, "(a) share of seeds with a gain in tau of .10, 10 labelled",
                         ahead(r, 0, seeds, .10), NAN, NAN, false, 7. / 8);
    cull__claim_add_line(out, "(a) share of seeds with a gain in tau of .02, 40 labelled",
                         ahead(r, 2, seeds, .02), NAN, NAN, false, 6. / 8);
    cull__claim_line(out, "(a) best of the first 20, 10 labelled, in percent", r->best[0][TAUGHT],
                     false, 93.05, false);
    say_gain("(a) gain in tau, 10 labelled", r, 0, seeds, out);
    say_gain("(a) gain in tau, 40 labelled", r, 2, seeds, out);
    for (int i = 0; i < SIZES; i++)
        for (int k = 0; k < KINDS; k++) cull__claim_figure(out, what[i][k], r->tau[i][k]);
    for (int k = 0; k < KINDS; k++) cull__claim_figure(out, top[k], r->best[0][k]);
}

cull_status cull__fbnetv3_ranks(cull_ctx *cx, const cull__search_table *t, int seeds,
                                cull_claim_result *out)
{
    uint64_t first = cull_ctx_seed(cx);
    cull__mark_t mark = cull__mark(cx);
    ranks *r;
    split s;
    CULL_TRY(CULL_TMP(cx, r, 1));
    CULL_TRY(split_open(cx, t, &s));
    for (int i = 0; i < seeds; i++) {
        cull_ctx_reseed(cx, first + (uint64_t)i);
        split_draw(cx, &s);
        for (int k = 0; k < SIZES * KINDS; k++) {
            int which = k / KINDS, kind = k % KINDS;
            CULL_TRY(cull__tick(cx, i * SIZES * KINDS + k, seeds * SIZES * KINDS));
            CULL_TRY(learn(cx, &s, kind, size[which], &r->tau[which][kind][i],
                           &r->best[which][kind][i]));
        }
    }
    cull_ctx_reseed(cx, first);
    say_ranks(r, seeds, out);
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- (b) ---- */

/* Of five seeds, as each trains 180 networks. */
static cull_status recipes(cull_ctx *cx, const cull__digits *d, int seeds, cull_claim_result *out)
{
    uint64_t first = cull_ctx_seed(cx);
    double v[3][MOST], lo, hi, as_good = 0;
    static const char *const what[] = {"(b) accuracy, architecture with its recipe",
                                       "(b) accuracy, architecture alone",
                                       "(b) accuracy, both drawn at random"};
    if (seeds > 5) seeds = 5;
    for (int i = 0; i < seeds; i++) {
        cull__recipe r;
        cull_ctx_reseed(cx, first + (uint64_t)i);
        CULL_TRY(cull__tick(cx, i, seeds));
        CULL_TRY(cull__recipe_search(cx, d, &r));
        v[0][i] = r.joint, v[1][i] = r.alone, v[2][i] = r.drawn;
        as_good += r.joint >= r.alone;
    }
    cull_ctx_reseed(cx, first);
    cull__claim_add_line(out, "(b) share of seeds with the recipe no worse than alone",
                         as_good / seeds, NAN, NAN, false, 4. / 5);
    for (int k = 0; k < 3; k++) {
        lo = hi = cull__mean(v[k], seeds);
        if (seeds > 1) cull__t_interval(v[k], seeds, &lo, &hi);
        cull__claim_add_figure(out, what[k], cull__mean(v[k], seeds), lo, hi);
    }
    return CULL_OK;
}

/* ---- (c) ---- */

enum { CURVES = 214, EPOCHS = 600 };

static cull_status read_curves(cull_ctx *cx, const char *path, double **v)
{
    cull_array a;
    CULL_TRY(CULL_TMP(cx, *v, CURVES * EPOCHS));
    CULL_TRY(cull_array_open(cx, path, NULL, &a));
    bool good = a.ndim == 2 && a.shape[0] == CURVES && a.shape[1] == EPOCHS;
    if (good) cull_array_f64(&a, 0, CURVES * EPOCHS, *v);
    cull_array_free(&a);
    if (good) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s: there must be %d curves of %d epochs", path, CURVES,
                      EPOCHS);
}

static cull_status say_curves(cull_ctx *cx, const char *path, cull_claim_result *out)
{
    static const int at[] = {200, 450, 550};
    static const double printed[] = {.31, .57, .78};
    static const char *const what[] = {"(c) tau of epoch 200 with the last",
                                       "(c) tau of epoch 450 with the last",
                                       "(c) tau of epoch 550 with the last"};
    double *v, tau[EPOCHS], off = 0;
    int64_t epoch;
    CULL_TRY(read_curves(cx, path, &v));
    CULL_TRY(cull_verdict_stop_epoch(cx, v, CURVES, EPOCHS, .85, &epoch, tau));
    for (int i = 0; i < 3; i++) off = fmax(off, fabs(tau[at[i] - 1] - printed[i]));
    cull__claim_add_line(out, "(c) tau of epochs 200, 450, 550 with the last, off .31, .57, .78",
                         off, NAN, NAN, true, .005);
    cull__claim_add_line(out, "(c) epoch at which trainings may stop for a tau of .85",
                         (double)epoch, NAN, NAN, false, 577);
    for (int i = 0; i < 3; i++) cull__claim_add_figure(out, what[i], tau[at[i] - 1], NAN, NAN);
    return CULL_OK;
}

cull_status cull__fbnetv3_curves(cull_ctx *cx, const char *data_dir, cull_claim_result *out)
{
    static const char file[] = "nas_eval/214_random_architectures.npy";
    char path[512];
    cull_status s = cull__nas_path(cx, data_dir, file, path, sizeof path);
    out->note =
        "(b) judges designs by other data than the search has seen; ImageNet is not checked";
    if (s == CULL_OK) return say_curves(cx, path, out);
    if (s != CULL_ENODATA) return s;
    out->note = "(c) is left out: it wants the 214 learning curves of Yang et al. 2020 as "
                "nas_eval/214_random_architectures.npy in the data folder or its folder nas; "
                "ImageNet is not checked";
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__digits d = {
        .train = 2000, .val = 2000, .test = 10000, .epochs = 30, .trials = 60, .again = 3};
    cull__search_table t;
    CULL_TRY(cull__search_table_open(cx, data_dir, &cull__macro_costs, &t));
    cull_status s = cull__digits_load(cx, data_dir, d.train + d.val + d.test, &d);
    if (s == CULL_OK) s = cull__fbnetv3_ranks(cx, &t, seeds, out);
    if (s == CULL_OK) s = recipes(cx, &d, seeds, out);
    if (s == CULL_OK) s = cull__fbnetv3_curves(cx, data_dir, out);
    cull__search_table_close(&t);
    return s;
}

const cull__claim cull__claim_fbnetv3 = {
    .about = {.slug = "fbnetv3",
              .claim = "a network that first learnt FLOPs and parameters ranks designs better from "
                       "few accuracies, and a search over architecture with recipe finds no worse "
                       "than one over architecture alone",
              .setting = "(a) NAS-Bench-Macro: 3000 designs without accuracy, 10 to 80 with one, "
                         "8 seeds; (b) nars, 60 networks of 1 to 4 layers on 2000 digits, 5 seeds; "
                         "(c) 214 learning curves of 600 epochs"},
    .seeds = 8,
    .run = run,
};
