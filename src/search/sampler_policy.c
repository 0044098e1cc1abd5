/* sampler_policy.c - a factorised categorical policy over the choices of a point. */
#include "search/parts.h"

#include <math.h>

cull_status cull__policy_new(cull_ctx *cx, cull__choices *c, int tasks, cull__policy **out)
{
    cull__policy *p;
    CULL_TRY(CULL_ALLOC(cx, p, 1));
    p->choices = c, p->tasks = tasks, p->numbers = c->weight[c->slots];
    cull_status s = CULL_ALLOC(cx, p->p, c->most);
    if (s == CULL_OK) s = CULL_ALLOC(cx, p->theta, tasks * p->numbers + 1);
    if (s != CULL_OK) {
        cull__policy_free(p);
        return s;
    }
    *out = p;
    return CULL_OK;
}

void cull__policy_free(cull__policy *p)
{
    if (!p) return;
    cull__free(p->p);
    cull__free(p->theta);
    cull__free(p);
}

typedef struct {
    cull__policy *p;
    int task;
    bool most;
    double sum, step;
} turn;

/* Probabilities of a slot's ways into p->p. */
static void softmax(const turn *t, int64_t slot, int ways, const uint8_t *open)
{
    const cull__policy *p = t->p;
    const double *theta =
        t->task < 0 ? NULL : p->theta + t->task * p->numbers + p->choices->weight[slot];
    double top = -INFINITY, sum = 0;
    for (int i = 0; i < ways && theta; i++)
        if ((!open || open[i]) && theta[i] > top) top = theta[i];
    for (int i = 0; i < ways; i++) {
        p->p[i] = open && !open[i] ? 0 : theta ? exp(theta[i] - top) : 1;
        sum += p->p[i];
    }
    for (int i = 0; i < ways; i++) p->p[i] /= sum;
}

static int choose(void *user, int64_t slot, int ways, const uint8_t *open, cull_rng *r)
{
    const turn *t = user;
    softmax(t, slot, ways, open);
    int at = -1, ties = 0;
    if (t->most) {
        for (int i = 0; i < ways; i++) {
            if (open && !open[i]) continue;
            if (at < 0 || t->p->p[i] > t->p->p[at]) at = i, ties = 0;
            if (t->p->p[i] == t->p->p[at] && cull__rng_below(r, ++ties) == 0) at = i;
        }
        return at;
    }
    double u = cull__rng_unit(r);
    for (int i = 0; i < ways; i++) {
        if (t->p->p[i] == 0) continue;
        at = i;
        if ((u -= t->p->p[i]) < 0) break;
    }
    return at;
}

bool cull__policy_draw(cull__policy *p, int task, cull_rng *r, double *x)
{
    turn t = {.p = p, .task = task};
    return cull__choices_make(p->choices, choose, &t, r, x);
}

bool cull__policy_most(cull__policy *p, int task, cull_rng *r, double *x)
{
    turn t = {.p = p, .task = task, .most = true};
    return cull__choices_make(p->choices, choose, &t, r, x);
}

static bool add_log(void *user, int64_t slot, int ways, const uint8_t *open, int way)
{
    turn *t = user;
    softmax(t, slot, ways, open);
    t->sum += log(t->p->p[way]);
    return true;
}

double cull__policy_log(cull__policy *p, int task, const double *x)
{
    turn t = {.p = p, .task = task};
    cull__choices_read(p->choices, x, add_log, &t);
    return t.sum;
}

static bool add_step(void *user, int64_t slot, int ways, const uint8_t *open, int way)
{
    turn *t = user;
    double *theta = t->p->theta + t->task * t->p->numbers + t->p->choices->weight[slot];
    softmax(t, slot, ways, open);
    for (int i = 0; i < ways; i++) theta[i] += t->step * ((i == way) - t->p->p[i]);
    return true;
}

void cull__policy_add(cull__policy *p, int task, const double *x, double step)
{
    turn t = {.p = p, .task = task, .step = step};
    cull__choices_read(p->choices, x, add_step, &t);
}
