/* packed.c - one tensor packed in segments: counted, written. packed_read.c reads it back. */
#include "repr/packed.h"

#include <string.h>

enum { WORDS = CULL__SEGMENT / 64, FAR = 255 };

static const char *const names[] = {
#define X(n, s) s,
    CULL_PACKING_MAP(X)
#undef X
};

const char *cull__packing_name(cull__packing p) { return p < CULL__PACKINGS ? names[p] : "?"; }

bool cull__packing_find(const char *name, size_t n, cull__packing *out)
{
    for (int p = 0; p < CULL__PACKINGS; p++)
        if (strlen(names[p]) == n && !memcmp(names[p], name, n)) {
            *out = (cull__packing)p;
            return true;
        }
    return false;
}

static int column_width(int64_t cols) { return cols <= 65536 ? 2 : 4; }

/* Of 2:4 places are known beforehand, so that it has one part less. */
static int sums_at(const cull__pack_form *f) { return f->how == CULL__PACKING_2_4 ? 2 : 3; }

int cull__pack_parts(const cull__pack_form *f, cull__pack_part out[CULL__PACK_PARTS])
{
    int64_t segments = cull__segments(f->n), bytes = f->n / 8 + (f->n % 8 > 0);
    int wide = column_width(f->cols), sums = sums_at(f);
    out[0] = (cull__pack_part){"values", "", f->values, f->size};
    switch (f->how) {
    case CULL__PACKING_BITMASK:
        out[1] = (cull__pack_part){"bitmask", "U8", bytes, 1};
        out[2] = (cull__pack_part){"starts", "I64", segments + 1, 8};
        break;
    case CULL__PACKING_2_4: out[1] = (cull__pack_part){"indices", "U8", bytes, 1}; break;
    case CULL__PACKING_CSR:
        out[1] = (cull__pack_part){"columns", wide == 2 ? "U16" : "I32", f->values, wide};
        out[2] = (cull__pack_part){"offsets", "I64", f->rows + 1, 8};
        break;
    case CULL__PACKING_GAPS:
        out[1] = (cull__pack_part){"gaps", "U8", f->gaps, 1};
        out[2] = (cull__pack_part){"starts", "I64", 2 * (segments + 1), 8};
        break;
    case CULL__PACKINGS: return 0;
    }
    out[sums] = (cull__pack_part){"sums", "I64", segments, 8};
    return sums + f->sums;
}

uint64_t cull__pack_bytes(const cull__pack_form *f)
{
    cull__pack_part part[CULL__PACK_PARTS];
    uint64_t sum = 0;
    for (int k = cull__pack_parts(f, part) - 1; k >= 0; k--)
        sum += (uint64_t)part[k].count * (uint64_t)part[k].width;
    return sum;
}

bool cull__pack_choose(const cull__pack_count *sum, int size, const int64_t *shape, int ndim,
                       const cull__packing *only, cull__pack_form *out)
{
    static const cull__packing order[] = {CULL__PACKING_2_4, CULL__PACKING_BITMASK,
                                          CULL__PACKING_CSR, CULL__PACKING_GAPS};
    cull__pack_form f = {.size = size, .n = 1, .gaps = sum->gaps, .sums = true};
    uint64_t best = UINT64_MAX;
    for (int d = 0; d < ndim; d++) f.n *= shape[d];
    f.rows = ndim > 1 ? shape[0] : 1;
    f.cols = f.rows ? f.n / f.rows : 0;
    for (int k = 0; k < CULL__PACKINGS; k++) {
        f.how = order[k];
        if (only && *only != f.how) continue;
        if (f.how == CULL__PACKING_2_4 && !(sum->fits_2_4 && ndim > 0 && shape[ndim - 1] % 4 == 0))
            continue;
        if (f.how == CULL__PACKING_CSR && f.cols > INT32_MAX) continue;
        f.values = f.how == CULL__PACKING_2_4 ? f.n / 2 : sum->values;
        if (cull__pack_bytes(&f) >= best) continue;
        best = cull__pack_bytes(&f);
        *out = f;
    }
    uint64_t dense = (uint64_t)f.n * (uint64_t)size;
    return dense > CULL__PACK_NAMES && best < dense - CULL__PACK_NAMES;
}

/* ---- which are not 0 ---- */

static inline void marks(const uint8_t *raw, int size, int64_t n, uint8_t *mark)
{
    static const uint8_t zero[8];
    for (int64_t i = 0; i < n; i++) mark[i] = memcmp(raw + i * size, zero, (size_t)size) != 0;
}

static void marks_of(const uint8_t *raw, int size, int64_t n, uint8_t *mark)
{
    switch (size) {
    case 1: marks(raw, 1, n, mark); break;
    case 2: marks(raw, 2, n, mark); break;
    case 4: marks(raw, 4, n, mark); break;
    default: marks(raw, 8, n, mark); break;
    }
}

