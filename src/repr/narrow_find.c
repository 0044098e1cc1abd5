/* narrow_find.c - the blocks of a checkpoint whose units may go, found by names: see narrow.h. */
#include "base/base.h"
#include "cull/checkpoint_look.h"
#include "repr/checkpoint_config.h"
#include "repr/experts.h"
#include "repr/narrow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the rows or columns of a unit are: one; those of its heads of queries; of its head of keys or values; one number for each
 * of its heads of queries. */
enum { ONE = 1, QUERIES, KEYS, NUMBERS, KINDS };
enum { OUT = 1, BARE = 2 }; /* what the units are read by; the name of a tensor, not of a module */

/* What a module is to a unit. Fused ones have several runs of rows, one behind another. */
typedef struct {
    const char *module;
    int flags, run[CULL__NARROW_RUNS];
    int factors; /* bit r: the size of run r counts */
} known;

static const known ffn[] = {{".gate_proj", 0, {ONE}, 1},
                            {".up_proj", 0, {ONE}, 1},
                            {".gate_up_proj", 0, {ONE, ONE}, 3},
                            {".w1", 0, {ONE}, 1},
                            {".w3", 0, {ONE}, 1},
                            {".fc1", 0, {ONE}, 1},
                            {".fc_in", 0, {ONE}, 1},
                            {".c_fc", 0, {ONE}, 1},
                            {".lin1", 0, {ONE}, 1},
                            {".wi", 0, {ONE}, 1},
                            {".wi_0", 0, {ONE}, 1},
                            {".wi_1", 0, {ONE}, 1},
                            {".Wi", 0, {ONE, ONE}, 3},
                            {".dense_h_to_4h", 0, {ONE}, 1},
                            {".intermediate.dense", 0, {ONE}, 1},
                            {".intermediate_dense", 0, {ONE}, 1},
                            {".down_proj", OUT, {ONE}, 1},
                            {".w2", OUT, {ONE}, 1},
                            {".fc2", OUT, {ONE}, 1},
                            {".fc_out", OUT, {ONE}, 1},
                            {".c_proj", OUT, {ONE}, 1},
                            {".lin2", OUT, {ONE}, 1},
                            {".wo", OUT, {ONE}, 1},
                            {".Wo", OUT, {ONE}, 1},
                            {".dense_4h_to_h", OUT, {ONE}, 1},
                            {".output.dense", OUT, {ONE}, 1},
                            {".output_dense", OUT, {ONE}, 1},
                            {NULL, 0, {0}, 0}};
/* Queries and keys say where a head looks, not whether it has anything to say. */
static const known attention[] = {{".q_proj", 0, {QUERIES}, 0},
                                  {".k_proj", 0, {KEYS}, 0},
                                  {".v_proj", 0, {KEYS}, 1},
                                  {".qkv_proj", 0, {QUERIES, KEYS, KEYS}, 4},
                                  {".o_proj", OUT, {QUERIES}, 1},
                                  {".out_proj", OUT, {QUERIES}, 1},
                                  {".dense", OUT, {QUERIES}, 1},
                                  {".wq", 0, {QUERIES}, 0},
                                  {".wk", 0, {KEYS}, 0},
                                  {".wv", 0, {KEYS}, 1},
                                  {".wo", OUT, {QUERIES}, 1},
                                  {".q_norm", 0, {QUERIES}, 0},
                                  {".k_norm", 0, {KEYS}, 0},
                                  {".sinks", BARE, {NUMBERS}, 0},
                                  {NULL, 0, {0}, 0}};

typedef struct {
    cull_ctx *cx;
    cull__narrow *n;
    const known *table;
    char network[128];
    int64_t each[KINDS]; /* rows of a unit */
} finding;

static bool ends(const char *s, size_t n, const char *with)
{
    size_t k = strlen(with);
    return n > k && !memcmp(s + n - k, with, k);
}

/* Which module of the table a tensor is of, and the length of what stands before it. */
static const known *find_known(const known *table, const char *name, bool *bias, size_t *prefix)
{
    size_t n = strlen(name);
    *bias = ends(name, n, ".bias");
    if (*bias)
        n -= 5;
    else if (ends(name, n, ".weight"))
        n -= 7;
    bool bare = !name[n];
    for (const known *k = table; k->module; k++)
        if (!!(k->flags & BARE) == bare && ends(name, n, k->module)) {
            *prefix = n - strlen(k->module);
            return k;
        }
    return NULL;
}

