/* stepwise: the errors of sets against ridge regression fitted anew, nearest neighbours by counting; what was planted
 * is found by every model and search. */
#include "columns.h"
#include "score/subset.h"

/* ---- the oracle: least squares by elimination, from the rows themselves ---- */

static void solve(double *a, double *b, int q)
{
    for (int i = 0; i < q; i++)
        for (int j = 0; j < q; j++) {
            if (i == j) continue;
            double f = a[j * q + i] / a[i * q + i];
            for (int l = i; l < q; l++) a[j * q + l] -= f * a[i * q + l];
            b[j] -= f * b[i];
        }
    for (int i = 0; i < q; i++) b[i] /= a[i * q + i];
}

static double ridge_error(const cull__subset *s, const int64_t *set, int k)
{
    const cull__design *x = &s->x;
    int64_t n = x->n, at[64];
    int q = 0;
    double error = 0, none = 0;
    for (int i = 0; i < k; i++)
        for (int64_t l = x->start[set[i]]; l < x->start[set[i] + 1]; l++) at[q++] = l;
    for (int t = 0; t < x->targets; t++)
        for (int f = 0; f < s->o.folds; f++) {
            double a[64 * 64] = {0}, b[64] = {0}, mean = 0, rows = 0;
            for (int64_t i = 0; i < n; i++) {
                double v[64], y = x->y[t * n + i];
                if (s->fold[i] == f) continue;
                for (int j = 0; j < q; j++) v[j] = x->x[at[j] * n + i];
                v[q] = 1, mean += y, rows++;
                for (int j = 0; j <= q; j++) {
                    b[j] += v[j] * y;
                    for (int l = 0; l <= q; l++) a[j * (q + 1) + l] += v[j] * v[l];
                }
            }
            for (int j = 0; j < q; j++) a[j * (q + 1) + j] += s->o.l2 * (double)n;
            solve(a, b, q + 1);
            for (int64_t i = 0; i < n; i++) {
                double y = x->y[t * n + i], e = y - b[q];
                if (s->fold[i] != f) continue;
                for (int j = 0; j < q; j++) e -= b[j] * x->x[at[j] * n + i];
                error += e * e;
                none += (y - mean / rows) * (y - mean / rows);
            }
        }
    return error / none;
}

static double neighbour_error(const cull__subset *s, const int64_t *set, int k)
{
    const cull__design *x = &s->x;
    int64_t n = x->n;
    double error = 0, none = 0;
    for (int64_t i = 0; i < n; i++) {
        double y = x->y[i], mean = 0, rows = 0, sum = 0;
        bool used[TABLE_ROWS] = {false};
        for (int64_t j = 0; j < n; j++)
            if (s->fold[j] != s->fold[i]) mean += x->y[j], rows++;
        for (int m = 0; m < s->o.neighbours; m++) {
            int64_t best = -1;
            double least = INFINITY;
            for (int64_t j = 0; j < n; j++) {
                double d = 0;
                if (used[j] || s->fold[j] == s->fold[i]) continue;
                for (int c = 0; c < k; c++)
                    for (int64_t l = x->start[set[c]]; l < x->start[set[c] + 1]; l++) {
                        double e = x->x[l * n + i] - x->x[l * n + j];
                        d += e * e;
                    }
                if (d < least) least = d, best = j;
            }
            used[best] = true, sum += x->y[best];
        }
        sum /= (double)s->o.neighbours;
        error += (sum - y) * (sum - y);
        none += (mean / rows - y) * (mean / rows - y);
    }
    return error / none;
}

static double oracle(const cull__subset *s, const int64_t *set, int k)
{
    if (!k) return 1;
    return s->o.model == CULL__LINEAR ? ridge_error(s, set, k) : neighbour_error(s, set, k);
}

/* Each set of columns, moved by each other one. Numbers are f32 and distances sums of them: 1e-5; the nearest
 * rows may differ where two are as near, which columns 0 and 1 leave no room for. */
