/* feature.c - the one door to every method of task feature: checks the problem, lends scratch memory,
 * calls the method, checks the result. A method finds columns that are the same in all rows among those
 * to avoid. */
#include "cull/feature.h"
#include "base/base.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *name_of(const cull_feature_problem *p, int64_t c, char buf[32])
{
    if (p->name) return p->name[c];
    snprintf(buf, 32, "c%" PRId64, c);
    return buf;
}

/* ---- the problem ---- */

static cull_status check_limits(cull_ctx *cx, const cull_feature_problem *p)
{
    if (p->n < 1) return cull__fail(cx, CULL_EINPUT, "there are no rows");
    if (p->d < 1) return cull__fail(cx, CULL_EINPUT, "there are no columns to choose from");
    if (!(p->budget > 0))
        return cull__fail(cx, CULL_EINPUT, "budget %g: it must be above 0", p->budget);
    char buf[32];
    double least = INFINITY;
    for (int64_t c = 0; c < p->d; c++) {
        double cost = p->cost ? p->cost[c] : 1;
        if (!(cost > 0) || !isfinite(cost))
            return cull__fail(cx, CULL_EINPUT,
                              "the cost of column %s is %g; costs must be finite and above 0",
                              name_of(p, c, buf), cost);
        if (cost < least) least = cost;
    }
    if (p->budget < least)
        return cull__fail(cx, CULL_EINPUT,
                          "budget %g is below the cost of any column (the least is %g)", p->budget,
                          least);
    if (p->group && p->groups < 1)
        return cull__fail(cx, CULL_EINPUT, "there are groups, but their number is %d", p->groups);
    for (int64_t i = 0; p->group && i < p->n; i++)
        if (p->group[i] < 0 || p->group[i] >= p->groups)
            return cull__fail(cx, CULL_EINPUT, "group[%" PRId64 "] is %d; it must be 0 to %d", i,
                              p->group[i], p->groups - 1);
    return CULL_OK;
}

static cull_status check_classes(cull_ctx *cx, const cull_feature_problem *p)
{
    bool two = false;
    for (int64_t i = 0; i < p->n; i++) {
        double v = p->y[i];
        if (!(v >= 0 && v < p->classes) || v != floor(v))
            return cull__fail(cx, CULL_EINPUT,
                              "the class of row %" PRId64 " is %g; it must be 0 to %d", i, v,
                              p->classes - 1);
        two |= v != p->y[0];
    }
    if (!two)
        return cull__fail(cx, CULL_EINPUT,
                          "all %" PRId64 " rows are of one class; there is nothing to tell apart",
                          p->n);
    return CULL_OK;
}

