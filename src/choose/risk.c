/* risk.c - p-values of a risk, learn then test, conformal risk control, Clopper and Pearson (cull/risk.h). */
#include "cull/risk.h"

#include <math.h>

#include "choose/conform.h"
#include "num/stat.h"

/* P(Binomial(n, alpha) <= hits). */
double cull_risk_binomial(int64_t hits, int64_t n, double alpha)
{
    if (hits < 0) return 0;
    if (hits >= n) return 1;
    return cull__beta_inc((double)(n - hits), (double)hits + 1, 1 - alpha);
}

/* KL divergence of Bernoulli(a) from Bernoulli(b). */
static double divergence(double a, double b)
{
    double x = a > 0 ? a * log(a / b) : 0;
    return x + (a < 1 ? (1 - a) * (log1p(-a) - log1p(-b)) : 0);
}

double cull_risk_hoeffding_bentkus(double mean, int64_t n, double alpha)
{
    if (!(mean >= 0 && mean <= 1)) return NAN;
    double hoeffding = exp(-(double)n * divergence(mean < alpha ? mean : alpha, alpha));
    double hits = ceil((double)n * mean / CULL__REACHED);
    double bentkus = exp(1) * cull_risk_binomial((int64_t)hits, n, alpha);
    double p = hoeffding < bentkus ? hoeffding : bentkus;
    return p < 1 ? p : 1;
}

/* Each stake is at most 1, so that no loss leaves the bettor without money; it knows earlier rows alone. */
double cull_risk_betting(const double *loss, int64_t n, double alpha, double delta)
{
    double sum = .5, off = .25, spread = .25, money = 0, most = 0; /* money: as a logarithm */
    for (int64_t i = 0; i < n; i++) {
        double x = loss[i], stake = sqrt(2 * -log(delta) / ((double)n * spread));
        if (!(x >= 0 && x <= 1)) return NAN;
        money += log1p((stake < 1 ? stake : 1) * (alpha - x));
        if (money > most) most = money;
        sum += x;
        double mean = sum / (double)(i + 2);
        off += (x - mean) * (x - mean);
        spread = off / (double)(i + 2);
    }
    return exp(-most);
}

static cull_status risk_pvalues(cull_ctx *cx, const double *loss, int64_t n, int64_t k,
                                double alpha, bool exact, double *mean, double *p)
{
    double *lost; /* what additions lose; NaN = a loss between 0 and 1 */
    uint8_t *between;
    CULL_TRY(CULL_TMP0(cx, lost, k));
    CULL_TRY(CULL_TMP0(cx, between, k));
    for (int64_t j = 0; j < k; j++) p[j] = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++) {
            double x = loss[i * k + j], t = p[j] + x;
            if (!(x >= 0 && x <= 1))
                return cull__fail(cx, CULL_EINPUT,
                                  "row %lld loses %g at threshold %lld; losses lie in [0, 1]",
                                  (long long)i, x, (long long)j);
            lost[j] += p[j] >= x ? (p[j] - t) + x : (x - t) + p[j];
            p[j] = t;
            between[j] |= x != 0 && x != 1;
        }
    for (int64_t j = 0; j < k; j++) {
        double sum = p[j] + lost[j], m = sum / (double)n;
        if (mean) mean[j] = m;
        p[j] = exact && !between[j] ? cull_risk_binomial((int64_t)sum, n, alpha)
                                    : cull_risk_hoeffding_bentkus(m < 1 ? m : 1, n, alpha);
    }
    return CULL_OK;
}

cull_status cull_risk_pvalues(cull_ctx *cx, const double *loss, int64_t n, int64_t k, double alpha,
                              bool exact, double *mean, double *p)
{
    CULL_TRY(cull__conform_rows_fit(cx, "calibration rows", n, 1));
    CULL_TRY(cull__conform_rows_fit(cx, "thresholds", k, 0));
    CULL_TRY(cull__conform_level_fit(cx, "the risk alpha", alpha));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = risk_pvalues(cx, loss, n, k, alpha, exact, mean, p);
    cull__release(cx, mark);
    return s;
}

