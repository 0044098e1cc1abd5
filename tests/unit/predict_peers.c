/* predict_peers.c - predictors beside scikit-learn's: its answers are in tests/predict/sklearn.tsv, and
 * bench/peers/predict_sklearn.py gives them anew. */
#include "score/predict.h"
#include "test.h"

enum { N = 60, D = 5, M = 40, LINE = 4096 };

/* ---- rows that both sides make ---- */

static uint64_t hashed(uint64_t stream, uint64_t i)
{
    uint64_t z = stream * 0xD1342543DE82EF95u + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double uniform(uint64_t stream, int i)
{
    return (double)(hashed(stream, (uint64_t)i) >> 40) * 0x1p-23 - 1;
}

typedef struct {
    double x[N * D], y[N], weight[N], q[M * D];
} rows;

static void make(rows *r)
{
    for (int i = 0; i < N * D; i++) r->x[i] = uniform(1, i);
    for (int i = 0; i < M * D; i++) r->q[i] = uniform(2, i) * 1.2;
    for (int i = 0; i < N; i++) {
        const double *x = r->x + i * D;
        r->y[i] = (x[0] > 0.2 ? 1 : 0) + x[1] * x[2] + 0.5 * x[3] * x[3] + 0.1 * uniform(3, i);
        r->weight[i] = 1.5 + uniform(4, i);
    }
}

/* The numbers of that line, of which there must be n. */
static void recorded(const char *name, double *v, int n)
{
    FILE *f = fopen(CULL_SOURCE_DIR "/tests/predict/sklearn.tsv", "r");
    char line[LINE];
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *at = strchr(line, '\t');
        if (!at || strncmp(line, name, (size_t)(at - line)) || name[at - line]) continue;
        for (int i = 0; i < n; i++) v[i] = strtod(at, &at);
        assert_int_equal(*at, '\n');
        fclose(f);
        return;
    }
    fail_msg("sklearn.tsv has no line %s", name);
}

static void near(const char *name, const double *got, int n, double tolerance)
{
    double want[M] = {0};
    recorded(name, want, n);
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance))
            fail_msg("%s[%d] is %.12g, not %.12g", name, i, got[i], want[i]);
}

static void gaussian_process(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    static rows r;
    make(&r);
    double theta[7] = {log(1.7), log(0.013), log(0.5), log(1.5), log(0.8), log(2.5), log(9)};
    double mean[M], spread[M], loss, g[7], slope[6];
    cull__samples t = {.x = r.x, .y = r.y, .n = N, .d = D};
    cull__gp_form f = {0};
    void *gp;
    for (int rough = 0; rough < 2; rough++) {
        f.rough = rough;
        ok(cx, cull__gp_at(cx, &t, &f, theta, &gp));
        ok(cx, cull__predict_gp.say(cx, gp, r.q, M, mean, spread));
        cull__predict_gp.free(gp);
        near(rough ? "gp.rough.mean" : "gp.mean", mean, M, 1e-10);
        near(rough ? "gp.rough.std" : "gp.std", spread, M, 1e-8);
        ok(cx, cull__gp_loss(cx, &t, &f, theta, false, &loss, g));
        loss = -loss;
        near(rough ? "gp.rough.likelihood" : "gp.likelihood", &loss, 1, 1e-9);
        slope[0] = -g[0]; /* the noise is not scikit-learn's to learn here */
        for (int c = 0; c < D; c++) slope[1 + c] = -g[2 + c];
        near(rough ? "gp.rough.gradient" : "gp.gradient", slope, 6, 1e-8);
    }
    f.isotropic = true, f.rough = false;
    ok(cx, cull__gp_at(cx, &t, &f, (double[]){log(0.6), log(1e-4), log(1.1)}, &gp));
    ok(cx, cull__predict_gp.say(cx, gp, r.q, M, mean, spread));
    cull__predict_gp.free(gp);
    near("gp.one.mean", mean, M, 1e-8); /* a condition of some 1e5 */
    near("gp.one.std", spread, M, 1e-8);
    cull_ctx_free(cx);
}

static void ridge(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    static rows r;
    make(&r);
    double mean[M];
    cull_predict_opts o = CULL_PREDICT_OPTS;
    cull_predictor *p;
    o.kind = CULL_PREDICT_RIDGE, o.l2 = 2.5;
    ok(cx, cull_predictor_fit(cx, r.x, r.y, r.weight, N, D, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, r.q, M, mean, NULL));
    near("ridge.weighted", mean, M, 1e-12);
    cull_predictor_free(p);
    cull_ctx_free(cx);
}

/* Both stop at a tolerance: theirs 1e-8, ours 1e-4. */
static void support_vectors(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    static rows r;
    make(&r);
    const struct {
        const char *name;
        double c, epsilon, gamma;
        bool weighted;
    } t[] = {{"svr.1", 1, 0.1, 0.2, false},
             {"svr.30", 30, 0.02, 0.07, false},
             {"svr.0.05", 0.05, 0.3, 1, false},
             {"svr.weighted", 3, 0.05, 0.2, true}};
    for (int i = 0; i < 4; i++) {
        double mean[M];
        cull_predict_opts o = CULL_PREDICT_OPTS;
        cull_predictor *p;
        o.kind = CULL_PREDICT_SVR, o.c = t[i].c, o.epsilon = t[i].epsilon, o.gamma = t[i].gamma;
        ok(cx, cull_predictor_fit(cx, r.x, r.y, t[i].weighted ? r.weight : NULL, N, D, &o, 1, &p));
        ok(cx, cull_predictor_say(cx, p, r.q, M, mean, NULL));
        near(t[i].name, mean, M, 2e-4);
        cull_predictor_free(p);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_process),
        cmocka_unit_test(ridge),
        cmocka_unit_test(support_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
