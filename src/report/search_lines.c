/* search_lines.c - plots of a search over its parameters: parallel coordinates, slices. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/search.h"

enum { WIDE = CULL__PLOT_WIDE, LEFT = CULL__PLOT_LEFT, RIGHT = 24, ROW = 50 };

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

static void cut_text(cull_buf *b, const char *text, int columns)
{
    cull_buf cut = CULL_BUF(b->cx);
    cull__add_cut(&cut, text, columns, true);
    if (cut.status != CULL_OK && b->status == CULL_OK) b->status = cut.status;
    cull__add_html(b, cut.at ? cut.at : "");
    cull__buf_free(&cut);
}

/* ---- parallel coordinates: a scale a row, a line a trial from top to bottom ---- */

typedef struct {
    const cull__search *v;
    cull__coord row[CULL__SEARCH_ROWS];
    int rows, numbers; /* shown, and all there are */
    cull__axis y[CULL__SEARCH_CURVES];
    int objectives;
    double top;
} lines;

/* Rows in order of the space: of the most important parameters while there is room for all their numbers. */
static void choose_rows(lines *g)
{
    const cull__search *v = g->v;
    int n = cull_space_params(v->space);
    bool in[CULL__SEARCH_ROWS + 1] = {0};
    int taken[CULL__SEARCH_ROWS], k = 0;
    int64_t room = CULL__SEARCH_ROWS;
    for (int i = 0; i < n; i++) g->numbers += (int)cull_space_at(v->space, i)->width;
    for (int i = 0; i < n && k < CULL__SEARCH_ROWS; i++) {
        int64_t w = cull_space_at(v->space, v->rank[i])->width;
        if (w > room && k) continue;
        taken[k++] = v->rank[i];
        room -= w;
        if (room <= 0) break;
    }
    for (int done = 0; done < k; done++) {
        int least = -1;
        for (int i = 0; i < k; i++)
            if (!in[i] && (least < 0 || taken[i] < taken[least])) least = i;
        in[least] = true;
        int64_t w = cull_space_at(v->space, taken[least])->width;
        for (int64_t j = 0; j < w && g->rows < CULL__SEARCH_ROWS; j++)
            g->row[g->rows++] = (cull__coord){taken[least], j};
    }
}

/* Marks that would run into the one before are left out. */
static void scale(cull_buf *b, const cull__coord_mark *m, int n, double left, double right,
                  double y)
{
    char p[32], q[32], r[32];
    double end = -1e9;
    for (int i = 0; i < n; i++) {
        double x = left + m[i].at * (right - left);
        int columns = cull__columns(m[i].text);
        double half = cull__tick_wide(columns < 14 ? (size_t)columns : 14) / 2;
        if (x - half < end + 6) continue;
        end = x + half;
        cull__buf_printf(b, "<line class=\"grid\" x1=\"%s\" x2=\"%s\" y1=\"%s\" ", cull__px(x, p),
                         p, cull__px(y - 4, q));
        cull__buf_printf(b, "y2=\"%s\"/><text class=\"tick on\" text-anchor=\"middle\" x=\"%s\" ",
                         cull__px(y + 4, q), cull__px(fmin(x, WIDE - half), p));
        cull__buf_printf(b, "y=\"%s\">", cull__px(y + 17, r));
        cut_text(b, m[i].text, 14);
        add(b, "</text>");
    }
    add(b, "\n");
}

static double row_at(const lines *g, int row) { return g->top + ROW * row; }

static void draw_row(cull_buf *b, int row, const char *name, const lines *g)
{
    char p[32];
    double y = row_at(g, row);
    cull__svg_name(b, name, y, false);
    cull__buf_printf(b, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%s\" y2=\"%s\"/>", LEFT,
                     WIDE - RIGHT, cull__px(y, p), p);
}

