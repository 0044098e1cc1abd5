/* magnitude: what goes against sorts of all scopes; roles, rules, N:M; threads; what is refused. */
#include "pruning.h"

static uint8_t want[MADE][MADE_MOST];

static void all_stay(void)
{
    for (int k = 0; k < MADE; k++) memset(want[k], 1, MADE_MOST);
}

/* Of the tensors' numbers together the first floor(share n) go; whole: their numbers of one output alone. */
static void sorted_out(cull_ctx *cx, const int *k, int tensors, double share, int64_t from,
                       int64_t to)
{
    ranked *r = malloc(sizeof *r * MADE_MOST * (size_t)tensors);
    float *x = malloc(sizeof *x * MADE_MOST);
    int64_t n = 0;
    for (int t = 0; t < tensors; t++) {
        values_of(cx, "in.safetensors", k[t], x);
        for (int64_t i = from; i < (to < 0 ? made_n(k[t]) : to); i++, n++)
            r[n] = (ranked){fabsf(x[i]), n, k[t], i};
    }
    qsort(r, (size_t)n, sizeof *r, smallest_first);
    for (int64_t i = 0; i < (int64_t)floor(share * (double)n + 1e-9); i++)
        want[r[i].k][r[i].at] = 0;
    free(r), free(x);
}

static void agrees(cull_ctx *cx, const pruning_run *run)
{
    static uint8_t keep[MADE_MOST];
    float x[MADE_MOST];
    cull_weights_report report;
    cull_ctx_opts o = CULL_CTX_OPTS;
    int64_t gone = 0;
    ok(cx, prune_file(cx, run, "in.safetensors", "out.safetensors", &report));
    for (int k = 0; k < MADE; k++) {
        what_stayed(cx, "in.safetensors", "out.safetensors", k, keep);
        values_of(cx, "in.safetensors", k, x);
        for (int64_t i = 0; i < made_n(k); i++) /* what was +0 stays 0 either way */
            if (keep[i] != want[k][i] && !(x[i] == 0 && !signbit(x[i])))
                fail_msg("%s: %s[%d]: kept %d", run->opt[1], made[k].name, (int)i, keep[i]);
    }
    for (int k = 0; k < MADE; k++)
        for (int64_t i = 0; i < made_n(k); i++) gone += !want[k][i];
    assert_int_equal(report.zeroed, gone);
    assert_true(report.pruned_of > gone ||
                (report.pruned_of == gone && strcmp(run->opt[1], "1") == 0));
    o.threads = 1; /* the same bytes on one thread */
    cull_ctx *one = cull_ctx_new(&o);
    char a[4096 * 8], b[4096 * 8];
    ok(one, prune_file(one, run, "in.safetensors", "one.safetensors", NULL));
    FILE *f = fopen(in_dir("out.safetensors"), "rb"), *g = fopen(in_dir("one.safetensors"), "rb");
    size_t n = fread(a, 1, sizeof a, f);
    assert_int_equal(fread(b, 1, sizeof b, g), n);
    assert_memory_equal(a, b, n);
    fclose(f), fclose(g);
    cull_ctx_free(one);
}

static cull_ctx *context(void)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 2;
    cull_ctx *cx = cull_ctx_new(&o);
    write_made(cx, "in.safetensors", -1);
    return cx;
}

static void scopes(void **state)
{
    (void)state;
    cull_ctx *cx = context();
    const int pruned[] = {1, 2, 5, 6};
    const pruning_run tensor = {"magnitude", {"sparsity", ".385"}, {0}, NULL},
                      output = {"magnitude", {"sparsity", ".7", "scope", "output"}, {0}, NULL},
                      layer = {"magnitude", {"sparsity", ".45", "scope", "layer"}, {0}, NULL},
                      global = {"magnitude", {"sparsity", ".6", "scope", "global"}, {0}, NULL},
                      all = {"magnitude", {"sparsity", "1"}, {0}, NULL};
    all_stay();
    for (int t = 0; t < 4; t++) sorted_out(cx, &pruned[t], 1, .385, 0, -1);
    agrees(cx, &tensor);
    all_stay();
    for (int t = 0; t < 4; t++) {
        int64_t rows = made[pruned[t]].shape[0], width = made_n(pruned[t]) / rows;
        for (int64_t r = 0; r < rows; r++)
            sorted_out(cx, &pruned[t], 1, .7, r * width, (r + 1) * width);
    }
    agrees(cx, &output);
    all_stay();
    sorted_out(cx, pruned, 2, .45, 0, -1); /* layer 0 */
    sorted_out(cx, pruned + 2, 1, .45, 0, -1);
    sorted_out(cx, pruned + 3, 1, .45, 0, -1); /* of no layer */
    agrees(cx, &layer);
    all_stay();
    sorted_out(cx, pruned, 4, .6, 0, -1);
    agrees(cx, &global);
    all_stay();
    for (int t = 0; t < 4; t++) memset(want[pruned[t]], 0, MADE_MOST);
    agrees(cx, &all);
    cull_ctx_free(cx);
}

