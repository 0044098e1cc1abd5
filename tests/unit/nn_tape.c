/* nn_tape: parameters, and what a tape promises whatever the operations: first failure kept, memory
 * counted and given back, gradients of what was asked for, results the same when values are forgotten. */
#include "cull/nn_ops.h"
#include "test.h"

static cull_ctx *cx;

static int begin(void **state)
{
    (void)state;
    cx = cull_ctx_new(NULL);
    return cx == NULL;
}
static int end(void **state)
{
    (void)state;
    cull_ctx_free(cx);
    return 0;
}

/* ---- parameters ---- */

static int add(cull_params *p, const char *name, int64_t a, int64_t b, cull_init init)
{
    int i;
    ok(cx, cull_params_add(p, name, b ? 2 : 1, (int64_t[]){a, b}, init, .5, 0, 0, &i));
    return i;
}

static void params(void **state)
{
    (void)state;
    cull_params *p, *q;
    int i;
    ok(cx, cull_params_new(cx, &p));
    ok(cx, cull_params_new(cx, &q));
    assert_int_equal(add(p, "fc.weight", 30, 70, CULL_INIT_HE), 0);
    assert_int_equal(add(p, "fc.bias", 30, 0, CULL_INIT_CONST), 1);
    /* drawn by name: the same although something else came first */
    add(q, "other", 3, 0, CULL_INIT_ONE);
    i = add(q, "fc.weight", 30, 70, CULL_INIT_HE);
    const cull_param *a = cull_params_at(p, 0), *b = cull_params_at(q, i);
    assert_memory_equal(cull_params_value(p) + a->at, cull_params_value(q) + b->at, 30 * 70 * 4);
    double sum = 0;
    for (int j = 0; j < 2100; j++) sum += pow((double)cull_params_value(p)[a->at + j], 2);
    assert_true(fabs(sum / 2100 / (2. / 70) - 1) < .15);
    assert_true(cull_params_value(p)[cull_params_at(p, 1)->at] == .5f);
    assert_int_equal(cull_params_find(p, "fc.bias"), 1);
    assert_int_equal(cull_params_find(p, "fc"), -1);
    assert_int_equal(cull_params_trained(p), 2130);
    cull_params_flag(p, 1, CULL_PARAM_FROZEN);
    assert_int_equal(cull_params_trained(p), 2100);
    assert_null(cull_params_at(p, 2));
    refused(cx, cull_params_add(p, "fc.bias", 1, (int64_t[]){3}, 0, 0, 0, 0, &i), CULL_EINPUT,
            "a parameter fc.bias already");
    refused(cx, cull_params_add(p, "x", 1, (int64_t[]){0}, 0, 0, 0, 0, &i), CULL_EINPUT,
            "dimension 0 of x is 0");
    refused(cx, cull_params_add(p, "x", 5, (int64_t[]){1, 1, 1, 1, 1}, 0, 0, 0, 0, &i), CULL_EINPUT,
            "x has 5 dimensions");
    cull_params_free(p);
    cull_params_free(q);
}

/* ---- a small net ---- */

enum { ROWS = 9, IN = 5, MID = 8, OUT = 3 };
typedef struct {
    cull_params *p;
    int w1, b1, w2, b2;
    float x[ROWS * IN];
    int32_t label[ROWS];
} net;

static void net_new(net *n)
{
    ok(cx, cull_params_new(cx, &n->p));
    n->w1 = add(n->p, "l1.weight", MID, IN, CULL_INIT_TORCH);
    n->b1 = add(n->p, "l1.bias", MID, 0, CULL_INIT_CONST);
    n->w2 = add(n->p, "l2.weight", OUT, MID, CULL_INIT_TORCH);
    n->b2 = add(n->p, "l2.bias", OUT, 0, CULL_INIT_ZERO);
    for (int i = 0; i < ROWS * IN; i++) n->x[i] = (float)sin(i * 1.7);
    for (int i = 0; i < ROWS; i++) n->label[i] = i % OUT;
}

static cull_var *net_loss(cull_tape *t, net *n, bool forget, cull_var **x)
{
    *x = cull_nn_input(t, 2, (int64_t[]){ROWS, IN}, n->x, true);
    cull_tape_scope(t, "l1");
    cull_var *h = cull_nn_linear(t, *x, cull_nn_param(t, n->w1), cull_nn_param(t, n->b1));
    cull_var *r = cull_nn_relu(t, h);
    if (forget) cull_nn_forget(t, h);
    cull_tape_scope(t, "l2");
    cull_var *y = cull_nn_linear(t, r, cull_nn_param(t, n->w2), cull_nn_param(t, n->b2));
    if (forget) cull_nn_forget(t, r);
    return cull_nn_cross_entropy(t, y, n->label, NULL, 0);
}

static void forgetting_changes_nothing(void **state)
{
    (void)state;
    net n;
    net_new(&n);
    cull_tape *t;
    ok(cx, cull_tape_new(cx, n.p, &t));
    cull_var *x;
    float g[1024], gx[ROWS * IN];
    int64_t size = cull_params_size(n.p);
    uint64_t held[2];
    for (int i = 0; i < 2; i++) {
        cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
        cull_var *l = net_loss(t, &n, i == 1, &x);
        held[i] = cull_tape_bytes(t);
        ok(cx, cull_tape_backward(t, l));
        if (i == 0) {
            memcpy(g, cull_tape_grad(t), (size_t)size * sizeof *g);
            memcpy(gx, cull_var_grad(x), sizeof gx);
        }
    }
    /* two tensors of ROWS x MID, in lines of 16 numbers */
    assert_int_equal(held[0] - held[1], 2 * 4 * ((ROWS * MID + 15) / 16 * 16));
    assert_memory_equal(g, cull_tape_grad(t), (size_t)size * sizeof *g);
    assert_memory_equal(gx, cull_var_grad(x), sizeof gx);
    assert_true(cull_tape_macs(t) == ROWS * IN * MID + ROWS * MID * OUT);
    cull_tape_free(t);
    cull_params_free(n.p);
}

