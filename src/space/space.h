/* space.h - moves in a space (cull/space.h): what samplers make points with. Points handed in are valid, and
 * so are those handed out, constraints included. */
#ifndef CULL__SPACE_H
#define CULL__SPACE_H
#include "base/base.h"
#include "cull/space.h"

/* ---- one parameter ---- */
/* Of a parameter of one number: to 0..1 and back (by its scale; values of the discrete are at the middles of equal
 * parts, so that any number of 0..1 means one of them). */
double cull__space_to_unit(const cull_space_param *p, double v);
/* The same with what does not depend on v made before. */
double cull__space_span(const cull_space_param *p);
double cull__space_to_unit_by(const cull_space_param *p, double span, double v);
double cull__space_from_unit(const cull_space_param *p, double u);
/* As the last, but a category with weights has a part of 0..1 as wide as each value's chance: u drawn evenly draws p. */
double cull__space_by_chance(const cull_space_param *p, double u);
/* v (width) drawn: uniformly, or by weights. */
void cull__space_draw_value(const cull_space_param *p, cull_rng *r, double *v);

/* ---- whole points ----
 * `fill` is asked for the value of each active parameter in order, with x up to there; what it leaves NaN is drawn.
 * Returns false where the constraints do not hold in the end: change the draws and try again. */
typedef void cull__space_fill_fn(void *user, const cull_space *s, int i, const double *x,
                                 double *v);
bool cull__space_make(const cull_space *s, cull__space_fill_fn *fill, void *user, cull_rng *r,
                      double *x);
/* As cull_space_draw, from r. */
cull_status cull__space_draw(cull_ctx *cx, const cull_space *s, cull_rng *r, double *x);
/* After changes by hand: values of what is not active go, those missing are drawn. False: constraints do not hold. */
bool cull__space_mend(const cull_space *s, cull_rng *r, double *x);

/* y = x with one parameter or more changed: each active one by chance `rate` (0 = 1 / active ones), one at least.
 * Discrete ones take another value, uniformly or by weights (ordinals and ints with `near`: a neighbour half the time); reals move by
 * a normal step of `sd` of their range, reflected; subsets exchange an item, or grow or shrink; permutations exchange two
 * places or move one; simplexes are shifted towards a random point. Falls back to a random point after 1000
 * failures of the constraints. */
typedef struct {
    double rate, sd;
    bool near;
} cull__mutation;
cull_status cull__space_mutate(cull_ctx *cx, const cull_space *s, const cull__mutation *o,
                               cull_rng *r, const double *x, double *y);
/* y of x and z: each parameter that both have from either, by chance (uniform crossover); permutations by order
 * crossover; a structure whose value differs with all that lies in it. One of the parents after 1000 failures of the constraints. */
cull_status cull__space_cross(cull_ctx *cx, const cull_space *s, cull_rng *r, const double *x,
                              const double *z, double *y);
/* Simulated binary crossover and polynomial mutation (Deb and Agrawal 1995) of parameters with an order; reals and
 * long ints keep the spirit, discrete ones of few values are drawn anew where they are mutated. `rounded`: as papers do on
 * integers, all discrete values move and are rounded, categories by their numbers, and what does not cross is x's. */
typedef struct {
    double eta_cross, eta_mutate; /* larger: children are nearer, mutations smaller */
    double rate;                  /* of mutation; 0 = 1 / active ones */
    bool rounded;
} cull__sbx;
cull_status cull__space_sbx(cull_ctx *cx, const cull_space *s, const cull__sbx *o, cull_rng *r,
                            const double *x, const double *z, double *y);

/* All points that differ in one parameter's value (what becomes active takes its default: the middle, or the first),
 * of reals, simplexes and ints of more than 32 values the `steps` (1 .. 16) nearest steps of 1/16 of the range either way;
 * those that break constraints are left out. Where there are more than `most`, constraints aside, so many are drawn from r,
 * each as likely as any other. In order of parameters; stops when fn returns false. O(width) each. */
typedef bool cull__space_near_fn(void *user, const double *y, int changed);
cull_status cull__space_neighbours(cull_ctx *cx, const cull_space *s, const double *x, int steps,
                                   int64_t most, cull_rng *r, cull__space_near_fn *fn, void *user);

/* The first value (width) of a parameter that is discrete, and the one after v: subsets by how many are in, then as combinations;
 * false: v was the last. O(width). */
void cull__space_first_value(const cull_space_param *p, double *v);
bool cull__space_next_value(const cull_space_param *p, double *v);
/* All points in order of the first parameter slowest: set x to the first (true: there is one), then to the next. Only
 * where every parameter is discrete. Constraints are kept by passing over. */
bool cull__space_first(const cull_space *s, double *x);
bool cull__space_next(const cull_space *s, double *x);
#endif
