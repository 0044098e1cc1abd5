/* soft: filters that training sets to 0 after each epoch: which, that they are trained on, and that the cut takes them. */
#include "test.h"

#include "cull/fit.h"
#include "cull/surgery.h"

enum { SIDE = 6, D = SIDE * SIDE, ROWS = 240, VAL = 60, CLASSES = 3, FILTERS = 12 };
static float x[ROWS * D];
static int32_t label[ROWS];
static int64_t row[ROWS];

static const char plain[] =
    "input 6x6x1\noutputs 3\nconv1 = conv(8, 3, pad=1, bias=no)\nrelu\n"
    "conv2 = conv(12, 3, pad=1, bias=no)\nrelu\nglobal_avg_pool\nfc = linear(outputs)\n";
static const char normed[] =
    "input 6x6x1\noutputs 3\nconv1 = conv(8, 3, pad=1, bias=no)\nbn1 = batch_norm\nrelu\n"
    "conv2 = conv(12, 3, pad=1, bias=no)\nbn2 = batch_norm\nrelu\nglobal_avg_pool\n"
    "fc = linear(outputs)\n";

/* Stripes: across, along, neither. */
static int fill(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        row[i] = i;
        label[i] = i % CLASSES;
        for (int k = 0; k < D; k++) {
            int r = k / SIDE, c = k % SIDE,
                on = label[i] == 0   ? r % 2
                     : label[i] == 1 ? c % 2
                                     : (r + c + i) % 3 == 0;
            x[i * D + k] = (float)on + .6f * (float)sin(.7 * k + 1.9 * i * k);
        }
    }
    return 0;
}

typedef struct {
    cull_ctx *cx;
    cull_dataset *set;
    cull_fit_data d;
    cull_model *m;
    cull_fit_opts o;
} fixture;

static void begin(fixture *f, cull_ctx *cx, const char *text)
{
    f->cx = cx;
    ok(cx, cull_dataset_from(cx, x, ROWS, SIDE, SIDE, 1, label, CLASSES, NULL, &f->set));
    f->d = (cull_fit_data){&f->set, 1};
    ok(cx, cull_model_from(cx, text, strlen(text), "net", NULL, &f->m));
    f->o = (cull_fit_opts)CULL_FIT_OPTS;
    f->o.train.optim = (cull_optim_opts){.kind = CULL_SGD, .momentum = .9};
    f->o.train.schedule.lr = .05;
    f->o.train.epochs = 3;
    f->o.train.batch = 30;
    f->o.train.shards = 2;
    f->o.soft_keep = .5;
}

static void end(fixture *f)
{
    cull_model_free(f->m);
    cull_dataset_free(f->set);
    cull_ctx_free(f->cx);
}

static void train(fixture *f)
{
    ok(f->cx, cull_fit(f->cx, f->m, &f->d, row, ROWS - VAL, NULL, 0, &f->o, NULL));
}

static float *filters(const fixture *f, const char *name, int64_t *n, int64_t *each)
{
    cull_params *p = cull_model_params(f->m);
    const cull_param *q = cull_params_at(p, cull_params_find(p, name));
    *n = q->dim[0];
    *each = q->n / q->dim[0];
    return cull_params_value(p) + q->at;
}

static int zeros(const fixture *f, const char *name, bool is[FILTERS])
{
    int64_t n, each;
    int count = 0;
    const float *w = filters(f, name, &n, &each);
    for (int64_t c = 0; c < n; c++) {
        is[c] = true;
        for (int64_t k = 0; k < each; k++) is[c] &= w[c * each + k] == 0;
        count += is[c];
    }
    return count;
}

/* At a rate of 0 nothing but the zeros changes: the filters of least norm, as a plain count finds them. */
static void smallest(void **state)
{
    (void)state;
    fixture f;
    begin(&f, cull_ctx_new(NULL), normed);
    f.o.train.schedule.lr = 0;
    f.o.train.epochs = 1;
    float was[2][FILTERS * 8 * 9];
    int64_t n, each;
    static const char *const name[] = {"conv1.weight", "conv2.weight"};
    for (int k = 0; k < 2; k++) {
        const float *w = filters(&f, name[k], &n, &each);
        assert_true(n * each <= FILTERS * 8 * 9);
        memcpy(was[k], w, (size_t)(n * each) * sizeof *w);
    }
    train(&f);
    for (int k = 0; k < 2; k++) {
        double norm[FILTERS] = {0};
        bool is[FILTERS];
        const float *w = filters(&f, name[k], &n, &each);
        for (int64_t i = 0; i < n * each; i++)
            norm[i / each] += (double)was[k][i] * (double)was[k][i];
        assert_int_equal(zeros(&f, name[k], is), n / 2);
        for (int64_t c = 0; c < n; c++) {
            int smaller = 0;
            for (int64_t e = 0; e < n; e++) smaller += norm[e] < norm[c];
            assert_int_equal(is[c], smaller < n / 2);
            if (!is[c])
                assert_memory_equal(w + c * each, was[k] + c * each, (size_t)each * sizeof *w);
        }
    }
    end(&f);
}

