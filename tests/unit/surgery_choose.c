/* surgery_choose: scores against plain sums, limits, slimming against a sorted list, the file and its refusals. */
#include "files.h"

#include "cull/model.h"
#include "cull/surgery.h"

static const char net[] = "input 4x4x2\noutputs 3\n"
                          "a = conv(12, 3, pad=1, bias=no)\nbn = batch_norm\nrelu\n"
                          "b = conv(20, 3, pad=1)\nrelu\nglobal_avg_pool\nfc = linear(outputs)\n";
enum { A = 1, B = 2, UNITS = 2 + 12 + 20 + 3 }; /* groups: input, a, b, fc */

typedef struct {
    hooks h;
    cull_ctx *cx;
    cull_model *m;
    cull_surgery *s;
    double score[UNITS];
    bool keep[UNITS];
} fixture;

static void begin(fixture *f)
{
    memset(f, 0, sizeof *f);
    f->cx = hooked_ctx(&f->h, 1);
    ok(f->cx, cull_model_from(f->cx, net, strlen(net), "net.model", NULL, &f->m));
    ok(f->cx, cull_surgery_new(f->cx, f->m, &f->s));
    assert_int_equal(cull_surgery_units(f->s), UNITS);
}

static void end(fixture *f)
{
    cull_surgery_free(f->s);
    cull_model_free(f->m);
    cull_ctx_free(f->cx);
    assert_int_equal(f->h.live, 0);
}

static float *numbers(fixture *f, const char *name)
{
    cull_params *p = cull_model_params(f->m);
    return cull_params_value(p) + cull_params_at(p, cull_params_find(p, name))->at;
}

static int64_t left(const fixture *f, int g)
{
    cull_channel_group k = cull_surgery_group(f->s, g);
    int64_t n = 0;
    for (int64_t u = 0; u < k.width; u++) n += f->keep[k.first + u];
    return n;
}

/* ---- scores ---- */

static void scores(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    const float *w = numbers(&f, "b.weight");
    double sum[20], all = 0, root[20], roots = 0;
    for (int o = 0; o < 20; o++) {
        sum[o] = root[o] = 0;
        for (int i = 0; i < 9 * 12; i++) {
            sum[o] += fabs((double)w[o * 108 + i]);
            root[o] += (double)w[o * 108 + i] * (double)w[o * 108 + i];
        }
        all += sum[o];
        roots += sqrt(root[o]);
    }
    int64_t first = cull_surgery_group(f.s, B).first;
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_L1, f.score));
    for (int o = 0; o < 20; o++) assert_true(fabs(f.score[first + o] - sum[o] / all) < 1e-12);
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_L2, f.score));
    for (int o = 0; o < 20; o++)
        assert_true(fabs(f.score[first + o] - sqrt(root[o]) / roots) < 1e-12);
    for (int i = 0; i < 12; i++) numbers(&f, "bn.weight")[i] = (float)(i - 5);
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_NORM, f.score));
    for (int i = 0; i < 12; i++) /* 5 + 4 + ... + 6 = 36 */
        assert_true(fabs(f.score[cull_surgery_group(f.s, A).first + i] - abs(i - 5) / 36.) < 1e-12);
    assert_true(isnan(f.score[first]));
    double again[UNITS];
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_RANDOM, f.score));
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_RANDOM, again));
    assert_memory_equal(f.score, again, sizeof again);
    cull_ctx_reseed(f.cx, 9);
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_RANDOM, again));
    assert_true(f.score[first] != again[first]);
    refused(f.cx, cull_surgery_score(f.cx, f.s, (cull_channel_score)7, again), CULL_EOPTION,
            "there is no score 7 of channels");
    end(&f);
}

/* ---- widths ---- */

