/* lora-merge - adapters of low rank into the weights that they were trained beside
 *
 * Chooses   W + weight scale B A for each matrix W of the base that an adapter has A and B for; what an adapter saved
 *           whole (modules_to_save, biases) takes the place of the base's.
 * Idea      What an adapter adds to a layer's output is linear, so that it can be added to the layer's weights (Hu et al.
 *           2022): scale = lora_alpha / r, or / sqrt(r) with use_rslora.
 * Reads     The base; one or more folders of adapter_config.json and adapter_model.safetensors, as PEFT saves them, with
 *           rank_pattern, alpha_pattern, fan_in_fan_out, DoRA. An adapter that was started by changing the base (PiSSA, OLoRA) is
 *           refused.
 * Deviates  Sums are f32, rounded once, to the dtype of the base; PEFT rounds B A to the dtype of the adapter, and the
 *           weights again after each adapter. DoRA and whole tensors are of one adapter alone. Where the base ties its
 *           head to its embedding and an adapter changes one, both are written and the config unties them, as PEFT does for
 *           whole tensors; B A it adds to the one tensor, so that the other changes too, which was not so in training.
 * Cost      O(n r) time for n weights; r (rows + columns) floats of one matrix, and blocks.
 * Example   cull weights lora-merge --base base adapter -o merged
 */
#include "cull/weights.h"
#include "num/num.h"
#include "repr/checkpoint.h"
#include "repr/config_edit.h"
#include "repr/peft.h"

#include <math.h>
#include <string.h>

typedef struct {
    double weight;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 1, -1e6, 1e6, "how much of an adapter is added"), CULL_OPT_END};

/* What an adapter does to one tensor. left (rows, rank) right (cols, rank)^T is added, times scale. */
typedef struct {
    float *left, *right, *plus;
    int64_t whole; /* the adapter's tensor that takes the place of the base's, or -1 */
    int64_t rank;
    float scale;
    const float *length; /* of DoRA: what rows, or columns, are multiplied by */
    bool columns;
} change;
typedef struct {
    change *c;
    int n;
} changes;

typedef struct {
    cull__peft_tie tie;
    /* each model's: of all tensors of the base, and of a head that has none */
    cull__peft_delta **delta;
} state;
enum { HEAD = 1 }; /* part of an item: a head that is made of the embedding it was tied to */

static const cull__peft_delta *delta_of(const state *s, int m, const cull_weights_item *it)
{
    return s->delta[m] + (it->part == HEAD ? s->tie.head : it->from);
}

/* What an adapter adds to the head of a network that has one tensor for embeddings and head; NULL = the item is not that. */
static const cull__peft_delta *second(const state *s, int m, const cull_weights_item *it)
{
    return s->tie.together && it->from == s->tie.words ? s->delta[m] + s->tie.head : NULL;
}

/* What sets a tensor, whole or by its lengths, is of one adapter alone. */
static cull_status alone(cull_ctx *cx, const cull_checkpoint *ad, const cull__peft_delta *d)
{
    int64_t which = d->magnitude >= 0 ? d->magnitude : d->whole;
    if (which < 0) return CULL_OK;
    return cull__fail(
        cx, CULL_EINPUT,
        "%s: '%.160s' sets what other adapters would add to; merge this adapter alone",
        cull_checkpoint_path(ad), cull_checkpoint_at(ad, which)->name);
}

static cull_status match(cull_ctx *cx, const cull_weights_work *w, state **out)
{
    const cull_checkpoint *base = w->source[0];
    int64_t n = cull_checkpoint_count(base) + 1;
    int models = w->sources - w->first;
    state *s;
    CULL_TRY(CULL_TMP(cx, s, 1));
    CULL_TRY(CULL_TMP0(cx, s->delta, models));
    CULL_TRY(cull__peft_tied(cx, base, &s->tie));
    cull_checkpoint_pair_opts o = {
        .size = sizeof o, .rename = w->problem->rename, .renames = w->problem->renames};
    CULL_TRY(CULL_TMP0(cx, o.used, o.renames));
    for (int m = 0; m < models; m++) {
        const cull_checkpoint *ad = w->source[w->first + m];
        CULL_TRY(CULL_TMP(cx, s->delta[m], n));
        CULL_TRY(cull__peft_match(cx, ad, base, &o, &s->tie, s->delta[m]));
        for (int64_t i = 0; i < n && models > 1; i++) CULL_TRY(alone(cx, ad, s->delta[m] + i));
    }
    *out = s;
    return cull_checkpoint_pair_used(cx, &o, NULL, 0);
}

