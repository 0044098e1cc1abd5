/* experts: blocks, experts and routers told from names; usage, likeness, units that are the same, what dropping costs. */
#include "tensors.h"

#include "base/base.h"
#include "repr/experts.h"
#include "score/experts.h"

enum { E = 4, D = 5, F = 11, OUT = 3 };

static void add_expert(tensors *s, const char *prefix, int e, cull_rng *r)
{
    static const char *const part[] = {"gate_proj", "up_proj", "down_proj"};
    char name[TENSOR_NAME];
    for (int p = 0; p < 3; p++) {
        snprintf(name, sizeof name, "%s.experts.%d.%s.weight", prefix, e, part[p]);
        float *x = tensors_add(s, name, "F32", p < 2 ? F : OUT, p < 2 ? D : F);
        for (int i = 0; i < (p < 2 ? F * D : OUT * F); i++) x[i] = (float)cull__rng_normal(r);
    }
}

static cull_checkpoint *layer(cull_ctx *cx, uint64_t seed)
{
    static tensors s;
    cull_checkpoint *ck;
    cull_rng r = cull__rng_seeded(seed, 0);
    tensors_add(&s, "model.layers.0.mlp.gate.weight", "F32", E, D);
    for (int e = 0; e < E; e++) add_expert(&s, "model.layers.0.mlp", e, &r);
    tensors_add(&s, "model.layers.0.mlp.shared_expert_gate.weight", "F32", 1, D);
    tensors_write(cx, &s, in_dir("layer.safetensors"), NULL);
    tensors_clear(&s);
    ok(cx, cull_checkpoint_open(cx, in_dir("layer.safetensors"), &ck));
    return ck;
}

static void names(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static tensors s;
    cull_checkpoint *ck;
    cull__moe m;
    tensors_add(&s, "lm.norm", "F32", 3, 0);
    for (int e = 0; e < 3; e++) {
        char name[TENSOR_NAME];
        snprintf(name, sizeof name, "enc.1.mlp.experts.expert_%d.wi.weight", e);
        tensors_add(&s, name, "F32", 4, 2);
        snprintf(name, sizeof name, "enc.1.mlp.experts.expert_%d.wo.bias", e);
        tensors_add(&s, name, "F32", 2, 0);
    }
    tensors_add(&s, "enc.1.mlp.router.classifier.weight", "F32", 3, 2);
    tensors_add(&s, "enc.11.mlp.gate.weight", "F32", 2, 3);
    tensors_add(&s, "enc.11.mlp.gate.e_score_correction_bias", "F32", 2, 0);
    tensors_add(&s, "enc.11.mlp.experts.down_proj", "F32", 2, 7);
    tensors_add(&s, "enc.11.mlp.moe_statics.e_score_correction_bias", "F32", 1, 2);
    tensors_add(&s, "enc.11.mlp.router.scale", "F32", 3, 0); /* of the inputs */
    tensors_write(cx, &s, in_dir("names.safetensors"), NULL);
    ok(cx, cull_checkpoint_open(cx, in_dir("names.safetensors"), &ck));
    ok(cx, cull__moe_find(cx, ck, &m));
    assert_int_equal(m.blocks, 2);
    int switch_ = strcmp(m.block[0].prefix, "enc.1.mlp") != 0, fused = 1 - switch_;
    assert_string_equal(m.block[switch_].prefix, "enc.1.mlp");
    assert_string_equal(m.block[fused].prefix, "enc.11.mlp");
    assert_true(m.block[switch_].experts == 3 && m.block[fused].experts == 2);
    assert_true(!m.block[switch_].fused && m.block[fused].fused);
    int64_t i = cull_checkpoint_find(ck, "enc.1.mlp.experts.expert_2.wo.bias", NULL);
    assert_true(m.place[i].kind == CULL__MOE_EXPERT && m.place[i].expert == 2);
    assert_true(m.place[i].part == CULL__FFN_DOWN_BIAS);
    assert_string_equal(m.place[i].rest, "wo.bias");
    i = cull_checkpoint_find(ck, "enc.11.mlp.gate.e_score_correction_bias", NULL);
    assert_true(m.place[i].kind == CULL__MOE_ROUTER && m.place[i].block == fused);
    i = cull_checkpoint_find(ck, "enc.11.mlp.moe_statics.e_score_correction_bias", NULL);
    assert_true(m.place[i].kind == CULL__MOE_ROUTER && m.place[i].block == fused);
    i = cull_checkpoint_find(ck, "enc.11.mlp.router.scale", NULL);
    assert_true(m.place[i].kind == CULL__MOE_NONE);
    i = cull_checkpoint_find(ck, "enc.11.mlp.gate.weight", NULL);
    assert_int_equal(m.block[fused].router, i);
    i = cull_checkpoint_find(ck, "lm.norm", NULL);
    assert_true(m.place[i].kind == CULL__MOE_NONE && m.place[i].block < 0);
    cull_checkpoint_free(ck);
    tensors_clear(&s);
    cull_ctx_free(cx);
}

