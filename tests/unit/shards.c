/* shards.c - which shards the layers' adapters are made of. */
#include "repr/shards.h"
#include "test.h"

static void counts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    /* Llama-2 7B: per type e * L * (in + out), as many as LoRA of rank e has; the published totals */
    const int64_t in[7] = {4096, 4096, 4096, 4096, 4096, 4096, 11008};
    const int64_t out[7] = {4096, 4096, 4096, 4096, 11008, 11008, 4096};
    for (int64_t e = 2; e <= 8; e += 6) {
        int64_t sum = 0;
        cull__shards s = {.layers = 32, .rank = 16, .equal = e, .shards = 4, .owned = 1};
        for (int t = 0; t < 7; t++) {
            ok(cx, cull__shards_check(cx, &s, "x", in[t], out[t]));
            sum += cull__shards_rows(&s) * (in[t] / s.shards + out[t] / s.shards);
        }
        assert_int_equal(sum, e == 2 ? 4997120 : 19988480);
    }
    cull_ctx_free(cx);
}

enum { LAYERS = 5, RANK = 7, SHARDS = 3, OWNED = 2, EQUAL = 4 };

static void draws(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__shards s = {LAYERS, RANK, EQUAL, SHARDS, OWNED};
    int32_t a[LAYERS][RANK * SHARDS], b[LAYERS][RANK * SHARDS];
    int used[EQUAL * LAYERS * SHARDS] = {0};
    int64_t open = (EQUAL - OWNED) * LAYERS * SHARDS, rows = cull__shards_rows(&s);
    ok(cx, cull__shards_check(cx, &s, "x", 12, 9));
    ok(cx, cull__shards_draw(cx, &s, 0, a[0]));
    ok(cx, cull__shards_draw(cx, &s, 1, b[0]));
    assert_memory_not_equal(a, b, sizeof a); /* the two sides are drawn apart */
    ok(cx, cull__shards_draw(cx, &s, 0, b[0]));
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a[0], a[1], sizeof a[0]);
    for (int l = 0; l < LAYERS; l++) {
        int seen[EQUAL * LAYERS * SHARDS] = {0};
        for (int i = 0; i < RANK * SHARDS; i++) {
            assert_in_range(a[l][i], 0, rows - 1);
            assert_int_equal(seen[a[l][i]]++, 0); /* no repeats */
            used[a[l][i]]++;
            assert_int_equal(a[l][i] >= open, i >= (RANK - OWNED) * SHARDS);
        }
    }
    for (int64_t i = open; i < rows; i++) assert_int_equal(used[i], 1); /* owned by one layer */
    cull_ctx_free(cx);
}

/* equal = rank, all owned, one shard a vector: layer l has rows l r .. l r + r - 1, which is LoRA. */
static void is_lora(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__shards s = {3, 4, 4, 1, 4};
    int32_t a[12];
    ok(cx, cull__shards_check(cx, &s, "x", 5, 7));
    ok(cx, cull__shards_draw(cx, &s, 9, a));
    for (int i = 0; i < 12; i++) assert_int_equal(a[i], i);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__shards s = {4, 8, 2, 4, 1};
    refused(cx, cull__shards_check(cx, &s, "q_proj", 10, 8), CULL_EINPUT, "q_proj");
    refused(cx, cull__shards_check(cx, &s, "k", 8, 6), CULL_EINPUT, "4 shards");
    refused(cx, cull__shards_check(cx, &s, "k", 8, 8), CULL_EINPUT, "5 at most");
    s.owned = 3;
    refused(cx, cull__shards_check(cx, &s, "k", 8, 8), CULL_EOPTION, "cannot own 3");
    s.rank = 0;
    refused(cx, cull__shards_check(cx, &s, "k", 8, 8), CULL_EOPTION, "at least 1");
    cull_ctx_free(cx);
    hooks h = {.fail_at = 2};
    for (; h.fail_at < 20; h.fail_at++) {
        h.calls = h.live = 0;
        if (!(cx = hooked_ctx(&h, 1))) continue;
        cull__shards big = {40, 8, 200, 40, 1};
        int32_t *out = malloc((size_t)(40 * 8 * 40) * sizeof *out);
        cull_status st = cull__shards_draw(cx, &big, 0, out);
        assert_true(st == CULL_OK || st == CULL_ENOMEM);
        free(out);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (h.calls < h.fail_at) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts), cmocka_unit_test(draws),
                                       cmocka_unit_test(is_lora), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
