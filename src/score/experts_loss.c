/* experts_loss.c - what a layer's output loses without some of its experts (Lu et al. 2024): see experts.h.
 *
 * The output of a token is a sum over experts of weight times output, so that the squared norm of a change of weights c
 * is c^T G c with the inner products G of the experts' outputs. Those are found once, and no output is kept: then a set of
 * experts costs a few numbers of G for each token, however wide the layer is. */
#include "num/num.h"
#include "score/experts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { STRIP = 128 };
static const int64_t AT_ONCE = 1 << 24; /* numbers of outputs of a block of tokens */

struct running {
    const cull_checkpoint *ck;
    const cull__moe *m;
    int64_t block, experts, units, inputs, outputs;
    cull__act act;
    const float *x; /* (n, inputs) */
    int64_t n;
    float *y; /* (experts, n, outputs) */
    double *gram;
    cull__moe_slice (*part)[CULL__FFN_PARTS]; /* of each expert */
};

/* gpt-oss keeps what it multiplies within bounds. */
static float clamp(float v) { return v > 7 ? 7 : v < -7 ? -7 : v; }

static float activate(cull__act act, float v)
{
    double x = v;
    switch (act) {
    case CULL__ACT_SILU: return (float)(x / (1 + exp(-x)));
    case CULL__ACT_GELU: return (float)(x * 0.5 * (1 + erf(x * 0.70710678118654752440)));
    case CULL__ACT_GELU_TANH:
        return (float)(x * 0.5 * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))));
    case CULL__ACT_CLAMPED: x = x > 7 ? 7 : x; return (float)(x / (1 + exp(-1.702 * x)));
    case CULL__ACT_RELU: break;
    }
    return v > 0 ? v : 0;
}

/* out (n, rows) = x (n, cols) of a matrix (rows, cols)^T, plus its bias: a strip of rows at a time. */
static cull_status product(cull_ctx *cx, const struct running *r, const cull__moe_slice *m,
                           const cull__moe_slice *bias, const float *x, float *out)
{
    int64_t rows = m->rows, cols = m->cols;
    float *w, *b;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, w, STRIP * cols));
    CULL_TRY(CULL_TMP(cx, b, STRIP));
    for (int64_t at = 0; at < rows; at += STRIP) {
        int64_t n = rows - at < STRIP ? rows - at : STRIP;
        CULL_TRY(cull__moe_part_read(cx, r->ck, m, at, n, w));
        cull__gemm_nt(r->n, n, cols, x, cols, w, cols, out + at, rows);
        if (bias->tensor < 0) continue;
        CULL_TRY(cull__moe_part_read(cx, r->ck, bias, at, n, b));
        for (int64_t t = 0; t < r->n; t++)
            for (int64_t j = 0; j < n; j++) out[t * rows + at + j] += b[j];
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status run_experts(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct running *r = arg;
    float *h, *u;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, h, r->n * r->units));
    CULL_TRY(CULL_TMP(cx, u, r->n * r->units));
    for (int64_t e = lo; e < hi; e++) {
        const cull__moe_slice *p = r->part[e];
        bool gated = p[CULL__FFN_GATE].tensor >= 0 && p[CULL__FFN_UP].tensor >= 0;
        int gate = p[CULL__FFN_GATE].tensor >= 0 ? CULL__FFN_GATE : CULL__FFN_UP;
        CULL_TRY(cull__tick(cx, 0, 0));
        CULL_TRY(
            product(cx, r, p + gate, p + gate - CULL__FFN_GATE + CULL__FFN_GATE_BIAS, r->x, h));
        if (gated) CULL_TRY(product(cx, r, p + CULL__FFN_UP, p + CULL__FFN_UP_BIAS, r->x, u));
        for (int64_t i = 0; i < r->n * r->units; i++) {
            float a = activate(r->act, h[i]);
            h[i] = !gated ? a : r->act == CULL__ACT_CLAMPED ? a * (clamp(u[i]) + 1) : a * u[i];
        }
        CULL_TRY(product(cx, r, p + CULL__FFN_DOWN, p + CULL__FFN_DOWN_BIAS, h,
                         r->y + e * r->n * r->outputs));
    }
    return CULL_OK;
}

