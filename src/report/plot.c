/* plot.c - inline SVG: dots with intervals, a histogram, paired bars, quantile curves.
 *
 * Colours come from the page's style, so one plot serves light and dark. Every plot has a title for
 * those who cannot see it and a legend where there are several colours. 720 units wide. */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDE = CULL__PLOT_WIDE, LEFT = CULL__PLOT_LEFT, RIGHT = 96 };

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

/* ---- axes: ticks at 1, 2 or 5 times a power of ten ---- */
static double nice_step(double span, int want)
{
    double raw = span / want, ten = pow(10, floor(log10(raw))), m = raw / ten;
    return ten * (m <= 1.0000001 ? 1 : m <= 2.0000001 ? 2 : m <= 5.0000001 ? 5 : 10);
}

/* lo <= hi, finite. A span of nothing is widened, ends past half of what a double holds are cut, so
 * that sums of them are finite; `ends` moves both out to ticks. */
cull__axis cull__axis_of(double lo, double hi, int want, bool ends, double from, double to)
{
    const double most = 8e307;
    lo = fmax(-most, fmin(lo, most)), hi = fmax(-most, fmin(hi, most));
    if (!(hi - lo > 1e-9 * (fabs(lo) / 2 + fabs(hi) / 2) + 1e-290)) {
        double pad = fabs(lo) > 1e-280 ? fabs(lo) / 2 : 0.5;
        lo -= pad, hi += pad;
    }
    cull__axis x = {lo, hi, nice_step(hi - lo, want), from, to, false};
    double a = floor(lo / x.step + 1e-9) * x.step, b = ceil(hi / x.step - 1e-9) * x.step;
    if (ends && isfinite(b - a)) x.lo = a, x.hi = b;
    return x;
}

double cull__axis_at(const cull__axis *x, double v)
{
    double t = (fmax(x->lo, fmin(v, x->hi)) - x->lo) / (x->hi - x->lo);
    return x->from + t * (x->to - x->from);
}

double cull__tick_wide(size_t columns) { return 7.6 * (double)columns; }

/* Very large and very small ones as powers of ten, with the digits that tell a tick from the next. */
static const char *tick(const cull__axis *x, double v, char n[32])
{
    double unit = x->percent ? 100 : 1, step = unit * x->step, as = unit * v;
    double most = unit * fmax(fabs(x->lo), fabs(x->hi));
    int d = (int)ceil(-log10(step) - 1e-9);
    if (fabs(as) < 1e-9 * step) as = 0;
    if (d <= 6 && most < 1e6) return cull__fixed(as, d < 0 ? 0 : d, n);
    if (as == 0) return strcpy(n, "0");
    int digits = (int)floor(log10(fabs(as)) + 1e-9) + d;
    return cull__scientific(as, digits < 0 ? 0 : digits < 9 ? digits : 9, n);
}

void cull__axis_text(cull_buf *b, const cull__axis *x, double v)
{
    char n[32];
    cull__buf_printf(b, "%s%s", tick(x, v, n), x->percent ? "%" : "");
}

double cull__axis_room(const cull__axis *y)
{
    char text[32];
    double t[16];
    size_t most = 0;
    int n = cull__axis_ticks(y, t);
    for (int i = 0; i < n; i++) {
        size_t k = strlen(tick(y, t[i], text)) + y->percent;
        if (k > most) most = k;
    }
    return 8 + cull__tick_wide(most);
}

/* Up to 16 ticks, whatever rounding does. */
int cull__axis_ticks(const cull__axis *x, double v[16])
{
    double first = ceil(x->lo / x->step - 1e-9);
    int n = 0;
    for (int i = 0; i < 16; i++) {
        double t = (first + i) * x->step;
        if (t > x->hi + 1e-9 * x->step) break;
        v[n++] = t;
    }
    return n;
}

