/* volume.c - what a front covers, exactly: the door, and two and three objectives in O(n log n) (cull/front.h).
 *
 * A row below the reference is a box [0, e] of its depths e = ref - v, and boxes are taken from the deepest in the last
 * objective on. What a box adds in the other objectives it adds down to the reference, so the volume is the sum of
 * (what is new) times (depth): of three objectives (Beume et al. 2009) the new area lies above a staircase. */
#include "choose/volume.h"

#include <math.h>
#include <string.h>

#include "cull/front.h"

/* ---- a set of 0 .. n-1 with neighbours: a tree of words of 64 bits ---- */
enum { LEVELS = 6 }; /* 64^6 > 2^31 */
typedef struct {
    uint64_t *word[LEVELS];
    int levels;
} places;

static cull_status places_new(cull_ctx *cx, int64_t n, places *s)
{
    s->levels = 0;
    do {
        n = (n + 63) / 64;
        CULL_TRY(CULL_TMP0(cx, s->word[s->levels], n));
        s->levels++;
    } while (n > 1);
    return CULL_OK;
}

static void places_add(places *s, int64_t i)
{
    for (int l = 0; l < s->levels; l++, i /= 64) s->word[l][i / 64] |= UINT64_C(1) << (i % 64);
}

static void places_drop(places *s, int64_t i)
{
    for (int l = 0; l < s->levels; l++, i /= 64)
        if (s->word[l][i / 64] &= ~(UINT64_C(1) << (i % 64))) return;
}

/* The first of the set after i, or the last before it; -1 = none. */
static int64_t places_after(const places *s, int64_t i)
{
    for (int l = 0; l < s->levels; l++, i /= 64) {
        uint64_t w = s->word[l][i / 64] & ~(~UINT64_C(0) >> (63 - i % 64));
        if (!w) continue;
        i = i / 64 * 64 + __builtin_ctzll(w);
        while (l-- > 0) i = i * 64 + __builtin_ctzll(s->word[l][i]);
        return i;
    }
    return -1;
}

static int64_t places_before(const places *s, int64_t i)
{
    for (int l = 0; l < s->levels; l++, i /= 64) {
        uint64_t w = s->word[l][i / 64] & ((UINT64_C(1) << (i % 64)) - 1);
        if (!w) continue;
        i = i / 64 * 64 + 63 - __builtin_clzll(w);
        while (l-- > 0) i = i * 64 + 63 - __builtin_clzll(s->word[l][i]);
        return i;
    }
    return -1;
}

/* ---- three objectives ---- */
typedef struct {
    const double *x, *y; /* by place: x falls */
    places steps;        /* the staircase: x falls, y grows */
} stairs;

/* The area that (x, y) of place i adds; it becomes a step. */
static double step_in(stairs *s, int64_t i)
{
    double x = s->x[i], y = s->y[i], level = 0, more = 0;
    int64_t left = places_before(&s->steps, i), k = places_after(&s->steps, i);
    if (left >= 0) level = s->y[left];
    if (level >= y) return 0;
    for (; k >= 0 && s->y[k] <= y; k = places_after(&s->steps, k)) {
        more += (x - s->x[k]) * (s->y[k] - level);
        level = s->y[k];
        places_drop(&s->steps, k);
    }
    more += (x - (k >= 0 ? s->x[k] : 0)) * (y - level);
    places_add(&s->steps, i);
    return more;
}

/* order: rows by objective d of e (n, m), the deepest first; equal ones as they stand. */
static void deepest_first(const double *e, int64_t n, int m, int d, cull__place *p,
                          cull__place *room)
{
    for (int64_t i = 0; i < n; i++) p[i] = (cull__place){-e[i * m + d], i};
    cull__places_sort(p, room, n);
}

cull_status cull__volume3(cull_ctx *cx, const double *e, int64_t n, double *volume)
{
    cull__place *p, *room;
    int64_t *at;
    double *x, *y, total = 0;
    stairs s;
    *volume = 0;
    if (n == 0) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, p, n));
    CULL_TRY(CULL_TMP(cx, room, n));
    CULL_TRY(CULL_TMP(cx, at, n));
    CULL_TRY(CULL_TMP(cx, x, n));
    CULL_TRY(CULL_TMP(cx, y, n));
    CULL_TRY(places_new(cx, n, &s.steps));
    deepest_first(e, n, 3, 0, p, room);
    for (int64_t k = 0; k < n; k++) {
        at[p[k].i] = k;
        x[k] = e[p[k].i * 3];
        y[k] = e[p[k].i * 3 + 1];
    }
    s.x = x;
    s.y = y;
    deepest_first(e, n, 3, 2, p, room);
    for (int64_t k = 0; k < n; k++) {
        if (k % 65536 == 0) CULL_TRY(cull__tick(cx, (double)k, (double)n));
        total += step_in(&s, at[p[k].i]) * -p[k].v;
    }
    *volume = total;
    return CULL_OK;
}

/* ---- two objectives ---- */
/* By objective 0, then 1, the deepest first. */
static void order2(const double *e, int64_t n, cull__place *p, cull__place *room)
{
    deepest_first(e, n, 2, 1, p, room);
    for (int64_t k = 0; k < n; k++) p[k].v = -e[p[k].i * 2];
    cull__places_sort(p, room, n);
}

