/* draw.c - random points: value by value from left to right, constraints kept by drawing again or by a list of all
 * that keep them. */
#include "space/inner.h"

#include <math.h>
#include <string.h>

/* ---- one value ---- */

/* k of the n items, each set as likely. */
static void draw_items(cull_rng *r, int64_t n, int64_t k, double *v)
{
    for (int64_t j = 0; j < n; j++) {
        v[j] = cull__rng_below(r, n - j) < k;
        k -= v[j] == 1;
    }
}

/* How many items a subset has, in proportion to how many subsets have so many. From the most frequent size outwards,
 * so that nothing overflows. */
static int64_t draw_size(const cull_space_param *p, cull_rng *r)
{
    int64_t n = p->n, lo = p->least, hi = p->most;
    int64_t top = n / 2 < lo ? lo : n / 2 > hi ? hi : n / 2;
    double all = 1, w = 1;
    if (lo == hi) return lo;
    for (int64_t k = top; k < hi; k++) all += w *= (double)(n - k) / (double)(k + 1);
    w = 1;
    for (int64_t k = top; k > lo; k--) all += w *= (double)k / (double)(n - k + 1);
    double u = cull__rng_unit(r) * all - 1;
    if (u < 0) return top;
    w = 1;
    for (int64_t k = top; k < hi; k++) {
        u -= w *= (double)(n - k) / (double)(k + 1);
        if (u < 0) return k + 1;
    }
    w = 1;
    for (int64_t k = top; k > lo; k--) {
        u -= w *= (double)k / (double)(n - k + 1);
        if (u < 0) return k - 1;
    }
    return top;
}

static void draw_order(cull_rng *r, int64_t n, double *v)
{
    for (int64_t j = 0; j < n; j++) {
        int64_t k = cull__rng_below(r, j + 1);
        v[j] = v[k];
        v[k] = (double)j;
    }
}

static void draw_shares(cull_rng *r, int64_t n, double *v)
{
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += v[j] = -log(cull__rng_unit(r));
    for (int64_t j = 0; j < n; j++) v[j] /= sum;
}

void cull__space_draw_value(const cull_space_param *p, cull_rng *r, double *v)
{
    switch (p->kind) {
    case CULL_SPACE_REAL: v[0] = cull__space_from_unit(p, cull__rng_unit(r)); break;
    case CULL_SPACE_INT:
        v[0] = p->log ? cull__space_from_unit(p, cull__rng_unit(r))
                      : p->lo + (double)cull__rng_below(r, p->n) * p->step;
        break;
    case CULL_SPACE_CATEGORY:
    case CULL_SPACE_ORDINAL:
        v[0] = p->weight ? cull__space_by_chance(p, cull__rng_unit(r))
                         : (double)cull__rng_below(r, p->n);
        break;
    case CULL_SPACE_SUBSET: draw_items(r, p->n, draw_size(p, r), v); break;
    case CULL_SPACE_PERMUTATION: draw_order(r, p->n, v); break;
    case CULL_SPACE_SIMPLEX: draw_shares(r, p->n, v); break;
    }
}

/* ---- whole points ---- */

static void clear(const cull_space_param *p, double *x)
{
    for (int64_t j = 0; j < p->width; j++) x[p->at + j] = NAN;
}

bool cull__space_make(const cull_space *s, cull__space_fill_fn *fill, void *user, cull_rng *r,
                      double *x)
{
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        if (!cull__is_active(s, x, i)) {
            clear(p, x);
            continue;
        }
        x[p->at] = NAN;
        if (fill) fill(user, s, i, x, x + p->at);
        if (isnan(x[p->at])) cull__space_draw_value(p, r, x + p->at);
    }
    return !s->rules || cull_space_allows(s, x);
}

bool cull__space_mend(const cull_space *s, cull_rng *r, double *x)
{
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        if (!cull__is_active(s, x, i))
            clear(p, x);
        else if (isnan(x[p->at]))
            cull__space_draw_value(p, r, x + p->at);
    }
    return !s->rules || cull_space_allows(s, x);
}

bool cull__space_draw_once(const cull_space *s, cull_rng *r, double *x)
{
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        if (cull__is_active(s, x, i))
            cull__space_draw_value(p, r, x + p->at);
        else
            clear(p, x);
        if (s->more[i].rules && !cull__space_holds(s, x, i)) return false;
    }
    return true;
}

static void draw_listed(const cull_space *s, cull_rng *r, double *x)
{
    double u = cull__rng_unit(r) * s->upto[s->points - 1];
    int64_t lo = 0, hi = s->points - 1;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (s->upto[mid] <= u)
            lo = mid + 1;
        else
            hi = mid;
    }
    memcpy(x, s->point + lo * s->width, (size_t)s->width * sizeof *x);
}

cull_status cull__space_draw(cull_ctx *cx, const cull_space *s, cull_rng *r, double *x)
{
    enum { MOST = 1000000 };
    if (s->points) {
        draw_listed(s, r, x);
        return CULL_OK;
    }
    for (int tries = 0; tries < MOST; tries++) {
        if (cull__space_draw_once(s, r, x)) return CULL_OK;
        if (tries % 4096 == 4095) CULL_TRY(cull__tick(cx, tries, MOST));
    }
    return cull__fail(cx, CULL_EINPUT,
                      "no point that keeps the constraints was found in %d draws; narrow the "
                      "parameters to where they can hold",
                      MOST);
}

cull_status cull_space_draw(cull_ctx *cx, const cull_space *s, uint64_t stream, double *x)
{
    cull_rng r = cull__rng(cx, stream);
    return cull__space_draw(cx, s, &r, x);
}
