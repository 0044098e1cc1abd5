/* mixtures.h - small mixtures of experts for tests of expert-drop and expert-merge: two layers, what their routers said, and the
 * layers run by plain loops. */
#ifndef CULL_TEST_MIXTURES_H
#define CULL_TEST_MIXTURES_H
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

enum { E = 8, D = 16, F = 24, T = 200, BLOCKS = 2 };
static const char *const parts[] = {"gate_proj", "up_proj", "down_proj"};

static const char *expert_name(int block, int e, int part)
{
    static char name[TENSOR_NAME];
    snprintf(name, sizeof name, "model.layers.%d.mlp.experts.%d.%s.weight", block, e, parts[part]);
    return name;
}

typedef struct {
    tensors m, s; /* the model, its statistics */
    cull_checkpoint *ck, *stats;
} fixture;

static const char *const config =
    "{\"model_type\": \"mixtral\", \"num_local_experts\": 8, \"num_experts_per_tok\": 2}";

/* Two layers of experts at random; of the second layer expert e is a copy of e mod 4 with its neurons in another order where
 * `planted`, and so is its row of the router, but for `noise`. */
static inline void make(cull_ctx *cx, fixture *f, bool planted, double noise, const char *text)
{
    cull_rng r = cull__rng_seeded(71, 0);
    char name[TENSOR_NAME];
    tensors_clear(&f->m), tensors_clear(&f->s);
    for (int b = 0; b < BLOCKS; b++) {
        snprintf(name, sizeof name, "model.layers.%d.mlp.gate.weight", b);
        float *gate = tensors_add(&f->m, name, "F32", E, D), *w[E][3];
        for (int i = 0; i < E * D; i++) gate[i] = (float)cull__rng_normal(&r);
        for (int e = 0; e < E; e++)
            for (int p = 0; p < 3; p++) {
                w[e][p] =
                    tensors_add(&f->m, expert_name(b, e, p), "F32", p < 2 ? F : D, p < 2 ? D : F);
                for (int i = 0; i < F * D; i++) w[e][p][i] = 0.4f * (float)cull__rng_normal(&r);
            }
        for (int e = 4; e < E && planted; e++) {
            int64_t to[F];
            for (int i = 0; i < F; i++) to[i] = i;
            cull__rng_shuffle(&r, to, F);
            for (int i = 0; i < F; i++)
                for (int j = 0; j < D; j++) {
                    w[e][0][to[i] * D + j] = w[e - 4][0][i * D + j];
                    w[e][1][to[i] * D + j] = w[e - 4][1][i * D + j];
                    w[e][2][j * F + to[i]] = w[e - 4][2][j * F + i];
                }
            for (int j = 0; j < D; j++)
                gate[e * D + j] = gate[(e - 4) * D + j] + (float)(noise * cull__rng_normal(&r));
        }
        snprintf(name, sizeof name, "model.layers.%d.mlp.inputs", b);
        float *x = tensors_add(&f->s, name, "F32", T, D);
        for (int i = 0; i < T * D; i++) x[i] = (float)cull__rng_normal(&r);
        snprintf(name, sizeof name, "model.layers.%d.mlp.router_logits", b);
        float *z = tensors_add(&f->s, name, "F32", T, E);
        for (int t = 0; t < T; t++)
            for (int e = 0; e < E; e++)
                for (int j = 0; j < D; j++) z[t * E + e] += x[t * D + j] * gate[e * D + j];
    }
    memcpy(tensors_add(&f->m, "model.norm.weight", "F32", 4, 0), (float[]){1, 2, 3, 4}, 16);
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    o.config = text;
    tensors_wipe("model");
    tensors_write(cx, &f->m, in_dir("model"), &o);
    tensors_write(cx, &f->s, in_dir("stats.safetensors"), NULL);
    ok(cx, cull_checkpoint_open(cx, in_dir("model"), &f->ck));
    ok(cx, cull_checkpoint_open(cx, in_dir("stats.safetensors"), &f->stats));
}

static inline void close_all(fixture *f)
{
    cull_checkpoint_free(f->ck), cull_checkpoint_free(f->stats);
    f->ck = f->stats = NULL;
    tensors_wipe("model"), tensors_wipe("out"), tensors_wipe("again");
}

