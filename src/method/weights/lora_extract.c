/* lora-extract - a fine-tuned model as an adapter of low rank
 *
 * Chooses   the leading singular directions of what fine-tuning changed, matrix by matrix.
 * Idea      Of all matrices of a rank the truncated singular value decomposition is nearest to the change (Eckart and Young
 *           1936); fine-tuning changes weights mostly in few directions (Hu et al. 2022).
 * Reads     The base and one model of the same names and shapes; writes a folder of adapter_config.json and
 *           adapter_model.safetensors, as PEFT reads it. Matrices of (inputs, outputs) are known of GPT-2 and its kin by config
 *           and name; of others transposed=yes says so.
 * Deviates  A side above `exact` is decomposed in a random subspace (Halko et al. 2011), which depends on the seed; what it
 *           holds of the change is measured and told for each matrix. Embeddings, routers, norms and biases have no adapter:
 *           they are told, or saved whole. Singular values go to both factors alike, and lora_alpha = r.
 * Cost      The change of one matrix in f32, and for an exact one of lesser side s also 32 s^2 bytes: beyond the blocks of
 *           other methods. O(m n r) time, exact O(m n s); twice where the rank goes by energy.
 * Example   cull weights lora-extract --rank 32 --base base tuned -o adapter
 */
#include "cull/checkpoint_look.h"
#include "cull/weights.h"
#include "repr/lowrank.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int64_t rank, exact, iterations;
    double energy;
    bool head, whole, transposed;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, rank, 16, 0, 1 << 20, "of an adapter at most; 0 leaves the matrix out"),
    CULL_OPT_F64(opts, energy, 0, 0, 1,
                 "take the least rank that holds this share of a change's squared norm; 0 = rank"),
    CULL_OPT_I64(opts, exact, 1024, 1, 65536,
                 "decompose exactly up to this lesser side, beyond it in a random subspace"),
    CULL_OPT_I64(opts, iterations, 2, 0, 64, "of the power method, for a random subspace"),
    CULL_OPT_BOOL(opts, head, false, "an adapter for the output layer, too"),
    CULL_OPT_BOOL(opts, whole, false,
                  "save whole what changed and has no adapter (embeddings, norms, biases)"),
    CULL_OPT_BOOL(opts, transposed, false,
                  "matrices are stored (inputs, outputs), as GPT-2 has them: fan_in_fan_out"),
    CULL_OPT_END};

enum { SIDE_A = 1, SIDE_B, WHOLE }; /* parts of items */
static const char *const lead = "base_model.model.";
static const char *const weight = ".weight";

typedef struct {
    int64_t from; /* the tensor that u and v are of; -1 = none yet */
    float *u, *v;
    double *sigma;
    double all, kept;
    bool exact;
} state;

/* The module that tensor t is the weight of has an adapter; its length. */
static bool has_adapter(const cull_tensor *t, const opts *o, size_t *module)
{
    size_t n = strlen(t->name), w = strlen(weight);
    if (t->ndim != 2 || !t->floating || t->n == 0 || n <= w || strcmp(t->name + n - w, weight))
        return false;
    *module = n - w;
    if (t->role == CULL_ROLE_HEAD) return o->head && o->rank > 0;
    return o->rank > 0 && t->role != CULL_ROLE_EMBEDDING && t->role != CULL_ROLE_NORM &&
           t->role != CULL_ROLE_ROUTER;
}

static int64_t most_rank(const cull_tensor *t, const opts *o)
{
    int64_t side = t->shape[0] < t->shape[1] ? t->shape[0] : t->shape[1];
    return o->rank < side ? o->rank : side;
}

static bool transposed(const cull_weights_item *it)
{
    const opts *o = it->opts[0];
    return it->turned || o->transposed;
}

static cull__lowrank_opts ask(const cull_weights_item *it, int64_t rank)
{
    const opts *o = it->opts[0];
    return (cull__lowrank_opts){.rank = rank,
                                .energy = o->energy,
                                .exact = o->exact,
                                .iterations = (int)o->iterations,
                                .stream = (uint64_t)it->from};
}

/* ---- the change of a matrix ---- */

struct change {
    const cull_weights_work *w;
    const cull_weights_item *it;
    float *out;
};

static cull_status change_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct change *c = arg;
    float *x;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, hi - lo));
    CULL_TRY(cull_weights_read(cx, c->w, c->it, 0, lo, hi - lo, x));
    CULL_TRY(cull_weights_read(cx, c->w, c->it, 1, lo, hi - lo, c->out + lo));
    for (int64_t i = lo; i < hi; i++) c->out[i] -= x[i - lo];
    return CULL_OK;
}

