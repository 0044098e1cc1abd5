/* overlap.c - texts that share word n-grams: with an evaluation set, and with one another.
 *
 * After the n-gram overlap of Brown et al. 2020 (Language Models are Few-Shot Learners, appendix
 * C): there, 13-grams of lower-cased words without punctuation, and a document with any is dirty.
 * Deviations: `share` can ask for more than any; a text of fewer words than n, but of at least 5,
 * counts as one n-gram of its own length, and is looked for inside longer texts too (short
 * questions would otherwise never be found); of fewer than 5 it is not looked for. N-grams are
 * told by 64-bit hashes.
 *
 * Copies within a pool keep a quarter of the n-grams of longer texts, those with two bits of
 * their hash 0 (the same ones in every text), and all of texts with at most 16. A gram that more
 * than `cap` rows have is a phrase, not a copy. Texts of the same words throughout are joined
 * whatever their number and length. Pairs (gram, row) are gathered by the gram's first byte, so many of the 256
 * at a time as memory has room for: more passes with less memory, the same answer. */
#include "repr/corpus.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 5, MOST = 64, FEW = 16, PARTS = 256 };

/* ---- the words of a text ---- */

struct words {
    cull_ctx *cx;
    cull_status status;
    uint64_t *hash;
    const char **at, **end;
    int64_t hash_cap, at_cap, end_cap, n;
};

static void add_word(void *arg, uint64_t hash, const char *at, size_t n)
{
    struct words *w = arg;
    if (w->status != CULL_OK) return;
    w->status = CULL_GROW(w->cx, w->hash, &w->hash_cap, w->n + 1);
    if (w->status == CULL_OK) w->status = CULL_GROW(w->cx, w->at, &w->at_cap, w->n + 1);
    if (w->status == CULL_OK) w->status = CULL_GROW(w->cx, w->end, &w->end_cap, w->n + 1);
    if (w->status != CULL_OK) return;
    w->hash[w->n] = hash;
    w->at[w->n] = at;
    w->end[w->n++] = at + n;
}

static cull_status words_of(cull_ctx *cx, struct words *w, const cull__record *r)
{
    w->cx = cx;
    w->status = CULL_OK;
    w->n = 0;
    cull__words(r->text, r->text_n, add_word, w);
    return w->status;
}

static void words_free(struct words *w)
{
    cull__free(w->hash);
    cull__free(w->at);
    cull__free(w->end);
}

static uint64_t gram(const uint64_t *word, int64_t n)
{
    uint64_t h = 0;
    for (int64_t i = 0; i < n; i++) h = cull__ngram(h, word[i]);
    return h;
}

static cull_status check_ngram(cull_ctx *cx, int n)
{
    if (n >= 2 && n <= MOST) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION, "n-grams of %d words; it must be 2 to %d", n, MOST);
}

/* ---- the n-grams of an evaluation set ---- */

struct found {
    cull_overlap *hit;
    int64_t cap, n;
};

struct overlap {
    int n;
    double share;
    uint64_t lengths; /* bit m: grams of m words are in the table */
    int shortest;
    int64_t *count; /* (rows of eval) grams, then where they go */
    uint64_t *hash; /* gathered */
    int64_t *row;
    struct words *words;             /* (workers) */
    struct found *found;             /* (workers) */
    uint64_t *key;                   /* table: gram, 0 = free */
    int64_t *value;                  /* the first row that has it */
    uint64_t mask, *bits, bits_mask; /* a bit for each gram, asked first */
    uint8_t *avoid;
};

static int64_t grams_of(const struct words *w, int n)
{
    return w->n >= n ? w->n - n + 1 : w->n >= LEAST ? 1 : 0;
}

static cull_status count_grams(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                               int64_t n, void *slot)
{
    struct overlap *o = arg;
    struct words *w = &o->words[cull__worker(cx)];
    (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(words_of(cx, w, &rec[i]));
        o->count[rec[i].row] = grams_of(w, o->n);
    }
    return CULL_OK;
}

