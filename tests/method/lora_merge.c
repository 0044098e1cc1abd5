/* lora-merge against sums in double by plain loops: linear, turned and embedding weights, biases, DoRA, whole tensors, several
 * adapters, every dtype's rounding. The forms of names and scales are PEFT's. */
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

enum { V = 37, D = 23, R = 5, F = 300 };
typedef struct {
    cull_ctx *cx;
    cull_checkpoint *base, *ad[2];
    tensors b, a[2]; /* what is in them, as written */
    const char *rename;
} fixture;

static void fill(tensors *s, uint64_t seed, float by)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < s->n; i++)
        for (int64_t k = 0; k < s->t[i].n; k++) s->x[i][k] = by * (float)cull__rng_normal(&r);
}

static const float *numbers(const tensors *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->name[i], name)) return s->x[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void write_adapter(fixture *f, int k, const char *config)
{
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    const char *name = k ? "ad1" : "ad0";
    o.stem = "adapter_model", o.config = config;
    tensors_wipe(name);
    tensors_write(f->cx, &f->a[k], in_dir(name), &o);
    ok(f->cx, cull_checkpoint_open(f->cx, in_dir(name), &f->ad[k]));
}

static void add_pair(tensors *s, const char *module, int64_t out, int64_t in, int64_t rank)
{
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "base_model.model.%s.lora_A.weight", module);
    tensors_add(s, name, "F32", rank, in);
    snprintf(name, sizeof name, "base_model.model.%s.lora_B.weight", module);
    tensors_add(s, name, "F32", out, rank);
}

static void close_all(fixture *f)
{
    for (int k = 0; k < 2; k++) {
        cull_checkpoint_free(f->ad[k]);
        tensors_clear(&f->a[k]);
        f->ad[k] = NULL;
    }
    cull_checkpoint_free(f->base);
    tensors_clear(&f->b);
    f->base = NULL;
    tensors_wipe("ad0"), tensors_wipe("ad1");
}

static cull_status merge_to(cull_ctx *cx, const fixture *f, int models, const char *rule,
                            const char *to)
{
    const cull_checkpoint *m[2] = {f->ad[0], f->ad[1]};
    cull_weights_problem p = {.base = f->base,
                              .model = m,
                              .models = models,
                              .rule = &rule,
                              .rules = rule != NULL,
                              .rename = &f->rename,
                              .renames = f->rename != NULL};
    cull_weights_report report;
    return cull_weights_run(cx, cull_method_find("lora-merge", NULL), NULL, &p, in_dir(to),
                            &report);
}

static cull_status merge(cull_ctx *cx, const fixture *f, int models, const char *rule)
{
    return merge_to(cx, f, models, rule, "out.safetensors");
}

static cull_checkpoint *merged(fixture *f, int models, const char *rule)
{
    cull_checkpoint *out;
    ok(f->cx, merge(f->cx, f, models, rule));
    ok(f->cx, cull_checkpoint_open(f->cx, in_dir("out.safetensors"), &out));
    return out;
}

/* (B A) [i, j] */
static double product(const float *b, const float *a, int64_t i, int64_t j, int64_t rank,
                      int64_t in)
{
    double s = 0;
    for (int64_t k = 0; k < rank; k++) s += (double)b[i * rank + k] * a[k * in + j];
    return s;
}

/* got = want, but for the rounding of sums in f32 of numbers of that size and one of the dtype. */
static void near(double got, double want, double size, double eps)
{
    double may = 4 * 6e-8 * size + 0.5001 * eps * fabs(want);
    if (!(fabs(got - want) <= may)) fail_msg("%.9g, not %.9g", got, want);
}

