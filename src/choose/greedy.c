/* greedy.c - the greedy maximiser: naive, lazy, stochastic; one answer for the first two. */
#include "choose/greedy.h"
#include "cull/data.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 8192, STREAM = 0x67726565 };

/* What a checkpoint holds beside the rows taken and their gains. */
typedef struct {
    int64_t single, taken; /* single: of most gain before anything was taken */
    double single_gain;
    int64_t again; /* begun again with it */
} kept;

typedef struct {
    const cull__gain *g;
    cull__taker *t;
    int64_t
        *row; /* n: rows that may be taken; LAZY: a heap from the front, asked rows at the back */
    int64_t rows, asked;
    double *bound;       /* n: LAZY: what a row's key is at most */
    double *gain;        /* BLOCK */
    double value, least; /* sum of gains so far; the least of them */
    kept k;
    int64_t known; /* t->idx and t->score up to here are of a checkpoint */
    cull__loop loop;
    cull__piece state[3];
} run;

static bool weighs(const run *r) { return r->t->cost && !r->g->plain; }
static double key_of(const run *r, int64_t i, double gain)
{
    return weighs(r) ? gain / r->t->cost[i] : gain;
}
static bool before(double a, int64_t i, double b, int64_t j) { return a > b || (a == b && i < j); }

typedef struct {
    int64_t row; /* -1: none */
    double gain, key;
} best;

/* The best of `top` and row[0..m), whose gains are left in r->gain; m <= BLOCK. */
static cull_status ask(cull_ctx *cx, run *r, const int64_t *row, int64_t m, best *top)
{
    CULL_TRY(r->g->gains(cx, r->g->arg, row, m, r->gain));
    for (int64_t j = 0; j < m; j++) {
        double key = key_of(r, row[j], r->gain[j]);
        if (top->row < 0 || before(key, row[j], top->key, top->row))
            *top = (best){row[j], r->gain[j], key};
        if (r->t->count) continue;
        if (r->k.single < 0 || before(r->gain[j], row[j], r->k.single_gain, r->k.single))
            r->k.single = row[j], r->k.single_gain = r->gain[j];
    }
    return CULL_OK;
}

static cull_status take(cull_ctx *cx, run *r, int64_t row, double gain)
{
    cull__take(r->t, row, gain, -1);
    r->value += gain;
    if (gain < r->least) r->least = gain;
    CULL_TRY(r->g->commit(cx, r->g->arg, &row, 1));
    r->k.taken = r->t->count;
    if (r->k.taken <= r->known) return CULL_OK;
    return cull__loop_keep(cx, &r->loop, r->k.taken, false, r->state, 3);
}

/* The next row that a checkpoint knows of. */
static cull_status retake(cull_ctx *cx, run *r)
{
    return take(cx, r, r->t->idx[r->t->count], r->t->score[r->t->count]);
}

/* Rows that can be taken, in order. */
static void gather(run *r, bool anew)
{
    int64_t m = 0, all = anew ? r->t->n : r->rows;
    for (int64_t j = 0; j < all; j++) {
        int64_t i = anew ? j : r->row[j];
        if (cull__can_take(r->t, i)) r->row[m++] = i;
    }
    r->rows = m;
}

static cull_status naive(cull_ctx *cx, run *r)
{
    while (!cull__taker_full(r->t) && (gather(r, false), r->rows)) {
        best top = {.row = -1};
        CULL_TRY(cull__tick(cx, r->t->spent, r->t->budget));
        for (int64_t lo = 0; lo < r->rows; lo += BLOCK)
            CULL_TRY(ask(cx, r, r->row + lo, r->rows - lo < BLOCK ? r->rows - lo : BLOCK, &top));
        CULL_TRY(take(cx, r, top.row, top.gain));
    }
    return CULL_OK;
}

/* ---- stochastic ---- */

/* m rows of r->row, drawn, to its front; fewer when no more can be taken. */
static int64_t draw(run *r, cull_rng *rng, int64_t m)
{
    int64_t got = 0;
    while (got < m && got < r->rows) {
        int64_t j = got + cull__rng_below(rng, r->rows - got), i = r->row[j];
        if (!cull__can_take(r->t, i)) { /* and never will */
            r->row[j] = r->row[--r->rows];
            continue;
        }
        r->row[j] = r->row[got];
        r->row[got++] = i;
    }
    return got;
}

