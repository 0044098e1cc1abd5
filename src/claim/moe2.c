/* moe2's check: the exact subset of experts under a budget, and what the mixture is worth beside single experts.
 *
 * Digits (MNIST, means of 4 x 4 pixels). 8 experts (two networks, a tree, a small forest, nearest neighbours, naive Bayes, two
 * logistic regressions) each learn from the images of 6 classes and from 8 % of the others'. A gate learns on other images, and
 * judges subsets of experts that cost 0.3 to 2 under three budgets; test images are others again. Every subset is measured here
 * once more, by loops of this file's own. */
#include "claim/claim.h"
#include "claim/fbnetv3.h"
#include "cull/compute.h"
#include "num/num.h"
#include "score/mixture.h"
#include "score/score.h"
#include "score/trees.h"

#include <math.h>
#include <string.h>

enum { K = 8, CLASSES = 10, SIDE = 7, D = SIDE * SIDE, LOADED = 12000, MOST = 64, BUDGETS = 3 };
enum { LEARN = 900, GATE = 900, TESTS = 3000, ROWS = LEARN + GATE + TESTS, ASKED = GATE + TESTS };
static const double BUDGET[BUDGETS] = {1.5, 2.5, 4}, LEAST = 1e-6;

/* ---- images and experts ---- */

typedef struct {
    double x[ROWS * D];
    float f[ROWS * D]; /* the same */
    int32_t y[ROWS];
    float out[K][ASKED * CLASSES]; /* of the images that the experts do not learn from */
    float asked[ASKED * D];
    double truth[ASKED], cost[K];
    double z[GATE * K], p[GATE * K];
} world;

static void draw(const cull__digits *from, cull_rng *r, int64_t *order, world *w)
{
    for (int64_t i = 0; i < from->n; i++) order[i] = i;
    cull__rng_shuffle(r, order, from->n);
    for (int64_t i = 0; i < ROWS; i++) {
        const float *image = from->x + order[i] * from->d;
        for (int j = 0; j < D; j++) {
            const float *at = image + j / SIDE * 4 * SIDE + j % SIDE * 2;
            w->f[i * D + j] = (at[0] + at[1] + at[2 * SIDE] + at[2 * SIDE + 1]) / 4;
            w->x[i * D + j] = (double)w->f[i * D + j];
        }
        w->y[i] = from->y[order[i]];
    }
    memcpy(w->asked, w->f + LEARN * D, sizeof w->asked);
    for (int i = 0; i < ASKED; i++) w->truth[i] = w->y[LEARN + i];
    for (int k = 0; k < K; k++) w->cost[k] = 0.3 + 1.7 * k / (K - 1);
    for (int k = K - 1; k > 0; k--) {
        int64_t j = cull__rng_below(r, k + 1);
        double t = w->cost[k];
        w->cost[k] = w->cost[j], w->cost[j] = t;
    }
}

static int64_t favour(const world *w, cull_rng *r, int64_t *row)
{
    int64_t class_[CLASSES], n = 0;
    for (int c = 0; c < CLASSES; c++) class_[c] = c;
    cull__rng_shuffle(r, class_, CLASSES);
    for (int64_t i = 0; i < LEARN; i++) {
        bool liked = false;
        for (int c = 0; c < 6; c++) liked |= class_[c] == w->y[i];
        if (cull__rng_unit(r) < 0.08 || liked) row[n++] = i;
    }
    return n;
}

/* A network is a gate whose experts are the classes, each sure of itself. */
static cull_status network(cull_ctx *cx, const world *w, const int64_t *row, int64_t n,
                           int64_t hidden, uint64_t stream, double *proba)
{
    double *x, *p, *z;
    cull__gate g;
    cull__gate_opts o = {.hidden = hidden, .epochs = 30, .rate = 3e-3, .decay = 1e-2};
    CULL_TRY(CULL_TMP(cx, x, n * D));
    CULL_TRY(CULL_TMP(cx, p, n * CLASSES));
    CULL_TRY(CULL_TMP(cx, z, n * CLASSES));
    for (int64_t i = 0; i < n; i++) {
        memcpy(x + i * D, w->x + row[i] * D, D * sizeof *x);
        for (int c = 0; c < CLASSES; c++) p[i * CLASSES + c] = c == w->y[row[i]] ? 1 : 1e-20;
    }
    cull__gate_rows r = {.n = n, .d = D, .experts = CLASSES, .x = x, .p = p};
    CULL_TRY(cull__gate_fit(cx, &r, &o, stream, &g, z));
    CULL_TRY(cull__gate_ask(cx, &g, w->x + LEARN * D, ASKED, proba));
    for (int64_t i = 0; i < ASKED; i++)
        cull__mixture_weights(proba + i * CLASSES, CLASSES, (1u << CLASSES) - 1,
                              proba + i * CLASSES);
    return CULL_OK;
}

