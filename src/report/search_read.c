/* search_read.c - a study as arrays: values, who is best, which parameters decided; numbers of points on scales. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cull/front.h"
#include "report/search.h"

/* ---- trials ---- */

static cull_status room(cull_ctx *cx, cull__search *v)
{
    CULL_TRY(CULL_TMP(cx, v->x, v->n * v->width));
    CULL_TRY(CULL_TMP(cx, v->value, v->n * v->m));
    CULL_TRY(CULL_TMP(cx, v->mean, v->n * v->m));
    CULL_TRY(CULL_TMP(cx, v->bad, v->n));
    CULL_TRY(CULL_TMP(cx, v->state, v->n));
    CULL_TRY(CULL_TMP0(cx, v->whole, v->n));
    CULL_TRY(CULL_TMP(cx, v->best, v->n));
    CULL_TRY(CULL_TMP0(cx, v->is_best, v->n));
    CULL_TRY(CULL_TMP(cx, v->sorted, v->n));
    return CULL_TMP(cx, v->order, v->n);
}

static void take(cull__search *v, int64_t i, const cull_trial *t)
{
    memcpy(v->x + i * v->width, t->x, (size_t)v->width * sizeof *v->x);
    for (int k = 0; k < v->m; k++) {
        bool some = t->state == CULL_TRIAL_DONE || t->state == CULL_TRIAL_STOPPED;
        v->value[i * v->m + k] = some && t->value ? t->value[k] : NAN;
        v->mean[i * v->m + k] = t->mean[k];
    }
    v->bad[i] = 0;
    for (int k = 0; k < v->p->constraints && t->violation; k++)
        if (!(t->violation[k] <= 0))
            v->bad[i] += isfinite(t->violation[k]) ? t->violation[k] / (1 + t->violation[k]) : 1;
    v->state[i] = (uint8_t)t->state;
    v->tally[t->state]++;
    if (isfinite(t->cost)) v->cost += t->cost;
    if (t->state == CULL_TRIAL_RUNNING) return;
    if (t->ended > v->last) v->last = t->ended;
    if (t->ended > t->began) v->busy += t->ended - t->began;
}

static cull_status read_trials(cull_ctx *cx, cull__search *v)
{
    cull_trial t;
    int64_t last = v->p->stop.kind == CULL_STOP_NONE ? 0 : v->p->stop.last, far = -1, *budget;
    CULL_TRY(CULL_TMP(cx, budget, v->n));
    for (int64_t i = 0; i < v->n; i++) {
        if (i % 4096 == 0) CULL_TRY(cull__tick(cx, (double)i, (double)v->n));
        CULL_TRY(cull_study_trial(v->r->study, i, &t));
        take(v, i, &t);
        budget[i] = t.budget == 0 || (last && t.budget >= last) ? INT64_MAX : t.budget;
        if (t.state == CULL_TRIAL_DONE && budget[i] > far) far = budget[i];
    }
    for (int64_t i = 0; i < v->n; i++)
        v->whole[i] = v->state[i] == CULL_TRIAL_DONE && budget[i] == far;
    return CULL_OK;
}

/* ---- order ---- */

typedef struct {
    double key[3];
    int64_t trial;
} place;

static int by_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    for (int k = 0; k < 3; k++)
        if (x->key[k] != y->key[k]) return x->key[k] < y->key[k] ? -1 : 1;
    return x->trial < y->trial ? -1 : x->trial > y->trial;
}

/* What v->used trials are as problems to minimise, in order of v->order. */
static cull_status minimised(cull_ctx *cx, const cull__search *v, double **value, double **bad)
{
    CULL_TRY(CULL_TMP(cx, *value, v->used * v->m));
    CULL_TRY(CULL_TMP(cx, *bad, v->used));
    for (int64_t j = 0; j < v->used; j++) {
        (*bad)[j] = v->bad[v->order[j]];
        for (int k = 0; k < v->m; k++) {
            double w = v->value[v->order[j] * v->m + k];
            (*value)[j * v->m + k] = v->p->objective[k].maximize ? -w : w;
        }
    }
    return CULL_OK;
}

/* By violation, then value; of several objectives by rank of dominance, then crowding. */
static cull_status put_in_order(cull_ctx *cx, cull__search *v)
{
    place *at;
    double *value, *bad, *crowd;
    int32_t *rank;
    for (int64_t i = 0; i < v->n; i++)
        if (v->whole[i]) v->order[v->used++] = i;
    v->tenth = (v->used + 9) / 10;
    if (!v->used) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, at, v->used));
    CULL_TRY(minimised(cx, v, &value, &bad));
    CULL_TRY(CULL_TMP0(cx, rank, v->used));
    CULL_TRY(CULL_TMP0(cx, crowd, v->used));
    if (v->m > 1) {
        CULL_TRY(cull_front_ranks(cx, value, v->used, v->m, bad, rank, NULL));
        CULL_TRY(cull_front_crowding(cx, value, v->used, v->m, rank, crowd));
    }
    for (int64_t j = 0; j < v->used; j++)
        at[j] = v->m > 1 ? (place){{rank[j], -crowd[j], 0}, v->order[j]}
                         : (place){{bad[j], value[j], 0}, v->order[j]};
    qsort(at, (size_t)v->used, sizeof *at, by_place);
    for (int64_t j = 0; j < v->used; j++) v->order[j] = at[j].trial;
    return CULL_OK;
}

