/* nn_decoder: small causal transformers, against a plain double one that reads the tensors by name: values,
 * gradients by its differences; no position sees a later one; names, memory to the byte, threads. */
#include "cull/nn_decoder.h"
#include "base/base.h"
#include "cull/nn_ops.h"
#include "cull/train.h"
#include "test.h"

static cull_ctx *cx;

static int begin(void **state)
{
    (void)state;
    cx = cull_ctx_new(NULL);
    return cx == NULL;
}
static int end(void **state)
{
    (void)state;
    cull_ctx_free(cx);
    return 0;
}

/* ---- the reference: one sequence, in double ---- */

typedef struct {
    cull_params *p;
    cull_decoder *d;
    const char *prefix;
    cull_adapter_opts a;
    double *w; /* all numbers of p */
} net;

static const double *named(const net *m, const char *name)
{
    char full[256];
    snprintf(full, sizeof full, "%s%s", m->prefix ? m->prefix : "", name);
    int i = cull_params_find(m->p, full);
    if (i < 0) fail_msg("there is no tensor %s", full);
    return m->w + cull_params_at(m->p, i)->at;
}

static const double *of_layer(const net *m, int64_t layer, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "layers.%d.%s", (int)layer, name);
    return named(m, full);
}

/* y (n, out) = x (n, in) w^T + b */
static void affine(double *y, const double *x, const double *w, const double *b, int64_t n,
                   int64_t in, int64_t out)
{
    for (int64_t r = 0; r < n; r++)
        for (int64_t o = 0; o < out; o++) {
            double s = b ? b[o] : 0;
            for (int64_t i = 0; i < in; i++) s += w[o * in + i] * x[r * in + i];
            y[r * out + o] = s;
        }
}

static void normed(double *y, const double *x, const double *w, const double *b, int64_t n,
                   int64_t width)
{
    for (int64_t r = 0; r < n; r++, x += width, y += width) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < width; i++) mean += x[i] / (double)width;
        for (int64_t i = 0; i < width; i++) var += (x[i] - mean) * (x[i] - mean) / (double)width;
        for (int64_t i = 0; i < width; i++) y[i] = (x[i] - mean) / sqrt(var + 1e-5) * w[i] + b[i];
    }
}

/* Position i of y attends to the keys 0 .. front + i. */
static void attended(double *y, const double *q, const double *k, const double *v, int64_t n,
                     int64_t width, int64_t heads, int64_t front)
{
    const int64_t d = width / heads;
    memset(y, 0, (size_t)(n * width) * sizeof *y);
    for (int64_t i = 0; i < n; i++)
        for (int64_t h = 0; h < width; h += d) {
            double p[64], sum = 0;
            for (int64_t j = 0; j <= front + i; j++) {
                double dot = 0;
                for (int64_t c = h; c < h + d; c++) dot += q[i * width + c] * k[j * width + c];
                sum += p[j] = exp(dot / sqrt((double)d));
            }
            for (int64_t j = 0; j <= front + i; j++)
                for (int64_t c = h; c < h + d; c++)
                    y[i * width + c] += p[j] / sum * v[j * width + c];
        }
}

static void added(double *x, const double *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] += y[i];
}

/* x += up relu(down y) */
static void bottleneck(double *x, const double *y, const double *down, const double *up, int64_t n,
                       int64_t width, int64_t size)
{
    static double mid[4096], out[4096];
    affine(mid, y, down, NULL, n, width, size);
    for (int64_t i = 0; i < n * size; i++) mid[i] = fmax(mid[i], 0);
    affine(out, mid, up, NULL, n, size, width);
    added(x, out, n * width);
}

static void put_in_front(double *k, const double *rows, int64_t front, int64_t n)
{
    memmove(k + front, k, (size_t)n * sizeof *k);
    memcpy(k, rows, (size_t)front * sizeof *k);
}

