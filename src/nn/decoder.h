/* decoder.h - inside of a decoder (decoder.c): its tensors. */
#ifndef CULL__NN_DECODER_H
#define CULL__NN_DECODER_H
#include "cull/nn_decoder.h"
#include "nn/nn.h"

/* The tensors of a block, in the order of its file names. */
enum {
    CULL__NORM1_W,
    CULL__NORM1_B,
    CULL__Q_W,
    CULL__Q_B,
    CULL__K_W,
    CULL__K_B,
    CULL__V_W,
    CULL__V_B,
    CULL__OUT_W,
    CULL__OUT_B,
    CULL__NORM2_W,
    CULL__NORM2_B,
    CULL__FC1_W,
    CULL__FC1_B,
    CULL__FC2_W,
    CULL__FC2_B,
    CULL__BLOCK_PARTS
};
enum { CULL__SCOPE = 32 };
typedef struct {
    int at[CULL__BLOCK_PARTS];                     /* parameters */
    char attention[CULL__SCOPE], ffn[CULL__SCOPE]; /* layers in errors */
} cull__block;
struct cull_decoder {
    cull_decoder_opts o;
    int token, in_w, in_b; /* embeddings, or the map of vectors; -1 where there are none */
    int position, norm_w, norm_b, head;
    cull__block *block;
};
#endif
