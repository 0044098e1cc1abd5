/* assign.c - the cheapest assignment of rows to columns, by shortest augmenting paths (Jonker and
 * Volgenant 1987; Crouse 2016 for more columns than rows): see num.h. */
#include "num/num.h"

#include <inttypes.h>
#include <math.h>

typedef struct {
    int64_t n, m; /* n <= m */
    const double *cost;
    int64_t down, right;    /* steps of cost from row to row, from column to column */
    double *u, *v, *dist;   /* potentials of rows (n) and columns (m); distances of columns (m) */
    int64_t *row_of, *from; /* of each column (m): its row or -1; the row it was reached from */
    int64_t *col_of;        /* of each row (n) */
    int64_t *open;          /* columns (m): the first `left` are not yet settled */
} work;

/* From `row` along the cheapest path to a free column, by Dijkstra on reduced costs. */
static int64_t search(work *w, int64_t row, double *reach, int64_t *left)
{
    double low = 0;
    *left = w->m;
    for (int64_t j = 0; j < w->m; j++) w->open[j] = j, w->dist[j] = INFINITY;
    for (int64_t i = row;;) {
        const double *c = w->cost + i * w->down;
        double least = INFINITY;
        int64_t best = -1;
        for (int64_t o = 0; o < *left; o++) {
            int64_t j = w->open[o];
            double d = low + c[j * w->right] - w->u[i] - w->v[j];
            if (d < w->dist[j]) w->dist[j] = d, w->from[j] = i;
            bool tie = w->dist[j] == least && best >= 0;
            if (w->dist[j] < least) {
                least = w->dist[j], best = o;
            } else if (tie) { /* a free column ends the search; else the lower one */
                int64_t b = w->open[best];
                bool free_j = w->row_of[j] < 0, free_b = w->row_of[b] < 0;
                if (free_j != free_b ? free_j : j < b) best = o;
            }
        }
        if (best < 0) return -1; /* a cost that is not finite */
        int64_t j = w->open[best];
        w->open[best] = w->open[--*left];
        w->open[*left] = j;
        low = least;
        if (w->row_of[j] < 0) {
            *reach = low;
            return j;
        }
        i = w->row_of[j];
    }
}

static bool augment(work *w, int64_t row)
{
    double reach = 0;
    int64_t left, end = search(w, row, &reach, &left);
    if (end < 0) return false;
    w->u[row] += reach;
    for (int64_t o = left; o < w->m; o++) { /* columns settled, and the rows that they led to */
        int64_t j = w->open[o];
        if (j == end) continue;
        w->v[j] -= reach - w->dist[j];
        w->u[w->row_of[j]] += reach - w->dist[j];
    }
    for (int64_t j = end, i = -1; i != row;) {
        i = w->from[j];
        w->row_of[j] = i;
        int64_t before = w->col_of[i];
        w->col_of[i] = j;
        j = before;
    }
    return true;
}

cull_status cull__assign(cull_ctx *cx, const double *cost, int64_t n, int64_t m, int64_t *col,
                         double *total)
{
    bool turned = n > m;
    work w = {.n = turned ? m : n,
              .m = turned ? n : m,
              .cost = cost,
              .down = turned ? 1 : m,
              .right = turned ? m : 1};
    cull__mark_t mark = cull__mark(cx);
    for (int64_t i = 0; i < n; i++) col[i] = -1;
    *total = 0;
    if (!w.n) return CULL_OK;
    CULL_TRY(CULL_TMP0(cx, w.u, w.n));
    CULL_TRY(CULL_TMP0(cx, w.v, w.m));
    CULL_TRY(CULL_TMP(cx, w.dist, w.m));
    CULL_TRY(CULL_TMP(cx, w.row_of, w.m));
    CULL_TRY(CULL_TMP(cx, w.from, w.m));
    CULL_TRY(CULL_TMP(cx, w.open, w.m));
    CULL_TRY(CULL_TMP(cx, w.col_of, w.n));
    for (int64_t j = 0; j < w.m; j++) w.row_of[j] = -1;
    for (int64_t i = 0; i < w.n; i++) w.col_of[i] = -1;
    for (int64_t i = 0; i < w.n; i++)
        if (!augment(&w, i))
            return cull__fail(cx, CULL_EINPUT,
                              "a cost of row %" PRId64 " is not finite; an assignment needs all",
                              i);
    for (int64_t i = 0; i < w.n; i++) {
        int64_t r = turned ? w.col_of[i] : i, c = turned ? i : w.col_of[i];
        col[r] = c;
    }
    for (int64_t i = 0; i < n; i++)
        if (col[i] >= 0) *total += cost[i * m + col[i]];
    cull__release(cx, mark);
    return CULL_OK;
}
