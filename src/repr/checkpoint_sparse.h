/* checkpoint_sparse.h - what packing, unpacking and masks share: numbers of a tensor, lists of tensors to be written. */
#ifndef CULL__CHECKPOINT_SPARSE_H
#define CULL__CHECKPOINT_SPARSE_H
#include "base/base.h"
#include "cull/pack.h"
#include "repr/packed.h"

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

/* x[0 .. n), numbers from .. of a tensor, rounded to its dtype, a floating one; EINPUT where the dtype cannot hold one of them. */
cull_status cull__checkpoint_narrow(cull_ctx *cx, const char *name, const char *dtype, int64_t from,
                                    const float *x, int64_t n, void *out);

/* ---- packing what is made as it is read ---- */
/* A tensor to be packed: its bytes [lo, hi) in numbers, where they lie or in the arena, from several threads at once. It is read twice,
 * the second time with `again`; it must be the same then. */
typedef struct {
    const cull_tensor *t;
    cull_status (*read)(cull_ctx *cx, const void *arg, int64_t lo, int64_t hi, bool again,
                        const uint8_t **out);
    const void *arg;
    const cull_checkpoint *ck; /* its bytes are those of tensor `at` of ck; NULL = of none */
    int64_t at;
} cull__pack_source;
/* Tensors one after another into an unlinked file in tmpdir, packed where that makes them smaller; then all of them to `path`. So the
 * sizes in its head are known, and nothing is written dense that is packed. packing: NULL = the smallest. */
typedef struct cull__packer cull__packer;
cull_status cull__packing_of(cull_ctx *cx, const char *name, cull__packing *out);
cull_status cull__packer_new(cull_ctx *cx, int64_t tensors, const char *packing,
                             cull_pack_report *report, cull__packer **out);
cull_status cull__packer_add(cull_ctx *cx, cull__packer *k, const cull__pack_source *from);
/* o: metadata and the rest, but what packing adds. What the sources point to is there still. */
cull_status cull__packer_write(cull_ctx *cx, cull__packer *k, const char *path,
                               const cull_checkpoint_opts *o);
void cull__packer_free(cull__packer *k);
/* What it holds at most beside what reading takes, where no tensor has more than n numbers. */
uint64_t cull__packer_bytes(int64_t n, int threads);

/* "DTYPE 32 64" behind whatever stands in text, as metadata has it. */
cull_status cull__shape_put(cull_ctx *cx, const cull_tensor *t, char *text, size_t size);
/* Reads "DTYPE 32 64" to its end: dtype (16), shape, n; false = it is something else. */
bool cull__shape_get(const char *text, char dtype[16], int64_t shape[8], int *ndim, int64_t *n);

/* Keys in metadata: one that says what the file is, and one for each tensor with its name behind. */
#define CULL__PACKED_KEY "cull.packed"
#define CULL__PACKED_VERSION "2" /* 1 had no checksums */
#define CULL__MASK_KEY "cull.mask"
#endif
