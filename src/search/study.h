/* study.h - a study's insides, shared by the files study*.c and stop*.c.
 *
 * What happens is an event. It is written to the store first (where there is one) and then applied to the arrays here,
 * which cannot fail once room was made for it; then the method is notified. So memory is never ahead of the store, and what
 * the store refused has not happened. */
#ifndef CULL__STUDY_H
#define CULL__STUDY_H
#include "base/base.h"
#include "cull/search.h"
#include "search/stop.h"
#include "search/store.h"

/* One evaluation. */
typedef struct {
    int32_t point, replicate;
    uint8_t state, waits; /* waits: to be handed out again */
    uint16_t tries;       /* failures and losses that were followed by another try */
    int32_t note;         /* which of the notes is its own, from 1; 0 = none */
    double cost, began, ended;
    int64_t steps, budget;
} cull__trial;

/* One design of the study. */
typedef struct {
    cull_key key;
    int32_t first;     /* its first trial */
    int32_t asked, in; /* its trials, and those that came to an end */
    int32_t good;      /* ... with values */
    int32_t times;     /* of the first point of a key: points of it */
    int32_t next;      /* chain of points that wait for the result of an earlier one; -1 = end */
} cull__point;

/* Of the set of keys. Most that are not sought are told by the tag: their points are not looked at. */
typedef struct {
    int32_t point; /* + 1, 0 = free */
    uint32_t tag;  /* bits of its key */
} cull__key_slot;

typedef struct {
    int64_t trial, value, violation;                                /* of arrays by trial */
    int64_t x, mean, m2, noise, badness, state, steps, told, point; /* of arrays by point */
    int64_t again, queue, owed, note, note_text;
} cull__caps;

struct cull_study {
    cull_ctx *cx;
    cull_search_problem p; /* names are the study's own */
    char *names;
    cull_objective objective[CULL_OBJECTIVES];
    const char *constraint[CULL_OBJECTIVES];
    const cull_method *method;
    const cull_search_fns *fns;
    cull_opts *opts;
    void *state; /* the method's */
    cull_search_view v;
    bool plain; /* a trial a point: values by trial are values by point */
    int64_t replicates;

    int64_t trials, paid, running, waiting;
    cull__trial *trial;
    int64_t *note; /* notes: where in note_text each begins */
    char *note_text;
    int64_t notes, note_bytes;
    double *value;     /* (trials, objectives), minimised */
    double *violation; /* (trials, constraints), as told */
    double *x, *mean, *m2, *noise, *badness;
    uint8_t *pstate;
    int64_t *steps, *told;
    cull__point *point;
    cull__caps cap;
    cull__key_slot *slot; /* of the set of keys */
    int64_t slots, keys;
    cull_key key;        /* of the event's point, from reserve to apply */
    const double *keyed; /* the point that `key` is of already; NULL = none */

    int64_t *again; /* trials to be handed out again, from again_head */
    int64_t again_n, again_head;
    double *queue; /* points that come before the method's, from queue_head */
    int64_t queue_n, queue_head;
    int64_t *owed; /* what the method was not notified of yet: 2 point + (told) */
    int64_t owed_n, owed_head;

    int64_t count; /* points of the space; -1 = not known, or too many */
    bool opened, exhausted, ended;
    bool
        lacks_stats; /* the study of the store has some, and none are given here: nothing new is asked */
    double spent, base, began,
        latest; /* cost; clock: base + now - began, latest event's at least */

    cull__stops stops;
    cull__store *store; /* NULL = none */
    bool own_store;
    char unwritable[512]; /* why it is open for reading alone; "" = it is not */
    int64_t seq;          /* of the last event applied */
    char worker[96];      /* who writes events; "" = nobody says */
    cull__study_facts facts;
    char *facts_text[3];   /* space (cull_text_free), problem, options */
    cull_space *own_space; /* freed with the study; NULL = the caller's */
    cull_space *from; /* events that are read now are of this space; NULL = of the study's own */
    double *mapped;   /* width: a point of `from` in the study's space */
    double out[3 * CULL_OBJECTIVES]; /* what cull_study_trial hands out */
};

