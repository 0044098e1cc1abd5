/* density_joint.h - a density over whole points of a space: a kernel on each of some trials. */
#ifndef CULL__DENSITY_JOINT_H
#define CULL__DENSITY_JOINT_H
#include "cull/search.h"
#include "space/space.h"

/* A kernel is a product over the parameters that are active: numbers and values with an order have
 * normal kernels of sd n^(-1/(d+4)) / 5 of the range for d parameters, categories stay with most of
 * the weight, and the rest goes by their chances. A parameter that the trial has not is flat. A flat density counts
 * as `prior` trials. */
typedef struct cull__joint cull__joint;
cull_status cull__joint_open(cull_ctx *cx, const cull_space *space, double prior,
                             cull__joint **out);
void cull__joint_close(cull__joint *j);
/* What is kept of a trial at x: a float for each parameter. */
void cull__joint_unit(const cull__joint *j, const double *x, float *unit);
/* Kernels on trials who[0 .. n) from now on; where there are more than `most`, on every so many of
 * them. Rows of x and unit go by number; a number's are the same at every call, and x stays where it is until the
 * next. */
cull_status cull__joint_set(cull_ctx *cx, cull__joint *j, const double *x, const float *unit,
                            const int64_t *who, int64_t n, int64_t most);
/* A point; false: it breaks constraints. */
bool cull__joint_draw(cull__joint *j, cull_rng *r, double *x);
/* Logarithms of the density at n <= CULL__JOINT_BATCH points x with the floats `unit`, rows after each other;
 * permutations and simplexes do not count. */
enum { CULL__JOINT_BATCH = 32 };
void cull__joint_log(cull__joint *j, const double *x, const float *unit, int64_t n, double *out);

/* y is x, a value of a permutation, subset or simplex, with a little changed. */
void cull__joint_change(const cull_space_param *p, const double *x, cull_rng *r, double *y);

/* Parameters that are tables of values to densities, the others of one number being lines; a
 * value's number. */
bool cull__density_table(const cull_space_param *p);
double cull__density_value(const cull_space_param *p, int64_t j);
/* What a parameter's number is then: a place in 0..1, or which value. */
double cull__density_cell(const cull_space_param *p, double v);
#endif