static cull_status gather_grams(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                                int64_t n, void *slot)
{
    struct overlap *o = arg;
    struct words *w = &o->words[cull__worker(cx)];
    uint64_t *lengths = slot;
    (void)chunk;
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(words_of(cx, w, &rec[i]));
        int64_t k = grams_of(w, o->n), m = w->n < o->n ? w->n : o->n;
        int64_t at = o->count[rec[i].row];
        if (k) *lengths |= 1ull << (m - 1);
        for (int64_t j = 0; j < k; j++) {
            o->hash[at + j] = gram(w->hash + j, m) | 1; /* 0 marks a free place */
            o->row[at + j] = rec[i].row;
        }
    }
    return CULL_OK;
}

static cull_status or_lengths(cull_ctx *cx, void *arg, int64_t chunk, void *slot)
{
    struct overlap *o = arg;
    (void)cx, (void)chunk;
    o->lengths |= *(const uint64_t *)slot;
    return CULL_OK;
}

static cull_status build_table(cull_ctx *cx, struct overlap *o, int64_t total)
{
    int64_t cap = 64;
    while (cap < 2 * total) cap *= 2;
    CULL_TRY(CULL_ALLOC(cx, o->key, cap));
    CULL_TRY(CULL_ALLOC(cx, o->value, cap));
    CULL_TRY(CULL_ALLOC(cx, o->bits, cap / 4)); /* 16 bits a place */
    o->mask = (uint64_t)cap - 1;
    o->bits_mask = (uint64_t)cap * 16 - 1;
    for (int64_t i = 0; i < total; i++) { /* in order of row, so the first stays */
        uint64_t h = o->hash[i], at = h >> 1 & o->mask;
        while (o->key[at] && o->key[at] != h) at = (at + 1) & o->mask;
        if (!o->key[at]) o->value[at] = o->row[i];
        o->key[at] = h;
        o->bits[(h >> 8 & o->bits_mask) >> 6] |= 1ull << (h >> 8 & 63);
    }
    for (o->shortest = 1; o->lengths && !(o->lengths >> (o->shortest - 1) & 1);) o->shortest++;
    return CULL_OK;
}

static cull_status read_eval(cull_ctx *cx, const cull_corpus *eval, struct overlap *o)
{
    CULL_TRY(CULL_ALLOC(cx, o->count, eval->n));
    cull__pass p = {.c = eval, .need = CULL__TEXT, .map = count_grams, .arg = o};
    CULL_TRY(cull__pass_run(cx, &p));
    int64_t total = 0;
    for (int64_t i = 0; i < eval->n; i++) {
        int64_t k = o->count[i];
        o->count[i] = total;
        total += k;
    }
    CULL_TRY(CULL_ALLOC(cx, o->hash, total));
    CULL_TRY(CULL_ALLOC(cx, o->row, total));
    p.map = gather_grams;
    p.reduce = or_lengths;
    p.slot = sizeof(uint64_t);
    CULL_TRY(cull__pass_run(cx, &p));
    return build_table(cx, o, total);
}

/* ---- rows against it ---- */

/* The first row of eval with a gram that begins at word i; its length in *m. -1 = none. */
static int64_t look_up(const struct overlap *o, const struct words *w, int64_t i, int64_t *m)
{
    uint64_t h = 0;
    int64_t most = w->n - i < o->n ? w->n - i : o->n, first = -1;
    for (int64_t k = 1; k <= most; k++) {
        h = cull__ngram(h, w->hash[i + k - 1]);
        if (!(o->lengths >> (k - 1) & 1)) continue;
        uint64_t g = h | 1, at = g >> 1 & o->mask;
        if (!(o->bits[(g >> 8 & o->bits_mask) >> 6] >> (g >> 8 & 63) & 1)) continue;
        while (o->key[at] && o->key[at] != g) at = (at + 1) & o->mask;
        if (!o->key[at]) continue;
        if (first < 0 || o->value[at] < first) first = o->value[at];
        *m = k;
    }
    return first;
}

