/* model.h - inside of models: the description as read, and the layers that it becomes. */
#ifndef CULL__NN_MODEL_H
#define CULL__NN_MODEL_H
#include "cull/model.h"
#include "io/io.h"
#include "nn/nn.h"
#include "nn/sparse.h"

enum {
    CULL__MODEL_BYTES = 1 << 20, /* most of a description */
    CULL__MODEL_LINES = 10000,
    CULL__MODEL_LAYERS = 10000,
    CULL__MODEL_DEPTH = 16, /* of blocks in one another */
    CULL__MODEL_NAME = 64,  /* bytes of a name in the description */
    CULL__MODEL_ARGS = 10,
    CULL__MODEL_INS = 8,
    CULL__MODEL_CHANNELS = 1024, /* most of a mean */
};

/* ---- the description (model_text.c, model_json.c, model_write.c) ----
 * Everything lies in the arena of the ctx. Values are expressions, kept as text. */
typedef struct {
    const char *name; /* NULL = by its place */
    const char *value;
} cull__model_arg;
typedef struct {
    int line; /* of the text; of JSON, the place in its list */
    const char *name, *op;
    const char *repeat, *from; /* NULL = not said */
    int args, ins;
    cull__model_arg arg[CULL__MODEL_ARGS];
    const char *in[CULL__MODEL_INS];
} cull__model_line;
typedef struct {
    const char *name; /* "" = the model itself */
    int line, params, lines;
    cull__model_arg param[CULL__MODEL_ARGS]; /* value: its default, or NULL */
    cull__model_line *at;
} cull__model_block;
typedef struct {
    cull_ctx *cx;
    const char *file;
    bool json; /* lines are places in a list */
    const char *name;
    int rank;
    int64_t dim[3], outputs;
    int means, stds;
    float mean[CULL__MODEL_CHANNELS], std[CULL__MODEL_CHANNELS];
    int lets, blocks;
    cull__model_arg *let;
    int *let_line;
    cull__model_block *block; /* in the order of definition; the model itself last */
} cull__model_doc;

/* "net.model:12: " or "net.json: layer 4: ", and the sentence (EINPUT). */
cull_status cull__model_wrong(const cull__model_doc *d, const char *block, int line,
                              const char *fmt, ...) CULL_PRINTF(4, 5);
cull_status cull__model_parse(cull_ctx *cx, const char *file, const char *text, size_t n,
                              cull__model_doc *out);
cull_status cull__model_parse_json(cull_ctx *cx, const char *file, const char *text, size_t n,
                                   cull__model_doc *out);
void cull__model_write(const cull__model_doc *d, cull_buf *out);
void cull__model_write_json(const cull__model_doc *d, cull_buf *out);
/* What both readers hold names to; NULL = right, else a phrase to follow the name. Those of layers may have
 * dots, that of the model also a '-'. */
typedef enum { CULL__NAME_WORD, CULL__NAME_LAYER, CULL__NAME_MODEL } cull__model_kind;
const char *cull__model_bad_name(const char *s, cull__model_kind kind);
cull_status cull__model_size(const char *s, size_t n, int *rank, int64_t dim[3]);

/* ---- values (model_expr.c): numbers, names, + - * /, parentheses, yes and no, "a then b" ---- */
typedef struct {
    const char *name;
    double value;
} cull__model_name;
typedef struct {
    const cull__model_name *name, *global; /* looked up in this order */
    int names, globals;
    int64_t turn; /* of a repeat: the 1st, 2nd ... of "a then b" (0 = the first) */
    bool check;   /* any name will do: syntax alone */
} cull__model_scope;
/* The longest value that begins at s; its end, or NULL with *why a phrase. */
const char *cull__model_value(const char *s, const cull__model_scope *c, double *out,
                              char why[160]);