enum { ROOM = 4096 };
static void layer_of(const net *m, int64_t l, double *x, int64_t n)
{
    const cull_decoder_opts *o = cull_decoder_options(m->d);
    const int64_t w = o->width;
    static double h[ROOM], q[ROOM], k[ROOM], v[ROOM], a[ROOM];
#define T(name) of_layer(m, l, name)
    normed(h, x, T("self_attn_layer_norm.weight"), T("self_attn_layer_norm.bias"), n, w);
    affine(q, h, T("self_attn.q_proj.weight"), T("self_attn.q_proj.bias"), n, w, w);
    affine(k, h, T("self_attn.k_proj.weight"), T("self_attn.k_proj.bias"), n, w, w);
    affine(v, h, T("self_attn.v_proj.weight"), T("self_attn.v_proj.bias"), n, w, w);
    const bool has = !m->a.layer || m->a.layer[l];
    const int64_t front = has ? m->a.prefix : 0;
    if (front) put_in_front(k, T("self_attn.prefix_key"), front * w, n * w);
    if (front) put_in_front(v, T("self_attn.prefix_value"), front * w, n * w);
    attended(a, q, k, v, n, w, o->heads, front);
    affine(h, a, T("self_attn.out_proj.weight"), T("self_attn.out_proj.bias"), n, w, w);
    added(x, h, n * w);
    normed(h, x, T("final_layer_norm.weight"), T("final_layer_norm.bias"), n, w);
    affine(a, h, T("fc1.weight"), T("fc1.bias"), n, w, o->hidden);
    for (int64_t i = 0; i < n * o->hidden; i++)
        a[i] = o->act == CULL_DECODER_RELU ? fmax(a[i], 0) : a[i] * .5 * erfc(-a[i] / sqrt(2));
    affine(k, a, T("fc2.weight"), T("fc2.bias"), n, o->hidden, w);
    added(x, k, n * w);
    if (has && m->a.parallel)
        bottleneck(x, h, T("parallel_adapter.down_proj.weight"),
                   T("parallel_adapter.up_proj.weight"), n, w, m->a.parallel);
    if (has && m->a.serial)
        bottleneck(x, memcpy(k, x, (size_t)(n * w) * sizeof *k),
                   T("serial_adapter.down_proj.weight"), T("serial_adapter.up_proj.weight"), n, w,
                   m->a.serial);
#undef T
}

/* y (n, outs) of one sequence of n tokens, or of vectors in (n, inputs) */
static void reference(const net *m, const int32_t *id, const double *in, int64_t n, double *y)
{
    const cull_decoder_opts *o = cull_decoder_options(m->d);
    const int64_t w = o->width;
    static double x[ROOM], h[ROOM];
    if (o->vocab)
        for (int64_t i = 0; i < n * w; i++)
            x[i] = named(m, "embed_tokens.weight")[id[i / w] * w + i % w];
    else
        affine(x, in, named(m, "project_in.weight"), named(m, "project_in.bias"), n, o->inputs, w);
    added(x, named(m, "embed_positions.weight"), n * w);
    for (int64_t l = 0; l < o->layers; l++) layer_of(m, l, x, n);
    normed(h, x, named(m, "final_layer_norm.weight"), named(m, "final_layer_norm.bias"), n, w);
    affine(y, h, named(m, o->tied ? "embed_tokens.weight" : "lm_head.weight"), NULL, n, w, o->outs);
}

/* ---- nets ---- */

/* Weights larger than the first ones, norms and biases not 1 and 0: so that every tensor matters. */
static void stir(net *m)
{
    cull_rng r = cull__rng_seeded(5, 8);
    float *v = cull_params_value(m->p);
    m->w = calloc((size_t)cull_params_size(m->p), sizeof *m->w);
    for (int i = 0; i < cull_params_count(m->p); i++) {
        const cull_param *q = cull_params_at(m->p, i);
        for (int64_t j = q->at; j < q->at + q->n; j++) {
            v[j] += (float)((q->rank > 1 ? .25 : .2) * cull__rng_normal(&r));
            m->w[j] = (double)v[j];
        }
    }
}

