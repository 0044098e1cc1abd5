/* nn_curvature.c - gradients and Hessians of softmax regression, which are known in closed form. */
#include "cull/nn_ops.h"
#include "cull/train.h"
#include "num/num.h"
#include "test.h"

enum { N = 45, D = 6, K = 3, FLAT = 48, TRAINED = K * D + K, SLOTS = 8 };

typedef struct {
    cull_params *p;
    int w, b;
    float x[N][D], in[SLOTS][N][D];
    int32_t label[N], of[SLOTS][N];
} net;

static net *net_new(cull_ctx *cx)
{
    net *n = calloc(1, sizeof *n);
    cull_rng r = cull__rng_seeded(2, 3);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < D; j++) n->x[i][j] = (float)cull__rng_normal(&r) * (float)(1 + j);
        n->label[i] = (int32_t)cull__rng_below(&r, K);
    }
    ok(cx, cull_params_new(cx, &n->p));
    ok(cx, cull_params_add(n->p, "w", 2, (int64_t[]){K, D}, CULL_INIT_NORMAL, .1, 0, 0, &n->w));
    ok(cx, cull_params_add(n->p, "b", 1, (int64_t[]){K}, CULL_INIT_NORMAL, .1, 0, 0, &n->b));
    assert_int_equal(cull_params_size(n->p), FLAT);
    return n;
}

static void net_free(net *n)
{
    cull_params_free(n->p);
    free(n);
}

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    net *n = user;
    assert_false(b->train);
    for (int64_t i = 0; i < b->n; i++) {
        memcpy(n->in[b->shard][i], n->x[b->row[i]], sizeof n->x[0]);
        n->of[b->shard][i] = n->label[b->row[i]];
    }
    cull_var *x = cull_nn_input(t, 2, (int64_t[]){b->n, D}, n->in[b->shard][0], false);
    return cull_nn_cross_entropy(
        t, cull_nn_linear(t, x, cull_nn_param(t, n->w), cull_nn_param(t, n->b)), n->of[b->shard],
        NULL, 0);
}

static cull_train_problem problem(net *n)
{
    return (cull_train_problem){.params = n->p, .n = N, .loss = loss, .user = n};
}

/* Where class k's weight of column j (j = D: its bias) lies, in the flat buffer and among what is trained. */
static int flat(int k, int j) { return j < D ? k * D + j : 32 + k; }
static int packed(int k, int j) { return j < D ? k * D + j : K * D + k; }
static double x_of(const net *n, int i, int j) { return j < D ? (double)n->x[i][j] : 1; }

static void probabilities(const net *n, int i, double p[K])
{
    const float *v = cull_params_value(n->p);
    double sum = 0;
    for (int k = 0; k < K; k++) {
        p[k] = 0;
        for (int j = 0; j <= D; j++) p[k] += (double)v[flat(k, j)] * x_of(n, i, j);
        sum += p[k] = exp(p[k]);
    }
    for (int k = 0; k < K; k++) p[k] /= sum;
}

/* Row i's gradient (p - onehot) x, and its Hessian (diag p - p p^T) (x x^T), packed. */
static void closed(const net *n, int i, double g[TRAINED], double h[TRAINED][TRAINED])
{
    double p[K];
    probabilities(n, i, p);
    for (int k = 0; k < K; k++)
        for (int j = 0; j <= D; j++) {
            g[packed(k, j)] = (p[k] - (n->label[i] == k)) * x_of(n, i, j);
            for (int l = 0; h && l < K; l++)
                for (int m = 0; m <= D; m++)
                    h[packed(k, j)][packed(l, m)] +=
                        p[k] * ((k == l) - p[l]) * x_of(n, i, j) * x_of(n, i, m) / N;
        }
}

