/* kern_elem.c - loops over single numbers and over rows; see kern.h. */
#include "nn/kern.h"
#include "nn/lanes.h"

#include <string.h>

static void relu(float *restrict y, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i]; /* NaN passes */
}

static void relu_back(float *g, const float *restrict y, const float *dy, int64_t n, bool add)
{
    if (add) {
        CULL__EACH for (int64_t i = 0; i < n; i++) g[i] += y[i] > 0 ? dy[i] : 0;
    } else {
        CULL__EACH for (int64_t i = 0; i < n; i++) g[i] = y[i] > 0 ? dy[i] : 0;
    }
}

static void add(float *restrict y, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

static void add_relu(float *restrict y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i] < 0 ? 0 : a[i] + b[i];
}

static void fill_rows(float *restrict y, const float *restrict b, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++) memcpy(y + r * n, b, (size_t)n * sizeof *y);
}

static void sum_rows(float *restrict s, const float *restrict x, int64_t rows, int64_t n, bool add)
{
    if (!add) memset(s, 0, (size_t)n * sizeof *s);
    for (int64_t r = 0; r < rows; r++, x += n)
        for (int64_t i = 0; i < n; i++) s[i] += x[i];
}

const cull__elem_kern CULL__TABLE(elem) = {
    .relu = relu,
    .relu_back = relu_back,
    .add = add,
    .add_relu = add_relu,
    .fill_rows = fill_rows,
    .sum_rows = sum_rows,
};
