/* mos-build: counts, LoRA as a special case, what cannot be cut. */
#include "shards.h"

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
    tensors_wipe("ad");
    cull_checkpoint_free(ad), cull_checkpoint_free(ck);
    tensors_clear(&s);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *ck = model(cx);
    const cull_checkpoint *one = ck;
    static const char *const five[] = {"shards", "5", NULL}, *const many[] = {"rank", "600", NULL};
    refused(cx, run(cx, "mos-build", NULL, &one, 1, NULL, in_dir("x.safetensors"), five),
            CULL_EINPUT, "q_proj: vectors of 12 and 12");
    refused(cx, run(cx, "mos-build", NULL, &one, 1, NULL, in_dir("x.safetensors"), many),
            CULL_EINPUT, "at most");
    static const char *const none[] = {"attention", "no", NULL};
    refused(cx, run(cx, "mos-build", NULL, &one, 1, NULL, in_dir("x.safetensors"), none),
            CULL_EINPUT, "no matrices of attention");
    assert_int_equal(access(in_dir("x.safetensors"), F_OK), -1);
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_lora), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
