/* model_op.c - the operations that a model's description may name: their values, shapes, parameters. */
#include "nn/links.h"

#include "cull/nn_image.h"
#include "cull/nn_ops.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef cull__model_layer layer;
typedef cull__model_shape shape;

enum { SIDE = 1 << 16, WIDE = 1 << 24 };

const char *cull__model_shape_text(const shape *s, char buf[80])
{
    if (s->rank == 1)
        snprintf(buf, 80, "%" PRId64, s->dim[0]);
    else
        snprintf(buf, 80, "%" PRId64 "x%" PRId64 "x%" PRId64, s->dim[0], s->dim[1], s->dim[2]);
    return buf;
}

static int64_t channels(const shape *s) { return s->dim[s->rank - 1]; }
static int64_t size_of(const shape *s)
{
    return s->rank == 1 ? s->dim[0] : s->dim[0] * s->dim[1] * s->dim[2];
}
static bool same_shape(const shape *a, const shape *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim);
}
static int64_t whole(const layer *l, int i) { return (int64_t)l->arg[i]; }

static bool image(const shape *s, char why[240])
{
    if (s->rank == 3) return true;
    snprintf(why, 240, "its input is %" PRId64 " features, and must be an image", s->dim[0]);
    return false;
}

/* What every number by itself keeps: shape and order. */
static bool like_input(layer *l, const shape *const *in, char why[240])
{
    (void)why;
    l->shape = *in[0];
    return true;
}

static cull_var *arg_param(cull_tape *t, const layer *l, int i)
{
    return l->param[i] < 0 ? NULL : cull_nn_param(t, l->param[i]);
}

/* ---- linear ---- */

static bool linear_shape(layer *l, const shape *const *in, char why[240])
{
    if (in[0]->rank == 3) {
        char b[80];
        snprintf(why, 240, "its input is an image of %s; flatten or global_avg_pool comes before",
                 cull__model_shape_text(in[0], b));
        return false;
    }
    l->shape = (shape){.rank = 1, .dim = {whole(l, 0)}};
    l->macs = l->arg[0] * (double)in[0]->dim[0];
    return true;
}

static cull_status weights(cull_model *m, layer *l, int rank, const int64_t *dim, int64_t fan_in,
                           bool bias, cull__model_order order)
{
    static const cull_init of[] = {[CULL_MODEL_TORCH] = CULL_INIT_TORCH,
                                   [CULL_MODEL_HE] = CULL_INIT_HE,
                                   [CULL_MODEL_GLOROT] = CULL_INIT_GLOROT};
    cull_init zero = m->start == CULL_MODEL_TORCH ? CULL_INIT_TORCH : CULL_INIT_ZERO;
    CULL_TRY(cull__model_param(m, l, 0, "weight", rank, dim, of[m->start], fan_in, 0, order));
    if (!bias) return CULL_OK;
    return cull__model_param(m, l, 1, "bias", 1, dim, zero, fan_in, 0, (cull__model_order){0});
}

static cull_status linear_params(cull_model *m, layer *l, const shape *in)
{
    const int64_t dim[] = {whole(l, 0), in->dim[0]};
    cull__model_order o = {.flat = {in->flat[0], in->flat[1], in->flat[2]}};
    return weights(m, l, 2, dim, dim[1], l->arg[1] != 0, o);
}

static cull_var *linear_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    cull_var *w = arg_param(t, l, 0), *b = arg_param(t, l, 1);
    return l->links ? cull__nn_linear_links(t, in[0], w, b, l->links)
                    : cull_nn_linear(t, in[0], w, b);
}

/* ---- convolution ---- */

enum { OUT, SIZE, STRIDE, PAD, DILATION, GROUPS, BIAS };

static cull_window window(int64_t size, int64_t stride, int64_t pad)
{
    return (cull_window){
        .kernel = {size, size}, .stride = {stride, stride}, .pad = {pad, pad, pad, pad}};
}