static void roles_and_rules(void **state)
{
    (void)state;
    cull_ctx *cx = context();
    const int wide[] = {0, 1, 2, 5, 6, 7, 8}, rest[] = {1, 6}, own[] = {2, 5};
    const pruning_run all = {"magnitude",
                             {"sparsity", ".5", "scope", "global", "with-embeddings", "yes",
                              "with-heads", "yes", "with-others", "yes"},
                             {0},
                             NULL},
                      large = {"magnitude", {"sparsity", ".5", "min-elements", "800"}, {0}, NULL},
                      rules = {"magnitude",
                               {"sparsity", ".5", "scope", "global"},
                               {"role=ffn: sparsity=.9"},
                               NULL},
                      spared = {"magnitude",
                                {"sparsity", ".5", "scope", "global"},
                                {"role=ffn: sparsity=0"},
                                NULL};
    all_stay();
    sorted_out(cx, wide, 7, .5, 0, -1);
    agrees(cx, &all);
    all_stay();
    sorted_out(cx, &wide[2], 1, .5, 0, -1), sorted_out(cx, &wide[3], 1, .5, 0, -1);
    agrees(cx, &large);
    all_stay(); /* those of one sparsity are one order */
    sorted_out(cx, rest, 2, .5, 0, -1), sorted_out(cx, own, 2, .9, 0, -1);
    agrees(cx, &rules);
    all_stay();
    sorted_out(cx, rest, 2, .5, 0, -1);
    agrees(cx, &spared);
    cull_ctx_free(cx);
}

