/* feature_job: a job of task feature in memory: what it judges, how stable it says a choice is, and what is
 * the same for any number of threads. */
#include "files.h"

#include "base/base.h"
#include "cull/job.h"

enum { ROWS = 240 };

/* y is what a says, b is a with noise, c is noise; g groups. */
static const char *table_of(void)
{
    static bytes b;
    char line[160];
    cull_rng r = cull__rng_seeded(9, 0);
    b.n = 0;
    add_text(&b, "a,b,c,kind,flat,y,z,g\n");
    for (int i = 0; i < ROWS; i++) {
        double a = cull__rng_normal(&r), e = cull__rng_normal(&r), c = cull__rng_normal(&r);
        snprintf(line, sizeof line, "%.4f,%.4f,%.4f,k%d,5,%s,%.4f,g%d\n", a, a + e, c, i % 3,
                 a > 0 ? "up" : "down", 2 * a + (i % 3 == 1), i % 20);
        add_text(&b, line);
    }
    return spit("t.csv", b.at, b.n);
}

static cull_status run(cull_ctx *cx, const char *const *set, int sets, cull_job **j)
{
    const cull_method *m = cull_method_find("random-columns", NULL);
    CULL_TRY(cull_job_new(cx, CULL_TASK_FEATURE, j));
    CULL_TRY(cull_job_set(*j, "pool", in_dir("t.csv")));
    for (int i = 0; i < sets; i += 2) CULL_TRY(cull_job_set(*j, set[i], set[i + 1]));
    return cull_job_run(*j, m, NULL, CULL_JOB_JUDGE | CULL_JOB_BASELINES | CULL_JOB_IDS);
}

static const cull_run_figure *figure(const cull_run *r, const char *name, const char *metric)
{
    for (int i = 0; i < r->figures; i++)
        if (!strcmp(r->figure[i].name, name) && !strcmp(r->figure[i].metric, metric))
            return &r->figure[i];
    fail_msg("no figure %s of %s", metric, name);
    return NULL;
}

static void judged(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_job *j;
    static const char *const all[] = {"target", "y", "budget", "1", "avoid", "b,c,kind,flat,z,g"};
    static const char *const none[] = {"target", "y", "budget", "1", "avoid", "a,b,kind,flat,z,g"};
    static const char *const number[] = {"target",       "z",         "budget", "2", "avoid",
                                         "b,c,flat,y,g", "stability", "8"};
    ok(cx, run(cx, all, 6, &j));
    const cull_run *r = cull_job_result(j);
    assert_true(r->n == 7 && r->pick->n == 1);
    assert_string_equal(r->ids->id[0], "a");
    /* a line decides y; a few of 240 rows near it may fall on the other side */
    assert_true(figure(r, "random-columns", "accuracy")->value > 0.96);
    assert_true(r->columns->n == 7 && isnan(r->columns->score[4]) && !r->columns->share);
    cull_job_free(j);
    ok(cx, run(cx, none, 6, &j));
    r = cull_job_result(j);
    /* noise: 0.5, and 0.13 is four standard deviations of a share of 240 */
    assert_true(fabs(figure(r, "random-columns", "accuracy")->value - 0.5) < 0.13);
    cull_job_free(j);
    ok(cx, run(cx, number, 8, &j));
    r = cull_job_result(j);
    /* z is 2 a and a mark of kind k1, which no column of numbers could say */
    assert_true(figure(r, "random-columns", "R2")->value > 0.99);
    assert_true(figure(r, "all columns", "R2")->value > 0.99);
    for (int c = 0; c < 7; c++) { /* two columns for two places: chosen every time */
        bool kept = !strcmp(r->columns->name[c], "a") || !strcmp(r->columns->name[c], "kind");
        assert_true(r->columns->share[c] == kept);
    }
    assert_true(figure(r, "random-columns", "Jaccard")->value == 1);
    cull_job_settle(j); /* the result stays */
    assert_string_equal(cull_job_result(j)->columns->name[3], "kind");
    cull_job_free(j);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* The index over all columns is that of its definition, from the shares alone. */
static void stable(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_job *j;
    enum { B = 40, KEPT = 2 };
    static const char *const set[] = {"target", "y",     "budget", "2",         "avoid",
                                      "z",      "group", "g",      "stability", "40"};
    ok(cx, run(cx, set, 10, &j));
    const cull_run *r = cull_job_result(j);
    double spread = 0, sum = 0, chance = KEPT / 5.0;
    /* a, b, c, kind and flat may be kept, of which flat never is */
    for (int c = 0; c < r->columns->n; c++) {
        double s = r->columns->share[c];
        sum += s;
        spread += B / (B - 1.0) * s * (1 - s) / 5;
    }
    assert_true(fabs(sum - KEPT) < 1e-12); /* sums of fortieths */
    const cull_run_figure *f = figure(r, "random-columns", "stability");
    assert_true(fabs(f->value - (1 - spread / (chance * (1 - chance)))) < 1e-12);
    assert_true(f->lo < f->value && f->value < f->hi && f->value < 0.5);
    cull_job_free(j);
    cull_ctx_free(cx);
}

static void threads(void **state)
{
    (void)state;
    static const char *const set[] = {"target", "z",     "budget", "3",         "group",
                                      "g",      "avoid", "y",      "stability", "5"};
    double value[2][16];
    int figures[2];
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, t + 1);
        cull_job *j;
        ok(cx, run(cx, set, 10, &j));
        const cull_run *r = cull_job_result(j);
        figures[t] = r->figures;
        for (int i = 0; i < r->figures; i++) value[t][i] = r->figure[i].value;
        cull_job_free(j);
        cull_ctx_free(cx);
    }
    assert_int_equal(figures[0], figures[1]);
    assert_memory_equal(value[0], value[1], (size_t)figures[0] * sizeof **value);
}

static void no_memory(void **state)
{
    (void)state;
    static const char *const set[] = {"target", "y", "budget", "2", "have", "a", "stability", "2"};
    for (long at = 1;; at = at < 150 ? at + 1 : at + at / 4) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_job *j;
        h.calls = 0, h.fail_at = at;
        cull_status s = run(cx, set, 8, &j);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        cull_job_free(j);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) break;
    }
}

static int set_up(void **state)
{
    int rc = make_dir(state);
    if (!rc) table_of();
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(judged), cmocka_unit_test(stable),
                                       cmocka_unit_test(threads), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, set_up, drop_dir);
}
