/* nn.h - inside of the tape: nodes, the record of an operation, what an operation may call. */
#ifndef CULL__NN_H
#define CULL__NN_H
#include "base/base.h"
#include "cull/nn.h"

#include <math.h>

typedef struct cull__op cull__op;

struct cull_var {
    const cull__op *op; /* NULL = a leaf */
    cull_var **in;
    int ins, rank, param; /* param: index, or -1 */
    bool needs;           /* a gradient passes through */
    bool watched, forgotten;
    bool borrowed; /* v is not this node's own */
    bool held;     /* others borrow v */
    int64_t dim[CULL_RANK], n;
    float *v, *g;
    void *attr;        /* the operation's own settings, copied at apply */
    void *save;        /* what forward leaves for backward (cull__save); goes with v */
    int64_t save_n;    /* floats of it */
    const char *scope; /* layer */
    cull_var *before;  /* on the tape */
};

/* One record for each operation. forward writes all of y->v (n numbers, uninitialised). backward reads
 * y->g and adds to the gradients of those inputs that `needs` (cull__grad, cull__grad_move). */
enum {
    CULL__READS_OUT = 1, /* backward reads y->v */
    CULL__READS_IN = 2,  /* backward reads the inputs' v: all of them, or */
    CULL__READS_IN0 = 4, /* those alone */
    CULL__READS_IN1 = 8,
    CULL__VIEW = 16, /* the numbers of in[0] under another shape: no memory, no forward */
    CULL__RANDOM =
        32, /* draws: attr begins with a uint64_t, which the tape fills with the stream */
};
struct cull__op {
    const char *name, *doc;
    unsigned flags;
    cull_status (*shape)(cull_tape *t,
                         cull_var *y); /* rank and dim from in and attr, or cull__wrong */
    cull_status (*forward)(cull_tape *t, cull_var *y);
    cull_status (*backward)(cull_tape *t, cull_var *y); /* NULL = no gradient passes */
    double (*macs)(const cull_var *y);                  /* NULL = none worth counting */
};
/* Every operation's record, for tests and documentation (ops.c). */
const cull__op *const *cull__ops(int *count);

/* A node more: in (ins of them; any NULL returns NULL) and attr (bytes, may be 0) are copied. */
cull_var *cull__apply(cull_tape *t, const cull__op *op, cull_var *const *in, int ins,
                      const void *attr, size_t bytes);
/* "conv2d in layer1.0.conv1: " and the sentence, kept as the tape's failure (CULL_EINPUT). */
cull_status cull__wrong(cull_tape *t, const cull_var *y, const char *fmt, ...) CULL_PRINTF(3, 4);
/* "(64, 32, 32, 16)" */
const char *cull__dims(const cull_var *x, char buf[96]);

/* The tape keeps its first failure; returns s. */
cull_status cull__tape_keep(cull_tape *t, cull_status s);

cull_ctx *cull__tape_ctx(const cull_tape *t);
unsigned cull__tape_mode(const cull_tape *t);
cull_params *cull__tape_params(const cull_tape *t);
/* Where new running statistics go until cull_tape_settle: as many numbers as the state tensor `param` has.
 * NULL: the tape is not in train mode, or it failed. */
float *cull__tape_state(cull_tape *t, int param);

/* ---- memory of a step, 64-byte aligned; counted; NULL (and the tape fails) when there is none ---- */
float *cull__take_floats(cull_tape *t, int64_t n);
void cull__give_floats(cull_tape *t, float *p, int64_t n);
/* n floats that live as long as y->v and are there in backward too. */
float *cull__save(cull_tape *t, cull_var *y, int64_t n);

/* ---- gradients, in backward ---- */
/* The gradient of x: *add says whether to add to what is there, or to write all of it. */
float *cull__grad(cull_tape *t, cull_var *x, bool *add);
/* x takes y's gradient buffer over as its own, where it has none yet and is as large: its numbers may then
 * be changed in place. False: use cull__grad. */
bool cull__grad_move(cull_tape *t, cull_var *y, cull_var *x);

/* ---- matrix products (product.c): row-major, op(a) (m, k) times op(b) (k, n), into c or added to c ----
 * Through the tape's own table of oneDNN primitives where that is faster, else OpenBLAS. */
void cull__mm(cull_tape *t, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a,
              int64_t lda, const float *b, int64_t ldb, bool add, float *c, int64_t ldc);
struct cull__prims;
struct cull__prims **cull__tape_prims(cull_tape *t);
void cull__prims_free(struct cull__prims *p);

/* 1 / (1 + e^-x), at any x. */
static inline double cull__logistic(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

/* ---- params.c ---- */
/* Tensors are drawn from (seed, name) from now on, and not from the ctx's seed. */
void cull__params_seed(cull_params *p, uint64_t seed);
const float *cull__params_mask(const cull_params *p); /* NULL = none */
cull_ctx *cull__params_ctx(const cull_params *p);
uint64_t cull__params_version(const cull_params *p); /* changes when a tensor is added */
#endif
