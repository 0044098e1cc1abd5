/* teach_learner.h - a small transformer that learns in context: trained once on tasks of labels, then shown examples.
 *
 * Inputs are two clusters, and a task's rule, one of eight, is a direction that parts each of them in two: four cells. Each
 * cell has one of four labels, and several may have the same. A rule has usual labels; of a task's cells half have theirs, the others
 * any. One example in twenty has any label. An instruction names a rule, or (the seed) none. So neither a rule's name
 * nor three examples say everything about a task. */
#ifndef CULL__CLAIM_TEACH_LEARNER_H
#define CULL__CLAIM_TEACH_LEARNER_H
#include "base/base.h"
#include "cull/nn.h"

enum { CULL__TEACH_INPUTS = 4, CULL__TEACH_LABELS = 4, CULL__TEACH_RULES = 8 };
enum { CULL__TEACH_CELLS = 4 };
enum { CULL__TEACH_SEED = CULL__TEACH_RULES, CULL__TEACH_INSTRUCTIONS = CULL__TEACH_RULES + 1 };
enum { CULL__TEACH_SHOWN = 5 }; /* most examples before the query */

typedef struct {
    double direction[CULL__TEACH_RULES]
                    [CULL__TEACH_INPUTS]; /* of length 1; its first number is 0 */
    int32_t usual[CULL__TEACH_RULES][CULL__TEACH_CELLS];
} cull__rules;
typedef struct {
    int rule;
    int32_t label[CULL__TEACH_CELLS];
} cull__task;
typedef struct {
    float x[CULL__TEACH_INPUTS];
    int32_t y;
} cull__example;
void cull__rules_draw(cull_rng *r, cull__rules *out);
void cull__task_draw(const cull__rules *rules, cull_rng *r, cull__task *out);
void cull__examples_draw(const cull__rules *rules, const cull__task *task, cull_rng *r, int64_t n,
                         cull__example *out);

typedef struct {
    int64_t layers, width, heads, steps, batch;
} cull__learner_opts;
typedef struct cull__learner cull__learner;
/* Trained for so many steps on tasks of rules that are its own; all by the ctx's seed. */
cull_status cull__learner_new(cull_ctx *cx, const cull__learner_opts *o, cull__learner **out);
void cull__learner_free(cull__learner *l);
const cull__rules *cull__learner_rules(const cull__learner *l);
/* A prompt: an instruction, k examples in an order, and the query, whose label is not shown. */
typedef struct {
    int32_t instruction;
    int64_t k; /* 0 .. CULL__TEACH_SHOWN */
    const int64_t *shown;
    const cull__example *query;
} cull__teach_prompt;
/* The most likely label of each of n prompts, whose examples are `shown` of pool. */
cull_status cull__learner_ask(cull_ctx *cx, cull__learner *l, const cull__example *pool,
                              const cull__teach_prompt *p, int64_t n, int32_t *label);
#endif
