/* claim_search: the checks of search papers, on tables made here; what their tables must be. */
#include "claiming.h"

#include "cull/predict.h"
#include "cull/search.h"

#include <sys/stat.h>
#include <unistd.h>

/* ---- tables in a folder of their own ---- */
typedef struct {
    const char *folder, *file, *head;
    int digits, base, columns;
} kind;
static const kind nb201 = {
    "nasbench201", "nb201.csv", "arch,c10_val200,c100_val200,in16_val200", 6, 5, 3};
static const kind macro = {
    "macro", "nasbench_macro_cifar10.csv", "arch,mean_acc,acc0,acc1,acc2", 8, 3, 4};
static const kind *const kinds[] = {&nb201, &macro};

static void path_of(const kind *k, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", dir, k->folder);
    (void)mkdir(path, 0700);
    snprintf(path, size, "%s/%s/%s", dir, k->folder, k->file);
}

/* Accuracies of column j: what each digit adds, and a little that depends on all of them. */
static double accuracy(const kind *k, const int *digit, int j)
{
    double v = 40;
    unsigned all = 17U * (unsigned)j;
    for (int i = 0; i < k->digits; i++) {
        v += 40.0 / k->digits * ((digit[i] * (i + 2) + (j > 0)) % k->base) / k->base;
        all = all * 31U + (unsigned)digit[i];
    }
    v += (double)(all * 2654435761U >> 16 & 1023U) / 512;
    return round(1e4 * v) / 1e4; /* as it is printed */
}

/* All designs but the last `less`; `extra`: a line at the end. */
static void make(const kind *k, int less, const char *extra)
{
    char path[160];
    int n = 1;
    path_of(k, path, sizeof path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s\n", k->head);
    for (int i = 0; i < k->digits; i++) n *= k->base;
    for (int at = 0; at < n - less; at++) {
        int digit[16];
        for (int i = k->digits - 1, v = at; i >= 0; i--, v /= k->base) digit[i] = v % k->base;
        for (int i = 0; i < k->digits; i++) fprintf(f, "%d", digit[i]);
        for (int j = 0; j < k->columns; j++) fprintf(f, ",%.4f", accuracy(k, digit, j));
        fprintf(f, "\n");
    }
    if (extra) fprintf(f, "%s\n", extra);
    assert_int_equal(fclose(f), 0);
}

/* A log of 240 runs: the time is the product of what three knobs do. `bad`: line 3's first cell, or NULL. */
static void make_log(const char *bad)
{
    static const char *const words[] = {
        "topologies-per-dim-1",      "topologies-per-dim-2",
        "dimension-type-1",          "dimension-type-2",
        "scheduling-policy",         "all-reduce-implementation",
        "all-gather-implementation", "reduce-scatter-implementation",
        "all-to-all-implementation", "collective-optimization"};
    static const char *const numbers[] = {"units-count-1",
                                          "units-count-2",
                                          "link-latency-1",
                                          "link-latency-2",
                                          "link-bandwidth-1",
                                          "link-bandwidth-2",
                                          "nic-latency-1",
                                          "nic-latency-2",
                                          "router-latency-1",
                                          "router-latency-2",
                                          "hbm-latency-1",
                                          "hbm-latency-2",
                                          "hbm-bandwidth-1",
                                          "hbm-bandwidth-2",
                                          "hbm-scale-1",
                                          "hbm-scale-2",
                                          "links-count-1",
                                          "links-count-2",
                                          "endpoint-delay",
                                          "active-chunks-per-dimension",
                                          "preferred-dataset-splits",
                                          "boost-mode"};
    char path[160];
    snprintf(path, sizeof path, "%s/archgym", dir);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/archgym/astrasim_feasible.csv", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int j = 0; j < 10; j++) fprintf(f, "%s,", words[j]);
    for (int j = 0; j < 22; j++) fprintf(f, "%s,", numbers[j]);
    fprintf(f, "observation-1\n");
    for (unsigned i = 0; i < 240; i++) {
        unsigned r = (i + 1) * 2654435761U, word = r >> 20 & 1U, units = 1 + (r >> 8 & 7U);
        fprintf(f, "%s,", i == 1 && bad ? bad : word ? "Ring" : "Switch");
        for (int j = 1; j < 10; j++) fprintf(f, "w%u,", r >> j & 1U);
        fprintf(f, "%u,", units);
        for (int j = 1; j < 22; j++) fprintf(f, "%u,", (r >> j) % 5);
        fprintf(f, "%g\n", 1e6 * (word ? 3 : 1) * units);
    }
    assert_int_equal(fclose(f), 0);
}

static int begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/claim_search_XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[160];
        path_of(kinds[i], path, sizeof path);
        (void)unlink(path);
        snprintf(path, sizeof path, "%s/%s", dir, kinds[i]->folder);
        (void)rmdir(path);
    }
    char path[160];
    snprintf(path, sizeof path, "%s/archgym/astrasim_feasible.csv", dir);
    (void)unlink(path);
    snprintf(path, sizeof path, "%s/archgym", dir);
    (void)rmdir(path);
    return rmdir(dir);
}

