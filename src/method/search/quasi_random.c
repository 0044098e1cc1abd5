/* quasi-random - points that fill the space evenly: Halton's sequence, scrambled (Matousek 1998)
 *
 * Chooses   designs of a space, whatever their values; a better baseline than random draws.
 * Idea      The digits of the point's index in base p, mirrored at the point, are a number of 0..1;
 *           the j-th number of a design has the j-th prime. Any p^k points in a row have one in
 *           each of p^k equal parts, so reals are spread evenly and categories come equally often,
 *           up to one for each digit. Every digit is scrambled by a line mod p that the seed draws,
 *           which breaks up the stripes of large primes. Alternatives of an `or` share their
 *           primes, of which only one is ever used.
 * Reads     which points were asked.
 * Deviates  (a) The scrambling is linear, digit by digit (Matousek's), not by any permutation. (b)
 *           A permutation is the order of n numbers, a subset the largest of n, a simplex n
 *           logarithms brought to sum 1: each uniform. (c) Where constraints leave a point out, the
 *           next one comes. (d) Numbers past the 1000th are drawn at random.
 * Cost      O(width log index) time; 100 bytes for each number of a design.
 * Example   cull search space.cull --method quasi-random --minimize error -- ./train {lr}
 */
#include "base/base.h"
#include "cull/search.h"
#include "search/parts.h"

#include <math.h>
#include <string.h>

typedef struct {
    int64_t skip;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, skip, 0, 0, 1e12, "points of the sequence to leave out at its beginning"),
    CULL_OPT_END};

enum { DIMS = 1000, DIGITS = 64 };
typedef struct {
    uint32_t p;
    int digits;      /* p^digits is past 2^53 */
    uint16_t *times; /* digits: digit d becomes (times * d + plus) mod p */
    uint16_t *plus;
    double *rest; /* digits + 1: what the zeros from digit k on become */
} axis;
typedef struct {
    const cull_space *space;
    cull__sequence walk;
    int dims;
    int64_t *dim; /* params: the first axis of each */
    axis *axis;   /* dims */
    uint16_t *lines;
    double *rests;
    double *unit;  /* most numbers of a parameter, and one */
    int64_t *item; /* as many */
    uint64_t seed;
    bool scrambled; /* axes are of `seed` */
    int64_t index;  /* of the point that is being made */
} sequence;

/* How many axes a parameter has: a subset one for its size besides. */
static int64_t numbers(const cull_space_param *p)
{
    return p->width + (p->kind == CULL_SPACE_SUBSET);
}

/* Alternatives of an `or` begin at the same axis; what comes after it begins past the longest. */
static int64_t share_out(const cull_space *s, int64_t *dim, int64_t *end)
{
    int n = cull_space_params(s);
    int64_t top = 0;
    for (int i = 0; i < n; i++) {
        const cull_space_param *p = cull_space_at(s, i);
        int w = p->within;
        dim[i] = w < 0 ? top : end[w];
        if (w >= 0 && cull_space_at(s, w)->role == CULL_SPACE_OR) {
            int before = i - 1; /* the last of the same alternative, with what lies in it */
            while (before > w && cull_space_at(s, before)->within != w)
                before = cull_space_at(s, before)->within;
            bool same = before > w && cull_space_at(s, before)->from == p->from;
            dim[i] = same ? end[before] : dim[w] + numbers(cull_space_at(s, w));
        }
        end[i] = dim[i] + numbers(p);
        for (int up = w, last = i; up >= 0; last = up, up = cull_space_at(s, up)->within)
            if (end[last] > end[up]) end[up] = end[last];
        int root = i;
        while (cull_space_at(s, root)->within >= 0) root = cull_space_at(s, root)->within;
        if (end[root] > top) top = end[root];
    }
    return top;
}

static uint32_t prime_after(uint32_t p)
{
    for (p = p < 2 ? 2 : p + 1;; p++) {
        uint32_t d = 2;
        while (d * d <= p && p % d) d++;
        if (d * d > p) return p;
    }
}

static int digits_of(uint32_t p)
{
    int k = 0;
    for (double v = 1; v < 0x1p53; v *= p) k++;
    return k;
}

static void close_(void *state)
{
    sequence *q = state;
    if (!q) return;
    cull__free(q->dim);
    cull__free(q->axis);
    cull__free(q->lines);
    cull__free(q->rests);
    cull__free(q->unit);
    cull__free(q->item);
    cull__free(q->walk.x);
    cull__free(q);
}

static cull_status axes(cull_ctx *cx, sequence *q)
{
    int64_t digits = 0;
    uint32_t p = 0;
    CULL_TRY(CULL_ALLOC(cx, q->axis, q->dims + 1));
    for (int j = 0; j < q->dims; j++) {
        p = prime_after(p);
        q->axis[j].p = p, q->axis[j].digits = digits_of(p);
        digits += q->axis[j].digits;
    }
    CULL_TRY(CULL_ALLOC(cx, q->lines, 2 * digits + 1));
    CULL_TRY(CULL_ALLOC(cx, q->rests, digits + q->dims + 1));
    uint16_t *line = q->lines;
    double *rest = q->rests;
    for (int j = 0; j < q->dims; j++) {
        axis *a = &q->axis[j];
        a->times = line, a->plus = line + a->digits, line += 2 * a->digits;
        a->rest = rest, rest += a->digits + 1;
    }
    return CULL_OK;
}

