/* heads: groups of heads that add nothing go and the outputs stay, by a transformer of the test's own; the config, the manifest,
 * refusals. */
#include "transformer.h"

static void heads(void **state)
{
    (void)state;
    fixture f;
    hooks h = {0};
    cull_checkpoint *out;
    begin(&f, hooked_ctx(&h, 2));
    for (int l = 0; l < L; l++) /* group l: o reads nothing of its two heads, or its values are 0 */
        for (int i = 0; i < (l == 1 ? D * H : H * 2 * D); i++) {
            if (l == 1)
                of(&f, l, "self_attn.v_proj.weight")[l * D * H + i] = 0;
            else
                of(&f, l,
                   "self_attn.o_proj.weight")[i / (2 * D) * HEADS * D + l * 2 * D + i % (2 * D)] =
                    0;
        }
    for (int d = 0; d < D; d++) of(&f, 1, "self_attn.v_proj.bias")[D + d] = 0;
    save(&f, config);
    ok(f.cx, run(&f, "heads", "kv_heads=2", NULL, &out));
    same_outputs(&f, out, L);
    const char *text = cull_checkpoint_config(out);
    assert_non_null(
        strstr(text, "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"note\""));
    assert_non_null(strstr(text, "\"head_dim\": 4, \"eps\""));
    again(&f, out);
    cull_checkpoint_free(out);
    end(&f);
    cull_ctx_free(f.cx);
    assert_int_equal(h.live, 0);
}

static void refusals(void **state)
{
    (void)state;
    fixture f;
    static const refusal wrong[] = {
        {"kv_heads=0", NULL, "0 groups of heads are to stay of 3"},
        {"kv_heads=4", NULL, "4 groups of heads are to stay of 3"},
        {"", "layer=1: kv_heads=1", "heads takes no rules"},
    };
    begin(&f, cull_ctx_new(NULL));
    save(&f, config);
    refuses(&f, "heads", wrong, (int)(sizeof wrong / sizeof *wrong));
    other_config(&f, NULL);
    refuses(&f, "heads", &(refusal){"", NULL, "heads wants a config.json"}, 1);
    other_config(&f, "{\"intermediate_size\": 3, \"num_hidden_layers\": 9, "
                     "\"num_attention_heads\": 6, \"head_dim\": 4}");
    refuses(&f, "heads", &(refusal){"", NULL, "which is not"}, 1);
    odd_model(&f);
    refuses(&f, "heads", &(refusal){"", NULL, "heads wants a config.json"}, 1);
    end(&f);
    cull_ctx_free(f.cx);
}

/* The k-th allocation fails: nothing is left behind. */
static void memory(void **state)
{
    (void)state;
    fails_at("heads");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads), cmocka_unit_test(refusals),
                                       cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
