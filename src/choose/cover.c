/* cover.c - coverage of rows by rows, from all similarities (held, or made anew for each question) or
 * from a graph of nearest neighbours.
 *
 * A gain is the sum over spans of SPAN rows of a sum in f32 over fixed lanes, added in f64 in order of
 * span, whether the similarities were held or not, and a similarity is the same number wherever it is
 * computed (num/panels.h): so memory and threads change no bit. Each term is max(s - state, 0) with a
 * state that grows, or min(s, state) with one that falls; additions round monotonically: no gain
 * ever grows, and lazy evaluation loses nothing. A term that is 0 stays 0 until a new beginning: of
 * held similarities blocks of such terms are not read again. */
#include "choose/greedy.h"
#include "cull/data.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { P = CULL__PANEL, SPAN = 1024, STRIP = 8, QUERIES = 4096, ASKED = 1024 };
static const double HELD = 0x1p31; /* bytes of similarities held, at most */

static int64_t spans(int64_t r) { return (r - 1) / SPAN + 1; }
static int64_t span_length(int64_t r, int64_t s)
{
    return r - s * SPAN < SPAN ? r - s * SPAN : SPAN;
}

static float terms(const cull__cover *c, const float *s, int64_t at, int64_t n, uint64_t *live)
{
    return (c->kind == CULL__NEAREST ? c->kern->above : c->kern->within)(s, c->state + at, n, live);
}

static double bonus_of(const cull__cover *c, int64_t i) { return c->bonus ? c->bonus[i] : 0; }

/* ---- all similarities, held ---- */

/* A block of SPAN candidates and SPAN covered rows; where both are one pool only one of two mirrored
 * blocks is computed. */
static cull_status hold_block(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    cull__cover *c = arg;
    int64_t across = spans(c->r), a = chunk / across, b = chunk % across;
    float s[P * P];
    (void)cx, (void)lo, (void)hi;
    bool mirror = c->over == c->pool;
    if (mirror && b < a) return CULL_OK;
    int64_t i1 = (a + 1) * (SPAN / P), j1 = (b + 1) * (SPAN / P);
    if (i1 > c->x.panels) i1 = c->x.panels;
    if (j1 > c->y.panels) j1 = c->y.panels;
    for (int64_t i0 = a * (SPAN / P); i0 < i1; i0 += STRIP)
        for (int64_t j = b * (SPAN / P); j < j1; j++)
            for (int64_t i = i0; i < i1 && i < i0 + STRIP; i++) {
                if (mirror && j < i) continue;
                cull__panels_tile(c->kern, c->rule, &c->x, i, &c->y, j, s);
                for (int64_t k = 0; k < P && i * P + k < c->n; k++)
                    memcpy(c->held + (i * P + k) * c->stride + j * P, s + k * P, P * sizeof *s);
                for (int64_t k = 0; mirror && k < P && j * P + k < c->n; k++) {
                    float *to = c->held + (j * P + k) * c->stride + i * P;
                    for (int64_t l = 0; l < P; l++) to[l] = s[l * P + k];
                }
            }
    return CULL_OK;
}

static cull_status hold(cull_ctx *cx, cull__cover *c)
{
    const char *phase = cull__phase(cx, "similarities");
    CULL_TRY(cull__for(cx, spans(c->n) * spans(c->r), 1, hold_block, c));
    cull__phase(cx, phase);
    return CULL_OK;
}

typedef struct {
    const cull__cover *c;
    const int64_t *row;
    double *gain;
    const cull__panels *asked; /* made anew: the candidates */
    double *part;              /* (spans, asked->panels * P) */
} question;

static cull_status gains_held(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const question *q = arg;
    const cull__cover *c = q->c;
    (void)cx, (void)chunk;
    for (int64_t k = lo; k < hi; k++) {
        double sum = 0;
        for (int64_t s = 0; s < spans(c->r); s++)
            sum += (double)terms(c, c->held + q->row[k] * c->stride + s * SPAN, s * SPAN,
                                 span_length(c->r, s), c->live + q->row[k] * spans(c->r) + s);
        q->gain[k] = sum + bonus_of(c, q->row[k]);
    }
    return CULL_OK;
}

/* ---- all similarities, made anew ---- */

/* s (P, SPAN): of panel i of x and span b of y. */
static void strip(const cull__cover *c, const cull__panels *x, int64_t i, const cull__panels *y,
                  int64_t b, float *s)
{
    float tile[P * P];
    for (int64_t j = b * (SPAN / P); j < y->panels && j < (b + 1) * (SPAN / P); j++) {
        cull__panels_tile(c->kern, c->rule, x, i, y, j, tile);
        for (int64_t k = 0; k < P; k++)
            memcpy(s + k * SPAN + j * P - b * SPAN, tile + k * P, P * sizeof *s);
    }
}

