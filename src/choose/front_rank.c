/* front_rank.c - ranks of dominance by divide and conquer, O(n log^(m-1) n) (after Jensen 2003 and Buzdalov and Shalyto 2014);
 * what a sweep (front_sweep.c) or sets of bits (front_bits.c) are quicker for is left to them.
 *
 * Rows become small whole numbers: each objective's values are numbered in order, rows are numbered in lexicographic order, equal
 * rows once. Of two rows the later one alone may be dominated, and it is where the earlier one is nowhere larger in objectives
 * 1 .. m-1. A rank is 1 + the highest rank of those that dominate: the first half of the rows is ranked, raises the
 * second half, and then that is ranked. To raise is to divide again, by the objectives in turn, until two are left, which a
 * Fenwick tree of maxima sweeps. */
#include "choose/front.h"

#include <string.h>

enum { FEW = 24, FEW_PAIRS = 192 }; /* rows, pairs that are looked at one by one: measured */
enum { BITS = 20000 }; /* rows an objective up to which sets of bits are quicker: measured */

typedef struct {
    int m;
    const int32_t *key; /* (rows, m): its values' places; that of objective 0 is not read */
    int32_t *rank;
    int32_t *tree; /* 1 + the highest rank among places of the last objective; 0 = none */
    int32_t places;
    int32_t *room;
} sweep;

static const int32_t *row(const sweep *s, int32_t i) { return s->key + (int64_t)i * s->m; }

static void raise(const sweep *s, int32_t i, int32_t to)
{
    if (s->rank[i] < to) s->rank[i] = to;
}

static void look(const sweep *s, int32_t j, int32_t i)
{
    const int32_t *a = row(s, j), *b = row(s, i);
    if (s->rank[j] < s->rank[i]) return;
    for (int d = s->m - 1; d > 0; d--)
        if (a[d] > b[d]) return;
    s->rank[i] = s->rank[j] + 1;
}

static void tree_set(int32_t *tree, int32_t places, int32_t at, int32_t v)
{
    for (at++; at <= places && tree[at] < v; at += at & -at) tree[at] = v;
}

static int32_t tree_most(const int32_t *tree, int32_t at) /* of places 0 .. at */
{
    int32_t most = 0;
    for (at++; at > 0; at &= at - 1)
        if (tree[at] > most) most = tree[at];
    return most;
}

static void tree_clear(int32_t *tree, int32_t places, int32_t at)
{
    for (at++; at <= places && tree[at]; at += at & -at) tree[at] = 0;
}

/* The order that lists are kept in: by the last objective but one. */
static bool before(const sweep *s, int32_t a, int32_t b)
{
    int32_t x = row(s, a)[s->m - 2], y = row(s, b)[s->m - 2];
    return x < y || (x == y && a < b);
}

/* Those whose number (d = 0: their own, else their place in objective d) is at most `most` come first, otherwise in
 * the order that they had. How many they are. */
static int64_t split(const sweep *s, int32_t *list, int64_t n, int d, int32_t most)
{
    int64_t low = 0, high = 0;
    for (int64_t k = 0; k < n; k++) {
        int32_t i = list[k];
        if ((d ? row(s, i)[d] : i) <= most)
            list[low++] = i;
        else
            s->room[high++] = i;
    }
    memcpy(list + low, s->room, (size_t)high * sizeof *list);
    return low;
}

/* And back: two lists, one behind the other, become one. */
static void join(const sweep *s, int32_t *list, int64_t low, int64_t n)
{
    memcpy(s->room, list, (size_t)low * sizeof *list);
    int64_t a = 0, b = low, k = 0;
    while (a < low && b < n) list[k++] = before(s, list[b], s->room[a]) ? list[b++] : s->room[a++];
    memcpy(list + k, s->room + a, (size_t)(low - a) * sizeof *list);
}

