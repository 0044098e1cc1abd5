/* model_fit: a model trained on data sets: scaling, splits, branches, bits, refusals; forward passes. */
#include "files.h"

#include "cull/fit.h"
#include "cull/nn_ops.h"
#include "cull/report.h"

enum { ROWS = 240 };
static float x[ROWS * 2], images[ROWS * 3 * 4 * 2];
static int32_t label[ROWS];

static void fill(void)
{
    uint32_t s = 7;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < 2; k++) {
            s = s * 1664525u + 1013904223u;
            x[2 * i + k] = (float)(s >> 8) / 16777216.f * 6 + 10 * (float)k;
        }
        label[i] = x[2 * i] + 10 > x[2 * i + 1];
    }
    for (int i = 0; i < ROWS * 24; i++) {
        s = s * 1664525u + 1013904223u;
        images[i] = (float)(s >> 8) / 16777216.f;
    }
}

static cull_model *make(cull_ctx *cx, const char *text)
{
    cull_model *m;
    ok(cx, cull_model_from(cx, text, strlen(text), "net.model", NULL, &m));
    return m;
}

static const char net[] = "input 2\noutputs 2\na = linear(6)\nrelu\nb = linear(outputs)\n";

static cull_fit_opts opts(void)
{
    cull_fit_opts o = CULL_FIT_OPTS;
    o.train.epochs = 40;
    o.train.batch = 40;
    o.train.shards = 3;
    o.train.schedule.lr = 0.05;
    o.train.by_metric = true;
    return o;
}

/* Two sets count as one; it learns; one thread = two, to the bit. */
static void learns(void **state)
{
    (void)state;
    float *last = NULL;
    size_t size = 0;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_dataset *set[2];
        cull_history history;
        int64_t row[ROWS], val;
        float out[ROWS * 2];
        double mean;
        ok(cx, cull_dataset_from(cx, x, 100, 1, 1, 2, label, 2, NULL, &set[0]));
        ok(cx, cull_dataset_from(cx, x + 200, ROWS - 100, 1, 1, 2, label + 100, 2, NULL, &set[1]));
        const cull_fit_data d = {set, 2};
        cull_model *m = make(cx, net);
        const cull_fit_opts o = opts();
        ok(cx, cull_fit_split(cx, ROWS, 0.25, row, &val));
        assert_int_equal(val, 60);
        bool seen[ROWS] = {0};
        for (int i = 0; i < ROWS; i++) seen[row[i]] = true;
        for (int i = 0; i < ROWS; i++) assert_true(seen[i]);
        for (int i = 1; i < ROWS; i++) assert_true(i == ROWS - val || row[i] > row[i - 1]);
        ok(cx, cull_fit_scaling(cx, m, &d, row, ROWS - val));
        ok(cx, cull_fit(cx, m, &d, row, ROWS - val, row + ROWS - val, val, &o, &history));
        assert_int_equal(history.epochs, 40);
        assert_true(history.metric[history.best] > 0.93);
        ok(cx, cull_fit_predict(cx, m, &d, NULL, 0, CULL_FIT_CLASSES, 64, out, &mean));
        int right = 0;
        for (int i = 0; i < ROWS; i++) right += (out[2 * i + 1] > out[2 * i]) == label[i];
        assert_true(right > 220 && mean < 0.3);
        size = (size_t)cull_params_size(cull_model_params(m)) * sizeof(float);
        const float *v = cull_params_value(cull_model_params(m));
        if (last) assert_memory_equal(last, v, size);
        if (!last) assert_non_null(last = malloc(size));
        memcpy(last, v, size);
        cull_history_free(&history);
        cull_model_free(m);
        cull_dataset_free(set[0]);
        cull_dataset_free(set[1]);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    free(last);
}

