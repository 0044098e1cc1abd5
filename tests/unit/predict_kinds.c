/* kinds of predictors: TreeSHAP against Shapley's sum over all subsets, a kept forest against the one that answers
 * as it grows, networks that begin from free numbers. */
#include "num/num.h"
#include "score/predict.h"
#include "score/trees.h"
#include "test.h"

enum { N = 90, D = 4, SETS = 1 << D };

typedef struct {
    float x[N * D], y[N], weight[N];
} rows;

static void make(rows *r)
{
    cull_rng g = cull__rng_seeded(21, 4);
    for (int i = 0; i < N * D; i++) r->x[i] = (float)cull__rng_normal(&g);
    for (int i = 0; i < N; i++) {
        const float *x = r->x + i * D;
        r->y[i] = (x[0] > 0.3f ? x[1] : -0.5f * x[1]) + x[2] * (x[3] > 0) + 0.3f * x[2];
        r->weight[i] = 1;
    }
}

/* ---- Shapley's values from the printed trees ---- */

enum { NODES = 16, TREES = 8 };
typedef struct {
    int col, yes, no; /* col -1: a leaf */
    double at, cover; /* the cut, or the leaf's value */
} node;
typedef node tree[NODES];

static int read_trees(const char *text, tree *t)
{
    int trees = 0;
    for (const char *line = text; *line;) {
        int id, col, yes, no, missing;
        double at, gain, cover;
        while (*line == '\t') line++;
        if (sscanf(line, "tree %d", &id) == 1) {
            assert_int_equal(id, trees);
            assert_true(++trees <= TREES);
        } else if (sscanf(line, "%d:[f%d<%lf] yes=%d,no=%d,missing=%d,gain=%lf,cover=%lf", &id,
                          &col, &at, &yes, &no, &missing, &gain, &cover) == 8)
            t[trees - 1][id] = (node){col, yes, no, at, cover};
        else {
            assert_int_equal(sscanf(line, "%d:leaf=%lf,cover=%lf", &id, &at, &cover), 3);
            t[trees - 1][id] = (node){-1, 0, 0, at, cover};
        }
        assert_true(id < NODES);
        line = strchr(line, '\n') + 1;
    }
    return trees;
}

/* The answer where the columns of `set` are known and rows part as the learnt ones did where not. */
static double expected(const node *t, int at, const float *x, int set)
{
    const node *p = t + at;
    if (p->col < 0) return p->at;
    if (set >> p->col & 1) return expected(t, (double)x[p->col] < p->at ? p->yes : p->no, x, set);
    double yes = t[p->yes].cover, no = t[p->no].cover;
    return (yes * expected(t, p->yes, x, set) + no * expected(t, p->no, x, set)) / (yes + no);
}

static double factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }

/* phi (D + 1), pairs (D + 1, D + 1) by Lundberg et al. 2018: halves of the interaction index. */
static void shapley(const double *v, double *phi, double *pairs)
{
    enum { K = D + 1 };
    memset(phi, 0, K * sizeof *phi);
    memset(pairs, 0, K * K * sizeof *pairs);
    phi[D] = pairs[K * K - 1] = v[0];
    for (int i = 0; i < D; i++)
        for (int s = 0; s < SETS; s++) {
            int size = __builtin_popcount(s);
            if (s >> i & 1) continue;
            phi[i] +=
                factorial(size) * factorial(D - size - 1) / factorial(D) * (v[s | 1 << i] - v[s]);
            for (int j = 0; j < D; j++) {
                if (j == i || s >> j & 1) continue;
                double both = v[s | 1 << i | 1 << j] - v[s | 1 << i] - v[s | 1 << j] + v[s];
                pairs[i * K + j] +=
                    both * factorial(size) * factorial(D - size - 2) / (2 * factorial(D - 1));
            }
        }
    for (int i = 0; i < D; i++) {
        pairs[i * K + i] = phi[i];
        for (int j = 0; j < D; j++)
            if (j != i) pairs[i * K + i] -= pairs[i * K + j];
    }
}

