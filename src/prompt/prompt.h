/* prompt.h - a run of a search for a prompt, as its stages share it. */
#ifndef CULL__PROMPT_H
#define CULL__PROMPT_H
#include "base/base.h"
#include "cull/prompt.h"

/* What was answered, by the hash of (instruction, exemplars, set, row); and which prompts were tried. */
typedef struct {
    cull_hash128 key;
    float score;
    bool used;
} cull__answered;
typedef struct {
    cull__answered *at;
    int64_t cap, n;
} cull__answers;

typedef struct {
    int32_t instruction;
    int64_t k;
    const int64_t *exemplar;
} cull__prompt;

/* Exemplars of each row's own (`nearest`): row r has k[r] of them, at list + r * each. */
typedef struct {
    int64_t each;
    int64_t *k, *list;
} cull__own_lists;

typedef struct {
    cull_prompt_result out;
    cull_prompt_tried *trail;
    int64_t trail_cap;
    int64_t *numbers; /* exemplars of the trail, end to end; then those of the choice */
    int64_t numbers_n, numbers_cap;
    int64_t *chosen;
} cull__prompt_kept;

typedef struct {
    cull_ctx *cx;
    cull_prompt_problem p;
    cull_prompt_model m;
    cull_prompt_opts o;
    int64_t n, pool, batch; /* validation rows; rows of the pool */
    bool own;               /* the pool is the validation rows */
    bool learns;            /* candidates are what the model answered rightly */
    int64_t budget, calls;
    int32_t instructions;
    cull__answers answers;
    int64_t *order;     /* the validation rows, drawn: of every prompt the same are asked first */
    uint8_t *candidate; /* pool: is one */
    int64_t *from;      /* candidates, ascending */
    int64_t froms;
    cull__own_lists near; /* list NULL = none */
    /* of the prompt that is tried */
    cull_prompt_query *query;
    float *got;
    int64_t *spare, spare_cap; /* exemplars of queries that leave one out */
    float *score;              /* n, NaN = not asked */
    int64_t asked;
    double sum; /* of a whole prompt, rows in their order */
    /* whole prompts that the choice was among: (wholes, n) */
    float *whole;
    int64_t wholes, whole_cap;
    cull__prompt_kept *kept;
} cull__prompt_run;

/* ---- answers.c ---- */
cull_hash128 cull__prompt_key(const cull_prompt_query *q);
cull__answered *cull__answers_find(const cull__answers *a, cull_hash128 key);
cull_status cull__answers_put(cull_ctx *cx, cull__answers *a, cull_hash128 key, float score);

/* ---- evaluate.c ---- */
typedef enum { CULL__WHOLE, CULL__LOST, CULL__SPENT } cull__tried;
/* Score a prompt on all validation rows, as far as the budget (`limit` calls in all) goes: SPENT = it would not last, and nothing was
 * asked. `bound`: the sum to reach, -1 = none. What is left in score, asked and sum of r is the outcome. */
cull_status cull__prompt_try(cull__prompt_run *r, const cull__prompt *pt, double bound,
                             int64_t limit, cull__tried *how);
/* Scores of rows row[0..n) of a set, none of them raced or counted against the budget. */
cull_status cull__prompt_ask(cull__prompt_run *r, const cull__prompt *pt, cull_prompt_set set,
                             const int64_t *row, int64_t n, float *score, int64_t *calls);
/* What an instruction alone answered rightly joins the candidates. */
cull_status cull__prompt_learn(cull__prompt_run *r, const cull__prompt *pt);
void cull__prompt_candidates(cull__prompt_run *r);
cull_status cull__prompt_log(cull__prompt_run *r, const cull__prompt *pt, double score,
                             int64_t rows);
bool cull__prompt_new(cull__prompt_run *r, const cull__prompt *pt, cull_hash128 *key);

/* ---- instructions.c, exemplars.c, verdict.c ---- */
/* *best: the instruction; *sum: what it scores alone, -1 = that is not known. */
cull_status cull__prompt_instruct(cull__prompt_run *r, int32_t *best, double *sum);
/* pt: the choice; its exemplars are in the arena. *sum as above, of the choice. */
cull_status cull__prompt_exemplars(cull__prompt_run *r, int32_t instruction, double alone,
                                   cull__prompt *pt, double *sum);
/* Lists of `nearest` for one set; r->near. */
cull_status cull__prompt_near(cull__prompt_run *r, cull_prompt_set set);
cull_status cull__prompt_judge(cull__prompt_run *r, const float *val, const float *test,
                               cull_prompt_result *out);
#endif
