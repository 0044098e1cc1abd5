/* autopeft_text.c - see autopeft.h: a language model of characters, a text in another spelling, adapters. */
#include "claim/autopeft.h"
#include "cull/front.h"
#include "cull/nn_decoder.h"
#include "cull/nn_ops.h"
#include "cull/search.h"
#include "cull/train.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const cull__peft_scale cull__peft_full = {.width = 64,
                                          .heads = 2,
                                          .context = 32,
                                          .batch = 16,
                                          .pretrain = 3000,
                                          .steps = 300,
                                          .trials = 60,
                                          .options = CULL__PEFT_OPTIONS,
                                          .dev = 128,
                                          .test = 512};
enum { LAYERS = 4, LETTERS = 10, AT_ONCE = 4 };
/* Settled on seed 1000, which no check reports, with 64 numbers in parallel adapters: .003, .005, .01, .03. */
static const double PRETRAIN_RATE = 2e-3, ADAPT_RATE = 1e-2;

/* ---- the text, and its other spelling ---- */

static const char marks[] = ",.;:!?'-"; /* are written with signs that pretraining never saw */
enum { MARKS = sizeof marks - 1 };

typedef struct {
    int64_t n;
    int32_t vocab, plain; /* plain: symbols of the text as it is */
    int32_t *id;
    int32_t symbol[256];
    const cull__peft_scale *scale;
    float *base; /* pretrained numbers */
} corpus;

static cull_status open_corpus(cull_ctx *cx, const uint8_t *text, int64_t n,
                               const cull__peft_scale *scale, corpus *c)
{
    *c = (corpus){.n = n, .scale = scale};
    const int64_t least =
        10 * (scale->context + 1) * (scale->test > scale->dev ? scale->test : scale->dev);
    if (n < least)
        return cull__fail(cx, CULL_EINPUT,
                          "the text has %" PRId64 " characters; at least %" PRId64 " are needed", n,
                          least);
    for (int i = 0; i < 256; i++) c->symbol[i] = -1;
    for (int64_t i = 0; i < n; i++) c->symbol[text[i]] = 0;
    for (int i = 0; i < 256; i++)
        if (!c->symbol[i]) c->symbol[i] = c->plain++;
    c->vocab = c->plain + MARKS;
    CULL_TRY(CULL_TMP(cx, c->id, n));
    for (int64_t i = 0; i < n; i++) c->id[i] = c->symbol[text[i]];
    return CULL_OK;
}

/* to (plain): what each symbol is in the other spelling. Ten small letters change places, in a ring. */
static void spell(const corpus *c, cull_rng *r, int32_t *to)
{
    int64_t letter[26], n = 0;
    for (int32_t i = 0; i < c->plain; i++) to[i] = i;
    for (int i = 'a'; i <= 'z'; i++)
        if (c->symbol[i] >= 0) letter[n++] = c->symbol[i];
    cull__rng_shuffle(r, letter, n);
    n = n < LETTERS ? n : LETTERS;
    for (int64_t i = 0; i < n; i++) to[letter[i]] = (int32_t)letter[(i + 1) % n];
    for (int i = 0; i < MARKS; i++)
        if (c->symbol[(unsigned char)marks[i]] >= 0)
            to[c->symbol[(unsigned char)marks[i]]] = c->plain + i;
}

/* ---- a training ---- */

typedef struct {
    const corpus *c;
    const int32_t *to; /* spelling; NULL = as it is */
    const int64_t *at; /* where each row begins */
    cull_params *p;
    cull_decoder *d;
    int32_t *x, *y;
} net;

static cull_status new_net(cull_ctx *cx, const corpus *c, net *m)
{
    const cull__peft_scale *s = c->scale;
    const cull_decoder_opts o = {.layers = LAYERS,
                                 .width = s->width,
                                 .heads = s->heads,
                                 .context = s->context,
                                 .vocab = c->vocab};
    *m = (net){.c = c};
    CULL_TRY(CULL_TMP(cx, m->x, s->batch * s->context));
    CULL_TRY(CULL_TMP(cx, m->y, s->batch * s->context));
    CULL_TRY(cull_params_new(cx, &m->p));
    CULL_TRY(cull_decoder_new(cx, m->p, &o, &m->d));
    if (c->base)
        memcpy(cull_params_value(m->p), c->base, (size_t)cull_params_size(m->p) * sizeof *c->base);
    return CULL_OK;
}

