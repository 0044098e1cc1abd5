/* weights_ahead.c - the next tensors are fetched from the disk while this one is made. */
#include "task/weights.h"

/* Bytes of each source that lie ready. */
static const uint64_t most = 64 << 20;

typedef struct {
    const cull_weights_work *w;
    int64_t from; /* an item */
} fetching;

/* One source of one item. */
static cull_status fetch(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const fetching *f = arg;
    int s = (int)(chunk % f->w->sources);
    const int64_t *at = f->w->item[f->from + chunk / f->w->sources].at;
    (void)cx, (void)lo, (void)hi;
    if (at && at[s] >= 0) cull_checkpoint_ahead(f->w->source[s], at[s], most);
    return CULL_OK;
}

cull_status cull__ahead_of(cull_ctx *cx, const cull_weights_work *w, int64_t i, cull__ahead *a)
{
    if (i < a->next)
        a->fetched -= w->item[i].t.bytes;
    else
        a->next = i + 1;
    fetching f = {w, a->next};
    for (; a->next < w->items && a->fetched < most; a->next++)
        a->fetched += w->item[a->next].t.bytes;
    return cull__for(cx, (a->next - f.from) * w->sources, 1, fetch, &f);
}
