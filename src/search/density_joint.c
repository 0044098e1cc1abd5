/* density_joint.c - kernels over whole points. */
#include "search/density_joint.h"
#include "num/num.h"

#include <math.h>

enum { VALUES = 32, PLACES = 64 };
static const double LEAST = 0.01, ROOT_2PI = 2.5066282746310002, FLIP = 0.1;

/* A category's kernel: what its own value has, and each other; logarithms too. Where values have weights, what its own has
 * before all share the rest by them. values = 0: the parameter is none. */
typedef struct {
    int64_t values;
    const cull_space_param *weighed; /* NULL = all values have the same chance */
    double own, other;
    float log_own, log_other, log_flat;
} category;

struct cull__joint {
    const cull_space *space;
    const cull__kern *kern;
    int params, level; /* of n: kernels change their width when it does */
    double prior, sd;
    float **
        table; /* params: logarithms (values + 1, values) of a table's kernels, the flat one last */
    double **chance;          /* and sums of their weights, to draw by */
    category *category;       /* params */
    double *flat;             /* params: the logarithm of the flat density, weights apart */
    int64_t *values;          /* params: of a table, how many */
    bool *line;               /* params */
    double *span;             /* params: of their scale */
    float inside[PLACES + 1]; /* log of what of a line's kernel lies within 0..1, by its middle */
    int64_t n, wide; /* kernels; numbers in a row of what follows: n and the flat one, filled up */
    int64_t cap_unit, cap_scale, cap_base, cap_cell, cap_term, cap_who;
    const double *x;
    int64_t *who;
    float *unit;   /* (params, wide); 0 where the trial has not the parameter */
    float *scale;  /* (params, wide): of lines, of the squared distance; 0 where it has not */
    float *base;   /* (params, wide): of lines, what is taken off */
    int32_t *cell; /* (params, wide): of tables, where its kernel begins */
    float *
        term; /* (batch, wide), number n of each row the flat density's; as many rows more, and zeros */
};

bool cull__density_table(const cull_space_param *p)
{
    return p->kind == CULL_SPACE_CATEGORY ||
           ((p->kind == CULL_SPACE_ORDINAL || p->kind == CULL_SPACE_INT) && p->n <= VALUES);
}

double cull__density_value(const cull_space_param *p, int64_t j)
{
    return p->kind == CULL_SPACE_INT ? p->lo + (double)j * p->step : (double)j;
}

double cull__density_cell(const cull_space_param *p, double v)
{
    if (isnan(v)) return v;
    if (p->width != 1) return 0;
    if (!cull__density_table(p)) return cull__space_to_unit(p, v);
    return p->kind == CULL_SPACE_INT ? round((v - p->lo) / p->step) : v;
}

static bool is_line(const cull_space_param *p) { return p->width == 1 && !cull__density_table(p); }
static double below(double z) { return 0.5 * erfc(-z * 0.70710678118654752); }

/* ---- kernels ---- */
static float log_of(double density) { return (float)log(fmax(density, 1e-37)); }

static void table_kernel(cull__joint *j, const cull_space_param *p, int i)
{
    int64_t n = p->n;
    for (int64_t a = 0; a < n; a++) {
        double sum = 0, from = cull__space_to_unit(p, cull__density_value(p, a));
        double *chance = j->chance[i] + a * n;
        for (int64_t b = 0; b < n; b++) {
            double z = (cull__space_to_unit(p, cull__density_value(p, b)) - from) / j->sd;
            sum += chance[b] = exp(-0.5 * z * z);
        }
        for (int64_t b = 0; b < n; b++) {
            double w = chance[b] / sum;
            j->table[i][a * n + b] = log_of(w);
            chance[b] = w + (b ? chance[b - 1] : 0);
        }
    }
}

static void category_kernel(category *c, double prior, double trials)
{
    double extra = prior / (trials + prior), sum = 1 + (double)c->values * extra;
    c->own = (c->weighed ? 1 : 1 + extra) / sum;
    c->other = extra / sum;
    c->log_own = log_of(c->own);
    c->log_other = log_of(c->other);
}

