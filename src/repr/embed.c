/* embed.c - fit a basis on a corpus of text, and embed texts with it (see cull/embed.h).
 *
 * The texts of the basis must not depend on how threads raced: a text is taken when its hash is at
 * most a limit; when more features than fit are held, the texts of largest hash are dropped and the
 * limit falls to the least hash dropped. What is left at the end is the longest prefix, in order of
 * hash, that fits: no order of arrival changes it.
 *
 * idf is folded into the rows of the basis, so that embedding a text is one weighted sum of rows.
 *
 * All texts share a direction, that of their commonest words, which says nothing about any of them:
 * the mean of the basis's unit rows is taken from every row, as Mu and Viswanath 2018, "All-but-the-
 * Top", do to word vectors. (Before the rows are of unit length it would be taken most from texts
 * that the basis knows least about; measured, that was worse than not at all.) */
#define _GNU_SOURCE
#include "num/num.h"
#include "repr/features.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t SAMPLE = 0x73616d706c65; /* stream of the key that picks texts */
static const uint32_t NONE = UINT32_MAX;
enum { MEAN_TEXTS = 2048 }; /* texts that the mean is of, at most: it is as good as that of all */

struct cull_embed {
    cull_embed_opts o;
    int64_t cols, width, sampled;
    uint32_t *place; /* 2^bits: a feature's row in basis, or NONE */
    float *basis;    /* (cols, width): dim numbers, then 0 */
    double *mean;    /* dim */
};

/* ---- which texts the basis is fitted on ---- */

uint64_t cull__basis_key(cull_ctx *cx)
{
    cull_rng r = cull__rng(cx, SAMPLE);
    return cull__rng_u64(&r);
}

/* One-to-one in row, so that no two rows tie. */
uint64_t cull__basis_hash(uint64_t key, int64_t row)
{
    uint64_t z = key + (uint64_t)row * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* 16 bits at a time, from the top. */
cull_status cull__basis_limit(cull_ctx *cx, uint64_t key, int64_t n, int64_t m, uint64_t *limit)
{
    int64_t *count;
    uint64_t prefix = 0;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, count, 65536));
    for (int shift = 48; shift >= 0; shift -= 16) {
        memset(count, 0, 65536 * sizeof *count);
        for (int64_t i = 0; i < n; i++) {
            uint64_t h = cull__basis_hash(key, i);
            if (shift == 48 || h >> (shift + 16) == prefix) count[h >> shift & 65535]++;
        }
        uint64_t digit = 0;
        while (m > count[digit]) m -= count[digit++];
        prefix = prefix << 16 | digit;
    }
    *limit = prefix;
    cull__release(cx, mark);
    return CULL_OK;
}

struct block {
    int64_t cap, used;
    cull__entry e[];
};

struct text {
    uint64_t hash;
    int64_t row;
    cull__entry *at;
    uint32_t n, block;
};
static_assert(sizeof(struct text) == CULL__BASIS_TEXT, "what plans count with");

struct sample {
    uint64_t key;
    int64_t cap, step;      /* features held at most; of one block */
    _Atomic uint64_t limit; /* texts with a larger hash are not wanted */
    pthread_mutex_t lock;   /* of what follows */
    struct text *text;
    int64_t texts, texts_cap;
    struct block **block;
    int64_t blocks, blocks_cap, at; /* block[at] is being filled; later ones are empty */
    int64_t held;                   /* features of all texts */
};

static void sample_free(struct sample *s)
{
    for (int64_t b = 0; b < s->blocks; b++) cull__free(s->block[b]);
    cull__free(s->block);
    cull__free(s->text);
    pthread_mutex_destroy(&s->lock);
}

