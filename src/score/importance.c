/* importance.c - which parameters decided about the best trials of a search: PED-ANOVA (cull/importance.h).
 *
 * A number of a point falls on one of a few positions of its parameter (a value, or one of 512 parts of the range), and a
 * position is a distribution over cells, its kernel. So a density is (counts of positions) times (kernels), and
 * what chance would give, the divergence of trials drawn blindly, costs no more than counting. */
#include "cull/importance.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "cull/front.h"
#include "num/num.h"

enum { CELLS = 64, POSITIONS = 512 };

typedef struct {
    const cull_space *space;
    int64_t width;
    const double *x;
    const int64_t *order; /* trials that count, the best first */
    int64_t best, seen;
    bool uniform;
    int64_t draws;
    uint64_t stream;
    cull_importance *out;
} job;

/* ---- positions and cells of a parameter's number ---- */
typedef struct {
    int64_t positions, cells;
    bool ordered;
    double lo, hi; /* of the scale, where there are more values than cells */
    bool log;
} axis;

static axis axis_of(const cull_space_param *p)
{
    axis a = {.positions = POSITIONS, .cells = CELLS, .ordered = true, .hi = 1};
    switch (p->kind) {
    case CULL_SPACE_REAL:
    case CULL_SPACE_INT:
        a.log = p->log;
        a.lo = p->log ? log(p->lo) : p->lo;
        a.hi = p->log ? log(p->hi) : p->hi;
        if (p->kind == CULL_SPACE_REAL || p->n > CELLS) return a;
        break;
    case CULL_SPACE_SIMPLEX: return a;
    case CULL_SPACE_SUBSET:
        a.ordered = false;
        a.positions = a.cells = 2;
        return a;
    case CULL_SPACE_ORDINAL:
        a.lo = -0.5;
        a.hi = (double)p->n - 0.5;
        if (p->n > CELLS) return a;
        break;
    default: a.ordered = false;
    }
    a.positions = a.cells = p->n; /* each value is one */
    if (p->kind == CULL_SPACE_INT) a.log = false;
    return a;
}

static int64_t position(const cull_space_param *p, const axis *a, double v)
{
    double at = v;
    if (a->positions == POSITIONS && a->cells == CELLS) {
        if (a->log) v = log(v);
        at = a->hi > a->lo ? floor((v - a->lo) / (a->hi - a->lo) * POSITIONS) : 0;
    } else if (p->kind == CULL_SPACE_INT) {
        at = nearbyint((v - p->lo) / (p->step > 0 ? p->step : 1));
    }
    return at < 0 ? 0 : at < (double)a->positions ? (int64_t)at : a->positions - 1;
}

/* Scott's width for counts of positions, on 0..1. */
static double scott(const double *count, const axis *a)
{
    double n = 0, sum = 0, squares = 0, below = 0, quarter[2] = {0, 0};
    for (int64_t i = 0; i < a->positions; i++) {
        double u = ((double)i + 0.5) / (double)a->positions;
        n += count[i];
        sum += count[i] * u;
        squares += count[i] * u * u;
    }
    for (int64_t i = 0, q = 0; i < a->positions && q < 2; i++) {
        below += count[i];
        for (; q < 2 && below >= n * (q ? .75 : .25); q++)
            quarter[q] = ((double)i + 0.5) / (double)a->positions;
    }
    double sd = sqrt(fmax(squares - sum * sum / n, 0) / fmax(n - 1, 1));
    double iqr = (quarter[1] - quarter[0]) / 1.34, width = iqr > 0 && iqr < sd ? iqr : sd;
    return fmax(1.06 * width * pow(n, -0.2), 0.5 / (double)a->cells);
}

static const double root2 = 1.4142135623730951;

