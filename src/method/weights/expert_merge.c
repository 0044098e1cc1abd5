/* expert-merge - a mixture of experts in which experts that routing treats alike have become one
 *
 * Chooses   groups of experts in each layer, and one expert of each group's mean.
 * Idea      UNCURL (Sarkar et al. 2024): experts whose router logits go together on the task are of one group (spectral
 *           clustering of (cosine + 1) / 2). An expert's hidden neurons have no order of their own, so each is first permuted
 *           onto the most used expert of its group, by the assignment with the largest inner product of all its matrices; then
 *           the mean, weighted by usage, is taken. group = core is M-SMoE (Li et al. 2024): the most used experts are
 *           cores, each other one joins the core that it is most like.
 * Reads     one model; as activations a file of router logits (or inputs) of each layer.
 * Deviates  The router gets one row a group, the mean weighted alike: any program loads that. router = mapped keeps all rows, and
 *           the manifest says whose probabilities are added up; that is exact for equal experts, and what the paper leaves
 *           open. A merged expert can no longer be routed to by parts: compare with expert-drop on the task.
 * Cost      logits: O(tokens experts^2). Aligning one expert of u units: 12 u^2 bytes and a matrix in f32, O(u^3) time at
 *           worst. One pass over the weights.
 * Example   cull weights expert-merge --experts 4 --activations stats.safetensors model -o small
 */
#include "num/spectral.h"
#include "score/experts_reduce.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    int64_t experts, top, restarts;
    double share;
    int group, router;
    bool align;
} opts;
enum { SPECTRAL, CORE };
enum { MEAN, MAPPED };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, experts, 0, 0, 1 << 20, "experts of each layer that there will be"),
    CULL_OPT_F64(
        opts, share, 0, 0, 1,
        "the share of all experts that there will be, by usage over all layers; 0 = experts"),
    CULL_OPT_ENUM(opts, group, SPECTRAL, "spectral|core",
                  "groups by spectral clustering, or about the most used experts"),
    CULL_OPT_BOOL(opts, align, true, "permute hidden neurons before the mean is taken"),
    CULL_OPT_ENUM(opts, router, MEAN, "mean|mapped",
                  "one row for each group, or all rows, whose probabilities are to be added up"),
    CULL_OPT_I64(opts, top, 0, 0, 1024, "experts that a token goes to; 0 = as the config says"),
    CULL_OPT_I64(opts, restarts, 10, 1, 1000, "of k-means in spectral clustering"),
    CULL_OPT_END};

typedef struct {
    cull__reduce r;
    int64_t *units; /* of each block; 0: nothing is permuted */
    int32_t ***
        order; /* of each block and expert: its unit that stands for each of the head's; NULL = in order */
} state;

/* ---- groups ---- */

/* The most used experts are cores; the others join the most alike, ties: the lower core. */
static void about_cores(const double *like, const double *usage, int64_t experts, int64_t k,
                        int32_t *group)
{
    for (int64_t e = 0; e < experts; e++) group[e] = -1;
    for (int32_t g = 0; g < k; g++) {
        int64_t best = -1;
        for (int64_t e = 0; e < experts; e++)
            if (group[e] < 0 && (best < 0 || usage[e] > usage[best])) best = e;
        group[best] = g;
    }
    for (int64_t e = 0; e < experts; e++) {
        int64_t best = -1;
        if (group[e] >= 0) continue;
        for (int64_t c = 0; c < experts; c++)
            if (group[c] >= 0 && (best < 0 || like[e * experts + c] > like[e * experts + best]))
                best = c;
        group[e] = -2 - group[best]; /* it is no core itself */
    }
    for (int64_t e = 0; e < experts; e++)
        if (group[e] < -1) group[e] = -2 - group[e];
}

static cull_status choose(cull_ctx *cx, cull__reduce *r, const opts *o, int64_t b)
{
    int64_t experts = r->moe.block[b].experts, k = r->kept[b];
    float *z;
    double *usage, *like;
    int32_t *group;
    CULL_TRY(cull__reduce_block(cx, r, b, &z, &usage));
    if (!z)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has no '%.160s.router_logits', by which experts are grouped",
                          cull_checkpoint_path(r->stats), r->moe.block[b].prefix);
    CULL_TRY(CULL_TMP(cx, like, experts * experts));
    CULL_TRY(CULL_TMP(cx, group, experts));
    CULL_TRY(cull__expert_likeness(cx, z, r->of[b].tokens, experts, like));
    if (o->group == SPECTRAL)
        CULL_TRY(cull__spectral(cx, like, experts, k, (int)o->restarts, group));
    else
        about_cores(like, usage, experts, k, group);
    cull__moe_cut_merge(r->cut + b, experts, k, group, usage);
    return CULL_OK;
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    const opts *o = w->opts;
    state *s;
    int64_t *keep;
    bool done;
    CULL_TRY(CULL_TMP0(cx, s, 1));
    cull__reduce *r = &s->r;
    CULL_TRY(cull__reduce_open(cx, w, o->top, r, &done));
    w->own = s;
    CULL_TRY(CULL_TMP(cx, keep, r->moe.blocks));
    for (int64_t b = 0; b < r->moe.blocks; b++) /* rules may name a layer by its router */
        keep[b] = ((const opts *)w->item[r->moe.block[b].router].opts[0])->experts;
    if (!done) CULL_TRY(cull__reduce_counts(cx, r, o->share, keep));
    if (!done) r->whole = o->router == MAPPED, r->aligned = o->align;
    for (int64_t b = 0; b < r->moe.blocks && !done; b++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(choose(cx, r, o, b));
        cull__release(cx, mark);
        CULL_TRY(cull__tick(cx, (double)b, (double)r->moe.blocks));
    }
    CULL_TRY(CULL_TMP0(cx, s->units, r->moe.blocks));
    for (int64_t b = 0; b < r->moe.blocks; b++)
        if (r->aligned && r->cut[b].kept < r->moe.block[b].experts)
            CULL_TRY(cull__expert_units(cx, r->ck, &r->moe, b, &s->units[b]));
    if (r->whole && !w->planning)
        cull__log(cx, CULL_LOG_WARN,
                  "routers keep a row for each old expert: whoever runs the model must add up "
                  "probabilities as the manifest says");
    return cull__reduce_close(cx, w, r, "expert-merge");
}

