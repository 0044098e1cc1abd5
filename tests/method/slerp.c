/* slerp against the formula in long double, and what an arc keeps: ends, lengths, lines where there is no arc. */
#include "merging.h"

static void arc(const merging *f, int t, double at, long double *want)
{
    const float *x = f->in[0].x[t], *y = f->in[1].x[t];
    int64_t n = f->in[0].t[t].n;
    long double xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++)
        xx += (long double)x[i] * x[i], yy += (long double)y[i] * y[i],
            xy += (long double)x[i] * y[i];
    long double cosine = xy / sqrtl(xx * yy), angle = acosl(cosine);
    bool line = fabsl(cosine) > 0.9995;
    for (int64_t i = 0; i < n; i++)
        want[i] = line ? (1 - at) * (long double)x[i] + (long double)at * y[i]
                       : (sinl((1 - at) * angle) * x[i] + sinl(at * angle) * y[i]) / sinl(angle);
}

/* Numbers of tensor t are want[] rounded once: half a unit in their last place off, and what f64 adds to that. */
static void rounded(const merging *f, const cull_checkpoint *out, int t, const long double *want)
{
    float *got = tensor_numbers(f->cx, out, f->in[0].name[t]);
    for (int64_t i = 0; i < f->in[0].t[t].n; i++)
        if (!(fabsl(got[i] - want[i]) <= 0.50001L * ldexpl(1, ilogbl(want[i]) - 23)))
            fail_msg("%s [%d]: %.9g, not %.12Lg", f->in[0].name[t], (int)i, got[i], want[i]);
    free(got);
}

static void arcs(void **state)
{
    (void)state;
    static merging f;
    static long double want[301 * ROW];
    merging_fill(&f, "F32", 2);
    for (int k = 0; k < 5; k++) {
        char words[40];
        double at = k * 0.25;
        snprintf(words, sizeof words, "t=%g", at);
        cull_checkpoint *out = merging_run(&f, "slerp", words, NULL);
        for (int t = 0; t < 3; t++) {
            arc(&f, t, at, want);
            rounded(&f, out, t, want);
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
    static long double want[301 * ROW];
    merging_fill(&f, "F32", 2);
    for (int64_t i = 0; i < 301 * ROW; i++) f.in[1].x[0][i] = -2 * f.in[0].x[0][i];
    for (int i = 0; i < 9; i++) f.in[1].x[1][i] = f.in[0].x[1][i];
    for (int i = 0; i < 5; i++) f.in[0].x[2][i] = 0;
    merging_open(&f, 0), merging_open(&f, 1);
    cull_checkpoint *out = merging_run(&f, "slerp", "t=0.3", NULL);
    for (int t = 0; t < 2; t++) {
        for (int64_t i = 0; i < f.in[0].t[t].n; i++)
            want[i] = (1 - 0.3) * (long double)f.in[0].x[t][i] + 0.3 * (long double)f.in[1].x[t][i];
        rounded(&f, out, t, want);
    }
    for (int i = 0; i < 5; i++) want[i] = sinl(0.3 * acosl(0)) * f.in[1].x[2][i];
    rounded(&f, out, 2, want); /* zeros are at a right angle to all */
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
