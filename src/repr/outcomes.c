/* outcomes.c - what models said about rows: checked, cut, gathered. See cull/outcomes.h. */
#include "cull/outcomes.h"
#include "base/base.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GRAIN = 1024 };
static const double SUM_TOLERANCE = 1e-3; /* f16 probabilities of 1,000 classes still pass */

const char *cull_outcomes_name(const cull_outcomes *o, int k, char buf[16])
{
    if (o->name && o->name[k]) return o->name[k];
    snprintf(buf, 16, "m%d", k);
    return buf;
}

static const char *where(const cull_outcomes *o) { return o->where ? o->where : "the rows"; }

bool cull_outcomes_hash(const cull_outcomes *o, uint64_t *hash)
{
    if (!o->out && !o->xs && !o->score) return false;
    for (int64_t i = 0; i < o->n; i++) {
        uint64_t h = 1;
        for (int k = 0; o->out && k < o->models; k++)
            h = cull__hash64(o->out[k] + i * o->classes, (size_t)o->classes * sizeof(float), h);
        for (int k = 0; k < o->xs; k++)
            h = cull__hash64(o->x[k] + i * o->d[k], (size_t)o->d[k] * sizeof(float), h);
        for (int k = 0; o->score && k < o->models; k++)
            h = cull__hash64(&o->score[k * o->n + i], sizeof(double), h);
        hash[i] = h;
    }
    return true;
}

/* ---- checks ---- */
typedef struct {
    const cull_outcomes *o;
    int model;
} checking;

static cull_status bad_output(cull_ctx *cx, const checking *c, int64_t i, int32_t k, double v)
{
    char buf[16];
    bool logits = c->o->outputs == CULL_LOGITS;
    return cull__fail(cx, CULL_EINPUT, "%s: row %" PRId64 ": model '%s' has %g for class %d; %s",
                      where(c->o), c->o->first + i, cull_outcomes_name(c->o, c->model, buf), v, k,
                      logits ? "logits must be finite"
                             : "probabilities are in 0 to 1 (are these logits?)");
}

static cull_status check_outputs(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const checking *c = arg;
    const cull_outcomes *o = c->o;
    char buf[16];
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        const float *v = o->out[c->model] + i * o->classes;
        double sum = 0;
        for (int32_t k = 0; k < o->classes; k++) {
            bool good = o->outputs == CULL_LOGITS ? isfinite(v[k]) : v[k] >= 0 && v[k] <= 1 + 1e-6f;
            if (!good) return bad_output(cx, c, i, k, v[k]);
            sum += v[k];
        }
        if (o->outputs == CULL_PROBABILITIES && fabs(sum - 1) > SUM_TOLERANCE)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: row %" PRId64
                              ": the probabilities of model '%s' sum to %g, not 1",
                              where(o), o->first + i, cull_outcomes_name(o, c->model, buf), sum);
    }
    return CULL_OK;
}

