/* rds-plus: against the whole similarity matrix and twenty lines of round-robin. */
#include "test.h"

#include "base/base.h"
#include "cull/data.h"

enum { N = 500, M = 16, D = 16, TASKS = 4, GROUPS = 3 };

typedef struct {
    float x[N * D], q[M * D];
    double s[M][N], cost[N], quota[GROUPS];
    int32_t group[N], task[M];
    uint8_t avoid[N];
    cull_pool *pool, *target;
} problem;

/* Small whole numbers: sums, and means over 16, are exact, and ties are many. */
static problem *make(cull_ctx *cx, uint64_t seed, bool whole)
{
    problem *p = calloc(1, sizeof *p);
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < N * D; i++)
        p->x[i] = whole ? (float)cull__rng_below(&r, 7) - 3 : (float)cull__rng_normal(&r);
    for (int i = 0; i < M * D; i++)
        p->q[i] = whole ? (float)cull__rng_below(&r, 7) - 3 : (float)cull__rng_normal(&r);
    for (int v = 0; v < M; v++)
        for (int d = 0; d < N; d++) {
            double xx = 0, qq = 0, xq = 0;
            for (int j = 0; j < D; j++) {
                double a = p->x[d * D + j], b = p->q[v * D + j];
                xx += a * a, qq += b * b, xq += a * b;
            }
            p->s[v][d] = whole ? xq : xq / sqrt(xx * qq);
        }
    for (int i = 0; i < N; i++) {
        p->cost[i] = 1 + (double)cull__rng_below(&r, 8);
        p->group[i] = (int32_t)cull__rng_below(&r, GROUPS);
        p->avoid[i] = cull__rng_below(&r, 5) == 0;
    }
    for (int v = 0; v < M; v++) p->task[v] = (int32_t)(v * v % TASKS); /* tasks 0 and 1 only */
    ok(cx, cull_pool_from(cx, p->x, CULL_F32, N, D, &p->pool));
    ok(cx, cull_pool_from(cx, p->q, CULL_F32, M, D, &p->target));
    return p;
}

static void drop(problem *p)
{
    cull_pool_free(p->pool);
    cull_pool_free(p->target);
    free(p);
}

static cull_pick pick(cull_ctx *cx, const cull_data_problem *p, const char *rule, bool unit,
                      const char *candidates)
{
    const cull_method *m = cull_method_find("rds-plus", NULL);
    cull_opts *o;
    cull_pick k;
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_opts_set(cx, o, "rule", rule));
    ok(cx, cull_opts_set(cx, o, "unit", unit ? "true" : "false"));
    ok(cx, cull_opts_set(cx, o, "candidates", candidates));
    ok(cx, cull_data_pick(cx, m, o, p, &k));
    cull_opts_free(o);
    return k;
}

static bool fits(const problem *b, const cull_data_problem *p, const bool *taken, double spent,
                 const double *used, int i)
{
    double c = p->cost ? p->cost[i] : 1;
    return !taken[i] && !(p->avoid && p->avoid[i]) && spent + c <= p->budget &&
           (!p->quota || used[b->group[i]] + c <= p->quota[b->group[i]]);
}

/* The best that fits for turn j: its one row, or the largest over the rows of task j. */
static int best_of(const problem *b, const cull_data_problem *p, const bool *taken, double spent,
                   const double *used, int j, double *score)
{
    int best = -1;
    for (int i = 0; i < N; i++) {
        if (!fits(b, p, taken, spent, used, i)) continue;
        double s = -INFINITY;
        for (int v = 0; v < M; v++)
            if ((p->target_task ? b->task[v] == j : v == j) && b->s[v][i] > s) s = b->s[v][i];
        if (s > -INFINITY && (best < 0 || s > *score)) best = i, *score = s;
    }
    return best;
}

/* Replays the pick turn by turn; `slack` allows for the rounding of cosines. */
static void replay(const problem *b, const cull_data_problem *p, const cull_pick *k, double slack)
{
    bool taken[N] = {0};
    double spent = 0, used[GROUPS] = {0};
    int64_t at = 0;
    int turns = p->target_task ? TASKS : M;
    for (int idle = 0, j = 0; idle < turns; j = (j + 1) % turns) {
        double score = 0;
        int best = best_of(b, p, taken, spent, used, j, &score);
        idle = best < 0 ? idle + 1 : 0;
        if (best < 0) continue;
        assert_true(at < k->n);
        int64_t got = k->idx[at];
        assert_int_equal(k->by[at], j);
        if (slack == 0) assert_int_equal(got, best);
        assert_true(fits(b, p, taken, spent, used, (int)got));
        assert_true(fabs(k->score[at] - score) <= slack);
        taken[got] = true;
        spent += p->cost ? p->cost[got] : 1;
        used[b->group[got]] += p->cost ? p->cost[got] : 1;
        at++;
    }
    assert_int_equal(at, k->n);
    assert_true(spent == k->spent);
}