static cull_status check_target(cull_ctx *cx, const cull_method *m, const cull_feature_problem *p)
{
    if (p->ys && cull_pool_n(p->ys) != p->n)
        return cull__fail(cx, CULL_EINPUT, "%s has %" PRId64 " rows, the columns have %" PRId64,
                          cull_pool_name(p->ys), cull_pool_n(p->ys), p->n);
    if (!(m->flags & CULL_NEEDS_Y)) return CULL_OK;
    if (!p->y && !p->ys)
        return cull__fail(cx, CULL_EINPUT, "%s needs what is to be predicted (--target)", m->slug);
    if ((m->flags & CULL_NEEDS_CLASSES) && !(p->y && p->classes > 0))
        return cull__fail(cx, CULL_EINPUT, "%s needs classes to predict; the target is numbers",
                          m->slug);
    if (p->ys) CULL_TRY(cull_pool_check(cx, p->ys));
    if (!p->y) return CULL_OK;
    if (p->classes) return check_classes(cx, p);
    bool two = false;
    for (int64_t i = 0; i < p->n; i++) {
        if (!isfinite(p->y[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "the target of row %" PRId64 " is %s; it must be a finite number", i,
                              isnan(p->y[i]) ? "missing" : "infinite");
        two |= p->y[i] != p->y[0];
    }
    if (two) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "the target is %g in all rows; there is nothing to predict",
                      p->y[0]);
}

/* ---- the columns ---- */

enum { VARIES = 1, MISSING = 2, GRAIN = 65536 };
typedef struct {
    const cull_feature_problem *p;
    const float *first; /* d: row 0 */
    uint8_t *seen;      /* d: of these bits; workers only ever add to them */
    const char *counts; /* who reads counts; NULL = numbers may be below 0 */
} columns;

/* As it was given, where that lies in one piece: a number that f32 has no room for is none that is infinite. */
static cull_status refuse_infinite(cull_ctx *cx, const cull_feature_problem *p, int64_t i,
                                   int64_t c)
{
    cull_array a = cull_pool_array(p->x);
    double given = INFINITY;
    char name[32];
    if (a.at) cull_array_f64(&a, i * p->d + c, 1, &given);
    if (isinf(given))
        return cull__fail(cx, CULL_EINPUT,
                          "column %s of row %" PRId64 " is infinite; it must be a number",
                          name_of(p, c, name), i);
    return cull__fail(cx, CULL_EINPUT,
                      "column %s of row %" PRId64 " is %g, past the largest f32 (3.4e38); divide "
                      "the column by a constant or take logarithms",
                      name_of(p, c, name), i, given);
}

static cull_status check_value(cull_ctx *cx, const columns *a, int64_t i, int64_t c, float v)
{
    char name[32];
    const cull_feature_problem *p = a->p;
    int32_t k = p->levels ? p->levels[c] : 0;
    if (isinf(v)) return refuse_infinite(cx, p, i, c);
    if (k && (!(v >= 0 && v < (float)k) || v != floorf(v)))
        return cull__fail(cx, CULL_EINPUT,
                          "column %s of row %" PRId64 " is %g; its codes are 0 to %d",
                          name_of(p, c, name), i, (double)v, k - 1);
    if (a->counts && v < 0 && !(p->avoid && p->avoid[c])) {
        const double *less = cull_pool_offset(p->x);
        return cull__fail(cx, CULL_EINPUT,
                          "column %s of row %" PRId64 " is %g; %s takes counts, 0 or more",
                          name_of(p, c, name), i, (double)v + (less ? less[c] : 0), a->counts);
    }
    return CULL_OK;
}

/* Rows as they lie where they can be had so, else in scratch: f32 of a file may lie at an odd address. */
static cull_status rows_of(cull_ctx *cx, const cull_feature_problem *p, int64_t lo, int64_t hi,
                           const float **out)
{
    float *buf;
    CULL_TRY(CULL_TMP(cx, buf, (hi - lo) * p->d));
    *out = cull_pool_rows(p->x, lo, hi, buf);
    return CULL_OK;
}

static cull_status look_at_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    const columns *a = arg;
    const cull_feature_problem *p = a->p;
    const float *v;
    CULL_TRY(rows_of(cx, p, lo, hi, &v));
    for (int64_t i = lo; i < hi; i++)
        for (int64_t c = 0; c < p->d; c++, v++) {
            unsigned bits = isnan(*v) ? MISSING : 0;
            if (!bits) CULL_TRY(check_value(cx, a, i, c, *v));
            if (*v != a->first[c] && !(bits && isnan(a->first[c]))) bits |= VARIES;
            if (bits & ~__atomic_load_n(&a->seen[c], __ATOMIC_RELAXED))
                __atomic_fetch_or(&a->seen[c], (uint8_t)bits, __ATOMIC_RELAXED);
        }
    return CULL_OK;
}

static cull_status refuse_missing(cull_ctx *cx, const cull_method *m, const cull_feature_problem *p,
                                  int64_t c)
{
    char name[32];
    for (int64_t i = 0; i < p->n; i++) {
        cull__mark_t mark = cull__mark(cx);
        const float *v;
        CULL_TRY(rows_of(cx, p, i, i + 1, &v));
        bool none = isnan(v[c]);
        cull__release(cx, mark);
        if (!none) continue;
        return cull__fail(cx, CULL_EINPUT,
                          "row %" PRId64 " has no value in column %s, and %s cannot do without; "
                          "fill it in, avoid the column, or use another method",
                          i, name_of(p, c, name), m->slug);
    }
    return CULL_OK;
}

