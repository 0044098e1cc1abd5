/* conform.c - conformal quantiles and p-values, weighted and by group (cull/conform.h). */
#include "choose/conform.h"

#include <math.h>

#include "cull/conform.h"

/* ---- what is refused ---- */
cull_status cull__conform_scores_fit(cull_ctx *cx, const char *what, const double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (isnan(v[i]))
            return cull__fail(cx, CULL_EINPUT, "%s: number %lld is nan; a score is a number", what,
                              (long long)i);
    return CULL_OK;
}

cull_status cull__conform_weights_fit(cull_ctx *cx, const char *what, const double *w, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(w[i] >= 0) || isinf(w[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: number %lld is %g; a weight is finite and not below 0", what,
                              (long long)i, w[i]);
        sum += w[i];
    }
    if (isinf(sum)) return cull__fail(cx, CULL_EINPUT, "%s: their sum is infinite", what);
    return CULL_OK;
}

cull_status cull__conform_rows_fit(cull_ctx *cx, const char *what, int64_t n, int64_t least)
{
    if (n < least || n >= INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "%lld %s; %lld to 2147483646 are possible", (long long)n,
                          what, (long long)least);
    return CULL_OK;
}

cull_status cull__conform_level_fit(cull_ctx *cx, const char *what, double level)
{
    if (!(level > 0 && level < 1))
        return cull__fail(cx, CULL_EOPTION, "%s is %g; it must lie between 0 and 1", what, level);
    return CULL_OK;
}

cull_status cull_conform_clip(cull_ctx *cx, const double *score, const uint8_t *positive, int64_t n,
                              double *v)
{
    CULL_TRY(cull__conform_scores_fit(cx, "scores", score, n));
    for (int64_t i = 0; i < n; i++) v[i] = positive && positive[i] ? INFINITY : -score[i];
    return CULL_OK;
}

/* ---- order ---- */
cull_status cull__conform_sort(cull_ctx *cx, const double *v, int64_t n, cull__place **out)
{
    cull__place *p, *room;
    CULL_TRY(CULL_TMP(cx, p, n));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, room, n));
    for (int64_t i = 0; i < n; i++) p[i] = (cull__place){v[i], i};
    cull__places_sort(p, room, n);
    cull__release(cx, mark);
    *out = p;
    return CULL_OK;
}

cull_status cull__conform_sums(cull_ctx *cx, const cull__place *p, const double *w, int64_t n,
                               double **out)
{
    double *sum, s = 0, lost = 0; /* what each addition loses is kept (Neumaier 1974) */
    CULL_TRY(CULL_TMP(cx, sum, n + 1));
    sum[0] = 0;
    for (int64_t k = 0; k < n; k++) {
        double x = w ? w[p[k].i] : 1, t = s + x;
        lost += s >= x ? (s - t) + x : (x - t) + s;
        s = t;
        sum[k + 1] = s + lost > sum[k] ? s + lost : sum[k];
    }
    *out = sum;
    return CULL_OK;
}

cull_status cull__conform_stand(cull_ctx *cx, const double *v, const double *w, int64_t n,
                                const double *t, int64_t m, cull__standing *out)
{
    cull__place *c, *p;
    double *sum;
    CULL_TRY(CULL_TMP(cx, out->below, m));
    CULL_TRY(CULL_TMP(cx, out->upto, m));
    CULL_TRY(cull__conform_sort(cx, t, m, &p));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(cull__conform_sort(cx, v, n, &c));
    CULL_TRY(cull__conform_sums(cx, c, w, n, &sum));
    int64_t lo = 0, hi = 0;
    for (int64_t r = 0; r < m; r++) {
        while (lo < n && c[lo].v < p[r].v) lo++;
        while (hi < n && c[hi].v <= p[r].v) hi++;
        out->below[r] = sum[lo];
        out->upto[r] = sum[hi];
    }
    out->m = m;
    out->t = p;
    out->total = sum[n];
    cull__release(cx, mark);
    return CULL_OK;
}

uint64_t cull__conform_seed(const cull_ctx *cx, uint64_t stream, int purpose)
{
    uint64_t of[3] = {cull_ctx_seed(cx), stream, (uint64_t)purpose};
    return cull__hash64(of, sizeof of, 0);
}

/* ---- quantiles ---- */
/* How many of n scores the quantile is at; n + 1 and more: infinity. */
static int64_t rank_of(int64_t n, double alpha)
{
    double need = ceil((double)(n + 1) * (1 - alpha) / CULL__REACHED);
    return need < 1 ? 1 : (int64_t)need;
}

static cull_status quantile(cull_ctx *cx, const double *v, int64_t n, double alpha, double *out)
{
    cull__place *p;
    int64_t k = rank_of(n, alpha);
    CULL_TRY(cull__conform_sort(cx, v, n, &p));
    *out = k > n ? INFINITY : p[k - 1].v;
    return CULL_OK;
}

cull_status cull_conform_quantile(cull_ctx *cx, const double *v, int64_t n, double alpha,
                                  double *out)
{
    CULL_TRY(cull__conform_rows_fit(cx, "calibration scores", n, 0));
    CULL_TRY(cull__conform_level_fit(cx, "alpha", alpha));
    CULL_TRY(cull__conform_scores_fit(cx, "calibration scores", v, n));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = quantile(cx, v, n, alpha, out);
    cull__release(cx, mark);
    return s;
}

