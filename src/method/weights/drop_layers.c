/* drop-layers - a transformer with fewer layers
 *
 * Chooses   The layers that go: those that rules name (--rule 'layer=20-27: cut=yes'), or so many before the last one, or those of
 *           the smallest weights. The others are numbered anew, and the config says how many are left.
 * Idea      Residual layers add little to what goes through them, deep ones least, but for the last (Gromov et al. 2024; Men et al.
 *           2024 leave out layers by how little they turn their input, which wants data).
 * Reads     one model whose layers have numbers in their names; of an encoder and a decoder (T5, BART, Whisper) those of the one
 *           that is asked for. Where what a layer is goes by its number and no list of the config says it, whole periods go or none.
 * Deviates  Of "deep" always the same layers, those before the last; the papers measure angles over data. Sizes are means over a layer's
 *           weights, so that they compare.
 * Cost      A copy of what stays; by size one pass more.
 * Example   cull weights drop-layers --layers 8 model/ -o shallower/
 */
#define _GNU_SOURCE
#include "cull/checkpoint_look.h"
#include "cull/weights.h"
#include "repr/checkpoint.h"
#include "repr/config_edit.h"
#include "repr/narrow.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { DEEP, L2, L1, MOST = 100000, ROWS = 1 << 16 };
enum { ONE, ENCODER, DECODER };
typedef struct {
    int64_t layers;
    int importance, stack;
    bool cut;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, layers, 1, 0, MOST, "how many go, unless rules say which"),
    CULL_OPT_ENUM(opts, importance, DEEP, "deep|l2|l1",
                  "which go: those before the last, or those of the smallest weights"),
    CULL_OPT_ENUM(opts, stack, ONE, "one|encoder|decoder",
                  "whose layers go; one: the model has one stack of layers"),
    CULL_OPT_BOOL(opts, cut, false, "of rules: the layer goes"), CULL_OPT_END};

static const char *const keys[] = {"num_hidden_layers", "n_layer", "num_layers", "n_layers",
                                   "max_window_layers"};
static const char *const lists[] = {"layer_types", "mlp_layer_types", "layers_block_type",
                                    "no_rope_layers"};
/* Lists of the numbers of those layers that are of a kind. */
static const char *const places[] = {"mlp_only_layers", "moe_layers", "full_attn_idxs",
                                     "attn_layer_indices", "cross_attention_layers"};
enum { PLACES = sizeof places / sizeof *places };
enum { KEYS = sizeof keys / sizeof *keys, LISTS = sizeof lists / sizeof *lists };

/* Of a network with an encoder and a decoder, where num_hidden_layers is the encoder's. T5 has as many layers in its decoder as
 * in its encoder unless the config says. */
static const char *const encoder_keys[] = {"encoder_layers", "num_encoder_layers", "num_layers"};
static const char *const hidden_key[] = {"num_hidden_layers"};
static const char *const decoder_keys[] = {"decoder_layers", "num_decoder_layers"};
/* Words of the config by which layers are of another kind at every so many-th place; the last three are said by layer_types
 * too, which then counts. */
static const char *const periods[] = {"decoder_sparse_step",     "interleave_moe_layer_step",
                                      "moe_layer_freq",          "attn_layer_period",
                                      "expert_layer_period",     "sliding_window_pattern",
                                      "_sliding_window_pattern", "full_attention_interval"};
/* Networks whose period is this one unless the config says another. */
static const struct {
    const char *network;
    int64_t period;
} periodic[] = {{"gemma2", 2}, {"gemma3", 6}, {"cohere2", 4}};
static const char *const dense_key[] = {"first_k_dense_replace"};
enum { PERIODS = sizeof periods / sizeof *periods, TYPED = 3 };

/* ---- names ---- */

static cull_status renumber(cull_ctx *cx, cull_tensor *t, int64_t to)
{
    const char *at = cull__checkpoint_layer(t->name);
    size_t room = strlen(t->name) + 24;
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    snprintf(name, room, "%.*s%" PRId64 "%s", (int)(at - t->name), t->name, to,
             at + strspn(at, "0123456789"));
    t->name = name;
    t->layer = (int)to;
    return CULL_OK;
}

