/* op_random.c - operations that draw, and log densities. */
#define _GNU_SOURCE /* lgamma_r */
#include "cull/nn_random.h"
#include "nn/nn.h"

#include <math.h>
#include <string.h>

typedef struct {
    uint64_t stream;
    double tau;
    bool hard;
} draw;

static cull_status one_shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    char a[96], b[96];
    y->rank = x->rank;
    for (int i = 0; i < x->rank; i++) y->dim[i] = x->dim[i];
    for (int k = 1; k < y->ins; k++) {
        bool same = y->in[k]->rank == x->rank;
        for (int i = 0; same && i < x->rank; i++) same = y->in[k]->dim[i] == x->dim[i];
        if (!same)
            return cull__wrong(t, y, "the shapes are %s and %s; they must be the same",
                               cull__dims(x, a), cull__dims(y->in[k], b));
    }
    return CULL_OK;
}

/* The gradient of input i: y's, times slope(arg, j) for each number j. */
typedef double slope_fn(const cull_var *y, int64_t j);
static cull_status pass(cull_tape *t, cull_var *y, int i, slope_fn *slope)
{
    cull_var *x = y->in[i];
    if (!x->needs) return CULL_OK;
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    for (int64_t j = 0; j < y->n; j++)
        g[j] = (add ? g[j] : 0) + (float)((double)y->g[j] * slope(y, j));
    return CULL_OK;
}

/* ---- Gumbel softmax ---- */

static cull_status gumbel_shape(cull_tape *t, cull_var *y)
{
    const draw *a = y->attr;
    if (y->in[0]->rank < 1) return cull__wrong(t, y, "x is one number; it must be (..., n)");
    if (!(a->tau > 0) || !isfinite(a->tau))
        return cull__wrong(t, y, "tau is %g; it must be above 0", a->tau);
    return one_shape(t, y);
}

static cull_status gumbel_forward(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    const draw *a = y->attr;
    int64_t k = x->dim[x->rank - 1], rows = x->n / k;
    float *soft = a->hard ? cull__save(t, y, y->n) : y->v;
    if (!soft) return cull_tape_status(t);
    cull_rng r = cull__rng_seeded(a->stream, 0);
    for (int64_t i = 0; i < rows; i++) {
        float *p = soft + i * k, top = -INFINITY, sum = 0;
        int64_t best = 0;
        for (int64_t c = 0; c < k; c++) {
            p[c] = (float)(((double)x->v[i * k + c] + cull__rng_gumbel(&r)) / a->tau);
            if (p[c] > top) top = p[c], best = c;
        }
        for (int64_t c = 0; c < k; c++) sum += p[c] = expf(p[c] - top);
        for (int64_t c = 0; c < k; c++) p[c] /= sum;
        if (!a->hard) continue;
        memset(y->v + i * k, 0, (size_t)k * sizeof *y->v);
        y->v[i * k + best] = 1;
    }
    return CULL_OK;
}

static cull_status gumbel_backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    const draw *a = y->attr;
    int64_t k = x->dim[x->rank - 1], rows = x->n / k;
    const float *soft = a->hard ? y->save : y->v;
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    for (int64_t i = 0; i < rows; i++) {
        const float *p = soft + i * k, *d = y->g + i * k;
        double mean = 0;
        for (int64_t c = 0; c < k; c++) mean += (double)p[c] * (double)d[c];
        for (int64_t c = 0; c < k; c++)
            g[i * k + c] =
                (add ? g[i * k + c] : 0) + (float)((double)p[c] * ((double)d[c] - mean) / a->tau);
    }
    return CULL_OK;
}

const cull__op cull__op_gumbel_softmax = {
    .name = "gumbel_softmax",
    .doc = "softmax of x with Gumbel noise, or its one-hot",
    .flags = CULL__RANDOM | CULL__READS_OUT,
    .shape = gumbel_shape,
    .forward = gumbel_forward,
    .backward = gumbel_backward,
};

cull_var *cull_nn_gumbel_softmax(cull_tape *t, cull_var *x, double tau, bool hard)
{
    draw a = {.tau = tau, .hard = hard};
    return cull__apply(t, &cull__op_gumbel_softmax, &x, 1, &a, sizeof a);
}

/* ---- Bernoulli ---- */

static cull_status bernoulli_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const draw *a = y->attr;
    cull_rng r = cull__rng_seeded(a->stream, 0);
    for (int64_t i = 0; i < y->n; i++)
        y->v[i] = cull__rng_unit(&r) < cull__logistic((double)y->in[0]->v[i]);
    return CULL_OK;
}

static double bernoulli_slope(const cull_var *y, int64_t j)
{
    double p = cull__logistic((double)y->in[0]->v[j]);
    return p * (1 - p);
}

static cull_status bernoulli_backward(cull_tape *t, cull_var *y)
{
    return pass(t, y, 0, bernoulli_slope);
}

