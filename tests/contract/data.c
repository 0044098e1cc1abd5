/* data: what every method of task data keeps, checked on all that are registered. A method is
 * covered the day its file appears. */
#include "contract.h"
#include "fixture.h"

#include <dirent.h>

#define EACH(m) EACH_OF(CULL_TASK_DATA, m)

/* Sanitizers find on few rows what they find on many, ten times as slowly. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { BIG = 3000, SIZES = 1, EACH_FAILS = 40 };
#else
enum { BIG = 21000, SIZES = 2, EACH_FAILS = 200 };
#endif
static fixture *big, *some, *small_,
    *one; /* some: for work that grows with the square of the pool */

static int threads_now(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

static cull_pick pick_with(const cull_method *m, const cull_data_problem *p, int threads,
                           uint64_t seed)
{
    static hooks h; /* the pick goes back by them, later */
    h = (hooks){0};
    cull_ctx *cx = hooked_ctx(&h, threads);
    cull_pick k;
    cull_ctx_reseed(cx, seed);
    ok(cx, cull_data_pick(cx, m, NULL, p, &k));
    if (threads == 2 && (m->flags & CULL_NEEDS_POOL) && p->n > 20000)
        assert_true(threads_now() >= 2);
    cull_ctx_free(cx);
    assert_int_equal(h.live, (k.mem_ != NULL) + (k.stands != NULL)); /* the pick outlives the ctx */
    return k;
}

/* ---- the descriptor ---- */

static void descriptor(void **state)
{
    (void)state;
    EACH(m)
    {
        contract_descriptor(m);
        CHECK(m, m->run.data);
    }
}

/* ---- results ---- */

/* What a method says it would compute for the problem of f. */
static double work(const cull_method *m, const fixture *f)
{
    cull_data_problem p = fixture_plain(f);
    cull_plan plan;
    ok(f->cx, cull_data_plan(f->cx, m, NULL, &p, &plan));
    return plan.flops;
}

/* Where much is computed two runs must do: by one thread and by two. */
static void results(void **state)
{
    (void)state;
    EACH(m) for (int f = 0; f < 3; f++)
    {
        fixture *at[] = {work(m, big) > 2e10 ? some : big, small_, one};
        cull_data_problem p[2] = {fixture_plain(at[f]), fixture_full(at[f])};
        bool much = work(m, at[f]) > 1e9;
        for (int full = 0; full < 2; full++) {
            cull_pick a = pick_with(m, &p[full], 1, 1);
            check_valid(m, &p[full], &a);
            CHECK(m, f == 2 || a.n > 10);
            for (int threads = much ? 2 : 1; threads <= (much ? 2 : 4); threads *= 2) {
                cull_pick c = pick_with(m, &p[full], threads, 1);
                CHECK(m, same_pick(&a, &c));
                cull_pick_free(&c);
            }
            if (f < 2 && !much) {
                cull_pick c = pick_with(m, &p[full], 1, 2);
                bool same = a.n == c.n && !memcmp(a.idx, c.idx, (size_t)a.n * sizeof *a.idx);
                CHECK(m, same == !(m->flags & CULL_STOCHASTIC));
                cull_pick_free(&c);
            }
            cull_pick_free(&a);
        }
    }
}

/* Rows that stay and may be kept. */
static int64_t standing(const cull_data_problem *p, const cull_pick *k)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->n; i++) n += k->stands[i] == i && !(p->avoid && p->avoid[i]);
    return n;
}

static void all_of_it(void **state)
{
    (void)state;
    EACH(m)
    {
        cull_data_problem p = fixture_plain(small_);
        int64_t allowed = 0;
        p.budget = 1e12, p.avoid = small_->avoid;
        for (int64_t i = 0; i < p.n; i++) allowed += !p.avoid[i];
        for (int costs = 0; costs < 2; costs++) {
            p.cost = costs ? small_->cost : NULL;
            cull_pick k = pick_with(m, &p, 2, 1);
            check_valid(m, &p, &k);
            CHECK(m, k.n == (k.stands ? standing(&p, &k) : allowed));
            cull_pick_free(&k);
        }
        uint8_t *none = malloc((size_t)p.n); /* nothing is allowed: an empty pick, not a failure */
        memset(none, 1, (size_t)p.n);
        p.avoid = none;
        cull_pick k = pick_with(m, &p, 1, 1);
        CHECK(m, k.n == 0 && k.spent == 0);
        cull_pick_free(&k);
        free(none);
    }
}

/* ---- refusals ---- */

