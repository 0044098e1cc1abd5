/* cull/model.h - networks as data: a text of named layers becomes parameters and a forward pass.
 *
 * The text (docs/model.md) is what a .model file holds, a line a layer:
 *
 *     input 28x28x1
 *     outputs 10
 *     conv1 = conv(6, 5, pad=2)
 *     relu
 *     max_pool(2)
 *     flatten
 *     fc = linear(outputs)
 *
 * Parameters have PyTorch's names ("conv1.weight", "layer1.0.bn1.running_mean"), and in files its shapes.
 * A model is not changed by a forward pass: several tapes, each in its own thread, may share one. */
#ifndef CULL_MODEL_H
#define CULL_MODEL_H
#include "cull/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_model cull_model;

/* ---- making one ---- */
typedef enum {
    CULL_MODEL_TORCH, /* as PyTorch's layers begin: uniform within 1 / sqrt(fan in), biases too */
    CULL_MODEL_HE,    /* normal, variance 2 / fan in (He et al. 2015); biases 0 */
    CULL_MODEL_GLOROT, /* normal, variance 2 / (fan in + fan out) (Glorot and Bengio 2010); biases 0 */
} cull_model_start;
typedef struct {
    size_t size;
    int rank; /* of the input: 1 = features, 3 = height, width, channels; 0 = as the text says */
    int64_t dim[3];  /* its shape */
    int64_t outputs; /* what the word `outputs` stands for; 0 = as the text says */
    cull_model_start start;
    bool shapes_only; /* neither parameters nor memory for them: shapes and counts alone */
} cull_model_opts;
/* clang-format off */
#define CULL_MODEL_OPTS {.size = sizeof(cull_model_opts)}
/* clang-format on */
/* `what` is the name of a file (.model, or .json of the same) that is there, else of the zoo: lenet,
 * mlp:784-256-10, autoencoder:784-64, resnet20 (any 6 n + 2), mobilenet-small. NULL opts = CULL_MODEL_OPTS.
 * EINPUT by file and line: what is wrong there and what would be right. */
CULL_API cull_status cull_model_open(cull_ctx *cx, const char *what, const cull_model_opts *opts,
                                     cull_model **out) CULL_CHECKED;
/* The same of n bytes of text, or of JSON where it begins with '{'; errors call it `name`. */
CULL_API cull_status cull_model_from(cull_ctx *cx, const char *text, size_t n, const char *name,
                                     const cull_model_opts *opts, cull_model **out) CULL_CHECKED;
CULL_API void cull_model_free(cull_model *m);
/* The description as it stands: as text without comments, or as JSON. Free with cull_text_free
 * (cull/report.h). The shape of the input and the number of outputs are those that were asked for. */
CULL_API cull_status cull_model_text(cull_ctx *cx, const cull_model *m, bool json,
                                     char **out) CULL_CHECKED;
/* The names that cull_model_open knows besides files, a line of what each is; NULL past the end. */
CULL_API const char *cull_model_zoo(int i, const char **brief);
/* The text of one of them, with its numbers filled in; free with cull_text_free. */
CULL_API cull_status cull_model_zoo_text(cull_ctx *cx, const char *name, char **out) CULL_CHECKED;

/* ---- what it is ---- */
CULL_API const char *
cull_model_name(const cull_model *m); /* "resnet20"; "" when the text has none */
CULL_API int cull_model_input(const cull_model *m, int64_t dim[3]);  /* rank, 1 or 3 */
CULL_API int cull_model_output(const cull_model *m, int64_t dim[3]); /* without the batch */
/* What the text says of its inputs: a number x from 0 to 1 of channel c enters as (x - mean[c]) / std[c].
 * That is for who reads the data to do; forward takes what it is given. False: nothing is said. */
CULL_API bool cull_model_scaling(const cull_model *m, const float **mean, const float **std);
CULL_API cull_params *cull_model_params(cull_model *m); /* the model's; NULL of shapes_only */

/* ---- forward ---- */
/* x (n, height, width, channels) or (n, features): the output of the last layer, NULL after a failure
 * that the tape keeps. tap: NULL, or room for cull_model_layers tensors: that of every layer (0 is x),
 * which are then all computed; otherwise those that the output needs alone, and without
 * CULL_TAPE_GRAD each only as long as it is needed. */
CULL_API cull_var *cull_model_forward(const cull_model *m, cull_tape *t, cull_var *x,
                                      cull_var **tap);
CULL_API int cull_model_layers(const cull_model *m);
/* The layer whose output is called so: a layer, or a block by its last one ("layer1.0"). -1 = none. */
CULL_API int cull_model_find(const cull_model *m, const char *name);

/* ---- counts ---- */
typedef struct {
    const char *name; /* "layer1.0.conv1"; "" when the text gives none */
    const char *op;   /* "conv"; of a module "" */
    int rank;
    int64_t dim[3]; /* of its output, for one example */
    int64_t params; /* trained numbers */
    int64_t state;  /* running statistics */
    double macs;    /* multiply-adds of one example */
    int64_t values; /* numbers of its output that need memory of their own; of a module, of all */
} cull_model_stat;
typedef struct {
    int64_t params, state;
    double macs;
    /* f32 of one example that are held at once: forward alone, tensors given back after their last use
     * (input not counted); with a backward pass to follow, all of them */
    int64_t forward_values, training_values;
} cull_model_total;
/* Of layer i; i = 0 is the input. */
CULL_API cull_model_stat cull_model_count(const cull_model *m, int i);
/* Of module i in order of appearance, all within it together; false past the end. */
CULL_API bool cull_model_module(const cull_model *m, int i, cull_model_stat *out);
CULL_API cull_model_total cull_model_totals(const cull_model *m);

/* ---- files of parameters: safetensors with PyTorch's names and shapes ---- */
typedef struct {
    size_t size;
    bool partial; /* tensors that are missing, or no part of the model, are passed over */
} cull_model_load_opts;
/* clang-format off */
#define CULL_MODEL_LOAD_OPTS {.size = sizeof(cull_model_load_opts)}
/* clang-format on */
/* F32, F16, BF16 and F64 are read as f32; num_batches_tracked is passed over, and so is "module." before
 * every name. A model that says nothing of its inputs' scale takes what the file's description says. Nothing
 * is changed unless all is well. EINPUT by tensor, with the nearest name: one is missing, one too many, another shape, a
 * number that is not finite. *found (may be NULL) = how many were read. */
CULL_API cull_status cull_model_load(cull_ctx *cx, cull_model *m, const char *path,
                                     const cull_model_load_opts *opts, int *found) CULL_CHECKED;
/* Atomic; the description goes into the file's metadata as "cull.model", beside what was loaded. */
CULL_API cull_status cull_model_save(cull_ctx *cx, const cull_model *m,
                                     const char *path) CULL_CHECKED;
/* The description that cull_model_save left in a file of parameters; *out NULL: there is none. Free with
 * cull_text_free. */
CULL_API cull_status cull_model_text_of(cull_ctx *cx, const char *path, char **out) CULL_CHECKED;
/* Metadata of the file, loaded or to be saved; NULL = not there. */
CULL_API const char *cull_model_note(const cull_model *m, const char *key);
CULL_API cull_status cull_model_set_note(cull_model *m, const char *key,
                                         const char *value) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
