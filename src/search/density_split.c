/* density_split.c - which trials are good: kept up as each is told. */
#include "cull/front.h"
#include "search/density.h"

#include <math.h>
#include <string.h>

enum { DONE, STOPPED, BREAKS, FAILED };
typedef struct {
    int kind;
    double a, b;
    int64_t number;
} standing;
/* One that few dominate, of several objectives. */
typedef struct {
    int64_t number, above; /* how many dominate it */
    double violation, value[CULL_OBJECTIVES];
    bool good;
} member;

struct cull__split {
    int objectives;
    double gamma;
    int64_t most, counted;
    int64_t *good, goods, cap_good;
    standing *best; /* one objective: of the good ones, in order */
    int64_t cap_best;
    standing *rest; /* and a heap of the others */
    int64_t rests, cap_rest;
    member *pool;
    int64_t members, cap_pool;
};

cull_status cull__split_open(cull_ctx *cx, int objectives, double gamma, int64_t most,
                             cull__split **out)
{
    cull__split *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    *s = (cull__split){.objectives = objectives, .gamma = gamma, .most = most};
    *out = s;
    return CULL_OK;
}

void cull__split_close(cull__split *s)
{
    if (!s) return;
    cull__free(s->good);
    cull__free(s->best);
    cull__free(s->rest);
    cull__free(s->pool);
    cull__free(s);
}

const int64_t *cull__split_good(const cull__split *s, int64_t *n)
{
    *n = s->goods;
    return s->good;
}

static int64_t wanted(const cull__split *s)
{
    double k = ceil(s->gamma * (double)s->counted);
    return k < 1 ? 1 : k > (double)s->most ? s->most : (int64_t)k;
}

static bool failed(const cull_search_view *v, int64_t number)
{
    const double *value = v->value + number * v->objectives;
    if (v->state[number] != CULL_TRIAL_DONE && v->state[number] != CULL_TRIAL_STOPPED) return true;
    for (int j = 0; j < v->objectives; j++)
        if (!isfinite(value[j])) return true;
    return false;
}

/* ---- one objective: the good ones in order, a heap of the others ---- */
static standing standing_of(const cull_search_view *v, int64_t number)
{
    double value = v->value[number];
    if (v->violation[number] > 0) return (standing){BREAKS, v->violation[number], value, number};
    if (v->state[number] == CULL_TRIAL_DONE) return (standing){DONE, value, 0, number};
    return (standing){STOPPED, -(double)v->steps[number], value, number};
}

static bool before(const standing *x, const standing *y)
{
    if (x->kind != y->kind) return x->kind < y->kind;
    if (x->a != y->a) return x->a < y->a;
    if (x->b != y->b) return x->b < y->b;
    return x->number < y->number;
}

static void heap_push(cull__split *s, standing x)
{
    int64_t i = s->rests++;
    for (; i > 0 && before(&x, &s->rest[(i - 1) / 2]); i = (i - 1) / 2)
        s->rest[i] = s->rest[(i - 1) / 2];
    s->rest[i] = x;
}

static standing heap_pop(cull__split *s)
{
    standing top = s->rest[0], x = s->rest[--s->rests];
    int64_t i = 0, c;
    for (; (c = 2 * i + 1) < s->rests; i = c) {
        if (c + 1 < s->rests && before(&s->rest[c + 1], &s->rest[c])) c++;
        if (!before(&s->rest[c], &x)) break;
        s->rest[i] = s->rest[c];
    }
    s->rest[i] = x;
    return top;
}

static void good_insert(cull__split *s, standing x)
{
    int64_t i = s->goods++;
    for (; i > 0 && before(&x, &s->best[i - 1]); i--) {
        s->best[i] = s->best[i - 1];
        s->good[i] = s->good[i - 1];
    }
    s->best[i] = x;
    s->good[i] = x.number;
}

static cull_status told_one(cull_ctx *cx, cull__split *s, const cull_search_view *v, int64_t number,
                            cull__split_fn *fn, void *user)
{
    standing x = standing_of(v, number);
    int64_t k = wanted(s);
    CULL_TRY(CULL_GROW(cx, s->best, &s->cap_best, k + 1));
    CULL_TRY(CULL_GROW(cx, s->good, &s->cap_good, k + 1));
    CULL_TRY(CULL_GROW(cx, s->rest, &s->cap_rest, s->rests + 2));
    if (s->goods == k && !before(&x, &s->best[k - 1])) {
        heap_push(s, x);
        return fn(cx, user, number, CULL__BAD);
    }
    /* with room for one more the best of the others may have been waiting for it */
    if (s->goods < k && s->rests && before(&s->rest[0], &x)) {
        standing other = heap_pop(s);
        good_insert(s, other);
        heap_push(s, x);
        CULL_TRY(fn(cx, user, number, CULL__BAD));
        return fn(cx, user, other.number, CULL__GOOD);
    }
    good_insert(s, x);
    CULL_TRY(fn(cx, user, number, CULL__GOOD));
    if (s->goods <= k) return CULL_OK;
    standing last = s->best[--s->goods];
    heap_push(s, last);
    return fn(cx, user, last.number, CULL__BAD);
}

/* ---- several: those that fewer than `most` dominate, for no other will ever be good ---- */
static bool dominates(const member *x, const member *y, int m)
{
    if (x->violation != y->violation) return x->violation < y->violation;
    bool less = false;
    for (int j = 0; j < m; j++) {
        if (x->value[j] > y->value[j]) return false;
        less |= x->value[j] < y->value[j];
    }
    return less;
}