#define REFUSED(call, status, part)                                                                \
    do {                                                                                           \
        k = (cull_pick){.n = 7};                                                                   \
        refused(cx, call, status, part);                                                           \
        CHECK(m, k.n == 0 && !k.idx && !k.mem_);                                                   \
    } while (0)

static void budgets(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_pick k;
    EACH(m)
    {
        static const double bad[] = {0, -1, NAN, INFINITY, -INFINITY};
        cull_data_problem p = fixture_plain(small_);
        for (int i = 0; i < 5; i++) {
            p.budget = bad[i];
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "budget");
        }
        p.budget = 0.5;
        REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "below the cost of any");
        double keep = small_->cost[50];
        static const double bad_cost[] = {0, -2, NAN, INFINITY};
        p.budget = 20, p.cost = small_->cost;
        for (int i = 0; i < 4; i++) {
            small_->cost[50] = bad_cost[i];
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "cost[50]");
        }
        small_->cost[50] = keep;
        p = fixture_full(small_);
        small_->group[7] = GROUPS;
        REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "group[7] is 4");
        small_->group[7] = 0;
        small_->quota[2] = NAN;
        REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "quota[2]");
        p = fixture_full(small_);
        p.group = NULL;
        REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "quotas need groups");
        p = fixture_plain(small_);
        p.n = 0;
        REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "empty");
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void bad_numbers(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_pick k;
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    static const char *const word[] = {"nan", "infinite", "infinite"};
    EACH(m)
    {
        cull_data_problem p = fixture_plain(small_);
        char part[128];
        for (int c = 0; c < small_->cols; c++) {
            char listed[700], name[80];
            snprintf(listed, sizeof listed, ",%s,%s,", m->columns, m->may ? m->may : "");
            snprintf(name, sizeof name, ",%s,", small_->names[c]);
            double keep = small_->col[c][137];
            for (int b = 0; b < 3; b++) {
                small_->col[c][137] = bad[b];
                snprintf(part, sizeof part, "%s[137] is %s", small_->names[c], word[b]);
                if (strstr(listed, name)) {
                    REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, part);
                } else { /* what it does not read is not its business */
                    ok(cx, cull_data_pick(cx, m, NULL, &p, &k));
                    cull_pick_free(&k);
                }
            }
            small_->col[c][137] = keep;
        }
        float *const at[] = {small_->pool_at + 137 * DIM + 5, small_->target_at + 3 * DIM + 11,
                             small_->against_at + 8 * DIM + 2};
        static const char *const place[] = {"memory[137, 5] is", "memory[3, 11] is",
                                            "memory[8, 2] is"};
        unsigned need[] = {CULL_NEEDS_POOL, CULL_NEEDS_POOL | CULL_NEEDS_TARGET,
                           CULL_NEEDS_POOL | CULL_NEEDS_AGAINST};
        for (int t = 0; t < 3; t++) {
            float keep = *at[t];
            for (int b = 0; b < 3; b++) {
                *at[t] = (float)bad[b];
                snprintf(part, sizeof part, "%s %s", place[t], word[b]);
                if ((m->flags & need[t]) == need[t])
                    REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, part);
            }
            *at[t] = keep;
        }
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void missing(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_pick k;
    EACH(m)
    {
        cull_data_problem p = fixture_plain(small_);
        for (const char *c = m->columns; *c;) {
            char name[64], part[128];
            size_t len = strcspn(c, ",");
            snprintf(name, sizeof name, "%.*s", (int)len, c);
            c += len + (c[len] == ',');
            for (int i = 0; i < small_->cols; i++)
                if (!strcmp(small_->names[i], name)) small_->names[i] = "other";
            snprintf(part, sizeof part, "%s needs a score column '%s'", m->slug, name);
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, part);
            for (int i = 0; i < small_->cols; i++) small_->names[i] = small_->name[i];
            p.score.n--;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "score columns have");
            p.score.n++;
        }
        if (m->flags & CULL_NEEDS_POOL) {
            p = fixture_plain(small_);
            p.pool = NULL;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "embeddings of the pool");
            p = fixture_plain(small_);
            p.pool = one->pool;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "1 rows, the pool has");
        }
        if ((m->flags & CULL_NEEDS_POOL) && (m->flags & CULL_NEEDS_TARGET)) {
            p = fixture_plain(small_);
            p.target = NULL;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "target");
            p = fixture_full(small_);
            small_->task[2] = TASKS;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "target_task[2] is 3");
            small_->task[2] = 2;
            cull_pool *narrow;
            ok(cx, cull_pool_from(cx, small_->target_at, CULL_F32, 4, DIM - 1, &narrow));
            p = fixture_plain(small_);
            p.target = narrow;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "one embedding");
            cull_pool_free(narrow);
        }
        if (m->flags & CULL_NEEDS_AGAINST) {
            p = fixture_plain(small_);
            p.against = NULL;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "stay away from");
            cull_pool *narrow;
            ok(cx, cull_pool_from(cx, small_->against_at, CULL_F32, 4, DIM - 1, &narrow));
            p.against = narrow;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "one embedding");
            cull_pool_free(narrow);
        }
        if (m->flags & CULL_NEEDS_TEXT) {
            p = fixture_plain(small_);
            p.text = NULL;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "text");
            p.text = one->text_file.corpus;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "1 rows, the pool has");
        }
        if ((m->flags & CULL_NEEDS_TEXT) && (m->flags & CULL_NEEDS_TARGET)) {
            p = fixture_plain(small_);
            p.target_text = NULL;
            REFUSED(cull_data_pick(cx, m, NULL, &p, &k), CULL_EINPUT, "target");
        }
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- options ---- */

