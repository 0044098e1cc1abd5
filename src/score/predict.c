/* predict.c - the door of predictors: checks, scales of features and answers, rows shared out to workers. */
#include "score/predict.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A column: v counts as (v / size - first - mean) / sd, which no finite v takes beyond what a double holds but
 * for sd, and which is exact where columns lie far from 0. */
typedef struct {
    double size, first, mean, sd;
    double middle,
        inverse; /* of numbers in the usual range: (v - middle) inverse; else inverse = 0 */
} scale;

struct cull_predictor {
    const cull__predictor *of; /* NULL: the answer is the same for all rows */
    void *model;
    cull_predict_kind kind;
    int64_t d, k; /* columns given; those that vary */
    int64_t *col; /* k */
    scale *x;     /* k */
    scale y;
    double doubt; /* where nothing varies: of the mean */
    double tau[CULL_PREDICTORS];
};

static const cull__predictor *const kinds[CULL_PREDICTORS] = {
    [CULL_PREDICT_RIDGE] = &cull__predict_ridge, [CULL_PREDICT_SVR] = &cull__predict_svr,
    [CULL_PREDICT_BOOST] = &cull__predict_boost, [CULL_PREDICT_FOREST] = &cull__predict_forest,
    [CULL_PREDICT_MLP] = &cull__predict_mlp,     [CULL_PREDICT_GP] = &cull__predict_gp,
};

const char *cull_predict_name(cull_predict_kind k)
{
    if ((int)k < 0 || k >= CULL_PREDICTORS) return NULL;
    return kinds[k] ? kinds[k]->name : "auto";
}

/* ---- scales ---- */

static double scaled(const scale *s, double v)
{
    double z = s->inverse > 0 ? (v - s->middle) * s->inverse
                              : ((v / s->size - s->first) - s->mean) / s->sd;
    return z > 1e100 ? 1e100 : z < -1e100 ? -1e100 : z; /* squares must stay finite */
}

static double unscaled(const scale *s, double z)
{
    double v = (s->first + (s->mean + s->sd * z)) * s->size;
    return v > DBL_MAX ? DBL_MAX : v < -DBL_MAX ? -DBL_MAX : v;
}

/* s->sd = 0: the column does not vary. Rows are `stride` apart; blocks follow one another. */
typedef struct {
    const double *v, *weight;
    int64_t n;
} block;
static void moments(const block *b, int blocks, int64_t stride, scale *s)
{
    double sum = 0, sq = 0, all = 0;
    bool varies = false;
    *s = (scale){0};
    for (int k = 0; k < blocks; k++)
        for (int64_t i = 0; i < b[k].n; i++) {
            double v = b[k].v[i * stride];
            s->size = fabs(v) > s->size ? fabs(v) : s->size;
            varies |= v != b[0].v[0];
        }
    if (!(s->size > 0)) s->size = 1;
    s->first = b[0].v[0] / s->size;
    for (int k = 0; k < blocks; k++)
        for (int64_t i = 0; i < b[k].n; i++) {
            double w = b[k].weight ? b[k].weight[i] : 1;
            sum += w * (b[k].v[i * stride] / s->size - s->first), all += w;
        }
    s->mean = sum / all;
    for (int k = 0; varies && k < blocks; k++)
        for (int64_t i = 0; i < b[k].n; i++) {
            double w = b[k].weight ? b[k].weight[i] : 1;
            double e = b[k].v[i * stride] / s->size - s->first - s->mean;
            sq += w * e * e;
        }
    s->sd = varies ? sqrt(sq / all) : 0;
    if (!(s->size < 1e100 && s->size * s->sd > 1e-100)) return;
    s->middle = (s->first + s->mean) * s->size, s->inverse = 1 / (s->size * s->sd);
}

/* `most` rows, drawn without repeats, in their order. */
cull_status cull__samples_draw(cull_ctx *cx, const cull__samples *t, int64_t most, uint64_t stream,
                               cull__samples *out)
{
    double *x, *y, *w = NULL;
    int64_t m = 0;
    *out = *t;
    if (t->n <= most) return CULL_OK;
    if (most == CULL__KERNEL_ROWS)
        cull__log(cx, CULL_LOG_WARN,
                  "a predictor with a kernel learns from %" PRId64 " of %" PRId64 " rows, drawn",
                  most, t->n);
    CULL_TRY(CULL_TMP(cx, x, most * t->d));
    CULL_TRY(CULL_TMP(cx, y, most));
    if (t->weight) CULL_TRY(CULL_TMP(cx, w, most));
    cull_rng r = cull__rng(cx, stream);
    for (int64_t i = 0; i < t->n && m < most; i++) {
        if (cull__rng_below(&r, t->n - i) >= most - m) continue;
        memcpy(x + m * t->d, t->x + i * t->d, (size_t)t->d * sizeof *x);
        y[m] = t->y[i];
        if (w) w[m] = t->weight[i];
        m++;
    }
    out->x = x, out->y = y, out->weight = w, out->n = most;
    return CULL_OK;
}