static cull_status keep_hit(cull_ctx *cx, struct found *f, const struct words *w, cull_overlap h,
                            int64_t i, int64_t m)
{
    CULL_TRY(CULL_GROW(cx, f->hit, &f->cap, f->n + 1));
    size_t n = (size_t)(w->end[i + m - 1] - w->at[i]);
    CULL_TRY(CULL_ALLOC(cx, h.sample, (int64_t)n + 1));
    memcpy(h.sample, w->at[i], n);
    f->hit[f->n++] = h;
    return CULL_OK;
}

static cull_status compare(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                           int64_t n, void *slot)
{
    struct overlap *o = arg;
    struct words *w = &o->words[cull__worker(cx)];
    (void)chunk, (void)slot;
    for (int64_t r = 0; r < n; r++) {
        CULL_TRY(words_of(cx, w, &rec[r]));
        cull_overlap h = {.row = rec[r].row, .eval_row = -1, .total = w->n - o->n + 1};
        int64_t at = 0, length = 0, m;
        if (h.total < 1) h.total = 1;
        for (int64_t i = 0; i + o->shortest <= w->n; i++) {
            int64_t e = look_up(o, w, i, &m);
            if (e < 0) continue;
            if (!h.shared++) at = i, length = m;
            if (h.eval_row < 0 || e < h.eval_row) h.eval_row = e;
        }
        if (h.shared > h.total) h.shared = h.total; /* short grams begin in the last n words too */
        if (!h.shared || (double)h.shared < o->share * (double)h.total) continue;
        o->avoid[h.row] = 1;
        CULL_TRY(keep_hit(cx, &o->found[cull__worker(cx)], w, h, at, length));
    }
    return CULL_OK;
}

