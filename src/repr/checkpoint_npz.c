/* checkpoint_npz.c - an npz as a checkpoint: its members are the tensors, under their names. For what was recorded with NumPy. */
#include "repr/checkpoint.h"

#include <string.h>

static cull_status member(cull_checkpoint *ck, const cull__checkpoint_file *f, const char *name,
                          cull__tensor *t)
{
    cull_array *a = ck->held + ck->helds;
    int size;
    CULL_TRY(cull__npz_parse(ck->cx, f->path, name, f->bytes.at, f->bytes.n, a));
    ck->helds++;
    *t = (cull__tensor){.a = *a, .name = name};
    t->dtype = cull__safetensors_dtype((int)a->dtype);
    (void)cull__safetensors_form(t->dtype, &size);
    t->bytes = (uint64_t)size;
    for (int d = 0; d < a->ndim; d++) t->bytes *= (uint64_t)a->shape[d];
    return CULL_OK;
}

cull_status cull__checkpoint_npz(cull_checkpoint *ck, const cull__checkpoint_file *f,
                                 cull__tensor **out, int64_t *n)
{
    const char **name;
    CULL_TRY(cull__npz_names(ck->cx, f->path, f->bytes.at, f->bytes.n, &name, n));
    CULL_TRY(CULL_ALLOC(ck->cx, ck->held, *n));
    CULL_TRY(CULL_TMP0(ck->cx, *out, *n));
    for (int64_t i = 0; i < *n; i++) CULL_TRY(member(ck, f, name[i], *out + i));
    return CULL_OK;
}

void cull__checkpoint_drop_held(cull_checkpoint *ck)
{
    for (int64_t i = 0; i < ck->helds; i++) cull_array_free(&ck->held[i]);
    cull__free(ck->held);
}
