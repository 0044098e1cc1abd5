/* transformer.h - a small transformer for tests, in a folder with its config, and its outputs in doubles. */
#ifndef CULL_TEST_TRANSFORMER_H
#define CULL_TEST_TRANSFORMER_H
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

enum { L = 3, H = 12, I = 20, HEADS = 6, GROUPS = 3, D = 4, SEQ = 5 };
static const char config[] =
    "{\n  \"num_hidden_layers\": 3,\n  \"hidden_size\": 12,\n  \"intermediate_size\": 20,\n"
    "  \"layer_types\": [\n    \"full\",\n    \"slide\", \"full\"\n  ],\n"
    "  \"num_attention_heads\": 6, \"num_key_value_heads\": 3, \"note\": \"num_attention_heads\",\n"
    "  \"head_dim\": 4, \"eps\": 1e-5\n}\n";

typedef struct {
    cull_ctx *cx;
    tensors in;
    cull_checkpoint *ck;
} fixture;

static inline float *put(fixture *f, int layer, const char *what, int64_t d0, int64_t d1)
{
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "model.layers.%d.%s", layer, what);
    return tensors_add(&f->in, name, layer == 1 ? "F16" : "F32", d0, d1);
}

static inline void fill(fixture *f, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < f->in.n; i++)
        for (int64_t k = 0; k < f->in.t[i].n; k++)
            f->in.x[i][k] =
                cull__f16_to_f32(cull__f32_to_f16((float)(0.25 * cull__rng_normal(&r))));
}

static inline void begin(fixture *f, cull_ctx *cx)
{
    memset(f, 0, sizeof *f);
    f->cx = cx;
    for (int l = 0; l < L; l++) {
        put(f, l, "self_attn.q_proj.weight", HEADS * D, H);
        put(f, l, "self_attn.q_proj.bias", HEADS * D, 0);
        put(f, l, "self_attn.k_proj.weight", GROUPS * D, H);
        put(f, l, "self_attn.v_proj.weight", GROUPS * D, H);
        put(f, l, "self_attn.v_proj.bias", GROUPS * D, 0);
        put(f, l, "self_attn.o_proj.weight", H, HEADS * D);
        put(f, l, "self_attn.o_proj.bias", H, 0);
        put(f, l, "self_attn.q_norm.weight", D, 0);
        put(f, l, "mlp.gate_proj.weight", I, H);
        put(f, l, "mlp.up_proj.weight", I, H);
        put(f, l, "mlp.down_proj.weight", H, I);
    }
    tensors_add(&f->in, "lm_head.weight", "F32", 7, H);
    fill(f, 3);
}

static inline void save(fixture *f, const char *text)
{
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    tensors_wipe("model");
    o.config = text;
    tensors_write(f->cx, &f->in, in_dir("model"), &o);
    ok(f->cx, cull_checkpoint_open(f->cx, in_dir("model"), &f->ck));
}

static inline void end(fixture *f)
{
    cull_checkpoint_free(f->ck);
    tensors_clear(&f->in);
    tensors_wipe("model"), tensors_wipe("out");
}

static inline float *of(fixture *f, int layer, const char *what)
{
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "model.layers.%d.%s", layer, what);
    for (int i = 0; i < f->in.n; i++)
        if (!strcmp(f->in.name[i], name)) return f->in.x[i];
    fail_msg("no %s", name);
    return NULL;
}

/* ---- the transformer ---- */

typedef struct {
    cull_ctx *cx;
    const cull_checkpoint *ck;
    int layer;
} reader;

static inline float *weight(const reader *r, const char *what, int64_t *rows)
{
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "model.layers.%d.%s", r->layer, what);
    int64_t i = cull_checkpoint_find(r->ck, name, NULL);
    if (rows && i >= 0) *rows = cull_checkpoint_at(r->ck, i)->shape[0];
    return i < 0 ? NULL : tensor_numbers(r->cx, r->ck, name);
}

