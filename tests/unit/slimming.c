/* slimming: the draw on batch norm scales in the optimiser, against the gradient by hand and by differences; networks
 * that are trained with it and cut. */
#include "test.h"

#include "cull/fit.h"
#include "cull/nn_ops.h"
#include "cull/surgery.h"

/* ---- the step ---- */

enum { W = 5, G = 9 };
static const float gamma_at[G] = {1, -1.5f, 0, .25f, -.001f, 2, -0.f, 3, -.5f};

static cull_params *params(cull_ctx *cx)
{
    cull_params *p;
    int at;
    ok(cx, cull_params_new(cx, &p));
    ok(cx, cull_params_add(p, "w", 1, (int64_t[]){W}, CULL_INIT_CONST, .5, 0, 0, &at));
    ok(cx, cull_params_add(p, "bn.weight", 1, (int64_t[]){G}, CULL_INIT_ZERO, 0, 0,
                           CULL_PARAM_SCALE, &at));
    ok(cx, cull_params_add(p, "v", 1, (int64_t[]){W}, CULL_INIT_CONST, -.5, 0, 0, &at));
    memcpy(cull_params_value(p) + cull_params_at(p, 1)->at, gamma_at, sizeof gamma_at);
    return p;
}

/* Four steps of gradients that change; by_hand: the draw is put into the gradient, not asked for. */
static void four_steps(cull_ctx *cx, cull_params *p, cull_optim_opts o, bool by_hand)
{
    const float s = (float)o.norm_l1;
    const int64_t at = cull_params_at(p, 1)->at;
    float g[64], *v = cull_params_value(p);
    cull_optim *opt;
    if (by_hand) o.norm_l1 = 0;
    ok(cx, cull_optim_new(cx, p, &o, &opt));
    for (int t = 0; t < 4; t++) {
        for (int i = 0; i < 64; i++) g[i] = (float)sin(1.3 * i + .7 * t);
        for (int64_t i = at; by_hand && i < at + G; i++) g[i] += v[i] > 0 ? s : v[i] < 0 ? -s : 0;
        ok(cx, cull_optim_step(cx, opt, (const float *[]){g}, NULL, 1, .1));
    }
    cull_optim_free(opt);
}

/* To the bit, with every optimiser and a mask: what is no scale sees nothing of it, and 0 has no sign. */
static void gradient_by_hand(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int kind = CULL_SGD; kind <= CULL_ADAMW; kind++)
        for (int masked = 0; masked < 2; masked++) {
            cull_params *p[2] = {params(cx), params(cx)};
            cull_optim_opts o = CULL_OPTIM_OPTS;
            float mask[64];
            o.kind = (cull_optim_kind)kind;
            o.momentum = .9;
            o.norm_l1 = .25;
            for (int i = 0; i < 64; i++) mask[i] = i % 4 != 1;
            for (int k = 0; k < 2; k++) {
                ok(cx, cull_params_mask(p[k], masked ? mask : NULL));
                four_steps(cx, p[k], o, k);
            }
            for (int i = 0; i < 3; i++) { /* gaps between tensors are nobody's */
                const cull_param *q = cull_params_at(p[0], i);
                assert_memory_equal(cull_params_value(p[0]) + q->at,
                                    cull_params_value(p[1]) + q->at, (size_t)q->n * sizeof(float));
            }
            for (int k = 0; k < 2; k++) cull_params_free(p[k]);
        }
    cull_ctx_free(cx);
}

/* Clipping is of the loss's gradient alone, and decay stands beside the draw. */
static void behind_clipping(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_params *p = params(cx);
    cull_optim_opts o = {.kind = CULL_SGD, .decay = .5, .clip_value = .125, .norm_l1 = 2};
    cull_optim *opt;
    float g[64];
    for (int i = 0; i < 64; i++) g[i] = 100;
    ok(cx, cull_optim_new(cx, p, &o, &opt));
    ok(cx, cull_optim_step(cx, opt, (const float *[]){g}, NULL, 1, .5));
    const float *v = cull_params_value(p) + cull_params_at(p, 1)->at;
    for (int i = 0; i < G; i++) {
        float was = gamma_at[i], sign = was > 0 ? 1 : was < 0 ? -1 : 0;
        assert_true(v[i] == was - .5f * (.125f + .5f * was + 2 * sign));
    }
    assert_true(cull_params_value(p)[0] == .5f - .5f * (.125f + .25f));
    cull_optim_free(opt);
    o.norm_l1 = -1;
    refused(cx, cull_optim_new(cx, p, &o, &opt), CULL_EOPTION, "norm_l1 of the optimiser is -1");
    o.norm_l1 = INFINITY;
    refused(cx, cull_optim_new(cx, p, &o, &opt), CULL_EOPTION, "norm_l1 of the optimiser is inf");
    cull_params_free(p);
    cull_ctx_free(cx);
}