static cull_status forest(cull_ctx *cx, const world *w, const int64_t *row, int64_t n,
                          int64_t trees, int64_t depth, uint64_t stream, double *proba)
{
    cull_pool *pool;
    cull__binned b;
    const uint8_t *col[D];
    double *y;
    int64_t *test;
    CULL_TRY(CULL_TMP(cx, y, ROWS));
    CULL_TRY(CULL_TMP(cx, test, ASKED));
    for (int64_t i = 0; i < ROWS; i++) y[i] = w->y[i];
    for (int64_t i = 0; i < ASKED; i++) test[i] = LEARN + i;
    CULL_TRY(cull_pool_from(cx, w->f, CULL_F32, ROWS, D, &pool));
    cull_status s = cull__tree_bins(cx, pool, NULL, &b);
    cull_pool_free(pool);
    CULL_TRY(s);
    for (int j = 0; j < D; j++) col[j] = b.code + j * ROWS;
    cull__table t = {.n = ROWS, .d = D, .col = col, .y = y, .classes = CLASSES, .row = row};
    t.rows = n;
    cull__forest_opts o = {.trees = trees, .depth = depth, .leaf = 2, .stream = stream};
    return cull__forest(cx, &t, &o, NULL, test, ASKED, proba);
}

static cull_status logistic(cull_ctx *cx, const world *w, const int64_t *row, int64_t n, double l2,
                            double *proba)
{
    float *x;
    int32_t *y;
    double *weights;
    cull__logreg_opts o = {.l2 = l2, .iterations = 200};
    CULL_TRY(CULL_TMP(cx, x, n * D));
    CULL_TRY(CULL_TMP(cx, y, n));
    CULL_TRY(CULL_TMP0(cx, weights, CLASSES * (D + 1)));
    cull__gather(w->f, row, n, D, x);
    for (int64_t i = 0; i < n; i++) y[i] = w->y[row[i]];
    CULL_TRY(cull__logreg_fit(cx, x, y, n, D, CLASSES, &o, weights));
    return cull__logreg_predict(cx, w->asked, ASKED, D, CLASSES, weights, proba, NULL);
}

/* The 5 nearest, and a tenth of a vote for each class. */
static void nearest(const world *w, const int64_t *row, int64_t n, double *proba)
{
    enum { NEAR = 5 };
    for (int64_t i = 0; i < ASKED; i++) {
        double far[NEAR];
        int64_t who[NEAR] = {0}, held = 0;
        for (int64_t j = 0; j < n; j++) {
            const double *a = w->x + (LEARN + i) * D, *b = w->x + row[j] * D;
            double sum = 0;
            for (int d = 0; d < D; d++) sum += (a[d] - b[d]) * (a[d] - b[d]);
            if (held == NEAR && sum >= far[NEAR - 1]) continue;
            int64_t at = held < NEAR ? held++ : NEAR - 1;
            for (; at > 0 && far[at - 1] > sum; at--) far[at] = far[at - 1], who[at] = who[at - 1];
            far[at] = sum, who[at] = row[j];
        }
        for (int c = 0; c < CLASSES; c++) proba[i * CLASSES + c] = 0.1 / (NEAR + 1);
        for (int64_t j = 0; j < held; j++) proba[i * CLASSES + w->y[who[j]]] += 1. / (NEAR + 1);
    }
}

