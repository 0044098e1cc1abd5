/* sampler_sequence.c - a walk along a sequence of points that is known beforehand. */
#include "search/parts.h"

#include <math.h>

enum {
    PASSED = 64,    /* points passed over at one event, so that an event takes a bounded time */
    PATIENCE = 4096 /* indices in a row without a point, after which an endless walk draws one */
};

/* The first index from *i on that has a point; *there = false: the end, or patience, was reached.
 * */
static cull_status seek(cull_ctx *cx, cull__sequence *s, const cull_search_view *v, int64_t *i,
                        double *x, bool *there)
{
    *there = false;
    for (int64_t k = 1; *i < s->end; ++*i, k++) {
        CULL_TRY(s->at(cx, s->user, v, *i, x, there));
        if (*there || (s->endless && k == PATIENCE)) return CULL_OK;
        if (k % PATIENCE == 0) CULL_TRY(cull__tick(cx, 0, 0));
    }
    return CULL_OK;
}

static bool same(const double *x, const double *y, int64_t width)
{
    for (int64_t i = 0; i < width; i++)
        if (x[i] != y[i] && !(isnan(x[i]) && isnan(y[i]))) return false;
    return true;
}

cull_status cull__sequence_ask(cull_ctx *cx, cull__sequence *s, const cull_search_view *v,
                               int attempt, double *x)
{
    int64_t i = s->next, left = attempt;
    if (attempt > 0 && s->number == v->trials && s->attempt == attempt - 1 && s->index >= s->next)
        i = s->index + 1, left = 0;
    for (bool there;; i++, left--) {
        CULL_TRY(seek(cx, s, v, &i, x, &there));
        if (!there && s->endless) {
            cull_rng r = cull__event_rng(v, 3, v->trials + attempt);
            return cull__space_draw(cx, v->space, &r, x);
        }
        if (!there)
            return cull__fail(cx, CULL_ENODATA, "all points of the sequence have been asked");
        if (!left) break;
    }
    s->number = v->trials, s->attempt = attempt, s->index = i;
    return CULL_OK;
}

cull_status cull__sequence_asked(cull_ctx *cx, cull__sequence *s, const cull_search_view *v,
                                 int64_t number)
{
    const double *x = v->x + number * v->width;
    bool again = v->problem->again != CULL_AGAIN_NEVER;
    for (int known = 0, missing = 0; s->next < s->end; s->next++) {
        bool there;
        CULL_TRY(s->at(cx, s->user, v, s->next, s->x, &there));
        if (!there && s->endless && ++missing == PATIENCE) break;
        if (!there) continue;
        bool mine = same(s->x, x, v->width);
        s->next += mine && again;
        if (again || (!mine && !cull_search_seen(v, s->x)) || ++known == PASSED) break;
    }
    return CULL_OK;
}
