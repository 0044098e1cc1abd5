/* experts.c - where a checkpoint's mixtures of experts stand, told from names: see experts.h. */
#include "repr/experts.h"
#include "cull/checkpoint_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const cull__moe_network networks[] = {{.name = "GptOss", .pairs = true, .clamped = true},
                                             {.name = "GraniteMoe"},
                                             {.name = "Qwen3_5Moe"},
                                             {.name = "Qwen3VLMoe"},
                                             {.name = "Llama4", .sigmoid = true},
                                             {.name = "Gemma4", .scaled = true}};

/* "P.experts.", or a tensor of all experts without that word (GraniteMoE): how long P is, and where the rest begins; false
 * when the name has no experts. */
static bool split(const cull_tensor *t, size_t *prefix, const char **rest)
{
    static const char *const word = ".experts.";
    static const char *const plain[] = {".input_linear.weight", ".output_linear.weight"};
    const char *at = strstr(t->name, word);
    size_t n = strlen(word);
    for (size_t i = 0; i < sizeof plain / sizeof *plain && !at && t->ndim == 3; i++)
        if (cull__ends(t->name, plain[i])) n = 1, at = t->name + strlen(t->name) - strlen(plain[i]);
    if (!at || at == t->name) return false;
    *prefix = (size_t)(at - t->name);
    *rest = at + n;
    return true;
}

/* "3.w1.weight" or "expert_3.wi.weight": 3, and where "w1.weight" begins; -1 when it is of no single one. */
static int32_t number(const char *rest, const char **part)
{
    static const char *const word = "expert_";
    if (!strncmp(rest, word, strlen(word))) rest += strlen(word);
    int32_t n = 0;
    const char *p = rest;
    for (; *p >= '0' && *p <= '9' && n < 1000000; p++) n = n * 10 + (*p - '0');
    if (p == rest || *p != '.') return -1;
    *part = p + 1;
    return n;
}

static cull__ffn_part part_of(const char *rest)
{
    static const struct {
        const char *name;
        cull__ffn_part part;
    } words[] = {
        {"w1", CULL__FFN_GATE},        {"w3", CULL__FFN_UP},         {"w2", CULL__FFN_DOWN},
        {"gate_proj", CULL__FFN_GATE}, {"up_proj", CULL__FFN_UP},    {"down_proj", CULL__FFN_DOWN},
        {"wi_0", CULL__FFN_GATE},      {"wi_1", CULL__FFN_UP},       {"wo", CULL__FFN_DOWN},
        {"wi", CULL__FFN_GATE},        {"fc1", CULL__FFN_GATE},      {"fc2", CULL__FFN_DOWN},
        {"c_fc", CULL__FFN_GATE},      {"c_proj", CULL__FFN_DOWN},   {"linear", CULL__FFN_GATE},
        {"linear_v", CULL__FFN_UP},    {"linear_1", CULL__FFN_DOWN},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].name);
        if (strncmp(rest, words[i].name, n) || rest[n] != '.') continue;
        if (!strcmp(rest + n, ".weight")) return words[i].part;
        if (!strcmp(rest + n, ".bias")) return words[i].part - CULL__FFN_GATE + CULL__FFN_GATE_BIAS;
    }
    return CULL__FFN_OTHER;
}

/* Of the tensor of all experts. */
static cull__ffn_part fused_part_of(const char *rest)
{
    static const struct {
        const char *name;
        cull__ffn_part part;
    } names[] = {
        {"gate_up_proj", CULL__FFN_GATE},           {"down_proj", CULL__FFN_DOWN},
        {"gate_up_proj_bias", CULL__FFN_GATE_BIAS}, {"down_proj_bias", CULL__FFN_DOWN_BIAS},
        {"input_linear.weight", CULL__FFN_GATE},    {"output_linear.weight", CULL__FFN_DOWN},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(rest, names[i].name)) return names[i].part;
    return CULL__FFN_OTHER;
}

