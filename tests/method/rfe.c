/* rfe: with one column a round, what least squares by elimination of unknowns would have leave; what was planted stays. */
#include "columns.h"

enum { N = 90, D = 7 };

/* Weights of standardised columns `in`, with the penalty l2 n, by Gauss-Jordan. */
static void weights(const double *x, const double *y, const bool *in, double l2, double *out)
{
    double a[D * D] = {0}, b[D] = {0};
    int at[D], q = 0;
    for (int c = 0; c < D; c++)
        if (in[c]) at[q++] = c;
    for (int i = 0; i < q; i++) {
        for (int r = 0; r < N; r++) {
            b[i] += x[r * D + at[i]] * y[r];
            for (int j = 0; j < q; j++) a[i * q + j] += x[r * D + at[i]] * x[r * D + at[j]];
        }
        a[i * q + i] += l2 * N;
    }
    for (int i = 0; i < q; i++)
        for (int j = 0; j < q; j++) {
            if (i == j) continue;
            double f = a[j * q + i] / a[i * q + i];
            for (int l = i; l < q; l++) a[j * q + l] -= f * a[i * q + l];
            b[j] -= f * b[i];
        }
    for (int i = 0; i < q; i++) out[at[i]] = fabs(b[i] / a[i * q + i]);
}

static void one_by_one(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    cull_rng r = cull__rng_seeded(4, 4);
    float x[N * D];
    double z[N * D], y[N], target[N], mean = 0;
    for (int i = 0; i < N; i++) {
        for (int c = 0; c < D; c++) x[i * D + c] = (float)cull__rng_normal(&r);
        x[i * D + 3] = x[i * D] + 0.4f * x[i * D + 3]; /* they say much the same */
        y[i] = x[i * D] + x[i * D + 3] - 1.3 * x[i * D + 5] + 0.4 * x[i * D + 6] +
               cull__rng_normal(&r);
        mean += y[i] / N;
    }
    for (int c = 0; c < D; c++) {
        double m = 0, sq = 0;
        for (int i = 0; i < N; i++) m += x[i * D + c] / (double)N;
        for (int i = 0; i < N; i++) sq += (x[i * D + c] - m) * (x[i * D + c] - m) / N;
        for (int i = 0; i < N; i++) z[i * D + c] = (x[i * D + c] - m) / sqrt(sq);
    }
    for (int i = 0; i < N; i++) target[i] = y[i] - mean;
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &pool));
    cull_feature_problem p = {.n = N, .d = D, .x = pool, .y = y, .budget = 1};
    cull_feature_pick k;
    ok(cx, pick_columns(cx, "rfe", "step=0 l2=0.01", &p, &k));
    bool in[D] = {true, true, true, true, true, true, true};
    for (int place = 1; place <= D; place++) {
        double w[D];
        int least = -1;
        weights(z, target, in, 0.01, w);
        for (int c = 0; c < D; c++)
            if (in[c] && (least < 0 || w[c] < w[least])) least = c;
        in[least] = false;
        assert_true(k.score[least] == place);
        if (place == D) kept_are(&k, &least, 1);
    }
    cull_feature_pick_free(&k);
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

static const char *const ways[] = {"model=linear step=0", "model=linear step=0.3",
                                   "model=trees step=0.5", "model=logistic"};

static void planted(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    for (int w = 0; w < 4; w++)
        for (int classes = w == 3; classes < 2; classes++) {
            table_of *t = table_new(cx, classes, false);
            cull_feature_pick k;
            t->p.group = t->group, t->p.groups = TABLE_ROWS / 6;
            t->p.budget = 3;
            ok(cx, pick_columns(cx, "rfe", ways[w], &t->p, &k));
            kept_are(&k, (int[]){1, 4, 7}, 3);
            double places = 0;
            for (int c = 0; c < TABLE_COLS; c++) {
                assert_true(isnan(k.score[c]) == (c == 9 || c == 10));
                if (!isnan(k.score[c])) places += k.score[c];
            }
            assert_true(places == 55 && k.score[1] > 7 && k.score[4] > 7 && k.score[7] > 7);
            cull_feature_pick_free(&k);
            t->have[7] = 1, t->avoid[1] = 1;
            t->p.have = t->have, t->p.avoid = t->avoid, t->p.cost = t->cost, t->p.budget = 1.8;
            ok(cx, pick_columns(cx, "rfe", ways[w], &t->p, &k));
            kept_are(&k, (int[]){4}, 1);
            assert_true(isnan(k.score[1]) && k.score[7] == 9);
            cull_feature_pick_free(&k);
            for (int c = 0; c < TABLE_COLS; c++) t->avoid[c] = 1;
            ok(cx, pick_columns(cx, "rfe", ways[w], &t->p, &k));
            kept_are(&k, NULL, 0);
            cull_feature_pick_free(&k);
            table_free(t);
        }
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    table_of *t = table_new(cx, false, false);
    cull_feature_pick k;
    refused(cx, pick_columns(cx, "rfe", "", &t->p, &k), CULL_EINPUT, "how many to keep");
    t->p.budget = 2;
    refused(cx, pick_columns(cx, "rfe", "model=logistic", &t->p, &k), CULL_EINPUT, "needs classes");
    table_free(t);
    cull_ctx_free(cx);
}

static void bears(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    for (int w = 0; w < 4; w++) {
        table_of *t = table_new(cx, true, false);
        t->p.budget = 2;
        bears_all("rfe", ways[w], &t->p, w == 3 ? 3 : 1);
        if (!w) plan_holds("rfe", "", &t->p);
        table_free(t);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_by_one), cmocka_unit_test(planted),
                                       cmocka_unit_test(refusals), cmocka_unit_test(bears)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
