/* cma-es - covariance matrix adaptation (Hansen and Ostermeier 2001), restarted with larger
 * populations (Auger and Hansen 2005)
 *
 * Chooses   reals and ints near the mean of a normal distribution that learns the shape of the
 *           valley.
 * Idea      A generation is drawn from the distribution; when it has come back, its better half
 *           moves the mean, and the steps taken stretch the covariance and set the width. Where it
 *           gets stuck it starts anew elsewhere with twice the population (IPOP).
 * Reads     values and violations of a generation's trials.
 * Deviates  (a) Parameters are in 0..1 of their scale; what falls outside is reflected, and learnt
 *           as asked. (b) Ints are spread by a third of a step at least, lest all fall on one
 *           value. (c) Categories have chances: those of the better half, smoothed; mixed = best
 *           takes the best trial's. Other kinds are the best's, changed. (d) A parameter that is
 *           not active stands at the mean. (e) With workers, trials beyond a generation's size are
 *           of it too: the first to come back make it.
 * Cost      O(d^2) a question, O(d^3) a generation of d numbers.
 * Example   cull search space.cull --method cma-es --minimize error --budget 200 -- ./train {lr}
 */
#include "num/num.h"
#include "search/density_joint.h"
#include "search/sampler_model.h"

#include <math.h>
#include <string.h>

typedef struct {
    int64_t population, restarts;
    double sigma, factor;
    int mixed;
} opts;
enum { CHANCES, BEST };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, population, 0, 0, 100000, "of a generation; 0 = 4 + 3 log(numbers)"),
    CULL_OPT_F64(opts, sigma, 0.3, 0.001, 1, "width at first, as a share of the ranges"),
    CULL_OPT_I64(opts, restarts, 9, 0, 60, "times to start anew when stuck"),
    CULL_OPT_F64(opts, factor, 2, 1, 10, "what a restart makes of the population"),
    CULL_OPT_ENUM(opts, mixed, CHANCES, "chances|best",
                  "categories: by their chances among the better half, or the best trial's"),
    CULL_OPT_END};

typedef struct {
    opts o;
    const cull_space *space;
    int params, d;
    int *number;    /* d: the parameters that are numbers */
    int64_t *first; /* params: where a category's chances begin */
    int64_t chances;
    int64_t lambda, generation, restart, stale; /* stale: generations without a better one */
    double sigma, best;                         /* of this start */
    double *mean, *c, *axis, *width, *path, *step, *chance; /* axis: rows; width: their sd */
    int32_t *of;                            /* trials: generation asked in, from 1 */
    int64_t cap_of, *back, cap_back, backs; /* this generation's trials that came back */
    int64_t top;                            /* number of the best trial, -1 */
} state;

/* ---- open ---- */
static bool is_number(const cull_space_param *p)
{
    return p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT;
}

static bool is_choice(const cull_space_param *p)
{
    return p->kind == CULL_SPACE_CATEGORY || p->kind == CULL_SPACE_ORDINAL;
}

static cull_status fits(cull_ctx *cx, const cull_search_problem *p, const void *o)
{
    (void)o;
    for (int i = 0; i < cull_space_params(p->space); i++)
        if (is_number(cull_space_at(p->space, i))) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "the space has no reals and no ints, which are what cma-es "
                      "searches; tpe takes categories");
}

static void close(void *state_)
{
    state *s = state_;
    if (!s) return;
    cull__free(s->number);
    cull__free(s->first);
    cull__free(s->mean);
    cull__free(s->chance);
    cull__free(s->of);
    cull__free(s->back);
    cull__free(s);
}

/* The r-th start: a wide ball about the middle, or about a random place. */
static void start(state *s, uint64_t seed)
{
    int d = s->d;
    cull_rng r = cull__rng_seeded(seed, 0x636d61 + (uint64_t)s->restart);
    double size = s->o.population ? (double)s->o.population : 4 + floor(3 * log(d));
    s->lambda = (int64_t)fmin(fmax(4, size * pow(s->o.factor, (double)s->restart)), 1e6);
    s->sigma = s->o.sigma;
    s->best = INFINITY;
    s->stale = 0;
    memset(s->c, 0, (size_t)d * (size_t)d * sizeof *s->c);
    memset(s->axis, 0, (size_t)d * (size_t)d * sizeof *s->axis);
    for (int i = 0; i < d; i++) {
        s->mean[i] = s->restart ? cull__rng_unit(&r) : 0.5;
        s->c[i * d + i] = s->axis[i * d + i] = s->width[i] = 1;
        s->path[i] = s->step[i] = 0;
    }
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = cull_space_at(s->space, i);
        for (int64_t v = 0; is_choice(p) && v < p->n; v++)
            s->chance[s->first[i] + v] = 1 / (double)p->n;
    }
}

