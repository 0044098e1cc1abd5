/* lora-extract: matrices with known singular values, and the way back through lora-merge. */
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

enum { M = 60, N = 41, WIDE = 130 };

/* k-th of n orthonormal vectors (the DCT of type IV). */
static double wave(int k, int i, int n)
{
    return sqrt(2.0 / n) * cos(M_PI * (k + 0.5) * (i + 0.5) / n);
}

/* x += the matrix with singular values sigma (r). */
static void add_known(float *x, int m, int n, const double *sigma, int r)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double s = 0;
            for (int k = 0; k < r; k++) s += sigma[k] * wave(k, i, m) * wave(k, j, n);
            x[i * n + j] += (float)s;
        }
}

static double sigma_[N];
static tensors from, to;

static void make_models(cull_ctx *cx, cull_checkpoint **base, cull_checkpoint **tuned)
{
    cull_rng r = cull__rng_seeded(3, 0);
    for (int k = 0; k < N; k++) sigma_[k] = pow(0.8, k);
    for (int t = 0; t < 2; t++) {
        tensors *s = t ? &to : &from;
        tensors_add(s, "model.layers.0.mlp.up_proj.weight", "F32", M, N);
        tensors_add(s, "model.layers.0.self_attn.q_proj.weight", "F32", N, WIDE);
        tensors_add(s, "model.layers.1.self_attn.q_proj.weight", "BF16", 4, 4); /* same in both */
        tensors_add(s, "model.norm.weight", "F32", N, 0);
        tensors_add(s, "model.embed_tokens.weight", "F32", 5, N);
    }
    for (int i = 0; i < from.n; i++)
        for (int64_t k = 0; k < from.t[i].n; k++) {
            float v = (float)cull__rng_normal(&r);
            from.x[i][k] = to.x[i][k] = i == 2 ? 1 : v;
        }
    add_known(to.x[0], M, N, sigma_, N);
    add_known(to.x[1], N, WIDE, sigma_, 3);
    to.x[3][7] += 1, to.x[4][9] += 1;
    tensors_write(cx, &from, in_dir("base.safetensors"), NULL);
    tensors_write(cx, &to, in_dir("tuned.safetensors"), NULL);
    ok(cx, cull_checkpoint_open(cx, in_dir("base.safetensors"), base));
    ok(cx, cull_checkpoint_open(cx, in_dir("tuned.safetensors"), tuned));
}

static cull_status run(cull_ctx *cx, const char *slug, const cull_checkpoint *base,
                       const cull_checkpoint *model, const char *rule, const char *out)
{
    cull_weights_problem p = {
        .base = base, .model = &model, .models = 1, .rule = &rule, .rules = rule != NULL};
    cull_weights_report report;
    const cull_method *m = cull_method_find(slug, NULL);
    cull_status s = cull_weights_plan(cx, m, NULL, &p, &report);
    return s == CULL_OK ? cull_weights_run(cx, m, NULL, &p, out, &report) : s;
}

/* tuned made again from the adapter that the rule asks for; for free(). */
static cull_checkpoint *around(cull_ctx *cx, const cull_checkpoint *base,
                               const cull_checkpoint *tuned, const char *rule)
{
    cull_checkpoint *ad, *back;
    tensors_wipe("ad");
    ok(cx, run(cx, "lora-extract", base, tuned, rule, in_dir("ad")));
    ok(cx, cull_checkpoint_open(cx, in_dir("ad"), &ad));
    ok(cx, run(cx, "lora-merge", base, ad, NULL, in_dir("back.safetensors")));
    cull_checkpoint_free(ad);
    ok(cx, cull_checkpoint_open(cx, in_dir("back.safetensors"), &back));
    return back;
}

static double distance(cull_ctx *cx, const cull_checkpoint *ck, int i)
{
    float *x = tensor_numbers(cx, ck, to.name[i]);
    double s = 0;
    for (int64_t k = 0; k < to.t[i].n; k++)
        s += ((double)x[k] - to.x[i][k]) * ((double)x[k] - to.x[i][k]);
    free(x);
    return sqrt(s);
}

static void errors(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *base, *tuned;
    make_models(cx, &base, &tuned);
    const double rounding = 2e-7 * sqrt(M * N) * 4; /* of f32 numbers up to 4 */
    for (int rank = 1; rank <= 41; rank += 8) {
        char rule[64];
        double beyond = 0;
        snprintf(rule, sizeof rule, "*: rank=%d", rank);
        for (int k = rank; k < N; k++) beyond += sigma_[k] * sigma_[k];
        cull_checkpoint *back = around(cx, base, tuned, rule);
        assert_true(fabs(distance(cx, back, 0) - sqrt(beyond)) < rounding);
        if (rank >= 3) assert_true(distance(cx, back, 1) < rounding);
        assert_true(distance(cx, back, 2) == 0 && distance(cx, back, 3) == 1);
        cull_checkpoint_free(back);
    }
    /* the random subspace misses little more, and all that differs comes back when it is saved whole */
    cull_checkpoint *back = around(cx, base, tuned, "*: rank=7, exact=1, whole=yes");
    double beyond = 0;
    for (int k = 7; k < N; k++) beyond += sigma_[k] * sigma_[k];
    double miss = distance(cx, back, 0);
    assert_true(miss > sqrt(beyond) - rounding && miss < 1.05 * sqrt(beyond));
    for (int i = 2; i < 5; i++) assert_true(distance(cx, back, i) == 0);
    cull_checkpoint_free(back);
    cull_checkpoint_free(base), cull_checkpoint_free(tuned);
    tensors_clear(&from), tensors_clear(&to);
    cull_ctx_free(cx);
}

