/* eval.h - what the loop asks of an evaluator, and what evaluators of programs are made of. */
#ifndef CULL__EVAL_H
#define CULL__EVAL_H
#include "cull/evaluate.h"
#include "io/io.h"

#include <sched.h>
#include <sys/types.h>

/* ---- an evaluator, seen by the loop ----
 * One thread calls. A worker is a place for one evaluation at a time, 0 .. workers-1. */
enum { CULL__WORKERS = 1024 }; /* most of them */
typedef enum {
    CULL__EVAL_NONE,   /* the time is over, or a signal came */
    CULL__EVAL_REPORT, /* step, value; wants an answer */
    CULL__EVAL_DONE,   /* outcome; the worker is free. Of a stopped one the outcome says nothing */
    CULL__EVAL_AGAIN, /* it asks to be run again later, outcome.note says why; the worker is free */
} cull__eval_kind;
typedef struct {
    cull__eval_kind kind;
    int worker;
    int64_t step;
    const double *value; /* as what outcome points to: until the worker's next begin or wait */
    cull_outcome outcome;
} cull__eval_event;

typedef struct {
    cull_status (*start)(cull_ctx *cx, cull_evaluator *e, int workers);
    cull_status (*begin)(cull_ctx *cx, cull_evaluator *e, int worker, const cull_trial *t);
    cull_status (*wait)(cull_ctx *cx, cull_evaluator *e, double seconds, cull__eval_event *out);
    /* Of a report; false may also come later, between two reports. */
    void (*answer)(cull_evaluator *e, int worker, bool go);
    /* All that runs comes to an end; `hurry` (may be NULL) says that it must at once. */
    void (*end)(cull_evaluator *e, bool (*hurry)(void *user), void *user);
    void (*free)(cull_evaluator *e);
} cull__eval_fns;
struct cull_evaluator {
    const cull__eval_fns *fns;
};

/* ---- a child process in a group of its own (eval_process.c) ---- */
typedef struct {
    pid_t pid;            /* 0 = none */
    int fd, in, out, err; /* pidfd; our ends of its standard streams, not blocking; -1 = closed */
    bool dead;
    bool by_signal; /* once it is dead: `status` is a signal, else an exit status */
    int status;     /* -1 = somebody else has reaped it */
} cull__child;
/* argv[0] stands for the file to run. `input`: a pipe to its standard input, which is /dev/null else. mask: its CPUs.
 * 0, or the errno of what failed. */
int cull__child_spawn(const char *file, char *const *argv, bool input, const cpu_set_t *mask,
                      cull__child *out);
void cull__child_signal(const cull__child *c, int sig); /* to the whole group */
bool cull__child_look(cull__child *c); /* whether the leader is dead; it stays a zombie */
/* What is left of the group is killed, the leader reaped, all is closed. */
void cull__child_close(cull__child *c);
void cull__close_fd(int *fd);
/* write(2) without SIGPIPE. */
ssize_t cull__write_quietly(int fd, const void *p, size_t n);

/* ---- lines of what it prints (eval_lines.c) ---- */
enum { CULL__LINE = 1 << 16 }; /* bytes of a line; longer ones are passed over */
typedef struct {
    char *buf; /* CULL__LINE and 64 that JSON may read */
    size_t lo, hi;
    bool passing; /* over a line that is too long */
    bool ended;
    int file;     /* where it is kept, -1 = nowhere */
    int64_t left; /* bytes that may still be kept as they come */
    char *ring;   /* the last ones beyond those; NULL where nothing is kept */
    int64_t ring_size, ring_n, ring_cap; /* ring_n: bytes that have gone through it */
    bool any;                            /* something was printed */
    const char *tail; /* the last line that is not blank, while it is in the buffer */
    size_t tail_n;
    char last[120]; /* the last line that is not blank, shortened */
} cull__printed;
cull_status cull__printed_new(cull_ctx *cx, cull__printed *s, bool kept);
void cull__printed_free(cull__printed *s);
void cull__printed_reset(cull__printed *s); /* another process prints */
/* From now on it goes to `file` as well: of more than `most` bytes the beginning, and at the end the last ones. */
void cull__printed_keep(cull__printed *s, int file, int64_t most);
void cull__printed_kept(cull__printed *s); /* that is all; the file is closed */
/* Read once from fd, where there is room. */
void cull__printed_fill(cull__printed *s, int fd);
const char *cull__printed_last(cull__printed *s); /* its last line that is not blank; "" = none */
/* The next whole line, valid until the next fill; after the end also one without a line's end. */
bool cull__printed_line(cull__printed *s, const char **line, size_t *n);

/* What a line says of a trial. */
typedef struct {
    bool result; /* all objectives and constraints, or `failed` */
    bool report; /* a step and all objectives */
    bool some;   /* an objective or a constraint */
    bool
        answer; /* it is meant as one: a number, JSON or what begins as it, an objective's name and = */
    bool failed; /* {"failed": "why"} */
    int not_finite; /* which objective, then constraint, of a result; -1 = none. Then `why` is the line */
    int64_t step, trial;              /* -1 = not told */
    uint32_t objectives, constraints; /* bits of those told */
    double value[CULL_OBJECTIVES], violation[CULL_OBJECTIVES], cost, noise;
    char why[120];
} cull__said;
/* Whether a line could say anything: most do not, and are passed over by this alone. */
bool cull__said_something(const char *line, size_t n);
/* line has n bytes and 64 more that may be read. */
void cull__said_of(const cull_search_problem *p, cull__json_parser *json, const char *line,
                   size_t n, cull__said *out);
/* "error and latency but not size": what `s` lacks. Returns buf. */
const char *cull__said_lacks(const cull_search_problem *p, const cull__said *s, char *buf,
                             size_t size);

/* ---- words of its command line (eval_words.c) ---- */
typedef struct {
    const cull_search_problem *problem;
    const char *const *argv;
    const char *dir; /* NULL = none */
    bool points;     /* some word has a parameter */
} cull__words;
/* EINPUT by word: an unknown {name}, a brace that is not closed, {dir} without a folder. */
cull_status cull__words_check(cull_ctx *cx, cull__words *w);
typedef struct {
    const cull_trial *trial;
    int worker;
    uint32_t seed;
    int64_t budget;
    const char *dir; /* the trial's own; NULL */
} cull__facts;
/* argv of a trial, in the arena. */
cull_status cull__words_fill(cull_ctx *cx, const cull__words *w, const cull__facts *f, char ***out);
/* The point as a JSON object on one line: parameters that are active, then trial, worker, seed, budget, dir where
 * the space has none called so. */
void cull__point_json(cull_json *j, const cull_search_problem *p, const cull__facts *f);
#endif
