/* cull/fit.h - a model (cull/model.h) trained and judged on data sets (cull/dataset.h).
 *
 * Sets count as one: row i of the second follows the last of the first. */
#ifndef CULL_FIT_H
#define CULL_FIT_H
#include "cull/dataset.h"
#include "cull/model.h"
#include "cull/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CULL_FIT_CLASSES, /* cross entropy; outputs are scores of classes before softmax */
    CULL_FIT_NUMBERS, /* mean squared error to the target, of one output */
    CULL_FIT_SELF,    /* mean squared error to the input as it came in: an autoencoder */
} cull_fit_kind;
typedef struct {
    cull_dataset *const *set; /* of one shape, the model's: (h, w, c), or h w c features */
    int sets;
} cull_fit_data;
typedef struct {
    size_t size;
    cull_fit_kind kind;
    double smoothing; /* of labels, in training alone (Szegedy et al. 2016) */
    cull_augment augment;
    cull_train_opts train;
    const char *checkpoint; /* folder that a killed training goes on from; NULL = none */
    /* Soft filter pruning (He et al. 2018): after each epoch, before it is validated, all filters of convolutions but
     * this share of every group (cull/surgery.h), the largest by the root of the sum of w^2, are set to 0, and trained
     * on. Those at 0 in the end are what cull_surgery_choose cuts for that share, CULL_CHANNEL_L2 and round 1.
     * 0 = none; of cull_fit alone */
    double soft_keep;
} cull_fit_opts;
/* clang-format off */
#define CULL_FIT_OPTS {.size = sizeof(cull_fit_opts), .train = CULL_TRAIN_OPTS}
/* clang-format on */

/* Where the model says nothing of its inputs' scale: mean and deviation of each channel (of each feature up to
 * 1024, else of all together) over row[0..n) (NULL = all rows) become the model's, and go into its files. */
CULL_API cull_status cull_fit_scaling(cull_ctx *cx, cull_model *m, const cull_fit_data *d,
                                      const int64_t *row, int64_t n) CULL_CHECKED;
/* A random share of n rows to validate on, drawn by cx's seed: row (n) = those to train on, ascending, then the
 * *val others. EINPUT: a side would be empty. */
CULL_API cull_status cull_fit_split(cull_ctx *cx, int64_t n, double share, int64_t *row,
                                    int64_t *val) CULL_CHECKED;
/* Trains m on rows row[0..n) and validates on val_row[0..val_n) (0 = none); numbers enter as the model's
 * scaling says. The weights of the best validated epoch stay, or the last. EINPUT: data of another shape,
 * labels beyond the outputs. See cull_train. */
CULL_API cull_status cull_fit(cull_ctx *cx, cull_model *m, const cull_fit_data *d,
                              const int64_t *row, int64_t n, const int64_t *val_row, int64_t val_n,
                              const cull_fit_opts *o, cull_history *h) CULL_CHECKED;
/* About how many bytes that holds beside the data: weights, optimiser, tapes. */
CULL_API uint64_t cull_fit_bytes(const cull_model *m, const cull_fit_opts *o);
/* Outputs of n rows (NULL = all) into out, n times the model's number of outputs; *loss (may be NULL) is their
 * mean loss of that kind, without smoothing. */
CULL_API cull_status cull_fit_predict(cull_ctx *cx, cull_model *m, const cull_fit_data *d,
                                      const int64_t *row, int64_t n, cull_fit_kind kind,
                                      int64_t batch, float *out, double *loss) CULL_CHECKED;

/* ---- a page of a training: curves, counts, classes, how to make it again ---- */
typedef struct {
    const char *title; /* "resnet20" */
    const char *text;  /* the description, or NULL */
    const cull_model_total *total;
    const cull_history *history;
    const char *const *fact; /* name, value, ...: options and the like */
    int facts;
    const cull_class_metrics *judged; /* on the validation rows, or NULL */
    const int64_t *confusion;         /* (classes, classes) [label][predicted], or NULL */
    int64_t classes;
    const char *const *class_name; /* classes, or NULL */
    double seconds;
    uint64_t peak_bytes;
    const char *const *argv;
    int argc;
} cull_training;
/* HTML that loads nothing, all or nothing; "-" = standard output. */
CULL_API cull_status cull_training_write(cull_ctx *cx, const cull_training *t,
                                         const char *path) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
