/* samplers: what every method of task search that needs no model keeps, on a space with a parameter
 * of every kind: valid points, no point twice, the same for any way of getting there, memory
 * failing. */
#include "test.h"

#include "cull/search.h"

static const char *const methods[] = {
    "quasi-random", "grid",  "local-search", "annealing", "regularized-evolution",
    "nsga2",        "nsga3", "ant-colony",   "uct",       "reinforce"};
enum { METHODS = sizeof methods / sizeof *methods };

static const char rich[] =
    "lr = real(1e-5, 0.1, log)\n"
    "opt = or { sgd { momentum = real(0, 0.99) } adam { beta = ordinal(1, 2, 5) } }\n"
    "block = repeat(1..3) { width = int(16, 256, log) act = one(relu, gelu) }\n"
    "warmup = optional { steps = int(10, 1000, step=10) }\n"
    "order = permutation(crop, flip, blur)\n"
    "keep = subset(2..4 of 6)\n"
    "mix = simplex(a, b, c)\n"
    "batch = ordinal(16, 32, 64, 128) if opt == sgd\n"
    "forbid opt == adam and lr > 0.01\n";
static const char small[] = "a = one(x, y, z)\nb = int(0, 3)\nc = optional { d = one(p, q) }\n"
                            "forbid a == x and b > 2\n";

static cull_space *space_of(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "test", &s));
    return s;
}

/* Some function of all numbers of a point, larger on every objective for other reasons. */
static void values(const double *x, int64_t width, int m, double *v)
{
    for (int j = 0; j < m; j++) {
        v[j] = 0;
        for (int64_t i = 0; i < width; i++)
            if (!isnan(x[i]))
                v[j] += fabs(sin((double)(i + 3 * j + 1) * 2.385 + x[i])) / (1 + fabs(x[i]));
    }
}

typedef struct {
    cull_study *s;
    int64_t pending[8];
    int running, workers;
    cull_space *space;
    int objectives;
} driver;

static void answer(cull_ctx *cx, driver *d)
{
    double v[3];
    cull_trial t;
    int64_t k = d->pending[0];
    memmove(d->pending, d->pending + 1, (size_t)--d->running * sizeof k);
    ok(cx, cull_study_trial(d->s, k, &t));
    values(t.x, cull_space_width(d->space), d->objectives, v);
    cull_outcome o = {.state = k % 7 == 3 ? CULL_TRIAL_FAILED : CULL_TRIAL_DONE, .value = v};
    ok(cx, cull_study_tell(d->s, k, &o));
}

static void drive(cull_ctx *cx, driver *d, int64_t until)
{
    cull_trial t;
    while (cull_study_trials(d->s) < until) {
        cull_status r = cull_study_ask(d->s, &t);
        if (r == CULL_ENODATA) break;
        ok(cx, r);
        ok(cx, cull_space_check(cx, d->space, t.x));
        d->pending[d->running++] = t.number;
        if (d->running == d->workers) answer(cx, d);
    }
}

static cull_search_problem problem(cull_space *s, int m)
{
    static const cull_objective o[3] = {{"error", false}, {"size", true}, {"time", false}};
    return (cull_search_problem){.space = s, .objectives = m, .objective = o};
}

static int takes(const cull_method *m)
{
    return !strcmp(m->slug, "nsga3") ? 3 : m->flags & CULL_MANY_OBJECTIVES ? 2 : 1;
}

static uint64_t told(cull_ctx *cx, cull_study *s, int64_t width)
{
    uint64_t h = 0;
    cull_trial t;
    for (int64_t i = 0; i < cull_study_trials(s); i++) {
        ok(cx, cull_study_trial(s, i, &t));
        for (int64_t j = 0; j < width; j++) {
            uint64_t w;
            memcpy(&w, &t.x[j], 8);
            h = (h ^ (isnan(t.x[j]) ? 0 : w)) * 0x9E3779B97F4A7C15u;
            h ^= h >> 29;
        }
    }
    return h;
}

/* Every point valid; 1 and 4 workers; the same again with the same seed, others with another. */
static void every_kind_of_parameter(void **state)
{
    (void)state;
    for (int k = 0; k < METHODS; k++) {
        uint64_t h[3];
        const cull_method *m = cull_method_find(methods[k], NULL);
        assert_non_null(m);
        for (int run = 0; run < 4; run++) {
            hooks hook = {0};
            cull_ctx *cx = hooked_ctx(&hook, 1);
            cull_ctx_reseed(cx, run == 2 ? 5 : 4);
            cull_space *sp = space_of(cx, rich);
            cull_search_problem p = problem(sp, takes(m));
            driver d = {.workers = run == 3 ? 4 : 1, .space = sp, .objectives = takes(m)};
            ok(cx, cull_study_open(cx, &p, m, NULL, NULL, &d.s));
            drive(cx, &d, 300);
            CHECK(m, cull_study_trials(d.s) == 300);
            if (run < 3) h[run] = told(cx, d.s, cull_space_width(sp));
            cull_study_free(d.s);
            cull_space_free(sp);
            cull_ctx_free(cx);
            assert_int_equal(hook.live, 0);
        }
        CHECK(m, h[0] == h[1]);
        CHECK(m, h[0] != h[2]);
    }
}

