/* cull/micro3.h - a search space small enough to train all of it: 125 cells, with their accuracies.
 *
 * A cell has three nodes and an operation on each of its edges 1<-0, 2<-0 and 2<-1, one of the five of
 * NAS-Bench-201 (Dong and Yang 2020); a node is the sum of what its edges bring. The net around it:
 * 3x3 convolution to 8 channels and batch norm, a cell, ReLU - 3x3 convolution of stride 2 to 16
 * channels - batch norm, the cell again (weights of its own), batch norm - ReLU - mean over the image
 * - linear. It is trained on 4,000 images of Fashion-MNIST at 14x14 and tested on 2,000 (docs/micro3.md).
 *
 *     cull_micro3_table t;
 *     status = cull_micro3_read(cx, "micro3.csv", &t);
 *     regret = t.row[best].mean - t.row[mine].mean; */
#ifndef CULL_MICRO3_H
#define CULL_MICRO3_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CULL_MICRO3_COUNT = 125,
    CULL_MICRO3_EDGES = 3,
    CULL_MICRO3_OPS = 5,
    CULL_MICRO3_SIDE = 14, /* pixels */
    CULL_MICRO3_EPOCHS = 4,
    CULL_MICRO3_SEEDS = 16, /* most */
};

/* ---- the space ---- */
CULL_API int cull_micro3_count(void);
/* none (zeros), skip, nor_conv_1x1, nor_conv_3x3 (ReLU - convolution - batch norm), avg_pool_3x3; NULL
 * outside. */
CULL_API const char *cull_micro3_op(int op);
/* The operations of edges 1<-0, 2<-0, 2<-1 of architecture i; false outside. The first edge's varies
 * slowest. */
CULL_API bool cull_micro3_ops(int i, int op[CULL_MICRO3_EDGES]);
/* "nor_conv_3x3|none|skip", into buf; NULL outside. */
CULL_API const char *cull_micro3_name(int i, char buf[64]);
CULL_API int cull_micro3_find(const char *name); /* -1 = none */
/* Trained numbers, and multiply-adds of one image. All of the cell counts, also what does not reach the
 * end. */
CULL_API cull_status cull_micro3_size(cull_ctx *cx, int i, int64_t *params,
                                      double *macs) CULL_CHECKED;

/* ---- training ---- */
/* n images to train on and then `tests` more, 14x14 pixels of 0 to 1 each; classes 0 to 9. */
typedef struct {
    const float *x;
    const int32_t *y;
    int64_t n, tests;
    const char *name; /* for the table's note; NULL = none */
    void *mem_;
} cull_micro3_data;
/* The first 4,000 images to train on and the first 2,000 to test on of Fashion-MNIST (Xiao, Rasul, Vollgraf
 * 2017), each 2x2 pixels their mean. dir: where data packages put their files, NULL =
 * "/usr/share/datasets". CULL_ENODATA: it is not installed, and the sentence names the package. */
CULL_API cull_status cull_micro3_data_open(cull_ctx *cx, const char *dir,
                                           cull_micro3_data *out) CULL_CHECKED;
CULL_API void cull_micro3_data_free(cull_micro3_data *d);
/* Share of the tests that architecture i has right after `epochs` of training. First weights, those of
 * operations of one place alike, and the order of images are drawn by `seed` and cx's own. */
CULL_API cull_status cull_micro3_train(cull_ctx *cx, const cull_micro3_data *d, int i,
                                       uint64_t seed, int epochs, double *accuracy) CULL_CHECKED;

/* ---- the table ---- */
typedef struct {
    int64_t params;
    double macs;
    double accuracy[CULL_MICRO3_SEEDS]; /* of seeds 1, 2, ... */
    double mean;                        /* of them, to six decimals */
} cull_micro3_row;
typedef struct {
    int seeds;
    char note[512]; /* how it was made */
    cull_micro3_row row[CULL_MICRO3_COUNT];
} cull_micro3_table;
/* Trains all, with seeds 1 to `seeds`, many at once on a thread each; the same bits for any number of
 * threads. */
CULL_API cull_status cull_micro3_run(cull_ctx *cx, const cull_micro3_data *d, int seeds, int epochs,
                                     cull_micro3_table *out) CULL_CHECKED;
/* As csv: a comment that says how it was made, then arch, e1, e2, e3, params, macs, acc_seed1, ...,
 * mean. Path "-" = standard output. */
CULL_API cull_status cull_micro3_write(cull_ctx *cx, const cull_micro3_table *t,
                                       const char *path) CULL_CHECKED;
/* CULL_EINPUT names the file, the line and what is wrong there. */
CULL_API cull_status cull_micro3_read(cull_ctx *cx, const char *path,
                                      cull_micro3_table *out) CULL_CHECKED;

typedef struct {
    int best;         /* architecture of the largest mean; the first of equal ones */
    double best_mean; /* its mean accuracy */
    double random;    /* exact expectation of a uniformly random pick */
    double deviation; /* between seeds: root of the mean variance over rows; NaN of one seed */
    double widest;    /* largest difference between two seeds of a row */
    double kendall;   /* tau-b between the accuracies of two seeds, mean over pairs; NaN of one */
    double kendall_macs; /* tau-b between multiply-adds and mean accuracy */
} cull_micro3_summary;
CULL_API cull_status cull_micro3_sum(cull_ctx *cx, const cull_micro3_table *t,
                                     cull_micro3_summary *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
