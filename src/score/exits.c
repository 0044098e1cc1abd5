/* exits.c - heads and gates of early exits, trained in turns (exits.h). */
#include "score/exits.h"
#include "cull/confidence.h"

#include <math.h>
#include <string.h>

enum { SIGNS = CULL__EXIT_SIGNS, GATE = SIGNS + 1, PATIENCE = 2 };

static double entropy(const double *p, int32_t k, double power, double sum)
{
    double h = 0;
    for (int32_t c = 0; c < k; c++) {
        double q = (power > 1 ? p[c] * p[c] : p[c]) / sum;
        h -= q > 0 ? q * log(q) : 0;
    }
    return h;
}

void cull__exit_signs(const double *p, int32_t classes, double out[CULL__EXIT_SIGNS])
{
    double top = 0, second = 0, square = 0;
    for (int32_t c = 0; c < classes; c++) {
        square += p[c] * p[c];
        second = p[c] > top ? top : p[c] > second ? p[c] : second;
        top = p[c] > top ? p[c] : top;
    }
    out[0] = top;
    out[1] = entropy(p, classes, 1, 1);
    out[2] = top - second;
    out[3] = entropy(p, classes, 2, square);
}

void cull__exit_mass(const double *g, int exits, double *mass, double *chance)
{
    double before = 0, stay = 1;
    for (int l = 0; l < exits; l++) {
        double left = 1 - before, m = g[l] < left ? g[l] : left;
        mass[l] = m > 0 ? m : 0;
        before += g[l]; /* of gates, not of masses */
        if (!chance) continue;
        double c = stay > 0 ? mass[l] / stay : 0;
        chance[l] = c < 1 ? c : 1;
        stay *= 1 - chance[l];
    }
}

void cull__exit_weights(const double *mass, const double *ce, int exits, double *w)
{
    double weighed = 0, plain = 0;
    for (int l = 0; l < exits; l++) {
        weighed += mass[l] * ce[l];
        plain += ce[l];
    }
    for (int l = 0; l < exits; l++) w[l] = weighed > 0 ? mass[l] * plain / weighed : 0;
}

int cull__exit_best(const double *ce, double last, const double *cost, double lambda, int exits)
{
    int best = exits;
    double least = INFINITY;
    for (int l = 0; l <= exits; l++) {
        double c = (l < exits ? ce[l] : last) + lambda * cost[l];
        if (c < least) least = c, best = l;
    }
    return best;
}

/* ---- training ---- */
typedef struct {
    const cull__exit_rows *r;
    const cull__exit_opts *o;
    double *mean[CULL__EXITS], *scale[CULL__EXITS]; /* (d) of the rows trained on */
    double *w[CULL__EXITS], *v[CULL__EXITS], *g[CULL__EXITS], *best[CULL__EXITS];
    double gate[CULL__EXITS * GATE], gate_v[CULL__EXITS * GATE], gate_g[CULL__EXITS * GATE];
    double positive[CULL__EXITS]; /* how much a row counts that should leave there */
    bool frozen[CULL__EXITS];
    double *z[CULL__EXITS];                    /* (d) of one row, brought to scale */
    double *p;                                 /* (exits, classes) of one row */
    double ce[CULL__EXITS], open[CULL__EXITS]; /* of one row: -log p, gates */
    double sign[CULL__EXITS][SIGNS];
} trainer;

static int64_t head_size(const trainer *t, int l) { return t->r->classes * (t->r->d[l] + 1); }

