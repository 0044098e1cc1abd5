/* svmlight: any bytes as svmlight text. */
#include "array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {NULL, "y"};
    return fuzz_reader(cull__svmlight_parse, names, 2, data, n);
}
