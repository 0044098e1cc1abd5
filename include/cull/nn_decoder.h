/* cull/nn_decoder.h - attention, small causal transformers on a tape (cull/nn.h), adapters for them.
 *
 *     cull_decoder_opts o = CULL_DECODER_OPTS;
 *     o.vocab = 65;
 *     status = cull_decoder_new(cx, params, &o, &d);   // its tensors are added to params
 *     ...                                              // and in a loss function of cull/train.h:
 *     cull_var *y = cull_decoder_tokens(t, d, id, n, length);
 *     return cull_nn_cross_entropy(t, y, next, NULL, 0);
 */
#ifndef CULL_NN_DECODER_H
#define CULL_NN_DECODER_H
#include "cull/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* q (n, s, width), k and v (n, keys, width), heads side by side in a row: (n, s, width), each head's
 * softmax(q k^T / sqrt(width / heads)) v. causal: query i sees the keys up to keys - s + i, so that keys in
 * front of a sequence's own are seen by all. */
CULL_API cull_var *cull_nn_attention(cull_tape *t, cull_var *q, cull_var *k, cull_var *v,
                                     int64_t heads, bool causal);

typedef enum { CULL_DECODER_GELU, CULL_DECODER_RELU } cull_decoder_act;
typedef struct {
    int64_t layers, width, heads;
    int64_t hidden;  /* of the feed-forward networks; 0 = 4 width */
    int64_t context; /* most positions */
    int64_t vocab;   /* tokens; 0 = positions are vectors */
    int64_t inputs;  /* numbers of such a vector */
    int64_t outs;    /* numbers at each position of the result; 0 = vocab */
    cull_decoder_act act;
    bool tied;      /* the head's weights are the tokens' embeddings; outs is vocab then */
    double dropout; /* of embeddings and of what is added to the residual stream, in train mode */
    const char *prefix; /* of all names: "model.decoder."; NULL = none */
} cull_decoder_opts;
/* clang-format off */
#define CULL_DECODER_OPTS {.layers = 4, .width = 128, .heads = 4, .context = 64}
/* clang-format on */

/* A decoder: blocks that normalise before attention and before the feed-forward network (pre-norm), learned
 * positions, a last norm, a head. Tensors are called as those of Hugging Face's OPT:
 *
 *     embed_tokens.weight (vocab, width), or project_in.weight (width, inputs) and .bias
 *     embed_positions.weight (context, width)
 *     layers.0.self_attn_layer_norm, layers.0.self_attn.{q,k,v,out}_proj, layers.0.final_layer_norm,
 *     layers.0.fc1, layers.0.fc2: .weight and .bias
 *     final_layer_norm.weight and .bias
 *     lm_head.weight (outs, width), unless it is tied
 *
 * Weights begin as GPT-2's: normal, of deviation 0.02, and what is added to the residual stream at
 * 1 / sqrt(2 layers) of it. Norms and biases have no weight decay. */
typedef struct cull_decoder cull_decoder;
/* CULL_EOPTION: sizes that do not fit; CULL_EINPUT: a name that params has already. p must last. */
CULL_API cull_status cull_decoder_new(cull_ctx *cx, cull_params *p, const cull_decoder_opts *o,
                                      cull_decoder **out) CULL_CHECKED;
CULL_API void cull_decoder_free(cull_decoder *d);
CULL_API const cull_decoder_opts *cull_decoder_options(const cull_decoder *d); /* none of them 0 */
/* n sequences of `length` positions, of tokens id (n, length; borrowed until the reset) or of vectors
 * x (n, length, inputs): (n, length, outs). Position i depends on positions 0 .. i alone. */
CULL_API cull_var *cull_decoder_tokens(cull_tape *t, const cull_decoder *d, const int32_t *id,
                                       int64_t n, int64_t length);
CULL_API cull_var *cull_decoder_vectors(cull_tape *t, const cull_decoder *d, cull_var *x);

/* ---- adapters: few numbers are trained, and the decoder's own stay ---- */
typedef struct {
    int64_t serial; /* numbers of the bottleneck behind each block; 0 = none */
    int64_t
        parallel;   /* so of the one beside its feed-forward network, which reads what that reads */
    int64_t prefix; /* learned keys and values in front of each sequence's own */
    const bool *layer; /* which layers (of all) have them; NULL = all */
} cull_adapter_opts;
/* Every tensor of d is frozen, and those of the adapters are added behind all others of its params:
 *
 *     layers.0.serial_adapter.down_proj.weight (serial, width) and .up_proj.weight (width, serial): behind the
 *     block the residual stream h becomes h + up relu(down h) (Pfeiffer et al. 2021)
 *     layers.0.parallel_adapter, likewise: up relu(down x) is added, x being the network's input (He et al. 2022)
 *     layers.0.self_attn.prefix_key (prefix, width) and .prefix_value (Li and Liang 2021)
 *
 * up and prefix_value begin at 0. CULL_EINPUT: d has adapters already. */
CULL_API cull_status cull_decoder_adapt(cull_ctx *cx, cull_decoder *d,
                                        const cull_adapter_opts *o) CULL_CHECKED;
/* What those come to: 2 width (serial + parallel + prefix) for each layer that has them. */
CULL_API int64_t cull_adapter_numbers(const cull_decoder_opts *d, const cull_adapter_opts *o);

#ifdef __cplusplus
}
#endif
#endif