static void close_net(net *m)
{
    cull_decoder_free(m->d);
    cull_params_free(m->p);
}

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    const net *m = user; /* one shard: one batch at a time */
    const int64_t length = m->c->scale->context;
    for (int64_t r = 0; r < b->n; r++) {
        const int32_t *from = m->c->id + m->at[b->row[r]];
        for (int64_t i = 0; i < length; i++) {
            m->x[r * length + i] = m->to ? m->to[from[i]] : from[i];
            m->y[r * length + i] = m->to ? m->to[from[i + 1]] : from[i + 1];
        }
    }
    return cull_nn_cross_entropy(t, cull_decoder_tokens(t, m->d, m->x, b->n, length), m->y, NULL,
                                 0);
}

/* Rows at random within [lo, hi) of ten tenths of the text. */
static cull_status random_rows(cull_ctx *cx, const corpus *c, int lo, int hi, int64_t n,
                               uint64_t stream, int64_t **at)
{
    cull_rng r = cull__rng(cx, stream);
    const int64_t from = c->n / 10 * lo, room = c->n / 10 * (hi - lo) - c->scale->context;
    CULL_TRY(CULL_TMP(cx, *at, n));
    for (int64_t i = 0; i < n; i++) (*at)[i] = from + (int64_t)cull__rng_below(&r, room);
    return CULL_OK;
}

static cull_status train(cull_ctx *cx, net *m, int lo, int hi, int64_t steps, double rate)
{
    const int64_t n = steps * m->c->scale->batch;
    cull_train_opts o = CULL_TRAIN_OPTS;
    const cull_train_problem q = {.params = m->p, .n = n, .loss = loss, .user = m};
    int64_t *at;
    CULL_TRY(random_rows(cx, m->c, lo, hi, n, 4300, &at));
    m->at = at;
    o.epochs = 1;
    o.batch = m->c->scale->batch;
    o.in_order = o.last = true;
    o.schedule = (cull_schedule){.kind = CULL_LR_LINEAR, .lr = rate, .warmup = (double)steps / 20};
    o.optim.clip = 1;
    return cull_train(cx, &q, &o, NULL);
}

/* Mean loss over n sequences, evenly spread over a tenth of the text. */
static cull_status judge(cull_ctx *cx, net *m, int tenth, int64_t n, double *out)
{
    const cull_train_problem q = {.params = m->p, .n = n, .loss = loss, .user = m};
    const int64_t each = m->c->n / 10 / n;
    int64_t *at;
    CULL_TRY(CULL_TMP(cx, at, n));
    for (int64_t i = 0; i < n; i++) at[i] = m->c->n / 10 * tenth + i * each;
    m->at = at;
    return cull_train_evaluate(cx, &q, NULL, n, m->c->scale->batch, 1, out, NULL);
}

static cull_status pretrain(cull_ctx *cx, corpus *c)
{
    net m;
    cull_status s = new_net(cx, c, &m);
    if (s == CULL_OK) s = train(cx, &m, 0, 6, c->scale->pretrain, PRETRAIN_RATE);
    if (s == CULL_OK) s = CULL_TMP(cx, c->base, cull_params_size(m.p));
    if (s == CULL_OK)
        memcpy(c->base, cull_params_value(m.p), (size_t)cull_params_size(m.p) * sizeof *c->base);
    close_net(&m);
    return s;
}

/* ---- an adaptation ---- */

typedef struct {
    cull_adapter_opts o;
    bool layer[LAYERS];
    bool whole; /* no adapters: every tensor is trained */
    bool none;  /* nothing is trained */
} design;