static bool slides(int64_t in, int64_t size, int64_t stride, int64_t pad, int64_t dilation,
                   int64_t *out)
{
    int64_t reach = dilation * (size - 1) + 1;
    *out = (in + 2 * pad - reach) / stride + 1;
    return in + 2 * pad >= reach;
}

static bool slid(const shape *in, int64_t size, int64_t stride, int64_t pad, int64_t dilation,
                 shape *out, char why[240])
{
    char b[80];
    for (int i = 0; i < 2; i++)
        if (!slides(in->dim[i], size, stride, pad, dilation, &out->dim[i])) {
            snprintf(why, 240,
                     "its input is %s, which with a pad of %" PRId64 " is smaller than the window, "
                     "%" PRId64 " wide",
                     cull__model_shape_text(in, b), pad, dilation * (size - 1) + 1);
            return false;
        }
    return true;
}

static bool conv_shape(layer *l, const shape *const *in, char why[240])
{
    if (!image(in[0], why)) return false;
    int64_t c = channels(in[0]), g = whole(l, GROUPS), out = whole(l, OUT);
    l->shape = (shape){.rank = 3, .dim = {0, 0, out}};
    if (c % g || out % g) {
        snprintf(why, 240,
                 "groups=%" PRId64 " must divide the %" PRId64
                 " channels that come and the %" PRId64 " that go",
                 g, c, out);
        return false;
    }
    if (!slid(in[0], whole(l, SIZE), whole(l, STRIDE), whole(l, PAD), whole(l, DILATION), &l->shape,
              why))
        return false;
    l->macs = (double)size_of(&l->shape) * l->arg[SIZE] * l->arg[SIZE] * (double)(c / g);
    return true;
}

static cull_status conv_params(cull_model *m, layer *l, const shape *in)
{
    int64_t k = whole(l, SIZE), each = channels(in) / whole(l, GROUPS);
    const int64_t dim[] = {whole(l, OUT), k, k, each};
    cull__model_order o = {.flat = {k, k, each}, .image = true};
    return weights(m, l, 4, dim, k * k * each, l->arg[BIAS] != 0, o);
}

static cull_var *conv_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    cull_window w = window(whole(l, SIZE), whole(l, STRIDE), whole(l, PAD));
    w.dilation[0] = w.dilation[1] = whole(l, DILATION);
    w.groups = whole(l, GROUPS);
    return cull_nn_conv2d(t, in[0], arg_param(t, l, 0), arg_param(t, l, 1), &w);
}

/* ---- normalisation ---- */

static cull_norm norm(cull_tape *t, const layer *l)
{
    return (cull_norm){.gamma = arg_param(t, l, 0),
                       .beta = arg_param(t, l, 1),
                       .mean = l->param[2],
                       .var = l->param[3],
                       .eps = l->arg[0],
                       .momentum = l->arg[1]};
}

static cull_var *norm_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    const cull_norm o = norm(t, l);
    return cull_nn_batch_norm(t, in[0], &o);
}

static cull_var *norm_relu(cull_tape *t, const layer *l, cull_var *const *in)
{
    const cull_norm o = norm(t, l);
    return cull_nn_batch_norm_relu(t, in[0], &o);
}

static cull_status norm_params(cull_model *m, layer *l, const shape *in)
{
    const int64_t dim[] = {channels(in)};
    cull__model_order o = {.flat = {in->flat[0], in->flat[1], in->flat[2]}};
    CULL_TRY(cull__model_param(m, l, 0, "weight", 1, dim, CULL_INIT_ONE, 0, CULL_PARAM_SCALE, o));
    CULL_TRY(cull__model_param(m, l, 1, "bias", 1, dim, CULL_INIT_ZERO, 0, 0, o));
    CULL_TRY(
        cull__model_param(m, l, 2, "running_mean", 1, dim, CULL_INIT_ZERO, 0, CULL_PARAM_STATE, o));
    return cull__model_param(m, l, 3, "running_var", 1, dim, CULL_INIT_ONE, 0, CULL_PARAM_STATE, o);
}