static int by_row(const void *a, const void *b)
{
    const cull_overlap *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

static cull_status merge(cull_ctx *cx, struct overlap *o, cull_overlaps *out)
{
    int64_t n = 0;
    for (int i = 0; i < cull__workers(cx); i++) n += o->found[i].n;
    CULL_TRY(CULL_ALLOC(cx, out->hit, n));
    for (int i = 0; i < cull__workers(cx); i++) {
        if (o->found[i].n)
            memcpy(out->hit + out->n, o->found[i].hit, (size_t)o->found[i].n * sizeof *out->hit);
        out->n += o->found[i].n;
        o->found[i].n = 0;
    }
    qsort(out->hit, (size_t)out->n, sizeof *out->hit, by_row);
    return CULL_OK;
}

static void overlap_free(cull_ctx *cx, struct overlap *o)
{
    for (int i = 0; i < cull__workers(cx); i++) {
        if (o->words) words_free(&o->words[i]);
        for (int64_t j = 0; o->found && j < o->found[i].n; j++)
            cull__free(o->found[i].hit[j].sample);
        if (o->found) cull__free(o->found[i].hit);
    }
    cull__free(o->words);
    cull__free(o->found);
    cull__free(o->count);
    cull__free(o->hash);
    cull__free(o->row);
    cull__free(o->key);
    cull__free(o->value);
    cull__free(o->bits);
}

cull_status cull_corpus_overlap(cull_ctx *cx, const cull_corpus *c, const cull_corpus *eval,
                                int ngram, double share, uint8_t *avoid, cull_overlaps *hits)
{
    struct overlap o = {.n = ngram, .share = share, .avoid = avoid};
    cull_overlaps out = {0};
    if (hits) *hits = out;
    CULL_TRY(check_ngram(cx, ngram));
    if (!(share >= 0 && share <= 1))
        return cull__fail(cx, CULL_EOPTION, "a share of %g of the n-grams; it must be 0 to 1",
                          share);
    memset(avoid, 0, (size_t)c->n);
    cull_status s = CULL_ALLOC(cx, o.words, cull__workers(cx));
    if (s == CULL_OK) s = CULL_ALLOC(cx, o.found, cull__workers(cx));
    if (s == CULL_OK) s = read_eval(cx, eval, &o);
    cull__pass p = {.c = c, .need = CULL__TEXT, .map = compare, .arg = &o};
    if (s == CULL_OK && o.lengths) s = cull__pass_run(cx, &p);
    if (s == CULL_OK) s = merge(cx, &o, &out);
    overlap_free(cx, &o);
    if (s == CULL_OK && hits)
        *hits = out;
    else
        cull_overlaps_free(&out);
    return s;
}

void cull_overlaps_free(cull_overlaps *h)
{
    for (int64_t i = 0; h->hit && i < h->n; i++) cull__free(h->hit[i].sample);
    cull__free(h->hit);
    *h = (cull_overlaps){0};
}

/* ---- copies within a pool ---- */

struct pair {
    uint64_t gram; /* its lowest bit: 1 = of a whole text */
    int64_t row;
};

struct copies {
    int n;
    int64_t cap;
    struct words *words;  /* (workers) */
    int64_t total[PARTS]; /* pairs by first byte of the gram */
    int lo, hi;           /* parts that are gathered now */
    int64_t start[PARTS]; /* where each of them begins */
    _Atomic int64_t next[PARTS];
    struct pair *pair;
    int64_t *up; /* (rows) union-find */
};

/* Calls put for each gram that stands for the text. */
typedef void put_gram(void *arg, uint64_t g, int64_t row);
static void sketch(const struct copies *k, const struct words *w, int64_t row, put_gram *put,
                   void *arg)
{
    if (!w->n) return;
    put(arg, gram(w->hash, w->n) | 1, row);
    int64_t n = w->n - k->n + 1;
    for (int64_t i = 0; i < n; i++) {
        uint64_t g = gram(w->hash + i, k->n);
        if (n <= FEW || (g >> 1 & 3) == 0) put(arg, g & ~1ull, row);
    }
}

static void tally(void *arg, uint64_t g, int64_t row)
{
    int64_t *total = arg;
    (void)row;
    total[g >> 56]++;
}

static cull_status count_pairs(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                               int64_t n, void *slot)
{
    struct copies *k = arg;
    struct words *w = &k->words[cull__worker(cx)];
    (void)chunk;
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(words_of(cx, w, &rec[i]));
        sketch(k, w, rec[i].row, tally, slot);
    }
    return CULL_OK;
}

static cull_status add_totals(cull_ctx *cx, void *arg, int64_t chunk, void *slot)
{
    struct copies *k = arg;
    const int64_t *total = slot;
    (void)cx, (void)chunk;
    for (int i = 0; i < PARTS; i++) k->total[i] += total[i];
    return CULL_OK;
}

static void gather(void *arg, uint64_t g, int64_t row)
{
    struct copies *k = arg;
    int part = (int)(g >> 56);
    if (part < k->lo || part >= k->hi) return;
    int64_t at = atomic_fetch_add_explicit(&k->next[part], 1, memory_order_relaxed);
    if (at < k->start[part] + k->total[part]) k->pair[at] = (struct pair){g, row};
}

static cull_status gather_pairs(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                                int64_t n, void *slot)
{
    struct copies *k = arg;
    struct words *w = &k->words[cull__worker(cx)];
    (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(words_of(cx, w, &rec[i]));
        sketch(k, w, rec[i].row, gather, k);
    }
    return CULL_OK;
}

static int by_gram(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->gram != y->gram) return x->gram < y->gram ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static cull_status sort_part(cull_ctx *cx, void *arg, int64_t part, int64_t lo, int64_t hi)
{
    struct copies *k = arg;
    (void)cx, (void)lo, (void)hi;
    part += k->lo;
    qsort(k->pair + k->start[part], (size_t)k->total[part], sizeof *k->pair, by_gram);
    return CULL_OK;
}

