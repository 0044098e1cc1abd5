/* open.c - a space from a file or from bytes, as text or JSON. */
#include "io/io.h"
#include "space/inner.h"

#include <ctype.h>
#include <string.h>

static bool is_json(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && isspace((unsigned char)text[i])) i++;
    return i < n && text[i] == '{';
}

static cull_status make(cull_ctx *cx, const char *text, size_t n, const char *name,
                        cull_space **out)
{
    cull__doc d;
    CULL_TRY(cull__not_utf16(cx, name, text, n));
    if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        text += 3, n -= 3; /* a mark of the byte order */
    if (n > CULL__SPACE_BYTES)
        return cull__fail(cx, CULL_EINPUT, "%s: %zu bytes; a space has at most %d", name, n,
                          CULL__SPACE_BYTES);
    if (is_json(text, n))
        CULL_TRY(cull__space_read_json(cx, name, text, n, &d));
    else
        CULL_TRY(cull__space_read(cx, name, text, n, &d));
    return cull__space_compile(&d, out);
}

cull_status cull_space_from(cull_ctx *cx, const char *text, size_t n, const char *name,
                            cull_space **out)
{
    cull__mark_t mark = cull__mark(cx);
    *out = NULL;
    cull_status s = make(cx, text, n, name, out);
    cull__release(cx, mark);
    return s;
}

cull_status cull_space_open(cull_ctx *cx, const char *path, cull_space **out)
{
    cull__bytes file;
    *out = NULL;
    CULL_TRY(cull__bytes_open(cx, path, &file));
    cull_status s = cull_space_from(cx, (const char *)file.at, file.n, path, out);
    cull__bytes_close(&file);
    return s;
}

static cull_status text_of(cull_ctx *cx, const cull_space *s, bool json, char **out)
{
    cull__doc d;
    cull_json j = {.b = CULL_BUF(cx)};
    if (json) {
        CULL_TRY(cull__space_read(cx, "space", s->text, s->text_n, &d));
        cull__space_write_json(&j, &d);
    } else {
        cull__buf_add(&j.b, s->text, s->text_n);
    }
    cull_status st = j.b.status;
    if (st == CULL_OK)
        *out = j.b.at;
    else
        cull__buf_free(&j.b);
    return st;
}

cull_status cull_space_text(cull_ctx *cx, const cull_space *s, bool json, char **out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status st = text_of(cx, s, json, out);
    cull__release(cx, mark);
    return st;
}
