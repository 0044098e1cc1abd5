/* moe_net.c - see moe_text.h: the model, its training, and what is recorded of it.
 *
 * Only the experts that a token goes to run on it: tokens are sorted by expert, and each expert's rows are one product. */
#include "claim/moe_text.h"
#include "cull/nn_decoder.h"
#include "cull/nn_ops.h"
#include "cull/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LAYERS = CULL__MOE_LAYERS, TOP = CULL__MOE_TOP };
static const double NORM_EPS = 1e-5, BALANCE = 0.01; /* share of the loss that evens out usage */

/* ---- tensors ---- */

/* (rows, columns), or with columns 0 a norm's scale. */
static cull_status add(cull_params *p, const char *name, int64_t rows, int64_t columns, int *at)
{
    const int64_t dim[] = {rows, columns};
    if (columns) return cull_params_add(p, name, 2, dim, CULL_INIT_XAVIER, 0, 0, 0, at);
    return cull_params_add(p, name, 1, dim, CULL_INIT_ONE, 0, 0, 0, at);
}

static cull_status add_layer(cull__moe_net *m, int i)
{
    const int64_t w = m->scale->width, h = m->scale->hidden;
    cull__moe_block_at *l = m->layer + i;
    const struct {
        const char *name;
        int64_t rows, columns;
        int *at;
    } part[] = {{"input_layernorm", w, 0, &l->norm1},
                {"self_attn.q_proj", w, w, &l->q},
                {"self_attn.k_proj", w, w, &l->k},
                {"self_attn.v_proj", w, w, &l->v},
                {"self_attn.o_proj", w, w, &l->out},
                {"post_attention_layernorm", w, 0, &l->norm2},
                {"block_sparse_moe.gate", m->rows, w, &l->gate}};
    char name[96];
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        snprintf(name, sizeof name, "model.layers.%d.%s.weight", i, part[k].name);
        CULL_TRY(add(m->p, name, part[k].rows, part[k].columns, part[k].at));
    }
    for (int e = 0; e < (int)m->experts; e++)
        for (int k = 0; k < 3; k++) {
            snprintf(name, sizeof name, "model.layers.%d.block_sparse_moe.experts.%d.w%d.weight", i,
                     e, k + 1);
            CULL_TRY(add(m->p, name, k == 1 ? w : h, k == 1 ? h : w, &l->expert[e][k]));
        }
    return CULL_OK;
}

static cull_status add_all(cull__moe_net *m)
{
    const cull__moe_scale *s = m->scale;
    CULL_TRY(add(m->p, "model.embed_tokens.weight", CULL__MOE_SYMBOLS, s->width, &m->token));
    CULL_TRY(add(m->p, "model.embed_positions.weight", s->context, s->width, &m->position));
    for (int i = 0; i < LAYERS; i++) CULL_TRY(add_layer(m, i));
    CULL_TRY(add(m->p, "model.norm.weight", s->width, 0, &m->norm));
    return add(m->p, "lm_head.weight", CULL__MOE_SYMBOLS, s->width, &m->head);
}

static cull_status add_buffers(cull_ctx *cx, cull__moe_net *m)
{
    const int64_t tokens = m->scale->batch * m->scale->context;
    CULL_TRY(CULL_TMP(cx, m->x, tokens));
    CULL_TRY(CULL_TMP(cx, m->y, tokens));
    for (int i = 0; i < LAYERS; i++) {
        CULL_TRY(CULL_TMP(cx, m->best[i], tokens * TOP));
        CULL_TRY(CULL_TMP(cx, m->slot[i], tokens * TOP));
        CULL_TRY(CULL_TMP(cx, m->of_slot[i], tokens * TOP));
        CULL_TRY(CULL_TMP(cx, m->open[i], tokens * TOP));
    }
    return CULL_OK;
}

cull_status cull__moe_net_new(cull_ctx *cx, const cull__moe_text *text, int64_t experts,
                              int64_t rows, cull__moe_net *out)
{
    *out = (cull__moe_net){.text = text, .scale = text->scale, .experts = experts, .rows = rows};
    for (int i = 0; i < LAYERS; i++)
        for (int32_t e = 0; e < rows; e++) out->of[i][e] = e;
    CULL_TRY(add_buffers(cx, out));
    CULL_TRY(cull_params_new(cx, &out->p));
    cull_status s = add_all(out);
    if (s != CULL_OK) cull__moe_net_close(out);
    return s;
}

void cull__moe_net_close(cull__moe_net *m)
{
    cull_params_free(m->p);
    m->p = NULL;
}

/* ---- a layer's experts ---- */

