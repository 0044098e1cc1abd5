/* study_stop: who goes on, by tables small enough to check by hand. */
#include "test.h"

#include "cull/search.h"

typedef struct {
    cull_ctx *cx;
    cull_space *sp;
    cull_study *s;
} fixture;

static const cull_objective objective[2] = {{"error", false}, {"size", false}};
static const cull_objective accuracy[1] = {{"accuracy", true}};

static fixture open_(const cull_objective *of, int objectives, cull_stop stop)
{
    static const char text[] = "a = int(0, 100000)\n";
    fixture f = {.cx = cull_ctx_new(NULL)};
    ok(f.cx, cull_space_from(f.cx, text, strlen(text), "test", &f.sp));
    cull_search_problem p = {
        .space = f.sp, .objectives = objectives, .objective = of, .stop = stop};
    ok(f.cx, cull_study_open(f.cx, &p, cull_method_find("random-search", NULL), NULL, NULL, &f.s));
    return f;
}

static void close_(fixture *f)
{
    cull_study_free(f->s);
    cull_space_free(f->sp);
    cull_ctx_free(f->cx);
}

static bool report(fixture *f, int64_t number, int64_t step, double a, double b)
{
    bool go;
    ok(f->cx, cull_study_report(f->s, number, step, (double[]){a, b}, &go));
    return go;
}

static cull_trial ask(fixture *f)
{
    cull_trial t;
    ok(f->cx, cull_study_ask(f->s, &t));
    return t;
}

static bool first_report(fixture *f, int64_t step, double a, double b)
{
    return report(f, ask(f).number, step, a, b);
}

static void tell(fixture *f, int64_t number, double v)
{
    ok(f->cx,
       cull_study_tell(f->s, number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}));
}

/* eta 3: of n at a rung the best n / 3 go on, and one at least. */
static void asha(void **state)
{
    (void)state;
    static const double v[] = {5, 7, 4, 3, 6, 2, 2.5, 2.5};
    static const bool go[] = {true, false, true, true, false, true, true, false};
    for (int up = 0; up < 2; up++) {
        fixture f =
            open_(up ? accuracy : objective, 1, (cull_stop){.kind = CULL_STOP_ASHA, .last = 9});
        for (int i = 0; i < 8; i++)
            assert_int_equal(first_report(&f, 1, up ? -v[i] : v[i], 0), go[i]);
        cull_trial t;
        ok(f.cx, cull_study_trial(f.s, 1, &t));
        assert_int_equal(t.state, CULL_TRIAL_STOPPED);
        assert_true(t.value[0] == (up ? -7 : 7) && t.steps == 1);
        assert_true(report(&f, 0, 2, 100, 0));  /* no rung */
        assert_true(report(&f, 0, 4, 100, 0));  /* rung 3 is passed: the first there */
        assert_false(report(&f, 2, 3, NAN, 0)); /* never among the best */
        ok(f.cx, cull_study_trial(f.s, 2, &t));
        assert_int_equal(t.state, CULL_TRIAL_FAILED);
        assert_true(report(&f, 3, 9, 1000, 0)); /* whole: nothing to stop */
        refused(f.cx, cull_study_report(f.s, 1, 2, v, &(bool){0}), CULL_EINPUT, "it is stopped");
        refused(f.cx, cull_study_report(f.s, 0, 0, v, &(bool){0}), CULL_EINPUT, "from 1");
        refused(f.cx, cull_study_report(f.s, 99, 1, v, &(bool){0}), CULL_EINPUT, "no trial 99");
        assert_true(report(&f, 0, 1, 1e9, 0)); /* not beyond its last: passed over */
        close_(&f);
    }
}

static void median(void **state)
{
    (void)state;
    static const double v[] = {4, 1, 3, 2, 2.5, 2.6, 2.5};
    static const bool go[] = {true, true, true, true, true, false, true};
    fixture f = open_(objective, 1, (cull_stop){.kind = CULL_STOP_MEDIAN, .first = 2, .last = 9});
    for (int i = 0; i < 7; i++) {
        int64_t n = ask(&f).number;
        assert_true(report(&f, n, 1, 1e6, 0)); /* before the first step */
        assert_int_equal(report(&f, n, 2, v[i], 0), go[i]);
    }
    assert_true(report(&f, 0, 5, 1e6, 0)); /* nobody else was there */
    close_(&f);
}

