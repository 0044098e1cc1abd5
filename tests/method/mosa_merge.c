/* mosa-merge against plain sums: from 0 or another start, stored full or masked; parts that overlap are told. */
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

static cull_status run(cull_ctx *cx, const char *slug, const cull_checkpoint *base,
                       const cull_checkpoint *const *model, int models, const char *rule,
                       const char *out, const char *const *option)
{
    cull_weights_problem p = {
        .base = base, .model = model, .models = models, .rule = &rule, .rules = rule != NULL};
    const cull_method *m = cull_method_find(slug, NULL);
    cull_weights_report report;
    cull_opts *o;
    cull_status s = cull_opts_new(cx, m, &o);
    for (; s == CULL_OK && option && option[0]; option += 2)
        s = cull_opts_set(cx, o, option[0], option[1]);
    if (s == CULL_OK) s = cull_weights_run(cx, m, o, &p, out, &report);
    cull_opts_free(o);
    return s;
}

enum { COPIES = 4, M = 9, N = 7 };
/* Copies that start at `start`, each of which moved its own entries of a matrix and all of a bias. */
static void split_copies(cull_ctx *cx, double start, bool masked, cull_checkpoint **ck,
                         double *want, double *bias, float *from)
{
    cull_rng r = cull__rng_seeded(9, 0);
    static tensors s[COPIES];
    for (int i = 0; i < M * N; i++)
        from[i] = (float)(start * cull__rng_normal(&r)), want[i] = from[i];
    for (int j = 0; j < M; j++) bias[j] = 0;
    for (int c = 0; c < COPIES; c++) {
        float *u = tensors_add(&s[c], "up.weight", "F32", M, N);
        float *b = tensors_add(&s[c], "up.bias", "F32", M, 0);
        float *d = tensors_add(&s[c], "down.weight", "F32", 2, 2);
        for (int i = 0; i < M * N; i++) {
            bool mine = i % COPIES == c;
            float by = mine ? (float)cull__rng_normal(&r) : 0;
            u[i] = masked && !mine ? 0 : from[i] + by;
            if (mine) want[i] += ((double)u[i] - from[i]) / COPIES;
        }
        for (int j = 0; j < M; j++) b[j] = (float)cull__rng_normal(&r), bias[j] += b[j] / 4.0;
        for (int i = 0; i < 4; i++) d[i] = 0.3f * (float)i;
        char name[32];
        snprintf(name, sizeof name, "copy%d.safetensors", c);
        tensors_write(cx, &s[c], in_dir(name), NULL);
        tensors_clear(&s[c]);
        ok(cx, cull_checkpoint_open(cx, in_dir(name), &ck[c]));
    }
}

static void one_adapter(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static tensors s;
    for (int kind = 0; kind < 4; kind++) { /* from 0 or not; stored full or masked */
        cull_checkpoint *ck[COPIES], *out, *base = NULL;
        double want[M * N], bias[M];
        float from[M * N];
        bool masked = kind & 1;
        split_copies(cx, kind & 2 ? 1 : 0, masked, ck, want, bias, from);
        if (kind == 3) {
            memcpy(tensors_add(&s, "up.weight", "F32", M, N), from, sizeof from);
            tensors_add(&s, "up.bias", "F32", M, 0);
            tensors_add(&s, "down.weight", "F32", 2, 2);
            tensors_write(cx, &s, in_dir("start.safetensors"), NULL);
            tensors_clear(&s);
            ok(cx, cull_checkpoint_open(cx, in_dir("start.safetensors"), &base));
        }
        const cull_checkpoint *m[COPIES] = {ck[0], ck[1], ck[2], ck[3]};
        const char *const option[] = {"stored", masked ? "masked" : "full", NULL};
        ok(cx, run(cx, "mosa-merge", base, m, COPIES, NULL, in_dir("out.safetensors"), option));
        ok(cx, cull_checkpoint_open(cx, in_dir("out.safetensors"), &out));
        float *u = tensor_numbers(cx, out, "up.weight"), *b = tensor_numbers(cx, out, "up.bias");
        float *d = tensor_numbers(cx, out, "down.weight");
        for (int i = 0; i < M * N; i++) assert_true(fabs(u[i] - want[i]) < 1e-6); /* f32 of 4 */
        for (int j = 0; j < M; j++) assert_true(fabs(b[j] - bias[j]) < 1e-6);
        for (int i = 0; i < 4; i++) assert_true(d[i] == 0.3f * (float)i); /* shared */
        free(u), free(b), free(d);
        cull_checkpoint_free(out), cull_checkpoint_free(base);
        for (int c = 0; c < COPIES; c++) cull_checkpoint_free(ck[c]);
    }
    /* parts that overlap */
    cull_checkpoint *ck[COPIES];
    double want[M * N], bias[M];
    float from[M * N];
    split_copies(cx, 1, false, ck, want, bias, from);
    const cull_checkpoint *m[COPIES] = {ck[0], ck[1], ck[2], ck[3]};
    float *x[2];
    for (int c = 0; c < 2; c++) {
        x[c] = tensor_numbers(cx, ck[c], "up.weight");
        memcpy(tensors_add(&s, "up.weight", "F32", M, N), x[c], sizeof from);
        s.x[0][5] += 1;
        tensors_add(&s, "up.bias", "F32", M, 0);
        tensors_add(&s, "down.weight", "F32", 2, 2);
        cull_checkpoint_free(ck[c]);
        tensors_write(cx, &s, in_dir(c ? "copy1.safetensors" : "copy0.safetensors"), NULL);
        tensors_clear(&s);
        ok(cx,
           cull_checkpoint_open(cx, in_dir(c ? "copy1.safetensors" : "copy0.safetensors"), &ck[c]));
        m[c] = ck[c];
        free(x[c]);
    }
    refused(cx, run(cx, "mosa-merge", NULL, m, COPIES, NULL, in_dir("out2.safetensors"), NULL),
            CULL_EINPUT, "2 copies moved number 5 of 'up.weight'");
    static const char *const no[] = {"check", "no", NULL};
    ok(cx, run(cx, "mosa-merge", NULL, m, COPIES, NULL, in_dir("out2.safetensors"), no));
    for (int c = 0; c < COPIES; c++) cull_checkpoint_free(ck[c]);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_adapter)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
