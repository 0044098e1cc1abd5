/* cull/pack.h - checkpoints with many zeros in fewer bytes; masks: which weights stay, apart from what they are.
 *
 * A packed checkpoint is a safetensors file whose tensor NAME has become NAME.values and others that say where they stood;
 * docs/weights.md describes them. cull_checkpoint_open reads it as if it were dense. A number is zero when
 * all its bits are: -0 and any NaN come back as they were. */
#ifndef CULL_PACK_H
#define CULL_PACK_H
#include "cull/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    size_t size;
    const char *
        packing; /* of every tensor that it suits: "bitmask", "2:4", "csr", "gaps"; NULL = the smallest */
    uint64_t shard_bytes;        /* as of cull_checkpoint_opts */
    const cull_checkpoint *like; /* of a folder: whose config and so on are copied; NULL = ck's */
    bool any_values;             /* of a mask: values may be other than those it was made of */
} cull_pack_opts;
/* clang-format off */
#define CULL_PACK_OPTS {.size = sizeof(cull_pack_opts)}
/* clang-format on */

typedef struct {
    int64_t tensors, packed; /* those that are packed, or have a mask */
    int64_t numbers, zeros;  /* of all that may be packed; of masks: under masks, and masked */
    uint64_t dense, written; /* bytes of tensors, dense and in `out` */
} cull_pack_report;

/* Each tensor that gets smaller is packed, the others are copied. Two passes; memory: some blocks, and 24 bytes for each 16384
 * numbers. opts and report may be NULL. */
CULL_API cull_status cull_checkpoint_pack(cull_ctx *cx, const cull_checkpoint *ck, const char *out,
                                          const cull_pack_opts *opts,
                                          cull_pack_report *report) CULL_CHECKED;
/* Dense again, to the bit. EINPUT: nothing in it is packed. */
CULL_API cull_status cull_checkpoint_unpack(cull_ctx *cx, const cull_checkpoint *ck,
                                            const char *out, const cull_pack_opts *opts,
                                            cull_pack_report *report) CULL_CHECKED;

/* ---- packing what is made as it is read ---- */
/* A tensor to be packed: its bytes [lo, hi) in numbers, where they lie or in the arena, from several threads at once. It is read twice,
 * the second time with `again`; it must be the same then. */
typedef struct cull_pack_source {
    const cull_tensor *t;
    cull_status (*read)(cull_ctx *cx, const void *arg, int64_t lo, int64_t hi, bool again,
                        const uint8_t **out); /* NULL: they are those of ck */
    const void *arg;
    const cull_checkpoint *ck; /* its bytes are those of tensor `at` of ck; NULL = of none */
    int64_t at;
} cull_pack_source;
/* Tensors one after another into an unlinked file in tmpdir, packed where that makes them smaller; then all of them to `path`. So the
 * sizes in its head are known, and nothing is written dense that is packed. packing: NULL = the smallest; EOPTION: there is none such. */
typedef struct cull_packer cull_packer;
CULL_API cull_status cull_packer_new(cull_ctx *cx, int64_t tensors, const char *packing,
                                     cull_pack_report *report, cull_packer **out) CULL_CHECKED;
/* O(n) time; ENOMEM, EIO, and what the source says. */
CULL_API cull_status cull_packer_add(cull_ctx *cx, cull_packer *k,
                                     const cull_pack_source *from) CULL_CHECKED;
/* o: metadata and the rest, but what packing adds. What the sources point to is there still. */
CULL_API cull_status cull_packer_write(cull_ctx *cx, cull_packer *k, const char *path,
                                       const cull_checkpoint_opts *o) CULL_CHECKED;
CULL_API void cull_packer_free(cull_packer *k); /* NULL is fine */
/* What it holds at most beside what reading takes, where no tensor has more than n numbers. */
CULL_API uint64_t cull_packer_bytes(int64_t n, int threads);
/* EOPTION: no packing is called so. */
CULL_API cull_status cull_packing_check(cull_ctx *cx, const char *name) CULL_CHECKED;

/* A key of metadata that says how a file is packed, or of what it is a mask; not the model's own. */
CULL_API bool cull_pack_key(const char *key);

/* The mask that makes `pruned` of `dense`: a bit for each number of every tensor that differs, 1 = stays. EINPUT, by
 * name: tensors or shapes differ, or a number is neither 0 in pruned nor as it was. */
CULL_API cull_status cull_checkpoint_mask(cull_ctx *cx, const cull_checkpoint *dense,
                                          const cull_checkpoint *pruned, const char *out,
                                          cull_pack_report *report) CULL_CHECKED;
CULL_API bool cull_checkpoint_is_mask(const cull_checkpoint *ck); /* it is a mask */
/* EINPUT, by name: the mask has tensors that ck has not, of other shapes, or of other values by their hashes. */
CULL_API cull_status cull_checkpoint_mask_of(cull_ctx *cx, const cull_checkpoint *mask,
                                             const cull_checkpoint *ck) CULL_CHECKED;
/* ck with 0 wherever the mask says, which may also be one of cull/ticket.h. EINPUT, by name: the mask is of another
 * model, or (but for any_values) of other values. */
CULL_API cull_status cull_checkpoint_masked(cull_ctx *cx, const cull_checkpoint *mask,
                                            const cull_checkpoint *ck, const char *out,
                                            const cull_pack_opts *opts,
                                            cull_pack_report *report) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
