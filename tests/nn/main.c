/* nn_ops: every operation's value against a naive double reference, its gradients against finite
 * differences of that reference; each also with values forgotten, gradients added to others, memory
 * failing. With an argument it prints the list of what was checked and how near it came. */
#include "cases.h"
#include "nn/nn.h"

#define X(name) cases_##name,
static const nn_case *const lists[] = {LISTS(X)};
#undef X
enum { NLISTS = sizeof lists / sizeof *lists };
static bool talk;

typedef struct {
    const nn_case *c;
    float *x[MOST];
    double *d[MOST];
    float *w; /* of the outputs, in the loss */
    int64_t out;
} trial;

static double unit(cull_rng *r) { return cull__rng_unit(r); }

static void fill(trial *u, cull_rng *r)
{
    const nn_case *c = u->c;
    for (int i = 0; i < c->ins; i++) {
        int64_t n = count_of(c, i);
        double lo = c->lo[i], hi = c->hi[i];
        if (lo == 0 && hi == 0) lo = -1, hi = 1;
        u->x[i] = malloc((size_t)n * sizeof(float));
        u->d[i] = malloc((size_t)n * sizeof(double));
        for (int64_t j = 0; j < n; j++) {
            double v = lo + (hi - lo) * unit(r);
            if (c->kink && fabs(v) < c->kink) v = v < 0 ? -c->kink : c->kink;
            u->d[i][j] = u->x[i][j] = (float)v;
        }
    }
}

static void drop(trial *u)
{
    for (int i = 0; i < u->c->ins; i++) free(u->x[i]), free(u->d[i]);
    free(u->w);
}

static void inputs(cull_tape *t, const trial *u, cull_var **in)
{
    const nn_case *c = u->c;
    for (int i = 0; i < c->ins; i++)
        in[i] = cull_nn_input(t, c->rank[i], c->dim[i], u->x[i], !c->fixed[i]);
}

static double *reference(const trial *u, const double *const *x)
{
    double *y = calloc((size_t)u->out, sizeof *y);
    u->c->ref(u->c, x, y);
    return y;
}

static double *smooth(const trial *u, const double *const *x)
{
    if (!u->c->soft) return reference(u, x);
    double *y = calloc((size_t)u->out, sizeof *y);
    u->c->soft(u->c, x, y);
    return y;
}

static double loss_of(const trial *u)
{
    double s = 0, *y = smooth(u, (const double *const *)u->d);
    for (int64_t i = 0; i < u->out; i++) s += (double)u->w[i] * y[i];
    free(y);
    return s;
}

static double largest(const double *v, int64_t n)
{
    double m = 0;
    for (int64_t i = 0; i < n; i++) m = fmax(m, fabs(v[i]));
    return m;
}

/* The gradients of input i, by central differences of the reference. At most 60 numbers, spread out. */
static double check_gradient(trial *u, int i, const float *g)
{
    int64_t n = count_of(u->c, i), step = n / 60 + 1;
    double worst = 0, scale = 1e-3;
    for (int64_t j = 0; j < n; j++) scale = fmax(scale, fabs((double)g[j]));
    for (int64_t j = 0; j < n; j += step) {
        double at = u->d[i][j], h = 1e-4;
        u->d[i][j] = at + h;
        double up = loss_of(u);
        u->d[i][j] = at - h;
        double down = loss_of(u);
        u->d[i][j] = at;
        worst = fmax(worst, fabs((up - down) / (2 * h) - (double)g[j]) / scale);
    }
    return worst;
}

static cull_var *loss_on(cull_tape *t, trial *u, cull_var **in, bool forget, bool twice)
{
    inputs(t, u, in);
    cull_var *y = u->c->build(t, u->c, in);
    if (y && forget) cull_nn_forget(t, y);
    cull_var *l = y ? cull_nn_weighted_sum(t, y, u->w) : NULL;
    if (twice && l) { /* the same once more: gradients are added to those that are there */
        cull_var *z = u->c->build(t, u->c, in);
        cull_var *m = z ? cull_nn_weighted_sum(t, z, u->w) : NULL;
        l = l && m ? cull_nn_add(t, l, m) : NULL;
    }
    return l;
}

