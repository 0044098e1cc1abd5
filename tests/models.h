/* models.h - what tests of search methods that learn share: a study of a function, run to its end.
 * */
#ifndef CULL_TESTS_MODELS_H
#define CULL_TESTS_MODELS_H
#include "test.h"

#include "cull/search.h"

/* value (objectives) and violation (constraints) of x; false: the trial fails. */
typedef bool study_fn(const cull_space *s, const double *x, double *value, double *violation);
typedef struct {
    const char *space, *method, *opts; /* "startup=5 joint=no" */
    int objectives, constraints;
    int64_t trials;
    uint64_t seed;
    study_fn *fn;
    int workers; /* so many run at a time; 0 = 1 */
    const cull_search_stats *stats;
    double *x;   /* (trials, width) out, or NULL */
    double best; /* out: the least first value of a trial that breaks nothing */
    int64_t asked;
} study_run;

static inline cull_status set_opts(cull_ctx *cx, const char *text, cull_opts *o)
{
    char buf[400], *save = NULL;
    snprintf(buf, sizeof buf, "%s", text ? text : "");
    for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char *is = strchr(w, '=');
        *is = 0;
        cull_status s = cull_opts_set(cx, o, w, is + 1);
        if (s != CULL_OK) return s;
    }
    return CULL_OK;
}

static inline cull_status answer(cull_study *st, study_run *r, const cull_space *s, int64_t number)
{
    double value[CULL_OBJECTIVES] = {0}, violation[CULL_OBJECTIVES] = {0};
    cull_trial t;
    cull_status status = cull_study_trial(st, number, &t);
    if (status != CULL_OK) return status;
    cull_outcome o = CULL_OUTCOME;
    o.value = value;
    o.violation = r->constraints ? violation : NULL;
    if (!r->fn(s, t.x, value, violation))
        o.state = CULL_TRIAL_FAILED;
    else if ((!r->constraints || violation[0] <= 0) && value[0] < r->best)
        r->best = value[0];
    return cull_study_tell(st, number, &o);
}

/* Tells come in the order of asking, `workers` - 1 behind it. */
static inline cull_status run_loop(cull_ctx *cx, cull_study *st, study_run *r, const cull_space *s)
{
    int64_t told = 0, behind = r->workers > 1 ? r->workers - 1 : 0, width = cull_space_width(s);
    for (r->asked = 0; !cull_study_done(st); r->asked++) {
        cull_trial t;
        cull_status status = cull_study_ask(st, &t);
        if (status == CULL_ENODATA) break;
        if (status != CULL_OK) return status;
        status = cull_space_check(cx, s, t.x);
        if (status != CULL_OK) return status;
        if (r->x) memcpy(r->x + r->asked * width, t.x, (size_t)width * sizeof *t.x);
        for (; told + behind <= r->asked; told++)
            if ((status = answer(st, r, s, told)) != CULL_OK) return status;
    }
    return CULL_OK;
}

static inline cull_status run_study(cull_ctx *cx, study_run *r)
{
    static const cull_objective objective[3] = {
        {"first", false}, {"second", false}, {"third", false}};
    static const char *const constraint[1] = {"limit"};
    cull_space *s = NULL;
    cull_opts *o = NULL;
    cull_study *st = NULL;
    const cull_method *m = cull_method_find(r->method, NULL);
    r->best = INFINITY;
    cull_ctx_reseed(cx, r->seed);
    cull_status status = cull_space_from(cx, r->space, strlen(r->space), "space", &s);
    if (status == CULL_OK) status = cull_opts_new(cx, m, &o);
    if (status == CULL_OK) status = set_opts(cx, r->opts, o);
    cull_search_problem p = {.space = s,
                             .objectives = r->objectives ? r->objectives : 1,
                             .objective = objective,
                             .constraints = r->constraints,
                             .constraint = constraint,
                             .trials = r->trials,
                             .stats = r->stats};
    if (status == CULL_OK) status = cull_study_open(cx, &p, m, o, NULL, &st);
    if (status == CULL_OK) status = run_loop(cx, st, r, s);
    cull_study_free(st);
    cull_opts_free(o);
    cull_space_free(s);
    return status;
}

/* ---- spaces and functions ---- */
/* Of every kind, conditional and with constraints. */
static const char every_kind[] = "lr = real(1e-5, 0.1, log)\n"
                                 "opt = or { sgd { momentum = real(0, 0.99) } adam { beta = "
                                 "real(0.9, 0.999) eps = int(1, 9) } }\n"
                                 "width = int(16, 256, log)\n"
                                 "batch = ordinal(16, 32, 64, 128)\n"
                                 "act = one(relu, gelu, tanh)\n"
                                 "more = optional { steps = int(10, 1000) }\n"
                                 "block = repeat(1..3) { k = one(a, b) }\n"
                                 "keep = subset(2..4 of 6)\n"
                                 "order = permutation(crop, flip, blur)\n"
                                 "mix = simplex(a, b, c)\n"
                                 "forbid act == relu and batch == 128\n";

static inline double numbers_of(const cull_space *s, const double *x)
{
    double sum = 0;
    for (int64_t j = 0; j < cull_space_width(s); j++)
        if (!isnan(x[j])) sum += sin(1 + (double)j) * fmin(x[j], 10);
    return sum;
}

static inline bool any_value(const cull_space *s, const double *x, double *value, double *violation)
{
    value[0] = numbers_of(s, x);
    value[1] = cos(value[0]) - fmin(x[0], 1);
    value[2] = sin(3 * value[0]);
    violation[0] = value[0] - 5;
    return fabs(sin(1e3 * value[0])) > 0.1; /* some fail */
}

/* The same points whatever the number of threads; where an allocation fails the run fails and leaks
 * nothing, or the study tries that step again and the points are the same. */
static inline void holds_up(const char *method, const char *opts, int objectives, int64_t trials)
{
    enum { WIDTH = 64 };
    double *x[3];
    for (int t = 0; t < 3; t++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, t + 1);
        x[t] = calloc((size_t)trials * WIDTH, sizeof **x);
        study_run r = {.space = every_kind,
                       .method = method,
                       .opts = opts,
                       .objectives = objectives,
                       .constraints = 1,
                       .trials = trials,
                       .seed = 7,
                       .fn = any_value,
                       .workers = 3,
                       .x = x[t]};
        if (t < 2) {
            ok(cx, run_study(cx, &r));
        } else {
            for (long k = 1;; k += 1 + k / 4) {
                h.calls = 0;
                h.fail_at = k;
                cull_status status = run_study(cx, &r);
                if (status == CULL_OK && h.calls < k) break;
                if (status != CULL_OK)
                    assert_int_equal(status, CULL_ENOMEM);
                else
                    assert_memory_equal(x[0], x[2], (size_t)trials * WIDTH * sizeof **x);
            }
        }
        assert_int_equal(r.asked, trials);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(x[0], x[1], (size_t)trials * WIDTH * sizeof **x);
    assert_memory_equal(x[0], x[2], (size_t)trials * WIDTH * sizeof **x);
    for (int t = 0; t < 3; t++) free(x[t]);
}

/* Mean over seeds of the best of so many trials. */
static inline double mean_best(const study_run *of, int seeds)
{
    double sum = 0;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int t = 0; t < seeds; t++) {
        study_run r = *of;
        r.seed = (uint64_t)t + 1;
        ok(cx, run_study(cx, &r));
        sum += r.best / seeds;
    }
    cull_ctx_free(cx);
    return sum;
}
#endif