/* Filters at 0 are trained on: of those that the first epoch set to 0 some are among the large ones after the sixth. */
static void trained_on(void **state)
{
    (void)state;
    int changed = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        bool is[2][FILTERS];
        for (int k = 0; k < 2; k++) { /* the second begins as the first */
            fixture f;
            begin(&f, cull_ctx_new(NULL), normed);
            cull_ctx_reseed(f.cx, seed);
            f.o.train.schedule.kind = CULL_LR_CONSTANT;
            f.o.train.epochs = k ? 6 : 1;
            train(&f);
            assert_int_equal(zeros(&f, "conv2.weight", is[k]), FILTERS / 2);
            end(&f);
        }
        for (int c = 0; c < FILTERS; c++) changed += is[0][c] && !is[1][c];
    }
    assert_true(changed > 0);
}

/* The cut of that share takes those at 0, and where nothing follows them, neither bias nor norm, the outputs stay. */
static void cut(void **state)
{
    (void)state;
    fixture f;
    cull_surgery *s;
    cull_model *small;
    double score[64];
    bool keep[64], is[FILTERS];
    float out[2][VAL * CLASSES];
    cull_surgery_target t = CULL_SURGERY_TARGET;
    begin(&f, cull_ctx_new(NULL), plain);
    t.share = f.o.soft_keep = .3;
    t.round = 1;
    train(&f);
    ok(f.cx, cull_surgery_new(f.cx, f.m, &s));
    ok(f.cx, cull_surgery_score(f.cx, s, CULL_CHANNEL_L2, score));
    ok(f.cx, cull_surgery_choose(f.cx, s, score, &t, keep));
    assert_int_equal(zeros(&f, "conv2.weight", is), FILTERS - 4);
    cull_channel_group g = cull_surgery_group(s, cull_surgery_find(s, "conv2", NULL));
    for (int c = 0; c < FILTERS; c++) assert_int_equal(keep[g.first + c], !is[c]);
    ok(f.cx, cull_surgery_cut(f.cx, s, keep, &small));
    for (int k = 0; k < 2; k++)
        ok(f.cx, cull_fit_predict(f.cx, k ? small : f.m, &f.d, row + ROWS - VAL, VAL,
                                  CULL_FIT_CLASSES, 20, out[k], NULL));
    for (int i = 0; i < VAL * CLASSES; i++) assert_true(fabsf(out[0][i] - out[1][i]) < 1e-5f);
    cull_model_free(small);
    cull_surgery_free(s);
    end(&f);
}

static void threads(void **state)
{
    (void)state;
    fixture f[2];
    for (int k = 0; k < 2; k++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = 1 + 2 * k;
        begin(&f[k], cull_ctx_new(&o), normed);
        train(&f[k]);
    }
    int64_t n, each;
    const float *a = filters(&f[0], "conv2.weight", &n, &each);
    assert_memory_equal(a, filters(&f[1], "conv2.weight", &n, &each),
                        (size_t)(n * each) * sizeof *a);
    for (int k = 0; k < 2; k++) end(&f[k]);
}

/* Where any allocation fails, nothing stays. */
static void no_memory(void **state)
{
    (void)state;
    hooks h = {0};
    fixture f;
    begin(&f, hooked_ctx(&h, 1), plain);
    f.o.train.epochs = 1;
    long live = h.live;
    for (long k = 1, reached = 1; reached; k++) {
        h.fail_at = h.calls + k;
        cull_status s = cull_fit(f.cx, f.m, &f.d, row, ROWS - VAL, NULL, 0, &f.o, NULL);
        reached = h.calls >= h.fail_at;
        assert_int_equal(s, reached ? CULL_ENOMEM : CULL_OK);
        h.fail_at = 0;
        if (reached) assert_true(h.live <= live + 2); /* blocks of the ctx itself */
    }
    end(&f);
    assert_int_equal(h.live, 0);
}

static void refusals(void **state)
{
    (void)state;
    fixture f;
    begin(&f, cull_ctx_new(NULL),
          "input 36\noutputs 3\na = linear(8)\nrelu\nfc = linear(outputs)\n");
    refused(f.cx, cull_fit(f.cx, f.m, &f.d, row, ROWS, NULL, 0, &f.o, NULL), CULL_EINPUT,
            "all but 0.5 of the filters are to be set to 0, and the model has no convolution");
    f.o.soft_keep = 1.5;
    refused(f.cx, cull_fit(f.cx, f.m, &f.d, row, ROWS, NULL, 0, &f.o, NULL), CULL_EOPTION,
            "a share of filters of 1.5 is outside 0 to 1");
    f.o.soft_keep = .5;
    f.o.train.ema = .9;
    refused(f.cx, cull_fit(f.cx, f.m, &f.d, row, ROWS, NULL, 0, &f.o, NULL), CULL_EOPTION,
            "soft_keep and ema exclude each other");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest), cmocka_unit_test(trained_on), cmocka_unit_test(cut),
        cmocka_unit_test(threads),  cmocka_unit_test(no_memory),  cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