static cull_status weighted_quantiles(cull_ctx *cx, const double *v, const double *w, int64_t n,
                                      double alpha, const double *tw, int64_t m, double *out)
{
    cull__place *p;
    double *sum;
    CULL_TRY(cull__conform_sort(cx, v, n, &p));
    CULL_TRY(cull__conform_sums(cx, p, w, n, &sum));
    for (int64_t j = 0; j < m; j++) {
        double need = (1 - alpha) / CULL__REACHED * (sum[n] + tw[j]);
        int64_t lo = 1, hi = n + 1; /* the first k with sum[k] >= need; n + 1 = none */
        while (lo < hi) {
            int64_t mid = lo + (hi - lo) / 2;
            if (sum[mid] >= need)
                hi = mid;
            else
                lo = mid + 1;
        }
        out[j] = lo > n || !(sum[n] + tw[j] > 0) ? INFINITY : p[lo - 1].v;
    }
    return CULL_OK;
}

cull_status cull_conform_quantile_weighted(cull_ctx *cx, const double *v, const double *w,
                                           int64_t n, double alpha, const double *tw, int64_t m,
                                           double *out)
{
    CULL_TRY(cull__conform_rows_fit(cx, "calibration scores", n, 0));
    CULL_TRY(cull__conform_rows_fit(cx, "test weights", m, 0));
    CULL_TRY(cull__conform_level_fit(cx, "alpha", alpha));
    CULL_TRY(cull__conform_scores_fit(cx, "calibration scores", v, n));
    CULL_TRY(cull__conform_weights_fit(cx, "calibration weights", w, n));
    CULL_TRY(cull__conform_weights_fit(cx, "test weights", tw, m));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = weighted_quantiles(cx, v, w, n, alpha, tw, m, out);
    cull__release(cx, mark);
    return s;
}

/* Rows by group, those of a group by score: two stable sorts. */
static cull_status group_quantiles(cull_ctx *cx, const double *v, const int32_t *group, int64_t n,
                                   int32_t groups, double alpha, double *out, int64_t *count)
{
    cull__place *p, *room;
    CULL_TRY(cull__conform_sort(cx, v, n, &p));
    CULL_TRY(CULL_TMP(cx, room, n));
    for (int64_t k = 0; k < n; k++) p[k].v = group[p[k].i];
    cull__places_sort(p, room, n);
    int64_t k = 0;
    for (int32_t g = 0; g < groups; g++) {
        int64_t first = k;
        while (k < n && group[p[k].i] == g) k++;
        int64_t rank = rank_of(k - first, alpha);
        out[g] = rank > k - first ? INFINITY : v[p[first + rank - 1].i];
        if (count) count[g] = k - first;
    }
    return CULL_OK;
}

cull_status cull_conform_quantile_groups(cull_ctx *cx, const double *v, const int32_t *group,
                                         int64_t n, int32_t groups, double alpha, double *out,
                                         int64_t *count)
{
    CULL_TRY(cull__conform_rows_fit(cx, "calibration scores", n, 0));
    CULL_TRY(cull__conform_level_fit(cx, "alpha", alpha));
    CULL_TRY(cull__conform_scores_fit(cx, "calibration scores", v, n));
    for (int64_t i = 0; i < n; i++)
        if (group[i] < 0 || group[i] >= groups)
            return cull__fail(cx, CULL_EINPUT, "row %lld is of group %d; there are 0 .. %d",
                              (long long)i, group[i], groups - 1);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = group_quantiles(cx, v, group, n, groups, alpha, out, count);
    cull__release(cx, mark);
    return s;
}

/* ---- p-values ---- */
static cull_status pvalues(cull_ctx *cx, const double *v, const double *w, int64_t n,
                           const double *t, const double *tw, int64_t m, cull_ties ties,
                           uint64_t stream, double *p)
{
    cull__standing s;
    uint64_t seed = cull__conform_seed(cx, stream, CULL__DRAW_TIES);
    CULL_TRY(cull__conform_stand(cx, v, w, n, t, m, &s));
    for (int64_t r = 0; r < m; r++) {
        int64_t j = s.t[r].i;
        double x = tw ? tw[j] : 1, u = 1;
        if (!(s.total + x > 0)) return cull__fail(cx, CULL_EINPUT, "all weights are 0");
        if (ties == CULL_TIES_RANDOM) {
            cull_rng rng = cull__rng_seeded(seed, (uint64_t)j);
            u = cull__rng_unit(&rng);
        }
        double upto = ties == CULL_TIES_STRICT ? s.below[r] : s.upto[r];
        p[j] = cull__conform_p(s.below[r], upto, x, s.total, u);
    }
    return CULL_OK;
}

cull_status cull_conform_pvalues(cull_ctx *cx, const double *v, const double *w, int64_t n,
                                 const double *t, const double *tw, int64_t m, cull_ties ties,
                                 uint64_t stream, double *p)
{
    CULL_TRY(cull__conform_rows_fit(cx, "calibration scores", n, 1));
    CULL_TRY(cull__conform_rows_fit(cx, "test scores", m, 0));
    CULL_TRY(cull__conform_scores_fit(cx, "calibration scores", v, n));
    CULL_TRY(cull__conform_scores_fit(cx, "test scores", t, m));
    if (!w != !tw)
        return cull__fail(cx, CULL_EINPUT, "weights of the %s rows are missing; give both or none",
                          w ? "test" : "calibration");
    if (w) CULL_TRY(cull__conform_weights_fit(cx, "calibration weights", w, n));
    if (w) CULL_TRY(cull__conform_weights_fit(cx, "test weights", tw, m));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = pvalues(cx, v, w, n, t, tw, m, ties, stream, p);
    cull__release(cx, mark);
    return s;
}
