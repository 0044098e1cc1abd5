/* embed_plan.c - what fitting a basis and embedding with it will take, before it is done.
 *
 * What decides is how many distinct features the basis's texts have, which no formula knows. So the
 * words of those very texts are read once. A feature is in the basis when one of the texts that are
 * kept has it: each feature's least hash of a text, against the largest hash kept, tells without a
 * second look, wherever the limit on features cuts the texts off. */
#include "num/num.h"
#include "repr/features.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct text {
    uint64_t hash;
    int64_t n;
};

struct counting {
    const cull_embed_opts *o;
    uint64_t key, limit;
    uint64_t **least; /* one table a worker: (2^bits) least hash of a text with the feature */
    pthread_mutex_t lock;
    struct text *text;
    int64_t texts, cap;
};

/* What the basis is made of. */
struct basis {
    int64_t texts, entries, cols;
    int64_t found, most; /* texts met; features of theirs held at once at most */
};

static cull_status note_text(cull_ctx *cx, struct counting *k, uint64_t hash, int64_t n)
{
    pthread_mutex_lock(&k->lock);
    cull_status s = CULL_GROW(cx, k->text, &k->cap, k->texts + 1);
    if (s == CULL_OK) k->text[k->texts++] = (struct text){hash, n};
    pthread_mutex_unlock(&k->lock);
    return s;
}

static cull_status count_texts(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                               int64_t n, void *slot)
{
    struct counting *k = arg;
    int64_t features = INT64_C(1) << k->o->bits;
    uint64_t **least = &k->least[cull__worker(cx)];
    cull__row r;
    (void)chunk, (void)slot;
    if (!*least) {
        CULL_TRY(CULL_ALLOC(cx, *least, features));
        memset(*least, 0xff, (size_t)features * sizeof **least);
    }
    CULL_TRY(cull__row_new(cx, k->o, &r));
    for (int64_t i = 0; i < n; i++) {
        uint64_t hash = cull__basis_hash(k->key, rec[i].row);
        if (hash > k->limit) continue;
        CULL_TRY(cull__row_read(&r, rec[i].text, rec[i].text_n));
        for (int64_t j = 0; j < r.n; j++)
            if (hash < (*least)[r.col[j]]) (*least)[r.col[j]] = hash;
        if (r.n) CULL_TRY(note_text(cx, k, hash, r.n));
    }
    return CULL_OK;
}

static int by_hash(const void *x, const void *y)
{
    const struct text *a = x, *b = y;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

/* As cull_embed_fit cuts: the longest prefix in order of hash that fits, once over a quarter more
 * was held. */
static void cut(struct counting *k, int workers, struct basis *b)
{
    int64_t all = 0, most = CULL__BASIS_ENTRIES + CULL__BASIS_ENTRIES / 4;
    *b = (struct basis){.found = k->texts};
    if (k->texts) qsort(k->text, (size_t)k->texts, sizeof *k->text, by_hash);
    for (int64_t i = 0; i < k->texts; i++) all += k->text[i].n;
    while (b->texts < k->texts && b->entries + k->text[b->texts].n <= CULL__BASIS_ENTRIES)
        b->entries += k->text[b->texts++].n;
    b->most = all < most ? all : most;
    for (int64_t f = 0; b->texts && f < INT64_C(1) << k->o->bits; f++) {
        bool in = false;
        for (int w = 0; w < workers && !in; w++)
            in = k->least[w] && k->least[w][f] <= k->text[b->texts - 1].hash;
        b->cols += in;
    }
}

static cull_status read_words(cull_ctx *cx, const cull_corpus *c, struct counting *k,
                              struct basis *b)
{
    int workers = cull__workers(cx);
    k->key = cull__basis_key(cx);
    k->limit = UINT64_MAX;
    if (cull_corpus_n(c) > k->o->sample)
        CULL_TRY(cull__basis_limit(cx, k->key, cull_corpus_n(c), k->o->sample, &k->limit));
    CULL_TRY(CULL_TMP0(cx, k->least, workers));
    pthread_mutex_init(&k->lock, NULL);
    cull_status s = cull__corpus_pass(cx, c, 0, count_texts, NULL, k);
    if (s == CULL_OK) cut(k, workers, b);
    for (int w = 0; w < workers; w++) cull__free(k->least[w]);
    cull__free(k->text);
    pthread_mutex_destroy(&k->lock);
    return s;
}

/* ---- from counts to bytes and operations: embed.c and svd.c, step by step ---- */

static double more(double a, double b) { return a > b ? a : b; }

static double doubled(int64_t n)
{
    double cap = 8;
    while (cap < (double)n) cap *= 2;
    return cap;
}

/* `orthonormal` of svd.c on n rows, with the eigenproblem's work space. */
static double gram_bytes(double n, double w, double dim, int threads)
{
    double most = floor((32 << 20) / (w * w * 8));
    most = most > 32 ? 32 : most < 1 ? 1 : most;
    double grain = ceil(more(512, n / most) / 512) * 512;
    double square = 8 * w * w, turning = threads * 512.0 * more(8 * w, 4 * dim);
    return (ceil(n / grain) + 1) * square + 4 * dim * w + more(2 * square, turning);
}

static void sum_up(const cull_embed_opts *o, const struct basis *b, const cull_corpus *c,
                   int64_t beside, int threads, uint64_t limit, cull_plan *out)
{
    double f = (double)(INT64_C(1) << o->bits), w = (double)cull__svd_width(o->dim);
    double m = (double)b->texts, cols = (double)b->cols, entries = (double)b->entries;
    double pass = (double)cull__pass_plan(c, threads), places = 4 * f;
    double blocks = ceil(1.02 * (double)b->most / CULL__BASIS_BLOCK) * CULL__BASIS_BLOCK;
    double texts = CULL__BASIS_TEXT * doubled(b->found);
    double sample = sizeof(cull__entry) * blocks + texts;
    double counting = sample + places * (1 + cull__pass_workers(c, threads)) + pass;
    double basis = places + cols * w * 4;
    double solving = sample + basis + 3 * places + (1 << 19) + 5 * cols +
                     m * (8 + 4 * (CULL__PARTS + 1)) + m * w * 4 +
                     gram_bytes(more(m, cols), w, o->dim, threads);
    double row = 4.0 * o->dim, rows = row * (double)cull_corpus_n(c);
    if (rows > (double)limit / 4) rows = 0; /* it is mapped from a file then */
    double applying = basis + rows + row * (double)beside + pass;
    double steps = o->iterations + 1;
    *out = (cull_plan){(uint64_t)more(more(counting, solving), applying), 2,
                       4 * steps * entries * w + 3 * steps * m * w * w + 3 * cols * w * w};
}

cull_status cull_embed_plan(cull_ctx *cx, const cull_corpus *c, const cull_embed_opts *o,
                            int64_t beside, cull_plan *out)
{
    cull_embed_opts full;
    struct basis b = {0};
    *out = (cull_plan){0};
    CULL_TRY(cull__embed_check(cx, o, &full));
    if (beside < 0) return cull__fail(cx, CULL_EINPUT, "a plan for %" PRId64 " rows", beside);
    struct counting k = {.o = &full};
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "looking at the words");
    cull_status s = read_words(cx, c, &k, &b);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    CULL_TRY(s);
    sum_up(&full, &b, c, beside, cull__workers(cx), cull__memory_limit(cx), out);
    return CULL_OK;
}
