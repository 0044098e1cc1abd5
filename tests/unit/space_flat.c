/* unit.space_flat - crossover where all parameters are reals is made many genes abreast: its children are distributed as
 * those of the same parents in a space that has a category besides, and are made gene by gene. */
#include "space/space.h"
#include "test.h"

enum { GENES = 70, DRAWS = 400, ALL = GENES * DRAWS }; /* more genes than go abreast at once */

static cull_space *reals(cull_ctx *cx, const char *range, bool more)
{
    cull_space *s;
    char text[GENES * 48 + 40] = "";
    for (int i = 0; i < GENES; i++) sprintf(text + strlen(text), "x%d = real(%s)\n", i, range);
    if (more) strcat(text, "c = one(u, v)\n");
    ok(cx, cull_space_from(cx, text, strlen(text), "s", &s));
    return s;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The largest difference of the two distributions (Kolmogorov, Smirnov). */
static double farthest(double *a, double *b)
{
    double most = 0;
    qsort(a, ALL, sizeof *a, ascending);
    qsort(b, ALL, sizeof *b, ascending);
    for (int i = 0, j = 0; i < ALL && j < ALL;) {
        double v = a[i] < b[j] ? a[i] : b[j];
        while (i < ALL && a[i] <= v) i++;
        while (j < ALL && b[j] <= v) j++;
        most = fmax(most, fabs((double)(i - j)) / ALL);
    }
    return most;
}

static void children(cull_ctx *cx, const cull_space *s, const cull__sbx *by, const double *x,
                     const double *z, double *out)
{
    cull_rng r = cull__rng_seeded(7, (uint64_t)cull_space_width(s));
    double y[GENES + 1];
    for (int k = 0; k < DRAWS; k++) {
        ok(cx, cull__space_sbx(cx, s, by, &r, x, z, y));
        ok(cx, cull_space_check(cx, s, y));
        for (int i = 0; i < GENES; i++) /* without what is rounding */
            out[k * GENES + i] = rint(1e9 * cull__space_to_unit(cull_space_at(s, 0), y[i]));
    }
}

/* Parents of one pair of values, in places of a range: in the middle, at an edge, far apart. */
static void compare(cull_ctx *cx, const char *range, const cull__sbx *by, double a, double b)
{
    static double flat[ALL], plain[ALL];
    cull_space *s = reals(cx, range, false), *t = reals(cx, range, true);
    const cull_space_param *p = cull_space_at(s, 0);
    double x[GENES + 1] = {0}, z[GENES + 1] = {0};
    for (int i = 0; i < GENES; i++) {
        x[i] = cull__space_from_unit(p, a);
        z[i] = cull__space_from_unit(p, b);
    }
    children(cx, s, by, x, z, flat);
    children(cx, t, by, x, z, plain);
    assert_true(farthest(flat, plain) < 2.1 * sqrt(2. / ALL)); /* p = 0.0003 */
    cull_space_free(s);
    cull_space_free(t);
}

static void test_alike(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const char *const range[] = {"-3, 7.5", "1e-3, 20, log"};
    const double at[][2] = {{0.45, 0.6}, {0.62, 0.0}, {0.001, 0.03}, {1, 0.97}, {0.2, 0.2}};
    const cull__sbx by[] = {{15, 20, 0.2, false},
                            {20, 15, 0, false},
                            {0, 0, 0.7, false},
                            {2.7, 900, 1, false},
                            {1000, 3, 1e-12, false}};
    for (int r = 0; r < 2; r++)
        for (int k = 0; k < 5; k++)
            for (int j = 0; j < 5; j++) compare(cx, range[r], by + j, at[k][0], at[k][1]);
    cull_ctx_free(cx);
}

/* Genes do not share their coins: whether two of them take the same way is even. */
static void test_apart(void **state)
{
    (void)state;
    enum { N = 4000 };
    static int8_t up[N][GENES], crossed[N][GENES];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = reals(cx, "0, 1", false);
    cull_rng r = cull__rng_seeded(5, 1);
    const cull__sbx by = {15, 20, 1e-12, false};
    double x[GENES], z[GENES], y[GENES];
    for (int i = 0; i < GENES; i++) x[i] = 0.4, z[i] = 0.6;
    for (int k = 0; k < N; k++) {
        ok(cx, cull__space_sbx(cx, s, &by, &r, x, z, y));
        for (int i = 0; i < GENES; i++)
            up[k][i] = y[i] > 0.5, crossed[k][i] = fabs(y[i] - 0.5) != 0.5 - 0.4;
    }
    for (int i = 0; i < GENES; i++)
        for (int j = 0; j < i; j++) {
            int ups = 0, crosses = 0;
            for (int k = 0; k < N; k++) {
                ups += up[k][i] == up[k][j];
                crosses += crossed[k][i] == crossed[k][j];
            }
            /* five standard deviations, for there are 4830 such numbers */
            assert_true(abs(ups - N / 2) < 5 * sqrt(N) / 2);
            assert_true(abs(crosses - N / 2) < 5 * sqrt(N) / 2);
        }
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* Parents that are equal, or nearly, and ranges of any size: points of the space. */
static void test_edges(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const char *const range[] = {"-1e308, 1e307", "0, 1e-300", "1, 1.0000000000000002",
                                 "1e-150, 1e150, log"};
    const cull__sbx by[] = {{15, 20, 1e-12, false}, {0, 0, 0, false}, {1000, 1000, 1, false}};
    double x[GENES], z[GENES], y[GENES];
    for (int k = 0; k < 4; k++) {
        cull_space *s = reals(cx, range[k], false);
        const cull_space_param *p = cull_space_at(s, 0);
        cull_rng r = cull__rng_seeded(6, (uint64_t)k);
        for (int i = 0; i < GENES; i++) {
            x[i] = cull__space_from_unit(p, i / (GENES - 1.));
            z[i] = i % 3 == 0 ? x[i] : i % 3 == 1 ? nextafter(x[i], p->lo) : p->hi;
        }
        for (int n = 0; n < 300; n++) {
            ok(cx, cull__space_sbx(cx, s, by + n % 3, &r, x, z, y));
            ok(cx, cull_space_check(cx, s, y));
        }
        ok(cx, cull__space_sbx(cx, s, by, &r, x, x, y));
        assert_memory_equal(x, y, sizeof y);
        cull_space_free(s);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alike), cmocka_unit_test(test_apart),
                                       cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