static void linear(void **state)
{
    (void)state;
    static fixture f;
    static const struct {
        const char *dtype;
        double eps;
    } kinds[] = {{"F32", 1.2e-7}, {"BF16", 1.0 / 128}, {"F16", 1.0 / 1024}};
    for (int kind = 0; kind < 3; kind++) {
        f.cx = cull_ctx_new(NULL);
        tensors_add(&f.b, "model.q.weight", kinds[kind].dtype, V, D);
        tensors_add(&f.b, "model.wide.weight", kinds[kind].dtype, 3,
                    70001); /* a block ends in a row */
        tensors_add(&f.b, "model.free.weight", kinds[kind].dtype, 4, 4);
        fill(&f.b, 1, 1);
        tensors_write(f.cx, &f.b, in_dir("base.safetensors"), NULL);
        ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base.safetensors"), &f.base));
        add_pair(&f.a[0], "model.q", V, D, R);
        add_pair(&f.a[0], "model.wide", 3, 70001, 2);
        fill(&f.a[0], 2, 0.5f);
        write_adapter(&f, 0,
                      "{\"r\": 5, \"lora_alpha\": 7, \"rank_pattern\": {\"wide\": 2}, "
                      "\"alpha_pattern\": {\"model.wide\": 3}}");
        f.rename = "*.p.weight=*.q.weight";
        refused(f.cx, merge(f.cx, &f, 1, NULL), CULL_EOPTION,
                "no tensor that could be renamed is called '*.p.weight'");
        f.rename = NULL;
        cull_checkpoint *out = merged(&f, 1, NULL);
        float *q = tensor_numbers(f.cx, out, "model.q.weight");
        float *wide = tensor_numbers(f.cx, out, "model.wide.weight");
        float *w = tensor_numbers(f.cx, f.base, "model.q.weight");
        float *x = tensor_numbers(f.cx, f.base, "model.wide.weight");
        const float *a = numbers(&f.a[0], "base_model.model.model.q.lora_A.weight");
        const float *b = numbers(&f.a[0], "base_model.model.model.q.lora_B.weight");
        for (int i = 0; i < V; i++)
            for (int j = 0; j < D; j++)
                near(q[i * D + j], w[i * D + j] + 7.0 / 5 * product(b, a, i, j, R, D), 10,
                     kinds[kind].eps);
        a = numbers(&f.a[0], "base_model.model.model.wide.lora_A.weight");
        b = numbers(&f.a[0], "base_model.model.model.wide.lora_B.weight");
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 70001; j++)
                near(wide[i * 70001 + j],
                     x[i * 70001 + j] + 3.0 / 2 * product(b, a, i, j, 2, 70001), 10,
                     kinds[kind].eps);
        int64_t at = cull_checkpoint_find(out, "model.free.weight", NULL);
        assert_memory_equal(cull_checkpoint_bytes(out, at), cull_checkpoint_bytes(f.base, 2),
                            cull_checkpoint_at(out, at)->bytes);
        free(q), free(wide), free(w), free(x);
        cull_checkpoint_free(out);
        close_all(&f);
        cull_ctx_free(f.cx);
    }
}

/* fan_in_fan_out, embeddings, a bias of B, a bias saved whole; two adapters, one of them by half. */
static void forms(void **state)
{
    (void)state;
    static fixture f;
    f.cx = cull_ctx_new(NULL);
    tensors_add(&f.b, "h.c.weight", "F32", D, V); /* (in, out) */
    tensors_add(&f.b, "h.c.bias", "F32", V, 0);
    tensors_add(&f.b, "h.wte.weight", "F32", F, D);
    fill(&f.b, 3, 1);
    tensors_write(f.cx, &f.b, in_dir("base.safetensors"), NULL);
    ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base.safetensors"), &f.base));
    for (int k = 0; k < 2; k++) {
        add_pair(&f.a[k], "h.c", V, D, R);
        tensors_add(&f.a[k], "base_model.model.h.c.lora_B.bias", "F32", V, 0);
        tensors_add(&f.a[k], "base_model.model.h.wte.lora_embedding_A", "F32", R, F);
        tensors_add(&f.a[k], "base_model.model.h.wte.lora_embedding_B", "F32", D, R);
        fill(&f.a[k], 10 + (uint64_t)k, 0.5f);
        write_adapter(
            &f, k, "{\"r\": 5, \"lora_alpha\": 5, \"fan_in_fan_out\": true, \"use_rslora\": true}");
    }
    const double scale[2] = {sqrt(5), 0.5 * sqrt(5)};
    cull_checkpoint *out = merged(&f, 2, "model=2: weight=0.5");
    float *c = tensor_numbers(f.cx, out, "h.c.weight"),
          *bias = tensor_numbers(f.cx, out, "h.c.bias");
    float *wte = tensor_numbers(f.cx, out, "h.wte.weight");
    for (int i = 0; i < D; i++)
        for (int j = 0; j < V; j++) {
            double want = numbers(&f.b, "h.c.weight")[i * V + j];
            for (int k = 0; k < 2; k++)
                want += scale[k] * product(numbers(&f.a[k], "base_model.model.h.c.lora_B.weight"),
                                           numbers(&f.a[k], "base_model.model.h.c.lora_A.weight"),
                                           j, i, R, D);
            near(c[i * V + j], want, 20, 0);
        }
    for (int i = 0; i < F; i++)
        for (int j = 0; j < D; j++) {
            double want = numbers(&f.b, "h.wte.weight")[i * D + j];
            for (int k = 0; k < 2; k++)
                want +=
                    scale[k] * product(numbers(&f.a[k], "base_model.model.h.wte.lora_embedding_B"),
                                       numbers(&f.a[k], "base_model.model.h.wte.lora_embedding_A"),
                                       j, i, R, F);
            near(wte[i * D + j], want, 20, 0);
        }
    for (int j = 0; j < V; j++) {
        double want = numbers(&f.b, "h.c.bias")[j];
        for (int k = 0; k < 2; k++)
            want += scale[k] * numbers(&f.a[k], "base_model.model.h.c.lora_B.bias")[j];
        near(bias[j], want, 20, 0);
    }
    free(c), free(bias), free(wte);
    cull_checkpoint_free(out);
    close_all(&f);
    cull_ctx_free(f.cx);
}

