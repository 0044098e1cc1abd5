/* fanova.c - how much of a forest's variance over the whole space each parameter, and each pair, makes: functional ANOVA (Hutter,
 * Hoos and Leyton-Brown 2014, section 3; cull/importance.h).
 *
 * A tree is constant on boxes, its leaves: sets of values in each parameter. Their shares of the space are known, so a marginal,
 * the tree's mean over all other parameters, is a sum over leaves, exact without a point drawn. A leaf adds the same number to a
 * run of neighbouring codes: it is entered where the run begins and taken back where it ends, and sums come last. */
#include "cull/importance.h"
#include "score/trees.h"

#include <math.h>
#include <string.h>

enum { TREES = 64, DEPTH = 64, AMONG = 8, CODES = CULL__BINS, GRID = CODES * CODES };

/* ---- parameters as columns of codes ---- */

typedef struct {
    int param;
    bool named; /* its codes are its values, without an order */
    int cuts;
    double cut[CULL__CUTS]; /* else of 0..1 */
    uint64_t all;           /* codes */
    double below[CODES];    /* below[k]: the share of the domain whose codes are less than k */
} column;

typedef struct {
    const cull_space *space;
    column *c; /* d: those that take part */
    int d;
    int64_t n;
    uint8_t *code; /* (d, n) */
    cull__grown *forest;
} plan;

/* A cut between two values of a discrete parameter, moved to where one's part of 0..1 ends and the next one's begins; what lies
 * on the cut, up to rounding, is above it. */
static double between_values(const cull_space_param *p, double cut)
{
    if (p->kind == CULL_SPACE_REAL) return cut;
    if (p->kind == CULL_SPACE_INT && p->log) {
        double least = p->lo - 0.5, span = log((p->hi + 0.5) / least);
        return log((floor(least * exp(cut * span)) + 0.5) / least) / span;
    }
    return ceil(cut * (double)p->n - 0.5 - 1e-6) / (double)p->n;
}

static void set_domain(const cull_space_param *p, column *c)
{
    int codes = c->named ? (int)p->n : c->cuts + 1;
    c->all = (UINT64_C(1) << codes) - 1;
    c->below[0] = 0;
    for (int k = 1; k <= codes; k++)
        c->below[k] = c->named && p->weight ? c->below[k - 1] + p->weight[k - 1]
                      : c->named            ? (double)k / (double)p->n
                      : k == codes          ? 1
                                            : c->cut[k - 1];
}

/* u (n): places of its values in 0..1. */
static void set_column(const cull_space *s, const double *u, double *room, int64_t n, column *c,
                       uint8_t *code)
{
    const cull_space_param *p = cull_space_at(s, c->param);
    c->named = p->kind == CULL_SPACE_CATEGORY && p->n <= CULL__MISSING;
    if (!c->named) {
        memcpy(room, u, (size_t)n * sizeof *room);
        c->cuts = cull__cuts_of(room, n, c->cut);
        for (int k = 0; k < c->cuts; k++) c->cut[k] = between_values(p, c->cut[k]);
    }
    for (int64_t i = 0; i < n; i++)
        code[i] = c->named ? (uint8_t)(u[i] * (double)p->n) : cull__cut_code(c->cut, c->cuts, u[i]);
    set_domain(p, c);
}

/* One number, active in every row. */
static bool takes_part(const cull_space *s, const double *x, int64_t n, int i)
{
    const cull_space_param *p = cull_space_at(s, i);
    int64_t width = cull_space_width(s);
    if (p->kind == CULL_SPACE_SUBSET || p->kind == CULL_SPACE_PERMUTATION ||
        p->kind == CULL_SPACE_SIMPLEX)
        return false;
    for (int64_t k = 0; k < n; k++)
        if (isnan(x[k * width + p->at])) return false;
    return true;
}

