/* sampler_model.c - first points, draws, rows to learn from. */
#include "search/sampler_model.h"

#include "choose/choose.h"
#include "num/num.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* BLOCK: a multiple of every predictor's grain, on which alone its answers depend. */
enum { EVEN_ATTEMPTS = 4, PAIR_VALUES = 32, BLOCK = 512, BATCHES = 0x62617463 };
enum { SUMS = 1000, SQUARES = 300 }; /* of powers of 2: they are numbers up to there */
static const double WITHIN = 0.01;   /* a predicted violation this small is none */
static const double HARDLY = 0.01;   /* the least chance that a point works */

/* ---- first points ---- */
typedef struct {
    uint64_t seed;
    double number, root;
} even_fill;

static double part(double v) { return v - floor(v); }

/* Parameter i goes by powers of 1 / root, root^(d + 1) = root + 1. */
static void fill_even(void *user, const cull_space *s, int i, const double *x, double *v)
{
    (void)x;
    const even_fill *e = user;
    const cull_space_param *p = cull_space_at(s, i);
    if (p->width != 1) return; /* drawn */
    cull_rng r = cull__rng_seeded(e->seed, (uint64_t)i);
    double u = part(cull__rng_unit(&r) + part(pow(e->root, -(i + 1.0))) * (e->number + 1));
    v[0] = cull__space_by_chance(p, u);
}

static double root_of(int d)
{
    double g = 2;
    for (int t = 0; t < 64; t++) g = pow(1 + g, 1.0 / (d + 1));
    return g;
}

cull_status cull__model_start(cull_ctx *cx, const cull_search_view *v, bool even, int attempt,
                              double *x)
{
    cull_rng r = cull__search_rng(v, attempt);
    if (!even || attempt >= EVEN_ATTEMPTS) return cull__space_draw(cx, v->space, &r, x);
    even_fill e = {.seed = v->seed ^ (uint64_t)attempt << 32,
                   .number = (double)v->trials,
                   .root = root_of(cull_space_params(v->space))};
    if (cull__space_make(v->space, fill_even, &e, &r, x)) return CULL_OK;
    return cull__space_draw(cx, v->space, &r, x);
}

/* ---- sets of points ---- */
/* The slot that has x, or where it would be. */
static int64_t slot_of(const cull__seen *s, const double *x, cull_key *k)
{
    *k = cull_space_key(s->space, x);
    if (!k->word[0] && !k->word[1]) k->word[0] = 1; /* 0, 0 is an empty slot */
    int64_t i = (int64_t)(k->word[0] & (uint64_t)s->mask);
    while ((s->slot[i].word[0] || s->slot[i].word[1]) &&
           (s->slot[i].word[0] != k->word[0] || s->slot[i].word[1] != k->word[1]))
        i = (i + 1) & s->mask;
    return i;
}

bool cull__seen_has(const cull__seen *s, const double *x)
{
    cull_key k;
    int64_t i = slot_of(s, x, &k);
    return s->slot[i].word[0] || s->slot[i].word[1];
}

bool cull__seen_add(cull__seen *s, const double *x)
{
    cull_key k;
    int64_t i = slot_of(s, x, &k);
    if (s->slot[i].word[0] || s->slot[i].word[1]) return false;
    s->slot[i] = k;
    s->n++;
    return true;
}

cull_status cull__seen_open(cull_ctx *cx, const cull_search_view *v, int64_t known, int64_t more,
                            cull__seen *s)
{
    int64_t size = 64;
    if (v->problem->again == CULL_AGAIN_PAID) known = 0; /* they may be asked again */
    while (size < 2 * (known + more)) size *= 2;
    *s = (cull__seen){.space = v->space, .mask = size - 1};
    CULL_TRY(CULL_TMP0(cx, s->slot, size));
    for (int64_t t = 0; t < known; t++) cull__seen_add(s, v->x + t * v->width);
    return CULL_OK;
}