/* Rows get the lengths that DoRA learnt; a tensor saved whole takes its place. */
static void lengths_and_whole(void **state)
{
    (void)state;
    static fixture f;
    f.cx = cull_ctx_new(NULL);
    tensors_add(&f.b, "q.weight", "F32", V, D);
    tensors_add(&f.b, "lm_head.weight", "F32", V, D);
    fill(&f.b, 4, 1);
    tensors_write(f.cx, &f.b, in_dir("base.safetensors"), NULL);
    ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base.safetensors"), &f.base));
    add_pair(&f.a[0], "q", V, D, R);
    tensors_add(&f.a[0], "base_model.model.q.lora_magnitude_vector", "F32", V, 0);
    tensors_add(&f.a[0], "base_model.model.lm_head.weight", "F32", V, D);
    fill(&f.a[0], 5, 1);
    write_adapter(&f, 0, "{\"r\": 5, \"lora_alpha\": 10, \"use_dora\": true}");
    cull_checkpoint *out = merged(&f, 1, NULL);
    float *q = tensor_numbers(f.cx, out, "q.weight");
    float *head = tensor_numbers(f.cx, out, "lm_head.weight");
    const float *want = numbers(&f.a[0], "base_model.model.lm_head.weight");
    assert_memory_equal(head, want, V * D * sizeof *head);
    for (int i = 0; i < V; i++) {
        double row[D], length = 0;
        for (int j = 0; j < D; j++) {
            row[j] = numbers(&f.b, "q.weight")[i * D + j] +
                     2 * product(numbers(&f.a[0], "base_model.model.q.lora_B.weight"),
                                 numbers(&f.a[0], "base_model.model.q.lora_A.weight"), i, j, R, D);
            length += row[j] * row[j];
        }
        double by = numbers(&f.a[0], "base_model.model.q.lora_magnitude_vector")[i] / sqrt(length);
        for (int j = 0; j < D; j++) near(q[i * D + j], row[j] * by, 20, 0);
    }
    free(q), free(head);
    cull_checkpoint_free(out);
    /* what sets a tensor is of one adapter alone */
    add_pair(&f.a[1], "q", V, D, R);
    write_adapter(&f, 1, "{\"r\": 5, \"lora_alpha\": 10}");
    refused(f.cx, merge(f.cx, &f, 2, NULL), CULL_EINPUT, "merge this adapter alone");
    close_all(&f);
    cull_ctx_free(f.cx);
}