static cull_status decompose(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             int64_t rank, float *u, float *v, double *sigma,
                             cull__lowrank_fit *fit)
{
    const cull_tensor *t = cull_checkpoint_at(w->source[0], it->from);
    const cull__lowrank_opts o = ask(it, rank);
    struct change c = {.w = w, .it = it};
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, c.out, t->n));
    CULL_TRY(cull__for(cx, t->n, CULL_WEIGHTS_BLOCK, change_chunk, &c));
    cull_status s = cull__lowrank(cx, c.out, t->shape[0], t->shape[1], &o, u, v, sigma, fit);
    if (s == CULL_EINPUT) return cull__fail(cx, s, "'%.160s': %s", t->name, cull_error(cx));
    CULL_TRY(s);
    cull__release(cx, mark);
    return CULL_OK;
}

/* The rank that the energy asks for; at least 1. */
static cull_status rank_of(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                           int64_t *rank)
{
    const opts *o = it->opts[0];
    float *u, *v;
    double *sigma;
    cull__lowrank_fit fit;
    *rank = most_rank(&it->t, o);
    if (!(o->energy > 0) || w->planning) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, u, it->t.shape[0] * *rank));
    CULL_TRY(CULL_TMP(cx, v, it->t.shape[1] * *rank));
    CULL_TRY(CULL_TMP(cx, sigma, *rank));
    CULL_TRY(decompose(cx, w, it, *rank, u, v, sigma, &fit));
    cull__release(cx, mark);
    *rank = fit.rank > 0 ? fit.rank : 1;
    return CULL_OK;
}

/* ---- the config ---- */

typedef struct {
    cull_json ranks, modules, whole;
    int64_t rank;    /* the r of the config: the largest */
    bool transposed; /* any matrix is */
} config;

static void config_open(config *c, cull_ctx *cx)
{
    *c = (config){{.b = CULL_BUF(cx)}, {.b = CULL_BUF(cx)}, {.b = CULL_BUF(cx)}, 1, false};
    cull__json_open(&c->ranks, '{');
    cull__json_open(&c->modules, '[');
    cull__json_open(&c->whole, '[');
}

static void config_free(config *c)
{
    cull__buf_free(&c->ranks.b);
    cull__buf_free(&c->modules.b);
    cull__buf_free(&c->whole.b);
}

static cull_status config_text(cull_ctx *cx, const cull_weights_work *w, config *c,
                               const char **out)
{
    cull_json j = {.b = CULL_BUF(cx)};
    cull__json_close(&c->ranks, '}');
    cull__json_close(&c->modules, ']');
    cull__json_close(&c->whole, ']');
    CULL_TRY(c->ranks.b.status);
    CULL_TRY(c->modules.b.status);
    CULL_TRY(c->whole.b.status);
    bool any = c->whole.b.n > 2;
    char buf[128];
    const char *network = cull_checkpoint_network(cx, w->source[0], buf);
    cull__json_open(&j, '{');
    cull__json_key(&j, "peft_type"), cull__json_str(&j, "LORA");
    cull__json_key(&j, "task_type");
    if (strstr(network, "ForCausalLM") || strstr(network, "LMHeadModel"))
        cull__json_str(&j, "CAUSAL_LM");
    else /* a wrapper that suits any network */
        cull__json_raw(&j, "null");
    cull__json_key(&j, "base_model_name_or_path");
    cull__json_str(&j, cull_checkpoint_path(w->source[0]));
    cull__json_key(&j, "r"), cull__json_i64(&j, c->rank);
    cull__json_key(&j, "lora_alpha"), cull__json_i64(&j, c->rank);
    cull__json_key(&j, "lora_dropout"), cull__json_f64(&j, 0);
    cull__json_key(&j, "bias"), cull__json_str(&j, "none");
    cull__json_key(&j, "fan_in_fan_out"), cull__json_bool(&j, c->transposed);
    cull__json_key(&j, "inference_mode"), cull__json_bool(&j, true);
    cull__json_key(&j, "use_rslora"), cull__json_bool(&j, false);
    cull__json_key(&j, "use_dora"), cull__json_bool(&j, false);
    cull__json_key(&j, "rank_pattern"), cull__json_raw(&j, c->ranks.b.at);
    cull__json_key(&j, "alpha_pattern"), cull__json_raw(&j, c->ranks.b.at);
    cull__json_key(&j, "target_modules"), cull__json_raw(&j, c->modules.b.at);
    cull__json_key(&j, "modules_to_save"), cull__json_raw(&j, any ? c->whole.b.at : "null");
    cull__json_close(&j, '}');
    return cull__json_done(&j, out);
}

/* ---- items ---- */

