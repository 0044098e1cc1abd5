/* product.c - matrix products of any orientation. */
#include "nn/nn.h"

#include <cblas.h>
#include <string.h>

void cull__mm(cull_tape *t, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a,
              int64_t lda, const float *b, int64_t ldb, bool add, float *c, int64_t ldc)
{
    (void)t;
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb, add ? 1 : 0, c, (int)ldc);
}

void cull__prims_free(struct cull__prims *p) { (void)p; }