/* One pass over the rows. What is to be avoided, and columns that are the same in all rows, to barred (d). */
static cull_status check_values(cull_ctx *cx, const cull_method *m, const cull_feature_problem *p,
                                uint8_t *barred)
{
    columns a = {.p = p, .counts = m->flags & CULL_NEEDS_COUNTS ? m->slug : NULL};
    float *first;
    CULL_TRY(CULL_TMP(cx, first, p->d));
    CULL_TRY(CULL_TMP0(cx, a.seen, p->d));
    const float *row = cull_pool_rows(p->x, 0, 1, first);
    if (row != first) memcpy(first, row, (size_t)p->d * sizeof *first);
    a.first = first;
    const char *phase = cull__phase(cx, "checking columns");
    cull_status s = cull__for(cx, p->n, GRAIN / p->d + 1, look_at_rows, &a);
    cull__phase(cx, phase);
    CULL_TRY(s);
    for (int64_t c = 0; c < p->d; c++) {
        barred[c] = !(a.seen[c] & VARIES) || (p->avoid && p->avoid[c]);
        if ((a.seen[c] & MISSING) && !barred[c] && !(m->flags & CULL_TAKES_MISSING))
            return refuse_missing(cx, m, p, c);
    }
    return CULL_OK;
}

static cull_status check_columns(cull_ctx *cx, const cull_method *m, const cull_feature_problem *p)
{
    char name[32];
    for (int64_t c = 0; p->levels && c < p->d; c++) {
        if (p->levels[c] < 0)
            return cull__fail(cx, CULL_EINPUT, "column %s has %d levels", name_of(p, c, name),
                              p->levels[c]);
        if (p->levels[c] && !(m->flags & CULL_TAKES_CATEGORIES) && !(p->avoid && p->avoid[c]))
            return cull__fail(cx, CULL_EINPUT,
                              "column %s is categorical, and %s takes numbers alone; avoid the "
                              "column, or use another method",
                              name_of(p, c, name), m->slug);
    }
    return CULL_OK;
}

static cull_status check_problem(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                 const cull_feature_problem *p)
{
    if (m->task != CULL_TASK_FEATURE)
        return cull__fail(cx, CULL_EINPUT, "%s is of task %s, not feature", m->slug,
                          cull_task_name(m->task));
    if (opts && cull_opts_method(opts) != m)
        return cull__fail(cx, CULL_EINPUT, "the options are those of %s, not of %s",
                          cull_opts_method(opts)->slug, m->slug);
    CULL_TRY(check_limits(cx, p));
    if (!isfinite(p->budget) && !(m->flags & CULL_OWN_NUMBER))
        return cull__fail(cx, CULL_EINPUT, "%s ranks columns; say how many to keep (--budget)",
                          m->slug);
    if (!p->x || cull_pool_n(p->x) != p->n || cull_pool_d(p->x) != p->d)
        return cull__fail(cx, CULL_EINPUT,
                          "the columns must be %" PRId64 " rows of %" PRId64 " numbers", p->n,
                          p->d);
    CULL_TRY(check_columns(cx, m, p));
    return check_target(cx, m, p);
}

/* ---- the result: a method that breaks its promise is a bug, told as one ---- */

static cull_status check_pick(cull_ctx *cx, const cull_method *m, const cull_feature_problem *p,
                              const cull_feature_pick *k)
{
    uint8_t *seen;
    double spent = 0;
    CULL_TRY(CULL_TMP0(cx, seen, p->d));
    if (k->d != p->d || !k->score || !k->score_is)
        return cull__fail(cx, CULL_EINTERNAL, "%s did not say what it found of each column",
                          m->slug);
    for (int64_t i = 0; i < k->pick.n; i++) {
        int64_t c = k->pick.idx[i];
        if (c < 0 || c >= p->d)
            return cull__fail(cx, CULL_EINTERNAL, "%s kept column %" PRId64 " of %" PRId64, m->slug,
                              c, p->d);
        if (seen[c]++ || p->avoid[c] || (p->have && p->have[c]) || isnan(k->score[c]))
            return cull__fail(cx, CULL_EINTERNAL,
                              "%s kept column %" PRId64 " twice, or against the problem", m->slug,
                              c);
        spent += p->cost ? p->cost[c] : 1;
    }
    if (spent > p->budget || fabs(spent - k->pick.spent) > 1e-9 * (1 + spent))
        return cull__fail(cx, CULL_EINTERNAL, "%s spent %g of %g and said %g", m->slug, spent,
                          p->budget, k->pick.spent);
    return CULL_OK;
}