static cull_status check_features(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const checking *c = arg;
    int64_t d = c->o->d[c->model];
    const float *x = c->o->x[c->model];
    (void)chunk;
    for (int64_t i = lo * d; i < hi * d; i++)
        if (!isfinite(x[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: row %" PRId64 ": feature %" PRId64 " is %g; it must be finite",
                              where(c->o), c->o->first + i / d, i % d, x[i]);
    return CULL_OK;
}

/* n numbers of a model; lo and hi are what is right, NaN is refused unless `missing`. */
static cull_status check_numbers(cull_ctx *cx, const cull_outcomes *o, const char *what, int model,
                                 const double *v, double lo, bool missing)
{
    char buf[16], of[96] = "";
    for (int64_t i = 0; v && i < o->n; i++) {
        if ((isnan(v[i]) && missing) || (isfinite(v[i]) && v[i] >= lo)) continue;
        if (model >= 0)
            snprintf(of, sizeof of, " of model '%.60s'", cull_outcomes_name(o, model, buf));
        return cull__fail(cx, CULL_EINPUT, "%s: row %" PRId64 ": the %s%s is %g; it must be %s",
                          where(o), o->first + i, what, of, v[i],
                          lo == 0 ? "0 or more" : "a finite number");
    }
    return CULL_OK;
}

static cull_status check_each(cull_ctx *cx, const cull_outcomes *o, const char *what,
                              const double *v)
{
    char buf[16];
    for (int k = 0; v && k < o->models; k++)
        if (!(v[k] >= 0) || !isfinite(v[k]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: the %s of model '%s' is %g; it must be 0 or more", where(o),
                              what, cull_outcomes_name(o, k, buf), v[k]);
    return CULL_OK;
}

static cull_status check_rows(cull_ctx *cx, const cull_outcomes *o)
{
    for (int64_t i = 0; o->truth && o->classes > 0 && i < o->n; i++) {
        double v = o->truth[i];
        if (!isnan(v) && (!(v >= 0 && v < o->classes) || v != floor(v)))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: row %" PRId64 ": the true class is %g; it must be 0 to %d",
                              where(o), o->first + i, v, o->classes - 1);
    }
    for (int64_t i = 0; o->spread && i < o->n; i++)
        if (!(o->spread[i] > 0) || !isfinite(o->spread[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: row %" PRId64 ": the spread is %g; it must be above 0", where(o),
                              o->first + i, o->spread[i]);
    for (int64_t i = 0; o->group && i < o->n; i++)
        if (o->group[i] < 0 || o->group[i] >= o->groups)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: row %" PRId64 ": the group is %d; it must be 0 to %d", where(o),
                              o->first + i, o->group[i], o->groups - 1);
    return CULL_OK;
}

static cull_status check_shape(cull_ctx *cx, const cull_outcomes *o)
{
    if (o->n < 1) return cull__fail(cx, CULL_EINPUT, "%s: there are no rows", where(o));
    if (o->models < 1 || o->models > CULL_MODELS)
        return cull__fail(cx, CULL_EINPUT, "%s: there are %d models; it must be 1 to %d", where(o),
                          o->models, CULL_MODELS);
    if (o->out && o->classes < 2)
        return cull__fail(cx, CULL_EINPUT, "%s: there are outputs for %d classes; it takes two",
                          where(o), o->classes);
    for (int k = 0; k < o->xs; k++)
        if (o->d[k] < 1)
            return cull__fail(cx, CULL_EINPUT, "%s: features %d are rows of no number", where(o),
                              k);
    return CULL_OK;
}

cull_status cull_outcomes_check(cull_ctx *cx, const cull_outcomes *o)
{
    CULL_TRY(check_shape(cx, o));
    for (int k = 0; k < o->models; k++) {
        checking c = {o, k};
        int64_t at = k * o->n;
        if (o->out) CULL_TRY(cull__for(cx, o->n, GRAIN, check_outputs, &c));
        if (o->score) CULL_TRY(check_numbers(cx, o, "score", k, o->score + at, -INFINITY, false));
        if (o->quality)
            CULL_TRY(check_numbers(cx, o, "quality", k, o->quality + at, -INFINITY, true));
        if (o->cost) CULL_TRY(check_numbers(cx, o, "cost", k, o->cost + at, 0, false));
    }
    CULL_TRY(check_each(cx, o, "cost", o->each));
    CULL_TRY(check_each(cx, o, "delay", o->delay));
    CULL_TRY(check_numbers(cx, o, "truth", -1, o->truth, -INFINITY, true));
    CULL_TRY(check_numbers(cx, o, "weight", -1, o->weight, 0, false));
    for (int k = 0; k < o->xs; k++) {
        checking c = {o, k};
        CULL_TRY(cull__for(cx, o->n, GRAIN, check_features, &c));
    }
    return check_rows(cx, o);
}

/* ---- some rows ---- */
/* (K, n) of rows row[0..n), or of those from lo on where row is NULL. */
static cull_status numbers(cull_ctx *cx, const double *v, int models, int64_t of, int64_t lo,
                           const int64_t *row, int64_t n, const double **out)
{
    double *own;
    *out = NULL;
    if (!v) return CULL_OK;
    if (models == 1 && !row) {
        *out = v + lo;
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP(cx, own, models * n));
    for (int k = 0; k < models; k++)
        for (int64_t i = 0; i < n; i++) own[k * n + i] = v[k * of + (row ? row[i] : lo + i)];
    *out = own;
    return CULL_OK;
}

static cull_status matrix(cull_ctx *cx, const float *v, int64_t d, const int64_t *row, int64_t n,
                          const float **out)
{
    float *own;
    CULL_TRY(CULL_TMP(cx, own, n * d));
    for (int64_t i = 0; i < n; i++) memcpy(own + i * d, v + row[i] * d, (size_t)d * sizeof *own);
    *out = own;
    return CULL_OK;
}

/* `count` matrices of (n, d[k]); d NULL: all of `width`. */
static cull_status matrices(cull_ctx *cx, const float *const *v, int count, const int64_t *d,
                            int64_t width, int64_t lo, const int64_t *row, int64_t n,
                            const float *const **out)
{
    const float **list;
    *out = NULL;
    if (!v) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, list, count));
    *out = list;
    for (int k = 0; k < count; k++) {
        int64_t w = d ? d[k] : width;
        list[k] = v[k] + lo * w;
        if (row) CULL_TRY(matrix(cx, v[k], w, row, n, &list[k]));
    }
    return CULL_OK;
}

/* Columns of one number a row. */
static cull_status columns(cull_ctx *cx, const cull_outcomes *o, int64_t lo, const int64_t *row,
                           int64_t n, cull_outcomes *to)
{
    CULL_TRY(numbers(cx, o->truth, 1, o->n, lo, row, n, &to->truth));
    CULL_TRY(numbers(cx, o->weight, 1, o->n, lo, row, n, &to->weight));
    CULL_TRY(numbers(cx, o->spread, 1, o->n, lo, row, n, &to->spread));
    if (o->group) to->group = o->group + lo;
    if (o->hash) to->hash = o->hash + lo;
    if (!row) return CULL_OK;
    int32_t *group = NULL;
    uint64_t *hash = NULL;
    if (o->group) CULL_TRY(CULL_TMP(cx, group, n));
    if (o->hash) CULL_TRY(CULL_TMP(cx, hash, n));
    for (int64_t i = 0; i < n; i++) {
        if (group) group[i] = o->group[row[i]];
        if (hash) hash[i] = o->hash[row[i]];
    }
    to->group = group;
    to->hash = hash;
    return CULL_OK;
}

static cull_status some(cull_ctx *cx, const cull_outcomes *o, int64_t lo, const int64_t *row,
                        int64_t n, cull_outcomes *to)
{
    cull_outcomes own = *o;
    own.n = n;
    own.first = row ? 0 : o->first + lo;
    CULL_TRY(matrices(cx, o->out, o->models, NULL, o->classes, lo, row, n, &own.out));
    CULL_TRY(matrices(cx, o->x, o->xs, o->d, 0, lo, row, n, &own.x));
    CULL_TRY(numbers(cx, o->score, o->models, o->n, lo, row, n, &own.score));
    CULL_TRY(numbers(cx, o->quality, o->models, o->n, lo, row, n, &own.quality));
    CULL_TRY(numbers(cx, o->cost, o->models, o->n, lo, row, n, &own.cost));
    CULL_TRY(columns(cx, o, lo, row, n, &own));
    *to = own;
    return CULL_OK;
}

cull_status cull_outcomes_rows(cull_ctx *cx, const cull_outcomes *o, int64_t lo, int64_t n,
                               cull_outcomes *out)
{
    if (lo < 0 || n < 0 || lo > o->n - n)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows from row %" PRId64 " on of %s, which has %" PRId64, n,
                          lo, where(o), o->n);
    return some(cx, o, lo, NULL, n, out);
}

cull_status cull_outcomes_gather(cull_ctx *cx, const cull_outcomes *o, const int64_t *row,
                                 int64_t n, cull_outcomes *out)
{
    for (int64_t i = 0; i < n; i++)
        if (row[i] < 0 || row[i] >= o->n)
            return cull__fail(cx, CULL_EINPUT, "row %" PRId64 " of %s, which has %" PRId64, row[i],
                              where(o), o->n);
    return some(cx, o, 0, row, n, out);
}
