/* mutual-information: counts against entropies found pair by pair; neighbours against the definition, over
 * all pairs of rows, and against scikit-learn. */
#include "sklearn.h"
#include "table.h"

#include "score/columns.h"

static void counts(void **state)
{
    (void)state;
    for (int numbers = 0; numbers < 2; numbers++)
        for (int how = 0; how < 4; how++) {
            const char *bins = how == 1 ? "5" : how == 2 ? "300" : "0";
            const char *set[] = {"bins",   bins, "binning", how == 3 ? "width" : "frequency",
                                 "miller", "no", NULL};
            cull_ctx *cx = cull_ctx_new(NULL);
            table *t = table_new(cx, true, true, numbers);
            coded *plain = coded_new(t, how == 0 || how == 3 ? 6 : atoi(bins), how == 3);
            cull_feature_pick k;
            t->p.cost = how & 1 ? t->cost : NULL;
            select_by(cx, "mutual-information", set, &t->p, &k);
            ranked(&t->p, &k, plain->relevance, 1e-13);
            assert_true(isnan(k.score[CONSTANT]) && isnan(k.score[EMPTY]));
            assert_true(strstr(k.score_is, "nats") != NULL);
            cull_feature_pick_free(&k);
            if (how == 1) {
                set[5] = "yes";
                int used = 0;
                for (int l = 0; l < N; l++) {
                    bool has = false;
                    for (int i = 0; i < N; i++) has |= plain->y[i] == l;
                    used += has;
                }
                for (int c = 0; c < D; c++) { /* cells by counting different pairs */
                    int cells = 0;
                    for (int i = 0; i < N; i++) {
                        bool first = true;
                        for (int j = 0; j < i; j++)
                            first &= plain->code[c][i] != plain->code[c][j] ||
                                     plain->y[i] != plain->y[j];
                        cells += first;
                    }
                    plain->relevance[c] -= (cells - plain->levels[c] - used + 1) / (2.0 * N);
                }
                select_by(cx, "mutual-information", set, &t->p, &k);
                ranked(&t->p, &k, plain->relevance, 1e-13);
                cull_feature_pick_free(&k);
            }
            holds_up("mutual-information", set, &t->p);
            free(plain);
            table_free(t);
            cull_ctx_free(cx);
        }
}

static double psi(int n)
{
    double sum = -0.57721566490153286;
    for (int i = 1; i < n; i++) sum += 1.0 / i;
    return sum;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Ross 2014, over all pairs; copies: what lies nearer than the k-th neighbour is counted, or at it where
 * that is at no distance. */
static double ross(const double *x, const int *y, int n, int k_most, bool copies)
{
    double sum = 0;
    int rows = 0;
    for (int i = 0; i < n; i++) {
        double d[N];
        int count = 0, all = 0, near = 0, sizes[64] = {0};
        for (int j = 0; j < n; j++) {
            sizes[y[j]]++;
            if (j != i && y[j] == y[i]) d[count++] = fabs(x[j] - x[i]);
        }
        if (!count) continue;
        int k = k_most < count ? k_most : count;
        qsort(d, (size_t)count, sizeof *d, by_value);
        for (int j = 0; j < n; j++) {
            bool in = d[k - 1] > 0 ? fabs(x[j] - x[i]) < d[k - 1] : x[j] == x[i];
            if (sizes[y[j]] < 2) continue;
            all += in;
            near += in && y[j] == y[i];
        }
        sum += psi(copies ? near : k) - psi(count + 1) - psi(all);
        rows++;
    }
    return fmax(psi(rows) + sum / rows, 0);
}

static double kraskov(const double *x, const double *y, int n, double ux, double uy, int k,
                      bool copies)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double d[N];
        int count = 0, nx = 0, ny = 0, near = 0;
        for (int j = 0; j < n; j++)
            if (j != i) d[count++] = fmax(ux * fabs(x[j] - x[i]), uy * fabs(y[j] - y[i]));
        qsort(d, (size_t)count, sizeof *d, by_value);
        double r = d[k - 1];
        for (int j = 0; j < n; j++) {
            bool in_x = r > 0 ? ux * fabs(x[j] - x[i]) < r : x[j] == x[i];
            bool in_y = r > 0 ? uy * fabs(y[j] - y[i]) < r : y[j] == y[i];
            nx += in_x;
            ny += in_y;
            near += in_x && in_y;
        }
        sum += psi(copies ? near : k) - psi(nx) - psi(ny);
    }
    return fmax(psi(n) + sum / n, 0);
}

static double deviation(const double *v, int n)
{
    double mean = 0, square = 0;
    for (int i = 0; i < n; i++) mean += v[i] / n;
    for (int i = 0; i < n; i++) square += pow(v[i] - mean, 2) / n;
    return sqrt(square);
}

static void neighbours(void **state)
{
    (void)state;
    for (int numbers = 0; numbers < 2; numbers++) {
        const char *set[] = {"estimator", "knn", "neighbours", numbers ? "4" : "3", NULL};
        cull_ctx *cx = cull_ctx_new(NULL);
        table *t = table_new(cx, true, true, numbers);
        coded *plain = coded_new(t, 6, false);
        double want[D], x[N], y[N];
        int class[N];
        cull_feature_pick k;
        for (int c = 0; c < D; c++) {
            int m = 0;
            for (int i = 0; i < N; i++) {
                if (isnan(t->x[i * D + c])) continue;
                x[m] = (double)t->x[i * D + c];
                class[m] = (int)t->class[i];
                y[m++] = t->number[i];
            }
            bool none = t->avoid[c] || c == CONSTANT || c == EMPTY;
            if (none) {
                want[c] = NAN;
            } else if (t->levels[c]) {
                want[c] =
                    numbers ? ross(t->number, plain->code[c], N, 4, true) : plain->relevance[c];
            } else if (numbers) {
                want[c] = kraskov(x, y, m, 1 / deviation(x, m), 1 / deviation(y, m), 4, true);
            } else {
                want[c] = ross(x, class, m, 3, true);
            }
        }
        select_by(cx, "mutual-information", set, &t->p, &k);
        ranked(&t->p, &k, want, 1e-12);
        cull_feature_pick_free(&k);
        holds_up("mutual-information", set, &t->p);
        free(plain);
        table_free(t);
        cull_ctx_free(cx);
    }
}

