/* teach_learner.c - see teach_learner.h. */
#include "claim/teach_learner.h"
#include "cull/nn_decoder.h"
#include "cull/nn_ops.h"
#include "cull/train.h"

#include <math.h>
#include <string.h>

enum { D = CULL__TEACH_INPUTS, LABELS = CULL__TEACH_LABELS, RULES = CULL__TEACH_RULES };
enum { CELLS = CULL__TEACH_CELLS };
/* A position: an input, a label, an instruction, each zeros where there is none. */
enum { WIDE = D + LABELS + CULL__TEACH_INSTRUCTIONS };
enum { PAIRS = CULL__TEACH_SHOWN + 1, LENGTH = 2 * PAIRS, SHARDS = 2, EPOCHS = 10 };
static const double FAR = 2; /* half the distance of clusters, and of the parts of each */
static const double WRONG = .05, USUAL = .5;

/* ---- tasks ---- */

void cull__rules_draw(cull_rng *r, cull__rules *out)
{
    for (int i = 0; i < RULES; i++) {
        double *u = out->direction[i], length = 0;
        u[0] = 0; /* along which the clusters lie */
        for (int j = 1; j < D; j++) u[j] = cull__rng_normal(r), length += u[j] * u[j];
        for (int j = 1; j < D; j++) u[j] /= sqrt(length);
        for (int c = 0; c < CELLS; c++) out->usual[i][c] = (int32_t)cull__rng_below(r, LABELS);
    }
}

void cull__task_draw(const cull__rules *rules, cull_rng *r, cull__task *out)
{
    out->rule = (int)cull__rng_below(r, RULES);
    for (int c = 0; c < CELLS; c++) {
        bool usual = cull__rng_unit(r) < USUAL;
        int32_t any = (int32_t)cull__rng_below(r, LABELS);
        out->label[c] = usual ? rules->usual[out->rule][c] : any;
    }
}

void cull__examples_draw(const cull__rules *rules, const cull__task *task, cull_rng *r, int64_t n,
                         cull__example *out)
{
    const double *u = rules->direction[task->rule];
    for (int64_t i = 0; i < n; i++) {
        int64_t cell = cull__rng_below(r, CELLS);
        double across = cell & 2 ? FAR : -FAR, along = cell & 1 ? FAR : -FAR;
        for (int j = 0; j < D; j++)
            out[i].x[j] = (float)((j ? 0 : across) + along * u[j] + cull__rng_normal(r));
        bool wrong = cull__rng_unit(r) < WRONG;
        int32_t any = (int32_t)cull__rng_below(r, LABELS);
        out[i].y = wrong ? any : task->label[cell];
    }
}

/* ---- sequences: the instruction, then each input and, behind it, the input with its label ---- */

static float *put_instruction(float *at, int32_t instruction)
{
    memset(at, 0, WIDE * sizeof *at);
    at[D + LABELS + instruction] = 1;
    return at + WIDE;
}

static float *put_input(float *at, const cull__example *e, bool labelled)
{
    memset(at, 0, WIDE * sizeof *at);
    memcpy(at, e->x, sizeof e->x);
    if (labelled) at[D + e->y] = 1;
    return at + WIDE;
}

/* ---- training ---- */

typedef struct {
    float *x;       /* (rows, LENGTH, WIDE) */
    int32_t *label; /* (rows, LENGTH) */
    float *weight;  /* 1 where an input's label is asked for */
} shard;
struct cull__learner {
    cull__rules rules;
    cull_params *params;
    cull_decoder *decoder;
    cull_tape *tape; /* of what it is asked */
};
typedef struct {
    const cull__learner *l;
    shard shard[SHARDS];
} training;

/* What a sequence is told: its rule, nothing (3 of 10), or any rule (1 of 10), so that instructions help and are not believed
 * blindly. */
static int32_t draw_instruction(cull_rng *r, const cull__task *t)
{
    double u = cull__rng_unit(r);
    if (u < .3) return CULL__TEACH_SEED;
    return u < .4 ? (int32_t)cull__rng_below(r, RULES) : t->rule;
}

static void draw_sequence(const cull__rules *rules, cull_rng *r, float *x, int32_t *label,
                          float *weight)
{
    cull__task t;
    cull__example e[PAIRS];
    cull__task_draw(rules, r, &t);
    cull__examples_draw(rules, &t, r, PAIRS, e);
    x = put_instruction(x, draw_instruction(r, &t));
    memset(label, 0, LENGTH * sizeof *label);
    memset(weight, 0, LENGTH * sizeof *weight);
    for (int i = 0; i < PAIRS; i++) {
        x = put_input(x, e + i, false);
        if (i + 1 < PAIRS) x = put_input(x, e + i, true);
        label[1 + 2 * i] = e[i].y, weight[1 + 2 * i] = 1;
    }
}

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    training *w = user;
    const shard *s = w->shard + b->shard;
    const int64_t dim[] = {b->n, LENGTH, WIDE};
    for (int64_t i = 0; i < b->n; i++) {
        cull_rng r = cull__rng_seeded(b->stream, (uint64_t)b->row[i]);
        draw_sequence(&w->l->rules, &r, s->x + i * LENGTH * WIDE, s->label + i * LENGTH,
                      s->weight + i * LENGTH);
    }
    cull_var *y = cull_decoder_vectors(t, w->l->decoder, cull_nn_input(t, 3, dim, s->x, false));
    return cull_nn_cross_entropy(t, y, s->label, s->weight, 0);
}

