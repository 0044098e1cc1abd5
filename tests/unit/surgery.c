/* surgery: channels that go together. Random graphs are cut, and compared with a plain interpreter in doubles that
 * multiplies what is cut by 0; costs by hand; every refusal. */
#include "test.h"

#include "cull/model.h"
#include "cull/nn_ops.h"
#include "cull/report.h"
#include "cull/surgery.h"

static cull_model *make(cull_ctx *cx, const char *text)
{
    cull_model *m;
    ok(cx, cull_model_from(cx, text, strlen(text), "net.model", NULL, &m));
    return m;
}

static float *numbers(cull_model *m, const char *name)
{
    cull_params *p = cull_model_params(m);
    int i = cull_params_find(p, name);
    if (i < 0) fail_msg("no %s", name);
    return cull_params_value(p) + cull_params_at(p, i)->at;
}

static uint32_t seed;
static int below(int n) /* a small generator of the test's own */
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}
static float unit(void) { return (float)(below(2001) - 1000) / 1000; }

/* All parameters at random; variances above 0. */
static void scramble(cull_model *m)
{
    cull_params *p = cull_model_params(m);
    for (int i = 0; i < cull_params_count(p); i++) {
        const cull_param *q = cull_params_at(p, i);
        bool var = strstr(q->name, "running_var") != NULL;
        for (int64_t k = 0; k < q->n; k++)
            cull_params_value(p)[q->at + k] = var ? 1.5f + unit() : unit();
    }
}

static void forward(cull_ctx *cx, cull_model *m, const float *x, int64_t n, double *out)
{
    cull_tape *t;
    int64_t dim[4] = {n}, each[3];
    int rank = cull_model_input(m, dim + 1);
    ok(cx, cull_tape_new(cx, cull_model_params(m), &t));
    cull_tape_reset(t, cx, 0, 0);
    cull_var *y = cull_model_forward(m, t, cull_nn_input(t, rank + 1, dim, x, false), NULL);
    ok(cx, cull_tape_status(t));
    cull_model_output(m, each);
    for (int64_t i = 0; i < n * each[0] * each[1] * each[2]; i++)
        out[i] = (double)cull_var_value(y)[i];
    cull_tape_free(t);
}

/* ---- random graphs ---- */

enum { LAYERS = 40, VALUES = 4096 };
typedef struct {
    char op[16];
    int in[3], ins, h, w, c;
    int size, stride, pad, groups, front;
    double v[VALUES];
} node;
typedef struct {
    node at[LAYERS];
    int n; /* the input is 0 */
    char text[8192];
} graph;

static void line(graph *g, const char *op, int in, const char *args, int h, int w, int c)
{
    node *k = g->at + g->n;
    memset(k, 0, offsetof(node, v));
    snprintf(k->op, sizeof k->op, "%s", op);
    k->in[k->ins++] = in;
    k->h = h, k->w = w, k->c = c;
    size_t at = strlen(g->text);
    snprintf(g->text + at, sizeof g->text - at, "l%d = %s%s ", g->n, op, args);
    at = strlen(g->text);
    if (in)
        snprintf(g->text + at, sizeof g->text - at, "l%d\n", in);
    else
        snprintf(g->text + at, sizeof g->text - at, "input\n");
    g->n++;
}

/* One more layer that `in` is read by. */
static void also(graph *g, int in)
{
    node *k = g->at + g->n - 1;
    k->in[k->ins++] = in;
    size_t at = strlen(g->text) - 1;
    if (in)
        snprintf(g->text + at, sizeof g->text - at, " l%d\n", in);
    else
        snprintf(g->text + at, sizeof g->text - at, " input\n");
}

static void conv(graph *g, int in, int out, int size, int stride, int pad, int groups)
{
    char args[80];
    const node *x = g->at + in;
    snprintf(args, sizeof args, "(%d, %d, %d, pad=%d, groups=%d, bias=%s)", out, size, stride, pad,
             groups, below(2) ? "yes" : "no");
    line(g, "conv", in, args, (x->h + 2 * pad - size) / stride + 1,
         (x->w + 2 * pad - size) / stride + 1, out);
    node *k = g->at + g->n - 1;
    k->size = size, k->stride = stride, k->pad = pad, k->groups = groups;
}

