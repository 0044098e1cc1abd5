/* forest.c - a random forest over columns of codes: each split is a set of codes that go left. */
#include "score/forest.h"

#include <math.h>
#include <string.h>

enum { CHUNKS = 32 };

/* A row of a tree's sample: how often it was drawn, its class, its number times that. */
typedef struct {
    int32_t row, kind;
    double w, wy;
} item;
/* Items [lo, hi) are a node's. */
typedef struct {
    int64_t lo, hi, at;
    int64_t depth;
} span;
typedef struct {
    double gain; /* times the node's weight */
    int32_t col;
    uint64_t mask;
} split;

typedef struct {
    const cull__table *t;
    const cull__forest_opts *o;
    int64_t rows, mtry, k; /* k: sums of a node beside its weight */
    const double *y;       /* n: 0/1 or numbers of mean 0 and variance 1; not of more classes */
    double mean, sd;
    const int64_t *test;
    int64_t tests, grain;
    double *worth, *said; /* a part for each chunk, or NULL */
    cull__grown *kept;    /* or NULL */
} forest;

/* What grows one tree after the other, in one worker. */
typedef struct {
    const forest *f;
    cull_rng r;
    item *at, *spare;
    int32_t *perm; /* d: columns, in the order of the last draws */
    span *todo;
    double *h, *sum,
        *left; /* (CULL__BINS, k + 1), zeros between columns; k + 1: of the node, a side */
    cull__node *node;
    double *value; /* (nodes, k): means */
    int64_t nodes;
    int32_t *drawn; /* rows or groups: times drawn */
    int64_t *out, *mixed;
    int64_t outs; /* rows left out of the sample */
    uint8_t *used;
    double *worth;
} grower;

/* ---- a tree's sample ---- */

static int64_t row_of(const forest *f, int64_t i) { return f->t->row ? f->t->row[i] : i; }

static void draw_rows(grower *g, int64_t *m)
{
    const forest *f = g->f;
    const int32_t *group = f->t->group;
    int64_t units = group ? f->t->groups : f->rows;
    memset(g->drawn, 0, (size_t)units * sizeof *g->drawn);
    for (int64_t i = 0; i < units; i++) g->drawn[cull__rng_below(&g->r, units)]++;
    *m = g->outs = 0;
    for (int64_t i = 0; i < f->rows; i++) {
        int64_t row = row_of(f, i);
        double w = g->drawn[group ? group[row] : i];
        if (f->t->weight) w *= f->t->weight[row];
        if (w > 0)
            g->at[(*m)++] = (item){(int32_t)row, f->k > 1 ? (int32_t)f->t->y[row] : 0, w,
                                   f->k > 1 ? 0 : w * f->y[row]};
        else
            g->out[g->outs++] = row;
    }
}

/* ---- the best split of a node by a column ---- */

/* Codes in the order of key; few, so by insertion. */
static void order_codes(const double *key, int *code, int n)
{
    for (int i = 1; i < n; i++) {
        int c = code[i], j = i;
        for (; j > 0 && key[code[j - 1]] > key[c]; j--) code[j] = code[j - 1];
        code[j] = c;
    }
}

static void order_names(const double *h, const double *all, int64_t k, int *code, int n)
{
    double key[CULL__BINS];
    int64_t top = 1;
    for (int64_t c = 2; c <= k; c++)
        if (all[c] > all[top]) top = c;
    for (int i = 0; i < n; i++) key[code[i]] = h[code[i] * (k + 1) + top] / h[code[i] * (k + 1)];
    order_codes(key, code, n);
}

/* The best of the splits that send code[0..i] left, with what misses a value (left) or without it. What a split
 * takes from the squared error is sum_c (l_c a_0 - a_c l_0)^2 / (a_0 l_0 r_0), of sums l and r of the sides
 * and a of the node; so the loop needs no division. */