static void refuse(cull_ctx *cx, tensors *s, const char *part)
{
    cull_checkpoint *ck;
    cull__moe m;
    tensors_write(cx, s, in_dir("bad.safetensors"), NULL);
    tensors_clear(s);
    ok(cx, cull_checkpoint_open(cx, in_dir("bad.safetensors"), &ck));
    refused(cx, cull__moe_find(cx, ck, &m), CULL_EINPUT, part);
    cull_checkpoint_free(ck);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static tensors s;
    tensors_add(&s, "a.mlp.up.weight", "F32", 3, 2);
    refuse(cx, &s, "has no experts");
    tensors_add(&s, "a.mlp.experts.0.w1.weight", "F32", 3, 2);
    refuse(cx, &s, "experts and no router");
    tensors_add(&s, "a.mlp.experts.0.w1.weight", "F32", 3, 2);
    tensors_add(&s, "a.mlp.experts.2.w1.weight", "F32", 3, 2);
    tensors_add(&s, "a.mlp.gate.weight", "F32", 3, 2);
    refuse(cx, &s, "0 of expert 1");
    tensors_add(&s, "a.mlp.experts.0.w1.weight", "F32", 3, 2);
    tensors_add(&s, "a.mlp.gate.weight", "F32", 2, 2);
    refuse(cx, &s, "has 2 rows; there are 1");
    tensors_add(&s, "a.mlp.experts.99999.w1.weight", "F32", 3, 2);
    refuse(cx, &s, "100000 experts");
    tensors_add(&s, "a.mlp.experts.0.w1.weight", "F32", 3, 2);
    tensors_add(&s, "a.mlp.experts.w1", "F32", 1, 2);
    refuse(cx, &s, "at once");
    cull_ctx_free(cx);
}