static cull_status open_state(cull_ctx *cx, const cull_search_problem *p, state *s)
{
    s->params = cull_space_params(p->space);
    CULL_TRY(CULL_ALLOC(cx, s->number, s->params));
    CULL_TRY(CULL_ALLOC(cx, s->first, s->params));
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *q = cull_space_at(p->space, i);
        if (is_number(q)) s->number[s->d++] = i;
        s->first[i] = s->chances;
        s->chances += is_choice(q) ? q->n : 0;
    }
    int64_t d = s->d;
    CULL_TRY(CULL_ALLOC(cx, s->mean, 2 * d * d + 4 * d));
    s->c = s->mean + d;
    s->axis = s->c + d * d;
    s->width = s->axis + d * d;
    s->path = s->width + d;
    s->step = s->path + d;
    return CULL_ALLOC(cx, s->chance, s->chances + 1);
}

static cull_status open(cull_ctx *cx, const cull_search_problem *p, const void *o, void **out)
{
    state *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->o = *(const opts *)o;
    s->space = p->space;
    s->top = -1;
    cull_status status = open_state(cx, p, s);
    if (status != CULL_OK) {
        close(s);
        return status;
    }
    s->generation = 0; /* begins with the first event or question, which know the seed */
    *out = s;
    return CULL_OK;
}

static void begin(state *s, const cull_search_view *v)
{
    if (s->generation) return;
    start(s, v->seed);
    s->generation = 1;
}

/* ---- a question ---- */
typedef struct {
    state *s;
    const cull_search_view *v;
    cull_rng *r;
    double *u; /* d: drawn, in 0..1 */
    int next;  /* the next number */
} maker;

static double reflect(double u)
{
    u = fabs(fmod(u, 2));
    return u > 1 ? 2 - u : u;
}

static void draw_numbers(state *s, cull_rng *r, double *u)
{
    int d = s->d;
    for (int i = 0; i < d; i++) u[i] = s->mean[i];
    for (int k = 0; k < d; k++) {
        double z = s->sigma * s->width[k] * cull__rng_normal(r);
        for (int i = 0; i < d; i++) u[i] += z * s->axis[k * d + i];
    }
    for (int i = 0; i < d; i++) {
        const cull_space_param *p = cull_space_at(s->space, s->number[i]);
        double sd = s->sigma * sqrt(s->c[i * d + i]),
               least = p->kind == CULL_SPACE_INT ? 1 / (3 * (double)p->n) : 0;
        if (sd < least) u[i] += sqrt(least * least - sd * sd) * cull__rng_normal(r);
        u[i] = reflect(u[i]);
    }
}

static void fill(void *user, const cull_space *space, int i, const double *x, double *v)
{
    (void)x;
    maker *m = user;
    state *s = m->s;
    const cull_space_param *p = cull_space_at(space, i);
    const double *top = s->top < 0 ? NULL : m->v->x + s->top * m->v->width + p->at;
    if (top && isnan(top[0])) top = NULL;
    while (m->next < s->d && s->number[m->next] < i) m->next++;
    if (is_number(p)) {
        v[0] = cull__space_from_unit(p, m->u[m->next]);
    } else if (is_choice(p) && s->o.mixed == BEST && top) {
        v[0] = top[0];
    } else if (is_choice(p)) {
        double left = cull__rng_unit(m->r);
        int64_t k = 0;
        while (k + 1 < p->n && (left -= s->chance[s->first[i] + k]) >= 0) k++;
        v[0] = (double)k;
    } else if (top) {
        cull__joint_change(p, top, m->r, v);
    }
}

enum { TRIES = 100 };
static cull_status ask(cull_ctx *cx, void *state_, const cull_search_view *v, int attempt,
                       double *x)
{
    state *s = state_;
    cull_rng r = cull__search_rng(v, attempt);
    double *u;
    CULL_TRY(CULL_TMP(cx, u, s->d));
    begin(s, v);
    for (int t = 0; t < TRIES && attempt < TRIES; t++) {
        maker m = {s, v, &r, u, 0};
        draw_numbers(s, &r, u);
        if (cull__space_make(v->space, fill, &m, &r, x)) return CULL_OK;
    }
    return cull__space_draw(cx, v->space, &r, x);
}

/* ---- a generation has come back ---- */
typedef struct {
    int64_t n, mu;
    double *y, *weight; /* (n, d): steps in units of sigma, the best first; mu */
    double eff;         /* sum of weights squared, inverse */
} born;

static void weigh(born *b)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < b->mu; i++)
        sum += b->weight[i] = log((double)b->n / 2 + 0.5) - log((double)i + 1);
    for (int64_t i = 0; i < b->mu; i++) {
        b->weight[i] /= sum;
        squares += b->weight[i] * b->weight[i];
    }
    b->eff = 1 / squares;
}