static inline void scan(const grower *g, const int *code, int n, bool left, bool missing, int64_t k,
                        split *best, int32_t col)
{
    double l0 = 0, l1 = 0, leaf = (double)g->f->o->leaf, most = best->gain;
    double *l = g->left, a0 = g->sum[0], a1 = g->sum[1];
    const double *a = g->sum, *miss = g->h + CULL__MISSING * (k + 1);
    int last = missing && !left ? n : n - 1; /* values against none are a split too */
    int at = -1;
    if (left) l0 = miss[0], l1 = miss[1];
    for (int64_t c = 2; c <= k; c++) l[c] = left ? miss[c] : 0;
    for (int i = 0; i < last; i++) {
        const double *h = g->h + code[i] * (k + 1);
        l0 += h[0], l1 += h[1];
        double e = l1 * a0 - a1 * l0, gain = e * e, both = l0 * (a0 - l0);
        for (int64_t c = 2; c <= k; c++) {
            l[c] += h[c];
            e = l[c] * a0 - a[c] * l0;
            gain += e * e;
        }
        if (gain > most * both && l0 >= leaf && a0 - l0 >= leaf) most = gain / both, at = i;
    }
    if (at < 0) return;
    *best = (split){most, col, left ? UINT64_C(1) << CULL__MISSING : 0};
    for (int i = 0; i <= at; i++) best->mask |= UINT64_C(1) << code[i];
}

/* Adds the node's items to cells that were zero; which codes there are. */
static inline uint64_t histogram(const grower *g, const uint8_t *col, const span *s, int64_t k)
{
    uint64_t seen = 0;
    for (int64_t i = s->lo; i < s->hi; i++) {
        const item *a = g->at + i;
        int code = col[a->row];
        double *cell = g->h + code * (k + 1);
        seen |= UINT64_C(1) << code;
        cell[0] += a->w;
        if (k > 1)
            cell[1 + a->kind] += a->w;
        else
            cell[1] += a->wy;
    }
    return seen;
}

static inline void try_column(const grower *g, int32_t col, const span *s, int64_t k, split *best)
{
    const cull__table *t = g->f->t;
    int code[CULL__BINS], n = 0;
    uint64_t seen = histogram(g, t->col[col], s, k);
    bool missing = seen >> CULL__MISSING & 1;
    for (uint64_t m = seen & ~(UINT64_C(1) << CULL__MISSING); m; m &= m - 1)
        code[n++] = __builtin_ctzll(m);
    if (n + missing > 1) {
        if (t->named && t->named[col]) order_names(g->h, g->sum, k, code, n);
        scan(g, code, n, false, missing, k, best, col);
        if (missing) scan(g, code, n, true, missing, k, best, col);
    }
    for (uint64_t m = seen; m; m &= m - 1) {
        double *cell = g->h + __builtin_ctzll(m) * (k + 1);
        for (int64_t c = 0; c <= k; c++) cell[c] = 0;
    }
}

/* At least mtry columns are tried, and more until one tells the rows apart. */
static split best_split(grower *g, const span *s)
{
    int64_t d = g->f->t->d, k = g->f->k;
    split best = {-1, -1, 0};
    for (int64_t i = 0; i < d && (i < g->f->mtry || best.col < 0); i++) {
        int64_t j = i + cull__rng_below(&g->r, d - i);
        int32_t c = g->perm[j];
        g->perm[j] = g->perm[i], g->perm[i] = c;
        if (k == 1)
            try_column(g, c, s, 1, &best);
        else
            try_column(g, c, s, k, &best);
    }
    return best;
}

/* ---- growing ---- */

/* The node's sums; whether its target differs. */
static bool sums_of(const grower *g, const span *s)
{
    int64_t k = g->f->k;
    double *all = g->sum;
    bool differ = false;
    const item *first = g->at + s->lo;
    memset(all, 0, (size_t)(k + 1) * sizeof *all);
    for (int64_t i = s->lo; i < s->hi; i++) {
        const item *a = g->at + i;
        all[0] += a->w;
        if (k > 1)
            all[1 + a->kind] += a->w, differ |= a->kind != first->kind;
        else
            all[1] += a->wy, differ |= a->wy * first->w != first->wy * a->w;
    }
    return differ;
}

/* Items that go left come first, both sides in their order. */
static int64_t part_items(grower *g, const span *s, const split *b)
{
    const uint8_t *col = g->f->t->col[b->col];
    int64_t at = s->lo, right = 0;
    for (int64_t i = s->lo; i < s->hi; i++) {
        if (b->mask >> col[g->at[i].row] & 1)
            g->at[at++] = g->at[i];
        else
            g->spare[right++] = g->at[i];
    }
    memcpy(g->at + at, g->spare, (size_t)right * sizeof *g->at);
    return at;
}

/* Codes up to the middle between the last that goes left and the first that does not. */
static uint64_t below_middle(uint64_t left, uint64_t right)
{
    int a = 63 - __builtin_clzll(left), b = __builtin_ctzll(right);
    return (UINT64_C(2) << (a + b) / 2) - 1;
}