static cull_status read_best(cull_ctx *cx, cull__search *v)
{
    place *at;
    if (!v->n) return CULL_OK;
    CULL_TRY(cull_study_best(v->r->study, v->best, &v->bests));
    CULL_TRY(CULL_TMP(cx, at, v->bests));
    for (int64_t j = 0; j < v->bests; j++) {
        double w = v->mean[v->best[j] * v->m];
        at[j] = (place){{v->p->objective[0].maximize ? -w : w, 0, 0}, v->best[j]};
        v->is_best[v->best[j]] = true;
    }
    if (v->bests) qsort(at, (size_t)v->bests, sizeof *at, by_place);
    for (int64_t j = 0; j < v->bests; j++) v->best[j] = at[j].trial;
    return CULL_OK;
}

/* ---- importance ---- */

static double weight(const cull__search *v, int i)
{
    double d = v->importance[i].divergence;
    return isnan(d) ? -1 : d;
}

static cull_status ask_importance(cull_ctx *cx, cull__search *v)
{
    cull_importance_opts o = CULL_IMPORTANCE_OPTS;
    double *value, *bad, *x;
    CULL_TRY(minimised(cx, v, &value, &bad));
    CULL_TRY(CULL_TMP(cx, x, v->used * v->width));
    for (int64_t j = 0; j < v->used; j++)
        memcpy(x + j * v->width, v->x + v->order[j] * v->width, (size_t)v->width * sizeof *x);
    CULL_TRY(CULL_TMP0(cx, v->importance, cull_space_params(v->space)));
    return cull_search_importance(cx, v->space, v->used, x, v->m, value, bad, &o, v->importance);
}

static cull_status read_importance(cull_ctx *cx, cull__search *v)
{
    int n = cull_space_params(v->space);
    CULL_TRY(CULL_TMP(cx, v->rank, n));
    for (int i = 0; i < n; i++) v->rank[i] = i;
    if (v->used < CULL__SEARCH_LEAST) return CULL_OK;
    CULL_TRY(ask_importance(cx, v));
    /* the first places alone matter; ties stay as in the space */
    for (int i = 0; i < n && i < CULL__SEARCH_BARS; i++) {
        int top = i;
        for (int k = i + 1; k < n; k++)
            if (weight(v, v->rank[k]) > weight(v, v->rank[top])) top = k;
        int moved = v->rank[top];
        memmove(v->rank + i + 1, v->rank + i, (size_t)(top - i) * sizeof *v->rank);
        v->rank[i] = moved;
    }
    return CULL_OK;
}

cull_status cull__search_read(cull_ctx *cx, const cull_search_report *r, cull__search *v)
{
    const cull_search_problem *p = cull_study_problem(r->study);
    *v = (cull__search){.r = r,
                        .p = p,
                        .space = p->space,
                        .n = cull_study_trials(r->study),
                        .width = cull_space_width(p->space),
                        .m = p->objectives};
    CULL_TRY(room(cx, v));
    CULL_TRY(read_trials(cx, v));
    CULL_TRY(put_in_order(cx, v));
    CULL_TRY(read_best(cx, v));
    return read_importance(cx, v);
}

/* ---- numbers of a point on scales ---- */

/* Within the middle of a cell, by the golden ratio: trials beside one another lie far apart. */
static double apart(int64_t trial)
{
    double g = (double)(trial % 1000003) * 0.6180339887498949;
    return 0.5 + 0.6 * (g - floor(g) - 0.5);
}

double cull__coord_at(const cull__search *v, cull__coord c, int64_t trial)
{
    const cull_space_param *q = cull_space_at(v->space, c.param);
    double x = v->x[trial * v->width + q->at + c.k];
    if (!isfinite(x)) return NAN;
    switch (q->kind) {
    case CULL_SPACE_REAL:
    case CULL_SPACE_INT:
        if (!(q->hi > q->lo)) return 0.5;
        if (q->log) return log(x / q->lo) / log(q->hi / q->lo);
        return (x / 2 - q->lo / 2) / (q->hi / 2 - q->lo / 2);
    case CULL_SPACE_SIMPLEX: return x;
    case CULL_SPACE_SUBSET: return (x + apart(trial)) / 2;
    default: return (x + apart(trial)) / (double)q->n;
    }
}

