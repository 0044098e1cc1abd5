/* table: any bytes as csv, tsv, jsonl or an array file (the first byte says which), all columns and one. */
#include "array.h"
#include "named.h"

#include "cull/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const ext[] = {"csv", "tsv", "jsonl", "npz"}, *const a[] = {"a"};
    static cull_ctx *cx;
    if (!cx) cx = fuzz_ctx();
    if (!n) return 0;
    const char *name = fuzz_named(data, n, ext, 4);
    for (int columns = 0; columns < 2; columns++) {
        cull_table_file *f;
        if (cull_table_open(cx, name, a, columns, &f) != CULL_OK) continue;
        const cull_table *t = cull_table_of(f);
        volatile double sum = 0;
        for (int c = 0; c < t->cols; c++)
            for (int64_t i = 0; i < t->n; i++) sum += t->col[c][i];
        (void)sum;
        cull_table_close(f);
    }
    return 0;
}