/* ---- pools ---- */

static bool pool_shape(layer *l, const shape *const *in, char why[240])
{
    if (!image(in[0], why)) return false;
    if (l->arg[2] * 2 > l->arg[0]) {
        snprintf(why, 240, "pad=%g is more than half of the window, which is %g wide", l->arg[2],
                 l->arg[0]);
        return false;
    }
    l->shape = (shape){.rank = 3, .dim = {0, 0, channels(in[0])}};
    return slid(in[0], whole(l, 0), whole(l, 1), whole(l, 2), 1, &l->shape, why);
}

static cull_var *max_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    const cull_window w = window(whole(l, 0), whole(l, 1), whole(l, 2));
    return cull_nn_max_pool(t, in[0], &w);
}

static cull_var *avg_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    cull_window w = window(whole(l, 0), whole(l, 1), whole(l, 2));
    w.count_pad = true; /* as PyTorch does */
    return cull_nn_avg_pool(t, in[0], &w);
}

static bool global_shape(layer *l, const shape *const *in, char why[240])
{
    l->shape = (shape){.rank = 1, .dim = {channels(in[0])}};
    return image(in[0], why);
}

static cull_var *global_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    (void)l;
    return cull_nn_global_pool(t, in[0]);
}

/* ---- shapes ---- */

static bool flatten_shape(layer *l, const shape *const *in, char why[240])
{
    const shape *s = in[0];
    int64_t n = size_of(s);
    if (n > WIDE) {
        snprintf(why, 240, "%" PRId64 " features are more than %d", n, WIDE);
        return false;
    }
    l->shape = *s;
    l->alias = s->rank == 1;
    l->view = !l->alias;
    if (s->rank == 1) return true;
    l->shape = (shape){.rank = 1, .dim = {n}};
    if (s->dim[0] * s->dim[1] > 1 && s->dim[2] > 1)
        memcpy(l->shape.flat, s->dim, sizeof l->shape.flat);
    return true;
}

static cull_var *flatten_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    const int64_t dim[] = {cull_var_dim(in[0], 0), l->shape.dim[0]};
    return cull_nn_reshape(t, in[0], 2, dim);
}

static bool shortcut_shape(layer *l, const shape *const *in, char why[240])
{
    int64_t c = whole(l, 0), has = 0, s = whole(l, 1);
    if (!image(in[0], why)) return false;
    has = channels(in[0]);
    if (l->arg[2] < 0 && (c < has || (c - has) % 2)) {
        snprintf(why, 240,
                 "%" PRId64 " channels come and %" PRId64 " go; an even number is added, as many "
                 "in front as behind",
                 has, c);
        return false;
    }
    if (l->arg[2] < 0) l->arg[2] = (double)((c - has) / 2);
    if (whole(l, 2) + has > c) {
        snprintf(why, 240,
                 "%" PRId64 " channels come, %" PRId64 " are put in front, and %" PRId64 " go", has,
                 whole(l, 2), c);
        return false;
    }
    l->shape =
        (shape){.rank = 3, .dim = {(in[0]->dim[0] + s - 1) / s, (in[0]->dim[1] + s - 1) / s, c}};
    l->alias = c == has && s == 1;
    return true;
}

static cull_var *shortcut_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    int64_t front = whole(l, 2), behind = whole(l, 0) - cull_var_dim(in[0], -1) - front;
    return cull_nn_shortcut(t, in[0], whole(l, 1), front, behind);
}

/* ---- several inputs ---- */

static bool add_shape(layer *l, const shape *const *in, char why[240])
{
    char a[80], b[80];
    l->shape = *in[0];
    for (int i = 1; i < l->ins; i++)
        if (!same_shape(in[0], in[i])) {
            snprintf(why, 240, "input 1 is %s and input %d is %s; they must have one shape",
                     cull__model_shape_text(in[0], a), i + 1, cull__model_shape_text(in[i], b));
            return false;
        }
    return true;
}