static void raise_last_two(const sweep *s, const int32_t *a, int64_t na, const int32_t *b,
                           int64_t nb)
{
    int y = s->m - 2, z = s->m - 1;
    int64_t in = 0;
    for (int64_t k = 0; k < nb; k++) {
        const int32_t *r = row(s, b[k]);
        for (; in < na && row(s, a[in])[y] <= r[y]; in++)
            tree_set(s->tree, s->places, row(s, a[in])[z], s->rank[a[in]] + 1);
        raise(s, b[k], tree_most(s->tree, r[z]));
    }
    while (in-- > 0) tree_clear(s->tree, s->places, row(s, a[in])[z]);
}

/* Rows of b that rows of a dominate get a rank above theirs, which are final; a comes before b in all objectives below d. */
static void raise_by(const sweep *s, int32_t *a, int64_t na, int32_t *b, int64_t nb, int d)
{
    if (na == 0 || nb == 0) return;
    if (na * nb <= FEW_PAIRS) {
        for (int64_t i = 0; i < nb; i++)
            for (int64_t j = 0; j < na; j++) look(s, a[j], b[i]);
        return;
    }
    if (d == s->m - 2) {
        raise_last_two(s, a, na, b, nb);
        return;
    }
    int32_t a_lo = INT32_MAX, a_hi = 0, b_lo = INT32_MAX, b_hi = 0;
    for (int64_t k = 0; k < na; k++) {
        int32_t x = row(s, a[k])[d];
        if (x < a_lo) a_lo = x;
        if (x > a_hi) a_hi = x;
    }
    for (int64_t k = 0; k < nb; k++) {
        int32_t x = row(s, b[k])[d];
        if (x < b_lo) b_lo = x;
        if (x > b_hi) b_hi = x;
    }
    if (a_lo > b_hi) return;
    if (a_hi <= b_lo) {
        raise_by(s, a, na, b, nb, d + 1);
        return;
    }
    int32_t lo = a_lo < b_lo ? a_lo : b_lo, hi = a_hi > b_hi ? a_hi : b_hi,
            mid = lo + (hi - lo) / 2;
    int64_t la = split(s, a, na, d, mid), lb = split(s, b, nb, d, mid);
    raise_by(s, a, la, b, lb, d);
    raise_by(s, a + la, na - la, b + lb, nb - lb, d);
    raise_by(s, a, la, b + lb, nb - lb, d + 1);
    join(s, a, la, na);
    join(s, b, lb, nb);
}

/* Rows lo .. hi-1, which `list` holds in order; those before them have raised them already. */
static cull_status rank_rows(cull_ctx *cx, const sweep *s, int32_t *list, int32_t lo, int32_t hi)
{
    int32_t mid = lo + (hi - lo) / 2;
    if (hi - lo <= FEW) {
        for (int32_t i = lo + 1; i < hi; i++)
            for (int32_t j = lo; j < i; j++) look(s, j, i);
        return CULL_OK;
    }
    if (hi - lo > 4096) CULL_TRY(cull__tick(cx, 0, 0));
    split(s, list, hi - lo, 0, mid - 1);
    CULL_TRY(rank_rows(cx, s, list, lo, mid));
    raise_by(s, list, mid - lo, list + (mid - lo), hi - mid, 1);
    CULL_TRY(rank_rows(cx, s, list + (mid - lo), mid, hi));
    join(s, list, mid - lo, hi - lo);
    return CULL_OK;
}

