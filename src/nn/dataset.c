/* dataset.c - a data set as a handle: its numbers as f32 batches, normalised, its hash. */
#include "nn/dataset.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

cull_status cull__dataset_new(cull_ctx *cx, cull_dataset **out)
{
    return cull__alloc(cx, (void **)out, 1, sizeof **out);
}

void cull_dataset_free(cull_dataset *d)
{
    if (!d) return;
    cull_array_free(&d->x);
    cull__free(d->own_x);
    cull__free(d->own_label);
    cull__free(d->own_target);
    cull__free(d->names);
    cull__free(d->mean);
    cull__free(d->size);
    cull__free(d);
}

/* One more than the largest; a row below 0 is refused. */
static cull_status count_classes(cull_ctx *cx, cull_dataset *d)
{
    for (int64_t i = 0; i < d->n; i++) {
        if (d->label[i] < 0)
            return cull__fail(cx, CULL_EINPUT,
                              "the label of row %" PRId64 " is %" PRId32 "; classes count from 0",
                              i, d->label[i]);
        if (d->label[i] >= d->classes) d->classes = (int64_t)d->label[i] + 1;
    }
    return CULL_OK;
}

cull_status cull_dataset_from(cull_ctx *cx, const float *x, int64_t n, int64_t h, int64_t w,
                              int64_t c, const int32_t *label, int64_t classes, const float *target,
                              cull_dataset **out)
{
    cull_dataset *d;
    *out = NULL;
    if (n < 1 || h < 1 || w < 1 || c < 1 || h > INT32_MAX || w > INT32_MAX / h ||
        c > INT32_MAX / (h * w))
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows of (%" PRId64 ", %" PRId64 ", %" PRId64
                          "): each must be 1 or more, and a row below 2^31 numbers",
                          n, h, w, c);
    CULL_TRY(cull__dataset_new(cx, &d));
    d->n = n;
    d->d = h * w * c;
    d->shape[0] = h, d->shape[1] = w, d->shape[2] = c;
    d->x = (cull_array){.dtype = CULL_F32, .ndim = 2, .shape = {n, d->d}, .at = x};
    d->label = label;
    d->target = target;
    cull_status s = label ? count_classes(cx, d) : CULL_OK;
    if (s == CULL_OK && classes && d->classes > classes)
        s = cull__fail(cx, CULL_EINPUT,
                       "there is a label %" PRId64 "; there are %" PRId64 " classes, from 0",
                       d->classes - 1, classes);
    if (label && classes) d->classes = classes;
    if (s != CULL_OK) {
        cull_dataset_free(d);
        return s;
    }
    *out = d;
    return CULL_OK;
}

int64_t cull_dataset_rows(const cull_dataset *d) { return d->n; }
int64_t cull_dataset_shape(const cull_dataset *d, int64_t shape[3])
{
    if (shape) memcpy(shape, d->shape, sizeof d->shape);
    return d->d;
}
int64_t cull_dataset_classes(const cull_dataset *d) { return d->label ? d->classes : 0; }
const int32_t *cull_dataset_label(const cull_dataset *d) { return d->label; }
const float *cull_dataset_target(const cull_dataset *d) { return d->target; }

const char *cull_dataset_class(const cull_dataset *d, int64_t i)
{
    const char *at = d->names;
    if (!at || i < 0 || i >= d->classes) return NULL;
    for (; i > 0; i--) at += strlen(at) + 1;
    return at;
}

uint64_t cull_dataset_hash(cull_dataset *d)
{
    if (d->hashed) return d->hash;
    size_t rows = (size_t)d->n, c = (size_t)d->shape[2];
    const int64_t head[] = {d->n,       d->shape[0], d->shape[1], d->shape[2],
                            d->x.dtype, d->pixels,   d->planes,   d->classes};
    uint64_t h = cull__hash64(head, sizeof head, 1);
    h = cull__hash64(d->x.at, rows * (size_t)d->d * cull_dtype_size(d->x.dtype), h);
    if (d->label) h = cull__hash64(d->label, rows * sizeof *d->label, h);
    if (d->target) h = cull__hash64(d->target, rows * sizeof *d->target, h);
    if (d->mean) h = cull__hash64(d->mean, c * sizeof *d->mean, h);
    if (d->size) h = cull__hash64(d->size, c * sizeof *d->size, h);
    d->hashed = true;
    return d->hash = h;
}

/* ---- numbers of rows ---- */

/* Row `row` as (h, w, c), before normalising. */
static void one_row(const cull_dataset *d, int64_t row, float *out)
{
    enum { PART = 512 };
    float part[PART];
    int64_t area = d->shape[0] * d->shape[1], c = d->shape[2];
    if (!d->planes || c == 1) {
        cull_array_f32(&d->x, row * d->d, d->d, out);
    } else {
        for (int64_t k = 0; k < c; k++)
            for (int64_t i = 0; i < area; i += PART) {
                int64_t n = area - i < PART ? area - i : PART;
                cull_array_f32(&d->x, row * d->d + k * area + i, n, part);
                for (int64_t j = 0; j < n; j++) out[(i + j) * c + k] = part[j];
            }
    }
    if (!d->pixels) return;
    for (int64_t i = 0; i < d->d; i++) out[i] /= 255;
}