static cull_status adapt_net(cull_ctx *cx, net *m, const design *d, cull__adaptation *out)
{
    const cull__peft_scale *s = m->c->scale;
    cull_adapter_opts o = d->o;
    o.layer = d->layer;
    if (!d->whole && !d->none) CULL_TRY(cull_decoder_adapt(cx, m->d, &o));
    out->numbers = d->none ? 0 : (double)cull_params_trained(m->p);
    if (!d->none) CULL_TRY(train(cx, m, 6, 8, s->steps, d->whole ? PRETRAIN_RATE : ADAPT_RATE));
    CULL_TRY(judge(cx, m, 8, s->dev, &out->dev));
    return judge(cx, m, 9, s->test, &out->test);
}

typedef struct {
    const corpus *c;
    const int32_t *to;
    const design *d;
    cull__adaptation *out;
} batch;

static cull_status adapt_one(cull_ctx *cx, void *user, int64_t i, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    const batch *b = user;
    net m;
    cull_status s = new_net(cx, b->c, &m);
    m.to = b->to;
    if (s == CULL_OK) s = adapt_net(cx, &m, b->d + i, b->out + i);
    close_net(&m);
    return s;
}

static cull_status adapt(cull_ctx *cx, const corpus *c, const int32_t *to, const design *d,
                         int64_t n, cull__adaptation *out)
{
    batch b = {c, to, d, out};
    return cull__for(cx, n, 1, adapt_one, &b);
}

/* ---- the search ---- */

#define SIZES "ordinal(0, 1, 2, 3, 4, 6, 8, 12, 16, 32, 64)\n"
static const double sizes[1 + CULL__PEFT_SIZES] = {0, 1, 2, 3, 4, 6, 8, 12, 16, 32, 64};
static const char space_text[] =
    "serial = " SIZES "parallel = " SIZES "prefix = " SIZES "layers = subset(1..4 of 4)\n"
    "forbid serial == 0 and parallel == 0 and prefix == 0\n";

static design design_of(const double *x)
{
    design d = {.o = {.serial = (int64_t)sizes[(int)x[0]],
                      .parallel = (int64_t)sizes[(int)x[1]],
                      .prefix = (int64_t)sizes[(int)x[2]]}};
    for (int i = 0; i < LAYERS; i++) d.layer[i] = x[3 + i] != 0;
    return d;
}

/* Four are asked at a time, as in the paper, and trained side by side. */
static cull_status four(cull_ctx *cx, const corpus *c, const int32_t *to, cull_study *s,
                        cull__adaptation *out)
{
    design d[AT_ONCE];
    const int64_t done = cull_study_trials(s), left = c->scale->trials - done;
    const int64_t n = left < AT_ONCE ? left : AT_ONCE;
    for (int64_t i = 0; i < n; i++) {
        cull_trial t;
        CULL_TRY(cull_study_ask(s, &t));
        d[i] = design_of(t.x);
    }
    CULL_TRY(adapt(cx, c, to, d, n, out + done));
    for (int64_t i = done; i < done + n; i++) {
        const double v[2] = {out[i].numbers, out[i].dev};
        const cull_outcome o = {.state = CULL_TRIAL_DONE, .value = v};
        CULL_TRY(cull_study_tell(s, i, &o));
    }
    return CULL_OK;
}

static cull_status open_study(cull_ctx *cx, const cull_space *space, const cull__peft_scale *scale,
                              cull_study **out)
{
    static const cull_objective objective[] = {{.name = "numbers"}, {.name = "loss"}};
    const cull_method *m = cull_method_find("gp", NULL);
    const cull_search_problem p = {
        .space = space, .objectives = 2, .objective = objective, .trials = scale->trials};
    cull_opts *o = NULL;
    CULL_TRY(cull_opts_new(cx, m, &o));
    cull_status s = cull__claim_options(cx, o, scale->options);
    if (s == CULL_OK) s = cull_study_open(cx, &p, m, o, NULL, out);
    cull_opts_free(o);
    return s;
}

static cull_status search(cull_ctx *cx, const corpus *c, const int32_t *to, cull__adaptation *out)
{
    cull_space *space;
    cull_study *study = NULL;
    CULL_TRY(cull_space_from(cx, space_text, sizeof space_text - 1, "adapters", &space));
    cull_status s = open_study(cx, space, c->scale, &study);
    while (s == CULL_OK && cull_study_trials(study) < c->scale->trials) {
        s = cull__tick(cx, (double)cull_study_trials(study), (double)c->scale->trials);
        if (s == CULL_OK) s = four(cx, c, to, study, out);
    }
    cull_study_free(study);
    cull_space_free(space);
    return s;
}

