/* slerp against the formula in double, and what an arc keeps: ends, lengths, lines where there is no arc. */
#include "merging.h"

static void arc(const merging *f, int t, double at, double *want)
{
    const float *x = f->in[0].x[t], *y = f->in[1].x[t];
    int64_t n = f->in[0].t[t].n;
    double xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++)
        xx += (double)x[i] * x[i], yy += (double)y[i] * y[i], xy += (double)x[i] * y[i];
    double cosine = xy / sqrt(xx * yy), angle = acos(cosine);
    bool line = fabs(cosine) > 0.9995;
    for (int64_t i = 0; i < n; i++)
        want[i] = line ? (1 - at) * x[i] + at * y[i]
                       : (sin((1 - at) * angle) * x[i] + sin(at * angle) * y[i]) / sin(angle);
}

static void arcs(void **state)
{
    (void)state;
    static merging f;
    static double want[301 * ROW];
    merging_fill(&f, "F32", 2);
    for (int k = 0; k < 5; k++) {
        char words[40];
        double at = k * 0.25;
        snprintf(words, sizeof words, "t=%g", at);
        cull_checkpoint *out = merging_run(&f, "slerp", words, NULL);
        for (int t = 0; t < 3; t++) {
            arc(&f, t, at, want);
            merging_same(&f, out, t, want, 4e-7, 1); /* coefficients and two terms in f32 */
        }
        cull_checkpoint_free(out);
    }
    merging_free(&f);
}

/* Of opposite and of equal vectors, and of zeros: the line. */
static void lines(void **state)
{
    (void)state;
    static merging f;
    static double want[301 * ROW];
    merging_fill(&f, "F32", 2);
    for (int64_t i = 0; i < 301 * ROW; i++) f.in[1].x[0][i] = -2 * f.in[0].x[0][i];
    for (int i = 0; i < 9; i++) f.in[1].x[1][i] = f.in[0].x[1][i];
    for (int i = 0; i < 5; i++) f.in[0].x[2][i] = 0;
    merging_open(&f, 0), merging_open(&f, 1);
    cull_checkpoint *out = merging_run(&f, "slerp", "t=0.3", NULL);
    for (int t = 0; t < 2; t++) {
        for (int64_t i = 0; i < f.in[0].t[t].n; i++)
            want[i] = 0.7 * f.in[0].x[t][i] + 0.3 * f.in[1].x[t][i];
        merging_same(&f, out, t, want, 4e-7, 1);
    }
    for (int i = 0; i < 5; i++) want[i] = sin(0.3 * acos(0)) * f.in[1].x[2][i];
    merging_same(&f, out, 2, want, 4e-7, 1); /* zeros are at a right angle to all */
    cull_checkpoint_free(out);
    merging_free(&f);
}

static void models(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 3);
    refused(f.cx, merging_try(f.cx, &f, "slerp", "", NULL, NULL), CULL_EINPUT,
            "slerp takes 2 models, and there are 3");
    merging_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(arcs), cmocka_unit_test(lines),
                                       cmocka_unit_test(models)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
