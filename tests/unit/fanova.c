/* fanova: shares of variance against plain sums over all points of what the same tree says, cuts in gaps, a function whose shares
 * are known beside Optuna's figures (bench/peers/fanova_optuna.py), parameters that do not take part, failing memory. */
#include "test.h"

#include "base/base.h"
#include "cull/importance.h"
#include "score/trees.h"

static cull_space *space_of(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "test", &s));
    return s;
}

/* ---- one tree, all points ---- */

enum { D = 4, ROWS = 70 };
static const int size[D] = {4, 5, 7, 3};
enum { POINTS = 4 * 5 * 7 * 3 };
static const char grid[] =
    "a = one(p, q, r, s)\nb = ordinal(1, 2, 4, 8, 16)\nc = int(0, 6)\nd = one(t, u, v)\n";

static void digits_of(int i, int *at)
{
    for (int j = D - 1; j >= 0; i /= size[j--]) at[j] = i % size[j];
}

/* What a tree of all rows that `x` holds says of every point. */
static void say_all(cull_ctx *cx, const double *x, const double *y, uint64_t stream, double *said)
{
    static const uint8_t named[D] = {1, 0, 0, 1};
    uint8_t code[D][ROWS], point[POINTS * D];
    const uint8_t *col[D] = {code[0], code[1], code[2], code[3]};
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < D; j++) code[j][i] = (uint8_t)x[i * D + j];
    for (int i = 0; i < POINTS; i++) {
        int at[D];
        digits_of(i, at);
        for (int j = 0; j < D; j++) point[i * D + j] = (uint8_t)at[j];
    }
    cull__table t = {.n = ROWS, .d = D, .col = col, .named = named, .y = y, .rows = ROWS};
    cull__forest_opts o = {
        .trees = 1, .depth = 64, .leaf = 1, .mtry = D, .worth = CULL__COUNT, .stream = stream};
    cull__grown *g;
    ok(cx, cull__forest_keep(cx, &t, &o, &g));
    cull__forest_ask(g, point, POINTS, said, NULL);
    cull__forest_free(g);
}

/* The variance over the values of i and j (equal: of one) of the mean over all else, by looking at all points. */
static double variance_of(const double *said, int i, int j, double mean)
{
    double sum[64] = {0}, v = 0;
    int cells = i == j ? size[i] : size[i] * size[j];
    for (int k = 0; k < POINTS; k++) {
        int at[D];
        digits_of(k, at);
        sum[i == j ? at[i] : at[i] * size[j] + at[j]] += said[k] * cells / POINTS;
    }
    for (int c = 0; c < cells; c++) v += (sum[c] - mean) * (sum[c] - mean) / cells;
    return v;
}

