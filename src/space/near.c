/* near.c - what lies beside a point: each neighbour has a number, so that of very many some can be drawn. */
#include "space/inner.h"

#include <math.h>
#include <string.h>

static const double STEP = 1.0 / 16;
enum { SHORT = 32, FAR = 16 }; /* values at most of an int that are all tried; steps at most */

typedef struct {
    const cull_space *s;
    const double *x;
    double *y;
    int steps, i;       /* i: the parameter that is changed */
    double to[2 * FAR]; /* of a number: where it may go */
    int32_t *item;      /* of a subset: those in it, then the others */
    int64_t in;         /* so many are in it */
} beside;

/* ---- how many there are by one parameter ---- */

static bool goes_by_steps(const cull_space_param *p)
{
    return p->kind == CULL_SPACE_REAL || (p->kind == CULL_SPACE_INT && p->n > SHORT);
}

static int64_t count_steps(beside *b, const cull_space_param *p, double was)
{
    double u = cull__space_to_unit(p, was);
    int64_t n = 0;
    for (int way = -1; way <= 1; way += 2) {
        double last = was;
        for (int k = 1; k <= b->steps; k++) {
            double to = u + way * k * STEP, v = cull__space_from_unit(p, to);
            if (v != last) b->to[n++] = v;
            last = v;
            if (to <= 0 || to >= 1) break;
        }
    }
    return n;
}

/* An item that is in gives way to each of the others, or to none. */
static int64_t count_item(const beside *b, const cull_space_param *p)
{
    return p->n - b->in + (b->in > p->least);
}

static int64_t count_subset(beside *b, const cull_space_param *p, const double *v)
{
    b->in = 0;
    for (int64_t j = 0; j < p->n; j++)
        if (v[j] == 1) b->item[b->in++] = (int32_t)j;
    for (int64_t j = 0, to = b->in; j < p->n; j++)
        if (v[j] != 1) b->item[to++] = (int32_t)j;
    return b->in * count_item(b, p) + (b->in < p->most ? p->n - b->in : 0);
}

/* A share goes to each of the others, a step at a time, as much as there is. */
static int64_t count_share(const beside *b, double share)
{
    return (int64_t)fmin(ceil(share / STEP), b->steps);
}

static int64_t count(beside *b)
{
    const cull_space_param *p = b->s->param + b->i;
    const double *v = b->x + p->at;
    int64_t n = 0;
    if (isnan(*v)) return 0;
    if (goes_by_steps(p)) return count_steps(b, p, *v);
    switch (p->kind) {
    case CULL_SPACE_SUBSET: return count_subset(b, p, v);
    case CULL_SPACE_PERMUTATION: return p->n * (p->n - 1) / 2;
    case CULL_SPACE_SIMPLEX:
        for (int64_t j = 0; j < p->n; j++) n += (p->n - 1) * count_share(b, v[j]);
        return n;
    default: return p->n - 1;
    }
}

/* ---- the k-th of them ---- */

static void change_subset(const beside *b, const cull_space_param *p, int64_t k, double *v)
{
    int64_t each = count_item(b, p), others = p->n - b->in;
    if (k >= b->in * each) {
        v[b->item[b->in + k - b->in * each]] = 1;
        return;
    }
    v[b->item[k / each]] = 0;
    if (k % each < others) v[b->item[b->in + k % each]] = 1;
}

/* Of a triangle whose row j has n-1-j pairs (j, j+1 ..). */
static void change_order(int64_t n, int64_t k, double *v)
{
    int64_t j = 0;
    for (; k >= n - 1 - j; j++) k -= n - 1 - j;
    double t = v[j];
    v[j] = v[j + 1 + k];
    v[j + 1 + k] = t;
}

static void change_shares(const beside *b, const cull_space_param *p, int64_t k, double *v)
{
    int64_t from = 0, each;
    for (; k >= (p->n - 1) * (each = count_share(b, v[from])); from++) k -= (p->n - 1) * each;
    int64_t to = k / each;
    double some = fmin(v[from], (double)(k % each + 1) * STEP);
    to += to >= from;
    v[from] -= some;
    v[to] = fmin(1, v[to] + some); /* the sum is 1 but for rounding */
}