/* ---- networks ---- */

enum { ROWS = 600, VAL = 300, D = 8, WIDE = 32, CLASSES = 3 };
static float x[ROWS * D];
static int32_t label[ROWS];
static int64_t row[ROWS];
static const char net[] = "input 8\noutputs 3\na = linear(32, bias=no)\nbn1 = batch_norm\nrelu\n"
                          "b = linear(32, bias=no)\nbn2 = batch_norm\nrelu\nfc = linear(outputs)\n";

static int fill(void **state)
{
    (void)state;
    uint32_t s = 11;
    for (int i = 0; i < ROWS; i++) {
        float best = -1e9f;
        row[i] = i;
        for (int k = 0; k < D; k++) {
            s = s * 1664525u + 1013904223u;
            x[i * D + k] = (float)(s >> 8) / 8388608.f - 1;
        }
        for (int k = 0; k < CLASSES; k++) {
            float v = x[i * D + k] * x[i * D + k + 3] + .5f * x[i * D + 6];
            if (v > best) best = v, label[i] = k;
        }
    }
    return 0;
}

static cull_model *make(cull_ctx *cx, const char *text)
{
    cull_model *m;
    ok(cx, cull_model_from(cx, text, strlen(text), "net", NULL, &m));
    return m;
}

/* Loss and gradient of the first 64 rows in training mode. */
static double loss_at(cull_ctx *cx, cull_model *m, float *grad)
{
    cull_tape *t;
    ok(cx, cull_tape_new(cx, cull_model_params(m), &t));
    cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 3);
    cull_var *in = cull_nn_input(t, 2, (int64_t[]){64, D}, x, false);
    cull_var *y = cull_nn_cross_entropy(t, cull_model_forward(m, t, in, NULL), label, NULL, 0);
    ok(cx, cull_tape_status(t));
    double loss = (double)*cull_var_value(y);
    ok(cx, cull_tape_backward(t, y));
    if (grad)
        memcpy(grad, cull_tape_grad(t),
               (size_t)cull_params_size(cull_model_params(m)) * sizeof *grad);
    cull_tape_free(t);
    return loss;
}

/* What a step of SGD goes along is the gradient of the loss plus s |gamma|, by central differences. With shifts of 0
 * the scales turn no relu on or off, and the loss is smooth in them. */
static void by_differences(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, "input 8\noutputs 3\na = linear(32, bias=no)\nbn1 = batch_norm\nrelu\n"
                             "fc = linear(outputs)\n");
    cull_params *p = cull_model_params(m);
    const cull_param *q = cull_params_at(p, cull_params_find(p, "bn1.weight"));
    const double s = .07, h = 1e-2;
    assert_int_equal(q->flags, CULL_PARAM_SCALE);
    float *v = cull_params_value(p), *grad = calloc((size_t)cull_params_size(p), sizeof *grad);
    float was[WIDE];
    double want[WIDE];
    for (int i = 0; i < WIDE; i++) v[q->at + i] = (i % 2 ? -.5f : .5f) - .01f * (float)i;
    for (int i = 0; i < WIDE; i++) {
        float *at = v + q->at + i, mid = was[i] = *at;
        *at = mid + (float)h;
        double up = loss_at(cx, m, NULL) + s * fabs((double)*at);
        *at = mid - (float)h;
        double down = loss_at(cx, m, NULL) + s * fabs((double)*at);
        *at = mid;
        want[i] = (up - down) / (2 * h);
    }
    loss_at(cx, m, grad);
    cull_optim *opt;
    cull_optim_opts o = {.kind = CULL_SGD, .norm_l1 = s};
    ok(cx, cull_optim_new(cx, p, &o, &opt));
    ok(cx, cull_optim_step(cx, opt, (const float *[]){grad}, NULL, 1, 1));
    for (int i = 0; i < WIDE; i++) {
        double step = (double)was[i] - (double)v[q->at + i];
        if (!(fabs(step - want[i]) < 2e-4))
            fail_msg("scale %d: a step of %.6f, and %.6f by differences", i, step, want[i]);
    }
    free(grad);
    cull_optim_free(opt);
    cull_model_free(m);
    cull_ctx_free(cx);
}

typedef struct {
    int small; /* scales below a tenth of the largest one of their layer */
    double whole, cut;
    float value[8192];
} outcome;