static void gradients(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    float each[N][TRAINED], all[FLAT];
    double g[TRAINED], mean[TRAINED] = {0};
    ok(cx, cull_gradients(cx, &q, 0, CULL_PROJECT_SIGN, each[0]));
    for (int i = 0; i < N; i++) {
        closed(n, i, g, NULL);
        for (int j = 0; j < TRAINED; j++) {
            assert_true(fabs((double)each[i][j] - g[j]) < 1e-5); /* of numbers to 20 */
            mean[j] += g[j] / N;
        }
    }
    for (int64_t batch = 1; batch <= 50; batch += 7) {
        ok(cx, cull_gradient(cx, &q, batch, all));
        for (int k = 0; k < K; k++)
            for (int j = 0; j <= D; j++)
                assert_true(fabs((double)all[flat(k, j)] - mean[packed(k, j)]) < 1e-5);
    }
    /* frozen and masked: nothing of them; masked ones keep their place among the trained */
    float mask[FLAT], few[N][K * D];
    for (int i = 0; i < FLAT; i++) mask[i] = i != 4;
    ok(cx, cull_params_mask(n->p, mask));
    cull_params_flag(n->p, n->b, CULL_PARAM_FROZEN);
    ok(cx, cull_gradient(cx, &q, 9, all));
    assert_true(all[4] == 0 && all[flat(1, D)] == 0 && all[5] != 0);
    ok(cx, cull_gradients(cx, &q, 0, CULL_PROJECT_SIGN, few[0]));
    for (int i = 0; i < N; i++)
        for (int j = 0; j < K * D; j++) assert_true(few[i][j] == (j == 4 ? 0 : each[i][j]));
    net_free(n);
    cull_ctx_free(cx);
}

static void projections(void **state)
{
    (void)state;
    enum { WIDE = 2005 };
    static float each[N][TRAINED], one[N][WIDE], two[N][WIDE];
    for (int kind = CULL_PROJECT_SIGN; kind <= CULL_PROJECT_NORMAL; kind++) {
        for (int threads = 1; threads <= 2; threads++) {
            cull_ctx_opts co = CULL_CTX_OPTS;
            co.threads = threads;
            cull_ctx *cx = cull_ctx_new(&co);
            net *n = net_new(cx);
            cull_train_problem q = problem(n);
            ok(cx, cull_gradients(cx, &q, 0, (cull_project_kind)kind, each[0]));
            ok(cx, cull_gradients(cx, &q, WIDE, (cull_project_kind)kind,
                                  threads == 1 ? one[0] : two[0]));
            net_free(n);
            cull_ctx_free(cx);
        }
        assert_memory_equal(one, two, sizeof one);
        /* lengths stay: chi-square over WIDE numbers, 6 sd = 6 sqrt(2 / 2005) = 0.19 */
        for (int i = 0; i < N; i++) {
            double was = 0, is = 0;
            for (int j = 0; j < TRAINED; j++) was += (double)each[i][j] * (double)each[i][j];
            for (int j = 0; j < WIDE; j++) is += (double)one[i][j] * (double)one[i][j];
            assert_true(fabs(is / was - 1) < .19);
        }
        /* it is linear: row 0 by itself is what it was among others, to rounding */
        cull_ctx *cx = cull_ctx_new(NULL);
        net *n = net_new(cx);
        cull_train_problem q = problem(n);
        q.n = 1;
        q.row = (int64_t[]){7};
        ok(cx, cull_gradients(cx, &q, WIDE, (cull_project_kind)kind, two[0]));
        for (int j = 0; j < WIDE; j++) assert_true(fabs((double)(two[0][j] - one[7][j])) < 1e-4);
        cull_ctx_reseed(cx, 99);
        ok(cx, cull_gradients(cx, &q, WIDE, (cull_project_kind)kind, two[0]));
        assert_true(fabs((double)(two[0][0] - one[7][0])) > 1e-4 ||
                    fabs((double)(two[0][1] - one[7][1])) > 1e-4);
        net_free(n);
        cull_ctx_free(cx);
    }
}

/* Central differences err by h^2 / 6 of the third derivative and f32 rounding of gradients over 2 h: at
 * h |v| = 0.01 both are some 1e-4 of the product here. */
