/* dataset.h - inside of a data set: what who opens it fills. */
#ifndef CULL__NN_DATASET_H
#define CULL__NN_DATASET_H
#include "cull/dataset.h"
#include "io/io.h"

struct cull_dataset {
    cull_array x; /* n rows of d numbers, in any dtype; borrowed where mem_ is NULL */
    int64_t n, d, shape[3];
    bool pixels;          /* u8 stands for 0 to 1 */
    bool planes;          /* rows are (c, h, w) */
    const int32_t *label; /* own_label, or the caller's */
    const float *target;
    int32_t *own_label;
    float *own_target, *own_x;
    int64_t classes;
    char *names;        /* of classes, each with its NUL; NULL = none */
    float *mean, *size; /* (shape[2]): numbers are (x - mean) * size; NULL = as they are */
    uint64_t hash;
    bool hashed;
};
/* A set without rows yet. */
cull_status cull__dataset_new(cull_ctx *cx, cull_dataset **out);
/* x's shape becomes n, d and shape, by the options. */
cull_status cull__dataset_shape(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                                cull_dataset *d);
/* n labels or targets from v, which has as many numbers, into the set's own memory. */
cull_status cull__dataset_answers(cull_ctx *cx, const char *path, const double *v, bool numbers,
                                  cull_dataset *d);
/* folder.c: classes of PNG and JPEG files. */
cull_status cull__dataset_folder(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                                 cull_dataset *d);
/* augment.c: in place, on an image (h, w, c). */
void cull__augment(const cull_augment *a, uint64_t stream, int64_t row, const int64_t shape[3],
                   float *x);
#endif
