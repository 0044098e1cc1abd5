/* checkpoint_verify.h - parts of verifying a checkpoint: what is found is told, one by one. */
#ifndef CULL__CHECKPOINT_VERIFY_H
#define CULL__CHECKPOINT_VERIFY_H
#include "repr/checkpoint.h"
#include "repr/checkpoint_config.h"

#include "cull/checkpoint_look.h"

typedef struct {
    cull_ctx *cx;
    const cull_checkpoint *ck;
    cull__checkpoint_config config;
    cull_finding_fn *fn;
    void *user;
} cull__verifying;

void cull__verify_tell(cull__verifying *v, bool error, const char *tensor, const char *fmt, ...)
    CULL_PRINTF(4, 5);

/* ---- what cull wrote (checkpoint_made.c) ---- */
/* The manifest in the folder, or beside the file: it reads, and blocks have as many units as it kept. */
cull_status cull__verify_manifest(cull__verifying *v);
/* Of a mask: forms, sizes, no bits behind the last number. */
cull_status cull__verify_mask(cull__verifying *v);
/* Every packed tensor to its end; those that are damaged are told, and marked in bad (tensors). */
cull_status cull__verify_packed(cull__verifying *v, bool *bad);
#endif