/* ---- features ---- */
static int64_t levels(const cull_space_param *p)
{
    bool whole = p->kind == CULL_SPACE_CATEGORY || p->kind == CULL_SPACE_ORDINAL ||
                 p->kind == CULL_SPACE_INT;
    return whole && p->n <= PAIR_VALUES ? p->n : 0;
}

static int64_t level_of(const cull_space_param *p, double v)
{
    return (int64_t)(p->kind == CULL_SPACE_INT ? round((v - p->lo) / p->step) : v);
}

void cull__features_open(const cull_space *s, cull_encode e, bool pairs, cull__features *f)
{
    *f = (cull__features){.space = s, .encode = e, .pairs = pairs};
    f->d = f->single = cull_space_features(s, e);
    for (int i = 1; pairs && i < cull_space_params(s); i++)
        f->d += levels(cull_space_at(s, i - 1)) * levels(cull_space_at(s, i));
}

void cull__features_of(const cull__features *f, const double *x, double *out)
{
    int64_t at = f->single;
    cull_space_encode(f->space, f->encode, x, out);
    if (!f->pairs) return;
    memset(out + at, 0, (size_t)(f->d - at) * sizeof *out);
    for (int i = 1; i < cull_space_params(f->space); i++) {
        const cull_space_param *p = cull_space_at(f->space, i - 1), *q = cull_space_at(f->space, i);
        int64_t size = levels(p) * levels(q);
        if (size && !isnan(x[p->at]) && !isnan(x[q->at]))
            out[at + level_of(p, x[p->at]) * levels(q) + level_of(q, x[q->at])] = 1;
        at += size;
    }
}

/* ---- rows ---- */
/* Failed ones are worse than the worst, or a design that is the only one to work would look like all that did not. */
static void fill_failed(const cull__rows *r)
{
    for (int j = 0; j < r->m; j++) {
        double least = INFINITY, most = -INFINITY, fill = 0;
        for (int64_t i = 0; i < r->n; i++) {
            double v = r->value[i * r->m + j];
            if (isfinite(v)) least = fmin(least, v), most = fmax(most, v);
        }
        if (most > least)
            fill = most + 0.5 * (most - least);
        else if (isfinite(most))
            fill = most + fmax(fabs(most), 1);
        if (!isfinite(fill)) fill = most;
        for (int64_t i = 0; i < r->n; i++)
            if (!isfinite(r->value[i * r->m + j])) r->value[i * r->m + j] = fill;
    }
}

/* Values near the ends of doubles, as a penalty of DBL_MAX, times a power of 2: the largest is then within 2^-most and 2^most. */
static void bring_within(double *v, int64_t n, int most)
{
    double largest = 0;
    int power;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(v[i]));
    frexp(largest, &power);
    int by = power > most ? most - power : power < -most ? -most - power : 0;
    for (int64_t i = 0; i < n && by; i++) v[i] = ldexp(v[i], by);
}

static void standardise(double *v, int64_t n)
{
    double mean = 0, var = 0;
    bring_within(v, n, SQUARES);
    for (int64_t i = 0; i < n; i++) mean += v[i] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double e = v[i] - mean;
        var += e * e / (double)n;
    }
    double sd = var > 0 ? sqrt(var) : 1;
    for (int64_t i = 0; i < n; i++) v[i] = (v[i] - mean) / sd;
}

/* Quantile of the normal distribution (Acklam's rational form, relative error 1e-9). */
static double normal_quantile(double p)
{
    static const double a[] = {-39.69683028665376, 220.9460984245205,  -275.9285104469687,
                               138.3577518672690,  -30.66479806614716, 2.506628277459239},
                        b[] = {-54.47609879822406, 161.5858368580409, -155.6989798598866,
                               66.80131188771972, -13.28068155288572},
                        c[] = {-0.007784894002430293, -0.3223964580411365, -2.400758277161838,
                               -2.549732539343734,    4.374664141464968,   2.938163982698783},
                        d[] = {0.007784695709041462, 0.3224671290700398, 2.445134137142996,
                               3.754408661907416};
    double q = fmin(p, 1 - p), x;
    if (q < 0.02425) {
        double t = sqrt(-2 * log(q));
        x = (((((c[0] * t + c[1]) * t + c[2]) * t + c[3]) * t + c[4]) * t + c[5]) /
            ((((d[0] * t + d[1]) * t + d[2]) * t + d[3]) * t + 1);
    } else {
        double t = q - 0.5, s = t * t;
        x = (((((a[0] * s + a[1]) * s + a[2]) * s + a[3]) * s + a[4]) * s + a[5]) * t /
            (((((b[0] * s + b[1]) * s + b[2]) * s + b[3]) * s + b[4]) * s + 1);
    }
    return p <= 0.5 ? x : -x;
}

