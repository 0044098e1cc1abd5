/* checkpoint_open.c - which files a checkpoint has, their heads, and whether they agree with its index. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repr/checkpoint.h"

static const char INDEX[] = ".safetensors.index.json", PLAIN[] = ".safetensors";

/* ---- one file ---- */

static cull_status add_meta(cull_checkpoint *ck, const char **meta, int64_t metas, int64_t *room)
{
    CULL_TRY(CULL_GROW(ck->cx, ck->meta, room, ck->metas + metas));
    for (int64_t i = 0; i < metas; i++) {
        CULL_TRY(cull__checkpoint_keep(ck, meta[i], strlen(meta[i]), &ck->meta[ck->metas]));
        ck->metas++;
    }
    if (ck->files == 1) ck->metas_first = ck->metas;
    return CULL_OK;
}

void cull__checkpoint_kind(cull_tensor *t, int form)
{
    t->numeric = form >= 0;
    t->floating = form == CULL_F64 || form == CULL_F32 || form == CULL_F16 || form == CULL_BF16 ||
                  form >= CULL_DTYPES;
}

static cull_status add_tensor(cull_checkpoint *ck, const cull__tensor *from)
{
    cull_tensor *t = ck->t + ck->n;
    int size, form = cull__safetensors_form(from->dtype, &size);
    *t = (cull_tensor){.ndim = from->a.ndim, .n = 1, .bytes = from->bytes, .file = ck->files - 1};
    memcpy(t->shape, from->a.shape, sizeof t->shape);
    for (int d = 0; d < t->ndim; d++)
        if (__builtin_mul_overflow(t->n, t->shape[d], &t->n)) t->n = size ? 0 : INT64_MAX;
    cull__checkpoint_kind(t, form);
    CULL_TRY(cull__checkpoint_keep(ck, from->name, strlen(from->name), &t->name));
    CULL_TRY(cull__checkpoint_keep(ck, from->dtype, strlen(from->dtype), &t->dtype));
    cull__checkpoint_role(t);
    ck->at[ck->n] = from->a.at;
    ck->name[ck->n] = t->name;
    ck->bytes += t->bytes;
    ck->n++;
    return CULL_OK;
}

typedef struct {
    cull_checkpoint *ck;
    int64_t t_room, at_room, name_room, meta_room;
} opening;

static cull_status add_head(opening *o, const cull__checkpoint_file *f)
{
    cull_checkpoint *ck = o->ck;
    cull__tensor *t;
    int64_t n, metas = 0;
    const char **meta = NULL;
    CULL_TRY(cull__ends(f->path, ".npz")
                 ? cull__checkpoint_npz(ck, f, &t, &n)
                 : cull__safetensors_all(ck->cx, f->path, f->bytes.at, f->bytes.n, &t, &n, &meta,
                                         &metas));
    CULL_TRY(CULL_GROW(ck->cx, ck->t, &o->t_room, ck->n + n));
    CULL_TRY(CULL_GROW(ck->cx, ck->at, &o->at_room, ck->n + n));
    CULL_TRY(CULL_GROW(ck->cx, ck->name, &o->name_room, ck->n + n));
    CULL_TRY(add_meta(ck, meta, metas, &o->meta_room));
    for (int64_t i = 0; i < n; i++) CULL_TRY(add_tensor(ck, t + i));
    return CULL_OK;
}

/* ck->file has room for it. */
static cull_status add_file(opening *o, const char *path)
{
    cull_checkpoint *ck = o->ck;
    cull__checkpoint_file *f = ck->file + ck->files;
    CULL_TRY(cull__copy_text(ck->cx, path, strlen(path), &f->path));
    ck->files++;
    CULL_TRY(cull__bytes_open_regular(ck->cx, path, &f->bytes));
    cull__mark_t mark = cull__mark(ck->cx);
    cull_status s = add_head(o, f);
    cull__release(ck->cx, mark);
    return s;
}

/* ---- names ---- */

static int order(const void *a, const void *b, void *arg)
{
    const cull_checkpoint *ck = arg;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    int c = strcmp(ck->name[i], ck->name[j]);
    return c ? c : i < j ? -1 : 1;
}

static cull_status sort_names(cull_checkpoint *ck)
{
    if (!ck->by) CULL_TRY(CULL_ALLOC(ck->cx, ck->by, ck->n));
    for (int64_t i = 0; i < ck->n; i++) ck->by[i] = i;
    if (ck->n) qsort_r(ck->by, (size_t)ck->n, sizeof *ck->by, order, ck);
    for (int64_t k = 1; k < ck->n; k++) {
        const cull_tensor *a = ck->t + ck->by[k - 1], *b = ck->t + ck->by[k];
        if (!strcmp(a->name, b->name))
            return cull__fail(ck->cx, CULL_EIO,
                              "tensor '%.100s' is in two shards, %s and %s; it must be in one",
                              a->name, ck->file[a->file].path, ck->file[b->file].path);
    }
    return CULL_OK;
}

