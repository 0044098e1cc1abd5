/* json_file.c - a whole file as one JSON value. */
#include "io/io.h"

#include <string.h>

enum { SPARE = 64 }; /* the parser reads past the end */

cull_status cull__json_file(cull_ctx *cx, const char *path, const void *at, size_t n,
                            cull__json_root_fn *fn, void *user)
{
    cull__json_parser *p;
    cull__json_value root;
    const char *why = "";
    size_t wrong = 0;
    char *text;
    CULL_TRY(CULL_TMP(cx, text, (int64_t)n + SPARE));
    if (n) memcpy(text, at, n);
    memset(text + n, 0, SPARE);
    CULL_TRY(cull__json_parser_new(cx, &p));
    cull_status s;
    if (cull__json_parse(p, text, n, &root, &why, &wrong))
        s = fn(user, root);
    else if (wrong == SIZE_MAX)
        s = cull__fail(cx, CULL_ENOMEM, "%s: %s", path, why);
    else
        s = cull__fail(cx, CULL_EINPUT, "%s: damaged JSON near byte %zu of %zu: %s", path, wrong, n,
                       why);
    cull__json_parser_free(p);
    return s;
}
