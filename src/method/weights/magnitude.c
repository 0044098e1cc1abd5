/* magnitude - the weights of smallest magnitude become 0
 *
 * Chooses   which weights of a checkpoint stay; the others are set to 0. Shapes stay as they are.
 * Idea      What is small adds little (Han et al. 2015). The share `sparsity` goes from each tensor, from each output of it, from each
 *           layer, or from all tensors together (global), exactly: of equal magnitudes the first stay. Or n of each m inputs
 *           stay (N:M), as hardware wants it.
 * Reads     one model. Tensors of attention, ffn and convolutions; others where asked. Norms and biases never.
 * Deviates  (a) Without training afterwards; the paper prunes and trains in turn. (b) Exactly floor(sparsity n) go; common code drops
 *           whatever is not above a threshold, and so all that equal it. (c) A rule may give tensors a sparsity of their own; in
 *           one order (layer, global) are those that have the same one.
 * Cost      global, layer and tensor: two passes, one more where equal magnitudes are cut; output: one; N:M: none; besides
 *           that of writing. Memory of blocks, and of a cut for each output.
 * Example   cull weights magnitude --sparsity 0.5 --scope global model/ -o pruned/
 */
#include "choose/prune.h"
#include "cull/weights.h"

typedef struct {
    cull__prune_opts prune;
    int scope;
} opts;
enum { TENSOR, OUTPUT, LAYER, GLOBAL };
static const cull_opt table[] = {
    CULL_OPT_F64(cull__prune_opts, sparsity, .5, 0, 1, "share of the weights that becomes 0"),
    CULL_OPT_ENUM(
        opts, scope, TENSOR, "tensor|output|layer|global",
        "what that is a share of: each tensor, each output (row) of it, all of a layer, or "
        "all"),
    CULL__PRUNE_NM,
    CULL__PRUNE_WHICH,
    CULL_OPT_BOOL(cull__prune_opts, transposed, false,
                  "matrices are stored (inputs, outputs), as GPT-2 has them; counts for output and "
                  "N:M"),
    CULL_OPT_END};

static const opts *opts_of(const cull_weights_work *w, const cull_weights_item *it)
{
    return it->opts[w->first];
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    return cull__prune_items(cx, w, "magnitude");
}

static const char *idle(const void *raw, const char *name)
{
    const opts *o = raw;
    if (o->prune.m > 0 && cull__same_name(name, "scope"))
        return "n of each m stay, in every output; n=0 and m=0 prune by sparsity";
    return cull__prune_idle(raw, name);
}

/* ---- several tensors in one order ---- */

typedef struct {
    const cull_weights_work *w;
    int64_t *group, *part; /* of an item: the order it is in (-1 = its own), and its place there */
    int64_t groups;
    cull__cut *cut; /* of each group */
} state;
typedef struct {
    const cull_weights_work *w;
    const int64_t *item; /* of each part */
} members;

static cull_status read_member(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                               float *out)
{
    const members *m = arg;
    const cull_weights_item *it = &m->w->item[m->item[part]];
    return cull_weights_read(cx, m->w, it, m->w->first, from, n, out);
}

/* In one order with others: neither N:M nor of its own. */
static bool shares(const cull_weights_work *w, const cull_weights_item *it)
{
    const opts *o = opts_of(w, it);
    if (it->copy || o->prune.m > 0) return false;
    return o->scope == GLOBAL || (o->scope == LAYER && it->t.layer >= 0);
}

static bool together(const cull_weights_work *w, const cull_weights_item *a,
                     const cull_weights_item *b)
{
    const opts *o = opts_of(w, a), *p = opts_of(w, b);
    if (o->scope != p->scope || o->prune.sparsity != p->prune.sparsity) return false;
    return o->scope == GLOBAL || a->t.layer == b->t.layer;
}

static cull_status find_groups(cull_ctx *cx, state *s, int64_t **size)
{
    const cull_weights_work *w = s->w;
    int64_t *head;
    CULL_TRY(CULL_TMP(cx, s->group, w->items));
    CULL_TRY(CULL_TMP(cx, s->part, w->items));
    CULL_TRY(CULL_TMP(cx, head, w->items));
    CULL_TRY(CULL_TMP0(cx, *size, w->items));
    for (int64_t i = 0; i < w->items; i++) {
        int64_t g = 0;
        s->group[i] = -1;
        if (!shares(w, &w->item[i])) continue;
        while (g < s->groups && !together(w, &w->item[head[g]], &w->item[i])) g++;
        if (g == s->groups) head[s->groups++] = i;
        s->group[i] = g;
        s->part[i] = (*size)[g]++;
    }
    return CULL_OK;
}

