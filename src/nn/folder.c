/* folder.c - a data set of images: a folder for each class, PNG and JPEG files in it. */
#include "io/image.h"
#include "nn/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* Names one behind the other, and where each begins. */
typedef struct {
    cull_buf text;
    int64_t *at, n, cap;
} names;

typedef struct {
    const char *path;
    const cull_dataset_opts *o;
    cull_dataset *d;
    names folder, file; /* a file: "class/name" */
    int32_t *class_of;  /* of each file, as it was found */
    int64_t cap;
    int64_t height, width, channels;
    unsigned char *out;
} album;

static cull_status add(cull_ctx *cx, names *l, const char *a, const char *b)
{
    CULL_TRY(CULL_GROW(cx, l->at, &l->cap, l->n + 1));
    l->at[l->n++] = (int64_t)l->text.n;
    cull__buf_printf(&l->text, "%s%s%s", a, *a ? "/" : "", b);
    cull__buf_add(&l->text, "", 1);
    return l->text.status;
}

static const char *name(const names *l, int64_t i) { return l->text.at + l->at[i]; }

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* From place `from` on, in the order of bytes. */
static cull_status sort(cull_ctx *cx, names *l, int64_t from)
{
    const char **s;
    int64_t n = l->n - from;
    if (n < 2) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, s, n));
    for (int64_t i = 0; i < n; i++) s[i] = name(l, from + i);
    qsort(s, (size_t)n, sizeof *s, by_name);
    for (int64_t i = 0; i < n; i++) l->at[from + i] = s[i] - l->text.at;
    cull__release(cx, mark);
    return CULL_OK;
}

static bool is_image(const char *s)
{
    const char *dot = strrchr(s, '.');
    return *s != '.' && dot &&
           (!strcasecmp(dot, ".png") || !strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

enum { PATH_ROOM = 4096 };

static cull_status path_to(cull_ctx *cx, const char *a, const char *b, char out[PATH_ROOM])
{
    if (snprintf(out, PATH_ROOM, "%s/%s", a, b) < PATH_ROOM) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%.200s/...: the path is too long", a);
}

/* Folders of `dir` (class NULL), or its images. */
static cull_status list(cull_ctx *cx, const char *dir, const char *class, names *l)
{
    char path[PATH_ROOM];
    struct stat st;
    cull_status s = CULL_OK;
    DIR *d = opendir(dir);
    if (!d) return cull__fail_errno(cx, dir, "cannot read the folder");
    for (struct dirent *e; s == CULL_OK && (e = readdir(d));) {
        if (e->d_name[0] == '.' || (class && !is_image(e->d_name))) continue;
        if ((s = path_to(cx, dir, e->d_name, path)) != CULL_OK) break;
        if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode) != (class != NULL)) continue;
        s = add(cx, l, class ? class : "", e->d_name);
    }
    closedir(d);
    return s;
}

