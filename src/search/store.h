/* store.h - where the events of a study are kept: in memory, in SQLite, on PostgreSQL.
 *
 * A store is a list of events in one order, and beside it tables that people read (docs/search.md). Whoever writes
 * takes the store (`begin`), reads what others wrote since, appends, and lets go (`commit`): so several processes agree on the
 * order, and a kill at any moment leaves whole groups. */
#ifndef CULL__STORE_H
#define CULL__STORE_H
#include "base/base.h"
#include "cull/search.h"

typedef enum {
    CULL__ASKED =
        1, /* x, budget, replicate; state DONE: it was told at once what its point was told before.
                      * A trial that was asked already is handed out again: no x */
    CULL__QUEUED,   /* x: comes before what the method proposes */
    CULL__ADDED,    /* x, state, value, violation, cost, noise */
    CULL__REPORTED, /* step, value; state RUNNING = go on, STOPPED = it was told to stop */
    CULL__TOLD,     /* state, value, violation, cost, noise, note */
    CULL__RETRIED, /* waits to be handed out again; state: why (RUNNING: given back, which counts for nothing) */
    CULL__ENDED,   /* stop was asked for */
    CULL__WIDENED, /* note: the text of the space from here on; the trial is -1 */
} cull__event_kind;
typedef struct {
    int64_t seq; /* from 1, without gaps; the store gives it */
    cull__event_kind kind;
    int64_t trial;
    int32_t replicate;
    int64_t step, budget;
    cull_trial_state state;
    int64_t width;           /* of x: that of the space at its time */
    const double *x;         /* width, or NULL */
    const double *value;     /* objectives, or NULL */
    const double *violation; /* constraints, or NULL */
    double cost, noise;
    double at;          /* seconds since the study began, by the clock of who wrote it */
    const char *note;   /* or NULL */
    const char *worker; /* who: "host@numbers:pid:start"; or NULL */
} cull__event;

/* What a study is: kept once, compared when it is opened again. */
typedef struct {
    const char *space;   /* its text, as it is now */
    const char *first;   /* as it was when the study began; NULL in what is handed in = the same */
    const char *problem; /* JSON: objectives, constraints, again, replicates, stop, ... */
    const char *method;  /* slug */
    const char *opts;    /* JSON of the options in force */
    uint64_t seed;
    int64_t width;
    int objectives, constraints;
} cull__study_facts;

typedef struct cull__store cull__store;
/* where: "" = memory, "postgresql://...", else a file. Made where it is not there and `make`. *was: it was there, and
 * *facts (its own, until it is closed) says of what. EINPUT: no such store, another program's file, corrupt, of a newer
 * version; EIO: locked for longer than 60 s, disk full, no permission: the sentence names which.
 * mine NULL: to read alone, without permission to write, while others may write; then `make` is not heeded. */
cull_status cull__store_open(cull_ctx *cx, const char *where, bool make, bool sync,
                             const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                             cull__store **out);
void cull__store_close(cull__store *s);
/* Take it for writing; waits for others. Then `read`, `append`, and `commit` or `abort`. */
cull_status cull__store_begin(cull_ctx *cx, cull__store *s);
cull_status cull__store_commit(cull_ctx *cx, cull__store *s);
void cull__store_abort(cull__store *s);
/* Events after `since` in order; what an event points to lasts until the call returns. Also outside begin. */
typedef cull_status cull__event_fn(cull_ctx *cx, void *user, const cull__event *e);
cull_status cull__store_read(cull_ctx *cx, cull__store *s, int64_t since, cull__event_fn *fn,
                             void *user);
cull_status cull__store_append(cull_ctx *cx, cull__store *s, cull__event *e); /* sets seq */
/* Leases: whose running trials have not been heard of for longer than `seconds` (by the store's clock). */
cull_status cull__store_beat(cull_ctx *cx, cull__store *s, const int64_t *trial, int64_t n,
                             const char *worker);
cull_status cull__store_lost(cull_ctx *cx, cull__store *s, double seconds, int64_t *trial,
                             int64_t cap, int64_t *n);
/* A new text of the space and its width, where a study is widened; what later opens compare. Within begin, beside a
 * CULL__WIDENED. `first` stays. */
cull_status cull__store_widen(cull_ctx *cx, cull__store *s, const cull__study_facts *mine);
/* The studies of a place, for who reads alone: of a file its one, of a server's database those of all names. `where`
 * opens it; that and the facts last until fn returns. */
typedef cull_status cull__study_fn(cull_ctx *cx, void *user, const char *where,
                                   const cull__study_facts *facts);
cull_status cull__store_list(cull_ctx *cx, const char *where, cull__study_fn *fn, void *user);
#endif
