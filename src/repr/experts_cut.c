/* experts_cut.c - a checkpoint with fewer experts: see experts_cut.h. */
#include "repr/experts_cut.h"
#include "repr/experts_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const double LEAST_USAGE = 1e-6; /* an expert that was never used counts for so much */

cull_status cull__moe_cut_new(cull_ctx *cx, const cull__moe *m, cull__moe_cut **out)
{
    CULL_TRY(CULL_TMP(cx, *out, m->blocks));
    for (int64_t b = 0; b < m->blocks; b++) {
        cull__moe_cut *c = *out + b;
        int64_t n = m->block[b].experts;
        CULL_TRY(CULL_TMP(cx, c->group, n));
        CULL_TRY(CULL_TMP(cx, c->head, n));
        CULL_TRY(CULL_TMP(cx, c->weight, n));
        c->kept = n;
        for (int64_t e = 0; e < n; e++) c->group[e] = c->head[e] = (int32_t)e, c->weight[e] = 1;
    }
    return CULL_OK;
}

void cull__moe_cut_keep(cull__moe_cut *c, int64_t experts, const uint8_t *kept)
{
    c->kept = 0;
    for (int64_t e = 0; e < experts; e++) {
        c->group[e] = kept[e] ? (int32_t)c->kept : -1;
        c->weight[e] = kept[e];
        if (kept[e]) c->head[c->kept++] = (int32_t)e;
    }
}

void cull__moe_cut_merge(cull__moe_cut *c, int64_t experts, int64_t kept, const int32_t *group,
                         const double *usage)
{
    c->kept = 0;
    for (int64_t e = 0; e < experts; e++)
        c->weight[e] = usage[e] > LEAST_USAGE ? usage[e] : LEAST_USAGE;
    /* heads: the most used of each group; new numbers in the order of heads */
    for (int64_t e = 0; e < experts; e++) {
        bool most = true;
        for (int64_t o = 0; o < experts && most; o++)
            most = group[o] != group[e] || o == e || usage[o] < usage[e] ||
                   (usage[o] == usage[e] && o > e);
        if (most) c->head[c->kept++] = (int32_t)e;
    }
    for (int64_t g = 0; g < kept; g++) {
        double sum = 0;
        for (int64_t e = 0; e < experts; e++)
            sum += group[e] == group[c->head[g]] ? c->weight[e] : 0;
        for (int64_t e = 0; e < experts; e++)
            if (group[e] == group[c->head[g]]) c->group[e] = (int32_t)g, c->weight[e] /= sum;
    }
}

static int64_t members(const cull__moe_cut *c, int64_t experts, int64_t g)
{
    int64_t n = 0;
    for (int64_t e = 0; e < experts; e++) n += c->group[e] == g;
    return n;
}

static cull_status rename_expert(cull_ctx *cx, cull_tensor *t, const cull__moe *m,
                                 const struct cull__moe_place *p, int64_t number)
{
    const char *prefix = m->block[p->block].prefix;
    bool word = !strncmp(t->name + strlen(prefix) + strlen(".experts."), "expert_", 7);
    size_t room = strlen(t->name) + 24;
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    snprintf(name, room, "%s.experts.%s%" PRId64 ".%s", prefix, word ? "expert_" : "", number,
             p->rest);
    t->name = name;
    return CULL_OK;
}

/* it with fewer rows, to be computed. */
static cull_status cut_rows(cull_ctx *cx, cull_weights_item *it, const cull__moe_cut *c,
                            int64_t experts)
{
    cull_tensor *t = &it->t;
    bool merged = false;
    for (int64_t g = 0; g < c->kept; g++) merged |= members(c, experts, g) > 1;
    if (merged && !t->floating)
        return cull__fail(cx, CULL_EINPUT, "'%.160s' is %.20s: its experts cannot be averaged",
                          t->name, t->dtype);
    if (c->kept == experts && !merged) return CULL_OK;
    if (t->n) t->bytes = t->bytes / (uint64_t)t->n * (uint64_t)(t->n / experts * c->kept);
    t->n = t->n / experts * c->kept;
    t->shape[cull__moe_axis(t, experts)] = c->kept;
    it->copy = false;
    return CULL_OK;
}

cull_status cull__moe_cut_items(cull_ctx *cx, cull_weights_work *w, const cull__moe *m,
                                const cull__moe_cut *cut, bool whole)
{
    int64_t to = 0;
    for (int64_t i = 0; i < w->items; i++) {
        cull_weights_item it = w->item[i];
        const struct cull__moe_place *p = m->place + it.from;
        const cull__moe_cut *c = p->block >= 0 ? cut + p->block : NULL;
        int64_t experts = c ? m->block[p->block].experts : 0;
        it.copy = true;
        if (p->kind == CULL__MOE_EXPERT) {
            int32_t g = c->group[p->expert];
            if (g < 0 || c->head[g] != p->expert) continue;
            if (g != p->expert) CULL_TRY(rename_expert(cx, &it.t, m, p, g));
            it.copy = members(c, experts, g) == 1;
            if (!it.copy && !it.t.floating)
                return cull__fail(cx, CULL_EINPUT,
                                  "'%.160s' is %.20s: experts of it cannot be averaged", it.t.name,
                                  it.t.dtype);
        } else if (p->kind == CULL__MOE_FUSED || (p->kind == CULL__MOE_ROUTER && !whole)) {
            CULL_TRY(cut_rows(cx, &it, c, experts));
        }
        w->item[to++] = it;
    }
    w->items = to;
    return CULL_OK;
}

