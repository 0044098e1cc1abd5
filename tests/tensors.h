/* tensors.h - checkpoints for tests: tensors put together in memory and written as one file or folder. */
#ifndef CULL_TEST_TENSORS_H
#define CULL_TEST_TENSORS_H
#include "files.h"

#include "cull/checkpoint.h"

enum { TENSORS = 96, TENSOR_NAME = 120 };
typedef struct {
    cull_tensor t[TENSORS];
    char name[TENSORS][TENSOR_NAME];
    float *x[TENSORS]; /* what it holds; of I32 rounded */
    int n;
} tensors;

static inline void tensors_clear(tensors *s)
{
    for (int i = 0; i < s->n; i++) free(s->x[i]);
    s->n = 0;
}

/* One more, of zeros; d1 = 0: of one dimension. Its numbers. */
static inline float *tensors_add(tensors *s, const char *name, const char *dtype, int64_t d0,
                                 int64_t d1)
{
    int i = s->n++;
    assert_true(i < TENSORS && strlen(name) < TENSOR_NAME);
    strcpy(s->name[i], name);
    s->t[i] = (cull_tensor){.name = s->name[i], .dtype = dtype, .ndim = d1 ? 2 : 1};
    s->t[i].shape[0] = d0, s->t[i].shape[1] = d1;
    s->t[i].n = d0 * (d1 ? d1 : 1);
    return s->x[i] = calloc((size_t)s->t[i].n + 1, sizeof(float));
}

/* To path, as cull_checkpoint_create takes it. */
static inline void tensors_write(cull_ctx *cx, const tensors *s, const char *path,
                                 const cull_checkpoint_opts *o)
{
    cull_checkpoint_writer *w;
    ok(cx, cull_checkpoint_create(cx, path, s->t, s->n, o, &w));
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->t[i].dtype, "I32")) {
            ok(cx, cull_checkpoint_put(cx, w, s->x[i], s->t[i].n));
            continue;
        }
        for (int64_t k = 0; k < s->t[i].n; k++) {
            int32_t v = (int32_t)s->x[i][k];
            ok(cx, cull_checkpoint_put_bytes(cx, w, &v, sizeof v));
        }
    }
    ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
}

/* All numbers of a tensor that must be there; for free(). */
static inline float *tensor_numbers(cull_ctx *cx, const cull_checkpoint *ck, const char *name)
{
    int64_t i = cull_checkpoint_find(ck, name, NULL);
    if (i < 0) fail_msg("%s lacks '%s'", cull_checkpoint_path(ck), name);
    int64_t n = cull_checkpoint_at(ck, i)->n;
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    ok(cx, cull_checkpoint_read(cx, ck, i, 0, n, x));
    return x;
}

/* A folder of the test's with all that is in it. */
static inline void tensors_wipe(const char *name)
{
    char path[512], file[900];
    snprintf(path, sizeof path, "%s", in_dir(name));
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        unlink(file);
    }
    if (d) closedir(d);
    rmdir(path);
}
#endif
