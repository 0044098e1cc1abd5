/* surgery_audit: its rows are what cull_fit gives each network by itself; threads, refusals, memory. */
#include "test.h"

#include "cull/report.h"
#include "cull/surgery_audit.h"

enum { N = 200, VAL = 60, D = 6 };
static const char net[] = "input 6\noutputs 3\na = linear(16)\nbn = batch_norm\nrelu\n"
                          "b = linear(12)\nrelu\nfc = linear(outputs)\n";
static float x[N * D];
static int32_t y[N];
static int64_t row[N];

static void make(void)
{
    for (int i = 0; i < N; i++) {
        double best = -1e9;
        row[i] = i;
        for (int k = 0; k < D; k++)
            x[i * D + k] = (float)((i * 37 + k * 91) * 7919 % 1009) / 504 - 1;
        for (int k = 0; k < 3; k++) {
            double v = (double)x[i * D + k] * (double)x[i * D + 3 + k];
            if (v > best) best = v, y[i] = k;
        }
    }
}

typedef struct {
    cull_ctx *cx;
    cull_dataset *set;
    cull_model *m;
    cull_surgery *s;
    double score[64];
    bool keep[64];
    cull_audit_opts o;
} fixture;

static void begin(fixture *f, cull_ctx *cx)
{
    cull_surgery_target t = CULL_SURGERY_TARGET;
    f->cx = cx;
    make();
    ok(cx, cull_dataset_from(cx, x, N, 1, 1, D, y, 3, NULL, &f->set));
    ok(cx, cull_model_from(cx, net, strlen(net), "net", NULL, &f->m));
    ok(cx, cull_surgery_new(cx, f->m, &f->s));
    ok(cx, cull_surgery_score(cx, f->s, CULL_CHANNEL_L1, f->score));
    t.share = 0.5;
    t.round = 1;
    ok(cx, cull_surgery_choose(cx, f->s, f->score, &t, f->keep));
    f->o = (cull_audit_opts)CULL_AUDIT_OPTS;
    f->o.fit.train.optim.kind = CULL_SGD;
    f->o.fit.train.schedule.lr = 0.2;
    f->o.fit.train.epochs = 6;
    f->o.fit.train.batch = 20;
}

static void end(fixture *f)
{
    cull_surgery_free(f->s);
    cull_model_free(f->m);
    cull_dataset_free(f->set);
}

static cull_status audit(fixture *f, cull_audit *out)
{
    const cull_fit_data d = {&f->set, 1};
    return cull_surgery_audit(f->cx, f->s, f->m, f->keep, &d, row, N - VAL, row + N - VAL, VAL,
                              &f->o, out);
}

/* Loss of the rows that judge after training what keep leaves as asked, by cull_fit alone. */
static double alone(fixture *f, const bool *keep, bool scratch, int64_t epochs, double rate,
                    bool constant)
{
    const cull_fit_data d = {&f->set, 1};
    cull_fit_opts o = f->o.fit;
    cull_model *m;
    float out[VAL * 3];
    double loss;
    ok(f->cx, cull_surgery_cut(f->cx, f->s, keep, &m));
    if (scratch) {
        char *text;
        ok(f->cx, cull_model_text(f->cx, m, false, &text));
        cull_model_free(m);
        ok(f->cx, cull_model_from(f->cx, text, strlen(text), "small", NULL, &m));
        cull_text_free(text);
    }
    o.train.epochs = epochs;
    o.train.schedule.lr = rate;
    if (constant) o.train.schedule.kind = CULL_LR_CONSTANT;
    if (epochs) ok(f->cx, cull_fit(f->cx, m, &d, row, N - VAL, NULL, 0, &o, NULL));
    ok(f->cx, cull_fit_predict(f->cx, m, &d, row + N - VAL, VAL, CULL_FIT_CLASSES, 20, out, &loss));
    cull_model_free(m);
    return loss;
}

