/* jei_dnn_rows.c - a small network of Fashion-MNIST trained, frozen and tapped (jei_dnn.h).
 *
 * Of the network only its size was given: four layers, taps of 64 numbers. What else it is was settled on seeds from 101 on, by what it
 * costs to train: filters of 3 x 3, 16, 32, 64 and 64, the first three of stride 2; five epochs of SGD in batches of 64 (of 128
 * its accuracy was three points lower). Taps of 16 and 32 channels are means over 2 x 2 and 2 x 1 parts of the image, the one of
 * 64 over all of it. */
#include "claim/jei_dnn.h"
#include "cull/fit.h"

#include <string.h>

enum {
    SIDE = CULL__FASHION_SIDE,
    PIXELS = SIDE * SIDE,
    CLASSES = CULL__JEI_CLASSES,
    EXITS = 3,
    WIDE = 64,
    TRAIN = 20000,
    VAL = 2000,
    TEST = 5000,
    ROWS = TRAIN + VAL + TEST
};
static const char NETWORK[] = "input 28x28x1\n"
                              "outputs 10\n"
                              "conv1 = conv(16, 3, stride=2, pad=1)\n"
                              "tap1 = relu\n"
                              "conv2 = conv(32, 3, stride=2, pad=1)\n"
                              "tap2 = relu\n"
                              "conv3 = conv(64, 3, stride=2, pad=1)\n"
                              "tap3 = relu\n"
                              "conv4 = conv(64, 3, pad=1)\n"
                              "relu\n"
                              "global_avg_pool\n"
                              "fc = linear(outputs)\n";
static const char *const TAP[EXITS] = {"tap1", "tap2", "tap3"};
static const int PARTS[EXITS][2] = {{2, 2}, {2, 1}, {1, 1}}; /* of height and width */

/* ---- images ---- */
static cull_status draw(cull_ctx *cx, const cull__images *f, float *x, int32_t *y)
{
    int64_t n = cull_pool_n(f->train), tests = cull_pool_n(f->test), *train, *test;
    float *buf;
    cull_rng r = cull__rng(cx, 1000);
    if (n < TRAIN + VAL || tests < TEST)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: there must be %d images to train on and %d to judge by, or more",
                          cull_pool_name(f->train), TRAIN + VAL, TEST);
    CULL_TRY(CULL_TMP(cx, buf, PIXELS));
    CULL_TRY(CULL_TMP(cx, train, n));
    CULL_TRY(CULL_TMP(cx, test, tests));
    for (int64_t i = 0; i < n; i++) train[i] = i;
    for (int64_t i = 0; i < tests; i++) test[i] = i;
    cull__rng_shuffle(&r, train, n);
    cull__rng_shuffle(&r, test, tests);
    for (int64_t i = 0; i < ROWS; i++) {
        bool of_train = i < TRAIN + VAL;
        int64_t row = of_train ? train[i] : test[i - TRAIN - VAL];
        const float *v = cull_pool_rows(of_train ? f->train : f->test, row, row + 1, buf);
        for (int64_t j = 0; j < PIXELS; j++) x[i * PIXELS + j] = v[j] * (1.f / 255);
        y[i] = of_train ? f->y[row] : f->test_y[row];
    }
    return CULL_OK;
}

/* ---- the network ---- */
static cull_status train(cull_ctx *cx, const float *x, const int32_t *y, cull_model *m)
{
    int64_t *row;
    cull_dataset *set;
    cull_fit_opts o = CULL_FIT_OPTS;
    o.train.optim.kind = CULL_SGD;
    o.train.optim.momentum = .9;
    o.train.optim.decay = 5e-4;
    o.train.schedule.kind = CULL_LR_COSINE;
    o.train.schedule.lr = .05;
    o.train.epochs = 5;
    o.train.batch = 64;
    o.train.shards = 2;
    o.train.last = true;
    CULL_TRY(CULL_TMP(cx, row, TRAIN));
    for (int64_t i = 0; i < TRAIN; i++) row[i] = i;
    CULL_TRY(cull_dataset_from(cx, x, TRAIN, SIDE, SIDE, 1, y, CLASSES, NULL, &set));
    cull_fit_data d = {&set, 1};
    cull_status s = cull_fit_scaling(cx, m, &d, row, TRAIN);
    if (s == CULL_OK) s = cull_fit(cx, m, &d, row, TRAIN, NULL, 0, &o, NULL);
    cull_dataset_free(set);
    return s;
}

