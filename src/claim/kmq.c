/* kmq's check: clusters with equal shares, and rounds that learn which clusters are worth it.
 *
 * Fashion-MNIST with class sizes that fall by 0.6 from one class to the next, and a quarter junk: ten
 * tight clouds with random labels. 300 rows are kept, by chance, by 64 clusters in proportion to
 * their sizes or in equal shares, or in three rounds with feedback on what was kept: how much a
 * reference model believes a row's label more than another, p(gold) - p(predicted). What is predicted
 * is the reference's own label. The paper has the label that a model trained on what was kept gives
 * (here a logistic regression); that is run too, and shown, and does not help here: such a model has
 * learnt the labels it was shown, wrong ones too, so the difference is nearly always 0. */
#include "choose/choose.h"
#include "claim/claim.h"
#include "num/num.h"
#include "score/score.h"

#include <math.h>
#include <string.h>

enum {
    D = 32,
    CLASSES = 10,
    LARGEST = 4000,
    CLOUDS = 10,
    K = 64,
    KEEP = 300,
    ROUNDS = 3,
    REFERENCE = 5000,
    MOST = 64
};

typedef struct {
    int64_t n, real; /* rows; the first `real` are images */
    float *x;        /* (n, D) */
    int32_t *y;
    double w[CLASSES * (D + 1)]; /* the reference model, fitted on other images */
} setting;

/* Images by class sizes; then clouds about the means of few images, a third of their number. */
static cull_status draw(cull_ctx *cx, const cull__fashion *f, cull_rng *r, setting *s)
{
    int64_t class_[CLASSES], need[CLASSES], *order, *other, others = 0, n = 0;
    for (int c = 0; c < CLASSES; c++) class_[c] = c;
    cull__rng_shuffle(r, class_, CLASSES);
    s->real = 0;
    for (int c = 0; c < CLASSES; c++) s->real += need[class_[c]] = (int64_t)(LARGEST * pow(0.6, c));
    s->n = s->real + s->real / 3;
    CULL_TRY(CULL_TMP(cx, s->x, s->n * D));
    CULL_TRY(CULL_TMP(cx, s->y, s->n));
    CULL_TRY(CULL_TMP(cx, order, f->n));
    CULL_TRY(CULL_TMP(cx, other, REFERENCE));
    for (int64_t i = 0; i < f->n; i++) order[i] = i;
    cull__rng_shuffle(r, order, f->n);
    for (int64_t i = 0; i < f->n; i++) {
        int64_t row = order[i];
        int32_t c = f->y[row];
        if (need[c] > 0) {
            need[c]--;
            memcpy(s->x + n * D, f->x + row * D, D * sizeof(float));
            s->y[n++] = c;
        } else if (others < REFERENCE) {
            other[others++] = row;
        }
    }
    if (n != s->real || others != REFERENCE)
        return cull__fail(cx, CULL_EINPUT, "Fashion-MNIST has too few images of some class");
    double sd[D], centre[CLOUDS][D];
    for (int j = 0; j < D; j++) { /* components are centred */
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += (double)s->x[i * D + j] * (double)s->x[i * D + j];
        sd[j] = sqrt(sum / (double)n);
        for (int c = 0; c < CLOUDS; c++) centre[c][j] = sd[j] * cull__rng_normal(r);
    }
    for (int64_t i = n; i < s->n; i++) {
        for (int j = 0; j < D; j++)
            s->x[i * D + j] = (float)(centre[i % CLOUDS][j] + 0.3 * sd[j] * cull__rng_normal(r));
        s->y[i] = (int32_t)cull__rng_below(r, CLASSES);
    }
    float *rows;
    int32_t *label;
    cull__logreg_opts o = {.iterations = 300};
    CULL_TRY(CULL_TMP(cx, rows, REFERENCE * D));
    CULL_TRY(CULL_TMP(cx, label, REFERENCE));
    cull__gather(f->x, other, REFERENCE, D, rows);
    for (int64_t i = 0; i < REFERENCE; i++) label[i] = f->y[other[i]];
    return cull__logreg_fit(cx, rows, label, REFERENCE, D, CLASSES, &o, s->w);
}

/* p(gold) - p(predicted) under the reference, for what was kept; predicted by a model trained on it
 * if `trained`, else by the reference. */
static cull_status feedback(cull_ctx *cx, const setting *s, bool trained, const int64_t *idx,
                            int64_t k, double *value)
{
    float *rows;
    int32_t *label, *guess;
    double *own, *proba;
    cull__logreg_opts o = {.iterations = 300};
    CULL_TRY(CULL_TMP(cx, rows, k * D));
    CULL_TRY(CULL_TMP(cx, label, k));
    CULL_TRY(CULL_TMP(cx, guess, k));
    CULL_TRY(CULL_TMP0(cx, own, CLASSES * (D + 1)));
    CULL_TRY(CULL_TMP(cx, proba, k * CLASSES));
    cull__gather(s->x, idx, k, D, rows);
    for (int64_t i = 0; i < k; i++) label[i] = s->y[idx[i]];
    CULL_TRY(cull__logreg_predict(cx, rows, k, D, CLASSES, s->w, proba, guess));
    if (trained) {
        CULL_TRY(cull__logreg_fit(cx, rows, label, k, D, CLASSES, &o, own));
        CULL_TRY(cull__logreg_predict(cx, rows, k, D, CLASSES, own, NULL, guess));
    }
    for (int64_t i = 0; i < k; i++)
        value[i] = proba[i * CLASSES + label[i]] - proba[i * CLASSES + guess[i]];
    return CULL_OK;
}