static inline cull_status run_to(cull_ctx *cx, const fixture *f, const char *slug,
                                 const char *const *option, const char *rule, const char *out)
{
    const cull_checkpoint *one = f->ck;
    cull_weights_problem p = {
        .model = &one, .models = 1, .activations = f->stats, .rule = &rule, .rules = rule != NULL};
    const cull_method *m = cull_method_find(slug, NULL);
    cull_weights_report report;
    cull_opts *o;
    tensors_wipe(out);
    cull_status s = cull_opts_new(cx, m, &o);
    for (; s == CULL_OK && option && option[0]; option += 2)
        s = cull_opts_set(cx, o, option[0], option[1]);
    if (s == CULL_OK) s = cull_weights_plan(cx, m, o, &p, &report);
    if (s == CULL_OK) s = cull_weights_run(cx, m, o, &p, in_dir(out), &report);
    cull_opts_free(o);
    return s;
}

static inline cull_checkpoint *reduced(cull_ctx *cx, const fixture *f, const char *slug,
                                       const char *const *option, const char *rule)
{
    cull_checkpoint *out;
    ok(cx, run_to(cx, f, slug, option, rule, "out"));
    ok(cx, cull_checkpoint_open(cx, in_dir("out"), &out));
    return out;
}

/* ---- a layer by plain loops ---- */

typedef struct {
    int experts, rows; /* of the router */
    float *gate, *w[E][3];
} layer;

static inline layer load(cull_ctx *cx, const cull_checkpoint *ck, int b)
{
    layer l = {0};
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "model.layers.%d.mlp.gate.weight", b);
    l.rows = (int)cull_checkpoint_at(ck, cull_checkpoint_find(ck, name, NULL))->shape[0];
    l.gate = tensor_numbers(cx, ck, name);
    while (l.experts < E && cull_checkpoint_find(ck, expert_name(b, l.experts, 0), NULL) >= 0) {
        for (int p = 0; p < 3; p++)
            l.w[l.experts][p] = tensor_numbers(cx, ck, expert_name(b, l.experts, p));
        l.experts++;
    }
    return l;
}

static inline void drop(layer *l)
{
    for (int e = 0; e < l->experts; e++)
        for (int p = 0; p < 3; p++) free(l->w[e][p]);
    free(l->gate);
}

/* Output (D) for x: the `top` best rows of the router, those with kept only; row r is served by expert of[r]. */
static inline void forward(const layer *l, const float *x, int top, const int *kept, const int *of,
                           double *y)
{
    double z[E], most = -1e9, sum = 0;
    bool in[E] = {0};
    for (int r = 0; r < l->rows; r++) {
        z[r] = 0;
        for (int j = 0; j < D; j++) z[r] += (double)l->gate[r * D + j] * x[j];
        if (kept && !kept[r]) z[r] = -INFINITY;
    }
    for (int k = 0; k < top; k++) {
        int best = -1;
        for (int r = 0; r < l->rows; r++)
            if (!in[r] && (best < 0 || z[r] > z[best])) best = r;
        in[best] = true;
        most = k == 0 ? z[best] : most;
    }
    for (int r = 0; r < l->rows; r++) sum += in[r] ? exp(z[r] - most) : 0;
    for (int j = 0; j < D; j++) y[j] = 0;
    for (int r = 0; r < l->rows; r++) {
        float *const *w = l->w[of ? of[r] : r];
        for (int i = 0; i < F && in[r]; i++) {
            double g = 0, u = 0;
            for (int j = 0; j < D; j++)
                g += (double)w[0][i * D + j] * x[j], u += (double)w[1][i * D + j] * x[j];
            for (int j = 0; j < D; j++)
                y[j] += exp(z[r] - most) / sum * w[2][j * F + i] * g / (1 + exp(-g)) * u;
        }
    }
}

/* Relative distance of two layers' outputs on the recorded inputs. */
static inline double apart(const fixture *f, int b, const layer *a, int top_a, const int *kept,
                           const layer *c, int top_c, const int *of)
{
    const float *x = f->s.x[2 * b];
    double miss = 0, all = 0;
    for (int t = 0; t < T; t++) {
        double y[D], z[D];
        forward(a, x + t * D, top_a, kept, NULL, y);
        forward(c, x + t * D, top_c, NULL, of, z);
        for (int j = 0; j < D; j++) miss += (y[j] - z[j]) * (y[j] - z[j]), all += y[j] * y[j];
    }
    return sqrt(miss / all);
}