/* The same with what its weights make of value u. */
static category weighed_at(const category *c, int64_t u)
{
    category at = *c;
    double flat = c->weighed->weight[u], rest = (1 - c->own) * flat;
    at.log_own = log_of(c->own + rest);
    at.log_other = log_of(rest);
    at.log_flat = log_of(flat);
    return at;
}

/* The width goes by n in steps of a quarter, lest every trial change all kernels. */
static bool widths(cull__joint *j, int64_t n)
{
    int level = n < 1 ? 0 : 1 + (int)(log((double)n) / log(1.25));
    if (level == j->level) return false;
    double trials = level ? pow(1.25, level - 1) : 0;
    j->level = level;
    j->sd = fmax(LEAST, 0.2 * pow(fmax(1, trials), -1.0 / (j->params + 4)));
    for (int i = 0; i < j->params; i++) {
        if (j->table[i]) table_kernel(j, cull_space_at(j->space, i), i);
        if (j->category[i].values)
            category_kernel(&j->category[i], j->prior, (double)(int64_t)trials);
    }
    for (int b = 0; b <= PLACES; b++) {
        double u = (double)b / PLACES;
        j->inside[b] = (float)log((below((1 - u) / j->sd) - below(-u / j->sd)) * j->sd * ROOT_2PI);
    }
    return true;
}

static cull_status open_all(cull_ctx *cx, cull__joint *j)
{
    CULL_TRY(CULL_ALLOC(cx, j->table, j->params));
    CULL_TRY(CULL_ALLOC(cx, j->chance, j->params));
    CULL_TRY(CULL_ALLOC(cx, j->category, j->params));
    CULL_TRY(CULL_ALLOC(cx, j->flat, j->params));
    CULL_TRY(CULL_ALLOC(cx, j->values, j->params));
    CULL_TRY(CULL_ALLOC(cx, j->line, j->params));
    CULL_TRY(CULL_ALLOC(cx, j->span, j->params));
    for (int i = 0; i < j->params; i++) {
        const cull_space_param *p = cull_space_at(j->space, i);
        j->values[i] = p->n;
        j->line[i] = is_line(p);
        j->span[i] = cull__space_span(p);
        if (cull__density_table(p)) j->flat[i] = -log((double)p->n);
        if (p->kind == CULL_SPACE_SUBSET) j->flat[i] = (double)p->n * log(0.5);
    }
    for (int i = 0; i < j->params; i++) {
        const cull_space_param *p = cull_space_at(j->space, i);
        if (p->kind == CULL_SPACE_CATEGORY)
            j->category[i] = (category){
                .values = p->n, .weighed = p->weight ? p : NULL, .log_flat = (float)j->flat[i]};
        if (p->kind == CULL_SPACE_CATEGORY || !cull__density_table(p)) continue;
        CULL_TRY(CULL_ALLOC(cx, j->table[i], (p->n + 1) * p->n));
        CULL_TRY(CULL_ALLOC(cx, j->chance[i], p->n * p->n));
        for (int64_t b = 0; b < p->n; b++) j->table[i][p->n * p->n + b] = (float)j->flat[i];
    }
    return CULL_OK;
}

cull_status cull__joint_open(cull_ctx *cx, const cull_space *space, double prior, cull__joint **out)
{
    cull__joint *j;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, j, 1));
    j->space = space;
    j->kern = cull__kernels(cx);
    j->params = cull_space_params(space);
    j->prior = prior;
    j->level = -1;
    cull_status s = open_all(cx, j);
    if (s == CULL_OK)
        *out = j;
    else
        cull__joint_close(j);
    return s;
}