static cull_status find_files(cull_ctx *cx, album *a)
{
    char path[PATH_ROOM];
    CULL_TRY(list(cx, a->path, NULL, &a->folder));
    CULL_TRY(sort(cx, &a->folder, 0));
    if (a->folder.n < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: has no folders; each class has one, with its images", a->path);
    for (int64_t c = 0; c < a->folder.n; c++) {
        int64_t from = a->file.n;
        CULL_TRY(path_to(cx, a->path, name(&a->folder, c), path));
        CULL_TRY(list(cx, path, name(&a->folder, c), &a->file));
        if (a->file.n == from)
            return cull__fail(cx, CULL_EINPUT, "%s: has no .png, .jpg or .jpeg files", path);
        CULL_TRY(sort(cx, &a->file, from));
        CULL_TRY(CULL_GROW(cx, a->class_of, &a->cap, a->file.n));
        for (int64_t i = from; i < a->file.n; i++) a->class_of[i] = (int32_t)c;
    }
    return CULL_OK;
}

/* ---- pixels ---- */

static cull_status load(cull_ctx *cx, const album *a, int64_t i, char path[PATH_ROOM],
                        cull__image *out)
{
    cull__bytes b;
    *out = (cull__image){0};
    CULL_TRY(path_to(cx, a->path, name(&a->file, i), path));
    CULL_TRY(cull__bytes_open(cx, path, &b));
    cull_status s = cull__image_read(cx, path, b.at, b.n, a->o->channels, out);
    cull__bytes_close(&b);
    return s;
}

/* The image as the set has them; grey ones among colour become three equal channels. */
static cull_status place(cull_ctx *cx, const album *a, const char *path, cull__image *m,
                         unsigned char *out)
{
    int64_t c = a->channels, area = a->height * a->width;
    if (m->channels > c)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: has colours, the first image is grey: set channels to 1 or 3", path);
    if (a->o->resize) {
        CULL_TRY(cull__image_resize(cx, m, a->height, a->width, out));
    } else if (m->height != a->height || m->width != a->width) {
        return cull__fail(cx, CULL_EINPUT,
                          "%s: is %" PRId64 " x %" PRId64 " pixels, the first image %" PRId64
                          " x %" PRId64 ": resize brings all to one size",
                          path, m->width, m->height, a->width, a->height);
    } else {
        memcpy(out, m->at, (size_t)(area * m->channels));
    }
    if (m->channels == c) return CULL_OK;
    for (int64_t i = area - 1; i >= 0; i--) out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = out[i];
    return CULL_OK;
}

static cull_status decode(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    const album *a = arg;
    char path[PATH_ROOM];
    for (int64_t i = lo; i < hi; i++) {
        cull__image m;
        cull_status s = load(cx, a, i, path, &m);
        if (s == CULL_OK)
            s = place(cx, a, path, &m, a->out + i * a->height * a->width * a->channels);
        cull__free(m.at);
        CULL_TRY(s);
    }
    return CULL_OK;
}

static cull_status read_all(cull_ctx *cx, album *a)
{
    char path[PATH_ROOM];
    cull__image first;
    cull_dataset *d = a->d;
    void *at;
    CULL_TRY(load(cx, a, 0, path, &first));
    cull__free(first.at);
    a->height = a->o->resize ? a->o->resize : first.height;
    a->width = a->o->resize ? a->o->resize : first.width;
    a->channels = first.channels;
    uint64_t each = (uint64_t)a->height * (uint64_t)a->width * (uint64_t)a->channels;
    if (each > INT32_MAX || (uint64_t)a->file.n > INT64_MAX / each)
        return cull__fail(cx, CULL_ENOMEM, "%s: the images have no room", a->path);
    CULL_TRY(cull__array_memory(cx, (uint64_t)a->file.n * each, &d->x.mem_, &at));
    a->out = at;
    d->x.dtype = CULL_U8;
    d->x.ndim = 4;
    d->x.shape[0] = a->file.n, d->x.shape[1] = a->height;
    d->x.shape[2] = a->width, d->x.shape[3] = a->channels;
    d->x.at = at;
    CULL_TRY(cull__for(cx, a->file.n, 16, decode, a));
    return cull__dataset_shape(cx, a->path, &(cull_dataset_opts){0}, d);
}

/* Class names in their order, one behind the other. */
static cull_status keep_names(cull_ctx *cx, album *a)
{
    char *at;
    CULL_TRY(CULL_ALLOC(cx, a->d->names, (int64_t)a->folder.text.n));
    at = a->d->names;
    for (int64_t c = 0; c < a->folder.n; c++) {
        size_t bytes = strlen(name(&a->folder, c)) + 1;
        memcpy(at, name(&a->folder, c), bytes);
        at += bytes;
    }
    a->d->classes = a->folder.n;
    a->d->label = a->d->own_label = a->class_of;
    a->class_of = NULL;
    return CULL_OK;
}

cull_status cull__dataset_folder(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                                 cull_dataset *d)
{
    album a = {
        .path = path, .o = o, .d = d, .folder.text = CULL_BUF(cx), .file.text = CULL_BUF(cx)};
    const char *phase = cull__phase(cx, "reading images");
    cull_status s = CULL_OK;
    if (o->channels && o->channels != 1 && o->channels != 3)
        s = cull__fail(cx, CULL_EOPTION, "images have 1 or 3 channels, not %" PRId64, o->channels);
    if (s == CULL_OK) s = find_files(cx, &a);
    if (s == CULL_OK) s = read_all(cx, &a);
    if (s == CULL_OK) s = keep_names(cx, &a);
    cull__phase(cx, phase);
    cull__buf_free(&a.folder.text);
    cull__buf_free(&a.file.text);
    cull__free(a.folder.at);
    cull__free(a.file.at);
    cull__free(a.class_of);
    return s;
}
