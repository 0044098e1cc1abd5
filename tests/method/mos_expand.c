/* mos-build and mos-expand: counts, LoRA as a special case, every number from its shard; mosa-merge against plain sums. */
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

static cull_status run(cull_ctx *cx, const char *slug, const cull_checkpoint *base,
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
static cull_checkpoint *model(cull_ctx *cx)
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
static void trained(cull_ctx *cx, const char *const *option, tensors *s, cull_checkpoint **out)
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

static const float *numbers(const tensors *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->name[i], name)) return s->x[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void expand(cull_ctx *cx, const cull_checkpoint *ck, cull_checkpoint **out)
{
    tensors_wipe("ad");
    ok(cx, run(cx, "mos-expand", NULL, &ck, 1, NULL, in_dir("ad"), NULL));
    ok(cx, cull_checkpoint_open(cx, in_dir("ad"), out));
}

static void every_number(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static tensors s;
    cull_checkpoint *ck, *ad;
    enum { R = 5, S = 2, E = 3 };
    trained(cx,
            (const char *const[]){"rank", "5", "equal", "3", "shards", "2", "owned", "1", "alpha",
                                  "10", NULL},
            &s, &ck);
    assert_int_equal(s.n, 8);
    expand(cx, ck, &ad);
    assert_int_equal(cull_checkpoint_count(ad), 4 * L);
    static const char *const types[] = {"q_proj", "k_proj"};
    for (int t = 0; t < 2; t++) {
        int out = t ? KV : D;
        char name[TENSOR_NAME];
        const float *side[4];
        static const char *const ends[] = {"pool_A", "pool_B", "index_A", "index_B"};
        for (int e = 0; e < 4; e++) {
            snprintf(name, sizeof name, "%s.%s", types[t], ends[e]);
            side[e] = numbers(&s, name);
        }
        for (int k = 0; k < L; k++) {
            const char *form = "base_model.model.model.layers.%d.self_attn.%s.lora_%c.weight";
            snprintf(name, sizeof name, form, k, types[t], 'A');
            float *a = tensor_numbers(cx, ad, name);
            snprintf(name, sizeof name, form, k, types[t], 'B');
            float *b = tensor_numbers(cx, ad, name);
            for (int j = 0; j < R; j++) {
                for (int c = 0; c < D; c++) {
                    int row = (int)side[2][k * R * S + j * S + c / (D / S)];
                    assert_true(a[j * D + c] == side[0][row * (D / S) + c % (D / S)]);
                }
                for (int c = 0; c < out; c++) {
                    int row = (int)side[3][k * R * S + j * S + c / (out / S)];
                    assert_true(b[c * R + j] == side[1][row * (out / S) + c % (out / S)]);
                }
            }
            free(a), free(b);
        }
    }
    assert_non_null(strstr(cull_checkpoint_config(ad), "\"r\":5,\"lora_alpha\":10"));
    assert_non_null(strstr(cull_checkpoint_config(ad), "model.layers.2.self_attn.k_proj"));
    /* what it becomes is read by lora-merge */
    cull_checkpoint *base = model(cx);
    const cull_checkpoint *one = ad;
    ok(cx, run(cx, "lora-merge", base, &one, 1, NULL, in_dir("merged.safetensors"), NULL));
    cull_checkpoint_free(base), cull_checkpoint_free(ad), cull_checkpoint_free(ck);
    tensors_clear(&s);
    cull_ctx_free(cx);
}

/* equal = rank = owned, one shard: each layer has its own rows in order, which is LoRA; counts are LoRA's in any case. */
static void is_lora(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static tensors s;
    cull_checkpoint *ck, *ad;
    trained(cx,
            (const char *const[]){"rank", "4", "equal", "4", "shards", "1", "owned", "4", "ffn",
                                  "no", NULL},
            &s, &ck);
    expand(cx, ck, &ad);
    for (int k = 0; k < L; k++) {
        char name[TENSOR_NAME];
        snprintf(name, sizeof name,
                 "base_model.model.model.layers.%d.self_attn.q_proj.lora_A.weight", k);
        float *a = tensor_numbers(cx, ad, name);
        assert_memory_equal(a, numbers(&s, "q_proj.pool_A") + k * 4 * D, 4 * D * sizeof *a);
        free(a);
    }
    int64_t count = 0;
    for (int i = 0; i < s.n; i++) count += strstr(s.name[i], "pool") ? s.t[i].n : 0;
    assert_int_equal(count, 4 * L * (D + D + D + KV));
    cull_checkpoint_free(ad), cull_checkpoint_free(ck);
    tensors_clear(&s);
    cull_ctx_free(cx);
}

static void refused_file(cull_ctx *cx, const tensors *s, const cull_checkpoint_opts *o,
                         const char *part)
{
    cull_checkpoint *ck;
    tensors_write(cx, s, in_dir("bad.safetensors"), o);
    ok(cx, cull_checkpoint_open(cx, in_dir("bad.safetensors"), &ck));
    const cull_checkpoint *one = ck;
    tensors_wipe("ad");
    refused(cx, run(cx, "mos-expand", NULL, &one, 1, NULL, in_dir("ad"), NULL), CULL_EINPUT, part);
    cull_checkpoint_free(ck);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static tensors s;
    cull_checkpoint *ck = model(cx);
    const cull_checkpoint *one = ck;
    static const char *const five[] = {"shards", "5", NULL}, *const many[] = {"rank", "600", NULL};
    refused(cx, run(cx, "mos-build", NULL, &one, 1, NULL, in_dir("x.safetensors"), five),
            CULL_EOPTION, "q_proj: vectors of 12 and 12");
    refused(cx, run(cx, "mos-build", NULL, &one, 1, NULL, in_dir("x.safetensors"), many),
            CULL_EOPTION, "at most");
    tensors_wipe("ad");
    refused(cx, run(cx, "mos-expand", NULL, &one, 1, NULL, in_dir("ad"), NULL), CULL_EINPUT,
            "mos.rank");
    cull_checkpoint_free(ck);
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    const char *meta[] = {"mos.rank", "2", "mos.alpha", "4", "mos.q", "layers.*.q"};
    o.meta = meta, o.metas = 6;
    tensors_add(&s, "q.pool_A", "F32", 4, 3);
    refused_file(cx, &s, &o, "has no tensor 'q.pool_B'");
    tensors_add(&s, "q.pool_B", "F32", 4, 3);
    float *a = tensors_add(&s, "q.index_A", "I32", 2, 2);
    tensors_add(&s, "q.index_B", "I32", 2, 2);
    a[3] = 4;
    refused_file(cx, &s, &o, "shard 4 is not one of the 4");
    a[3] = 3;
    o.metas = 4;
    refused_file(cx, &s, &o, "names of modules");
    o.metas = 6, meta[1] = "0.5";
    refused_file(cx, &s, &o, "below 1");
    meta[1] = "2";
    s.x[0][3 * 3] = NAN;
    refused_file(cx, &s, &o, "is NaN");
    tensors_clear(&s);
    cull_ctx_free(cx);
}

/* ---- mosa-merge ---- */

enum { COPIES = 4, M = 9, N = 7 };
/* Copies that start at `start`, each of which moved its own entries of a matrix and all of a bias. */
static void split_copies(cull_ctx *cx, double start, bool masked, cull_checkpoint **ck,
                         double *want, double *bias, float *from)
{
    cull_rng r = cull__rng_seeded(9, 0);
    static tensors s[COPIES];
    for (int i = 0; i < M * N; i++)
        from[i] = (float)(start * cull__rng_normal(&r)), want[i] = from[i];
    for (int j = 0; j < M; j++) bias[j] = 0;
    for (int c = 0; c < COPIES; c++) {
        float *u = tensors_add(&s[c], "up.weight", "F32", M, N);
        float *b = tensors_add(&s[c], "up.bias", "F32", M, 0);
        float *d = tensors_add(&s[c], "down.weight", "F32", 2, 2);
        for (int i = 0; i < M * N; i++) {
            bool mine = i % COPIES == c;
            float by = mine ? (float)cull__rng_normal(&r) : 0;
            u[i] = masked && !mine ? 0 : from[i] + by;
            if (mine) want[i] += ((double)u[i] - from[i]) / COPIES;
        }
        for (int j = 0; j < M; j++) b[j] = (float)cull__rng_normal(&r), bias[j] += b[j] / 4.0;
        for (int i = 0; i < 4; i++) d[i] = 0.3f * (float)i;
        char name[32];
        snprintf(name, sizeof name, "copy%d.safetensors", c);
        tensors_write(cx, &s[c], in_dir(name), NULL);
        tensors_clear(&s[c]);
        ok(cx, cull_checkpoint_open(cx, in_dir(name), &ck[c]));
    }
}

static void one_adapter(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static tensors s;
    for (int kind = 0; kind < 4; kind++) { /* from 0 or not; stored full or masked */
        cull_checkpoint *ck[COPIES], *out, *base = NULL;
        double want[M * N], bias[M];
        float from[M * N];
        bool masked = kind & 1;
        split_copies(cx, kind & 2 ? 1 : 0, masked, ck, want, bias, from);
        if (kind == 3) {
            memcpy(tensors_add(&s, "up.weight", "F32", M, N), from, sizeof from);
            tensors_add(&s, "up.bias", "F32", M, 0);
            tensors_add(&s, "down.weight", "F32", 2, 2);
            tensors_write(cx, &s, in_dir("start.safetensors"), NULL);
            tensors_clear(&s);
            ok(cx, cull_checkpoint_open(cx, in_dir("start.safetensors"), &base));
        }
        const cull_checkpoint *m[COPIES] = {ck[0], ck[1], ck[2], ck[3]};
        const char *const option[] = {"stored", masked ? "masked" : "full", NULL};
        ok(cx, run(cx, "mosa-merge", base, m, COPIES, NULL, in_dir("out.safetensors"), option));
        ok(cx, cull_checkpoint_open(cx, in_dir("out.safetensors"), &out));
        float *u = tensor_numbers(cx, out, "up.weight"), *b = tensor_numbers(cx, out, "up.bias");
        float *d = tensor_numbers(cx, out, "down.weight");
        for (int i = 0; i < M * N; i++) assert_true(fabs(u[i] - want[i]) < 1e-6); /* f32 of 4 */
        for (int j = 0; j < M; j++) assert_true(fabs(b[j] - bias[j]) < 1e-6);
        for (int i = 0; i < 4; i++) assert_true(d[i] == 0.3f * (float)i); /* shared */
        free(u), free(b), free(d);
        cull_checkpoint_free(out), cull_checkpoint_free(base);
        for (int c = 0; c < COPIES; c++) cull_checkpoint_free(ck[c]);
    }
    /* parts that overlap */
    cull_checkpoint *ck[COPIES];
    double want[M * N], bias[M];
    float from[M * N];
    split_copies(cx, 1, false, ck, want, bias, from);
    const cull_checkpoint *m[COPIES] = {ck[0], ck[1], ck[2], ck[3]};
    float *x[2];
    for (int c = 0; c < 2; c++) {
        x[c] = tensor_numbers(cx, ck[c], "up.weight");
        memcpy(tensors_add(&s, "up.weight", "F32", M, N), x[c], sizeof from);
        s.x[0][5] += 1;
        tensors_add(&s, "up.bias", "F32", M, 0);
        tensors_add(&s, "down.weight", "F32", 2, 2);
        cull_checkpoint_free(ck[c]);
        tensors_write(cx, &s, in_dir(c ? "copy1.safetensors" : "copy0.safetensors"), NULL);
        tensors_clear(&s);
        ok(cx,
           cull_checkpoint_open(cx, in_dir(c ? "copy1.safetensors" : "copy0.safetensors"), &ck[c]));
        m[c] = ck[c];
        free(x[c]);
    }
    refused(cx, run(cx, "mosa-merge", NULL, m, COPIES, NULL, in_dir("out2.safetensors"), NULL),
            CULL_EINPUT, "2 copies moved number 5 of 'up.weight'");
    static const char *const no[] = {"check", "no", NULL};
    ok(cx, run(cx, "mosa-merge", NULL, m, COPIES, NULL, in_dir("out2.safetensors"), no));
    for (int c = 0; c < COPIES; c++) cull_checkpoint_free(ck[c]);
    tensors_wipe("ad");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_number), cmocka_unit_test(is_lora),
                                       cmocka_unit_test(refusals), cmocka_unit_test(one_adapter)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
