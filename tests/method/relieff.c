/* relieff: against the papers' updates in plain loops, row by row. */
#include "table.h"

enum { CELLS = 16 };
static double least[D], most[D];

static int cell_of(const table *t, int c, double v)
{
    if (t->levels[c]) return (int)v;
    int cell = (int)(CELLS * ((v - least[c]) / (most[c] - least[c])));
    return cell < CELLS ? cell : CELLS - 1;
}

static double apart(const table *t, int c, int a, int b)
{
    return t->levels[c] ? a != b : fabs((double)(a - b)) / CELLS;
}

/* How many of class y (numbers to predict: of all) have their value of c in a cell. */
static void counts(const table *t, int c, double y, double count[CELLS])
{
    memset(count, 0, CELLS * sizeof *count);
    for (int i = 0; i < N; i++)
        if (!isnan(t->x[i * D + c]) && (!t->p.classes || t->class[i] == y))
            count[cell_of(t, c, (double)t->x[i * D + c])]++;
}

static double difference(const table *t, int c, int i, int j)
{
    double a = (double)t->x[i * D + c], b = (double)t->x[j * D + c], all = 0, sum = 0;
    double of_a[CELLS], of_b[CELLS];
    if (!isnan(a) && !isnan(b)) return t->levels[c] ? a != b : fabs(a - b) / (most[c] - least[c]);
    counts(t, c, t->class[i], of_a);
    counts(t, c, t->class[j], of_b);
    if (!isnan(a)) memset(of_a, 0, sizeof of_a), of_a[cell_of(t, c, a)] = 1;
    if (!isnan(b)) memset(of_b, 0, sizeof of_b), of_b[cell_of(t, c, b)] = 1;
    for (int k = 0; k < CELLS; k++)
        for (int l = 0; l < CELLS; l++) {
            all += of_a[k] * of_b[l];
            sum += of_a[k] * of_b[l] * apart(t, c, k, l);
        }
    return sum / all;
}

static void plain(const table *t, int k, double sigma, double *w)
{
    static double d[N][N];
    double prior[4] = {0}, both[D] = {0}, own[D] = {0}, y_all = 0, low = INFINITY, high = -INFINITY;
    for (int c = 0; c < D; c++) {
        least[c] = INFINITY, most[c] = -INFINITY, w[c] = 0;
        for (int i = 0; i < N; i++) {
            least[c] = fmin(least[c], (double)t->x[i * D + c]);
            most[c] = fmax(most[c], (double)t->x[i * D + c]);
        }
        if (!(most[c] > least[c]) || t->avoid[c]) w[c] = NAN;
    }
    for (int i = 0; i < N; i++) {
        prior[(int)t->class[i]] += 1.0 / N;
        low = fmin(low, t->p.y[i]), high = fmax(high, t->p.y[i]);
        for (int j = 0; j < N; j++) {
            d[i][j] = 0;
            for (int c = 0; c < D; c++)
                if (!isnan(w[c])) d[i][j] += difference(t, c, i, j);
        }
    }
    for (int i = 0; i < N; i++)
        for (int y = 0; y < (t->p.classes ? 4 : 1); y++) {
            int near[N], n = 0;
            for (int j = 0; j < N; j++) {
                if (j == i || (t->p.classes && t->class[j] != y)) continue;
                int at = n++;
                for (; at > 0 && d[i][near[at - 1]] > d[i][j]; at--) near[at] = near[at - 1];
                near[at] = j;
            }
            if (n > k) n = k;
            double weights = 0;
            for (int l = 0; l < n; l++) weights += exp(-pow((l + 1) / sigma, 2));
            for (int l = 0; l < n; l++) {
                double share = exp(-pow((l + 1) / sigma, 2)) / weights;
                double far = fabs(t->p.y[i] - t->p.y[near[l]]) / (high - low);
                y_all += far * share;
                for (int c = 0; c < D; c++) {
                    if (isnan(w[c])) continue;
                    double diff = difference(t, c, i, near[l]);
                    own[c] += diff * share;
                    both[c] += diff * far * share;
                    if (!t->p.classes) continue;
                    double by = y == t->class[i] ? -1 : prior[y] / (1 - prior[(int)t->class[i]]);
                    w[c] += by * diff / n / N;
                }
            }
        }
    for (int c = 0; c < D && !t->p.classes; c++)
        if (!isnan(w[c])) w[c] = both[c] / y_all - (own[c] - both[c]) / (N - y_all);
}

static void tables(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        bool numbers = way & 1, gaps = way & 2;
        const char *set[] = {"neighbours", numbers ? "7" : "5", "sigma", "3", NULL};
        cull_ctx *cx = cull_ctx_new(NULL);
        table *t = table_new(cx, true, gaps, numbers);
        double want[D];
        cull_feature_pick k;
        plain(t, numbers ? 7 : 5, 3, want);
        t->p.cost = t->cost;
        select_by(cx, "relieff", set, &t->p, &k);
        ranked(&t->p, &k, want, 2e-6); /* differences are f32 */
        assert_true(isnan(k.score[CONSTANT]) && isnan(k.score[EMPTY]));
        cull_feature_pick_free(&k);
        holds_up("relieff", set, &t->p);
        table_free(t);
        cull_ctx_free(cx);
    }
}

/* A sample: the seed matters then, and the weights are about the same. */
static void sample(void **state)
{
    (void)state;
    const char *set[] = {"rows", "90", NULL}, *all[] = {"rows", "5000", NULL};
    cull_ctx *cx = cull_ctx_new(NULL);
    table *t = table_new(cx, true, true, false);
    cull_feature_pick a, b, whole, plain_one;
    select_by(cx, "relieff", set, &t->p, &a);
    select_by(cx, "relieff", all, &t->p, &whole);
    select_by(cx, "relieff", NULL, &t->p, &plain_one);
    cull_ctx_reseed(cx, 5);
    select_by(cx, "relieff", set, &t->p, &b);
    assert_true(same_pick(&whole, &plain_one) && !same_pick(&a, &b));
    for (int c = 0; c < D; c++)
        assert_true(isnan(whole.score[c]) || fabs(whole.score[c] - a.score[c]) < 0.05);
    cull_feature_pick_free(&a);
    cull_feature_pick_free(&b);
    cull_feature_pick_free(&whole);
    cull_feature_pick_free(&plain_one);
    holds_up("relieff", set, &t->p);
    table_free(t);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables), cmocka_unit_test(sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
