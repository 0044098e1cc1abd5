/* cull/prompt_text.h - prompts as text: rows of files, a template, any program or function as the model, how its answers are
 * scored, and a cache of them. What a search found is one JSON file that makes prompts. */
#ifndef CULL_PROMPT_TEXT_H
#define CULL_PROMPT_TEXT_H
#include "cull/prompt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- rows ---- */
typedef struct {
    int64_t n;
    const char *const *input;  /* UTF-8 */
    const char *const *target; /* what is right; NULL = not known */
    void *mem_;
} cull_prompt_rows;
/* Records of jsonl, csv, tsv (.gz, .zst; "-"); fields by path as in cull/corpus.h, NULL = "input" and "target", which may be a
 * number. EINPUT by line. They are held in memory. */
CULL_API cull_status cull_prompt_rows_open(cull_ctx *cx, const char *path, const char *input,
                                           const char *target, cull_prompt_rows *out) CULL_CHECKED;
/* Instructions of a file, as `input`: a text a line of .txt or of a name without an ending, else the field "instruction". */
CULL_API cull_status cull_prompt_instructions_open(cull_ctx *cx, const char *path,
                                                   cull_prompt_rows *out) CULL_CHECKED;
CULL_API void cull_prompt_rows_free(cull_prompt_rows *r);

/* ---- scoring ---- */
typedef enum {
    CULL_PROMPT_NORMAL, /* equal but for case, punctuation, blanks and the words a, an, the (as SQuAD does) */
    CULL_PROMPT_EXACT,    /* equal but for blanks around */
    CULL_PROMPT_CONTAINS, /* the target's words stand in the answer, one after another */
    CULL_PROMPT_NUMBER,   /* the last number of the answer is that of the target */
    CULL_PROMPT_SCORES
} cull_prompt_scoring;
CULL_API const char *cull_prompt_scoring_name(cull_prompt_scoring s);
/* 1 or 0. after (may be NULL): what follows the last `after` in the answer counts, all where there is none. */
CULL_API double cull_prompt_score_of(cull_prompt_scoring s, const char *after, const char *target,
                                     const char *answer);

/* ---- the task ---- */
typedef struct cull_prompt_answer cull_prompt_answer;
/* The answer to prompt i of a call, copied. EINPUT: no UTF-8; ENOMEM. */
CULL_API cull_status cull_prompt_answer_put(cull_prompt_answer *a, int64_t i, const char *text);
typedef struct {
    size_t size;
    const cull_prompt_rows *val, *test, *pool; /* borrowed, as all below; test, pool may be NULL */
    const char *const *instruction;
    int32_t instructions; /* 0 = one, empty */
    /* {instruction}, {exemplars} and {input} are replaced; {{ is {. NULL:
     *   "{instruction}\n\n{exemplars}Input: {input}\nOutput:" */
    const char *template_;
    /* {input} and {output} of one exemplar. NULL: what follows {exemplars} in the template, then the output, then a blank line */
    const char *exemplar;
    bool labels; /* exemplars show targets; else the model's own right answers */
    cull_prompt_scoring scoring;
    const char *after;
    const char *const *
        judge; /* a program instead: JSON with input, target, answer on its standard input, a number 0 to 1 out; NULL */
    double (*judge_fn)(void *user, const char *input, const char *target,
                       const char *answer); /* or this */
    /* the model: a program, or a function that is handed n prompts at once; a status that is not OK ends the search */
    const char *const
        *argv; /* ends with NULL; no shell. Prompt on standard input, answer on standard output */
    const char *path; /* folders to seek programs in; NULL = /bin:/usr/bin */
    bool
        stay; /* one process a worker: a line {"id": ..., "prompt": ...} in, a line {"answer": ...} or {"failed": ...} out */
    cull_status (*answer)(void *user, const char *const *prompt, int64_t n,
                          cull_prompt_answer *out);
    void *user;
    int workers;    /* programs at a time */
    double timeout; /* seconds of one call; 0 = none */
    int retries;    /* of a call that failed, before it counts as a wrong answer */
    const char *
        cache; /* an SQLite file of answers by prompt, for any number of processes; NULL = in memory */
    const char *
        id; /* what answers depend on besides the prompt; NULL = the words of argv, which a function has not */
    /* a program that proposes instructions: it gets those tried and their scores on standard input, the best last, and some
     * rows; it prints one. NULL = none */
    const char *const *propose;
} cull_prompt_task_opts;
/* clang-format off */
#define CULL_PROMPT_TASK_OPTS {.size = sizeof(cull_prompt_task_opts), .workers = 1, .retries = 2}
/* clang-format on */
typedef struct cull_prompt_task cull_prompt_task;
/* EINPUT: no rows, a row without a target, a template without {input}, with an unknown {name}, no program; a cache of another
 * kind, or of a function without an id. */
CULL_API cull_status cull_prompt_task_open(cull_ctx *cx, const cull_prompt_task_opts *o,
                                           cull_prompt_task **out) CULL_CHECKED;
CULL_API void cull_prompt_task_free(cull_prompt_task *t);
typedef struct {
    int64_t made, cached; /* calls to the model; answers that the cache had from before */
    int64_t failed;       /* calls that came to nothing, which count as wrong */
    char last[200];       /* why the last of these */
} cull_prompt_calls;
CULL_API void cull_prompt_task_calls(const cull_prompt_task *t, cull_prompt_calls *out);
/* cull_prompt_search with this task as problem and model. The first 10 calls all failed: EINPUT with the last reason. What was
 * answered is in the cache, also after a kill: the same search goes on from there to the same result. */
CULL_API cull_status cull_prompt_task_search(cull_ctx *cx, cull_prompt_task *t,
                                             const cull_prompt_opts *o,
                                             cull_prompt_result *out) CULL_CHECKED;
/* Of instruction i, one that was proposed too. */
CULL_API const char *cull_prompt_task_instruction(const cull_prompt_task *t, int32_t i);
/* What an exemplar shows: the pool row's input, and the output. */
CULL_API void cull_prompt_task_exemplar(const cull_prompt_task *t, int64_t row, const char **input,
                                        const char **output);

/* ---- what was found ---- */
/* As JSON: instruction, exemplars, template, scores with their intervals, calls, all prompts tried. The text is freed by
 * cull_text_free (cull/report.h). o as in the search. */
CULL_API cull_status cull_prompt_json(cull_ctx *cx, const cull_prompt_task *t,
                                      const cull_prompt_opts *o, const cull_prompt_result *r,
                                      char **out) CULL_CHECKED;
/* The same to a file. */
CULL_API cull_status cull_prompt_write(cull_ctx *cx, const cull_prompt_task *t,
                                       const cull_prompt_opts *o, const cull_prompt_result *r,
                                       const char *path) CULL_CHECKED;
typedef struct cull_prompt_saved cull_prompt_saved;
CULL_API cull_status cull_prompt_read(cull_ctx *cx, const char *path,
                                      cull_prompt_saved **out) CULL_CHECKED;
/* Of n bytes of text; `name` is what errors call it. */
CULL_API cull_status cull_prompt_saved_from(cull_ctx *cx, const char *text, size_t n,
                                            const char *name, cull_prompt_saved **out) CULL_CHECKED;
CULL_API void cull_prompt_saved_free(cull_prompt_saved *s);
/* The prompt for one input, as rows of the test set had theirs; free with cull_text_free (cull/report.h). */
CULL_API cull_status cull_prompt_saved_text(cull_ctx *cx, const cull_prompt_saved *s,
                                            const char *input, char **out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
