/* got-d's check: the paper's picture of two kinds of data, with language models that are exact.
 *
 * Two Markov chains over 8 symbols. The pool, on which the model was trained, is 5 % of B; the target is
 * half of B. Counts of bigrams are the embeddings, and also the language model: tuning it lightly on
 * what is kept mixes a tenth of those frequencies in, which is the paper's assumption to the letter.
 * Compared with target rows that take their nearest examples in turn, and with chance. */
#include "claim/claim.h"

#include <math.h>
#include <string.h>

enum { S = 8, T = 64, POOL = 4000, TARGET = 200, TESTS = 400, KEEP = 100, D = S * S, MOST = 64 };
#define LAMBDA 0.1  /* the weight of what is kept */
#define SMOOTH 1e-4 /* added to every frequency of the model */

typedef struct {
    double next[2][S][S]; /* cumulative, of A and B */
    bool rare[POOL];
    float x[POOL * D], q[TARGET * D], test[TESTS * D]; /* frequencies of bigrams */
} world;

static void speak(cull_rng *r, double next[S][S], float *x)
{
    int64_t last = cull__rng_below(r, S);
    memset(x, 0, D * sizeof *x);
    for (int t = 1; t < T; t++) {
        double u = cull__rng_unit(r);
        int64_t s = 0;
        while (s < S - 1 && u > next[last][s]) s++;
        x[last * S + s] += 1.0f / (T - 1);
        last = s;
    }
}

static void make(cull_rng *r, world *w)
{
    for (int k = 0; k < 2; k++)
        for (int h = 0; h < S; h++) {
            double sum = 0;
            for (int s = 0; s < S; s++) w->next[k][h][s] = sum += cull__gamma(r, 1) + 1e-300;
            for (int s = 0; s < S; s++) w->next[k][h][s] /= sum;
        }
    for (int i = 0; i < POOL; i++) {
        w->rare[i] = cull__rng_below(r, 20) == 0;
        speak(r, w->next[w->rare[i]], w->x + i * D);
    }
    for (int i = 0; i < TARGET; i++) speak(r, w->next[i % 2], w->q + i * D);
    for (int i = 0; i < TESTS; i++) speak(r, w->next[i % 2], w->test + i * D);
}

/* Mean loss of a symbol of the test rows, nats, after tuning on rows idx of the pool. */
static double cross_entropy(const world *w, const int64_t *idx)
{
    double p[S][S] = {{0}}, loss = 0;
    for (int c = 0; c < D; c++) {
        double all = 0, kept = 0;
        for (int i = 0; i < POOL; i++) all += (double)w->x[i * D + c] / POOL;
        for (int i = 0; i < KEEP; i++) kept += (double)w->x[idx[i] * D + c] / KEEP;
        p[c / S][c % S] = LAMBDA * kept + (1 - LAMBDA) * all + SMOOTH;
    }
    for (int h = 0; h < S; h++) {
        double sum = 0;
        for (int s = 0; s < S; s++) sum += p[h][s];
        for (int s = 0; s < S; s++) {
            double seen = 0;
            for (int i = 0; i < TESTS; i++) seen += (double)w->test[i * D + h * S + s] / TESTS;
            loss -= seen * log(p[h][s] / sum);
        }
    }
    return loss;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    static const char *const slug[] = {"got-d", "rds-plus", "random"};
    double share[3][MOST], loss[3][MOST], better[MOST];
    world *w;
    (void)data_dir;
    CULL_TRY(CULL_TMP(cx, w, 1));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, i, seeds));
        cull_ctx_reseed(cx, first + (uint64_t)i);
        cull_rng r = cull__rng(cx, 1000);
        make(&r, w);
        for (int k = 0; k < 3; k++) {
            int64_t idx[KEEP];
            CULL_TRY(cull__claim_pick(cx, slug[k], "", w->x, POOL, w->q, TARGET, D, KEEP, idx));
            share[k][i] = 0;
            for (int j = 0; j < KEEP; j++) share[k][i] += (double)w->rare[idx[j]] / KEEP;
            loss[k][i] = cross_entropy(w, idx);
        }
        better[i] = loss[0][i] < loss[1][i];
        cull__release(cx, mark);
    }
    cull__claim_line(out, "share of the rare kind among the kept", share[0], false, 0.95, true);
    cull__claim_line(out, "share of seeds with a lower loss than by nearest examples", better,
                     false, 0.9, false);
    cull__claim_figure(out, "share of the rare kind, nearest examples (rds-plus)", share[1]);
    cull__claim_figure(out, "share of the rare kind, random", share[2]);
    cull__claim_figure(out, "loss on the target, gradient of transport (got-d)", loss[0]);
    cull__claim_figure(out, "loss on the target, nearest examples (rds-plus)", loss[1]);
    cull__claim_figure(out, "loss on the target, random", loss[2]);
    out->note = "the model is exact where the paper's is a language model of transformers; its "
                "detoxification and its benchmarks are not run here";
    return CULL_OK;
}

const cull__claim cull__claim_got_d = {
    .about = {.slug = "got-d",
              .claim = "what the gradient of transport keeps makes up for what the pool lacks, and "
                       "tunes a model better than the examples nearest to the target",
              .setting = "two Markov chains over 8 symbols, 4000 sequences of 64 with 5 % of the "
                         "rare one, target half of each, 100 kept, models of bigrams, 10 seeds",
              .package = NULL},
    .seeds = 10,
    .run = run,
};