/* key (n, m): rows in lexicographic order, as places; order: whose each is. */
static cull_status number(cull_ctx *cx, const double *v, int m, cull__place *p, cull__place *room,
                          int64_t n, int32_t *key, int64_t *order, int32_t *places)
{
    int64_t *who;
    int32_t *place; /* (m, n) */
    if (n > INT64_MAX / 64 / m) return cull__fail(cx, CULL_ENOMEM, "a front of too many numbers");
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, who, n));
    CULL_TRY(CULL_TMP(cx, place, n * m));
    for (int64_t k = 0; k < n; k++) who[k] = p[k].i, p[k].i = k;
    /* the sort is stable, so objective 0 counts most in the end */
    for (int d = m - 1; d >= 0; d--) {
        for (int64_t k = 0; k < n; k++) p[k].v = v[who[p[k].i] * m + d];
        cull__places_sort(p, room, n);
        int32_t at = 0;
        for (int64_t k = 0; k < n; k++) {
            if (k && p[k].v != p[k - 1].v) at++;
            place[d * n + p[k].i] = at;
        }
        if (d == m - 1) *places = at + 1;
    }
    for (int64_t k = 0; k < n; k++) {
        for (int d = 0; d < m; d++) key[k * m + d] = place[d * n + p[k].i];
        order[k] = who[p[k].i];
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* Equal rows become one: same[k] = the number of row k; how many there are. */
static int32_t merge_equal(int32_t *key, int m, int64_t n, int32_t *same)
{
    int32_t rows = 0;
    for (int64_t k = 0; k < n; k++) {
        const int32_t *at = key + k * m;
        if (rows == 0 || memcmp(at, key + (int64_t)(rows - 1) * m, (size_t)m * sizeof *at) != 0)
            memmove(key + (int64_t)rows++ * m, at, (size_t)m * sizeof *at);
        same[k] = rows - 1;
    }
    return rows;
}

/* The list of all rows by the last objective but one: a counting sort of their places. */
static cull_status list_rows(cull_ctx *cx, const sweep *s, int32_t rows, int32_t **out)
{
    int32_t *from, *list;
    CULL_TRY(CULL_TMP0(cx, from, (int64_t)rows + 1));
    CULL_TRY(CULL_TMP(cx, list, rows));
    for (int32_t i = 0; i < rows; i++) from[row(s, i)[s->m - 2] + 1]++;
    for (int32_t i = 0; i < rows; i++) from[i + 1] += from[i];
    for (int32_t i = 0; i < rows; i++) list[from[row(s, i)[s->m - 2]]++] = i;
    *out = list;
    return CULL_OK;
}

static cull_status rank_distinct(cull_ctx *cx, sweep *s, int32_t rows)
{
    if (s->m == 1) { /* they are in order */
        for (int32_t i = 0; i < rows; i++) s->rank[i] = i;
        return CULL_OK;
    }
    if (s->m > 3 && rows <= BITS * s->m) return cull__front_bits(cx, s->key, s->m, rows, s->rank);
    int32_t *list;
    CULL_TRY(CULL_TMP0(cx, s->tree, (int64_t)s->places + 1));
    CULL_TRY(CULL_TMP(cx, s->room, rows));
    CULL_TRY(list_rows(cx, s, rows, &list));
    return rank_rows(cx, s, list, 0, rows);
}

static cull_status chains(cull_ctx *cx, const double *v, int m, cull__place *p, cull__place *room,
                          int64_t n, int32_t base, int32_t *rank, int32_t *next)
{
    int32_t *key, *same;
    int64_t *order;
    sweep s = {.m = m};
    CULL_TRY(CULL_TMP(cx, key, n * m));
    CULL_TRY(CULL_TMP(cx, same, n));
    CULL_TRY(CULL_TMP(cx, order, n));
    CULL_TRY(number(cx, v, m, p, room, n, key, order, &s.places));
    int32_t rows = merge_equal(key, m, n, same);
    s.key = key;
    CULL_TRY(CULL_TMP0(cx, s.rank, rows));
    CULL_TRY(rank_distinct(cx, &s, rows));
    *next = base;
    for (int64_t k = 0; k < n; k++) {
        int32_t r = base + s.rank[same[k]];
        rank[order[k]] = r;
        if (r >= *next) *next = r + 1;
    }
    return CULL_OK;
}

cull_status cull__front_chains(cull_ctx *cx, const double *v, int m, cull__place *p,
                               cull__place *room, int64_t n, int32_t base, int32_t *rank,
                               int32_t *next)
{
    if (n <= 1) { /* a value of its own of the violation: common, and quick */
        if (n == 1) rank[p->i] = base;
        *next = base + (int32_t)n;
        return CULL_OK;
    }
    cull__mark_t mark = cull__mark(cx);
    bool done = false;
    cull_status s = CULL_OK;
    if (m == 2 || m == 3) s = cull__front_sweep(cx, v, m, p, room, n, base, rank, next, &done);
    cull__release(cx, mark);
    if (s != CULL_OK || done) return s;
    s = chains(cx, v, m, p, room, n, base, rank, next);
    cull__release(cx, mark);
    return s;
}
