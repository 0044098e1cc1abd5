/* sampler_evolve.c - an evolution over what is predicted: many cheap looks for each design that is
 * evaluated. */
#include "choose/choose.h"
#include "cull/front.h"
#include "search/sampler_model.h"

#include <math.h>
#include <string.h>

enum { DRAW_TRIES = 20, CHILD_TRIES = 10 };
static const cull__sbx on_integers = {15, 20, 0.02, true}; /* as DyNAS-T's */

typedef struct {
    cull_ctx *cx;
    const cull_search_view *v;
    const cull__inner *o;
    int m;
    cull__inner_fn *fn;
    void *user;
    cull_rng *r;
    cull__seen known, all; /* trials; every point looked at: none twice */
    double *x;             /* (2 size, width): parents, then children */
    double *value, *violation, *crowd;
    int32_t *rank;
    int64_t n;                                  /* parents now */
    double *kept, *kept_value, *kept_violation; /* (cap): left over, or the best of all */
    int64_t keeps, cap;
} inner;

static void copy(const inner *s, double *to, int64_t i, const double *from, int64_t k)
{
    memcpy(to + i * s->v->width, from + k * s->v->width, (size_t)s->v->width * sizeof *to);
}

static cull_status look(inner *s, int64_t at, int64_t n)
{
    return s->fn(s->cx, s->user, s->x + at * s->v->width, n, s->value + at * s->m,
                 s->violation + at);
}

/* ---- ranks: with one objective places in order, else dominance, then crowding ---- */
static bool less(const inner *s, int64_t i, int64_t j)
{
    if (s->rank[i] != s->rank[j]) return s->rank[i] < s->rank[j];
    if (s->crowd[i] != s->crowd[j]) return s->crowd[i] > s->crowd[j];
    return i < j;
}

static cull_status rank_all(inner *s, int64_t n)
{
    if (s->m > 1) {
        CULL_TRY(cull_front_ranks(s->cx, s->value, n, s->m, s->violation, s->rank, NULL));
        return cull_front_crowding(s->cx, s->value, n, s->m, s->rank, s->crowd);
    }
    for (int64_t i = 0; i < n; i++) s->rank[i] = s->violation[i] > 0;
    for (int64_t i = 0; i < n; i++)
        s->crowd[i] = s->violation[i] > 0 ? -s->violation[i] : -s->value[i];
    return CULL_OK;
}

/* order[0..n) by `less`: by crowding, then stably by rank. */
static cull_status sort_all(inner *s, int64_t n, int64_t *order)
{
    double *score;
    int64_t *by, *then;
    CULL_TRY(CULL_TMP(s->cx, score, n));
    CULL_TRY(CULL_TMP(s->cx, by, n));
    CULL_TRY(CULL_TMP(s->cx, then, n));
    CULL_TRY(cull__order(s->cx, s->crowd, n, by));
    for (int64_t i = 0; i < n; i++) score[i] = -(double)s->rank[by[i]];
    CULL_TRY(cull__order(s->cx, score, n, then));
    for (int64_t i = 0; i < n; i++) order[i] = by[then[i]];
    return CULL_OK;
}

/* ---- those that are handed out ---- */
static bool better(const inner *s, int64_t i, int64_t kept)
{
    if (s->violation[i] != s->kept_violation[kept])
        return s->violation[i] < s->kept_violation[kept];
    return s->value[i * s->m] < s->kept_value[kept];
}

/* One objective: the best of all that were looked at, in order. */
static void keep_best(inner *s, int64_t at, int64_t n)
{
    for (int64_t i = at; i < at + n; i++) {
        if (s->keeps == s->cap && !better(s, i, s->keeps - 1)) continue;
        if (!s->o->fresh && cull__seen_has(&s->known, s->x + i * s->v->width)) continue;
        int64_t k = s->keeps < s->cap ? s->keeps++ : s->keeps - 1;
        for (; k > 0 && better(s, i, k - 1); k--) {
            copy(s, s->kept, k, s->kept, k - 1);
            s->kept_value[k] = s->kept_value[k - 1];
            s->kept_violation[k] = s->kept_violation[k - 1];
        }
        copy(s, s->kept, k, s->x, i);
        s->kept_value[k] = s->value[i * s->m];
        s->kept_violation[k] = s->violation[i];
    }
}