/* Front row k of p loses what lies right of the next front row and above the last one (`level`), but for what rows behind it
 * cover there: those stand between it and the next one. */
static double lost2(const double *e, const cull__place *p, int64_t n, int64_t k, double level)
{
    const double *a = e + p[k].i * 2;
    int64_t next = k + 1;
    while (next < n && e[p[next].i * 2 + 1] <= a[1]) next++;
    double edge = next < n ? e[p[next].i * 2] : 0, lost = (a[0] - edge) * (a[1] - level);
    for (int64_t j = k + 1; j < next; j++) {
        const double *b = e + p[j].i * 2;
        if (b[1] <= level) continue;
        lost -= (b[0] - edge) * (b[1] - level);
        level = b[1];
    }
    return lost > 0 ? lost : 0;
}

static cull_status volume2(cull_ctx *cx, const double *e, int64_t n, double *volume, double *each)
{
    cull__place *p, *room;
    double level = 0, total = 0;
    CULL_TRY(CULL_TMP(cx, p, n));
    CULL_TRY(CULL_TMP(cx, room, n));
    order2(e, n, p, room);
    for (int64_t k = 0; k < n; k++) {
        const double *a = e + p[k].i * 2;
        if (each) each[p[k].i] = 0;
        if (a[1] <= level) continue;
        if (each) each[p[k].i] = lost2(e, p, n, k, level);
        total += a[0] * (a[1] - level);
        level = a[1];
    }
    *volume = total;
    return CULL_OK;
}

/* The longest of intervals; it alone is missed, and only down to the second. */
static void volume1(const double *e, int64_t n, double *volume, double *each)
{
    double best = 0, second = 0;
    int64_t who = -1;
    for (int64_t i = 0; i < n; i++) {
        if (each) each[i] = 0;
        if (e[i] > best) {
            second = best;
            best = e[i];
            who = i;
        } else if (e[i] > second) {
            second = e[i];
        }
    }
    *volume = best;
    if (each && who >= 0) each[who] = best - second;
}

/* ---- the door ---- */
cull_status cull__front_depths(cull_ctx *cx, const double *v, int64_t n, int m, const double *ref,
                               double **e, int64_t **who, int64_t *count)
{
    double *out;
    int64_t *idx;
    *count = 0;
    CULL_TRY(cull__front_fits(cx, n, m));
    for (int d = 0; d < m; d++)
        if (!isfinite(ref[d]))
            return cull__fail(cx, CULL_EINPUT,
                              "objective %d of the reference point is %g; it must be finite", d,
                              ref[d]);
    CULL_TRY(CULL_TMP(cx, out, n * m));
    CULL_TRY(CULL_TMP(cx, idx, n));
    for (int64_t i = 0; i < n; i++) {
        const double *row = v + i * m;
        double *to = out + *count * m;
        bool below = true;
        for (int d = 0; d < m && below; d++) below = row[d] < ref[d];
        if (!below) continue;
        for (int d = 0; d < m; d++) {
            to[d] = ref[d] - row[d];
            if (isinf(to[d]))
                return cull__fail(cx, CULL_EINPUT,
                                  "row %lld, objective %d is %g: it covers no finite volume",
                                  (long long)i, d, row[d]);
        }
        idx[(*count)++] = i;
    }
    *e = out;
    *who = idx;
    return CULL_OK;
}

static cull_status measure(cull_ctx *cx, const double *e, int64_t n, int m, double *volume,
                           double *each)
{
    if (m == 1) {
        volume1(e, n, volume, each);
        return CULL_OK;
    }
    if (m == 2) return volume2(cx, e, n, volume, each);
    cull__mark_t mark = cull__mark(cx);
    cull_status s =
        m == 3 ? cull__volume3(cx, e, n, volume) : cull__volume_sliced(cx, e, n, m, volume);
    cull__release(cx, mark);
    if (s == CULL_OK && each) s = cull__volume_shares(cx, e, n, m, each);
    return s;
}

static cull_status front_volume(cull_ctx *cx, const double *v, int64_t n, int m, const double *ref,
                                double *volume, double *each)
{
    double *e, *share = NULL;
    int64_t *who, count;
    CULL_TRY(cull__front_depths(cx, v, n, m, ref, &e, &who, &count));
    if (each) CULL_TRY(CULL_TMP(cx, share, count));
    CULL_TRY(measure(cx, e, count, m, volume, share));
    if (!isfinite(*volume))
        return cull__fail(cx, CULL_EINPUT,
                          "the volume within the reference point is beyond all "
                          "numbers; scale the objectives");
    for (int64_t i = 0; each && i < n; i++) each[i] = 0;
    for (int64_t k = 0; each && k < count; k++) each[who[k]] = share[k];
    return CULL_OK;
}

cull_status cull_front_volume(cull_ctx *cx, const double *v, int64_t n, int m, const double *ref,
                              double *volume, double *each)
{
    *volume = 0;
    if (m > CULL__VOLUME_DEEP)
        return cull__fail(cx, CULL_EINPUT,
                          "the volume of a front of %d objectives; exact ones have up to %d, "
                          "cull_front_volume_drawn estimates more",
                          m, CULL__VOLUME_DEEP);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = front_volume(cx, v, n, m, ref, volume, each);
    cull__release(cx, mark);
    return s;
}
