/* study_points.c - the points of a study: their arrays, the set of their keys, results over replicates. */
#include <math.h>
#include <string.h>

#include "search/study.h"

/* ---- keys: open addressing, at most half full ---- */

static uint32_t tag_of(cull_key k) { return (uint32_t)(k.word[1] >> 32); }

static int64_t slot_of(const cull_study *s, cull_key k)
{
    int64_t mask = s->slots - 1, at = (int64_t)(k.word[0] & (uint64_t)mask);
    for (; s->slot[at].point; at = (at + 1) & mask) {
        if (s->slot[at].tag != tag_of(k)) continue;
        const cull_key *q = &s->point[s->slot[at].point - 1].key;
        if (q->word[0] == k.word[0] && q->word[1] == k.word[1]) break;
    }
    return at;
}

int64_t cull__keys_find(const cull_study *s, cull_key k)
{
    return s->slots ? (int64_t)s->slot[slot_of(s, k)].point - 1 : -1;
}

static cull_status keys_reserve(cull_study *s)
{
    if (2 * (s->keys + 1) <= s->slots) return CULL_OK;
    cull__key_slot *old = s->slot, *slot;
    int64_t slots = s->slots, more = slots ? 2 * slots : 64;
    CULL_TRY(CULL_ALLOC(s->cx, slot, more));
    s->slot = slot, s->slots = more;
    for (int64_t i = 0; i < slots; i++)
        if (old[i].point) s->slot[slot_of(s, s->point[old[i].point - 1].key)] = old[i];
    cull__free(old);
    return CULL_OK;
}

/* ---- arrays ---- */

/* Where a trial is a point, values by point are those by trial, whose array is theirs. */
static void show(cull_study *s)
{
    cull_search_view *v = &s->v;
    v->x = s->x;
    v->value = s->plain ? s->value : s->mean;
    v->noise = s->noise;
    v->violation = s->badness;
    v->state = s->pstate;
    v->steps = s->steps;
    v->told = s->told;
}

static cull_status reserve(cull_study *s, bool noise)
{
    cull_ctx *cx = s->cx;
    cull__caps *c = &s->cap;
    int64_t n = s->v.trials + 1, m = s->p.objectives;
    CULL_TRY(CULL_GROW(cx, s->point, &c->point, n));
    CULL_TRY(CULL_GROW(cx, s->x, &c->x, n * s->v.width));
    CULL_TRY(CULL_GROW(cx, s->badness, &c->badness, n));
    CULL_TRY(CULL_GROW(cx, s->pstate, &c->state, n));
    CULL_TRY(CULL_GROW(cx, s->steps, &c->steps, n));
    CULL_TRY(CULL_GROW(cx, s->told, &c->told, n));
    if (!s->plain) CULL_TRY(CULL_GROW(cx, s->mean, &c->mean, n * m));
    if (s->replicates > 1) CULL_TRY(CULL_GROW(cx, s->m2, &c->m2, n * m));
    if (noise || s->noise || s->replicates > 1) CULL_TRY(CULL_GROW(cx, s->noise, &c->noise, n * m));
    return keys_reserve(s);
}

/* Also where it fails half way the view shows the arrays that have moved. */
cull_status cull__points_reserve(cull_study *s, bool noise)
{
    cull_status r = reserve(s, noise);
    show(s);
    return r;
}

static void no_values(double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) v[i] = NAN;
}

int32_t cull__points_new(cull_study *s, const double *x)
{
    int64_t i = s->v.trials++, m = s->p.objectives;
    const cull_key k = s->key;
    memcpy(s->x + i * s->v.width, x, (size_t)s->v.width * sizeof *x);
    s->point[i] = (cull__point){.key = k, .first = (int32_t)s->trials, .next = -1};
    int64_t at = slot_of(s, k);
    if (!s->slot[at].point) {
        s->slot[at] = (cull__key_slot){(int32_t)i + 1, tag_of(k)};
        s->keys++;
    }
    s->point[s->slot[at].point - 1].times++;
    if (!s->plain) no_values(s->mean + i * m, m);
    if (s->m2) memset(s->m2 + i * m, 0, (size_t)m * sizeof *s->m2);
    if (s->noise) memset(s->noise + i * m, 0, (size_t)m * sizeof *s->noise);
    s->badness[i] = 0;
    s->pstate[i] = CULL_TRIAL_RUNNING;
    s->steps[i] = 0;
    return (int32_t)i;
}

/* ---- results ---- */

double cull__badness(const double *violation, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double v = violation[i];
        if (v > 0) sum += isinf(v) ? 1 : v / (1 + v);
    }
    return sum;
}

