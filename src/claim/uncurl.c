/* uncurl's check: a language model of many experts that serves one kind of text alone; half of its experts, merged in groups
 * that the router treats alike, against the half that is used most.
 *
 * (a) Planted: of a layer's 8 experts four are the others with their neurons in another order, and so nearly are their rows of
 * the router: merged to 4, whose probabilities are added up, the layer's output is what it was; the 4 most used give another.
 * (b) Models of 8 and of 16 experts in 2 layers (SwiGLU, the best 2, balanced) learn four kinds of text; the task is one of
 * them, another for each seed. expert-merge and expert-drop by usage see its router logits on 64 sequences, then all are
 * fine-tuned on it, the unpruned one as long as they are; losses are of other text of the task. At 8x a model of 8 experts has
 * one left, so its tokens go to that one.
 *
 * What was asked before fine-tuning is not reached, on any seed: the most used half does better. Balanced over four kinds of
 * text, a model leaves one kind to few experts: the most used half serves nine tenths of what its tokens choose, and little
 * goes with the others. The logits of busy experts rise and fall together over the task, so groups by cosine make one of
 * several of them, and others of those that are hardly used. Around cores (M-SMoE), which keep the most used apart, merging
 * costs about a fifth of that, or less; aligning neurons helps, and so does a router that keeps its rows, but neither by
 * enough. 300 steps of fine-tuning make up for all but about 1 %.
 *
 * SuperGLUE and models of 354M parameters are not checkable here. Some 90 seconds of one core, 280 MiB.
 */
#include "claim/moe_text.h"
#include "num/num.h"
#include "score/experts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIZES = 2, MOST = 16 };
enum { WHOLE, MERGE2, DROP2, MERGE8, TUNED, DROP8 = TUNED, MAPPED2, CORE2, PLAIN2, WAYS };
static const int size[SIZES] = {8, 16};
static const double RATE = 3e-3, TUNE_RATE = 1e-3;

typedef struct {
    double merged[MOST], dropped[MOST]; /* planted: errors */
    double before[SIZES][WAYS][MOST], after[SIZES][TUNED][MOST];
    double served[SIZES][MOST]; /* % of what tokens choose that is among the most used half */
} figures;

/* ---- planted ---- */

/* y (n, width) = the layer's output for x; r: records it, or NULL. */
static cull_status outputs(cull_ctx *cx, cull__moe_net *m, int layer, const float *x, int64_t n,
                           cull__moe_record *r, float *y)
{
    cull_tape *t;
    const int64_t dim[] = {n, m->scale->width};
    CULL_TRY(cull_tape_new(cx, m->p, &t));
    cull_tape_reset(t, cx, 0, 0);
    m->record = r;
    const cull_var *v = cull__moe_layer(t, m, layer, cull_nn_input(t, 2, dim, x, false), NULL);
    m->record = NULL;
    cull_status s = cull_tape_status(t);
    if (v) memcpy(y, cull_var_value(v), (size_t)cull_var_count(v) * sizeof *y);
    cull_tape_free(t);
    return s;
}

static void copy_under(cull_rng *r, const cull__moe_net *m, const int from[3], const int to[3],
                       int64_t *order)
{
    const int64_t w = m->scale->width, h = m->scale->hidden;
    const float *a[3];
    float *b[3];
    for (int k = 0; k < 3; k++) {
        a[k] = cull_params_value(m->p) + cull_params_at(m->p, from[k])->at;
        b[k] = cull_params_value(m->p) + cull_params_at(m->p, to[k])->at;
    }
    for (int64_t i = 0; i < h; i++) order[i] = i;
    cull__rng_shuffle(r, order, h);
    for (int64_t i = 0; i < h; i++)
        for (int64_t j = 0; j < w; j++) {
            b[0][order[i] * w + j] = a[0][i * w + j];
            b[2][order[i] * w + j] = a[2][i * w + j];
            b[1][j * h + order[i]] = a[1][j * h + i];
        }
}

static cull_status plant(cull_ctx *cx, cull__moe_net *m)
{
    cull_rng r = cull__rng(cx, 4910);
    const int64_t w = m->scale->width;
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, order, m->scale->hidden));
    for (int i = 0; i < CULL__MOE_LAYERS; i++) {
        const cull__moe_block_at *l = m->layer + i;
        float *gate = cull_params_value(m->p) + cull_params_at(m->p, l->gate)->at;
        for (int64_t k = 0; k < 4 * w; k++) {
            gate[k] = (float)cull__rng_normal(&r);
            gate[4 * w + k] = gate[k] + .01F * (float)cull__rng_normal(&r);
        }
        for (int e = 0; e < 4; e++) copy_under(&r, m, l->expert[e], l->expert[e + 4], order);
    }
    return CULL_OK;
}

