/* lottery-ticket's check: a network of a twelfth of its weights learns better from where it began than from
 * other first weights.
 *
 * LeNet 784-300-100-10 on 10,000 images of Fashion-MNIST, 2000 to stop by (every 100 steps, as in the
 * paper), 5000 to judge by, other ones for each seed; pixels from 0 to 1; Adam at 1.2e-3, batches of 60, 1500
 * steps, 15 rounds of 20 % (10 % of the last layer). All as the paper has it but for the steps, of which it
 * takes 50,000, and the data, which is MNIST there. Accuracies are at the early stop. */
#include "claim/claim.h"
#include "cull/ticket.h"

#include <math.h>
#include <string.h>

enum { PIXELS = CULL__FASHION_SIDE * CULL__FASHION_SIDE, CLASSES = 10 };
enum { TRAIN = 10000, VAL = 2000, TEST = 5000, ALL = TRAIN + VAL + TEST };
enum { ROUNDS = 15, PLACES = 3, MOST = 16 };
static const int place[PLACES] = {7, 11, 15}; /* 21, 8.7 and 3.6 % of the weights */

typedef struct {
    const cull__images *f;
    cull_model *m[MOST]; /* one for each seed */
    uint64_t first;
    cull_ticket_round whole[MOST], at[PLACES][MOST];
} check;

static cull_ticket_opts options(uint64_t seed)
{
    cull_ticket_opts o = CULL_TICKET_OPTS;
    o.fit.train.optim.kind = CULL_ADAM;
    o.fit.train.schedule.kind = CULL_LR_CONSTANT;
    o.fit.train.schedule.lr = 1.2e-3;
    o.fit.train.batch = 60;
    o.fit.train.seed = seed;
    o.rounds = ROUNDS;
    o.steps = 1500;
    o.every = 100;
    o.controls = 1 << CULL_TICKET_REINIT | 1 << CULL_TICKET_RANDOM | 1 << CULL_TICKET_ONE_SHOT;
    o.at = place;
    o.ats = PLACES;
    return o;
}

static cull_status one_seed(cull_ctx *cx, void *arg, int64_t i, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    check *k = arg;
    float *x;
    int32_t *y;
    cull_dataset *set;
    cull_ticket *t = NULL;
    CULL_TRY(CULL_TMP(cx, x, (int64_t)ALL * PIXELS));
    CULL_TRY(CULL_TMP(cx, y, ALL));
    cull_rng r = cull__rng_seeded(k->first + (uint64_t)i, 1000);
    CULL_TRY(cull__fashion_draw(cx, k->f, r, TRAIN + VAL, TEST, x, y));
    CULL_TRY(cull_dataset_from(cx, x, ALL, 1, 1, PIXELS, y, CLASSES, NULL, &set));
    const cull_ticket_data d = {.all = {&set, 1}, .n = TRAIN, .val_n = VAL, .test_n = TEST};
    const cull_ticket_opts o = options(k->first + (uint64_t)i);
    cull_status s = cull_ticket_find(cx, k->m[i], &d, &o, &t);
    if (s == CULL_OK) {
        k->whole[i] = *cull_ticket_at(t, 0);
        for (int p = 0; p < PLACES; p++) k->at[p][i] = *cull_ticket_at(t, place[p]);
    }
    cull_ticket_free(t);
    cull_dataset_free(set);
    return s;
}

/* ---- the result ---- */

typedef double measure(const cull_ticket_round *r, int way);
static double loss(const cull_ticket_round *r, int way) { return r->run[way].val_loss; }
static double accuracy(const cull_ticket_round *r, int way) { return 100 * r->run[way].accuracy; }
static double stop(const cull_ticket_round *r, int way) { return (double)r->run[way].stop; }

static void figure(cull_claim_result *out, const char *what, const cull_ticket_round *r,
                   measure *of, int way)
{
    double v[MOST];
    for (int i = 0; i < out->seeds; i++) v[i] = of(r + i, way);
    cull__claim_figure(out, what, v);
}

