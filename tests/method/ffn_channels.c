/* ffn-channels: channels that add nothing go and the outputs stay, by a transformer of the test's own; the largest by plain
 * sums stay; fused and turned matrices, several widths, configs, the manifest, refusals. */
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

/* A feed-forward layer of these numbers, however its matrices are laid out. */
enum { SPLIT, FUSED, STRAIGHT, TURNED, LAYOUTS };
static double number_of(int part, int c, int i) { return sin(part * 31 + c * 7 + i * 1.3 + c * i); }

static void lay_out(fixture *f, int layout)
{
    static const char *const text[LAYOUTS] = {
        "{\"intermediate_size\": 20}", "{\"intermediate_size\": 20}",
        "{\"architectures\": [\"Starcoder2ForCausalLM\"], \"intermediate_size\": 20}",
        "{\"architectures\": [\"GPT2LMHeadModel\"], \"n_embd\": 12, \"n_inner\": null}"};
    memset(f, 0, sizeof *f);
    f->cx = cull_ctx_new(NULL);
    if (layout < STRAIGHT) {
        float *gate = layout == FUSED
                          ? tensors_add(&f->in, "h.0.mlp.gate_up_proj.weight", "F32", 2 * I, H)
                          : tensors_add(&f->in, "h.0.mlp.gate_proj.weight", "F32", I, H);
        float *up = layout == FUSED ? gate + I * H
                                    : tensors_add(&f->in, "h.0.mlp.up_proj.weight", "F32", I, H);
        float *down = tensors_add(&f->in, "h.0.mlp.down_proj.weight", "F32", H, I);
        for (int c = 0; c < I; c++)
            for (int i = 0; i < H; i++) {
                gate[c * H + i] = (float)number_of(0, c, i);
                up[c * H + i] = (float)number_of(1, c, i);
                down[i * I + c] = (float)number_of(2, c, i);
            }
    } else {
        bool t = layout == TURNED;
        float *in = tensors_add(&f->in, "h.0.mlp.c_fc.weight", "F32", t ? H : I, t ? I : H);
        float *bias = tensors_add(&f->in, "h.0.mlp.c_fc.bias", "F32", I, 0);
        float *out = tensors_add(&f->in, "h.0.mlp.c_proj.weight", "F32", t ? I : H, t ? H : I);
        tensors_add(&f->in, "h.0.mlp.c_proj.bias", "F32", H, 0);
        for (int c = 0; c < I; c++) {
            bias[c] = (float)c;
            for (int i = 0; i < H; i++) {
                in[t ? i * I + c : c * H + i] = (float)number_of(0, c, i);
                out[t ? c * H + i : i * I + c] = (float)number_of(2, c, i);
            }
        }
    }
    save(f, text[layout]);
}

/* The channels that stay, as numbers of the first matrix's first input tell them. */
static void layouts(void **state)
{
    (void)state;
    enum { KEPT = 7 };
    for (int layout = SPLIT; layout < LAYOUTS; layout++) {
        fixture f;
        cull_checkpoint *out;
        double score[I];
        lay_out(&f, layout);
        ok(f.cx, run(&f, "ffn-channels", "width=7", NULL, &out));
        for (int c = 0; c < I; c++) {
            double s[3] = {0};
            for (int part = 0; part < 3; part++)
                for (int i = 0; i < H; i++) s[part] += pow(number_of(part, c, i), 2);
            score[c] = s[0] * s[2] * (layout < STRAIGHT ? s[1] : 1);
        }
        float *in = tensor_numbers(f.cx, out,
                                   layout == SPLIT   ? "h.0.mlp.gate_proj.weight"
                                   : layout == FUSED ? "h.0.mlp.gate_up_proj.weight"
                                                     : "h.0.mlp.c_fc.weight");
        float *last = tensor_numbers(
            f.cx, out, layout < STRAIGHT ? "h.0.mlp.down_proj.weight" : "h.0.mlp.c_proj.weight");
        int at = 0;
        for (int c = 0; c < I; c++) {
            int above = 0;
            for (int d = 0; d < I; d++) above += score[d] > score[c];
            if (above >= KEPT) continue;
            for (int i = 0; i < H; i++) {
                bool t = layout == TURNED;
                assert_true(in[t ? i * KEPT + at : at * H + i] == (float)number_of(0, c, i));
                assert_true(last[t ? at * H + i : i * KEPT + at] == (float)number_of(2, c, i));
                if (layout == FUSED)
                    assert_true(in[(KEPT + at) * H + i] == (float)number_of(1, c, i));
            }
            at++;
        }
        assert_int_equal(at, KEPT);
        assert_non_null(strstr(cull_checkpoint_config(out),
                               layout == TURNED ? "\"n_inner\": 7" : "\"intermediate_size\": 7"));
        again(&f, out);
        free(in), free(last);
        cull_checkpoint_free(out);
        end(&f);
        cull_ctx_free(f.cx);
    }
}

