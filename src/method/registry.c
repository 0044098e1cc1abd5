/* registry.c - every method, from the list that tools/gen_registry.sh makes of the files here. */
#include "base/base.h"
#include "cull/method.h"

#include <string.h>

#define X(s) extern const cull_method cull__method_##s;
#include "methods.inc"
#undef X
#define X(s) &cull__method_##s,
static const cull_method *const all[] = {
#include "methods.inc"
};
#undef X
enum { N = sizeof all / sizeof *all };

int cull_method_count(void) { return N; }
const cull_method *cull_method_at(int i) { return i < 0 || i >= N ? NULL : all[i]; }

const cull_method *cull_method_find(const char *slug, const char **near)
{
    const char *slugs[N];
    for (int i = 0; i < N; i++) {
        if (cull__same_name(all[i]->slug, slug)) return all[i];
        slugs[i] = all[i]->slug;
    }
    if (near) *near = cull__nearest(slug, slugs, N);
    return NULL;
}

const char *cull_task_name(cull_task t)
{
    static const char *const name[CULL_TASKS] = {
        [CULL_TASK_DATA] = "data",     [CULL_TASK_FEATURE] = "feature",
        [CULL_TASK_SEARCH] = "search", [CULL_TASK_COMPUTE] = "compute",
        [CULL_TASK_TRUST] = "trust",   [CULL_TASK_WEIGHTS] = "weights"};
    return (unsigned)t < CULL_TASKS ? name[t] : "?";
}