/* Gaussian, with a hundredth more variance. */
static void bayes(const world *w, const int64_t *row, int64_t n, double *proba)
{
    double mean[CLASSES][D] = {{0}}, var[CLASSES][D] = {{0}}, count[CLASSES] = {0};
    for (int64_t i = 0; i < n; i++) count[w->y[row[i]]]++;
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < D; d++)
            mean[w->y[row[i]]][d] += w->x[row[i] * D + d] / count[w->y[row[i]]];
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < D; d++) {
            double e = w->x[row[i] * D + d] - mean[w->y[row[i]]][d];
            var[w->y[row[i]]][d] += e * e / count[w->y[row[i]]];
        }
    for (int64_t i = 0; i < ASKED; i++) {
        double l[CLASSES];
        for (int c = 0; c < CLASSES; c++) {
            l[c] = log(count[c] / (double)n + 1e-9);
            for (int d = 0; d < D; d++) {
                double e = w->x[(LEARN + i) * D + d] - mean[c][d], v = var[c][d] + 0.01;
                l[c] -= (e * e / v + log(v)) / 2;
            }
        }
        cull__mixture_weights(l, CLASSES, (1u << CLASSES) - 1, proba + i * CLASSES);
    }
}

static cull_status expert(cull_ctx *cx, int k, cull_rng *r, world *w)
{
    cull__mark_t mark = cull__mark(cx);
    int64_t *row;
    double *proba;
    CULL_TRY(CULL_TMP(cx, row, LEARN));
    CULL_TRY(CULL_TMP0(cx, proba, ASKED * CLASSES));
    int64_t n = favour(w, r, row);
    uint64_t stream = 100 + (uint64_t)k;
    if (k < 2) CULL_TRY(network(cx, w, row, n, k ? 12 : 32, stream, proba));
    if (k == 2) CULL_TRY(forest(cx, w, row, n, 1, 10, stream, proba));
    if (k == 3) CULL_TRY(forest(cx, w, row, n, 10, 10, stream, proba));
    if (k == 4) nearest(w, row, n, proba);
    if (k == 5) bayes(w, row, n, proba);
    if (k > 5) CULL_TRY(logistic(cx, w, row, n, k == 6 ? 1e-3 : 0.1, proba));
    for (int64_t i = 0; i < ASKED * CLASSES; i++) w->out[k][i] = (float)proba[i];
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- every subset, by this file's own loops ---- */

static double loss_of(const world *w, unsigned set)
{
    double sum = 0;
    for (int i = 0; i < GATE; i++) {
        double most = -INFINITY, up = 0, down = 0;
        for (int k = 0; k < K; k++)
            if (set >> k & 1) most = fmax(most, w->z[i * K + k]);
        for (int k = 0; k < K; k++) {
            if (!(set >> k & 1)) continue;
            double g = exp(w->z[i * K + k] - most);
            up += g * w->p[i * K + k];
            down += g;
        }
        sum -= log(up / down) / GATE;
    }
    return sum;
}

static double cost_of(const world *w, unsigned set)
{
    double sum = 0;
    for (int k = 0; k < K; k++) sum += set >> k & 1 ? w->cost[k] : 0;
    return sum;
}

/* The same numbers as the method's gate: its options, its stream. */
static cull_status learn_gate(cull_ctx *cx, world *w)
{
    cull__gate g;
    cull__gate_opts o = {.hidden = 32, .epochs = 100, .rate = 3e-3, .decay = 1e-2, .folds = 5};
    cull__gate_rows r = {.n = GATE, .d = D, .experts = K, .x = w->x + LEARN * D, .p = w->p};
    for (int i = 0; i < GATE; i++)
        for (int k = 0; k < K; k++) {
            double sum = 0;
            for (int c = 0; c < CLASSES; c++) sum += (double)w->out[k][i * CLASSES + c];
            w->p[i * K + k] = fmax((double)w->out[k][i * CLASSES + (int)w->truth[i]] / sum, LEAST);
        }
    return cull__gate_fit(cx, &r, &o, 1, &g, w->z);
}

/* Share of images from `lo` on that expert k labels rightly. */
static double accuracy(const world *w, int k, int lo, int n)
{
    double right = 0;
    for (int i = lo; i < lo + n; i++) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            if (w->out[k][i * CLASSES + c] > w->out[k][i * CLASSES + best]) best = c;
        right += best == w->truth[i];
    }
    return right / n;
}

