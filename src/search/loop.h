/* loop.h - the loop over evaluators, shared by the files loop*.c. See cull/evaluate.h. */
#ifndef CULL__LOOP_H
#define CULL__LOOP_H
#include "search/eval.h"
#include "search/study.h"

enum {
    CULL__FREE = -1,
    CULL__DRAINS = -2
}; /* of a worker: no evaluation; one that is over for the study */

/* What waits to be taken in order: a report. */
typedef struct {
    int64_t step;
    double value[CULL_OBJECTIVES];
} cull__kept_report;

/* A trial that is under way here. */
typedef struct {
    int64_t number; /* -1 = none: the place is free */
    int64_t budget;
    int worker;   /* -1 = it waits for one, or its evaluation is over */
    bool over;    /* in order: the outcome is here, and waits for its turn */
    bool stopped; /* by a report: its end is waited for, and not told */
    int again;    /* how often it asked to be run later */
    double when;  /* not before */
    /* in order */
    double begin, at; /* virtual time: of its beginning, of its last event */
    int64_t step;     /* of the last report that was kept */
    cull__kept_report *report;
    int64_t reports, head, cap;
    cull_outcome outcome;
    double value[CULL_OBJECTIVES], violation[CULL_OBJECTIVES];
    char note[400];
} cull__entry;

typedef struct {
    cull_ctx *cx;
    cull_study *s;
    cull_evaluator *e;
    const cull_search_problem *p;
    const cull_run_opts *o;
    int workers, places;
    cull__entry *entry; /* places: in_order, or as many as workers */
    int *at;            /* workers: its entry, CULL__FREE or CULL__DRAINS */
    int64_t asked;      /* trials of this run */
    bool dry;           /* nothing was to be asked for, and nothing has happened since */
    double ask_at;      /* when it is tried again all the same: others may have told */
    /* failures */
    bool good; /* the study has a success */
    int64_t failed;
    char why[400];   /* the last of them */
    bool said_later; /* that a trial asked to be run again later */
    /* leases */
    char name[96];                      /* "host@numbers:pid:start" */
    double heartbeat, beat_at, patient; /* patient: until then nobody is taken for lost */
    int64_t *beating;                   /* places */
    /* in order */
    bool in_order, rule; /* rule: reports decide who goes on */
    double now;          /* virtual */
    struct cull__past {
        int64_t number;
        double begin;
    } * past; /* places: trials that ran when an earlier run ended */
    int pasts;
} cull__run;

/* ---- loop.c ---- */
/* A result reaches the study; the place is free. */
cull_status cull__run_tell(cull__run *r, cull__entry *t, const cull_outcome *o);
/* A report does; *go = false: the trial is over. */
cull_status cull__run_report(cull__run *r, cull__entry *t, int64_t step, const double *value,
                             bool *go);
cull_status cull__run_fill(cull__run *r); /* free places ask for trials */
void cull__entry_free(cull__entry *t);    /* its place, not its memory */

/* ---- loop_order.c: virtual time ---- */
/* What an evaluator said is kept until its turn. */
cull_status cull__order_keep(cull__run *r, cull__entry *t, const cull__eval_event *ev);
/* Take in turn what can be: each is followed by asking. */
cull_status cull__order_settle(cull__run *r);
/* Where the time stands after the events that the study has from earlier runs. */
cull_status cull__order_resume(cull__run *r);
void cull__order_begin(cull__run *r, cull__entry *t, const cull_trial *of);

/* ---- loop_lease.c ---- */
void cull__lease_name(cull__run *r);
/* At the start: what ran in processes of this machine that are gone is handed out again. In order: all others are waited
 * for. */
cull_status cull__lease_claim(cull__run *r);
/* At the end: what ran in processes that were killed since, for the budget is theirs too. */
cull_status cull__lease_end(cull__run *r);
/* Now and then: say that ours live, hand out again what others have lost. */
cull_status cull__lease_beat(cull__run *r);
#endif
