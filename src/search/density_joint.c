/* density_joint.c - kernels over whole points. */
#include "search/density_joint.h"

#include <math.h>

enum { VALUES = 32, PLACES = 64 };
static const double LEAST = 0.01, ROOT_2PI = 2.5066282746310002, FLIP = 0.1;
static const float FAR = -30; /* logarithms this far below the largest add nothing */

struct cull__joint {
    const cull_space *space;
    int params, level; /* of n: kernels change their width when it does */
    double prior, sd;
    float **table;   /* params: logarithms (values, values) of a table's kernels; NULL = a line */
    double **chance; /* and sums of their weights, to draw by */
    float inside[PLACES + 1]; /* log of what of a line's kernel lies within 0..1, by its middle */
    int64_t n, cap_unit, cap_base, cap_term, cap_who;
    const double *x;
    int64_t *who;
    float *unit; /* (params, n) */
    float *base; /* (params, n): of lines, what is taken off */
    float *term; /* n */
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
static void table_kernel(cull__joint *j, const cull_space_param *p, int64_t trials, int i)
{
    int64_t n = p->n;
    bool ordered = p->kind != CULL_SPACE_CATEGORY;
    double extra = j->prior / ((double)trials + j->prior); /* to every value of a category */
    for (int64_t a = 0; a < n; a++) {
        double sum = 0, from = cull__space_to_unit(p, cull__density_value(p, a));
        double *chance = j->chance[i] + a * n;
        for (int64_t b = 0; b < n; b++) {
            double z = (cull__space_to_unit(p, cull__density_value(p, b)) - from) / j->sd;
            sum += chance[b] = ordered ? exp(-0.5 * z * z) : (a == b) + extra;
        }
        for (int64_t b = 0; b < n; b++) {
            double w = chance[b] / sum;
            j->table[i][a * n + b] = (float)log(fmax(w, 1e-37));
            chance[b] = w + (b ? chance[b - 1] : 0);
        }
    }
}

/* The width goes by n in steps of a quarter, lest every trial change all kernels. */
static void widths(cull__joint *j, int64_t n)
{
    int level = n < 1 ? 0 : 1 + (int)(log((double)n) / log(1.25));
    if (level == j->level) return;
    double trials = level ? pow(1.25, level - 1) : 0;
    j->level = level;
    j->sd = fmax(LEAST, 0.2 * pow(fmax(1, trials), -1.0 / (j->params + 4)));
    for (int i = 0; i < j->params; i++)
        if (j->table[i]) table_kernel(j, cull_space_at(j->space, i), (int64_t)trials, i);
    for (int b = 0; b <= PLACES; b++) {
        double u = (double)b / PLACES;
        j->inside[b] = (float)log((below((1 - u) / j->sd) - below(-u / j->sd)) * j->sd * ROOT_2PI);
    }
}

static cull_status open_all(cull_ctx *cx, cull__joint *j)
{
    CULL_TRY(CULL_ALLOC(cx, j->table, j->params));
    CULL_TRY(CULL_ALLOC(cx, j->chance, j->params));
    for (int i = 0; i < j->params; i++) {
        const cull_space_param *p = cull_space_at(j->space, i);
        if (!cull__density_table(p)) continue;
        if (p->n > INT32_MAX / p->n)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: %lld values are more than densities can compare", p->name,
                              (long long)p->n);
        CULL_TRY(CULL_ALLOC(cx, j->table[i], p->n * p->n));
        CULL_TRY(CULL_ALLOC(cx, j->chance[i], p->n * p->n));
    }
    return CULL_OK;
}

cull_status cull__joint_open(cull_ctx *cx, const cull_space *space, double prior, cull__joint **out)
{
    cull__joint *j;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, j, 1));
    j->space = space;
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
    cull__free(j->who);
    cull__free(j->unit);
    cull__free(j->base);
    cull__free(j->term);
    cull__free(j);
}

void cull__joint_unit(const cull__joint *j, const double *x, float *unit)
{
    for (int i = 0; i < j->params; i++) {
        const cull_space_param *p = cull_space_at(j->space, i);
        unit[i] = (float)cull__density_cell(p, x[p->at]);
    }
}