/* Of each four inputs two stay, for each output and each place of the kernel. */
static void n_of_m(void **state)
{
    (void)state;
    cull_ctx *cx = context();
    const int pruned[] = {1, 2, 5, 6};
    for (int across = 0; across < 2; across++) {
        const pruning_run run = {
            "magnitude", {"n", "2", "m", "4", "transposed", across ? "yes" : "no"}, {0}, NULL};
        all_stay();
        for (int t = 0; t < 4; t++) {
            int k = pruned[t];
            float x[MADE_MOST];
            bool turned = across && made[k].ndim == 2;
            int64_t inner = made[k].ndim == 4 ? 9 : 1, d0 = made[k].shape[0], d1 = made[k].shape[1];
            int64_t outs = turned ? d1 : d0, ins = turned ? d0 : d1;
            values_of(cx, "in.safetensors", k, x);
            for (int64_t o = 0; o < outs; o++)
                for (int64_t q = 0; q < inner; q++)
                    for (int64_t i = 0; i < ins; i += 4) {
                        ranked r[4];
                        for (int c = 0; c < 4; c++) {
                            int64_t at =
                                turned ? (i + c) * outs + o : (o * ins + i + c) * inner + q;
                            r[c] = (ranked){fabsf(x[at]), c, k, at};
                        }
                        qsort(r, 4, sizeof *r, smallest_first);
                        want[k][r[0].at] = want[k][r[1].at] = 0;
                    }
        }
        agrees(cx, &run);
    }
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = context();
    const struct {
        pruning_run run;
        cull_status status;
        const char *say;
    } bad[] = {
        {{"magnitude", {"n", "4", "m", "4"}, {0}, NULL},
         CULL_EOPTION,
         "n = 4 of m = 4; n of each m stay"},
        {{"magnitude", {"n", "2"}, {0}, NULL}, CULL_EOPTION, "n = 2 of m = 0"},
        {{"magnitude", {"sparsity", "1.5"}, {0}, NULL}, CULL_EOPTION, "sparsity"},
        {{"magnitude", {"n", "2", "m", "4", "sparsity", ".5"}, {0}, NULL},
         CULL_EOPTION,
         "magnitude: sparsity counts for nothing: n of each m stay"},
        {{"magnitude", {"scope", "global", "n", "2", "m", "4"}, {0}, NULL},
         CULL_EOPTION,
         "magnitude: scope counts for nothing"},
        {{"magnitude", {"n", "2", "m", "4"}, {"role=ffn: sparsity=0"}, NULL},
         CULL_EOPTION,
         "rule 'role=ffn: sparsity=0': sparsity counts for nothing"},
        {{"magnitude", {0}, {"role=ffn: n=2, m=4", "layer=0: sparsity=.3"}, NULL},
         CULL_EOPTION,
         "rule 'layer=0: sparsity=.3': sparsity counts for nothing"},
        {{"magnitude", {"min-elements", "100000"}, {0}, NULL}, CULL_EINPUT, "no tensor is pruned"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        refused(cx, prune_file(cx, &bad[k].run, "in.safetensors", "no.safetensors", NULL),
                bad[k].status, bad[k].say);
    const char *const scope[] = {"tensor", "output", "layer", "global"};
    write_made(cx, "nan.safetensors", 5);
    for (int s = 0; s < 4; s++) {
        pruning_run run = {"magnitude", {"scope", scope[s]}, {0}, NULL};
        refused(cx, prune_file(cx, &run, "nan.safetensors", "no.safetensors", NULL), CULL_EINPUT,
                "model.layers.1.mlp.down_proj.weight");
        assert_non_null(strstr(cull_error(cx), "NaN"));
    }
    assert_int_not_equal(access(in_dir("no.safetensors"), F_OK), 0);
    cull_ctx_free(cx);
}

static size_t slurp(const char *name, uint8_t *out, size_t room)
{
    FILE *f = fopen(in_dir(name), "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room, f);
    fclose(f);
    assert_true(n < room);
    return n;
}

/* A packed result is the dense one packed, to the byte, and holds no more than is said before. */
static void sparse(void **state)
{
    (void)state;
    cull_ctx *plain = context();
    const pruning_run run = {.slug = "magnitude", .opt = {"scope", "global", "sparsity", ".9"}};
    static uint8_t packed[100000], result[100000];
    cull_checkpoint *ck;
    ok(plain, prune_file(plain, &run, "in.safetensors", "dense.safetensors", NULL));
    ok(plain, cull_checkpoint_open(plain, in_dir("dense.safetensors"), &ck));
    ok(plain, cull_checkpoint_pack(plain, ck, in_dir("packed.safetensors"), NULL, NULL));
    cull_checkpoint_free(ck);
    size_t n = slurp("packed.safetensors", packed, sizeof packed);
    ok(plain, cull_checkpoint_open(plain, in_dir("in.safetensors"), &ck));
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_weights_report r, before;
        const cull_checkpoint *const model[] = {ck};
        const cull_weights_problem p = {.model = model, .models = 1, .sparse = true};
        ok(cx, cull_weights_plan(cx, cull_method_find("magnitude", NULL), NULL, &p, &before));
        ok(cx, prune_to(cx, &run, "in.safetensors", "out.safetensors", true, &r));
        assert_int_equal(slurp("out.safetensors", result, sizeof result), n);
        assert_memory_equal(result, packed, n);
        assert_true(r.packed.packed > 0 && r.held <= before.held && r.zeroed > 0);
        assert_int_equal(r.written, r.packed.written);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    cull_checkpoint_free(ck);
    cull_ctx_free(plain);
}

static void memory_of(bool as_sparse)
{
    const pruning_run run = {
        "magnitude", {"scope", "global", "sparsity", ".9"}, {"role=conv: scope=output"}, NULL};
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        cull_status s = prune_to(cx, &run, "in.safetensors", "out.safetensors", as_sparse, NULL);
        bool reached = h.calls >= k;
        if (reached)
            assert_int_equal(s, CULL_ENOMEM);
        else
            ok(cx, s);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!reached) break;
        assert_true(k < 3000);
    }
}

static void memory(void **state)
{
    (void)state;
    cull_ctx *plain = context();
    cull_ctx_free(plain);
    memory_of(false);
    memory_of(true);
}

/* What is called a bias stays, whatever its dimensions: GPT-2's causal masks, biases of all experts in one tensor. */
static void biases(void **state)
{
    (void)state;
    enum { T = 3, MOST = 16 * 16 };
    static const char *const names[T] = {"h.0.attn.bias", "h.0.attn.c_attn.weight",
                                         "h.0.mlp.experts.gate_up_proj_bias"};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_tensor t[T] = {{.ndim = 4, .shape = {1, 1, 16, 16}},
                        {.ndim = 2, .shape = {8, 16}},
                        {.ndim = 2, .shape = {4, 16}}};
    cull_checkpoint_writer *w;
    cull_checkpoint *ck;
    cull_weights_report r;
    float x[MOST];
    for (int i = 0; i < MOST; i++) x[i] = (float)(i + 1);
    for (int i = 0; i < T; i++) t[i].name = names[i], t[i].dtype = "F32";
    ok(cx, cull_checkpoint_create(cx, in_dir("biases.safetensors"), t, T, NULL, &w));
    for (int i = 0; i < T; i++) {
        int64_t n = 1;
        for (int d = 0; d < t[i].ndim; d++) n *= t[i].shape[d];
        ok(cx, cull_checkpoint_put(cx, w, x, n));
    }
    ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
    ok(cx, cull_checkpoint_open(cx, in_dir("biases.safetensors"), &ck));
    cull_weights_problem p = {.model = (const cull_checkpoint *const *)&ck, .models = 1};
    ok(cx, cull_weights_run(cx, cull_method_find("magnitude", NULL), NULL, &p,
                            in_dir("pruned.safetensors"), &r));
    assert_int_equal(r.pruned_of, 8 * 16);
    assert_int_equal(r.zeroed, 8 * 16 / 2);
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes), cmocka_unit_test(roles_and_rules), cmocka_unit_test(n_of_m),
        cmocka_unit_test(biases), cmocka_unit_test(refusals),        cmocka_unit_test(memory),
        cmocka_unit_test(sparse),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