/* The largest error of a layer, relative to the output's length. */
static cull_status error_of(cull_ctx *cx, cull__moe_net *m, const float *x, int64_t n,
                            const float *const *was, double *out)
{
    const int64_t w = m->scale->width;
    float *y;
    CULL_TRY(CULL_TMP(cx, y, n * w));
    *out = 0;
    for (int i = 0; i < CULL__MOE_LAYERS; i++) {
        double far = 0, all = 0;
        CULL_TRY(outputs(cx, m, i, x, n, NULL, y));
        for (int64_t k = 0; k < n * w; k++) {
            far += ((double)y[k] - was[i][k]) * ((double)y[k] - was[i][k]);
            all += (double)was[i][k] * was[i][k];
        }
        *out = fmax(*out, sqrt(far / all));
    }
    return CULL_OK;
}

static cull_status planted_of(cull_ctx *cx, const cull__moe_files *f, cull__moe_net *m, int seed,
                              figures *v)
{
    static const char *const slug[] = {"expert-merge", "expert-drop"},
                             *const option[] = {"experts=4 top=2 router=mapped",
                                                "experts=4 top=2 by=usage"};
    const int64_t n = m->scale->batch * m->scale->context, w = m->scale->width;
    cull_rng r = cull__rng(cx, 4911);
    float *x, *y[CULL__MOE_LAYERS];
    cull__moe_record at = {0}, going;
    CULL_TRY(plant(cx, m));
    CULL_TRY(CULL_TMP(cx, x, n * w));
    for (int64_t i = 0; i < n * w; i++) x[i] = (float)cull__rng_normal(&r);
    for (int i = 0; i < CULL__MOE_LAYERS; i++) {
        CULL_TRY(CULL_TMP(cx, at.inputs[i], n * w));
        CULL_TRY(CULL_TMP(cx, at.logits[i], n * m->rows));
        CULL_TRY(CULL_TMP(cx, y[i], n * w));
        going = at;
        CULL_TRY(outputs(cx, m, i, x, n, &going, y[i]));
    }
    CULL_TRY(cull__moe_save(cx, f, m));
    CULL_TRY(cull__moe_save_record(cx, f, m, &at, n, NULL));
    for (int k = 0; k < 2; k++) {
        cull__moe_net small;
        CULL_TRY(cull__moe_reduce(cx, f, m, slug[k], option[k], 4, &small));
        cull_status s = error_of(cx, &small, x, n, (const float *const *)y,
                                 (k ? v->dropped : v->merged) + seed);
        cull__moe_net_close(&small);
        CULL_TRY(s);
    }
    return CULL_OK;
}

static cull_status planted(cull_ctx *cx, const cull__moe_files *f, const cull__moe_text *text,
                           int seed, figures *v)
{
    cull__moe_net m;
    CULL_TRY(cull__moe_net_new(cx, text, 8, 8, &m));
    cull_status s = planted_of(cx, f, &m, seed, v);
    cull__moe_net_close(&m);
    return s;
}

/* ---- trained ---- */

typedef struct {
    cull__moe_net net[SIZES][WAYS];
    int task, seed;
    figures *v;
} setting;

static cull_status pretrain(cull_ctx *cx, void *arg, int64_t k, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    cull__moe_net *m = &((setting *)arg)->net[k][WHOLE];
    return cull__moe_train(cx, m, -1, m->scale->pretrain, RATE, 4920);
}

static cull_status tune(cull_ctx *cx, void *arg, int64_t k, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    setting *s = arg;
    const int64_t z = k / TUNED, way = k % TUNED;
    cull__moe_net *m = &s->net[z][way];
    CULL_TRY(cull__moe_train(cx, m, s->task, m->scale->tune, TUNE_RATE, 4921));
    return cull__moe_judge(cx, m, s->task, &s->v->after[z][way][s->seed]);
}

