/* optim.c - optimisers: SGD, Adam and AdamW over the flat buffer of parameters.
 *
 * Neighbours of equal flags and rate are one segment, found again when flags change. A step goes over
 * chunks of the buffer that its size alone fixes; the length of the gradient is summed in their order. */
#include "nn/train.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { GRAIN = 1 << 15 };

typedef struct {
    int64_t lo, hi;
    double scale;
    bool decays, shrinks; /* shrinks: by norm_l1 */
} segment;

struct cull_optim {
    cull_params *p;
    cull_optim_opts o; /* scale: own */
    double *scale;     /* of each tensor, or NULL */
    unsigned *flags;   /* that the segments are made of */
    segment *seg;
    int segs, count, arrays, cap;
    int64_t size, steps;
    float *array[2];
    float *share; /* `cap` of them */
    double *part; /* squares of each chunk */
    double norm;
};

static cull_status check(cull_ctx *cx, const cull_optim_opts *o, int count)
{
    const struct {
        const char *name;
        double v;
        bool good;
    } is[] = {
        {"decay", o->decay, o->decay >= 0},
        {"momentum", o->momentum, o->momentum >= 0 && o->momentum < 1},
        {"beta1", o->beta1, o->beta1 >= 0 && o->beta1 < 1},
        {"beta2", o->beta2, o->beta2 >= 0 && o->beta2 < 1},
        {"epsilon", o->epsilon, o->epsilon > 0 || o->kind == CULL_SGD},
        {"clip", o->clip, o->clip >= 0},
        {"clip_value", o->clip_value, o->clip_value >= 0},
        {"norm_l1", o->norm_l1, o->norm_l1 >= 0},
    };
    for (size_t i = 0; i < sizeof is / sizeof *is; i++)
        if (!is[i].good || !isfinite(is[i].v))
            return cull__fail(cx, CULL_EOPTION,
                              "%s of the optimiser is %g; momentum and betas are within [0, 1), "
                              "epsilon is above 0, all others are not below 0",
                              is[i].name, is[i].v);
    for (int i = 0; o->scale && i < count; i++)
        if (!(o->scale[i] >= 0) || !isfinite(o->scale[i]))
            return cull__fail(cx, CULL_EOPTION,
                              "the learning rate of parameter %d is scaled by %g; it must be "
                              "finite and not below 0",
                              i, o->scale[i]);
    return CULL_OK;
}

static cull_status make(cull_ctx *cx, cull_optim *o)
{
    int64_t count = o->count > 0 ? o->count : 1, size = o->size > 0 ? o->size : 1;
    CULL_TRY(CULL_ALLOC(cx, o->flags, count));
    CULL_TRY(CULL_ALLOC(cx, o->seg, count));
    CULL_TRY(CULL_ALLOC(cx, o->part, (size - 1) / GRAIN + 1));
    if (o->o.scale) {
        CULL_TRY(CULL_ALLOC(cx, o->scale, count));
        memcpy(o->scale, o->o.scale, (size_t)o->count * sizeof *o->scale);
    }
    for (int i = 0; i < o->arrays; i++) CULL_TRY(CULL_ALLOC(cx, o->array[i], size));
    return CULL_OK;
}

cull_status cull_optim_new(cull_ctx *cx, cull_params *p, const cull_optim_opts *opts,
                           cull_optim **out)
{
    *out = NULL;
    CULL_TRY(check(cx, opts, cull_params_count(p)));
    cull_optim *o;
    CULL_TRY(cull__alloc(cx, (void **)&o, 1, sizeof *o));
    o->p = p;
    o->o = *opts;
    o->count = cull_params_count(p);
    o->size = cull_params_size(p);
    o->arrays = opts->kind == CULL_SGD ? opts->momentum > 0 : 2;
    o->segs = -1;
    o->norm = NAN;
    cull_status s = make(cx, o);
    if (s != CULL_OK) {
        cull_optim_free(o);
        return s;
    }
    *out = o;
    return CULL_OK;
}

void cull_optim_free(cull_optim *o)
{
    if (!o) return;
    cull__free(o->scale);
    cull__free(o->flags);
    cull__free(o->seg);
    cull__free(o->share);
    cull__free(o->part);
    for (int i = 0; i < 2; i++) cull__free(o->array[i]);
    cull__free(o);
}

/* ---- segments ---- */

static bool flags_changed(const cull_optim *o)
{
    for (int i = 0; i < o->count; i++)
        if (o->flags[i] != cull_params_at(o->p, i)->flags) return true;
    return o->segs < 0;
}

static void find_segments(cull_optim *o)
{
    if (!flags_changed(o)) return;
    o->segs = 0;
    segment *last = NULL;
    for (int i = 0; i < o->count; i++) {
        const cull_param *q = cull_params_at(o->p, i);
        bool decays = !(q->flags & CULL_PARAM_NO_DECAY);
        bool shrinks = o->o.norm_l1 > 0 && q->flags & CULL_PARAM_SCALE;
        double scale = o->scale ? o->scale[i] : 1;
        o->flags[i] = q->flags;
        if (q->flags & (CULL_PARAM_STATE | CULL_PARAM_FROZEN)) {
            last = NULL;
            continue;
        }
        if (!last || last->decays != decays || last->shrinks != shrinks || last->scale != scale) {
            last = o->seg + o->segs++;
            *last = (segment){.lo = q->at, .scale = scale, .decays = decays, .shrinks = shrinks};
        }
        last->hi = q->at + q->n;
    }
}

/* ---- a step ---- */

typedef struct {
    cull_optim *o;
    const cull__update *u;
    const cull__optim_kern *k;
    double lr;
} pass;

