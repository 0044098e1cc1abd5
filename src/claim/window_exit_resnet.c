/* window_exit_resnet.c - cascades of four ResNets of CIFAR-10, learnt on one half of the test images, judged on the other. See
 * window_exit.h.
 *
 * The file has what each network says about the 10000 test images, JPEG of quality 75, and what it costs. Judged: the
 * cheapest cascade that is as good as ResNet-56 alone on the first half, of all four and of ResNet-20 and 56 alone; and the best
 * one for the cost of each network. Intervals are by bootstrap over the second half's images, 95 %. */
#define _GNU_SOURCE
#include "claim/window_exit.h"
#include "cull/compute.h"
#include "cull/confidence.h"
#include "cull/pool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NETS = 4, ROWS = 10000, HALF = ROWS / 2, CLASSES = 10 };

typedef struct {
    float *logits[NETS];
    double *truth, macs[NETS];
    int32_t *label[NETS];
} scores;

static cull_status read_scores(cull_ctx *cx, const char *path, scores *s)
{
    static const char *const name[NETS] = {"resnet20_logits", "resnet32_logits", "resnet44_logits",
                                           "resnet56_logits"};
    float macs[NETS], *label;
    CULL_TRY(CULL_TMP(cx, label, ROWS));
    CULL_TRY(CULL_TMP(cx, s->truth, ROWS));
    for (int k = 0; k < NETS; k++) {
        CULL_TRY(CULL_TMP(cx, s->logits[k], ROWS * CLASSES));
        CULL_TRY(CULL_TMP(cx, s->label[k], ROWS));
        CULL_TRY(cull__claim_array(cx, path, name[k], ROWS * CLASSES, s->logits[k]));
        cull_class_rows r = {.v = s->logits[k], .dtype = CULL_F32, .n = ROWS, .classes = CLASSES};
        CULL_TRY(cull_class_sure(cx, &r, CULL_SURE_TOP, 1, NULL, s->label[k]));
    }
    CULL_TRY(cull__claim_array(cx, path, "macs_M", NETS, macs));
    CULL_TRY(cull__claim_array(cx, path, "labels", ROWS, label));
    for (int k = 0; k < NETS; k++) s->macs[k] = (double)macs[k];
    for (int i = 0; i < ROWS; i++) s->truth[i] = (double)label[i];
    return CULL_OK;
}

/* Rows of one half, of networks net[0 .. n). */
typedef struct {
    const float *out[NETS];
    double each[NETS];
    cull_outcomes rows;
} half;

static void half_of(const scores *s, int which, const int *net, int nets, half *h)
{
    for (int k = 0; k < nets; k++) {
        h->out[k] = s->logits[net[k]] + (int64_t)which * HALF * CLASSES;
        h->each[k] = s->macs[net[k]];
    }
    h->rows = (cull_outcomes){.n = HALF,
                              .models = nets,
                              .classes = CLASSES,
                              .out = h->out,
                              .each = h->each,
                              .truth = s->truth + which * HALF};
}

static double right_share(const scores *s, int net, int which)
{
    int64_t right = 0;
    for (int64_t i = 0; i < HALF; i++)
        right += s->label[net][which * HALF + i] == s->truth[which * HALF + i];
    return (double)right / HALF;
}

/* A cascade learnt on the first half; on each row of the second what it costs and whether it is right. */
static cull_status cascade(cull_ctx *cx, const scores *s, const int *net, int nets,
                           const cull_compute_problem *asked, double *cost, double *right)
{
    half first, second;
    cull_policy *policy;
    cull_decisions d = {0};
    cull_compute_problem p = *asked;
    half_of(s, 0, net, nets, &first);
    half_of(s, 1, net, nets, &second);
    p.rows = &first.rows;
    CULL_TRY(cull_compute_fit(cx, cull_method_find("cascade", NULL), NULL, &p, &policy));
    cull_status status = cull_compute_apply(cx, policy, NULL, &second.rows, &d);
    for (int64_t i = 0; status == CULL_OK && i < HALF; i++) {
        cost[i] = d.cost[i];
        right[i] = d.label[i] == s->truth[HALF + i];
    }
    cull_decisions_free(&d);
    cull_policy_free(policy);
    return status;
}