static void draw_scales(cull_buf *b, const lines *g)
{
    cull__coord_mark mark[16];
    for (int i = 0; i < g->rows; i++) {
        cull_buf name = CULL_BUF(b->cx);
        cull__coord_name(g->v, g->row[i], &name);
        if (name.status != CULL_OK && b->status == CULL_OK) b->status = name.status;
        draw_row(b, i, name.at ? name.at : "", g);
        cull__buf_free(&name);
        scale(b, mark, cull__coord_marks(b, g->v, g->row[i], mark), LEFT, WIDE - RIGHT,
              row_at(g, i));
    }
    for (int k = 0; k < g->objectives; k++) {
        const cull__axis *y = &g->y[k];
        draw_row(b, g->rows + k, g->v->p->objective[k].name, g);
        double t[16];
        int n = cull__axis_ticks(y, t);
        for (int i = 0; i < n; i++) {
            cull_buf text = CULL_BUF(b->cx);
            cull__axis_text(&text, y, t[i]);
            if (text.status != CULL_OK && b->status == CULL_OK) b->status = text.status;
            mark[i].at = (cull__axis_at(y, t[i]) - LEFT) / (WIDE - RIGHT - LEFT);
            snprintf(mark[i].text, sizeof mark[i].text, "%s", text.at ? text.at : "");
            cull__buf_free(&text);
        }
        scale(b, mark, n, LEFT, WIDE - RIGHT, row_at(g, g->rows + k));
    }
}

static void line(cull_buf *b, const lines *g, int64_t trial)
{
    char p[32], q[32];
    bool down = false;
    for (int i = 0; i < g->rows + g->objectives; i++) {
        double x;
        if (i < g->rows) {
            double u = cull__coord_at(g->v, g->row[i], trial);
            x = LEFT + fmax(0, fmin(u, 1)) * (WIDE - RIGHT - LEFT);
            if (isnan(u)) x = NAN;
        } else
            x = cull__axis_at(&g->y[i - g->rows], g->v->value[trial * g->v->m + (i - g->rows)]);
        if (isnan(x)) {
            down = false;
            continue;
        }
        /* one between two gaps is a dot: a line of no length with round ends */
        cull__buf_printf(b, "%s%s,%s%s", down ? "L" : "M", cull__px(x, p),
                         cull__px(row_at(g, i), q), down ? "" : "h0");
        down = true;
    }
}

/* Of places from..to of the order, evenly at most `most`. */
static void group(cull_buf *b, const lines *g, int64_t from, int64_t to, int64_t most,
                  const char *cls, const char *look)
{
    int64_t n = to - from;
    if (n < 1) return;
    cull__buf_printf(b, "<path style=\"fill:none;stroke:var(--%s);stroke-linecap:round;%s\" d=\"",
                     cls, look);
    for (int64_t j = 0; j < n; j++)
        if (n <= most || j == 0 || j * most / n != (j - 1) * most / n)
            line(b, g, g->v->order[from + j]);
    add(b, "\"/>\n");
}

void cull__search_lines(cull_buf *b, const cull__search *v)
{
    enum { MOST = CULL__SEARCH_LINES };
    lines g = {.v = v, .top = 52};
    int64_t cut;
    char k[32], n[32];
    if (v->used < 2) return;
    choose_rows(&g);
    for (int i = 0; i < v->m && i < CULL__SEARCH_CURVES; i++, g.objectives++)
        if (!cull__search_axis(v, i, LEFT, WIDE - RIGHT, &g.y[i], &cut)) return;
    if (!g.rows) return;
    add(b, "<h2>Where the best lie</h2>\n");
    cull__svg_open(b, row_at(&g, g.rows + g.objectives - 1) + 30, "Parallel coordinates",
                   "A row for each parameter, a line for each trial; it breaks where a parameter "
                   "is not active.");
    double next = cull__svg_legend(b, "kept", "best tenth", LEFT, 14);
    cull__svg_legend(b, "pool", "the others", next, 14);
    group(b, &g, v->tenth, v->used, MOST, "pool", "stroke-opacity:.3;stroke-width:1");
    group(b, &g, 0, v->tenth, MOST / 2, "kept", "stroke-opacity:.6;stroke-width:1.4");
    draw_scales(b, &g);
    cull__svg_close(b);
    if (v->used - v->tenth > MOST || v->tenth > MOST / 2)
        cull__buf_printf(b,
                         "<p class=\"sub\">Of %s trials at most %d of the best tenth and %s others "
                         "are drawn, evenly by their order.</p>\n",
                         cull__count(v->used, n), MOST / 2, cull__count(MOST, k));
    if (g.rows < g.numbers)
        cull__buf_printf(b,
                         "<p class=\"sub\">%d of the %d numbers of a point are shown, of the %s "
                         "parameters.</p>\n",
                         g.rows, g.numbers, v->importance ? "most important" : "first");
}

