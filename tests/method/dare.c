/* dare: marks are told by a base of zeros and models of ones; with them the sums are those of plain loops. Their share, their
 * dependence on seed, name and model alone, and the scales. */
#include "thinned.h"

/* What is drawn for each source of each tensor, by a run on other numbers of the same names and shapes. */
static void drawn(merging *f, uint8_t marks[3][MERGING][301 * ROW])
{
    static merging g;
    for (int s = 1; s < f->sources; s++) {
        char rule[3][40];
        const char *rules[3] = {NULL};
        merging_fill(&g, "F32", f->sources);
        int n = 0;
        for (int k = 0; k < f->sources; k++) {
            for (int t = 0; t < 3; t++)
                for (int64_t i = 0; i < g.in[k].t[t].n; i++) g.in[k].x[t][i] = k > 0;
            merging_open(&g, k);
            if (k == 0 || k == s) continue;
            snprintf(rule[n], sizeof rule[n], "model=%d: weight=0", k);
            rules[n] = rule[n], n++;
        }
        cull_checkpoint *out = merging_run(&g, "dare", "density=0.25 rescale=no", rules);
        for (int t = 0; t < 3; t++) {
            float *x = tensor_numbers(g.cx, out, g.in[0].name[t]);
            for (int64_t i = 0; i < g.in[0].t[t].n; i++) marks[t][s][i] = x[i] != 0;
            free(x);
        }
        cull_checkpoint_free(out);
        merging_free(&g);
    }
}

static double l1(const merging *f, int t, int s, const uint8_t *keep)
{
    double sum = 0;
    for (int64_t i = 0; i < f->in[0].t[t].n; i++)
        if (!keep || keep[i]) sum += fabsf(f->in[s].x[t][i] - f->in[0].x[t][i]);
    return sum;
}

static void sums(void **state)
{
    (void)state;
    static merging f;
    static uint8_t marks[3][MERGING][301 * ROW];
    static const char *const how[] = {"density", "l1", "no"};
    f.sources = 4;
    drawn(&f, marks);
    for (int k = 0; k < 6; k++) {
        summed o = {.weight = {0, 1, 1, 1}, .scale = {1, 1, 1, 1}, .alpha = 0.8};
        char words[120];
        merging_fill(&f, k & 1 ? "BF16" : "F32", 4);
        o.elect = o.normalize = k > 2;
        snprintf(words, sizeof words, "density=0.25 alpha=0.8 rescale=%s%s", how[k % 3],
                 o.elect ? " elect=yes normalize=yes" : "");
        cull_checkpoint *out = merging_run(&f, "dare", words, NULL);
        for (int t = 0; t < 3; t++) {
            uint8_t *keep[MERGING] = {NULL, marks[t][1], marks[t][2], marks[t][3]};
            for (int s = 1; s < 4; s++) {
                double after = l1(&f, t, s, keep[s]);
                o.scale[s] = k % 3 == 0                ? 1 / 0.25
                             : k % 3 == 1 && after > 0 ? l1(&f, t, s, NULL) / after
                                                       : 1;
            }
            thinned_same(&f, out, t, &o, keep);
        }
        cull_checkpoint_free(out);
        merging_free(&f);
    }
}

/* The scale of l1 is the quotient of the two sums, rounded to f32 once: told by a base of zeros and one model. */
static void scale(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 2);
    for (int t = 0; t < 3; t++)
        for (int64_t i = 0; i < f.in[0].t[t].n; i++) f.in[0].x[t][i] = 0;
    merging_open(&f, 0);
    cull_checkpoint *out = merging_run(&f, "dare", "density=0.25 rescale=l1", NULL);
    for (int t = 0; t < 2; t++) {
        const float *x = f.in[1].x[t];
        float *got = tensor_numbers(f.cx, out, f.in[0].name[t]);
        long double all = 0, kept = 0;
        for (int64_t i = 0; i < f.in[0].t[t].n; i++) {
            all += fabsl(x[i]);
            if (got[i] != 0) kept += fabsl(x[i]);
        }
        for (int64_t i = 0; i < f.in[0].t[t].n; i++)
            if (got[i] != 0) assert_true(got[i] == (float)(all / kept) * x[i]);
        free(got);
    }
    cull_checkpoint_free(out);
    merging_free(&f);
}

/* The share that is kept; models and tensors draw each for itself, and another seed otherwise. */
static void draws(void **state)
{
    (void)state;
    static merging f;
    static uint8_t marks[3][MERGING][301 * ROW];
    f.sources = 3;
    drawn(&f, marks);
    const double n = 301 * ROW;
    double kept[3] = {0}, both = 0;
    for (int64_t i = 0; i < 301 * ROW; i++) {
        for (int s = 1; s < 3; s++) kept[s] += marks[0][s][i];
        both += marks[0][1][i] & marks[0][2][i];
    }
    double sd = sqrt(0.25 * 0.75 / n); /* five of them: one run in a million fails by chance */
    assert_true(fabs(kept[1] / n - 0.25) < 5 * sd && fabs(kept[2] / n - 0.25) < 5 * sd);
    assert_true(fabs(both / n - 0.0625) < 5 * sqrt(0.0625 * 0.9375 / n));
    merging_fill(&f, "F32", 2);
    float *x[2];
    for (int k = 0; k < 2; k++) {
        cull_ctx_reseed(f.cx, (uint64_t)k + 1);
        cull_checkpoint *out = merging_run(&f, "dare", "density=0.25", NULL);
        x[k] = tensor_numbers(f.cx, out, f.in[0].name[0]);
        cull_checkpoint_free(out);
    }
    assert_memory_not_equal(x[0], x[1], (size_t)(301 * ROW) * sizeof **x);
    free(x[0]), free(x[1]);
    merging_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums), cmocka_unit_test(scale),
                                       cmocka_unit_test(draws)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
