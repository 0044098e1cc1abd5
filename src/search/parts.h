/* parts.h - what methods of task search share: how trials compare, points as rows of choices, walks
 * along a sequence of points, trials by key, who survives a generation. A state handed around here
 * is a function of the study's events; what it draws besides is of (seed, what, number). */
#ifndef CULL__PARTS_H
#define CULL__PARTS_H
#include "base/base.h"
#include "cull/search.h"
#include "search/sampler.h"
#include "space/space.h"

/* ---- trials ---- */
/* Draws of an event's: `what` keeps apart what is drawn for one number. */
cull_rng cull__event_rng(const cull_search_view *v, uint32_t what, int64_t number);
/* All its values are numbers: it is done, or was stopped on the way. */
bool cull__trial_counts(const cull_search_view *v, int64_t number);
/* By the first objective: below 0 where a is better, 0 where equal. Less violation comes first,
 * then the value; what came to nothing is last. */
int cull__trial_compare(const cull_search_view *v, int64_t a, int64_t b);

/* Mean and deviation of numbers that come one by one. */
typedef struct {
    int64_t n;
    double mean, squares, least, most;
} cull__spread_t;
void cull__spread_add(cull__spread_t *s, double v);
double cull__spread_sd(const cull__spread_t *s); /* 0 of fewer than two */

/* ---- a sequence of points ----
 * at(index) writes a point; *there = false where the constraints leave that index out. The walk is
 * at `next`, the first index that has not been asked. */
typedef cull_status cull__sequence_fn(cull_ctx *cx, void *user, const cull_search_view *v,
                                      int64_t index, double *x, bool *there);
typedef struct {
    cull__sequence_fn *at;
    void *user;
    int64_t end;  /* indices are below it; at() may lower it */
    bool endless; /* where constraints leave too many out, points are drawn */
    int64_t next;
    double *x;      /* width, for looking ahead */
    int64_t number; /* a cache: attempt `attempt` of trial `number` was `index` */
    int64_t attempt, index;
} cull__sequence;
/* The attempt-th of the points from `next` on; ENODATA: none is left. */
cull_status cull__sequence_ask(cull_ctx *cx, cull__sequence *s, const cull_search_view *v,
                               int attempt, double *x);
/* Goes past the point that was asked, and, where none is asked twice, past those after it that are
 * known. */
cull_status cull__sequence_asked(cull_ctx *cx, cull__sequence *s, const cull_search_view *v,
                                 int64_t number);

/* ---- a point as a row of choices ----
 * Every parameter is a slot or more, in order, and every slot is a choice of `ways`: a category or
 * ordinal of one of its values, a real or a long int of one of `levels` equal parts of its scale
 * (the place within is drawn), a subset of 0 or 1 item by item, a permutation of an item place by
 * place. A simplex has no slots: it is drawn. */
typedef struct {
    const cull_space *space;
    int params;
    int64_t levels, slots, most; /* slots in all; the most ways of one */
    int64_t *slot;               /* params + 1: the first slot of each */
    int32_t *ways;               /* slots */
    int64_t *weight;             /* slots + 1: sums of ways, where tables of numbers are kept */
    uint8_t *open;               /* most: a mask, scratch */
} cull__choices;
cull_status cull__choices_new(cull_ctx *cx, const cull_space *s, int64_t levels,
                              cull__choices **out);
void cull__choices_free(cull__choices *c);
/* open (ways) flags what may be chosen, NULL = all. Slots without a choice (one way, or one open)
 * are passed over. */
typedef int cull__choose_fn(void *user, int64_t slot, int ways, const uint8_t *open, cull_rng *r);
/* A point made by asking `fn` for each slot in order. False: the constraints do not hold. */
bool cull__choices_make(cull__choices *c, cull__choose_fn *fn, void *user, cull_rng *r, double *x);
/* The choices of a point, in the same order; stops when fn returns false. */
typedef bool cull__chosen_fn(void *user, int64_t slot, int ways, const uint8_t *open, int chosen);
void cull__choices_read(cull__choices *c, const double *x, cull__chosen_fn *fn, void *user);

/* ---- a policy ----
 * The choices of a point drawn one by one, each by the softmax of its slot's numbers. */
typedef struct {
    cull__choices *choices; /* borrowed */
    int tasks;
    double *theta; /* (tasks, numbers): of way w of slot s at weight[s] + w; 0 = uniform */
    double *p;     /* the most ways of a slot, scratch */
    int64_t numbers;
} cull__policy;
cull_status cull__policy_new(cull_ctx *cx, cull__choices *c, int tasks, cull__policy **out);
void cull__policy_free(cull__policy *p);
/* A draw from task's policy (-1: uniform), or its most probable choices. False: the constraints do
 * not hold. */
bool cull__policy_draw(cull__policy *p, int task, cull_rng *r, double *x);
bool cull__policy_most(cull__policy *p, int task, cull_rng *r, double *x);
/* ln of the probability of x's choices (-1: were they uniform). */
double cull__policy_log(cull__policy *p, int task, const double *x);
/* theta of task += step * gradient of that. */
void cull__policy_add(cull__policy *p, int task, const double *x, double step);

/* ---- trials by key ---- */
typedef struct {
    cull_ctx *cx;
    cull_key *key;
    int64_t *trial;
    int64_t n, cap; /* cap: a power of two */
} cull__keyed;
/* The first trial of that key, -1 = none. */
int64_t cull__keyed_find(const cull__keyed *k, cull_key key);
cull_status cull__keyed_add(cull__keyed *k, cull_key key, int64_t trial);

/* ---- generations ---- */
/* Who of the rows goes on: the best ranks whole, and of the rank that does not fit those that
 * `rule` says. */
typedef struct {
    int m;
    int64_t n, keep;         /* rows; how many stay */
    const double *value;     /* (n, m) */
    const double *violation; /* n */
} cull__contest;
/* NSGA-II (Deb et al. 2002): by crowding distance. idx (keep): ascending; rank and crowd (keep) of
 * those kept, among themselves. */
cull_status cull__survive_crowded(cull_ctx *cx, const cull__contest *r, int64_t *idx, int32_t *rank,
                                  double *crowd);
/* NSGA-III (Deb and Jain 2014): by niches about k reference points (k, m) of the normalised front.
 * */
cull_status cull__survive_niches(cull_ctx *cx, const cull__contest *r, const double *ref, int64_t k,
                                 cull_rng *rng, int64_t *idx);

/* A population that is renewed when `size` more trials have come to an end. */
typedef struct {
    int64_t size;    /* members of a full one */
    int64_t ended;   /* trials that came to an end since the last boundary */
    int64_t number;  /* boundaries so far */
    int64_t last;    /* the trial counted last: an event that failed is told again */
    int64_t n, come; /* members; trials since then that have values */
    int64_t *member; /* 2 size: members, then who came */
} cull__generation;
cull_status cull__generation_new(cull_ctx *cx, int64_t size, cull__generation **out);
void cull__generation_free(cull__generation *g);
/* Counts the trial; *due: the boundary is reached, and whoever owns it chooses the members anew. */
void cull__generation_told(cull__generation *g, const cull_search_view *v, int64_t number,
                           bool *due);
/* Values and violations of members and comers, as rows (scratch). */
cull_status cull__generation_rows(cull_ctx *cx, const cull__generation *g,
                                  const cull_search_view *v, cull__contest *out);
/* Members become the rows idx (n, ascending). */
void cull__generation_set(cull__generation *g, const int64_t *idx, int64_t n);
#endif
