/* nn_image: what single operations on images do not show: matrix products of every orientation, running
 * statistics, evaluation, wrong input by name, and a net whose bits do not depend on the threads. */
#include "cull/nn_image.h"
#include "cull/nn_ops.h"
#include "nn/prims.h"
#include "test.h"

#include <dirent.h>

static void fill(float *v, int64_t n, uint64_t stream)
{
    cull_rng r = cull__rng_seeded(5, stream);
    for (int64_t i = 0; i < n; i++) v[i] = (float)(2 * cull__rng_unit(&r) - 1);
}

/* ---- products ---- */

enum { WIDE = 130 };
static float left[WIDE * WIDE], right[WIDE * WIDE], got[WIDE * WIDE], was[WIDE * WIDE];

static void one_product(cull_tape *t, bool ta, bool tb, bool add, int64_t m, int64_t n, int64_t k)
{
    memcpy(got, was, sizeof got);
    cull__mm(t, ta, tb, m, n, k, left, WIDE, right, WIDE, add, got, WIDE);
    for (int64_t i = 0; i < WIDE; i++)
        for (int64_t j = 0; j < WIDE; j++) {
            double want = (double)was[i * WIDE + j];
            if (i < m && j < n) {
                if (!add) want = 0;
                for (int64_t e = 0; e < k; e++)
                    want += (double)left[ta ? e * WIDE + i : i * WIDE + e] *
                            (double)right[tb ? j * WIDE + e : e * WIDE + j];
            }
            /* 128 products of numbers below 1, in f32 */
            if (!(fabs((double)got[i * WIDE + j] - want) < 3e-5))
                fail_msg("%c%c %s %dx%dx%d: (%d, %d) is %g, not %g", ta ? 't' : 'n', tb ? 't' : 'n',
                         add ? "added" : "plain", (int)m, (int)n, (int)k, (int)i, (int)j,
                         (double)got[i * WIDE + j], want);
        }
}

static void products(void **state)
{
    (void)state;
    static const int64_t size[][3] = {{1, 1, 1},     {3, 5, 7},      {1, 128, 128}, {128, 1, 128},
                                      {48, 49, 50},  {65, 67, 66},   {127, 16, 90}, {16, 127, 128},
                                      {90, 127, 16}, {128, 128, 128}};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_tape *t;
    fill(left, WIDE * WIDE, 1), fill(right, WIDE * WIDE, 2), fill(was, WIDE * WIDE, 3);
    ok(cx, cull_tape_new(cx, NULL, &t));
    for (int off = 0; off < 2; off++) {
        cull_tape_reset(t, cx, 0, 1);
        cull__prims_use(t, off ? CULL__DNNL_NEVER : CULL__DNNL_FASTER);
        for (size_t s = 0; s < sizeof size / sizeof *size; s++)
            for (int how = 0; how < 8; how++)
                one_product(t, how & 1, how & 2, how & 4, size[s][0], size[s][1], size[s][2]);
        ok(cx, cull_tape_status(t));
        assert_int_equal(cull_tape_bytes(t), 0); /* what was lent came back */
    }
    cull_tape_free(t);
    cull_ctx_free(cx);
}

/* More shapes than the table begins with: all stay right, also the second time. */
static void many_shapes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_tape *t;
    fill(left, WIDE * WIDE, 1), fill(right, WIDE * WIDE, 2), fill(was, WIDE * WIDE, 3);
    ok(cx, cull_tape_new(cx, NULL, &t));
    cull_tape_reset(t, cx, 0, 1);
    for (int twice = 0; twice < 2; twice++)
        for (int64_t m = 50; m < 90; m++)
            one_product(t, m % 2, m % 3 == 0, false, m, 60, 40 + m % 5);
    cull_tape_free(t);
    cull_ctx_free(cx);
}

/* ---- running statistics ---- */

enum { ROWS = 37, CH = 5 };