/* Noise breaks ties; another seed, other noise; few rows of little noise are near the plain estimate. */
static void noise(void **state)
{
    (void)state;
    const char *set[] = {"estimator", "knn", "ties", "noise", NULL};
    for (int numbers = 0; numbers < 2; numbers++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        table *t = table_new(cx, true, true, numbers);
        cull_feature_pick a, b, plain;
        select_by(cx, "mutual-information", set, &t->p, &a);
        cull_ctx_reseed(cx, 7);
        select_by(cx, "mutual-information", set, &t->p, &b);
        select_by(cx, "mutual-information", (const char *[]){"estimator", "knn", NULL}, &t->p,
                  &plain);
        assert_true(a.score[LATTICE] != b.score[LATTICE]);
        assert_true(fabs(a.score[LATTICE] - b.score[LATTICE]) < 0.2);
        for (int c = REST; c < D; c++) /* no ties */
            assert_true(fabs(a.score[c] - plain.score[c]) < 1e-9);
        cull_feature_pick_free(&a);
        cull_feature_pick_free(&b);
        cull_feature_pick_free(&plain);
        holds_up("mutual-information", set, &t->p);
        table_free(t);
        cull_ctx_free(cx);
    }
}

static void peer(void **state)
{
    (void)state;
    const char *set[] = {"estimator", "knn", NULL};
    cull_ctx *cx = cull_ctx_new(NULL);
    asked *a = asked_new();
    cull_pool *pool, *levels_pool;
    cull_feature_pick k;
    int32_t class[ROWS], levels[WIDE];
    ok(cx, cull_pool_from(cx, a->x, CULL_F32, ROWS, WIDE, &pool));
    ok(cx, cull_pool_from(cx, a->counts, CULL_F32, ROWS, WIDE, &levels_pool));
    cull_feature_problem p = {
        .n = ROWS, .d = WIDE, .x = pool, .y = a->class, .classes = 3, .budget = 3};
    select_by(cx, "mutual-information", set, &p, &k);
    ranked(&p, &k, sklearn_mutual_classes, 1e-9); /* their noise is of 1e-10 */
    cull_feature_pick_free(&k);
    p.y = a->number, p.classes = 0;
    select_by(cx, "mutual-information", set, &p, &k);
    ranked(&p, &k, sklearn_mutual_numbers, 1e-9);
    cull_feature_pick_free(&k);
    for (int c = 0; c < WIDE; c++) levels[c] = 9;
    p.x = levels_pool, p.levels = levels;
    select_by(cx, "mutual-information", set, &p, &k);
    ranked(&p, &k, sklearn_mutual_levels, 1e-9);
    cull_feature_pick_free(&k);
    /* numbers with nearly equal ones, the very same as theirs */
    double out;
    for (int i = 0; i < ROWS; i++) class[i] = (int32_t)a->class[i];
    for (int copies = 0; copies < 2; copies++) {
        cull__neighbours o = {.k = 3, .copies = copies};
        ok(cx, cull__mutual_classes(cx, a->tied, class, ROWS, 3, &o, &out));
        assert_true(close_to(out, sklearn_tied_classes[0], 1e-13));
        o.k = 4;
        ok(cx, cull__mutual_numbers(cx, a->tied_x, a->tied_y, ROWS, (double[]){1, 1}, &o, &out));
        assert_true(close_to(out, sklearn_tied_numbers[0], 1e-13));
    }
    cull_pool_free(pool);
    cull_pool_free(levels_pool);
    free(a);
    cull_ctx_free(cx);
}

/* Lattices of few values, classes of one row, more neighbours than rows, in every combination. */
static void ties(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int values = 1; values < 40; values += 6)
        for (int n = 5; n < N; n += 67)
            for (int64_t k = 1; k < 5; k += 3)
                for (int copies = 0; copies < 2; copies++) {
                    double x[N], y[N], out;
                    int class[N];
                    int32_t classes[N];
                    for (int i = 0; i < n; i++) {
                        x[i] = floor(values * split_mix((uint64_t)i, 21)) * 0.5;
                        y[i] = floor(values * split_mix((uint64_t)i, 22)) * 0.25 + x[i];
                        class[i] = classes[i] = i == 3 ? 4 : (int)(3 * split_mix((uint64_t)i, 23));
                    }
                    cull__neighbours o = {.k = k, .copies = copies};
                    ok(cx, cull__mutual_classes(cx, x, classes, n, 6, &o, &out));
                    assert_true(close_to(out, ross(x, class, n, (int)k, copies), 1e-12));
                    ok(cx, cull__mutual_numbers(cx, x, y, n, (double[]){1, 0.5}, &o, &out));
                    assert_true(close_to(out, kraskov(x, y, n, 1, 0.5, (int)k, copies), 1e-12));
                }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts), cmocka_unit_test(neighbours),
                                       cmocka_unit_test(noise), cmocka_unit_test(peer),
                                       cmocka_unit_test(ties)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
