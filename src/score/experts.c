/* experts.c - how much experts are used, how alike their routing is, which of their units are the same: see experts.h. */
#include "score/experts.h"
#include "num/num.h"

#include <cblas.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TOKENS = 4096, UNITS = 64, STRIP = 128 };

/* ---- routing ---- */

/* The `top` largest of z that are kept get a mark each; ties go to the lower. */
static void mark_top(const float *z, int64_t n, int top, const uint8_t *kept, double *mark)
{
    for (int64_t e = 0; e < n; e++) mark[e] = 0;
    for (int k = 0; k < top; k++) {
        int64_t best = -1;
        for (int64_t e = 0; e < n; e++)
            if ((!kept || kept[e]) && mark[e] == 0 && (best < 0 || z[e] > z[best])) best = e;
        if (best < 0) return;
        mark[best] = 1;
    }
}

void cull__expert_route(const float *z, int64_t experts, int top, bool renormalise,
                        const uint8_t *kept, double *weight)
{
    double most = -INFINITY, all = 0, sum = 0;
    for (int64_t e = 0; e < experts; e++)
        if ((!kept || kept[e]) && z[e] > most) most = z[e];
    mark_top(z, experts, top, kept, weight);
    for (int64_t e = 0; e < experts; e++) {
        if (kept && !kept[e]) continue;
        double p = exp(z[e] - most);
        all += p;
        sum += weight[e] *= p;
    }
    double by = renormalise ? sum : all;
    for (int64_t e = 0; e < experts && by > 0; e++) weight[e] /= by;
}

struct routing {
    const float *z;
    int64_t tokens, experts;
    int top;
    double *sum; /* of each chunk: (experts), or (experts, experts) */
};

static cull_status count_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct routing *r = arg;
    double *mark, *sum = r->sum + chunk * r->experts;
    CULL_TRY(CULL_TMP(cx, mark, r->experts));
    for (int64_t t = lo; t < hi; t++) {
        mark_top(r->z + t * r->experts, r->experts, r->top, NULL, mark);
        for (int64_t e = 0; e < r->experts; e++) sum[e] += mark[e];
    }
    return CULL_OK;
}

cull_status cull__expert_usage(cull_ctx *cx, const float *z, int64_t tokens, int64_t experts,
                               int top, double *usage)
{
    struct routing r = {.z = z, .experts = experts, .top = top};
    int64_t chunks = (tokens + TOKENS - 1) / TOKENS;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, r.sum, chunks * experts));
    CULL_TRY(cull__for(cx, tokens, TOKENS, count_chunk, &r));
    for (int64_t e = 0; e < experts; e++) {
        usage[e] = 0;
        for (int64_t c = 0; c < chunks; c++) usage[e] += r.sum[c * experts + e];
        usage[e] /= tokens ? (double)tokens : 1;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* Rows e of the Gram matrix of columns of z; tokens in their order. */
static cull_status gram_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct routing *r = arg;
    int64_t n = r->experts;
    (void)chunk;
    CULL_TRY(cull__tick(cx, 0, 0));
    for (int64_t t = 0; t < r->tokens; t++) {
        const float *z = r->z + t * n;
        for (int64_t i = lo; i < hi; i++)
            for (int64_t j = 0; j <= i; j++) r->sum[i * n + j] += (double)z[i] * z[j];
    }
    return CULL_OK;
}

cull_status cull__expert_likeness(cull_ctx *cx, const float *z, int64_t tokens, int64_t experts,
                                  double *s)
{
    struct routing r = {.z = z, .tokens = tokens, .experts = experts, .sum = s};
    memset(s, 0, (size_t)(experts * experts) * sizeof *s);
    CULL_TRY(cull__for(cx, experts, 8, gram_rows, &r));
    for (int64_t i = 0; i < experts; i++)
        for (int64_t j = 0; j < i; j++) {
            double both = s[i * experts + i] * s[j * experts + j];
            double c = both > 0 ? s[i * experts + j] / sqrt(both) : 0;
            c = c > 1 ? 1 : c < -1 ? -1 : c;
            s[i * experts + j] = s[j * experts + i] = (c + 1) / 2;
        }
    for (int64_t i = 0; i < experts; i++) s[i * experts + i] = 1;
    return CULL_OK;
}

/* ---- units ---- */

static const cull__ffn_part rows_of_units[] = {CULL__FFN_GATE, CULL__FFN_UP};