void cull_dataset_fill(const cull_dataset *d, const int64_t *row, int64_t n, const cull_augment *a,
                       uint64_t stream, float *x, int32_t *label, float *target)
{
    int64_t c = d->shape[2];
    for (int64_t i = 0; i < n; i++, x += d->d) {
        one_row(d, row[i], x);
        for (int64_t j = 0; d->mean && j < d->d; j += c)
            for (int64_t k = 0; k < c; k++) x[j + k] = (x[j + k] - d->mean[k]) * d->size[k];
        if (a) cull__augment(a, stream, row[i], d->shape, x);
        if (label) label[i] = d->label ? d->label[row[i]] : 0;
        if (target) target[i] = d->target ? d->target[row[i]] : 0;
    }
}

/* ---- mean and spread of each channel ---- */

typedef struct {
    const cull_dataset *d;
    const int64_t *row;
    double *part; /* of each chunk: c means, c sums of squares around them */
} moments;

static cull_status of_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const moments *m = arg;
    const cull_dataset *d = m->d;
    int64_t c = d->shape[2];
    double *mean = m->part + chunk * 2 * c, *square = mean + c, count = 0;
    float *x;
    CULL_TRY(CULL_TMP(cx, x, d->d));
    memset(mean, 0, 2 * (size_t)c * sizeof *mean);
    for (int64_t i = lo; i < hi; i++) {
        one_row(d, m->row ? m->row[i] : i, x);
        for (int64_t j = 0; j < d->d; j += c) {
            count++;
            for (int64_t k = 0; k < c; k++) { /* Welford 1962 */
                double off = (double)x[j + k] - mean[k];
                mean[k] += off / count;
                square[k] += off * ((double)x[j + k] - mean[k]);
            }
        }
    }
    return CULL_OK;
}

/* Chunks joined in their order (Chan, Golub, LeVeque 1983). */
static void join(const moments *m, int64_t n, int64_t grain, float *mean, float *size)
{
    int64_t c = m->d->shape[2], each = m->d->d / c;
    for (int64_t k = 0; k < c; k++) {
        double all = 0, middle = 0, square = 0;
        for (int64_t lo = 0; lo < n; lo += grain) {
            const double *part = m->part + lo / grain * 2 * c;
            double more = (double)((n - lo < grain ? n - lo : grain) * each);
            double off = part[k] - middle;
            square += part[c + k] + off * off * all * more / (all + more);
            middle += off * more / (all + more);
            all += more;
        }
        double sd = sqrt(square / all);
        mean[k] = (float)middle;
        size[k] = sd > 1e-12 * (fabs(middle) + 1e-30) ? (float)(1 / sd) : 1;
    }
}

static cull_status measure(cull_ctx *cx, const cull_dataset *d, const int64_t *row, int64_t n,
                           float *mean, float *size)
{
    enum { CHUNKS = 64 };
    moments m = {.d = d, .row = row};
    if (!row) n = d->n;
    for (int64_t i = 0; row && i < n; i++)
        if (row[i] < 0 || row[i] >= d->n)
            return cull__fail(cx, CULL_EINPUT, "row %" PRId64 " is not within the %" PRId64 " rows",
                              row[i], d->n);
    if (n < 1) return cull__fail(cx, CULL_EINPUT, "there are no rows to take a mean of");
    int64_t grain = (n - 1) / CHUNKS + 1;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, m.part, ((n - 1) / grain + 1) * 2 * d->shape[2]));
    cull_status s = cull__for(cx, n, grain, of_chunk, &m);
    if (s == CULL_OK) join(&m, n, grain, mean, size);
    cull__release(cx, mark);
    return s;
}

cull_status cull_dataset_normalise(cull_ctx *cx, cull_dataset *d, const int64_t *row, int64_t n,
                                   const cull_dataset *like)
{
    int64_t c = d->shape[2];
    float *mean = NULL, *size = NULL;
    if (like && (!like->mean || like->shape[2] != c))
        return cull__fail(cx, CULL_EINPUT, "the other set %s",
                          like->mean ? "has another number of channels"
                                     : "was not normalised itself");
    cull_status s = CULL_ALLOC(cx, mean, c);
    if (s == CULL_OK) s = CULL_ALLOC(cx, size, c);
    if (s == CULL_OK && like) {
        memcpy(mean, like->mean, (size_t)c * sizeof *mean);
        memcpy(size, like->size, (size_t)c * sizeof *size);
    } else if (s == CULL_OK) {
        s = measure(cx, d, row, n, mean, size);
    }
    cull__free(s == CULL_OK ? d->mean : mean);
    cull__free(s == CULL_OK ? d->size : size);
    if (s != CULL_OK) return s;
    d->mean = mean;
    d->size = size;
    d->hashed = false;
    return CULL_OK;
}