/* What each of n rows adds: the larger the rather it stays. */
static cull_status worth(cull_ctx *cx, const double *value, int64_t n, int m, double *out)
{
    if (m > 4) {
        int32_t *rank;
        CULL_TRY(CULL_TMP0(cx, rank, n));
        return cull_front_crowding(cx, value, n, m, rank, out);
    }
    double *unit, ref[CULL_OBJECTIVES], volume;
    CULL_TRY(CULL_TMP(cx, unit, n * m));
    for (int j = 0; j < m; j++) { /* objectives count alike, the ends a tenth beyond the rest */
        double lo = INFINITY, hi = -INFINITY;
        for (int64_t i = 0; i < n; i++) {
            lo = fmin(lo, value[i * m + j]);
            hi = fmax(hi, value[i * m + j]);
        }
        for (int64_t i = 0; i < n; i++)
            unit[i * m + j] = hi > lo ? (value[i * m + j] - lo) / (hi - lo) : 0;
        ref[j] = 1.1;
    }
    return cull_front_volume(cx, unit, n, m, ref, &volume, out);
}

/* Marks k of the n members of one rank. */
static cull_status mark_some(cull_ctx *cx, cull__split *s, const int64_t *who, int64_t n, int64_t k,
                             uint8_t *chosen)
{
    int m = s->objectives;
    double *value, *each;
    CULL_TRY(CULL_TMP(cx, value, n * m));
    CULL_TRY(CULL_TMP(cx, each, n));
    for (int64_t i = 0; i < n; i++)
        memcpy(value + i * m, s->pool[who[i]].value, (size_t)m * sizeof *value);
    CULL_TRY(worth(cx, value, n, m, each));
    for (int64_t t = 0; t < k; t++) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++)
            if (!chosen[who[i]] && (best < 0 || each[i] > each[best])) best = i;
        chosen[who[best]] = 1;
    }
    return CULL_OK;
}

static cull_status mark(cull_ctx *cx, cull__split *s, int64_t k, uint8_t *chosen)
{
    int m = s->objectives;
    int64_t n = s->members, *who;
    int32_t *rank, ranks;
    double *value, *violation;
    CULL_TRY(CULL_TMP(cx, who, n));
    CULL_TRY(CULL_TMP(cx, rank, n));
    CULL_TRY(CULL_TMP(cx, value, n * m));
    CULL_TRY(CULL_TMP(cx, violation, n));
    for (int64_t i = 0; i < n; i++) {
        memcpy(value + i * m, s->pool[i].value, (size_t)m * sizeof *value);
        violation[i] = s->pool[i].violation;
    }
    CULL_TRY(cull_front_ranks(cx, value, n, m, violation, rank, &ranks));
    for (int32_t r = 0; r < ranks && k > 0; r++) {
        int64_t size = 0;
        for (int64_t i = 0; i < n; i++)
            if (rank[i] == r) who[size++] = i;
        if (size > k) return mark_some(cx, s, who, size, k, chosen);
        for (int64_t i = 0; i < size; i++) chosen[who[i]] = 1;
        k -= size;
    }
    return CULL_OK;
}

static cull_status select_good(cull_ctx *cx, cull__split *s, cull__split_fn *fn, void *user)
{
    uint8_t *chosen;
    int64_t k = wanted(s);
    CULL_TRY(CULL_TMP0(cx, chosen, s->members));
    CULL_TRY(CULL_GROW(cx, s->good, &s->cap_good, k));
    CULL_TRY(mark(cx, s, k, chosen));
    s->goods = 0;
    for (int64_t i = 0; i < s->members; i++) {
        member *p = &s->pool[i];
        if (chosen[i]) s->good[s->goods++] = p->number;
        if (p->good == chosen[i]) continue;
        p->good = chosen[i];
        CULL_TRY(fn(cx, user, p->number, chosen[i] ? CULL__GOOD : CULL__BAD));
    }
    return CULL_OK;
}

static cull_status told_many(cull_ctx *cx, cull__split *s, const cull_search_view *v,
                             int64_t number, cull__split_fn *fn, void *user)
{
    int m = s->objectives;
    member x = {.number = number, .violation = v->violation[number]};
    memcpy(x.value, v->value + number * m, (size_t)m * sizeof *x.value);
    CULL_TRY(CULL_GROW(cx, s->pool, &s->cap_pool, s->members + 1));
    CULL_TRY(fn(cx, user, number, CULL__BAD));
    int64_t kept = 0, members = s->members;
    for (int64_t i = 0; i < members; i++) {
        member *q = &s->pool[i];
        x.above += dominates(q, &x, m);
        q->above += dominates(&x, q, m);
        if (q->above >= s->most) {
            if (q->good) CULL_TRY(fn(cx, user, q->number, CULL__BAD));
            continue;
        }
        s->pool[kept++] = *q;
    }
    s->members = kept;
    if (x.above < s->most)
        s->pool[s->members++] = x;
    else if (kept == members && s->goods == wanted(s))
        return CULL_OK;
    return select_good(cx, s, fn, user);
}

cull_status cull__split_told(cull_ctx *cx, cull__split *s, const cull_search_view *v,
                             int64_t number, cull__split_fn *fn, void *user)
{
    if (failed(v, number)) return fn(cx, user, number, CULL__BAD);
    s->counted++;
    if (s->objectives == 1) return told_one(cx, s, v, number, fn, user);
    cull__mark_t m = cull__mark(cx);
    cull_status status = told_many(cx, s, v, number, fn, user);
    cull__release(cx, m);
    return status;
}
