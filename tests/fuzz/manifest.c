/* manifest: any bytes as what says which units of a checkpoint stay: put on a transformer and on one with experts, planned only, and
 * beside each of them, verified. */
#include "fuzz.h"

#include <string.h>

#include "cull/checkpoint_look.h"
#include "cull/weights.h"

enum { MODELS = 2, TENSORS = 12 };
static char dir[] = "/tmp/cull-fuzz-XXXXXX";
static char model[MODELS][80], beside[MODELS][80];
static int manifest;

static void clear(void)
{
    for (int i = 0; i < MODELS; i++) {
        unlink(model[i]);
        unlink(beside[i]);
    }
    rmdir(dir);
}

/* Zeros will do. */
static void write_model(cull_ctx *cx, const char *path, const cull_tensor *t, int n)
{
    static const float zero[256];
    cull_checkpoint_writer *w;
    if (cull_checkpoint_create(cx, path, t, n, NULL, &w) != CULL_OK) abort();
    for (int i = 0; i < n; i++)
        if (cull_checkpoint_put(cx, w, zero, t[i].shape[0] * t[i].shape[1]) != CULL_OK) abort();
    if (cull_checkpoint_finish(cx, w, CULL_OK) != CULL_OK) abort();
}

static void make(cull_ctx *cx, const char *bytes)
{
    static const char *const part[] = {
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
        "block_sparse_moe.gate",
        "block_sparse_moe.experts.0.w1",
        "block_sparse_moe.experts.0.w2",
        "block_sparse_moe.experts.1.w1",
        "block_sparse_moe.experts.1.w2",
    };
    static const int64_t shape[][2] = {{6, 4}, {6, 4}, {4, 6}, {2, 4},
                                       {6, 4}, {4, 6}, {6, 4}, {4, 6}};
    if (!mkdtemp(dir) || atexit(clear) != 0) abort();
    for (int m = 0; m < MODELS; m++) {
        cull_tensor t[TENSORS];
        char name[TENSORS][80];
        int n = 0;
        for (int layer = 0; layer < 2; layer++)
            for (int k = m ? 3 : 0; k < (m ? 8 : 3); k++, n++) {
                snprintf(name[n], sizeof name[n], "model.layers.%d.%s.weight", layer, part[k]);
                t[n] = (cull_tensor){.name = name[n], .dtype = "F32", .ndim = 2};
                memcpy(t[n].shape, shape[k], sizeof shape[k]);
            }
        snprintf(model[m], sizeof model[m], "%s/%d.safetensors", dir, m);
        snprintf(beside[m], sizeof beside[m], "%s/%d.manifest.json", dir, m);
        write_model(cx, model[m], t, n);
        if (symlink(bytes, beside[m]) != 0) abort();
    }
}

static void hear(void *user, const cull_finding *f) { *(size_t *)user += strlen(f->text); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    static char path[64];
    size_t said = 0;
    if (!cx) {
        cx = cull_ctx_new(NULL);
        manifest = fuzz_file(NULL, 0, path);
        make(cx, path);
    }
    fuzz_fill(manifest, data, n);
    for (int m = 0; m < MODELS; m++) {
        cull_checkpoint *ck;
        if (cull_checkpoint_open(cx, model[m], &ck) != CULL_OK) abort();
        const cull_checkpoint *const one[] = {ck};
        const cull_weights_problem p = {.model = one, .models = 1};
        if (cull_weights_apply(cx, path, &p, NULL, NULL) != CULL_OK && !*cull_error(cx)) abort();
        if (cull_checkpoint_verify(cx, ck, true, hear, &said) != CULL_OK) abort();
        cull_checkpoint_free(ck);
    }
    return 0;
}
