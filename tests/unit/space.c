/* unit.space - descriptions of spaces: what is read, what is refused and in which words. */
#include "cull/space.h"
#include "cull/report.h"
#include "test.h"

static cull_space *from(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "s", &s));
    return s;
}

static void test_tree(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "lr = real(1e-5, 0.1, log, default=0.01) # a note\n"
                             "opt = or { sgd { momentum = real(0, 0.99) } adam { beta2 = "
                             "real(0.9, 0.999) } plain }\n"
                             "block = repeat(1..3) { width = int(16, 256, log)\n"
                             " act = one(relu, gelu) }\n"
                             "warmup = optional { steps = int(10, 1000, step=10) }\n"
                             "batch = ordinal(16, 32, 64)\n"
                             "order = permutation(crop, flip, blur)\n"
                             "keep = subset(2..4 of 10) mix = simplex(a, b, c)");
    const char *const names[] = {"lr",
                                 "opt",
                                 "opt.sgd.momentum",
                                 "opt.adam.beta2",
                                 "block",
                                 "block.1.width",
                                 "block.1.act",
                                 "block.2.width",
                                 "block.2.act",
                                 "block.3.width",
                                 "block.3.act",
                                 "warmup",
                                 "warmup.steps",
                                 "batch",
                                 "order",
                                 "keep",
                                 "mix"};
    int n = sizeof names / sizeof *names;
    assert_int_equal(cull_space_params(s), n);
    for (int i = 0; i < n; i++) {
        assert_string_equal(cull_space_at(s, i)->name, names[i]);
        assert_int_equal(cull_space_find(s, names[i]), i);
    }
    assert_int_equal(cull_space_width(s), 14 + 3 + 10 + 3);
    assert_null(cull_space_at(s, n));
    assert_int_equal(cull_space_find(s, "block.4.act"), -1);
    double x[30];
    char *text;
    ok(cx, cull_space_default(cx, s, x));
    ok(cx, cull_space_format(cx, s, x, &text));
    assert_string_equal(text, "lr=0.01 opt=sgd opt.sgd.momentum=0.495 block=2 block.1.width=63 "
                              "block.1.act=relu block.2.width=63 block.2.act=relu warmup=no "
                              "batch=32 order=crop>flip>blur keep=1+2 "
                              "mix=0.3333333333333333/0.3333333333333333/0.3333333333333333");
    double y[30];
    ok(cx, cull_space_parse(cx, s, text, y));
    cull_key a = cull_space_key(s, x), b = cull_space_key(s, y);
    assert_memory_equal(&a, &b, sizeof a);
    cull_text_free(text);
    for (int k = 0; k < 1000; k++) {
        ok(cx, cull_space_draw(cx, s, (uint64_t)k, x));
        ok(cx, cull_space_check(cx, s, x));
        ok(cx, cull_space_format(cx, s, x, &text));
        ok(cx, cull_space_parse(cx, s, text, y));
        assert_memory_equal(x, y, sizeof x);
        cull_text_free(text);
    }
    ok(cx, cull_space_text(cx, s, false, &text));
    cull_space *again = from(cx, text);
    assert_int_equal(cull_space_hash(s), cull_space_hash(again));
    cull_text_free(text);
    cull_space_free(again);
    cull_space_free(s);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
