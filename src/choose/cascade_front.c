/* cascade_front.c - the cascades that nothing dominates, let in by the thousand (cascade.h). */
#include "choose/cascade.h"

#include <string.h>

static bool before(const cull__stand *a, const cull__stand *b)
{
    if (a->cost != b->cost) return a->cost < b->cost;
    if (a->quality != b->quality) return a->quality > b->quality;
    return a->key < b->key;
}

/* Merging, from runs of one on. No two are equal. */
static void sort(cull__stand *v, cull__stand *room, int64_t n)
{
    cull__stand *from = v, *to = room;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            int64_t a = lo, b = mid, k = lo;
            while (a < mid && b < hi) to[k++] = before(&from[b], &from[a]) ? from[b++] : from[a++];
            while (a < mid) to[k++] = from[a++];
            while (b < hi) to[k++] = from[b++];
        }
        cull__stand *was = from;
        from = to;
        to = was;
    }
    if (from != v) memcpy(v, from, (size_t)n * sizeof *v);
}

cull_status cull__stands_new(cull_ctx *cx, cull__stands *f, double lo, double hi)
{
    *f = (cull__stands){.shift = 0};
    CULL_TRY(CULL_TMP(cx, f->wait, CULL__FRONT_WAIT));
    CULL_TRY(CULL_TMP(cx, f->wait_room, CULL__FRONT_WAIT));
    CULL_TRY(CULL_TMP(cx, f->least, CULL__FRONT_PLACES));
    for (int i = 0; i < CULL__FRONT_PLACES; i++) f->least[i] = -1;
    int64_t a, b;
    memcpy(&a, &lo, sizeof a);
    memcpy(&b, &hi, sizeof b);
    while ((b >> f->shift) - (a >> f->shift) >= CULL__FRONT_PLACES - 2) f->shift++;
    f->low = (a >> f->shift) - 1; /* a place for what is cheaper */
    return CULL_OK;
}

void cull__stands_free(cull__stands *f)
{
    cull__free(f->at);
    cull__free(f->other);
    f->at = f->other = NULL;
}

/* least[p] = the best quality of those whose cost is of a place below p. */
static void look_up(cull__stands *f)
{
    double best = -1;
    int64_t i = 0;
    for (int64_t p = 0; p < CULL__FRONT_PLACES; p++) {
        for (; i < f->n && cull__stands_place(f, f->at[i].cost) < p; i++) best = f->at[i].quality;
        f->least[p] = best;
    }
}

cull_status cull__stands_merge(cull_ctx *cx, cull__stands *f)
{
    if (f->waiting == 0) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, f->other, &f->room_other, f->n + f->waiting));
    sort(f->wait, f->wait_room, f->waiting);
    int64_t a = 0, b = 0, k = 0;
    while (a < f->n || b < f->waiting) {
        bool new = a == f->n || (b < f->waiting && before(&f->wait[b], &f->at[a]));
        cull__stand s = new ? f->wait[b++] : f->at[a++];
        if (k == 0 || s.quality > f->other[k - 1].quality) f->other[k++] = s;
    }
    cull__stand *was = f->at;
    int64_t room = f->room;
    f->at = f->other;
    f->room = f->room_other;
    f->other = was;
    f->room_other = room;
    f->n = k;
    f->waiting = 0;
    look_up(f);
    return CULL_OK;
}
