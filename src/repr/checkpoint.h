/* checkpoint.h - inside of a checkpoint's handle. */
#ifndef CULL__CHECKPOINT_H
#define CULL__CHECKPOINT_H
#include "cull/checkpoint.h"
#include "io/safetensors.h"
#include "repr/packed.h"

typedef struct {
    char *path;
    cull__bytes bytes;
} cull__checkpoint_file;

/* A tensor that is packed: its parts, which file each lies in, how long they are. */
typedef struct {
    cull__packed p;
    int file[CULL__PACK_PARTS];
    uint64_t len[CULL__PACK_PARTS];
} cull__checkpoint_packed;

struct cull_checkpoint {
    cull_ctx *cx;
    char *path, *folder, *config; /* config NULL: there is none */
    cull__checkpoint_file *file;
    int files;
    int64_t
        total; /* what the index says that all tensors take; -1 = nothing, or there is no index */
    cull_tensor *t;
    const unsigned char **at; /* n: their bytes */
    const char **name;        /* n: their names, for cull__nearest */
    int64_t *by;              /* n: tensors by name */
    int64_t n;
    uint64_t bytes, stored;          /* of all tensors, and of what the files have of them */
    cull__checkpoint_packed *packed; /* n, of those with at = NULL; NULL = none is */
    const char **meta;               /* key, value, ... of all files; the first file's come first */
    int64_t metas, metas_first;
    cull_array *held; /* helds: arrays of an npz, some of which lie in memory */
    int64_t helds;
    void *text; /* blocks that names and metadata lie in */
    size_t room;
};

/* A copy of s[0..n) that lives as long as the handle. */
cull_status cull__checkpoint_keep(cull_checkpoint *ck, const char *s, size_t n, const char **out);
/* The members of an npz as tensors, in the arena; arrays are held by the handle (checkpoint_npz.c). */
cull_status cull__checkpoint_npz(cull_checkpoint *ck, const cull__checkpoint_file *f,
                                 cull__tensor **out, int64_t *n);
void cull__checkpoint_drop_held(cull_checkpoint *ck);
/* out = n bytes of a tensor that is not packed, from .. on of it. */
cull_status cull__checkpoint_fetch(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                   uint64_t from, uint64_t n, void *out);
/* What a dtype of this form (cull__safetensors_form) can do. */
void cull__checkpoint_kind(cull_tensor *t, int form);
/* Packed tensors become tensors again, after all names are known and in order. Scratch stays in the arena. */
cull_status cull__checkpoint_unfold(cull_checkpoint *ck);
cull_status cull__checkpoint_read_packed(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                         int form, int64_t from, int64_t n, float *out);
/* Role, layer, expert and side from the name (and the shape, where names are alike). */
void cull__checkpoint_role(cull_tensor *t);
/* Where the number of its layer stands in a name; NULL = it has none. */
const char *cull__checkpoint_layer(const char *name);
/* The embedding of words, or the head that gives them, by what they are most often called; -1 = none is. */
int64_t cull__checkpoint_words(const cull_checkpoint *ck, bool head);
/* name by the first of o->rename that it is an OLD of, which is marked in o->used, or as it is; scratch of cx. */
cull_status cull__renamed(cull_ctx *cx, const cull_checkpoint_pair_opts *o, const char *name,
                          const char **out);
#endif
