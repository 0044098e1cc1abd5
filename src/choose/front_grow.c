/* front_grow.c - a front that rows come to one by one (cull/front.h). */
#include <math.h>
#include <string.h>

#include "choose/front.h"
#include "cull/front.h"

struct cull_front {
    int m;
    double *ref; /* m, or NULL */
    double *v;   /* (n, m), in order of their coming */
    int64_t *id;
    int64_t n, room_v, room_id;
    double covered;
    bool known; /* covered is of the rows that are there */
};

static cull_status keep_reference(cull_ctx *cx, cull_front *f, const double *ref)
{
    CULL_TRY(CULL_ALLOC(cx, f->ref, f->m));
    memcpy(f->ref, ref, (size_t)f->m * sizeof *ref);
    for (int d = 0; d < f->m; d++)
        if (!isfinite(ref[d]))
            return cull__fail(cx, CULL_EINPUT,
                              "objective %d of the reference point is %g; it must be finite", d,
                              ref[d]);
    return CULL_OK;
}

cull_status cull_front_new(cull_ctx *cx, int m, const double *ref, cull_front **out)
{
    cull_front *f;
    *out = NULL;
    CULL_TRY(cull__front_fits(cx, 0, m));
    CULL_TRY(CULL_ALLOC(cx, f, 1));
    f->m = m;
    f->known = true; /* no rows cover nothing */
    cull_status s = ref ? keep_reference(cx, f, ref) : CULL_OK;
    if (s == CULL_OK)
        *out = f;
    else
        cull_front_free(f);
    return s;
}

void cull_front_free(cull_front *f)
{
    if (!f) return;
    cull__free(f->ref);
    cull__free(f->v);
    cull__free(f->id);
    cull__free(f);
}

cull_status cull_front_add(cull_ctx *cx, cull_front *f, const double *v, int64_t id, bool *joined)
{
    size_t bytes = (size_t)f->m * sizeof *v;
    if (joined) *joined = false;
    if (cull__row_has_nan(v, f->m)) return CULL_OK;
    for (int64_t i = 0; i < f->n; i++)
        if (cull__row_covers(f->v + i * f->m, v, f->m)) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, f->v, &f->room_v, (f->n + 1) * f->m));
    CULL_TRY(CULL_GROW(cx, f->id, &f->room_id, f->n + 1));
    int64_t kept = 0;
    for (int64_t i = 0; i < f->n; i++) {
        if (cull__row_covers(v, f->v + i * f->m, f->m)) continue;
        if (kept < i) memcpy(f->v + kept * f->m, f->v + i * f->m, bytes);
        f->id[kept++] = f->id[i];
    }
    memcpy(f->v + kept * f->m, v, bytes);
    f->id[kept] = id;
    f->n = kept + 1;
    f->known = false;
    if (joined) *joined = true;
    return CULL_OK;
}

int64_t cull_front_size(const cull_front *f) { return f->n; }

const double *cull_front_at(const cull_front *f, int64_t i, int64_t *id)
{
    if (i < 0 || i >= f->n) return NULL;
    if (id) *id = f->id[i];
    return f->v + i * f->m;
}

cull_status cull_front_covered(cull_ctx *cx, cull_front *f, double *volume)
{
    *volume = NAN;
    if (!f->ref) return cull__fail(cx, CULL_EINPUT, "the front was made without a reference point");
    if (!f->known) CULL_TRY(cull_front_volume(cx, f->v, f->n, f->m, f->ref, &f->covered, NULL));
    f->known = true;
    *volume = f->covered;
    return CULL_OK;
}
