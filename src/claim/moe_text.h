/* moe_text.h - what the checks of experts share: four kinds of text, and a small language model of their characters with
 * mixtures of experts, which is written under Mixtral's names, made smaller by a method, and read back (moe_text.c,
 * moe_net.c, moe_file.c). */
#ifndef CULL__CLAIM_MOE_TEXT_H
#define CULL__CLAIM_MOE_TEXT_H
#include "claim/claim.h"
#include "cull/nn.h"

enum {
    CULL__MOE_KINDS = 4,    /* sums, brackets, sentences, dates */
    CULL__MOE_SYMBOLS = 96, /* the printable ones of ASCII, and a new line */
    CULL__MOE_LAYERS = 2,
    CULL__MOE_TOP = 2,
    CULL__MOE_EXPERTS = 16 /* at most */
};

/* How large a check is; tests take a smaller one. */
typedef struct {
    int64_t width, heads, hidden, context; /* hidden: units of an expert */
    int64_t batch, pretrain, tune;         /* sequences; steps */
    int64_t letters;                       /* of each kind: 70 % to learn by */
    int64_t calibration, validation;       /* sequences, of 15 % each */
} cull__moe_scale;
extern const cull__moe_scale cull__moe_full;

/* Symbols of each kind, one after another: of (seed of cx). Scratch. */
typedef struct {
    const cull__moe_scale *scale;
    int32_t *id[CULL__MOE_KINDS];
} cull__moe_text;
cull_status cull__moe_text_new(cull_ctx *cx, const cull__moe_scale *scale, cull__moe_text *out);
typedef enum { CULL__MOE_LEARN, CULL__MOE_CALIBRATE, CULL__MOE_VALIDATE } cull__moe_split;
/* Where n sequences begin, kind * letters + place; scratch. kind < 0: all in turn. To learn by: at random, from (seed of cx,
 * stream); others lie evenly over their part. */
cull_status cull__moe_rows(cull_ctx *cx, const cull__moe_scale *scale, cull__moe_split part,
                           int kind, int64_t n, uint64_t stream, int64_t **at);

/* ---- the model (moe_net.c): embeddings, blocks of attention and of SwiGLU experts behind RMS norms, a head ---- */
/* What is recorded of the input of each layer's experts, and of its router; NULL = nothing. */
typedef struct {
    float *inputs[CULL__MOE_LAYERS],
        *logits[CULL__MOE_LAYERS]; /* (tokens, width), (tokens, rows) */
} cull__moe_record;
typedef struct {
    int norm1, q, k, v, out, norm2, gate, expert[CULL__MOE_EXPERTS][3]; /* w1, w2, w3 */
} cull__moe_block_at;
typedef struct {
    const cull__moe_text *text;
    const cull__moe_scale *scale;
    cull_params *p;
    int64_t experts, rows;                           /* of each layer; of its router */
    int32_t of[CULL__MOE_LAYERS][CULL__MOE_EXPERTS]; /* the expert of a router's row */
    double beta[CULL__MOE_LAYERS]; /* a token's second expert is skipped where p2 < beta p1 */
    int token, position, norm, head;
    cull__moe_block_at layer[CULL__MOE_LAYERS];
    /* of a step */
    const int64_t *at; /* where each row begins */
    cull__moe_record *record;
    int64_t tokens, runs; /* that passed a layer; that experts ran on: since they were set to 0 */
    int32_t *x, *y, *best[CULL__MOE_LAYERS], *slot[CULL__MOE_LAYERS], *of_slot[CULL__MOE_LAYERS];
    uint8_t *open[CULL__MOE_LAYERS];
    float load[CULL__MOE_LAYERS][CULL__MOE_EXPERTS];
} cull__moe_net;
/* Numbers are of (seed of cx, name); buffers of a step are scratch of cx. */
cull_status cull__moe_net_new(cull_ctx *cx, const cull__moe_text *text, int64_t experts,
                              int64_t rows, cull__moe_net *out);
void cull__moe_net_close(cull__moe_net *m);
/* Rows x (n <= batch * context, width) through the experts of a layer: (n, width). balance: what evens out usage is added
 * to it; NULL = not wanted. */
cull_var *cull__moe_layer(cull_tape *t, cull__moe_net *m, int layer, cull_var *x,
                          cull_var **balance);
/* Steps on text of a kind (-1: all), at a rate that falls to 0. */
cull_status cull__moe_train(cull_ctx *cx, cull__moe_net *m, int kind, int64_t steps, double rate,
                            uint64_t stream);
/* Nats a character of text to validate by. */
cull_status cull__moe_judge(cull_ctx *cx, cull__moe_net *m, int kind, double *loss);
/* On text to calibrate by; scratch. */
cull_status cull__moe_record_of(cull_ctx *cx, cull__moe_net *m, int kind, cull__moe_record *out,
                                int64_t *tokens);

/* ---- files (moe_file.c) ---- */
typedef struct {
    char dir[256];
} cull__moe_files;
cull_status cull__moe_files_open(cull_ctx *cx, const char *slug, cull__moe_files *out);
void cull__moe_files_close(cull__moe_files *f);
cull_status cull__moe_save(cull_ctx *cx, const cull__moe_files *f, const cull__moe_net *m);
/* What methods read of it: logits and inputs that were recorded, or (r NULL) the usage (layers, experts) alone. */
cull_status cull__moe_save_record(cull_ctx *cx, const cull__moe_files *f, const cull__moe_net *m,
                                  const cull__moe_record *r, int64_t tokens, const float *usage);
/* The method `slug` on what was saved, and the model that it leaves. */
cull_status cull__moe_reduce(cull_ctx *cx, const cull__moe_files *f, const cull__moe_net *m,
                             const char *slug, const char *options, int64_t experts,
                             cull__moe_net *out);

/* ---- the checks at any scale: lines and figures of out->seeds seeds ---- */
cull_status cull__uncurl_measure(cull_ctx *cx, const cull__moe_scale *scale,
                                 cull_claim_result *out);
cull_status cull__moe_survey_measure(cull_ctx *cx, const cull__moe_scale *scale,
                                     cull_claim_result *out);
#endif