/* Bit i of the words = number i is not 0; bits behind n are 0. */
static void bits_of(const void *raw, int size, int64_t n, uint64_t bits[WORDS])
{
    uint8_t mark[CULL__SEGMENT];
    marks_of(raw, size, n, mark);
    memset(mark + n, 0, (size_t)(CULL__SEGMENT - n));
    for (int w = 0; w < WORDS; w++) {
        bits[w] = 0;
        for (int b = 0; b < 8; b++) {
            uint64_t eight; /* bytes of 0 or 1; the product moves byte i's bit to bit 56 + i */
            memcpy(&eight, mark + w * 64 + b * 8, 8);
            bits[w] |= eight * UINT64_C(0x0102040810204080) >> 56 << 8 * b;
        }
    }
}

static bool more_than_two_of_four(uint64_t w)
{
    w -= w >> 1 & UINT64_C(0x5555555555555555);
    w = (w & UINT64_C(0x3333333333333333)) + (w >> 2 & UINT64_C(0x3333333333333333));
    return (w + UINT64_C(0x5555555555555555)) & UINT64_C(0x8888888888888888);
}

void cull__pack_look(const void *raw, int size, int64_t n, cull__pack_count *out)
{
    uint64_t bits[WORDS];
    int64_t next = 0; /* behind the last value */
    bits_of(raw, size, n, bits);
    *out = (cull__pack_count){.fits_2_4 = n % 4 == 0};
    for (int w = 0; w < WORDS; w++) {
        if (!bits[w]) continue;
        int values = __builtin_popcountll(bits[w]);
        out->values += values;
        /* only a gap of four words or so can be a far one */
        out->gaps += values + (w * 64 + __builtin_ctzll(bits[w]) - next) / FAR;
        next = w * 64 + 64 - __builtin_clzll(bits[w]);
        if (more_than_two_of_four(bits[w])) out->fits_2_4 = false;
    }
}

/* ---- writing ---- */

uint64_t cull__pack_room(const cull__pack_form *f)
{
    /* a row may be one number wide, and has an offset of 8 bytes then */
    int64_t rows = f->how == CULL__PACKING_CSR ? CULL__SEGMENT / f->cols + 2 : 0;
    return 8 * (uint64_t)(rows > CULL__SEGMENT ? rows : CULL__SEGMENT);
}

static void store64(uint8_t *at, int64_t v) { memcpy(at, &v, 8); }

static uint64_t pack_values(const uint64_t bits[WORDS], const uint8_t *raw, int size, uint8_t *out)
{
    const uint8_t *began = out;
    for (int w = 0; w < WORDS; w++)
        for (uint64_t left = bits[w]; left; left &= left - 1, out += size)
            memcpy(out, raw + (w * 64 + __builtin_ctzll(left)) * size, (size_t)size);
    return (uint64_t)(out - began);
}

static uint64_t values_of(const uint64_t bits[WORDS], const uint8_t *raw, int size, uint8_t *out)
{
    switch (size) {
    case 1: return pack_values(bits, raw, 1, out);
    case 2: return pack_values(bits, raw, 2, out);
    case 4: return pack_values(bits, raw, 4, out);
    default: return pack_values(bits, raw, 8, out);
    }
}

/* Two of each four: where a value is wanting, a place that is free stands for it, and holds 0. */
static void pack_2_4(const cull__pack_form *f, const uint64_t bits[WORDS], const uint8_t *raw,
                     int64_t n, cull__pack_piece *out)
{
    size_t size = (size_t)f->size;
    memset(out->at[1], 0, (size_t)(n / 8 + (n % 8 > 0)));
    for (int64_t g = 0; g < n / 4; g++) {
        unsigned four = bits[g / 16] >> g % 16 * 4 & 15;
        for (unsigned free = 0; __builtin_popcount(four) < 2; free++) four |= 1u << free;
        int i = __builtin_ctz(four), j = 31 - __builtin_clz(four);
        out->at[1][g / 2] |= (uint8_t)((i | j << 2) << g % 2 * 4);
        memcpy(out->at[0] + 2 * (size_t)g * size, raw + (size_t)(4 * g + i) * size, size);
        memcpy(out->at[0] + (2 * (size_t)g + 1) * size, raw + (size_t)(4 * g + j) * size, size);
    }
    out->len[0] = (uint64_t)(n / 2) * size;
    out->len[1] = (uint64_t)(n / 8 + (n % 8 > 0));
}