/* Experts, those that all tokens share, two at once, and a dense layer: each width has its number in the config, which are set
 * without one's taking another's place. */
static void widths(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        int has, left;
    } c[] = {{"layers.0.mlp", 32, 16},
             {"layers.1.mlp.experts.0", 16, 8},
             {"layers.1.mlp.experts.1", 16, 8},
             {"layers.1.mlp.shared_experts", 48, 24}};
    fixture f;
    cull_checkpoint *out;
    memset(&f, 0, sizeof f);
    f.cx = cull_ctx_new(NULL);
    for (int k = 0; k < 4; k++) {
        static const char *const part[] = {"gate_proj", "up_proj", "down_proj"};
        for (int i = 0; i < 3; i++) {
            char name[TENSOR_NAME];
            snprintf(name, sizeof name, "%s.%s.weight", c[k].block, part[i]);
            tensors_add(&f.in, name, "F32", i < 2 ? c[k].has : H, i < 2 ? H : c[k].has);
        }
    }
    fill(&f, 5);
    save(&f, "{\"intermediate_size\": 32, \"moe_intermediate_size\": 16, \"n_shared_experts\": 3}");
    refuses(&f, "ffn-channels", &(refusal){"width=8", NULL, "say by share how many stay"}, 1);
    ok(f.cx, run(&f, "ffn-channels", "share=0.5", NULL, &out));
    for (int k = 0; k < 4; k++) {
        char name[TENSOR_NAME];
        snprintf(name, sizeof name, "%s.down_proj.weight", c[k].block);
        int64_t at = cull_checkpoint_find(out, name, NULL);
        assert_int_equal(cull_checkpoint_at(out, at)->shape[1], c[k].left);
    }
    assert_string_equal(
        cull_checkpoint_config(out),
        "{\"intermediate_size\": 16, \"moe_intermediate_size\": 8, \"n_shared_experts\": 3}");
    again(&f, out);
    cull_checkpoint_free(out);
    end(&f);
    cull_ctx_free(f.cx);
}

/* Tensors that would be left as wide as they were. */
static void beside(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t d0, d1, d2;
        const char *part;
    } c[] = {{"mlp.norm.weight", I, 0, 0, "may be of all channels"},
             {"mlp.experts.down_proj", 2, I, H, "has the experts of a layer in one tensor"},
             {"mlp.experts.gate_up_proj", 2, H, 2 * I, "has the experts of a layer in one tensor"}};
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        fixture f;
        begin(&f, cull_ctx_new(NULL));
        put(&f, 0, c[k].name, c[k].d0, c[k].d1 * (c[k].d2 ? c[k].d2 : 1));
        cull_tensor *t = f.in.t + f.in.n - 1;
        if (c[k].d2) t->ndim = 3, t->shape[1] = c[k].d1, t->shape[2] = c[k].d2;
        save(&f, config);
        refuses(&f, "ffn-channels", &(refusal){"width=8", NULL, c[k].part}, 1);
        end(&f);
        cull_ctx_free(f.cx);
    }
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
                                       cmocka_unit_test(layouts),  cmocka_unit_test(widths),
                                       cmocka_unit_test(beside),   cmocka_unit_test(refusals),
                                       cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