/* What stands behind "P." is a router's, a number or row for each expert: not what Gemma 4's multiplies its inputs with. */
static bool routes(const char *rest)
{
    static const char *const begin[] = {"gate.", "router.", "moe_statics."};
    bool is = false;
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
        is |= !strncmp(rest, begin[i], strlen(begin[i]));
    return is && strcmp(rest, "router.scale") != 0;
}

static int32_t block_of(const cull__moe *m, const char *name, size_t prefix)
{
    for (int64_t b = m->blocks - 1; b >= 0; b--)
        if (!strncmp(m->block[b].prefix, name, prefix) && !m->block[b].prefix[prefix])
            return (int32_t)b;
    return -1;
}

static cull_status add_block(cull_ctx *cx, cull__moe *m, const char *name, size_t prefix)
{
    char *copy;
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)prefix + 1));
    memcpy(copy, name, prefix);
    copy[prefix] = 0;
    m->block[m->blocks++] = (cull__moe_block){.prefix = copy, .router = -1, .bias = -1};
    return CULL_OK;
}

/* Tensor t tells of `has` experts of block b. */
static cull_status count_experts(cull_ctx *cx, const cull_tensor *t, cull__moe_block *b, bool fused,
                                 int64_t has)
{
    if (has < 1 || has > CULL__EXPERTS_MOST)
        return cull__fail(cx, CULL_EINPUT,
                          "'%.160s' tells of %" PRId64 " experts; 1 to %d are read", t->name, has,
                          CULL__EXPERTS_MOST);
    if (b->experts && b->fused != fused)
        return cull__fail(cx, CULL_EINPUT,
                          "'%.160s.experts' has tensors of single experts and of all at once",
                          b->prefix);
    if (fused && b->experts && b->experts != has)
        return cull__fail(cx, CULL_EINPUT,
                          "'%.160s' has %" PRId64 " rows where others of '%.100s' tell of %" PRId64
                          " experts",
                          t->name, has, b->prefix, b->experts);
    b->fused = fused;
    if (has > b->experts) b->experts = has;
    return CULL_OK;
}

static cull_status place_experts(cull_ctx *cx, const cull_checkpoint *ck, cull__moe *m)
{
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        struct cull__moe_place *p = m->place + i;
        size_t prefix;
        const char *rest;
        *p = (struct cull__moe_place){.block = -1, .expert = -1, .rest = ""};
        if (!split(t, &prefix, &rest)) continue;
        p->block = block_of(m, t->name, prefix);
        if (p->block < 0) {
            p->block = (int32_t)m->blocks;
            CULL_TRY(add_block(cx, m, t->name, prefix));
        }
        p->expert = number(rest, &p->rest);
        bool fused = p->expert < 0;
        if (fused) p->rest = rest;
        p->kind = fused ? CULL__MOE_FUSED : CULL__MOE_EXPERT;
        p->part = fused ? fused_part_of(rest) : part_of(p->rest);
        int64_t has = !fused ? p->expert + 1 : t->ndim ? t->shape[0] : 0;
        CULL_TRY(count_experts(cx, t, m->block + p->block, fused, has));
    }
    return CULL_OK;
}

int cull__moe_axis(const cull_tensor *t, int64_t experts)
{
    return t->ndim == 2 && t->shape[0] == 1 && t->shape[1] == experts && experts != 1;
}

