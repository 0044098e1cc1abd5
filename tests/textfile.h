/* textfile.h - a jsonl file in /tmp made of texts, opened as a corpus. */
#ifndef TEXTFILE_H
#define TEXTFILE_H
#include "test.h"

#include <unistd.h>

#include "cull/corpus.h"

typedef struct {
    char path[64];
    cull_corpus *corpus;
} textfile;

/* Texts are plain: no quotes, backslashes or control bytes. */
static inline textfile textfile_new(cull_ctx *cx, const char *const *text, int64_t n)
{
    textfile t = {.path = "/tmp/cull-test-XXXXXX.jsonl"};
    int fd = mkstemps(t.path, 6);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) fail_msg("cannot write %s", t.path);
    for (int64_t i = 0; i < n; i++)
        fprintf(f, "{\"id\":\"r%d\",\"text\":\"%s\"}\n", (int)i, text[i]);
    fclose(f);
    const char *paths[] = {t.path};
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = paths, o.npaths = 1;
    ok(cx, cull_corpus_open(cx, &o, &t.corpus));
    assert_int_equal(cull_corpus_n(t.corpus), n);
    return t;
}

static inline void textfile_free(textfile *t)
{
    cull_corpus_free(t->corpus);
    unlink(t->path);
}
#endif
