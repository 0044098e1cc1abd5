/* ties against sorted magnitudes and sums in double, by tensor. */
#include "thinned.h"

static void trims(void **state)
{
    (void)state;
    static merging f;
    static uint8_t marks[MERGING][301 * ROW];
    uint8_t *keep[MERGING] = {marks[0], marks[1], marks[2], marks[3]};
    const char *rules[3] = {"model=1: weight=0.4, density=0.61", "model=2: weight=1.3",
                            "model=3: density=1"};
    summed o = {.weight = {0, 0.4, 1.3, 1}, .scale = {1, 1, 1, 1}, .elect = true};
    const double density[] = {0, 0.61, 0.13, 1};
    for (int k = 0; k < 4; k++) { /* bf16 has many equal differences */
        merging_fill(&f, k & 1 ? "BF16" : "F32", 4);
        o.normalize = !(k & 2);
        o.alpha = k & 2 ? 1.5 : 1;
        cull_checkpoint *out = merging_run(
            &f, "ties", k & 2 ? "density=0.13 normalize=no alpha=1.5" : "density=0.13", rules);
        for (int t = 0; t < 3; t++) {
            int64_t n = f.in[0].t[t].n;
            for (int s = 1; s < 4; s++) {
                int64_t kept = (int64_t)(density[s] * (double)n);
                thinned_keep(&f, t, s, 0, n, 0, kept < 1 ? 1 : kept, keep[s]);
            }
            thinned_same(&f, out, t, &o, keep);
        }
        cull_checkpoint_free(out);
        merging_free(&f);
    }
}

/* A tensor that is large enough for the cuts of both models to be found in one pass: what is kept of each is what a sort says. */
static void large(void **state)
{
    (void)state;
    enum { N = 601 * 1009 };
    static merging f;
    cull_rng r = cull__rng_seeded(103, 0);
    uint8_t *keep = malloc(N);
    memset(&f, 0, sizeof f);
    f.cx = cull_ctx_new(NULL);
    f.sources = 3;
    for (int s = 0; s < 3; s++) {
        float *x = tensors_add(&f.in[s], "model.layers.0.mlp.up_proj.weight", "F32", 601, 1009);
        for (int64_t i = 0; i < N; i++) x[i] = s ? (float)cull__rng_normal(&r) : 0;
        tensors_add(&f.in[s], "model.ids", "I32", 6, 0);
        merging_open(&f, s);
    }
    for (int s = 1; s < 3; s++) { /* the other one counts for nothing */
        const char *rules[] = {"model=1: density=0.31",
                               s == 1 ? "model=2: weight=0" : "model=1: weight=0", NULL};
        cull_weights_report report;
        cull_checkpoint *out;
        ok(f.cx, merging_try(f.cx, &f, "ties", "density=0.07", rules, &report));
        ok(f.cx, cull_checkpoint_open(f.cx, in_dir("out.safetensors"), &out));
        float *got = tensor_numbers(f.cx, out, f.in[0].name[0]);
        thinned_keep(&f, 0, s, 0, N, 0, (int64_t)((s == 1 ? 0.31 : 0.07) * N), keep);
        for (int64_t i = 0; i < N; i++) assert_true(got[i] == (keep[i] ? f.in[s].x[0][i] : 0));
        free(got);
        cull_checkpoint_free(out);
    }
    free(keep);
    merging_free(&f);
}

/* By hand: signs agree on 1 and 2, model 2 is alone against a larger 3. */
static void by_hand(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 3);
    static const float one[] = {1, -2, 3, 0, 0.5f}, two[] = {3, -1, -1, 0, -0.5f};
    for (int i = 0; i < 5; i++)
        f.in[0].x[2][i] = 10, f.in[1].x[2][i] = 10 + one[i], f.in[2].x[2][i] = 10 + two[i];
    for (int s = 0; s < 3; s++) merging_open(&f, s);
    cull_checkpoint *out = merging_run(&f, "ties", "density=1", NULL);
    double want[] = {12, 8.5, 13, 10, 10.5}; /* of a sum of 0 the sign is plus */
    merging_same(&f, out, 2, want, 0, 0);
    cull_checkpoint_free(out);
    merging_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(trims), cmocka_unit_test(large),
                                       cmocka_unit_test(by_hand)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
