/* cull/embed.h - text features: hashed word and character n-grams, TF-IDF, and a basis of `dim`
 * directions found by a randomized SVD. What a pool of text becomes when no embeddings are given.
 *
 * Everything follows from the options, the seed and the texts: the same numbers for any number of
 * threads and any memory limit. */
#ifndef CULL_EMBED_H
#define CULL_EMBED_H
#include "cull/base.h"
#include "cull/corpus.h"
#include "cull/method.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_embed cull_embed;
typedef struct {
    size_t size;
    int word_lo, word_hi; /* word n-grams, 1 to 8; 0,0 = none */
    int char_lo, char_hi; /* character n-grams inside words, ends marked, 1 to 16; 0,0 = none */
    int bits;             /* 2^bits hashed features, 4 to 22 */
    int dim;              /* numbers a text, 1 to 1024 */
    int64_t sample;       /* texts that the basis is fitted on, at most */
    int iterations;       /* subspace iterations of the randomized SVD, 0 to 32 */
    bool sublinear;       /* 1 + log(count) instead of the count */
    double power;         /* directions are divided by their singular value to this power, 0 to 1:
                             0 = plain latent semantic analysis, 1 = whitened: better for the mean of
                             a topic's texts, worse for single neighbours and for small corpora */
} cull_embed_opts;
/* clang-format off */
#define CULL_EMBED_OPTS \
    {.size = sizeof(cull_embed_opts), .word_lo = 1, .word_hi = 2, .char_lo = 0, .char_hi = 0, \
     .bits = 18, .dim = 256, .sample = 65536, .iterations = 2, .sublinear = true, \
     .power = 0}
/* clang-format on */

/* Set one option from text: "words" and "chars" as "1-2" or "3", "bits", "dim", "sample", "power"; a
 * name may begin with "embed-". CULL_EOPTION: no such option, or a value out of its bounds. */
CULL_API cull_status cull_embed_opts_set(cull_ctx *cx, cull_embed_opts *o, const char *name,
                                         const char *value) CULL_CHECKED;

/* Fit on c. One pass counts in how many texts each feature occurs and gathers the texts of the basis:
 * the `sample` whose row number hashes least under the seed, cut where they hold more than 12 million
 * features in all. A feature weighs ln((n + 1) / (df + 1/2)): the words that every text has next
 * to nothing, without a list of them. Rows of unit length; then Halko, Martinsson and Tropp 2011,
 * algorithm 4.4; then the directions are evened out by `power`; then what the texts have in common is
 * taken away: of each row, made unit length, the mean of such rows (Mu and Viswanath 2018, of at most
 * 2048 texts of the basis, shrunk by k / (k + 1) for k of them). Memory: cull_embed_plan; time:
 * O(bytes + features of the sample * dim * iterations). opts NULL = defaults.
 * A corpus without a single word is CULL_EINPUT. Where the sample has fewer than dim independent
 * texts, the numbers beyond are 0 in every row. */
CULL_API cull_status cull_embed_fit(cull_ctx *cx, const cull_corpus *c, const cull_embed_opts *o,
                                    cull_embed **out) CULL_CHECKED;
/* Rows of c embedded: (n, dim) f32 of unit length, a text without a known feature all 0; in memory,
 * or mapped from a file in tmpdir when that would take more than a quarter of the memory limit (the
 * numbers are the same). One pass. */
CULL_API cull_status cull_embed_apply(cull_ctx *cx, const cull_embed *e, const cull_corpus *c,
                                      cull_pool **out) CULL_CHECKED;
CULL_API void cull_embed_free(cull_embed *e);
CULL_API int64_t cull_embed_dim(const cull_embed *e);
CULL_API int64_t cull_embed_sampled(const cull_embed *e); /* texts that the basis was fitted on */

/* What fitting on c, embedding it and then `more` rows beside it takes: the most bytes held at once
 * beside the corpus, passes over c, operations of the SVD. One pass over c, which reads the words of
 * the basis's texts only; 8 * 2^bits bytes a worker and 32 a text of the basis. */
CULL_API cull_status cull_embed_plan(cull_ctx *cx, const cull_corpus *c, const cull_embed_opts *o,
                                     int64_t more, cull_plan *out) CULL_CHECKED;

/* Plain TF-IDF cosine of every row of c to the mean of the (unit) rows of target: the baseline that
 * needs no basis. out has n doubles. Features and weights as above, df from c. Two passes over c, one
 * over target, 2^bits * (4 + 12 * threads) bytes. */
CULL_API cull_status cull_corpus_tfidf(cull_ctx *cx, const cull_corpus *c,
                                       const cull_corpus *target, const cull_embed_opts *o,
                                       double *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
