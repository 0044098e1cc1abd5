/* quasi_random.c - quasi-random against what defines it: one point in every box of the right size,
 * integrals. */
#include "searching.h"

enum { MOST = 2048 };
static double X[MOST][8];

static void points(const char *text, int n, uint64_t seed, const char *skip)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_ctx_reseed(cx, seed);
    cull_space *sp = space_of(cx, text);
    cull_search_problem p = {.space = sp, .again = CULL_AGAIN_PAID};
    cull_study *s = study_of(cx, &p, "quasi-random", WITH(skip));
    for (int i = 0; i < n; i++) {
        cull_trial t = asked(cx, s);
        memcpy(X[i], t.x, (size_t)cull_space_width(sp) * sizeof(double));
    }
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* Every p^k consecutive points: one in each of p^k parts of the axis; every 4 x 9 in a box of the
 * first two. */
static void one_in_each_part(void **state)
{
    (void)state;
    static const int size[3] = {64, 81, 125}, from[4] = {0, 1, 37, 500};
    for (uint64_t seed = 1; seed < 6; seed++) {
        points("a = real(0, 1)\nb = real(0, 1)\nc = real(0, 1)\n", 1000, seed, "skip=0");
        for (int w = 0; w < 4; w++) {
            for (int j = 0; j < 3; j++) {
                int hit[125] = {0};
                for (int i = 0; i < size[j]; i++) hit[(int)(X[from[w] + i][j] * size[j])]++;
                for (int k = 0; k < size[j]; k++) assert_int_equal(hit[k], 1);
            }
            int box[4][9] = {{0}};
            for (int i = 0; i < 36; i++)
                box[(int)(X[from[w] + i][0] * 4)][(int)(X[from[w] + i][1] * 9)]++;
            for (int k = 0; k < 36; k++) assert_int_equal(box[k / 9][k % 9], 1);
        }
    }
}

/* Both alternatives have the second axis (base 3): of 54 points 27 are in each, one in each 27th of
 * it. What comes after the `or` has the third, whichever was taken. */
static void alternatives_share_an_axis(void **state)
{
    (void)state;
    points("o = or { a { u = real(0, 1) } b { v = real(0, 1) } }\nw = real(0, 1)\n", 125, 3,
           "skip=5");
    for (int side = 0; side < 2; side++) {
        int hit[27] = {0}, n = 0;
        for (int i = 0; i < 54; i++) {
            if ((int)X[i][0] != side) continue;
            hit[(int)(X[i][1 + side] * 27)]++, n++;
        }
        assert_int_equal(n, 27);
        for (int k = 0; k < 27; k++) assert_int_equal(hit[k], 1);
    }
    int hit[125] = {0};
    for (int i = 0; i < 125; i++) hit[(int)(X[i][3] * 125)]++;
    for (int k = 0; k < 125; k++) assert_int_equal(hit[k], 1);
}

/* Three values on the axis of base 2: off by one for each of 10 digits at most; uniform draws are
 * off by 13. */
static void categories_come_equally_often(void **state)
{
    (void)state;
    points("a = one(x, y, z)\nb = one(p, q)\n", 729, 2, "skip=0");
    int a[3] = {0}, b[2] = {0};
    for (int i = 0; i < 729; i++) a[(int)X[i][0]]++, b[(int)X[i][1]]++;
    for (int k = 0; k < 3; k++) assert_in_range(a[k], 243 - 10, 243 + 10);
    assert_in_range(b[0], 364 - 7, 365 + 7);
}

/* The mean of a product over 5 axes is 1: nearer than 1024 independent draws come, whose error is
 * 0.013. */
static void an_integral(void **state)
{
    (void)state;
    double square = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        double sum = 0;
        points("a = real(0, 1)\nb = real(0, 1)\nc = real(0, 1)\nd = real(0, 1)\ne = real(0, 1)\n",
               1024, seed, "skip=0");
        for (int i = 0; i < 1024; i++) {
            double f = 1;
            for (int j = 0; j < 5; j++) f *= 1 + (X[i][j] - 0.5);
            sum += f;
        }
        square += (sum / 1024 - 1) * (sum / 1024 - 1) / 20;
    }
    double independent = sqrt((pow(1 + 1 / 12.0, 5) - 1) / 1024); /* a deviation: 0.022 */
    assert_true(sqrt(square) < independent / 8);
}

/* Over seeds the first point is uniform. */
static void seeds_make_it_unbiased(void **state)
{
    (void)state;
    double sum[3] = {0};
    for (uint64_t seed = 1; seed <= 400; seed++) {
        points("a = real(0, 1)\nb = real(0, 1)\nc = real(0, 1)\n", 1, seed, "skip=0");
        for (int j = 0; j < 3; j++) sum[j] += X[0][j] / 400;
    }
    for (int j = 0; j < 3; j++) /* 4 standard errors of a uniform mean */
        assert_true(fabs(sum[j] - 0.5) < 4 / sqrt(12 * 400));
}

/* Subsets, orders and shares are uniform: 14 subsets, 6 orders, the second moment of a share of
 * three is 1/6. */
static void several_numbers(void **state)
{
    (void)state;
    points("s = subset(1..3 of 4)\n", 1400, 1, "skip=0");
    int subset[16] = {0}, order[27] = {0};
    for (int i = 0; i < 1400; i++)
        subset[(int)(X[i][0] + 2 * X[i][1] + 4 * X[i][2] + 8 * X[i][3])]++;
    for (int k = 1; k < 15; k++)
        assert_in_range(subset[k], 75, 125); /* 100 +- 2.6 deviations of draws */
    points("o = permutation(a, b, c)\n", 1200, 1, "skip=0");
    for (int i = 0; i < 1200; i++) order[(int)(9 * X[i][0] + 3 * X[i][1] + X[i][2])]++;
    for (int k = 0; k < 27; k++)
        if (order[k]) assert_in_range(order[k], 170, 230);
    points("m = simplex(a, b, c)\n", 1024, 1, "skip=0");
    double mean = 0, square = 0;
    for (int i = 0; i < 1024; i++) {
        assert_true(fabs(X[i][0] + X[i][1] + X[i][2] - 1) < 1e-12);
        mean += X[i][1] / 1024, square += X[i][1] * X[i][1] / 1024;
    }
    assert_true(fabs(mean - 1 / 3.0) < 0.01 && fabs(square - 1 / 6.0) < 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_in_each_part),
                                       cmocka_unit_test(alternatives_share_an_axis),
                                       cmocka_unit_test(categories_come_equally_often),
                                       cmocka_unit_test(an_integral),
                                       cmocka_unit_test(seeds_make_it_unbiased),
                                       cmocka_unit_test(several_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
