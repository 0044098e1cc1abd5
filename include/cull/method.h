/* cull/method.h - the catalogue: find a method, set its options by name, read the whole as JSON. */
#ifndef CULL_METHOD_H
#define CULL_METHOD_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { CULL_KIND_F64, CULL_KIND_I64, CULL_KIND_BOOL, CULL_KIND_ENUM } cull_kind;
typedef struct {
    const char *name, *help;
    cull_kind kind;
    size_t off;
    double def, lo, hi;  /* bounds are allowed values; I64 and ENUM fit in 2^53 */
    const char *choices; /* ENUM: "round-robin|max|mean" */
} cull_opt;
/* A row whose C type does not match its kind does not compile. */
/* clang-format off */
#define CULL_IS_(S, f, T) (0 * sizeof(struct { int ok[_Generic(((S *)0)->f, T: 1)]; }) + offsetof(S, f))
#define CULL_OPT_F64(S, f, d, lo, hi, help) {#f, help, CULL_KIND_F64, CULL_IS_(S, f, double), d, lo, hi, 0}
#define CULL_OPT_I64(S, f, d, lo, hi, help) {#f, help, CULL_KIND_I64, CULL_IS_(S, f, int64_t), d, lo, hi, 0}
#define CULL_OPT_BOOL(S, f, d, help) {#f, help, CULL_KIND_BOOL, CULL_IS_(S, f, bool), d, 0, 1, 0}
#define CULL_OPT_ENUM(S, f, d, choices, help) {#f, help, CULL_KIND_ENUM, CULL_IS_(S, f, int), d, 0, 63, choices}
#define CULL_OPT_END {0}
/* clang-format on */

typedef enum {
    CULL_TASK_DATA,
    CULL_TASK_FEATURE,
    CULL_TASK_SEARCH,
    CULL_TASK_COMPUTE,
    CULL_TASK_TRUST,
    CULL_TASK_WEIGHTS,
    CULL_TASKS
} cull_task;
CULL_API const char *cull_task_name(cull_task t); /* "data" */

/* Flags of a method. */
enum {
    CULL_NEEDS_POOL = 1,   /* reads embeddings of the pool */
    CULL_NEEDS_TARGET = 2, /* reads target examples, in the form in which it reads the pool */
    CULL_NEEDS_TEXT = 4,   /* reads the pool's text */
    CULL_STOCHASTIC = 8, /* the seed changes the answer, with the options as they are by default */
    CULL_ANYTIME = 16,   /* stopped early it returns the best so far */
    CULL_BASELINE = 32,  /* what others are compared with */
    CULL_NEEDS_AGAINST = 64, /* reads embeddings of examples to stay away from */
    CULL_FINDS_COPIES =
        128, /* says of every row what stands for it; without a budget all that stays is kept */
    CULL_NEEDS_Y = 256,           /* reads what is to be predicted */
    CULL_NEEDS_CLASSES = 512,     /* and that must be classes */
    CULL_TAKES_MISSING = 1024,    /* reads columns with missing values as they are */
    CULL_TAKES_CATEGORIES = 2048, /* reads categorical columns as they are */
    CULL_OWN_NUMBER = 4096,       /* finds how many to keep; a budget is an upper limit to it */
    CULL_NEEDS_COUNTS = 8192,     /* reads columns of counts: no number below 0 */
    CULL_MANY_OBJECTIVES = 16384, /* of task search: takes more than one objective */
    CULL_FINITE_ONLY =
        32768, /* of task search: all parameters must have a finite number of values */
    CULL_READS_STATS = 65536 /* of task search: learns from statistics that cost nothing */
};

struct cull_data_problem;
typedef cull_status cull_data_fn(cull_ctx *, const struct cull_data_problem *, const void *opts,
                                 cull_pick *);

/* What a run will take: the most bytes held at once beyond what the problem holds, passes over the
 * pool (embeddings, text or columns, whichever is read), and floating-point operations. 0 =
 * not known beforehand. */
typedef struct {
    uint64_t bytes;
    double passes, flops;
} cull_plan;
typedef void cull_data_plan_fn(const struct cull_data_problem *, const void *opts, int threads,
                               cull_plan *out);
struct cull_feature_problem;
struct cull_feature_pick;
typedef cull_status cull_feature_fn(cull_ctx *, const struct cull_feature_problem *,
                                    const void *opts, struct cull_feature_pick *);
typedef void cull_feature_plan_fn(const struct cull_feature_problem *, const void *opts,
                                  int threads, cull_plan *out);

typedef struct {
    const char *slug;    /* "rds-plus" */
    const char *title;   /* one line: what it keeps */
    const char *paper;   /* authors, year, title; "" for a baseline */
    const char *columns; /* score columns it must have, comma-separated; "" = none */
    const char *may;     /* score columns it uses where the problem has them; NULL = none */
    cull_task task;
    int rev; /* bumped when a default or a result changes */
    unsigned flags;
    const cull_opt *opts;
    size_t opts_size;
    union {
        cull_data_fn *data;
        cull_feature_fn *feature;
        const struct cull_search_fns *search;
        const struct cull_compute_fns *compute;
        const struct cull_trust_fns *trust;
        const struct cull_weights_fns *weights;
    } run; /* one typed entry a task */
    union {
        cull_data_plan_fn *data;
        cull_feature_plan_fn *feature;
    } plan; /* NULL = none */
} cull_method;

CULL_API int cull_method_count(void);
CULL_API const cull_method *cull_method_at(int i); /* in order of task, then slug; NULL outside */
/* By slug; '_' and '-' are one. NULL when there is none; *near (if given) is then the nearest. */
CULL_API const cull_method *cull_method_find(const char *slug, const char **near);

/* A method's options, set by name. A name that the method lacks is CULL_EOPTION and the error
 * names the nearest one; so is a value outside its bounds. '_' and '-' are one, in names and in
 * choices. Truths are true, yes, 1 and false, no, 0. */
typedef struct cull_opts cull_opts;
CULL_API cull_status cull_opts_new(cull_ctx *cx, const cull_method *m, cull_opts **out);
CULL_API cull_status cull_opts_set(cull_ctx *cx, cull_opts *o, const char *name, const char *value);
/* The value in force, as text that cull_opts_set reads back; NULL when there is no such option. */
CULL_API const char *cull_opts_get(const cull_opts *o, const char *name, char *buf, size_t size);
/* Whether it was set, be it to what it is by default; false when there is no such option. */
CULL_API bool cull_opts_given(const cull_opts *o, const char *name);
CULL_API const void *cull_opts_raw(const cull_opts *o); /* the method's private struct */
CULL_API const cull_method *cull_opts_method(const cull_opts *o);
CULL_API void cull_opts_free(cull_opts *o);

/* Inputs of a task that every method of it shares (pool, target, budget, ...): what the command,
 * the manual and the bindings offer beside the method's own options. Ends with name NULL. */
typedef struct {
    const char *name; /* "budget" */
    const char *arg;  /* what its value looks like: "N|P%|COST"; NULL = a switch */
    const char *help;
} cull_input;
CULL_API const cull_input *cull_task_inputs(cull_task t);

/* The whole catalogue as JSON: tasks with their inputs, methods with their options. The one source
 * of help, manual pages, completion, docs and bindings. Returns its length; writes at most size-1
 * bytes and a NUL, like snprintf. */
CULL_API size_t cull_catalogue_json(char *buf, size_t size);
/* One method of it. */
CULL_API size_t cull_method_json(const cull_method *m, char *buf, size_t size);

#ifdef __cplusplus
}
#endif
#endif
