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

/* ---- points that were seen, here or by the study ---- */
typedef struct {
    const cull_search_view *v;
    bool study; /* those that the study saw count */
    cull_key *slot;
    int64_t mask, n;
} cull__seen;
/* Room for `most` of our own; scratch of cx. */
cull_status cull__seen_open(cull_ctx *cx, const cull_search_view *v, bool study, int64_t most,
                            cull__seen *s);
/* Whether x is new to the study and to us; then it is not any more. */
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

typedef enum { CULL__AS_TOLD, CULL__NORMAL_SCORES } cull__scale;
/* The first `tells` trials told. Failed ones have the worst value of each objective. y is
 * standardised, or normal scores of the ranks (so that a few huge values do not matter). */
typedef struct {
    int64_t n;
    int m;
    double *x, *y;       /* (n, d), (m, n) */
    double *value;       /* (n, m), as told but for failed ones */
    double *violation;   /* n, in standard deviations; NULL = no constraints */
    const int64_t *told; /* n: numbers */
} cull__rows;
cull_status cull__rows_open(cull_ctx *cx, const cull_search_view *v, int64_t tells,
                            const cull__features *f, cull__scale scale, cull__rows *out);
/* Row of the least first objective, feasible ones first; -1 = there are none. */
int64_t cull__rows_best(const cull__rows *r);

/* A predictor for each objective, and one of the violation. Fails where a fit does: close it in any
 * case. */
typedef struct {
    const cull__features *f;
    int m;
    cull_predictor *of[CULL_OBJECTIVES], *violation;
} cull__surrogate;
cull_status cull__surrogate_fit(cull_ctx *cx, const cull__rows *r, const cull__features *f,
                                const cull_predict_opts *o, uint64_t stream, cull__surrogate *s);
void cull__surrogate_close(cull__surrogate *s);
/* Of n points: mean and spread (n, m; NULL), violation (n; 0 where it is below). */
cull_status cull__surrogate_say(cull_ctx *cx, const cull__surrogate *s, const double *x, int64_t n,
                                double *mean, double *spread, double *violation);

/* ---- batches: trials [k size, (k + 1) size) are of one model ---- */
/* The first of a batch that is asked fixes how many tells it knows; so what a batch holds is a
 * function of the events, whoever makes it. The points are a cache. */
typedef struct {
    int64_t size;
    int64_t batch, tells; /* of the last one begun; -1 */
    double *x;            /* cached points */
    int64_t n, cap, made, made_tells;
} cull__batch;
void cull__batch_open(cull__batch *b, int64_t size);
void cull__batch_close(cull__batch *b);
void cull__batch_asked(cull__batch *b, const cull_search_view *v, int64_t number);
/* Of trial v->trials: its batch, how many tells that knows, whether the cache has it. */
bool cull__batch_made(const cull__batch *b, const cull_search_view *v, int64_t *batch,
                      int64_t *tells);
/* Room for n points of the batch, to be filled. */
cull_status cull__batch_room(cull_ctx *cx, cull__batch *b, const cull_search_view *v, int64_t n,
                             double **x);
/* Its point for v->trials; false: the batch has no more. */
bool cull__batch_take(const cull__batch *b, const cull_search_view *v, int attempt, double *x);

#endif
