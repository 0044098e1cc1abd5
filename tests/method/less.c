/* less: scores against the plain formula, pair by pair; checkpoints in files and in one row; what binds
 * the choice. */
#include "files.h"
#include "test.h"

#include "cull/data.h"

enum { N = 211, M = 13, C = 3, E = 19, D = C * E, TASKS = 4 };

static float pool_at[N * D], want_at[M * D];
static const double rate[C] = {2.1e-5, 1.3e-5, 0.4e-5};
static const int32_t task_of[M] = {0, 3, 1, 0, 0, 1, 3, 3, 0, 1, 3, 0, 1}; /* none is of task 2 */

static void numbers(void)
{
    for (int i = 0; i < N * D; i++) pool_at[i] = (float)(sin(1 + 1.7 * i) * (1 + i % 7));
    for (int i = 0; i < M * D; i++) want_at[i] = (float)(cos(2 + 0.9 * i) * (1 + i % 5));
    for (int j = 0; j < E; j++) pool_at[17 * D + E + j] = 0; /* one gradient of zeros */
}

static double cosine(const float *x, const float *y)
{
    double xy = 0, xx = 0, yy = 0;
    for (int j = 0; j < E; j++) {
        xy += (double)x[j] * y[j];
        xx += (double)x[j] * x[j];
        yy += (double)y[j] * y[j];
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/* The largest over tasks of the mean over its examples of the sum over checkpoints. */
static double influence(int row, const double *r, const int32_t *task, int tasks, int *best)
{
    double top = -INFINITY, all = 0;
    for (int c = 0; c < C; c++) all += r[c];
    for (int t = 0; t < tasks; t++) {
        double sum = 0;
        int count = 0;
        for (int q = 0; q < M; q++) {
            if ((task ? task[q] : 0) != t) continue;
            count++;
            for (int c = 0; c < C; c++)
                sum += r[c] / all * cosine(pool_at + row * D + c * E, want_at + q * D + c * E);
        }
        if (count && sum / count > top) top = sum / count, *best = t;
    }
    return top;
}

static cull_pick pick(cull_ctx *cx, const cull_data_problem *p)
{
    cull_pick k;
    ok(cx, cull_data_pick(cx, cull_method_find("less", NULL), NULL, p, &k));
    return k;
}

static cull_data_problem problem(cull_ctx *cx)
{
    cull_pool *pool, *want;
    numbers();
    ok(cx, cull_pool_from(cx, pool_at, CULL_F32, N, D, &pool));
    ok(cx, cull_pool_from(cx, want_at, CULL_F32, M, D, &want));
    return (cull_data_problem){
        .n = N, .pool = pool, .target = want, .rate = rate, .rates = C, .budget = N};
}

static void drop(const cull_data_problem *p)
{
    cull_pool_free((cull_pool *)p->pool);
    cull_pool_free((cull_pool *)p->target);
}

static void the_formula(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_data_problem p = problem(cx);
    for (int tasks = 1; tasks <= TASKS; tasks += TASKS - 1) {
        p.target_task = tasks > 1 ? task_of : NULL;
        p.target_tasks = tasks > 1 ? tasks : 0;
        cull_pick k = pick(cx, &p);
        assert_int_equal(k.n, N);
        assert_string_equal(k.by_what, tasks > 1 ? "task" : "");
        int zero = 0, served[TASKS] = {0};
        for (int i = 0; i < N; i++) {
            int best = -1;
            double want = influence((int)k.idx[i], rate, p.target_task, tasks, &best);
            assert_true(fabs(k.score[i] - want) < 1e-6);
            if (i) assert_true(k.score[i] <= k.score[i - 1]);
            if (tasks > 1) assert_int_equal(k.by[i], best);
            if (tasks > 1) served[k.by[i]]++;
            zero |= k.idx[i] == 17;
        }
        assert_true(zero);
        if (tasks > 1) assert_true(served[0] && served[1] && !served[2] && served[3]);
        cull_pick_free(&k);
    }
    drop(&p);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Only their shares count; unequal ones change the order; the length of a gradient does not. */
static void rates_and_lengths(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_data_problem p = problem(cx);
    double twice[C] = {2 * rate[0], 2 * rate[1], 2 * rate[2]}, alike[C] = {7, 7, 7};
    cull_pick a = pick(cx, &p);
    p.rate = twice;
    cull_pick b = pick(cx, &p);
    p.rate = alike;
    cull_pick c = pick(cx, &p);
    p.rate = rate;
    for (int i = 0; i < N * D; i++) pool_at[i] *= 1 << (i / E % 5); /* exactly */
    cull_pick d = pick(cx, &p);
    assert_memory_equal(a.score, b.score, N * sizeof *a.score);
    assert_memory_not_equal(a.idx, c.idx, N * sizeof *a.idx);
    assert_memory_equal(a.idx, d.idx, N * sizeof *a.idx);
    cull_pick_free(&a), cull_pick_free(&b), cull_pick_free(&c), cull_pick_free(&d);
    drop(&p);
    cull_ctx_free(cx);
}

static void checkpoints_in_files(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_data_problem p = problem(cx);
    char name[2][C][32], paths[2][C][512];
    const char *path[2][C];
    for (int s = 0; s < 2; s++)
        for (int c = 0; c < C; c++) {
            static float part[N * E];
            int rows = s ? M : N;
            for (int i = 0; i < rows * E; i++)
                part[i] = (s ? want_at : pool_at)[i / E * D + c * E + i % E];
            snprintf(name[s][c], sizeof name[s][c], "less%d%d.npy", s, c);
            snprintf(paths[s][c], sizeof paths[s][c], "%s", in_dir(name[s][c]));
            path[s][c] = paths[s][c];
            cull_array a = {.ndim = 2, .shape = {rows, E}, .at = part};
            ok(cx, cull_array_write(cx, path[s][c], &a));
        }
    cull_pool *pool, *want, *bad;
    ok(cx, cull_pool_open_beside(cx, path[0], C, &pool));
    ok(cx, cull_pool_open_beside(cx, path[1], C, &want));
    assert_int_equal(cull_pool_n(pool), N);
    assert_int_equal(cull_pool_d(pool), D);
    cull_pick a = pick(cx, &p);
    cull_data_problem q = p;
    q.pool = pool, q.target = want;
    cull_pick b = pick(cx, &q);
    assert_memory_equal(a.idx, b.idx, N * sizeof *a.idx);
    assert_memory_equal(a.score, b.score, N * sizeof *a.score);
    int64_t row = 0;
    refused(cx, cull_pool_write_rows(cx, pool, &row, 1, in_dir("no.npy")), CULL_EINPUT,
            "2 more lie side by side");
    const char *unlike[] = {path[0][0], path[1][1]};
    refused(cx, cull_pool_open_beside(cx, unlike, 2, &bad), CULL_EINPUT,
            "less00.npy has shape (211, 19), ");
    assert_null(bad);
    cull_pick_free(&a), cull_pick_free(&b);
    cull_pool_free(pool), cull_pool_free(want);
    drop(&p);
    cull_ctx_free(cx);
}

static void bounds_of_the_choice(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_data_problem p = problem(cx);
    cull_pick all = pick(cx, &p);
    static uint8_t avoid[N], have[N];
    static double cost[N];
    avoid[all.idx[0]] = 1, have[all.idx[2]] = 1;
    for (int i = 0; i < N; i++) cost[i] = 1.5;
    cost[all.idx[3]] = 100;
    p.avoid = avoid, p.have = have, p.cost = cost, p.budget = 4.6; /* three at 1.5 */
    cull_pick k = pick(cx, &p);
    assert_int_equal(k.n, 3);
    assert_int_equal(k.idx[0], all.idx[1]);
    assert_int_equal(k.idx[1], all.idx[4]);
    assert_int_equal(k.idx[2], all.idx[5]);
    cull_pick_free(&k), cull_pick_free(&all);
    drop(&p);
    cull_ctx_free(cx);
}

static void rates_are_checked(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_data_problem p = problem(cx);
    const cull_method *m = cull_method_find("less", NULL);
    cull_pick k;
    double bad[] = {1, 0, 1, 1};
    p.rate = bad;
    refused(cx, cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT,
            "rate[1] is 0; rates must be finite and above 0");
    bad[1] = 1;
    p.rates = 4;
    refused(cx, cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT,
            "memory has rows of 57 numbers, which are not 4 gradients of one length");
    p.rates = 0;
    refused(cx, cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "not 0 gradients");
    drop(&p);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formula), cmocka_unit_test(rates_and_lengths),
        cmocka_unit_test(checkpoints_in_files), cmocka_unit_test(bounds_of_the_choice),
        cmocka_unit_test(rates_are_checked)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
