/* expert-drop and expert-merge against layers run by plain loops: planted copies come back, the best set of all is kept, what
 * a manifest says is done again. */
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
static void make(cull_ctx *cx, fixture *f, bool planted, double noise, const char *text)
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

static void close_all(fixture *f)
{
    cull_checkpoint_free(f->ck), cull_checkpoint_free(f->stats);
    f->ck = f->stats = NULL;
    tensors_wipe("model"), tensors_wipe("out"), tensors_wipe("again");
}

static cull_status run_to(cull_ctx *cx, const fixture *f, const char *slug,
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

static cull_checkpoint *reduced(cull_ctx *cx, const fixture *f, const char *slug,
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

static layer load(cull_ctx *cx, const cull_checkpoint *ck, int b)
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

static void drop(layer *l)
{
    for (int e = 0; e < l->experts; e++)
        for (int p = 0; p < 3; p++) free(l->w[e][p]);
    free(l->gate);
}

/* Output (D) for x: the `top` best rows of the router, those with kept only; row r is served by expert of[r]. */
static void forward(const layer *l, const float *x, int top, const int *kept, const int *of,
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
static double apart(const fixture *f, int b, const layer *a, int top_a, const int *kept,
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

/* ---- tests ---- */

static const char *const four[] = {"keep", "4", NULL};

/* Copies under permutations: 8 experts are 4. */
static void planted(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    /* equal rows: one row stands for both, be all experts asked or the best one */
    make(cx, &f, true, 0, config);
    static const char *const one[] = {"keep", "4", "top", "2", NULL};
    cull_checkpoint *out = reduced(cx, &f, "expert-merge", one, NULL);
    for (int b = 0; b < BLOCKS; b++) {
        layer was = load(cx, f.ck, b), is = load(cx, out, b);
        assert_true(is.experts == 4 && is.rows == 4);
        assert_true(apart(&f, b, &was, 8, NULL, &is, 4, NULL) < 1e-5);
        assert_true(apart(&f, b, &was, 1, NULL, &is, 1, NULL) < 1e-5);
        drop(&was), drop(&is);
    }
    assert_non_null(strstr(cull_checkpoint_config(out), "\"num_local_experts\": 4"));
    assert_non_null(strstr(cull_checkpoint_config(out), "\"num_experts_per_tok\": 2"));
    cull_checkpoint_free(out);
    /* without the permutation, or by usage, or by the best set, the layer is another one */
    static const char *const mean[] = {"keep", "4", "align", "no", NULL};
    static const char *const usage[] = {"keep", "4", "by", "usage", NULL};
    for (int k = 0; k < 2; k++) {
        out = reduced(cx, &f, k ? "expert-drop" : "expert-merge", k ? usage : mean, NULL);
        layer was = load(cx, f.ck, 0), is = load(cx, out, 0);
        assert_true(apart(&f, 0, &was, 8, NULL, &is, 4, NULL) > 0.1);
        drop(&was), drop(&is);
        cull_checkpoint_free(out);
    }
    close_all(&f);

    /* rows that differ a little: all of them stay, and two of a group add up */
    make(cx, &f, true, 0.05, config);
    for (int core = 0; core < 2; core++) {
        const char *const mapped[] = {
            "keep", "4", "router", "mapped", "group", core ? "core" : "spectral", NULL};
        out = reduced(cx, &f, "expert-merge", mapped, NULL);
        for (int b = 0; b < BLOCKS; b++) {
            layer was = load(cx, f.ck, b), is = load(cx, out, b);
            int of[E], next = 0;
            assert_true(is.experts == 4 && is.rows == 8);
            /* heads keep the order of old numbers: of e and e + 4 either is the head */
            double best = 1;
            for (int heads = 0; heads < 16 && best > 1e-5; heads++) {
                next = 0;
                for (int e = 0; e < E; e++) {
                    int upper = heads >> (e % 4) & 1;
                    if (upper == (e >= 4)) of[e] = next++;
                }
                for (int e = 0; e < E; e++) {
                    int upper = heads >> (e % 4) & 1;
                    if (upper != (e >= 4)) of[e] = of[(e + 4) % E];
                }
                double far = apart(&f, b, &was, 2, NULL, &is, 2, of);
                best = far < best ? far : best;
            }
            /* two copies may both be cores: that is no fault of the mean */
            if (!core) assert_true(best < 1e-5);
            drop(&was), drop(&is);
        }
        cull_checkpoint_free(out);
    }
    close_all(&f);
    tensors_clear(&f.m), tensors_clear(&f.s);
    cull_ctx_free(cx);
}

/* Of all 28 sets of 6 none changes the layer less. */
static void best_set(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    make(cx, &f, false, 0, config);
    static const char *const six[] = {"keep", "6", NULL};
    cull_checkpoint *out = reduced(cx, &f, "expert-drop", six, NULL);
    for (int b = 0; b < BLOCKS; b++) {
        layer was = load(cx, f.ck, b), is = load(cx, out, b);
        double best = 1e9, usage = 0;
        for (int set = 0; set < 256; set++) {
            int kept[E];
            for (int e = 0; e < E; e++) kept[e] = set >> e & 1;
            if (__builtin_popcount((unsigned)set) != 6) continue;
            /* the distance of masked and whole, whole in the denominator as below */
            double miss = 0, all = 0;
            for (int t = 0; t < T; t++) {
                double y[D], z[D];
                forward(&was, f.s.x[2 * b] + t * D, 2, NULL, NULL, y);
                forward(&was, f.s.x[2 * b] + t * D, 2, kept, NULL, z);
                for (int j = 0; j < D; j++)
                    miss += (y[j] - z[j]) * (y[j] - z[j]), all += y[j] * y[j];
            }
            if (sqrt(miss / all) < best) best = sqrt(miss / all);
        }
        double got = apart(&f, b, &was, 2, NULL, &is, 2, NULL);
        assert_true(is.experts == 6 && is.rows == 6);
        assert_true(fabs(got - best) < 1e-5);
        usage = got;
        drop(&is);
        static const char *const greedy[] = {"keep", "6", "sets", "1", "beam", "1", NULL};
        cull_checkpoint *other = reduced(cx, &f, "expert-drop", greedy, NULL);
        is = load(cx, other, b);
        assert_true(apart(&f, b, &was, 2, NULL, &is, 2, NULL) >= usage - 1e-5);
        drop(&was), drop(&is);
        cull_checkpoint_free(other);
    }
    cull_checkpoint_free(out);
    close_all(&f);
    cull_ctx_free(cx);
}

static int64_t count_of(const cull_checkpoint *ck, int b)
{
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "model.layers.%d.mlp.gate.weight", b);
    return cull_checkpoint_at(ck, cull_checkpoint_find(ck, name, NULL))->shape[0];
}

static void same_files(cull_ctx *cx, const char *a, const char *b)
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

/* Numbers for each layer, shares over all, all of them; and the manifest does it again. */
static void counts_and_manifests(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    make(cx, &f, false, 0, config);
    static const char *const slugs[] = {"expert-drop", "expert-merge"};
    for (int k = 0; k < 2; k++) {
        cull_checkpoint *out = reduced(cx, &f, slugs[k], four, "layer=1: keep=7");
        assert_true(count_of(out, 0) == 4 && count_of(out, 1) == 7);
        assert_non_null(strstr(cull_checkpoint_config(out), "\"num_local_experts\": 8"));
        cull_checkpoint_free(out);
        static const char *const share[] = {"share", "0.7", NULL};
        out = reduced(cx, &f, slugs[k], share, NULL);
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
        static const char *const other[] = {"keep", "4", "align", "no", "router", "mapped", NULL};
        if (k) { /* what the mean was taken of is in the manifest, too */
            cull_checkpoint_free(reduced(cx, &f, slugs[k], other, NULL));
            tensors_wipe("again");
            ok(cx, cull_weights_apply(cx, path, &p, in_dir("again"), &report));
            same_files(cx, "out", "again");
        }
        static const char *const all[] = {"keep", "8", NULL};
        cull_checkpoint_free(reduced(cx, &f, slugs[k], all, NULL));
        same_files(cx, "model", "out");
    }
    /* another model */
    char path[600];
    ok(cx, run_to(cx, &f, "expert-drop", four, NULL, "out"));
    snprintf(path, sizeof path, "%s/cull_manifest.json", in_dir("out"));
    cull_checkpoint *small;
    cull_weights_report report;
    ok(cx, cull_checkpoint_open(cx, in_dir("out"), &small));
    const cull_checkpoint *one = small;
    cull_weights_problem p = {.model = &one, .models = 1};
    tensors_wipe("again");
    refused(cx, cull_weights_apply(cx, path, &p, in_dir("again"), &report), CULL_EINPUT,
            "does not have as many experts");
    assert_false(cull_weights_is_manifest(in_dir("stats.safetensors")));
    cull_checkpoint_free(small);
    close_all(&f);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    static const char *const none[] = {"keep", "0", NULL}, *const nine[] = {"keep", "9", NULL};
    static const char *const one[] = {"keep", "1", NULL}, *const few[] = {"share", "0.1", NULL};
    static const char *const slugs[] = {"expert-drop", "expert-merge"};
    make(cx, &f, false, 0, config);
    for (int k = 0; k < 2; k++) {
        refused(cx, run_to(cx, &f, slugs[k], none, NULL, "out"), CULL_EOPTION, "0 experts cannot");
        refused(cx, run_to(cx, &f, slugs[k], NULL, NULL, "out"), CULL_EOPTION, "0 experts cannot");
        refused(cx, run_to(cx, &f, slugs[k], nine, NULL, "out"), CULL_EOPTION, "9 experts cannot");
        refused(cx, run_to(cx, &f, slugs[k], one, NULL, "out"), CULL_EOPTION, "a token goes to 2");
        refused(cx, run_to(cx, &f, slugs[k], few, NULL, "out"), CULL_EOPTION, "2 blocks need 2");
        cull_checkpoint *had = f.stats;
        f.stats = NULL;
        refused(cx, run_to(cx, &f, slugs[k], four, NULL, "out"), CULL_EINPUT,
                "'model.layers.0.mlp.router_logits'");
        f.stats = had;
        assert_int_equal(access(in_dir("out"), F_OK), -1);
    }
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
        cull_checkpoint *had = f.stats;
        tensors_add(&s, bad[i].name, "F32", bad[i].rows, bad[i].cols);
        tensors_write(cx, &s, in_dir("bad.safetensors"), NULL);
        tensors_clear(&s);
        ok(cx, cull_checkpoint_open(cx, in_dir("bad.safetensors"), &f.stats));
        refused(cx, run_to(cx, &f, "expert-drop", four, NULL, "out"), CULL_EINPUT, bad[i].part);
        cull_checkpoint_free(f.stats);
        f.stats = had;
    }
    close_all(&f);
    make(cx, &f, false, 0, "{\"num_experts_per_tok\": 2, \"n_group\": 4}");
    refused(cx, run_to(cx, &f, "expert-drop", four, NULL, "out"), CULL_EINPUT, "n_group");
    close_all(&f);
    make(cx, &f, false, 0, "{\"num_experts_per_tok\": 2, \"hidden_act\": \"mish\"}");
    refused(cx, run_to(cx, &f, "expert-drop", four, NULL, "out"), CULL_EINPUT, "'mish'");
    close_all(&f);
    make(cx, &f, false, 0, "{}");
    refused(cx, run_to(cx, &f, "expert-drop", four, NULL, "out"), CULL_EINPUT, "top=N");
    close_all(&f);
    cull_ctx_free(cx);
}

/* All experts in one tensor, packed numbers among them. */
static void fused(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    static tensors m, s;
    float *x = tensors_add(&m, "l.0.mlp.experts.down_proj", "BF16", 4, 30);
    float *q = tensors_add(&m, "l.0.mlp.experts.down_proj_blocks", "I32", 4, 6);
    float *g = tensors_add(&m, "l.0.mlp.router.weight", "F32", 4, 3);
    tensors_add(&m, "l.0.mlp.router.bias", "F32", 4, 0);
    for (int i = 0; i < 120; i++) x[i] = (float)i;
    for (int i = 0; i < 24; i++) q[i] = (float)(i * 1000);
    for (int i = 0; i < 12; i++) g[i] = (float)i;
    memcpy(tensors_add(&s, "l.0.mlp.usage", "F32", 4, 0), (float[]){.1f, .4f, .2f, .3f}, 16);
    tensors_write(cx, &m, in_dir("fused.safetensors"), NULL);
    tensors_write(cx, &s, in_dir("stats.safetensors"), NULL);
    ok(cx, cull_checkpoint_open(cx, in_dir("fused.safetensors"), &f.ck));
    ok(cx, cull_checkpoint_open(cx, in_dir("stats.safetensors"), &f.stats));
    static const char *const two[] = {"keep", "2", "top", "1", NULL};
    cull_checkpoint *out = reduced(cx, &f, "expert-drop", two, NULL);
    float *y = tensor_numbers(cx, out, "l.0.mlp.experts.down_proj");
    float *p = tensor_numbers(cx, out, "l.0.mlp.experts.down_proj_blocks");
    float *r = tensor_numbers(cx, out, "l.0.mlp.router.weight");
    for (int i = 0; i < 30; i++) assert_true(y[i] == x[30 + i] && y[30 + i] == x[90 + i]);
    for (int i = 0; i < 6; i++) assert_true(p[i] == q[6 + i] && p[6 + i] == q[18 + i]);
    for (int i = 0; i < 3; i++) assert_true(r[i] == g[3 + i] && r[3 + i] == g[9 + i]);
    free(y), free(p), free(r);
    cull_checkpoint_free(out);
    refused(cx, run_to(cx, &f, "expert-merge", two, NULL, "out"), CULL_EINPUT, "router_logits");
    close_all(&f);
    tensors_clear(&m), tensors_clear(&s);
    cull_ctx_free(cx);
}

static void trouble(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    make(cx, &f, false, 0, config);
    static const char *const slugs[] = {"expert-drop", "expert-merge"};
    for (int k = 0; k < 2; k++) {
        for (int t = 0; t < 2; t++) {
            hooks h = {0};
            cull_ctx *own = hooked_ctx(&h, t + 1);
            ok(own, run_to(own, &f, slugs[k], four, NULL, t ? "again" : "out"));
            cull_ctx_free(own);
            assert_int_equal(h.live, 0);
        }
        same_files(cx, "out", "again");
        int failed = 0;
        for (long at = 1; at < 80; at += 3) {
            hooks h = {.fail_at = at};
            cull_ctx *own = hooked_ctx(&h, 1);
            if (!own) continue;
            cull_status s = run_to(own, &f, slugs[k], four, NULL, "again");
            assert_true(s == CULL_OK || s == CULL_ENOMEM);
            if (s == CULL_ENOMEM) assert_int_equal(access(in_dir("again"), F_OK), -1);
            failed += s == CULL_ENOMEM;
            cull_ctx_free(own);
            assert_int_equal(h.live, 0);
        }
        assert_true(failed > 5);
    }
    close_all(&f);
    tensors_clear(&f.m), tensors_clear(&f.s);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(planted),
                                       cmocka_unit_test(best_set),
                                       cmocka_unit_test(counts_and_manifests),
                                       cmocka_unit_test(refusals),
                                       cmocka_unit_test(fused),
                                       cmocka_unit_test(trouble)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
