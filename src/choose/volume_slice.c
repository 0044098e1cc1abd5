/* volume_slice.c - volumes of four and more objectives, and what each box adds to a union (volume.h).
 *
 * Boxes are taken from the deepest in the last objective on, and each adds (its depth) times (what it alone covers in the
 * others, among those before it): the volume of its own box less that of the others cut to it, which is the same
 * problem with an objective less and, as most that is cut is covered by something else, with few boxes (While et al. 2012). It ends
 * at four objectives, where what is left is a staircase swept along the third (Guerreiro and Fonseca 2018), O(n^2). */
#include <string.h>

#include "choose/volume.h"

enum { MANY_ROWS = 16 }; /* from so many on a look ahead pays: measured */

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

/* How many of boxes s (n), the deepest in z first, are deeper than z, or at least as deep where `or_equal`. */
static int64_t deep(const box3 *s, int64_t n, double z, bool or_equal)
{
    int64_t lo = 0;
    for (int64_t half; n > 0; n = half) {
        half = n / 2;
        bool right = s[lo + half].z > z || (or_equal && s[lo + half].z == z);
        lo += right ? n - half : 0;
    }
    return lo;
}

/* The area of b that boxes s (n), all of them as deep as b, cover: they become steps of t. It ends at *level where they
 * are as wide as b and at *edge where they are as high. */
static double covered2(const box3 *s, int64_t n, box3 b, stairs *t, double *level, double *edge)
{
    double low = 0, near = 0;
    for (int64_t i = 0; i < n; i++) {
        double y = s[i].x >= b.x ? s[i].y : 0, x = s[i].y >= b.y ? s[i].x : 0;
        low = y > low ? y : low;
        near = x > near ? x : near;
    }
    *level = low, *edge = near;
    if (low >= b.y) return b.x * b.y;
    if (low > 0) t->step[t->n++] = (step){b.x, low};
    if (near > 0) t->step[t->n++] = (step){near, b.y};
    double area = b.x * low + near * (b.y - low);
    for (int64_t i = 0; i < n; i++)
        if ((s[i].x > near) & (s[i].y > low)) area += step_in(t, s[i].x, s[i].y);
    return area;
}

