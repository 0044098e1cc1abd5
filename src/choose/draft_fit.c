/* draft_fit.c - which length or threshold is fastest on a trace, and by how much (draft.h). */
#include "choose/draft.h"
#include "num/num.h"

#include <math.h>
#include <stdlib.h>

enum { DRAWS = 2000, STARTS = 20000 };

typedef struct {
    const cull__trace *t;
    const cull__draft_cost *c;
    const cull__draft_policy *p;
    double *speed;
} try_out;

static cull_status one(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const try_out *o = arg;
    cull__draft_count sum;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        CULL_TRY(cull__tick(cx, (double)i, 0));
        cull__draft_count_up(o->t, &o->p[i], 0, NULL, &sum);
        o->speed[i] = cull__draft_speed(&sum, o->c);
    }
    return CULL_OK;
}

/* The fastest of p[0..n), the first of equals; *best and *speed are kept where none is faster. *at = which, or
 * -1. */
static cull_status fastest(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c,
                           const cull__draft_policy *p, int64_t n, cull__draft_policy *best,
                           double *speed, int64_t *at)
{
    try_out o = {t, c, p, NULL};
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, o.speed, n));
    CULL_TRY(cull__for(cx, n, 1, one, &o));
    *at = -1;
    for (int64_t i = 0; i < n; i++)
        if (o.speed[i] > *speed) *speed = o.speed[i], *best = p[i], *at = i;
    cull__release(cx, mark);
    return cull__tick(cx, 0, 0);
}

