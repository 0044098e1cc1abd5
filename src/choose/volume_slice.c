/* volume_slice.c - volumes of four and more objectives, and what each box adds to a union (volume.h).
 *
 * Boxes are taken from the deepest in the last objective on, and each adds (its depth) times (what it alone covers in the
 * others, among those before it): the volume of its own box less that of the others cut to it, which is the same
 * problem with an objective less and, as most that is cut is covered by something else, with few boxes (While et al. 2012). It ends
 * at four objectives, where what is left is a staircase swept along the third (Guerreiro and Fonseca 2018), O(n^2). */
#include <math.h>
#include <string.h>

#include "choose/volume.h"

/* ---- three objectives: what of a box others cover ---- */
typedef struct {
    double x, y, z;
} box3;
typedef struct {
    double x, y;
} step;
typedef struct {
    step *step; /* x falls, y grows */
    int64_t n;
} stairs;

static inline double least(double a, double b) { return a < b ? a : b; }

/* The area that (x, y) adds. */
static double step_in(stairs *s, double x, double y)
{
    step *t = s->step;
    int64_t lo = 0, n = s->n;
    for (int64_t len = n; len > 0;) { /* the first step with a smaller x */
        int64_t half = len / 2;
        bool right = t[lo + half].x >= x;
        lo += right ? half + 1 : 0;
        len = right ? len - half - 1 : half;
    }
    double level = lo ? t[lo - 1].y : 0, more = 0;
    if (level >= y) return 0;
    int64_t hi = lo;
    for (; hi < n && t[hi].y <= y; hi++) {
        more += (x - t[hi].x) * (t[hi].y - level);
        level = t[hi].y;
    }
    more += (x - (hi < n ? t[hi].x : 0)) * (y - level);
    if (lo && t[lo - 1].x == x) lo--; /* below the new one, as level < y */
    if (hi != lo + 1) memmove(t + lo + 1, t + hi, (size_t)(n - hi) * sizeof *t);
    t[lo] = (step){x, y};
    s->n = n + 1 - (hi - lo);
    return more;
}

/* The volume of b that boxes s (n), the deepest in z first, cover. *whole: one of them covers all of it. Box `but` does
 * not count. */
static double covered3(const box3 *s, int64_t n, int64_t but, box3 b, step *room, bool *whole)
{
    stairs t = {.step = room};
    double volume = 0;
    *whole = false;
    for (int64_t i = 0; i < n; i++) {
        if (i == but) continue;
        double x = least(s[i].x, b.x), y = least(s[i].y, b.y), z = least(s[i].z, b.z);
        volume += step_in(&t, x, y) * z;
        if (x < b.x || y < b.y) continue;
        *whole = z == b.z; /* nothing is left below it */
        break;
    }
    return volume;
}

/* ---- the levels of a recursion ---- */
typedef struct {
    double *cut; /* (n, d): boxes cut to one */
    cull__place *p, *room;
    double *sorted; /* (n, d) */
} level;
typedef struct {
    level at[CULL__VOLUME_DEEP + 1];
    box3 *box; /* n */
    step *step;
} slicer;

static cull_status slicer_new(cull_ctx *cx, int64_t n, int m, slicer *s)
{
    for (int d = 4; d <= m; d++) {
        CULL_TRY(CULL_TMP(cx, s->at[d].cut, n * d));
        CULL_TRY(CULL_TMP(cx, s->at[d].sorted, n * d));
        CULL_TRY(CULL_TMP(cx, s->at[d].p, n));
        CULL_TRY(CULL_TMP(cx, s->at[d].room, n));
    }
    CULL_TRY(CULL_TMP(cx, s->box, n));
    return CULL_TMP(cx, s->step, n + 1);
}

static double product(const double *e, int m)
{
    double v = e[0];
    for (int d = 1; d < m; d++) v *= e[d];
    return v;
}