/* Where weights are (inputs, outputs) it is columns that get the lengths; the same bits for any number of threads. */
static void column_lengths(void **state)
{
    (void)state;
    static fixture f;
    enum { IN = 2500, OUT = 7 };
    float *one = NULL;
    const double scale = 2;
    for (int threads = 1; threads < 4; threads += 2) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = threads;
        f.cx = cull_ctx_new(&o);
        tensors_add(&f.b, "h.c.weight", "F32", IN, OUT);
        fill(&f.b, 7, 1);
        tensors_write(f.cx, &f.b, in_dir("base.safetensors"), NULL);
        ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base.safetensors"), &f.base));
        add_pair(&f.a[0], "h.c", OUT, IN, R);
        tensors_add(&f.a[0], "base_model.model.h.c.lora_magnitude_vector", "F32", OUT, 0);
        fill(&f.a[0], 8, 1);
        write_adapter(
            &f, 0, "{\"r\": 5, \"lora_alpha\": 10, \"use_dora\": true, \"fan_in_fan_out\": true}");
        cull_checkpoint *out = merged(&f, 1, NULL);
        float *c = tensor_numbers(f.cx, out, "h.c.weight");
        const float *a = numbers(&f.a[0], "base_model.model.h.c.lora_A.weight");
        const float *b = numbers(&f.a[0], "base_model.model.h.c.lora_B.weight");
        for (int j = 0; j < OUT; j++) {
            static double column[IN];
            double length = 0;
            for (int i = 0; i < IN; i++) {
                column[i] =
                    numbers(&f.b, "h.c.weight")[i * OUT + j] + scale * product(b, a, j, i, R, IN);
                length += column[i] * column[i];
            }
            double by =
                numbers(&f.a[0], "base_model.model.h.c.lora_magnitude_vector")[j] / sqrt(length);
            for (int i = 0; i < IN; i++) near(c[i * OUT + j], column[i] * by, 1, 2.4e-7);
        }
        cull_checkpoint_free(out);
        close_all(&f);
        cull_ctx_free(f.cx);
        if (one) {
            assert_memory_equal(one, c, IN * OUT * sizeof *c);
            free(one), free(c);
        } else {
            one = c;
        }
    }
}

static void trouble(void **state)
{
    (void)state;
    static fixture f;
    f.cx = cull_ctx_new(NULL);
    tensors_add(&f.b, "q.weight", "F32", F, F);
    fill(&f.b, 6, 1);
    tensors_write(f.cx, &f.b, in_dir("base.safetensors"), NULL);
    ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base.safetensors"), &f.base));
    add_pair(&f.a[0], "q", F, F, R);
    fill(&f.a[0], 7, 1);
    write_adapter(&f, 0, "{\"r\": 5, \"lora_alpha\": 10}");
    /* one thread = two threads */
    static unsigned char got[2][F * F * 4];
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, t + 1);
        cull_checkpoint *out;
        ok(cx, merge(cx, &f, 1, NULL));
        ok(cx, cull_checkpoint_open(cx, in_dir("out.safetensors"), &out));
        memcpy(got[t], cull_checkpoint_bytes(out, 0), sizeof got[t]);
        cull_checkpoint_free(out);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(got[0], got[1], sizeof got[0]);
    unlink(in_dir("out.safetensors"));
    int failed = 0;
    for (long at = 1; at < 80; at++) {
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        cull_status s = merge(cx, &f, 1, NULL);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        if (s == CULL_ENOMEM) assert_int_equal(access(in_dir("out.safetensors"), F_OK), -1);
        failed += s == CULL_ENOMEM;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        unlink(in_dir("out.safetensors"));
    }
    assert_true(failed > 5);
    cull_checkpoint_free(f.ad[0]);
    f.a[0].x[0][3] = NAN;
    write_adapter(&f, 0, "{\"r\": 5, \"lora_alpha\": 10}");
    refused(f.cx, merge(f.cx, &f, 1, NULL), CULL_EINPUT, "lora_A.weight' has a number that is not");
    close_all(&f);
    cull_ctx_free(f.cx);
}