static net net_of(cull_ctx *c, const cull_decoder_opts *o)
{
    net m = {.prefix = o->prefix};
    ok(c, cull_params_new(c, &m.p));
    ok(c, cull_decoder_new(c, m.p, o, &m.d));
    return m;
}

static void drop(net *m)
{
    cull_decoder_free(m->d);
    cull_params_free(m->p);
    free(m->w);
}

enum { N = 3, LENGTH = 7, VOCAB = 11, INPUTS = 5, OUTS = 4 };
static const int32_t id[N * LENGTH] = {3, 0, 10, 7, 7, 1, 2, 9,  9, 4, 5,
                                       0, 8, 6,  1, 3, 3, 2, 10, 5, 4};
static float vectors[N * LENGTH * INPUTS];

static const cull_decoder_opts kinds[] = {
    {.layers = 2, .width = 12, .heads = 3, .context = 9, .vocab = VOCAB},
    {.layers = 1,
     .width = 10,
     .heads = 2,
     .hidden = 7,
     .context = LENGTH,
     .vocab = VOCAB,
     .act = CULL_DECODER_RELU,
     .tied = true,
     .prefix = "model.decoder."},
    {.layers = 2, .width = 9, .heads = 1, .context = 8, .inputs = INPUTS, .outs = OUTS},
    {.layers = 1, .width = 6, .heads = 6, .context = 8, .vocab = VOCAB, .outs = OUTS},
    {.layers = 2, .width = 12, .heads = 3, .context = 9, .vocab = VOCAB, .prefix = "base."},
    {.layers = 2, .width = 8, .heads = 2, .context = 9, .inputs = INPUTS, .outs = OUTS},
};
enum { KINDS = sizeof kinds / sizeof *kinds };
static const bool second[] = {false, true};
static const cull_adapter_opts adapters[KINDS] = {
    [4] = {.serial = 3, .parallel = 5, .prefix = 4, .layer = second},
    [5] = {.serial = 1, .prefix = 2},
};

static net net_of_kind(int k)
{
    net m = net_of(cx, kinds + k);
    m.a = adapters[k];
    if (m.a.serial) ok(cx, cull_decoder_adapt(cx, m.d, &m.a));
    stir(&m);
    return m;
}

static cull_var *forward(cull_tape *t, const net *m, int64_t n, int64_t length)
{
    if (cull_decoder_options(m->d)->vocab) return cull_decoder_tokens(t, m->d, id, n, length);
    cull_var *x = cull_nn_input(t, 3, (int64_t[]){n, length, INPUTS}, vectors, false);
    return cull_decoder_vectors(t, m->d, x);
}

static void fill_vectors(void)
{
    for (int i = 0; i < N * LENGTH * INPUTS; i++) vectors[i] = (float)sin(i * 2.3);
}

/* All sequences by the reference. */
static void references(const net *m, double *y)
{
    const int64_t outs = cull_decoder_options(m->d)->outs;
    double in[LENGTH * INPUTS];
    for (int64_t s = 0; s < N; s++) {
        for (int i = 0; i < LENGTH * INPUTS; i++) in[i] = vectors[s * LENGTH * INPUTS + i];
        reference(m, id + s * LENGTH, in, LENGTH, y + s * LENGTH * outs);
    }
}

static void values(void **state)
{
    (void)state;
    fill_vectors();
    for (int k = 0; k < KINDS; k++) {
        net m = net_of_kind(k);
        const int64_t outs = cull_decoder_options(m.d)->outs;
        double y[N * LENGTH * VOCAB], top = 0;
        cull_tape *t;
        references(&m, y);
        ok(cx, cull_tape_new(cx, m.p, &t));
        cull_tape_reset(t, cx, 0, 0);
        cull_var *v = forward(t, &m, N, LENGTH);
        if (!v) fail_msg("%s", cull_error(cx));
        assert_int_equal(cull_var_rank(v), 3);
        assert_int_equal(cull_var_count(v), N * LENGTH * outs);
        for (int i = 0; i < N * LENGTH * outs; i++) top = fmax(top, fabs(y[i]));
        assert_true(top > .1);
        for (int i = 0; i < N * LENGTH * outs; i++) /* f32, a hundred sums deep */
            if (!(fabs((double)cull_var_value(v)[i] - y[i]) < 1e-5 * top))
                fail_msg("kind %d, number %d: %g, not %g", k, i, (double)cull_var_value(v)[i],
                         y[i]);
        cull_tape_free(t);
        drop(&m);
    }
}

