/* dense.h - inside of the dense operations: their inner loops (kern_unary.c, kern_binary.c, kern_rows.c),
 * copies and sums over dimensions, what shapes they share. */
#ifndef CULL__NN_DENSE_H
#define CULL__NN_DENSE_H
#include "nn/kern.h"
#include "nn/nn.h"

/* ---- kern_unary.c: y = f(x; a, b) ---- */
#define CULL__UNARY(X)                                                                             \
    X(abs)                                                                                         \
    X(affine)                                                                                      \
    X(clip)                                                                                        \
    X(exp)                                                                                         \
    X(gelu)                                                                                        \
    X(leaky_relu)                                                                                  \
    X(log)                                                                                         \
    X(neg)                                                                                         \
    X(reciprocal)                                                                                  \
    X(sigmoid)                                                                                     \
    X(silu)                                                                                        \
    X(softplus)                                                                                    \
    X(sqrt)                                                                                        \
    X(square)                                                                                      \
    X(tanh)
enum {
#define X(name) CULL__UNARY_##name,
    CULL__UNARY(X)
#undef X
        CULL__UNARIES
};
typedef struct {
    void (*forward[CULL__UNARIES])(float *y, const float *x, int64_t n, float a, float b);
    /* g = dy f'(s), s being x or y, whichever the operation's record says; g may be dy; add: to g */
    void (*backward[CULL__UNARIES])(float *g, const float *s, const float *dy, int64_t n, float a,
                                    float b, bool add);
} cull__unary_kern;
CULL__DECLARE(unary);

/* ---- kern_binary.c: (rows, n) numbers of two operands, each of which may stand still in either ---- */
#define CULL__BINARY(X)                                                                            \
    X(add)                                                                                         \
    X(div)                                                                                         \
    X(max)                                                                                         \
    X(min)                                                                                         \
    X(mul)                                                                                         \
    X(sub)
enum {
#define X(name) CULL__BINARY_##name,
    CULL__BINARY(X)
#undef X
        CULL__BINARIES
};
typedef struct {
    const float *v;
    int64_t row, one; /* how far the next row is, and the next number: 0 or 1 */
} cull__side;
typedef struct {
    void (*forward[CULL__BINARIES])(float *y, cull__side a, cull__side b, int64_t rows, int64_t n);
    /* g = dy d/da, or d/db; g, dy dense, g may be dy; add: to g */
    void (*backward[CULL__BINARIES][2])(float *g, const float *dy, cull__side a, cull__side b,
                                        int64_t rows, int64_t n, bool add);
} cull__binary_kern;
CULL__DECLARE(binary);

/* ---- kern_rows.c: rows of n numbers ---- */
typedef struct {
    /* y = (exp of) log softmax(x a), y may be x; a row of -inf alone becomes zeros (not of the log) */
    void (*softmax)(float *y, const float *x, int64_t rows, int64_t n, float a);
    void (*log_softmax)(float *y, const float *x, int64_t rows, int64_t n, float a);
    /* g may be dy */
    void (*softmax_back)(float *g, const float *y, const float *dy, int64_t rows, int64_t n,
                         float a, bool add);
    void (*log_softmax_back)(float *g, const float *y, const float *dy, int64_t rows, int64_t n,
                             float a, bool add);
    /* q = w (softmax(x) - target), the target of a row being (1 - smooth) onehot(label) + smooth / n;
     * returns the sum of w times the cross entropy. w = scale weight[row] (NULL: scale) */
    double (*cross)(float *q, const float *x, const int32_t *label, const float *weight,
                    float scale, double smooth, int64_t rows, int64_t n);
    /* s (rows) = a times the sum of each row; add: to s */
    void (*row_sums)(float *s, const float *x, int64_t rows, int64_t n, float a, bool add);
    /* s (n) = a times the sums over rows, in order */
    void (*col_sums)(float *s, const float *x, int64_t rows, int64_t n, float a, bool add);
    void (*exps)(float *y, int64_t n); /* in place */
    /* y = a x; add: to y; may be one */
    void (*scaled)(float *y, const float *x, int64_t n, float a, bool add);
    double (*dot)(const float *x, const float *y, int64_t n);
    /* (x - mean) rstd w + b; w, b may be NULL; left (2 rows): mean and rstd. centre: false = mean 0 */
    void (*norm)(float *y, float *left, const float *x, const float *w, const float *b,
                 int64_t rows, int64_t n, float eps, bool centre);
    /* dx, dw, db: NULL = not wanted; add_x; dw and db are added to; dx may be dy */
    void (*norm_back)(float *dx, float *dw, float *db, const float *left, const float *x,
                      const float *w, const float *dy, int64_t rows, int64_t n, bool centre,
                      bool add_x);
    /* y = x where the stream's draw of that number is at least `below` of 2^32, times a; else 0. The i-th
     * draw is the i-th cull__rng_u32 of (seed, 0). add: to y; y may be x */
    void (*drop)(float *y, const float *x, int64_t n, uint64_t seed, uint32_t below, float a,
                 bool add);
} cull__rows_kern;
CULL__DECLARE(rows);