static void hessians(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    net *n = net_new(cx);
    cull_train_problem q = problem(n);
    static double h[TRAINED][TRAINED], w[TRAINED], vec[TRAINED][TRAINED];
    double g[TRAINED], value, error;
    float first[FLAT], v[FLAT], out[FLAT], vector[FLAT];
    memcpy(first, cull_params_value(n->p), sizeof first);
    memset(h, 0, sizeof h);
    for (int i = 0; i < N; i++) closed(n, i, g, h);
    for (int i = 0; i < FLAT; i++) v[i] = (float)sin(1 + i);
    ok(cx, cull_hessian_times(cx, &q, 10, 0, v, out));
    assert_memory_equal(first, cull_params_value(n->p), sizeof first);
    double far = 0, length = 0;
    for (int k = 0; k < K; k++)
        for (int j = 0; j <= D; j++) {
            double want = 0;
            for (int l = 0; l < K; l++)
                for (int m = 0; m <= D; m++)
                    want += h[packed(k, j)][packed(l, m)] * (double)v[flat(l, m)];
            far = fmax(far, fabs((double)out[flat(k, j)] - want));
            length = fmax(length, fabs(want));
        }
    assert_true(far < 2e-3 * length);
    ok(cx, cull__eigh(cx, h[0], TRAINED, w, vec[0]));
    ok(cx, cull_hessian_top(cx, &q, 10, 0, 0, 0, &value, &error, vector));
    assert_true(fabs(value - w[0]) < 2e-3 * w[0]);
    assert_true(error <= 1e-3 * value);
    double cosine = 0;
    for (int k = 0; k < K; k++)
        for (int j = 0; j <= D; j++) cosine += vec[0][packed(k, j)] * (double)vector[flat(k, j)];
    assert_true(fabs(cosine) > .999);
    assert_memory_equal(first, cull_params_value(n->p), sizeof first);
    ok(cx, cull_hessian_top(cx, &q, 10, 0, 1, 1e-9, &value, &error, NULL));
    assert_true(error > .01 * w[0]); /* one product: it is said not to be there yet */
    memset(v, 0, sizeof v);
    ok(cx, cull_hessian_times(cx, &q, 10, 0, v, out));
    assert_true(out[3] == 0);
    v[2] = NAN;
    refused(cx, cull_hessian_times(cx, &q, 10, 0, v, out), CULL_EINPUT, "vector is not finite");
    refused(cx, cull_hessian_times(cx, &q, 10, -1, v, out), CULL_EOPTION, "is -1");
    refused(cx, cull_hessian_times(cx, &q, 0, 0, v, out), CULL_EOPTION, "batch is 0");
    refused(cx, cull_gradients(cx, &q, -1, CULL_PROJECT_SIGN, out), CULL_EOPTION, "-1 numbers");
    refused(cx, cull_hessian_top(cx, &q, 10, 0, -1, 0, &value, &error, NULL), CULL_EOPTION, "-1");
    cull_params_flag(n->p, n->w, CULL_PARAM_FROZEN);
    cull_params_flag(n->p, n->b, CULL_PARAM_FROZEN);
    refused(cx, cull_gradient(cx, &q, 10, out), CULL_EINPUT, "no parameter is trained");
    net_free(n);
    cull_ctx_free(cx);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    float v[2][FLAT];
    double value[2], error;
    for (int t = 0; t < 2; t++) {
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.threads = 1 + t;
        cull_ctx *cx = cull_ctx_new(&co);
        net *n = net_new(cx);
        cull_train_problem q = problem(n);
        ok(cx, cull_hessian_top(cx, &q, 4, 0, 0, 0, &value[t], &error, v[t]));
        net_free(n);
        cull_ctx_free(cx);
    }
    assert_memory_equal(v[0], v[1], sizeof v[0]);
    assert_true(value[0] == value[1]);
}

static void memory_fails(void **state)
{
    (void)state;
    for (long at = 1;; at++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        net *n = net_new(cx);
        cull_train_problem q = problem(n);
        float first[FLAT], out[N * 40];
        double value, error;
        memcpy(first, cull_params_value(n->p), sizeof first);
        h.fail_at = h.calls + at;
        cull_status s = cull_gradients(cx, &q, 40, CULL_PROJECT_SIGN, out);
        if (s == CULL_OK) s = cull_hessian_top(cx, &q, 10, 0, 3, 0, &value, &error, NULL);
        bool all = h.calls < h.fail_at;
        assert_memory_equal(first, cull_params_value(n->p), sizeof first);
        net_free(n);
        cull_ctx_free(cx);
        assert_int_equal(s, all ? CULL_OK : CULL_ENOMEM);
        assert_int_equal(h.live, 0);
        if (!all) continue;
        assert_true(at > 10);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),    cmocka_unit_test(projections),
        cmocka_unit_test(hessians),     cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
