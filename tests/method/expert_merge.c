/* expert-merge against layers run by plain loops: copies under permutations of their neurons are one again. */
#include "mixtures.h"

/* Copies under permutations: 8 experts are 4. */
static void planted(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    /* equal rows: one row stands for both, be all experts asked or the best one */
    make(cx, &f, true, 0, config);
    static const char *const one[] = {"experts", "4", "top", "2", NULL};
    cull_checkpoint *out = reduced(cx, &f, "expert-merge", one, NULL);
    for (int b = 0; b < BLOCKS; b++) {
        layer was = load(cx, f.ck, b), is = load(cx, out, b);
        assert_true(is.experts == 4 && is.rows == 4);
        assert_true(apart(&f, b, &was, 8, NULL, &is, 4, NULL) < 1e-5);
        assert_true(apart(&f, b, &was, 1, NULL, &is, 1, NULL) < 1e-5);
        drop(&was), drop(&is);
    }
    assert_non_null(strstr(cull_checkpoint_config(out), "\"num_local_experts\": 4"));
    assert_non_null(strstr(cull_checkpoint_config(out), "\"num_experts_per_tok\": 2"));
    cull_checkpoint_free(out);
    /* without the permutation, or by usage, or by the best set, the layer is another one */
    static const char *const mean[] = {"experts", "4", "align", "no", NULL};
    static const char *const usage[] = {"experts", "4", "by", "usage", NULL};
    for (int k = 0; k < 2; k++) {
        out = reduced(cx, &f, k ? "expert-drop" : "expert-merge", k ? usage : mean, NULL);
        layer was = load(cx, f.ck, 0), is = load(cx, out, 0);
        assert_true(apart(&f, 0, &was, 8, NULL, &is, 4, NULL) > 0.1);
        drop(&was), drop(&is);
        cull_checkpoint_free(out);
    }
    close_all(&f);

    /* rows that differ a little: all of them stay, and two of a group add up */
    make(cx, &f, true, 0.05, config);
    for (int core = 0; core < 2; core++) {
        const char *const mapped[] = {
            "experts", "4", "router", "mapped", "group", core ? "core" : "spectral", NULL};
        out = reduced(cx, &f, "expert-merge", mapped, NULL);
        for (int b = 0; b < BLOCKS; b++) {
            layer was = load(cx, f.ck, b), is = load(cx, out, b);
            int of[E], next = 0;
            assert_true(is.experts == 4 && is.rows == 8);
            /* heads keep the order of old numbers: of e and e + 4 either is the head */
            double best = 1;
            for (int heads = 0; heads < 16 && best > 1e-5; heads++) {
                next = 0;
                for (int e = 0; e < E; e++) {
                    int upper = heads >> (e % 4) & 1;
                    if (upper == (e >= 4)) of[e] = next++;
                }
                for (int e = 0; e < E; e++) {
                    int upper = heads >> (e % 4) & 1;
                    if (upper != (e >= 4)) of[e] = of[(e + 4) % E];
                }
                double far = apart(&f, b, &was, 2, NULL, &is, 2, of);
                best = far < best ? far : best;
            }
            /* two copies may both be cores: that is no fault of the mean */
            if (!core) assert_true(best < 1e-5);
            drop(&was), drop(&is);
        }
        cull_checkpoint_free(out);
    }
    close_all(&f);
    tensors_clear(&f.m), tensors_clear(&f.s);
    cull_ctx_free(cx);
}

static void counts(void **state)
{
    (void)state;
    check_counts("expert-merge");
}

static void refusals(void **state)
{
    (void)state;
    check_refusals("expert-merge");
}

static void trouble(void **state)
{
    (void)state;
    check_trouble("expert-merge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(planted), cmocka_unit_test(counts),
                                       cmocka_unit_test(refusals), cmocka_unit_test(trouble)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
