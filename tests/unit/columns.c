/* columns: blocks of columns from pools of several kinds, sorting, bins, tables of counts dense and sparse,
 * codes in files; every one against plain loops. */
#include "../method/table.h"

#include "score/columns.h"

static cull_ctx *ctx_of(int threads, uint64_t memory)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = threads;
    o.memory = memory;
    return cull_ctx_new(&o);
}

/* ---- passes ---- */

enum { LONG = 3001, BROAD = 37 };
typedef struct {
    const float *x;
    int seen[BROAD];
} looks;

static cull_status look(cull_ctx *cx, void *arg, int64_t c, float *v)
{
    looks *l = arg;
    (void)cx;
    l->seen[c]++;
    for (int i = 0; i < LONG; i++)
        if (v[i] != l->x[i * BROAD + c]) return cull__fail(cx, CULL_EINTERNAL, "row %d", i);
    v[0] = NAN; /* it is ours */
    return CULL_OK;
}

static void passes(void **state)
{
    (void)state;
    float *x = malloc(sizeof *x * LONG * BROAD);
    uint8_t *bytes = malloc(LONG * BROAD), avoid[BROAD] = {0}, want[BROAD];
    for (int i = 0; i < LONG * BROAD; i++)
        x[i] = bytes[i] = (uint8_t)(256 * split_mix((uint64_t)i, 1));
    for (int c = 0; c < BROAD; c++) want[c] = c % 3 != 1;
    avoid[8] = 1;
    for (int kind = 0; kind < 2; kind++)
        for (int limit = 0; limit < 2; limit++)
            for (int threads = 1; threads < 3; threads++) {
                cull_ctx *cx = ctx_of(threads, limit ? 900000 : 0); /* 18 columns at a time */
                cull_pool *pool;
                if (kind)
                    ok(cx, cull_pool_from(cx, bytes, CULL_U8, LONG, BROAD, &pool));
                else
                    ok(cx, cull_pool_from(cx, x, CULL_F32, LONG, BROAD, &pool));
                cull_feature_problem p = {.n = LONG, .d = BROAD, .x = pool, .avoid = avoid};
                looks l = {.x = x};
                ok(cx, cull__each_column(cx, &p, NULL, look, &l));
                ok(cx, cull__each_column(cx, &p, want, look, &l));
                for (int c = 0; c < BROAD; c++)
                    assert_int_equal(l.seen[c], avoid[c] ? 0 : 1 + want[c]);
                cull_pool_free(pool);
                cull_ctx_free(cx);
            }
    free(x), free(bytes);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sorts(void **state)
{
    (void)state;
    enum { MOST = 5003 };
    static double v[MOST], want[MOST], work[MOST];
    static cull__valued w[MOST], more[MOST];
    for (int n = 0; n < MOST; n += 1 + n) {
        for (int i = 0; i < n; i++) {
            double u = split_mix((uint64_t)i, (uint64_t)n) - 0.5;
            v[i] = i % 3 == 0 ? floor(20 * u) : i % 3 == 1 ? u * pow(10, 60 * u) : (float)u;
            if (i % 50 == 7) v[i] = -0.0;
            if (i % 97 == 3) v[i] = i % 2 ? INFINITY : -1e308;
            want[i] = v[i];
            w[i] = (cull__valued){v[i], i};
        }
        qsort(want, (size_t)n, sizeof *want, by_value);
        cull__sort_f64(v, work, n);
        cull__sort_valued(w, more, n);
        for (int i = 0; i < n; i++) {
            assert_true(v[i] == want[i] && w[i].v == want[i]);
            assert_true(i == 0 || w[i - 1].v < w[i].v || w[i - 1].at < w[i].at); /* stable */
        }
    }
}

/* ---- bins ---- */

static void bins(void **state)
{
    (void)state;
    static double v[N], work[2 * N];
    static int want[N];
    static uint16_t code[N];
    for (int n = 1; n <= N; n += 42)
        for (int values = 1; values < 500; values *= 3)
            for (int many = 0; many <= 64; many += many < 4 ? 1 : 20)
                for (int way = 0; way < 4; way++) {
                    bool width = way & 1, gaps = way & 2, used[2 * N] = {0};
                    int levels = 0;
                    for (int i = 0; i < n; i++) {
                        v[i] = floor(values * pow(split_mix((uint64_t)i, 4), 3)) / 8 - 3;
                        if (gaps && i % 5 == 2) v[i] = NAN;
                    }
                    plain_codes(v, n, many, width, want);
                    for (int i = 0; i < n; i++) levels += !used[want[i]], used[want[i]] = true;
                    assert_int_equal(cull__bin(v, n, many, width, work, code), levels);
                    for (int i = 0; i < n; i++) { /* empty bins are left out */
                        int below = 0;
                        for (int l = 0; l < want[i]; l++) below += used[l];
                        assert_int_equal(code[i], below);
                    }
                }
    assert_int_equal(cull__bins_of(&(cull__bins){0}, 60000), 39);
    assert_int_equal(cull__bins_of(&(cull__bins){0}, 2), 2);
    assert_int_equal(cull__bins_of(&(cull__bins){0}, 1000000000), 64);
    assert_int_equal(cull__bins_of(&(cull__bins){.bins = 7}, 60000), 7);
}

static void too_many(void **state)
{
    (void)state;
    enum { MANY = 65537 };
    cull_ctx *cx = cull_ctx_new(NULL);
    float *x = malloc(sizeof *x * MANY * 2);
    double *y = malloc(sizeof *y * MANY);
    cull_pool *pool;
    cull__codes t;
    int32_t levels[] = {70000, 0};
    for (int i = 0; i < MANY; i++) {
        x[2 * i] = x[2 * i + 1] = (float)i;
        y[i] = i % 2;
    }
    ok(cx, cull_pool_from(cx, x, CULL_F32, MANY, 2, &pool));
    cull_feature_problem p = {
        .n = MANY, .d = 2, .x = pool, .levels = levels, .y = y, .classes = 2, .budget = 1};
    refused(cx, cull__codes_new(cx, &p, &(cull__bins){0}, &t), CULL_EINPUT,
            "column c0 has more than 65535 different values");
    x[2 * 5] = x[2 * 6] = 4; /* as many as there may be */
    ok(cx, cull__codes_new(cx, &p, &(cull__bins){.bins = 4096}, &t));
    assert_int_equal(t.col[0].levels, 65535);
    assert_int_equal(t.col[1].levels, 4096);
    cull__codes_free(&t);
    cull_pool_free(pool);
    free(x), free(y);
    cull_ctx_free(cx);
}

/* ---- counts ---- */

static int pair_order(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Entropy of keys, by sorting. */
static double entropy(int64_t *key, int n)
{
    double sum = 0;
    qsort(key, (size_t)n, sizeof *key, pair_order);
    for (int lo = 0, hi; lo < n; lo = hi) {
        for (hi = lo; hi < n && key[hi] == key[lo];) hi++;
        sum -= (double)(hi - lo) / n * log((double)(hi - lo) / n);
    }
    return sum;
}

/* Columns of 3 to 3000 levels: tables that are held whole, in 16 bits and 32, and that are not. */
static void counts(void **state)
{
    (void)state;
    enum { ROWS_ = 9001, COLS = 6, CLASSES = 5 };
    static const int32_t levels[COLS] = {3, 40, 255, 300, 2000, 3000};
    static float x[ROWS_ * COLS];
    static double y[ROWS_], mutual[COLS * COLS], given[COLS * COLS], again[COLS * COLS],
        both[COLS * COLS];
    int64_t a[COLS * COLS], b[COLS * COLS], *key = malloc(sizeof *key * ROWS_);
    for (int i = 0; i < ROWS_; i++) {
        y[i] = floor(CLASSES * split_mix((uint64_t)i, 6));
        for (int c = 0; c < COLS; c++)
            x[i * COLS + c] =
                floorf((float)(levels[c] * pow(split_mix((uint64_t)(i * COLS + c), 2), 1 + y[i])));
    }
    for (int i = 0; i < COLS * COLS; i++) a[i] = i / COLS, b[i] = i % COLS;
    for (int way = 0; way < 3; way++) {
        cull_ctx *cx = ctx_of(1 + (way == 1), way == 2 ? 2500000 : 0);
        cull_pool *pool;
        cull__codes t;
        ok(cx, cull_pool_from(cx, x, CULL_F32, ROWS_, COLS, &pool));
        cull_feature_problem p = {.n = ROWS_,
                                  .d = COLS,
                                  .x = pool,
                                  .levels = levels,
                                  .y = y,
                                  .classes = CLASSES,
                                  .budget = 1};
        ok(cx, cull__codes_new(cx, &p, &(cull__bins){0}, &t));
        ok(cx, cull__codes_pairs(cx, &t, a, b, COLS * COLS, way ? again : mutual, NULL));
        if (way) assert_memory_equal(again, mutual, sizeof mutual);
        ok(cx, cull__codes_pairs(cx, &t, a, b, COLS * COLS, NULL, way ? again : given));
        if (way) assert_memory_equal(again, given, sizeof given);
        ok(cx, cull__codes_pairs(cx, &t, a, b, COLS * COLS, both, again));
        assert_memory_equal(again, given, sizeof given);
        for (int i = 0; i < COLS * COLS; i++) assert_true(close_to(both[i], mutual[i], 1e-13));
        assert_int_equal(t.col[2].wide, false);
        assert_int_equal(t.col[3].wide, true);
        for (int c = 0; c < COLS && !way; c++) {
            for (int i = 0; i < ROWS_; i++) key[i] = (int64_t)x[i * COLS + c];
            assert_true(close_to(cull__codes_entropy(&t, c), entropy(key, ROWS_), 1e-12));
        }
        cull__codes_free(&t);
        cull_pool_free(pool);
        cull_ctx_free(cx);
    }
    for (int i = 0; i < COLS * COLS; i++) {
        double h[6]; /* a, b, y, ab, by, aby */
        for (int k = 0; k < 6; k++) {
            for (int r = 0; r < ROWS_; r++) {
                int64_t va = (int64_t)x[r * COLS + a[i]], vb = (int64_t)x[r * COLS + b[i]];
                key[r] = (k == 0 || k == 3 || k == 5 ? va + 1 : 0) * 1000000 +
                         (k == 1 || k >= 3 ? vb + 1 : 0) * 10 + (k == 2 || k >= 4 ? (int)y[r] : 0);
            }
            h[k] = entropy(key, ROWS_);
        }
        assert_true(close_to(mutual[i], h[0] + h[1] - h[3], 1e-12));
        assert_true(close_to(given[i], h[3] + h[4] - h[1] - h[5], 1e-12));
    }
    free(key);
}

/* Codes that are over a quarter of the memory go to a file. */
static void files(void **state)
{
    (void)state;
    float *x = malloc(sizeof *x * LONG * BROAD);
    double y[LONG], one[BROAD], sum[BROAD];
    uint8_t open[BROAD];
    uint64_t held[2];
    for (int i = 0; i < LONG * BROAD; i++) x[i] = (float)split_mix((uint64_t)i, 12);
    for (int i = 0; i < LONG; i++) y[i] = floor((double)(x[i * BROAD] + x[i * BROAD + 1]) * 2);
    for (int way = 0; way < 2; way++) {
        cull_ctx *cx = ctx_of(1, way ? 430000 : 0);
        cull_pool *pool;
        cull__codes t;
        ok(cx, cull_pool_from(cx, x, CULL_F32, LONG, BROAD, &pool));
        cull_feature_problem p = {
            .n = LONG, .d = BROAD, .x = pool, .y = y, .classes = 4, .budget = 1};
        ok(cx, cull__codes_new(cx, &p, &(cull__bins){0}, &t));
        held[way] = cull_ctx_held(cx);
        memset(open, 1, sizeof open);
        memset(sum, 0, sizeof sum);
        if (!way) memset(one, 0, sizeof one);
        ok(cx, cull__codes_add(cx, &t, 1, open, true, way ? sum : one));
        if (way) assert_memory_equal(sum, one, sizeof sum);
        cull__codes_free(&t);
        cull_pool_free(pool);
        cull_ctx_free(cx);
    }
    assert_true(held[0] - held[1] > LONG * BROAD / 2);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(passes), cmocka_unit_test(sorts),
                                       cmocka_unit_test(bins),   cmocka_unit_test(too_many),
                                       cmocka_unit_test(counts), cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
