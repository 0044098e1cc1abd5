/* safetensors_index.c - the index of a sharded checkpoint: a .safetensors.index.json has weight_map
 * {name: file of its folder}, and what all tensors take in metadata.total_size. */
#include "io/safetensors.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    cull_ctx *cx;
    cull__shards *out;
    cull_status status;
} reading;

static bool on_weight(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    cull__shards *o = r->out;
    size_t n = 0;
    const char *s = cull__json_kind(v) == CULL__JSON_STRING ? cull__json_string(v, &n) : "";
    r->status = cull__safetensors_keep(r->cx, key, key_n, &o->name[o->n]);
    if (r->status == CULL_OK) r->status = cull__safetensors_keep(r->cx, s, n, &o->file[o->n]);
    o->n++;
    return r->status == CULL_OK;
}

static cull_status read_index(reading *r, const char *path, const unsigned char *at, size_t n,
                              cull__json_parser *p)
{
    cull__json_value root, map, meta, total;
    const char *key;
    size_t key_n;
    CULL_TRY(cull__safetensors_json(r->cx, path, p, at, n, 0, &root));
    if (!cull__json_get(root, "weight_map", &map) || cull__json_kind(map) != CULL__JSON_OBJECT)
        return cull__fail(r->cx, CULL_EIO, "%s: no object 'weight_map'", path);
    CULL_TRY(cull__json_twice(r->cx, map, &key, &key_n));
    if (key)
        return cull__fail(r->cx, CULL_EIO, "%s: weight_map names '%.*s' twice", path,
                          key_n > 70 ? 70 : (int)key_n, key);
    if (cull__json_get(root, "metadata", &meta) && cull__json_kind(meta) == CULL__JSON_OBJECT &&
        cull__json_get(meta, "total_size", &total) && cull__json_kind(total) == CULL__JSON_NUMBER &&
        !cull__json_integer(total, &r->out->total))
        r->out->total = -1;
    int64_t count = cull__json_count(map);
    CULL_TRY(CULL_TMP(r->cx, r->out->name, count));
    CULL_TRY(CULL_TMP(r->cx, r->out->file, count));
    return cull__json_each(map, on_weight, r) ? CULL_OK : r->status;
}

cull_status cull__safetensors_index(cull_ctx *cx, const char *path, const unsigned char *at,
                                    size_t n, cull__shards *out)
{
    reading r = {.cx = cx, .out = out};
    cull__json_parser *p;
    *out = (cull__shards){.total = -1};
    CULL_TRY(cull__json_parser_new(cx, &p));
    cull_status s = read_index(&r, path, at, n, p);
    cull__json_parser_free(p);
    return s;
}

/* Not absolute, and no way up. */
static bool stays(const char *file)
{
    if (!*file || *file == '/') return false;
    for (const char *s = file; s; s = strchr(s, '/')) {
        s += *s == '/';
        if (!strncmp(s, "..", 2) && (!s[2] || s[2] == '/')) return false;
    }
    return true;
}

cull_status cull__safetensors_shard_path(cull_ctx *cx, const char *path, const cull__shards *s,
                                         int64_t k, char **out)
{
    const char *file = s->file[k], *slash = strrchr(path, '/');
    if (!stays(file)) {
        char shown[80];
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: weight_map sends '%.70s' to '%s'; a shard is a file of the same folder", path,
            s->name[k], cull__quote(file, strlen(file), shown, sizeof shown));
    }
    size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)(folder + strlen(file) + 1)));
    memcpy(*out, path, folder);
    strcpy(*out + folder, file);
    return CULL_OK;
}

cull_status cull__safetensors_shard(cull_ctx *cx, const char *path, const char *name,
                                    const unsigned char *at, size_t n, char **shard,
                                    const char **tensor_name)
{
    cull__shards all;
    int64_t which = 0;
    CULL_TRY(cull__safetensors_index(cx, path, at, n, &all));
    CULL_TRY(cull__member(cx, path, all.name, all.n, name, &which));
    *tensor_name = all.name[which];
    return cull__safetensors_shard_path(cx, path, &all, which, shard);
}