static cull_status block_of(cull_ctx *cx, cull__narrow *n, const char *name, size_t prefix,
                            int64_t *out)
{
    uint64_t h = cull__hash64(name, prefix, 0);
    char *copy;
    for (int64_t b = n->blocks; b-- > 0;)
        if (n->block[b].hash == h && strlen(n->block[b].prefix) == prefix &&
            !memcmp(n->block[b].prefix, name, prefix))
            return *out = b, CULL_OK;
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)prefix + 1));
    memcpy(copy, name, prefix);
    copy[prefix] = 0;
    n->block[n->blocks] = (cull__narrow_block){.prefix = copy, .hash = h};
    *out = n->blocks++;
    return CULL_OK;
}

/* Rows or columns of t must be units of as many as the part says. */
static cull_status fits(const finding *f, const cull__narrow_part *p)
{
    cull__narrow *n = f->n;
    const cull_tensor *t = cull_checkpoint_at(n->ck, p->tensor);
    cull__narrow_block *b = n->block + p->block;
    int64_t rows, cols;
    cull__narrow_matrix(p, t, &rows, &cols);
    int64_t size = p->columns ? cols : rows, each = cull__narrow_each(p), units = size / each;
    if (size % each || (b->units && units != b->units))
        return cull__fail(f->cx, CULL_EINPUT,
                          "%s: '%.160s' has %" PRId64 " %s, which is not %" PRId64 " %s of %" PRId64
                          " each",
                          cull_checkpoint_path(n->ck), t->name, size,
                          p->columns ? "columns" : "rows", b->units, n->what, each);
    if (!t->floating)
        return cull__fail(f->cx, CULL_EINPUT, "%s: '%.160s' is %.20s: what is quantized is not cut",
                          cull_checkpoint_path(n->ck), t->name, t->dtype);
    for (int64_t e = 0; e < (p->experts ? p->experts : 1); e++) {
        b[e].units = units;
        if (p->reads) b[e].outputs = p->columns ? rows : cols;
    }
    return CULL_OK;
}

/* How many rows or columns of t a unit has; 0 = t stays as it is, as a norm that all heads share. EINPUT: a norm over all heads
 * together, whose others would no longer be what they were. */
static cull_status each_of(const finding *f, const known *k, const cull_tensor *t, int64_t *out)
{
    int64_t width = f->each[KEYS];
    *out = f->each[k->run[0]];
    if (!ends(k->module, strlen(k->module), "_norm")) return CULL_OK;
    if (t->ndim == 2 && *out % width == 0) return *out /= width, CULL_OK; /* a row each */
    *out = 0;
    if (t->ndim != 1 || t->shape[0] <= width) return CULL_OK;
    return cull__fail(
        f->cx, CULL_EINPUT,
        "%s: '%.160s' is one norm over all heads: with fewer of them the others would "
        "not be what they were",
        cull_checkpoint_path(f->n->ck), t->name);
}

static cull_status add_part(const finding *f, const known *k, int64_t i, bool bias, size_t prefix)
{
    cull__narrow *n = f->n;
    const cull_tensor *t = cull_checkpoint_at(n->ck, i);
    cull__narrow_part *p = n->part + n->parts;
    bool reads = k->flags & OUT;
    int64_t unit;
    if (reads && bias) return CULL_OK; /* of the outputs, which stay */
    CULL_TRY(each_of(f, k, t, &unit));
    if (!unit || t->ndim != (bias || k->flags & BARE ? 1 : 2)) return CULL_OK;
    *p = (cull__narrow_part){.tensor = i, .reads = reads};
    p->columns = t->ndim == 2 && reads != cull_checkpoint_conv1d(f->network, t->name);
    for (; p->runs < CULL__NARROW_RUNS && k->run[p->runs]; p->runs++)
        p->run[p->runs] = (cull__narrow_run){.each = p->runs ? f->each[k->run[p->runs]] : unit,
                                             .factor = !bias && k->factors >> p->runs & 1};
    CULL_TRY(block_of(f->cx, n, t->name, prefix, &p->block));
    n->parts++;
    if (!bias && !reads) n->block[p->block].in++;
    if (!bias && reads) n->block[p->block].out++;
    return CULL_OK;
}

