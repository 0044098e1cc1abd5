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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
