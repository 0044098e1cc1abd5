/* surgery_choose.c - which channels stay: widths given, a share of each group, a limit for the whole network. */
#define _GNU_SOURCE
#include "nn/surgery.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef cull__model_layer layer;
typedef cull__surgery_group group;

/* ---- order within a group ---- */

static int by_score(const void *a, const void *b, void *arg)
{
    const double *score = arg;
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    if (score[x] != score[y]) return score[x] < score[y] ? -1 : 1;
    return x < y ? 1 : -1; /* of those that are alike the last one goes first */
}

/* All units, those of a group together, the least one first. */
static cull_status order_of(cull_ctx *cx, const cull_surgery *s, const double *score,
                            int64_t **order)
{
    CULL_TRY(CULL_TMP(cx, *order, s->units));
    for (int64_t u = 0; u < s->units; u++) (*order)[u] = u;
    for (int64_t g = 0; g < s->groups; g++)
        if (!isnan(score[s->group[g].first]))
            qsort_r(*order + s->group[g].first, (size_t)s->group[g].width, sizeof **order, by_score,
                    (void *)score);
    return CULL_OK;
}

static void keep_all(const cull_surgery *s, bool *keep)
{
    for (int64_t u = 0; u < s->units; u++) keep[u] = true;
}

/* ---- widths ---- */

static cull_status check_width(cull_ctx *cx, const group *k, int64_t width, double score)
{
    if (k->fixed)
        return cull__fail(cx, CULL_EINPUT, "the width of '%s' cannot change: it is tied to %s",
                          k->name, k->fixed);
    if (width < 1 || width > k->width)
        return cull__fail(cx, CULL_EINPUT,
                          "a width of %" PRId64 " for '%s', which has %" PRId64
                          " channels; it must be 1 to %" PRId64,
                          width, k->name, k->width, k->width);
    if (isnan(score))
        return cull__fail(cx, CULL_EINPUT,
                          "channels of '%s' have no score: no batch norm follows them", k->name);
    return CULL_OK;
}

static cull_status widths(cull_ctx *cx, const cull_surgery *s, const double *score,
                          const int64_t *width, bool *keep)
{
    int64_t *order;
    CULL_TRY(order_of(cx, s, score, &order));
    keep_all(s, keep);
    for (int64_t g = 0; g < s->groups; g++) {
        const group *k = s->group + g;
        if (width[g] == -1 || width[g] == k->width) continue;
        CULL_TRY(check_width(cx, k, width[g], score[k->first]));
        for (int64_t i = 0; i < k->width - width[g]; i++) keep[order[k->first + i]] = false;
    }
    return CULL_OK;
}

cull_status cull_surgery_widths(cull_ctx *cx, const cull_surgery *s, const double *score,
                                const int64_t *width, bool *keep)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status status = widths(cx, s, score, width, keep);
    cull__release(cx, mark);
    return status;
}

/* ---- a limit for the whole ---- */

typedef struct {
    const cull_surgery *s;
    const double *score;
    int64_t *order, *left; /* left: units of each group; those that go are the first of its order */
    int64_t *made, *read;  /* channels of each layer */
    int64_t round;
    bool by_params; /* what a lot saves is parameters, not multiply-adds */
    double macs, params;
} choosing;

/* How many units of a group go next; 0 = it stays. */
static int64_t lot_of(const choosing *c, int64_t g)
{
    const group *k = c->s->group + g;
    int64_t left = c->left[g];
    if (k->fixed || left <= c->round || isnan(c->score[k->first])) return 0;
    return left % c->round ? left % c->round : c->round;
}

/* What goes with n units of group g. */
static void savings(const choosing *c, int64_t g, int64_t n, double *macs, double *params)
{
    const cull_surgery *s = c->s;
    int64_t u = s->group[g].first;
    *macs = *params = 0;
    for (int64_t i = s->first[u]; i < s->first[u + 1]; i++) {
        const cull__surgery_part *p = s->part + i;
        int64_t made = c->made[p->layer], read = c->read[p->layer], had, has;
        double before, after;
        cull__surgery_cost(s->m->layer + p->layer, made, read, &before, &had);
        cull__surgery_cost(s->m->layer + p->layer, made - n * p->made, read - n * p->read, &after,
                           &has);
        *macs += before - after;
        *params += (double)(had - has);
    }
}