const cull__op cull__op_bernoulli = {
    .name = "bernoulli",
    .doc = "0 or 1, by the chance sigmoid(x)",
    .flags = CULL__RANDOM | CULL__READS_IN,
    .shape = one_shape,
    .forward = bernoulli_forward,
    .backward = bernoulli_backward,
};

cull_var *cull_nn_bernoulli(cull_tape *t, cull_var *x)
{
    return cull__apply(t, &cull__op_bernoulli, &x, 1, &(draw){0}, sizeof(draw));
}

static cull_status bernoulli_density(cull_tape *t, cull_var *y)
{
    (void)t;
    for (int64_t i = 0; i < y->n; i++) {
        double z = (double)y->in[1]->v[i];
        z = y->in[0]->v[i] > .5f ? z : -z;
        y->v[i] = (float)(z < 0 ? z - log1p(exp(z)) : -log1p(exp(-z)));
    }
    return CULL_OK;
}

static double bernoulli_density_slope(const cull_var *y, int64_t j)
{
    double p = cull__logistic((double)y->in[1]->v[j]);
    return y->in[0]->v[j] > .5f ? 1 - p : -p;
}

static cull_status bernoulli_density_back(cull_tape *t, cull_var *y)
{
    return pass(t, y, 1, bernoulli_density_slope);
}

const cull__op cull__op_bernoulli_log_density = {
    .name = "bernoulli_log_density",
    .doc = "log chance of 0 or 1, by a logit",
    .flags = CULL__READS_IN,
    .shape = one_shape,
    .forward = bernoulli_density,
    .backward = bernoulli_density_back,
};

cull_var *cull_nn_bernoulli_log_density(cull_tape *t, cull_var *x, cull_var *logit)
{
    return cull__apply(t, &cull__op_bernoulli_log_density, (cull_var *[]){x, logit}, 2, NULL, 0);
}

/* ---- normal ---- */

static cull_status normal_forward(cull_tape *t, cull_var *y)
{
    const draw *a = y->attr;
    float *e = cull__save(t, y, y->n);
    if (!e) return cull_tape_status(t);
    cull_rng r = cull__rng_seeded(a->stream, 0);
    for (int64_t i = 0; i < y->n; i++) {
        e[i] = (float)cull__rng_normal(&r);
        y->v[i] = (float)((double)y->in[0]->v[i] + exp((double)y->in[1]->v[i]) * (double)e[i]);
    }
    return CULL_OK;
}

static double by_one(const cull_var *y, int64_t j) { return (void)y, (void)j, 1; }
static double by_noise(const cull_var *y, int64_t j)
{
    return exp((double)y->in[1]->v[j]) * (double)((const float *)y->save)[j];
}

static cull_status normal_backward(cull_tape *t, cull_var *y)
{
    CULL_TRY(pass(t, y, 0, by_one));
    return pass(t, y, 1, by_noise);
}

const cull__op cull__op_normal = {
    .name = "normal",
    .doc = "a normal draw of given mean and log standard deviation",
    .flags = CULL__RANDOM | CULL__READS_OUT | CULL__READS_IN1,
    .shape = one_shape,
    .forward = normal_forward,
    .backward = normal_backward,
};

cull_var *cull_nn_normal(cull_tape *t, cull_var *mean, cull_var *log_sd)
{
    return cull__apply(t, &cull__op_normal, (cull_var *[]){mean, log_sd}, 2, &(draw){0},
                       sizeof(draw));
}

static double off(const cull_var *y, int64_t j) /* in standard deviations */
{
    return ((double)y->in[0]->v[j] - (double)y->in[1]->v[j]) * exp(-(double)y->in[2]->v[j]);
}

static cull_status normal_density(cull_tape *t, cull_var *y)
{
    (void)t;
    for (int64_t i = 0; i < y->n; i++) {
        double z = off(y, i);
        y->v[i] =
            (float)(-z * z / 2 - (double)y->in[2]->v[i] - log(2 * 3.14159265358979323846) / 2);
    }
    return CULL_OK;
}

static double normal_by_mean(const cull_var *y, int64_t j)
{
    return off(y, j) * exp(-(double)y->in[2]->v[j]);
}
static double normal_by_x(const cull_var *y, int64_t j) { return -normal_by_mean(y, j); }
static double normal_by_sd(const cull_var *y, int64_t j) { return off(y, j) * off(y, j) - 1; }

static cull_status normal_density_back(cull_tape *t, cull_var *y)
{
    CULL_TRY(pass(t, y, 0, normal_by_x));
    CULL_TRY(pass(t, y, 1, normal_by_mean));
    return pass(t, y, 2, normal_by_sd);
}

const cull__op cull__op_normal_log_density = {
    .name = "normal_log_density",
    .doc = "log density of a normal",
    .flags = CULL__READS_IN,
    .shape = one_shape,
    .forward = normal_density,
    .backward = normal_density_back,
};

