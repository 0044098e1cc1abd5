/* boruta - all columns that say more than columns permuted at random do.
 *
 * Chooses   every column that beats the best of the shadows more often than chance: confirmed; the others are
 *           rejected, or tentative where the rounds ran out first. A budget caps the confirmed ones, by
 *           their mean importance.
 * Idea      Each round a random forest is grown on the columns and on a shadow of each, its values permuted. A
 *           column hits when its importance is above the shadows' largest. The number of hits is tested
 *           against a fair coin; rejected columns leave, and their shadows with them.
 * Reads     columns (numbers, categories, missing values) and the target (classes or numbers). Groups:
 *           a tree learns from a sample of groups, and shadows move groups as a whole.
 * Deviates  Importance is what splits take from the Gini index or the squared error, not the loss of accuracy on
 *           rows left out divided by its deviation; so in BorutaPy. Values are 63 quantiles. By default the
 *           tests are corrected in two steps, as in BorutaPy: false discoveries among the undecided, then
 *           rounds (two_step false: Bonferroni over all columns). There are 100 shadows at least, not 5: the best
 *           of few is soon beaten by a column that goes with the target by chance. Columns held already stay
 *           in the forest untested.
 * Cost      O(rounds trees n sqrt(2d) log n) time, d being the columns not yet rejected; 2 n d bytes.
 * Example   cull feature boruta --y label table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "num/num.h"
#include "score/trees.h"

#include <math.h>
#include <string.h>

enum { STREAM = 0xB0207A };

typedef struct {
    int64_t grow, rounds, depth, leaf, patience, shadows;
    double alpha, perc;
    bool two_step, rough;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, grow, 100, 1, 100000, "trees of each forest"),
    CULL_OPT_I64(opts, rounds, 100, 1, 10000, "forests at most"),
    CULL_OPT_I64(opts, depth, 0, 0, 64, "of a tree at most; 0 = until its leaves are pure"),
    CULL_OPT_I64(opts, leaf, 1, 1, 1000000, "rows of a leaf at least"),
    CULL_OPT_I64(opts, patience, 0, 0, 10000,
                 "stop when so many rounds decided nothing; 0 = never before the end"),
    CULL_OPT_I64(
        opts, shadows, 100, 1, 1000000,
        "at least so many, where fewer columns are left: some are permuted more than once"),
    CULL_OPT_F64(opts, alpha, 0.01, 0, 0.5, "level of the tests"),
    CULL_OPT_F64(opts, perc, 100, 1, 100, "percentile of the shadows to beat; 100 = the largest"),
    CULL_OPT_BOOL(opts, two_step, 1, "correct for columns by false discoveries, then for rounds"),
    CULL_OPT_BOOL(opts, rough, 0,
                  "decide what is left by its median importance against the shadows'"),
    CULL_OPT_END,
};

typedef struct {
    const cull_feature_problem *p;
    const opts *o;
    cull__binned b;
    uint8_t *verdict, *tested; /* tested: not held */
    int64_t *live, lives;      /* columns in the forest, ascending */
    uint8_t *shadow;           /* (max(d, shadows), n) */
    int64_t shadows, round;
    const uint8_t **col; /* of the forest */
    uint8_t *named;
    double *worth, *sum, *pvalue; /* worth: of the forest's columns; sum: over rounds */
    int64_t *hits, *seen;         /* rounds that a column took part in */
    float *past;                  /* (rounds, d), for `rough` */
    double *bar;                  /* rounds: what had to be beaten */
    int64_t *start, *member;      /* rows of each group */
} state;

/* ---- shadows ---- */

static void permute_rows(cull_rng *r, const uint8_t *from, uint8_t *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) { /* inside out, Knuth's P */
        int64_t j = cull__rng_below(r, i + 1);
        to[i] = to[j];
        to[j] = from[i];
    }
}

/* The rows of a group take the values of another group's, over again where that has fewer. */
static void permute_groups(const state *s, cull_rng *r, int64_t *other, const uint8_t *from,
                           uint8_t *to)
{
    int64_t m = 0;
    for (int32_t g = 0; g < s->p->groups; g++)
        if (s->start[g + 1] > s->start[g]) other[m++] = g;
    cull__rng_shuffle(r, other, m);
    for (int64_t g = 0, k = 0; g < s->p->groups; g++) {
        int64_t rows = s->start[g + 1] - s->start[g];
        if (!rows) continue;
        const int64_t *with = s->start + other[k++];
        for (int64_t i = 0; i < rows; i++)
            to[s->member[s->start[g] + i]] = from[s->member[with[0] + i % (with[1] - with[0])]];
    }
}