/* Of a name what stands before the number of its layer, without the dot. */
typedef struct {
    const char *at;
    size_t n;
} stem;

static stem stem_of(const char *name)
{
    const char *at = cull__checkpoint_layer(name);
    return (stem){name, at ? (size_t)(at - name) - 1 : 0};
}

static bool is_of(const cull_tensor *t, const char *prefix)
{
    stem s = stem_of(t->name);
    return t->layer >= 0 && s.n == strlen(prefix) && !memcmp(s.at, prefix, s.n);
}

static bool has(stem s, const char *word) { return memmem(s.at, s.n, word, strlen(word)); }

/* Whether a manifest has a block that is called so. */
static bool names(const char *manifest, stem s)
{
    for (const char *p = manifest; (p = strchr(p, '"')); p++)
        if (!strncmp(p + 1, s.at, s.n) && p[1 + s.n] == '"') return true;
    return false;
}

/* Stages of blocks, as Swin's, are no layers that others can stand in for. */
static cull_status check_stages(cull_ctx *cx, const cull_checkpoint *ck, const cull_tensor *t)
{
    const char *at = cull__checkpoint_layer(t->name);
    at += strspn(at, "0123456789");
    if (strncmp(at, ".blocks.", 8)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: '%.160s' is of a stage, which has blocks of its own; layers are wanted "
                      "that are alike",
                      cull_checkpoint_path(ck), t->name);
}

/* The layers of the stack that is asked for, or that a manifest is of; where none is, there must be one. *alone: there is no
 * other. */
static cull_status one_stack(cull_ctx *cx, const cull_checkpoint *ck, int stack,
                             const char *manifest, int64_t *layers, const char **prefix,
                             bool *alone)
{
    stem of = {NULL, 0};
    *layers = 0;
    *alone = true;
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        stem s = stem_of(t->name);
        if (t->layer < 0) continue;
        if ((stack == ENCODER && !has(s, "encoder")) || (stack == DECODER && !has(s, "decoder"))) {
            *alone = false;
            continue;
        }
        CULL_TRY(check_stages(cx, ck, t));
        bool other = of.at && (s.n != of.n || memcmp(s.at, of.at, s.n));
        *alone &= !other;
        if (other && manifest && names(manifest, of)) continue;
        if (other && !(manifest && names(manifest, s)))
            return cull__fail(cx, CULL_EINPUT,
                              "%s has layers of two stacks, '%.160s' and '%.160s'; one is wanted "
                              "(stack=encoder, stack=decoder?)",
                              cull_checkpoint_path(ck), of.at, t->name);
        if (other || !of.at) of = s, *layers = 0;
        if (t->layer >= *layers) *layers = t->layer + 1;
    }
    if (*layers > MOST || !*layers)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has %" PRId64 " layers%s, told by numbers in names such as "
                          "model.layers.3.mlp.up_proj.weight; 1 to %d are wanted",
                          cull_checkpoint_path(ck), *layers,
                          stack == ENCODER   ? " of an encoder"
                          : stack == DECODER ? " of a decoder"
                                             : "",
                          MOST);
    char *copy;
    CULL_TRY(CULL_TMP0(cx, copy, (int64_t)of.n + 1));
    memcpy(copy, of.at, of.n);
    *prefix = copy;
    return CULL_OK;
}

/* ---- which go ---- */

static bool by_rules(const cull_weights_work *w, cull__narrow_block *b)
{
    bool any = false;
    for (int64_t u = 0; u < b->units; u++) b->keep[u] = true;
    for (int64_t i = 0; i < w->items; i++) {
        const opts *o = w->item[i].opts[w->first];
        int64_t layer = w->item[i].t.layer;
        if (!o->cut || !is_of(&w->item[i].t, b->prefix)) continue;
        b->keep[layer] = false;
        any = true;
    }
    return any;
}

