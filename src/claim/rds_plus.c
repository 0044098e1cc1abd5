/* rds-plus's check: turns serve a target's small modes, where the mean serves only the largest.
 *
 * Four classes are wanted, with 42, 12, 4 and 2 examples of them to go by, and are rare in the pool
 * (150 each; 1300 of each other class). 200 rows are kept; a logistic regression on them is tested
 * on the four classes, equally many of each. Classes, pool and queries are drawn anew for each seed.
 * And the other side: pool and queries even over all ten classes, where there is nothing to gain. */
#include "claim/claim.h"

#include <string.h>

enum { D = 48, CLASSES = 10, WANTED = 4, QUERIES = 60, KEEP = 200, MOST = 64 };

typedef struct {
    int64_t n, *row; /* pool: rows of the data */
    int64_t query[QUERIES];
    float *x, *q; /* (n, D), (QUERIES, D) */
    int32_t *y;   /* n */
    float *test;  /* (tests, D) of the wanted classes */
    int32_t *test_y;
    int64_t tests;
} setting;

/* take[c] rows of class c for the pool and ask[c] others as queries, from a shuffle. */
static cull_status draw(cull_ctx *cx, const cull__fashion *f, cull_rng *r, const int64_t *take,
                        const int64_t *ask, const bool *tested, setting *s)
{
    int64_t *order, need[CLASSES], want[CLASSES], q = 0, n = 0;
    CULL_TRY(CULL_TMP(cx, order, f->n));
    for (int64_t i = 0; i < f->n; i++) order[i] = i;
    cull__rng_shuffle(r, order, f->n);
    s->n = 0;
    for (int c = 0; c < CLASSES; c++) s->n += need[c] = take[c], want[c] = ask[c];
    CULL_TRY(CULL_TMP(cx, s->row, s->n));
    CULL_TRY(CULL_TMP(cx, s->x, s->n * D));
    CULL_TRY(CULL_TMP(cx, s->q, QUERIES * D));
    CULL_TRY(CULL_TMP(cx, s->y, s->n));
    for (int64_t i = 0; i < f->n; i++) {
        int32_t c = f->y[order[i]];
        if (want[c] > 0 && q < QUERIES)
            want[c]--, s->query[q++] = order[i];
        else if (need[c] > 0)
            need[c]--, s->row[n++] = order[i];
    }
    if (n != s->n || q != QUERIES)
        return cull__fail(cx, CULL_EINPUT, "Fashion-MNIST has too few images of some class");
    cull__gather(f->x, s->row, s->n, D, s->x);
    cull__gather(f->x, s->query, QUERIES, D, s->q);
    for (int64_t i = 0; i < s->n; i++) s->y[i] = f->y[s->row[i]];
    CULL_TRY(CULL_TMP(cx, s->test, f->tests * D));
    CULL_TRY(CULL_TMP(cx, s->test_y, f->tests));
    s->tests = 0;
    for (int64_t i = 0; i < f->tests; i++) {
        if (!tested[f->test_y[i]]) continue;
        memcpy(s->test + s->tests * D, f->test + i * D, D * sizeof(float));
        s->test_y[s->tests++] = f->test_y[i];
    }
    return CULL_OK;
}

static cull_status accuracy(cull_ctx *cx, const setting *s, const char *slug, const char *options,
                            double *out)
{
    int64_t idx[KEEP];
    CULL_TRY(cull__claim_pick(cx, slug, options, s->x, s->n, s->q, QUERIES, D, KEEP, idx));
    return cull__claim_accuracy(cx, s->x, s->y, idx, KEEP, D, s->test, s->test_y, s->tests, out);
}

typedef struct {
    double turns[MOST], max[MOST], mean[MOST], random[MOST], even_turns[MOST], even_random[MOST];
} figures;

static cull_status one_seed(cull_ctx *cx, const cull__fashion *f, int i, figures *v)
{
    static const int64_t shares[WANTED] = {42, 12, 4, 2};
    int64_t class_[CLASSES], take[CLASSES], ask[CLASSES] = {0};
    bool tested[CLASSES] = {false};
    setting s;
    cull_rng r = cull__rng(cx, 1000);
    for (int c = 0; c < CLASSES; c++) class_[c] = c, take[c] = 1300;
    cull__rng_shuffle(&r, class_, CLASSES);
    for (int c = 0; c < WANTED; c++) {
        take[class_[c]] = 150;
        ask[class_[c]] = shares[c];
        tested[class_[c]] = true;
    }
    CULL_TRY(draw(cx, f, &r, take, ask, tested, &s));
    CULL_TRY(accuracy(cx, &s, "rds-plus", "rule=round-robin", &v->turns[i]));
    CULL_TRY(accuracy(cx, &s, "rds-plus", "rule=max", &v->max[i]));
    CULL_TRY(accuracy(cx, &s, "rds-plus", "rule=mean", &v->mean[i]));
    CULL_TRY(accuracy(cx, &s, "random", "", &v->random[i]));
    for (int c = 0; c < CLASSES; c++) take[c] = 840, ask[c] = QUERIES / CLASSES, tested[c] = true;
    CULL_TRY(draw(cx, f, &r, take, ask, tested, &s));
    CULL_TRY(accuracy(cx, &s, "rds-plus", "rule=round-robin", &v->even_turns[i]));
    return accuracy(cx, &s, "random", "", &v->even_random[i]);
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__fashion f;
    figures *v;
    double over_max[MOST], over_random[MOST];
    CULL_TRY(CULL_TMP0(cx, v, 1));
    CULL_TRY(cull__fashion_load(cx, data_dir, D, &f));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull_ctx_reseed(cx, first + (uint64_t)i);
        CULL_TRY(one_seed(cx, &f, i, v));
        cull__release(cx, mark);
        over_max[i] = v->turns[i] - v->max[i];
        over_random[i] = v->turns[i] - v->random[i];
    }
    cull__claim_line(out, "accuracy of taking turns over one order by the largest similarity",
                     over_max, false, 0.03, false);
    cull__claim_line(out, "accuracy of taking turns over a random choice", over_random, false, 0.15,
                     false);
    cull__claim_figure(out, "accuracy, turns (rds-plus)", v->turns);
    cull__claim_figure(out, "accuracy, largest similarity (rule=max)", v->max);
    cull__claim_figure(out, "accuracy, mean similarity (rule=mean)", v->mean);
    cull__claim_figure(out, "accuracy, random", v->random);
    cull__claim_figure(out, "accuracy, turns, pool and target even", v->even_turns);
    cull__claim_figure(out, "accuracy, random, pool and target even", v->even_random);
    out->note =
        "where pool and target are even already there is nothing to gain, and turns may lose to "
        "random: see the last two figures";
    return CULL_OK;
}

const cull__claim cull__claim_rds_plus = {
    .about = {.slug = "rds-plus",
              .claim = "target rows that take turns give better training data than one order by "
                       "similarity, and than a random choice",
              .setting = "Fashion-MNIST, 48 principal components, 4 rare classes wanted with "
                         "42/12/4/2 examples, 200 of 8400 kept, logistic regression, 10 seeds",
              .package = "dataset-fashion-mnist"},
    .seeds = 10,
    .run = run,
};
