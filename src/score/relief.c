/* relief.c - ReliefF and RReliefF: columns by how they differ between a row and the rows nearest to it. */
#include "score/columns.h"

#include <math.h>
#include <string.h>

enum { ASKED = 32, STRIP = 64, CHUNKS = 256, CELLS = 16 };

/* What is known of every column. Those that count stand in order: numeric ones, then categorical ones. */
typedef struct {
    const cull_feature_problem *p;
    const cull__relief_opts *o;
    int64_t k;
    const cull__kern *kern;
    float *least, *scale; /* (d); scale 0: constant */
    uint8_t *gaps;        /* (d) it has missing values */
    int32_t *cells;       /* (d) levels, or CELLS of equal width */
    int64_t *col, numeric, used;
    bool any_gaps;
    int32_t classes; /* 1 for numbers to predict */
    double *prior;
    double least_y, scale_y;
    float **share, **expect; /* (d) of columns with gaps: (classes, cells) */
    int64_t *ask, asked, grain;
    double *sum; /* (chunks, each) */
    int64_t each;
} relief;

/* A row as it is compared. */
typedef struct {
    float *z;      /* (used) in 0 .. 1, or a code; 0 where it is missing */
    uint8_t *gone; /* (used), where anything is missing in the data */
    bool any;
    int32_t class;
    int64_t row;
} seen;

static bool nominal(const cull_feature_problem *p, int64_t c) { return p->levels && p->levels[c]; }

static int32_t class_of(const relief *r, int64_t row)
{
    return r->p->classes ? (int32_t)r->p->y[row] : 0;
}

/* ---- what is known beforehand ---- */

static cull_status look(cull_ctx *cx, void *arg, int64_t c, float *v)
{
    relief *r = arg;
    float least = INFINITY, most = -INFINITY;
    (void)cx;
    for (int64_t i = 0; i < r->p->n; i++) {
        r->gaps[c] |= isnan(v[i]);
        least = v[i] < least ? v[i] : least;
        most = v[i] > most ? v[i] : most;
    }
    r->least[c] = least;
    r->scale[c] = most > least ? (float)(1 / ((double)most - (double)least)) : 0;
    r->cells[c] = nominal(r->p, c) && most > least ? (int32_t)most + 1 : CELLS;
    return CULL_OK;
}

static float scaled(const relief *r, int64_t c, float v)
{
    return nominal(r->p, c) ? v : (float)(((double)v - (double)r->least[c]) * (double)r->scale[c]);
}

static int32_t cell_of(const relief *r, int64_t c, float z)
{
    if (nominal(r->p, c)) return (int32_t)z;
    return z * CELLS < CELLS ? (int32_t)(z * CELLS) : CELLS - 1;
}

/* Shares of the cells in each class (in all rows, of a class without a value), and from each cell the
 * expected difference. */
static cull_status expectations(cull_ctx *cx, void *arg, int64_t c, float *v)
{
    relief *r = arg;
    int32_t cells = r->cells[c], classes = r->classes;
    double *count, *all, known = 0;
    CULL_TRY(CULL_TMP0(cx, count, (int64_t)(classes + 1) * cells));
    all = count + (int64_t)classes * cells;
    for (int64_t i = 0; i < r->p->n; i++) {
        if (isnan(v[i])) continue;
        int32_t cell = cell_of(r, c, scaled(r, c, v[i]));
        count[(int64_t)class_of(r, i) * cells + cell]++;
        all[cell]++;
        known++;
    }
    for (int32_t k = 0; k < classes; k++) {
        const double *of = count + (int64_t)k * cells;
        float *share = r->share[c] + (int64_t)k * cells,
              *expect = r->expect[c] + (share - r->share[c]);
        double total = 0;
        for (int32_t a = 0; a < cells; a++) total += of[a];
        if (!(total > 0)) of = all, total = known;
        for (int32_t a = 0; a < cells; a++) share[a] = (float)(of[a] / total);
        for (int32_t a = 0; a < cells; a++) {
            double sum = 0;
            if (nominal(r->p, c)) sum = 1 - of[a] / total;
            for (int32_t b = 0; !nominal(r->p, c) && b < cells; b++)
                sum += of[b] / total * fabs((double)(a - b)) / CELLS;
            expect[a] = (float)sum;
        }
    }
    return CULL_OK;
}