/* Into `sorted`, the deepest in the last objective first. */
static void sort_rows(const double *e, int64_t n, int m, const level *l)
{
    for (int64_t i = 0; i < n; i++) l->p[i] = (cull__place){-e[i * m + m - 1], i};
    cull__places_sort(l->p, l->room, n);
    for (int64_t i = 0; i < n; i++)
        memcpy(l->sorted + i * m, e + l->p[i].i * m, (size_t)m * sizeof *e);
}

/* b joins s (n), where none covers it: those that it covers leave. How many there are. */
static int64_t box_in(box3 *s, int64_t n, box3 b)
{
    int64_t kept = 0, at = 0;
    for (int64_t i = 0; i < n; i++) {
        if (s[i].x <= b.x && s[i].y <= b.y && s[i].z <= b.z) continue;
        at += s[i].z >= b.z;
        s[kept++] = s[i];
    }
    memmove(s + at + 1, s + at, (size_t)(kept - at) * sizeof *s);
    s[at] = b;
    return kept + 1;
}

static double volume4(slicer *s, const double *e, int64_t n)
{
    const level *l = s->at + 4;
    int64_t boxes = 0;
    double volume = 0;
    sort_rows(e, n, 4, l);
    for (int64_t i = 0; i < n; i++) {
        const double *a = l->sorted + i * 4;
        box3 b = {a[0], a[1], a[2]};
        bool whole;
        double more = b.x * b.y * b.z - covered3(s->box, boxes, -1, b, s->step, &whole);
        if (whole) continue;
        if (more > 0) volume += more * a[3];
        boxes = box_in(s->box, boxes, b);
    }
    return volume;
}

/* Boxes e[0 .. n) of rows `wide` apart, cut to b in d objectives, into cut: those that no other covers. One that is all of
 * b leaves itself alone. Row `but` does not count. */
static int64_t cut_to(const double *e, int64_t n, int wide, int64_t but, const double *b, int d,
                      double *cut)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *a = e + i * wide;
        double c[CULL__VOLUME_DEEP];
        bool whole = true, covered = false;
        if (i == but) continue;
        for (int k = 0; k < d; k++) {
            c[k] = least(a[k], b[k]);
            whole &= c[k] == b[k];
        }
        if (whole) {
            memcpy(cut, c, (size_t)d * sizeof *c);
            return 1;
        }
        int64_t j = 0;
        for (; j < kept && !covered; j++) covered = cull__row_covers(c, cut + j * d, d);
        if (covered) continue;
        for (j = 0; j < kept;) {
            if (cull__row_covers(cut + j * d, c, d))
                memcpy(cut + j * d, cut + --kept * d, (size_t)d * sizeof *c);
            else
                j++;
        }
        memcpy(cut + kept++ * d, c, (size_t)d * sizeof *c);
    }
    return kept;
}

static double volume_of(slicer *s, const double *e, int64_t n, int m);

/* What row i of `sorted` adds to those before it. */
static double slice(slicer *s, const double *sorted, int64_t i, int m)
{
    const double *b = sorted + i * m;
    double *cut = s->at[m - 1].cut;
    int64_t n = cut_to(sorted, i, m, -1, b, m - 1, cut);
    double more = product(b, m - 1) - volume_of(s, cut, n, m - 1);
    return more > 0 ? more * b[m - 1] : 0;
}

static double volume_of(slicer *s, const double *e, int64_t n, int m)
{
    if (n == 0) return 0;
    if (n == 1) return product(e, m);
    if (n == 2) {
        double both = 1;
        for (int d = 0; d < m; d++) both *= least(e[d], e[m + d]);
        return product(e, m) + product(e + m, m) - both;
    }
    if (m == 4) return volume4(s, e, n);
    double volume = 0;
    sort_rows(e, n, m, s->at + m);
    for (int64_t i = 0; i < n; i++) volume += slice(s, s->at[m].sorted, i, m);
    return volume;
}

/* ---- the uppermost level, in parallel: slices do not depend on one another ---- */
typedef struct {
    const double *e; /* (n, m), sorted */
    int64_t n;
    int m;
    double *part;
} work;

