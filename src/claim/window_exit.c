/* window-exit's check: two small networks, the second of which runs on a fifth of the images.
 *
 * Fashion-MNIST; two networks with one hidden layer of 64 units, trained on 5000 images from two beginnings. 5000 of the test images
 * set thresholds and windows, 5000 judge. What counts is the coverage at a risk of 5 %: the largest share of images that
 * can be kept with so few errors. The gain of the ensemble over its first member is 1; how much of it is left when a fifth of
 * the images gets both, those in a window about the threshold, or those with the lowest confidence? Where it is there, a
 * second part has cascades of ResNets (window_exit.h). */
#include "claim/window_exit.h"
#include "cull/compute.h"
#include "cull/confidence.h"
#include "cull/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    PIXELS = CULL__FASHION_SIDE * CULL__FASHION_SIDE,
    CLASSES = 10,
    TRAIN = 5000,
    VAL = 5000,
    TEST = 5000,
    MEMBERS = 2,
    MOST = 64
};
enum { SINGLE, WINDOW, LOWEST, ALL, WAYS };

/* Images of one seed, pixels from 0 to 1: of training, of validation, of the test. */
typedef struct {
    float *x; /* (TRAIN + VAL + TEST, PIXELS) */
    int32_t *y;
    float *out[MEMBERS]; /* (VAL + TEST, CLASSES) */
    double *truth;       /* (VAL + TEST) */
    uint64_t number;     /* of the first member */
} setting;

static cull_status draw(cull_ctx *cx, const cull__images *f, cull_rng *r, setting *s)
{
    int64_t n = cull_pool_n(f->train), tests = cull_pool_n(f->test), *train, *test;
    float *buf;
    if (n < TRAIN || tests < VAL + TEST)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: there must be %d images to train on and %d to judge by, or more",
                          cull_pool_name(f->train), TRAIN, VAL + TEST);
    CULL_TRY(CULL_TMP(cx, buf, PIXELS));
    CULL_TRY(CULL_TMP(cx, train, n));
    CULL_TRY(CULL_TMP(cx, test, tests));
    for (int64_t i = 0; i < n; i++) train[i] = i;
    for (int64_t i = 0; i < tests; i++) test[i] = i;
    cull__rng_shuffle(r, train, n);
    cull__rng_shuffle(r, test, tests);
    for (int64_t i = 0; i < TRAIN + VAL + TEST; i++) {
        bool of_train = i < TRAIN;
        int64_t row = of_train ? train[i] : test[i - TRAIN];
        const float *v = cull_pool_rows(of_train ? f->train : f->test, row, row + 1, buf);
        for (int64_t j = 0; j < PIXELS; j++) s->x[i * PIXELS + j] = v[j] * (1.f / 255);
        s->y[i] = of_train ? f->y[row] : f->test_y[row];
        if (!of_train) s->truth[i - TRAIN] = s->y[i];
    }
    return CULL_OK;
}

/* Layers carry the member's number: what a tensor begins with is drawn by its name. */
static cull_status network(cull_ctx *cx, uint64_t number, cull_model **m)
{
    char text[256];
    int n =
        snprintf(text, sizeof text,
                 "input %d\noutputs %d\nm%llu_a = linear(64)\nrelu\nm%llu_b = linear(outputs)\n",
                 PIXELS, CLASSES, (unsigned long long)number, (unsigned long long)number);
    return cull_model_from(cx, text, (size_t)n, "a member", NULL, m);
}

/* 20 epochs of Adam with what it is mostly begun with; no choice was made by any result. */
static cull_status train_and_ask(cull_ctx *cx, const setting *s, int k, cull_model *m)
{
    int64_t *row;
    cull_dataset *set;
    cull_fit_opts o = CULL_FIT_OPTS;
    o.train.optim.kind = CULL_ADAM;
    o.train.schedule.kind = CULL_LR_CONSTANT;
    o.train.schedule.lr = 1e-3;
    o.train.epochs = 20;
    o.train.last = true;
    o.train.seed = s->number + (uint64_t)k;
    CULL_TRY(CULL_TMP(cx, row, TRAIN + VAL + TEST));
    for (int64_t i = 0; i < TRAIN + VAL + TEST; i++) row[i] = i;
    CULL_TRY(
        cull_dataset_from(cx, s->x, TRAIN + VAL + TEST, 1, 1, PIXELS, s->y, CLASSES, NULL, &set));
    cull_fit_data d = {&set, 1};
    cull_status status = cull_fit_scaling(cx, m, &d, row, TRAIN);
    if (status == CULL_OK) status = cull_fit(cx, m, &d, row, TRAIN, NULL, 0, &o, NULL);
    if (status == CULL_OK)
        status = cull_fit_predict(cx, m, &d, row + TRAIN, VAL + TEST, CULL_FIT_CLASSES, 250,
                                  s->out[k], NULL);
    cull_dataset_free(set);
    return status;
}