/* A space of 33 points is gone through whole, each once. */
static void all_of_a_small_space(void **state)
{
    (void)state;
    for (int k = 0; k < METHODS; k++) {
        hooks hook = {0};
        cull_ctx *cx = hooked_ctx(&hook, 1);
        const cull_method *m = cull_method_find(methods[k], NULL);
        cull_space *sp = space_of(cx, small);
        int64_t n = 3 * 4 * 3 - 3;
        cull_search_problem p = problem(sp, takes(m));
        driver d = {.workers = 3, .space = sp, .objectives = takes(m)};
        ok(cx, cull_study_open(cx, &p, m, NULL, NULL, &d.s));
        drive(cx, &d, 1000);
        CHECK(m, cull_study_trials(d.s) == n);
        cull_study_free(d.s);
        cull_space_free(sp);
        cull_ctx_free(cx);
        assert_int_equal(hook.live, 0);
    }
}

/* The state is a function of the events: a study whose trials are those of another, by the queue,
 * goes on as that. */
static void state_is_of_events(void **state)
{
    (void)state;
    for (int k = 0; k < METHODS; k++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        const cull_method *m = cull_method_find(methods[k], NULL);
        cull_space *sp = space_of(cx, rich);
        int64_t width = cull_space_width(sp);
        cull_search_problem p = problem(sp, takes(m));
        driver a = {.workers = 3, .space = sp, .objectives = takes(m)}, b = a;
        ok(cx, cull_study_open(cx, &p, m, NULL, NULL, &a.s));
        ok(cx, cull_study_open(cx, &p, m, NULL, NULL, &b.s));
        drive(cx, &a, 120);
        cull_trial t, u;
        for (int64_t i = 0; i < 120; i++) {
            ok(cx, cull_study_trial(a.s, i, &t));
            ok(cx, cull_study_enqueue(b.s, t.x));
        }
        drive(cx, &b, 120);
        drive(cx, &a, 160);
        drive(cx, &b, 160);
        for (int64_t i = 120; i < 160; i++) {
            ok(cx, cull_study_trial(a.s, i, &t));
            ok(cx, cull_study_trial(b.s, i, &u));
            for (int64_t j = 0; j < width; j++)
                CHECK(m, t.x[j] == u.x[j] || (isnan(t.x[j]) && isnan(u.x[j])));
        }
        cull_study_free(a.s);
        cull_study_free(b.s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
}

/* An ask or a tell that fails for lack of memory leaves the study as it was, or is made good later.
 * */
static void memory_fails(void **state)
{
    (void)state;
    for (int k = 0; k < METHODS; k++) {
        const cull_method *m = cull_method_find(methods[k], NULL);
        uint64_t whole = 0;
        for (long at = 0, over = 0; !over; at += at < 40 ? 1 : 7) {
            hooks hook = {0};
            cull_ctx *cx = hooked_ctx(&hook, 1);
            cull_space *sp = space_of(cx, small);
            cull_search_problem p = problem(sp, takes(m));
            cull_opts *o;
            cull_study *s = NULL;
            ok(cx, cull_opts_new(cx, m, &o));
            if (takes(m) > 1 && strstr(m->slug, "nsga"))
                ok(cx, cull_opts_set(cx, o, "population", "4"));
            long before = hook.calls;
            hook.fail_at = at ? before + at : 0;
            int failures = 0;
            cull_status r = cull_study_open(cx, &p, m, o, NULL, &s);
            if (r == CULL_ENOMEM) {
                failures++, hook.fail_at = 0;
                ok(cx, cull_study_open(cx, &p, m, o, NULL, &s));
            } else {
                ok(cx, r);
            }
            for (int i = 0; i < 16; i++) {
                cull_trial t;
                while ((r = cull_study_ask(s, &t)) == CULL_ENOMEM && failures++ < 3)
                    hook.fail_at = 0;
                ok(cx, r);
                double v[3];
                values(t.x, cull_space_width(sp), takes(m), v);
                cull_outcome out = {.value = v, .state = CULL_TRIAL_DONE};
                while ((r = cull_study_tell(s, t.number, &out)) == CULL_ENOMEM && failures++ < 3)
                    hook.fail_at = 0;
                ok(cx, r);
            }
            uint64_t h = told(cx, s, cull_space_width(sp));
            if (at == 0) whole = h;
            CHECK(m, h == whole);
            over = at > 0 && hook.calls < before + at;
            cull_study_free(s);
            cull_opts_free(o);
            cull_space_free(sp);
            cull_ctx_free(cx);
            assert_int_equal(hook.live, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_parameter), cmocka_unit_test(all_of_a_small_space),
        cmocka_unit_test(state_is_of_events), cmocka_unit_test(memory_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
