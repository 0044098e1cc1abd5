/* move.c - points made from points: mutation and crossover. */
#include "space/inner.h"

#include <math.h>
#include <string.h>

enum { TRIES = 1000 };

static bool has(const cull_space_param *p, const double *x) { return !isnan(x[p->at]); }

static void copy(const cull_space_param *p, const double *from, double *to)
{
    if (p->width == 1)
        to[p->at] = from[p->at];
    else
        memcpy(to + p->at, from + p->at, (size_t)p->width * sizeof *to);
}

/* ---- one value ---- */

static bool can_change(const cull_space_param *p)
{
    switch (p->kind) {
    case CULL_SPACE_REAL: return p->lo < p->hi;
    case CULL_SPACE_SUBSET: return p->least < p->most || (p->least > 0 && p->least < p->n);
    default: return p->n > 1;
    }
}

static double reflect(double u)
{
    u = fabs(fmod(u, 2));
    return u > 1 ? 2 - u : u;
}

/* Another value than k, by the weights of the others. */
static int64_t other_by_weight(const cull_space_param *p, int64_t k, cull_rng *r)
{
    int64_t last = k == p->n - 1 ? k - 1 : p->n - 1;
    double all = 0, upto = 0;
    for (int64_t i = 0; i < p->n; i++) all += i == k ? 0 : p->weight[i];
    double u = cull__rng_unit(r) * all;
    for (int64_t i = 0; i < last; i++)
        if (i != k && u < (upto += p->weight[i])) return i;
    return last;
}

static void change_discrete(const cull_space_param *p, bool near, cull_rng *r, double *v)
{
    int64_t k = cull__rank_of(p, v[0]), other;
    if (near && p->kind != CULL_SPACE_CATEGORY && cull__rng_below(r, 2)) {
        other = cull__rng_below(r, 2) ? k + 1 : k - 1;
        if (other < 0 || other >= p->n) other = 2 * k - other;
    } else if (p->weight) {
        other = other_by_weight(p, k, r);
    } else {
        other = cull__rng_below(r, p->n - 1);
        other += other >= k;
    }
    v[0] = cull__value_at(p, other);
}

/* The place of the k-th item that is (what = 1) or is not (0) in the subset. */
static int64_t nth(const double *v, double what, int64_t k)
{
    int64_t j = 0;
    for (;; j++)
        if (v[j] == what && k-- == 0) return j;
}

static void change_subset(const cull_space_param *p, cull_rng *r, double *v)
{
    enum { EXCHANGE, GROW, SHRINK };
    int64_t k = 0, n = p->n;
    int can[3], count = 0;
    for (int64_t j = 0; j < n; j++) k += v[j] == 1;
    if (k > 0 && k < n) can[count++] = EXCHANGE;
    if (k < p->most) can[count++] = GROW;
    if (k > p->least) can[count++] = SHRINK;
    int what = can[cull__rng_below(r, count)];
    int64_t out = what == GROW ? -1 : nth(v, 1, cull__rng_below(r, k));
    int64_t in = what == SHRINK ? -1 : nth(v, 0, cull__rng_below(r, n - k));
    if (out >= 0) v[out] = 0;
    if (in >= 0) v[in] = 1;
}

static void change_order(int64_t n, cull_rng *r, double *v)
{
    int64_t a = cull__rng_below(r, n), b = cull__rng_below(r, n - 1);
    b += b >= a;
    double t = v[a];
    if (cull__rng_below(r, 2)) {
        v[a] = v[b];
        v[b] = t;
        return;
    }
    int64_t step = a < b ? 1 : -1;
    for (int64_t j = a; j != b; j += step) v[j] = v[j + step];
    v[b] = t;
}

/* A part t of the way to a random point: its numbers are drawn twice, first for their sum. */
static void change_shares(int64_t n, double t, cull_rng *r, double *v)
{
    cull_rng again = *r;
    double sum = 0, whole = 0;
    for (int64_t j = 0; j < n; j++) sum += -log(cull__rng_unit(&again));
    for (int64_t j = 0; j < n; j++) {
        v[j] = (1 - t) * v[j] + t * (-log(cull__rng_unit(r)) / sum);
        whole += v[j];
    }
    for (int64_t j = 0; j < n; j++) v[j] /= whole;
}

static void change(const cull_space_param *p, const cull__mutation *o, cull_rng *r, double *v)
{
    double sd = o->sd > 0 ? o->sd : 0.1, t;
    switch (p->kind) {
    case CULL_SPACE_REAL:
        t = cull__space_to_unit(p, v[0]) + sd * cull__rng_normal(r);
        v[0] = cull__space_from_unit(p, reflect(t));
        break;
    case CULL_SPACE_INT:
    case CULL_SPACE_CATEGORY:
    case CULL_SPACE_ORDINAL: change_discrete(p, o->near, r, v); break;
    case CULL_SPACE_SUBSET: change_subset(p, r, v); break;
    case CULL_SPACE_PERMUTATION: change_order(p->n, r, v); break;
    case CULL_SPACE_SIMPLEX:
        t = fabs(sd * cull__rng_normal(r));
        change_shares(p->n, t < 1 ? t : 1, r, v);
    }
}

