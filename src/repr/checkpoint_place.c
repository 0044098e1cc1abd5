/* checkpoint_place.c - where a checkpoint is written. A file goes beside its name first and is renamed. A
 * folder is made under another name beside it, with all files in it, and renamed as a whole; where it is there
 * already, its files are moved in one by one, the index last. */
#define _GNU_SOURCE
#include "repr/checkpoint_place.h"
#include "io/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char INDEX[] = ".safetensors.index.json", PLAIN[] = ".safetensors";
static const char MANIFEST[] = "cull_manifest.json", BESIDE[] = ".manifest.json";

/* dir/name, in the arena. */
static cull_status join(cull_ctx *cx, const char *dir, const char *name, char **out)
{
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)(strlen(dir) + strlen(name) + 2)));
    sprintf(*out, "%s/%s", dir, name);
    return CULL_OK;
}

/* How much of path names the folder that it lies in, the slash included; 0 = the one we are in. */
static size_t parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash + 1 - path) : 0;
}

cull_status cull__place_open(cull_ctx *cx, const char *path, const cull_checkpoint_opts *o,
                             cull__place *p)
{
    const char *stem = o->stem ? o->stem : "model";
    size_t n = strlen(path);
    struct stat st;
    *p = (cull__place){0};
    if (!n) return cull__fail(cx, CULL_EINPUT, "the name of the checkpoint to write is empty");
    bool there = stat(path, &st) == 0;
    p->folder = path[n - 1] == '/' || (there && S_ISDIR(st.st_mode)) || !cull__ends(path, PLAIN);
    while (n > 1 && path[n - 1] == '/') n--;
    if (p->folder && there && !S_ISDIR(st.st_mode))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: is no folder; a file of weights is called .safetensors", path);
    if (p->folder &&
        (cull__ends(path, ".gz") || cull__ends(path, ".zst") || cull__ends(path, ".json")))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: checkpoints are written to a .safetensors file or to a folder",
                          path);
    if (!*stem || strchr(stem, '/') || strlen(stem) > 200)
        return cull__fail(cx, CULL_EOPTION, "'%.80s' cannot be the name of files", stem);
    if (!p->folder && o->shard_bytes)
        return cull__fail(cx, CULL_EOPTION, "%s: shards go to a folder, not to one file", path);
    CULL_TRY(cull__copy_text(cx, path, n, &p->path));
    return cull__copy_text(cx, stem, strlen(stem), &p->stem);
}

static bool one_inode(const struct stat *a, const char *path)
{
    struct stat b;
    return stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

cull_status cull_checkpoint_apart(cull_ctx *cx, const cull_checkpoint *ck, const char *out)
{
    struct stat there;
    if (stat(out, &there) != 0) return CULL_OK; /* what is new replaces nothing */
    bool one = S_ISDIR(there.st_mode) && one_inode(&there, cull_checkpoint_folder(ck));
    for (int i = 0; !one && i < cull_checkpoint_files(ck); i++)
        one = one_inode(&there, cull_checkpoint_file(ck, i));
    if (!one) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: is the checkpoint that is read, %s; choose another name for the result",
                      out, cull_checkpoint_path(ck));
}

const char *cull__place_name(const cull__place *p, int k, int files, char buf[300])
{
    if (files == 1)
        snprintf(buf, 300, "%s%s", p->stem, PLAIN);
    else
        snprintf(buf, 300, "%s-%05d-of-%05d%s", p->stem, k + 1, files, PLAIN);
    return buf;
}

cull_status cull__place_file(cull_ctx *cx, const cull__place *p, int k, int files, char **out)
{
    char name[300];
    if (p->folder) /* no stage: this process writes to nowhere, whatever the name */
        return join(cx, p->stage ? p->stage : p->path, cull__place_name(p, k, files, name), out);
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)strlen(p->path) + 1));
    strcpy(*out, p->path);
    return CULL_OK;
}

/* ---- the stage ---- */

