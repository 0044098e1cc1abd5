/* threshold.h - the k largest magnitudes of values that stream by, exactly; windows of ranks; N:M masks.
 *
 * One total order everywhere: a larger |x| comes first, equal ones by place (part, then index). -0 and 0 are
 * equal; infinity is the largest. NaN has no place and is refused by name. */
#ifndef CULL__THRESHOLD_H
#define CULL__THRESHOLD_H
#include "base/base.h"

#include <string.h>

/* Values that are read in blocks, whatever they are: tensors, their differences, scores. A part is a tensor
 * or a row; all parts of one source are one order. */
typedef struct {
    /* out[0 .. n) = values from .. from + n of the part. n <= CULL__VALUES. Called by several workers at once. */
    cull_status (*read)(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                        float *out);
    const void *arg;
    int64_t parts;
    const int64_t *size;     /* parts: how many values each has; together below 2^62 */
    const char *const *name; /* parts: for the sentence about a NaN; NULL = "part 3" */
} cull__values;
enum { CULL__VALUES = 65536, CULL__CUTS = 8 };

/* The first `rank` values of the order lie above the cut. */
typedef struct {
    uint32_t key;     /* of the last value above: the bits of its magnitude */
    int64_t part, at; /* of values with that key, those before this place are above */
} cull__cut;

static inline uint32_t cull__magnitude(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u & 0x7fffffffu;
}
static inline bool cull__above(const cull__cut *c, float x, int64_t part, int64_t at)
{
    uint32_t k = cull__magnitude(x);
    return k > c->key || (k == c->key && (part < c->part || (part == c->part && at < c->at)));
}

/* cut[r] = the cut at rank[r], 0 <= rank[r] <= the number of values; at most CULL__CUTS of them, in any order.
 * Of many values a sample says where the cut lies, and one pass finds it there (threshold_sample.h). Else radix
 * selection (the upper 16 bits of a magnitude are counted, then the lower 15 of those that share them): two
 * passes over the values, one less where no lower bit is set (bf16, f8), one more where a cut goes
 * through equal values. Few values (CULL__VALUES at most) are read once. Counts are exact, so that the cut does not
 * depend on threads. O(n) time; memory is cull__cuts_bytes. */
cull_status cull__cuts(cull_ctx *cx, const cull__values *v, const int64_t *rank, int ranks,
                       cull__cut *cut);
/* What it holds at most, scratch. n: values in all. */
uint64_t cull__cuts_bytes(int64_t parts, int64_t n, int ranks, int workers);

/* The same of n values in memory that are part `part`, without scratch and on this thread: rows.
 * Returns -1, or the index of the first NaN, and then there is no cut. */
int64_t cull__cut_row(const float *x, int64_t n, int64_t part, int64_t rank, cull__cut *cut);

/* keep[i] = 1 where x[i] lies above the cut, else 0, of n values that begin at `from` of the part.
 * Returns how many. */
int64_t cull__cut_keep(const cull__cut *c, const float *x, int64_t part, int64_t from, int64_t n,
                       uint8_t *keep);
/* A window of ranks: keep[i] = 1 where x[i] lies above `last`, but not above `first`. */
int64_t cull__cut_band(const cull__cut *first, const cull__cut *last, const float *x, int64_t part,
                       int64_t from, int64_t n, uint8_t *keep);

/* N:M: of each m values in a row (the last block may be shorter) keep[] = 1 at the n that come first in the
 * order, else 0. Values and marks lie `stride` apart; count of them; n <= m <= CULL__NM.
 * Returns -1, or the index of the first NaN: then keep is not to be used. */
enum { CULL__NM = 64 };
int64_t cull__nm_keep(const float *x, int64_t count, int64_t stride, int n, int m, uint8_t *keep);
#endif
