/* weights.h - parts of the door of task weights: what is given, which options a tensor has, what is made, and how it is written. */
#ifndef CULL__TASK_WEIGHTS_H
#define CULL__TASK_WEIGHTS_H
#include "base/base.h"
#include "cull/weights.h"

/* ---- what is given (weights_given.c) ---- */
/* EINPUT: a result at `out` would replace a checkpoint that p reads. */
cull_status cull__weights_apart(cull_ctx *cx, const cull_weights_problem *p, const char *out);
/* pair[s] (items), scratch: of source s > 0 the tensors that are those of the first one, by p's rules, each of which must meet one. */
cull_status cull__weights_pair(cull_ctx *cx, const cull_weights_work *w, int64_t **pair);
/* Whether tensor i of a and tensor k of b have the same bytes; either may be packed. */
cull_status cull__weights_same(cull_ctx *cx, const cull_checkpoint *a, int64_t i,
                               const cull_checkpoint *b, int64_t k, bool *same);
/* A tensor of a dtype that cull cannot read is copied where all sources have the same bytes, which is told; EINPUT where they
 * have not. */
cull_status cull__weights_unknown(cull_ctx *cx, const cull_weights_work *w);
/* EINPUT: a method computes with numbers that are quantized, or with what scales them: one means nothing without the other. */
cull_status cull__weights_quantized(cull_ctx *cx, const cull_weights_work *w);
/* The config says no more words than the embedding has rows after common rows were taken. */
cull_status cull__weights_words(cull_ctx *cx, cull_weights_work *w);
/* EINPUT: a NaN among x[0 .. n), what was made for numbers from .. on of it. Sources have none, so that infinite numbers
 * have cancelled. */
cull_status cull__weights_made(cull_ctx *cx, const cull_weights_work *w,
                               const cull_weights_item *it, int64_t from, const float *x,
                               int64_t n);

/* ---- rules (weights_rules.c) ---- */
typedef struct cull__rules cull__rules;
/* The rules of p, read and checked; opts counts where none does. *out is freed whatever is returned. */
cull_status cull__rules_new(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                            const cull_weights_problem *p, cull__rules **out);
/* The options of tensor t in model `model` (-1 = the base): as long as the rules live. */
cull_status cull__rules_opts(cull_ctx *cx, cull__rules *r, const cull_tensor *t, int model,
                             const void **out);
/* A rule that no tensor has met is refused. */
cull_status cull__rules_used(cull_ctx *cx, const cull__rules *r);
void cull__rules_free(cull__rules *r);

/* ---- a run ---- */
typedef struct {
    cull_weights_work w; /* first, so that it leads back here */
    const cull_method *m;
    const cull_weights_fns *fns;
    cull__rules *rules;
    void *state;                 /* the method's, of `begin` */
    cull_checkpoint_writer *out; /* or packer, of a sparse result */
    cull_packer *packer;
    _Atomic int64_t zeroed; /* numbers that a method's keep left out */
    int64_t cap;            /* of items */
    double done;            /* bytes written so far */
    double passes;          /* over each item before the one that makes it */
    bool forget; /* what is read and written is too much for the page cache to serve another run */
    cull_weights_report report;
} cull__weights_job;
/* w.item (weights_items.c): a tensor of the result for each of the first source's, with its pairs in the others, then what
 * the method makes of them; w.item is freed whatever is returned. */
cull_status cull__weights_items(cull_ctx *cx, cull__weights_job *j);
/* All items are made, and go to `path` (weights_write.c). */
cull_status cull__weights_write(cull_ctx *cx, cull__weights_job *j, const char *path);
#endif
