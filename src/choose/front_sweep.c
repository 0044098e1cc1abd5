/* front_sweep.c - ranks of dominance in two and three objectives by one sweep (after Kung et al. 1975, who sweep for the first
 * rank alone).
 *
 * Rows come in lexicographic order, so that of two the later one alone may be dominated, and it is where the earlier
 * one is nowhere larger in the objectives after the first. Of each rank that matters of its rows so far is a
 * staircase in these. What a rank covers all ranks before it cover, so that the first one that does not is found by halving. */
#include "choose/front.h"

#include <string.h>

/* Steps that are moved a row before the sweep is given up: staircases of many thousands of steps. */
enum { MOVES = 1024 };

/* ---- rows in lexicographic order ---- */

/* p (n): rows that are equal in objectives below d. */
static void sort_from(const double *v, int m, int d, cull__place *p, cull__place *room, int64_t n)
{
    for (int64_t k = 0; k < n; k++) p[k].v = v[p[k].i * m + d];
    cull__places_sort(p, room, n);
    for (int64_t lo = 0, hi; lo < n && d + 1 < m; lo = hi) {
        for (hi = lo + 1; hi < n && p[hi].v == p[lo].v; hi++) {}
        if (hi - lo > 1) sort_from(v, m, d + 1, p + lo, room, hi - lo);
    }
}

static bool same(const double *a, const double *b, int m)
{
    for (int d = 0; d < m; d++)
        if (a[d] != b[d]) return false;
    return true;
}

/* ---- the staircase of a rank ---- */
typedef struct {
    double y, z;
} step;
typedef struct {
    step *at; /* y grows, z falls */
    int32_t n, cap;
} stairs;

/* How many steps have a y of at most y. */
static int64_t up_to(const stairs *s, double y)
{
    int64_t lo = 0;
    for (int64_t n = s->n, half; n > 0; n = half) {
        half = n / 2;
        lo += (n - half) & -(int64_t)(s->at[lo + half].y <= y);
    }
    return lo;
}

static bool covers(const stairs *s, double y, double z)
{
    int64_t k = up_to(s, y);
    return k && s->at[k - 1].z <= z;
}

static cull_status step_in(cull_ctx *cx, stairs *s, double y, double z, int64_t *moves)
{
    int64_t lo = up_to(s, y), hi = lo;
    while (hi < s->n && s->at[hi].z >= z) hi++;
    lo -= lo && s->at[lo - 1].y == y;
    if (s->n == s->cap) {
        step *more;
        int32_t cap = s->cap < INT32_MAX / 2 ? 2 * s->cap + 2 : INT32_MAX;
        CULL_TRY(CULL_TMP(cx, more, cap));
        if (s->n) memcpy(more, s->at, (size_t)s->n * sizeof *more);
        s->at = more, s->cap = cap;
    }
    if (hi != lo + 1) {
        memmove(s->at + lo + 1, s->at + hi, (size_t)(s->n - hi) * sizeof *s->at);
        *moves += s->n - hi;
    }
    s->at[lo] = (step){y, z};
    s->n += (int32_t)(1 - (hi - lo));
    return CULL_OK;
}

/* ---- the sweep ---- */
typedef struct {
    double *least; /* of two objectives: the least y of each rank */
    stairs *of;    /* of three */
    int32_t ranks;
    int64_t moves;
} sweep;

static int32_t add_row2(sweep *s, double y)
{
    int32_t lo = 0;
    for (int32_t n = s->ranks, half; n > 0; n = half) {
        half = n / 2;
        lo += (n - half) & -(int32_t)(s->least[lo + half] <= y); /* no branch on what is random */
    }
    s->ranks += lo == s->ranks;
    s->least[lo] = y;
    return lo;
}

static cull_status add_row3(cull_ctx *cx, sweep *s, double y, double z, int32_t *rank)
{
    int32_t lo = 0;
    for (int32_t n = s->ranks, half; n > 0; n = half) {
        half = n / 2;
        lo += covers(&s->of[lo + half], y, z) ? n - half : 0;
    }
    s->ranks += lo == s->ranks;
    *rank = lo;
    return step_in(cx, &s->of[lo], y, z, &s->moves);
}

cull_status cull__front_sweep(cull_ctx *cx, const double *v, int m, cull__place *p,
                              cull__place *room, int64_t n, int32_t base, int32_t *rank,
                              int32_t *next, bool *done)
{
    sweep s = {0};
    int32_t r = 0;
    if (m == 2)
        CULL_TRY(CULL_TMP(cx, s.least, n));
    else
        CULL_TRY(CULL_TMP0(cx, s.of, n));
    sort_from(v, m, 0, p, room, n);
    for (int64_t k = 0; k < n; k++) {
        const double *a = v + p[k].i * m;
        if (k % 65536 == 0) CULL_TRY(cull__tick(cx, (double)k, (double)n));
        if (k == 0 || !same(a, v + p[k - 1].i * m, m)) {
            if (m == 2)
                r = add_row2(&s, a[1]);
            else
                CULL_TRY(add_row3(cx, &s, a[1], a[2], &r));
        }
        rank[p[k].i] = base + r;
        *done = s.moves <= MOVES * n;
        if (!*done) return CULL_OK;
    }
    *next = base + s.ranks;
    return CULL_OK;
}
