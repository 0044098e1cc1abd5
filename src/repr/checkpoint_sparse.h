/* checkpoint_sparse.h - what packing, unpacking and masks share: numbers of a tensor, lists of tensors to be written. */
#ifndef CULL__CHECKPOINT_SPARSE_H
#define CULL__CHECKPOINT_SPARSE_H
#include "base/base.h"
#include "cull/pack.h"

/* Bytes of a number of t where all have as many, 1, 2, 4 or 8; else 0. */
int cull__tensor_width(const cull_tensor *t);

/* Tensors of a file to come, with its metadata; names are copied to the arena. */
typedef struct {
    cull_tensor *t;
    const char **meta;
    int64_t n, metas, t_room, meta_room;
} cull__specs;
cull_status cull__specs_add(cull_ctx *cx, cull__specs *s, const cull_tensor *t);
/* NAME.suffix with one axis of `count` numbers. */
cull_status cull__specs_part(cull_ctx *cx, cull__specs *s, const char *name, const char *suffix,
                             const char *dtype, int64_t count, int width);
cull_status cull__specs_meta(cull_ctx *cx, cull__specs *s, const char *key, const char *value);
/* Metadata of ck but what packing and masks have there. */
cull_status cull__specs_meta_of(cull_ctx *cx, cull__specs *s, const cull_checkpoint *ck);
void cull__specs_free(cull__specs *s);
/* A writer for them; `like` gives a folder its config. */
cull_status cull__specs_create(cull_ctx *cx, const cull__specs *s, const char *path,
                               const cull_checkpoint *like, uint64_t shard_bytes,
                               cull_checkpoint_writer **w);

/* "DTYPE 32 64" behind whatever stands in text, as metadata has it. */
cull_status cull__shape_put(cull_ctx *cx, const cull_tensor *t, char *text, size_t size);
/* Reads "DTYPE 32 64" to its end: dtype (16), shape, n; false = it is something else. */
bool cull__shape_get(const char *text, char dtype[16], int64_t shape[8], int *ndim, int64_t *n);

/* Keys in metadata: one that says what the file is, and one for each tensor with its name behind. */
#define CULL__PACKED_KEY "cull.packed"
#define CULL__PACKED_VERSION "2" /* 1 had no checksums */
#define CULL__MASK_KEY "cull.mask"
#endif