static cull_status make_shadows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    const state *s = arg;
    int64_t n = s->p->n, *other = NULL;
    if (s->p->group) CULL_TRY(CULL_TMP(cx, other, s->p->groups));
    for (int64_t k = lo; k < hi; k++) {
        int64_t name[2] = {s->round, k};
        cull_rng r = cull__rng(cx, cull__hash64(name, sizeof name, STREAM));
        const uint8_t *from = s->b.code + s->live[k % s->lives] * n;
        if (other)
            permute_groups(s, &r, other, from, s->shadow + k * n);
        else
            permute_rows(&r, from, s->shadow + k * n, n);
    }
    return CULL_OK;
}

/* ---- a round ---- */

/* Columns not rejected, and as many shadows; a few more where there would be too few to beat. */
static void line_up(state *s)
{
    int64_t n = s->p->n;
    s->lives = 0;
    for (int64_t c = 0; c < s->p->d; c++)
        if (s->verdict[c] != CULL_REJECTED) s->live[s->lives++] = c;
    s->shadows = s->lives < s->o->shadows ? s->o->shadows : s->lives;
    for (int64_t k = 0; k < s->lives; k++) {
        s->col[k] = s->b.code + s->live[k] * n;
        s->named[k] = s->b.named[s->live[k]];
    }
    for (int64_t k = 0; k < s->shadows; k++) {
        s->col[s->lives + k] = s->shadow + k * n;
        s->named[s->lives + k] = s->b.named[s->live[k % s->lives]];
    }
}

static cull_status count_hits(cull_ctx *cx, state *s)
{
    double total = 0, bar;
    int64_t all = s->lives + s->shadows;
    for (int64_t k = 0; k < all; k++) total += s->worth[k];
    for (int64_t k = 0; total > 0 && k < all; k++) s->worth[k] /= total;
    CULL_TRY(cull__quantile(cx, s->worth + s->lives, s->shadows, s->o->perc / 100, &bar));
    s->bar[s->round] = bar;
    for (int64_t k = 0; k < s->lives; k++) {
        int64_t c = s->live[k];
        s->sum[c] += s->worth[k];
        s->seen[c]++;
        s->hits[c] += s->verdict[c] == CULL_TENTATIVE && s->worth[k] > bar;
        if (s->past) s->past[s->round * s->p->d + c] = (float)s->worth[k];
    }
    return CULL_OK;
}

static cull_status play_round(cull_ctx *cx, state *s)
{
    const cull_feature_problem *p = s->p;
    line_up(s);
    CULL_TRY(cull__for(cx, s->shadows, 16, make_shadows, s));
    int64_t d = s->lives + s->shadows;
    cull__table t = {.n = p->n,
                     .d = d,
                     .col = s->col,
                     .named = s->named,
                     .y = p->y,
                     .classes = p->classes,
                     .group = p->group,
                     .groups = p->groups};
    cull__forest_opts o = {.trees = s->o->grow,
                           .depth = s->o->depth,
                           .leaf = s->o->leaf,
                           .mtry = (int64_t)ceil(sqrt((double)d)),
                           .worth = CULL__GAIN,
                           .stream = cull__hash64(&s->round, sizeof s->round, STREAM + 1)};
    CULL_TRY(cull__forest(cx, &t, &o, s->worth, NULL, 0, NULL));
    return count_hits(cx, s);
}

/* ---- decisions ---- */

/* P(X >= hits) of `of` throws of a fair coin. */
static double upper_tail(int64_t hits, int64_t of)
{
    double sum = 0, n = (double)of;
    for (int64_t i = of; i >= hits; i--) {
        double k = (double)i;
        sum += exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2));
    }
    return sum < 1 ? sum : 1;
}

/* How small a p-value must be, of p[0..m): Benjamini and Hochberg (1995). */
static cull_status discoveries(cull_ctx *cx, const double *p, int64_t m, double alpha,
                               double *level)
{
    int64_t *order;
    double *minus;
    CULL_TRY(CULL_TMP(cx, order, m));
    CULL_TRY(CULL_TMP(cx, minus, m));
    for (int64_t i = 0; i < m; i++) minus[i] = -p[i];
    CULL_TRY(cull__order(cx, minus, m, order));
    *level = -1;
    for (int64_t i = 0; i < m; i++)
        if (p[order[i]] <= alpha * (double)(i + 1) / (double)m) *level = p[order[i]];
    return CULL_OK;
}

