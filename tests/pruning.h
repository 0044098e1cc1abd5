/* pruning.h - a small transformer's checkpoint for tests of methods that prune, and runs of them. */
#ifndef CULL_TEST_PRUNING_H
#define CULL_TEST_PRUNING_H
#include "files.h"

#include "base/base.h"
#include "cull/pack.h"
#include "cull/weights.h"

typedef struct {
    const char *name, *dtype;
    int ndim;
    int64_t shape[4];
} made_tensor;
enum { MADE = 9, MADE_MOST = 3000 };
static const made_tensor made[MADE] = {
    {"model.embed_tokens.weight", "BF16", 2, {50, 24}},
    {"model.layers.0.self_attn.q_proj.weight", "BF16", 2, {24, 24}}, /* ties */
    {"model.layers.0.mlp.up_proj.weight", "F32", 2, {40, 24}},
    {"model.layers.0.mlp.up_proj.bias", "F32", 1, {40}},
    {"model.layers.0.input_layernorm.weight", "F32", 1, {24}},
    {"model.layers.1.mlp.down_proj.weight", "F64", 2, {24, 44}},
    {"vision.conv1.weight", "F16", 4, {10, 8, 3, 3}},
    {"lm_head.weight", "F32", 2, {50, 24}},
    {"made.up.by.nobody", "F32", 2, {12, 12}},
};

static inline int64_t made_n(int k)
{
    int64_t n = 1;
    for (int d = 0; d < made[k].ndim; d++) n *= made[k].shape[d];
    return n;
}

/* Element 0 of `nan` is a NaN; -1: none. */
static inline void write_made(cull_ctx *cx, const char *name, int nan)
{
    cull_tensor t[MADE];
    cull_checkpoint_writer *w;
    float x[MADE_MOST];
    for (int k = 0; k < MADE; k++) {
        t[k] = (cull_tensor){.name = made[k].name, .dtype = made[k].dtype, .ndim = made[k].ndim};
        memcpy(t[k].shape, made[k].shape, sizeof made[k].shape);
    }
    ok(cx, cull_checkpoint_create(cx, in_dir(name), t, MADE, NULL, &w));
    cull_status s = CULL_OK;
    for (int k = 0; s == CULL_OK && k < MADE; k++) {
        cull_rng r = cull__rng_seeded(90, (uint64_t)k);
        for (int64_t i = 0; i < made_n(k); i++) {
            x[i] = (float)cull__rng_normal(&r) * (1 + (float)k);
            if (k == 1) x[i] = (float)(cull__rng_below(&r, 9) - 4) * .25F;
            if (i % 97 == 5) x[i] = -0.F;
        }
        if (k == nan) x[0] = NAN;
        s = cull_checkpoint_put(cx, w, x, made_n(k));
    }
    ok(cx, cull_checkpoint_finish(cx, w, s));
}

/* Options as NAME, VALUE, ..., NULL. */
typedef struct {
    const char *slug;
    const char *opt[16];
    const char *rule[4];
    const char *activations;
} pruning_run;

/* sparse: the result is packed. */
static inline cull_status prune_to(cull_ctx *cx, const pruning_run *r, const char *in,
                                   const char *out, bool sparse, cull_weights_report *report)
{
    const cull_method *m = cull_method_find(r->slug, NULL);
    cull_checkpoint *ck = NULL, *act = NULL;
    cull_opts *o = NULL;
    assert_non_null(m);
    cull_status s = cull_opts_new(cx, m, &o);
    for (int i = 0; s == CULL_OK && r->opt[i]; i += 2)
        s = cull_opts_set(cx, o, r->opt[i], r->opt[i + 1]);
    if (s == CULL_OK) s = cull_checkpoint_open(cx, in_dir(in), &ck);
    if (s == CULL_OK && r->activations) s = cull_checkpoint_open(cx, in_dir(r->activations), &act);
    const cull_checkpoint *const model[] = {ck, ck};
    cull_weights_problem p = {
        .model = model, .models = 1, .activations = act, .rule = r->rule, .sparse = sparse};
    while (p.rules < 4 && r->rule[p.rules]) p.rules++;
    if (s == CULL_OK) s = cull_weights_run(cx, m, o, &p, in_dir(out), report);
    cull_checkpoint_free(act);
    cull_checkpoint_free(ck);
    cull_opts_free(o);
    return s;
}

static inline cull_status prune_file(cull_ctx *cx, const pruning_run *r, const char *in,
                                     const char *out, cull_weights_report *report)
{
    return prune_to(cx, r, in, out, false, report);
}

/* Which numbers of tensor k stayed, by its bytes: all others must be 0, and those as they were. */
static inline void what_stayed(cull_ctx *cx, const char *in, const char *out, int k, uint8_t *keep)
{
    cull_checkpoint *a, *b;
    uint8_t x[8], y[8], zero[8] = {0};
    ok(cx, cull_checkpoint_open(cx, in_dir(in), &a));
    ok(cx, cull_checkpoint_open(cx, in_dir(out), &b));
    int64_t i = cull_checkpoint_find(b, made[k].name, NULL);
    const cull_tensor *t = cull_checkpoint_at(b, i);
    assert_string_equal(t->dtype, made[k].dtype);
    assert_int_equal(t->n, made_n(k));
    size_t width = t->bytes / (uint64_t)t->n;
    for (int64_t at = 0; at < t->n; at++) {
        ok(cx, cull_checkpoint_raw(cx, a, k, at, 1, x));
        ok(cx, cull_checkpoint_raw(cx, b, i, at, 1, y));
        keep[at] = !memcmp(x, y, width);
        if (!keep[at]) assert_memory_equal(y, zero, width);
    }
    cull_checkpoint_free(a);
    cull_checkpoint_free(b);
}

static inline void values_of(cull_ctx *cx, const char *in, int k, float *x)
{
    cull_checkpoint *ck;
    ok(cx, cull_checkpoint_open(cx, in_dir(in), &ck));
    ok(cx, cull_checkpoint_read(cx, ck, k, 0, made_n(k), x));
    cull_checkpoint_free(ck);
}

/* Where a number stands when the smallest scores come first; of equal ones those with the larger `order` first. */
typedef struct {
    float score;
    int64_t order;
    int k;
    int64_t at;
} ranked;
static inline int smallest_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return x->order > y->order ? -1 : x->order < y->order;
}
#endif
