/* moe-inference-survey's check, of what it says of dropping and skipping experts: a layer whose experts are chosen so that
 * its outputs change least does without two of eight better than one that lacks two others; a token's second
 * expert can be skipped where its router is sure.
 *
 * A model of 8 experts in 2 layers (SwiGLU, the best 2, balanced) learns four kinds of text. expert-drop sees 64 sequences of
 * all kinds; random sets are ten draws for each seed, made by expert-drop from usage that is drawn. Skipping: beta of a
 * layer is the median of p2 / p1 over the same sequences; a token that skips gives its first expert all weight. Losses are of
 * other text of all kinds. What is saved is counted: experts that ran on tokens.
 *
 * The survey's quantisation, low rank, caches, offloading and placement are no part of this check. Some 15 seconds of one
 * core, 120 MiB.
 */
#include "claim/moe_text.h"
#include "num/num.h"

#include <math.h>

enum { EXPERTS = 8, LEFT = 6, DRAWS = 10, MOST = 16 };
enum { RECONSTRUCTION, USAGE, WAYS };
static const double RATE = 3e-3;

typedef struct {
    double whole[MOST], dropped[WAYS][MOST], random[MOST], luckiest[MOST];
    double skipped[MOST], rate[MOST], saved[MOST]; /* loss; % of tokens calibrated by; % of runs */
} figures;

/* ---- dropping ---- */

static cull_status drop(cull_ctx *cx, const cull__moe_files *f, cull__moe_net *m,
                        const char *options, double *loss)
{
    cull__moe_net small;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(cull__moe_reduce(cx, f, m, "expert-drop", options, LEFT, &small));
    cull_status s = cull__moe_judge(cx, &small, -1, loss);
    cull__moe_net_close(&small);
    cull__release(cx, mark);
    return s;
}

static cull_status at_random(cull_ctx *cx, const cull__moe_files *f, cull__moe_net *m, int seed,
                             figures *v)
{
    cull_rng r = cull__rng(cx, 4930);
    v->luckiest[seed] = INFINITY;
    for (int k = 0; k < DRAWS; k++) {
        float usage[CULL__MOE_LAYERS * EXPERTS];
        double loss;
        for (int i = 0; i < CULL__MOE_LAYERS * EXPERTS; i++) usage[i] = (float)cull__rng_unit(&r);
        CULL_TRY(cull__moe_save_record(cx, f, m, NULL, 0, usage));
        CULL_TRY(drop(cx, f, m, "experts=6 top=2 by=usage", &loss));
        v->random[seed] += loss / DRAWS;
        v->luckiest[seed] = fmin(v->luckiest[seed], loss);
    }
    return CULL_OK;
}

/* ---- skipping ---- */

/* The median of p2 / p1. */
static cull_status median(cull_ctx *cx, const float *z, int64_t tokens, int64_t rows, double *out)
{
    double *ratio;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, ratio, tokens));
    for (int64_t t = 0; t < tokens; t++) {
        double best = -INFINITY, second = -INFINITY;
        for (int64_t e = 0; e < rows; e++) {
            const double is = z[t * rows + e];
            second = fmax(second, fmin(best, is));
            best = fmax(best, is);
        }
        ratio[t] = exp(second - best);
    }
    CULL_TRY(cull__quantile(cx, ratio, tokens, .5, out));
    cull__release(cx, mark);
    return CULL_OK;
}

/* % of tokens, over all layers, that went to one expert. */
static double skips(const cull__moe_net *m)
{
    return 100 * (2 - (double)m->runs / (double)m->tokens);
}

static cull_status skip(cull_ctx *cx, cull__moe_net *m, const cull__moe_record *r, int64_t tokens,
                        int seed, figures *v)
{
    cull__moe_record again;
    for (int i = 0; i < CULL__MOE_LAYERS; i++)
        CULL_TRY(median(cx, r->logits[i], tokens, m->rows, m->beta + i));
    CULL_TRY(cull__moe_record_of(cx, m, -1, &again, &tokens));
    v->rate[seed] = skips(m);
    CULL_TRY(cull__moe_judge(cx, m, -1, &v->skipped[seed]));
    v->saved[seed] = skips(m) / CULL__MOE_TOP;
    return CULL_OK;
}

/* ---- a seed ---- */