/* Codes that no row of the node has go where most rows go, or in a forest that is kept by their order. */
static uint64_t unseen_too(const grower *g, const span *s, const split *b, int64_t mid)
{
    const cull__table *t = g->f->t;
    const uint8_t *col = t->col[b->col];
    uint64_t seen = 0;
    if (g->f->kept && !(t->named && t->named[b->col])) {
        for (int64_t i = s->lo; i < s->hi; i++) seen |= UINT64_C(1) << col[g->at[i].row];
        if (!(seen >> CULL__MISSING & 1)) return below_middle(b->mask, seen & ~b->mask);
        seen = 0;
    }
    if (mid - s->lo < s->hi - mid) return b->mask;
    for (int64_t i = s->lo; i < s->hi; i++) seen |= UINT64_C(1) << col[g->at[i].row];
    return b->mask | ~seen;
}

static void credit(grower *g, const split *b)
{
    if (g->f->o->worth == CULL__GAIN) g->worth[b->col] += b->gain / g->sum[0];
    if (g->f->o->worth == CULL__COUNT) g->worth[b->col]++;
    g->used[b->col] = 1;
}

static void grow(grower *g, int64_t m)
{
    const cull__forest_opts *o = g->f->o;
    int64_t k = g->f->k, open = 0;
    g->nodes = 1;
    g->todo[open++] = (span){0, m, 0, 0};
    while (open) {
        span s = g->todo[--open];
        cull__node *at = g->node + s.at;
        bool differ = sums_of(g, &s);
        for (int64_t c = 0; c < k; c++) g->value[s.at * k + c] = g->sum[1 + c] / g->sum[0];
        *at = (cull__node){-1, -1, 0};
        if (!differ || (o->depth && s.depth >= o->depth) || g->sum[0] < 2 * (double)o->leaf)
            continue;
        split b = best_split(g, &s);
        if (b.col < 0) continue;
        credit(g, &b);
        int64_t mid = part_items(g, &s, &b);
        *at = (cull__node){b.col, (int32_t)g->nodes, unseen_too(g, &s, &b, mid)};
        g->todo[open++] = (span){mid, s.hi, g->nodes + 1, s.depth + 1};
        g->todo[open++] = (span){s.lo, mid, g->nodes, s.depth + 1};
        g->nodes += 2;
    }
}

/* ---- asking ---- */

/* The leaf of a row, whose code in column c is that of row `as`. */
static int64_t leaf_of(const grower *g, int64_t row, int32_t c, int64_t as)
{
    int64_t at = 0;
    for (const cull__node *p = g->node; p->left >= 0; p = g->node + at) {
        int code = g->f->t->col[p->col][p->col == c ? as : row];
        at = p->left + !(p->mask >> code & 1);
    }
    return at;
}

static double mistake(const grower *g, int64_t row, int32_t c, int64_t as)
{
    int64_t k = g->f->k;
    const double *v = g->value + leaf_of(g, row, c, as) * k;
    if (k == 1 && g->f->t->classes) return (v[0] > 0.5) != (g->f->y[row] > 0.5);
    if (k == 1) return (v[0] - g->f->y[row]) * (v[0] - g->f->y[row]);
    int64_t top = 0;
    for (int64_t i = 1; i < k; i++)
        if (v[i] > v[top]) top = i;
    return top != (int64_t)g->f->t->y[row];
}

static void permute_columns(grower *g)
{
    double plain = 0;
    for (int64_t i = 0; i < g->outs; i++) plain += mistake(g, g->out[i], -1, 0);
    for (int64_t c = 0; g->outs && c < g->f->t->d; c++) {
        double mixed = 0;
        if (!g->used[c]) continue;
        memcpy(g->mixed, g->out, (size_t)g->outs * sizeof *g->mixed);
        cull__rng_shuffle(&g->r, g->mixed, g->outs);
        for (int64_t i = 0; i < g->outs; i++)
            mixed += mistake(g, g->out[i], (int32_t)c, g->mixed[i]);
        g->worth[c] += (mixed - plain) / (double)g->outs;
    }
}

static void answer(const grower *g, double *said)
{
    const forest *f = g->f;
    for (int64_t i = 0; i < f->tests; i++) {
        const double *v = g->value + leaf_of(g, f->test[i], -1, 0) * f->k;
        for (int64_t c = 0; c < f->k; c++) said[i * f->k + c] += v[c];
    }
}

/* ---- the forest ---- */