static void running_statistics(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_params *p;
    cull_tape *t;
    int gamma, beta, mean, var;
    const int64_t ch[] = {CH}, dim[] = {ROWS, CH};
    float x[ROWS * CH], w[ROWS * CH], old[4][CH];
    fill(x, ROWS * CH, 1), fill(w, ROWS * CH, 2);
    ok(cx, cull_params_new(cx, &p));
    ok(cx, cull_params_add(p, "gamma", 1, ch, CULL_INIT_NORMAL, 1, 0, 0, &gamma));
    ok(cx, cull_params_add(p, "beta", 1, ch, CULL_INIT_NORMAL, 1, 0, 0, &beta));
    ok(cx, cull_params_add(p, "mean", 1, ch, CULL_INIT_CONST, .3, 0, CULL_PARAM_STATE, &mean));
    ok(cx, cull_params_add(p, "var", 1, ch, CULL_INIT_CONST, .7, 0, CULL_PARAM_STATE, &var));
    ok(cx, cull_tape_new(cx, p, &t));
    for (int i = 0; i < 4; i++)
        memcpy(old[i], cull_params_value(p) + cull_params_at(p, i)->at, sizeof old[i]);
    for (int mixed = 0; mixed < 2; mixed++) /* by batch_norm; folded into a mix, of weight 1 */
        for (int train = 1; train >= 0; train--) {
            const unsigned mode = CULL_TAPE_GRAD | (train ? CULL_TAPE_TRAIN : 0);
            float *value = cull_params_value(p);
            for (int i = 0; train && i < 4; i++)
                memcpy(value + cull_params_at(p, i)->at, old[i], sizeof old[i]);
            cull_tape_reset(t, cx, mode, 1);
            const cull_norm o = {.gamma = cull_nn_param(t, gamma),
                                 .beta = cull_nn_param(t, beta),
                                 .mean = mean,
                                 .var = var,
                                 .momentum = .25};
            cull_var *in = cull_nn_input(t, 2, dim, x, true);
            const cull_branch branch = {in, &o, 0};
            cull_var *y = mixed ? cull_nn_mix(t, cull_nn_constant(t, 0, NULL, 1), &branch, 1)
                                : cull_nn_batch_norm(t, in, &o);
            if (!y) fail_msg("%s", cull_error(cx));
            cull_nn_watch(t, y);
            ok(cx, cull_tape_backward(t, cull_nn_weighted_sum(t, y, w)));
            const float *m = value + cull_params_at(p, mean)->at;
            const float *v = value + cull_params_at(p, var)->at;
            if (train) cull_tape_settle(&t, 1);
            for (int e = 0; e < CH; e++) {
                double mu = 0, s2 = 0;
                for (int r = 0; r < ROWS; r++) mu += (double)x[r * CH + e] / ROWS;
                for (int r = 0; r < ROWS; r++) s2 += pow((double)x[r * CH + e] - mu, 2);
                /* kept: of train's one step, which evaluation leaves alone */
                assert_float_equal(m[e], .75 * (double)old[2][e] + .25 * mu, 1e-6);
                assert_float_equal(v[e], .75 * (double)old[3][e] + .25 * s2 / (ROWS - 1), 1e-6);
                if (train) continue;
                const double slope = (double)old[0][e] / sqrt((double)v[e] + 1e-5);
                for (int r = 0; r < ROWS; r++) {
                    const int i = r * CH + e;
                    assert_float_equal(cull_var_value(y)[i],
                                       slope * (double)(x[i] - m[e]) + (double)old[1][e], 1e-5);
                    assert_float_equal(cull_var_grad(in)[i], slope * (double)w[i], 1e-5);
                }
            }
        }
    cull_tape_free(t);
    cull_params_free(p);
    cull_ctx_free(cx);
}

/* ---- wrong input ---- */

static void wrong_input(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_tape *t;
    static const float v[4096];
    const int64_t image[] = {2, 4, 4, 6}, other[] = {2, 4, 4, 5}, filter[] = {4, 3, 3, 6},
                  six[] = {6}, row[] = {1, 6};
    const cull_window five = {.groups = 4}, deep = {.kernel = {3, 3}, .pad = {3, 0, 0, 0}},
                      large = {.kernel = {5, 5}}, minus = {.stride = {-1, 1}}, none = {0};
    const cull_norm plain = {.mean = -1, .var = -1};
    ok(cx, cull_tape_new(cx, NULL, &t));
    for (int i = 0; i < 13; i++) {
        static const char *const says[] = {
            "conv2d in here: x is (2, 4, 4, 5), the weights are (4, 3, 3, 6)",
            "4 groups",
            "the bias is (6); it must be (4)",
            "stride -1",
            "conv2d in here: x is (6)",
            "max_pool in here: padding 3 and 0",
            "avg_pool in here: the kernel has 5 pixels and the padded image 4",
            "kernel 0 and stride 0",
            "global_pool in here: x is (6)",
            "one number a channel",
            "branch 0 is (2, 4, 4, 6) and branch 1 is (2, 4, 4, 5)",
            "branch 1 has weight number 6 of 6",
            "mix: there are 0 branches",
        };
        cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 1);
        cull_tape_scope(t, "here");
        cull_var *x = cull_nn_input(t, 4, image, v, false),
                 *y = cull_nn_input(t, 4, other, v, false),
                 *w = cull_nn_input(t, 4, filter, v, false),
                 *s = cull_nn_input(t, 1, six, v, false);
        const cull_branch two[] = {{x, NULL, 0}, {y, NULL, 1}},
                          far[] = {{x, NULL, 5}, {x, NULL, 6}};
        cull_var *z = i == 0    ? cull_nn_conv2d(t, y, w, NULL, NULL)
                      : i == 1  ? cull_nn_conv2d(t, x, w, NULL, &five)
                      : i == 2  ? cull_nn_conv2d(t, x, w, s, NULL)
                      : i == 3  ? cull_nn_conv2d(t, x, w, NULL, &minus)
                      : i == 4  ? cull_nn_conv2d(t, s, w, NULL, NULL)
                      : i == 5  ? cull_nn_max_pool(t, x, &deep)
                      : i == 6  ? cull_nn_avg_pool(t, x, &large)
                      : i == 7  ? cull_nn_avg_pool(t, x, &none)
                      : i == 8  ? cull_nn_global_pool(t, s)
                      : i == 9  ? cull_nn_batch_norm(t, cull_nn_input(t, 2, row, v, false), &plain)
                      : i == 10 ? cull_nn_mix(t, s, two, 2)
                      : i == 11 ? cull_nn_mix(t, s, far, 2)
                                : cull_nn_mix(t, s, far, 0);
        assert_null(z);
        refused(cx, cull_tape_status(t), CULL_EINPUT, says[i]);
    }
    cull_tape_free(t);
    cull_ctx_free(cx);
}

