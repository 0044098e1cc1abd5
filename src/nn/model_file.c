/* model_file.c - parameters of a model to and from safetensors, under PyTorch's names and in its order. */
#define _GNU_SOURCE
#include "cull/pack.h"
#include "io/io.h"
#include "nn/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MODEL_NOTE[] = "cull.model", FORMAT_NOTE[] = "format";

typedef cull__model_tensor tensor;

static int64_t count_of(const tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= t->dim[i];
    return n;
}

void cull__model_file_shape(const cull__model_tensor *t, cull_array *a)
{
    a->dtype = CULL_F32;
    a->ndim = t->rank;
    for (int i = 0; i < t->rank; i++) a->shape[i] = t->dim[i];
    if (!t->order.image) return;
    a->shape[1] = t->dim[3];
    a->shape[2] = t->dim[1];
    a->shape[3] = t->dim[2];
}

void cull__model_reorder(const cull__model_tensor *t, bool to_file, const float *from, float *to)
{
    const int64_t *f = t->order.flat;
    int64_t n = count_of(t), c = f[2], hw = f[0] * f[1], each = hw * c;
    if (!each) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    for (int64_t o = 0; o < n; o += each)
        for (int64_t i = 0; i < hw; i++)
            for (int64_t k = 0; k < c; k++) {
                int64_t here = o + i * c + k, there = o + k * hw + i;
                to[to_file ? there : here] = from[to_file ? here : there];
            }
}

/* ---- notes ---- */

const char *cull_model_note(const cull_model *m, const char *key)
{
    for (int64_t i = 0; i < m->notes; i += 2)
        if (!strcmp(m->note[i], key)) return m->note[i + 1];
    return NULL;
}

cull_status cull_model_set_note(cull_model *m, const char *key, const char *value)
{
    char *copy, *name;
    size_t bad;
    if (!cull__utf8_ok(key, strlen(key), &bad) || !cull__utf8_ok(value, strlen(value), &bad))
        return cull__fail(m->cx, CULL_EINPUT, "a note of a model is not UTF-8");
    CULL_TRY(cull__copy_text(m->cx, value, strlen(value), &copy));
    for (int64_t i = 0; i < m->notes; i += 2)
        if (!strcmp(m->note[i], key)) {
            cull__free(m->note[i + 1]);
            m->note[i + 1] = copy;
            return CULL_OK;
        }
    cull_status s = CULL_GROW(m->cx, m->note, &m->note_room, m->notes + 2);
    if (s == CULL_OK) s = cull__copy_text(m->cx, key, strlen(key), &name);
    if (s != CULL_OK) {
        cull__free(copy);
        return s;
    }
    m->note[m->notes++] = name;
    m->note[m->notes++] = copy;
    return CULL_OK;
}

/* ---- saving ---- */

static cull_status save(cull_ctx *cx, const cull_model *m, const char *path)
{
    cull__tensor *t;
    const char **meta;
    float *numbers;
    int64_t metas = 0;
    const float *v = cull_params_value(m->params);
    CULL_TRY(CULL_TMP0(cx, t, m->tensors));
    CULL_TRY(CULL_TMP(cx, meta, m->notes + 4));
    CULL_TRY(CULL_TMP(cx, numbers, cull_params_size(m->params)));
    for (int64_t i = 0; i < m->tensors; i++) {
        int64_t at = cull_params_at(m->params, (int)i)->at;
        t[i].name = m->tensor[i].name;
        cull__model_file_shape(m->tensor + i, &t[i].a);
        t[i].a.at = numbers + at;
        cull__model_reorder(m->tensor + i, true, v + at, numbers + at);
    }
    for (int64_t i = 0; i < m->notes; i += 2) {
        if (!strcmp(m->note[i], MODEL_NOTE)) continue;
        meta[metas++] = m->note[i];
        meta[metas++] = m->note[i + 1];
    }
    if (!cull_model_note(m, FORMAT_NOTE)) {
        meta[metas++] = FORMAT_NOTE;
        meta[metas++] = "pt";
    }
    meta[metas++] = MODEL_NOTE;
    meta[metas++] = m->text;
    return cull__safetensors_write(cx, path, t, m->tensors, meta, metas);
}

cull_status cull_model_save(cull_ctx *cx, const cull_model *m, const char *path)
{
    if (!m->params)
        return cull__fail(cx, CULL_EINPUT, "%s: a model of shapes only has nothing to save", path);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = save(cx, m, path);
    cull__release(cx, mark);
    return s;
}

/* ---- loading ---- */

