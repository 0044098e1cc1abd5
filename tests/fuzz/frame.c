/* frame: any bytes as csv, tsv or jsonl (the first byte says which) of mixed columns, read and written. */
#include "array.h"
#include "named.h"

#include "cull/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const ext[] = {"csv", "tsv", "jsonl"};
    static cull_ctx *cx;
    if (!cx) cx = fuzz_ctx();
    if (!n) return 0;
    const char *path = fuzz_named(data, n, ext, 3);
    for (int named = 0; named < 2; named++) {
        cull_frame *f;
        cull_frame_opts o = CULL_FRAME_OPTS;
        o.paths = &path, o.npaths = 1;
        if (named) o.target = "y", o.group = "g", o.categorical = "a";
        if (cull_frame_open(cx, &o, &f) != CULL_OK) continue;
        const cull_pool *p = cull_frame_pool(f);
        float *row = malloc((size_t)cull_pool_d(p) * sizeof *row);
        volatile float sum = 0;
        for (int64_t i = 0; row && i < cull_pool_n(p); i++)
            for (int64_t c = 0; c < cull_pool_d(p); c++) sum += cull_pool_rows(p, i, i + 1, row)[c];
        (void)sum;
        free(row);
        int64_t d = cull_pool_d(p);
        if (cull_frame_write(cx, &o, cull_frame_names(f), d < 3 ? d : 3, "/dev/null") != CULL_OK) {
            cull_frame_free(f);
            continue;
        }
        cull_frame_free(f);
    }
    return 0;
}