static void shap(void **state)
{
    (void)state;
    if (!cull__boost_built()) skip();
    enum { K = D + 1 };
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    static rows r;
    static float said[N], phi[N * K], pair[N * K * K];
    tree t[TREES];
    char *text;
    cull__booster *b;
    cull__boost_opts o = {.rounds = 5, .depth = 3, .rate = 0.7, .sample = 1, .leaf = 2};
    make(&r);
    ok(cx, cull__booster_fit(cx, r.x, r.y, NULL, N, D, &o, &b));
    ok(cx, cull__booster_text(cx, b, &text));
    ok(cx, cull__booster_ask(cx, b, r.x, N, CULL__VALUES, said));
    ok(cx, cull__booster_ask(cx, b, r.x, N, CULL__SHARES, phi));
    ok(cx, cull__booster_ask(cx, b, r.x, N, CULL__PAIRS, pair));
    assert_int_equal(read_trees(text, t), 5);
    for (int i = 0; i < N; i++) {
        double v[SETS] = {0}, want[K], want_pair[K * K];
        for (int s = 0; s < SETS; s++)
            for (int k = 0; k < 5; k++) v[s] += expected(t[k], 0, r.x + i * D, s);
        shapley(v, want, want_pair);
        assert_true(fabs(said[i] - v[SETS - 1]) < 1e-5); /* f32 */
        for (int c = 0; c < K; c++) assert_true(fabs(phi[i * K + c] - want[c]) < 1e-5);
        for (int c = 0; c < K * K; c++)
            assert_true(fabs(pair[i * K * K + c] - want_pair[c]) < 1e-5);
    }
    cull__free(text);
    cull__booster_free(b);
    cull_ctx_free(cx);
}

/* Through the door, in units of the answers, with a column that does not vary: shares add up. */
static void shares(void **state)
{
    (void)state;
    if (!cull__boost_built()) skip();
    enum { C = 5, K = C + 1, MANY = 300 };
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    static rows r;
    static double x[N * C], y[N], q[MANY * C], mean[MANY], phi[MANY * K], pair[MANY * K * K];
    cull_predict_opts o = CULL_PREDICT_OPTS;
    cull_predictor *p;
    make(&r);
    for (int i = 0; i < N; i++) {
        for (int c = 0; c < D; c++) x[i * C + c + (c > 1)] = (double)r.x[i * D + c];
        x[i * C + 2] = 8, y[i] = 500 + 40 * (double)r.y[i];
    }
    for (int i = 0; i < MANY; i++) memcpy(q + i * C, x + i % N * C, C * sizeof *q);
    o.kind = CULL_PREDICT_BOOST;
    ok(cx, cull_predictor_fit(cx, x, y, NULL, N, C, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, q, MANY, mean, NULL));
    ok(cx, cull_predictor_shap(cx, p, q, MANY, phi));
    ok(cx, cull_predictor_shap_pairs(cx, p, q, MANY, pair));
    for (int i = 0; i < MANY; i++) {
        double sum = 0;
        assert_true(phi[i * K + 2] == 0 && pair[i * K * K + 2 * K + 1] == 0);
        for (int c = 0; c < K; c++) {
            double of_pairs = 0;
            sum += phi[i * K + c];
            for (int e = 0; e < K; e++) {
                of_pairs += pair[i * K * K + c * K + e];
                assert_true(fabs(pair[i * K * K + c * K + e] - pair[i * K * K + e * K + c]) < 1e-3);
            }
            assert_true(fabs(of_pairs - phi[i * K + c]) <
                        2e-3); /* f32, of answers that vary by 40 */
        }
        assert_true(fabs(sum - mean[i]) < 2e-3);
    }
    cull_predictor_free(p);
    cull_ctx_free(cx);
}