static cull_status fill_gaps(cull_ctx *cx, relief *r)
{
    uint8_t *want;
    CULL_TRY(CULL_TMP0(cx, want, r->p->d));
    CULL_TRY(CULL_TMP0(cx, r->share, r->p->d));
    CULL_TRY(CULL_TMP0(cx, r->expect, r->p->d));
    for (int64_t i = 0; i < r->used; i++) {
        int64_t c = r->col[i];
        if (!r->gaps[c]) continue;
        want[c] = 1;
        CULL_TRY(CULL_TMP(cx, r->share[c], (int64_t)r->classes * r->cells[c]));
        CULL_TRY(CULL_TMP(cx, r->expect[c], (int64_t)r->classes * r->cells[c]));
    }
    return cull__each_column(cx, r->p, want, expectations, r);
}

static void order_columns(relief *r)
{
    const cull_feature_problem *p = r->p;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t c = 0; c < p->d; c++) {
            if ((p->avoid && p->avoid[c]) || r->scale[c] <= 0 || nominal(p, c) != pass) continue;
            r->col[r->used++] = c;
            r->any_gaps |= r->gaps[c];
        }
        if (!pass) r->numeric = r->used;
    }
}

static int64_t neighbours_of(const cull_feature_problem *p, const cull__relief_opts *o)
{
    int64_t most = p->n > 1 ? p->n - 1 : 1;
    return o->k < most ? o->k : most;
}

static cull_status know_target(cull_ctx *cx, relief *r)
{
    const cull_feature_problem *p = r->p;
    double most = -INFINITY;
    r->classes = p->classes ? p->classes : 1;
    r->least_y = INFINITY;
    CULL_TRY(CULL_TMP0(cx, r->prior, r->classes));
    for (int64_t i = 0; i < p->n; i++) {
        r->prior[class_of(r, i)] += 1 / (double)p->n;
        r->least_y = fmin(r->least_y, p->y[i]);
        most = fmax(most, p->y[i]);
    }
    r->scale_y = 1 / (most - r->least_y);
    return CULL_OK;
}

/* Which rows are asked: all, or a sample of them. */
static cull_status ask_rows(cull_ctx *cx, relief *r)
{
    int64_t n = r->p->n;
    r->asked = r->o->rows && r->o->rows < n ? r->o->rows : n;
    r->grain = (r->asked + CHUNKS - 1) / CHUNKS;
    if (r->grain < ASKED) r->grain = ASKED;
    CULL_TRY(CULL_TMP(cx, r->ask, n));
    for (int64_t i = 0; i < n; i++) r->ask[i] = i;
    if (r->asked == n) return CULL_OK;
    cull_rng rng = cull__rng(cx, 0);
    for (int64_t i = 0; i < r->asked; i++) {
        int64_t j = i + cull__rng_below(&rng, n - i), t = r->ask[i];
        r->ask[i] = r->ask[j];
        r->ask[j] = t;
    }
    return CULL_OK;
}

/* ---- differences ---- */

static float plain(const relief *r, int64_t j, const seen *a, const seen *b)
{
    return j < r->numeric ? fabsf(a->z[j] - b->z[j]) : (float)(a->z[j] != b->z[j]);
}

/* A missing value counts as any of its row's class, with its share there (Kononenko 1994). */
static float expected(const relief *r, int64_t j, const seen *a, const seen *b)
{
    int64_t c = r->col[j], cells = r->cells[c];
    const float *of_a = r->expect[c] + a->class * cells, *of_b = r->expect[c] + b->class * cells;
    if (!b->gone[j]) return of_a[cell_of(r, c, b->z[j])];
    if (!a->gone[j]) return of_b[cell_of(r, c, a->z[j])];
    const float *share = r->share[c] + a->class * cells;
    double sum = 0;
    for (int64_t k = 0; k < cells; k++) sum += (double)share[k] * (double)of_b[k];
    return (float)sum;
}

static float difference(const relief *r, int64_t j, const seen *a, const seen *b)
{
    if (r->any_gaps && (a->gone[j] || b->gone[j])) return expected(r, j, a, b);
    return plain(r, j, a, b);
}

static double distance(const relief *r, const seen *a, const seen *b)
{
    double sum = (double)r->kern->dist1(a->z, b->z, r->numeric);
    for (int64_t j = r->numeric; j < r->used; j++) sum += a->z[j] != b->z[j];
    if (!a->any && !b->any) return sum;
    for (int64_t j = 0; j < r->used; j++)
        if (a->gone[j] || b->gone[j])
            sum += (double)expected(r, j, a, b) - (double)plain(r, j, a, b);
    return sum;
}