/* ---- a head that is its base's embedding ---- */

/* An adapter that was trained with both tied has the same tensor for both. */
static bool one_for_both(const cull_checkpoint *ad, const cull__peft_delta *a,
                         const cull__peft_delta *b)
{
    if (a->whole < 0 || b->whole < 0 || a->a >= 0 || b->a >= 0) return false;
    const cull_tensor *t = cull_checkpoint_at(ad, a->whole), *u = cull_checkpoint_at(ad, b->whole);
    const void *x = cull_checkpoint_bytes(ad, a->whole), *y = cull_checkpoint_bytes(ad, b->whole);
    return x && y && !strcmp(t->dtype, u->dtype) && t->bytes == u->bytes && !memcmp(x, y, t->bytes);
}

static bool come_apart(const cull_weights_work *w, const state *s)
{
    bool apart = false;
    for (int m = 0; m < w->sources - w->first && s->tie.words >= 0 && !s->tie.together; m++) {
        const cull__peft_delta *a = s->delta[m] + s->tie.words, *b = s->delta[m] + s->tie.head;
        apart |= (cull__peft_touched(a) || cull__peft_touched(b)) &&
                 !one_for_both(w->source[w->first + m], a, b);
    }
    return apart;
}

/* Both get tensors of their own, made of the embedding. */
static cull_status untie(cull_ctx *cx, cull_weights_work *w, const state *s)
{
    cull_weights_item head = {0}, *own = NULL;
    for (int64_t i = 0; i < w->items; i++) {
        cull_weights_item *it = w->item + i;
        if (it->from == s->tie.words) head = *it;
        if (it->from == s->tie.head) own = it;
    }
    head.t.name = s->tie.name;
    head.part = HEAD;
    head.opts = own ? own->opts : NULL;
    if (own)
        *own = head;
    else
        CULL_TRY(cull_weights_add(cx, w, &head));
    if (!w->planning)
        cull__log(cx, CULL_LOG_WARN,
                  "%s ties its head to its embedding, and the adapter was trained with each for "
                  "itself: both are written, and the config says tie_word_embeddings false",
                  cull_checkpoint_path(w->source[0]));
    return cull__config_deny(cx, cull_checkpoint_config(w->source[0]), "tie_word_embeddings",
                             &w->config);
}

/* Tensors that no adapter touches are copied. */
static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    state *s;
    CULL_TRY(match(cx, w, &s));
    if (come_apart(w, s)) CULL_TRY(untie(cx, w, s));
    if (s->tie.together && !w->planning)
        cull__log(cx, CULL_LOG_WARN,
                  "%s has one tensor for embeddings and head, and what an adapter adds to one of "
                  "them is added to all, as PEFT does: the result computes something else than "
                  "network and adapter did",
                  cull_checkpoint_path(w->source[0]));
    for (int64_t i = 0; i < w->items; i++) {
        bool any = false;
        for (int m = 0; m < w->sources - w->first; m++)
            any |= cull__peft_touched(delta_of(s, m, w->item + i));
        w->item[i].copy = !any;
    }
    w->own = s;
    return CULL_OK;
}

static cull_status begin(cull_ctx *cx, const cull_weights_work *w, void **out)
{
    (void)cx;
    *out = w->own;
    return CULL_OK;
}

static cull_status read_finite(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t from,
                               int64_t n, float *out)
{
    CULL_TRY(cull_checkpoint_read(cx, ck, i, from, n, out));
    for (int64_t k = 0; k < n; k++)
        if (!isfinite(out[k]))
            return cull__fail(cx, CULL_EINPUT, "%s: '%.160s' has a number that is not finite",
                              cull_checkpoint_path(ck), cull_checkpoint_at(ck, i)->name);
    return CULL_OK;
}

static cull_status load(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, float **out)
{
    int64_t n = cull_checkpoint_at(ck, i)->n;
    CULL_TRY(CULL_TMP(cx, *out, n));
    return read_finite(cx, ck, i, 0, n, *out);
}

