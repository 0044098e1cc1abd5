/* sampler_choices.c - a point as a row of choices among few. */
#include "search/parts.h"

#include <math.h>
#include <string.h>

static int64_t slots_of(const cull_space_param *p)
{
    return p->kind == CULL_SPACE_SUBSET || p->kind == CULL_SPACE_PERMUTATION ? p->n
           : p->kind == CULL_SPACE_SIMPLEX                                   ? 0
                                                                             : 1;
}

/* A category has as many ways as values; what has an order is cut where it has more than `levels`
 * (and 64). */
static int64_t ways_of(const cull_space_param *p, int64_t levels)
{
    int64_t few = levels > 64 ? levels : 64;
    switch (p->kind) {
    case CULL_SPACE_REAL: return levels;
    case CULL_SPACE_INT:
    case CULL_SPACE_ORDINAL: return p->n <= few ? p->n : levels;
    case CULL_SPACE_SUBSET: return 2;
    default: return p->n;
    }
}

static bool cut(const cull_space_param *p, int64_t ways)
{
    return p->kind == CULL_SPACE_REAL || p->n > ways;
}

void cull__choices_free(cull__choices *c)
{
    if (!c) return;
    cull__free(c->slot);
    cull__free(c->ways);
    cull__free(c->weight);
    cull__free(c->open);
    cull__free(c);
}

static cull_status lay_out(cull_ctx *cx, cull__choices *c)
{
    int64_t at = 0;
    for (int i = 0; i < c->params; i++) at += slots_of(cull_space_at(c->space, i));
    c->slots = at;
    CULL_TRY(CULL_ALLOC(cx, c->slot, c->params + 1));
    CULL_TRY(CULL_ALLOC(cx, c->ways, at + 1));
    CULL_TRY(CULL_ALLOC(cx, c->weight, at + 1));
    at = 0, c->most = 2;
    for (int i = 0; i < c->params; i++) {
        const cull_space_param *p = cull_space_at(c->space, i);
        int64_t ways = ways_of(p, c->levels);
        if (ways > INT32_MAX)
            return cull__fail(cx, CULL_EINPUT, "%s has %lld values, of which no table can be kept",
                              p->name, (long long)p->n);
        c->slot[i] = at;
        if (slots_of(p) && ways > c->most) c->most = ways;
        for (int64_t k = slots_of(p); k > 0; k--, at++) {
            c->ways[at] = (int32_t)ways;
            c->weight[at + 1] = c->weight[at] + ways;
        }
    }
    c->slot[c->params] = at;
    return CULL_ALLOC(cx, c->open, c->most);
}

cull_status cull__choices_new(cull_ctx *cx, const cull_space *s, int64_t levels,
                              cull__choices **out)
{
    cull__choices *c;
    CULL_TRY(CULL_ALLOC(cx, c, 1));
    c->space = s, c->params = cull_space_params(s), c->levels = levels;
    cull_status st = lay_out(cx, c);
    if (st != CULL_OK) {
        cull__choices_free(c);
        return st;
    }
    *out = c;
    return CULL_OK;
}

/* ---- masks, the same whether a point is made or read ---- */
/* Item j of a subset that has `ones` so far; returns how many of its two ways are open. */
static int open_item(const cull_space_param *p, int64_t j, int64_t ones, uint8_t open[2])
{
    open[0] = ones + (p->n - j - 1) >= p->least;
    open[1] = ones < p->most;
    return open[0] + open[1];
}

/* ---- making ---- */
typedef struct {
    cull__choices *c;
    cull__choose_fn *fn;
    void *user;
    cull_rng *r;
} maker;

static double within(const cull_space_param *p, int64_t way, int64_t ways, cull_rng *r)
{
    double v = 0;
    for (int k = 0; k < 16; k++) { /* a value of the discrete may lie across the border of a part */
        v = cull__space_from_unit(p, ((double)way + cull__rng_unit(r)) / (double)ways);
        if (p->kind == CULL_SPACE_REAL) break;
        if ((int64_t)(cull__space_to_unit(p, v) * (double)ways) == way) break;
    }
    return v;
}

