/* checkpoint.h - inside of a checkpoint's handle. */
#ifndef CULL__CHECKPOINT_H
#define CULL__CHECKPOINT_H
#include "cull/checkpoint.h"
#include "io/safetensors.h"

typedef struct {
    char *path;
    cull__bytes bytes;
} cull__checkpoint_file;

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
    uint64_t bytes;
    const char **meta; /* key, value, ... of all files; the first file's come first */
    int64_t metas, metas_first;
    void *text; /* blocks that names and metadata lie in */
    size_t room;
};

/* A copy of s[0..n) that lives as long as the handle. */
cull_status cull__checkpoint_keep(cull_checkpoint *ck, const char *s, size_t n, const char **out);
/* Role, layer, expert and side from the name (and the shape, where names are alike). */
void cull__checkpoint_role(cull_tensor *t);
#endif