void cull__joint_close(cull__joint *j)
{
    if (!j) return;
    for (int i = 0; i < j->params; i++) {
        if (j->table) cull__free(j->table[i]);
        if (j->chance) cull__free(j->chance[i]);
    }
    cull__free(j->table);
    cull__free(j->chance);
    cull__free(j->category);
    cull__free(j->flat);
    cull__free(j->values);
    cull__free(j->line);
    cull__free(j->span);
    cull__free(j->who);
    cull__free(j->unit);
    cull__free(j->scale);
    cull__free(j->base);
    cull__free(j->cell);
    cull__free(j->term);
    cull__free(j);
}

void cull__joint_unit(const cull__joint *j, const double *x, float *unit)
{
    for (int i = 0; i < j->params; i++) {
        const cull_space_param *p = cull_space_at(j->space, i);
        double v = x[p->at];
        if (j->line[i] && !isnan(v))
            unit[i] = (float)cull__space_to_unit_by(p, j->span[i], v);
        else
            unit[i] = (float)cull__density_cell(p, v);
    }
}

/* Rows as wide as the kernels need them; wider ones are filled anew, 0 past the end. */
static cull_status reserve(cull_ctx *cx, cull__joint *j, int64_t kept)
{
    int64_t wide = (kept + 16) / 16 * 16, all = wide * j->params;
    if (wide == j->wide) return CULL_OK;
    j->wide = j->n = 0;
    CULL_TRY(CULL_GROW(cx, j->who, &j->cap_who, wide));
    CULL_TRY(CULL_GROW(cx, j->unit, &j->cap_unit, all));
    CULL_TRY(CULL_GROW(cx, j->scale, &j->cap_scale, all));
    CULL_TRY(CULL_GROW(cx, j->base, &j->cap_base, all));
    CULL_TRY(CULL_GROW(cx, j->cell, &j->cap_cell, all));
    CULL_TRY(CULL_GROW(cx, j->term, &j->cap_term, wide * (2 * CULL__JOINT_BATCH + 1)));
    for (int64_t t = 0; t < all; t++) j->unit[t] = j->scale[t] = j->base[t] = 0;
    for (int64_t t = 0; t < wide; t++) j->term[wide * 2 * CULL__JOINT_BATCH + t] = 0;
    j->wide = wide;
    return CULL_OK;
}

/* What kernel t needs of a trial, whose floats are u. */
static void lay_out(cull__joint *j, int64_t t, const float *u)
{
    float scale = (float)(0.5 / (j->sd * j->sd));
    for (int64_t i = 0, at = t; i < j->params; i++, at += j->wide) {
        bool has = !isnan(u[i]);
        j->unit[at] = has ? u[i] : 0;
        j->scale[at] = has ? -scale : 0;
        if (j->line[i]) j->base[at] = has ? j->inside[(int)(u[i] * PLACES + 0.5f)] : 0;
        if (j->table[i])
            j->cell[at] = (int32_t)((has ? (int64_t)u[i] : j->values[i]) * j->values[i]);
    }
}

cull_status cull__joint_set(cull_ctx *cx, cull__joint *j, const double *x, const float *unit,
                            const int64_t *who, int64_t n, int64_t most)
{
    int64_t kept = n < most ? n : most;
    CULL_TRY(reserve(cx, j, kept));
    int64_t same = widths(j, n) ? 0 : j->n;
    j->x = x;
    for (int64_t t = 0; t < kept; t++) {
        int64_t now = who[kept == n ? t : (int64_t)((double)t * (double)n / (double)kept)];
        if (t < same && j->who[t] == now) continue;
        j->who[t] = now;
        lay_out(j, t, unit + now * j->params);
    }
    j->n = kept;
    return CULL_OK;
}