/* kernel (positions, cells): how a normal distribution about each position, cut to 0..1, falls on the cells. */
static void kernels(const axis *a, double width, double *kernel)
{
    for (int64_t i = 0; i < a->positions; i++) {
        double *row = kernel + i * a->cells, u = ((double)i + 0.5) / (double)a->positions;
        double whole = 0, before = erf((0 - u) / (width * root2));
        for (int64_t c = 0; c < a->cells; c++) {
            double edge = (double)(c + 1) / (double)a->cells;
            double upto = erf((edge - u) / (width * root2));
            whole += row[c] = upto - before;
            before = upto;
        }
        for (int64_t c = 0; c < a->cells; c++) row[c] /= whole;
    }
}

/* One trial more is spread evenly. kernel NULL: positions are cells. */
static void density(const double *count, const axis *a, const double *kernel, double *p)
{
    double n = 0;
    for (int64_t c = 0; c < a->cells; c++) p[c] = 1 / (double)a->cells;
    for (int64_t i = 0; i < a->positions; i++) {
        n += count[i];
        if (!kernel) p[i] += count[i];
        for (int64_t c = 0; kernel && count[i] > 0 && c < a->cells; c++)
            p[c] += count[i] * kernel[i * a->cells + c];
    }
    for (int64_t c = 0; c < a->cells; c++) p[c] /= n + 1;
}

static double pearson(const double *p, const double *q, int64_t cells)
{
    double sum = 0;
    for (int64_t c = 0; c < cells; c++) {
        double off = p[c] / q[c] - 1;
        sum += q[c] * off * off;
    }
    return sum;
}

/* ---- one number of one parameter ---- */
typedef struct {
    const job *j;
    const cull_space_param *param;
    axis a;
    int32_t *at;                         /* of the trials in order: position, -1 = not active */
    double *all, *some, *kernel, *p, *q; /* counts of positions; densities */
} number;

static void count(const number *m, const int64_t *which, int64_t n, double *into)
{
    memset(into, 0, (size_t)m->a.positions * sizeof *into);
    for (int64_t k = 0; k < n; k++) {
        int32_t at = m->at[which ? which[k] : k];
        if (at >= 0) into[at]++;
    }
}

static double total(const double *v, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += v[i];
    return s;
}

/* Kernels of the width that counts `some` ask for, and q with them. */
static void prepare(number *m)
{
    if (m->a.ordered) kernels(&m->a, scott(m->some, &m->a), m->kernel);
    density(m->all, &m->a, m->a.ordered ? m->kernel : NULL, m->q);
    for (int64_t c = 0; m->j->uniform && c < m->a.cells; c++) m->q[c] = 1 / (double)m->a.cells;
}

static double divergence(number *m)
{
    density(m->some, &m->a, m->a.ordered ? m->kernel : NULL, m->p);
    return pearson(m->p, m->q, m->a.cells);
}

static cull_status number_new(cull_ctx *cx, const job *j, const cull_space_param *p, number *m)
{
    *m = (number){.j = j, .param = p, .a = axis_of(p)};
    CULL_TRY(CULL_TMP(cx, m->at, j->seen));
    CULL_TRY(CULL_TMP(cx, m->all, m->a.positions));
    CULL_TRY(CULL_TMP(cx, m->some, m->a.positions));
    CULL_TRY(CULL_TMP(cx, m->p, m->a.cells));
    CULL_TRY(CULL_TMP(cx, m->q, m->a.cells));
    if (m->a.ordered) CULL_TRY(CULL_TMP(cx, m->kernel, m->a.positions * m->a.cells));
    return CULL_OK;
}

static void number_read(number *m, int64_t at)
{
    for (int64_t k = 0; k < m->j->seen; k++) {
        double v = m->j->x[m->j->order[k] * m->j->width + at];
        m->at[k] = isnan(v) ? -1 : (int32_t)position(m->param, &m->a, v);
    }
    count(m, NULL, m->j->seen, m->all);
}

/* Trials drawn blindly: which[0 .. best) of 0 .. seen - 1; the same for every parameter. */
static void draw_best(cull_ctx *cx, const job *j, int64_t draw, int64_t *which)
{
    const uint64_t name[2] = {j->stream, (uint64_t)draw};
    cull_rng r = cull__rng(cx, cull__hash64(name, sizeof name, 0));
    for (int64_t k = 0; k < j->seen; k++) which[k] = k;
    for (int64_t k = 0; k < j->best; k++) {
        int64_t other = k + cull__rng_below(&r, j->seen - k), was = which[k];
        which[k] = which[other];
        which[other] = was;
    }
}

