/* sampler_model.h - what methods of search that learn from the trials share: rows of features and
 * values, first points, and an evolution over what a predictor says. */
#ifndef CULL__SAMPLER_MODEL_H
#define CULL__SAMPLER_MODEL_H
#include "cull/predict.h"
#include "cull/search.h"
#include "search/sampler.h"

/* ---- first points ---- */
/* Trial v->trials before there is anything to learn from: of an additive recurrence (Roberts 2018),
 * shifted by the seed, that fills the space evenly (`even`), or drawn. After some attempts it is
 * drawn anyway. */
cull_status cull__model_start(cull_ctx *cx, const cull_search_view *v, bool even, int attempt,
                              double *x);

/* ---- sets of points ---- */
typedef struct {
    const cull_space *space;
    cull_key *slot;
    int64_t mask, n;
} cull__seen;
/* The points of trials 0 .. known - 1, none of them where all may be asked again; with room for `more`; scratch of cx. */
cull_status cull__seen_open(cull_ctx *cx, const cull_search_view *v, int64_t known, int64_t more,
                            cull__seen *s);
bool cull__seen_has(const cull__seen *s, const double *x);
/* Whether x was not in it; then it is. */
bool cull__seen_add(cull__seen *s, const double *x);

/* ---- rows to learn from ---- */
/* Features of a point: cull_space_encode, and, with `pairs`, which pair of values each two
 * parameters that follow one another have. */
typedef struct {
    const cull_space *space;
    cull_encode encode;
    bool pairs;
    int64_t d, single;
} cull__features;
void cull__features_open(const cull_space *s, cull_encode e, bool pairs, cull__features *f);
void cull__features_of(const cull__features *f, const double *x, double *out);

/* What is learnt: the values; those above the median as far as it is from the least and beyond by
 * their logarithm, so that huge ones do not matter and good ones are as they are; normal scores of
 * the ranks. */
typedef enum { CULL__AS_TOLD, CULL__TAMED, CULL__NORMAL_SCORES } cull__scale;
#define CULL__SCALES "values|tamed|ranks" /* as choices of an option */
/* The first `tells` trials told. Failed ones are half as far beyond the worst value of each objective as
 * the best is before it. y is standardised. */
typedef struct {
    int64_t n;
    int m;
    double *x, *y;       /* (n, d), (m, n) */
    double *value;       /* (n, m), as told but for failed ones */
    double *violation;   /* n, in standard deviations; NULL = no constraints */
    double *works;       /* n: 0 = it failed, else 1 */
    const int64_t *told; /* n: numbers */
} cull__rows;
cull_status cull__rows_open(cull_ctx *cx, const cull_search_view *v, int64_t tells,
                            const cull__features *f, cull__scale scale, cull__rows *out);
/* Of those the ones that did not fail, scaled by themselves; scratch of cx. */
cull_status cull__rows_working(cull_ctx *cx, const cull__rows *r, const cull__features *f,
                               cull__scale scale, cull__rows *out);
/* The names of predictors as choices of an option, in their order. */
#define CULL__PREDICTORS "auto|ridge|svr|boost|forest|mlp|gp"
/* Row of the least first objective, feasible ones first; -1 = there are none. */
int64_t cull__rows_best(const cull__rows *r);
/* Points of the best by the first objective, `most` at most, the best first: x (n, width), scratch
 * of cx. */
cull_status cull__rows_parents(cull_ctx *cx, const cull_search_view *v, const cull__rows *r,
                               int64_t most, double **x, int64_t *n);

/* A predictor for each objective, and one of the violation; where it is wanted, one of whether a trial works.
 * Fails where a fit does: close it in any case. */
typedef struct {
    const cull__features *f;
    int m;
    cull_predictor *of[CULL_OBJECTIVES], *violation, *works;
} cull__surrogate;
cull_status cull__surrogate_fit(cull_ctx *cx, const cull__rows *r, const cull__features *f,
                                const cull_predict_opts *o, uint64_t stream, cull__surrogate *s);
