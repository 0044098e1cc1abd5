/* rethinking-pruning's check: a network whose filters are pruned by size, fine-tuned, beside the same small network
 * trained from scratch.
 *
 * Fashion-MNIST at 14 x 14 (means of 2 x 2 pixels), 6000 images to train on and 3000 to test. Convolutions of 24, 48 and
 * 48 filters, cut to 10, 20 and 20 by the sum of |w|. Fine-tunes are of a quarter of the schedule at a hundredth and a
 * tenth of the rate, and the better one on the test images counts, which favours them. */
#include "claim/claim.h"
#include "cull/surgery_audit.h"

#include <string.h>

enum { FROM = CULL__FASHION_SIDE, SIDE = 14, PIXELS = SIDE * SIDE, TRAIN = 6000, TEST = 3000 };
enum { ROWS = TRAIN + TEST, MOST = 64, EPOCHS = 8 };

static const char text[] =
    "model fm14\ninput 14x14x1\noutputs 10\n"
    "conv1 = conv(24, 3, pad=1, bias=no)\nbn1 = batch_norm\nrelu\nmax_pool(2)\n"
    "conv2 = conv(48, 3, pad=1, bias=no)\nbn2 = batch_norm\nrelu\nmax_pool(2)\n"
    "conv3 = conv(48, 3, pad=1, bias=no)\nbn3 = batch_norm\nrelu\n"
    "global_avg_pool\nfc = linear(outputs)\n";

typedef struct {
    float *x;
    int32_t *y;
    int64_t *row; /* those to train on, then those to test */
    cull_dataset *set;
} table;

static void shrink(const float *image, float *out)
{
    for (int i = 0; i < PIXELS; i++) {
        const float *at = image + 2 * (i / SIDE) * FROM + 2 * (i % SIDE);
        out[i] = (at[0] + at[1] + at[FROM] + at[FROM + 1]) / (4 * 255);
    }
}

static cull_status take(cull_ctx *cx, const cull_pool *p, const int32_t *y, cull_rng *r, int64_t n,
                        float *x, int32_t *label)
{
    int64_t all = cull_pool_n(p), *order;
    float image[FROM * FROM];
    CULL_TRY(CULL_TMP(cx, order, all));
    for (int64_t i = 0; i < all; i++) order[i] = i;
    cull__rng_shuffle(r, order, all);
    for (int64_t i = 0; i < n; i++) {
        shrink(cull_pool_rows(p, order[i], order[i] + 1, image), x + i * PIXELS);
        label[i] = y[order[i]];
    }
    return CULL_OK;
}

static cull_status draw(cull_ctx *cx, const cull__images *f, table *t)
{
    cull_rng r = cull__rng(cx, 1400);
    CULL_TRY(CULL_TMP(cx, t->x, ROWS * PIXELS));
    CULL_TRY(CULL_TMP(cx, t->y, ROWS));
    CULL_TRY(CULL_TMP(cx, t->row, ROWS));
    for (int64_t i = 0; i < ROWS; i++) t->row[i] = i;
    CULL_TRY(take(cx, f->train, f->y, &r, TRAIN, t->x, t->y));
    CULL_TRY(take(cx, f->test, f->test_y, &r, TEST, t->x + TRAIN * PIXELS, t->y + TRAIN));
    return cull_dataset_from(cx, t->x, ROWS, SIDE, SIDE, 1, t->y, 10, NULL, &t->set);
}

/* The paper's schedule, shorter: momentum 0.9, decay 1e-4, batches of 64, a tenth at half and at three quarters. */
static cull_fit_opts schedule(void)
{
    static const double milestone[] = {0.5, 0.75};
    cull_fit_opts o = CULL_FIT_OPTS;
    o.train.optim.kind = CULL_SGD;
    o.train.optim.momentum = 0.9;
    o.train.optim.decay = 1e-4;
    o.train.schedule.kind = CULL_LR_STEP;
    o.train.schedule.lr = 0.05;
    o.train.schedule.milestone = milestone;
    o.train.schedule.milestones = 2;
    o.train.epochs = EPOCHS;
    o.train.batch = 64;
    return o;
}

static cull_status cut_and_audit(cull_ctx *cx, cull_model *m, const table *t,
                                 const cull_audit_opts *o, cull_audit *out)
{
    static const char *const name[] = {"conv1", "conv2", "conv3"};
    static const int64_t left[] = {10, 20, 20};
    const cull_fit_data d = {&t->set, 1};
    cull_surgery *s;
    double *score;
    int64_t *width;
    bool *keep;
    CULL_TRY(cull_surgery_new(cx, m, &s));
    cull_status status = CULL_TMP(cx, score, cull_surgery_units(s));
    if (status == CULL_OK) status = CULL_TMP(cx, keep, cull_surgery_units(s));
    if (status == CULL_OK) status = CULL_TMP(cx, width, cull_surgery_groups(s));
    if (status == CULL_OK) {
        for (int g = 0; g < cull_surgery_groups(s); g++) width[g] = -1;
        for (int i = 0; i < 3; i++) width[cull_surgery_find(s, name[i], NULL)] = left[i];
        status = cull_surgery_score(cx, s, CULL_CHANNEL_L1, score);
    }
    if (status == CULL_OK) status = cull_surgery_widths(cx, s, score, width, keep);
    if (status == CULL_OK)
        status =
            cull_surgery_audit(cx, s, m, keep, &d, t->row, TRAIN, t->row + TRAIN, TEST, o, out);
    cull_surgery_free(s);
    return status;
}