/* Into by_chance (draws): the larger of what is there and this number's divergences of blind draws. Their kernels are as wide as
 * so many trials like all in view would have them. */
static cull_status add_chance(cull_ctx *cx, number *m, int64_t *which, double *by_chance)
{
    double share = (double)m->j->best / (double)m->j->seen;
    for (int64_t i = 0; i < m->a.positions; i++) m->some[i] = m->all[i] * share;
    prepare(m);
    for (int64_t d = 0; d < m->j->draws; d++) {
        draw_best(cx, m->j, d, which);
        count(m, which, m->j->best, m->some);
        by_chance[d] = fmax(by_chance[d], divergence(m));
        if (d % 16 == 0) CULL_TRY(cull__tick(cx, (double)d, (double)m->j->draws));
    }
    return CULL_OK;
}

static void weigh_chance(const job *j, const double *by_chance, cull_importance *out)
{
    int64_t as_much = 0;
    if (j->draws == 0) return;
    for (int64_t d = 0; d < j->draws; d++) as_much += by_chance[d] >= out->divergence;
    out->chance = cull__mean(by_chance, j->draws);
    out->p = (double)(1 + as_much) / (double)(1 + j->draws);
}

static cull_status one_parameter(cull_ctx *cx, const job *j, int i)
{
    const cull_space_param *p = cull_space_at(j->space, i);
    cull_importance *out = j->out + i;
    number m;
    int64_t *which;
    double *by_chance;
    *out = (cull_importance){.divergence = NAN, .chance = NAN, .p = NAN};
    CULL_TRY(number_new(cx, j, p, &m));
    CULL_TRY(CULL_TMP(cx, which, j->seen));
    CULL_TRY(CULL_TMP0(cx, by_chance, j->draws));
    for (int64_t k = 0; k < p->width; k++) {
        number_read(&m, p->at + k);
        count(&m, NULL, j->best, m.some);
        out->seen = (int64_t)total(m.all, m.a.positions);
        out->best = (int64_t)total(m.some, m.a.positions);
        if (out->best < 2) break;
        prepare(&m);
        double here = divergence(&m);
        if (!(here <= out->divergence)) out->divergence = here;
        CULL_TRY(add_chance(cx, &m, which, by_chance));
    }
    out->active = (double)out->seen / (double)j->seen;
    if (!isnan(out->divergence)) weigh_chance(j, by_chance, out);
    return CULL_OK;
}

static cull_status parameters(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) CULL_TRY(one_parameter(cx, arg, (int)i));
    return CULL_OK;
}

/* ---- which trials are the best ---- */
typedef struct {
    int32_t rank;
    double room; /* crowding: more is better */
    int64_t trial;
} standing;

static bool stands_before(const standing *a, const standing *b)
{
    if (a->rank != b->rank) return a->rank < b->rank;
    if (a->room != b->room) return a->room > b->room;
    return a->trial < b->trial;
}

static void sort_standings(standing *v, standing *room, int64_t n)
{
    if (n < 2) return;
    int64_t mid = n / 2, i = 0, j = mid, k = 0;
    sort_standings(v, room, mid);
    sort_standings(v + mid, room, n - mid);
    memcpy(room, v, (size_t)mid * sizeof *v);
    while (i < mid && j < n) v[k++] = stands_before(v + j, room + i) ? v[j++] : room[i++];
    memcpy(v + k, room + i, (size_t)(mid - i) * sizeof *v);
}