/* The rows of p as shares that sum to 1, for options that say that the embeddings are probabilities. */
static cull_pool *shares_of(cull_ctx *cx, const cull_pool *p, float *x)
{
    int64_t n = cull_pool_n(p);
    cull_pool *out;
    const float *from = cull_pool_rows(p, 0, n, x);
    for (int64_t i = 0; i < n; i++) {
        float sum = 0;
        for (int64_t c = 0; c < DIM; c++) sum += x[i * DIM + c] = fabsf(from[i * DIM + c]);
        for (int64_t c = 0; c < DIM; c++) x[i * DIM + c] /= sum;
    }
    ok(cx, cull_pool_from(cx, x, CULL_F32, n, DIM, &out));
    return out;
}

static void run_option(cull_ctx *cx, const cull_method *m, const char *name, const char *value)
{
    cull_data_problem p[2] = {fixture_plain(small_), fixture_full(small_)};
    float *x = malloc((size_t)p[0].n * DIM * sizeof *x);
    cull_pool *shares = shares_of(cx, p[0].pool, x);
    for (int full = 0; !strcmp(value, "probabilities") && full < 2; full++) p[full].pool = shares;
    cull_opts *o;
    ok(cx, cull_opts_new(cx, m, &o));
    contract_set(cx, m, o, name, value);
    for (int full = 0; full < 2; full++) {
        cull_pick k;
        cull_status s = cull_data_pick(cx, m, o, &p[full], &k);
        if (s != CULL_OK) fail_msg("%s --%s %s: %d, %s", m->slug, name, value, s, cull_error(cx));
        check_kept(m, &p[full], &k, strcmp(name, "estimate") || strcmp(value, "true"));
        cull_pick_free(&k);
    }
    cull_opts_free(o);
    cull_pool_free(shares);
    free(x);
}

static void options(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    EACH(m)
    {
        cull_opts *o;
        ok(cx, cull_opts_new(cx, m, &o));
        contract_options(cx, m, o, run_option);
        EACH(other)
        {
            cull_data_problem p = fixture_plain(small_);
            cull_pick k;
            if (other != m)
                REFUSED(cull_data_pick(cx, other, o, &p, &k), CULL_EINPUT, "the options are those");
        }
        cull_opts_free(o);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- stopping and failing ---- */

static void cancels(void **state)
{
    (void)state;
    EACH(m)
    {
        static const long tick[] = {1, 2, 3, 10, 100};
        cull_data_problem p = fixture_full(small_);
        int stopped = 0;
        for (int i = 0; i < 10; i++) {
            hooks h = {.stop_at = tick[i % 5]};
            cull_ctx *cx = hooked_ctx(&h, 1 + i / 5);
            cull_pick k = {.n = 7};
            cull_status s = cull_data_pick(cx, m, NULL, &p, &k);
            CHECK(m, s == CULL_ECANCEL || (s == CULL_OK && h.ticks < h.stop_at));
            stopped += s == CULL_ECANCEL;
            if (s == CULL_ECANCEL && !(m->flags & CULL_ANYTIME)) {
                CHECK(m, k.n == 0 && !k.mem_);
                CHECK(m, strstr(cull_error(cx), "stopped"));
            }
            cull_pick_free(&k);
            if (s == CULL_ECANCEL) { /* the ctx goes on, and the answer is that of a fresh one */
                cull_pick fresh = pick_with(m, &p, 1, 1);
                h.stop_at = 0;
                ok(cx, cull_data_pick(cx, m, NULL, &p, &k));
                CHECK(m, same_pick(&k, &fresh));
                cull_pick_free(&fresh);
                cull_pick_free(&k);
            }
            cull_ctx_free(cx);
            CHECK(m, h.live == 0);
        }
        CHECK(m, stopped > 0);
    }
}

static void no_memory(void **state)
{
    (void)state;
    EACH(m)
    {
        cull_data_problem p = fixture_full(small_);
        cull_pick want = pick_with(m, &p, 1, 1);
        for (long at = 1;; at = at < EACH_FAILS ? at + 1 : 2 * at) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1 + (int)(at % 2));
            h.calls = 0, h.fail_at = at;
            cull_pick k = {.n = 7};
            cull_status s = cull_data_pick(cx, m, NULL, &p, &k);
            if (s == CULL_OK) CHECK(m, h.calls < at && same_pick(&k, &want));
            if (s != CULL_OK) {
                CHECK(m, s == CULL_ENOMEM && k.n == 0 && !k.mem_);
                CHECK(m, strstr(cull_error(cx), "out of memory"));
                ok(cx, cull_data_pick(cx, m, NULL, &p, &k));
                CHECK(m, same_pick(&k, &want));
            }
            cull_pick_free(&k);
            cull_ctx_free(cx);
            CHECK(m, h.live == 0);
            if (s == CULL_OK) break;
        }
        cull_pick_free(&want);
    }
}