/* ---- keys (study_points.c) ---- */
int64_t cull__keys_find(const cull_study *s, cull_key k); /* first point of it, -1 = none */

/* ---- events (study_events.c) ---- */
/* Deliver what the method is owed, take the store and read what others wrote. Then one `put`, and `end`. */
cull_status cull__study_begin(cull_study *s);
/* Make room, write it to the store; it is not applied yet. */
cull_status cull__study_put(cull_study *s, cull__event *e);
/* r OK: commit, apply e and notify the method. Else let go. */
cull_status cull__study_end(cull_study *s, cull_status r, const cull__event *e);
/* With a store, many events as one group, all or none: after begin a `write` of each, k = 0, 1, ..., and this. They are
 * applied when they are read back. */
cull_status cull__study_write(cull_study *s, cull__event *e, int64_t k);
cull_status cull__study_end_group(cull_study *s, cull_status r);
cull_status cull__study_let_go(cull_study *s, cull_status r); /* nothing is to be written; r */
cull_status cull__study_read(cull_study *s); /* what is in the store and was not read yet */
cull_status cull__study_reserve(cull_study *s, const cull__event *e);
void cull__study_apply(cull_study *s, const cull__event *e);
cull_status cull__study_deliver(cull_study *s);
double cull__study_clock(const cull_study *s);
cull_status cull__study_check_trial(cull_study *s, int64_t number);
bool cull__study_finite(const cull_study *s, const double *value); /* each of the objectives */

/* ---- points and their results (study_points.c) ---- */
cull_status cull__points_reserve(cull_study *s, bool noise);
int32_t cull__points_new(cull_study *s, const double *x); /* after reserve */
/* A trial of it has ended: sums, and where it was the last awaited, the point's own state. */
void cull__points_told(cull_study *s, int64_t trial, double noise);
/* Point i is told what point `like` was, or waits for it. */
void cull__points_copy(cull_study *s, int32_t i, int32_t like);
double cull__badness(const double *violation, int n);

/* An outcome as an event: what is not finite has failed (study_tell.c). */
cull_status cull__study_outcome(cull_study *s, const cull_outcome *o, cull__event *e);

/* ---- opening (study_open.c, study_facts.c) ---- */
/* As cull_study_open, on a store in memory that outlives the study: *store, or a new one where that is NULL. */
cull_status cull__study_open_in(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                                const cull_opts *opts, const cull_study_opts *o,
                                cull__store **store, cull_study **out);
/* As cull_study_open, of a study in a store that is there; without permission to write it is read alone, and whoever writes
 * is told why. */
cull_status cull__study_open_there(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                                   const cull_opts *opts, const char *store, cull_study **out);
cull_status cull__facts_make(cull_study *s); /* s->facts, whose text is the study's own */
cull_status cull__study_check(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                              const cull_opts *opts);
/* Statistics of the problem, if it has some (stats.c). */
cull_status cull__stats_check(cull_ctx *cx, const cull_search_problem *p, const cull_method *m);
uint64_t cull__stats_hash(const cull_space *space, const cull_search_stats *t);
/* EINPUT: which of them differs. The space's text is not looked at. */
cull_status cull__facts_compare(cull_study *s, const char *store, const cull__study_facts *there);
/* Events from here on are of the space of this text. */
cull_status cull__study_widened(cull_study *s, const char *text);
/* y: point x of `from` in the study's space. */
cull_status cull__space_map(cull_ctx *cx, const cull_space *from, const double *x,
                            const cull_space *to, double *y);

/* ---- for the loop over evaluators ---- */
/* A running trial is handed out again by a later ask: given back (nothing is counted), or lost with its worker. Lost more
 * than `retries` + 2 times it is told as LOST. */
cull_status cull__study_give_back(cull_study *s, int64_t number, bool lost);
cull__store *cull__study_store(cull_study *s); /* NULL = none */
/* Who writes the events from now on; cut at 95 bytes. */
void cull__study_worker(cull_study *s, const char *name);
#endif