static cull_status level_of(cull_ctx *cx, const state *s, const double *p, int64_t m, double *level)
{
    double rounds = (double)(s->round + 1), alpha = s->o->alpha;
    if (!s->o->two_step) {
        *level = alpha / (double)s->p->d;
        return CULL_OK;
    }
    CULL_TRY(discoveries(cx, p, m, alpha, level));
    if (*level > alpha / rounds) *level = alpha / rounds;
    return CULL_OK;
}

/* Tests the undecided after s->round + 1 rounds; *changed: some were decided. */
static cull_status decide(cull_ctx *cx, state *s, int64_t *left, bool *changed)
{
    int64_t *open, m = 0, of = s->round + 1;
    double *up, *down, accept, reject;
    CULL_TRY(CULL_TMP(cx, open, s->lives));
    CULL_TRY(CULL_TMP(cx, up, s->lives));
    CULL_TRY(CULL_TMP(cx, down, s->lives));
    for (int64_t k = 0; k < s->lives; k++) {
        int64_t c = s->live[k];
        if (s->verdict[c] != CULL_TENTATIVE) continue;
        up[m] = s->pvalue[c] = upper_tail(s->hits[c], of);
        down[m] = upper_tail(of - s->hits[c], of);
        open[m++] = c;
    }
    CULL_TRY(level_of(cx, s, up, m, &accept));
    CULL_TRY(level_of(cx, s, down, m, &reject));
    *left = m;
    for (int64_t i = 0; i < m; i++) {
        bool yes = up[i] <= accept, no = down[i] <= reject;
        if (!yes && !no) continue;
        s->verdict[open[i]] = yes ? CULL_CONFIRMED : CULL_REJECTED;
        (*left)--;
    }
    *changed = *left < m;
    return CULL_OK;
}

/* What is left is confirmed where its median importance is above the median of what it had to beat. */
static cull_status settle(cull_ctx *cx, state *s, int64_t rounds)
{
    double *v, bar, mid;
    CULL_TRY(CULL_TMP(cx, v, rounds));
    CULL_TRY(cull__quantile(cx, s->bar, rounds, 0.5, &bar));
    for (int64_t c = 0; c < s->p->d; c++) {
        if (s->verdict[c] != CULL_TENTATIVE) continue;
        for (int64_t r = 0; r < rounds; r++) v[r] = s->past[r * s->p->d + c];
        CULL_TRY(cull__quantile(cx, v, rounds, 0.5, &mid));
        s->verdict[c] = mid > bar ? CULL_CONFIRMED : CULL_REJECTED;
    }
    return CULL_OK;
}

static cull_status play(cull_ctx *cx, state *s, int64_t left)
{
    int64_t quiet = 0;
    for (s->round = 0; left && s->round < s->o->rounds; s->round++) {
        bool changed;
        CULL_TRY(cull__tick(cx, (double)s->round, (double)s->o->rounds));
        cull__mark_t mark = cull__mark(cx);
        cull_status st = play_round(cx, s);
        if (st == CULL_OK) st = decide(cx, s, &left, &changed);
        cull__release(cx, mark);
        CULL_TRY(st);
        quiet = changed ? 0 : quiet + 1;
        if (s->o->patience && quiet >= s->o->patience) {
            s->round++;
            break;
        }
    }
    if (left && s->o->rough) CULL_TRY(settle(cx, s, s->round));
    return CULL_OK;
}

/* ---- the method ---- */

static cull_status list_groups(cull_ctx *cx, state *s)
{
    const cull_feature_problem *p = s->p;
    if (!p->group) return CULL_OK;
    int64_t *at;
    CULL_TRY(CULL_TMP0(cx, s->start, p->groups + 1));
    CULL_TRY(CULL_TMP(cx, s->member, p->n));
    CULL_TRY(CULL_TMP(cx, at, p->groups));
    for (int64_t i = 0; i < p->n; i++) s->start[p->group[i] + 1]++;
    for (int32_t g = 0; g < p->groups; g++) s->start[g + 1] += s->start[g];
    memcpy(at, s->start, (size_t)p->groups * sizeof *at);
    for (int64_t i = 0; i < p->n; i++) s->member[at[p->group[i]]++] = i;
    return CULL_OK;
}

