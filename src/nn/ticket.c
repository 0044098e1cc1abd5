/* ticket.c - lottery tickets: rounds of training, pruning and rewinding; networks to hold them against.
 *
 * Checkpoints are of the rounds that are done, and of the steps of each training in the one that is not. What a round
 * begins with follows from the masks and weights that those before it have left. */
#include "nn/ticket.h"
#include "nn/fit.h"
#include "nn/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct cull_ticket {
    int count; /* rounds, the whole network's too */
    int64_t size;
    cull_ticket_round *round;
    uint32_t *mask; /* of each round, a bit for each number: see mask_of */
    float *first;   /* weights to begin with, and those to go back to */
    float *rewound;
    float *trained; /* of the last round's early stop */
    char *text;     /* of the model */
};

enum { PIECES = 7 };
static const char LOOP[] = "a ticket's training";

/* What a search holds beside its result. */
typedef struct {
    const cull_ticket_data *d;
    const cull_ticket_opts *o;
    cull_model *m; /* the caller's */
    cull_ticket *t;
    cull__ticket_job job[CULL_TICKET_WAYS];
    cull_model *net[CULL_TICKET_WAYS];
    int way[CULL_TICKET_WAYS], ways; /* trained in this round */
    double *rate;
    int64_t *left;       /* of each tensor */
    float *mask, *other; /* this round's; another way's */
    float *whole;        /* last weights of the whole network's training */
    uint64_t seed;
    uint64_t kept; /* of data, options, first weights and mask: what a checkpoint must be of */
    cull__loop loop;
    cull__piece piece[PIECES];
} search;

/* ---- what cannot be ---- */

static cull_status check_numbers(cull_ctx *cx, const cull_ticket_opts *o)
{
    const struct {
        const char *name;
        int64_t v, lo, hi;
    } is[] = {{"rounds", o->rounds, 0, 1000},
              {"steps", o->steps, 1, INT64_C(1) << 40},
              {"every", o->every, 0, INT64_C(1) << 40},
              {"rewind", o->rewind, 0, o->steps - 1}};
    for (size_t i = 0; i < sizeof is / sizeof *is; i++)
        if (is[i].v < is[i].lo || is[i].v > is[i].hi)
            return cull__fail(cx, CULL_EOPTION,
                              "%s is %" PRId64 "; it must be %" PRId64 " to %" PRId64, is[i].name,
                              is[i].v, is[i].lo, is[i].hi);
    const struct {
        const char *name;
        double v, hi;
    } share[] = {{"prune", o->prune, 1}, {"output", o->output, 1}};
    for (size_t i = 0; i < sizeof share / sizeof *share && !o->rate; i++)
        if (!(share[i].v < share[i].hi) || (i == 0 && !(share[i].v >= 0)))
            return cull__fail(cx, CULL_EOPTION, "%s is %g; it must be within [0, 1)", share[i].name,
                              share[i].v);
    if (!(o->sparse >= 0 && o->sparse <= 1))
        return cull__fail(cx, CULL_EOPTION, "sparse is %g; it must be within 0 to 1", o->sparse);
    if (o->controls >> CULL_TICKET_WAYS)
        return cull__fail(cx, CULL_EOPTION, "there is no control of bit %#x", o->controls);
    for (int i = 0; i < o->ats; i++)
        if (o->at[i] < 1 || o->at[i] > o->rounds)
            return cull__fail(cx, CULL_EOPTION, "controls are asked for in round %d of %d",
                              o->at[i], o->rounds);
    return cull_schedule_check(cx, &o->fit.train.schedule);
}

static cull_status check(cull_ctx *cx, const cull_model *m, const cull_ticket_data *d,
                         const cull_ticket_opts *o)
{
    if (o->size != sizeof *o)
        return cull__fail(cx, CULL_EOPTION, "cull_ticket_opts of %zu bytes, not %zu", o->size,
                          sizeof *o);
    CULL_TRY(cull__fit_check(cx, &o->fit));
    CULL_TRY(check_numbers(cx, o));
    if (!m->params) return cull__fail(cx, CULL_EINPUT, "a model of shapes only cannot be trained");
    if (d->n < 1) return cull__fail(cx, CULL_EINPUT, "there are no rows to train on");
    if (d->val_n < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "there are no validation rows, by which a ticket stops early");
    if (d->test_n < 0)
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " rows to judge by", d->test_n);
    return CULL_OK;
}