static cull_status train_one(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const setting *s = arg;
    cull_model *m;
    (void)lo, (void)hi;
    CULL_TRY(network(cx, s->number + (uint64_t)chunk, &m));
    cull_status status = train_and_ask(cx, s, (int)chunk, m);
    cull_model_free(m);
    return status;
}

/* ---- what a way is worth ---- */
typedef struct {
    double at5, at10, aurc, cost, passed;
} worth;

static cull_status judge(cull_ctx *cx, const setting *s, const cull_decisions *d, worth *w)
{
    cull_risk_point p;
    double loss[TEST], excess;
    w->cost = w->passed = 0;
    for (int64_t i = 0; i < TEST; i++) {
        loss[i] = d->label[i] != s->truth[VAL + i];
        w->cost += d->cost[i] / TEST;
        w->passed += (d->called[i] == 3) / (double)TEST;
    }
    CULL_TRY(cull_coverage_at_risk(cx, d->score, loss, TEST, .05, &p));
    w->at5 = p.coverage;
    CULL_TRY(cull_coverage_at_risk(cx, d->score, loss, TEST, .1, &p));
    w->at10 = p.coverage;
    return cull_risk_area(cx, d->score, loss, TEST, &w->aurc, &excess);
}

static void rows_of(const setting *s, int64_t from, int64_t n, const float **out, cull_outcomes *o)
{
    for (int k = 0; k < MEMBERS; k++) out[k] = s->out[k] + from * CLASSES;
    *o = (cull_outcomes){
        .n = n, .models = MEMBERS, .classes = CLASSES, .out = out, .truth = s->truth + from};
}

static cull_status one_way(cull_ctx *cx, const setting *s, const char *options, worth *w)
{
    const cull_method *m = cull_method_find("window-exit", NULL);
    const float *out[MEMBERS], *test_out[MEMBERS];
    cull_outcomes val, test;
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *policy = NULL;
    cull_opts *o;
    cull_decisions d = {0};
    rows_of(s, 0, VAL, out, &val);
    rows_of(s, VAL, TEST, test_out, &test);
    p.rows = &val;
    CULL_TRY(cull_opts_new(cx, m, &o));
    cull_status status = cull__claim_options(cx, o, options);
    if (status == CULL_OK) status = cull_compute_fit(cx, m, o, &p, &policy);
    if (status == CULL_OK) status = cull_compute_apply(cx, policy, NULL, &test, &d);
    if (status == CULL_OK) status = judge(cx, s, &d, w);
    cull_decisions_free(&d);
    cull_policy_free(policy);
    cull_opts_free(o);
    return status;
}

typedef struct {
    double at5[WAYS][MOST], at10[WAYS][MOST], aurc[WAYS][MOST], cost[WAYS][MOST];
    double passed[MOST], right[MOST];
} figures;

static cull_status one_seed(cull_ctx *cx, const cull__images *f, int i, figures *v)
{
    static const char *const options[WAYS] = {"share=0", "share=0.2", "share=0.2 side=low",
                                              "share=1"};
    setting s = {.number = (uint64_t)i * MEMBERS};
    cull_rng r = cull__rng(cx, 1000);
    int64_t right = 0;
    CULL_TRY(CULL_TMP(cx, s.x, (int64_t)(TRAIN + VAL + TEST) * PIXELS));
    CULL_TRY(CULL_TMP(cx, s.y, TRAIN + VAL + TEST));
    CULL_TRY(CULL_TMP(cx, s.truth, VAL + TEST));
    for (int k = 0; k < MEMBERS; k++) CULL_TRY(CULL_TMP(cx, s.out[k], (VAL + TEST) * CLASSES));
    CULL_TRY(draw(cx, f, &r, &s));
    CULL_TRY(cull__for(cx, MEMBERS, 1, train_one, &s));
    for (int way = 0; way < WAYS; way++) {
        worth at5, at10;
        char text[80];
        snprintf(text, sizeof text, "%s level=0.1", options[way]);
        CULL_TRY(one_way(cx, &s, options[way], &at5));
        CULL_TRY(one_way(cx, &s, text, &at10)); /* its window lies elsewhere */
        v->at5[way][i] = at5.at5;
        v->at10[way][i] = at10.at10;
        v->aurc[way][i] = at5.aurc;
        v->cost[way][i] = at5.cost;
        if (way == WINDOW) v->passed[i] = at5.passed;
    }
    for (int64_t j = 0; j < TEST; j++) {
        const float *z = s.out[0] + (VAL + j) * CLASSES;
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            if (z[c] > z[best]) best = c;
        right += best == s.y[TRAIN + VAL + j];
    }
    v->right[i] = (double)right / TEST;
    return CULL_OK;
}