/* What share of the choices of all layers the most used half of each layer's experts has. */
static cull_status served(cull_ctx *cx, const cull__moe_record *r, int64_t tokens, int64_t experts,
                          double *out)
{
    *out = 0;
    for (int i = 0; i < CULL__MOE_LAYERS; i++) {
        double usage[CULL__MOE_EXPERTS], middle, half = 0, all = 0;
        CULL_TRY(cull__expert_usage(cx, r->logits[i], tokens, experts, CULL__MOE_TOP, usage));
        CULL_TRY(cull__quantile(cx, usage, experts, .5, &middle));
        for (int64_t e = 0; e < experts; e++) {
            all += usage[e];
            half += usage[e] > middle ? usage[e] : 0;
        }
        *out += 100 * half / all / CULL__MOE_LAYERS;
    }
    return CULL_OK;
}

static cull_status reduce(cull_ctx *cx, const cull__moe_files *f, setting *s, int z)
{
    static const struct {
        const char *slug, *more;
        int by;
    } ways[WAYS] = {[MERGE2] = {"expert-merge", "", 2},
                    [DROP2] = {"expert-drop", " by=usage", 2},
                    [MERGE8] = {"expert-merge", "", 8},
                    [DROP8] = {"expert-drop", " by=usage", 8},
                    [MAPPED2] = {"expert-merge", " router=mapped", 2},
                    [CORE2] = {"expert-merge", " group=core", 2},
                    [PLAIN2] = {"expert-merge", " align=no", 2}};
    cull__moe_net *whole = &s->net[z][WHOLE];
    cull__moe_record r;
    int64_t tokens;
    CULL_TRY(cull__moe_record_of(cx, whole, s->task, &r, &tokens));
    CULL_TRY(served(cx, &r, tokens, size[z], &s->v->served[z][s->seed]));
    CULL_TRY(cull__moe_save(cx, f, whole));
    CULL_TRY(cull__moe_save_record(cx, f, whole, &r, tokens, NULL));
    for (int way = WHOLE; way < WAYS; way++) {
        if (way != WHOLE) {
            char options[64];
            const int left = size[z] / ways[way].by;
            snprintf(options, sizeof options, "experts=%d top=%d%s", left,
                     left < CULL__MOE_TOP ? left : CULL__MOE_TOP, ways[way].more);
            CULL_TRY(
                cull__moe_reduce(cx, f, whole, ways[way].slug, options, left, &s->net[z][way]));
        }
        CULL_TRY(cull__moe_judge(cx, &s->net[z][way], s->task, &s->v->before[z][way][s->seed]));
    }
    return CULL_OK;
}

static cull_status trained(cull_ctx *cx, const cull__moe_files *f, const cull__moe_text *text,
                           setting *s)
{
    for (int z = 0; z < SIZES; z++)
        CULL_TRY(cull__moe_net_new(cx, text, size[z], size[z], &s->net[z][WHOLE]));
    CULL_TRY(cull__for(cx, SIZES, 1, pretrain, s));
    for (int z = 0; z < SIZES; z++) CULL_TRY(reduce(cx, f, s, z));
    return cull__for(cx, SIZES * TUNED, 1, tune, s);
}

typedef struct {
    const cull__moe_scale *scale;
    figures v;
} check;

static cull_status one_seed(cull_ctx *cx, void *arg, int seed)
{
    check *c = arg;
    cull__moe_files f;
    cull__moe_text text;
    setting s = {.task = seed % CULL__MOE_KINDS, .seed = seed, .v = &c->v};
    CULL_TRY(cull__moe_text_new(cx, c->scale, &text));
    CULL_TRY(cull__moe_files_open(cx, "uncurl", &f));
    cull_status st = planted(cx, &f, &text, seed, &c->v);
    if (st == CULL_OK) st = trained(cx, &f, &text, &s);
    for (int z = 0; z < SIZES; z++)
        for (int way = 0; way < WAYS; way++) cull__moe_net_close(&s.net[z][way]);
    cull__moe_files_close(&f);
    return st;
}

/* ---- the result ---- */