static cull_status place_routers(cull_ctx *cx, const cull_checkpoint *ck, cull__moe *m)
{
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        for (int64_t b = 0; b < m->blocks && m->place[i].kind == CULL__MOE_NONE; b++) {
            size_t n = strlen(m->block[b].prefix);
            if (strncmp(t->name, m->block[b].prefix, n) || t->name[n] != '.') continue;
            if (!routes(t->name + n + 1)) continue;
            int axis = cull__moe_axis(t, m->block[b].experts);
            if (t->ndim < 1 || t->shape[axis] != m->block[b].experts)
                return cull__fail(cx, CULL_EINPUT,
                                  "the router '%.160s' has %" PRId64 " rows; there are %" PRId64
                                  " experts",
                                  t->name, t->ndim ? t->shape[axis] : 0, m->block[b].experts);
            m->place[i].kind = CULL__MOE_ROUTER;
            m->place[i].block = (int32_t)b;
            if (t->ndim == 2 && axis == 0) m->block[b].router = i;
            if (!strcmp(t->name + n, ".gate.bias") || !strcmp(t->name + n, ".router.bias"))
                m->block[b].bias = i;
        }
    }
    for (int64_t b = 0; b < m->blocks; b++)
        if (m->block[b].router < 0)
            return cull__fail(cx, CULL_EINPUT,
                              "'%.160s' has experts and no router: no '%.160s.gate.weight' or "
                              "'%.160s.router.weight'",
                              m->block[b].prefix, m->block[b].prefix, m->block[b].prefix);
    return CULL_OK;
}

/* Each expert of a block has as many tensors as the first one. */
static cull_status check_whole(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe *m,
                               int64_t b)
{
    int64_t *count, e = m->block[b].experts;
    if (m->block[b].fused) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, count, e));
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++)
        if (m->place[i].block == b && m->place[i].expert >= 0) count[m->place[i].expert]++;
    for (int64_t k = 0; k < e; k++)
        if (count[k] != count[0])
            return cull__fail(cx, CULL_EINPUT,
                              "'%.160s.experts' has %" PRId64 " tensors of expert 0 and %" PRId64
                              " of expert %" PRId64,
                              m->block[b].prefix, count[0], count[k], k);
    cull__release(cx, mark);
    return CULL_OK;
}

/* The tensor of a part: of all experts where expert is -1; -1 = none. */
static int64_t tensor_of(const cull_checkpoint *ck, const cull__moe *m, int64_t block,
                         int64_t expert, cull__ffn_part part)
{
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++)
        if (m->place[i].block == block && m->place[i].expert == expert && m->place[i].part == part)
            return i;
    return -1;
}

/* How the matrices of fused experts lie, told from their shapes: one way alone fits. All that has units must be known. */
static void find_units(const cull_checkpoint *ck, const cull__moe *m, int64_t block)
{
    cull__moe_block *b = m->block + block;
    int64_t gate = tensor_of(ck, m, block, -1, CULL__FFN_GATE);
    int64_t down = tensor_of(ck, m, block, -1, CULL__FFN_DOWN);
    int64_t bias = tensor_of(ck, m, block, -1, CULL__FFN_GATE_BIAS);
    if (!b->fused || !m->network || gate < 0 || down < 0) return;
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++)
        if (m->place[i].block == block && m->place[i].kind == CULL__MOE_FUSED &&
            (m->place[i].part == CULL__FFN_OTHER || !cull_checkpoint_at(ck, i)->floating))
            return;
    const cull_tensor *g = cull_checkpoint_at(ck, gate), *d = cull_checkpoint_at(ck, down);
    int64_t inputs = cull_checkpoint_at(ck, b->router)->shape[1];
    if (g->ndim != 3 || d->ndim != 3) return;
    bool straight = g->shape[2] == inputs && d->shape[1] == inputs;
    b->turned = !straight || g->shape[1] != 2 * d->shape[2];
    if (b->turned && (g->shape[1] != inputs || d->shape[2] != inputs)) return;
    int64_t units = d->shape[b->turned ? 1 : 2];
    if (g->shape[b->turned ? 2 : 1] != 2 * units) return;
    if (bias >= 0 && (cull_checkpoint_at(ck, bias)->ndim != 2 ||
                      cull_checkpoint_at(ck, bias)->shape[1] != 2 * units))
        return;
    b->units = units;
}

const cull__moe_network *cull__moe_network_of(cull_ctx *cx, const cull_checkpoint *ck)
{
    char buf[128];
    const char *name = cull_checkpoint_network(cx, ck, buf);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if (!strncmp(name, networks[i].name, strlen(networks[i].name))) return networks + i;
    return NULL;
}

