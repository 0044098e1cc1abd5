/* trees: bins against counting, a tree on all rows against exhaustive search, boosted trees against their formula. */
#include "score/trees.h"
#include "num/num.h"
#include "test.h"

enum { N = 57, D = 4, KINDS = 5 };

typedef struct {
    float x[N * D];
    double y[N], klass[N];
    int32_t levels[D], one[N];
    cull_pool *pool;
    cull__binned b;
    const uint8_t *col[D];
} data;

/* Two numbers, one of them with gaps, a category, noise. */
static void fill(cull_ctx *cx, data *t)
{
    cull_rng r = cull__rng_seeded(11, 2);
    *t = (data){.levels = {0, 0, KINDS, 0}};
    for (int i = 0; i < N; i++) {
        float *x = t->x + i * D;
        for (int c = 0; c < D; c++) x[c] = (float)cull__rng_normal(&r);
        if (i % 7 == 3) x[1] = NAN;
        x[2] = (float)cull__rng_below(&r, KINDS);
        t->y[i] = 2 * (x[0] > 0.3f) + (isnan(x[1]) ? 1.5 : x[1]) + (x[2] == 1 || x[2] == 4) +
                  0.2 * cull__rng_normal(&r);
        t->klass[i] = t->y[i] < 0.5 ? 0 : t->y[i] < 1.9 ? 1 : 2;
    }
    ok(cx, cull_pool_from(cx, t->x, CULL_F32, N, D, &t->pool));
    ok(cx, cull__tree_bins(cx, t->pool, t->levels, &t->b));
    for (int c = 0; c < D; c++) t->col[c] = t->b.code + c * N;
}

/* With one group all rows are drawn, once each: trees are then what exhaustive search finds. */
static cull__table table_of(data *t, bool classes)
{
    return (cull__table){.n = N,
                         .d = D,
                         .col = t->col,
                         .named = t->b.named,
                         .y = classes ? t->klass : t->y,
                         .classes = classes ? 3 : 0,
                         .group = t->one,
                         .groups = 1};
}

/* ---- the oracle ---- */

static double error_of(const data *t, const int *row, int n, int classes)
{
    double sum = 0, sq = 0, count[3] = {0};
    for (int i = 0; i < n; i++) {
        sum += t->y[row[i]], sq += t->y[row[i]] * t->y[row[i]];
        count[(int)t->klass[row[i]]]++;
    }
    if (!n) return 0;
    if (!classes) return sq - sum * sum / n;
    return n - (count[0] * count[0] + count[1] * count[1] + count[2] * count[2]) / n;
}

/* Whether row i goes left by split `which` of column c; false past the last one. */
static bool left_by(const data *t, int c, int which, int i)
{
    float v = t->x[i * D + c];
    if (c == 2) return which >> (int)v & 1;
    float at = t->x[which / 2 * D + c]; /* the values of all rows, with gaps left or right */
    if (isnan(v)) return which & 1;
    return isnan(at) ? false : v <= at;
}

static void oracle(const data *t, const int *row, int n, int depth, int classes, double *worth,
                   double *said)
{
    int best_c = -1, best_s = 0, l = 0, r = 0, left[N], right[N];
    double whole = error_of(t, row, n, classes), best = -1, mean = 0;
    for (int i = 0; i < n; i++) mean += t->y[row[i]] / n;
    for (int i = 0; i < n; i++) said[row[i]] = mean;
    for (int c = 0; depth && whole > 1e-12 && c < D; c++)
        for (int s = 0; s < (c == 2 ? 1 << KINDS : 2 * N); s++) {
            l = r = 0;
            for (int i = 0; i < n; i++)
                *(left_by(t, c, s, row[i]) ? left + l++ : right + r++) = row[i];
            if (!l || !r) continue;
            double gain = whole - error_of(t, left, l, classes) - error_of(t, right, r, classes);
            if (gain > best + 1e-12) best = gain, best_c = c, best_s = s;
        }
    if (best_c < 0) return;
    worth[best_c] += best / N;
    l = r = 0;
    for (int i = 0; i < n; i++)
        *(left_by(t, best_c, best_s, row[i]) ? left + l++ : right + r++) = row[i];
    oracle(t, left, l, depth - 1, classes, worth, said);
    oracle(t, right, r, depth - 1, classes, worth, said);
}

