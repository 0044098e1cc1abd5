/* npz: any bytes as an npz archive. */
#include "array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {NULL, "a", "b.npy"};
    return fuzz_reader(cull__npz_parse, names, 3, data, n);
}
