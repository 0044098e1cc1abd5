/* wanda: against the official rule, a stable sort of |w| ||x|| in each output of which the first ones go; norms of every form;
 * what is refused. */
#include "pruning.h"

enum { PRUNED = 4 };
static const int pruned[PRUNED] = {1, 2, 5, 6};
/* How each tensor's norms are recorded. */
static const struct {
    const char *name;
    bool squares;
    int64_t n;
} stats[PRUNED] = {{"model.layers.0.self_attn.q_proj.weight", false, 24},
                   {"model.layers.0.mlp.up_proj.sumsq", true, 24},
                   {"model.layers.1.mlp.down_proj", false, 44},
                   {"vision.conv1.weight.sumsq", true, 8}};

/* Of the first tensor few different norms, so that scores are equal, and some of them 0. */
static double norm_of(int t, int64_t i)
{
    cull_rng r = cull__rng_seeded(91, (uint64_t)(t * 1000 + i));
    if (t == 0) return (double)cull__rng_below(&r, 3);
    return fabs(cull__rng_normal(&r)) * 3;
}

/* odd: 1 = the last one is missing, 2 = it is too short, 3 = one number is below 0. */
static void write_stats(cull_ctx *cx, const char *name, int odd)
{
    cull_tensor t[PRUNED];
    cull_checkpoint_writer *w;
    int n = odd == 1 ? PRUNED - 1 : PRUNED;
    for (int k = 0; k < n; k++)
        t[k] = (cull_tensor){.name = stats[k].name,
                             .dtype = k == 2 ? "F64" : "F32",
                             .ndim = 1,
                             .shape = {stats[k].n - (odd == 2 && k == 3)}};
    ok(cx, cull_checkpoint_create(cx, in_dir(name), t, n, NULL, &w));
    cull_status s = CULL_OK;
    for (int k = 0; s == CULL_OK && k < n; k++) {
        float x[64];
        for (int64_t i = 0; i < stats[k].n; i++) {
            double v = norm_of(k, i);
            x[i] = (float)(stats[k].squares ? v * v : v);
        }
        if (odd == 3 && k == 2) x[5] = -1;
        s = cull_checkpoint_put(cx, w, x, t[k].shape[0]);
    }
    ok(cx, cull_checkpoint_finish(cx, w, s));
}

static float score(int t, const float *x, int64_t at, int64_t input)
{
    float v = (float)norm_of(t, input);
    if (stats[t].squares) v = sqrtf((float)(norm_of(t, input) * norm_of(t, input)));
    return fabsf(x[at]) * v;
}

static void stayed_is(cull_ctx *cx, int k, const float *x, const uint8_t *want)
{
    static uint8_t keep[MADE_MOST];
    what_stayed(cx, "in.safetensors", "out.safetensors", k, keep);
    for (int64_t i = 0; i < made_n(k); i++)
        if (keep[i] != want[i] && !(x[i] == 0 && !signbit(x[i])))
            fail_msg("%s[%d]: kept %d", made[k].name, (int)i, keep[i]);
}

static void official_rule(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    write_made(cx, "in.safetensors", -1);
    write_stats(cx, "stats.safetensors", 0);
    const struct {
        const char *text;
        double share;
    } shares[] = {{".5", .5}, {".3", .3}, {".83", .83}};
    for (int trial = 0; trial < 3; trial++) {
        const pruning_run run = {
            "wanda", {"sparsity", shares[trial].text}, {0}, "stats.safetensors"};
        ok(cx, prune_file(cx, &run, "in.safetensors", "out.safetensors", NULL));
        for (int t = 0; t < PRUNED; t++) {
            static uint8_t want[MADE_MOST];
            static float x[MADE_MOST];
            int k = pruned[t];
            int64_t rows = made[k].shape[0], width = made_n(k) / rows,
                    inner = width / made[k].shape[1];
            values_of(cx, "in.safetensors", k, x);
            memset(want, 1, sizeof want);
            for (int64_t o = 0; o < rows; o++) {
                ranked r[128];
                for (int64_t c = 0; c < width; c++) /* stable: of equal ones the first goes */
                    r[c] = (ranked){score(t, x, o * width + c, c / inner), -c, k, o * width + c};
                qsort(r, (size_t)width, sizeof *r, smallest_first);
                int64_t gone = (int64_t)floor((double)width * shares[trial].share + 1e-9);
                for (int64_t c = 0; c < gone; c++) want[r[c].at] = 0;
            }
            stayed_is(cx, k, x, want);
        }
        static uint8_t keep[MADE_MOST];
        for (int k = 0; k < MADE; k++) { /* all else is as it was */
            if (k == 1 || k == 2 || k == 5 || k == 6) continue;
            what_stayed(cx, "in.safetensors", "out.safetensors", k, keep);
            for (int64_t i = 0; i < made_n(k); i++) assert_int_equal(keep[i], 1);
        }
    }
    cull_ctx_free(cx);
}