/* sum_i sin(i) y_i: a loss in which every number counts */
static double loss_of(const net *m)
{
    double y[N * LENGTH * VOCAB], s = 0;
    references(m, y);
    for (int i = 0; i < N * LENGTH * cull_decoder_options(m->d)->outs; i++) s += sin(i) * y[i];
    return s;
}

static void gradients(void **state)
{
    (void)state;
    float w[N * LENGTH * VOCAB];
    fill_vectors();
    for (int i = 0; i < N * LENGTH * VOCAB; i++) w[i] = (float)sin(i);
    for (int k = 0; k < KINDS; k++) {
        net m = net_of_kind(k);
        cull_tape *t;
        ok(cx, cull_tape_new(cx, m.p, &t));
        cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
        ok(cx, cull_tape_backward(t, cull_nn_weighted_sum(t, forward(t, &m, N, LENGTH), w)));
        for (int i = 0; i < cull_params_count(m.p); i++) {
            const cull_param *q = cull_params_at(m.p, i);
            const float *g = cull_tape_grad(t) + q->at;
            double scale = 1e-2; /* keys' biases have none: softmax does not see them */
            for (int64_t j = 0; j < q->n; j++) scale = fmax(scale, fabs((double)g[j]));
            if (q->flags & CULL_PARAM_FROZEN) {
                for (int64_t j = 0; j < q->n; j++) assert_true(g[j] == 0);
                continue;
            }
            for (int64_t j = 0; j < q->n; j += q->n / 7 + 1) {
                const double at = m.w[q->at + j], h = 1e-5;
                m.w[q->at + j] = at + h;
                const double up = loss_of(&m);
                m.w[q->at + j] = at - h;
                const double d = (up - loss_of(&m)) / (2 * h);
                m.w[q->at + j] = at;
                if (!(fabs(d - (double)g[j]) < 1e-4 * scale))
                    fail_msg("kind %d, %s[%d]: %g, not %g", k, q->name, (int)j, (double)g[j], d);
            }
        }
        cull_tape_free(t);
        drop(&m);
    }
}

/* Of another token, or vector, at place `at` all results before it keep their bits, and that there and of
 * each after it changes; a shorter sequence has the longer one's first results. */
static void causal(void **state)
{
    (void)state;
    fill_vectors();
    for (int k = 0; k < KINDS; k++) {
        net m = net_of_kind(k);
        const bool tokens = cull_decoder_options(m.d)->vocab;
        const int64_t outs = cull_decoder_options(m.d)->outs;
        float first[LENGTH * VOCAB];
        int32_t other[LENGTH];
        cull_tape *t;
        ok(cx, cull_tape_new(cx, m.p, &t));
        cull_tape_reset(t, cx, 0, 0);
        memcpy(first, cull_var_value(forward(t, &m, 1, LENGTH)),
               (size_t)(LENGTH * outs) * sizeof *first);
        for (int at = 0; at < LENGTH; at++) {
            memcpy(other, id, sizeof other);
            other[at] = (other[at] + 1) % VOCAB;
            vectors[at * INPUTS] += 1;
            cull_tape_reset(t, cx, 0, 0);
            cull_var *y =
                tokens ? cull_decoder_tokens(t, m.d, other, 1, LENGTH) : forward(t, &m, 1, LENGTH);
            vectors[at * INPUTS] -= 1;
            const float *v = cull_var_value(y);
            assert_memory_equal(v, first, (size_t)(at * outs) * sizeof *v);
            for (int i = at; i < LENGTH; i++)
                assert_memory_not_equal(v + i * outs, first + i * outs, (size_t)outs * sizeof *v);
        }
        cull_tape_reset(t, cx, 0, 0);
        const float *v = cull_var_value(forward(t, &m, 1, 3));
        for (int i = 0; i < 3 * outs; i++) assert_true(fabsf(v[i] - first[i]) < 1e-5f);
        cull_tape_free(t);
        drop(&m);
    }
}

