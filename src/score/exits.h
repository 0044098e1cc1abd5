/* exits.h - exits of a network: linear heads on what its layers put out, and gates that say when one is good enough,
 * trained together on a frozen network (Chataoui, Regol, Coates 2024). */
#ifndef CULL__EXITS_H
#define CULL__EXITS_H
#include "base/base.h"

enum { CULL__EXITS = 63, CULL__EXIT_SIGNS = 4 };

typedef struct {
    int exits;
    int32_t classes;
    const float *const *x; /* exits: (n, d[l]) */
    const int64_t *d;
    const int32_t *label; /* n */
    const double *last;   /* n: -log p of the label by the network's own head */
    const double *cost;   /* exits + 1: of leaving there, of which the last is 1 */
} cull__exit_rows;

typedef struct {
    double lambda; /* of cost, against -log p */
    double lr, floor, momentum, decay;
    int64_t epochs, batch, turn; /* turn: batches of heads, then as many of gates */
    int64_t warm;                /* epochs of heads alone, at most */
    double
        positive; /* most that a row counts which should leave, against one that should not; 1 = as much */
    bool upto; /* that is found from the rows which should leave there or before, not there alone */
    bool plain; /* heads are trained on all rows alike */
} cull__exit_opts;

typedef struct {
    int exits;
    int32_t classes;
    const int64_t *d;
    double *head[CULL__EXITS]; /* (classes, d + 1), the bias last */
    double *gate;              /* (exits, 5), the bias last */
} cull__exits;

/* p (classes): largest; entropy in nats; largest less second; entropy of p^2 / sum p^2. */
void cull__exit_signs(const double *p, int32_t classes, double out[CULL__EXIT_SIGNS]);
/* Of gates g (exits) in 0..1: mass[l] = max(0, min(g_l, 1 - g_0 - ... - g_(l-1))), the chance to leave at l, and
 * chance[l] (may be NULL), that of leaving there once come so far. */
void cull__exit_mass(const double *g, int exits, double *mass, double *chance);
/* How much each row's heads count (exits) in a turn of theirs: mass_l, scaled so that sum w_l ce_l = sum ce_l. The scale
 * is a constant: were a gradient to pass it, what is trained were the plain mean. */
void cull__exit_weights(const double *mass, const double *ce, int exits, double *w);
/* Which exit is best: least ce_l + lambda cost_l, the last's being `last` + lambda; exits = the last; the first of equals. */
int cull__exit_best(const double *ce, double last, const double *cost, double lambda, int exits);

/* Trained on row[0..n), watched on val[0..m), which may be none. Heads and gates are scratch. Columns are brought to mean 0
 * and deviation 1 over the rows while they are trained. The bits do not depend on threads: it runs on one. */
cull_status cull__exits_fit(cull_ctx *cx, const cull__exit_rows *r, const int64_t *row, int64_t n,
                            const int64_t *val, int64_t m, const cull__exit_opts *o,
                            cull__exits *out);
/* p (exits, classes) of row i, and where it leaves: the first exit whose chance is a half or more, else exits. */
int cull__exits_at(const cull__exits *e, const float *const *x, int64_t i, double *p);
#endif
