/* corpus_fuzz.h - bytes as a corpus: it opens, or is refused with a sentence; what opened is read
 * again alike, and all of it written gives as many records. */
#ifndef CULL_CORPUS_FUZZ_H
#define CULL_CORPUS_FUZZ_H
#include <string.h>

#include "cull/corpus.h"
#include "fuzz.h"

static inline cull_ctx *fuzz_ctx(void)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = 1;
    co.memory = 12 << 20;
    cull_ctx *cx = cull_ctx_new(&co);
    if (!cx) abort();
    return cx;
}

static inline void fuzz_read(cull_ctx *cx, const cull_corpus *c)
{
    int64_t n = cull_corpus_n(c), idx[3] = {n - 1, 0, n / 2};
    double *len = malloc((size_t)n * sizeof *len);
    cull_strings s;
    if (n < 1 || !len) abort();
    if (cull_corpus_lengths(cx, c, "bytes", len) != CULL_OK) abort();
    if (cull_corpus_ids(cx, c, idx, 3, 7, &s) != CULL_OK) abort();
    for (int i = 0; i < 3; i++)
        if (len[idx[i]] < (double)strlen(s.text[i])) abort();
    cull_strings_free(&s);
    int32_t groups;
    const int32_t *g = cull_corpus_group(c, &groups);
    for (int64_t i = 0; g && i < n; i++)
        if (g[i] < 0 || g[i] >= groups) abort();
    if (cull_corpus_write(cx, c, idx, 3, "/dev/null") != CULL_OK) abort();
    free(len);
}

static inline void fuzz_corpus(const uint8_t *data, size_t n, cull_corpus_opts *o)
{
    char path[64];
    const char *p = path;
    int fd = fuzz_file(data, n, path);
    cull_ctx *cx = fuzz_ctx();
    cull_corpus *c;
    o->paths = &p;
    o->npaths = 1;
    if (cull_corpus_open(cx, o, &c) == CULL_OK)
        fuzz_read(cx, c);
    else if (!*cull_error(cx))
        abort();
    cull_corpus_free(c);
    cull_ctx_free(cx);
    close(fd);
}
#endif
