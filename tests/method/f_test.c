/* f-test: against the textbook's sums and scikit-learn's answers; gaps, many rows, perfect columns. */
#include "sklearn.h"
#include "table.h"

/* Sums of squares between and within, by their definitions. */
static double of_classes(const float *x, const double *y, int n, int d, int c, int classes)
{
    double all = 0, m = 0, between = 0, within = 0, groups = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(x[i * d + c])) all += (double)x[i * d + c], m++;
    for (int k = 0; k < classes; k++) {
        double sum = 0, in = 0;
        for (int i = 0; i < n; i++)
            if (y[i] == k && !isnan(x[i * d + c])) sum += (double)x[i * d + c], in++;
        if (in == 0) continue;
        groups++;
        between += in * pow(sum / in - all / m, 2);
        for (int i = 0; i < n; i++)
            if (y[i] == k && !isnan(x[i * d + c]))
                within += pow((double)x[i * d + c] - sum / in, 2);
    }
    return groups > 1 ? between / (groups - 1) / (within / (m - groups)) : NAN;
}

static double of_numbers(const float *x, const double *y, int n, int d, int c)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0, m = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(x[i * d + c])) mx += (double)x[i * d + c], my += y[i], m++;
    mx /= m, my /= m;
    for (int i = 0; i < n; i++) {
        if (isnan(x[i * d + c])) continue;
        xx += pow((double)x[i * d + c] - mx, 2);
        yy += pow(y[i] - my, 2);
        xy += ((double)x[i * d + c] - mx) * (y[i] - my);
    }
    double r = xy / sqrt(xx * yy);
    return xx > 0 ? r * r / (1 - r * r) * (m - 2) : NAN;
}

static void tables(void **state)
{
    (void)state;
    for (int numbers = 0; numbers < 2; numbers++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        table *t = table_new(cx, false, true, numbers);
        double want[D];
        cull_feature_pick k;
        for (int c = 0; c < D; c++) {
            want[c] = numbers ? of_numbers(t->x, t->number, N, D, c)
                              : of_classes(t->x, t->class, N, D, c, 4);
            if (t->avoid[c] || c == CONSTANT || c == EMPTY) want[c] = NAN;
        }
        t->p.cost = t->cost;
        select_by(cx, "f-test", NULL, &t->p, &k);
        ranked(&t->p, &k, want, 1e-11);
        for (int c = 0; c < D; c++)
            assert_true(isnan(want[c]) ? isnan(k.p[c]) : k.p[c] > 0 && k.p[c] < 1);
        cull_feature_pick_free(&k);
        holds_up("f-test", NULL, &t->p);
        table_free(t);
        cull_ctx_free(cx);
    }
}

static void peer(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    asked *a = asked_new();
    cull_pool *pool;
    cull_feature_pick k;
    ok(cx, cull_pool_from(cx, a->x, CULL_F32, ROWS, WIDE, &pool));
    cull_feature_problem p = {
        .n = ROWS, .d = WIDE, .x = pool, .y = a->class, .classes = 3, .budget = 3};
    select_by(cx, "f-test", NULL, &p, &k);
    ranked(&p, &k, sklearn_f_classes, 1e-11);
    for (int c = 0; c < WIDE; c++) assert_true(fabs(k.p[c] / sklearn_f_classes_p[c] - 1) < 1e-10);
    cull_feature_pick_free(&k);
    p.y = a->number, p.classes = 0;
    select_by(cx, "f-test", NULL, &p, &k);
    ranked(&p, &k, sklearn_f_numbers, 1e-11);
    for (int c = 0; c < WIDE; c++) assert_true(fabs(k.p[c] / sklearn_f_numbers_p[c] - 1) < 1e-10);
    cull_feature_pick_free(&k);
    cull_pool_free(pool);
    free(a);
    cull_ctx_free(cx);
}

static void many_rows(void **state)
{
    (void)state;
    enum { MANY = 20011, FEW = 4 };
    cull_ctx *cx = cull_ctx_new(NULL);
    float *x = malloc(sizeof *x * MANY * FEW);
    double *y = malloc(sizeof *y * MANY), want[FEW];
    cull_pool *pool;
    cull_feature_pick k;
    for (int i = 0; i < MANY; i++) {
        y[i] = i % 3;
        for (int c = 0; c < FEW; c++)
            x[i * FEW + c] =
                (float)(1000 + split_mix((uint64_t)(i * FEW + c), 9) + 0.01 * c * y[i]);
        x[i * FEW] = (float)(2.385 * y[i]); /* all that there is to know */
    }
    ok(cx, cull_pool_from(cx, x, CULL_F32, MANY, FEW, &pool));
    cull_feature_problem p = {.n = MANY, .d = FEW, .x = pool, .y = y, .classes = 3, .budget = 2};
    for (int numbers = 0; numbers < 2; numbers++) {
        p.classes = numbers ? 0 : 3;
        for (int c = 0; c < FEW; c++)
            want[c] = numbers ? of_numbers(x, y, MANY, FEW, c) : of_classes(x, y, MANY, FEW, c, 3);
        select_by(cx, "f-test", NULL, &p, &k);
        assert_int_equal(k.pick.idx[0], 0);
        assert_true(k.score[0] > 1e20 && k.p[0] == 0); /* an infinity, but for rounding */
        if (!numbers) assert_true(isinf(k.score[0]));
        k.score[0] = want[0];
        for (int c = 1; c < FEW; c++) assert_true(close_to(k.score[c], want[c], 1e-8));
        cull_feature_pick_free(&k);
        holds_up("f-test", NULL, &p);
    }
    cull_pool_free(pool);
    free(x), free(y);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables), cmocka_unit_test(peer),
                                       cmocka_unit_test(many_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