/* ---- draws ---- */
void cull__joint_change(const cull_space_param *p, const double *x, cull_rng *r, double *y)
{
    int64_t n = p->n;
    for (int64_t i = 0; i < n; i++) y[i] = x[i];
    if (n < 2) return;
    if (p->kind == CULL_SPACE_SIMPLEX) {
        double away = cull__rng_unit(r), total = 0, share = 0.3 * away * away;
        for (int64_t i = 0; i < n; i++) total += y[i] = -log(cull__rng_unit(r));
        for (int64_t i = 0; i < n; i++) y[i] = fmin(1, (1 - share) * x[i] + share * y[i] / total);
        return;
    }
    int64_t a = cull__rng_below(r, n), b = cull__rng_below(r, n - 1);
    b += b >= a;
    double held = y[a];
    y[a] = y[b];
    y[b] = held;
}

/* As draw_value of all values in their order. */
static int64_t draw_category(const category *c, int64_t own, cull_rng *r)
{
    double u = cull__rng_unit(r), before = (double)own * c->other;
    if (c->weighed && u < c->own) return own;
    if (c->weighed) return (int64_t)cull__space_by_chance(c->weighed, (u - c->own) / (1 - c->own));
    if (u < before) return (int64_t)(u / c->other);
    if (u < before + c->own) return own;
    int64_t v = own + 1 + (int64_t)((u - before - c->own) / c->other);
    return v < c->values ? v : c->values - 1;
}

typedef struct {
    cull__joint *j;
    int64_t kernel; /* -1 = the flat density */
    cull_rng *r;
    double spare; /* a normal number that is left; NAN = none */
} drawer;

/* Box-Muller gives two at a time, and here many are needed. */
static double normal(drawer *d)
{
    double held = d->spare;
    d->spare = NAN;
    if (!isnan(held)) return held;
    double u = cull__rng_unit(d->r), v = cull__rng_unit(d->r), far = sqrt(-2 * log(u));
    d->spare = far * sin(6.283185307179586 * v);
    return far * cos(6.283185307179586 * v);
}

static int64_t draw_value(const double *chance, int64_t n, cull_rng *r)
{
    double u = cull__rng_unit(r);
    int64_t v = 0;
    while (v + 1 < n && u >= chance[v]) v++;
    return v;
}

static void fill(void *user, const cull_space *s, int i, const double *x, double *v)
{
    (void)x;
    drawer *d = user;
    cull__joint *j = d->j;
    const cull_space_param *p = cull_space_at(s, i);
    int64_t at = i * j->wide + d->kernel;
    if (d->kernel < 0 || j->scale[at] == 0) return; /* drawn */
    float mid = j->unit[at];
    if (j->table[i]) {
        const double *chance = j->chance[i] + (int64_t)mid * p->n;
        v[0] = cull__density_value(p, draw_value(chance, p->n, d->r));
    } else if (j->category[i].values) {
        v[0] = (double)draw_category(&j->category[i], (int64_t)mid, d->r);
    } else if (j->line[i]) {
        double u = -1;
        for (int t = 0; t < 32 && !(u >= 0 && u <= 1); t++) u = mid + j->sd * normal(d);
        v[0] = cull__space_from_unit(p, fmin(fmax(u, 0), 1));
    } else {
        const double *from = j->x + j->who[d->kernel] * cull_space_width(s) + p->at;
        if (cull__rng_unit(d->r) < 0.5)
            cull__joint_change(p, from, d->r, v);
        else
            for (int64_t t = 0; t < p->width; t++) v[t] = from[t];
    }
}

bool cull__joint_draw(cull__joint *j, cull_rng *r, double *x)
{
    double which = cull__rng_unit(r) * ((double)j->n + j->prior);
    drawer d = {j, which < (double)j->n ? (int64_t)which : -1, r, NAN};
    return cull__space_make(j->space, fill, &d, r, x);
}

/* ---- how dense it is: of each kernel the logarithm, a parameter at a time, of some points at once ---- */

/* Of each kernel what it has at value u of parameter i, a table or a category. */
static void look_up(const cull__joint *j, int i, int64_t u, float *restrict out)
{
    category c = j->category[i];
    const float *restrict mid = j->unit + i * j->wide, *restrict scale = j->scale + i * j->wide;
    if (c.values) {
        if (c.weighed) c = weighed_at(&c, u);
        for (int64_t t = 0; t < j->n; t++)
            out[t] = scale[t] == 0 ? c.log_flat : mid[t] == (float)u ? c.log_own : c.log_other;
        return;
    }
    const int32_t *restrict cell = j->cell + i * j->wide;
    const float *restrict table = j->table[i] + u;
    for (int64_t t = 0; t < j->n; t++) out[t] = table[cell[t]];
}

