/* loader.c - data sets from arrays and tables of files. */
#include "cull/pool.h"
#include "cull/table.h"
#include "nn/dataset.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* ---- shapes ---- */

static bool set_shape(cull_dataset *d, int64_t h, int64_t w, int64_t c)
{
    if (h < 1 || w < 1 || c < 1 || h > d->d || w > d->d || c > d->d || h * w > d->d) return false;
    d->shape[0] = h, d->shape[1] = w, d->shape[2] = c;
    return h * w * c == d->d;
}

static bool shape_of(const cull_dataset_opts *o, cull_dataset *d)
{
    const int64_t *s = d->x.shape;
    int images = d->x.ndim;
    if (o->height || o->width || o->channels) {
        d->pixels = true;
        return set_shape(d, o->height, o->width, o->channels ? o->channels : 1);
    }
    d->pixels = images >= 3;
    if (images == 4)
        return d->planes ? set_shape(d, s[2], s[3], s[1]) : set_shape(d, s[1], s[2], s[3]);
    if (images == 3) return set_shape(d, s[1], s[2], 1);
    return set_shape(d, 1, 1, d->d);
}

cull_status cull__dataset_shape(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                                cull_dataset *d)
{
    char text[208];
    if (!cull__array_rows(&d->x, &d->n, &d->d) || d->n < 1 || d->d < 1 || d->d > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: has shape %s; a data set has rows of 1 to 2^31 numbers", path,
                          cull__shape_text(&d->x, text));
    d->planes = d->planes || (o->planes && (d->x.ndim == 4 || o->height));
    if (!shape_of(o, d))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: has shape %s, whose rows are no images of %" PRId64 " x %" PRId64
                          " and %" PRId64 " channels",
                          path, cull__shape_text(&d->x, text), o->height, o->width,
                          o->channels ? o->channels : 1);
    d->pixels = d->pixels && d->x.dtype == CULL_U8;
    return CULL_OK;
}

/* ---- labels and targets ---- */

static cull_status labels(cull_ctx *cx, const char *path, const double *v, cull_dataset *d)
{
    CULL_TRY(CULL_ALLOC(cx, d->own_label, d->n));
    for (int64_t i = 0; i < d->n; i++) {
        if (!(v[i] >= 0 && v[i] < INT32_MAX) || v[i] != floor(v[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: the label of row %" PRId64 " is %g; classes are whole numbers "
                              "from 0",
                              path, i, v[i]);
        d->own_label[i] = (int32_t)v[i];
        if (d->own_label[i] >= d->classes) d->classes = (int64_t)d->own_label[i] + 1;
    }
    d->label = d->own_label;
    return CULL_OK;
}

cull_status cull__dataset_answers(cull_ctx *cx, const char *path, const double *v, bool numbers,
                                  cull_dataset *d)
{
    if (!numbers) return labels(cx, path, v, d);
    CULL_TRY(CULL_ALLOC(cx, d->own_target, d->n));
    for (int64_t i = 0; i < d->n; i++) {
        d->own_target[i] = (float)v[i];
        if (!isfinite(d->own_target[i]))
            return cull__fail(cx, CULL_EINPUT, "%s: the target of row %" PRId64 " is %g", path, i,
                              v[i]);
    }
    d->target = d->own_target;
    return CULL_OK;
}

static cull_status answers_of_array(cull_ctx *cx, const char *path, const cull_array *a,
                                    bool numbers, cull_dataset *d)
{
    char text[208];
    int64_t n, each;
    double *v;
    if (!cull__array_rows(a, &n, &each) || n != d->n || each != 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: labels have shape %s; there are %" PRId64 " rows, with one each",
                          path, cull__shape_text(a, text), d->n);
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, n));
    cull_array_f64(a, 0, n, v);
    cull_status s = cull__dataset_answers(cx, path, v, numbers, d);
    cull__release(cx, mark);
    return s;
}

/* ---- arrays ---- */

static cull_status finite(cull_ctx *cx, const char *path, const cull_dataset *d)
{
    cull_pool *p;
    CULL_TRY(cull_pool_from(cx, d->x.at, d->x.dtype, d->n, d->d, &p));
    cull_pool_rename(p, path);
    cull_status s = cull_pool_check(cx, p);
    cull_pool_free(p);
    return s;
}

static cull_status form_of(cull_ctx *cx, const char *path, bool *cifar)
{
    cull__bytes b;
    const char *form;
    cull__array_reader *reader = NULL;
    CULL_TRY(cull__bytes_open(cx, path, &b));
    cull_status s = cull__array_form(cx, path, b.at, b.n, &form, &reader);
    cull__bytes_close(&b);
    *cifar = s == CULL_OK && reader == cull__cifar_parse;
    return s;
}