/* y (SEQ, rows) = W x + b. */
static inline double *times(const reader *r, const char *what, const double *x, int64_t cols,
                            int64_t *rows)
{
    char bias[80], name[80];
    snprintf(name, sizeof name, "%s.weight", what);
    snprintf(bias, sizeof bias, "%s.bias", what);
    float *w = weight(r, name, rows), *b = weight(r, bias, NULL);
    double *y = calloc((size_t)(SEQ * *rows), sizeof *y);
    for (int s = 0; s < SEQ; s++)
        for (int64_t o = 0; o < *rows; o++) {
            double sum = b ? (double)b[o] : 0;
            for (int64_t c = 0; c < cols; c++) sum += (double)w[o * cols + c] * x[s * cols + c];
            y[s * *rows + o] = sum;
        }
    free(w), free(b);
    return y;
}

static inline void attend(const reader *r, double *x)
{
    int64_t q = 0, k = 0, v = 0, h = 0;
    double *a = times(r, "self_attn.q_proj", x, H, &q), *b = times(r, "self_attn.k_proj", x, H, &k);
    double *c = times(r, "self_attn.v_proj", x, H, &v);
    double *y = calloc((size_t)(SEQ * q), sizeof *y);
    assert_true(k == v && q == 2 * k);
    for (int64_t head = 0; head < q / D; head++)
        for (int s = 0; s < SEQ; s++) {
            double p[SEQ], all = 0;
            for (int t = 0; t <= s; t++) {
                double dot = 0;
                for (int d = 0; d < D; d++)
                    dot += a[s * q + head * D + d] * b[t * k + head / 2 * D + d];
                all += p[t] = exp(dot / 2);
            }
            for (int t = 0; t <= s; t++)
                for (int d = 0; d < D; d++)
                    y[s * q + head * D + d] += p[t] / all * c[t * v + head / 2 * D + d];
        }
    double *o = times(r, "self_attn.o_proj", y, q, &h);
    for (int i = 0; i < SEQ * H; i++) x[i] += o[i];
    free(a), free(b), free(c), free(y), free(o);
}

static inline void feed(const reader *r, double *x)
{
    int64_t n = 0, h = 0;
    double *g = times(r, "mlp.gate_proj", x, H, &n), *u = times(r, "mlp.up_proj", x, H, &n);
    for (int64_t i = 0; i < SEQ * n; i++) u[i] *= g[i] / (1 + exp(-g[i]));
    double *o = times(r, "mlp.down_proj", u, n, &h);
    for (int i = 0; i < SEQ * H; i++) x[i] += o[i];
    free(g), free(u), free(o);
}

static inline void forward(cull_ctx *cx, const cull_checkpoint *ck, int layers, double *x)
{
    for (int i = 0; i < SEQ * H; i++) x[i] = sin(i * 1.7) / 2;
    for (int l = 0; l < layers; l++) {
        const reader r = {cx, ck, l};
        attend(&r, x);
        feed(&r, x);
    }
}

/* ---- a run ---- */

static inline cull_status run(fixture *f, const char *slug, const char *opts, const char *rule,
                              cull_checkpoint **out)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_weights_problem p = {.model = (const cull_checkpoint *const *)&f->ck, .models = 1};
    cull_weights_report report;
    cull_opts *o;
    char copy[200], *rest = copy, *word;
    assert_non_null(m);
    if (rule) p.rule = &rule, p.rules = 1;
    ok(f->cx, cull_opts_new(f->cx, m, &o));
    snprintf(copy, sizeof copy, "%s", opts);
    while ((word = strsep(&rest, " "))) {
        char *is = strchr(word, '=');
        if (!is) continue;
        *is = 0;
        ok(f->cx, cull_opts_set(f->cx, o, word, is + 1));
    }
    tensors_wipe("out");
    cull_status s = cull_weights_run(f->cx, m, o, &p, in_dir("out"), &report);
    cull_opts_free(o);
    if (s == CULL_OK) ok(f->cx, cull_checkpoint_open(f->cx, in_dir("out"), out));
    return s;
}

