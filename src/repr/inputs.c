/* inputs.c - norms of tensors' inputs, found by name and read: see inputs.h. */
#include "repr/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const norms[] = {"", ".sumsq"};
enum { SQUARES = 1, NORMS };

static int64_t find(const cull_checkpoint *ck, const char *name, int len, const char *const *ending,
                    int endings, int *which)
{
    char key[1024];
    for (*which = 0; *which < endings; ++*which) {
        int n = snprintf(key, sizeof key, "%.*s%s", len, name, ending[*which]);
        int64_t i = n > 0 && n < (int)sizeof key ? cull_checkpoint_find(ck, key, NULL) : -1;
        if (i >= 0) return i;
    }
    return -1;
}

int64_t cull__inputs_find(const cull_checkpoint *ck, const char *name, const char *const *ending,
                          int endings, int *which)
{
    int len = (int)strlen(name);
    int64_t i = find(ck, name, len, ending, endings, which);
    if (i < 0 && cull__ends(name, ".weight")) i = find(ck, name, len - 7, ending, endings, which);
    return i;
}

cull_status cull__inputs_missing(cull_ctx *cx, const cull_checkpoint *ck, const char *what,
                                 const char *name)
{
    int64_t near = -1;
    (void)cull_checkpoint_find(ck, name, &near);
    return cull__fail(cx, CULL_EINPUT, "%s: no %s of the inputs of '%s'%s%s%s",
                      cull_checkpoint_path(ck), what, name,
                      near < 0 ? "" : "; the nearest name is '",
                      near < 0 ? "" : cull_checkpoint_at(ck, near)->name, near < 0 ? "" : "'");
}

cull_status cull__inputs_check(cull_ctx *cx, const cull_checkpoint *ck, const char *name,
                               int64_t ins, int64_t width)
{
    int which;
    int64_t i = cull__inputs_find(ck, name, norms, NORMS, &which);
    if (i < 0) return cull__inputs_missing(cx, ck, "norms", name);
    const cull_tensor *t = cull_checkpoint_at(ck, i);
    if (!t->numeric)
        return cull__fail(cx, CULL_EINPUT, "%s: '%s' is of type %s, not numbers",
                          cull_checkpoint_path(ck), t->name, t->dtype);
    if (t->n == ins || t->n == width) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: '%s' has %" PRId64 " numbers, and '%s' has %" PRId64
                      " inputs; norms of another model?",
                      cull_checkpoint_path(ck), t->name, t->n, name, ins);
}

cull_status cull__inputs_norms(cull_ctx *cx, const cull_checkpoint *ck, const char *name,
                               int64_t width, float *out)
{
    int which;
    int64_t k = cull__inputs_find(ck, name, norms, NORMS, &which), n = cull_checkpoint_at(ck, k)->n;
    float *v = out + width - n; /* read to its end, and spread from its beginning */
    CULL_TRY(cull_checkpoint_read(cx, ck, k, 0, n, v));
    int64_t each = n ? width / n : 0;
    for (int64_t i = 0; i < n; i++) {
        float x = v[i];
        if (!(x >= 0 && isfinite(x)))
            return cull__fail(
                cx, CULL_EINPUT,
                "%s: number %" PRId64 " of '%s' is %g; a norm is finite and not below 0",
                cull_checkpoint_path(ck), i, cull_checkpoint_at(ck, k)->name, (double)x);
        for (int64_t q = 0; q < each; q++) out[i * each + q] = which == SQUARES ? sqrtf(x) : x;
    }
    return CULL_OK;
}
