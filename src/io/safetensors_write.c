/* safetensors_write.c - heads of safetensors files, and files of tensors that lie in memory. */
#include "io/safetensors.h"

#include <stdio.h>
#include <string.h>

static void head_entry(cull_json *j, const cull__tensor *t)
{
    cull__json_key(j, t->name);
    cull__json_open(j, '{');
    cull__json_key(j, "dtype");
    cull__json_str(j, t->dtype);
    cull__json_key(j, "shape");
    cull__json_open(j, '[');
    for (int i = 0; i < t->a.ndim; i++) cull__json_i64(j, t->a.shape[i]);
    cull__json_close(j, ']');
    cull__json_key(j, "data_offsets");
    cull__json_open(j, '[');
    cull__json_i64(j, (int64_t)t->place);
    cull__json_i64(j, (int64_t)(t->place + t->bytes));
    cull__json_close(j, ']');
    cull__json_close(j, '}');
}

static void head_begin(cull_json *j)
{
    unsigned char len[8] = {0};
    cull__buf_add(&j->b, (const char *)len, 8);
    cull__json_open(j, '{');
}

/* Blanks up to a multiple of 64, and the length in front. */
static void head_end(cull_json *j)
{
    cull__json_close(j, '}');
    while (j->b.status == CULL_OK && j->b.n % 64) cull__buf_add(&j->b, " ", 1);
    if (j->b.status == CULL_OK)
        for (int i = 0; i < 8; i++) j->b.at[i] = (char)((j->b.n - 8) >> 8 * i & 255);
}

cull_status cull__safetensors_head_of(cull_ctx *cx, const cull__tensor *t, int64_t n,
                                      const char *const *meta, int64_t metas, cull_buf *out)
{
    cull_json j = {.b = CULL_BUF(cx)};
    head_begin(&j);
    if (metas) {
        cull__json_key(&j, "__metadata__");
        cull__json_open(&j, '{');
        for (int64_t i = 0; i < metas; i += 2) {
            cull__json_key(&j, meta[i]);
            cull__json_str(&j, meta[i + 1]);
        }
        cull__json_close(&j, '}');
    }
    for (int64_t i = 0; i < n; i++) head_entry(&j, t + i);
    head_end(&j);
    *out = j.b;
    if (j.b.status == CULL_OK && j.b.n > CULL__HEAD_MOST)
        return cull__fail(cx, CULL_EINPUT,
                          "a safetensors head of %zu bytes; at most %d are allowed", j.b.n,
                          CULL__HEAD_MOST);
    return j.b.status;
}

/* What is not said of a tensor that lies in memory. */
static cull_status fill(cull_ctx *cx, cull__tensor *t, uint64_t place)
{
    t->dtype = cull__safetensors_dtype((int)t->a.dtype);
    t->place = place;
    if (cull__array_bytes(&t->a, &t->bytes)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "tensor '%.70s': an impossible shape", t->name);
}

cull_status cull__safetensors_head(cull_ctx *cx, const cull_array *a, const char *name,
                                   cull_buf *out)
{
    cull__tensor t = {.name = name, .a = *a};
    CULL_TRY(fill(cx, &t, 0));
    return cull__safetensors_head_of(cx, &t, 1, NULL, 0, out);
}

static cull_status write_tensors(cull_ctx *cx, const char *path, const cull__tensor *t, int64_t n,
                                 const cull_buf *head)
{
    cull__writer *w;
    CULL_TRY(cull__writer_open(cx, path, &w));
    cull_status s = cull__write(cx, w, head->at, head->n);
    for (int64_t i = 0; s == CULL_OK && i < n; i++)
        s = cull__write(cx, w, t[i].a.at, (size_t)t[i].bytes);
    return cull__writer_end(cx, w, s);
}

static cull_status write_all(cull_ctx *cx, const char *path, const cull__tensor *given, int64_t n,
                             const char *const *meta, int64_t metas, cull_buf *head)
{
    cull__tensor *t;
    uint64_t at = 0;
    CULL_TRY(CULL_TMP(cx, t, n));
    for (int64_t i = 0; i < n; i++) {
        t[i] = given[i];
        CULL_TRY(fill(cx, t + i, at));
        at += t[i].bytes;
    }
    CULL_TRY(cull__safetensors_head_of(cx, t, n, meta, metas, head));
    return write_tensors(cx, path, t, n, head);
}

cull_status cull__safetensors_write(cull_ctx *cx, const char *path, const cull__tensor *t,
                                    int64_t n, const char *const *meta, int64_t metas)
{
    cull_buf head = CULL_BUF(cx);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = write_all(cx, path, t, n, meta, metas, &head);
    cull__buf_free(&head);
    cull__release(cx, mark);
    return s;
}
