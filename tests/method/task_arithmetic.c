/* task-arithmetic against sums of differences in double. */
#include "thinned.h"

static void sums(void **state)
{
    (void)state;
    static merging f;
    static uint8_t ones[301 * ROW];
    uint8_t *keep[MERGING] = {ones, ones, ones, ones};
    memset(ones, 1, sizeof ones);
    const char *rules[3] = {"model=1: weight=0.4", "model=2: weight=-0.25", "model=3: weight=2"};
    summed o = {.weight = {0, 0.4, -0.25, 2}, .scale = {1, 1, 1, 1}};
    for (int k = 0; k < 4; k++) {
        merging_fill(&f, k & 1 ? "BF16" : "F32", 4);
        o.alpha = k & 2 ? 0.7 : 1;
        o.normalize = k & 2;
        cull_checkpoint *out =
            merging_run(&f, "task-arithmetic", k & 2 ? "alpha=0.7 normalize=yes" : "", rules);
        for (int t = 0; t < 3; t++) thinned_same(&f, out, t, &o, keep);
        cull_checkpoint_free(out);
        merging_free(&f);
    }
}

/* One model of weight 1 is itself, but for the rounding of its difference; the base without weight is the base. */
static void ends(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "BF16", 2);
    cull_checkpoint *out = merging_run(&f, "task-arithmetic", "", NULL);
    for (int t = 0; t < 3; t++)
        assert_memory_equal(cull_checkpoint_bytes(out, t), cull_checkpoint_bytes(f.ck[1], t),
                            (size_t)f.in[0].t[t].n * 2);
    cull_checkpoint_free(out);
    out = merging_run(&f, "task-arithmetic", "weight=0", NULL);
    for (int t = 0; t < 3; t++)
        assert_memory_equal(cull_checkpoint_bytes(out, t), cull_checkpoint_bytes(f.ck[0], t),
                            (size_t)f.in[0].t[t].n * 2);
    cull_checkpoint_free(out);
    merging_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums), cmocka_unit_test(ends)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