/* The columns of a segment that begins at number `from`, and the offsets of rows that begin in it. */
static void pack_csr(const cull__pack_form *f, const uint64_t bits[WORDS], int64_t from, int64_t n,
                     int64_t before, cull__pack_piece *out)
{
    int wide = column_width(f->cols);
    int64_t row = from / f->cols + (from % f->cols > 0), first = row, count = 0;
    uint8_t *column = out->at[1];
    for (int w = 0; w < WORDS; w++)
        for (uint64_t left = bits[w]; left; left &= left - 1, column += wide) {
            int64_t at = from + w * 64 + __builtin_ctzll(left);
            for (; row * f->cols <= at; row++)
                store64(out->at[2] + 8 * (row - first), before + count);
            uint32_t col = (uint32_t)(at % f->cols);
            memcpy(column, &col, (size_t)wide);
            count++;
        }
    for (; row * f->cols < from + n; row++) store64(out->at[2] + 8 * (row - first), before + count);
    if (from + n == f->n) store64(out->at[2] + 8 * (row++ - first), before + count);
    out->len[1] = (uint64_t)(column - out->at[1]);
    out->to[1] = (uint64_t)(before * wide);
    out->len[2] = 8 * (uint64_t)(row - first);
    out->to[2] = 8 * (uint64_t)first;
}

static uint64_t pack_gaps(const uint64_t bits[WORDS], uint8_t *out)
{
    const uint8_t *began = out;
    int next = 0;
    for (int w = 0; w < WORDS; w++)
        for (uint64_t left = bits[w]; left; left &= left - 1) {
            int at = w * 64 + __builtin_ctzll(left), gap = at - next;
            for (; gap >= FAR; gap -= FAR) *out++ = FAR;
            *out++ = (uint8_t)gap;
            next = at + 1;
        }
    return (uint64_t)(out - began);
}

/* Starts of this segment, and behind the last one of what there is in all. */
static void pack_starts(int64_t s, bool last, const int64_t *before, const int64_t *here, int of,
                        cull__pack_piece *out)
{
    for (int k = 0; k < of; k++) {
        store64(out->at[2] + 8 * k, before[k]);
        store64(out->at[2] + 8 * (of + k), before[k] + here[k]);
    }
    out->len[2] = 8 * (uint64_t)of * (last ? 2 : 1);
    out->to[2] = 8 * (uint64_t)of * (uint64_t)s;
}

uint64_t cull__pack_sum(const cull__pack_form *f, const uint8_t *const at[CULL__PACK_PARTS],
                        const uint64_t len[CULL__PACK_PARTS])
{
    /* starts say where in the others a segment lies: another start is another sum */
    int parts = f->how == CULL__PACKING_CSR ? 3 : 2;
    uint64_t sum = 0;
    for (int k = 0; k < parts; k++) sum = cull__hash64(at[k], (size_t)len[k], sum);
    return sum;
}

static void pack_sum(const cull__pack_form *f, int64_t s, cull__pack_piece *out)
{
    int k = sums_at(f);
    const uint8_t *at[CULL__PACK_PARTS] = {out->at[0], out->at[1], out->at[2]};
    store64(out->at[k], (int64_t)cull__pack_sum(f, at, out->len));
    out->len[k] = 8;
    out->to[k] = 8 * (uint64_t)s;
}

void cull__pack_segment(const cull__pack_form *f, const void *raw, int64_t s,
                        const cull__pack_count *before, cull__pack_piece *out)
{
    uint64_t bits[WORDS];
    int64_t from = s * CULL__SEGMENT, n = f->n - from;
    if (n > CULL__SEGMENT) n = CULL__SEGMENT;
    bool last = from + n == f->n;
    bits_of(raw, f->size, n, bits);
    for (int k = 0; k < CULL__PACK_PARTS; k++) out->to[k] = out->len[k] = 0;
    if (f->how == CULL__PACKING_2_4) {
        pack_2_4(f, bits, raw, n, out);
        out->to[0] = (uint64_t)(from / 2 * f->size);
        out->to[1] = (uint64_t)(from / 8);
    } else {
        out->len[0] = values_of(bits, raw, f->size, out->at[0]);
        out->to[0] = (uint64_t)(before->values * f->size);
    }
    int64_t values = (int64_t)out->len[0] / f->size;
    if (f->how == CULL__PACKING_BITMASK) {
        out->len[1] = (uint64_t)(n / 8 + (n % 8 > 0));
        out->to[1] = (uint64_t)(from / 8);
        memcpy(out->at[1], bits, (size_t)out->len[1]);
        pack_starts(s, last, &before->values, &values, 1, out);
    } else if (f->how == CULL__PACKING_CSR) {
        pack_csr(f, bits, from, n, before->values, out);
    } else if (f->how == CULL__PACKING_GAPS) {
        out->len[1] = pack_gaps(bits, out->at[1]);
        out->to[1] = (uint64_t)before->gaps;
        pack_starts(s, last, (int64_t[]){before->values, before->gaps},
                    (int64_t[]){values, (int64_t)out->len[1]}, 2, out);
    }
    if (f->sums) pack_sum(f, s, out);
}