/* Of matrices (inputs, outputs) A has as many columns as they have rows, and PEFT is told so. */
static void turned(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *base, *tuned, *ad, *back;
    make_models(cx, &base, &tuned);
    back = around(cx, base, tuned, "*: rank=41, transposed=yes");
    const double rounding = 2e-7 * sqrt(M * N) * 4;
    assert_true(distance(cx, back, 0) < rounding && distance(cx, back, 1) < rounding);
    ok(cx, cull_checkpoint_open(cx, in_dir("ad"), &ad));
    assert_non_null(strstr(cull_checkpoint_config(ad), "\"fan_in_fan_out\":true"));
    static const char *const side[] = {"A", "B"};
    for (int k = 0; k < 2; k++) {
        char name[96];
        snprintf(name, sizeof name, "base_model.model.%.*s.lora_%s.weight",
                 (int)strlen(to.name[1]) - 7, to.name[1], side[k]);
        int64_t at = cull_checkpoint_find(ad, name, NULL);
        assert_int_equal(cull_checkpoint_at(ad, at)->shape[1 - k], k ? WIDE : N);
    }
    cull_checkpoint_free(ad), cull_checkpoint_free(back);
    cull_checkpoint_free(base), cull_checkpoint_free(tuned);
    tensors_clear(&from), tensors_clear(&to);
    cull_ctx_free(cx);
}

static int64_t rank_in(cull_ctx *cx, const cull_checkpoint *ad, const char *name)
{
    int64_t i = cull_checkpoint_find(ad, name, NULL);
    (void)cx;
    return i < 0 ? -1 : cull_checkpoint_at(ad, i)->shape[0];
}

static void ranks(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *base, *tuned, *ad;
    make_models(cx, &base, &tuned);
    double all = 0, sum = 0;
    int want = 0;
    for (int k = 0; k < N; k++) all += sigma_[k] * sigma_[k];
    while (sum < 0.95 * all) sum += sigma_[want] * sigma_[want], want++;
    tensors_wipe("ad");
    ok(cx, run(cx, "lora-extract", base, tuned, "*: rank=30, energy=0.95", in_dir("ad")));
    ok(cx, cull_checkpoint_open(cx, in_dir("ad"), &ad));
    assert_int_equal(cull_checkpoint_count(ad), 4);
    const char *up = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight";
    const char *q = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    assert_int_equal(rank_in(cx, ad, up), want);
    assert_int_equal(rank_in(cx, ad, q), 3); /* 0.64 and 0.41 of 2.05 are not enough */
    assert_non_null(strstr(cull_checkpoint_config(ad), "\"model.layers.0.self_attn.q_proj\":3"));
    cull_checkpoint_free(ad);
    tensors_wipe("ad");
    ok(cx, run(cx, "lora-extract", base, tuned, "*up_proj*: rank=0", in_dir("ad")));
    ok(cx, cull_checkpoint_open(cx, in_dir("ad"), &ad));
    assert_int_equal(cull_checkpoint_count(ad), 2);
    assert_int_equal(rank_in(cx, ad, q), 16);
    cull_checkpoint_free(ad);
    tensors_wipe("ad");
    refused(cx, run(cx, "lora-extract", base, base, NULL, in_dir("ad")), CULL_EINPUT,
            "do not differ");
    assert_int_equal(access(in_dir("ad"), F_OK), -1);
    cull_checkpoint_free(tuned);
    to.x[1][5] = NAN;
    tensors_write(cx, &to, in_dir("tuned.safetensors"), NULL);
    ok(cx, cull_checkpoint_open(cx, in_dir("tuned.safetensors"), &tuned));
    refused(cx, run(cx, "lora-extract", base, tuned, NULL, in_dir("ad")), CULL_EINPUT, "is NaN");
    cull_checkpoint_free(base), cull_checkpoint_free(tuned);
    tensors_clear(&from), tensors_clear(&to);
    cull_ctx_free(cx);
}

static void trouble(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *base, *tuned, *ad;
    float *x[2];
    make_models(cx, &base, &tuned);
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *own = hooked_ctx(&h, t + 1);
        tensors_wipe("ad");
        ok(own, run(own, "lora-extract", base, tuned, "*: exact=1", in_dir("ad")));
        ok(own, cull_checkpoint_open(own, in_dir("ad"), &ad));
        x[t] = tensor_numbers(own, ad, "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight");
        cull_checkpoint_free(ad);
        cull_ctx_free(own);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(x[0], x[1], M * 16 * sizeof **x);
    free(x[0]), free(x[1]);
    int failed = 0;
    for (long at = 1; at < 120; at++) {
        hooks h = {.fail_at = at};
        cull_ctx *own = hooked_ctx(&h, 1);
        if (!own) continue;
        tensors_wipe("ad");
        cull_status s =
            run(own, "lora-extract", base, tuned, "*: rank=40, energy=0.9", in_dir("ad"));
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        if (s != CULL_OK) assert_int_equal(access(in_dir("ad"), F_OK), -1);
        failed += s == CULL_ENOMEM;
        cull_ctx_free(own);
        assert_int_equal(h.live, 0);
    }
    assert_true(failed > 5);
    tensors_wipe("ad");
    cull_checkpoint_free(base), cull_checkpoint_free(tuned);
    tensors_clear(&from), tensors_clear(&to);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(errors), cmocka_unit_test(turned),
                                       cmocka_unit_test(ranks), cmocka_unit_test(trouble)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