static cull_status begin(cull_ctx *cx, trainer *t, const int64_t *row, int64_t n)
{
    const cull__exit_rows *r = t->r;
    CULL_TRY(CULL_TMP(cx, t->p, r->exits * r->classes));
    for (int l = 0; l < r->exits; l++) {
        int64_t d = r->d[l];
        CULL_TRY(CULL_TMP0(cx, t->mean[l], d));
        CULL_TRY(CULL_TMP0(cx, t->scale[l], d));
        CULL_TRY(CULL_TMP(cx, t->z[l], d));
        CULL_TRY(CULL_TMP0(cx, t->w[l], head_size(t, l)));
        CULL_TRY(CULL_TMP0(cx, t->v[l], head_size(t, l)));
        CULL_TRY(CULL_TMP0(cx, t->g[l], head_size(t, l)));
        CULL_TRY(CULL_TMP0(cx, t->best[l], head_size(t, l)));
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < d; j++) t->mean[l][j] += r->x[l][row[i] * d + j] / (double)n;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < d; j++) {
                double off = r->x[l][row[i] * d + j] - t->mean[l][j];
                t->scale[l][j] += off * off / (double)n;
            }
        for (int64_t j = 0; j < d; j++) {
            double s = sqrt(t->scale[l][j]);
            t->scale[l][j] =
                s > 1e-12 * fabs(t->mean[l][j]) ? 1 / s : 0; /* a constant column says nothing */
        }
        t->positive[l] = t->o->positive;
    }
    return CULL_OK;
}

/* p (classes) = softmax(w (z, 1)). */
static void head(const double *w, const double *z, int64_t d, int32_t classes, double *p)
{
    for (int32_t c = 0; c < classes; c++) {
        const double *v = w + c * (d + 1);
        p[c] = v[d];
        for (int64_t j = 0; j < d; j++) p[c] += v[j] * z[j];
    }
    cull_softmax(p, classes, 1, p);
}

static double gate_at(const double *gate, const double *sign)
{
    double s = gate[SIGNS];
    for (int k = 0; k < SIGNS; k++) s += gate[k] * sign[k];
    return 1 / (1 + exp(-s));
}

/* All that the heads and gates say of row i. */
static void look(trainer *t, int64_t i)
{
    const cull__exit_rows *r = t->r;
    for (int l = 0; l < r->exits; l++) {
        int64_t d = r->d[l];
        double *p = t->p + l * r->classes;
        for (int64_t j = 0; j < d; j++)
            t->z[l][j] = ((double)r->x[l][i * d + j] - t->mean[l][j]) * t->scale[l][j];
        head(t->w[l], t->z[l], d, r->classes, p);
        t->ce[l] = -log(fmax(p[r->label[i]], 1e-300));
        cull__exit_signs(p, r->classes, t->sign[l]);
        t->open[l] = gate_at(t->gate + l * GATE, t->sign[l]);
    }
}

static void descend(double *w, double *v, double *g, int64_t n, const cull__exit_opts *o, double lr)
{
    for (int64_t k = 0; k < n; k++) {
        v[k] = o->momentum * v[k] + g[k] + o->decay * w[k];
        w[k] -= lr * v[k];
        g[k] = 0;
    }
}

static void heads_add(trainer *t, int64_t i, const double *weight)
{
    const cull__exit_rows *r = t->r;
    for (int l = 0; l < r->exits; l++) {
        int64_t d = r->d[l];
        if (t->frozen[l] || weight[l] == 0) continue;
        for (int32_t c = 0; c < r->classes; c++) {
            double e = weight[l] * (t->p[l * r->classes + c] - (c == r->label[i]));
            double *g = t->g[l] + c * (d + 1);
            for (int64_t j = 0; j < d; j++) g[j] += e * t->z[l][j];
            g[d] += e;
        }
    }
}

enum { WARM, HEADS, GATES };

static void heads_batch(trainer *t, const int64_t *row, int64_t n, bool warm, double lr)
{
    int exits = t->r->exits;
    for (int64_t i = 0; i < n; i++) {
        double w[CULL__EXITS], mass[CULL__EXITS];
        look(t, row[i]);
        cull__exit_mass(t->open, exits, mass, NULL);
        cull__exit_weights(mass, t->ce, exits, w);
        for (int l = 0; l < exits; l++)
            w[l] = (warm ? exits + 1 - l : (t->o->plain ? 1 : w[l]) / exits) / (double)n;
        heads_add(t, row[i], w);
    }
    for (int l = 0; l < exits; l++)
        if (!t->frozen[l]) descend(t->w[l], t->v[l], t->g[l], head_size(t, l), t->o, lr);
}