/* The part of segment s within [*lo, *hi); false: none. */
static bool within(const segment *s, int64_t lo, int64_t hi, int64_t *from, int64_t *to)
{
    *from = s->lo > lo ? s->lo : lo;
    *to = s->hi < hi ? s->hi : hi;
    return *from < *to;
}

static cull_status measure(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)cx;
    const pass *a = arg;
    double sum = 0;
    int64_t from, to;
    for (int i = 0; i < a->o->segs; i++)
        if (within(a->o->seg + i, lo, hi, &from, &to)) sum += a->k->square(a->u, from, to);
    a->o->part[chunk] = sum;
    return CULL_OK;
}

static cull_status update(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)cx, (void)chunk;
    const pass *a = arg;
    const cull_optim *o = a->o;
    float *p = cull_params_value(o->p);
    double t = (double)o->steps;
    for (int i = 0; i < o->segs; i++) {
        const segment *s = o->seg + i;
        int64_t from, to;
        if (!within(s, lo, hi, &from, &to)) continue;
        cull__update u = *a->u;
        double lr = a->lr * s->scale, decay = s->decays ? o->o.decay : 0;
        bool apart = o->o.kind == CULL_ADAMW;
        u.decay = apart ? 0 : (float)decay;
        u.l1 = s->shrinks ? (float)o->o.norm_l1 : 0;
        u.keep = apart ? (float)(1 - lr * decay) : 1;
        if (o->o.kind == CULL_SGD) {
            u.lr = (float)lr;
            a->k->sgd(&u, p, o->array[0], from, to);
        } else {
            u.lr = (float)(lr / (1 - pow(o->o.beta1, t)));
            a->k->adam(&u, p, o->array[0], o->array[1], from, to);
        }
    }
    return CULL_OK;
}

static cull_status shares(cull_ctx *cx, cull_optim *o, const double *share, int n, cull__update *u)
{
    if (!share || (n == 1 && share[0] == 1)) return CULL_OK;
    if (o->cap < n) {
        cull__free(o->share);
        o->share = NULL, o->cap = 0;
        CULL_TRY(CULL_ALLOC(cx, o->share, n));
        o->cap = n;
    }
    for (int i = 0; i < n; i++) o->share[i] = (float)share[i];
    u->share = o->share;
    return CULL_OK;
}

/* Like torch.nn.utils.clip_grad_norm_. */
static cull_status clip(cull_ctx *cx, cull_optim *o, pass *a, cull__update *u)
{
    double sum = 0;
    CULL_TRY(cull__for(cx, o->size, GRAIN, measure, a));
    for (int64_t i = 0; i < (o->size - 1) / GRAIN + 1; i++) sum += o->part[i];
    o->norm = sqrt(sum);
    if (!isfinite(sum))
        return cull__fail(cx, CULL_EINPUT,
                          "the gradient of step %" PRId64 " is not finite; clip_value or a lower "
                          "learning rate may keep it so",
                          o->steps + 1);
    double coef = o->o.clip / (o->norm + 1e-6);
    u->coef = coef < 1 ? (float)coef : 1;
    return CULL_OK;
}

cull_status cull_optim_step(cull_ctx *cx, cull_optim *o, const float *const *grad,
                            const double *share, int n, double lr)
{
    if (!(lr >= 0) || !isfinite(lr))
        return cull__fail(cx, CULL_EOPTION,
                          "the learning rate is %g; it must be finite and not below 0", lr);
    if (o->size != cull_params_size(o->p) || o->count != cull_params_count(o->p))
        return cull__fail(cx, CULL_EINPUT,
                          "tensors were added to the parameters: the optimiser must be made anew");
    if (n < 1 || o->size < 1) return CULL_OK;
    find_segments(o);
    cull__update u = {.grad = grad,
                      .grads = n,
                      .clip_value = (float)o->o.clip_value,
                      .coef = 1,
                      .mask = cull__params_mask(o->p),
                      .momentum = (float)o->o.momentum,
                      .nesterov = o->o.nesterov,
                      .beta2 = (float)o->o.beta2,
                      .more1 = (float)(1 - o->o.beta1),
                      .more2 = (float)(1 - o->o.beta2),
                      .epsilon = (float)o->o.epsilon};
    pass a = {o, &u, CULL__KERN(optim, cx), lr};
    CULL_TRY(shares(cx, o, share, n, &u));
    if (o->o.clip > 0) CULL_TRY(clip(cx, o, &a, &u));
    o->steps++;
    u.root = (float)(1 / sqrt(1 - pow(o->o.beta2, (double)o->steps)));
    cull_status s = cull__for(cx, o->size, GRAIN, update, &a);
    return s;
}

/* ---- what it holds ---- */

double cull_optim_norm(const cull_optim *o) { return o->norm; }
int cull_optim_count(const cull_optim *o) { return o->arrays; }
int64_t cull_optim_steps(const cull_optim *o) { return o->steps; }
void cull_optim_set_steps(cull_optim *o, int64_t steps) { o->steps = steps; }

float *cull_optim_array(cull_optim *o, int i, const char **name)
{
    static const char *const names[] = {"momentum_buffer", "exp_avg", "exp_avg_sq"};
    if (i < 0 || i >= o->arrays) return NULL;
    if (name) *name = names[o->o.kind == CULL_SGD ? 0 : i + 1];
    return o->array[i];
}

void cull_optim_reset(cull_optim *o)
{
    for (int i = 0; i < o->arrays; i++)
        memset(o->array[i], 0, (size_t)o->size * sizeof *o->array[i]);
    o->steps = 0;
    o->norm = NAN;
}