static cull_status train(cull_ctx *cx, cull__learner *l, const cull__learner_opts *o)
{
    training w = {.l = l};
    int64_t rows = (o->batch + SHARDS - 1) / SHARDS;
    for (int i = 0; i < SHARDS; i++) {
        CULL_TRY(CULL_TMP(cx, w.shard[i].x, rows * LENGTH * WIDE));
        CULL_TRY(CULL_TMP(cx, w.shard[i].label, rows * LENGTH));
        CULL_TRY(CULL_TMP(cx, w.shard[i].weight, rows * LENGTH));
    }
    cull_train_problem q = {.params = l->params,
                            .n = o->batch * ((o->steps + EPOCHS - 1) / EPOCHS),
                            .loss = loss,
                            .user = &w};
    cull_train_opts t = CULL_TRAIN_OPTS;
    t.optim.kind = CULL_ADAMW, t.optim.decay = .01, t.optim.clip = 1;
    t.schedule.lr = 1e-3, t.schedule.warmup = (double)o->steps / 20;
    t.epochs = EPOCHS, t.batch = o->batch, t.shards = SHARDS;
    return cull_train(cx, &q, &t, NULL);
}

static cull_status make(cull_ctx *cx, cull__learner *l, const cull__learner_opts *o)
{
    cull_decoder_opts d = CULL_DECODER_OPTS;
    cull_rng r = cull__rng(cx, 4300);
    d.layers = o->layers, d.width = o->width, d.heads = o->heads;
    d.context = LENGTH, d.inputs = WIDE, d.outs = LABELS;
    cull__rules_draw(&r, &l->rules);
    CULL_TRY(cull_params_new(cx, &l->params));
    CULL_TRY(cull_decoder_new(cx, l->params, &d, &l->decoder));
    CULL_TRY(train(cx, l, o));
    return cull_tape_new(cx, l->params, &l->tape);
}

cull_status cull__learner_new(cull_ctx *cx, const cull__learner_opts *o, cull__learner **out)
{
    cull__learner *l;
    const char *phase = cull__phase(cx, "training a learner in context");
    CULL_TRY(CULL_ALLOC(cx, l, 1));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = make(cx, l, o);
    cull__release(cx, mark);
    cull__phase(cx, phase);
    if (s != CULL_OK) {
        cull__learner_free(l);
        return s;
    }
    *out = l;
    return CULL_OK;
}

void cull__learner_free(cull__learner *l)
{
    if (!l) return;
    cull_tape_free(l->tape);
    cull_decoder_free(l->decoder);
    cull_params_free(l->params);
    cull__free(l);
}

const cull__rules *cull__learner_rules(const cull__learner *l) { return &l->rules; }

/* ---- asking ---- */

/* n prompts of as many examples each. */
static cull_status ask_alike(cull_ctx *cx, cull__learner *l, const cull__example *pool,
                             const cull__teach_prompt *p, int64_t n, int32_t *label)
{
    const int64_t length = 2 + 2 * p->k, dim[] = {n, length, WIDE};
    float *x;
    CULL_TRY(CULL_TMP(cx, x, n * length * WIDE));
    float *at = x;
    for (int64_t i = 0; i < n; i++) {
        at = put_instruction(at, p[i].instruction);
        for (int64_t k = 0; k < p[i].k; k++) {
            at = put_input(at, pool + p[i].shown[k], false);
            at = put_input(at, pool + p[i].shown[k], true);
        }
        at = put_input(at, p[i].query, false);
    }
    cull_tape_reset(l->tape, cx, 0, 0);
    cull_var *y =
        cull_decoder_vectors(l->tape, l->decoder, cull_nn_input(l->tape, 3, dim, x, false));
    CULL_TRY(cull_tape_status(l->tape));
    for (int64_t i = 0; i < n; i++) {
        const float *v = cull_var_value(y) + ((i + 1) * length - 1) * LABELS;
        label[i] = 0;
        for (int32_t c = 1; c < LABELS; c++)
            if (v[c] > v[label[i]]) label[i] = c;
    }
    return CULL_OK;
}

cull_status cull__learner_ask(cull_ctx *cx, cull__learner *l, const cull__example *pool,
                              const cull__teach_prompt *p, int64_t n, int32_t *label)
{
    cull_status s = CULL_OK;
    for (int64_t i = 0, end; s == CULL_OK && i < n; i = end) {
        cull__mark_t mark = cull__mark(cx);
        for (end = i + 1; end < n && p[end].k == p[i].k;) end++;
        s = ask_alike(cx, l, pool, p + i, end - i, label + i);
        cull__release(cx, mark);
    }
    return s;
}
