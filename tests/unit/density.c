/* densities: against sums of kernels written out; the split: against sorting all trials. */
#include "search/density.h"
#include "search/density_joint.h"
#include "test.h"

static double bell(double z) { return exp(-0.5 * z * z) / 2.5066282746310002; }
static double below(double z) { return 0.5 * erfc(-z / sqrt(2)); }
static double kernel(double u, double mid, double h)
{
    return bell((u - mid) / h) / h / (below((1 - mid) / h) - below(-mid / h));
}

/* Those of BAD are in bins of 1/512: three parts in a hundred of a kernel at the ends, where the
 * highest is 0.27. */
static void lines(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_rng r = cull__rng(cx, 3);
    cull__density *d;
    enum { N = 301 };
    double at[N];
    ok(cx, cull__density_open(cx, 0, NULL, NULL, 1.5, &d));
    for (int i = 0; i < N; i++) {
        at[i] = pow(cull__rng_unit(&r), 3);
        ok(cx, cull__density_add(cx, d, CULL__BAD, at[i]));
        ok(cx, cull__density_add(cx, d, CULL__BAD, 1 - at[i]));
    }
    for (int i = 0; i < N; i++) cull__density_drop(d, CULL__BAD, 1 - at[i]);
    double whole = 0, width = 1.5 / (pow(1.25, floor(log(N) / log(1.25))) + 1);
    if (width < 0.01) width = 0.01;
    for (int i = 0; i < 1000; i++) {
        double u = (i + 0.5) / 1000, sum = 1.5;
        for (int t = 0; t < N; t++) sum += kernel(u, at[t], width);
        double got = cull__density_at(d, CULL__BAD, u);
        whole += got / 1000;
        if (fabs(got - sum / (N + 1.5)) > 0.03 * sum / (N + 1.5) + 0.01)
            fail_msg("at %g: %g, not %g", u, got, sum / (N + 1.5));
    }
    assert_true(fabs(whole - 1) < 0.002);
    cull__density_close(d);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void good_line(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__density *d;
    const double at[4] = {0.1, 0.15, 0.45, 0.9}; /* widths: the farther neighbour, 0.5 being one */
    const double width[4] = {1.0 / 6, 0.3, 0.3, 0.4};
    ok(cx, cull__density_open(cx, 0, NULL, NULL, 1, &d));
    for (int i = 3; i >= 0; i--) ok(cx, cull__density_add(cx, d, CULL__GOOD, at[i]));
    ok(cx, cull__density_add(cx, d, CULL__GOOD, 0.7));
    cull__density_drop(d, CULL__GOOD, 0.7);
    for (int i = 0; i <= 100; i++) {
        double u = i / 100.0, sum = 1;
        for (int t = 0; t < 4; t++) sum += kernel(u, at[t], width[t]);
        assert_true(fabs(cull__density_at(d, CULL__GOOD, u) - sum / 5) <
                    1e-3); /* the bell's table */
    }
    double mean = 0;
    cull_rng r = cull__rng(cx, 1);
    for (int i = 0; i < 40000; i++) mean += cull__density_draw(d, &r) / 40000;
    double expect = 0;
    for (int i = 0; i < 1000; i++)
        expect += (i + 0.5) / 1000 * cull__density_at(d, CULL__GOOD, (i + 0.5) / 1000) / 1000;
    assert_true(fabs(mean - expect) < 0.006); /* 4 standard errors */
    cull__density_close(d);
    cull_ctx_free(cx);
}

static void tables(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__density *d, *flat;
    const double place[5] = {0.1, 0.3, 0.5, 0.7, 0.9};
    const int value[8] = {4, 4, 3, 4, 2, 4, 3, 1};
    ok(cx, cull__density_open(cx, 5, place, NULL, 2, &d));
    ok(cx, cull__density_open(cx, 5, NULL, NULL, 2, &flat));
    for (int i = 0; i < 8; i++) {
        ok(cx, cull__density_add(cx, d, CULL__GOOD, value[i]));
        ok(cx, cull__density_add(cx, flat, CULL__GOOD, value[i]));
    }
    double h = 0.2 * pow(pow(1.25, floor(log(8) / log(1.25))), -0.2);
    for (int v = 0; v < 5; v++) {
        double sum = 0, count = 0;
        for (int i = 0; i < 8; i++) {
            double all = 0;
            for (int w = 0; w < 5; w++) all += bell((place[w] - place[value[i]]) / h);
            sum += bell((place[v] - place[value[i]]) / h) / all;
            count += value[i] == v;
        }
        assert_true(fabs(cull__density_at(d, CULL__GOOD, v) - (sum + 0.4) / 10) < 1e-12);
        assert_true(fabs(cull__density_at(flat, CULL__GOOD, v) - (count + 2) / 18) < 1e-12);
        assert_true(fabs(cull__density_at(flat, CULL__BAD, v) - 0.2) < 1e-12);
    }
    cull__density_close(d);
    cull__density_close(flat);
    cull_ctx_free(cx);
}

/* ---- the split ---- */
enum { TRIALS = 400 };
typedef struct {
    uint8_t good[TRIALS];
    int moves;
} sides;

static cull_status note(cull_ctx *cx, void *user, int64_t number, cull__side side)
{
    (void)cx;
    sides *s = user;
    s->good[number] = side == CULL__GOOD;
    s->moves++;
    return CULL_OK;
}

static bool precedes(const cull_search_view *v, int a, int b)
{
    for (int k = 0; k < 2; k++) { /* feasible ones first */
        int x = k ? b : a;
        int y = k ? a : b;
        if (v->violation[x] < v->violation[y]) return k == 0;
    }
    if (v->violation[a] > 0) return v->value[a] < v->value[b];
    if (v->state[a] != v->state[b]) return v->state[a] == CULL_TRIAL_DONE;
    if (v->steps[a] != v->steps[b]) return v->steps[a] > v->steps[b];
    return v->value[a] < v->value[b];
}

static void one_objective(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static double value[TRIALS], violation[TRIALS];
    static uint8_t st[TRIALS];
    static int64_t steps[TRIALS];
    cull_search_view v = {
        .objectives = 1, .value = value, .violation = violation, .state = st, .steps = steps};
    cull_rng r = cull__rng(cx, 9);
    cull__split *s;
    sides got = {{0}, 0};
    int finite = 0;
    ok(cx, cull__split_open(cx, 1, 0.13, 30, &s));
    for (int t = 0; t < TRIALS; t++) {
        int kind = (int)cull__rng_below(&r, 6);
        st[t] = kind == 0 ? CULL_TRIAL_FAILED : kind == 1 ? CULL_TRIAL_STOPPED : CULL_TRIAL_DONE;
        value[t] = kind == 0 ? NAN : cull__rng_normal(&r);
        violation[t] = kind == 2 ? cull__rng_unit(&r) : 0;
        steps[t] = kind == 1 ? cull__rng_below(&r, 4) + 1 : 0;
        finite += kind != 0;
        ok(cx, cull__split_told(cx, s, &v, t, note, &got));
        int want = (int)fmin(30, fmax(1, ceil(0.13 * finite))), n = 0;
        for (int i = 0; i <= t; i++) {
            int before = 0;
            for (int k = 0; k <= t; k++)
                before += st[k] != CULL_TRIAL_FAILED && k != i && precedes(&v, k, i);
            n += got.good[i];
            assert_int_equal(got.good[i], st[i] != CULL_TRIAL_FAILED && before < want);
        }
        int64_t goods;
        cull__split_good(s, &goods);
        assert_int_equal(goods, n);
    }
    cull__split_close(s);
    cull_ctx_free(cx);
}

static bool above(const cull_search_view *v, int a, int b)
{
    if (v->violation[a] != v->violation[b]) return v->violation[a] < v->violation[b];
    bool less = false;
    for (int j = 0; j < 3; j++) {
        if (v->value[3 * a + j] > v->value[3 * b + j]) return false;
        less |= v->value[3 * a + j] < v->value[3 * b + j];
    }
    return less;
}

/* No bad trial has a lower rank of dominance than a good one. */
static void several_objectives(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { N = 150 };
    double value[3 * N], violation[N] = {0};
    uint8_t st[N] = {0};
    int64_t steps[N] = {0};
    cull_search_view v = {
        .objectives = 3, .value = value, .violation = violation, .state = st, .steps = steps};
    cull_rng r = cull__rng(cx, 9);
    cull__split *s;
    sides got = {{0}, 0};
    ok(cx, cull__split_open(cx, 3, 0.2, 12, &s));
    for (int t = 0; t < N; t++) {
        int rank[N], lowest_bad = N, highest_good = 0, goods = 0;
        for (int j = 0; j < 3; j++) value[3 * t + j] = floor(8 * cull__rng_unit(&r)) - t * 0.01;
        violation[t] = t % 5 == 0 ? 1 : 0;
        st[t] = CULL_TRIAL_DONE;
        ok(cx, cull__split_told(cx, s, &v, t, note, &got));
        for (int i = 0; i <= t; i++) rank[i] = -1;
        for (int now = 0, left = t + 1; left; now++) {
            for (int i = 0; i <= t; i++) {
                bool free = rank[i] < 0;
                for (int k = 0; k <= t && free; k++)
                    free = !((rank[k] < 0 || rank[k] == now) && above(&v, k, i));
                if (free) rank[i] = now, left--;
            }
        }
        for (int i = 0; i <= t; i++) {
            goods += got.good[i];
            if (got.good[i])
                highest_good = rank[i] > highest_good ? rank[i] : highest_good;
            else
                lowest_bad = rank[i] < lowest_bad ? rank[i] : lowest_bad;
        }
        assert_true(highest_good <= lowest_bad);
        assert_int_equal(goods, (int)fmin(12, ceil(0.2 * (t + 1))));
    }
    cull__split_close(s);
    cull_ctx_free(cx);
}

/* ---- whole points ---- */
static void joint(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp;
    const char text[] =
        "a = real(0, 2)\nb = or { p { c = one(x, y, z) } q { d = ordinal(1, 2, 3) } }\n";
    ok(cx, cull_space_from(cx, text, strlen(text), "space", &sp));
    const double x[4 * 4] = {0.5, 0, 2, NAN, 1.9, 1, NAN, 0, 0.1, 0, 0, NAN, 1, 1, NAN, 2};
    const double ask[2 * 4] = {0.7, 0, 2, NAN, 1.3, 1, NAN, 1};
    const int64_t who[3] = {0, 1, 2};
    float unit[4 * 4], at[4], units[CULL__JOINT_BATCH * 4];
    double apart[2], together[CULL__JOINT_BATCH], same[CULL__JOINT_BATCH * 4];
    cull__joint *j;
    ok(cx, cull__joint_open(cx, sp, 2, &j));
    for (int t = 0; t < 4; t++) cull__joint_unit(j, x + 4 * t, unit + 4 * t);
    ok(cx, cull__joint_set(cx, j, x, unit, who, 3, 10));
    double n = pow(1.25, floor(log(3) / log(1.25))), sd = 0.2 * pow(n, -1.0 / 8);
    double extra = 2 / (floor(n) + 2);
    for (int q = 0; q < 2; q++) {
        const double *y = ask + 4 * q;
        double sum = 2.0 / 2 / 3; /* the flat density: 1 x 1/2 x 1/3 */
        for (int t = 0; t < 3; t++) {
            const double *c = x + 4 * t;
            double w = kernel(y[0] / 2, c[0] / 2, sd);
            w *= ((c[1] == y[1]) + extra) / (1 + 2 * extra);
            if (y[1] == 0)
                w *= isnan(c[2]) ? 1.0 / 3 : ((c[2] == y[2]) + extra) / (1 + 3 * extra);
            else if (isnan(c[3]))
                w /= 3;
            else {
                double all = 0;
                for (int v = 0; v < 3; v++) all += bell((v - c[3]) / 3 / sd);
                w *= bell((y[3] - c[3]) / 3 / sd) / all;
            }
            sum += w;
        }
        cull__joint_unit(j, y, at);
        double got;
        cull__joint_log(j, y, at, 1, &got);
        if (fabs(got - log(sum / 5)) > 0.02) /* what lies within goes by a table of 64 places */
            fail_msg("%g, not %g", got, log(sum / 5));
        apart[q] = got;
    }
    for (int k = 0; k < CULL__JOINT_BATCH; k++) { /* at once as one by one, to the bit */
        memcpy(same + 4 * k, ask + 4 * (k % 3 == 1), 4 * sizeof *same);
        cull__joint_unit(j, same + 4 * k, units + 4 * k);
    }
    cull__joint_log(j, same, units, CULL__JOINT_BATCH, together);
    for (int k = 0; k < CULL__JOINT_BATCH; k++) assert_true(together[k] == apart[k % 3 == 1]);
    cull_rng r = cull__rng(cx, 1);
    int p = 0;
    for (int t = 0; t < 4000; t++) {
        double y[4];
        assert_true(cull__joint_draw(j, &r, y));
        ok(cx, cull_space_check(cx, sp, y));
        p += y[1] == 0;
    }
    double expect = (2 * (1 + extra) + extra) / (1 + 2 * extra) / 5 + 0.2;
    assert_true(fabs(p / 4000.0 - expect) < 0.032); /* 4 standard errors */
    cull__joint_close(j);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* Values with weights: the flat density has them, and what a kernel gives away goes by them; so do draws. */
static void weights(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp;
    const double w[3] = {0.7, 0.2, 0.1};
    const char text[] = "b = or { p { c = one(x: 7, y: 2, z: 1) } q }\n";
    ok(cx, cull_space_from(cx, text, strlen(text), "space", &sp));
    const double x[3 * 2] = {0, 1, 0, 2, 1, NAN};
    const int64_t who[3] = {0, 1, 2};
    float unit[3 * 2], at[2];
    cull__joint *j;
    ok(cx, cull__joint_open(cx, sp, 2, &j));
    for (int t = 0; t < 3; t++) cull__joint_unit(j, x + 2 * t, unit + 2 * t);
    ok(cx, cull__joint_set(cx, j, x, unit, who, 3, 10));
    double extra = 2 / (floor(pow(1.25, floor(log(3) / log(1.25)))) + 2), p[3], all = 0;
    for (int v = 0; v < 3; v++) {
        const double y[2] = {0, v};
        double got, sum = 2 * w[v] / 2;
        for (int t = 0; t < 3; t++) {
            double b = ((x[2 * t] == 0) + extra) / (1 + 2 * extra);
            double c = ((x[2 * t + 1] == v) + 3 * extra * w[v]) / (1 + 3 * extra);
            sum += b * (t == 2 ? w[v] : c);
        }
        cull__joint_unit(j, y, at);
        cull__joint_log(j, y, at, 1, &got);
        assert_true(fabs(got - log(sum / 5)) < 1e-5);
        all += p[v] = sum / 5;
    }
    cull_rng r = cull__rng(cx, 1);
    int drawn[3] = {0}, q = 0;
    for (int t = 0; t < DRAWS; t++) {
        double y[2];
        assert_true(cull__joint_draw(j, &r, y));
        if (y[0] == 0)
            drawn[(int)y[1]]++;
        else
            q++;
    }
    for (int v = 0; v < 3; v++) /* 4 standard errors */
        assert_true(fabs(drawn[v] / (double)DRAWS - p[v]) < 4 * sqrt(p[v] * (1 - p[v]) / DRAWS));
    assert_true(fabs(q / (double)DRAWS - (1 - all)) < 0.015);
    cull__joint_close(j);

    cull__density *d; /* and by itself */
    ok(cx, cull__density_open(cx, 3, NULL, w, 2, &d));
    for (int v = 0; v < 3; v++)
        assert_true(fabs(cull__density_at(d, CULL__GOOD, v) - w[v]) < 1e-12);
    ok(cx, cull__density_add(cx, d, CULL__GOOD, 2));
    for (int v = 0; v < 3; v++)
        assert_true(fabs(cull__density_at(d, CULL__GOOD, v) - (6 * w[v] + (v == 2)) / 7) < 1e-12);
    cull__density_close(d);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* A category of many values takes no square of them. */
static void many_values(void **state)
{
    (void)state;
    enum { VALUES = 100000, DRAWS = 4000 };
    cull_ctx *cx = cull_ctx_new(NULL);
    char *text;
    size_t n = 0;
    ok(cx, CULL_TMP(cx, text, VALUES * 10));
    n += (size_t)sprintf(text, "c = one(");
    for (int i = 0; i < VALUES; i++) n += (size_t)sprintf(text + n, "%sv%d", i ? ", " : "", i);
    n += (size_t)sprintf(text + n, ")\n");
    cull_space *sp;
    ok(cx, cull_space_from(cx, text, n, "space", &sp));
    cull__joint *j;
    ok(cx, cull__joint_open(cx, sp, 1, &j));
    const double x[3] = {0, 70000, VALUES - 1}, other = 5;
    const int64_t who[3] = {0, 1, 2};
    float unit[3], at;
    for (int t = 0; t < 3; t++) cull__joint_unit(j, x + t, unit + t);
    ok(cx, cull__joint_set(cx, j, x, unit, who, 3, 10));
    double extra = 1 / (floor(pow(1.25, floor(log(3) / log(1.25)))) + 1), sum = 1 + VALUES * extra;
    for (int q = 0; q < 4; q++) {
        double got, want = ((q < 3) + 3 * extra) / sum + 1.0 / VALUES;
        cull__joint_unit(j, q < 3 ? x + q : &other, &at);
        cull__joint_log(j, q < 3 ? x + q : &other, &at, 1, &got);
        assert_true(fabs(got - log(want / 4)) < 1e-5);
    }
    cull_rng r = cull__rng(cx, 1);
    double mean = 0, y;
    for (int t = 0; t < DRAWS; t++) {
        assert_true(cull__joint_draw(j, &r, &y));
        ok(cx, cull_space_check(cx, sp, &y));
        mean += y / DRAWS;
    }
    assert_true(fabs(mean / VALUES - 0.5) < 4 * sqrt(1.0 / 12 / DRAWS)); /* nearly all are others */
    cull__joint_close(j);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines),
                                       cmocka_unit_test(good_line),
                                       cmocka_unit_test(tables),
                                       cmocka_unit_test(one_objective),
                                       cmocka_unit_test(several_objectives),
                                       cmocka_unit_test(joint),
                                       cmocka_unit_test(weights),
                                       cmocka_unit_test(many_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
