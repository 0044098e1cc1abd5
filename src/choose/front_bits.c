/* front_bits.c - ranks of dominance of rows in order by sets of bits, O(m n^2 / 64): in four objectives and more dividing
 * (front_rank.c) pays from 80,000 rows on alone.
 *
 * Rows are taken in blocks, the first ones first. Which of a block come before a row in an objective is a set that
 * grows along the rows in the order of that objective; those that dominate it are what its sets have in common. Among
 * the ranks that it has not reached yet those that hold one of them follow each other without a gap (what a row
 * dominates is dominated by a row of each lower rank), so that the last of them is found by halving. */
#include "choose/front.h"

#include <string.h>

enum { WORDS = 8, BLOCK = 64 * WORDS }; /* a row's set is a line of the cache */

typedef struct {
    int32_t row, place;
} item;
typedef struct {
    uint64_t word[WORDS];
} bits;

typedef struct {
    const int32_t *key; /* (rows, m), as in front_rank.c */
    int m;
    int32_t rows, lo, hi; /* the block */
    int32_t *rank;
    item *list;    /* (m - 1, rows): rows from lo on by their place in an objective */
    bits *by;      /* of rows from lo on: those of the block that dominate it */
    bits *of;      /* of ranks in the block, in the order in which they came up: who has it */
    int32_t *slot; /* of a rank: 1 + its place there; 0 = it has none */
    int32_t ranks;
} blocks;

static inline void bit_in(bits *b, int32_t at) { b->word[at / 64] |= UINT64_C(1) << at % 64; }

static inline bool meet(const bits *a, const bits *b)
{
    uint64_t any = 0;
    for (int w = 0; w < WORDS; w++) any |= a->word[w] & b->word[w];
    return any != 0;
}

/* ---- who dominates ---- */

/* Rows by objective d, of equal places by number. */
static void list_by(const blocks *b, int d, int32_t *from, item *list)
{
    memset(from, 0, ((size_t)b->rows + 1) * sizeof *from);
    for (int32_t i = 0; i < b->rows; i++) from[b->key[(int64_t)i * b->m + d] + 1]++;
    for (int32_t i = 0; i < b->rows; i++) from[i + 1] += from[i];
    for (int32_t i = 0; i < b->rows; i++) {
        int32_t place = b->key[(int64_t)i * b->m + d];
        list[from[place]++] = (item){i, place};
    }
}

/* Rows before the block have left the list. */
static void meet_by(const blocks *b, const item *list, bool first)
{
    int32_t n = b->rows - b->lo;
    bits in = {{0}};
    for (int32_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && list[to].place == list[from].place; to++)
            if (list[to].row < b->hi) bit_in(&in, list[to].row - b->lo);
        for (int32_t k = from; k < to; k++) {
            bits *x = b->by + (list[k].row - b->lo);
            for (int w = 0; w < WORDS; w++)
                x->word[w] = first ? in.word[w] : x->word[w] & in.word[w];
        }
    }
}

static void leave(const blocks *b, item *list)
{
    int32_t n = b->rows - b->lo, kept = 0;
    for (int32_t k = 0; k < n; k++) {
        list[kept] = list[k];
        kept += list[k].row >= b->hi;
    }
}

/* ---- ranks ---- */

/* Of row i, whose rank by the blocks before is known. */
static int32_t raised(const blocks *b, int32_t i, int32_t most)
{
    const bits *by = b->by + (i - b->lo);
    int32_t lo = b->rank[i],
            hi = most + 1; /* the first rank from lo on that does not hold one of them */
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2, at = b->slot[mid];
        if (at && meet(by, b->of + (at - 1)))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void rank_block(blocks *b)
{
    int32_t most = -1;
    b->ranks = 0;
    for (int32_t i = b->lo; i < b->hi; i++) {
        int32_t at = i - b->lo;
        bits *by = b->by + at;
        by->word[at / 64] &= (UINT64_C(1) << at % 64) - 1; /* not itself, nor those after it */
        for (int w = at / 64 + 1; w < WORDS; w++) by->word[w] = 0;
        int32_t r = b->rank[i] = raised(b, i, most);
        most = r > most ? r : most;
        if (!b->slot[r]) {
            b->of[b->ranks] = (bits){{0}};
            b->slot[r] = ++b->ranks;
        }
        bit_in(b->of + (b->slot[r] - 1), at);
    }
    for (int32_t i = b->hi; i < b->rows; i++) b->rank[i] = raised(b, i, most);
    for (int32_t i = b->lo; i < b->hi; i++) b->slot[b->rank[i]] = 0;
}

cull_status cull__front_bits(cull_ctx *cx, const int32_t *key, int m, int32_t rows, int32_t *rank)
{
    blocks b = {.key = key, .m = m, .rows = rows, .rank = rank};
    int32_t *from;
    CULL_TRY(CULL_TMP(cx, from, (int64_t)rows + 1));
    CULL_TRY(CULL_TMP(cx, b.list, (int64_t)rows * (m - 1)));
    CULL_TRY(CULL_TMP(cx, b.by, rows));
    CULL_TRY(CULL_TMP(cx, b.of, rows < BLOCK ? rows : BLOCK));
    CULL_TRY(CULL_TMP0(cx, b.slot, (int64_t)rows + 1));
    for (int d = 1; d < m; d++) list_by(&b, d, from, b.list + (int64_t)(d - 1) * rows);
    for (; b.lo < rows; b.lo = b.hi) {
        b.hi = rows - b.lo < BLOCK ? rows : b.lo + BLOCK;
        CULL_TRY(cull__tick(cx, (double)b.lo, (double)rows));
        for (int d = 1; d < m; d++) {
            item *list = b.list + (int64_t)(d - 1) * rows;
            meet_by(&b, list, d == 1);
            leave(&b, list);
        }
        rank_block(&b);
    }
    return CULL_OK;
}