static void widths(void **state)
{
    (void)state;
    fixture f;
    int64_t width[4] = {-1, 4, -1, -1};
    begin(&f);
    for (int u = 0; u < UNITS; u++) f.score[u] = u % 3;
    ok(f.cx, cull_surgery_widths(f.cx, f.s, f.score, width, f.keep));
    int64_t at = cull_surgery_group(f.s, A).first; /* 2: scores 2 0 1 2 0 1 ... */
    for (int i = 0; i < 12; i++) assert_int_equal(f.keep[at + i], i % 3 == 0);
    assert_int_equal(left(&f, B), 20);
    width[A] = 6; /* two of the four that are alike */
    ok(f.cx, cull_surgery_widths(f.cx, f.s, f.score, width, f.keep));
    assert_true(f.keep[at + 2] && f.keep[at + 5] && !f.keep[at + 8] && !f.keep[at + 11]);
    static const struct {
        int group;
        int64_t width;
        const char *part;
    } wrong[] = {{A, 0, "a width of 0 for 'a', which has 12 channels; it must be 1 to 12"},
                 {B, 21, "a width of 21 for 'b', which has 20 channels; it must be 1 to 20"},
                 {B, -2, "a width of -2"},
                 {3, 2, "the width of 'fc' cannot change: it is tied to the model's output"},
                 {0, 1, "the width of 'input' cannot change: it is tied to the model's input"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t bad[4] = {-1, -1, -1, -1};
        bad[wrong[i].group] = wrong[i].width;
        refused(f.cx, cull_surgery_widths(f.cx, f.s, f.score, bad, f.keep), CULL_EINPUT,
                wrong[i].part);
    }
    f.score[at] = NAN;
    refused(f.cx, cull_surgery_widths(f.cx, f.s, f.score, width, f.keep), CULL_EINPUT,
            "channels of 'a' have no score: no batch norm follows them");
    end(&f);
}

/* ---- limits ---- */

static void limits(void **state)
{
    (void)state;
    fixture f;
    double macs, now;
    begin(&f);
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_L1, f.score));
    cull_surgery_count(f.s, NULL, &macs, NULL);
    assert_true(macs == 16 * 9 * (2 * 12 + 12 * 20) + 20 * 3);
    for (int k = 1; k < 20; k++)
        for (int64_t round = 1; round <= 8; round += round < 4 ? 1 : 4) {
            cull_surgery_target t = CULL_SURGERY_TARGET;
            t.macs = macs * (1 - k * 0.03);
            t.round = round;
            ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
            cull_surgery_count(f.s, f.keep, &now, NULL);
            assert_true(now <= t.macs);
            for (int g = A; g <= B; g++) {
                int64_t n = left(&f, g), of = g == A ? 12 : 20;
                assert_true(n == of || (n % round == 0 && n >= round));
                double least = INFINITY, most = 0; /* what stays is no less than what goes */
                for (int64_t u = 0, at = cull_surgery_group(f.s, g).first; u < of; u++) {
                    double v = f.score[at + u];
                    if (f.keep[at + u] && v < least) least = v;
                    if (!f.keep[at + u] && v > most) most = v;
                }
                assert_true(least >= most);
            }
        }
    /* alike everywhere: a channel of a saves 16 9 (2 + 20), and loses 1 / 12; one of b 16 9 12 + 3 and 1 / 20 */
    cull_surgery_target t = CULL_SURGERY_TARGET;
    for (int i = 0; i < 12 * 18; i++) numbers(&f, "a.weight")[i] = 1;
    for (int i = 0; i < 20 * 108; i++) numbers(&f, "b.weight")[i] = 1;
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_L1, f.score));
    t.macs = macs - 1;
    t.round = 1;
    ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
    assert_int_equal(left(&f, A), 11); /* 2.6e-5 a multiply-add, not 2.9e-5 */
    assert_int_equal(left(&f, B), 20);
    t = (cull_surgery_target)CULL_SURGERY_TARGET;
    int64_t params;
    t.params =
        1600; /* the smallest: 8 filters of 18 and a batch norm, 8 of 72 and a bias, 3 of 8 and a bias */
    ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
    cull_surgery_count(f.s, f.keep, NULL, &params);
    assert_true(params <= 1600);
    t.params = 8 * 18 + 16 + 8 * 72 + 8 + 3 * 8 + 3;
    ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
    assert_true(left(&f, A) == 8 && left(&f, B) == 8);
    t.params--;
    refused(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep), CULL_EINPUT,
            "770 parameters are asked for, and the smallest network has 771");
    end(&f);
}