static int64_t root(int64_t *up, int64_t i)
{
    while (up[i] != i) i = up[i] = up[up[i]];
    return i;
}

/* The lower row is the root, so that codes in order of first appearance come by themselves. */
static void join(int64_t *up, int64_t a, int64_t b)
{
    a = root(up, a);
    b = root(up, b);
    if (a < b)
        up[b] = a;
    else
        up[a] = b;
}

static void join_runs(struct copies *k, int64_t n)
{
    const struct pair *p = k->pair;
    for (int64_t i = 0, j; i < n; i = j) {
        int64_t rows = 1;
        for (j = i + 1; j < n && p[j].gram == p[i].gram; j++) rows += p[j].row != p[j - 1].row;
        if (rows < 2 || (rows > k->cap && !(p[i].gram & 1))) continue;
        for (int64_t a = i + 1; a < j; a++) join(k->up, p[i].row, p[a].row);
    }
}

static cull_status one_round(cull_ctx *cx, const cull_corpus *c, struct copies *k)
{
    int64_t n = 0;
    for (int i = k->lo; i < k->hi; i++) {
        k->start[i] = n;
        atomic_store(&k->next[i], n);
        n += k->total[i];
    }
    cull__pass p = {.c = c, .need = CULL__TEXT, .map = gather_pairs, .arg = k};
    CULL_TRY(CULL_ALLOC(cx, k->pair, n));
    cull_status s = cull__pass_run(cx, &p);
    if (s == CULL_OK) s = cull__for(cx, k->hi - k->lo, 1, sort_part, k);
    if (s == CULL_OK) join_runs(k, n);
    cull__free(k->pair);
    k->pair = NULL;
    return s;
}

static cull_status find_copies(cull_ctx *cx, const cull_corpus *c, struct copies *k)
{
    CULL_TRY(CULL_ALLOC(cx, k->words, cull__workers(cx)));
    CULL_TRY(CULL_ALLOC(cx, k->up, c->n));
    for (int64_t i = 0; i < c->n; i++) k->up[i] = i;
    cull__pass p = {.c = c,
                    .need = CULL__TEXT,
                    .slot = sizeof k->total,
                    .map = count_pairs,
                    .reduce = add_totals,
                    .arg = k};
    CULL_TRY(cull__pass_run(cx, &p));
    uint64_t room = cull__memory_left(cx) / 2 / sizeof *k->pair;
    for (k->lo = 0; k->lo < PARTS; k->lo = k->hi) {
        uint64_t n = (uint64_t)k->total[k->lo];
        k->hi = k->lo + 1;
        while (k->hi < PARTS && n + (uint64_t)k->total[k->hi] <= room)
            n += (uint64_t)k->total[k->hi++];
        CULL_TRY(one_round(cx, c, k));
    }
    return CULL_OK;
}

cull_status cull_corpus_copies(cull_ctx *cx, const cull_corpus *c, int ngram, int64_t cap,
                               int32_t *group, int32_t *groups)
{
    struct copies k = {.n = ngram, .cap = cap};
    CULL_TRY(check_ngram(cx, ngram));
    if (cap < 2)
        return cull__fail(cx, CULL_EOPTION,
                          "n-grams of at most %" PRId64 " rows; it must be 2 or more", cap);
    if (c->n >= INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " rows; up to 2^31 - 2 can be grouped", c->n);
    const char *phase = cull__phase(cx, "finding copies");
    cull_status s = find_copies(cx, c, &k);
    int32_t n = 0;
    for (int64_t i = 0; s == CULL_OK && i < c->n; i++) {
        int64_t r = root(k.up, i);
        group[i] = r == i ? n++ : group[r];
    }
    *groups = n;
    for (int i = 0; k.words && i < cull__workers(cx); i++) words_free(&k.words[i]);
    cull__free(k.words);
    cull__free(k.up);
    cull__phase(cx, phase);
    return s;
}