/* ---- the order of units ---- */

static cull_status align_block(cull_ctx *cx, state *s, int64_t b)
{
    const cull__moe_cut *c = s->r.cut + b;
    for (int64_t e = 0; e < s->r.moe.block[b].experts; e++) {
        int32_t g = c->group[e];
        if (g < 0 || c->head[g] == e) continue;
        CULL_TRY(CULL_TMP(cx, s->order[b][e], s->units[b]));
        CULL_TRY(cull__expert_align(cx, s->r.ck, &s->r.moe, b, c->head[g], e, s->order[b][e]));
        CULL_TRY(cull__tick(cx, 0, 0));
    }
    return CULL_OK;
}

static cull_status begin(cull_ctx *cx, const cull_weights_work *w, void **out)
{
    state *s = w->own;
    CULL_TRY(CULL_TMP0(cx, s->order, s->r.moe.blocks));
    for (int64_t b = 0; b < s->r.moe.blocks; b++) {
        CULL_TRY(CULL_TMP0(cx, s->order[b], s->r.moe.block[b].experts));
        if (s->units[b]) CULL_TRY(align_block(cx, s, b));
        CULL_TRY(cull__tick(cx, (double)b, (double)s->r.moe.blocks));
    }
    *out = s;
    return CULL_OK;
}

/* ---- the mean ---- */

/* The tensors of a group that are the same part. */
typedef struct {
    int64_t n, *tensor;
    const int32_t **order;
    float *weight;
} group;

static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *st, void **own)
{
    const state *s = st;
    const struct cull__moe_place *p = s->r.moe.place + it->from, *q = s->r.moe.place;
    *own = NULL;
    (void)w;
    if (p->kind != CULL__MOE_EXPERT) return CULL_OK;
    int64_t experts = s->r.moe.block[p->block].experts;
    const cull__moe_cut *c = s->r.cut + p->block;
    group *g;
    CULL_TRY(CULL_TMP0(cx, g, 1));
    CULL_TRY(CULL_TMP(cx, g->tensor, experts));
    CULL_TRY(CULL_TMP(cx, g->order, experts));
    CULL_TRY(CULL_TMP(cx, g->weight, experts));
    for (int64_t i = 0; i < cull_checkpoint_count(s->r.ck); i++) {
        if (q[i].block != p->block || q[i].expert < 0 || strcmp(q[i].rest, p->rest)) continue;
        if (c->group[q[i].expert] != c->group[p->expert]) continue;
        if (cull_checkpoint_at(s->r.ck, i)->n != cull_checkpoint_at(s->r.ck, it->from)->n)
            return cull__fail(cx, CULL_EINPUT, "'%.160s' and '%.160s' are not of one shape",
                              cull_checkpoint_at(s->r.ck, i)->name, it->t.name);
        g->tensor[g->n] = i;
        g->order[g->n] = s->order[p->block][q[i].expert];
        g->weight[g->n++] = (float)c->weight[q[i].expert];
    }
    *own = g;
    return CULL_OK;
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *st, const void *own, int64_t from, int64_t n, float *out)
{
    const state *s = st;
    const group *g = own;
    const struct cull__moe_place *p = s->r.moe.place + it->from;
    float *x;
    if (!g)
        return cull__moe_cut_rows(cx, w, it, &s->r.moe, s->r.cut + p->block,
                                  p->kind == CULL__MOE_FUSED ? s->order[p->block] : NULL, from, n,
                                  out);
    CULL_TRY(CULL_TMP(cx, x, n));
    memset(out, 0, (size_t)n * sizeof *out);
    for (int64_t k = 0; k < g->n; k++) {
        CULL_TRY(cull__moe_cut_read(cx, w, &s->r.moe, g->tensor[k], 0, g->order[k], from, n, x));
        for (int64_t i = 0; i < n; i++) out[i] += g->weight[k] * x[i];
    }
    return CULL_OK;
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    const state *s = w->own;
    uint64_t most = 0, orders = 0;
    for (int64_t b = 0; b < s->r.moe.blocks; b++) {
        int64_t u = s->units[b],
                in = cull_checkpoint_at(s->r.ck, s->r.moe.block[b].router)->shape[1];
        uint64_t here = u ? cull__expert_align_bytes(u, in) : 0;
        most = here > most ? here : most;
        orders += (uint64_t)u * (uint64_t)(s->r.moe.block[b].experts - s->r.cut[b].kept) * 4;
    }
    (void)threads;
    *bytes = most + orders, *passes = 1;
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_NO_BASE,
                                     .least = 1,
                                     .most = 1,
                                     .items = items,
                                     .begin = begin,
                                     .tensor = tensor,
                                     .block = block,
                                     .plan = plan};
const cull_method cull__method_expert_merge = {
    .slug = "expert-merge",
    .title = "a mixture of experts in which experts that are routed to alike are one",
    .paper =
        "Sarkar et al. 2024, Revisiting SMoE Language Models by Evaluating Inefficiencies with "
        "Task Specific Expert Pruning",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
