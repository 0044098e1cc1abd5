/* confidence: softmax and sureness, risk and coverage, rates and errors: against plain loops, hand tables and scikit-learn. */
#include "test.h"

#include "base/base.h"
#include "cull/confidence.h"

enum { N = 60, K = 4 };

static double unit(int i, int a, int b, int m) { return (double)((a * i + b) % m) / m; }

/* The rows that the recorded figures are of; in Python:
 *   u = lambda i, a, b, m: ((a*i + b) % m) / m
 *   z = [[12*u(5*i + 3*c, 71, 3*c, 127) - 4*c for c in range(4)] for i in range(60)]
 *   label = [argmax(z[i] + [6*u(i, 41, 17*c, 89) for c in range(4)])]
 *   x = [u(i, 37, 5, 31)]; positive = [u(i, 53, 2, 97) + .6*x[i] > .8] */
static void rows(double *z, int32_t *label, double *x, uint8_t *positive)
{
    for (int i = 0; i < N; i++) {
        int best = 0;
        double at[K];
        for (int c = 0; c < K; c++) {
            z[i * K + c] = 12 * unit(5 * i + 3 * c, 71, 3 * c, 127) - 4 * c;
            at[c] = z[i * K + c] + 6 * unit(i, 41, 17 * c, 89);
            if (at[c] > at[best]) best = c;
        }
        label[i] = best;
        x[i] = unit(i, 37, 5, 31);
        positive[i] = unit(i, 53, 2, 97) + .6 * x[i] > .8;
    }
}

/* ---- one row ---- */
static void softmaxes(void **state)
{
    (void)state;
    const double z[] = {1, 2, 4, -INFINITY};
    double p[4], lp[4], sum = exp(-3) + exp(-2) + 1;
    cull_softmax(z, 4, 1, p);
    cull_log_softmax(z, 4, 1, lp);
    assert_true(fabs(p[0] - exp(-3) / sum) < 1e-16 && fabs(p[2] - 1 / sum) < 1e-15 && p[3] == 0);
    assert_true(fabs(lp[1] + 2 + log(sum)) < 1e-15 && lp[3] == -INFINITY);
    const double far[] = {1e300, -1e300, 700}, same[] = {-800, -800};
    cull_softmax(far, 3, 1, p);
    assert_true(p[0] == 1 && p[1] == 0 && p[2] == 0);
    cull_softmax(same, 2, 1, p);
    assert_true(p[0] == .5 && p[1] == .5);
    memcpy(p, z, sizeof z);
    cull_softmax(p, 4, 2, p); /* in place */
    sum = exp(-1.5) + exp(-1) + 1;
    assert_true(fabs(p[1] - exp(-1) / sum) < 1e-16);
}