/* An adapter made where a module has another name. */
static void other_names(void **state)
{
    (void)state;
    static fixture f;
    f.cx = cull_ctx_new(NULL);
    tensors_add(&f.b, "model.layers.0.block_sparse_moe.gate.weight", "F32", V, D);
    fill(&f.b, 1, 1);
    tensors_write(f.cx, &f.b, in_dir("base.safetensors"), NULL);
    ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base.safetensors"), &f.base));
    add_pair(&f.a[0], "model.layers.0.mlp.gate", V, D, R);
    fill(&f.a[0], 2, 1);
    write_adapter(&f, 0, "{\"r\": 5, \"lora_alpha\": 5}");
    refused(f.cx, merge(f.cx, &f, 1, NULL), CULL_EINPUT, "lacks");
    f.rename = "*.mlp.gate.weight=*.mlp.gate";
    refused(f.cx, merge(f.cx, &f, 1, NULL), CULL_EINPUT, "belongs to 'model.layers.0.mlp.gate'");
    f.rename = "*.mlp.gate.weight";
    refused(f.cx, merge(f.cx, &f, 1, NULL), CULL_EOPTION, "is no rule OLD=NEW");
    f.rename = "*.mlp.gate.weight=*.block_sparse_moe.gate.weight";
    cull_checkpoint *out = merged(&f, 1, NULL);
    float *got = tensor_numbers(f.cx, out, "model.layers.0.block_sparse_moe.gate.weight");
    for (int64_t i = 0; i < V; i++)
        for (int64_t j = 0; j < D; j++)
            near(got[i * D + j],
                 f.b.x[0][i * D + j] + product(f.a[0].x[1], f.a[0].x[0], i, j, R, D), 20, 1.2e-7);
    free(got);
    cull_checkpoint_free(out);
    close_all(&f);
    cull_ctx_free(f.cx);
}

/* A base with one tensor for embedding and head: PEFT replaces one of the two. */
static void tied(void **state)
{
    (void)state;
    enum {
        WORDS = 1,
        OWN_HEAD = 2,
        BOTH = WORDS | OWN_HEAD,
        ALIKE = 4
    }; /* what the adapter sets */
    static const struct {
        const char *config, *says;
        bool head; /* in the base's file */
        int sets;
        int out; /* tensors of the result */
    } kinds[] = {
        {"{\"architectures\": [\"XForCausalLM\"], \"tie_word_embeddings\": true}",
         "{\"architectures\": [\"XForCausalLM\"], \"tie_word_embeddings\": false}", false, WORDS,
         2},
        {"{\"tie_word_embeddings\": true}", "{\"tie_word_embeddings\": false}", true, WORDS, 2},
        {"{\"tie_word_embeddings\": true}", "{\"tie_word_embeddings\": false}", true, OWN_HEAD, 2},
        {"{\"tie_word_embeddings\": true}", "{\"tie_word_embeddings\": false}", false, OWN_HEAD, 2},
        {"{\"tie_word_embeddings\": true}", "{\"tie_word_embeddings\": true}", false, BOTH | ALIKE,
         1},
        {"{\"architectures\": [\"XLMHeadModel\"]}",
         "{\"tie_word_embeddings\": false, \"architectures\": [\"XLMHeadModel\"]}", false, BOTH, 2},
        {"{\"architectures\": [\"XForCausalLM\"]}", NULL, true, OWN_HEAD, 2},
        {"{\"architectures\": [\"XModel\"]}", NULL, false, WORDS, 1},
        {"{\"tie_word_embeddings\": false}", NULL, true, BOTH, 2},
    };
    static const char *const names[] = {"model.embed_tokens.weight", "lm_head.weight"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        static fixture f;
        cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
        cull_checkpoint *out;
        f.cx = cull_ctx_new(NULL);
        o.config = kinds[k].config;
        tensors_add(&f.b, names[0], "F32", V, D);
        if (kinds[k].head) tensors_add(&f.b, names[1], "F32", V, D);
        fill(&f.b, 1, 1);
        if (kinds[k].head) memcpy(f.b.x[1], f.b.x[0], V * D * sizeof(float));
        tensors_wipe("base");
        tensors_write(f.cx, &f.b, in_dir("base"), &o);
        ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base"), &f.base));
        for (int i = 0; i < 2; i++)
            if (kinds[k].sets & 1 << i) {
                char name[80];
                snprintf(name, sizeof name, "base_model.model.%s", names[i]);
                tensors_add(&f.a[0], name, "F32", V, D);
            }
        fill(&f.a[0], 2, 1);
        if (kinds[k].sets & ALIKE) memcpy(f.a[0].x[1], f.a[0].x[0], V * D * sizeof(float));
        write_adapter(&f, 0, "{\"r\": 5, \"lora_alpha\": 5}");
        tensors_wipe("tied");
        ok(f.cx, merge_to(f.cx, &f, 1, NULL, "tied"));
        ok(f.cx, cull_checkpoint_open(f.cx, in_dir("tied"), &out));
        assert_string_equal(cull_checkpoint_config(out),
                            kinds[k].says ? kinds[k].says : kinds[k].config);
        assert_int_equal(cull_checkpoint_count(out), kinds[k].out);
        for (int i = 0; i < kinds[k].out; i++) {
            char name[80];
            snprintf(name, sizeof name, "base_model.model.%s", names[i]);
            const float *want = kinds[k].sets & 1 << i ? numbers(&f.a[0], name) : f.b.x[0];
            float *got = tensor_numbers(f.cx, out, names[i]);
            assert_memory_equal(got, want, V * D * sizeof *got);
            free(got);
        }
        cull_checkpoint_free(out);
        close_all(&f);
        tensors_wipe("base"), tensors_wipe("tied");
        cull_ctx_free(f.cx);
    }
}

