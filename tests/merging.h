/* merging.h - what tests of task weights share: a base and fine-tuned models on disk, one run, its numbers. */
#ifndef CULL_TEST_MERGING_H
#define CULL_TEST_MERGING_H
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

/* Source 0 is the base, the others are a little off it. Tensors: more than a block, rows of 347; one row of 9; 5 numbers
 * alone; integers that all have alike. */
enum { MERGING = 4, MERGING_TENSORS = 4, ROW = 347 };
typedef struct {
    cull_ctx *cx;
    tensors in[MERGING];
    cull_checkpoint *ck[MERGING];
    int sources;
} merging;

static inline void merging_open(merging *f, int s)
{
    char name[40];
    snprintf(name, sizeof name, "in%d.safetensors", s);
    cull_checkpoint_free(f->ck[s]);
    tensors_write(f->cx, &f->in[s], in_dir(name), NULL);
    ok(f->cx, cull_checkpoint_open(f->cx, in_dir(name), &f->ck[s]));
}

/* Numbers of a dtype: what was written is what is read. */
static inline void merging_fill(merging *f, const char *dtype, int sources)
{
    cull_rng r = cull__rng_seeded(101, 0);
    memset(f, 0, sizeof *f);
    f->cx = cull_ctx_new(NULL);
    f->sources = sources;
    for (int s = 0; s < sources; s++) {
        tensors_add(&f->in[s], "model.layers.0.mlp.up_proj.weight", dtype, 301, ROW);
        tensors_add(&f->in[s], "model.layers.1.self_attn.q_proj.weight", dtype, 1, 9);
        tensors_add(&f->in[s], "model.norm.weight", dtype, 5, 0);
        tensors_add(&f->in[s], "model.ids", "I32", 6, 0);
        for (int t = 0; t < 3; t++)
            for (int64_t i = 0; i < f->in[s].t[t].n; i++) {
                double x = cull__rng_normal(&r);
                f->in[s].x[t][i] = (float)(s ? f->in[0].x[t][i] + 0.1 * x : x);
                if (!strcmp(dtype, "BF16"))
                    f->in[s].x[t][i] = cull__bf16_to_f32(cull__f32_to_bf16(f->in[s].x[t][i]));
            }
        for (int i = 0; i < 6; i++) f->in[s].x[3][i] = (float)(i * i - 7);
    }
    for (int s = 0; s < sources; s++) merging_open(f, s);
}

static inline void merging_free(merging *f)
{
    for (int s = 0; s < MERGING; s++) {
        cull_checkpoint_free(f->ck[s]);
        tensors_clear(&f->in[s]);
    }
    cull_ctx_free(f->cx);
}

/* "density=0.3 alpha=2" */
static inline cull_opts *merging_opts(cull_ctx *cx, const cull_method *m, const char *words)
{
    cull_opts *o;
    char copy[256], *rest = copy, *word;
    ok(cx, cull_opts_new(cx, m, &o));
    snprintf(copy, sizeof copy, "%s", words);
    while ((word = strsep(&rest, " "))) {
        char *eq = strchr(word, '=');
        if (!eq) continue;
        *eq = 0;
        ok(cx, cull_opts_set(cx, o, word, eq + 1));
    }
    return o;
}

/* The problem as the method takes it: with the base, or all as models. */
static inline cull_weights_problem merging_problem(const merging *f, const cull_method *m)
{
    bool base = m->run.weights->needs & CULL_WEIGHTS_BASE;
    cull_weights_problem p = {0};
    p.base = base ? f->ck[0] : NULL;
    p.model = (const cull_checkpoint *const *)f->ck + base;
    p.models = f->sources - base;
    return p;
}

static inline cull_status merging_try(cull_ctx *cx, const merging *f, const char *slug,
                                      const char *words, const char *rules[3],
                                      cull_weights_report *r)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_weights_problem p = merging_problem(f, m);
    cull_opts *o = merging_opts(f->cx, m, words);
    p.rule = rules;
    while (rules && p.rules < 3 && rules[p.rules]) p.rules++;
    cull_status s = cull_weights_run(cx, m, o, &p, in_dir("out.safetensors"), r);
    cull_opts_free(o);
    return s;
}

static inline cull_checkpoint *merging_run(merging *f, const char *slug, const char *words,
                                           const char *rules[3])
{
    cull_checkpoint *out;
    cull_weights_report r;
    ok(f->cx, merging_try(f->cx, f, slug, words, rules, &r));
    ok(f->cx, cull_checkpoint_open(f->cx, in_dir("out.safetensors"), &out));
    assert_int_equal(cull_checkpoint_count(out), cull_checkpoint_count(f->ck[0]));
    assert_memory_equal(cull_checkpoint_bytes(out, cull_checkpoint_find(out, "model.ids", NULL)),
                        cull_checkpoint_bytes(f->ck[0], 3), 24);
    return out;
}

/* Numbers of tensor t of the result are want[0 .. n) within eps of the larger of them and `size`. */
static inline void merging_same(const merging *f, const cull_checkpoint *out, int t,
                                const double *want, double eps, double size)
{
    float *got = tensor_numbers(f->cx, out, f->in[0].name[t]);
    for (int64_t i = 0; i < f->in[0].t[t].n; i++)
        if (!(fabs(got[i] - want[i]) <= eps * fmax(fabs(want[i]), size)))
            fail_msg("%s [%d]: %.9g, not %.9g", f->in[0].name[t], (int)i, got[i], want[i]);
    free(got);
}
#endif