static cull_status token_grams(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct running *r = arg;
    const cull__kern *k = cull__kernels(cx);
    int64_t e = r->experts;
    (void)chunk;
    for (int64_t t = lo; t < hi; t++)
        for (int64_t i = 0; i < e; i++)
            for (int64_t j = 0; j <= i; j++) {
                const float *a = r->y + (i * r->n + t) * r->outputs;
                const float *b = r->y + (j * r->n + t) * r->outputs;
                double g = k->dot(a, b, r->outputs);
                r->gram[(t * e + i) * e + j] = r->gram[(t * e + j) * e + i] = g;
            }
    return CULL_OK;
}

static cull_status set_up(cull_ctx *cx, struct running *r)
{
    CULL_TRY(cull__expert_units(cx, r->ck, r->m, r->block, &r->units));
    CULL_TRY(CULL_TMP(cx, r->part, r->experts));
    for (int64_t e = 0; e < r->experts; e++)
        for (int p = CULL__FFN_GATE; p < CULL__FFN_PARTS; p++)
            r->part[e][p] = cull__moe_part(r->ck, r->m, r->block, e, (cull__ffn_part)p);
    const cull__moe_slice *first = r->part[0];
    r->outputs = first[CULL__FFN_DOWN].rows;
    r->inputs = first[first[CULL__FFN_GATE].tensor >= 0 ? CULL__FFN_GATE : CULL__FFN_UP].cols;
    return CULL_OK;
}

/* c^T G c of the change c of a token's weights, those that are not 0. */
static double form(const double *gram, int64_t experts, const double *c)
{
    double s = 0;
    for (int64_t i = 0; i < experts; i++) {
        if (c[i] == 0) continue;
        double row = 0;
        for (int64_t j = 0; j < experts; j++)
            if (c[j] != 0) row += c[j] * gram[i * experts + j];
        s += c[i] * row;
    }
    return s;
}

cull_status cull__expert_outputs(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe *m,
                                 int64_t block, cull__act act, const float *x, int64_t tokens,
                                 const float *logits, int top, bool renormalise,
                                 cull__expert_cache *out)
{
    int64_t e = m->block[block].experts;
    struct running r = {.ck = ck, .m = m, .block = block, .experts = e, .act = act};
    *out = (cull__expert_cache){tokens, e, top, renormalise, logits, NULL, NULL, 0};
    if (e > INT32_MAX / e || tokens > INT64_MAX / 8 / e / e)
        return cull__fail(cx, CULL_EINPUT, "'%.160s' has too many experts", m->block[block].prefix);
    CULL_TRY(CULL_TMP(cx, out->gram, tokens * e * e));
    CULL_TRY(CULL_TMP(cx, out->full, tokens * e));
    CULL_TRY(set_up(cx, &r));
    int64_t step = AT_ONCE / (e * r.outputs);
    step = step < 1 ? 1 : step > tokens ? tokens : step;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, r.y, e * step * r.outputs));
    for (int64_t at = 0; at < tokens; at += step) {
        r.n = tokens - at < step ? tokens - at : step;
        r.x = x + at * r.inputs, r.gram = out->gram + at * e * e;
        CULL_TRY(cull__for(cx, e, 1, run_experts, &r));
        CULL_TRY(cull__for(cx, r.n, 16, token_grams, &r));
        CULL_TRY(cull__tick(cx, (double)(at + r.n), (double)tokens));
    }
    cull__release(cx, mark);
    for (int64_t t = 0; t < tokens; t++) {
        cull__expert_route(logits + t * e, e, top, renormalise, NULL, out->full + t * e);
        out->norm2 += form(out->gram + t * e * e, e, out->full + t * e);
    }
    if (!isfinite(out->norm2))
        return cull__fail(cx, CULL_EINPUT, "the outputs of '%.160s' are not finite",
                          m->block[block].prefix);
    return CULL_OK;
}

double cull__expert_loss(const void *cache, const uint8_t *kept)
{
    const cull__expert_cache *c = cache;
    double loss = 0, weight[CULL__EXPERTS_MOST];
    for (int64_t t = 0; t < c->tokens; t++) {
        const double *full = c->full + t * c->experts;
        bool hit = false; /* a token whose experts all stay loses nothing where weights sum to 1 */
        for (int64_t e = 0; e < c->experts && !hit; e++) hit = full[e] != 0 && !kept[e];
        if (!hit && c->renormalise) continue;
        cull__expert_route(c->logits + t * c->experts, c->experts, c->top, c->renormalise, kept,
                           weight);
        for (int64_t e = 0; e < c->experts; e++) weight[e] -= full[e];
        loss += form(c->gram + t * c->experts * c->experts, c->experts, weight);
    }
    return loss > 0 ? loss : 0; /* rounding */
}