static void shares(void **state)
{
    (void)state;
    fixture f;
    cull_surgery_target t = CULL_SURGERY_TARGET;
    begin(&f);
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_L1, f.score));
    t.share = 0.5;
    ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
    assert_true(left(&f, A) == 8 && left(&f, B) == 8); /* 6 and 10 to multiples of 8 */
    t.round = 1;
    ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
    assert_true(left(&f, A) == 6 && left(&f, B) == 10);
    t.share = 1e-9;
    ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
    assert_true(left(&f, A) == 1 && left(&f, B) == 1);
    t = (cull_surgery_target)CULL_SURGERY_TARGET;
    t.macs = 100;
    refused(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep), CULL_EINPUT,
            "100 multiply-adds are asked for, and the smallest network has 11544, with groups down "
            "to 8 channels");
    t.round = 0;
    refused(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep), CULL_EOPTION,
            "multiples of 1 or more, not of 0");
    t.round = 1;
    t.share = 1.5;
    refused(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep), CULL_EOPTION,
            "a share of 1.5 is outside 0 to 1");
    t.share = 0;
    t.macs = NAN;
    refused(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep), CULL_EOPTION, "a limit of");
    t.size = 1;
    refused(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep), CULL_EOPTION, "of 1 bytes");
    end(&f);
}

/* One share of all groups: of those on a grid that has every share at which a width changes, the largest within the
 * limits. */
static void uniform(void **state)
{
    (void)state;
    fixture f;
    double macs, now;
    int64_t params, numbers;
    begin(&f);
    ok(f.cx, cull_surgery_score(f.cx, f.s, CULL_CHANNEL_L1, f.score));
    cull_surgery_count(f.s, NULL, &macs, &params);
    for (int k = 0; k < 40; k++) {
        cull_surgery_target t = CULL_SURGERY_TARGET, of = CULL_SURGERY_TARGET;
        t.macs = k % 2 ? 0 : macs * (1 - k * 0.024);
        t.params = k % 3 ? 0.97 * (double)params * (1 - k * 0.02) : 0;
        t.uniform = true;
        t.round = of.round = 1;
        int64_t wide[2] = {1, 1};
        for (int i = 1; i <= 120; i++) {
            of.share = i / 120.;
            ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &of, f.keep));
            cull_surgery_count(f.s, f.keep, &now, &numbers);
            if (t.macs > 0 && now > t.macs) break;
            if (t.params > 0 && (double)numbers > t.params) break;
            wide[0] = left(&f, A), wide[1] = left(&f, B);
        }
        ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
        assert_int_equal(left(&f, A), wide[0]);
        assert_int_equal(left(&f, B), wide[1]);
        t.share = 0.25; /* a limit of its own */
        ok(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep));
        assert_int_equal(left(&f, A), wide[0] < 3 ? wide[0] : 3);
        assert_int_equal(left(&f, B), wide[1] < 5 ? wide[1] : 5);
    }
    cull_surgery_target t = CULL_SURGERY_TARGET;
    t.uniform = true;
    t.macs = 10;
    refused(f.cx, cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep), CULL_EINPUT,
            "10 multiply-adds are asked for, and the smallest network has");
    end(&f);
}

/* ---- slimming: what is cut is the smallest of a sorted list ---- */