/* The mean |w| of a layer's floating tensors, or the root of that of w^2. */
static cull_status measure(cull_ctx *cx, const cull_checkpoint *ck, const cull__narrow_block *b,
                           bool squares, double *size)
{
    int64_t layers = b->units;
    double *count;
    float *x;
    CULL_TRY(CULL_TMP0(cx, count, layers));
    CULL_TRY(CULL_TMP(cx, x, ROWS));
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        if (!is_of(t, b->prefix) || !t->floating || t->ndim < 2) continue;
        for (int64_t at = 0; at < t->n; at += ROWS) {
            int64_t n = t->n - at < ROWS ? t->n - at : ROWS;
            CULL_TRY(cull_checkpoint_read(cx, ck, i, at, n, x));
            for (int64_t k = 0; k < n; k++)
                size[t->layer] += squares ? (double)x[k] * (double)x[k] : fabs((double)x[k]);
        }
        if (!isfinite(size[t->layer]))
            return cull__fail(cx, CULL_EINPUT, "%s: '%.160s' has a number that is not finite",
                              cull_checkpoint_path(ck), t->name);
        count[t->layer] += (double)t->n;
        cull_checkpoint_done(ck, i);
        CULL_TRY(cull__tick(cx, (double)i, (double)cull_checkpoint_count(ck)));
    }
    for (int64_t l = 0; l < layers; l++) size[l] = count[l] > 0 ? size[l] / count[l] : 0;
    return CULL_OK;
}

static cull_status by_options(cull_ctx *cx, const cull_weights_work *w, cull__narrow_block *b)
{
    const opts *o = w->opts;
    double *size;
    if (o->layers >= b->units)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " layers are to go of %" PRId64 "; at least one must stay",
                          o->layers, b->units);
    CULL_TRY(CULL_TMP0(cx, size, b->units));
    if (o->importance != DEEP && !w->planning)
        CULL_TRY(measure(cx, w->source[w->first], b, o->importance == L2, size));
    for (int64_t l = 0; o->importance == DEEP && l < b->units; l++)
        size[l] = l == b->units - 1 ? INFINITY : -(double)l;
    for (int64_t gone = 0; gone < o->layers; gone++) {
        int64_t least = -1;
        for (int64_t l = 0; l < b->units; l++)
            if (b->keep[l] && (least < 0 || size[l] <= size[least])) least = l;
        b->keep[least] = false;
    }
    return CULL_OK;
}

/* ---- what is left ---- */

/* Layers that stay are of the kind that they were only where whole periods go before them. */
static cull_status check_period(cull_ctx *cx, const cull_checkpoint *ck, const char *word,
                                int64_t period, bool types, const cull__narrow_block *b)
{
    for (int64_t i = 0; period > 1 && i < b->kept; i++)
        if ((b->unit[i] - i) % period)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: what a layer is goes by its number, in periods of %" PRId64
                              " (%s), and layer %" PRId64 " would become number %" PRId64
                              "; let %" PRId64 " layers in a row go%s",
                              cull_checkpoint_path(ck), period, word, b->unit[i], i, period,
                              types ? ", or say layer_types in the config" : "");
    return CULL_OK;
}

/* typed: the config has a list of what each layer is. */
static cull_status check_periods(cull_ctx *cx, const cull_checkpoint *ck, bool typed,
                                 const cull__narrow_block *b)
{
    const char *path = cull_checkpoint_path(ck), *text = cull_checkpoint_config(ck);
    char buf[128];
    const char *network = cull_checkpoint_network(cx, ck, buf);
    bool said = typed;
    for (int k = 0; k < PERIODS - (typed ? TYPED : 0); k++) {
        int64_t period;
        CULL_TRY(cull__config_number(cx, path, text, periods + k, 1, &period));
        said |= period > 0 && k >= PERIODS - TYPED;
        CULL_TRY(check_period(cx, ck, periods[k], period, k >= PERIODS - TYPED, b));
    }
    for (size_t k = 0; !said && k < sizeof periodic / sizeof *periodic; k++)
        if (!strncasecmp(network, periodic[k].network, strlen(periodic[k].network)))
            CULL_TRY(check_period(cx, ck, network, periodic[k].period, true, b));
    return CULL_OK;
}

