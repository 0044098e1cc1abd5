/* keep.h - for each of some queries the rows that may still be among its k best, by what is known of their
 * scores before the canonical ones are taken. */
#ifndef CULL__KEEP_H
#define CULL__KEEP_H
#include "num/block.h"

/* A row whose score is in [low, up]. */
typedef struct {
    float low, up;
    int64_t row;
} cull__candidate;

/* A row's canonical score for query q, and an interval around it in the units of candidates. buf: a row. */
typedef double cull__exact_fn(const void *arg, int64_t q, int64_t row, float *buf, float *low,
                              float *up);
typedef struct {
    int64_t k, cap;
    cull__exact_fn *exact;
    const void *arg;
    int64_t *n;            /* candidates of each query */
    float *above;          /* what a row's `up` must pass; -inf until k were seen */
    cull__candidate *cand; /* (m, cap) */
    float *lows, *row;
    cull__ranked *rank;
} cull__keep;

/* Room for m queries and the k best of n rows of d numbers. */
cull_status cull__keep_new(cull_ctx *cx, int64_t m, int64_t n, int64_t d, int64_t k,
                           cull__exact_fn *exact, const void *arg, cull__keep *out);
double cull__keep_bytes(int64_t m, int64_t n, int64_t d, int64_t k);
int64_t cull__keep_cap(int64_t n, int64_t k);
void cull__keep_none(cull__keep *w, int64_t m); /* of the first m queries nothing is kept */
/* Raise the threshold of q to its k-th largest `low` and drop what lies below it. Where near-ties alone
 * fill the room they are scored canonically and cut to k. */
void cull__keep_cut(cull__keep *w, int64_t q);

static inline void cull__keep_add(cull__keep *w, int64_t q, float low, float up, int64_t row)
{
    if (!(up > w->above[q])) return;
    if (w->n[q] == w->cap) {
        cull__keep_cut(w, q);
        if (!(up > w->above[q])) return;
    }
    w->cand[q * w->cap + w->n[q]++] = (cull__candidate){low, up, row};
}
/* After rows were added: a threshold as soon as k were seen. */
static inline void cull__keep_added(cull__keep *w, int64_t q)
{
    if (w->above[q] == -INFINITY && w->n[q] >= w->k) cull__keep_cut(w, q);
}
#endif