static const char slimmed[] = "input 4x4x2\noutputs 3\n"
                              "a = conv(9, 1)\nan = batch_norm\nb = conv(7, 1)\nbn = batch_norm\n"
                              "c = conv(5, 1)\nglobal_avg_pool\nfc = linear(outputs)\n";

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void slim(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m;
    cull_surgery *s;
    bool keep[64];
    double gamma[16], sorted[16];
    ok(cx, cull_model_from(cx, slimmed, strlen(slimmed), "net.model", NULL, &m));
    ok(cx, cull_surgery_new(cx, m, &s));
    cull_params *p = cull_model_params(m);
    for (int i = 0; i < 16; i++) {
        const char *name = i < 9 ? "an.weight" : "bn.weight";
        float *v = cull_params_value(p) + cull_params_at(p, cull_params_find(p, name))->at;
        gamma[i] = sorted[i] = (i * 7 % 16 + 1) / 16.;
        v[i < 9 ? i : i - 9] = (float)(i % 2 ? gamma[i] : -gamma[i]);
    }
    qsort(sorted, 16, sizeof *sorted, ascending);
    int64_t a = cull_surgery_group(s, 1).first, b = cull_surgery_group(s, 2).first;
    for (int k = 0; k < 16; k++) {
        ok(cx, cull_surgery_slim(cx, s, (k + 0.5) / 16, keep));
        bool any_a = false, any_b = false;
        for (int i = 0; i < 9; i++) any_a |= gamma[i] > sorted[k] || k == 0;
        for (int i = 9; i < 16; i++) any_b |= gamma[i] > sorted[k] || k == 0;
        for (int i = 0; i < 16; i++) {
            bool stays = k == 0 || gamma[i] > sorted[k - 1];
            if (any_a && i < 9) assert_int_equal(keep[a + i], stays);
            if (any_b && i >= 9) assert_int_equal(keep[b + i - 9], stays);
        }
        int left_a = 0, left_b = 0;
        for (int i = 0; i < 9; i++) left_a += keep[a + i];
        for (int i = 0; i < 7; i++) left_b += keep[b + i];
        assert_true(left_a > 0 && left_b > 0);
        for (int i = 0; i < 5; i++) assert_true(keep[cull_surgery_group(s, 3).first + i]);
    }
    refused(cx, cull_surgery_slim(cx, s, 1, keep), CULL_EOPTION, "a share of 1 to cut");
    cull_surgery_free(s);
    cull_model_free(m);
    static const char bare[] = "input 4\noutputs 2\na = linear(3)\nfc = linear(outputs)\n";
    ok(cx, cull_model_from(cx, bare, strlen(bare), "net.model", NULL, &m));
    ok(cx, cull_surgery_new(cx, m, &s));
    refused(cx, cull_surgery_slim(cx, s, 0.5, keep), CULL_EINPUT,
            "goes by the scales of batch norms");
    cull_surgery_free(s);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* ---- the file ---- */

static void file(void **state)
{
    (void)state;
    fixture f;
    bool back[UNITS];
    cull_surgery_plan plan;
    const char *path = in_dir("cut.json");
    begin(&f);
    for (int u = 0; u < UNITS; u++) f.keep[u] = u < 2 || u >= UNITS - 3 || u % 3;
    const cull_surgery_source from = {"w.safetensors", "00ff", "l1", 18446744073709551615u};
    ok(f.cx, cull_surgery_write(f.cx, f.s, f.keep, &from, path));
    assert_true(cull_surgery_is_plan(path));
    ok(f.cx, cull_surgery_read(f.cx, path, &plan));
    assert_string_equal(plan.from.source, "w.safetensors");
    assert_string_equal(plan.from.hash, "00ff");
    assert_string_equal(plan.from.importance, "l1");
    assert_true(plan.from.seed == from.seed);
    ok(f.cx, cull_surgery_plan_keep(f.cx, &plan, f.s, back));
    assert_memory_equal(f.keep, back, sizeof back);
    cull_model *m, *other;
    cull_surgery *s;
    ok(f.cx, cull_model_from(f.cx, plan.text, strlen(plan.text), "plan", NULL, &m));
    ok(f.cx, cull_model_open(f.cx, "lenet", NULL, &other));
    ok(f.cx, cull_surgery_new(f.cx, m, &s));
    ok(f.cx, cull_surgery_plan_keep(f.cx, &plan, s, back));
    cull_surgery_free(s);
    ok(f.cx, cull_surgery_new(f.cx, other, &s));
    refused(f.cx, cull_surgery_plan_keep(f.cx, &plan, s, back), CULL_EINPUT,
            "cut.json has 4 groups of channels, and the model has 6");
    cull_surgery_free(s);
    cull_model_free(other);
    cull_model_free(m);
    cull_surgery_plan_free(&plan);
    end(&f);
}

static void wrong_files(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_surgery_plan plan;
#define HEAD                                                                                       \
    "{\"kind\":\"channels\",\"source\":\"\",\"xxh128\":\"\",\"importance\":\"l1\",\"model\":\"\""
    static const struct {
        const char *text, *part;
    } wrong[] = {
        {"", "damaged JSON"},
        {"{\"kind\":\"pick\"}", "its \"kind\" is not \"channels\", as cull model prune writes it"},
        {"[]", "its \"kind\" is not"},
        {"{\"kind\":\"channels\"}", "\"source\" must be a string"},
        {HEAD "}", "there is no list \"groups\""},
        {HEAD ",\"groups\":[3]}", "a group must be an object"},
        {HEAD ",\"groups\":[{\"name\":\"a\"}]}", "group 'a' must have a number \"of\" and a list"},
        {HEAD ",\"groups\":[{\"name\":\"a\",\"of\":3,\"kept\":[3]}]}",
         "\"kept\" of group 'a' must be ascending numbers from 0 to 2"},
        {HEAD ",\"groups\":[{\"name\":\"a\",\"of\":3,\"kept\":[1,1]}]}", "must be ascending"},
        {HEAD ",\"groups\":[{\"name\":\"a\",\"of\":3,\"kept\":[\"x\"]}]}", "must be ascending"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *path = spit("bad.json", wrong[i].text, strlen(wrong[i].text));
        refused(cx, cull_surgery_read(cx, path, &plan), CULL_EINPUT, wrong[i].part);
        assert_null(plan.mem_);
        assert_true(!cull_surgery_is_plan(path) || i > 2);
    }
    refused(cx, cull_surgery_read(cx, in_dir("none.json"), &plan), CULL_EIO, "none.json");
    assert_false(cull_surgery_is_plan(in_dir("none.json")));
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void memory(void **state)
{
    (void)state;
    for (long k = 1, done = 0; !done; k++) {
        fixture f;
        cull_surgery_plan plan = {0};
        cull_surgery_target t = CULL_SURGERY_TARGET;
        const cull_surgery_source from = {"", "", "l1", 1};
        const char *path = in_dir("memory.json");
        begin(&f);
        t.share = 0.5;
        f.h.calls = 0;
        f.h.fail_at = k;
        cull_status s = cull_surgery_score(f.cx, f.s, CULL_CHANNEL_L1, f.score);
        if (s == CULL_OK) s = cull_surgery_choose(f.cx, f.s, f.score, &t, f.keep);
        if (s == CULL_OK) s = cull_surgery_slim(f.cx, f.s, 0.5, f.keep);
        if (s == CULL_OK) s = cull_surgery_write(f.cx, f.s, f.keep, &from, path);
        if (s == CULL_OK) s = cull_surgery_read(f.cx, path, &plan);
        done = s == CULL_OK;
        assert_true(done || s == CULL_ENOMEM);
        if (done) cull_surgery_plan_free(&plan);
        assert_null(plan.mem_);
        f.h.fail_at = 0;
        assert_true(k < 1000);
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores), cmocka_unit_test(widths),      cmocka_unit_test(limits),
        cmocka_unit_test(shares), cmocka_unit_test(uniform),     cmocka_unit_test(slim),
        cmocka_unit_test(file),   cmocka_unit_test(wrong_files), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