/* ---- the verdict ---- */

/* One module, in all layers, of each size: the one of the best dev loss. Then all of the net, and none of it. */
static cull_status singles(cull_ctx *cx, const corpus *c, const int32_t *to, cull__peft_verdict *v)
{
    enum { ALL = CULL__PEFT_MODULES * CULL__PEFT_SIZES };
    design d[ALL + 2] = {[ALL] = {.whole = true}, [ALL + 1] = {.none = true}};
    cull__adaptation out[ALL + 2];
    for (int i = 0; i < ALL; i++) {
        const int64_t size = (int64_t)sizes[1 + i % CULL__PEFT_SIZES];
        const int which = i / CULL__PEFT_SIZES;
        d[i] = (design){.o = {.serial = which == 0 ? size : 0,
                              .parallel = which == 1 ? size : 0,
                              .prefix = which == 2 ? size : 0},
                        .layer = {true, true, true, true}};
    }
    CULL_TRY(adapt(cx, c, to, d, ALL + 2, out));
    for (int i = 0; i < ALL; i++) {
        cull__adaptation *best = v->single + i / CULL__PEFT_SIZES;
        if (i % CULL__PEFT_SIZES == 0 || out[i].dev < best->dev) *best = out[i];
    }
    v->whole = out[ALL];
    v->before = out[ALL + 1].test;
    return CULL_OK;
}

static cull_status compare(cull_ctx *cx, const cull__adaptation *a, int64_t n,
                           cull__peft_verdict *v)
{
    double *y;
    int64_t *idx;
    CULL_TRY(CULL_TMP(cx, y, 2 * n));
    CULL_TRY(CULL_TMP(cx, idx, n));
    for (int64_t i = 0; i < n; i++) y[2 * i] = a[i].numbers, y[2 * i + 1] = a[i].dev;
    CULL_TRY(cull_front_best(cx, y, n, 2, true, idx, &v->front));
    for (int64_t k = 0; k < v->front; k++) {
        const cull__adaptation *f = a + idx[k];
        if (k == 0 || f->dev < v->least.dev) v->least = *f;
        for (int m = 0; m < CULL__PEFT_MODULES; m++)
            if (f->numbers <= v->single[m].numbers)
                v->margin[m] = fmin(v->margin[m], f->test - v->single[m].test);
    }
    for (int m = 0; m < CULL__PEFT_MODULES; m++) v->dominated[m] = v->margin[m] <= 0;
    return CULL_OK;
}

static cull_status one_seed(cull_ctx *cx, const corpus *c, cull__peft_verdict *v)
{
    cull_rng r = cull__rng(cx, 4301);
    cull__adaptation *a;
    int32_t *to;
    *v = (cull__peft_verdict){.margin = {INFINITY, INFINITY, INFINITY}};
    CULL_TRY(CULL_TMP(cx, to, c->plain));
    CULL_TRY(CULL_TMP(cx, a, c->scale->trials));
    spell(c, &r, to);
    CULL_TRY(singles(cx, c, to, v));
    CULL_TRY(search(cx, c, to, a));
    return compare(cx, a, c->scale->trials, v);
}

cull_status cull__peft_judge(cull_ctx *cx, const uint8_t *text, int64_t n,
                             const cull__peft_scale *scale, int seeds, cull__peft_verdict *verdict)
{
    corpus c;
    const uint64_t first = cull_ctx_seed(cx);
    CULL_TRY(open_corpus(cx, text, n, scale, &c));
    CULL_TRY(pretrain(cx, &c));
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull_ctx_reseed(cx, first + (uint64_t)i);
        cull__span(cx, i, i + 1, seeds);
        s = one_seed(cx, &c, verdict + i);
        cull__release(cx, mark);
    }
    cull__span(cx, 0, 0, 0);
    cull_ctx_reseed(cx, first);
    return s;
}
