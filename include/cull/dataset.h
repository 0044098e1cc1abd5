/* cull/dataset.h - rows of numbers with labels or targets, and batches of them for a network. */
#ifndef CULL_DATASET_H
#define CULL_DATASET_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_dataset cull_dataset;
typedef struct {
    const char
        *labels; /* file of the labels, classes from 0 (any array); NULL = see cull_dataset_open */
    const char *target;              /* name of the column of a table; NULL = its last one */
    bool numbers;                    /* the target is a number, not a class */
    int64_t height, width, channels; /* of images where the file does not say; 0 = a row is (d) */
    bool planes;                     /* the file has images plane by plane, (c, h, w) */
    int64_t
        resize; /* folders: bring images to so many pixels a side (bilinear); 0 = all must be of one size */
} cull_dataset_opts;
/* clang-format off */
#define CULL_DATASET_OPTS {0}
/* clang-format on */
/* A folder is classes, sorted by name, of .png, .jpg and .jpeg; .csv, .tsv and .jsonl tables have
 * numbers and a target column; other files are arrays (cull_array_open): IDX, CIFAR (its own labels), npy,
 * npz and safetensors (members "x" and "y" where there are such). Pixels of bytes are 0 to 1. opts NULL =
 * defaults. CULL_EINPUT names the file, the row, the column. */
CULL_API cull_status cull_dataset_open(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                                       cull_dataset **out) CULL_CHECKED;
/* Of the caller's numbers, which must outlive it: x (n, h, w, c), or (n, d) with h = w = 1; label or target
 * or neither. classes 0 = one more than the largest label. */
CULL_API cull_status cull_dataset_from(cull_ctx *cx, const float *x, int64_t n, int64_t h,
                                       int64_t w, int64_t c, const int32_t *label, int64_t classes,
                                       const float *target, cull_dataset **out) CULL_CHECKED;
CULL_API void cull_dataset_free(cull_dataset *d);
CULL_API int64_t cull_dataset_rows(const cull_dataset *d);
/* h, w, c of a row; 1, 1, d where it is no image. Returns h w c. */
CULL_API int64_t cull_dataset_shape(const cull_dataset *d, int64_t shape[3]);
CULL_API int64_t cull_dataset_classes(const cull_dataset *d); /* 0 = no labels */
CULL_API const char *cull_dataset_class(const cull_dataset *d,
                                        int64_t i);                /* a folder's; NULL = no name */
CULL_API const int32_t *cull_dataset_label(const cull_dataset *d); /* of every row, or NULL */
CULL_API const float *cull_dataset_target(const cull_dataset *d);  /* of every row, or NULL */
CULL_API uint64_t cull_dataset_hash(cull_dataset *d); /* of all numbers: one pass, kept */
/* From now on numbers are (x - mean) / sd, by channel (of an image) or by column, of rows row[0..n)
 * (NULL = all); a channel that does not vary is only centred. like: take those of another set. */
CULL_API cull_status cull_dataset_normalise(cull_ctx *cx, cull_dataset *d, const int64_t *row,
                                            int64_t n, const cull_dataset *like) CULL_CHECKED;

/* What is done to an image at random, drawn from (stream, row) alone. */
typedef struct {
    int64_t pad; /* crop at random from the image with so many zeros around (after normalising) */
    double flip; /* chance to mirror it */
    int64_t
        cutout; /* side of a square of zeros at a random place (DeVries and Taylor 2017); 0 = none */
} cull_augment;
/* Rows of d as f32 NHWC into x (n, h, w, c); label or target (n) where not NULL. a NULL = as they are. Safe from
 * many threads. Rows must be within the set. */
CULL_API void cull_dataset_fill(const cull_dataset *d, const int64_t *row, int64_t n,
                                const cull_augment *a, uint64_t stream, float *x, int32_t *label,
                                float *target);
/* Mixup (Zhang et al. 2018): x_i = l x_i + (1 - l) x_j, one l ~ Beta(alpha, alpha) for the batch and j a
 * permutation, both of the stream; with[i] = j. Returns l. In place: `spare` has room for x. */
CULL_API float cull_augment_mixup(float *x, int64_t n, int64_t d, double alpha, uint64_t stream,
                                  int64_t *with, float *spare);

#ifdef __cplusplus
}
#endif
#endif