/* Where each expert's slots begin in m->slot; slots are places (token, choice) in the order of experts. */
static void sort_slots(cull__moe_net *m, int layer, int64_t n, int64_t k,
                       int64_t from[CULL__MOE_EXPERTS + 1])
{
    int64_t at[CULL__MOE_EXPERTS + 1] = {0};
    float *load = m->load[layer];
    memset(load, 0, sizeof m->load[layer]);
    for (int64_t i = 0; i < n * k; i++) {
        const int32_t row = m->best[layer][i];
        load[row] += (float)m->rows / (float)(n * k);
        if (m->open[layer][i]) at[m->of[layer][row] + 1]++;
    }
    for (int64_t e = 0; e < m->experts; e++) at[e + 1] += at[e];
    memcpy(from, at, sizeof at);
    for (int32_t i = 0; i < n * k; i++) {
        if (!m->open[layer][i]) continue;
        const int64_t place = at[m->of[layer][m->best[layer][i]]]++;
        m->slot[layer][place] = i;
        m->of_slot[layer][place] = i / (int32_t)k;
    }
}

/* The second expert is skipped where its probability is below beta times that of the first. */
static void skip(cull__moe_net *m, int layer, int64_t n, int64_t k, const float *z)
{
    memset(m->open[layer], 1, (size_t)(n * k));
    for (int64_t i = 0; i < n && k > 1; i++)
        m->open[layer][i * k + 1] = exp((double)z[i * k + 1] - z[i * k]) >= m->beta[layer];
}

static cull_var *expert(cull_tape *t, const int at[3], cull_var *x)
{
    cull_var *gate = cull_nn_silu(t, cull_nn_linear(t, x, cull_nn_param(t, at[0]), NULL));
    cull_var *up = cull_nn_linear(t, x, cull_nn_param(t, at[2]), NULL);
    return cull_nn_linear(t, cull_nn_mul(t, gate, up), cull_nn_param(t, at[1]), NULL);
}

cull_var *cull__moe_layer(cull_tape *t, cull__moe_net *m, int layer, cull_var *x,
                          cull_var **balance)
{
    cull_var *part[CULL__MOE_EXPERTS];
    const cull__moe_block_at *l = m->layer + layer;
    int64_t from[CULL__MOE_EXPERTS + 1];
    const int64_t k = m->rows < TOP ? m->rows : TOP, each[] = {-1, 1};
    int parts = 0;
    cull_tape_scope(t, "block_sparse_moe");
    cull_var *z = cull_nn_linear(t, x, cull_nn_param(t, l->gate), NULL);
    cull_var *best = cull_nn_topk(t, z, k, m->best[layer]);
    if (!best) return NULL;
    const int64_t n = cull_var_dim(x, 0);
    skip(m, layer, n, k, cull_var_value(best));
    sort_slots(m, layer, n, k, from);
    const int64_t runs = from[m->experts];
    m->tokens += n, m->runs += runs;
    cull_var *share = cull_nn_masked_softmax(t, best, m->open[layer], n, 1, 1);
    share = cull_nn_gather_rows(t, cull_nn_reshape(t, share, 2, each), m->slot[layer], runs);
    cull_var *in = cull_nn_gather_rows(t, x, m->of_slot[layer], runs);
    for (int64_t e = 0; e < m->experts; e++)
        if (from[e + 1] > from[e])
            part[parts++] = expert(t, l->expert[e], cull_nn_slice(t, in, 0, from[e], from[e + 1]));
    cull_var *y = cull_nn_mul(t, cull_nn_concat(t, part, parts, 0), share);
    if (balance) { /* rows sum_e load_e mean p_e (Fedus et al. 2022) */
        cull_var *p = cull_nn_mean(t, cull_nn_softmax(t, z, 1), 1, false);
        p = cull_nn_weighted_sum(t, p, m->load[layer]);
        *balance = *balance ? cull_nn_add(t, *balance, p) : p;
    }
    if (m->record && z) {
        memcpy(m->record->logits[layer], cull_var_value(z), (size_t)(n * m->rows) * sizeof(float));
        memcpy(m->record->inputs[layer], cull_var_value(x),
               (size_t)(n * m->scale->width) * sizeof(float));
        m->record->logits[layer] += n * m->rows;
        m->record->inputs[layer] += n * m->scale->width;
    }
    return cull_nn_segment_sum(t, y, m->of_slot[layer], n);
}

/* ---- the model ---- */

static cull_var *norm(cull_tape *t, cull_var *x, int w)
{
    return cull_nn_rms_norm(t, x, cull_nn_param(t, w), NORM_EPS);
}

static cull_var *attend(cull_tape *t, const cull__moe_net *m, const cull__moe_block_at *l,
                        cull_var *x)
{
    cull_tape_scope(t, "self_attn");
    x = norm(t, x, l->norm1);
    cull_var *q = cull_nn_linear(t, x, cull_nn_param(t, l->q), NULL),
             *k = cull_nn_linear(t, x, cull_nn_param(t, l->k), NULL),
             *v = cull_nn_linear(t, x, cull_nn_param(t, l->v), NULL);
    x = cull_nn_attention(t, q, k, v, m->scale->heads, true);
    return cull_nn_linear(t, x, cull_nn_param(t, l->out), NULL);
}

