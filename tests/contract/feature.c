/* feature: what every method of task feature keeps, checked on all that are registered. A method is
 * covered the day its file appears. */
#include "columns.h"
#include "contract.h"

#define EACH(m) EACH_OF(CULL_TASK_FEATURE, m)
/* Whatever a method can predict: numbers (1), classes (0); what it does not read is the classes. */
#define EACH_TARGET(m, numbers)                                                                    \
    for (int numbers = 0;                                                                          \
         numbers < 1 + (((m)->flags & CULL_NEEDS_Y) && !((m)->flags & CULL_NEEDS_CLASSES));        \
         numbers++)

/* Sanitizers find on few rows what they find on many, ten times as slowly. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { BIG = 260, BIG_COLUMNS = 15, SMALL = 40, PLANNED = 700, PLANNED_COLUMNS = 20 };
#else
enum { BIG = 1500, BIG_COLUMNS = 40, SMALL = 60, PLANNED = 12000, PLANNED_COLUMNS = 60 };
#endif
enum { SMALL_COLUMNS = 12 };
static const double MUCH = 5e7; /* operations of one run of an option */

static columns *small_of(const cull_method *m)
{
    return columns_new(SMALL, SMALL_COLUMNS, m->flags);
}

/* The options by which the method is run: what trains for many rounds by default does few. */
static cull_opts *light(cull_ctx *cx, const cull_method *m)
{
    static const struct {
        const char *name;
        double value;
    } few[] = {{"epochs", 1}, {"fix", 1},    {"fade", 1}, {"drop", 1},  {"patience", 1},
               {"anneal", 3}, {"hidden", 8}, {"dim", 4},  {"grow", 20}, {"rounds", 30}};
    cull_opts *o;
    ok(cx, cull_opts_new(cx, m, &o));
    for (const cull_opt *r = m->opts; r->name; r++)
        for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
            char buf[32];
            if (r->kind != CULL_KIND_I64 || strcmp(r->name, few[i].name)) continue;
            cull__format_f64(fmin(r->def, fmax(r->lo, few[i].value)), buf);
            ok(cx, cull_opts_set(cx, o, r->name, buf));
        }
    return o;
}

static cull_status select_by(cull_ctx *cx, const cull_method *m, const cull_feature_problem *p,
                             cull_feature_pick *k)
{
    cull_ctx *own = cull_ctx_new(NULL);
    cull_opts *o = light(own, m);
    cull_status s = cull_feature_select(cx, m, o, p, k);
    cull_opts_free(o);
    cull_ctx_free(own);
    return s;
}

static cull_status plan_by(cull_ctx *cx, const cull_method *m, const cull_feature_problem *p,
                           cull_plan *out)
{
    cull_ctx *own = cull_ctx_new(NULL);
    cull_opts *o = light(own, m);
    cull_status s = cull_feature_plan(cx, m, o, p, out);
    cull_opts_free(o);
    cull_ctx_free(own);
    return s;
}

static cull_feature_pick pick_with(const cull_method *m, const cull_feature_problem *p, int threads,
                                   uint64_t seed)
{
    static hooks h; /* the pick goes back by them, later */
    h = (hooks){0};
    cull_ctx *cx = hooked_ctx(&h, threads);
    cull_feature_pick k;
    cull_ctx_reseed(cx, seed);
    ok(cx, select_by(cx, m, p, &k));
    cull_ctx_free(cx);
    /* the pick outlives the ctx */
    assert_int_equal(h.live, 2);
    return k;
}

static void descriptor(void **state)
{
    (void)state;
    EACH(m)
    {
        contract_descriptor(m);
        CHECK(m, m->run.feature && !*m->columns && !m->may);
        unsigned other = CULL_NEEDS_POOL | CULL_NEEDS_TARGET | CULL_NEEDS_TEXT |
                         CULL_NEEDS_AGAINST | CULL_FINDS_COPIES;
        CHECK(m, !(m->flags & other));
        CHECK(m, !(m->flags & CULL_NEEDS_CLASSES) || (m->flags & CULL_NEEDS_Y));
    }
}

/* ---- results ---- */

static double work(const cull_method *m, const columns *f)
{
    cull_feature_problem p = columns_plain(f, false);
    cull_plan plan;
    ok(f->cx, plan_by(f->cx, m, &p, &plan));
    return plan.flops;
}

