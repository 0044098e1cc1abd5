/* nn_optim.c - optimisers against PyTorch's numbers, schedules, averages, snapshots. */
#include "cull/train.h"
#include "test.h"

enum { P = 7, Q = 3 };
static const float start_p[P] = {.5f, -1.25f, 2, .001f, -.3f, 3.5f, -2.5f};
static const float start_q[Q] = {1.5f, -.5f, .25f};

/* Two tensors and a state between them. */
static cull_params *params(cull_ctx *cx)
{
    cull_params *p;
    int at, state;
    ok(cx, cull_params_new(cx, &p));
    ok(cx, cull_params_add(p, "p", 1, (int64_t[]){P}, CULL_INIT_ZERO, 0, 0, 0, &at));
    ok(cx, cull_params_add(p, "mean", 1, (int64_t[]){2}, CULL_INIT_CONST, 5, 0, CULL_PARAM_STATE,
                           &state));
    ok(cx,
       cull_params_add(p, "q", 1, (int64_t[]){Q}, CULL_INIT_ZERO, 0, 0, CULL_PARAM_NO_DECAY, &at));
    memcpy(cull_params_value(p), start_p, sizeof start_p);
    memcpy(cull_params_value(p) + cull_params_at(p, 2)->at, start_q, sizeof start_q);
    return p;
}

static void gradient(const cull_params *p, int t, float *g)
{
    memset(g, 0, (size_t)cull_params_size(p) * sizeof *g);
    for (int i = 0; i < P; i++) g[i] = (float)sin(1.7 * i + .9 * t) * (float)(1 + t);
    for (int i = 0; i < 2; i++) g[cull_params_at(p, 1)->at + i] = 100; /* of state: never used */
    for (int i = 0; i < Q; i++) g[cull_params_at(p, 2)->at + i] = (float)cos(1.3 * i - .7 * t);
}

/* Five steps by PyTorch 2.15.0 (CPU): p at rate 0.1 with weight decay 0.03, q at rate 0.05 without; Adam's
 * betas 0.8 and 0.97 and eps 1e-6 unless `torch`. clip by clip_grad_value_, then clip_grad_norm_. Their
 * sums run in another order and with fused multiply-adds: a few f32 roundings of numbers up to 5. */
static const struct {
    const char *name;
    cull_optim_opts o;
    float want[P + Q];
} recorded[] = {
    {"momentum",
     {.kind = CULL_SGD, .decay = .03, .momentum = .9},
     {-0.945558965f, -0.531637907f, 3.17517233f, -0.991466761f, -1.2859962f, 4.61249638f,
      -1.72636414f, 1.23577142f, -0.901235223f, 0.299568743f}},
    {"nesterov",
     {.kind = CULL_SGD, .decay = .03, .momentum = .9, .nesterov = true},
     {-1.19369054f, 0.118602626f, 3.23239326f, -1.64858687f, -1.19211435f, 5.20871639f, -1.9535352f,
      1.23780704f, -1.00387585f, 0.242620438f}},
    {"adam",
     {.kind = CULL_ADAM, .decay = .03, .beta1 = .8, .beta2 = .97, .epsilon = 1e-6},
     {0.113548703f, -1.32840097f, 2.35748315f, 0.02234409f, -0.630271733f, 3.52410793f,
      -2.20440245f, 1.35388494f, -0.734305382f, 0.3182064f}},
    {"adamw",
     {.kind = CULL_ADAMW, .decay = .03, .beta1 = .8, .beta2 = .97, .epsilon = 1e-6},
     {0.208926216f, -1.3139801f, 2.33147621f, 0.0210686848f, -0.624377787f, 3.4912858f,
      -2.17722082f, 1.35388494f, -0.734305382f, 0.3182064f}},
    {"adam as it begins",
     CULL_OPTIM_OPTS,
     {0.219015777f, -1.36534631f, 2.36794543f, 0.0529748276f, -0.642844617f, 3.51364255f,
      -2.19388938f, 1.33833909f, -0.732524812f, 0.336682767f}},
    {"clipped length",
     {.kind = CULL_SGD, .decay = .03, .momentum = .9, .clip = 1.5},
     {0.0463066846f, -1.30944467f, 2.38373852f, -0.00971626677f, -0.747549057f, 3.49199367f,
      -1.97607052f, 1.32649481f, -0.638122916f, 0.349609971f}},
    {"clipped numbers",
     {.kind = CULL_SGD, .decay = .03, .momentum = .9, .clip_value = .8},
     {-0.0801825896f, -1.3498652f, 2.57209706f, 0.0674825087f, -0.83988148f, 3.4708159f,
      -1.86201811f, 1.26961124f, -0.870455742f, 0.304294139f}},
    {"both",
     {.kind = CULL_ADAMW,
      .decay = .03,
      .beta1 = .9,
      .beta2 = .999,
      .epsilon = 1e-8,
      .clip = 1.5,
      .clip_value = .8},
     {0.201607764f, -1.42473423f, 2.3985939f, 0.168072134f, -0.678770661f, 3.36202502f,
      -2.11458087f, 1.33512104f, -0.735535741f, 0.344097733f}},
};

