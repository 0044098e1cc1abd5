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
/* What adapters add to it. */
enum {
    CULL__SERIAL_DOWN,
    CULL__SERIAL_UP,
    CULL__PARALLEL_DOWN,
    CULL__PARALLEL_UP,
    CULL__PREFIX_KEY,
    CULL__PREFIX_VALUE,
    CULL__ADAPTER_PARTS
};
enum { CULL__SCOPE = 32 };
typedef struct {
    int at[CULL__BLOCK_PARTS];                     /* parameters */
    int adapter[CULL__ADAPTER_PARTS];              /* so; -1 = none */
    char attention[CULL__SCOPE], ffn[CULL__SCOPE]; /* layers in errors */
} cull__block;
struct cull_decoder {
    cull_decoder_opts o;
    cull_params *p;
    int from, to;          /* its own tensors there */
    int token, in_w, in_b; /* embeddings, or the map of vectors; -1 where there are none */
    int position, norm_w, norm_b, head;
    cull__block *block;
};

/* The name behind the caller's prefix, or the sentence. */
enum { CULL__NAME = 200 };
cull_status cull__decoder_name(const cull_decoder *d, const char *name, char full[CULL__NAME]);

/* ---- adapter.c: what adapters do, where the block has them ---- */
/* Prefix rows in front of k, or v: (n, prefix + s, width). */
cull_var *cull__prefixed(cull_tape *t, const cull__block *b, int which, cull_var *x);
/* y + up relu(down x), of the adapter whose first part `down` is. */
cull_var *cull__with_adapter(cull_tape *t, const cull__block *b, int down, cull_var *x,
                             cull_var *y);
#endif
