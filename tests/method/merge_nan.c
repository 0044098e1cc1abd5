/* Merges with --allow-nan: a number that is NaN in the base or in a model is NaN in the result, and all others are, to the bit, what
 * they would be had nothing been learned there. */
#include "merging.h"

static const struct {
    int t;
    int64_t i;
    int source; /* 0: the base */
} holes[] = {{0, 0, 1},     {0, 5, 2},     {0, ROW + 3, 1},       {0, ROW + 3, 2},
             {0, 65536, 2}, {0, 70000, 0}, {0, 301 * ROW - 1, 2}, {1, 4, 1},
             {2, 2, 2}};
enum { HOLES = sizeof holes / sizeof *holes };

/* Numbers are NaN, or, at the same places, those of the base in all. */
static void dig(merging *f, bool nan)
{
    for (int h = 0; h < HOLES; h++)
        for (int s = 0; s < f->sources; s++) {
            float *x = f->in[s].x[holes[h].t] + holes[h].i;
            if (nan && s == holes[h].source) *x = NAN;
            if (!nan && (s == holes[h].source || !holes[h].source))
                *x = f->in[0].x[holes[h].t][holes[h].i];
        }
    for (int s = 0; s < f->sources; s++) merging_open(f, s);
}

static float *run(const char *slug, const char *words, bool nan, int t)
{
    static merging f;
    const cull_method *m = cull_method_find(slug, NULL);
    cull_checkpoint *out;
    cull_weights_report r;
    merging_fill(&f, "F32", 3);
    dig(&f, nan);
    cull_weights_problem p = merging_problem(&f, m);
    cull_opts *o = merging_opts(f.cx, m, words);
    if (nan)
        refused(f.cx, cull_weights_run(f.cx, m, o, &p, in_dir("out.safetensors"), &r), CULL_EINPUT,
                "is NaN (--allow-nan?)");
    p.allow_nan = nan;
    ok(f.cx, cull_weights_run(f.cx, m, o, &p, in_dir("out.safetensors"), &r));
    cull_opts_free(o);
    ok(f.cx, cull_checkpoint_open(f.cx, in_dir("out.safetensors"), &out));
    float *x = tensor_numbers(f.cx, out, f.in[0].name[t]);
    cull_checkpoint_free(out);
    merging_free(&f);
    return x;
}

static void carried(void **state)
{
    (void)state;
    static const char *const ways[][2] = {
        {"ties", "density=0.3"},
        {"ties", "density=1 normalize=no"},
        {"breadcrumbs", "density=0.3 gamma=0.1"},
        {"breadcrumbs", "density=0.3 gamma=0.1 granularity=tensor elect=yes"},
        {"breadcrumbs", "density=0.3 gamma=0.1 granularity=model normalize=yes"},
        {"dare", "density=0.25"},
        {"dare", "density=0.25 rescale=l1 elect=yes"},
        {"task-arithmetic", "alpha=0.7"},
    };
    static const int64_t size[] = {301 * ROW, 9, 5};
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
        for (int t = 0; t < 3; t++) {
            float *want = run(ways[w][0], ways[w][1], false, t);
            float *got = run(ways[w][0], ways[w][1], true, t);
            for (int h = 0; h < HOLES; h++)
                if (holes[h].t == t) want[holes[h].i] = NAN;
            for (int64_t i = 0; i < size[t]; i++)
                if (isnan(want[i]) ? !isnan(got[i]) : memcmp(got + i, want + i, sizeof *got) != 0)
                    fail_msg("%s %s: %d [%d] is %.9g, not %.9g", ways[w][0], ways[w][1], t, (int)i,
                             (double)got[i], (double)want[i]);
            free(want), free(got);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(carried)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
