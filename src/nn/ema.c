/* ema.c - averages and snapshots of parameters, in buffers as flat as theirs. */
#include "nn/train.h"

#include <math.h>
#include <string.h>

struct cull_ema {
    cull_params *p;
    float *value;
    int64_t size, steps;
    double decay;
    bool ramp;
};

cull_status cull_ema_new(cull_ctx *cx, cull_params *p, double decay, bool ramp, cull_ema **out)
{
    cull_ema *e;
    *out = NULL;
    if (!(decay >= 0 && decay < 1))
        return cull__fail(cx, CULL_EOPTION, "decay of the average is %g; it must be within [0, 1)",
                          decay);
    CULL_TRY(cull__alloc(cx, (void **)&e, 1, sizeof *e));
    *e = (cull_ema){.p = p, .size = cull_params_size(p), .decay = decay, .ramp = ramp};
    cull_status s = CULL_ALLOC(cx, e->value, e->size > 0 ? e->size : 1);
    if (s != CULL_OK) {
        cull_ema_free(e);
        return s;
    }
    if (e->size) memcpy(e->value, cull_params_value(p), (size_t)e->size * sizeof *e->value);
    *out = e;
    return CULL_OK;
}

void cull_ema_free(cull_ema *e)
{
    if (!e) return;
    cull__free(e->value);
    cull__free(e);
}

void cull_ema_step(cull_ema *e)
{
    double i = (double)++e->steps, ramp = (1 + i) / (10 + i);
    double decay = e->ramp && ramp < e->decay ? ramp : e->decay;
    CULL__KERN(optim, cull__params_ctx(e->p))
        ->ema(e->value, cull_params_value(e->p), (float)(1 - decay), e->size);
}

float *cull_ema_value(cull_ema *e) { return e->value; }
int64_t cull_ema_steps(const cull_ema *e) { return e->steps; }
void cull_ema_set_steps(cull_ema *e, int64_t steps) { e->steps = steps; }
void cull_ema_swap(cull_ema *e)
{
    CULL__KERN(optim, cull__params_ctx(e->p))->swap(e->value, cull_params_value(e->p), e->size);
}

/* ---- snapshots ---- */

typedef struct {
    float *at;
    int64_t step;
    double score;
} shot;

struct cull_snapshots {
    cull_params *p;
    float *value; /* all of them */
    int64_t size;
    int keep, count;
    bool best;
    shot shot[]; /* in order: the newest or best first; those behind `count` are free */
};

cull_status cull_snapshots_new(cull_ctx *cx, cull_params *p, int keep, bool best,
                               cull_snapshots **out)
{
    cull_snapshots *s;
    *out = NULL;
    if (keep < 1)
        return cull__fail(cx, CULL_EOPTION, "%d snapshots are to be kept; it must be 1 or more",
                          keep);
    CULL_TRY(cull__alloc(cx, (void **)&s, 1, sizeof *s + (size_t)keep * sizeof s->shot[0]));
    s->p = p;
    s->size = cull_params_size(p);
    s->keep = keep;
    s->best = best;
    int64_t each = s->size > 0 ? s->size : 1;
    cull_status st = cull__alloc(cx, (void **)&s->value, keep, (size_t)each * sizeof *s->value);
    if (st != CULL_OK) {
        cull_snapshots_free(s);
        return st;
    }
    for (int i = 0; i < keep; i++) s->shot[i].at = s->value + i * each;
    *out = s;
    return CULL_OK;
}

void cull_snapshots_free(cull_snapshots *s)
{
    if (!s) return;
    cull__free(s->value);
    cull__free(s);
}

void cull_snapshots_take(cull_snapshots *s, int64_t step, double score)
{
    int at = 0;
    double v = isnan(score) ? INFINITY : score;
    while (s->best && at < s->count && s->shot[at].score <= v) at++;
    if (at == s->keep) return;
    if (s->count < s->keep) s->count++;
    shot free = s->shot[s->count - 1];
    memmove(s->shot + at + 1, s->shot + at, (size_t)(s->count - 1 - at) * sizeof *s->shot);
    s->shot[at] = (shot){.at = free.at, .step = step, .score = v};
    if (s->size) memcpy(free.at, cull_params_value(s->p), (size_t)s->size * sizeof *free.at);
}

int cull_snapshots_count(const cull_snapshots *s) { return s->count; }

const float *cull_snapshots_at(const cull_snapshots *s, int i, int64_t *step, double *score)
{
    if (i < 0 || i >= s->count) return NULL;
    if (step) *step = s->shot[i].step;
    if (score) *score = s->shot[i].score;
    return s->shot[i].at;
}

bool cull_snapshots_restore(cull_snapshots *s, int i)
{
    if (i < 0 || i >= s->count) return false;
    if (s->size) memcpy(cull_params_value(s->p), s->shot[i].at, (size_t)s->size * sizeof *s->value);
    return true;
}
