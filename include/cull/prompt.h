/* cull/prompt.h - choose a prompt's instruction and its exemplars under a budget of calls to a model.
 *
 * A prompt is an instruction, exemplars in an order, and a query. How good it is, is its mean score over the rows of a
 * validation set. Here a model is a function that scores queries: of instructions and rows it is told the numbers, so
 * that one in memory needs no text. cull/prompt_text.h makes such a model of files and of any program.
 *
 * The two stages are those of "Teach Better or Show Smarter" (Wan et al. 2024): a part of the budget goes to the
 * instruction, without exemplars; what the model answered rightly then become exemplars, and the rest of the budget goes to
 * choosing among these. */
#ifndef CULL_PROMPT_H
#define CULL_PROMPT_H
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the model ---- */
typedef enum { CULL_PROMPT_VAL, CULL_PROMPT_TEST } cull_prompt_set;
typedef struct {
    int32_t instruction; /* 0 .. instructions-1 */
    cull_prompt_set set; /* of the row that is asked */
    int64_t row;         /* 0 .. val-1 or test-1 */
    int64_t k;           /* exemplars */
    const int64_t
        *exemplar; /* k rows of the pool, in the order of the prompt; never the query itself */
} cull_prompt_query;
/* An instruction that was tried, for whoever proposes others. */
typedef struct {
    int32_t instruction;
    double score; /* mean over the rows it was tried on */
    int64_t rows;
} cull_prompt_past;
typedef struct {
    void *user;
    /* score[i], 0 (wrong) to 1 (right), of each of n queries. Those of one call may be answered in any order or at once.
     * Called from the thread that called cull. */
    cull_status (*ask)(cull_ctx *cx, void *user, const cull_prompt_query *q, int64_t n,
                       float *score);
    /* Row q->row of the validation set is a candidate from now on, as q was answered; q was asked before. Each row once.
     * Or NULL. */
    cull_status (*keep)(cull_ctx *cx, void *user, const cull_prompt_query *q);
    /* Numbers that say which inputs are alike (by cosine), for `nearest` and `diverse`: of pool rows row[0..n), of all
     * validation rows, and of all test rows where there are any. The pools stay the model's, and last until the search is
     * over. Or NULL: those strategies are refused. */
    cull_status (*embed)(cull_ctx *cx, void *user, const int64_t *row, int64_t n,
                         const cull_pool **pool, const cull_pool **val, const cull_pool **test);
    /* The number of one more instruction, given those tried so far, from the worst to the best; -1: there is none.
     * It costs a call. Or NULL. */
    cull_status (*propose)(cull_ctx *cx, void *user, const cull_prompt_past *past, int64_t n,
                           int32_t *instruction);
} cull_prompt_model;

/* ---- what is searched, and how ---- */
typedef struct {
    size_t size;
    int32_t instructions; /* at least 1 */
    int64_t val, test;    /* rows; test may be 0 */
    int64_t
        pool; /* rows exemplars are taken from; 0 = the validation rows themselves. Such a row is left out of the
                   * prompt where it is the query */
} cull_prompt_problem;
/* clang-format off */
#define CULL_PROMPT_PROBLEM {.size = sizeof(cull_prompt_problem), .instructions = 1}
/* clang-format on */

typedef enum {
    CULL_PROMPT_NONE,    /* no exemplars: the instruction alone */
    CULL_PROMPT_RANDOM,  /* k candidates, drawn once */
    CULL_PROMPT_NEAREST, /* for each query the k most like it, the most like last */
    CULL_PROMPT_DIVERSE, /* of k clusters (k-means) that nearest to each centre */
    CULL_PROMPT_ALL,     /* every candidate */
    CULL_PROMPT_SEARCH,  /* random sets of k, the best */
    CULL_PROMPT_MUTATE, /* a few random sets; then one exemplar of the best is swapped, kept if not worse */
    CULL_PROMPT_STRATEGIES
} cull_prompt_strategy;
CULL_API const char *cull_prompt_strategy_name(cull_prompt_strategy s); /* "mutate" */
typedef enum {
    CULL_PROMPT_AUTO,    /* whole where the budget allows, else halving */
    CULL_PROMPT_WHOLE,   /* each instruction on the whole validation set */
    CULL_PROMPT_HALVING, /* all on a few rows, the better half on twice as many, ... */
} cull_prompt_rule;