/* ---- shards ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static cull_status missing(cull_ctx *cx, const char *index, const cull__shards *s, int64_t k,
                           const char *shard)
{
    int64_t all = 0;
    for (int64_t i = 0; i < s->n; i++) all += !strcmp(s->file[i], s->file[k]);
    return cull__fail(cx, CULL_EIO,
                      "%s: the shard %s, which holds '%.80s' (%" PRId64
                      " in all), is missing: fetch it",
                      index, shard, s->name[k], all);
}

static cull_status add_shards(opening *o, const char *index, const cull__shards *s)
{
    cull_ctx *cx = o->ck->cx;
    char **path;
    int64_t n = 0;
    CULL_TRY(CULL_TMP(cx, path, s->n));
    for (int64_t k = 0; k < s->n; k++) {
        /* mostly the file of the entry before */
        if (k && !strcmp(s->file[k], s->file[k - 1])) continue;
        CULL_TRY(cull__safetensors_shard_path(cx, index, s, k, &path[n]));
        if (access(path[n], F_OK) != 0) return missing(cx, index, s, k, path[n]);
        n++;
    }
    if (n) qsort(path, (size_t)n, sizeof *path, by_text);
    int64_t once = 0;
    for (int64_t k = 0; k < n; k++)
        if (!once || strcmp(path[k], path[once - 1])) path[once++] = path[k];
    CULL_TRY(CULL_ALLOC(cx, o->ck->file, once));
    for (int64_t k = 0; k < once; k++) {
        CULL_TRY(add_file(o, path[k]));
        CULL_TRY(cull__tick(cx, (double)(k + 1), (double)once));
    }
    return CULL_OK;
}

/* The index and the shards say the same. */
static cull_status check_index(cull_checkpoint *ck, const char *index, const cull__shards *s)
{
    cull_ctx *cx = ck->cx;
    bool *seen;
    int64_t near;
    CULL_TRY(CULL_TMP0(cx, seen, ck->n));
    for (int64_t k = 0; k < s->n; k++) {
        int64_t i = cull_checkpoint_find(ck, s->name[k], NULL);
        if (i < 0) {
            (void)cull_checkpoint_find(ck, s->name[k], &near);
            return cull__fail(cx, CULL_EIO,
                              "%s: tensor '%.100s' is not in its shard %.80s%s%.100s%s", index,
                              s->name[k], s->file[k], near < 0 ? "" : "; the nearest is '",
                              near < 0 ? "" : ck->name[near], near < 0 ? "" : "'");
        }
        const char *file = ck->file[ck->t[i].file].path;
        if (!cull__ends(file, s->file[k]))
            return cull__fail(cx, CULL_EIO,
                              "%s: tensor '%.100s' is said to be in %.80s, it is in %s", index,
                              s->name[k], s->file[k], file);
        seen[i] = true;
    }
    for (int64_t i = 0; i < ck->n; i++)
        if (!seen[i])
            return cull__fail(cx, CULL_EIO,
                              "%s: weight_map lacks tensor '%.100s', which is in its shard %s",
                              index, ck->name[i], ck->file[ck->t[i].file].path);
    return CULL_OK;
}

static cull_status open_index(opening *o, const char *index)
{
    cull_checkpoint *ck = o->ck;
    cull__bytes text;
    cull__shards s;
    CULL_TRY(cull__bytes_open_regular(ck->cx, index, &text));
    cull_status e = cull__safetensors_index(ck->cx, index, text.at, text.n, &s);
    cull__bytes_close(&text);
    CULL_TRY(e);
    ck->total = s.total;
    CULL_TRY(add_shards(o, index, &s));
    CULL_TRY(sort_names(ck));
    return check_index(ck, index, &s);
}

/* ---- a folder ---- */

/* What a folder holds, as far as it matters here. */
typedef struct {
    char *plain, *index;               /* the first names found */
    char *second_plain, *second_index; /* others */
    char *other;                       /* weights that are not read */
} found;

static cull_status note(cull_ctx *cx, const char *name, char **out)
{
    const char *s;
    if (*out) return CULL_OK;
    CULL_TRY(cull__safetensors_keep(cx, name, strlen(name), &s));
    *out = (char *)(uintptr_t)s;
    return CULL_OK;
}

static cull_status look(cull_ctx *cx, DIR *d, found *f)
{
    for (struct dirent *e; (e = readdir(d));) {
        const char *s = e->d_name;
        if (s[0] == '.') continue;
        if (cull__ends(s, INDEX))
            CULL_TRY(note(cx, s, f->index ? &f->second_index : &f->index));
        else if (cull__ends(s, PLAIN))
            CULL_TRY(note(cx, s, f->plain ? &f->second_plain : &f->plain));
        else if (cull__ends(s, ".bin") || cull__ends(s, ".pt") || cull__ends(s, ".pth") ||
                 cull__ends(s, ".ckpt") || cull__ends(s, ".gguf") || cull__ends(s, ".h5") ||
                 cull__ends(s, ".msgpack"))
            CULL_TRY(note(cx, s, &f->other));
    }
    return CULL_OK;
}