/* ---- slices: a parameter against an objective ---- */

static void slice_dots(cull_buf *b, const cull__search *v, cull__coord c, int objective,
                       const cull__axis *x, const cull__axis *y, bool best)
{
    char p[32], q[32];
    cull__buf_printf(b, "<path style=\"fill:none;stroke:var(--%s);stroke-linecap:round;",
                     best ? "kept" : "pool");
    cull__buf_printf(b, "stroke-width:%s\" d=\"", best ? "4.5" : "3.5");
    for (int64_t j = best ? 0 : v->tenth; j < (best ? v->tenth : v->used); j++) {
        int64_t i = v->order[j];
        double u = cull__coord_at(v, c, i), w = v->value[i * v->m + objective];
        if (isnan(u) || !isfinite(w) || !cull__search_drawn(v, i)) continue;
        cull__buf_printf(b, "M%s,%sh0", cull__px(cull__axis_at(x, u), p),
                         cull__px(cull__axis_at(y, w), q));
    }
    add(b, "\"/>\n");
}

static void slice(cull_buf *b, const cull__search *v, cull__coord c, int objective, double left,
                  double right, cull__axis *y)
{
    const double top = y->to, bottom = y->from;
    char p[32], q[32];
    cull__coord_mark mark[16];
    cull__axis x = {.lo = 0, .hi = 1, .step = 1, .from = left, .to = right};
    cull_buf name = CULL_BUF(b->cx);
    double t[16];
    int n = cull__axis_ticks(y, t);
    for (int i = 0; i < n; i++) {
        double Y = cull__axis_at(y, t[i]);
        cull__buf_printf(b, "<line class=\"grid\" x1=\"%s\" x2=\"%s\" ", cull__px(left, p),
                         cull__px(right, q));
        cull__buf_printf(b, "y1=\"%s\" y2=\"%s\"/>", cull__px(Y, p), p);
        cull__buf_printf(b, "<text class=\"tick\" text-anchor=\"end\" x=\"%s\" y=\"%s\">",
                         cull__px(left - 6, p), cull__px(Y + 4, q));
        cull__axis_text(b, y, t[i]);
        add(b, "</text>\n");
    }
    slice_dots(b, v, c, objective, &x, y, false);
    slice_dots(b, v, c, objective, &x, y, true);
    scale(b, mark, cull__coord_marks(b, v, c, mark), left, right, bottom + 2);
    cull__coord_name(v, c, &name);
    if (name.status != CULL_OK && b->status == CULL_OK) b->status = name.status;
    cull__buf_printf(b, "<text text-anchor=\"middle\" x=\"%s\" y=\"%s\">",
                     cull__px((left + right) / 2, p), cull__px(top - 12, q));
    cut_text(b, name.at ? name.at : "", 40);
    add(b, "</text>\n");
    cull__buf_free(&name);
}

void cull__search_slices(cull_buf *b, const cull__search *v, int objective)
{
    int n = cull_space_params(v->space);
    cull__axis y;
    int64_t cut;
    if (v->used < 2 || !cull__search_axis(v, objective, 172, 30, &y, &cut)) return;
    if (n > CULL__SEARCH_SLICES) n = CULL__SEARCH_SLICES;
    const double left = fmax(54, cull__axis_room(&y));
    add(b, "<h3>");
    cull__add_html(b, v->p->objective[objective].name);
    add(b, "</h3>\n");
    for (int i = 0; i < n; i += 2) {
        cull__svg_open(b, 200, "Slices", "A dot for each trial: a parameter against an objective.");
        for (int k = i; k < n && k < i + 2; k++) {
            double from = 366 * (k - i);
            slice(b, v, cull__coord_of(v, v->rank[k]), objective, from + left, from + 338, &y);
        }
        cull__svg_close(b);
    }
}
