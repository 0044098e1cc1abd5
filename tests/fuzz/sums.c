/* sums: any bytes as the checksums of a store. */
#include "repr/sums.h"
#include "array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    cull__sums s;
    if (!cx) cx = fuzz_ctx();
    cull_status e = cull__sums_parse(cx, "p.sums", data, n, &s);
    if (e == CULL_OK && (s.rows < 0 || s.head.d < 1 || (s.blocks == 0) != (s.rows == 0) ||
                         s.blocks > (int64_t)(n / sizeof *s.entry)))
        abort();
    if (e != CULL_OK && (!cull_error(cx)[0] || e == CULL_EINTERNAL)) abort();
    return 0;
}