static void surenesses(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const double z[] = {.3, 2.1, -1, /* a tie: */ 3, 3, 0, /* float would give 1 twice: */ 20, 0, 0,
                        21, 0,   0};
    const float f[] = {.25f, 2.5f, -1, 3, 3, 0, 20, 0, 0, 21, 0, 0};
    cull_class_rows r = {.v = z, .dtype = CULL_F64, .n = 4, .classes = 3};
    double s[4], t[4], p[12];
    int32_t label[4];
    ok(cx, cull_class_proba(cx, &r, 1.5, p));
    cull_class_rows as_p = {.v = p, .dtype = CULL_F64, .proba = true, .n = 4, .classes = 3};
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_TOP, 1.5, s, label));
    for (int i = 0; i < 4; i++) assert_true(fabs(s[i] - p[3 * i + label[i]]) < 1e-16);
    assert_true(label[0] == 1 && label[1] == 0 && label[2] == 0); /* ties: the first */
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_MARGIN, 1.5, s, NULL));
    assert_true(fabs(s[0] - (p[1] - p[0])) < 1e-16 && s[1] == 0);
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_ENTROPY, 1.5, s, NULL));
    double h = 0;
    for (int c = 0; c < 3; c++) h += p[c] * log(p[c]);
    assert_true(fabs(s[0] - h) < 1e-15);
    for (int k = CULL_SURE_TOP; k <= CULL_SURE_ODDS;
         k++) { /* probabilities say the same as logits */
        ok(cx, cull_class_sure(cx, &r, k, 1.5, s, NULL));
        ok(cx, cull_class_sure(cx, &as_p, k, 1, t, NULL));
        for (int i = 0; i < 4; i++) assert_true(fabs(s[i] - t[i]) <= 1e-13 * fabs(s[i]) + 1e-15);
    }
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_ODDS, 1, s, NULL));
    assert_true(fabs(s[2] - (20 - log(2))) < 1e-14 && s[3] > s[2]);
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_TOP, 1, s, NULL));
    assert_true(s[3] > s[2] && (float)s[3] == (float)s[2]);
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_LOGIT, 1, s, NULL));
    assert_true(s[0] == 2.1 && s[3] == 21);
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_ENERGY, 2, s, NULL));
    assert_true(fabs(s[0] - 2 * log(exp(.15) + exp(1.05) + exp(-.5))) < 1e-15);
    r.v = f;
    r.dtype = CULL_F32;
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_ODDS, 1, s, NULL));
    assert_true(fabs(s[0] - (2.5 - log(exp(.25) + exp(-1)))) < 1e-15);
    cull_class_rows one = {.v = z, .dtype = CULL_F64, .n = 4, .classes = 1};
    ok(cx, cull_class_sure(cx, &one, CULL_SURE_MARGIN, 1, s, label));
    assert_true(s[3] == 1 && label[3] == 0);
    ok(cx, cull_class_sure(cx, &one, CULL_SURE_ODDS, 1, s, NULL));
    assert_true(s[0] == INFINITY);
    assert_string_equal(cull_sure_name(CULL_SURE_ENERGY), "energy");
    assert_string_equal(cull_sure_name((cull_sure)17), "");
    cull_ctx_free(cx);
}

static void wrong_rows(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double v[] = {.5, .5, .25, .75, .1, .9}, s[3];
    cull_class_rows r = {.v = v, .dtype = CULL_F64, .proba = true, .n = 3, .classes = 2};
    ok(cx, cull_class_check(cx, &r, 0));
    v[3] = .7502;
    ok(cx, cull_class_check(cx, &r, 0));
    refused(cx, cull_class_check(cx, &r, 1e-4), CULL_EINPUT,
            "row 1: its probabilities sum to 1.0002");
    v[3] = 3.5;
    refused(cx, cull_class_sure(cx, &r, CULL_SURE_TOP, 1, s, NULL), CULL_EINPUT,
            "are these logits?");
    v[3] = .75, v[4] = -.1, v[5] = 1.1;
    refused(cx, cull_class_check(cx, &r, 0), CULL_EINPUT,
            "row 2: the probability of class 0 is -0.1");
    v[4] = NAN;
    refused(cx, cull_class_check(cx, &r, 0), CULL_EINPUT, "class 0 is nan");
    r.proba = false;
    refused(cx, cull_class_check(cx, &r, 0), CULL_EINPUT, "row 2: the logit of class 0 is nan");
    v[4] = v[5] = -INFINITY;
    refused(cx, cull_class_check(cx, &r, 0), CULL_EINPUT, "row 2: all its logits are -inf");
    v[5] = 0;
    ok(cx, cull_class_check(cx, &r, 0));
    refused(cx, cull_class_sure(cx, &r, CULL_SURE_TOP, 0, s, NULL), CULL_EINPUT,
            "temperature of 0");
    refused(cx, cull_class_sure(cx, &r, (cull_sure)9, 1, s, NULL), CULL_EINPUT, "no sureness 9");
    r.dtype = CULL_I8;
    refused(cx, cull_class_check(cx, &r, 0), CULL_EINPUT, "type i8");
    r.dtype = CULL_F64, r.n = 0;
    refused(cx, cull_class_check(cx, &r, 0), CULL_EINPUT, "0 rows of 2 classes");
    r.n = 1, r.proba = true;
    refused(cx, cull_class_sure(cx, &r, CULL_SURE_ENERGY, 1, s, NULL), CULL_EINPUT,
            "energy is of logits");
    cull_ctx_free(cx);
}

/* ---- ten rows, by hand ---- */
static const double S10[] = {.9, .8, .8, .7, .6, .6, .6, .4, .3, .2};
static const double L10[] = {0, 0, 1, 0, 1, 0, 0, 1, 1, 0};

