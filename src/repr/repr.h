/* repr.h - REPRESENT: streamed passes over a corpus, and what text features are made of. */
#ifndef CULL__REPR_H
#define CULL__REPR_H
#include "base/base.h"
#include "cull/corpus.h"
#include "cull/embed.h"

/* One record of a pass. Pointers live as long as the call they are handed to. */
typedef struct {
    int64_t row;
    const char *text; /* UTF-8, joined fields; not NUL-terminated */
    size_t text_n;
    const char *raw; /* the record's bytes in the file, without the line's end; none of memory */
    size_t raw_n;
    const char *id; /* NULL when it has none */
    size_t id_n;
} cull__record;

/* A pass visits rows in chunks of CULL__CORPUS_CHUNK (chunk c = rows [c*CHUNK, ...)), `map` in
 * parallel and then `reduce` (may be NULL) in order of chunk, on the calling thread. Each chunk has a
 * zeroed slot of `slot` bytes to carry something from its map to its reduce. Memory: the lines in
 * flight (a few MiB, more if a line is longer) and their slots. */
enum { CULL__CORPUS_CHUNK = 256 };
typedef cull_status cull__corpus_map(cull_ctx *cx, void *arg, int64_t chunk,
                                     const cull__record *rec, int64_t n, void *slot);
typedef cull_status cull__corpus_reduce(cull_ctx *cx, void *arg, int64_t chunk, void *slot);
cull_status cull__corpus_pass(cull_ctx *cx, const cull_corpus *c, size_t slot,
                              cull__corpus_map *map, cull__corpus_reduce *reduce, void *arg);
/* Workers that a pass keeps busy; and its own bytes, without slots and what `map` takes, where no
 * record is much longer than the others and no memory limit makes its buffer smaller. */
int cull__pass_workers(const cull_corpus *c, int threads);
uint64_t cull__pass_plan(const cull_corpus *c, int threads);

/* ---- words and n-grams (words.c): one definition for features, overlap and DSIR ---- */
/* Words are maximal runs of letters and digits (ASCII, and every code point from U+00AA that is no
 * punctuation, symbol or space), ASCII-lower-cased; a character of a script that is written without
 * spaces (Han, kana, Thai, Lao, Khmer, Myanmar) is a word of its own. Bytes that are not UTF-8 end a
 * word. Calls fn with the 64-bit hash of every word, in order, and where it stands as written. */
typedef void cull__word_fn(void *arg, uint64_t hash, const char *at, size_t n);
void cull__words(const char *text, size_t n, cull__word_fn *fn, void *arg);
/* Hashes of all words of text into out (room for cap); returns how many there are. */
int64_t cull__word_hashes(const char *text, size_t n, uint64_t *out, int64_t cap);
/* The hash of an n-gram from those of its words, in order. */
static inline uint64_t cull__ngram(uint64_t left, uint64_t word)
{
    uint64_t h =
        (left ^ (word + 0x9E3779B97F4A7C15u + (left << 6) + (left >> 2))) * 0xFF51AFD7ED558CCDu;
    return h ^ h >> 32;
}

/* A pool of zeros, (n, d) f32, to be filled through *rows: in counted memory, or in a file of tmpdir
 * that is mapped when it would take more than a quarter of the memory limit. */
cull_status cull__pool_spill(cull_ctx *cx, int64_t n, int64_t d, float **rows, cull_pool **out);

/* Most bytes that cull_corpus_tfidf holds at once. */
uint64_t cull__tfidf_plan(const cull_corpus *c, const cull_corpus *target, const cull_embed_opts *o,
                          int threads);

/* A pool that owns the array a (cull_array_free is the pool's to call, on success only). */
cull_status cull__pool_of(cull_ctx *cx, const cull_array *a, const char *name, cull_pool **out);

/* Over all rows of the pools (of one d; a row at least): their mean (d) and the sums of products about
 * it, cov (d, d), exact but for f64. One pass; beside its output O(d) memory and a block of rows. */
cull_status cull__scatter(cull_ctx *cx, const cull_pool *const *p, int pools, double *mean,
                          double *cov);
uint64_t cull__scatter_bytes(int64_t n, int64_t d, int workers); /* n: rows of the largest */

/* What whitens the rows of the pools together: their mean (d) and the lower factor l (d, d) of their
 * covariance plus `ridge` on the diagonal. EINPUT where that is singular to rounding still. One pass,
 * O(n d^2 + d^3) time. */
cull_status cull__whitening(cull_ctx *cx, const cull_pool *const *p, int pools, double ridge,
                            double *mean, double *l);
/* l^-1 (row - mean) of each row of p, into out (n, d). O(n d^2) time, a block of rows for each worker. */
cull_status cull__whiten(cull_ctx *cx, const cull_pool *p, const double *mean, const double *l,
                         float *out);
uint64_t cull__whiten_bytes(int64_t n, int64_t d,
                            int workers); /* of both with mean and l, at most */

/* PCA of a pool: mean (d), components (k, d) orthonormal rows, variance along each (k; n - 1 below),
 * largest first;
 * exact, by the covariance in f64. One pass and O(d^2) memory. */
cull_status cull__pca(cull_ctx *cx, const cull_pool *p, int64_t k, double *mean, float *components,
                      double *variance);
/* (rows - mean) components^T into out (n, k). */
cull_status cull__project(cull_ctx *cx, const cull_pool *p, int64_t k, const double *mean,
                          const float *components, float *out);
#endif
