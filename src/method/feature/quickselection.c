/* quickselection - the columns that a sparse autoencoder holds on to (Atashgahi et al. 2022).
 *
 * Chooses   columns by the strength of their links into the hidden layer of a denoising autoencoder,
 *           which is trained with few links from the start: no target, no dense weights.
 * Idea      After each epoch the links nearest 0 are dropped and as many new ones tried at random
 *           places (SET). What a column is worth to the reconstruction shows in what survives:
 *           its strength is the sum of its |weights| after the last drop, before anything regrows.
 * Reads     the columns, as numbers. A column that is constant or avoided is not in the network.
 * Deviates  f32, not f64. The noise has 65536 levels of equal probability, dropout a probability in
 *           steps of 2^-16. Gradients pass through units that were left out, as in the authors' code;
 *           the derivative of tanh is taken where it should be, which is not theirs. With fewer rows
 *           than a batch, all rows are one. The last epoch's steps are not taken: nothing reads them.
 *           The paper reports 10 and 100 epochs; the default is 100.
 * Cost      O(epochs (n (hidden + links) + links log links)) time with epsilon (d + hidden) links a
 *           layer; O(links + batch d) memory, and rows stay where they are. Two reads of each an epoch.
 * Example   cull feature quickselection --budget 50 --epochs 10 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "nn/sparse.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { LINEAR, TANH };
enum { Z_SCORE, MIN_MAX };
typedef struct {
    int64_t epochs, hidden, batch;
    double epsilon, zeta, noise, rate, momentum, decay, dropout;
    int activation, scale;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, epochs, 100, 2, 1e6, "passes over the rows"),
    CULL_OPT_I64(opts, hidden, 1000, 1, 1e6, "units of the hidden layer"),
    CULL_OPT_F64(opts, epsilon, 13, 0.01, 1e5,
                 "links of a layer, in units of its rows and columns"),
    CULL_OPT_F64(opts, zeta, 0.2, 0, 0.99, "share of the links that an epoch drops and grows anew"),
    CULL_OPT_F64(opts, noise, 0.2, 0, 100, "deviation of the noise that is to be taken off again"),
    CULL_OPT_F64(opts, rate, 0.01, 1e-9, 100, "rate of learning"),
    CULL_OPT_F64(opts, momentum, 0.9, 0, 0.999999, "momentum of the steps"),
    CULL_OPT_F64(opts, decay, 1e-5, 0, 1, "share of itself that a weight loses in a step"),
    CULL_OPT_F64(opts, dropout, 0.2, 0, 0.99, "share of the hidden units left out of a step"),
    CULL_OPT_I64(opts, batch, 100, 1, 65536, "rows of a step; what is left of an epoch waits"),
    CULL_OPT_ENUM(opts, activation, LINEAR, "linear|tanh", "of the output"),
    CULL_OPT_ENUM(opts, scale, Z_SCORE, "z-score|min-max", "what columns are brought to first"),
    CULL_OPT_END};

enum { TILE = 32, BLOCK = 64, LEVELS = 1 << 15, PARTS = 64, SUMS = 16 };
/* Streams of random numbers: what for in the upper bits, a row, step or epoch in the lower ones. */
#define STREAM(what, number) ((uint64_t)(what) << 48 | (uint64_t)(number))
enum { FIRST = 1, NOISE, DROPOUT, ORDER, GROWTH };

typedef struct {
    const opts *o;
    const cull_feature_problem *p;
    const cull__sparse_kern *kern;
    int64_t m, batch, ld,
        steps;    /* columns in the network; rows of a step, and up to 16; of an epoch */
    int64_t *col; /* m */
    float *mean, *rest, *scale; /* m: (value - mean - rest) * scale */
    const float *level;         /* LEVELS: what noise adds, or takes away */
    cull__sparse *up, *down;    /* columns to hidden, hidden to columns */
    float *bias[2], *push[2];   /* of hidden, of columns, and their momentum */
    float *x, *y;               /* (m, ld) corrupted; output, then its delta */
    float *h, *slope, *g;       /* (hidden, ld), the derivative there, its delta */
    int64_t *order;
    double *strength; /* m */
    int64_t epoch, step;
} net;

