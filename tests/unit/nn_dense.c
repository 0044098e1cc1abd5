/* nn_dense: what the dense operations refuse and how they say it; rows without anything, extremes; the same
 * bits for every instruction set and number of threads; embeddings' rows; random operations of a step. */
#include "base/base.h"
#include "cull/nn_ops.h"
#include "nn/dense.h"
#include "test.h"

static cull_ctx *cx;
static cull_tape *t;

static int open_tape(void **state)
{
    (void)state;
    cx = cull_ctx_new(NULL);
    return cull_tape_new(cx, NULL, &t) != CULL_OK;
}
static int close_tape(void **state)
{
    (void)state;
    cull_tape_free(t);
    cull_ctx_free(cx);
    return 0;
}

static float numbers[4096];
static cull_var *input(int rank, const int64_t *dim)
{
    for (int i = 0; i < 4096; i++) numbers[i] = (float)(i * 37 % 101 - 50) / 25;
    return cull_nn_input(t, rank, dim, numbers, true);
}
#define DIM(...)                                                                                   \
    (sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]) { __VA_ARGS__ }

/* The operation is refused, and its sentence names itself and `part`. */
static void wrong(cull_var *y, const char *name, const char *part)
{
    if (y) fail_msg("%s: was taken", name);
    assert_int_equal(cull_tape_status(t), CULL_EINPUT);
    const char *said = cull_error(cx);
    if (strncmp(said, name, strlen(name)) || !strstr(said, part))
        fail_msg("'%s' does not begin with '%s' or lacks '%s'", said, name, part);
    cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 1);
}

static void refusals(void **state)
{
    (void)state;
    static const int32_t far[] = {0, 1, 7, 1}, below[] = {0, -1, 1, 1};
    static const uint8_t mask[64];
    cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 1);