static void errors(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    static const int64_t set[] = {1, 7, 0, 3};
    for (int model = CULL__LINEAR; model <= CULL__KNN; model += CULL__KNN)
        for (int kind = 0; kind < 3; kind++) { /* numbers, two classes, three */
            table_of *t = table_new(cx, kind > 0, false);
            if (kind == 2 && model == CULL__KNN) {
                table_free(t);
                continue;
            }
            for (int i = 0; kind == 2 && i < TABLE_ROWS; i++) t->klass[i] = i % 3;
            t->p.classes = kind == 2 ? 3 : t->p.classes;
            cull__subset_opts o = {
                .model = (cull__model)model, .folds = 4, .neighbours = 3, .l2 = 0.002, .stream = 3};
            cull__subset s;
            ok(cx, cull__subset_new(cx, &t->p, &o, &s));
            for (int k = model == CULL__KNN ? 1 : 0; k <= 4; k++) {
                double here, error[4];
                int64_t cand[] = {2, 8, 4, 5}, other[5];
                ok(cx, cull__subset_try(cx, &s, set, k, cand, 4, true, &here, error));
                assert_true(fabs(here - oracle(&s, set, k)) < 1e-5);
                for (int c = 0; c < 4; c++) {
                    memcpy(other, set, sizeof set);
                    other[k] = cand[c];
                    assert_true(fabs(error[c] - oracle(&s, other, k + 1)) < 1e-5);
                }
                if (model == CULL__KNN && k < 2) continue;
                ok(cx, cull__subset_try(cx, &s, set, k, set, k, false, &here, error));
                for (int c = 0; c < k; c++) {
                    int m = 0;
                    for (int i = 0; i < k; i++)
                        if (i != c) other[m++] = set[i];
                    if (model == CULL__LINEAR || other[0] != 7 || m > 1)
                        assert_true(fabs(error[c] - oracle(&s, other, m)) < 1e-5);
                }
            }
            table_free(t);
        }
    cull_ctx_free(cx);
}

/* ---- the search ---- */

static const char *const ways[] = {
    "search=forward",
    "search=backward",
    "search=floating",
    "model=logistic search=forward folds=3",
    "model=knn search=floating folds=3",
    "model=trees grow=30 search=forward folds=3",
};

static void planted(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    for (int w = 0; w < 6; w++)
        for (int classes = w == 3; classes < 2; classes++) {
            table_of *t = table_new(cx, classes, false);
            cull_feature_pick k;
            t->p.group = t->group, t->p.groups = TABLE_ROWS / 6;
            t->p.budget = 3;
            ok(cx, pick_columns(cx, "stepwise", ways[w], &t->p, &k));
            kept_are(&k, (int[]){1, 4, 7}, 3);
            for (int c = 0; c < TABLE_COLS; c++) {
                assert_true(isnan(k.score[c]) == (c == 9 || c == 10));
                assert_int_equal(k.verdict[c],
                                 c == 1 || c == 4 || c == 7 ? CULL_CONFIRMED : CULL_REJECTED);
            }
            cull_feature_pick_free(&k);
            table_free(t);
        }
    cull_ctx_free(cx);
}

static void limits(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    table_of *t = table_new(cx, false, false);
    cull_feature_pick k;
    ok(cx, pick_columns(cx, "stepwise", "tolerance=0.1", &t->p, &k)); /* its own number */
    kept_are(&k, (int[]){1, 4, 7}, 3);
    cull_feature_pick_free(&k);
    t->have[7] = 1, t->avoid[1] = 1;
    t->p.have = t->have, t->p.avoid = t->avoid;
    ok(cx, pick_columns(cx, "stepwise", "tolerance=0.1", &t->p, &k));
    kept_are(&k, (int[]){4}, 1);
    cull_feature_pick_free(&k);
    t->p.have = NULL, t->p.cost = t->cost, t->p.budget = 2.4;
    for (int w = 0; w < 3; w++) { /* one column costs 1.59, two 2.78 */
        ok(cx, pick_columns(cx, "stepwise", ways[w], &t->p, &k));
        assert_int_equal(k.pick.n, 1);
        assert_true(k.pick.idx[0] == 4 || k.pick.idx[0] == 7);
        cull_feature_pick_free(&k);
    }
    cull_rng r = cull__rng_seeded(8, 8); /* nothing to predict by: an empty pick */
    for (int i = 0; i < TABLE_ROWS; i++) t->number[i] = cull__rng_normal(&r);
    t->p.cost = NULL, t->p.budget = INFINITY;
    ok(cx, pick_columns(cx, "stepwise", "tolerance=0.1", &t->p, &k));
    kept_are(&k, NULL, 0);
    cull_feature_pick_free(&k);
    table_free(t);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    table_of *t = table_new(cx, false, false);
    cull_feature_pick k;
    refused(cx, pick_columns(cx, "stepwise", "model=logistic", &t->p, &k), CULL_EINPUT,
            "needs classes");
    t->p.group = t->group, t->p.groups = TABLE_ROWS / 6;
    refused(cx, pick_columns(cx, "stepwise", "folds=60", &t->p, &k), CULL_EINPUT,
            "40 groups cannot make 60 folds");
    table_free(t);
    cull_ctx_free(cx);
}

static void bears(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    for (int w = 0; w < 6; w++) {
        table_of *t = table_new(cx, true, false);
        t->p.budget = 2;
        bears_all("stepwise", ways[w], &t->p, w < 3 ? 1 : 5);
        if (!w) plan_holds("stepwise", "", &t->p);
        table_free(t);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors),   cmocka_unit_test(planted), cmocka_unit_test(limits),
        cmocka_unit_test(refusals), cmocka_unit_test(bears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