static void exhaustive(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    data t;
    fill(cx, &t);
    int64_t test[N];
    int row[N];
    for (int i = 0; i < N; i++) row[i] = i, test[i] = i;
    for (int depth = 1; depth <= 3; depth++)
        for (int classes = 0; classes < 2; classes++) {
            double worth[D], want[D] = {0}, said[3 * N], mean[N];
            cull__table p = table_of(&t, classes);
            cull__forest_opts o = {.trees = 3, .depth = depth, .leaf = 1, .mtry = D, .stream = 9};
            if (classes && depth > 1)
                continue;         /* categories of three classes: no order is the best */
            if (classes) p.d = 2; /* so numbers alone */
            ok(cx, cull__forest(cx, &p, &o, worth, test, N, said));
            if (classes) {
                double best = 0;
                for (int c = 0; c < 2; c++)
                    for (int s = 0; s < 2 * N; s++) {
                        int left[N], right[N], l = 0, r = 0;
                        for (int i = 0; i < N; i++)
                            *(left_by(&t, c, s, i) ? left + l++ : right + r++) = i;
                        double g = error_of(&t, row, N, 1) - error_of(&t, left, l, 1) -
                                   error_of(&t, right, r, 1);
                        best = g > best ? g : best;
                    }
                assert_true(fabs(worth[0] + worth[1] - best / N) < 1e-9);
                for (int i = 0; i < N; i++)
                    assert_true(fabs(said[3 * i] + said[3 * i + 1] + said[3 * i + 2] - 1) < 1e-12);
                continue;
            }
            oracle(&t, row, N, depth, 0, want, mean);
            for (int c = 0; c < D; c++) assert_true(fabs(worth[c] - want[c]) < 1e-9);
            for (int i = 0; i < N; i++) assert_true(fabs(said[i] - mean[i]) < 1e-9);
        }
    cull_pool_free(t.pool);
    cull_ctx_free(cx);
}

/* ---- bins ---- */

enum { LONG = 40000 };
static void bins(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    float *x = malloc(LONG * 5 * sizeof *x);
    int32_t levels[5] = {0, 0, 0, 100, 7};
    cull_pool *pool;
    cull__binned b;
    cull_rng r = cull__rng_seeded(1, 1);
    for (int i = 0; i < LONG; i++) {
        float *v = x + i * 5;
        v[0] = (float)cull__rng_normal(&r);
        v[1] = i == 777; /* one row in all, on which no sample falls */
        v[2] = i % 10 ? 3.0f : NAN;
        v[3] = (float)(cull__rng_below(&r, 100) * cull__rng_below(&r, 2));
        v[4] = i % 11 == 5 ? NAN : (float)(i % 7);
    }
    ok(cx, cull_pool_from(cx, x, CULL_F32, LONG, 5, &pool));
    ok(cx, cull__tree_bins(cx, pool, levels, &b));
    int64_t in[CULL__BINS] = {0};
    float lo[CULL__BINS], hi[CULL__BINS];
    for (int i = 0; i < LONG; i++) {
        int c = b.code[i];
        float v = x[i * 5];
        if (!in[c]++) lo[c] = hi[c] = v;
        lo[c] = v < lo[c] ? v : lo[c], hi[c] = v > hi[c] ? v : hi[c];
        assert_int_equal(b.code[LONG + i], i == 777);
        assert_int_equal(b.code[2 * LONG + i], i % 10 ? 0 : CULL__MISSING);
        assert_int_equal(b.code[4 * LONG + i], i % 11 == 5 ? CULL__MISSING : i % 7);
    }
    for (int c = 0; c < CULL__MISSING; c++) { /* in order, apart, and within a third of even */
        assert_true(in[c] > LONG / 63 * 2 / 3 && in[c] < LONG / 63 * 4 / 3);
        if (c) assert_true(hi[c - 1] < lo[c]);
    }
    assert_int_equal(in[CULL__MISSING], 0);
    assert_true(b.codes[1] == 3 && b.codes[2] == (UINT64_C(1) << CULL__MISSING | 1));
    assert_false(cull__binned_constant(&b, 2));
    for (int i = 0; i < LONG;
         i++) /* category 0 is the commonest by far; the rarest share the last code */
        assert_true((x[i * 5 + 3] == 0) == (b.code[3 * LONG + i] == 0) &&
                    b.code[3 * LONG + i] < 63);
    assert_true(b.named[3] && b.named[4] && !b.named[0]);
    cull_pool_free(pool);
    free(x);
    cull_ctx_free(cx);
}

