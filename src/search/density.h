/* density.h - where good trials lie and where the others do, a parameter at a time: what TPE
 * compares. Both densities follow one trial at a time, so that a question costs the same however
 * many trials there were. */
#ifndef CULL__DENSITY_H
#define CULL__DENSITY_H
#include "base/base.h"
#include "cull/search.h"

typedef enum { CULL__GOOD, CULL__BAD, CULL__SIDES } cull__side;

/* Of one parameter: a table over its values, or a line 0..1. Each trial is a kernel, and a flat
 * density beside them counts as `prior` trials.
 * Table: without an order each value has prior 1 / values, or its own chance; with one, kernels are as wide as n^-1/5
 * / 5 of the range. Line: kernels of GOOD, of which there are few, reach as far as the farther
 * neighbour (as in Bergstra et al. 2011); those of BAD are of one width that falls with their
 * number to 1/100 of the range, added up in bins. */
enum { CULL__DENSITY_BINS = 512, CULL__DENSITY_BELL = 192 };
typedef struct {
    int64_t n;
    int level;      /* of n: kernels change their width when it does */
    double *count;  /* how many at each value, or bin */
    double *sum;    /* their kernels there */
    double *kernel; /* table: (cells, cells) from value to value; line: by distance, and its sums */
} cull__density_side;
typedef struct {
    int64_t values; /* of a table; 0 = a line */
    int64_t cells;  /* values, or bins */
    double *place;  /* table with an order: values in 0..1, ascending; NULL = without */
    const double
        *chance; /* table without one: of each value by itself, of sum 1; NULL = the same */
    double prior;
    cull__density_side side[CULL__SIDES];
    double *at, *width, *height; /* line: GOOD, ascending; its kernels */
    int64_t cap, cap_width, cap_height;
    bool stale; /* width and height are of before */
    double bell[CULL__DENSITY_BELL + 2];
} cull__density;

/* place (values; copied): where values with an order are; NULL = they have none, and each has its `chance` (values; the
 * caller's) to begin with; NULL = the same. values 0: a line. */
cull_status cull__density_open(cull_ctx *cx, int64_t values, const double *place,
                               const double *chance, double prior, cull__density **out);
void cull__density_close(cull__density *d);
/* One more trial at u (a place on the line, or a value), or one fewer: by its bits the same u. */
cull_status cull__density_add(cull_ctx *cx, cull__density *d, cull__side s, double u);
void cull__density_drop(cull__density *d, cull__side s, double u);
/* A draw from GOOD; the density of a side; log GOOD - log BAD. */
double cull__density_draw(cull__density *d, cull_rng *r);
double cull__density_at(cull__density *d, cull__side s, double u);
double cull__density_gain(cull__density *d, double u);

/* ---- which trials are good (density_split.c) ----
 * The best share `gamma` of those that did not fail, `most` at most, one at least. One objective:
 * done ones by value, then those stopped early (the farther they came the better), then those that
 * break constraints, by how much. Several: by rank of dominance, violations first; of the rank that
 * does not fit whole those that add most to the volume (of more than 4 objectives: by crowding).
 * Failed ones are never good. */
typedef struct cull__split cull__split;
/* Trial number's place: told of a new one, and of those that it makes change. */
typedef cull_status cull__split_fn(cull_ctx *cx, void *user, int64_t number, cull__side side);
cull_status cull__split_open(cull_ctx *cx, int objectives, double gamma, int64_t most,
                             cull__split **out);
void cull__split_close(cull__split *s);
/* One objective: O(log n + most). Several: O(m p) for the p trials that fewer than `most` dominate,
 * and their ranks where one joins. */
cull_status cull__split_told(cull_ctx *cx, cull__split *s, const cull_search_view *v,
                             int64_t number, cull__split_fn *fn, void *user);
/* The good ones, n of them; with one objective the best first. */
const int64_t *cull__split_good(const cull__split *s, int64_t *n);
#endif