static void take(choosing *c, int64_t g, int64_t n)
{
    const cull_surgery *s = c->s;
    int64_t u = s->group[g].first;
    double macs, params;
    savings(c, g, n, &macs, &params);
    c->macs -= macs;
    c->params -= params;
    for (int64_t i = s->first[u]; i < s->first[u + 1]; i++) {
        const cull__surgery_part *p = s->part + i;
        c->made[p->layer] -= n * p->made;
        c->read[p->layer] -= n * p->read;
    }
    c->left[g] -= n;
}

static void make_whole(choosing *c)
{
    const cull_surgery *s = c->s;
    int64_t params;
    for (int64_t g = 0; g < s->groups; g++) c->left[g] = s->group[g].width;
    for (int i = 1; i < s->m->layers; i++) {
        c->made[i] = cull__surgery_made(s, i, NULL);
        c->read[i] = cull__surgery_read(s, i, NULL);
    }
    cull_surgery_count(s, NULL, &c->macs, &params);
    c->params = (double)params;
}

static cull_status begin(cull_ctx *cx, choosing *c)
{
    const cull_surgery *s = c->s;
    CULL_TRY(order_of(cx, s, c->score, &c->order));
    CULL_TRY(CULL_TMP(cx, c->left, s->groups));
    CULL_TRY(CULL_TMP0(cx, c->made, s->m->layers));
    CULL_TRY(CULL_TMP0(cx, c->read, s->m->layers));
    make_whole(c);
    return CULL_OK;
}

/* by_params: what is asked for next, where not both limits hold. */
static bool within(choosing *c, const cull_surgery_target *t)
{
    bool macs = t->macs > 0 && c->macs > t->macs, params = t->params > 0 && c->params > t->params;
    c->by_params = !macs;
    return !macs && !params;
}

/* The group that loses least for what its next lot saves; -1 = none can lose any. */
static int64_t cheapest(const choosing *c)
{
    int64_t best = -1;
    double least = INFINITY;
    for (int64_t g = 0; g < c->s->groups; g++) {
        const group *k = c->s->group + g;
        int64_t n = lot_of(c, g), gone = k->width - c->left[g];
        double lost = 0, macs, params;
        if (!n) continue;
        for (int64_t i = gone; i < gone + n; i++) lost += c->score[c->order[k->first + i]];
        savings(c, g, n, &macs, &params);
        double saved = c->by_params ? params : macs;
        if (saved > 0 && lost / saved < least) {
            least = lost / saved;
            best = g;
        }
    }
    return best;
}

static cull_status unreachable(cull_ctx *cx, const choosing *c, const cull_surgery_target *t)
{
    return cull__fail(cx, CULL_EINPUT,
                      "%.0f %s are asked for, and the smallest network has %.0f, with groups down "
                      "to %" PRId64 " channels",
                      c->by_params ? t->params : t->macs,
                      c->by_params ? "parameters" : "multiply-adds",
                      c->by_params ? c->params : c->macs, c->round);
}

static cull_status within_limits(cull_ctx *cx, choosing *c, const cull_surgery_target *t)
{
    double began = c->macs;
    while (!within(c, t)) {
        int64_t g = cheapest(c);
        if (g < 0) return unreachable(cx, c, t);
        take(c, g, lot_of(c, g));
        CULL_TRY(cull__tick(cx, began - c->macs, began));
    }
    return CULL_OK;
}

/* Every group to the multiple of `round` next to its share. */
static void by_share(choosing *c, double share)
{
    for (int64_t g = 0; g < c->s->groups; g++) {
        const group *k = c->s->group + g;
        int64_t want = llround((double)k->width * share / (double)c->round) * c->round;
        if (!lot_of(c, g) || want >= k->width) continue;
        take(c, g, k->width - (want < c->round ? c->round : want));
    }
}

/* The largest share of every group that is within the limits: widths are counts, and halving comes to where none of
 * them changes any more. */
