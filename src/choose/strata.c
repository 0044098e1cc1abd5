/* strata.c - conformal thresholds of strata of rows, kept in a policy and read back (strata.h). */
#include "choose/strata.h"
#include "cull/conform.h"
#include "cull/risk.h"
#include "num/block.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Rows of stratum s are row[from[s] .. from[s + 1]), in their order; those of none of them are left out. */
typedef struct {
    int64_t *from, *row;
} sorted;

static bool within(const int32_t *stratum, int64_t i, int32_t strata, int32_t *s)
{
    *s = stratum ? stratum[i] : 0;
    return *s >= 0 && *s < strata;
}

static cull_status sort_rows(cull_ctx *cx, const int32_t *stratum, int64_t n, int32_t strata,
                             sorted *out)
{
    int64_t *at;
    int32_t s;
    CULL_TRY(CULL_TMP(cx, out->row, n));
    CULL_TRY(CULL_TMP0(cx, out->from, (int64_t)strata + 1));
    CULL_TRY(CULL_TMP(cx, at, (int64_t)strata));
    for (int64_t i = 0; i < n; i++)
        if (within(stratum, i, strata, &s)) out->from[s + 1]++;
    for (s = 0; s < strata; s++) {
        out->from[s + 1] += out->from[s];
        at[s] = out->from[s];
    }
    for (int64_t i = 0; i < n; i++)
        if (within(stratum, i, strata, &s)) out->row[at[s]++] = i;
    return CULL_OK;
}

/* ---- keep ---- */
/* The least k-th smallest score of n that a new one passes with a chance of at most alpha, but with a chance of delta: k or more of n
 * lie below the 1 - alpha quantile with a chance of P(Binomial(n, alpha) <= n - k). 0 = there is none. */
static int64_t sure_place(int64_t n, double alpha, double delta)
{
    int64_t lo = 1, hi = n + 1;
    while (lo < hi) {
        int64_t k = lo + (hi - lo) / 2;
        if (cull_risk_binomial(n - k, n, alpha) <= delta)
            hi = k;
        else
            lo = k + 1;
    }
    return lo <= n ? lo : 0;
}

static cull_status sure_thresholds(cull_ctx *cx, const cull__strata *s, double *q)
{
    sorted by;
    cull__ranked *v;
    CULL_TRY(sort_rows(cx, s->stratum, s->n, s->strata, &by));
    CULL_TRY(CULL_TMP(cx, v, s->n));
    for (int32_t g = 0; g < s->strata; g++) {
        const int64_t n = by.from[g + 1] - by.from[g], *row = by.row + by.from[g];
        int64_t k = n ? sure_place(n, s->alpha, s->delta) : 0;
        q[g] = INFINITY;
        if (!k) continue;
        for (int64_t i = 0; i < n; i++) v[i] = (cull__ranked){s->v[row[i]], i};
        cull__rank_sort(v, n);
        q[g] = v[n - k].v;
    }
    return CULL_OK;
}

static cull_status keep_rows(cull_ctx *cx, const cull__strata *s, const char *name, cull_policy *p)
{
    double *at;
    char rows[64];
    CULL_TRY(CULL_TMP(cx, at, 3 * s->n));
    for (int64_t i = 0; i < s->n; i++) {
        at[3 * i] = s->v[i];
        at[3 * i + 1] = s->w[i];
        at[3 * i + 2] = s->stratum ? s->stratum[i] : 0;
    }
    snprintf(rows, sizeof rows, "%.50s.rows", name);
    CULL_TRY(cull_policy_put(cx, p, rows, s->n, 3, at));
    snprintf(rows, sizeof rows, "%.50s.alpha", name);
    return cull_policy_put_number(cx, p, rows, s->alpha);
}

cull_status cull__strata_keep(cull_ctx *cx, const cull__strata *s, const char *name, cull_policy *p,
                              int64_t *open)
{
    double *q;
    CULL_TRY(CULL_TMP(cx, q, (int64_t)s->strata));
    if (s->w && s->delta > 0)
        return cull__fail(
            cx, CULL_EINPUT,
            "delta %g: with weights the level holds in expectation; leave one of both out",
            s->delta);
    if (s->delta > 0)
        CULL_TRY(sure_thresholds(cx, s, q));
    else if (s->stratum)
        CULL_TRY(
            cull_conform_quantile_groups(cx, s->v, s->stratum, s->n, s->strata, s->alpha, q, NULL));
    else
        CULL_TRY(cull_conform_quantile(cx, s->v, s->n, s->alpha, q));
    if (s->w) CULL_TRY(keep_rows(cx, s, name, p));
    if (s->follow) CULL_TRY(cull_policy_put(cx, p, CULL_SCORES, s->n, 1, s->v));
    for (int32_t g = 0; open && !s->w && g < s->strata; g++) *open += q[g] == INFINITY;
    return cull_policy_put(cx, p, name, s->strata, 1, q);
}

/* ---- read ---- */
static const double *rows_of(const cull_policy *p, const char *name, int64_t *n)
{
    char rows[64];
    int64_t cols = 0;
    snprintf(rows, sizeof rows, "%.50s.rows", name);
    const double *v = cull_policy_get(p, rows, n, &cols);
    return v && cols == 3 ? v : NULL;
}

bool cull__strata_weighted(const cull_policy *p, const char *name)
{
    int64_t n;
    return rows_of(p, name, &n) != NULL;
}

