/* search_plot.c - plots of a search: values by trial, a front, importance of parameters. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/search.h"

enum { WIDE = CULL__PLOT_WIDE, LEFT = CULL__PLOT_LEFT };

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

bool cull__search_drawn(const cull__search *v, int64_t i)
{
    if (v->n <= CULL__SEARCH_DRAWN || i == 0) return true;
    /* the best always, but a front may be most of all there is */
    if (v->is_best[i] && v->bests <= CULL__SEARCH_DRAWN / 4) return true;
    double each = (double)CULL__SEARCH_DRAWN / (double)v->n;
    return floor((double)i * each) != floor((double)(i - 1) * each);
}

/* ---- the axis of an objective ---- */

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Sorted as to be minimised: 3 times the span that nine tenths of the values take, where some lie beyond. */
static double end_of(const double *sorted, int64_t n)
{
    double best = sorted[0], most = sorted[n - 1], far = sorted[(n - 1) / 10 * 9];
    double end = best + 3 * (far - best);
    return far > best && isfinite(end) && most > end ? end : most;
}

bool cull__search_axis(const cull__search *v, int objective, double from, double to, cull__axis *y,
                       int64_t *cut)
{
    double sign = v->p->objective[objective].maximize ? -1 : 1;
    int64_t n = 0;
    *cut = 0;
    for (int64_t i = 0; i < v->n; i++) {
        double w = v->value[i * v->m + objective];
        if (isfinite(w)) v->sorted[n++] = sign * w;
    }
    if (!n) return false;
    qsort(v->sorted, (size_t)n, sizeof *v->sorted, by_number);
    double lo = v->sorted[0], hi = end_of(v->sorted, n);
    *y = cull__axis_of(sign > 0 ? lo : -hi, sign > 0 ? hi : -lo, 5, true, from, to);
    for (int64_t k = 0; k < n; k++)
        *cut += sign * v->sorted[k] < y->lo || sign * v->sorted[k] > y->hi;
    return true;
}

/* ---- values by trial ---- */

/* A path of dots: lines of no length with round ends are the shortest way to write them. */
static void open_dots(cull_buf *b, const char *cls, double wide)
{
    char w[32];
    cull__buf_printf(b, "<path style=\"fill:none;stroke:var(--%s);stroke-linecap:round;", cls);
    cull__buf_printf(b, "stroke-width:%s\" d=\"", cull__px(wide, w));
}

static void dot(cull_buf *b, double x, double y)
{
    char p[32], q[32];
    cull__buf_printf(b, "M%s,%sh0", cull__px(x, p), cull__px(y, q));
}

typedef struct {
    const cull__search *v;
    int objective;
    cull__axis x, y;
} history;

static void values_of(cull_buf *b, const history *h, cull_trial_state state, const char *cls)
{
    const cull__search *v = h->v;
    open_dots(b, cls, 4);
    for (int64_t i = 0; i < v->n; i++) {
        double w = v->value[i * v->m + h->objective];
        if (v->state[i] == state && isfinite(w) && cull__search_drawn(v, i))
            dot(b, cull__axis_at(&h->x, (double)i), cull__axis_at(&h->y, w));
    }
    add(b, "\"/>\n");
}

/* Those that came to nothing, as strokes on the axis. */
static void failures(cull_buf *b, const history *h, double bottom)
{
    char p[32], q[32];
    add(b, "<path class=\"third\" style=\"fill:none;stroke-width:1.5\" d=\"");
    for (int64_t i = 0; i < h->v->n; i++)
        if (h->v->state[i] >= CULL_TRIAL_FAILED && cull__search_drawn(h->v, i))
            cull__buf_printf(b, "M%s,%sv-9", cull__px(cull__axis_at(&h->x, (double)i), p),
                             cull__px(bottom, q));
    add(b, "\"/>\n");
}

/* Steps closer than half a unit are one: the line stays short however often it is bettered. */
static void best_so_far(cull_buf *b, const history *h)
{
    const cull__search *v = h->v;
    bool max = v->p->objective[h->objective].maximize;
    double best = NAN, drawn = -1;
    char p[32];
    add(b, "<path class=\"curve kept\" style=\"fill:none\" d=\"");
    for (int64_t i = 0; i < v->n; i++) {
        double w = v->value[i * v->m + h->objective], x = cull__axis_at(&h->x, (double)i);
        bool last = i == v->n - 1;
        if (v->whole[i] && v->bad[i] <= 0 && (isnan(best) || (max ? w > best : w < best))) {
            bool first = isnan(best);
            best = w;
            if (first) {
                cull__buf_printf(b, "M%s,", cull__px(x, p));
                add(b, cull__px(cull__axis_at(&h->y, best), p));
                drawn = x;
            } else if (x >= drawn + 0.5) {
                cull__buf_printf(b, "H%s", cull__px(x, p));
                cull__buf_printf(b, "V%s", cull__px(cull__axis_at(&h->y, best), p));
                drawn = x;
            }
        }
        if (last && !isnan(best)) {
            cull__buf_printf(b, "V%s", cull__px(cull__axis_at(&h->y, best), p));
            cull__buf_printf(b, "H%s", cull__px(x, p));
        }
    }
    add(b, "\"/>\n");
}