static void gates_batch(trainer *t, const int64_t *row, int64_t n, double lr)
{
    const cull__exit_rows *r = t->r;
    for (int64_t i = 0; i < n; i++) {
        look(t, row[i]);
        int best = cull__exit_best(t->ce, r->last[row[i]], r->cost, t->o->lambda, r->exits);
        for (int l = 0; l < r->exits; l++) {
            double e = l >= best ? t->positive[l] * (t->open[l] - 1) : t->open[l], *g;
            e /= (double)n * r->exits;
            g = t->gate_g + l * GATE;
            for (int k = 0; k < SIGNS; k++) g[k] += e * t->sign[l][k];
            g[SIGNS] += e;
        }
    }
    descend(t->gate, t->gate_v, t->gate_g, r->exits * GATE, t->o, lr);
}

/* right (exits): share of the rows; and how much a row that should leave counts, from how many do. */
static void validate(trainer *t, const int64_t *val, int64_t m, double *right)
{
    const cull__exit_rows *r = t->r;
    int64_t count[CULL__EXITS + 1] = {0};
    memset(right, 0, (size_t)r->exits * sizeof *right);
    for (int64_t i = 0; i < m; i++) {
        look(t, val[i]);
        count[cull__exit_best(t->ce, r->last[val[i]], r->cost, t->o->lambda, r->exits)]++;
        for (int l = 0; l < r->exits; l++) {
            const double *p = t->p + l * r->classes;
            int32_t top = 0;
            for (int32_t c = 1; c < r->classes; c++) top = p[c] > p[top] ? c : top;
            right[l] += (top == r->label[val[i]]) / (double)m;
        }
    }
    for (int l = 0; l < r->exits && m; l++) {
        if (t->o->upto && l) count[l] += count[l - 1];
        double w = count[l] ? (double)(m - count[l]) / (double)count[l] : INFINITY;
        t->positive[l] = t->o->positive > 1 && w < t->o->positive ? w : t->o->positive;
    }
}

static cull_status epoch(cull_ctx *cx, trainer *t, cull_rng *rng, int64_t *order, int64_t n,
                         int phase, int64_t *step, int64_t steps)
{
    const cull__exit_opts *o = t->o;
    cull__rng_shuffle(rng, order, n);
    for (int64_t at = 0; at < n; at += o->batch, ++*step) {
        int64_t size = n - at < o->batch ? n - at : o->batch;
        double part = steps > 1 ? (double)*step / (double)(steps - 1) : 0;
        double lr =
            phase == WARM ? o->lr : o->floor + (o->lr - o->floor) * (1 + cos(acos(-1) * part)) / 2;
        CULL_TRY(cull__tick(cx, (double)*step, (double)steps));
        if (phase != WARM && *step / o->turn % 2)
            gates_batch(t, order + at, size, lr);
        else
            heads_batch(t, order + at, size, phase == WARM, lr);
    }
    return CULL_OK;
}

/* Heads alone; each stays as it was best once it has not got better for two epochs. */
static cull_status warm_up(cull_ctx *cx, trainer *t, cull_rng *rng, int64_t *order, int64_t n,
                           const int64_t *val, int64_t m)
{
    int exits = t->r->exits, left = exits;
    double right[CULL__EXITS], best[CULL__EXITS];
    int worse[CULL__EXITS] = {0};
    for (int l = 0; l < exits; l++) best[l] = -1;
    for (int64_t e = 0; e < t->o->warm && left > 0; e++) {
        int64_t step = 0;
        CULL_TRY(epoch(cx, t, rng, order, n, WARM, &step, (n + t->o->batch - 1) / t->o->batch));
        validate(t, val, m, right);
        for (int l = 0; l < exits; l++) {
            size_t bytes = (size_t)head_size(t, l) * sizeof(double);
            if (t->frozen[l]) continue;
            if (m == 0 || right[l] > best[l]) {
                best[l] = right[l];
                worse[l] = 0;
                memcpy(t->best[l], t->w[l], bytes);
            } else if (++worse[l] == PATIENCE) {
                t->frozen[l] = true;
                left--;
            }
        }
    }
    for (int l = 0; l < exits && t->o->warm > 0; l++) {
        t->frozen[l] = false;
        memcpy(t->w[l], t->best[l], (size_t)head_size(t, l) * sizeof(double));
        memset(t->v[l], 0, (size_t)head_size(t, l) * sizeof(double));
    }
    return CULL_OK;
}

