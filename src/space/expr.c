/* expr.c - conditions and constraints: compiled to postfix order, and what they come to at a point. */
#include "space/inner.h"

#include <math.h>

double cull__code_value(const cull__code *c, const double *x)
{
    (void)c, (void)x;
    return NAN;
}
cull_status cull__expr_compile(cull__doc *d, cull_space *s, const cull__expr *e, const char *scope,
                               int before, cull__code *out, int *last)
{
    (void)s, (void)scope, (void)before, (void)out, (void)last;
    return cull__space_wrong(d, e->line, "conditions are not read yet");
}
cull_status cull__expr_read(cull__doc *d, const char **s, int *line, cull__expr **out)
{
    (void)s, (void)out;
    return cull__space_wrong(d, *line, "conditions are not read yet");
}
void cull__expr_write(cull_buf *b, const cull__expr *e) { (void)b, (void)e; }
cull_status cull__space_read_json(cull_ctx *cx, const char *file, const char *text, size_t n,
                                  cull__doc *d)
{
    (void)text, (void)n, (void)d;
    return cull__fail(cx, CULL_EINPUT, "%s: JSON is not read yet", file);
}
void cull__space_write_json(cull_json *j, const cull__doc *d) { (void)j, (void)d; }