/* A layer of the shape of `in`, before it; 0 = none. */
static int like(const graph *g, int in)
{
    for (int tries = 0; tries < 20; tries++) {
        int k = 1 + below(g->n - 1);
        const node *a = g->at + k, *b = g->at + in;
        if (k != in && a->h == b->h && a->w == b->w && a->c == b->c) return k;
    }
    return 0;
}

static void grow(graph *g)
{
    int in = below(3) ? g->n - 1 : below(g->n), other;
    const node *x = g->at + in;
    char args[64];
    switch (below(11)) {
    case 0:
    case 1: conv(g, in, 2 + below(5), 3, 1, 1, 1); return;
    case 2: conv(g, in, x->c * (1 + below(2)), 3, 1, 1, x->c); return; /* a filter for each */
    case 3:
        if (x->c % 2 == 0) conv(g, in, 2 * (1 + below(3)), 1, 1, 0, 2);
        return;
    case 4: line(g, "batch_norm", in, "", x->h, x->w, x->c); return;
    case 5: line(g, below(2) ? "relu" : "sigmoid", in, "", x->h, x->w, x->c); return;
    case 6:
        if (!(other = like(g, in))) return;
        line(g, below(2) ? "add" : "residual", in, "", x->h, x->w, x->c);
        also(g, other);
        return;
    case 7:
        for (other = below(g->n); other > 0; other--)
            if (g->at[other].h == x->h && g->at[other].w == x->w) break;
        if (!other || x->c + g->at[other].c > 12) return;
        line(g, "concat", in, "", x->h, x->w, x->c + g->at[other].c);
        also(g, other);
        return;
    case 8: {
        int front = below(3), behind = below(3), stride = x->h > 4 && !below(3) ? 2 : 1;
        if (x->c > 8) return;
        snprintf(args, sizeof args, "(%d, %d, front=%d)", x->c + front + behind, stride, front);
        line(g, "shortcut", in, args, (x->h + stride - 1) / stride, (x->w + stride - 1) / stride,
             x->c + front + behind);
        g->at[g->n - 1].front = front, g->at[g->n - 1].stride = stride;
        return;
    }
    case 9: /* of another shape it is its first input */
        line(g, "residual", in, "", x->h, x->w, x->c);
        also(g, g->at[0].c == x->c ? in : 0);
        return;
    default:
        if (x->h < 4 || below(2)) return;
        line(g, below(2) ? "max_pool" : "avg_pool", in, "(2)", x->h / 2, x->w / 2, x->c);
        g->at[g->n - 1].size = g->at[g->n - 1].stride = 2;
    }
}

static void linear(graph *g, int out)
{
    char args[16];
    snprintf(args, sizeof args, "(%d)", out);
    line(g, "linear", g->n - 1, args, 1, 1, out);
}

static void random_graph(graph *g)
{
    g->n = 1;
    g->at[0] = (node){.h = 6, .w = 5, .c = 3};
    strcpy(g->text, "model odd\ninput 6x5x3\noutputs 3\n");
    conv(g, 0, 4, 3, 1, 1, 1);
    while (g->n < 20) grow(g);
    const node *x = g->at + g->n - 1;
    if (below(2))
        line(g, "flatten", g->n - 1, "", 1, 1, x->h * x->w * x->c);
    else
        line(g, "global_avg_pool", g->n - 1, "", 1, 1, x->c);
    if (below(2)) line(g, "batch_norm", g->n - 1, "", 1, 1, g->at[g->n - 1].c);
    linear(g, 7);
    line(g, "relu", g->n - 1, "", 1, 1, 7);
    linear(g, 3);
}

/* ---- the plain interpreter ---- */

static double at(const node *x, int h, int w, int c)
{
    return h < 0 || w < 0 || h >= x->h || w >= x->w ? 0 : x->v[(h * x->w + w) * x->c + c];
}

