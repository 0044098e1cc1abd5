/* features.c - a text as hashed n-grams (Weinberger et al. 2009, without the sign: counts stay
 * counts, and at 2^18 buckets collisions are rare enough), and its TF-IDF weights.
 *
 * Word n-grams are those of words.c. Character n-grams are runs of code points inside one word whose
 * two ends carry a mark, so that "^cat" and "cat$" differ from "cat"; of a word longer than 250
 * bytes its first 250 count. A feature's index is the top bits of its hash, mixed once more. */
#include "repr/features.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ROOM = 1024, WORD_MAX = 250, MARK = 2 };

static cull_status bounds(cull_ctx *cx, const char *what, int64_t v, int64_t lo, int64_t hi)
{
    if (v >= lo && v <= hi) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION, "%s is %" PRId64 "; it must be %" PRId64 " to %" PRId64,
                      what, v, lo, hi);
}

static cull_status range(cull_ctx *cx, const char *lo_name, const char *hi_name, int lo, int hi,
                         int most)
{
    if (lo == 0 && hi == 0) return CULL_OK;
    CULL_TRY(bounds(cx, lo_name, lo, 1, most));
    return bounds(cx, hi_name, hi, lo, most);
}

cull_status cull__embed_check(cull_ctx *cx, const cull_embed_opts *o, cull_embed_opts *full)
{
    *full = (cull_embed_opts)CULL_EMBED_OPTS;
    if (o) memcpy(full, o, o->size < sizeof *full ? o->size : sizeof *full);
    full->size = sizeof *full;
    CULL_TRY(range(cx, "word_lo", "word_hi", full->word_lo, full->word_hi, 8));
    CULL_TRY(range(cx, "char_lo", "char_hi", full->char_lo, full->char_hi, 16));
    if (!full->word_hi && !full->char_hi)
        return cull__fail(cx, CULL_EOPTION,
                          "word_lo to char_hi are all 0: there is no feature to count; set "
                          "word_lo and word_hi, or char_lo and char_hi");
    CULL_TRY(bounds(cx, "bits", full->bits, 4, 22));
    CULL_TRY(bounds(cx, "dim", full->dim, 1, 1024));
    CULL_TRY(bounds(cx, "sample", full->sample, 1, INT64_C(1) << 31));
    if (!(full->power >= 0 && full->power <= 1))
        return cull__fail(cx, CULL_EOPTION, "power %g is outside 0 to 1", full->power);
    return bounds(cx, "iterations", full->iterations, 0, 32);
}

cull_status cull__row_new(cull_ctx *cx, const cull_embed_opts *o, cull__row *r)
{
    *r = (cull__row){.cx = cx, .o = *o, .cap = ROOM};
    CULL_TRY(CULL_TMP(cx, r->col, r->cap));
    CULL_TRY(CULL_TMP(cx, r->count, r->cap));
    return CULL_TMP0(cx, r->slot, 2 * r->cap);
}

/* Where col is, or the free slot where it belongs. Columns are hashes: their low bits spread. */
static uint32_t *find(const cull__row *r, uint32_t col)
{
    uint32_t mask = (uint32_t)(2 * r->cap - 1), at = col & mask;
    while (r->slot[at] && r->col[r->slot[at] - 1] != col) at = (at + 1) & mask;
    return &r->slot[at];
}

static cull_status grow(cull__row *r)
{
    uint32_t *col, *count;
    CULL_TRY(CULL_TMP(r->cx, col, 2 * r->cap));
    CULL_TRY(CULL_TMP(r->cx, count, 2 * r->cap));
    memcpy(col, r->col, (size_t)r->n * sizeof *col);
    memcpy(count, r->count, (size_t)r->n * sizeof *count);
    CULL_TRY(CULL_TMP0(r->cx, r->slot, 4 * r->cap));
    r->col = col;
    r->count = count;
    r->cap *= 2;
    for (int64_t i = 0; i < r->n; i++) *find(r, col[i]) = (uint32_t)i + 1;
    return CULL_OK;
}

static void add(cull__row *r, uint64_t hash)
{
    uint32_t col = (uint32_t)((hash * 0x9E3779B97F4A7C15u) >> (64 - r->o.bits));
    uint32_t *s = find(r, col);
    if (*s) {
        r->count[*s - 1]++;
        return;
    }
    if (r->n == r->cap) {
        if (r->status == CULL_OK) r->status = grow(r);
        if (r->status != CULL_OK) return;
        s = find(r, col);
    }
    r->col[r->n] = col;
    r->count[r->n] = 1;
    *s = (uint32_t)++r->n;
}