static cull_status add_side(cull_ctx *cx, cull_weights_work *w, const cull_weights_item *of,
                            int part, size_t module, int64_t rank)
{
    cull_weights_item it = *of;
    size_t room = strlen(lead) + module + sizeof ".lora_A.weight";
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    snprintf(name, room, "%s%.*s.lora_%c.weight", lead, (int)module, of->t.name,
             part == SIDE_A ? 'A' : 'B');
    it.t.name = name;
    it.t.dtype = w->problem->dtype ? w->problem->dtype : "F32";
    it.t.shape[0] = part == SIDE_A ? rank : of->t.shape[transposed(of) ? 1 : 0];
    it.t.shape[1] = part == SIDE_B ? rank : of->t.shape[transposed(of) ? 0 : 1];
    it.copy = false, it.part = part;
    return cull_weights_add(cx, w, &it);
}

static cull_status add_whole(cull_ctx *cx, cull_weights_work *w, const cull_weights_item *of)
{
    cull_weights_item it = *of;
    size_t room = strlen(lead) + strlen(of->t.name) + 1;
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    snprintf(name, room, "%s%s", lead, of->t.name);
    it.t.name = name;
    it.copy = false, it.part = WHOLE;
    return cull_weights_add(cx, w, &it);
}

/* Whether its numbers are the same in both, so that nothing is saved. That is not asked while planning. */
static cull_status same(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                        bool *out)
{
    float *x, *y;
    *out = it->at[1] < 0 || it->copy;
    if (*out || w->planning || !it->t.floating) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, x, CULL_WEIGHTS_BLOCK));
    CULL_TRY(CULL_TMP(cx, y, CULL_WEIGHTS_BLOCK));
    *out = true;
    for (int64_t from = 0, n; *out && from < it->t.n; from += n) {
        n = it->t.n - from < CULL_WEIGHTS_BLOCK ? it->t.n - from : CULL_WEIGHTS_BLOCK;
        CULL_TRY(cull_weights_read(cx, w, it, 0, from, n, x));
        CULL_TRY(cull_weights_read(cx, w, it, 1, from, n, y));
        for (int64_t i = 0; i < n && *out; i++) *out = x[i] == y[i];
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status change_item(cull_ctx *cx, cull_weights_work *w, const cull_weights_item *it,
                               config *c, int64_t *left)
{
    const opts *o = it->opts[0];
    size_t module = 0;
    int64_t rank;
    bool alike;
    CULL_TRY(same(cx, w, it, &alike));
    if (alike) return CULL_OK;
    if (!has_adapter(&it->t, o, &module)) {
        if (!o->whole || !it->t.floating) {
            (*left)++;
            return CULL_OK;
        }
        const char *dot = strrchr(it->t.name, '.');
        cull__json_strn(&c->whole, it->t.name,
                        dot ? (size_t)(dot - it->t.name) : strlen(it->t.name));
        return add_whole(cx, w, it);
    }
    CULL_TRY(rank_of(cx, w, it, &rank));
    cull__json_strn(&c->modules, it->t.name, module);
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)module + 1));
    snprintf(name, module + 1, "%s", it->t.name);
    cull__json_key(&c->ranks, name), cull__json_i64(&c->ranks, rank);
    if (rank > c->rank) c->rank = rank;
    c->transposed |= transposed(it);
    CULL_TRY(add_side(cx, w, it, SIDE_A, module, rank));
    return add_side(cx, w, it, SIDE_B, module, rank);
}

static cull_status all_items(cull_ctx *cx, cull_weights_work *w, config *c)
{
    int64_t had = w->items, left = 0;
    for (int64_t i = 0; i < had; i++) {
        cull_weights_item it = w->item[i]; /* the list may move */
        CULL_TRY(change_item(cx, w, &it, c, &left));
    }
    memmove(w->item, w->item + had, (size_t)(w->items - had) * sizeof *w->item);
    w->items -= had;
    if (left && !w->planning)
        cull__log(cx, CULL_LOG_WARN,
                  "%" PRId64 " tensors changed and have no adapter; whole=yes saves them", left);
    if (!w->items)
        return cull__fail(cx, CULL_EINPUT, "%s and %s do not differ in any matrix with an adapter",
                          cull_checkpoint_path(w->source[0]), cull_checkpoint_path(w->source[1]));
    return config_text(cx, w, c, &w->config);
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    config c;
    config_open(&c, cx);
    cull_status s = all_items(cx, w, &c);
    config_free(&c);
    w->stem = "adapter_model";
    return s;
}

/* ---- the run ---- */

