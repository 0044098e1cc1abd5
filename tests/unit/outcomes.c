/* outcomes: what is refused, by its sentence; rows cut and gathered against plain loops. */
#include "test.h"

#include "cull/outcomes.h"

enum { N = 7, K = 2, C = 3 };

/* Two models on seven rows, with everything that there can be. */
typedef struct {
    cull_outcomes o;
    float out[K][N * C], x[2][N * 4];
    const float *outs[K], *xs[2];
    double score[K * N], quality[K * N], cost[K * N], each[K], delay[K];
    double truth[N], weight[N], spread[N];
    int32_t group[N];
    uint64_t hash[N];
    int64_t d[2];
} all;
static const char *const names[] = {"small", "large"};
static const char *const groups[] = {"a", "b", "c"};

static void fill(all *a)
{
    *a = (all){.each = {1, 5}, .delay = {0.5, 2}, .d = {4, 1}};
    for (int k = 0; k < K; k++) {
        a->outs[k] = a->out[k];
        a->xs[k] = a->x[k];
        for (int i = 0; i < N; i++) {
            a->score[k * N + i] = i * 0.31 - k;
            a->quality[k * N + i] = (i + k) % 2;
            a->cost[k * N + i] = 1.5 + k + i;
            for (int c = 0; c < C; c++) a->out[k][i * C + c] = (float)(k - i * 0.7 + c * c);
            for (int j = 0; j < a->d[k]; j++)
                a->x[k][i * a->d[k] + j] = (float)(100 * k + 10 * i + j);
        }
    }
    for (int i = 0; i < N; i++) {
        a->truth[i] = i % C;
        a->weight[i] = i * 0.5;
        a->spread[i] = 1 + i;
        a->group[i] = i % 3;
        a->hash[i] = 1000u + (unsigned)i;
    }
    a->o = (cull_outcomes){.n = N,
                           .models = K,
                           .name = names,
                           .classes = C,
                           .out = a->outs,
                           .score = a->score,
                           .quality = a->quality,
                           .cost = a->cost,
                           .each = a->each,
                           .delay = a->delay,
                           .truth = a->truth,
                           .weight = a->weight,
                           .spread = a->spread,
                           .group = a->group,
                           .groups = 3,
                           .group_name = groups,
                           .hash = a->hash,
                           .x = a->xs,
                           .d = a->d,
                           .xs = 2,
                           .where = "val.csv"};
}

/* Every number in turn becomes one that is wrong, and the sentence says where it was. */
static void wrong_numbers(void **state)
{
    (void)state;
    all a;
    fill(&a);
    const struct {
        double *at, bad;
        const char *say;
    } one[] = {
        {&a.score[N + 2], NAN,
         "val.csv: row 2: the score of model 'large' is nan; it must be a finite number"},
        {&a.score[3], INFINITY, "row 3: the score of model 'small' is inf"},
        {&a.quality[N + 6], -INFINITY,
         "row 6: the quality of model 'large' is -inf; it must be a finite number"},
        {&a.cost[5], -0.25, "row 5: the cost of model 'small' is -0.25; it must be 0 or more"},
        {&a.cost[N], NAN, "row 0: the cost of model 'large' is nan; it must be 0 or more"},
        {&a.each[1], -1, "val.csv: the cost of model 'large' is -1; it must be 0 or more"},
        {&a.each[0], INFINITY, "the cost of model 'small' is inf"},
        {&a.delay[0], NAN, "the delay of model 'small' is nan; it must be 0 or more"},
        {&a.truth[4], 3, "row 4: the true class is 3; it must be 0 to 2"},
        {&a.truth[4], -1, "row 4: the true class is -1"},
        {&a.truth[1], 0.5, "row 1: the true class is 0.5"},
        {&a.truth[1], INFINITY, "row 1: the truth is inf; it must be a finite number"},
        {&a.weight[2], -1e-9, "row 2: the weight is -1e-09; it must be 0 or more"},
        {&a.weight[2], NAN, "row 2: the weight is nan"},
        {&a.spread[0], 0, "row 0: the spread is 0; it must be above 0"},
        {&a.spread[6], INFINITY, "row 6: the spread is inf"},
    };
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        ok(cx, cull_outcomes_check(cx, &a.o));
        for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
            double kept = *one[i].at;
            *one[i].at = one[i].bad;
            refused(cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT, one[i].say);
            *one[i].at = kept;
        }
        a.quality[3] = a.truth[3] = NAN; /* is not known, which is no fault */
        ok(cx, cull_outcomes_check(cx, &a.o));
        a.quality[3] = 0, a.truth[3] = 0;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

