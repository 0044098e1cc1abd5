/* experts_config.c - what configs say of experts, and configs with fewer. */
#include "test.h"

#include "repr/experts_config.h"

static void reads(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__moe_config c;
    ok(cx, cull__moe_config_read(cx, "c", NULL, &c));
    assert_true(!c.experts && !c.top && c.renormalise && !c.sigmoid && c.groups == 1);
    assert_string_equal(c.act, "silu");
    ok(cx, cull__moe_config_read(cx, "c",
                                 "{\"num_local_experts\": 8, \"num_experts_per_tok\": 2, "
                                 "\"hidden_act\": \"gelu\"}",
                                 &c));
    assert_true(c.experts == 8 && c.top == 2 && c.renormalise);
    assert_string_equal(c.act, "gelu");
    ok(cx, cull__moe_config_read(cx, "c",
                                 "{\"text_config\": {\"n_routed_experts\": 64, \"n_group\": 4, "
                                 "\"norm_topk_prob\": false, \"scoring_func\": \"sigmoid\"}}",
                                 &c));
    assert_true(c.experts == 64 && c.groups == 4 && !c.renormalise && c.sigmoid);
    refused(cx, cull__moe_config_read(cx, "config.json", "{\"a\": ", &c), CULL_EINPUT,
            "config.json");
    refused(cx, cull__moe_config_read(cx, "config.json", "[1]", &c), CULL_EINPUT, "no object");
    cull_ctx_free(cx);
}

static void edits(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const char *out;
    ok(cx, cull__moe_config_edit(
               cx,
               "{\n \"num_experts\" :  8, \"num_experts_per_tok\": 8, \"a\": {\"n_routed"
               "_experts\":8}, \"num_local_experts\": 80, \"x\": \"num_experts\"}",
               8, 12, &out));
    assert_string_equal(out,
                        "{\n \"num_experts\" :  12, \"num_experts_per_tok\": 8, \"a\": {\"n_routed"
                        "_experts\":12}, \"num_local_experts\": 80, \"x\": \"num_experts\"}");
    ok(cx, cull__moe_config_edit(cx, "", 8, 12, &out));
    assert_string_equal(out, "");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(edits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
