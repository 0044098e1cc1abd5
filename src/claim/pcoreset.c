/* pcoreset's check: what to label next, beside a teacher that is wrong about three classes.
 *
 * Fashion-MNIST in 40 whitened components, a pool of 3000. The teacher is a logistic regression on 400
 * other images of which three classes mostly bear the name of one that looks alike. One image of each
 * class is labelled, then ten a round for five rounds. The student is the mean of two linear heads, as
 * in the paper, on the components instead of a network's features: one fitted to the labels, one to the
 * teacher's answers (drawn from its probabilities) on all of the pool. */
#include "choose/choose.h"
#include "claim/claim.h"
#include "num/num.h"
#include "score/score.h"

#include <math.h>
#include <string.h>

enum {
    D = 40,
    CLASSES = 10,
    W = CLASSES * (D + 1),
    POOL = 3000,
    TAUGHT = 400,
    TESTS = 4000,
    ROUNDS = 5,
    EACH = 10,
    MOST_LABELS = CLASSES + ROUNDS * EACH,
    MOST = 64
};
enum {
    PCORESET,
    FEATURES,
    ENTROPY,
    RANDOM,
    ALONE,
    ARMS
}; /* ALONE: at random, without the teacher */
static const int32_t looks_like[CLASSES] = {6, 1, 4, 3, 4,
                                            7, 6, 7, 8, 9}; /* shirts, coats, sneakers */

typedef struct {
    float *x, *test; /* (POOL, D), (TESTS, D) */
    int32_t *y, *test_y;
    double kd[W]; /* the head that learnt from the teacher */
    double teacher;
} setting;

static cull_status fit(cull_ctx *cx, const float *x, const int32_t *y, int64_t n, double *w)
{
    cull__logreg_opts o = {.iterations = 200};
    memset(w, 0, W * sizeof *w);
    return cull__logreg_fit(cx, x, y, n, D, CLASSES, &o, w);
}

static double right(const double *p, const int32_t *y, int64_t n)
{
    int64_t good = 0;
    for (int64_t i = 0; i < n; i++) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            if (p[i * CLASSES + c] > p[i * CLASSES + best]) best = c;
        good += best == y[i];
    }
    return (double)good / (double)n;
}

/* The teacher's answers to the pool, one drawn for each image, and the head that learns from them. */
static cull_status teach(cull_ctx *cx, const float *x, const int32_t *y, cull_rng *r, setting *s)
{
    double w[W], *p;
    int32_t label[TAUGHT], *answer;
    CULL_TRY(CULL_TMP(cx, p, POOL * CLASSES));
    CULL_TRY(CULL_TMP(cx, answer, POOL));
    for (int i = 0; i < TAUGHT; i++) label[i] = cull__rng_unit(r) < 0.85 ? looks_like[y[i]] : y[i];
    CULL_TRY(fit(cx, x, label, TAUGHT, w));
    CULL_TRY(cull__logreg_predict(cx, s->x, POOL, D, CLASSES, w, p, NULL));
    s->teacher = right(p, s->y, POOL);
    for (int64_t i = 0; i < POOL; i++) {
        double u = cull__rng_unit(r);
        int32_t c = 0;
        while (c < CLASSES - 1 && (u -= p[i * CLASSES + c]) >= 0) c++;
        answer[i] = c;
    }
    return fit(cx, s->x, answer, POOL, s->kd);
}