static void prepare(const relief *r, const float *x, int64_t row, seen *s)
{
    s->any = false;
    s->row = row;
    s->class = class_of(r, row);
    for (int64_t j = 0; j < r->used; j++) {
        float v = x[r->col[j]];
        bool gone = isnan(v);
        s->z[j] = gone ? 0 : scaled(r, r->col[j], v);
        if (r->any_gaps) s->gone[j] = gone;
        s->any |= gone;
    }
}

/* ---- neighbours ---- */

typedef struct {
    double d;
    int64_t row;
} neighbour;

/* One worker's scratch: rows that are asked, rows that pass by, and the nearest so far. */
typedef struct {
    seen asked[ASKED], strip[STRIP], one;
    neighbour *near; /* (ASKED, classes, k) ascending */
    int32_t *found;  /* (ASKED, classes) */
    float *buf;      /* (STRIP, d) */
    double *weight;  /* (k) */
} scratch;

static cull_status seen_new(cull_ctx *cx, const relief *r, seen *s, int64_t count)
{
    float *z;
    uint8_t *gone = NULL;
    CULL_TRY(CULL_TMP(cx, z, count * r->used));
    if (r->any_gaps) CULL_TRY(CULL_TMP(cx, gone, count * r->used));
    for (int64_t i = 0; i < count; i++)
        s[i] = (seen){.z = z + i * r->used, .gone = gone ? gone + i * r->used : NULL};
    return CULL_OK;
}

static cull_status scratch_new(cull_ctx *cx, const relief *r, scratch *w)
{
    CULL_TRY(seen_new(cx, r, w->asked, ASKED));
    CULL_TRY(seen_new(cx, r, w->strip, STRIP));
    CULL_TRY(seen_new(cx, r, &w->one, 1));
    CULL_TRY(CULL_TMP(cx, w->near, ASKED * (int64_t)r->classes * r->k));
    CULL_TRY(CULL_TMP(cx, w->found, ASKED * (int64_t)r->classes));
    CULL_TRY(CULL_TMP(cx, w->weight, r->k));
    return CULL_TMP(cx, w->buf, STRIP * r->p->d);
}

static void offer(const relief *r, scratch *w, int64_t q, const seen *s)
{
    if (s->row == w->asked[q].row) return;
    int64_t list = q * r->classes + s->class, k = r->k;
    neighbour *near = w->near + list * k;
    double d = distance(r, &w->asked[q], s);
    int64_t n = w->found[list], i = n < k ? n : k - 1;
    if (n == k && d >= near[k - 1].d) return;
    for (; i > 0 && near[i - 1].d > d; i--) near[i] = near[i - 1];
    near[i] = (neighbour){d, s->row};
    if (n < k) w->found[list]++;
}

static cull_status find_neighbours(cull_ctx *cx, const relief *r, scratch *w, int64_t asked)
{
    const cull_feature_problem *p = r->p;
    memset(w->found, 0, (size_t)(asked * r->classes) * sizeof *w->found);
    for (int64_t lo = 0; lo < p->n; lo += STRIP) {
        int64_t n = p->n - lo < STRIP ? p->n - lo : STRIP;
        const float *x = cull_pool_rows(p->x, lo, lo + n, w->buf);
        if (lo / STRIP % 64 == 0) CULL_TRY(cull__tick(cx, (double)lo, (double)p->n));
        for (int64_t i = 0; i < n; i++) {
            prepare(r, x + i * p->d, lo + i, &w->strip[i]);
            for (int64_t q = 0; q < asked; q++) offer(r, w, q, &w->strip[i]);
        }
    }
    return CULL_OK;
}

/* ---- sums ---- */

/* Of a row with classes: sum (used) of what it adds to each column. */
static void add_classes(const relief *r, scratch *w, int64_t q, double *sum)
{
    const seen *a = &w->asked[q];
    for (int32_t c = 0; c < r->classes; c++) {
        int64_t list = q * r->classes + c, n = w->found[list];
        double weight = c == a->class ? -1 : r->prior[c] / (1 - r->prior[a->class]);
        for (int64_t i = 0; i < n; i++) {
            int64_t row = w->near[list * r->k + i].row;
            prepare(r, cull_pool_rows(r->p->x, row, row + 1, w->buf), row, &w->one);
            for (int64_t j = 0; j < r->used; j++)
                sum[j] += weight / (double)n * (double)difference(r, j, a, &w->one);
        }
    }
}

