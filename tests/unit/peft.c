/* peft: configs, scales and names of adapters as PEFT saves them. */
#include "tensors.h"

#include "base/base.h"
#include "repr/peft.h"

static const char *const plain = "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 6}";

static void scales(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__peft_config c;
    int64_t rank;
    double scale;
    ok(cx, cull__peft_config_read(
               cx, "c",
               "{\"r\": 4, \"lora_alpha\": 6, \"rank_pattern\": {\"q_proj\": 8, "
               "\"layers\\\\.\\\\d+\\\\.mlp.(?:up|down)\": 16}, \"alpha_pattern\": {\"v_proj\": 2, "
               "\"^model.layers.1.q_proj\": 5}, \"use_rslora\": false}",
               &c));
    /* what peft.utils.other.get_pattern_key finds */
    const struct {
        const char *module;
        int64_t rank;
        double alpha;
    } want[] = {
        {"model.layers.0.q_proj", 8, 6},      {"q_proj", 8, 6},
        {"model.layers.0.xq_proj", 4, 6},     {"model.layers.0.v_proj", 4, 2},
        {"model.layers.12.mlp.up", 16, 6},    {"model.layers.12.mlp.down", 16, 6},
        {"model.layers.x.mlp.down", 4, 6},    {"model.layers.1.k_proj", 4, 6},
        {"model.layers.1.q_proj.more", 4, 6},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ok(cx, cull__peft_scale(cx, &c, want[i].module, &rank, &scale));
        assert_int_equal(rank, want[i].rank);
        assert_true(scale == want[i].alpha / (double)want[i].rank);
    }
    ok(cx,
       cull__peft_config_read(cx, "c", "{\"r\": 9, \"lora_alpha\": 6, \"use_rslora\": true}", &c));
    ok(cx, cull__peft_scale(cx, &c, "x", &rank, &scale));
    assert_true(scale == 2 && rank == 9);

    refused(cx, cull__peft_config_read(cx, "a.json", "{\"r\": 0, \"lora_alpha\": 1}", &c),
            CULL_EINPUT, "'r' is no number above 0");
    refused(cx, cull__peft_config_read(cx, "a.json", "{\"r\": 1}", &c), CULL_EINPUT, "lora_alpha");
    refused(cx, cull__peft_config_read(cx, "a.json", "{\"peft_type\": \"LOHA\"}", &c), CULL_EINPUT,
            "'LOHA'");
    refused(cx,
            cull__peft_config_read(
                cx, "a.json",
                "{\"r\": 1, \"lora_alpha\": 1, \"init_lora_weights\": \"pissa_niter_4\"}", &c),
            CULL_EINPUT, "init_lora_weights is 'pissa_niter_4'");
    refused(cx,
            cull__peft_config_read(
                cx, "c", "{\"r\": 1, \"lora_alpha\": 1, \"alora_invocation_tokens\": [5]}", &c),
            CULL_EINPUT, "c: 'alora_invocation_tokens' lets the adapter work behind some tokens");
    refused(cx,
            cull__peft_config_read(
                cx, "c", "{\"r\": 1, \"lora_alpha\": 1, \"use_bdlora\": {\"nblocks\": 2}}", &c),
            CULL_EINPUT, "c: 'use_bdlora' makes blocks");
    ok(cx, cull__peft_config_read(cx, "c",
                                  "{\"r\": 1, \"lora_alpha\": 1, \"target_parameters\": [], "
                                  "\"use_bdlora\": false, \"alora_invocation_tokens\": null}",
                                  &c));
    ok(cx, cull__peft_config_read(
               cx, "c", "{\"r\": 1, \"lora_alpha\": 1, \"init_lora_weights\": \"gaussian\"}", &c));
    refused(cx, cull__peft_config_read(cx, "a.json", "{\"r\": 1, ", &c), CULL_EINPUT, "a.json");
    refused(
        cx,
        cull__peft_config_read(
            cx, "a.json", "{\"r\": 1, \"lora_alpha\": 1, \"rank_pattern\": {\"q\": \"x\"}}", &c),
        CULL_EINPUT, "'q'");
    ok(cx, cull__peft_config_read(
               cx, "c", "{\"r\": 1, \"lora_alpha\": 1, \"rank_pattern\": {\"(q\": 2}}", &c));
    refused(cx, cull__peft_scale(cx, &c, "x", &rank, &scale), CULL_EINPUT, "(q");
    cull_ctx_free(cx);
}

static const cull_checkpoint_pair_opts as_named = CULL_CHECKPOINT_PAIR_OPTS;
static cull__peft_tie untied = {.words = -1, .head = -1};

static void write_adapter(cull_ctx *cx, tensors *s, const char *config, cull_checkpoint **ck)
{
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    o.stem = "adapter_model", o.config = config;
    tensors_wipe("ad");
    tensors_write(cx, s, in_dir("ad"), &o);
    tensors_clear(s);
    ok(cx, cull_checkpoint_open(cx, in_dir("ad"), ck));
}

static void base_model(cull_ctx *cx, cull_checkpoint **ck)
{
    static tensors s;
    tensors_add(&s, "model.embed.weight", "F32", 7, 5);
    tensors_add(&s, "model.q.weight", "BF16", 5, 3);
    tensors_add(&s, "model.q.bias", "F32", 5, 0);
    tensors_add(&s, "lm_head.weight", "F16", 7, 5);
    tensors_write(cx, &s, in_dir("base.safetensors"), NULL);
    tensors_clear(&s);
    ok(cx, cull_checkpoint_open(cx, in_dir("base.safetensors"), ck));
}