/* ---- checks ---- */

static cull_status check_rows(cull_ctx *cx, const char *what, const double *v, int64_t n, int64_t d)
{
    if (d && n > INT64_MAX / 16 / d)
        return cull__fail(cx, CULL_EINPUT, "%s: %" PRId64 " rows of %" PRId64 " are too many", what,
                          n, d);
    for (int64_t i = 0; i < n * d; i++)
        if (!isfinite(v[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: row %" PRId64 ", column %" PRId64 " is not finite", what, i / d,
                              i % d);
    return CULL_OK;
}

static cull_status check_weight(cull_ctx *cx, const double *weight, int64_t n, int64_t *used)
{
    *used = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(weight[i] >= 0) || !isfinite(weight[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "the weight of row %" PRId64 " is %g; from 0 would be right", i,
                              weight[i]);
        *used += weight[i] > 0;
    }
    if (!*used) return cull__fail(cx, CULL_EINPUT, "no row has a weight above 0");
    return CULL_OK;
}

static cull_status check_opts(cull_ctx *cx, const cull_predict_opts *o)
{
    const struct {
        const char *name;
        double v, most;
    } t[] = {{"l2", o->l2, INFINITY},
             {"c", o->c, INFINITY},
             {"epsilon", o->epsilon, INFINITY},
             {"gamma", o->gamma, INFINITY},
             {"rate", o->rate, 1},
             {"leaf", o->leaf, INFINITY},
             {"rounds", (double)o->rounds, 1e6},
             {"depth", (double)o->depth, 64},
             {"hidden", (double)o->hidden[0], 65536},
             {"hidden", (double)o->hidden[1], 65536},
             {"hidden", (double)o->hidden[2], 65536},
             {"epochs", (double)o->epochs, 1e6},
             {"members", (double)o->members, 1000},
             {"level", o->level, INFINITY},
             {"folds", (double)o->folds, 1000}};
    if ((int)o->kind < 0 || o->kind >= CULL_PREDICTORS)
        return cull__fail(cx, CULL_EOPTION, "there is no kind %d of predictors", (int)o->kind);
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        if (!(t[i].v >= 0 && t[i].v <= t[i].most) || isinf(t[i].v))
            return cull__fail(cx, CULL_EOPTION, "%s is %g; from 0 to %g would be right", t[i].name,
                              t[i].v, t[i].most);
    if (o->folds == 1) return cull__fail(cx, CULL_EOPTION, "folds is 1; 2 or more would be right");
    return CULL_OK;
}

static cull_status check_free(cull_ctx *cx, const cull_predict_opts *o, int64_t d)
{
    if (!o->free_n && !o->free_m) return CULL_OK;
    if (o->free_n < 2 || o->free_m < 1 || !o->free_x || !o->free_y)
        return cull__fail(cx, CULL_EOPTION,
                          "free_n is %" PRId64 " and free_m %d; 2 rows of 1 number at least, and "
                          "free_x and free_y, would be right",
                          o->free_n, o->free_m);
    CULL_TRY(check_rows(cx, "free_x", o->free_x, o->free_n, d));
    return check_rows(cx, "free_y", o->free_y, o->free_n, o->free_m);
}

/* ---- fitting ---- */

/* Of the columns that vary: 0, 1, ... */
static cull_status number_groups(cull_ctx *cx, const cull_predictor *p, const int64_t *group,
                                 const int64_t **out)
{
    int64_t *g;
    CULL_TRY(CULL_TMP(cx, g, p->k));
    for (int64_t i = 0; i < p->k; i++)
        g[i] = i == 0 ? 0 : g[i - 1] + (group[p->col[i]] != group[p->col[i - 1]]);
    *out = g;
    return CULL_OK;
}

/* The columns that vary, with their scales. */
static cull_status set_columns(cull_ctx *cx, cull_predictor *p, const double *x,
                               const double *weight, int64_t n, const cull_predict_opts *o)
{
    CULL_TRY(CULL_ALLOC(cx, p->col, p->d));
    CULL_TRY(CULL_ALLOC(cx, p->x, p->d));
    for (int64_t c = 0; c < p->d; c++) {
        block b[2] = {{x + c, weight, n}, {0}};
        int blocks = 1;
        if (p->kind == CULL_PREDICT_MLP && o->free_n)
            b[blocks++] = (block){o->free_x + c, NULL, o->free_n};
        moments(b, blocks, p->d, p->x + p->k);
        if (p->x[p->k].sd > 0) p->col[p->k++] = c;
    }
    return CULL_OK;
}

static void scale_rows(const cull_predictor *p, const double *x, int64_t n, double *z)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < p->k; c++)
            z[i * p->k + c] = scaled(p->x + c, x[i * p->d + p->col[c]]);
}