static void wrong_outputs(void **state)
{
    (void)state;
    all a;
    fill(&a);
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    float kept = a.out[1][4 * C + 2];
    a.out[1][4 * C + 2] = INFINITY;
    refused(cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT,
            "val.csv: row 4: model 'large' has inf for class 2; logits must be finite");
    a.out[1][4 * C + 2] = kept;
    a.x[0][5 * 4 + 3] = NAN;
    refused(cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT,
            "row 5: feature 3 is nan; it must be finite");
    a.x[0][5 * 4 + 3] = 0;
    a.o.outputs = CULL_PROBABILITIES;
    refused(
        cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT,
        "row 0: model 'small' has 4 for class 2; probabilities are in 0 to 1 (are these logits?)");
    for (int i = 0; i < N * C; i++) a.out[0][i] = a.out[1][i] = i % C == 1 ? 0.5f : 0.25f;
    ok(cx, cull_outcomes_check(cx, &a.o));
    a.out[0][6] += 0.0009f;
    ok(cx, cull_outcomes_check(cx, &a.o));
    a.out[0][6] += 0.0003f;
    refused(cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT,
            "row 2: the probabilities of model 'small' sum to 1.0012, not 1");
    a.out[0][6] = -0.25f;
    refused(cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT, "has -0.25 for class 0");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void wrong_shapes(void **state)
{
    (void)state;
    all a;
    fill(&a);
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_outcomes o = a.o;
    o.n = 0;
    refused(cx, cull_outcomes_check(cx, &o), CULL_EINPUT, "val.csv: there are no rows");
    o = a.o, o.models = 0, o.where = NULL;
    refused(cx, cull_outcomes_check(cx, &o), CULL_EINPUT,
            "the rows: there are 0 models; it must be 1 to 64");
    o = a.o, o.models = 65;
    refused(cx, cull_outcomes_check(cx, &o), CULL_EINPUT, "there are 65 models");
    o = a.o, o.classes = 1;
    refused(cx, cull_outcomes_check(cx, &o), CULL_EINPUT,
            "there are outputs for 1 classes; it takes two");
    a.d[1] = 0;
    refused(cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT, "features 1 are rows of no number");
    a.d[1] = 1;
    a.group[6] = 3;
    refused(cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT,
            "row 6: the group is 3; it must be 0 to 2");
    a.group[6] = -1;
    refused(cx, cull_outcomes_check(cx, &a.o), CULL_EINPUT, "row 6: the group is -1");
    o = (cull_outcomes){.n = 2, .models = 2, .score = (const double[]){1, 2, 3, NAN}};
    refused(cx, cull_outcomes_check(cx, &o), CULL_EINPUT,
            "the rows: row 1: the score of model 'm1' is nan");
    char buf[16];
    assert_string_equal(cull_outcomes_name(&o, 1, buf), "m1");
    assert_string_equal(cull_outcomes_name(&a.o, 1, buf), "large");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- some rows ---- */
static void same_rows(const all *a, const cull_outcomes *got, const int64_t *row, int64_t n)
{
    const cull_outcomes *o = &a->o;
    assert_int_equal(got->n, n);
    assert_int_equal(got->models, K);
    assert_ptr_equal(got->each, o->each);
    assert_ptr_equal(got->group_name, o->group_name);
    for (int64_t i = 0; i < n; i++) {
        int64_t r = row[i];
        for (int k = 0; k < K; k++) {
            assert_true(got->score[k * n + i] == o->score[k * N + r]);
            assert_true(got->quality[k * n + i] == o->quality[k * N + r]);
            assert_true(got->cost[k * n + i] == o->cost[k * N + r]);
            assert_memory_equal(got->out[k] + i * C, o->out[k] + r * C, C * sizeof(float));
            assert_memory_equal(got->x[k] + i * a->d[k], o->x[k] + r * a->d[k],
                                (size_t)a->d[k] * sizeof(float));
        }
        assert_true(got->truth[i] == o->truth[r] && got->weight[i] == o->weight[r]);
        assert_true(got->spread[i] == o->spread[r] && got->hash[i] == o->hash[r]);
        assert_int_equal(got->group[i], o->group[r]);
    }
}

static void rows(void **state)
{
    (void)state;
    static const int64_t every[] = {0, 1, 2, 3, 4, 5, 6}, some[] = {6, 0, 0, 3};
    all a;
    fill(&a);
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_outcomes got;
    for (int64_t lo = 0; lo <= N; lo++)
        for (int64_t n = 0; lo + n <= N; n++) {
            ok(cx, cull_outcomes_rows(cx, &a.o, lo, n, &got));
            same_rows(&a, &got, every + lo, n);
        }
    ok(cx, cull_outcomes_gather(cx, &a.o, some, 4, &got));
    same_rows(&a, &got, some, 4);
    ok(cx, cull_outcomes_gather(cx, &a.o, some, 0, &got));
    assert_int_equal(got.n, 0);
    refused(cx, cull_outcomes_rows(cx, &a.o, 5, 3, &got), CULL_EINPUT,
            "3 rows from row 5 on of val.csv, which has 7");
    refused(cx, cull_outcomes_rows(cx, &a.o, -1, 3, &got), CULL_EINPUT, "3 rows from row -1 on");
    refused(cx, cull_outcomes_rows(cx, &a.o, 1, INT64_MAX, &got), CULL_EINPUT, "which has 7");
    refused(cx, cull_outcomes_gather(cx, &a.o, (const int64_t[]){1, 7}, 2, &got), CULL_EINPUT,
            "row 7 of val.csv, which has 7");
    cull_outcomes bare = {.n = 3, .models = 1, .score = a.score}; /* what is not there stays away */
    ok(cx, cull_outcomes_rows(cx, &bare, 1, 2, &got));
    assert_ptr_equal(got.score, a.score + 1); /* of one model nothing is copied */
    ok(cx, cull_outcomes_gather(cx, &bare, (const int64_t[]){2, 1}, 2, &got));
    assert_true(got.score[0] == a.score[2] && got.score[1] == a.score[1]);
    assert_true(!got.out && !got.x && !got.quality && !got.cost && !got.truth && !got.weight &&
                !got.spread && !got.group && !got.hash);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void no_memory(void **state)
{
    (void)state;
    all a;
    fill(&a);
    bool failed = true;
    for (long k = 1; failed; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_outcomes got;
        failed = !cx;
        if (!cx) continue;
        cull_status s = cull_outcomes_check(cx, &a.o);
        if (s == CULL_OK) s = cull_outcomes_rows(cx, &a.o, 1, 5, &got);
        if (s == CULL_OK) s = cull_outcomes_gather(cx, &a.o, (const int64_t[]){5, 2}, 2, &got);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        failed = h.calls >= k;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_numbers), cmocka_unit_test(wrong_outputs),
        cmocka_unit_test(wrong_shapes),  cmocka_unit_test(rows),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
