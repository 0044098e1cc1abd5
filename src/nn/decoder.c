/* decoder.c - small causal transformers: their tensors, their forward pass. */
#include "nn/decoder.h"
#include "cull/nn_ops.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double DEVIATION = 0.02, NORM_EPS = 1e-5;

/* ---- sizes ---- */

static cull_status check(cull_ctx *cx, const cull_decoder_opts *o)
{
    const struct {
        const char *name;
        int64_t v, lo;
    } is[] = {{"layers", o->layers, 1},   {"width", o->width, 1}, {"heads", o->heads, 1},
              {"hidden", o->hidden, 0},   {"vocab", o->vocab, 0}, {"inputs", o->inputs, 0},
              {"context", o->context, 1}, {"outs", o->outs, 0}};
    for (size_t i = 0; i < sizeof is / sizeof *is; i++)
        if (is[i].v < is[i].lo || is[i].v > INT32_MAX / 8)
            return cull__fail(cx, CULL_EOPTION, "%s is %" PRId64 "; it must be %" PRId64 " or more",
                              is[i].name, is[i].v, is[i].lo);
    if (o->width % o->heads)
        return cull__fail(cx, CULL_EOPTION,
                          "a width of %" PRId64 " is not divided by %" PRId64 " heads", o->width,
                          o->heads);
    if (!o->vocab == !o->inputs)
        return cull__fail(cx, CULL_EOPTION,
                          "positions are tokens (vocab) or vectors (inputs), and one of both must "
                          "be said");
    if (!o->vocab && !o->outs)
        return cull__fail(cx, CULL_EOPTION,
                          "outs must be said where positions are vectors: how many numbers each "
                          "gives");
    if (o->tied && (!o->vocab || (o->outs && o->outs != o->vocab)))
        return cull__fail(cx, CULL_EOPTION,
                          "a head that is tied to the tokens' embeddings has as many outs as there "
                          "are tokens");
    if (!(o->dropout >= 0 && o->dropout < 1))
        return cull__fail(cx, CULL_EOPTION, "dropout is %g; it must be within [0, 1)", o->dropout);
    return CULL_OK;
}

/* ---- tensors ---- */

typedef struct {
    const char *name;
    int out, in; /* sizes: 'w' the width, 'h' hidden; in 0: a vector */
    bool one;    /* a norm's scale */
    bool last;   /* what it gives is added to the residual stream */
} part;
static const part parts[CULL__BLOCK_PARTS] = {
    [CULL__NORM1_W] = {"self_attn_layer_norm.weight", 'w', .one = true},
    [CULL__NORM1_B] = {"self_attn_layer_norm.bias", 'w'},
    [CULL__Q_W] = {"self_attn.q_proj.weight", 'w', 'w'},
    [CULL__Q_B] = {"self_attn.q_proj.bias", 'w'},
    [CULL__K_W] = {"self_attn.k_proj.weight", 'w', 'w'},
    [CULL__K_B] = {"self_attn.k_proj.bias", 'w'},
    [CULL__V_W] = {"self_attn.v_proj.weight", 'w', 'w'},
    [CULL__V_B] = {"self_attn.v_proj.bias", 'w'},
    [CULL__OUT_W] = {"self_attn.out_proj.weight", 'w', 'w', .last = true},
    [CULL__OUT_B] = {"self_attn.out_proj.bias", 'w'},
    [CULL__NORM2_W] = {"final_layer_norm.weight", 'w', .one = true},
    [CULL__NORM2_B] = {"final_layer_norm.bias", 'w'},
    [CULL__FC1_W] = {"fc1.weight", 'h', 'w'},
    [CULL__FC1_B] = {"fc1.bias", 'h'},
    [CULL__FC2_W] = {"fc2.weight", 'w', 'h', .last = true},
    [CULL__FC2_B] = {"fc2.bias", 'w'},
};

cull_status cull__decoder_name(const cull_decoder *d, const char *name, char full[CULL__NAME])
{
    const char *prefix = d->o.prefix ? d->o.prefix : "";
    if (snprintf(full, CULL__NAME, "%s%s", prefix, name) < CULL__NAME) return CULL_OK;
    return cull__fail(cull__params_ctx(d->p), CULL_EOPTION, "the prefix '%.40s...' is too long",
                      prefix);
}

/* Normal weights (out, in), or with in 0 a vector of zeros or ones. */
static cull_status add(cull_decoder *d, const char *name, int64_t out, int64_t in, double deviation,
                       bool one, int *at)
{
    char full[CULL__NAME];
    const int64_t dim[] = {out, in};
    CULL_TRY(cull__decoder_name(d, name, full));
    if (in) return cull_params_add(d->p, full, 2, dim, CULL_INIT_NORMAL, deviation, 0, 0, at);
    return cull_params_add(d->p, full, 1, dim, one ? CULL_INIT_ONE : CULL_INIT_ZERO, 0, 0,
                           CULL_PARAM_NO_DECAY, at);
}

