/* store_facts.c - what the stores of src/search have in common. */
#include "search/store_facts.h"

#include <math.h>
#include <string.h>

static const char *put(char **at, const char *s)
{
    if (!s) s = "";
    size_t n = strlen(s) + 1;
    char *to = memcpy(*at, s, n);
    *at += n;
    return to;
}

static size_t length(const char *s) { return s ? strlen(s) + 1 : 1; }

cull_status cull__facts_copy(cull_ctx *cx, const cull__study_facts *from, cull__study_facts *to,
                             char **text)
{
    const char *first = from->first ? from->first : from->space;
    size_t n = length(from->space) + length(first) + length(from->problem) + length(from->method) +
               length(from->opts);
    char *block;
    CULL_TRY(CULL_ALLOC(cx, block, (int64_t)n));
    char *at = block;
    cull__study_facts f = *from;
    f.space = put(&at, from->space);
    f.first = put(&at, first);
    f.problem = put(&at, from->problem);
    f.method = put(&at, from->method);
    f.opts = put(&at, from->opts);
    *to = f;
    *text = block;
    return CULL_OK;
}

double cull__violation_sum(const double *violation, int n)
{
    if (!violation || n == 0) return NAN;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += violation[i] > 0 ? violation[i] : 0;
    return sum;
}

bool cull__facts_sound(const cull__study_facts *f)
{
    return f->width >= 0 && f->width <= 1 << 24 && f->objectives >= 1 &&
           f->objectives <= CULL_OBJECTIVES && f->constraints >= 0 &&
           f->constraints <= CULL_OBJECTIVES;
}