/* ---- adapters ---- */

/* As many numbers as the formula says are trained; a frozen decoder keeps its bits; bottlenecks begin as
 * nothing at all. */
static void adapted(void **state)
{
    (void)state;
    static const cull_adapter_opts a[] = {
        {.serial = 3},
        {.parallel = 6},
        {.prefix = 5},
        {.serial = 2, .parallel = 1, .prefix = 7},
        {.serial = 2, .parallel = 4, .prefix = 1, .layer = second},
        {0}};
    for (size_t k = 0; k < sizeof a / sizeof *a; k++) {
        net m = net_of(cx, kinds);
        const int64_t size = cull_params_size(m.p);
        stir(&m);
        float *base = malloc((size_t)size * sizeof *base), first[N * LENGTH * VOCAB];
        memcpy(base, cull_params_value(m.p), (size_t)size * sizeof *base);
        cull_tape *t;
        ok(cx, cull_tape_new(cx, m.p, &t));
        cull_tape_reset(t, cx, 0, 0);
        memcpy(first, cull_var_value(forward(t, &m, N, LENGTH)), sizeof first);
        ok(cx, cull_decoder_adapt(cx, m.d, a + k));
        const int64_t numbers = a[k].serial + a[k].parallel + a[k].prefix;
        const int64_t want = (a[k].layer ? 1 : 2) * 2 * 12 * numbers;
        assert_int_equal(cull_params_trained(m.p), want);
        assert_int_equal(cull_adapter_numbers(cull_decoder_options(m.d), a + k), want);
        assert_memory_equal(base, cull_params_value(m.p), (size_t)size * sizeof *base);
        cull_tape_reset(t, cx, CULL_TAPE_GRAD, 0);
        cull_var *y = forward(t, &m, N, LENGTH);
        if (!a[k].prefix) assert_memory_equal(first, cull_var_value(y), sizeof first);
        if (numbers) {
            ok(cx, cull_tape_backward(t, cull_nn_mean(t, cull_nn_square(t, y), 0, false)));
            cull_optim_opts o = CULL_OPTIM_OPTS;
            cull_optim *w;
            const float *g = cull_tape_grad(t);
            ok(cx, cull_optim_new(cx, m.p, &o, &w));
            ok(cx, cull_optim_step(cx, w, &g, NULL, 1, .1));
            cull_optim_free(w);
        }
        assert_memory_equal(base, cull_params_value(m.p), (size_t)size * sizeof *base);
        cull_tape_reset(t, cx, 0, 0);
        y = forward(t, &m, N, LENGTH);
        if (numbers) assert_memory_not_equal(first, cull_var_value(y), sizeof first);
        cull_tape_free(t);
        free(base);
        drop(&m);
    }
    net m = net_of_kind(4);
    cull_adapter_opts bad = {.serial = -1};
    assert_true(cull_params_find(m.p, "base.layers.0.serial_adapter.down_proj.weight") < 0);
    const cull_param *q =
        cull_params_at(m.p, cull_params_find(m.p, "base.layers.1.parallel_adapter.up_proj.weight"));
    assert_true(q && q->dim[0] == 12 && q->dim[1] == 5);
    refused(cx, cull_decoder_adapt(cx, m.d, a), CULL_EINPUT, "has adapters already");
    refused(cx, cull_decoder_adapt(cx, m.d, &bad), CULL_EOPTION, "serial is -1");
    drop(&m);
}

