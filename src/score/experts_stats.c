/* experts_stats.c - what was recorded of a model's experts while it ran: see experts_stats.h. */
#include "score/experts_stats.h"
#include "num/num.h"
#include "score/experts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const ends[3] = {".router_logits", ".usage", ".inputs"};

/* Which of the ends a name has, and how long what stands before is; -1 = none. */
static int end_of(const char *name, size_t *prefix)
{
    size_t n = strlen(name);
    for (int e = 0; e < 3; e++) {
        size_t k = strlen(ends[e]);
        *prefix = n - k;
        if (n > k && !strcmp(name + n - k, ends[e])) return e;
    }
    return -1;
}

static int64_t block_of(const cull__moe *m, const char *name, size_t prefix)
{
    for (int64_t b = 0; b < m->blocks; b++)
        if (strlen(m->block[b].prefix) == prefix && !memcmp(m->block[b].prefix, name, prefix))
            return b;
    return -1;
}

static cull_status check_block(cull_ctx *cx, const cull_checkpoint *stats,
                               const cull_checkpoint *ck, const cull__moe *m, int64_t b,
                               cull__expert_stats *of)
{
    const char *path = cull_checkpoint_path(stats);
    int64_t experts = m->block[b].experts;
    int64_t inputs = cull_checkpoint_at(ck, m->block[b].router)->shape[1];
    const int64_t at[3] = {of->logits, of->usage, of->inputs};
    const int64_t want[3] = {experts, experts, inputs};
    if (of->logits < 0 && of->usage < 0 && of->inputs < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has nothing about '%.160s': no '%.160s.router_logits', .usage or "
                          ".inputs",
                          path, m->block[b].prefix, m->block[b].prefix);
    for (int e = 0; e < 3; e++) {
        if (at[e] < 0) continue;
        const cull_tensor *t = cull_checkpoint_at(stats, at[e]);
        int last = e == 1 ? 0 : 1;
        if (t->ndim != last + 1 || t->shape[last] != want[e] || !t->numeric)
            return cull__fail(
                cx, CULL_EINPUT, "%s: '%.160s' is not %s%" PRId64 " numbers%s, which '%.100s' has",
                path, t->name, last ? "rows of " : "", want[e],
                e == 2 ? ", as many inputs" : ", one for each expert", m->block[b].prefix);
        if (last && of->tokens && of->tokens != t->shape[0])
            return cull__fail(cx, CULL_EINPUT,
                              "%s: '%.160s' has %" PRId64
                              " rows; logits and inputs of a block are of the same tokens",
                              path, t->name, t->shape[0]);
        if (last) of->tokens = t->shape[0];
        if (last && t->shape[0] < 1)
            return cull__fail(cx, CULL_EINPUT, "%s: '%.160s' has no rows", path, t->name);
    }
    return CULL_OK;
}

cull_status cull__expert_stats_find(cull_ctx *cx, const cull_checkpoint *stats,
                                    const cull_checkpoint *ck, const cull__moe *m,
                                    cull__expert_stats *of)
{
    for (int64_t b = 0; b < m->blocks; b++) of[b] = (cull__expert_stats){-1, -1, -1, 0};
    for (int64_t i = 0; i < cull_checkpoint_count(stats); i++) {
        const char *name = cull_checkpoint_at(stats, i)->name;
        size_t prefix;
        int e = end_of(name, &prefix);
        if (e < 0) continue;
        int64_t b = block_of(m, name, prefix);
        if (b < 0)
            return cull__fail(
                cx, CULL_EINPUT,
                "%s is of another model: '%.160s' is of no block of %s; its first one "
                "is '%.160s'",
                cull_checkpoint_path(stats), name, cull_checkpoint_path(ck), m->block[0].prefix);
        *(e == 0 ? &of[b].logits : e == 1 ? &of[b].usage : &of[b].inputs) = i;
    }
    for (int64_t b = 0; b < m->blocks; b++) CULL_TRY(check_block(cx, stats, ck, m, b, of + b));
    return CULL_OK;
}

cull_status cull__expert_stats_read(cull_ctx *cx, const cull_checkpoint *stats, int64_t i,
                                    float **out)
{
    const cull_tensor *t = cull_checkpoint_at(stats, i);
    CULL_TRY(CULL_TMP(cx, *out, t->n));
    CULL_TRY(cull_checkpoint_read(cx, stats, i, 0, t->n, *out));
    for (int64_t k = 0; k < t->n; k++)
        if (!isfinite((*out)[k]))
            return cull__fail(cx, CULL_EINPUT, "%s: number %" PRId64 " of '%.160s' is not finite",
                              cull_checkpoint_path(stats), k, t->name);
    return CULL_OK;
}

cull_status cull__expert_stats_logits(cull_ctx *cx, const cull_checkpoint *stats,
                                      const cull_checkpoint *ck, const cull__moe *m, int64_t block,
                                      const cull__expert_stats *of, float **z)
{
    int64_t router = m->block[block].router, e = m->block[block].experts;
    float *x, *w, *add = NULL;
    *z = NULL;
    if (of->logits >= 0) return cull__expert_stats_read(cx, stats, of->logits, z);
    if (of->inputs < 0) return CULL_OK;
    if (m->network && m->network->scaled)
        return cull__fail(
            cx, CULL_EINPUT,
            "%s has no '%.160s.router_logits' or .usage, and this router's logits are "
            "more than a product of its inputs",
            cull_checkpoint_path(stats), m->block[block].prefix);
    const cull_tensor *t = cull_checkpoint_at(ck, router);
    CULL_TRY(CULL_TMP(cx, *z, of->tokens * e));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(cull__expert_stats_read(cx, stats, of->inputs, &x));
    CULL_TRY(CULL_TMP(cx, w, t->n));
    CULL_TRY(cull_checkpoint_read(cx, ck, router, 0, t->n, w));
    if (m->block[block].bias >= 0) {
        CULL_TRY(CULL_TMP(cx, add, e));
        CULL_TRY(cull_checkpoint_read(cx, ck, m->block[block].bias, 0, e, add));
    }
    for (int64_t i = 0; i < of->tokens; i++)
        for (int64_t k = 0; k < e; k++)
            (*z)[i * e + k] = (float)cull__kernels(cx)->dot(x + i * t->shape[1],
                                                            w + k * t->shape[1], t->shape[1]) +
                              (add ? add[k] : 0);
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__expert_stats_usage(cull_ctx *cx, const cull_checkpoint *stats, const cull__moe *m,
                                     int64_t block, const cull__expert_stats *of, const float *z,
                                     int top, double *usage)
{
    int64_t e = m->block[block].experts;
    float *x;
    if (of->usage < 0) return cull__expert_usage(cx, z, of->tokens, e, top, usage);
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(cull__expert_stats_read(cx, stats, of->usage, &x));
    for (int64_t k = 0; k < e; k++) {
        usage[k] = x[k];
        if (x[k] < 0)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: the usage of expert %" PRId64 " of '%.160s' is below 0",
                              cull_checkpoint_path(stats), k, m->block[block].prefix);
    }
    cull__release(cx, mark);
    return CULL_OK;
}