static void lines(const check *k, cull_claim_result *out)
{
    static const char *const name[][3] = {
        {"8.7 %: loss of validation, reinit above ticket, worst seed",
         "8.7 %: loss of validation, reinit above ticket",
         "8.7 %: accuracy, ticket above reinit, points"},
        {"3.6 %: loss of validation, reinit above ticket, worst seed",
         "3.6 %: loss of validation, reinit above ticket",
         "3.6 %: accuracy, ticket above reinit, points"}};
    double gap[MOST], points[MOST];
    for (int p = 1; p < PLACES; p++) {
        for (int i = 0; i < out->seeds; i++) {
            const cull_ticket_round *r = &k->at[p][i];
            gap[i] = loss(r, CULL_TICKET_REINIT) - loss(r, CULL_TICKET_OWN);
            points[i] = accuracy(r, CULL_TICKET_OWN) - accuracy(r, CULL_TICKET_REINIT);
        }
        cull__claim_line(out, name[p - 1][0], gap, false, 0, true);
        cull__claim_line(out, name[p - 1][1], gap, false, .03, false);
        cull__claim_line(out, name[p - 1][2], points, false, 1, false);
    }
    for (int i = 0; i < out->seeds; i++)
        points[i] = accuracy(&k->at[1][i], CULL_TICKET_OWN) - accuracy(&k->whole[i], 0);
    cull__claim_line(out, "8.7 %: accuracy, ticket above the whole network, points", points, false,
                     -.5, false);
}

static void figures(const check *k, cull_claim_result *out)
{
    static const int way[] = {CULL_TICKET_OWN, CULL_TICKET_REINIT, CULL_TICKET_RANDOM,
                              CULL_TICKET_ONE_SHOT};
    static const char *const right[PLACES][4] = {
        {"21 %: accuracy, ticket", "21 %: accuracy, reinit", "21 %: accuracy, random mask",
         "21 %: accuracy, one shot"},
        {"8.7 %: accuracy, ticket", "8.7 %: accuracy, reinit", "8.7 %: accuracy, random mask",
         "8.7 %: accuracy, one shot"},
        {"3.6 %: accuracy, ticket", "3.6 %: accuracy, reinit", "3.6 %: accuracy, random mask",
         "3.6 %: accuracy, one shot"}};
    static const char *const lost[PLACES][4] = {
        {"21 %: loss, ticket", "21 %: loss, reinit", "21 %: loss, random mask",
         "21 %: loss, one shot"},
        {"8.7 %: loss, ticket", "8.7 %: loss, reinit", "8.7 %: loss, random mask",
         "8.7 %: loss, one shot"},
        {"3.6 %: loss, ticket", "3.6 %: loss, reinit", "3.6 %: loss, random mask",
         "3.6 %: loss, one shot"}};
    figure(out, "whole network: accuracy", k->whole, accuracy, 0);
    figure(out, "whole network: loss", k->whole, loss, 0);
    figure(out, "whole network: early stop", k->whole, stop, 0);
    for (int p = 0; p < PLACES; p++)
        for (int w = 0; w < 4; w++) figure(out, right[p][w], k->at[p], accuracy, way[w]);
    for (int p = 0; p < PLACES; p++)
        for (int w = 0; w < 4; w++) figure(out, lost[p][w], k->at[p], loss, way[w]);
    figure(out, "21 %: early stop, ticket", k->at[0], stop, CULL_TICKET_OWN);
    figure(out, "21 %: early stop, reinit", k->at[0], stop, CULL_TICKET_REINIT);
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__images f;
    check *k;
    const cull_model_opts glorot = {.size = sizeof glorot, .start = CULL_MODEL_GLOROT};
    CULL_TRY(CULL_TMP0(cx, k, 1));
    CULL_TRY(cull__fashion_open(cx, data_dir, &f));
    k->f = &f;
    k->first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        cull_ctx_reseed(cx, k->first + (uint64_t)i);
        s = cull_model_open(cx, "mlp:784-300-100-10", &glorot, &k->m[i]);
    }
    if (s == CULL_OK) s = cull__for(cx, seeds, 1, one_seed, k);
    for (int i = 0; i < seeds; i++) cull_model_free(k->m[i]);
    cull__fashion_close(&f);
    CULL_TRY(s);
    lines(k, out);
    figures(k, out);
    out->note = "one small network on small images, a thirtieth of the paper's steps; deep "
                "networks, which want warm-up or rewinding to a later step, are not shown";
    return CULL_OK;
}

const cull__claim cull__claim_lottery_ticket = {
    .about = {.slug = "lottery-ticket",
              .claim = "a network pruned by magnitude to a twelfth of its weights learns from "
                       "where it began as well as the whole one, and better than from other first "
                       "weights",
              .setting = "Fashion-MNIST, 10,000 images, 2000 to stop by, 5000 to judge by; "
                         "784-300-100-10, Adam, 1500 steps of 60, 15 rounds of 20 %, 5 seeds",
              .package = "dataset-fashion-mnist"},
    .seeds = 5,
    .run = run,
};