/* ---- kern_loss.c: each returns the sum of a times the losses and leaves their slopes in x in q ---- */
#define CULL__LOSSES(X)                                                                            \
    X(bce)                                                                                         \
    X(hinge)                                                                                       \
    X(huber)                                                                                       \
    X(mae)                                                                                         \
    X(mse)
enum {
#define X(name) CULL__LOSS_##name,
    CULL__LOSSES(X)
#undef X
        CULL__LOSS_KINDS
};
typedef struct {
    /* of n pairs of x and target; b: the loss's own number */
    double (*each[CULL__LOSS_KINDS])(float *q, const float *x, const float *target, int64_t n,
                                     float a, float b);
    /* of a row: log softmax of p and of x */
    double (*kl)(float *q, const float *p, const float *x, int64_t n, float a);
    /* of a row: targets, and x's log softmax */
    double (*soft)(float *q, const float *target, const float *x, int64_t n, float a);
    /* of a row: a times the mean over pairs; margin below 0: logistic */
    double (*rank)(float *q, const float *x, const float *target, int64_t n, float a, float margin);
    /* of a row: r: the slopes in y */
    double (*cosine)(float *q, float *r, const float *x, const float *y, int64_t n, float a);
} cull__loss_kern;
CULL__DECLARE(loss);

/* ---- strided.c ---- */
/* to[sum i ts] = (added to) from[sum i fs] over the box `dim` of `rank` dimensions */
void cull__strided(float *to, const int64_t *ts, const float *from, const int64_t *fs, int rank,
                   const int64_t *dim, bool add);
/* s = a times the sums of x (rank, dim) over the dimensions of `mask`, in order; add: to s */
void cull__sum_over(cull_ctx *cx, float *s, const float *x, int rank, const int64_t *dim,
                    unsigned mask, float a, bool add);
/* strides of a dense tensor */
void cull__dense(int rank, const int64_t *dim, int64_t *stride);
/* y's shape is in[0]'s */
cull_status cull__same_shape(cull_tape *t, cull_var *y);
/* numpy's rule; false where they do not fit */
bool cull__broadcast(const cull_var *a, const cull_var *b, int *rank, int64_t *dim);
/* strides of x among `rank` dimensions of a shape that it is broadcast to */
void cull__broadcast_strides(const cull_var *x, int rank, int64_t *stride);
/* dimensions of that shape along which x stands still */
unsigned cull__broadcast_mask(const cull_var *x, int rank, const int64_t *dim);
/* g (of x's shape) = the gradient d of a shape that x was broadcast to; add */
void cull__unbroadcast(cull_ctx *cx, float *g, const cull_var *x, const float *d, int rank,
                       const int64_t *dim, float a, bool add);

/* d, negative counting from the last, as a dimension of x; -1 after saying what is wrong */
int cull__axis(cull_tape *t, const cull_var *y, const cull_var *x, int d);

/* every id in 0 .. below - 1, or the sentence */
cull_status cull__ids_ok(cull_tape *t, const cull_var *y, const int32_t *id, int64_t n,
                         int64_t below);

/* ---- op_index.c ---- */
/* The ids of an embedding's node, for optimisers that update those rows alone. False: another node. */
bool cull__embedding_rows(const cull_var *y, const int32_t **id, int64_t *n);
#endif
