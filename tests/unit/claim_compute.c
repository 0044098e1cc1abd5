/* claim_compute: checks of how much work an input gets, and of candidates that are stopped. */
#include "claiming.h"

/* Reached, and stopped when asked. */
static void specdec(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_claim_result r;
    ok(cx, cull_claim_run(cx, "specdec-pp", NULL, true, &r));
    assert_true(r.reached && r.seeds == 3 && r.lines == 2 && *r.note);
    for (int i = 0; i < r.lines; i++) assert_true(r.line[i].lo <= r.line[i].hi);
    h.stop_at = h.ticks + 2;
    refused(cx, cull_claim_run(cx, "specdec-pp", NULL, true, &r), CULL_ECANCEL, "stopped");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Its parts are tests of race and relevance; here only that it stops when asked, after the first setting. */
static void elect(void **state)
{
    (void)state;
    hooks h = {.stop_at = 2};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_claim_result r;
    refused(cx, cull_claim_run(cx, "elect", NULL, true, &r), CULL_ECANCEL, "stopped");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void jei_dnn(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    refused(cx, cull_claim_run(cx, "jei-dnn", "/no/such/place", true, &r), CULL_ENODATA,
            "install the Debian package dataset-fashion-mnist");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(specdec), cmocka_unit_test(elect),
                                       cmocka_unit_test(jei_dnn)};
    (void)keeps;
    (void)fails_well;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
