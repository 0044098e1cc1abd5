/* adapter.c - few numbers that are trained in place of a decoder's own: bottlenecks behind its blocks and
 * beside their feed-forward networks, keys and values in front of its sequences. */
#include "cull/nn_ops.h"
#include "nn/decoder.h"

#include <inttypes.h>
#include <stdio.h>

static const double KEY_DEVIATION = 1;

typedef struct {
    const char *name;
    bool tall; /* (width, size), else (size, width) */
    cull_init init;
} part;
static const part parts[CULL__ADAPTER_PARTS] = {
    [CULL__SERIAL_DOWN] = {"serial_adapter.down_proj.weight", false, CULL_INIT_HE},
    [CULL__SERIAL_UP] = {"serial_adapter.up_proj.weight", true, CULL_INIT_ZERO},
    [CULL__PARALLEL_DOWN] = {"parallel_adapter.down_proj.weight", false, CULL_INIT_HE},
    [CULL__PARALLEL_UP] = {"parallel_adapter.up_proj.weight", true, CULL_INIT_ZERO},
    [CULL__PREFIX_KEY] = {"self_attn.prefix_key", false, CULL_INIT_NORMAL},
    [CULL__PREFIX_VALUE] = {"self_attn.prefix_value", false, CULL_INIT_ZERO},
};

static int64_t size_of(const cull_adapter_opts *o, int which)
{
    return which <= CULL__SERIAL_UP     ? o->serial
           : which <= CULL__PARALLEL_UP ? o->parallel
                                        : o->prefix;
}

static cull_status add_layer(cull_decoder *d, const cull_adapter_opts *o, int64_t layer)
{
    for (int i = 0; i < CULL__ADAPTER_PARTS; i++) {
        const part *q = parts + i;
        const int64_t size = size_of(o, i), width = d->o.width;
        char name[80], full[CULL__NAME];
        if (!size) continue;
        snprintf(name, sizeof name, "layers.%d.%s", (int)layer, q->name);
        CULL_TRY(cull__decoder_name(d, name, full));
        CULL_TRY(cull_params_add(d->p, full, 2,
                                 q->tall ? (int64_t[]){width, size} : (int64_t[]){size, width},
                                 q->init, KEY_DEVIATION, 0, 0, d->block[layer].adapter + i));
    }
    return CULL_OK;
}

static cull_status check(cull_ctx *cx, const cull_decoder *d, const cull_adapter_opts *o)
{
    const struct {
        const char *name;
        int64_t v;
    } is[] = {{"serial", o->serial}, {"parallel", o->parallel}, {"prefix", o->prefix}};
    for (size_t i = 0; i < sizeof is / sizeof *is; i++)
        if (is[i].v < 0 || is[i].v > INT32_MAX / 8)
            return cull__fail(cx, CULL_EOPTION, "%s is %" PRId64 "; it must be 0 or more",
                              is[i].name, is[i].v);
    for (int64_t l = 0; l < d->o.layers; l++)
        for (int i = 0; i < CULL__ADAPTER_PARTS; i++)
            if (d->block[l].adapter[i] >= 0)
                return cull__fail(cx, CULL_EINPUT, "the decoder has adapters already");
    return CULL_OK;
}

cull_status cull_decoder_adapt(cull_ctx *cx, cull_decoder *d, const cull_adapter_opts *o)
{
    CULL_TRY(check(cx, d, o));
    for (int64_t l = 0; l < d->o.layers; l++)
        if (!o->layer || o->layer[l]) CULL_TRY(add_layer(d, o, l));
    for (int i = d->from; i < d->to; i++)
        cull_params_flag(d->p, i, cull_params_at(d->p, i)->flags | CULL_PARAM_FROZEN);
    return CULL_OK;
}

int64_t cull_adapter_numbers(const cull_decoder_opts *d, const cull_adapter_opts *o)
{
    int64_t layers = 0;
    for (int64_t l = 0; l < d->layers; l++) layers += !o->layer || o->layer[l];
    return layers * 2 * d->width * (o->serial + o->parallel + o->prefix);
}

/* ---- forward ---- */

cull_var *cull__prefixed(cull_tape *t, const cull__block *b, int which, cull_var *x)
{
    if (!x || b->adapter[which] < 0) return x;
    cull_var *rows = cull_nn_param(t, b->adapter[which]);
    if (!rows) return NULL;
    const int64_t dim[] = {cull_var_dim(x, 0), cull_var_dim(rows, 0), cull_var_dim(rows, 1)};
    return cull_nn_concat(t, (cull_var *[]){cull_nn_broadcast_to(t, rows, 3, dim), x}, 2, 1);
}

static cull_var *bottleneck(cull_tape *t, const cull__block *b, int down, cull_var *x)
{
    x = cull_nn_relu(t, cull_nn_linear(t, x, cull_nn_param(t, b->adapter[down]), NULL));
    return cull_nn_linear(t, x, cull_nn_param(t, b->adapter[down + 1]), NULL);
}

cull_var *cull__with_adapter(cull_tape *t, const cull__block *b, int down, cull_var *x, cull_var *y)
{
    return b->adapter[down] < 0 ? y : cull_nn_add(t, y, bottleneck(t, b, down, x));
}
