/* mixture.h - experts whose probabilities are mixed row by row, and the gate that says how. */
#ifndef CULL__MIXTURE_H
#define CULL__MIXTURE_H
#include "base/base.h"
#include "cull/policy.h"

/* ---- the gate: a layer, or two with relu between; one number z an expert, whose softmax weighs the experts ---- */
typedef struct {
    int64_t d, hidden; /* hidden 0 = one layer */
    int experts;
    double *mean, *scale; /* d: what it reads is (x - mean) scale */
    double *w[2], *b[2];  /* (out, in) and (out) of each layer */
} cull__gate;
static inline int cull__gate_layers(const cull__gate *g) { return g->hidden ? 2 : 1; }
static inline int64_t cull__gate_in(const cull__gate *g, int l) { return l ? g->hidden : g->d; }
static inline int64_t cull__gate_out(const cull__gate *g, int l)
{
    return g->hidden && l == 0 ? g->hidden : g->experts;
}
cull_status cull__gate_new(cull_ctx *cx, int64_t d, int64_t hidden, int experts,
                           cull__gate *g); /* scratch, zeros */
/* z (n, experts) of x (n, d). */
cull_status cull__gate_ask(cull_ctx *cx, const cull__gate *g, const double *x, int64_t n,
                           double *z);

/* Kept in a policy as gate.mean, gate.0.weight, ...; and read back, for as many experts as it has models and rows of d
 * features (EINPUT by number where it was learnt from others). */
cull_status cull__gate_put(cull_ctx *cx, cull_policy *out, const cull__gate *g);
cull_status cull__gate_get(cull_ctx *cx, const cull_policy *p, int64_t d, cull__gate *g);

typedef struct {
    int64_t n, d;
    int experts;
    const double *x; /* (n, d) */
    const double *p; /* (n, experts): the probability that each gives to the truth, > 0 */
    const int32_t *group;
    int32_t groups;
} cull__gate_rows;
typedef struct {
    int64_t hidden, epochs; /* epochs: at most */
    double rate, decay;
    int64_t folds; /* below 2: none */
} cull__gate_opts;
/* Minimises -mean log sum_k softmax(z)_k p_k by AdamW. With folds, z (n, experts) are what gates say that have not seen a row's
 * fold, each stopped at its best epoch for that fold, and the gate itself learns from all rows for as many epochs as the median of
 * these; without, z are the gate's own. Bits do not depend on threads. */
cull_status cull__gate_fit(cull_ctx *cx, const cull__gate_rows *r, const cull__gate_opts *o,
                           uint64_t stream, cull__gate *g, double *z);

/* ---- mixtures of a subset ---- */
typedef struct {
    int64_t n;
    int experts, top; /* top: of a subset the so many of largest z answer, renormalised; 0 = all */
    const double *z, *p; /* (n, experts) */
} cull__mixture;
/* Those of `set` that answer a row with these z; of equal ones the lower. */
uint64_t cull__mixture_called(const double *z, int experts, uint64_t set, int top);
/* Weights of the experts in `called`, others 0. */
void cull__mixture_weights(const double *z, int experts, uint64_t called, double *g);
/* -mean log of what the mixture of `set` gives to the truth. */
double cull__mixture_loss(const cull__mixture *m, uint64_t set);
/* -mean log max over `set` of p: no mixture of these or fewer has less loss, whatever its weights. */
double cull__mixture_bound(const cull__mixture *m, uint64_t set);
#endif