static void same_padding(void **state)
{
    (void)state;
    for (int64_t stride = 1; stride < 4; stride++)
        for (int64_t k = 1; k < 6; k++)
            for (int64_t n = 1; n < 12; n++) {
                cull_window w = {.stride = {stride, 1}, .dilation = {2, 0}};
                cull_window_same(&w, k, 4, n, n + 1);
                int64_t rows = (n + w.pad[0] + w.pad[1] - 2 * (k - 1) - 1) / stride + 1;
                assert_int_equal(rows, (n + stride - 1) / stride);
                assert_int_equal(w.pad[2] + w.pad[3], 3);
                assert_true(w.pad[1] - w.pad[0] == 0 || w.pad[1] - w.pad[0] == 1);
            }
}

/* ---- a small net over shards ---- */

enum { SHARDS = 4, EACH = 6, SIDE = 9, CLASSES = 3, PIXELS = SIDE * SIDE * 3 };
typedef struct {
    cull_params *p;
    cull_tape *t[SHARDS];
    int w[5], gamma, beta, mean, var;
    float x[SHARDS * EACH * PIXELS];
    int32_t label[SHARDS * EACH];
} net;

static cull_status shard(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    net *n = arg;
    cull_tape *t = n->t[chunk];
    const cull_window same = {.pad = {1, 1, 1, 1}}, each = {.pad = {2, 2, 2, 2}, .groups = 8},
                      pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}};
    const int64_t dim[] = {hi - lo, SIDE, SIDE, 3};
    cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 1);
    const cull_norm o = {.gamma = cull_nn_param(t, n->gamma),
                         .beta = cull_nn_param(t, n->beta),
                         .mean = n->mean,
                         .var = n->var};
    const cull_norm plain = {.mean = -1, .var = -1};
    cull_var *x = cull_nn_input(t, 4, dim, n->x + lo * PIXELS, false);
    x = cull_nn_conv2d(t, x, cull_nn_param(t, n->w[0]), NULL, &same);
    x = cull_nn_batch_norm_relu(t, x, &o);
    cull_var *y = cull_nn_conv2d(t, x, cull_nn_param(t, n->w[1]), NULL, &each);
    cull_var *z = cull_nn_conv2d(t, x, cull_nn_param(t, n->w[2]), NULL, &same);
    const cull_branch b[] = {{x, NULL, 0}, {y, &plain, 1}, {z, &plain, 2}};
    x = cull_nn_mix(t, cull_nn_param(t, n->w[3]), b, 3);
    x = cull_nn_global_pool(t, cull_nn_max_pool(t, x, &pool));
    x = cull_nn_linear(t, x, cull_nn_param(t, n->w[4]), NULL);
    CULL_TRY(cull_tape_status(t));
    return cull_tape_backward(t, cull_nn_cross_entropy(t, x, n->label + lo, NULL, 0));
}

