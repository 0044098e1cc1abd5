/* packed: any bytes as a checkpoint with packed tensors; what can be read is the same in one piece and in two. */
#include "fuzz.h"

#include <string.h>

#include "cull/pack.h"

static void read_tensor(cull_ctx *cx, const cull_checkpoint *ck, int64_t i)
{
    enum { MOST = 1 << 16 };
    static uint8_t whole[MOST * 8], half[MOST * 8];
    static float x[MOST];
    const cull_tensor *t = cull_checkpoint_at(ck, i);
    int64_t n = t->n, at = n / 3;
    if (n > MOST || n == 0 || t->bytes > sizeof whole) return;
    cull_status s = cull_checkpoint_raw(cx, ck, i, 0, n, whole);
    if (t->numeric && (cull_checkpoint_read(cx, ck, i, 0, n, x) == CULL_OK) != (s == CULL_OK))
        abort();
    if (s != CULL_OK) return;
    size_t width = (size_t)(t->bytes / (uint64_t)n);
    if (cull_checkpoint_raw(cx, ck, i, at, n - at, half) != CULL_OK) abort();
    if (memcmp(whole + (size_t)at * width, half, (size_t)(n - at) * width)) abort();
    cull_checkpoint_done(ck, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    char path[64];
    cull_checkpoint *ck;
    if (!cx) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = 1;
        o.memory = 256 << 20;
        cx = cull_ctx_new(&o);
    }
    int fd = fuzz_file(data, n, path);
    if (cull_checkpoint_open(cx, path, &ck) == CULL_OK) {
        for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) read_tensor(cx, ck, i);
        cull_checkpoint_free(ck);
    }
    close(fd);
    return 0;
}