/* ---- columns: which, and what brings them to one scale ---- */
typedef struct {
    const cull_feature_problem *p;
    const float *first;
    bool ends;
    double *sum; /* (chunks, 2, d): of value - first and of its square, or least and most */
} statistics;

static cull_status add_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const statistics *s = arg;
    int64_t d = s->p->d;
    double *a = s->sum + chunk * 2 * d, *b = a + d;
    float *buf = NULL;
    if (cull_pool_dtype(s->p->x) != CULL_F32) CULL_TRY(CULL_TMP(cx, buf, d));
    for (int64_t i = lo; i < hi; i++) {
        const float *x = cull_pool_rows(s->p->x, i, i + 1, buf);
        for (int64_t c = 0; c < d; c++) {
            double v = (double)x[c] - (double)s->first[c];
            if (!s->ends)
                a[c] += v, b[c] += v * v;
            else if (v < a[c])
                a[c] = v;
            else if (v > b[c])
                b[c] = v;
        }
    }
    return CULL_OK;
}

/* Where a column is centred, and by what it is divided. False: it is constant. */
static bool scale_of(const statistics *s, int64_t chunks, int64_t c, double *centre, double *by)
{
    double a = 0, b = 0, n = (double)s->p->n;
    for (int64_t k = 0; k < chunks; k++) {
        const double *at = s->sum + k * 2 * s->p->d + c;
        if (!s->ends)
            a += at[0], b += at[s->p->d];
        else
            a = fmin(a, at[0]), b = fmax(b, at[s->p->d]);
    }
    *centre = (double)s->first[c] + (s->ends ? a : a / n);
    *by = s->ends ? b - a : sqrt(fmax(b / n - a / n * (a / n), 0));
    return isfinite((float)(1 / *by));
}

