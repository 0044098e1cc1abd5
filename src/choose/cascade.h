/* cascade.h - what the files about cascades share (cull/cascade.h): rows as whole numbers, and a front that grows. */
#ifndef CULL__CASCADE_H
#define CULL__CASCADE_H
#include "base/base.h"
#include "cull/cascade.h"

enum { CULL__CASCADE_MODELS = 4095, CULL__CASCADE_GRID = 255 };

/* A table whose numbers are whole (though doubles), so that sums below 2^53 are exact in any order. A row lies together:
 * what it adds to all models' sums is one stretch. Of model k, bin b: how many of its thresholds the confidence
 * reaches, so that threshold g answers bins g and above, and passes those below. */
typedef struct {
    int64_t n;
    int models, stages;
    int width;           /* numbers of a row: qualities, then costs where each row has its own */
    double *row;         /* (n, width) */
    double *total;       /* (width): sums over all rows */
    double *cost;        /* (models): where they are the same for all rows, else NULL */
    uint8_t *bin;        /* (n, models) */
    int *grid;           /* (models): thresholds that answer some rows and pass some */
    const double *delay; /* (models), or NULL: no limit */
    double most;         /* that the stages of a cascade take together */
    double *at;          /* (models, 256): them, from 1 on */
    int cost_places, quality_places; /* binary places after the point */
} cull__cascade_rows;
cull_status cull__cascade_check(cull_ctx *cx, const cull_cascade_table *t, int quantiles);
cull_status cull__cascade_read(cull_ctx *cx, const cull_cascade_table *t, int quantiles,
                               cull__cascade_rows *out);

/* One cascade: its sums, and who it is. Of two the lower key is preferred: stages, models, thresholds. */
typedef struct {
    double cost, quality;
    uint64_t key;
} cull__stand;
static inline uint64_t cull__cascade_key(int stages, int a, int b, int c, int g, int h)
{
    return (uint64_t)stages << 52 | (uint64_t)a << 40 | (uint64_t)b << 28 | (uint64_t)c << 16 |
           (uint64_t)g << 8 | (uint64_t)h;
}

/* The best so far, sorted, and those that are still to be let in. `least` looks a cost up by the first bits of
 * its double: the best quality of anything with lower such bits. What is not above that is dominated. */
enum { CULL__FRONT_PLACES = 1 << 14, CULL__FRONT_WAIT = 1 << 12 };
typedef struct {
    cull__stand *at, *other;
    int64_t n, room, room_other, waiting;
    cull__stand *wait, *wait_room;
    double *least; /* CULL__FRONT_PLACES */
    int64_t low;
    int shift;
    double looked;
} cull__stands;
/* Scratch of the ctx's, but for `at` and `other`, which cull__stands_free frees. Costs that matter are in lo .. hi. */
cull_status cull__stands_new(cull_ctx *cx, cull__stands *f, double lo, double hi);
void cull__stands_free(cull__stands *f);
/* Let in what waits. */
cull_status cull__stands_merge(cull_ctx *cx, cull__stands *f);
static inline int64_t cull__stands_place(const cull__stands *f, double cost)
{
    union {
        double d;
        int64_t i;
    } u = {.d = cost};
    int64_t p = (u.i >> f->shift) - f->low;
    return p < 0 ? 0 : p >= CULL__FRONT_PLACES ? CULL__FRONT_PLACES - 1 : p;
}
static inline bool cull__stands_hopeless(const cull__stands *f, double cost, double quality)
{
    return quality <= f->least[cull__stands_place(f, cost)];
}
static inline cull_status cull__stands_add(cull_ctx *cx, cull__stands *f, cull__stand s)
{
    f->wait[f->waiting++] = s;
    return f->waiting == CULL__FRONT_WAIT ? cull__stands_merge(cx, f) : CULL_OK;
}

/* All of up to r->stages stages, into f, which is empty; merged. */
cull_status cull__cascade_enumerate(cull_ctx *cx, const cull__cascade_rows *r, cull__stands *f);
uint64_t cull__cascade_enumerate_bytes(int64_t n, int models, int width, int workers);
#endif