static uint64_t hash_of(const cull_feature_pick *k)
{
    size_t n = (size_t)k->pick.n;
    uint64_t h = cull__hash64(k->score, (size_t)k->d * sizeof *k->score, 1);
    return cull__hash64(k->pick.idx, n * sizeof *k->pick.idx, h);
}

/* Columns that could not be kept have no score, whatever the method made of them. */
static void bar(cull_feature_pick *k, const uint8_t *barred)
{
    for (int64_t c = 0; c < k->d && k->score; c++) {
        if (!barred[c]) continue;
        k->score[c] = NAN;
        if (k->p) k->p[c] = NAN;
        if (k->verdict) k->verdict[c] = CULL_REJECTED;
    }
}

static cull_status select_columns(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                  const cull_feature_problem *p, cull_feature_pick *out)
{
    uint8_t *barred;
    cull_feature_problem in = *p;
    CULL_TRY(check_problem(cx, m, opts, p));
    CULL_TRY(CULL_TMP(cx, barred, p->d));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(check_values(cx, m, p, barred));
    cull__release(cx, mark);
    in.avoid = barred;
    cull_status s = m->run.feature(cx, &in, cull_opts_raw(opts), out);
    cull__release(cx, mark);
    bool best_so_far = s == CULL_ECANCEL && (m->flags & CULL_ANYTIME);
    if (s != CULL_OK && !best_so_far) return s;
    if (out->d == p->d) bar(out, barred);
    cull_status bad = check_pick(cx, m, &in, out);
    return bad == CULL_OK ? s : bad;
}

cull_status cull_feature_select(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                const cull_feature_problem *p, cull_feature_pick *out)
{
    *out = (cull_feature_pick){0};
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, m->slug);
    cull_opts *def = NULL;
    cull_status s = opts ? CULL_OK : cull_opts_new(cx, m, &def);
    if (s == CULL_OK) s = select_columns(cx, m, opts ? opts : def, p, out);
    cull__release(cx, mark);
    bool best_so_far = s == CULL_ECANCEL && (m->flags & CULL_ANYTIME);
    s = cull__agree(cx, "the choice", s == CULL_OK ? hash_of(out) : 0, s);
    cull__phase(cx, phase);
    cull_opts_free(def);
    if (s != CULL_OK && !best_so_far) cull_feature_pick_free(out);
    return s;
}

cull_status cull_feature_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                              const cull_feature_problem *p, cull_plan *out)
{
    *out = (cull_plan){0};
    cull_opts *def = NULL;
    CULL_TRY(check_problem(cx, m, opts, p));
    if (!opts) CULL_TRY(cull_opts_new(cx, m, &def));
    if (m->plan.feature)
        m->plan.feature(p, cull_opts_raw(opts ? opts : def), cull_ctx_threads(cx), out);
    cull_opts_free(def);
    /* the look at the rows: a block for each worker that there is a chunk for */
    int64_t grain = GRAIN / p->d + 1, chunks = (p->n + grain - 1) / grain;
    int64_t blocks = chunks < cull_ctx_threads(cx) ? chunks : cull_ctx_threads(cx);
    int64_t rows = p->n < grain ? p->n : grain;
    uint64_t look = 4 * (uint64_t)(rows * p->d * blocks) + 5 * (uint64_t)p->d;
    if (out->bytes) out->bytes = (uint64_t)p->d + (out->bytes > look ? out->bytes : look);
    return CULL_OK;
}

void cull_feature_pick_free(cull_feature_pick *k)
{
    cull_pick_free(&k->pick);
    *k = (cull_feature_pick){0};
}