static void owe(cull_study *s, int64_t point) { s->owed[s->owed_n++] = 2 * point + 1; }

/* Those that waited for point i are told what it was, and the method of all of them. */
static void end_point(cull_study *s, int32_t i)
{
    owe(s, i);
    int32_t next = s->point[i].next;
    s->point[i].next = -1;
    while (next >= 0) {
        int32_t one = next;
        next = s->point[one].next;
        s->point[one].next = -1;
        cull__points_copy(s, one, i);
    }
}

void cull__points_copy(cull_study *s, int32_t i, int32_t like)
{
    int64_t m = s->p.objectives, c = s->p.constraints;
    cull__point *p = &s->point[i], *q = &s->point[like];
    if (s->pstate[like] == CULL_TRIAL_RUNNING) {
        int32_t *end = &q->next;
        while (*end >= 0) end = &s->point[*end].next;
        *end = i;
        return;
    }
    cull__trial *t = &s->trial[p->first];
    int64_t from = q->first;
    for (int64_t j = 0; j < m; j++) {
        double v = s->v.value[(int64_t)like * m + j];
        s->value[(int64_t)p->first * m + j] = v;
        if (!s->plain) s->mean[(int64_t)i * m + j] = v;
        if (s->noise) s->noise[(int64_t)i * m + j] = s->noise[(int64_t)like * m + j];
    }
    for (int64_t j = 0; j < c; j++)
        s->violation[(int64_t)p->first * c + j] = s->violation[from * c + j];
    s->badness[i] = s->badness[like];
    s->steps[i] = s->steps[like];
    t->state = s->pstate[i] = s->pstate[like];
    t->steps = s->trial[from].steps;
    t->ended = s->latest;
    s->running--, s->waiting--;
    p->in = p->asked;
    p->good = q->good > 0;
    end_point(s, i);
}

/* Welford's sums: the mean so far and squares about it; the noise of the mean from them. */
static void add_replicate(cull_study *s, int32_t i, const double *v, double badness)
{
    int64_t m = s->p.objectives, n = ++s->point[i].good;
    double *mean = s->mean + i * m, *m2 = s->m2 + i * m, *noise = s->noise + i * m;
    for (int64_t j = 0; j < m; j++) {
        if (n == 1) mean[j] = 0;
        double d = v[j] - mean[j];
        mean[j] += d / (double)n;
        m2[j] += d * (v[j] - mean[j]);
        if (n > 1) noise[j] = sqrt(m2[j] / (double)(n - 1) / (double)n);
    }
    s->badness[i] += (badness - s->badness[i]) / (double)n;
}

static void set_noise(cull_study *s, int32_t i, double noise)
{
    for (int64_t j = 0; s->noise && j < s->p.objectives; j++)
        s->noise[i * s->p.objectives + j] = noise;
}

/* One evaluation is the point's result; of `anew` a longer one replaces it. */
static void set_result(cull_study *s, int64_t trial, const double *v, double badness, double noise)
{
    cull__trial *t = &s->trial[trial];
    int64_t m = s->p.objectives, i = t->point;
    if (!s->plain) memcpy(s->mean + i * m, v, (size_t)m * sizeof *v);
    set_noise(s, t->point, noise);
    s->badness[i] = badness;
    s->point[i].good++;
    bool part = t->budget > 0 && t->budget < s->p.stop.last;
    s->pstate[i] = part ? CULL_TRIAL_STOPPED : t->state;
    s->steps[i] = part ? t->budget : t->state == CULL_TRIAL_STOPPED ? t->steps : 0;
}

void cull__points_told(cull_study *s, int64_t trial, double noise)
{
    cull__trial *t = &s->trial[trial];
    int64_t m = s->p.objectives, c = s->p.constraints;
    cull__point *p = &s->point[t->point];
    bool first = ++p->in == 1, good = t->state == CULL_TRIAL_DONE || t->state == CULL_TRIAL_STOPPED;
    const double *v = s->value + trial * m;
    double badness = c ? cull__badness(s->violation + trial * c, (int)c) : 0;
    if (s->replicates > 1) {
        if (good) add_replicate(s, t->point, v, badness);
        if (p->good == 1 && noise > 0) set_noise(s, t->point, noise);
        if (p->in < s->replicates) return;
        s->pstate[t->point] = p->good ? CULL_TRIAL_DONE : t->state;
    } else if (good) {
        set_result(s, trial, v, badness, noise);
    } else if (first) {
        s->pstate[t->point] = t->state;
    }
    if (first || s->replicates > 1)
        end_point(s, t->point);
    else
        s->v.revised += good;
}