static void brute_force(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = space_of(cx, grid);
    double x[ROWS * D], y[ROWS], said[POINTS];
    cull_rng r = cull__rng_seeded(31, 0);
    (void)state;
    for (int i = 0; i < ROWS; i++) { /* every value is there */
        for (int j = 0; j < D; j++)
            x[i * D + j] = i < 7 ? i % size[j] : (double)cull__rng_below(&r, size[j]);
        y[i] = cull__rng_unit(&r) + x[i * D] * x[i * D + 1] - x[i * D + 2];
    }
    for (uint64_t stream = 0; stream < 8; stream++) {
        cull_fanova_opts o = CULL_FANOVA_OPTS;
        cull_fanova got[D];
        cull_fanova_pair pair[D * (D - 1) / 2];
        int pairs;
        double mean = 0, all = 0, total = 0;
        o.trees = 1, o.stream = stream;
        ok(cx, cull_search_fanova(cx, s, ROWS, x, y, &o, got, pair, &pairs));
        say_all(cx, x, y, stream, said);
        for (int k = 0; k < POINTS; k++) mean += said[k] / POINTS;
        for (int k = 0; k < POINTS; k++) all += (said[k] - mean) * (said[k] - mean) / POINTS;
        for (int j = 0; j < D; j++) {
            /* sums of some hundred numbers of the size of the values */
            assert_true(fabs(got[j].share - variance_of(said, j, j, mean) / all) < 1e-12);
            assert_true(got[j].sd == 0);
            total += got[j].share;
        }
        assert_int_equal(pairs, 6);
        for (int k = 0; k < pairs; k++) {
            int a = pair[k].a, b = pair[k].b;
            assert_true(a != b && (k == 0 || pair[k].share <= pair[k - 1].share));
            double want = variance_of(said, a, b, mean) - variance_of(said, a, a, mean) -
                          variance_of(said, b, b, mean);
            assert_true(fabs(pair[k].share - want / all) < 1e-12);
            total += pair[k].share;
        }
        assert_true(total < 1 + 1e-12 && total > 0.5);
    }
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* ---- where a tree cuts between two values that are far apart ---- */

static void gaps(void **state)
{
    /* halfway on the scale, then to the nearest border of two values; of a log int so too, by logarithms */
    double span = log(100.5 / 0.5), middle = 0.5 * exp((log(4 / 0.5) + log(30 / 0.5)) / 2);
    const struct {
        const char *text;
        double low, high, below;
    } is[] = {{"a = int(0, 20)\n", 3, 12, 8. / 21},
              {"a = int(0, 20)\n", 3, 11, 7. / 21},
              {"a = int(0, 200, step=10)\n", 0, 10, 1. / 21},
              {"a = int(1, 100, log)\n", 4, 30, log((floor(middle) + 0.5) / 0.5) / span},
              {"a = real(1e-4, 1, log)\n", 1e-3, 1e-1, 0.5},
              {"a = real(-1, 3)\n", -1, 2, 1.5 / 4},
              {"a = ordinal(x, y, z, w)\n", 0, 3, 0.5}};
    cull_ctx *cx = cull_ctx_new(NULL);
    (void)state;
    for (size_t k = 0; k < sizeof is / sizeof *is; k++) {
        enum { N = 200 };
        char text[128];
        double x[2 * N], y[N], p = is[k].below, own = p * (1 - p);
        cull_fanova got[2];
        snprintf(text, sizeof text, "%sb = one(p, q)\n", is[k].text);
        cull_space *s = space_of(cx, text);
        for (int i = 0; i < N; i++) {
            x[2 * i] = i % 2 ? is[k].high : is[k].low, x[2 * i + 1] = i / 2 % 2;
            y[i] = i % 2 + 2 * x[2 * i + 1];
        }
        ok(cx, cull_search_fanova(cx, s, N, x, y, NULL, got, NULL, NULL));
        assert_true(fabs(got[0].share - own / (own + 1)) < 1e-12); /* b has a variance of 1 */
        assert_true(fabs(got[1].share - 1 / (own + 1)) < 1e-12);
        assert_true(got[0].sd < 1e-12);
        cull_space_free(s);
    }
    cull_ctx_free(cx);
}

/* ---- a function whose shares are known ---- */

enum { TRIALS = 300 };
static const double of_c[4] = {0, 1, 0.5, 0};

static double part(int k, double root)
{
    double v = (k + 1) * (sqrt(root) / 8);
    return v - floor(v);
}

static void trials_of(double together, double *x, double *y)
{
    for (int k = 0; k < TRIALS; k++) {
        double *p = x + 4 * k;
        p[0] = part(k, 2), p[1] = part(k, 3);
        p[2] = floor(4 * part(k, 5)), p[3] = floor(10 * part(k, 7));
        y[k] = 3 * p[0] + 2 * p[1] + of_c[(int)p[2]] + together * (p[0] - 0.5) * (p[1] - 0.5);
    }
}

static void known(void **state)
{
    static const char text[] =
        "a = real(0, 1)\nb = real(0, 1)\nc = one(w, x, y, z)\nd = int(0, 9)\n";
    /* What bench/peers/fanova_optuna.py says, Optuna 5.0.0. Its c is torn into four columns, each of which may be 1. */
    static const double optuna[2][4] = {{0.5867, 0.2360, 0.0762, 0.0010},
                                        {0.4215, 0.1831, 0.0560, 0.0009}};
    static const double together[2] = {0, 8};
    double x[TRIALS * 4], y[TRIALS];
    (void)state;
    for (int k = 0; k < 2; k++) {
        cull_fanova got[2][4];
        cull_fanova_pair pair[2][6];
        int pairs;
        trials_of(together[k], x, y);
        for (int threads = 1; threads <= 2; threads++) {
            cull_ctx_opts o = CULL_CTX_OPTS;
            o.threads = threads;
            cull_ctx *cx = cull_ctx_new(&o);
            cull_space *s = space_of(cx, text);
            ok(cx, cull_search_fanova(cx, s, TRIALS, x, y, NULL, got[threads - 1],
                                      pair[threads - 1], &pairs));
            cull_space_free(s);
            cull_ctx_free(cx);
        }
        assert_memory_equal(got[0], got[1], sizeof got[0]);
        assert_int_equal(pairs, 6);
        const double each[4] = {9. / 12, 4. / 12, 0.171875, 0},
                     both = together[k] * together[k] / 144;
        double all = each[0] + each[1] + each[2] + both;
        for (int j = 0; j < 4; j++) { /* a forest of 300 trials is flatter than the function */
            assert_true(fabs(got[0][j].share - each[j] / all) < 0.05);
            assert_true(fabs(got[0][j].share - optuna[k][j]) < 0.08);
            assert_true(got[0][j].sd > 0 && got[0][j].sd < 0.1);
            if (j) assert_true(got[0][j].share < got[0][j - 1].share);
        }
        if (k) assert_true(pair[0][0].a == 0 && pair[0][0].b == 1);
        if (k) assert_true(fabs(pair[0][0].share - both / all) < 0.1);
        if (!k) assert_true(pair[0][0].share < 0.03);
        assert_true(pair[0][0].share == pair[1][0].share);
    }
}

/* ---- who takes part, what is refused ---- */

static void not_all(void **state)
{
    static const char text[] = "m = or { sgd { rate = real(0, 1) } adam { } }\nu = real(0, 1)\n"
                               "v = subset(a, b, c)\nw = one(only)\n";
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = space_of(cx, text);
    int64_t width = cull_space_width(s);
    double x[64 * 16], y[64];
    cull_fanova got[8];
    cull_fanova_pair pair[1];
    int pairs;
    (void)state;
    assert_true(width <= 16 && cull_space_params(s) == 5);
    for (int i = 0; i < 64; i++) {
        ok(cx, cull_space_draw(cx, s, (uint64_t)i, x + i * width));
        y[i] = 3 * x[i * width] + x[i * width + cull_space_at(s, 2)->at];
    }
    cull_fanova_opts o = CULL_FANOVA_OPTS;
    o.among = 2;
    ok(cx, cull_search_fanova(cx, s, 64, x, y, &o, got, pair, &pairs));
    assert_true(got[0].share > 0.5 && got[2].share > 0.02);
    assert_true(isnan(got[1].share) && isnan(got[3].share));
    assert_true(got[4].share == 0);
    assert_true(pairs == 1 && pair[0].a == 0 && pair[0].b == 2);
    o.among = -1;
    ok(cx, cull_search_fanova(cx, s, 64, x, y, &o, got, pair, &pairs));
    assert_int_equal(pairs, 0);
    o.among = 17;
    refused(cx, cull_search_fanova(cx, s, 64, x, y, &o, got, pair, &pairs), CULL_EOPTION,
            "pairs among 17");
    o.among = 0, o.trees = -1;
    refused(cx, cull_search_fanova(cx, s, 64, x, y, &o, got, pair, &pairs), CULL_EOPTION,
            "-1 trees");
    refused(cx, cull_search_fanova(cx, s, 3, x, y, NULL, got, NULL, NULL), CULL_EINPUT,
            "of 3 trials; at least 4");
    y[5] = NAN;
    refused(cx, cull_search_fanova(cx, s, 64, x, y, NULL, got, NULL, NULL), CULL_EINPUT,
            "trial 5 has the value nan");
    for (int i = 0; i < 64; i++) y[i] = 2;
    refused(cx, cull_search_fanova(cx, s, 64, x, y, NULL, got, NULL, NULL), CULL_EINPUT,
            "no tree finds a difference");
    cull_space_free(s);
    s = space_of(cx, "v = subset(a, b, c)\n");
    refused(cx, cull_search_fanova(cx, s, 4, x, y, NULL, got, NULL, NULL), CULL_EINPUT,
            "no parameter with one number");
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* Values beyond 63 of a category have codes in their order; of a number they are cut. */
static void many(void **state)
{
    enum { N = 400, VALUES = 100 };
    char text[2048] = "a = one(v0";
    cull_ctx *cx = cull_ctx_new(NULL);
    double x[2 * N], y[N];
    cull_fanova got[2];
    (void)state;
    for (int k = 1; k < VALUES; k++) snprintf(text + strlen(text), 16, ", v%d", k);
    strcat(text, ")\nb = int(1, 1000000)\n");
    cull_space *s = space_of(cx, text);
    for (int i = 0; i < N; i++) {
        x[2 * i] = i * 37 % VALUES, x[2 * i + 1] = 1 + floor(999999 * part(i, 2));
        y[i] = (x[2 * i] >= 50) + (x[2 * i + 1] > 500000);
    }
    ok(cx, cull_search_fanova(cx, s, N, x, y, NULL, got, NULL, NULL));
    /* a quarter each; a cut may miss the border by one of 63 parts */
    assert_true(fabs(got[0].share - 0.5) < 0.05 && fabs(got[1].share - 0.5) < 0.05);
    cull_space_free(s);
    cull_ctx_free(cx);
}

static void study(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = space_of(cx, grid);
    cull_objective objective[2] = {{"good", true}, {"bad", false}};
    cull_search_problem p = {.space = s, .objectives = 2, .objective = objective, .trials = 60};
    cull_study *st;
    cull_fanova got[D], want[D];
    double x[60 * D], y[60];
    int n = 0;
    (void)state;
    ok(cx, cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, NULL, &st));
    for (int i = 0; i < 60; i++) {
        cull_trial t;
        ok(cx, cull_study_ask(st, &t));
        const double v[2] = {t.x[0] + t.x[1], t.x[2]};
        if (i % 6 == 5) {
            ok(cx, cull_study_tell(st, t.number, &(cull_outcome){.state = CULL_TRIAL_FAILED}));
            continue;
        }
        memcpy(x + n * D, t.x, sizeof(double) * D), y[n++] = v[1];
        ok(cx,
           cull_study_tell(st, t.number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = v}));
    }
    cull_fanova_opts o = CULL_FANOVA_OPTS;
    o.objective = 1;
    ok(cx, cull_study_fanova(cx, st, &o, got, NULL, NULL));
    ok(cx, cull_search_fanova(cx, s, n, x, y, NULL, want, NULL, NULL));
    assert_memory_equal(got, want, sizeof got);
    assert_true(got[2].share > 0.9);
    o.objective = 2;
    refused(cx, cull_study_fanova(cx, st, &o, got, NULL, NULL), CULL_EOPTION, "objective 2 of 2");
    cull_study_free(st);
    cull_space_free(s);
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    double x[TRIALS * 4], y[TRIALS];
    (void)state;
    trials_of(8, x, y);
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *sure = cull_ctx_new(NULL), *cx = hooked_ctx(&h, 1);
        cull_space *s =
            space_of(sure, "a = real(0, 1)\nb = real(0, 1)\nc = one(w, x, y, z)\nd = int(0, 9)\n");
        cull_fanova_opts o = CULL_FANOVA_OPTS;
        cull_fanova got[4];
        cull_fanova_pair pair[6];
        o.trees = 3, o.among = 4;
        cull_status status =
            cx ? cull_search_fanova(cx, s, 40, x, y, &o, got, pair, NULL) : CULL_ENOMEM;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        cull_space_free(s);
        cull_ctx_free(sure);
        if (status == CULL_OK) break;
        assert_int_equal(status, CULL_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brute_force), cmocka_unit_test(gaps), cmocka_unit_test(known),
        cmocka_unit_test(not_all),     cmocka_unit_test(many), cmocka_unit_test(study),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