/* Means over parts of an image v (high, wide, channels). */
static void pool(const float *v, int64_t high, int64_t wide, int64_t channels, const int *parts,
                 float *out)
{
    for (int a = 0; a < parts[0]; a++)
        for (int b = 0; b < parts[1]; b++, out += channels) {
            int64_t top = high * a / parts[0], end = high * (a + 1) / parts[0];
            int64_t left = wide * b / parts[1], right = wide * (b + 1) / parts[1];
            for (int64_t c = 0; c < channels; c++) out[c] = 0;
            for (int64_t i = top; i < end; i++)
                for (int64_t j = left; j < right; j++)
                    for (int64_t c = 0; c < channels; c++)
                        out[c] += v[(i * wide + j) * channels + c];
            for (int64_t c = 0; c < channels; c++) out[c] /= (float)((end - top) * (right - left));
        }
}

typedef struct {
    const cull_model *m;
    cull_params *params;
    const float *x;
    cull__jei_rows *out;
} tapping;

static void taps_of(const tapping *a, cull_var *const *tap, int64_t lo, int64_t n)
{
    for (int l = 0; l < EXITS; l++) {
        const cull_var *v = tap[cull_model_find(a->m, TAP[l])];
        int64_t high = cull_var_dim(v, 1), wide = cull_var_dim(v, 2), c = cull_var_dim(v, 3);
        for (int64_t i = 0; i < n; i++)
            pool(cull_var_value(v) + i * high * wide * c, high, wide, c, PARTS[l],
                 a->out->x[l] + (lo + i) * WIDE);
    }
    const cull_var *last = tap[cull_model_layers(a->m) - 1];
    memcpy(a->out->logit + lo * CLASSES, cull_var_value(last),
           (size_t)(n * CLASSES) * sizeof(float));
}

static cull_status tap_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const tapping *a = arg;
    const float *mean, *std;
    int64_t n = hi - lo, dim[4] = {n, SIDE, SIDE, 1};
    float *x;
    cull_var **tap;
    cull_tape *t;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, n * PIXELS));
    CULL_TRY(CULL_TMP(cx, tap, cull_model_layers(a->m)));
    bool scaled = cull_model_scaling(a->m, &mean, &std);
    for (int64_t i = 0; i < n * PIXELS; i++)
        x[i] = (a->x[lo * PIXELS + i] - (scaled ? *mean : 0)) / (scaled ? *std : 1);
    CULL_TRY(cull_tape_new(cx, a->params, &t));
    cull_tape_reset(t, cx, 0, 0);
    cull_model_forward(a->m, t, cull_nn_input(t, 4, dim, x, false), tap);
    cull_status s = cull_tape_status(t);
    if (s == CULL_OK) taps_of(a, tap, lo, n);
    cull_tape_free(t);
    return s;
}

static void count(const cull_model *m, double *macs)
{
    double sum = 0;
    for (int i = 0, l = 0; i < cull_model_layers(m); i++) {
        sum += cull_model_count(m, i).macs;
        if (l < EXITS && i == cull_model_find(m, TAP[l])) macs[l++] = sum;
    }
    macs[EXITS] = sum;
}

static cull_status room(cull_ctx *cx, cull__jei_rows *r)
{
    int64_t rows = r->train + r->val + r->test;
    for (int l = 0; l < r->exits; l++) CULL_TRY(CULL_TMP(cx, r->x[l], rows * r->d[l]));
    CULL_TRY(CULL_TMP(cx, r->logit, rows * CLASSES));
    return CULL_TMP(cx, r->truth, rows);
}

static void judge(cull__jei_rows *r)
{
    int64_t right = 0;
    for (int64_t i = r->train + r->val; i < r->train + r->val + r->test; i++) {
        int best = 0;
        const float *z = r->logit + i * CLASSES;
        for (int c = 1; c < CLASSES; c++) best = z[c] > z[best] ? c : best;
        right += best == (int)r->truth[i];
    }
    r->right = (double)right / (double)r->test;
}

cull_status cull__jei_fashion(cull_ctx *cx, const cull__images *f, cull__jei_rows *out)
{
    enum { BLOCK = 250 };
    float *x;
    int32_t *y;
    cull_model *m;
    *out = (cull__jei_rows){.train = TRAIN, .val = VAL, .test = TEST, .exits = EXITS};
    for (int l = 0; l < EXITS; l++) out->d[l] = WIDE;
    CULL_TRY(room(cx, out));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, x, (int64_t)ROWS * PIXELS));
    CULL_TRY(CULL_TMP(cx, y, ROWS));
    CULL_TRY(draw(cx, f, x, y));
    for (int64_t i = 0; i < ROWS; i++) out->truth[i] = y[i];
    CULL_TRY(cull_model_from(cx, NETWORK, sizeof NETWORK - 1, "the network", NULL, &m));
    cull_status s = train(cx, x, y, m);
    tapping a = {m, cull_model_params(m), x, out};
    if (s == CULL_OK) s = cull__for(cx, ROWS, BLOCK, tap_some, &a);
    count(m, out->macs);
    cull_model_free(m);
    cull__release(cx, mark);
    if (s == CULL_OK) judge(out);
    return s;
}
