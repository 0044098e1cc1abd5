/* shards.h - a model and an adapter of shards drawn for it, for tests of mos-build and mos-expand. */
#ifndef CULL_TEST_SHARDS_H
#define CULL_TEST_SHARDS_H
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

static inline cull_status run(cull_ctx *cx, const char *slug, const cull_checkpoint *base,
                              const cull_checkpoint *const *model, int models, const char *rule,
                              const char *out, const char *const *option)
{
    cull_weights_problem p = {
        .base = base, .model = model, .models = models, .rule = &rule, .rules = rule != NULL};
    const cull_method *m = cull_method_find(slug, NULL);
    cull_weights_report report;
    cull_opts *o;
    cull_status s = cull_opts_new(cx, m, &o);
    for (; s == CULL_OK && option && option[0]; option += 2)
        s = cull_opts_set(cx, o, option[0], option[1]);
    if (s == CULL_OK) s = cull_weights_run(cx, m, o, &p, out, &report);
    cull_opts_free(o);
    return s;
}

enum { L = 3, D = 12, KV = 8 };
static inline cull_checkpoint *model(cull_ctx *cx)
{
    static tensors s;
    cull_checkpoint *ck;
    char name[TENSOR_NAME];
    for (int k = 0; k < L; k++) {
        snprintf(name, sizeof name, "model.layers.%d.self_attn.q_proj.weight", k);
        tensors_add(&s, name, "BF16", D, D);
        snprintf(name, sizeof name, "model.layers.%d.self_attn.k_proj.weight", k);
        tensors_add(&s, name, "BF16", KV, D);
        snprintf(name, sizeof name, "model.layers.%d.input_layernorm.weight", k);
        tensors_add(&s, name, "BF16", D, 0);
    }
    tensors_add(&s, "model.embed_tokens.weight", "BF16", 20, D);
    tensors_write(cx, &s, in_dir("model.safetensors"), NULL);
    tensors_clear(&s);
    ok(cx, cull_checkpoint_open(cx, in_dir("model.safetensors"), &ck));
    return ck;
}

/* The file that mos-build drew, its pools filled with other numbers as if trained; *out is the file opened. */
static inline void trained(cull_ctx *cx, const char *const *option, tensors *s,
                           cull_checkpoint **out)
{
    cull_checkpoint *ck = model(cx), *built;
    const cull_checkpoint *one = ck;
    ok(cx, run(cx, "mos-build", NULL, &one, 1, NULL, in_dir("built.safetensors"), option));
    ok(cx, cull_checkpoint_open(cx, in_dir("built.safetensors"), &built));
    const char *meta[16], *value;
    int64_t metas = 0;
    for (const char *key; cull_checkpoint_meta_at(built, metas / 2, &key, &value); metas += 2)
        meta[metas] = key, meta[metas + 1] = value;
    cull_rng r = cull__rng_seeded(5, 0);
    for (int64_t i = 0; i < cull_checkpoint_count(built); i++) {
        const cull_tensor *t = cull_checkpoint_at(built, i);
        float *x = tensors_add(s, t->name, t->dtype, t->shape[0], t->shape[1]);
        ok(cx, cull_checkpoint_read(cx, built, i, 0, t->n, x));
        bool pool = strstr(t->name, "pool") != NULL;
        for (int64_t k = 0; k < t->n && pool; k++) {
            if (strstr(t->name, "pool_B")) assert_true(x[k] == 0);
            if (strstr(t->name, "pool_A")) assert_true(fabs(x[k]) <= 1 / sqrt(D));
            x[k] = (float)cull__rng_normal(&r);
        }
    }
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    o.meta = meta, o.metas = metas;
    tensors_write(cx, s, in_dir("trained.safetensors"), &o);
    cull_checkpoint_free(built);
    cull_checkpoint_free(ck);
    ok(cx, cull_checkpoint_open(cx, in_dir("trained.safetensors"), out));
}

static inline const float *numbers(const tensors *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->name[i], name)) return s->x[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static inline void expand(cull_ctx *cx, const cull_checkpoint *ck, cull_checkpoint **out)
{
    tensors_wipe("ad");
    ok(cx, run(cx, "mos-expand", NULL, &ck, 1, NULL, in_dir("ad"), NULL));
    ok(cx, cull_checkpoint_open(cx, in_dir("ad"), out));
}
#endif
