/* config_edit.c - numbers and lists of a config.json changed where they stand: see config_edit.h. */
#include "repr/config_edit.h"
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

typedef struct {
    cull_ctx *cx;
    const char *path;
    const char *const *key;
    int keys;
    int64_t *out;
} reading;

static void read_object(const reading *r, cull__json_value o)
{
    cull__json_value v;
    for (int i = 0; i < r->keys && *r->out < 0; i++)
        if (cull__json_get(o, r->key[i], &v) && cull__json_kind(v) == CULL__JSON_NUMBER)
            if (!cull__json_integer(v, r->out) || *r->out < 0) *r->out = -1;
}

static cull_status read_root(void *user, cull__json_value root)
{
    const reading *r = user;
    cull__json_value inner;
    if (cull__json_kind(root) != CULL__JSON_OBJECT)
        return cull__fail(r->cx, CULL_EINPUT, "%s: the config is no object", r->path);
    read_object(r, root);
    if (cull__json_get(root, "text_config", &inner) && cull__json_kind(inner) == CULL__JSON_OBJECT)
        read_object(r, inner);
    return CULL_OK;
}

cull_status cull__config_number(cull_ctx *cx, const char *path, const char *text,
                                const char *const *key, int keys, int64_t *out)
{
    reading r = {cx, path, key, keys, out};
    *out = -1;
    if (!text) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__json_file(cx, path, text, strlen(text), read_root, &r);
    cull__release(cx, mark);
    return s;
}

/* ---- changing ---- */

static const char *skip_blanks(const char *p) { return p + strspn(p, " \t\r\n"); }

/* Behind a string that begins at the quote p. */
static const char *string_end(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1]) p++;
    return *p ? p + 1 : p;
}

/* The next "key": at or behind p; *value = where its value begins; NULL = there is none. Strings that are values
 * are passed over. */
static const char *next_key(const char *p, const char *const *key, int keys, const char **value)
{
    while ((p = strchr(p, '"'))) {
        const char *end = string_end(p), *colon = skip_blanks(end);
        for (int k = 0; *colon == ':' && k < keys; k++)
            if ((size_t)(end - p) == strlen(key[k]) + 2 &&
                !strncmp(p + 1, key[k], strlen(key[k]))) {
                *value = skip_blanks(colon + 1);
                return p;
            }
        p = end;
    }
    return NULL;
}

static size_t digits(const char *p)
{
    size_t n = strspn(p, "0123456789");
    return n && p[n] != '.' && p[n] != 'e' && p[n] != 'E' ? n : 0;
}

/* What b holds, as scratch; b is given back. */
static cull_status finish(cull_ctx *cx, cull_buf *b, const char **out)
{
    char *copy;
    cull_status s = b->status;
    if (s == CULL_OK) s = CULL_TMP(cx, copy, (int64_t)b->n + 1);
    if (s == CULL_OK) {
        memcpy(copy, b->n ? b->at : "", b->n);
        copy[b->n] = 0;
        *out = copy;
    }
    cull__buf_free(b);
    return s;
}

cull_status cull__config_set(cull_ctx *cx, const char *text, const char *const *key, int keys,
                             int64_t from, int64_t to, const char **out, int *times)
{
    cull_buf b = CULL_BUF(cx);
    const char *at, *p = text, *value;
    char was[24];
    int n = 0;
    snprintf(was, sizeof was, "%" PRId64, from);
    for (; (at = next_key(p, key, keys, &value)); p = value) {
        cull__buf_add(&b, p, (size_t)(value - p));
        size_t d = digits(value);
        if (d != strlen(was) || strncmp(value, was, d)) continue;
        cull__buf_printf(&b, "%" PRId64, to);
        value += d;
        n++;
    }
    cull__buf_add(&b, p, strlen(p));
    if (times) *times = n;
    return finish(cx, &b, out);
}

cull_status cull__config_add(cull_ctx *cx, const char *text, const char *key, int64_t value,
                             const char *before, const char **out)
{
    cull_buf b = CULL_BUF(cx);
    const char *at, *p = text, *v;
    bool there = false;
    for (; next_key(p, &key, 1, &v); p = v, there = true) {
        bool null = !strncmp(v, "null", 4);
        cull__buf_add(&b, p, (size_t)(v - p));
        if (null) cull__buf_printf(&b, "%" PRId64, value);
        if (null) v += 4;
    }
    for (; !there && (at = next_key(p, &before, 1, &v)); p = v) {
        cull__buf_add(&b, p, (size_t)(at - p));
        if (digits(v)) cull__buf_printf(&b, "\"%s\": %" PRId64 ", ", key, value);
        cull__buf_add(&b, at, (size_t)(v - at));
    }
    cull__buf_add(&b, p, strlen(p));
    return finish(cx, &b, out);
}

