/* words.c - words of a text, and their hashes: one definition for features, overlap and DSIR.
 *
 * Marks and symbols are told from letters by the ranges below (the blocks of Unicode that hold no
 * letters, and the marks among Latin-1 and some other blocks); what is not named there counts as a
 * letter. Lower-casing is ASCII only: the same bytes on every machine and locale. The hash of a
 * word of up to 8 bytes is its lower-cased bytes mixed (one to one, so two of them never meet); of
 * a longer one it is XXH3 of them, in pieces of 128 bytes, each seeded with the hash of the one
 * before. */
#include "repr/repr.h"

#include <string.h>

enum { PIECE = 128 };
typedef enum { BREAK, LETTER, ALONE } kind;

struct range {
    uint32_t lo, hi;
};

/* Sorted. */
static const struct range marks[] = {
    {0x00AB, 0x00B1}, {0x00B4, 0x00B4}, {0x00B6, 0x00B8}, {0x00BB, 0x00BB},   {0x00BF, 0x00BF},
    {0x00D7, 0x00D7}, {0x00F7, 0x00F7}, {0x037E, 0x037E}, {0x0387, 0x0387},   {0x055A, 0x055F},
    {0x0589, 0x058A}, {0x05BE, 0x05BE}, {0x05C0, 0x05C0}, {0x05C3, 0x05C3},   {0x05F3, 0x05F4},
    {0x060C, 0x060D}, {0x061B, 0x061F}, {0x066A, 0x066D}, {0x06D4, 0x06D4},   {0x0964, 0x0965},
    {0x0E4F, 0x0E4F}, {0x0E5A, 0x0E5B}, {0x104A, 0x104F}, {0x1680, 0x1680},   {0x17D4, 0x17DA},
    {0x2000, 0x206F}, {0x20A0, 0x20CF}, {0x2190, 0x2BFF}, {0x2E00, 0x2E7F},   {0x2FF0, 0x3004},
    {0x3008, 0x3020}, {0x3030, 0x3030}, {0x303D, 0x303F}, {0x30FB, 0x30FB},   {0xE000, 0xF8FF},
    {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F}, {0xFEFF, 0xFEFF}, {0xFF00, 0xFF0F},   {0xFF1A, 0xFF20},
    {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1F000, 0x1FBFF}, {0xE0000, 0xE0FFF}};
static const struct range alone[] = {{0x0E00, 0x0EFF}, {0x1000, 0x109F}, {0x1780, 0x17FF},
                                     {0x2E80, 0x30FF}, {0x31F0, 0x4DBF}, {0x4E00, 0x9FFF},
                                     {0xF900, 0xFAFF}, {0xFF66, 0xFF9D}, {0x20000, 0x3FFFF}};

