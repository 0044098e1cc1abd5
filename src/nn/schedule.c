/* schedule.c - learning rates, as a function of the step alone. */
#include "nn/train.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* 1 at t = 0 and 0 at t = 1. */
static double height(const cull_schedule *s, double t)
{
    double c = (1 + cos(pi * t)) / 2, p = s->power;
    switch (s->kind) {
    case CULL_LR_LINEAR: return 1 - t;
    case CULL_LR_COSINE: return c;
    case CULL_LR_POLY: return pow(1 - t, p);
    case CULL_LR_COSINE_POWER:
        return p == 1 ? c : (pow(p, c + 1) - p) / (p * p - p); /* p -> 1 is the cosine */
    case CULL_LR_CONSTANT:
    case CULL_LR_STEP: break;
    }
    return 1;
}

double cull_schedule_at(const cull_schedule *s, double step, double steps)
{
    if (step < s->warmup) return s->lr * (step + 1 < s->warmup ? (step + 1) / s->warmup : 1);
    double all = steps - s->warmup, t = all > 0 ? (step - s->warmup) / all : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    if (s->kind == CULL_LR_CONSTANT) return s->lr;
    if (s->kind == CULL_LR_STEP) {
        double lr = s->lr;
        for (int i = 0; i < s->milestones; i++)
            if (step >= s->milestone[i] * steps) lr *= s->gamma;
        return lr;
    }
    return s->lr * (s->floor + (1 - s->floor) * height(s, t));
}

cull_status cull_schedule_check(cull_ctx *cx, const cull_schedule *s)
{
    if (!(s->lr >= 0) || !isfinite(s->lr))
        return cull__fail(cx, CULL_EOPTION,
                          "the learning rate is %g; it must be finite and not below 0", s->lr);
    if (!(s->floor >= 0) || !isfinite(s->floor))
        return cull__fail(
            cx, CULL_EOPTION,
            "floor of the learning rate is %g; it must be a share of it, such as 0.01", s->floor);
    if (!(s->warmup >= 0) || !isfinite(s->warmup))
        return cull__fail(cx, CULL_EOPTION, "warmup is %g steps; it must be 0 or more", s->warmup);
    if ((s->kind == CULL_LR_POLY || s->kind == CULL_LR_COSINE_POWER) &&
        (!(s->power > 0) || !isfinite(s->power)))
        return cull__fail(cx, CULL_EOPTION, "power of the learning rate is %g; it must be above 0",
                          s->power);
    if (s->kind != CULL_LR_STEP) return CULL_OK;
    if (!(s->gamma >= 0) || !isfinite(s->gamma))
        return cull__fail(cx, CULL_EOPTION, "gamma is %g; it must be finite and not below 0",
                          s->gamma);
    for (int i = 0; i < s->milestones; i++) {
        double m = s->milestone[i];
        if (!(m >= 0 && m <= 1) || (i && m < s->milestone[i - 1]))
            return cull__fail(cx, CULL_EOPTION,
                              "milestone %d is %g; they must be shares of all steps, 0 to 1, and "
                              "ascend",
                              i, m);
    }
    return CULL_OK;
}
