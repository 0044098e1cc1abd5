/* inputs.h - what was recorded of tensors' inputs over some samples: a file of vectors under the tensors' names.
 *
 * Of tensor NAME it has NAME or, without ".weight", the shorter name: the norm of each input; or under that name and .sumsq the sum of
 * its squares. Of a convolution a number for each channel, or for each channel and place of the kernel. */
#ifndef CULL__INPUTS_H
#define CULL__INPUTS_H
#include "base/base.h"
#include "cull/checkpoint.h"

/* The array called `name` or its shorter form, with one of these endings ("" or ".sumsq") behind it; -1 = none. *which = the ending. */
int64_t cull__inputs_find(const cull_checkpoint *ck, const char *name, const char *const *ending,
                          int endings, int *which);
/* EINPUT, by name: nothing of the tensor is there, or it has neither `ins` nor `width` numbers (values of an output). */
cull_status cull__inputs_check(cull_ctx *cx, const cull_checkpoint *ck, const char *name,
                               int64_t ins, int64_t width);
/* A norm for each value of an output, after a check. EINPUT: one is below 0 or not finite. */
cull_status cull__inputs_norms(cull_ctx *cx, const cull_checkpoint *ck, const char *name,
                               int64_t width, float *out);
cull_status cull__inputs_missing(cull_ctx *cx, const cull_checkpoint *ck, const char *what,
                                 const char *name);
#endif