static void routing(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const float z[4] = {1, 3, 3, -2};
    double w[4], usage[4], e1 = exp(-2);
    const uint8_t kept[4] = {1, 0, 1, 1};
    cull__expert_route(z, 4, 2, true, NULL, w);
    assert_true(w[0] == 0 && w[1] == 0.5 && w[2] == 0.5 && w[3] == 0);
    cull__expert_route(z, 4, 1, false, NULL, w);
    assert_true(fabs(w[1] - 1 / (2 + e1 + exp(-5))) < 1e-15 && w[2] == 0);
    cull__expert_route(z, 4, 2, true, kept, w);
    assert_true(fabs(w[0] - e1 / (1 + e1)) < 1e-15 && w[1] == 0 && w[3] == 0);

    enum { T = 9001 };
    static float big[T * 4];
    static double s[2][16], u[2][4];
    double count[4] = {0}, ij[16] = {0};
    cull_rng r = cull__rng_seeded(8, 0);
    for (int t = 0; t < T; t++) {
        for (int e = 0; e < 4; e++) big[t * 4 + e] = (float)cull__rng_normal(&r) + (e == 2);
        for (int e = 0; e < 4; e++) {
            int above = 0;
            for (int o = 0; o < 4; o++) above += big[t * 4 + o] > big[t * 4 + e];
            count[e] += above < 2;
            for (int o = 0; o < 4; o++) ij[e * 4 + o] += (double)big[t * 4 + e] * big[t * 4 + o];
        }
    }
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *own = hooked_ctx(&h, threads);
        ok(own, cull__expert_usage(own, big, T, 4, 2, u[threads - 1]));
        ok(own, cull__expert_likeness(own, big, T, 4, s[threads - 1]));
        cull_ctx_free(own);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(s[0], s[1], sizeof s[0]);
    assert_memory_equal(u[0], u[1], sizeof u[0]);
    for (int e = 0; e < 4; e++) {
        assert_true(u[0][e] == count[e] / T);
        for (int o = 0; o < 4; o++) {
            double want = (ij[e * 4 + o] / sqrt(ij[e * 5] * ij[o * 5]) + 1) / 2;
            assert_true(fabs(s[0][e * 4 + o] - want) < 1e-12);
        }
    }
    const float zeros[8] = {0, 1, 0, 2, 0, 3, 0, 4}; /* an expert without logits is like none */
    ok(cx, cull__expert_likeness(cx, zeros, 4, 2, s[0]));
    assert_true(s[0][0] == 1 && s[0][1] == 0.5);
    ok(cx, cull__expert_usage(cx, zeros, 0, 2, 1, usage));
    assert_true(usage[0] == 0 && usage[1] == 0);
    cull_ctx_free(cx);
}

/* Expert 1 is expert 0 with its units in another order, and a little noise: the order is found. */
static void alignment(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static tensors s;
    cull_checkpoint *ck;
    cull__moe m;
    cull_rng r = cull__rng_seeded(21, 0);
    int64_t order[F], units;
    for (int i = 0; i < F; i++) order[i] = i;
    cull__rng_shuffle(&r, order, F);
    tensors_add(&s, "a.gate.weight", "F32", 2, D);
    add_expert(&s, "a", 0, &r);
    add_expert(&s, "a", 1, &r);
    for (int p = 0; p < 3; p++) {
        const float *from = s.x[1 + p];
        float *to = s.x[4 + p];
        for (int i = 0; i < F; i++)
            for (int j = 0; j < (p < 2 ? D : OUT); j++) {
                float noise = 0.05f * (float)cull__rng_normal(&r);
                if (p < 2)
                    to[order[i] * D + j] = from[i * D + j] + noise;
                else
                    to[j * F + order[i]] = from[j * F + i] + noise;
            }
    }
    tensors_write(cx, &s, in_dir("pair.safetensors"), NULL);
    ok(cx, cull_checkpoint_open(cx, in_dir("pair.safetensors"), &ck));
    ok(cx, cull__moe_find(cx, ck, &m));
    ok(cx, cull__expert_units(cx, ck, &m, 0, &units));
    assert_int_equal(units, F);
    int32_t perm[F];
    ok(cx, cull__expert_align(cx, ck, &m, 0, 0, 1, perm));
    for (int i = 0; i < F; i++) assert_int_equal(perm[i], order[i]);
    ok(cx, cull__expert_align(cx, ck, &m, 0, 1, 1, perm));
    for (int i = 0; i < F; i++) assert_int_equal(perm[i], i);
    int failed = 0;
    for (long at = 1; at < 60; at++) {
        hooks h = {.fail_at = at};
        cull_ctx *small = hooked_ctx(&h, 1);
        if (!small) continue;
        cull_status st = cull__expert_align(small, ck, &m, 0, 0, 1, perm);
        assert_true(st == CULL_OK || st == CULL_ENOMEM);
        failed += st == CULL_ENOMEM;
        cull_ctx_free(small);
        assert_int_equal(h.live, 0);
    }
    assert_true(failed > 0);
    cull_checkpoint_free(ck);
    tensors_clear(&s);
    cull_ctx_free(cx);
}