#define X34 input(DIM(3, 4))
    wrong(cull_nn_clip(t, X34, 1, -1), "clip", "-1");
    wrong(cull_nn_add(t, X34, input(DIM(3))), "add", "(3, 4) and (3)");
    wrong(cull_nn_mul(t, X34, input(DIM(2, 4))), "mul", "(3, 4) and (2, 4)");
    wrong(cull_nn_sum(t, X34, 4, false), "sum", "no dimension 2");
    wrong(cull_nn_amax(t, X34, 9, false), "amax", "no dimension 3");
    wrong(cull_nn_reshape(t, X34, 2, (int64_t[]){5, -1}), "reshape", "(5, -1)");
    wrong(cull_nn_reshape(t, X34, 2, (int64_t[]){-1, -1}), "reshape", "(3, 4)");
    wrong(cull_nn_reshape(t, X34, 5, (int64_t[]){3, 1, 1, 1, 4}), "reshape", "5");
    wrong(cull_nn_reshape(t, X34, 2, (int64_t[]){INT64_MAX, 2}), "reshape", "12 numbers");
    wrong(cull_nn_flatten(t, X34, 3), "reshape", "(3, 4)");
    wrong(cull_nn_flatten(t, X34, -3), "reshape", "-1");
    wrong(cull_nn_permute(t, X34, (int[]){0, 0}), "permute", "twice");
    wrong(cull_nn_transpose(t, X34, 0, 2), "permute", "2 of 2 is not there");
    wrong(cull_nn_slice(t, X34, 2, 0, 1), "slice", "no dimension 2");
    wrong(cull_nn_slice(t, X34, 1, 3, 3), "slice", "from 3 to 3");
    wrong(cull_nn_slice(t, X34, 0, 0, 4), "slice", "from 0 to 4");
    wrong(cull_nn_concat(t, (cull_var *[]){X34, input(DIM(3, 5))}, 2, 0), "concat", "(3, 5)");
    wrong(cull_nn_concat(t, (cull_var *[]){X34}, 1, -3), "concat", "no dimension -3");
    wrong(cull_nn_concat(t, NULL, 0, 0), "concat", "no tensors");
    wrong(cull_nn_segment_softmax(t, X34, far, INT64_MAX, 1), "segment_softmax", "segments");
    wrong(cull_nn_pad(t, X34, (int64_t[]){0, -1}, (int64_t[]){0, 0}, 0), "pad", "-1 before");
    wrong(cull_nn_pad(t, X34, (int64_t[]){INT64_MAX, 0}, (int64_t[]){0, 0}, 0), "pad", "before");
    wrong(cull_nn_broadcast_to(t, X34, 2, (int64_t[]){6, 4}), "broadcast_to", "(6, 4)");
    wrong(cull_nn_broadcast_to(t, X34, 1, (int64_t[]){4}), "broadcast_to", "(3, 4)");
    wrong(cull_nn_channel_shuffle(t, X34, 3), "channel_shuffle", "3 groups");
    wrong(cull_nn_channel_shuffle(t, X34, 0), "channel_shuffle", "0 groups");
    wrong(cull_nn_matmul(t, X34, false, input(DIM(3, 5)), false), "matmul", "(..., k, n)");
    wrong(cull_nn_matmul(t, X34, false, input(DIM(4)), false), "matmul", "y is (4)");
    wrong(cull_nn_matmul(t, input(DIM(2, 3, 4)), false, input(DIM(3, 4, 5)), false), "matmul",
          "(2, 3, 4)");
    wrong(cull_nn_softmax(t, X34, 0), "softmax", "temperature is 0");
    wrong(cull_nn_log_softmax(t, X34, NAN), "log_softmax", "temperature");
    wrong(cull_nn_masked_softmax(t, X34, mask, 0, 1, 1), "masked_softmax", "0 rows");
    wrong(cull_nn_segment_softmax(t, X34, far, 2, 1), "segment_softmax", "row 2 is 7");
    wrong(cull_nn_embedding(t, X34, far, 4), "embedding", "row 2 is 7; it must be 0 to 2");
    wrong(cull_nn_gather_rows(t, X34, below, 4), "gather_rows", "row 1 is -1");
    wrong(cull_nn_gather_rows(t, X34, below, 0), "gather_rows", "0 rows");
    wrong(cull_nn_segment_sum(t, X34, far, 7), "segment_sum", "row 2 is 7");
    wrong(cull_nn_segment_mean(t, X34, below, 7), "segment_mean", "row 1 is -1");
    wrong(cull_nn_topk(t, X34, 5, NULL), "topk", "k is 5");
    wrong(cull_nn_topk(t, X34, 0, NULL), "topk", "k is 0");
    wrong(cull_nn_one_hot(t, far, 4, 7), "one_hot", "row 2 is 7");
    wrong(cull_nn_mse(t, X34, input(DIM(4, 3)), NULL), "mse", "(4, 3)");
    wrong(cull_nn_huber(t, X34, X34, 0, NULL), "huber", "0");
    wrong(cull_nn_kl(t, X34, X34, -1, NULL), "kl", "-1");
    wrong(cull_nn_dropout(t, X34, 1), "dropout", "probability is 1");
    wrong(cull_nn_drop_path(t, X34, -.5), "drop_path", "-0.5");
    wrong(cull_nn_layer_norm(t, X34, input(DIM(3)), NULL, 1e-5), "layer_norm", "scale is (3)");
    wrong(cull_nn_layer_norm(t, X34, input(DIM(4)), input(DIM(5)), 1e-5), "layer_norm",
          "shift is (5)");
    wrong(cull_nn_rms_norm(t, X34, NULL, -1), "rms_norm", "eps is -1");
}