/* Of 50 rows leaves of 20 are too few to tell much; leaf 0 goes with the rows. */
static void few_rows(void **state)
{
    (void)state;
    if (!cull__boost_built()) skip();
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    double x[50 * 3], y[50], mean[2][50], tau[2];
    cull_rng g = cull__rng_seeded(6, 6);
    for (int i = 0; i < 150; i++) x[i] = (double)cull__rng_below(&g, 2);
    for (int i = 0; i < 50; i++) y[i] = x[3 * i] + 2 * x[3 * i + 1] + 4 * x[3 * i + 2];
    for (int k = 0; k < 2; k++) {
        cull_predict_opts o = CULL_PREDICT_OPTS;
        cull_predictor *p;
        o.kind = CULL_PREDICT_BOOST, o.leaf = k ? 26 : 0;
        ok(cx, cull_predictor_fit(cx, x, y, NULL, 50, 3, &o, 1, &p));
        ok(cx, cull_predictor_say(cx, p, x, 50, mean[k], NULL));
        ok(cx, cull__kendall(cx, mean[k], y, 50, tau + k));
        cull_predictor_free(p);
    }
    assert_true(tau[0] > 0.95 && isnan(tau[1])); /* 26 rows at least: one answer to all */
    cull_ctx_free(cx);
}

/* ---- forests ---- */

static void kept(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    static uint8_t code[D][N], across[N * D];
    const uint8_t *col[D] = {code[0], code[1], code[2], code[3]};
    int64_t test[N];
    int32_t one[N] = {0};
    double y[N], said[N], mean[N], spread[N];
    cull_rng g = cull__rng_seeded(7, 1);
    for (int i = 0; i < N; i++) {
        for (int c = 0; c < D; c++)
            code[c][i] = across[i * D + c] = (uint8_t)cull__rng_below(&g, 12);
        y[i] = code[0][i] * (code[1][i] > 4) + cull__rng_unit(&g), test[i] = i;
    }
    cull__table t = {.n = N, .d = D, .col = col, .y = y, .group = one, .groups = 1};
    cull__forest_opts o = {.trees = 9, .depth = 4, .leaf = 2, .stream = 5};
    cull__grown *kept_forest;
    ok(cx, cull__forest(cx, &t, &o, NULL, test, N, said));
    ok(cx, cull__forest_keep(cx, &t, &o, &kept_forest));
    cull__forest_ask(kept_forest, across, N, mean, spread);
    for (int i = 0; i < N; i++) assert_true(fabs(mean[i] - said[i]) < 1e-12 && spread[i] >= 0);
    cull__forest_free(kept_forest);
    cull_ctx_free(cx);
}

/* A step between 4 and 5, learnt from whole numbers: beside it and beyond the ends answers go by order. */
static void between(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    double x[60], y[60], mean[6], spread[6], many[400], line[400], out[400], was = -INFINITY;
    const double q[6] = {-1e9, 0.5, 4.4, 4.6, 8.7, 1e9};
    cull_predict_opts o = CULL_PREDICT_OPTS;
    cull_predictor *p;
    for (int i = 0; i < 60; i++) x[i] = i % 10, y[i] = x[i] > 4.5 ? 3 : 1;
    o.kind = CULL_PREDICT_FOREST;
    ok(cx, cull_predictor_fit(cx, x, y, NULL, 60, 1, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, q, 6, mean, spread));
    for (int i = 0; i < 6; i++) assert_true(fabs(mean[i] - (i < 3 ? 1 : 3)) < 1e-12);
    cull_predictor_free(p);
    for (int i = 0; i < 400; i++) many[i] = line[i] = i * i; /* more values than codes */
    ok(cx, cull_predictor_fit(cx, many, line, NULL, 400, 1, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, many, 400, out, NULL));
    for (int i = 0; i < 400; i++) {
        assert_true(out[i] >= was - 1e-9);
        assert_true(fabs(out[i] - line[i]) < 400 * 16 + 1);
        was = out[i];
    }
    cull_predictor_free(p);
    cull_ctx_free(cx);
}

/* ---- networks ---- */

static void keep_log(void *user, cull_level level, const char *msg)
{
    (void)level;
    if (strstr(msg, "R^2")) snprintf(user, 200, "%s", msg);
}

