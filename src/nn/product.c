/* product.c - matrix products of any orientation: OpenBLAS, or oneDNN from the tape's table (prims.c).
 *
 * Measured on one thread of Zen 3 (AVX2): from about 48^3 multiply-adds on oneDNN is the faster one, by a
 * quarter for square products and by 1.4 to 2.5 for the tall ones of 1x1 convolutions; below, its call
 * costs more than it gains. On Zen 4 (AVX-512) they meet at 64^3. */
#include "nn/prims.h"

#include <cblas.h>

static bool worth_it(int64_t m, int64_t n, int64_t k)
{
    return (double)m * (double)n * (double)k > 48. * 48 * 48 && n > 1 && m > 1;
}

void cull__mm(cull_tape *t, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a,
              int64_t lda, const float *b, int64_t ldb, bool add, float *c, int64_t ldc)
{
    if (worth_it(m, n, k) && cull__prims_mm(t, ta, tb, m, n, k, a, lda, b, ldb, add, c, ldc))
        return;
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb, add ? 1 : 0, c, (int)ldc);
}
