/* mos-expand - an adapter of shards as an ordinary adapter of low rank
 *
 * Chooses   for every layer the vectors of A and B that its index set picks from the pools.
 * Idea      Mixture of Shards (Wang et al. 2025) trains two pools that all layers share, and keeps for each layer a set,
 *           drawn once, that says which pieces of them make up its A and B. A server that knows LoRA alone needs those
 *           matrices written out: rank r for each layer, of as many numbers as rank e has.
 * Reads     one file of shards: pools, index sets and names of modules, in the layout that mos-build writes.
 * Deviates  The layout of the file is ours. The scale is alpha / r of the rank in use, as in the paper.
 * Cost      one pass over the adapter that is written; the index sets in memory.
 * Example   cull weights mos-expand shards.safetensors -o adapter
 */
#include "base/base.h"
#include "cull/weights.h"
#include "repr/mos.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    char none;
} opts;
static const cull_opt table[] = {CULL_OPT_END};

static cull_status add(cull_ctx *cx, cull_weights_work *w, const cull__mos *m, int64_t type,
                       int64_t layer, int side)
{
    const cull__mos_type *t = m->type + type;
    const char *module;
    cull_weights_item it = {.from = -1, .part = w->items}; /* block finds type and layer by it */
    CULL_TRY(cull__mos_module(cx, t, layer, &module));
    size_t room = strlen(module) + 48;
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    snprintf(name, room, "base_model.model.%s.lora_%c.weight", module, "AB"[side]);
    it.t = *cull_checkpoint_at(w->source[0], t->pool[side]);
    it.t.name = name;
    if (w->problem->dtype) it.t.dtype = w->problem->dtype;
    it.t.shape[0] = side ? t->out : m->rank;
    it.t.shape[1] = side ? m->rank : t->in;
    return cull_weights_add(cx, w, &it);
}

static cull_status config_text(cull_ctx *cx, const cull__mos *m, const char **out)
{
    cull_json j = {.b = CULL_BUF(cx)};
    cull_status s = CULL_OK;
    cull__json_open(&j, '{');
    cull__json_key(&j, "peft_type"), cull__json_str(&j, "LORA");
    cull__json_key(&j, "task_type"), cull__json_str(&j, "CAUSAL_LM");
    cull__json_key(&j, "r"), cull__json_i64(&j, m->rank);
    cull__json_key(&j, "lora_alpha"), cull__json_f64(&j, m->alpha);
    cull__json_key(&j, "lora_dropout"), cull__json_f64(&j, 0);
    cull__json_key(&j, "bias"), cull__json_str(&j, "none");
    cull__json_key(&j, "fan_in_fan_out"), cull__json_bool(&j, false);
    cull__json_key(&j, "inference_mode"), cull__json_bool(&j, true);
    cull__json_key(&j, "target_modules"), cull__json_open(&j, '[');
    for (int64_t t = 0; t < m->types && s == CULL_OK; t++)
        for (int64_t k = 0; k < m->type[t].layers && s == CULL_OK; k++) {
            const char *module;
            s = cull__mos_module(cx, m->type + t, k, &module);
            if (s == CULL_OK) cull__json_str(&j, module);
        }
    cull__json_close(&j, ']'), cull__json_close(&j, '}');
    if (s == CULL_OK) return cull__json_done(&j, out);
    cull__buf_free(&j.b);
    return s;
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    cull__mos *m;
    CULL_TRY(CULL_TMP(cx, m, 1));
    CULL_TRY(cull__mos_read(cx, w->source[0], m));
    w->items = 0;
    w->own = m;
    w->stem = "adapter_model";
    for (int64_t t = 0; t < m->types; t++)
        for (int64_t k = 0; k < m->type[t].layers; k++)
            for (int side = 0; side < 2; side++) CULL_TRY(add(cx, w, m, t, k, side));
    return config_text(cx, m, &w->config);
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    const cull__mos *m = w->own;
    int64_t at = it->part / 2, t = 0;
    (void)state, (void)own;
    while (at >= m->type[t].layers) at -= m->type[t++].layers;
    CULL_TRY(
        cull__mos_numbers(cx, w->source[0], m, m->type + t, at, (int)(it->part % 2), from, n, out));
    for (int64_t i = 0; i < n; i++)
        if (out[i] != out[i])
            return cull__fail(cx, CULL_EINPUT, "a shard of '%.160s' is NaN", it->t.name);
    return CULL_OK;
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_NO_BASE | CULL_WEIGHTS_OWN_NAMES,
                                     .least = 1,
                                     .most = 1,
                                     .items = items,
                                     .block = block};
const cull_method cull__method_mos_expand = {
    .slug = "mos-expand",
    .title = "an adapter of shards as an ordinary adapter of low rank",
    .paper = "Wang et al. 2025, MoS: Unleashing Parameter Efficiency of Low-Rank Adaptation with "
             "Mixture of Shards",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