static cull_status figure(cull_ctx *cx, cull_interval_of of, const double *a, const double *b,
                          const char *what, cull_claim_result *out)
{
    cull_interval_opts o = {.draws = 1000, .stream = 4100};
    cull_interval_found v;
    CULL_TRY(cull_interval_rows(cx, of, a, b, HALF, &o, &v));
    cull__claim_add_figure(out, what, v.value, v.lo, v.hi);
    return CULL_OK;
}

/* What is saved of the dearest network's cost, and what is lost of its accuracy. */
static cull_status as_good(cull_ctx *cx, const scores *s, const int *net, int nets,
                           const char *const *what, cull_claim_result *out)
{
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    double *cost, *right, *alone;
    CULL_TRY(CULL_TMP(cx, cost, HALF));
    CULL_TRY(CULL_TMP(cx, right, HALF));
    CULL_TRY(CULL_TMP(cx, alone, HALF));
    p.target = right_share(s, NETS - 1, 0);
    CULL_TRY(cascade(cx, s, net, nets, &p, cost, right));
    for (int64_t i = 0; i < HALF; i++) {
        cost[i] = 1 - cost[i] / s->macs[NETS - 1];
        alone[i] = s->label[NETS - 1][HALF + i] == s->truth[HALF + i];
    }
    CULL_TRY(figure(cx, CULL_OF_MEAN, cost, NULL, what[0], out));
    return figure(cx, CULL_OF_DIFFERENCE, right, alone, what[1], out);
}

/* For the cost of each network: how much more often the cascade is right. */
static cull_status for_the_same(cull_ctx *cx, const scores *s, const int *net, int nets,
                                const char *const *what, cull_claim_result *out)
{
    double *cost, *right, *alone;
    CULL_TRY(CULL_TMP(cx, cost, HALF));
    CULL_TRY(CULL_TMP(cx, right, HALF));
    CULL_TRY(CULL_TMP(cx, alone, HALF));
    for (int k = 1; k < NETS; k++) {
        cull_compute_problem p = CULL_COMPUTE_PROBLEM;
        p.budget = s->macs[k];
        CULL_TRY(cull__tick(cx, k, NETS));
        CULL_TRY(cascade(cx, s, net, nets, &p, cost, right));
        for (int64_t i = 0; i < HALF; i++) alone[i] = s->label[k][HALF + i] == s->truth[HALF + i];
        CULL_TRY(figure(cx, CULL_OF_DIFFERENCE, right, alone, what[k - 1], out));
    }
    return CULL_OK;
}

static cull_status judge(cull_ctx *cx, const char *path, cull_claim_result *out)
{
    static const int all[NETS] = {0, 1, 2, 3}, ends[2] = {0, NETS - 1};
    static const char *const of_all[] = {
        "ResNets: cost saved by a cascade of four as good as ResNet-56",
        "ResNets: its accuracy less that of ResNet-56"};
    static const char *const of_ends[] = {
        "ResNets: cost saved by a cascade of ResNet-20 and 56 alone",
        "ResNets: its accuracy less that of ResNet-56"};
    static const char *const at_cost[] = {
        "ResNets: accuracy of a cascade of four less that of ResNet-32, at its cost",
        "ResNets: accuracy of a cascade of four less that of ResNet-44, at its cost",
        "ResNets: accuracy of a cascade of four less that of ResNet-56, at its cost"};
    static const char *const of_two[] = {
        "ResNets: accuracy of ResNet-20 and 56 less that of ResNet-32, at its cost",
        "ResNets: accuracy of ResNet-20 and 56 less that of ResNet-44, at its cost",
        "ResNets: accuracy of ResNet-20 and 56 less that of ResNet-56, at its cost"};
    scores s;
    CULL_TRY(read_scores(cx, path, &s));
    CULL_TRY(as_good(cx, &s, all, NETS, of_all, out));
    CULL_TRY(as_good(cx, &s, ends, 2, of_ends, out));
    CULL_TRY(for_the_same(cx, &s, all, NETS, at_cost, out));
    return for_the_same(cx, &s, ends, 2, of_two, out);
}

cull_status cull__resnet_cascades(cull_ctx *cx, const char *dir, bool *there,
                                  cull_claim_result *out)
{
    char path[512];
    int n = snprintf(path, sizeof path, "%s/cifar10/resnet_jpeg_test_scores.npz", dir);
    *there = n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
    if (!*there) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = judge(cx, path, out);
    cull__release(cx, mark);
    return s;
}
