/* teach_show: votes of exemplars, tasks of labels and their learner, strategies on images and tasks made here. */
#include "test.h"

#include "claim/teach_show.h"
#include "cull/claim.h"

#include <math.h>

/* ---- votes ---- */
static int32_t by_hand(const float *far, const int32_t *label, const int64_t *e, int64_t k,
                       double temperature)
{
    double best = -1;
    int32_t at = -1;
    for (int32_t c = 0; c < 10; c++) {
        double sum = 0;
        for (int64_t i = 0; i < k; i++)
            if (label[e[i]] == c) sum += exp(-(double)far[e[i]] / temperature);
        if (sum > best) best = sum, at = c;
    }
    return at;
}

static void votes(void **state)
{
    (void)state;
    enum { POOL = 37 };
    float far[POOL];
    int32_t label[POOL];
    int64_t e[POOL];
    cull_rng r = cull__rng_seeded(3, 1);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < POOL; i++) {
            far[i] = (float)(40 * cull__rng_unit(&r));
            label[i] = (int32_t)cull__rng_below(&r, 10), e[i] = i;
        }
        cull__rng_shuffle(&r, e, POOL);
        for (int64_t k = 1; k <= POOL; k += 6)
            assert_int_equal(cull__soft_nearest(far, label, e, k, 7.5),
                             by_hand(far, label, e, k, 7.5));
        int64_t near = e[0];
        for (int i = 1; i < 11; i++)
            if (far[e[i]] < far[near]) near = e[i];
        /* as cold as this, the nearest alone has a vote, however far all are */
        for (int i = 0; i < POOL; i++) far[i] += 1e5f;
        assert_int_equal(cull__soft_nearest(far, label, e, 11, 1e-3), label[near]);
    }
    const float same[] = {1, 1, 1};
    const int32_t three[] = {7, 4, 4}, two[] = {7, 4, 9};
    const int64_t all[] = {0, 1, 2};
    assert_int_equal(cull__soft_nearest(same, three, all, 3, 1), 4);
    assert_int_equal(cull__soft_nearest(same, two, all, 2, 1), 4); /* of equals the lowest */
}

/* ---- strategies where the answer is known: images of a class are all alike, and classes far apart ---- */
static void images(cull_ctx *cx, float *x, int32_t *y, int64_t n, cull_pool **out)
{
    enum { SIDE = CULL__FASHION_SIDE };
    for (int64_t i = 0; i < n; i++) {
        y[i] = (int32_t)(i % 10);
        for (int j = 0; j < SIDE * SIDE; j++) {
            int block = (j / SIDE - 2) / 3 * 8 + (j % SIDE - 2) / 3;
            x[i * SIDE * SIDE + j] = block % 10 == y[i] ? 255 : 0;
        }
    }
    ok(cx, cull_pool_from(cx, x, CULL_F32, n, SIDE * SIDE, out));
}

static void strategies(void **state)
{
    (void)state;
    enum { N = 600, TESTS = 1000, D = CULL__FASHION_SIDE * CULL__FASHION_SIDE };
    static float x[N * D], test[TESTS * D];
    static int32_t y[N], test_y[TESTS];
    double one[2][CULL__RANKED], sum[CULL__RANKED] = {0};
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull__images im = {.y = y, .test_y = test_y};
        images(cx, x, y, N, &im.train), images(cx, test, test_y, TESTS, &im.test);
        for (uint64_t seed = 1; seed <= 12; seed++) {
            double *a = one[threads - 1];
            cull__mark_t mark = cull__mark(cx);
            cull_ctx_reseed(cx, seed);
            ok(cx, cull__teach_rank(cx, &im, 10, 20, a));
            cull__release(cx, mark);
            assert_true(a[CULL__CENTRES] == 1); /* one of each class */
            for (int j = 0; threads == 1 && j < CULL__RANKED; j++) sum[j] += a[j] / 12;
        }
        cull__fashion_close(&im);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(one[0], one[1], sizeof one[0]);
    /* of 10 draws 1 - .9^10 = .651 of the classes are shown, a little more without replacement; a deviation of 12 means of
     * .1 is .03 */
    assert_true(fabs(sum[CULL__ONE_SET] - .657) < .08);
    assert_true(sum[CULL__DRAWN] > sum[CULL__ONE_SET] + .1);
    assert_true(sum[CULL__MUTATED] > sum[CULL__DRAWN]);
    assert_true(sum[CULL__MUTATED] <= 1);
}

