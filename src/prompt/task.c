/* task.c - a task of prompts as text: opened, searched, looked at. */
#include "prompt/task.h"

#include <string.h>

static cull_status check_rows(cull_ctx *cx, const char *what, const cull_prompt_rows *r)
{
    size_t bad;
    for (int64_t i = 0; i < r->n; i++) {
        if (!r->input[i] || !r->target || !r->target[i])
            return cull__fail(cx, CULL_EINPUT, "%s, row %lld (from 0): there is no %s", what,
                              (long long)i, r->input[i] ? "target" : "input");
        for (int k = 0; k < 2; k++) {
            const char *s = k ? r->target[i] : r->input[i];
            if (!cull__utf8_ok(s, strlen(s), &bad))
                return cull__fail(cx, CULL_EINPUT, "%s, row %lld (from 0): the %s is no UTF-8",
                                  what, (long long)i, k ? "target" : "input");
        }
    }
    return CULL_OK;
}

static cull_status take_rows(cull_ctx *cx, cull_prompt_task *t)
{
    const cull_prompt_task_opts *o = &t->o;
    if (!o->val || o->val->n < 1)
        return cull__fail(cx, CULL_EINPUT, "there are no validation rows");
    t->val = *o->val;
    if (o->test) t->test = *o->test;
    if (o->pool) t->pool = *o->pool;
    CULL_TRY(check_rows(cx, "validation", &t->val));
    CULL_TRY(check_rows(cx, "test", &t->test));
    CULL_TRY(check_rows(cx, "pool", &t->pool));
    t->learns = !o->labels && !t->pool.n;
    return CULL_ALLOC(cx, t->output, t->val.n);
}

static cull_status take_instructions(cull_ctx *cx, cull_prompt_task *t)
{
    size_t bad;
    if (!t->o.instructions) return cull__task_add_instruction(cx, t, "");
    for (int32_t i = 0; i < t->o.instructions; i++) {
        const char *s = t->o.instruction[i];
        if (!s || !cull__utf8_ok(s, strlen(s), &bad))
            return cull__fail(cx, CULL_EINPUT, "instruction %d (from 0) is no UTF-8", (int)i);
        CULL_TRY(cull__task_add_instruction(cx, t, s));
    }
    return CULL_OK;
}

static cull_hash128 id_of(const char *kind, const char *const *argv, const char *id)
{
    cull_hash128 both[2] = {cull__hash128(kind, strlen(kind)), {0, 0}};
    if (id) {
        both[1] = cull__hash128(id, strlen(id));
        return cull__hash128(both, sizeof both);
    }
    for (; argv && *argv; argv++) {
        const cull_hash128 more[2] = {both[1], cull__hash128(*argv, strlen(*argv))};
        both[1] = cull__hash128(more, sizeof more);
    }
    return cull__hash128(both, sizeof both);
}

static cull_status take_programs(cull_ctx *cx, cull_prompt_task *t)
{
    const cull_prompt_task_opts *o = &t->o;
    bool program = o->argv && o->argv[0];
    if (program == (o->answer != NULL))
        return cull__fail(cx, CULL_EINPUT,
                          program ? "a program and a function are given; one of them is the model"
                                  : "there is no model: a program, or a function");
    if (o->answer && o->cache && (!o->id || !*o->id))
        return cull__fail(cx, CULL_EINPUT,
                          "the model is a function, so that nothing tells its answers in %s from "
                          "another one's; give an id that names it",
                          o->cache);
    cull__calls_opts c = {.argv = o->argv,
                          .path = o->path,
                          .stay = o->stay,
                          .timeout = o->timeout,
                          .retries = o->retries,
                          .workers = o->workers};
    t->id[CULL__MODEL] = id_of("model", o->argv, o->id);
    t->id[CULL__JUDGE] = id_of("judge", o->judge, NULL);
    t->id[CULL__PROPOSER] = id_of("proposer", o->propose, NULL);
    if (program) CULL_TRY(cull__calls_open(cx, &c, &t->model));
    c.stay = false;
    c.argv = o->judge;
    if (o->judge) CULL_TRY(cull__calls_open(cx, &c, &t->judge));
    c.argv = o->propose;
    c.workers = 1;
    return o->propose ? cull__calls_open(cx, &c, &t->proposer) : CULL_OK;
}