static cull_status slices(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *w = arg;
    slicer s;
    (void)chunk;
    CULL_TRY(slicer_new(cx, hi, w->m - 1, &s));
    for (int64_t i = lo; i < hi; i++) {
        CULL_TRY(cull__tick(cx, (double)i, (double)w->n));
        w->part[i] = slice(&s, w->e, i, w->m);
    }
    return CULL_OK;
}

cull_status cull__volume_sliced(cull_ctx *cx, const double *e, int64_t n, int m, double *volume)
{
    double total = 0;
    level l;
    *volume = 0;
    if (m == 4) {
        slicer s;
        CULL_TRY(slicer_new(cx, n, m, &s));
        *volume = volume_of(&s, e, n, m);
        return CULL_OK;
    }
    work w = {.m = m};
    double *kept;
    CULL_TRY(CULL_TMP(cx, kept, n * m));
    CULL_TRY(CULL_TMP(cx, l.sorted, n * m));
    CULL_TRY(CULL_TMP(cx, l.p, n));
    CULL_TRY(CULL_TMP(cx, l.room, n));
    CULL_TRY(CULL_TMP(cx, w.part, n));
    double all[CULL__VOLUME_DEEP];
    for (int d = 0; d < m; d++) all[d] = INFINITY;
    w.n = cut_to(e, n, m, -1, all, m, kept);
    sort_rows(kept, w.n, m, &l);
    w.e = l.sorted;
    CULL_TRY(cull__for(cx, w.n, 4, slices, &w));
    for (int64_t i = 0; i < w.n; i++) total += w.part[i];
    *volume = total;
    return CULL_OK;
}

/* ---- shares ---- */
static cull_status shares(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *w = arg;
    slicer s;
    double *cut;
    (void)chunk;
    CULL_TRY(slicer_new(cx, w->n, w->m, &s));
    CULL_TRY(CULL_TMP(cx, cut, w->n * w->m));
    for (int64_t i = lo; i < hi; i++) {
        const double *b = w->e + i * w->m;
        CULL_TRY(cull__tick(cx, (double)i, (double)w->n));
        int64_t n = cut_to(w->e, w->n, w->m, i, b, w->m, cut);
        w->part[i] = fmax(product(b, w->m) - volume_of(&s, cut, n, w->m), 0);
    }
    return CULL_OK;
}

typedef struct {
    const box3 *box; /* n, the deepest first */
    const cull__place *p;
    int64_t n;
    double *each;
} work3;

static cull_status shares3(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work3 *w = arg;
    step *room;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, room, w->n + 1));
    for (int64_t i = lo; i < hi; i++) {
        box3 b = w->box[i];
        bool whole;
        double more = b.x * b.y * b.z - covered3(w->box, w->n, i, b, room, &whole);
        w->each[w->p[i].i] = whole || more < 0 ? 0 : more;
    }
    return cull__tick(cx, (double)hi, (double)w->n);
}

static cull_status shares_of_3(cull_ctx *cx, const double *e, int64_t n, double *each)
{
    cull__place *p, *room;
    box3 *box;
    CULL_TRY(CULL_TMP(cx, p, n));
    CULL_TRY(CULL_TMP(cx, room, n));
    CULL_TRY(CULL_TMP(cx, box, n));
    for (int64_t i = 0; i < n; i++) p[i] = (cull__place){-e[i * 3 + 2], i};
    cull__places_sort(p, room, n);
    for (int64_t i = 0; i < n; i++) {
        const double *a = e + p[i].i * 3;
        box[i] = (box3){a[0], a[1], a[2]};
    }
    work3 w = {.box = box, .p = p, .n = n, .each = each};
    return cull__for(cx, n, 32, shares3, &w);
}

cull_status cull__volume_shares(cull_ctx *cx, const double *e, int64_t n, int m, double *each)
{
    if (m == 3) return shares_of_3(cx, e, n, each);
    work w = {.e = e, .n = n, .m = m, .part = each};
    return cull__for(cx, n, 4, shares, &w);
}
