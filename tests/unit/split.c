/* split: what is held out of a pool to judge by - shares of labels, groups that leave together, near
 * copies - and a comparison judged by it. */
#include "test.h"

#include <unistd.h>

#include "job/job.h"

enum { N = 1200, D = 3, HELD = 40 };
static struct {
    float pool[N * D];
    int32_t label[N], group[N];
    double prior[N], cond[N];
    char jsonl[64];
} t;
static const char *const names[] = {"no", "yes", "rare"};

/* 700, 490 and 10 rows of three labels, far apart; every text twice, in places far apart. */
static void setup(void)
{
    cull_rng r = cull__rng_seeded(9, 1);
    for (int i = 0; i < N; i++) {
        t.label[i] = i % 120 == 119 ? 2 : i % 12 < 7 ? 0 : 1;
        t.prior[i] = t.label[i]; /* loss-prior less loss-cond: the label */
        for (int k = 0; k < D; k++)
            t.pool[i * D + k] = (float)(cull__rng_normal(&r) + (k == t.label[i] ? 30 : 0));
    }
    snprintf(t.jsonl, sizeof t.jsonl, "/tmp/cull-split-%d.jsonl", (int)getpid());
    FILE *f = fopen(t.jsonl, "w");
    assert_non_null(f);
    for (int i = 0; i < N; i++) {
        fprintf(f, "{\"y\":\"%s\",\"text\":\"", names[t.label[i]]);
        for (int k = 0; k < 10; k++) fprintf(f, "w%dx%d ", i % (N / 2), k);
        fprintf(f, "%s\"}\n", i < N / 2 ? "end" : "and an end");
    }
    fclose(f);
}

/* A job with an open problem and a judge; groups of 1 + i % of rows that lie apart. */
static cull_job *opened(cull_ctx *cx, int32_t groups, const uint8_t *have, const uint8_t *avoid)
{
    cull_job *j;
    const cull_method *m = cull_method_find("random", NULL);
    cull_array pool = {.dtype = CULL_F32, .ndim = 2, .shape = {N, D}, .at = t.pool};
    cull_array held = {.dtype = CULL_U8, .ndim = 1, .shape = {N}, .at = have};
    cull_array never = {.dtype = CULL_U8, .ndim = 1, .shape = {N}, .at = avoid};
    static const char *name[N];
    ok(cx, cull_job_new(cx, CULL_TASK_DATA, &j));
    ok(cx, cull_job_set(j, "budget", "10%"));
    ok(cx, cull_job_set(j, "judge", "true"));
    ok(cx, cull_job_array(j, "pool", &pool));
    ok(cx, cull_job_codes(j, "label", t.label, N, names, 3));
    for (int i = 0; i < N; i++) t.group[i] = groups ? i % groups : 0, name[i] = "group";
    if (groups) ok(cx, cull_job_codes(j, "group", t.group, N, name, groups));
    if (have) ok(cx, cull_job_array(j, "have", &held));
    if (avoid) ok(cx, cull_job_array(j, "avoid", &never));
    ok(cx, job_open(j, &m, 1, true, false));
    return j;
}

static void tests_of(const split *s, int64_t count[3])
{
    memset(count, 0, 3 * sizeof *count);
    for (int64_t i = 0; i < s->tests; i++) count[t.label[s->test[i]]]++;
}

static void stratified(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_job *j = opened(cx, 0, NULL, NULL);
    split s = {0};
    int64_t count[3], first[N];
    ok(cx, split_groups(j, 0.25, &s));
    for (uint64_t seed = 1; seed < 4; seed++) {
        ok(cx, split_make(j, &s, seed));
        tests_of(&s, count);
        assert_int_equal(count[0], 175);
        assert_int_equal(count[1], 123); /* 122.5 */
        assert_int_equal(count[2], 3);   /* 2.5 */
        int64_t left = 0;
        for (int64_t i = 0; i < N; i++) left += !j->p.avoid[i];
        for (int64_t i = 0; i < s.tests; i++) assert_int_equal(j->p.avoid[s.test[i]], 1);
        assert_int_equal(left, N - 301);
        assert_true(j->p.budget == 89); /* a tenth of what is left */
        if (seed > 1) assert_memory_not_equal(first, s.test, 301 * sizeof *first);
        memcpy(first, s.test, 301 * sizeof *first);
    }
    ok(cx, split_make(j, &s, 3));
    assert_memory_equal(first, s.test, 301 * sizeof *first);
    split_free(j, &s);
    ok(cx, split_groups(j, 0.0001, &s));
    refused(cx, split_make(j, &s, 1), CULL_EINPUT, "--holdout is too small");
    split_free(j, &s);
    cull_job_free(j);
    cull_ctx_free(cx);
}

