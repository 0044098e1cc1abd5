/* claim: the door's refusals, and the checks that need no data, run and reached. */
#include "test.h"

#include "cull/claim.h"
#include "cull/method.h"

/* Papers of a command, or of several methods. */
static bool is_no_method(const char *slug)
{
    static const char *const other[] = {
        "archgym",  "autopeft",   "deeparchitect",  "dynas-t",        "fbnetv3",
        "fbnetv5",  "jei-dnn",    "layoutprompter", "lottery-ticket", "rethinking-pruning",
        "nas-eval", "specdec-pp", "teach-show",     "uncurl",         "moe-inference-survey"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (!strcmp(slug, other[i])) return true;
    return false;
}

static void door(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    refused(cx, cull_claim_run(cx, "rds-pluss", NULL, true, &r), CULL_EINPUT,
            "there is no check of 'rds-pluss'; did you mean 'rds-plus'?");
    assert_true(r.lines == 0 && !r.claim);
    refused(cx, cull_claim_run(cx, "kmq", "/no/such/place", true, &r), CULL_ENODATA,
            "install the Debian package dataset-fashion-mnist");
    assert_true(cull_claim_count() > 0);
    assert_null(cull_claim_at(-1));
    assert_null(cull_claim_at(cull_claim_count()));
    for (int i = 0; i < cull_claim_count(); i++) {
        const cull_claim *c = cull_claim_at(i);
        assert_true(*c->slug && *c->claim && *c->setting);
        if (!is_no_method(c->slug)) assert_non_null(cull_method_find(c->slug, NULL));
        if (i > 0) assert_true(strcmp(cull_claim_at(i - 1)->slug, c->slug) < 0);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void without_data(void **state)
{
    (void)state;
    static const char *const slug[] = {"color_filter", "got_d", "layoutprompter", "select2reason"};
    for (int i = 0; i < 4; i++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_claim_result r, again;
        cull_ctx_reseed(cx, 40 + (uint64_t)i);
        ok(cx, cull_claim_run(cx, slug[i], "/no/such/place", true, &r));
        ok(cx, cull_claim_run(cx, slug[i], NULL, true, &again));
        assert_int_equal(cull_ctx_seed(cx), 40 + i);
        assert_true(r.reached && r.seeds == 3 && r.lines > 0 && *r.note && r.seconds > 0);
        assert_int_equal(r.figures, again.figures);
        for (int l = 0; l < r.lines; l++) {
            assert_true(r.line[l].holds && r.line[l].value >= r.line[l].threshold);
            assert_true(r.line[l].value == again.line[l].value);
            assert_true(r.line[l].lo <= r.line[l].hi);
        }
        h.ticks = 0, h.stop_at = 2;
        refused(cx, cull_claim_run(cx, slug[i], NULL, true, &r), CULL_ECANCEL, "stopped");
        assert_true(r.lines == 0 && !r.claim);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(door), cmocka_unit_test(without_data)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
