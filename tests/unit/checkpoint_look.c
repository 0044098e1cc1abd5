/* checkpoint: statistics, differences and findings against plain loops. */
#include "files.h"

#include <sys/stat.h>

#include "cull/checkpoint_look.h"

enum { ODD = 600011, TENSORS = 4 };
static const int64_t sizes[TENSORS] = {ODD, 17, 0, 8192 * 3};
static const char *const dtypes[TENSORS] = {"F32", "F64", "BF16", "F8_E5M2"};

static cull_ctx *threads(int n, const char *isa)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = n;
    o.isa = isa;
    return cull_ctx_new(&o);
}

static float number(int64_t i, int odd)
{
    uint32_t h = (uint32_t)i * 2654435761u;
    if (odd && i % 1013 == 5) return i % 2 ? NAN : INFINITY;
    if (h % 7 == 0) return h % 2 ? 0.0f : -0.0f;
    return ((float)(h >> 8) - 8e6f) * 1e-6f;
}

/* Numbers `by` off those of number(). */
static cull_checkpoint *made(cull_ctx *cx, const char *name, bool odd, float by)
{
    cull_tensor t[TENSORS] = {{0}};
    cull_checkpoint_writer *w;
    cull_checkpoint *ck;
    char path[512], names[TENSORS][8];
    float *x = malloc(ODD * sizeof *x);
    snprintf(path, sizeof path, "%s", in_dir(name));
    for (int i = 0; i < TENSORS; i++) {
        snprintf(names[i], 8, "t%d", i);
        t[i] = (cull_tensor){.name = names[i], .dtype = dtypes[i], .ndim = 1, .shape = {sizes[i]}};
    }
    ok(cx, cull_checkpoint_create(cx, path, t, TENSORS, NULL, &w));
    for (int i = 0; i < TENSORS; i++) {
        for (int64_t k = 0; k < sizes[i]; k++) {
            x[k] = number(k + i, odd);
            if (k % 3 == 1) x[k] += by;
        }
        ok(cx, cull_checkpoint_put(cx, w, x, sizes[i]));
    }
    ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    free(x);
    return ck;
}

