/* cli.h - the command `cull`: the library's first user. It includes public headers only.
 *
 * A command is a row of a table (commands.c): its name, what it says of itself, its options, its run
 * function. The parser, --help, the manual pages and the completion all read that table and the
 * library's catalogue. Every function that can fail returns an exit code and has then said why, in
 * one sentence on stderr. */
#ifndef CULL_CLI_H
#define CULL_CLI_H
#include "cull/base.h"
#include "cull/method.h"

#include <stdio.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NOT_REACHED = 3, NO_DATA = 4, LOST = 5 };

/* Do x; when it failed (and said so), hand its exit code on. */
#define TRY(x)                                                                                     \
    do {                                                                                           \
        int rc_ = (x);                                                                             \
        if (rc_ != DONE) return rc_;                                                               \
    } while (0)
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

typedef struct cli cli;

/* What words may stand after the command, before the files. */
typedef enum {
    WORD_NONE,
    WORD_METHOD,
    WORD_TASK,
    WORD_OPTION, /* none, but --method names a method of the task */
} word_kind;

typedef struct {
    const char *name, *usage, *brief;
    const char *about;                /* paragraphs for --help and the manual page */
    const char *examples;             /* a line each: "command\twhat it does" */
    const cull_input *const *options; /* tables of rows, the last NULL; "FILE..." = repeatable */
    word_kind word;    /* WORD_METHOD and WORD_OPTION also take options of the method */
    cull_task task;    /* of those two: whose methods */
    bool any_method;   /* options of any method are taken (compare) */
    const char *verbs; /* words that may stand in the method's place: "apply|check|show" */
    bool no_json;      /* it has no result to write as JSON */
    int least, most;   /* files wanted; most -1 = any number */
    int (*run)(cli *c);
} command;

typedef struct {
    const char *name, *value;
    const cull_input *row; /* NULL = an option of a method */
} setting;

struct cli {
    const command *cmd;
    const cull_method *method; /* of WORD_METHOD; NULL = not named */
    cull_task task;            /* the command's, or of WORD_TASK */
    setting *set;
    int sets;
    const char **input, **out; /* files; what -o named */
    int inputs, outs;
    int rest;     /* inputs[rest ..] stood behind "--"; -1 = there was none */
    char **whole; /* the command line from "cull" on, for files that say how they were made */
    int wholes;
    bool quiet, verbose, json;
    const cull_ranks *ranks; /* of several processes, or NULL */
    /* what the line of progress says, instead of a bar; or NULL */
    void (*line)(void *user, char *text, size_t size);
    void *line_user;
    cull_ctx *cx;
    int code; /* of the failure that was told, or 0 */
};

/* ---- start.c ---- */
int start(int argc, char **argv, const cull_ranks *ranks);

/* ---- commands.c, command_options.c ---- */
void commands_start(void); /* once, before all else */
const command *command_find(const char *name, const char **near);
const command *command_at(int i);     /* NULL past the end */
bool takes_methods(const command *k); /* and their options */
const cull_method *method_of(const command *k,
                             int i);  /* the i-th that it takes; NULL past the end */
const char *task_names(char buf[64]); /* "data, feature" */
extern const cull_input common_options[];
extern const cull_input prompt_own[]; /* prompt.c */

/* ---- options.c: argv against the tables ---- */
int parse(cli *c, int argc, char **argv); /* argv[0] = the command's name */
void parse_free(cli *c);
bool has(const cli *c, const char *name);
/* The value of an option given at most once; `other` when it was not given. */
const char *value_of(const cli *c, const char *name, const char *other);
/* The values of a repeatable option; returns how many, at most cap to out. */
int values_of(const cli *c, const char *name, const char **out, int cap);
int number_of(cli *c, const char *name, double other, double lo, double hi, bool whole,
              double *out);
/* "90", "90s", "15m", "1.5h", "2d" as seconds. */
int seconds_of(cli *c, const char *name, double other, double *out);
int choice_of(cli *c, const char *name, const char *other, const char *choices, int *out);
/* Each comma-separated part of s to fn; stops at the first failure. s is not changed. */
int each_part(cli *c, const char *s, int (*fn)(cli *c, const char *part, void *arg), void *arg);
/* Options of methods that were given must be m's. */
int only_options_of(cli *c, const cull_method *m);
int context_new(cli *c); /* c->cx from the common options */
int method_options(cli *c, cull_ctx *cx, const cull_method *m, bool strict, cull_opts **out);
/* A part of --methods, "SLUG:NAME=VALUE:NAME=VALUE": the method, of that task, and what to call it (malloc);
 * then its options, of that name, are set on o. */
int variant_new(cli *c, const char *part, cull_task task, const cull_method **m, char **name);
int variant_options(cli *c, const cull_method *m, const char *name, cull_opts *o);

/* ---- progress.c: stderr, signals ---- */
void signals_start(void);
bool stopped(void);
/* What a command does at its end, once it has stopped: only another signal stops that. */
void stop_heard(void);
/* Once stopped: from the first call on another signal is counted too, and makes it true; one more kills. */
bool hurried(void);
int tick(void *user, const char *what, double done, double total);
void note(void *user, cull_level level, const char *msg);
void talk(cli *c, const char *fmt, ...) CULL_PRINTF(2, 3);      /* a line, unless --quiet */
void talk_more(cli *c, const char *fmt, ...) CULL_PRINTF(2, 3); /* with --verbose only */
void talk_text(cli *c, const char *text);                       /* lines as they are */
unsigned text_flags(FILE *f); /* colours and Unicode, where f is a terminal that has them */
void progress_end(void);      /* the bar goes away */
/* Say "cull: sentence" once and hand back code. */
int fail(cli *c, int code, const char *fmt, ...) CULL_PRINTF(3, 4);
int check(cli *c, cull_status s);                  /* DONE, or the ctx's sentence told */
int check_in(cli *c, cull_ctx *cx, cull_status s); /* the same for another ctx */
int flush_out(cli *c);                             /* stdout written, or why not */
int one_stdout(cli *c);                            /* refuses --json with -o - */
bool file_exists(const char *path);
double seconds_now(void);

/* ---- doc.c: what the tables say, as help, manual page, completion ---- */
int help_command(cli *c, const command *cmd);
int help_all(cli *c);
int man_page(cli *c, const char *name);
int completion(cli *c, const char *shell);
const char *head_of(const cull_method *m); /* the head comment of its file, or NULL */
void say_method(FILE *f, const cull_method *m);
void say_method_markdown(FILE *f, const cull_method *m);
void say_json(FILE *f, const char *s);
void say_json_number(FILE *f, double v); /* null unless it is finite */
void say_json_list(FILE *f, const char *const *s, int n);

/* ---- the commands ---- */
int run_task(cli *c);
int run_embed(cli *c);
int run_cluster(cli *c);
int run_layout(cli *c);
int run_micro3(cli *c);
int run_model(cli *c);
int run_policy(cli *c);
int run_weights(cli *c);
int run_prompt(cli *c);
int run_search(cli *c);
int run_compare(cli *c);
int run_bench(cli *c);
int run_apply(cli *c);
int run_replay(cli *c);
int run_list(cli *c);
int run_info(cli *c);
int run_papers(cli *c);
int run_reproduce(cli *c);
int run_completion(cli *c);
int run_help(cli *c);
#endif