static void curve_by_hand(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_risk_point at[10], one;
    int64_t points;
    ok(cx, cull_risk_curve(cx, S10, L10, 10, at, &points));
    const double risk[] = {0, 1. / 3, 1. / 4, 2. / 7, 3. / 8, 4. / 9, 4. / 10};
    const double coverage[] = {.1, .3, .4, .7, .8, .9, 1}, from[] = {.9, .8, .7, .6, .4, .3, .2};
    assert_int_equal(points, 7);
    for (int i = 0; i < 7; i++)
        assert_true(at[i].risk == risk[i] && at[i].coverage == coverage[i] &&
                    at[i].threshold == from[i]);
    double area, excess;
    ok(cx, cull_risk_area(cx, S10, L10, 10, &area, &excess));
    /* (0 + 2/3 + 1/4 + 3 * 2/7 + 3/8 + 4/9 + 4/10) / 10; best: (1/7 + 2/8 + 3/9 + 4/10) / 10 */
    double a = (2. / 3 + 1. / 4 + 6. / 7 + 3. / 8 + 4. / 9 + .4) / 10;
    assert_true(fabs(area - a) < 1e-15);
    assert_true(fabs(excess - (a - (1. / 7 + 2. / 8 + 3. / 9 + 4. / 10) / 10)) < 1e-15);
    ok(cx, cull_coverage_at_risk(cx, S10, L10, 10, .3, &one)); /* not the first that exceeds it */
    assert_true(one.coverage == .7 && one.threshold == .6);
    ok(cx, cull_coverage_at_risk(cx, S10, L10, 10, 0, &one));
    assert_true(one.coverage == .1);
    ok(cx, cull_coverage_at_risk(cx, S10, L10, 10, -1, &one));
    assert_true(one.coverage == 0 && one.threshold == INFINITY && isnan(one.risk));
    ok(cx, cull_risk_at_coverage(cx, S10, L10, 10, .5, &one));
    assert_true(one.coverage == .7 && one.risk == 2. / 7);
    ok(cx, cull_risk_at_coverage(cx, S10, L10, 10, 1, &one));
    assert_true(one.coverage == 1);
    refused(cx, cull_risk_at_coverage(cx, S10, L10, 10, 0, &one), CULL_EINPUT, "coverage of 0");
    refused(cx, cull_risk_curve(cx, S10, L10, 0, at, &points), CULL_EINPUT, "no rows");
    double bad[10];
    memcpy(bad, S10, sizeof bad);
    bad[3] = NAN;
    refused(cx, cull_risk_curve(cx, bad, L10, 10, at, &points), CULL_EINPUT,
            "row 3: its score is nan");
    refused(cx, cull_risk_curve(cx, S10, bad, 10, at, &points), CULL_EINPUT,
            "row 3: its loss is nan");
    cull_ctx_free(cx);
}

static void rates_by_hand(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    uint8_t right[10], none[10] = {0};
    for (int i = 0; i < 10; i++) right[i] = L10[i] == 0;
    double v, pairs = 0;
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 10; j++)
            if (right[i] && !right[j]) pairs += S10[i] > S10[j] ? 1 : S10[i] == S10[j] ? .5 : 0;
    ok(cx, cull_auroc(cx, S10, right, 10, &v));
    assert_true(fabs(v - pairs / 24) < 1e-15);
    ok(cx, cull_fpr_at_tpr(cx, S10, right, 10, .5, &v)); /* .9, .8, .7 have 3 of 6, and 1 of 4 */
    assert_true(v == .25);
    ok(cx, cull_fpr_at_tpr(cx, S10, right, 10, .51, &v)); /* .6 too */
    assert_true(v == .5);
    ok(cx, cull_fpr_at_tpr(cx, S10, right, 10, 1, &v));
    assert_true(v == 1);
    ok(cx, cull_fpr_at_tpr(cx, S10, none, 10, .5, &v));
    assert_true(isnan(v));
    ok(cx, cull_auroc(cx, S10, none, 10, &v));
    assert_true(isnan(v));
    refused(cx, cull_fpr_at_tpr(cx, S10, right, 10, 1.5, &v), CULL_EINPUT, "rate of 1.5");
    /* two bins: (0, .5] holds .4 .3 .2, one right; (.5, 1] holds the rest, sum 5, five right */
    ok(cx, cull_calibration_error(cx, S10, right, 10, 2, false, &v));
    assert_true(fabs(v - (fabs(1 - .9) + fabs(5 - 5.)) / 10) < 1e-15);
    /* halves: .2 .3 .4 .6 .6 and, for the tie, .6: 3 right of 2.7; the others 3 right of 3.2 */
    ok(cx, cull_calibration_error(cx, S10, right, 10, 2, true, &v));
    assert_true(fabs(v - (.3 + .2) / 10) < 1e-15);
    ok(cx, cull_calibration_error(cx, S10, right, 10, 1, true, &v));
    assert_true(fabs(v - .1 / 10) < 1e-15);
    refused(cx, cull_calibration_error(cx, S10, right, 10, 65, true, &v), CULL_EINPUT, "65 bins");
    const double big[] = {.5, 1.5};
    refused(cx, cull_calibration_error(cx, big, right, 2, 5, true, &v), CULL_EINPUT,
            "row 1: its confidence is 1.5");
    cull_ctx_free(cx);
}