/* ---- names, first weights, options ---- */

static void tensors(void **state)
{
    (void)state;
    cull_decoder_opts o = CULL_DECODER_OPTS;
    o.vocab = 65;
    o.prefix = "model.decoder.";
    net m = net_of(cx, &o);
    const int64_t w = 128, each = 4 * (w * w + w) + 2 * 4 * w * w + 4 * w + w + 4 * w;
    assert_int_equal(cull_params_trained(m.p), 65 * w * 2 + 64 * w + 4 * each + 2 * w);
    assert_int_equal(cull_decoder_options(m.d)->hidden, 512);
    assert_int_equal(cull_decoder_options(m.d)->outs, 65);
    assert_int_equal(cull_params_count(m.p), 2 + 4 * 16 + 2 + 1);
    const cull_param *q =
        cull_params_at(m.p, cull_params_find(m.p, "model.decoder.layers.3.fc1.weight"));
    assert_non_null(q);
    assert_int_equal(q->dim[0], 512);
    assert_int_equal(q->dim[1], 128);
    q = cull_params_at(m.p, cull_params_find(m.p, "model.decoder.layers.3.fc2.weight"));
    double sum = 0;
    for (int64_t i = 0; i < q->n; i++) sum += pow((double)cull_params_value(m.p)[q->at + i], 2);
    /* 65536 draws: their deviation is known to 1/360 */
    assert_true(fabs(sqrt(sum / (double)q->n) / (.02 / sqrt(8)) - 1) < .015);
    q = cull_params_at(m.p, cull_params_find(m.p, "model.decoder.final_layer_norm.weight"));
    assert_true(cull_params_value(m.p)[q->at + 5] == 1 && q->flags & CULL_PARAM_NO_DECAY);
    cull_decoder *twice;
    refused(cx, cull_decoder_new(cx, m.p, &o, &twice), CULL_EINPUT, "embed_tokens.weight already");
    drop(&m);
}