static cull_var *add_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    cull_var *y = in[0];
    for (int i = 1; i < l->ins; i++) y = cull_nn_add(t, y, in[i]);
    return y;
}

static cull_var *add_relu(cull_tape *t, const layer *l, cull_var *const *in)
{
    (void)l;
    return cull_nn_add_relu(t, in[0], in[1]);
}

static bool residual_shape(layer *l, const shape *const *in, char why[240])
{
    (void)why;
    l->shape = *in[0];
    l->alias = !same_shape(in[0], in[1]);
    return true;
}

static bool concat_shape(layer *l, const shape *const *in, char why[240])
{
    char a[80], b[80];
    l->shape = *in[0];
    int last = in[0]->rank - 1;
    for (int i = 0; i < l->ins; i++) {
        shape s = *in[i];
        s.dim[s.rank - 1] = in[0]->dim[last];
        if (in[i]->flat[0]) {
            snprintf(why, 240, "input %d is a flattened image; put images together before", i + 1);
            return false;
        }
        if (!same_shape(in[0], &s)) {
            snprintf(why, 240, "input 1 is %s and input %d is %s; all but channels must agree",
                     cull__model_shape_text(in[0], a), i + 1, cull__model_shape_text(in[i], b));
            return false;
        }
        if (i) l->shape.dim[last] += channels(in[i]);
    }
    if (l->shape.dim[last] <= WIDE) return true;
    snprintf(why, 240, "%" PRId64 " channels are more than %d", l->shape.dim[last], WIDE);
    return false;
}

static cull_var *concat_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    return cull_nn_concat(t, in, l->ins, -1);
}

/* ---- one number at a time ---- */

#define SIMPLE(name)                                                                               \
    static cull_var *name##_apply(cull_tape *t, const layer *l, cull_var *const *in)               \
    {                                                                                              \
        (void)l;                                                                                   \
        return cull_nn_##name(t, in[0]);                                                           \
    }
SIMPLE(gelu)
SIMPLE(relu)
SIMPLE(sigmoid)
SIMPLE(silu)
SIMPLE(tanh)

static cull_var *leaky_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    return cull_nn_leaky_relu(t, in[0], l->arg[0]);
}

static cull_var *relu6_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    (void)l;
    return cull_nn_clip(t, in[0], 0, 6);
}

static cull_var *dropout_apply(cull_tape *t, const layer *l, cull_var *const *in)
{
    return cull_nn_dropout(t, in[0], l->arg[0]);
}

/* ---- the table ---- */

#define ONE .least = 1, .most = 1
#define ELEMENT(name_, fn, doc_)                                                                   \
    {                                                                                              \
        .name = name_, .doc = doc_, ONE, .shape = like_input, .apply = fn                          \
    }