static cull_status search(cull_ctx *cx, const char *folder, char **name)
{
    found f = {0};
    DIR *d = opendir(folder);
    if (!d) return cull__fail_errno(cx, folder, "cannot read the folder");
    cull_status s = look(cx, d, &f);
    closedir(d);
    CULL_TRY(s);
    if (f.second_index)
        return cull__fail(cx, CULL_EINPUT, "%s: several indices (%.80s, %.80s, ...); name one",
                          folder, f.index, f.second_index);
    if (f.index || (f.plain && !f.second_plain)) {
        *name = f.index ? f.index : f.plain;
        return CULL_OK;
    }
    if (f.plain)
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: several safetensors files (%.80s, %.80s, ...) and no index; name one", folder,
            f.plain, f.second_plain);
    if (f.other)
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: no safetensors file, only %.80s; cull reads safetensors, and pickles are "
            "never loaded: save it with safetensors",
            folder, f.other);
    return cull__fail(cx, CULL_EINPUT, "%s: no safetensors file in this folder", folder);
}

/* The file of weights in a folder; what loads first in Hugging Face's library goes first. */
static cull_status choose(cull_ctx *cx, const char *folder, char **out)
{
    static const char *const usual[] = {"model.safetensors", "model.safetensors.index.json",
                                        "adapter_model.safetensors",
                                        "diffusion_pytorch_model.safetensors"};
    size_t n = strlen(folder);
    char *name = NULL;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        CULL_TRY(CULL_TMP(cx, *out, (int64_t)(n + strlen(usual[i]) + 2)));
        sprintf(*out, "%s/%s", folder, usual[i]);
        if (access(*out, F_OK) == 0) return CULL_OK;
    }
    CULL_TRY(search(cx, folder, &name));
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)(n + strlen(name) + 2)));
    sprintf(*out, "%s/%s", folder, name);
    return CULL_OK;
}

/* ---- all of it ---- */

static cull_status read_config(cull_checkpoint *ck, const char *file)
{
    enum { MOST = 16 << 20 };
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    const char *name = !strncmp(base, "adapter_model", 13) ? "adapter_config.json" : "config.json";
    cull__bytes b;
    char *path;
    CULL_TRY(CULL_TMP(ck->cx, path, (int64_t)(strlen(ck->folder) + strlen(name) + 2)));
    sprintf(path, "%s/%s", ck->folder, name);
    if (access(path, F_OK) != 0) return CULL_OK;
    CULL_TRY(cull__bytes_open_regular(ck->cx, path, &b));
    cull_status s = b.n > MOST ? cull__fail(ck->cx, CULL_EINPUT,
                                            "%s: %zu bytes are too many for a config", path, b.n)
                               : cull__copy_text(ck->cx, (const char *)b.at, b.n, &ck->config);
    cull__bytes_close(&b);
    return s;
}

static cull_status set_folder(cull_checkpoint *ck, const char *file)
{
    const char *slash = strrchr(file, '/');
    if (!slash) return cull__copy_text(ck->cx, ".", 1, &ck->folder);
    return cull__copy_text(ck->cx, file, slash == file ? 1 : (size_t)(slash - file), &ck->folder);
}

static cull_status open_all(opening *o, const char *path)
{
    cull_checkpoint *ck = o->ck;
    cull_ctx *cx = ck->cx;
    struct stat st;
    char *file = (char *)(uintptr_t)path;
    if (!*path) return cull__fail(cx, CULL_EINPUT, "the name of the checkpoint is empty");
    if (stat(path, &st) != 0) return cull__fail_errno(cx, path, "cannot open the checkpoint");
    if (S_ISDIR(st.st_mode)) CULL_TRY(choose(cx, path, &file));
    CULL_TRY(cull__copy_text(cx, path, strlen(path), &ck->path));
    CULL_TRY(set_folder(ck, file));
    CULL_TRY(read_config(ck, file));
    if (cull__ends(file, ".bin.index.json"))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: an index of PyTorch's pickles, which are never loaded: save the "
                          "checkpoint with safetensors",
                          file);
    if (cull__ends(file, ".index.json")) return open_index(o, file);
    CULL_TRY(CULL_ALLOC(cx, ck->file, 1));
    CULL_TRY(add_file(o, file));
    return sort_names(ck);
}

/* Names once more, when packed tensors have taken the place of their parts. */
static cull_status unfold(cull_checkpoint *ck)
{
    ck->stored = ck->bytes;
    CULL_TRY(cull__checkpoint_unfold(ck));
    return ck->packed ? sort_names(ck) : CULL_OK;
}

cull_status cull_checkpoint_open(cull_ctx *cx, const char *path, cull_checkpoint **out)
{
    opening o = {0};
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, o.ck, 1));
    o.ck->cx = cx;
    o.ck->total = -1;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = open_all(&o, path);
    if (s == CULL_OK) s = unfold(o.ck);
    cull__release(cx, mark);
    if (s == CULL_OK)
        *out = o.ck;
    else
        cull_checkpoint_free(o.ck);
    return s;
}