void cull__axis_x(cull_buf *b, const cull__axis *x, double top, double bottom, const char *title)
{
    char p[32], q[32], r[32], s[32], text[32];
    double t[16];
    int n = cull__axis_ticks(x, t);
    for (int i = 0; i < n; i++) {
        double X = cull__axis_at(x, t[i]);
        double half = cull__tick_wide(strlen(tick(x, t[i], text))) / 2;
        cull__buf_printf(b, "<line class=\"grid\" x1=\"%s\" x2=\"%s\" y1=\"%s\" y2=\"%s\"/>",
                         cull__px(X, p), p, cull__px(top, q), cull__px(bottom, r));
        cull__buf_printf(b, "<text class=\"tick\" text-anchor=\"middle\" x=\"%s\" y=\"%s\">",
                         cull__px(fmin(X, WIDE - half), p), cull__px(bottom + 16, s));
        cull__axis_text(b, x, t[i]);
        add(b, "</text>\n");
    }
    if (!title) return;
    cull__buf_printf(b, "<text class=\"tick\" text-anchor=\"middle\" x=\"%s\" y=\"%s\">",
                     cull__px((x->from + x->to) / 2, p), cull__px(bottom + 34, q));
    cull__add_html(b, title);
    add(b, "</text>\n");
}

void cull__axis_y(cull_buf *b, const cull__axis *y, double left, double right, const char *title)
{
    char p[32], q[32], r[32];
    double t[16];
    int n = cull__axis_ticks(y, t);
    for (int i = 0; i < n; i++) {
        double Y = cull__axis_at(y, t[i]);
        cull__buf_printf(b, "<line class=\"grid\" x1=\"%s\" x2=\"%s\" y1=\"%s\" y2=\"%s\"/>",
                         cull__px(left, p), cull__px(right, q), cull__px(Y, r), r);
        cull__buf_printf(b, "<text class=\"tick\" text-anchor=\"end\" x=\"%s\" y=\"%s\">",
                         cull__px(left - 7, p), cull__px(Y + 4, q));
        cull__axis_text(b, y, t[i]);
        add(b, "</text>\n");
    }
    cull__buf_printf(b, "<text class=\"tick\" x=\"0\" y=\"11\">");
    cull__add_html(b, title);
    add(b, "</text>\n");
}

/* ---- frame ---- */

void cull__svg_open(cull_buf *b, double high, const char *title, const char *what)
{
    char h[32];
    cull__buf_printf(b, "<div class=\"wide\"><svg viewBox=\"0 0 %d %s\" role=\"img\" aria-label=\"",
                     WIDE, cull__px(high, h));
    cull__add_html(b, title);
    add(b, "\"><title>");
    cull__add_html(b, title);
    add(b, "</title><desc>");
    cull__add_html(b, what);
    add(b, "</desc>\n");
}
void cull__svg_close(cull_buf *b) { add(b, "</svg></div>\n"); }

/* A name to the left of a row, cut to what fits; the whole of it where one points. */
void cull__svg_name(cull_buf *b, const char *name, double y, bool strong)
{
    char n[32];
    cull_buf cut = CULL_BUF(b->cx);
    cull__add_cut(&cut, name, 22, true);
    if (cut.status != CULL_OK && b->status == CULL_OK) b->status = cut.status;
    cull__buf_printf(b, "<text class=\"name%s\" text-anchor=\"end\" x=\"%d\" y=\"%s\"><title>",
                     strong ? " strong" : "", LEFT - 12, cull__px(y + 4, n));
    cull__add_html(b, name);
    add(b, "</title>");
    cull__add_html(b, cut.at ? cut.at : "");
    add(b, "</text>\n");
    cull__buf_free(&cut);
}

double cull__svg_legend(cull_buf *b, const char *cls, const char *name, double x, double y)
{
    char p[32], q[32], r[32], s[32];
    cull__buf_printf(b,
                     "<rect class=\"%s\" x=\"%s\" y=\"%s\" width=\"11\" height=\"11\" rx=\"2\"/>",
                     cls, cull__px(x, p), cull__px(y - 10, q));
    cull__buf_printf(b, "<text class=\"tick\" x=\"%s\" y=\"%s\">", cull__px(x + 16, r),
                     cull__px(y, s));
    cull__add_html(b, name);
    add(b, "</text>\n");
    return x + 34 + 6.6 * cull__columns(name);
}

/* ---- dots with intervals ---- */

static void reach(double v, double *lo, double *hi)
{
    if (!isfinite(v)) return;
    if (v < *lo) *lo = v;
    if (v > *hi) *hi = v;
}