typedef struct {
    cull_ctx *cx;
    cull_model *m;
    const char *path;
    const cull_checkpoint *ck; /* packed tensors are read as they were */
    int64_t n;
    const char *prefix; /* of every name, which models have not: "module." of DataParallel */
    bool partial;
    bool *used; /* by the model */
    float *numbers;
    int found;
} loading;

static const char *name_of(const loading *g, int64_t i)
{
    return cull_checkpoint_at(g->ck, i)->name + strlen(g->prefix);
}

static cull_status find(const loading *g, const char *name, int64_t *out)
{
    char *full;
    CULL_TRY(CULL_TMP(g->cx, full, (int64_t)(strlen(g->prefix) + strlen(name) + 1)));
    sprintf(full, "%s%s", g->prefix, name);
    *out = cull_checkpoint_find(g->ck, full, NULL);
    return CULL_OK;
}

static void strip(loading *g)
{
    static const char module[] = "module.";
    g->prefix = g->n ? module : "";
    for (int64_t i = 0; i < g->n; i++)
        if (strncmp(cull_checkpoint_at(g->ck, i)->name, module, strlen(module))) g->prefix = "";
}

/* "; the nearest is 'x'", or "". */
static const char *nearest(const char *name, const char *const *cand, int64_t n, char buf[120])
{
    char shown[80];
    const char *near = cull__nearest(name, cand, n > 2000 ? 2000 : (int)n);
    buf[0] = 0;
    if (near)
        snprintf(buf, 120, "; the nearest is '%s'",
                 cull__quote(near, strlen(near), shown, sizeof shown));
    return buf;
}

static cull_status missing(loading *g, const tensor *t, int64_t others)
{
    const char **names;
    char near[120], more[40] = "";
    int64_t n = 0;
    CULL_TRY(CULL_TMP(g->cx, names, g->n));
    for (int64_t i = 0; i < g->n; i++)
        if (!g->used[i]) names[n++] = name_of(g, i);
    if (others) snprintf(more, sizeof more, ", and %" PRId64 " more", others);
    return cull__fail(g->cx, CULL_EINPUT, "%s: the model's tensor '%.100s' is missing%s%s", g->path,
                      t->name, more, nearest(t->name, names, n, near));
}

static cull_status extra(loading *g, int64_t i, int64_t others)
{
    const char **names;
    char near[120], shown[100], more[40] = "";
    const char *name = name_of(g, i);
    CULL_TRY(CULL_TMP(g->cx, names, g->m->tensors));
    for (int64_t k = 0; k < g->m->tensors; k++) names[k] = g->m->tensor[k].name;
    if (others) snprintf(more, sizeof more, ", nor are %" PRId64 " more", others);
    return cull__fail(g->cx, CULL_EINPUT, "%s: tensor '%s' is no part of the model%s%s", g->path,
                      cull__quote(name, strlen(name), shown, sizeof shown), more,
                      nearest(name, names, g->m->tensors, near));
}

/* Tensor k of the model from tensor i of the file. */
static cull_status read_one(loading *g, int64_t k, int64_t i, float *spare)
{
    const tensor *t = g->m->tensor + k;
    const cull_tensor *from = cull_checkpoint_at(g->ck, i);
    cull_array has = {.ndim = from->ndim}, want = {0};
    char shape[208], wants[208];
    memcpy(has.shape, from->shape, sizeof has.shape);
    cull__model_file_shape(t, &want);
    if (!from->floating)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: tensor '%.100s' has dtype %s; parameters are F64, F32, F16, BF16 or "
                          "F8",
                          g->path, t->name, from->dtype);
    if (has.ndim != want.ndim ||
        memcmp(has.shape, want.shape, (size_t)has.ndim * sizeof *has.shape)) {
        if (g->partial) return CULL_OK;
        return cull__fail(g->cx, CULL_EINPUT, "%s: tensor '%.100s' is %s, and the model has %s",
                          g->path, t->name, cull__shape_text(&has, shape),
                          cull__shape_text(&want, wants));
    }
    int64_t n = count_of(t), at = cull_params_at(g->m->params, (int)k)->at;
    CULL_TRY(cull_checkpoint_read(g->cx, g->ck, i, 0, n, spare));
    for (int64_t j = 0; j < n; j++)
        if (!isfinite(spare[j]))
            return cull__fail(g->cx, CULL_EINPUT,
                              "%s: number %" PRId64 " of tensor '%.100s' is not finite", g->path, j,
                              t->name);
    cull__model_reorder(t, false, spare, g->numbers + at);
    g->found++;
    return CULL_OK;
}