static void one_case(const nn_case *c)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(7, 11);
    trial u = {.c = c};
    cull_tape *t;
    cull_var *in[MOST];
    unsigned mode = CULL_TAPE_GRAD | c->mode;
    fill(&u, &r);
    ok(cx, cull_tape_new(cx, NULL, &t));

    cull_tape_reset(t, cx, mode, 3);
    inputs(t, &u, in);
    cull_var *y = c->build(t, c, in);
    if (!y) fail_msg("%s (%s): %s", c->op, c->say, cull_error(cx));
    u.out = cull_var_count(y);
    u.w = malloc((size_t)u.out * sizeof *u.w);
    for (int64_t i = 0; i < u.out; i++) u.w[i] = (float)(2 * unit(&r) - 1);
    double *want = reference(&u, (const double *const *)u.d);
    double top = fmax(largest(want, u.out), 1e-3), off = 0;
    for (int64_t i = 0; i < u.out; i++)
        off = fmax(off, fabs((double)cull_var_value(y)[i] - want[i]) / top);
    double tol = c->value_tol ? c->value_tol : 1e-5;
    if (!(off <= tol)) fail_msg("%s (%s): value off by %g of the largest", c->op, c->say, off);
    free(want);

    double worst = 0;
    float *first[MOST] = {0};
    for (int pass = 0; pass < (c->random ? 2 : 3); pass++) { /* plain, forgotten, twice */
        cull_tape_reset(t, cx, mode, 3);
        cull_var *l = loss_on(t, &u, in, pass == 1, pass == 2);
        if (!l) fail_msg("%s (%s): %s", c->op, c->say, cull_error(cx));
        ok(cx, cull_tape_backward(t, l));
        for (int i = 0; i < c->ins; i++) {
            if (c->fixed[i]) continue;
            const float *g = cull_var_grad(in[i]);
            int64_t n = count_of(c, i);
            if (!g) fail_msg("%s (%s): no gradient of input %d", c->op, c->say, i);
            if (pass == 0) {
                worst = fmax(worst, check_gradient(&u, i, g));
                first[i] = malloc((size_t)n * sizeof(float));
                memcpy(first[i], g, (size_t)n * sizeof(float));
            } else {
                double scale = 1e-6;
                for (int64_t j = 0; j < n; j++) scale = fmax(scale, fabs((double)first[i][j]));
                for (int64_t j = 0; j < n; j++)
                    if (!(fabs((double)g[j] - pass * (double)first[i][j]) <= 1e-5 * scale * pass))
                        fail_msg("%s (%s): gradient %lld of input %d is %g, %s it was %g", c->op,
                                 c->say, (long long)j, i, (double)g[j],
                                 pass == 1 ? "with values forgotten;" : "twice;",
                                 (double)first[i][j]);
            }
        }
    }
    tol = c->grad_tol ? c->grad_tol : 2e-5;
    if (!(worst <= tol))
        fail_msg("%s (%s): a gradient is off by %g of the largest", c->op, c->say, worst);
    if (talk) printf("%-24s %-44s value %.1e  gradient %.1e\n", c->op, c->say, off, worst);
    for (int i = 0; i < c->ins; i++) free(first[i]);
    cull_tape_free(t);
    drop(&u);
    cull_ctx_free(cx);
}

static void values_and_gradients(void **state)
{
    (void)state;
    for (int l = 0; l < NLISTS; l++)
        for (const nn_case *c = lists[l]; c->op; c++) one_case(c);
}

/* No record without a case. */
static void all_covered(void **state)
{
    (void)state;
    int n;
    const cull__op *const *op = cull__ops(&n);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        bool found = false;
        for (int l = 0; l < NLISTS; l++)
            for (const nn_case *c = lists[l]; c->op; c++) found |= !strcmp(c->op, op[i]->name);
        if (!found) fail_msg("there is no case of %s", op[i]->name);
        assert_true(op[i]->doc && *op[i]->doc);
    }
}

/* Whichever allocation fails, the step fails whole and nothing is lost. */
static void memory_fails(void **state)
{
    (void)state;
    for (int l = 0; l < NLISTS; l++)
        for (const nn_case *c = lists[l]; c->op; c++) {
            cull_rng r = cull__rng_seeded(7, 11);
            trial u = {.c = c};
            fill(&u, &r);
            u.w = calloc(1 << 20, sizeof *u.w);
            for (long k = 1; k < 100; k++) {
                hooks h = {.fail_at = k};
                cull_ctx *cx = hooked_ctx(&h, 1);
                cull_tape *t = NULL;
                cull_var *in[MOST];
                cull_status s = cx ? cull_tape_new(cx, NULL, &t) : CULL_ENOMEM;
                if (s == CULL_OK) {
                    cull_tape_reset(t, cx, CULL_TAPE_GRAD | c->mode, 3);
                    cull_var *y = loss_on(t, &u, in, false, false);
                    s = y ? cull_tape_backward(t, y) : cull_tape_status(t);
                    if (!y) assert_int_not_equal(s, CULL_OK);
                }
                cull_tape_free(t);
                cull_ctx_free(cx);
                assert_int_equal(h.live, 0);
                if (s == CULL_OK) break;
                assert_int_equal(s, CULL_ENOMEM);
                assert_true(k < 99);
            }
            drop(&u);
        }
}

int main(int argc, char **argv)
{
    (void)argv;
    talk = argc > 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_covered),
        cmocka_unit_test(values_and_gradients),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