static double act(cull__act a, double x)
{
    switch (a) {
    case CULL__ACT_SILU: return x / (1 + exp(-x));
    case CULL__ACT_GELU: return x * erfc(-x / sqrt(2)) / 2;
    case CULL__ACT_GELU_TANH:
        return x / (1 + exp(-2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    default: return x > 0 ? x : 0;
    }
}

/* Output (OUT) of expert e for x, by plain loops. */
static void forward(cull_ctx *cx, const cull_checkpoint *ck, int e, cull__act a, const float *x,
                    double *y)
{
    char name[TENSOR_NAME];
    float *w[3];
    static const char *const part[] = {"gate_proj", "up_proj", "down_proj"};
    for (int p = 0; p < 3; p++) {
        snprintf(name, sizeof name, "model.layers.0.mlp.experts.%d.%s.weight", e, part[p]);
        w[p] = tensor_numbers(cx, ck, name);
    }
    for (int o = 0; o < OUT; o++) y[o] = 0;
    for (int i = 0; i < F; i++) {
        double g = 0, u = 0;
        for (int j = 0; j < D; j++) g += w[0][i * D + j] * x[j], u += w[1][i * D + j] * x[j];
        for (int o = 0; o < OUT; o++) y[o] += w[2][o * F + i] * act(a, g) * u;
    }
    for (int p = 0; p < 3; p++) free(w[p]);
}

enum { TOK = 13 };
static void losses(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_checkpoint *ck = layer(cx, 31);
    cull__moe m;
    cull_rng r = cull__rng_seeded(32, 0);
    float x[TOK * D], z[TOK * E];
    static double y[TOK][E][OUT];
    for (int i = 0; i < TOK * D; i++) x[i] = (float)cull__rng_normal(&r);
    for (int i = 0; i < TOK * E; i++) z[i] = (float)cull__rng_normal(&r);
    ok(cx, cull__moe_find(cx, ck, &m));
    for (int a = 0; a < 4; a++)
        for (int norm = 0; norm < 2; norm++) {
            cull__expert_cache c;
            ok(cx, cull__expert_outputs(cx, ck, &m, 0, (cull__act)a, x, TOK, z, 2, norm, &c));
            for (int t = 0; t < TOK; t++)
                for (int e = 0; e < E; e++) forward(cx, ck, e, (cull__act)a, x + t * D, y[t][e]);
            for (int set = 0; set < 16; set++) {
                uint8_t kept[E];
                double loss = 0, all = 0, w[E], v[E];
                for (int e = 0; e < E; e++) kept[e] = set >> e & 1;
                if (__builtin_popcount((unsigned)set) < 2) continue;
                for (int t = 0; t < TOK; t++) {
                    cull__expert_route(z + t * E, E, 2, norm, NULL, w);
                    cull__expert_route(z + t * E, E, 2, norm, kept, v);
                    for (int o = 0; o < OUT; o++) {
                        double d = 0, f = 0;
                        for (int e = 0; e < E; e++)
                            d += (v[e] - w[e]) * y[t][e][o], f += w[e] * y[t][e][o];
                        loss += d * d, all += f * f;
                    }
                }
                /* outputs are f32: 2^-24 of each of the terms */
                assert_true(fabs(cull__expert_loss(&c, kept) - loss) < 1e-5 * all);
                assert_true(fabs(c.norm2 - all) < 1e-5 * all);
            }
        }
    double gram[2][TOK * E * E];
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *own = hooked_ctx(&h, t + 1);
        cull__expert_cache c;
        ok(own, cull__expert_outputs(own, ck, &m, 0, CULL__ACT_SILU, x, TOK, z, 2, true, &c));
        memcpy(gram[t], c.gram, sizeof gram[t]);
        cull_ctx_free(own);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(gram[0], gram[1], sizeof gram[0]);
    x[3] = INFINITY;
    cull__expert_cache c;
    refused(cx, cull__expert_outputs(cx, ck, &m, 0, CULL__ACT_SILU, x, TOK, z, 2, true, &c),
            CULL_EINPUT, "not finite");
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(refusals),
                                       cmocka_unit_test(routing), cmocka_unit_test(alignment),
                                       cmocka_unit_test(losses)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
