/* predict_gp_fit.c - the numbers of a Gaussian process's kernel: priors, maximum a posteriori by L-BFGS from
 * several starts. */
#include "score/predict_gp.h"

#include <math.h>

enum {
    STARTS = 2,
    FEW = 256,   /* rows that the starts are compared on */
    SOME = 1000, /* rows that the best is carried on with */
    FIRST = 10,  /* steps of each start; */
    STEPS = 40,  /* of the best of them */
    MORE = 15,
};
static const double TOL = 1e-2; /* of a logarithm of likelihood: less is no other model */

/* ---- priors, of logarithms ---- */

/* Lengths grow with the root of the number of features, so that a row's neighbours stay neighbours (Hvarfner,
 * Hellsten, Nardi 2024): N(sqrt 2 + log(d) / 2, 3). Noise: N(-4, 1). Variance: that of the answers, N(0, 1). */
static const double NOISE = -4, WIDE = 3;
static double length_middle(int64_t d) { return 1.4142135623730951 + 0.5 * log((double)d); }

static double normal(double v, double mean, double variance, double *g)
{
    *g += (v - mean) / variance;
    return 0.5 * (v - mean) * (v - mean) / variance;
}

/* Half-Cauchy of a scale, of the logarithm v. */
static double half_cauchy(double v, double scale, double *g)
{
    double z = v - log(scale); /* e^z / (1 + e^2z), written so that neither end overflows */
    *g += tanh(z);
    return log1p(exp(-2 * fabs(z))) + fabs(z);
}

double cull__gp_prior(const cull__gp_form *f, int64_t d, const double *theta, double *g)
{
    int64_t size = cull__gp_size(f, d);
    double v = normal(theta[0], 0, 1, g) + normal(theta[1], NOISE, 1, g + 1);
    if (f->sparse) v += half_cauchy(theta[2], 0.1, g + 2);
    for (int64_t i = 2 + f->sparse; i < size; i++)
        v += f->sparse ? half_cauchy(theta[i], 1, g + i)
                       : normal(theta[i], length_middle(d), WIDE, g + i);
    return v;
}

/* ---- the search ---- */

typedef struct {
    const cull__samples *t;
    const cull__gp_form *f;
    uint64_t stream;
    double *theta; /* (STARTS, size) */
    double loss[STARTS];
} search;

static cull_status loss_at(cull_ctx *cx, void *arg, const double *x, double *f, double *g)
{
    const search *s = arg;
    return cull__gp_loss(cx, s->t, s->f, x, true, f, g);
}

/* The priors' middle, lengths a third of that, and draws. SAAS starts from like lengths: where tau is small
 * nothing pulls. */
static void begin(cull_ctx *cx, const search *s, int64_t start, double *theta)
{
    int64_t d = s->t->d, size = cull__gp_size(s->f, d);
    cull_rng r = cull__rng(cx, s->stream + (uint64_t)start);
    double shift = start == 1 ? -log(3.) : 0;
    theta[0] = 0;
    theta[1] = NOISE + (start > 1 ? 1.5 * cull__rng_normal(&r) : 0);
    for (int64_t i = 2; i < size; i++) {
        double length = length_middle(d) + shift + (start > 1 ? cull__rng_normal(&r) : 0);
        theta[i] = !s->f->sparse ? length : i == 2 ? log(0.1) : -2 * length - log(0.1);
    }
}

static cull_status from_start(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    search *s = arg;
    int64_t size = cull__gp_size(s->f, s->t->d);
    double *theta = s->theta + chunk * size;
    (void)lo, (void)hi;
    begin(cx, s, chunk, theta);
    return cull__lbfgs(cx, loss_at, s, size, FIRST, TOL, theta, s->loss + chunk);
}

static cull_status best_start(cull_ctx *cx, search *s, double **theta, double *loss)
{
    int64_t size = cull__gp_size(s->f, s->t->d), best = 0;
    CULL_TRY(CULL_TMP(cx, s->theta, STARTS * size));
    CULL_TRY(cull__for(cx, STARTS, 1, from_start, s));
    for (int64_t i = 1; i < STARTS; i++)
        if (s->loss[i] < s->loss[best]) best = i;
    *theta = s->theta + best * size;
    return cull__lbfgs(cx, loss_at, s, size, STEPS, TOL, *theta, loss);
}

/* One length and then several from there; *f and *theta are those of less loss + log(n) / 2 for each number. */
static cull_status of_either(cull_ctx *cx, search *s, cull__gp_form *f, double **theta)
{
    cull__gp_form one = *f;
    double *single, loss[2] = {0}, *several;
    one.isotropic = true, one.sparse = false;
    int64_t size = cull__gp_size(f, s->t->d), of_one = cull__gp_size(&one, s->t->d);
    s->f = &one;
    CULL_TRY(best_start(cx, s, &single, &loss[0]));
    CULL_TRY(CULL_TMP(cx, several, size));
    for (int64_t i = 0; i < size; i++) several[i] = single[i < 2 ? i : 2];
    s->f = f;
    CULL_TRY(cull__lbfgs(cx, loss_at, s, size, STEPS, TOL, several, &loss[1]));
    double each = 0.5 * log((double)s->t->n);
    bool better = loss[1] + each * (double)size < loss[0] + each * (double)of_one;
    *theta = better ? several : single;
    if (!better) *f = one;
    return CULL_OK;
}

static cull_status gp_fit(cull_ctx *cx, const cull__samples *t, const cull_predict_opts *o,
                          uint64_t stream, void **out)
{
    cull__gp_form f = {.isotropic = o->isotropic,
                       .sparse = o->sparse,
                       .group = t->group,
                       .groups = t->group ? t->group[t->d - 1] + 1 : 0,
                       .rough = o->rough,
                       .level = o->level};
    cull__samples few, some, most;
    double *theta, loss;
    CULL_TRY(cull__samples_draw(cx, t, FEW, stream + 100, &few));
    CULL_TRY(cull__samples_draw(cx, t, SOME, stream + 101, &some));
    CULL_TRY(cull__samples_draw(cx, t, CULL__KERNEL_ROWS, stream + 102, &most));
    search s = {.t = &few, .f = &f, .stream = stream};
    if (o->either && !f.isotropic && !f.sparse)
        CULL_TRY(of_either(cx, &s, &f, &theta));
    else
        CULL_TRY(best_start(cx, &s, &theta, &loss));
    s.t = &some, s.f = &f;
    if (some.n > few.n)
        CULL_TRY(cull__lbfgs(cx, loss_at, &s, cull__gp_size(&f, t->d), MORE, 1e-3, theta, &loss));
    return cull__gp_at(cx, &most, &f, theta, out);
}

const cull__predictor cull__predict_gp = {
    .name = "gp",
    .fit = gp_fit,
    .free = cull__gp_free,
    .grain = 128,
    .spreads = true,
    .say = cull__gp_say,
    .gradient = cull__gp_gradient,
};