static cull_status make_stage(cull_ctx *cx, cull__place *p)
{
    CULL_TRY(CULL_ALLOC(cx, p->stage, (int64_t)(strlen(p->path) + CULL__TEMPORARY)));
    p->lock = cull__temporary(p->path, S_IFDIR | 0777, p->stage);
    if (p->lock < 0) return cull__fail_errno(cx, p->path, "cannot make the folder");
    p->staging = true;
    return CULL_OK;
}

static cull_status write_text(cull_ctx *cx, const char *dir, const char *name, const char *text,
                              size_t n)
{
    char *path;
    cull__writer *w;
    CULL_TRY(join(cx, dir, name, &path));
    CULL_TRY(cull__writer_open(cx, path, &w));
    return cull__writer_end(cx, w, cull__write(cx, w, text, n));
}

/* What a folder of weights has besides them: configs, tokenizers, templates, code. */
static bool goes_along(const char *name)
{
    static const char *const kinds[] = {".json", ".txt", ".model", ".jinja", ".tiktoken", ".py"};
    if (name[0] == '.' || cull__ends(name, ".index.json")) return false;
    if (!strcmp(name, MANIFEST) || cull__ends(name, BESIDE))
        return false; /* of how those weights were made */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (cull__ends(name, kinds[i])) return true;
    return false;
}

static cull_status copy_one(cull_ctx *cx, const char *from, const char *to, const char *name)
{
    cull__bytes b;
    char *path;
    struct stat st;
    CULL_TRY(join(cx, from, name, &path));
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return CULL_OK;
    CULL_TRY(cull__bytes_open(cx, path, &b));
    cull_status s = write_text(cx, to, name, (const char *)b.at, b.n);
    cull__bytes_close(&b);
    return s;
}

static cull_status copy_along(cull_ctx *cx, const char *from, const char *to, const char *config)
{
    cull_status s = CULL_OK;
    DIR *d = opendir(from);
    if (!d) return cull__fail_errno(cx, from, "cannot read the folder");
    for (struct dirent *e; s == CULL_OK && (e = readdir(d));) {
        cull__mark_t mark = cull__mark(cx);
        if (goes_along(e->d_name) && (!config || strcmp(e->d_name, config)))
            s = copy_one(cx, from, to, e->d_name);
        cull__release(cx, mark);
    }
    closedir(d);
    return s;
}

/* An index, or weights of another name, would be read instead of or beside what is written. */
static cull_status check_others(cull_ctx *cx, const cull__place *p, int files)
{
    char mine[300], other[256] = "";
    DIR *d = opendir(p->path);
    if (!d)
        return errno == ENOENT ? CULL_OK : cull__fail_errno(cx, p->path, "cannot read the folder");
    for (struct dirent *e; (e = readdir(d));) {
        const char *s = e->d_name;
        bool same = files > 1 && cull__ends(s, INDEX) &&
                    strlen(s) == strlen(p->stem) + strlen(INDEX) &&
                    !strncmp(s, p->stem, strlen(p->stem));
        if (s[0] == '.' || (!cull__ends(s, PLAIN) && !cull__ends(s, INDEX))) continue;
        for (int k = 0; !same && k < files; k++)
            same = !strcmp(s, cull__place_name(p, k, files, mine));
        if (!same) snprintf(other, sizeof other, "%s", s);
    }
    closedir(d);
    if (!*other) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: holds other weights, %.80s; remove them or choose another folder",
                      p->path, other);
}

cull_status cull__place_begin(cull_ctx *cx, cull__place *p, uint64_t bytes, int files,
                              const cull_checkpoint_opts *o)
{
    char *dir;
    size_t n = parent(p->path);
    if (cull__rank(cx) > 0) return CULL_OK; /* rank 0 writes the same */
    CULL_TRY(CULL_TMP(cx, dir, (int64_t)n + 3));
    sprintf(dir, "%.*s.", (int)n, p->path);
    CULL_TRY(cull__disk_room(cx, p->path, dir, bytes));
    if (!p->folder)
        return o->manifest ? cull__copy_text(cx, o->manifest, strlen(o->manifest), &p->beside)
                           : CULL_OK;
    CULL_TRY(check_others(cx, p, files));
    CULL_TRY(make_stage(cx, p));
    const char *config =
        !strncmp(p->stem, "adapter_model", 13) ? "adapter_config.json" : "config.json";
    if (o->config) CULL_TRY(write_text(cx, p->stage, config, o->config, strlen(o->config)));
    if (o->manifest) CULL_TRY(write_text(cx, p->stage, MANIFEST, o->manifest, strlen(o->manifest)));
    /* of a lone file without a config the folder may be anything, a home say */
    if (!o->like ||
        (!cull_checkpoint_config(o->like) && cull__ends(cull_checkpoint_path(o->like), PLAIN)))
        return CULL_OK;
    return copy_along(cx, cull_checkpoint_folder(o->like), p->stage, o->config ? config : NULL);
}