static cull_status draw(cull_ctx *cx, const cull__fashion *f, cull_rng *r, setting *s)
{
    int64_t *order;
    double sd[D];
    float *x;
    int32_t *y;
    CULL_TRY(CULL_TMP(cx, order, f->n));
    CULL_TRY(CULL_TMP(cx, x, (POOL + TAUGHT) * D));
    CULL_TRY(CULL_TMP(cx, y, POOL + TAUGHT));
    CULL_TRY(CULL_TMP(cx, s->test, TESTS * D));
    for (int64_t i = 0; i < f->n; i++) order[i] = i;
    cull__rng_shuffle(r, order, f->n);
    for (int j = 0; j < D; j++) { /* components are centred */
        double sum = 0;
        for (int64_t i = 0; i < f->n; i++) sum += (double)f->x[i * D + j] * (double)f->x[i * D + j];
        sd[j] = sqrt(sum / (double)f->n);
    }
    for (int64_t i = 0; i < POOL + TAUGHT; i++) {
        y[i] = f->y[order[i]];
        for (int j = 0; j < D; j++) x[i * D + j] = (float)((double)f->x[order[i] * D + j] / sd[j]);
    }
    for (int64_t i = 0; i < TESTS * D; i++) s->test[i] = (float)((double)f->test[i] / sd[i % D]);
    s->x = x, s->y = y, s->test_y = f->test_y;
    return teach(cx, x + POOL * D, y + POOL, r, s);
}

/* The student's probabilities of x (n, D): the mean of its two heads, or the first alone. */
static cull_status predict(cull_ctx *cx, const setting *s, const double *ce, bool alone,
                           const float *x, int64_t n, double *p)
{
    double *q;
    CULL_TRY(cull__logreg_predict(cx, x, n, D, CLASSES, ce, p, NULL));
    if (alone) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, q, n * CLASSES));
    CULL_TRY(cull__logreg_predict(cx, x, n, D, CLASSES, s->kd, q, NULL));
    for (int64_t i = 0; i < n * CLASSES; i++) p[i] = (p[i] + q[i]) / 2;
    return CULL_OK;
}

/* `slug` on rows x (POOL, d), with marks of what is labelled. */
static cull_status ask(cull_ctx *cx, const char *slug, const char *option, const char *value,
                       const float *x, int64_t d, const uint8_t *have, cull_pick *k)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_pool *pool = NULL;
    cull_opts *o = NULL;
    cull_status s = cull_opts_new(cx, m, &o);
    if (s == CULL_OK && option) s = cull_opts_set(cx, o, option, value);
    if (s == CULL_OK) s = cull_pool_from(cx, x, CULL_F32, POOL, d, &pool);
    cull_data_problem p = {.n = POOL, .pool = pool, .budget = EACH, .have = have};
    if (s == CULL_OK) s = cull_data_pick(cx, m, o, &p, k);
    cull_pool_free(pool);
    cull_opts_free(o);
    return s;
}

static cull_status most_uncertain(cull_ctx *cx, const double *p, const uint8_t *have, int64_t *idx)
{
    double *h;
    CULL_TRY(CULL_TMP0(cx, h, POOL));
    for (int64_t i = 0; i < POOL; i++) {
        for (int c = 0; c < CLASSES; c++)
            h[i] -= p[i * CLASSES + c] * log(p[i * CLASSES + c] + 1e-300);
        if (have[i]) h[i] = -1;
    }
    return cull__topk(cx, h, POOL, EACH, idx);
}

static cull_status next(cull_ctx *cx, const setting *s, int arm, const double *p,
                        const uint8_t *have, int64_t *idx)
{
    cull_pick k = {0};
    float *f;
    if (arm == ENTROPY) return most_uncertain(cx, p, have, idx);
    CULL_TRY(CULL_TMP(cx, f, POOL * CLASSES));
    for (int64_t i = 0; i < POOL * CLASSES; i++) f[i] = (float)p[i];
    if (arm == PCORESET)
        CULL_TRY(ask(cx, "pcoreset", "values", "probabilities", f, CLASSES, have, &k));
    else if (arm == FEATURES)
        CULL_TRY(ask(cx, "k-centre", NULL, NULL, s->x, D, have, &k));
    else
        CULL_TRY(ask(cx, "random", NULL, NULL, s->x, D, have, &k));
    memcpy(idx, k.idx, EACH * sizeof *idx);
    cull_pick_free(&k);
    return CULL_OK;
}