cull_status cull_risk_learn(cull_ctx *cx, const double *p, int64_t k, double delta, cull_ltt how,
                            uint8_t *valid, int64_t *count)
{
    CULL_TRY(cull__conform_rows_fit(cx, "thresholds", k, 0));
    CULL_TRY(cull__conform_level_fit(cx, "the probability delta", delta));
    bool on = true;
    double level = how == CULL_LTT_SEQUENCE ? delta : delta / (double)k;
    *count = 0;
    for (int64_t j = 0; j < k; j++) {
        bool pass = p[j] <= level * CULL__REACHED;
        on &= pass;
        valid[j] = how == CULL_LTT_SEQUENCE ? on : pass;
        *count += valid[j];
    }
    return CULL_OK;
}

/* ---- conformal risk control ---- */
static bool held(double mean, int64_t n, double alpha, double most)
{
    return ((double)n * mean + most) / (double)(n + 1) <= alpha * CULL__REACHED;
}

static cull_status control_fits(cull_ctx *cx, int64_t n, int64_t k, double alpha, double most)
{
    CULL_TRY(cull__conform_rows_fit(cx, "calibration rows", n, 1));
    CULL_TRY(cull__conform_rows_fit(cx, "thresholds", k, 0));
    if (!isfinite(alpha) || !isfinite(most) || alpha > most)
        return cull__fail(cx, CULL_EOPTION,
                          "a risk of %g where no loss passes %g; it must be finite and below that",
                          alpha, most);
    return CULL_OK;
}

cull_status cull_risk_conformal_means(cull_ctx *cx, const double *mean, int64_t k, int64_t n,
                                      double alpha, double most, int64_t *at)
{
    CULL_TRY(control_fits(cx, n, k, alpha, most));
    *at = -1;
    for (int64_t j = k; j-- > 0;) {
        if (!(mean[j] <= most) || (j + 1 < k && mean[j] < mean[j + 1] / CULL__REACHED))
            return cull__fail(cx, CULL_EINPUT,
                              "the mean loss at threshold %lld is %g; it must be %g at most and "
                              "not grow to the next",
                              (long long)j, mean[j], most);
        if (held(mean[j], n, alpha, most)) *at = j;
    }
    return CULL_OK;
}

static cull_status conformal(cull_ctx *cx, const double *loss, int64_t n, int64_t k, double alpha,
                             double most, int64_t *at)
{
    double *sum;
    CULL_TRY(CULL_TMP0(cx, sum, k));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++) {
            double x = loss[i * k + j];
            if (!(x <= most) || !isfinite(x) || (j > 0 && x > loss[i * k + j - 1]))
                return cull__fail(cx, CULL_EINPUT,
                                  "row %lld loses %g at threshold %lld; losses must be finite, %g "
                                  "at most and never grow from one threshold to the next",
                                  (long long)i, x, (long long)j, most);
            sum[j] += x;
        }
    *at = -1;
    for (int64_t j = k; j-- > 0;)
        if (held(sum[j] / (double)n, n, alpha, most)) *at = j;
    return CULL_OK;
}

cull_status cull_risk_conformal(cull_ctx *cx, const double *loss, int64_t n, int64_t k,
                                double alpha, double most, int64_t *at)
{
    CULL_TRY(control_fits(cx, n, k, alpha, most));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = conformal(cx, loss, n, k, alpha, most, at);
    cull__release(cx, mark);
    return s;
}

/* ---- Clopper and Pearson ---- */
void cull_risk_interval(int64_t hits, int64_t n, double level, double *lo, double *hi)
{
    double tail = (1 - level) / 2;
    *lo = 0;
    *hi = 1;
    /* P(Bin(n, x) <= h) falls as x grows: the upper end has P(<= hits) = tail, the lower P(>= hits) = tail */
    for (int up = 0; up < 2; up++) {
        if (up ? hits >= n : hits <= 0) continue;
        double a = 0, b = 1;
        for (int i = 0; i < 200 && b - a > 1e-16 * b; i++) {
            double x = a + (b - a) / 2;
            bool past = up ? cull_risk_binomial(hits, n, x) <= tail
                           : cull__beta_inc((double)hits, (double)(n - hits) + 1, x) >= tail;
            if (past)
                b = x;
            else
                a = x;
        }
        *(up ? hi : lo) = up ? b : a;
    }
}
