/* study: asked and told in any order, budgets, duplicates, replicates, retries, the queue, failing memory. */
#include "test.h"

#include "base/base.h"
#include "cull/search.h"
#include "search/sampler.h"
#include "search/study.h"

static cull_space *space_of(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "test", &s));
    return s;
}

static const cull_objective one_error = {.name = "error"};
#define PROBLEM(space_)                                                                            \
    {                                                                                              \
        .space = (space_), .objectives = 1, .objective = &one_error                                \
    }

static cull_study *open_(cull_ctx *cx, const cull_search_problem *p)
{
    cull_study *s;
    ok(cx, cull_study_open(cx, p, cull_method_find("random-search", NULL), NULL, NULL, &s));
    return s;
}

static void loop(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, "a = int(0, 4)\nb = one(x, y)\n");
    cull_search_problem p = PROBLEM(sp);
    cull_study *s = open_(cx, &p);
    cull_trial t;
    int n = 0;
    bool seen[5][2] = {{0}};
    while (!cull_study_done(s)) {
        ok(cx, cull_study_ask(s, &t));
        assert_int_equal(t.number, n++);
        bool *hit = &seen[(int)t.x[0]][(int)t.x[1]];
        assert_false(*hit);
        *hit = true;
        double v = (t.x[0] - 3) * (t.x[0] - 3) + t.x[1];
        ok(cx,
           cull_study_tell(s, t.number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}));
    }
    assert_int_equal(n, 10);
    refused(cx, cull_study_ask(s, &t), CULL_ENODATA, "every point");
    int64_t idx[10], k;
    ok(cx, cull_study_best(s, idx, &k));
    assert_int_equal(k, 1);
    ok(cx, cull_study_trial(s, idx[0], &t));
    assert_true(t.x[0] == 3 && t.x[1] == 0 && t.value[0] == 0);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static cull_trial ask(cull_ctx *cx, cull_study *s)
{
    cull_trial t;
    ok(cx, cull_study_ask(s, &t));
    return t;
}

static cull_trial trial(cull_ctx *cx, cull_study *s, int64_t number)
{
    cull_trial t;
    ok(cx, cull_study_trial(s, number, &t));
    return t;
}

static cull_status tell(cull_study *s, int64_t number, double v)
{
    return cull_study_tell(s, number,
                           &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v, .cost = 2});
}

static cull_status crash(cull_study *s, int64_t number)
{
    return cull_study_tell(s, number, &(cull_outcome){.state = CULL_TRIAL_FAILED});
}

static int64_t only_best(cull_ctx *cx, cull_study *s)
{
    int64_t idx[64], n;
    ok(cx, cull_study_best(s, idx, &n));
    assert_int_equal(n, 1);
    return idx[0];
}

static const char WIDE[] = "a = int(0, 100000)\nb = real(0, 1)\n";

