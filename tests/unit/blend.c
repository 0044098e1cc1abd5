/* Loops of merges against what they are said to do, number by number, on every instruction set. */
#include "test.h"

#include "choose/threshold.h"
#include "num/blend.h"

enum { MODELS = 4, MOST = 70, STRIDE = 77 };
static const char *const isas[] = ISA_NAMES;

/* A ctx of that instruction set, or NULL where the machine has it not. */
static cull_ctx *on(const char *isa)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.isa = isa;
    return cull_ctx_new(&o);
}

static float elected(const float *x, const float *w, int models, bool normalize)
{
    float all = 0, sum = 0, counts = 0;
    for (int m = 0; m < models; m++) all += x[m * STRIDE];
    for (int m = 0; m < models; m++) {
        if (!(x[m * STRIDE] * (all >= 0 ? 1.0f : -1.0f) > 0)) continue;
        sum += x[m * STRIDE];
        counts += w[m];
    }
    return normalize ? sum / (counts == 0 ? 1 : counts) : sum;
}

/* Sums that cancel, zeros of both signs, the least number there is, infinities, NaN; weights that add up to 0. */
static void elects(void **state)
{
    (void)state;
    static const float odd[] = {0, -0.0f, 1, -1, 0x1p-149f, -0x1p-149f, INFINITY, -INFINITY, NAN};
    static const float weight[][MODELS] = {{1, 1, 1, 1}, {0.5f, -0.5f, 2, 0.25f}};
    cull_rng r = cull__rng_seeded(7, 0);
    for (int k = 0; k < 3; k++) {
        cull_ctx *cx = on(isas[k]);
        if (!cx) continue;
        for (int n = 0; n <= MOST; n++)
            for (int set = 0; set < 2 * 2 * MODELS; set++) {
                float x[MODELS * STRIDE], got[MOST + 1];
                const float *w = weight[set & 1];
                int models = 1 + set / 4;
                for (int i = 0; i < MODELS * STRIDE; i++)
                    x[i] = i % 3 ? (float)cull__rng_normal(&r) : odd[cull__rng_below(&r, 9)];
                got[n] = 7;
                cull__blend_of(cx)->elect(got, x, STRIDE, w, models, set & 2, n);
                for (int i = 0; i < n; i++) {
                    float want = elected(x + i, w, models, set & 2);
                    assert_true(isnan(want) ? isnan(got[i])
                                            : memcmp(&got[i], &want, sizeof want) == 0);
                }
                assert_true(got[n] == 7);
            }
        cull_ctx_free(cx);
    }
}

/* On every instruction set what lies within is what a plain loop finds, at every length and for bounds of all kinds. */
static void sifts(void **state)
{
    (void)state;
    static const uint32_t bound[][2] = {{0, 0},
                                        {0, INT32_MAX},
                                        {0x3F000000, 0x3F800000},
                                        {0x3F800000, 0x3F800000},
                                        {0x7F800000, INT32_MAX}};
    static const float odd[] = {0, -0.0f, 1, -1, INFINITY, -INFINITY, NAN, 0.5f, 2};
    cull_rng r = cull__rng_seeded(7, 0);
    for (int k = 0; k < 3; k++) {
        cull_ctx *cx = on(isas[k]);
        if (!cx) continue;
        for (int n = 0; n <= MOST; n++)
            for (int b = 0; b < 5; b++) {
                float x[MOST];
                uint32_t some[MOST + CULL__SIFT], want[MOST];
                int32_t above, more = 0, m = 0;
                for (int i = 0; i < n; i++) {
                    x[i] = i % 3 ? (float)cull__rng_normal(&r) : odd[cull__rng_below(&r, 9)];
                    uint32_t key = cull__magnitude(x[i]);
                    more += key > bound[b][1];
                    if (key >= bound[b][0] && key <= bound[b][1]) want[m++] = key;
                }
                const cull__blend *kern = cull__blend_of(cx);
                assert_int_equal(kern->sift(x, bound[b][0], bound[b][1], n, &above, some), m);
                assert_int_equal(above, more);
                assert_memory_equal(some, want, (size_t)m * sizeof *want);
            }
        cull_ctx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(elects), cmocka_unit_test(sifts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
