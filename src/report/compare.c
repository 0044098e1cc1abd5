/* compare.c - many methods on one problem: means over seeds, differences paired by seed. */
#include "num/num.h"
#include "report/report.h"

#include <math.h>
#include <string.h>

void cull_interval(const double *v, int64_t n, double *mean, double *lo, double *hi)
{
    *mean = n > 0 ? cull__mean(v, n) : NAN;
    *lo = *hi = NAN;
    if (n > 1) cull__t_interval(v, n, lo, hi);
}

void cull_interval_share(double hits, double n, double *lo, double *hi)
{
    cull__wilson(hits, n, lo, hi);
}

static double value_of(const cull_compare *c, int i, int m)
{
    return c->row[i].value ? c->row[i].value[m] : NAN;
}

static bool same(const cull_compare *c, int i, int k)
{
    return !strcmp(c->row[i].method, c->row[k].method);
}

/* Runs of the method of row i that measured m: their rows. */
static int runs_of(const cull_compare *c, int i, int m, int *row)
{
    int n = 0;
    for (int k = 0; k < c->rows; k++)
        if (same(c, i, k) && !isnan(value_of(c, k, m))) row[n++] = k;
    return n;
}

typedef struct {
    const cull_compare *c;
    int m, *a, *b; /* rows, room for all */
    double *v;     /* room for all */
} work;

/* The method of row i less that of row k: into w->v, of which so many are handed back. */
static int difference(const work *w, int i, int k, double *mean, double *lo, double *hi)
{
    const cull_compare *c = w->c;
    *mean = *lo = *hi = NAN;
    if (k < 0 || same(c, i, k)) return 0;
    int na = runs_of(c, i, w->m, w->a), nb = runs_of(c, k, w->m, w->b), n = 0;
    if (na == 1 || nb == 1) {
        for (int x = 0; x < na; x++)
            for (int y = 0; y < nb; y++)
                w->v[n++] = value_of(c, w->a[x], w->m) - value_of(c, w->b[y], w->m);
    } else {
        for (int x = 0; x < na; x++)
            for (int y = 0; y < nb; y++)
                if (c->row[w->a[x]].seed == c->row[w->b[y]].seed && n < c->rows)
                    w->v[n++] = value_of(c, w->a[x], w->m) - value_of(c, w->b[y], w->m);
    }
    cull_interval(w->v, n, mean, lo, hi);
    return n;
}

static void fill(const work *w, int i, cull_compare_line *l)
{
    const cull_compare *c = w->c;
    int n = runs_of(c, i, w->m, w->a), timed = 0;
    *l = (cull_compare_line){.method = c->row[i].method, .baseline = c->row[i].baseline, .runs = n};
    for (int k = 0; k < n; k++) w->v[k] = value_of(c, w->a[k], w->m);
    cull_interval(w->v, n, &l->mean, &l->lo, &l->hi);
    if (w->m < 32 && c->shares >> w->m & 1) {
        if (l->lo < 0) l->lo = 0;
        if (l->hi > 1) l->hi = 1;
    }
    for (int k = 0; k < c->rows; k++) {
        const cull_compare_row *r = &c->row[k];
        if (!same(c, i, k)) continue;
        if (!r->value && !l->why) l->why = r->why ? r->why : "did not run";
        if (!r->value) continue;
        l->seconds += r->seconds, timed++;
        if (r->peak_bytes > l->peak_bytes) l->peak_bytes = r->peak_bytes;
    }
    if (timed) l->seconds /= timed;
    l->to_chance = l->to_chance_lo = l->to_chance_hi = NAN;
    l->to_best = l->to_best_lo = l->to_best_hi = NAN;
}

static bool before(const cull_compare_line *a, const cull_compare_line *b)
{
    if (isnan(b->mean)) return !isnan(a->mean);
    return a->mean > b->mean;
}

static int row_of(const cull_compare *c, const char *method)
{
    for (int i = 0; i < c->rows; i++)
        if (!strcmp(c->row[i].method, method)) return i;
    return -1;
}

cull_status cull_compare_table(cull_ctx *cx, const cull_compare *c, int m, cull_compare_line *out,
                               int *n, const char **best)
{
    *n = 0;
    *best = NULL;
    if (m < 0 || m >= c->metrics)
        return cull__fail(cx, CULL_EINPUT, "metric %d of %d", m, c->metrics);
    cull__mark_t mark = cull__mark(cx);
    work w = {.c = c, .m = m};
    int lines = 0, chance = row_of(c, c->chance ? c->chance : "random"), top = -1;
    CULL_TRY(CULL_TMP(cx, w.a, c->rows));
    CULL_TRY(CULL_TMP(cx, w.b, c->rows));
    CULL_TRY(CULL_TMP(cx, w.v, c->rows));
    for (int i = 0; i < c->rows; i++) {
        if (row_of(c, c->row[i].method) != i) continue;
        cull_compare_line l;
        fill(&w, i, &l);
        if (!l.runs && !l.why) continue;
        int at = lines++;
        for (; at > 0 && before(&l, &out[at - 1]); at--) out[at] = out[at - 1];
        out[at] = l;
    }
    for (int i = 0; i < lines && top < 0; i++)
        if (out[i].baseline && !isnan(out[i].mean)) top = row_of(c, out[i].method);
    for (int i = 0; i < lines; i++) {
        cull_compare_line *l = &out[i];
        int k = row_of(c, l->method);
        l->pairs = difference(&w, k, chance, &l->to_chance, &l->to_chance_lo, &l->to_chance_hi);
        for (int p = 0; p < l->pairs; p++) l->wins += w.v[p] > 0;
        difference(&w, k, top, &l->to_best, &l->to_best_lo, &l->to_best_hi);
    }
    *n = lines;
    if (top >= 0) *best = c->row[top].method;
    cull__release(cx, mark);
    return CULL_OK;
}