static void near(double a, double b, double eps)
{
    if (!(fabs(a - b) <= eps * (1 + fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

/* In the order of numbers, in long doubles: what the blocks round is some units of the last place of a double. */
static void stats(void **state)
{
    (void)state;
    cull_ctx *cx = threads(1, NULL), *two = threads(2, NULL);
    cull_checkpoint *ck = made(cx, "a.safetensors", true, 0);
    float *x = malloc(ODD * sizeof *x);
    for (int i = 0; i < TENSORS; i++) {
        cull_tensor_stat s, again;
        long double sum = 0, m2 = 0;
        int64_t n = sizes[i], zeros = 0, nans = 0, infs = 0;
        double most = 0;
        ok(cx, cull_checkpoint_read(cx, ck, i, 0, n, x));
        for (int64_t k = 0; k < n; k++) {
            zeros += x[k] == 0, nans += isnan(x[k]), infs += isinf(x[k]) != 0;
            if (isfinite(x[k])) sum += (long double)x[k];
            if (isfinite(x[k]) && fabs((double)x[k]) > most) most = fabs((double)x[k]);
        }
        int64_t fine = n - nans - infs;
        for (int64_t k = 0; k < n; k++)
            if (isfinite(x[k]))
                m2 += ((long double)x[k] - sum / fine) * ((long double)x[k] - sum / fine);
        ok(cx, cull_checkpoint_stat(cx, ck, i, &s));
        assert_true(s.n == n && s.zeros == zeros && s.nans == nans && s.infs == infs);
        assert_true(s.absmax == most);
        assert_true(n < 100 || (nans && infs && zeros));
        near(s.mean, fine ? (double)(sum / fine) : 0, 1e-13);
        near(s.m2, (double)m2, 1e-13);
        near(cull_tensor_stat_std(&s), fine ? sqrt((double)(m2 / fine)) : 0, 1e-13);
        ok(two, cull_checkpoint_stat(two, ck, i, &again));
        assert_memory_equal(&s, &again, sizeof s);
        static const char *const isas[] = ISA_NAMES;
        for (int k = 0; k < 3; k++) {
            cull_ctx *other = threads(1, isas[k]);
            if (!other) continue;
            ok(other, cull_checkpoint_stat(other, ck, i, &again));
            assert_memory_equal(&s, &again, sizeof s);
            cull_ctx_free(other);
        }
    }
    free(x);
    cull_checkpoint_free(ck);
    cull_ctx_free(two);
    cull_ctx_free(cx);
}

/* An offset that is large beside the spread takes nothing from it; two halves are the whole. */
static void far_off(void **state)
{
    (void)state;
    cull_ctx *cx = threads(1, NULL);
    cull_checkpoint *ck = made(cx, "far.safetensors", false, 0);
    cull_tensor_stat s, sum = {0};
    for (int i = 0; i < TENSORS; i++) {
        ok(cx, cull_checkpoint_stat(cx, ck, i, &s));
        cull_tensor_stat_add(&sum, &s);
    }
    assert_int_equal(sum.n, ODD + 17 + 8192 * 3);
    cull_tensor_stat a = {.n = 2, .mean = 1e9, .m2 = 2}, b = {.n = 1, .mean = 1e9 + 3, .m2 = 0};
    cull_tensor_stat_add(&a, &b); /* 1e9 - 1, 1e9 + 1, 1e9 + 3 */
    near(a.mean, 1e9 + 1, 1e-15);
    near(a.m2, 8, 1e-12);
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
}

static void diffs(void **state)
{
    (void)state;
    cull_ctx *cx = threads(1, NULL), *two = threads(2, NULL);
    cull_checkpoint *a = made(cx, "a.safetensors", true, 0),
                    *b = made(cx, "b.safetensors", true, 0.25f);
    float *x = malloc(ODD * sizeof *x), *y = malloc(ODD * sizeof *y);
    cull_tensor_diff d, again;
    for (int i = 0; i < TENSORS; i++) {
        long double aa = 0, bb = 0, ab = 0, apart = 0;
        int64_t n = sizes[i], same = 0, odd = 0;
        double most = 0;
        ok(cx, cull_checkpoint_read(cx, a, i, 0, n, x));
        ok(cx, cull_checkpoint_read(cx, b, i, 0, n, y));
        for (int64_t k = 0; k < n; k++) {
            bool equal = !memcmp(x + k, y + k, sizeof *x);
            same += equal;
            if (!isfinite(x[k]) || !isfinite(y[k])) {
                odd += !equal;
                continue;
            }
            long double p = (long double)x[k], q = (long double)y[k];
            aa += p * p, bb += q * q, ab += p * q, apart += (p - q) * (p - q);
            if (fabs((double)(x[k] - y[k])) > most) most = fabs((double)(x[k] - y[k]));
        }
        ok(cx, cull_checkpoint_diff(cx, a, i, b, i, &d));
        assert_true(d.n == n && d.same == same && d.odd == odd && d.absmax == most);
        near(d.aa, (double)aa, 1e-13);
        near(d.bb, (double)bb, 1e-13);
        near(d.ab, (double)ab, 1e-13);
        near(d.apart2, (double)apart, 1e-13);
        if (n) near(cull_tensor_diff_rel(&d), (double)sqrtl(apart / aa), 1e-13);
        if (n) near(cull_tensor_diff_cosine(&d), (double)(ab / sqrtl(aa * bb)), 1e-13);
        ok(two, cull_checkpoint_diff(two, a, i, b, i, &again));
        assert_memory_equal(&d, &again, sizeof d);
        ok(cx, cull_checkpoint_diff(cx, a, i, a, i, &d));
        assert_true(d.same == n && d.odd == 0 && d.absmax == 0 && cull_tensor_diff_rel(&d) == 0);
    }
    refused(cx, cull_checkpoint_diff(cx, a, 0, b, 1, &d), CULL_EINPUT, "cannot be compared");
    free(x);
    free(y);
    cull_checkpoint_free(a);
    cull_checkpoint_free(b);
    cull_ctx_free(two);
    cull_ctx_free(cx);
}

/* Numbers of two dtypes, and bytes of one that is not read. */
static void mixed(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static const float x[5] = {1, -0.0f, 1.5f, NAN, 3.001f}, y[5] = {1, 0, -1, 2, 3};
    const cull_tensor t[] = {{.name = "a", .dtype = "F32", .ndim = 1, .shape = {5}},
                             {.name = "b", .dtype = "F16", .ndim = 1, .shape = {5}},
                             {.name = "c", .dtype = "C64", .ndim = 1, .shape = {1}},
                             {.name = "d", .dtype = "C64", .ndim = 1, .shape = {1}},
                             {.name = "e", .dtype = "F4", .ndim = 1, .shape = {6}, .bytes = 3},
                             {.name = "f", .dtype = "F4", .ndim = 1, .shape = {6}, .bytes = 3}};
    cull_checkpoint_writer *w;
    cull_checkpoint *ck;
    cull_tensor_diff d;
    cull_tensor_stat s;
    char path[512];
    snprintf(path, sizeof path, "%s", in_dir("mixed.safetensors"));
    ok(cx, cull_checkpoint_create(cx, path, t, 6, NULL, &w));
    ok(cx, cull_checkpoint_put(cx, w, x, 5));
    ok(cx, cull_checkpoint_put(cx, w, y, 5));
    refused(cx, cull_checkpoint_put(cx, w, y, 1), CULL_EINPUT, "tensor 'c' has dtype C64");
    ok(cx, cull_checkpoint_put_bytes(cx, w, "12345678", 8));
    ok(cx, cull_checkpoint_put_bytes(cx, w, "12045678", 8));
    ok(cx, cull_checkpoint_put_bytes(cx, w, "abc", 3));
    ok(cx, cull_checkpoint_put_bytes(cx, w, "abd", 3));
    ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    ok(cx, cull_checkpoint_diff(cx, ck, 0, ck, 1, &d));
    assert_true(d.n == 5 && d.same == 1 && d.odd == 1 && d.absmax == 2.5);
    ok(cx, cull_checkpoint_diff(cx, ck, 2, ck, 3, &d));
    assert_true(d.n == 1 && d.same == 0);
    ok(cx, cull_checkpoint_diff(cx, ck, 4, ck, 5, &d));
    assert_true(d.n == 3 && d.same == 2);
    refused(cx, cull_checkpoint_diff(cx, ck, 0, ck, 2, &d), CULL_EINPUT, "cannot be compared");
    refused(cx, cull_checkpoint_stat(cx, ck, 2, &s), CULL_EINPUT, "tensor 'c' has dtype C64");
    for (long k = 1, reached = 1; reached; k++) {
        h.fail_at = h.calls + k;
        cull_status e = cull_checkpoint_diff(cx, ck, 0, ck, 1, &d);
        reached = h.calls >= h.fail_at;
        assert_int_equal(e, reached ? CULL_ENOMEM : CULL_OK);
    }
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- verify ---- */

typedef struct {
    char text[4000];
    int errors, warnings;
} heard;

static void hear(void *user, const cull_finding *f)
{
    heard *g = user;
    size_t n = strlen(g->text);
    *(f->error ? &g->errors : &g->warnings) += 1;
    snprintf(g->text + n, sizeof g->text - n, "%s %s\n", f->tensor ? f->tensor : "-", f->text);
}

/* A model of one layer and what `change` does to it; its config is `config`. */
typedef struct {
    const char *config, *part; /* what must be found; NULL = nothing */
    int errors, warnings;
    const char *names[5];
    float first;
} broken;

static void verifies(void **state)
{
    (void)state;
    static const broken cases[] = {
        {"{\"num_hidden_layers\": 2, \"vocab_size\": 3}",
         NULL,
         0,
         0,
         {"lm_head.weight", "layers.0.a", "layers.1.a", "embed_tokens.weight"},
         1},
        {NULL, NULL, 0, 0, {"x"}, 1},
        {NULL, "there is no tensor in it", 0, 1, {NULL}, 1},
        {"{\"num_hidden_layers\": 3}",
         "the config has 3 layers, the last one here is layer 1",
         1,
         0,
         {"layers.0.a", "layers.1.a"},
         1},
        {"{\"text_config\":{\"n_layer\": 1}}",
         "the config has 1 layers, and there is a layer 1",
         0,
         1,
         {"layers.0.a", "layers.1.a"},
         1},
        {NULL,
         "no tensor of layer 1, of those up to 2",
         0,
         1,
         {"layers.0.a", "layers.2.a", "x"},
         1},
        {NULL, "there is a layer 99999999, and only 1 tensors", 0, 1, {"layers.99999999.a"}, 1},
        {NULL, "layer 0 lacks expert 1", 1, 0, {"layers.0.experts.0.a", "layers.0.experts.2.a"}, 1},
        {NULL,
         "layer 1 has 1 experts, another has 2",
         0,
         1,
         {"layers.0.experts.0.a", "layers.0.experts.1.a", "layers.1.experts.0.a"},
         1},
        {"{\"vocab_size\": 4}",
         "embed_tokens.weight it has 3 rows, the config a vocabulary of 4",
         1,
         0,
         {"embed_tokens.weight"},
         1},
        {"{\"architectures\":[\"XForCausalLM\"],\"tie_word_embeddings\":false}",
         "there is no head (lm_head.weight)",
         1,
         0,
         {"embed_tokens.weight"},
         1},
        {"{\"tie_word_embeddings\":true}",
         "lm_head.weight the config ties it to 'embed_tokens.weight', of which it is no copy",
         0,
         1,
         {"lm_head.weight", "embed_tokens.weight"},
         1},
        {NULL, "x 1 of its 6 numbers are NaN", 1, 0, {"x"}, NAN},
        {NULL, "x 1 of its 6 numbers are infinite", 0, 1, {"x"}, INFINITY},
        {"{", "its config: damaged JSON", 1, 0, {"x"}, 1},
        {"[]", NULL, 0, 0, {"x"}, 1},
    };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const broken *b = cases + i;
        char path[512], config[600];
        cull_tensor t[5] = {{0}};
        cull_checkpoint_writer *w;
        cull_checkpoint *ck;
        int n = 0;
        for (; b->names[n]; n++)
            t[n] = (cull_tensor){.name = b->names[n], .dtype = "F32", .ndim = 2, .shape = {3, 2}};
        snprintf(path, sizeof path, "%s", in_dir("v.safetensors"));
        snprintf(config, sizeof config, "%s", in_dir("config.json"));
        unlink(config);
        if (b->config) spit("config.json", b->config, strlen(b->config));
        ok(cx, cull_checkpoint_create(cx, path, t, n, NULL, &w));
        for (int k = 0; k < n; k++) {
            float x[6] = {k == 0 ? b->first : 1, 2, 3, 4, 5, (float)k};
            ok(cx, cull_checkpoint_put(cx, w, x, 6));
        }
        ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
        ok(cx, cull_checkpoint_open(cx, path, &ck));
        heard g = {{0}, 0, 0};
        ok(cx, cull_checkpoint_verify(cx, ck, true, hear, &g));
        if (g.errors != b->errors || g.warnings != b->warnings ||
            (b->part && !strstr(g.text, b->part)))
            fail_msg("%zu: %d errors, %d warnings: %s", i, g.errors, g.warnings, g.text);
        cull_checkpoint_free(ck);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* What only files say: total_size, the names of shards, numbers at odd places. */
static void verifies_files(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_checkpoint *ck;
    heard g = {{0}, 0, 0};
    static bytes b;
    const char *head = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{"
                       "\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[1,3]}}  ";
    unlink(in_dir("config.json"));
    add_int(&b, strlen(head), 8);
    add_text(&b, head);
    add(&b, "\1\0\0", 3);
    spit("m-00001-of-00003.safetensors", b.at, b.n);
    const char *index = "{\"metadata\":{\"total_size\":4},\"weight_map\":{\"a\":\"m-00001-of-00003."
                        "safetensors\",\"b\":\"m-00001-of-00003.safetensors\"}}";
    ok(cx, cull_checkpoint_open(cx, spit("m.safetensors.index.json", index, strlen(index)), &ck));
    ok(cx, cull_checkpoint_verify(cx, ck, true, hear, &g));
    assert_int_equal(g.errors, 1);
    assert_int_equal(g.warnings, 2);
    assert_non_null(strstr(g.text, "take 4 bytes (total_size), they take 3"));
    assert_non_null(strstr(g.text, "is one of 3 shards by its name, and there are 1"));
    assert_non_null(strstr(g.text, "b its numbers do not lie at a multiple of their size"));
    for (long k = 1, reached = 1; reached; k++) {
        h.fail_at = h.calls + k;
        cull_status e = cull_checkpoint_verify(cx, ck, true, hear, &g);
        reached = h.calls >= h.fail_at;
        assert_int_equal(e, reached ? CULL_ENOMEM : CULL_OK);
    }
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stats), cmocka_unit_test(far_off),  cmocka_unit_test(diffs),
        cmocka_unit_test(mixed), cmocka_unit_test(verifies), cmocka_unit_test(verifies_files)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