/* The mean moves by w, sigma's path in the axes' frame tells the width, and the covariance takes
 * the steps in. */
static void adapt(state *s, const born *b, double *w, double *turned)
{
    int d = s->d;
    double n = d, eff = b->eff, len = 0, expect = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
    double cs = (eff + 2) / (n + eff + 5), cc = (4 + eff / n) / (n + 4 + 2 * eff / n);
    double c1 = 2 / ((n + 1.3) * (n + 1.3) + eff);
    double cmu = fmin(1 - c1, 2 * (eff - 2 + 1 / eff) / ((n + 2) * (n + 2) + eff));
    double damp = 1 + cs + 2 * fmax(0, sqrt((eff - 1) / (n + 1)) - 1);
    memset(w, 0, (size_t)d * sizeof *w);
    memset(turned, 0, (size_t)d * sizeof *turned);
    for (int64_t k = 0; k < b->mu; k++)
        for (int i = 0; i < d; i++) w[i] += b->weight[k] * b->y[k * d + i];
    for (int k = 0; k < d; k++) { /* C^-1/2 w */
        double dot = 0;
        for (int i = 0; i < d; i++) dot += s->axis[k * d + i] * w[i];
        for (int i = 0; i < d; i++) turned[i] += dot / s->width[k] * s->axis[k * d + i];
    }
    for (int i = 0; i < d; i++) {
        s->mean[i] = fmin(1, fmax(0, s->mean[i] + s->sigma * w[i]));
        s->step[i] = (1 - cs) * s->step[i] + sqrt(cs * (2 - cs) * eff) * turned[i];
        len += s->step[i] * s->step[i];
    }
    len = sqrt(len);
    double age = 1 - pow(1 - cs, 2 * (double)s->generation);
    bool held = len / sqrt(age) < (1.4 + 2 / (n + 1)) * expect;
    for (int i = 0; i < d; i++)
        s->path[i] = (1 - cc) * s->path[i] + held * sqrt(cc * (2 - cc) * eff) * w[i];
    double keep = 1 - c1 - cmu + (held ? 0 : c1 * cc * (2 - cc));
    for (int i = 0; i < d; i++) {
        for (int j = 0; j < d; j++) {
            double rank = 0;
            for (int64_t k = 0; k < b->mu; k++)
                rank += b->weight[k] * b->y[k * d + i] * b->y[k * d + j];
            s->c[i * d + j] = keep * s->c[i * d + j] + c1 * s->path[i] * s->path[j] + cmu * rank;
        }
    }
    s->sigma = fmin(1, s->sigma * exp(cs / damp * (len / expect - 1)));
}

/* Chances go a third of the way to the better half's, and none dies. */
static void adapt_choices(state *s, const cull_search_view *v, const int64_t *order, int64_t mu)
{
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = cull_space_at(s->space, i);
        double *chance = s->chance + s->first[i], least = 0.1 / (double)p->n, total = 0;
        int64_t n = 0;
        if (!is_choice(p)) continue;
        for (int64_t k = 0; k < mu; k++) n += !isnan(v->x[s->back[order[k]] * v->width + p->at]);
        if (n == 0) continue;
        for (int64_t c = 0; c < p->n; c++) chance[c] *= 2.0 / 3;
        for (int64_t k = 0; k < mu; k++) {
            double x = v->x[s->back[order[k]] * v->width + p->at];
            if (!isnan(x)) chance[(int64_t)x] += 1.0 / 3 / (double)n;
        }
        for (int64_t c = 0; c < p->n; c++) total += chance[c] = fmax(chance[c], least);
        for (int64_t c = 0; c < p->n; c++) chance[c] /= total;
    }
}

/* Order of those that came back: by violation, value (none: last), number. */
static cull_status order_back(cull_ctx *cx, const state *s, const cull_search_view *v,
                              int64_t *order)
{
    double *value, *violation;
    CULL_TRY(CULL_TMP(cx, value, s->backs));
    CULL_TRY(CULL_TMP(cx, violation, s->backs));
    for (int64_t i = 0; i < s->backs; i++) {
        bool finite = cull__search_finite(v, s->back[i]);
        value[i] = finite ? v->value[s->back[i]] : 0;
        violation[i] = finite ? v->violation[s->back[i]] : 1e300;
    }
    return cull__inner_order(cx, value, violation, s->backs, order);
}

static bool stuck(const state *s)
{
    int d = s->d;
    double widest = s->width[0], narrowest = s->width[d - 1];
    return s->sigma * widest < 1e-6 || !(narrowest > 1e-7 * widest) ||
           s->stale > 10 + 30 * (int64_t)ceil((double)d / (double)s->lambda);
}