/* By any number of threads the same; by another seed, too, unless the method draws. */
static void results(void **state)
{
    (void)state;
    EACH(m) for (int size = 0; size < 2; size++)
    {
        columns *f = size ? columns_new(BIG, BIG_COLUMNS, m->flags) : small_of(m);
        if (size && work(m, f) > 5e9) { /* a quarter of it shows the same */
            columns_free(f);
            f = columns_new(BIG / 3, BIG_COLUMNS / 2, m->flags);
        }
        bool much = work(m, f) > 1e9;
        EACH_TARGET(m, numbers) for (int full = 0; full < 2; full++)
        {
            cull_feature_problem p = full ? columns_full(f, numbers) : columns_plain(f, numbers);
            cull_feature_pick a = pick_with(m, &p, 1, 1);
            columns_valid(m, &p, &a);
            CHECK(m, a.pick.n > 0 || (m->flags & CULL_OWN_NUMBER)); /* none may be its answer */
            for (int threads = much ? 2 : 1; threads <= (much ? 2 : 4); threads *= 2) {
                cull_feature_pick c = pick_with(m, &p, threads, 1);
                CHECK(m, columns_same(&a, &c));
                cull_feature_pick_free(&c);
            }
            if (!much) {
                cull_feature_pick c = pick_with(m, &p, 1, 2);
                CHECK(m, columns_same(&a, &c) == !(m->flags & CULL_STOCHASTIC));
                cull_feature_pick_free(&c);
            }
            cull_feature_pick_free(&a);
        }
        columns_free(f);
    }
}

/* Values of a column to avoid are not read: neither what is missing nor anything else changes an answer. */
static void avoided(void **state)
{
    (void)state;
    EACH(m)
    {
        columns *f = small_of(m);
        cull_feature_problem p = columns_plain(f, false);
        p.avoid = f->avoid;
        f->avoid[COPY] = f->avoid[GAPS] = 1;
        cull_feature_pick a = pick_with(m, &p, 1, 1);
        columns_valid(m, &p, &a);
        for (int64_t i = 0; i < f->n; i++) {
            f->at[i * f->d + COPY] = (float)(i % 3);
            f->at[i * f->d + GAPS] = i % 4 ? NAN : -7e30f;
        }
        cull_feature_pick b = pick_with(m, &p, 1, 1);
        CHECK(m, columns_same(&a, &b));
        cull_feature_pick_free(&a);
        cull_feature_pick_free(&b);
        columns_free(f);
    }
}

/* The same numbers as f64, which no pool hands out as they lie. */
static void converted(void **state)
{
    (void)state;
    EACH(m)
    {
        columns *f = small_of(m);
        double *x = malloc((size_t)(f->n * f->d) * sizeof *x);
        cull_feature_problem p = columns_full(f, false);
        cull_feature_pick a = pick_with(m, &p, 1, 1);
        cull_pool *other;
        for (int64_t i = 0; i < f->n * f->d; i++) x[i] = (double)f->at[i];
        ok(f->cx, cull_pool_from(f->cx, x, CULL_F64, f->n, f->d, &other));
        p.x = other;
        cull_feature_pick b = pick_with(m, &p, 2, 1);
        CHECK(m, columns_same(&a, &b));
        cull_feature_pick_free(&a);
        cull_feature_pick_free(&b);
        cull_pool_free(other);
        columns_free(f);
        free(x);
    }
}

/* A budget for all of them: what has a score is kept. No column is allowed: an empty pick, no failure. */
static void all_of_it(void **state)
{
    (void)state;
    EACH(m)
    {
        columns *f = small_of(m);
        cull_feature_problem p = columns_full(f, false);
        p.budget = 1e12;
        cull_feature_pick k = pick_with(m, &p, 2, 1);
        columns_valid(m, &p, &k);
        cull_feature_pick_free(&k);
        if (m->flags & CULL_OWN_NUMBER) {
            p.budget = INFINITY;
            k = pick_with(m, &p, 1, 1);
            columns_valid(m, &p, &k);
            cull_feature_pick_free(&k);
        }
        memset(f->avoid, 1, (size_t)f->d);
        k = pick_with(m, &p, 1, 1);
        CHECK(m, k.pick.n == 0 && k.pick.spent == 0);
        cull_feature_pick_free(&k);
        columns_free(f);
    }
}

