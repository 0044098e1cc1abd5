/* cull/checkpoint_look.h - what a checkpoint's numbers are like, how two differ, whether one is sound.
 *
 * Every pass reads a tensor once or twice, in blocks by all threads, and holds a block for each; answers are the
 * same for any number of them. */
#ifndef CULL_CHECKPOINT_LOOK_H
#define CULL_CHECKPOINT_LOOK_H
#include "cull/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of numbers that are finite: mean, m2 = the sum of squares of what they are off it, absmax. */
typedef struct {
    int64_t n, zeros, nans, infs; /* n: all of them */
    double mean, m2, absmax;
} cull_tensor_stat;
/* EINPUT: a dtype whose numbers cull does not read. */
CULL_API cull_status cull_checkpoint_stat(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                          cull_tensor_stat *out) CULL_CHECKED;
/* a = a and b together. */
CULL_API void cull_tensor_stat_add(cull_tensor_stat *a, const cull_tensor_stat *b);
CULL_API double cull_tensor_stat_std(const cull_tensor_stat *s); /* population's; 0 of none */

/* Of pairs of numbers: same = equal to the bit (as f32 where the dtypes differ); the sums leave out pairs of which
 * one is not finite, and those count in odd unless they are the same. */
typedef struct {
    int64_t n, same, odd;
    double absmax;             /* largest |a - b| */
    double aa, bb, ab, apart2; /* sums of a a, b b, a b, (a - b)^2 */
} cull_tensor_diff;
/* Tensor i of a and k of b, of as many numbers each. Of dtypes that are not read n and same alone are counted: items to
 * the bit, or bytes where not even their size is known. EINPUT: other sizes. */
CULL_API cull_status cull_checkpoint_diff(cull_ctx *cx, const cull_checkpoint *a, int64_t i,
                                          const cull_checkpoint *b, int64_t k,
                                          cull_tensor_diff *out) CULL_CHECKED;
CULL_API void cull_tensor_diff_add(cull_tensor_diff *a, const cull_tensor_diff *b);
CULL_API double cull_tensor_diff_rel(const cull_tensor_diff *d);    /* |a - b| / |a|; 0 / 0 = 0 */
CULL_API double cull_tensor_diff_cosine(const cull_tensor_diff *d); /* NaN where one is all zeros */

/* What network the config names: "LlamaForCausalLM", "LORA of NAME", "" = it does not say. Returns buf. */
CULL_API const char *cull_checkpoint_network(cull_ctx *cx, const cull_checkpoint *ck,
                                             char buf[128]);
/* Whether in such a network a matrix of this name is a Conv1D of transformers (GPT-2), which is stored (inputs, outputs). */
CULL_API bool cull_checkpoint_conv1d(const char *network, const char *name);

/* What is wrong with a checkpoint that could be opened: its index and config against its tensors, numbers that are not
 * finite, names of shards, layers that are left out, a tie that does not hold. */
typedef struct {
    bool error;         /* else a warning: it can be used */
    const char *tensor; /* NULL = the whole */
    const char *text;   /* a sentence; good during the call */
} cull_finding;
typedef void cull_finding_fn(void *user, const cull_finding *f);
/* numbers: look at every number, too. */
CULL_API cull_status cull_checkpoint_verify(cull_ctx *cx, const cull_checkpoint *ck, bool numbers,
                                            cull_finding_fn *fn, void *user) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