static cull_status teach(cull_ctx *cx, cull_predictor *p, const double *x, const double *y,
                         const double *weight, int64_t n, const cull_predict_opts *o,
                         uint64_t stream)
{
    double *z, *v, *f = NULL;
    CULL_TRY(CULL_TMP(cx, z, n * p->k));
    CULL_TRY(CULL_TMP(cx, v, n));
    scale_rows(p, x, n, z);
    for (int64_t i = 0; i < n; i++) v[i] = scaled(&p->y, y[i]);
    cull__samples t = {.x = z, .y = v, .weight = weight, .n = n, .d = p->k};
    if (p->kind == CULL_PREDICT_MLP && o->free_n) {
        CULL_TRY(CULL_TMP(cx, f, o->free_n * p->k));
        scale_rows(p, o->free_x, o->free_n, f);
        t.free_x = f, t.free_y = o->free_y, t.free_n = o->free_n, t.free_m = o->free_m;
    }
    if (p->kind == CULL_PREDICT_GP && o->group) CULL_TRY(number_groups(cx, p, o->group, &t.group));
    p->of = kinds[p->kind];
    return p->of->fit(cx, &t, o, stream, &p->model);
}

/* Rows of a weight above 0, weights of mean 1. */
static cull_status keep_weighted(cull_ctx *cx, const double **x, const double **y,
                                 const double **weight, int64_t *n, int64_t d, int64_t used)
{
    double *a, *b, *w, most = 0, sum = 0;
    int64_t m = 0;
    CULL_TRY(CULL_TMP(cx, a, used * d));
    CULL_TRY(CULL_TMP(cx, b, used));
    CULL_TRY(CULL_TMP(cx, w, used));
    for (int64_t i = 0; i < *n; i++) most = (*weight)[i] > most ? (*weight)[i] : most;
    for (int64_t i = 0; i < *n; i++) {
        double v = (*weight)[i] / most;
        if (!((*weight)[i] > 0)) continue;
        if (v < 1e-12) v = 1e-12; /* so that its inverse is a number too */
        memcpy(a + m * d, *x + i * d, (size_t)d * sizeof *a);
        b[m] = (*y)[i], w[m++] = v, sum += v;
    }
    for (int64_t i = 0; i < m; i++) w[i] *= (double)m / sum;
    *x = a, *y = b, *weight = w, *n = m;
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, cull_predictor *p, const double *x, const double *y,
                       const double *weight, int64_t n, const cull_predict_opts *o, uint64_t stream)
{
    int64_t used = n;
    if (weight) CULL_TRY(check_weight(cx, weight, n, &used));
    if (weight) CULL_TRY(keep_weighted(cx, &x, &y, &weight, &n, p->d, used));
    moments(&(block){y, weight, n}, 1, 1, &p->y);
    if (o->kind == CULL_PREDICT_AUTO) {
        p->kind = CULL_PREDICT_RIDGE;
        if (p->y.sd > 0)
            CULL_TRY(cull__predict_choose(cx, x, y, weight, n, p->d, o, stream, &p->kind, p->tau));
    }
    CULL_TRY(set_columns(cx, p, x, weight, n, o));
    bool spreads = kinds[p->kind]->spreads && (p->kind != CULL_PREDICT_MLP || o->members > 1);
    p->doubt = spreads ? p->y.sd / sqrt((double)n) : NAN;
    if (!(p->y.sd > 0) || !p->k) {
        p->y.sd = 0;
        return CULL_OK;
    }
    return teach(cx, p, x, y, weight, n, o, stream);
}

