/* safetensors.h - heads and indices of checkpoints, beyond what a single array needs (io.h). */
#ifndef CULL__SAFETENSORS_H
#define CULL__SAFETENSORS_H
#include "base/forms.h"
#include "io/io.h"

enum { CULL__HEAD_MOST = 100000000 }; /* bytes, as the format has it */

/* A cull_dtype or CULL__F8_... and the bytes of an element; -1 when cull does not compute with it, *size 0
 * when it does not know it. */
int cull__safetensors_form(const char *dtype, int *size);
const char *cull__safetensors_dtype(int form); /* "BF16" */

/* EINPUT that says what the file is when its first bytes are known to be something else's. */
cull_status cull__safetensors_other(cull_ctx *cx, const char *path, const unsigned char *at,
                                    size_t n);

/* All of an index: tensor k lies in file[k], which may be any text. In the arena. */
typedef struct {
    const char **name, **file;
    int64_t n;
    int64_t total; /* metadata.total_size; -1 = it does not say */
} cull__shards;
cull_status cull__safetensors_index(cull_ctx *cx, const char *path, const unsigned char *at,
                                    size_t n, cull__shards *out);
/* EINPUT unless the file of tensor k is one of the index's folder: its path, in the arena. */
cull_status cull__safetensors_shard_path(cull_ctx *cx, const char *path, const cull__shards *s,
                                         int64_t k, char **out);

/* The head of a file whose tensors have name, dtype, shape, place and bytes filled in, its length first; `metas`
 * strings of metadata. */
cull_status cull__safetensors_head_of(cull_ctx *cx, const cull__tensor *t, int64_t n,
                                      const char *const *meta, int64_t metas, cull_buf *out);

/* Shared by these files: a NUL-terminated copy in the arena; n bytes as a JSON object. */
cull_status cull__safetensors_keep(cull_ctx *cx, const char *s, size_t n, const char **out);
cull_status cull__safetensors_json(cull_ctx *cx, const char *path, cull__json_parser *p,
                                   const void *at, size_t n, size_t offset, cull__json_value *root);
#endif
