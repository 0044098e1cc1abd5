/* eval_program.h - the evaluator of programs: its workers, between its two files. */
#ifndef CULL__EVAL_PROGRAM_H
#define CULL__EVAL_PROGRAM_H
#include "search/eval.h"

typedef struct {
    cull__child child;
    cull__printed out, err;
    cull_trial trial; /* its x is not kept */
    bool busy;        /* an evaluation is under way */
    bool stopping;    /* it was told to stop, and its result is not wanted */
    bool waits;       /* stay: it waits for the answer to a report */
    bool late;        /* its time was over */
    bool malformed;   /* stay: it printed what is no answer, and is ended; the note is made */
    double deadline;  /* when it is, INFINITY = never */
    double asked;     /* stay: since when it waits */
    double kill_at;   /* SIGKILL follows SIGTERM; INFINITY = not sent */
    double drain;     /* until when a dead leader's output is read; INFINITY = it lives */
    char *send;       /* what it has still to read */
    int64_t send_cap;
    size_t sent, send_n;
    int64_t reports;
    cull__said said, part; /* the last result; the last line that told something, but not all */
    bool has, has_part;
    bool again; /* it could not be run now */
    char *dir;  /* of the trial; NULL */
    char note[400];
} cull__runner;

typedef struct {
    cull_evaluator base;
    const cull_search_problem *problem;
    cull__words words;
    char **argv;      /* copies */
    char *file;       /* what argv[0] means; NULL: it has a parameter, and is sought each time */
    char *dir, *path; /* path: folders to seek programs in */
    bool stay;
    double timeout, grace;
    int64_t most;
    uint64_t seed;
    cpu_set_t mask;
    cull__json_parser *json;
    cull__runner *w;
    struct pollfd *poll;
    int workers, turn;
    double value[CULL_OBJECTIVES], violation[CULL_OBJECTIVES]; /* of the event handed out */
} cull__program;

/* ---- eval_program.c: one worker ---- */
/* One that cannot be run is told of by the next call of cull__runner_next. */
cull_status cull__runner_begin(cull_ctx *cx, cull__program *p, int worker, const cull_trial *t);
/* What has happened there, of what was read so far; false = nothing to tell. */
bool cull__runner_next(cull__program *p, int worker, double now, cull__eval_event *ev);
void cull__runner_send(cull__runner *w); /* as much as goes */
void cull__runner_stop(cull__program *p, cull__runner *w, double now);
void cull__runner_answer(cull__program *p, cull__runner *w, bool go, double now);
/* The next time that something is due. */
double cull__runner_due(const cull__runner *w);
/* The file that a word names, as execvp(3) seeks it in the folders of `path`; in the arena. EINPUT: there is none that
 * can be run. */
cull_status cull__program_find(cull_ctx *cx, const char *path, const char *word, char **out);
#endif