/* A row with nothing to choose from is 0, and so is what comes back of it. */
static void empty_rows(void **state)
{
    (void)state;
    static const float none[] = {-INFINITY, -INFINITY, -INFINITY, 1, -INFINITY, 2};
    static const float w[] = {1, 2, 3, 4, 5, 6};
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 1);
    cull_var *x = cull_nn_input(t, 2, (int64_t[]){2, 3}, none, true);
    cull_var *y = cull_nn_watch(t, cull_nn_softmax(t, x, 1));
    ok(cx, cull_tape_backward(t, cull_nn_weighted_sum(t, y, w)));
    for (int i = 0; i < 6; i++) {
        const float *v = cull_var_value(y), *g = cull_var_grad(x);
        if (i < 3 || i == 4)
            assert_true(v[i] == 0 && g[i] == 0);
        else
            assert_true(v[i] > 0 && isfinite(g[i]));
    }
    static const float huge[] = {3e38f, -3e38f, 100, -100, 1e-40f, 88};
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 1);
    x = cull_nn_input(t, 2, (int64_t[]){2, 3}, huge, true);
    y = cull_nn_softmax(t, x, .5);
    for (int i = 0; i < 6; i++) assert_true(isfinite(cull_var_value(y)[i]));
    static const int32_t label[] = {1, 0};
    cull_var *l = cull_nn_cross_entropy(t, cull_nn_slice(t, x, 0, 1, 2), label + 1, NULL, 0);
    assert_true(isfinite(cull_var_value(l)[0])); /* log 0 was never taken */
}

/* A step through all families, what it left in the gradient. */
enum { ROWS = 12, WIDTH = 40 };
typedef struct {
    float x[ROWS * WIDTH], out[ROWS * WIDTH], g[ROWS * WIDTH], loss;
    cull_status status;
} step;

static void walk(cull_ctx *own, step *s, uint64_t seed)
{
    static const int32_t id[ROWS] = {3, 0, 1, 1, 2, 3, 0, 0, 4, 4, 1, 2};
    cull_rng r = cull__rng_seeded(seed, 2);
    cull_tape *u;
    for (int i = 0; i < ROWS * WIDTH; i++) s->x[i] = (float)cull__rng_normal(&r);
    if ((s->status = cull_tape_new(own, NULL, &u)) != CULL_OK) return;
    cull_tape_reset(u, own, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, seed);
    cull_var *x = cull_nn_input(u, 2, (int64_t[]){ROWS, WIDTH}, s->x, true);
    cull_var *h = cull_nn_layer_norm(u, x, NULL, NULL, 1e-5);
    h = cull_nn_dropout(u, cull_nn_gelu(u, h), .3);
    h = cull_nn_mul(u, h, cull_nn_sigmoid(u, cull_nn_mean(u, x, 2, true)));
    h = cull_nn_add(u, h, cull_nn_amax(u, x, 1, false));
    h = cull_nn_rms_norm(u, cull_nn_silu(u, h), NULL, 1e-5);
    h = cull_nn_add(u, h, cull_nn_gather_rows(u, cull_nn_segment_mean(u, x, id, 5), id, ROWS));
    cull_var *p = cull_nn_watch(u, cull_nn_softmax(u, cull_nn_tanh(u, h), .7));
    cull_var *l = cull_nn_cross_entropy(u, h, id, NULL, .1);
    l = cull_nn_add(u, l, cull_nn_kl(u, h, x, 2, NULL));
    l = cull_nn_add(u, l, cull_nn_rank_logistic(u, p, x, NULL));
    l = cull_nn_add(u, l, cull_nn_huber(u, h, x, .5, NULL));
    l = cull_nn_add(u, l, cull_nn_cosine_distance(u, p, cull_nn_softplus(u, x), NULL));
    l = cull_nn_add(u, l, cull_nn_sum(u, cull_nn_log(u, p), 0, false));
    s->status = l ? cull_tape_backward(u, l) : cull_tape_status(u);
    if (s->status == CULL_OK) {
        s->loss = cull_var_value(l)[0];
        memcpy(s->out, cull_var_value(p), sizeof s->out);
        memcpy(s->g, cull_var_grad(x), sizeof s->g);
    }
    cull_tape_free(u);
}

static void one_set_of_bits(void **state)
{
    (void)state;
    static const char *const isas[] = ISA_NAMES;
    static step s[2];
    int seen = 0;
    for (int v = 0; v < 3; v++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.isa = isas[v];
        cull_ctx *own = cull_ctx_new(&o);
        if (!own) continue;
        walk(own, s + (v > 0), 5);
        ok(own, s[v > 0].status);
        assert_true(isfinite(s[v > 0].loss));
        if (v && memcmp(s, s + 1, sizeof *s)) fail_msg("other bits under %s", isas[v]);
        seen++;
        cull_ctx_free(own);
    }
    assert_true(seen > 0);
}