static void round_robin(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int trial = 0; trial < 32; trial++) {
        bool whole = trial % 4 != 3;
        problem *b = make(cx, (uint64_t)trial, whole);
        cull_data_problem p = {
            .n = N, .pool = b->pool, .target = b->target, .budget = trial % 3 ? 150 : 1e4};
        if (trial & 1) p.cost = b->cost;
        if (trial & 2) p.avoid = b->avoid;
        if (trial & 4) p.target_task = b->task, p.target_tasks = TASKS;
        if (trial & 8) {
            p.group = b->group, p.groups = GROUPS, p.quota = b->quota;
            for (int g = 0; g < GROUPS; g++) b->quota[g] = 30 + 25 * g;
        }
        static const char *const list[] = {"2", "0.01", "100"}; /* short lists run out: rescans */
        cull_pick first = {0};
        for (int c = 0; c < 3; c++) {
            cull_pick k = pick(cx, &p, "round-robin", !whole, list[c]);
            assert_string_equal(k.by_what, p.target_task ? "task" : "target");
            replay(b, &p, &k, whole ? 0 : 1e-6);
            if (c == 0) {
                first = k;
                continue;
            }
            assert_int_equal(k.n, first.n);
            assert_memory_equal(k.idx, first.idx, (size_t)k.n * sizeof *k.idx);
            assert_memory_equal(k.score, first.score, (size_t)k.n * sizeof *k.score);
            cull_pick_free(&k);
        }
        cull_pick_free(&first);
        drop(b);
    }
    cull_ctx_free(cx);
}

static void one_order(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    problem *b = make(cx, 99, true);
    for (int tasks = 0; tasks < 2; tasks++)
        for (int mean = 0; mean < 2; mean++) {
            cull_data_problem p = {.n = N, .pool = b->pool, .target = b->target, .budget = 120};
            if (tasks) p.target_task = b->task, p.target_tasks = TASKS;
            cull_pick k = pick(cx, &p, mean ? "mean" : "max", false, "2");
            double want[N];
            int of[N];
            bool taken[N] = {0};
            for (int i = 0; i < N; i++) {
                double sum = 0, most = -INFINITY;
                for (int v = 0; v < M; v++) {
                    sum += b->s[v][i];
                    if (b->s[v][i] > most) most = b->s[v][i], of[i] = v;
                }
                want[i] = mean ? sum / M : most;
            }
            for (int64_t at = 0; at < k.n; at++) {
                int best = -1;
                for (int i = 0; i < N; i++)
                    if (!taken[i] && (best < 0 || want[i] > want[best] + 1e-9)) best = i;
                assert_int_equal(k.idx[at], best);
                assert_true(fabs(k.score[at] - want[best]) < 1e-12);
                assert_int_equal(k.by[at], mean ? -1 : tasks ? b->task[of[best]] : of[best]);
                taken[best] = true;
            }
            assert_int_equal(k.n, 120);
            assert_string_equal(k.by_what, mean ? "" : tasks ? "task" : "target");
            cull_pick_free(&k);
        }
    drop(b);
    cull_ctx_free(cx);
}

/* A dominant mode: the mean serves it alone, turns serve all. */
static void modes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float x[40 * 2], q[10 * 2];
    for (int i = 0; i < 40; i++) x[2 * i] = i < 20, x[2 * i + 1] = i >= 20;
    for (int v = 0; v < 10; v++) q[2 * v] = v < 8, q[2 * v + 1] = v >= 8;
    cull_data_problem p = {.n = 40, .budget = 10};
    cull_pool *pool, *target;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 40, 2, &pool));
    ok(cx, cull_pool_from(cx, q, CULL_F32, 10, 2, &target));
    p.pool = pool, p.target = target;
    cull_pick turns = pick(cx, &p, "round-robin", true, "2"),
              mean = pick(cx, &p, "mean", true, "2");
    int second[2] = {0};
    for (int i = 0; i < 10; i++) second[0] += turns.idx[i] >= 20, second[1] += mean.idx[i] >= 20;
    assert_int_equal(second[0], 2);
    assert_int_equal(second[1], 0);
    cull_pick_free(&turns), cull_pick_free(&mean);
    cull_pool_free(pool), cull_pool_free(target);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_robin), cmocka_unit_test(one_order),
                                       cmocka_unit_test(modes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