static cull_status tame(cull_ctx *cx, double *v, int64_t n)
{
    double middle, least = INFINITY;
    for (int64_t i = 0; i < n; i++) least = fmin(least, v[i]);
    CULL_TRY(cull__quantile(cx, v, n, 0.5, &middle));
    double reach = middle - least;
    for (int64_t i = 0; i < n && reach > 0; i++)
        if (v[i] > middle) v[i] = middle + reach * log1p(fmin((v[i] - middle) / reach, DBL_MAX));
    return CULL_OK;
}

/* Equal values have the mean of their places. */
static cull_status normal_scores(cull_ctx *cx, const double *v, int64_t n, int stride, double *out)
{
    double *score;
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, score, n));
    CULL_TRY(CULL_TMP(cx, order, n));
    for (int64_t i = 0; i < n; i++) score[i] = -v[i * stride];
    CULL_TRY(cull__order(cx, score, n, order));
    for (int64_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && score[order[j]] == score[order[i]];) j++;
        double place = (0.5 * (double)(i + j)) / (double)n;
        for (int64_t t = i; t < j; t++) out[order[t]] = normal_quantile(place);
    }
    return CULL_OK;
}

static cull_status scale_all(cull_ctx *cx, const cull__rows *r, cull__scale scale)
{
    for (int j = 0; j < r->m; j++) {
        double *value = r->value + j, *y = r->y + j * r->n;
        if (scale == CULL__NORMAL_SCORES) {
            CULL_TRY(normal_scores(cx, value, r->n, r->m, y));
            continue;
        }
        for (int64_t i = 0; i < r->n; i++) y[i] = value[i * r->m];
        bring_within(y, r->n, SUMS);
        if (scale == CULL__TAMED) CULL_TRY(tame(cx, y, r->n));
        standardise(y, r->n);
    }
    return CULL_OK;
}

cull_status cull__rows_open(cull_ctx *cx, const cull_search_view *v, int64_t tells,
                            const cull__features *f, cull__scale scale, cull__rows *out)
{
    int m = v->objectives;
    *out = (cull__rows){.n = tells, .m = m, .told = v->told};
    CULL_TRY(CULL_TMP(cx, out->x, tells * f->d));
    CULL_TRY(CULL_TMP(cx, out->y, tells * m));
    CULL_TRY(CULL_TMP(cx, out->value, tells * m));
    CULL_TRY(CULL_TMP(cx, out->works, tells));
    if (v->problem->constraints > 0) CULL_TRY(CULL_TMP(cx, out->violation, tells));
    for (int64_t i = 0; i < tells; i++) {
        int64_t t = v->told[i];
        cull__features_of(f, v->x + t * v->width, out->x + i * f->d);
        memcpy(out->value + i * m, v->value + t * m, (size_t)m * sizeof *out->value);
        out->works[i] = 1;
        for (int j = 0; j < m; j++)
            if (!isfinite(out->value[i * m + j])) out->works[i] = 0;
        if (out->violation) out->violation[i] = isfinite(v->violation[t]) ? v->violation[t] : 0;
    }
    fill_failed(out);
    return scale_all(cx, out, scale);
}