static size_t bytes_of(const search *g) { return (size_t)g->t->size * sizeof(float); }

/* ---- bits ---- */

static int64_t words_of(const cull_ticket *t) { return t->size / 32 + 1; }
static uint32_t *mask_of(const cull_ticket *t, int round) { return t->mask + round * words_of(t); }

static void pack(const float *mask, int64_t n, uint32_t *bits)
{
    memset(bits, 0, (size_t)(n / 32 + 1) * sizeof *bits);
    for (int64_t i = 0; i < n; i++) bits[i / 32] |= (uint32_t)(mask[i] != 0) << i % 32;
}

static void unpack(const uint32_t *bits, int64_t n, float *mask)
{
    for (int64_t i = 0; i < n; i++) mask[i] = (float)(bits[i / 32] >> i % 32 & 1);
}

/* ---- memory ---- */

static cull_status make(cull_ctx *cx, search *g)
{
    cull_ticket *t;
    const cull_params *p = g->m->params;
    CULL_TRY(CULL_ALLOC(cx, t, 1));
    g->t = t;
    t->count = !g->o->rounds ? 1 : g->o->one_shot ? 2 : g->o->rounds + 1;
    t->size = cull_params_size(p);
    CULL_TRY(CULL_ALLOC(cx, t->round, t->count));
    CULL_TRY(CULL_ALLOC(cx, t->mask, t->count * words_of(t)));
    CULL_TRY(CULL_ALLOC(cx, t->first, t->size));
    CULL_TRY(CULL_ALLOC(cx, t->rewound, t->size));
    CULL_TRY(CULL_ALLOC(cx, t->trained, t->size));
    CULL_TRY(cull__copy_text(cx, g->m->text, strlen(g->m->text), &t->text));
    CULL_TRY(CULL_TMP(cx, g->rate, cull_params_count(p)));
    CULL_TRY(CULL_TMP0(cx, g->left, cull_params_count(p)));
    CULL_TRY(CULL_TMP(cx, g->mask, t->size));
    CULL_TRY(CULL_TMP(cx, g->other, t->size));
    CULL_TRY(CULL_TMP0(cx, g->whole, t->size));
    for (int w = 0; w < CULL_TICKET_WAYS; w++)
        if (w == CULL_TICKET_OWN || g->o->controls >> w & 1)
            CULL_TRY(cull__model_again(cx, g->m, 0, g->net + w));
    return CULL_OK;
}

void cull_ticket_free(cull_ticket *t)
{
    if (!t) return;
    cull__free(t->mask);
    cull__free(t->round);
    cull__free(t->first);
    cull__free(t->rewound);
    cull__free(t->trained);
    cull__free(t->text);
    cull__free(t);
}

/* The last layer's weights are pruned at a rate of their own. */
static void set_rates(search *g)
{
    const cull_ticket_opts *o = g->o;
    const cull_params *p = g->m->params;
    int last = -1;
    for (int i = 0; i < cull_params_count(p); i++) {
        bool takes = cull__mask_takes(cull_params_at(p, i));
        g->rate[i] = !takes ? 0 : o->rate ? o->rate[i] : o->prune;
        if (takes) last = i;
    }
    if (!o->rate && !o->global && last >= 0)
        g->rate[last] = o->output < 0 ? o->prune / 2 : o->output;
}

/* ---- first weights of each way ---- */

/* Sizes of a layer's first weights, drawn at random, with the sign that each had. */
static void keep_signs(const cull_params *p, cull_rng *r, const float *first, float *w)
{
    for (int t = 0; t < cull_params_count(p); t++) {
        const cull_param *q = cull_params_at(p, t);
        for (int64_t i = q->at; cull__mask_takes(q) && i < q->at + q->n; i++)
            w[i] = copysignf(first[q->at + cull__rng_below(r, q->n)], first[i]);
    }
}

