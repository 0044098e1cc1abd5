/* features.h - inside of text features: rows of hashed n-grams, sparse rows, the randomized SVD. */
#ifndef CULL__FEATURES_H
#define CULL__FEATURES_H
#include "cull/embed.h"
#include "num/num.h"
#include "repr/repr.h"

/* ---- a text as hashed features (features.c) ---- */

/* The distinct features of one text in order of first appearance, with their counts. Scratch that
 * grows with the text's distinct features, not with its length. */
typedef struct {
    cull_ctx *cx;
    cull_embed_opts o;
    cull_status status;
    int64_t n, cap;   /* distinct features so far, room */
    uint32_t *col;    /* n: 0 .. 2^bits - 1 */
    uint32_t *count;  /* n */
    uint32_t *slot;   /* hash table of 2 cap: 1 + place in col, 0 = free */
    uint64_t gram[8]; /* gram[k]: hash of the k + 1 words that end here */
    int have;         /* of them that exist */
} cull__row;
/* Options checked one by one, each refusal by its name; *full = o, or the defaults for NULL. */
cull_status cull__embed_check(cull_ctx *cx, const cull_embed_opts *o, cull_embed_opts *full);
cull_status cull__row_new(cull_ctx *cx, const cull_embed_opts *o, cull__row *r);
cull_status cull__row_read(cull__row *r, const char *text, size_t n);
/* Weight of a feature by its count in the text, before idf. */
float cull__tf(const cull_embed_opts *o, uint32_t count);
/* ln((n + 1) / (df + 1/2)): next to nothing for what every text has, never 0. */
float cull__idf(int64_t texts, int64_t df);

/* In how many texts of c each feature occurs: df (2^bits), exact. One pass; `each` (may be NULL)
 * sees every row too, from many threads, in any order. */
typedef cull_status cull__row_fn(cull_ctx *cx, void *arg, int64_t row, const cull__row *r);
cull_status cull__document_counts(cull_ctx *cx, const cull_corpus *c, const cull_embed_opts *o,
                                  uint32_t *df, cull__row_fn *each, void *arg);

/* cull_embed_fit with a limit of its own on the features that the texts of the basis hold in all. */
cull_status cull__embed_fit(cull_ctx *cx, const cull_corpus *c, const cull_embed_opts *o,
                            int64_t cap, cull_embed **out);

/* ---- which texts a basis is fitted on (embed.c): those of least hash ---- */

enum {
    CULL__BASIS_ENTRIES = 12000000, /* features that they hold in all, at most */
    CULL__BASIS_BLOCK = 1 << 18,    /* features of a block of their memory */
    CULL__BASIS_TEXT = 32           /* bytes of what is known of a text */
};
uint64_t cull__basis_key(cull_ctx *cx);
uint64_t cull__basis_hash(uint64_t key, int64_t row);
/* The m-th smallest hash of rows 0..n-1, 1 <= m <= n. */
cull_status cull__basis_limit(cull_ctx *cx, uint64_t key, int64_t n, int64_t m, uint64_t *limit);

/* ---- sparse rows (sparse.c) ---- */

/* (n, cols). Columns are cut into `parts` ranges [bound[p], bound[p+1]) that hold about as many
 * entries each; the entries of a row lie in order of range. The grid is fixed by the data, so that
 * A^T Y has one owner for each column and one order of sums. */
enum { CULL__PARTS = 32 };
typedef struct {
    int64_t n, cols;
    cull__entry *const *row; /* n */
    const uint32_t *cut;     /* (n, CULL__PARTS + 1): where the ranges of a row begin and end */
    int64_t bound[CULL__PARTS + 1];
} cull__sparse;
/* Y (n, k) = A X, X (cols, k); and G (cols, k) = A^T Y. k must be a multiple of 16. */
cull_status cull__sparse_times(cull_ctx *cx, const cull__sparse *a, const float *x, int64_t k,
                               float *y);
cull_status cull__sparse_transpose_times(cull_ctx *cx, const cull__sparse *a, const float *y,
                                         int64_t k, float *g);

/* ---- randomized SVD (svd.c) ---- */

/* Columns that the subspace carries for dim directions: dim + 10 at least, a multiple of 16. */
int64_t cull__svd_width(int64_t dim);
/* Right singular vectors of a, times `scale` of their column (cols; NULL = 1), into the first dim
 * columns of g (cols, width); the others, and what is beyond the rank, 0. sigma (dim): singular
 * values. n * width * 4 bytes of scratch and (width^2 * 8 bytes, at most 32 MiB or one) more. */
cull_status cull__sparse_svd(cull_ctx *cx, const cull__sparse *a, int64_t dim, int iterations,
                             const float *scale, float *g, double *sigma);
#endif