static void say_drawn(cull_buf *b, const cull__search *v, int64_t cut)
{
    char n[32], k[32];
    if (v->n <= CULL__SEARCH_DRAWN && !cut) return;
    add(b, "<p class=\"sub\">");
    if (v->n > CULL__SEARCH_DRAWN)
        cull__buf_printf(b, "About %s of %s trials are drawn, evenly by number, and the best. ",
                         cull__count(CULL__SEARCH_DRAWN, n), cull__count(v->n, k));
    if (cut)
        cull__buf_printf(b, "%s %s drawn at the end of the axis, beyond which %s.",
                         cull__count(cut, n), cut == 1 ? "value is" : "values are",
                         cut == 1 ? "it lies" : "they lie");
    add(b, "</p>\n");
}

void cull__search_history(cull_buf *b, const cull__search *v, int objective)
{
    const double high = 266, top = 44, bottom = 216, right = WIDE - 16;
    const char *name = v->p->objective[objective].name;
    history h = {.v = v, .objective = objective};
    int64_t cut;
    if (!cull__search_axis(v, objective, bottom - 14, top, &h.y, &cut)) return;
    const double left = fmax(62, cull__axis_room(&h.y));
    h.x = cull__axis_of(0, (double)(v->n - 1), 8, false, left, right);
    if (v->n == 1) h.x = cull__axis_of(-1, 1, 2, false, left, right);
    if (h.x.step < 1) h.x.step = 1;
    cull__svg_open(b, high, "Values by trial", "A dot for each trial, a line for the best so far.");
    double next = cull__svg_legend(b, "kept", "best so far", left, 30);
    next = cull__svg_legend(b, "pool", "done", next, 30);
    if (v->tally[CULL_TRIAL_STOPPED])
        next = cull__svg_legend(b, "fourth", "stopped, at its last report", next, 30);
    if (v->tally[CULL_TRIAL_FAILED] + v->tally[CULL_TRIAL_TIMEOUT] + v->tally[CULL_TRIAL_LOST])
        cull__svg_legend(b, "third", "came to nothing", next, 30);
    cull__axis_y(b, &h.y, left, right, name);
    cull__axis_x(b, &h.x, top, bottom, "trial");
    values_of(b, &h, CULL_TRIAL_STOPPED, "fourth");
    values_of(b, &h, CULL_TRIAL_DONE, "pool");
    failures(b, &h, bottom);
    best_so_far(b, &h);
    cull__svg_close(b);
    say_drawn(b, v, cut);
}

/* ---- a front of two objectives ---- */

static bool on_both(const double *value, int64_t i)
{
    return isfinite(value[i * 2]) && isfinite(value[i * 2 + 1]);
}

/* The best are in order of the first objective; a line is what they and all that they dominate border on. */
static void front_line(cull_buf *b, const cull__search *v, const cull__axis *x, const cull__axis *y)
{
    char p[32], q[32];
    bool down = false;
    add(b, "<path class=\"kept\" style=\"fill:none;stroke-width:1.5\" d=\"");
    for (int64_t k = 0; k < v->bests; k++) {
        int64_t i = v->best[k];
        if (!on_both(v->mean, i) || !cull__search_drawn(v, i)) continue;
        cull__buf_printf(b, down ? "H%s" : "M%s,", cull__px(cull__axis_at(x, v->mean[i * 2]), p));
        cull__buf_printf(b, down ? "V%s" : "%s", cull__px(cull__axis_at(y, v->mean[i * 2 + 1]), q));
        down = true;
    }
    add(b, "\"/>\n");
}

