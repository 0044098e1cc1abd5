/* json.c - JSON out. Reading is a library's work: io/json.cc. */
#include "base/base.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void before(cull_json *j)
{
    if (j->key)
        j->key = false;
    else if (j->comma[j->depth])
        cull__buf_add(&j->b, ",", 1);
    j->comma[j->depth] = true;
}

void cull__json_open(cull_json *j, char bracket)
{
    before(j);
    cull__buf_add(&j->b, &bracket, 1);
    if (j->depth < 31) j->depth++;
    j->comma[j->depth] = false;
}

void cull__json_close(cull_json *j, char bracket)
{
    if (j->depth) j->depth--;
    cull__buf_add(&j->b, &bracket, 1);
}

void cull__json_strn(cull_json *j, const char *s, size_t n)
{
    before(j);
    cull__buf_add(&j->b, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        size_t one = c < 128 ? 1 : cull__utf8_one(s + i, n - i);
        if (one && c >= 32 && c != '"' && c != '\\') {
            i += one - 1;
            continue;
        }
        cull__buf_add(&j->b, s + from, i - from);
        from = i + 1;
        if (!one) /* names of files and last words may be of any bytes */
            cull__buf_add(&j->b, "\\ufffd", 6);
        else if (c == '"' || c == '\\')
            cull__buf_printf(&j->b, "\\%c", c);
        else if (c == '\n')
            cull__buf_add(&j->b, "\\n", 2);
        else if (c == '\t')
            cull__buf_add(&j->b, "\\t", 2);
        else
            cull__buf_printf(&j->b, "\\u%04x", c);
    }
    cull__buf_add(&j->b, s + from, n - from);
    cull__buf_add(&j->b, "\"", 1);
}

void cull__json_str(cull_json *j, const char *s)
{
    if (s)
        cull__json_strn(j, s, strlen(s));
    else
        cull__json_raw(j, "null");
}

void cull__json_key(cull_json *j, const char *k)
{
    cull__json_str(j, k);
    cull__buf_add(&j->b, ":", 1);
    j->key = true;
}

void cull__json_f64(cull_json *j, double v)
{
    char buf[32];
    cull__json_raw(j, isfinite(v) ? cull__format_f64(v, buf) : "null");
}

void cull__json_i64(cull_json *j, int64_t v)
{
    before(j);
    cull__buf_printf(&j->b, "%" PRId64, v);
}

void cull__json_bool(cull_json *j, bool v) { cull__json_raw(j, v ? "true" : "false"); }

void cull__json_raw(cull_json *j, const char *json)
{
    before(j);
    cull__buf_add(&j->b, json, strlen(json));
}

cull_status cull__json_done(cull_json *j, const char **out)
{
    char *copy;
    cull_status s = j->b.status;
    if (s == CULL_OK) s = CULL_TMP(j->b.cx, copy, (int64_t)j->b.n + 1);
    if (s == CULL_OK) *out = memcpy(copy, j->b.at, j->b.n + 1);
    cull__buf_free(&j->b);
    return s;
}