cull_status cull__place_manifest(cull_ctx *cx, const cull_checkpoint *ck, char **out)
{
    const char *path = cull_checkpoint_path(ck);
    if (!cull__ends(path, PLAIN)) return join(cx, cull_checkpoint_folder(ck), MANIFEST, out);
    size_t n = strlen(path) - strlen(PLAIN);
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)(n + sizeof BESIDE)));
    sprintf(*out, "%.*s%s", (int)n, path, BESIDE);
    return CULL_OK;
}

cull_status cull__place_index(cull_ctx *cx, const cull__place *p, const char *text, size_t n)
{
    char name[300];
    snprintf(name, sizeof name, "%s%s", p->stem, INDEX);
    return write_text(cx, p->stage ? p->stage : p->path, name, text, n);
}

/* ---- the end ---- */

/* Into a folder that is there: indices only, or all else. */
static cull_status move_in(cull_ctx *cx, const cull__place *p, bool indices)
{
    cull_status s = CULL_OK;
    char *from, *to;
    DIR *d = opendir(p->stage);
    if (!d) return cull__fail_errno(cx, p->path, "cannot put the new files in place");
    for (struct dirent *e; s == CULL_OK && (e = readdir(d));) {
        if (e->d_name[0] == '.' || cull__ends(e->d_name, INDEX) != indices) continue;
        s = join(cx, p->stage, e->d_name, &from);
        if (s == CULL_OK) s = join(cx, p->path, e->d_name, &to);
        if (s == CULL_OK && rename(from, to) != 0)
            s = cull__fail_errno(cx, to, "cannot put the new file in place");
    }
    closedir(d);
    return s;
}

static cull_status settle(cull_ctx *cx, cull__place *p)
{
    if (rename(p->stage, p->path) == 0) { /* also over an empty folder */
        p->staging = false;
    } else {
        CULL_TRY(move_in(cx, p, false));
        CULL_TRY(move_in(cx, p, true));
    }
    cull__sync_folder(p->path);
    return CULL_OK;
}

/* NAME.manifest.json of NAME.safetensors. */
static cull_status write_beside(cull_ctx *cx, const cull__place *p)
{
    size_t dir = parent(p->path), n = strlen(p->path) - strlen(PLAIN);
    char *folder, *name;
    CULL_TRY(CULL_TMP(cx, folder, (int64_t)dir + 2));
    CULL_TRY(CULL_TMP(cx, name, (int64_t)(n - dir + sizeof BESIDE)));
    snprintf(folder, dir + 2, "%.*s.", (int)dir, p->path);
    snprintf(name, n - dir + sizeof BESIDE, "%.*s%s", (int)(n - dir), p->path + dir, BESIDE);
    return write_text(cx, folder, name, p->beside, strlen(p->beside));
}

cull_status cull__place_end(cull_ctx *cx, cull__place *p, cull_status s)
{
    bool staged = p->staging;
    if (s == CULL_OK && staged) s = settle(cx, p);
    if (s == CULL_OK && p->beside && (s = write_beside(cx, p)) != CULL_OK)
        unlink(p->path); /* weights of which nobody can say what they are */
    if (p->staging) cull__temporary_drop(p->stage);
    if (staged) close(p->lock); /* until now it said that the stage is in use */
    cull__free(p->path);
    cull__free(p->stage);
    cull__free(p->stem);
    cull__free(p->beside);
    *p = (cull__place){0};
    return s;
}