static void four_of_eight(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    write_made(cx, "in.safetensors", -1);
    write_stats(cx, "stats.safetensors", 0);
    const pruning_run run = {"wanda", {"n", "4", "m", "8"}, {0}, "stats.safetensors"};
    ok(cx, prune_file(cx, &run, "in.safetensors", "out.safetensors", NULL));
    for (int t = 0; t < PRUNED; t++) {
        static uint8_t want[MADE_MOST];
        static float x[MADE_MOST];
        int k = pruned[t];
        int64_t rows = made[k].shape[0], ins = made[k].shape[1], inner = made_n(k) / rows / ins;
        values_of(cx, "in.safetensors", k, x);
        memset(want, 1, sizeof want);
        for (int64_t o = 0; o < rows; o++)
            for (int64_t q = 0; q < inner; q++)
                for (int64_t i = 0; i < ins; i += 8) {
                    ranked r[8];
                    int here =
                        ins - i < 8 ? (int)(ins - i) : 8; /* 44 inputs end with a block of 4 */
                    for (int c = 0; c < here; c++) {
                        int64_t at = (o * ins + i + c) * inner + q;
                        r[c] = (ranked){score(t, x, at, i + c), c, k, at};
                    }
                    qsort(r, (size_t)here, sizeof *r, smallest_first);
                    for (int c = 0; c < here - 4; c++) want[r[c].at] = 0;
                }
        stayed_is(cx, k, x, want);
    }
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const pruning_run run = {"wanda", {0}, {0}, "stats.safetensors"},
                      none = {"wanda", {0}, {0}, NULL};
    const char *const say[] = {NULL, "no norms of the inputs of 'vision.conv1.weight'",
                               "has 7 numbers, and 'vision.conv1.weight' has 8 inputs",
                               "number 5 of 'model.layers.1.mlp.down_proj' is -1"};
    write_made(cx, "in.safetensors", -1);
    for (int odd = 1; odd < 4; odd++) {
        write_stats(cx, "stats.safetensors", odd);
        refused(cx, prune_file(cx, &run, "in.safetensors", "no.safetensors", NULL), CULL_EINPUT,
                say[odd]);
    }
    refused(cx, prune_file(cx, &none, "in.safetensors", "no.safetensors", NULL), CULL_EINPUT,
            "activations");
    assert_int_not_equal(access(in_dir("no.safetensors"), F_OK), 0);
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    (void)state;
    cull_ctx *plain = cull_ctx_new(NULL);
    write_made(plain, "in.safetensors", -1);
    write_stats(plain, "stats.safetensors", 0);
    cull_ctx_free(plain);
    const pruning_run run = {"wanda", {0}, {"role=conv: n=2, m=4"}, "stats.safetensors"};
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        cull_status s = prune_file(cx, &run, "in.safetensors", "out.safetensors", NULL);
        bool reached = h.calls >= k;
        if (reached)
            assert_int_equal(s, CULL_ENOMEM);
        else
            ok(cx, s);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!reached) break;
        assert_true(k < 3000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(official_rule),
        cmocka_unit_test(four_of_eight),
        cmocka_unit_test(refusals),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