cull_status cull_predictor_fit(cull_ctx *cx, const double *x, const double *y, const double *weight,
                               int64_t n, int64_t d, const cull_predict_opts *o, uint64_t stream,
                               cull_predictor **out)
{
    static const cull_predict_opts plain = CULL_PREDICT_OPTS;
    cull_predictor *p;
    *out = NULL;
    if (!o) o = &plain;
    if (n < 2 || d < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows of %" PRId64 " features; 2 rows are the least", n, d);
    CULL_TRY(check_opts(cx, o));
    CULL_TRY(check_rows(cx, "x", x, n, d));
    CULL_TRY(check_rows(cx, "y", y, n, 1));
    CULL_TRY(check_free(cx, o, d));
    for (int64_t c = 1; o->group && c < d; c++)
        if (o->group[c] < o->group[c - 1])
            return cull__fail(cx, CULL_EOPTION, "group[%" PRId64 "] is below the one before it", c);
    CULL_TRY(CULL_ALLOC(cx, p, 1));
    p->d = d, p->kind = o->kind;
    for (int k = 0; k < CULL_PREDICTORS; k++) p->tau[k] = NAN;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = fit(cx, p, x, y, weight, n, o, stream);
    cull__release(cx, mark);
    if (s != CULL_OK) {
        cull_predictor_free(p);
        return s;
    }
    *out = p;
    return CULL_OK;
}

void cull_predictor_free(cull_predictor *p)
{
    if (!p) return;
    if (p->model) p->of->free(p->model);
    cull__free(p->col);
    cull__free(p->x);
    cull__free(p);
}

cull_predict_kind cull_predictor_kind(const cull_predictor *p) { return p->kind; }

double cull_predictor_tau(const cull_predictor *p, cull_predict_kind k)
{
    return (int)k < 0 || k >= CULL_PREDICTORS ? NAN : p->tau[k];
}

/* ---- asking ---- */

typedef enum { SAY, GRADIENT, SHAP, PAIRS } asked;
typedef struct {
    const cull_predictor *p;
    asked what;
    const double *x;
    double *mean, *spread; /* of SHAP, PAIRS: mean is phi */
} question;

static void put_gradient(const cull_predictor *p, const double *g, int64_t n, double *out)
{
    memset(out, 0, (size_t)(n * p->d) * sizeof *out);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < p->k; c++) {
            double v = g[i * p->k + c] / p->x[c].sd * p->y.sd / p->x[c].size * p->y.size;
            out[i * p->d + p->col[c]] = v > DBL_MAX ? DBL_MAX : v < -DBL_MAX ? -DBL_MAX : v;
        }
}

static cull_status gradients(cull_ctx *cx, const question *q, const double *z, int64_t lo,
                             int64_t n)
{
    const cull_predictor *p = q->p;
    double *g, *s = NULL;
    CULL_TRY(CULL_TMP(cx, g, n * p->k));
    if (q->spread && p->of->spreads) CULL_TRY(CULL_TMP(cx, s, n * p->k));
    CULL_TRY(p->of->gradient(cx, p->model, z, n, g, s));
    put_gradient(p, g, n, q->mean + lo * p->d);
    if (s) put_gradient(p, s, n, q->spread + lo * p->d);
    return CULL_OK;
}

/* Shares of the columns that vary to their places among all. */
static void put_shares(const cull_predictor *p, const float *phi, int64_t n, bool pairs,
                       double *out)
{
    int64_t k = p->k + 1, d = p->d + 1, from = pairs ? k * k : k, to = pairs ? d * d : d;
    for (int64_t i = 0; i < n; i++)
        for (int64_t a = 0; a < from; a++) {
            int64_t r = a / k, c = a % k, at = c < p->k ? p->col[c] : p->d;
            if (pairs) at += (r < p->k ? p->col[r] : p->d) * d;
            double v = (double)phi[i * from + a];
            out[i * to + at] = a == from - 1 ? unscaled(&p->y, v) : v * p->y.sd * p->y.size;
        }
}

