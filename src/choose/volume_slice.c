/* volume_slice.c - volumes of four and more objectives, and what each box adds to a union (volume.h).
 *
 * Boxes are taken from the deepest in the last objective on, and each adds (its depth) times (what it alone covers in the
 * others, among those before it): the volume of its own box less that of the others cut to it, which is the same
 * problem with an objective less and, as most that is cut is covered by something else, with few boxes (While et al. 2012). It ends
 * at four objectives, where what is left is a staircase swept along the third (Guerreiro and Fonseca 2018), O(n^2). */
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

/* ---- the levels of a recursion: rows of d numbers side by side, the deepest in the last one first ---- */
typedef struct {
    double *stand; /* (n, d): boxes so far that no other of them covers */
    double *cut;   /* (n, d): those cut to one box */
} level;
typedef struct {
    level at[CULL__VOLUME_DEEP];
    box3 *box; /* n */
    step *step;
} slicer;

/* For unions of n boxes in up to m objectives. */
static cull_status slicer_new(cull_ctx *cx, int64_t n, int m, slicer *s)
{
    for (int d = 4; d < m; d++) {
        CULL_TRY(CULL_TMP(cx, s->at[d].stand, n * d));
        CULL_TRY(CULL_TMP(cx, s->at[d].cut, n * d));
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

/* b joins s (n), where none covers it: those that it covers leave. How many there are. */
static int64_t box_in(box3 *s, int64_t n, box3 b)
{
    int64_t kept = 0, at = 0;
    for (int64_t i = 0; i < n; i++) {
        bool covered = (s[i].x <= b.x) & (s[i].y <= b.y) & (s[i].z <= b.z);
        at += !covered & (s[i].z >= b.z);
        s[kept] = s[i];
        kept += !covered;
    }
    memmove(s + at + 1, s + at, (size_t)(kept - at) * sizeof *s);
    s[at] = b;
    return kept + 1;
}

/* Of rows in order. */
static double volume4(slicer *s, const double *e, int64_t n)
{
    int64_t boxes = 0;
    double volume = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *a = e + i * 4;
        box3 b = {a[0], a[1], a[2]};
        bool whole;
        double more = b.x * b.y * b.z - covered3(s->box, boxes, -1, b, s->step, &whole);
        if (whole) continue;
        if (more > 0) volume += more * a[3];
        boxes = box_in(s->box, boxes, b);
    }
    return volume;
}

/* In the first d numbers. All of them are looked at: which one decides is chance. */
static inline bool covers(const double *a, const double *b, int d)
{
    bool c = a[0] >= b[0];
    for (int k = 1; k < d; k++) c &= a[k] >= b[k];
    return c;
}

/* As box_in. */
static inline int64_t row_in_d(double *s, int64_t n, const double *b, int d)
{
    int64_t kept = 0, at = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *a = s + i * d;
        if (covers(b, a, d)) continue;
        at += a[d - 1] >= b[d - 1];
        if (kept < i) memcpy(s + kept * d, a, (size_t)d * sizeof *s);
        kept++;
    }
    memmove(s + (at + 1) * d, s + at * d, (size_t)((kept - at) * d) * sizeof *s);
    memcpy(s + at * d, b, (size_t)d * sizeof *s);
    return kept + 1;
}

/* Rows s (n) in order, cut to b: those that no other covers, in order. One that is all of b is left alone. Row `but`
 * does not count. */
static inline int64_t cut_to_d(const double *s, int64_t n, int64_t but, const double *b, int d,
                               double *cut)
{
    int64_t kept = 0, hint = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *a = s + i * d;
        double *c = cut + kept * d;
        bool whole = true, covered = false;
        if (i == but) continue;
        for (int k = 0; k < d; k++) {
            c[k] = least(a[k], b[k]);
            whole &= a[k] >= b[k];
        }
        if (whole) {
            memcpy(cut, b, (size_t)d * sizeof *b);
            return 1;
        }
        /* those before it are at least as deep in the last one; the row that covered the last one often does again */
        if (kept) covered = covers(cut + hint * d, c, d - 1);
        for (int64_t j = 0; j < kept && !covered; j++) {
            covered = covers(cut + j * d, c, d - 1);
            if (covered) hint = j;
        }
        if (covered) continue;
        if (a[d - 1] < b[d - 1] || kept == 0) {
            kept++;
            continue;
        }
        double last[CULL__VOLUME_DEEP]; /* as deep as all before it: it may cover some of them */
        int64_t stay = 0;
        memcpy(last, c, (size_t)d * sizeof *c);
        for (int64_t j = 0; j < kept; j++) {
            if (covers(last, cut + j * d, d - 1)) continue;
            if (stay < j) memcpy(cut + stay * d, cut + j * d, (size_t)d * sizeof *c);
            stay++;
        }
        memcpy(cut + stay * d, last, (size_t)d * sizeof *c);
        kept = stay + 1;
        hint = 0;
    }
    return kept;
}

