/* cascade_enum.c - every cascade of up to three models (cascade.h).
 *
 * For a first model the rows lie in order of its bins, so that each of its thresholds hands some more rows on. What was
 * handed on lies in a plane, a line for each bin of the second model: the sums over those rows of every model's quality (and
 * cost). Lines are added up from the lowest, and each sum says what all third models would make of the rows that neither of
 * the first two answers. So a cascade is a few additions, and the plane stays in the first cache. Thresholds by which
 * a stage answers all rows or none are left out: with costs of at least 0 a cascade without that stage is no worse. */
#include "choose/cascade.h"

#include <math.h>
#include <string.h>

/* A line: r->width sums, then how many rows there are, and the sum of each row's best quality. */
enum { COUNT, BEST, MORE };

typedef struct {
    const cull__cascade_rows *r;
    const double *best;  /* (n): of the row's qualities */
    cull__stands *chunk; /* (models) */
    const cull__stands *base;
} job;

typedef struct {
    const job *j;
    const cull__cascade_rows *r;
    int a, b, line; /* numbers of a line */
    int32_t *order; /* (n) by bins of a */
    int64_t from[CULL__CASCADE_GRID + 2];
    double *plane;          /* (bins of b, line) */
    double *sum;            /* (line) */
    double *quality, *cost; /* (models) of the cascades of one pair of thresholds */
    cull__stands *f;
} pass;

static double cost_of_all(const cull__cascade_rows *r, int k)
{
    return r->cost ? r->cost[k] * (double)r->n : r->total[r->models + k];
}

/* Stages a, b and c, of which b and c may be -1, are not too slow together. */
static bool in_time(const cull__cascade_rows *r, int a, int b, int c)
{
    if (!r->delay) return true;
    return r->delay[a] + (b < 0 ? 0 : r->delay[b]) + (c < 0 ? 0 : r->delay[c]) <= r->most;
}

static void put_in_order(const cull__cascade_rows *r, int a, int32_t *order, int64_t *from)
{
    int bins = r->grid[a] + 1;
    memset(from, 0, (size_t)(bins + 1) * sizeof *from);
    for (int64_t i = 0; i < r->n; i++) from[r->bin[i * r->models + a] + 1]++;
    for (int b = 0; b < bins; b++) from[b + 1] += from[b];
    for (int64_t i = 0; i < r->n; i++) order[from[r->bin[i * r->models + a]]++] = (int32_t)i;
    for (int b = bins; b > 0; b--) from[b] = from[b - 1];
    from[0] = 0;
}

static void add_row(const pass *p, double *to, int64_t i)
{
    const double *row = p->r->row + i * p->r->width;
    int width = p->r->width;
    for (int k = 0; k < width; k++) to[k] += row[k];
    to[width + COUNT]++;
    to[width + BEST] += p->j->best[i];
}

/* ---- one and two stages ---- */

static cull_status singles(cull_ctx *cx, const cull__cascade_rows *r, cull__stands *f)
{
    for (int k = 0; k < r->models; k++)
        if (in_time(r, k, -1, -1))
            CULL_TRY(cull__stands_add(cx, f,
                                      (cull__stand){cost_of_all(r, k), r->total[k],
                                                    cull__cascade_key(1, k, 0, 0, 0, 0)}));
    f->looked += r->models;
    return CULL_OK;
}

static cull_status pairs_of(cull_ctx *cx, pass *p)
{
    const cull__cascade_rows *r = p->r;
    double *sum = p->sum;
    put_in_order(r, p->a, p->order, p->from);
    memset(sum, 0, (size_t)p->line * sizeof *sum);
    for (int g = 1; g <= r->grid[p->a]; g++) {
        for (int64_t i = p->from[g - 1]; i < p->from[g]; i++) add_row(p, sum, p->order[i]);
        for (int b = 0; b < r->models; b++) {
            double more = r->cost ? r->cost[b] * sum[r->width + COUNT] : sum[r->models + b];
            cull__stand s = {cost_of_all(r, p->a) + more, r->total[p->a] - sum[p->a] + sum[b],
                             cull__cascade_key(2, p->a, b, 0, g, 0)};
            if (b == p->a || !in_time(r, p->a, b, -1)) continue;
            if (cull__stands_hopeless(p->f, s.cost, s.quality)) continue;
            CULL_TRY(cull__stands_add(cx, p->f, s));
        }
    }
    p->f->looked += (double)r->grid[p->a] * (r->models - 1);
    return CULL_OK;
}