/* Trials by objective `which`, or by all of them: those without a NaN there, in order. */
static cull_status order_trials(cull_ctx *cx, int64_t n, int objectives, const double *value,
                                const double *violation, int which, int64_t *order, int64_t *kept)
{
    int m = which < 0 ? objectives : 1;
    double *v, *worse, *room;
    int32_t *rank;
    standing *st, *st_room;
    int64_t k = 0;
    CULL_TRY(CULL_TMP(cx, v, n * m));
    CULL_TRY(CULL_TMP(cx, worse, n));
    CULL_TRY(CULL_TMP(cx, room, n));
    CULL_TRY(CULL_TMP(cx, rank, n));
    CULL_TRY(CULL_TMP(cx, st, n));
    CULL_TRY(CULL_TMP(cx, st_room, n));
    for (int64_t i = 0; i < n; i++) {
        const double *from = value + i * objectives + (which < 0 ? 0 : which);
        bool nan = false;
        for (int d = 0; d < m; d++) {
            v[k * m + d] = from[d];
            nan |= isnan(from[d]);
        }
        worse[k] = violation ? violation[i] : 0;
        order[k] = i;
        k += !nan;
    }
    CULL_TRY(cull_front_ranks(cx, v, k, m, worse, rank, NULL));
    CULL_TRY(cull_front_crowding(cx, v, k, m, rank, room));
    for (int64_t i = 0; i < k; i++) st[i] = (standing){rank[i], m > 1 ? room[i] : 0, order[i]};
    sort_standings(st, st_room, k);
    for (int64_t i = 0; i < k; i++) order[i] = st[i].trial;
    *kept = k;
    return CULL_OK;
}

/* ---- the doors ---- */
static cull_status check(cull_ctx *cx, const cull_importance_opts *o, int64_t n, int objectives)
{
    if (n < 0 || n >= INT32_MAX || objectives < 1 || objectives > CULL_OBJECTIVES)
        return cull__fail(cx, CULL_EINPUT, "importance of %lld trials of %d objectives",
                          (long long)n, objectives);
    if (!(o->top >= 0 && o->top < 1))
        return cull__fail(cx, CULL_EOPTION, "top is %g; it is a share of the trials, below 1",
                          o->top);
    if (!(o->region >= 0 && o->region <= 1))
        return cull__fail(cx, CULL_EOPTION, "region is %g; it is a share of the trials", o->region);
    if (o->objective < CULL_IMPORTANCE_RANK || o->objective >= objectives)
        return cull__fail(cx, CULL_EOPTION,
                          "objective %d of %d; they count from 0, and -1 is the rank", o->objective,
                          objectives);
    if (o->draws > 1000000)
        return cull__fail(cx, CULL_EOPTION, "%lld draws; at most 1000000", (long long)o->draws);
    return CULL_OK;
}

static cull_status importance(cull_ctx *cx, job *j, int64_t n, int objectives, const double *value,
                              const double *violation, const cull_importance_opts *o)
{
    int64_t *order, kept;
    int params = cull_space_params(j->space);
    double sum = 0;
    CULL_TRY(CULL_TMP(cx, order, n));
    CULL_TRY(order_trials(cx, n, objectives, value, violation, o->objective, order, &kept));
    j->order = order;
    j->seen = (int64_t)ceil((o->region > 0 ? o->region : 1) * (double)kept);
    j->best = (int64_t)ceil((o->top > 0 ? o->top : 0.1) * (double)kept);
    if (j->best < 2) j->best = 2;
    if (j->seen < 4 || j->best >= j->seen)
        return cull__fail(cx, CULL_EINPUT,
                          "importance wants at least 4 trials with values, and some besides the "
                          "best %lld; there are %lld",
                          (long long)j->best, (long long)j->seen);
    CULL_TRY(cull__for(cx, params, 1, parameters, j));
    for (int i = 0; i < params; i++)
        if (j->out[i].divergence > 0) sum += j->out[i].divergence;
    for (int i = 0; i < params; i++)
        j->out[i].share = j->out[i].divergence > 0 ? j->out[i].divergence / sum : 0;
    return CULL_OK;
}