/* The manifest makes the same file of the same model again. */
static inline void again(fixture *f, const cull_checkpoint *one)
{
    char manifest[600];
    cull_checkpoint *two;
    cull_weights_problem p = {.model = (const cull_checkpoint *const *)&f->ck, .models = 1};
    cull_weights_report report;
    snprintf(manifest, sizeof manifest, "%s/cull_manifest.json", cull_checkpoint_path(one));
    assert_true(cull_weights_is_manifest(manifest));
    tensors_wipe("again");
    ok(f->cx, cull_weights_apply(f->cx, manifest, &p, in_dir("again"), &report));
    ok(f->cx, cull_checkpoint_open(f->cx, in_dir("again"), &two));
    assert_int_equal(cull_checkpoint_count(one), cull_checkpoint_count(two));
    for (int64_t i = 0; i < cull_checkpoint_count(one); i++) {
        const cull_tensor *a = cull_checkpoint_at(one, i), *b = cull_checkpoint_at(two, i);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->bytes, b->bytes);
        assert_memory_equal(cull_checkpoint_bytes(one, i), cull_checkpoint_bytes(two, i), a->bytes);
    }
    assert_string_equal(cull_checkpoint_config(one), cull_checkpoint_config(two));
    cull_checkpoint_free(two);
    tensors_wipe("again");
}

static inline void same_outputs(fixture *f, const cull_checkpoint *small, int layers)
{
    double a[SEQ * H], b[SEQ * H];
    forward(f->cx, f->ck, L, a);
    forward(f->cx, small, layers, b);
    for (int i = 0; i < SEQ * H; i++) assert_true(fabs(a[i] - b[i]) <= 1e-12 * (1 + fabs(a[i])));
}
static inline void fails_at(const char *slug)
{
    for (long k = 1, done = 0; !done; k += 1 + k / 8) {
        fixture f;
        hooks h = {0};
        begin(&f, hooked_ctx(&h, 1));
        save(&f, config);
        cull_weights_problem p = {.model = (const cull_checkpoint *const *)&f.ck, .models = 1};
        cull_weights_report report;
        tensors_wipe("out");
        h.calls = 0;
        h.fail_at = k;
        cull_status s =
            cull_weights_run(f.cx, cull_method_find(slug, NULL), NULL, &p, in_dir("out"), &report);
        h.fail_at = 0;
        done = s == CULL_OK;
        assert_true(done || s == CULL_ENOMEM);
        assert_int_equal(access(in_dir("out"), F_OK) == 0, done);
        end(&f);
        cull_ctx_free(f.cx);
        assert_int_equal(h.live, 0);
    }
}

typedef struct {
    const char *opts, *rule, *part;
} refusal;
static inline void refuses(fixture *f, const char *slug, const refusal *wrong, int n)
{
    cull_checkpoint *out;
    for (int i = 0; i < n; i++)
        refused(f->cx, run(f, slug, wrong[i].opts, wrong[i].rule, &out), CULL_EINPUT,
                wrong[i].part);
}

/* A model of three tensors and no config. */
static inline void odd_model(fixture *f)
{
    cull_checkpoint_free(f->ck);
    tensors_clear(&f->in);
    tensors_add(&f->in, "encoder.layers.0.fc1.weight", "F32", 6, 3);
    tensors_add(&f->in, "encoder.layers.0.fc2.weight", "F32", 3, 5);
    tensors_add(&f->in, "decoder.layers.0.fc1.weight", "F32", 6, 3);
    save(f, NULL);
}
static inline void other_config(fixture *f, const char *text)
{
    cull_checkpoint_free(f->ck);
    save(f, text);
}
#endif