/* Whole groups leave, but not those that hold what is held already, nor rows that are avoided. */
static void groups_leave_together(void **state)
{
    (void)state;
    static uint8_t have[N], avoid[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int i = 0; i < HELD; i++) have[i] = 1, avoid[N - 1 - i] = 1;
    cull_job *j = opened(cx, 317, have, avoid);
    split s = {0};
    int64_t count[3];
    ok(cx, split_groups(j, 0.2, &s));
    for (uint64_t seed = 1; seed < 4; seed++) {
        uint8_t tested[N] = {0}, out[317] = {0};
        ok(cx, split_make(j, &s, seed));
        for (int64_t i = 0; i < s.tests; i++) {
            assert_false(avoid[s.test[i]] || tested[s.test[i]]++);
            out[t.group[s.test[i]]] = 1;
        }
        for (int i = 0; i < N; i++) {
            assert_int_equal(j->p.avoid[i], out[t.group[i]] || avoid[i]);
            assert_int_equal(tested[i], out[t.group[i]] && !avoid[i]);
            assert_false(have[i] && out[t.group[i]]);
        }
        tests_of(&s, count);
        assert_true(s.tests <= 232 && s.tests >= 228); /* a fifth of 1160 */
        assert_true(labs((long)count[0] - 135) < 12);  /* of 676 */
    }
    split_free(j, &s);
    cull_job_free(j);
    j = opened(cx, 3, NULL, NULL);
    ok(cx, split_groups(j, 0.2, &s));
    refused(cx, split_make(j, &s, 1), CULL_EINPUT,
            "of 1200 records 240 should be held out and 0 could be: the groups");
    split_free(j, &s);
    cull_job_free(j);
    cull_ctx_free(cx);
}

static void copies_leave_together(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_job *j;
    const cull_method *m = cull_method_find("random", NULL);
    split s = {0};
    ok(cx, cull_job_new(cx, CULL_TASK_DATA, &j));
    ok(cx, cull_job_set(j, "budget", "10%"));
    ok(cx, cull_job_set(j, "judge", "true"));
    ok(cx, cull_job_set(j, "pool", t.jsonl));
    ok(cx, cull_job_set(j, "label", "y"));
    ok(cx, cull_job_set(j, "split-by", "copies"));
    ok(cx, split_check(j));
    ok(cx, job_open(j, &m, 1, true, false));
    ok(cx, split_groups(j, 0.2, &s));
    ok(cx, split_make(j, &s, 1));
    assert_true(s.tests >= 238);
    for (int i = 0; i < N / 2; i++) assert_int_equal(j->p.avoid[i], j->p.avoid[i + N / 2]);
    split_free(j, &s);
    cull_job_free(j);
    cull_ctx_free(cx);
}

static double mean_of(cull_ctx *cx, const cull_compare *c, const char *method)
{
    cull_compare_line l[8];
    const char *best;
    int n;
    ok(cx, cull_compare_table(cx, c, 0, l, &n, &best));
    for (int i = 0; i < n; i++)
        if (!strcmp(l[i].method, method)) return l[i].mean;
    fail_msg("no line for %s", method);
    return NAN;
}

static cull_job *judged(cull_ctx *cx, const int32_t *label, const cull_compare **c)
{
    cull_job *j;
    cull_array pool = {.dtype = CULL_F32, .ndim = 2, .shape = {N, D}, .at = t.pool};
    cull_variant v = {cull_method_find("color-filter", NULL), NULL, NULL};
    ok(cx, cull_job_new(cx, CULL_TASK_DATA, &j));
    ok(cx, cull_job_set(j, "budget", "100"));
    ok(cx, cull_job_set(j, "judge", "true"));
    ok(cx, cull_job_set(j, "holdout", "25%"));
    ok(cx, cull_job_array(j, "pool", &pool));
    ok(cx, cull_job_codes(j, "label", label, N, names, 3));
    ok(cx, cull_job_column(j, "loss_prior", t.prior, N));
    ok(cx, cull_job_column(j, "loss_cond", t.cond, N));
    ok(cx, cull_job_compare(j, &v, 1, 3, c));
    return j;
}

/* A method whose scores are the wrong label: all that it keeps has label "yes". */
static void one_class_kept(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_compare *c;
    for (int i = 0; i < N; i++) t.prior[i] = t.label[i] == 1;
    cull_job *j = judged(cx, t.label, &c);
    assert_int_equal(c->metrics, 2);
    assert_string_equal(c->metric[0], "accuracy");
    assert_string_equal(c->metric[1], "balanced accuracy");
    assert_int_equal(c->rows, 9);
    assert_true(mean_of(cx, c, "full") == 1);
    assert_true(fabs(mean_of(cx, c, "color-filter") - 123.0 / 301) < 1e-12);
    assert_true(mean_of(cx, c, "random") > 0.98); /* the rare label may be missing */
    bool told = false;
    for (int i = 0; i < c->notes; i++)
        told |= strstr(c->note[i], "one label") && strstr(c->note[i], "color-filter (seed 3)");
    assert_true(told);
    cull_job_free(j);
    cull_ctx_free(cx);
}

/* Labels dealt out anew: nobody can know them, so nothing of the tests has leaked. */
static void permuted_labels(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_compare *c;
    cull_rng r = cull__rng_seeded(11, 1);
    static int32_t label[N];
    for (int i = 0; i < N; i++) label[i] = (int32_t)cull__rng_below(&r, 2);
    cull_job *j = judged(cx, label, &c);
    assert_true(fabs(mean_of(cx, c, "full") - 0.5) < 4 * 0.5 / sqrt(3 * 300));
    assert_true(fabs(mean_of(cx, c, "random") - 0.5) < 4 * 0.5 / sqrt(3 * 300));
    cull_job_free(j);
    cull_ctx_free(cx);
}

int main(void)
{
    setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stratified),
        cmocka_unit_test(groups_leave_together),
        cmocka_unit_test(copies_leave_together),
        cmocka_unit_test(one_class_kept),
        cmocka_unit_test(permuted_labels),
    };
    int bad = cmocka_run_group_tests_name("split", tests, NULL, NULL);
    unlink(t.jsonl);
    return bad;
}