static void change(const beside *b, int64_t k)
{
    const cull_space_param *p = b->s->param + b->i;
    double *v = b->y + p->at;
    memcpy(v, b->x + p->at, (size_t)p->width * sizeof *v);
    if (goes_by_steps(p)) {
        *v = b->to[k];
        return;
    }
    switch (p->kind) {
    case CULL_SPACE_SUBSET: change_subset(b, p, k, v); break;
    case CULL_SPACE_PERMUTATION: change_order(p->n, k, v); break;
    case CULL_SPACE_SIMPLEX: change_shares(b, p, k, v); break;
    default: *v = cull__value_at(p, k + (k >= cull__rank_of(p, *v)));
    }
}

/* What lies behind the changed parameter is as it was where it is still active; what is new takes its middle. */
static void adapt(const beside *b)
{
    const cull_space *s = b->s;
    for (int k = b->i + 1; k < s->params; k++) {
        const cull_space_param *p = s->param + k;
        if (!cull__is_active(s, b->y, k))
            for (int64_t j = 0; j < p->width; j++) b->y[p->at + j] = NAN;
        else if (isnan(b->x[p->at]))
            cull__space_preset(s, k, b->y + p->at);
        else
            memcpy(b->y + p->at, b->x + p->at, (size_t)p->width * sizeof *b->y);
    }
}

/* ---- all of them, or some ---- */

/* Numbers in rising order: of n all, or `most` that are spread evenly, one in each of as many equal parts. */
typedef struct {
    int64_t n, most, at, part;
    cull_rng *r;
} chosen;

static void next(chosen *c)
{
    int64_t before = c->at;
    if (c->n <= c->most) {
        c->at++;
        return;
    }
    while (c->at == before) { /* where parts are narrow two may have the same one at their border */
        double to = ((double)c->part++ + cull__rng_unit(c->r)) * ((double)c->n / (double)c->most);
        c->at = c->part > c->most ? c->n : (int64_t)to;
    }
}

static cull_status hand_out(cull_ctx *cx, beside *b, chosen *c, cull__space_near_fn *fn, void *user)
{
    const cull_space *s = b->s;
    int64_t first = 0, n;
    next(c);
    for (b->i = 0; b->i < s->params; b->i++, first += n) {
        n = count(b);
        for (; c->at < first + n; next(c)) {
            change(b, c->at - first);
            adapt(b);
            if (cull_space_allows(s, b->y) && !fn(user, b->y, b->i)) return CULL_OK;
        }
        const cull_space_param *p = s->param + b->i;
        memcpy(b->y + p->at, b->x + p->at, (size_t)p->width * sizeof *b->y);
        CULL_TRY(cull__tick(cx, b->i, s->params));
    }
    return CULL_OK;
}

static cull_status neighbours(cull_ctx *cx, beside *b, chosen *c, cull__space_near_fn *fn,
                              void *user)
{
    const cull_space *s = b->s;
    int64_t items = 0;
    for (int i = 0; i < s->params; i++)
        if (s->param[i].kind == CULL_SPACE_SUBSET && s->param[i].n > items) items = s->param[i].n;
    CULL_TRY(CULL_TMP(cx, b->y, s->width));
    CULL_TRY(CULL_TMP(cx, b->item, items + 1));
    memcpy(b->y, b->x, (size_t)s->width * sizeof *b->y);
    for (b->i = 0; b->i < s->params; b->i++) c->n += count(b);
    return hand_out(cx, b, c, fn, user);
}

cull_status cull__space_neighbours(cull_ctx *cx, const cull_space *s, const double *x, int steps,
                                   int64_t most, cull_rng *r, cull__space_near_fn *fn, void *user)
{
    beside b = {.s = s, .x = x, .steps = steps};
    chosen c = {.most = most, .at = -1, .r = r};
    cull__mark_t mark = cull__mark(cx);
    cull_status st = neighbours(cx, &b, &c, fn, user);
    cull__release(cx, mark);
    return st;
}