cull_status cull__config_deny(cull_ctx *cx, const char *text, const char *key, const char **out)
{
    cull_buf b = CULL_BUF(cx);
    const char *p = text, *v, *open = strchr(text, '{');
    if (open && !next_key(p, &key, 1, &v)) {
        bool alone = *skip_blanks(open + 1) == '}';
        cull__buf_add(&b, p, (size_t)(open + 1 - p));
        cull__buf_printf(&b, "\"%s\": false%s", key, alone ? "" : ", ");
        p = open + 1;
    }
    for (; next_key(p, &key, 1, &v); p = v) {
        bool yes = !strncmp(v, "true", 4) || !strncmp(v, "null", 4);
        cull__buf_add(&b, p, (size_t)(v - p));
        if (yes) cull__buf_add(&b, "false", 5);
        if (yes) v += 4;
    }
    cull__buf_add(&b, p, strlen(p));
    return finish(cx, &b, out);
}

/* The end of an element of a list: at its comma or bracket. NULL: it is a list or object itself. */
static const char *element_end(const char *p)
{
    if (*p == '[' || *p == '{') return NULL;
    if (*p == '"') return skip_blanks(string_end(p));
    return p + strcspn(p, ",]");
}

/* The list at p, which has n elements, with those of keep, to b; its end, or NULL where it is another list. */
static const char *write_list(cull_buf *b, const char *p, const bool *keep, int64_t n)
{
    const char *first = skip_blanks(p + 1), *end, *at = first;
    int64_t count = 0, put = 0;
    for (; *at != ']'; count++) {
        if (!(end = element_end(at)) || !*end) return NULL;
        at = *end == ',' ? skip_blanks(end + 1) : end;
    }
    if (count != n) return NULL;
    cull__buf_add(b, p, (size_t)(first - p));
    at = first;
    for (int64_t i = 0; i < n; i++) {
        end = element_end(at);
        if (keep[i]) {
            if (put++) cull__buf_add(b, ", ", 2);
            size_t len = (size_t)(end - at);
            while (len && strchr(" \t\r\n", at[len - 1])) len--;
            cull__buf_add(b, at, len);
        }
        at = *end == ',' ? skip_blanks(end + 1) : end;
    }
    return at;
}

cull_status cull__config_list(cull_ctx *cx, const char *text, const char *key, const bool *keep,
                              int64_t n, const char **out)
{
    cull_buf b = CULL_BUF(cx);
    const char *at, *p = text, *value;
    for (; (at = next_key(p, &key, 1, &value)); p = value) {
        cull__buf_add(&b, p, (size_t)(value - p));
        const char *end = *value == '[' && n ? write_list(&b, value, keep, n) : NULL;
        if (end) value = end;
    }
    cull__buf_add(&b, p, strlen(p));
    return finish(cx, &b, out);
}

cull_status cull__config_unlist(cull_ctx *cx, const char *text, const char *key, const char **out)
{
    cull_buf b = CULL_BUF(cx);
    const char *p = text, *value;
    for (; next_key(p, &key, 1, &value); p = value) {
        cull__buf_add(&b, p, (size_t)(value - p));
        const char *end = *value == '[' ? value + 1 : NULL;
        while (end && *end && *end != ']') end = *end == '"' ? string_end(end) : end + 1;
        if (!end || !*end) continue;
        cull__buf_add(&b, "null", 4);
        value = end + 1;
    }
    cull__buf_add(&b, p, strlen(p));
    return finish(cx, &b, out);
}

/* The list at p, of places below n, to b, each as `number` says, without those that are -1; its end, or NULL where it is
 * another list. */
static const char *write_places(cull_buf *b, const char *p, const int64_t *number, int64_t n)
{
    const char *first = skip_blanks(p + 1), *at = first;
    for (int pass = 0, put = 0; pass < 2; pass++) {
        for (at = first; *at != ']';) {
            size_t d = digits(at);
            int64_t i = 0;
            if (!d || d > 9) return NULL;
            for (size_t k = 0; k < d; k++) i = 10 * i + (at[k] - '0');
            at = skip_blanks(at + d);
            if (i >= n || (*at != ',' && *at != ']')) return NULL;
            if (pass && number[i] >= 0)
                cull__buf_printf(b, "%s%" PRId64, put++ ? ", " : "", number[i]);
            if (*at == ',') at = skip_blanks(at + 1);
        }
        if (!pass) cull__buf_add(b, p, (size_t)(first - p));
    }
    return at;
}

cull_status cull__config_places(cull_ctx *cx, const char *text, const char *key,
                                const int64_t *number, int64_t n, const char **out)
{
    cull_buf b = CULL_BUF(cx);
    const char *at, *p = text, *value;
    for (; (at = next_key(p, &key, 1, &value)); p = value) {
        cull__buf_add(&b, p, (size_t)(value - p));
        const char *end = *value == '[' ? write_places(&b, value, number, n) : NULL;
        if (end) value = end;
    }
    cull__buf_add(&b, p, strlen(p));
    return finish(cx, &b, out);
}