/* ---- layers (model_op.c) ---- */
typedef struct {
    int rank;
    int64_t dim[3];
    int64_t flat[3]; /* of features that were (h, w, c): PyTorch has them in the order c, h, w */
} cull__model_shape;
typedef struct cull__model_op cull__model_op;
typedef struct {
    const cull__model_op *op; /* NULL: the input */
    const char *name;         /* "" = none */
    int line;
    int ins, in[CULL__MODEL_INS];
    double arg[CULL__MODEL_ARGS];
    cull__model_shape shape;
    int param[4]; /* of cull_params; -1 = none */
    int64_t params, state;
    double macs;
    bool alias;  /* its output is its input: nobody reads it, but its input */
    bool view;   /* its output is its input's numbers under another shape */
    bool viewed; /* there is such a layer of this one's */
    bool live;   /* the output needs it */
    bool
        joined; /* the one layer that reads it does its work too (joins): batch_norm and relu, ... */
    bool joins;
    int last; /* the last layer that reads it, itself when none does */
    const cull__sparse
        *links; /* its weights are this list's (links.h); NULL = they are all there */
} cull__model_layer;
enum { CULL__WHOLE, CULL__NUMBER, CULL__TRUTH };
struct cull__model_op {
    const char *name, *doc;
    struct {
        const char *name;
        int kind;
        double lo, hi;
        const char
            *other; /* a value, "=NAME" for that of another argument, NULL = it must be given */
    } arg[CULL__MODEL_ARGS];
    int least, most; /* inputs */
    bool named;      /* it has parameters, which want a name */
    /* The shape of l's output from those of its inputs, l->macs, and its parameters by
     * cull__model_param. Failures: a phrase in why. */
    bool (*shape)(cull__model_layer *l, const cull__model_shape *const *in, char why[240]);
    cull_status (*params)(cull_model *m, cull__model_layer *l, const cull__model_shape *in);
    cull_var *(*apply)(cull_tape *t, const cull__model_layer *l, cull_var *const *in);
    /* the same and a relu, in one pass; NULL = there is no such */
    cull_var *(*joined)(cull_tape *t, const cull__model_layer *l, cull_var *const *in);
};
const cull__model_op *cull__model_op_find(const char *name);
const cull__model_op *cull__model_op_at(int i); /* NULL past the end */
/* "32x32x16" */
const char *cull__model_shape_text(const cull__model_shape *s, char buf[80]);

/* ---- the model (model.c, model_build.c) ---- */
typedef struct {
    char *name;
    uint64_t hash;
    int first, last; /* its layers; the last one is its output */
    bool module;     /* a block, or a repeat */
} cull__model_entry;
/* How a file has a parameter: as (n / (h w c), c, h, w) where here it is (n / (h w c), h, w, c). */
typedef struct {
    int64_t flat[3]; /* h, w, c; 0 = the same order */
    bool image;      /* its shape is (out, c, h, w), too */
} cull__model_order;
typedef struct {
    char *name;
    int rank;
    int64_t dim[CULL_RANK];
    cull__model_order order;
} cull__model_tensor;
struct cull_model {
    cull_ctx *cx;
    cull_params *params;
    char *name, *text; /* text: canonical */
    int64_t layers, layer_room, entries, entry_room, tensors, tensor_room;
    cull__model_layer *layer; /* [0] is the input, the last one the output */
    cull__model_entry *entry;
    cull__model_tensor *tensor; /* of each parameter, in the order of params */
    cull_model_start start;
    bool shapes_only;
    const uint64_t *seed; /* while it is built: of its draws; NULL = the ctx's */
    int scaled;           /* 0, or the channels of mean and std */
    float mean[CULL__MODEL_CHANNELS], std[CULL__MODEL_CHANNELS];
    cull__sparse **list; /* of each parameter, or NULL: links.h */
    int lists;
    char **note; /* key, value, ... */
    int64_t notes, note_room;
};
cull_status cull__model_build(cull_model *m, const cull__model_doc *d);
/* A model of m's description and flags, with first weights drawn from that seed. */
cull_status cull__model_again(cull_ctx *cx, const cull_model *m, uint64_t seed, cull_model **out);
/* A parameter "NAME.suffix" of layer l, counted, and drawn unless shapes_only. */
cull_status cull__model_param(cull_model *m, cull__model_layer *l, int place, const char *suffix,
                              int rank, const int64_t *dim, cull_init init, int64_t fan_in,
                              unsigned flags, cull__model_order order);
/* From now on the model's inputs are (x - mean) / std, n of each: 1 or one for each channel; also in its text. */
cull_status cull__model_scale(cull_model *m, const float *mean, const float *std, int n);
/* The same as the text of another says, where m says nothing; a text that cannot be read says nothing. */
cull_status cull__model_scale_like(cull_model *m, const char *text);

/* ---- files (model_file.c) ---- */
/* The shape that a file has: (out, h, w, in) is PyTorch's (out, in, h, w). */
void cull__model_file_shape(const cull__model_tensor *t, cull_array *a);
/* (outer, h, w, c) here and (outer, c, h, w) in files. */
void cull__model_reorder(const cull__model_tensor *t, bool to_file, const float *from, float *to);
/* The bytes of a safetensors file; EINPUT: another form. */
cull_status cull__model_file_open(cull_ctx *cx, const char *path, cull__bytes *file);

/* ---- zoo.c ---- */
/* The description called so, added to out; *known false: there is none. EINPUT: its numbers are wrong. */
cull_status cull__zoo_text(cull_ctx *cx, const char *name, cull_buf *out, bool *known);
#endif
