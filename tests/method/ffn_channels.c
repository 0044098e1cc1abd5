/* ffn-channels: channels that add nothing go and the outputs stay, by a transformer of the test's own; the largest by plain
 * sums stay; configs, the manifest, refusals. */
#include "transformer.h"

static void channels(void **state)
{
    (void)state;
    static const char *const by[] = {"l2", "l1"};
    for (int k = 0; k < 2; k++) {
        fixture f;
        hooks h = {0};
        cull_checkpoint *out;
        char opts[60];
        begin(&f, hooked_ctx(&h, 2));
        for (int l = 0; l < L; l++) /* dead in one of its three ways, others in each layer */
            for (int d = 0; d < 6; d++) {
                int c = (d * 3 + l) % I;
                for (int i = 0; i < H; i++)
                    if (d % 3 == 0)
                        of(&f, l, "mlp.down_proj.weight")[i * I + c] = 0;
                    else
                        of(&f, l,
                           d % 3 == 1 ? "mlp.up_proj.weight" : "mlp.gate_proj.weight")[c * H + i] =
                            0;
            }
        save(&f, config);
        snprintf(opts, sizeof opts, "width=%d importance=%s", I - 6, by[k]);
        ok(f.cx, run(&f, "ffn-channels", opts, NULL, &out));
        same_outputs(&f, out, L);
        assert_non_null(strstr(cull_checkpoint_config(out), "\"intermediate_size\": 14,\n"));
        assert_int_equal(cull_checkpoint_at(out, 10)->shape[1], 14);
        assert_string_equal(cull_checkpoint_at(out, 12)->dtype, "F16");
        again(&f, out);
        cull_checkpoint_free(out);
        ok(f.cx, run(&f, "ffn-channels", "share=0.5", NULL, &out)); /* 10 to a multiple of 8 */
        assert_non_null(strstr(cull_checkpoint_config(out), "\"intermediate_size\": 8,\n"));
        cull_checkpoint_free(out);
        end(&f);
        cull_ctx_free(f.cx);
        assert_int_equal(h.live, 0);
    }
}

/* Which channels stay: the largest products of the three sizes, by sums of the test's own. */
static void largest(void **state)
{
    (void)state;
    fixture f;
    cull_checkpoint *out;
    begin(&f, cull_ctx_new(NULL));
    save(&f, config);
    ok(f.cx, run(&f, "ffn-channels", "width=7", NULL, &out));
    for (int l = 0; l < L; l++) {
        const reader r = {f.cx, out, l};
        double score[I];
        int at = 0;
        float *up = weight(&r, "mlp.up_proj.weight", NULL);
        for (int c = 0; c < I; c++) {
            double s[3] = {0};
            for (int i = 0; i < H; i++) {
                s[0] += pow((double)of(&f, l, "mlp.gate_proj.weight")[c * H + i], 2);
                s[1] += pow((double)of(&f, l, "mlp.up_proj.weight")[c * H + i], 2);
                s[2] += pow((double)of(&f, l, "mlp.down_proj.weight")[i * I + c], 2);
            }
            score[c] = s[0] * s[1] * s[2];
        }
        for (int c = 0; c < I; c++) {
            int above = 0;
            for (int d = 0; d < I; d++) above += score[d] > score[c];
            if (above >= 7) continue;
            assert_memory_equal(up + at++ * H, of(&f, l, "mlp.up_proj.weight") + c * H,
                                H * sizeof(float));
        }
        assert_int_equal(at, 7);
        free(up);
    }
    cull_checkpoint_free(out);
    end(&f);
    cull_ctx_free(f.cx);
}

static void refusals(void **state)
{
    (void)state;
    fixture f;
    static const refusal wrong[] = {
        {"width=0", NULL, "0 channels are to stay of 20 in 'model.layers.0.mlp'"},
        {"width=21", NULL, "21 channels are to stay of 20"},
        {"share=0", NULL, "0 channels are to stay"},
        {"", "layer=1: width=3", "ffn-channels takes no rules"},
    };
    begin(&f, cull_ctx_new(NULL));
    save(&f, config);
    refuses(&f, "ffn-channels", wrong, (int)(sizeof wrong / sizeof *wrong));
    other_config(&f, "{\"intermediate_size\": 3, \"num_hidden_layers\": 9, "
                     "\"num_attention_heads\": 6, \"head_dim\": 4}");
    refuses(&f, "ffn-channels",
            &(refusal){"width=4", NULL, "no intermediate_size of the config is that"}, 1);
    odd_model(&f);
    refuses(&f, "ffn-channels",
            &(refusal){
                "", NULL,
                "'encoder.layers.0.fc2.weight' has 5 columns, which is not 6 channels of 1 each"},
            1);
    end(&f);
    cull_ctx_free(f.cx);
}

/* The k-th allocation fails: nothing is left behind. */
static void memory(void **state)
{
    (void)state;
    fails_at("ffn-channels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(channels), cmocka_unit_test(largest),
                                       cmocka_unit_test(refusals), cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