/* Every tensor of the model; what is missing is told when all that is there has been used. */
static cull_status read_all(loading *g)
{
    cull_model *m = g->m;
    int64_t lost = 0, most = 1, first = -1;
    float *spare;
    for (int64_t k = 0; k < m->tensors; k++)
        if (count_of(m->tensor + k) > most) most = count_of(m->tensor + k);
    CULL_TRY(CULL_TMP(g->cx, spare, most));
    for (int64_t k = 0; k < m->tensors; k++) {
        int64_t i;
        CULL_TRY(find(g, m->tensor[k].name, &i));
        if (i >= 0) {
            g->used[i] = true;
            CULL_TRY(read_one(g, k, i, spare));
        } else if (!lost++) {
            first = k;
        }
    }
    return lost && !g->partial ? missing(g, m->tensor + first, lost - 1) : CULL_OK;
}

static bool counts_batches(const char *name)
{
    static const char tail[] = "num_batches_tracked";
    size_t n = strlen(name), k = strlen(tail);
    return n >= k && !strcmp(name + n - k, tail) && (n == k || name[n - k - 1] == '.');
}

static cull_status all_used(loading *g)
{
    int64_t more = 0, first = -1;
    for (int64_t i = 0; i < g->n; i++)
        if (!g->used[i] && !counts_batches(name_of(g, i)) && !more++) first = i;
    if (more && !g->partial) return extra(g, first, more - 1);
    if (g->found || !g->m->tensors) return CULL_OK;
    return cull__fail(g->cx, CULL_EINPUT, "%s: none of its %" PRId64 " tensors is one of the model",
                      g->path, g->n);
}

static cull_status load(loading *g)
{
    cull_params *p = g->m->params;
    const char *key, *value;
    g->n = cull_checkpoint_count(g->ck);
    strip(g);
    CULL_TRY(CULL_TMP0(g->cx, g->used, g->n));
    CULL_TRY(CULL_TMP(g->cx, g->numbers, cull_params_size(p)));
    memcpy(g->numbers, cull_params_value(p), (size_t)cull_params_size(p) * sizeof *g->numbers);
    CULL_TRY(read_all(g));
    CULL_TRY(all_used(g));
    for (int64_t i = 0; cull_checkpoint_meta_at(g->ck, i, &key, &value); i++)
        if (!cull_pack_key(key)) CULL_TRY(cull_model_set_note(g->m, key, value));
    const char *text = cull_model_note(g->m, MODEL_NOTE);
    if (text) CULL_TRY(cull__model_scale_like(g->m, text));
    memcpy(cull_params_value(p), g->numbers, (size_t)cull_params_size(p) * sizeof *g->numbers);
    return CULL_OK;
}

cull_status cull__model_file_open(cull_ctx *cx, const char *path, cull__bytes *file)
{
    const char *form;
    cull__array_reader *reader;
    CULL_TRY(cull__bytes_open_regular(cx, path, file));
    cull_status s = cull__array_form(cx, path, file->at, file->n, &form, &reader);
    if (s == CULL_OK && reader != cull__safetensors_parse)
        s = cull__fail(cx, CULL_EINPUT, "%s: an array of %s; parameters are safetensors", path,
                       form);
    if (s != CULL_OK) cull__bytes_close(file);
    return s;
}

cull_status cull_model_load(cull_ctx *cx, cull_model *m, const char *path,
                            const cull_model_load_opts *opts, int *found)
{
    loading g = {.cx = cx, .m = m, .path = path, .partial = opts && opts->partial};
    cull_checkpoint *ck;
    if (found) *found = 0;
    if (!m->params)
        return cull__fail(cx, CULL_EINPUT, "%s: a model of shapes only has no parameters", path);
    CULL_TRY(cull_checkpoint_open(cx, path, &ck));
    g.ck = ck;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = load(&g);
    cull__release(cx, mark);
    cull_checkpoint_free(ck);
    if (s == CULL_OK && found) *found = g.found;
    return s;
}

static cull_status text_of(cull_ctx *cx, const char *path, const cull__bytes *file, char **out)
{
    cull__tensor *t;
    const char **meta;
    int64_t n, metas;
    CULL_TRY(cull__safetensors_all(cx, path, file->at, file->n, &t, &n, &meta, &metas));
    for (int64_t i = 0; i < metas; i += 2)
        if (!strcmp(meta[i], MODEL_NOTE))
            return cull__copy_text(cx, meta[i + 1], strlen(meta[i + 1]), out);
    return CULL_OK;
}

cull_status cull_model_text_of(cull_ctx *cx, const char *path, char **out)
{
    cull__bytes file;
    *out = NULL;
    CULL_TRY(cull__model_file_open(cx, path, &file));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = text_of(cx, path, &file, out);
    cull__release(cx, mark);
    cull__bytes_close(&file);
    return s;
}