static cull_status room(cull_ctx *cx, grower *g)
{
    const forest *f = g->f;
    int64_t m = f->rows, units = f->t->group ? f->t->groups : m;
    CULL_TRY(CULL_TMP(cx, g->at, m));
    CULL_TRY(CULL_TMP(cx, g->spare, m));
    CULL_TRY(CULL_TMP(cx, g->perm, f->t->d));
    CULL_TRY(CULL_TMP(cx, g->todo, m + 1));
    CULL_TRY(CULL_TMP0(cx, g->h, CULL__BINS * (f->k + 1)));
    CULL_TRY(CULL_TMP(cx, g->sum, f->k + 1));
    CULL_TRY(CULL_TMP(cx, g->left, f->k + 1));
    CULL_TRY(CULL_TMP(cx, g->node, 2 * m + 1));
    CULL_TRY(CULL_TMP(cx, g->value, (2 * m + 1) * f->k));
    CULL_TRY(CULL_TMP(cx, g->drawn, units));
    CULL_TRY(CULL_TMP(cx, g->out, m));
    CULL_TRY(CULL_TMP(cx, g->mixed, m));
    return CULL_TMP0(cx, g->used, f->t->d);
}

/* ---- a forest that is kept ---- */

static cull_status keep_tree(cull_ctx *cx, const grower *g, cull__tree *t)
{
    CULL_TRY(CULL_ALLOC(cx, t->at, g->nodes));
    CULL_TRY(CULL_ALLOC(cx, t->value, g->nodes));
    memcpy(t->at, g->node, (size_t)g->nodes * sizeof *t->at);
    memcpy(t->value, g->value, (size_t)g->nodes * sizeof *t->value);
    return CULL_OK;
}

static cull_status grow_trees(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const forest *f = arg;
    int64_t d = f->t->d, m;
    grower g = {.f = f};
    double *none = NULL;
    CULL_TRY(room(cx, &g));
    if (!f->worth) CULL_TRY(CULL_TMP0(cx, none, d));
    g.worth = f->worth ? f->worth + chunk * d : none;
    for (int64_t tree = lo; tree < hi; tree++) {
        CULL_TRY(cull__tick(cx, 0, 1));
        g.r = cull__rng(cx, cull__hash64(&tree, sizeof tree, f->o->stream));
        for (int64_t c = 0; c < d; c++) g.perm[c] = (int32_t)c;
        memset(g.used, 0, (size_t)d);
        draw_rows(&g, &m);
        if (!m) continue; /* groups without a row were drawn */
        grow(&g, m);
        if (f->worth && f->o->worth == CULL__PERMUTATION) permute_columns(&g);
        if (f->said) answer(&g, f->said + chunk * f->tests * f->k);
        if (f->kept) CULL_TRY(keep_tree(cx, &g, f->kept->tree + tree));
    }
    return CULL_OK;
}

/* Numbers with mean 0 and variance 1 over the rows that teach; of two classes 0 and 1. */
static cull_status set_target(cull_ctx *cx, forest *f)
{
    const cull__table *t = f->t;
    double *y, sum = 0, sq = 0;
    f->k = t->classes > 2 ? t->classes : 1;
    f->mean = 0, f->sd = 1;
    f->y = t->y;
    if (t->classes) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, y, t->n));
    for (int64_t i = 0; i < f->rows; i++) sum += t->y[row_of(f, i)];
    f->mean = sum / (double)f->rows;
    for (int64_t i = 0; i < f->rows; i++) {
        double e = t->y[row_of(f, i)] - f->mean;
        sq += e * e;
    }
    f->sd = sq > 0 && isfinite(sq) ? sqrt(sq / (double)f->rows) : 1;
    for (int64_t i = 0; i < t->n; i++) y[i] = (t->y[i] - f->mean) / f->sd;
    f->y = y;
    return CULL_OK;
}

static void reduce(const double *part, int64_t chunks, int64_t n, double scale, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = 0;
        for (int64_t c = 0; c < chunks; c++) out[i] += part[c * n + i];
        out[i] *= scale;
    }
}