static cull_status set_columns(cull_ctx *cx, const cull_space *s, const double *x, int64_t n,
                               plan *g)
{
    int params = cull_space_params(s);
    int64_t width = cull_space_features(s, CULL_ENCODE_FLAT);
    double *flat, *u, *room;
    *g = (plan){.space = s, .n = n};
    CULL_TRY(CULL_TMP(cx, g->c, params));
    CULL_TRY(CULL_TMP(cx, g->code, n * params));
    CULL_TRY(CULL_TMP(cx, flat, n * width));
    CULL_TRY(CULL_TMP(cx, u, n));
    CULL_TRY(CULL_TMP(cx, room, n));
    for (int64_t k = 0; k < n; k++)
        cull_space_encode(s, CULL_ENCODE_FLAT, x + k * cull_space_width(s), flat + k * width);
    for (int i = 0; i < params; i++) {
        if (!takes_part(s, x, n, i)) continue;
        column *c = &g->c[g->d];
        *c = (column){.param = i};
        for (int64_t k = 0; k < n; k++) u[k] = flat[k * width + cull_space_at(s, i)->at];
        set_column(s, u, room, n, c, g->code + g->d++ * n);
    }
    if (g->d) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "functional ANOVA: no parameter with one number is active in all %lld trials",
                      (long long)n);
}

static cull_status grow(cull_ctx *cx, plan *g, const double *y, const cull_fanova_opts *o)
{
    const uint8_t **col;
    uint8_t *named;
    CULL_TRY(CULL_TMP(cx, col, g->d));
    CULL_TRY(CULL_TMP(cx, named, g->d));
    for (int j = 0; j < g->d; j++) col[j] = g->code + j * g->n, named[j] = g->c[j].named;
    const cull__table t = {.n = g->n, .d = g->d, .col = col, .named = named, .y = y, .rows = g->n};
    const cull__forest_opts how = {.trees = o->trees ? o->trees : TREES,
                                   .depth = DEPTH,
                                   .leaf = 1,
                                   .mtry = g->d,
                                   .worth = CULL__COUNT,
                                   .stream = o->stream};
    return cull__forest_keep(cx, &t, &how, &g->forest);
}

/* ---- one tree ---- */

typedef struct {
    const plan *g;
    uint64_t *set;       /* d */
    double *part, *sum;  /* d: shares of a leaf's sets; (d, CODES) */
    double mean, square; /* of the tree over the space */
    double *own;         /* d: variances of the columns' marginals */
    const int *among;    /* columns whose pairs are looked at */
    int pairs, k;        /* k of them */
    double *grid;        /* (pairs, GRID) */
} tally;

/* The next run of neighbouring codes of *set, which it leaves: [lo, hi). */
static bool next_run(uint64_t *set, int *lo, int *hi)
{
    if (!*set) return false;
    *lo = __builtin_ctzll(*set);
    *hi = *lo + __builtin_ctzll(~(*set >> *lo)); /* code 63 is of what is missing: never there */
    *set &= ~((UINT64_C(1) << *hi) - 1);
    return true;
}

static double share_of(const column *c, uint64_t set)
{
    double sum = 0;
    for (int lo, hi; next_run(&set, &lo, &hi);) sum += c->below[hi] - c->below[lo];
    return sum;
}

static double weigh(tally *t, const uint64_t *set)
{
    double w = 1;
    for (int j = 0; j < t->g->d; j++) w *= t->part[j] = share_of(&t->g->c[j], set[j]);
    return w;
}

static void add_single(void *arg, const uint64_t *set, double value)
{
    tally *t = arg;
    double w = weigh(t, set);
    t->mean += w * value;
    t->square += w * value * value;
    for (int j = 0; j < t->g->d; j++) {
        double a = w / t->part[j] * value;
        uint64_t rest = set[j];
        for (int lo, hi; next_run(&rest, &lo, &hi);)
            t->sum[j * CODES + lo] += a, t->sum[j * CODES + hi] -= a;
    }
}

static void add_rows(double *grid, uint64_t rows, uint64_t columns, double a)
{
    for (int lo, hi; next_run(&rows, &lo, &hi);) {
        uint64_t rest = columns;
        for (int from, to; next_run(&rest, &from, &to);) {
            grid[lo * CODES + from] += a, grid[lo * CODES + to] -= a;
            grid[hi * CODES + from] -= a, grid[hi * CODES + to] += a;
        }
    }
}

static void add_pairs(void *arg, const uint64_t *set, double value)
{
    tally *t = arg;
    double w = weigh(t, set), *grid = t->grid;
    for (int a = 0; a < t->k; a++)
        for (int b = a + 1; b < t->k; b++, grid += GRID) {
            int i = t->among[a], j = t->among[b];
            add_rows(grid, set[i], set[j], w / (t->part[i] * t->part[j]) * value);
        }
}