static void draw_dot(cull_buf *b, const cull__dot *d, const cull__axis *x, double y)
{
    char p[32], q[32], r[32], s[32], n[32];
    const char *cls = d->strong ? "kept" : "pool";
    cull__svg_name(b, d->label, y, d->strong);
    if (isfinite(d->lo) && isfinite(d->hi))
        cull__buf_printf(b, "<line class=\"whisker %s\" x1=\"%s\" x2=\"%s\" y1=\"%s\" y2=\"%s\"/>",
                         cls, cull__px(cull__axis_at(x, d->lo), p),
                         cull__px(cull__axis_at(x, d->hi), q), cull__px(y, r), r);
    for (int i = 0; i < d->n; i++)
        if (isfinite(d->at[i]))
            cull__buf_printf(b, "<circle class=\"%s run\" cx=\"%s\" cy=\"%s\" r=\"3\"/>", cls,
                             cull__px(cull__axis_at(x, d->at[i]), p), cull__px(y, q));
    if (isfinite(d->value))
        cull__buf_printf(b, "<circle class=\"dot %s\" cx=\"%s\" cy=\"%s\" r=\"5\"/>", cls,
                         cull__px(cull__axis_at(x, d->value), p), cull__px(y, q));
    cull__buf_printf(b, "<text class=\"num%s\" x=\"%d\" y=\"%s\">%s</text>\n",
                     d->strong ? " strong" : "", WIDE - RIGHT + 14, cull__px(y + 4, s),
                     cull__human(d->value, n));
}

void cull__plot_dots(cull_buf *b, const char *title, const cull__dot *d, int n)
{
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < n; i++) {
        reach(d[i].value, &lo, &hi), reach(d[i].lo, &lo, &hi), reach(d[i].hi, &lo, &hi);
        for (int k = 0; k < d[i].n; k++) reach(d[i].at[k], &lo, &hi);
    }
    if (!(lo <= hi)) return;
    /* a share is read from zero; other numbers may lie far from it */
    if (lo > 0 && lo < 0.5 * hi) lo = 0;
    double top = 6, bottom = top + 26 * n;
    cull__axis x = cull__axis_of(lo, hi, 6, true, LEFT, WIDE - RIGHT);
    cull__svg_open(b, bottom + 24, title, "A dot for each value, a line for its 95 % interval.");
    cull__axis_x(b, &x, top, bottom, NULL);
    for (int i = 0; i < n; i++) draw_dot(b, &d[i], &x, top + 26 * i + 13);
    cull__svg_close(b);
}

/* ---- scores: the shares of pool and kept in each bin ---- */

static void steps(cull_buf *b, const char *cls, const cull_run_histogram *h, const int64_t *count,
                  const cull__axis *x, const cull__axis *y)
{
    char p[32], q[32];
    double all = 0;
    for (int i = 0; i < h->bins; i++) all += (double)count[i];
    cull__buf_printf(b, "<path class=\"%s\" d=\"M%s %s", cls, cull__px(cull__axis_at(x, h->lo), p),
                     cull__px(y->from, q));
    for (int i = 0; i < h->bins; i++) {
        double share = all > 0 ? (double)count[i] / all : 0, end = (i + 1.0) / h->bins;
        cull__buf_printf(b, "V%s", cull__px(cull__axis_at(y, share), p));
        cull__buf_printf(b, "H%s", cull__px(cull__axis_at(x, h->lo * (1 - end) + h->hi * end), p));
    }
    cull__buf_printf(b, "V%sZ\"/>\n", cull__px(y->from, p));
}

static double most(const int64_t *count, int bins)
{
    double all = 0, top = 0;
    for (int i = 0; i < bins; i++) {
        all += (double)count[i];
        if ((double)count[i] > top) top = (double)count[i];
    }
    return all > 0 ? top / all : 0;
}

