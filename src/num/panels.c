/* panels.c - rows 16 side by side, and how alike they are. */
#include "num/panels.h"

#include <math.h>

typedef struct {
    const cull_pool *p;
    cull__alike rule;
    const int64_t *row;
    cull__panels *out;
    const cull__kern *kern;
} packing;

static cull_status pack(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const packing *k = arg;
    int64_t d = k->out->d;
    float *buf, *unit, own[CULL__PANEL * CULL__PANEL];
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, d));
    CULL_TRY(CULL_TMP(cx, unit, d));
    for (int64_t i = lo; i < hi; i++) {
        float *at = k->out->at + i * d * CULL__PANEL;
        for (int64_t j = 0; j < CULL__PANEL && i * CULL__PANEL + j < k->out->n; j++) {
            int64_t r = i * CULL__PANEL + j;
            if (k->row) r = k->row[r];
            const float *x = cull_pool_rows(k->p, r, r + 1, buf);
            if (k->rule.rule == CULL__COSINE) {
                double n = sqrt(k->kern->dot(x, x, d));
                k->kern->scale(unit, x, n > 0 ? 1 / n : 0, d);
                x = unit;
            }
            for (int64_t c = 0; c < d; c++) at[c * CULL__PANEL + j] = x[c];
        }
        k->kern->tile(at, at, d, own);
        for (int64_t j = 0; j < CULL__PANEL; j++)
            k->out->sq[i * CULL__PANEL + j] = own[j * (CULL__PANEL + 1)];
    }
    return CULL_OK;
}

cull_status cull__panels_some(cull_ctx *cx, const cull_pool *p, cull__alike rule,
                              const int64_t *row, int64_t m, cull__panels *out)
{
    *out = (cull__panels){.n = m, .d = cull_pool_d(p), .panels = (m - 1) / CULL__PANEL + 1};
    CULL_TRY(CULL_TMP0(cx, out->at, out->panels * CULL__PANEL * out->d));
    CULL_TRY(CULL_TMP(cx, out->sq, out->panels * CULL__PANEL));
    packing k = {p, rule, row, out, cull__kernels(cx)};
    return cull__for(cx, out->panels, 8192 / out->d + 1, pack, &k);
}

cull_status cull__panels_of(cull_ctx *cx, const cull_pool *p, cull__alike rule, cull__panels *out)
{
    return cull__panels_some(cx, p, rule, NULL, cull_pool_n(p), out);
}

uint64_t cull__panels_bytes(int64_t n, int64_t d)
{
    return (uint64_t)((n - 1) / CULL__PANEL + 1) * CULL__PANEL * (uint64_t)(d + 1) * sizeof(float);
}

void cull__panels_tile(const cull__kern *kern, cull__alike rule, const cull__panels *a, int64_t i,
                       const cull__panels *b, int64_t j, float s[CULL__PANEL * CULL__PANEL])
{
    kern->tile(a->at + i * a->d * CULL__PANEL, b->at + j * b->d * CULL__PANEL, a->d, s);
    if (rule.rule != CULL__RBF) return;
    for (int r = 0; r < CULL__PANEL; r++)
        for (int c = 0; c < CULL__PANEL; c++) {
            float *v = &s[r * CULL__PANEL + c];
            float far = a->sq[i * CULL__PANEL + r] + b->sq[j * CULL__PANEL + c] - 2 * *v;
            *v = expf(-(float)rule.gamma * (far > 0 ? far : 0));
        }
}

cull_status cull__rbf_gamma(cull_ctx *cx, const cull_pool *p, double *gamma)
{
    int64_t n = cull_pool_n(p), d = cull_pool_d(p);
    const cull__kern *kern = cull__kernels(cx);
    double *sum, square = 0, mean = 0;
    float *buf;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, sum, d));
    CULL_TRY(CULL_TMP(cx, buf, d));
    for (int64_t i = 0; i < n; i++) {
        const float *x = cull_pool_rows(p, i, i + 1, buf);
        kern->add(sum, x, d);
        square += kern->dot(x, x, d);
    }
    for (int64_t c = 0; c < d; c++) mean += sum[c] / (double)n * (sum[c] / (double)n);
    double apart = 2 * (square / (double)n - mean);
    *gamma = apart > 1e-12 * mean ? 1 / apart : 1;
    cull__release(cx, mark);
    return CULL_OK;
}