static cull_status uniformly(cull_ctx *cx, choosing *c, const cull_surgery_target *t)
{
    double lo = 0, hi = t->share > 0 ? t->share : 1;
    if (within(c, t)) return CULL_OK;
    by_share(c, lo);
    if (!within(c, t)) return unreachable(cx, c, t);
    for (int i = 0; i < 40; i++) {
        double mid = (lo + hi) / 2;
        make_whole(c);
        by_share(c, mid);
        *(within(c, t) ? &lo : &hi) = mid;
    }
    make_whole(c);
    by_share(c, lo);
    return CULL_OK;
}

static cull_status choose(cull_ctx *cx, choosing *c, const cull_surgery_target *t, bool *keep)
{
    CULL_TRY(begin(cx, c));
    if (t->share > 0) by_share(c, t->share);
    CULL_TRY(t->uniform ? uniformly(cx, c, t) : within_limits(cx, c, t));
    keep_all(c->s, keep);
    for (int64_t g = 0; g < c->s->groups; g++)
        for (int64_t i = 0; i < c->s->group[g].width - c->left[g]; i++)
            keep[c->order[c->s->group[g].first + i]] = false;
    return CULL_OK;
}

cull_status cull_surgery_choose(cull_ctx *cx, const cull_surgery *s, const double *score,
                                const cull_surgery_target *t, bool *keep)
{
    choosing c = {.s = s, .score = score, .round = t->round};
    if (t->size != sizeof *t)
        return cull__fail(cx, CULL_EOPTION, "cull_surgery_target of %zu bytes, not %zu", t->size,
                          sizeof *t);
    if (!(t->share >= 0 && t->share <= 1))
        return cull__fail(cx, CULL_EOPTION, "a share of %g is outside 0 to 1", t->share);
    if (!(t->macs >= 0 && t->params >= 0))
        return cull__fail(cx, CULL_EOPTION, "a limit of %g is below 0",
                          t->macs >= 0 ? t->params : t->macs);
    if (t->round < 1)
        return cull__fail(cx, CULL_EOPTION, "widths are multiples of 1 or more, not of %" PRId64,
                          t->round);
    cull__mark_t mark = cull__mark(cx);
    cull_status status = choose(cx, &c, t, keep);
    cull__release(cx, mark);
    return status;
}

/* ---- slimming ---- */

static cull_status slim(cull_ctx *cx, const cull_surgery *s, double cut, bool *keep)
{
    double *gamma;
    int64_t *order, n = 0;
    CULL_TRY(CULL_TMP(cx, gamma, s->units));
    CULL_TRY(CULL_TMP(cx, order, s->units));
    CULL_TRY(cull__surgery_gamma(cx, s, gamma));
    keep_all(s, keep);
    for (int64_t u = 0; u < s->units; u++)
        if (!s->group[s->group_of[u]].fixed && !isnan(gamma[u])) order[n++] = u;
    if (!n)
        return cull__fail(cx, CULL_EINPUT,
                          "slimming goes by the scales of batch norms, and no group of channels "
                          "that may go has any");
    qsort_r(order, (size_t)n, sizeof *order, by_score, gamma);
    for (int64_t i = 0; i < (int64_t)floor(cut * (double)n); i++) keep[order[i]] = false;
    for (int64_t g = 0; g < s->groups; g++) {
        const group *k = s->group + g;
        int64_t best = k->first, left = 0;
        for (int64_t u = k->first; u < k->first + k->width; u++) {
            left += keep[u];
            if (gamma[u] > gamma[best]) best = u;
        }
        if (!left) keep[best] = true;
    }
    return CULL_OK;
}

cull_status cull_surgery_slim(cull_ctx *cx, const cull_surgery *s, double cut, bool *keep)
{
    if (!(cut >= 0 && cut < 1))
        return cull__fail(cx, CULL_EOPTION, "a share of %g to cut is outside 0 to 1", cut);
    cull__mark_t mark = cull__mark(cx);
    cull_status status = slim(cx, s, cut, keep);
    cull__release(cx, mark);
    return status;
}
