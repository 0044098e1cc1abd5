/* threshold_sample.h - cuts of many values in one pass. */
#ifndef CULL__THRESHOLD_SAMPLE_H
#define CULL__THRESHOLD_SAMPLE_H
#include "choose/threshold.h"

enum { CULL__SLOT = 8192 }; /* values of a block that may lie near a cut */
enum {
    CULL__SAMPLED = 64 << 20
}; /* bytes that one pass may hold; more values take passes by digits, which hold less */
enum { CULL__SAMPLED_BLOCKS = 8 }; /* fewer are not worth a sample */
/* Sources of values whose parts are of the same sizes, so that they are read together: v->read gives source k's values at out + k n.
 * Rank r is one of source of[r]; NULL: there is one source. */
typedef struct {
    const cull__values *v;
    const int64_t *first; /* of each part its first block, and how many blocks there are */
    int sources;
    const int *of;
} cull__sampled;
/* The cuts of cull__cuts where 1 <= rank[] <= total, how many values each source has. Where it does not find them (values of which most are
 * alike, rows that differ much, a NaN, more memory than there may be) *found is false. */
cull_status cull__cuts_sampled(cull_ctx *cx, const cull__sampled *from, int64_t total,
                               const int64_t *rank, int ranks, cull__cut *cut, bool *found);
/* The part that block b belongs to: the last one whose first block is not beyond it. */
int64_t cull__values_part(const cull__values *v, const int64_t *first, int64_t b);
uint64_t cull__cuts_sampled_bytes(int64_t blocks, int sources, int cuts, int workers);
#endif