/* The first so many layers have no experts: as many as are left of them. */
static cull_status set_dense(cull_ctx *cx, const cull_checkpoint *ck, const cull__narrow_block *b,
                             const char **text)
{
    int64_t dense, left = 0;
    CULL_TRY(cull__config_number(cx, cull_checkpoint_path(ck), *text, dense_key, 1, &dense));
    for (int64_t i = 0; i < b->kept; i++) left += b->unit[i] < dense;
    if (dense < 0) return CULL_OK;
    return cull__config_set(cx, *text, dense_key, 1, dense, left, text, NULL);
}

/* Of each layer the number that it comes to have; -1 = it goes. */
static cull_status numbers(cull_ctx *cx, const cull__narrow_block *b, int64_t **out)
{
    CULL_TRY(CULL_TMP(cx, *out, b->units));
    for (int64_t i = 0; i < b->units; i++) (*out)[i] = -1;
    for (int64_t i = 0; i < b->kept; i++) (*out)[b->unit[i]] = i;
    return CULL_OK;
}

/* Layers that have what others need, or that the config says in words that are not known how to cut. */
static cull_status check_layers(cull_ctx *cx, const cull_checkpoint *ck,
                                const cull__narrow_block *b)
{
    const char *text = cull_checkpoint_config(ck);
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        cull_tensor first = *t;
        if (!is_of(t, b->prefix) || b->keep[t->layer] ||
            !strstr(t->name, "relative_attention_bias"))
            continue;
        CULL_TRY(renumber(cx, &first, b->unit[0]));
        if (cull_checkpoint_find(ck, first.name, NULL) >= 0) continue; /* each has its own */
        return cull__fail(cx, CULL_EINPUT,
                          "%s: layer %d has the position biases of all ('%.160s'), and must stay",
                          cull_checkpoint_path(ck), t->layer, t->name);
    }
    if (text && b->kept < b->units && strstr(text, "\"attention_types\""))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: the attention_types of its config say what each layer is; they are "
                          "not cut",
                          cull_checkpoint_path(ck));
    return CULL_OK;
}

/* Backbones (DINOv2) call what each layer gives a stage, behind the stem's. */
static cull_status set_stages(cull_ctx *cx, const cull__narrow_block *b, const int64_t *number,
                              const char **text)
{
    bool *keep;
    int64_t *stage;
    size_t was = strlen(*text);
    CULL_TRY(CULL_TMP(cx, keep, b->units + 1));
    CULL_TRY(CULL_TMP(cx, stage, b->units + 1));
    for (int64_t i = 0; i <= b->units; i++) {
        keep[i] = i <= b->kept;
        stage[i] = i && number[i - 1] < 0 ? -1 : i ? number[i - 1] + 1 : 0;
    }
    stage[b->units] = b->kept; /* what the last layer gives is what the last that is left gives */
    CULL_TRY(cull__config_list(cx, *text, "stage_names", keep, b->units + 1, text));
    if (strlen(*text) == was) return CULL_OK;
    CULL_TRY(cull__config_places(cx, *text, "out_indices", stage, b->units + 1, text));
    return cull__config_unlist(cx, *text, "out_features", text); /* as out_indices say */
}

/* The config of an encoder and a decoder. */
static cull_status set_stack(cull_ctx *cx, cull_weights_work *w, const cull__narrow_block *b)
{
    const char *path = cull_checkpoint_path(w->source[w->first]);
    const char *text = cull_checkpoint_config(w->source[w->first]);
    bool decoder = strstr(b->prefix, "decoder");
    int64_t encoder;
    int times, hidden = 0;
    if (!text || b->kept == b->units) return CULL_OK;
    CULL_TRY(cull__config_number(cx, path, text, encoder_keys + 2, 1, &encoder));
    if (encoder >= 0)
        CULL_TRY(cull__config_add(cx, text, decoder_keys[1], encoder, encoder_keys[2], &text));
    if (!decoder)
        CULL_TRY(cull__config_set(cx, text, hidden_key, 1, b->units, b->kept, &text, &hidden));
    if (hidden > 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: %d parts of its config say that they have %" PRId64
                          " layers, and which of them is of '%.160s' is not known",
                          path, hidden, b->units, b->prefix);
    CULL_TRY(cull__config_set(cx, text, decoder ? decoder_keys : encoder_keys, decoder ? 2 : 3,
                              b->units, b->kept, &text, &times));
    w->config = text;
    if (times + hidden) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s has %" PRId64 " layers in '%.160s', and no %s of the config is that",
                      path, b->units, b->prefix, decoder ? decoder_keys[0] : encoder_keys[0]);
}

