/* searching.h - what tests of methods of task search share: a space from text, a study, and a loop
 * that answers. */
#ifndef CULL_SEARCHING_H
#define CULL_SEARCHING_H
#include "test.h"

#include "base/base.h"
#include "cull/search.h"

static inline cull_space *space_of(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "test", &s));
    return s;
}

/* n parameters p0, p1, ... of the same kind. */
static inline cull_space *space_of_many(cull_ctx *cx, int n, const char *kind)
{
    char text[8192] = "";
    for (int i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "p%d = %s\n", i, kind);
    return space_of(cx, text);
}

static const cull_objective objectives_of_tests[] = {
    {"first", false}, {"second", false}, {"third", false}};

/* A study of `slug` with options "name=value" up to NULL. */
static inline cull_study *study_of(cull_ctx *cx, cull_search_problem *p, const char *slug,
                                   const char *const *set)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_opts *o;
    cull_study *s;
    assert_non_null(m);
    p->objective = objectives_of_tests;
    if (!p->objectives) p->objectives = 1;
    ok(cx, cull_opts_new(cx, m, &o));
    for (; set && *set; set++) {
        char name[64];
        const char *eq = strchr(*set, '=');
        snprintf(name, sizeof name, "%.*s", (int)(eq - *set), *set);
        ok(cx, cull_opts_set(cx, o, name, eq + 1));
    }
    ok(cx, cull_study_open(cx, p, m, o, NULL, &s));
    cull_opts_free(o);
    return s;
}
#define WITH(...)                                                                                  \
    (const char *const[]) { __VA_ARGS__, NULL }

static inline cull_trial asked(cull_ctx *cx, cull_study *s)
{
    cull_trial t;
    ok(cx, cull_study_ask(s, &t));
    return t;
}

static inline void answer(cull_ctx *cx, cull_study *s, int64_t number, const double *value)
{
    cull_outcome o = {.state = CULL_TRIAL_DONE, .value = value};
    ok(cx, cull_study_tell(s, number, &o));
}

static inline void failed(cull_ctx *cx, cull_study *s, int64_t number)
{
    cull_outcome o = {.state = CULL_TRIAL_FAILED};
    ok(cx, cull_study_tell(s, number, &o));
}

static inline int distance(const double *x, const double *y, int64_t width)
{
    int d = 0;
    for (int64_t i = 0; i < width; i++) d += x[i] != y[i];
    return d;
}

/* A function of discrete values with many optima: every value and every pair of neighbours has a
 * number of its own. */
static inline double rugged(const double *x, int64_t width)
{
    double v = 0;
    for (int64_t i = 0; i < width; i++) {
        double next = x[(i + 1) % width];
        v += sin(12.9898 * x[i] + 78.233 * (double)i) +
             0.5 * sin(39.346 * x[i] + 11.135 * next + (double)i);
    }
    return v;
}
#endif