static cull_status stochastic(cull_ctx *cx, run *r, double epsilon)
{
    double steps = (r->t->budget - r->t->spent) / r->t->mean;
    if (steps > (double)r->rows) steps = (double)r->rows;
    int64_t m = (int64_t)ceil((double)r->rows / fmax(steps, 1) * log(1 / epsilon));
    while (!cull__taker_full(r->t)) {
        cull_rng rng = cull__rng(cx, STREAM + (uint64_t)r->t->count);
        best top = {.row = -1};
        CULL_TRY(cull__tick(cx, r->t->spent, r->t->budget));
        int64_t got = draw(r, &rng, m > 1 ? m : 1);
        if (!got) break;
        if (r->t->count < r->known) {
            CULL_TRY(retake(cx, r));
            continue;
        }
        for (int64_t lo = 0; lo < got; lo += BLOCK)
            CULL_TRY(ask(cx, r, r->row + lo, got - lo < BLOCK ? got - lo : BLOCK, &top));
        CULL_TRY(take(cx, r, top.row, top.gain));
    }
    return CULL_OK;
}

/* ---- lazy ---- */

static bool higher(const run *r, int64_t a, int64_t b)
{
    return before(r->bound[r->row[a]], r->row[a], r->bound[r->row[b]], r->row[b]);
}

static void swap(run *r, int64_t a, int64_t b)
{
    int64_t t = r->row[a];
    r->row[a] = r->row[b];
    r->row[b] = t;
}

static void sink(run *r, int64_t a)
{
    for (int64_t c; (c = 2 * a + 1) < r->rows; a = c) {
        if (c + 1 < r->rows && higher(r, c + 1, c)) c++;
        if (!higher(r, c, a)) return;
        swap(r, a, c);
    }
}

static int64_t pop(run *r)
{
    int64_t i = r->row[0];
    r->row[0] = r->row[--r->rows];
    sink(r, 0);
    return i;
}

static void push(run *r, int64_t i)
{
    int64_t a = r->rows++;
    r->row[a] = i;
    for (; a && higher(r, a, (a - 1) / 2); a = (a - 1) / 2) swap(r, a, (a - 1) / 2);
}

/* Ask rows list[0..m) and keep what their keys can be at most from now on. */
static cull_status bound(cull_ctx *cx, run *r, const int64_t *list, int64_t m, best *top)
{
    CULL_TRY(ask(cx, r, list, m, top));
    for (int64_t j = 0; j < m; j++) {
        double key = key_of(r, list[j], r->gain[j]);
        r->bound[list[j]] = key + fabs(key) * r->g->slack;
    }
    return CULL_OK;
}

/* Rows that could still beat `top`, at most m of them, from the heap to the back. */
static int64_t pull(run *r, int64_t m, const best *top)
{
    int64_t got = 0;
    while (got < m && r->rows) {
        int64_t i = r->row[0];
        if (!cull__can_take(r->t, i)) {
            pop(r);
            continue;
        }
        if (top->row >= 0 && !before(r->bound[i], i, top->key, top->row)) break;
        pop(r);
        got++;
        r->row[r->t->n - ++r->asked] = i;
    }
    return got;
}

static cull_status lazy(cull_ctx *cx, run *r)
{
    best top = {.row = -1};
    for (int64_t lo = 0; lo < r->rows; lo += BLOCK) {
        CULL_TRY(cull__tick(cx, (double)lo, (double)r->rows));
        CULL_TRY(bound(cx, r, r->row + lo, r->rows - lo < BLOCK ? r->rows - lo : BLOCK, &top));
    }
    for (int64_t a = r->rows / 2; a-- > 0;) sink(r, a);
    while (!cull__taker_full(r->t)) {
        CULL_TRY(cull__tick(cx, r->t->spent, r->t->budget));
        top.row = -1;
        r->asked = 0;
        for (int64_t m = r->g->batch, got; (got = pull(r, m, &top)) > 0;
             m = 2 * m < BLOCK ? 2 * m : m)
            CULL_TRY(bound(cx, r, r->row + r->t->n - r->asked, got, &top));
        if (top.row < 0) break;
        CULL_TRY(take(cx, r, top.row, top.gain));
        for (int64_t j = 0; j < r->asked; j++) {
            int64_t i = r->row[r->t->n - r->asked + j];
            if (i != top.row) push(r, i);
        }
    }
    return CULL_OK;
}