static void lines(const figures *v, cull_claim_result *out)
{
    static const char *const name[SIZES][4] = {
        {"8 experts, 2x: share of seeds where merging loses no more than frequency pruning",
         "8 experts, 2x, fine-tuned: loss above the unpruned one, %",
         "8 experts: loss of 8x above 2x, merged", "8 experts: loss of 8x above 2x, fine-tuned"},
        {"16 experts, 2x: share of seeds where merging loses no more than frequency pruning",
         "16 experts, 2x, fine-tuned: loss above the unpruned one, %",
         "16 experts: loss of 8x above 2x, merged", "16 experts: loss of 8x above 2x, fine-tuned"}};
    double won[MOST], above[MOST], more[MOST], later[MOST];
    cull__claim_line(out, "planted: error of the layer's output, merged, worst seed", v->merged,
                     true, 1e-5, true);
    cull__claim_line(out, "planted: error, frequency pruning, least of all seeds", v->dropped,
                     false, .1, true);
    for (int z = 0; z < SIZES; z++) {
        int wins = 0;
        for (int i = 0; i < out->seeds; i++) {
            wins += v->before[z][MERGE2][i] <= v->before[z][DROP2][i];
            above[i] = 100 * (v->after[z][MERGE2][i] / v->after[z][WHOLE][i] - 1);
            more[i] = v->before[z][MERGE8][i] - v->before[z][MERGE2][i];
            later[i] = v->after[z][MERGE8][i] - v->after[z][MERGE2][i];
        }
        for (int i = 0; i < out->seeds; i++) won[i] = (double)wins / out->seeds;
        cull__claim_line(out, name[z][0], won, false, .8, false);
        cull__claim_line(out, name[z][1], above, true, 2, false);
        cull__claim_line(out, name[z][2], more, false, 0, false);
        cull__claim_line(out, name[z][3], later, false, 0, false);
    }
}

static void all_figures(const figures *v, cull_claim_result *out)
{
    static const char *const before[SIZES][WAYS] = {
        {"8 experts: loss, unpruned", "8 experts: loss, 2x merged", "8 experts: loss, 2x by usage",
         "8 experts: loss, 8x merged", "8 experts: loss, 8x by usage",
         "8 experts: loss, 2x merged, all rows of the router", "8 experts: loss, 2x merged, cores",
         "8 experts: loss, 2x merged, neurons as they are"},
        {"16 experts: loss, unpruned", "16 experts: loss, 2x merged",
         "16 experts: loss, 2x by usage", "16 experts: loss, 8x merged",
         "16 experts: loss, 8x by usage", "16 experts: loss, 2x merged, all rows of the router",
         "16 experts: loss, 2x merged, cores", "16 experts: loss, 2x merged, neurons as they are"}};
    static const char *const after[SIZES][TUNED] = {
        {"8 experts, fine-tuned: loss, unpruned", "8 experts, fine-tuned: loss, 2x merged",
         "8 experts, fine-tuned: loss, 2x by usage", "8 experts, fine-tuned: loss, 8x merged"},
        {"16 experts, fine-tuned: loss, unpruned", "16 experts, fine-tuned: loss, 2x merged",
         "16 experts, fine-tuned: loss, 2x by usage", "16 experts, fine-tuned: loss, 8x merged"}};
    static const char *const half[SIZES] = {
        "8 experts: choices of tokens that the most used half serves, %",
        "16 experts: choices of tokens that the most used half serves, %"};
    for (int z = 0; z < SIZES; z++) {
        cull__claim_figure(out, half[z], v->served[z]);
        for (int way = 0; way < WAYS; way++)
            cull__claim_figure(out, before[z][way], v->before[z][way]);
        for (int way = 0; way < TUNED; way++)
            cull__claim_figure(out, after[z][way], v->after[z][way]);
    }
}

cull_status cull__uncurl_measure(cull_ctx *cx, const cull__moe_scale *scale, cull_claim_result *out)
{
    check *c;
    CULL_TRY(CULL_TMP0(cx, c, 1));
    c->scale = scale;
    CULL_TRY(cull__claim_seeds(cx, out->seeds, one_seed, c));
    lines(&c->v, out);
    all_figures(&c->v, out);
    out->note =
        "one kind of text is served by few experts, whose logits go together: groups by those "
        "make one of several of them, cores keep them apart; experts learnt from first "
        "weights of their own, in minutes; SuperGLUE is not shown";
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    (void)data_dir, (void)seeds;
    return cull__uncurl_measure(cx, &cull__moe_full, out);
}

const cull__claim cull__claim_uncurl = {
    .about = {.slug = "uncurl",
              .claim = "for one task, half of a model's experts can go: merged in groups that the "
                       "router treats alike they do no worse than the most used half",
              .setting = "a model of characters of four kinds of text, 2 layers of 8 and of 16 "
                         "experts; the task is one kind, 300 steps to fine-tune, 5 seeds",
              .package = NULL},
    .seeds = 5,
    .run = run,
};