static void bad_table(const char *slug, const kind *k, int less, const char *extra,
                      const char *part)
{
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    make(k, less, extra);
    refused(cx, cull_claim_run(cx, slug, dir, true, &r), CULL_EINPUT, part);
    assert_true(!r.claim);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void tables(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    refused(cx, cull_claim_run(cx, "fbnetv5", "/no/such/place", true, &r), CULL_ENODATA,
            "/no/such/place/nasbench201/nb201.csv is not there");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    bad_table("fbnetv5", &nb201, 1, NULL, "nb201.csv has 15624 designs of the 15625 there are");
    bad_table("fbnetv5", &nb201, 0, "000000,1,2,3", "line 15627: arch is 6 digits below 5");
    bad_table("fbnetv5", &nb201, 1, "444445,1,2,3", "line 15626: arch is 6 digits below 5");
    bad_table("fbnetv5", &nb201, 1, "44444,1,2,3", "line 15626: arch is 6 digits below 5");
    bad_table("fbnetv5", &nb201, 1, "444444,1,x,3", "line 15626: c100_val200 must be an accuracy");
    bad_table("fbnetv5", &nb201, 1, "444444,1,2,101",
              "line 15626: in16_val200 must be an accuracy");
    make(&nb201, 0, NULL);
    make(&macro, 0, NULL);
}

/* ---- fbnetv5: where the tasks are nearly one, sharing is all gain ---- */
static void fbnetv5(void **state)
{
    (void)state;
    keeps("fbnetv5");
    fails_well("fbnetv5", 4000);
    cull_ctx_opts o = CULL_CTX_OPTS;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_claim_result r;
    ok(cx, cull_claim_run(cx, "fbnetv5", dir, false, &r));
    assert_int_equal(r.seeds, 20);
    assert_true(r.figure[0].value < r.figure[1].value); /* 300: shared ranks above separate */
    assert_true(r.figure[4].value < r.figure[0].value); /* and 900 above 300 */
    for (int i = 0; i < 2; i++)
        assert_true(fabs(r.line[i].value - r.figure[4 * i].value / r.figure[4 * i + 1].value) <
                    1e-12);
    cull_ctx_free(cx);
}

/* ---- deeparchitect: values that add up are what a tree learns ---- */
static void deeparchitect(void **state)
{
    (void)state;
    keeps("deeparchitect");
    fails_well("deeparchitect", 100);
    cull_ctx_opts o = CULL_CTX_OPTS;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_claim_result r;
    ok(cx, cull_claim_run(cx, "deeparchitect", dir, true, &r));
    for (int i = 0; i < 2; i++) {
        const cull_claim_figure *f = &r.figure[6 * i]; /* random, uct twice, smbo twice, exactly */
        const cull_claim_line *l = &r.line[4 * i];     /* gains of uct and smbo, means rise */
        assert_true(fabs(l[0].value - (f[1].value - f[0].value)) < 1e-9);
        assert_true(fabs(l[1].value - (f[3].value - f[0].value)) < 1e-9);
        assert_true(l[2].holds && l[3].holds);
        /* random: the interval of the mean is of 95 %, twice its width is of 99.99 % */
        assert_true(fabs(f[0].value - f[5].value) < f[0].hi - f[0].lo);
        assert_true(isnan(f[5].lo));
    }
    cull_ctx_free(cx);
}

/* ---- nas-eval: the figures of all designs against ones by hand ---- */
static double tau_by_hand(bool best)
{
    enum { N = 6561 };
    static double v[3][N];
    double agree = 0, ties[2] = {0}, pairs = 0, least = -1;
    for (int at = 0; at < N; at++) {
        int digit[16];
        for (int i = 7, d = at; i >= 0; i--, d /= 3) digit[i] = d % 3;
        for (int j = 0; j < 3; j++) v[j][at] = accuracy(&macro, digit, j);
    }
    for (int i = 0; i < N && best; i++) { /* the 657th and all that are as good */
        int better = 0, no_worse = 0;
        for (int k = 0; k < N; k++) better += v[0][k] > v[0][i], no_worse += v[0][k] >= v[0][i];
        if (better < 657 && no_worse >= 657) least = v[0][i];
    }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < i && v[0][i] >= least; k++) {
            if (v[0][k] < least) continue;
            double a = v[1][i] - v[1][k], b = v[2][i] - v[2][k];
            agree += (a > 0 ? 1 : -1) * (b > 0 ? 1 : -1) * (a != 0 && b != 0);
            ties[0] += a == 0, ties[1] += b == 0, pairs++;
        }
    return agree / sqrt((pairs - ties[0]) * (pairs - ties[1]));
}