/* Room for n features in one block, never straddling two. */
static cull_status room(cull_ctx *cx, struct sample *s, int64_t n, cull__entry **at)
{
    while (s->at < s->blocks && s->block[s->at]->cap - s->block[s->at]->used < n) s->at++;
    if (s->at == s->blocks) {
        struct block *b;
        int64_t cap = n > s->step ? n : s->step;
        CULL_TRY(CULL_GROW(cx, s->block, &s->blocks_cap, s->blocks + 1));
        CULL_TRY(cull__alloc(cx, (void **)&b, 1, sizeof *b + (size_t)cap * sizeof b->e[0]));
        b->cap = cap;
        s->block[s->blocks++] = b;
    }
    *at = s->block[s->at]->e + s->block[s->at]->used;
    s->block[s->at]->used += n;
    return CULL_OK;
}

static int by_hash(const void *x, const void *y)
{
    const struct text *a = x, *b = y;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

static int by_memory(const void *x, const void *y)
{
    const struct text *a = x, *b = y;
    if (a->block != b->block) return a->block < b->block ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static int by_row(const void *x, const void *y)
{
    const struct text *a = x, *b = y;
    return (a->row > b->row) - (a->row < b->row);
}

/* Drop the texts of largest hash until the rest fits, and close the gaps. */
static cull_status shrink(cull_ctx *cx, struct sample *s)
{
    int64_t keep = 0, held = 0;
    if (s->held <= s->cap) return CULL_OK;
    qsort(s->text, (size_t)s->texts, sizeof *s->text, by_hash);
    while (keep < s->texts && held + s->text[keep].n <= s->cap) held += s->text[keep++].n;
    atomic_store(&s->limit, s->text[keep].hash - 1);
    s->texts = keep;
    s->held = held;
    qsort(s->text, (size_t)keep, sizeof *s->text, by_memory);
    for (int64_t b = 0; b < s->blocks; b++) s->block[b]->used = 0;
    s->at = 0;
    for (int64_t i = 0; i < keep; i++) { /* each lands where it was or before */
        struct text *t = &s->text[i];
        cull__entry *to;
        CULL_TRY(room(cx, s, t->n, &to));
        memmove(to, t->at, t->n * sizeof *to);
        t->at = to;
        t->block = (uint32_t)s->at;
    }
    return CULL_OK;
}

static cull_status take(cull_ctx *cx, struct sample *s, int64_t row, uint64_t hash,
                        const cull__row *r)
{
    cull__entry *e;
    if (hash > atomic_load(&s->limit)) return CULL_OK; /* it may have fallen since */
    CULL_TRY(CULL_GROW(cx, s->text, &s->texts_cap, s->texts + 1));
    CULL_TRY(room(cx, s, r->n, &e));
    for (int64_t i = 0; i < r->n; i++) e[i] = (cull__entry){r->col[i], (float)r->count[i]};
    s->text[s->texts++] = (struct text){hash, row, e, (uint32_t)r->n, (uint32_t)s->at};
    s->held += r->n;
    return s->held > s->cap + s->cap / 4 ? shrink(cx, s) : CULL_OK;
}

static cull_status sample_row(cull_ctx *cx, void *arg, int64_t row, const cull__row *r)
{
    struct sample *s = arg;
    uint64_t hash = cull__basis_hash(s->key, row);
    if (r->n == 0 || hash > atomic_load(&s->limit)) return CULL_OK;
    pthread_mutex_lock(&s->lock);
    cull_status st = take(cx, s, row, hash, r);
    pthread_mutex_unlock(&s->lock);
    return st;
}

/* ---- from counts to sparse rows ---- */

/* Features of the sample in order of falling frequency, so that the rows of the basis that are read
 * most lie together: place (2^bits), df_sample of each place. Counting sort, capped. */
static cull_status order_features(cull_ctx *cx, const struct sample *s, int bits, uint32_t *place,
                                  uint32_t *df, int64_t *cols)
{
    enum { TOP = 1 << 16 };
    int64_t *start, features = INT64_C(1) << bits, n = 0;
    uint32_t *raw;
    CULL_TRY(CULL_TMP0(cx, raw, features));
    CULL_TRY(CULL_TMP0(cx, start, TOP));
    for (int64_t i = 0; i < s->texts; i++)
        for (uint32_t j = 0; j < s->text[i].n; j++) raw[s->text[i].at[j].col]++;
    for (int64_t f = 0; f < features; f++) start[raw[f] < TOP ? raw[f] : TOP - 1]++;
    for (int64_t k = TOP - 1; k > 0; k--) {
        int64_t here = start[k];
        start[k] = n;
        n += here;
    }
    for (int64_t f = 0; f < features; f++) {
        place[f] = NONE;
        if (!raw[f]) continue;
        place[f] = (uint32_t)start[raw[f] < TOP ? raw[f] : TOP - 1]++;
        df[place[f]] = raw[f];
    }
    *cols = n;
    return CULL_OK;
}

/* Ranges of columns with about as many entries each. */
static void cut_columns(const uint32_t *df, cull__sparse *a, int64_t entries, uint8_t *part)
{
    int64_t sum = 0, p = 0;
    for (int64_t c = 0; c < a->cols; c++) {
        int64_t now = sum * CULL__PARTS / entries;
        while (p < now) a->bound[++p] = c;
        part[c] = (uint8_t)p;
        sum += df[c];
    }
    while (p < CULL__PARTS) a->bound[++p] = a->cols;
}

struct rows {
    const cull_embed_opts *o;
    const struct sample *s;
    const uint32_t *place;
    const float *idf; /* by place */
    const uint8_t *part;
    uint32_t *cut;
    cull__entry **row;
};

/* Weights, unit length, columns by place, entries in order of range. */
static cull_status make_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    struct rows *m = arg;
    int64_t most = 0;
    cull__entry *e;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++)
        if (m->s->text[i].n > most) most = m->s->text[i].n;
    CULL_TRY(CULL_TMP(cx, e, most));
    for (int64_t i = lo; i < hi; i++) {
        const struct text *t = &m->s->text[i];
        uint32_t *cut = m->cut + i * (CULL__PARTS + 1), next[CULL__PARTS];
        double sum = 0;
        memset(cut, 0, (CULL__PARTS + 1) * sizeof *cut);
        for (uint32_t j = 0; j < t->n; j++) {
            uint32_t col = m->place[t->at[j].col];
            float w = cull__tf(m->o, (uint32_t)t->at[j].val) * m->idf[col];
            e[j] = (cull__entry){col, w};
            sum += (double)w * w;
            cut[m->part[col] + 1]++;
        }
        for (int p = 0; p < CULL__PARTS; p++) cut[p + 1] += cut[p], next[p] = cut[p];
        float unit = (float)(1 / sqrt(sum));
        for (uint32_t j = 0; j < t->n; j++)
            t->at[next[m->part[e[j].col]]++] = (cull__entry){e[j].col, e[j].val * unit};
        m->row[i] = t->at;
    }
    return CULL_OK;
}

