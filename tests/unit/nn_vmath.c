/* nn_vmath: exp, log, tanh, erf against libm in double over all floats, a stride of them; extremes; one set of
 * bits for every instruction set. */
#include "base/base.h"
#include "nn/dense.h"
#include "nn/vmath.h"
#include "test.h"

static double as_exp(double x) { return exp(x); }
static double as_log(double x) { return log(x); }
static double as_tanh(double x) { return tanh(x); }
static double as_erf(double x) { return erf(x); }
static double as_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double as_softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

typedef struct {
    const char *name;
    float (*ours)(float);
    double (*libm)(double);
    double most; /* units in the last place: what the header states */
    float from;  /* below it the result is 0 where it might be subnormal */
} function;
static const function functions[] = {
    {"exp", cull__expf, as_exp, 1.01, -INFINITY},
    {"log", cull__logf, as_log, .9, -INFINITY},
    {"tanh", cull__tanhf, as_tanh, 1.5, -INFINITY},
    {"erf", cull__erff, as_erf, 1.2, -INFINITY},
    {"sigmoid", cull__sigmoidf, as_sigmoid, 2.5, -87},
    {"softplus", cull__softplusf, as_softplus, 2, -INFINITY},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static double unit_of(float w)
{
    int e;
    if (fabsf(w) < FLT_MIN) return 0x1p-149;
    frexpf(w, &e);
    return ldexp(1, e - 24);
}

static void all_floats(void **state)
{
    (void)state;
    for (int f = 0; f < FUNCTIONS; f++) {
        const function *u = functions + f;
        double worst = 0, where = 0;
        for (uint64_t b = f; b < UINT64_C(1) << 32; b += 4099) {
            float x = cull__of_bits((uint32_t)b), y = u->ours(x);
            double want = u->libm((double)x);
            if (isnan(want)) {
                if (!isnan(y)) fail_msg("%s(%g) is %g", u->name, (double)x, (double)y);
                continue;
            }
            if (fabs(want) > (double)FLT_MAX) {
                if ((double)y != (double)(float)want)
                    fail_msg("%s(%g) is %g", u->name, (double)x, (double)y);
                continue;
            }
            if (x < u->from) {
                assert_true(y >= 0 && y < 1e-37f);
                continue;
            }
            double off = fabs((double)y - want) / unit_of((float)want);
            if (!(off <= worst)) worst = off, where = (double)x;
        }
        if (!(worst <= u->most))
            fail_msg("%s(%a) is off by %g units in the last place", u->name, where, worst);
    }
}

static void extremes(void **state)
{
    (void)state;
    assert_true(cull__expf(0) == 1 && cull__expf(-INFINITY) == 0);
    assert_true(cull__expf(INFINITY) == INFINITY && isnan(cull__expf(NAN)));
    assert_true(cull__expf(-103.9f) == 0x1p-149f && cull__expf(88.7f) < INFINITY);
    assert_true(cull__logf(0) == -INFINITY && cull__logf(1) == 0 && isnan(cull__logf(-1)));
    assert_true(cull__logf(INFINITY) == INFINITY && isnan(cull__logf(NAN)));
    assert_true(cull__tanhf(INFINITY) == 1 && cull__tanhf(-INFINITY) == -1);
    assert_true(isnan(cull__tanhf(NAN)) && isnan(cull__erff(NAN)));
    assert_true(cull__tanhf(-0.f) == 0 && cull__erff(-0.f) == 0);
    assert_true(cull__erff(INFINITY) == 1 && cull__erff(-INFINITY) == -1);
    assert_true(cull__sigmoidf(-INFINITY) == 0 && cull__sigmoidf(INFINITY) == 1);
    assert_true(cull__softplusf(-200) == 0 && cull__softplusf(INFINITY) == INFINITY);
}

/* Every kernel of one number, in every build of it that this machine runs, beside the plain one. */
static void one_set_of_bits(void **state)
{
    (void)state;
    enum { N = 4001 };
    static float x[N], dy[N], y[2][N], g[2][N];
    static const char *const isas[] = ISA_NAMES;
    cull_rng r = cull__rng_seeded(3, 1);
    for (int i = 0; i < N; i++) {
        x[i] = (float)(cull__rng_normal(&r) * exp(3 * cull__rng_normal(&r)));
        dy[i] = (float)cull__rng_normal(&r);
    }
    for (int v = 0; v < 3; v++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.isa = isas[v];
        cull_ctx *cx = cull_ctx_new(&o);
        if (!cx) continue;
        const cull__unary_kern *k = CULL__KERN(unary, cx), *base = &cull__unary_table_v2;
        for (int f = 0; f < CULL__UNARIES; f++) {
            base->forward[f](y[0], x, N, -.5f, .7f);
            k->forward[f](y[1], x, N, -.5f, .7f);
            base->backward[f](g[0], x, dy, N, -.5f, .7f, false);
            memcpy(g[1], dy, sizeof dy);
            k->backward[f](g[1], x, g[1], N, -.5f, .7f, false); /* in place */
            if (memcmp(y[0], y[1], sizeof *y) || memcmp(g[0], g[1], sizeof *g))
                fail_msg("function %d has other bits under %s", f, isas[v]);
        }
        cull_ctx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_floats),
        cmocka_unit_test(extremes),
        cmocka_unit_test(one_set_of_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