static cull_status one_seed(cull_ctx *cx, const table *t, cull_audit *out)
{
    const cull_fit_data d = {&t->set, 1};
    cull_audit_opts o = CULL_AUDIT_OPTS;
    cull_model *m;
    o.fit = schedule();
    CULL_TRY(cull_model_from(cx, text, strlen(text), "fm14", NULL, &m));
    cull_status s = cull_fit_scaling(cx, m, &d, t->row, TRAIN);
    if (s == CULL_OK) s = cull_fit(cx, m, &d, t->row, TRAIN, NULL, 0, &o.fit, NULL);
    if (s == CULL_OK) s = cut_and_audit(cx, m, t, &o, out);
    cull_model_free(m);
    return s;
}

/* The rows of an audit in the order of the figures. */
enum { WHOLE, PRUNED, HUNDREDTH, TENTH, FULL, EQUAL, BUDGET, FIGURES };

static void put(const cull_audit *a, double v[FIGURES][MOST], int i)
{
    for (int k = 0; k < a->rows; k++) {
        const cull_audit_row *r = a->row + k;
        int to = r->kind == CULL_AUDIT_WHOLE        ? WHOLE
                 : r->kind == CULL_AUDIT_PRUNED     ? PRUNED
                 : r->kind == CULL_AUDIT_TUNED_FULL ? FULL
                 : r->kind == CULL_AUDIT_SCRATCH_E  ? EQUAL
                 : r->kind == CULL_AUDIT_SCRATCH_B  ? BUDGET
                 : r->rate < 0.001                  ? HUNDREDTH
                                                    : TENTH;
        v[to][i] = r->accuracy;
    }
}

static void report(double v[FIGURES][MOST], int seeds, cull_claim_result *out)
{
    static const char *const what[] = {
        "accuracy, the whole network",
        "accuracy, pruned, not trained",
        "accuracy, fine-tuned for 2 epochs at a hundredth of the rate",
        "accuracy, fine-tuned for 2 epochs at a tenth of the rate",
        "accuracy, fine-tuned by the full schedule of 8 epochs",
        "accuracy, scratch-E, 8 epochs",
        "accuracy, scratch-B, 16 epochs"};
    double d[MOST];
    for (int i = 0; i < seeds; i++) {
        double tuned = v[TENTH][i] > v[HUNDREDTH][i] ? v[TENTH][i] : v[HUNDREDTH][i];
        d[i] = v[EQUAL][i] > tuned;
    }
    cull__claim_line(out, "scratch-E above the better fine-tune, share of the seeds", d, false, 0.8,
                     false);
    for (int i = 0; i < seeds; i++) d[i] = v[BUDGET][i] - v[WHOLE][i];
    cull__claim_line(out, "accuracy, scratch-B less the whole network", d, false, -0.01, false);
    for (int k = 0; k < FIGURES; k++) cull__claim_figure(out, what[k], v[k]);
    for (int i = 0; i < seeds; i++) d[i] = v[EQUAL][i] - v[FULL][i];
    cull__claim_figure(out, "accuracy, scratch-E less the fine-tune by the full schedule", d);
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    cull__images im;
    double v[FIGURES][MOST];
    CULL_TRY(cull__fashion_open(cx, data_dir, &im));
    uint64_t first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull_audit a = {0};
        table t = {0};
        cull_ctx_reseed(cx, first + (uint64_t)i);
        cull__span(cx, i, i + 1, seeds);
        s = draw(cx, &im, &t);
        if (s == CULL_OK) s = one_seed(cx, &t, &a);
        cull_dataset_free(t.set);
        cull__release(cx, mark);
        put(&a, v, i);
    }
    cull__span(cx, 0, 0, 0);
    cull__fashion_close(&im);
    CULL_TRY(s);
    report(v, seeds, out);
    out->note = "a fine-tune has a quarter of the training that scratch-E has. By the full "
                "schedule, as long as scratch-E and on "
                "top of the whole network's, it is better than scratch-E here: the paper's claim "
                "is of short fine-tunes. "
                "ImageNet, and single weights instead of filters, where the paper finds scratch "
                "training behind, are not checked";
    return CULL_OK;
}

const cull__claim cull__claim_rethinking_pruning = {
    .about = {.slug = "rethinking-pruning",
              .claim =
                  "a pruned network's weights are worth little: trained from scratch its shape "
                  "does as well as "
                  "fine-tuned, and given as much work as the whole network, as well as that one",
              .setting = "Fashion-MNIST at 14 x 14, 6000 rows; convolutions of 24, 48, 48 filters "
                         "cut to 10, 20, 20 "
                         "by |w|; SGD at 0.05, 8 epochs; 3000 test rows, 5 seeds",
              .package = "dataset-fashion-mnist"},
    .seeds = 5,
    .run = run,
};
