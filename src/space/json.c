/* json.c - the description of a space from JSON: the same entries that the text has. */
#include "space/inner.h"

cull_status cull__space_read_json(cull_ctx *cx, const char *file, const char *text, size_t n,
                                  cull__doc *d)
{
    (void)text, (void)n, (void)d;
    return cull__fail(cx, CULL_EINPUT, "%s: JSON is not read yet", file);
}
void cull__space_write_json(cull_json *j, const cull__doc *d) { (void)j, (void)d; }