static const char *const four[] = {"experts", "4", NULL};

static inline int64_t count_of(const cull_checkpoint *ck, int b)
{
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "model.layers.%d.mlp.gate.weight", b);
    return cull_checkpoint_at(ck, cull_checkpoint_find(ck, name, NULL))->shape[0];
}

static inline void same_files(cull_ctx *cx, const char *a, const char *b)
{
    cull_checkpoint *x, *y;
    ok(cx, cull_checkpoint_open(cx, in_dir(a), &x));
    ok(cx, cull_checkpoint_open(cx, in_dir(b), &y));
    assert_int_equal(cull_checkpoint_count(x), cull_checkpoint_count(y));
    for (int64_t i = 0; i < cull_checkpoint_count(x); i++) {
        const cull_tensor *t = cull_checkpoint_at(x, i);
        int64_t k = cull_checkpoint_find(y, t->name, NULL);
        assert_true(k >= 0 && cull_checkpoint_at(y, k)->bytes == t->bytes);
        assert_memory_equal(cull_checkpoint_bytes(x, i), cull_checkpoint_bytes(y, k), t->bytes);
    }
    assert_string_equal(cull_checkpoint_config(x), cull_checkpoint_config(y));
    cull_checkpoint_free(x), cull_checkpoint_free(y);
}

/* ---- what both methods keep ---- */

/* Numbers for each layer, shares over all, all of them; and the manifest does it again. */
static inline void check_counts(const char *slug)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    make(cx, &f, false, 0, config);
    cull_checkpoint *out = reduced(cx, &f, slug, four, "layer=1: experts=7");
    assert_true(count_of(out, 0) == 4 && count_of(out, 1) == 7);
    assert_non_null(strstr(cull_checkpoint_config(out), "\"num_local_experts\": 8"));
    cull_checkpoint_free(out);
    static const char *const share[] = {"share", "0.7", NULL};
    out = reduced(cx, &f, slug, share, NULL);
    assert_int_equal(count_of(out, 0) + count_of(out, 1), 11); /* of 16 */
    cull_checkpoint_free(out);
    cull_weights_report report;
    const cull_checkpoint *one = f.ck;
    cull_weights_problem p = {.model = &one, .models = 1};
    char path[600];
    snprintf(path, sizeof path, "%s/cull_manifest.json", in_dir("out"));
    assert_true(cull_weights_is_manifest(path));
    tensors_wipe("again");
    ok(cx, cull_weights_apply(cx, path, &p, in_dir("again"), &report));
    same_files(cx, "out", "again");
    static const char *const other[] = {"experts", "4", "align", "no", "router", "mapped", NULL};
    if (!strcmp(slug, "expert-merge")) { /* what the mean was taken of is in the manifest, too */
        cull_checkpoint_free(reduced(cx, &f, slug, other, NULL));
        tensors_wipe("again");
        ok(cx, cull_weights_apply(cx, path, &p, in_dir("again"), &report));
        same_files(cx, "out", "again");
    }
    static const char *const all[] = {"experts", "8", NULL};
    cull_checkpoint_free(reduced(cx, &f, slug, all, NULL));
    same_files(cx, "model", "out");
    /* another model */
    ok(cx, run_to(cx, &f, slug, four, NULL, "out"));
    snprintf(path, sizeof path, "%s/cull_manifest.json", in_dir("out"));
    cull_checkpoint *small;
    ok(cx, cull_checkpoint_open(cx, in_dir("out"), &small));
    one = small;
    tensors_wipe("again");
    refused(cx, cull_weights_apply(cx, path, &p, in_dir("again"), &report), CULL_EINPUT,
            "does not have as many experts");
    assert_false(cull_weights_is_manifest(in_dir("stats.safetensors")));
    cull_checkpoint_free(small);
    close_all(&f);
    tensors_clear(&f.m), tensors_clear(&f.s);
    cull_ctx_free(cx);
}