static cull_status start(cull_ctx *cx, search *g, int way, int round)
{
    cull_params *p = g->net[way]->params;
    const uint64_t of[] = {g->seed, (uint64_t)way, (uint64_t)round};
    uint64_t seed = cull__hash64(of, sizeof of, 0);
    cull_rng r = cull__rng_seeded(seed, 0);
    bool again = way == CULL_TICKET_REINIT || way == CULL_TICKET_SIGNS;
    float *w = cull_params_value(p), *mask = g->other;
    memcpy(mask, g->mask, bytes_of(g));
    memcpy(w, !round || again ? g->t->first : g->t->rewound, bytes_of(g));
    if (way == CULL_TICKET_SIGNS) keep_signs(p, &r, g->t->first, w);
    if (way == CULL_TICKET_RANDOM) CULL_TRY(cull__mask_random(cx, p, &r, mask));
    if (way == CULL_TICKET_ONE_SHOT) {
        unpack(mask_of(g->t, 0), g->t->size, mask);
        cull__mask_largest(p, g->whole, g->o->global ? NULL : g->left, g->t->round[round].left,
                           mask);
    }
    if (way == CULL_TICKET_REINIT) {
        cull_model *fresh;
        CULL_TRY(cull__model_again(cx, g->m, seed, &fresh));
        memcpy(w, cull_params_value(fresh->params), bytes_of(g));
        cull_model_free(fresh);
    }
    CULL_TRY(cull_params_mask(p, mask));
    cull__mask_zero(p);
    bool wants_rewind = !round && g->o->rewind;
    g->job[way] = (cull__ticket_job){.m = g->net[way],
                                     .d = g->d,
                                     .o = g->o,
                                     .from = !round || again ? 0 : g->o->rewind,
                                     .seed = g->seed,
                                     .kept = g->kept,
                                     .rewind = wants_rewind ? g->t->rewound : NULL,
                                     .best = way == CULL_TICKET_OWN ? g->t->trained : NULL};
    return CULL_OK;
}

/* ---- rounds ---- */

static bool controlled(const cull_ticket_opts *o, int round)
{
    bool in = !o->at;
    for (int i = 0; i < o->ats; i++) in |= o->at[i] == round || o->one_shot;
    return round > 0 && in;
}

static bool trains(const search *g, int round, int way)
{
    return way == CULL_TICKET_OWN || (controlled(g->o, round) && g->o->controls >> way & 1);
}

static cull_status one_way(cull_ctx *cx, void *arg, int64_t i, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    search *g = arg;
    return cull__ticket_train(cx, g->job + g->way[i]);
}

/* All of a round beside one another; a single one has the threads for its shards. */
static cull_status train_all(cull_ctx *cx, search *g, int round)
{
    g->ways = 0;
    for (int w = 0; w < CULL_TICKET_WAYS; w++) {
        if (!trains(g, round, w)) continue;
        CULL_TRY(start(cx, g, w, round));
        cull__loop_open(cx, LOOP, &g->job[w].loop);
        g->way[g->ways++] = w;
    }
    if (g->ways == 1) return one_way(cx, g, 0, 0, 1);
    return cull__for(cx, g->ways, 1, one_way, g);
}

static void note(search *g, int round)
{
    const cull_params *p = g->m->params;
    cull_ticket_round *to = g->t->round + round;
    int64_t all = 0;
    to->left = 0;
    for (int i = 0; i < cull_params_count(p); i++) {
        const cull_param *q = cull_params_at(p, i);
        if (!cull__mask_takes(q)) continue;
        g->left[i] = cull__mask_count(q, g->mask);
        to->left += g->left[i];
        all += q->n;
    }
    to->share = all ? (double)to->left / (double)all : 1;
    pack(g->mask, g->t->size, mask_of(g->t, round));
}

/* What all rounds would leave of each layer, or of all together, where no two weights are alike. */
static int64_t after_all(const search *g, int i, int64_t n)
{
    return i < 0 ? cull__mask_after(n, g->o->prune, g->o->rounds, true)
                 : cull__mask_after(n, g->rate[i], g->o->rounds, false);
}

static cull_status none_left(cull_ctx *cx, const search *g, const char *where, int64_t n)
{
    return cull__fail(cx, CULL_EINPUT,
                      "%s: %d rounds leave none of %" PRId64 " weights; fewer rounds, or a lower "
                      "rate, is possible",
                      where, g->o->rounds, n);
}