static cull_status open_array(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                              cull_dataset *d)
{
    cull_array y;
    cull_dataset_opts opts = *o;
    bool cifar = false, own = true;
    CULL_TRY(form_of(cx, path, &cifar));
    if (cull_array_open(cx, path, "x", &d->x) != CULL_OK) {
        own = false; /* the file has but one array, or says so by another name */
        cull_array_free(&d->x);
        CULL_TRY(cull_array_open(cx, path, NULL, &d->x));
    }
    if (cifar) {
        opts.height = opts.width = 32;
        opts.channels = 3;
        d->planes = true;
    }
    CULL_TRY(cull__dataset_shape(cx, path, &opts, d));
    CULL_TRY(finite(cx, path, d));
    if (!o->labels && !own) return CULL_OK;
    const char *from = o->labels ? o->labels : path;
    cull_status s = cull_array_open(cx, from, o->labels ? NULL : "y", &y);
    if (s == CULL_EINPUT && !o->labels) return CULL_OK; /* no y: a set without answers */
    if (s == CULL_OK) s = answers_of_array(cx, from, &y, o->numbers, d);
    cull_array_free(&y);
    return s;
}

/* ---- tables ---- */

static cull_status no_target(cull_ctx *cx, const char *path, const char *name, const cull_table *t)
{
    cull_buf b = CULL_BUF(cx);
    for (int c = 0; c < t->cols; c++) cull__buf_printf(&b, "%s%s", c ? ", " : "", t->name[c]);
    cull_status s = cull__fail(cx, CULL_EINPUT, "%s: has no column '%s' of numbers; it has %.200s",
                               path, name, b.at ? b.at : "none");
    cull__buf_free(&b);
    return s;
}

static cull_status from_table(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                              const cull_table *t, cull_dataset *d)
{
    int y = t->cols - 1, at = 0;
    if (o->target)
        for (y = 0; y < t->cols && strcmp(t->name[y], o->target);) y++;
    if (o->target && y == t->cols) return no_target(cx, path, o->target, t);
    if (t->n < 1 || t->cols < 2)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: has %" PRId64
                          " rows and %d columns of numbers; a data set has 1 and "
                          "2 or more, the target with them",
                          path, t->n, t->cols);
    int64_t n = t->n, c = t->cols - 1;
    CULL_TRY(CULL_ALLOC(cx, d->own_x, n * c));
    for (int k = 0; k < t->cols; k++) {
        if (k == y) continue;
        for (int64_t i = 0; i < n; i++) d->own_x[i * c + at] = (float)t->col[k][i];
        at++;
    }
    d->x = (cull_array){.dtype = CULL_F32, .ndim = 2, .shape = {n, c}, .at = d->own_x};
    CULL_TRY(cull__dataset_shape(cx, path, o, d));
    CULL_TRY(finite(cx, path, d));
    return cull__dataset_answers(cx, path, t->col[y], o->numbers, d);
}

static cull_status open_table(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                              cull_dataset *d)
{
    cull_table_file *f;
    CULL_TRY(cull_table_open(cx, path, NULL, 0, &f));
    cull_status s = from_table(cx, path, o, cull_table_of(f), d);
    cull_table_close(f);
    return s;
}

/* ---- the door ---- */

static cull_status open_any(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                            cull_dataset *d)
{
    char ext[16];
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return cull__dataset_folder(cx, path, o, d);
    cull__extension(path, ext);
    if (!strcmp(ext, "csv") || !strcmp(ext, "tsv") || !strcmp(ext, "jsonl"))
        return open_table(cx, path, o, d);
    return open_array(cx, path, o, d);
}

cull_status cull_dataset_open(cull_ctx *cx, const char *path, const cull_dataset_opts *o,
                              cull_dataset **out)
{
    const cull_dataset_opts plain = CULL_DATASET_OPTS;
    cull_dataset *d;
    *out = NULL;
    if (!o) o = &plain;
    if (o->height < 0 || o->width < 0 || o->channels < 0 || o->resize < 0 || o->resize > 1 << 14)
        return cull__fail(cx, CULL_EOPTION,
                          "height, width, channels and resize must be 0 or more, resize at most %d",
                          1 << 14);
    CULL_TRY(cull__dataset_new(cx, &d));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = open_any(cx, path, o, d);
    cull__release(cx, mark);
    if (s != CULL_OK) {
        cull_dataset_free(d);
        return s;
    }
    *out = d;
    return CULL_OK;
}