static void go_through(tally *t, int64_t tree, cull__leaf_fn *fn)
{
    for (int j = 0; j < t->g->d; j++) t->set[j] = t->g->c[j].all;
    cull__forest_leaves(t->g->forest, tree, t->set, fn, t);
}

static double share_at(const column *c, int code) { return c->below[code + 1] - c->below[code]; }

static void singles(tally *t, int64_t tree)
{
    t->mean = t->square = 0;
    memset(t->sum, 0, (size_t)t->g->d * CODES * sizeof *t->sum);
    go_through(t, tree, add_single);
    for (int j = 0; j < t->g->d; j++) {
        const column *c = &t->g->c[j];
        double here = 0;
        t->own[j] = 0;
        for (int k = 0; c->all >> k & 1; k++) {
            here += t->sum[j * CODES + k];
            t->own[j] += share_at(c, k) * (here - t->mean) * (here - t->mean);
        }
    }
}

/* What a pair makes beside its two parameters. */
static double pair_of(const tally *t, double *grid, int i, int j)
{
    const column *a = &t->g->c[i], *b = &t->g->c[j];
    double both = 0;
    for (int k = 0; a->all >> k & 1; k++) {
        double here = 0, *row = grid + k * CODES;
        for (int l = 0; b->all >> l & 1; l++) {
            if (k) row[l] += row[l - CODES];
            here += row[l];
            both += share_at(a, k) * share_at(b, l) * (here - t->mean) * (here - t->mean);
        }
    }
    return fmax(both - t->own[i] - t->own[j], 0); /* below 0 by rounding alone */
}

/* ---- all trees ---- */

typedef struct {
    const plan *g;
    const int *among; /* NULL = columns by themselves */
    int k, results;
    double *share; /* (trees, results): of the tree's variance; NaN where it has none */
} job;

static cull_status room(cull_ctx *cx, const job *j, tally *t)
{
    int64_t d = j->g->d;
    *t = (tally){.g = j->g, .among = j->among, .k = j->k, .pairs = j->k * (j->k - 1) / 2};
    CULL_TRY(CULL_TMP(cx, t->set, d));
    CULL_TRY(CULL_TMP(cx, t->part, d));
    CULL_TRY(CULL_TMP(cx, t->sum, d * CODES));
    CULL_TRY(CULL_TMP(cx, t->own, d));
    return CULL_TMP(cx, t->grid, t->pairs * GRID);
}

static void one_tree(const job *j, tally *t, int64_t tree)
{
    double *out = j->share + tree * j->results;
    singles(t, tree);
    double all = t->square - t->mean * t->mean;
    if (j->among) {
        double *grid = t->grid;
        memset(grid, 0, (size_t)t->pairs * GRID * sizeof *grid);
        go_through(t, tree, add_pairs);
        for (int a = 0, r = 0; a < t->k; a++)
            for (int b = a + 1; b < t->k; b++, grid += GRID)
                out[r++] = pair_of(t, grid, t->among[a], t->among[b]);
    } else
        memcpy(out, t->own, (size_t)j->results * sizeof *out);
    for (int r = 0; r < j->results; r++) out[r] = all > 0 ? out[r] / all : NAN;
}

static cull_status some_trees(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    tally t;
    (void)chunk;
    CULL_TRY(room(cx, j, &t));
    for (int64_t tree = lo; tree < hi; tree++) {
        CULL_TRY(cull__tick(cx, 0, 0));
        one_tree(j, &t, tree);
    }
    return CULL_OK;
}

/* Mean and standard deviation over the trees that vary. */
static void over_trees(const job *j, int64_t trees, int r, double *mean, double *sd)
{
    double square = 0;
    int64_t n = 0;
    *mean = 0;
    for (int64_t t = 0; t < trees; t++) {
        double v = j->share[t * j->results + r], e = v - *mean;
        if (isnan(v)) continue;
        *mean += e / (double)++n; /* Welford 1962 */
        square += e * (v - *mean);
    }
    *sd = n > 1 ? sqrt(square / (double)(n - 1)) : 0;
    if (!n) *mean = *sd = NAN;
}

static cull_status ask(cull_ctx *cx, job *j, int64_t trees)
{
    CULL_TRY(CULL_TMP(cx, j->share, trees * j->results));
    return cull__for(cx, trees, 4, some_trees, j);
}