static unsigned by_accuracy(const world *w, double budget)
{
    unsigned set = 0, tried = 0;
    for (int t = 0; t < K; t++) {
        int best = -1;
        for (int k = 0; k < K; k++)
            if (!(tried >> k & 1) &&
                (best < 0 || accuracy(w, k, 0, GATE) > accuracy(w, best, 0, GATE)))
                best = k;
        tried |= 1u << best;
        if (cost_of(w, set | 1u << best) <= budget * (1 + 1e-12)) set |= 1u << best;
    }
    return set;
}

static unsigned by_greed(const world *w, double budget)
{
    unsigned set = 0, best = 0;
    double least = INFINITY;
    for (;;) {
        unsigned to = 0;
        for (int k = 0; k < K; k++) {
            unsigned next = set | 1u << k;
            if (next == set || cost_of(w, next) > budget * (1 + 1e-12)) continue;
            if (!to || loss_of(w, next) < loss_of(w, to)) to = next;
        }
        if (!to) return best;
        set = to;
        if (loss_of(w, set) < least) least = loss_of(w, set), best = set;
    }
}

/* ---- one split ---- */

typedef struct {
    double exact[MOST], single[MOST], mixture[BUDGETS][MOST], measured[MOST], refit[MOST];
    double greedy[MOST], top[MOST], greedy_missed[MOST], top_missed[MOST], raised[MOST],
        worst[MOST];
} figures;

static cull_status by_method(cull_ctx *cx, const world *w, double budget, unsigned *set,
                             double *right, double *measured, double *refit)
{
    const cull_method *m = cull_method_find("moe2", NULL);
    const float *o[K], *xs[1] = {w->asked};
    int64_t d[1] = {D};
    cull_opts *opts = NULL;
    cull_policy *p = NULL;
    cull_decisions said = {0};
    const double *in;
    for (int k = 0; k < K; k++) o[k] = w->out[k];
    cull_outcomes rows = {.n = GATE,
                          .models = K,
                          .classes = CLASSES,
                          .outputs = CULL_PROBABILITIES,
                          .out = o,
                          .each = w->cost,
                          .truth = w->truth,
                          .x = xs,
                          .d = d,
                          .xs = 1};
    cull_compute_problem q = CULL_COMPUTE_PROBLEM;
    q.rows = &rows;
    q.budget = budget;
    cull_status s = cull_opts_new(cx, m, &opts);
    if (s == CULL_OK) s = cull_opts_set(cx, opts, "shape", "mlp");
    if (s == CULL_OK) s = cull_compute_fit(cx, m, opts, &q, &p);
    cull_opts_free(opts);
    if (s == CULL_OK) s = cull_policy_need(cx, p, "enlisted", 1, K, &in);
    if (s == CULL_OK) s = cull_policy_need_number(cx, p, "subsets measured", measured);
    if (s == CULL_OK) s = cull_policy_need_number(cx, p, "gain of learning the gate again", refit);
    *set = 0;
    for (int k = 0; s == CULL_OK && k < K; k++) *set |= (unsigned)(in[k] > 0) << k;
    for (int k = 0; k < K; k++) o[k] = w->out[k] + GATE * CLASSES;
    xs[0] = w->asked + GATE * D;
    cull_outcomes tests = rows;
    tests.n = TESTS;
    tests.truth = NULL;
    if (s == CULL_OK) s = cull_compute_apply(cx, p, NULL, &tests, &said);
    *right = 0;
    for (int i = 0; s == CULL_OK && i < TESTS; i++)
        *right += (said.label[i] == w->truth[GATE + i]) / (double)TESTS;
    cull_decisions_free(&said);
    cull_policy_free(p);
    return s;
}

