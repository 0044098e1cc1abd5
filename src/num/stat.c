/* stat.c - means, quantiles and intervals of few numbers. */
#include "num/stat.h"
#include "num/block.h"

#include <string.h>

/* Sums of doubles keep what each addition loses (Neumaier 1974). */
static double sum(const double *v, int64_t n)
{
    double s = 0, lost = 0;
    for (int64_t i = 0; i < n; i++) {
        double t = s + v[i];
        lost += fabs(s) >= fabs(v[i]) ? (s - t) + v[i] : (v[i] - t) + s;
        s = t;
    }
    return isfinite(lost) ? s + lost : s;
}

double cull__mean(const double *v, int64_t n) { return n > 0 ? sum(v, n) / (double)n : NAN; }

double cull__sd(const double *v, int64_t n)
{
    if (n < 2) return NAN;
    double m = cull__mean(v, n), s = 0;
    for (int64_t i = 0; i < n; i++) s += (v[i] - m) * (v[i] - m);
    return sqrt(s / (double)(n - 1));
}

/* Between the order statistics around q (n - 1), as numpy does by default (Hyndman and Fan 1996,
 * definition 7). */
cull_status cull__quantile(cull_ctx *cx, const double *v, int64_t n, double q, double *out)
{
    *out = NAN;
    if (n < 1 || !(q >= 0 && q <= 1)) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull__ranked *r;
    CULL_TRY(CULL_TMP(cx, r, n));
    bool nan = false;
    for (int64_t i = 0; i < n; i++) {
        r[i] = (cull__ranked){-v[i], i}; /* ascending */
        nan |= isnan(v[i]);
    }
    double at = q * (double)(n - 1);
    int64_t lo = (int64_t)at, hi = lo + 1 < n ? lo + 1 : lo;
    if (!nan) {
        cull__rank_top(r, n, hi + 1);
        cull__rank_top(r, hi + 1, hi);
        cull__rank_top(r, hi, lo);
        double a = -r[lo].v, b = -r[hi].v;
        *out = at > (double)lo ? a + (b - a) * (at - (double)lo) : a;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static const double z95 = 1.959963984540054;

void cull__wilson(double hits, double n, double *lo, double *hi)
{
    *lo = 0;
    *hi = 1;
    if (!(n > 0)) return;
    double p = hits / n, z2 = z95 * z95, mid = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    *lo = hits <= 0 ? 0 : mid - half;
    *hi = hits >= n ? 1 : mid + half;
}

/* Continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1), f;
    d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
    f = d;
    for (int i = 1; i < 10000; i++) {
        double m = i, even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int half = 0; half < 2; half++) {
            double t = half ? odd : even, dn = 1 + t * d, cn = 1 + t / c;
            d = 1 / (fabs(dn) < 1e-300 ? 1e-300 : dn);
            c = fabs(cn) < 1e-300 ? 1e-300 : cn;
            f *= c * d;
        }
        if (fabs(c * d - 1) < 1e-15) break;
    }
    return f;
}

/* The regularised incomplete beta function I_x(a, b). */
double cull__beta_inc(double a, double b, double x)
{
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    double front = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* P(|T| > t) = I_{df/(df+t^2)}(df/2, 1/2) falls in t: bisection for 0.05. */
double cull__t_95(int64_t df)
{
    if (df < 1) return INFINITY;
    if (df > 100000000) return z95;
    double lo = 0, hi = 13, f = (double)df; /* 12.706 for one degree of freedom */
    for (int i = 0; i < 64; i++) {
        double t = lo + (hi - lo) / 2;
        if (cull__beta_inc(f / 2, 0.5, f / (f + t * t)) > 0.05)
            lo = t;
        else
            hi = t;
    }
    return lo + (hi - lo) / 2;
}

double cull__f_tail(double f, double df1, double df2)
{
    if (isnan(f) || !(df1 > 0) || !(df2 > 0)) return NAN;
    if (f <= 0) return 1;
    if (isinf(f)) return 0;
    return cull__beta_inc(df2 / 2, df1 / 2, df2 / (df2 + df1 * f));
}

/* Q(a, x), the regularised upper incomplete gamma function: a series below, Lentz's continued fraction
 * (DLMF 8.9.2) above. */
double cull__chi2_tail(double x, double df)
{
    double a = df / 2, term = 1, total = 1;
    if (isnan(x) || !(df > 0)) return NAN;
    if (x <= 0) return 1;
    if (isinf(x)) return 0;
    x /= 2;
    double front = exp(a * log(x) - x - lgamma(a));
    if (x < a + 1) {
        for (double k = 1; k < 1e6 && term > total * 1e-17; k++) total += term *= x / (a + k);
        return 1 - front * total / a;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, f = d;
    for (double k = 1; k < 1e6; k++) {
        double n = k * (a - k);
        b += 2;
        d = 1 / (n * d + b);
        c = b + n / c;
        f *= c * d;
        if (fabs(c * d - 1) < 1e-15) break;
    }
    return front * f;
}

void cull__t_interval(const double *v, int64_t n, double *lo, double *hi)
{
    double m = cull__mean(v, n);
    if (n < 2) {
        *lo = n == 1 ? -INFINITY : NAN;
        *hi = n == 1 ? INFINITY : NAN;
        return;
    }
    double half = cull__t_95(n - 1) * cull__sd(v, n) / sqrt((double)n);
    *lo = m - half;
    *hi = m + half;
}

cull_status cull__bootstrap(cull_ctx *cx, cull_rng *r, const double *v, int64_t n, int draws,
                            double *lo, double *hi)
{
    *lo = *hi = NAN;
    if (n < 1 || draws < 1) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    double *mean;
    CULL_TRY(CULL_TMP(cx, mean, draws));
    cull_status s = CULL_OK;
    for (int b = 0; b < draws && s == CULL_OK; b++) {
        double t = 0;
        for (int64_t i = 0; i < n; i++) t += v[cull__rng_below(r, n)];
        mean[b] = t / (double)n;
        if (b % 64 == 0) s = cull__tick(cx, b, draws);
    }
    if (s == CULL_OK) s = cull__quantile(cx, mean, draws, 0.025, lo);
    if (s == CULL_OK) s = cull__quantile(cx, mean, draws, 0.975, hi);
    cull__release(cx, mark);
    return s;
}