cull_status cull__draft_fixed(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c,
                              int least, int most, cull__draft_policy *best, double *speed)
{
    cull__draft_policy p[CULL__DRAFT_MOST], bounds = {.least = least, .most = most};
    int64_t at;
    int n = 0;
    CULL_TRY(cull__trace_fits(cx, t));
    CULL_TRY(cull__draft_cost_fits(cx, c));
    CULL_TRY(cull__draft_policy_fits(cx, t, &bounds));
    for (int k = least; k <= most; k++)
        p[n++] = (cull__draft_policy){.rule = CULL__DRAFT_FIXED, .least = k, .most = k};
    *speed = -1;
    return fastest(cx, t, c, p, n, best, speed, &at);
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* What the rule compares with tau, over starts that are spread over the trace; ascending, and of those that
 * rounding alone tells apart the first. */
static cull_status values(cull_ctx *cx, const cull__trace *t, const cull__draft_policy *p,
                          double **out, int64_t *count)
{
    int64_t starts = t->n < STARTS ? t->n : STARTS, n = 0, kept = 0;
    int deep = p->rule == CULL__DRAFT_LAST ? 1 : p->most;
    CULL_TRY(CULL_TMP(cx, *out, starts * deep));
    double *v = *out;
    for (int64_t s = 0; s < starts; s++) {
        int64_t at = (int64_t)((double)t->n / (double)starts * (double)s);
        double whole = 1;
        for (int k = 0; k < deep && at + k < t->n; k++) {
            whole *= t->said[at + k];
            v[n++] = p->rule == CULL__DRAFT_LAST ? whole : 1 - whole;
        }
    }
    qsort(v, (size_t)n, sizeof *v, ascending);
    for (int64_t i = 0; i < n; i++)
        if (kept == 0 || v[i] > v[kept - 1] + 1e-13) v[kept++] = v[i];
    *count = kept;
    return CULL_OK;
}

/* The best tau of v[lo..hi), and then of those around it until none is left out. */
static cull_status fit_tau(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c, int grid,
                           const double *v, int64_t count, cull__draft_policy shape,
                           cull__draft_policy *best, double *speed)
{
    cull__draft_policy *p;
    int64_t *place, at, lo = 0, hi = count;
    CULL_TRY(CULL_TMP(cx, p, grid));
    CULL_TRY(CULL_TMP(cx, place, grid));
    for (;;) {
        int64_t span = hi - lo, n = span < grid ? span : grid;
        double mine = -1;
        cull__draft_policy found;
        for (int64_t i = 0; i < n; i++) {
            place[i] =
                n < 2 ? lo : lo + (int64_t)((double)(span - 1) / (double)(n - 1) * (double)i);
            p[i] = shape;
            p[i].tau = v[place[i]];
        }
        CULL_TRY(fastest(cx, t, c, p, n, &found, &mine, &at));
        if (mine > *speed) *speed = mine, *best = found;
        if (n == span) return CULL_OK;
        lo = at > 0 ? place[at - 1] : lo;
        hi = at + 1 < n ? place[at + 1] + 1 : hi;
    }
}

/* The best of one bound, the others as they are. */
static cull_status fit_bound(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c,
                             bool upper, int from, int to, cull__draft_policy *best, double *speed)
{
    cull__draft_policy p[CULL__DRAFT_MOST];
    int64_t at;
    int n = 0;
    for (int k = from; k <= to; k++) {
        p[n] = *best;
        *(upper ? &p[n].most : &p[n].least) = k;
        n++;
    }
    return fastest(cx, t, c, p, n, best, speed, &at);
}

cull_status cull__draft_fit(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c, int grid,
                            cull__draft_policy *p, double *speed)
{
    cull__draft_policy wide = *p, best;
    double *v, before;
    int64_t count;
    CULL_TRY(cull__draft_policy_fits(cx, t, p));
    if (grid < 8 || grid > 65536)
        return cull__fail(cx, CULL_EOPTION, "a grid of %d thresholds; it must be 8 to 65536", grid);
    CULL_TRY(cull__draft_fixed(cx, t, c, p->least, p->most, &best, speed));
    /* a fixed length in the words of this rule: it never stops before its most */
    best = (cull__draft_policy){
        p->rule, p->rule == CULL__DRAFT_LAST ? -1 : 2, best.least, best.most, p->lag, 0};
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(values(cx, t, p, &v, &count));
    CULL_TRY(fit_tau(cx, t, c, grid, v, count, wide, &best, speed));
    for (int round = 0; round < 3; round++) {
        before = *speed;
        CULL_TRY(fit_bound(cx, t, c, true, best.least, wide.most, &best, speed));
        CULL_TRY(fit_bound(cx, t, c, false, wide.least, best.most, &best, speed));
        if (*speed > before) CULL_TRY(fit_tau(cx, t, c, grid, v, count, best, &best, speed));
        if (!(*speed > before)) break;
    }
    cull__release(cx, mark);
    *p = best;
    return CULL_OK;
}

cull_status cull__draft_gain(cull_ctx *cx, const cull__draft_count *a, const cull__draft_count *b,
                             int64_t blocks, const cull__draft_cost *c, uint64_t stream,
                             double *gain, double *lo, double *hi)
{
    cull__mark_t mark = cull__mark(cx);
    cull_rng r = cull__rng(cx, stream);
    double *v;
    CULL_TRY(CULL_TMP(cx, v, DRAWS + 1));
    for (int k = 0; k <= DRAWS; k++) {
        cull__draft_count sum[2] = {{0, 0, 0}, {0, 0, 0}};
        for (int64_t i = 0; i < blocks; i++) {
            int64_t at = k == DRAWS ? i : cull__rng_below(&r, blocks);
            for (int side = 0; side < 2; side++) {
                const cull__draft_count *from = side ? &b[at] : &a[at];
                sum[side].tokens += from->tokens;
                sum[side].drafts += from->drafts;
                sum[side].rounds += from->rounds;
            }
        }
        v[k] = cull__draft_speed(&sum[0], c) / cull__draft_speed(&sum[1], c) - 1;
    }
    *gain = v[DRAWS];
    CULL_TRY(cull__quantile(cx, v, DRAWS, .025, lo));
    CULL_TRY(cull__quantile(cx, v, DRAWS, .975, hi));
    cull__release(cx, mark);
    return CULL_OK;
}
