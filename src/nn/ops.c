/* ops.c - every operation's record. */
#include "nn/nn.h"

#define X(name) extern const cull__op cull__op_##name;
#include "nn/ops.h"
#undef X
#define X(name) &cull__op_##name,
static const cull__op *const all[] = {
#include "nn/ops.h"
};
#undef X

const cull__op *const *cull__ops(int *count)
{
    *count = (int)(sizeof all / sizeof *all);
    return all;
}