static cull_status scale_columns(cull_ctx *cx, net *t)
{
    const cull_feature_problem *p = t->p;
    int64_t d = p->d, grain = (p->n - 1) / SUMS + 1, chunks = (p->n - 1) / grain + 1;
    CULL_TRY(CULL_TMP(cx, t->col, d));
    CULL_TRY(CULL_TMP(cx, t->mean, d));
    CULL_TRY(CULL_TMP(cx, t->rest, d));
    CULL_TRY(CULL_TMP(cx, t->scale, d));
    cull__mark_t mark = cull__mark(cx);
    statistics s = {.p = p, .ends = t->o->scale == MIN_MAX};
    float *buf;
    CULL_TRY(CULL_TMP(cx, buf, d));
    CULL_TRY(CULL_TMP0(cx, s.sum, chunks * 2 * d));
    s.first = cull_pool_rows(p->x, 0, 1, buf);
    CULL_TRY(cull__for(cx, p->n, grain, add_rows, &s));
    for (int64_t c = 0; c < d; c++) {
        double centre, by;
        if (p->avoid && p->avoid[c]) continue;
        if (!scale_of(&s, chunks, c, &centre, &by)) continue;
        t->col[t->m] = c;
        t->mean[t->m] = (float)centre;
        t->rest[t->m] = (float)(centre - (double)t->mean[t->m]);
        t->scale[t->m++] = (float)(1 / by);
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- noise ---- */
/* The point that a standard normal number is above with probability p < 1/2, from one nearby. */
static double upper_point(double p, double x)
{
    for (int i = 0; i < 4; i++)
        x += (erfc(x / sqrt(2)) / 2 - p) * sqrt(2 * 3.141592653589793) * exp(x * x / 2);
    return x;
}

/* The middle of each of LEVELS equal shares of |N(0, 1)|, brought to variance 1. */
static cull_status make_levels(cull_ctx *cx, net *t)
{
    float *level;
    double x = 0, squares = 0;
    CULL_TRY(CULL_TMP(cx, level, LEVELS));
    t->level = level;
    for (int64_t k = 0; k < LEVELS; k++) {
        x = upper_point(0.5 - ((double)k + 0.5) / (2 * LEVELS), x);
        level[k] = (float)x;
        squares += x * x;
    }
    const double by = t->o->noise / sqrt(squares / LEVELS);
    for (int64_t k = 0; k < LEVELS; k++) level[k] = (float)((double)level[k] * by);
    return CULL_OK;
}

/* n numbers of 16 bits from place `at` of a stream on, in eights. */
static void draw16(const cull_ctx *cx, uint64_t stream, int64_t at, int64_t n, uint16_t *out)
{
    cull_rng r = cull__rng(cx, stream);
    r.ctr[0] = (uint32_t)(at / 8);
    r.ctr[1] = (uint32_t)((uint64_t)at / 8 >> 32);
    for (int64_t i = 0; i < n; i += 2) {
        uint32_t u = cull__rng_u32(&r);
        out[i] = (uint16_t)u;
        out[i + 1] = (uint16_t)(u >> 16);
    }
}

/* ---- one step: a tile of the batch from its rows to the deltas ---- */
typedef struct {
    int64_t rows; /* of the batch; columns beyond are padding */
    const int64_t *id;
    const float *row[TILE];
} tile;

/* Columns [lo, hi) of the network, at most BLOCK, of the tile's rows: `to` (., ld), corrupted or clean. */
static void read_block(const cull_ctx *cx, const net *t, const tile *w, int64_t lo, int64_t hi,
                       bool corrupt, float *to, int64_t ld)
{
    float v[BLOCK];
    uint16_t u[BLOCK];
    const float *mean = t->mean + lo, *rest = t->rest + lo, *scale = t->scale + lo;
    const int64_t *col = t->col + lo, n = hi - lo;
    for (int64_t r = 0; r < w->rows; r++) {
        const float *x = w->row[r];
        if (t->m == t->p->d)
            memcpy(v, x + lo, (size_t)n * sizeof *v);
        else
            for (int64_t f = 0; f < n; f++) v[f] = x[col[f]];
        for (int64_t f = 0; f < n; f++) v[f] = (v[f] - mean[f] - rest[f]) * scale[f];
        if (corrupt && t->o->noise > 0) {
            draw16(cx, STREAM(NOISE, w->id[r]), lo, (n + 7) / 8 * 8, u);
            for (int64_t f = 0; f < n; f++) {
                float e = t->level[u[f] & (LEVELS - 1)];
                v[f] += u[f] & LEVELS ? -e : e;
            }
        }
        for (int64_t f = 0; f < n; f++) to[f * ld + r] = v[f];
    }
}

static void fill_rows(float *to, const float *v, int64_t rows, int64_t ld, int64_t n)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < n; c++) to[i * ld + c] = v ? v[i] : 0;
}

/* Hidden units: sigmoids, of which some are left out of this step; their slopes are not. */
static void activate(const cull_ctx *cx, const net *t, int64_t from, int64_t n)
{
    const uint16_t below = (uint16_t)lround(t->o->dropout * 65536);
    uint16_t u[TILE];
    for (int64_t j = 0; j < t->o->hidden; j++) {
        float *h = t->h + j * t->ld + from, *slope = t->slope + j * t->ld + from;
        t->kern->sigmoid(h, n);
        for (int64_t c = 0; c < n; c++) slope[c] = h[c] * (1 - h[c]);
        if (!below) continue;
        draw16(cx, STREAM(DROPOUT, t->epoch * t->steps + t->step), j * t->ld + from, n, u);
        for (int64_t c = 0; c < n; c++) h[c] = u[c] < below ? 0 : h[c];
    }
}

/* Output to its delta: a - clean, times the derivative of the activation. Padding has none. */
static void compare(const cull_ctx *cx, const net *t, const tile *w, float *y, int64_t n)
{
    float clean[BLOCK * TILE];
    for (int64_t lo = 0; lo < t->m; lo += BLOCK) {
        int64_t hi = lo + BLOCK < t->m ? lo + BLOCK : t->m;
        read_block(cx, t, w, lo, hi, false, clean, TILE);
        for (int64_t f = lo; f < hi; f++) {
            float *a = y + f * t->ld;
            const float *want = clean + (f - lo) * TILE;
            if (t->o->activation == TANH) {
                t->kern->tanh(a, n);
                for (int64_t c = 0; c < w->rows; c++) a[c] = (a[c] - want[c]) * (1 - a[c] * a[c]);
            } else {
                for (int64_t c = 0; c < w->rows; c++) a[c] -= want[c];
            }
            for (int64_t c = w->rows; c < n; c++) a[c] = 0;
        }
    }
}