/* ---- generations ---- */
static cull_status first(inner *s)
{
    for (int64_t i = 0; i < s->o->starts && s->n < s->o->size; i++) {
        copy(s, s->x, s->n, s->o->start, i);
        s->n += cull__seen_add(&s->all, s->x + s->n * s->v->width);
    }
    for (int64_t t = 0; t < DRAW_TRIES * s->o->size && s->n < s->o->size; t++) {
        double *y = s->x + s->n * s->v->width;
        CULL_TRY(cull__space_draw(s->cx, s->v->space, s->r, y));
        s->n += cull__seen_add(&s->all, y);
    }
    CULL_TRY(look(s, 0, s->n));
    if (s->m == 1) keep_best(s, 0, s->n);
    return rank_all(s, s->n);
}

static int64_t parent(inner *s)
{
    int64_t a = cull__rng_below(s->r, s->n), b = cull__rng_below(s->r, s->n);
    return less(s, a, b) ? a : b;
}

static cull_status child(inner *s, double *y, double *held)
{
    const cull__mutation change = {.rate = s->o->rate, .sd = 0.1, .near = true};
    const double *a = s->x + parent(s) * s->v->width, *b = s->x + parent(s) * s->v->width;
    bool both = cull__rng_unit(s->r) < s->o->cross;
    if (s->o->rounded)
        return cull__space_sbx(s->cx, s->v->space, &on_integers, s->r, a, both ? b : a, y);
    if (both) {
        CULL_TRY(cull__space_cross(s->cx, s->v->space, s->r, a, b, held));
        a = held;
    }
    return cull__space_mutate(s->cx, s->v->space, &change, s->r, a, y);
}

/* Returns how many new points there are. */
static cull_status children(inner *s, int64_t *made)
{
    double *held;
    *made = 0;
    CULL_TRY(CULL_TMP(s->cx, held, s->v->width));
    for (int64_t t = 0; t < CHILD_TRIES * s->o->size && *made < s->o->size; t++) {
        double *y = s->x + (s->n + *made) * s->v->width;
        CULL_TRY(child(s, y, held));
        *made += cull__seen_add(&s->all, y);
    }
    return CULL_OK;
}

/* The better half goes on; with several objectives those that do not are kept for want of others.
 * */
static cull_status survive(inner *s, int64_t n)
{
    int64_t *order, size = n < s->o->size ? n : s->o->size, width = s->v->width;
    double *x, *value, *violation;
    CULL_TRY(CULL_TMP(s->cx, order, n));
    CULL_TRY(CULL_TMP(s->cx, x, size * width));
    CULL_TRY(CULL_TMP(s->cx, value, size * s->m));
    CULL_TRY(CULL_TMP(s->cx, violation, size));
    CULL_TRY(rank_all(s, n));
    CULL_TRY(sort_all(s, n, order));
    for (int64_t i = 0; i < size; i++) {
        copy(s, x, i, s->x, order[i]);
        memcpy(value + i * s->m, s->value + order[i] * s->m, (size_t)s->m * sizeof *value);
        violation[i] = s->violation[order[i]];
    }
    s->keeps = s->m > 1 ? 0 : s->keeps;
    for (int64_t i = size; s->m > 1 && i < n && s->keeps < s->cap; i++)
        copy(s, s->kept, s->keeps++, s->x, order[i]);
    memcpy(s->x, x, (size_t)(size * width) * sizeof *x);
    memcpy(s->value, value, (size_t)(size * s->m) * sizeof *value);
    memcpy(s->violation, violation, (size_t)size * sizeof *violation);
    s->n = size;
    return rank_all(s, size);
}

static cull_status generation(inner *s)
{
    int64_t made;
    CULL_TRY(children(s, &made));
    CULL_TRY(look(s, s->n, made));
    if (s->m == 1) keep_best(s, s->n, made);
    return survive(s, s->n + made);
}

/* ---- the whole ---- */
static cull_status open_inner(inner *s, int64_t want)
{
    int64_t rows = 2 * s->o->size, most = s->o->size * (s->o->rounds + 2) + s->o->starts;
    CULL_TRY(cull__seen_open(s->cx, s->v, s->o->known, 0, &s->known));
    CULL_TRY(cull__seen_open(s->cx, s->v, s->o->fresh ? s->o->known : 0, most, &s->all));
    CULL_TRY(CULL_TMP(s->cx, s->x, rows * s->v->width));
    CULL_TRY(CULL_TMP(s->cx, s->value, rows * s->m));
    CULL_TRY(CULL_TMP(s->cx, s->violation, rows));
    CULL_TRY(CULL_TMP(s->cx, s->crowd, rows));
    CULL_TRY(CULL_TMP(s->cx, s->rank, rows));
    s->cap = want;
    CULL_TRY(CULL_TMP(s->cx, s->kept, want * s->v->width));
    CULL_TRY(CULL_TMP(s->cx, s->kept_value, want));
    return CULL_TMP(s->cx, s->kept_violation, want);
}