/* ---- refusals ---- */

#define REFUSED(status, part)                                                                      \
    do {                                                                                           \
        k = (cull_feature_pick){.d = 7};                                                           \
        refused(cx, select_by(cx, m, &p, &k), status, part);                                       \
        CHECK(m, k.d == 0 && !k.score && !k.pick.mem_);                                            \
    } while (0)

static void limits(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_feature_pick k;
    EACH(m)
    {
        static const double bad[] = {0, -1, NAN, -INFINITY}, bad_cost[] = {0, -2, NAN, INFINITY};
        columns *f = small_of(m);
        cull_feature_problem p = columns_full(f, false);
        for (int i = 0; i < 4; i++) {
            p.budget = bad[i];
            REFUSED(CULL_EINPUT, "budget");
        }
        p.budget = 0.5;
        REFUSED(CULL_EINPUT, "below the cost of any");
        p.budget = INFINITY;
        if (!(m->flags & CULL_OWN_NUMBER)) REFUSED(CULL_EINPUT, "how many to keep");
        p = columns_full(f, false);
        double keep = f->cost[5];
        for (int i = 0; i < 4; i++) {
            f->cost[5] = bad_cost[i];
            REFUSED(CULL_EINPUT, "the cost of column col5");
        }
        f->cost[5] = keep;
        f->group[7] = COLUMN_GROUPS;
        REFUSED(CULL_EINPUT, "group[7] is 7");
        f->group[7] = 0;
        p.groups = 0;
        REFUSED(CULL_EINPUT, "their number is 0");
        p = columns_full(f, false);
        p.n = 0;
        REFUSED(CULL_EINPUT, "no rows");
        p.n = f->n, p.d = 0;
        REFUSED(CULL_EINPUT, "no columns");
        p.d = f->d - 1;
        REFUSED(CULL_EINPUT, "rows of 11 numbers");
        columns_free(f);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void bad_values(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_feature_pick k;
    EACH(m)
    {
        columns *f = small_of(m);
        cull_feature_problem p = columns_full(f, false);
        float *at = f->at + 29 * f->d + STRONG, keep = *at;
        *at = INFINITY;
        REFUSED(CULL_EINPUT, "column col0 of row 29 is infinite");
        *at = -INFINITY;
        REFUSED(CULL_EINPUT, "column col0 of row 29 is infinite");
        *at = NAN;
        if (m->flags & CULL_TAKES_MISSING) {
            ok(cx, select_by(cx, m, &p, &k));
            columns_valid(m, &p, &k);
            cull_feature_pick_free(&k);
        } else {
            REFUSED(CULL_EINPUT, "row 29 has no value in column col0");
        }
        *at = keep;
        at = f->at + 31 * f->d + KIND, keep = *at;
        static const float bad[] = {3, -1, 0.5f};
        f->levels[KIND] = 3;
        for (int i = 0; i < 3; i++) {
            *at = bad[i];
            REFUSED(CULL_EINPUT, m->flags & CULL_TAKES_CATEGORIES ? "column col2 of row 31"
                                                                  : "column col2 is categorical");
        }
        *at = keep;
        f->levels[KIND] = -1;
        REFUSED(CULL_EINPUT, "column col2 has -1 levels");
        columns_free(f);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void targets(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_feature_pick k;
    EACH(m)
    {
        columns *f = small_of(m);
        cull_feature_problem p = columns_plain(f, false);
        p.y = NULL, p.classes = 0;
        if (!(m->flags & CULL_NEEDS_Y)) { /* what it does not read is not its business */
            cull_feature_pick a = pick_with(m, &p, 1, 1);
            p = columns_plain(f, true);
            cull_feature_pick b = pick_with(m, &p, 1, 1);
            CHECK(m, columns_same(&a, &b));
            cull_feature_pick_free(&a);
            cull_feature_pick_free(&b);
            columns_free(f);
            continue;
        }
        REFUSED(CULL_EINPUT, "needs what is to be predicted");
        p = columns_plain(f, true);
        if (m->flags & CULL_NEEDS_CLASSES) REFUSED(CULL_EINPUT, "needs classes");
        static const double bad[] = {COLUMN_CLASSES, -1, 0.5, NAN, INFINITY};
        p = columns_plain(f, false);
        for (int i = 0; i < 5; i++) {
            double keep = f->classes[17];
            f->classes[17] = bad[i];
            REFUSED(CULL_EINPUT, "the class of row 17 is");
            f->classes[17] = keep;
        }
        for (int64_t i = 0; i < f->n; i++) f->classes[i] = 1;
        REFUSED(CULL_EINPUT, "of one class");
        EACH_TARGET(m, numbers)
        {
            if (!numbers) continue;
            p = columns_plain(f, true);
            double keep = f->numbers[9];
            f->numbers[9] = NAN;
            REFUSED(CULL_EINPUT, "the target of row 9 is missing");
            f->numbers[9] = INFINITY;
            REFUSED(CULL_EINPUT, "the target of row 9 is infinite");
            f->numbers[9] = keep;
            for (int64_t i = 0; i < f->n; i++) f->numbers[i] = 2.5;
            REFUSED(CULL_EINPUT, "the target is 2.5 in all rows");
        }
        columns_free(f);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- options ---- */

static void run_option(cull_ctx *cx, const cull_method *m, const char *name, const char *value)
{
    columns *f = small_of(m);
    cull_opts *o;
    const cull_opt *r = m->opts;
    o = light(cx, m);
    contract_set(cx, m, o, name, value);
    while (strcmp(r->name, name)) r++;
    EACH_TARGET(m, numbers)
    {
        cull_feature_problem p = columns_full(f, numbers);
        cull_feature_pick k;
        cull_plan plan;
        ok(cx, cull_feature_plan(cx, m, o, &p, &plan));
        if (plan.flops > MUCH) continue; /* a bound that asks for hours is set, not run */
        cull_status s = cull_feature_select(cx, m, o, &p, &k);
        /* a choice may be for classes only, and says so by its name */
        if (s == CULL_EINPUT && numbers && r->kind == CULL_KIND_ENUM &&
            strstr(cull_error(cx), value) && strstr(cull_error(cx), "needs classes"))
            continue;
        /* so may a number that the rows cannot meet: "100 folds" of 60 */
        if (s == CULL_EINPUT && r->kind == CULL_KIND_I64 && strstr(cull_error(cx), name) &&
            strstr(cull_error(cx), value))
            continue;
        if (s != CULL_OK) fail_msg("%s --%s %s: %d, %s", m->slug, name, value, s, cull_error(cx));
        columns_valid(m, &p, &k);
        cull_feature_pick_free(&k);
    }
    cull_opts_free(o);
    columns_free(f);
}

static void options(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    EACH(m)
    {
        cull_opts *o;
        cull_feature_pick k;
        columns *f = small_of(m);
        cull_feature_problem p = columns_plain(f, false);
        const cull_method *other = cull_method_at(0); /* of task data */
        ok(cx, cull_opts_new(cx, m, &o));
        contract_options(cx, m, o, run_option);
        cull_opts_free(o);
        ok(cx, cull_opts_new(cx, other, &o));
        refused(cx, cull_feature_select(cx, m, o, &p, &k), CULL_EINPUT, "the options are those");
        refused(cx, cull_feature_select(cx, other, o, &p, &k), CULL_EINPUT, "is of task data");
        cull_opts_free(o);
        columns_free(f);
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
        columns *f = small_of(m);
        cull_feature_problem p = columns_full(f, false);
        cull_feature_pick want = pick_with(m, &p, 1, 1);
        int stopped = 0;
        for (int i = 0; i < 10; i++) {
            hooks h = {.stop_at = tick[i % 5]};
            cull_ctx *cx = hooked_ctx(&h, 1 + i / 5);
            cull_feature_pick k = {.d = 7};
            cull_status s = select_by(cx, m, &p, &k);
            CHECK(m, s == CULL_ECANCEL || (s == CULL_OK && h.ticks < h.stop_at));
            stopped += s == CULL_ECANCEL;
            if (s == CULL_ECANCEL) {
                bool none = k.d == 0 && !k.pick.mem_;
                CHECK(m, none || (m->flags & CULL_ANYTIME));
                CHECK(m, strstr(cull_error(cx), "stopped"));
                cull_feature_pick_free(&k);
                h.stop_at = 0; /* the ctx goes on, and the answer is that of a fresh one */
                ok(cx, select_by(cx, m, &p, &k));
            }
            CHECK(m, columns_same(&k, &want));
            cull_feature_pick_free(&k);
            cull_ctx_free(cx);
            CHECK(m, h.live == 0);
        }
        CHECK(m, stopped > 0);
        cull_feature_pick_free(&want);
        columns_free(f);
    }
}

/* Run again after some of the failures only: there are methods that train. */
static void no_memory(void **state)
{
    (void)state;
    EACH(m)
    {
        columns *f = small_of(m);
        cull_feature_problem p = columns_full(f, false);
        cull_feature_pick want = pick_with(m, &p, 1, 1);
        for (long at = 1;; at = at < 200 ? at + 1 : 2 * at) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1 + (int)(at % 2));
            h.calls = 0, h.fail_at = at;
            cull_feature_pick k = {.d = 7};
            cull_status s = select_by(cx, m, &p, &k);
            if (s == CULL_OK) CHECK(m, h.calls < at && columns_same(&k, &want));
            if (s != CULL_OK) {
                CHECK(m, s == CULL_ENOMEM && k.d == 0 && !k.pick.mem_);
                CHECK(m, strstr(cull_error(cx), "out of memory"));
            }
            if (s != CULL_OK && (at & (at - 1)) == 0) {
                ok(cx, select_by(cx, m, &p, &k));
                CHECK(m, columns_same(&k, &want));
            }
            cull_feature_pick_free(&k);
            cull_ctx_free(cx);
            CHECK(m, h.live == 0);
            if (s == CULL_OK) break;
        }
        cull_feature_pick_free(&want);
        columns_free(f);
    }
}

/* ---- plans ---- */

/* A plan is right to a tenth and one block of the arena (64 KiB a worker and the caller). With two
 * threads it is a bound only: whether both hold a block at one time is the scheduler's choice. */
static void plan_holds(const cull_method *m, const cull_feature_problem *p, int threads)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = threads;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_plan plan = {.bytes = 7};
    cull_feature_pick k;
    ok(cx, plan_by(cx, m, p, &plan));
    assert_true(cull_ctx_peak(cx) < 4096);
    ok(cx, select_by(cx, m, p, &k));
    double peak = (double)cull_ctx_peak(cx), said = (double)plan.bytes, block = 65536;
    bool over = threads == 1 && said > 1.1 * peak + 3 * block;
    if (plan.bytes && (over || 1.1 * said + 3 * block < peak))
        fail_msg("%s: %d rows, %d columns, %d threads: the plan said %.0f bytes, the run took %.0f",
                 m->slug, (int)p->n, (int)p->d, threads, said, peak);
    CHECK(m, !m->plan.feature || plan.bytes || plan.flops > 0); /* bytes 0 = not known */
    CHECK(m, plan.passes >= 0 && plan.flops >= 0);
    cull_feature_pick_free(&k);
    cull_ctx_free(cx);
}

/* Much work is tried on fewer rows. */
static void plans(void **state)
{
    (void)state;
    EACH(m)
    {
        columns *f = columns_new(PLANNED, PLANNED_COLUMNS, m->flags);
        if (work(m, f) > 1e10) {
            columns_free(f);
            f = columns_new(BIG / 2, BIG_COLUMNS / 2, m->flags);
        }
        for (int full = 0; full < 2; full++) {
            cull_feature_problem p = full ? columns_full(f, false) : columns_plain(f, false);
            plan_holds(m, &p, 1 + full);
        }
        columns_free(f);
    }
}

int main(int argc, char **argv)
{
    if (!contract_start(CULL_TASK_FEATURE, argc, argv)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor), cmocka_unit_test(results),   cmocka_unit_test(avoided),
        cmocka_unit_test(converted),  cmocka_unit_test(all_of_it), cmocka_unit_test(limits),
        cmocka_unit_test(bad_values), cmocka_unit_test(targets),   cmocka_unit_test(options),
        cmocka_unit_test(cancels),    cmocka_unit_test(no_memory), cmocka_unit_test(plans),
    };
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    cmocka_set_skip_filter("plans"); /* bytes held: none of their matters, and the slowest */
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