cull_status cull__expert_units(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe *m,
                               int64_t block, int64_t *units)
{
    const cull__moe_block *b = m->block + block;
    if (b->fused && !b->units)
        return cull__fail(
            cx, CULL_EINPUT,
            "'%.160s' has all experts in one tensor: how their units lie in it is not "
            "known of this network",
            b->prefix);
    int64_t in = 0, out = 0;
    *units = 0;
    for (int64_t e = 0; e < b->experts; e++) {
        cull__moe_slice g = cull__moe_part(ck, m, block, e, CULL__FFN_GATE);
        cull__moe_slice u = cull__moe_part(ck, m, block, e, CULL__FFN_UP);
        cull__moe_slice d = cull__moe_part(ck, m, block, e, CULL__FFN_DOWN);
        if (g.tensor < 0) g = u;
        if (u.tensor < 0) u = g;
        if (g.tensor < 0 || d.tensor < 0)
            return cull__fail(cx, CULL_EINPUT,
                              "expert %" PRId64
                              " of '%.160s' has no pair of matrices like w1 and w2, "
                              "gate_proj and down_proj, or wi and wo",
                              e, b->prefix);
        if (e == 0) *units = g.rows, in = g.cols, out = d.rows;
        if (g.rows != *units || d.cols != *units || u.rows != *units || u.cols != in ||
            g.cols != in || d.rows != out || *units < 1 || in < 1)
            return cull__fail(cx, CULL_EINPUT,
                              "the matrices of expert %" PRId64 " of '%.160s' do not have %" PRId64
                              " units, as the others do",
                              e, b->prefix, *units);
    }
    return CULL_OK;
}

uint64_t cull__expert_align_bytes(int64_t units, int64_t inputs)
{
    uint64_t u = (uint64_t)units, i = (uint64_t)inputs;
    return u * u * 12 + u * 48 + (i > 2 * STRIP ? i : 2 * STRIP) * u * 4 + (i << 13);
}

struct aligning {
    const cull_checkpoint *ck;
    int64_t units, inputs;
    cull__moe_slice ref; /* a matrix of the reference, (units, inputs) */
    const float *x, *y;  /* (units, inputs) of the other; or strips (rows, units) of both */
    int64_t rows;
    float *c; /* (units, units): what unit i of the reference and j of the other have in common */
    double *cost;
};

static cull_status score_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct aligning *a = arg;
    float *r;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, r, (hi - lo) * a->inputs));
    CULL_TRY(cull__moe_part_read(cx, a->ck, &a->ref, lo, hi - lo, r));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)(hi - lo), (int)a->units,
                (int)a->inputs, 1, r, (int)a->inputs, a->x, (int)a->inputs, 1, a->c + lo * a->units,
                (int)a->units);
    return CULL_OK;
}

static cull_status score_columns(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct aligning *a = arg;
    (void)cx, (void)chunk;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(hi - lo), (int)a->units,
                (int)a->rows, 1, a->y + lo, (int)a->units, a->x, (int)a->units, 1,
                a->c + lo * a->units, (int)a->units);
    return CULL_OK;
}

static cull_status add_in(cull_ctx *cx, struct aligning *a, cull__moe_slice ref,
                          cull__moe_slice other)
{
    float *x;
    cull__mark_t mark = cull__mark(cx);
    a->ref = ref, a->inputs = ref.cols;
    CULL_TRY(CULL_TMP(cx, x, a->units * a->inputs));
    CULL_TRY(cull__moe_part_read(cx, a->ck, &other, 0, a->units, x));
    a->x = x;
    CULL_TRY(cull__for(cx, a->units, UNITS, score_rows, a));
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status add_out(cull_ctx *cx, struct aligning *a, cull__moe_slice ref,
                           cull__moe_slice other)
{
    int64_t rows = ref.rows, u = a->units;
    float *x, *y;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, x, STRIP * u));
    CULL_TRY(CULL_TMP(cx, y, STRIP * u));
    a->x = x, a->y = y;
    for (int64_t at = 0; at < rows; at += STRIP) {
        a->rows = rows - at < STRIP ? rows - at : STRIP;
        CULL_TRY(cull__moe_part_read(cx, a->ck, &ref, at, a->rows, y));
        CULL_TRY(cull__moe_part_read(cx, a->ck, &other, at, a->rows, x));
        CULL_TRY(cull__for(cx, u, UNITS, score_columns, a));
        CULL_TRY(cull__tick(cx, 0, 0));
    }
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__expert_align(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe *m,
                               int64_t block, int64_t ref, int64_t expert, int32_t *perm)
{
    struct aligning a = {.ck = ck};
    int64_t *col;
    double total;
    CULL_TRY(cull__expert_units(cx, ck, m, block, &a.units));
    int64_t u = a.units;
    if (u > 65536)
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " units are too many to be aligned", u);
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, a.c, u * u));
    for (int i = 0; i < 2; i++) {
        cull__moe_slice r = cull__moe_part(ck, m, block, ref, rows_of_units[i]);
        if (r.tensor < 0) continue;
        CULL_TRY(add_in(cx, &a, r, cull__moe_part(ck, m, block, expert, rows_of_units[i])));
    }
    CULL_TRY(add_out(cx, &a, cull__moe_part(ck, m, block, ref, CULL__FFN_DOWN),
                     cull__moe_part(ck, m, block, expert, CULL__FFN_DOWN)));
    CULL_TRY(CULL_TMP(cx, a.cost, u * u));
    CULL_TRY(CULL_TMP(cx, col, u));
    for (int64_t i = 0; i < u * u; i++) a.cost[i] = -(double)a.c[i];
    CULL_TRY(cull__assign(cx, a.cost, u, u, col, &total));
    for (int64_t i = 0; i < u; i++) perm[i] = (int32_t)col[i];
    cull__release(cx, mark);
    return CULL_OK;
}