/* A text's number along direction j is divided by sigma[j]^power; the largest keeps its size. Few
 * directions carry most of the length of a text, and what they carry is common to all texts: evened
 * out, the mean of a few texts says what sets them apart. */
static cull_status weigh(cull_ctx *cx, cull_embed *e, const double *sigma)
{
    float *by;
    if (e->o.power == 0) return CULL_OK;
    CULL_TRY(CULL_TMP0(cx, by, e->width));
    for (int64_t j = 0; j < e->o.dim; j++)
        by[j] = sigma[j] > 0 ? (float)pow(sigma[0] / sigma[j], e->o.power) : 0;
    for (int64_t i = 0; i < e->cols; i++)
        for (int64_t j = 0; j < e->width; j++) e->basis[i * e->width + j] *= by[j];
    return CULL_OK;
}

/* 1 / |y|, or 0. */
static double unit_of(const float *y, int64_t n)
{
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += (double)y[j] * y[j];
    return sum > 0 ? 1 / sqrt(sum) : 0;
}

/* Of texts spread evenly over the rows, counted with one more that is 0: a single text, or equal
 * ones, are thus not taken from themselves to nothing. */
static cull_status find_mean(cull_ctx *cx, const struct rows *m, cull_embed *e)
{
    const cull__kern *kern = cull__kernels(cx);
    int64_t texts = m->s->texts, k = texts < MEAN_TEXTS ? texts : MEAN_TEXTS, most = 0;
    cull__entry *x;
    float *y;
    for (int64_t i = 0; i < k; i++)
        if (m->s->text[i * texts / k].n > most) most = m->s->text[i * texts / k].n;
    CULL_TRY(CULL_TMP(cx, x, most));
    CULL_TRY(CULL_TMP(cx, y, e->width));
    CULL_TRY(CULL_ALLOC(cx, e->mean, e->o.dim));
    for (int64_t i = 0; i < k; i++) {
        const struct text *t = &m->s->text[i * texts / k];
        for (uint32_t j = 0; j < t->n; j++) /* the basis has idf already */
            x[j] = (cull__entry){t->at[j].col, t->at[j].val / m->idf[t->at[j].col]};
        kern->gather(y, e->basis, (e->o.dim + 15) / 16 * 16, e->width, x, t->n);
        double unit = unit_of(y, e->o.dim) / (double)(k + 1);
        for (int64_t j = 0; j < e->o.dim; j++) e->mean[j] += y[j] * unit;
    }
    return CULL_OK;
}