static cull_status open_task(cull_ctx *cx, cull_prompt_task *t)
{
    if ((unsigned)t->o.scoring >= CULL_PROMPT_SCORES)
        return cull__fail(cx, CULL_EOPTION, "scoring %d: there is no such one", (int)t->o.scoring);
    CULL_TRY(take_rows(cx, t));
    CULL_TRY(take_instructions(cx, t));
    CULL_TRY(cull__template_open(cx, t->o.template_, t->o.exemplar, &t->form));
    CULL_TRY(take_programs(cx, t));
    return cull__cache_open(cx, t->o.cache, &t->cache);
}

cull_status cull_prompt_task_open(cull_ctx *cx, const cull_prompt_task_opts *o,
                                  cull_prompt_task **out)
{
    cull_prompt_task *t;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, t, 1));
    t->cx = cx;
    t->o = (cull_prompt_task_opts)CULL_PROMPT_TASK_OPTS;
    memcpy(&t->o, o, o->size < sizeof t->o ? o->size : sizeof t->o);
    cull_status s = open_task(cx, t);
    if (s == CULL_OK)
        *out = t;
    else
        cull_prompt_task_free(t);
    return s;
}

void cull_prompt_task_free(cull_prompt_task *t)
{
    if (!t) return;
    cull__calls_close(t->model);
    cull__calls_close(t->judge);
    cull__calls_close(t->proposer);
    cull__cache_close(t->cache);
    cull__template_free(&t->form);
    cull__alike_close(&t->alike);
    for (int64_t i = 0; i < t->instructions; i++) cull__free(t->instruction[i]);
    cull__free(t->instruction);
    for (int64_t i = 0; t->output && i < t->val.n; i++) cull__free(t->output[i]);
    cull__free(t->output);
    cull__free(t);
}

/* ---- the search ---- */

static bool has_part(const cull__form *f, cull__part_kind kind)
{
    for (int64_t i = 0; i < f->parts; i++)
        if (f->part[i].kind == kind) return true;
    return false;
}

static cull_status check(cull_ctx *cx, const cull_prompt_task *t, const cull_prompt_opts *o)
{
    const cull__form *f = &t->form.prompt;
    if (o->strategy != CULL_PROMPT_NONE && !has_part(f, CULL__PART_EXEMPLARS))
        return cull__fail(cx, CULL_EINPUT,
                          "the template has no {exemplars}: where are they to stand?");
    if ((t->instructions > 1 || t->proposer) && !has_part(f, CULL__PART_INSTRUCTION))
        return cull__fail(
            cx, CULL_EINPUT,
            "the template has no {instruction}, and there are several to choose from");
    return CULL_OK;
}

cull_status cull_prompt_task_search(cull_ctx *cx, cull_prompt_task *t, const cull_prompt_opts *o,
                                    cull_prompt_result *out)
{
    cull_prompt_problem p = CULL_PROMPT_PROBLEM;
    cull_prompt_opts own = CULL_PROMPT_OPTS;
    cull_prompt_model m = cull__task_model(t);
    if (o) memcpy(&own, o, o->size < sizeof own ? o->size : sizeof own);
    own.size = sizeof own;
    own.labels = !t->learns;
    *out = (cull_prompt_result){0};
    CULL_TRY(check(cx, t, &own));
    p.instructions = (int32_t)t->instructions;
    p.val = t->val.n, p.test = t->test.n, p.pool = t->pool.n;
    t->proposed = 0;
    for (int64_t i = 0; i < t->val.n; i++) {
        cull__free(t->output[i]);
        t->output[i] = NULL;
    }
    cull_status s = cull_prompt_search(cx, &p, &m, &own, out);
    if (s == CULL_OK && t->calls.failed)
        cull__remark(cx, "%lld calls failed and count as wrong answers; the last: %.120s",
                     (long long)t->calls.failed, t->calls.last);
    return s;
}

/* ---- what it holds ---- */

void cull_prompt_task_calls(const cull_prompt_task *t, cull_prompt_calls *out) { *out = t->calls; }

const char *cull_prompt_task_instruction(const cull_prompt_task *t, int32_t i)
{
    return i >= 0 && i < t->instructions ? t->instruction[i] : NULL;
}

void cull_prompt_task_exemplar(const cull_prompt_task *t, int64_t row, const char **input,
                               const char **output)
{
    const cull_prompt_rows *from = t->pool.n ? &t->pool : &t->val;
    bool there = row >= 0 && row < from->n;
    *input = there ? from->input[row] : NULL;
    *output = !there ? NULL : t->learns ? t->output[row] : from->target[row];
}