/* ---- mutation ---- */

static int changeable(const cull_space *s, const double *x)
{
    int n = 0;
    for (int i = 0; i < s->params; i++) n += has(s->param + i, x) && can_change(s->param + i);
    return n;
}

static void mutate_once(const cull_space *s, const cull__mutation *o, int n, cull_rng *r, double *y)
{
    double rate = o->rate > 0 ? o->rate : 1.0 / n;
    int64_t sure = cull__rng_below(r, n);
    bool any = false;
    cull_rng coins = *r;
    for (int i = 0; i < n; i++) any |= cull__rng_unit(&coins) < rate; /* looks ahead */
    for (int i = 0, k = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        if (!has(p, y) || !can_change(p)) continue;
        bool now = cull__rng_unit(r) < rate;
        if (any ? now : k == sure) change(p, o, &coins, y + p->at);
        k++;
    }
    *r = coins;
}

cull_status cull__space_mutate(cull_ctx *cx, const cull_space *s, const cull__mutation *o,
                               cull_rng *r, const double *x, double *y)
{
    int n = changeable(s, x);
    for (int tries = 0; tries < TRIES; tries++) {
        memcpy(y, x, (size_t)s->width * sizeof *y);
        if (!n) return CULL_OK;
        mutate_once(s, o, n, r, y);
        if (cull__space_mend(s, r, y)) return CULL_OK;
    }
    return cull__space_draw(cx, s, r, y);
}

/* ---- crossover ---- */

typedef struct {
    const cull_space *s;
    cull_rng *r;
    const double *x, *z;
    const cull__sbx *sbx; /* NULL = uniform crossover */
    uint8_t *used;        /* items of the longest permutation */
    uint64_t bits;
    int coins; /* that are left of them */
} mating;

/* Order crossover (Davis 1985): a run of x's, the rest in z's order from behind it. */
static void cross_order(const mating *m, const cull_space_param *p, double *y)
{
    const double *x = m->x + p->at, *z = m->z + p->at;
    int64_t n = p->n, a = cull__rng_below(m->r, n), length = 1 + cull__rng_below(m->r, n);
    y += p->at;
    memset(m->used, 0, (size_t)n);
    for (int64_t k = 0; k < length; k++) {
        int64_t j = (a + k) % n;
        y[j] = x[j];
        m->used[(int64_t)x[j]] = 1;
    }
    for (int64_t k = 0, to = (a + length) % n; k < n; k++) {
        double item = z[(a + length + k) % n];
        if (m->used[(int64_t)item]) continue;
        y[to] = item;
        to = (to + 1) % n;
    }
}

/* Draws are what a child costs: 64 coins are one of them. */
static bool coin(mating *m)
{
    if (!m->coins--) m->bits = cull__rng_u64(m->r), m->coins = 63;
    bool heads = m->bits & 1;
    m->bits >>= 1;
    return heads;
}

/* v^k, quicker than pow where k is a small whole number. */
double cull__power(double v, double k)
{
    if (k < 0 || k > 64 || k != floor(k)) return pow(v, k);
    double all = 1;
    for (int left = (int)k; left; left /= 2, v *= v)
        if (left % 2) all *= v;
    return all;
}

/* Simulated binary crossover within 0 .. 1: one of the two children of a and b. */
static double sbx(mating *m, double a, double b)
{
    double eta = m->sbx->eta_cross, lo = a < b ? a : b, hi = a < b ? b : a;
    if (hi - lo < 1e-14) return a;
    bool low = coin(m);
    double beta = 1 + 2 * (low ? lo : 1 - hi) / (hi - lo);
    double t = cull__rng_unit(m->r) * (2 - 1 / cull__power(beta, eta + 1));
    double q = pow(t <= 1 ? t : 1 / (2 - t), 1 / (eta + 1));
    double c = 0.5 * (lo + hi + (low ? -q : q) * (hi - lo));
    return c < 0 ? 0 : c > 1 ? 1 : c;
}