static const char *word(const cull_space_param *q, int64_t k)
{
    return q->value && k >= 0 && k < q->n ? q->value[k] : "";
}

void cull__coord_name(const cull__search *v, cull__coord c, cull_buf *b)
{
    const cull_space_param *q = cull_space_at(v->space, c.param);
    cull__buf_printf(b, "%s", q->name);
    if (q->kind == CULL_SPACE_SUBSET || q->kind == CULL_SPACE_SIMPLEX)
        cull__buf_printf(b, ": %s", word(q, c.k));
    if (q->kind == CULL_SPACE_PERMUTATION) cull__buf_printf(b, ": place %lld", (long long)c.k + 1);
}

static void mark_text(cull__coord_mark *m, double at, const char *text)
{
    m->at = at;
    snprintf(m->text, sizeof m->text, "%s", text);
}

static int words(const cull_space_param *q, int64_t n, cull__coord_mark mark[16])
{
    static const char *const sides[] = {"out", "in"};
    int64_t step = (n + 15) / 16;
    int k = 0;
    for (int64_t i = 0; i < n && k < 16; i += step)
        mark_text(&mark[k++], ((double)i + 0.5) / (double)n,
                  q->kind == CULL_SPACE_SUBSET ? sides[i] : word(q, i));
    return k;
}

/* Powers of ten while there are some; else the ends. */
static int powers(const cull_space_param *q, cull__coord_mark mark[16])
{
    char t[32];
    int k = 0, lo = (int)ceil(log10(q->lo) - 1e-9), hi = (int)floor(log10(q->hi) + 1e-9);
    int step = (hi - lo) / 7 + 1;
    double span = log(q->hi / q->lo);
    for (int e = lo; hi > lo && e <= hi && k < 16; e += step) {
        double ten = pow(10, e), at = log(ten / q->lo) / span;
        mark_text(&mark[k++], fmin(fmax(at, 0), 1), cull__format_f64(ten, t));
    }
    if (k) return k;
    mark_text(&mark[0], 0, cull__human(q->lo, t));
    mark_text(&mark[1], 1, cull__human(q->hi, t));
    return 2;
}

static int steps(cull_buf *room, double lo, double hi, bool integer, cull__coord_mark mark[16])
{
    cull__axis a = cull__axis_of(lo, hi, 5, false, 0, 1);
    double t[16];
    int n = cull__axis_ticks(&a, t), k = 0;
    for (int i = 0; i < n; i++) {
        if (integer && t[i] != floor(t[i])) continue;
        room->n = 0;
        cull__axis_text(room, &a, t[i]);
        mark_text(&mark[k++], cull__axis_at(&a, t[i]), room->status == CULL_OK ? room->at : "");
    }
    return k;
}

static int marks(cull_buf *room, const cull__search *v, cull__coord c, cull__coord_mark mark[16])
{
    char t[32];
    const cull_space_param *q = cull_space_at(v->space, c.param);
    switch (q->kind) {
    case CULL_SPACE_REAL:
    case CULL_SPACE_INT:
        if (q->hi > q->lo)
            return q->log ? powers(q, mark)
                          : steps(room, q->lo, q->hi, q->kind == CULL_SPACE_INT, mark);
        mark_text(&mark[0], 0.5, cull__human(q->lo, t));
        return 1;
    case CULL_SPACE_SIMPLEX: return steps(room, 0, 1, false, mark);
    case CULL_SPACE_SUBSET: return words(q, 2, mark);
    default: return words(q, q->n, mark);
    }
}

int cull__coord_marks(cull_buf *b, const cull__search *v, cull__coord c, cull__coord_mark mark[16])
{
    cull_buf room = CULL_BUF(b->cx);
    int n = marks(&room, v, c, mark);
    if (room.status != CULL_OK && b->status == CULL_OK) b->status = room.status;
    cull__buf_free(&room);
    return n;
}

cull__coord cull__coord_of(const cull__search *v, int param)
{
    const cull_space_param *q = cull_space_at(v->space, param);
    cull__coord top = {param, 0};
    double most = -1;
    for (int64_t k = 0; k < q->width && q->width > 1; k++) {
        double sum[2] = {0}, of[2] = {0};
        for (int64_t j = 0; j < v->used; j++) {
            double u = cull__coord_at(v, (cull__coord){param, k}, v->order[j]);
            if (isnan(u)) continue;
            sum[j < v->tenth] += u, of[j < v->tenth]++;
        }
        double d = of[0] && of[1] ? fabs(sum[0] / of[0] - sum[1] / of[1]) : 0;
        if (d > most) most = d, top.k = k;
    }
    return top;
}
