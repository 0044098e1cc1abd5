/* walk.c - all points in order, and all that lie beside a point. */
#include "space/inner.h"

#include <math.h>
#include <string.h>

/* ---- values of one parameter in order ---- */

static bool discrete(const cull_space_param *p)
{
    if (p->kind == CULL_SPACE_REAL) return p->lo == p->hi;
    return p->kind != CULL_SPACE_SIMPLEX || p->n == 1;
}

static void first_items(const cull_space_param *p, int64_t count, double *v)
{
    for (int64_t j = 0; j < p->n; j++) v[j] = j < count;
}

static void first_value(const cull_space_param *p, double *v)
{
    switch (p->kind) {
    case CULL_SPACE_REAL:
    case CULL_SPACE_INT: v[0] = p->lo; break;
    case CULL_SPACE_SUBSET: first_items(p, p->least, v); break;
    case CULL_SPACE_PERMUTATION:
        for (int64_t j = 0; j < p->n; j++) v[j] = (double)j;
        break;
    case CULL_SPACE_SIMPLEX: v[0] = 1; break;
    default: v[0] = 0;
    }
}

/* The last item that can go one place down does, those after it follow close. */
static bool next_subset(const cull_space_param *p, double *v)
{
    int64_t j = p->n - 1, after = 0, count = 0;
    while (j >= 0 && v[j] == 1) j--, after++;
    while (j >= 0 && v[j] == 0) j--;
    if (j >= 0) {
        v[j] = 0;
        for (int64_t k = j + 1; k < p->n; k++) v[k] = k <= j + 1 + after;
        return true;
    }
    for (int64_t k = 0; k < p->n; k++) count += v[k] == 1;
    if (count >= p->most) return false;
    first_items(p, count + 1, v);
    return true;
}

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

static bool next_order(int64_t n, double *v)
{
    int64_t i = n - 2, j = n - 1;
    while (i >= 0 && v[i] > v[i + 1]) i--;
    if (i < 0) return false;
    while (v[j] < v[i]) j--;
    swap(v + i, v + j);
    for (int64_t a = i + 1, b = n - 1; a < b; a++, b--) swap(v + a, v + b);
    return true;
}

static bool next_value(const cull_space_param *p, double *v)
{
    switch (p->kind) {
    case CULL_SPACE_INT:
        if (v[0] >= p->hi) return false;
        v[0] += p->step;
        return true;
    case CULL_SPACE_CATEGORY:
    case CULL_SPACE_ORDINAL:
        if (v[0] >= (double)(p->n - 1)) return false;
        v[0]++;
        return true;
    case CULL_SPACE_SUBSET: return next_subset(p, v);
    case CULL_SPACE_PERMUTATION: return next_order(p->n, v);
    default: return false;
    }
}

/* ---- all points ---- */

static void clear(const cull_space_param *p, double *x)
{
    for (int64_t j = 0; j < p->width; j++) x[p->at + j] = NAN;
}

typedef struct {
    const cull_space *s;
    double *x;
    const int *list; /* the parameters that are gone through, ascending; NULL = all */
    int n;
    bool free; /* constraints do not count */
} walk;

/* i has its first value: on to the first that keeps the constraints known by then. */
static bool settle(const walk *w, int i)
{
    double *v = w->x + w->s->param[i].at;
    while (!w->free && !cull__space_holds(w->s, w->x, i))
        if (isnan(*v) || !next_value(w->s->param + i, v)) return false;
    return true;
}

/* Those before place k stand: the first point with them, or after them. `fresh` false: k itself must go on. */
static bool search(const walk *w, int k, bool fresh)
{
    while (k >= 0 && k < w->n) {
        int i = w->list ? w->list[k] : k;
        const cull_space_param *p = w->s->param + i;
        if (fresh) {
            if (cull__is_active(w->s, w->x, i))
                first_value(p, w->x + p->at);
            else
                clear(p, w->x);
            fresh = settle(w, i);
        } else {
            fresh = !isnan(w->x[p->at]) && next_value(p, w->x + p->at) && settle(w, i);
        }
        k += fresh ? 1 : -1;
    }
    return k >= 0;
}

bool cull__space_discrete(const cull_space *s)
{
    for (int i = 0; i < s->params; i++)
        if (!discrete(s->param + i)) return false;
    return true;
}

bool cull__space_walk(const cull_space *s, const int *list, int n, bool free, bool fresh, double *x)
{
    const walk w = {s, x, list, n, free};
    return search(&w, fresh ? 0 : n - 1, fresh);
}

bool cull__space_first(const cull_space *s, double *x)
{
    return cull__space_discrete(s) && cull__space_walk(s, NULL, s->params, false, true, x);
}

bool cull__space_next(const cull_space *s, double *x)
{
    return cull__space_walk(s, NULL, s->params, false, false, x);
}

/* ---- neighbours ---- */