cull_status cull_search_importance(cull_ctx *cx, const cull_space *s, int64_t n, const double *x,
                                   int objectives, const double *value, const double *violation,
                                   const cull_importance_opts *o, cull_importance *out)
{
    const cull_importance_opts plain = CULL_IMPORTANCE_OPTS;
    cull_importance_opts mine = plain;
    if (o) memcpy(&mine, o, o->size < sizeof mine ? o->size : sizeof mine);
    CULL_TRY(check(cx, &mine, n, objectives));
    job j = {.space = s,
             .width = cull_space_width(s),
             .x = x,
             .uniform = mine.uniform,
             .draws = mine.draws == 0  ? 100
                      : mine.draws < 0 ? 0
                                       : mine.draws,
             .stream = mine.stream,
             .out = out};
    cull__mark_t mark = cull__mark(cx);
    cull_status status = importance(cx, &j, n, objectives, value, violation, &mine);
    cull__release(cx, mark);
    return status;
}

static cull_status read_study(cull_ctx *cx, cull_study *s, double *x, double *value,
                              double *violation, int64_t *n)
{
    const cull_search_problem *p = cull_study_problem(s);
    int64_t trials = cull_study_trials(s), width = cull_space_width(p->space);
    for (int64_t t = 0; t < trials; t++) {
        cull_trial trial;
        if (t % 4096 == 0) CULL_TRY(cull__tick(cx, (double)t, (double)trials));
        CULL_TRY(cull_study_trial(s, t, &trial));
        if (trial.state != CULL_TRIAL_DONE) continue;
        memcpy(x + *n * width, trial.x, (size_t)width * sizeof *x);
        for (int d = 0; d < p->objectives; d++)
            value[*n * p->objectives + d] =
                p->objective[d].maximize ? -trial.value[d] : trial.value[d];
        violation[*n] = 0;
        for (int c = 0; trial.violation && c < p->constraints; c++)
            violation[*n] += fmax(trial.violation[c], 0);
        ++*n;
    }
    return CULL_OK;
}

static cull_status of_study(cull_ctx *cx, cull_study *s, const cull_importance_opts *o,
                            cull_importance *out)
{
    const cull_search_problem *p = cull_study_problem(s);
    int64_t trials = cull_study_trials(s), n = 0;
    double *x, *value, *violation;
    CULL_TRY(CULL_TMP(cx, x, trials * cull_space_width(p->space)));
    CULL_TRY(CULL_TMP(cx, value, trials * p->objectives));
    CULL_TRY(CULL_TMP(cx, violation, trials));
    CULL_TRY(read_study(cx, s, x, value, violation, &n));
    return cull_search_importance(cx, p->space, n, x, p->objectives, value, violation, o, out);
}

cull_status cull_study_importance(cull_ctx *cx, cull_study *s, const cull_importance_opts *o,
                                  cull_importance *out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status status = of_study(cx, s, o, out);
    cull__release(cx, mark);
    return status;
}

static cull_status fanova_of_study(cull_ctx *cx, cull_study *s, const cull_fanova_opts *o,
                                   cull_fanova *out, cull_fanova_pair *pair, int *pairs)
{
    const cull_search_problem *p = cull_study_problem(s);
    int64_t trials = cull_study_trials(s), n = 0;
    double *x, *value, *violation;
    int which = o ? o->objective : 0;
    if (which < 0 || which >= p->objectives)
        return cull__fail(cx, CULL_EOPTION, "objective %d of %d; they count from 0", which,
                          p->objectives);
    CULL_TRY(CULL_TMP(cx, x, trials * cull_space_width(p->space)));
    CULL_TRY(CULL_TMP(cx, value, trials * p->objectives));
    CULL_TRY(CULL_TMP(cx, violation, trials));
    CULL_TRY(read_study(cx, s, x, value, violation, &n));
    for (int64_t i = 0; i < n; i++) value[i] = value[i * p->objectives + which];
    return cull_search_fanova(cx, p->space, n, x, value, o, out, pair, pairs);
}

cull_status cull_study_fanova(cull_ctx *cx, cull_study *s, const cull_fanova_opts *o,
                              cull_fanova *out, cull_fanova_pair *pair, int *pairs)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status status = fanova_of_study(cx, s, o, out, pair, pairs);
    cull__release(cx, mark);
    return status;
}
