/* params.c - named tensors in one flat buffer, which optimisers and files go over as a whole. */
#include "nn/nn.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ALIGN = 16 }; /* floats: each tensor begins on a cache line */

struct cull_params {
    cull_ctx *cx;
    cull_param *at;
    int64_t count, cap;
    float *value;
    int64_t size, room;
    float *mask;
    uint64_t version, seed;
    bool seeded; /* draws are of `seed`, not of the ctx's */
};

cull_status cull_params_new(cull_ctx *cx, cull_params **out)
{
    CULL_TRY(cull__alloc(cx, (void **)out, 1, sizeof **out));
    (*out)->cx = cx;
    return CULL_OK;
}

void cull_params_free(cull_params *p)
{
    if (!p) return;
    for (int64_t i = 0; i < p->count; i++) cull__free((void *)p->at[i].name);
    cull__free(p->at);
    cull__free(p->value);
    cull__free(p->mask);
    cull__free(p);
}

static void draw(cull_params *p, const cull_param *q, cull_init init, double scale, int64_t fan_in)
{
    float *v = p->value + q->at;
    int64_t in = fan_in > 0 ? fan_in : q->rank > 1 ? q->n / q->dim[0] : q->n, out = q->dim[0];
    if (q->rank == 4) out *= q->dim[1] * q->dim[2];
    uint64_t stream = cull__hash64(q->name, strlen(q->name), 0);
    cull_rng r = p->seeded ? cull__rng_seeded(p->seed, stream) : cull__rng(p->cx, stream);
    double bound = init == CULL_INIT_XAVIER ? sqrt(6. / (double)(in + out)) : 1 / sqrt((double)in);
    double sd = init == CULL_INIT_HE       ? sqrt(2. / (double)in)
                : init == CULL_INIT_GLOROT ? sqrt(2. / (double)(in + out))
                                           : scale;
    for (int64_t i = 0; i < q->n; i++) switch (init) {
        case CULL_INIT_ZERO: v[i] = 0; break;
        case CULL_INIT_ONE: v[i] = 1; break;
        case CULL_INIT_CONST: v[i] = (float)scale; break;
        case CULL_INIT_HE:
        case CULL_INIT_GLOROT:
        case CULL_INIT_NORMAL: v[i] = (float)(sd * cull__rng_normal(&r)); break;
        case CULL_INIT_XAVIER:
        case CULL_INIT_TORCH: v[i] = (float)(bound * (2 * cull__rng_unit(&r) - 1)); break;
        }
}

cull_status cull_params_add(cull_params *p, const char *name, int rank, const int64_t *dim,
                            cull_init init, double scale, int64_t fan_in, unsigned flags,
                            int *index)
{
    cull_param q = {.rank = rank, .n = 1, .at = p->size, .flags = flags};
    if (cull_params_find(p, name) >= 0)
        return cull__fail(p->cx, CULL_EINPUT, "there is a parameter %s already", name);
    if (rank < 1 || rank > CULL_RANK)
        return cull__fail(p->cx, CULL_EINPUT, "%s has %d dimensions; it must be 1 to %d", name,
                          rank, CULL_RANK);
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 1 || dim[i] > INT32_MAX || q.n > (INT64_C(1) << 40) / dim[i])
            return cull__fail(p->cx, CULL_EINPUT, "dimension %d of %s is %" PRId64, i, name,
                              dim[i]);
        q.dim[i] = dim[i];
        q.n *= dim[i];
    }
    size_t len = strlen(name) + 1;
    char *copy;
    CULL_TRY(CULL_GROW(p->cx, p->at, &p->cap, p->count + 1));
    CULL_TRY(CULL_GROW(p->cx, p->value, &p->room, p->size + (q.n + ALIGN - 1) / ALIGN * ALIGN));
    CULL_TRY(CULL_ALLOC(p->cx, copy, (int64_t)len));
    memcpy(copy, name, len);
    q.name = copy;
    p->at[p->count] = q;
    p->size += (q.n + ALIGN - 1) / ALIGN * ALIGN;
    draw(p, &q, init, scale, fan_in);
    *index = (int)p->count++;
    p->version++;
    return CULL_OK;
}

void cull__params_seed(cull_params *p, uint64_t seed)
{
    p->seed = seed;
    p->seeded = true;
}

int cull_params_count(const cull_params *p) { return p ? (int)p->count : 0; }
const cull_param *cull_params_at(const cull_params *p, int i)
{
    return i < 0 || i >= cull_params_count(p) ? NULL : p->at + i;
}

int cull_params_find(const cull_params *p, const char *name)
{
    for (int64_t i = 0; i < p->count; i++)
        if (!strcmp(p->at[i].name, name)) return (int)i;
    return -1;
}

void cull_params_flag(cull_params *p, int i, unsigned flags) { p->at[i].flags = flags; }
float *cull_params_value(cull_params *p) { return p->value; }
int64_t cull_params_size(const cull_params *p) { return p ? p->size : 0; }
const float *cull__params_mask(const cull_params *p) { return p->mask; }
cull_ctx *cull__params_ctx(const cull_params *p) { return p->cx; }
uint64_t cull__params_version(const cull_params *p) { return p ? p->version : 0; }

int64_t cull_params_trained(const cull_params *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->count; i++)
        if (!(p->at[i].flags & (CULL_PARAM_STATE | CULL_PARAM_FROZEN))) n += p->at[i].n;
    return n;
}

cull_status cull_params_mask(cull_params *p, const float *mask)
{
    float *copy = NULL;
    if (mask) {
        CULL_TRY(CULL_ALLOC(p->cx, copy, p->size));
        memcpy(copy, mask, (size_t)p->size * sizeof *copy);
    }
    cull__free(p->mask);
    p->mask = copy;
    return CULL_OK;
}
