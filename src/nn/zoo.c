/* zoo.c - models by name: descriptions with their numbers filled in. */
#include "nn/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LAYERS = 64, RESNET_MOST = 1202 };

/* LeCun et al. 1998, with the relu and max pools of today. */
static const char lenet[] = "model lenet\n"
                            "input 28x28x1\n"
                            "outputs 10\n"
                            "conv1 = conv(6, 5, pad=2)\n"
                            "relu\n"
                            "max_pool(2)\n"
                            "conv2 = conv(16, 5)\n"
                            "relu\n"
                            "max_pool(2)\n"
                            "flatten\n"
                            "fc1 = linear(120)\n"
                            "relu\n"
                            "fc2 = linear(84)\n"
                            "relu\n"
                            "fc3 = linear(outputs)\n";

/* He et al. 2016, section 4.2, with shortcuts without weights (option A). Mean and std are ImageNet's, which
 * the published weights of these nets were trained with. */
static const char resnet[] = "input 32x32x3\n"
                             "outputs 10\n"
                             "mean 0.485 0.456 0.406\n"
                             "std 0.229 0.224 0.225\n"
                             "block basic(c, stride=1) {\n"
                             "    conv1 = conv(c, 3, stride, pad=1, bias=no)\n"
                             "    bn1 = batch_norm\n"
                             "    relu\n"
                             "    conv2 = conv(c, 3, pad=1, bias=no)\n"
                             "    bn2 = batch_norm\n"
                             "    short = shortcut(c, stride) input\n"
                             "    add bn2 short\n"
                             "    relu\n"
                             "}\n"
                             "conv1 = conv(16, 3, pad=1, bias=no)\n"
                             "bn1 = batch_norm\n"
                             "relu\n"
                             "layer1 = repeat n basic(16)\n"
                             "layer2 = repeat n basic(32, 2 then 1)\n"
                             "layer3 = repeat n basic(64, 2 then 1)\n"
                             "global_avg_pool\n"
                             "linear = linear(outputs)\n";

/* Sandler et al. 2018, narrow, for small images. */
static const char mobilenet[] = "model mobilenet-small\n"
                                "input 32x32x3\n"
                                "outputs 10\n"
                                "block inverted(c, expand, stride=1) {\n"
                                "    conv1 = conv(in * expand, 1, bias=no)\n"
                                "    bn1 = batch_norm\n"
                                "    relu6\n"
                                "    conv2 = conv(in, 3, stride, pad=1, groups=in, bias=no)\n"
                                "    bn2 = batch_norm\n"
                                "    relu6\n"
                                "    conv3 = conv(c, 1, bias=no)\n"
                                "    bn3 = batch_norm\n"
                                "    residual bn3 input\n"
                                "}\n"
                                "conv1 = conv(16, 3, pad=1, bias=no)\n"
                                "bn1 = batch_norm\n"
                                "relu6\n"
                                "stage1 = repeat 2 inverted(24, 4, 2 then 1)\n"
                                "stage2 = repeat 2 inverted(32, 4, 2 then 1)\n"
                                "stage3 = repeat 2 inverted(64, 4, 2 then 1)\n"
                                "conv2 = conv(128, 1, bias=no)\n"
                                "bn2 = batch_norm\n"
                                "relu6\n"
                                "global_avg_pool\n"
                                "linear = linear(outputs)\n";

static const struct {
    const char *name, *brief;
} zoo[] = {
    {"lenet", "two convolutions and three linear layers, for 28x28x1 (LeCun et al. 1998)"},
    {"mlp:784-256-10", "linear layers of these widths, relu between"},
    {"autoencoder:784-64", "linear layers of these widths and back again; 'code' is the narrowest"},
    {"resnet20", "also 32, 44, 56, any 6 n + 2: residual net for 32x32x3 (He et al. 2016)"},
    {"mobilenet-small", "inverted residuals, for 32x32x3 (Sandler et al. 2018)"},
};

const char *cull_model_zoo(int i, const char **brief)
{
    if (i < 0 || i >= (int)(sizeof zoo / sizeof *zoo)) return NULL;
    *brief = zoo[i].brief;
    return zoo[i].name;
}