static cull_status judge(cull_ctx *cx, const cull__moe_files *f, cull__moe_net *m, int seed,
                         figures *v)
{
    static const char *const option[WAYS] = {"experts=6 top=2 by=loss", "experts=6 top=2 by=usage"};
    cull__moe_record r;
    int64_t tokens;
    CULL_TRY(cull__moe_train(cx, m, -1, m->scale->pretrain, RATE, 4920));
    CULL_TRY(cull__moe_judge(cx, m, -1, &v->whole[seed]));
    CULL_TRY(cull__moe_record_of(cx, m, -1, &r, &tokens));
    CULL_TRY(cull__moe_save(cx, f, m));
    CULL_TRY(cull__moe_save_record(cx, f, m, &r, tokens, NULL));
    for (int way = 0; way < WAYS; way++)
        CULL_TRY(drop(cx, f, m, option[way], &v->dropped[way][seed]));
    CULL_TRY(at_random(cx, f, m, seed, v));
    return skip(cx, m, &r, tokens, seed, v);
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
    cull__moe_net m = {0};
    CULL_TRY(cull__moe_text_new(cx, c->scale, &text));
    CULL_TRY(cull__moe_files_open(cx, "moe-inference-survey", &f));
    cull_status s = cull__moe_net_new(cx, &text, EXPERTS, EXPERTS, &m);
    if (s == CULL_OK) s = judge(cx, &f, &m, seed, &c->v);
    cull__moe_net_close(&m);
    cull__moe_files_close(&f);
    return s;
}

/* ---- the result ---- */

static void lines(const figures *v, cull_claim_result *out)
{
    double random[MOST], won[MOST], off[MOST], more[MOST];
    int wins = 0;
    for (int i = 0; i < out->seeds; i++) {
        random[i] = v->random[i] - v->dropped[RECONSTRUCTION][i];
        wins += v->dropped[RECONSTRUCTION][i] < v->dropped[USAGE][i];
        off[i] = fabs(v->rate[i] - 50);
        more[i] = 100 * (v->skipped[i] / v->whole[i] - 1);
    }
    for (int i = 0; i < out->seeds; i++) won[i] = (double)wins / out->seeds;
    cull__claim_line(out, "8 to 6: loss of a random drop above reconstruction's, worst seed",
                     random, false, 0, true);
    cull__claim_line(out, "8 to 6: share of seeds where reconstruction beats frequency", won, false,
                     .66, false);
    cull__claim_line(out, "skipping: share of tokens calibrated by off 50 %, points, worst seed",
                     off, true, 3, true);
    cull__claim_line(out, "skipping: expert FLOPs saved, %", v->saved, false, 20, false);
    cull__claim_line(out, "skipping: loss above that of all runs, %", more, true, 1, false);
}

static void all_figures(const figures *v, cull_claim_result *out)
{
    cull__claim_figure(out, "loss: all experts", v->whole);
    cull__claim_figure(out, "loss: 6 by reconstruction", v->dropped[RECONSTRUCTION]);
    cull__claim_figure(out, "loss: 6 by frequency", v->dropped[USAGE]);
    cull__claim_figure(out, "loss: 6 at random, mean of ten", v->random);
    cull__claim_figure(out, "loss: 6 at random, best of ten", v->luckiest);
    cull__claim_figure(out, "loss: skipping", v->skipped);
    cull__claim_figure(out, "skipping: tokens calibrated by, %", v->rate);
}

cull_status cull__moe_survey_measure(cull_ctx *cx, const cull__moe_scale *scale,
                                     cull_claim_result *out)
{
    check *c;
    CULL_TRY(CULL_TMP0(cx, c, 1));
    c->scale = scale;
    CULL_TRY(cull__claim_seeds(cx, out->seeds, one_seed, c));
    lines(&c->v, out);
    all_figures(&c->v, out);
    out->note = "a small model of made text; what skipping saves is counted in experts that run on "
                "tokens, not in time; quantisation, low rank, caches, offloading and placement "
                "are not shown";
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    (void)data_dir, (void)seeds;
    return cull__moe_survey_measure(cx, &cull__moe_full, out);
}

const cull__claim cull__claim_moe_inference_survey = {
    .about = {.slug = "moe-inference-survey",
              .claim = "two of eight experts go best where a layer's outputs change least, and a "
                       "token's second expert can be skipped where its router is sure",
              .setting = "a model of characters of four kinds of text, 2 layers of 8 experts, the "
                         "best 2 run; 3 seeds",
              .package = NULL},
    .seeds = 3,
    .run = run,
};