/* ---- whole problems ---- */
static void against_sklearn(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double z[N * K], x[N], p[N * K], v;
    int32_t label[N];
    uint8_t positive[N];
    rows(z, label, x, positive);
    /* sklearn 1.9.1: roc_auc_score(positive, x) */
    ok(cx, cull_auroc(cx, x, positive, N, &v));
    assert_true(fabs(v - 0.6612903225806451) < 1e-15);
    /* p = softmax(z); log_loss(label, p), brier_score_loss(label, p, scale_by_half=False), accuracy,
     * roc_auc_score(p.argmax(1) == label, p.max(1)) */
    cull_class_rows r = {.v = z, .dtype = CULL_F64, .n = N, .classes = K};
    cull_class_fit f, g;
    ok(cx, cull_class_judge(cx, &r, label, 1, CULL_SURE_TOP, &f));
    assert_true(fabs(f.log_loss - 0.3107858641865391) < 1e-14);
    assert_true(fabs(f.brier - 0.13116896842965134) < 1e-14);
    assert_true(fabs(f.accuracy - 56. / 60) < 1e-15 && fabs(f.auroc - 0.5446428571428571) < 1e-15);
    ok(cx, cull_class_proba(cx, &r, 1, p));
    cull_class_rows as_p = {.v = p, .dtype = CULL_F64, .proba = true, .n = N, .classes = K};
    ok(cx, cull_class_judge(cx, &as_p, label, 1, CULL_SURE_TOP, &g));
    assert_true(fabs(f.log_loss - g.log_loss) < 1e-14 && fabs(f.ece - g.ece) < 1e-14);
    assert_true(f.aurc == g.aurc && f.fpr_95 == g.fpr_95);
    label[7] = K;
    refused(cx, cull_class_judge(cx, &r, label, 1, CULL_SURE_TOP, &f), CULL_EINPUT,
            "row 7: its label is 4; it must be 0 to 3");
    const double sharp[] = {1, 0};
    cull_class_rows s = {.v = sharp, .dtype = CULL_F64, .proba = true, .n = 1, .classes = 2};
    const int32_t second = 1;
    ok(cx, cull_class_judge(cx, &s, &second, 1, CULL_SURE_TOP, &f));
    assert_true(f.log_loss == INFINITY && f.brier == 2 && isnan(f.auroc));
    cull_ctx_free(cx);
}

/* log loss at one temperature, by plain loops */
static double loss_at(const double *z, const int32_t *label, double t)
{
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double under = 0;
        for (int c = 0; c < K; c++) under += exp((z[i * K + c] - z[i * K + label[i]]) / t);
        sum += log(under);
    }
    return sum / N;
}