/* Rank of dominance, crowding, arrival. */
static void several(void **state)
{
    (void)state;
    fixture f = open_(objective, 2, (cull_stop){.kind = CULL_STOP_ASHA, .eta = 2, .last = 8});
    assert_true(first_report(&f, 1, 1, 1));
    assert_false(first_report(&f, 1, 2, 2));
    assert_false(first_report(&f, 1, 0, 3)); /* one of three: (1, 1) came first */
    assert_true(first_report(&f, 1, 0.5, 0.5));
    close_(&f);
}

static void expect(fixture *f, int64_t point, int64_t budget, int64_t *number)
{
    cull_trial t = ask(f);
    if (t.point != point || t.budget != budget)
        fail_msg("point %d with %d, not %d with %d", (int)t.point, (int)t.budget, (int)point,
                 (int)budget);
    *number = t.number;
}

/* eta 2 from 1 to 4: 4 points, 2, 1. */
static void halving(void **state)
{
    (void)state;
    fixture f = open_(objective, 1,
                      (cull_stop){.kind = CULL_STOP_HALVING, .eta = 2, .last = 4, .anew = true});
    static const double v[] = {4, 1, 3, 2};
    int64_t n[4], idx[16], k;
    cull_trial t;
    for (int i = 0; i < 4; i++) expect(&f, i, 1, &n[i]);
    refused(f.cx, cull_study_ask(f.s, &t), CULL_ENODATA, "waits");
    assert_false(cull_study_done(f.s));
    for (int i = 3; i > 0; i--) tell(&f, n[i], v[i]);
    refused(f.cx, cull_study_ask(f.s, &t), CULL_ENODATA, "waits");
    tell(&f, n[0], v[0]);
    expect(&f, 1, 2, &n[0]);
    expect(&f, 3, 2, &n[1]);
    refused(f.cx, cull_study_ask(f.s, &t), CULL_ENODATA, "waits");
    tell(&f, n[0], 9);
    tell(&f, n[1], 5);
    ok(f.cx, cull_study_best(f.s, idx, &k)); /* of the furthest rung */
    assert_true(k == 1 && idx[0] == 3);
    expect(&f, 3, 4, &n[0]);
    tell(&f, n[0], 6);
    ok(f.cx, cull_study_best(f.s, idx, &k)); /* the one whole evaluation */
    assert_true(k == 1 && idx[0] == 3);
    ok(f.cx, cull_study_trial(f.s, n[0], &t));
    assert_true(t.replicate == 2 && t.mean[0] == 6 && t.state == CULL_TRIAL_DONE);
    for (int i = 0; i < 4; i++) expect(&f, 4 + i, 1, &n[i]); /* another bracket */
    for (int i = 0; i < 4; i++)
        ok(f.cx, cull_study_tell(f.s, n[i], &(cull_outcome){.state = CULL_TRIAL_FAILED}));
    expect(&f, 8, 1, &n[0]); /* none that could go on: another one */
    assert_int_equal(cull_study_paid(f.s), 12);
    close_(&f);
}

static void asha_anew(void **state)
{
    (void)state;
    fixture f =
        open_(objective, 1, (cull_stop){.kind = CULL_STOP_ASHA, .eta = 2, .last = 4, .anew = true});
    int64_t n;
    expect(&f, 0, 1, &n), tell(&f, n, 5);
    expect(&f, 1, 1, &n), tell(&f, n, 3);
    expect(&f, 1, 2, &n), tell(&f, n, 3);
    expect(&f, 2, 1, &n), tell(&f, n, 1);
    expect(&f, 2, 2, &n), tell(&f, n, 1);
    expect(&f, 2, 4, &n), tell(&f, n, 1);
    expect(&f, 3, 1, &n), tell(&f, n, 9); /* of four the best two went on already */
    expect(&f, 4, 1, &n);
    close_(&f);
}

