/* minhash.c - texts as MinHash signatures (Broder 1997): of each of many hash functions the least value over
 * the text's word n-grams. Two texts agree in a share of them that estimates the Jaccard similarity of
 * their sets of n-grams.
 *
 * The functions are x -> (a x + b) >> 32 with odd 64-bit a, the same in every run: a signature depends on
 * the text alone. A text of fewer words than n is one n-gram of all of them. */
#include "repr/minhash.h"
#include "repr/repr.h"

#include <string.h>

typedef struct {
    uint64_t window[64]; /* the last words' hashes */
    int64_t seen;
    int ngram, hashes;
    const uint64_t *a, *b;
    uint32_t *least;
} reading;

static void add(reading *r, uint64_t x)
{
    x ^= x >> 29; /* the n-gram's hash is mixed best in its high half */
    for (int h = 0; h < r->hashes; h++) {
        uint32_t v = (uint32_t)((r->a[h] * x + r->b[h]) >> 32);
        if (v < r->least[h]) r->least[h] = v;
    }
}

static uint64_t gram(const reading *r, int n)
{
    uint64_t x = 0;
    for (int k = n; k > 0; k--) x = cull__ngram(x, r->window[(r->seen - k) % r->ngram]);
    return x;
}

static void word(void *arg, uint64_t hash, const char *at, size_t n)
{
    reading *r = arg;
    (void)at, (void)n;
    r->window[r->seen++ % r->ngram] = hash;
    if (r->seen >= r->ngram) add(r, gram(r, r->ngram));
}

typedef struct {
    const cull__minhash_opts *o;
    uint64_t *a, *b;
    uint32_t *signature;
    int64_t *words;
} job;

static cull_status sign(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec, int64_t n,
                        void *slot)
{
    const job *j = arg;
    (void)cx, (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        reading r = {.ngram = j->o->ngram, .hashes = j->o->hashes, .a = j->a, .b = j->b};
        r.least = j->signature + rec[i].row * j->o->hashes;
        memset(r.least, 0xff, (size_t)j->o->hashes * sizeof *r.least);
        cull__words(rec[i].text, rec[i].text_n, word, &r);
        if (r.seen && r.seen < r.ngram) add(&r, gram(&r, (int)r.seen));
        j->words[rec[i].row] = r.seen;
    }
    return CULL_OK;
}

cull_status cull__minhash(cull_ctx *cx, const cull_corpus *c, const cull__minhash_opts *o,
                          uint32_t *signature, int64_t *words)
{
    job j = {.o = o, .signature = signature, .words = words};
    cull_rng r = cull__rng_seeded(0x4D696E48617368u, 0);
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, j.a, o->hashes));
    CULL_TRY(CULL_TMP(cx, j.b, o->hashes));
    for (int h = 0; h < o->hashes; h++) {
        j.a[h] = cull__rng_u64(&r) | 1;
        j.b[h] = cull__rng_u64(&r);
    }
    const char *phase = cull__phase(cx, "signatures");
    cull_status s = cull__corpus_pass(cx, c, 0, sign, NULL, &j);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

/* ---- those that agree in a band ---- */

typedef struct {
    const cull__minhash_opts *o;
    const uint32_t *signature;
    int rows;        /* of a band */
    uint64_t slots;  /* of a band's table, a power of two */
    uint32_t *head;  /* (bands, slots) 1 + a row that stays; 0 = free */
    uint32_t *next;  /* (bands, n) 1 + the next with the same band */
    uint32_t *asked; /* (n) 1 + the row that has compared itself with this one last */
    int64_t n;
} bands;

static const uint32_t *band_of(const bands *t, int64_t row, int b)
{
    return t->signature + row * t->o->hashes + b * t->rows;
}

/* The slot of row's band: where rows with the same one hang, or a free one. */
static uint32_t *slot_of(const bands *t, int64_t row, int b)
{
    const uint32_t *own = band_of(t, row, b);
    size_t bytes = (size_t)t->rows * sizeof *own;
    uint32_t *table = t->head + (uint64_t)b * t->slots;
    for (uint64_t i = cull__hash64(own, bytes, (uint64_t)b);; i++) {
        uint32_t *slot = table + (i & (t->slots - 1));
        if (!*slot || !memcmp(own, band_of(t, *slot - 1, b), bytes)) return slot;
    }
}

static double agreement(const bands *t, int64_t i, int64_t j)
{
    const uint32_t *a = band_of(t, i, 0), *b = band_of(t, j, 0);
    int same = 0;
    for (int h = 0; h < t->o->hashes; h++) same += a[h] == b[h];
    return (double)same / t->o->hashes;
}

/* The row that stays and is most like it, of those that share a band; -1 = none is like it enough. */
static int64_t nearest(const bands *t, int64_t row, double *like)
{
    int64_t best = -1;
    for (int b = 0; b < t->o->bands; b++)
        for (uint32_t k = *slot_of(t, row, b); k; k = t->next[(int64_t)b * t->n + k - 1]) {
            int64_t j = (int64_t)k - 1;
            if (t->asked[j] == (uint32_t)row + 1) continue;
            t->asked[j] = (uint32_t)row + 1;
            double v = agreement(t, row, j);
            if (!(v >= t->o->threshold)) continue;
            if (best < 0 || v > *like || (v == *like && j < best)) best = j, *like = v;
        }
    return best;
}

static void hang(const bands *t, int64_t row)
{
    for (int b = 0; b < t->o->bands; b++) {
        uint32_t *slot = slot_of(t, row, b);
        t->next[(int64_t)b * t->n + row] = *slot;
        *slot = (uint32_t)row + 1;
    }
}

cull_status cull__minhash_distinct(cull_ctx *cx, const cull__minhash_opts *o,
                                   const uint32_t *signature, const int64_t *words,
                                   const int64_t *order, int64_t m, int64_t n, int64_t *stands,
                                   float *like)
{
    bands t = {.o = o, .signature = signature, .rows = o->hashes / o->bands, .n = n, .slots = 2};
    if (n > UINT32_MAX - 1)
        return cull__fail(cx, CULL_EINPUT, "minhash takes at most 4294967294 texts");
    while (t.slots < 2 * (uint64_t)n) t.slots *= 2;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, t.head, (int64_t)((uint64_t)o->bands * t.slots)));
    CULL_TRY(CULL_TMP(cx, t.next, o->bands * n));
    CULL_TRY(CULL_TMP0(cx, t.asked, n));
    for (int64_t i = 0; i < m; i++) {
        int64_t row = order[i], to;
        double v = 1;
        if (i % 4096 == 0) CULL_TRY(cull__tick(cx, (double)i, (double)m));
        to = words[row] ? nearest(&t, row, &v) : -1;
        stands[row] = to < 0 ? row : to;
        like[row] = to < 0 ? 1 : (float)v;
        if (to < 0 && words[row]) hang(&t, row);
    }
    cull__release(cx, mark);
    return CULL_OK;
}

uint64_t cull__minhash_bytes(const cull_corpus *c, int threads, const cull__minhash_opts *o)
{
    uint64_t n = (uint64_t)cull_corpus_n(c), slots = 2, b = (uint64_t)o->bands;
    while (slots < 2 * n) slots *= 2;
    uint64_t signing = cull__pass_plan(c, threads), finding = 4 * (b * slots + b * n + n);
    return signing > finding ? signing : finding;
}