/* ---- what any number of threads, and no memory, do ---- */

static cull_status grow(cull_ctx *cx, data *t, cull__worth worth, bool classes, double *out,
                        double *said)
{
    int64_t test[N];
    for (int i = 0; i < N; i++) test[i] = i;
    cull__table p = table_of(t, classes);
    cull__forest_opts o = {.trees = 40, .leaf = 2, .worth = worth, .stream = 3};
    p.group = NULL;
    return cull__forest(cx, &p, &o, out, test, N, said);
}

static void threads(void **state)
{
    (void)state;
    for (int classes = 0; classes < 2; classes++)
        for (int worth = CULL__GAIN; worth <= CULL__PERMUTATION; worth++) {
            double out[3][D], said[3][3 * N];
            for (int k = 0; k < 3; k++) {
                data t;
                cull_ctx *cx = hooked_ctx(&(hooks){0}, k + 1);
                fill(cx, &t);
                ok(cx, grow(cx, &t, (cull__worth)worth, classes, out[k], said[k]));
                assert_memory_equal(out[0], out[k], sizeof out[0]);
                assert_memory_equal(said[0], said[k], (classes ? 3 : 1) * N * sizeof(double));
                cull_pool_free(t.pool);
                cull_ctx_free(cx);
            }
            for (int c = 0; c < 3; c++)
                if (worth == CULL__GAIN && !classes) assert_true(out[0][c] > out[0][3]);
        }
}

enum { MANY = 3000 };
static void memory(void **state)
{
    (void)state;
    uint8_t *code = malloc(MANY * D);
    double y[MANY], out[D], said[MANY];
    int64_t test[MANY];
    const uint8_t *col[D];
    cull_rng r = cull__rng_seeded(5, 5);
    for (int i = 0; i < MANY * D; i++) code[i] = (uint8_t)cull__rng_below(&r, CULL__BINS);
    for (int i = 0; i < MANY; i++) y[i] = code[i] + cull__rng_unit(&r), test[i] = i;
    for (int c = 0; c < D; c++) col[c] = code + c * MANY;
    cull__table t = {.n = MANY, .d = D, .col = col, .y = y};
    cull__forest_opts o = {.trees = 2, .leaf = 5, .worth = CULL__PERMUTATION, .stream = 3};
    long at = 0;
    for (bool done = false; !done;) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.fail_at = h.calls + ++at;
        cull_status s = cull__forest(cx, &t, &o, out, test, MANY, said);
        done = h.calls < h.fail_at;
        assert_int_equal(s, done ? CULL_OK : CULL_ENOMEM);
        if (done) {
            uint64_t plan = cull__forest_bytes(MANY, MANY, D, 0, MANY, 1);
            assert_true(cull_ctx_peak(cx) < plan + (256 << 10));
            assert_true(out[0] > 10 * fabs(out[1]));
        }
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(at > 8);
    free(code);
}