static double convolved(const graph *g, const node *k, const float *weight, const float *bias,
                        int h, int w, int o)
{
    const node *x = g->at + k->in[0];
    int each = x->c / k->groups, from = o / (k->c / k->groups) * each;
    double sum = bias ? (double)bias[o] : 0;
    for (int i = 0; i < k->size; i++)
        for (int j = 0; j < k->size; j++)
            for (int c = 0; c < each; c++)
                sum += (double)weight[((o * k->size + i) * k->size + j) * each + c] *
                       at(x, h * k->stride + i - k->pad, w * k->stride + j - k->pad, from + c);
    return sum;
}

static double pooled(const graph *g, const node *k, int h, int w, int c)
{
    const node *x = g->at + k->in[0];
    double most = -1e300, sum = 0;
    for (int i = 0; i < 4; i++) {
        double v = at(x, 2 * h + i / 2, 2 * w + i % 2, c);
        sum += v;
        if (v > most) most = v;
    }
    return k->op[0] == 'm' ? most : sum / 4;
}

static const float *param(cull_model *m, int i, const char *what)
{
    char name[40];
    snprintf(name, sizeof name, "l%d.%s", i, what);
    int p = cull_params_find(cull_model_params(m), name);
    return p < 0 ? NULL : numbers(m, name);
}

static double value(const graph *g, cull_model *m, int i, int h, int w, int c)
{
    const node *k = g->at + i, *x = g->at + k->in[0];
    const float *weight = param(m, i, "weight"), *bias = param(m, i, "bias");
    double v = !strcmp(k->op, "linear") ? 0 : at(x, h, w, c);
    if (!strcmp(k->op, "conv")) return convolved(g, k, weight, bias, h, w, c);
    if (!strcmp(k->op, "relu")) return v > 0 ? v : 0;
    if (!strcmp(k->op, "sigmoid")) return 1 / (1 + exp(-v));
    if (!strcmp(k->op, "batch_norm"))
        return (v - (double)param(m, i, "running_mean")[c]) /
                   sqrt((double)param(m, i, "running_var")[c] + 1e-5) * (double)weight[c] +
               (double)bias[c];
    if (!strcmp(k->op, "flatten")) return x->v[c];
    if (strstr(k->op, "_pool") && k->op[0] != 'g') return pooled(g, k, h, w, c);
    if (!strcmp(k->op, "global_avg_pool")) {
        v = 0;
        for (int j = 0; j < x->h * x->w; j++) v += x->v[j * x->c + c];
        return v / (x->h * x->w);
    }
    if (!strcmp(k->op, "linear")) {
        for (int j = 0; j < x->c; j++) v += (double)weight[c * x->c + j] * x->v[j];
        return v + (double)bias[c];
    }
    if (!strcmp(k->op, "shortcut")) {
        c -= k->front;
        return c < 0 || c >= x->c ? 0 : at(x, h * k->stride, w * k->stride, c);
    }
    if (!strcmp(k->op, "concat")) return c < x->c ? v : at(g->at + k->in[1], h, w, c - x->c);
    const node *y = g->at + k->in[1]; /* add, residual */
    return y->h == x->h && y->w == x->w && y->c == x->c ? v + at(y, h, w, c) : v;
}

/* What is cut is 0 wherever it appears. */
static void interpret(graph *g, cull_model *m, const cull_surgery *s, const bool *keep,
                      const float *input)
{
    for (int i = 0; i < 6 * 5 * 3; i++) g->at[0].v[i] = (double)input[i];
    for (int i = 1; i < g->n; i++) {
        node *k = g->at + i;
        assert_true(k->h * k->w * k->c <= VALUES);
        for (int p = 0; p < k->h * k->w; p++)
            for (int c = 0; c < k->c; c++)
                k->v[p * k->c + c] =
                    keep[cull_surgery_unit(s, i, c)] ? value(g, m, i, p / k->w, p % k->w, c) : 0;
    }
}