static void rows(void **state)
{
    (void)state;
    hooks h = {0};
    fixture f;
    cull_audit a;
    begin(&f, hooked_ctx(&h, 2));
    ok(f.cx, audit(&f, &a));
    assert_int_equal(a.rows, 7);
    static const struct {
        cull_audit_kind kind;
        int64_t epochs;
        double rate;
        bool scratch, constant;
    } want[] = {{CULL_AUDIT_PRUNED, 0, 0, false, false},
                {CULL_AUDIT_TUNED, 1, 0.2 * 0.1, false, true},
                {CULL_AUDIT_TUNED, 1, 0.2 * 0.01, false, true},
                {CULL_AUDIT_TUNED_FULL, 6, 0.2, false, false},
                {CULL_AUDIT_SCRATCH_E, 6, 0.2, true, false},
                {CULL_AUDIT_SCRATCH_B, 12, 0.2, true, false}};
    assert_int_equal(a.row[0].kind, CULL_AUDIT_WHOLE);
    for (int i = 0; i < 6; i++) {
        const cull_audit_row *r = a.row + i + 1;
        assert_int_equal(r->kind, want[i].kind);
        assert_int_equal(r->epochs, want[i].epochs);
        assert_true(r->rate == want[i].rate);
        assert_true(r->loss == alone(&f, f.keep, want[i].scratch, want[i].epochs, want[i].rate,
                                     want[i].constant));
        assert_true(r->accuracy >= 0 && r->accuracy <= 1);
    }
    /* 6 16 + 16 12 + 12 3 and 6 8 + 8 6 + 6 3: more than twice, so the cap; without it 6 324 / 114 */
    assert_true(a.macs[0] == 324 && a.macs[1] == 114);
    assert_int_equal(a.params[1], 6 * 8 + 8 + 16 + 8 * 6 + 6 + 6 * 3 + 3);
    for (int i = 0; i < a.rows; i++) assert_true(a.row[i].macs == a.macs[i > 0]);
    f.o.cap = 100;
    f.o.rates = 0;
    f.o.tune_full = false;
    ok(f.cx, audit(&f, &a));
    assert_int_equal(a.rows, 4);
    assert_int_equal(a.row[3].epochs, 17);
    /* 3 of 16 and 10 of 12 are 6 3 + 3 10 + 10 3 = 78; of uniform widths 6 and 4 are 72, and 6 and 5 are 81 */
    const int64_t given[] = {-1, 3, 10, -1};
    cull_surgery_target t = CULL_SURGERY_TARGET;
    bool even[64];
    double macs;
    assert_int_equal(cull_surgery_groups(f.s), 4);
    ok(f.cx, cull_surgery_widths(f.cx, f.s, f.score, given, f.keep));
    t.uniform = true;
    t.round = 1;
    t.macs = 78;
    ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, even));
    cull_surgery_count(f.s, even, &macs, NULL);
    f.o.uniform = true;
    f.o.fit.train.optim.norm_l1 = 0.1; /* of the whole network's training */
    ok(f.cx, audit(&f, &a));
    assert_int_equal(a.rows, 5);
    assert_int_equal(a.row[3].kind, CULL_AUDIT_UNIFORM);
    assert_true(a.macs[1] == 78 && a.row[3].macs == macs && macs == 72);
    f.o.fit.train.optim.norm_l1 = 0;
    assert_true(a.row[3].loss == alone(&f, even, true, 6, 0.2, false));
    assert_true(a.row[2].loss == alone(&f, f.keep, true, 6, 0.2, false));
    assert_string_equal(cull_audit_name(CULL_AUDIT_UNIFORM), "scratch-E, uniform widths");
    end(&f);
    cull_ctx_free(f.cx);
    assert_int_equal(h.live, 0);
}

static void threads(void **state)
{
    (void)state;
    cull_audit a[2];
    for (int i = 0; i < 2; i++) {
        hooks h = {0};
        fixture f;
        begin(&f, hooked_ctx(&h, i + 1));
        ok(f.cx, audit(&f, a + i));
        end(&f);
        cull_ctx_free(f.cx);
    }
    for (int k = 0; k < a[0].rows; k++)
        assert_memory_equal(&a[0].row[k].loss, &a[1].row[k].loss, sizeof(double));
}

static void refusals(void **state)
{
    (void)state;
    fixture f;
    cull_audit a;
    begin(&f, cull_ctx_new(NULL));
    const cull_audit_opts good = f.o;
    f.o.size = 3;
    refused(f.cx, audit(&f, &a), CULL_EOPTION, "cull_audit_opts of 3 bytes");
    f.o = good;
    f.o.rates = 9;
    refused(f.cx, audit(&f, &a), CULL_EOPTION, "9 rates to fine-tune at; there may be 4");
    f.o = good;
    f.o.rate[1] = -1;
    refused(f.cx, audit(&f, &a), CULL_EOPTION, "a rate to fine-tune at of -1 times");
    f.o = good;
    f.o.cap = 0.5;
    refused(f.cx, audit(&f, &a), CULL_EOPTION, "scratch-B trains 1 to 0.5 times as long");
    f.o = good;
    f.keep[0] = false; /* the input */
    refused(f.cx, audit(&f, &a), CULL_EINPUT, "cannot go");
    f.keep[0] = true;
    row[N - 1] = N;
    refused(f.cx, audit(&f, &a), CULL_EINPUT, "row 200 is asked for and there are 200");
    row[N - 1] = N - 1;
    const cull_fit_data d = {&f.set, 1};
    refused(f.cx, cull_surgery_audit(f.cx, f.s, f.m, f.keep, &d, row, N, row, 0, &f.o, &a),
            CULL_EINPUT, "an audit wants rows to train on and others to judge by");
    assert_string_equal(cull_audit_name(CULL_AUDIT_SCRATCH_B), "scratch-B");
    assert_null(cull_audit_name((cull_audit_kind)17));
    end(&f);
    cull_ctx_free(f.cx);
}

static void memory(void **state)
{
    (void)state;
    for (long k = 1, step = 1, done = 0; !done; k += step, step += k > 60) {
        hooks h = {0};
        fixture f;
        cull_audit a;
        begin(&f, hooked_ctx(&h, 1));
        f.o.fit.train.epochs = 1;
        h.calls = 0;
        h.fail_at = k;
        cull_status s = audit(&f, &a);
        done = s == CULL_OK;
        assert_true(done || s == CULL_ENOMEM);
        h.fail_at = 0;
        end(&f);
        cull_ctx_free(f.cx);
        assert_int_equal(h.live, 0);
        assert_true(k < 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(threads),
                                       cmocka_unit_test(refusals), cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