/* Parts of the experts that are one tensor, in block b of m: how they lie is known. */
static cull_status add_fused(const finding *f, const cull__moe *m, int64_t b)
{
    cull__narrow *n = f->n;
    const cull__moe_block *of = m->block + b;
    int64_t first = n->blocks;
    size_t room = strlen(of->prefix) + 40;
    for (int64_t e = 0; e < of->experts; e++) {
        char *name;
        int64_t at;
        CULL_TRY(CULL_TMP(f->cx, name, (int64_t)room));
        snprintf(name, room, "%s.experts.%" PRId64, of->prefix, e);
        CULL_TRY(block_of(f->cx, n, name, strlen(name), &at));
        n->block[at].in = n->block[at].out = 1;
    }
    for (int64_t i = 0; i < cull_checkpoint_count(n->ck); i++) {
        const struct cull__moe_place *p = m->place + i;
        bool gate = p->part == CULL__FFN_GATE, down = p->part == CULL__FFN_DOWN;
        if (p->block != b || p->kind != CULL__MOE_FUSED || p->part == CULL__FFN_DOWN_BIAS) continue;
        cull__narrow_part *k = n->part + n->parts++;
        *k =
            (cull__narrow_part){.tensor = i, .block = first, .experts = of->experts, .reads = down};
        k->columns = down ? !of->turned : gate && of->turned;
        k->runs = down || m->network->pairs ? 1 : 2;
        for (int r = 0; r < k->runs; r++)
            k->run[r] =
                (cull__narrow_run){.each = down || k->runs == 2 ? 1 : 2, .factor = gate || down};
    }
    return CULL_OK;
}

/* Experts of a checkpoint, where some of its layers are one tensor. */
static cull_status fused_experts(const finding *f, const cull_checkpoint *ck, cull__moe *m,
                                 int64_t *experts)
{
    bool any = false;
    *m = (cull__moe){0};
    *experts = 0;
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++)
        any |= cull_checkpoint_at(ck, i)->ndim == 3;
    if (!any || f->table != ffn || !cull__moe_network_of(f->cx, ck)) return CULL_OK;
    CULL_TRY(cull__moe_find(f->cx, ck, m));
    for (int64_t b = 0; b < m->blocks; b++)
        if (m->block[b].units) *experts += m->block[b].experts;
    return CULL_OK;
}

/* Blocks of which one side is missing are none, BERT's attention.output.dense say. */
static void drop_halves(cull__narrow *n, int64_t *now)
{
    int64_t blocks = 0, parts = 0;
    for (int64_t b = 0; b < n->blocks; b++) {
        now[b] = n->block[b].in && n->block[b].out ? blocks : -1;
        if (now[b] >= 0) n->block[blocks++] = n->block[b];
    }
    for (int64_t i = 0; i < n->parts; i++) {
        if (now[n->part[i].block] < 0) continue;
        n->part[parts] = n->part[i];
        n->part[parts].block = now[n->part[i].block];
        parts++;
    }
    n->blocks = blocks;
    n->parts = parts;
}

static cull_status find(finding *f, const cull_checkpoint *ck, const char *what)
{
    int64_t count = cull_checkpoint_count(ck), *now;
    cull_ctx *cx = f->cx;
    cull__narrow *n;
    CULL_TRY(CULL_TMP0(cx, n, 1));
    f->n = n;
    n->ck = ck;
    n->what = what;
    cull_checkpoint_network(cx, ck, f->network);
    cull__moe m;
    int64_t experts;
    CULL_TRY(fused_experts(f, ck, &m, &experts));
    CULL_TRY(CULL_TMP(cx, n->block, count + experts));
    CULL_TRY(CULL_TMP(cx, n->part, count));
    CULL_TRY(CULL_TMP(cx, now, count + experts));
    for (int64_t i = 0; i < count; i++) {
        bool bias;
        size_t prefix;
        const known *k = find_known(f->table, cull_checkpoint_at(ck, i)->name, &bias, &prefix);
        if (k) CULL_TRY(add_part(f, k, i, bias, prefix));
    }
    for (int64_t b = 0; b < m.blocks; b++)
        if (m.block[b].units) CULL_TRY(add_fused(f, &m, b));
    drop_halves(n, now);
    for (int64_t i = 0; i < n->parts; i++) CULL_TRY(fits(f, n->part + i));
    for (int64_t b = 0; b < n->blocks; b++) {
        CULL_TRY(CULL_TMP0(cx, n->block[b].keep, n->block[b].units));
        CULL_TRY(CULL_TMP(cx, n->block[b].unit, n->block[b].units));
    }
    return CULL_OK;
}