/* Known before anything is trained. */
static cull_status check_left(cull_ctx *cx, const search *g)
{
    const cull_params *p = g->m->params;
    int64_t all = 0;
    for (int i = 0; i < cull_params_count(p); i++) {
        int64_t n = g->left[i];
        all += n;
        if (!g->o->global && n && !after_all(g, i, n))
            return none_left(cx, g, cull_params_at(p, i)->name, n);
    }
    return after_all(g, -1, all) || !g->o->global ? CULL_OK : none_left(cx, g, "all layers", all);
}

/* One pruning to that. */
static void cut_once(search *g, const float *w)
{
    const cull_params *p = g->m->params;
    int64_t all = 0;
    for (int i = 0; i < cull_params_count(p); i++) {
        all += g->left[i];
        g->left[i] = after_all(g, i, g->left[i]);
    }
    cull__mask_largest(p, w, g->o->global ? NULL : g->left, after_all(g, -1, all), g->mask);
}

static cull_status next_mask(cull_ctx *cx, search *g, int round)
{
    const float *w = cull_params_value(g->net[CULL_TICKET_OWN]->params);
    if (round == 1) memcpy(g->whole, w, bytes_of(g));
    if (g->o->one_shot) {
        cut_once(g, w);
        return CULL_OK;
    }
    return cull__mask_cut(cx, g->m->params, w, g->rate, g->o->global, g->mask);
}

/* ---- checkpoints ---- */

static uint64_t mix(uint64_t hash, const void *p, size_t n) { return cull__hash64(p, n, hash); }

static uint64_t mix_rows(uint64_t hash, const int64_t *row, int64_t n)
{
    hash = mix(hash, &n, sizeof n);
    return row && n > 0 ? mix(hash, row, (size_t)n * sizeof *row) : hash;
}

static uint64_t hash_of(const search *g)
{
    const cull_ticket_opts *o = g->o;
    const cull_ticket_data *d = g->d;
    int count = cull_params_count(g->m->params);
    const int64_t n[] = {o->rounds, o->global,   o->one_shot,        o->steps,        o->every,
                         o->rewind, o->controls, o->at ? o->ats : 0, (int64_t)g->seed};
    const double v[] = {o->prune, o->sparse};
    uint64_t h = mix(cull__train_hash(&o->fit.train, count), n, sizeof n);
    uint64_t of = cull__fit_hash(g->m, &d->all, &o->fit);
    h = mix(mix(h, v, sizeof v), &of, sizeof of);
    h = mix(h, g->rate, (size_t)count * sizeof *g->rate);
    if (o->at) h = mix(h, o->at, (size_t)o->ats * sizeof *o->at);
    h = mix_rows(mix_rows(mix_rows(h, d->row, d->n), d->val_row, d->val_n), d->test_row, d->test_n);
    return mix(mix(h, g->t->first, bytes_of(g)), g->mask, bytes_of(g));
}

static void list_pieces(search *g)
{
    const cull_ticket *t = g->t;
    const cull__piece is[PIECES] = {
        {&g->kept, 0, sizeof g->kept},
        {t->round, 0, (uint64_t)t->count * sizeof *t->round},
        {t->mask, 0, (uint64_t)(t->count * words_of(t)) * sizeof *t->mask},
        {t->rewound, 0, bytes_of(g)},
        {t->trained, 0, bytes_of(g)},
        {g->whole, 0, bytes_of(g)},
        {cull_params_value(g->net[CULL_TICKET_OWN]->params), 0, bytes_of(g)}};
    memcpy(g->piece, is, sizeof is);
}

cull_status cull__ticket_of_another(cull_ctx *cx)
{
    return cull__fail(cx, CULL_EINPUT,
                      "the checkpoint is of tickets with other data, options or first weights; "
                      "remove it, or use another folder");
}

/* Rounds that a run before this one has done. */
static cull_status resume(cull_ctx *cx, search *g, int64_t *done)
{
    bool found;
    uint64_t hash = g->kept = g->o->fit.checkpoint ? hash_of(g) : 0;
    list_pieces(g);
    *done = 0;
    CULL_TRY(cull__loop_find(cx, "lottery tickets", &g->loop, done, g->piece, PIECES, &found));
    if (!found) return CULL_OK;
    if (g->kept != hash || *done < 1 || *done > g->t->count) return cull__ticket_of_another(cx);
    for (int i = 0; i < *done; i++)
        for (int w = 0; w < CULL_TICKET_WAYS; w++) cull__loop_skip(cx, LOOP, trains(g, i, w));
    unpack(mask_of(g->t, (int)*done - 1), g->t->size, g->mask);
    note(g, (int)*done - 1);
    return CULL_OK;
}