/* Numbers from .. from + n of what the adapter adds, to out. */
static cull_status add_product(cull_ctx *cx, const change *c, int64_t cols, int64_t from, int64_t n,
                               float *out)
{
    int64_t lo = from / cols, hi = (from + n + cols - 1) / cols;
    int64_t at = from - lo * cols, width = hi - lo > 1 ? cols : n, skip = hi - lo > 1 ? at : 0;
    float *d;
    CULL_TRY(CULL_TMP(cx, d, (hi - lo) * width));
    cull__gemm_nt(hi - lo, width, c->rank, c->left + lo * c->rank, c->rank,
                  c->right + (at - skip) * c->rank, c->rank, d, width);
    cull__kernels(cx)->axpy(out, c->scale, d + skip, n);
    return CULL_OK;
}

/* Numbers of the base, or of what an adapter has in its place. */
static cull_status read_weight(cull_ctx *cx, const cull_weights_work *w,
                               const cull_weights_item *it, const cull_checkpoint *ad,
                               const change *c, int64_t from, int64_t n, float *out)
{
    if (c->whole >= 0) return read_finite(cx, ad, c->whole, from, n, out);
    return cull_weights_read(cx, w, it, 0, from, n, out);
}

/* ---- DoRA: the outputs' weights, in W + scale B A, are brought to lengths that were learnt ----
 * An output has a row, where the tensor is (inputs, outputs) a column. */

enum { ROWS = 64, WAVE = 16 }; /* of a chunk; chunks whose columns are summed at once */

struct lengths {
    const cull_weights_work *w;
    const cull_weights_item *it;
    const cull_checkpoint *ad;
    const change *c;
    const float *want;
    float *factor;
    double *sum;         /* (WAVE, cols) of squares, each chunk's */
    int64_t cols, first; /* first: the row that a wave begins with */
};

static cull_status changed_row(cull_ctx *cx, const struct lengths *a, int64_t i, float *x)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status s = read_weight(cx, a->w, a->it, a->ad, a->c, i * a->cols, a->cols, x);
    if (s == CULL_OK) s = add_product(cx, a->c, a->cols, i * a->cols, a->cols, x);
    cull__release(cx, mark);
    return s;
}

static cull_status bring_to_length(cull_ctx *cx, const struct lengths *a, int64_t output,
                                   double square)
{
    if (!(square > 0))
        return cull__fail(cx, CULL_EINPUT,
                          "all weights of output %lld of '%.160s' are zero: DoRA gives them no "
                          "direction",
                          (long long)output, a->it->t.name);
    a->factor[output] = (float)(a->want[output] / sqrt(square));
    return CULL_OK;
}

static cull_status of_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct lengths *a = arg;
    float *x;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, a->cols));
    for (int64_t i = lo; i < hi; i++) {
        CULL_TRY(changed_row(cx, a, i, x));
        CULL_TRY(bring_to_length(cx, a, i, cull__kernels(cx)->dot(x, x, a->cols)));
    }
    return CULL_OK;
}

static cull_status add_squares(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct lengths *a = arg;
    double *sum = a->sum + chunk * a->cols;
    float *x;
    CULL_TRY(CULL_TMP(cx, x, a->cols));
    for (int64_t j = 0; j < a->cols; j++) sum[j] = 0;
    for (int64_t i = lo; i < hi; i++) {
        CULL_TRY(changed_row(cx, a, a->first + i, x));
        for (int64_t j = 0; j < a->cols; j++) sum[j] += (double)x[j] * (double)x[j];
    }
    return CULL_OK;
}

/* Chunks are added in their order: the sums do not depend on threads. */
static cull_status of_columns(cull_ctx *cx, struct lengths *a, int64_t rows)
{
    double *all;
    CULL_TRY(CULL_TMP0(cx, all, a->cols));
    CULL_TRY(CULL_TMP(cx, a->sum, WAVE * a->cols));
    for (a->first = 0; a->first < rows; a->first += WAVE * ROWS) {
        int64_t n = rows - a->first < WAVE * ROWS ? rows - a->first : WAVE * ROWS;
        CULL_TRY(cull__for(cx, n, ROWS, add_squares, a));
        for (int64_t k = 0; k * ROWS < n; k++)
            for (int64_t j = 0; j < a->cols; j++) all[j] += a->sum[k * a->cols + j];
    }
    for (int64_t j = 0; j < a->cols; j++) CULL_TRY(bring_to_length(cx, a, j, all[j]));
    return CULL_OK;
}