static cull_status ask_singles(cull_ctx *cx, const plan *g, int64_t trees, cull_fanova *out)
{
    job j = {.g = g, .results = g->d};
    CULL_TRY(ask(cx, &j, trees));
    for (int c = 0; c < g->d; c++) {
        cull_fanova *o = &out[g->c[c].param];
        over_trees(&j, trees, c, &o->share, &o->sd);
        if (isnan(o->share))
            return cull__fail(cx, CULL_EINPUT,
                              "functional ANOVA: no tree finds a difference between the values");
    }
    return CULL_OK;
}

/* Columns by share, the first k of them; equal ones in the space's order. */
static void most_important(const plan *g, const cull_fanova *out, int k, int *among)
{
    int n = 0;
    for (int c = 0; c < g->d; c++) {
        int at = n < k ? n++ : k;
        for (; at > 0 && out[g->c[among[at - 1]].param].share < out[g->c[c].param].share; at--)
            if (at < k) among[at] = among[at - 1];
        if (at < k) among[at] = c;
    }
}

static cull_status ask_pairs(cull_ctx *cx, const plan *g, int64_t trees, int k,
                             const cull_fanova *out, cull_fanova_pair *pair, int *pairs)
{
    int among[CULL_FANOVA_AMONG];
    most_important(g, out, k, among);
    job j = {.g = g, .among = among, .k = k, .results = k * (k - 1) / 2};
    CULL_TRY(ask(cx, &j, trees));
    for (int a = 0, r = 0; a < k; a++)
        for (int b = a + 1; b < k; b++, r++) {
            cull_fanova_pair p = {.a = g->c[among[a]].param, .b = g->c[among[b]].param};
            over_trees(&j, trees, r, &p.share, &p.sd);
            int at = (*pairs)++;
            for (; at > 0 && pair[at - 1].share < p.share; at--) pair[at] = pair[at - 1];
            pair[at] = p;
        }
    return CULL_OK;
}

/* ---- the door ---- */

static cull_status check(cull_ctx *cx, const cull_fanova_opts *o, const double *y, int64_t n)
{
    if (o->trees < 0 || o->trees > 10000)
        return cull__fail(cx, CULL_EOPTION, "%lld trees; at most 10000", (long long)o->trees);
    if (o->among < -1 || o->among > CULL_FANOVA_AMONG)
        return cull__fail(cx, CULL_EOPTION, "pairs among %d parameters; at most %d", o->among,
                          CULL_FANOVA_AMONG);
    if (n < 4 || n >= INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "functional ANOVA of %lld trials; at least 4 are needed",
                          (long long)n);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(y[i]))
            return cull__fail(cx, CULL_EINPUT, "functional ANOVA: trial %lld has the value %g",
                              (long long)i, y[i]);
    return CULL_OK;
}

static cull_status fanova(cull_ctx *cx, plan *g, const double *y, const cull_fanova_opts *o,
                          cull_fanova *out, cull_fanova_pair *pair, int *pairs)
{
    int64_t trees = o->trees ? o->trees : TREES;
    int k = o->among == -1 ? 0 : o->among ? o->among : AMONG;
    CULL_TRY(grow(cx, g, y, o));
    CULL_TRY(ask_singles(cx, g, trees, out));
    if (k > g->d) k = g->d;
    return pair && k > 1 ? ask_pairs(cx, g, trees, k, out, pair, pairs) : CULL_OK;
}

cull_status cull_search_fanova(cull_ctx *cx, const cull_space *s, int64_t n, const double *x,
                               const double *y, const cull_fanova_opts *o, cull_fanova *out,
                               cull_fanova_pair *pair, int *pairs)
{
    cull_fanova_opts mine = CULL_FANOVA_OPTS;
    plan g = {0};
    int none, *count = pairs ? pairs : &none;
    if (o) memcpy(&mine, o, o->size < sizeof mine ? o->size : sizeof mine);
    *count = 0;
    for (int i = 0; i < cull_space_params(s); i++) out[i] = (cull_fanova){NAN, NAN};
    CULL_TRY(check(cx, &mine, y, n));
    cull__mark_t mark = cull__mark(cx);
    cull_status status = set_columns(cx, s, x, n, &g);
    if (status == CULL_OK) status = fanova(cx, &g, y, &mine, out, pair, count);
    cull__forest_free(g.forest);
    cull__release(cx, mark);
    return status;
}