/* Room for the factors of the largest matrix. */
static void room(const cull_weights_work *w, int64_t *u, int64_t *v, int64_t *rank)
{
    *u = *v = *rank = 1;
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = w->item + i;
        int64_t *side = (it->part == SIDE_A) == transposed(it) ? u : v;
        if (it->part == WHOLE) continue;
        if (it->t.n > *side) *side = it->t.n;
        if (it->part == SIDE_A && it->t.shape[0] > *rank) *rank = it->t.shape[0];
    }
}

static cull_status begin(cull_ctx *cx, const cull_weights_work *w, void **out)
{
    state *s;
    int64_t u, v, rank;
    room(w, &u, &v, &rank);
    CULL_TRY(CULL_TMP0(cx, s, 1));
    CULL_TRY(CULL_TMP(cx, s->u, u));
    CULL_TRY(CULL_TMP(cx, s->v, v));
    CULL_TRY(CULL_TMP(cx, s->sigma, rank));
    s->from = -1, s->exact = true;
    *out = s;
    return CULL_OK;
}

/* Factors of fewer columns than there is room for get columns of zeros. */
static void widen(float *u, float *v, int64_t m, int64_t n, int64_t found, int64_t rank)
{
    for (int64_t i = m - 1; i >= 0 && found < rank; i--) {
        memmove(u + i * rank, u + i * found, (size_t)found * sizeof *u);
        memset(u + i * rank + found, 0, (size_t)(rank - found) * sizeof *u);
    }
    memset(v + found * n, 0, (size_t)((rank - found) * n) * sizeof *v);
}

static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *st, void **own)
{
    state *s = st;
    const cull_tensor *t = cull_checkpoint_at(w->source[0], it->from);
    int64_t rank = it->t.shape[it->part == SIDE_A ? 0 : 1];
    cull__lowrank_fit fit;
    *own = NULL;
    if (it->part == WHOLE || s->from == it->from) return CULL_OK;
    CULL_TRY(decompose(cx, w, it, rank, s->u, s->v, s->sigma, &fit));
    widen(s->u, s->v, t->shape[0], t->shape[1], fit.rank, rank);
    s->from = it->from;
    s->all += fit.all, s->kept += fit.kept, s->exact &= fit.exact;
    double missed = fit.all > 0 ? sqrt((fit.all - fit.kept) / fit.all) : 0;
    cull__log(cx, CULL_LOG_INFO, "%s: rank %" PRId64 " of %" PRId64 ", relative error %.4g%s",
              t->name, fit.rank, t->shape[0] < t->shape[1] ? t->shape[0] : t->shape[1], missed,
              fit.exact ? "" : " (random subspace)");
    return CULL_OK;
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *st, const void *own, int64_t from, int64_t n, float *out)
{
    const state *s = st;
    (void)own;
    if (it->part == WHOLE) return cull_weights_read(cx, w, it, 1, from, n, out);
    if (transposed(it)) { /* A is u turned, and B is v turned */
        const float *x = it->part == SIDE_A ? s->u : s->v;
        int64_t rows = it->t.shape[0], cols = it->t.shape[1];
        for (int64_t i = 0; i < n; i++) out[i] = x[(from + i) % cols * rows + (from + i) / cols];
        return CULL_OK;
    }
    memcpy(out, (it->part == SIDE_A ? s->v : s->u) + from, (size_t)n * sizeof *out);
    return CULL_OK;
}

static cull_status end(cull_ctx *cx, const cull_weights_work *w, void *st)
{
    const state *s = st;
    double missed = s->all > 0 ? sqrt((s->all - s->kept) / s->all) : 0;
    (void)w;
    cull__log(cx, CULL_LOG_INFO, "relative error over all matrices %.4g%s", missed,
              s->exact ? ", the least that these ranks allow" : "");
    return CULL_OK;
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    int64_t u, v, rank;
    uint64_t most = 0;
    double twice = 0;
    room(w, &u, &v, &rank);
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = w->item + i;
        const cull_tensor *t = cull_checkpoint_at(w->source[0], it->from);
        if (it->part != SIDE_A) continue;
        const cull__lowrank_opts o = ask(it, it->t.shape[0]);
        uint64_t here =
            (uint64_t)t->n * 4 + cull__lowrank_bytes(t->shape[0], t->shape[1], threads, &o);
        if (o.energy > 0) here += (uint64_t)(u + v) * 4, twice = 1;
        most = here > most ? here : most;
    }
    *bytes = most + (uint64_t)(u + v) * 4;
    *passes = twice;
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_BASE,
    .least = 1,
    .most = 1,
    .items = items,
    .begin = begin,
    .tensor = tensor,
    .block = block,
    .end = end,
    .plan = plan,
};
const cull_method cull__method_lora_extract = {
    .slug = "lora-extract",
    .title = "a fine-tuned model as an adapter of low rank",
    .paper = "Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