/* ---- three stages ---- */

/* All third models, for one threshold g of a and one h of b; p->sum is over the rows that both hand on. */
static cull_status thirds(cull_ctx *cx, pass *p, double cost, double quality, int g, int h)
{
    const cull__cascade_rows *r = p->r;
    const double *sum = p->sum, *each = r->cost, count = sum[r->width + COUNT];
    int models = r->models;
    for (int k = 0; k < models; k++) p->quality[k] = quality + sum[k];
    if (each)
        for (int k = 0; k < models; k++) p->cost[k] = cost + each[k] * count;
    else
        for (int k = 0; k < models; k++) p->cost[k] = cost + sum[models + k];
    for (int k = 0; k < models; k++) {
        if (cull__stands_hopeless(p->f, p->cost[k], p->quality[k]) || k == p->a || k == p->b ||
            !in_time(r, p->a, p->b, k))
            continue;
        CULL_TRY(cull__stands_add(
            cx, p->f,
            (cull__stand){p->cost[k], p->quality[k], cull__cascade_key(3, p->a, p->b, k, g, h)}));
    }
    return CULL_OK;
}

/* The rows that a hands on at threshold g lie in the plane; `on` is their sum. */
static cull_status second(cull_ctx *cx, pass *p, const double *on, int g)
{
    const cull__cascade_rows *r = p->r;
    double *sum = p->sum;
    double pairs = r->total[p->a] - on[p->a] + on[p->b];
    double cost = cost_of_all(r, p->a);
    cost += r->cost ? r->cost[p->b] * on[r->width + COUNT] : on[r->models + p->b];
    memset(sum, 0, (size_t)p->line * sizeof *sum);
    for (int h = 1; h <= r->grid[p->b]; h++) {
        const double *line = p->plane + (int64_t)(h - 1) * p->line;
        if (line[r->width + COUNT] == 0) continue; /* the same as with a lower threshold */
        for (int k = 0; k < p->line; k++) sum[k] += line[k];
        double quality =
            pairs - sum[p->b]; /* and no third model brings more than each row's best */
        if (cull__stands_hopeless(p->f, cost, quality + sum[r->width + BEST])) continue;
        CULL_TRY(thirds(cx, p, cost, quality, g, h));
    }
    return CULL_OK;
}

static cull_status triples_of(cull_ctx *cx, pass *p, double *on)
{
    const cull__cascade_rows *r = p->r;
    memset(p->plane, 0, (size_t)(r->grid[p->b] + 1) * (size_t)p->line * sizeof *p->plane);
    memset(on, 0, (size_t)p->line * sizeof *on);
    for (int g = 1; g <= r->grid[p->a]; g++) {
        for (int64_t i = p->from[g - 1]; i < p->from[g]; i++) {
            int64_t row = p->order[i];
            add_row(p, p->plane + (int64_t)r->bin[row * r->models + p->b] * p->line, row);
            add_row(p, on, row);
        }
        CULL_TRY(second(cx, p, on, g));
    }
    p->f->looked += (double)r->grid[p->a] * r->grid[p->b] * (r->models - 2);
    return CULL_OK;
}

static cull_status pass_new(cull_ctx *cx, const job *j, cull__stands *f, pass *p)
{
    *p = (pass){.j = j, .r = j->r, .f = f, .line = j->r->width + MORE};
    CULL_TRY(CULL_TMP(cx, p->order, j->r->n));
    CULL_TRY(CULL_TMP(cx, p->sum, p->line));
    CULL_TRY(CULL_TMP(cx, p->quality, j->r->models));
    return CULL_TMP(cx, p->cost, j->r->models);
}

static cull_status from_base(cull_ctx *cx, const job *j, cull__stands *f)
{
    cull__stand *all = j->base->at;
    CULL_TRY(cull__stands_new(cx, f, 1, 1));
    f->shift = j->base->shift;
    f->low = j->base->low;
    memcpy(f->least, j->base->least, CULL__FRONT_PLACES * sizeof *f->least);
    CULL_TRY(CULL_GROW(cx, f->at, &f->room, j->base->n));
    if (j->base->n) memcpy(f->at, all, (size_t)j->base->n * sizeof *all);
    f->n = j->base->n;
    return CULL_OK;
}