/* Stopped again and again, and gone on with from its folder: the bits of one that was left alone. */
static void goes_on(void **state)
{
    (void)state;
    float *want = NULL;
    size_t size = 0;
    int stops = 0;
    bool done = false;
    char dir[512];
    snprintf(dir, sizeof dir, "%s", in_dir("kept"));
    for (long at = 0; !done; at += 40) { /* first without a folder and a stop */
        hooks h = {.stop_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_dataset *set;
        ok(cx, cull_dataset_from(cx, x, ROWS, 1, 1, 2, label, 2, NULL, &set));
        const cull_fit_data d = {&set, 1};
        cull_model *m = make(cx, net);
        cull_fit_opts o = opts();
        o.train.by_metric = false;
        o.train.epochs = 6;
        o.checkpoint = at ? dir : NULL;
        cull_status s = cull_fit(cx, m, &d, NULL, ROWS, NULL, 0, &o, NULL);
        assert_true(s == CULL_OK || s == CULL_ECANCEL);
        size = (size_t)cull_params_size(cull_model_params(m)) * sizeof(float);
        const float *v = cull_params_value(cull_model_params(m));
        if (s == CULL_OK && at) assert_memory_equal(want, v, size);
        if (!at) {
            ok(cx, s);
            assert_non_null(want = malloc(size));
            memcpy(want, v, size);
        }
        done = at && s == CULL_OK;
        stops += s == CULL_ECANCEL;
        cull_model_free(m);
        cull_dataset_free(set);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(stops > 0);
    free(want);
    rmdir(dir);
}

/* Mean and deviation of each channel, against plain sums; a model that says its own keeps it. */
static void scaling(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *set;
    const float *mean, *std;
    ok(cx, cull_dataset_from(cx, images, ROWS, 3, 4, 2, label, 2, NULL, &set));
    const cull_fit_data d = {&set, 1};
    cull_model *m = make(cx, "input 3x4x2\nflatten\na = linear(2)");
    ok(cx, cull_fit_scaling(cx, m, &d, NULL, 0));
    assert_true(cull_model_scaling(m, &mean, &std));
    for (int c = 0; c < 2; c++) {
        double sum = 0, square = 0, n = ROWS * 12;
        for (int i = c; i < ROWS * 24; i += 2) sum += (double)images[i];
        for (int i = c; i < ROWS * 24; i += 2)
            square += ((double)images[i] - sum / n) * ((double)images[i] - sum / n);
        assert_true(fabs((double)mean[c] - sum / n) < 1e-6);
        assert_true(fabs((double)std[c] - sqrt(square / n)) < 1e-6);
    }
    char *text;
    ok(cx, cull_model_text(cx, m, false, &text));
    assert_non_null(strstr(text, "\nmean 0."));
    cull_text_free(text);
    cull_model_free(m);
    m = make(cx, "input 3x4x2\nmean 5\nflatten\na = linear(2)");
    ok(cx, cull_fit_scaling(cx, m, &d, NULL, 0));
    assert_true(cull_model_scaling(m, &mean, &std) && mean[0] == 5);
    cull_model_free(m);
    cull_dataset_free(set);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *set, *bare;
    cull_fit_opts o = opts();
    int64_t row[ROWS], val;
    ok(cx, cull_dataset_from(cx, x, ROWS, 1, 1, 2, label, 2, NULL, &set));
    ok(cx, cull_dataset_from(cx, x, ROWS, 1, 1, 2, NULL, 0, NULL, &bare));
    const cull_fit_data d = {&set, 1}, none = {&bare, 1}, nothing = {NULL, 0};
    cull_model *m = make(cx, net), *wide = make(cx, "input 3\na = linear(2)");
    cull_model *one = make(cx, "input 2\na = linear(1)");
#define FIT(m, d, n) cull_fit(cx, m, d, NULL, n, NULL, 0, &o, NULL)
    o.train.by_metric = false;
    refused(cx, FIT(wide, &d, ROWS), CULL_EINPUT,
            "the data has rows of 1x1x2 and the model takes 3 features");
    refused(cx, FIT(one, &d, ROWS), CULL_EINPUT,
            "the data has labels up to 1 and the model 1 outputs; labels count from 0");
    refused(cx, FIT(m, &none, ROWS), CULL_EINPUT, "the data has no labels");
    refused(cx, FIT(m, &nothing, ROWS), CULL_EINPUT, "there is no data");
    refused(cx, FIT(m, &d, ROWS + 1), CULL_EINPUT, "241 rows are asked for and there are 240");
    row[0] = ROWS;
    refused(cx, cull_fit(cx, m, &d, row, 1, NULL, 0, &o, NULL), CULL_EINPUT,
            "row 240 is asked for");
    o.smoothing = 1;
    refused(cx, FIT(m, &d, ROWS), CULL_EOPTION, "smoothing 1 is outside 0 to 1");
    o.smoothing = 0;
    o.kind = CULL_FIT_NUMBERS;
    refused(cx, FIT(one, &d, ROWS), CULL_EINPUT, "the data has no target");
    o.kind = CULL_FIT_SELF;
    refused(cx, FIT(one, &d, ROWS), CULL_EINPUT, "an autoencoder gives what it takes");
    refused(cx, cull_fit_split(cx, 3, 0.1, row, &val), CULL_EINPUT, "leaves none to train on");
    refused(cx, cull_fit_split(cx, 30, 1, row, &val), CULL_EINPUT, "leaves none to train on");
    refused(cx, cull_fit_predict(cx, m, &d, NULL, 0, CULL_FIT_CLASSES, 0, NULL, NULL), CULL_EOPTION,
            "a batch of 0 rows");
    cull_model_free(m);
    cull_model_free(wide);
    cull_model_free(one);
    cull_dataset_free(set);
    cull_dataset_free(bare);
    cull_ctx_free(cx);
}

/* ---- forward passes ---- */

/* All layers and only what is needed give the same output, with a backward pass to come or not; what a tap
 * hands out is that layer's. */
static void taps(void **state)
{
    (void)state;
    static const char text[] =
        "input 3x4x2\nblock b(c) {\nx = conv(c, 3, pad=1)\nn = batch_norm\n"
        "relu\nresidual n input\nrelu\n}\nc = repeat 2 b(4)\n"
        "s = shortcut(6, 2)\nside = max_pool(3, 2, pad=1) c.0\nd = dropout(0.2) s\n"
        "concat d side\nflatten\nz = linear(3)";
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, text);
    cull_tape *t;
    cull_var *tap[64];
    const int64_t dim[] = {5, 3, 4, 2};
    float y[15];
    assert_true(cull_model_layers(m) < 64);
    ok(cx, cull_tape_new(cx, cull_model_params(m), &t));
    for (int mode = 0; mode < 4; mode++) {
        cull_tape_reset(t, cx, mode & 1 ? CULL_TAPE_GRAD : 0, 0);
        cull_var *in = cull_nn_input(t, 4, dim, images, false);
        cull_var *out = cull_model_forward(m, t, in, mode & 2 ? tap : NULL);
        if (!out) fail_msg("%s", cull_error(cx));
        if (!mode) memcpy(y, cull_var_value(out), sizeof y);
        assert_memory_equal(cull_var_value(out), y, sizeof y);
        if (!(mode & 2)) continue;
        assert_ptr_equal(tap[0], in);
        assert_ptr_equal(tap[cull_model_layers(m) - 1], out);
        assert_ptr_equal(tap[cull_model_find(m, "z")], out);
        assert_int_equal(cull_var_dim(tap[cull_model_find(m, "c.1.x")], -1), 4);
        for (int i = 0; i < cull_model_layers(m); i++) {
            cull_model_stat s = cull_model_count(m, i);
            for (int k = 0; k < s.rank; k++)
                assert_int_equal(cull_var_dim(tap[i], k + 1), s.dim[k]);
        }
    }
    cull_tape_reset(t, cx, 0, 0);
    const int64_t wrong[] = {5, 4, 3, 2};
    assert_null(cull_model_forward(m, t, cull_nn_input(t, 4, wrong, images, false), NULL));
    refused(cx, cull_tape_status(t), CULL_EINPUT,
            "the model takes 3x4x2 for each of n examples, and is given (5, 4, 3, 2)");
    cull_tape_free(t);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* Every model of the zoo computes what its shapes say, and every gradient is reached. */
static void whole_zoo(void **state)
{
    (void)state;
    const char *brief, *name;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int i = 0; (name = cull_model_zoo(i, &brief)); i++) {
        cull_model *m;
        cull_tape *t;
        int64_t dim[4] = {2}, out[3], n = 2, outs = 2;
        static const int32_t labels[] = {1, 0};
        ok(cx, cull_model_open(cx, name, NULL, &m));
        int rank = cull_model_input(m, dim + 1);
        for (int k = 0; k < rank; k++) n *= dim[k + 1];
        outs *= (cull_model_output(m, out), out[0]);
        assert_true(n <= (int64_t)(sizeof images / sizeof *images) * 2);
        float *in = calloc((size_t)n, sizeof *in);
        for (int64_t k = 0; k < n; k++) in[k] = images[k % (ROWS * 24)];
        ok(cx, cull_tape_new(cx, cull_model_params(m), &t));
        cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 3);
        cull_var *y = cull_model_forward(m, t, cull_nn_input(t, rank + 1, dim, in, false), NULL);
        ok(cx, cull_tape_status(t));
        assert_int_equal(cull_var_count(y), outs);
        assert_true(cull_tape_macs(t) == 2 * cull_model_totals(m).macs);
        ok(cx, cull_tape_backward(t, cull_nn_cross_entropy(t, y, labels, NULL, 0)));
        const cull_params *p = cull_model_params(m);
        for (int k = 0; k < cull_params_count(p); k++) {
            const cull_param *q = cull_params_at(p, k);
            double sum = 0;
            for (int64_t j = 0; j < q->n; j++) sum += fabs((double)cull_tape_grad(t)[q->at + j]);
            if (!(q->flags & CULL_PARAM_STATE) && !(sum > 0))
                fail_msg("%s: no gradient reaches %s", name, q->name);
        }
        free(in);
        cull_tape_free(t);
        cull_model_free(m);
    }
    cull_ctx_free(cx);
}

static int start(void **state)
{
    fill();
    return make_dir(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns),  cmocka_unit_test(scaling), cmocka_unit_test(refusals),
        cmocka_unit_test(goes_on), cmocka_unit_test(taps),    cmocka_unit_test(whole_zoo),
    };
    return cmocka_run_group_tests(tests, start, drop_dir);
}