static bool among(const struct range *r, int n, uint32_t c)
{
    int lo = 0, hi = n;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (r[mid].hi < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && r[lo].lo <= c;
}

/* ASCII letters and digits lower-cased; 0 for the others. */
static const unsigned char lower[128] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6',
    ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',
    ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',
    ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',
    ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',
    ['z'] = 'z', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f',
    ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm',
    ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't',
    ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z'};

/* The character at p (not ASCII) and its bytes; what is no UTF-8 breaks a word. */
static kind wide(const unsigned char *p, size_t n, size_t *len)
{
    uint32_t c = p[0];
    size_t k = c >= 0xF0 && c < 0xF8 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 1;
    *len = 1;
    if (k == 1 || k > n || c >= 0xF8) return BREAK;
    c &= 0x7Fu >> k;
    for (size_t i = 1; i < k; i++) {
        if ((p[i] & 0xC0) != 0x80) return BREAK;
        c = c << 6 | (p[i] & 0x3F);
    }
    *len = k;
    if (c < 0xAA || among(marks, sizeof marks / sizeof *marks, c)) return BREAK;
    return among(alone, sizeof alone / sizeof *alone, c) ? ALONE : LETTER;
}

struct word {
    char piece[PIECE + 8]; /* lower-cased bytes that are not hashed yet */
    size_t n;
    uint64_t hash;
};

static void put(struct word *w, const unsigned char *p, size_t n)
{
    if (w->n + n > PIECE) {
        w->hash = cull__hash64(w->piece, w->n, w->hash);
        w->n = 0;
    }
    for (size_t i = 0; i < n; i++) w->piece[w->n++] = (char)p[i];
}

/* ASCII letters and digits at the start of the 8 bytes p, lower-cased into out: how many. (All
 * bytes of x are below 128, so no sum carries into the next byte.) */
static inline unsigned run8(const unsigned char *p, char *out)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ALL(b) (0x0101010101010101u * (uint64_t)(b))
#define WITHIN(x, lo, hi) ((((x) + ALL(127 - (hi))) ^ ((x) + ALL(128 - (lo)))) & ALL(0x80))
    uint64_t x;
    memcpy(&x, p, 8);
    if (x & ALL(0x80)) {
        if (*p & 0x80) return 0;
        uint64_t wide_at = x & ALL(0x80);
        x &= ((wide_at & -wide_at) >> 7) - 1; /* what precedes the first such byte */
    }
    uint64_t low = x | ALL(0x20), letter = WITHIN(low, 'a', 'z'), digit = WITHIN(x, '0', '9');
    uint64_t other = ~(letter | digit) & ALL(0x80);
    x |= letter >> 2;
    memcpy(out, &x, 8);
    return other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
#undef WITHIN
#undef ALL
#else
    unsigned k = 0;
    while (k < 8 && p[k] < 128 && lower[p[k]]) out[k] = (char)lower[p[k]], k++;
    return k;
#endif
}

static uint64_t hash_of(struct word *w)
{
    if (w->n > 8 || w->hash) return cull__hash64(w->piece, w->n, w->hash);
    uint64_t x;
    memset(w->piece + w->n, 0, 8);
    memcpy(&x, w->piece, 8);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u; /* the finalizer of SplitMix64 */
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* The rest of a word at p[i..n), which begins with letters only; returns its end. */
static size_t finish(struct word *w, const unsigned char *p, size_t n, size_t i)
{
    size_t len;
    while (i < n) {
        if (n - i >= 8 && w->n + 8 <= PIECE) {
            unsigned k = run8(p + i, w->piece + w->n);
            w->n += k;
            i += k;
            if (k == 8) continue;
            if (p[i] < 128) return i;
        }
        if (p[i] < 128) {
            if (!lower[p[i]]) return i;
            put(w, lower + p[i], 1);
            i++;
        } else {
            if (wide(p + i, n - i, &len) != LETTER) return i;
            put(w, p + i, len);
            i += len;
        }
    }
    return i;
}

void cull__words(const char *text, size_t n, cull__word_fn *fn, void *arg)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0, len = 1;
    struct word w;
    while (i < n) {
        kind k = p[i] < 128 ? (lower[p[i]] ? LETTER : BREAK) : wide(p + i, n - i, &len);
        size_t from = i;
        if (k == BREAK) {
            i += p[i] < 128 ? 1 : len;
            continue;
        }
        w.n = 0;
        w.hash = 0;
        if (k == ALONE) {
            put(&w, p + i, len);
            i += len;
        } else {
            i = finish(&w, p, n, i);
        }
        fn(arg, hash_of(&w), text + from, i - from);
    }
}

struct list {
    uint64_t *out;
    int64_t cap, n;
};

static void add(void *arg, uint64_t hash, const char *at, size_t n)
{
    struct list *l = arg;
    (void)at, (void)n;
    if (l->n < l->cap) l->out[l->n] = hash;
    l->n++;
}

int64_t cull__word_hashes(const char *text, size_t n, uint64_t *out, int64_t cap)
{
    struct list l = {out, cap, 0};
    cull__words(text, n, add, &l);
    return l.n;
}
