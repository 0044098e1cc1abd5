/* packed.h - a tensor with many zeros in fewer bytes: what is not zero, and where it stood.
 *
 * A zero is a number all of whose bits are 0: -0 and every NaN come back as they were. Numbers are any 1, 2, 4 or 8
 * bytes. The tensor is a flat list in segments, so that a block is read without what stands before it. */
#ifndef CULL__PACKED_H
#define CULL__PACKED_H
#include "base/base.h"

/* Where the numbers that are not 0 stand, as files say it:
 * bitmask  a bit for each number, the lowest of a byte first; starts[s] = how many values lie before segment s.
 * 2:4      of each four numbers two at most are not 0: two values each, and a half-byte i | j << 2, i < j. Values that
 *          there is no need for are 0.
 * csr      a row for each first axis: offsets[r] = how many values lie before row r; the column of each value, 16 bits
 *          wide or 32.
 * gaps     for each value a byte, how many zeros lie between it and the one before (or the beginning of the segment);
 *          255 = so many zeros, and no value; starts[2s], starts[2s + 1] = values and bytes before segment s.
 * sums[s]  of each packing: a hash of what the other parts have of segment s. */
#define CULL_PACKING_MAP(X)                                                                        \
    X(BITMASK, "bitmask")                                                                          \
    X(2_4, "2:4")                                                                                  \
    X(CSR, "csr")                                                                                  \
    X(GAPS, "gaps")
typedef enum {
#define X(n, s) CULL__PACKING_##n,
    CULL_PACKING_MAP(X)
#undef X
        CULL__PACKINGS
} cull__packing;
const char *cull__packing_name(cull__packing p);
bool cull__packing_find(const char *name, size_t n, cull__packing *out);

enum { CULL__SEGMENT = 16384, CULL__PACK_PARTS = 4 };

/* The shape of a packed tensor: all that its parts' sizes follow from. */
typedef struct {
    cull__packing how;
    int size;           /* bytes of a number: 1, 2, 4 or 8 */
    int64_t n;          /* numbers, n = rows * cols */
    int64_t rows, cols; /* cols = all axes but the first; of one axis rows = 1 */
    int64_t values;     /* not 0; of 2:4 n / 2 */
    int64_t gaps;       /* bytes; of gaps alone */
    bool sums;          /* the last part is a checksum of each segment */
} cull__pack_form;
/* Its parts: "values", then those that say where, then "sums". type: "" = the tensor's own. */
typedef struct {
    const char *suffix, *type;
    int64_t count; /* items */
    int width;     /* bytes of one */
} cull__pack_part;
int cull__pack_parts(const cull__pack_form *f, cull__pack_part out[CULL__PACK_PARTS]);
uint64_t cull__pack_bytes(const cull__pack_form *f);
static inline int64_t cull__segments(int64_t n)
{
    return n / CULL__SEGMENT + (n % CULL__SEGMENT > 0);
}

/* What a segment of n numbers holds. */
typedef struct {
    int64_t values, gaps;
    bool fits_2_4; /* n is a multiple of four, and two of each four at most are not 0 */
} cull__pack_count;
void cull__pack_look(const void *raw, int size, int64_t n, cull__pack_count *out);

/* The packing with the fewest bytes for what was counted in all of a tensor (of equal ones 2:4, whose places
 * are known beforehand, else the first), of all or of `only`. False where none saves more than CULL__PACK_NAMES bytes, about
 * what the parts take in the file's head. shape (ndim). */
enum { CULL__PACK_NAMES = 420 };
bool cull__pack_choose(const cull__pack_count *sum, int size, const int64_t *shape, int ndim,
                       const cull__packing *only, cull__pack_form *out);

/* Segment s packed, at[k] = the bytes that go to part k from byte to[k], so many: len[k]. before: values and gap bytes
 * before the segment. The buffers are the caller's, with room for `room` bytes each. */
typedef struct {
    uint8_t *at[CULL__PACK_PARTS];
    uint64_t to[CULL__PACK_PARTS], len[CULL__PACK_PARTS];
} cull__pack_piece;
uint64_t cull__pack_room(const cull__pack_form *f);
void cull__pack_segment(const cull__pack_form *f, const void *raw, int64_t s,
                        const cull__pack_count *before, cull__pack_piece *out);

/* The sum of a segment: of what it has in each part that its place does not follow from. */
uint64_t cull__pack_sum(const cull__pack_form *f, const uint8_t *const at[CULL__PACK_PARTS],
                        const uint64_t len[CULL__PACK_PARTS]);

/* Numbers [from, from + n) of what is packed in part[], as bytes. Parts lie at any address, and their sizes are those of the
 * form; all else about them is checked here, as far as it is read, and the sums of segments that begin within: who reads all numbers, in
 * whatever pieces, has checked all sums. EIO with the name. */
typedef struct {
    const char *name;
    cull__pack_form form;
    const uint8_t *part[CULL__PACK_PARTS];
} cull__packed;
cull_status cull__packed_read(cull_ctx *cx, const cull__packed *p, int64_t from, int64_t n,
                              void *out);
#endif