static cull_status dora(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                        const cull_checkpoint *ad, const cull__peft_delta *d, change *c)
{
    float *want, *factor;
    CULL_TRY(load(cx, ad, d->magnitude, &want));
    CULL_TRY(CULL_TMP(cx, factor, d->rows));
    struct lengths a = {.w = w, .it = it, .ad = ad, .c = c, .want = want, .factor = factor};
    a.cols = d->transposed ? d->rows : d->cols;
    CULL_TRY(d->transposed ? of_columns(cx, &a, d->cols)
                           : cull__for(cx, d->rows, ROWS, of_rows, &a));
    c->length = factor;
    c->columns = d->transposed;
    return CULL_OK;
}

static cull_status load_pair(cull_ctx *cx, const cull_checkpoint *ad, const cull__peft_delta *d,
                             change *c)
{
    float *a, *b, *turned;
    CULL_TRY(load(cx, ad, d->b, &b));
    CULL_TRY(CULL_TMP(cx, turned, d->rank * d->cols));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(load(cx, ad, d->a, &a));
    for (int64_t k = 0; k < d->rank; k++)
        for (int64_t j = 0; j < d->cols; j++) turned[j * d->rank + k] = a[k * d->cols + j];
    cull__release(cx, mark);
    c->left = d->transposed ? turned : b;
    c->right = d->transposed ? b : turned;
    c->rank = d->rank;
    return CULL_OK;
}

static cull_status add_change(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                              int m, const cull__peft_delta *d, changes *all)
{
    const cull_checkpoint *ad = w->source[w->first + m];
    const opts *o = it->opts[w->first + m];
    change *c = all->c + all->n++;
    c->scale = (float)(d->scale * o->weight);
    if (d->a >= 0) CULL_TRY(load_pair(cx, ad, d, c));
    if (d->bias >= 0) CULL_TRY(load(cx, ad, d->bias, &c->plus));
    c->whole = d->whole;
    return d->magnitude >= 0 ? dora(cx, w, it, ad, d, c) : CULL_OK;
}

static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *st, void **own)
{
    const state *s = st;
    int models = w->sources - w->first;
    changes *all;
    CULL_TRY(CULL_TMP0(cx, all, 1));
    CULL_TRY(CULL_TMP0(cx, all->c, 2 * models));
    for (int m = 0; m < models; m++) {
        const cull__peft_delta *head = second(s, m, it);
        CULL_TRY(add_change(cx, w, it, m, delta_of(s, m, it), all));
        if (head) CULL_TRY(add_change(cx, w, it, m, head, all));
    }
    *own = all;
    return CULL_OK;
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *st, const void *own, int64_t from, int64_t n, float *out)
{
    const changes *all = own;
    int64_t cols = it->t.shape[0] ? it->t.n / it->t.shape[0] : 1;
    (void)st;
    CULL_TRY(read_weight(cx, w, it, w->source[w->first], all->c, from, n, out));
    for (const change *c = all->c; c < all->c + all->n; c++) {
        if (c->plus) cull__kernels(cx)->axpy(out, c->scale, c->plus + from, n);
        if (c->left) CULL_TRY(add_product(cx, c, cols, from, n, out));
        for (int64_t i = 0; i < n && c->length; i++)
            out[i] *= c->length[c->columns ? (from + i) % cols : (from + i) / cols];
    }
    return CULL_OK;
}

/* Of the largest tensor that adapters have, its numbers, and its A twice while it is turned; of DoRA's lengths the sums
 * of columns. */
static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    const state *s = w->own;
    uint64_t most = 0, times = s->tie.together ? 2 : 1;
    for (int m = w->first; m < w->sources; m++) {
        uint64_t here = 0, lengths = 0;
        for (int64_t i = 0; i < cull_checkpoint_count(w->source[m]); i++) {
            const cull_tensor *t = cull_checkpoint_at(w->source[m], i);
            uint64_t n = (uint64_t)t->n;
            here = n > here ? n : here;
            if (strstr(t->name, ".lora_magnitude_vector") && n > lengths) lengths = n;
        }
        most += times * here * 4 * 3 + lengths * 8 * (WAVE + 1 + (uint64_t)threads);
        most += (uint64_t)cull_checkpoint_count(w->source[0]) * sizeof(cull__peft_delta);
    }
    *bytes = most, *passes = 0;
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_BASE | CULL_WEIGHTS_OWN_NAMES | CULL_WEIGHTS_RENAMES,
    .least = 1,
    .most = CULL_WEIGHTS_MODELS - 1,
    .items = items,
    .begin = begin,
    .tensor = tensor,
    .block = block,
    .plan = plan,
};
const cull_method cull__method_lora_merge = {
    .slug = "lora-merge",
    .title = "adapters of low rank into the weights of their base",
    .paper = "Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
