/* labels.c - labels of an array's rows: an array of whole numbers, which are their names too. */
#include "cull/text.h"
#include "job.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The numbers of v[0..n) as codes, the least is 0; `sorted` (n) is scratch. */
static cull_status code_numbers(cull_job *j, int which, const double *v, int64_t n, double *sorted)
{
    codes *k = &j->codes[which];
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) sorted[i] = v[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int64_t i = 0; i < n; i++)
        if (!count || sorted[count - 1] < sorted[i]) sorted[count++] = sorted[i];
    CULL_TRY(CULL_ALLOC(j->cx, j->labels[which].code, n));
    CULL_TRY(CULL_ALLOC(j->cx, j->labels[which].name, count));
    for (int64_t i = 0; i < n; i++) {
        const double *at = bsearch(&v[i], sorted, (size_t)count, sizeof *sorted, by_value);
        j->labels[which].code[i] = (int32_t)(at - sorted);
    }
    for (int64_t c = 0; c < count; c++) {
        char digits[32];
        CULL_TRY(job_keep(j, cull_format_number(sorted[c], digits), &j->labels[which].name[c]));
    }
    *k = (codes){j->labels[which].code, n, (int32_t)count, j->labels[which].name};
    return CULL_OK;
}

static cull_status check_numbers(cull_job *j, const char *path, const double *v, int64_t n)
{
    char number[32];
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]) || v[i] != floor(v[i]))
            return cull__fail(j->cx, CULL_EINPUT,
                              "%s[%" PRId64 "] is %s; labels are whole numbers, one for each class",
                              path, i, cull_format_number(v[i], number));
    return CULL_OK;
}

static cull_status read_numbers(cull_job *j, int which, const char *path, const cull_array *a)
{
    double *v = NULL, *sorted = NULL;
    int64_t n = a->ndim ? a->shape[0] : 0, numbers = 1;
    for (int i = 0; i < a->ndim; i++) numbers *= a->shape[i];
    if (!a->ndim || numbers != n)
        return cull__fail(j->cx, CULL_EINPUT, "%s holds no single number a row; labels are such",
                          path);
    cull_status s = CULL_ALLOC(j->cx, v, n);
    if (s == CULL_OK) s = CULL_ALLOC(j->cx, sorted, n);
    if (s == CULL_OK) cull_array_f64(a, 0, n, v);
    if (s == CULL_OK) s = check_numbers(j, path, v, n);
    if (s == CULL_OK) s = code_numbers(j, which, v, n, sorted);
    cull__free(v), cull__free(sorted);
    return s;
}

cull_status labels_read(cull_job *j, int which, const char *path)
{
    cull_array a;
    if (cull_file_kind_of(path) != CULL_FILE_ARRAY)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--%s %s: labels of an array are an array, a whole number a row (y.npy)",
                          which == LABEL ? "label" : "valid-label", path);
    CULL_TRY(cull_array_open(j->cx, path, NULL, &a));
    cull_status s = read_numbers(j, which, path, &a);
    cull_array_free(&a);
    return s;
}