static cull_status gains_part(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const question *q = arg;
    const cull__cover *c = q->c;
    int64_t wide = q->asked->panels, i = chunk % wide, b = chunk / wide;
    float *s;
    (void)lo, (void)hi;
    CULL_TRY(CULL_TMP(cx, s, P * SPAN));
    strip(c, q->asked, i, &c->y, b, s);
    for (int64_t k = 0; k < P; k++) {
        uint64_t live = UINT64_MAX;
        q->part[(b * wide + i) * P + k] =
            (double)terms(c, s + k * SPAN, b * SPAN, span_length(c->r, b), &live);
    }
    return CULL_OK;
}

static cull_status gains_anew(cull_ctx *cx, cull__cover *c, const int64_t *row, int64_t m,
                              double *gain)
{
    cull__mark_t mark = cull__mark(cx);
    cull__panels asked;
    question q = {.c = c, .asked = &asked};
    CULL_TRY(cull__panels_some(cx, c->pool, c->rule, row, m, &asked));
    CULL_TRY(CULL_TMP(cx, q.part, spans(c->r) * asked.panels * P));
    CULL_TRY(cull__for(cx, asked.panels * spans(c->r), 1, gains_part, &q));
    for (int64_t k = 0; k < m; k++) {
        gain[k] = 0;
        for (int64_t b = 0; b < spans(c->r); b++) gain[k] += q.part[b * asked.panels * P + k];
        gain[k] += bonus_of(c, row[k]);
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- the graph ---- */

static cull_status gains_graph(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const question *q = arg;
    const cull__cover *c = q->c;
    bool nearest = c->kind == CULL__NEAREST;
    (void)cx, (void)chunk;
    for (int64_t k = lo; k < hi; k++) {
        double sum = 0;
        for (int64_t e = c->start[q->row[k]]; e < c->start[q->row[k] + 1]; e++) {
            float s = c->how[e], at = c->state[c->who[e]];
            float more = nearest ? s - at : s < at ? s : at;
            if (more > 0) sum += (double)more;
        }
        q->gain[k] = sum + bonus_of(c, q->row[k]);
    }
    return CULL_OK;
}

/* ---- the function ---- */

static cull_status gains(cull_ctx *cx, void *arg, const int64_t *row, int64_t m, double *gain)
{
    cull__cover *c = arg;
    question q = {.c = c, .row = row, .gain = gain};
    if (c->start) return cull__for(cx, m, 512, gains_graph, &q);
    if (c->held) return cull__for(cx, m, (1 << 19) / c->r + 1, gains_held, &q);
    for (int64_t lo = 0; lo < m; lo += ASKED)
        CULL_TRY(gains_anew(cx, c, row + lo, m - lo < ASKED ? m - lo : ASKED, gain + lo));
    return CULL_OK;
}

static cull_status begin(cull_ctx *cx, void *arg)
{
    cull__cover *c = arg;
    (void)cx;
    memcpy(c->state, c->first, (size_t)c->r * sizeof *c->state);
    if (c->live) memset(c->live, 0xff, (size_t)(c->n * spans(c->r)) * sizeof *c->live);
    return CULL_OK;
}

static inline void count_in(const cull__cover *c, float s, float *state)
{
    if (c->kind == CULL__NEAREST)
        *state = s > *state ? s : *state;
    else if (s > 0)
        *state = *state > s ? *state - s : 0;
}

typedef struct {
    cull__cover *c;
    const cull__panels *x;
} counting;

static cull_status commit_span(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const counting *k = arg;
    cull__cover *c = k->c;
    float *s, *state = c->state + chunk * SPAN;
    (void)lo, (void)hi;
    CULL_TRY(CULL_TMP(cx, s, P * SPAN));
    for (int64_t i = 0; i < k->x->panels; i++) {
        strip(c, k->x, i, &c->y, chunk, s);
        for (int64_t a = 0; a < P && i * P + a < k->x->n; a++)
            for (int64_t j = 0; j < span_length(c->r, chunk); j++)
                count_in(c, s[a * SPAN + j], state + j);
    }
    return CULL_OK;
}

static cull_status commit(cull_ctx *cx, void *arg, const int64_t *row, int64_t m)
{
    cull__cover *c = arg;
    for (int64_t k = 0; k < m && c->start; k++)
        for (int64_t e = c->start[row[k]]; e < c->start[row[k] + 1]; e++)
            count_in(c, c->how[e], c->state + c->who[e]);
    for (int64_t k = 0; k < m && c->held; k++)
        for (int64_t j = 0; j < c->r; j++)
            count_in(c, c->held[row[k] * c->stride + j], c->state + j);
    if (c->start || c->held) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull__panels x;
    CULL_TRY(cull__panels_some(cx, c->pool, c->rule, row, m, &x));
    counting k = {c, &x};
    CULL_TRY(cull__for(cx, spans(c->r), 1, commit_span, &k));
    cull__release(cx, mark);
    return CULL_OK;
}

static double held_bytes(int64_t n, int64_t r)
{
    return (double)n *
           ((double)((r + P - 1) / P * P) * sizeof(float) + (double)spans(r) * sizeof(uint64_t));
}

cull_status cull__cover_new(cull_ctx *cx, const cull_data_problem *p, const cull_pool *over,
                            int kind, const cull__cover_opts *o, cull__cover *c, cull__gain *g)
{
    *c = (cull__cover){.pool = p->pool,
                       .over = over,
                       .rule = {o->similarity, o->gamma},
                       .kind = kind,
                       .n = p->n,
                       .r = cull_pool_n(over),
                       .kern = cull__kernels(cx)};
    int64_t k = over == p->pool ? cull__cover_degree(p, o) : 0;
    *g = (cull__gain){.arg = c, .batch = 1, .begin = begin, .gains = gains, .commit = commit};
    if (c->rule.rule == CULL__RBF && !(c->rule.gamma > 0))
        CULL_TRY(cull__rbf_gamma(cx, p->pool, &c->rule.gamma));
    CULL_TRY(CULL_TMP0(cx, c->first, c->r));
    CULL_TRY(CULL_TMP(cx, c->state, c->r));
    if (k) return cull__cover_graph(cx, p, o, c);
    CULL_TRY(cull__panels_of(cx, over, c->rule, &c->y));
    double bytes = held_bytes(c->n, c->r);
    if (bytes > HELD || bytes > (double)cull__memory_left(cx) / 2) {
        g->batch = P;
        return CULL_OK;
    }
    c->stride = c->y.panels * P;
    CULL_TRY(CULL_TMP(cx, c->held, c->n * c->stride));
    CULL_TRY(CULL_TMP(cx, c->live, c->n * spans(c->r)));
    cull__mark_t mark = cull__mark(cx);
    c->x = c->y;
    if (over != p->pool) CULL_TRY(cull__panels_of(cx, p->pool, c->rule, &c->x));
    CULL_TRY(hold(cx, c));
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__cover_totals(cull_ctx *cx, cull__cover *c, double *out)
{
    int64_t *row;
    int kind = c->kind;
    cull__mark_t mark = cull__mark(cx);
    if (c->start) {
        memset(out, 0, (size_t)c->r * sizeof *out);
        for (int64_t e = 0; e < c->start[c->n]; e++) out[c->who[e]] += (double)c->how[e];
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP(cx, row, c->n));
    CULL_TRY(begin(cx, c));
    for (int64_t i = 0; i < c->n; i++) row[i] = i;
    for (int64_t j = 0; j < c->r; j++) c->state[j] = FLT_MAX;
    c->kind = CULL__SATURATED; /* s is symmetric: what i covers without a cap is what covers i */
    CULL_TRY(gains(cx, c, row, c->n, out));
    c->kind = kind;
    cull__release(cx, mark);
    return CULL_OK;
}

typedef struct {
    const cull__cover *c;
    const cull__panels *q;
    float *out;
} nearest;

static cull_status best_of(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const nearest *k = arg;
    cull__panels x;
    float s[P * P];
    int64_t row[P], m = hi - lo;
    (void)chunk;
    for (int64_t a = 0; a < m; a++) row[a] = lo + a, k->out[lo + a] = 0;
    CULL_TRY(cull__panels_some(cx, k->c->pool, k->c->rule, row, m, &x));
    for (int64_t j = 0; j < k->q->panels; j++) {
        cull__panels_tile(k->c->kern, k->c->rule, &x, 0, k->q, j, s);
        for (int64_t a = 0; a < m; a++)
            for (int64_t b = 0; b < P && j * P + b < k->q->n; b++)
                if (s[a * P + b] > k->out[lo + a]) k->out[lo + a] = s[a * P + b];
    }
    return CULL_OK;
}

cull_status cull__cover_best(cull_ctx *cx, const cull__cover *c, const cull_pool *q, float *out)
{
    cull__mark_t mark = cull__mark(cx);
    cull__panels panels;
    CULL_TRY(cull__panels_of(cx, q, c->rule, &panels));
    nearest k = {c, &panels, out};
    CULL_TRY(cull__for(cx, c->n, P, best_of, &k));
    cull__release(cx, mark);
    return CULL_OK;
}

uint64_t cull__cover_plan(const cull_data_problem *p, const cull_pool *over,
                          const cull__cover_opts *o, int threads, uint64_t later, double *flops)
{
    int64_t r = cull_pool_n(over), d = cull_pool_d(over);
    double n = (double)p->n, kept = 8 * (double)r, making, asking;
    if (over == p->pool && cull__cover_degree(p, o))
        return (uint64_t)kept + cull__cover_graph_plan(p, o, threads, later, flops);
    *flops = 2 * n * (double)r * (double)d;
    kept += (double)cull__panels_bytes(r, d);
    if (held_bytes(p->n, r) <= HELD) {
        kept += held_bytes(p->n, r);
        making = over == p->pool ? 0 : (double)cull__panels_bytes(p->n, d);
        return (uint64_t)(kept + fmax(making, (double)later));
    }
    int64_t m = p->n < ASKED ? p->n : ASKED;
    asking = (double)cull__panels_bytes(m, d) + 8 * (double)m * (double)spans(r) +
             threads * 4.0 * P * SPAN;
    return (uint64_t)(kept + asking + (double)later);
}
