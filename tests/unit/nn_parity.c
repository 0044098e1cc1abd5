/* nn_parity.c - training beside PyTorch, from the same weights on the same batches: its answers are in
 * tests/nn/parity.tsv, and bench/peers/parity_torch.py gives them anew. */
#include "cull/model.h"
#include "cull/nn_ops.h"
#include "cull/train.h"
#include "test.h"

/* Sanitizers see in three steps what they see in a hundred. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
static const int TAKEN = 3;
#else
static const int TAKEN = 100;
#endif
enum { SUMS = 16, STEPS = 100, CLASSES = 10, TENSORS = 80, LINE = 2048 };

/* ---- numbers that both sides make ---- */

static uint64_t hashed(uint64_t stream, uint64_t i)
{
    uint64_t z = stream * 0xD1342543DE82EF95u + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double uniform(uint64_t stream, uint64_t i)
{
    return (double)(hashed(stream, i) >> 40) * 0x1p-23 - 1;
}

static void begin(cull_params *p)
{
    for (int i = 0, k = 0; i < cull_params_count(p); i++) {
        const cull_param *t = cull_params_at(p, i);
        if (t->flags & CULL_PARAM_STATE) continue;
        float *v = cull_params_value(p) + t->at;
        bool scale = strstr(t->name, "bn") && strstr(t->name, "weight");
        for (int64_t j = 0; j < t->n; j++) {
            double u = uniform((uint64_t)k + 1, (uint64_t)j);
            if (t->rank > 1)
                u *= sqrt(6 / (double)(t->n / t->dim[0]));
            else
                u = scale ? 1 + .2 * u : .1 * u;
            v[j] = (float)u;
        }
        k++;
    }
}

static void batch(int step, int64_t rows, int64_t d, float *x, int32_t *label)
{
    for (int64_t i = 0; i < rows; i++) {
        label[i] = (int32_t)(i % CLASSES);
        for (int64_t j = 0; j < d; j++)
            x[i * d + j] = (float)(.5 * uniform(1000 + (uint64_t)label[i], (uint64_t)j) +
                                   uniform(2000 + (uint64_t)step, (uint64_t)(i * d + j)));
    }
}

/* ---- PyTorch's answers ---- */

typedef struct {
    int tensors;
    char name[TENSORS][48];
    double norm[TENSORS], sum[TENSORS][SUMS];
    double loss[STEPS][2]; /* on one thread, on two */
} answers;

static void read_answers(const char *net, answers *a)
{
    char line[LINE];
    int losses = 0;
    FILE *f = fopen(CULL_SOURCE_DIR "/tests/nn/parity.tsv", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *save, *kind = strtok_r(line, "\t\n", &save), *of = strtok_r(NULL, "\t\n", &save);
        if (!of || strcmp(of, net)) continue;
        char *what = strtok_r(NULL, "\t\n", &save);
        if (!strcmp(kind, "gradient")) {
            int i = a->tensors++;
            assert_true(i < TENSORS);
            snprintf(a->name[i], sizeof a->name[i], "%s", what);
            a->norm[i] = strtod(strtok_r(NULL, "\t\n", &save), NULL);
            for (int r = 0; r < SUMS; r++)
                a->sum[i][r] = strtod(strtok_r(NULL, "\t\n", &save), NULL);
        } else {
            assert_int_equal(atoi(what), losses);
            for (int r = 0; r < 2; r++)
                a->loss[losses][r] = strtod(strtok_r(NULL, "\t\n", &save), NULL);
            losses++;
        }
    }
    fclose(f);
    assert_int_equal(losses, STEPS);
}

/* How far a gradient is from PyTorch's, in lengths of that: signed sums of the difference have its squared
 * length as their mean square. */
static double apart(const answers *a, int k, const float *g, int64_t n)
{
    double sum[SUMS] = {0}, square = 0;
    for (int64_t j = 0; j < n; j++) {
        uint64_t sign = hashed(3000 + (uint64_t)k, (uint64_t)j);
        for (int r = 0; r < SUMS; r++) sum[r] += sign >> r & 1 ? g[j] : -g[j];
    }
    for (int r = 0; r < SUMS; r++) square += pow(sum[r] - a->sum[k][r], 2);
    return sqrt(square / SUMS) / a->norm[k];
}

static void gradients_agree(const cull_params *p, const float *grad, const answers *a)
{
    int k = 0;
    double most = 0;
    for (int i = 0; i < cull_params_count(p); i++) {
        const cull_param *t = cull_params_at(p, i);
        if (t->flags & CULL_PARAM_STATE) continue;
        assert_string_equal(t->name, a->name[k]);
        double far = apart(a, k, grad + t->at, t->n);
        if (far > 1e-4) fail_msg("%s: %g of its length from PyTorch's", t->name, far);
        most = fmax(most, far);
        k++;
    }
    assert_int_equal(k, a->tensors);
    print_message("gradients of %d tensors: at most %.1e of their length apart\n", k, most);
}

/* Rounding grows from step to step, in theirs as in ours; the learning rates are such that it stays small beside
 * what training does. */
static void losses_agree(const double *loss, const answers *a)
{
    double own = 0, ours = 0;
    for (int i = 0; i < TAKEN; i++) {
        own = fmax(own, fabs(a->loss[i][0] - a->loss[i][1]));
        ours = fmax(ours, fabs(loss[i] - a->loss[i][0]));
    }
    print_message(
        "%d losses, %.4f to %.4f: at most %.1e from PyTorch's, whose threads differ by %.1e\n",
        TAKEN, loss[0], loss[TAKEN - 1], ours, own);
    assert_true(TAKEN < STEPS || ours <= 2 * own);
}

static void trains_alike(const char *net, int64_t rows, const cull_optim_opts *o, double lr)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m;
    cull_tape *t;
    cull_optim *optim;
    int64_t dim[4] = {rows};
    answers *a = calloc(1, sizeof *a);
    double loss[STEPS];
    read_answers(net, a);
    ok(cx, cull_model_open(cx, net, NULL, &m));
    cull_params *p = cull_model_params(m);
    int rank = cull_model_input(m, dim + 1);
    int64_t d = rank == 1 ? dim[1] : dim[1] * dim[2] * dim[3];
    float *x = malloc((size_t)(rows * d) * sizeof *x);
    int32_t *label = malloc((size_t)rows * sizeof *label);
    begin(p);
    ok(cx, cull_tape_new(cx, p, &t));
    ok(cx, cull_optim_new(cx, p, o, &optim));
    for (int i = 0; i < TAKEN; i++) {
        batch(i, rows, d, x, label);
        cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, (uint64_t)i);
        cull_var *y = cull_model_forward(m, t, cull_nn_input(t, rank + 1, dim, x, false), NULL);
        cull_var *l = cull_nn_watch(t, cull_nn_cross_entropy(t, y, label, NULL, 0));
        ok(cx, cull_tape_backward(t, l));
        loss[i] = cull_var_value(l)[0];
        if (!i) gradients_agree(p, cull_tape_grad(t), a);
        ok(cx, cull_optim_step(cx, optim, (const float *[]){cull_tape_grad(t)}, NULL, 1, lr));
        cull_tape_settle(&t, 1);
    }
    losses_agree(loss, a);
    free(x);
    free(label);
    free(a);
    cull_optim_free(optim);
    cull_tape_free(t);
    cull_model_free(m);
    cull_ctx_free(cx);
}

static void mlp(void **state)
{
    (void)state;
    cull_optim_opts o = CULL_OPTIM_OPTS;
    trains_alike("mlp:784-256-10", 64, &o, 1e-3);
}

static void resnet20(void **state)
{
    (void)state;
    cull_optim_opts o = CULL_OPTIM_OPTS;
    o.kind = CULL_SGD;
    o.momentum = .9;
    o.decay = 1e-4;
    trains_alike("resnet20", 16, &o, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mlp), cmocka_unit_test(resnet20)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
