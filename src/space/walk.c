/* walk.c - all points in order. */
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

void cull__space_first_value(const cull_space_param *p, double *v)
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

bool cull__space_next_value(const cull_space_param *p, double *v)
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
        if (isnan(*v) || !cull__space_next_value(w->s->param + i, v)) return false;
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
                cull__space_first_value(p, w->x + p->at);
            else
                clear(p, w->x);
            fresh = settle(w, i);
        } else {
            fresh = !isnan(w->x[p->at]) && cull__space_next_value(p, w->x + p->at) && settle(w, i);
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