/* Brackets of 9, 5 and 3 points, which begin at 1, 3 and 9. */
static void hyperband(void **state)
{
    (void)state;
    static const int64_t first[] = {1, 3, 1, 1, 9, 3, 1, 1, 3};
    fixture f =
        open_(objective, 1, (cull_stop){.kind = CULL_STOP_HYPERBAND, .last = 9, .anew = true});
    int64_t n;
    int count[10] = {0};
    for (int i = 0; i < 9; i++) {
        expect(&f, i, first[i], &n);
        count[first[i]]++;
    }
    for (int i = 9; i < 17; i++) count[ask(&f).budget]++;
    assert_true(count[1] == 9 && count[3] == 5 && count[9] == 3);
    close_(&f);
    f = open_(objective, 1, (cull_stop){.kind = CULL_STOP_HYPERBAND, .last = 9});
    assert_true(first_report(&f, 1, 5, 0));  /* bracket 0, the first there */
    assert_true(first_report(&f, 1, 9, 0));  /* bracket 1: no rung at 1 */
    assert_false(first_report(&f, 1, 6, 0)); /* bracket 0 */
    assert_true(report(&f, 1, 3, 9, 0));     /* the first of its rung */
    close_(&f);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        cull_stop stop;
        const char *why;
    } bad[] = {
        {{.kind = CULL_STOP_ASHA}, "last"},
        {{.kind = CULL_STOP_ASHA, .last = 9, .eta = 1}, "eta"},
        {{.kind = CULL_STOP_ASHA, .last = 9, .first = 10}, "last"},
        {{.kind = CULL_STOP_HALVING, .last = 9}, "anew"},
        {{.kind = CULL_STOP_MEDIAN, .last = 9, .anew = true}, "no rungs"},
        {{.kind = CULL_STOP_NONE, .anew = true}, "stop rule"},
        {{.kind = CULL_STOP_ASHA, .last = INT64_MAX, .eta = 1.01}, "rungs"},
        {{.kind = (cull_stop_kind)9, .last = 9}, "no stop rule"},
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp;
    cull_study *s;
    ok(cx, cull_space_from(cx, "a = int(0, 9)\n", 14, "test", &sp));
    cull_search_problem p = {.space = sp, .objectives = 1, .objective = objective};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p.stop = bad[i].stop;
        refused(cx,
                cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, NULL, &s),
                CULL_EINPUT, bad[i].why);
    }
    p.stop = (cull_stop){.kind = CULL_STOP_ASHA, .last = 9};
    p.replicates = 2;
    refused(cx, cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, NULL, &s),
            CULL_EINPUT, "replicates");
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* A space that runs out in the middle of a bracket: those that are there go on, and then it is done. */
static void runs_out(void **state)
{
    (void)state;
    for (int kind = CULL_STOP_HALVING; kind <= CULL_STOP_HYPERBAND; kind++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_space *sp;
        cull_study *s;
        int whole = 0, asked = 0;
        ok(cx, cull_space_from(cx, "a = int(1, 6)\n", 14, "test", &sp));
        cull_search_problem p = {.space = sp, .objectives = 1, .objective = objective};
        p.stop = (cull_stop){.kind = (cull_stop_kind)kind, .last = 9, .anew = true};
        ok(cx, cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, NULL, &s));
        while (!cull_study_done(s)) {
            cull_trial t;
            ok(cx, cull_study_ask(s, &t));
            whole += t.budget == 9;
            assert_true(++asked < 30);
            double v = t.x[0];
            ok(cx, cull_study_tell(s, t.number,
                                   &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}));
        }
        /* halving: 6 of 9, then 3, then 1; others have at least a third twice */
        if (kind == CULL_STOP_HALVING) assert_true(whole == 1 && asked == 10);
        assert_true(asked >= 6);
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asha),     cmocka_unit_test(median),    cmocka_unit_test(several),
        cmocka_unit_test(halving),  cmocka_unit_test(asha_anew), cmocka_unit_test(hyperband),
        cmocka_unit_test(refusals), cmocka_unit_test(runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
