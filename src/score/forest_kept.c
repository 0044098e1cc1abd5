/* forest_kept.c - a forest that is kept: asked, and gone through leaf by leaf. */
#include "score/forest.h"

#include <math.h>
#include <string.h>

void cull__forest_free(cull__grown *g)
{
    if (!g) return;
    for (int64_t i = 0; g->tree && i < g->trees; i++) {
        cull__free(g->tree[i].at);
        cull__free(g->tree[i].value);
    }
    cull__free(g->tree);
    cull__free(g);
}

/* Tree after tree, so that one stays in the cache for all rows. */
void cull__forest_ask(const cull__grown *g, const uint8_t *code, int64_t n, double *mean,
                      double *spread)
{
    memset(mean, 0, (size_t)n * sizeof *mean);
    if (spread) memset(spread, 0, (size_t)n * sizeof *spread);
    for (int64_t k = 0; k < g->trees; k++)
        for (int64_t i = 0; i < n; i++) {
            const cull__tree *t = g->tree + k;
            int64_t at = 0;
            for (const cull__node *p = t->at; p->left >= 0; p = t->at + at)
                at = p->left + !(p->mask >> code[i * g->d + p->col] & 1);
            double e = t->value[at] - mean[i]; /* Welford 1962 */
            mean[i] += e / (double)(k + 1);
            if (spread) spread[i] += e * (t->value[at] - mean[i]);
        }
    for (int64_t i = 0; i < n; i++) {
        mean[i] = mean[i] * g->sd + g->mean;
        if (spread) spread[i] = g->trees > 1 ? g->sd * sqrt(spread[i] / (double)(g->trees - 1)) : 0;
    }
}

/* ---- leaves ---- */

static void walk(const cull__tree *t, int64_t at, uint64_t *set, cull__leaf_fn *fn, void *arg)
{
    const cull__node *p = t->at + at;
    if (p->left < 0) {
        fn(arg, set, t->value[at]);
        return;
    }
    uint64_t was = set[p->col];
    set[p->col] = was & p->mask;
    walk(t, p->left, set, fn, arg);
    set[p->col] = was & ~p->mask;
    walk(t, p->left + 1, set, fn, arg);
    set[p->col] = was;
}

void cull__forest_leaves(const cull__grown *g, int64_t tree, uint64_t *set, cull__leaf_fn *fn,
                         void *arg)
{
    walk(g->tree + tree, 0, set, fn, arg);
}