static cull_status add_block(cull_decoder *d, int64_t layer)
{
    const cull_decoder_opts *o = &d->o;
    cull__block *b = d->block + layer;
    const double small = DEVIATION / sqrt(2 * (double)o->layers);
    snprintf(b->attention, sizeof b->attention, "layers.%d.self_attn", (int)layer);
    snprintf(b->ffn, sizeof b->ffn, "layers.%d", (int)layer);
    for (int i = 0; i < CULL__ADAPTER_PARTS; i++) b->adapter[i] = -1;
    for (int i = 0; i < CULL__BLOCK_PARTS; i++) {
        char name[64];
        const part *q = parts + i;
        snprintf(name, sizeof name, "layers.%d.%s", (int)layer, q->name);
        CULL_TRY(add(d, name, q->out == 'w' ? o->width : o->hidden,
                     !q->in         ? 0
                     : q->in == 'w' ? o->width
                                    : o->hidden,
                     q->last ? small : DEVIATION, q->one, b->at + i));
    }
    return CULL_OK;
}

static cull_status add_all(cull_decoder *d)
{
    const cull_decoder_opts *o = &d->o;
    const int64_t w = o->width;
    const double even = 1 / sqrt((double)(o->inputs ? o->inputs : 1));
    d->token = d->in_w = d->in_b = -1;
    if (o->vocab) {
        CULL_TRY(add(d, "embed_tokens.weight", o->vocab, w, DEVIATION, false, &d->token));
    } else {
        CULL_TRY(add(d, "project_in.weight", w, o->inputs, even, false, &d->in_w));
        CULL_TRY(add(d, "project_in.bias", w, 0, 0, false, &d->in_b));
    }
    CULL_TRY(add(d, "embed_positions.weight", o->context, w, DEVIATION, false, &d->position));
    for (int64_t i = 0; i < o->layers; i++) CULL_TRY(add_block(d, i));
    CULL_TRY(add(d, "final_layer_norm.weight", w, 0, 0, true, &d->norm_w));
    CULL_TRY(add(d, "final_layer_norm.bias", w, 0, 0, false, &d->norm_b));
    d->head = d->token;
    if (o->tied) return CULL_OK;
    return add(d, "lm_head.weight", o->outs, w, DEVIATION, false, &d->head);
}

static cull_status own_prefix(cull_ctx *cx, cull_decoder *d)
{
    const char *from = d->o.prefix;
    char *to;
    const int64_t bytes = (int64_t)strlen(from) + 1;
    d->o.prefix = NULL;
    CULL_TRY(CULL_ALLOC(cx, to, bytes));
    memcpy(to, from, (size_t)bytes);
    d->o.prefix = to;
    return CULL_OK;
}

cull_status cull_decoder_new(cull_ctx *cx, cull_params *p, const cull_decoder_opts *o,
                             cull_decoder **out)
{
    cull_decoder *d;
    CULL_TRY(check(cx, o));
    CULL_TRY(CULL_ALLOC(cx, d, 1));
    d->o = *o;
    if (!d->o.hidden) d->o.hidden = 4 * o->width;
    if (!d->o.outs) d->o.outs = o->vocab;
    d->p = p;
    d->from = cull_params_count(p);
    cull_status s = o->prefix ? own_prefix(cx, d) : CULL_OK;
    if (s == CULL_OK) s = CULL_ALLOC(cx, d->block, o->layers);
    if (s == CULL_OK) s = add_all(d);
    d->to = cull_params_count(p);
    if (s != CULL_OK) {
        cull_decoder_free(d);
        return s;
    }
    *out = d;
    return CULL_OK;
}

void cull_decoder_free(cull_decoder *d)
{
    if (!d) return;
    cull__free((void *)d->o.prefix);
    cull__free(d->block);
    cull__free(d);
}

const cull_decoder_opts *cull_decoder_options(const cull_decoder *d) { return &d->o; }

/* ---- forward ---- */

static cull_var *linear(cull_tape *t, const cull__block *b, int weight, cull_var *x)
{
    return cull_nn_linear(t, x, cull_nn_param(t, b->at[weight]),
                          cull_nn_param(t, b->at[weight + 1]));
}

static cull_var *norm(cull_tape *t, int w, int b, cull_var *x)
{
    return cull_nn_layer_norm(t, x, cull_nn_param(t, w), cull_nn_param(t, b), NORM_EPS);
}

