/* sampler_trials.c - how trials compare, spreads of numbers, trials by key. */
#include "search/parts.h"

#include <math.h>

cull_rng cull__event_rng(const cull_search_view *v, uint32_t what, int64_t number)
{
    /* proposals of points (cull__search_rng) have streams below these */
    return cull__rng_seeded(v->seed, (uint64_t)3 << 62 | (uint64_t)what << 48 | (uint64_t)number);
}

bool cull__trial_counts(const cull_search_view *v, int64_t number)
{
    for (int j = 0; j < v->objectives; j++)
        if (!isfinite(v->value[number * v->objectives + j])) return false;
    return v->state[number] == CULL_TRIAL_DONE || v->state[number] == CULL_TRIAL_STOPPED;
}

int cull__trial_compare(const cull_search_view *v, int64_t a, int64_t b)
{
    bool ca = cull__trial_counts(v, a), cb = cull__trial_counts(v, b);
    if (!ca || !cb) return cb - ca;
    double x = v->violation[a], y = v->violation[b];
    if (x != y) return x < y ? -1 : 1;
    x = v->value[a * v->objectives], y = v->value[b * v->objectives];
    return (x > y) - (x < y);
}

void cull__spread_add(cull__spread_t *s, double v)
{
    double off = v - s->mean;
    if (!s->n || v < s->least) s->least = v;
    if (!s->n || v > s->most) s->most = v;
    s->mean += off / (double)++s->n;
    s->squares += off * (v - s->mean);
}

double cull__spread_sd(const cull__spread_t *s)
{
    return s->n < 2 ? 0 : sqrt(s->squares / (double)(s->n - 1));
}

static int64_t slot_of(const cull__keyed *k, cull_key key)
{
    int64_t i = (int64_t)(key.word[0] & (uint64_t)(k->cap - 1));
    while (k->trial[i] >= 0 &&
           (k->key[i].word[0] != key.word[0] || k->key[i].word[1] != key.word[1]))
        i = (i + 1) & (k->cap - 1);
    return i;
}

int64_t cull__keyed_find(const cull__keyed *k, cull_key key)
{
    return k->cap ? k->trial[slot_of(k, key)] : -1;
}

static cull_status enlarge(cull__keyed *k)
{
    cull__keyed more = {k->cx, NULL, NULL, k->n, k->cap ? 2 * k->cap : 64};
    CULL_TRY(CULL_ALLOC(k->cx, more.key, more.cap));
    cull_status s = CULL_ALLOC(k->cx, more.trial, more.cap);
    if (s != CULL_OK) {
        cull__free(more.key);
        return s;
    }
    for (int64_t i = 0; i < more.cap; i++) more.trial[i] = -1;
    for (int64_t i = 0; i < k->cap; i++) {
        if (k->trial[i] < 0) continue;
        int64_t at = slot_of(&more, k->key[i]);
        more.key[at] = k->key[i], more.trial[at] = k->trial[i];
    }
    cull__free(k->key);
    cull__free(k->trial);
    *k = more;
    return CULL_OK;
}

cull_status cull__keyed_add(cull__keyed *k, cull_key key, int64_t trial)
{
    if (2 * (k->n + 1) > k->cap) CULL_TRY(enlarge(k));
    int64_t at = slot_of(k, key);
    if (k->trial[at] >= 0) return CULL_OK;
    k->key[at] = key, k->trial[at] = trial, k->n++;
    return CULL_OK;
}
