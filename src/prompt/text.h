/* text.h - prompts as text: what the files of a task share. */
#ifndef CULL__PROMPT_TEXT_H
#define CULL__PROMPT_TEXT_H
#include "base/base.h"
#include "cull/prompt_text.h"

/* ---- template.c ---- */
typedef enum {
    CULL__PART_TEXT,
    CULL__PART_INSTRUCTION,
    CULL__PART_EXEMPLARS,
    CULL__PART_INPUT,
    CULL__PART_OUTPUT,
    CULL__PARTS
} cull__part_kind;
typedef struct {
    cull__part_kind kind;
    const char *at;
    size_t n;
} cull__part;
typedef struct {
    char *text;
    cull__part *part;
    int64_t parts, cap;
} cull__form;
typedef struct {
    cull__form prompt, exemplar;
    int64_t
        after; /* parts of prompt from here on are an exemplar's form; where `exemplar` has none */
} cull__template;
cull_status cull__template_open(cull_ctx *cx, const char *prompt, const char *exemplar,
                                cull__template *out);
void cull__template_free(cull__template *t);
typedef struct {
    const char *instruction, *query;
    int64_t k;
    const char *const *input, *const *output; /* k */
} cull__filling;
/* Into b, which keeps the first failure. */
void cull__template_fill(const cull__template *t, const cull__filling *f, cull_buf *b);

/* ---- cache.c ---- */
typedef struct cull__cache cull__cache;
cull_status cull__cache_open(cull_ctx *cx, const char *path, cull__cache **out);
void cull__cache_close(cull__cache *c);
/* The answer, in memory of its own (cull__free), or NULL. */
cull_status cull__cache_get(cull_ctx *cx, cull__cache *c, cull_hash128 key, char **out);
cull_status cull__cache_put(cull_ctx *cx, cull__cache *c, cull_hash128 key, const char *prompt,
                            const char *answer);

/* ---- calls.c: programs that are given a text and print one ---- */
typedef struct cull__calls cull__calls;
typedef struct {
    const char *const *argv;
    const char *path;
    bool stay;
    double timeout;
    int retries, workers;
} cull__calls_opts;
cull_status cull__calls_open(cull_ctx *cx, const cull__calls_opts *o, cull__calls **out);
void cull__calls_close(cull__calls *c);
/* What became of text i: `answer` is NULL where it failed, and `note` says why. Blanks at the answer's end are cut. */
typedef cull_status cull__called_fn(cull_ctx *cx, void *user, int64_t i, const char *answer,
                                    const char *note);
/* Each text is given once; those that fail again, as often as may be. */
cull_status cull__calls_run(cull_ctx *cx, cull__calls *c, const char *const *text, int64_t n,
                            cull__called_fn *fn, void *user);

/* ---- alike.c ---- */
typedef struct {
    cull_pool *of[3];
} cull__alike;
/* Features fitted on texts at[0] (n[0]); rows for each of the lists. */
cull_status cull__alike_open(cull_ctx *cx, const char *const *const *at, const int64_t *n,
                             int lists, cull__alike *out);
void cull__alike_close(cull__alike *a);
#endif