/* Sums of two classes are those of class 1. */
static void finish(const forest *f, int64_t chunks, double *worth, double *said)
{
    double each = 1 / (double)f->o->trees;
    if (worth) {
        double gain = f->o->worth == CULL__GAIN          ? f->sd * f->sd / (double)f->rows
                      : f->o->worth == CULL__PERMUTATION ? f->sd * f->sd
                                                         : 1;
        reduce(f->worth, chunks, f->t->d, each * gain, worth);
    }
    if (!said) return;
    if (f->t->classes != 2) {
        reduce(f->said, chunks, f->tests * f->k, each, said);
        for (int64_t i = 0; !f->t->classes && i < f->tests; i++)
            said[i] = said[i] * f->sd + f->mean;
        return;
    }
    for (int64_t i = 0; i < f->tests; i++) {
        double one = 0;
        for (int64_t c = 0; c < chunks; c++) one += f->said[c * f->tests + i];
        said[2 * i + 1] = one * each;
        said[2 * i] = 1 - one * each;
    }
}

static int64_t chunks_of(int64_t trees, int64_t *grain)
{
    *grain = (trees + CHUNKS - 1) / CHUNKS;
    return (trees + *grain - 1) / *grain;
}

static int64_t columns_of(const cull__table *t, const cull__forest_opts *o)
{
    double d = (double)t->d;
    return o->mtry ? o->mtry : (int64_t)ceil(t->classes ? sqrt(d) : d / 3);
}

static cull_status fit(cull_ctx *cx, const cull__table *t, const cull__forest_opts *o,
                       double *worth, const int64_t *test, int64_t tests, double *said)
{
    forest f = {.t = t, .o = o, .rows = t->row ? t->rows : t->n, .test = test, .tests = tests};
    CULL_TRY(set_target(cx, &f));
    f.mtry = columns_of(t, o);
    int64_t chunks = chunks_of(o->trees, &f.grain);
    if (worth) CULL_TRY(CULL_TMP0(cx, f.worth, chunks * t->d));
    if (said) CULL_TRY(CULL_TMP0(cx, f.said, chunks * tests * f.k));
    CULL_TRY(cull__for(cx, o->trees, f.grain, grow_trees, &f));
    finish(&f, chunks, worth, said);
    return CULL_OK;
}

cull_status cull__forest(cull_ctx *cx, const cull__table *t, const cull__forest_opts *o,
                         double *worth, const int64_t *test, int64_t tests, double *said)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status s = fit(cx, t, o, worth, test, tests, said);
    cull__release(cx, mark);
    return s;
}

static cull_status grow_kept(cull_ctx *cx, const cull__table *t, const cull__forest_opts *o,
                             cull__grown *g)
{
    forest f = {.t = t, .o = o, .rows = t->row ? t->rows : t->n, .kept = g};
    g->trees = o->trees, g->d = t->d;
    CULL_TRY(CULL_ALLOC(cx, g->tree, o->trees));
    CULL_TRY(set_target(cx, &f));
    g->mean = f.mean, g->sd = f.sd;
    f.mtry = columns_of(t, o);
    (void)chunks_of(o->trees, &f.grain);
    return cull__for(cx, o->trees, f.grain, grow_trees, &f);
}

cull_status cull__forest_keep(cull_ctx *cx, const cull__table *t, const cull__forest_opts *o,
                              cull__grown **out)
{
    cull__grown *g;
    CULL_TRY(CULL_ALLOC(cx, g, 1));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = grow_kept(cx, t, o, g);
    cull__release(cx, mark);
    if (s == CULL_OK)
        *out = g;
    else
        cull__forest_free(g);
    return s;
}

uint64_t cull__forest_bytes(int64_t rows, int64_t n, int64_t d, int32_t classes, int64_t tests,
                            int workers)
{
    uint64_t k = classes > 2 ? (uint64_t)classes : 1, m = (uint64_t)rows, c = (uint64_t)d;
    uint64_t each = m * (2 * sizeof(item) + sizeof(span) + 2 * sizeof(cull__node) + 16 * k + 20) +
                    5 * c + 8 * (CULL__BINS + 2) * (k + 1);
    uint64_t w = (uint64_t)(workers < CHUNKS ? workers : CHUNKS);
    return w * each + 8 * CHUNKS * (c + (uint64_t)tests * k) + (classes ? 0 : 8 * (uint64_t)n);
}

double cull__forest_flops(int64_t rows, int64_t d, int32_t classes, const cull__forest_opts *o)
{
    double m = (double)rows, depth = log2(m + 2) * 1.5;
    double mtry = o->mtry ? (double)o->mtry : classes ? sqrt((double)d) : (double)d / 3;
    if (o->depth && (double)o->depth < depth) depth = (double)o->depth;
    return (double)o->trees * m * 0.63 * mtry * depth * 4;
}