static void budgets(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, WIDE);
    cull_search_problem p = PROBLEM(sp);
    cull_trial t;
    p.trials = 3;
    cull_study *s = open_(cx, &p);
    for (int i = 0; i < 3; i++) {
        assert_false(cull_study_done(s));
        ask(cx, s);
    }
    assert_true(cull_study_done(s)); /* all three run, and may be told, in any order */
    refused(cx, cull_study_ask(s, &t), CULL_ENODATA, "budget is spent");
    for (int i = 2; i >= 0; i--) ok(cx, tell(s, i, i));
    assert_int_equal(only_best(cx, s), 0);
    cull_study_free(s);
    p.trials = 0, p.cost = 5; /* two each: the third goes over it */
    s = open_(cx, &p);
    int n = 0;
    for (; !cull_study_done(s); n++) ok(cx, tell(s, ask(cx, s).number, 1));
    assert_int_equal(n, 3);
    cull_study_free(s);
    p.cost = 0, p.seconds = 1e-9;
    s = open_(cx, &p);
    while (!cull_study_done(s)) {}
    refused(cx, cull_study_ask(s, &t), CULL_ENODATA, "budget");
    cull_study_free(s);
    p.seconds = 0;
    s = open_(cx, &p);
    ask(cx, s);
    ok(cx, cull_study_stop(s));
    assert_true(cull_study_done(s));
    refused(cx, cull_study_ask(s, &t), CULL_ENODATA, "stop was asked for");
    ok(cx, tell(s, 0, 1));
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* A failed call leaves what is there. */
static void misuse(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, WIDE);
    cull_search_problem p = PROBLEM(sp);
    cull_study *s = open_(cx, &p);
    double v = 1, x[2] = {5, 2};
    ask(cx, s);
    refused(cx, tell(s, 1, 1), CULL_EINPUT, "no trial 1");
    refused(cx, tell(s, -1, 1), CULL_EINPUT, "no trial -1");
    cull_outcome o = {.state = CULL_TRIAL_DONE};
    refused(cx, cull_study_tell(s, 0, &o), CULL_EINPUT, "has values");
    o.value = &v, o.cost = -1;
    refused(cx, cull_study_tell(s, 0, &o), CULL_EINPUT, "cost");
    o.cost = 0, o.noise = NAN;
    refused(cx, cull_study_tell(s, 0, &o), CULL_EINPUT, "noise");
    o.noise = 0, o.state = CULL_TRIAL_STOPPED;
    refused(cx, cull_study_tell(s, 0, &o), CULL_EINPUT, "not stopped");
    assert_int_equal(trial(cx, s, 0).state, CULL_TRIAL_RUNNING);
    ok(cx, tell(s, 0, 3));
    refused(cx, tell(s, 0, 4), CULL_EINPUT, "it is done");
    assert_true(trial(cx, s, 0).value[0] == 3);
    refused(cx, cull_study_enqueue(s, x), CULL_EINPUT, "b");
    refused(cx, cull_study_add(s, x, &o, NULL), CULL_EINPUT, "b");
    assert_int_equal(cull_study_trials(s), 1);
    ask(cx, s);
    ok(cx, tell(s, 1, NAN));
    assert_int_equal(trial(cx, s, 1).state, CULL_TRIAL_FAILED);
    assert_true(isnan(trial(cx, s, 1).value[0]));
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static void problems(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, WIDE);
    const cull_method *m = cull_method_find("random-search", NULL);
    const cull_objective same[2] = {{"e", false}, {"e", true}}, param = {"a", false};
    cull_study *s;
    cull_search_problem p = PROBLEM(sp), q = p;
    q.objectives = 0;
    refused(cx, cull_study_open(cx, &q, m, NULL, NULL, &s), CULL_EINPUT, "1 to 16 objectives");
    q = p, q.objectives = 2, q.objective = same;
    refused(cx, cull_study_open(cx, &q, m, NULL, NULL, &s), CULL_EINPUT, "called 'e'");
    q = p, q.objective = &param;
    refused(cx, cull_study_open(cx, &q, m, NULL, NULL, &s), CULL_EINPUT, "is a parameter");
    q = p, q.trials = -1;
    refused(cx, cull_study_open(cx, &q, m, NULL, NULL, &s), CULL_EINPUT, "trials");
    q = p, q.cost = NAN;
    refused(cx, cull_study_open(cx, &q, m, NULL, NULL, &s), CULL_EINPUT, "cost");
    q = p, q.again = (cull_again)7;
    refused(cx, cull_study_open(cx, &q, m, NULL, NULL, &s), CULL_EINPUT, "never, cached or paid");
    refused(cx, cull_study_open(cx, &p, cull_method_find("random", NULL), NULL, NULL, &s),
            CULL_EINPUT, "no method of task search");
    cull_study_opts o = CULL_STUDY_OPTS;
    o.resume = true;
    refused(cx, cull_study_open(cx, &p, m, NULL, &o, &s), CULL_EINPUT, "memory");
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static void retries(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, WIDE);
    cull_search_problem p = PROBLEM(sp);
    p.retries = 2, p.trials = 2;
    cull_study *s = open_(cx, &p);
    ask(cx, s), ask(cx, s);
    for (int i = 0; i < 2; i++) {
        ok(cx, crash(s, 1));
        refused(cx, tell(s, 1, 1), CULL_EINPUT, "waits to be asked again");
        assert_false(cull_study_done(s));
        assert_int_equal(ask(cx, s).number, 1);
    }
    ok(cx, crash(s, 1)); /* the third time */
    assert_int_equal(trial(cx, s, 1).state, CULL_TRIAL_FAILED);
    ok(cx, cull__study_give_back(s, 0, false)); /* nothing is counted */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(cx, s).number, 0);
        ok(cx, cull__study_give_back(s, 0, true));
    }
    assert_int_equal(ask(cx, s).number, 0);
    ok(cx, cull__study_give_back(s, 0, true)); /* two more than the retries, and it is lost */
    assert_int_equal(trial(cx, s, 0).state, CULL_TRIAL_LOST);
    assert_true(cull_study_done(s));
    assert_int_equal(cull_study_paid(s), 2);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* Three evaluations of each point: 2, 4, 9 have the mean 5 and the variance 13; of the mean it is a third. */