/* The same with d known when it is compiled. */
#define BY_DEPTH(d, call)                                                                          \
    switch (d) {                                                                                   \
    case 4: return call(4);                                                                        \
    case 5: return call(5);                                                                        \
    case 6: return call(6);                                                                        \
    case 7: return call(7);                                                                        \
    default: return call(8);                                                                       \
    }
static int64_t row_in(double *s, int64_t n, const double *b, int d)
{
#define CALL(k) row_in_d(s, n, b, k)
    BY_DEPTH(d, CALL)
#undef CALL
}
static int64_t cut_to(const double *s, int64_t n, int64_t but, const double *b, int d, double *cut)
{
#define CALL(k) cut_to_d(s, n, but, b, k, cut)
    BY_DEPTH(d, CALL)
#undef CALL
}

static double volume_of(slicer *s, const double *e, int64_t n, int m);

/* What rows lo .. hi - 1 of e add to those before them, m > 4. part: of each row; or NULL. */
static double slices_of(slicer *s, const double *e, int64_t lo, int64_t hi, int m, double *part)
{
    const level *l = s->at + m - 1;
    int64_t stand = 0;
    double volume = 0;
    for (int64_t i = 0; i < hi; i++) {
        const double *b = e + i * m;
        bool whole = false;
        if (i < lo) {
            for (int64_t j = 0; j < stand && !whole; j++)
                whole = covers(l->stand + j * (m - 1), b, m - 1);
        } else {
            int64_t n = cut_to(l->stand, stand, -1, b, m - 1, l->cut);
            double more = product(b, m - 1) - volume_of(s, l->cut, n, m - 1);
            whole = n == 1 && covers(l->cut, b, m - 1);
            more = whole || more < 0 ? 0 : more * b[m - 1];
            if (part) part[i] = more;
            volume += more;
        }
        if (!whole) stand = row_in(l->stand, stand, b, m - 1);
    }
    return volume;
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
    return m == 4 ? volume4(s, e, n) : slices_of(s, e, 0, n, m, NULL);
}

/* ---- the doors: rows come in any order; the uppermost slices, or the shares, in parallel ---- */
typedef struct {
    const double *e; /* (n, m), in order */
    const cull__place *p;
    int64_t n;
    int m;
    double *part;
} work;

static cull_status sort_rows(cull_ctx *cx, const double *e, int64_t n, int m, work *w)
{
    cull__place *p, *room;
    double *sorted;
    CULL_TRY(CULL_TMP(cx, p, n));
    CULL_TRY(CULL_TMP(cx, room, n));
    CULL_TRY(CULL_TMP(cx, sorted, n * m));
    for (int64_t i = 0; i < n; i++) p[i] = (cull__place){-e[i * m + m - 1], i};
    cull__places_sort(p, room, n);
    for (int64_t i = 0; i < n; i++) memcpy(sorted + i * m, e + p[i].i * m, (size_t)m * sizeof *e);
    *w = (work){.e = sorted, .p = p, .n = n, .m = m};
    return CULL_OK;
}

static cull_status slices(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *w = arg;
    slicer s;
    (void)chunk;
    CULL_TRY(slicer_new(cx, hi, w->m, &s));
    slices_of(&s, w->e, lo, hi, w->m, w->part);
    return cull__tick(cx, (double)hi, (double)w->n);
}

cull_status cull__volume_sliced(cull_ctx *cx, const double *e, int64_t n, int m, double *volume)
{
    double total = 0;
    work w;
    *volume = 0;
    CULL_TRY(sort_rows(cx, e, n, m, &w));
    if (m == 4) {
        slicer s;
        CULL_TRY(slicer_new(cx, n, m, &s));
        *volume = volume_of(&s, w.e, n, m);
        return CULL_OK;
    }
    /* a chunk's rows before it come in again, which is little beside its own slices */
    CULL_TRY(CULL_TMP(cx, w.part, n));
    CULL_TRY(cull__for(cx, n, m == 5 ? 64 : 16, slices, &w));
    for (int64_t i = 0; i < n; i++) total += w.part[i];
    *volume = total;
    return CULL_OK;
}

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
        int64_t n = cut_to(w->e, w->n, i, b, w->m, cut);
        double more = product(b, w->m) - volume_of(&s, cut, n, w->m);
        w->part[w->p[i].i] = more > 0 ? more : 0;
    }
    return CULL_OK;
}

static cull_status shares3(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *w = arg;
    const box3 *box = (const box3 *)w->e;
    step *room;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, room, w->n + 1));
    for (int64_t i = lo; i < hi; i++) {
        box3 b = box[i];
        bool whole;
        double more = b.x * b.y * b.z - covered3(box, w->n, i, b, room, &whole);
        w->part[w->p[i].i] = whole || more < 0 ? 0 : more;
    }
    return cull__tick(cx, (double)hi, (double)w->n);
}

cull_status cull__volume_shares(cull_ctx *cx, const double *e, int64_t n, int m, double *each)
{
    work w;
    CULL_TRY(sort_rows(cx, e, n, m, &w));
    w.part = each;
    return m == 3 ? cull__for(cx, n, 32, shares3, &w) : cull__for(cx, n, 4, shares, &w);
}
