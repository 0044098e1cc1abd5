/* color-filter's check, with language models that are exact: counts of trigrams.
 *
 * 20 sources, each a Markov chain of order 2 over 16 symbols; the first is the target, nine of the
 * others repeat themselves (transitions drawn from a Dirichlet of 0.05, not 0.5). 40,000 sequences of
 * 64, 5 % of each source. The prior model counts 4,000 of them, which leave the pool; the tuned model
 * goes on to count 60 sequences of the target, once. A sixteenth of the pool is kept, a model is
 * counted on it and tested on new target sequences. */
#include "claim/claim.h"

#include <math.h>
#include <string.h>

enum {
    SOURCES = 20,
    JUNK = 9,
    S = 16,
    T = 64,
    ALL = 40000,
    PRIOR = 4000,
    POOL = ALL - PRIOR,
    TARGETS = 60,
    TESTS = 400,
    KEEP = POOL / 16,
    MOST = 64
};
#define ALPHA 0.5 /* added to every count */

typedef struct {
    double next[S * S][S]; /* cumulative, by the two symbols before */
} chain;
typedef struct {
    double count[S * S][S];
} model;
typedef uint8_t sequence[T];

static void chain_draw(cull_rng *r, double concentration, chain *c)
{
    for (int h = 0; h < S * S; h++) {
        double sum = 0;
        for (int s = 0; s < S; s++) c->next[h][s] = sum += cull__gamma(r, concentration) + 1e-300;
        for (int s = 0; s < S; s++) c->next[h][s] /= sum;
    }
}

static void speak(cull_rng *r, const chain *c, uint8_t *out)
{
    out[0] = (uint8_t)cull__rng_below(r, S);
    out[1] = (uint8_t)cull__rng_below(r, S);
    for (int t = 2; t < T; t++) {
        const double *next = c->next[out[t - 2] * S + out[t - 1]];
        double u = cull__rng_unit(r);
        int s = 0;
        while (s < S - 1 && u > next[s]) s++;
        out[t] = (uint8_t)s;
    }
}

static void learn(model *m, const uint8_t *x)
{
    for (int t = 2; t < T; t++) m->count[x[t - 2] * S + x[t - 1]][x[t]]++;
}

/* Mean loss of a symbol, nats. */
static double loss(const model *m, const uint8_t *x)
{
    double sum = 0;
    for (int t = 2; t < T; t++) {
        const double *c = m->count[x[t - 2] * S + x[t - 1]];
        double all = 0;
        for (int s = 0; s < S; s++) all += c[s] + ALPHA;
        sum -= log((c[x[t]] + ALPHA) / all);
    }
    return sum / (T - 2);
}

typedef struct {
    chain source[SOURCES];
    model prior, cond, own;
    sequence all[ALL], test[TESTS];
    uint8_t from[ALL];
    double loss_prior[POOL], loss_cond[POOL];
} world;

static void make(cull_rng *r, world *w)
{
    memset(&w->prior, 0, sizeof w->prior);
    for (int s = 0; s < SOURCES; s++)
        chain_draw(r, s >= SOURCES - JUNK ? 0.05 : 0.5, &w->source[s]);
    for (int i = 0; i < ALL; i++) w->from[i] = (uint8_t)(i % SOURCES);
    for (int i = ALL - 1; i > 0; i--) { /* the last PRIOR are the prior's */
        int64_t j = cull__rng_below(r, i + 1);
        uint8_t t = w->from[i];
        w->from[i] = w->from[j];
        w->from[j] = t;
    }
    for (int i = 0; i < ALL; i++) speak(r, &w->source[w->from[i]], w->all[i]);
    for (int i = POOL; i < ALL; i++) learn(&w->prior, w->all[i]);
    w->cond = w->prior;
    for (int i = 0; i < TARGETS; i++) {
        sequence x;
        speak(r, &w->source[0], x);
        learn(&w->cond, x);
    }
    for (int i = 0; i < TESTS; i++) speak(r, &w->source[0], w->test[i]);
}

/* Loss on the target of a model of these rows (NULL = all of the pool), and how many are target. */
static double test_loss(world *w, const int64_t *idx, int64_t k, double *share)
{
    double sum = 0, hits = 0;
    memset(&w->own, 0, sizeof w->own);
    for (int64_t i = 0; i < k; i++) {
        learn(&w->own, w->all[idx ? idx[i] : i]);
        hits += w->from[idx ? idx[i] : i] == 0;
    }
    for (int i = 0; i < TESTS; i++) sum += loss(&w->own, w->test[i]);
    if (share) *share = hits / (double)k;
    return sum / TESTS;
}