/* Thresholds of the test rows of each stratum against its calibration rows. */
typedef struct {
    double *v, *w, *tw, *q; /* of one stratum, gathered */
    int32_t *stratum;       /* of the calibration rows */
    double alpha;
} weighing;

static cull_status one_stratum(cull_ctx *cx, weighing *g, const double *kept, const int64_t *row,
                               int64_t n, const double *w, const int64_t *test, int64_t m,
                               double *q)
{
    for (int64_t i = 0; i < n; i++) {
        g->v[i] = kept[3 * row[i]];
        g->w[i] = kept[3 * row[i] + 1];
    }
    for (int64_t j = 0; j < m; j++) g->tw[j] = w[test[j]];
    CULL_TRY(cull_conform_quantile_weighted(cx, g->v, g->w, n, g->alpha, g->tw, m, g->q));
    for (int64_t j = 0; j < m; j++) q[test[j]] = g->q[j];
    return CULL_OK;
}

static cull_status weighted(cull_ctx *cx, const cull_policy *p, const char *name, int64_t strata,
                            const int32_t *stratum, const double *w, int64_t m, double *q)
{
    int64_t n;
    const double *kept = rows_of(p, name, &n);
    sorted rows, test;
    weighing g;
    char of[64];
    snprintf(of, sizeof of, "%.50s.alpha", name);
    CULL_TRY(cull_policy_need_number(cx, p, of, &g.alpha));
    if (!w)
        return cull__fail(cx, CULL_EINPUT,
                          "the calibration rows had weights, and these rows have none (--weight)");
    CULL_TRY(CULL_TMP(cx, g.stratum, n));
    CULL_TRY(CULL_TMP(cx, g.v, n));
    CULL_TRY(CULL_TMP(cx, g.w, n));
    CULL_TRY(CULL_TMP(cx, g.tw, m));
    CULL_TRY(CULL_TMP(cx, g.q, m));
    for (int64_t i = 0; i < n; i++) {
        double s = kept[3 * i + 2];
        g.stratum[i] = s >= 0 && s < (double)strata ? (int32_t)s : -1;
    }
    CULL_TRY(sort_rows(cx, g.stratum, n, (int32_t)strata, &rows));
    CULL_TRY(sort_rows(cx, stratum, m, (int32_t)strata, &test));
    for (int64_t s = 0; s < strata; s++) {
        int64_t a = rows.from[s], b = test.from[s], k = rows.from[s + 1] - a;
        if (k && test.from[s + 1] > b)
            CULL_TRY(one_stratum(cx, &g, kept, rows.row + a, k, w, test.row + b,
                                 test.from[s + 1] - b, q));
    }
    return CULL_OK;
}

cull_status cull__strata_read(cull_ctx *cx, const cull_policy *p, const char *name,
                              const int32_t *stratum, const double *w, int64_t m, double *q)
{
    const double *threshold;
    int64_t strata;
    CULL_TRY(cull_policy_need(cx, p, name, -1, 1, &threshold));
    cull_policy_get(p, name, &strata, NULL);
    if (strata < 1 || strata > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "the policy has %lld thresholds; it is damaged",
                          (long long)strata);
    for (int64_t k = 0; k < strata; k++)
        if (isnan(threshold[k]))
            return cull__fail(cx, CULL_EINPUT, "threshold %lld of the policy is nan; it is damaged",
                              (long long)k);
    bool plain = !cull__strata_weighted(p, name);
    for (int64_t j = 0; j < m; j++) {
        int32_t s = stratum ? stratum[j] : 0;
        q[j] = plain && s >= 0 && s < strata ? threshold[s] : INFINITY;
    }
    if (plain) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = weighted(cx, p, name, strata, stratum, w, m, q);
    cull__release(cx, mark);
    return s;
}

/* ---- groups by name ---- */
static const char *key_of(int32_t group, char buf[32])
{
    snprintf(buf, 32, "group %d", (int)group);
    return buf;
}

cull_status cull__groups_keep(cull_ctx *cx, const cull_outcomes *o, cull_policy *p)
{
    char buf[32];
    for (int32_t g = 0; o->group_name && g < o->groups; g++)
        CULL_TRY(cull_policy_put_text(cx, p, key_of(g, buf), o->group_name[g]));
    return CULL_OK;
}

cull_status cull__groups_read(cull_ctx *cx, const cull_policy *p, const cull_outcomes *o,
                              int32_t *group)
{
    char buf[32];
    int32_t known = 0, *code;
    const char **name;
    while (cull_policy_text(p, key_of(known, buf))) known++;
    if ((known > 0) != (o->group_name != NULL))
        return cull__fail(cx, CULL_EINPUT,
                          "the groups of the calibration rows have %s, those of these rows %s",
                          known ? "names" : "numbers alone", known ? "numbers alone" : "names");
    CULL_TRY(CULL_TMP(cx, code, (int64_t)o->groups));
    CULL_TRY(CULL_TMP(cx, name, (int64_t)known + 1));
    for (int32_t k = 0; k < known; k++) name[k] = cull_policy_text(p, key_of(k, buf));
    for (int32_t g = 0; g < o->groups; g++) {
        code[g] = known ? -1 : g;
        for (int32_t k = 0; k < known && code[g] < 0; k++)
            if (!strcmp(name[k], o->group_name[g])) code[g] = k;
    }
    for (int64_t i = 0; i < o->n; i++) group[i] = code[o->group[i]];
    return CULL_OK;
}