static cull_status fit_basis(cull_ctx *cx, struct sample *s, const uint32_t *df, int64_t texts,
                             cull_embed *e)
{
    struct rows m = {.o = &e->o, .s = s};
    cull__sparse a = {.n = s->texts};
    uint32_t *sample_df;
    uint8_t *part;
    float *idf;
    double *sigma;
    CULL_TRY(CULL_ALLOC(cx, e->place, INT64_C(1) << e->o.bits));
    CULL_TRY(CULL_TMP(cx, sample_df, INT64_C(1) << e->o.bits));
    CULL_TRY(order_features(cx, s, e->o.bits, e->place, sample_df, &a.cols));
    CULL_TRY(CULL_TMP(cx, part, a.cols));
    CULL_TRY(CULL_TMP(cx, idf, a.cols));
    CULL_TRY(CULL_TMP(cx, m.row, a.n));
    CULL_TRY(CULL_TMP(cx, m.cut, a.n * (CULL__PARTS + 1)));
    CULL_TRY(CULL_TMP(cx, sigma, e->o.dim));
    for (int64_t f = 0; f < INT64_C(1) << e->o.bits; f++)
        if (e->place[f] != NONE) idf[e->place[f]] = cull__idf(texts, df[f]);
    cut_columns(sample_df, &a, s->held, part);
    m.place = e->place;
    m.idf = idf;
    m.part = part;
    CULL_TRY(cull__for(cx, a.n, 64, make_rows, &m));
    a.row = m.row;
    a.cut = m.cut;
    e->cols = a.cols;
    CULL_TRY(CULL_ALLOC(cx, e->basis, e->cols * e->width));
    CULL_TRY(cull__sparse_svd(cx, &a, e->o.dim, e->o.iterations, idf, e->basis, sigma));
    CULL_TRY(weigh(cx, e, sigma));
    return find_mean(cx, &m, e);
}

static cull_status fit(cull_ctx *cx, const cull_corpus *c, struct sample *s, cull_embed *e)
{
    int64_t n = cull_corpus_n(c);
    uint32_t *df;
    CULL_TRY(CULL_TMP(cx, df, INT64_C(1) << e->o.bits));
    if (n > e->o.sample) {
        uint64_t limit;
        CULL_TRY(cull__basis_limit(cx, s->key, n, e->o.sample, &limit));
        atomic_store(&s->limit, limit);
    }
    CULL_TRY(cull__document_counts(cx, c, &e->o, df, sample_row, s));
    CULL_TRY(shrink(cx, s));
    if (!s->texts)
        return cull__fail(cx, CULL_EINPUT,
                          "there is no word in the %" PRId64
                          " texts that text features are to be fitted on",
                          n < e->o.sample ? n : e->o.sample);
    qsort(s->text, (size_t)s->texts, sizeof *s->text, by_row);
    e->sampled = s->texts;
    cull__phase(cx, "fitting the basis");
    return fit_basis(cx, s, df, n, e);
}

