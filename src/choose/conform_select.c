/* conform_select.c - conformal selection, under covariate shift, and with a choice of models (cull/conform.h).
 *
 * R_j is the size of a Benjamini-Hochberg choice of its own for each row j, but the rows come in the same order in all of
 * them: by score. Let W_r be the weight of the calibration rows below the r-th score, W that of all, x that of row j, which
 * is s-th. Its own p-value being 0, a row r < s moves back by one place and passes where W_r <= q (r + 1) / m (W + x); a row r > s
 * has row j below it and passes where W_r + x <= q r / m (W + x). The largest place that passes is R_j. Both are bounds
 * on x that do not depend on j: after s the last r whose bound is x or more, which binary search finds in maxima of all
 * bounds from r on; else before s the last r whose bound is W + x or less, on a stack of those rows that no later
 * one before s is better than. */
#include <math.h>
#include <string.h>

#include "choose/conform.h"
#include "cull/conform.h"

/* What each bound on x is. */
typedef struct {
    double *after;  /* (m): the largest bound of rows r, r + 1, ... */
    double *before; /* (m): of the rows on the stack */
    int64_t *row;   /* (m): the stack, ascending */
    int64_t top;
} bounds;

static cull_status bounds_new(cull_ctx *cx, const double *mass, double total, int64_t m, double q,
                              bounds *b)
{
    CULL_TRY(CULL_TMP(cx, b->after, m));
    CULL_TRY(CULL_TMP(cx, b->before, m));
    CULL_TRY(CULL_TMP(cx, b->row, m));
    b->top = 0;
    double most = -INFINITY;
    for (int64_t r = m; r-- > 0;) {
        double level = q * (double)(r + 1) / (double)m, gap = level * total - mass[r];
        double x = level < 1 ? gap / (1 - level) : INFINITY;
        if (x > most) most = x;
        b->after[r] = most;
    }
    return CULL_OK;
}

static void push(bounds *b, int64_t r, double bound)
{
    while (b->top > 0 && b->before[b->top - 1] >= bound) b->top--;
    b->before[b->top] = bound;
    b->row[b->top++] = r;
}

