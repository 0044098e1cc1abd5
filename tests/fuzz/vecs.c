/* vecs: any bytes as an fvecs, an ivecs or a bvecs file. */
#include "array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {NULL, "x"};
    if (fuzz_reader(cull__fvecs_parse, names, 2, data, n)) return 1;
    if (fuzz_reader(cull__ivecs_parse, names, 1, data, n)) return 1;
    return fuzz_reader(cull__bvecs_parse, names, 1, data, n);
}