static void small_net(int threads, float *grad, float *value, int64_t room)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = threads;
    cull_ctx *cx = cull_ctx_new(&o);
    net *n = calloc(1, sizeof *n);
    const int64_t c0[] = {8, 3, 3, 3}, c1[] = {8, 5, 5, 1}, c2[] = {8, 3, 3, 8}, c3[] = {3},
                  c4[] = {CLASSES, 8}, ch[] = {8};
    ok(cx, cull_params_new(cx, &n->p));
    ok(cx, cull_params_add(n->p, "a", 4, c0, CULL_INIT_HE, 0, 0, 0, n->w));
    ok(cx, cull_params_add(n->p, "b", 4, c1, CULL_INIT_HE, 0, 0, 0, n->w + 1));
    ok(cx, cull_params_add(n->p, "c", 4, c2, CULL_INIT_HE, 0, 0, 0, n->w + 2));
    ok(cx, cull_params_add(n->p, "d", 1, c3, CULL_INIT_ONE, 0, 0, 0, n->w + 3));
    ok(cx, cull_params_add(n->p, "e", 2, c4, CULL_INIT_HE, 0, 0, 0, n->w + 4));
    ok(cx, cull_params_add(n->p, "f", 1, ch, CULL_INIT_ONE, 0, 0, 0, &n->gamma));
    ok(cx, cull_params_add(n->p, "g", 1, ch, CULL_INIT_ZERO, 0, 0, 0, &n->beta));
    ok(cx, cull_params_add(n->p, "h", 1, ch, CULL_INIT_ZERO, 0, 0, CULL_PARAM_STATE, &n->mean));
    ok(cx, cull_params_add(n->p, "i", 1, ch, CULL_INIT_ONE, 0, 0, CULL_PARAM_STATE, &n->var));
    fill(n->x, SHARDS * EACH * PIXELS, 9);
    for (int i = 0; i < SHARDS * EACH; i++) n->label[i] = i % CLASSES;
    for (int i = 0; i < SHARDS; i++) ok(cx, cull_tape_new(cx, n->p, n->t + i));
    for (int step = 0; step < 3; step++) {
        ok(cx, cull__for(cx, SHARDS * EACH, EACH, shard, n));
        cull_tape_settle(n->t, SHARDS);
        float *v = cull_params_value(n->p);
        for (int i = 0; i < cull_params_count(n->p); i++) {
            const cull_param *q = cull_params_at(n->p, i);
            for (int64_t j = 0; j < q->n && !(q->flags & CULL_PARAM_STATE); j++)
                for (int k = 0; k < SHARDS; k++)
                    v[q->at + j] -= .01f * cull_tape_grad(n->t[k])[q->at + j];
        }
    }
    const int64_t size = cull_params_size(n->p);
    assert_true(size * SHARDS <= room);
    memcpy(value, cull_params_value(n->p), (size_t)size * sizeof *value);
    for (int i = 0; i < SHARDS; i++) {
        memcpy(grad + i * size, cull_tape_grad(n->t[i]), (size_t)size * sizeof *grad);
        cull_tape_free(n->t[i]);
    }
    cull_params_free(n->p);
    cull_ctx_free(cx);
    free(n);
}

static void threads_agree(void **state)
{
    (void)state;
    enum { ROOM = 1 << 14 };
    static float grad[2][ROOM], value[2][ROOM];
    for (int i = 0; i < 2; i++) small_net(i + 1, grad[i], value[i], ROOM);
    assert_memory_equal(grad[0], grad[1], sizeof grad[0]);
    assert_memory_equal(value[0], value[1], sizeof value[0]);
    float most = 0;
    for (int i = 0; i < ROOM; i++) most = fmaxf(most, fabsf(grad[0][i]));
    assert_true(most > 1e-3f && most < 100);
}

static int tasks(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

/* Outside a loop too an operation computes on the calling thread alone: no library starts threads of its own. */
static void one_thread(void **state)
{
    (void)state;
    static float x[32 * 32 * 64], w[64 * 9 * 64];
    const int64_t xd[] = {1, 32, 32, 64}, wd[] = {64, 3, 3, 64};
    const cull_window k = {.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_tape *t;
    int before = tasks();
    ok(cx, cull_tape_new(cx, NULL, &t));
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 1);
    cull_var *y = cull_nn_conv2d(t, cull_nn_input(t, 4, xd, x, true),
                                 cull_nn_input(t, 4, wd, w, true), NULL, &k);
    cull_var *sum = cull_nn_matmul(t, cull_nn_reshape(t, y, 2, (int64_t[]){1024, 64}), false,
                                   cull_nn_input(t, 2, (int64_t[]){64, 576}, w, true), false);
    ok(cx, cull_tape_backward(t, cull_nn_mean(t, sum, 3, false)));
    assert_int_equal(tasks(), before);
    cull_tape_free(t);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread),    cmocka_unit_test(products),
        cmocka_unit_test(many_shapes),   cmocka_unit_test(running_statistics),
        cmocka_unit_test(wrong_input),   cmocka_unit_test(same_padding),
        cmocka_unit_test(threads_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
