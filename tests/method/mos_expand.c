/* mos-expand: every number is the one of its shard; files that are none. */
#include "shards.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_number), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