cull_status cull__joint_set(cull_ctx *cx, cull__joint *j, const double *x, const float *unit,
                            const int64_t *who, int64_t n, int64_t most)
{
    int64_t kept = n < most ? n : most;
    CULL_TRY(CULL_GROW(cx, j->who, &j->cap_who, kept));
    CULL_TRY(CULL_GROW(cx, j->unit, &j->cap_unit, kept * j->params));
    CULL_TRY(CULL_GROW(cx, j->base, &j->cap_base, kept * j->params));
    CULL_TRY(CULL_GROW(cx, j->term, &j->cap_term, kept));
    widths(j, n);
    j->n = kept;
    j->x = x;
    for (int64_t t = 0; t < kept; t++) {
        j->who[t] = who[kept == n ? t : (int64_t)((double)t * (double)n / (double)kept)];
        for (int i = 0; i < j->params; i++) j->unit[i * kept + t] = unit[j->who[t] * j->params + i];
    }
    for (int i = 0; i < j->params; i++) {
        if (!is_line(cull_space_at(j->space, i))) continue;
        for (int64_t t = i * kept; t < (i + 1) * kept; t++)
            j->base[t] = isnan(j->unit[t]) ? 0 : j->inside[(int)(j->unit[t] * PLACES + 0.5f)];
    }
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
        for (int64_t i = 0; i < n; i++) y[i] = (1 - share) * x[i] + share * y[i] / total;
        return;
    }
    int64_t a = cull__rng_below(r, n), b = cull__rng_below(r, n - 1);
    b += b >= a;
    double held = y[a];
    y[a] = y[b];
    y[b] = held;
}

typedef struct {
    cull__joint *j;
    int64_t kernel; /* -1 = the flat density */
    cull_rng *r;
} drawer;

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
    float mid = d->kernel < 0 ? NAN : j->unit[i * j->n + d->kernel];
    if (isnan(mid)) return; /* drawn */
    if (j->table[i]) {
        const double *chance = j->chance[i] + (int64_t)mid * p->n;
        v[0] = cull__density_value(p, draw_value(chance, p->n, d->r));
    } else if (is_line(p)) {
        double u = -1;
        for (int t = 0; t < 32 && !(u >= 0 && u <= 1); t++)
            u = mid + j->sd * cull__rng_normal(d->r);
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
    drawer d = {j, which < (double)j->n ? (int64_t)which : -1, r};
    return cull__space_make(j->space, fill, &d, r, x);
}

/* ---- how dense it is: of each kernel the logarithm, a parameter at a time ---- */
static void add_line(const cull__joint *j, int i, float u)
{
    const float *mid = j->unit + i * j->n, *base = j->base + i * j->n;
    float scale = (float)(0.5 / (j->sd * j->sd));
    for (int64_t t = 0; t < j->n; t++) {
        float z = u - mid[t], log = -scale * z * z - base[t];
        j->term[t] += z == z ? log : 0; /* not active there: flat */
    }
}

static void add_table(const cull__joint *j, int i, int64_t values, float u)
{
    const float *mid = j->unit + i * j->n, flat = -(float)log((double)values);
    for (int64_t t = 0; t < j->n; t++)
        j->term[t] += isnan(mid[t]) ? flat : j->table[i][(int64_t)mid[t] * values + (int64_t)u];
}

static void add_subset(const cull__joint *j, const cull_space_param *p, const double *x)
{
    double differ = log(FLIP), same = log(1 - FLIP), flat = (double)p->n * log(0.5);
    for (int64_t t = 0; t < j->n; t++) {
        const double *y = j->x + j->who[t] * cull_space_width(j->space) + p->at;
        double sum = isnan(y[0]) ? flat : 0;
        for (int64_t k = 0; k < p->n && !isnan(y[0]); k++)
            sum += (x[p->at + k] > 0.5) == (y[k] > 0.5) ? same : differ;
        j->term[t] += (float)sum;
    }
}

double cull__joint_log(cull__joint *j, const double *x, const float *unit)
{
    double flat = 0, sum = 0;
    for (int64_t t = 0; t < j->n; t++) j->term[t] = 0;
    for (int i = 0; i < j->params; i++) {
        const cull_space_param *p = cull_space_at(j->space, i);
        if (isnan(unit[i])) continue;
        if (is_line(p)) add_line(j, i, unit[i]);
        if (j->table[i]) add_table(j, i, p->n, unit[i]);
        if (p->kind == CULL_SPACE_SUBSET) add_subset(j, p, x);
        if (j->table[i]) flat -= log((double)p->n);
        if (p->kind == CULL_SPACE_SUBSET) flat += (double)p->n * log(0.5);
    }
    float top = (float)flat;
    for (int64_t t = 0; t < j->n; t++) top = j->term[t] > top ? j->term[t] : top;
    for (int64_t t = 0; t < j->n; t++) {
        float z = j->term[t] - top;
        if (z > FAR) sum += expf(z);
    }
    sum += j->prior * exp(flat - top);
    return top + log(sum / ((double)j->n + j->prior));
}