/* Of a chunk its own cascades alone stay, in no more room than they take. */
static cull_status keep_new(cull_ctx *cx, cull__stands *f)
{
    cull__stand *own;
    int64_t n = 0;
    for (int64_t i = 0; i < f->n; i++)
        if (f->at[i].key >> 52 == 3) f->at[n++] = f->at[i];
    CULL_TRY(CULL_ALLOC(cx, own, n));
    if (n) memcpy(own, f->at, (size_t)n * sizeof *own);
    cull__stands_free(f);
    f->at = own;
    f->n = n;
    return CULL_OK;
}

static cull_status triples(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    pass p;
    double *on;
    (void)hi;
    CULL_TRY(from_base(cx, j, &j->chunk[chunk]));
    CULL_TRY(pass_new(cx, j, &j->chunk[chunk], &p));
    CULL_TRY(CULL_TMP(cx, on, p.line));
    CULL_TRY(CULL_TMP(cx, p.plane, (int64_t)(CULL__CASCADE_GRID + 1) * p.line));
    p.a = (int)lo;
    put_in_order(j->r, p.a, p.order, p.from);
    for (p.b = 0; p.b < j->r->models; p.b++) {
        CULL_TRY(cull__tick(cx, p.b, j->r->models));
        if (p.b != p.a && in_time(j->r, p.a, p.b, -1)) CULL_TRY(triples_of(cx, &p, on));
    }
    CULL_TRY(cull__stands_merge(cx, p.f));
    return keep_new(cx, p.f);
}

static cull_status merge_chunks(cull_ctx *cx, const job *j, cull__stands *f)
{
    for (int c = 0; c < j->r->models; c++) {
        const cull__stands *from = &j->chunk[c];
        f->looked += from->looked;
        for (int64_t i = 0; i < from->n; i++) CULL_TRY(cull__stands_add(cx, f, from->at[i]));
    }
    return cull__stands_merge(cx, f);
}

static cull_status all_triples(cull_ctx *cx, job *j, cull__stands *f)
{
    CULL_TRY(CULL_TMP0(cx, j->chunk, j->r->models));
    j->base = f;
    cull_status s = cull__for(cx, j->r->models, 1, triples, j);
    if (s == CULL_OK) s = merge_chunks(cx, j, f);
    for (int c = 0; c < j->r->models; c++) cull__stands_free(&j->chunk[c]);
    return s;
}

cull_status cull__cascade_enumerate(cull_ctx *cx, const cull__cascade_rows *r, cull__stands *f)
{
    job j = {.r = r};
    pass p;
    double *best;
    CULL_TRY(CULL_TMP0(cx, best, r->n));
    for (int64_t i = 0; i < r->n; i++)
        for (int k = 0; k < r->models; k++) best[i] = fmax(best[i], r->row[i * r->width + k]);
    j.best = best;
    CULL_TRY(singles(cx, r, f));
    CULL_TRY(cull__stands_merge(cx, f));
    if (r->stages < 2) return CULL_OK;
    CULL_TRY(pass_new(cx, &j, f, &p));
    for (p.a = 0; p.a < r->models; p.a++) {
        CULL_TRY(cull__tick(cx, p.a, r->models));
        CULL_TRY(pairs_of(cx, &p));
    }
    CULL_TRY(cull__stands_merge(cx, f));
    return r->stages < 3 || r->models < 3 ? CULL_OK : all_triples(cx, &j, f);
}

uint64_t cull__cascade_enumerate_bytes(int64_t n, int models, int width, int workers)
{
    uint64_t line = (uint64_t)width + MORE;
    uint64_t front = CULL__FRONT_PLACES * 8 + 6 * CULL__FRONT_WAIT * sizeof(cull__stand);
    uint64_t walk = (uint64_t)n * 4 + line * 16 + (uint64_t)models * 16 + front;
    uint64_t plane = (CULL__CASCADE_GRID + 1) * line * 8;
    return (uint64_t)n * 8 + walk + (uint64_t)workers * (walk + plane);
}