static double accuracy(cull_ctx *cx, cull_model *m, const cull_fit_data *d)
{
    static float out[VAL * CLASSES];
    int right = 0;
    ok(cx, cull_fit_predict(cx, m, d, row + ROWS - VAL, VAL, CULL_FIT_CLASSES, 100, out, NULL));
    for (int i = 0; i < VAL; i++) {
        const float *o = out + i * CLASSES;
        int best = o[1] > o[0];
        if (o[2] > o[best]) best = 2;
        right += best == label[ROWS - VAL + i];
    }
    return (double)right / VAL;
}

static int small_scales(cull_model *m)
{
    cull_params *p = cull_model_params(m);
    int small = 0;
    for (int k = 0; k < 2; k++) {
        const cull_param *q =
            cull_params_at(p, cull_params_find(p, k ? "bn2.weight" : "bn1.weight"));
        const float *g = cull_params_value(p) + q->at;
        float most = 0;
        for (int i = 0; i < WIDE; i++) most = fmaxf(most, fabsf(g[i]));
        for (int i = 0; i < WIDE; i++) small += fabsf(g[i]) < most / 10;
    }
    return small;
}

static void train_and_cut(int threads, uint64_t seed, double l1, outcome *out)
{
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, threads);
    cull_ctx_reseed(cx, seed);
    cull_dataset *set;
    ok(cx, cull_dataset_from(cx, x, ROWS, 1, 1, D, label, CLASSES, NULL, &set));
    const cull_fit_data d = {&set, 1};
    cull_model *m = make(cx, net), *cut;
    cull_fit_opts o = CULL_FIT_OPTS;
    o.train.optim = (cull_optim_opts){.kind = CULL_SGD, .momentum = .9, .norm_l1 = l1};
    o.train.schedule.lr = .1;
    o.train.epochs = 60;
    o.train.batch = 50;
    o.train.shards = 2;
    ok(cx, cull_fit(cx, m, &d, row, ROWS - VAL, NULL, 0, &o, NULL));
    size_t size = (size_t)cull_params_size(cull_model_params(m));
    assert_true(size <= sizeof out->value / sizeof *out->value);
    memcpy(out->value, cull_params_value(cull_model_params(m)), size * sizeof(float));
    out->small = small_scales(m);
    out->whole = accuracy(cx, m, &d);
    cull_surgery *s;
    bool keep[256];
    ok(cx, cull_surgery_new(cx, m, &s));
    assert_true(cull_surgery_units(s) <= 256);
    ok(cx, cull_surgery_slim(cx, s, .6, keep));
    ok(cx, cull_surgery_cut(cx, s, keep, &cut));
    out->cut = accuracy(cx, cut, &d);
    cull_surgery_free(s);
    cull_model_free(cut);
    cull_model_free(m);
    cull_dataset_free(set);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Over five seeds: more scales near 0, and after the same share of channels is cut, with no training behind it, more
 * of what the network could do is left. */
static void scales_get_sparse(void **state)
{
    (void)state;
    static outcome o[2];
    double left[2] = {0};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        for (int k = 0; k < 2; k++) {
            train_and_cut(1, seed, k ? 2e-2 : 0, o + k);
            left[k] += o[k].cut / 5;
        }
        assert_true(o[1].small > o[0].small + WIDE / 2);
        assert_true(o[1].cut > o[0].cut);
    }
    assert_true(left[1] > left[0] + .2);
}

static void threads(void **state)
{
    (void)state;
    static outcome o[2]; /* zeros behind the parameters */
    for (int i = 0; i < 2; i++) train_and_cut(i + 1, 3, 2e-2, o + i);
    assert_memory_equal(o[0].value, o[1].value, sizeof o[0].value);
}

/* A model that has no batch norm is told so. */
static void refusal(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *set;
    cull_model *m = make(cx, "input 8\noutputs 3\nfc = linear(outputs)\n");
    cull_fit_opts o = CULL_FIT_OPTS;
    ok(cx, cull_dataset_from(cx, x, ROWS, 1, 1, D, label, CLASSES, NULL, &set));
    const cull_fit_data d = {&set, 1};
    o.train.optim.norm_l1 = 1e-4;
    refused(cx, cull_fit(cx, m, &d, row, ROWS, NULL, 0, &o, NULL), CULL_EINPUT,
            "drawn to 0 by 0.0001, and the model has no batch norm");
    cull_model_free(m);
    cull_dataset_free(set);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_by_hand), cmocka_unit_test(behind_clipping),
        cmocka_unit_test(by_differences),   cmocka_unit_test(scales_get_sparse),
        cmocka_unit_test(threads),          cmocka_unit_test(refusal),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
