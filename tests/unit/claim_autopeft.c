/* claim_autopeft: adapters of a net that is small enough to try all of it here: what a verdict holds, that threads do not
 * change it, that a net which learns says so; missing data, interrupts, failing memory. */
#include "claim/autopeft.h"
#include "cull/front.h"
#include "test.h"

enum { LENGTH = 6000, SEEDS = 2 };
static uint8_t text[LENGTH];

/* Words in an order that the last one decides. */
static int write_text(void **state)
{
    (void)state;
    static const char *const word[] = {"the ", "cat, ", "sat. ", "on a ", "mat; ", "who? "};
    int at = 0, w = 0;
    for (unsigned k = 1; at < LENGTH; k = k * 1103515245U + 12345U) {
        for (const char *c = word[w]; *c && at < LENGTH; c++) text[at++] = (uint8_t)*c;
        w = (w + 1 + (int)(k >> 16 & 1U)) % 6;
    }
    return 0;
}

static const cull__peft_scale small = {.width = 16,
                                       .heads = 2,
                                       .context = 8,
                                       .batch = 4,
                                       .pretrain = 60,
                                       .steps = 6,
                                       .trials = 10,
                                       .options = "startup=6 even=no looks=40 starts=2",
                                       .dev = 6,
                                       .test = 7};

static void judge(int threads, const cull__peft_scale *s, cull__peft_verdict *v)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = threads;
    cull_ctx *cx = cull_ctx_new(&o);
    ok(cx, cull__peft_judge(cx, text, LENGTH, s, SEEDS, v));
    cull_ctx_free(cx);
}

static bool among(double numbers)
{
    static const int size[] = {1, 2, 3, 4, 6, 8, 12, 16, 32, 64};
    for (int i = 0; i < 10; i++)
        if (numbers == 4 * 2 * 16 * size[i]) return true; /* layers, both matrices, width */
    return false;
}

static void verdicts(void **state)
{
    (void)state;
    cull__peft_verdict v[SEEDS], again[SEEDS];
    judge(1, &small, v);
    judge(2, &small, again);
    for (int i = 0; i < SEEDS; i++) {
        for (int m = 0; m < CULL__PEFT_MODULES; m++) {
            assert_true(among(v[i].single[m].numbers));
            assert_true(v[i].single[m].test > 0 && v[i].single[m].test < 5);
            /* the front's best is on it: where it is no worse, the flag says so */
            if (v[i].least.numbers <= v[i].single[m].numbers &&
                v[i].least.test <= v[i].single[m].test)
                assert_true(v[i].dominated[m]);
            assert_true(v[i].dominated[m] == (v[i].margin[m] <= 0));
            assert_true(v[i].margin[m] == again[i].margin[m]);
            assert_true(v[i].single[m].test == again[i].single[m].test);
        }
        assert_true(v[i].front >= 1 && v[i].front <= small.trials);
        assert_true(v[i].before > v[i].whole.test); /* training helps */
        assert_true(v[i].before > v[i].single[0].test);
        /* ten letters, four marks, a blank, eight signs that are new; all tensors */
        const double vocab = 15 + 8, each = 12 * 16 * 16 + 13 * 16;
        assert_true(v[i].whole.numbers == 2 * vocab * 16 + 8 * 16 + 4 * each + 2 * 16);
        assert_true(v[i].least.test == again[i].least.test);
        assert_true(v[i].least.numbers == again[i].least.numbers);
        assert_true(v[i].whole.test == again[i].whole.test && v[i].before == again[i].before);
    }
    assert_true(v[0].before != v[1].before); /* another spelling */
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__peft_verdict v[1];
    refused(cx, cull__peft_judge(cx, text, 629, &small, 1, v), CULL_EINPUT,
            "has 629 characters; at least 630 are needed");
    cull_claim_result r;
    refused(cx, cull_claim_run(cx, "autopeft", "/nowhere", true, &r), CULL_ENODATA,
            "/nowhere/tinyshakespeare.txt is not there");
    cull_ctx_free(cx);
}

static void interrupted(void **state)
{
    (void)state;
    cull__peft_verdict v[SEEDS];
    for (long k = 1; k < 200; k += 37) {
        hooks h = {.stop_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        assert_int_equal(cull__peft_judge(cx, text, LENGTH, &small, SEEDS, v), CULL_ECANCEL);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

static void memory_fails(void **state)
{
    (void)state;
    cull__peft_scale s = small;
    cull__peft_verdict v[1];
    s.pretrain = s.steps = 1;
    s.trials = 7;
    for (long k = 1; k < 4000; k += 1 + k / 7) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (cx) {
            cull_status st = cull__peft_judge(cx, text, LENGTH, &s, 1, v);
            if (h.calls >= k)
                assert_int_equal(st, CULL_ENOMEM);
            else
                ok(cx, st);
        }
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(refusals),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, write_text, NULL);
}