static void is_like_pytorch(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    float g[64];
    for (size_t c = 0; c < sizeof recorded / sizeof *recorded; c++) {
        cull_params *p = params(cx);
        cull_optim_opts o = recorded[c].o;
        cull_optim *opt;
        o.scale = (double[]){1, 1, .5};
        ok(cx, cull_optim_new(cx, p, &o, &opt));
        for (int t = 0; t < 5; t++) {
            gradient(p, t, g);
            ok(cx, cull_optim_step(cx, opt, (const float *[]){g}, NULL, 1, .1));
        }
        assert_int_equal(cull_optim_steps(opt), 5);
        const float *v = cull_params_value(p), *q = v + cull_params_at(p, 2)->at;
        for (int i = 0; i < P + Q; i++) {
            double got = (double)(i < P ? v[i] : q[i - P]), want = (double)recorded[c].want[i];
            if (!(fabs(got - want) < 2e-6))
                fail_msg("%s: number %d is %.9g, not %.9g", recorded[c].name, i, got, want);
        }
        assert_true(v[cull_params_at(p, 1)->at] == 5);
        cull_optim_free(opt);
        cull_params_free(p);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* With gradient, decay and momentum: what is masked or frozen keeps its bits, and begins to move when it is
 * neither any more. */
static void masked_and_frozen_stay(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float g[64], mask[64];
    for (int kind = CULL_SGD; kind <= CULL_ADAMW; kind++) {
        cull_params *p = params(cx);
        cull_optim *opt;
        cull_optim_opts o = {.kind = (cull_optim_kind)kind,
                             .decay = .3,
                             .momentum = .9,
                             .beta1 = .9,
                             .beta2 = .9,
                             .epsilon = 1e-8,
                             .clip = 1};
        int64_t q = cull_params_at(p, 2)->at;
        float *v = cull_params_value(p);
        for (int i = 0; i < 64; i++) mask[i] = i != 1 && i != 3;
        ok(cx, cull_optim_new(cx, p, &o, &opt));
        ok(cx, cull_params_mask(p, mask));
        cull_params_flag(p, 2, CULL_PARAM_FROZEN);
        for (int t = 0; t < 4; t++) {
            gradient(p, t, g);
            g[1] = t == 2 ? NAN : 1; /* of no matter */
            ok(cx, cull_optim_step(cx, opt, (const float *[]){g}, NULL, 1, .1));
            assert_true(cull_optim_norm(opt) > 0);
            for (int i = 0; i < P; i++) assert_int_equal(v[i] == start_p[i], i == 1 || i == 3);
            assert_memory_equal(v + q, start_q, sizeof start_q);
        }
        ok(cx, cull_params_mask(p, NULL));
        cull_params_flag(p, 2, 0);
        gradient(p, 0, g);
        ok(cx, cull_optim_step(cx, opt, (const float *[]){g}, NULL, 1, .1));
        for (int i = 0; i < P; i++) assert_true(v[i] != start_p[i]);
        for (int i = 0; i < Q; i++) assert_true(v[q + i] != start_q[i]);
        cull_optim_free(opt);
        cull_params_free(p);
    }
    cull_ctx_free(cx);
}

enum { BIG = 70001 };

/* Weights after three steps along three weighed gradients; v: cull_params_size numbers. */
static void big_run(int threads, const float *const *grad, const double *share, int n, float *v)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = threads;
    cull_ctx *cx = cull_ctx_new(&co);
    cull_params *p;
    cull_optim *opt;
    int at;
    cull_optim_opts o = CULL_OPTIM_OPTS;
    o.clip = .5;
    o.decay = .01;
    ok(cx, cull_params_new(cx, &p));
    ok(cx, cull_params_add(p, "w", 1, (int64_t[]){BIG}, CULL_INIT_NORMAL, 1, 0, 0, &at));
    ok(cx, cull_params_add(p, "b", 1, (int64_t[]){9}, CULL_INIT_NORMAL, 1, 0, 4, &at));
    ok(cx, cull_optim_new(cx, p, &o, &opt));
    for (int t = 0; t < 3; t++) ok(cx, cull_optim_step(cx, opt, grad, share, n, .01));
    memcpy(v, cull_params_value(p), (BIG + 9) * sizeof *v);
    cull_optim_free(opt);
    cull_params_free(p);
    cull_ctx_free(cx);
}

static void adds_shards_in_order(void **state)
{
    (void)state;
    static float g[4][BIG + 64], one[BIG + 64], two[BIG + 64], whole[BIG + 64];
    static const double share[] = {.5, .3, .2};
    for (int i = 0; i < BIG + 9; i++) {
        for (int k = 0; k < 3; k++) g[k][i] = (float)sin(i * .37 + k);
        g[3][i] = (float)(.5 * (double)g[0][i] + .3 * (double)g[1][i] + .2 * (double)g[2][i]);
    }
    big_run(1, (const float *[]){g[0], g[1], g[2]}, share, 3, one);
    big_run(2, (const float *[]){g[0], g[1], g[2]}, share, 3, two);
    assert_memory_equal(one, two, sizeof one);
    big_run(1, (const float *[]){g[3]}, NULL, 1, whole);
    for (int i = 0; i < BIG;
         i++) /* Adam's step is 0.01 whatever the gradient: near 0 it may turn */
        assert_true(fabs((double)(one[i] - whole[i])) < 1e-4);
}

static void refuses(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_params *p = params(cx);
    cull_optim *opt;
    float g[64] = {0};
    int at;
    const struct {
        cull_optim_opts o;
        const char *part;
    } bad[] = {
        {{.kind = CULL_SGD, .decay = -1}, "decay of the optimiser is -1"},
        {{.kind = CULL_SGD, .momentum = 1}, "momentum"},
        {{.kind = CULL_ADAM, .beta1 = NAN, .epsilon = 1}, "beta1"},
        {{.kind = CULL_ADAM, .beta2 = 1.5, .epsilon = 1}, "beta2"},
        {{.kind = CULL_ADAM}, "epsilon"},
        {{.kind = CULL_SGD, .clip = INFINITY}, "clip "},
        {{.kind = CULL_SGD, .clip_value = -1}, "clip_value"},
        {{.kind = CULL_SGD, .scale = (double[]){1, 1, -2}}, "parameter 2 is scaled by -2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(cx, cull_optim_new(cx, p, &bad[i].o, &opt), CULL_EOPTION, bad[i].part);
    ok(cx, cull_optim_new(cx, p, &(cull_optim_opts){.kind = CULL_SGD, .clip = 1}, &opt));
    const double rates[] = {NAN, INFINITY, -.1};
    for (int i = 0; i < 3; i++)
        refused(cx, cull_optim_step(cx, opt, (const float *[]){g}, NULL, 1, rates[i]), CULL_EOPTION,
                "the learning rate is");
    g[2] = NAN;
    refused(cx, cull_optim_step(cx, opt, (const float *[]){g}, NULL, 1, .1), CULL_EINPUT,
            "the gradient of step 1 is not finite");
    assert_memory_equal(cull_params_value(p), start_p, sizeof start_p);
    ok(cx, cull_params_add(p, "more", 1, (int64_t[]){40}, CULL_INIT_ZERO, 0, 0, 0, &at));
    refused(cx, cull_optim_step(cx, opt, (const float *[]){g}, NULL, 1, .1), CULL_EINPUT,
            "tensors were added");
    cull_optim_free(opt);
    cull_params_free(p);
    cull_ctx_free(cx);
}

/* Arrays and steps put into another optimiser: it goes on as the first would have. */
static void goes_on_from_its_arrays(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_params *p[2] = {params(cx), params(cx)};
    cull_optim *opt[2];
    cull_optim_opts o = CULL_OPTIM_OPTS;
    float g[64];
    for (int k = 0; k < 2; k++) ok(cx, cull_optim_new(cx, p[k], &o, &opt[k]));
    for (int t = 0; t < 6; t++) {
        gradient(p[0], t, g);
        ok(cx, cull_optim_step(cx, opt[0], (const float *[]){g}, NULL, 1, .1));
        if (t == 2) {
            const char *name;
            size_t bytes = (size_t)cull_params_size(p[0]) * sizeof(float);
            memcpy(cull_params_value(p[1]), cull_params_value(p[0]), bytes);
            assert_int_equal(cull_optim_count(opt[0]), 2);
            for (int i = 0; i < 2; i++)
                memcpy(cull_optim_array(opt[1], i, NULL), cull_optim_array(opt[0], i, &name),
                       bytes);
            assert_string_equal(name, "exp_avg_sq");
            cull_optim_set_steps(opt[1], cull_optim_steps(opt[0]));
        } else if (t > 2) {
            ok(cx, cull_optim_step(cx, opt[1], (const float *[]){g}, NULL, 1, .1));
        }
    }
    assert_memory_equal(cull_params_value(p[0]), cull_params_value(p[1]),
                        (size_t)cull_params_size(p[0]) * sizeof(float));
    cull_optim_reset(opt[0]);
    assert_int_equal(cull_optim_steps(opt[0]), 0);
    assert_true(cull_optim_array(opt[0], 0, NULL)[0] == 0);
    assert_null(cull_optim_array(opt[0], 2, NULL));
    for (int k = 0; k < 2; k++) {
        cull_optim_free(opt[k]);
        cull_params_free(p[k]);
    }
    cull_ctx_free(cx);
}

static void near(double got, double want) { assert_true(fabs(got - want) < 1e-12); }

static void schedules(void **state)
{
    (void)state;
    cull_schedule s = {.kind = CULL_LR_CONSTANT, .lr = 2};
    near(cull_schedule_at(&s, 3, 10), 2);
    s = (cull_schedule){.kind = CULL_LR_COSINE, .lr = 2, .floor = .1};
    near(cull_schedule_at(&s, 0, 8), 2);
    near(cull_schedule_at(&s, 2, 8), .2 + 1.8 * (1 + sqrt(.5)) / 2);
    near(cull_schedule_at(&s, 4, 8), 1.1);
    near(cull_schedule_at(&s, 8, 8), .2);
    s.kind = CULL_LR_LINEAR;
    near(cull_schedule_at(&s, 2, 8), 2 - 1.8 / 4);
    s.kind = CULL_LR_POLY;
    s.power = 2;
    near(cull_schedule_at(&s, 2, 8), .2 + 1.8 * .5625);
    s.kind = CULL_LR_COSINE_POWER; /* by hand, power 10: (10^(c + 1) - 10) / 90 */
    s.power = 10;
    near(cull_schedule_at(&s, 0, 8), 2);
    near(cull_schedule_at(&s, 4, 8), .2 + 1.8 * (pow(10, 1.5) - 10) / 90);
    near(cull_schedule_at(&s, 8, 8), .2);
    s.power = 1;
    near(cull_schedule_at(&s, 4, 8), 1.1);
    s = (cull_schedule){.kind = CULL_LR_STEP, .lr = 2, .gamma = .1, .milestones = 2};
    s.milestone = (double[]){.5, .75};
    const double steps[] = {2, 2, 2, 2, .2, .2, .02, .02};
    for (int i = 0; i < 8; i++) near(cull_schedule_at(&s, i, 8), steps[i]);
    s = (cull_schedule){.kind = CULL_LR_LINEAR, .lr = 2, .warmup = 4};
    const double warm[] = {.5, 1, 1.5, 2, 2, 1.5, 1, .5};
    for (int i = 0; i < 8; i++) near(cull_schedule_at(&s, i, 8), warm[i]);
    s.warmup = 100; /* longer than all: it never gets there, and nothing is divided by 0 */
    near(cull_schedule_at(&s, 8, 8), .18);
}

static void schedules_refused(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const struct {
        cull_schedule s;
        const char *part;
    } bad[] = {
        {{.lr = -1}, "learning rate is -1"},
        {{.lr = NAN}, "learning rate is nan"},
        {{.lr = INFINITY}, "learning rate is inf"},
        {{.lr = 1, .floor = -1}, "floor"},
        {{.lr = 1, .warmup = NAN}, "warmup"},
        {{.lr = 1, .kind = CULL_LR_POLY}, "power"},
        {{.lr = 1, .kind = CULL_LR_STEP, .gamma = -1}, "gamma"},
        {{.lr = 1, .kind = CULL_LR_STEP, .milestone = (double[]){.5, .2}, .milestones = 2},
         "milestone 1 is 0.2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(cx, cull_schedule_check(cx, &bad[i].s), CULL_EOPTION, bad[i].part);
    ok(cx, cull_schedule_check(cx, &(cull_schedule)CULL_SCHEDULE));
    cull_ctx_free(cx);
}

static void averages(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_params *p = params(cx);
    cull_ema *e;
    float *v = cull_params_value(p);
    double want = .5;
    refused(cx, cull_ema_new(cx, p, 1, false, &e), CULL_EOPTION, "decay of the average is 1");
    for (int ramp = 0; ramp < 2; ramp++) {
        want = (double)(v[0] = .5f);
        ok(cx, cull_ema_new(cx, p, .3, ramp, &e));
        for (int i = 1; i <= 9; i++) {
            double d = ramp && (1. + i) / (10 + i) < .3 ? (1. + i) / (10 + i) : .3;
            v[0] = (float)i;
            want = d * want + (1 - d) * i;
            cull_ema_step(e);
        }
        assert_true(fabs((double)cull_ema_value(e)[0] - want) < 1e-5);
        assert_true(cull_ema_value(e)[1] == v[1]); /* what does not move, to the bit */
        assert_int_equal(cull_ema_steps(e), 9);
        float was = cull_ema_value(e)[0];
        cull_ema_swap(e);
        assert_true(v[0] == was && cull_ema_value(e)[0] == 9);
        cull_ema_free(e);
    }
    cull_params_free(p);
    cull_ctx_free(cx);
}

static void snapshots(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_params *p = params(cx);
    cull_snapshots *last, *best;
    static const double score[] = {5, 2, 7, 2, NAN, 1, 9};
    static const int64_t best_step[] = {5, 1, 3};
    float *v = cull_params_value(p);
    refused(cx, cull_snapshots_new(cx, p, 0, false, &last), CULL_EOPTION, "0 snapshots");
    ok(cx, cull_snapshots_new(cx, p, 3, false, &last));
    ok(cx, cull_snapshots_new(cx, p, 3, true, &best));
    assert_false(cull_snapshots_restore(last, 0));
    for (int i = 0; i < 7; i++) {
        v[0] = (float)i;
        cull_snapshots_take(last, i, score[i]);
        cull_snapshots_take(best, i, score[i]);
    }
    assert_int_equal(cull_snapshots_count(last), 3);
    for (int i = 0; i < 3; i++) {
        int64_t step;
        double s;
        assert_true(cull_snapshots_at(last, i, &step, NULL)[0] == (float)(6 - i));
        assert_int_equal(step, 6 - i);
        assert_true(cull_snapshots_at(best, i, &step, &s)[0] == (float)best_step[i]);
        assert_int_equal(step, best_step[i]);
        assert_true(s == score[step]);
    }
    assert_null(cull_snapshots_at(best, 3, NULL, NULL));
    assert_true(cull_snapshots_restore(best, 1));
    assert_true(v[0] == 1 && v[1] == start_p[1]);
    cull_snapshots_free(last);
    cull_snapshots_free(best);
    cull_params_free(p);
    cull_ctx_free(cx);
}

static void memory_fails(void **state)
{
    (void)state;
    for (long at = 1;; at++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_params *p = params(cx);
        cull_optim *opt = NULL;
        cull_ema *e = NULL;
        cull_snapshots *s = NULL;
        float g[64] = {0};
        cull_optim_opts o = CULL_OPTIM_OPTS;
        o.scale = (double[]){1, 1, 1};
        long before = h.calls;
        h.fail_at = before + at;
        cull_status st = cull_optim_new(cx, p, &o, &opt);
        if (st == CULL_OK)
            st = cull_optim_step(cx, opt, (const float *[]){g, g}, (double[]){.5, .5}, 2, .1);
        if (st == CULL_OK) st = cull_ema_new(cx, p, .9, true, &e);
        if (st == CULL_OK) st = cull_snapshots_new(cx, p, 2, true, &s);
        bool all = h.calls < h.fail_at;
        assert_int_equal(st, all ? CULL_OK : CULL_ENOMEM);
        cull_snapshots_free(s);
        cull_ema_free(e);
        cull_optim_free(opt);
        cull_params_free(p);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!all) continue;
        assert_true(at > 8);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_like_pytorch),
        cmocka_unit_test(masked_and_frozen_stay),
        cmocka_unit_test(adds_shards_in_order),
        cmocka_unit_test(refuses),
        cmocka_unit_test(goes_on_from_its_arrays),
        cmocka_unit_test(schedules),
        cmocka_unit_test(schedules_refused),
        cmocka_unit_test(averages),
        cmocka_unit_test(snapshots),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