static cull_status cut_group(cull_ctx *cx, const state *s, int64_t g, int64_t parts)
{
    const cull_weights_work *w = s->w;
    int64_t *item, *size, total = 0;
    const char **name;
    double sparsity = 0;
    CULL_TRY(CULL_TMP(cx, item, parts));
    CULL_TRY(CULL_TMP(cx, size, parts));
    CULL_TRY(CULL_TMP(cx, name, parts));
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = &w->item[i];
        if (s->group[i] != g) continue;
        item[s->part[i]] = i;
        size[s->part[i]] = it->t.n;
        name[s->part[i]] = it->t.name;
        total += it->t.n;
        sparsity = opts_of(w, it)->prune.sparsity;
    }
    int64_t stay = cull__stay(total, sparsity);
    members m = {w, item};
    cull__values v = {read_member, &m, parts, size, name};
    return cull__cuts(cx, &v, &stay, 1, &s->cut[g]);
}

static cull_status begin(cull_ctx *cx, const cull_weights_work *w, void **out)
{
    state *s;
    int64_t *size;
    CULL_TRY(CULL_TMP0(cx, s, 1));
    s->w = w;
    *out = s;
    CULL_TRY(find_groups(cx, s, &size));
    CULL_TRY(CULL_TMP(cx, s->cut, s->groups));
    for (int64_t g = 0; g < s->groups; g++) {
        CULL_TRY(cull__tick(cx, (double)g, (double)s->groups));
        cull__mark_t mark = cull__mark(cx);
        cull_status status = cut_group(cx, s, g, size[g]);
        cull__release(cx, mark);
        CULL_TRY(status);
    }
    return CULL_OK;
}

/* ---- one tensor ---- */

typedef struct {
    cull__pruner p;
    members m;
    cull__cut one;
    int64_t item;
} plan_of;

static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state_, void **own)
{
    const state *s = state_;
    const opts *o = opts_of(w, it);
    plan_of *t;
    cull__cut *cuts;
    CULL_TRY(CULL_TMP0(cx, t, 1));
    *own = t;
    t->item = it - w->item;
    t->m = (members){w, &t->item};
    t->p.v = (cull__values){read_member, &t->m, 1, &it->t.n, &it->t.name};
    t->p.grid = cull__grid_of(it->t.shape, it->t.ndim, it->turned || o->prune.transposed);
    t->p.n = (int)o->prune.n, t->p.m = (int)o->prune.m;
    t->p.one = &t->one;
    if (o->prune.m > 0) return CULL_OK;
    if (o->scope == OUTPUT) {
        CULL_TRY(CULL_TMP(cx, cuts, t->p.grid.outs));
        t->p.cuts = cuts;
        return cull__prune_cuts(cx, &t->p, o->prune.sparsity, cuts);
    }
    if (s->group[t->item] < 0) {
        int64_t stay = cull__stay(it->t.n, o->prune.sparsity);
        return cull__cuts(cx, &t->p.v, &stay, 1, &t->one);
    }
    t->one = s->cut[s->group[t->item]];
    /* as the tensor sees it, of which it is the only part */
    t->one.part -= s->part[t->item];
    return CULL_OK;
}

static cull_status keep(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                        void *s, const void *own, int64_t from, int64_t n, uint8_t *out)
{
    const plan_of *t = own;
    (void)w, (void)it, (void)s;
    return cull__prune_keep(cx, &t->p, from, n, out);
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    uint64_t most = 0;
    int64_t total = 0;
    *passes = 0;
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = &w->item[i];
        const opts *o = opts_of(w, it);
        if (it->copy) continue;
        cull__grid g = cull__grid_of(it->t.shape, it->t.ndim, it->turned || o->prune.transposed);
        bool rows = o->prune.m == 0 && o->scope == OUTPUT;
        uint64_t here = cull__prune_bytes(&g, (int)o->prune.m) * (uint64_t)threads;
        if (rows) here += (uint64_t)g.outs * sizeof(cull__cut);
        if (o->prune.m == 0 && !rows) here += cull__cuts_bytes(1, it->t.n, 1, threads);
        most = here > most ? here : most;
        total += shares(w, it) ? it->t.n : 0;
        double p = o->prune.m > 0 ? 0 : rows ? 1 : 2;
        *passes = p > *passes ? p : *passes;
    }
    uint64_t begin_ = total ? cull__cuts_bytes(w->items, total, 1, threads) : 0;
    *bytes = (most > begin_ ? most : begin_) + (uint64_t)w->items * 48;
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_NO_BASE,
    .least = 1,
    .most = 1,
    .items = items,
    .idle = idle,
    .begin = begin,
    .tensor = tensor,
    .keep = keep,
    .plan = plan,
};
const cull_method cull__method_magnitude = {
    .slug = "magnitude",
    .title = "the weights of smallest magnitude become 0",
    .paper = "Han et al. 2015, Learning both Weights and Connections for Efficient Neural Networks",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