static cull_status set_config(cull_ctx *cx, cull_weights_work *w, const cull__narrow_block *b)
{
    int64_t *number;
    const cull_checkpoint *ck = w->source[w->first];
    const char *text = cull_checkpoint_config(ck);
    bool typed = false; /* by layer_types, the first of the lists */
    int times;
    if (!text || b->kept == b->units) return CULL_OK;
    CULL_TRY(cull__config_set(cx, text, keys, KEYS, b->units, b->kept, &text, &times));
    if (!times)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has %" PRId64
                          " layers, and no num_hidden_layers of the config is that",
                          cull_checkpoint_path(ck), b->units);
    CULL_TRY(set_dense(cx, ck, b, &text));
    for (int i = 0; i < LISTS; i++) {
        size_t was = strlen(text);
        CULL_TRY(cull__config_list(cx, text, lists[i], b->keep, b->units, &text));
        typed |= i == 0 && strlen(text) < was;
    }
    CULL_TRY(numbers(cx, b, &number));
    for (int i = 0; i < PLACES; i++)
        CULL_TRY(cull__config_places(cx, text, places[i], number, b->units, &text));
    CULL_TRY(set_stages(cx, b, number, &text));
    CULL_TRY(check_periods(cx, ck, typed, b));
    w->config = text;
    return CULL_OK;
}

static cull_status take(cull_ctx *cx, cull_weights_work *w, const cull__narrow_block *b)
{
    int64_t to = 0, *number;
    CULL_TRY(numbers(cx, b, &number));
    for (int64_t i = 0; i < w->items; i++) {
        cull_weights_item it = w->item[i];
        int64_t layer = is_of(&it.t, b->prefix) ? it.t.layer : -1;
        if (layer >= 0 && !b->keep[layer]) continue;
        if (layer >= 0 && number[layer] != layer) CULL_TRY(renumber(cx, &it.t, number[layer]));
        it.copy = true;
        w->item[to++] = it;
    }
    w->items = to;
    return CULL_OK;
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    const opts *o = w->opts;
    bool alone;
    cull__narrow *n;
    cull__narrow_block *b;
    CULL_TRY(CULL_TMP0(cx, n, 1));
    CULL_TRY(CULL_TMP0(cx, b, 1));
    *n = (cull__narrow){.ck = w->source[w->first], .what = "layers", .blocks = 1, .block = b};
    CULL_TRY(one_stack(cx, n->ck, o->stack, w->problem->manifest, &b->units, &b->prefix, &alone));
    CULL_TRY(CULL_TMP0(cx, b->keep, b->units));
    CULL_TRY(CULL_TMP(cx, b->unit, b->units));
    if (w->problem->manifest) {
        CULL_TRY(cull__narrow_again(cx, n, w->problem->manifest));
    } else {
        if (!by_rules(w, b)) CULL_TRY(by_options(cx, w, b));
        CULL_TRY(cull__narrow_list(cx, n));
    }
    CULL_TRY(check_layers(cx, n->ck, b));
    CULL_TRY(alone ? set_config(cx, w, b) : set_stack(cx, w, b));
    CULL_TRY(cull__narrow_write(cx, n, "drop-layers", &w->manifest));
    return take(cx, w, b);
}

/* Only where another dtype is asked for. */
static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    (void)state, (void)own;
    return cull_weights_read(cx, w, it, w->first, from, n, out);
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_NO_BASE, .least = 1, .most = 1, .items = items, .block = block};
const cull_method cull__method_drop_layers = {
    .slug = "drop-layers",
    .title = "a transformer with fewer layers",
    .paper = "Gromov et al. 2024, The Unreasonable Ineffectiveness of the Deeper Layers",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 3,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
