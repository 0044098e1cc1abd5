/* npy: any bytes as an npy file. */
#include "array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {NULL};
    return fuzz_reader(cull__npy_parse, names, 1, data, n);
}
