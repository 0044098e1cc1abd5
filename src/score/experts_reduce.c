/* experts_reduce.c - what methods that leave a model fewer experts have in common: see experts_reduce.h. */
#include "score/experts_reduce.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cull_status read_config(cull_ctx *cx, cull__reduce *r)
{
    const char *folder = cull_checkpoint_folder(r->ck);
    size_t room = strlen(folder) + sizeof "/config.json";
    char *path;
    CULL_TRY(CULL_TMP(cx, path, (int64_t)room));
    snprintf(path, room, "%s/config.json", folder);
    CULL_TRY(cull__moe_config_read(cx, path, cull_checkpoint_config(r->ck), &r->config));
    if (r->config.groups > 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: tokens choose among %" PRId64
                          " groups of experts first (n_group), which dropping would unbalance",
                          path, r->config.groups);
    return CULL_OK;
}

cull_status cull__reduce_open(cull_ctx *cx, const cull_weights_work *w, int64_t top,
                              cull__reduce *r, bool *done)
{
    const cull_weights_problem *p = w->problem;
    *r = (cull__reduce){.ck = w->source[0], .stats = p->activations};
    CULL_TRY(cull__moe_find(cx, r->ck, &r->moe));
    CULL_TRY(read_config(cx, r));
    r->config.sigmoid |= r->moe.network && r->moe.network->sigmoid;
    CULL_TRY(cull__moe_cut_new(cx, &r->moe, &r->cut));
    CULL_TRY(CULL_TMP(cx, r->kept, r->moe.blocks));
    *done = p->manifest != NULL;
    if (*done)
        return cull__moe_manifest_read(cx, p->manifest, &r->moe, r->cut, &r->whole, &r->aligned);
    if (!r->stats)
        return cull__fail(
            cx, CULL_EINPUT,
            "there are no statistics of experts (activations): a safetensors file with "
            "'%.160s.router_logits' and so on",
            r->moe.block[0].prefix);
    CULL_TRY(CULL_TMP(cx, r->of, r->moe.blocks));
    CULL_TRY(cull__expert_stats_find(cx, r->stats, r->ck, &r->moe, r->of));
    if (!top) top = r->config.top;
    if (!top)
        return cull__fail(cx, CULL_EINPUT,
                          "the config of %s does not say how many experts a token goes to "
                          "(num_experts_per_tok); top=N does",
                          cull_checkpoint_path(r->ck));
    for (int64_t b = 0; b < r->moe.blocks; b++)
        if (top < 1 || top > r->moe.block[b].experts)
            return cull__fail(cx, CULL_EOPTION,
                              "a token cannot go to %" PRId64 " of the %" PRId64
                              " experts of '%.160s'",
                              top, r->moe.block[b].experts, r->moe.block[b].prefix);
    r->top = (int)top;
    return CULL_OK;
}

cull_status cull__reduce_block(cull_ctx *cx, const cull__reduce *r, int64_t block, float **z,
                               double **usage)
{
    CULL_TRY(CULL_TMP(cx, *usage, r->moe.block[block].experts));
    CULL_TRY(cull__expert_stats_logits(cx, r->stats, r->ck, &r->moe, block, r->of + block, z));
    return cull__expert_stats_usage(cx, r->stats, &r->moe, block, r->of + block, *z, r->top,
                                    *usage);
}

/* ---- how many ---- */

typedef struct {
    double usage;
    int64_t block, expert;
} entry;

static int by_usage(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->usage != y->usage) return x->usage < y->usage ? 1 : -1;
    if (x->block != y->block) return x->block < y->block ? -1 : 1;
    return x->expert < y->expert ? -1 : x->expert > y->expert;
}

/* One threshold of usage over all blocks. */
static cull_status by_share(cull_ctx *cx, cull__reduce *r, double share)
{
    int64_t all = 0, at = 0, least = 0;
    entry *e;
    for (int64_t b = 0; b < r->moe.blocks; b++) all += r->moe.block[b].experts;
    int64_t want = (int64_t)floor(share * (double)all + 0.5);
    CULL_TRY(CULL_TMP(cx, e, all));
    for (int64_t b = 0; b < r->moe.blocks; b++) {
        float *z;
        double *usage;
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__reduce_block(cx, r, b, &z, &usage));
        for (int64_t k = 0; k < r->moe.block[b].experts; k++) e[at++] = (entry){usage[k], b, k};
        cull__release(cx, mark);
        r->kept[b] = r->top;
        least += r->top;
    }
    if (want < least)
        return cull__fail(cx, CULL_EOPTION,
                          "a share of %g is %" PRId64 " experts; %" PRId64
                          " blocks need %d each, that many a token goes to",
                          share, want, r->moe.blocks, r->top);
    qsort(e, (size_t)all, sizeof *e, by_usage);
    int64_t *seen;
    CULL_TRY(CULL_TMP0(cx, seen, r->moe.blocks));
    for (int64_t i = 0, left = want - least; i < all && left > 0; i++) {
        if (seen[e[i].block]++ < r->top) continue; /* counted already */
        r->kept[e[i].block]++;
        left--;
    }
    return CULL_OK;
}

cull_status cull__reduce_counts(cull_ctx *cx, cull__reduce *r, double share, const int64_t *keep)
{
    if (share > 0) return by_share(cx, r, share);
    for (int64_t b = 0; b < r->moe.blocks; b++) {
        int64_t experts = r->moe.block[b].experts;
        r->kept[b] = keep[b];
        if (keep[b] < 1)
            return cull__fail(cx, CULL_EOPTION,
                              "0 experts cannot be kept: experts=N says how many of the %" PRId64
                              " of '%.160s' are, or share which part of all",
                              experts, r->moe.block[b].prefix);
        if (keep[b] > experts)
            return cull__fail(cx, CULL_EOPTION,
                              "%" PRId64 " experts cannot be kept of the %" PRId64 " of '%.160s'",
                              keep[b], experts, r->moe.block[b].prefix);
        if (keep[b] < r->top)
            return cull__fail(cx, CULL_EOPTION,
                              "'%.160s' cannot keep %" PRId64 " experts: a token goes to %d",
                              r->moe.block[b].prefix, keep[b], r->top);
    }
    return CULL_OK;
}

/* ---- the end ---- */

cull_status cull__reduce_close(cull_ctx *cx, cull_weights_work *w, const cull__reduce *r,
                               const char *slug)
{
    CULL_TRY(cull__moe_cut_items(cx, w, &r->moe, r->cut, r->whole));
    if (!w->planning) CULL_TRY(cull__moe_cut_config(cx, w, &r->moe, r->cut));
    return cull__moe_manifest(cx, slug, r->ck, &r->moe, r->cut, r->whole, r->aligned, &w->manifest);
}

cull_status cull__reduce_act(cull_ctx *cx, const cull__reduce *r, cull__act *out)
{
    static const struct {
        const char *name;
        cull__act act;
    } acts[] = {{"silu", CULL__ACT_SILU},
                {"swish", CULL__ACT_SILU},
                {"gelu", CULL__ACT_GELU},
                {"gelu_new", CULL__ACT_GELU_TANH},
                {"gelu_pytorch_tanh", CULL__ACT_GELU_TANH},
                {"relu", CULL__ACT_RELU}};
    if (r->moe.network && r->moe.network->clamped) return *out = CULL__ACT_CLAMPED, CULL_OK;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (!strcmp(r->config.act, acts[i].name)) {
            *out = acts[i].act;
            return CULL_OK;
        }
    return cull__fail(
        cx, CULL_EINPUT,
        "experts with the activation '%s' are not run here; by=usage needs no outputs",
        r->config.act);
}
