/* search.h - what the files of `cull search` share. */
#ifndef CULL_CLI_SEARCH_H
#define CULL_CLI_SEARCH_H
#include "cli.h"
#include "cull/evaluate.h"

/* What the options say, and how it stands. */
typedef struct {
    cli *c;
    cull_search_problem p;
    cull_objective objective[CULL_OBJECTIVES];
    const char *constraint[CULL_OBJECTIVES];
    char *names; /* what names point to */
    char *id;
    cull_space *space;
    const cull_method *method;
    cull_opts *opts;
    cull_search_stats *stats; /* NULL = none */
    cull_evaluator *evaluator;
    cull_study *study;
    const char *store; /* NULL = in memory */
    /* progress */
    double began, said; /* of this run; when a line was last left where there is no terminal */
    int64_t ended, failed, here;     /* trials that came to an end, of them failures; in this run */
    int64_t settled, settled_failed; /* trials below are over, and so many of them failed */
    int workers;
    char best[80]; /* "" = nothing is known */
} search;

/* ---- search_problem.c ---- */
int search_problem(search *s);   /* space, problem, method */
int search_evaluator(search *s); /* the program or the table */
void search_free(search *s);
/* Of a store that is open, a word of the command line: sentences, pages and ps show it without the password of its URL. */
void search_forget_password(const char *store);

/* ---- search_report.c ---- */
/* How many trials are in which state. */
typedef struct {
    int64_t n[CULL_TRIAL_LOST + 1];
    double last; /* when the last of them ended */
} tally;
int search_tally(cli *c, cull_study *st, tally *out);
const char *search_span(double seconds, char buf[40]); /* "3:05", "12:05 h" */
/* Trials of the best points, in order of the first objective; free(*idx). */
int search_best(cli *c, cull_study *st, int64_t **idx, int64_t *n);
void search_count(search *s); /* `ended` and `failed`, those of other processes among them */
void search_progress(void *user, char *text, size_t size);               /* the line */
void search_told(void *user, const cull_study *st, const cull_trial *t); /* after each trial */
int say_best(cli *c, cull_study *st);                                    /* as text, on stdout */
int say_best_json(cli *c, cull_study *st);
/* What an object of JSON about a study begins with, and what it ends with. */
void say_tally_json(cull_study *st, const tally *t);
int say_points_json(cli *c, cull_study *st, const int64_t *idx, int64_t n);
/* Whether -o and --log can be written; and to write them. */
int check_outputs(cli *c);
int write_outputs(cli *c, cull_study *st);
int write_page(cli *c, cull_study *st, const char *path); /* "-" = standard output */

/* ---- search_importance.c ---- */
int say_importance(cli *c, cull_study *st);

/* ---- search_verbs.c ---- */
/* status, best, export, report, importance, stop; -1 = it is none of them. */
int search_verb(const char *word);
int run_verb(cli *c, int verb);
#endif
