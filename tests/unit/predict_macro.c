/* predict_macro.c - predictors on a real table, NAS-Bench-Macro (Su et al. 2021): 6561 networks of 8 choices of 3;
 * rank correlation with the accuracy of those that were not learnt from. Skipped where the table is not
 * there: CULL_DATA is the folder that has nas/macro/. */
#include "cull/predict.h"
#include "num/num.h"
#include "score/trees.h"
#include "test.h"

enum { ALL = 6561, LAYERS = 8, OPS = 3, D = LAYERS * OPS, ASKED = 1500, FREE = 3000 };

typedef struct {
    double x[ALL * D], y[ALL], free[ALL * 2];
} table;

static bool load(table *t)
{
    const char *given = getenv("CULL_DATA");
    char path[512], line[256];
    snprintf(path, sizeof path, "%s/nas/macro/nasbench_macro_cifar10.csv",
             given ? given : CULL_SOURCE_DIR "/../shared/data");
    FILE *f = fopen(path, "r");
    int n = 0;
    if (!f) return false;
    assert_non_null(fgets(line, sizeof line, f));
    memset(t, 0, sizeof *t);
    for (; n < ALL && fgets(line, sizeof line, f); n++) {
        double a[3];
        for (int i = 0; i < LAYERS; i++) t->x[n * D + i * OPS + line[i] - '0'] = 1;
        assert_int_equal(sscanf(line, "%*[0-9],%lf,%lf,%lf,%lf,%lf,%lf", a, a + 1, a + 2, t->y + n,
                                t->free + 2 * n, t->free + 2 * n + 1),
                         6);
    }
    fclose(f);
    assert_int_equal(n, ALL);
    return true;
}

/* tau-b of `n` rows learnt, drawn by the seed, on others. */
static double tau_of(const table *t, int n, int seed, const cull_predict_opts *opts,
                     bool pretrained)
{
    static double x[ALL * D], y[ALL], free_x[FREE * D], free_y[FREE * 2], mean[ASKED];
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.seed = (uint64_t)seed, co.threads = 2;
    cull_ctx *cx = cull_ctx_new(&co);
    cull_rng r = cull__rng_seeded((uint64_t)seed, 77);
    cull_predict_opts o = *opts;
    cull_predictor *p;
    int64_t order[ALL];
    double tau;
    for (int i = 0; i < ALL; i++) order[i] = i;
    cull__rng_shuffle(&r, order, ALL);
    for (int i = 0; i < ALL; i++) {
        memcpy(x + i * D, t->x + order[i] * D, D * sizeof *x);
        y[i] = t->y[order[i]];
        if (i >= ALL - FREE) {
            memcpy(free_x + (i - ALL + FREE) * D, t->x + order[i] * D, D * sizeof *x);
            memcpy(free_y + (i - ALL + FREE) * 2, t->free + order[i] * 2, 2 * sizeof *x);
        }
    }
    if (pretrained) o.free_x = free_x, o.free_y = free_y, o.free_n = FREE, o.free_m = 2;
    ok(cx, cull_predictor_fit(cx, x, y, NULL, n, D, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, x + n * D, ASKED, mean, NULL));
    ok(cx, cull__kendall(cx, mean, y + n, ASKED, &tau));
    cull_predictor_free(p);
    cull_ctx_free(cx);
    return tau;
}

/* Means over seeds. Least values: what was measured, less two standard deviations of a mean. */
int main(int argc, char **argv)
{
    static table t;
    const struct {
        const char *name;
        cull_predict_kind kind;
        bool pretrained;
        int n, seeds;
        double least;
    } c[] = {{"ridge", CULL_PREDICT_RIDGE, false, 100, 8, 0.78},
             {"gp", CULL_PREDICT_GP, false, 100, 4, 0.79},
             {"svr", CULL_PREDICT_SVR, false, 100, 8, 0.78},
             {"boost", CULL_PREDICT_BOOST, false, 100, 8, 0.72},
             {"boost", CULL_PREDICT_BOOST, false, 50, 8, 0.6},
             {"forest", CULL_PREDICT_FOREST, false, 100, 8, 0.73},
             {"mlp", CULL_PREDICT_MLP, false, 10, 8, 0.36},
             {"mlp", CULL_PREDICT_MLP, false, 100, 4, 0.8},
             {"pretrained", CULL_PREDICT_MLP, true, 10, 4, 0.55}};
    (void)argv;
    if (!load(&t)) return 77;
    bool fine = true;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        cull_predict_opts o = CULL_PREDICT_OPTS;
        int seeds = argc > 1 ? 8 : c[i].seeds;
        double sum = 0, sq = 0;
        o.kind = c[i].kind;
        if (o.kind == CULL_PREDICT_BOOST && !cull__boost_built()) continue;
        for (int s = 0; s < seeds; s++) {
            double tau = tau_of(&t, c[i].n, s, &o, c[i].pretrained);
            sum += tau, sq += tau * tau;
        }
        double mean = sum / seeds, sd = sqrt((sq - sum * mean) / (seeds - 1));
        printf("%-10s N=%-4d tau %.3f +- %.3f (%d seeds; at least %.3f)\n", c[i].name, c[i].n, mean,
               sd / sqrt(seeds), seeds, c[i].least);
        fine &= mean >= c[i].least;
    }
    return !fine;
}