static void nas_eval(void **state)
{
    (void)state;
    keeps("nas-eval");
    fails_well("nas-eval", 4000);
    cull_ctx_opts o = CULL_CTX_OPTS;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_claim_result r;
    ok(cx, cull_claim_run(cx, "nas-eval", dir, false, &r));
    assert_int_equal(r.seeds, 40);
    for (int i = 0; i < 2; i++) {
        assert_true(fabs(r.figure[i].value - tau_by_hand(i == 1)) < 1e-12);
        assert_true(fabs(r.line[i].value - fabs(r.figure[i].value - (i ? .187 : .882))) < 1e-12);
        assert_true(r.line[2 + i].holds);
    }
    /* 2, then a table's: random search, 5 methods of 4 figures, how many are better */
    assert_int_equal(r.figures, 2 + 2 * 22);
    const cull_claim_figure *uct = &r.figure[2 + 1 + 16];
    assert_non_null(strstr(uct[0].what, "uct"));
    double ratio = uct[0].value / 100, at_random = r.figure[2].value;
    assert_true(uct[0].lo < uct[0].value && uct[0].value < uct[0].hi);
    assert_true(fabs(uct[1].value - 100 * ratio * at_random / (100 - at_random)) < 1e-9);
    assert_true(uct[2].value < .05 && uct[3].value > 64);
    cull_ctx_free(cx);
}

/* ---- archgym ---- */
/* The designs that a method with its defaults asks for in 64 evaluations, as rows of 8 x 3 and accuracies. */
static void log_of(cull_ctx *cx, const char *slug, double *x, double *y)
{
    static const char text[] = "a = one(u, v, w)\nb = one(u, v, w)\nc = one(u, v, w)\n"
                               "d = one(u, v, w)\ne = one(u, v, w)\nf = one(u, v, w)\n"
                               "g = one(u, v, w)\nh = one(u, v, w)\n";
    cull_objective o = {"accuracy", true};
    cull_search_problem p = {.objectives = 1, .objective = &o, .trials = 64};
    const cull_method *m = cull_method_find(slug, NULL);
    cull_space *space;
    cull_study *study;
    cull_trial t;
    ok(cx, cull_space_from(cx, text, sizeof text - 1, "eight", &space));
    p.space = space;
    ok(cx, cull_study_open(cx, &p, m, NULL, NULL, &study));
    memset(x, 0, 64 * 24 * sizeof *x);
    for (int i = 0; i < 64; i++) {
        int digit[8];
        ok(cx, cull_study_ask(study, &t));
        for (int j = 0; j < 8; j++) {
            digit[j] = (int)t.x[j];
            x[i * 24 + 3 * j + digit[j]] = 1;
        }
        y[i] = accuracy(&macro, digit, 0);
        cull_outcome told = CULL_OUTCOME;
        told.value = y + i;
        ok(cx, cull_study_tell(study, t.number, &told));
    }
    cull_study_free(study);
    cull_space_free(space);
}

