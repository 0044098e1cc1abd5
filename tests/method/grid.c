/* grid.c - grid against the list written out by hand, and counts of combinations. */
#include "searching.h"

static int collect(cull_ctx *cx, const char *text, const char *const *set, double *x, int most)
{
    cull_space *sp = space_of(cx, text);
    int64_t width = cull_space_width(sp);
    cull_search_problem p = {.space = sp};
    cull_study *s = study_of(cx, &p, "grid", set);
    cull_trial t;
    int n = 0;
    cull_status r;
    while (n < most && (r = cull_study_ask(s, &t)) == CULL_OK)
        memcpy(x + width * n++, t.x, (size_t)width * sizeof *x);
    if (n < most) refused(cx, r, CULL_ENODATA, "sequence");
    cull_study_free(s);
    cull_space_free(sp);
    return n;
}

static const char mixed[] =
    "a = one(x, y)\nb = real(0, 1) if a == x\nc = int(1, 100)\nd = real(1, 100, log) if a == y\n";
/* a, b, c, d with 3 levels; -1 = not active */
static const double list[18][4] = {
    {0, 0, 1, -1},     {0, 0, 51, -1},   {0, 0, 100, -1},  {0, 0.5, 1, -1}, {0, 0.5, 51, -1},
    {0, 0.5, 100, -1}, {0, 1, 1, -1},    {0, 1, 51, -1},   {0, 1, 100, -1}, {1, -1, 1, 1},
    {1, -1, 1, 10},    {1, -1, 1, 100},  {1, -1, 51, 1},   {1, -1, 51, 10}, {1, -1, 51, 100},
    {1, -1, 100, 1},   {1, -1, 100, 10}, {1, -1, 100, 100}};

static bool is(const double *x, const double *want)
{
    for (int j = 0; j < 4; j++)
        if (want[j] < 0 ? !isnan(x[j]) : !(fabs(x[j] - want[j]) < 1e-9)) return false;
    return true;
}

static void in_order(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double x[20 * 4];
    assert_int_equal(collect(cx, mixed, WITH("levels=3", "order=in-order"), x, 20), 18);
    for (int i = 0; i < 18; i++) assert_true(is(x + 4 * i, list[i]));
    cull_ctx_free(cx);
}

static void shuffled(void **state)
{
    (void)state;
    double x[2][20 * 4];
    int moved = 0, early = 0;
    for (int seed = 1; seed <= 20; seed++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, (uint64_t)seed);
        double *y = x[seed & 1];
        bool hit[18] = {0};
        assert_int_equal(collect(cx, mixed, WITH("levels=3"), y, 20), 18);
        for (int i = 0; i < 18; i++) {
            int k = 0;
            while (k < 18 && !is(y + 4 * i, list[k])) k++;
            assert_true(k < 18 && !hit[k]);
            hit[k] = true;
            early += i < 9 && k < 9;
        }
        if (seed > 1) moved += memcmp(x[0], x[1], sizeof x[0]) != 0;
        cull_ctx_free(cx);
    }
    assert_int_equal(moved, 19);
    assert_in_range(early, 90 - 25, 90 + 25); /* half of 9 x 20, 4 deviations of such draws */
}

static void several_numbers(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double *x = malloc(10000 * 13 * sizeof *x);
    /* 4 + 6 subsets, 3! orders, 6 ways to give two halves to three */
    static const char text[] =
        "s = subset(1..2 of 4)\no = permutation(a, b, c)\nm = simplex(a, b, c)\n";
    int n = collect(cx, text, WITH("levels=3"), x, 10000);
    assert_int_equal(n, 10 * 6 * 6);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) assert_true(distance(x + 10 * i, x + 10 * j, 10) > 0);
    free(x);
    cull_ctx_free(cx);
}

/* 7^7 points are not laid out: they are drawn, from the grid. */
static void too_many_to_shuffle(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static double x[200 * 8];
    static const char text[] =
        "a = real(0, 6)\nb = real(0, 6)\nc = real(0, 6)\nd = real(0, 6)\ne = real(0, 6)\n"
        "f = real(0, 6)\ng = real(0, 6)\n";
    assert_int_equal(collect(cx, text, WITH("levels=7"), x, 200), 200);
    int hit[7] = {0};
    for (int i = 0; i < 1400; i++) {
        assert_true(fabs(x[i] - round(x[i])) < 1e-12);
        hit[(int)round(x[i])]++;
    }
    for (int k = 0; k < 7; k++) assert_in_range(hit[k], 200 - 53, 200 + 53); /* 4 deviations */
    cull_ctx_free(cx);
}

/* Wide points, too many of them or not, take no more room for that: each point once, in 128 MiB. */
static void wide_points(void **state)
{
    (void)state;
    enum { WIDTH = 6000, ASKED = 300 };
    static const char *const text[] = {"k = subset(0..6000 of 6000)", "k = subset(1 of 6000)"};
    double *x = malloc(sizeof *x * ASKED * WIDTH);
    for (int i = 0; i < 2; i++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.memory = (uint64_t)128 << 20;
        cull_ctx *cx = cull_ctx_new(&o);
        assert_int_equal(collect(cx, text[i], NULL, x, ASKED), ASKED);
        for (int a = 0; a < ASKED; a++)
            for (int b = 0; b < a; b++)
                assert_true(memcmp(x + a * WIDTH, x + b * WIDTH, sizeof *x * WIDTH) != 0);
        cull_ctx_free(cx);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order), cmocka_unit_test(shuffled), cmocka_unit_test(several_numbers),
        cmocka_unit_test(too_many_to_shuffle), cmocka_unit_test(wide_points)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