static void temperatures(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double z[N * K], x[N], t, same;
    int32_t label[N];
    uint8_t positive[N];
    bool ended;
    rows(z, label, x, positive);
    cull_class_rows r = {.v = z, .dtype = CULL_F64, .n = N, .classes = K};
    ok(cx, cull_temperature_fit(cx, &r, label, &t, &ended));
    /* scipy's minimize_scalar finds 1.66428382 with a loss of 0.25033991354710355: half its digits, as it reads values */
    assert_true(!ended && fabs(t - 1.66428382) < 1e-7);
    assert_true(fabs(loss_at(z, label, t) - 0.25033991354710355) < 1e-14);
    double h = 1e-4; /* the slope there is 0: differences of h to the square are what is left */
    assert_true(fabs(loss_at(z, label, t + h) - loss_at(z, label, t - h)) < 1e-11);
    for (int i = 0; i < N * K; i++) z[i] *= 3;
    ok(cx, cull_temperature_fit(cx, &r, label, &same, &ended));
    assert_true(fabs(same - 3 * t) < 1e-11);
    /* probabilities of those logits have the same temperature */
    double p[N * K];
    ok(cx, cull_class_proba(cx, &r, 1, p));
    cull_class_rows as_p = {.v = p, .dtype = CULL_F64, .proba = true, .n = N, .classes = K};
    ok(cx, cull_temperature_fit(cx, &as_p, label, &same, &ended));
    assert_true(fabs(same - 3 * t) < 1e-9);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < K; c++)
            if (z[i * K + c] > z[i * K + label[i]]) label[i] = c;
    ok(cx, cull_temperature_fit(cx, &r, label, &t, &ended)); /* all right */
    assert_true(ended && t == .01);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < K; c++)
            if (z[i * K + c] < z[i * K + label[i]]) label[i] = c;
    ok(cx, cull_temperature_fit(cx, &r, label, &t, &ended)); /* all as wrong as can be */
    assert_true(ended && t == 100);
    memset(z, 0, sizeof z);
    ok(cx, cull_temperature_fit(cx, &r, label, &t, &ended));
    assert_true(!ended && t == 1);
    const double sharp[] = {.5, .5, 1, 0};
    const int32_t two[] = {0, 1};
    cull_class_rows s = {.v = sharp, .dtype = CULL_F64, .proba = true, .n = 2, .classes = 2};
    refused(cx, cull_temperature_fit(cx, &s, two, &t, &ended), CULL_EINPUT,
            "row 1: its label 1 has probability 0");
    cull_ctx_free(cx);
}

/* ---- intervals ---- */
static void intervals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double a[N], b[N];
    int64_t group[N];
    for (int i = 0; i < N; i++) {
        a[i] = unit(i, 37, 5, 31) + .3 * unit(i, 53, 2, 97);
        b[i] = .5 + unit(i, 29, 1, 13) + a[i];
        group[i] = -(i % 10);
    }
    cull_interval_found v, w;
    cull_interval_opts o = {.draws = 40000};
    double mean = 0, sd = 0;
    for (int i = 0; i < N; i++) mean += a[i] / N;
    for (int i = 0; i < N; i++) sd += (a[i] - mean) * (a[i] - mean) / N;
    ok(cx, cull_interval_rows(cx, CULL_OF_MEAN, a, NULL, N, &o, &v));
    double half =
        1.96 * sqrt(sd / N); /* the bootstrap's own deviation; its percentiles come within 2 % */
    assert_true(fabs(v.value - mean) < 1e-14 && v.groups == N);
    assert_true(fabs(v.lo - (mean - half)) < .04 * half && fabs(v.hi - (mean + half)) < .04 * half);
    o.level = .5;
    ok(cx, cull_interval_rows(cx, CULL_OF_MEAN, a, NULL, N, &o, &w));
    assert_true(w.hi - w.lo < .4 * (v.hi - v.lo) && w.hi - w.lo > .3 * (v.hi - v.lo));
    o.level = 0;
    /* a ratio of a to 2 a is .5, whatever is drawn: rows are paired */
    double twice[N];
    for (int i = 0; i < N; i++) twice[i] = 2 * a[i];
    ok(cx, cull_interval_rows(cx, CULL_OF_RATIO, a, twice, N, &o, &w));
    assert_true(w.value == .5 && w.lo == .5 && w.hi == .5);
    for (int i = 0; i < N; i++) twice[i] = a[i] + 1;
    ok(cx, cull_interval_rows(cx, CULL_OF_DIFFERENCE, twice, a, N, &o, &w));
    assert_true(fabs(w.lo - 1) < 1e-14 && fabs(w.hi - 1) < 1e-14);
    /* numpy, 10^6 draws: of sum(a) / sum(b), and of the mean by groups */
    ok(cx, cull_interval_rows(cx, CULL_OF_RATIO, a, b, N, &o, &w));
    assert_true(fabs(w.lo - 0.35915) < .002 && fabs(w.hi - 0.42779) < .002);
    o.group = group;
    ok(cx, cull_interval_rows(cx, CULL_OF_MEAN, a, NULL, N, &o, &w));
    assert_true(w.groups == 10 && fabs(w.value - mean) < 1e-14);
    assert_true(fabs(w.lo - 0.49727) < .004 && fabs(w.hi - 0.73720) < .004);
    /* groups of equal rows are fewer rows */
    double few[10];
    for (int i = 0; i < 10; i++) few[i] = a[i];
    for (int i = 0; i < N; i++) twice[i] = a[9 - (9 + group[i])];
    ok(cx, cull_interval_rows(cx, CULL_OF_MEAN, twice, NULL, N, &o, &v));
    o.group = NULL;
    ok(cx, cull_interval_rows(cx, CULL_OF_MEAN, few, NULL, 10, &o, &w));
    assert_true(fabs(v.hi - w.hi) < .02 && fabs(v.lo - w.lo) < .02);
    double zero[N] = {0};
    refused(cx, cull_interval_rows(cx, CULL_OF_RATIO, a, zero, N, &o, &w), CULL_EINPUT, "all 0");
    zero[3] = -1;
    refused(cx, cull_interval_rows(cx, CULL_OF_RATIO, a, zero, N, &o, &w), CULL_EINPUT,
            "row 3: the denominator of a ratio is -1");
    o.level = 1;
    refused(cx, cull_interval_rows(cx, CULL_OF_MEAN, a, NULL, N, &o, &w), CULL_EINPUT,
            "level of 1");
    o.level = 0, o.draws = -4;
    refused(cx, cull_interval_rows(cx, CULL_OF_MEAN, a, NULL, N, &o, &w), CULL_EINPUT, "-4 draws");
    cull_ctx_free(cx);
}