static cull_status one_split(cull_ctx *cx, const cull__digits *from, int i, world *w, figures *v)
{
    int64_t *order;
    cull_rng r = cull__rng(cx, 1000);
    static const double part = 1. / BUDGETS;
    double loss[1 << K];
    CULL_TRY(CULL_TMP(cx, order, from->n));
    draw(from, &r, order, w);
    for (int k = 0; k < K; k++) {
        CULL_TRY(expert(cx, k, &r, w));
        CULL_TRY(cull__tick(cx, k, 2 * K));
    }
    CULL_TRY(learn_gate(cx, w));
    for (unsigned s = 1; s < 1u << K; s++) loss[s] = loss_of(w, s);
    for (unsigned s = 1; s < 1u << K; s++)
        for (int k = 0; k < K; k++) {
            double more = s >> k & 1 ? 0 : loss[s | 1u << k] - loss[s];
            v->raised[i] += more > 0;
            v->worst[i] = fmax(v->worst[i], more);
        }
    for (int k = 0; k < K; k++) v->single[i] = fmax(v->single[i], accuracy(w, k, GATE, TESTS));
    for (int b = 0; b < BUDGETS; b++) {
        unsigned best = 0, set;
        double measured, refit;
        for (unsigned s = 1; s < 1u << K; s++)
            if (cost_of(w, s) <= BUDGET[b] * (1 + 1e-12) && (!best || loss[s] < loss[best]))
                best = s;
        CULL_TRY(by_method(cx, w, BUDGET[b], &set, &v->mixture[b][i], &measured, &refit));
        v->exact[i] += part * (set == best);
        v->measured[i] += part * measured;
        v->refit[i] += part * refit;
        double g = loss[by_greed(w, BUDGET[b])] - loss[best];
        double t = loss[by_accuracy(w, BUDGET[b])] - loss[best];
        v->greedy[i] += part * g, v->greedy_missed[i] += g > 1e-12;
        v->top[i] += part * t, v->top_missed[i] += t > 1e-12;
        CULL_TRY(cull__tick(cx, K + b, 2 * K));
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    figures *v;
    world *w;
    cull__digits d;
    double above[MOST], far[MOST];
    CULL_TRY(CULL_TMP0(cx, v, 1));
    CULL_TRY(CULL_TMP(cx, w, 1));
    CULL_TRY(cull__digits_load(cx, data_dir, LOADED, &d));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull_ctx_reseed(cx, first + (uint64_t)i);
        CULL_TRY(one_split(cx, &d, i, w, v));
        cull__release(cx, mark);
        double gain = v->mixture[BUDGETS - 1][i] - v->single[i];
        above[i] = gain >= 0;
        far[i] = gain >= 0.03;
    }
    cull__claim_line(out, "share of cases (split, budget) with the best of all subsets", v->exact,
                     false, 1, true);
    cull__claim_add_line(out,
                         "share of splits where the mixture (budget 4) is no worse than any expert",
                         cull__mean(above, seeds), NAN, NAN, false, 1);
    cull__claim_add_line(out, "share of splits where it is 3 points better than the best expert",
                         cull__mean(far, seeds), NAN, NAN, false, 0.8);
    cull__claim_figure(out, "test accuracy of the best single expert", v->single);
    cull__claim_figure(out, "test accuracy of the mixture, budget 1.5", v->mixture[0]);
    cull__claim_figure(out, "test accuracy of the mixture, budget 2.5", v->mixture[1]);
    cull__claim_figure(out, "test accuracy of the mixture, budget 4", v->mixture[2]);
    cull__claim_figure(out, "subsets measured, of 255", v->measured);
    cull__claim_figure(out, "pairs (S, S + expert) of 1016 where more experts raise the loss",
                       v->raised);
    cull__claim_figure(out, "most that one more expert raises the loss", v->worst);
    cull__claim_figure(out, "loss of greedy addition above the best", v->greedy);
    cull__claim_figure(out, "budgets of 3 where greedy addition misses the best", v->greedy_missed);
    cull__claim_figure(out, "loss of the most accurate that fit above the best", v->top);
    cull__claim_figure(out, "budgets of 3 where the most accurate miss the best", v->top_missed);
    cull__claim_figure(out, "loss that a gate learnt for the subset alone takes off", v->refit);
    out->note = "that more experts never hurt, on which the paper's search rests, does not hold; "
                "the bound used instead needs no such thing";
    return CULL_OK;
}

const cull__claim cull__claim_moe2 = {
    .about = {.slug = "moe2",
              .claim = "the best subset of experts under a budget is found exactly with few "
                       "measurements, and its mixture beats every single expert",
              .setting = "MNIST at 7 x 7 pixels, 8 experts that know 6 of 10 classes, costs 0.3 to "
                         "2, a network as gate, budgets 1.5, 2.5 and 4, 5 splits"},
    .seeds = 5,
    .run = run,
};
