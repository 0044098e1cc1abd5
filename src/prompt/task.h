/* task.h - a task of prompts as text: its parts. */
#ifndef CULL__PROMPT_TASK_H
#define CULL__PROMPT_TASK_H
#include "prompt/text.h"

struct cull_prompt_task {
    cull_ctx *cx;
    cull_prompt_task_opts o;
    cull_prompt_rows val, test, pool; /* borrowed */
    bool learns;                      /* exemplars show the model's answers */
    char **instruction;               /* copies */
    int64_t instructions, instruction_cap;
    char **output; /* val.n: what was kept of the model's answers; NULL = nothing */
    cull__template form;
    cull__cache *cache;
    cull__calls *model, *judge, *proposer;
    cull_hash128 id[3]; /* of model, judge, proposer: what answers depend on besides the text */
    cull__alike alike;
    cull_prompt_calls calls;
    int64_t proposed;
};
enum { CULL__MODEL, CULL__JUDGE, CULL__PROPOSER };

/* ask.c: answers of one of the three to n texts, from the cache or made; answer[i] (cull__free) NULL = it failed. */
cull_status cull__task_answers(cull_ctx *cx, cull_prompt_task *t, int who, char *const *text,
                               int64_t n, char **answer);
cull_prompt_model cull__task_model(cull_prompt_task *t);
/* propose.c */
cull_status cull__task_propose(cull_ctx *cx, void *user, const cull_prompt_past *past, int64_t n,
                               int32_t *instruction);
cull_status cull__task_add_instruction(cull_ctx *cx, cull_prompt_task *t, const char *s);
#endif