static void replicates(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, WIDE);
    cull_search_problem p = PROBLEM(sp);
    p.replicates = 3;
    cull_study *s = open_(cx, &p);
    cull_trial t[6];
    for (int i = 0; i < 6; i++) {
        t[i] = ask(cx, s);
        assert_true(t[i].point == i / 3 && t[i].replicate == i % 3);
    }
    ok(cx, tell(s, 2, 9));
    ok(cx, tell(s, 0, 2));
    assert_int_equal(s->v.tells, 0);
    assert_int_equal(s->v.state[0], CULL_TRIAL_RUNNING);
    ok(cx, tell(s, 1, 4));
    assert_true(s->v.tells == 1 && s->v.told[0] == 0 && s->v.trials == 2);
    cull_trial got = trial(cx, s, 1);
    assert_true(got.value[0] == 4 && got.mean[0] == 5);
    assert_true(fabs(got.noise[0] - sqrt(13.0 / 3)) < 1e-15);
    assert_true(fabs(s->v.noise[0] - sqrt(13.0 / 3)) < 1e-15);
    ok(cx, tell(s, 3, 6));
    ok(cx, crash(s, 4));
    ok(cx, crash(s, 5));
    assert_true(trial(cx, s, 3).mean[0] == 6); /* of those that came to something */
    assert_int_equal(s->v.state[1], CULL_TRIAL_DONE);
    assert_int_equal(only_best(cx, s), 0);
    for (int i = 6; i < 9; i++) ask(cx, s);
    for (int i = 6; i < 9; i++) ok(cx, crash(s, i));
    assert_int_equal(s->v.state[2], CULL_TRIAL_FAILED);
    assert_int_equal(s->v.tells, 3);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static void again(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, "a = int(0, 3)\n");
    cull_search_problem p = PROBLEM(sp);
    p.again = CULL_AGAIN_CACHED;
    cull_study *s = open_(cx, &p);
    double first[4];
    for (int n = 0; !cull_study_done(s); n++) { /* told when the next was asked: copies wait */
        cull_trial t = ask(cx, s);
        first[(int)t.x[0]] = t.x[0] + 0.5;
        if (n > 0) ok(cx, tell(s, t.number, t.x[0] + 0.5));
    }
    assert_int_equal(cull_study_paid(s), 4);
    assert_true(cull_study_trials(s) > 4);
    int64_t open = 0;
    while (trial(cx, s, open).state != CULL_TRIAL_RUNNING) open++;
    ok(cx, tell(s, open, trial(cx, s, open).x[0] + 0.5));
    for (int64_t i = 0; i < cull_study_trials(s); i++) {
        cull_trial t = trial(cx, s, i);
        assert_int_equal(t.state, CULL_TRIAL_DONE);
        assert_true(t.value[0] == first[(int)t.x[0]]);
    }
    assert_int_equal(s->v.tells, cull_study_trials(s));
    cull_study_free(s);
    p.again = CULL_AGAIN_PAID;
    s = open_(cx, &p);
    int times[4] = {0};
    for (int i = 0; i < 20; i++) {
        cull_trial t = ask(cx, s);
        assert_int_equal(t.replicate, times[(int)t.x[0]]++);
    }
    assert_int_equal(cull_study_paid(s), 20);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static void from_outside(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, WIDE);
    cull_search_problem p = PROBLEM(sp);
    p.trials = 3;
    cull_study *s = open_(cx, &p);
    double x[2] = {7, 0.5}, y[2] = {8, 0.5}, v = -1;
    int64_t number;
    ok(cx, cull_study_add(s, x, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v, .noise = 3},
                          &number));
    assert_int_equal(number, 0);
    assert_int_equal(cull_study_paid(s), 0);
    assert_true(trial(cx, s, 0).noise[0] == 3);
    ok(cx, cull_study_enqueue(s, x)); /* known: passed over */
    ok(cx, cull_study_enqueue(s, y));
    cull_trial t = ask(cx, s);
    assert_true(t.x[0] == 8 && t.number == 1);
    t = ask(cx, s);
    assert_true(t.x[0] != 7 && t.x[0] != 8);
    assert_int_equal(only_best(cx, s), 0);
    cull_search_view *view = &s->v;
    assert_true(cull_search_seen(view, x) && cull_search_seen(view, t.x));
    x[1] = 0.25;
    assert_false(cull_search_seen(view, x));
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* The defaults come first, where the study begins and nowhere else; a space that forbids them says so. */
static void defaults_first(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const char *text = "a = int(0, 9, default=7)\nb = real(0, 1, default=0.25)\n";
    cull_space *sp = space_of(cx, text);
    cull_search_problem p = PROBLEM(sp);
    cull_study_opts o = CULL_STUDY_OPTS;
    cull_study *s;
    double y[2] = {3, 0.5}, v = 1;
    o.default_first = true;
    ok(cx, cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, &o, &s));
    ok(cx, cull_study_enqueue(s, y));
    ok(cx, cull_study_add(s, y, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}, NULL));
    cull_trial t = ask(cx, s);
    assert_true(t.x[0] == 7 && t.x[1] == 0.25);
    assert_true(ask(cx, s).x[1] != 0.25);
    cull_study_free(s);
    cull_space_free(sp);
    sp = space_of(cx, "a = int(0, 9, default=7)\nforbid a == 7\n");
    p.space = sp;
    refused(cx, cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, &o, &s),
            CULL_EINPUT, "the default is no point of the space");
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* Best: feasible before not, then what nothing dominates. */
static void best(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, WIDE);
    const cull_objective two[2] = {{"error", false}, {"speed", true}};
    const char *const memory = "memory";
    cull_search_problem p = {
        .space = sp, .objectives = 2, .objective = two, .constraints = 1, .constraint = &memory};
    cull_study *s = open_(cx, &p);
    static const double v[6][3] = {{0, 9, 2},  {1, 5, 1}, {3, 7, -1},
                                   {2, 7, -1}, {1, 6, 0}, {2, 7, -3}};
    int64_t idx[6], n;
    for (int i = 0; i < 6; i++) ask(cx, s);
    ok(cx, cull_study_best(s, idx, &n));
    assert_int_equal(n, 0);
    for (int i = 0; i < 6; i++) {
        ok(cx,
           cull_study_tell(
               s, i,
               &(cull_outcome){.state = CULL_TRIAL_DONE, .value = v[i], .violation = &v[i][2]}));
        if (i == 1) { /* the smaller violation */
            ok(cx, cull_study_best(s, idx, &n));
            assert_true(n == 1 && idx[0] == 1);
        }
    }
    ok(cx, cull_study_best(s, idx, &n));
    assert_true(n == 3 && idx[0] == 3 && idx[1] == 4 && idx[2] == 5);
    assert_true(s->v.violation[0] == 2.0 / 3 && s->v.violation[4] == 0);
    assert_true(s->v.value[1] == -9 && trial(cx, s, 0).value[1] == 9);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loop),           cmocka_unit_test(budgets),
        cmocka_unit_test(misuse),         cmocka_unit_test(problems),
        cmocka_unit_test(retries),        cmocka_unit_test(replicates),
        cmocka_unit_test(again),          cmocka_unit_test(from_outside),
        cmocka_unit_test(defaults_first), cmocka_unit_test(best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