/* How many of the first n, which never grow (fall), are x or more (or less). */
static int64_t count_upto(const double *v, int64_t n, double x, bool fall)
{
    int64_t lo = 0, hi = n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (fall ? v[mid] >= x : v[mid] <= x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* size[j] = R_j of all rows. Equal scores: with `strict`, a row is not below those that are equal, and counts as the last
 * of them, as then all others come no later; else it is below them and counts as the first. */
static cull_status sizes(cull_ctx *cx, const cull__standing *s, const double *tw, double q,
                         bool strict, int64_t *size)
{
    bounds b;
    const int64_t m = s->m;
    const double *mass = strict ? s->below : s->upto;
    q *= CULL__REACHED;
    CULL_TRY(bounds_new(cx, mass, s->total, m, q, &b));
    int64_t pushed = 0;
    for (int64_t lo = 0, hi; lo < m; lo = hi) {
        for (hi = lo; hi < m && s->t[hi].v == s->t[lo].v;) hi++;
        int64_t at = strict ? hi - 1 : lo;
        for (; pushed < at; pushed++)
            push(&b, pushed, mass[pushed] * ((double)m / (q * (double)(pushed + 2))));
        for (int64_t k = lo; k < hi; k++) {
            double x = tw ? tw[s->t[k].i] : 1;
            int64_t last = count_upto(b.after, m, x, true) - 1, below;
            if (last > at)
                size[s->t[k].i] = last + 1;
            else if ((below = count_upto(b.before, b.top, s->total + x, false)) > 0)
                size[s->t[k].i] = b.row[below - 1] + 2;
            else
                size[s->t[k].i] = 1;
        }
    }
    return CULL_OK;
}

/* ---- evidence and pruning ---- */
static double opt_beta(const cull_select_opts *o) { return o->beta == 0 ? 1 : o->beta; }

static cull_status opts_fit(cull_ctx *cx, const cull_select_opts *o)
{
    CULL_TRY(cull__conform_level_fit(cx, "the false discovery rate q", o->q));
    if (!(o->beta >= 0 && o->beta <= 1))
        return cull__fail(cx, CULL_EOPTION, "beta is %g; it must lie in (0, 1]", o->beta);
    return CULL_OK;
}

static double xi(const cull_select_opts *o, uint64_t seed, int64_t j)
{
    if (o->prune == CULL_PRUNE_DTM) return 1;
    cull_rng r = cull__rng_seeded(seed, o->prune == CULL_PRUNE_HOMO ? 0 : (uint64_t)j);
    return cull__rng_unit(&r);
}

/* Rows whose own p-value passes at their own size, then the largest r that xi beta R_j <= r holds of as many. */
static cull_status prune(cull_ctx *cx, const double *p, const int64_t *size, int64_t m,
                         const cull_select_opts *o, cull_selection *out)
{
    double beta = opt_beta(o), *v;
    uint64_t seed = cull__conform_seed(cx, o->stream, CULL__DRAW_PRUNE);
    int64_t passed = 0, r;
    cull__place *order;
    CULL_TRY(CULL_TMP(cx, v, m));
    for (int64_t j = 0; j < m; j++) {
        double level = o->q * beta * (double)size[j] / (double)m;
        bool pass = p[j] <= level * CULL__REACHED;
        v[j] = pass ? xi(o, seed, j) * beta * (double)size[j] : INFINITY;
        passed += pass;
        if (out->e) out->e[j] = pass ? 1 / level : 0;
        if (out->keep) out->keep[j] = 0;
    }
    CULL_TRY(cull__conform_sort(cx, v, m, &order));
    for (r = passed; r > 0 && !(order[r - 1].v <= (double)r * CULL__REACHED);) r--;
    for (int64_t k = 0; k < r && out->keep; k++) out->keep[order[k].i] = 1;
    out->kept = r;
    out->threshold = NAN;
    if (out->p) memcpy(out->p, p, (size_t)m * sizeof *p);
    if (out->size) memcpy(out->size, size, (size_t)m * sizeof *size);
    return CULL_OK;
}

/* ---- one model ---- */
static cull_status select_plain(cull_ctx *cx, const double *v, int64_t n, const double *t,
                                int64_t m, const cull_select_opts *o, cull_selection *out)
{
    double *p = out->p;
    uint8_t *keep = out->keep;
    if (!p) CULL_TRY(CULL_TMP(cx, p, m));
    if (!keep) CULL_TRY(CULL_TMP(cx, keep, m));
    CULL_TRY(cull_conform_pvalues(cx, v, NULL, n, t, NULL, m, o->ties, o->stream, p));
    return cull_fdr_bh(cx, p, m, o->q, keep, &out->kept, &out->threshold);
}

cull_status cull_conform_select(cull_ctx *cx, const double *v, int64_t n, const double *t,
                                int64_t m, const cull_select_opts *o, cull_selection *out)
{
    CULL_TRY(opts_fit(cx, o));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = select_plain(cx, v, n, t, m, o, out);
    cull__release(cx, mark);
    return s;
}

static cull_status select_weighted(cull_ctx *cx, const double *v, const double *w, int64_t n,
                                   const double *t, const double *tw, int64_t m,
                                   const cull_select_opts *o, cull_selection *out)
{
    double *p;
    int64_t *size;
    cull__standing s;
    CULL_TRY(CULL_TMP(cx, p, m));
    CULL_TRY(CULL_TMP(cx, size, m));
    CULL_TRY(cull_conform_pvalues(cx, v, w, n, t, tw, m, o->ties, o->stream, p));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(cull__conform_stand(cx, v, w, n, t, m, &s));
    CULL_TRY(sizes(cx, &s, tw, o->q, true, size));
    cull__release(cx, mark);
    if (out->model) memset(out->model, 0, (size_t)m * sizeof *out->model);
    return prune(cx, p, size, m, o, out);
}

cull_status cull_conform_select_weighted(cull_ctx *cx, const double *v, const double *w, int64_t n,
                                         const double *t, const double *tw, int64_t m,
                                         const cull_select_opts *o, cull_selection *out)
{
    CULL_TRY(opts_fit(cx, o));
    if (!w || !tw)
        return cull__fail(cx, CULL_EINPUT, "weighted selection needs the weights of all rows");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = select_weighted(cx, v, w, n, t, tw, m, o, out);
    cull__release(cx, mark);
    return s;
}

/* ---- a choice of models ---- */
typedef struct {
    const double *v, *t;
    int64_t n, m;
    double q;
    int32_t *size, *below, *upto; /* (models, m) */
} tables;

static cull_status judge_models(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    tables *g = arg;
    (void)chunk;
    for (int64_t k = lo; k < hi; k++) {
        cull__mark_t mark = cull__mark(cx);
        cull__standing s;
        int64_t *size, at = k * g->m;
        CULL_TRY(cull__conform_stand(cx, g->v + k * g->n, NULL, g->n, g->t + at, g->m, &s));
        CULL_TRY(CULL_TMP(cx, size, g->m));
        CULL_TRY(sizes(cx, &s, NULL, g->q, false, size));
        for (int64_t r = 0; r < g->m; r++) {
            g->below[at + s.t[r].i] = (int32_t)s.below[r];
            g->upto[at + s.t[r].i] = (int32_t)s.upto[r];
            g->size[at + r] = (int32_t)size[r];
        }
        cull__release(cx, mark);
        CULL_TRY(cull__tick(cx, (double)k, 0));
    }
    return CULL_OK;
}

/* The model with the largest R_j; of equal ones each with the same chance. */
static int choose_model(const int32_t *size, int64_t m, int models, int64_t j, uint64_t seed)
{
    int32_t most = 0;
    int64_t equal = 0;
    for (int k = 0; k < models; k++) {
        int32_t here = size[k * m + j];
        equal = here > most ? 1 : equal + (here == most);
        if (here > most) most = here;
    }
    int64_t pass = 0;
    if (equal > 1) {
        cull_rng r = cull__rng_seeded(seed, (uint64_t)j);
        pass = cull__rng_below(&r, equal);
    }
    for (int k = 0;; k++)
        if (size[k * m + j] == most && pass-- == 0) return k;
}

static cull_status select_model(cull_ctx *cx, const double *v, int64_t n, const double *t,
                                int64_t m, int models, const cull_select_opts *o,
                                cull_selection *out)
{
    tables g = {v, t, n, m, o->q, NULL, NULL, NULL};
    uint64_t seed = cull__conform_seed(cx, o->stream, CULL__DRAW_MODEL);
    uint64_t ties = cull__conform_seed(cx, o->stream, CULL__DRAW_TIES);
    double *p;
    int64_t *size;
    CULL_TRY(CULL_TMP(cx, g.size, models * m));
    CULL_TRY(CULL_TMP(cx, g.below, models * m));
    CULL_TRY(CULL_TMP(cx, g.upto, models * m));
    CULL_TRY(CULL_TMP(cx, p, m));
    CULL_TRY(CULL_TMP(cx, size, m));
    CULL_TRY(cull__for(cx, models, 1, judge_models, &g));
    for (int64_t j = 0; j < m; j++) {
        int k = choose_model(g.size, m, models, j, seed);
        double below = g.below[k * m + j], upto = g.upto[k * m + j], u = 1;
        if (o->ties == CULL_TIES_STRICT) upto = below;
        if (o->ties == CULL_TIES_RANDOM) {
            cull_rng r = cull__rng_seeded(ties, (uint64_t)j);
            u = cull__rng_unit(&r);
        }
        p[j] = cull__conform_p(below, upto, 1, (double)n, u);
        size[j] = g.size[k * m + j];
        if (out->model) out->model[j] = k;
    }
    return prune(cx, p, size, m, o, out);
}

static cull_status models_fit(cull_ctx *cx, const char *rows, const double *v, int64_t n,
                              int models)
{
    for (int64_t i = 0; i < n * models; i++)
        if (isnan(v[i]))
            return cull__fail(cx, CULL_EINPUT, "model %lld: its score of %s row %lld is nan",
                              (long long)(i / n), rows, (long long)(i % n));
    return CULL_OK;
}

cull_status cull_conform_select_model(cull_ctx *cx, const double *v, int64_t n, const double *t,
                                      int64_t m, int models, const cull_select_opts *o,
                                      cull_selection *out)
{
    CULL_TRY(opts_fit(cx, o));
    CULL_TRY(cull__conform_rows_fit(cx, "calibration rows", n, 1));
    CULL_TRY(cull__conform_rows_fit(cx, "test rows", m, 0));
    if (models < 1 || models > 1000000)
        return cull__fail(cx, CULL_EINPUT, "%d models; 1 to 1000000 are possible", models);
    CULL_TRY(models_fit(cx, "calibration", v, n, models));
    CULL_TRY(models_fit(cx, "test", t, m, models));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = select_model(cx, v, n, t, m, models, o, out);
    cull__release(cx, mark);
    return s;
}
