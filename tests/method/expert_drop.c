/* expert-drop against layers run by plain loops: of all sets the best one is kept. */
#include "mixtures.h"

/* Of all 28 sets of 6 none changes the layer less. */
static void best_set(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    make(cx, &f, false, 0, config);
    static const char *const six[] = {"experts", "6", NULL};
    cull_checkpoint *out = reduced(cx, &f, "expert-drop", six, NULL);
    for (int b = 0; b < BLOCKS; b++) {
        layer was = load(cx, f.ck, b), is = load(cx, out, b);
        double best = 1e9, usage = 0;
        for (int set = 0; set < 256; set++) {
            int kept[E];
            for (int e = 0; e < E; e++) kept[e] = set >> e & 1;
            if (__builtin_popcount((unsigned)set) != 6) continue;
            /* the distance of masked and whole, whole in the denominator as below */
            double miss = 0, all = 0;
            for (int t = 0; t < T; t++) {
                double y[D], z[D];
                forward(&was, f.s.x[2 * b] + t * D, 2, NULL, NULL, y);
                forward(&was, f.s.x[2 * b] + t * D, 2, kept, NULL, z);
                for (int j = 0; j < D; j++)
                    miss += (y[j] - z[j]) * (y[j] - z[j]), all += y[j] * y[j];
            }
            if (sqrt(miss / all) < best) best = sqrt(miss / all);
        }
        double got = apart(&f, b, &was, 2, NULL, &is, 2, NULL);
        assert_true(is.experts == 6 && is.rows == 6);
        assert_true(fabs(got - best) < 1e-5);
        usage = got;
        drop(&is);
        static const char *const greedy[] = {"experts", "6", "sets", "1", "beam", "1", NULL};
        cull_checkpoint *other = reduced(cx, &f, "expert-drop", greedy, NULL);
        is = load(cx, other, b);
        assert_true(apart(&f, b, &was, 2, NULL, &is, 2, NULL) >= usage - 1e-5);
        drop(&was), drop(&is);
        cull_checkpoint_free(other);
    }
    cull_checkpoint_free(out);
    close_all(&f);
    tensors_clear(&f.m), tensors_clear(&f.s);
    cull_ctx_free(cx);
}

/* All experts in one tensor, packed numbers among them. */
static void fused(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    static tensors m, s;
    float *x = tensors_add(&m, "l.0.mlp.experts.down_proj", "BF16", 4, 30);
    float *q = tensors_add(&m, "l.0.mlp.experts.down_proj_blocks", "I32", 4, 6);
    float *g = tensors_add(&m, "l.0.mlp.router.weight", "F32", 4, 3);
    tensors_add(&m, "l.0.mlp.router.bias", "F32", 4, 0);
    for (int i = 0; i < 120; i++) x[i] = (float)i;
    for (int i = 0; i < 24; i++) q[i] = (float)(i * 1000);
    for (int i = 0; i < 12; i++) g[i] = (float)i;
    memcpy(tensors_add(&s, "l.0.mlp.usage", "F32", 4, 0), (float[]){.1f, .4f, .2f, .3f}, 16);
    tensors_write(cx, &m, in_dir("fused.safetensors"), NULL);
    tensors_write(cx, &s, in_dir("stats.safetensors"), NULL);
    ok(cx, cull_checkpoint_open(cx, in_dir("fused.safetensors"), &f.ck));
    ok(cx, cull_checkpoint_open(cx, in_dir("stats.safetensors"), &f.stats));
    static const char *const two[] = {"experts", "2", "top", "1", NULL};
    cull_checkpoint *out = reduced(cx, &f, "expert-drop", two, NULL);
    float *y = tensor_numbers(cx, out, "l.0.mlp.experts.down_proj");
    float *p = tensor_numbers(cx, out, "l.0.mlp.experts.down_proj_blocks");
    float *r = tensor_numbers(cx, out, "l.0.mlp.router.weight");
    for (int i = 0; i < 30; i++) assert_true(y[i] == x[30 + i] && y[30 + i] == x[90 + i]);
    for (int i = 0; i < 6; i++) assert_true(p[i] == q[6 + i] && p[6 + i] == q[18 + i]);
    for (int i = 0; i < 3; i++) assert_true(r[i] == g[3 + i] && r[3 + i] == g[9 + i]);
    free(y), free(p), free(r);
    cull_checkpoint_free(out);
    refused(cx, run_to(cx, &f, "expert-merge", two, NULL, "out"), CULL_EINPUT, "router_logits");
    close_all(&f);
    tensors_clear(&m), tensors_clear(&s);
    cull_ctx_free(cx);
}

static void counts(void **state)
{
    (void)state;
    check_counts("expert-drop");
}

static void refusals(void **state)
{
    (void)state;
    check_refusals("expert-drop");
}

static void trouble(void **state)
{
    (void)state;
    check_trouble("expert-drop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(best_set), cmocka_unit_test(fused),
                                       cmocka_unit_test(counts), cmocka_unit_test(refusals),
                                       cmocka_unit_test(trouble)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