/* "784-256-10" after the colon. */
static cull_status widths(cull_ctx *cx, const char *name, int64_t *w, int *n)
{
    const char *s = strchr(name, ':');
    *n = 0;
    for (s = s ? s + 1 : ""; *s && *n < LAYERS;) {
        size_t k = strcspn(s, "-");
        if (!cull__parse_i64(s, k, w + *n) || w[*n] < 1 || w[*n] > 1 << 24) break;
        ++*n;
        s += k + (s[k] == '-' && s[k + 1]);
    }
    if (*n >= 2 && !*s) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%.100s: after the colon come 2 to %d widths from 1 to 16777216, as in %.*s",
                      name, LAYERS, *name == 'm' ? 14 : 18,
                      *name == 'm' ? "mlp:784-256-10" : "autoencoder:784-64");
}

static cull_status mlp(cull_ctx *cx, const char *name, cull_buf *out)
{
    int64_t w[LAYERS];
    int n;
    CULL_TRY(widths(cx, name, w, &n));
    cull__buf_printf(out, "model mlp\ninput %" PRId64 "\noutputs %" PRId64 "\nflatten\n", w[0],
                     w[n - 1]);
    for (int i = 1; i + 1 < n; i++)
        cull__buf_printf(out, "fc%d = linear(%" PRId64 ")\nrelu\n", i, w[i]);
    cull__buf_printf(out, "fc%d = linear(outputs)\n", n - 1);
    return out->status;
}

static cull_status autoencoder(cull_ctx *cx, const char *name, cull_buf *out)
{
    int64_t w[LAYERS];
    int n;
    CULL_TRY(widths(cx, name, w, &n));
    cull__buf_printf(out, "model autoencoder\ninput %" PRId64 "\nflatten\n", w[0]);
    for (int i = 1; i + 1 < n; i++)
        cull__buf_printf(out, "encoder.%d = linear(%" PRId64 ")\nrelu\n", i, w[i]);
    cull__buf_printf(out, "code = linear(%" PRId64 ")\nrelu\n", w[n - 1]);
    for (int i = n - 2; i >= 1; i--)
        cull__buf_printf(out, "decoder.%d = linear(%" PRId64 ")\nrelu\n", n - 1 - i, w[i]);
    cull__buf_printf(out, "decoder.%d = linear(%" PRId64 ")\n", n - 1, w[0]);
    return out->status;
}

static cull_status residual(cull_ctx *cx, const char *name, cull_buf *out)
{
    const char *depth = name + strlen("resnet");
    int64_t d = 0;
    if (!cull__parse_i64(depth, strlen(depth), &d) || d < 8 || d > RESNET_MOST || (d - 2) % 6)
        return cull__fail(cx, CULL_EINPUT,
                          "%.100s: these nets have 6 n + 2 layers, from 8 to %d: resnet20, 32, 44, "
                          "56, 110",
                          name, RESNET_MOST);
    cull__buf_printf(out, "model resnet%" PRId64 "\nlet n = %" PRId64 "\n%s", d, (d - 2) / 6,
                     resnet);
    return out->status;
}

static bool begins(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

cull_status cull__zoo_text(cull_ctx *cx, const char *name, cull_buf *out, bool *known)
{
    *known = true;
    if (!strcmp(name, "lenet")) return cull__buf_printf(out, "%s", lenet), out->status;
    if (!strcmp(name, "mobilenet-small"))
        return cull__buf_printf(out, "%s", mobilenet), out->status;
    if (!strcmp(name, "mlp") || begins(name, "mlp:")) return mlp(cx, name, out);
    if (!strcmp(name, "autoencoder") || begins(name, "autoencoder:"))
        return autoencoder(cx, name, out);
    if (begins(name, "resnet")) return residual(cx, name, out);
    *known = false;
    return CULL_OK;
}

cull_status cull_model_zoo_text(cull_ctx *cx, const char *name, char **out)
{
    cull_buf b = CULL_BUF(cx);
    bool known;
    *out = NULL;
    cull_status s = cull__zoo_text(cx, name, &b, &known);
    if (s == CULL_OK && !known)
        s = cull__fail(cx, CULL_EINPUT, "'%.100s' is no model of the zoo", name);
    if (s == CULL_OK)
        *out = b.at;
    else
        cull__buf_free(&b);
    return s;
}
