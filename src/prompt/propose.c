/* propose.c - a program is asked for one more instruction: it sees those tried with their scores, the best last, as in
 * OPRO (Yang et al. 2023), and a few rows, drawn anew each time so that it is not asked the same twice. */
#include "prompt/task.h"

#include <string.h>

enum { STREAM_SHOWN = 0x7077, SHOWN = 3, PAST = 20 };

static void add_rows(const cull_prompt_task *t, cull_rng g, cull_buf *b)
{
    for (int i = 0; i < SHOWN && i < t->val.n; i++) {
        int64_t row = cull__rng_below(&g, t->val.n);
        cull__buf_printf(b, "Input: %s\nOutput: %s\n\n", t->val.input[row], t->val.target[row]);
    }
}

static void text_of(cull_ctx *cx, const cull_prompt_task *t, const cull_prompt_past *past,
                    int64_t n, cull_buf *b)
{
    cull__buf_printf(b, "Some inputs of a task and their right outputs:\n\n");
    add_rows(t, cull__rng(cx, STREAM_SHOWN + ((uint64_t)t->proposed << 16)), b);
    cull__buf_printf(b, "Instructions for it, each with the percentage of outputs that came out "
                        "right, the best last:\n\n");
    for (int64_t i = n > PAST ? n - PAST : 0; i < n; i++)
        cull__buf_printf(b, "Instruction: %s\nScore: %.1f\n\n", t->instruction[past[i].instruction],
                         100 * past[i].score);
    cull__buf_printf(b, "Write one new instruction that differs from these and will score higher. "
                        "Answer with the instruction alone.\n");
}

cull_status cull__task_add_instruction(cull_ctx *cx, cull_prompt_task *t, const char *s)
{
    size_t n = strlen(s);
    char *copy;
    CULL_TRY(CULL_GROW(cx, t->instruction, &t->instruction_cap, t->instructions + 1));
    CULL_TRY(CULL_ALLOC(cx, copy, (int64_t)n + 1));
    memcpy(copy, s, n);
    t->instruction[t->instructions++] = copy;
    return CULL_OK;
}

/* A known one is named by its number; what failed is as good as that of the first. */
static cull_status number_of(cull_ctx *cx, cull_prompt_task *t, const char *said, int32_t *out)
{
    *out = 0;
    if (said) said += strspn(said, " \t\r\n");
    if (!said || !*said) return CULL_OK;
    for (int64_t i = 0; i < t->instructions; i++)
        if (!strcmp(t->instruction[i], said)) {
            *out = (int32_t)i;
            return CULL_OK;
        }
    *out = (int32_t)t->instructions;
    return cull__task_add_instruction(cx, t, said);
}

cull_status cull__task_propose(cull_ctx *cx, void *user, const cull_prompt_past *past, int64_t n,
                               int32_t *instruction)
{
    cull_prompt_task *t = user;
    cull_buf b = CULL_BUF(cx);
    char *answer = NULL;
    text_of(cx, t, past, n, &b);
    cull_status s = b.status;
    t->proposed++;
    if (s == CULL_OK) s = cull__task_answers(cx, t, CULL__PROPOSER, &b.at, 1, &answer);
    if (s == CULL_OK) s = number_of(cx, t, answer, instruction);
    cull__free(answer);
    cull__buf_free(&b);
    return s;
}
