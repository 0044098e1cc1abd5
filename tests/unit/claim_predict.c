/* claim_predict: the checks of searches by predictors, on tables made here, against what a plain count comes to. */
#include "claiming.h"

#include "base/base.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"macro/nasbench_macro_cifar10.csv",
                                    "ofa_mbv3_dynast/ofa_mbv3_w10_imagenet.csv"};
enum { FILES = sizeof files / sizeof *files };

static FILE *begin_file(int i)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%.*s", dir, (int)(strchr(files[i], '/') - files[i]), files[i]);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s", dir, files[i]);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    return f;
}

/* Each digit adds to the accuracy and to the cost. */
static void make_macro(void)
{
    FILE *f = begin_file(0);
    fprintf(f, "arch,mean_acc,flops\n");
    for (int at = 0; at < 6561; at++) {
        double acc = 84, cost = 10;
        char name[9] = {0};
        for (int i = 7, v = at; i >= 0; i--, v /= 3) {
            name[i] = (char)('0' + v % 3);
            acc += (v % 3) * (0.3 + 0.02 * i), cost += (v % 3) * (5 - 0.3 * i);
        }
        fprintf(f, "%s,%.4f,%.0f\n", name, acc + at % 7 * 0.01, 1e6 * cost);
    }
    assert_int_equal(fclose(f), 0);
}

/* Four searches of so many draws; without `odd` a fifth of 700; else that is the last line. */
enum { RUNS = 5, STEPS = 600, MORE = 700 };
static const char *const runs[RUNS] = {"evoga_acc", "linasga_acc", "evonsga2_acc_macs",
                                       "linasnsga2_acc_macs", "other"};
static double logged[RUNS][MORE][2]; /* MACs in millions, accuracy */
static void make_log(const char *odd, int steps)
{
    cull_rng r = cull__rng_seeded(5, 5);
    FILE *f = begin_file(1);
    fprintf(f, "run,step,ks,e,d,params,macs,top1\n");
    for (int k = 0; k < RUNS; k++)
        for (int t = 0; t < (k < 4 ? steps : odd ? 0 : MORE); t++) {
            char ks[21] = {0}, e[21] = {0}, d[6] = {0};
            double acc = 72, macs = 100;
            for (int s = 0; s < 5; s++) d[s] = (char)('2' + cull__rng_below(&r, 3));
            for (int i = 0; i < 20; i++) {
                int a = (int)cull__rng_below(&r, 3), b = (int)cull__rng_below(&r, 3);
                ks[i] = "357"[a], e[i] = "346"[b];
                if (i % 4 < d[i / 4] - '0') acc += 0.1 * a + 0.137 * b, macs += 3 * a + 5 * b;
            }
            logged[k][t][0] = macs, logged[k][t][1] = acc;
            fprintf(f, "%s,%d,%s,%s,%s,1,%.0f,%.3f\n", runs[k], t, ks, e, d, 1e6 * macs, acc);
        }
    if (odd) fprintf(f, "%s\n", odd);
    assert_int_equal(fclose(f), 0);
}

static int begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/claim_predict_XXXXXX");
    if (!mkdtemp(dir)) return -1;
    make_macro();
    return 0;
}

static int end(void **state)
{
    char path[160];
    (void)state;
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
        *strrchr(path, '/') = 0;
        (void)rmdir(path);
    }
    return rmdir(dir);
}

/* ---- dynas-t ---- */
static void bad_log(const char *odd, int steps, const char *part)
{
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    make_log(odd, steps);
    refused(cx, cull_claim_run(cx, "dynas-t", dir, true, &r), CULL_EINPUT, part);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* What a run's first n cover below 600 and above 70, rows by rows of 0.05 accuracy. */
static double covered(int run, int n)
{
    double sum = 0;
    for (double a = 70.0005; a < 100; a += 0.001) {
        double least = 600;
        for (int t = 0; t < n; t++)
            if (logged[run][t][1] > a) least = fmin(least, logged[run][t][0]);
        sum += 0.001 * (600 - least);
    }
    return sum;
}

static double most(int run, int n)
{
    double best = 0;
    for (int t = 0; t < n; t++) best = fmax(best, logged[run][t][1]);
    return best;
}

static const cull_claim_figure *named(const cull_claim_result *r, const char *what)
{
    for (int i = 0; i < r->figures; i++)
        if (!strcmp(r->figure[i].what, what)) return &r->figure[i];
    fail_msg("no figure '%s'", what);
    return NULL;
}

static void dynas_t(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    refused(cx, cull_claim_run(cx, "dynas-t", dir, true, &r), CULL_ENODATA,
            "ofa_mbv3_w10_imagenet.csv is not there");
    cull_ctx_free(cx);
    make_log(NULL, STEPS);
    r = keeps("dynas-t");
    fails_well("dynas-t", 40);
    assert_true(fabs(r.line[0].value -
                     (named(&r, "(a) share of the volume, 50, LINAS")->value -
                      named(&r, "(a) share of the volume, 200, NSGA-II")->value)) < 1e-12);
    assert_true(r.line[2].holds); /* sums are what a ridge learns */
    assert_true(named(&r, "(a) share of the volume, 200, random")->value < r.line[2].value);
    assert_true(fabs(named(&r, "(b) logged volume, LINAS at 250")->value - covered(3, 250)) < 0.6);
    assert_true(fabs(named(&r, "(b) logged volume, NSGA-II at 350")->value - covered(2, 350)) <
                0.6);
    assert_true(fabs(r.line[4].value - (most(1, 100) - most(0, 250))) < 2e-3);
    assert_true(r.line[8].value > 0.99); /* of 1000 */
    assert_true(r.line[5].value < 0.9);  /* of 50 for 120 features */
}

static void wrong_logs(void **state)
{
    (void)state;
    char good[128];
    snprintf(good, sizeof good, "evoga_acc,600,%020d,%020d,22222,1,1e6,75", 0, 0);
    bad_log(good, STEPS, "line 2402: a run's name, 20 kernels of 3, 5, 7"); /* 0 is no kernel */
    bad_log("evoga_acc,600,333,444,222,1,1e6,75", STEPS, "line 2402: a run's name");
    bad_log("evoga_acc,600,33333333333333333333,33333333333333333333,22222,1,0,75", STEPS,
            "line 2402: a run's name");
    bad_log("evoga_acc,600,33333333333333333333,33333333333333333333,22222,1,1e6,101", STEPS,
            "line 2402: a run's name");
    bad_log("evoga_acc,600,33333333333333333333,33333333333333333333,25222,1,1e6,75", STEPS,
            "line 2402: a run's name");
    bad_log("evoga_acc,600,33333333333333333333,33333333333333333333,2,1,1e6,75", STEPS,
            "line 2402: a run's name");
    bad_log(NULL, 340, "340 rows of run evonsga2_acc_macs; at least 350 are needed");
    bad_log(NULL, 300, "1900 designs; at least 2000 are needed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dynas_t), cmocka_unit_test(wrong_logs)};
    return cmocka_run_group_tests(tests, begin, end);
}
