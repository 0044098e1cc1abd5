/* drop-layers - a transformer with fewer layers
 *
 * Chooses   The layers that go: those that rules name (--rule 'layer=20-27: cut=yes'), or so many before the last one, or those of
 *           the smallest weights. The others are numbered anew, and the config says how many are left.
 * Idea      Residual layers add little to what goes through them, deep ones least, but for the last (Gromov et al. 2024; Men et al.
 *           2024 leave out layers by how little they turn their input, which wants data).
 * Reads     one model whose layers have numbers in their names. Where what a layer is goes by its number and no list of the config
 *           says it, whole periods go or none.
 * Deviates  Of "deep" always the same layers, those before the last; the papers measure angles over data. Sizes are means over a layer's
 *           weights, so that they compare.
 * Cost      A copy of what stays; by size one pass more.
 * Example   cull weights drop-layers --layers 8 model/ -o shallower/
 */
#include "cull/checkpoint_look.h"
#include "cull/weights.h"
#include "repr/config_edit.h"
#include "repr/narrow.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { DEEP, L2, L1, MOST = 100000, ROWS = 1 << 16 };
typedef struct {
    int64_t layers;
    int importance;
    bool cut;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, layers, 1, 0, MOST, "how many go, unless rules say which"),
    CULL_OPT_ENUM(opts, importance, DEEP, "deep|l2|l1",
                  "which go: those before the last, or those of the smallest weights"),
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

/* Where the number of its layer stands in a name: the first part that is one; NULL = none. *digits: how long it is. */
static const char *number_in(const char *name, int *digits)
{
    for (const char *p = name; *p; p += *p == '.') {
        size_t n = strcspn(p, ".");
        if (n && strspn(p, "0123456789") == n) return *digits = (int)n, p;
        p += n;
    }
    return NULL;
}

static cull_status renumber(cull_ctx *cx, cull_tensor *t, int64_t to)
{
    int digits = 0;
    const char *at = number_in(t->name, &digits);
    size_t room = strlen(t->name) + 24;
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    snprintf(name, room, "%.*s%" PRId64 "%s", (int)(at - t->name), t->name, to, at + digits);
    t->name = name;
    t->layer = (int)to;
    return CULL_OK;
}

/* All layers must be of one stack: of an encoder and a decoder nobody knows which is meant. */
static cull_status one_stack(cull_ctx *cx, const cull_checkpoint *ck, int64_t *layers,
                             const char **prefix)
{
    size_t length = 0;
    *layers = 0;
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        int digits;
        const char *at = t->layer >= 0 ? number_in(t->name, &digits) : NULL;
        if (!at) continue;
        if (!*layers) *prefix = t->name, length = (size_t)(at - t->name);
        if ((size_t)(at - t->name) != length || memcmp(t->name, *prefix, length))
            return cull__fail(cx, CULL_EINPUT,
                              "%s has layers of two stacks, '%.160s' and '%.160s'; one is wanted",
                              cull_checkpoint_path(ck), *prefix, t->name);
        if (t->layer >= *layers) *layers = t->layer + 1;
    }
    if (*layers > MOST || !*layers)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has %" PRId64 " layers, told by numbers in names such as "
                          "model.layers.3.mlp.up_proj.weight; 1 to %d are wanted",
                          cull_checkpoint_path(ck), *layers, MOST);
    char *copy;
    CULL_TRY(CULL_TMP0(cx, copy, (int64_t)length + 1));
    memcpy(copy, *prefix, length ? length - 1 : 0);
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
        if (layer < 0 || !o->cut) continue;
        b->keep[layer] = false;
        any = true;
    }
    return any;
}

/* The mean |w| of a layer's floating tensors, or the root of that of w^2. */
static cull_status measure(cull_ctx *cx, const cull_checkpoint *ck, int64_t layers, bool squares,
                           double *size)
{
    double *count;
    float *x;
    CULL_TRY(CULL_TMP0(cx, count, layers));
    CULL_TRY(CULL_TMP(cx, x, ROWS));
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        if (t->layer < 0 || !t->floating || t->ndim < 2) continue;
        for (int64_t at = 0; at < t->n; at += ROWS) {
            int64_t n = t->n - at < ROWS ? t->n - at : ROWS;
            CULL_TRY(cull_checkpoint_read(cx, ck, i, at, n, x));
            for (int64_t k = 0; k < n; k++)
                size[t->layer] += squares ? (double)x[k] * (double)x[k] : fabs((double)x[k]);
        }
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
        CULL_TRY(measure(cx, w->source[w->first], b->units, o->importance == L2, size));
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
        int64_t layer = it.t.layer;
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
    cull__narrow *n;
    cull__narrow_block *b;
    CULL_TRY(CULL_TMP0(cx, n, 1));
    CULL_TRY(CULL_TMP0(cx, b, 1));
    *n = (cull__narrow){.ck = w->source[w->first], .what = "layers", .blocks = 1, .block = b};
    CULL_TRY(one_stack(cx, n->ck, &b->units, &b->prefix));
    CULL_TRY(CULL_TMP0(cx, b->keep, b->units));
    CULL_TRY(CULL_TMP(cx, b->unit, b->units));
    if (w->problem->manifest) {
        CULL_TRY(cull__narrow_again(cx, n, w->problem->manifest));
    } else {
        if (!by_rules(w, b)) CULL_TRY(by_options(cx, w, b));
        CULL_TRY(cull__narrow_list(cx, n));
    }
    CULL_TRY(set_config(cx, w, b));
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
