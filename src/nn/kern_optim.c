/* kern_optim.c - steps of optimisers and averages, in one pass over numbers, gradients and state;
 * random signs.
 *
 * A block of the gradient is put together in the first-level cache (shards added in order, clipped, masked),
 * so that no pass writes it to memory. */
#include "nn/train.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 512, LANES = 16 };

static void masked(float *g, const cull__update *u, int64_t lo, int64_t n)
{
    if (!u->mask) return;
    const float *mask = u->mask + lo;
    for (int64_t i = 0; i < n; i++) g[i] = mask[i] != 0 ? g[i] : 0;
}

/* The gradient [lo, lo + n) but for coef and decay. */
static void gather(float *restrict g, const cull__update *u, int64_t lo, int64_t n)
{
    const float *restrict first = u->grad[0] + lo;
    if (u->share)
        for (int64_t i = 0; i < n; i++) g[i] = u->share[0] * first[i];
    else
        memcpy(g, first, (size_t)n * sizeof *g);
    for (int k = 1; k < u->grads; k++) {
        const float *restrict more = u->grad[k] + lo, share = u->share ? u->share[k] : 1;
        for (int64_t i = 0; i < n; i++) g[i] += share * more[i];
    }
    if (u->clip_value > 0) {
        const float top = u->clip_value;
        for (int64_t i = 0; i < n; i++) {
            float a = g[i] > top ? top : g[i];
            g[i] = a < -top ? -top : a;
        }
    }
    masked(g, u, lo, n);
}

static double square(const cull__update *u, int64_t lo, int64_t hi)
{
    float g[BLOCK];
    double lane[LANES] = {0}, sum = 0;
    for (; lo < hi; lo += BLOCK) {
        int64_t n = hi - lo < BLOCK ? hi - lo : BLOCK, whole = n / LANES * LANES;
        gather(g, u, lo, n);
        for (int64_t i = 0; i < whole; i += LANES)
            for (int j = 0; j < LANES; j++) lane[j] += (double)g[i + j] * (double)g[i + j];
        for (int64_t i = whole; i < n; i++) lane[i - whole] += (double)g[i] * (double)g[i];
    }
    for (int j = 0; j < LANES; j++) sum += lane[j];
    return sum;
}

/* What the size of weights adds to the gradient. */
static void penalise(float *restrict g, const cull__update *u, const float *restrict p, int64_t n)
{
    if (u->decay != 0)
        for (int64_t i = 0; i < n; i++) g[i] += u->decay * p[i];
    if (u->l1 != 0)
        for (int64_t i = 0; i < n; i++) g[i] += u->l1 * (float)((p[i] > 0) - (p[i] < 0));
}

/* The whole gradient, with decay where that is a part of it: in g, or where it lies. */
static const float *gradient(float *restrict g, const cull__update *u, const float *restrict p,
                             int64_t lo, int64_t n)
{
    bool plain = u->grads == 1 && !u->share && !u->mask && u->clip_value <= 0;
    bool more = u->decay != 0 || u->l1 != 0;
    if (plain && u->coef == 1 && !more) return u->grad[0] + lo;
    gather(g, u, lo, n);
    if (u->coef != 1)
        for (int64_t i = 0; i < n; i++) g[i] *= u->coef;
    if (!more) return g;
    penalise(g, u, p, n);
    masked(g, u, lo, n);
    return g;
}

/* p is again what it was where the mask is 0. */
static void hold(float *restrict p, const float *restrict was, const cull__update *u, int64_t lo,
                 int64_t n)
{
    const float *restrict mask = u->mask + lo;
    for (int64_t i = 0; i < n; i++) p[i] = mask[i] != 0 ? p[i] : was[i];
}

static void sgd(const cull__update *u, float *p, float *b, int64_t lo, int64_t hi)
{
    float room[BLOCK], was[BLOCK];
    for (; lo < hi; lo += BLOCK) {
        int64_t n = hi - lo < BLOCK ? hi - lo : BLOCK;
        float *restrict at = p + lo;
        const float *g = gradient(room, u, at, lo, n);
        if (u->mask) memcpy(was, at, (size_t)n * sizeof *at);
        if (b) {
            float *restrict buffer = b + lo;
            for (int64_t i = 0; i < n; i++) {
                buffer[i] = u->momentum * buffer[i] + g[i];
                room[i] = u->nesterov ? g[i] + u->momentum * buffer[i] : buffer[i];
            }
            g = room;
        }
        for (int64_t i = 0; i < n; i++) at[i] -= u->lr * g[i];
        if (u->mask) hold(at, was, u, lo, n);
    }
}

static void adam(const cull__update *u, float *p, float *m, float *v, int64_t lo, int64_t hi)
{
    float room[BLOCK], was[BLOCK];
    for (; lo < hi; lo += BLOCK) {
        int64_t n = hi - lo < BLOCK ? hi - lo : BLOCK;
        float *restrict at = p + lo, *restrict first = m + lo, *restrict second = v + lo;
        const float *restrict g = gradient(room, u, at, lo, n);
        if (u->mask) memcpy(was, at, (size_t)n * sizeof *at);
        for (int64_t i = 0; i < n; i++) {
            first[i] += (g[i] - first[i]) * u->more1;
            second[i] = u->beta2 * second[i] + u->more2 * g[i] * g[i];
            at[i] =
                u->keep * at[i] - u->lr * (first[i] / (sqrtf(second[i]) * u->root + u->epsilon));
        }
        if (u->mask) hold(at, was, u, lo, n);
    }
}

static void ema(float *restrict e, const float *restrict p, float more, int64_t n)
{
    for (int64_t i = 0; i < n; i++) e[i] += more * (p[i] - e[i]);
}

static void swap(float *restrict a, float *restrict b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float was = a[i];
        a[i] = b[i];
        b[i] = was;
    }
}

static void signs(float *restrict out, const uint32_t *restrict w, int64_t n, float size)
{
    uint32_t one;
    memcpy(&one, &size, sizeof one);
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits[32];
        for (uint32_t j = 0; j < 32; j++) bits[j] = one | (w[i] >> j) << 31;
        memcpy(out + 32 * i, bits, sizeof bits);
    }
}

const cull__optim_kern CULL__TABLE(optim) = {
    .square = square,
    .sgd = sgd,
    .adam = adam,
    .ema = ema,
    .swap = swap,
    .signs = signs,
};