typedef struct {
    size_t size;
    cull_prompt_strategy strategy;
    cull_prompt_rule rule;
    int64_t k;     /* exemplars of a prompt */
    double budget; /* in validations of all rows; spent as calls */
    int64_t calls; /* in calls; 0 = budget * rows */
    /* of the budget, for instructions where there are several or a proposer: no less than halving takes, if that is at
     * most half; all of it for `none` */
    double share;
    /* exemplars show what is right, so that every row is a candidate; else what the model itself answered rightly. Of a pool
     * of its own they always do */
    bool labels;
    bool
        ordered; /* the order of exemplars is drawn, and changed too; else they stand as the rows do */
    /* a prompt that can no longer win is not asked the remaining rows, and a search ends where all rows are right: the same
     * score for fewer calls */
    bool race;
    int64_t
        starts; /* random sets before mutation; 0 = a quarter of the validations left, at least 1 */
    int64_t batch; /* queries asked at once; 0 = an eighth of the rows, at least 16 */
    double right;  /* an answer of this score or more is a right one */
    int draws;     /* of bootstraps; 0 = none, and no intervals */
} cull_prompt_opts;
/* clang-format off */
#define CULL_PROMPT_OPTS \
    {.size = sizeof(cull_prompt_opts), .strategy = CULL_PROMPT_MUTATE, .k = 3, .budget = 32, .share = 0.25, \
     .ordered = true, .race = true, .right = 1, .draws = 1000}
/* clang-format on */

/* ---- what comes of it ---- */
typedef struct {
    double mean, lo, hi; /* 95 % percentiles of a bootstrap over rows; NaN = none */
} cull_prompt_score;
typedef struct {
    int32_t instruction;
    int64_t k;
    const int64_t *exemplar; /* of `nearest`: all candidates, of which each query has its k */
    double score;            /* mean over the rows it was asked */
    int64_t rows;            /* fewer than all: it lost on the way */
    int64_t calls;           /* that all prompts had taken by then */
} cull_prompt_tried;
typedef struct {
    int32_t instruction;
    int64_t k;
    const int64_t *exemplar; /* k; of `nearest` all candidates, `each` of which a prompt has */
    int64_t each;            /* 0 = all prompts have the same exemplars */
    cull_prompt_score val, test;
    /* The best of many on few rows is partly luck. `expected`: what the choice would score on rows that it was not
     * made on, estimated by drawing rows anew, choosing among all whole prompts by them and scoring the choice on the rows left out
     * (Tsamardinos et al. 2018). `optimism`: val - test, with the bootstrap of both; NaN without a test set. */
    double expected;
    cull_prompt_score optimism;
    int64_t calls,
        test_calls; /* different queries; those of the test set count against no budget */
    int64_t instruction_calls; /* of `calls`, for the instruction */
    int64_t proposals;         /* of `instruction_calls`, that asked for instructions */
    int64_t candidates;        /* exemplars there were to choose from, at the end */
    int64_t tried;
    const cull_prompt_tried *trail; /* prompts in the order tried */
    void *mem_;
} cull_prompt_result;
CULL_API void cull_prompt_result_free(cull_prompt_result *r);

/* Everything follows from the options, the seed and the model's scores. A query that was asked before costs no call.
 * The best prompt is that of the highest mean on all validation rows, of equals the one with no exemplars, then the earliest
 * (`mutate`: the latest). opts NULL = defaults. O(calls) time and memory beside the model's.
 * EINPUT: a score that is none; EOPTION: a budget below one validation, k beyond the candidates, a strategy that lacks `embed`. Status
 * and sentence of a model that fails come back. ECANCEL by the ctx's tick or deadline. */
CULL_API cull_status cull_prompt_search(cull_ctx *cx, const cull_prompt_problem *p,
                                        const cull_prompt_model *m, const cull_prompt_opts *o,
                                        cull_prompt_result *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