static void check_counts(const cull_surgery *s, const bool *keep, const cull_model *small)
{
    double macs;
    int64_t params;
    cull_surgery_count(s, keep, &macs, &params);
    cull_model_total t = cull_model_totals(small);
    assert_true(macs == t.macs);
    assert_int_equal(params, t.params);
}

/* Cut at random, until every layer keeps something. */
static cull_model *cut_some(cull_ctx *cx, const cull_surgery *s, bool *keep)
{
    cull_model *small;
    for (int stay = 4;; stay++) {
        for (int g = 0; g < cull_surgery_groups(s); g++) {
            cull_channel_group k = cull_surgery_group(s, g);
            for (int64_t u = 0; u < k.width; u++) keep[k.first + u] = k.fixed || below(stay) != 0;
        }
        if (cull_surgery_cut(cx, s, keep, &small) == CULL_OK) return small;
        if (!strstr(cull_error(cx), "would be left")) fail_msg("%s", cull_error(cx));
    }
}

static void random_graphs(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    static graph g;
    static float x[6 * 5 * 3];
    int64_t gone = 0;
    for (int turn = 0; turn < 120; turn++) {
        cull_surgery *s;
        double out[3], all[3];
        seed = (uint32_t)turn;
        random_graph(&g);
        cull_model *m = make(cx, g.text), *small;
        scramble(m);
        for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = unit();
        ok(cx, cull_surgery_new(cx, m, &s));
        bool *keep = calloc((size_t)cull_surgery_units(s), sizeof *keep);
        small = cut_some(cx, s, keep);
        check_counts(s, keep, small);
        for (int64_t u = 0; u < cull_surgery_units(s); u++) gone += !keep[u];
        interpret(&g, m, s, keep, x);
        forward(cx, small, x, 1, out);
        forward(cx, m, x, 1, all);
        for (int i = 0; i < 3; i++) {
            double want = g.at[g.n - 1].v[i];
            if (!(fabs(out[i] - want) <= 1e-4 * (1 + fabs(want)))) /* f32 through 25 layers */
                fail_msg("graph %d: %g, not %g\n%s", turn, out[i], want, g.text);
        }
        cull_model_free(small);
        memset(keep, 1, (size_t)cull_surgery_units(s)); /* nothing cut: the same to the bit */
        ok(cx, cull_surgery_cut(cx, s, keep, &small));
        forward(cx, small, x, 1, out);
        assert_memory_equal(out, all, sizeof out);
        cull_model_free(small);
        free(keep);
        cull_surgery_free(s);
        cull_model_free(m);
    }
    assert_true(gone > 500);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- a residual net ---- */

static const char *resnet8(cull_ctx *cx)
{
    static char text[2000];
    char *t;
    ok(cx, cull_model_zoo_text(cx, "resnet8", &t));
    snprintf(text, sizeof text, "%s", t);
    cull_text_free(t);
    return text;
}

static void keep_all(const cull_surgery *s, bool *keep)
{
    memset(keep, 1, (size_t)cull_surgery_units(s));
}

static cull_channel_group group(const cull_surgery *s, const char *name)
{
    const char *near = NULL;
    int g = cull_surgery_find(s, name, &near);
    if (g < 0) fail_msg("no group %s; near %s", name, near ? near : "-");
    return cull_surgery_group(s, g);
}

/* Which groups there are, and what a channel of them costs, by hand. */
static void residual(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, resnet8(cx)), *small;
    cull_surgery *s;
    const char *near;
    ok(cx, cull_surgery_new(cx, m, &s));
    static const struct {
        const char *name;
        int64_t width;
        bool fixed;
        int members;
    } want[] = {{"input", 3, true, 1},
                {"conv1", 16, false, 19},
                {"layer1.0.conv1", 16, false, 3},
                {"layer2.0.conv1", 32, false, 3},
                {"layer2.0.conv2", 16, false, 7},
                {"layer3.0.conv1", 64, false, 3},
                {"layer3.0.conv2", 32, false, 3},
                {"linear", 10, true, 1}};
    assert_int_equal(cull_surgery_groups(s), 8);
    for (int g = 0; g < 8; g++) {
        cull_channel_group k = cull_surgery_group(s, g);
        assert_string_equal(k.name, want[g].name);
        assert_int_equal(k.width, want[g].width);
        assert_int_equal(k.fixed != NULL, want[g].fixed);
    }
    /* inside a block: its own filters over 16 channels, and a column of the next 16 filters */
    cull_channel_group k = group(s, "layer1.0.conv1");
    assert_true(k.macs == 1024 * 9 * (16 + 16));
    assert_int_equal(k.params, 9 * 16 + 2 + 9 * 16);
    /* channels that the last stage has beside those of the second: its second filters, the linear's columns */
    k = group(s, "layer3.0.conv2");
    assert_true(k.macs == 64 * 9 * 64 + 10);
    assert_int_equal(k.params, 9 * 64 + 2 + 10);
    assert_int_equal(k.members, 3);
    cull_channel_member p = cull_surgery_member(s, cull_surgery_find(s, "layer3.0.conv2", NULL), 2);
    assert_string_equal(p.layer, "linear");
    assert_string_equal(p.op, "linear");
    assert_true(p.made == 0 && p.read == 1);
    assert_int_equal(cull_surgery_find(s, "layer3.0.conv3", &near), -1);
    assert_string_equal(near, "layer3.0.conv1");
    /* the padding of a shortcut is no longer the same in front and behind */
    bool keep[200];
    keep_all(s, keep);
    k = group(s, "layer2.0.conv2"); /* channels 0 .. 7 and 24 .. 31 of the second stage */
    keep[k.first] = keep[k.first + 1] = keep[k.first + 9] = false;
    ok(cx, cull_surgery_cut(cx, s, keep, &small));
    check_counts(s, keep, small);
    char *text;
    ok(cx, cull_model_text(cx, small, false, &text));
    assert_non_null(strstr(text, "layer2.0.short = shortcut(29, 2, front=6) layer1.0\n"));
    assert_non_null(strstr(text, "layer2.0 = relu\n"));
    assert_non_null(strstr(text, "linear = linear(outputs)\n"));
    assert_non_null(strstr(text, "mean 0.485 0.456 0.406\n"));
    cull_text_free(text);
    cull_model_free(small);
    cull_surgery_free(s);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* Filters that nobody listens to may go. */
static void unheard(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, resnet8(cx)), *small;
    cull_surgery *s;
    static float x[2 * 32 * 32 * 3];
    double a[20], b[20];
    bool keep[200];
    ok(cx, cull_surgery_new(cx, m, &s));
    keep_all(s, keep);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = unit();
    float *next = numbers(m, "layer2.0.conv2.weight"); /* (32, 3, 3, 32) */
    for (int c = 1; c < 32; c += 3) {
        keep[group(s, "layer2.0.conv1").first + c] = false;
        for (int i = 0; i < 32 * 9; i++) next[i * 32 + c] = 0;
    }
    forward(cx, m, x, 2, a);
    ok(cx, cull_surgery_cut(cx, s, keep, &small));
    forward(cx, small, x, 2, b);
    for (int i = 0; i < 20; i++) assert_true(fabs(a[i] - b[i]) <= 1e-6 * (1 + fabs(a[i])));
    cull_model_free(small);
    cull_surgery_free(s);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* VGG-16 for 32 x 32 (Simonyan and Zisserman 2015, one linear layer): 313 M multiply-adds. */
static void vgg(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model_opts o = CULL_MODEL_OPTS;
    char text[4000] = "input 32x32x3\noutputs 10\n";
    static const int width[] = {64, 64,  0,   128, 128, 0,   256, 256, 256,
                                0,  512, 512, 512, 0,   512, 512, 512, 0};
    for (size_t i = 0; i < sizeof width / sizeof *width; i++) {
        size_t n = strlen(text);
        if (width[i])
            snprintf(text + n, sizeof text - n,
                     "c%zu = conv(%d, 3, pad=1, bias=no)\nb%zu = batch_norm\nrelu\n", i, width[i],
                     i);
        else
            snprintf(text + n, sizeof text - n, "max_pool(2)\n");
    }
    strcat(text, "flatten\nfc = linear(outputs)\n");
    cull_model *m, *small;
    cull_surgery *s;
    o.shapes_only = true;
    ok(cx, cull_model_from(cx, text, strlen(text), "vgg.model", &o, &m));
    ok(cx, cull_surgery_new(cx, m, &s));
    double macs;
    int64_t params;
    cull_surgery_count(s, NULL, &macs, &params);
    /* area x 9 x in x out, of 1024 to 4 pixels; biases and batch norms are no multiply-adds */
    assert_true(macs == 1024. * 9 * (3 + 64) * 64 + 256. * 9 * (64 + 128) * 128 +
                            64. * 9 * (128 + 2 * 256) * 256 + 16. * 9 * (256 + 2 * 512) * 512 +
                            4. * 9 * 3 * 512 * 512 + 512 * 10);
    assert_true(macs == 313201664);
    assert_int_equal(params, 14710464 + 2 * 4224 + 512 * 10 + 10);
    bool *keep = malloc((size_t)cull_surgery_units(s));
    keep_all(s, keep);
    for (int64_t u = 0; u < 256; u++) keep[group(s, "c10").first + u] = false;
    ok(cx, cull_surgery_cut(cx, s, keep, &small));
    check_counts(s, keep, small);
    assert_null(cull_model_params(small));
    /* c10 has half of its 4 x 4 x 9 x 256 x 512, and c11 of its 4 x 4 x 9 x 512 x 512 */
    assert_true(macs - cull_model_totals(small).macs == 16. * 9 * 256 * (256 + 512));
    free(keep);
    cull_model_free(small);
    cull_surgery_free(s);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* ---- refusals, memory ---- */

static const char plain[] = "input 4x4x2\noutputs 3\nc = conv(5, 3)\nb = batch_norm\nrelu\n"
                            "d = conv(4, 1, groups=2) input\nflatten\nfc = linear(outputs)\n";

static void refusals(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_model *m = make(cx, plain), *small;
    cull_surgery *s;
    bool keep[20];
    ok(cx, cull_surgery_new(cx, m, &s));
    keep_all(s, keep);
    keep[group(s, "fc").first + 1] = false;
    refused(cx, cull_surgery_cut(cx, s, keep, &small), CULL_EINPUT,
            "channels of 'fc' cannot go: they are tied to the model's output");
    assert_null(small);
    keep_all(s, keep);
    for (int64_t u = 0; u < 5; u++) keep[group(s, "c").first + u] = false;
    refused(cx, cull_surgery_cut(cx, s, keep, &small), CULL_EINPUT,
            "no channel of 'c' would be left; at least 1 must stay");
    /* a convolution in groups ties what it makes to what it reads, here the input */
    assert_string_equal(group(s, "input").fixed, "the model's input");
    assert_int_equal(cull_surgery_find(s, "d", NULL), -1);
    cull_surgery_free(s);
    cull_model_free(m);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void memory(void **state)
{
    (void)state;
    for (long k = 1, done = 0; !done; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_model *m = make(cx, plain), *small = NULL;
        cull_surgery *s = NULL;
        bool keep[20];
        h.calls = 0;
        h.fail_at = k;
        cull_status status = cull_surgery_new(cx, m, &s);
        if (status == CULL_OK) {
            keep_all(s, keep);
            keep[group(s, "c").first] = false;
            status = cull_surgery_cut(cx, s, keep, &small);
        }
        assert_true(status == CULL_OK || status == CULL_ENOMEM);
        if (status != CULL_OK) assert_null(small);
        done = status == CULL_OK;
        h.fail_at = 0;
        cull_model_free(small);
        cull_surgery_free(s);
        cull_model_free(m);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        assert_true(k < 10000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs), cmocka_unit_test(residual), cmocka_unit_test(unheard),
        cmocka_unit_test(vgg),           cmocka_unit_test(refusals), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