static void matches(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *base, *ad;
    cull__peft_delta d[5];
    static tensors s;
    base_model(cx, &base);
    tensors_add(&s, "base_model.model.model.q.lora_A.weight", "F32", 2, 3);
    tensors_add(&s, "base_model.model.model.q.lora_B.weight", "F32", 5, 2);
    tensors_add(&s, "base_model.model.model.q.lora_magnitude_vector", "F32", 5, 0);
    tensors_add(&s, "base_model.model.model.q.lora_B.bias", "F32", 5, 0);
    tensors_add(&s, "base_model.model.model.embed.lora_embedding_A", "F32", 2, 7);
    tensors_add(&s, "base_model.model.model.embed.lora_embedding_B", "F32", 5, 2);
    tensors_add(&s, "base_model.model.lm_head.modules_to_save.default.weight", "F32", 7, 5);
    write_adapter(cx, &s, plain, &ad);
    ok(cx, cull__peft_match(cx, ad, base, &as_named, &untied, d));
    cull__peft_delta *embed = d + 0, *q = d + 1, *bias = d + 2, *head = d + 3;
    assert_true(q->a >= 0 && q->b >= 0 && q->magnitude >= 0 && q->whole < 0 && !q->transposed);
    assert_true(q->rank == 2 && q->rows == 5 && q->cols == 3 && q->scale == 3);
    assert_true(embed->transposed && embed->rows == 5 && embed->cols == 7 && embed->rank == 2);
    assert_true(bias->bias >= 0 && bias->scale == 3 && bias->a < 0);
    assert_string_equal(cull_checkpoint_at(ad, head->whole)->name,
                        "base_model.model.lm_head.modules_to_save.default.weight");
    cull_checkpoint_free(ad);
    cull_checkpoint_free(base);
    cull_ctx_free(cx);
}

/* One adapter, written with two tensors, must be refused with `part` in the sentence. */
static void bad(cull_ctx *cx, const cull_checkpoint *base, const char *config, const char *a,
                int64_t a0, int64_t a1, const char *b, int64_t b0, int64_t b1, const char *part)
{
    static tensors s;
    cull_checkpoint *ad;
    cull__peft_delta d[5];
    tensors_add(&s, a, "F32", a0, a1);
    if (b) tensors_add(&s, b, "F32", b0, b1);
    write_adapter(cx, &s, config, &ad);
    refused(cx, cull__peft_match(cx, ad, base, &as_named, &untied, d), CULL_EINPUT, part);
    cull_checkpoint_free(ad);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *base, *ad;
    cull__peft_delta d[5];
    base_model(cx, &base);
    const char *qa = "base_model.model.model.q.lora_A.weight";
    const char *qb = "base_model.model.model.q.lora_B.weight";
    bad(cx, base, plain, qa, 2, 3, NULL, 0, 0, "has no partner, lora_B");
    bad(cx, base, plain, qb, 5, 2, NULL, 0, 0, "has no partner, lora_A");
    bad(cx, base, plain, qa, 3, 3, qb, 5, 3, "the config says rank 2, the tensors 3 and 3");
    bad(cx, base, plain, qa, 2, 4, qb, 5, 2, "B A is 5 by 4, that is 5 by 3");
    bad(cx, base, plain, "base_model.model.model.qq.lora_A.weight", 2, 3, NULL, 0, 0,
        "the nearest is 'model.q.weight'");
    bad(cx, base, plain, "base_model.model.lm_head.weight", 7, 4, NULL, 0, 0, "same shape");
    bad(cx, base, plain, qa, 2, 3, "model.q.lora_A.weight", 2, 3, "both '");
    bad(cx, base, plain, "base_model.model.model.q.lora_magnitude_vector", 5, 0, NULL, 0, 0,
        "has no lora_A and lora_B");
    bad(cx, base, plain, qa, 2, 3, "base_model.model.model.q.weight", 5, 3, "would replace");
    bad(cx, base, "{\"r\": 2, \"lora_alpha\": 6, \"use_dora\": true}", qa, 2, 3, qb, 5, 2,
        "no lora_magnitude_vector");
    bad(cx, base, "{\"r\": 2, \"lora_alpha\": 6, \"fan_in_fan_out\": true}", qa, 2, 3, qb, 4, 2,
        "B A is 3 by 4, that is 5 by 3");
    ok(cx, cull_checkpoint_open(cx, in_dir("base.safetensors"), &ad));
    refused(cx, cull__peft_match(cx, ad, base, &as_named, &untied, d), CULL_EINPUT,
            "adapter_config.json");
    cull_checkpoint_free(ad);
    cull_checkpoint_free(base);
    cull_ctx_free(cx);
}

static void no_memory(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *base, *ad;
    cull__peft_delta d[5];
    static tensors s;
    base_model(cx, &base);
    tensors_add(&s, "base_model.model.model.q.lora_A.weight", "F32", 2, 3);
    tensors_add(&s, "base_model.model.model.q.lora_B.weight", "F32", 5, 2);
    write_adapter(cx, &s, "{\"r\": 4, \"lora_alpha\": 6, \"rank_pattern\": {\"q\": 2, \"k\": 3}}",
                  &ad);
    int failed = 0;
    for (long at = 1; at < 60; at++) {
        hooks h = {.fail_at = at};
        cull_ctx *small = hooked_ctx(&h, 1);
        if (!small) continue;
        cull_status st = cull__peft_match(small, ad, base, &as_named, &untied, d);
        assert_true(st == CULL_OK || st == CULL_ENOMEM);
        failed += st == CULL_ENOMEM;
        cull_ctx_free(small);
        assert_int_equal(h.live, 0);
    }
    assert_true(failed > 0);
    cull_checkpoint_free(ad);
    cull_checkpoint_free(base);
    tensors_wipe("ad");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scales), cmocka_unit_test(matches),
                                       cmocka_unit_test(refusals), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