static cull_status hand_out(inner *s, int64_t want, double *out, int64_t *got)
{
    *got = 0;
    if (s->m > 1) {
        int64_t *order;
        CULL_TRY(CULL_TMP(s->cx, order, s->n));
        CULL_TRY(sort_all(s, s->n, order));
        for (int64_t i = 0; i < s->n && *got < want; i++)
            if (!cull__seen_has(&s->known, s->x + order[i] * s->v->width))
                copy(s, out, (*got)++, s->x, order[i]);
    }
    for (int64_t i = 0; i < s->keeps && *got < want; i++)
        if (!cull__seen_has(&s->known, s->kept + i * s->v->width))
            copy(s, out, (*got)++, s->kept, i);
    return CULL_OK;
}

cull_status cull__inner_run(cull_ctx *cx, const cull_search_view *v, const cull__inner *o, int m,
                            cull__inner_fn *fn, void *user, cull_rng *r, int64_t want, double *out,
                            int64_t *got)
{
    inner s = {.cx = cx, .v = v, .o = o, .m = m, .fn = fn, .user = user, .r = r};
    *got = 0;
    CULL_TRY(open_inner(&s, want));
    CULL_TRY(first(&s));
    for (int64_t g = 0; g < o->rounds && s.n > 0; g++) {
        CULL_TRY(cull__tick(cx, (double)g, (double)o->rounds));
        cull__mark_t mark = cull__mark(cx);
        cull_status status = generation(&s);
        cull__release(cx, mark);
        CULL_TRY(status);
    }
    return hand_out(&s, want, out, got);
}

/* ---- all points, or some ---- */
bool cull__inner_few(cull_ctx *cx, const cull_space *space, int64_t most)
{
    double log10;
    bool exact;
    int64_t count = cull_space_count(cx, space, &log10, &exact);
    return exact && count >= 0 && count <= most;
}

cull_status cull__inner_all(cull_ctx *cx, const cull_search_view *v, int64_t known, int64_t most,
                            double **x, int64_t *out)
{
    double *y;
    cull__seen seen;
    CULL_TRY(cull__seen_open(cx, v, known, 0, &seen));
    CULL_TRY(CULL_TMP(cx, *x, most * v->width));
    CULL_TRY(CULL_TMP(cx, y, v->width));
    *out = 0;
    if (!cull__space_first(v->space, y)) return CULL_OK;
    do {
        if (cull__seen_has(&seen, y)) continue;
        memcpy(*x + *out * v->width, y, (size_t)v->width * sizeof *y);
        ++*out;
    } while (*out < most && cull__space_next(v->space, y));
    return CULL_OK;
}

cull_status cull__inner_some(cull_ctx *cx, const cull_search_view *v, int64_t known, int64_t drawn,
                             int64_t changed, const double *from, int64_t n, cull_rng *r,
                             double **x, int64_t *out)
{
    cull__seen seen;
    const cull__mutation change = {.sd = 0.1, .near = true};
    int64_t most = drawn + changed;
    CULL_TRY(CULL_TMP(cx, *x, (most + 1) * v->width));
    CULL_TRY(cull__seen_open(cx, v, known, most, &seen));
    *out = 0;
    for (int64_t t = 0; t < 2 * most && *out < most; t++) {
        double *y = *x + *out * v->width;
        if (n == 0 || t % most < drawn)
            CULL_TRY(cull__space_draw(cx, v->space, r, y));
        else
            CULL_TRY(cull__space_mutate(cx, v->space, &change, r,
                                        from + cull__rng_below(r, n) * v->width, y));
        *out += cull__seen_add(&seen, y);
    }
    return CULL_OK;
}

cull_status cull__inner_order(cull_ctx *cx, const double *value, const double *violation, int64_t n,
                              int64_t *order)
{
    double *score;
    int64_t *by, *then;
    CULL_TRY(CULL_TMP(cx, score, n));
    CULL_TRY(CULL_TMP(cx, by, n));
    CULL_TRY(CULL_TMP(cx, then, n));
    for (int64_t i = 0; i < n; i++) score[i] = -value[i];
    CULL_TRY(cull__order(cx, score, n, by));
    for (int64_t i = 0; i < n; i++) score[i] = -violation[by[i]];
    CULL_TRY(cull__order(cx, score, n, then));
    for (int64_t i = 0; i < n; i++) order[i] = by[then[i]];
    return CULL_OK;
}

cull_status cull__inner_predicted(cull_ctx *cx, void *user, const double *x, int64_t n,
                                  double *value, double *violation)
{
    return cull__surrogate_say(cx, user, x, n, value, NULL, violation, NULL);
}