/* ---- the whole ---- */

static cull_status one_round(cull_ctx *cx, search *g, int i)
{
    cull_ticket *t = g->t;
    cull__span(cx, i, i + 1, t->count);
    if (i) CULL_TRY(next_mask(cx, g, i));
    note(g, i);
    if (!i) CULL_TRY(check_left(cx, g));
    CULL_TRY(train_all(cx, g, i));
    for (int k = 0; k < g->ways; k++) t->round[i].run[g->way[k]] = g->job[g->way[k]].run;
    CULL_TRY(cull__loop_keep(cx, &g->loop, i + 1, true, g->piece, PIECES));
    for (int k = 0; k < g->ways; k++) cull__loop_drop(cx, &g->job[g->way[k]].loop);
    return CULL_OK;
}

static cull_status rounds(cull_ctx *cx, search *g)
{
    cull_ticket *t = g->t;
    int64_t done;
    memcpy(t->first, cull_params_value(g->m->params), bytes_of(g));
    memcpy(t->rewound, t->first, bytes_of(g));
    cull__mask_copy(g->m->params, g->mask);
    set_rates(g);
    CULL_TRY(resume(cx, g, &done));
    for (int i = (int)done; i < t->count; i++) CULL_TRY(one_round(cx, g, i));
    return CULL_OK;
}

/* In the folder that the options name, where they name one. */
static cull_status keep_rounds(cull_ctx *cx, search *g)
{
    cull__parts *parts;
    char run[96];
    snprintf(run, sizeof run, "rounds: %d\nsteps: %" PRId64 "\n", g->o->rounds, g->o->steps);
    CULL_TRY(cull__fit_keep_in(cx, g->m, &g->d->all, &g->o->fit, "model ticket", run, &parts));
    return cull__fit_kept(cx, parts, rounds(cx, g));
}

cull_status cull_ticket_find(cull_ctx *cx, cull_model *m, const cull_ticket_data *d,
                             const cull_ticket_opts *o, cull_ticket **out)
{
    *out = NULL;
    CULL_TRY(check(cx, m, d, o));
    uint64_t seed = cull_ctx_seed(cx);
    search g = {.d = d,
                .o = o,
                .m = m,
                .seed = cull__hash64(&o->fit.train.seed, sizeof o->fit.train.seed, seed)};
    const char *phase = cull__phase(cx, "lottery tickets");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = make(cx, &g);
    if (s == CULL_OK) s = keep_rounds(cx, &g);
    cull__span(cx, 0, 0, 0);
    cull__release(cx, mark);
    cull__phase(cx, phase);
    for (int w = 0; w < CULL_TICKET_WAYS; w++) cull_model_free(g.net[w]);
    if (s == CULL_OK)
        *out = g.t;
    else
        cull_ticket_free(g.t);
    return s;
}

/* ---- what was found ---- */

int cull_ticket_count(const cull_ticket *t) { return t->count; }
const cull_ticket_round *cull_ticket_at(const cull_ticket *t, int round)
{
    return round < 0 || round >= t->count ? NULL : t->round + round;
}

cull_status cull_ticket_apply(cull_ctx *cx, const cull_ticket *t, int round, bool trained,
                              cull_model *m)
{
    float *mask;
    if (round < 0 || round >= t->count || (trained && round != t->count - 1))
        return cull__fail(cx, CULL_EINPUT,
                          trained ? "trained weights are asked for of round %d, and those of %d "
                                    "are kept"
                                  : "round %d is asked for, and the last one is %d",
                          round, t->count - 1);
    if (!m->params || cull_params_size(m->params) != t->size || strcmp(m->text, t->text))
        return cull__fail(cx, CULL_EINPUT, "a ticket of another model");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, mask, t->size);
    if (s == CULL_OK) {
        unpack(mask_of(t, round), t->size, mask);
        s = cull_params_mask(m->params, mask);
    }
    if (s == CULL_OK) {
        const float *w = trained ? t->trained : round ? t->rewound : t->first;
        memcpy(cull_params_value(m->params), w, (size_t)t->size * sizeof *w);
        cull__mask_zero(m->params);
    }
    cull__release(cx, mark);
    return s;
}
