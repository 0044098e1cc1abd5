/* linear against weighted means in double; rules for single tensors, models and rows that are common. */
#include "merging.h"

static double weighted(const merging *f, int t, int64_t i, const double *w, bool mean)
{
    double sum = 0, total = 0;
    for (int s = 0; s < f->sources; s++) sum += w[s] * f->in[s].x[t][i], total += w[s];
    return mean ? sum / total : sum;
}

static void check(const merging *f, const cull_checkpoint *out, int t, const double *w, bool mean,
                  double eps)
{
    double *want = malloc((size_t)f->in[0].t[t].n * sizeof *want);
    for (int64_t i = 0; i < f->in[0].t[t].n; i++) want[i] = weighted(f, t, i, w, mean);
    merging_same(f, out, t, want, eps, 1); /* sums of numbers about 1 in f32 */
    free(want);
}

static void means(void **state)
{
    (void)state;
    static merging f;
    static const struct {
        const char *dtype;
        double eps;
    } kind[] = {{"F32", 4e-7}, {"BF16", 1. / 256 + 4e-7}};
    for (int k = 0; k < 2; k++) {
        merging_fill(&f, kind[k].dtype, 3);
        const char *rules[3] = {"model=1: weight=0.3", "model=2: weight=0.7",
                                "model=3: weight=-0.2"};
        double w[] = {0.3, 0.7, -0.2}, even[] = {1, 1, 1};
        for (int mean = 0; mean < 2; mean++) {
            cull_checkpoint *out = merging_run(&f, "linear", mean ? "" : "normalize=no", rules);
            for (int t = 0; t < 3; t++) check(&f, out, t, w, mean, kind[k].eps);
            cull_checkpoint_free(out);
        }
        cull_checkpoint *out = merging_run(&f, "linear", "", NULL);
        for (int t = 0; t < 3; t++) check(&f, out, t, even, true, kind[k].eps);
        cull_checkpoint_free(out);
        merging_free(&f);
    }
}

/* Of rules that set one option the last counts; each word of one must hold. */
static void rules(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 2);
    double first[] = {1, 0}, second[] = {0, 1}, even[] = {1, 1};
    const char *rule[3] = {"model=2: weight=0", "role=ffn layer=0-3 model=1: weight=0",
                           "*mlp* model=2: weight=1"};
    cull_checkpoint *out = merging_run(&f, "linear", "", rule);
    check(&f, out, 0, second, true, 0);
    check(&f, out, 1, first, true, 0);
    check(&f, out, 2, first, true, 0);
    cull_checkpoint_free(out);
    const char *narrow[3] = {"layer=1 model=2 *q?proj*: weight=0, normalize=yes"};
    out = merging_run(&f, "linear", "", narrow);
    check(&f, out, 0, even, true, 4e-7);
    check(&f, out, 1, first, true, 0);
    cull_checkpoint_free(out);
    merging_free(&f);
}

static void refusals(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 2);
    static const struct {
        const char *rule, *says;
    } bad[] = {{"role=ffm: weight=1", "did you mean ffn?"},
               {"role=x: weight=1", "roles are"},
               {"layer=: weight=1", "N or FROM-TO"},
               {"layer=3-1: weight=1", "N or FROM-TO"},
               {"model=3: weight=1", "there are models 1 to 2"},
               {"model=0: weight=1", "there are models 1 to 2"},
               {"leyer=3: weight=1", "a word is a pattern"},
               {"*: wieght=1", "did you mean 'weight'?"},
               {"*: weight", "NAME=VALUE"},
               {"*: weight=much", "is no number"},
               {"*:", "write WHICH"},
               {"weight=1", "write WHICH"},
               {"*.nothing: weight=1", "no tensor is all of that"},
               {"role=router: weight=1", "no tensor is all of that"}};
    unlink(in_dir("out.safetensors"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *rule[3] = {bad[i].rule};
        refused(f.cx, merging_try(f.cx, &f, "linear", "", rule, NULL), CULL_EOPTION, bad[i].says);
        assert_int_not_equal(access(in_dir("out.safetensors"), F_OK), 0);
    }
    const char *none[3] = {"*: weight=0"};
    refused(f.cx, merging_try(f.cx, &f, "linear", "", none, NULL), CULL_EOPTION, "add up to 0");
    assert_int_not_equal(access(in_dir("out.safetensors"), F_OK), 0);
    merging_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(means), cmocka_unit_test(rules),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