void cull__plot_scores(cull_buf *b, const cull_run_histogram *h)
{
    enum { HIGH = 236, TOP = 30, BOTTOM = 190 };
    double top = most(h->kept, h->bins), other = h->pool ? most(h->pool, h->bins) : 0;
    if (!isfinite(h->lo) || !isfinite(h->hi) || !(h->hi > h->lo)) return;
    if (other > top) top = other;
    cull__axis y = cull__axis_of(0, top > 0 ? top : 1, 4, true, BOTTOM, TOP);
    cull__axis x = cull__axis_of(h->lo, h->hi, 7, false, 52, WIDE - 16);
    y.percent = true;
    cull__svg_open(b, HIGH, "Distribution of scores",
                   h->pool ? "Share of the kept rows and of the pool in each range of scores."
                           : "Share of the kept rows in each range of scores.");
    cull__axis_y(b, &y, x.from, x.to, "share of rows");
    double next = cull__svg_legend(b, "kept", "kept", WIDE - 150, 11);
    if (h->pool) cull__svg_legend(b, "pool", "pool", next, 11);
    if (h->pool) steps(b, "pool", h, h->pool, &x, &y);
    steps(b, "kept area", h, h->kept, &x, &y);
    cull__axis_x(b, &x, BOTTOM, BOTTOM + 4, "score");
    cull__svg_close(b);
}

/* ---- groups: what share of the kept each has, against its share of the pool ---- */

typedef struct {
    double kept, pool; /* totals */
    cull__axis x;
} shares;

static void bars(cull_buf *b, const cull_run_tally *t, const shares *s, double y)
{
    char p[32], q[32], r[32], k[32], n[32];
    double kept = s->kept > 0 ? (double)t->kept / s->kept : 0;
    double pool = s->pool > 0 ? (double)t->pool / s->pool : 0;
    cull__svg_name(b, t->name, y, false);
    cull__buf_printf(b, "<rect class=\"pool\" x=\"%d\" y=\"%s\" width=\"%s\" height=\"5\"/>", LEFT,
                     cull__px(y + 4, q), cull__px(cull__axis_at(&s->x, pool) - LEFT, p));
    cull__buf_printf(b, "<rect class=\"kept\" x=\"%d\" y=\"%s\" width=\"%s\" height=\"11\"/>", LEFT,
                     cull__px(y - 7, q), cull__px(cull__axis_at(&s->x, kept) - LEFT, r));
    cull__buf_printf(b, "<text class=\"num\" x=\"%d\" y=\"%s\">%s of %s</text>\n",
                     WIDE - RIGHT - 24, cull__px(y + 4, q), cull__count(t->kept, k),
                     cull__count(t->pool, n));
}

cull_status cull__plot_tally(cull_ctx *cx, cull_buf *b, const char *title, const cull_run_tally *t,
                             int n)
{
    enum { SHOWN = 20 };
    int *order, shown = n > SHOWN ? SHOWN - 1 : n;
    cull_run_tally rest = {NULL, 0, 0, NAN};
    char name[48];
    CULL_TRY(cull__tally_order(cx, t, n, &order));
    shares s = {0};
    double top = 0;
    for (int i = 0; i < n; i++) {
        s.kept += (double)t[i].kept, s.pool += (double)t[i].pool;
        if (i < shown) continue;
        rest.kept += t[order[i]].kept, rest.pool += t[order[i]].pool;
    }
    if (n > shown) snprintf(name, sizeof name, "the other %d", n - shown), rest.name = name;
    for (int i = 0; i < shown + (n > shown); i++) {
        const cull_run_tally *g = i < shown ? &t[order[i]] : &rest;
        if (s.kept > 0) top = fmax(top, (double)g->kept / s.kept);
        if (s.pool > 0) top = fmax(top, (double)g->pool / s.pool);
    }
    s.x = cull__axis_of(0, top > 0 ? top : 1, 5, true, LEFT, WIDE - RIGHT - 36);
    s.x.percent = true;
    double above = 26, below = above + 26 * (shown + (n > shown));
    cull__svg_open(b, below + 24, title, "Share of the kept rows and of the pool for each name.");
    double next = cull__svg_legend(b, "kept", "share of the kept", LEFT, 12);
    cull__svg_legend(b, "pool", "share of the pool", next, 12);
    cull__axis_x(b, &s.x, above - 4, below, NULL);
    for (int i = 0; i < shown; i++) bars(b, &t[order[i]], &s, above + 26 * i + 12);
    if (n > shown) bars(b, &rest, &s, above + 26 * shown + 12);
    cull__svg_close(b);
    return CULL_OK;
}

/* ---- coverage: quantile curves ---- */