/* A block at a time: of pairs a row is many numbers. */
static cull_status shares(cull_ctx *cx, const question *q, const double *z, int64_t n)
{
    enum { BLOCK = 256 };
    const cull_predictor *p = q->p;
    bool pairs = q->what == PAIRS;
    int64_t k = p->k + 1, d = p->d + 1;
    float *phi;
    CULL_TRY(CULL_TMP(cx, phi, (n < BLOCK ? n : BLOCK) * (pairs ? k * k : k)));
    for (int64_t lo = 0; lo < n; lo += BLOCK) {
        int64_t m = n - lo < BLOCK ? n - lo : BLOCK;
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, 0, 1));
        CULL_TRY(p->of->shap(cx, p->model, z + lo * p->k, m, pairs, phi));
        cull__release(cx, mark);
        put_shares(p, phi, m, pairs, q->mean + lo * (pairs ? d * d : d));
    }
    return CULL_OK;
}

static cull_status ask(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const question *q = arg;
    const cull_predictor *p = q->p;
    int64_t n = hi - lo;
    double *z;
    (void)chunk;
    CULL_TRY(cull__tick(cx, 0, 1));
    CULL_TRY(CULL_TMP(cx, z, n * p->k));
    scale_rows(p, q->x + lo * p->d, n, z);
    if (q->what == GRADIENT) return gradients(cx, q, z, lo, n);
    if (q->what != SAY) return shares(cx, q, z, n);
    double *spread = q->spread && p->of->spreads ? q->spread + lo : NULL;
    CULL_TRY(p->of->say(cx, p->model, z, n, q->mean + lo, spread));
    for (int64_t i = lo; i < hi; i++) {
        q->mean[i] = unscaled(&p->y, q->mean[i]);
        if (spread) q->spread[i] *= p->y.sd * p->y.size;
    }
    return CULL_OK;
}

/* What is not set by a kind: zeros, NaN, the one answer. */
static void fill(const question *q, int64_t n)
{
    const cull_predictor *p = q->p;
    int64_t d = p->d, each = q->what == PAIRS ? (d + 1) * (d + 1) : q->what == SHAP ? d + 1 : d;
    if (q->what == SAY) {
        for (int64_t i = 0; !p->of && i < n; i++) q->mean[i] = unscaled(&p->y, 0);
        for (int64_t i = 0; q->spread && i < n; i++)
            q->spread[i] = p->of ? NAN : p->doubt * p->y.size;
        return;
    }
    memset(q->mean, 0, (size_t)(n * each) * sizeof *q->mean);
    for (int64_t i = 0; q->what != GRADIENT && i < n; i++)
        q->mean[(i + 1) * each - 1] = unscaled(&p->y, 0);
    bool none = !kinds[p->kind]->spreads;
    for (int64_t i = 0; q->spread && i < n * d; i++) q->spread[i] = none ? NAN : 0;
}

static cull_status answer(cull_ctx *cx, question *q, int64_t n)
{
    const cull_predictor *p = q->p;
    int64_t grain = p->of && p->of->grain ? p->of->grain : n;
    CULL_TRY(check_rows(cx, "x", q->x, n, p->d));
    fill(q, n);
    if (!p->of || n < 1) return CULL_OK;
    return cull__for(cx, n, grain, ask, q);
}

cull_status cull_predictor_say(cull_ctx *cx, const cull_predictor *p, const double *x, int64_t n,
                               double *mean, double *spread)
{
    return answer(cx, &(question){p, SAY, x, mean, spread}, n);
}

cull_status cull_predictor_gradient(cull_ctx *cx, const cull_predictor *p, const double *x,
                                    int64_t n, double *mean, double *spread)
{
    if (!kinds[p->kind]->gradient)
        return cull__fail(cx, CULL_EINPUT,
                          "a predictor of kind %s has no gradient; ridge, svr, mlp and gp have",
                          kinds[p->kind]->name);
    return answer(cx, &(question){p, GRADIENT, x, mean, spread}, n);
}

static cull_status shap(cull_ctx *cx, const cull_predictor *p, const double *x, int64_t n,
                        bool pairs, double *phi)
{
    if (!kinds[p->kind]->shap)
        return cull__fail(cx, CULL_EINPUT,
                          "shares of features are known of boosted trees, not of kind %s",
                          kinds[p->kind]->name);
    return answer(cx, &(question){p, pairs ? PAIRS : SHAP, x, phi, NULL}, n);
}

cull_status cull_predictor_shap(cull_ctx *cx, const cull_predictor *p, const double *x, int64_t n,
                                double *phi)
{
    return shap(cx, p, x, n, false, phi);
}

cull_status cull_predictor_shap_pairs(cull_ctx *cx, const cull_predictor *p, const double *x,
                                      int64_t n, double *phi)
{
    return shap(cx, p, x, n, true, phi);
}
