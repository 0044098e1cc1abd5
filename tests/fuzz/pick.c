/* pick: any bytes as a pick file or a list of rows (the first byte chooses the name): refused with
 * a sentence, or rows that are whole, of the pool and there once; then its options and summary. */
#include "array.h"
#include "named.h"

#include <string.h>

#include "cull/report.h"

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void check_rows(const cull_run *r)
{
    const cull_pick *k = r->pick;
    size_t n = (size_t)k->n;
    int64_t *row = malloc(n * sizeof *row + 1);
    if (!row || (r->ids && r->ids->n != k->n)) abort();
    for (size_t i = 0; i < n; i++) {
        row[i] = k->idx[i];
        if (row[i] < 0 || (r->n > 0 && row[i] >= r->n) || k->by[i] < -1) abort();
        if (r->ids && strlen(r->ids->id[i]) > (size_t)1 << 24) abort();
    }
    qsort(row, n, sizeof *row, compare);
    for (size_t i = 1; i < n; i++)
        if (row[i] == row[i - 1]) abort();
    free(row);
}

/* Whatever failed said why. */
static bool fine(cull_ctx *cx, cull_status s)
{
    if (s != CULL_OK && (s == CULL_EINTERNAL || !*cull_error(cx))) abort();
    return s == CULL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const ext[] = {"json", "tsv", "csv", "txt", "npy", "tsv.gz"};
    static cull_ctx *cx;
    cull_pick_file f;
    cull_opts *o;
    char *text;
    if (!cx) cx = fuzz_ctx();
    if (!n) return 0;
    (void)cull__fail(cx, CULL_OK, "%s", ""); /* so that the next sentence is of this input */
    if (fine(cx, cull_pick_read(cx, fuzz_named(data, n, ext, 6), &f))) {
        check_rows(&f.run);
        if (fine(cx, cull_pick_file_opts(cx, &f, &o))) cull_opts_free(o);
        if (fine(cx, cull_run_summary(cx, &f.run, 0, n & 3, &text))) {
            if (strlen(text) < 5) abort();
            cull_text_free(text);
        }
    }
    cull_pick_file_free(&f);
    if (cull_ctx_held(cx) > 1 << 20) abort(); /* every input leaves something */
    return 0;
}
