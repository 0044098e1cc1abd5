/* steps.c - functions whose gain of a row is a number that every chosen row changes by itself: what a
 * row's number is after the first t steps is remembered with t, and brought up to date when it is asked
 * for. So lazy evaluation skips most of the work, and any order of questions gives the same bits. */
#include "choose/greedy.h"
#include "cull/data.h"

#include <math.h>
#include <string.h>

cull_status cull__steps_new(cull_ctx *cx, const cull_pool *p, cull__steps_fn *fn, int64_t most,
                            bool unit, cull__steps *s)
{
    int64_t n = cull_pool_n(p), d = cull_pool_d(p);
    float *buf;
    *s =
        (cull__steps){.pool = p, .kern = cull__kernels(cx), .n = n, .d = d, .most = most, .fn = fn};
    CULL_TRY(CULL_TMP(cx, s->scale, n));
    CULL_TRY(CULL_TMP(cx, s->square, n));
    CULL_TRY(CULL_TMP(cx, s->value, n));
    CULL_TRY(CULL_TMP(cx, s->seen, n));
    CULL_TRY(CULL_TMP(cx, s->step, most * d));
    CULL_TRY(CULL_TMP(cx, s->extra, most));
    CULL_TRY(CULL_TMP(cx, buf, d));
    for (int64_t i = 0; i < n; i++) {
        const float *x = cull_pool_rows(p, i, i + 1, buf);
        double square = s->kern->dot(x, x, d);
        s->scale[i] = !unit ? 1 : square > 0 ? 1 / sqrt(square) : 0;
        s->square[i] = !unit ? square : square > 0;
    }
    return CULL_OK;
}

uint64_t cull__steps_plan(int64_t n, int64_t d, int64_t most)
{
    return (uint64_t)n * 28 + (uint64_t)most * ((uint64_t)d * 4 + 8) + 4 * (uint64_t)d;
}

int64_t cull__steps_most(const cull_data_problem *p)
{
    int64_t most = cull__max_picks(p->cost, p->n, p->budget);
    for (int64_t i = 0; p->have && i < p->n; i++) most += p->have[i] != 0;
    return most;
}

void cull__steps_begin(cull__steps *s)
{
    s->steps = 0;
    memset(s->seen, 0, (size_t)s->n * sizeof *s->seen);
}

typedef struct {
    cull__steps *s;
    const int64_t *row;
} refresh;

static cull_status bring_up(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const refresh *r = arg;
    cull__steps *s = r->s;
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, s->d));
    for (int64_t k = lo; k < hi; k++) {
        int64_t i = r->row[k];
        if (s->seen[i] == s->steps) continue;
        const float *x = cull_pool_rows(s->pool, i, i + 1, buf);
        for (int64_t t = s->seen[i]; t < s->steps; t++)
            s->value[i] =
                s->fn(s->value[i], s->kern->dot(x, s->step + t * s->d, s->d) * s->scale[i],
                      s->square[i], s->extra[t]);
        s->seen[i] = (int32_t)s->steps;
    }
    return CULL_OK;
}

cull_status cull__steps_refresh(cull_ctx *cx, cull__steps *s, const int64_t *row, int64_t m)
{
    refresh r = {s, row};
    return cull__for(cx, m, 32768 / s->d + 1, bring_up, &r);
}

float *cull__steps_add(cull__steps *s, int64_t i, double extra)
{
    float *to = s->step + s->steps * s->d;
    const float *x = cull_pool_rows(s->pool, i, i + 1, to);
    s->kern->scale(to, x, s->scale[i], s->d);
    s->extra[s->steps++] = extra;
    return to;
}