static cull_status report(cull_ctx *cx, const figures *v, int seeds, cull_claim_result *out)
{
    static const char *const name[3][WAYS] = {
        {"coverage at risk 5 %, first member", "coverage at risk 5 %, window",
         "coverage at risk 5 %, lowest fifth", "coverage at risk 5 %, ensemble"},
        {"coverage at risk 10 %, first member", "coverage at risk 10 %, window",
         "coverage at risk 10 %, lowest fifth", "coverage at risk 10 %, ensemble"},
        {"AURC, first member", "AURC, window", "AURC, lowest fifth", "AURC, ensemble"}};
    double gain[WAYS][MOST], ratio, lo, hi;
    for (int i = 0; i < seeds; i++)
        for (int way = 0; way < WAYS; way++) gain[way][i] = v->at5[way][i] - v->at5[SINGLE][i];
    CULL_TRY(cull__claim_ratio(cx, gain[WINDOW], gain[ALL], seeds, &ratio, &lo, &hi));
    cull__claim_add_line(out, "share of the ensemble's gain, window", ratio, lo, hi, false, .7);
    CULL_TRY(cull__claim_ratio(cx, gain[LOWEST], gain[ALL], seeds, &ratio, &lo, &hi));
    cull__claim_add_line(out, "share of the ensemble's gain, lowest fifth", ratio, lo, hi, true,
                         .3);
    cull__claim_line(out, "share of images passed on, least", v->passed, false, .17, true);
    cull__claim_line(out, "share of images passed on, most", v->passed, true, .23, true);
    for (int way = 0; way < WAYS; way++) cull__claim_figure(out, name[0][way], v->at5[way]);
    for (int way = 0; way < WAYS; way++) cull__claim_figure(out, name[1][way], v->at10[way]);
    for (int way = 0; way < WAYS; way++) cull__claim_figure(out, name[2][way], v->aurc[way]);
    cull__claim_figure(out, "networks run for an image, window", v->cost[WINDOW]);
    cull__claim_figure(out, "accuracy of the first member", v->right);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__images f;
    figures *v;
    bool there;
    uint64_t first = cull_ctx_seed(cx);
    CULL_TRY(CULL_TMP0(cx, v, 1));
    CULL_TRY(cull__fashion_open(cx, data_dir, &f));
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull_ctx_reseed(cx, first + (uint64_t)i);
        cull__span(cx, i, i + 1, seeds);
        s = one_seed(cx, &f, i, v);
        cull__span(cx, 0, 0, 0);
        cull__release(cx, mark);
    }
    cull__fashion_close(&f);
    CULL_TRY(s);
    CULL_TRY(report(cx, v, seeds, out));
    CULL_TRY(cull__resnet_cascades(cx, data_dir, &there, out));
    out->note = there
                    ? "ImageNet and what is out of distribution are not shown; the networks are "
                      "small, and the ResNets were trained on other images than these JPEG ones, "
                      "so that their accuracies are no reference"
                    : "ImageNet and what is out of distribution are not shown, and the networks "
                      "are small; the part with ResNets needs cifar10/resnet_jpeg_test_scores.npz "
                      "in the data folder, which no package has";
    return CULL_OK;
}

const cull__claim cull__claim_window_exit = {
    .about = {.slug = "window-exit",
              .claim =
                  "a second member of an ensemble that runs in a window about the threshold, on "
                  "a fifth of the rows, brings most of the ensemble's gain in coverage; on the "
                  "least sure fifth it brings little of it",
              .setting =
                  "Fashion-MNIST, two networks of 64 hidden units trained on 5000 images, 5000 "
                  "to set thresholds, 5000 to judge, 10 seeds; ResNets of CIFAR-10 where their "
                  "outputs are at hand",
              .package = "dataset-fashion-mnist"},
    .seeds = 10,
    .run = run,
};
