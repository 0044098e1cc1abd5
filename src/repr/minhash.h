/* minhash.h - signatures of texts, and a set of texts without near copies by them. */
#ifndef CULL__MINHASH_H
#define CULL__MINHASH_H
#include "base/base.h"
#include "cull/corpus.h"

typedef struct {
    int ngram;        /* words, 1 to 64 */
    int hashes;       /* numbers of a signature, a multiple of `bands` */
    int bands;        /* texts are compared that agree in all of one band */
    double threshold; /* least share of agreeing numbers of two copies */
} cull__minhash_opts;
/* signature (n, hashes) and how many words each text has (n). One pass over c. */
cull_status cull__minhash(cull_ctx *cx, const cull_corpus *c, const cull__minhash_opts *o,
                          uint32_t *signature, int64_t *words);
/* As cull__pool_distinct, over the m rows `order` of n: a text stays unless a text that stays before it
 * shares a band with it and agrees in a share of threshold or more (Leskovec, Rajaraman and Ullman,
 * Mining of Massive Datasets, 3.4: two with a Jaccard similarity s share a band with a chance of
 * 1 - (1 - s^(hashes/bands))^bands). Texts without a word are like none. */
cull_status cull__minhash_distinct(cull_ctx *cx, const cull__minhash_opts *o,
                                   const uint32_t *signature, const int64_t *words,
                                   const int64_t *order, int64_t m, int64_t n, int64_t *stands,
                                   float *like);
uint64_t cull__minhash_bytes(const cull_corpus *c, int threads, const cull__minhash_opts *o);
#endif