static bool is_inside(const cull_tensor *t, const cull__narrow_block *b)
{
    size_t length = strlen(b->prefix);
    return !strncmp(t->name, b->prefix, length) && t->name[length] == '.';
}

/* A tensor of an attention that is as long as its heads are many or wide, and that nothing is known of. */
static cull_status known_heads(const finding *f, int64_t heads, int64_t groups, int64_t width)
{
    const cull__narrow *n = f->n;
    for (int64_t i = 0; i < cull_checkpoint_count(n->ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(n->ck, i);
        size_t prefix;
        bool bias, in = false, all = false;
        if (find_known(f->table, t->name, &bias, &prefix) || cull__ends(t->name, ".inv_freq"))
            continue;
        for (int d = 0; d < t->ndim; d++)
            all |= t->shape[d] == heads || t->shape[d] == groups || t->shape[d] == heads * width ||
                   t->shape[d] == groups * width;
        for (int64_t b = 0; b < n->blocks && all && !in; b++) in = is_inside(t, n->block + b);
        if (in)
            return cull__fail(f->cx, CULL_EINPUT,
                              "%s: '%.160s' may be of all heads, and what it does is not known: "
                              "heads are not cut",
                              cull_checkpoint_path(n->ck), t->name);
    }
    return CULL_OK;
}

/* A tensor that has a number for each channel, as a norm between the matrices, and that nothing is known of; experts that are one
 * tensor of a layer and as wide as other parts, and would be left behind. */
static cull_status known_channels(const finding *f)
{
    const cull__narrow *n = f->n;
    for (int64_t i = 0; i < cull_checkpoint_count(n->ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(n->ck, i);
        size_t prefix;
        bool bias, fused = t->ndim == 3 && t->role == CULL_ROLE_FFN;
        if ((t->ndim != 1 && !fused) || find_known(f->table, t->name, &bias, &prefix)) continue;
        for (int64_t k = 0; k < n->parts && fused; k++) fused = n->part[k].tensor != i;
        if (t->ndim != 1 && !fused) continue;
        for (int64_t b = 0; b < n->blocks; b++) {
            int64_t units = n->block[b].units;
            for (int d = 1; d < 3 && fused; d++)
                if (t->shape[d] == units || t->shape[d] == 2 * units)
                    return cull__fail(f->cx, CULL_EINPUT,
                                      "%s: '%.160s' has the experts of a layer in one tensor, "
                                      "which is not cut",
                                      cull_checkpoint_path(n->ck), t->name);
            if (!fused && t->shape[0] == units && units != n->block[b].outputs &&
                is_inside(t, n->block + b))
                return cull__fail(f->cx, CULL_EINPUT,
                                  "%s: '%.160s' may be of all channels, and what it does is not "
                                  "known: channels are not cut",
                                  cull_checkpoint_path(n->ck), t->name);
        }
    }
    return CULL_OK;
}

cull_status cull__narrow_ffn(cull_ctx *cx, const cull_checkpoint *ck, cull__narrow **out)
{
    finding f = {.cx = cx, .table = ffn, .each = {0, 1}};
    CULL_TRY(find(&f, ck, "channels"));
    *out = f.n;
    if (f.n->blocks) return known_channels(&f);
    return cull__fail(cx, CULL_EINPUT,
                      "%s: no feed-forward layer is known by its names, such as mlp.gate_proj, "
                      "mlp.up_proj and mlp.down_proj",
                      cull_checkpoint_path(ck));
}

cull_status cull__narrow_heads(cull_ctx *cx, const cull_checkpoint *ck, int64_t heads,
                               int64_t groups, int64_t width, cull__narrow **out)
{
    finding f = {.cx = cx, .table = attention};
    f.each[QUERIES] = heads / groups * width;
    f.each[KEYS] = width;
    f.each[NUMBERS] = heads / groups;
    CULL_TRY(find(&f, ck, "groups of heads"));
    *out = f.n;
    if (!f.n->blocks)
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: no attention is known by its names, such as self_attn.q_proj, k_proj, v_proj "
            "and o_proj",
            cull_checkpoint_path(ck));
    for (int64_t b = 0; b < f.n->blocks; b++)
        if (f.n->block[b].units != groups)
            return cull__fail(
                cx, CULL_EINPUT,
                "%s: '%.160s' has %" PRId64 " groups of heads, and the config %" PRId64,
                cull_checkpoint_path(ck), f.n->block[b].prefix, f.n->block[b].units, groups);
    return known_heads(&f, heads, groups, width);
}