/* Accuracy of the student after the last round, and of the mean over all rounds. */
static cull_status learn(cull_ctx *cx, const setting *s, int arm, double *last, double *mean)
{
    uint8_t *have;
    int64_t row[MOST_LABELS], n = 0;
    double w[W], *p, *q;
    float *x;
    int32_t y[MOST_LABELS];
    CULL_TRY(CULL_TMP0(cx, have, POOL));
    CULL_TRY(CULL_TMP(cx, x, MOST_LABELS * D));
    CULL_TRY(CULL_TMP(cx, p, POOL * CLASSES));
    CULL_TRY(CULL_TMP(cx, q, TESTS * CLASSES));
    for (int c = 0; c < CLASSES; c++)
        for (int64_t i = 0; n == c && i < POOL; i++)
            if (s->y[i] == c) row[n++] = i;
    *mean = 0;
    uint64_t seed = cull_ctx_seed(cx);
    for (int round = 0;; round++) {
        cull__mark_t mark = cull__mark(cx);
        cull__gather(s->x, row, n, D, x);
        for (int64_t i = 0; i < n; i++) have[row[i]] = 1, y[i] = s->y[row[i]];
        CULL_TRY(fit(cx, x, y, n, w));
        CULL_TRY(predict(cx, s, w, arm == ALONE, s->test, TESTS, q));
        *last = right(q, s->test_y, TESTS);
        if (round > 0) *mean += *last / ROUNDS;
        if (round == ROUNDS) return CULL_OK;
        CULL_TRY(predict(cx, s, w, arm == ALONE, s->x, POOL, p));
        cull_ctx_reseed(cx, seed * 64 + (uint64_t)round);
        CULL_TRY(next(cx, s, arm, p, have, row + n));
        cull_ctx_reseed(cx, seed);
        n += EACH;
        cull__release(cx, mark);
    }
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__fashion f;
    double last[ARMS][MOST], mean[ARMS][MOST], gain[3][MOST], teacher[MOST];
    CULL_TRY(cull__fashion_load(cx, data_dir, D, &f));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        setting s;
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, i, seeds));
        cull_ctx_reseed(cx, first + (uint64_t)i);
        cull_rng r = cull__rng(cx, 1000);
        CULL_TRY(draw(cx, &f, &r, &s));
        teacher[i] = s.teacher;
        for (int a = 0; a < ARMS; a++) CULL_TRY(learn(cx, &s, a, &last[a][i], &mean[a][i]));
        gain[0][i] = last[PCORESET][i] - last[ENTROPY][i];
        gain[1][i] = last[PCORESET][i] - last[RANDOM][i];
        gain[2][i] = last[RANDOM][i] - last[ALONE][i];
        cull__release(cx, mark);
    }
    cull__claim_line(out, "accuracy after the last round, above entropy", gain[0], false, 0.04,
                     false);
    cull__claim_line(out, "accuracy after the last round, above random", gain[1], false, 0, false);
    cull__claim_line(out, "what the teacher adds, at random", gain[2], false, 0.06, false);
    cull__claim_figure(out, "accuracy of the teacher on the pool", teacher);
    cull__claim_figure(out, "accuracy, pcoreset", last[PCORESET]);
    cull__claim_figure(out, "accuracy, farthest in features (k-centre)", last[FEATURES]);
    cull__claim_figure(out, "accuracy, entropy", last[ENTROPY]);
    cull__claim_figure(out, "accuracy, random", last[RANDOM]);
    cull__claim_figure(out, "accuracy, random, without the teacher", last[ALONE]);
    cull__claim_figure(out, "mean accuracy of the rounds, pcoreset", mean[PCORESET]);
    cull__claim_figure(out, "mean accuracy of the rounds, random", mean[RANDOM]);
    out->note =
        "the student is linear; the paper's is a network, distilled anew in each round, and "
        "its teacher a vision-language model";
    return CULL_OK;
}

const cull__claim cull__claim_pcoreset = {
    .about = {.slug = "pcoreset",
              .claim =
                  "labels for what is far from the labelled in predicted probabilities teach a "
                  "student more, beside a biased teacher, than labels at random or for what is "
                  "most uncertain",
              .setting = "Fashion-MNIST, 40 whitened components, pool 3000, teacher wrong about 3 "
                         "classes, 10 + 5 x 10 labels, 8 seeds",
              .package = "dataset-fashion-mnist"},
    .seeds = 8,
    .run = run,
};