void cull__plot_coverage(cull_buf *b, const cull__facts *f)
{
    enum { HIGH = 292, TOP = 46, BOTTOM = 246, LAST = CULL__QUANTILES - 1, CURVES = 5 };
    static const char *const cls[CURVES] = {"kept", "pool", "third", "fourth", "fifth"};
    const cull_run *r = f->r;
    char p[32], q[32];
    double lo = INFINITY, hi = -INFINITY, next = 62;
    int n = r->coverages < CURVES ? r->coverages : CURVES;
    for (int i = 0; i < n; i++)
        for (int k = 0; k <= LAST; k++) reach(f->coverage[i][k], &lo, &hi);
    if (!(lo <= hi)) return;
    cull__axis y = cull__axis_of(lo, hi, 5, true, BOTTOM, TOP),
               x = cull__axis_of(0, 1, 5, false, 62, WIDE - 24);
    x.percent = true;
    cull__svg_open(
        b, HIGH, "Coverage of the target",
        "Target examples from the worst covered to the best; higher curves cover better.");
    cull__axis_y(b, &y, x.from, x.to,
                 r->coverage_metric ? r->coverage_metric
                                    : "best cosine similarity to a kept example");
    cull__axis_x(b, &x, BOTTOM, BOTTOM + 4, "target examples, worst covered first");
    for (int i = n - 1; i >= 0; i--) {
        if (!isfinite(f->coverage[i][0])) continue;
        cull__buf_printf(b, "<polyline class=\"curve %s\" points=\"", cls[i]);
        for (int k = 0; k <= LAST; k++)
            cull__buf_printf(b, "%s,%s ", cull__px(cull__axis_at(&x, (double)k / LAST), p),
                             cull__px(cull__axis_at(&y, f->coverage[i][k]), q));
        add(b, "\"/>\n");
    }
    for (int i = 0; i < n; i++) {
        cull_buf cut = CULL_BUF(b->cx);
        cull__add_cut(&cut, r->coverage[i].name, 18, true);
        if (cut.status != CULL_OK && b->status == CULL_OK) b->status = cut.status;
        next = cull__svg_legend(b, cls[i], cut.at ? cut.at : "", next, 32);
        cull__buf_free(&cut);
    }
    cull__svg_close(b);
}

/* ---- curves over steps ---- */

static void draw_curve(cull_buf *b, const cull__curve *c, const cull__axis *x, const cull__axis *y,
                       int n)
{
    char p[32], q[32];
    bool down = false;
    cull__buf_printf(b, "<path class=\"curve %s\" style=\"fill:none\" d=\"", c->class_);
    for (int i = 0; i < n; i++) { /* a gap where there is no number */
        if (!isfinite(c->v[i])) {
            down = false;
            continue;
        }
        cull__buf_printf(b, "%s%s,%s", down ? "L" : "M", cull__px(cull__axis_at(x, i + 1), p),
                         cull__px(cull__axis_at(y, c->v[i]), q));
        down = true;
    }
    add(b, "\"/>\n");
}

void cull__plot_curves(cull_buf *b, const char *title, const char *across, const cull__curve *c,
                       int curves, int n)
{
    const double high = 230, top = 26, bottom = 186, right = WIDE - 16;
    double lo = INFINITY, hi = -INFINITY;
    for (int k = 0; k < curves; k++)
        for (int i = 0; i < n; i++) reach(c[k].v[i], &lo, &hi);
    if (!(lo <= hi)) return;
    cull__axis y = cull__axis_of(lo, hi, 5, true, bottom, top);
    double left = fmax(62, cull__axis_room(&y)), next = left;
    cull__axis x = cull__axis_of(1, n, 8, false, left, right);
    if (n == 1) x = cull__axis_of(0, 2, 2, false, left, right);
    if (x.step < 1) x.step = 1;
    cull__svg_open(b, high, title, "A line for each quantity, from the first epoch to the last.");
    cull__axis_y(b, &y, left, right, "");
    cull__axis_x(b, &x, top, bottom, across);
    for (int k = 0; k < curves; k++) {
        draw_curve(b, c + k, &x, &y, n);
        next = cull__svg_legend(b, c[k].class_, c[k].name, next, 12);
    }
    cull__svg_close(b);
}
