/* narrow_manifest.c - which units of a checkpoint's blocks stay, as JSON that reads back: see narrow.h.
 *
 * {"cull": "manifest", "of": "channels", "method": ..., "tensors": ..., "blocks": [{"prefix": ..., "units": 64, "kept": [0, 2]}]} */
#include "io/io.h"
#include "repr/narrow.h"

#include <inttypes.h>
#include <string.h>

cull_status cull__narrow_write(cull_ctx *cx, const cull__narrow *n, const char *slug,
                               const char **out)
{
    cull_json j = {.b = CULL_BUF(cx)};
    cull__json_open(&j, '{');
    cull__json_key(&j, "cull"), cull__json_str(&j, "manifest");
    cull__json_key(&j, "of"), cull__json_str(&j, n->what);
    cull__json_key(&j, "method"), cull__json_str(&j, slug);
    cull__json_key(&j, "tensors"), cull__json_i64(&j, cull_checkpoint_count(n->ck));
    cull__json_key(&j, "blocks"), cull__json_open(&j, '[');
    for (int64_t b = 0; b < n->blocks; b++) {
        cull__json_open(&j, '{');
        cull__json_key(&j, "prefix"), cull__json_str(&j, n->block[b].prefix);
        cull__json_key(&j, "units"), cull__json_i64(&j, n->block[b].units);
        cull__json_key(&j, "kept"), cull__json_open(&j, '[');
        for (int64_t i = 0; i < n->block[b].kept; i++) cull__json_i64(&j, n->block[b].unit[i]);
        cull__json_close(&j, ']');
        cull__json_close(&j, '}');
    }
    cull__json_close(&j, ']'), cull__json_close(&j, '}');
    return cull__json_done(&j, out);
}

typedef struct {
    cull_ctx *cx;
    cull__narrow *n;
    cull__narrow_block *block; /* the one that is read */
    int64_t read;
    cull_status s;
} reading;

static bool read_unit(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    int64_t u;
    (void)key, (void)key_n;
    if (cull__json_kind(v) == CULL__JSON_NUMBER && cull__json_integer(v, &u) && u >= 0 &&
        u < r->block->units && !r->block->keep[u])
        return r->block->keep[u] = true;
    r->s = cull__fail(r->cx, CULL_EINPUT,
                      "the manifest keeps a unit of '%.160s' twice, or one that is not there",
                      r->block->prefix);
    return false;
}

static bool read_block(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    cull__json_value prefix, units, kept;
    size_t n = 0;
    int64_t count = -1;
    const char *s = NULL;
    char shown[200];
    (void)key, (void)key_n;
    if (cull__json_kind(v) == CULL__JSON_OBJECT && cull__json_get(v, "prefix", &prefix) &&
        cull__json_kind(prefix) == CULL__JSON_STRING)
        s = cull__json_string(prefix, &n);
    r->block = NULL;
    for (int64_t b = 0; s && b < r->n->blocks; b++)
        if (strlen(r->n->block[b].prefix) == n && !memcmp(r->n->block[b].prefix, s, n))
            r->block = r->n->block + b;
    if (!r->block) {
        r->s =
            cull__fail(r->cx, CULL_EINPUT, "the manifest has a block '%s' that the model has not",
                       s ? cull__quote(s, n, shown, sizeof shown) : "");
        return false;
    }
    if (cull__json_get(v, "units", &units) && cull__json_kind(units) == CULL__JSON_NUMBER)
        cull__json_integer(units, &count);
    if (count != r->block->units || !cull__json_get(v, "kept", &kept) ||
        cull__json_kind(kept) != CULL__JSON_ARRAY) {
        r->s = cull__fail(r->cx, CULL_EINPUT,
                          "the manifest's block '%.160s' is of %" PRId64
                          " units, and the model's of %" PRId64,
                          r->block->prefix, count, r->block->units);
        return false;
    }
    cull__json_each(kept, read_unit, r);
    r->read++;
    return r->s == CULL_OK;
}

static cull_status read_root(void *user, cull__json_value root)
{
    reading *r = user;
    cull__json_value v;
    if (!cull__json_get(root, "blocks", &v) || cull__json_kind(v) != CULL__JSON_ARRAY)
        return cull__fail(r->cx, CULL_EINPUT, "the manifest has no list 'blocks'");
    cull__json_each(v, read_block, r);
    if (r->s == CULL_OK && r->read != r->n->blocks)
        return cull__fail(r->cx, CULL_EINPUT,
                          "the manifest has %" PRId64 " blocks, and the model %" PRId64, r->read,
                          r->n->blocks);
    return r->s;
}

cull_status cull__narrow_again(cull_ctx *cx, cull__narrow *n, const char *text)
{
    reading r = {.cx = cx, .n = n};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__json_file(cx, "the manifest", text, strlen(text), read_root, &r);
    cull__release(cx, mark);
    CULL_TRY(s);
    return cull__narrow_list(cx, n);
}