static cull_status shard(cull_ctx *own, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    walk(own, (step *)arg + chunk, (uint64_t)chunk);
    return ((step *)arg)[chunk].status;
}

static void any_threads(void **state)
{
    (void)state;
    static step s[2][4];
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *own = hooked_ctx(&h, threads);
        ok(own, cull__for(own, 4, 1, shard, s[threads - 1]));
        cull_ctx_free(own);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(s[0], s[1], sizeof *s);
    assert_memory_not_equal(s[0], s[0] + 1, sizeof **s);
}

static void embeddings_rows(void **state)
{
    (void)state;
    static const int32_t id[] = {2, 0, 2};
    const int32_t *back;
    int64_t n;
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 1);
    cull_var *x = X34, *y = cull_nn_embedding(t, x, id, 3);
    assert_true(cull__embedding_rows(y, &back, &n));
    assert_true(n == 3 && back[0] == 2 && back[1] == 0);
    assert_false(cull__embedding_rows(x, &back, &n));
    assert_false(cull__embedding_rows(cull_nn_gather_rows(t, x, id, 3), &back, &n));
}

/* Ties: the first; places come back. */
static void top_places(void **state)
{
    (void)state;
    static const float v[] = {1, 3, 3, 2, -1, 0, 5, 5, 5, 0};
    int32_t at[4];
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 1);
    cull_var *y = cull_nn_topk(t, cull_nn_input(t, 2, (int64_t[]){2, 5}, v, true), 2, at);
    assert_non_null(y);
    assert_true(at[0] == 1 && at[1] == 2 && at[2] == 1 && at[3] == 2);
    assert_true(cull_var_value(y)[0] == 3 && cull_var_value(y)[3] == 5);
}

/* Two of a step differ, a step again does not; about the share that was asked for is dropped. */
static void draws(void **state)
{
    (void)state;
    enum { N = 10001 };
    static float ones[N], first[N];
    for (int i = 0; i < N; i++) ones[i] = 1;
    for (int again = 0; again < 2; again++) {
        cull_tape_reset(t, cx, CULL_TAPE_TRAIN, 9);
        cull_var *x = cull_nn_input(t, 1, (int64_t[]){N}, ones, false);
        cull_var *a = cull_nn_dropout(t, x, .25), *b = cull_nn_dropout(t, x, .25);
        int out = 0;
        for (int i = 0; i < N; i++) out += cull_var_value(a)[i] == 0;
        assert_true(abs(out - N / 4) < 5 * 44); /* five standard deviations */
        assert_memory_not_equal(cull_var_value(a), cull_var_value(b), sizeof ones);
        if (again) assert_memory_equal(cull_var_value(a), first, sizeof first);
        memcpy(first, cull_var_value(a), sizeof first);
    }
}

/* A watched view keeps the numbers that it views. */
static void watched_view(void **state)
{
    (void)state;
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 1);
    cull_var *x = X34, *h = cull_nn_exp(t, x), *v = cull_nn_watch(t, cull_nn_flatten(t, h, 0));
    ok(cx, cull_tape_backward(t, cull_nn_sum(t, cull_nn_square(t, v), 0, false)));
    for (int i = 0; i < 12; i++) {
        float e = expf(numbers[i]);
        assert_true(fabsf(cull_var_value(v)[i] - e) <= 1e-6f * e);
        assert_true(fabsf(cull_var_grad(v)[i] - 2 * e) <= 2e-6f * e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refusals, open_tape, close_tape),
        cmocka_unit_test_setup_teardown(empty_rows, open_tape, close_tape),
        cmocka_unit_test(one_set_of_bits),
        cmocka_unit_test(any_threads),
        cmocka_unit_test_setup_teardown(embeddings_rows, open_tape, close_tape),
        cmocka_unit_test_setup_teardown(top_places, open_tape, close_tape),
        cmocka_unit_test_setup_teardown(draws, open_tape, close_tape),
        cmocka_unit_test_setup_teardown(watched_view, open_tape, close_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