static cull_var *attend(cull_tape *t, const cull_decoder *d, const cull__block *b, cull_var *x)
{
    cull_tape_scope(t, b->attention);
    cull_var *q = linear(t, b, CULL__Q_W, x), *k = linear(t, b, CULL__K_W, x),
             *v = linear(t, b, CULL__V_W, x);
    k = cull__prefixed(t, b, CULL__PREFIX_KEY, k);
    v = cull__prefixed(t, b, CULL__PREFIX_VALUE, v);
    return linear(t, b, CULL__OUT_W, cull_nn_attention(t, q, k, v, d->o.heads, true));
}

static cull_var *feed_forward(cull_tape *t, const cull_decoder *d, const cull__block *b,
                              cull_var *x)
{
    cull_tape_scope(t, b->ffn);
    cull_var *h = linear(t, b, CULL__FC1_W, x);
    h = d->o.act == CULL_DECODER_RELU ? cull_nn_relu(t, h) : cull_nn_gelu(t, h);
    return cull__with_adapter(t, b, CULL__PARALLEL_DOWN, x, linear(t, b, CULL__FC2_W, h));
}

static cull_var *block(cull_tape *t, const cull_decoder *d, const cull__block *b, cull_var *x)
{
    cull_var *h = attend(t, d, b, norm(t, b->at[CULL__NORM1_W], b->at[CULL__NORM1_B], x));
    x = cull_nn_add(t, x, cull_nn_dropout(t, h, d->o.dropout));
    h = feed_forward(t, d, b, norm(t, b->at[CULL__NORM2_W], b->at[CULL__NORM2_B], x));
    x = cull_nn_add(t, x, cull_nn_dropout(t, h, d->o.dropout));
    return cull__with_adapter(t, b, CULL__SERIAL_DOWN, x, x);
}

static cull_var *wrong(cull_tape *t, const char *what, int64_t is, const char *must)
{
    cull__tape_keep(
        t, cull__fail(cull__tape_ctx(t), CULL_EINPUT, "%s %" PRId64 "; %s", what, is, must));
    return NULL;
}

static bool fits(cull_tape *t, const cull_decoder *d, int64_t length)
{
    if (length >= 1 && length <= d->o.context) return true;
    cull__tape_keep(t, cull__fail(cull__tape_ctx(t), CULL_EINPUT,
                                  "a sequence has %" PRId64
                                  " positions; this decoder takes 1 to %" PRId64,
                                  length, d->o.context));
    return false;
}

/* x (n, length, width): what positions begin as. */
static cull_var *run(cull_tape *t, const cull_decoder *d, cull_var *x)
{
    if (!x) return NULL;
    cull_var *at = cull_nn_slice(t, cull_nn_param(t, d->position), 0, 0, cull_var_dim(x, 1));
    x = cull_nn_dropout(t, cull_nn_add(t, x, at), d->o.dropout);
    for (int64_t i = 0; i < d->o.layers; i++) x = block(t, d, d->block + i, x);
    cull_tape_scope(t, "lm_head");
    x = norm(t, d->norm_w, d->norm_b, x);
    return cull_nn_linear(t, x, cull_nn_param(t, d->head), NULL);
}

cull_var *cull_decoder_tokens(cull_tape *t, const cull_decoder *d, const int32_t *id, int64_t n,
                              int64_t length)
{
    const int64_t dim[] = {n, length, d->o.width};
    cull_tape_scope(t, "embed_tokens");
    if (d->token < 0)
        return wrong(t, "the decoder reads vectors of", d->o.inputs, "it has no tokens");
    if (n < 1) return wrong(t, "the number of sequences is", n, "it must be 1 or more");
    if (!fits(t, d, length)) return NULL;
    cull_var *x = cull_nn_embedding(t, cull_nn_param(t, d->token), id, n * length);
    return run(t, d, cull_nn_reshape(t, x, 3, dim));
}

cull_var *cull_decoder_vectors(cull_tape *t, const cull_decoder *d, cull_var *x)
{
    cull_tape_scope(t, "project_in");
    if (!x) return NULL;
    if (d->in_w < 0)
        return wrong(t, "the decoder reads tokens, of", d->o.vocab, "it has no vectors");
    if (cull_var_rank(x) != 3)
        return wrong(t, "the dimensions of x are", cull_var_rank(x),
                     "they must be 3: (n, length, inputs)");
    if (!fits(t, d, cull_var_dim(x, 1))) return NULL;
    x = cull_nn_linear(t, x, cull_nn_param(t, d->in_w), cull_nn_param(t, d->in_b));
    return run(t, d, x);
}