/* Heads for columns as they are. */
static cull_status hand_out(cull_ctx *cx, const trainer *t, cull__exits *out)
{
    const cull__exit_rows *r = t->r;
    *out = (cull__exits){.exits = r->exits, .classes = r->classes, .d = r->d};
    CULL_TRY(CULL_TMP(cx, out->gate, r->exits * GATE));
    memcpy(out->gate, t->gate, (size_t)(r->exits * GATE) * sizeof(double));
    for (int l = 0; l < r->exits; l++) {
        int64_t d = r->d[l];
        CULL_TRY(CULL_TMP(cx, out->head[l], head_size(t, l)));
        for (int32_t c = 0; c < r->classes; c++) {
            const double *w = t->w[l] + c * (d + 1);
            double *to = out->head[l] + c * (d + 1);
            to[d] = w[d];
            for (int64_t j = 0; j < d; j++) {
                to[j] = w[j] * t->scale[l][j];
                to[d] -= to[j] * t->mean[l][j];
            }
        }
    }
    return CULL_OK;
}

cull_status cull__exits_fit(cull_ctx *cx, const cull__exit_rows *r, const int64_t *row, int64_t n,
                            const int64_t *val, int64_t m, const cull__exit_opts *o,
                            cull__exits *out)
{
    cull_rng rng = cull__rng(cx, 31);
    trainer *t;
    int64_t *order, step = 0, batches = (n + o->batch - 1) / o->batch;
    double right[CULL__EXITS];
    cull__exit_opts own = *o;
    CULL_TRY(CULL_TMP0(cx, t, 1));
    CULL_TRY(CULL_TMP(cx, order, n));
    memcpy(order, row, (size_t)n * sizeof *row);
    /* few rows: six turns at least */
    if (own.turn > own.epochs * batches / 6) own.turn = own.epochs * batches / 6;
    if (own.turn < 1) own.turn = 1;
    t->r = r;
    t->o = &own;
    CULL_TRY(begin(cx, t, row, n));
    CULL_TRY(warm_up(cx, t, &rng, order, n, val, m));
    for (int64_t e = 0; e < own.epochs; e++) {
        CULL_TRY(epoch(cx, t, &rng, order, n, HEADS, &step, own.epochs * batches));
        validate(t, val, m, right);
    }
    CULL_TRY(hand_out(cx, t, out));
    for (int l = 0; l < r->exits; l++)
        for (int64_t k = 0; k < head_size(t, l); k++)
            if (!isfinite(out->head[l][k]))
                return cull__fail(
                    cx, CULL_EINPUT,
                    "the head of exit %d is not finite: a lower learning rate than %g", l, o->lr);
    return CULL_OK;
}

int cull__exits_at(const cull__exits *e, const float *const *x, int64_t i, double *p)
{
    double open[CULL__EXITS], mass[CULL__EXITS], chance[CULL__EXITS], sign[SIGNS];
    for (int l = 0; l < e->exits; l++) {
        int64_t d = e->d[l];
        double *q = p + l * e->classes;
        for (int32_t c = 0; c < e->classes; c++) {
            const double *w = e->head[l] + c * (d + 1);
            q[c] = w[d];
            for (int64_t j = 0; j < d; j++) q[c] += w[j] * (double)x[l][i * d + j];
        }
        cull_softmax(q, e->classes, 1, q);
        cull__exit_signs(q, e->classes, sign);
        open[l] = gate_at(e->gate + l * GATE, sign);
        cull__exit_mass(open, l + 1, mass, chance);
        if (chance[l] >= .5) return l;
    }
    return e->exits;
}