/* Of these rows, those that failed too: fits s->works, after cull__surrogate_fit. */
cull_status cull__surrogate_fit_works(cull_ctx *cx, const cull__rows *r, const cull_predict_opts *o,
                                      uint64_t stream, cull__surrogate *s);
void cull__surrogate_close(cull__surrogate *s);
/* Of n points: mean and spread (n, m; NULL), violation (n; 0 where it is below), the chance that they work (n; NULL). */
cull_status cull__surrogate_say(cull_ctx *cx, const cull__surrogate *s, const double *x, int64_t n,
                                double *mean, double *spread, double *violation, double *chance);

/* ---- batches: trials [k size, (k + 1) size) are of one model ---- */
/* The first of a batch that is asked fixes how many tells it knows; so what a batch holds is a
 * function of the events, whoever makes it. The points are a cache. A method's state begins with
 * its batch: close and asked are the method's own then. */
typedef struct {
    int64_t size;
    int64_t batch, tells; /* of the last one begun; -1 */
    double *x;            /* cached points */
    int64_t n, cap, made, made_tells;
} cull__batch;
void cull__batch_open(cull__batch *b, int64_t size);
void cull__batch_close(void *state);
cull_status cull__batch_asked(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number);
/* Of trial v->trials: its batch, how many tells that knows, whether the cache has it. */
bool cull__batch_made(const cull__batch *b, const cull_search_view *v, int64_t *batch,
                      int64_t *tells);
/* Draws of the whole batch. */
cull_rng cull__batch_rng(const cull_search_view *v, int64_t batch);
/* Room for n points of the batch, to be filled. */
cull_status cull__batch_room(cull_ctx *cx, cull__batch *b, const cull_search_view *v, int64_t n,
                             double **x);
/* Its point for v->trials; false: the batch has no more. */
bool cull__batch_take(const cull__batch *b, const cull_search_view *v, int attempt, double *x);

/* ---- an evolution over what is predicted (sampler_evolve.c) ---- */
/* Values (n, m) and violations (n) of n points; all are minimised. */
typedef cull_status cull__inner_fn(cull_ctx *cx, void *user, const double *x, int64_t n,
                                   double *value, double *violation);
/* Whose `user` is a cull__surrogate. */
cull_status cull__inner_predicted(cull_ctx *cx, void *user, const double *x, int64_t n,
                                  double *value, double *violation);
typedef struct {
    int64_t size, rounds; /* of the population; generations */
    double cross;         /* chance of a child of two */
    double rate;          /* of mutation; 0 = 1 / active */
    int64_t known;        /* trials 0 .. known - 1 are not handed out; */
    bool fresh;           /* and have no place in the population either */
    bool rounded; /* simulated binary crossover and polynomial mutation on integers, as DyNAS-T
                     has them; else uniform and reset */
    const double *start; /* (starts, width): of the first generation, the rest is drawn */
    int64_t starts;
} cull__inner;
/* Up to `want` distinct points that are not known, the best first: with one objective of all that
 * were looked at, with several the last population and then those that left it last. Scratch is
 * cx's. */
cull_status cull__inner_run(cull_ctx *cx, const cull_search_view *v, const cull__inner *o, int m,
                            cull__inner_fn *fn, void *user, cull_rng *r, int64_t want, double *out,
                            int64_t *got);
/* Whether there are `most` points at most. */
bool cull__inner_few(cull_ctx *cx, const cull_space *space, int64_t most);
/* All points but those of trials 0 .. known - 1, `most` at most: x (out, width), scratch of cx. */
cull_status cull__inner_all(cull_ctx *cx, const cull_search_view *v, int64_t known, int64_t most,
                            double **x, int64_t *out);
/* Distinct points but those, so many drawn and so many of `from` (n, width) changed, or fewer: the
 * same. */
cull_status cull__inner_some(cull_ctx *cx, const cull_search_view *v, int64_t known, int64_t drawn,
                             int64_t changed, const double *from, int64_t n, cull_rng *r,
                             double **x, int64_t *out);
/* order[0 .. n) of one objective by violation, then value. */
cull_status cull__inner_order(cull_ctx *cx, const double *value, const double *violation, int64_t n,
                              int64_t *order);
#endif