cull_var *cull_nn_normal_log_density(cull_tape *t, cull_var *x, cull_var *mean, cull_var *log_sd)
{
    return cull__apply(t, &cull__op_normal_log_density, (cull_var *[]){x, mean, log_sd}, 3, NULL,
                       0);
}

/* ---- Beta ---- */

/* d/dx log Gamma(x), x > 0: up by the recurrence, then the asymptotic series; off by less than 1e-12. */
static double digamma(double x)
{
    double s = 0;
    for (; x < 10; x++) s -= 1 / x;
    double f = 1 / (x * x);
    return s + log(x) - .5 / x -
           f * (1. / 12 - f * (1. / 120 - f * (1. / 252 - f * (1. / 240 - f * (1. / 132)))));
}

static double log_beta(double a, double b)
{
    int sign;
    return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

/* Beta(a, b) by its log odds, so that neither end is lost to rounding. */
static double beta_draw(cull_rng *r, double a, double b)
{
    if (a < 1 || b < 1)
        for (;;) { /* Joehnk, in logs */
            double u = log(cull__rng_unit(r)) / a, v = log(cull__rng_unit(r)) / b;
            double top = u > v ? u : v, both = top + log(exp(u - top) + exp(v - top));
            if (both <= 0) return exp(u - both);
        }
    double lo = a < b ? a : b, sum = a + b; /* Cheng's BB, for a, b of at least 1 */
    double beta = lo > 1 ? sqrt((sum - 2) / (2 * a * b - sum)) : 1, gamma = lo + 1 / beta;
    for (;;) {
        double u = cull__rng_unit(r), v = beta * log(u / (1 - u)), w = lo * exp(v);
        double z = u * u * cull__rng_unit(r), other = a < b ? b : a;
        if (sum * log(sum / (other + w)) + gamma * v - log(4.) < log(z)) continue;
        return a < b ? w / (other + w) : other / (other + w);
    }
}

static cull_status beta_shape(cull_tape *t, cull_var *y)
{
    for (int k = y->ins - 2; k < y->ins; k++)
        for (int64_t i = 0; y->in[k]->v && i < y->in[k]->n; i++)
            if (!(y->in[k]->v[i] > 0))
                return cull__wrong(t, y, "a shape parameter is %g; it must be above 0",
                                   (double)y->in[k]->v[i]);
    return one_shape(t, y);
}

static cull_status beta_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const draw *a = y->attr;
    const float least = 1e-7f;
    cull_rng r = cull__rng_seeded(a->stream, 0);
    for (int64_t i = 0; i < y->n; i++) {
        float v = (float)beta_draw(&r, (double)y->in[0]->v[i], (double)y->in[1]->v[i]);
        y->v[i] = v < least ? least : v > 1 - least ? 1 - least : v;
    }
    return CULL_OK;
}

const cull__op cull__op_beta = {
    .name = "beta",
    .doc = "a draw of Beta(a, b)",
    .flags = CULL__RANDOM,
    .shape = beta_shape,
    .forward = beta_forward,
};

cull_var *cull_nn_beta(cull_tape *t, cull_var *a, cull_var *b)
{
    return cull__apply(t, &cull__op_beta, (cull_var *[]){a, b}, 2, &(draw){0}, sizeof(draw));
}

static cull_status beta_density(cull_tape *t, cull_var *y)
{
    (void)t;
    for (int64_t i = 0; i < y->n; i++) {
        double x = (double)y->in[0]->v[i], a = (double)y->in[1]->v[i], b = (double)y->in[2]->v[i];
        y->v[i] = (float)((a - 1) * log(x) + (b - 1) * log1p(-x) - log_beta(a, b));
    }
    return CULL_OK;
}

static double beta_by_a(const cull_var *y, int64_t j)
{
    double a = (double)y->in[1]->v[j], b = (double)y->in[2]->v[j];
    return log((double)y->in[0]->v[j]) - digamma(a) + digamma(a + b);
}
static double beta_by_b(const cull_var *y, int64_t j)
{
    double a = (double)y->in[1]->v[j], b = (double)y->in[2]->v[j];
    return log1p(-(double)y->in[0]->v[j]) - digamma(b) + digamma(a + b);
}

static cull_status beta_density_back(cull_tape *t, cull_var *y)
{
    CULL_TRY(pass(t, y, 1, beta_by_a));
    return pass(t, y, 2, beta_by_b);
}

const cull__op cull__op_beta_log_density = {
    .name = "beta_log_density",
    .doc = "log density of Beta(a, b)",
    .flags = CULL__READS_IN,
    .shape = beta_shape,
    .forward = beta_density,
    .backward = beta_density_back,
};

cull_var *cull_nn_beta_log_density(cull_tape *t, cull_var *x, cull_var *a, cull_var *b)
{
    return cull__apply(t, &cull__op_beta_log_density, (cull_var *[]){x, a, b}, 3, NULL, 0);
}
