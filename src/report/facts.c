/* facts.c - a run with its defaults filled in: names from the catalogue, options as text, the
 * histogram and the quantiles that plots and files carry. */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_f64(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

cull_status cull__quantiles(cull_ctx *cx, const double *v, int64_t n, double q[CULL__QUANTILES])
{
    const int last = CULL__QUANTILES - 1;
    cull__mark_t mark = cull__mark(cx);
    double *sorted;
    CULL_TRY(CULL_TMP(cx, sorted, n));
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i])) sorted[m++] = v[i];
    if (m) qsort(sorted, (size_t)m, sizeof *sorted, compare_f64);
    for (int k = 0; k <= last; k++) {
        if (!m) {
            q[k] = NAN;
            continue;
        }
        /* in integers, so that the quantiles of 101 sorted values are those values to the bit */
        int64_t at = (m - 1) / last * k + (m - 1) % last * k / last;
        double part = (double)((m - 1) % last * k % last) / last;
        q[k] = sorted[at];
        if (part > 0) q[k] += part * (sorted[at + 1] - sorted[at]);
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static void widen(const double *v, int64_t n, double *lo, double *hi)
{
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) continue;
        if (v[i] < *lo) *lo = v[i];
        if (v[i] > *hi) *hi = v[i];
    }
}

static void tally(const double *v, int64_t n, double lo, double hi, int bins, int64_t *count)
{
    double scale = bins / (hi - lo);
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) continue;
        int b = (int)((v[i] - lo) * scale);
        count[b < 0 ? 0 : b >= bins ? bins - 1 : b]++;
    }
}

/* Scores that are all one, or that span more than a double holds, have no histogram. */
static cull_status histogram(cull_ctx *cx, const cull_run *r, cull_run_histogram *h)
{
    *h = r->histogram;
    if (h->bins > 0 || !r->pick->score || r->pick->n < 1) return CULL_OK;
    double lo = INFINITY, hi = -INFINITY;
    int64_t *kept, *pool = NULL;
    widen(r->pick->score, r->pick->n, &lo, &hi);
    if (!(lo <= hi)) return CULL_OK;
    if (r->pool_score) widen(r->pool_score, r->n, &lo, &hi);
    if (!(hi > lo) || !isfinite(CULL__BINS / (hi - lo)) || !isfinite(hi - lo)) return CULL_OK;
    CULL_TRY(CULL_TMP0(cx, kept, CULL__BINS));
    tally(r->pick->score, r->pick->n, lo, hi, CULL__BINS, kept);
    if (r->pool_score) {
        CULL_TRY(CULL_TMP0(cx, pool, CULL__BINS));
        tally(r->pool_score, r->n, lo, hi, CULL__BINS, pool);
    }
    *h = (cull_run_histogram){lo, hi, CULL__BINS, pool, kept};
    return CULL_OK;
}

static cull_status options(cull_ctx *cx, const cull_run *r, cull__facts *f)
{
    enum { VALUE = 128 };
    f->option = r->option;
    f->options = r->options;
    /* a file's options are its own: the catalogue may have moved on since */
    if (!r->method || r->options || r->slug) return CULL_OK;
    int n = 0;
    while (r->method->opts[n].name) n++;
    cull_run_option *o;
    char *text;
    CULL_TRY(CULL_TMP(cx, o, n));
    CULL_TRY(CULL_TMP0(cx, text, (int64_t)n * VALUE));
    cull_opts *own = NULL;
    if (!r->opts) CULL_TRY(cull_opts_new(cx, r->method, &own));
    for (int i = 0; i < n; i++, text += VALUE) {
        o[i] = (cull_run_option){r->method->opts[i].name, text};
        cull_opts_get(r->opts ? r->opts : own, o[i].name, text, VALUE);
    }
    cull_opts_free(own);
    f->option = o;
    f->options = n;
    return CULL_OK;
}

cull_status cull__run_facts(cull_ctx *cx, const cull_run *r, cull__facts *f)
{
    if (!r->pick) return cull__fail(cx, CULL_EINPUT, "the run has no pick to report");
    if (r->ids && r->ids->n != r->pick->n)
        return cull__fail(cx, CULL_EINPUT, "the run keeps %lld rows and names %lld",
                          (long long)r->pick->n, (long long)r->ids->n);
    const cull_method *m = r->method ? r->method : r->slug ? cull_method_find(r->slug, NULL) : NULL;
    *f = (cull__facts){
        .r = r,
        .task = r->task ? r->task
                : m     ? cull_task_name(m->task)
                        : "data",
        .slug = r->slug ? r->slug
                : m     ? m->slug
                        : "",
        .title = m ? m->title : "",
        .paper = m ? m->paper : "",
        .version = r->version ? r->version : cull_version(),
        .build = r->build ? r->build : cull_build(),
        .unit = r->cost_unit ? r->cost_unit : "examples",
        .rev = r->slug ? r->rev
               : m     ? m->rev
                       : 0,
        .share = r->n > 0 ? (double)r->pick->n / (double)r->n : NAN,
    };
    CULL_TRY(options(cx, r, f));
    CULL_TRY(histogram(cx, r, &f->histogram));
    CULL_TRY(cull__tmp(cx, (void **)&f->coverage, r->coverages, sizeof *f->coverage, false));
    for (int i = 0; i < r->coverages; i++)
        CULL_TRY(cull__quantiles(cx, r->coverage[i].v, r->coverage[i].n, f->coverage[i]));
    return CULL_OK;
}

/* Insertion sort: groups are few, and the order of ties must be theirs. Many groups: only the
 * first places matter, so the rest stay as they are. */
cull_status cull__tally_order(cull_ctx *cx, const cull_run_tally *t, int n, int **order)
{
    enum { PLACES = 64 };
    CULL_TRY(CULL_TMP(cx, *order, n));
    int *o = *order;
    for (int i = 0; i < n; i++) o[i] = i;
    for (int i = 0; i < n && i < PLACES; i++) {
        int best = i;
        for (int k = i + 1; k < n; k++)
            if (t[o[k]].kept > t[o[best]].kept) best = k;
        int moved = o[best];
        memmove(o + i + 1, o + i, (size_t)(best - i) * sizeof *o);
        o[i] = moved;
    }
    return CULL_OK;
}