/* ---- plans ---- */

/* A plan is right to a tenth and the blocks of arenas that are not full (64 KiB each: the caller's, and of a worker the
 * last and the one begun behind it). With two threads it is a bound only: whether both hold a block at one time is the
 * scheduler's choice. */
static void plan_holds(const cull_method *m, const cull_data_problem *p, int threads)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = threads;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_opts *set;
    cull_plan plan = {.bytes = 7};
    cull_pick k;
    ok(cx, cull_opts_new(cx, m, &set));
    for (const cull_opt *r = m->opts; r->name; r++) /* a number of clusters must be given */
        if (!strcmp(r->name, "clusters")) ok(cx, cull_opts_set(cx, set, "clusters", "64"));
    ok(cx, cull_data_plan(cx, m, set, p, &plan));
    assert_true(cull_ctx_peak(cx) < 4096);
    ok(cx, cull_data_pick(cx, m, set, p, &k));
    double peak = (double)cull_ctx_peak(cx), said = (double)plan.bytes,
           slack = (1 + 2 * threads) * 65536.0;
    bool over = threads == 1 && said > 1.1 * peak + slack;
    if (plan.bytes && (over || 1.1 * said + slack < peak))
        fail_msg("%s: n %d, %d threads%s: the plan said %.0f bytes, the run took %.0f", m->slug,
                 (int)p->n, threads, p->cost ? ", with costs" : "", said, peak);
    CHECK(m, !m->plan.data || plan.bytes || (m->flags & CULL_NEEDS_TEXT));
    CHECK(m, plan.passes >= 0 && plan.flops >= 0);
    cull_pick_free(&k);
    cull_opts_free(set);
    cull_ctx_free(cx);
}

/* Work that grows with the square of the pool is tried on smaller ones. */
static void plans(void **state)
{
    (void)state;
    for (int size = 0; size < SIZES; size++) {
        fixture *large = fixture_new(size ? 200000 : 70000),
                *less = fixture_new(size ? 11000 : 5000);
        EACH(m) for (int full = 0; full < 2; full++)
        {
            fixture *f = work(m, large) > (size ? 4e10 : 2e10) ? less : large;
            cull_data_problem p = full ? fixture_full(f) : fixture_plain(f);
            p.budget *= full ? 0.1 : 0.3; /* greedy work grows with its square */
            plan_holds(m, &p, 1 + (full ^ size));
        }
        fixture_free(large), fixture_free(less);
    }
}

static int set_up(void **state)
{
    (void)state;
    big = fixture_new(BIG);
    some = fixture_new(BIG / 4);
    small_ = fixture_new(300);
    one = fixture_new(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_free(big), fixture_free(some), fixture_free(small_), fixture_free(one);
    return 0;
}

int main(int argc, char **argv)
{
    if (!contract_start(CULL_TASK_DATA, argc, argv)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor), cmocka_unit_test(results),     cmocka_unit_test(all_of_it),
        cmocka_unit_test(budgets),    cmocka_unit_test(bad_numbers), cmocka_unit_test(missing),
        cmocka_unit_test(options),    cmocka_unit_test(cancels),     cmocka_unit_test(no_memory),
        cmocka_unit_test(plans),
    };
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    cmocka_set_skip_filter("plans"); /* bytes held: none of their matters, and the slowest */
#endif
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