typedef struct {
    double share[MOST], nll[MOST], random_share[MOST], random_nll[MOST], cond_share[MOST];
    double cond_nll[MOST], all_nll[MOST], fifty_nll[MOST];
} figures;

static cull_status pick(cull_ctx *cx, const world *w, const char *slug, const char *rule,
                        int64_t *idx)
{
    static const char *const names[] = {"loss_prior", "loss_cond"};
    const double *const cols[] = {w->loss_prior, w->loss_cond};
    const cull_method *m = cull_method_find(slug, NULL);
    cull_data_problem p = {.n = POOL, .score = {POOL, 2, names, cols}, .budget = KEEP};
    cull_opts *o = NULL;
    cull_pick k = {0};
    cull_status s = cull_opts_new(cx, m, &o);
    if (s == CULL_OK && rule) s = cull_opts_set(cx, o, "rule", rule);
    if (s == CULL_OK) s = cull_data_pick(cx, m, o, &p, &k);
    if (s == CULL_OK) memcpy(idx, k.idx, KEEP * sizeof *idx);
    cull_pick_free(&k);
    cull_opts_free(o);
    return s;
}

static cull_status one_seed(cull_ctx *cx, world *w, int i, figures *v)
{
    int64_t *idx;
    CULL_TRY(CULL_TMP(cx, idx, KEEP));
    cull_rng r = cull__rng(cx, 1000);
    make(&r, w);
    for (int64_t j = 0; j < POOL; j++) {
        w->loss_prior[j] = loss(&w->prior, w->all[j]);
        w->loss_cond[j] = loss(&w->cond, w->all[j]);
    }
    CULL_TRY(pick(cx, w, "color-filter", "reduction", idx));
    v->nll[i] = test_loss(w, idx, KEEP, &v->share[i]);
    v->fifty_nll[i] = test_loss(w, idx, 50, NULL);
    CULL_TRY(pick(cx, w, "color-filter", "conditional", idx));
    v->cond_nll[i] = test_loss(w, idx, KEEP, &v->cond_share[i]);
    CULL_TRY(pick(cx, w, "random", NULL, idx));
    v->random_nll[i] = test_loss(w, idx, KEEP, &v->random_share[i]);
    v->all_nll[i] = test_loss(w, NULL, POOL, NULL);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    world *w;
    figures *v;
    double below_random[MOST], worse[MOST];
    (void)data_dir;
    CULL_TRY(CULL_TMP(cx, w, 1));
    CULL_TRY(CULL_TMP0(cx, v, 1));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, i, seeds));
        cull_ctx_reseed(cx, first + (uint64_t)i);
        CULL_TRY(one_seed(cx, w, i, v));
        cull__release(cx, mark);
        below_random[i] = v->random_nll[i] - v->nll[i];
        worse[i] = v->cond_nll[i] - v->random_nll[i];
    }
    cull__claim_line(out, "share of target sequences among those kept, worst seed", v->share, false,
                     0.7, true);
    cull__claim_line(out, "target loss below that of a random choice, nats, worst seed",
                     below_random, false, 0.3, true);
    cull__claim_line(out, "target loss of rule=conditional above that of random, worst seed", worse,
                     false, 0, true);
    cull__claim_figure(out, "target share, color-filter", v->share);
    cull__claim_figure(out, "target share, random", v->random_share);
    cull__claim_figure(out, "target share, rule=conditional", v->cond_share);
    cull__claim_figure(out, "target loss, color-filter", v->nll);
    cull__claim_figure(out, "target loss, 50 best of color-filter", v->fifty_nll);
    cull__claim_figure(out, "target loss, random", v->random_nll);
    cull__claim_figure(out, "target loss, rule=conditional", v->cond_nll);
    cull__claim_figure(out, "target loss, all of the pool", v->all_nll);
    out->note = "models are counts of trigrams; the transfer from a small scorer to a large target "
                "model is not checked";
    return CULL_OK;
}

const cull__claim cull__claim_color_filter = {
    .about = {.slug = "color-filter",
              .claim = "conditional loss reduction finds the target's sequences, where the "
                       "conditional loss alone picks what is merely easy",
              .setting = "20 Markov sources over 16 symbols, 5 % target, trigram models, 2250 of "
                         "36000 sequences kept, 5 seeds",
              .package = NULL},
    .seeds = 5,
    .run = run,
};
