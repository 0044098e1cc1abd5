/* Studies that outlive their process: closed and opened again they go on to the same points as in memory, and processes
 * that share one leave no point of the space out and take none twice. */
#include "study_file.h"

#include "cull/search.h"

static const cull_objective objective[1] = {{.name = "error"}};

static cull_space *space_of(cull_ctx *cx, const char *text)
{
    cull_space *sp;
    ok(cx, cull_space_from(cx, text, strlen(text), "test", &sp));
    return sp;
}

static cull_status open_at(cull_ctx *cx, const cull_space *sp, const char *where, bool resume,
                           cull_study **out)
{
    cull_search_problem p = {.space = sp, .objectives = 1, .objective = objective};
    cull_study_opts o = CULL_STUDY_OPTS;
    o.store = where, o.resume = resume;
    return cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, &o, out);
}

/* Up to n trials are asked and told; their points go to x, one number each. */
static int64_t go_on(cull_ctx *cx, cull_study *s, int64_t n, double *x)
{
    int64_t i = 0;
    for (cull_trial t; i < n; i++) {
        cull_status st = cull_study_ask(s, &t);
        if (st == CULL_ENODATA) break;
        ok(cx, st);
        double v = (t.x[0] - 2.385) * (t.x[0] - 2.385);
        if (x) x[i] = t.x[0];
        cull_outcome told = CULL_OUTCOME;
        told.value = &v;
        if (i % 5 == 4) told.state = CULL_TRIAL_FAILED, told.note = "no luck";
        ok(cx, cull_study_tell(s, t.number, &told));
    }
    return i;
}

enum { TRIALS = 60 };

static void same_as_in_memory(void **state)
{
    place *p = *state;
    double want[TRIALS], got[TRIALS];
    cull_space *sp = space_of(p->cx, "x = real(-5, 5)\n");
    cull_study *s;
    ok(p->cx, open_at(p->cx, sp, NULL, false, &s));
    assert_int_equal(go_on(p->cx, s, TRIALS, want), TRIALS);
    cull_study_free(s);
    for (int at = 0, step = 1; at < TRIALS; at += step, step = step * 2 + 1) {
        if (at + step > TRIALS) step = TRIALS - at;
        ok(p->cx, open_at(p->cx, sp, p->path, at > 0, &s));
        assert_int_equal(cull_study_trials(s), at);
        assert_int_equal(go_on(p->cx, s, step, got + at), step);
        cull_study_free(s);
    }
    assert_memory_equal(got, want, sizeof want);
    ok(p->cx, open_at(p->cx, sp, p->path, true, &s));
    for (int i = 0; i < TRIALS; i++) {
        cull_trial t;
        ok(p->cx, cull_study_trial(s, i, &t));
        assert_true(t.x[0] == want[i]);
    }
    cull_study_free(s);
    cull_space_free(sp);
}

enum { POINTS = 96, PROCESSES = 4 };

static void processes_share(void **state)
{
    place *p = *state;
    for (int i = 0; i < PROCESSES; i++) {
        if (fork()) continue;
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_space *sp = space_of(cx, "x = int(1, 96)\n");
        cull_study *s;
        if (open_at(cx, sp, p->path, false, &s) != CULL_OK) {
            fprintf(stderr, "%s\n", cull_error(cx));
            _exit(1);
        }
        go_on(cx, s, POINTS, NULL);
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
        _exit(0);
    }
    for (int i = 0, status; i < PROCESSES; i++)
        assert_true(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cull_space *sp = space_of(p->cx, "x = int(1, 96)\n");
    cull_study *s;
    bool seen[POINTS + 1] = {false};
    ok(p->cx, open_at(p->cx, sp, p->path, true, &s));
    assert_int_equal(cull_study_trials(s), POINTS);
    for (int i = 0; i < POINTS; i++) {
        cull_trial t;
        ok(p->cx, cull_study_trial(s, i, &t));
        assert_false(seen[(int)t.x[0]]);
        seen[(int)t.x[0]] = true;
        assert_true(t.state == CULL_TRIAL_DONE || t.state == CULL_TRIAL_FAILED);
    }
    cull_study_free(s);
    cull_space_free(sp);
}

static void another_study(void **state)
{
    place *p = *state;
    cull_space *sp = space_of(p->cx, "x = real(-5, 5)\n"),
               *other = space_of(p->cx, "x = real(-5, 6)\n");
    cull_study *s;
    refused(p->cx, open_at(p->cx, sp, p->path, true, &s), CULL_EINPUT, "there is no such study");
    ok(p->cx, open_at(p->cx, sp, p->path, false, &s));
    cull_study_free(s);
    refused(p->cx, open_at(p->cx, other, p->path, true, &s), CULL_EINPUT, "space");
    cull_space_free(sp);
    cull_space_free(other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(same_as_in_memory), T(processes_share), T(another_study)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