static void few_images(void **state)
{
    (void)state;
    enum { D = CULL__FASHION_SIDE * CULL__FASHION_SIDE };
    static float x[399 * D];
    static int32_t y[399];
    double a[CULL__RANKED];
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull__images im = {.y = y, .test_y = y};
    images(cx, x, y, 399, &im.train), images(cx, x, y, 399, &im.test);
    refused(cx, cull__teach_rank(cx, &im, 10, 20, a), CULL_EINPUT, "there must be 400 images");
    cull__fashion_close(&im);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- tasks ---- */
static void tasks(void **state)
{
    (void)state;
    enum { TASKS = 2000, EACH = 20 };
    cull_rng r = cull__rng_seeded(5, 2);
    cull__rules rules;
    cull__rules_draw(&r, &rules);
    for (int i = 0; i < CULL__TEACH_RULES; i++) {
        const double *u = rules.direction[i];
        assert_true(u[0] == 0);
        assert_true(fabs(u[1] * u[1] + u[2] * u[2] + u[3] * u[3] - 1) < 1e-12);
    }
    double usual = 0, right = 0, across = 0, along = 0, aside = 0, rule[CULL__TEACH_RULES] = {0};
    for (int t = 0; t < TASKS; t++) {
        cull__task task;
        cull__example e[EACH];
        cull__task_draw(&rules, &r, &task);
        cull__examples_draw(&rules, &task, &r, EACH, e);
        rule[task.rule]++;
        const double *u = rules.direction[task.rule];
        for (int c = 0; c < CULL__TEACH_CELLS; c++)
            usual += task.label[c] == rules.usual[task.rule][c];
        for (int i = 0; i < EACH; i++) {
            double on = 0, length = 0;
            for (int j = 1; j < CULL__TEACH_INPUTS; j++) {
                double v = (double)e[i].x[j];
                on += u[j] * v, length += v * v;
            }
            int cell = (e[i].x[0] > 0 ? 2 : 0) + (on > 0);
            right += e[i].y == task.label[cell];
            across += (double)e[i].x[0] * (double)e[i].x[0], along += on * on;
            aside += length - on * on;
        }
    }
    /* tolerances are above 4 deviations */
    assert_true(fabs(usual / (4 * TASKS) - (.5 + .5 / 4)) < .025);
    double n = TASKS * EACH;
    assert_true(fabs(across / n - 5) < .1 && fabs(along / n - 5) < .1); /* 2^2 + 1 */
    assert_true(fabs(aside / n - 2) < .1); /* two directions of noise */
    /* sides are taken right by chance P(z > -2)^2 = .955, and .05 of the labels are any; wrong sides may have the label */
    assert_true(right / n > .955 * (.95 + .05 / 4) - .01 && right / n < .96);
    for (int i = 0; i < CULL__TEACH_RULES; i++)
        assert_true(fabs(rule[i] / TASKS - 1. / CULL__TEACH_RULES) < .035);
}

/* ---- the learner ---- */
enum { ASKED = 40 };
typedef struct {
    cull__example pool[ASKED * CULL__TEACH_SHOWN], query[ASKED];
    cull__teach_prompt prompt[ASKED];
    int64_t shown[ASKED * CULL__TEACH_SHOWN];
    cull__task task[ASKED];
} exam;

/* Each prompt of a task of its own, with 0 to 5 examples, in runs. */
static void set_exam(const cull__rules *rules, uint64_t seed, exam *e)
{
    cull_rng r = cull__rng_seeded(seed, 9);
    for (int i = 0; i < ASKED; i++) {
        cull__example *pool = e->pool + i * CULL__TEACH_SHOWN;
        cull__task_draw(rules, &r, &e->task[i]);
        cull__examples_draw(rules, &e->task[i], &r, CULL__TEACH_SHOWN, pool);
        cull__examples_draw(rules, &e->task[i], &r, 1, &e->query[i]);
        for (int k = 0; k < CULL__TEACH_SHOWN; k++)
            e->shown[i * CULL__TEACH_SHOWN + k] = i * CULL__TEACH_SHOWN + k;
        e->prompt[i] =
            (cull__teach_prompt){.instruction = i % 3 ? e->task[i].rule : CULL__TEACH_SEED,
                                 .k = i / 3 % (CULL__TEACH_SHOWN + 1),
                                 .shown = e->shown + i * CULL__TEACH_SHOWN,
                                 .query = &e->query[i]};
    }
}

static double accuracy(cull_ctx *cx, cull__learner *l, int64_t k)
{
    static exam e;
    int32_t label[ASKED];
    int right = 0, rounds = 25;
    for (int round = 0; round < rounds; round++) {
        set_exam(cull__learner_rules(l), 100 + (uint64_t)round, &e);
        for (int i = 0; i < ASKED; i++) e.prompt[i].k = k;
        ok(cx, cull__learner_ask(cx, l, e.pool, e.prompt, ASKED, label));
        for (int i = 0; i < ASKED; i++) right += label[i] == e.query[i].y;
    }
    return (double)right / (ASKED * rounds);
}

static void learner(void **state)
{
    (void)state;
    static exam e;
    const cull__learner_opts small = {2, 32, 2, 200, 32};
    int32_t label[2][ASKED], alone;
    double a[2][CULL__TAUGHT];
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull__learner *l;
        cull_ctx_reseed(cx, 11);
        ok(cx, cull__learner_new(cx, &small, &l));
        set_exam(cull__learner_rules(l), 1, &e);
        ok(cx, cull__learner_ask(cx, l, e.pool, e.prompt, ASKED, label[threads - 1]));
        for (int i = 0; threads == 1 && i < ASKED; i++) { /* a prompt's label is its own */
            ok(cx, cull__learner_ask(cx, l, e.pool, e.prompt + i, 1, &alone));
            assert_int_equal(alone, label[0][i]);
        }
        if (threads == 1) { /* chance is .25; a deviation of a share of 1000 is .016 */
            double none = accuracy(cx, l, 0), five = accuracy(cx, l, 5);
            assert_true(none > .33 && five > none + .05);
        }
        cull_rng r = cull__rng(cx, 77);
        ok(cx, cull__teach_task(cx, l, &r, a[threads - 1]));
        for (int j = 0; j < CULL__TAUGHT; j++)
            assert_true(a[threads - 1][j] >= 0 && a[threads - 1][j] <= 1);
        cull__learner_free(l);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(label[0], label[1], sizeof label[0]);
    assert_memory_equal(a[0], a[1], sizeof a[0]);
}

static void fails_well(void **state)
{
    (void)state;
    static exam e;
    const cull__learner_opts tiny = {1, 8, 1, 2, 2};
    bool whole = false;
    for (long at = 1; !whole; at += 1 + at / 8) {
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) {
            assert_int_equal(h.live, 0);
            continue;
        }
        cull__learner *l = NULL;
        int32_t label[ASKED];
        cull_status s = cull__learner_new(cx, &tiny, &l);
        if (s == CULL_OK) {
            set_exam(cull__learner_rules(l), 1, &e);
            s = cull__learner_ask(cx, l, e.pool, e.prompt, ASKED, label);
        }
        if (s != CULL_OK) refused(cx, s, CULL_ENOMEM, "memory");
        whole = s == CULL_OK;
        cull__learner_free(l);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull__learner *l = NULL;
    h.ticks = 0, h.stop_at = 1;
    refused(cx, cull__learner_new(cx, &tiny, &l), CULL_ECANCEL, "stopped");
    assert_null(l);
    cull_claim_result c;
    h.stop_at = 0;
    refused(cx, cull_claim_run(cx, "teach-show", "/no/such/place", true, &c), CULL_ENODATA,
            "install the Debian package dataset-fashion-mnist");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(votes),      cmocka_unit_test(strategies),
                                       cmocka_unit_test(few_images), cmocka_unit_test(tasks),
                                       cmocka_unit_test(learner),    cmocka_unit_test(fails_well)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