/* A code point begins at every byte that does not continue one. */
static bool begins(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

static void characters(cull__row *r, const char *at, size_t n)
{
    char word[WORD_MAX + 2];
    uint16_t start[WORD_MAX + 3];
    int points = 0;
    if (n > WORD_MAX)
        for (n = WORD_MAX; n && !begins(at[n]);) n--;
    word[0] = MARK;
    for (size_t i = 0; i < n; i++)
        word[i + 1] = at[i] >= 'A' && at[i] <= 'Z' ? (char)(at[i] + 32) : at[i];
    word[n + 1] = MARK;
    for (size_t i = 0; i < n + 2; i++)
        if (begins(word[i])) start[points++] = (uint16_t)i;
    start[points] = (uint16_t)(n + 2);
    for (int k = r->o.char_lo; k <= r->o.char_hi && k <= points; k++)
        for (int i = 0; i + k <= points; i++)
            add(r, cull__hash64(word + start[i], (size_t)(start[i + k] - start[i]), MARK));
}

static void word(void *arg, uint64_t hash, const char *at, size_t n)
{
    cull__row *r = arg;
    for (int k = r->have < r->o.word_hi ? r->have : r->o.word_hi - 1; k > 0; k--)
        r->gram[k] = cull__ngram(r->gram[k - 1], hash);
    if (r->o.word_hi) {
        r->gram[0] = hash;
        if (r->have < r->o.word_hi) r->have++;
        for (int k = r->o.word_lo; k <= r->have; k++) add(r, r->gram[k - 1]);
    }
    if (r->o.char_hi) characters(r, at, n);
}

cull_status cull__row_read(cull__row *r, const char *text, size_t n)
{
    if (r->n > r->cap / 8)
        memset(r->slot, 0, 2 * (size_t)r->cap * sizeof *r->slot);
    else /* the last of a probe run first, or the others would not be found */
        for (int64_t i = r->n - 1; i >= 0; i--) *find(r, r->col[i]) = 0;
    r->n = 0;
    r->have = 0;
    r->status = CULL_OK;
    cull__words(text, n, word, r);
    return r->status;
}

float cull__tf(const cull_embed_opts *o, uint32_t count)
{
    if (count == 1 || !o->sublinear) return (float)count; /* log is slow, and 1 is most counts */
    return (float)(1 + log(count));
}

float cull__idf(int64_t texts, int64_t df)
{
    return (float)log(((double)texts + 1) / ((double)df + 0.5));
}

/* ---- document counts: whole numbers, so any order of adding gives the same ---- */

struct counting {
    const cull_embed_opts *o;
    uint32_t **df; /* one table a worker, made by its first chunk */
    cull__row_fn *each;
    void *arg;
};

static cull_status count_texts(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                               int64_t n, void *slot)
{
    struct counting *k = arg;
    uint32_t **df = &k->df[cull__worker(cx)];
    cull__row r;
    (void)chunk, (void)slot;
    if (!*df) CULL_TRY(CULL_ALLOC(cx, *df, INT64_C(1) << k->o->bits));
    CULL_TRY(cull__row_new(cx, k->o, &r));
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(cull__row_read(&r, rec[i].text, rec[i].text_n));
        for (int64_t j = 0; j < r.n; j++) (*df)[r.col[j]]++;
        if (k->each) CULL_TRY(k->each(cx, k->arg, rec[i].row, &r));
    }
    return CULL_OK;
}

cull_status cull__document_counts(cull_ctx *cx, const cull_corpus *c, const cull_embed_opts *o,
                                  uint32_t *df, cull__row_fn *each, void *arg)
{
    int workers = cull__workers(cx);
    struct counting k = {.o = o, .each = each, .arg = arg};
    CULL_TRY(CULL_TMP0(cx, k.df, workers));
    cull_status s = cull__corpus_pass(cx, c, 0, count_texts, NULL, &k);
    memset(df, 0, sizeof *df << o->bits);
    for (int w = 0; w < workers; w++) {
        if (k.df[w])
            for (int64_t f = 0; f < INT64_C(1) << o->bits; f++) df[f] += k.df[w][f];
        cull__free(k.df[w]);
    }
    return s;
}