/* ---- checkpoints: what was fitted, once it is whole ---- */

typedef struct {
    int64_t cols, sampled;
} shape;

static cull_status find_basis(cull_ctx *cx, cull_embed *e, cull__loop *l, cull__piece piece[3],
                              bool *found)
{
    int64_t step;
    uint64_t cells = (uint64_t)e->cols * (uint64_t)e->width;
    piece[0] = (cull__piece){e->place, 0, (UINT64_C(1) << e->o.bits) * sizeof *e->place};
    piece[1] = (cull__piece){e->basis, 0, cells * sizeof *e->basis};
    piece[2] = (cull__piece){e->mean, 0, (uint64_t)e->o.dim * sizeof *e->mean};
    return cull__loop_find(cx, "basis", l, &step, piece, 3, found);
}

/* Its size stands in a file of its own, written after it: it is asked for first. */
static cull_status find_fitted(cull_ctx *cx, cull_embed *e, cull__loop *l, bool *found)
{
    shape is;
    const cull__piece size = {&is, 0, sizeof is};
    cull__piece piece[3];
    cull__loop basis;
    int64_t step;
    CULL_TRY(cull__loop_find(cx, "text features", l, &step, &size, 1, found));
    if (!*found) return CULL_OK;
    e->cols = is.cols, e->sampled = is.sampled;
    CULL_TRY(CULL_ALLOC(cx, e->place, INT64_C(1) << e->o.bits));
    CULL_TRY(CULL_ALLOC(cx, e->basis, e->cols * e->width));
    CULL_TRY(CULL_ALLOC(cx, e->mean, e->o.dim));
    CULL_TRY(find_basis(cx, e, &basis, piece, found));
    return *found ? CULL_OK
                  : cull__fail(cx, CULL_EINPUT,
                               "the checkpoint has the size of the text features, not the "
                               "features; remove it");
}

static cull_status keep_fitted(cull_ctx *cx, cull_embed *e, cull__loop *l)
{
    shape is = {e->cols, e->sampled};
    const cull__piece size = {&is, 0, sizeof is};
    cull__piece piece[3];
    cull__loop basis;
    bool found;
    if (l->number < 0) return CULL_OK;
    CULL_TRY(find_basis(cx, e, &basis, piece, &found)); /* of a run killed here: the same */
    CULL_TRY(cull__loop_keep(cx, &basis, 1, true, piece, 3));
    return cull__loop_keep(cx, l, 1, true, &size, 1);
}

static cull_status find_or_fit(cull_ctx *cx, const cull_corpus *c, struct sample *s, cull_embed *e)
{
    cull__loop l;
    bool found;
    CULL_TRY(find_fitted(cx, e, &l, &found));
    if (found) return CULL_OK;
    CULL_TRY(fit(cx, c, s, e));
    return keep_fitted(cx, e, &l);
}

cull_status cull_embed_fit(cull_ctx *cx, const cull_corpus *c, const cull_embed_opts *o,
                           cull_embed **out)
{
    return cull__embed_fit(cx, c, o, CULL__BASIS_ENTRIES, out);
}