static void make_subset(const maker *m, const cull_space_param *p, int64_t slot, double *v)
{
    int64_t ones = 0;
    for (int64_t j = 0; j < p->n; j++) {
        uint8_t *open = m->c->open;
        int free = open_item(p, j, ones, open);
        int way = free == 2 ? m->fn(m->user, slot + j, 2, NULL, m->r) : open[1];
        v[j] = way, ones += way;
    }
}

static void make_permutation(const maker *m, const cull_space_param *p, int64_t slot, double *v)
{
    uint8_t *open = m->c->open;
    memset(open, 1, (size_t)p->n);
    for (int64_t j = 0; j < p->n; j++) {
        int way = 0;
        if (j < p->n - 1)
            way = m->fn(m->user, slot + j, (int)p->n, open, m->r);
        else
            while (!open[way]) way++;
        v[j] = way, open[way] = 0;
    }
}

static void fill(void *user, const cull_space *s, int i, const double *x, double *v)
{
    (void)x;
    const maker *m = user;
    const cull_space_param *p = cull_space_at(s, i);
    int64_t slot = m->c->slot[i], ways = slot < m->c->slots ? m->c->ways[slot] : 0;
    if (p->kind == CULL_SPACE_SUBSET) {
        make_subset(m, p, slot, v);
    } else if (p->kind == CULL_SPACE_PERMUTATION) {
        make_permutation(m, p, slot, v);
    } else if (p->kind != CULL_SPACE_SIMPLEX) {
        int way = ways > 1 ? m->fn(m->user, slot, (int)ways, NULL, m->r) : 0;
        v[0] = cut(p, ways)                ? within(p, way, ways, m->r)
               : p->kind == CULL_SPACE_INT ? p->lo + way * p->step
                                           : way;
    }
}

bool cull__choices_make(cull__choices *c, cull__choose_fn *fn, void *user, cull_rng *r, double *x)
{
    maker m = {c, fn, user, r};
    return cull__space_make(c->space, fill, &m, r, x);
}

/* ---- reading ---- */
static bool read_subset(cull__choices *c, const cull_space_param *p, int64_t slot, const double *v,
                        cull__chosen_fn *fn, void *user)
{
    int64_t ones = 0;
    for (int64_t j = 0; j < p->n; j++) {
        int way = v[j] != 0;
        if (open_item(p, j, ones, c->open) == 2 && !fn(user, slot + j, 2, NULL, way)) return false;
        ones += way;
    }
    return true;
}

static bool read_permutation(cull__choices *c, const cull_space_param *p, int64_t slot,
                             const double *v, cull__chosen_fn *fn, void *user)
{
    memset(c->open, 1, (size_t)p->n);
    for (int64_t j = 0; j + 1 < p->n; j++) {
        if (!fn(user, slot + j, (int)p->n, c->open, (int)v[j])) return false;
        c->open[(int)v[j]] = 0;
    }
    return true;
}

static int64_t way_of(const cull_space_param *p, double v, int64_t ways)
{
    if (!cut(p, ways))
        return (int64_t)(p->kind == CULL_SPACE_INT ? round((v - p->lo) / p->step) : v);
    int64_t way = (int64_t)(cull__space_to_unit(p, v) * (double)ways);
    return way < ways ? way : ways - 1;
}

void cull__choices_read(cull__choices *c, const double *x, cull__chosen_fn *fn, void *user)
{
    for (int i = 0; i < c->params; i++) {
        const cull_space_param *p = cull_space_at(c->space, i);
        int64_t slot = c->slot[i], ways = slot < c->slots ? c->ways[slot] : 0;
        const double *v = x + p->at;
        if (p->kind == CULL_SPACE_SIMPLEX || !cull_space_active(c->space, x, i)) continue;
        bool on = true;
        if (p->kind == CULL_SPACE_SUBSET) {
            on = read_subset(c, p, slot, v, fn, user);
        } else if (p->kind == CULL_SPACE_PERMUTATION) {
            on = read_permutation(c, p, slot, v, fn, user);
        } else if (ways > 1) {
            on = fn(user, slot, (int)ways, NULL, (int)way_of(p, *v, ways));
        }
        if (!on) return;
    }
}