static cull_status room(cull_ctx *cx, state *s)
{
    int64_t d = s->p->d, shadows = d < s->o->shadows ? s->o->shadows : d;
    CULL_TRY(cull__tree_bins(cx, s->p->x, s->p->levels, &s->b));
    CULL_TRY(CULL_TMP(cx, s->shadow, shadows * s->p->n));
    CULL_TRY(CULL_TMP(cx, s->col, d + shadows));
    CULL_TRY(CULL_TMP(cx, s->named, d + shadows));
    CULL_TRY(CULL_TMP(cx, s->worth, d + shadows));
    CULL_TRY(CULL_TMP0(cx, s->verdict, d));
    CULL_TRY(CULL_TMP0(cx, s->sum, d));
    CULL_TRY(CULL_TMP(cx, s->pvalue, d));
    CULL_TRY(CULL_TMP(cx, s->live, d));
    CULL_TRY(CULL_TMP0(cx, s->hits, d));
    CULL_TRY(CULL_TMP0(cx, s->seen, d));
    CULL_TRY(CULL_TMP(cx, s->bar, s->o->rounds));
    if (s->o->rough) CULL_TRY(CULL_TMP(cx, s->past, s->o->rounds * d));
    return list_groups(cx, s);
}

static cull_status found(cull_ctx *cx, state *s, cull_feature_pick *out)
{
    cull__taker t;
    double *kept;
    int64_t d = s->p->d;
    CULL_TRY(CULL_TMP(cx, kept, d));
    for (int64_t c = 0; c < d; c++) {
        s->sum[c] = s->seen[c] ? s->sum[c] / (double)s->seen[c] : NAN;
        kept[c] = s->verdict[c] == CULL_CONFIRMED ? s->sum[c] : NAN;
    }
    CULL_TRY(cull__columns_taker(cx, s->p, &t));
    CULL_TRY(cull__columns_best(cx, s->p, &t, kept));
    cull__columns say = {.score = s->sum,
                         .p = s->pvalue,
                         .verdict = s->verdict,
                         .score_is = "mean share of the forest's importance"};
    return cull__columns_pick(cx, s->p, &t, &say, out);
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    state s = {.p = p, .o = o};
    int64_t left = 0;
    if (!p->y)
        return cull__fail(cx, CULL_EINPUT, "boruta takes one target; there are %d",
                          (int)cull_pool_d(p->ys));
    CULL_TRY(room(cx, &s));
    for (int64_t c = 0; c < p->d; c++) {
        s.pvalue[c] = NAN;
        if ((p->avoid && p->avoid[c]) || cull__binned_constant(&s.b, c)) continue;
        s.verdict[c] = p->have && p->have[c] ? CULL_CONFIRMED : CULL_TENTATIVE;
        left += s.verdict[c] == CULL_TENTATIVE;
    }
    CULL_TRY(play(cx, &s, left));
    return found(cx, &s, out);
}

static void plan(const cull_feature_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    int64_t shadows = p->d < o->shadows ? o->shadows : p->d, d = p->d + shadows;
    cull__forest_opts f = {.trees = o->grow, .depth = o->depth, .mtry = (int64_t)sqrt((double)d)};
    uint64_t bins = cull__tree_bins_bytes(p->n, p->d, threads), c = (uint64_t)p->d;
    uint64_t held = (uint64_t)(shadows * p->n) + 17 * (uint64_t)d + 41 * c +
                    8 * (uint64_t)o->rounds * (o->rough ? 1 + c / 2 : 1) +
                    (p->group ? 16 * (uint64_t)p->groups + 8 * (uint64_t)p->n : 0);
    uint64_t forest = (uint64_t)p->n * c + 9 * c + held +
                      cull__forest_bytes(p->n, p->n, d, p->classes, 0, threads);
    out->bytes = (forest > bins ? forest : bins) + cull__columns_plan(p);
    out->passes = 1;
    out->flops = (double)o->rounds * cull__forest_flops(p->n, d, p->classes, &f);
}

const cull_method cull__method_boruta = {
    .slug = "boruta",
    .title = "all columns that beat columns permuted at random",
    .paper = "Kursa and Rudnicki, 2010, Feature Selection with the Boruta Package",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES |
             CULL_OWN_NUMBER,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