static cull_status clusters(cull_ctx *cx, const setting *s, int32_t *assign)
{
    float *centroid;
    int64_t *count;
    double objective;
    cull_pool *pool;
    cull__kmeans_opts o = {.k = K, .iterations = 50, .restarts = 5, .tol = 1e-4};
    CULL_TRY(CULL_TMP(cx, centroid, K * D));
    CULL_TRY(CULL_TMP(cx, count, K));
    CULL_TRY(cull_pool_from(cx, s->x, CULL_F32, s->n, D, &pool));
    cull_status status = cull__kmeans(cx, pool, &o, centroid, assign, count, &objective);
    cull_pool_free(pool);
    return status;
}

static cull_status in_rounds(cull_ctx *cx, const setting *s, const int32_t *assign, bool trained,
                             int64_t *idx)
{
    double weight[K], value[KEEP];
    cull_data_problem p = {.n = s->n, .budget = KEEP};
    cull__taker t;
    cull_rng r = cull__rng(cx, 2000);
    CULL_TRY(cull__taker_new(cx, &p, &t));
    for (int j = 0; j < K; j++) weight[j] = 1.0 / K;
    for (int round = 0; round < ROUNDS; round++) {
        if (round > 0) {
            CULL_TRY(feedback(cx, s, trained, t.idx, t.count, value));
            CULL_TRY(cull__cluster_reweigh(cx, assign, K, t.idx, value, t.count, 1, weight));
        }
        CULL_TRY(cull__cluster_draw(cx, &t, &r, assign, K, weight, NULL, KEEP / ROUNDS));
    }
    memcpy(idx, t.idx, KEEP * sizeof *idx);
    return t.count == KEEP ? CULL_OK : cull__fail(cx, CULL_EINTERNAL, "the rounds fell short");
}

enum { RANDOM, PROPORTIONAL, EQUAL, ITERATIVE, TRAINED, WAYS };
typedef struct {
    double accuracy[WAYS][MOST], junk[WAYS][MOST];
} figures;

static cull_status one_seed(cull_ctx *cx, const cull__fashion *f, int i, figures *v)
{
    setting s;
    int64_t idx[KEEP];
    int32_t *assign;
    cull_rng r = cull__rng(cx, 1000);
    memset(s.w, 0, sizeof s.w);
    CULL_TRY(draw(cx, f, &r, &s));
    CULL_TRY(CULL_TMP(cx, assign, s.n));
    CULL_TRY(clusters(cx, &s, assign));
    for (int way = 0; way < WAYS; way++) {
        if (way >= ITERATIVE)
            CULL_TRY(in_rounds(cx, &s, assign, way == TRAINED, idx));
        else
            CULL_TRY(cull__claim_pick(cx, way == RANDOM ? "random" : "kmq",
                                      way == RANDOM         ? ""
                                      : way == PROPORTIONAL ? "clusters=64 share=1"
                                                            : "clusters=64 share=0",
                                      s.x, s.n, NULL, 0, D, KEEP, idx));
        CULL_TRY(cull__claim_accuracy(cx, s.x, s.y, idx, KEEP, D, f->test, f->test_y, f->tests,
                                      &v->accuracy[way][i]));
        v->junk[way][i] = 0;
        for (int j = 0; j < KEEP; j++) v->junk[way][i] += (idx[j] >= s.real) / (double)KEEP;
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__fashion f;
    figures *v;
    double equal[MOST], iterative[MOST], junk[MOST];
    CULL_TRY(CULL_TMP0(cx, v, 1));
    CULL_TRY(cull__fashion_load(cx, data_dir, D, &f));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull_ctx_reseed(cx, first + (uint64_t)i);
        CULL_TRY(one_seed(cx, &f, i, v));
        cull__release(cx, mark);
        equal[i] = v->accuracy[EQUAL][i] - v->accuracy[RANDOM][i];
        iterative[i] = v->accuracy[ITERATIVE][i] - v->accuracy[EQUAL][i];
        junk[i] = v->junk[ITERATIVE][i] - v->junk[EQUAL][i];
    }
    cull__claim_line(out, "accuracy of equal shares over random", equal, false, 0.02, false);
    cull__claim_line(out, "accuracy of three rounds over equal shares", iterative, false, 0.005,
                     false);
    cull__claim_line(out, "junk share of three rounds less that of equal shares", junk, true, 0,
                     false);
    static const char *const name[2][WAYS] = {
        {"accuracy, random", "accuracy, shares in proportion (share=1)",
         "accuracy, equal shares (kmq)", "accuracy, three rounds, the reference predicts",
         "accuracy, three rounds, the trained model predicts"},
        {"junk share, random", "junk share, shares in proportion (share=1)",
         "junk share, equal shares (kmq)", "junk share, three rounds, the reference predicts",
         "junk share, three rounds, the trained model predicts"}};
    for (int way = 0; way < WAYS; way++) cull__claim_figure(out, name[0][way], v->accuracy[way]);
    for (int way = 0; way < WAYS; way++) cull__claim_figure(out, name[1][way], v->junk[way]);
    out->note =
        "the gain of rounds is shown for feedback in which the reference model predicts; with "
        "the trained model's own predictions, the paper's formula to the letter, see the "
        "last figures";
    return CULL_OK;
}

const cull__claim cull__claim_kmq = {
    .about = {.slug = "kmq",
              .claim = "equal shares of k-means clusters beat a random choice, and rounds with "
                       "feedback from training beat equal shares and keep less junk",
              .setting = "Fashion-MNIST, 32 principal components, class sizes falling by 0.6, a "
                         "quarter junk, 64 clusters, 300 kept, logistic regression, 10 seeds",
              .package = "dataset-fashion-mnist"},
    .seeds = 10,
    .run = run,
};