typedef struct {
    const cull_space *s;
    const double *x;
    double *y;
    cull__space_near_fn *fn;
    void *user;
    int i; /* what is changed */
    bool stop;
} beside;

static const double STEP = 1.0 / 16;
enum { SHORT = 32 }; /* values at most of an int whose values are all tried */

/* What lies behind the changed parameter is as it was where it is still active; what is new takes its middle. */
static void hand_out(beside *b)
{
    const cull_space *s = b->s;
    for (int k = b->i + 1; k < s->params; k++) {
        const cull_space_param *p = s->param + k;
        if (!cull__is_active(s, b->y, k))
            clear(p, b->y);
        else if (isnan(b->x[p->at]))
            cull__space_preset(s, k, b->y + p->at);
        else
            memcpy(b->y + p->at, b->x + p->at, (size_t)p->width * sizeof *b->y);
    }
    if (cull_space_allows(s, b->y) && !b->fn(b->user, b->y, b->i)) b->stop = true;
}

static void near_number(beside *b, const cull_space_param *p, int steps)
{
    double was = b->x[p->at], u = cull__space_to_unit(p, was), last;
    for (int way = -1; way <= 1; way += 2) {
        last = was;
        for (int k = 1; k <= steps && !b->stop; k++) {
            double to = u + way * k * STEP;
            b->y[p->at] = cull__space_from_unit(p, to);
            if (b->y[p->at] != last) hand_out(b);
            last = b->y[p->at];
            if (to <= 0 || to >= 1) break;
        }
    }
    b->y[p->at] = was;
}

static void near_values(beside *b, const cull_space_param *p)
{
    double was = b->x[p->at], *v = b->y + p->at;
    first_value(p, v);
    do
        if (*v != was) hand_out(b);
    while (!b->stop && next_value(p, v));
    *v = was;
}

static void near_subset(beside *b, const cull_space_param *p)
{
    double *v = b->y + p->at;
    int64_t count = 0;
    for (int64_t j = 0; j < p->n; j++) count += v[j] == 1;
    for (int64_t j = 0; j < p->n && !b->stop; j++) {
        double was = v[j];
        v[j] = 1 - was;
        if (was == 1 ? count > p->least : count < p->most) hand_out(b);
        for (int64_t k = 0; was == 1 && k < p->n && !b->stop; k++) {
            if (v[k] == 1 || k == j) continue;
            v[k] = 1;
            hand_out(b);
            v[k] = 0;
        }
        v[j] = was;
    }
}

static void near_order(beside *b, const cull_space_param *p)
{
    double *v = b->y + p->at;
    for (int64_t j = 0; j < p->n; j++)
        for (int64_t k = j + 1; k < p->n && !b->stop; k++) {
            swap(v + j, v + k);
            hand_out(b);
            swap(v + j, v + k);
        }
}

/* Shares go from one item to another, a step at a time, as much as there is. */
static void near_shares(beside *b, const cull_space_param *p, int steps)
{
    double *v = b->y + p->at;
    for (int64_t j = 0; j < p->n; j++)
        for (int64_t k = 0; k < p->n; k++) {
            double a = v[j], c = v[k];
            for (int t = 1; j != k && a > 0 && t <= steps && !b->stop; t++) {
                double some = fmin(a, t * STEP);
                v[j] = a - some;
                v[k] = c + some;
                hand_out(b);
                if (some == a) break;
            }
            v[j] = a;
            v[k] = c;
        }
}

static void near_one(beside *b, int steps)
{
    const cull_space_param *p = b->s->param + b->i;
    switch (p->kind) {
    case CULL_SPACE_REAL: near_number(b, p, steps); break;
    case CULL_SPACE_INT:
        if (p->n > SHORT)
            near_number(b, p, steps);
        else
            near_values(b, p);
        break;
    case CULL_SPACE_CATEGORY:
    case CULL_SPACE_ORDINAL: near_values(b, p); break;
    case CULL_SPACE_SUBSET: near_subset(b, p); break;
    case CULL_SPACE_PERMUTATION: near_order(b, p); break;
    case CULL_SPACE_SIMPLEX: near_shares(b, p, steps); break;
    }
}

cull_status cull__space_neighbours(cull_ctx *cx, const cull_space *s, const double *x, int steps,
                                   cull__space_near_fn *fn, void *user)
{
    beside b = {.s = s, .x = x, .fn = fn, .user = user};
    cull__mark_t mark = cull__mark(cx);
    cull_status st = CULL_TMP(cx, b.y, s->width);
    for (; st == CULL_OK && b.i < s->params && !b.stop; b.i++) {
        if (isnan(x[s->param[b.i].at])) continue;
        memcpy(b.y, x, (size_t)s->width * sizeof *x);
        near_one(&b, steps);
        st = cull__tick(cx, b.i, s->params);
    }
    cull__release(cx, mark);
    return st;
}