cull_status cull__moe_find(cull_ctx *cx, const cull_checkpoint *ck, cull__moe *out)
{
    int64_t n = cull_checkpoint_count(ck);
    *out = (cull__moe){0};
    CULL_TRY(CULL_TMP(cx, out->place, n));
    CULL_TRY(CULL_TMP(cx, out->block, n));
    CULL_TRY(place_experts(cx, ck, out));
    if (!out->blocks)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has no experts: no tensor is called PREFIX.experts.NUMBER...",
                          cull_checkpoint_path(ck));
    CULL_TRY(place_routers(cx, ck, out));
    out->network = cull__moe_network_of(cx, ck);
    for (int64_t b = 0; b < out->blocks; b++) {
        CULL_TRY(check_whole(cx, ck, out, b));
        find_units(ck, out, b);
    }
    return CULL_OK;
}

/* Of a fused tensor: gate and up are halves of one. */
static cull__moe_slice fused_slice(const cull_checkpoint *ck, const cull__moe *m, int64_t block,
                                   int64_t expert, cull__ffn_part part)
{
    const cull__moe_block *b = m->block + block;
    bool up = part == CULL__FFN_UP || part == CULL__FFN_UP_BIAS, out = part == CULL__FFN_DOWN;
    bool half = up || part == CULL__FFN_GATE || part == CULL__FFN_GATE_BIAS;
    int64_t i = b->units ? tensor_of(ck, m, block, -1, up ? part - 1 : part) : -1;
    cull__moe_slice s = {.tensor = i};
    if (i < 0) return s;
    const cull_tensor *t = cull_checkpoint_at(ck, i);
    int64_t last = t->ndim == 3 ? t->shape[2] : 1, outputs = t->n / b->experts / b->units;
    s.from = t->n / b->experts * expert;
    s.rows = half ? b->units : out ? outputs : t->n / b->experts;
    s.cols = t->ndim < 3 ? 1 : half ? outputs / 2 : b->units;
    bool turned = b->turned && t->ndim == 3;
    s.row = turned ? 1 : last, s.col = turned ? last : 1;
    if (up) s.from += m->network->pairs ? s.row : s.row * b->units;
    if (half && m->network->pairs) s.row *= 2;
    return s;
}

cull__moe_slice cull__moe_part(const cull_checkpoint *ck, const cull__moe *m, int64_t block,
                               int64_t expert, cull__ffn_part part)
{
    if (m->block[block].fused) return fused_slice(ck, m, block, expert, part);
    cull__moe_slice s = {.tensor = tensor_of(ck, m, block, expert, part), .col = 1};
    if (s.tensor < 0) return s;
    const cull_tensor *t = cull_checkpoint_at(ck, s.tensor);
    s.rows = t->ndim ? t->shape[0] : 0;
    s.cols = s.row = t->ndim == 2 ? t->shape[1] : t->ndim == 1;
    return s;
}

cull_status cull__moe_part_read(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe_slice *s,
                                int64_t at, int64_t n, float *out)
{
    int64_t from = s->from + at * s->row, span = (n - 1) * s->row + 1;
    float *x;
    if (s->col == 1 && s->row == s->cols)
        return cull_checkpoint_read(cx, ck, s->tensor, from, n * s->cols, out);
    if (s->col == 1) {
        for (int64_t r = 0; r < n; r++)
            CULL_TRY(cull_checkpoint_read(cx, ck, s->tensor, from + r * s->row, s->cols,
                                          out + r * s->cols));
        return CULL_OK;
    }
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, x, span));
    for (int64_t c = 0; c < s->cols; c++) {
        CULL_TRY(cull_checkpoint_read(cx, ck, s->tensor, from + c * s->col, span, x));
        for (int64_t r = 0; r < n; r++) out[r * s->cols + c] = x[r * s->row];
    }
    cull__release(cx, mark);
    return CULL_OK;
}