static cull_status pass(cull_ctx *cx, void *arg, int64_t chunk, int64_t from, int64_t to)
{
    (void)chunk;
    const net *t = arg;
    const int64_t n = to - from, ld = t->ld, hidden = t->o->hidden;
    float *x = t->x + from, *h = t->h + from, *g = t->g + from, *y = t->y + from, *buf = NULL;
    tile w = {.rows = (to < t->batch ? to : t->batch) - from,
              .id = t->order + t->step * t->batch + from};
    bool own = cull_pool_dtype(t->p->x) != CULL_F32;
    if (own) CULL_TRY(CULL_TMP(cx, buf, TILE * t->p->d));
    for (int64_t r = 0; r < w.rows; r++)
        w.row[r] = cull_pool_rows(t->p->x, w.id[r], w.id[r] + 1, own ? buf + r * t->p->d : NULL);
    for (int64_t lo = 0; lo < t->m; lo += BLOCK)
        read_block(cx, t, &w, lo, lo + BLOCK < t->m ? lo + BLOCK : t->m, true, x + lo * ld, ld);
    fill_rows(h, t->bias[0], hidden, ld, n);
    cull__sparse_forward(t->kern, t->up, x, h, ld, n);
    activate(cx, t, from, n);
    fill_rows(y, t->bias[1], t->m, ld, n);
    cull__sparse_forward(t->kern, t->down, h, y, ld, n);
    compare(cx, t, &w, y, n);
    fill_rows(g, NULL, hidden, ld, n);
    cull__sparse_backward(t->kern, t->down, y, g, ld, n);
    for (int64_t j = 0; j < hidden; j++)
        for (int64_t c = 0; c < n; c++) g[j * ld + c] *= t->slope[j * ld + from + c];
    return CULL_OK;
}

/* ---- one step: from the deltas to new weights ---- */
static cull_status update_links(cull_ctx *cx, const net *t, cull__sparse *s, const float *x,
                                const float *dy, int64_t lo, int64_t hi)
{
    int64_t at = s->start[lo], n = s->start[hi] - at;
    cull__mark_t mark = cull__mark(cx);
    float *g;
    CULL_TRY(CULL_TMP(cx, g, n));
    cull__sparse_grad(t->kern, s, lo, hi, x, dy, t->ld, t->ld, g);
    t->kern->sgd(s->w + at, s->slot[0] + at, g, n, (float)(t->o->rate / (double)t->batch),
                 (float)t->o->momentum, (float)t->o->decay);
    cull__release(cx, mark);
    return CULL_OK;
}

static void update_biases(const net *t, int layer, const float *dy, int64_t lo, int64_t hi)
{
    for (int64_t i = lo; i < hi; i++) {
        float s = 0;
        for (int64_t c = 0; c < t->batch; c++) s += dy[i * t->ld + c];
        t->kern->sgd(t->bias[layer] + i, t->push[layer] + i, &s, 1,
                     (float)(t->o->rate / (double)t->batch), (float)t->o->momentum,
                     (float)t->o->decay);
    }
}

/* The rows of both layers and both biases stand in one line, which chunks cut. */
static cull_status update(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    const net *t = arg;
    const int64_t part[] = {t->up->rows, t->down->rows, t->o->hidden, t->m};
    for (int k = 0; k < 4; lo -= part[k], hi -= part[k], k++) {
        int64_t a = lo > 0 ? lo : 0, b = hi < part[k] ? hi : part[k];
        if (a >= b) continue;
        if (k == 0) CULL_TRY(update_links(cx, t, t->up, t->x, t->g, a, b));
        if (k == 1) CULL_TRY(update_links(cx, t, t->down, t->h, t->y, a, b));
        if (k > 1) update_biases(t, k - 2, k == 2 ? t->g : t->y, a, b);
    }
    return CULL_OK;
}