static const cull__model_op table[] = {
    {.name = "add",
     .doc = "the sum of its inputs, which have one shape",
     .least = 2,
     .most = CULL__MODEL_INS,
     .shape = add_shape,
     .apply = add_apply,
     .joined = add_relu},
    {.name = "avg_pool",
     .doc = "the mean over windows; padding counts as 0",
     .arg = {{"size", CULL__WHOLE, 1, SIDE, NULL},
             {"stride", CULL__WHOLE, 1, SIDE, "=size"},
             {"pad", CULL__WHOLE, 0, SIDE, "0"}},
     ONE,
     .shape = pool_shape,
     .apply = avg_apply},
    {.name = "batch_norm",
     .doc = "each channel to mean 0 and variance 1 over the batch, then scaled (Ioffe and Szegedy "
            "2015)",
     .arg = {{"eps", CULL__NUMBER, 1e-12, 1, "1e-5"}, {"momentum", CULL__NUMBER, 1e-6, 1, "0.1"}},
     ONE,
     .named = true,
     .shape = like_input,
     .params = norm_params,
     .apply = norm_apply,
     .joined = norm_relu},
    {.name = "concat",
     .doc = "the channels of its inputs, one after the other",
     .least = 2,
     .most = CULL__MODEL_INS,
     .shape = concat_shape,
     .apply = concat_apply},
    {.name = "conv",
     .doc = "convolution with `out` filters of `size` by `size`",
     .arg = {{"out", CULL__WHOLE, 1, WIDE, NULL},
             {"size", CULL__WHOLE, 1, SIDE, NULL},
             {"stride", CULL__WHOLE, 1, SIDE, "1"},
             {"pad", CULL__WHOLE, 0, SIDE, "0"},
             {"dilation", CULL__WHOLE, 1, SIDE, "1"},
             {"groups", CULL__WHOLE, 1, WIDE, "1"},
             {"bias", CULL__TRUTH, 0, 1, "yes"}},
     ONE,
     .named = true,
     .shape = conv_shape,
     .params = conv_params,
     .apply = conv_apply},
    {.name = "dropout",
     .doc = "in training, 0 with probability p, and the rest over 1 - p",
     .arg = {{"p", CULL__NUMBER, 0, 0.999, "0.5"}},
     ONE,
     .shape = like_input,
     .apply = dropout_apply},
    {.name = "flatten",
     .doc = "an image as features",
     ONE,
     .shape = flatten_shape,
     .apply = flatten_apply},
    ELEMENT("gelu", gelu_apply, "x times the normal distribution function of x"),
    {.name = "global_avg_pool",
     .doc = "the mean over height and width: a feature for each channel",
     ONE,
     .shape = global_shape,
     .apply = global_apply},
    {.name = "leaky_relu",
     .doc = "`slope` times x where x is below 0",
     .arg = {{"slope", CULL__NUMBER, 0, 1, "0.01"}},
     ONE,
     .shape = like_input,
     .apply = leaky_apply},
    {.name = "linear",
     .doc = "weights and biases: `out` features, each of all that come",
     .arg = {{"out", CULL__WHOLE, 1, WIDE, NULL}, {"bias", CULL__TRUTH, 0, 1, "yes"}},
     ONE,
     .named = true,
     .shape = linear_shape,
     .params = linear_params,
     .apply = linear_apply},
    {.name = "max_pool",
     .doc = "the largest of windows",
     .arg = {{"size", CULL__WHOLE, 1, SIDE, NULL},
             {"stride", CULL__WHOLE, 1, SIDE, "=size"},
             {"pad", CULL__WHOLE, 0, SIDE, "0"}},
     ONE,
     .shape = pool_shape,
     .apply = max_apply},
    ELEMENT("relu", relu_apply, "0 where x is below 0"),
    ELEMENT("relu6", relu6_apply, "x cut to 0 .. 6"),
    {.name = "residual",
     .doc = "the sum of its two inputs where they have one shape, else the first",
     .least = 2,
     .most = 2,
     .shape = residual_shape,
     .apply = add_apply,
     .joined = add_relu},
    {.name = "shortcut",
     .doc = "every stride-th pixel, and channels of 0 up to `out` (He et al. 2016, option A): "
            "`front` of them in front, -1 = half",
     .arg = {{"out", CULL__WHOLE, 1, WIDE, NULL},
             {"stride", CULL__WHOLE, 1, SIDE, "1"},
             {"front", CULL__WHOLE, -1, WIDE, "-1"}},
     ONE,
     .shape = shortcut_shape,
     .apply = shortcut_apply},
    ELEMENT("sigmoid", sigmoid_apply, "1 / (1 + e^-x)"),
    ELEMENT("silu", silu_apply, "x sigmoid(x)"),
    ELEMENT("tanh", tanh_apply, "the hyperbolic tangent"),
};

const cull__model_op *cull__model_op_at(int i)
{
    return i >= 0 && i < (int)(sizeof table / sizeof *table) ? table + i : NULL;
}

const cull__model_op *cull__model_op_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, name)) return table + i;
    return NULL;
}
