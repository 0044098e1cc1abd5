/* greedy.h - choosing by gain: a maximiser of set functions that knows nothing of what they are, and
 * the functions that several methods share. */
#ifndef CULL__GREEDY_H
#define CULL__GREEDY_H
#include "choose/choose.h"
#include "cull/method.h"
#include "num/panels.h"

/* A set function by what a row would add to it. `arg` holds what was chosen so far. */
typedef struct {
    void *arg;
    double slack;  /* a gain may grow by this share of itself, by rounding; 0: it never grows */
    int64_t batch; /* rows whose gains cost about as much as one row's; >= 1 */
    bool plain;    /* order by gain, not by gain / cost */
    cull_status (*begin)(cull_ctx *cx, void *arg); /* nothing is chosen */
    /* what row[0..m) would add, each alone; rows are not chosen yet */
    cull_status (*gains)(cull_ctx *cx, void *arg, const int64_t *row, int64_t m, double *gain);
    cull_status (*commit)(cull_ctx *cx, void *arg, const int64_t *row, int64_t m);
} cull__gain;

enum { CULL__LAZY, CULL__NAIVE, CULL__STOCHASTIC };
typedef struct {
    int optimizer;
    double epsilon;
} cull__greedy_opts;
/* Rows of a method's table whose options S have these options as the field `greedy`. */
/* clang-format off */
#define CULL__GREEDY_ROWS(S)                                                                       \
    {"optimizer", "lazy and naive choose alike; stochastic looks at a draw for each example taken", \
     CULL_KIND_ENUM, CULL_IS_(S, greedy.optimizer, int), CULL__LAZY, 0, 63, "lazy|naive|stochastic"}, \
    {"epsilon", "stochastic: looks at n / k ln(1/epsilon) for each of k examples",                 \
     CULL_KIND_F64, CULL_IS_(S, greedy.epsilon, double), 0.01, 1e-9, 0.99, 0}
/* clang-format on */

/* Take row after row, each time the one of most gain for its cost (ties: the lower row), until nothing
 * fits: Nemhauser, Wolsey and Fisher 1978. LAZY asks again only for rows whose last gain could still be
 * the most (Minoux 1978) and takes the very same rows as NAIVE. STOCHASTIC draws a sample for each row
 * taken (Mirzasoleiman et al. 2015). Rows of t->have, and what t holds already, are committed first.
 * Where costs differ, no gain was below 0 and the best single row beats all that was taken together, it
 * begins again with that row (Khuller, Moss and Naor 1999). *value = the sum of the gains of what was
 * taken. Scratch: 16 n bytes (8 n but for LAZY). */
cull_status cull__greedy(cull_ctx *cx, const cull__gain *g, cull__taker *t,
                         const cull__greedy_opts *o, double *value);
uint64_t cull__greedy_plan(const struct cull_data_problem *p, const cull__greedy_opts *o);

/* ---- numbers of rows that every step changes (steps.c) ---- */
/* value after a step, from the value before it, the product of the row and the step's vector, the row's
 * squared length (of the row as it is, or as a unit vector), and a number of the step. */
typedef double cull__steps_fn(double value, double product, double square, double extra);
typedef struct {
    const cull_pool *pool;
    const cull__kern *kern;
    cull__steps_fn *fn;
    int64_t n, d, most, steps; /* room for steps; how many there are */
    double *scale, *square;    /* n: 1 / length if rows count as unit vectors, else 1 */
    double *value;             /* n: after `seen` steps; the caller's to set before the first */
    int32_t *seen;             /* n */
    float *step;               /* (most, d) */
    double *extra;             /* most */
} cull__steps;
cull_status cull__steps_new(cull_ctx *cx, const cull_pool *p, cull__steps_fn *fn, int64_t most,
                            bool unit, cull__steps *s);
uint64_t cull__steps_plan(int64_t n, int64_t d, int64_t most);
void cull__steps_begin(cull__steps *s); /* no steps */
/* Bring value[i] of row[0..m) up to date: O(d) time for each step that it has not seen. */
cull_status cull__steps_refresh(cull_ctx *cx, cull__steps *s, const int64_t *row, int64_t m);
/* One more step, its vector the row i (as a unit vector); returned to be changed. */
float *cull__steps_add(cull__steps *s, int64_t i, double extra);
/* Room that a choice from p may need: what it takes and what is held already. */
int64_t cull__steps_most(const struct cull_data_problem *p);

/* ---- farthest first (farthest.c) ---- */
/* Take the row of `space` (p->n rows, where distances are) whose distance to the nearest of all that is
 * held or taken is largest, again and again; ties to the lower row (Gonzalez 1985). Distance: 1 -
 * cosine, or Euclidean. Where nothing is held it begins with the row nearest to the mean, or with the
 * first that fits. What is left is at most twice as far from what was taken as the best choice of that
 * size leaves it, where costs are equal and there are no quotas. Scores: those distances. O(n k d) time
 * at most for k held and taken, less as distances to new ones are only computed for rows that could be
 * the farthest. */