cull_status cull__embed_fit(cull_ctx *cx, const cull_corpus *c, const cull_embed_opts *o,
                            int64_t cap, cull_embed **out)
{
    cull_embed_opts full;
    cull_embed *e;
    *out = NULL;
    CULL_TRY(cull__embed_check(cx, o, &full));
    CULL_TRY(CULL_ALLOC(cx, e, 1));
    e->o = full;
    e->width = cull__svd_width(full.dim);
    struct sample s = {.key = cull__basis_key(cx), .cap = cap, .limit = UINT64_MAX};
    s.step = cap / 8 + 1 < CULL__BASIS_BLOCK ? cap / 8 + 1 : CULL__BASIS_BLOCK;
    pthread_mutex_init(&s.lock, NULL);
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "counting words");
    cull_status st = find_or_fit(cx, c, &s, e);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    sample_free(&s);
    if (st == CULL_OK)
        *out = e;
    else
        cull_embed_free(e);
    return st;
}

void cull_embed_free(cull_embed *e)
{
    if (!e) return;
    cull__free(e->place);
    cull__free(e->basis);
    cull__free(e->mean);
    cull__free(e);
}

int64_t cull_embed_dim(const cull_embed *e) { return e->o.dim; }
int64_t cull_embed_sampled(const cull_embed *e) { return e->sampled; }

/* ---- embedding ---- */

struct applying {
    const cull_embed *e;
    const cull__kern *kern;
    float *out; /* (n, dim) */
};

static void embed_row(const struct applying *a, const cull__row *r, cull__entry *x, float *y,
                      float *out)
{
    const cull_embed *e = a->e;
    int64_t n = 0, dim = e->o.dim, k = (dim + 15) / 16 * 16;
    for (int64_t i = 0; i < r->n; i++) {
        uint32_t at = e->place[r->col[i]];
        if (at != NONE) x[n++] = (cull__entry){at, cull__tf(&e->o, r->count[i])};
    }
    a->kern->gather(y, e->basis, k, e->width, x, n);
    double unit = unit_of(y, dim);
    for (int64_t j = 0; j < dim; j++) out[j] = unit > 0 ? (float)(y[j] * unit - e->mean[j]) : 0;
    unit = unit_of(out, dim);
    for (int64_t j = 0; j < dim; j++) out[j] = (float)(out[j] * unit);
}

static cull_status embed_texts(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                               int64_t n, void *slot)
{
    const struct applying *a = arg;
    const cull_embed *e = a->e;
    cull__row r;
    cull__entry *x;
    float *y;
    int64_t cap = 1024;
    (void)chunk, (void)slot;
    CULL_TRY(cull__row_new(cx, &e->o, &r));
    CULL_TRY(CULL_TMP(cx, x, cap));
    CULL_TRY(CULL_TMP(cx, y, e->width));
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(cull__row_read(&r, rec[i].text, rec[i].text_n));
        if (r.n > cap) {
            cap = r.cap;
            CULL_TRY(CULL_TMP(cx, x, cap));
        }
        embed_row(a, &r, x, y, a->out + rec[i].row * e->o.dim);
    }
    return CULL_OK;
}

static cull_status find_or_apply(cull_ctx *cx, const cull_corpus *c, struct applying *a)
{
    const cull__piece all = {a->out, 0,
                             (uint64_t)cull_corpus_n(c) * (uint64_t)a->e->o.dim * sizeof *a->out};
    cull__loop l;
    int64_t step;
    bool found;
    CULL_TRY(cull__loop_find(cx, "embedding", &l, &step, &all, 1, &found));
    if (found) return CULL_OK;
    CULL_TRY(cull__corpus_pass(cx, c, 0, embed_texts, NULL, a));
    return cull__loop_keep(cx, &l, 1, true, &all, 1);
}

cull_status cull_embed_apply(cull_ctx *cx, const cull_embed *e, const cull_corpus *c,
                             cull_pool **out)
{
    struct applying a = {.e = e, .kern = cull__kernels(cx)};
    cull_pool *p;
    *out = NULL;
    CULL_TRY(cull__pool_spill(cx, cull_corpus_n(c), e->o.dim, &a.out, &p));
    const char *phase = cull__phase(cx, "embedding");
    cull_status s = find_or_apply(cx, c, &a);
    cull__phase(cx, phase);
    if (s == CULL_OK)
        *out = p;
    else
        cull_pool_free(p);
    return s;
}