static cull_status read(cull_ctx *cx, const cull_weights_work *w, int64_t i, int64_t from,
                        int64_t n, float *out)
{
    return w->problem->allow_nan ? cull_checkpoint_read(cx, w->source[0], i, from, n, out)
                                 : cull_checkpoint_read_sound(cx, w->source[0], i, from, n, out);
}

/* Where what stands in the place of row or column k is: `each` of them are of a unit, beside one another; gate and up may follow. */
static int64_t place(int64_t k, int64_t units, int64_t each, const int32_t *order)
{
    int64_t unit = k / each;
    return (unit / units * units + order[unit % units]) * each + k % each;
}

cull_status cull__moe_cut_read(cull_ctx *cx, const cull_weights_work *w, const cull__moe *m,
                               int64_t i, int64_t expert, const int32_t *order, int64_t from,
                               int64_t n, float *out)
{
    const cull_tensor *t = cull_checkpoint_at(w->source[0], i);
    const struct cull__moe_place *p = m->place + i;
    const cull__moe_block *b = m->block + p->block;
    bool fused = p->kind != CULL__MOE_EXPERT, down = p->part == CULL__FFN_DOWN;
    int64_t size = fused ? t->n / b->experts : t->n, base = fused ? expert * size : 0;
    if (!order || p->part == CULL__FFN_OTHER || p->part == CULL__FFN_DOWN_BIAS)
        return read(cx, w, i, base + from, n, out);
    bool weight = down || p->part == CULL__FFN_GATE || p->part == CULL__FFN_UP;
    bool columns = weight && down != b->turned;
    int64_t row = weight ? t->shape[t->ndim - 1] : 1;
    int64_t units = fused ? b->units : columns ? row : size / row;
    int64_t each = fused && m->network->pairs && !down ? 2 : 1;
    float *x;
    CULL_TRY(CULL_TMP(cx, x, row));
    for (int64_t done = 0, here; done < n; done += here) {
        int64_t r = (from + done) / row, at = (from + done) % row;
        here = row - at < n - done ? row - at : n - done;
        if (!columns) {
            r = place(r, units, each, order);
            CULL_TRY(read(cx, w, i, base + r * row + at, here, out + done));
            continue;
        }
        CULL_TRY(read(cx, w, i, base + r * row, row, x));
        for (int64_t k = 0; k < here; k++) out[done + k] = x[place(at + k, units, each, order)];
    }
    return CULL_OK;
}

/* Numbers from .. from + n of one row of the result, of `row` numbers: the sum over its group. */
static cull_status sum_row(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                           const cull__moe *m, const cull__moe_cut *c, int32_t *const *order,
                           int64_t g, int64_t from, int64_t n, float *out)
{
    int64_t experts = m->block[m->place[it->from].block].experts;
    bool alone = members(c, experts, g) == 1;
    float *x;
    if (alone) return cull__moe_cut_read(cx, w, m, it->from, c->head[g], NULL, from, n, out);
    CULL_TRY(CULL_TMP(cx, x, n));
    memset(out, 0, (size_t)n * sizeof *out);
    for (int64_t e = 0; e < experts; e++) {
        if (c->group[e] != g) continue;
        float by = (float)c->weight[e];
        CULL_TRY(cull__moe_cut_read(cx, w, m, it->from, e, order ? order[e] : NULL, from, n, x));
        for (int64_t i = 0; i < n; i++) out[i] += by * x[i];
    }
    return CULL_OK;
}

cull_status cull__moe_cut_rows(cull_ctx *cx, const cull_weights_work *w,
                               const cull_weights_item *it, const cull__moe *m,
                               const cull__moe_cut *c, int32_t *const *order, int64_t from,
                               int64_t n, float *out)
{
    int64_t row = it->t.n / c->kept;
    uint64_t size = it->t.bytes / (uint64_t)it->t.n;
    while (n > 0) {
        int64_t g = from / row, at = from % row, here = row - at < n ? row - at : n;
        if (it->t.floating) {
            cull__mark_t mark = cull__mark(cx);
            CULL_TRY(sum_row(cx, w, it, m, c, order, g, at, here, out));
            cull__release(cx, mark);
            out += here;
        } else {
            CULL_TRY(
                cull_checkpoint_raw(cx, w->source[0], it->from, c->head[g] * row + at, here, out));
            out = (float *)((char *)out + (uint64_t)here * size);
        }
        from += here, n -= here;
    }
    return CULL_OK;
}

cull_status cull__moe_cut_config(cull_ctx *cx, cull_weights_work *w, const cull__moe *m,
                                 const cull__moe_cut *cut)
{
    const char *text = cull_checkpoint_config(w->source[0]);
    bool alike = true;
    for (int64_t b = 1; b < m->blocks; b++)
        alike &= cut[b].kept == cut[0].kept && m->block[b].experts == m->block[0].experts;
    if (!alike) {
        cull__log(cx, CULL_LOG_WARN,
                  "layers keep different numbers of experts, which a config cannot say; the "
                  "manifest does");
        return CULL_OK;
    }
    if (!text) return CULL_OK;
    return cull__moe_config_edit(cx, text, m->block[0].experts, cut[0].kept, &w->config);
}