static inline void check_refusals(const char *slug)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    static const char *const none[] = {"experts", "0", NULL}, *const nine[] = {"experts", "9",
                                                                               NULL};
    static const char *const one[] = {"experts", "1", NULL}, *const few[] = {"share", "0.1", NULL};
    make(cx, &f, false, 0, config);
    refused(cx, run_to(cx, &f, slug, none, NULL, "out"), CULL_EOPTION, "0 experts cannot");
    refused(cx, run_to(cx, &f, slug, NULL, NULL, "out"), CULL_EOPTION, "0 experts cannot");
    refused(cx, run_to(cx, &f, slug, nine, NULL, "out"), CULL_EOPTION, "9 experts cannot");
    refused(cx, run_to(cx, &f, slug, one, NULL, "out"), CULL_EOPTION, "a token goes to 2");
    refused(cx, run_to(cx, &f, slug, few, NULL, "out"), CULL_EOPTION, "2 blocks need 2");
    cull_checkpoint *had = f.stats;
    f.stats = NULL;
    refused(cx, run_to(cx, &f, slug, four, NULL, "out"), CULL_EINPUT,
            "'model.layers.0.mlp.router_logits'");
    f.stats = had;
    assert_int_equal(access(in_dir("out"), F_OK), -1);
    /* statistics that are of another model, or not of all of it */
    static const struct {
        const char *name;
        int rows, cols;
        const char *part;
    } bad[] = {{"transformer.h.0.moe.router_logits", T, E, "is of another model"},
               {"model.layers.0.mlp.router_logits", T, E, "nothing about 'model.layers.1.mlp'"},
               {"model.layers.0.mlp.router_logits", T, E - 1, "is not rows of 8 numbers"},
               {"model.layers.0.mlp.inputs", T, D + 1, "is not rows of 16 numbers"},
               {"model.layers.0.mlp.usage", E + 1, 0, "is not 8 numbers"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static tensors s;
        tensors_add(&s, bad[i].name, "F32", bad[i].rows, bad[i].cols);
        tensors_write(cx, &s, in_dir("bad.safetensors"), NULL);
        tensors_clear(&s);
        ok(cx, cull_checkpoint_open(cx, in_dir("bad.safetensors"), &f.stats));
        refused(cx, run_to(cx, &f, slug, four, NULL, "out"), CULL_EINPUT, bad[i].part);
        cull_checkpoint_free(f.stats);
        f.stats = had;
    }
    close_all(&f);
    make(cx, &f, false, 0, "{\"num_experts_per_tok\": 2, \"n_group\": 4}");
    refused(cx, run_to(cx, &f, slug, four, NULL, "out"), CULL_EINPUT, "n_group");
    close_all(&f);
    make(cx, &f, false, 0, "{\"num_experts_per_tok\": 2, \"hidden_act\": \"mish\"}");
    if (!strcmp(slug, "expert-drop")) /* which runs experts */
        refused(cx, run_to(cx, &f, slug, four, NULL, "out"), CULL_EINPUT, "'mish'");
    close_all(&f);
    make(cx, &f, false, 0, "{}");
    refused(cx, run_to(cx, &f, slug, four, NULL, "out"), CULL_EINPUT, "top=N");
    close_all(&f);
    tensors_clear(&f.m), tensors_clear(&f.s);
    cull_ctx_free(cx);
}

static inline void check_trouble(const char *slug)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    make(cx, &f, false, 0, config);
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *own = hooked_ctx(&h, t + 1);
        ok(own, run_to(own, &f, slug, four, NULL, t ? "again" : "out"));
        cull_ctx_free(own);
        assert_int_equal(h.live, 0);
    }
    same_files(cx, "out", "again");
    int failed = 0;
    for (long at = 1; at < 80; at += 3) {
        hooks h = {.fail_at = at};
        cull_ctx *own = hooked_ctx(&h, 1);
        if (!own) continue;
        cull_status s = run_to(own, &f, slug, four, NULL, "again");
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        if (s == CULL_ENOMEM) assert_int_equal(access(in_dir("again"), F_OK), -1);
        failed += s == CULL_ENOMEM;
        cull_ctx_free(own);
        assert_int_equal(h.live, 0);
    }
    assert_true(failed > 5);
    close_all(&f);
    tensors_clear(&f.m), tensors_clear(&f.s);
    cull_ctx_free(cx);
}
#endif