/* ---- epochs ---- */
static cull_status train(cull_ctx *cx, net *t)
{
    const int64_t rows = t->up->rows + t->down->rows + t->o->hidden + t->m;
    const double steps = (double)t->steps * (double)(t->o->epochs - 1);
    cull_rng r = cull__rng(cx, STREAM(ORDER, t->epoch));
    for (int64_t i = 0; i < t->p->n; i++) t->order[i] = i;
    cull__rng_shuffle(&r, t->order, t->p->n);
    for (t->step = 0; t->step < t->steps; t->step++) {
        double at = (double)t->epoch * (double)t->steps + (double)t->step;
        cull__span(cx, at, at + 0.5, steps);
        CULL_TRY(cull__for(cx, t->ld, TILE, pass, t));
        cull__span(cx, at + 0.5, at + 1, steps);
        CULL_TRY(cull__for(cx, rows, (rows - 1) / PARTS + 1, update, t));
    }
    return CULL_OK;
}

static bool finite(const cull__sparse *s)
{
    float sum = 0;
    for (int64_t e = 0; e < s->links; e++) sum += 0 * s->w[e];
    return sum == 0;
}

static cull_status evolve(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    net *t = arg;
    cull__sparse *s = chunk ? t->down : t->up;
    cull_rng r = cull__rng(cx, STREAM(GROWTH, t->epoch * 2 + chunk));
    int64_t dropped = t->o->zeta > 0 ? cull__sparse_drop(s, t->o->zeta) : 0;
    if (!chunk) cull__sparse_strength(s, t->strength);
    return cull__sparse_grow(cx, s, &r, dropped, 0.1);
}

#define PIECE(v, n) ((cull__piece){v, 0, (uint64_t)(n) * sizeof *(v)})
static cull_status learn(cull_ctx *cx, net *t)
{
    cull__sparse *a = t->up, *b = t->down;
    const int64_t hidden = t->o->hidden;
    const cull__piece state[] = {
        PIECE(a->start, a->rows + 1), PIECE(a->col, a->links),      PIECE(a->w, a->links),
        PIECE(a->slot[0], a->links),  PIECE(b->start, b->rows + 1), PIECE(b->col, b->links),
        PIECE(b->w, b->links),        PIECE(b->slot[0], b->links),  PIECE(t->bias[0], hidden),
        PIECE(t->push[0], hidden),    PIECE(t->bias[1], t->m),      PIECE(t->push[1], t->m),
        PIECE(t->strength, t->m)};
    enum { PIECES = sizeof state / sizeof *state };
    cull__loop loop;
    bool found;
    CULL_TRY(cull__loop_find(cx, "epochs", &loop, &t->epoch, state, PIECES, &found));
    for (; t->epoch < t->o->epochs - 1; t->epoch++) { /* what the last one learns nobody reads */
        CULL_TRY(train(cx, t));
        if (!finite(a) || !finite(b))
            return cull__fail(cx, CULL_EINPUT,
                              "the weights grew beyond all bounds in epoch %" PRId64
                              "; lower rate, which is %g",
                              t->epoch + 1, t->o->rate);
        cull__span(cx, 0, 0, 0);
        CULL_TRY(cull__for(cx, 2, 1, evolve, t));
        CULL_TRY(
            cull__loop_keep(cx, &loop, t->epoch + 1, t->epoch + 2 == t->o->epochs, state, PIECES));
    }
    return CULL_OK;
}

/* ---- the method ---- */
static int64_t draws_of(const net *t)
{
    return (int64_t)llround(fmax(t->o->epsilon * (double)(t->m + t->o->hidden), 1));
}

static void sizes_of(net *t)
{
    t->batch = t->o->batch < t->p->n ? t->o->batch : t->p->n;
    t->ld = (t->batch + 15) / 16 * 16;
    t->steps = t->p->n / t->batch;
}