cull_status cull__farthest(cull_ctx *cx, const struct cull_data_problem *p, const cull_pool *space,
                           bool cosine, bool mean, cull__taker *t);
uint64_t cull__farthest_plan(const struct cull_data_problem *p, int64_t d); /* bytes */
double cull__farthest_flops(const struct cull_data_problem *p, int64_t d);  /* at most */

/* ---- coverage of rows by rows (cover.c) ----
 * r rows stand for what is to be covered, s_ij >= 0 is how alike row j of them and candidate i are (a
 * negative one counts 0).
 *   NEAREST    sum over j of max(floor_j, the largest s_ij of the chosen)
 *   SATURATED  sum over j of min(cap_j, the sum of s_ij over the chosen)
 * The gains' terms shrink as rows are chosen, and rounding keeps that, so that they never grow. */
enum { CULL__NEAREST, CULL__SATURATED };
typedef struct {
    const cull_pool *pool, *over;
    cull__alike rule;
    int kind;
    int64_t n, r;
    const cull__kern *kern;
    cull__panels x, y;
    float *held; /* (n, stride): all of s, where there is room; else it is made anew */
    int64_t stride;
    uint64_t *live; /* (n, spans): a bit for 16 covered rows that the candidate may cover better */
    int64_t *start; /* the graph: candidate i covers who[start[i] .. start[i+1]) ... */
    int32_t *who;
    float *how;  /* ... so much */
    float *most; /* lacks: of a row, at most what a candidate that it has no edge to covers ... */
    int32_t *lacking; /* ... which row; NULL: each of the r */
    int64_t lacks;
    float *state, *first; /* r: floor or cap so far; at the beginning */
    double *bonus;        /* n: what a candidate adds besides, or NULL */
} cull__cover;
typedef struct {
    int similarity;
    double gamma;
    int64_t neighbours;
    double recall;
} cull__cover_opts;
/* The same for a field `cover`. */
/* clang-format off */
#define CULL__COVER_ROWS(S)                                                                        \
    {"similarity", "how alike two examples are; below 0 counts as 0",                              \
     CULL_KIND_ENUM, CULL_IS_(S, cover.similarity, int), CULL__COSINE, 0, 63, "cosine|rbf|dot"},   \
    {"gamma", "rbf: exp(-gamma distance^2); 0 = 1 / the mean squared distance",                    \
     CULL_KIND_F64, CULL_IS_(S, cover.gamma, double), 0, 0, 1e9, 0}
#define CULL__GRAPH_ROW(S)                                                                         \
    {"neighbours", "an example is covered only by its nearest so many; 0 = by any; -1 = any up to " \
     "20,000 examples, then the nearest 200",                                                      \
     CULL_KIND_I64, CULL_IS_(S, cover.neighbours, int64_t), -1, -1, 1 << 20, 0},                \
    {"recall", "share of the true neighbours to find, measured on a sample; 1 = all; 0 = all up to " \
     "100,000 examples, then 0.95",                                                                \
     CULL_KIND_F64, CULL_IS_(S, cover.recall, double), 0, 0, 1, 0}
/* clang-format on */
/* Candidates are the rows of p->pool; `over` may be that too (then o->neighbours counts). All of s is
 * held where it takes at most 2 GiB and a half of what memory is left, else made anew for each
 * question. O(n r d) time; a graph of less than all neighbours a share of it (cull__graph_new). */
cull_status cull__cover_new(cull_ctx *cx, const struct cull_data_problem *p, const cull_pool *over,
                            int kind, const cull__cover_opts *o, cull__cover *c, cull__gain *g);
/* Sums over all candidates: out[j] = sum of s_ij over i (r; over = pool). */
cull_status cull__cover_totals(cull_ctx *cx, cull__cover *c, double *out);
/* out[i] = the largest s of row i of the pool to a row of q (0 at least). */
cull_status cull__cover_best(cull_ctx *cx, const cull__cover *c, const cull_pool *q, float *out);
/* Says in the log what the chosen cover and, with a graph, how much its missing edges can hide: a bound,
 * or where neighbours are not exact the estimate of one from the rows whose true neighbours are known. */
cull_status cull__cover_tell(cull_ctx *cx, const char *who, const cull__cover *c);
/* Bytes at most, where `later` are taken once it is made. */
uint64_t cull__cover_plan(const struct cull_data_problem *p, const cull_pool *over,
                          const cull__cover_opts *o, int threads, uint64_t later, double *flops);

/* ---- its graph (cover_graph.c) ---- */
/* How many neighbours an example is covered by; 0: by any. */
int64_t cull__cover_degree(const struct cull_data_problem *p, const cull__cover_opts *o);
/* Into c->start to c->lacks, of the neighbours in p->pool of its own rows. */
cull_status cull__cover_graph(cull_ctx *cx, const struct cull_data_problem *p,
                              const cull__cover_opts *o, cull__cover *c);
uint64_t cull__cover_graph_plan(const struct cull_data_problem *p, const cull__cover_opts *o,
                                int threads, uint64_t later, double *flops);
#endif