void cull__search_front(cull_buf *b, const cull__search *v)
{
    const double high = 372, top = 44, bottom = 322, right = WIDE - 16;
    cull__axis x, y;
    int64_t cut, more;
    if (v->m != 2 || !cull__search_axis(v, 1, bottom, top, &y, &cut)) return;
    const double left = fmax(72, cull__axis_room(&y));
    if (!cull__search_axis(v, 0, left, right, &x, &more)) return;
    add(b, "<h2>Front</h2>\n");
    cull__svg_open(b, high, "Front",
                   "A dot for each trial; those that nothing dominates stand out.");
    double next = cull__svg_legend(b, "kept", "nothing dominates it", left, 30);
    cull__svg_legend(b, "pool", "the others", next, 30);
    cull__axis_y(b, &y, left, right, v->p->objective[1].name);
    cull__axis_x(b, &x, top, bottom, v->p->objective[0].name);
    open_dots(b, "pool", 4);
    for (int64_t i = 0; i < v->n; i++)
        if (v->state[i] == CULL_TRIAL_DONE && !v->is_best[i] && on_both(v->value, i) &&
            cull__search_drawn(v, i))
            dot(b, cull__axis_at(&x, v->value[i * 2]), cull__axis_at(&y, v->value[i * 2 + 1]));
    add(b, "\"/>\n");
    front_line(b, v, &x, &y);
    open_dots(b, "kept", 7);
    for (int64_t k = 0; k < v->bests; k++) {
        int64_t i = v->best[k];
        if (on_both(v->mean, i) && cull__search_drawn(v, i))
            dot(b, cull__axis_at(&x, v->mean[i * 2]), cull__axis_at(&y, v->mean[i * 2 + 1]));
    }
    add(b, "\"/>\n");
    cull__svg_close(b);
    say_drawn(b, v, cut + more);
}

/* ---- importance ---- */

static void bar(cull_buf *b, const cull__search *v, int param, const cull__axis *x, double y)
{
    const cull_importance *g = &v->importance[param];
    char p[32], q[32], n[32];
    bool some = !isnan(g->divergence), sure = some && g->p <= 0.05;
    cull__svg_name(b, cull_space_at(v->space, param)->name, y, sure);
    if (!some) {
        cull__buf_printf(b, "<text class=\"tick\" x=\"%d\" y=\"%s\">active in too few</text>\n",
                         LEFT + 4, cull__px(y + 4, q));
        return;
    }
    cull__buf_printf(b, "<rect class=\"%s\" x=\"%d\" y=\"%s\" width=\"%s\" height=\"11\"/>",
                     sure ? "kept" : "pool", LEFT, cull__px(y - 7, q),
                     cull__px(cull__axis_at(x, g->divergence) - LEFT, p));
    if (isfinite(g->chance)) {
        double at = cull__axis_at(x, g->chance);
        cull__buf_printf(b,
                         "<line class=\"third\" style=\"stroke-width:2.5\" x1=\"%s\" x2=\"%s\" "
                         "y1=\"%s\"",
                         cull__px(at, p), p, cull__px(y - 10, q));
        cull__buf_printf(b, " y2=\"%s\"/>", cull__px(y + 7, q));
    }
    cull__buf_printf(b, "<text class=\"num\" text-anchor=\"end\" x=\"%d\" y=\"%s\">%s</text>\n",
                     WIDE - 4, cull__px(y + 4, q), cull__percent(g->share, n));
}

void cull__search_bars(cull_buf *b, const cull__search *v)
{
    int all = cull_space_params(v->space), n = all < CULL__SEARCH_BARS ? all : CULL__SEARCH_BARS;
    double top = 34, bottom = top + 26 * n, most = 0;
    if (!v->importance) return;
    for (int i = 0; i < n; i++) {
        const cull_importance *g = &v->importance[v->rank[i]];
        if (g->divergence > most) most = g->divergence;
        if (isfinite(g->chance) && g->chance > most) most = g->chance;
    }
    cull__axis x = cull__axis_of(0, most > 0 ? most : 1, 5, true, LEFT, WIDE - 60);
    cull__svg_open(b, bottom + 40, "Importance of parameters",
                   "How far the best tenth lie from all others, parameter by parameter.");
    double next = cull__svg_legend(b, "kept", "more than chance (p ≤ 0.05)", LEFT, 12);
    next = cull__svg_legend(b, "pool", "not more", next, 12);
    cull__svg_legend(b, "third", "what chance would give", next, 12);
    cull__axis_x(b, &x, top - 8, bottom, "divergence of the best tenth");
    for (int i = 0; i < n; i++) bar(b, v, v->rank[i], &x, top + 26 * i + 10);
    cull__svg_close(b);
    if (n < all) cull__buf_printf(b, "<p class=\"sub\">and %d less important ones</p>\n", all - n);
}