/* ---- threads and memory ---- */
typedef struct {
    double t, p[3], proba[3000 * 3], score[3000];
    int32_t label[3000];
    cull_class_fit fit;
    cull_interval_found of;
} answers;

static cull_status everything(cull_ctx *cx, answers *a)
{
    enum { M = 3000 };
    static double z[M * 3];
    static int32_t y[M];
    bool ended;
    for (int i = 0; i < M; i++) {
        for (int c = 0; c < 3; c++) z[3 * i + c] = 5 * unit(3 * i + c, 7919, 11, 10007);
        y[i] = i % 7 ? i % 3 : 0;
    }
    cull_class_rows r = {.v = z, .dtype = CULL_F64, .n = M, .classes = 3};
    memset(a, 0, sizeof *a);
    CULL_TRY(cull_temperature_fit(cx, &r, y, &a->t, &ended));
    CULL_TRY(cull_class_proba(cx, &r, 2, a->proba));
    CULL_TRY(cull_class_sure(cx, &r, CULL_SURE_ENTROPY, 1, a->score, a->label));
    CULL_TRY(cull_class_judge(cx, &r, y, a->t, CULL_SURE_ODDS, &a->fit));
    cull_risk_point at;
    double loss[M];
    for (int i = 0; i < M; i++) loss[i] = a->label[i] != y[i];
    CULL_TRY(cull_coverage_at_risk(cx, a->score, loss, M, .6, &at));
    cull_interval_opts o = {.draws = 300};
    return cull_interval_rows(cx, CULL_OF_MEAN, a->score, NULL, M, &o, &a->of);
}

static void threads_and_memory(void **state)
{
    (void)state;
    static answers one, two;
    long calls = 0;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        ok(cx, everything(cx, threads == 1 ? &one : &two));
        if (threads == 1) calls = h.calls;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(&one, &two, sizeof one);
    for (long k = 2; k <= calls; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        assert_int_equal(everything(cx, &two), CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    hooks h = {.stop_at = 3};
    cull_ctx *cx = hooked_ctx(&h, 1);
    assert_int_equal(everything(cx, &two), CULL_ECANCEL);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmaxes),         cmocka_unit_test(surenesses),
        cmocka_unit_test(wrong_rows),        cmocka_unit_test(curve_by_hand),
        cmocka_unit_test(rates_by_hand),     cmocka_unit_test(against_sklearn),
        cmocka_unit_test(temperatures),      cmocka_unit_test(intervals),
        cmocka_unit_test(threads_and_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