/* ---- boosted trees ---- */

/* One stump on y = -1, 1 by the sign of column 0: its gain is G_l^2 / (H_l + 1) + G_r^2 / (H_r + 1) - G^2 / (H + 1),
 * G the sums of y over its deviation, H the rows. Nothing is to be told of a constant column. */
static void boosted(void **state)
{
    (void)state;
    if (!cull__boost_built()) skip();
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    float x[60];
    double y[30], out[2], sd;
    int64_t test[30];
    for (int i = 0; i < 30; i++) {
        x[2 * i] = i < 12 ? -1.5f : 2.5f, x[2 * i + 1] = 4;
        y[i] = i < 12 ? -1 : 1, test[i] = i;
    }
    sd = cull__sd(y, 30);
    cull__tree_rows t = {.x = x, .n = 30, .d = 2, .y = y};
    cull__boost_opts o = {.rounds = 1, .depth = 1, .rate = 1, .sample = 1, .stream = 1};
    double l = 12 * (-1 - 0.2) / sd, r = 18 * (1 - 0.2) / sd; /* the mean is 0.2 */
    double want = l * l / 13 + r * r / 19;
    ok(cx, cull__boost(cx, &t, &o, CULL__GAIN, NULL, 0, out));
    assert_true(fabs(out[0] - want) < 1e-5 * want && out[1] == 0); /* f32 */
    o.rounds = 3; /* soon there is nothing left to learn */
    ok(cx, cull__boost(cx, &t, &o, CULL__COUNT, NULL, 0, out));
    assert_true(out[0] == 3 && out[1] == 0);
    ok(cx, cull__boost(cx, &t, &o, CULL__PERMUTATION, test, 30, out));
    assert_true(out[0] > 0.5 && out[1] == 0);
    for (int i = 0; i < 30; i++) y[i] = i < 12 ? 0 : i % 2 + 1;
    t.classes = 3;
    ok(cx, cull__boost(cx, &t, &o, CULL__PERMUTATION, test, 30, out));
    assert_true(out[0] > 0.1 && out[1] == 0);
    x[7] = INFINITY;
    refused(cx, cull__boost(cx, &t, &o, CULL__GAIN, NULL, 0, out), CULL_EINTERNAL, "XGBoost: ");
    assert_null(strchr(cull_error(cx), '\n'));
    cull_ctx_free(cx);
}

static void boosted_memory(void **state)
{
    (void)state;
    if (!cull__boost_built()) skip();
    float x[40];
    double y[20], out[2];
    int64_t test[20];
    for (int i = 0; i < 20; i++) x[2 * i] = (float)i, x[2 * i + 1] = 1, y[i] = i % 2, test[i] = i;
    cull__tree_rows t = {.x = x, .n = 20, .d = 2, .y = y, .classes = 2};
    cull__boost_opts o = {.rounds = 2, .depth = 2, .rate = 1, .sample = 1, .stream = 1};
    long at = 0;
    for (bool done = false; !done;) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.fail_at = h.calls + ++at;
        cull_status s = cull__boost(cx, &t, &o, CULL__PERMUTATION, test, 20, out);
        done = h.calls < h.fail_at;
        assert_int_equal(s, done ? CULL_OK : CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    cull_ctx_opts c = CULL_CTX_OPTS;
    c.memory = 100000;
    cull_ctx *cx = cull_ctx_new(&c);
    t.n = 1 << 20; /* it is not read before the charge */
    refused(cx, cull__boost(cx, &t, &o, CULL__GAIN, NULL, 0, out), CULL_ENOMEM,
            "boosted trees need");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exhaustive), cmocka_unit_test(bins),    cmocka_unit_test(threads),
        cmocka_unit_test(memory),     cmocka_unit_test(boosted), cmocka_unit_test(boosted_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