cull_status cull__rows_working(cull_ctx *cx, const cull__rows *r, const cull__features *f,
                               cull__scale scale, cull__rows *out)
{
    int m = r->m;
    int64_t d = f->d, n = 0, *told;
    *out = (cull__rows){.m = m};
    for (int64_t i = 0; i < r->n; i++) out->n += r->works[i] > 0;
    CULL_TRY(CULL_TMP(cx, out->x, out->n * d));
    CULL_TRY(CULL_TMP(cx, out->y, out->n * m));
    CULL_TRY(CULL_TMP(cx, out->value, out->n * m));
    CULL_TRY(CULL_TMP(cx, out->works, out->n));
    CULL_TRY(CULL_TMP(cx, told, out->n));
    if (r->violation) CULL_TRY(CULL_TMP(cx, out->violation, out->n));
    for (int64_t i = 0; i < r->n; i++) {
        if (!(r->works[i] > 0)) continue;
        memcpy(out->x + n * d, r->x + i * d, (size_t)d * sizeof *out->x);
        memcpy(out->value + n * m, r->value + i * m, (size_t)m * sizeof *out->value);
        if (r->violation) out->violation[n] = r->violation[i];
        out->works[n] = 1;
        told[n++] = r->told[i];
    }
    out->told = told;
    return scale_all(cx, out, scale);
}

int64_t cull__rows_best(const cull__rows *r)
{
    int64_t best = -1;
    for (int64_t i = 0; i < r->n; i++) {
        double a = r->violation ? r->violation[i] : 0;
        double b = best >= 0 && r->violation ? r->violation[best] : 0;
        if (best < 0 || a < b || (a == b && r->value[i * r->m] < r->value[best * r->m])) best = i;
    }
    return best;
}

cull_status cull__rows_parents(cull_ctx *cx, const cull_search_view *v, const cull__rows *r,
                               int64_t most, double **x, int64_t *n)
{
    double *violation = r->violation, *value;
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, order, r->n));
    CULL_TRY(CULL_TMP(cx, value, r->n));
    if (!violation) CULL_TRY(CULL_TMP0(cx, violation, r->n));
    for (int64_t i = 0; i < r->n; i++) value[i] = r->value[i * r->m];
    CULL_TRY(cull__inner_order(cx, value, violation, r->n, order));
    *n = r->n < most ? r->n : most;
    CULL_TRY(CULL_TMP(cx, *x, *n * v->width));
    for (int64_t i = 0; i < *n; i++)
        memcpy(*x + i * v->width, v->x + r->told[order[i]] * v->width,
               (size_t)v->width * sizeof **x);
    return CULL_OK;
}

/* ---- predictors ---- */
cull_status cull__surrogate_fit(cull_ctx *cx, const cull__rows *r, const cull__features *f,
                                const cull_predict_opts *o, uint64_t stream, cull__surrogate *s)
{
    *s = (cull__surrogate){.f = f, .m = r->m};
    for (int j = 0; j < r->m; j++)
        CULL_TRY(cull_predictor_fit(cx, r->x, r->y + j * r->n, NULL, r->n, f->d, o,
                                    stream + (uint64_t)j, &s->of[j]));
    if (!r->violation) return CULL_OK;
    return cull_predictor_fit(cx, r->x, r->violation, NULL, r->n, f->d, o, stream + CULL_OBJECTIVES,
                              &s->violation);
}

cull_status cull__surrogate_fit_works(cull_ctx *cx, const cull__rows *r, const cull_predict_opts *o,
                                      uint64_t stream, cull__surrogate *s)
{
    return cull_predictor_fit(cx, r->x, r->works, NULL, r->n, s->f->d, o,
                              stream + CULL_OBJECTIVES + 1, &s->works);
}

void cull__surrogate_close(cull__surrogate *s)
{
    for (int j = 0; j < s->m; j++) cull_predictor_free(s->of[j]);
    cull_predictor_free(s->violation);
    cull_predictor_free(s->works);
    *s = (cull__surrogate){0};
}