static cull_status steps_of(cull_ctx *cx, const state *s, const cull_search_view *v,
                            const int64_t *order, born *b)
{
    int d = s->d;
    b->n = s->backs;
    b->mu = s->backs / 2;
    CULL_TRY(CULL_TMP(cx, b->y, b->n * d));
    CULL_TRY(CULL_TMP(cx, b->weight, b->mu));
    for (int64_t k = 0; k < b->n; k++) {
        const double *x = v->x + s->back[order[k]] * v->width;
        for (int i = 0; i < d; i++) {
            const cull_space_param *p = cull_space_at(s->space, s->number[i]);
            double u = isnan(x[p->at]) ? s->mean[i] : cull__space_to_unit(p, x[p->at]);
            b->y[k * d + i] = (u - s->mean[i]) / s->sigma;
        }
    }
    weigh(b);
    return CULL_OK;
}

/* All that may fail comes before anything changes. */
static cull_status next_generation(cull_ctx *cx, state *s, const cull_search_view *v)
{
    int64_t d = s->d, *order;
    double *w, *turned, *copy;
    born b;
    CULL_TRY(CULL_TMP(cx, order, s->backs));
    CULL_TRY(CULL_TMP(cx, w, d));
    CULL_TRY(CULL_TMP(cx, turned, d));
    CULL_TRY(CULL_TMP(cx, copy, d * d));
    CULL_TRY(order_back(cx, s, v, order));
    CULL_TRY(steps_of(cx, s, v, order, &b));
    state was = *s;
    double *all, *chance;
    CULL_TRY(CULL_TMP(cx, all, 2 * d * d + 4 * d));
    CULL_TRY(CULL_TMP(cx, chance, s->chances + 1));
    memcpy(all, s->mean, (size_t)(2 * d * d + 4 * d) * sizeof *all);
    memcpy(chance, s->chance, (size_t)s->chances * sizeof *chance);
    int64_t lead = s->back[order[0]];
    if (cull__search_finite(v, lead)) {
        double value = v->violation[lead] > 0 ? 1e300 : v->value[lead];
        s->stale = value < s->best ? 0 : s->stale + 1;
        s->best = fmin(s->best, value);
        if (s->top < 0 || v->violation[lead] < v->violation[s->top] ||
            (v->violation[lead] == v->violation[s->top] && v->value[lead] < v->value[s->top]))
            s->top = lead;
    }
    adapt(s, &b, w, turned);
    adapt_choices(s, v, order, b.mu);
    memcpy(copy, s->c, (size_t)(d * d) * sizeof *copy);
    cull_status status = cull__eigh(cx, copy, d, s->width, s->axis);
    if (status != CULL_OK) { /* as it was: the event comes again */
        *s = was;
        memcpy(s->mean, all, (size_t)(2 * d * d + 4 * d) * sizeof *all);
        memcpy(s->chance, chance, (size_t)s->chances * sizeof *chance);
        return status;
    }
    for (int64_t i = 0; i < d; i++) s->width[i] = sqrt(fmax(s->width[i], 0));
    s->generation++;
    s->backs = 0;
    if (stuck(s)) {
        if (s->restart < s->o.restarts) s->restart++;
        start(s, v->seed);
    }
    return CULL_OK;
}

static cull_status asked(cull_ctx *cx, void *state_, const cull_search_view *v, int64_t number)
{
    state *s = state_;
    CULL_TRY(CULL_GROW(cx, s->of, &s->cap_of, number + 1));
    begin(s, v);
    s->of[number] = (int32_t)s->generation;
    return CULL_OK;
}

static cull_status told(cull_ctx *cx, void *state_, const cull_search_view *v, int64_t number)
{
    state *s = state_;
    begin(s, v);
    if (number >= s->cap_of || s->of[number] != s->generation) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, s->back, &s->cap_back, s->backs + 1));
    int64_t i = s->backs++; /* by number, so that the order of tells does not matter */
    for (; i > 0 && s->back[i - 1] > number; i--) s->back[i] = s->back[i - 1];
    s->back[i] = number;
    if (s->backs < s->lambda) return CULL_OK;
    cull_status status = next_generation(cx, s, v);
    if (status == CULL_OK) return CULL_OK;
    for (i = 0; s->back[i] != number;) i++; /* as it was */
    for (s->backs--; i < s->backs; i++) s->back[i] = s->back[i + 1];
    return status;
}

static const cull_search_fns fns = {
    .open = open, .close = close, .ask = ask, .asked = asked, .told = told, .fits = fits};
const cull_method cull__method_cma_es = {
    .slug = "cma-es",
    .title = "reals and ints by a normal distribution that learns the valley's shape",
    .paper = "Hansen and Ostermeier 2001, Completely Derandomized Self-Adaptation in Evolution "
             "Strategies",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