/* ---- all of it ---- */

/* What counts as chosen before anything is: rows held, and what t took already. */
static cull_status begin(cull_ctx *cx, run *r, int64_t base)
{
    const cull__gain *g = r->g;
    int64_t m = 0;
    CULL_TRY(g->begin(cx, g->arg));
    for (int64_t i = 0; r->t->have && i < r->t->n; i++) {
        if (r->t->have[i]) r->row[m++] = i;
        if (m < CULL__PANEL) continue;
        CULL_TRY(g->commit(cx, g->arg, r->row, m));
        m = 0;
    }
    if (m) CULL_TRY(g->commit(cx, g->arg, r->row, m));
    if (base) CULL_TRY(g->commit(cx, g->arg, r->t->idx, base));
    r->value = r->least = 0;
    return CULL_OK;
}

static cull_status choose(cull_ctx *cx, run *r, const cull__greedy_opts *o)
{
    if (o->optimizer == CULL__STOCHASTIC) {
        gather(r, true);
        return stochastic(cx, r, o->epsilon);
    }
    while (r->t->count < r->known) CULL_TRY(retake(cx, r));
    gather(r, true);
    return o->optimizer == CULL__NAIVE ? naive(cx, r) : lazy(cx, r);
}

/* All anew, from the single row that was of more gain than what was taken. */
static cull_status from_single(cull_ctx *cx, run *r, const cull__greedy_opts *o)
{
    r->k.again = true;
    cull__taker_empty(r->t);
    CULL_TRY(begin(cx, r, 0));
    CULL_TRY(take(cx, r, r->k.single, r->k.single_gain));
    return choose(cx, r, o);
}

static cull_status resume(cull_ctx *cx, run *r)
{
    cull__taker *t = r->t;
    uint64_t rest = 8 * (uint64_t)(t->cap - t->count);
    int64_t step;
    bool found;
    memset(t->idx + t->count, 0, rest); /* what is not taken is written too */
    memset(t->score + t->count, 0, rest);
    r->state[0] = (cull__piece){&r->k, 0, sizeof r->k};
    r->state[1] = (cull__piece){t->idx, 0, 8 * (uint64_t)t->cap};
    r->state[2] = (cull__piece){t->score, 0, 8 * (uint64_t)t->cap};
    CULL_TRY(cull__loop_find(cx, "greedy", &r->loop, &step, r->state, 3, &found));
    r->known = found ? r->k.taken : 0;
    return CULL_OK;
}

cull_status cull__greedy(cull_ctx *cx, const cull__gain *g, cull__taker *t,
                         const cull__greedy_opts *o, double *value)
{
    run r = {.g = g, .t = t, .k.single = -1};
    int64_t base = t->count;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, r.row, t->n));
    if (o->optimizer == CULL__LAZY) CULL_TRY(CULL_TMP(cx, r.bound, t->n));
    CULL_TRY(CULL_TMP(cx, r.gain, BLOCK));
    CULL_TRY(resume(cx, &r));
    if (r.k.again) {
        CULL_TRY(from_single(cx, &r, o));
    } else {
        CULL_TRY(begin(cx, &r, base));
        CULL_TRY(choose(cx, &r, o));
        if (!base && weighs(&r) && r.k.single >= 0 && r.least >= 0 && r.value < r.k.single_gain) {
            r.known = 0;
            CULL_TRY(from_single(cx, &r, o));
        }
    }
    *value = r.value;
    cull__release(cx, mark);
    return CULL_OK;
}

uint64_t cull__greedy_plan(const cull_data_problem *p, const cull__greedy_opts *o)
{
    return (o->optimizer == CULL__LAZY ? 16 : 8) * (uint64_t)p->n + 8 * BLOCK;
}