/* Of a row with a number: differences in the number (1); in each column (used); in both (used). */
static void add_numbers(const relief *r, scratch *w, int64_t q, double *sum)
{
    const seen *a = &w->asked[q];
    int64_t n = w->found[q];
    double all = 0;
    for (int64_t i = 0; i < n; i++) {
        double rank = (double)(i + 1) / r->o->sigma;
        all += w->weight[i] = r->o->sigma > 0 ? exp(-rank * rank) : 1;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t row = w->near[q * r->k + i].row;
        double share = w->weight[i] / all, y = fabs(r->p->y[a->row] - r->p->y[row]) * r->scale_y;
        prepare(r, cull_pool_rows(r->p->x, row, row + 1, w->buf), row, &w->one);
        sum[0] += y * share;
        for (int64_t j = 0; j < r->used; j++) {
            double x = (double)difference(r, j, a, &w->one) * share;
            sum[1 + j] += x;
            sum[1 + r->used + j] += x * y;
        }
    }
}

static cull_status ask_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const relief *r = arg;
    const cull_feature_problem *p = r->p;
    double *sum = r->sum + chunk * r->each;
    scratch *w;
    CULL_TRY(CULL_TMP(cx, w, 1));
    CULL_TRY(scratch_new(cx, r, w));
    for (int64_t at = lo; at < hi; at += ASKED) {
        int64_t asked = hi - at < ASKED ? hi - at : ASKED;
        for (int64_t q = 0; q < asked; q++) {
            int64_t row = r->ask[at + q];
            prepare(r, cull_pool_rows(p->x, row, row + 1, w->buf), row, &w->asked[q]);
        }
        CULL_TRY(find_neighbours(cx, r, w, asked));
        for (int64_t q = 0; q < asked; q++) (p->classes ? add_classes : add_numbers)(r, w, q, sum);
    }
    return CULL_OK;
}

static void weights(const relief *r, double *out)
{
    double m = (double)r->asked;
    const double *s = r->sum;
    for (int64_t j = 0; j < r->used; j++) {
        double *to = out + r->col[j];
        if (r->p->classes)
            *to = s[j] / m;
        else
            *to = s[1 + r->used + j] / s[0] - (s[1 + j] - s[1 + r->used + j]) / (m - s[0]);
    }
}

cull_status cull__column_relief(cull_ctx *cx, const cull_feature_problem *p,
                                const cull__relief_opts *o, double *out)
{
    relief r = {.p = p, .o = o, .k = neighbours_of(p, o), .kern = cull__kernels(cx)};
    cull__mark_t mark = cull__mark(cx);
    for (int64_t c = 0; c < p->d; c++) out[c] = NAN;
    CULL_TRY(CULL_TMP(cx, r.least, p->d));
    CULL_TRY(CULL_TMP(cx, r.scale, p->d));
    CULL_TRY(CULL_TMP0(cx, r.gaps, p->d));
    CULL_TRY(CULL_TMP(cx, r.cells, p->d));
    CULL_TRY(CULL_TMP(cx, r.col, p->d));
    CULL_TRY(cull__each_column(cx, p, NULL, look, &r));
    order_columns(&r);
    if (!r.used) return CULL_OK;
    CULL_TRY(know_target(cx, &r));
    if (r.any_gaps) CULL_TRY(fill_gaps(cx, &r));
    CULL_TRY(ask_rows(cx, &r));
    r.each = p->classes ? r.used : 1 + 2 * r.used;
    int64_t chunks = (r.asked + r.grain - 1) / r.grain;
    CULL_TRY(CULL_TMP0(cx, r.sum, chunks * r.each));
    CULL_TRY(cull__for(cx, r.asked, r.grain, ask_chunk, &r));
    for (int64_t c = 1; c < chunks; c++)
        for (int64_t j = 0; j < r.each; j++) r.sum[j] += r.sum[c * r.each + j];
    weights(&r, out);
    cull__release(cx, mark);
    return CULL_OK;
}

uint64_t cull__column_relief_bytes(const cull_feature_problem *p, const cull__relief_opts *o,
                                   int threads)
{
    double n = (double)p->n, d = (double)p->d, classes = p->classes ? p->classes : 1;
    double k = (double)neighbours_of(p, o);
    double asked = o->rows && o->rows < p->n ? (double)o->rows : n;
    double chunks = ceil(asked / ASKED) < CHUNKS ? ceil(asked / ASKED) : CHUNKS;
    double each = sizeof(scratch) + (ASKED + STRIP + 1) * 4 * d + 4 * STRIP * d +
                  ASKED * classes * (16 * k + 4) + 8 * k;
    double sums = 8 * chunks * (p->classes ? d : 1 + 2 * d);
    double workers = threads < chunks ? threads : chunks;
    double look_bytes = (double)cull__each_column_bytes(p, p->d, threads, NULL);
    return (uint64_t)(21 * d + fmax(look_bytes, 8 * classes + 8 * n + sums + workers * each));
}