static cull_status build(cull_ctx *cx, net *t)
{
    const int64_t hidden = t->o->hidden, draws = draws_of(t);
    cull_rng r = cull__rng(cx, STREAM(FIRST, 0));
    CULL_TRY(cull__sparse_new(cx, t->m, hidden, 1, &t->up));
    CULL_TRY(cull__sparse_draw(cx, t->up, &r, draws, 0.1));
    CULL_TRY(cull__sparse_new(cx, hidden, t->m, 1, &t->down));
    CULL_TRY(cull__sparse_draw(cx, t->down, &r, draws, 0.1));
    for (int k = 0; k < 2; k++) {
        CULL_TRY(CULL_TMP0(cx, t->bias[k], k ? t->m : hidden));
        CULL_TRY(CULL_TMP0(cx, t->push[k], k ? t->m : hidden));
    }
    CULL_TRY(CULL_TMP0(cx, t->x, t->m * t->ld)); /* padding is never written, and must be numbers */
    CULL_TRY(CULL_TMP(cx, t->y, t->m * t->ld));
    CULL_TRY(CULL_TMP(cx, t->h, hidden * t->ld));
    CULL_TRY(CULL_TMP(cx, t->slope, hidden * t->ld));
    CULL_TRY(CULL_TMP(cx, t->g, hidden * t->ld));
    CULL_TRY(CULL_TMP(cx, t->order, t->p->n));
    return make_levels(cx, t);
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    net t = {.o = o, .p = p, .kern = cull__sparse_kernels(cx)};
    cull__taker taker;
    double *score;
    CULL_TRY(cull__columns_taker(cx, p, &taker));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    CULL_TRY(scale_columns(cx, &t));
    CULL_TRY(CULL_TMP(cx, t.strength, t.m));
    sizes_of(&t);
    cull_status s = t.m ? build(cx, &t) : CULL_OK;
    if (s == CULL_OK && t.m) s = learn(cx, &t);
    cull__sparse_free(t.up);
    cull__sparse_free(t.down);
    CULL_TRY(s);
    for (int64_t c = 0; c < p->d; c++) score[c] = NAN;
    for (int64_t k = 0; k < t.m; k++) score[t.col[k]] = t.strength[k];
    CULL_TRY(cull__columns_best(cx, p, &taker, score));
    return cull__columns_pick(
        cx, p, &taker, &(cull__columns){.score = score, .score_is = "strength of the links"}, out);
}

/* With every column in the network and no repeats among the links drawn, so that it is the most. */
static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    net t = {.o = o, .p = p, .m = p->d};
    sizes_of(&t);
    const double d = (double)p->d, hidden = (double)t.o->hidden, ld = (double)t.ld;
    const double links = 2 * (double)draws_of(&t), epochs = (double)(t.o->epochs - 1);
    double bytes = 12 * links + 16 * (fmax(d, hidden) + 1); /* two layers */
    bytes +=
        ld * (8 * d + 12 * hidden) + 4 * LEVELS + 8 * (double)p->n; /* activations, noise, order */
    bytes += 44 * d + 8 * (d + hidden);                             /* columns, scores, biases */
    double work = 12 * t.o->zeta * links * (threads > 1 ? 2 : 1);   /* evolution */
    if (p->x && cull_pool_dtype(p->x) != CULL_F32) work = fmax(work, 4.0 * TILE * d * threads);
    bytes += fmax(work, 65536.0 * threads) + (double)cull__columns_plan(p);
    *out = (cull_plan){(uint64_t)bytes, 1 + 2 * epochs,
                       epochs * (double)t.steps * (double)t.batch * links * 5};
}

const cull_method cull__method_quickselection = {
    .slug = "quickselection",
    .title = "columns that a sparse denoising autoencoder holds on to",
    .paper =
        "Atashgahi, Sokar, van der Lee, Mocanu, Mocanu, Veldhuis, Pechenizkiy (2022), Quick and "
        "Robust Feature Selection: the Strength of Energy-efficient Sparse Training for "
        "Autoencoders",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