static void wrong(void **state)
{
    (void)state;
    cull_decoder *d;
    cull_params *p;
    ok(cx, cull_params_new(cx, &p));
    char longer[300];
    memset(longer, 'x', sizeof longer);
    longer[299] = 0;
    const struct {
        cull_decoder_opts o;
        const char *part;
    } bad[] = {
        {{.layers = 0, .width = 8, .heads = 2, .context = 4, .vocab = 3}, "layers is 0"},
        {{.layers = 1, .width = 8, .heads = 3, .context = 4, .vocab = 3}, "width of 8"},
        {{.layers = 1, .width = 8, .heads = 2, .context = 4}, "must be said"},
        {{.layers = 1, .width = 8, .heads = 2, .context = 4, .vocab = 3, .inputs = 2, .outs = 1},
         "must be said"},
        {{.layers = 1, .width = 8, .heads = 2, .context = 4, .inputs = 2}, "outs must be said"},
        {{.layers = 1, .width = 8, .heads = 2, .context = 4, .vocab = 3, .outs = 2, .tied = true},
         "tied"},
        {{.layers = 1, .width = 8, .heads = 2, .context = 4, .vocab = 3, .dropout = 1},
         "dropout is 1"},
        {{.layers = 1, .width = 8, .heads = 2, .context = 4, .vocab = 3, .prefix = longer},
         "is too long"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(cx, cull_decoder_new(cx, p, &bad[i].o, &d), CULL_EOPTION, bad[i].part);
    cull_params_free(p);

    net m = net_of(cx, kinds), v = net_of(cx, kinds + 2);
    const int32_t none[] = {0, VOCAB};
    cull_tape *t, *u;
    ok(cx, cull_tape_new(cx, m.p, &t));
    ok(cx, cull_tape_new(cx, v.p, &u));
#define SAYS(t, call, part)                                                                        \
    do {                                                                                           \
        cull_tape_reset(t, cx, 0, 0);                                                              \
        assert_null(call);                                                                         \
        refused(cx, cull_tape_status(t), CULL_EINPUT, part);                                       \
    } while (0)
    SAYS(t, cull_decoder_tokens(t, m.d, id, 1, 10), "10 positions; this decoder takes 1 to 9");
    SAYS(t, cull_decoder_tokens(t, m.d, id, 0, 3), "the number of sequences is 0");
    SAYS(t, cull_decoder_tokens(t, m.d, none, 1, 2), "embed_tokens: the id of row 1 is 11");
    SAYS(u, cull_decoder_tokens(u, v.d, id, 1, 2), "reads vectors of 5");
    SAYS(t, cull_decoder_vectors(t, m.d, cull_nn_constant(t, 3, (int64_t[]){1, 2, 5}, 0)),
         "reads tokens, of 11");
    SAYS(u, cull_decoder_vectors(u, v.d, cull_nn_constant(u, 2, (int64_t[]){2, 5}, 0)),
         "the dimensions of x are 2");
    SAYS(u, cull_decoder_vectors(u, v.d, cull_nn_constant(u, 3, (int64_t[]){1, 2, 4}, 0)),
         "linear in project_in: x is (1, 2, 4)");
    cull_var *q;
    cull_tape_reset(t, cx, 0, 0);
    q = cull_nn_constant(t, 3, (int64_t[]){1, 2, 4}, 0);
    assert_null(cull_nn_attention(t, q, q, cull_nn_constant(t, 3, (int64_t[]){1, 2, 5}, 0), 2, 0));
    refused(cx, cull_tape_status(t), CULL_EINPUT, "the values (1, 2, 5)");
    cull_tape_reset(t, cx, 0, 0);
    q = cull_nn_constant(t, 3, (int64_t[]){1, 2, 4}, 0);
    assert_null(cull_nn_attention(t, q, q, q, 3, 0));
    refused(cx, cull_tape_status(t), CULL_EINPUT, "not divided by 3 heads");
    cull_tape_reset(t, cx, 0, 0);
    q = cull_nn_constant(t, 3, (int64_t[]){1, 1, 4}, 0);
    assert_null(cull_nn_attention(t, cull_nn_constant(t, 3, (int64_t[]){1, 2, 4}, 0), q, q, 2, 1));
    refused(cx, cull_tape_status(t), CULL_EINPUT, "1 keys and 2 queries");
    cull_tape_free(t);
    cull_tape_free(u);
    drop(&m);
    drop(&v);
}

/* ---- memory and threads ---- */

/* What a forward pass holds, by the shapes; and after two steps nothing more is allocated. */
static void memory(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *c = hooked_ctx(&h, 1);
    cull_decoder_opts o = {.layers = 3, .width = 16, .heads = 2, .context = 16, .vocab = 32};
    int32_t ids[4 * 16] = {0};
    cull_tape *t;
    net m = net_of(c, &o);
    ok(c, cull_tape_new(c, m.p, &t));
    for (int i = 0; i < 5; i++) {
        if (i == 2) h.fail_at = h.calls + 1;
        cull_tape_reset(t, c, CULL_TAPE_GRAD, 0);
        cull_var *y = cull_decoder_tokens(t, m.d, ids, 4, 16);
        const uint64_t rows = 4 * 16, line = 16;
        const uint64_t norm = rows * (16 + 2), scores = 4 * 2 * 16 * 16;
        /* two norms; q, k, v, heads, out; fc1, its function, fc2; two sums */
        const uint64_t layer =
            2 * norm + 5 * rows * 16 + scores + rows * (64 + 64 + 16) + 2 * rows * 16;
        const uint64_t all = rows * 16 * 2 + 16 * 16 + 3 * layer + norm + rows * 32;
        assert_int_equal(rows * 2 % line, 0); /* every tensor fills its lines */
        assert_int_equal(cull_tape_bytes(t), 4 * all);
        assert_true(cull_tape_macs(t) ==
                    3 * (64. * 16 * 16 * 12 + 2. * 64 * 16 * 16) + 64. * 16 * 32);
        ok(c, cull_tape_backward(t, cull_nn_mean(t, y, 0, false)));
    }
    cull_tape_free(t);
    drop(&m);
    cull_ctx_free(c);
    assert_int_equal(h.live, 0);
}

static void memory_fails(void **state)
{
    (void)state;
    for (long k = 1; k < 200; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *c = hooked_ctx(&h, 1);
        cull_params *p = NULL;
        cull_decoder *d = NULL;
        cull_tape *t = NULL;
        cull_status s = c ? cull_params_new(c, &p) : CULL_ENOMEM;
        if (s == CULL_OK) s = cull_decoder_new(c, p, kinds + 4, &d);
        if (s == CULL_OK) s = cull_decoder_adapt(c, d, adapters + 4);
        if (s == CULL_OK) s = cull_tape_new(c, p, &t);
        if (s == CULL_OK) {
            cull_tape_reset(t, c, CULL_TAPE_GRAD, 0);
            cull_var *y = cull_decoder_tokens(t, d, id, N, LENGTH);
            s = y ? cull_tape_backward(t, cull_nn_mean(t, y, 0, false)) : cull_tape_status(t);
            if (!y) assert_int_not_equal(s, CULL_OK);
        }
        cull_tape_free(t);
        cull_decoder_free(d);
        cull_params_free(p);
        cull_ctx_free(c);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) return;
        assert_int_equal(s, CULL_ENOMEM);
    }
    fail_msg("no memory was enough");
}

/* A text that repeats itself: what comes next is known from the last two. */
enum { ROWS = 64, TEXT = 12 };
static cull_var *text_loss(cull_tape *t, void *user, const cull_batch *b)
{
    static int32_t in[2][ROWS * TEXT], out[2][ROWS * TEXT]; /* of each shard */
    const net *m = user;
    int32_t *x = in[b->shard], *y = out[b->shard];
    for (int64_t r = 0; r < b->n; r++)
        for (int64_t i = 0; i < TEXT; i++) {
            const int64_t at = b->row[r] + i;
            x[r * TEXT + i] = (int32_t)(at * at % 7);
            y[r * TEXT + i] = (int32_t)((at + 1) * (at + 1) % 7);
        }
    return cull_nn_cross_entropy(t, cull_decoder_tokens(t, m->d, x, b->n, TEXT), y, NULL, 0);
}

static void trains_alike(void **state)
{
    (void)state;
    float *first = NULL;
    for (int threads = 1; threads <= 2; threads++) {
        cull_ctx_opts c = CULL_CTX_OPTS;
        c.threads = threads;
        cull_ctx *two = cull_ctx_new(&c);
        cull_decoder_opts o = {
            .layers = 2, .width = 24, .heads = 2, .context = TEXT, .vocab = 7, .dropout = .1};
        net m = net_of(two, &o);
        const cull_train_problem q = {.params = m.p, .n = ROWS, .loss = text_loss, .user = &m};
        cull_train_opts w = CULL_TRAIN_OPTS;
        cull_history h;
        w.epochs = 40;
        w.batch = 16;
        w.shards = 2;
        w.schedule.lr = 5e-3;
        ok(two, cull_train(two, &q, &w, &h));
        assert_true(h.train_loss[0] > 1.5 && h.train_loss[39] < .5); /* log 4 of the last alone */
        const size_t bytes = (size_t)cull_params_size(m.p) * sizeof(float);
        if (!first) memcpy(first = malloc(bytes), cull_params_value(m.p), bytes);
        assert_memory_equal(first, cull_params_value(m.p), bytes);
        cull_history_free(&h);
        drop(&m);
        cull_ctx_free(two);
    }
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),  cmocka_unit_test(gradients),    cmocka_unit_test(causal),
        cmocka_unit_test(adapted), cmocka_unit_test(tensors),      cmocka_unit_test(wrong),
        cmocka_unit_test(memory),  cmocka_unit_test(memory_fails), cmocka_unit_test(trains_alike),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
