/* txt: any bytes as a file, compressed or not: the stream and the whole say the same, and as lines of
 * text. */
#include "fuzz.h"

#include "corpus_fuzz.h"
#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[64];
    int fd = fuzz_file(data, n, path);
    cull_ctx *cx = fuzz_ctx();
    cull__bytes b;
    cull__reader *r;
    if (cull__bytes_open(cx, path, &b) == CULL_OK) {
        size_t at = 0, got = 1, step = 1 + n % 777;
        static char buf[1024];
        if (cull__reader_open(cx, path, &r) != CULL_OK) abort();
        while (got) {
            if (cull__read(cx, r, buf, step, &got) != CULL_OK) abort();
            if (got > b.n - at || memcmp(buf, b.at + at, got) != 0) abort();
            at += got;
        }
        if (at != b.n) abort();
        cull__reader_close(r);
        cull__bytes_close(&b);
    } else if (!*cull_error(cx)) {
        abort();
    }
    cull_ctx_free(cx);
    close(fd);
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.format = "txt";
    fuzz_corpus(data, n, &o);
    return 0;
}