/* What a forest that learnt from n rows is off by, root mean square over all designs. */
static double forest_error(cull_ctx *cx, const double *x, const double *y, int n)
{
    enum { ALL = 6561 };
    static double every[ALL * 24], said[ALL], real[ALL];
    cull_predict_opts o = CULL_PREDICT_OPTS;
    cull_predictor *p;
    double sum = 0;
    memset(every, 0, sizeof every);
    for (int at = 0; at < ALL; at++) {
        int digit[8];
        for (int i = 7, d = at; i >= 0; i--, d /= 3) digit[i] = d % 3;
        for (int i = 0; i < 8; i++) every[at * 24 + 3 * i + digit[i]] = 1;
        real[at] = accuracy(&macro, digit, 0);
    }
    o.kind = CULL_PREDICT_FOREST;
    ok(cx, cull_predictor_fit(cx, x, y, NULL, n, 24, &o, 4202, &p));
    ok(cx, cull_predictor_say(cx, p, every, ALL, said, NULL));
    cull_predictor_free(p);
    for (int at = 0; at < ALL; at++) sum += (said[at] - real[at]) * (said[at] - real[at]);
    return sqrt(sum / ALL);
}

/* (c): the errors of smbo's five logs and of the mixture, again from public functions. */
static void logs_by_hand(const cull_claim_result *r)
{
    static const char *const agent[] = {"random-search", "regularized-evolution", "ant-colony",
                                        "uct", "smbo"};
    static double x[320 * 24], y[320];
    const cull_claim_figure *f = r->figure + 10;
    double mixed[3], smbo[3];
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_ctx *cx = cull_ctx_new(&co);
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < 3; i++) {
        uint64_t seed = first + 5 * (uint64_t)i;
        cull_ctx_reseed(cx, seed);
        for (int a = 0; a < 5; a++) log_of(cx, agent[a], x + a * 64 * 24, y + a * 64);
        mixed[i] = forest_error(cx, x, y, 320);
        for (int k = 0; k < 5; k++) {
            cull_ctx_reseed(cx, seed + (uint64_t)k);
            log_of(cx, "smbo", x + k * 64 * 24, y + k * 64);
        }
        cull_ctx_reseed(cx, seed);
        smbo[i] = forest_error(cx, x, y, 320);
    }
    cull_ctx_free(cx);
    assert_non_null(strstr(f[4].what, "smbo"));
    assert_true(fabs(f[4].value - (smbo[0] + smbo[1] + smbo[2]) / 3) < 1e-9);
    assert_true(fabs(f[5].value - (mixed[0] + mixed[1] + mixed[2]) / 3) < 1e-9);
    int won = 0;
    for (int i = 0; i < 3; i++) won += mixed[i] < smbo[i];
    assert_true(fabs(f[10].value - won / 3.) < 1e-12);
}

static void archgym(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    refused(cx, cull_claim_run(cx, "archgym", dir, true, &r), CULL_ENODATA,
            "archgym/astrasim_feasible.csv is not there");
    make_log("");
    refused(cx, cull_claim_run(cx, "archgym", dir, true, &r), CULL_EINPUT,
            "line 3: topologies-per-dim-1 is ''; one of 8 words");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    make_log(NULL);
    cx = hooked_ctx(&h, 1);
    cull_status s = cull_claim_run(cx, "archgym", dir, true, &r);
    if (s == CULL_ENODATA) { /* built without boosted trees */
        cull_ctx_free(cx);
        skip();
    }
    ok(cx, s);
    assert_int_equal(r.lines, 9);
    /* the methods' best: as far from random's as the lines say, and as far from one another as the figure says */
    double top = r.line[2].value, bottom = r.line[2].value;
    for (int i = 2; i < 7; i++)
        top = fmax(top, r.line[i].value), bottom = fmin(bottom, r.line[i].value);
    assert_true(fabs(r.figure[5].value - (top - bottom)) < 1e-9);
    for (int i = 0; i < 2; i++)
        assert_true(fabs(r.line[i].value - r.figure[i].value / (top - bottom)) < 1e-6);
    assert_true(r.line[7].value > .9); /* trees learn a product of two knobs */
    assert_true(r.figure[7].value < r.line[7].value);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    logs_by_hand(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables), cmocka_unit_test(fbnetv5),
                                       cmocka_unit_test(deeparchitect), cmocka_unit_test(nas_eval),
                                       cmocka_unit_test(archgym)};
    return cmocka_run_group_tests(tests, begin, end);
}