/* Where nobody says what the head is called, or it is not the embedding times what it is given, the two stay one. */
static void tied_refused(void **state)
{
    (void)state;
    static const struct {
        const char *config, *words;
    } kinds[] = {{"{\"tie_word_embeddings\": true}", "model.embed_tokens.weight"},
                 {"{\"architectures\": [\"XForCausalLM\"]}", "shared.weight"}};
    for (int k = 0; k < 2; k++) {
        static fixture f;
        char name[80];
        cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
        f.cx = cull_ctx_new(NULL);
        o.config = kinds[k].config;
        tensors_add(&f.b, kinds[k].words, "F32", V, D);
        fill(&f.b, 1, 1);
        tensors_wipe("base");
        tensors_write(f.cx, &f.b, in_dir("base"), &o);
        ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base"), &f.base));
        snprintf(name, sizeof name, "base_model.model.%s", kinds[k].words);
        tensors_add(&f.a[0], name, "F32", V, D);
        fill(&f.a[0], 2, 1);
        write_adapter(&f, 0, "{\"r\": 5, \"lora_alpha\": 5}");
        refused(f.cx, merge(f.cx, &f, 1, NULL), CULL_EINPUT, "ties to one another");
        close_all(&f);
        tensors_wipe("base");
        cull_ctx_free(f.cx);
    }
}

/* GPT-2's matrices are (inputs, outputs), whatever the adapter's config says of the last module that it has. */
static void conv1d(void **state)
{
    (void)state;
    static fixture f;
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    f.cx = cull_ctx_new(NULL);
    o.config = "{\"architectures\": [\"GPT2LMHeadModel\"]}";
    tensors_add(&f.b, "h.0.attn.c_attn.weight", "F32", D, V);
    tensors_add(&f.b, "h.0.attn.c_proj.weight", "F32", D, D);
    tensors_add(&f.b, "h.0.other.weight", "F32", D, D);
    fill(&f.b, 1, 1);
    tensors_wipe("base");
    tensors_write(f.cx, &f.b, in_dir("base"), &o);
    ok(f.cx, cull_checkpoint_open(f.cx, in_dir("base"), &f.base));
    static const char *const module[] = {"h.0.attn.c_attn", "h.0.attn.c_proj", "h.0.other"};
    for (int k = 0; k < 3; k++) add_pair(&f.a[0], module[k], k ? D : V, D, R);
    fill(&f.a[0], 2, 1);
    write_adapter(&f, 0, "{\"r\": 5, \"lora_alpha\": 5, \"fan_in_fan_out\": false}");
    cull_checkpoint *out = merged(&f, 1, NULL);
    for (int k = 0; k < 3; k++) {
        int outs = k ? D : V;
        char name[80];
        snprintf(name, sizeof name, "%s.weight", module[k]);
        float *got = tensor_numbers(f.cx, out, name);
        const float *a = f.a[0].x[2 * k], *b = f.a[0].x[2 * k + 1];
        for (int i = 0; i < D; i++)
            for (int j = 0; j < outs; j++)
                near(got[i * outs + j],
                     numbers(&f.b, name)[i * outs + j] +
                         product(b, a, k < 2 ? j : i, k < 2 ? i : j, R, D),
                     20, 0);
        free(got);
    }
    cull_checkpoint_free(out);
    close_all(&f);
    tensors_wipe("base");
    cull_ctx_free(f.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(linear),
                                       cmocka_unit_test(forms),
                                       cmocka_unit_test(lengths_and_whole),
                                       cmocka_unit_test(column_lengths),
                                       cmocka_unit_test(other_names),
                                       cmocka_unit_test(tied),
                                       cmocka_unit_test(tied_refused),
                                       cmocka_unit_test(conv1d),
                                       cmocka_unit_test(trouble)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