static cull_status say_some(cull_ctx *cx, const cull__surrogate *s, const double *x, int64_t n,
                            double *mean, double *spread, double *violation, double *chance)
{
    int64_t width = cull_space_width(s->f->space);
    double *row, *a, *b;
    CULL_TRY(CULL_TMP(cx, row, n * s->f->d));
    CULL_TRY(CULL_TMP(cx, a, n));
    CULL_TRY(CULL_TMP(cx, b, n));
    for (int64_t i = 0; i < n; i++) cull__features_of(s->f, x + i * width, row + i * s->f->d);
    for (int j = 0; j < s->m; j++) {
        CULL_TRY(cull_predictor_say(cx, s->of[j], row, n, a, spread ? b : NULL));
        for (int64_t i = 0; i < n; i++) mean[i * s->m + j] = a[i];
        for (int64_t i = 0; spread && i < n; i++) spread[i * s->m + j] = b[i];
    }
    for (int64_t i = 0; i < n; i++) violation[i] = 0;
    if (s->works && chance) {
        CULL_TRY(cull_predictor_say(cx, s->works, row, n, chance, NULL));
        for (int64_t i = 0; i < n; i++) chance[i] = fmin(1, fmax(HARDLY, chance[i]));
    } else {
        for (int64_t i = 0; chance && i < n; i++) chance[i] = 1;
    }
    if (!s->violation) return CULL_OK;
    CULL_TRY(cull_predictor_say(cx, s->violation, row, n, violation, NULL));
    for (int64_t i = 0; i < n; i++) violation[i] = fmax(0, violation[i] - WITHIN);
    return CULL_OK;
}

cull_status cull__surrogate_say(cull_ctx *cx, const cull__surrogate *s, const double *x, int64_t n,
                                double *mean, double *spread, double *violation, double *chance)
{
    int64_t width = cull_space_width(s->f->space);
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t k = n - i < BLOCK ? n - i : BLOCK;
        cull__mark_t mark = cull__mark(cx);
        cull_status status =
            say_some(cx, s, x + i * width, k, mean + i * s->m, spread ? spread + i * s->m : NULL,
                     violation + i, chance ? chance + i : NULL);
        cull__release(cx, mark);
        CULL_TRY(status);
    }
    return CULL_OK;
}

/* ---- batches ---- */
void cull__batch_open(cull__batch *b, int64_t size)
{
    *b = (cull__batch){.size = size, .batch = -1, .made = -1};
}

void cull__batch_close(void *state)
{
    if (state) cull__free(((cull__batch *)state)->x);
    cull__free(state);
}

cull_status cull__batch_asked(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    cull__batch *b = state;
    (void)cx;
    if (number / b->size <= b->batch) return CULL_OK;
    b->batch = number / b->size;
    b->tells = v->tells;
    return CULL_OK;
}

bool cull__batch_made(const cull__batch *b, const cull_search_view *v, int64_t *batch,
                      int64_t *tells)
{
    *batch = v->trials / b->size;
    *tells = *batch == b->batch ? b->tells : v->tells;
    return b->made == *batch && b->made_tells == *tells;
}

cull_rng cull__batch_rng(const cull_search_view *v, int64_t batch)
{
    return cull__rng_seeded(v->seed, cull__hash64(&batch, sizeof batch, BATCHES));
}

cull_status cull__batch_room(cull_ctx *cx, cull__batch *b, const cull_search_view *v, int64_t n,
                             double **x)
{
    int64_t batch, tells;
    b->made = -1;
    CULL_TRY(CULL_GROW(cx, b->x, &b->cap, n * v->width));
    cull__batch_made(b, v, &batch, &tells);
    b->n = n;
    b->made = batch;
    b->made_tells = tells;
    *x = b->x;
    return CULL_OK;
}

bool cull__batch_take(const cull__batch *b, const cull_search_view *v, int attempt, double *x)
{
    int64_t i = v->trials % b->size;
    for (i += attempt; i < b->n; i++) {
        if (cull_search_seen(v, b->x + i * v->width)) continue;
        memcpy(x, b->x + i * v->width, (size_t)v->width * sizeof *x);
        return true;
    }
    return false;
}