/* Free numbers are linear in the features, and so are the answers; the last feature varies in the free rows alone. */
static void free_numbers(void **state)
{
    (void)state;
    enum { FREE = 1500, C = 8, FEW = 12, ASKED = 200 };
    static double free_x[FREE * C], free_y[FREE * 2], x[FEW * C], y[FEW], q[ASKED * C], want[ASKED];
    double mean[ASKED], tau[2];
    char said[200] = "";
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.log = keep_log, co.user = said, co.threads = 2;
    cull_ctx *cx = cull_ctx_new(&co);
    cull_rng g = cull__rng_seeded(1, 3);
    for (int i = 0; i < FREE * C; i++) free_x[i] = (double)cull__rng_below(&g, 3);
    for (int i = 0; i < FREE; i++)
        for (int c = 0; c < C; c++) {
            free_y[2 * i] += 1e6 * (c + 1) * free_x[i * C + c];
            free_y[2 * i + 1] += 1e-3 * (c % 3) * free_x[i * C + c];
        }
    for (int i = 0; i < FEW * C; i++) x[i] = i % C == C - 1 ? 1 : (double)cull__rng_below(&g, 3);
    for (int i = 0; i < ASKED * C; i++) q[i] = (double)cull__rng_below(&g, 3);
    for (int i = 0; i < FEW; i++)
        for (int c = 0; c < C; c++) y[i] += (c + 1) * x[i * C + c];
    for (int i = 0; i < ASKED; i++)
        for (int c = 0; c < C; c++) want[i] += (c + 1) * q[i * C + c];
    for (int k = 0; k < 2; k++) {
        cull_predict_opts o = CULL_PREDICT_OPTS;
        cull_predictor *p;
        o.kind = CULL_PREDICT_MLP;
        if (k) o.free_x = free_x, o.free_y = free_y, o.free_n = FREE, o.free_m = 2;
        ok(cx, cull_predictor_fit(cx, x, y, NULL, FEW, C, &o, 1, &p));
        ok(cx, cull_predictor_say(cx, p, q, ASKED, mean, NULL));
        ok(cx, cull__kendall(cx, mean, want, ASKED, tau + k));
        cull_predictor_free(p);
    }
    const char *at = strstr(said, "R^2 of ");
    if (!at || !(strtod(at + 7, NULL) > 0.999)) fail_msg("'%s': not above 0.999", said);
    if (!(tau[1] > 0.8 && tau[1] > tau[0] + 0.1))
        fail_msg("tau %g with free numbers, %g without", tau[1], tau[0]);
    cull_ctx_free(cx);
}

/* Members differ, their mean is more than each; hidden and epochs count. */
static void members(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    static rows r;
    static double x[N * D], y[N], mean[2][N], spread[N];
    make(&r);
    for (int i = 0; i < N * D; i++) x[i] = (double)r.x[i];
    for (int i = 0; i < N; i++) y[i] = (double)r.y[i];
    for (int k = 0; k < 2; k++) {
        cull_predict_opts o = CULL_PREDICT_OPTS;
        cull_predictor *p;
        o.kind = CULL_PREDICT_MLP, o.members = k ? 3 : 1, o.hidden[0] = 40, o.epochs = 60;
        ok(cx, cull_predictor_fit(cx, x, y, NULL, N, D, &o, 1, &p));
        ok(cx, cull_predictor_say(cx, p, x, N, mean[k], spread));
        for (int i = 0; i < N; i++) assert_true(k ? spread[i] > 0 : isnan(spread[i]));
        cull_predictor_free(p);
    }
    double tau;
    ok(cx, cull__kendall(cx, mean[1], y, N, &tau));
    assert_true(tau > 0.7);
    assert_memory_not_equal(mean[0], mean[1], sizeof mean[0]);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shap),    cmocka_unit_test(shares),  cmocka_unit_test(few_rows),
        cmocka_unit_test(kept),    cmocka_unit_test(between), cmocka_unit_test(free_numbers),
        cmocka_unit_test(members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