/* Polynomial mutation within 0 .. 1. */
double cull__polynomial(cull_rng *r, double eta, double v)
{
    double u = cull__rng_unit(r), to = u < 0.5 ? v : 1 - v;
    double near = cull__power(1 - to, eta + 1), w = u < 0.5 ? 2 * u : 2 * (1 - u);
    double q = 1 - pow(w + (1 - w) * near, 1 / (eta + 1));
    v += u < 0.5 ? -q : q;
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static bool moves(const mating *m, const cull_space_param *p)
{
    if (p->role != CULL_SPACE_LEAF || !can_change(p)) return false;
    return p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT ||
           p->kind == CULL_SPACE_ORDINAL || (p->kind == CULL_SPACE_CATEGORY && m->sbx->rounded);
}

/* Whose parameter p is: x's (0) or z's (1); who has it not gives way. -1 = neither has. */
static int owner(const mating *m, const cull_space_param *p, int want)
{
    bool x = has(p, m->x), z = has(p, m->z);
    if (x && z) return want;
    return x ? 0 : z ? 1 : -1;
}

static void mate(mating *m, double *y)
{
    const cull_space *s = m->s;
    int until = 0, of = 0; /* parameters below `until` lie in a structure that was taken whole */
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        for (int64_t j = 0; j < p->width; j++) y[p->at + j] = NAN;
        if (!cull__is_active(s, y, i)) continue;
        bool whole = i < until;
        int want = m->sbx && m->sbx->rounded ? 0 : coin(m);
        int from = owner(m, p, whole ? of : want);
        if (from < 0) {
            cull__space_draw_value(p, m->r, y + p->at);
            continue;
        }
        bool both = has(p, m->x) && has(p, m->z) && !whole;
        copy(p, from ? m->z : m->x, y);
        if (both && p->kind == CULL_SPACE_PERMUTATION) {
            cross_order(m, p, y);
        } else if (both && m->sbx && moves(m, p)) {
            if (coin(m))
                y[p->at] = cull__space_from_unit(p, sbx(m, cull__space_to_unit(p, m->x[p->at]),
                                                        cull__space_to_unit(p, m->z[p->at])));
        } else if (both && p->role != CULL_SPACE_LEAF && m->x[p->at] != m->z[p->at]) {
            until = s->more[i].end;
            of = from;
        }
    }
}

/* How many are passed over before the next that mutates, each by a chance of 1 - exp(keep). */
double cull__passed(cull_rng *r, double keep)
{
    return keep > -INFINITY ? floor(log(cull__rng_unit(r)) / keep) : 0;
}

static void mutate_polynomial(const mating *m, double *y)
{
    enum { SHORT = 8 }; /* values at most that are reset rather than moved */
    const cull__mutation plain = {.sd = 0.1};
    int n = changeable(m->s, y);
    double rate = m->sbx->rate > 0 ? m->sbx->rate : n > 0 ? 1.0 / n : 1;
    double keep = log1p(-rate), wait = cull__passed(m->r, keep);
    for (int i = 0; i < m->s->params; i++) {
        const cull_space_param *p = m->s->param + i;
        if (!has(p, y) || !can_change(p) || wait-- > 0) continue;
        if (moves(m, p) && (m->sbx->rounded || p->kind == CULL_SPACE_REAL || p->n > SHORT))
            y[p->at] = cull__space_from_unit(
                p, cull__polynomial(m->r, m->sbx->eta_mutate, cull__space_to_unit(p, y[p->at])));
        else
            change(p, &plain, m->r, y + p->at);
        wait = cull__passed(m->r, keep);
    }
}

static cull_status cross(cull_ctx *cx, mating *m, double *y)
{
    const cull_space *s = m->s;
    int64_t most = 0;
    for (int i = 0; i < s->params; i++)
        if (s->param[i].kind == CULL_SPACE_PERMUTATION && s->param[i].n > most)
            most = s->param[i].n;
    CULL_TRY(CULL_TMP(cx, m->used, most + 1));
    for (int tries = 0; tries < TRIES; tries++) {
        mate(m, y);
        if (m->sbx) mutate_polynomial(m, y);
        if (cull__space_mend(s, m->r, y)) return CULL_OK;
    }
    memcpy(y, coin(m) ? m->z : m->x, (size_t)s->width * sizeof *y);
    return CULL_OK;
}

cull_status cull__space_cross(cull_ctx *cx, const cull_space *s, cull_rng *r, const double *x,
                              const double *z, double *y)
{
    mating m = {.s = s, .r = r, .x = x, .z = z};
    cull__mark_t mark = cull__mark(cx);
    cull_status st = cross(cx, &m, y);
    cull__release(cx, mark);
    return st;
}

cull_status cull__space_sbx(cull_ctx *cx, const cull_space *s, const cull__sbx *o, cull_rng *r,
                            const double *x, const double *z, double *y)
{
    if (s->flat && !o->rounded) {
        cull__flat_sbx(s, o, r, x, z, y);
        return CULL_OK;
    }
    mating m = {.s = s, .r = r, .x = x, .z = z, .sbx = o};
    cull__mark_t mark = cull__mark(cx);
    cull_status st = cross(cx, &m, y);
    cull__release(cx, mark);
    return st;
}
