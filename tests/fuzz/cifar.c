/* cifar: any bytes as a CIFAR file. */
#include "array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {NULL, "y", "coarse"};
    return fuzz_reader(cull__cifar_parse, names, 3, data, n);
}