/* The volume of b that boxes s (n), the deepest in z first, cover. *whole: one of them covers all of it. */
static double covered3(const box3 *s, int64_t n, box3 b, step *room, bool *whole)
{
    stairs t = {.step = room};
    double level, edge;
    int64_t i = deep(s, n, b.z, true);
    double volume = covered2(s, i, b, &t, &level, &edge) * b.z;
    *whole = level >= b.y;
    for (; i < n && level < b.y; i++) {
        if ((s[i].x <= edge) | (s[i].y <= level)) continue;
        double x = least(s[i].x, b.x), y = least(s[i].y, b.y);
        volume += step_in(&t, x, y) * s[i].z;
        if (x == b.x) level = y;
        if (y == b.y) edge = x;
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
    int64_t at = deep(s, n, b.z, false), kept = at;
    while (kept < n && ((s[kept].x > b.x) | (s[kept].y > b.y))) kept++;
    for (int64_t i = kept, to; i < n; i = to) {
        while (i < n && (s[i].x <= b.x) & (s[i].y <= b.y)) i++;
        for (to = i; to < n && ((s[to].x > b.x) | (s[to].y > b.y)); to++) {}
        memmove(s + kept, s + i, (size_t)(to - i) * sizeof *s);
        kept += to - i;
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
        double more = b.x * b.y * b.z - covered3(s->box, boxes, b, s->step, &whole);
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
    int64_t at = n, kept;
    while (at > 0 && s[at * d - 1] <= b[d - 1]) at--;
    for (kept = at; kept < n && !covers(b, s + kept * d, d - 1); kept++) {}
    for (int64_t i = kept + 1; i < n; i++)
        if (!covers(b, s + i * d, d - 1)) memcpy(s + kept++ * d, s + i * d, (size_t)d * sizeof *s);
    memmove(s + (at + 1) * d, s + at * d, (size_t)((kept - at) * d) * sizeof *s);
    memcpy(s + at * d, b, (size_t)d * sizeof *s);
    return kept + 1;
}

/* Which of the first d numbers of a are less than those of b, as bits. */
static inline unsigned short_of(const double *a, const double *b, int d)
{
    unsigned bits = 0;
    for (int k = 0; k < d; k++) bits |= (unsigned)(a[k] < b[k]) << k;
    return bits;
}

/* a is longer than edge in each of the first d. */
static inline bool beyond(const double *a, const double *edge, int d)
{
    bool c = a[0] > edge[0];
    for (int k = 1; k < d; k++) c &= a[k] > edge[k];
    return c;
}

/* The row behind rows cut (n), which is no deeper, joins them unless one covers it; those that it covers leave. less: it is less
 * deep than the box that they are cut to, so that none is looked for. *hint: the row that covered the last one often does again.
 * How many there are. */
static inline int64_t join_d(double *cut, int64_t n, int d, bool less, int64_t *hint)
{
    const double *c = cut + n * d;
    if (n == 0) return 1;
    if (covers(cut + *hint * d, c, d - 1)) return n;
    for (int64_t j = 0; j < n; j++)
        if (covers(cut + j * d, c, d - 1)) {
            *hint = j;
            return n;
        }
    if (less) return n + 1;
    double last[CULL__VOLUME_DEEP];
    int64_t kept = 0;
    memcpy(last, c, (size_t)d * sizeof *c);
    for (int64_t j = 0; j < n; j++) {
        const double *a = cut + j * d;
        if (covers(last, a, d - 1)) continue;
        if (kept < j) memcpy(cut + kept * d, a, (size_t)d * sizeof *c);
        kept++;
    }
    memcpy(cut + kept * d, last, (size_t)d * sizeof *c);
    *hint = 0;
    return kept + 1;
}

/* Of rows s (n) in order that are as deep as b and short of it in one number alone, the longest in each: edge (d - 1), 0 = there
 * is none. */
static inline void edges_d(const double *s, int64_t n, int64_t but, const double *b, int d,
                           double *edge)
{
    for (int64_t i = 0; i < n && s[i * d + d - 1] >= b[d - 1]; i++) {
        const double *a = s + i * d;
        unsigned bits = short_of(a, b, d - 1);
        if (!bits || (bits & (bits - 1)) || i == but) continue;
        int k = __builtin_ctz(bits);
        edge[k] = a[k] > edge[k] ? a[k] : edge[k];
    }
}

/* Rows s (n) in order, cut to b: those that no other covers, in order. One that is all of b is left alone. Row `but`
 * does not count. Rows that are short in one number alone cover most of the others, so these come first. */
static inline int64_t cut_to_d(const double *s, int64_t n, int64_t but, const double *b, int d,
                               double *cut)
{
    double edge[CULL__VOLUME_DEEP] = {0};
    int64_t kept = 0, hint = 0;
    if (n >= MANY_ROWS) edges_d(s, n, but, b, d, edge);
    for (int k = 0; k < d - 1; k++) {
        if (edge[k] == 0) continue;
        memcpy(cut + kept * d, b, (size_t)d * sizeof *b);
        cut[kept++ * d + k] = edge[k];
    }
    for (int64_t i = 0; i < n; i++) {
        const double *a = s + i * d;
        if (i == but || !beyond(a, edge, d - 1)) continue;
        for (int k = 0; k < d; k++) cut[kept * d + k] = least(a[k], b[k]);
        unsigned bits = short_of(a, b, d);
        if (!bits) {
            memcpy(cut, b, (size_t)d * sizeof *b);
            return 1;
        }
        kept = join_d(cut, kept, d, bits >> (d - 1), &hint);
        if (bits == 1U << (d - 1)) break; /* it covers all that is less deep */
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
    box3 *others; /* all but box i */
    step *room;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, room, w->n + 1));
    CULL_TRY(CULL_TMP(cx, others, w->n));
    memcpy(others, box, (size_t)lo * sizeof *box);
    memcpy(others + lo, box + lo + 1, (size_t)(w->n - lo - 1) * sizeof *box);
    for (int64_t i = lo; i < hi; i++) {
        box3 b = box[i];
        bool whole;
        double more = b.x * b.y * b.z - covered3(others, w->n - 1, b, room, &whole);
        w->part[w->p[i].i] = whole || more < 0 ? 0 : more;
        others[i] = b;
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