/* After the first step a step of the same shape allocates nothing. */
static void steps_allocate_nothing(void **state)
{
    (void)state;
    net n;
    net_new(&n);
    hooks h = {0};
    cull_ctx *c = hooked_ctx(&h, 1);
    cull_tape *t;
    cull_var *x;
    ok(c, cull_tape_new(c, n.p, &t));
    for (int i = 0; i < 5; i++) {
        if (i == 2) h.fail_at = h.calls + 1;
        cull_tape_reset(t, c, CULL_TAPE_GRAD, 0);
        ok(c, cull_tape_backward(t, net_loss(t, &n, true, &x)));
        assert_true(cull_tape_peak(t) >= cull_tape_bytes(t) && cull_tape_bytes(t) > 0);
    }
    cull_tape_free(t);
    cull_ctx_free(c);
    assert_int_equal(h.live, 0);
    cull_params_free(n.p);
}

static void frozen_and_unreached(void **state)
{
    (void)state;
    net n;
    net_new(&n);
    int lone = add(n.p, "lone", 4, 0, CULL_INIT_ONE);
    cull_params_flag(n.p, n.w1, CULL_PARAM_FROZEN);
    cull_tape *t;
    cull_var *x;
    ok(cx, cull_tape_new(cx, n.p, &t));
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    assert_null(cull_tape_grad(t));
    ok(cx, cull_tape_backward(t, net_loss(t, &n, false, &x)));
    for (int i = 0; i < 4; i++)
        assert_true(cull_tape_grad(t)[cull_params_at(n.p, lone)->at + i] == 0);
    for (int i = 0; i < MID * IN; i++)
        assert_true(cull_tape_grad(t)[cull_params_at(n.p, n.w1)->at + i] == 0);
    assert_true(cull_tape_grad(t)[cull_params_at(n.p, n.b2)->at] != 0);
    cull_tape_free(t);
    cull_params_free(n.p);
}

static void detached(void **state)
{
    (void)state;
    cull_tape *t;
    const float v[3] = {1, -2, 3}, w[3] = {1, 1, 1};
    ok(cx, cull_tape_new(cx, NULL, &t));
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    cull_var *x = cull_nn_input(t, 1, (int64_t[]){3}, v, true), *r = cull_nn_relu(t, x);
    cull_var *l = cull_nn_weighted_sum(t, cull_nn_add(t, r, cull_nn_detach(t, r)), w);
    assert_true(*cull_var_value(l) == 8);
    ok(cx, cull_tape_backward(t, l));
    assert_true(cull_var_grad(x)[0] == 1 && cull_var_grad(x)[1] == 0);
    cull_tape_free(t);
}

static void failures(void **state)
{
    (void)state;
    net n;
    net_new(&n);
    cull_tape *t;
    cull_var *x;
    ok(cx, cull_tape_new(cx, n.p, &t));

    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0); /* the first one is kept, later ones do nothing */
    x = cull_nn_input(t, 2, (int64_t[]){ROWS, 4}, n.x, false);
    cull_tape_scope(t, "head");
    assert_null(cull_nn_relu(t, cull_nn_linear(t, x, cull_nn_param(t, n.w1), NULL)));
    assert_null(cull_nn_param(t, 99));
    refused(cx, cull_tape_status(t), CULL_EINPUT,
            "linear in head: x is (9, 4) and the weights are (8, 5)");
    refused(cx, cull_tape_backward(t, NULL), CULL_EINPUT, "linear in head");

    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    assert_null(cull_nn_param(t, 99));
    refused(cx, cull_tape_status(t), CULL_EINPUT, "no parameter 99");

    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    x = cull_nn_input(t, 2, (int64_t[]){ROWS, IN}, n.x, false);
    refused(cx, cull_tape_backward(t, cull_nn_relu(t, x)), CULL_EINPUT, "must be one number");

    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    assert_null(cull_nn_input(t, 2, (int64_t[]){ROWS, 0}, n.x, false));
    refused(cx, cull_tape_status(t), CULL_EINPUT, "dimensions of at least 1");

    n.label[4] = OUT;
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    assert_null(net_loss(t, &n, false, &x));
    refused(cx, cull_tape_status(t), CULL_EINPUT, "label of row 4 is 3");
    n.label[4] = 1;

    /* a loss that is not finite: where it began */
    float *w = cull_params_value(n.p) + cull_params_at(n.p, n.w2)->at;
    const float was = w[7];
    w[7] = NAN;
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    refused(cx, cull_tape_backward(t, net_loss(t, &n, false, &x)), CULL_EINPUT,
            "linear in l2: the loss is nan: the parameter l2.weight is not finite");
    w[7] = was;
    w = cull_params_value(n.p) +
        cull_params_at(n.p, n.w1)->at; /* before a relu, which hides nothing */
    const float first = w[2];
    w[2] = NAN;
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    refused(cx, cull_tape_backward(t, net_loss(t, &n, false, &x)), CULL_EINPUT,
            "linear in l1: the loss is nan: the parameter l1.weight is not finite");
    w[2] = first;
    n.x[3] = INFINITY;
    cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
    refused(cx, cull_tape_backward(t, net_loss(t, &n, false, &x)), CULL_EINPUT,
            "linear in l1: the loss is nan: an input is not finite");
    cull_tape_free(t);
    cull_params_free(n.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params),
        cmocka_unit_test(forgetting_changes_nothing),
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(frozen_and_unreached),
        cmocka_unit_test(detached),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
