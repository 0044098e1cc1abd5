/* corpus.c - records of text. */
#include "cull/corpus.h"
struct cull_corpus {
    int64_t n;
};
int64_t cull_corpus_n(const cull_corpus *c) { return c->n; }