/* Lines of every digit of every axis, by the seed. */
static void scramble(sequence *q, uint64_t seed)
{
    for (int j = 0; j < q->dims; j++) {
        axis *a = &q->axis[j];
        cull_rng r = cull__rng_seeded(seed, (uint64_t)1 << 62 | (uint64_t)j);
        double place[DIGITS + 1] = {1};
        for (int k = 0; k < a->digits; k++) {
            a->times[k] = (uint16_t)(1 + cull__rng_below(&r, a->p - 1));
            a->plus[k] = (uint16_t)cull__rng_below(&r, a->p);
            place[k + 1] = place[k] / a->p;
        }
        a->rest[a->digits] = place[a->digits] * cull__rng_unit(&r);
        for (int k = a->digits - 1; k >= 0; k--)
            a->rest[k] = a->rest[k + 1] + a->plus[k] * place[k + 1];
    }
    q->seed = seed, q->scrambled = true;
}

static double number(const axis *a, int64_t index)
{
    double v = 0, place = 1;
    int k = 0;
    for (; index > 0 && k < a->digits; k++, index /= a->p) {
        place /= a->p;
        v += (double)((a->times[k] * (uint64_t)(index % a->p) + a->plus[k]) % a->p) * place;
    }
    v += a->rest[k];
    return v < 1 ? v : 1 - 0x1p-53;
}

/* ---- parameters of several numbers ---- */
static void order(const double *unit, int64_t n, int64_t *item)
{
    for (int64_t i = 0; i < n; i++) { /* by insertion: n is the width of one parameter */
        int64_t j = i;
        for (; j > 0 && unit[item[j - 1]] < unit[i]; j--) item[j] = item[j - 1];
        item[j] = i;
    }
}

/* A size by its share of all subsets, then the items of the largest numbers. */
static void subset(const cull_space_param *p, const double *unit, int64_t *item, double *v)
{
    double most = -INFINITY, all = 0, below = 0;
    for (int64_t k = p->least; k <= p->most; k++)
        most = fmax(most, -lgamma((double)k + 1) - lgamma((double)(p->n - k) + 1));
    for (int64_t k = p->least; k <= p->most; k++)
        all += exp(-lgamma((double)k + 1) - lgamma((double)(p->n - k) + 1) - most);
    int64_t size = p->least;
    for (; size < p->most; size++) {
        below += exp(-lgamma((double)size + 1) - lgamma((double)(p->n - size) + 1) - most);
        if (unit[p->n] * all < below) break;
    }
    order(unit, p->n, item);
    for (int64_t i = 0; i < p->n; i++) v[item[i]] = i < size;
}

static void simplex(const cull_space_param *p, const double *unit, double *v)
{
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++) sum += v[i] = -log1p(-unit[i]);
    for (int64_t i = 0; i < p->n; i++) v[i] = sum > 0 ? v[i] / sum : 1 / (double)p->n;
}

static void fill(void *user, const cull_space *s, int i, const double *x, double *v)
{
    (void)x;
    sequence *q = user;
    const cull_space_param *p = cull_space_at(s, i);
    int64_t n = numbers(p), from = q->dim[i];
    if (from + n > q->dims) return; /* drawn */
    for (int64_t j = 0; j < n; j++) q->unit[j] = number(&q->axis[from + j], q->index);
    switch (p->kind) {
    case CULL_SPACE_SUBSET: subset(p, q->unit, q->item, v); break;
    case CULL_SPACE_SIMPLEX: simplex(p, q->unit, v); break;
    case CULL_SPACE_PERMUTATION:
        order(q->unit, p->n, q->item);
        for (int64_t j = 0; j < p->n; j++) v[j] = (double)q->item[j];
        break;
    default: *v = cull__space_by_chance(p, q->unit[0]);
    }
}

static cull_status at(cull_ctx *cx, void *user, const cull_search_view *v, int64_t index, double *x,
                      bool *there)
{
    (void)cx;
    sequence *q = user;
    if (!q->scrambled || q->seed != v->seed) scramble(q, v->seed);
    q->index = index;
    cull_rng r = cull__event_rng(v, 2, index);
    *there = cull__space_make(q->space, fill, q, &r, x);
    return CULL_OK;
}

static cull_status make(cull_ctx *cx, const cull_space *s, sequence *q)
{
    int n = cull_space_params(s);
    int64_t most = 1, *end;
    for (int i = 0; i < n; i++)
        if (numbers(cull_space_at(s, i)) > most) most = numbers(cull_space_at(s, i));
    CULL_TRY(CULL_ALLOC(cx, q->walk.x, cull_space_width(s)));
    CULL_TRY(CULL_ALLOC(cx, q->unit, most));
    CULL_TRY(CULL_ALLOC(cx, q->item, most));
    CULL_TRY(CULL_ALLOC(cx, q->dim, n + 1));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, end, n + 1));
    int64_t dims = share_out(s, q->dim, end);
    cull__release(cx, mark);
    q->dims = (int)(dims < DIMS ? dims : DIMS);
    return axes(cx, q);
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    sequence *q;
    CULL_TRY(CULL_ALLOC(cx, q, 1));
    cull_status s = make(cx, p->space, q);
    if (s != CULL_OK) {
        close_(q);
        return s;
    }
    q->space = p->space;
    q->walk.at = at, q->walk.user = q;
    q->walk.next = ((const opts *)o)->skip, q->walk.end = INT64_MAX, q->walk.endless = true;
    q->walk.number = -1;
    *state = q;
    return CULL_OK;
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    return cull__sequence_ask(cx, &((sequence *)state)->walk, v, attempt, x);
}

static cull_status asked(cull_ctx *cx, void *state, const cull_search_view *v, int64_t n)
{
    return cull__sequence_asked(cx, &((sequence *)state)->walk, v, n);
}

static const cull_search_fns fns = {.open = open_, .close = close_, .ask = ask, .asked = asked};

const cull_method cull__method_quasi_random = {
    .slug = "quasi-random",
    .title = "points that fill the space evenly",
    .paper = "",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_BASELINE | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