/* Points share the values where there are few: each is looked up once for all that have it. */
static void add_table(const cull__joint *j, int i, const float *at, int64_t n, float *rows)
{
    bool few = j->values[i] <= CULL__JOINT_BATCH, known[CULL__JOINT_BATCH] = {0};
    for (int64_t k = 0; k < n; k++) {
        if (isnan(at[k])) continue;
        int64_t u = (int64_t)at[k], r = few ? u : k;
        if (!known[r]) look_up(j, i, u, rows + r * j->wide);
        known[r] = true;
        j->kern->axpy(j->term + k * j->wide, 1, rows + r * j->wide, j->n);
    }
}

static void add_subset(const cull__joint *j, int i, const double *x, float *term)
{
    const cull_space_param *p = cull_space_at(j->space, i);
    double differ = log(FLIP), same = log(1 - FLIP);
    for (int64_t t = 0; t < j->n; t++) {
        const double *y = j->x + j->who[t] * cull_space_width(j->space) + p->at;
        double sum = isnan(y[0]) ? j->flat[i] : 0;
        for (int64_t k = 0; k < p->n && !isnan(y[0]); k++)
            sum += (x[p->at + k] > 0.5) == (y[k] > 0.5) ? same : differ;
        term[t] += (float)sum;
    }
}

/* at: what the points have of parameter i, NAN = nothing. */
static void add_param(const cull__joint *j, int i, const double *x, const float *at, int64_t n,
                      float *rows)
{
    const float *mid = j->unit + i * j->wide, *scale = j->scale + i * j->wide;
    int64_t width = cull_space_width(j->space);
    if (j->line[i])
        j->kern->bells(j->term, j->wide, at, n, mid, scale, j->base + i * j->wide, j->wide);
    else if (j->table[i] || j->category[i].values)
        add_table(j, i, at, n, rows);
    else if (cull_space_at(j->space, i)->kind == CULL_SPACE_SUBSET)
        for (int64_t k = 0; k < n; k++)
            if (!isnan(at[k])) add_subset(j, i, x + k * width, j->term + k * j->wide);
}

static double flat_at(const cull__joint *j, int i, float at)
{
    const cull_space_param *p = j->category[i].weighed;
    return p ? log_of(p->weight[(int64_t)at]) : j->flat[i];
}

void cull__joint_log(cull__joint *j, const double *x, const float *unit, int64_t n, double *out)
{
    int64_t wide = j->wide;
    float *rows = j->term + CULL__JOINT_BATCH * wide, *zeros = rows + CULL__JOINT_BATCH * wide;
    double flat[CULL__JOINT_BATCH] = {0};
    for (int64_t t = 0; t < n * wide; t++) j->term[t] = 0;
    for (int i = 0; i < j->params; i++) {
        float at[CULL__JOINT_BATCH];
        for (int64_t k = 0; k < n; k++) {
            at[k] = unit[k * j->params + i];
            flat[k] += isnan(at[k]) ? 0 : flat_at(j, i, at[k]);
        }
        add_param(j, i, x, at, n, rows);
    }
    for (int64_t k = 0; k < n; k++) {
        float *term = j->term + k * wide, top[2]; /* the largest; exponentials below it */
        term[j->n] = (float)flat[k];
        for (int64_t t = j->n + 1; t < wide; t++) term[t] = -1e30f; /* of no weight */
        j->kern->soft(term, zeros, 1, false, wide, top);
        double sum = top[1] + (j->prior - 1) * term[j->n];
        out[k] = top[0] + log(sum / ((double)j->n + j->prior));
    }
}
