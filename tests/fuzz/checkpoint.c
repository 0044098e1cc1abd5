/* checkpoint: any bytes as a file, or as an index, a shard and a config of one folder: what is opened is read, looked
 * at, verified, and is the same as itself.
 *
 * Byte 0: its lowest bit says which; then of a folder two lengths of 2 bytes, of index and config. */
#include "array.h"
#include "fuzz.h"

#include "cull/checkpoint_look.h"

#include <string.h>

enum { INDEX, CONFIG, SHARD, FILES };

/* Files of a folder that are links to anonymous ones, until the process ends. */
static struct {
    char dir[32], name[FILES][80];
    int fd[FILES];
} folder = {.dir = "/tmp/cull-fuzz-XXXXXX"};

static void clear(void)
{
    for (int i = 0; i < FILES; i++) unlink(folder.name[i]);
    rmdir(folder.dir);
}

static void make_folder(void)
{
    static const char *const name[] = {"model.safetensors.index.json", "config.json",
                                       "s.safetensors"};
    if (!mkdtemp(folder.dir) || atexit(clear) != 0) abort();
    for (int i = 0; i < FILES; i++) {
        char path[64];
        folder.fd[i] = fuzz_file(NULL, 0, path);
        snprintf(folder.name[i], sizeof folder.name[i], "%s/%s", folder.dir, name[i]);
        if (symlink(path, folder.name[i]) != 0) abort();
    }
}

static void hear(void *user, const cull_finding *f) { *(size_t *)user += strlen(f->text); }

static void look_at(cull_ctx *cx, const cull_checkpoint *ck, int64_t i)
{
    const cull_tensor *t = cull_checkpoint_at(ck, i);
    float x[64];
    int64_t near, n = t->n < 64 ? t->n : 64;
    cull_tensor_stat s;
    cull_tensor_diff d;
    if (cull_checkpoint_find(ck, t->name, &near) != i) abort();
    if (!t->numeric) return;
    if (cull_checkpoint_read(cx, ck, i, 0, n, x) != CULL_OK && !t->packing) abort();
    if (cull_checkpoint_read(cx, ck, i, t->n - n, n, x) != CULL_OK && !t->packing) abort();
    if (t->n > 1 << 16) return;
    if (cull_checkpoint_stat(cx, ck, i, &s) == CULL_OK && s.n != t->n) abort();
    if (cull_checkpoint_diff(cx, ck, i, ck, i, &d) == CULL_OK && (d.same != d.n || d.odd)) abort();
}

static void look(cull_ctx *cx, cull_checkpoint *ck)
{
    int64_t n = cull_checkpoint_count(ck), *of = malloc(((size_t)n + 1) * sizeof *of);
    size_t said = 0;
    bool small = true;
    if (!of) abort();
    for (int64_t i = 0; i < n; i++) {
        small &= cull_checkpoint_at(ck, i)->n <= 1 << 16;
        look_at(cx, ck, i);
    }
    cull_status s = cull_checkpoint_pair(cx, ck, ck, NULL, of);
    if (s != CULL_OK && s != CULL_ENOMEM) abort();
    for (int64_t i = 0; s == CULL_OK && i < n; i++)
        if (of[i] != i) abort();
    s = cull_checkpoint_verify(cx, ck, small, hear, &said);
    if (s != CULL_OK && s != CULL_ENOMEM && s != CULL_EIO && s != CULL_EINPUT) abort();
    free(of);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    cull_checkpoint *ck;
    if (!cx) {
        cx = fuzz_ctx();
        make_folder();
    }
    if (n < 5) return 0;
    size_t index = data[1] | (size_t)data[2] << 8, config = data[3] | (size_t)data[4] << 8;
    const uint8_t *at = data + 5;
    size_t left = n - 5;
    if (!(data[0] & 1)) index = config = 0;
    if (index > left) index = left;
    if (config > left - index) config = left - index;
    fuzz_fill(folder.fd[INDEX], at, index);
    fuzz_fill(folder.fd[CONFIG], at + index, config);
    fuzz_fill(folder.fd[SHARD], at + index + config, left - index - config);
    if (cull_checkpoint_open(cx, data[0] & 1 ? folder.dir : folder.name[SHARD], &ck) == CULL_OK)
        look(cx, ck);
    else if (!cull_error(cx)[0])
        abort();
    cull_checkpoint_free(ck);
    return 0;
}