/* m->x (n, context): (n, context, symbols). */
static cull_var *forward(cull_tape *t, cull__moe_net *m, int64_t n, cull_var **balance)
{
    const int64_t length = m->scale->context, w = m->scale->width;
    const int64_t dim[] = {n, length, w}, flat[] = {n * length, w};
    cull_tape_scope(t, "embed_tokens");
    cull_var *x = cull_nn_embedding(t, cull_nn_param(t, m->token), m->x, n * length);
    x = cull_nn_add(t, cull_nn_reshape(t, x, 3, dim), cull_nn_param(t, m->position));
    for (int i = 0; i < LAYERS; i++) {
        const cull__moe_block_at *l = m->layer + i;
        x = cull_nn_add(t, x, attend(t, m, l, x));
        cull_var *y = cull_nn_reshape(t, norm(t, x, l->norm2), 2, flat);
        y = cull__moe_layer(t, m, i, y, balance);
        x = cull_nn_add(t, x, cull_nn_reshape(t, y, 3, dim));
    }
    cull_tape_scope(t, "lm_head");
    return cull_nn_linear(t, norm(t, x, m->norm), cull_nn_param(t, m->head), NULL);
}

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    cull__moe_net *m = user; /* one shard: one batch at a time */
    const int64_t length = m->scale->context;
    cull_var *balance = NULL;
    for (int64_t r = 0; r < b->n; r++) {
        const int64_t at = m->at[b->row[r]];
        const int32_t *from = m->text->id[at / m->scale->letters] + at % m->scale->letters;
        memcpy(m->x + r * length, from, (size_t)length * sizeof *from);
        memcpy(m->y + r * length, from + 1, (size_t)length * sizeof *from);
    }
    cull_var *y = forward(t, m, b->n, b->train ? &balance : NULL);
    y = cull_nn_cross_entropy(t, y, m->y, NULL, 0);
    return b->train ? cull_nn_add(t, y, cull_nn_affine(t, balance, BALANCE, 0)) : y;
}

/* ---- training, judging, recording ---- */

cull_status cull__moe_train(cull_ctx *cx, cull__moe_net *m, int kind, int64_t steps, double rate,
                            uint64_t stream)
{
    const int64_t n = steps * m->scale->batch;
    const cull_train_problem q = {.params = m->p, .n = n, .loss = loss, .user = m};
    cull_train_opts o = CULL_TRAIN_OPTS;
    cull__mark_t mark = cull__mark(cx);
    int64_t *at;
    CULL_TRY(cull__moe_rows(cx, m->scale, CULL__MOE_LEARN, kind, n, stream, &at));
    m->at = at;
    o.epochs = 1;
    o.batch = m->scale->batch;
    o.in_order = o.last = true;
    o.schedule = (cull_schedule){.kind = CULL_LR_LINEAR, .lr = rate, .warmup = (double)steps / 20};
    o.optim.clip = 1;
    CULL_TRY(cull_train(cx, &q, &o, NULL));
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status pass(cull_ctx *cx, cull__moe_net *m, cull__moe_split part, int kind, int64_t n,
                        double *mean)
{
    const cull_train_problem q = {.params = m->p, .n = n, .loss = loss, .user = m};
    cull__mark_t mark = cull__mark(cx);
    int64_t *at;
    CULL_TRY(cull__moe_rows(cx, m->scale, part, kind, n, 0, &at));
    m->at = at;
    CULL_TRY(cull_train_evaluate(cx, &q, NULL, n, m->scale->batch, 1, mean, NULL));
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__moe_judge(cull_ctx *cx, cull__moe_net *m, int kind, double *mean)
{
    m->tokens = m->runs = 0;
    return pass(cx, m, CULL__MOE_VALIDATE, kind, m->scale->validation, mean);
}

cull_status cull__moe_record_of(cull_ctx *cx, cull__moe_net *m, int kind, cull__moe_record *out,
                                int64_t *tokens)
{
    double mean;
    cull__moe_record going;
    *tokens = m->scale->calibration * m->scale->context;
    for (int i = 0; i < LAYERS; i++) {
        CULL_TRY(CULL_TMP(cx, out->inputs[i], *tokens * m->scale->width));
        CULL_TRY(CULL_TMP(cx, out->logits[i], *tokens * m->rows));
    }
    going = *out;
    m->record = &going;
    m->tokens = m->runs = 0;
    cull_status s = pass(cx, m, CULL__MOE_CALIBRATE, kind, m->scale->calibration, &mean);
    m->record = NULL;
    return s;
}
